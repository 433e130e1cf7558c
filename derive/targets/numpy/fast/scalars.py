"""The rewritten statements as arithmetic on Python's own numbers, for batches of one sample.

Every entry of every array is a local variable. For a few dozen weights this is faster than
any array: a call of NumPy costs as much as twenty multiplications of Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np
from sympy import Abs, Expr, Integer, Max, Min, Piecewise, Symbol, true
from sympy.core.function import Application

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.index import SAMPLES, Axis, Tensor
from derive.calculus.roles import Role
from derive.learning.optimizers import LEARNING_RATE
from derive.record import record
from derive.targets.names import FAST_NUMBERS, Names, renamed
from derive.targets.numpy.fast.code import numbers_of
from derive.targets.numpy.fast.formulas import NotStraight, applied, entrywise
from derive.targets.numpy.fast.lines import LIMIT, Line, Straight
from derive.targets.numpy.formula_printer import scalar
from derive.targets.numpy.scalar_printer import MATH, arithmetic

#: How many numbers there may be: a function of thousands of local variables helps nobody.
MOST = 200
#: What one operation on Python's numbers and one call of NumPy cost, in nanoseconds, roughly.
OPERATION, FUNCTION, CALL = 7, 45, 240
#: Formulas, one for each entry, with rows and columns.
Matrix = Any


@record
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
    if extents - {SAMPLES} or not made.folded or sum(prod(_sides(b.axes)) for b in made.blocks) > MOST:
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
        x = self.program.inputs[0]
        for block in self.made.blocks:
            self._block(block)
        learned = [str(e) for block in self.made.blocks for e in self.values[block.name].flat]
        row = [str(e) for t in self.program.inputs for e in self._symbols(t).flat]
        if x.name in self.made.ones:
            row.insert(0 if self.made.ones[x.name].ones == 0 else x.axes[0].extent, "_")
        updates: list[str] = []
        error = self.made.stage("error")[-1]
        gradients = {g.name: b.name for b, g in zip(self.made.blocks, self.made.gradients, strict=True)}
        for line in self.made.lines:
            if line.target.role == Role.POWERS:
                self._guard(line)
            value = self.value(line.form)
            if line.target.name in gradients:
                if {str(s) for step in value.flat for s in step.free_symbols} & {*learned}:
                    raise NotStraight("a gradient reads what has changed by then")
                pairs = zip(self.values[gradients[line.target.name]].flat, value.flat, strict=True)
                updates += [f"{target} -= {self._text(step)}" for target, step in pairs]
                updates[-1] += numbers_of(line)
            elif line is error:
                last = value[0, 0]
            else:
                pairs = zip(self._symbols(line.target).flat, value.flat, strict=True)
                self.lines += [f"{target} = {self._text(entry)}" for target, entry in pairs]
                self.lines[-1] += numbers_of(line)
        updates[-1] += numbers_of(*self.made.updates).replace("  #", "")
        measured = self._text(last)
        return Scalars(
            tuple(learned),
            tuple(row),
            (
                *(f"{s} = {scalar(v).text}" for v, s in self.constants.items()),
                *(f"{name} = math.{name}" for name in sorted(self.functions)),
            ),
            tuple(self.lines),
            measured,
            tuple(updates),
            self.operations,
            self.operations * OPERATION + self.calls * FUNCTION,
        )

    def _guard(self, line: Line) -> None:
        """Before exponentials that could overflow, or lose digits: such a step is left to the readable rendering."""
        assert isinstance(line.form, mx.Map)
        squares = " + ".join(f"{e} * {e}" for e in self.value(line.form.arguments[0]).flat)
        self.lines += [f"if not {squares} < {LIMIT * LIMIT}:", "    break"]

    # Names.

    def _symbols(self, tensor: Tensor) -> Matrix:
        """Names for the entries of a tensor, which has a one before or after them, if that is said."""
        rows, columns = _sides(tensor.axes)
        code, fresh = self.codes.get(tensor.name, tensor.name), self.scope.fresh
        hints = [[f"{code}_{i + 1}{f'_{j + 1}' * (columns > 1)}" for j in range(columns)] for i in range(rows)]
        entries = np.array([[Symbol(fresh(hint), real=True) for hint in row] for row in hints], object)
        self.values[tensor.name] = entries
        if (ones := self.made.ones.get(tensor.name)) is not None:
            one = np.array([[Integer(1)] * columns], object)
            self.values[ones.whole.name] = np.vstack([one, entries] if ones.ones == 0 else [entries, one])
        return entries

    def _block(self, block: Tensor) -> None:
        """The names of the entries of a learned block: those of the parameters that it holds."""
        held = [p for p in self.program.parameters if self.made.stored[p.name].whole == block]
        entries = np.hstack([self._symbols(p) for p in held])
        self.values[block.name] = entries.T if self.made.stored[held[0].name].turned else entries

    # Statements.

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
        read = {type(f) for f in entry.atoms(Application)}
        if not read <= MATH.keys():
            raise NotStraight(str(entry))
        self.functions |= {MATH[f] for f in read}
        return arithmetic(entry).text

    def _bound(self, entry: Expr) -> str:
        """What something is compared with."""
        return str(entry) if entry.is_Integer else self._plain(entry)

    # Values of nodes, entry by entry.

    def value(self, node: mx.Node) -> Matrix:
        """The entries of a node for one sample."""
        return entrywise(node, self._leaf, self._number, self._factor, self._apply)

    def _number(self, value: Expr) -> Matrix:
        """A number for a batch of one sample."""
        return np.array([[renamed(value.xreplace({SAMPLES: Integer(1)}), self.fixed, {})]], object)

    def _factor(self, value: Expr) -> Matrix:
        """A number with the learning rate has a name, without its sign."""
        factor = self._number(value)[0, 0]
        if self.rate in factor.free_symbols:
            size = -factor if factor.could_extract_minus_sign() else factor
            if size not in self.constants:
                self.constants[size] = Symbol(self.scope.fresh("rate_factor"), positive=True)
            factor = self.constants[size] * (factor / size)
        return np.array([[factor]], object)

    @staticmethod
    def _apply(function: Any, *arguments: Matrix) -> Matrix:
        return np.frompyfunc(partial(applied, function), len(arguments), 1)(*arguments)

    def _leaf(self, node: mx.Node) -> Matrix:
        if isinstance(node, mx.Array) and node.tensor.name in self.values:
            return self.values[node.tensor.name]
        if isinstance(node, mx.Product):
            return self.value(node.left) @ self.value(node.right)
        if not isinstance(node, mx.Transpose | mx.SumOver | mx.Broadcast | mx.Repeat | mx.Part):
            raise NotStraight(type(node).__name__)
        inner = self.value(node.of)
        if isinstance(node, mx.Transpose):
            return inner.T
        if isinstance(node, mx.SumOver):
            return inner.sum(axis=node.axis, keepdims=True)
        if isinstance(node, mx.Part):
            return np.take(inner, range(int(node.first), int(node.first + node.count)), node.axis)
        return np.broadcast_to(inner, [int(self._number(side)[0, 0]) for side in node.full])


def _sides(axes: tuple[Axis, ...]) -> tuple[int, int]:
    rows, columns = (*(1 if axis.sample else int(axis.extent) for axis in axes), 1, 1)[:2]
    return rows, columns
