"""The program's statements, rewritten for speed: still equations, still in matrix form.

Nothing here is derived anew and nothing is approximated: names are given to what is
stored (a weight with its bias), and every statement is written in terms
of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from sympy import Expr, Integer, exp, log

from derive.arrays import matrix as mx
from derive.arrays.exact import recognise
from derive.arrays.lift import ArrayAssign, ArrayProgram
from derive.arrays.lower import lowered
from derive.calculus.functions import A, X, elementwise, output_form
from derive.calculus.index import Axis, Tensor
from derive.learning.optimizers import LEARNING_RATE
from derive.record import record
from derive.targets.numpy.fast.formulas import NotStraight, computed, is_named, is_straight
from derive.targets.numpy.fast.transposes import transposed

MINUS = Integer(-1)
Value = TypeVar("Value")
#: BLAS has kernels of their own for products of smaller weights with few samples: to these, transposes cost nothing.
LARGE_WEIGHT = 32_768
#: Up to here, exponentials neither overflow nor lose digits, in float64 and in float32.
LIMIT, LIMIT_FLOAT32 = 300.0, 77.0


@record
class Line:
    """``target = form``, and the numbers of the equations that it computes."""

    target: Tensor
    form: mx.Node
    numbers: tuple[int, ...]
    stage: str

    @property
    def reads(self) -> frozenset[str]:
        """The names of the tensors in the form."""
        return mx.arrays_read(self.form)


@record
class Stored:
    """Where a tensor is kept: in ``whole``, or in ``count`` columns of it from ``first`` on; if ``turned``, in rows."""

    whole: Tensor
    first: Any = 0
    count: Expr | None = None
    turned: bool = False

    @property
    def part(self) -> mx.Node:
        """What is kept."""
        whole, axis = mx.Array(self.whole), 0 if self.turned else 1
        return whole if self.count is None else mx.Part(whole, axis, self.first, self.count)

    @property
    def node(self) -> mx.Node:
        """The tensor in terms of what is kept."""
        return mx.Transpose(self.part) if self.turned else self.part


@record
class Ones:
    """A tensor that lies in ``whole`` from row ``first`` on, beside a row ``ones`` of ones."""

    whole: Tensor
    first: int
    ones: int


@record
class Straight:
    """The rewritten program.

    ``blocks`` are the tensors that are learned and ``gradients`` theirs, in the same order;
    ``stored`` says where each parameter and each gradient is; ``ones`` which activations
    have a row of ones beside them; ``updates`` are the statements of the step; with ``rows``,
    samples are rows of what is stored, and not columns.
    """

    lines: tuple[Line, ...]
    blocks: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]
    stored: Mapping[str, Stored]
    ones: Mapping[str, Ones]
    updates: tuple[Line, ...]
    folded: bool = False
    rows: bool = False

    def stage(self, *names: str) -> tuple[Line, ...]:
        """The lines of the given stages."""
        return tuple(line for line in self.lines if line.stage in names)

    @cached_property
    def readers(self) -> dict[str, list[Line]]:
        """The lines that read each tensor."""
        return grouped((name, line) for line in self.lines for name in line.reads)

    @cached_property
    def parts(self) -> dict[mx.Node, list[str]]:
        """The tensors that are each part of a block."""
        found: dict[mx.Node, list[str]] = {}
        for name, stored in self.stored.items():
            found.setdefault(stored.part, []).append(name)
        return found


def straight(program: ArrayProgram, lines: tuple[Line, ...]) -> Straight:
    """Rewrite a lifted program; ``lines`` are its statements, each in a form that is safe to compute."""
    made = _with_biases(lines, program)
    made = _with_shared(_with_softmax(_with_slopes(_with_rate(made, program), program), program), program)
    _check_names(made, program)
    return made


def _check_names(made: Straight, program: ArrayProgram) -> None:
    """Raise NotStraight if what was put together is called like something else."""
    named = dict(program.tensors)
    wholes = (ones.whole for ones in made.ones.values())
    for tensor in (*(line.target for line in made.lines), *made.blocks, *made.gradients, *wholes):
        if named.setdefault(tensor.name, tensor) != tensor:
            raise NotStraight(f"two arrays called {tensor.name}")


def line_of(statement: ArrayAssign) -> Line:
    """A statement that is yet to be rewritten."""
    form = lowered(recognise(statement.form))
    form = _of_all(form) if statement.stage == "error" else form
    return Line(statement.target, form, (statement.number,), statement.stage)


def _of_all(node: mx.Node) -> mx.Node:
    """A form with the sum of a single row as that of all entries."""
    inner = mx.rebuilt(node, tuple(map(_of_all, mx.children(node))))
    if isinstance(inner, mx.SumOver) and inner.axis == 1 and inner.of.shape[0] == 1:
        return mx.SumOver(inner.of, None)
    return inner


def grouped(pairs: Iterable[tuple[str, Value]]) -> dict[str, list[Value]]:
    """The values of each key, in their order."""
    found: dict[str, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


# Biases: a bias is one more column of its weight, and a one below the activations its input.


def _with_biases(lines: tuple[Line, ...], program: ArrayProgram) -> Straight:
    """Join each weight with its bias, where all that is said of the two can be said of them joined."""
    ones = _stacked(lines)
    slopes = {line.target.about: line for line in lines if line.stage == "gradient"}
    blocks, gradients = [], []
    stored: dict[str, Stored] = {}
    changed: dict[str, Line | None] = {}
    joins = _joins(lines, slopes, ones, program)
    taken = {join.bias for join in joins.values()}
    for parameter in (p for p in program.parameters if p not in taken):
        slope, join = slopes[parameter], joins.get(parameter)
        if join is None:
            blocks.append(parameter)
            gradients.append(slope.target)
            stored |= {parameter.name: Stored(parameter), slope.target.name: Stored(slope.target)}
            continue
        columns, other, turned = parameter.axes[1].extent, slopes[join.bias], _is_read_turned(parameter, lines)
        axes = (parameter.axes[0], Axis(columns + 1))
        name = _new_name(f"{parameter.name}_{join.bias.name}", program, blocks)
        whole = Tensor(name, "weight", axes[::-1] if turned else axes)
        d_whole = Tensor(_new_name(f"dE_d{name}", program, gradients), "gradient", whole.axes, about=whole)
        blocks.append(whole)
        gradients.append(d_whole)
        below = mx.Array(ones.setdefault(join.source.name, _with_one(join.source, program)).whole)
        for first, last, place in ((parameter, join.bias, whole), (slope.target, other.target, d_whole)):
            stored[first.name] = Stored(place, 0, columns, turned)
            stored[last.name] = Stored(place, columns, Integer(1), turned)
        forms = (
            mx.Array(whole),
            _scaled(join.scale, mx.Product(join.factor, mx.Transpose(below))),
            _placed(mx.Plus((mx.Array(slope.target), *join.more)), stored),
        )
        left, product, rest = (transposed(form) if turned else form for form in forms)
        changed |= {
            join.line.target.name: replace(join.line, form=mx.Product(left, below)),
            slope.target.name: Line(d_whole, product, (*slope.numbers, *other.numbers), "gradient"),
            other.target.name: Line(slope.target, rest, slope.numbers, "gradient") if join.more else None,
        }
    made = [changed.get(line.target.name, line) for line in lines if line.stage != "update" and not is_stack(line)]
    kept = [replace(line, form=_placed(line.form, stored)) for line in made if line is not None]
    updates = tuple(line for line in lines if line.stage == "update")
    return Straight(tuple(kept), tuple(blocks), tuple(gradients), stored, ones, updates)


def _is_read_turned(weight: Tensor, lines: tuple[Line, ...]) -> bool:
    """Whether products read the transpose of a weight as often as the weight, or the weight is not large.

    A large operand that is transposed takes longer. Where that makes no difference, the bias is
    better a row than a column: then the rest of the block is in one piece.
    """
    rows, columns = mx.Array(weight).shape
    if not (rows * columns).is_Integer or rows * columns < LARGE_WEIGHT:
        return True
    left = [n.left for line in lines for n in mx.walk(line.form) if isinstance(n, mx.Product)]
    return left.count(mx.Transpose(mx.Array(weight))) >= left.count(mx.Array(weight))


@record
class _Join:
    """A bias that can be joined to a weight: the line W A + b, and what their gradients have in common."""

    line: Line
    bias: Tensor
    source: Tensor
    factor: mx.Node
    scale: Expr
    more: tuple[mx.Node, ...]


def _joins(
    lines: tuple[Line, ...], slopes: Mapping[Any, Line], ones: Mapping[str, Ones], program: ArrayProgram
) -> dict[Tensor, _Join]:
    """The biases that can be joined to each weight."""
    found: dict[Tensor, _Join] = {}
    readers = Counter(name for line in lines if line.stage != "update" for name in line.reads)
    for line in lines:
        terms = line.form.terms if isinstance(line.form, mx.Plus) and line.stage == "forward" else ()
        products = [t for t in terms if isinstance(t, mx.Product)]
        others = [t.of if isinstance(t, mx.Broadcast) else t for t in terms if not isinstance(t, mx.Product)]
        arrays = [n.tensor for p in products for n in (p.left, p.right, *others) if isinstance(n, mx.Array)]
        if len(products) != 1 or len(others) != 1 or len(arrays) != 3:
            continue
        weight, source, bias = arrays
        known = {weight, bias} <= {*program.parameters} and weight not in found and readers[bias.name] == 1
        if known and source.axes and source.axes[-1].sample and (source.name not in ones or ones[source.name].ones):
            same = _same_factor(slopes[weight].form, slopes[bias].form, source)
            if same is not None:
                found[weight] = _Join(line, bias, source, *same)
    return found


def _same_factor(weight: mx.Node, bias: mx.Node, source: Tensor) -> tuple[mx.Node, Expr, tuple[mx.Node, ...]] | None:
    """P, c and the rest, if the gradients are c P source^T + rest and the sums of c P over the samples."""
    c, total = _unscaled(bias)
    if not isinstance(total, mx.SumOver) or total.axis != 1:
        return None
    terms = weight.terms if isinstance(weight, mx.Plus) else (weight,)
    expected = mx.Product(total.of, mx.Transpose(mx.Array(source)))
    for term in terms:
        if _unscaled(term) == (c, expected):
            return total.of, c, tuple(t for t in terms if t is not term)
    return None


def _unscaled(node: mx.Node) -> tuple[Expr, mx.Node]:
    return (node.factor, node.of) if isinstance(node, mx.Scale) else (Integer(1), node)


def _scaled(factor: Expr, node: mx.Node) -> mx.Node:
    inner, of = _unscaled(node)
    return of if factor * inner == 1 else mx.Scale(factor * inner, of)


def _new_name(wanted: str, program: ArrayProgram, others: Iterable[Tensor] = ()) -> str:
    """A name for what is put together: one that nothing else has."""
    taken = wanted in program.tensors or any(t.name == wanted for t in others)
    return _new_name(f"{wanted}_", program, others) if taken else wanted


def _with_one(source: Tensor, program: ArrayProgram) -> Ones:
    axis = source.axes[0]
    whole = Tensor(
        _new_name(f"{source.name}_1", program), "augmented", (Axis(axis.extent + 1), *source.axes[1:]), source.layer
    )
    return Ones(whole, 0, -1)


def _stacked(lines: Iterable[Line]) -> dict[str, Ones]:
    """The activations that the program itself puts below a row of ones."""
    found: dict[str, Ones] = {}
    for line in lines:
        if is_stack(line):
            assert isinstance(line.form, mx.Stack) and isinstance(line.form.blocks[1], mx.Array)
            found.setdefault(line.form.blocks[1].tensor.name, Ones(line.target, 1, 0))
    return found


def is_stack(line: Line) -> bool:
    """Whether a line puts a row of ones above an activation."""
    form = line.form
    if not isinstance(form, mx.Stack) or len(form.blocks) != 2 or line.stage != "forward":
        return False
    one, below = form.blocks
    inner = one.of if isinstance(one, mx.Broadcast | mx.Repeat) else one
    return inner == mx.Number(Integer(1)) and isinstance(below, mx.Array)


def _placed(node: mx.Node, stored: Mapping[str, Stored]) -> mx.Node:
    """Every parameter and gradient as the part of its block that it is."""
    if isinstance(node, mx.Array):
        place = stored.get(node.tensor.name)
        return place.node if place is not None else node
    inner = tuple(_placed(c, stored) for c in mx.children(node))
    return transposed(inner[0]) if isinstance(node, mx.Transpose) else mx.rebuilt(node, inner)


# The learning rate: multiplied into the first factors, it is in every gradient.


def _with_rate(made: Straight, program: ArrayProgram) -> Straight:
    """Take the learning rate, and a number that all gradients share, to where the chains begin."""
    rate = LEARNING_RATE.symbol
    gradients, factors = made.stage("gradient"), made.stage("factor")
    slopes = {s.target.about: s.target for s in program.stage("gradient")}
    if not factors or not all(_is_descent(line, slopes) for line in made.updates):
        return made
    names = {line.target.name for line in factors}
    shared = {_unscaled(line.form)[0] for line in gradients}
    parts = [_unscaled(line.form)[1] if len(shared) == 1 else line.form for line in gradients]
    seeds = [line for line in factors if not line.reads & names]
    later = [line.form for line in factors if line.reads & names]
    if not all(homogeneous(n, names) for n in (*parts, *later)):
        return made
    common = shared.pop() if len(shared) == 1 else Integer(1)
    forms = {line.target.name: _scaled(rate * common, line.form) for line in seeds}
    forms |= {line.target.name: part for line, part in zip(gradients, parts, strict=True)}
    lines = tuple(replace(line, form=forms.get(line.target.name, line.form)) for line in made.lines)
    return replace(made, lines=lines, folded=True)


def _is_descent(update: Line, slopes: Mapping[Any, Tensor]) -> bool:
    """Whether an update is w - eta * g and nothing else; ``slopes`` are the gradients of the parameters."""
    about = update.target.about
    if about is None or about not in slopes or not isinstance(update.form, mx.Plus) or len(update.form.terms) != 2:
        return False
    return set(update.form.terms) == {mx.Array(about), mx.Scale(-LEARNING_RATE.symbol, mx.Array(slopes[about]))}


def homogeneous(node: mx.Node, names: set[str]) -> bool:
    """Whether a node is linear in the named tensors together, with nothing added."""
    if isinstance(node, mx.Array):
        return node.tensor.name in names
    inner = mx.children(node)
    if isinstance(node, mx.Product | mx.Hadamard | mx.Einsum):
        depending = [n for n in inner if mx.arrays_read(n) & names]
        return len(depending) == 1 and homogeneous(depending[0], names)
    if isinstance(node, mx.Plus | mx.Transpose | mx.Part | mx.Broadcast | mx.Repeat | mx.SumOver | mx.Scale):
        return all(homogeneous(n, names) for n in inner)
    return False


# Slopes: named, so that those of several layers can be computed at once.


def _with_slopes(made: Straight, program: ArrayProgram) -> Straight:
    """Give each slope f'(z) in the backward equations a name, in terms of f(z) where it is known so."""
    stated = {d.function.title: (d.number,) for d in program.definitions}
    # an optimizer that divides by the size of the gradient needs slopes that are right even where they are
    # next to nothing: from the pre-activation, since an output that rounds to its limit has lost them
    exact = bool(program.states)
    outputs: dict[tuple[str, mx.Node], tuple[Tensor, Any]] = {}
    for line in made.stage("forward"):
        if not exact and isinstance(line.form, mx.Map) and is_named(line.form.function):
            key = (line.form.function.title, line.form.arguments[0])
            outputs[key] = (line.target, line.form.function)
    named: dict[mx.Node, Line] = {}
    lines = []
    for line in made.lines:
        if line.stage == "factor" and (slope := _one_slope(line.form)) is not None:
            numbers = stated.get(slope.function.title, ())
            new = named.setdefault(slope, _slope(slope, outputs, numbers, program))
            line = replace(line, form=swapped(line.form, slope, mx.Array(new.target)))
        lines.append(line)
    first = next((n for n, line in enumerate(lines) if line.stage == "factor"), len(lines))
    return replace(made, lines=(*lines[:first], *named.values(), *lines[first:]))


def _one_slope(form: mx.Node) -> mx.Map | None:
    """The slope that is a factor of a product entry by entry."""
    inner = form
    while isinstance(inner, mx.Scale):
        inner = inner.of
    factors = inner.factors if isinstance(inner, mx.Hadamard) else ()
    return next((f for f in factors if isinstance(f, mx.Map) and _is_slope(f)), None)


def _is_slope(node: mx.Map) -> bool:
    if not is_named(node.function) or node.function.order != 1 or len(node.arguments) != 1:
        return False
    return is_straight(node.function) and isinstance(node.arguments[0], mx.Array)


def _slope(
    node: mx.Map,
    outputs: Mapping[tuple[str, mx.Node], tuple[Tensor, Any]],
    numbers: tuple[int, ...],
    program: ArrayProgram,
) -> Line:
    """A line that computes a slope, from the output or from the pre-activation."""
    (argument,) = node.arguments
    assert isinstance(argument, mx.Array)
    source, name, value = argument.tensor, node.function.title, computed(node.function)
    output, function = outputs.get((node.function.origin, argument), (None, None))
    form = None if function is None else output_form(function)
    if output is not None and form is not None:
        source, name, value = output, f"{name}_of_output", form.xreplace({A: X}).expand()
    target = Tensor(_new_name(f"slope_of_{source.name}", program), "slope", source.axes, about=source)
    return Line(target, mx.Map(elementwise(name, value), (mx.Array(source),)), numbers, "slope")


def swapped(node: mx.Node, old: mx.Node, new: mx.Node) -> mx.Node:
    """The node with one part of it exchanged."""
    if node == old:
        return new
    return mx.rebuilt(node, tuple(swapped(c, old, new) for c in mx.children(node)))


# Softmax: its powers and their sums, so that the error needs no second exponential.


def _with_softmax(made: Straight, program: ArrayProgram) -> Straight:
    """Softmax as powers over their sums, and its logarithm from the sums."""
    lines: list[Line] = []
    sums: dict[mx.Node, Tensor] = {}
    for line in made.lines:
        form = line.form
        if isinstance(form, mx.Call) and form.name == "softmax":
            (z,) = form.arguments
            powers = replace(line.target, name=_new_name(f"powers_{line.target.name}", program), role="powers")
            total = replace(line.target, name=_new_name(f"sums_{line.target.name}", program), role="sums")
            rows = z.shape[0]
            ones = mx.Broadcast(mx.Number(Integer(1)), (rows, rows))
            sums[z] = total
            if not isinstance(z, mx.Array):  # what an exponential is taken of has a name, since it is looked at before
                name = _new_name(f"exponents_{line.target.name}", program)
                lines.append(replace(line, target=replace(line.target, name=name, role="exponents"), form=z))
                z = mx.Array(lines[-1].target)
            lines += [
                replace(line, target=powers, form=mx.Map(exp, (z,))),
                replace(line, target=total, form=mx.Product(ones, mx.Array(powers))),
            ]
            form = mx.Hadamard((mx.Array(powers), mx.Power(mx.Array(total), MINUS)))
        lines.append(replace(line, form=_logs_of_sums(form, sums)))
    return replace(made, lines=tuple(lines))


def _logs_of_sums(node: mx.Node, sums: Mapping[mx.Node, Tensor]) -> mx.Node:
    """log(softmax(z)) as z - log(sum of exp(z)), for every z whose sum is known."""
    inner = mx.rebuilt(node, tuple(_logs_of_sums(c, sums) for c in mx.children(node)))
    if isinstance(inner, mx.Call) and inner.name == "log_softmax" and inner.arguments[0] in sums:
        (z,) = inner.arguments
        row = mx.Part(mx.Array(sums[z]), 0, 0, Integer(1))
        return mx.Plus((z, mx.Scale(MINUS, mx.Broadcast(mx.Map(log, (row,)), z.shape))))
    return inner


# What the error and the factors have in common is computed once.


def _with_shared(made: Straight, program: ArrayProgram) -> Straight:
    """Name the sum that both the error and a factor read, such as the difference of output and target."""
    sums = [n for line in made.stage("factor") for n in mx.walk(line.form) if isinstance(n, mx.Plus)]
    factors = {frozenset(n.terms): n for n in sums}
    for line in made.stage("error"):
        for node in mx.walk(line.form):
            even = isinstance(node, mx.Power) and node.exponent == 2
            plus = node.base if isinstance(node, mx.Power) and even else node
            if not isinstance(plus, mx.Plus):
                continue
            terms = (plus.terms, *([tuple(_scaled(MINUS, t) for t in plus.terms)] if even else []))
            common = next((factors[frozenset(t)] for t in terms if frozenset(t) in factors), None)
            if common is not None:
                target = Tensor(_new_name("difference", program), "difference", _axes(plus, made))
                named = Line(target, common, line.numbers, "shared")
                error = replace(line, form=swapped(line.form, plus, mx.Array(target)))
                lines = [error if s is line else s for s in made.lines]
                factor = [swapped(s.form, common, mx.Array(target)) if s.stage == "factor" else s.form for s in lines]
                lines = [replace(s, form=form) for s, form in zip(lines, factor, strict=True)]
                first = next(n for n, s in enumerate(lines) if target.name in s.reads)
                return replace(made, lines=(*lines[:first], named, *lines[first:]))
    return made


def _axes(node: mx.Node, made: Straight) -> tuple[Axis, ...]:
    """The axes of a node, those of an array in it that has its shape."""
    return next(n.tensor.axes for n in mx.walk(node) if isinstance(n, mx.Array) and n.shape == node.shape)
