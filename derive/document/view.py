"""The view: the input of every part of the document, with the derivation, its pages and the level of detail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Sum
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.arrays.blocks import gives_rows
from derive.arrays.lift import ArrayAssign, ArrayProgram
from derive.arrays.matrix import Formula
from derive.calculus.affine import lies_on
from derive.calculus.beginnings import Beginning, are_covered
from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.cost import size
from derive.calculus.index import Equation, Index, Tensor, read_alone
from derive.calculus.one_step import OneStep
from derive.calculus.recurrence import recurrences
from derive.calculus.roles import Role
from derive.calculus.sample import alone_in, single_index, without_single
from derive.calculus.starts import factors_in
from derive.document.blocks import Display, Item, Text, listed
from derive.drawing import Drawing, draw
from derive.learning.descent import Descent
from derive.paper.boxes import SUM, Box, Typesetter
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
    wanted. ``form`` is the form of the code, one of ``edition.FORMS``, and ``target`` its language.
    """

    derivation: Runnable
    detail: str = "full"
    example: Example | None = None
    report: GradientReport | None = None
    form: str = "package"
    target: str = "numpy"

    @cached_property
    def code(self) -> Listing:
        """Name of the file that computes the equations."""
        return self.derivation.target(self.target).listing(self.form)

    @cached_property
    def drawing(self) -> Drawing:
        """The drawing of the network."""
        return draw(self.derivation)

    @property
    def alone(self) -> bool:
        """Whether this is the backward pass of a layer alone, from given derivatives of the error."""
        return bool(self.derivation.forward.upstream)

    @property
    def order(self) -> int:
        """The order of the derivatives: above 1 if the equations are those of a derivation."""
        return self.derivation.forward.order

    def is_given(self, edge: LocalDerivative) -> bool:
        """Whether a local derivative is given, that of the error of a layer alone."""
        return self.alone and edge.of == self.derivation.forward.error.target

    @property
    def given(self) -> Text:
        """The given derivatives of the error."""
        return listed(self.page.symbol(t, whole=True) for t in self.single.upstream)

    @property
    def notation(self) -> Notation:
        """The notation."""
        return self.derivation.notation

    @cached_property
    def batch(self) -> ArrayProgram:
        """The program for a batch."""
        return _shown(self.derivation.program)

    @property
    def descent(self) -> Descent:
        """The gradient descent method."""
        return self.derivation.descent

    @cached_property
    def single(self) -> ArrayProgram:
        """The program for one sample."""
        return _shown(self.derivation.single)

    @cached_property
    def factors(self) -> set[str]:
        """The names of the tensors that multiply or divide others in the forward pass."""
        return factors_in(self.derivation.forward.equations)

    @cached_property
    def coupled(self) -> bool:
        """Whether samples are combined otherwise than by adding up their errors."""
        return self.combining is not None

    @cached_property
    def sampled(self) -> bool:
        """Whether there are samples: some tensor has an axis of them."""
        return any(axis.sample for t in self.batch.tensors.values() for axis in t.axes)

    @property
    def apart(self) -> bool:
        """Whether the equations with indices are those for one sample: samples exist, and are not coupled."""
        return self.sampled and not self.coupled

    @property
    def for_one(self) -> str:
        """What equations with indices hold for, at the end of a phrase; nothing unless for one sample."""
        return " for one sample" * self.apart

    @property
    def of_batch(self) -> str:
        """What the loss in matrices is of, at the end of a phrase; nothing if there are no samples."""
        return " of the batch" * self.sampled

    def sentence(self, words: str) -> str:
        """A beginning of a sentence, preceded by "For one sample" if equations with indices hold for one sample."""
        return f"For one sample, {words[0].lower()}{words[1:]}" if self.apart else words

    @cached_property
    def combining(self) -> ArrayAssign | None:
        """The first equation that combines samples otherwise than by adding up their errors; None if there is none."""
        forward = (s for s in self.batch.stage("forward") if couples(s.equation))
        error = (s for s in self.batch.stage("error") if not self._adds_up(s.equation.expression))
        return next(chain(forward, error), None)

    def _adds_up(self, expression: Expr) -> bool:
        """Whether an equation of the error is a sum over the samples, or a sum of such sums, up to numbers."""
        error = (s.target for s in self.batch.stage("error"))
        sums = {t.symbol for t in error if not any(axis.sample for axis in t.axes)}
        for term in Add.make_args(expression):
            factors = Mul.make_args(term)
            over = [f for f in factors if f in sums or (isinstance(f, Sum) and _over_samples(f))]
            rest = [f.function if isinstance(f, Sum) and f in over else f for f in factors if f not in sums]
            inside = any(f.free_symbols & sums or any(map(_over_samples, f.atoms(ExprWithLimits))) for f in rest)
            if len(over) > 1 or inside:
                return False
        return True

    @property
    def adds_up(self) -> bool:
        """Whether the error of a batch adds up the errors of its samples."""
        return all(self._adds_up(s.equation.expression) for s in self.batch.stage("error"))

    @property
    def once(self) -> bool:
        """Whether a term of the error, other than a penalty of the learning options, is added once for all samples."""
        stated = [s for s in self.batch.stage("error") if s.target.role != Role.PENALTY]
        known = {s.target.symbol for s in self.batch.stage("error")}
        terms = (t for s in stated for t in Add.make_args(s.equation.expression))
        return any(
            not (t.free_symbols & known or any(map(_over_samples, t.atoms(ExprWithLimits))) or _reads_a_sample(t))
            for t in terms
        )

    def matrices(self, *stages: str) -> list[ArrayAssign]:
        """The statements of ``stages`` for a batch that have a matrix form."""
        return [s for s in self.batch.stage(*stages) if not isinstance(s.form, Formula)]

    def reads_outside(self, *stages: str) -> bool:
        """Whether an equation of ``stages`` may read an entry outside the range of a tensor."""
        return any(_reads_outside(s.equation, self.batch.tensors) for s in self.batch.stage(*stages))

    @cached_property
    def counts_paths(self) -> bool:
        """Whether the number of paths is that of the choices of indices: no delta excludes some of them."""
        edges = (e for found in self.derivation.chains.edges.values() for e in found)
        return self.derivation.network is not None or all(map(_differs_from_0, edges))

    def counts_paths_from(self, tensor: Tensor) -> bool:
        """Whether the number of the paths from a tensor is that of the choices of indices."""
        seen, waiting = set[str](), [tensor]
        while waiting and not self.counts_paths:
            if (below := waiting.pop()).name not in seen:
                seen.add(below.name)
                edges = self.derivation.chains.into(below)
                if not all(map(_differs_from_0, edges)):
                    return False
                waiting += [edge.of for edge in edges]
        return True

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
        return replace(page_for(self.derivation.single, self.notation), beginnings=self.beginnings)

    @cached_property
    def batch_page(self) -> Page:
        """The page for arrays of a batch."""
        return replace(self.derivation.page, batch=True, beginnings=self.beginnings)

    @cached_property
    def beginnings(self) -> tuple[Beginning, ...]:
        """What recurrences begin with, if all formulas can be written with equations for it."""
        found = self.derivation.forward.beginnings
        programs = (self.derivation.single, self.derivation.program)
        written = [s.equation.expression for program in programs for s in program.statements] if found else []
        written += [e.value for edges in self.derivation.chains.edges.values() for e in edges] if found else []
        return found if all(are_covered(expression, found) for expression in written) else ()

    def begun(self, page: Page, batch: bool = False) -> list[Item]:
        """The equations of what recurrences begin with, for one sample or for a batch."""
        items = []
        for beginning in self.beginnings:
            tensor, at = self.batch.tensors[beginning.tensor], beginning.position
            others = self.derivation.forward.supply.several((*tensor.axes[:at], *tensor.axes[at + 1 :]))
            free = others if batch else self.shown(others)
            value = beginning.at(tensor[(*others[:at], beginning.place, *others[at:])])
            value = value.xreplace(dict(zip(others, free, strict=True)))
            indices = [i for i in free if isinstance(i, Index)]
            lettered = page.with_letters(indices, bound_in(value, indices))
            left = lettered.symbol(tensor, (*free[:at], beginning.place, *free[at:]))
            items.append(Item(left, tuple(lettered.pieces(value))))
        return items

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
        return self.set_.immediate(of, wrt) if self.is_immediate(edge) else self.set_.partial(of, wrt)

    def is_immediate(self, edge: LocalDerivative) -> bool:
        """Whether a local derivative is a part of a derivative that is written, too, and counts other paths."""
        return self.derivation.chains.is_immediate(edge) or (edge.of.name, edge.wrt.name) in self._within_steps

    @cached_property
    def _within_steps(self) -> set[tuple[str, str]]:
        """The tensors of recurrences of which one reads the other at another step, both directly and through others."""
        forward = self.derivation.forward
        steps = (OneStep(r, forward.supply) for r in recurrences(forward.equations))
        found = (d for step in steps for d in step.derivatives if len(d.paths) > 1)
        return {(d.of.tensor.name, d.wrt.tensor.name) for d in found if any(len(path) == 1 for path in d.paths)}

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
        if statement.stage == "forward" and statement.target.role != Role.AUGMENTED:  # the sums over it tell its range
            known = read_alone(equation.expression, self.batch.tensors)
            unclear = [i for i in equation.indices if not (i in known or i.axis.sample or i.axis.extent == 1)]
            if unclear:
                right[-1] = self.set_.join((right[-1], *map(page.range, unclear)), "range", SUM)
        return Item(left, tuple(right), relation(statement), statement.number if numbered else None)

    def arrays(self, statement: ArrayAssign, page: Page, numbered: bool = True) -> Item:
        """A statement in matrix form, with the shape of the result below it if shapes are shown."""
        left = page.target(statement)
        if page.shapes and statement.form.shape != (1, 1):
            left = page.typesetter.under(left, page.shape(*statement.form.shape))
        right = page.array_pieces(statement.form, LINE - left.width - 5)
        number = statement.number if numbered else None
        return Item(left, tuple(right), relation(statement), number)

    def indexed(self, *stages: str) -> Display:
        """Write the statements of ``stages`` in index form; their numbers belong to the matrix form."""
        begun = self.begun(self.written_page) if "forward" in stages else []
        return Display((*begun, *(self.entries(s, numbered=False) for s in self.written.stage(*stages))))

    def shaped(self, *stages: str) -> Display:
        """Write the statements of ``stages`` in matrix form, with the shape below each array.

        They are those of one sample, or of a batch if samples are coupled.
        """
        page = replace(self.batch_page if self.coupled else self.page, shapes=True)
        shown = (s for s in self.written.stage(*stages) if not isinstance(s.form, Formula))
        return Display(tuple(self.arrays(s, page, numbered=False) for s in shown))

    def batched(self, *stages: str) -> Display:
        """Write the statements of ``stages`` in matrix form for a batch, with their numbers."""
        return Display(tuple(self.arrays(s, self.batch_page) for s in self.batch.stage(*stages)))

    # ------------------------------------------------------------ parameters

    @cached_property
    def total(self) -> Expr:
        """The number of parameters that are trained."""
        return sum((size(p) for p in self.single.learned), Integer(0)).expand()

    def is_added(self, parameter: Tensor) -> bool:
        """Whether a parameter is only added to what other tensors give, as a bias is."""
        return not any(e.value.has(Indexed) for e in self.derivation.chains.into(parameter))

    def by_depth(self) -> list[Tensor]:
        """Parameters on which the error depends, of a layer alone inputs too, the one nearest to the error first."""
        found = [*self.single.learned, *(self.single.sought if self.alone else ())]
        found = [p for p in found if self.derivation.chains.into(p)]
        order = {t.name: n for n, t in enumerate(self.derivation.chains.tensors)}
        nearest = {p.name: min(order[e.of.name] for e in self._leading(p)) for p in found}
        return sorted(found, key=lambda p: (nearest[p.name], p.role != Role.WEIGHT))

    def _leading(self, parameter: Tensor) -> list[LocalDerivative]:
        """Local derivatives with respect to a parameter; that of a penalty only if there is no other."""
        edges = self.derivation.chains.into(parameter)
        return [e for e in edges if e.of.role != Role.PENALTY] or [*edges]


def _shown(program: ArrayProgram) -> ArrayProgram:
    """A program without what is never written: the error and the step of a layer alone."""
    if not program.upstream:
        return program
    kept = tuple(s for s in program.statements if s.stage not in ("error", "update"))
    return replace(program, statements=kept)


def _differs_from_0(edge: LocalDerivative) -> bool:
    """Whether a local derivative differs from 0 where its tied indices are equal: no other delta excludes entries."""
    terms = Add.make_args(edge.value.xreplace(dict(edge.tied)))
    return any(not term.has(KroneckerDelta) for term in terms)


def couples(equation: Equation) -> bool:
    """Whether an equation sums over samples, or has an entry for each pair of them."""
    summed = any(map(_over_samples, equation.expression.atoms(ExprWithLimits)))
    return summed or sum(axis.sample for axis in equation.target.axes) > 1


def _over_samples(node: ExprWithLimits) -> bool:
    """Whether a sum, or a maximum, runs over samples."""
    return any(limit[0].axis.sample for limit in node.limits)


def _reads_a_sample(term: Expr) -> bool:
    return any(index.axis.sample for index in term.atoms(Index))


def _reads_outside(equation: Equation, tensors: Mapping[str, Tensor]) -> bool:
    """Whether an index other than a number may lie outside the axis at which it stands."""
    return any(
        not (index.is_Integer or lies_on(index, axis))
        for entry in equation.expression.atoms(Indexed)
        for index, axis in zip(entry.indices, tensors[entry.base.label.name].axes, strict=True)
    )


def relation(statement: ArrayAssign) -> str:
    """Return the relation sign of a statement."""
    return "gets" if statement.target.role == Role.UPDATED else "equals"


def display(items: Iterable[Item]) -> Display:
    """Return a group of equations."""
    return Display(tuple(items))


def bound_in(expression: Expr, free: Iterable[Index]) -> list[Index]:
    """Bound indices of an expression, in a fixed order."""
    return sorted(expression.atoms(Index) - set(free), key=str)
