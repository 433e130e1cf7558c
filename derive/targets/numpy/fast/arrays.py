"""The rewritten statements as calls of NumPy on arrays that are made once.

Every array is made in ``setup``; the loop over the batches holds nothing but calls that
write into them. What differs from batch to batch (the data, and what the error is computed
from) lies in one array for many batches, so that the errors of all of them are computed at
once, after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Symbol

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.functions import X
from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.targets.names import CodeNames
from derive.targets.numpy.fast.code import ALL, Code, Place, Source, numbers_of
from derive.targets.numpy.fast.forms import entries
from derive.targets.numpy.fast.instructions import Instruction, call, filled, make
from derive.targets.numpy.fast.lines import Line, Straight, signed
from derive.targets.numpy.fast.updates import UpdatePrinter
from derive.targets.numpy.printer import quoted

#: From how many numbers on the first block is put off, for batches of one sample.
SLOW = 8_192


def arrays(
    made: Straight, program: ArrayProgram, codes: CodeNames, functions: Mapping[Any, str], put_off: bool = False
) -> tuple[Code, Mapping[Symbol, str]]:
    """Print a rewritten program, and say how its widths are called there; ``codes`` are the names in the module.

    With ``put_off``, for batches of one sample, the first block is changed only after many
    batches (``can_put_off`` says whether that is possible).
    """
    printer = _Printer(made, program, codes, functions, put_off)
    return printer.run(), printer.widths


def can_put_off(made: Straight, program: ArrayProgram) -> bool:
    """Whether the first block is read by one product with the inputs, and updated by one, and is large.

    Its update by a batch of one sample costs as much as all of the rest. With W = W0 - sum
    of d_s x_s^T over the batches before, W x = W0 x - sum of d_s (x_s^T x): the products of
    the inputs with each other and with W0 are computed for many batches at once.
    """
    first, slope = made.blocks[0], made.gradients[0]
    readers = made.readers.get(first.name, [])
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
    return all(s.is_Integer for s in sizes) and entries(first) >= SLOW and isinstance(line.form.left, mx.Array)


class _Printer(UpdatePrinter):
    """Prints a whole program: where everything lies, the lines in their order, the error after many batches."""

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
            self._compute(self.error.form, Place("errors", ()), numbers_of([self.error]), self.code.after)
            self.code.setup.append(make("errors", "np.empty(slots, dtype)"))
        else:
            self.code.errors = f"{self.name(self.error.target)}{ALL}"
        self.code.functions = tuple(sorted(self.used))
        return self.code

    def _blocks(self) -> None:
        """The learned blocks, side by side in one array, and their gradients in another."""
        shapes, names, slopes = [], [], []
        for block, gradient in zip(self.made.blocks, self.made.gradients, strict=True):
            turned = block.role == Role.WEIGHT and len(block.axes) == 2
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
                self.places[name] = Place(view, (place.shape[0], self._text(stored.count)), place.turned)
        for parameter in self.program.parameters:
            self._passed(parameter, f"parameters[{quoted(parameter.name)}]", self.made.stored[parameter.name].sign)

    def _passed(self, tensor: Tensor, outside: str, sign: int) -> None:
        """How a parameter comes in and goes out."""
        place = self.places[tensor.name]
        turn, minus = ".T" if place.turned else "", "-" if sign < 0 else ""
        self.code.load.append(filled(place.code, f"{minus}{outside}{turn}"))
        self.code.store.append(Instruction(f"{outside}[...] = {minus}{place.code}{turn}", frozenset({place.code})))

    def _block_name(self, tensor: Tensor) -> str:
        """The names of what a block holds, one after the other."""
        held = [n for n, s in self.made.stored.items() if s.whole == tensor]
        return "_".join(self.names[n] for n in held)

    def _data(self) -> None:
        """The inputs, turned as they come, with their ones if they have any; and the targets."""
        x, y = self.program.inputs
        ones = self.made.ones.get(x.name)
        whole = ones.whole if ones is not None else x
        shape = self._shape(mx.Array(whole))
        self._kept("X", f"np.ones((slots, {shape[1]}, {shape[0]}), dtype)")
        self.places[whole.name] = Place("X", shape, turned=True, batch=True)
        if ones is not None:
            self.code.input_ones = ones.ones
            inner = self._shape(mx.Array(x))
            last = ":-1" if ones.ones else "1:"
            if x.name in self.made.readers:
                self.places[x.name] = Place(self._named("X", f"[:, {last}]", "X_inner"), inner, turned=True, batch=True)
        targets = self._shape(mx.Array(y))
        self._kept("Y", f"np.zeros((slots, {targets[0]}, {targets[1]}), dtype)")
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
                self.code.setup.append(make(code, f"np.ones({self._array_shape(shape, False)}, dtype)"))
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
            self.code.setup.append(make(names[0], f"np.ones({shapes[0]}, dtype)"))
            self.code.setup.append(make(results[0], f"np.empty({shapes[0]}, dtype)"))
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

    def _line(self, line: Line) -> None:
        if line.target.name in self.groups:
            self._grouped(line)
            return
        self._compute(line.form, self._place(line), numbers_of([line]), self.code.loop)
        if line.target.role == Role.POWERS:
            return
        readers = self.made.readers.get(line.target.name, [])
        if line.stage == "forward" and any(reader.target.role == Role.POWERS for reader in readers):
            self._guard(line)

    def _keep_factor(self) -> None:
        """The factor of the first block's gradient, kept for every batch."""
        own = next(s for s in self.made.lines if s.target == self.made.gradients[0])
        assert isinstance(own.form, mx.Product) and isinstance(own.form.left, mx.Array)
        factor = own.form.left.tensor
        shape, code = self._shape(own.form.left), self.name(factor)
        self._kept(code, f"np.zeros((slots, {shape[0]}, {shape[1]}), dtype)")
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
        units = place.shape[0]
        fresh = (self._fresh(hint) for hint in ("rows", "starts", "alike", "alike_dot", "earlier", "off"))
        rows, starts, alike, alike_dot, earlier, off = fresh
        starts_all = f"{starts}{ALL}"
        setup, n = self.code.setup, self._counter
        setup.append(make(rows, f"X{ALL}.reshape(slots, -1)", f"X{ALL}"))
        setup.append(make(starts_all, f"np.empty((slots, {units}), dtype)"))
        setup.append(make(alike, "np.empty((slots, slots), dtype)"))
        setup.append(make(off, f"np.empty({units}, dtype)"))
        flat = self._named(place.code, ".reshape(-1)", f"{place.code}_flat")
        every = f"{steps}{ALL}"
        self.code.batch[starts] = Source(f"list({starts_all})", frozenset({starts_all}))
        dots = f"[{alike}[{n}, :{n}].dot for {n} in range(slots)]"
        self.code.batch[alike_dot] = Source(dots, frozenset({alike}))
        before = f"[{every}.reshape(slots, -1)[:{n}] for {n} in range(slots)]"
        self.code.batch[earlier] = Source(before, frozenset({every}))
        self.code.before += [
            Instruction(f"{rows}.dot({block}, {starts_all})", frozenset({rows, block, starts_all})),
            Instruction(f"{rows}.dot({rows}.T, {alike})", frozenset({rows, alike})),
        ]
        number = numbers_of([line])
        self.used.add("subtract")
        self.code.loop.append(self._times(alike_dot, earlier, off, number))
        self.code.loop.append(call("subtract", starts, off, flat, numbers=number))
        own = next(s for s in self.made.lines if s.target == slope)
        last = f"{rows}[:count].T.dot({every}.reshape(slots, -1)[:count], {change})"
        self.code.behind += [
            Instruction(last, frozenset({rows, every, change}), numbers=numbers_of([own])),
            call("subtract", block, change, block),
        ]
        return True

    def _guard(self, line: Line) -> None:
        """Before an exponential that could overflow: a step with large numbers is left to the readable rendering."""
        code = self.places[line.target.name].code
        flat = self._named(code, ".ravel()", f"{code}_flat")
        bound = self._bound(flat)
        # the sum of squares is cheap, and says it for nearly all batches; the largest entry says it for the rest
        test = f"if not ({bound}({flat}) < limit * limit or np.abs({flat}).max() < limit):"
        self.code.loop.append(Instruction(test, frozenset({bound, flat}), more=("count = done", "break")))
        self.code.guarded = True

    def _grouped(self, line: Line) -> None:
        flat, result, form = self.groups.pop(line.target.name)
        if not any(g[1] == result for g in self.groups.values()):
            sign, inner = signed(form.arguments[0], {})
            assert isinstance(inner, mx.Array)
            numbers = numbers_of([next(s for s in self.made.lines if s.target == line.target)])
            self._write(
                form.function.definition.xreplace({X: sign * X}), {X: flat}, result, "like", numbers, self.code.loop
            )


def _read(node: mx.Node) -> Tensor:
    (found,) = (n.tensor for n in mx.walk(node) if isinstance(n, mx.Array))
    return found
