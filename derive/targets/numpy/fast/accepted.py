"""Which programs have a second rendering: those whose every statement has calls that are proved right by the tests.

Dense layers, functions entry by entry, sums and products of arrays of one shape, softmax over
the outputs, errors that are sums entry by entry, penalties. For anything else ``NotStraight``
says what was met, and the module takes its steps with the readable rendering.
"""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr, Integer, Symbol

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.targets.numpy.fast.formulas import NotStraight
from derive.targets.numpy.fast.lines import Line, is_stack

#: What NumPy repeats and combines entry by entry.
_ENTRYWISE = (mx.Hadamard, mx.Plus, mx.Scale, mx.Map, mx.Power)


def require(lines: Iterable[Line], program: ArrayProgram) -> None:
    """Raise NotStraight unless every statement has calls of its own."""
    listed = [line for line in lines if line.stage != "update"]
    forms = _Forms(program, {line.target.name for line in listed if is_stack(line)})
    for tensor in (*program.inputs, *program.parameters):
        _given(tensor, tensor in program.parameters)
    for line in listed:
        forms.line(line)


def _given(tensor: Tensor, learned: bool) -> None:
    samples = [axis.sample for axis in tensor.axes]
    if samples not in ([[False], [False, False]] if learned else [[False, True]]):
        raise NotStraight(f"the axes of {tensor.name}")


class _Forms:
    """What each kind of statement may be made of."""

    def __init__(self, program: ArrayProgram, stacked: set[str]) -> None:
        self.parameters = {p.name for p in program.parameters}
        self.stacked = stacked
        self.numbers = {Symbol(name, real=True) for name in program.constants}
        penalties = (s.target for s in program.stage("error") if s.target.role == Role.PENALTY)
        self.penalties: dict[Expr, Expr] = {t.symbol: Integer(1) for t in penalties}
        last = program.stage("forward")[-1:]
        self.outputs = {s.target.name for s in last}
        self.shares = any(isinstance(s.form, mx.Call) for s in last)

    def line(self, line: Line) -> None:
        """Raise NotStraight unless there are calls for a line."""
        if is_stack(line):
            return
        if line.stage == "error":
            self._error(line)
        elif line.stage == "gradient":
            self._gradient(line.form)
        elif [axis.sample for axis in line.target.axes] != [False, True]:
            raise NotStraight(f"the axes of {line.target.name}")
        else:
            self._entries(line.form, line)

    # The error: sums of all entries.

    def _error(self, line: Line) -> None:
        if line.target.axes:
            raise NotStraight(f"{line.target.name} reads the targets, and is not the error")
        self._total(line.form, line)

    def _total(self, node: mx.Node, line: Line) -> None:
        if isinstance(node, mx.SumOver) and node.axis is None:
            if line.target.role == Role.PENALTY and not self._is_penalty(node.of):
                raise _no_calls(node)
            if not self._is_penalty(node.of):
                self._entries(node.of, line)
        elif isinstance(node, mx.Number) and line.target.role != Role.PENALTY:
            self._number(node.value.xreplace(self.penalties))
        elif isinstance(node, mx.Plus | mx.Scale):
            self._own_number(node)
            for inner in mx.children(node):
                self._total(inner, line)
        else:
            raise _no_calls(node)

    def _is_penalty(self, node: mx.Node) -> bool:
        """Whether squares of weights, or of all their columns but one."""
        return isinstance(node, mx.Power) and node.exponent == 2 and self._is_learned(node.base)

    # What has an entry for each unit and each sample.

    def _entries(self, node: mx.Node, line: Line) -> None:
        self._own_number(node)
        if isinstance(node, mx.Array):
            if not self._is_batch(node):
                raise NotStraight(f"{node.tensor.name} stands for an array of another shape")
        elif isinstance(node, mx.Product):
            self._product(node, line)
        elif isinstance(node, mx.Call):
            self._softmax(node, line)
        elif isinstance(node, mx.Broadcast):
            if not isinstance(node.of, mx.Number) and not self._is_mean_of_shares(node, line):
                raise _no_calls(node)
            self._own_number(node.of)
        elif isinstance(node, _ENTRYWISE):
            for inner in mx.children(node):
                if not (isinstance(node, mx.Plus) and self._is_bias(inner, line)):
                    self._entries(inner, line)
        else:
            raise _no_calls(node)

    def _product(self, node: mx.Product, line: Line) -> None:
        """A weight, or its transpose, times what a layer has computed."""
        right = node.right
        if not self._is_learned(node.left.of if isinstance(node.left, mx.Transpose) else node.left):
            raise _no_calls(node)
        if not (isinstance(right, mx.Array) and right.tensor.name in self.stacked):
            self._entries(right, line)

    def _softmax(self, node: mx.Call, line: Line) -> None:
        if line.stage == "forward" and line.target.name not in self.outputs:
            raise NotStraight(f"{node.name} in a layer that is not the last")
        for argument in node.arguments:
            self._entries(argument, line)

    def _is_mean_of_shares(self, node: mx.Broadcast, line: Line) -> bool:
        """Whether a sum over the units, in the slope of a softmax."""
        inner = node.of.of if isinstance(node.of, mx.Scale) else node.of
        if line.stage != "factor" or not self.shares or not isinstance(inner, mx.SumOver) or inner.axis != 0:
            return False
        self._entries(inner.of, line)
        return True

    def _is_bias(self, node: mx.Node, line: Line) -> bool:
        inner = node.of if isinstance(node, mx.Broadcast) else node
        return line.stage == "forward" and isinstance(inner, mx.Array) and self._is_learned(inner)

    # Gradients: products and sums over the samples.

    def _gradient(self, node: mx.Node) -> None:
        self._own_number(node)
        if isinstance(node, mx.Product):
            self._source(node.left)
            if not isinstance(node.right, mx.Transpose):
                raise _no_calls(node)
            self._source(node.right.of)
        elif isinstance(node, mx.SumOver) and node.axis == 1:
            self._source(node.of)
        elif isinstance(node, mx.Plus | mx.Scale | mx.Beside):
            for inner in mx.children(node):
                self._gradient(inner)
        elif not (self._is_learned(node) or (isinstance(node, mx.Broadcast) and isinstance(node.of, mx.Number))):
            raise _no_calls(node)

    def _source(self, node: mx.Node) -> None:
        """An array of a batch, or a formula of such, entry by entry."""
        for inner in mx.walk(node):
            self._own_number(inner)
            if isinstance(inner, mx.Array) and not self._is_batch(inner) and inner.tensor.name not in self.stacked:
                raise _no_calls(node)
            if not isinstance(inner, (mx.Array, *_ENTRYWISE)):
                raise _no_calls(inner)

    # Parts.

    def _is_batch(self, node: mx.Array) -> bool:
        samples = [axis.sample for axis in node.tensor.axes]
        return samples == [False, True] and node.tensor.name not in self.stacked

    def _is_learned(self, node: mx.Node) -> bool:
        inner = node.of if isinstance(node, mx.Part) else node
        return isinstance(inner, mx.Array) and inner.tensor.name in self.parameters

    def _own_number(self, node: mx.Node) -> None:
        for value in node.parts:
            if isinstance(value, Expr):
                self._number(value)

    def _number(self, value: Expr) -> None:
        """A number must be one for all steps: of widths, of the samples of a batch, of what is fixed."""
        learned = [s for s in value.free_symbols if not s.is_integer and s not in self.numbers]
        if learned:
            raise NotStraight(f"the number {learned[0]} in a formula")


def _no_calls(node: mx.Node) -> NotStraight:
    return NotStraight(f"no calls for {type(node).__name__}")
