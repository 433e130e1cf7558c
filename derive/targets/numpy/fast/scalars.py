"""The rewritten statements as arithmetic on Python's own numbers, for batches of one sample.

Every entry of every array is a local variable. For a few dozen weights this is faster than
any array: a call of NumPy costs as much as twenty multiplications of Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import singledispatchmethod
from itertools import product

from sympy import Abs, Expr, Function, Integer, Max, Min, Piecewise, Pow, Symbol, true

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import SAMPLES
from derive.calculus.roles import Role
from derive.learning.optimizers import LEARNING_RATE
from derive.targets.names import FAST_NUMBERS, Names, renamed
from derive.targets.numpy.fast.formulas import NotStraight, computed
from derive.targets.numpy.fast.lines import LIMIT, Line, Straight
from derive.targets.numpy.printer import scalar
from derive.targets.numpy.scalar_printer import MATH, arithmetic

#: How many numbers there may be: a function of thousands of local variables helps nobody.
MOST = 200
#: What one operation on Python's numbers and one call of NumPy cost, in nanoseconds, roughly.
OPERATION, FUNCTION, CALL = 7, 45, 240
Matrix = list[list[Expr]]


@dataclass(frozen=True)
class Scalars:
    """Finished lines: ``setup`` comes before the loop, ``loop`` is a step.

    ``learned`` and ``row`` are the names of the numbers, ``error`` is the error before the step,
    ``cost`` the nanoseconds that a step takes, roughly.
    """

    learned: tuple[str, ...]
    row: tuple[str, ...]
    setup: tuple[str, ...]
    loop: tuple[str, ...]
    error: str
    after: tuple[str, ...]
    operations: int
    cost: int


def scalars(made: Straight, program: ArrayProgram, codes: Mapping[str, str]) -> Scalars | None:
    """Print a rewritten program for one sample; None if it is too large, or has no such form."""
    extents = {s for t in program.tensors.values() for a in t.axes for s in a.extent.free_symbols}
    if extents - {SAMPLES} or not made.folded or sum(_entries(b.axes) for b in made.blocks) > MOST:
        return None
    try:
        return _Printer(made, program, codes).run()
    except NotStraight:
        return None


class _Printer:
    def __init__(self, made: Straight, program: ArrayProgram, codes: Mapping[str, str]) -> None:
        self.made = made
        self.program = program
        self.codes = codes
        self.fixed = {t.name: codes[t.name] for t in program.scalars}
        self.rate = Symbol(codes[LEARNING_RATE.name], real=True)
        self.scope = Names({*FAST_NUMBERS, *self.fixed.values()})
        self.values: dict[str, Matrix] = {}
        self.constants: dict[Expr, Symbol] = {}
        self.lines: list[str] = []
        self.functions: set[str] = set()
        self.operations = self.calls = 0

    def run(self) -> Scalars:
        x, y = self.program.inputs
        learned = [name for block in self.made.blocks for name in self._block(block.name)]
        row = [*self._data(x.name), *(str(e) for r in self._symbols(y.name, y.axes) for e in r)]
        updates: list[str] = []
        error = self.made.stage("error")[-1]
        gradients = {g.name: b.name for b, g in zip(self.made.blocks, self.made.gradients, strict=True)}
        numbers = [n for line in self.made.updates for n in line.numbers]
        for line in self.made.lines:
            if line.target.role == Role.POWERS:
                self._guard(line)
            value = self.value(line.form)
            if line is error:
                ((last,),) = value
                continue
            if line.stage == "gradient" and line.target.name in gradients:
                targets, steps = self._flat(gradients[line.target.name]), _flat(value)
                if any({str(s) for s in step.free_symbols} & set(learned) for step in steps):
                    raise NotStraight("a gradient reads what has changed by then")
                updates += [f"{target} -= {self._text(step)}" for target, step in zip(targets, steps, strict=True)]
                updates[-1] += f"  # {_named(line.numbers)}"
                continue
            self._assign(line.target.name, line.target.axes, value, line.numbers)
        updates[-1] += f" {_named(tuple(numbers))}"
        order = [name for block in self.made.blocks for name in self._stored_order(block.name)]
        assert sorted(order) == sorted(learned)
        error_text = self._text(last)
        return Scalars(
            tuple(order),
            tuple(row),
            (
                *(f"{s} = {scalar(v).text}" for v, s in self.constants.items()),
                *(f"{name} = math.{name}" for name in sorted(self.functions)),
            ),
            tuple(self.lines),
            error_text,
            tuple(updates),
            self.operations,
            self.operations * OPERATION + self.calls * FUNCTION,
        )

    def _guard(self, line: Line) -> None:
        """Before exponentials that could overflow, or lose digits: such a step is left to the readable rendering."""
        assert isinstance(line.form, mx.Map)
        entries = [self._short(e) for e in _flat(self.value(line.form.arguments[0]))]
        self.lines.append(f"if not {' + '.join(f'{e} * {e}' for e in entries)} < {LIMIT * LIMIT}:")
        self.lines.append("    break")

    def _short(self, entry: Expr) -> Expr:
        """An entry by a name of its own, if it has none."""
        if isinstance(entry, Symbol):
            return entry
        text, symbol = self._text(entry), Symbol(self.scope.fresh("part"), real=True)
        self.lines.append(f"{symbol} = {text}")
        return symbol

    # Names.

    def _symbols(self, name: str, axes: tuple[object, ...]) -> Matrix:
        rows, columns = _sides(axes)
        code, fresh = self.codes.get(name, name), self.scope.fresh
        entries = [
            [fresh(f"{code}_{i + 1}" if columns == 1 else f"{code}_{i + 1}_{j + 1}") for j in range(columns)]
            for i in range(rows)
        ]
        self.values[name] = [[Symbol(e, real=True) for e in row] for row in entries]
        return self.values[name]

    def _block(self, name: str) -> Iterator[str]:
        """The names of the entries of a learned block: those of the parameters that it holds."""
        held = [(n, s) for n, s in self.made.stored.items() if s.whole.name == name and n in self._parameters]
        rows: Matrix = []
        for parameter, stored in sorted(held, key=lambda part: int(part[1].first)):
            symbols = self._symbols(parameter, next(p.axes for p in self.program.parameters if p.name == parameter))
            rows += symbols if stored.count is None else [list(row) for row in zip(*symbols, strict=True)]
        self.values[name] = rows
        for row in rows:
            yield from map(str, row)

    @property
    def _parameters(self) -> set[str]:
        return {p.name for p in self.program.parameters}

    def _stored_order(self, name: str) -> list[str]:
        """The entries as the array of all that is learned has them: a weight with two sides is stored turned."""
        return [str(e) for row in self.values[name] for e in row]

    def _flat(self, name: str) -> list[str]:
        return [str(e) for row in self.values[name] for e in row]

    def _data(self, name: str) -> list[str]:
        """The inputs of a row of data, with the one that may stand before or after them."""
        x = self.program.inputs[0]
        inputs = self._symbols(name, x.axes)
        ones = self.made.ones.get(name)
        if ones is None:
            return [str(e) for (e,) in inputs]
        one = [[Integer(1)]]
        self.values[ones.whole.name] = one + inputs if ones.ones == 0 else inputs + one
        names = [str(e) for (e,) in inputs]
        return ["_", *names] if ones.ones == 0 else [*names, "_"]

    # Statements.

    def _assign(self, name: str, axes: tuple[object, ...], value: Matrix, numbers: tuple[int, ...]) -> None:
        symbols = self._symbols(name, axes)
        for target, entry in zip(_flat(symbols), _flat(value), strict=True):
            self.lines.append(f"{target} = {self._text(entry)}")
        if numbers:
            self.lines[-1] += f"  # {_named(numbers)}"
        ones = self.made.ones.get(name)
        if ones is not None:
            one = [[Integer(1)]]
            self.values[ones.whole.name] = one + symbols if ones.ones == 0 else symbols + one

    def _text(self, entry: Expr) -> str:
        """A number's formula as Python; each choice in it has a line of its own before."""
        self.operations += 1 + int(entry.count_ops())
        self.calls += len(entry.atoms(*MATH))
        while choices := entry.atoms(Max, Min, Piecewise, Abs):
            choice = min(choices, key=lambda c: (c.count_ops(), str(c)))
            if choice == entry:
                return self._choice(choice)
            symbol = Symbol(self.scope.fresh("part"), real=True)
            self.lines.append(f"{symbol} = {self._choice(choice)}")
            entry = entry.xreplace({choice: symbol})
        return self._plain(entry)

    def _choice(self, entry: Expr) -> str:
        if isinstance(entry, Abs):
            return f"abs({self._plain(entry.args[0])})"
        if isinstance(entry, Max | Min) and len(entry.args) == 2:
            one, other = sorted(entry.args, key=lambda a: (a.is_number, str(a)))
            left, right = (self._plain(e) for e in (one, other))
            # a choice is three times as fast as max(), which formatters propose where both numbers are written alike
            return f"{left} if {left} {'>' if isinstance(entry, Max) else '<'} {self._bound(other)} else {right}"
        if isinstance(entry, Piecewise) and len(entry.args) == 2 and entry.args[1][1] == true:
            (above, condition), (below, _) = entry.args
            sides = f"{self._plain(condition.lhs)} {condition.rel_op} {self._bound(condition.rhs)}"
            return f"{self._plain(above)} if {sides} else {self._plain(below)}"
        raise NotStraight(str(entry))

    def _plain(self, entry: Expr) -> str:
        if entry.has(Max, Min, Piecewise, Abs) or any(type(f) not in MATH for f in entry.atoms(Function)):
            raise NotStraight(str(entry))
        self.functions |= {MATH[type(f)] for f in entry.atoms(Function)}
        return arithmetic(entry).text

    def _bound(self, entry: Expr) -> str:
        """What something is compared with."""
        return str(entry) if entry.is_Integer else self._plain(entry)

    def _alone(self, value: Expr) -> Expr:
        """A number for a batch of one sample."""
        return renamed(value.xreplace({SAMPLES: Integer(1)}), self.fixed, {})

    # Values of nodes, entry by entry.

    @singledispatchmethod
    def value(self, node: mx.Node) -> Matrix:
        """The entries of a node for one sample."""
        raise NotStraight(type(node).__name__)

    @value.register
    def _(self, node: mx.Array) -> Matrix:
        found = self.values.get(node.tensor.name)
        if found is None:
            raise NotStraight(node.tensor.name)
        return found

    @value.register
    def _(self, node: mx.Number) -> Matrix:
        return [[self._alone(node.value)]]

    @value.register
    def _(self, node: mx.Transpose) -> Matrix:
        return [list(row) for row in zip(*self.value(node.of), strict=True)]

    @value.register
    def _(self, node: mx.Product) -> Matrix:
        left, right = self.value(node.left), self.value(node.right)
        return [
            [_total(a * b for a, b in zip(row, column, strict=True)) for column in zip(*right, strict=True)]
            for row in left
        ]

    @value.register
    def _(self, node: mx.Hadamard) -> Matrix:
        first, *others = (self.value(f) for f in node.factors)
        for other in others:
            first = _each(lambda a, b: a * b, first, other)
        return first

    @value.register
    def _(self, node: mx.Plus) -> Matrix:
        first, *others = (self.value(t) for t in node.terms)
        for other in others:
            first = _each(lambda a, b: a + b, first, other)
        return first

    @value.register
    def _(self, node: mx.Scale) -> Matrix:
        factor = self._alone(node.factor)
        if self.rate in factor.free_symbols:
            number = -factor if factor.could_extract_minus_sign() else factor
            if number not in self.constants:
                self.constants[number] = Symbol(self.scope.fresh("rate_factor"), positive=True)
            symbol = self.constants[number]
            factor = -symbol if number != factor else symbol
        return [[factor * e for e in row] for row in self.value(node.of)]

    @value.register
    def _(self, node: mx.Map) -> Matrix:
        arguments = [self.value(a) for a in node.arguments]
        named = isinstance(node.function, type) and issubclass(node.function, Elementwise)

        def apply(*entries: Expr) -> Expr:
            if not named:
                return node.function(*entries)
            return computed(node.function).xreplace(dict(zip((X, *node.function.others), entries, strict=True)))

        return _each(apply, *arguments)

    @value.register
    def _(self, node: mx.Power) -> Matrix:
        return [[Pow(e, self._alone(node.exponent)) for e in row] for row in self.value(node.base)]

    @value.register
    def _(self, node: mx.SumOver) -> Matrix:
        matrix = self.value(node.of)
        if node.axis is None:
            return [[_total(_flat(matrix))]]
        if node.axis == 0:
            return [[_total(column) for column in zip(*matrix, strict=True)]]
        return [[_total(row)] for row in matrix]

    @value.register(mx.Broadcast)
    @value.register(mx.Repeat)
    def _(self, node: mx.Broadcast | mx.Repeat) -> Matrix:
        matrix = self.value(node.of)
        rows, columns = (int(self._alone(s)) for s in node.full)
        return [[matrix[i % len(matrix)][j % len(matrix[0])] for j in range(columns)] for i in range(rows)]

    @value.register
    def _(self, node: mx.Part) -> Matrix:
        matrix, last = self.value(node.of), int(node.first + node.count)
        if node.axis == 0:
            return matrix[int(node.first) : last]
        return [row[int(node.first) : last] for row in matrix]


def _sides(axes: tuple[object, ...]) -> tuple[int, int]:
    extents = [1 if a.sample else int(a.extent) for a in axes]  # type: ignore[attr-defined]
    if len(extents) > 2:
        raise NotStraight("more than two axes")
    return (extents[0] if extents else 1), (extents[1] if len(extents) == 2 else 1)


def _entries(axes: tuple[object, ...]) -> int:
    rows, columns = _sides(axes)
    return rows * columns


def _each(function: Callable[..., Expr], *matrices: Matrix) -> Matrix:
    rows, columns = max(len(m) for m in matrices), max(len(m[0]) for m in matrices)
    found: Matrix = [[] for _ in range(rows)]
    for i, j in product(range(rows), range(columns)):
        found[i].append(function(*(m[i % len(m)][j % len(m[0])] for m in matrices)))
    return found


def _total(entries: object) -> Expr:
    value: Expr = Integer(0)
    for entry in entries:  # type: ignore[attr-defined]
        value = value + entry
    return value


def _flat(matrix: Matrix) -> list[Expr]:
    return [e for row in matrix for e in row]


def _named(numbers: tuple[int, ...]) -> str:
    if len(numbers) > 2 and numbers == tuple(range(numbers[0], numbers[-1] + 1)):
        return f"({numbers[0]}) to ({numbers[-1]})"
    return " ".join(f"({n})" for n in numbers)
