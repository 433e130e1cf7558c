"""Functions along an axis: each has a name, what it is, and a form that neither overflows nor loses digits.

An elementwise function maps one number; one of these maps the numbers along one axis, and
is written ``softmax(z[i, u], i)``: its value at ``i``, over the axis of ``i``. What it is
is a short expression in index form, and so is what is computed instead; the rule that leads
from the one to the other is named, with its proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sympy import Expr, Function, Integer, exp, log, oo
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.arrays.stable import log1p
from derive.calculus.index import Index, IndexSupply, total

#: An entry of an argument at an index of the axis.
Entry = Callable[[Expr], Expr]


class Largest(ExprWithLimits):  # type: ignore[misc]  # SymPy's class carries no types
    """The largest value of a body along the axis of its bound index; of complex values, by the real part."""


class Choice(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``Choice(u, k, this, that)``: this where ``u`` is the largest along the axis of ``k``, that elsewhere."""

    nargs = 4


class Less(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``Less(v, z, k)``: v less its value where z is the largest along the axis of ``k``, so 0 there."""

    nargs = 3


class Along(Function):  # type: ignore[misc]  # SymPy's Function carries no types
    """``f(z, ..., k)``: the value at ``k`` of a function along the axis of ``k``; the last argument is ``k``.

    One that ``reduces`` has no value at ``k`` but one for the whole axis, so ``k`` is bound in it.
    """

    rule: ClassVar[Rule]
    is_extended_real = True

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols in it without the index that it binds."""
        found: set[Any] = super().free_symbols
        return found - {self.args[-1]} if self.rule.reduces else found


@dataclass(frozen=True)
class Rule:
    """A named identity: ``stated`` is what is meant, ``computed`` what is computed instead.

    Both are given an index, a supply of others, and the entries of each argument; a function
    without a value at the index is given None for it.
    """

    title: str
    arguments: tuple[str, ...]
    stated: Callable[..., Expr]
    computed: Callable[..., Expr]
    summary: str
    reduces: bool = False

    @property
    def node(self) -> Any:
        """The class of the SymPy nodes that stand for it."""
        return NODES[self.title]


class Over:
    """Sums and the like over the axis of one index, each with a bound index of its own."""

    def __init__(self, like: Index, supply: IndexSupply) -> None:
        self.like = like
        self.supply = supply

    def sum(self, body: Entry) -> Expr:
        """The sum of ``body(j)``."""
        j = self.supply.fresh(self.like.axis)
        return total(body(j), j)

    def largest(self, body: Entry) -> Expr:
        """The largest ``body(j)``."""
        j = self.supply.fresh(self.like.axis)
        return Largest(body(j), (j, Integer(j.axis.start), j.axis.stop))

    def others(self, z: Entry, body: Entry) -> Expr:
        """The sum of ``body(j)`` over every j but that of the largest z."""
        return self.sum(lambda j: Choice(z(j), j, Integer(0), body(j)))


def _share(k: Expr, over: Over, z: Entry) -> Expr:
    return exp(z(k)) / over.sum(lambda j: exp(z(j)))


def _shift(k: Expr, over: Over, z: Entry) -> Expr:
    """Shift. exp(z_k)/sum exp(z_j) is unchanged if one number M is taken from every z.

    Proof: both sides of the fraction are multiplied by exp(-M). With M the largest z, no
    power is above 1, and the sum is at least 1.
    """
    power = _power(z)
    return power(k) / over.sum(power)


def _weighted_share(k: Expr, over: Over, z: Entry, c: Entry) -> Expr:
    return exp(z(k)) / over.sum(lambda j: c(j) * exp(z(j)))


def _weighted_shift(k: Expr, over: Over, z: Entry, c: Entry) -> Expr:
    """Shift. As for equal weights: both sides of the fraction are multiplied by exp(-M)."""
    power = _power(z)
    return power(k) / over.sum(lambda j: c(j) * power(j))


def _log_sum(_: Any, over: Over, z: Entry) -> Expr:
    return log(over.sum(lambda j: exp(z(j))))


def _log_sum_exp(_: Any, over: Over, z: Entry) -> Expr:
    """Log-sum-exp. log sum exp(z_j) = M + log(1 + sum of exp(z_j - M) over all but the largest).

    Proof: exp(M) is taken out of the sum; with M the largest z, its own term becomes 1.
    """
    return over.largest(z) + log1p(over.others(z, _power(z)))


def _weighted_log_sum(_: Any, over: Over, z: Entry, c: Entry) -> Expr:
    return log(over.sum(lambda j: c(j) * exp(z(j))))


def _weighted_log_sum_exp(_: Any, over: Over, z: Entry, c: Entry) -> Expr:
    """Log-sum-exp. log sum c_j exp(z_j) = M + log sum c_j exp(z_j - M). Proof: exp(M) is taken out of the sum."""
    power = _power(z)
    return over.largest(z) + log(over.sum(lambda j: c(j) * power(j)))


def _log_share(k: Expr, over: Over, z: Entry) -> Expr:
    return log(_share(k, over, z))


def _log_softmax(k: Expr, over: Over, z: Entry) -> Expr:
    """Log-sum-exp. log(exp(z_k)/sum exp(z_j)) = (z_k - M) - log1p(sum over all but the largest).

    Proof: a logarithm of a quotient, and log-sum-exp; M is taken from z_k first, so that
    what is left of a share near 1 is not lost beside M.
    """
    return Less(z(k), z(k), k) - log1p(over.others(z, _power(z)))


def _minus(k: Expr, over: Over, z: Entry, y: Entry) -> Expr:
    return _share(k, over, z) - y(k)


def _partition_minus(k: Expr, over: Over, z: Entry, y: Entry) -> Expr:
    """Partition of unity. As sum a_j = 1, the largest share is 1 less the others: a_k - y_k = (1 - y_k) - others.

    Proof: sum exp(z_j)/sum exp(z_j) = 1. No other share is above 1/2, so none rounds to 1.
    """
    a = _softmax_of(z)
    return Choice(z(k), k, (1 - y(k)) - over.others(z, a), a(k) - y(k))


def _rest(k: Expr, over: Over, z: Entry) -> Expr:
    return 1 - _share(k, over, z)


def _partition_rest(k: Expr, over: Over, z: Entry) -> Expr:
    """Partition of unity. What the largest share leaves of 1 is the sum of the others."""
    a = _softmax_of(z)
    return Choice(z(k), k, over.others(z, a), 1 - a(k))


def _log_rest(k: Expr, over: Over, z: Entry) -> Expr:
    return log(_rest(k, over, z))


def _partition_log_rest(k: Expr, over: Over, z: Entry) -> Expr:
    """Partition of unity and log-sum-exp, over all but the largest: their own largest is taken from them.

    Proof: 1 - a_k is the sum of the other powers over that of all, for the k of the largest z.
    """
    second = over.largest(lambda j: Choice(z(j), j, -oo, Less(z(j), z(j), j)))
    rest = over.others(z, lambda j: exp(Choice(z(j), j, Integer(0), Less(z(j), z(j), j) - second)))
    of_largest = second + log(rest) - log1p(over.others(z, _power(z)))
    return Choice(z(k), k, of_largest, log1p(-Choice(z(k), k, Integer(0), _softmax_of(z)(k))))


def _pull(k: Expr, over: Over, z: Entry, v: Entry) -> Expr:
    return _share(k, over, z) * (v(k) - over.sum(lambda j: v(j) * _share(j, over, z)))


def _moved_pull(k: Expr, over: Over, z: Entry, v: Entry) -> Expr:
    """Pull. a_k (v_k - sum a_j v_j) is unchanged if one number is taken from every v.

    Proof: as sum a_j = 1, the sum loses that number too. The v of the largest share is
    taken, so that for a share near 1 the bracket holds no difference of equal numbers.
    """
    a = _softmax_of(z)

    def moved(j: Expr) -> Expr:
        return Less(v(j), z(j), j)

    return a(k) * (moved(k) - over.sum(lambda j: moved(j) * a(j)))


def _drawn(k: Expr, over: Over, z: Entry, w: Entry) -> Expr:
    return w(k) - _share(k, over, z) * over.sum(w)


def _partition_drawn(k: Expr, over: Over, z: Entry, w: Entry) -> Expr:
    """Pull. With w = a v, the same is w_k - a_k sum w_j, and w_k (1 - a_k) - a_k (the other w) for a share near 1.

    Proof: the term of k is taken out of the sum; what the largest share leaves of 1 is the
    sum of the others.
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
            "log_softmax",
            ("z",),
            _log_share,
            _log_softmax,
            "The logarithm of softmax(z), finite and exact where softmax rounds to 0 or 1",
        ),
        Rule(
            "softmax_minus",
            ("z", "y"),
            _minus,
            _partition_minus,
            "softmax(z) - y, exact where the largest share would round to 1",
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
            "The logarithm of 1 - softmax(z), finite and exact where softmax rounds to 0 or 1",
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
    """What a node stands for, in sums and exponentials."""
    return _opened(node, node.rule.stated, supply)


def computed(node: Along, supply: IndexSupply) -> Expr:
    """What is computed instead."""
    return _opened(node, node.rule.computed, supply)


def _opened(node: Along, form: Callable[..., Expr], supply: IndexSupply) -> Expr:
    *values, k = node.args

    def entry(value: Expr) -> Entry:
        return lambda j: value.xreplace({k: j})

    return form(k, Over(k, supply), *map(entry, values))


def name_along(title: str, axis: int) -> str:
    """The name in code: of the function down each column (``axis`` 0), or along each row (1)."""
    return title if axis == 0 else f"{title}_of_rows"
