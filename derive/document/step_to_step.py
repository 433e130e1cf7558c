"""A single step of a recurrence: the Jacobian matrices from one step to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from sympy import Expr, Indexed

from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.index import Index
from derive.calculus.one_step import OneStep, Place, StepDerivative
from derive.calculus.recurrence import entries_of, recurrences
from derive.calculus.rules import CHAIN, LOCAL
from derive.calculus.truncation import WINDOW
from derive.document.blocks import BREAK, Block, Display, Heading, Item, Text, listed, say
from derive.document.view import View, bound_in
from derive.paper.boxes import EMPTY, PRODUCT, Box
from derive.paper.page import Page
from derive.record import record

#: Largest number of paths of one step that are written as products.
MOST_PATHS = 4


@record
class Jacobian:
    """Writes the derivative of a tensor at a step with respect to one at an earlier step."""

    view: View
    step: OneStep
    found: StepDerivative

    @cached_property
    def tied(self) -> dict[Index, Index]:
        """Indices of units that must be equal for a value that is not 0."""
        local = LocalDerivative(
            self.step.equations[0], self.found.of_indices, self.found.wrt.held, self.found.wrt_indices, self.found.value
        )
        return {right: left for left, right in local.tied.items()}

    @property
    def columns(self) -> tuple[Index, ...]:
        """The indices of the earlier tensor; those that are tied are those of the later one."""
        return tuple(self.tied.get(i, i) for i in self.found.wrt_indices)

    @property
    def is_apart(self) -> bool:
        """Whether each unit depends on itself alone, by a factor without parameters."""
        read = {a.base.label.name for a in self.found.value.atoms(Indexed)}
        learned = {p.name for p in self.view.derivation.forward.parameters}
        return len(self.tied) == len(self.found.wrt_indices) and not read & learned

    @cached_property
    def value(self) -> Expr:
        """The derivative, with entries of the tensors at their steps."""
        return self.view.value(self.step.at_places(self.found.value.xreplace(self.tied)))

    def page(self, bound: Iterable[Index]) -> Page:
        """A page with letters for all indices."""
        free = [self.step.step, *self.view.shown(self.found.of_indices), *self.view.shown(self.columns)]
        return self.view.written_page.with_letters(
            list(dict.fromkeys(free)), list(dict.fromkeys(bound)), self.view.notation.factor_letters
        )

    def left(self) -> Box:
        """The derivative itself."""
        page = self.page(())
        return page.typesetter.partial(
            self.symbol(page, self.found.of, self.found.of_indices), self.symbol(page, self.found.wrt, self.columns)
        )

    def right(self) -> Box:
        """Its value."""
        pieces = self.page(bound_in(self.value, (self.step.step, *self.found.of_indices, *self.columns)))
        return pieces.entry(self.value)

    def symbol(self, page: Page, place: Place, own: Sequence[Expr]) -> Box:
        """A tensor at its step."""
        return page.symbol(place.tensor, self.view.shown(place.indices(tuple(own), self.step.step)))

    def items(self) -> list[Item]:
        """Its derivation: the chain rule within a step, and the local derivatives substituted."""
        paths = self.found.paths
        page = self.page(bound_in(self.value, (self.step.step, *self.found.of_indices, *self.columns)))
        pieces = tuple(page.pieces(self.value))
        left = self.left()
        if len(paths) == 1 and len(paths[0]) == 1:
            return [Item(left, pieces)]
        formal: list[Box] = []
        for path in paths[:MOST_PATHS]:
            box = self._product(path)
            formal += [BREAK, view_plus(self.view, box)] if formal else [box]
        if len(paths) > MOST_PATHS:
            formal += [view_plus(self.view, self.view.set_.dots())]
        return [Item(left, tuple(formal), reason=Text((CHAIN,))), Item(EMPTY, pieces, reason=Text((LOCAL,)))]

    def _product(self, path: Sequence[LocalDerivative]) -> Box:
        """The local derivatives on a path as a product, with the sums over the units between."""
        above: tuple[Index, ...] = self.found.of_indices
        steps: list[tuple[LocalDerivative, tuple[Index, ...], tuple[Index, ...]]] = []
        for n, edge in enumerate(path):
            known = dict(zip(edge.of_indices, above, strict=True))
            tied = {right: known[left] for left, right in edge.tied.items()}
            below = tuple(tied.get(i, i) for i in edge.wrt_indices) if n < len(path) - 1 else self.columns
            steps.append((edge, above, below))
            above = below
        own = {*self.found.of_indices, *self.columns}
        between = list(
            dict.fromkeys(
                i for _, _, b in steps[:-1] for i in self.view.shown(b) if isinstance(i, Index) and i not in own
            )
        )
        between = [i for i in between if i.axis.extent != 1]
        page, set_ = self.page(between), self.view.set_
        places = self.step.places
        boxes = [page.summation(i) for i in between]
        for edge, of, wrt in steps:
            direct = len(path) == 1 and len(self.found.paths) > 1
            slope = set_.immediate if direct else set_.partial
            boxes.append(
                slope(self.symbol(page, places[edge.of.name], of), self.symbol(page, places[edge.wrt.name], wrt))
            )
        return set_.join(boxes, "thin", PRODUCT)


def view_plus(view: View, box: Box) -> Box:
    """A box after a plus."""
    return view.set_.before("plus", box)


def jacobians(view: View) -> list[list[Jacobian]]:
    """The derivatives of each recurrence that are shown: those of a tensor with respect to itself, if all have one.

    A recurrence whose derivatives are all stopped has none.
    """
    found = []
    for recurrence in recurrences(view.derivation.forward.equations):
        step = OneStep(recurrence, view.derivation.forward.supply)
        every = [Jacobian(view, step, d) for d in step.derivatives]
        own = [j for j in every if j.found.of.tensor == j.found.wrt.tensor]
        covered = {j.found.of.tensor.name for j in own} == {p.tensor.name for p in step.earlier}
        found.append(own if covered and not view.exhaustive else every)
    return [group for group in found if group]


def from_step_to_step(view: View) -> list[Block]:
    """The Jacobian matrices from one step to the next, and what their product does."""
    found = [j for group in jacobians(view) for j in group if depends(view, j)]
    if not found:
        return []
    several = len(found) > 1
    words = "The paths that go on to another step contribute " + ("these factors" if several else "this factor")
    groups = jacobians(view)
    if any(len(g[0].step.derivatives) > len(g) for g in groups):
        words += ", and those from one of these tensors to another, which follow in the same way"
    if any(len(g[0].step.earlier) > 1 for g in groups):
        words += "; what else is read at other steps is held fixed"
    blocks: list[Block] = [Heading(Text(("From one step to the next",)), Text((words + ":",)))]
    blocks.append(Display(tuple(item for j in found for item in j.items())))
    words = (
        "There is such a factor for each time that they go on, with the values of that step. If the factors are small, "
        "their product vanishes exponentially with the number of steps, and the loss hardly depends on what was "
        "computed many steps away; if they are large, it explodes (Bengio, Simard and Frasconi 1994; Pascanu, Mikolov "
        "and Bengio 2013)."
    )
    ends = dict.fromkeys(j.page(()).entry(x) for j in found for x in borders(view, j.value))
    if ends:
        words += " They go on within windows only: {} is 0 where a window ends."
    blocks.append(say(words, *([listed(ends)] if ends else [])))
    apart = [j for j in found if j.is_apart and j.found.of.tensor == j.found.wrt.tensor]
    if apart:
        boxes = [j.right() for j in apart]
        words = (
            "{} acts on each unit by itself and has no weights; where it is close to 1, its product does not vanish."
        )
        if len(boxes) > 1:
            words = "{} act on each unit by themselves and have no weights; where they are close to 1, their products "
            words += "do not vanish."
        blocks.append(say(words, listed(boxes)))
    return blocks


def borders(view: View, expression: Expr) -> Iterator[Indexed]:
    """The entries in an expression that are 0 at the borders of windows."""
    yield from entries_of(expression, {e.target.name for e in view.derivation.forward.equations if e.note == WINDOW})


def depends(view: View, jacobian: Jacobian) -> bool:
    """Whether a path from a parameter passes here."""
    return jacobian.found.of.tensor.name in view.derivation.chains.edges
