"""Formulas in matrix form as calls of NumPy.

A formula is one line: its products, sums and functions stand one within the other. Only what
outlives a step is an array that is made once, which the last call writes into.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import count
from typing import Any

from sympy import Expr, Integer, Piecewise, Rel, Symbol, cse

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.learning.optimizers import LEARNING_RATE
from derive.targets.names import FAST_ARRAYS, CodeNames, Names, renamed
from derive.targets.numpy.fast.code import ALL, VIEWS, Code
from derive.targets.numpy.fast.formulas import NotStraight, Spelling, applied, entrywise
from derive.targets.numpy.fast.lines import Straight
from derive.targets.numpy.formula_printer import scalar
from derive.targets.numpy.printer import NumPyPrinter

#: Nodes that are an array, or a part of one.
_VIEWS = (mx.Array, mx.Part, mx.Transpose)


class FormPrinter:
    """Prints formulas in matrix form as calls, and makes the arrays that they need."""

    def __init__(
        self, made: Straight, program: ArrayProgram, codes: CodeNames, functions: Mapping[Any, str], put_off: bool
    ) -> None:
        self.made = made
        self.put_off = put_off
        #: The axis of the units, in what has samples.
        self.units = 1 if made.rows else 0
        self.program = program
        self.functions = functions
        #: The names in code of the numbers with a fixed value, which the module defines, and of the learning rate.
        self.fixed = {t.name: codes.tensors[t.name] for t in program.scalars}
        self.scope = Names({*FAST_ARRAYS, *functions.values(), *self.fixed.values()})
        self.widths = {width: self.scope.fresh(_unlike(name)) for width, name in codes.widths.items()}
        self.names = self.scope.several({n: _unlike(c) for n, c in codes.tensors.items() if n not in self.fixed})
        self.code = Code()
        #: The arrays that are made once, by the tensors that they hold.
        self.places: dict[str, str] = {}
        #: The names of parameters and gradients as they are laid out.
        self.stored: dict[str, str] = {}
        #: The names of what a step computes, by tensors.
        self.local: dict[str, str] = {}
        #: The tensors of which there is one for every batch.
        self.kept: set[str] = set()
        self.constants: dict[Expr, str] = {}
        self.factors: dict[Expr, Symbol] = {}
        #: The arrays whose rows are apart, which no product is written into.
        self.apart: set[str] = set()
        self.pools: dict[str, list[str]] = {}
        self.all_batches = False
        computed_or_learned = [t for t in program.tensors.values() if not t.axes and t not in program.scalars]
        #: Whether the squares of what is read are to be in the range of float64.
        self.wide = False
        #: The numbers that are no constants, by the symbols that stand for them in a factor.
        self.numbers = {t.symbol: t for t in computed_or_learned}

    def name(self, tensor: Tensor) -> str:
        """The name of a tensor's array."""
        if tensor.name not in self.names:
            about, hint = tensor.about, tensor.name.removeprefix("each ")
            if about is not None and hint.endswith(about.name):
                hint = hint.removesuffix(about.name) + self.names.get(about.name, about.name)
            self.names[tensor.name] = self.scope.fresh(hint)
        return self.names[tensor.name]

    def text(self, value: Expr) -> str:
        """A number of widths and of what is fixed, as code."""
        return scalar(renamed(value, self.fixed, self.widths)).text

    def sides(self, node: mx.Node) -> str:
        """A shape as code."""
        rows, columns = map(self.text, node.shape)
        return f"({rows}, {columns})"

    def keep(self, tensor: Tensor) -> None:
        """Make an array with a tensor of every batch."""
        name = self.name(tensor)
        sides = "" if not tensor.axes else self.sides(mx.Array(tensor)).strip("(")[:-1]
        self.code.make(f"{name}{ALL}", f"np.zeros((slots, {sides}), dtype)" if sides else "np.zeros(slots, dtype)")
        rows = f"[{name}{ALL}[n : n + 1].reshape(()) for n in range(slots)]"
        self.code.batch[name] = f"list({name}{ALL})" if sides else rows
        self.places[tensor.name] = name
        self.kept.add(tensor.name)

    def owner(self, tensor: Tensor) -> Tensor | None:
        """The parameter that a tensor of the update belongs to."""
        while tensor.about is not None and tensor not in self.program.parameters:
            tensor = tensor.about
        return tensor if tensor in self.program.parameters else None

    # Statements.

    def write(self, target: Tensor, form: mx.Node, numbers: str) -> None:
        """Compute a form into the array of its tensor."""
        into = self.stored.get(target.name) or self.places.get(target.name, "")
        if not into and target.axes:
            into = self.places[target.name] = self.code.make(self.name(target), f"np.empty({self.sides(form)}, dtype)")
        is_number = not target.axes and not target.name.startswith("each ")
        code = self.value(form, self.code.loop, numbers, "" if is_number else into, self.shape(target, form))
        if into and is_number:  # which assignment makes of an array of one entry too
            code = f"{into}[...] = {code}"
        elif not into:
            into = self.local[target.name] = self.name(target)
            code = f"{into} = {code}" + ".copy()" * isinstance(form, _VIEWS)
        self.code.loop.append(f"{code}{numbers}")

    def shape(self, target: Tensor, form: mx.Node) -> str:
        """The shape of what is computed."""
        return self.sides(form)

    def value(self, form: mx.Node, lines: list[str], numbers: str, into: str = "", shape: str = "") -> str:
        """The code of a form; a statement that writes it into an array, if that is given."""
        shape = shape or self.sides(form)
        free: dict[str, Iterator[str]] = {}

        def scratch(part: Expr, place: str = "") -> str:
            own = shape
            if self.all_batches:  # a number is not kept as an array, nor a small array spread out as a larger one
                read = {node.shape: node for symbol, node in inner.items() if part.has(symbol)}
                if not read or form.shape == (1, 1):
                    return ""
                if form.shape not in read:
                    own, place = self.sides(next(iter(read.values()))), ""
            return place or next(free.setdefault(own, self._scratch(own)))

        def emit(line: str) -> None:
            lines.append(f"{line}{numbers}")

        leaves: dict[mx.Node, Symbol] = {}
        parts: dict[Symbol, Expr] = {}

        def leaf(node: mx.Node) -> Expr:
            if isinstance(node, mx.Array) and node.tensor in self.program.scalars:
                return node.tensor.symbol
            if isinstance(node, mx.Broadcast | mx.Repeat) and node != form:
                return entrywise(node.of, leaf, number, factor, apply)
            return leaves.setdefault(node, Symbol(f"_{len(leaves)}", real=True))

        def number(value: Expr) -> Expr:
            return value.xreplace({s: leaf(mx.Array(t)) for s, t in self.numbers.items() if value.has(s)})

        def factor(value: Expr) -> Expr:
            fixed, learned = value.as_independent(*self.numbers, as_Add=False)
            size = -fixed if (minus := fixed.could_extract_minus_sign()) else fixed
            if size != 1:  # by a symbol, so that SymPy does not multiply it into a sum
                size = self.factors.setdefault(size, Symbol(f"_c{len(self.factors)}", positive=True))
            return (-size if minus else size) * number(learned)

        def apply(function: Any, *arguments: Expr) -> Expr:
            # a choice within the condition of another one is no comparison: it is computed first
            named = []
            for argument in arguments:
                named.append(Symbol(f"_p{len(parts)}", real=True) if argument.has(Piecewise) else argument)
                parts.update({named[-1]: argument} if named[-1] != argument else {})
            return applied(function, *named)

        expression = entrywise(form, leaf, number, factor, apply)
        inner = {symbol: node for node, symbol in leaves.items()}
        if expression in inner:
            return self._leaf(inner[expression], lines, numbers, into)
        shared, (rest,) = cse([expression], symbols=(Symbol(f"_s{n}", real=True) for n in range(1000)))
        steps = [*parts.items(), *shared]
        room = (
            into
            if form.shape[0] != 1
            and into not in self.apart
            and sum(isinstance(n, mx.Product) for n in inner.values()) == 1
            else ""
        )
        read = [*(e for _, e in steps), rest]
        again = {symbol for symbol in inner if sum(e.count(symbol) for e in read) > 1}
        places = {s: room for s, n in inner.items() if isinstance(n, mx.Product) and n.shape == form.shape}
        known = self._leaves(inner, again, places, bool(steps), lines, numbers)
        spelling = Spelling(known, self.constant, scratch, emit, self.code.used, apart=shape.startswith("(1, "))
        back: dict[Expr, Expr] = {}
        for symbol, taken_out in steps:
            part = taken_out.xreplace(back)
            if isinstance(part, Rel) or known.keys().isdisjoint(part.free_symbols):  # conditions stay in their choices
                back[symbol] = part
            else:
                if place := scratch(part):
                    emit(spelling.code(part, place))
                    known[symbol] = place
                else:
                    known[symbol] = self._part(spelling.code(part), lines, numbers)
        whole = rest.xreplace(back)
        if self.all_batches and not into and not isinstance(whole, Symbol | Piecewise):
            into = scratch(whole)
        return spelling.code(whole, into)

    def _leaves(
        self,
        inner: Mapping[Symbol, mx.Node],
        again: Collection[Symbol],
        places: Mapping[Symbol, str],
        more: bool,
        lines: list[str],
        numbers: str,
    ) -> dict[Symbol, str]:
        """The code of the nodes in a formula; ``more`` lines may follow before the formula is computed.

        A node that is read ``again`` has a name, and no place that the formula itself is written into. What a later
        line would overwrite in a shared array is computed before that line.
        """
        known: dict[Symbol, str] = {}
        ends: dict[Symbol, int] = {}
        for symbol, node in inner.items():
            begun, place = len(lines), "" if symbol in again else places.get(symbol, "")
            code = self._leaf(node, lines, numbers, "" if place in known.values() else place)
            if not isinstance(node, _VIEWS) and symbol in again:
                code = self._part(code, lines, numbers)
            elif len(lines) > begun:
                ends[symbol] = len(lines)
            known[symbol] = code
        for symbol, end in reversed(ends.items()):
            if more or len(lines) > end:
                named: list[str] = []
                known[symbol] = self._part(known[symbol], named, numbers)
                lines[end:end] = named
        return known

    def _scratch(self, shape: str) -> Iterator[str]:
        """Arrays of a shape for what is computed on the way; the lines share them."""
        shape = f"(slots, {shape[1:]}" if self.all_batches else shape
        pool = self.pools.setdefault(shape, [])
        for n in count():
            if n == len(pool):
                pool.append(self.code.make(self.scope.fresh("scratch"), f"np.empty({shape}, dtype)"))
            yield pool[n]

    def _part(self, code: str, lines: list[str], numbers: str) -> str:
        """A name for what is read more than once."""
        name = self.scope.fresh("part")
        lines.append(f"{name} = {code}{numbers}")
        return name

    def constant(self, expression: Expr) -> str:
        """The array that holds a number."""
        value = expression.xreplace({symbol: number for number, symbol in self.factors.items()})
        if value not in self.constants:
            text, of_rate = self.text(value), LEARNING_RATE.symbol in value.free_symbols
            hint = _spelled(text.replace(self.fixed[LEARNING_RATE.name], "rate"))
            name = self.constants[value] = self.scope.fresh(hint)
            self.code.make(name, "np.empty((), dtype)" if of_rate else f"np.array({text}, dtype)")
            if of_rate:
                self.code.rates.append(f"{name}[...] = {text}")
        return self.constants[value]

    # What is no function entry by entry.

    def _leaf(self, node: mx.Node, lines: list[str], numbers: str, into: str = "") -> str:
        if isinstance(node, mx.Product):
            left, right = (self.value(side, lines, numbers) for side in (node.left, node.right))
            if into in self.apart:
                return f"{into}[...] = {left}.dot({right})"
            return f"{left}.dot({right}{f', {into}' if into else ''})"
        code = self.view(node) if isinstance(node, _VIEWS) and _is_view(node) else self._whole(node, lines, numbers)
        return f"{into}[...] = {code}" if into else code

    def view(self, node: mx.Node) -> str:
        """An array, or a part of one, or its transpose."""
        if isinstance(node, mx.Array):
            name = self.local.get(node.tensor.name) or self.places[node.tensor.name]
            return f"{name}{ALL}" if self.all_batches and node.tensor.name in self.kept else name
        if isinstance(node, mx.Transpose):
            return self._turned(self.view(node.of))
        assert isinstance(node, mx.Part)
        for name in self.made.parts.get(node, ()):
            if name in self.stored:
                return self.stored[name]
        batch = self.all_batches and isinstance(node.of, mx.Array) and node.of.tensor.name in self.kept
        return f"{self.view(node.of)}{self.slice(node.first, node.count, node.axis + batch)}"

    def _turned(self, code: str) -> str:
        """The name of a transpose; that of an array that is made once is made once too."""
        name = f"{code}_T"
        if not code.isidentifier() or code in self.local.values() or (code in self.code.batch and code != "X"):
            return f"{code}.T"
        if code not in self.code.batch and not any(name in names for names, _ in self.code.setup):
            self.code.make(name, f"{code}.T")
        return name

    def slice(self, first: Any, count: Expr, axis: int) -> str:
        """Some rows or columns."""
        start, stop = "" if first == 0 else self.text(Integer(0) + first), self.text(first + count)
        colon = ":" if stop.isidentifier() or stop.isdigit() else " : "
        return f"[{':, ' * axis}{start}{colon}{stop}]".replace("[ ", "[")

    def _whole(self, node: mx.Node, lines: list[str], numbers: str) -> str:
        """A sum, an array of one number, a function of whole arrays."""
        if isinstance(node, mx.SumOver):
            self.code.used.add("add")
            over = "axis=(1, 2)" if self.all_batches else "axis=None"
            over = over if node.axis is None else f"axis={node.axis + self.all_batches}, keepdims=True"
            summed, into = node.of, ""
            if node.axis is None and not self.all_batches and isinstance(summed, mx.Power) and _is_view(summed.base):
                if isinstance(summed.base, mx.Transpose):  # which has the same sum
                    summed = mx.Power(summed.base.of, summed.exponent)
                into = next(self._scratch(self.sides(summed)))  # as large as a weight, and read at once
            return f"add.reduce({self.value(summed, lines, numbers, into)}, {over})"
        if isinstance(node, mx.Broadcast | mx.Repeat):
            if isinstance(node.of, mx.Number):
                text = f"np.full({self.sides(node)}, {self.text(node.of.value)}, dtype)"
                found = next((names[0] for names, line in self.code.setup if line == f"{names[0]} = {text}"), "")
                hint = {Integer(0): "zeros", Integer(1): "ones"}.get(node.of.value, "filled")
                return found or self.code.make(self.scope.fresh(hint), text)
            return f"np.broadcast_to({self.value(node.of, lines, numbers)}, {self.sides(node)})"
        if isinstance(node, mx.Transpose):
            return f"{self.value(node.of, lines, numbers)}.T"
        if isinstance(node, mx.Map | mx.Call | mx.Beside):
            return self.readable(node)
        raise NotStraight(f"no calls for {type(node).__name__}")

    def readable(self, node: mx.Node) -> str:
        """A function that NumPy has not, or a number of the step, as in the readable rendering."""
        symbols = {s for n in mx.walk(node) for s in numbers_in(n)}
        tensors = {n.tensor for n in mx.walk(node) if isinstance(n, mx.Array)}
        tensors |= {t for t in self.program.tensors.values() if t.symbol in symbols}
        read = {t.name: self._read_as(t) for t in tensors if t.name not in self.fixed or t == LEARNING_RATE}
        numbers = [t.name for t in tensors if not t.axes and self.owner(t) is not None]
        return NumPyPrinter({**self.fixed, **read}, self.widths, self.functions, numbers).code(node).text

    def _read_as(self, tensor: Tensor) -> str:
        """How the readable rendering reads a tensor; numbers of a step are those of Python."""
        if tensor == LEARNING_RATE:
            return f"{self.given}.item()"
        code = self.view(mx.Array(tensor))
        if not tensor.axes and self.owner(tensor) is None:
            return f"{code}.item()"
        return f"np.float64({code})" if self.wide else code

    @property
    def given(self) -> str:
        """The learning rate as it is given, for the numbers of a step."""
        if "given" not in self.names:
            self.names["given"] = self.code.make(self.scope.fresh("given"), "np.zeros((), np.float64)")
            self.code.rates.append(f"{self.names['given']}[...] = learning_rate")
        return self.names["given"]


def _is_view(node: mx.Node) -> bool:
    return isinstance(node, mx.Array) or (isinstance(node, mx.Part | mx.Transpose) and _is_view(node.of))


def _unlike(name: str) -> str:
    """The name, or one like it that does not end as those of the data of all batches do."""
    return f"{name}_" if name.endswith((ALL, VIEWS)) else name


#: The words of a constant's name.
_WORDS = {" / ": "_over_", " * ": "_", "**": "_to_the_", " + ": "_plus_", " - ": "_minus_", "-": "minus_"}
_DIGITS = dict(enumerate("zero one two three four five six seven eight nine".split()))


def _spelled(text: str) -> str:
    """A name for a constant, from its formula."""
    text = re.sub(r"^\d\b(?!\.)", lambda digit: _DIGITS[int(digit[0])], text.lower())
    for sign, word in _WORDS.items():
        text = text.replace(sign, word)
    plain = re.sub(r"[\W_]+", "_", text).strip("_")
    return "number" if len(plain) > 30 else plain if plain[:1].isalpha() else f"number_{plain}"


def can_wait(form: mx.Node, fixed: Collection[Expr], kept: Collection[Expr]) -> bool:
    """Whether the error can be computed for many batches at once: entry by entry, then summed.

    All that it reads must be kept of every batch, or be the same in every step: entries of
    arrays that have one for each sample, widths, numbers that are ``fixed``; and, beside the
    sums, numbers that are ``kept``. What is learned has changed by then.
    """
    if isinstance(form, mx.SumOver):
        return form.axis is None and all(_is_entrywise(node, fixed) for node in mx.walk(form.of))
    if not isinstance(form, mx.Plus | mx.Scale | mx.Hadamard | mx.Power | mx.Number):
        return False
    if not numbers_in(form) <= {*fixed, *kept}:
        return False
    return all(can_wait(inner, fixed, kept) for inner in mx.children(form))


def _is_entrywise(node: mx.Node, fixed: Collection[Expr]) -> bool:
    """Whether a node of a formula has an entry for each unit and each sample of a batch, and reads no input."""
    if isinstance(node, mx.Array):
        samples = [axis.sample for axis in node.tensor.axes]
        return samples in ([False, True], [True, False], [True]) and node.tensor.role != Role.INPUT
    if isinstance(node, mx.Part):
        return isinstance(node.of, mx.Array) and not node.of.tensor.axes[node.axis].sample
    plain = isinstance(node, mx.Hadamard | mx.Plus | mx.Scale | mx.Map | mx.Power | mx.Number | mx.Broadcast)
    return plain and numbers_in(node) <= {*fixed}


def numbers_in(node: mx.Node) -> set[Expr]:
    """The symbols of numbers that stand in a node itself, without those of widths."""
    values = (value for value in node.parts if isinstance(value, Expr))
    return {symbol for value in values for symbol in value.free_symbols if not symbol.is_integer}
