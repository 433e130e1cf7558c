"""Print formulas of the index form in C, without what needs loops of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce, singledispatchmethod
from typing import Any

from sympy import (
    Abs,
    Add,
    Expr,
    Function,
    Indexed,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    Rational,
    S,
    Symbol,
    erf,
    floor,
    oo,
    sign,
)
from sympy import erfc as sympy_erfc
from sympy.core.relational import Relational

from derive.arrays.rewriting import spelled
from derive.arrays.stable import E_LESS_ONE, E_NEAR, E_POWER, erfc, form_of, log1p, log1p_ratio
from derive.calculus.affine import affine, misses
from derive.calculus.affine import lies_on as certainly_lies_on
from derive.calculus.functions import CALLS, Elementwise, X
from derive.calculus.index import Axis, Index, IndexSupply, Tensor
from derive.calculus.reading_order import fraction, reading_order, subtracted
from derive.targets.c.blocks import STEP, Block
from derive.targets.c.text import Text, at, joined, real_number
from derive.targets.loops.printer import Loop, LoopPrinter
from derive.targets.names import Names
from derive.targets.numpy.code import ATOM, PRODUCT, SUM, UNARY
from derive.targets.numpy.helper_functions import described

#: The functions of <math.h> with the names that they have there.
_MATH = {**{f: f.__name__ for f in CALLS}, Abs: "fabs", erf: "erf", erfc: "erfc", sympy_erfc: "erfc", log1p: "log1p"}
_MATH |= {floor: "floor"}


def stored_axes(tensor: Tensor) -> list[int]:
    """The numbers of a tensor's axes in the order in which C arrays hold them: the samples first."""
    return sorted(range(len(tensor.axes)), key=lambda number: not tensor.axes[number].sample)


class Formulas(LoopPrinter):
    """Prints C. ``places`` are the code of the tensors, ``widths`` that of extents, ``numbers`` are kept as ``double``.

    ``called`` has the functions of C and of the file that the code needs, ``read`` the names in ``places`` that it
    reads or writes, in this function and ``ever``.
    """

    library, outside = "", frozenset[str]()
    both, either = "&&", "||"
    pi, e, nan = "3.141592653589793", "2.718281828459045", "NAN"

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        places: Mapping[str, str],
        widths: Mapping[Symbol, str],
        numbers: Iterable[str],
        names: Names,
    ) -> None:
        super().__init__(tensors)
        self.places, self.widths, self.numbers, self.names = places, widths, {*numbers}, names
        self.block = Block()
        self.double, self.number = False, 0
        self.read, self.ever = set[str](), set[str]()
        #: The names of tensors that keep their values if the argument ``held`` is not 0.
        self.held = set[str]()
        self.about: dict[Any, int] = {}
        self._supply = IndexSupply("s")
        self._target = self.block  # the innermost loop over the entries of a target
        self._counts: dict[str, int] = {}

    # ------------------------------------------------------------ integers

    def integer(self, expression: Expr) -> Text:
        """An expression of indices and widths as an integer; a variable of a loop counts from 0."""
        return self._integer(self._resolved(expression))

    def _resolved(self, expression: Expr) -> Expr:
        """The expression with the names of variables and entries in C."""
        known: dict[Expr, Expr] = {}
        for node in expression.atoms(Symbol, Indexed):
            if isinstance(node, Indexed):
                known[node] = Symbol(self._entry_of(node), integer=True)
            elif (name := self.block.name(node)) is not None:
                known[node] = Symbol(name, integer=True) + (node.axis.start if isinstance(node, Index) else 0)
            elif node in self.widths:
                self.read.add(self.widths[node])
                known[node] = Symbol(self.widths[node], integer=True)
        return expression.xreplace(known)

    def _integer(self, expression: Expr) -> Text:
        if isinstance(expression, Add):
            terms = sorted(expression.args, key=lambda t: (t.is_number, subtracted(t), str(t)))
            return joined((subtracted(t), self._integer(-t if subtracted(t) else t)) for t in terms)
        if isinstance(expression, Mul):
            if subtracted(expression):
                return Text(f"-{at(self._integer(-expression), UNARY)}", UNARY)
            return Text(" * ".join(at(self._integer(a), UNARY) for a in expression.args), PRODUCT)
        return Text(str(expression), ATOM if not expression.is_negative else UNARY)

    # ------------------------------------------------------------ entries

    def entry(self, name: str, indices: Sequence[str]) -> Text:
        """An entry of an array, without a conversion."""
        place = self.places[name]
        self.read.add(place.partition("->")[0])
        self.ever.add(place)
        return Text(f"{place}{''.join(f'[{index}]' for index in indices)}")

    def _entry_of(self, entry: Indexed) -> Text:
        """An entry at its places, which count from 0 in C."""
        tensor = self.tensors[entry.base.label.name]
        order = stored_axes(tensor)
        places = [self.integer(entry.indices[n] - tensor.axes[n].start) for n in order]
        return self.entry(tensor.name, places)

    def _converted(self, name: str, code: Text) -> Text:
        """An entry in the type of the statement."""
        tensor = self.tensors[name]
        is_double = name in self.numbers
        if tensor.places is None and is_double == self.double:
            return code
        return Text(f"({'double' if self.double else 'real'}){code}", UNARY)

    @singledispatchmethod
    def code(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        """Code of an expression, in the innermost loop; what can be is computed before that loop."""
        return super().code(expression, scope)

    @code.register
    def _(self, expression: Indexed, scope: Mapping[Symbol, str]) -> str:
        name = expression.base.label.name
        read = self._converted(name, self._entry_of(expression))
        outside = [
            condition
            for place, axis in zip(expression.indices, self.tensors[name].axes, strict=True)
            for condition in self._on_axis(place, axis)
        ]
        return self.choice(" && ".join(outside), read, Text("0")) if outside else read

    def _on_axis(self, place: Expr, axis: Axis) -> Iterator[str]:
        """The conditions that a place is on an axis, without those that certainly hold."""
        if certainly_lies_on(place, axis) or (place.is_Integer and not misses(place, axis)):
            return
        form, moved = affine(place), self.integer(place - axis.start)
        if form is None or not (form.least - axis.start).is_nonnegative:
            yield f"{at(moved, SUM)} >= 0"
        if form is None or not (axis.stop - form.greatest).is_nonnegative:
            yield f"{at(moved, SUM)} < {self.integer(axis.extent)}"

    @code.register
    def _(self, expression: Symbol, scope: Mapping[Symbol, str]) -> str:
        name = self.block.name(expression)
        if isinstance(expression, Index) or expression in self.widths:
            return Text(f"({self._cast}){at(self.integer(expression), UNARY)}", UNARY)
        if name is not None:
            return Text(name)
        return self._converted(expression.name, self.entry(expression.name, ()))

    # ------------------------------------------------------------ arithmetic

    @property
    def _cast(self) -> str:
        return "double" if self.double else "real"

    def _is_number(self, expression: Expr) -> bool:
        """Whether a symbol is a number that is kept as ``double`` in a formula of other ones."""
        is_free = expression.is_Symbol and self.block.name(expression) is None
        return bool(not self.double and is_free and expression.name in self.numbers)

    def _of_numbers(self, expression: Expr) -> bool:
        """Whether a formula reads numbers that are kept as ``double``, and nothing else but widths."""
        if self.double or expression.is_Atom or expression.has(Indexed, Elementwise):
            return False
        symbols = {s for s in expression.free_symbols if s not in self.widths}
        return bool(symbols) and all(self.block.name(s) is None and s.name in self.numbers for s in symbols)

    def _as_double(self, expression: Expr) -> Text:
        """A formula of such numbers, computed in double precision and converted then."""
        self.double = True
        code = self.code(expression, {})
        self.double = False
        return Text(f"(real){at(code, UNARY)}", UNARY)

    @code.register
    def _(self, expression: Rational, scope: Mapping[Symbol, str]) -> str:
        return real_number(expression, "" if self.double else "real")

    @code.register
    def _(self, expression: Add, scope: Mapping[Symbol, str]) -> str:
        if self._of_numbers(expression):
            return self._as_double(expression)
        small = (E_POWER, E_LESS_ONE, E_NEAR)
        terms = reading_order(expression.args)
        if expression.has(*small, X):  # small terms come last, so that they are not lost before the others cancel
            terms.sort(key=lambda term: (term.has(*small), not term.is_number))
        return joined((subtracted(t), self.code(-t if subtracted(t) else t, {})) for t in terms)

    @code.register
    def _(self, expression: Mul, scope: Mapping[Symbol, str]) -> str:
        if self._of_numbers(expression):
            return self._as_double(expression)
        numbers = [f for f in expression.args if self._is_number(f) or self._of_numbers(f)]
        if subtracted(expression):
            return Text(f"-{at(self.code(-expression, {}), PRODUCT)}", UNARY)
        if len(numbers) > 1:
            over, under = fraction(Mul(*(f for f in expression.args if f not in numbers)))
            text = f"{self._as_double(Mul(*numbers))} * {at(self.code(over, {}), PRODUCT)}"
            return Text(text if under == 1 else f"{text} / {at(self.code(under, {}), UNARY)}", PRODUCT)
        top, bottom = fraction(expression, decimals=True)
        if bottom != 1:
            return Text(f"{at(self.code(top, {}), PRODUCT)} / {at(self.code(bottom, {}), UNARY)}", PRODUCT)
        factors = sorted(top.as_ordered_factors(), key=lambda f: (not f.is_number, isinstance(f, Add)))
        return Text(" * ".join(at(self.code(f, {}), UNARY) for f in factors), PRODUCT)

    @code.register
    def _(self, expression: Pow, scope: Mapping[Symbol, str]) -> str:
        base, exponent = expression.base, expression.exp
        if self._of_numbers(expression):
            return self._as_double(expression)
        if exponent.is_number and exponent.is_negative:
            inverse = base if exponent == -1 else base**-exponent
            return Text(f"1 / {at(self.code(inverse, {}), UNARY)}", PRODUCT)
        if exponent == Rational(1, 2):
            return self._math("sqrt", base)
        if exponent == 2 and not self.double:
            return self._helper("square", base)
        if exponent == 2 and isinstance(base, Indexed | Symbol):
            code = at(self.code(base, {}), UNARY)
            return Text(f"{code} * {code}", PRODUCT)
        return self._math("pow", base, exponent)

    @code.register(type(S.Pi))
    @code.register(type(S.Exp1))
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        number = self.pi if expression == S.Pi else self.e
        return Text(number) if self.double else Text(f"(real){number}", UNARY)

    @code.register(type(oo))
    @code.register(type(-oo))
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return Text("-INFINITY", UNARY) if expression == -oo else Text("INFINITY")

    # ------------------------------------------------------------ functions

    @code.register(Function)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        if self._of_numbers(expression):
            return self._as_double(expression)
        return self._before(expression, lambda: self._math(_MATH[type(expression)], *expression.args))

    @code.register(KroneckerDelta)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return self.choice(self.equal(*expression.args), Text("1"), Text("0"))

    @code.register(Piecewise)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return super().code(expression, scope)

    @code.register(Abs)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return self._math("fabs", *expression.args)

    @code.register(sign)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return self._helper("sign", *expression.args)

    @code.register(log1p_ratio)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        return self._helper("log1p_ratio", *expression.args)

    @code.register(Max)
    @code.register(Min)
    def _(self, expression: Expr, scope: Mapping[Symbol, str]) -> str:
        if self._of_numbers(expression):
            return self._as_double(expression)
        greatest = isinstance(expression, Max)
        own, of_doubles = ("larger", "fmax") if greatest else ("smaller", "fmin")
        name = self._named_helper(own) if not self.double else of_doubles
        codes = [self.code(a, {}) for a in reading_order(expression.args)]
        return reduce(lambda one, other: Text(f"{name}({one}, {other})"), codes)

    @code.register(Elementwise)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        before, self.double = self.double, False
        try:
            return self._before(expression, lambda: self._applied(expression))
        finally:
            self.double = before

    def _applied(self, expression: Any) -> Text:
        arguments = ", ".join(self.code(a, {}) for a in expression.args)
        return Text(f"{self._called(type(expression))}({arguments})")

    def _math(self, name: str, *arguments: Expr) -> Text:
        """A call of a function of <math.h>, in the type of the statement."""
        codes = ", ".join(self.code(a, {}) for a in arguments)
        if self.double:
            return Text(f"{name}({codes})")
        self.called.add(f"real_{name}")
        return Text(f"real_{name}({codes})")

    def _named_helper(self, name: str) -> str:
        self.called.add(name)
        return name

    def _helper(self, name: str, *arguments: Expr) -> Text:
        """A call of a function that every file may have."""
        return Text(f"{self._named_helper(name)}({', '.join(self.code(a, {}) for a in arguments)})")

    def _before(self, expression: Expr, code: Callable[[], Text]) -> Text:
        """The code of a call, or the name of its value if that can be computed before the innermost loop."""
        block = self.block.binding(expression.free_symbols)
        if self.double or block is self.block or not expression.free_symbols:
            return code()
        return self._computed_in(
            block, spelled(expression), "value", lambda name: [f"const real {name} = {code()};{self._note}"]
        )

    @property
    def _note(self) -> str:
        return f"  // ({self.number})" if self.number else ""

    def _computed_in(self, block: Block, key: Expr, word: str, lines: Callable[[str], list[str]]) -> Text:
        """The name of a value, computed by lines in a block, once for all equal expressions."""
        known = self.block.value(key)
        if known is None:
            with self._at(block):
                name = self._fresh(word)
                block.lines += lines(name)
            known = block.known[key] = name
            block.declares = True
        return Text(known)

    @contextmanager
    def _at(self, block: Block) -> Iterator[None]:
        before, self.block = self.block, block
        try:
            yield
        finally:
            self.block = before

    def _fresh(self, word: str) -> str:
        self._counts[word] = self._counts.get(word, 0) + 1
        return f"{word}{self._counts[word] if self._counts[word] > 1 else ''}"

    # ------------------------------------------------------------ what the base class writes through these

    def condition(self, condition: Any, scope: Mapping[Symbol, str]) -> str:
        """Code of a condition; whole numbers are compared as such."""
        if not isinstance(condition, Relational):
            return super().condition(condition, scope)
        if X in condition.rhs.free_symbols and not condition.lhs.has(X):
            condition = condition.reversed
        whole = all(_is_whole(side, self.widths) for side in condition.args)
        sides = [self.integer(side) if whole else self.code(side, {}) for side in condition.args]
        return f"{at(sides[0], SUM)} {condition.rel_op} {at(sides[1], SUM)}"

    def choice(self, condition: str, value: str, other: str) -> Text:
        """A conditional expression; a whole number in it is converted, so that no division cuts it off.

        An empty condition always holds.
        """
        if not condition:
            return Text(value, getattr(value, "binds", ATOM))
        first = f"({self._cast}){value}" if value.isdecimal() and other.isdecimal() else value
        return Text(f"({condition} ? {first} : {other})")

    def equal(self, left: Any, right: Any) -> str:
        """A comparison of places; an empty text if they are the same."""
        sides = [self._resolved(left), self._resolved(right)]
        if sides[0] == sides[1]:
            return ""
        less = min(side.as_coeff_Add()[0] for side in sides)
        first, second = (self._integer(side - less) for side in sides)
        return f"{at(first, SUM)} == {at(second, SUM)}"

    def _all_equal(self, pairs: Iterable[tuple[Any, Any]]) -> str:
        """The condition that all pairs of places are equal."""
        return " && ".join(filter(None, (self.equal(*pair) for pair in pairs)))

    def total(self, body: str, loops: Sequence[Loop]) -> str:
        """Sums are not parts of an expression of C."""
        raise NotImplementedError("C has no sum in an expression")

    def definition(self, name: str, arguments: Sequence[str], value: str, title: str) -> list[str]:
        """The lines of a function, after a comment that says what it is."""
        taken = ", ".join(f"real {argument}" for argument in arguments)
        words = textwrap.wrap(
            f"/* {title.replace('*/', '* /')}. */", 97, break_long_words=False, subsequent_indent="   "
        )
        return [*words, f"static real {name}({taken})", "{", *(STEP + line for line in value.splitlines()), "}", ""]

    def _called(self, function: Any) -> str:
        """The name of an elementwise function in its stable form; it is defined after those that it calls."""
        if function not in self._names:
            form, arguments = form_of(function), [X, *function.others]
            own = {symbol: symbol.name if _is_letter(symbol) else f"c{n}" for n, symbol in enumerate(arguments)}
            around, self.block = self.block, Block(own={**own, E_POWER: "e", E_LESS_ONE: "d", E_NEAR: "e_near"})
            counts, self._counts = self._counts, {}
            lines = [*self._powers(form), f"return {self.code(form.value, {})};"]
            number = self.about.get(function)
            lines[-1] += f"  // ({number})" if number else ""
            self._names[function] = self.names.fresh(function.title)
            self.functions += self.definition(
                self._names[function], [*own.values()], "\n".join(lines), described(function)
            )
            self.block, self._counts = around, counts
        return self._names[function]

    def _powers(self, form: Any) -> Iterator[str]:
        """The lines that compute e, or e - 1, of an exponent that is never positive."""
        if form.rate is None:
            return
        size = self._math("fabs", form.inner)
        exponent = f"-{size}" if form.rate == 1 else f"-{at(self.code(form.rate, {}), UNARY)} * {size}"
        if form.value.has(E_POWER, E_NEAR):
            self.called.add("real_exp")
            yield f"const real e = real_exp({exponent});"
        if form.value.has(E_LESS_ONE):
            self.called.add("real_expm1")
            yield f"const real d = real_expm1({exponent});"
        if form.value.has(E_NEAR):
            self.called.add("real_fabs")
            yield "const real e_near = real_fabs(x) < 1 ? e : 1;"


def _is_letter(symbol: Symbol) -> bool:
    """Whether the name of an argument is a letter that the powers of a stable form leave free."""
    return symbol == X or (len(symbol.name) == 1 and symbol.name.isascii() and symbol.name not in "xed")


def _is_whole(side: Expr, widths: Mapping[Symbol, str]) -> bool:
    """Whether a side of a comparison is made of indices, widths and whole numbers."""
    return side.is_Integer or (bool(side.is_integer) and not side.has(Indexed, Function) and bool(side.free_symbols))
