"""Code of the functions along an axis, such as softmax and log-sum-exp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from sympy import Symbol, exp

from derive.arrays import matrix as mx
from derive.arrays import named as nx
from derive.arrays.along import RULES, computed, name_along
from derive.arrays.lift import lift
from derive.arrays.lower import lowered
from derive.calculus.index import Axis, Equation, Index, IndexSupply, Tensor
from derive.record import record
from derive.targets.numpy.library import NUMPY, Library
from derive.targets.numpy.printer import NumPyPrinter

_ROWS = Axis(Symbol("n", integer=True, positive=True))
_COLUMNS = Axis(Symbol("m", integer=True, positive=True), sample=True)
#: The functions by their names in code: the rule, and the axis (0: each column, 1: each row, -1: the last of any axes).
ALONG = {name_along(title, axis): (rule, axis) for title, rule in RULES.items() for axis in (0, 1, -1)}
#: What the docstring says of the axis.
_WORDS = {0: "", 1: "; along each row", -1: "; along the last axis"}


@record
class FunctionCode:
    """A function of the module: name, arguments, docstring, lines of the body, and the functions that it calls."""

    name: str
    arguments: tuple[str, ...]
    what: str
    lines: tuple[str, ...]
    calls: frozenset[str]


@cache
def function_along(name: str, library: Library = NUMPY) -> FunctionCode:
    """Return the code of the function with this name."""
    rule, axis = ALONG[name]
    indices = (Index("i", _ROWS), Index("u", _COLUMNS))
    tensors = {a: Tensor(a, "argument", (_ROWS, _COLUMNS)) for a in rule.arguments}
    node = rule.node(*(t[indices] for t in tensors.values()), indices[axis])
    free = tuple(i for i in indices if not rule.reduces or i != indices[axis])
    target = Tensor("result", "result", tuple(i.axis for i in free))
    form = lift(Equation(target, free, computed(node, IndexSupply("s"))), tensors)
    return FunctionCode(
        name,
        rule.arguments,
        f"{rule.summary}{_WORDS[axis]}.",
        _body(form := _along_last(lowered(form)) if axis < 0 else lowered(form), rule.arguments, library),
        frozenset(n.name for n in mx.walk(form) if isinstance(n, mx.Call)),
    )


def _along_last(form: mx.Node) -> mx.Node:
    """The same along the last axis instead of along rows, which is their last axis."""
    node = mx.rebuilt(form, tuple(map(_along_last, mx.children(form))))
    if isinstance(node, mx.Largest | mx.IsLargest | mx.SumOver) and node.axis == 1:
        return replace(node, axis=-1)
    if isinstance(node, mx.Fold):
        node = replace(node, axis=-1)
    if isinstance(node, mx.Call):
        node = replace(node, name=name_along(ALONG[node.name][0].title, -1))
    return node


def called_in(form: mx.Node) -> set[str]:
    """Return the names of the functions along an axis that a form calls."""
    found = {node.name for node in mx.walk(form) if isinstance(node, mx.Call)}
    formulas = (node.named for node in mx.walk(form) if isinstance(node, mx.Formula))
    return found | {name_along(n.title, -1) for f in formulas for n in nx.walk(f) if isinstance(n, nx.Along)}


def with_those_called(names: Iterable[str]) -> set[str]:
    """Return the names of functions along an axis and of all functions that they call."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += function_along(name).calls
    return found


def _body(form: mx.Node, arguments: tuple[str, ...], library: Library) -> tuple[str, ...]:
    """The lines of the body; values that are read twice, and the positions of the largest entries, get names."""
    counts = Counter(mx.walk(form))
    names = {a: a for a in arguments}
    made: dict[mx.Node, mx.Node] = {}
    lines: list[str] = []

    printer = NumPyPrinter(names, {}, {}, kind=f"{arguments[0]}.dtype", library=library)

    def named(node: mx.Node) -> mx.Node:
        if node in made:
            return made[node]
        inner = mx.rebuilt(node, tuple(named(c) for c in mx.children(node)))
        hint = _hint(node)
        if not hint or (counts[node] < 2 and not isinstance(node, mx.IsLargest)):
            return inner
        name = next(n for n in (hint, *(f"{hint}_{k}" for k in range(2, 9))) if n not in names)
        names[name] = name
        lines.append(f"{name}: Array = {printer.code(inner).text}")
        made[node] = mx.Array(Tensor(name, "part", tuple(Axis(extent) for extent in node.shape)))
        return made[node]

    last = printer.code(named(form)).text
    return (*lines, f"result: Array = {last}", "return result")


def _hint(node: mx.Node) -> str:
    """The name of an intermediate value; empty if it needs none."""
    if isinstance(node, mx.Map) and node.function is exp:
        return "powers"
    kinds = {mx.IsLargest: "top", mx.Largest: "largest", mx.Plus: "shifted", mx.Call: "shares", mx.SumOver: "total"}
    return kinds.get(type(node), "")
