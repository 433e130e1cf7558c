"""The document as a notebook: after each equation the code that computes it, then the check and the training.

The code of an equation is the line of the generated module. In an exercise it is a blank, with a check of the answer.
The bytes are those of nbformat 4.5. The notebook has no stored outputs and needs no other file: it holds the module.
"""

from __future__ import annotations

import base64
import bz2
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

from sympy import Integer

from derive.arrays.lift import ArrayAssign
from derive.calculus.functions import X
from derive.calculus.program import STAGES
from derive.calculus.roles import Role
from derive.document.blocks import Algorithm, Block, Display, Document, Item, Part
from derive.document.updates import Updates
from derive.document.view import View
from derive.files.flavours import JUPYTER, escaped
from derive.files.templates import fill
from derive.formats.markdown import MarkdownWriter, linked
from derive.record import record
from derive.targets.names import CodeNames, code_names
from derive.targets.numpy.code import quoted
from derive.targets.numpy.function_bodies import dict_code
from derive.targets.verify import ENTRYWISE
from derive.text.errors import SpecError

if TYPE_CHECKING:
    from derive.calculus.program import Program
    from derive.document.manuscript import Manuscript
    from derive.targets.numpy.script import Script
    from derive.targets.registry import Runnable

Cell = dict[str, Any]

#: The largest number of parameters for which the check covers every entry.
SMALL = 2000
#: The largest number of parameters with which an epoch is a matter of milliseconds.
LARGE = 200_000
#: The size of the first named width; each further one is larger by one.
FIRST_WIDTH = 3
#: The learning rate of the step in the cells of the update.
STEP_RATE = 0.1

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: What folds the code of a cell in JupyterLab and in Colab.
_FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}

#: The cells before the first equation, by the names of their templates, with the text before each.
_BEFORE = {
    "unpack": "## Setting up\n\n"
    "The first cell unpacks the generated code (`trainer.py`, with `--form single-file`), so the notebook needs no "
    "other file. It needs NumPy; it plots with Matplotlib if that is installed.",
    "functions": "The constants and functions in the equations, as in the generated code. They are accurate for all "
    "arguments, so some are longer than their formulas.",
    "example": "Random parameters{}:",
}
_CHECKS = "The next cell defines `check`, which compares an answer with the value that the generated code computes."
_BLANKS = (
    "This is an exercise. Below each equation is a cell with a blank, `...`. Replace it by the right side of the "
    "equation in NumPy, then run the cell and the check after it. `A @ B` is the product of matrices, `A * B` the "
    "elementwise product, `A.T` the transpose, and `np.sum(A, axis=1, keepdims=True)` the sum of each row. "
    "Where NumPy objects to two shapes, look at them with `A.shape`. After "
    "a check, the variable holds the right value, so you may leave equations out."
)
_STEP = "The gradients by the names of their parameters, and the learning rate, for the update:"
_LAYER = (
    "## Check\n\nThe complex step moves a parameter or an input by a tiny imaginary number and reads the derivative "
    "off the imaginary part of the loss, here of the sum of the outputs times their given derivatives:"
)
_SCORE = "## The result of the exercise"

#: The cells after the document, in the same way.
_AFTER = {
    "compare": "The cells above and the functions of the generated code give the same gradients, and the same "
    "parameters after a step:",
    "quotient": "A finite difference approximates a gradient. Change one entry of a parameter by $h$ in both "
    "directions, and divide the difference of the two losses by $2h$:",
    "check": "The same for all parameters, and with the complex step, which is more accurate. Errors of the size of "
    "rounding errors mean that the gradients are right.",
    "data": "Random data for training:",
    "learn": "The learning rate is found by trying. With a small one the loss hardly changes; with a large one it "
    "grows, or stays high. The rate with the lowest loss after a few epochs usually lies in between: it is not the "
    "largest that works. For small networks, the loss is the mean over five random initialisations.",
    "curve": "The loss after those few epochs by learning rate, and the loss during training:",
    "predict": "The loss before and after training:",
}
_TAUGHT = {
    "data": "Data for training: random inputs, in three directions at most, with the outputs of another network of the "
    "same shape as targets.",
    "predict": "Predictions for samples that were not used in training:",
}


def files(manuscript: Manuscript) -> dict[str, str]:
    """Return the notebook by its file name; an exercise has a notebook with blanks, and one with the answers.

    Raises SpecError for an exercise about a layer alone.
    """
    document, derivation = manuscript.document, manuscript.view.derivation
    if manuscript.edition.flavour != "exercise":
        return {"derivation.ipynb": notebook(document, derivation)}
    if derivation.forward.upstream:
        raise SpecError("flavour exercise is for a network that is trained, not for a layer alone: leave it out")
    return {f"{kind}.ipynb": notebook(document, derivation, kind) for kind in ("exercise", "solution")}


def notebook(document: Document, derivation: Runnable, kind: str = "worked") -> str:
    """Write the document with code cells as a notebook, in JSON.

    ``kind`` is ``worked``, with code for each equation; ``exercise``, with blanks and checks; or ``solution``, with
    the same checks and the answers. Named widths get the sizes 3, 4 and so on.
    """
    content = {
        "cells": list(_Notebook(derivation, kind).cells(document)),
        "metadata": _METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


@record
class _Notebook:
    """Writes the cells of one notebook."""

    derivation: Runnable
    kind: str

    @property
    def checked(self) -> bool:
        return self.kind != "worked"

    @cached_property
    def view(self) -> View:
        return View(self.derivation)

    @cached_property
    def statements(self) -> dict[int, list[ArrayAssign]]:
        """The statements of each equation, in the order in which they are computed."""
        found: dict[int, list[ArrayAssign]] = {}
        for statement in self.view.batch.statements:
            found.setdefault(statement.number, []).append(statement)
        return found

    @cached_property
    def script(self) -> Script:
        return self.derivation.numpy_target.script()

    @cached_property
    def holes(self) -> dict[str, object]:
        """The variables of the code templates."""
        return _holes(self.derivation, self.script)

    def cells(self, document: Document) -> Iterator[Cell]:
        """The cells in order."""
        chapters = self._chapters(document)
        writer = linked(MarkdownWriter(JUPYTER), [replace(c.part, blocks=c.blocks) for c in chapters])
        title = document.title if self.kind == "worked" else f"{document.title}: {self.kind}"
        yield _text("title", f"# {escaped(title)}" + (f"\n\n{_BLANKS}" if self.checked else ""))
        first = next(c for c in chapters if c.numbers)
        for chapter in chapters:
            if chapter is first:
                yield from self._before()
            yield from self._chapter(chapter, writer)
        yield from self._after()

    def _chapters(self, document: Document) -> list[_Chapter]:
        """The parts, with code after the equations for a batch where they stand in the order of computation.

        Those that do not, or are not in the document, are in a part of their own at the end.
        """
        left = [*self.statements]
        chapters = [_chapter(part, left, self.checked) for part in document.parts]
        printed = [*self.view.batched(*STAGES[:-1]).items, *Updates(self.view).display.items]
        items = [item for item in printed if item.number in left and not item.again]
        last = Part("equations", "The equations in code", (Display(tuple(items)),))
        return [*chapters, _chapter(last, left, self.checked)] if left else chapters

    def _chapter(self, chapter: _Chapter, writer: MarkdownWriter) -> Iterator[Cell]:
        """A part as cells of text, with the code of its equations between them."""
        name, heading = chapter.part.name, f"## {escaped(chapter.part.title)}\n\n"
        for position, (number, blocks) in enumerate(chapter.chunks, start=1):
            text = writer.blocks(blocks)
            yield _text(name if position == 1 else f"{name}-{position}", heading + text if position == 1 else text)
            if number is not None:
                yield from self._equation(number)
            if number is not None and number == self.last_gradient and not self.view.alone:
                yield from self._run("step", _STEP)

    # ------------------------------------------------------------ code

    def _run(self, name: str, words: str, **how: Any) -> Iterator[Cell]:
        """A text and the code of a template."""
        yield _text(f"about-{name}", words)
        yield _code(f"run-{name}", fill(f"notebook/{name}.py.jinja", **self.holes), **how)

    def _before(self) -> Iterator[Cell]:
        """The cells that the code of equations needs."""
        for name, words in _BEFORE.items():
            yield from self._run(name, words.format(_random_data(self.derivation.program)), folded=name == "unpack")
        if self.checked:
            yield from self._run("exercise", _CHECKS, folded=True)

    def _equation(self, number: int) -> Iterator[Cell]:
        """The code of an equation, or a blank for it, and what shows or checks its value; for each parameter if any."""
        lines, shown, checks = [], [], []
        for statement in self._computed(number):
            code = self.script.assignments[statement.target.stored.name]
            before = code.before * (not (code.loop and self.kind == "exercise"))
            if self.kind == "exercise":
                lines.append(f"{before}{code.target} = ...  # ({statement.number})")
            elif not code.loop or statement.target.name == code.loop[-1]:
                lines.append(before + code.code)
            value = f"np.shape({code.target})" if statement.target.axes else code.target
            words = quoted(f"{code.name}:" if statement.target.axes else f"{code.name} =")
            shown.append(f"print({words}, {value})")
            checks.append(f"{code.target} = check({statement.number}, {quoted(code.name)}, {code.target})")
        if not lines:
            return
        if not self.checked:
            yield _code(f"equation-{number}", "\n".join([*lines, *shown]))
            return
        if self.statements[number][0].target.role == Role.UPDATED:
            lines.insert(0, f"check.before({number})  # so that this cell can be run again")
        yield _code(f"equation-{number}", "\n".join(lines))
        yield _code(f"check-equation-{number}", "\n".join(checks))

    def _computed(self, number: int) -> list[ArrayAssign]:
        """The statements whose code follows an equation; those of a loop all follow the last of them."""
        found, everywhere = [], [s for statements in self.statements.values() for s in statements]
        for statement in self.statements[number]:
            loop = self.script.assignments[statement.target.stored.name].loop
            if not loop:
                found.append(statement)
            elif statement.target.name == loop[-1]:
                found += [s for s in everywhere if s.target.name in loop]
        return found

    @cached_property
    def last_gradient(self) -> int:
        """The number of the last equation before the update."""
        return [s.number for s in self.derivation.program.statements if s.stage != "update"][-1]

    def _after(self) -> Iterator[Cell]:
        """The cells that check the gradients and train the network."""
        if self.view.alone:
            yield from self._run("layer", _LAYER)
            return
        if self.checked:
            yield _text("about-score", _SCORE)
            yield _code("run-score", "check.summary()")
        yield _text("about-training", "## Check and train")
        for name, words in ({**_AFTER, **_TAUGHT} if self.holes["taught"] else _AFTER).items():
            if name != "compare" or not self.checked:  # a check has compared each value already
                yield from self._run(name, words)


@record
class _Chapter:
    """A part in chunks of blocks; a chunk with a number is that equation, and its code follows."""

    part: Part
    chunks: tuple[tuple[int | None, tuple[Block, ...]], ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for _, blocks in self.chunks for block in blocks)

    @property
    def numbers(self) -> bool:
        return any(number is not None for number, _ in self.chunks)


def _chapter(part: Part, left: list[int], checked: bool) -> _Chapter:
    """Cut a part after each equation that is next in ``left``, from where it is removed.

    Algorithms are left out if answers are checked: they show the code.
    """
    chunks: list[tuple[int | None, tuple[Block, ...]]] = []
    for block in part.blocks:
        if isinstance(block, Display):
            chunks += _cut(block, left)
        elif not (checked and isinstance(block, Algorithm)):
            chunks.append((None, (block,)))
    joined: list[tuple[int | None, tuple[Block, ...]]] = []
    for number, blocks in chunks:
        if joined and joined[-1][0] is None:  # an equation is in the cell of the text before it
            joined[-1] = (number, (*joined[-1][1], *blocks))
        else:
            joined.append((number, blocks))
    return _Chapter(part, tuple(joined))


def _cut(display: Display, left: list[int]) -> Iterator[tuple[int | None, tuple[Block, ...]]]:
    """Cut a group of equations into those that code follows, one by one, and those between them."""
    kept: list[Item] = []
    for item in display.items:
        if left and not item.again and item.number == left[0]:
            if kept:
                yield None, (Display(tuple(kept)),)
                kept = []
            yield left.pop(0), (Display((item,)),)
        else:
            kept.append(item)
    if kept:
        yield None, (Display(tuple(kept)),)


def _text(name: str, text: str) -> Cell:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": _lines(text)}


def _code(name: str, code: str, folded: bool = False) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": _FOLDED if folded else {},
        "outputs": [],
        "source": _lines(code),
    }


def _lines(text: str) -> list[str]:
    return text.rstrip("\n").splitlines(keepends=True)


def _holes(derivation: Runnable, script: Script) -> dict[str, object]:
    """Return the variables of the code templates."""
    program, count, target = derivation.program, derivation.parameter_count, derivation.numpy_target
    names = code_names(program, derivation.notation)
    called = [names.tensors[t.name] for t in program.inputs]
    plain = [(t.role, [a.sample for a in t.axes]) for t in program.inputs] == [
        (r, [False, True]) for r in (Role.INPUT, Role.TARGET)
    ]
    sizes = {symbol: Integer(size) for size, symbol in enumerate(names.widths, start=FIRST_WIDTH)}
    widths = [t.axes[0].extent.xreplace(sizes) for t in program.inputs] if plain else [1, 1]
    of_parameters = {symbol for p in program.parameters for axis in p.axes for symbol in axis.extent.free_symbols}
    taken = {symbol: size for symbol, size in sizes.items() if symbol in of_parameters}  # the others are the data's
    slopes = [s.target for s in program.stage("gradient")]
    small, growth = count <= ENTRYWISE, _growth(program)
    return {
        "packed": _packed(target.readable.source),
        "functions": script.functions,
        "stated": _packed("\n".join(script.assignments[n].code for n in script.stated)) if script.stated else "",
        "names": script.names,
        "slopes": script.slopes,
        "learning_rate": STEP_RATE,
        "states": bool(program.states),
        "stopped": bool(program.stopped),
        "of_pass": "".join(f"{names.tensors[t.name]}, " for t in program.inputs if not t.is_compared),
        "plain": plain,
        "data": ", ".join(called),
        "shapes": ", ".join(f'"{" " * (n > 0)}{name}:", {name}.shape' for n, name in enumerate(called)),
        "inputs_by_name": _by_name(program, names, Role.INPUT),
        "targets_by_name": _by_name(program, names, Role.TARGET),
        "first": quoted(program.parameters[0].name) if program.parameters else "",
        "variables": dict_code((t.about.name, names.tensors[t.name]) for t in slopes if t.about is not None),
        "given": dict_code((t.name, names.tensors[t.name]) for t in program.inputs),
        "inputs_at": "".join(f"at[{quoted(t.name)}], " for t in program.inputs if not t.is_compared),
        "data_at": "".join(f"at[{quoted(t.name)}], " for t in program.inputs),
        "taught": derivation.network is not None and growth < 1000,
        "inputs": widths[0],
        "outputs": widths[1],
        "sizes": ", ".join(f'"{names.widths[symbol]}": {size}' for symbol, size in taken.items()),
        "widths": ", **sizes" if taken else "",
        "classes": derivation.targets == "classes",
        "signs": derivation.targets == "signs",
        "unit": derivation.targets == "unit",
        "directions": min(int(widths[0]), 3),
        "spread": 0.5 if growth > 2 else 3,
        "entries": None if count <= SMALL else 20 if small else 0,
        "seeds": 5 if small else 1,
        "spacing": 0.5 if count <= LARGE else 1,
        "trial": 10 if small else 5 if count <= LARGE else 2,
        "epochs": 200 if small else 50 if count <= LARGE else 20,
    }


def _random_data(program: Program) -> str:
    """What is said of the data that are drawn, and of where their samples are."""
    axes = {len(t.axes) for t in program.inputs if any(axis.sample for axis in t.axes)}
    columns = "one sample per column" if max(axes, default=0) < 3 else "samples are columns, or the first of more axes"
    return f"{' and random data' * bool(program.inputs)}{f', {columns}' * bool(axes)}"


def _by_name(program: Program, names: CodeNames, role: Role) -> str:
    """The data of a role as a trainer takes them, with samples as rows, in code; None if there are none."""
    found = []
    for tensor in (t for t in program.inputs if t.role == role):
        name, by_sample = names.tensors[tensor.name], any(axis.sample for axis in tensor.axes)
        rows = f"{name}.T" if by_sample and len(tensor.axes) < 3 else name
        found.append(f"{quoted(tensor.name)}: {rows}")
    return f"{{{', '.join(found)}}}" if found else "None"


def _packed(source: str) -> str:
    return base64.b64encode(bz2.compress(source.encode())).decode()


def _growth(program: Program) -> float:
    """Return how large the activations are far from 0; large parameters lead to large values if they are unbounded."""
    plain = [d.function for d in program.definitions if not d.function.order and d.function.role == "activation"]
    far = [function.definition.subs(X, 50).evalf() for function in plain]
    return max((abs(float(value)) if value.is_number else inf for value in far), default=0.0)
