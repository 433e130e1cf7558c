"""The rewritten statements as calls of NumPy.

What outlives a step lies in arrays that are made once: all that is learned side by side, what
the optimizer keeps of it, the data of many batches, and what the error is computed from, so
that the errors of all of them are computed at once, after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sympy import Add, Expr, Integer, Symbol

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.learning.optimizers import LEARNING_RATE
from derive.targets.names import CodeNames
from derive.targets.numpy.code import quoted
from derive.targets.numpy.fast.code import ALL, Code, numbers_of
from derive.targets.numpy.fast.forms import FormPrinter, can_wait
from derive.targets.numpy.fast.formulas import NotStraight
from derive.targets.numpy.fast.lines import Line, Straight
from derive.targets.numpy.fast.order import Change, one_by_one
from derive.targets.numpy.fast.transposes import transposed

#: From how many numbers on the first block is put off, for batches of one sample.
SLOW = 8_192
#: What stands for each parameter, and for its gradient, in a rule of the step.
_EACH, _SLOPE = (Tensor(f"each {kind}", Role.PLAIN, ()) for kind in ("parameter", "gradient"))


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
    first, ones = mx.Array(made.blocks[0]), made.ones.get(program.inputs[0].name)
    source = mx.Array(program.inputs[0] if ones is None else ones.whole)
    readers = made.readers.get(made.blocks[0].name, [])
    if not made.folded or len(readers) != 1 or not isinstance(form := readers[0].form, mx.Product):
        return False
    if form.right != source or form.left not in (first, mx.Transpose(first)) or _factor(made) is None:
        return False
    rows, columns = first.shape
    return bool(rows.is_Integer and columns.is_Integer and rows * columns >= SLOW)


def _factor(made: Straight) -> mx.Array | None:
    """The factor of the first block's gradient beside the inputs, if that is a product of these."""
    slope = next((s.form for s in made.lines if s.target == made.gradients[0]), None)
    sides = (slope.left, transposed(slope.right)) if isinstance(slope, mx.Product) else ()
    own = [side for side in sides if isinstance(side, mx.Array) and side.tensor.role == Role.FACTOR]
    return own[0] if len(own) == 1 and all(isinstance(side, mx.Array) for side in sides) else None


class _Printer(FormPrinter):
    """Prints a whole program: where everything lies, the lines in their order, the error after many batches."""

    def run(self) -> Code:
        """Print everything."""
        self.rules: dict[Tensor, list[Line]] = {}
        made, code = self.made, self.code
        error = made.stage("error")[-1]
        fixed = [t.symbol for t in self.program.scalars if t != LEARNING_RATE]
        late = [line.target.symbol for line in made.stage("forward", "error") if not line.target.axes]
        code.waits = can_wait(error.form, fixed, late)
        order = None if self.put_off else one_by_one(made, [s for s in made.updates if self.owner(s.target) is None])
        code.in_turn = order is not None
        self._blocks()
        self._data()
        computed = [line.target for line in made.stage("forward", "shared", "error")]
        for tensor in computed:
            if tensor.name in (error.reads if code.waits else {error.target.name}) and tensor.name not in self.places:
                self.keep(tensor)
        grouped = self._slopes()
        self._activations(computed)
        if self.put_off and (factor := _factor(made)) is not None:
            self.keep(factor.tensor)
        for line in order or made.lines:
            if isinstance(line, Change):
                self._change(line)
            elif self.put_off and made.blocks[0].name in line.reads:
                self._put_off(line)
            elif not (code.waits and line is error) and not (self.put_off and line.target == made.gradients[0]):
                if line.target.role == Role.POWERS:
                    self._guard(line)
                for one in grouped.get(line.target.name, [line]):
                    self.write(one.target, one.form, numbers_of(one))
        if order is None:
            self._update()
        self.all_batches = True
        if code.waits:
            code.after.append(f"errors: Array = {self.value(error.form, code.after, '')}{numbers_of(error)}")
            if not error.reads & self.kept:
                raise NotStraight("an error that reads no batch")
        code.after.append(f"return {'errors' if code.waits else self.view(mx.Array(error.target))}")
        return code

    # Where everything lies.

    def _blocks(self) -> None:
        """The learned blocks, side by side in one array; their gradients in another, or in turn in the same memory."""
        for whole, blocks in (("learned", self.made.blocks), ("slopes", self.made.gradients)):
            for block in blocks:
                held = [self.names[n] for n, s in self.made.stored.items() if s.whole == block]
                self.places[block.name] = self.scope.fresh("_".join(held))
            maker = "one_at_a_time" if self.code.in_turn and whole == "slopes" else "side_by_side"
            self._side_by_side(whole, [self.places[b.name] for b in blocks], maker)
        for name, stored in self.made.stored.items():
            self.stored[name] = self._held(self.places[stored.whole.name], name, self.names[name])
            self.places[name] = self.stored[name] + self._turn(name)
        for parameter in self.program.parameters:
            self._passed(parameter.name, self.stored[parameter.name], f"parameters[{quoted(parameter.name)}]")

    def _turn(self, name: str) -> str:
        return ".T" if self.made.stored[name].turned else ""

    def _side_by_side(self, whole: str, parts: list[str], maker: str = "side_by_side") -> None:
        self.code.side_by_side(whole, parts, (self.sides(mx.Array(block)) for block in self.made.blocks), maker)

    def _held(self, block: str, tensor: str, name: str) -> str:
        """The part of an array, laid out as a block, that belongs to a tensor."""
        stored = self.made.stored[tensor]
        if stored.count is None:
            return block
        return self.code.make(name, f"{block}{self.slice(stored.first, stored.count, 0 if stored.turned else 1)}")

    def _passed(self, parameter: str, inside: str, outside: str) -> None:
        """How a parameter, or a state of one, comes in and goes out."""
        turn = self._turn(parameter)
        self.code.load.append(f"{inside}[...] = {outside}{turn}")
        self.code.store.append(f"{outside}[...] = {inside}{turn}")

    def _data(self) -> None:
        """The inputs, turned as they come, with their ones if they have any; what is random; all that is compared."""
        (x, *compared), setup, in_rows = self.program.inputs, self.code, self.made.rows
        ones = self.made.ones.get(x.name)
        inputs, samples = (self.text(axis.extent) for axis in x.axes)
        columns = inputs if ones is None else self.text(x.axes[0].extent + 1)
        setup.make(f"X{ALL}", f"np.ones((slots, {samples}, {columns}), dtype)")
        rows, turned = f"list(X{ALL})", f"[rows.T for rows in X{ALL}]"
        setup.batch |= {"X": rows, "X_T": turned} if in_rows else {"X": turned, "X_T": rows}
        self.places[x.name if ones is None else ones.whole.name] = "X"
        if ones is not None:
            setup.input_ones = ones.ones
            self.places[x.name] = f"X[{':, ' * self.units}{':-1' if ones.ones else '1:'}]"
        sides = [mx.Array(tensor).shape for tensor in compared]
        outputs = self.text(Add(*(rows for rows, _ in sides)))
        shape = f"{samples}, {outputs}" if in_rows else f"{outputs}, {samples}"
        setup.make(f"Y{ALL}", f"np.zeros((slots, {shape}), dtype)")
        by_rows = f"Y{ALL}.transpose(0, 2, 1)"
        setup.targets = f"Y{ALL}" if in_rows else setup.make(self.scope.fresh("Y_by_rows"), by_rows)
        first: Expr = Integer(0)
        for tensor, (count, _) in zip(compared, sides, strict=True):
            several = self.scope.fresh("targets") if tensor.role == Role.TARGET else self.name(tensor)
            name = "Y" if len(compared) == 1 else several
            if len(compared) > 1:
                setup.make(f"{name}{ALL}", f"Y{ALL}{self.slice(first, count, 1 + self.units)}")
            setup.batch[name] = f"list({name}{ALL})"
            self.places[tensor.name] = name
            self.kept.add(tensor.name)
            first += count

    def _slopes(self) -> dict[str, list[Line]]:
        """Activations of one function side by side, and their slopes; the lines that compute these, by tensors."""
        found: dict[str, list[Line]] = {}
        alike: dict[Any, list[Line]] = {}
        for line in self.made.stage("slope"):
            source = line.target.about
            assert isinstance(line.form, mx.Map) and source is not None
            if source.name not in self.places:
                alike.setdefault(line.form.function, []).append(line)
        for function, lines in alike.items():
            if len(lines) < 2:
                continue
            sources, slopes = self.scope.fresh("sources"), self.scope.fresh("slopes_of_sources")
            shapes, views = [], []
            wholes: list[str] = []
            names: list[str] = []
            for line in lines:
                source = line.target.about
                assert source is not None
                ones = self.made.ones.get(source.name)
                whole = source if ones is None else ones.whole
                wholes.append(self.name(source) if ones is None else self.scope.fresh(f"{self.name(source)}_1"))
                names.append(self.scope.fresh(f"slope_{wholes[-1]}"))
                shapes.append(self.sides(mx.Array(whole)))
                self.places |= {whole.name: wholes[-1], line.target.name: names[-1]}
                found[line.target.name] = []
                if ones is not None:
                    views.append(
                        (
                            line.target,
                            f"{names[-1]}{self.slice(ones.first, source.axes[self.units].extent, self.units)}",
                        )
                    )
            self.code.side_by_side(sources, wholes, shapes)
            self.code.side_by_side(slopes, names, shapes)
            self.places |= {tensor.name: self.code.make(self.name(tensor), view) for tensor, view in views}
            both = tuple(replace(lines[0].target, name=f"all {name}", role=Role.PLAIN) for name in (sources, slopes))
            self.places |= {tensor.name: name for tensor, name in zip(both, (sources, slopes), strict=True)}
            form = mx.Map(function, (mx.Array(both[0]),))
            numbers = tuple(n for line in lines for n in line.numbers)
            found[lines[0].target.name] = [replace(lines[0], target=both[1], form=form, numbers=numbers)]
        return found

    def _activations(self, computed: list[Tensor]) -> None:
        """Activations within arrays with a row of ones."""
        for tensor in computed:
            ones = self.made.ones.get(tensor.name)
            if ones is None or tensor.name in self.places:
                continue
            if ones.whole.name not in self.places:
                name = self.places[ones.whole.name] = self.scope.fresh(f"{self.name(tensor)}_1")
                self.code.make(name, f"np.ones({self.sides(mx.Array(ones.whole))}, dtype)")
            part = self.slice(ones.first, tensor.axes[self.units].extent, self.units)
            self.places[tensor.name] = self.code.make(self.name(tensor), f"{self.places[ones.whole.name]}{part}")
            if self.made.rows:
                self.apart.add(self.places[tensor.name])

    # Lines of a kind of their own.

    def _guard(self, line: Line) -> None:
        """Before an exponential that could overflow: a step with large numbers is left to the readable rendering."""
        assert isinstance(line.form, mx.Map)
        z = self.view(line.form.arguments[0])
        flat = self.scope.fresh(f"{z}_flat")
        # the sum of squares is cheap, and says it for nearly all batches; the largest entry says it for the rest
        test = f"{flat}.dot({flat}) < limit * limit or np.abs({flat}).max() < limit"
        self.code.loop += [f"{flat} = {z}.ravel()", f"if not ({test}):", "    count = done", "    break"]
        self.code.guarded = True

    def _put_off(self, line: Line) -> None:
        """The product of the first block with the inputs, where it is changed after many batches."""
        first, slope, code, factor = self.made.blocks[0], self.made.gradients[0], self.code, _factor(self.made)
        assert isinstance(line.form, mx.Product) and factor is not None
        block, turned = self.places[first.name], isinstance(line.form.left, mx.Transpose)
        steps, units = f"{self.places[factor.tensor.name]}{ALL}", self.text(factor.shape[0])
        hints = ("rows", "starts", "alike", "earlier", "factors")
        rows, starts, alike, earlier, factors = (self.scope.fresh(hint) for hint in hints)
        code.make(rows, f"X{ALL}.reshape(slots, -1)")
        code.make(factors, f"{steps}.reshape(slots, -1)")
        code.make(f"{starts}{ALL}", f"np.empty((slots, 1, {units}), dtype)")
        code.make(f"{alike}{ALL}", "np.empty((slots, slots), dtype)")
        code.batch[starts] = f"list({starts}{ALL})"
        code.batch[alike] = f"[{alike}{ALL}[n : n + 1, :n] for n in range(slots)]"
        code.batch[earlier] = f"[{factors}[:n] for n in range(slots)]"
        code.before += [
            f"{rows}.dot({block}{'' if turned else '.T'}, {starts}{ALL}.reshape(slots, -1))",
            f"{rows}.dot({rows}.T, {alike}{ALL})",
        ]
        code.used.add("subtract")
        if line.target.name not in self.places:
            self.local[line.target.name] = self.name(line.target)
        into = self.view(mx.Array(line.target))
        value = f"subtract({starts}, {alike}.dot({earlier})).T"
        line_ = f"{into} = {value}" if line.target.name in self.local else f"{into}[...] = {value}"
        code.loop.append(f"{line_}{numbers_of(line)}")
        own = next(s for s in self.made.lines if s.target == slope)
        sides = (rows, factors) if turned else (factors, rows)
        change = f"{sides[0]}[:count].T.dot({sides[1]}[:count])"
        code.behind.append(f"subtract({block}, {change}, {block}){numbers_of(own)}")

    # The step.

    def _begin_update(self) -> None:
        """Compute what belongs to no parameter; find the rule of each, in terms of what stands for any."""
        rules: dict[Tensor, list[Line]] = {p: [] for p in self.program.parameters}
        for line in self.made.updates:
            owner = self.owner(line.target)
            if owner is not None:
                form = self._of_each(line.form, owner)
                rules[owner].append(replace(line, target=_each(line.target, owner), form=form))
            else:
                self._number(line)
        if self.made.folded:
            step = mx.Plus((mx.Array(_EACH), mx.Scale(Integer(-1), mx.Array(_SLOPE))))
            rules = {p: [replace(line, form=step) for line in rule] for p, rule in rules.items()}
        for state in self.program.states:
            if (owner := self.owner(state)) is not None:
                self._keep_state(_each(state, owner).name, state, owner)
        self.rules = rules

    def _update(self) -> None:
        """The step of all parameters."""
        self._begin_update()
        start = ""
        if self.put_off:
            rows, columns = mx.Array(self.made.blocks[0]).shape
            start = f"[{self.text(rows * columns)}:]"
        self._change_all(list(self.program.parameters), {_EACH.name: f"learned{start}", _SLOPE.name: f"slopes{start}"})

    def _change(self, change: Change) -> None:
        """The step of the parameters of one block."""
        if not self.rules:
            self._begin_update()
        block = change.block.name
        held = [p for p in self.program.parameters if self.made.stored[p.name].whole == change.block]
        states = {_each(s, o).name for s in self.program.states if (o := self.owner(s)) is not None}
        places = {each: self.places[f"{each} {block}"] for each in states}
        slope = self.places[change.gradient.name]
        self._change_all(held, {_EACH.name: self.places[block], _SLOPE.name: slope, **places})

    def _change_all(self, parameters: list[Tensor], places: Mapping[str, str]) -> None:
        """The step of some parameters: at once, in these places, if they have one rule."""
        rules = {p: self.rules[p] for p in parameters}
        if len({tuple((line.target, line.form) for line in rule) for rule in rules.values()}) == 1:
            self.places |= places
            for same in zip(*rules.values(), strict=True):
                self.write(same[0].target, same[0].form, numbers_of(*same))
            return
        slopes = {s.target.about: s.target.name for s in self.program.stage("gradient")}
        for owner, rule in rules.items():
            self.places |= {_EACH.name: self.stored[owner.name], _SLOPE.name: self.stored[slopes[owner]]}
            held = {_each(s, owner).name: s.name for s in self.program.states if self.owner(s) == owner}
            self.places |= {each: self.stored[name] for each, name in held.items()}
            for line in rule:
                self.write(line.target, line.form, numbers_of(line))

    def shape(self, target: Tensor, form: mx.Node) -> str:
        """The shape of what is computed; that of all parameters, or of many slopes, is that of their array."""
        if target.name.startswith("each "):
            return f"{self.places[_EACH.name]}.shape"
        return f"{self.places[target.name]}.shape" if target.name.startswith("all ") else super().shape(target, form)

    def _of_each(self, node: mx.Node, owner: Tensor) -> mx.Node:
        """A rule in terms of what stands for the arrays of any parameter."""
        if isinstance(node, mx.Array) and self.owner(node.tensor) is not None:
            return mx.Array(_each(node.tensor, owner))
        if isinstance(node, mx.Broadcast | mx.Repeat):
            return self._of_each(node.of, owner)
        if isinstance(node, mx.SumOver):  # the arrays of a step have other axes
            raise NotStraight("an update that sums over an axis")
        return mx.rebuilt(node, tuple(self._of_each(c, owner) for c in mx.children(node)))

    def _keep_state(self, each: str, state: Tensor, owner: Tensor) -> None:
        """An array laid out as the parameters are, with what the optimizer keeps of them."""
        if each not in self.places:
            whole = self.places[each] = self.scope.fresh(each.removeprefix("each "))
            parts = [self.scope.fresh(f"{whole}_{self.places[block.name]}") for block in self.made.blocks]
            self.places |= {f"{each} {b.name}": part for b, part in zip(self.made.blocks, parts, strict=True)}
            self._side_by_side(whole, parts)
        part = self.places[f"{each} {self.made.stored[owner.name].whole.name}"]
        self.stored[state.name] = self._held(part, owner.name, self.names[state.name])
        self._passed(owner.name, self.stored[state.name], f"state[{quoted(state.name)}]")

    def _number(self, line: Line) -> None:
        """A number of the update, such as the rate of this step; one that is a state is counted on in float64."""
        for state in self.program.states:
            if state.name in line.reads and self.owner(state) is None and state.name not in self.places:
                name = self.places[state.name] = self.code.make(self.name(state), "np.zeros((), np.float64)")
                outside = f"state[{quoted(state.name)}]"
                self.code.load.append(f"{name}[...] = {outside}.reshape(())")
                self.code.store.append(f"{outside}[...] = {name}")
        old = line.target.replaces
        if old is not None:
            self.places[line.target.name] = self.places[old.name]
        elif line.target.name not in self.places:
            dtype = "np.float64" if line.target.role == Role.SQUARE_NORM else "dtype"
            self.places[line.target.name] = self.code.make(self.name(line.target), f"np.empty((), {dtype})")
        self.wide = line.target.role == Role.SQUARE_NORM
        sums = not self.wide and any(isinstance(n, mx.SumOver) for n in mx.walk(line.form))
        value = self.value(line.form, self.code.loop, numbers_of(line)) if sums else self.readable(line.form)
        self.code.loop.append(f"{self.places[line.target.name]}[...] = {value}{numbers_of(line)}")


def _each(tensor: Tensor, owner: Tensor) -> Tensor:
    """What stands for a tensor that is kept or computed of every parameter."""
    if tensor.role == Role.GRADIENT:
        return _SLOPE
    return _EACH if tensor.stored == owner else Tensor(f"each {tensor.stored.role}", Role.PLAIN, ())
