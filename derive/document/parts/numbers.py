"""A worked example: every value of a step, computed from the equations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
from sympy import Add, Expr, Indexed, Integer, Mul, Sum, Symbol

from derive.arrays.blocks import gives_rows
from derive.arrays.lift import ArrayAssign, ArrayProgram
from derive.arrays.matrix import Formula
from derive.calculus.evaluate import FLOATS, Interpreter
from derive.calculus.functions import Elementwise
from derive.calculus.index import Axis, Equation, Index, Tensor
from derive.calculus.roles import Role
from derive.calculus.sample import counted
from derive.calculus.scalar_chains import at_entry
from derive.document.blocks import Block, Display, Heading, Item, Part, Reference, Text, listed, say
from derive.document.parts.forward import UNITS, written_out
from derive.document.parts.loop import is_of_first, start_of
from derive.document.recursion import Layered
from derive.document.through_steps import arrival
from derive.document.view import LINE, View, bound_in
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.boxes import ATOM, PRODUCT, Box
from derive.paper.characters import plain
from derive.paper.page import Page
from derive.record import record
from derive.targets.named import in_axes, sizes, store_order
from derive.worked.example import Example, Step, position
from derive.worked.figures import Figure, Layout, layout, shown, table
from derive.worked.figures import Table as Figures
from derive.worked.measured import DIFFERENCE_STEP

#: Largest number of rows and columns of a matrix printed; of more, the first and the last.
SIDE = 8
#: The width of a matrix of numbers, in em.
ROOM = LINE - 7
#: Largest number of matrices printed of an array of three or more axes.
SLICES = 6
#: The significant digits of losses that differ by a small change of one parameter.
MOVED_DIGITS = 12
#: The significant digits of how much arrives after many steps.
ARRIVING = 3


def numbers(view: View) -> Part:
    """Show the data, then each step from the forward pass to the update."""
    example = view.example
    assert example is not None
    blocks: list[Block] = [_start_words(view, example), Display(tuple(_start(view, example)))]
    for step in example.steps:
        blocks += _step(view, example, step)
    if example.later is not None:
        blocks += _later(view, example)
    return Part("numbers", "A worked example in numbers", tuple(blocks))


def _program(view: View, example: Example) -> tuple[ArrayProgram, Page]:
    """Return the program and the page, those for one sample if the example has one."""
    return (view.single, view.page) if _of_one(view, example) else (view.batch, view.batch_page)


def _of_one(view: View, example: Example) -> bool:
    """Whether the numbers are those of one sample."""
    return view.sampled and example.samples == 1


# Data and initial parameters.


def _start_words(view: View, example: Example) -> Text:
    drawn = [view.batch_page.symbol(view.batch.tensors[n], whole=True) for n in example.start.drawn]
    verb = "is" if len(drawn) == 1 else "are"
    origin = (
        say("; {} {} drawn at random with seed {}", listed(drawn), verb, str(example.start.seed)) if drawn else Text(())
    )
    rate = example.figure(example.start.learning_rate)
    samples = "There is one sample" if example.samples == 1 else f"There are {example.samples} samples"
    return say(
        (f"{samples}, and the learning rate" if view.sampled else "The learning rate")
        + " is {}{}. "
        + _states_words(view)
        + _drawn_too(view, example)
        + "Numbers are rounded for printing, not for computing. "
        + _in_slices(example)
        + "The data and the initial parameters are",
        view.set_.join((view.page.symbol(LEARNING_RATE), figure(view, rate)), "equals", ATOM),
        origin,
    )


def _states_words(view: View) -> str:
    """Say where the state of the optimizer and running averages start."""
    averages = view.batch.averages.values()
    others = "The optimizer's state starts at 0. " if len(view.batch.states) > len(averages) else ""
    return others + "Running averages start as above. " * bool(averages)


def _in_slices(example: Example) -> str:
    """Say how arrays of three or more axes are printed, if there are any."""
    if all(array.size == prod(array.shape[-2:]) for array in example.steps[0].values.values()):
        return ""
    by_sample = " for each sample, its upper index, and" * (example.samples > 1)
    return (
        f"An array of three or more axes is printed as matrices, one{by_sample} for each entry of the axes that have "
        "numbers; the axes with colons are its rows and columns. "
    )


def _drawn_too(view: View, example: Example) -> str:
    """Say that what starts at 0 in learning is drawn here."""
    drawn = [view.batch.tensors[n] for n in example.start.drawn]
    if view.derivation.network is not None:
        any_bias = any(t.role == Role.BIAS for t in drawn)
        return "The biases are drawn, too, so that no term is 0. " * any_bias
    zero = any(t in view.batch.parameters and start_of(view, t) == 0 for t in drawn)
    return "Parameters that start at 0 are drawn, too, so that no term is 0. " * zero


def _start(view: View, example: Example) -> list[Item]:
    program, page = _program(view, example)
    first = example.steps[0]
    return [
        item
        for t in (*program.inputs, *program.parameters)
        for item in _values(view, page, t, first.values[t.name], example.style(first, t.name))
    ]


# One step.


def _step(view: View, example: Example, step: Step) -> list[Block]:
    """The forward pass, error, backward pass, gradients beside their finite differences, and the update."""
    program, _ = _program(view, example)
    first = program.stage("forward", "error")
    words = say("The forward pass and the loss{}:", _by(view, example, first))
    several = len(example.steps) > 1 or example.later is not None
    blocks: list[Block] = [Heading(Text((f"Step {step.number}",)), words) if several else words]
    blocks.append(_stage(view, example, step, first))
    in_numbers = step.number == 1 and not (view.brief or view.batch.extents)
    if in_numbers:
        blocks += _first_units(view, example, step, "forward", "error")
    slopes = _slopes(view, example, step)
    if slopes:
        blocks += [Text(("The derivatives of the activations:",)), Display(tuple(slopes))]
    if program.stage("factor"):
        factors = program.stage("factor")
        blocks += [say("The backward pass{}:", _by(view, example, factors)), _stage(view, example, step, factors)]
    if step.number == 1:
        blocks += arrival(view, _machine(example, step), lambda number: figure(view, shown(number, ARRIVING)))
    gradients = program.stage("gradient")
    blocks += [say("The gradients{}:", _by(view, example, gradients)), _stage(view, example, step, gradients)]
    if in_numbers:
        blocks += _first_units(view, example, step, "factor", "gradient")
    if step.number == 1:
        blocks.append(_finite_difference(view, example, step))
    return [
        *blocks,
        _compared(view, example, step),
        Text(("The update:",)),
        _stage(view, example, step, program.stage("update")),
        *(_first_units(view, example, step, "update") if in_numbers else ()),
        say(
            f"The step {'lowers' if step.after < step.before else 'raises'} the loss from {{}} to {{}}.",
            figure(view, example.figure(step.before)),
            figure(view, example.figure(step.after)),
        ),
    ]


def _machine(example: Example, step: Step) -> Interpreter:
    """The values of a step for formulas."""
    tensors = example.program.tensors
    values = {name: in_axes(tensors[name], value) for name, value in step.values.items() if name in tensors}
    return Interpreter(values, sizes(example.program, values), tensors, FLOATS)


def _by(view: View, example: Example, statements: Sequence[ArrayAssign]) -> Text:
    """The equations that are computed for one sample; those for a batch carry their numbers."""
    if not _of_one(view, example):
        return Text(())
    numbers = [Reference(s.number) for s in statements]
    if len(numbers) > 2:
        return say(", by {} to {} for one sample", numbers[0], numbers[-1])
    return say(", by {} for one sample", listed(numbers))


def _first_units(view: View, example: Example, step: Step, *stages: str) -> list[Block]:
    """Each equation that computes something, for its first unit and with the numbers substituted."""
    known = _Known(view, example, step)
    told = [s for stage in stages for s in _telling(view, stage) if not _is_fixed(example, s)]
    equations = [counted(s.equation, example.samples) for s in told if not gives_rows(s.equation)]
    items = tuple(item for e in equations if (item := _first_unit(view, known, e)) is not None)
    sample = " and the first sample" if example.samples > 1 else ""
    entry = f"For the first unit{sample}" if "forward" in stages else "For the first entry"
    return [Text((f"{entry}, with the numbers substituted:",)), Display(items)] if items else []


def _telling(view: View, stage: str) -> list[ArrayAssign]:
    """The statements of a stage; unless the detail is exhaustive, of the same form in several layers the first layer's.

    Of the updates, those of the first parameter and of what all parameters share.
    """
    statements = [s for s in view.batch.stage(stage) if stage != "update" or is_of_first(view, s)]
    if view.exhaustive:
        return statements
    formulas = Layered(view).formulas(stage, -1 if stage == "factor" else 0)
    alike = {s.target.name for f in formulas for s in f.statements if s.target.layer != f.layers[0]}
    return [s for s in statements if s.target.name not in alike]


def _is_fixed(example: Example, statement: ArrayAssign) -> bool:
    """Whether a statement updates a parameter that keeps its value."""
    return statement.target.replaces is not None and statement.target.replaces.name in example.fixed


@record
class _Known(Mapping[Expr, Box]):
    """The values of numbers, of entries of tensors, and of the derivatives of functions there, as printed."""

    view: View
    example: Example
    step: Step

    def __getitem__(self, symbol: Expr) -> Box:
        values = self.step.values
        if isinstance(symbol, Elementwise):
            if not symbol.order or not isinstance(symbol.args[0], Indexed):
                raise KeyError(symbol)
            values = {name: array for (title, name), array in self.step.slopes.items() if title == symbol.title}
            (symbol,) = symbol.args
        name, indices = (symbol.base.label.name, symbol.indices) if isinstance(symbol, Indexed) else (symbol.name, ())
        tensor = self.view.single.tensors[name]
        if len(indices) != len(tensor.axes):
            raise KeyError(symbol)
        numbers = tuple(map(self._index, indices))
        inside = (
            a.start <= n <= a.start + length - 1
            for n, a, length in zip(numbers, tensor.axes, _lengths(tensor, values[name]), strict=True)
        )
        value = values[name][position(tensor, numbers)] if all(inside) else 0.0
        return figure(self.view, self.example.figure(value))

    def _index(self, index: Expr) -> int:
        """The number that an index stands for: one, or the only one of its axis, or an entry of an integer tensor."""
        if index.is_Integer or _is_single(index):
            return int(index if index.is_Integer else index.axis.start)
        if not isinstance(index, Indexed):
            raise KeyError(index)
        tensor = self.view.single.tensors[index.base.label.name]
        return int(self.step.values[tensor.name][position(tensor, tuple(map(self._index, index.indices)))])

    def __iter__(self) -> Iterator[Expr]:
        raise TypeError("the entries are not listed")

    def __len__(self) -> int:
        return len(self.view.single.tensors)


def _lengths(tensor: Tensor, stored: Any) -> tuple[int, ...]:
    """The number of entries along each axis."""
    return in_axes(tensor, stored).shape


def _is_single(index: Expr) -> bool:
    return isinstance(index, Index) and index.axis.extent == 1


def _first_unit(view: View, known: _Known, equation: Equation) -> Item | None:
    """Write one entry of an equation: its formula with numbers for symbols, and its value; None if it is a copy."""
    entry = tuple(_first(i) for i in equation.indices)
    value = at_entry(equation.at(entry))
    sums, others = _factors(value)
    value = Add(*(t if _is_sum(t) else _opened(t) for t in Add.make_args(value)))
    if isinstance(_opened(value), Indexed | Symbol) or any(len(total.limits) > 1 for total in value.atoms(Sum)):
        return None
    page = view.page.with_letters([i for i in entry if isinstance(i, Index)], bound_in(value, ()))
    page = replace(page, given=known, dotted=True)
    if len(sums) == 1 and others != 1 and not others.could_extract_minus_sign():
        pieces = _factor_of(page, sums[0], _opened(others))
    else:
        pieces = written_out(page, value, UNITS["exhaustive"])
    result = view.set_.before("equals", known[equation.target[entry]])
    return Item(page.symbol(equation.target, entry), (*pieces, result))


def _factors(value: Expr) -> tuple[list[Expr], Expr]:
    """The long sums in a product, and the product of the other factors."""
    factors = Mul.make_args(value)
    sums = [f for f in factors if _is_sum(f) and f.limits[0][0].axis.extent != 1]
    return sums, Mul(*(f for f in factors if f not in sums))


def _factor_of(page: Page, total: Expr, others: Expr) -> list[Box]:
    """A sum times other factors, in pieces, so that a line may break within the brackets."""
    setter = page.typesetter
    opening, closing = (setter.letter(plain(c)) for c in "()")
    terms = written_out(page, total, UNITS["exhaustive"])
    terms[0] = setter.join((opening, terms[0]), "", ATOM)
    terms[-1] = setter.join((setter.join((terms[-1], closing), "", ATOM), page.entry(others)), "dot", PRODUCT)
    return terms


def _first(index: Index) -> Expr:
    """The first unit; the first sample as an index with a single value, which is not written."""
    axis = index.axis
    return Index(index.name, replace(axis, extent=Integer(1))) if axis.sample else Integer(axis.start)


def _is_sum(term: Expr) -> bool:
    """Whether a term is a sum, or a number times a sum, which is written out term by term."""
    total = term.as_coeff_Mul()[1]
    return isinstance(total, Sum) and len(total.limits) == 1


def _opened(value: Expr) -> Expr:
    """Write the sums of few terms within a product as their terms."""

    def terms(total: Expr) -> Expr:
        axes = [[(i, Integer(n)) for n in range(i.axis.start, i.axis.stop + 1)] for i, *_ in total.limits]
        return Add(*(total.function.xreplace(dict(at)) for at in product(*axes)))

    few = UNITS["exhaustive"]
    return value.replace(lambda e: isinstance(e, Sum) and prod(i.axis.extent for i, *_ in e.limits) <= few, terms)


def _finite_difference(view: View, example: Example, step: Step) -> Text:
    """A central difference for one parameter: two losses, their difference, the quotient."""
    gradient = view.single.stage("gradient")[0].target
    assert gradient.about is not None
    measured = step.measured[gradient.name]
    up, down = (figure(view, shown(value, MOVED_DIGITS)) for value in measured.moved)
    h = figure(view, shown(DIFFERENCE_STEP))
    place, name = measured.place, gradient.name
    derived = example.style(step, name).figure(float(step.values[name][place]))
    central = example.central_style(step, name).figure(float(measured.central[place]))
    return say(
        "To check one gradient, change one parameter. Raising {} by {} gives the loss {}, lowering it by {} gives {}. "
        "Their difference divided by {} is {}; the derivative is {}.",
        view.page.symbol(gradient.about, _indices(gradient.about, measured.place)),
        h,
        up,
        h,
        down,
        view.set_.join((view.set_.number(2), h), "dot", PRODUCT),
        figure(view, central),
        figure(view, derived),
    )


def _slopes(view: View, example: Example, step: Step) -> list[Item]:
    """Write the values of f' in the backward equations."""
    program, page = _program(view, example)
    known = {d.function.title: d.function for d in program.definitions}
    found: list[Item] = []
    for (name, source), values in sorted(step.slopes.items(), key=lambda s: s[0][1]):
        tensor = program.tensors[source]
        function = page.function(known[name], tensor.layer)
        found += _values(view, page, tensor, values, layout(values.ravel(), example.start.digits), function)
    return found


def _stage(view: View, example: Example, step: Step, statements: Sequence[ArrayAssign]) -> Display:
    _, page = _program(view, example)
    return Display(tuple(line for s in statements for line in _lines(view, example, step, page, s)))


def _lines(view: View, example: Example, step: Step, page: Page, statement: ArrayAssign) -> Iterator[Item]:
    """Write a statement with its formula, its values, and its number if it is that of a batch."""
    stated = not isinstance(statement.form, Formula)  # an equation of entries is not one of arrays
    target = statement.target
    first, *others = _values(view, page, target, step.values[target.name], example.style(step, target.name))
    fixed = _is_fixed(example, statement)
    formula = page.array_pieces(statement.form, LINE - first.left.width - 5) if stated else []
    pieces = first.right if fixed or not stated else (*formula, view.set_.before("equals", first.right[0]))
    words = Text(("not updated",)) if fixed else None
    number = None if _of_one(view, example) and statement.stage != "update" else statement.number
    yield replace(first, right=pieces, number=number, reason=words, again=number is not None)
    yield from others


def _compared(view: View, example: Example, step: Step) -> Text:
    """The largest difference between the gradients and the central differences."""
    largest = max(float(np.max(np.abs(step.values[n] - m.central))) for n, m in step.measured.items())
    kinks = "; central differences are no derivatives where an activation has a kink in between"
    return say(
        f"Such a quotient is a central difference. Over all parameters, the largest difference between it and the "
        f"derivative is {{}}{kinks * example.kinked}.",
        figure(view, shown(largest, 2)),
    )


def _indices(tensor: Tensor, place: tuple[int, ...]) -> tuple[Expr, ...]:
    """The indices of the entry that is stored at a place."""
    return tuple(Integer(axis.start + n) for axis, n in zip(tensor.stored_axes, place, strict=False))


# The result of many steps.


def _later(view: View, example: Example) -> list[Block]:
    later = example.later
    assert later is not None
    program, page = _program(view, example)
    style = layout(later.outputs.ravel(), example.start.digits)
    return [
        say(
            "After {} steps the loss is {}, and the outputs are",
            view.set_.number(later.rounds),
            figure(view, example.figure(later.error)),
        ),
        Display(tuple(_values(view, page, program.prediction, later.outputs, style))),
    ]


# Numbers as formulas.


def _values(
    view: View, page: Page, tensor: Tensor, array: Any, style: Layout, function: Box | None = None
) -> Iterator[Item]:
    """Write the values of a stored tensor, or of a function of it, as a matrix.

    With three or more axes there is a matrix for each entry of all axes but the last two; of many, the first ones
    and the last.
    """
    leading, axes = array.shape[:-2], tensor.stored_axes
    relation = "gets" if tensor.role == Role.UPDATED else "equals"
    places = [*np.ndindex(leading)]
    ends = [Index(f"end{n}", axis) for n, axis in enumerate(axes[-2:])]
    colons = replace(page, letters=dict.fromkeys(ends, "colon"))
    for number in _picked(len(places), SLICES):
        if number is None:
            yield Item(view.set_.dots("down"), (), "none")
            continue
        left = page.symbol(tensor, whole=True)
        if len(places) > 1:
            firsts = map(_place, axes, places[number])
            stored = [*firsts, *ends]
            left = colons.symbol(tensor, tuple(stored[n] for n in np.argsort(store_order(tensor))))
        if function is not None:
            left = view.set_.apply(function, left)
        yield Item(left, (matrix(view, table(array[places[number]], style)),), relation)


def _place(axis: Axis, offset: int) -> Expr:
    """An entry along an axis; the only one is an index, which is not written."""
    return Index("only", axis) if axis.extent == 1 else Integer(axis.start + offset)


def figure(view: View, number: Figure) -> Box:
    """A number, formatted for printing."""
    box = view.set_.decimal(number.digits, number.exponent or None)
    return view.set_.before("minus", box) if number.negative else box


def matrix(view: View, rows: Figures) -> Box:
    """A matrix of numbers; if it has many rows or columns, or does not fit, the first ones and the last."""
    if len(rows) == 1 and len(rows[0]) == 1:
        return figure(view, rows[0][0])
    cells = [[figure(view, number) for number in row] for row in rows]
    widest = max(cell.width for row in cells for cell in row) + 1
    return view.set_.matrix(
        [
            [
                view.set_.dots("down" if c is not None else "across") if r is None or c is None else cells[r][c]
                for c in _picked(len(rows[0]), min(SIDE, int(ROOM / widest)))
            ]
            for r in _picked(len(rows), SIDE)
        ]
    )


def _picked(count: int, most: int) -> list[int | None]:
    return [*range(count)] if count <= most else [*range(most - 2), None, count - 1]
