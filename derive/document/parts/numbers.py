"""A worked example: every value of a step, computed from the equations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from sympy import Integer

from derive.arrays.lift import ArrayAssign, ArrayProgram
from derive.calculus.index import Tensor
from derive.document.blocks import Block, Display, Heading, Item, Part, Table, Text, listed, say
from derive.document.view import LINE, View, relation
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.boxes import ATOM, Box
from derive.paper.page import Page
from derive.worked.example import Example, Step
from derive.worked.figures import Figure, figures
from derive.worked.figures import Table as Figures

#: Largest number of rows and columns of a matrix, and of gradient entries, printed; of more, the first and the last.
SIDE, ENTRIES = 8, 24


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
    return (view.single, view.page) if example.samples == 1 else (view.batch, view.batch_page)


# Data and initial parameters.


def _start_words(view: View, example: Example) -> Text:
    noun = "sample" if example.samples == 1 else "samples"
    drawn = [view.batch_page.symbol(view.batch.tensors[n], whole=True) for n in example.start.drawn]
    verb = "is" if len(drawn) == 1 else "are"
    origin = say("; {} {} drawn from the seed {}", listed(drawn), verb, str(example.start.seed)) if drawn else Text(())
    rate = example.figure(example.start.learning_rate)
    return say(
        "All values are computed from the equations, and printed rounded. There "
        + ("is " if example.samples == 1 else "are ")
        + f"{example.samples} {noun}"
        + "; the learning rate is {}{}. "
        + ("The optimizer's state begins at 0. " if view.batch.states else "")
        + "The data and the initial parameters are",
        view.set_.join((view.page.symbol(LEARNING_RATE), figure(view, rate)), "equals", ATOM),
        origin,
    )


def _start(view: View, example: Example) -> list[Item]:
    program, page = _program(view, example)
    given = [t for t in (*program.inputs, *program.parameters)]
    first = example.steps[0]
    return [Item(page.symbol(t, whole=True), (matrix(view, example.figures(first, t.name)),)) for t in given]


# One step.


def _step(view: View, example: Example, step: Step) -> list[Block]:
    """The forward pass, error, backward pass, gradients beside their finite differences, and the update."""
    program, _ = _program(view, example)
    title = Text((f"Step {step.number}",))
    blocks: list[Block] = [Heading(title, Text(("Forwards, and the error:",)))]
    blocks.append(_stage(view, example, step, program.stage("forward", "error")))
    slopes = _slopes(view, example, step)
    if slopes:
        blocks += [Text(("The slopes of the activations:",)), Display(tuple(slopes))]
    if program.stage("factor"):
        blocks += [Text(("Backwards:",)), _stage(view, example, step, program.stage("factor"))]
    blocks += [
        say("The gradients, beside central differences of the error {}:", _kink_words(example)),
        gradient_table(view, example, step),
        Text(("The update:",)),
        _stage(view, example, step, program.stage("update")),
        say(
            "The error was {} before the step and is {} after it.",
            figure(view, example.figure(step.before)),
            figure(view, example.figure(step.after)),
        ),
    ]
    return blocks


def _slopes(view: View, example: Example, step: Step) -> list[Item]:
    """Write the values of f' in the backward equations."""
    program, page = _program(view, example)
    known = {d.function.title: d.function for d in program.definitions}
    found = []
    for (name, source), values in sorted(step.slopes.items(), key=lambda s: s[0][1]):
        tensor = program.tensors[source]
        function = page.function(known[name], tensor.layer)
        left = view.set_.apply(function, page.symbol(tensor, whole=True))
        found.append(Item(left, (matrix(view, figures(values, example.start.digits)),)))
    return found


def _kink_words(example: Example) -> str:
    bound = "of the same module"
    return bound + (", which say nothing where an activation has a kink in between" if example.kinked else "")


def _stage(view: View, example: Example, step: Step, statements: Sequence[ArrayAssign]) -> Display:
    _, page = _program(view, example)
    return Display(tuple(_line(view, example, step, page, s) for s in statements))


def _line(view: View, example: Example, step: Step, page: Page, statement: ArrayAssign) -> Item:
    """Write a statement with its number, its formula and its values."""
    left = page.symbol(statement.target, whole=True)
    values = matrix(view, example.figures(step, statement.target.name))
    fixed = statement.stage == "update" and statement.target.about and statement.target.about.name in example.fixed
    formula = page.array_pieces(statement.form, LINE - left.width - 5)
    pieces = (values,) if fixed else (*formula, view.set_.before("equals", values))
    words = Text(("kept as it is",)) if fixed else None
    return Item(left, pieces, relation(statement), statement.number, words, batch=True)


def gradient_table(view: View, example: Example, step: Step) -> Table:
    """Tabulate each entry of each gradient with its finite difference."""
    rows: list[tuple[Text, ...]] = []
    for statement in view.single.stage("gradient"):
        rows += _gradient_rows(view, example, step, statement.target)
    head = tuple(Text((t,)) for t in ("", "derived", "central difference"))
    return Table(head, tuple(rows), frozenset({1, 2}))


def _gradient_rows(view: View, example: Example, step: Step, gradient: Tensor) -> list[tuple[Text, ...]]:
    derived, measured = example.compared(step, gradient.name)
    places = list(product(range(len(derived)), range(len(derived[0]))))
    shown = places if len(places) <= ENTRIES else [*places[: ENTRIES - 2], None, places[-1]]
    dots = Text((view.set_.dots("down"),))
    return [
        (dots, dots, dots)
        if place is None
        else (
            Text((_entry(view, gradient, place),)),
            Text((figure(view, derived[place[0]][place[1]]),)),
            Text((figure(view, measured[place[0]][place[1]]),)),
        )
        for place in shown
    ]


def _entry(view: View, gradient: Tensor, place: tuple[int, int]) -> Box:
    about = gradient.about
    assert about is not None
    indices = tuple(Integer(axis.start + n) for axis, n in zip(about.axes, place, strict=False))
    return view.page.symbol(gradient, indices)


# The result of many steps.


def _later(view: View, example: Example) -> list[Block]:
    later = example.later
    assert later is not None
    program, page = _program(view, example)
    shown = matrix(view, figures(later.outputs, example.start.digits))
    return [
        say(
            "After {} steps the error is {}, and the outputs are",
            view.set_.number(later.rounds),
            figure(view, example.figure(later.error)),
        ),
        Display((Item(page.symbol(program.prediction, whole=True), (shown,)),)),
    ]


# Numbers as formulas.


def figure(view: View, number: Figure) -> Box:
    """A number, formatted for printing."""
    box = view.set_.decimal(number.digits, number.exponent or None)
    return view.set_.before("minus", box) if number.negative else box


def matrix(view: View, rows: Figures) -> Box:
    """A matrix of numbers; if it has many rows or columns, the first ones and the last."""
    if len(rows) == 1 and len(rows[0]) == 1:
        return figure(view, rows[0][0])
    picked = _picked(len(rows))
    columns = _picked(len(rows[0]))
    return view.set_.matrix(
        [
            [
                view.set_.dots("down" if c is not None else "across")
                if r is None or c is None
                else figure(view, rows[r][c])
                for c in columns
            ]
            for r in picked
        ]
    )


def _picked(count: int) -> list[int | None]:
    return [*range(count)] if count <= SIDE else [*range(SIDE - 2), None, count - 1]
