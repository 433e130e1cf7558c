"""The rewritten statements as calls of NumPy on arrays that are made once.

Every array is made in ``setup``; the loop over the batches holds nothing but calls that
write into them. What differs from batch to batch (the data, and what the error is computed
from) lies in one array for many batches, so that the errors of all of them are computed at
once, after them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sympy import Expr, Integer, Symbol

from derive import matrix as mx
from derive.functions import X
from derive.index import Tensor
from derive.optimizers import LEARNING_RATE
from derive.printers.numpy import NumPyPrinter, scalar
from derive.program import Program
from derive.straight.elementwise import Calls, computed, is_straight
from derive.straight.lines import Line, Straight, is_named, signed

#: Up to how many numbers all parameters are updated in one call; of more, each block after its gradient.
FLAT = 16_384
#: From how many numbers on the first block is put off, for batches of one sample.
SLOW = 8_192
#: The names that the template itself uses where these lines stand.
_LOCAL = frozenset(
    "np math self parameters state samples dtype m slots learned slopes errors load store set_rate take measure "
    "learning_rate count done limit X Y n rows add copyto absolute cos divide exp expm1 floor log log1p "
    "multiply negative power sign sqrt square subtract tanh fmax fmin greater greater_equal less less_equal".split()
)
#: The names of arrays that hold the data of all batches end so.
ALL = "_all"


@dataclass(frozen=True)
class Place:
    """The array that holds a tensor.

    ``shape`` is the tensor's, as code, () for a number; ``turned`` says that the array
    holds the transpose, ``batch`` that there is one for every batch.
    """

    code: str
    shape: tuple[str, ...]
    turned: bool = False
    batch: bool = False


@dataclass
class Code:
    """Finished lines of Python.

    ``setup`` makes the arrays, ``loop`` is a step, ``after`` computes the errors of all
    batches; ``batch`` are the names that change from batch to batch, with what they are
    taken from; ``rates`` sets what depends on the learning rate; ``guard`` is a condition
    that must hold in a step, at the place in the loop that its line says.
    """

    setup: list[str] = field(default_factory=list)
    loop: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    load: list[str] = field(default_factory=list)
    store: list[str] = field(default_factory=list)
    rates: list[str] = field(default_factory=list)
    batch: dict[str, str] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    input_ones: int | None = None
    guarded: bool = False
    calls: int = 0


def arrays(made: Straight, program: Program, names: Mapping[str, str], put_off: bool = False) -> Code:
    """Print a rewritten program; ``names`` are those of the tensors in code.

    With ``put_off``, for batches of one sample, the first block is changed only after many
    batches (``can_put_off`` says whether that is possible).
    """
    return _Printer(made, program, names, put_off).run()


def can_put_off(made: Straight, program: Program) -> bool:
    """Whether the first block is read by one product with the inputs, and updated by one, and is large.

    Its update by a batch of one sample costs as much as all of the rest. With W = W0 - sum
    of d_s x_s^T over the batches before, W x = W0 x - sum of d_s (x_s^T x): the products of
    the inputs with each other and with W0 are computed for many batches at once.
    """
    first, slope = made.blocks[0], made.gradients[0]
    readers = [line for line in made.lines if first.name in line.reads]
    x = made.ones.get(program.inputs[0].name)
    source = mx.Array(x.whole if x is not None else program.inputs[0])
    if not made.folded or len(readers) != 1:
        return False
    form = readers[0].form
    if not isinstance(form, mx.Product) or (form.left, form.right) != (mx.Array(first), source):
        return False
    line = next((s for s in made.lines if s.target == slope), None)
    if line is None or not isinstance(line.form, mx.Product) or line.form.right != mx.Transpose(source):
        return False
    sizes = [a.extent for p in program.parameters for a in p.axes]
    return all(s.is_Integer for s in sizes) and _count(first) >= SLOW and isinstance(line.form.left, mx.Array)


class _Printer:
    def __init__(self, made: Straight, program: Program, names: Mapping[str, str], put_off: bool) -> None:
        self.made = made
        self.put_off = put_off
        self.program = program
        #: The names in the constructor that are given, besides those of tensors.
        self.taken = {*_LOCAL, *(str(s) for s in program.extents)}
        self.names = {name: self._fresh(code) for name, code in names.items() if name in program.tensors}
        self.code = Code()
        self.places: dict[str, Place] = {}
        self.constants: dict[Expr, str] = {}
        self.factors: dict[Expr, Symbol] = {}
        self.views: dict[str, str] = {}
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
        self.waits = self._can_wait(self.error.form)
        self.waiting = self.error.reads if self.waits else {self.error.target.name}
        sizes = [axis.extent for p in program.parameters for axis in p.axes]
        count = sum(_count(p) for p in program.parameters) if all(s.is_Integer for s in sizes) else 0
        self.flat = count <= FLAT and not put_off

    def run(self) -> Code:
        """Print everything."""
        self._blocks()
        self._data()
        self._activations()
        scalars, uniform, single = self._update_rules()
        if self.put_off:
            self._keep_factor()
        for line in self.made.lines:
            if self.put_off and self._later(line):
                continue
            if line is not self.error or not self.waits:
                self._line(line)
        for line in scalars:
            self._number(line)
        self._update(uniform, single)
        if self.waits:
            self.all_batches = True
            self._compute(self.error.form, Place("errors", ()), _numbers([self.error]), self.code.after)
            self.code.setup.append("errors = np.empty(slots, dtype)")
        else:
            self.code.after.append(f"errors = {self.name(self.error.target)}{ALL}")
        self.code.functions = tuple(sorted(self.used))
        self.code.calls = sum("(" in line for line in self.code.loop)
        _drop_unread(self.code)
        return self.code

    # Names, shapes, views.

    def name(self, tensor: Tensor) -> str:
        """The name of a tensor's array."""
        if tensor.name not in self.names:
            about = tensor.about
            known = self.names.get(about.name, about.name) if about is not None else ""
            self.names[tensor.name] = self._fresh(tensor.name.replace(about.name, known) if about else tensor.name)
        return self.names[tensor.name]

    def _fresh(self, hint: str) -> str:
        """A name that nothing else has."""
        plain = "".join(c if c.isalnum() or c == "_" else "_" for c in hint)
        name, number = plain, 2
        while name in self.taken:
            name, number = f"{plain}_{number}", number + 1
        self.taken.add(name)
        return name

    def _shape(self, node: mx.Node) -> tuple[str, ...]:
        if isinstance(node, mx.SumOver) and node.axis is None:
            return ()
        if isinstance(node, mx.Array) and not node.tensor.axes and not self._is_learned(node.tensor):
            return ()
        return tuple(scalar(s).text for s in node.shape)

    def _is_learned(self, tensor: Tensor) -> bool:
        """Whether a tensor is a parameter, or the gradient or the state of one: these have two sides always."""
        return self._owner(tensor) is not None and tensor.role != "factor"

    def _array_shape(self, shape: tuple[str, ...], turned: bool) -> str:
        sides = (*(("slots",) if self.all_batches else ()), *(shape[::-1] if turned else shape))
        return f"({', '.join(sides)}{',' if len(sides) == 1 else ''})"

    def _named(self, code: str, hint: str, own: bool = False) -> str:
        """A name for an array that is looked up once: a view, a bound method; ``own`` says that it is a tensor's."""
        if code not in self.views:
            hint = self.views[code] = hint if own else self._fresh(hint)
            root = code.partition(".")[0].partition("[")[0]
            if root in self.code.batch:
                self.code.batch[hint] = f"[{code} for {root} in {self._source(root)}]"
            else:
                self.code.setup.append(f"{hint} = {code}")
        return self.views[code]

    def _source(self, root: str) -> str:
        """What a name that changes from batch to batch is taken from."""
        source = self.code.batch[root]
        return f"{root}{ALL}" if source == f"{root}{ALL}" else f"{root}_views"

    # What is stored where.

    def _blocks(self) -> None:
        """The learned blocks, side by side in one array, and their gradients in another."""
        shapes, names, slopes = [], [], []
        for block, gradient in zip(self.made.blocks, self.made.gradients, strict=True):
            turned = block.role == "weight" and len(block.axes) == 2
            shape = self._shape(mx.Array(block))
            code, slope = self._fresh(self._block_name(block)), self._fresh(self._block_name(gradient))
            self.places[block.name] = Place(code, shape, turned)
            self.places[gradient.name] = Place(slope, shape, turned)
            shapes.append(self._array_shape(shape, turned))
            names.append(code)
            slopes.append(slope)
        self._side_by_side("learned", names, shapes)
        self._side_by_side("slopes", slopes, shapes)
        for name, stored in self.made.stored.items():
            if stored.count is not None:
                place = self.places[stored.whole.name]
                view = self._part(place, 1, stored.first, stored.count, self.names[name], own=True)
                self.places[name] = Place(view, (place.shape[0], scalar(stored.count).text), place.turned)
        for parameter in self.program.parameters:
            self._passed(parameter, f'parameters["{parameter.name}"]', self.made.stored[parameter.name].sign)

    def _passed(self, tensor: Tensor, outside: str, sign: int) -> None:
        """How a parameter comes in and goes out."""
        place = self.places[tensor.name]
        turn, minus = ".T" if place.turned else "", "-" if sign < 0 else ""
        self.code.load.append(f"{place.code}[...] = {minus}{outside}{turn}")
        self.code.store.append(f"{outside}[...] = {minus}{place.code}{turn}")

    def _block_name(self, tensor: Tensor) -> str:
        """The names of what a block holds, one after the other."""
        held = [n for n, s in self.made.stored.items() if s.whole == tensor]
        return "_".join(self.names[n] for n in held)

    def _side_by_side(self, flat: str, names: list[str], shapes: list[str]) -> None:
        listed = ", ".join(names) + ("," if len(names) == 1 else "")
        self.code.setup.append(f"{flat}, ({listed}) = _side_by_side(dtype, {', '.join(shapes)})")

    def _data(self) -> None:
        """The inputs, turned as they come, with their ones if they have any; and the targets."""
        x, y = self.program.inputs
        ones = self.made.ones.get(x.name)
        whole = ones.whole if ones is not None else x
        shape = self._shape(mx.Array(whole))
        self.code.batch["X"] = f"X{ALL}"
        self.code.setup.append(f"X{ALL} = np.ones((slots, {shape[1]}, {shape[0]}), dtype)")
        self.places[whole.name] = Place("X", shape, turned=True, batch=True)
        if ones is not None:
            self.code.input_ones = ones.ones
            inner = self._shape(mx.Array(x))
            last = ":-1" if ones.ones else "1:"
            read = any(x.name in line.reads for line in self.made.lines)
            if read:
                self.places[x.name] = Place(self._named(f"X[:, {last}]", "X_inner"), inner, turned=True, batch=True)
        self.code.batch["Y"] = f"Y{ALL}"
        targets = self._shape(mx.Array(y))
        self.code.setup.append(f"Y{ALL} = np.zeros((slots, {targets[0]}, {targets[1]}), dtype)")
        self.places[y.name] = Place("Y", targets, batch=True)

    def _activations(self) -> None:
        """Activations with ones below them, side by side if their slopes are one function of them."""
        slopes: dict[Any, list[Line]] = {}
        for line in self.made.stage("slope"):
            assert isinstance(line.form, mx.Map)
            slopes.setdefault(line.form.function, []).append(line)
        for lines in slopes.values():
            sources = [self._whole(_read(line.form)) for line in lines]
            if any(s.name in self.places or s.name in self.waiting for s in sources) or len({*sources}) < len(sources):
                continue
            self._group(lines, sources)
        for ones in self.made.ones.values():
            if ones.whole.name not in self.places:
                shape = self._shape(mx.Array(ones.whole))
                code = self._fresh(self._one_name(ones.whole))
                self.places[ones.whole.name] = Place(code, shape)
                self.code.setup.append(f"{code} = np.ones({self._array_shape(shape, False)}, dtype)")
        computed_here = {line.target.name: line.target for line in self.made.stage("forward", "error")}
        for name, ones in self.made.ones.items():
            if name in computed_here and name not in self.places:
                place = self.places[ones.whole.name]
                count = computed_here[name].axes[0].extent
                view = self._part(place, 0, ones.first, count, self.name(computed_here[name]), own=True)
                self.places[name] = Place(view, self._shape(mx.Array(computed_here[name])))

    def _one_name(self, whole: Tensor) -> str:
        for line in self.made.stage("forward"):
            ones = self.made.ones.get(line.target.name)
            if ones is not None and ones.whole == whole:
                return f"{self.name(line.target)}_1"
        return self.name(whole)

    def _whole(self, tensor: Tensor) -> Tensor:
        ones = self.made.ones.get(tensor.name)
        return ones.whole if ones is not None else tensor

    def _group(self, lines: list[Line], sources: list[Tensor]) -> None:
        """Sources of one function side by side, and what it makes of them too."""
        number = len({g[1] for g in self.groups.values()}) + 1
        flat, result = f"sources_{number}", f"results_{number}"
        names, results, shapes = [], [], []
        for line, source in zip(lines, sources, strict=True):
            inner = _read(line.form)
            code = self.name(inner) if source == inner else self._fresh(self._one_name(source))
            shape = self._shape(mx.Array(source))
            made = f"slope_{code}"
            self.places[source.name] = Place(code, shape)
            place = Place(made, shape)
            ones = self.made.ones.get(inner.name)
            names.append(code)
            results.append(made)
            shapes.append(self._array_shape(shape, False))
            self.places[line.target.name] = place if ones is None else Place(made, self._shape(mx.Array(inner)))
            self.groups[line.target.name] = (flat, result, line)
        if len(names) == 1:
            self.code.setup.append(f"{names[0]} = np.ones({shapes[0]}, dtype)")
            self.code.setup.append(f"{results[0]} = np.empty({shapes[0]}, dtype)")
            flat, result = names[0], results[0]
        else:
            self._side_by_side(flat, names, shapes)
            self._side_by_side(result, results, shapes)
        for line, made, source in zip(lines, results, sources, strict=True):
            self.groups[line.target.name] = (flat, result, line.form)
            ones = self.made.ones.get(_read(line.form).name)
            if ones is not None:
                whole = Place(made, self._shape(mx.Array(source)))
                count = _read(line.form).axes[0].extent
                view = self._part(whole, 0, ones.first, count, f"{made}_inner")
                self.places[line.target.name] = Place(view, self._shape(mx.Array(_read(line.form))))

    def _place(self, line: Line) -> Place:
        """Where a line writes; made now if it is nowhere yet."""
        tensor = line.target
        if tensor.name in self.places:
            return self.places[tensor.name]
        shape = self._shape(mx.Array(tensor))
        code = self.name(tensor)
        if tensor.name in self.waiting:
            self.code.batch[code] = f"{code}{ALL}"
            sides = ", ".join(("slots", *shape))
            self.code.setup.append(f"{code}{ALL} = np.zeros(({sides}{',' if not shape else ''}), dtype)")
            if not shape:
                self.code.batch[code] = f"[{code}{ALL}[n : n + 1].reshape(()) for n in range(slots)]"
            place = Place(code, shape, batch=True)
        elif (heir := self._heir(line)) is not None:
            place = heir
        else:
            self.code.setup.append(f"{code} = np.empty({self._array_shape(shape, False)}, dtype)")
            place = Place(code, shape)
        self.places[tensor.name] = place
        return place

    def _number(self, line: Line) -> None:
        """A number of the update, such as the rate of this step; one that is a state is counted on."""
        for name in sorted(line.reads):
            state = next((s for s in self.states if s.name == name), None)
            if state is not None and name not in self.places:
                self._keep_number(state)
        about = line.target.about
        if line.target.role == "updated" and about is not None:
            self.places[line.target.name] = self.places[about.name]
        place = self._place(line)
        if any(isinstance(n, mx.SumOver) for n in mx.walk(line.form)):
            self._compute(line.form, place, _numbers([line]), self.code.loop)
        else:
            self._otherwise(line.form, place, _numbers([line]), self.code.loop)

    def _keep_number(self, state: Tensor) -> None:
        """A state that is one number for all parameters: in float64, since it may count far."""
        code = self.name(state)
        self.code.setup.append(f"{code} = np.zeros((), np.float64)")
        self.places[state.name] = Place(code, ())
        self.code.load.append(f'{code}[...] = state["{state.name}"].reshape(())')
        self.code.store.append(f'state["{state.name}"][...] = {code}')

    def _given(self) -> str:
        """The learning rate as it is given, for the numbers of a step."""
        if "given" not in self.views:
            self.views["given"] = self._fresh("given")
            self.code.setup.append(f"{self.views['given']} = np.zeros((), np.float64)")
            self.code.rates.append(f"{self.views['given']}[...] = learning_rate")
        return self.views["given"]

    def _heir(self, line: Line) -> Place | None:
        """The place of the activation that is all that reads a pre-activation: computed where it stood."""
        readers = [other for other in self.made.lines if line.target.name in other.reads]
        if len(readers) != 1 or not isinstance(readers[0].form, mx.Map) or self._shape(mx.Array(line.target))[0] == "1":
            return None
        place = self.places.get(readers[0].target.name)
        return place if place is not None and not place.batch else None

    # Lines.

    def _line(self, line: Line) -> None:
        if line.target.name in self.groups:
            self._grouped(line)
            return
        self._compute(line.form, self._place(line), _numbers([line]), self.code.loop)
        if line.target.role == "powers":
            return
        powers = [o for o in self.made.lines if o.target.role == "powers" and line.target.name in o.reads]
        if line.stage == "forward" and powers:
            self._guard(line)

    def _keep_factor(self) -> None:
        """The factor of the first block's gradient, kept for every batch."""
        own = next(s for s in self.made.lines if s.target == self.made.gradients[0])
        assert isinstance(own.form, mx.Product) and isinstance(own.form.left, mx.Array)
        factor = own.form.left.tensor
        shape, code = self._shape(own.form.left), self.name(factor)
        self.code.batch[code] = f"{code}{ALL}"
        self.code.setup.append(f"{code}{ALL} = np.zeros((slots, {shape[0]}, {shape[1]}), dtype)")
        self.places[factor.name] = Place(code, shape, batch=True)

    def _later(self, line: Line) -> bool:
        """Write what a line becomes where the first block is put off; whether it is such a line."""
        first, slope = self.made.blocks[0], self.made.gradients[0]
        if line.target == slope:
            return True
        if first.name not in line.reads:
            return False
        block, change = self.places[first.name].code, self.places[slope.name].code
        factor = next(s.form.left for s in self.made.lines if s.target == slope and isinstance(s.form, mx.Product))
        assert isinstance(factor, mx.Array)
        steps = self.places[factor.tensor.name].code
        place = self._place(line)
        rows = place.shape[0]
        setup = self.code.setup
        setup.append(f"rows = X{ALL}.reshape(slots, -1)")
        names = {hint: self._fresh(hint) for hint in ("starts", "starts_all", "alike", "alike_dot", "earlier", "off")}
        setup.append(f"{names['starts_all']} = np.empty((slots, {rows}), dtype)")
        setup.append(f"{names['alike']} = np.empty((slots, slots), dtype)")
        setup.append(f"{names['off']} = np.empty({rows}, dtype)")
        flat = self._named(f"{place.code}.reshape(-1)", f"{place.code}_flat")
        self.code.batch[names["starts"]] = f"list({names['starts_all']})"
        self.code.batch[names["alike_dot"]] = f"[{names['alike']}[n, :n].dot for n in range(slots)]"
        self.code.batch[names["earlier"]] = f"[{steps}{ALL}.reshape(slots, -1)[:n] for n in range(slots)]"
        self.code.before += [f"rows.dot({block}, {names['starts_all']})", f"rows.dot(rows.T, {names['alike']})"]
        number = _numbers([line])
        self.code.loop.append(_numbered(f"{names['alike_dot']}({names['earlier']}, {names['off']})", number))
        self.code.loop.append(_numbered(f"subtract({names['starts']}, {names['off']}, {flat})", number))
        own = next(s for s in self.made.lines if s.target == slope)
        last = f"rows[:count].T.dot({steps}{ALL}.reshape(slots, -1)[:count], {change})"
        self.code.behind += [_numbered(last, _numbers([own])), f"subtract({block}, {change}, {block})"]
        return True

    def _guard(self, line: Line) -> None:
        """Before an exponential that could overflow: a step with large numbers is left to the readable rendering."""
        code = self.places[line.target.name].code
        flat = self._named(f"{code}.ravel()", f"{code}_flat")
        bound = self._bound(flat)
        # the sum of squares is cheap, and says it for nearly all batches; the largest entry says it for the rest
        test = f"if not ({bound}({flat}) < limit * limit or np.abs({flat}).max() < limit):"
        self.code.loop += [test, "    count = done", "    break"]
        self.code.guarded = True

    def _grouped(self, line: Line) -> None:
        flat, result, form = self.groups.pop(line.target.name)
        if not any(g[1] == result for g in self.groups.values()):
            sign, inner = signed(form.arguments[0], {})
            assert isinstance(inner, mx.Array)
            numbers = _numbers([next(s for s in self.made.lines if s.target == line.target)])
            self._write(
                form.function.definition.xreplace({X: sign * X}), {X: flat}, result, "like", numbers, self.code.loop
            )

    def _compute(self, form: mx.Node, place: Place, numbers: str, lines: list[str]) -> None:
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
        busy = set(operands.values())
        for symbol, node in leaves.items():
            if symbol in viewed:
                continue
            free = place.code not in operands.values() and not apart and (place.shape or not self.all_batches)
            same = free and self._shape(node) == place.shape
            into = place if same else self._scratch_place(self._shape(node), place.turned, busy)
            busy.add(into.code)
            self._leaf_into(node, into, numbers, lines)
            operands[symbol] = self._as_number(into.code, into.shape, place)
        self._write(
            expression, operands, place.code, self._array_shape(place.shape, place.turned), numbers, lines, apart
        )

    def _as_number(self, code: str, shape: tuple[str, ...], place: Place) -> str:
        """An array of one entry as a number, if what is computed is one."""
        if shape != ("1", "1") or place.shape or self.all_batches:
            return code
        return self._named(f"{code}.reshape(())", f"{code}_number")

    def _write(
        self,
        expression: Expr,
        operands: Mapping[Symbol, str],
        into: str,
        shape: str,
        numbers: str,
        lines: list[str],
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
            return self._named(f"np.full({key}, {scalar(value).text}, dtype)", f"full{len(self.views) + 1}")

        found: list[str] = []
        Calls(found, self._constant, scratch, mask, full, self.used, apart, spare).write(expression, operands, into)
        lines += [_numbered(text, numbers) for text in found]

    def _make(self, shape: str, kind: str) -> str:
        name = self._fresh("mask" if kind == "bool" else f"t{sum(map(len, self.spare.values())) + 1}")
        self.code.setup.append(f"{name} = np.empty({shape}, {kind})")
        return name

    def _scratch_place(self, shape: tuple[str, ...], turned: bool, busy: set[str]) -> Place:
        key = self._array_shape(shape, turned)
        spare = self.spare.setdefault(key, [])
        for name in spare:
            if name not in busy:
                return Place(name, shape, turned)
        spare.append(self._make(key, "dtype"))
        return Place(spare[-1], shape, turned)

    def _constant(self, expression: Expr) -> str:
        """The array that holds a number."""
        value = expression.xreplace({symbol: number for number, symbol in self.factors.items()})
        if value not in self.constants:
            name = self._fresh({Integer(1): "one", Integer(2): "two"}.get(value, f"c{len(self.constants) + 1}"))
            self.constants[value] = name
            own = {t.symbol: Symbol(self.names[t.name]) for t in self.program.scalars if t != LEARNING_RATE}
            code = scalar(value.xreplace(own)).text
            if LEARNING_RATE.symbol in value.free_symbols:
                self.code.setup.append(f"{name} = np.empty((), dtype)")
                self.code.rates.append(f"{name}[...] = {code}")
            else:
                self.code.setup.append(f"{name} = np.array({code}, dtype)")
        return self.constants[value]

    # Formulas.

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
                return build(n.of)
            if isinstance(n, mx.Map) and is_straight(n.function):
                return _applied(n.function, [build(a) for a in n.arguments])
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

    def _operand(self, node: mx.Node, turned: bool, lines: list[str] | None = None) -> str:
        """The name of the array that a node is, or its transpose."""
        place = self._view(node)
        code = place.code + (ALL if self.all_batches and place.batch else "")
        if place.turned == turned or not place.shape:
            return code
        return self._named(f"{code}.T", f"{code}_T")

    def _view(self, node: mx.Node) -> Place:
        if isinstance(node, mx.Array):
            return self.places[node.tensor.name]
        if isinstance(node, mx.Transpose):
            of = self._view(node.of)
            return Place(of.code, of.shape[::-1], not of.turned, of.batch)
        assert isinstance(node, mx.Part)
        for name, stored in self.made.stored.items():
            if stored.node == node and name in self.places:
                return self.places[name]
        of = self._view(node.of)
        code = self._part(of, node.axis, node.first, node.count, f"{of.code}_part{len(self.views)}")
        shape = tuple(scalar(s).text for s in node.shape)
        return Place(code, shape, of.turned, of.batch and not self.all_batches)

    def _part(self, place: Place, axis: int, first: Any, count: Expr, hint: str, own: bool = False) -> str:
        """A name for some rows or columns of a place."""
        start = "" if first == 0 else scalar(Integer(first) if isinstance(first, int) else first).text
        stop = scalar(first + count).text
        code = place.code + (ALL if self.all_batches and place.batch else "")
        before = ":, " * ((axis == 1) != place.turned) + ""
        if self.all_batches and place.batch:
            before = ":, " + before
        simple = all(side.isidentifier() or side.isdigit() or not side for side in (start, stop))
        text = f"{start}:{stop}" if simple else f"{start} : {stop}".lstrip()
        return self._named(f"{code}[{before}{text}]", hint, own)

    def _leaf_into(self, node: mx.Node, place: Place, numbers: str, lines: list[str]) -> None:
        """Compute what is no formula entry by entry: a product, a sum, whatever else there is."""
        if isinstance(node, mx.Product):
            self._product_into(node, place, numbers, lines)
        elif isinstance(node, mx.SumOver) and node.axis is None:
            inner = self._computed(node.of, numbers, lines)
            self.used.add("add")
            axes = "(1, 2)" if self.all_batches else "None"
            into = place.code if not place.shape else self._named(f"{place.code}.reshape(())", f"{place.code}_number")
            lines.append(_numbered(f"add.reduce({inner}, axis={axes}, out={into})", numbers))
        elif isinstance(node, mx.SumOver):
            rows, columns = node.of.shape
            ones = mx.Broadcast(mx.Number(Integer(1)), (Integer(1), rows) if node.axis == 0 else (columns, Integer(1)))
            product = mx.Product(ones, node.of) if node.axis == 0 else mx.Product(node.of, ones)
            self._product_into(product, place, numbers, lines)
        elif isinstance(node, mx.Broadcast | mx.Repeat | mx.Hadamard | mx.Plus | mx.Scale | mx.Power):
            self._compute(node, place, numbers, lines)
        else:
            self._otherwise(node, place, numbers, lines)

    def _otherwise(self, node: mx.Node, place: Place, numbers: str, lines: list[str]) -> None:
        """A node with no calls of its own, as in the readable rendering: this allocates."""
        read = {n.tensor.name: self._read_as(n.tensor) for n in mx.walk(node) if isinstance(n, mx.Array)}
        symbols = {s for n in mx.walk(node) for s in _symbols(n)}
        read |= {t.name: self._read_as(t) for t in self.program.tensors.values() if t.symbol in symbols}
        code = NumPyPrinter(read).code(node).text
        turn = ".T" if place.turned else ""
        lines.append(_numbered(f"{place.code}{turn}[...] = {code}", numbers))

    def _read_as(self, tensor: Tensor) -> str:
        """A tensor as the readable rendering writes it."""
        if tensor == LEARNING_RATE:
            return self._given()
        if tensor in self.program.scalars:
            return self.names[tensor.name]
        return self._operand(mx.Array(tensor), False)

    def _computed(self, node: mx.Node, numbers: str, lines: list[str], busy: frozenset[str] = frozenset()) -> str:
        """The name of an array with a node's value, as it is."""
        if self._is_view(node):
            return self._operand(node, False)
        if isinstance(node, mx.Broadcast | mx.Repeat) and isinstance(node.of, mx.Number):
            shape = self._array_shape(self._shape(node), False)
            value = scalar(node.of.value).text
            hint = f"full{len(self.views) + 1}"
            return self._named(f"np.full({shape}, {value}, dtype)", hint)
        place = self._scratch_place(self._shape(node), False, set(busy))
        self._compute(node, place, numbers, lines)
        return place.code

    def _product_into(self, node: mx.Product, place: Place, numbers: str, lines: list[str]) -> None:
        """A matrix product, by the bound method of its left side; the transpose of it where that is stored."""
        left, right = node.left, node.right
        if place.turned:
            left, right = _transposed(right), _transposed(left)
        first = self._computed(left, numbers, lines)
        second = self._computed(right, numbers, lines, frozenset({first}))
        bound = self._bound(first)
        lines.append(_numbered(f"{bound}({second}, {place.code})", numbers))

    def _bound(self, first: str) -> str:
        """The bound method ``dot`` of an array: looked up once, it is the cheapest way to a product."""
        code = next((c for c, n in self.views.items() if n == first), first) if first in self.code.batch else first
        return self._named(f"{code}.dot", f"{first}_dot")

    # The error, after many batches.

    def _can_wait(self, form: mx.Node) -> bool:
        """Whether the error can be computed for many batches at once: entry by entry, then summed."""
        if not isinstance(form, mx.SumOver) and not self._summed(form):
            return False
        for node in mx.walk(form):
            if isinstance(node, mx.Array):
                tensor = node.tensor
                if len(tensor.axes) != 2 or not tensor.axes[1].sample or tensor.role == "input":
                    return False
            elif isinstance(node, mx.SumOver):
                if node.axis is not None:
                    return False
            elif isinstance(node, mx.Part):
                if node.axis != 0 or not isinstance(node.of, mx.Array):
                    return False
            elif not isinstance(node, mx.Hadamard | mx.Plus | mx.Scale | mx.Map | mx.Power | mx.Number | mx.Broadcast):
                return False
        return True

    def _summed(self, node: mx.Node) -> bool:
        """Whether a number: sums of all entries, scaled and added."""
        if isinstance(node, mx.SumOver):
            return node.axis is None
        return isinstance(node, mx.Plus | mx.Scale | mx.Number) and all(self._summed(c) for c in mx.children(node))

    # The update.

    def _update_rules(self) -> tuple[list[Line], list[tuple[str, Expr]] | None, dict[str, list[tuple[str, Expr]]]]:
        """The lines of the update that belong to no parameter, and the rule of all parameters, or of each."""
        rules: dict[str, list[tuple[str, Expr]]] = {p.name: [] for p in self.program.parameters}
        if self.made.folded:
            parameter, gradient = (Symbol(kind, real=True) for kind in ("parameter", "gradient"))
            return [], [("parameter", parameter - gradient)], rules
        scalars = []
        for line in self.made.updates:
            owner = self._owner(line.target)
            if owner is None:
                scalars.append(line)
                continue
            expression, leaves = self._cluster(line.form)
            kinds = {symbol: self._kind(node, owner) for symbol, node in leaves.items()}
            rules[owner.name].append((self._kind_of(line.target, owner), expression.xreplace(kinds)))
            self.entrywise |= {self._kind_of(line.target, owner)} | {s.name for s in kinds.values()}
        self.entrywise -= {t.name for t in self.rates}
        different = {tuple(rule) for rule in rules.values()}
        return scalars, [*different.pop()] if len(different) == 1 else None, rules

    def _owner(self, tensor: Tensor) -> Tensor | None:
        """The parameter that a tensor of the update belongs to."""
        while tensor.about is not None and tensor not in self.program.parameters:
            tensor = tensor.about
        return tensor if tensor in self.program.parameters else None

    def _kind(self, node: mx.Node, owner: Tensor) -> Symbol:
        """What a tensor of the update is to its parameter."""
        assert isinstance(node, mx.Array)
        if node.tensor.role == "gradient":
            return Symbol("gradient", real=True)
        if self._owner(node.tensor) is None:
            return node.tensor.symbol
        return Symbol(self._kind_of(node.tensor, owner), real=True)

    def _kind_of(self, tensor: Tensor, owner: Tensor) -> str:
        if tensor == owner or (tensor.role == "updated" and tensor.about == owner):
            return "parameter"
        state = tensor.about if tensor.role == "updated" and tensor.about is not None else tensor
        return state.name.replace(owner.name, "").strip("_")

    def _update(self, rule: list[tuple[str, Expr]] | None, rules: Mapping[str, list[tuple[str, Expr]]]) -> None:
        """The step of every parameter: of all at once, if they have one rule and lie side by side."""
        if rule is not None and self.flat:
            kinds = {"parameter": "learned", "gradient": "slopes"}
            for kind in self._kinds(rule):
                kinds[kind] = self._beside(kind)
            self._apply(rule, kinds, "like")
            return
        pairs = list(zip(self.made.blocks, self.made.gradients, strict=True))[self.put_off :]
        units = (
            [(b, g) for b, g in pairs] if rule is not None else [(p, self._slope(p)) for p in self.program.parameters]
        )
        for block, gradient in units:
            place = self.places[block.name]
            one = rule if rule is not None else rules[block.name]
            kinds = {"parameter": place.code, "gradient": self.places[gradient.name].code}
            for kind in self._kinds(one):
                self._beside(kind)
                kinds[kind] = self._kind_view(kind, block)
            self._apply(one, kinds, self._array_shape(place.shape, place.turned))

    def _slope(self, parameter: Tensor) -> Tensor:
        return next(s.target for s in self.program.stage("gradient") if s.target.about == parameter)

    def _kinds(self, rule: list[tuple[str, Expr]]) -> list[str]:
        """What else a rule keeps of every parameter, besides the parameter and its gradient."""
        found = dict.fromkeys(kind for kind, _ in rule)
        for _, expression in rule:
            found.update(dict.fromkeys(sorted(s.name for s in expression.free_symbols if s.name in self.entrywise)))
        return [kind for kind in found if kind not in ("parameter", "gradient")]

    def _apply(self, rule: list[tuple[str, Expr]], kinds: Mapping[str, str], shape: str) -> None:
        operands = {Symbol(kind, real=True): code for kind, code in kinds.items()}
        operands |= {t.symbol: self.places[t.name].code for t in self.rates if t.name in self.places}
        for kind, expression in rule:
            self._write(expression, operands, kinds[kind], shape, self._numbers_of(kind), self.code.loop)

    def _numbers_of(self, kind: str) -> str:
        """The numbers of the equations of one kind, for all parameters."""
        found = []
        for line in self.made.updates:
            owner = self._owner(line.target)
            if owner is not None and self._kind_of(line.target, owner) == kind:
                found.append(line)
        return _numbers(found)

    def _beside(self, kind: str) -> str:
        """An array laid out as the parameters are: a state of the optimizer, or a step towards it."""
        if kind in self.beside:
            return self.beside[kind]
        code = self.beside[kind] = self._fresh(kind)
        shapes, names = [], []
        for block in self.made.blocks:
            place = self.places[block.name]
            names.append(f"{code}_{place.code}")
            shapes.append(self._array_shape(place.shape, place.turned))
        self._side_by_side(code, names, shapes)
        for state in self.states:
            owner = self._owner(state)
            if owner is not None and self._kind_of(state, owner) == kind:
                turn = ".T" if self.places[owner.name].turned else ""
                view = self._kind_view(kind, owner, self.names[state.name])
                self.code.load.append(f'{view}[...] = state["{state.name}"]{turn}')
                self.code.store.append(f'state["{state.name}"][...] = {view}{turn}')
        return code

    def _kind_view(self, kind: str, tensor: Tensor, name: str = "") -> str:
        """The part of such an array that belongs to a block or to a parameter."""
        stored = self.made.stored.get(tensor.name)
        whole = self.places[tensor.name if stored is None else stored.whole.name]
        place = Place(f"{self.beside[kind]}_{whole.code}", whole.shape, whole.turned)
        if stored is None or stored.count is None:
            return place.code
        hint = name or f"{kind}_{self.names[tensor.name]}"
        return self._part(place, 1, stored.first, stored.count, hint, own=bool(name))


def _numbers(lines: tuple[Line, ...] | list[Line]) -> str:
    """The numbers of some equations, as they follow each other."""
    found = sorted(n for line in lines for n in line.numbers)
    steps = {later - n for n, later in pairwise(found)}
    if len(found) > 4 and len(steps) == 1:
        middle = "" if steps == {1} else f" ({found[1]})"
        return f"({found[0]}){middle} to ({found[-1]})"
    return " ".join(f"({n})" for n in found)


def _drop_unread(code: Code) -> None:
    """Take out what is named and never read."""
    text = "\n".join([*code.before, *code.loop, *code.behind, *code.after, *code.load, *code.store, *code.rates])
    read = set(re.findall(r"[A-Za-z_]\w*", text)) | {"learned", "errors", f"X{ALL}", f"Y{ALL}"}
    views = {}
    for name, source in reversed(code.batch.items()):
        if name in read:
            views[name] = source
            read |= set(re.findall(r"[A-Za-z_]\w*", source))
    code.batch = dict(reversed(views.items()))
    kept = []
    for line in reversed(code.setup):
        left, _, right = line.partition(" = ")
        if read & set(re.findall(r"[A-Za-z_]\w*", left)):
            whole, comma, parts = line.partition(", (")
            kept.append(line if whole in read or not comma else f"_, ({parts}")
            read |= set(re.findall(r"[A-Za-z_]\w*", right))
    code.setup = kept[::-1]


def _read(node: mx.Node) -> Tensor:
    (found,) = (n.tensor for n in mx.walk(node) if isinstance(n, mx.Array))
    return found


def _product(factors: list[Expr]) -> Expr:
    value: Expr = Integer(1)
    for factor in factors:
        value = value * factor
    return value


def _applied(function: Any, arguments: list[Expr]) -> Expr:
    if not is_named(function):
        return function(*arguments)
    return computed(function).xreplace(dict(zip((X, *function.others), arguments, strict=True)))


def _symbols(node: mx.Node) -> set[Symbol]:
    """The symbols that stand in a node itself."""
    if isinstance(node, mx.Scale):
        return set(node.factor.free_symbols)
    return set(node.value.free_symbols) if isinstance(node, mx.Number) else set()


def _transposed(node: mx.Node) -> mx.Node:
    return node.of if isinstance(node, mx.Transpose) else mx.Transpose(node)


def _count(tensor: Tensor) -> int:
    count = 1
    for axis in tensor.axes:
        count *= int(axis.extent)
    return count


def _numbered(text: str, numbers: str) -> str:
    return f"{text}  # {numbers}" if numbers else text
