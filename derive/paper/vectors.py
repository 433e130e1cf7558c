"""Typeset a formula for the units of a layer, or for the samples, as a formula of vectors, with means of entries."""

from __future__ import annotations

from sympy import Expr, Indexed, Integer, Mul, Pow, Sum

from derive.calculus.index import Axis, Index
from derive.calculus.reading_order import fraction, reading_order, subtracted
from derive.paper.boxes import ATOM, HADAMARD, PRODUCT, Box
from derive.paper.characters import Letter
from derive.paper.page import Page
from derive.record import record

_OPENING, _CLOSING = Letter(r"\langle", "⟨"), Letter(r"\rangle", "⟩")


def is_inner_product(box: Box) -> bool:
    """Whether a box is an inner product in angle brackets."""
    return box.kind == "row" and isinstance(box.parts[1], Box) and box.parts[1].parts == (_OPENING,)


class NoVectorsError(ValueError):
    """A formula reads more than vectors over one axis."""


@record
class Vectors:
    """Writes formulas of vectors over one axis: that of the units for one sample, or that of the samples.

    An index over the axis makes an entry a vector; with vectors over samples, an entry has the index of its unit.
    """

    page: Page
    axis: Axis

    def formula(self, expression: Expr) -> Box:
        """A formula of vectors. Raises NoVectorsError if an entry has another index, or two over the axis."""
        if isinstance(expression, Indexed):
            return self._entry(expression)
        if isinstance(expression, Sum):
            return self._sum(expression, Integer(1))
        if not any(map(self._is_along, expression.atoms(Index))):
            return self.page.entry(expression)
        if expression.is_Add:
            terms = reading_order(expression.args)
            return self.page.sum_of((subtracted(t), self.formula(-t if subtracted(t) else t)) for t in terms)
        if isinstance(expression, Mul):
            return self._product(expression)
        if isinstance(expression, Pow):
            return self._power(expression)
        raise NoVectorsError(f"{expression} has no form with vectors")

    def _is_along(self, index: Expr) -> bool:
        return isinstance(index, Index) and (index.axis == self.axis or not (self.axis.sample or index.axis.sample))

    def _is_vector(self, expression: Expr) -> bool:
        return any(map(self._is_along, expression.free_symbols))

    def _entry(self, entry: Expr) -> Box:
        tensor = self.page.tensors[entry.base.label.name]
        for index, axis in zip(entry.indices, tensor.axes, strict=True):
            whole = isinstance(index, Index) and index.axis == axis
            if not whole and (index.free_symbols or not self.axis.sample):
                raise NoVectorsError(f"{entry} reads a part of a tensor")
        along = [i for i in entry.indices if self._is_along(i)]
        if len(along) > 1 or any(i.axis != self.axis for i in along):
            raise NoVectorsError(f"{entry} is no entry of a vector over the axis")
        others = tuple(i for i in entry.indices if i not in along)
        return self.page.symbol(tensor, others) if self.axis.sample else self.page.symbol(tensor, whole=True)

    def _sum(self, node: Expr, number: Expr) -> Box:
        """A number times a sum of entries: their mean, if the number divides by how many they are."""
        bound = [limit[0] for limit in node.limits]
        if [i.axis for i in bound] != [self.axis]:
            raise NoVectorsError(f"{node} is no sum over the axis")
        set_, factors = self.page.typesetter, self.page.in_order(Mul.make_args(node.function))
        if any(f.is_number or not self._is_vector(f) for f in factors):
            raise NoVectorsError(f"{node} has a factor without the index of the sum")
        if {"mean", "sum"} & self.page.signs.letters:
            raise NoVectorsError("a tensor has the name of the function of vectors")
        share = number * self.axis.extent
        if _is_simpler(share, number):
            shown = set_.apply(set_.name("mean"), self._times(factors))
            return shown if share == 1 else set_.join((self.page.entry(share), shown), "thin", PRODUCT)
        if len(factors) == 1:
            shown = set_.apply(set_.name("sum"), self.formula(factors[0]))
        else:
            sides = (self.formula(factors[0]), self._times(factors[1:]))
            inside = set_.join(sides, "comma", ATOM)
            shown = set_.join((set_.letter(_OPENING), inside, set_.letter(_CLOSING)), "", ATOM)
        return shown if number == 1 else set_.join((self.page.entry(number), shown), "thin", PRODUCT)

    def _times(self, factors: list[Expr]) -> Box:
        set_ = self.page.typesetter
        return set_.join([self._at(f, HADAMARD) for f in factors], "times", HADAMARD)

    def _at(self, expression: Expr, level: int) -> Box:
        box = self.formula(expression)
        return box if box.binds >= level else self.page.typesetter.group(box)

    def _product(self, product: Expr) -> Box:
        """Numbers in front, sums with their numbers, then vectors; a scalar denominator as a fraction in front."""
        set_ = self.page.typesetter
        top, bottom = fraction(product)
        if self._is_vector(bottom):
            raise NoVectorsError(f"{bottom} is a vector in a denominator")
        factors = self.page.in_order(Mul.make_args(top))
        vectors = [f for f in factors if self._is_vector(f)]
        sums = [f for f in factors if isinstance(f, Sum)]
        others = [f for f in factors if f not in vectors and f not in sums and not f.is_number]
        below = [f for f in Mul.make_args(bottom) if f.has(Indexed)]
        number = Mul(*(f for f in factors if f.is_number)) / Mul(*(f for f in Mul.make_args(bottom) if f not in below))
        if len(sums) > 1:
            raise NoVectorsError(f"{product} has several sums")
        scalars = [self._sum(sums[0], number)] if sums else [self.page.entry(number)] if number != 1 else []
        above = [self._at(f, PRODUCT) for f in others]
        if below:
            numerator = set_.join(above, "thin", PRODUCT) if above else set_.number(1)
            above = [set_.fraction(numerator, self.formula(Mul(*below)))]
        scalars = above + scalars
        if not vectors:
            return set_.join(scalars, "thin", PRODUCT)
        whole = self._times(vectors)
        if not scalars:
            return whole
        grouped = set_.group(whole) if whole.binds < PRODUCT and len(vectors) == 1 else whole
        return set_.join((*scalars, grouped), "thin", min(grouped.binds, PRODUCT))

    def _power(self, power: Expr) -> Box:
        set_ = self.page.typesetter
        if not self._is_vector(power.base):
            if power.exp == Integer(1) / 2:
                return set_.root(self.formula(power.base))
            if power.exp == -Integer(1) / 2:
                return set_.fraction(set_.number(1), set_.root(self.formula(power.base)))
            raise NoVectorsError(f"{power} is a power of a scalar")
        if not power.exp.is_positive:
            raise NoVectorsError(f"{power} divides by a vector")
        mark = set_.join((set_.letter(self.page.notation.times), self.page.entry(power.exp)), "", ATOM)
        return set_.script(set_.group(self.formula(power.base)), None, mark)


def _is_simpler(share: Expr, number: Expr) -> bool:
    """Whether multiplying by the number of units removes it from the denominator."""
    return len(share.as_numer_denom()[1].free_symbols) < len(number.as_numer_denom()[1].free_symbols) or bool(
        share.is_Rational and share.q < number.q
    )
