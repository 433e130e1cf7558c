"""Rules that rewrite an expression in index form into a numerically stable one.

Each rule is an identity that holds over any axis. Expressions are rewritten from the inside
out; a rule that does not apply leaves an expression unchanged. The resulting functions
along an axis are in ``along``, with their proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache, cached_property, lru_cache, reduce
from itertools import permutations
from typing import Any

from sympy import Add, Dummy, Expr, Indexed, Integer, Mul, Pow, Sum, Symbol, exp, expand, log
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.arrays.along import NODES, Along
from derive.arrays.equal import equal
from derive.arrays.stable import difference_form
from derive.calculus.cases import with_cases
from derive.calculus.functions import Elementwise, X, elementwise, without_choices
from derive.calculus.index import SPELLED, Equation, Index, Tensor
from derive.calculus.promises import Promise
from derive.calculus.roles import Role
from derive.record import record

RuleOf = Callable[[Expr], Expr]
#: The share of a softmax, over the axis of its last argument.
SHARE: Any = NODES["softmax"]


def everywhere(rule: RuleOf, expression: Expr) -> Expr:
    """Apply a rule to every subexpression, innermost first."""
    if isinstance(expression, Indexed) or not expression.args:
        return expression
    if isinstance(expression, ExprWithLimits):
        body = everywhere(rule, expression.function)
        return rule(expression if body == expression.function else expression.func(body, *expression.limits))
    new = [everywhere(rule, a) if isinstance(a, Expr) else a for a in expression.args]
    return rule(expression if new == list(expression.args) else expression.func(*new))


def indices_of(expression: Expr) -> set[Index]:
    """The free indices of an expression."""
    return {s for s in expression.free_symbols if isinstance(s, Index)}


def entries_of(expression: Expr) -> set[str]:
    """The names of the tensors whose entries an expression reads."""
    return {a.base.label.name for a in expression.atoms(Indexed)}


def opened(value: Expr, in_sums: bool = False) -> Expr:
    """Replace every named function by its definition; ``in_sums`` keeps the cases in the sums that SymPy moves out."""
    put_in = value.replace(
        lambda e: isinstance(e, Elementwise),
        lambda e: (with_cases(e.definition) if in_sums else e.definition).xreplace(
            dict(zip((X, *e.others), e.args, strict=True))
        ),
    )
    return without_choices(put_in)


@lru_cache(maxsize=4096)
def spelled(expression: Expr) -> Expr:
    """Rename bound indices by their depth, so that equal sums compare equal."""

    def renamed(node: Expr) -> tuple[Expr, int]:
        if isinstance(node, Indexed) or not node.args:
            return node, 0
        if isinstance(node, ExprWithLimits):
            body, depth = renamed(node.function)
            fresh = {}
            for index, *_ in node.limits:
                depth += 1
                fresh[index] = Index(f"{SPELLED}{depth}", index.axis)
            limits = [(fresh[i], *ends) for i, *ends in node.limits]
            return node.func(body.xreplace(fresh), *limits), depth
        parts = [renamed(a) if isinstance(a, Expr) else (a, 0) for a in node.args]
        new = [p for p, _ in parts]
        if isinstance(node, Along) and node.rule.reduces:  # it binds its index too
            depth = 1 + max(d for _, d in parts)
            at = {node.args[-1]: Index(f"{SPELLED}{depth}", node.args[-1].axis)}
            return node.func(*(p.xreplace(at) for p in new)), depth
        return (node if new == list(node.args) else node.func(*new)), max(d for _, d in parts)

    return renamed(expression)[0]


# Shift: subtracting the same number from all exponents over an axis cancels in a product.


@record
class _Powers:
    """The sum of ``weight * exp(exponent)`` over the axes of ``indices``, the first of which is the innermost."""

    exponent: Expr
    weight: Expr
    indices: tuple[Index, ...]
    number: Expr

    def share(self, *places: Index) -> Expr:
        """The exponential at some places over the sum, without the coefficient of the sum."""
        at = dict(zip(self.indices, places, strict=True))
        if self.weight != 1:
            return NODES["weighted_softmax"](self.exponent.xreplace(at), self.weight.xreplace(at), *places)
        value, shares = self.exponent, []
        for index, place in at.items():  # over several axes, first that of the sums along the axes before
            shares.append(SHARE(value.xreplace(at), place))
            value = NODES["log_sum_exp"](value, index)
        return Mul(*shares)

    @property
    def logarithm(self) -> Expr:
        """The logarithm of the sum."""
        known = log(self.number) if self.number != 1 else Integer(0)
        if self.weight != 1:
            return known + NODES["weighted_log_sum_exp"](self.exponent, self.weight, *self.indices)
        return known + reduce(NODES["log_sum_exp"], self.indices, self.exponent)


def _powers(total: Expr) -> _Powers | None:
    """Match a sum of exponentials, weighted ones over one axis only; None for anything else."""
    total = _with_numbers(total)
    if not isinstance(total, Sum):
        return None
    indices = tuple(limit[0] for limit in total.limits)
    factors = Mul.make_args(total.function)
    exponents = [f for f in factors if isinstance(f, exp) and f.free_symbols.issuperset(indices)]
    if len(exponents) != 1:
        return _Powers(log(total.function), Integer(1), indices, Integer(1)) if _adds_powers(total) else None
    others = [f for f in factors if f is not exponents[0]]
    weight = Mul(*(f for f in others if f.free_symbols.intersection(indices)))
    number = Mul(*(f for f in others if not f.free_symbols.intersection(indices)))
    return _Powers(exponents[0].args[0], weight, indices, number) if weight == 1 or len(indices) == 1 else None


def _with_numbers(value: Expr) -> Expr:
    """Write n + sum exp(z_j), over n entries, as sum (1 + exp(z_j))."""
    if not isinstance(value, Add):
        return value
    totals = [t for t in value.args if isinstance(t, Sum) and len(t.limits) == 1]
    rest = value - Add(*totals)
    if len(totals) != 1 or not rest.is_positive or rest.has(Indexed):
        return value
    (total,) = totals
    return Sum(total.function + rest / total.limits[0][0].axis.extent, *total.limits)


def _adds_powers(total: Expr) -> bool:
    """Whether what is summed is a positive sum of exponentials and numbers of one entry, such as 1 + exp(z_j)."""
    if not isinstance(total, Sum) or len(total.limits) != 1:
        return False
    body = total.function
    entries = {e: Dummy(real=True) for e in body.atoms(Indexed)}
    return (
        len(entries) == 1
        and isinstance(body, Add)
        and all(e.has(total.limits[0][0]) for e in entries)
        and any(isinstance(f, exp) for term in body.args for f in Mul.make_args(term))
        and bool(body.xreplace(entries).is_positive)
    )


def shift(product: Expr) -> Expr:
    """Write exp(u_k) over a sum of c_j exp(u_j), or its inverse, as one function along the axis."""
    if not isinstance(product, Mul):
        return product
    for share in (f for f in product.args if isinstance(f, NODES["weighted_softmax"])):
        exponent, weight, k = share.args
        others = [f for f in product.args if f is not share]
        if weight in others:  # entries whose weight is 0 must not overflow
            others.remove(weight)
            return Mul(NODES["masked_softmax"](exponent, weight, k), *others)
    for factor in product.args:
        base, power = _base(factor)
        found = _powers(base)
        if found is None or not power.is_Integer:
            continue
        sign = -1 if power > 0 else 1
        rest = [f for f in product.args if f is not factor]
        for other in rest:
            changed = _paired(other, found, sign, base)
            if changed is not None:
                kept = [f for f in rest if f is not other]
                return shift(Mul(*kept, changed, base ** (power + sign), found.number**-sign))
        if power < 0 and _adds_powers(whole := _with_numbers(base)):
            (index,) = found.indices
            for k in sorted(indices_of(Mul(*rest)), key=str):
                own = whole.function.xreplace({index: k})
                if k.axis == index.axis and not own.atoms(Indexed).isdisjoint(Mul(*rest).atoms(Indexed)):
                    return shift(Mul(*rest, 1 / own, found.share(k), base ** (power + 1)))
    return product


def _base(factor: Expr) -> tuple[Expr, Expr]:
    return (factor.base, factor.exp) if isinstance(factor, Pow) else (factor, Integer(1))


def _paired(factor: Expr, found: _Powers, sign: int, base: Expr) -> Expr | None:
    """Combine a factor with the sum to the power -sign if it contains one of the sum's exponentials, else None."""
    if isinstance(factor, exp):
        for places in permutations(sorted(indices_of(factor), key=str), len(found.indices)):
            if any(k.axis != index.axis for k, index in zip(places, found.indices, strict=True)):
                continue
            at = dict(zip(found.indices, places, strict=True))
            rest = expand(factor.args[0] - sign * found.exponent.xreplace(at))
            fewer = len(Add.make_args(rest)) < len(Add.make_args(found.exponent))
            if rest.free_symbols.isdisjoint(places) or fewer:
                return found.share(*places) ** sign * exp(rest)
    if isinstance(factor, Sum) and sign == 1 and factor != base:
        body = shift(Mul(factor.function, 1 / base))
        if not body.has(1 / base):
            return Sum(body * found.number, *factor.limits)
    return None


# Merging: combine exponentials in a product, and factor out what all terms of a sum have in common.


def merge(value: Expr) -> Expr:
    """Combine a product of exponentials into one, and factor common factors out of a sum."""
    if isinstance(value, Sum) and len(value.limits) == 1:
        common = [f for f in Mul.make_args(value.function) if value.limits[0][0] not in f.free_symbols]
        return Mul(*common, Sum(value.function / Mul(*common), *value.limits)) if common else value
    powers = [f for f in value.args if isinstance(f, exp)] if isinstance(value, Mul) else []
    if len(powers) < 2:
        return value
    return Mul(exp(Add(*(f.args[0] for f in powers))), *(f for f in value.args if f not in powers))


def over(summand: Expr, k: Index) -> Expr:
    """Sum over the whole axis of an index."""
    return Sum(summand, (k, Integer(k.axis.start), k.axis.stop))


# Log-sum-exp: expand the logarithm of a product if a factor may overflow although its logarithm is finite.


def log_sum_exp(logarithm: Expr) -> Expr:
    """Expand the logarithm of a product of exponentials, sums of exponentials, and shares."""
    if not isinstance(logarithm, log):
        return logarithm
    known, rest = Integer(0), []
    for factor in Mul.make_args(logarithm.args[0]):
        base, power = (factor, Integer(1)) if isinstance(factor, exp) else _base(factor)
        value = _logarithm(base)
        if value is None:
            rest.append(factor)
        else:
            known += power * value
    if known == 0:
        return logarithm
    return known + log(Mul(*rest)) if rest else known


def _logarithm(positive: Expr) -> Expr | None:
    if isinstance(positive, exp):
        return positive.args[0]
    if isinstance(positive, Along) and positive.rule.title in ("softmax", "softmax_rest"):
        return NODES[f"log_{positive.rule.title}"](*positive.args)
    found = _powers(positive)
    return None if found is None else found.logarithm


# Partition of unity: 1 minus a share near 1 is the sum of the other shares.


@record
class Data:
    """Known properties of the data: the tensors, which targets sum to 1 or are -1 and 1, the values of constants.

    Tensors that are called ``positive`` or ``nonnegative`` are, by their equations.
    """

    listed: tuple[Tensor, ...]
    promises: tuple[Promise, ...] = ()
    signs: bool = False
    constants: tuple[tuple[str, Fraction], ...] = ()
    positive: frozenset[str] = frozenset()
    nonnegative: frozenset[str] = frozenset()

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name."""
        return {t.name: t for t in self.listed}

    @cached_property
    def numbers(self) -> dict[str, float]:
        """The values of the constants by name, as floats."""
        return {name: float(value) for name, value in self.constants}

    def is_given(self, term: Expr) -> bool:
        """Whether a term is a number, or a number times an entry of a target or a sum of entries."""
        entry = term.as_coeff_Mul()[1]
        if isinstance(entry, Sum):
            return isinstance(entry.function, Indexed) and self.is_target(entry.function)
        return bool(term.is_number) or self.is_target(entry)

    def is_target(self, entry: Expr) -> bool:
        """Whether an expression is an entry of a target."""
        if not isinstance(entry, Indexed):
            return False
        return self.tensors[entry.base.label.name].role == Role.TARGET

    def sums_to_one(self, entry: Expr, k: Index) -> bool:
        """Whether the sum of an entry over ``k`` is promised to be 1."""
        return any(p.rewrite(over(entry, k)) == 1 for p in self.promises)


def difference(total: Expr, data: Data) -> Expr:
    """Rewrite a share, or a function of one pre-activation, minus a target or 1."""
    if not isinstance(total, Add):
        return total
    given = [t for t in total.args if data.is_given(t)]
    for term in total.args:
        sign, node = term.as_coeff_Mul()
        if given and sign in (1, -1):
            less = _less(node, -sign * Add(*given))
            if less is not None:
                return Add(sign * less, *(t for t in total.args if t not in given and t is not term))
    return total


def _less(node: Expr, y: Expr) -> Expr | None:
    """Return ``node - y`` as one function; None if that has no advantage."""
    if isinstance(node, SHARE) and not y.has(Sum):
        z, k = node.args
        return -NODES["softmax_rest"](z, k) if y == 1 else NODES["softmax_minus"](z, y, k)
    if isinstance(node, Elementwise) and not node.others and isinstance(y, Indexed | Sum):
        title: Any = type(node)
        function = minus(title)
        return None if function is None else function(node.args[0], y)
    return None


@cache
def minus(function: Any) -> Any | None:
    """Return f(x) - y as one function, if f rounds to a limit that y may be equal to."""
    y = Symbol("y", real=True)
    form = difference_form(function.definition, y)
    if form is None:
        return None
    summary = f"{function.title}(x) − y without the rounding error of {function.title}(x)"
    return elementwise(f"{function.title}_minus", function.definition - y, others=(y,), summary=summary, form=form)


def margin(total: Expr, data: Data) -> Expr:
    """Write 1 - y * output, for targets -1 and 1, as y * (y - output), since y * y = 1.

    That difference is exact even if the output rounds to the target.
    """
    if not data.signs or not isinstance(total, Add) or len(total.args) != 2 or 1 not in total.args:
        return total
    (product,) = (t for t in total.args if t != 1)
    factors = Mul.make_args(-product)
    target = next((f for f in factors if data.is_target(f)), None)
    if len(factors) != 2 or target is None:
        return total
    return Mul(target, target - Mul(*(f for f in factors if f is not target)), evaluate=False)


# Pull: a share times the deviation of a value from the mean.


def pull(product: Expr, data: Data) -> Expr:
    """Write a_k (v_k - sum a_j v_j) as one function; use w = a v if v may overflow although w is finite."""
    if isinstance(product, Add):
        return _draw(product, data)
    if not isinstance(product, Mul):
        return product
    for node in (f for f in product.args if isinstance(f, SHARE)):
        for bracket in (f for f in product.args if isinstance(f, Add)):
            value = _less_mean(bracket, node)
            if value is not None:
                rest = Mul(*(f for f in product.args if f is not node and f is not bracket))
                return _pulled(value, node, data) * rest
    return product


def _less_mean(bracket: Expr, node: Any) -> Expr | None:
    """Return v if the bracket is v_k - sum a_j v_j, else None."""
    k = node.args[1]
    sums = {t: drawn for t in bracket.args if (drawn := _under_sum(t, k)) is not None}
    for chosen in (*((t,) for t in sums), tuple(sums)):
        value = Add(*(t for t in bracket.args if t not in chosen))
        if chosen and equal(node * value, -Add(*(sums[t] for t in chosen))):
            return value
    return None


def _under_sum(term: Expr, k: Index) -> Expr | None:
    """Return c w_k if a term is c times the sum of w_j over the axis of k, else None."""
    for total in (f for f in Mul.make_args(term) if isinstance(f, Sum) and len(f.limits) == 1):
        j = total.limits[0][0]
        if j.axis == k.axis:
            return term / total * total.function.xreplace({j: k})
    return None


def _pulled(value: Expr, node: Any, data: Data) -> Expr:
    u, k = node.args
    drawn = expand(node * value)
    below = any(_base(f)[1].is_negative for f in value.atoms(Pow) if _base(f)[0] == node)
    return _drawn(drawn, u, k, data) if below else NODES["softmax_pull"](u, value, k)


def _draw(total: Expr, data: Data) -> Expr:
    """Rewrite w_k - a_k sum w_j in a sum."""
    for term in total.args:
        for node in (f for f in Mul.make_args(term) if isinstance(f, SHARE)):
            u, k = node.args
            drawn = _under_sum(term / node, k)
            if drawn is not None and equal(-drawn, total - term):
                return _drawn(total - term, u, k, data)
    return total


def _drawn(w: Expr, u: Expr, k: Index, data: Data) -> Expr:
    """Return w_k - a_k sum w_j as one function, or w_k - c a_k if the sum of w_j is promised to be c."""
    factors = Mul.make_args(w)
    for factor in factors:
        others = Mul(*(f for f in factors if f is not factor))
        if isinstance(factor, Indexed) and k not in others.free_symbols and data.sums_to_one(factor, k):
            return -others * NODES["softmax_minus"](u, factor, k)
    if w.could_extract_minus_sign():
        return -NODES["softmax_drawn"](u, -w, k)
    return NODES["softmax_drawn"](u, w, k)


# Folding: read a tensor that is already computed instead of computing it again.


def folded(expression: Expr, known: Iterable[Equation]) -> Expr:
    """Replace every function that defines a known tensor by that tensor."""

    def fold(node: Expr) -> Expr:
        if not isinstance(node, SHARE | Elementwise):
            return node
        for equation in known:
            if type(equation.expression) is type(node):
                for chosen in permutations(sorted(indices_of(node), key=str), len(equation.indices)):
                    fits = all(a.axis == b.axis for a, b in zip(chosen, equation.indices, strict=True))
                    if fits and equal(equation.at(chosen), node):
                        return equation.target[chosen]
        return node

    return everywhere(fold, expression)
