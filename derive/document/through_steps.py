"""What is said of a recurrence: its paths through any number of steps, its shared factors, its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Sum, expand

from derive.calculus.evaluate import Interpreter
from derive.calculus.functions import STOP
from derive.calculus.index import Axis, Equation, Index, Tensor, put, symbols_read
from derive.calculus.one_step import OneStep
from derive.calculus.recurrence import Recurrence, entries_of, recurrences, shift
from derive.calculus.roles import Role
from derive.calculus.scalar_chains import at_entry
from derive.calculus.truncation import ACROSS, WINDOW, counted_from_end, reads_across
from derive.calculus.unrolled import (
    DEGREE,
    STEPS,
    Unrolled,
    differences,
    is_countable,
    is_ordered,
    ordered_axes,
    polynomial,
    width_of,
)
from derive.document.blocks import Block, Display, Item, Picture, Table, Text, listed, say
from derive.document.chain_rows import ChainRows
from derive.document.step_to_step import borders, depends, jacobians
from derive.document.view import View
from derive.drawing.unrolled import unrolled
from derive.paper.boxes import SUM, Box
from derive.paper.page import Page
from derive.worked.slope import Slope
from derive.worked.through_steps import arriving


def whole(view: View, tensor: Tensor) -> Box:
    """The derivative of the error with respect to a tensor of a recurrence, at any step."""
    (page, indices) = _lettered(view, tensor)
    return view.error_slope(page.symbol(tensor, indices))


def _lettered(view: View, tensor: Tensor) -> tuple[Page, tuple[Expr, ...]]:
    """A page with letters for the indices of a tensor, and these indices."""
    indices = view.shown(view.derivation.forward.supply.several(tensor.axes))
    return view.written_page.with_letters([i for i in indices if isinstance(i, Index)], ()), indices


def entered(view: View, parameter: Tensor) -> list[Tensor]:
    """The tensors of recurrences at which the paths from a parameter enter these."""
    chains = view.derivation.chains
    found = (path[0].wrt for path in chains.paths(parameter, folded=True))
    return list({t.name: t for t in found if t.name in chains.recurring}.values())


def later(view: View, tensor: Tensor) -> str:
    """Which steps follow a step of a recurrence: the later ones, or the earlier ones."""
    backward = any(r.backward for r in recurrences(view.derivation.forward.equations) if tensor.name in r.places)
    return "earlier" if backward else "later"


def of_window(view: View, tensor: Tensor, whose: str = "its") -> str:
    """Of which steps the paths from a step of a recurrence are, if they do not pass the borders of windows."""
    cut = any(reads_across(r) for r in recurrences(view.derivation.forward.equations) if tensor.name in r.places)
    return f" of {whose} window" if cut else ""


def truncation(view: View) -> list[Block]:
    """What windows of steps are for, where they end, and what is read of other steps in their place."""
    steps, whole = view.derivation.origin.specification.truncate, view.derivation.forward.equations
    directions = {r.backward for r in recurrences(whole) if reads_across(r)}
    if not directions or steps is None:
        return []
    which = "another" if len(directions) > 1 else "a later" if directions == {True} else "an earlier"
    words = (
        "Back-propagation through time is truncated (Williams and Peng 1990): the steps are cut into windows of {}, "
        f"and what a recurrence reads of its own tensors in {which} window is taken for a constant. The gradients "
        "approximate those through all steps."
    )
    said, pairs = [say(words, view.set_.number(steps))], list[Text]()
    made = {e.target.name for e in whole if e.note in (WINDOW, ACROSS)}
    for equation in (e for e in whole if e.note in (WINDOW, ACROSS)):
        symbol = view.page.symbol(view.written.tensors[equation.target.name], whole=True)
        if equation.note == WINDOW:
            distance = len(equation.expression.atoms(Sum))
            end, which = ("first", " counted from the end") if counted_from_end(equation) else ("last", "")
            steps_there = f"{end} step" if distance == 1 else f"{end} {distance} steps"
            said.append(say(f" {{}} is 0 at the {steps_there} of each full window{which}, and 1 elsewhere.", symbol))
        elif not isinstance(equation.expression, STOP):
            (name,) = {*symbols_read(equation.expression)} - made
            own = view.page.symbol(view.written.tensors[name], whole=True)
            pairs.append(say("{} has the values of {}", symbol, own))
    said += [say(" {}.", listed(pairs))] if pairs else []
    return [say("{}" * len(said), *said)]


# The paths.


def folded(view: View, parameter: Tensor, entry: Sequence[Expr]) -> list[Block]:
    """The chain rule for one entry of a parameter, whose paths lead through a recurrence, and their number."""
    original = view.derivation.forward.tensors[parameter.name]
    row = ChainRows(view).chain_row(original, entry)
    return [say("{} {}", folded_paths(view, parameter, entry), counting(view, parameter)), Display((row,))]


def folded_paths(view: View, parameter: Tensor, entry: Sequence[Expr]) -> Text:
    """Say that the paths from an entry of a parameter pass any number of steps."""
    symbol = view.page.symbol(view.single.tensors[parameter.name], tuple(entry))
    noun = parameter.role if parameter.role in (Role.WEIGHT, Role.INPUT) else "parameter"
    within = of_window(view, entered(view, view.derivation.forward.tensors[parameter.name])[0], "a")
    return say(f"The paths from the {noun} {{}} to the loss pass any number of steps{within}.", symbol)


def counting(view: View, parameter: Tensor) -> Text:
    """Say what the derivative of the error with respect to a tensor of a recurrence counts."""
    tensors = entered(view, view.derivation.forward.tensors[parameter.name])
    steps = f"this step and {later(view, tensors[0])} ones{of_window(view, tensors[0])}"
    verb = "counts" if len(tensors) == 1 else "count"
    return say(f"{{}} {verb} all paths from a step on, through {steps}:", listed(whole(view, t) for t in tensors))


def counted(view: View, parameter: Tensor, entry: Sequence[Expr]) -> list[Block]:
    """How many paths lead from a parameter to the error, for a number of steps.

    They are not counted for what has values of its own at each step, whose entries have different numbers of paths, nor
    if two axes of a recurrence cannot be told apart: they have the same length, and no names. Neither are they if they
    end at the borders of windows.
    """
    chains, page = view.derivation.chains, view.page
    original = chains.forward.tensors[parameter.name]
    width = width_of(chains)
    array = page.symbol(view.single.tensors[parameter.name], whole=True)
    symbol = page.symbol(view.single.tensors[parameter.name], tuple(entry))
    by_unit = is_countable(chains)
    axes = ordered_axes(chains)
    if width is None and any(a.extent.free_symbols for a in axes):
        return []
    drawing = unrolled(view.derivation)
    same = not any(_has_steps(p, axes) for p in chains.forward.parameters)
    words = "Three steps of the unrolled network." + " The parameters are the same at each step." * same
    pictures = [Picture(drawing, Text((words,)), "unrolled")] if drawing is not None else []
    recurring = [chains.forward.tensors[name] for name in chains.recurring]
    if (
        any(map(reads_across, recurrences(chains.forward.equations)))
        or _has_steps(original, axes)
        or any(sum(is_ordered(a, axes) for a in t.axes) > 1 for t in recurring)
    ):
        return [*pictures]
    if width is None:
        found = Unrolled(chains, 0)
        through = found.paths(original)
        lead = "path through the tensors leads" if through == 1 else "paths through the tensors lead"
        words = f"In the network unrolled over all its steps, {{}} {lead} from {{}} to the loss"
        numbers = [page.entry(through), array]
        if by_unit:
            scalar = found.paths(original, scalar=True)
            words += f"; counted unit by unit, {{}} {'leads' if scalar == 1 else 'lead'} from {{}}"
            numbers += [page.entry(scalar), symbol]
        return [say(words + ".", *numbers), *pictures]
    numbers_of_steps = range(1, STEPS + 1)
    in_tensors = [Unrolled(chains, n).paths(original) for n in numbers_of_steps]
    formula = _formula(view, original, in_tensors)
    head = (
        say("number of steps {}", page.entry(width)),
        *(say("{}", page.typesetter.number(n)) for n in numbers_of_steps),
    )
    rows = [(say("paths from {} through the tensors", array), *(say("{}", page.entry(n)) for n in in_tensors))]
    if by_unit:
        by_units = [Unrolled(chains, n).paths(original, scalar=True) for n in numbers_of_steps]
        if all(n.is_number for n in by_units):
            rows.append((say("paths from {}, unit by unit", symbol), *(say("{}", page.entry(n)) for n in by_units)))
    text = say(
        "In the network unrolled over {} steps, the number of paths grows with {}", page.entry(width), page.entry(width)
    )
    if formula is not None:
        text = say("{}: through the tensors, there are {}", text, page.entry(formula))
    return [say("{}.", text), Table(head, tuple(rows), frozenset(range(1, STEPS + 1))), *pictures]


def _has_steps(tensor: Tensor, axes: Collection[Axis]) -> bool:
    """Whether a tensor has entries of its own at each step."""
    return any(is_ordered(a, axes) for a in tensor.axes)


def _formula(view: View, parameter: Tensor, counts: list[Expr]) -> Expr | None:
    """The number of paths as a polynomial in the number of steps, if it is one."""
    chains, width = view.derivation.chains, width_of(view.derivation.chains)
    assert width is not None
    if differences(counts)[DEGREE + 1] != [0]:
        return None
    order = sum(1 + _reach(view) for t in chains.tensors if _has_steps(t, ordered_axes(chains))) + 2
    more = [Unrolled(chains, n).paths(parameter) for n in range(len(counts) + 1, order + DEGREE + 2)]
    found = polynomial([*counts, *more], order, width)
    return None if found is None or found.is_number else found.factor()


def _reach(view: View) -> int:
    return max(r.reach for r in recurrences(view.derivation.forward.equations)) - 1


# The shared factors.


def reaching(view: View) -> list[Block]:
    """How the loss at other steps reaches a step, and in which order the factors are computed."""
    blocks: list[Block] = []
    stated = {s.target.name for s in view.written.stage("factor")}
    for recurrence in view.written.recurrences:
        equations = [e for e in recurrence.equations if any(_shifted(e, recurrence))]
        if not stated & recurrence.places.keys():
            continue
        pages = [view.written_page.lettered(e, "factor") for e in equations]
        own = [page.symbol(e.target, e.indices) for page, e in zip(pages, equations, strict=True)]
        read = [page.entry(x) for page, e in zip(pages, equations, strict=True) for x in _shifted(e, recurrence)]
        letter, axis, set_ = pages[0].index(recurrence.index(equations[0])), recurrence.axis, view.set_
        assert letter is not None
        first, last = (set_.number(axis.start), pages[0].entry(axis.stop))
        begin, end = (last, first) if recurrence.backward else (first, last)
        far, near, way = ("later", "before", "down") if recurrence.backward else ("earlier", "after", "up")
        distances = sorted({abs(_away(x, e, recurrence)) for e in equations for x in _shifted(e, recurrence)})
        words = f"In {{}}, the terms with {{}} come from {_from(distances, far, recurrence.backward)}: "
        words += "through them, what "
        ends = [page.entry(x) for page, e in zip(pages, equations, strict=True) for x in borders(view, e.expression)]
        within = " of the same window" * bool(ends)
        words += "all " * (1 in distances) + f"{far} steps{within} contribute to the loss reaches this one. "
        words += _others(view, equations, recurrence)
        at = "{}" if distances[0] == 1 else f"{{}} and the {_steps(distances[0] - 1)} {near}"
        words += f"At {at}, the former are 0, as all that is read outside the range of a tensor; there the computation "
        words += f"begins, and goes step by step {way} to {{}}."
        if ends:
            words += " {} is 0 where they would come from another window."
        places = (set_.join((letter, box), "equals", SUM) for box in (begin, end))
        zeros = [listed(dict.fromkeys(ends))] if ends else []
        blocks.append(say(words, listed(own), listed(dict.fromkeys(read)), *places, *zeros))
    return blocks


def _steps(number: int) -> str:
    return "step" if number == 1 else f"{number} steps"


def _from(distances: Sequence[int], far: str, after: bool) -> str:
    """Say from which steps terms come that are some numbers of steps away, in order."""
    if distances == [1]:
        return "the next step" if after else "the step before"
    if distances == [*range(1, len(distances) + 1)]:
        return f"the {len(distances)} steps {'after' if after else 'before'}"
    *first, last = map(str, distances)
    return f"{', '.join(first)}{' and ' * bool(first)}{last} steps {far}"


def _others(view: View, equations: Iterable[Equation], recurrence: Recurrence) -> str:
    """Say where the terms come from that read no other step of the recurrence, if there are some."""
    factors = {s.target.name for s in view.written.stage("factor")}
    own = [
        any(t in x.free_symbols for x in term.atoms(Indexed))
        and not any(
            x.base.label.name in factors and any(t in i.free_symbols and i != t for i in x.indices)
            for x in term.atoms(Indexed)
        )
        and not any(t in d.args for d in term.atoms(KroneckerDelta))
        for e in equations
        for t in [recurrence.index(e)]
        for term in Add.make_args(expand(e.expression, deep=False))
        if not any(_away(entry, e, recurrence) for entry in entries_of(term, recurrence.places))
    ]
    if not own:
        return ""
    return "The other terms " + ("come from the same step. " if all(own) else "come from other paths to the loss. ")


def _shifted(equation: Equation, recurrence: Recurrence) -> Iterator[Indexed]:
    """The entries of a recurrence that an equation reads at other steps."""
    return (entry for entry in entries_of(equation.expression, recurrence.places) if _away(entry, equation, recurrence))


def _away(entry: Indexed, equation: Equation, recurrence: Recurrence) -> int:
    """How many steps away an entry of a recurrence is that an equation reads."""
    return int(shift(entry.indices[recurrence.places[entry.base.label.name]], recurrence.index(equation)) or 0)


# In numbers.

#: Largest number of steps in a table of numbers; of more, the first ones and the last.
MOST_STEPS = 8


def arrival(view: View, machine: Interpreter, show: Callable[[float], Box]) -> list[Block]:
    """How much of a derivative arrives after many steps in an example, with ``machine`` for its values.

    Nothing if samples are coupled: then a sample at one step depends on others at the step before. Nothing either if
    derivatives pass within windows only, as changes do not.
    """
    blocks: list[Block] = []
    for group in [] if view.coupled else jacobians(view):
        step = group[0].step
        found = arriving(step, machine)
        if not found or not depends(view, group[0]) or reads_across(step.recurrence):
            continue
        recurrence, page = step.recurrence, view.written_page
        t = step.step
        last = machine.places(t)[0 if recurrence.backward else -1]
        tensors = [place.tensor for place in step.earlier]
        letters = page.with_letters((t,), ())
        letter = letters.index(t)
        assert letter is not None
        ends, starts = (
            [_at_step(view, letters, step, tensor, place) for tensor in tensors] for place in (Integer(last), t)
        )
        together = " together" * (len(tensors) > 1)
        words = f"The derivative of {{}}{together} with respect to {{}} is the product of the Jacobian matrices of the "
        words += "steps between. Its largest singular value, by which a change at {} is multiplied at most when it "
        words += "arrives at {}, is here"
        words += ", for the first sample" * view.sampled
        at_end = view.set_.join((letter, view.set_.number(int(last))), "equals", SUM)
        text = say(words + ":", listed(ends), listed(starts), letter, at_end)
        rows = tuple(_numbers(view, row, show) for row in _picked([*found.items()]))
        blocks += [text, Table((say("{}", letter), Text(("largest singular value",))), rows, frozenset({0, 1}))]
    return blocks


def _at_step(view: View, page: Page, step: OneStep, tensor: Tensor, place: Expr) -> Box:
    """A tensor at a step, with letters for its other indices."""
    position = step.recurrence.places[tensor.name]
    own = view.shown(step.supply.several((*tensor.axes[:position], *tensor.axes[position + 1 :])))
    letters = view.written_page.with_letters([i for i in (step.step, *own) if isinstance(i, Index)], ())
    return letters.symbol(tensor, (*own[:position], place, *own[position:]))


def by_steps(
    view: View, parameter: Tensor, entry: Sequence[Expr], found: Slope, show: Callable[[float], Box]
) -> list[Block]:
    """What the steps contribute to one entry of a gradient, in numbers, and its sum; nothing if it has other parts."""
    chains = view.derivation.chains
    original = chains.forward.tensors[parameter.name]
    factors = {s.target.about.name: s.target for s in view.batch.stage("factor") if s.target.about is not None}
    blocks: list[Block] = []
    total = 0.0
    for path in chains.paths(original, folded=True):
        page, steps = ChainRows(view).lettered(path, entry)
        _, below = steps[0], steps[-1]
        free = [i for i in below.of if isinstance(i, Index) and i.axis.extent != 1]
        if len(path) != 2 or len(free) != 1 or below.local.of.name not in factors:
            return []
        letter = page.index(free[0])
        assert letter is not None
        known = dict(zip((*below.local.of_indices, *below.local.wrt_indices), (*below.of, *below.wrt), strict=True))
        outer = view.batch.common * factors[below.local.of.name][below.of]
        inner = put(below.local.value, known)
        pairs = [
            [found.value(at_entry(view.value(value).xreplace({free[0]: Integer(n)}))) for value in (outer, inner)]
            for n in found.machine.places(free[0])
        ]
        total += sum(factor * slope for factor, slope in pairs)
        slopes = [view.error_slope(page.symbol(below.local.of, below.of))]
        slopes.append(
            page.typesetter.partial(page.symbol(below.local.of, below.of), page.symbol(below.local.wrt, below.wrt))
        )
        head = (*(say("{}", box) for box in (letter, *slopes)), Text(("product",)))
        rows = [(n, *pair, pair[0] * pair[1]) for n, pair in zip(found.machine.places(free[0]), pairs, strict=True)]
        blocks.append(Table(head, tuple(_numbers(view, row, show) for row in _picked(rows)), frozenset(range(4))))
    symbol = view.page.symbol(view.single.tensors[parameter.name], tuple(entry))
    sum_of_all = Display((Item(view.error_slope(symbol), (show(total),)),))
    return [Text(("The steps contribute",)), *blocks, Text(("and the sum is",)), sum_of_all]


def _numbers(view: View, row: tuple[float, ...], show: Callable[[float], Box]) -> tuple[Text, ...]:
    """A row of a table: the number of a step and what belongs to it; of NaN, dots."""
    if math.isnan(row[0]):
        return tuple(say("{}", view.set_.dots("down")) for _ in row)
    step, *values = row
    return tuple(say("{}", box) for box in (view.set_.number(int(step)), *map(show, values)))


def _picked(rows: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """All rows, or of many the first ones and the last, with a row of NaN between."""
    between = (math.nan,) * len(rows[0])
    return [*rows] if len(rows) <= MOST_STEPS else [*rows[: MOST_STEPS - 2], between, rows[-1]]
