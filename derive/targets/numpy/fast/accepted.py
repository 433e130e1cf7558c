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
from derive.calculus.roles import Role
from derive.targets.numpy.fast.formulas import NotStraight
from derive.targets.numpy.fast.lines import Line, is_stack

#: What NumPy repeats and combines entry by entry.
_ENTRYWISE = (mx.Hadamard, mx.Plus, mx.Scale, mx.Map, mx.Power)


def require(lines: Iterable[Line], program: ArrayProgram) -> None:
    """Raise NotStraight unless every statement has calls of its own."""
    listed = [line for line in lines if line.stage != "update"]
    if program.learned != program.parameters:
        raise NotStraight("a parameter that is not trained")
    for tensor in (*program.inputs, *program.parameters):
        allowed = [[False], [False, False]] if tensor in program.parameters else [[False, True]]
        allowed += [[True]] if tensor.role == Role.SAMPLE_WEIGHT else []
        if [axis.sample for axis in tensor.axes] not in allowed:
            raise NotStraight(f"the axes of {tensor.name}")
    stacked = {line.target.name for line in listed if is_stack(line)}
    for line in listed:
        if not is_stack(line):
            _Forms(program, stacked, line).check()


class _Forms:
    """What a statement may be made of."""

    def __init__(self, program: ArrayProgram, stacked: set[str], line: Line) -> None:
        self.line = line
        self.parameters = {p.name for p in program.parameters}
        self.stacked = stacked
        self.numbers = {Symbol(name, real=True) for name in program.constants}
        penalties = (s.target for s in program.stage("error") if s.target.role == Role.PENALTY)
        self.penalties: dict[Expr, Expr] = {t.symbol: Integer(1) for t in penalties}
        last = program.stage("forward")[-1:]
        self.outputs = {s.target.name for s in last}
        self.shares = any(isinstance(s.form, mx.Call) for s in last)

    def check(self) -> None:
        """Raise NotStraight unless there are calls for the statement."""
        target = self.line.target
        if self.line.stage == "gradient":
            self._gradient(self.line.form)
        elif self.line.stage != "error":
            self._require([axis.sample for axis in target.axes] == [False, True], f"the axes of {target.name}")
            self._entries(self.line.form)
        else:
            self._require(not target.axes, f"{target.name} reads the targets, and is not the error")
            self._total(self.line.form)

    @staticmethod
    def _require(fits: bool, met: mx.Node | str) -> None:
        if not fits:
            raise NotStraight(met if isinstance(met, str) else f"no calls for {type(met).__name__}")

    def _total(self, node: mx.Node) -> None:
        """The error: sums of all entries."""
        is_penalty = self.line.target.role == Role.PENALTY
        if isinstance(node, mx.SumOver) and node.axis is None:
            inner = node.of  # squares of weights, or of all their columns but one
            squares = isinstance(inner, mx.Power) and inner.exponent == 2 and self._is_learned(inner.base)
            self._require(squares or not is_penalty, node)
            if not squares:
                self._entries(inner)
        elif isinstance(node, mx.Number) and not is_penalty:
            self._number(node.value.xreplace(self.penalties))
        elif isinstance(node, mx.Hadamard):  # divided by the sum of the weights
            sums = [inner for inner in node.factors if not _is_of_weights(inner)]
            self._require(len(sums) == 1, node)
            self._total(sums[0])
        else:
            self._require(isinstance(node, mx.Plus | mx.Scale), node)
            self._own_number(node)
            for inner in mx.children(node):
                self._total(inner)

    def _entries(self, node: mx.Node) -> None:
        """What has an entry for each unit and each sample."""
        self._own_number(node)
        forward = self.line.stage == "forward"
        if isinstance(node, mx.Array):
            self._require(self._is_batch(node), f"{node.tensor.name} stands for an array of another shape")
        elif isinstance(node, mx.Product):  # a weight, or its transpose, times what a layer has computed
            self._require(self._is_learned(node.left.of if isinstance(node.left, mx.Transpose) else node.left), node)
            if not (isinstance(node.right, mx.Array) and node.right.tensor.name in self.stacked):
                self._entries(node.right)
        elif isinstance(node, mx.Call):
            last = not forward or self.line.target.name in self.outputs
            self._require(last, f"{node.name} in a layer that is not the last")
            for argument in node.arguments:
                self._entries(argument)
        elif isinstance(node, mx.Broadcast):
            one_for_all = isinstance(node.of, mx.Number) or _is_of_weights(node.of)
            self._require(one_for_all or self._is_mean_of_shares(node), node)
            self._own_number(node.of)
        else:
            self._require(isinstance(node, _ENTRYWISE), node)
            for inner in mx.children(node):
                bias = inner.of if isinstance(inner, mx.Broadcast) else inner
                if not (
                    forward and isinstance(node, mx.Plus) and isinstance(bias, mx.Array) and self._is_learned(bias)
                ):
                    self._entries(inner)

    def _is_mean_of_shares(self, node: mx.Broadcast) -> bool:
        """Whether a sum over the units, in the slope of a softmax."""
        inner = node.of.of if isinstance(node.of, mx.Scale) else node.of
        if self.line.stage != "factor" or not self.shares or not isinstance(inner, mx.SumOver) or inner.axis != 0:
            return False
        self._entries(inner.of)
        return True

    def _gradient(self, node: mx.Node) -> None:
        """Gradients: products and sums over the samples."""
        self._own_number(node)
        if isinstance(node, mx.Product):
            self._require(isinstance(node.right, mx.Transpose), node)
            self._source(node.left)
            self._source(mx.children(node.right)[0])
        elif isinstance(node, mx.SumOver) and node.axis == 1:
            self._source(node.of)
        elif isinstance(node, mx.Plus | mx.Scale | mx.Beside):
            for inner in mx.children(node):
                self._gradient(inner)
        else:
            number = isinstance(node, mx.Broadcast) and isinstance(node.of, mx.Number)
            self._require(number or self._is_learned(node), node)

    def _source(self, node: mx.Node) -> None:
        """An array of a batch, or a formula of such, entry by entry."""
        for inner in mx.walk(node):
            self._own_number(inner)
            if isinstance(inner, mx.Array):
                self._require(self._is_batch(inner) or inner.tensor.name in self.stacked, node)
            else:
                self._require(isinstance(inner, _ENTRYWISE), inner)

    def _is_batch(self, node: mx.Array) -> bool:
        units = [axis.sample for axis in node.tensor.axes] == [False, True] and node.tensor.name not in self.stacked
        return units or _is_of_weights(node)

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
        self._require(not learned, f"the number {', '.join(map(str, learned[:1]))} in a formula")


def _is_of_weights(node: mx.Node) -> bool:
    """Whether a node is the weights of the samples, or a power of their sum."""
    if isinstance(node, mx.Power):
        node = node.base
    inner = node.of if isinstance(node, mx.SumOver) else node
    return isinstance(inner, mx.Array) and inner.tensor.role == Role.SAMPLE_WEIGHT
