"""What is computed instead of an equation as it stands, where that would overflow or lose digits.

An error of a logarithm, a quotient by an output, a difference from a target, a share of a
softmax: each is put into terms of the pre-activation, in which ``stable`` finds a form
that holds for every number. Nothing here changes a value, only how it is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

from sympy import Expr, Indexed, Integer, Mul, Pow, Sum, Symbol, exp, log

from derive import matrix as mx
from derive.functions import Elementwise, X, elementwise
from derive.index import Equation
from derive.stable import difference_form


def fused_error(error: Equation, equations: Mapping[str, Equation]) -> Equation:
    """The error with every logarithm of an output written in terms of its pre-activation.

    ``equations`` are those of the forward pass by the name of their tensor. With
    an elementwise output, the summand becomes one named function of the
    pre-activation and the target; any other output is put in as it is defined. A
    summand with logarithms of several outputs, or of other entries, is left as it is.
    """
    changed = error.expression
    for total in sorted(changed.atoms(Sum), key=str):
        summand = total.function
        entries = _entries_in_logs(summand)
        source = equations.get(entries[0].base.label.name) if len(entries) == 1 else None
        if source is not None:
            summand = _fuse(summand, entries[0], source)
        changed = changed.xreplace({total: Sum(summand, *total.limits)})
    return Equation(error.target, error.indices, changed, error.note)


def _entries_in_logs(summand: Expr) -> list[Indexed]:
    return sorted({a for term in summand.atoms(log) for a in term.atoms(Indexed)}, key=str)


def _fuse(summand: Expr, entry: Indexed, source: Equation) -> Expr:
    inner = source.at(tuple(entry.indices))
    if not isinstance(inner, Elementwise):
        return summand.xreplace({entry: inner})
    others = sorted(summand.atoms(Indexed) - {entry}, key=str)
    if any(other.indices != entry.indices for other in others) or summand.has(Sum):
        return summand
    names = {o: Symbol(f"y{n or ''}", real=True) for n, o in enumerate(others)}
    definition = summand.xreplace({entry: inner.definition, **names})
    summary = "The summand of the error, from the pre-activation x and the target"
    function = elementwise(f"loss_of_{inner.title}", definition, others=tuple(names.values()), summary=summary)
    return function(inner.args[0], *others)


def fused_slopes(equation: Equation, equations: Mapping[str, Equation]) -> Equation:
    """The same with every quotient by an output, and what it is multiplied by, as one function of the pre-activation.

    An output that is positive may be too small for a number while its logarithm, and
    what divides by it, is not: the slope of f stands beside 1/f, and their quotient is finite.
    """
    changed = _with_one_slope(equation.expression, equations)
    return Equation(equation.target, equation.indices, changed, equation.note)


def _with_one_slope(expression: Expr, equations: Mapping[str, Equation]) -> Expr:
    """The outermost products come first, as the slope stands beside the bracket that holds the quotient."""
    if not any(p.exp.is_negative for p in expression.atoms(Pow) if isinstance(p.base, Indexed)):
        return expression
    fused = _one_slope(expression, equations) if isinstance(expression, Mul) else expression
    if fused != expression:
        return fused
    return expression.func(*(_with_one_slope(a, equations) if isinstance(a, Expr) else a for a in expression.args))


def _one_slope(product: Expr, equations: Mapping[str, Equation]) -> Expr:
    quotients = [p.base for p in sorted(product.atoms(Pow), key=str) if p.exp.is_negative]
    entry = next(base for base in quotients if isinstance(base, Indexed))
    source = equations.get(entry.base.label.name)
    inner = None if source is None else source.at(tuple(entry.indices))
    if not isinstance(inner, Elementwise):
        return product
    z = inner.args[0]
    fused = [f for f in product.args if f.has(entry, z)]
    value = Mul(*fused)
    others = sorted(value.atoms(Indexed) - {entry, z}, key=str)
    if not isinstance(z, Indexed) or value.has(Sum) or any(o.indices != entry.indices for o in others):
        return product
    names = {o: Symbol(f"y{n or ''}", real=True) for n, o in enumerate(others)}
    opened = value.replace(lambda e: isinstance(e, Elementwise), lambda e: e.definition.xreplace({X: e.args[0]}))
    definition = opened.xreplace({entry: inner.definition}).xreplace({z: X, **names})
    summary = "The slope of the error's summand, from the pre-activation x and the target"
    function = elementwise(f"loss_of_{inner.title}_prime", definition, others=tuple(names.values()), summary=summary)
    return Mul(function(z, *others), *(f for f in product.args if f not in fused))


def exact_margins(node: mx.Node) -> mx.Node:
    """Every ``1 - y * output`` with targets of -1 and 1 as ``y * (y - output)``, as y * y is 1.

    The difference can be taken exactly where the output rounds to the target.
    """
    node = mx.rebuilt(node, tuple(exact_margins(c) for c in mx.children(node)))
    if isinstance(node, mx.Plus) and len(node.terms) == 2:
        for one, product in permutations(node.terms):
            number = one.of if isinstance(one, mx.Broadcast) else one
            factors = mx.without_sign(product)
            if number != mx.Number(Integer(1)) or not mx.is_negative(product) or not isinstance(factors, mx.Hadamard):
                continue
            for target, output in permutations(factors.factors):
                if len(factors.factors) == 2 and isinstance(target, mx.Array) and target.tensor.role == "target":
                    return mx.Hadamard((target, mx.Plus((target, mx.Scale(Integer(-1), output)))))
    return node


def exact_differences(node: mx.Node, outputs: Mapping[str, mx.Node]) -> mx.Node:
    """Every ``output - target`` from the pre-activation, where the output may round to its limit.

    ``outputs`` are the matrix forms of the tensors whose differences are taken. Close
    to 1, ``sigmoid(x)`` has lost the digits in which it differs from a target of 1.
    """
    node = mx.rebuilt(node, tuple(exact_differences(c, outputs) for c in mx.children(node)))
    if isinstance(node, mx.Plus):
        for output, target in permutations(node.terms, 2):
            found = _difference(mx.without_sign(output), mx.without_sign(target), outputs)
            if found is not None and mx.is_negative(output) != mx.is_negative(target):
                exact = mx.Scale(Integer(-1), found) if mx.is_negative(output) else found
                rest = tuple(t for t in node.terms if t not in (output, target))
                return mx.Plus((exact, *rest)) if rest else exact
    if isinstance(node, mx.Power) and node.exponent == 2 and mx.is_negative(node.base):
        return mx.Power(mx.without_sign(node.base), node.exponent)
    return node


def _difference(output: mx.Node, target: mx.Node, outputs: Mapping[str, mx.Node]) -> mx.Node | None:
    """``output - target`` as one function of the pre-activation; None if nothing would be gained."""
    form = outputs.get(output.tensor.name) if isinstance(output, mx.Array) else None
    if not isinstance(target, mx.Array) or target.tensor.role != "target":
        return None
    if isinstance(form, mx.Call) and form.name == "softmax":
        return mx.Call("softmax_minus", (*form.arguments, target))
    if not isinstance(form, mx.Map) or len(form.arguments) != 1 or not hasattr(form.function, "definition"):
        return None
    function, y = form.function, Symbol("y", real=True)
    difference = difference_form(function.definition, y)
    if difference is None:
        return None
    minus = elementwise(
        f"{function.title}_minus",
        function.definition - y,
        others=(y,),
        summary=f"{function.title}(x) − y, exact where {function.title}(x) itself would round",
        form=difference,
    )
    return mx.Map(minus, (*form.arguments, target))


def exact_pulls(node: mx.Node, outputs: Mapping[str, mx.Node]) -> mx.Node:
    """``a * (v - sum(v * a))`` with a = softmax(z) as one function: near 1, the bracket cancels."""
    node = mx.rebuilt(node, tuple(exact_pulls(c, outputs) for c in mx.children(node)))
    if not isinstance(node, mx.Hadamard):
        return node
    for shares, bracket in permutations(node.factors, 2):
        form = outputs.get(shares.tensor.name) if isinstance(shares, mx.Array) else None
        if isinstance(form, mx.Call) and form.name == "softmax" and isinstance(bracket, mx.Plus):
            pulled = _pull(bracket, shares, form)
            if pulled is not None:
                rest = tuple(f for f in node.factors if f not in (shares, bracket))
                return mx.Hadamard((pulled, *rest)) if rest else pulled
    return node


def _pull(bracket: mx.Plus, shares: mx.Node, softmax: mx.Call) -> mx.Node | None:
    """The product of softmax's shares with ``v - sum(v * shares)``, or with its negative."""
    for value, mean in permutations(bracket.terms, 2):
        v = mx.without_sign(value)
        expected = {mx.SumOver(mx.Hadamard(f), 0) for f in ((v, shares), (shares, v))}
        plain = mx.without_sign(mean)
        inner = plain.of if isinstance(plain, mx.Broadcast) else plain
        if len(bracket.terms) == 2 and inner in expected and mx.is_negative(value) != mx.is_negative(mean):
            call = mx.Call("softmax_pull", (*softmax.arguments, v))
            return mx.Scale(Integer(-1), call) if mx.is_negative(value) else call
    return None


def recognise(node: mx.Node) -> mx.Node:
    """Name softmax where it stands: exp(u) over its sum along the rows."""
    node = mx.rebuilt(node, tuple(recognise(c) for c in mx.children(node)))
    if isinstance(node, mx.Hadamard) and len(node.factors) == 2:
        for top, bottom in (node.factors, node.factors[::-1]):
            if _is_exp(top) and bottom == mx.Broadcast(mx.Power(mx.SumOver(top, 0), Integer(-1)), top.shape):
                return mx.Call("softmax", mx.children(top))
    return node


def shift_logs(node: mx.Node) -> mx.Node:
    """log(softmax(u)) as log_softmax(u), which subtracts the largest u before it exponentiates."""
    node = mx.rebuilt(node, tuple(shift_logs(c) for c in mx.children(node)))
    if isinstance(node, mx.Map) and node.function is log:
        (inner,) = node.arguments
        if isinstance(inner, mx.Call) and inner.name == "softmax":
            return mx.Call("log_softmax", inner.arguments)
    return node


def _is_exp(node: mx.Node) -> bool:
    return isinstance(node, mx.Map) and node.function is exp
