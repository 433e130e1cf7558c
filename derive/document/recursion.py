"""Equations of several layers that are one formula up to the layer number, found by comparing them in print."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from string import ascii_lowercase

from sympy import Sum, Symbol

from derive.arrays.lift import ArrayAssign
from derive.calculus.index import SAMPLES, Axis, Equation, Index, Tensor
from derive.calculus.roles import Role
from derive.document.view import View
from derive.paper.boxes import EMPTY, Box
from derive.paper.latex import latex
from derive.paper.notation import is_canonical
from derive.paper.page import Page
from derive.paper.signs import role_sign
from derive.record import record


@record
class Formula:
    """A formula for layer l, and the statements of the layers that it stands for."""

    left: Box
    right: Box
    statements: tuple[ArrayAssign, ...]

    @property
    def layers(self) -> list[int]:
        """The layers, from the first to the last."""
        return sorted(s.target.layer for s in self.statements if s.target.layer is not None)

    @property
    def ordered(self) -> list[ArrayAssign]:
        """The statements in the order of ``layers``."""
        return sorted(self.statements, key=lambda s: s.target.layer or 0)


@record
class Layered:
    """The statements of a program for a batch, written for a layer l."""

    view: View

    @cached_property
    def letter(self) -> str:
        """A letter for the layer that is no letter of a tensor, a width or an index; empty if there is none."""
        page = self.view.page
        used = {*page.signs.letters, *page.taken, *page.tensors, *self.view.notation.free_letters}
        used |= {SAMPLES.name, "e", "f"}
        return next((x for x in dict.fromkeys("lnhco" + ascii_lowercase) if x not in used), "")

    @cached_property
    def start(self) -> Tensor | None:
        """The inputs, if they are written as the activations of layer 0."""
        given = [t for t in self.view.batch.inputs if t.role == Role.INPUT]
        numbered = any(t.role == Role.ACTIVATION for t in self.view.batch.tensors.values())
        return given[0] if len(given) == 1 and numbered and is_canonical(given[0]) else None

    @property
    def symbol_of_start(self) -> Box:
        """The activations of layer 0."""
        assert self.start is not None
        return self._with_start(self.view.batch_page).symbol(self.start, whole=True)

    def formulas(self, stage: str, shift: int = 0) -> list[Formula]:
        """The distinct formulas of the layers' statements; ``shift`` is that of the statement's layer against l."""
        found: dict[tuple[str, str], Formula] = {}
        for statement in self.view.batch.stage(stage):
            if statement.target.layer is None or not self.letter:
                continue
            page = self.page(statement.target.layer, shift)
            left, right = page.target(statement), page.array(statement.form)
            key = latex(left), latex(right)
            known = found.get(key, Formula(left, right, ()))
            found[key] = replace(known, statements=(*known.statements, statement))
        return list(found.values())

    def with_indices(self, formula: Formula) -> tuple[Box, tuple[Box, ...]] | None:
        """A formula with indices, for one sample, if it is the same for all layers but for the range of its sums."""
        found: dict[str, tuple[Box, tuple[Box, ...]]] = {}
        for statement in self.view.single.stage("factor"):
            layer = statement.target.layer
            if layer is None or statement.target.name not in {s.target.name for s in formula.statements}:
                continue
            equation = _of_any_width(statement.equation)
            page = self._named(self.view.page, layer).lettered(equation, "factor")
            tensors = {n: replace(t, axes=tuple(map(_wide, t.axes))) for n, t in page.tensors.items()}
            page = replace(page, given={_ANY_WIDTH: EMPTY}, tensors=tensors)
            left = page.symbol(tensors[statement.target.name], equation.indices)
            right = tuple(page.pieces(equation.expression))
            found[" ".join(map(latex, (left, *right)))] = left, right
        return next(iter(found.values())) if len(found) == 1 else None

    def page(self, layer: int, shift: int = 0) -> Page:
        """The page for a batch on which ``layer`` is written l + ``shift``."""
        return self._named(self.view.batch_page, layer, shift)

    def _named(self, page: Page, layer: int, shift: int = 0) -> Page:
        numbers = {t.layer for t in self.view.batch.tensors.values() if t.layer is not None}
        names = {str(n): self._name(n - layer + shift) for n in numbers | {0}}
        return replace(self._with_start(page), layer_names=names)

    def _name(self, offset: int) -> str:
        return f"{self.letter}{offset:+d}" if offset else self.letter

    def _with_start(self, page: Page) -> Page:
        if self.start is None:
            return page
        like = replace(self.start, role=Role.ACTIVATION, layer=0)
        sign = role_sign(page.typesetter, page.notation, like)
        return replace(page, signs=replace(page.signs, of={**page.signs.of, self.start.name: sign}))


#: The width of a layer l, which is not printed.
_ANY_WIDTH = Symbol("_width", integer=True, positive=True)


def _wide(axis: Axis) -> Axis:
    """An axis of units of any number, whose index is never hidden."""
    return axis if axis.sample else replace(axis, extent=_ANY_WIDTH)


def _of_any_width(equation: Equation) -> Equation:
    """An equation whose indices run over layers of any width."""
    found = [*equation.indices, *sorted(equation.expression.atoms(Index), key=str)]
    wide = {i: Index(i.name, _wide(i.axis)) for i in found}
    expression = equation.expression.xreplace(wide).replace(
        Sum, lambda body, *limits: Sum(body, *((i, i.axis.start, i.axis.stop) for i, *_ in limits))
    )
    return replace(equation, indices=tuple(wide[i] for i in equation.indices), expression=expression)


def covers(formulas: Iterable[Formula], layers: list[int]) -> bool:
    """Whether each of the formulas stands for all of ``layers``."""
    return all(formula.layers == layers for formula in formulas)
