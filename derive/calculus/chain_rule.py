"""The chain rule: one local derivative per pair of tensors, and the chains they form.

SymPy differentiates one forward equation at a time, with respect to one entry
of one tensor at fresh indices. The Kronecker deltas that appear are contracted here.
A chain is a path of such local derivatives from the error to a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import product
from math import prod
from typing import NamedTuple

from sympy import Add, Expr, Function, Indexed, Integer, KroneckerDelta, Max, Min, Mul, Pow, Sum, log

from derive.calculus import products
from derive.calculus.cases import Cases
from derive.calculus.deltas import Ranges, chosen, contract, expand, tidy
from derive.calculus.extremes import Extreme, slope_of
from derive.calculus.form import axes_by_name, of_axes, reused
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import STOP, Elementwise, slope_in
from derive.calculus.index import Equation, Index, IndexSupply, Tensor, put, symbols_read, total
from derive.calculus.products import ProductOver
from derive.calculus.recurrence import components, recurrences
from derive.calculus.rules import COLLAPSE, INDEPENDENCE, OWN_VALUE, STATED, Reason, rules_of
from derive.calculus.short_forms import ShortForms, is_quotient
from derive.record import record
from derive.text.errors import LinearError, StatementError
from derive.text.user_text import listed


@record
class LocalDerivative:
    """The derivative of the tensor ``of`` with respect to a tensor that its equation reads.

    ``value`` is the derivative of ``of[of_indices]`` with respect to ``wrt[wrt_indices]``;
    ``reasons`` are the steps of its derivation.
    """

    equation: Equation
    of_indices: tuple[Index, ...]
    wrt: Tensor
    wrt_indices: tuple[Index, ...]
    value: Expr
    reasons: tuple[Reason, ...] = ()

    @property
    def of(self) -> Tensor:
        """The tensor that is differentiated."""
        return self.equation.target

    @cached_property
    def tied(self) -> dict[Index, Index]:
        """Pairs of indices (of ``of``, of ``wrt``) that must be equal for a non-zero value."""
        common: set[Expr] | None = None
        for term in expand(self.value, IndexSupply("tied")):
            deltas = {f for f in term.factors if isinstance(f, KroneckerDelta)}
            common = deltas if common is None else common & deltas
        pairs = {}
        for d in sorted(common or (), key=str):
            for left, right in (d.args, d.args[::-1]):
                if left in self.of_indices and right in self.wrt_indices:
                    pairs[left] = right
        return pairs

    @property
    def same_sample(self) -> dict[Index, Index]:
        """The tied indices of samples: the derivative with respect to another sample is zero."""
        return {left: right for left, right in self.tied.items() if left.axis.sample}


@record
class Chains:
    """All local derivatives between the error and the variables, the parameters and the inputs on request.

    ``edges[name]`` holds the local derivatives of that tensor's equation with
    respect to the tensors that depend on a variable. The local derivatives that are zero are
    ``vanishing``: no chain has one.
    """

    forward: ForwardPass
    edges: dict[str, tuple[LocalDerivative, ...]]
    vanishing: tuple[LocalDerivative, ...] = ()

    def paths(self, variable: Tensor, folded: bool = False) -> Iterator[tuple[LocalDerivative, ...]]:
        """Yield every chain from the error to ``variable`` as a tuple of local derivatives.

        Their number can grow exponentially, so the chains are generated one at a time. The search
        starts at the variable, because every path from there leads to the error. In a recurrence, a path passes each
        tensor once: every turn more through it is a further chain. If the chains are ``folded``, those from a tensor
        of a recurrence on are one: its derivative of the error, see ``whole``.
        """
        error = self.forward.error.target.name
        stack: list[tuple[str, _Link | None]] = [(variable.name, None)]
        while stack:
            name, below = stack.pop()
            if name == error:
                yield tuple(_edges(below))
            if folded and below is not None and name in self.recurring:
                yield self.whole(below.edge.of), *_edges(below)
                continue
            passed = {edge.wrt.name for edge in _edges(below)} | {name} if name in self.recurring else set()
            for edge in reversed(self._incoming.get(name, ())):
                if edge.of.name not in passed:
                    stack.append((edge.of.name, _Link(edge, below)))

    def whole(self, tensor: Tensor) -> LocalDerivative:
        """The derivative of the error with respect to a tensor along all paths, as one factor of a chain."""
        indices = self.into(tensor)[0].wrt_indices
        return LocalDerivative(self.forward.error, (), tensor, indices, Integer(1))

    def is_whole(self, edge: LocalDerivative) -> bool:
        """Whether a factor of a chain is the derivative of the error along all paths, and no local derivative."""
        return edge.of == self.forward.error.target and edge not in self.into(edge.wrt)

    def recurs(self, variable: Tensor) -> bool:
        """Whether a path from a variable to the error leads through a recurrence."""
        return any(path[0].wrt.name in self.recurring for path in self.paths(variable, folded=True))

    def into(self, tensor: Tensor) -> tuple[LocalDerivative, ...]:
        """The local derivatives with respect to ``tensor``, from the error outward."""
        return self._incoming.get(tensor.name, ())

    def is_immediate(self, edge: LocalDerivative) -> bool:
        """Whether ``edge`` starts at the error and is only a part of dE/d(wrt): other paths lead there too."""
        several = edge.of == self.forward.error.target and len(into := self.into(edge.wrt)) > 1
        return several and edge in into

    @cached_property
    def recurring(self) -> frozenset[str]:
        """The names of tensors from which a path leads back to themselves, at another place."""
        reads = {
            name: [edge.wrt.name for edge in edges if edge.wrt.name in self.edges] for name, edges in self.edges.items()
        }
        groups = components(reads)
        return frozenset(n for group in groups for n in group if len(group) > 1 or n in reads[n])

    @cached_property
    def _incoming(self) -> dict[str, tuple[LocalDerivative, ...]]:
        found: dict[str, list[LocalDerivative]] = {}
        for edges in self.edges.values():
            for edge in edges:
                found.setdefault(edge.wrt.name, []).append(edge)
        return {name: tuple(edges) for name, edges in found.items()}

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors on the chains in reverse topological order: each follows all that depend on it."""
        computed = tuple(e.target for e in reversed(self.forward.equations) if e.target.name in self.edges)
        return computed + self.forward.variables


class _Link(NamedTuple):
    """A chain as a linked list, so that chains share their common parts."""

    edge: LocalDerivative
    below: _Link | None


def _edges(link: _Link | None) -> Iterator[LocalDerivative]:
    while link is not None:
        yield link.edge
        link = link.below


def chains(forward: ForwardPass) -> Chains:
    """Differentiate every equation with respect to every tensor that depends on a variable."""
    leads = {t.name for t in forward.variables}
    edges: dict[str, tuple[LocalDerivative, ...]] = {}
    order = {name: position for position, name in enumerate(forward.tensors)}
    short, ranges = ShortForms(forward.equations), forward.ranges
    vanishing: list[LocalDerivative] = []
    together = {e.target.name: r for r in recurrences(forward.equations) for e in r.equations}
    for equation in forward.equations:
        circle = together.get(equation.target.name)
        if circle and any(leads.intersection(symbols_read(e.expression)) for e in circle.equations):
            leads |= circle.places.keys()
        names = sorted(leads.intersection(symbols_read(equation.expression)), key=lambda name: -order[name])
        named = [forward.tensors[name] for name in names]
        read = [t for t in named if equation.expression.has(t.symbol)]  # a width may have the name of a tensor
        found = [local_derivative(equation, t, forward.supply, ranges, short) for t in read]
        vanishing += [edge for edge in found if edge.value == 0]
        if kept := tuple(edge for edge in found if edge.value != 0):
            edges[equation.target.name] = kept
            leads.add(equation.target.name)
    edges = _ending(forward, edges)
    _refuse_idle_variables(forward, edges)
    return Chains(forward, _reached(forward, edges), tuple(vanishing))


def local_derivative(
    equation: Equation, wrt: Tensor, supply: IndexSupply, ranges: Ranges | None = None, short: ShortForms | None = None
) -> LocalDerivative:
    """Differentiate one equation with respect to one entry of one tensor it reads.

    ``ranges`` are the axes of the tensors by their names, ``short`` the equations by which the derivative is shortened.

    >>> from sympy import Integer
    >>> from derive.calculus.index import Axis
    >>> supply, axis = IndexSupply(), Axis(Integer(3))
    >>> z, a = Tensor("z", "preactivation", (axis,)), Tensor("a", "activation", (axis,))
    >>> i = supply.fresh(axis)
    >>> local_derivative(Equation(a, (i,), z[i,]**2), z, supply).value
    2*KroneckerDelta(i00001, i00002)*z[i00001]
    """

    def find() -> tuple[tuple[Index, ...], Expr, tuple[Reason, ...]]:
        found = _differentiated(equation, wrt, supply, ranges)
        found = shortened(found, rules)
        return found.wrt_indices, found.value, found.reasons

    rules = (short or ShortForms()).about({equation.target.name, *symbols_read(equation.expression)})
    given = (local_derivative, wrt.symbol, of_axes(wrt.axes), equation, rules.form)
    wrt_indices, value, reasons = reused(find, given, axes_by_name(ranges or {}), supply)
    return LocalDerivative(equation, equation.indices, wrt, wrt_indices, value, reasons)


def _differentiated(equation: Equation, wrt: Tensor, supply: IndexSupply, ranges: Ranges | None) -> LocalDerivative:
    """Differentiate an equation of a new form."""
    fresh = supply.several(wrt.axes)
    raw = _slope(equation.expression, wrt, wrt[fresh])
    slope = contract(raw, supply, ranges=ranges)
    own = _in_output(slope, equation, fresh)
    rules = rules_of(equation.expression, wrt.symbol)
    reasons = [Reason((*rules, *([INDEPENDENCE] if raw.has(KroneckerDelta) else [])), raw)]
    reasons += [Reason((COLLAPSE,), slope)] if raw.has(Sum) and slope != raw else []
    reasons += [Reason((OWN_VALUE,), own)] if own != slope else []
    return LocalDerivative(equation, equation.indices, wrt, fresh, own, tuple(reasons))


def shortened(local: LocalDerivative, short: ShortForms) -> LocalDerivative:
    """Shorten a local derivative by the equations of the forward pass."""
    steps = short.steps(local.value)
    if not steps:
        return local
    *_, last = steps
    own = {local.of.name} == {*symbols_read(last.value)} - {*symbols_read(local.value)}
    rules = (OWN_VALUE,) if own and last.rules == (STATED,) else last.rules
    steps[-1] = Reason(rules, tidy(last.value))
    return replace(local, value=last.value, reasons=(*local.reasons, *steps))


def _slope(expression: Expr, tensor: Tensor, entry: Expr) -> Expr:
    """Differentiate with SymPy, but sums and products part by part.

    SymPy does the same, and then searches for whether each part is 0, which takes most of its time.
    """
    if not expression.has(tensor.symbol) or isinstance(expression, STOP):
        return Integer(0)
    if isinstance(expression, Sum):
        return Sum(_slope(expression.function, tensor, entry), *expression.limits)
    if isinstance(expression, Extreme):
        return slope_of(expression, lambda body: _slope(body, tensor, entry))
    if isinstance(expression, ProductOver):
        return products.slope_of(expression, lambda body: _slope(body, tensor, entry))
    if isinstance(expression, Add):
        return Add(*(_slope(term, tensor, entry) for term in expression.args))
    if isinstance(expression, Mul):
        factors = expression.args
        slopes = [(n, slope) for n, f in enumerate(factors) if (slope := _slope(f, tensor, entry)) != 0]
        return Add(*(prod((*factors[:n], slope, *factors[n + 1 :])) for n, slope in slopes))
    if isinstance(expression, Cases):
        return chosen([(_slope(value, tensor, entry), condition) for value, condition in expression.args])
    if isinstance(expression, Function | Max | Min):
        inner = [(n, slope) for n, a in enumerate(expression.args) if (slope := _slope(a, tensor, entry)) != 0]
        return Add(*(slope_in(expression, n) * slope for n, slope in inner))
    if isinstance(expression, Pow) and expression.exp.is_number:
        return expression * (_slope(expression.base, tensor, entry) * expression.exp / expression.base)
    if isinstance(expression, Pow):
        base, exponent = expression.args
        of_base, of_exponent = _slope(base, tensor, entry), _slope(exponent, tensor, entry)
        through_exponent = 0 if of_exponent == 0 else expression * log(base) * of_exponent
        return exponent * base ** (exponent - 1) * of_base + through_exponent
    if isinstance(expression, Indexed) and isinstance(entry, Indexed) and expression.base == entry.base:
        return Mul(*map(KroneckerDelta, expression.indices, entry.indices))
    return expression.diff(entry)


def _in_output(slope: Expr, equation: Equation, fresh: tuple[Index, ...]) -> Expr:
    """Replace the equation's right side by its left side wherever it recurs in the derivative."""
    right = equation.expression
    if not equation.indices or isinstance(right, Elementwise | Add | Sum | Indexed) or is_quotient(equation):
        return slope
    curved = {node.base if isinstance(node, Pow) else node for node in right.atoms(Function, Pow)}
    if not curved:  # a product of entries does not recur when a factor is gone
        return slope
    number, _ = right.as_coeff_Mul()  # SymPy takes a number out of a root, as in sqrt(mean(x**2))
    choices = [[i, *(f for f in fresh if f.axis == i.axis)] for i in equation.indices]
    result = slope
    for names in product(*choices):
        whole = dict(zip(equation.indices, names, strict=True))
        if all(result.has(put(node, whole)) for node in curved):
            result = result.subs(equation.at(names) / number, equation.target[names] / number)
    return result if result.count_ops() < slope.count_ops() else slope


def _ending(
    forward: ForwardPass, edges: dict[str, tuple[LocalDerivative, ...]]
) -> dict[str, tuple[LocalDerivative, ...]]:
    """Keep the edges that lead to a variable: in a circle, what is stopped leads nowhere."""
    above: dict[str, list[str]] = {}
    for name, found in edges.items():
        for edge in found:
            above.setdefault(edge.wrt.name, []).append(name)
    ends, waiting = set[str](), [t.name for t in forward.variables]
    while waiting:
        name = waiting.pop()
        if name not in ends:
            ends.add(name)
            waiting += above.get(name, ())
    kept = {name: tuple(edge for edge in found if edge.wrt.name in ends) for name, found in edges.items()}
    return {name: found for name, found in kept.items() if found}


def _reached(
    forward: ForwardPass, edges: dict[str, tuple[LocalDerivative, ...]]
) -> dict[str, tuple[LocalDerivative, ...]]:
    """Keep the edges that are reachable from the error, ordered outward from the error."""
    reached, waiting = set[str](), [forward.error.target.name]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [edge.wrt.name for edge in edges.get(name, ())]
    names = (e.target.name for e in reversed(forward.equations))
    return {name: edges[name] for name in names if name in reached and name in edges}


def _refuse_idle_variables(forward: ForwardPass, edges: dict[str, tuple[LocalDerivative, ...]]) -> None:
    reached = {e.wrt.name for es in _reached(forward, edges).values() for e in es}
    if forward.upstream and forward.order > 1 and reached.intersection(t.name for t in forward.variables):
        return  # some second derivatives are 0
    if forward.upstream and forward.order > 1:
        error = forward.error.target.error
        raise LinearError(
            f"the gradients of {error} do not depend on the parameters, as those of an error that is linear in them: "
            f"all derivatives of order {forward.order} are 0 where they exist"
        )
    read = {forward.error.target.name}
    for equation in reversed(forward.equations):
        if equation.target.name in read and not isinstance(equation.expression, STOP):
            read |= {*symbols_read(equation.expression)}
    reached |= read.intersection(forward.frozen)
    for what, tensors in (("parameter", forward.parameters), ("input", forward.variables)):
        idle = [t.name for t in tensors if t.name not in reached]
        if idle:
            several, them = ("s", "them") if len(idle) > 1 else ("", "it")
            what = f"{what}{several} {listed(idle)}"
            if read.issuperset(idle):
                raise StatementError(
                    f"the error has the derivative 0 with respect to the {what}, wherever it has one, because only "
                    f"signs, conditions, or terms that cancel read {them}: leave {them} out, or read {them} elsewhere"
                )
            raise StatementError(
                f"the error does not depend on the {what}: leave {them} out, or read {them} in an equation"
            )


def put_in(outer: Expr, outer_indices: tuple[Index, ...], local: LocalDerivative) -> Expr:
    """Return the summand of the chain rule, (dE/d of) * (d of / d wrt) for one entry of ``of``."""
    return Mul(put(outer, dict(zip(outer_indices, local.of_indices, strict=True))), local.value)


def spread_out(product: Expr, local: LocalDerivative) -> Expr:
    """Return the unevaluated sum of such a product over the entries of ``of`` that may differ from 0."""
    same = local.same_sample
    summed = [i for i in local.of_indices if i not in same]
    return total(product.xreplace(same), *summed) if summed else product.xreplace(same)
