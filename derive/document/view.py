"""The view: the input of every part of the document, with the derivation, its pages and the level of detail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from sympy import Expr, Sum

from derive.arrays.blocks import gives_rows
from derive.arrays.lift import ArrayAssign, ArrayProgram
from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.cost import size
from derive.calculus.index import Equation, Index, Tensor
from derive.calculus.roles import Role
from derive.calculus.sample import alone_in, single_index, without_single
from derive.document.blocks import Display, Item
from derive.drawing import Drawing, draw
from derive.learning.descent import Descent
from derive.paper.boxes import Box, Typesetter
from derive.paper.characters import LETTERS
from derive.paper.notation import Notation
from derive.paper.page import Page
from derive.paper.page_of import page_for
from derive.record import record

if TYPE_CHECKING:
    from derive.targets.registry import Runnable
    from derive.targets.target import Listing
    from derive.targets.verify import GradientReport
    from derive.worked.example import Example

#: A line of mathematics in em, for choices that are the same in every format: an article's text width less a tag.
LINE = 33.0


@record
class View:
    """A derivation with its notation and level of detail, for one sample and for a batch.

    ``example`` holds the worked numbers and ``report`` the gradient check, if they are
    wanted. ``form`` is the form of the code, one of ``edition.FORMS``.
    """

    derivation: Runnable
    detail: str = "full"
    example: Example | None = None
    report: GradientReport | None = None
    form: str = "package"

    @cached_property
    def code(self) -> Listing:
        """Name of the file that computes the equations."""
        return self.derivation.target().listing(self.form)

    @cached_property
    def drawing(self) -> Drawing:
        """The drawing of the network."""
        return draw(self.derivation)

    @property
    def notation(self) -> Notation:
        """The notation."""
        return self.derivation.notation

    @property
    def batch(self) -> ArrayProgram:
        """The program for a batch."""
        return self.derivation.program

    @property
    def descent(self) -> Descent:
        """The gradient descent method."""
        return self.derivation.descent

    @property
    def single(self) -> ArrayProgram:
        """The program for one sample."""
        return self.derivation.single

    @cached_property
    def coupled(self) -> bool:
        """Whether an equation before the error sums over samples, or pairs them."""
        return any(couples(s.equation) for s in self.batch.stage("forward"))

    @property
    def written(self) -> ArrayProgram:
        """The program that is written with indices: for one sample, or for a batch if samples are coupled."""
        return self.batch if self.coupled else self.single

    @property
    def written_page(self) -> Page:
        """The page of the program that is written with indices."""
        return replace(self.batch_page, batch=False) if self.coupled else self.page

    def shown(self, indices: Iterable[Expr]) -> tuple[Expr, ...]:
        """Indices as written: for one sample, that of the sample has a single value."""
        return tuple(indices) if self.coupled else tuple(map(single_index, indices))

    def value(self, expression: Expr) -> Expr:
        """A formula as written: for one sample, or for a batch if samples are coupled."""
        return without_single(expression) if self.coupled else alone_in(expression)

    @cached_property
    def page(self) -> Page:
        """The page for one sample."""
        return page_for(self.single, self.notation)

    @cached_property
    def batch_page(self) -> Page:
        """The page for arrays of a batch."""
        return replace(self.derivation.page, batch=True)

    @property
    def set_(self) -> Typesetter:
        """The typesetter of the page, which makes boxes."""
        return self.page.typesetter

    @property
    def brief(self) -> bool:
        """Whether the detail is ``brief``."""
        return self.detail == "brief"

    @property
    def exhaustive(self) -> bool:
        """Whether the detail is ``exhaustive``."""
        return self.detail == "exhaustive"

    # ------------------------------------------------------------ symbols

    def letter(self, name: str) -> Box:
        """A letter of the notation's alphabet."""
        return self.set_.letter(LETTERS[name])

    def role(self, role: str) -> Box:
        """Return the letter of a role."""
        return self.letter(self.notation.roles[role].entry)

    def slope(self, of: Box, wrt: Box) -> Box:
        """Return a partial derivative."""
        return self.set_.partial(of, wrt)

    def local_slope(self, edge: LocalDerivative, of: Box, wrt: Box) -> Box:
        """A local derivative of a single equation; marked if the error also reads a tensor another way."""
        immediate = self.derivation.chains.is_immediate(edge)
        return self.set_.immediate(of, wrt) if immediate else self.set_.partial(of, wrt)

    def error_slope(self, wrt: Box) -> Box:
        """Return the derivative of the error with respect to a symbol."""
        return self.set_.partial(self.page.symbol(self.derivation.forward.error.target), wrt)

    # ------------------------------------------------------------ statements

    def entries(self, statement: ArrayAssign, program: ArrayProgram | None = None, numbered: bool = True) -> Item:
        """Write a statement in index form, with its number."""
        equation = statement.equation
        page = self.written_page if program is None else replace(self.batch_page, batch=False)
        page = page.lettered(equation, statement.stage)
        left = page.symbol(statement.target, equation.indices)
        right = [page.rows(equation)] if gives_rows(equation) else page.pieces(equation.expression)
        return Item(left, tuple(right), relation(statement), statement.number if numbered else None)

    def arrays(self, statement: ArrayAssign, page: Page, numbered: bool = True) -> Item:
        """A statement in matrix form, with the shape of the result below it if shapes are shown."""
        left = page.symbol(statement.target, whole=True)
        if page.shapes and statement.form.shape != (1, 1):
            left = page.typesetter.under(left, page.shape(*statement.form.shape))
        right = page.array_pieces(statement.form, LINE - left.width - 5)
        number = statement.number if numbered else None
        return Item(left, tuple(right), relation(statement), number)

    def indexed(self, *stages: str) -> Display:
        """Write the statements of ``stages`` in index form; their numbers belong to the matrix form."""
        return Display(tuple(self.entries(s, numbered=False) for s in self.written.stage(*stages)))

    def shaped(self, *stages: str) -> Display:
        """Write the statements of ``stages`` in matrix form, with the shape below each array.

        They are those of one sample, or of a batch if samples are coupled.
        """
        page = replace(self.batch_page if self.coupled else self.page, shapes=True)
        return Display(tuple(self.arrays(s, page, numbered=False) for s in self.written.stage(*stages)))

    def batched(self, *stages: str) -> Display:
        """Write the statements of ``stages`` in matrix form for a batch, with their numbers."""
        return Display(tuple(self.arrays(s, self.batch_page) for s in self.batch.stage(*stages)))

    # ------------------------------------------------------------ parameters

    @cached_property
    def total(self) -> Expr:
        """The number of parameters."""
        return sum(size(p) for p in self.single.parameters).expand()

    def by_depth(self) -> list[Tensor]:
        """Parameters, the one nearest to the error first."""
        order = {t.name: n for n, t in enumerate(self.derivation.chains.tensors)}
        nearest = {p.name: min(order[e.of.name] for e in self._leading(p)) for p in self.single.parameters}
        return sorted(self.single.parameters, key=lambda p: (nearest[p.name], p.role != Role.WEIGHT))

    def _leading(self, parameter: Tensor) -> list[LocalDerivative]:
        """Local derivatives with respect to a parameter; that of a penalty only if there is no other."""
        edges = self.derivation.chains.into(parameter)
        return [e for e in edges if e.of.role != Role.PENALTY] or [*edges]


def couples(equation: Equation) -> bool:
    """Whether an equation sums over samples, or has an entry for each pair of them."""
    summed = (limit[0] for node in equation.expression.atoms(Sum) for limit in node.limits)
    return any(i.axis.sample for i in summed) or sum(axis.sample for axis in equation.target.axes) > 1


def relation(statement: ArrayAssign) -> str:
    """Return the relation sign of a statement."""
    return "gets" if statement.target.role == Role.UPDATED else "equals"


def display(items: Iterable[Item]) -> Display:
    """Return a group of equations."""
    return Display(tuple(items))


def bound_in(expression: Expr, free: Iterable[Index]) -> list[Index]:
    """Bound indices of an expression, in a fixed order."""
    return sorted(expression.atoms(Index) - set(free), key=str)
