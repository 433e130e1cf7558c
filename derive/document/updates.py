"""The update equations in print: once for all parameters, where they are one formula up to the parameter."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from derive.arrays.lift import ArrayAssign
from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.document.blocks import Display, Text, listed, say
from derive.document.view import View
from derive.paper.boxes import Box, Typesetter
from derive.paper.characters import LETTERS
from derive.paper.page import Page
from derive.paper.signs import Sign
from derive.record import record

#: Letters for a parameter array.
_LETTERS = ("theta", "Theta", "omega", "phi", "chi", "xi", "zeta")
#: Largest number of parameters that are listed; of more, the middle ones are omitted.
_MOST = 8


class _Nameless(Typesetter):
    """Makes boxes that name no tensor: a page that can be clicked shall not show one parameter for all."""

    def named(self, box: Box, symbol: str, entry: str = "") -> Box:
        """The part itself."""
        return box


@record
class Updates:
    """The update equations of a program for a batch; those of one parameter, written θ, stand for those of all."""

    view: View

    @cached_property
    def letter(self) -> str:
        """The name of a letter that is not used; empty if there is none, or the parameters have their own equations."""
        if self.view.alone:  # nothing is updated
            return ""
        numbers: dict[str, list[int]] = {p.name: [] for p in self.view.batch.learned}
        for statement in self.view.batch.stage("update"):
            numbers.get(statement.target.owner.name, []).append(statement.number)
        first, *others = numbers.values()
        if not others or any(other != first for other in others):
            return ""
        page = self.view.page
        used = {*page.signs.letters, *page.taken, page.signs.function}
        return next((x for x in _LETTERS if not used & {x, LETTERS[x].text}), "")

    @cached_property
    def parameter(self) -> Tensor:
        """The parameter whose equations are printed for all: one with rows and columns, if possible."""
        sides = {p: sum(a.extent != 1 for a in p.axes) for p in self.view.batch.learned}
        return max(sides, key=lambda p: (len(p.axes) < 3, sides[p], len(p.axes)))

    @cached_property
    def page(self) -> Page:
        """The page for a batch on which the parameter is written as any parameter."""
        page, sign = self.view.batch_page, Sign(self.symbol, self.symbol, self.symbol)
        signs = replace(page.signs, of={**page.signs.of, self.parameter.name: sign})
        return replace(page, signs=signs, typesetter=_Nameless(self.view.notation.times))

    @property
    def symbol(self) -> Box:
        """The letter."""
        return self.view.letter(self.letter)

    @cached_property
    def once(self) -> tuple[ArrayAssign, ...]:
        """The statements that are not about a single parameter, without those of running averages."""
        known = {*self.view.batch.parameters, *(t.owner for t in self.view.batch.averages.values())}
        return tuple(s for s in self.view.batch.stage("update") if s.target.owner not in known)

    @cached_property
    def averages(self) -> tuple[ArrayAssign, ...]:
        """The statements of running averages, which come last."""
        kept = {*self.view.batch.averages.values()}
        return tuple(s for s in self.view.batch.stage("update") if s.target.replaces in kept)

    @cached_property
    def each(self) -> tuple[ArrayAssign, ...]:
        """The statements of the parameter."""
        return tuple(s for s in self.view.batch.stage("update") if s.target.owner == self.parameter)

    @property
    def display(self) -> Display:
        """The equations with their numbers."""
        view, printed = self.view, self.view.batch.stage("update")
        items = [view.arrays(s, view.batch_page) for s in (self.once if self.letter else printed)]
        if self.letter:
            items += [view.arrays(s, self.page) for s in self.each]
            items += [view.arrays(s, view.batch_page) for s in self.averages]
        numbers = [item.number for item in items]
        return Display(tuple(replace(i, again=i.number in numbers[:n]) for n, i in enumerate(items)))

    @property
    def noun(self) -> Text:
        """The letter with its noun."""
        arrays = all(p.axes for p in self.view.batch.learned)
        return say("parameter array {}" if arrays else "parameter {}", self.symbol)

    @property
    def words(self) -> Text:
        """What the letter stands for."""
        view, parameters = self.view, self.view.batch.learned
        if view.derivation.network is None or parameters != view.batch.parameters:
            symbols = [view.batch_page.symbol(p, whole=True) for p in parameters]
            return listed(symbols if len(symbols) <= _MOST else [*symbols[:4], view.set_.dots("low"), *symbols[-2:]])
        nouns = {Role.WEIGHT: "weight matrix", Role.BIAS: "bias vector"}
        found = [noun for role, noun in nouns.items() if any(p.role == role for p in parameters)]
        several = len({p.layer for p in parameters}) > 1
        return Text(("each " + " and ".join(found) if several else " and ".join(f"the {noun}" for noun in found),))
