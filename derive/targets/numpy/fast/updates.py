"""The step of the parameters as calls: for all at once, where they have one rule and lie side by side."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, Symbol

from derive.arrays import matrix as mx
from derive.calculus.index import Tensor
from derive.calculus.roles import Role
from derive.targets.numpy.fast.code import Place, numbers_of
from derive.targets.numpy.fast.forms import FormPrinter
from derive.targets.numpy.fast.instructions import Instruction, filled, make
from derive.targets.numpy.fast.lines import Line
from derive.targets.numpy.printer import quoted


class UpdatePrinter(FormPrinter):
    """Prints the step of the parameters: their rule, what the optimizer keeps, the numbers of a step."""

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

    def _kind(self, node: mx.Node, owner: Tensor) -> Symbol:
        """What a tensor of the update is to its parameter."""
        assert isinstance(node, mx.Array)
        if node.tensor.role == Role.GRADIENT:
            return Symbol("gradient", real=True)
        if self._owner(node.tensor) is None:
            return node.tensor.symbol
        return Symbol(self._kind_of(node.tensor, owner), real=True)

    def _kind_of(self, tensor: Tensor, owner: Tensor) -> str:
        return "parameter" if tensor.stored == owner else tensor.stored.role

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
        return numbers_of(found)

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
                outside = f"state[{quoted(state.name)}]"
                self.code.load.append(filled(view, f"{outside}{turn}"))
                self.code.store.append(Instruction(f"{outside}[...] = {view}{turn}", frozenset({view})))
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

    def _number(self, line: Line) -> None:
        """A number of the update, such as the rate of this step; one that is a state is counted on."""
        for name in sorted(line.reads):
            state = next((s for s in self.states if s.name == name), None)
            if state is not None and name not in self.places:
                self._keep_number(state)
        if old := line.target.replaces:
            self.places[line.target.name] = self.places[old.name]
        place = self._place(line)
        if any(isinstance(n, mx.SumOver) for n in mx.walk(line.form)):
            self._compute(line.form, place, numbers_of([line]), self.code.loop)
        else:
            self._otherwise(line.form, place, numbers_of([line]), self.code.loop)

    def _keep_number(self, state: Tensor) -> None:
        """A state that is one number for all parameters: in float64, since it may count far."""
        code = self.name(state)
        self.code.setup.append(make(code, "np.zeros((), np.float64)"))
        self.places[state.name] = Place(code, ())
        outside = f"state[{quoted(state.name)}]"
        self.code.load.append(filled(code, f"{outside}.reshape(())"))
        self.code.store.append(Instruction(f"{outside}[...] = {code}", frozenset({code})))
