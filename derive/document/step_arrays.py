"""The equations of a recurrence in matrices, one step at a time: the place of the step is an index of a matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Sum

from derive.arrays.lift import ArrayAssign, formed
from derive.arrays.matrix import Formula, Node, Product, Transpose
from derive.calculus.affine import affine
from derive.calculus.beginnings import all_joined
from derive.calculus.index import Axis, Equation, Index, Tensor, total
from derive.calculus.roles import Role
from derive.calculus.unrolled import is_ordered, ordered_axes
from derive.document.array_signs import signs
from derive.document.blocks import Block, Display, Item, say
from derive.document.view import LINE, View
from derive.paper.boxes import ATOM, PRODUCT, Box
from derive.paper.page import Page


class NoStepError(ValueError):
    """An equation that has no form in matrices for each step."""


@dataclass
class StepArrays:
    """Writes statements for a batch in matrices for each step; ``held`` are the matrices of steps so far, by name."""

    view: View
    held: dict[str, Tensor] = field(default_factory=dict)
    places: dict[str, Box] = field(default_factory=dict)
    conditions: dict[str, Expr] = field(default_factory=dict)
    forms: list[ArrayAssign] = field(default_factory=list)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The ordered axes."""
        return ordered_axes(self.view.derivation.chains)

    def items(self, *stages: str) -> Iterator[Item]:
        """The statements that have such a form."""
        for stated in self.view.batch.stage(*stages):
            equation = stated.equation
            joined = all_joined(equation.expression, self.view.beginnings)
            statement = replace(stated, equation=replace(equation, expression=joined))
            try:
                yield from self._gradient(statement) if statement.stage == "gradient" else self._statement(statement)
            except NoStepError:
                continue

    def begun(self) -> Iterator[Item]:
        """What recurrences begin with, at its place."""
        for beginning in self.view.beginnings:
            tensor, at = self.view.batch.tensors[beginning.tensor], beginning.position
            others = self.view.derivation.forward.supply.several((*tensor.axes[:at], *tensor.axes[at + 1 :]))
            value = beginning.at(tensor[(*others[:at], beginning.place, *others[at:])])
            try:
                target = self._held(tensor, at, beginning.place, None)
                page, form = self._formed(Equation(target, others, value), None)
            except NoStepError:
                continue
            left = page.symbol(target, whole=True)
            yield Item(left, tuple(page.array_pieces(form, LINE - left.width - 5)))

    def _statement(self, statement: ArrayAssign) -> list[Item]:
        """A statement at any step."""
        own = [i for i in statement.equation.indices if is_ordered(i.axis, self.axes)]
        if len(own) > 1:
            raise NoStepError
        if not own and not self._reads_steps(statement.equation):
            return []
        return [self._item(statement, own[0] if own else None)]

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
                steps = [i for i in indices if is_ordered(i.axis, self.axes)]
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
        return any(is_ordered(limit[0].axis, self.axes) for limit in node.limits)

    def _reads_steps(self, equation: Equation) -> bool:
        tensors = self.view.batch.tensors
        names = {a.base.label.name for a in equation.expression.atoms(Indexed)}
        return any(is_ordered(a, self.axes) for n in names for a in tensors[n].axes)

    def _item(self, statement: ArrayAssign, t: Index | None) -> Item:
        equation = statement.equation
        target = equation.target if t is None else self._held(equation.target, equation.indices.index(t), t, t)
        indices = tuple(i for i in equation.indices if i != t)
        page, form = self._formed(replace(equation, target=target, indices=indices), t)
        self.forms.append(replace(statement, form=form))
        left = page.symbol(target, whole=True)
        return Item(left, tuple(page.array_pieces(form, LINE - left.width - 5)))

    def _formed(self, equation: Equation, t: Index | None) -> tuple[Page, Node]:
        """An equation in matrices, with the place of the step in the names of tensors, and its page."""
        put = {}
        for entry in equation.expression.atoms(Indexed):
            tensor = self.view.batch.tensors[entry.base.label.name]
            at = [n for n, a in enumerate(tensor.axes) if is_ordered(a, self.axes)]
            if not at:
                continue
            place = entry.indices[at[0]]
            if len(at) > 1 or place.atoms(Index) - {t} or (place.atoms(Index) and affine(place) is None):
                raise NoStepError
            held = self._held(tensor, at[0], place, t)
            others = tuple(i for n, i in enumerate(entry.indices) if n != at[0])
            put[entry] = held[others] if others else held.symbol
        right = equation.expression.xreplace(put).replace(lambda e: _names_a_step(e, t), self._numbered)
        if (t is not None and t in right.free_symbols) or any(map(self._over_steps, right.atoms(Sum))):
            raise NoStepError
        tensors = {**self.view.batch.tensors, **self.held}
        whole = replace(equation, expression=right)
        form = _outer(whole, tensors) or formed(whole, tensors)
        if isinstance(form, Formula):
            raise NoStepError
        return self._page(t), form

    def _numbered(self, delta: Expr) -> Expr:
        """A number in place of a condition on the step; it is 1 at one step and 0 at the others."""
        name = f"condition {delta}"
        self.held[name] = Tensor(name, Role.CONSTANT.value, ())
        self.conditions[name] = delta
        return self.held[name].symbol

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
        for name in self.places:
            sign = page.sign(self.view.batch.tensors[name.partition(" at ")[0]])
            below = (
                self.places[name]
                if sign.about is None
                else page.typesetter.join((sign.about, self.places[name]), "comma", ATOM)
            )
            of[name] = replace(sign, about=below)
        shown = {self.held[n].symbol: page.entry(d) for n, d in self.conditions.items() if d.atoms(Index) <= {t}}
        signed = replace(page, signs=replace(page.signs, of=of), tensors={**page.tensors, **self.held})
        return replace(signed, given={**page.given, **shown})


def _names_a_step(expression: Expr, t: Index | None) -> bool:
    """Whether an expression is 1 at one step and 0 at the others."""
    return isinstance(expression, KroneckerDelta) and expression.atoms(Index) == {t}


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
    recurring = {name for recurrence in view.batch.recurrences for name in recurrence.places}
    if not any(statement.target.name in recurring for statement in arrays.forms):
        return []
    samples = ", with the samples as columns" * view.sampled
    begun = tuple(arrays.begun())
    words = (
        f"In matrices, one step at a time{samples}; the index of a matrix is its step, and outside the steps it is 0"
    )
    words += ", unless an equation states it" * bool(view.beginnings)
    return [say(words + ":"), Display((*begun, *items)), *signs(view, arrays.forms)]
