"""The same program with samples as rows: every array with an entry for each unit and sample is stored transposed.

BLAS is fastest where the longer side of a result is the one whose entries follow each other in
memory. In wide layers there are more units than samples in a batch.
"""

from __future__ import annotations

from dataclasses import replace

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.index import Tensor
from derive.targets.numpy.fast.lines import Line, Ones, Straight
from derive.targets.numpy.fast.transposes import transposed

#: Layers of so many units are wide.
WIDE = 512
#: What has a transpose that is written with the same nodes.
_NODES = (
    *(mx.Array, mx.Transpose, mx.Product, mx.Hadamard, mx.Plus, mx.Scale, mx.Map, mx.Power),
    *(mx.Number, mx.Broadcast, mx.SumOver, mx.Part),
)


def with_rows(made: Straight, program: ArrayProgram) -> Straight:
    """The program with samples as rows, if most weights are those of wide layers, and if all forms can be turned."""
    nodes = (node for line in made.lines for node in mx.walk(line.form))
    batches = [t for t in (*program.inputs, *(line.target for line in made.lines)) if any(a.sample for a in t.axes)]
    if not all(isinstance(node, _NODES) for node in nodes) or any(len(t.axes) == 1 for t in batches):
        return made
    return _turned(made) if _is_wide(made, program) else made


def _is_wide(made: Straight, program: ArrayProgram) -> bool:
    """Whether the extents of all parameters are known, and most numbers lead to wide layers."""
    shapes = [mx.Array(parameter).shape for parameter in program.parameters]
    if not all(side.is_Integer for shape in shapes for side in shape):
        return False
    sizes = [(int(units), int(units * others)) for units, others in shapes]
    return 2 * sum(size for units, size in sizes if units >= WIDE) > sum(size for _, size in sizes)


def _turned(made: Straight) -> Straight:
    lines = tuple(map(_line, made.lines))
    ones = {name: Ones(row_major(o.whole), o.first, o.ones) for name, o in made.ones.items()}
    return replace(made, lines=lines, ones=ones, rows=True)


def row_major(tensor: Tensor) -> Tensor:
    """The tensor with its samples as the first axis, if it has samples as the second."""
    if [axis.sample for axis in tensor.axes] != [False, True]:
        return tensor
    about = None if tensor.about is None else row_major(tensor.about)
    return replace(tensor, axes=tensor.axes[::-1], about=about)


def _line(line: Line) -> Line:
    target, form = row_major(line.target), _form(line.form)
    return replace(line, target=target, form=form if target.axes == line.target.axes else transposed(form))


def _form(node: mx.Node) -> mx.Node:
    """The same value, in terms of what is stored with samples as rows."""
    if isinstance(node, mx.Array):
        stored = mx.Array(row_major(node.tensor))
        return node if stored == node else mx.Transpose(stored)
    inner = tuple(map(_form, mx.children(node)))
    if isinstance(node, mx.Transpose):
        return transposed(inner[0])
    if isinstance(node, mx.SumOver) and node.axis is None:  # in either order
        return mx.SumOver(transposed(inner[0]), None)
    return mx.rebuilt(node, inner)
