"""Describe drawings in words, as alternative text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sympy import Expr, Integer

from derive.drawing.columns import Column
from derive.drawing.graph import Graph
from derive.drawing.highlight import Highlight
from derive.drawing.names import counted
from derive.drawing.plan import Plan
from derive.statement.describe import described

if TYPE_CHECKING:
    from derive.derived import Derived


def unit_words(derivation: Derived, plan: Plan) -> str:
    """Describe the network, the meaning of the parts, and what is omitted."""
    first = "A network of plain layers." if derivation.network is None else described(derivation.network)
    found = [first, "Units are circles, one column for each layer; lines are weights."]
    found += _constants(plan)
    if any(column.mixes for column in plan.columns):
        found.append("Dashed lines carry no weight: that activation reads all sums of its layer.")
    return " ".join([*found, *_left_out(plan)])


def _constants(plan: Plan) -> list[str]:
    """Describe the units that feed the biases."""
    if not any(column.has_constant for column in plan.columns):
        return []
    with_one = {column.number for column in plan.columns if column.has_constant}
    if with_one == {column.number for column in plan.columns} - {plan.columns[-1].number}:
        return ["Above each layer but the last stands a unit that is always 1; it feeds the biases."]
    return ["A unit that is always 1, where it stands above a layer, feeds the biases of the next."]


def _left_out(plan: Plan) -> list[str]:
    parts = [_drawn(c) for c in plan.columns if None in c.slots]
    found = [f"Of the units are drawn: {'; '.join(parts)}."] if parts else []
    count = sum(plan.gaps)
    return [*found, f"{counted(Integer(count), 'layer is', 'layers are')} left out."] if count else found


def _drawn(column: Column) -> str:
    shown = sum(place is not None for place in column.slots)
    what = "inputs" if column.number == 0 else f"of {column.tensor.name}"
    return f"{what}, {shown} of {column.tensor.axes[0].extent}"


def graph_words(derivation: Derived, graph: Graph) -> str:
    """Describe the tensors in order and the meaning of the arrows."""
    names = [e.target.name for e in derivation.forward.equations]
    listed = ", ".join(names if len(names) <= 20 else [*names[:10], "...", *names[-5:]])
    found = [
        f"A box for each tensor, in the order of computation: {listed}.",
        "An arrow leads from what is read to what reads it; the parameters that a tensor reads stand beside it.",
    ]
    if graph.back:
        found.append("An arrow back leads to what reads a tensor at another step.")
    if graph.left_out:
        found.append(f"{counted(Integer(len(graph.left_out)), 'box', 'boxes')} in the middle are left out.")
    return " ".join(found)


def followed(highlight: Highlight, count: Expr | None) -> str:
    """Describe what is highlighted."""
    if count is None:
        return f"Highlighted are {highlight} and every path from it to the loss."
    return f"Highlighted are {highlight} and {counted(count, 'path', 'paths')} from it to the loss."
