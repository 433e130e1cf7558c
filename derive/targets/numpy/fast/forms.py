"""Formulas in matrix form as calls of NumPy that write into arrays.

Every array is made in ``setup``; a formula entry by entry is one cluster of calls, and its
products and sums are computed before it, each into an array of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from sympy import Expr, Integer, Piecewise, Symbol, sympify

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.functions import X
from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.learning.optimizers import LEARNING_RATE
from derive.targets.names import FAST_ARRAYS, CodeNames, Names, renamed
from derive.targets.numpy.fast.code import ALL, VIEWS, Code, Place, SideBySide, Source
from derive.targets.numpy.fast.elementwise import Calls, NotStraight, computed, is_straight
from derive.targets.numpy.fast.instructions import Instruction, call, filled, make
from derive.targets.numpy.fast.lines import Line, Straight, is_named
from derive.targets.numpy.printer import NumPyPrinter, scalar

#: Up to how many numbers all parameters are updated in one call; of more, each block after its gradient.
FLAT = 16_384
#: NumPy's functions that one node of a formula is a call of, where nothing else is.
_WHOLE = (mx.Map, mx.Call, mx.Beside)


class FormPrinter:
    """Prints formulas in matrix form as calls, and makes the arrays that they need."""

    def __init__(
        self, made: Straight, program: ArrayProgram, codes: CodeNames, functions: Mapping[Any, str], put_off: bool
    ) -> None:
        self.made = made
        self.put_off = put_off
        self.program = program
        self.functions = functions
        #: The names in code of the numbers with a fixed value, which the module defines, and of the learning rate.
        self.fixed = {t.name: codes.tensors[t.name] for t in program.scalars}
        self.scope = Names({*FAST_ARRAYS, *functions.values(), *self.fixed.values()})
        self.widths = {width: self.scope.fresh(_unlike(name)) for width, name in codes.widths.items()}
        others = {n: _unlike(code) for n, code in codes.tensors.items() if n not in self.fixed}
        self.names = self.scope.several(others)
        self.code = Code()
        self.places: dict[str, Place] = {}
        self.constants: dict[Expr, str] = {}
        self.factors: dict[Expr, Symbol] = {}
        #: The names of views and methods, by the array and what follows its name.
        self.views: dict[tuple[str, str], str] = {}
        #: The arrays for steps in between that hold something now.
        self.held: list[str] = []
        self.spare: dict[str, list[str]] = {}
        self.masks: dict[str, str] = {}
        self.used: set[str] = set()
        self.groups: dict[str, tuple[str, str, Any]] = {}
        self.all_batches = False
        self.states: tuple[Tensor, ...] = getattr(program, "states", ())
        self.rates = [line.target for line in made.updates if self._owner(line.target) is None]
        computed_or_learned = [t for t in program.tensors.values() if not t.axes and t not in program.scalars]
        #: The numbers that are no constants, by the symbols that stand for them in a factor.
        self.numbers = {t.symbol: t for t in computed_or_learned}
        self.entrywise: set[str] = set()
        self.beside: dict[str, str] = {}
        self.error = made.stage("error")[-1]
        fixed = [t.symbol for t in program.scalars if t != LEARNING_RATE]
        computed_numbers = [line.target.symbol for line in made.stage("forward", "error") if not line.target.axes]
        self.waits = can_wait(self.error.form, fixed, computed_numbers)
        self.waiting = self.error.reads if self.waits else {self.error.target.name}
        sizes = [axis.extent for p in program.parameters for axis in p.axes]
        count = sum(entries(p) for p in program.parameters) if all(s.is_Integer for s in sizes) else 0
        self.flat = count <= FLAT and not put_off

    def name(self, tensor: Tensor) -> str:
        """The name of a tensor's array."""
        if tensor.name not in self.names:
            about, hint = tensor.about, tensor.name
            if about is not None and hint.endswith(about.name):
                hint = hint.removesuffix(about.name) + self.names.get(about.name, about.name)
            self.names[tensor.name] = self._fresh(hint)
        return self.names[tensor.name]

    def _fresh(self, hint: str) -> str:
        """A name that nothing else has."""
        return self.scope.fresh(hint)

    def _text(self, value: Expr) -> str:
        """A number of widths and of what is fixed, as code."""
        return scalar(renamed(value, self.fixed, self.widths)).text

    def _shape(self, node: mx.Node) -> tuple[str, ...]:
        if isinstance(node, mx.SumOver) and node.axis is None:
            return ()
        if isinstance(node, mx.Array) and not node.tensor.axes and not self._is_learned(node.tensor):
            return ()
        return tuple(map(self._text, node.shape))

    def _is_learned(self, tensor: Tensor) -> bool:
        """Whether a tensor is a parameter, or the gradient or the state of one: these have two sides always."""
        return self._owner(tensor) is not None and tensor.role != Role.FACTOR

    def _owner(self, tensor: Tensor) -> Tensor | None:
        """The parameter that a tensor of the update belongs to."""
        while tensor.about is not None and tensor not in self.program.parameters:
            tensor = tensor.about
        return tensor if tensor in self.program.parameters else None

    def _array_shape(self, shape: tuple[str, ...], turned: bool) -> str:
        sides = (*(("slots",) if self.all_batches else ()), *(shape[::-1] if turned else shape))
        return f"({', '.join(sides)}{',' if len(sides) == 1 else ''})"

    def _named(self, root: str, what: str, hint: str, own: bool = False) -> str:
        """A name for what is looked up once: a view, a bound method; ``own`` says that it is a tensor's.

        ``what`` follows the name of the array ``root``.
        """
        if (root, what) not in self.views:
            hint = self.views[root, what] = hint if own else self._fresh(hint)
            if root not in self.code.batch:
                self.code.setup.append(make(hint, f"{root}{what}", root))
            elif self.code.batch[root].text == f"{root}{ALL}":
                self.code.batch[hint] = Source(f"[{root}{what} for {root} in {root}{ALL}]", frozenset({f"{root}{ALL}"}))
            else:
                self.code.batch[hint] = Source(f"[{root}{what} for {root} in {root}{VIEWS}]", frozenset(), root)
        return self.views[root, what]

    def _kept(self, code: str, value: str) -> None:
        """An array with an entry for each batch, of which a step reads its own."""
        self.code.batch[code] = Source(f"{code}{ALL}", frozenset({f"{code}{ALL}"}))
        self.code.setup.append(make(f"{code}{ALL}", value))

    def _side_by_side(self, flat: str, names: list[str], shapes: list[str]) -> None:
        self.code.setup.append(SideBySide(flat, tuple(names), tuple(shapes)))

    def _place(self, line: Line) -> Place:
        """Where a line writes; made now if it is nowhere yet."""
        tensor = line.target
        if tensor.name in self.places:
            return self.places[tensor.name]
        shape = self._shape(mx.Array(tensor))
        code = self.name(tensor)
        if tensor.name in self.waiting:
            sides = ", ".join(("slots", *shape))
            self._kept(code, f"np.zeros(({sides}{',' if not shape else ''}), dtype)")
            if not shape:
                n, whole = self._counter, f"{code}{ALL}"
                entries_ = f"[{whole}[{n} : {n} + 1].reshape(()) for {n} in range(slots)]"
                self.code.batch[code] = Source(entries_, frozenset({whole}))
            place = Place(code, shape, batch=True)
        elif (heir := self._heir(line)) is not None:
            place = heir
        else:
            self.code.setup.append(make(code, f"np.empty({self._array_shape(shape, False)}, dtype)"))
            place = Place(code, shape)
        self.places[tensor.name] = place
        return place

    @cached_property
    def _counter(self) -> str:
        """What counts the batches in a list of something of each."""
        return self._fresh("n")

    def _heir(self, line: Line) -> Place | None:
        """The place of the activation that is all that reads a pre-activation: computed where it stood."""
        readers = self.made.readers.get(line.target.name, [])
        if len(readers) != 1 or not isinstance(readers[0].form, mx.Map) or self._shape(mx.Array(line.target))[0] == "1":
            return None
        place = self.places.get(readers[0].target.name)
        return place if place is not None and not place.batch else None

    def _compute(self, form: mx.Node, place: Place, numbers: str, lines: list[Instruction]) -> None:
        """Write the calls that compute a form into a place."""
        expression, leaves = self._cluster(form)
        apart = place.shape[:1] == ("1",)
        if isinstance(expression, Symbol) and expression in leaves and not self._is_view(leaves[expression]):
            self._leaf_into(leaves[expression], place, numbers, lines)
            return
        operands: dict[Symbol, str] = {}
        viewed = {s: n for s, n in leaves.items() if self._is_view(n)}
        for symbol, node in viewed.items():
            operands[symbol] = self._as_number(self._operand(node, place.turned), self._shape(node), place)
        shape = self._array_shape(place.shape, place.turned)
        with self._holding(*operands.values(), place.code):
            for symbol, node in leaves.items():
                if symbol in viewed:
                    continue
                free = place.code not in operands.values() and not apart and (place.shape or not self.all_batches)
                same = free and self._shape(node) == place.shape
                into = place if same else self._scratch_place(self._shape(node), place.turned)
                self.held.append(into.code)
                self._leaf_into(node, into, numbers, lines)
                operands[symbol] = self._as_number(into.code, into.shape, place)
            for symbol, node in leaves.items():
                part = isinstance(node, mx.Part) and self._shape(node) == place.shape
                if self.all_batches and len(place.shape) == 2 and (part or self._shape(node) != place.shape):
                    # NumPy repeats along three axes, and reads parts, by way of a buffer; it copies without one
                    full = self._scratch_place(place.shape, place.turned)
                    self.held.append(full.code)
                    self.used.add("copyto")
                    lines.append(call("copyto", full.code, operands[symbol], numbers=numbers))
                    operands[symbol] = full.code
            self._write(expression, operands, place.code, shape, numbers, lines, apart)

    @contextmanager
    def _holding(self, *codes: str) -> Iterator[None]:
        """While arrays are held, nothing else is computed into them."""
        before = len(self.held)
        self.held += codes
        yield
        del self.held[before:]

    def _as_number(self, code: str, shape: tuple[str, ...], place: Place) -> str:
        """An array of one entry as a number, if what is computed is one."""
        if shape != ("1", "1") or place.shape or self.all_batches:
            return code
        return self._named(code, ".reshape(())", f"{code}_number")

    def _write(
        self,
        expression: Expr,
        operands: Mapping[Symbol, str],
        into: str,
        shape: str,
        numbers: str,
        lines: list[Instruction],
        apart: bool = False,
    ) -> None:
        """Write the calls of a formula, each with the numbers of the equations that it belongs to."""
        spare = self.spare.setdefault(shape if shape != "like" else f"like {into}", [])

        def scratch() -> str:
            return self._make(shape if shape != "like" else f"{into}.shape", "dtype")

        def mask() -> str:
            key = shape if shape != "like" else f"{into}.shape"
            if key not in self.masks:
                self.masks[key] = self._make(key, "bool")
            return self.masks[key]

        def full(value: Expr) -> str:
            key = shape if shape != "like" else f"{into}.shape"
            return self._full(key, value)

        free = [name for name in spare if name not in self.held]
        writer = Calls(lines, self._constant, scratch, mask, full, self.used, numbers, apart, free)
        writer.write(expression, operands, into)
        spare += [name for name in free if name not in spare]

    def _full(self, shape: str, value: Expr) -> str:
        """The name of an array that holds a number everywhere."""
        text = f"np.full({shape}, {self._text(value)}, dtype)"
        if ("", text) not in self.views:
            name = self.views["", text] = self._fresh(f"full{len(self.views) + 1}")
            self.code.setup.append(make(name, text))
        return self.views["", text]

    def _make(self, shape: str, kind: str) -> str:
        name = self._fresh("mask" if kind == "bool" else "scratch")
        self.code.setup.append(make(name, f"np.empty({shape}, {kind})"))
        return name

    def _scratch_place(self, shape: tuple[str, ...], turned: bool) -> Place:
        key = self._array_shape(shape, turned)
        spare = self.spare.setdefault(key, [])
        for name in spare:
            if name not in self.held:
                return Place(name, shape, turned)
        spare.append(self._make(key, "dtype"))
        return Place(spare[-1], shape, turned)

    def _constant(self, expression: Expr) -> str:
        """The array that holds a number."""
        value = expression.xreplace({symbol: number for number, symbol in self.factors.items()})
        if value not in self.constants:
            name = self._fresh(
                {Integer(1): "one", Integer(2): "two"}.get(
                    value, "rate_factor" if LEARNING_RATE.symbol in value.free_symbols else "factor"
                )
            )
            self.constants[value] = name
            if LEARNING_RATE.symbol in value.free_symbols:
                self.code.setup.append(make(name, "np.empty((), dtype)"))
                self.code.rates.append(filled(name, self._text(value)))
            else:
                self.code.setup.append(make(name, f"np.array({self._text(value)}, dtype)"))
        return self.constants[value]

    def _cluster(self, node: mx.Node) -> tuple[Expr, dict[Symbol, mx.Node]]:
        """The formula of a node, entry by entry, and the nodes that it is a formula of."""
        leaves: dict[mx.Node, Symbol] = {}

        def leaf(n: mx.Node) -> Expr:
            return leaves.setdefault(n, Symbol(f"_{len(leaves)}", real=True))

        def put(number: Expr) -> Expr:
            return number.xreplace({s: leaf(mx.Array(t)) for s, t in self.numbers.items() if s in number.free_symbols})

        def build(n: mx.Node) -> Expr:
            if isinstance(n, mx.Hadamard):
                return _product([build(f) for f in n.factors])
            if isinstance(n, mx.Plus):
                return sum((build(t) for t in n.terms), Integer(0))
            if isinstance(n, mx.Scale):
                if n.factor in (1, -1):
                    return n.factor * build(n.of)
                number, learned = n.factor.as_independent(*self.numbers, as_Add=False)
                negative = bool(number.could_extract_minus_sign())
                size = self._factor(-number if negative else number) if abs(number) != 1 else Integer(1)
                return (-1 if negative else 1) * size * put(learned) * build(n.of)
            if isinstance(n, mx.Number):
                return put(n.value)
            if isinstance(n, mx.Power):
                return build(n.base) ** n.exponent
            if isinstance(n, mx.Broadcast | mx.Repeat):
                return leaf(n.of) if isinstance(n.of, mx.Map) and n.of.shape != n.full else build(n.of)
            if isinstance(n, mx.Map) and is_straight(n.function):
                built = [(a, build(a)) for a in n.arguments]
                # a choice within the condition of another one is no comparison: it is computed first
                return _applied(n.function, [leaf(a) if value.has(Piecewise) else value for a, value in built])
            if isinstance(n, mx.Array) and n.tensor in self.program.scalars:
                return n.tensor.symbol
            return leaf(n)

        expression = build(node)
        return expression, {symbol: n for n, symbol in leaves.items() if symbol in expression.free_symbols}

    def _factor(self, value: Expr) -> Symbol:
        """A symbol for a number, so that SymPy does not multiply it into a sum."""
        return self.factors.setdefault(value, Symbol(f"_c{len(self.factors)}", positive=True))

    def _is_view(self, node: mx.Node) -> bool:
        if isinstance(node, mx.Array):
            return True
        return isinstance(node, mx.Transpose | mx.Part) and self._is_view(node.of)

    def _operand(self, node: mx.Node, turned: bool) -> str:
        """The name of the array that a node is, or its transpose."""
        place = self._view(node)
        code = place.code + (ALL if self.all_batches and place.batch else "")
        if place.turned == turned or not place.shape:
            return code
        return self._named(code, ".T", f"{code}_T")

    def _view(self, node: mx.Node) -> Place:
        if isinstance(node, mx.Array):
            return self.places[node.tensor.name]
        if isinstance(node, mx.Transpose):
            of = self._view(node.of)
            return Place(of.code, of.shape[::-1], not of.turned, of.batch)
        assert isinstance(node, mx.Part)
        for name in self.made.parts.get(node, ()):
            if name in self.places:
                return self.places[name]
        of = self._view(node.of)
        code = self._part(of, node.axis, node.first, node.count, f"{of.code}_part{len(self.views)}")
        shape = tuple(map(self._text, node.shape))
        return Place(code, shape, of.turned, of.batch and not self.all_batches)

    def _part(self, place: Place, axis: int, first: Any, count: Expr, hint: str, own: bool = False) -> str:
        """A name for some rows or columns of a place."""
        start = "" if first == 0 else self._text(sympify(first))
        stop = self._text(first + count)
        code = place.code + (ALL if self.all_batches and place.batch else "")
        before = ":, " * ((axis == 1) != place.turned) + ""
        if self.all_batches and place.batch:
            before = ":, " + before
        simple = all(side.is_Symbol or side.is_Integer for side in map(sympify, (first, first + count)))
        text = f"{start}:{stop}" if simple else f"{start} : {stop}".lstrip()
        return self._named(code, f"[{before}{text}]", hint, own)

    def _leaf_into(self, node: mx.Node, place: Place, numbers: str, lines: list[Instruction]) -> None:
        """Compute what is no formula entry by entry: a product, a sum, whatever else there is."""
        if isinstance(node, mx.Product):
            self._product_into(node, place, numbers, lines)
        elif isinstance(node, mx.SumOver) and node.axis is None:
            inner = self._computed(node.of, numbers, lines)
            self.used.add("add")
            axes = "(1, 2)" if self.all_batches else "None"
            into = place.code if not place.shape else self._named(place.code, ".reshape(())", f"{place.code}_number")
            lines.append(call("add.reduce", inner, numbers=numbers, axis=axes, out_=into))
        elif isinstance(node, mx.SumOver):
            rows, columns = node.of.shape
            ones = mx.Broadcast(mx.Number(Integer(1)), (Integer(1), rows) if node.axis == 0 else (columns, Integer(1)))
            product = mx.Product(ones, node.of) if node.axis == 0 else mx.Product(node.of, ones)
            self._product_into(product, place, numbers, lines)
        elif isinstance(node, mx.Broadcast | mx.Repeat | mx.Hadamard | mx.Plus | mx.Scale | mx.Power) or (
            isinstance(node, mx.Map) and is_straight(node.function)
        ):
            self._compute(node, place, numbers, lines)
        elif isinstance(node, _WHOLE):
            self._otherwise(node, place, numbers, lines)
        else:
            raise NotStraight(f"no calls for {type(node).__name__}")

    def _otherwise(self, node: mx.Node, place: Place, numbers: str, lines: list[Instruction]) -> None:
        """A function that NumPy has not, or a number of the step, as in the readable rendering: this allocates."""
        symbols = {s for n in mx.walk(node) for s in _numbers_in(n)}
        tensors = {n.tensor for n in mx.walk(node) if isinstance(n, mx.Array)}
        tensors |= {t for t in self.program.tensors.values() if t.symbol in symbols}
        own = {t.name: self._read_as(t) for t in tensors if t.name not in self.fixed or t == LEARNING_RATE}
        read = {**self.fixed, **{name: text for name, (_, text) in own.items()}}
        code = NumPyPrinter(read, self.widths, self.functions).code(node).text
        turn = ".T" if place.turned else ""
        names = frozenset({place.code, *(array for array, _ in own.values())})
        lines.append(Instruction(f"{place.code}{turn}[...] = {code}", names, numbers=numbers))

    def _read_as(self, tensor: Tensor) -> tuple[str, str]:
        """The array that holds a tensor, and how the readable rendering reads it."""
        if tensor == LEARNING_RATE:
            return self._given(), f"{self._given()}.item()"
        if not tensor.axes and self._owner(tensor) is None:
            code = self.places[tensor.name].code
            return code, f"{code}.item()"
        code = self._operand(mx.Array(tensor), False)
        return code, code

    def _given(self) -> str:
        """The learning rate as it is given, for the numbers of a step."""
        if ("", "given") not in self.views:
            name = self.views["", "given"] = self._fresh("given")
            self.code.setup.append(make(name, "np.zeros((), np.float64)"))
            self.code.rates.append(filled(name, "learning_rate"))
        return self.views["", "given"]

    def _computed(self, node: mx.Node, numbers: str, lines: list[Instruction]) -> str:
        """The name of an array with a node's value, as it is."""
        if self._is_view(node):
            return self._operand(node, False)
        if isinstance(node, mx.Broadcast | mx.Repeat) and isinstance(node.of, mx.Number):
            return self._full(self._array_shape(self._shape(node), False), node.of.value)
        place = self._scratch_place(self._shape(node), False)
        self._compute(node, place, numbers, lines)
        return place.code

    def _product_into(self, node: mx.Product, place: Place, numbers: str, lines: list[Instruction]) -> None:
        """A matrix product, by the bound method of its left side; the transpose of it where that is stored."""
        left, right = node.left, node.right
        if place.turned:
            left, right = _transposed(right), _transposed(left)
        with self._holding(place.code):
            first = self._computed(left, numbers, lines)
            self.held.append(first)
            second = self._computed(right, numbers, lines)
        bound = self._bound(first)
        lines.append(self._times(bound, second, place.code, numbers))

    def _times(self, bound: str, second: str, into: str, numbers: str) -> Instruction:
        """The product of the array whose method ``bound`` is with another."""
        return Instruction(f"{bound}({second}, {into})", frozenset({bound, second, into}), numbers=numbers)

    def _bound(self, first: str) -> str:
        """The bound method ``dot`` of an array: looked up once, it is the cheapest way to a product."""
        whole = next((key for key, name in self.views.items() if name == first), None)
        root, what = whole if whole is not None and first in self.code.batch else (first, "")
        return self._named(root, f"{what}.dot", f"{first}_dot")


def _product(factors: list[Expr]) -> Expr:
    value: Expr = Integer(1)
    for factor in factors:
        value = value * factor
    return value


def _applied(function: Any, arguments: list[Expr]) -> Expr:
    if not is_named(function):
        return function(*arguments)
    return computed(function).xreplace(dict(zip((X, *function.others), arguments, strict=True)))


def _transposed(node: mx.Node) -> mx.Node:
    return node.of if isinstance(node, mx.Transpose) else mx.Transpose(node)


def _unlike(name: str) -> str:
    """The name, or one like it that does not end as those of the data of all batches do."""
    return f"{name}_" if name.endswith((ALL, VIEWS)) else name


def can_wait(form: mx.Node, fixed: Collection[Expr], kept: Collection[Expr]) -> bool:
    """Whether the error can be computed for many batches at once: entry by entry, then summed.

    All that it reads must be kept of every batch, or be the same in every step: entries of
    arrays that have one for each sample, widths, numbers that are ``fixed``; and, beside the
    sums, numbers that are ``kept``. What is learned has changed by then.
    """
    if isinstance(form, mx.SumOver):
        return form.axis is None and all(_entrywise(node, fixed) for node in mx.walk(form.of))
    if not isinstance(form, mx.Plus | mx.Scale | mx.Number) or not _numbers_in(form) <= {*fixed, *kept}:
        return False
    return all(can_wait(inner, fixed, kept) for inner in mx.children(form))


def _entrywise(node: mx.Node, fixed: Collection[Expr]) -> bool:
    """Whether a node of a formula has an entry for each unit and each sample of a batch, and reads no input."""
    if isinstance(node, mx.Array):
        axes = node.tensor.axes
        return len(axes) == 2 and axes[1].sample and not axes[0].sample and node.tensor.role != Role.INPUT
    if isinstance(node, mx.Part):
        return node.axis == 0 and isinstance(node.of, mx.Array)
    plain = isinstance(node, mx.Hadamard | mx.Plus | mx.Scale | mx.Map | mx.Power | mx.Number | mx.Broadcast)
    return plain and _numbers_in(node) <= {*fixed}


def _numbers_in(node: mx.Node) -> set[Expr]:
    """The symbols of numbers that stand in a node itself, without those of widths."""
    values = (value for value in node.parts if isinstance(value, Expr))
    return {symbol for value in values for symbol in value.free_symbols if not symbol.is_integer}


def entries(tensor: Tensor) -> int:
    """How many numbers a tensor holds, whose widths are numbers."""
    count = 1
    for axis in tensor.axes:
        count *= int(axis.extent)
    return count
