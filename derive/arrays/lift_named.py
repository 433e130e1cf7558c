"""Translate an equation in index form to the array form with named axes, for any number of axes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import singledispatchmethod
from math import prod
from typing import Any

from sympy import (
    Add,
    And,
    Expr,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    NumberSymbol,
    Or,
    Pow,
    Rel,
    Sum,
    Symbol,
    true,
)
from sympy import Number as SympyNumber

from derive.arrays import named as nx
from derive.arrays.along import Along, Choice, Less
from derive.arrays.rewriting import spelled
from derive.calculus.affine import affine, solved
from derive.calculus.cases import Cases
from derive.calculus.deltas import tidy
from derive.calculus.extremes import Extreme, Selected
from derive.calculus.form import of_axes, reused
from derive.calculus.index import Equation, Index, Tensor, put, symbols_read
from derive.calculus.products import ProductOfOthers, ProductOver
from derive.calculus.reading_order import reading_order

_ONE = nx.Value((), Integer(1))
#: The largest number of arrays of which all orders of multiplication are tried.
MOST = 5
#: The length that a named size, and the number of samples, are taken to have.
NAMED, SAMPLES_TAKEN = 10, 32


#: Where a delta puts terms: the index of the result, the indices that it replaces, the place as a formula of these, and
#: the array of integers that it is, if any.
Target = tuple[Index, nx.Axes, Expr, nx.Named | None]


def lift_named(equation: Equation, tensors: Mapping[str, Tensor]) -> nx.Named:
    """Return the array form of an equation's right side. Raises NamedError for a node that has none."""

    def kind(name: str) -> Hashable:
        tensor = tensors.get(name)
        return tensor and (of_axes(tensor.axes), tensor.stored.role, tensor.places, tensor.samples_first)

    own = of_axes(equation.target.axes), equation.target.samples_first
    return reused(lambda: _lifted(equation, tensors), (lift_named, own, equation), kind, tensors=tensors)


def _lifted(equation: Equation, tensors: Mapping[str, Tensor]) -> nx.Named:
    order = list(equation.indices)
    read = (t for name, t in tensors.items() if _reads(equation, name))
    deep = equation.target.samples_first or any(t.samples_first for t in read)
    return Lift(tensors, order, deep).lay(spelled(equation.expression))


def _reads(equation: Equation, name: str) -> bool:
    return any(entry.base.label.name == name for entry in equation.expression.atoms(Indexed))


class Lift:
    """Lifts formulas; ``order`` is the order in which results have the free indices, bound ones come last.

    With ``samples_first``, as arrays of three or more axes have them, those of the samples come before all others.
    """

    def __init__(self, tensors: Mapping[str, Tensor], order: Iterable[Index], samples_first: bool) -> None:
        self.tensors = tensors
        self.order = [*order]
        self.samples_first = samples_first

    def lay(self, expression: Expr) -> nx.Named:
        """The array form of a formula."""
        return self._node(expression)

    def sorted(self, indices: Iterable[Index]) -> nx.Axes:
        """Indices in the order in which arrays have them; one that is met for the first time comes last."""
        wanted = dict.fromkeys(indices)
        self.order += [index for index in wanted if index not in self.order]
        found = [index for index in self.order if index in wanted]
        if self.samples_first:
            found.sort(key=lambda index: not index.axis.sample)
        return tuple(found)

    def _union(self, nodes: Iterable[nx.Named]) -> nx.Axes:
        return self.sorted(index for node in nodes for index in node.axes)

    @singledispatchmethod
    def _node(self, expression: Expr) -> nx.Named:
        raise nx.NamedError(f"no array form is known for {type(expression).__name__}: {expression}")

    @_node.register(SympyNumber)
    @_node.register(NumberSymbol)
    def _(self, expression: Expr) -> nx.Named:
        return nx.Value((), expression)

    @_node.register
    def _(self, expression: Symbol) -> nx.Named:
        if isinstance(expression, Index):
            return nx.Place((expression,), expression, {})
        tensor = self.tensors.get(expression.name)
        if tensor is None or tensor.is_number or expression.is_integer:  # a size may have the name of a tensor
            return nx.Value((), expression)
        return nx.Read((), tensor, (), {})

    @_node.register
    def _(self, expression: Indexed) -> nx.Named:
        tensor = self.tensors[expression.base.label.name]
        by_axis = list(zip(tensor.axes, expression.indices, strict=True))
        if tensor.samples_first:
            by_axis.sort(key=lambda pair: not pair[0].sample)
        places = tuple(place for _, place in by_axis)
        if any(place.has(Indexed) and not nx.is_chosen(place) for place in places):
            return self._moved(expression, tensor)
        chosen = {place: self.lay(place) for place in places if nx.is_chosen(place)}
        own: list[Index] = []
        for place in places:
            own += chosen[place].axes if place in chosen else nx.axes_of(place)
        read = nx.Read(tuple(own), tensor, places, chosen)
        distinct = tuple(dict.fromkeys(own))
        return read if len(distinct) == len(own) else nx.Diagonal(distinct, read, tuple(own))

    def _moved(self, entry: Indexed, tensor: Tensor) -> nx.Named:
        """An entry at places that are entries of integer tensors plus something: a sum over all, of which one stays."""
        moved = [place.has(Indexed) and not nx.is_chosen(place) for place in entry.indices]
        new = [Index(f"place {len(self.order)} {n}", axis) for n, axis in enumerate(tensor.axes)]
        at = tuple(i if m else p for i, p, m in zip(new, entry.indices, moved, strict=True))
        deltas = [KroneckerDelta(i, p) for i, p, m in zip(new, entry.indices, moved, strict=True) if m]
        bound = [i for i, m in zip(new, moved, strict=True) if m]
        return self._contracted(bound, [self.lay(tensor[at])], deltas)

    @_node.register
    def _(self, expression: Add) -> nx.Named:
        if not expression.free_symbols & _indices(expression) and _is_plain_number(expression, self.tensors):
            return nx.Value((), expression)
        if stacked := self._stacked(expression):
            return stacked
        terms = tuple(map(self.lay, reading_order(expression.args)))
        return nx.Plus(self._union(terms), terms)

    def _stacked(self, expression: Add) -> nx.Named | None:
        """A sum whose terms are each for one entry of an axis, as arrays side by side; None if it is none."""
        rows: dict[Index, dict[int, list[Expr]]] = {}
        for term in expression.args:
            for factor in Mul.make_args(term):
                pair = [*factor.args] if isinstance(factor, KroneckerDelta) else []
                index = next((i for i in pair if isinstance(i, Index)), None)
                number = next((int(n) for n in pair if n.is_Integer), None)
                if index is not None and number is not None:
                    rows.setdefault(index, {}).setdefault(number, []).append(term / factor)
        for index, found in rows.items():
            numbers = [index.axis.start + n for n in range(len(found))]
            whole = sorted(found) == numbers and index.axis.extent == len(found)
            if whole and sum(map(len, found.values())) == len(expression.args):
                at = ((found[number], {index: Integer(number)}) for number in numbers)  # terms may read the index, too
                parts = tuple(self.lay(Add(*(put(term, place) for term in terms))) for terms, place in at)
                return nx.Stacked(self.sorted((*self._union(parts), index)), parts, index)
        return None

    @_node.register(Mul)
    @_node.register(Sum)
    @_node.register(KroneckerDelta)
    def _(self, expression: Expr) -> nx.Named:
        if _is_plain_number(expression, self.tensors):
            return nx.Value((), expression)
        return self._product(Mul.make_args(expression))

    def _product(self, factors: Iterable[Expr]) -> nx.Named:
        """A product of formulas, among them sums, which are contracted with all factors inside them."""
        laid, numbers = [], []
        for factor in factors:
            if _is_plain_number(factor, self.tensors):
                numbers.append(factor)
            elif isinstance(factor, Sum):
                scale, node = self._sum(factor)
                numbers.append(scale)
                laid.append(node)
            elif isinstance(factor, KroneckerDelta):
                laid.append(self._equal(factor))
            else:
                laid.append(self.lay(factor))
        return self._times(Mul(*numbers), laid)

    def _times(self, number: Expr, nodes: Iterable[nx.Named]) -> nx.Named:
        factors = [node for node in nodes if node != _ONE]
        if number != 1 or not factors:
            factors = [nx.Value((), number), *factors]
        return factors[0] if len(factors) == 1 else nx.Times(self._union(factors), tuple(factors))

    def _sum(self, expression: Sum) -> tuple[Expr, nx.Named]:
        """A sum as the number that it is multiplied by, and its array."""
        bound = [limit[0] for limit in expression.limits]
        body = tidy(expression.function)
        if isinstance(body, Sum):
            return self._sum(Sum(body.function, *body.limits, *expression.limits))
        scale, arrays, places = Integer(1), list[nx.Named](), list[KroneckerDelta]()
        for factor in Mul.make_args(body):
            if _is_plain_number(factor, self.tensors):
                scale *= factor
            elif isinstance(factor, Sum):
                inner, node = self._sum(factor)
                scale *= inner
                arrays.append(node)
            elif isinstance(factor, KroneckerDelta):
                places.append(factor)
            else:
                arrays.append(self.lay(factor))
        present = {index for node in arrays for index in node.axes}
        present |= {index for delta in places for index in _indices(delta)}
        for index in bound:
            scale *= 1 if index in present else index.axis.extent
        return scale, self._contracted([i for i in bound if i in present], arrays, places)

    def _contracted(self, bound: list[Index], arrays: list[nx.Named], deltas: list[KroneckerDelta]) -> nx.Named:
        """The sum of a product over bound indices; one delta after the other puts its terms into their places."""
        left, pending = [*arrays], [*deltas]
        while pending:
            found = [(delta, target) for delta in pending if (target := self._spread(delta, bound, pending))]
            free = {index for _, (index, *_) in found}
            ready = [(delta, target) for delta, target in found if self._is_ready(target, left, free)]
            if not ready:
                left.append(self._equal(pending.pop(0)))
                continue
            delta, target = ready[0]
            pending.remove(delta)
            inside = [array for array in left if {*target[1]} & {*array.axes}]
            left = [array for array in left if array not in inside]
            elsewhere = {i for array in left for i in array.axes} | {i for d in pending for i in _indices(d)}
            summed = [i for i in bound if i not in elsewhere and i not in target[1]]
            left.append(self._put(self._summed(summed, inside), *target))
        return self._summed(bound, left)

    def _is_ready(self, target: Target, arrays: list[nx.Named], free: set[Index]) -> bool:
        """Whether terms can be put into their places: no array of theirs has an index that a delta gives them."""
        return not any({*target[1]} & {*array.axes} and free & {*array.axes} for array in arrays)

    def _put(self, value: nx.Named, index: Index, over: nx.Axes, place: Expr, at: nx.Named | None) -> nx.Named:
        """Put values into their places."""
        missing = [i for i in over if i not in value.axes]
        if missing:
            value = self._times(Integer(1), (value, nx.Ones(self.sorted(missing))))
        axes = self.sorted((*(i for i in value.axes if i not in over), index))
        if at is None:
            return nx.Spread(axes, value, over, index, place)
        return nx.Scattered(axes, value, over, index, at)

    def _spread(self, delta: KroneckerDelta, bound: list[Index], pending: list[KroneckerDelta]) -> Target | None:
        """The index of a delta that terms get, and where they go: an affine place, or entries of an integer tensor.

        The index is free, or one of another delta, which is then next; what it replaces is in no other delta.
        """
        chained = {i for other in pending if other is not delta for i in _indices(other)}
        gone = set(bound) - chained
        for one, other in (delta.args, delta.args[::-1]):
            if isinstance(one, Index) and one not in gone and nx.is_chosen(other):
                at = self.lay(other)
                if set(at.axes) <= gone:
                    return one, at.axes, other, at
        for index in sorted(_indices(delta) - gone, key=lambda i: (i in bound, str(i))):
            left, right = delta.args
            place = solved(left, right, index)
            form = None if place is None else affine(place)
            if place is not None and form is not None and form.terms and {i for i, _ in form.terms} <= gone:
                return index, tuple(i for i, _ in form.terms), place, None
        return None

    def _equal(self, delta: KroneckerDelta) -> nx.Named:
        left, right = (self._place(side) for side in delta.args)
        return nx.Equal(self._union((left, right)), left, right)

    def _place(self, value: Expr) -> nx.Named:
        if nx.is_chosen(value):
            return self.lay(value)
        chosen = [term for term in Add.make_args(value) if term.has(Indexed)]
        if chosen:  # entries of integer tensors, and what is added to them
            entries = [self._times(number, [self.lay(e)]) for number, e in (t.as_coeff_Mul() for t in chosen)]
            terms = (self._place(value - Add(*chosen)), *entries)
            return nx.Plus(self._union(terms), terms)
        return nx.Place(self.sorted(nx.axes_of(value)), value, {})

    def _summed(self, bound: list[Index], arrays: list[nx.Named]) -> nx.Named:
        """Sum the product of arrays over indices, two arrays at a time: those first whose product is smallest."""
        left = list(arrays)
        while True:
            for index in bound:  # an index of one array alone
                owners = [n for n, node in enumerate(left) if index in node.axes]
                if len(owners) == 1:
                    node = left[owners[0]]
                    alone = [i for i in bound if i in node.axes and sum(i in other.axes for other in left) == 1]
                    left[owners[0]] = self._reduced("sum", node, alone)
            if len(left) <= 1:
                return left[0] if left else _ONE
            first, second = self._best([node.axes for node in left], bound)[1]
            others = [node for n, node in enumerate(left) if n not in (first, second)]
            left = [self._pair(left[first], left[second], others, bound), *others]

    def _reduced(self, kind: str, node: nx.Named, over: Iterable[Index]) -> nx.Named:
        gone = tuple(over)
        if not gone:
            return node
        return nx.Reduced(tuple(i for i in node.axes if i not in gone), kind, node, gone)

    def _best(self, arrays: list[nx.Axes], bound: list[Index]) -> tuple[int, tuple[int, int]]:
        """The least number of multiplications in which arrays are multiplied and summed, and the first pair."""
        choices = []
        for second in range(len(arrays)):
            for first in range(second):
                others = [axes for n, axes in enumerate(arrays) if n not in (first, second)]
                both = self.sorted((*arrays[first], *arrays[second]))
                kept = tuple(i for i in both if i not in bound or any(i in axes for axes in others))
                cost = prod(map(_length, both))
                if others and len(arrays) <= MOST:
                    cost += self._best([*others, kept], bound)[0]
                choices.append((cost, (first, second)))
        return min(choices, default=(0, (0, 0)))

    def _pair(self, one: nx.Named, other: nx.Named, rest: list[nx.Named], bound: list[Index]) -> nx.Named:
        elsewhere = {i for node in rest for i in node.axes}
        common = [i for i in one.axes if i in other.axes and i in bound and i not in elsewhere]
        if not common:
            return self._times(Integer(1), (one, other))
        axes = self.sorted(i for i in (*one.axes, *other.axes) if i not in common)
        return nx.Contraction(axes, one, other, tuple(common))

    @_node.register
    def _(self, expression: Pow) -> nx.Named:
        if _is_plain_number(expression, self.tensors):
            return nx.Value((), expression)
        if not _is_plain_number(expression.exp, self.tensors):
            parts = tuple(map(self.lay, expression.args))
            return nx.Call(self._union(parts), Pow, parts)
        base = self.lay(expression.base)
        return nx.Power(base.axes, base, expression.exp)

    @_node.register(Max)
    @_node.register(Min)
    @_node.register(Function)
    def _(self, expression: Expr) -> nx.Named:
        if _is_plain_number(expression, self.tensors):
            return nx.Value((), expression)
        arguments = tuple(map(self.lay, expression.args))
        return nx.Call(self._union(arguments), type(expression), arguments)

    @_node.register
    def _(self, expression: Extreme) -> nx.Named:
        return self._extreme("max" if expression.sign > 0 else "min", expression.function, expression.bound)

    @_node.register
    def _(self, expression: ProductOver) -> nx.Named:
        laid = self.lay(expression.function)
        found = self._reduced("prod", laid, [i for i in expression.bound if i in laid.axes])
        times = prod((i.axis.extent for i in expression.bound if i not in laid.axes), start=Integer(1))
        return found if times == 1 else nx.Power(found.axes, found, times)

    @_node.register
    def _(self, expression: ProductOfOthers) -> nx.Named:
        bound, places = expression.factors.bound, expression.places
        if not all(map(nx.is_plain, places)) or len(set(places)) < len(places):
            return self._at(lambda new: ProductOfOthers(expression.factors, *new), bound, places)
        return self._found(places, bound, expression.factors.function, lambda b, over: nx.Others(b.axes, b, over))

    def _at(self, formula: Callable[[list[Index]], Expr], bound: Sequence[Index], places: Sequence[Expr]) -> nx.Named:
        """What a formula is at places that are no plain indices: the entries at all, put into these places."""
        new = [Index(f"place {len(self.order)} {n}", index.axis) for n, index in enumerate(bound)]
        return self._contracted(new, [self.lay(formula(new))], list(map(KroneckerDelta, new, places)))

    def _extreme(self, kind: str, body: Expr, bound: tuple[Index, ...]) -> nx.Named:
        laid = self.lay(body)
        return self._reduced(kind, laid, [i for i in bound if i in laid.axes])

    @_node.register
    def _(self, expression: Selected) -> nx.Named:
        bound, places = expression.extreme.bound, expression.places
        if not all(map(nx.is_plain, places)) or len(set(places)) < len(places):
            return self._at(lambda new: Selected(expression.extreme, *new), bound, places)
        sign = expression.extreme.sign
        return self._found(places, bound, expression.extreme.function, lambda b, over: nx.First(b.axes, sign, b, over))

    def _found(
        self, places: nx.Axes, bound: nx.Axes, body: Expr, node: Callable[[nx.Named, nx.Axes], nx.Named]
    ) -> nx.Named:
        """What a body and its bound indices give at some places; the body may read these places, too."""
        named = dict(zip(bound, places, strict=True))
        if not body.free_symbols.intersection(places):
            return node(self.lay(body.xreplace(named)), places)
        found = node(self.lay(body), bound)
        own = tuple(named.get(index, index) for index in found.axes)
        return nx.Diagonal(self.sorted(dict.fromkeys(own)), found, own)

    @_node.register
    def _(self, expression: Cases) -> nx.Named:
        values = [self.lay(value) for value, _ in expression.args]
        conditions = [self._condition(c) for _, c in expression.args if c != true]
        return nx.Cases(self._union((*values, *conditions)), tuple(values), tuple(conditions))

    def _condition(self, condition: Any) -> nx.Named:
        if isinstance(condition, And | Or):
            parts = tuple(map(self._condition, condition.args))
            return nx.Joined(self._union(parts), "&" if isinstance(condition, And) else "|", parts)
        assert isinstance(condition, Rel)
        left, right = self.lay(condition.lhs), self.lay(condition.rhs)
        return nx.Compared(self._union((left, right)), condition.rel_op, left, right)

    @_node.register
    def _(self, expression: Along) -> nx.Named:
        *values, k = expression.args
        arguments = tuple(map(self.lay, values))
        axes = self.sorted({k, *(i for a in arguments for i in a.axes)})
        reduces = expression.rule.reduces
        return nx.Along(
            tuple(i for i in axes if i != k) if reduces else axes, expression.rule.title, arguments, k, reduces
        )

    @_node.register(Choice)
    @_node.register(Less)
    def _(self, expression: Expr) -> nx.Named:
        raise nx.NamedError(f"{type(expression).__name__} stands outside its function")


def _length(index: Index) -> int:
    """The length of an axis, or a typical one."""
    extent = index.axis.extent
    return SAMPLES_TAKEN if index.axis.sample else int(extent) if extent.is_Integer else NAMED


def _indices(expression: Expr) -> set[Index]:
    return {s for s in expression.free_symbols if isinstance(s, Index)}


def _is_plain_number(expression: Expr, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a formula has the same value everywhere and reads no array: sizes, constants, numbers of the step."""
    if expression.has(Indexed, Sum, Extreme, ProductOver, KroneckerDelta) or _indices(expression):
        return False
    read = map(tensors.get, symbols_read(expression))
    return all(t is None or t.is_number for t in read)
