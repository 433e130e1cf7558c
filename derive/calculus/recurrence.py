"""Equations that read their own tensors at other places of an ordered axis, such as h[t] that reads h[t - 1].

The equations of a recurrence are computed together, one place of that axis after the other. What they read before the
first place is 0, as everything that is read outside a tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sympy import Expr, Indexed

from derive.calculus.affine import affine
from derive.calculus.index import Axis, Equation, Index, Tensor, symbols_read
from derive.record import record
from derive.text.errors import StatementError


class CircleError(StatementError):
    """Equations that read each other without an order: ``names`` are those of their tensors, each reads the next."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.said())

    def said(self, places: Sequence[str] = ()) -> str:
        """The message; ``places`` say, after the first equation, where each reads the next one."""
        first, *others = self.names
        if not others:
            return (
                f"the equation of {first} reads {first} itself: it may do so only at earlier places of one of its "
                "axes, such as t - 1, or only at later ones"
            )
        known = dict(zip((*others[1:], first), places, strict=False))
        said = ", which reads ".join(f"{name}{known.get(name, '')}" for name in (*others, first))
        return (
            f"the equation of {first} reads {said}: equations that read each other in a circle need an axis "
            "that all of them have, and one of them must read an earlier place of it, such as t - 1"
        )


#: The largest number of places that a recurrence looks back; each takes memory, also if it is never read.
MOST_BACK = 1000


@record
class Recurrence:
    """Equations that are computed together along an ordered axis, in the order in which a step computes them.

    ``places`` are the numbers of that axis among the axes of each tensor, by its name. A recurrence is ``backward`` if
    it begins at the last place. ``reach`` is the largest number of places that it looks back.
    """

    equations: tuple[Equation, ...]
    places: Mapping[str, int]
    backward: bool
    reach: int

    @property
    def axis(self) -> Axis:
        """The ordered axis."""
        first = self.equations[0]
        return first.target.axes[self.places[first.target.name]]

    def index(self, equation: Equation) -> Index:
        """The index of the step in one of the equations."""
        return equation.indices[self.places[equation.target.name]]


def ordered(equations: Sequence[Equation]) -> Iterator[Equation | Recurrence]:
    """Yield the equations, and the recurrences that some of them are, in an order in which they can be computed.

    That is the given order as far as possible. Raises CircleError for equations that read each other without an order.
    """
    by_name = {e.target.name: e for e in equations}
    reads = {name: [r for r in symbols_read(e.expression) if r in by_name] for name, e in by_name.items()}
    for group in components(reads):
        first = by_name[group[0]]
        if len(group) == 1 and group[0] not in reads[group[0]]:
            yield first
        else:
            yield _recurrence([e for name, e in by_name.items() if name in group])


def in_order(equations: Sequence[Equation]) -> tuple[Equation, ...]:
    """Return equations in an order in which they can be computed, those of a recurrence one after the other."""
    found: list[Equation] = []
    for part in ordered(equations):
        found += part.equations if isinstance(part, Recurrence) else [part]
    return tuple(found)


def recurrences(equations: Sequence[Equation]) -> tuple[Recurrence, ...]:
    """Return the recurrences among equations."""
    return tuple(part for part in ordered(equations) if isinstance(part, Recurrence))


def early(equations: Iterable[Equation]) -> tuple[Tensor, ...]:
    """Return the tensors that are read by their own equation, or by one before it."""
    found, read = dict[str, Tensor](), set[str]()
    for equation in equations:
        read |= {*symbols_read(equation.expression)}
        if equation.target.name in read:
            found[equation.target.name] = equation.target
    return tuple(found.values())


def components(reads: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Group names that read each other, each group after those that it reads; otherwise the given order is kept.

    This is Tarjan's algorithm for the strongly connected components of a graph, without recursion.
    """
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    path, found = list[str](), list[list[str]]()
    grouped: set[str] = set()
    for root in reads:
        walk = [(root, iter(reads[root]))] if root not in number else []
        while walk:
            name, rest = walk[-1]
            if name not in number:
                number[name] = low[name] = len(number)
                path.append(name)
            for other in rest:
                if other not in number:
                    walk.append((other, iter(reads[other])))
                    break
                if other not in grouped:
                    low[name] = min(low[name], number[other])
            else:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[name])
                if low[name] == number[name]:
                    at = path.index(name)
                    found.append(path[at:])
                    grouped.update(path[at:])
                    del path[at:]
    return found


def _recurrence(equations: list[Equation]) -> Recurrence:
    """The order of equations that read each other."""
    first, by_name = equations[0], {e.target.name: e for e in equations}
    circle: tuple[str, ...] = ()
    for place in range(len(first.indices)):
        places = _places(equations, {first.target.name: place})
        lags = None if places is None else _lags(equations, places)
        if places is None or lags is None:
            continue
        for backward in (False, True):
            back = {pair: [-lag for lag in found] if backward else found for pair, found in lags.items()}
            if any(lag < 0 for found in back.values() for lag in found):
                continue
            same = {name: [r for (of, r), found in back.items() if of == name and 0 in found] for name in by_name}
            groups = components(same)
            within = next((group for group in groups if len(group) > 1 or group[0] in same[group[0]]), None)
            if within is None:
                reach = max(lag for found in back.values() for lag in found)
                _check_reach(equations[0], place, reach)
                return Recurrence(tuple(by_name[name] for (name,) in groups), places, backward, reach)
            circle = circle or _circle({name: same[name] for name in by_name if name in within})
    raise CircleError(circle or _circle({name: symbols_read(e.expression) for name, e in by_name.items()}))


def _check_reach(equation: Equation, place: int, reach: int) -> None:
    """Raise StatementError for an axis of one place, and for a recurrence that reads very far back."""
    name, axis = equation.target.name, equation.target.axes[place]
    if axis.extent == 1:
        said = f"size {axis.name}" if axis.name and not axis.name.isdecimal() else "its size"
        raise StatementError(
            f"the recurrence of {name} has one step: let {said} be a name without a number, or at least 2"
        )
    if reach > MOST_BACK:
        raise StatementError(f"the recurrence of {name} reads {reach} places back: {MOST_BACK} are the most")


def _circle(reads: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names of equations that read each other without an order: each reads the next one, the last the first."""
    start = next(iter(reads))
    paths: list[tuple[str, ...]] = [(start,)]
    seen = set[str]()
    while True:
        path = paths.pop(0)
        for name in (r for r in reads[path[-1]] if r in reads):
            if name == start:
                return path
            if name not in seen:
                seen.add(name)
                paths.append((*path, name))


def entries_of(expression: Expr, names: Iterable[str]) -> Iterator[Indexed]:
    """Yield the entries of some tensors that an expression reads, in a fixed order."""
    wanted = {*names}
    yield from sorted((e for e in expression.atoms(Indexed) if e.base.label.name in wanted), key=str)


def shift(place: Expr, index: Index) -> Expr | None:
    """Return the whole number c if a place is the index plus c, else None."""
    form = affine(place)
    if form is None or form.terms != ((index, 1),) or not form.constant.is_Integer:
        return None
    return form.constant


def _places(equations: list[Equation], known: dict[str, int]) -> dict[str, int] | None:
    """The number of the ordered axis in each tensor, from that of one; None if they do not fit."""
    by_name = {e.target.name: e for e in equations}
    waiting = [*known]
    while waiting:
        equation = by_name[waiting.pop()]
        index = equation.indices[known[equation.target.name]]
        for entry in entries_of(equation.expression, by_name):
            name = entry.base.label.name
            found = [n for n, place in enumerate(entry.indices) if shift(place, index) is not None]
            if name not in known and len(found) == 1:
                known[name] = found[0]
                waiting.append(name)
            if known.get(name) not in found:
                return None
    axes = {e.target.axes[known[e.target.name]] for e in equations}
    return known if len(axes) == 1 else None


def _lags(equations: list[Equation], places: Mapping[str, int]) -> dict[tuple[str, str], list[int]] | None:
    """How many places before its own each equation reads the tensors of a recurrence."""
    found: dict[tuple[str, str], list[int]] = {}
    for equation in equations:
        index = equation.indices[places[equation.target.name]]
        for entry in entries_of(equation.expression, places):
            name = entry.base.label.name
            moved = shift(entry.indices[places[name]], index)
            if moved is None:
                return None
            found.setdefault((equation.target.name, name), []).append(-int(moved))
    return found
