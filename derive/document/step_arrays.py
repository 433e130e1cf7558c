"""The equations of a recurrence in matrices, one step at a time: the place of the step is an index of a matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Sum

from derive.arrays.lift import ArrayAssign, formed
from derive.arrays.matrix import Formula, Node, Product, Transpose
from derive.calculus.affine import affine
from derive.calculus.deltas import tidy
from derive.calculus.index import Axis, Equation, Index, Tensor, total
from derive.calculus.roles import Role
from derive.calculus.unrolled import ordered_axes
from derive.document.array_signs import signs
from derive.document.blocks import Block, Display, Item, Text, say
from derive.document.view import LINE, View
from derive.paper.boxes import ATOM, PRODUCT, SUM, Box
from derive.paper.page import Page


class NoStepError(ValueError):
    """An equation that has no form in matrices for each step."""


@dataclass
class StepArrays:
    """Writes statements for a batch in matrices for each step; ``held`` are the matrices of steps so far, by name."""

    view: View
    held: dict[str, Tensor] = field(default_factory=dict)
    places: dict[str, Box] = field(default_factory=dict)
    forms: list[ArrayAssign] = field(default_factory=list)

    @property
    def axes(self) -> frozenset[Axis]:
        """The ordered axes."""
        return ordered_axes(self.view.derivation.chains)

    def items(self, *stages: str) -> Iterator[Item]:
        """The statements that have such a form."""
        for statement in self.view.batch.stage(*stages):
            try:
                yield from self._gradient(statement) if statement.stage == "gradient" else self._statement(statement)
            except NoStepError:
                continue

    def _statement(self, statement: ArrayAssign) -> list[Item]:
        """A statement at any step, and at the steps where it differs."""
        equation = statement.equation
        own = [i for i in equation.indices if i.axis in self.axes]
        if len(own) > 1:
            raise NoStepError
        if not own:
            return [self._item(statement, equation, None)] if self._reads_steps(equation) else []
        (t,) = own
        special = self._special(equation.expression, t)
        page = self.view.batch_page.with_letters((t,), ())
        deltas = {d: Integer(0) for d in equation.expression.atoms(KroneckerDelta) if t in d.free_symbols}
        usual = replace(equation, expression=tidy(equation.expression.xreplace(deltas)))
        letter, set_ = page.index(t), self.view.set_
        assert letter is not None
        apart = [set_.join((letter, page.entry(n)), "equals", SUM) for n in special]
        items = [self._item(statement, usual, t, say("for all steps but {}", *apart) if len(apart) == 1 else None)]
        if len(apart) > 1:
            raise NoStepError
        return [*items, *(self._item(statement, self._within(equation, t, n), t, place=n) for n in special)]

    def _special(self, value: Expr, t: Index) -> list[Expr]:
        """The places that deltas name."""
        found: dict[Expr, None] = {}
        for delta in value.atoms(KroneckerDelta):
            if t in delta.free_symbols:
                (other,) = [a for a in delta.args if a != t] if t in delta.args else (None,)
                if other is None or other.atoms(Index):
                    raise NoStepError
                found[other] = None
        return list(found)

    def _within(self, equation: Equation, t: Index, place: Expr) -> Equation:
        """An equation at one place, without what is read outside."""
        right = equation.expression.xreplace({t: place})
        outside = {}
        for entry in right.atoms(Indexed):
            axes = self.view.batch.tensors[entry.base.label.name].axes
            pairs = [(p, a) for p, a in zip(entry.indices, axes, strict=True) if a in self.axes and not p.atoms(Index)]
            if any((p - a.start).is_negative or (a.stop - p).is_negative for p, a in pairs):
                outside[entry] = Integer(0)
        right = tidy(right.xreplace(outside))
        if any(d.atoms(Index) & {t} for d in right.atoms(KroneckerDelta)):
            raise NoStepError
        return replace(equation, expression=right)

    def _gradient(self, statement: ArrayAssign) -> list[Item]:
        """A gradient as a sum over the steps, term by term."""
        equation, set_ = statement.equation, self.view.set_
        if not self._reads_steps(equation):
            return []
        pieces: list[Box] = []
        for term in Add.make_args(equation.expression):
            sums = [f for f in Mul.make_args(term) if isinstance(f, Sum) and self._over_steps(f)]
            if len(sums) > 1:
                raise NoStepError
            steps: list[Index] = []
            if sums:
                (summed,) = sums
                indices = [limit[0] for limit in summed.limits]
                steps = [i for i in indices if i.axis in self.axes]
                rest = [i for i in indices if i not in steps]
                term = term.xreplace({summed: total(summed.function, *rest) if rest else summed.function})
            if len(steps) > 1:
                raise NoStepError
            page, form = self._formed(replace(equation, expression=term), steps[0] if steps else None)
            box = page.array(form)
            if steps:
                box = set_.join((page.summation(steps[0]), page._at(box, PRODUCT)), "thin", PRODUCT)
            pieces.append(set_.before("binary plus", box) if pieces else box)
            self.forms.append(replace(statement, form=form))
        return [Item(self.view.batch_page.symbol(statement.target, whole=True), tuple(pieces))]

    def _over_steps(self, node: Sum) -> bool:
        return any(limit[0].axis in self.axes for limit in node.limits)

    def _reads_steps(self, equation: Equation) -> bool:
        tensors = self.view.batch.tensors
        names = {a.base.label.name for a in equation.expression.atoms(Indexed)}
        return any(a in self.axes for n in names for a in tensors[n].axes)

    def _item(
        self,
        statement: ArrayAssign,
        equation: Equation,
        t: Index | None,
        reason: Text | None = None,
        place: Expr | None = None,
    ) -> Item:
        target = equation.target
        if t is not None:
            target = self._held(equation.target, equation.indices.index(t), t if place is None else place, t)
        indices = tuple(i for i in equation.indices if i != t)
        page, form = self._formed(replace(equation, target=target, indices=indices), t)
        self.forms.append(replace(statement, form=form))
        left = page.symbol(target, whole=True)
        return Item(left, tuple(page.array_pieces(form, LINE - left.width - 5)), reason=reason)

    def _formed(self, equation: Equation, t: Index | None) -> tuple[Page, Node]:
        """An equation in matrices, with the place of the step in the names of tensors, and its page."""
        put = {}
        for entry in equation.expression.atoms(Indexed):
            tensor = self.view.batch.tensors[entry.base.label.name]
            at = [n for n, a in enumerate(tensor.axes) if a in self.axes]
            if not at:
                continue
            place = entry.indices[at[0]]
            if len(at) > 1 or place.atoms(Index) - {t} or (place.atoms(Index) and affine(place) is None):
                raise NoStepError
            held = self._held(tensor, at[0], place, t)
            others = tuple(i for n, i in enumerate(entry.indices) if n != at[0])
            put[entry] = held[others] if others else held.symbol
        right = equation.expression.xreplace(put)
        if (t is not None and t in right.free_symbols) or any(map(self._over_steps, right.atoms(Sum))):
            raise NoStepError
        tensors = {**self.view.batch.tensors, **self.held}
        whole = replace(equation, expression=right)
        form = _outer(whole, tensors) or formed(whole, tensors)
        if isinstance(form, Formula):
            raise NoStepError
        return self._page(t), form

    def _held(self, tensor: Tensor, position: int, place: Expr, t: Index | None) -> Tensor:
        page = self.view.batch_page.with_letters(() if t is None else (t,), ())
        name = f"{tensor.name} at {place.xreplace({t: Integer(0)}) if t in place.free_symbols else f'number {place}'}"
        if name not in self.held:
            axes = (*tensor.axes[:position], *tensor.axes[position + 1 :])
            self.held[name] = replace(tensor, name=name, axes=axes)
            box = page.entry(place) if not place.atoms(Index) else page.index(place)
            assert box is not None
            self.places[name] = box
        return self.held[name]

    def _page(self, t: Index | None) -> Page:
        page = self.view.batch_page.with_letters(() if t is None else (t,), ())
        of = {**page.signs.of}
        for name in self.held:
            sign = page.sign(self.view.batch.tensors[name.partition(" at ")[0]])
            below = (
                self.places[name]
                if sign.about is None
                else page.typesetter.join((sign.about, self.places[name]), "comma", ATOM)
            )
            of[name] = replace(sign, about=below)
        return replace(page, signs=replace(page.signs, of=of), tensors={**page.tensors, **self.held})


def _outer(equation: Equation, tensors: Mapping[str, Tensor]) -> Node | None:
    """The product of a column and a row, if the right side is a factor with each of the two indices."""
    if len(equation.indices) != 2:
        return None
    row, column = equation.indices
    sides: tuple[list[Expr], list[Expr]] = ([], [])
    for factor in Mul.make_args(equation.expression):
        if {row, column} <= factor.free_symbols:
            return None
        sides[column in factor.free_symbols].append(factor)
    if not all(any(i in f.free_symbols for f in side) for i, side in zip(equation.indices, sides, strict=True)):
        return None
    columns = []
    for index, side in zip(equation.indices, sides, strict=True):
        target = replace(equation.target, axes=(index.axis,), role=Role.PLAIN.value, about=None)
        columns.append(formed(Equation(target, (index,), Mul(*side)), tensors))
    if any(isinstance(form, Formula) for form in columns):
        return None
    left, right = columns
    return Product(left, Transpose(right))


def step_by_step(view: View) -> list[Block]:
    """The equations of each step in matrices, with the samples as columns, and the gradients as sums over the steps."""
    arrays = StepArrays(view)
    if not arrays.axes:
        return []
    items = tuple(arrays.items("forward", "factor", "gradient"))
    if not items:
        return []
    samples = ", with the samples as columns" * view.sampled
    words = (
        f"In matrices, one step at a time{samples}; the index of a matrix is its step, and outside the steps it is 0:"
    )
    return [say(words), Display(items), *signs(view, arrays.forms)]
