"""NumPy code of the array form with named axes, one method for each type of node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from functools import singledispatchmethod
from itertools import chain
from string import ascii_lowercase
from typing import Any

from sympy import Expr, Max, Min, Rational, Symbol

from derive.arrays import named as nx
from derive.arrays.along import name_along
from derive.arrays.stable import log1p
from derive.arrays.steps import Slice
from derive.calculus.affine import affine
from derive.calculus.functions import CALLS, Elementwise
from derive.calculus.index import Axis, Index, Tensor
from derive.calculus.reading_order import fraction, subtracted
from derive.record import record
from derive.targets.names import renamed
from derive.targets.numpy.code import ATOM, COMPARISON, PRODUCT, SUM, UNARY, Code, joined, power, subscripted
from derive.targets.numpy.formula_printer import extreme_of, scalar, with_python
from derive.targets.numpy.library import NUMPY, Library

#: The type of the numbers of a parameter.
KIND = "next(iter(parameters.values())).dtype"


@record
class NamedPrinter:
    """Prints the array form with named axes, for an array library.

    ``names``, ``widths`` and ``functions`` map tensors, widths and elementwise functions to their names in the code,
    ``made`` what has been computed. ``numbers`` are the tensors without axes that are arrays of one number,
    ``kind`` is the type of numbers, ``ordered`` the axis that comes first in the memory of tensors, if it is not the
    first of the array.
    """

    names: Mapping[str, str]
    widths: Mapping[Symbol, str]
    functions: Mapping[Any, str]
    numbers: Collection[str] = ()
    made: dict[str, str] = field(default_factory=dict)
    kind: str = KIND
    ordered: Mapping[str, Axis] = field(default_factory=dict)
    library: Library = NUMPY
    _known: dict[int, tuple[nx.Named, Code, nx.Axes]] = field(default_factory=dict)

    @property
    def np(self) -> str:
        """The name of the array library in code."""
        return self.library.name

    def name(self, code: Code, name: str) -> None:
        """Let a name stand for code that has been computed."""
        self.made[code.text] = name
        self._known.clear()

    def whole(self, node: nx.Named, axes: nx.Axes, target: Tensor) -> Code:
        """The code of a right side in the shape of its target; ``axes`` are the indices of the target's axes."""
        stored = self._stored(axes, target)
        reads = any(isinstance(part, nx.Read) for part in nx.walk(node))
        code = self._full(node, stored) if reads else self._made(node, stored)
        if reads and _is_of_truth_values(node):
            code = Code(f"{code.at(ATOM)}.{self.library.cast}({self.kind})")
        if not target.axes and not isinstance(target, Slice):
            return (
                code if target.role == "error" or target.is_number else Code(f"{self.np}.reshape({code.text}, (1, 1))")
            )
        if not target.is_column:
            return code
        place = "[None]" if target.axes[0].sample else "[:, None]"
        return Code(f"{code.at(ATOM)}{place}")

    def _stored(self, axes: nx.Axes, target: Tensor) -> nx.Axes:
        """The indices in the order in which the array holds the axes."""
        return tuple(sorted(axes, key=lambda index: not index.axis.sample)) if target.samples_first else axes

    def _full(self, node: nx.Named, axes: nx.Axes) -> Code:
        """The code with all axes, repeated along those that are missing."""
        code = self._aligned(node, axes)
        if set(axes) <= set(node.axes):
            return code
        sizes = "".join(f"{self.size(i.axis)}, " for i in axes)
        return Code(
            f"{self.np}.broadcast_to({code.text}, ({sizes.removesuffix(' ') if len(axes) == 1 else sizes[:-2]}))"
        )

    def _made(self, node: nx.Named, axes: nx.Axes) -> Code:
        """The code of a right side that reads no array, with the type of numbers of the parameters."""
        sizes = ", ".join(self.size(i.axis) for i in axes)
        if isinstance(node, nx.Value) and axes:
            shape = f"({sizes}{',' * (len(axes) == 1)})"
            return Code(f"{self.np}.full({shape}, {self.code(node).text}, {self.library.typed}{self.kind})")
        code = self._full(node, axes)
        return code if isinstance(node, nx.Value) else Code(f"{code.at(ATOM)}.{self.library.cast}({self.kind})")

    def repeated(self, node: nx.Named) -> list[nx.Named]:
        """The parts whose code occurs more than once, each after the parts that it is made of."""
        uses = Counter[str]()
        order: dict[str, nx.Named] = {}

        def visit(part: nx.Named) -> None:
            named = not isinstance(part, nx.Value | nx.Read | nx.Place | nx.Equal) and not _is_written_otherwise(part)
            text = self.natural(part)[0].text if named else ""
            uses[text] += 1
            if uses[text] == 1 or not named:
                for operand in nx.operands(part):
                    visit(operand)
                order.setdefault(text, part)

        visit(node)
        return [part for text, part in order.items() if text and uses[text] > 1]

    def size(self, axis: Axis) -> str:
        """The length of an axis."""
        return self._scalar(axis.extent).text

    def _scalar(self, number: Expr) -> Code:
        """A number, which may read scalars and widths by their names."""
        arrays = {self.names[name] for name in self.numbers if name in self.names}
        return scalar(with_python(renamed(number, self.names, self.widths), arrays, self.functions), self.library)

    def _aligned(self, node: nx.Named, axes: nx.Axes) -> Code:
        """The code with axes in this order, of length one where they are missing, except for those missing in front."""
        code, have = self.natural(node)
        code = self._turned(code, have, tuple(i for i in axes if i in node.axes))
        marks = [":" if i in node.axes else "None" for i in axes]
        while marks and marks[0] == "None":
            marks.pop(0)
        if "None" not in marks:
            return code
        while marks and marks[-1] == ":":
            marks.pop()
        return Code(f"{code.at(ATOM)}[{', '.join(marks)}]")

    def _turned(self, code: Code, have: nx.Axes, want: nx.Axes) -> Code:
        """Transpose an array from the axes that it has to those that are wanted."""
        if tuple(have) == tuple(want):
            return code
        turned = tuple(have.index(i) for i in want)
        return Code(f"{code.at(ATOM)}{'.T' if turned == (1, 0) else f'.{self.library.transpose}{turned}'}")

    def _several(self, nodes: Iterable[nx.Named], axes: nx.Axes) -> list[Code]:
        return [self._aligned(node, axes) for node in nodes]

    def code(self, node: nx.Named) -> Code:
        """Return the NumPy code of a node, or the name of what has been computed."""
        code, have = self.natural(node)
        return self._turned(code, have, node.axes)

    def natural(self, node: nx.Named) -> tuple[Code, nx.Axes]:
        """Return the code of a node with its axes in the order in which NumPy gives them, and that order."""
        if id(node) not in self._known:  # which also keeps the node, and with it its number
            code, have = self._code(node), node.axes
            if isinstance(code, tuple):
                code, have = code
            code = Code(self.made[code.text], plain=True) if code.text in self.made else code
            self._known[id(node)] = node, code, have
        _, code, have = self._known[id(node)]
        return code, have

    @singledispatchmethod
    def _code(self, node: nx.Named) -> Any:
        """The code of a node; with the order of its axes if that is another one."""
        raise NotImplementedError(f"no NumPy code for {type(node).__name__}")

    @_code.register
    def _(self, node: nx.Value) -> Code:
        return self._scalar(node.value)

    @_code.register
    def _(self, node: nx.Ones) -> Code:
        sizes = ", ".join(self.size(i.axis) for i in node.axes)
        return Code(f"{self.np}.ones(({sizes}{',' * (len(node.axes) == 1)}), {self.library.typed}{self.kind})")

    @_code.register
    def _(self, node: nx.Read) -> Code:
        name, tensor = self.names[node.tensor.name], node.tensor
        if not tensor.axes and not isinstance(tensor, Slice):
            return Code(f"{name}.ravel()")
        marks: list[str] = []
        steps: list[str] = []
        position = 0
        for place, axis in zip(node.places, tensor.stored_axes, strict=True):
            mark, finished, count = self._place(place, axis, position, node)
            marks.append(mark)
            steps += finished
            position += count
        if tensor.is_column:
            marks.insert(0 if tensor.axes[0].sample else 1, "0")
        if isinstance(tensor, Slice):
            marks = tensor.subscripts(marks)
        code = subscripted(name, marks)
        for step in steps:
            code = step.format(code)
        return Code(code, plain=code == name)

    def _place(self, place: Expr, axis: Axis, position: int, node: nx.Read) -> tuple[str, list[str], int]:
        """The subscript of an axis, the calls that finish it, and how many axes the result has there."""
        if nx.is_chosen(place):
            index = node.chosen[place]
            code = self.code(index)
            start = f" - {axis.start}" if axis.start else ""
            taken = f"{code.at(SUM)}{start}"
            return ":", [f"{self.np}.take({{}}, {taken}, axis={position})"], len(index.axes)
        form = affine(place)
        assert form is not None
        first = form.constant - axis.start + sum(c * i.axis.start for i, c in form.terms)
        if not form.terms:
            inside = form.lies_on(axis)
            return (self._scalar(first).text, [], 0) if inside else (":", [self._strided(position, first, ())], 0)
        (index, step), *more = form.terms
        if not more and step == 1 and form.lies_on(axis):
            whole = first == 0 and index.axis.extent == axis.extent
            start = "" if first == 0 else self._scalar(first).text
            end = first + index.axis.extent
            stop = "" if end == axis.extent else self._scalar(end).text
            return (":" if whole else f"{start}:{stop}", [], 1)
        return ":", [self._strided(position, first, form.terms)], len(form.terms)

    def _strided(self, position: int, first: Expr, terms: tuple[tuple[Index, int], ...]) -> str:
        listed = "".join(f", ({self.size(i.axis)}, {step})" for i, step in terms)
        return f"strided({{}}, {position}, {self._scalar(first).text}{listed})"

    def _letters(self, *groups: nx.Axes) -> list[str]:
        """The axes as subscripts of ``einsum``."""
        names = {index: letter for index, letter in zip(dict.fromkeys(chain(*groups)), ascii_lowercase, strict=False)}
        return ["".join(names[i] for i in group) for group in groups]

    @_code.register
    def _(self, node: nx.Diagonal) -> Code | tuple[Code, nx.Axes]:
        if along := self._taken_along(node):
            return along
        before, after = self._letters(node.own, node.axes)
        return Code(f'{self.np}.einsum("{before}->{after}", {self.code(node.of).text})')

    def _taken_along(self, node: nx.Diagonal) -> tuple[Code, nx.Axes] | None:
        """One entry at each place, chosen along one axis by an array of these places; None if it is another diagonal.

        Taking all entries and then the diagonal needs the square of the memory.
        """
        read = node.of
        if not isinstance(read, nx.Read) or len(read.chosen) != 1 or isinstance(read.tensor, Slice):
            return None
        position, *more = (n for n, place in enumerate(read.places) if nx.is_chosen(place))
        if more:  # the same array of places along another axis, too
            return None
        index = read.chosen[read.places[position]]
        others = tuple(place for place in read.places if isinstance(place, Index))
        whole = len({*others}) == len(read.places) - 1 == len(read.tensor.stored_axes) - 1
        if (
            not whole
            or not {*index.axes} <= {*others}
            or any(
                place.axis != axis
                for place, axis in zip(read.places, read.tensor.stored_axes, strict=True)
                if isinstance(place, Index)
            )
        ):
            return None
        marks = [":" if i in index.axes else "None" for i in others]
        marks.insert(position, "None")
        code = self._turned(*self.natural(index), tuple(i for i in others if i in index.axes))
        axis = read.tensor.stored_axes[position]
        start = f" - {axis.start}" if axis.start else ""
        name = self.names[read.tensor.name]
        taken = f"{self.np}.take_along_axis({name}, ({code.at(SUM)}{start})[{', '.join(marks)}], axis={position})"
        last = ["0" if n == position else ":" for n in range(len(read.places))]
        while last[-1] == ":":
            last.pop()
        return Code(f"{taken}[{', '.join(last)}]"), others

    @_code.register
    def _(self, node: nx.Place) -> Code:
        form = affine(node.value)
        assert form is not None
        terms = []
        for index, step in form.terms:
            count = self.size(index.axis)
            marks = [":" if i == index else "None" for i in node.axes]
            while marks and marks[0] == "None":
                marks.pop(0)
            shape = "" if len(marks) == 1 else f"[{', '.join(marks)}]"
            size = f"{abs(step)} * " if abs(step) != 1 else ""
            terms.append((step < 0, Code(f"{size}{self.np}.arange({count}){shape}", PRODUCT if size else ATOM)))
        rest = form.constant + sum(c * i.axis.start for i, c in form.terms)
        if rest != 0 or not terms:
            terms.append((subtracted(rest), self._scalar(-rest if subtracted(rest) else rest)))
        return joined(terms)

    @_code.register
    def _(self, node: nx.Equal) -> Code:
        sides = (node.left, node.right)
        if len(node.axes) == 2 and all(isinstance(s, nx.Place) and nx.is_plain(s.value) for s in sides):
            first, second = (i.axis for i in node.axes)
            if first == second:
                return Code(f"{self.np}.eye({self.size(first)}, dtype=bool)")
        left, right = self._several(sides, node.axes)
        if self.library.traced and not node.axes:  # an array of one truth value, of which sums are none
            return Code(f"{self.np}.where({left.at(SUM)} == {right.at(SUM)}, 1, 0)")
        return Code(f"({left.at(SUM)} == {right.at(SUM)})")

    @_code.register
    def _(self, node: nx.Plus) -> Code:
        terms = []
        for term in node.terms:
            negative = _is_negative(term)
            code = self._positive(term, node.axes) if negative else self._aligned(term, node.axes)
            if not negative and _is_of_truth_values(term):  # NumPy would join them by "or"
                code = Code(f"{code.at(ATOM)}.{self.library.cast}({self.kind})")
            terms.append((negative, code))
        return joined(terms)

    @_code.register
    def _(self, node: nx.Stacked) -> Code:
        others = tuple(i for i in node.axes if i != node.index)
        parts = ", ".join(self._full(part, others).text for part in node.parts)
        return Code(f"{self.np}.stack(({parts}), {node.axes.index(node.index)})")

    @_code.register
    def _(self, node: nx.Times) -> Code:
        if _is_negative(node):
            return Code(f"-{self._positive(node, node.axes).at(PRODUCT)}", UNARY)
        top: list[str] = []
        below: list[str] = []
        for factor in node.factors:
            if isinstance(factor, nx.Value):
                over, under = fraction(factor.value)
                top += [] if over == 1 else [self._scalar(over).at(UNARY)]
                below += [] if under == 1 else [self._scalar(under).at(UNARY)]
            elif isinstance(factor, nx.Power) and factor.exponent.is_negative:
                below.append(self._aligned(_inverse(factor), node.axes).at(UNARY))
            else:
                top.append(self._aligned(factor, node.axes).at(UNARY))
        return Code(" / ".join([" * ".join(top) or "1", *below]), PRODUCT)

    def _positive(self, node: nx.Named, axes: nx.Axes) -> Code:
        """The code of a term without its minus sign, which may stand before it; truth values have none in NumPy."""
        rest = _without_sign(node)
        code = self._aligned(rest, axes)
        over = (f for f in getattr(rest, "factors", ()) if not isinstance(f, nx.Value) and not _is_written_otherwise(f))
        first = next(over, rest)
        if _is_of_truth_values(rest):
            return Code(f"{code.at(ATOM)}.{self.library.cast}({self.kind})")
        factors = (first.left, first.right) if isinstance(first, nx.Contraction) else (first,)
        return Code(code.at(UNARY)) if any(map(_is_of_truth_values, factors)) else code

    @_code.register
    def _(self, node: nx.Power) -> Code:
        base = self.code(node.base)
        if node.exponent == Rational(1, 2):
            return Code(f"{self.np}.sqrt({base.text})")
        if node.exponent.is_negative:
            return Code(f"1 / {self.code(_inverse(node)).at(UNARY)}", PRODUCT)
        return power(base, self._scalar(node.exponent), UNARY)

    @_code.register
    def _(self, node: nx.Call) -> Code:
        function = node.function
        if issubclass(function, Elementwise):
            name = self.functions[function]
        elif function in CALLS:
            name = f"{self.np}.{CALLS[function].numpy}"
        elif function is log1p:
            name = f"{self.np}.log1p"
        else:
            codes = self._several(node.arguments, node.axes)
            if function in (Max, Min):
                numbers = [isinstance(argument, nx.Value) for argument in node.arguments]
                return extreme_of(function, self._as_arrays(codes, numbers), self.library)
            return scalar(function(*(Symbol(code.at(ATOM), real=True) for code in codes)), self.library)
        return Code(f"{name}({', '.join(c.text for c in self._several(node.arguments, node.axes))})")

    def _as_arrays(self, codes: Iterable[Code], numbers: Iterable[bool]) -> list[Code]:
        """The same, with arrays for numbers if the library takes none."""
        pairs = zip(codes, numbers, strict=True)
        return [Code(self.library.number(c.text, self.kind)) if is_number else c for c, is_number in pairs]

    @_code.register
    def _(self, node: nx.Cases) -> Code:
        *values, last = self._several(node.values, node.axes)
        conditions = self._several(node.conditions, node.axes)
        only_numbers = all(isinstance(value, nx.Value) for value in node.values)  # which would make int64 or float64
        text = self.library.number(last.text, self.kind) if only_numbers else last.text
        for value, condition in reversed(list(zip(values, conditions, strict=True))):
            text = f"{self.np}.where({condition.text}, {value.text}, {text})"
        return Code(f"{text}.{self.library.cast}({self.kind})" if only_numbers else text)

    @_code.register
    def _(self, node: nx.Compared) -> Code:
        parts = (node.left, node.right)
        codes = zip(parts, self._several(parts, node.axes), strict=True)
        sides = [self._real(part, code) for part, code in codes]
        return Code(f"{sides[0]} {node.sign} {sides[1]}", COMPARISON)

    def _real(self, node: nx.Named, code: Code) -> str:
        """The real part of one side of a comparison, so that a complex step takes the same branch."""
        return code.text if self._is_plain(node) or not self.library.complex_steps else f"{code.at(ATOM)}.real"

    def _is_plain(self, node: nx.Named) -> bool:
        """Whether a node is a number of Python."""
        return isinstance(node, nx.Value) and {s.name for s in node.value.free_symbols}.isdisjoint(self.numbers)

    @_code.register
    def _(self, node: nx.Joined) -> Code:
        return Code(f" {node.sign} ".join(f"({c.text})" for c in self._several(node.parts, node.axes)), COMPARISON)

    @_code.register
    def _(self, node: nx.Reduced) -> Code:
        of = self._summed(node.of, node.of.axes) if node.kind == "sum" else self.code(node.of).text
        return Code(f"{self.library.function(node.kind)}({of}{self._along(node)})")

    def _summed(self, node: nx.Named, axes: nx.Axes) -> str:
        """The code of what is summed; truth values become numbers, which NumPy would join by "or", or count."""
        code = self._aligned(node, axes)
        return f"{code.at(ATOM)}.{self.library.cast}({self.kind})" if _is_of_truth_values(node) else code.text

    def _along(self, node: nx.Reduced) -> str:
        """The argument ``axis``; none if all axes are reduced."""
        places = [node.of.axes.index(i) for i in node.over]
        if not node.axes:
            return ""
        return f", axis={places[0]}" if len(places) == 1 else f", axis=({', '.join(map(str, sorted(places)))})"

    @_code.register
    def _(self, node: nx.Others) -> Code:
        places = ", ".join(str(node.of.axes.index(i)) for i in node.over)
        return Code(f"product_of_others({self.code(node.of).text}, {places})")

    @_code.register
    def _(self, node: nx.First) -> Code:
        of = self.code(node.of)
        places = ", ".join(str(node.of.axes.index(i)) for i in node.over)
        return Code(f"first_largest({of.text if node.sign > 0 else f'-{of.at(UNARY)}'}, {places})")

    @_code.register
    def _(self, node: nx.Along) -> Any:
        others = tuple(i for i in node.axes if i != node.along)
        arguments = self._several(node.arguments, (*others, node.along))
        code = Code(f"{name_along(node.title, -1)}({', '.join(a.text for a in arguments)})")
        if node.reduces:
            return Code(f"{code.text}[..., 0]")
        return code, (*others, node.along)

    @_code.register
    def _(self, node: nx.Contraction) -> Any:
        """A matrix product where the axes allow one, else ``tensordot`` or ``einsum``."""
        left, right, over = node.left, node.right, node.over
        both = [i for i in left.axes if i in right.axes and i not in over]
        alone = [[i for i in one.axes if i not in (*both, *over)] for one in (left, right)]
        if not both:
            return self._unbatched(node, *alone)
        if len(over) == 1 and all(len(free) == 1 for free in alone):
            return self._batched(node, both, alone[0][0], alone[1][0])
        (first, ones), (second, others) = self._numbers(left, right), self.natural(right)
        free = tuple(i for i in (*both, *alone[0], *alone[1]))
        one, other, result = self._letters(ones, others, free)
        function = self.library.contracted if all(alone) else f"{self.np}.einsum"
        return Code(f'{function}("{one},{other}->{result}", {first.text}, {second.text})'), free

    def _unbatched(self, node: nx.Contraction, one: list[Index], other: list[Index]) -> tuple[Code, nx.Axes]:
        left, right, over = node.left, node.right, node.over
        in_order, turned = node.axes == (*one, *other), node.axes == (*other, *one)
        if len(over) == 1 and len(other) <= 1 and (in_order or (len(one) > 1 and not turned)):
            product = self._product(left, (*one, *over), right, (*over, *other))
            return product, (*one, *other)
        if len(over) == 1 and len(one) <= 1 and not (in_order and len(other) > 1):
            product = self._product(right, (*other, *over), left, (*over, *one))
            return product, (*other, *one)
        if node.axes == (*other, *one):
            left, right = right, left
        (first, ones), (second, others) = self._numbers(left, right), self.natural(right)
        over = self._as_in_memory(over, left, right)
        places = ", ".join(f"[{', '.join(str(axes.index(i)) for i in over)}]" for axes in (ones, others))
        one, other = ([i for i in axes if i not in over] for axes in (ones, others))
        code = Code(f"{self.np}.tensordot({first.text}, {second.text}, ({places}))")
        return code, (*one, *other)

    def _as_in_memory(self, over: nx.Axes, *factors: nx.Named) -> nx.Axes:
        """The axes over which factors are summed, in their order in memory: ``tensordot`` then copies no array."""
        read = {part.tensor.name for node in factors for part in nx.walk(node) if isinstance(part, nx.Read)}
        first = {self.ordered[name] for name in read & self.ordered.keys()}
        return tuple(sorted(over, key=lambda index: index.axis not in first))

    def _batched(self, node: nx.Contraction, both: list[Index], one: Index, other: Index) -> tuple[Code, nx.Axes]:
        (over,) = node.over
        batch = [i for i in node.axes if i in both]
        rows, columns, left, right = one, other, node.left, node.right
        if node.axes.index(one) > node.axes.index(other):
            rows, columns, left, right = other, one, right, left
        code = self._product(left, (*batch, rows, over), right, (*batch, over, columns))
        return code, (*batch, rows, columns)

    def _product(self, left: nx.Named, one: Iterable[Index], right: nx.Named, other: Iterable[Index]) -> Code:
        if _is_of_truth_values(left) and _is_of_truth_values(right):
            first = self._summed(left, tuple(one))
        else:
            first = self._aligned(left, tuple(one)).at(UNARY)
        return Code(f"{first} @ {self._aligned(right, tuple(other)).at(UNARY)}", PRODUCT)

    def _numbers(self, left: nx.Named, right: nx.Named) -> tuple[Code, nx.Axes]:
        """The first factor of a product over axes; if both are truth values it becomes one of numbers."""
        code, axes = self.natural(left)
        both = _is_of_truth_values(left) and _is_of_truth_values(right)
        return (Code(f"{code.at(ATOM)}.{self.library.cast}({self.kind})") if both else code), axes

    @_code.register
    def _(self, node: nx.Spread) -> Any:
        rest = tuple(i for i in node.of.axes if i not in node.over)
        form = affine(node.place)
        assert form is not None
        steps = dict(form.terms)
        first = form.constant - node.index.axis.start + sum(c * i.axis.start for i, c in form.terms)
        values = self._summed(node.of, (*rest, *node.over))
        listed = "".join(f", {steps[i]}" for i in node.over)
        size = self.size(node.index.axis)
        code = Code(f"spread({values}, {size}, {self._scalar(first).text}{listed})")
        return code, (*rest, node.index)

    @_code.register
    def _(self, node: nx.Scattered) -> Any:
        rest = tuple(i for i in node.of.axes if i not in node.over)
        values = self._summed(node.of, (*node.over, *rest))
        start = node.index.axis.start
        at = f"{self._aligned(node.at, node.over).at(SUM)}{f' - {start}' if start else ''}"
        code = Code(f"scattered({values}, {at}, {self.size(node.index.axis)})")
        return code, (node.index, *rest)


def _is_negative(node: nx.Named) -> bool:
    """Whether a term is subtracted rather than added."""
    if isinstance(node, nx.Times):
        node = node.factors[0]
    return isinstance(node, nx.Value) and subtracted(node.value)


def _is_of_truth_values(node: nx.Named) -> bool:
    """Whether NumPy computes a node from truth values and Python numbers alone, so that no array gives its type."""
    if isinstance(node, nx.Times):
        return all(isinstance(f, nx.Value) or _is_of_truth_values(f) for f in node.factors)
    return isinstance(node, nx.Equal | nx.First) and bool(node.axes)


def _is_written_otherwise(node: nx.Named) -> bool:
    """Whether the code of a node depends on what it stands in: what is subtracted, and what divides."""
    return _is_negative(node) or (isinstance(node, nx.Power) and bool(node.exponent.is_negative))


def _without_sign(node: nx.Named) -> nx.Named:
    """A term without its minus sign."""
    if isinstance(node, nx.Value):
        return nx.Value((), -node.value)
    assert isinstance(node, nx.Times)
    number, *rest = node.factors
    assert isinstance(number, nx.Value)
    factors = ([] if number.value == -1 else [nx.Value((), -number.value)]) + rest
    return factors[0] if len(factors) == 1 else nx.Times(node.axes, tuple(factors))


def _inverse(node: nx.Power) -> nx.Named:
    return node.base if node.exponent == -1 else nx.Power(node.axes, node.base, -node.exponent)


def part_name(node: nx.Named, whole: str) -> str:
    """A name for a part of the equation of a tensor called ``whole``: what it is made of, or else what it is for."""
    for inner, words in ((getattr(node, "of", None), getattr(node, "kind", "")), *_applied(node)):
        if isinstance(inner, nx.Read) and words:
            return f"{words}_{inner.tensor.name}"
    kinds = {nx.Reduced: "sum", nx.Contraction: "product", nx.Plus: "difference", nx.First: "place", nx.Power: "power"}
    return f"{kinds.get(type(node), 'part')}_of_{whole}"


def _applied(node: nx.Named) -> list[tuple[nx.Named, str]]:
    if isinstance(node, nx.Call) and len(node.arguments) == 1:
        function = node.function
        return [(node.arguments[0], getattr(function, "title", function.__name__))]
    return []
