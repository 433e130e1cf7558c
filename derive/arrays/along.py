"""Functions along an axis, each with a name, a definition and a numerically stable form.

An elementwise function maps one number. A function along an axis maps all numbers along
that axis: ``softmax(z[i, u], i)`` is its value at ``i``, over the axis of ``i``. The definition
and the stable form are short expressions in index form. The docstring of the stable form
names the rule that makes them equal and gives its proof.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sympy import Expr, Function, Integer, Min, exp, log, oo

from derive.arrays.stable import log1p
from derive.calculus.extremes import Largest as Maximum
from derive.calculus.index import Index, IndexSupply, total
from derive.record import record

#: Returns the entry of an argument at an index of the axis.
Entry = Callable[[Expr], Expr]


class Largest(Maximum):
    """The maximum of a body along the axis of its bound index, in a form that is computed and not stated."""


class Choice(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``Choice(u, k, this, that)``: ``this`` where ``u`` is the maximum along the axis of ``k``, else ``that``."""

    nargs = 4


class Less(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``Less(v, z, k)``: v minus its value at the maximum of z along the axis of ``k``."""

    nargs = 3


class Where(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``Where(c, this, that)``: ``this`` where c is not 0, else ``that``."""

    nargs = 3


class Along(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``f(z, ..., k)``: the value at ``k`` of a function along the axis of ``k``.

    A function that ``reduces`` has a single value for the whole axis, so ``k`` is bound in it.
    """

    rule: ClassVar[Rule]
    is_extended_real = True

    @property
    def free_symbols(self) -> set[Any]:
        """The free symbols, without a bound index."""
        found: set[Any] = super().free_symbols
        return found - {self.args[-1]} if self.rule.reduces else found


@record
class Rule:
    """A named identity between the definition ``stated`` and the stable form ``computed``.

    Both take an index, an ``Over`` for its axis, and the entries of each argument. The index
    is None for a function that reduces.
    """

    title: str
    arguments: tuple[str, ...]
    stated: Callable[..., Expr]
    computed: Callable[..., Expr]
    summary: str
    reduces: bool = False

    @property
    def node(self) -> Any:
        """The SymPy class of the function."""
        return NODES[self.title]


class Over:
    """Reductions over the axis of one index, each with its own bound index."""

    def __init__(self, like: Index, supply: IndexSupply) -> None:
        self.like = like
        self.supply = supply

    def sum(self, body: Entry) -> Expr:
        """The sum of ``body(j)``."""
        j = self.supply.fresh(self.like.axis)
        return total(body(j), j)

    def largest(self, body: Entry) -> Expr:
        """The maximum of ``body(j)``."""
        j = self.supply.fresh(self.like.axis)
        return Largest(body(j), (j, Integer(j.axis.start), j.axis.stop))

    def others(self, z: Entry, body: Entry) -> Expr:
        """The sum of ``body(j)`` over every j except that of the largest z."""
        return self.sum(lambda j: Choice(z(j), j, Integer(0), body(j)))


def _share(k: Expr, over: Over, z: Entry) -> Expr:
    return exp(z(k)) / over.sum(lambda j: exp(z(j)))


def _shift(k: Expr, over: Over, z: Entry) -> Expr:
    """Shift. exp(z_k)/sum exp(z_j) does not change if the same number M is subtracted from every z.

    Proof: multiply numerator and denominator by exp(-M). With M = max z, no exponential
    is above 1, and the sum is at least 1.
    """
    power = _power(z)
    return power(k) / over.sum(power)


def _weighted_share(k: Expr, over: Over, z: Entry, c: Entry) -> Expr:
    return exp(z(k)) / over.sum(lambda j: c(j) * exp(z(j)))


def _weighted_shift(k: Expr, over: Over, z: Entry, c: Entry) -> Expr:
    """Shift. Proof: as for equal weights, multiply numerator and denominator by exp(-M)."""
    power = _power(z)
    return power(k) / over.sum(lambda j: c(j) * power(j))


def _masked_share(k: Expr, over: Over, z: Entry, c: Entry) -> Expr:
    return c(k) * exp(z(k)) / over.sum(lambda j: c(j) * exp(z(j)))


def _masked_shift(k: Expr, over: Over, z: Entry, c: Entry) -> Expr:
    """Shift by the largest z whose weight is not 0; an entry of weight 0 is 0 for any z.

    Proof: multiply numerator and denominator by exp(-M). Where c_j is not 0, z_j - M is at most 0, so that min does not
    change it; where c_j is 0, it is multiplied by 0.
    """
    top = over.largest(lambda j: Where(c(j), z(j), -oo))

    def power(j: Expr) -> Expr:
        return c(j) * exp(Min(z(j) - top, Integer(0)))

    return power(k) / over.sum(power)


def _log_sum(_: Any, over: Over, z: Entry) -> Expr:
    return log(over.sum(lambda j: exp(z(j))))


def _log_sum_exp(_: Any, over: Over, z: Entry) -> Expr:
    """Log-sum-exp. log sum exp(z_j) = M + log(1 + sum of exp(z_j - M) over all but the largest).

    Proof: factor exp(M) out of the sum; with M = max z, the largest term becomes 1.
    """
    return over.largest(z) + log1p(over.others(z, _power(z)))


def _weighted_log_sum(_: Any, over: Over, z: Entry, c: Entry) -> Expr:
    return log(over.sum(lambda j: c(j) * exp(z(j))))


def _weighted_log_sum_exp(_: Any, over: Over, z: Entry, c: Entry) -> Expr:
    """Log-sum-exp. log sum c_j exp(z_j) = M + log sum c_j exp(z_j - M). Proof: factor exp(M) out of the sum."""
    power = _power(z)
    return over.largest(z) + log(over.sum(lambda j: c(j) * power(j)))


def _log_share(k: Expr, over: Over, z: Entry) -> Expr:
    return log(_share(k, over, z))


def _log_softmax(k: Expr, over: Over, z: Entry) -> Expr:
    """Log-sum-exp. log(exp(z_k)/sum exp(z_j)) = (z_k - M) - log1p(sum over all but the largest).

    Proof: the logarithm of a quotient, and log-sum-exp. M is subtracted from z_k first, so
    that the small logarithm of a share near 1 is not lost next to M.
    """
    return Less(z(k), z(k), k) - log1p(over.others(z, _power(z)))


def _minus(k: Expr, over: Over, z: Entry, y: Entry) -> Expr:
    return _share(k, over, z) - y(k)


def _partition_minus(k: Expr, over: Over, z: Entry, y: Entry) -> Expr:
    """Partition of unity. As sum a_j = 1, the largest share gives a_k - y_k = (1 - y_k) - sum of the others.

    Proof: sum exp(z_j)/sum exp(z_j) = 1. No other share is above 1/2, so none rounds to 1.
    """
    a = _softmax_of(z)
    return Choice(z(k), k, (1 - y(k)) - over.others(z, a), a(k) - y(k))


def _rest(k: Expr, over: Over, z: Entry) -> Expr:
    return 1 - _share(k, over, z)


def _partition_rest(k: Expr, over: Over, z: Entry) -> Expr:
    """Partition of unity. 1 minus the largest share is the sum of the others."""
    a = _softmax_of(z)
    return Choice(z(k), k, over.others(z, a), 1 - a(k))


def _log_rest(k: Expr, over: Over, z: Entry) -> Expr:
    return log(_rest(k, over, z))


def _partition_log_rest(k: Expr, over: Over, z: Entry) -> Expr:
    """Partition of unity and log-sum-exp over all but the largest z, shifted by their own maximum.

    Proof: for the k of the largest z, 1 - a_k is the sum of the other exponentials over the sum of all.
    """
    second = over.largest(lambda j: Choice(z(j), j, -oo, Less(z(j), z(j), j)))
    rest = over.others(z, lambda j: exp(Choice(z(j), j, Integer(0), Less(z(j), z(j), j) - second)))
    of_largest = second + log(rest) - log1p(over.others(z, _power(z)))
    return Choice(z(k), k, of_largest, log1p(-Choice(z(k), k, Integer(0), _softmax_of(z)(k))))


def _pull(k: Expr, over: Over, z: Entry, v: Entry) -> Expr:
    return _share(k, over, z) * (v(k) - over.sum(lambda j: v(j) * _share(j, over, z)))


def _moved_pull(k: Expr, over: Over, z: Entry, v: Entry) -> Expr:
    """Pull. a_k (v_k - sum a_j v_j) does not change if the same number is subtracted from every v.

    Proof: as sum a_j = 1, the sum decreases by that number too. Subtracting the v of the
    largest share avoids cancellation in the bracket for a share near 1.
    """
    a = _softmax_of(z)

    def moved(j: Expr) -> Expr:
        return Less(v(j), z(j), j)

    return a(k) * (moved(k) - over.sum(lambda j: moved(j) * a(j)))


def _drawn(k: Expr, over: Over, z: Entry, w: Entry) -> Expr:
    return w(k) - _share(k, over, z) * over.sum(w)


def _partition_drawn(k: Expr, over: Over, z: Entry, w: Entry) -> Expr:
    """Pull. With w = a v, the same is w_k - a_k sum w_j, and w_k (1 - a_k) - a_k (the other w) for a share near 1.

    Proof: split the term of k off the sum; 1 minus the largest share is the sum of the others.
    """
    a = _softmax_of(z)
    near_one = w(k) * over.others(z, a) - a(k) * over.others(z, w)
    return Choice(z(k), k, near_one, w(k) - a(k) * over.sum(w))


def _power(z: Entry) -> Entry:
    return lambda k: exp(Less(z(k), z(k), k))


def _softmax_of(z: Entry) -> Entry:
    return lambda k: NODES["softmax"](z(k), k)


RULES = {
    rule.title: rule
    for rule in (
        Rule("softmax", ("z",), _share, _shift, "exp(z) over its sum; less the largest z, to keep in range"),
        Rule(
            "weighted_softmax",
            ("z", "c"),
            _weighted_share,
            _weighted_shift,
            "exp(z) over the sum of c * exp(z); less the largest z, to keep in range",
        ),
        Rule(
            "masked_softmax",
            ("z", "c"),
            _masked_share,
            _masked_shift,
            "c * exp(z) over its sum; less the largest z with a weight other than 0, to keep in range",
        ),
        Rule(
            "log_softmax",
            ("z",),
            _log_share,
            _log_softmax,
            "The logarithm of softmax(z), accurate where softmax rounds to 0 or 1",
        ),
        Rule(
            "softmax_minus",
            ("z", "y"),
            _minus,
            _partition_minus,
            "softmax(z) - y without the rounding error of softmax(z)",
        ),
        Rule(
            "softmax_rest",
            ("z",),
            _rest,
            _partition_rest,
            "1 - softmax(z); what the largest share leaves is the sum of the others",
        ),
        Rule(
            "log_softmax_rest",
            ("z",),
            _log_rest,
            _partition_log_rest,
            "The logarithm of 1 - softmax(z), accurate where softmax rounds to 0 or 1",
        ),
        Rule(
            "softmax_pull",
            ("z", "v"),
            _pull,
            _moved_pull,
            "a * (v - sum(v * a)) with a = softmax(z); as sum(a) = 1, the v of the largest share can be taken from all",
        ),
        Rule(
            "softmax_drawn",
            ("z", "w"),
            _drawn,
            _partition_drawn,
            "w - a * sum(w) with a = softmax(z), exact where a rounds to 1",
        ),
        Rule(
            "log_sum_exp",
            ("z",),
            _log_sum,
            _log_sum_exp,
            "The logarithm of the sum of exp(z), from the largest z",
            reduces=True,
        ),
        Rule(
            "weighted_log_sum_exp",
            ("z", "c"),
            _weighted_log_sum,
            _weighted_log_sum_exp,
            "The logarithm of the sum of c * exp(z), from the largest z",
            reduces=True,
        ),
    )
}

NODES: dict[str, Any] = {
    title: type(title, (Along,), {"rule": rule, "nargs": len(rule.arguments) + 1}) for title, rule in RULES.items()
}


def stated(node: Along, supply: IndexSupply) -> Expr:
    """Return the definition of a function along an axis, in sums and exponentials."""
    return _opened(node, node.rule.stated, supply)


def computed(node: Along, supply: IndexSupply) -> Expr:
    """Return the numerically stable form of a function along an axis."""
    return _opened(node, node.rule.computed, supply)


def _opened(node: Along, form: Callable[..., Expr], supply: IndexSupply) -> Expr:
    *values, k = node.args

    def entry(value: Expr) -> Entry:
        return lambda j: value.xreplace({k: j})

    return form(k, Over(k, supply), *map(entry, values))


def name_along(title: str, axis: int) -> str:
    """Return the name in code of the function along columns (``axis`` 0), rows (1) or the last of any axes (-1)."""
    return {0: title, 1: f"{title}_of_rows", -1: f"{title}_along_last"}[axis]
