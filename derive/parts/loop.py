"""The update and the loop: each line tied to its equation and to the line of code that does it."""

from __future__ import annotations

import io
import tokenize

from derive.blocks import Algorithm, Block, Code, Display, Item, Part, Step, Text, listed, say
from derive.deltas import tidy
from derive.index import Index, symbols_read
from derive.optimizers import LEARNING_RATE
from derive.printers.boxes import SUM, Box
from derive.program import Assign
from derive.render import HEADER_LINES
from derive.view import View

#: How many lines of one stage are listed before the middle ones are left out.
MOST = 8
#: The widest formula of a line, in em; of a wider one only the left side is shown.
WIDEST = 19.0


def loop(view: View) -> Part:
    """A step against the gradient, and the algorithm that repeats it."""
    blocks: list[Block] = [
        say("A step goes against the gradient, with the learning rate {}:", view.page.symbol(LEARNING_RATE)),
        view.batched("update"),
    ]
    if not view.brief:
        blocks += [say("For one sample, with the gradient put in:"), Display(tuple(_stepwise(view)))]
    blocks += [_kept(view), _algorithm(view)]
    return Part("loop", "The update and the loop", tuple(blocks))


def _stepwise(view: View) -> list[Item]:
    """Each update for one sample, with the gradient put in."""
    gradients = {s.target.about: s for s in view.single.stage("gradient")}
    found = []
    for statement in view.single.stage("update"):
        equation, about = statement.equation, statement.target.about
        assert about is not None
        slope = gradients[about]
        put_in = {slope.target[equation.indices]: slope.equation.at(equation.indices)}
        value = equation.expression.xreplace(put_in)
        page = view.page.with_letters(equation.indices, value.atoms(Index) - set(equation.indices))
        left = page.symbol(statement.target, equation.indices)
        if view.notation.increment:
            before = about[equation.indices]
            rule, step = (tidy(e - before) for e in (equation.expression, value))
            increment = view.set_.join((view.letter("Delta"), left), "", left.binds)
            found.append(Item(increment, (page.entry(rule), view.set_.before("equals", page.entry(step)))))
        found.append(Item(left, tuple(page.pieces(value)), "gets"))
    return found


def _kept(view: View) -> Text:
    """Which arrays of the forward pass the backward pass reads."""
    read = {n for s in view.batch.stage("factor", "gradient") for n in symbols_read(s.equation.expression)}
    known = [t for t in view.batch.inputs if t.role != "target"] + [s.target for s in view.batch.stage("forward")]
    kept = [view.batch_page.symbol(t, whole=True) for t in known if t.name in read]
    shown = kept if len(kept) <= MOST else [*kept[:4], view.set_.dots("low"), *kept[-2:]]
    return say("The backward pass reads {}, so they are kept until then.", listed(shown))


# The algorithm.


def _algorithm(view: View) -> Algorithm:
    lines = code_lines(view.derivation.numpy())
    steps = [Step(say("repeat, for one batch ({}, {}) after another:", *_data(view)))]
    for stage, title in (
        ("forward", "forwards:"),
        ("error", "the error:"),
        ("factor", "backwards:"),
        ("gradient", "the gradients:"),
        ("update", "the update:"),
    ):
        statements = view.batch.stage(stage)
        if statements:
            steps += [Step(Text((title,)), 1), *_lines(view, statements, lines)]
    heading = say("Gradient descent; the last column is the line of {} that does it", Code("trainer.py"))
    return Algorithm(heading, tuple(steps))


def _data(view: View) -> list[Box]:
    return [view.batch_page.symbol(t, whole=True) for t in view.batch.inputs]


def _lines(view: View, statements: tuple[Assign, ...], code: dict[int, tuple[int, str]]) -> list[Step]:
    steps = [_line(view, s, code) for s in statements]
    if len(steps) > MOST and not view.exhaustive:
        steps = [*steps[:4], Step(Text((view.set_.dots("down"),)), 2), *steps[-2:]]
    return steps


def _line(view: View, statement: Assign, code: dict[int, tuple[int, str]]) -> Step:
    symbol = view.batch_page.symbol(statement.target, whole=True)
    assert statement.form is not None
    value = view.batch_page.array(statement.form)
    formula = view.set_.join((symbol, value), "gets", SUM)
    shown = say("{}", formula) if formula.width <= WIDEST else say("compute {}", symbol)
    return Step(shown, 2, statement.number, code.get(statement.number))


def code_lines(source: str) -> dict[int, tuple[int, str]]:
    """The line of a generated module that computes each equation, found by the number in its comment.

    Line numbers count the header that the file is sealed with. Of a statement of several
    lines, whose comment stands at its end, it is the first.
    """
    found: dict[int, tuple[int, str]] = {}
    lines, first = source.split("\n"), 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            first = 0
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            first = first or token.start[0]
        number = token.string[3:-1] if token.type == tokenize.COMMENT and token.string[1:3] == " (" else ""
        if not number.isdigit() or not first:
            continue
        end = token.start[1] if first == token.start[0] else None
        line = lines[first - 1][:end].strip()
        if not line.startswith("result"):  # a helper of an equation, not the equation
            found.setdefault(int(number), (first + HEADER_LINES, line))
    return found
