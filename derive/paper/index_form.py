"""Typeset the index form: one function per type of SymPy node in an equation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import singledispatchmethod
from typing import Any, Self

from sympy import (
    Abs,
    Add,
    And,
    E,
    Expr,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Or,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    default_sort_key,
    exp,
    floor,
    log,
    pi,
    sign,
    true,
)

from derive.arrays.blocks import gives_rows, row_blocks
from derive.calculus.beginnings import all_joined, with_values
from derive.calculus.cases import Cases
from derive.calculus.extremes import Extreme, LargestPlace, Selected, SmallestPlace
from derive.calculus.functions import SCALAR_FUNCTIONS, Elementwise, X
from derive.calculus.index import Equation, Index, Tensor, put
from derive.calculus.products import ProductOfOthers, ProductOver
from derive.calculus.reading_order import fraction, is_decimal, is_remainder, reading_order, subtracted
from derive.calculus.roles import Role
from derive.calculus.stepwise import InOrder
from derive.paper.boxes import ATOM, EMPTY, HADAMARD, PRODUCT, SUM, Box
from derive.paper.characters import BETWEEN, LETTERS, plain
from derive.paper.signs import mark
from derive.paper.symbols import Symbols
from derive.text.entry_text import base_name, number_text, option_values


class IndexForm(Symbols):
    """Typesets formulas in index form."""

    def extent(self, extent: Expr) -> Box:
        """A width or a number of samples."""
        return self.entry(extent)

    def shape(self, rows: Expr, columns: Expr) -> Box:
        """Rows by columns."""
        return self.typesetter.join((self.at(rows, PRODUCT), self.at(columns, PRODUCT)), "by", ATOM)

    # ------------------------------------------------------------ index form

    def formula(self, expression: Expr) -> Box:
        """A formula in ``X``, such as the definition of a function, with decimals kept as decimals."""
        return replace(self, decimals=True).entry(expression)

    @singledispatchmethod
    def entry(self, expression: Expr) -> Box:
        """A formula in index form."""
        raise NotImplementedError(f"cannot typeset {type(expression).__name__}: {expression}")

    @entry.register
    def _(self, expression: Rational) -> Box:
        set_ = self.typesetter
        if (self.decimals or expression.q >= 1000) and is_decimal(expression):  # 1/100000 is hard to read
            digits, _, exponent = number_text(abs(Fraction(expression.p, expression.q))).partition("e")
            box = set_.decimal(digits, int(exponent) if exponent else None)
            return box if expression >= 0 else self._minus(box)
        top = set_.number(abs(int(expression.p)))
        box = top if expression.q == 1 else set_.fraction(top, set_.number(int(expression.q)))
        return box if expression >= 0 else self._minus(box)

    @entry.register
    def _(self, expression: Symbol) -> Box:
        if expression in self.given:
            return self.given[expression]
        if expression.is_integer:  # a width; the symbol of a tensor is only real
            return self.width(expression.name)
        tensor = None if expression == X else self.tensors.get(expression.name)
        if tensor is not None:
            return self.symbol(tensor)
        if expression.name in LETTERS:
            return self.typesetter.letter(LETTERS[expression.name])
        return self.typesetter.variable(expression.name)  # an option of a catalogue entry

    @entry.register
    def _(self, expression: Indexed) -> Box:
        if expression in self.given:
            return self.given[expression]
        return self.symbol(self.tensors[expression.base.label.name], tuple(expression.indices))

    @entry.register
    def _(self, expression: Add) -> Box:
        whole = self.with_beginnings(expression)
        if not isinstance(whole, Add):
            return self.entry(whole)
        return self.sum_of((_negative(t), self.entry(-t if _negative(t) else t)) for t in reading_order(whole.args))

    def with_beginnings(self, expression: Expr) -> Expr:
        """A formula whose entries of recurrences are what these begin with, or values where numbers are put in."""
        return (with_values if self.given else all_joined)(expression, self.beginnings)

    @entry.register
    def _(self, expression: Mul) -> Box:
        set_ = self.typesetter
        if _negative(expression):
            return self._minus(self.entry(-expression))
        top, bottom = fraction(expression, self.decimals)
        if bottom != 1:
            scalars, rest = _split_scalars(top)
            if rest and _is_scalar(bottom):
                front = set_.fraction(self.entry(scalars), self.entry(bottom))
                return self._product((front, *self._factors(rest)))
            return set_.fraction(self.entry(top), self.entry(bottom))
        return self._product(self._factors(Mul.make_args(top)))

    def _product(self, factors: Iterable[Box]) -> Box:
        return self.typesetter.join(factors, "dot" if self.dotted else "thin", PRODUCT)

    def _factors(self, factors: Iterable[Expr]) -> list[Box]:
        ordered = self.in_order(factors)
        boxes = [self.at(f, PRODUCT) for f in ordered]
        return [b for f, b in zip(ordered, boxes, strict=True) if f != 1]

    def in_order(self, factors: Iterable[Expr]) -> list[Expr]:
        """Factors in the order in which they are written."""
        return sorted(factors, key=self._rank)

    def _rank(self, factor: Expr) -> tuple[int, str]:
        """The sort key: numbers, sums in parentheses, weights, factors, the rest, functions, summation signs."""
        if factor.is_number:
            return -1, ""
        if isinstance(factor, Symbol):
            tensor = self.tensors.get(factor.name)
            return (4, factor.name) if tensor is not None and tensor.role == Role.GRADIENT else (0, "")
        if isinstance(factor, Indexed):
            roles = {"weight": 2, "factor": 3, "target": 3}
            name = factor.base.label.name
            return roles.get(self.tensors[name].role, 4), name
        if factor.has(Sum, Extreme, ProductOver) and not isinstance(factor, Add | Selected):
            return 7, ""
        if is_remainder(factor):
            return 1, ""
        if isinstance(factor, Add):
            return 5 if factor.has(Sum) or any(t.is_number for t in factor.args) else 1, ""
        if isinstance(factor, Cases):
            return 6, "cases"
        return 5 if isinstance(factor, Pow) else 6, ""

    @entry.register
    def _(self, expression: InOrder) -> Box:
        return self.typesetter.join(self._in_order(expression), "thin", PRODUCT)

    def _in_order(self, expression: InOrder) -> list[Box]:
        """The factors in their order; a minus sign stands in front of the first, or in parentheses."""
        negative = expression.args[0] == -1
        boxes = [self.at(f, PRODUCT) for f in expression.args[negative:]]
        return [self._minus(boxes[0]) if negative else boxes[0], *boxes[1:]]

    @entry.register
    def _(self, expression: Pow) -> Box:
        set_ = self.typesetter
        if expression.exp == Rational(1, 2):
            return set_.root(self.entry(expression.base))
        if expression.exp.is_negative:
            return set_.fraction(set_.number(1), self.entry(expression.base**-expression.exp))
        base = self.entry(expression.base)
        tensor = self.tensors.get(str(expression.base)) if isinstance(expression.base, Symbol) else None
        alone = isinstance(expression.base, Symbol) and (tensor is None or tensor.is_number)
        plain = alone or (expression.base.is_Integer and expression.base.is_positive)
        return set_.script(base if plain else set_.group(base), None, self.entry(expression.exp))

    @entry.register
    def _(self, expression: Sum) -> Box:
        set_ = self.typesetter
        shown = [limit[0] for limit in expression.limits if limit[0].axis.extent != 1]
        shown.sort(key=lambda i: not i.axis.sample)
        page = self._naming(shown)
        signs = [page.summation(i) for i in shown]
        body = page.at(expression.function, PRODUCT)
        return set_.join((*signs, body), "thin", PRODUCT) if signs else page.entry(expression.function)

    @entry.register
    def _(self, expression: ProductOver) -> Box:
        set_ = self.typesetter
        shown = [i for i in expression.bound if i.axis.extent != 1]
        page = self._naming(shown)
        if not shown:
            return page.entry(expression.function)
        ends = [(set_.number(i.axis.start), self.extent(i.axis.stop)) for i in shown]
        signs = [set_.product(page._index_letter(page.letters[i]), *e) for i, e in zip(shown, ends, strict=True)]
        return set_.join((*signs, page.at(expression.function, PRODUCT)), "thin", SUM)

    @entry.register
    def _(self, expression: ProductOfOthers) -> Box:
        """The product under the condition that its index is another one."""
        set_, whole = self.typesetter, _apart(expression.factors, expression.places)
        pairs = [(i, p) for i, p in zip(whole.bound, expression.places, strict=True) if i.axis.extent != 1]
        if not pairs:
            return set_.number(1)
        page = self._naming([i for i, _ in pairs])
        sides = [[page.index(i) or set_.number(1) for i in row] for row in zip(*pairs, strict=True)]
        left, right = (r[0] if len(r) == 1 else set_.group(set_.join(r, "comma", SUM)) for r in sides)
        sign = set_.product(set_.join((left, right), "unequal", SUM), EMPTY, EMPTY)
        return set_.join((sign, page.at(whole.function, PRODUCT)), "thin", SUM)

    @entry.register
    def _(self, expression: Extreme) -> Box:
        set_ = self.typesetter
        shown = [i for i in expression.bound if i.axis.extent != 1]
        page = self._naming(shown)
        if not shown:
            return page.entry(expression.function)
        ranges = [page.within(i) for i in shown]
        place = isinstance(expression, LargestPlace | SmallestPlace)
        name = set_.name("arg" * place + ("max" if expression.sign > 0 else "min"))
        below = set_.script(name, set_.join(ranges, "comma", SUM), None)
        return set_.join((below, page.at(expression.function, PRODUCT)), "thin", HADAMARD)

    def within(self, index: Index) -> Box:
        """The range of an index."""
        start, stop = self.typesetter.number(index.axis.start), self.extent(index.axis.stop)
        return self.typesetter.join((start, self._index_letter(self.letters[index]), stop), "at most", SUM)

    @entry.register
    def _(self, expression: Selected) -> Box:
        """The Iverson bracket [k = argmax ...]."""
        pairs = zip(expression.extreme.bound, expression.places, strict=True)
        places = [self.index(place) for bound, place in pairs if bound.axis.extent != 1]
        boxes = [box or self.typesetter.number(1) for box in places]
        if not boxes:
            return self.typesetter.number(1)
        left = boxes[0] if len(boxes) == 1 else self.typesetter.group(self.typesetter.join(boxes, "comma", SUM))
        return self.typesetter.condition(left, self.entry(_apart(expression.extreme, expression.places)))

    def _naming(self, bound: list[Index]) -> Self:
        """Name the bound indices that have no name yet (inner sums of a composed formula)."""
        missing = [i for i in bound if i not in self.letters]
        if not missing:
            return self
        used = set(self.letters.values())
        chosen = dict(self.letters)
        for index in missing:
            pool = self.notation.sample_letters if index.axis.sample else self.notation.bound_letters
            chosen[index] = self.spare((*self.own_letters(index), *pool), used)
            used.add(chosen[index])
        return replace(self, letters=chosen)

    def summation(self, index: Index) -> Box:
        """The summation sign over the whole range of an index, without limits if its width is given as nothing."""
        letter, stop = self._index_letter(self.letters[index]), self.extent(index.axis.stop)
        start = EMPTY if stop == EMPTY else self.typesetter.number(index.axis.start)
        return self.typesetter.total(letter, start, stop)

    def range(self, index: Index) -> Box:
        """The range of an index: i = 1, ..., n."""
        set_, letter, stop = self.typesetter, self._index_letter(self.letters[index]), self.extent(index.axis.stop)
        first = set_.join((letter, set_.number(index.axis.start)), "equals", SUM)
        short = index.axis.extent == 2
        return set_.join((first, stop) if short else (first, set_.dots("low"), stop), "comma", SUM)

    @entry.register
    def _(self, expression: KroneckerDelta) -> Box:
        """The Iverson bracket [i = j]: the letter of Kronecker's delta is that of error terms."""
        sides = sorted(expression.args, key=lambda side: not isinstance(side, Index))
        left, right = (self.index(a) or self.typesetter.number(1) for a in sides)
        return self.typesetter.condition(left, right)

    @entry.register
    def _(self, expression: exp) -> Box:
        return self.exponential(self.entry(expression.args[0]))

    @entry.register
    def _(self, expression: log) -> Box:
        return self.called(log, [self.entry(expression.args[0])])

    @entry.register
    def _(self, expression: Function) -> Box:
        if type(expression) not in SCALAR_FUNCTIONS:
            raise NotImplementedError(f"{type(expression).__name__} has no name on paper")
        return self.called(type(expression), [self.entry(expression.args[0])])

    @entry.register(type(pi))
    def _(self, expression: Expr) -> Box:
        return self.typesetter.letter(LETTERS["pi"])

    @entry.register(type(E))
    def _(self, expression: Expr) -> Box:
        return self.exponential(self.typesetter.number(1))

    @entry.register(Max)
    @entry.register(Min)
    def _(self, expression: Expr) -> Box:
        return self.called(type(expression), [self.entry(a) for a in expression.args])

    def called(self, function: Any, arguments: Iterable[Box]) -> Box:
        """A function of SymPy by its name, applied to arguments."""
        name = {sign: "sgn", log: "ln", Max: "max", Min: "min"}.get(function, function.__name__)
        return self.typesetter.apply(self.typesetter.name(name), self.typesetter.join(arguments, "comma", SUM))

    @entry.register
    def _(self, expression: floor) -> Box:
        return self.typesetter.floored(self.entry(expression.args[0]))

    @entry.register
    def _(self, expression: Abs) -> Box:
        return self.typesetter.bars(self.entry(expression.args[0]))

    @entry.register
    def _(self, expression: Elementwise) -> Box:
        if expression in self.given:
            return self.given[expression]
        return self._applied(
            type(expression), [self.entry(a) for a in expression.args], layer_of(expression, self.tensors)
        )

    @entry.register(Piecewise)
    @entry.register(Cases)
    def _(self, expression: Expr) -> Box:
        return self.typesetter.cases((self.entry(value), self._condition(c)) for value, c in expression.args)

    def _condition(self, condition: Any) -> Box:
        if condition == true:
            return self.typesetter.name("otherwise")
        if isinstance(condition, And | Or):
            ordered = sorted(condition.args, key=default_sort_key)
            return self.connected(condition.func.__name__.lower(), map(self._condition, ordered))
        if X in condition.rhs.free_symbols:  # SymPy sorts the sides by their names
            condition = condition.reversed
        return self.compared(condition.rel_op, self.entry(condition.lhs), self.entry(condition.rhs))

    def connected(self, word: str, conditions: Iterable[Box]) -> Box:
        """Conditions joined by a word; those that have one themselves are in parentheses."""
        words = [BETWEEN["and"], BETWEEN["or"]]
        grouped = (self.typesetter.group(c) if c.kind == "row" and c.parts[0] in words else c for c in conditions)
        return self.typesetter.join(grouped, word, SUM)

    def compared(self, sign: str, left: Box, right: Box) -> Box:
        """A comparison."""
        name = {">": "greater", ">=": "at least", "<": "less", "<=": "at most"}[sign]
        return self.typesetter.join((left, right), name, SUM)

    def exponential(self, exponent: Box) -> Box:
        """A power of e, or the function exp if e is the name of a tensor."""
        set_ = self.typesetter
        if "e" in self.signs.letters:
            return set_.apply(set_.name("exp"), exponent)
        return set_.script(set_.letter(LETTERS["e"]), None, exponent)

    def function(self, function: Any, layer: int | None = None) -> Box:
        """A named function: f with its layer, or the function's own name; primes for derivatives."""
        set_ = self.typesetter
        generic = self.functions.get(function.origin)
        if generic is None and function.role != "loss":
            base = self._own_name(function)
        else:
            letter = "ell" if function.role == "loss" else self.signs.function or self.notation.function
            base = set_.letter(LETTERS[letter])
            if generic and not (self.by_layer and function.role != "loss"):
                base = set_.script(base, set_.letter(plain(generic)), None)
        base = set_.primed(base, function.order - len(function.wrt))
        for variable in function.wrt:
            base = set_.partial(base, self.entry(variable))
        if generic is not None and self.by_layer and function.role != "loss" and layer is not None:
            return set_.script(base, None, mark(set_, self.notation, self.layer_name(str(layer))))
        return base

    def variables(self, function: Any) -> Box:
        """The variables in which a function is defined."""
        return self.typesetter.join([self.entry(v) for v in (X, *function.others)], "comma", SUM)

    def _own_name(self, function: Any) -> Box:
        """The name of a function in the catalogue, with the values of its options as subscripts."""
        values = [self.formula(Rational(value)) for value in option_values(function.label)]
        name = self.typesetter.name(base_name(function.label) if values else function.origin, function.tex)
        return self.typesetter.script(name, self.typesetter.join(values, "comma", SUM), None) if values else name

    def _applied(self, function: Any, arguments: list[Box], layer: int | None) -> Box:
        listed = arguments[0] if len(arguments) == 1 else self.typesetter.join(arguments, "comma", SUM)
        return self.typesetter.apply(self.function(function, layer), listed)

    def at(self, expression: Expr, level: int) -> Box:
        """A formula, in parentheses if its precedence is lower than ``level``."""
        return self._at(self.entry(expression), level)

    def _at(self, box: Box, level: int) -> Box:
        return box if box.binds >= level else self.typesetter.group(box)

    def _minus(self, box: Box) -> Box:
        return self.typesetter.before("minus", self._at(box, PRODUCT))

    def sum_of(self, terms: Iterable[tuple[bool, Box]]) -> Box:
        """A sum of signed terms, given as pairs (negative, box)."""
        pieces = self.signed(terms)
        return self.typesetter.join(pieces, "", SUM)

    def signed(self, terms: Iterable[tuple[bool, Box]]) -> list[Box]:
        """Terms as boxes with a leading sign (for the first one only a minus)."""
        pieces: list[Box] = []
        for negative, box in terms:
            inner = self._at(box, HADAMARD)
            if not pieces:
                pieces.append(self._minus(inner) if negative else box)
            else:
                pieces.append(self.typesetter.before("binary minus" if negative else "binary plus", inner))
        return pieces

    # ------------------------------------------------------------ line breaks

    def pieces(self, expression: Expr) -> list[Box]:
        """Split a formula in index form at its possible line breaks."""
        expression = self.with_beginnings(expression)
        if isinstance(expression, Add):
            terms = reading_order(expression.args)
            return self.signed((_negative(t), self.entry(-t if _negative(t) else t)) for t in terms)
        if isinstance(expression, InOrder):
            return self._in_order(expression)
        top, bottom = fraction(expression)
        if isinstance(expression, Mul) and not _negative(expression) and _is_scalar(bottom):
            scalars, rest = _split_scalars(top)
            front = [] if scalars == bottom == 1 else [self.entry(scalars / bottom)]
            return [*front, *self._factors(rest)]
        return [self.entry(expression)]

    # ------------------------------------------------------------ rows given piecewise

    def rows(self, equation: Equation) -> Box:
        """The right side of an equation, as cases if its rows are given piecewise."""
        if not gives_rows(equation):
            return self.entry(equation.expression)
        row = equation.indices[0]
        found = []
        for first, extent, body, inner in row_blocks(equation.expression, row):
            value = self.entry(body if inner is None else body.xreplace({inner: row}))
            name, sign = self.index(row), "equals" if extent == 1 and inner is None else "at least"
            assert name is not None
            found.append((value, self.typesetter.join((name, self.typesetter.number(first)), sign, SUM)))
        return self.typesetter.cases(found)


def _apart(extreme: Extreme | ProductOver, places: Iterable[Expr]) -> Any:
    """An extreme value, or a product, whose indices are not those of the places that are compared with it."""
    read = {i for place in places for i in place.free_symbols}
    new = {i: Index(f"{i.name}_", i.axis) for i in extreme.bound if i in read}
    limits = ((new.get(i, i), *rest) for i, *rest in extreme.limits)
    return extreme.func(put(extreme.function, new), *limits)


def _negative(expression: Expr) -> bool:
    return subtracted(expression) and not isinstance(expression, Add)


def _is_scalar(expression: Expr) -> bool:
    """Whether an expression contains numbers and extents only."""
    return not expression.has(Function, Indexed) and all(s.is_integer for s in expression.free_symbols)


def _split_scalars(top: Expr) -> tuple[Expr, list[Expr]]:
    """Split a numerator into numbers and extents, and other factors."""
    scalars, rest = Integer(1), []
    for factor in Mul.make_args(top):
        if factor.has(Indexed, Sum, Elementwise) or not (factor.is_number or factor.is_Symbol or factor.is_Pow):
            rest.append(factor)
        else:
            scalars *= factor
    return scalars, rest


def layer_of(expression: Expr, tensors: Mapping[str, Tensor]) -> int | None:
    """The layer in which a function is applied: the last layer that its argument reads."""
    layers = {tensors[e.base.label.name].layer for e in expression.args[0].atoms(Indexed)}
    return max((n for n in layers if n is not None), default=None)
