"""The program: all equations of learning in single assignment form, in the order of computation.

Documents and code are both printed from it. It is built in index form;
``arrays.lift`` adds an array form to each statement.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import field, fields, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from sympy import (
    Expr,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Mul,
    Pow,
    Sum,
    Symbol,
    cancel,
    exp,
    factor_terms,
    sympify,
)

from derive.calculus.chain_rule import Chains, LocalDerivative, put_in, spread_out
from derive.calculus.deltas import contract, tidy, without_equal_sums
from derive.calculus.form import nameless, of_axes, reused
from derive.calculus.forward import ForwardPass, extent_symbols, upstream_of
from derive.calculus.functions import STOP, A, Elementwise, output_form
from derive.calculus.index import (
    FIRST,
    SAMPLES,
    Axis,
    Equation,
    Index,
    IndexSupply,
    Tensor,
    free_indices,
    renamed,
    symbols_read,
)
from derive.calculus.prediction import stages
from derive.calculus.promises import shares
from derive.calculus.recurrence import Recurrence, in_order, recurrences
from derive.calculus.roles import Role
from derive.calculus.rules import (
    CANCELLED,
    COLLAPSE,
    EQUAL_SUMS,
    FACTORED,
    LOCAL,
    ONE_FRACTION,
    PLUGGED,
    REARRANGED,
    Reason,
)
from derive.calculus.running import averages
from derive.calculus.shared_factors import SharedFactor, may_serve_twice
from derive.calculus.short_forms import ShortForms
from derive.calculus.stepwise import InOrder
from derive.record import record

#: The names of shared factors, by the order of the derivatives.
FACTORS = ("Psi", "Phi", "Omega")
STAGES = ("forward", "error", "factor", "gradient", "update")


@record
class Assign:
    """One statement: an equation, its number in the derivation, and its stage.

    Updates of several parameters that are one formula share a number.
    """

    number: int
    stage: str
    equation: Equation

    @property
    def target(self) -> Tensor:
        """The tensor that the statement computes."""
        return self.equation.target


@record
class Definition:
    """An elementwise function that the statements use, with its number in the derivation."""

    number: int
    function: Any


@record
class FactorScale:
    """The scale of a notation's factors: Psi = dE/dz / (sign * [1/m]).

    ``sign`` is -1 for a notation whose delta is the negative derivative. With ``per_sample``
    the factor is the derivative of one sample's error, and the gradients take the mean over
    the samples.
    """

    sign: int = 1
    per_sample: bool = False


@record
class Passage:
    """The derivation of dE/d(tensor): its local derivatives and the steps taken.

    ``name`` is the shared factor that stands for it, up to ``Program.common``, or None.
    """

    tensor: Tensor
    indices: tuple[Index, ...]
    edges: tuple[LocalDerivative, ...]
    reasons: tuple[Reason, ...]
    name: Tensor | None = None


@record
class Program:
    """A straight-line program: statements with their inputs, parameters, states and scalars.

    ``predicted`` is the name of the tensor that the network predicts, the first of ``outputs``.
    ``states`` are kept between steps, like the parameters, and start at 0: arrays that belong to a
    parameter, numbers such as the step count, and running averages. ``constants`` are the scalars with a fixed
    value, ``starts`` the initial values of parameters, as in a ``ForwardPass``, and of running averages. A statement
    whose target has the role ``updated`` replaces the parameter or the state named by its ``about``.
    ``common`` is the number c with dE/d(tensor) = c * factor for every factor;
    ``passages`` give the derivation of each derivative of the error, from the error outward.
    """

    inputs: tuple[Tensor, ...]
    parameters: tuple[Tensor, ...]
    statements: tuple[Assign, ...]
    predicted: str
    definitions: tuple[Definition, ...] = ()
    common: Expr = field(default_factory=lambda: Integer(1))
    scalars: tuple[Tensor, ...] = ()
    passages: tuple[Passage, ...] = ()
    states: tuple[Tensor, ...] = ()
    constants: Mapping[str, Fraction] = field(default_factory=dict)
    starts: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    letters: Mapping[Axis | str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, Any]:
        """The fields of the program by name."""
        return {f.name: getattr(self, f.name) for f in fields(Program)}

    @cached_property
    def learned(self) -> tuple[Tensor, ...]:
        """The parameters that are trained."""
        found = {s.target.about for s in self.stage("gradient")}
        return tuple(p for p in self.parameters if p in found)

    @cached_property
    def sought(self) -> tuple[Tensor, ...]:
        """The inputs with respect to which the error is differentiated, too."""
        return tuple(s.target.about for s in self.stage("gradient") if s.target.about in self.inputs)

    @property
    def upstream(self) -> tuple[Tensor, ...]:
        """The given derivatives of the error with respect to outputs, if the backward pass is that of a layer alone."""
        return upstream_of(self.inputs)

    @property
    def averages(self) -> dict[str, Tensor]:
        """The running averages by the names of the tensors whose place they take in a prediction."""
        return {t.about.name: t for t in self.states if t.role == Role.RUNNING and t.about is not None}

    @cached_property
    def stopped(self) -> tuple[str, ...]:
        """The names of the tensors that are taken for constants: the derivative with respect to what they read is 0."""
        return tuple(s.target.name for s in self.statements if isinstance(s.equation.expression, STOP))

    @property
    def is_random(self) -> bool:
        """Whether a step draws something that a prediction does not."""
        return any(tensor.role == Role.RANDOM for tensor in self.inputs)

    @property
    def predicting(self) -> Program:
        """The program with running averages in the place of the values of a batch, as a prediction is computed."""
        held = self.averages
        if not held:
            return self

        def one(statement: Assign) -> Assign:
            average, equation = held.get(statement.target.name), statement.equation
            if average is None:
                return statement
            return Assign(statement.number, statement.stage, replace(equation, expression=average[equation.indices]))

        return Program(**{**self.parts, "statements": tuple(map(one, self.statements))})

    @property
    def prediction(self) -> Tensor:
        """The tensor that the network predicts."""
        return self.tensors[self.predicted]

    @cached_property
    def recurrences(self) -> tuple[Recurrence, ...]:
        """The statements that are computed together, one place of an axis after the other."""
        return recurrences([s.equation for s in self.statements])

    def stage(self, *names: str) -> tuple[Assign, ...]:
        """The statements of the given stages, in order."""
        if names not in self._of_stages:
            self._of_stages[names] = tuple(s for s in self.statements if s.stage in names)
        return self._of_stages[names]

    @cached_property
    def _of_stages(self) -> dict[tuple[str, ...], tuple[Any, ...]]:
        """The statements of the stages that have been asked for."""
        return {}

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        computed = tuple(s.target for s in self.statements)
        return {t.name: t for t in self.given + computed}

    @property
    def given(self) -> tuple[Tensor, ...]:
        """The tensors that are given, not computed: inputs, parameters, states, scalars."""
        return self.inputs + self.parameters + self.states + self.scalars

    @cached_property
    def extents(self) -> tuple[Symbol, ...]:
        """The symbolic widths without m, in the order of their first use; those of targets come last."""
        order: dict[Symbol, None] = {}
        for tensor in sorted(self.tensors.values(), key=lambda tensor: tensor.is_compared):
            for axis in tensor.axes:
                order.update(dict.fromkeys(sorted(axis.extent.free_symbols, key=str)))
        return tuple(s for s in order if s != SAMPLES)

    def check(self) -> None:
        """Check single assignment, definition before use, and that indices match the axes.

        Each parameter and each state is replaced exactly once and its old value is not read
        afterwards, so an in-place update is safe. Raises ValueError that names the statement.
        """
        self._check_assigned()
        known = {t.name for t in self.given}
        together = {name: {*r.places} for r in self.recurrences for name in r.places}
        sizes = {s.name for t in self.tensors.values() for s in extent_symbols(t)}
        unknown = sorted(set(self.constants) - {t.name for t in self.scalars})
        if unknown:
            raise ValueError(f"the constants {', '.join(unknown)} are no scalars of the program")
        for statement in self.statements:
            name = statement.target.name
            allowed = known | sizes | together.get(name, set())
            early = [r for r in symbols_read(statement.equation.expression) if r not in allowed]
            if early:
                raise ValueError(f"({statement.number}) {name} reads {', '.join(early)} before it is computed")
            _check_indices(statement)
            known.add(name)
        self._check_replaced()

    def _check_assigned(self) -> None:
        known = {t.name for t in self.given}
        for statement in self.statements:
            if statement.target.name in known:
                raise ValueError(f"({statement.number}) assigns {statement.target.name} a second time")
            known.add(statement.target.name)

    def _check_replaced(self) -> None:
        replaced: set[str] = set()
        for statement in self.statements:
            about = statement.target.replaces
            name = about.name if about else ""
            old = [r for r in symbols_read(statement.equation.expression) if r in replaced]
            if old:
                raise ValueError(f"({statement.number}) {statement.target.name} reads {old[0]} after it is replaced")
            if name and about not in self.parameters + self.states:
                raise ValueError(f"({statement.number}) replaces {name}, which is neither a parameter nor a state")
            if name in replaced:
                raise ValueError(f"({statement.number}) replaces {name} a second time")
            replaced |= {name} if name else set()
        idle = [t.name for t in self.learned + self.states if t.name not in replaced]
        if replaced and idle:
            raise ValueError(f"{idle[0]} is never replaced")


def _check_indices(statement: Assign) -> None:
    equation = statement.equation
    free = free_indices(equation.expression)
    loose = sorted(str(s) for s in free - set(equation.indices))
    if loose:
        raise ValueError(f"({statement.number}) {equation.target.name}: the indices {loose} are free on the right only")
    for index, axis in zip(equation.indices, equation.target.axes, strict=True):
        if index.axis != axis:
            raise ValueError(f"({statement.number}) {equation.target.name}: the index {index} runs over another axis")


@record
class _Backward:
    """The derivative of the error with respect to one tensor, written with the factors named so far."""

    indices: tuple[Index, ...]
    value: Expr


@record
class Updates:
    """The equations of a step in order, the states that they replace, and the scalars that they read.

    ``scalars`` are given at each step, ``constants`` have fixed values.
    """

    equations: tuple[Equation, ...]
    states: tuple[Tensor, ...]
    scalars: tuple[Tensor, ...]
    constants: Mapping[str, Fraction]


class Learning(Protocol):
    """The interface of a learning rule."""

    def updates(self, parameters: Iterable[Tensor], gradients: Iterable[Tensor], supply: IndexSupply) -> Updates:
        """Return the equations of a step; ``gradients`` are in the order of ``parameters``."""
        ...


def constant(name: str) -> Tensor:
    """Return a scalar tensor that has a fixed value."""
    return Tensor(name, "constant")


def assemble(chains: Chains, factors: tuple[SharedFactor, ...], learning: Learning, scale: FactorScale) -> Program:
    """Combine the forward equations, the factors, the gradients and the updates into one program.

    A shared factor becomes a statement, and so does one with which the equations are shorter; other factors are inlined
    where they are used and simplified there. Factors with equal expressions are merged.
    """
    forward = chains.forward
    backward = _Backwards(chains, {f.tensor.name for f in factors}, FactorScale() if forward.upstream else scale)
    psi, gradients = backward.run()
    learned = [g.target for g in gradients if g.target.about in forward.parameters]
    step = learning.updates(forward.learned, learned, forward.supply)
    constants = {**forward.constants, **step.constants}
    staged = _forward_stages(forward)
    staged += [("factor", e) for e in psi] + [("gradient", e) for e in gradients]
    staged += [("update", replace(e, target=_apart(e.target, forward.tensors))) for e in step.equations]
    taken = {*forward.tensors, *constants, *(e.target.name for _, e in staged)}
    kept = averages(forward.running, forward.equations, forward.supply, taken)
    staged += [("update", e) for e in kept.equations]
    states = (*step.states, *kept.states)
    definitions, statements = _numbered(staged, forward.parameters, states, bool(forward.upstream))
    program = Program(
        forward.inputs,
        forward.parameters,
        statements,
        forward.predictions[0].name,
        definitions,
        backward.common,
        (*step.scalars, *map(constant, constants)),
        tuple(backward.passages),
        states,
        constants,
        {**forward.starts, **{t.name: start for t, start in zip(kept.states, kept.starts, strict=True)}},
        tuple(tensor.name for tensor in forward.predictions),
        forward.letters,
    )
    program.check()
    return program


def _apart(tensor: Tensor, taken: Collection[str]) -> Tensor:
    """Rename the tensor if its name is taken."""
    name = tensor.name
    while name in taken:
        name += "_"
    return tensor if name == tensor.name else replace(tensor, name=name)


def _forward_stages(forward: ForwardPass) -> list[tuple[str, Equation]]:
    first, later = stages(forward.equations, forward.inputs)
    return [*(("forward", e) for e in first), *(("error", e) for e in later)]


def _numbered(
    staged: list[tuple[str, Equation]], parameters: tuple[Tensor, ...], states: tuple[Tensor, ...], alone: bool
) -> tuple[tuple[Definition, ...], tuple[Assign, ...]]:
    """Number everything in reading order: every f before its use, every f' between the loss and the backward pass.

    For the backward pass of a layer ``alone``, nobody reads the error and the updates: they have the last numbers.
    """
    used = _functions([e for _, e in staged])
    plain = [f for f in used if f.order == 0]
    origins = [f.title for f in plain]
    slopes = [f for f in used if f.order > 0]
    slopes.sort(key=lambda f: (f.role != "loss", origins.index(f.origin), f.order))  # those of the error come first
    before = ("forward",) if alone else ("forward", "error")
    given = sum(stage in before for stage, _ in staged)
    tensors = {t.name: t for t in (*parameters, *states, *(e.target for _, e in staged))}
    formulas = [_of_any_parameter(e, tensors, parameters) if stage == "update" else e for stage, e in staged]
    pairs = [*zip(staged, formulas, strict=True)]
    read = sorted(pairs, key=lambda pair: alone and pair[0][0] in ("error", "update"))
    order = {formula: n for n, formula in enumerate(dict.fromkeys(f for _, f in read), len(plain) + 1)}
    statements = tuple(
        Assign(order[formula] + (0 if stage in before else len(slopes)), stage, equation)
        for (stage, equation), formula in pairs
    )
    numbered = [*enumerate(plain, 1), *enumerate(slopes, len(plain) + given + 1)]
    return tuple(Definition(n, f) for n, f in numbered), statements


def _of_any_parameter(
    equation: Equation, tensors: Mapping[str, Tensor], parameters: tuple[Tensor, ...]
) -> Equation | tuple[str, Expr]:
    """Write an update with a symbol for each tensor of its parameter; equations that are then equal are one formula."""
    own, place = equation.target.owner, equation.indices
    if own not in parameters:
        return equation
    read = [tensors[name] for name in symbols_read(equation.expression) if name in tensors]
    symbols = {t[place]: Symbol(_kind(t), real=True) for t in read if t.owner == own and len(t.axes) == len(place)}
    return _kind(equation.target), equation.expression.xreplace(symbols)


def _kind(tensor: Tensor) -> str:
    """What a tensor is to its parameter, such as the new value of its mean; no tensor has such a name."""
    return "a parameter" if tensor.about is None else f"{tensor.role} of {_kind(tensor.about)}"


def _functions(equations: list[Equation]) -> list[Any]:
    """The elementwise functions that occur, in the order of their first use."""
    found: dict[Any, None] = {}
    for equation in equations:
        found.update(dict.fromkeys(sorted({type(a) for a in equation.expression.atoms(Elementwise)} - {STOP}, key=str)))
    return list(found)


class _Waiting(NamedTuple):
    """How many factors and passages there were before that of a tensor."""

    factors: int
    passages: int


class _Backwards:
    """Walks the chains from the error outward and names the shared factors."""

    def __init__(self, chains: Chains, shared: set[str], scale: FactorScale) -> None:
        self.chains = chains
        self.forward = chains.forward
        self.shared = shared
        self.scale = scale
        self.common: Expr = Integer(1)
        self.found: dict[str, _Backward] = {self.forward.error.target.name: _Backward((), Integer(1))}
        self.named: dict[Expr, Tensor] = {}
        #: The factors of a recurrence that are read before they are found, by the names of their tensors.
        self.recurring: dict[str, Tensor] = {}
        #: All tensors of factors by the names of theirs.
        self.factors: dict[str, Tensor] = {}
        for given in self.forward.upstream:
            self.named[given[tuple(_nameless(axis, n) for n, axis in enumerate(given.axes))]] = given
        self.ranges = self.forward.ranges
        self.passages: list[Passage] = []
        self.slopes = Slopes(self.forward)
        self.short = ShortForms(self.forward.equations)
        #: The factors of which it is not yet decided whether they are named, by the names of their tensors.
        self.waiting: dict[str, _Waiting] = {}

    def run(self) -> tuple[list[Equation], list[Equation]]:
        """Return the equations of the shared factors and of the gradients."""
        psi: list[Equation] = []
        for tensor in self.chains.tensors[1:]:
            self._foresee(tensor, bool(psi))
            for edge in self.chains.into(tensor):
                if (waiting := self.waiting.pop(edge.of.name, None)) and self._is_better_named(edge):
                    self._name_late(edge.of, waiting, psi)
            result, reasons = self._derivative(tensor)
            name = None
            if tensor.name in self.recurring:
                result, name = self._name(tensor, result, psi)
            elif self._waits(tensor, result):
                self.waiting[tensor.name] = _Waiting(len(psi), len(self.passages))
            elif tensor.name in self.shared:
                result, name = self._name(tensor, result, psi)
            self.passages.append(Passage(tensor, result.indices, self.chains.into(tensor), reasons, name))
            self.found[tensor.name] = result
        return [*in_order(psi)], [self._gradient(t) for t in self.forward.variables]

    def _foresee(self, tensor: Tensor, begun: bool) -> None:
        """Name the factors that the derivative with respect to a tensor reads and that are found after it.

        These are factors at other places of the axis of a recurrence.
        """
        late = [edge for edge in self.chains.into(tensor) if edge.of.name not in self.found]
        if late and not begun and not self.recurring:
            self.common = self._left_out(self._simplified(tensor)[0].value)
        for edge in late:
            of = edge.of
            factor = self.recurring[of.name] = self._factor(of)
            indices = self.forward.supply.several(of.axes)
            self.found[of.name] = _Backward(indices, self.common * factor[indices])

    def _waits(self, tensor: Tensor, found: _Backward) -> bool:
        """Whether what follows decides if a factor is named.

        It may be a sum that occurs twice there, or a quotient that cancels there, as the y/p of a cross-entropy does
        with the p of the softmax.
        """
        if not may_serve_twice(tensor, self.chains):
            return False
        (way,) = self.chains.edges[tensor.name]
        if tensor.name not in self.shared:
            return bool(found.value.has(Sum))
        return any(way.value.has(base.base) for base in _below(found.value))

    def _is_better_named(self, edge: LocalDerivative) -> bool:
        """Whether the equations are shorter with a name for the factor of a tensor than with its value."""
        plain = self.found[edge.of.name]
        factor = self._factor(edge.of)
        given = (_Backwards._is_shorter, edge.of.name in self.shared, plain.indices, plain.value, factor.symbol)
        return reused(lambda: self._is_shorter(edge, plain, factor), (*given, *self._read(edge.wrt)), self._kind)

    def _is_shorter(self, edge: LocalDerivative, plain: _Backward, factor: Tensor) -> bool:
        long = self._derivative(edge.wrt)[0].value.count_ops()
        self.found[edge.of.name] = _Backward(plain.indices, factor[plain.indices])
        short = self._derivative(edge.wrt)[0].value.count_ops()
        self.found[edge.of.name] = plain
        return bool(long >= short if edge.of.name in self.shared else long > short + plain.value.count_ops())

    def _name_late(self, tensor: Tensor, waiting: _Waiting, psi: list[Equation]) -> None:
        """Name a factor as if it had been named in its turn."""
        later = psi[waiting.factors :]
        del psi[waiting.factors :]
        self.found[tensor.name], name = self._name(tensor, self.found[tensor.name], psi)
        more = len(psi) - waiting.factors
        psi += later
        for other, turn in self.waiting.items():
            if turn.factors > waiting.factors:
                self.waiting[other] = turn._replace(factors=turn.factors + more)
        self.passages[waiting.passages] = replace(self.passages[waiting.passages], name=name)

    def _derivative(self, tensor: Tensor) -> tuple[_Backward, tuple[Reason, ...]]:
        known = (_Backwards, *self._read(tensor))
        return reused(lambda: self._simplified(tensor), known, self._kind, self.forward.supply)

    def _read(self, tensor: Tensor) -> tuple[Any, ...]:
        """All that the derivative of the error with respect to a tensor depends on."""
        read, given = set[str](), [of_axes(tensor.axes)]
        for edge in self.chains.into(tensor):
            outer = self.found[edge.of.name]
            given.append((outer.indices, outer.value, edge.of_indices, edge.wrt_indices, edge.value))
            read.update(symbols_read(outer.value), symbols_read(edge.value))
        curves = self.slopes.about(read)
        short = self.short.about(read.union(e.target.name for e in curves))
        promised = tuple(p.tensor.symbol for p in self.slopes.promises if p.tensor.name in read)
        return (*given, curves, short.form, promised)

    def _simplified(self, tensor: Tensor) -> tuple[_Backward, tuple[Reason, ...]]:
        indices = self.forward.supply.several(tensor.axes)
        value, raw = Integer(0), Integer(0)
        for edge in self.chains.into(tensor):
            if edge.of.name not in self.found:
                continue
            outer, here = self.found[edge.of.name], dict(zip(edge.wrt_indices, indices, strict=True))
            product = put_in(outer.value, outer.indices, edge)
            raw += spread_out(product, edge).xreplace(here)
            value += contract(product.xreplace(here), self.forward.supply, edge.of_indices, self.ranges)
        reasons = [Reason((LOCAL,), raw)]
        if raw.has(KroneckerDelta):
            shorter = _without_common_factors(raw)
            reasons += [Reason((CANCELLED,), shorter)] if shorter != raw else []
            reasons.append(Reason((COLLAPSE,), value))
        reasons += self.slopes.simplified(value)
        if steps := self.short.steps(reasons[-1].value):
            reasons += [*steps[:-1], Reason(steps[-1].rules, tidy(steps[-1].value))]
        return _Backward(indices, reasons[-1].value), tuple(reasons)

    def _kind(self, name: str) -> Hashable:
        """What else a result depends on: the axes of a tensor, and what is promised of it."""
        return (of_axes(self.ranges[name]), nameless(self.slopes.promises, name)) if name in self.ranges else None

    def _name(self, tensor: Tensor, found: _Backward, psi: list[Equation]) -> tuple[_Backward, Tensor]:
        if not psi and not self.recurring:
            self.common = self._left_out(found.value)
        value = tidy(found.value / self.common)
        nameless = {i: _nameless(i.axis, n) for n, i in enumerate(found.indices)}
        pattern = renamed(value, nameless)
        factor = self.named.get(pattern) if tensor.name not in self.recurring else None
        if factor is None:
            factor = self.recurring.get(tensor.name) or self._factor(tensor)
            psi.append(Equation(factor, found.indices, value, "shared factor"))
            self.short.balance(psi[-1])
            self.named[pattern] = factor
            self.named[renamed(factor[found.indices], nameless)] = factor
        return _Backward(found.indices, self.common * factor[found.indices]), factor

    def _factor(self, tensor: Tensor) -> Tensor:
        """The tensor that stands for the derivative of the error with respect to a tensor."""
        if tensor.name not in self.factors:
            name = f"{FACTORS[self.forward.order - 1]}_{tensor.name}"
            factor = _apart(Tensor(name, "factor", tensor.axes, tensor.layer, about=tensor), self.ranges)
            self.ranges[factor.name] = factor.axes
            self.factors[tensor.name] = factor
        return self.factors[tensor.name]

    def _left_out(self, value: Expr) -> Expr:
        """The number that the notation leaves out of its factors."""
        mean = Mul(*(f for f in Mul.make_args(tidy(value)) if f == 1 / SAMPLES))
        return sympify(self.scale.sign) * (mean if self.scale.per_sample else 1)

    def _gradient(self, variable: Tensor) -> Equation:
        found = self.found[variable.name]
        error = "E" if self.forward.order == 1 else self.forward.error.target.name
        gradient = Tensor(f"d{error}_d{variable.name}", "gradient", variable.axes, variable.layer, about=variable)
        return Equation(_apart(gradient, self.ranges), found.indices, tidy(found.value), "gradient")


def _nameless(axis: Axis, number: int) -> Index:
    """An index with a name that no other has."""
    return Index(f"{FIRST} {number}", axis)


def _without_common_factors(value: Expr) -> Expr:
    """Divide the terms of a sum by the entry in their denominator, if they have it in common."""
    if not isinstance(value, Sum) or not _below(value.function):
        return value
    body = factor_terms(value.function)
    return value if _below(body) else Sum(body, *value.limits)


def _below(value: Expr) -> set[Expr]:
    """The entries that a formula divides by."""
    return {p.base for p in value.atoms(Pow) if p.exp.is_negative and isinstance(p.base, Indexed)}


class Slopes:
    """Substitutes for f': its value if it is constant, or its output form if that is shorter."""

    def __init__(self, forward: ForwardPass) -> None:
        self.promises = *forward.promises, *(p for e in forward.equations for p in shares(e))
        self._outputs: dict[tuple[str, str], Equation] = {}
        self._reading: dict[str, list[Equation]] = {}
        for equation in forward.equations:
            right = equation.expression
            if isinstance(right, Elementwise) and not right.others and isinstance(right.args[0], Indexed):
                source = right.args[0].base.label.name
                self._outputs[right.func.title, source] = equation
                self._reading.setdefault(source, []).append(equation)

    def about(self, names: Iterable[str]) -> tuple[Equation, ...]:
        """The equations of the functions of these tensors."""
        return tuple(equation for name in sorted(names) for equation in self._reading.get(name, ()))

    def plug_in(self, expression: Expr) -> Expr:
        """Write every f'(z) with a known output form in terms of a = f(z)."""
        return expression.replace(lambda e: isinstance(e, Elementwise) and e.order == 1, self._output)

    def _output(self, slope: Expr) -> Expr:
        entry = slope.args[0]
        if not isinstance(entry, Indexed):
            return slope
        equation = self._outputs.get((slope.origin, entry.base.label.name))
        if equation is None or (form := output_form(equation.expression.func)) is None:
            return slope
        return form.xreplace({A: equation.target[tuple(entry.indices)]})

    def simplified(self, expression: Expr) -> list[Reason]:
        """Return the steps to a shorter equal expression: promises, f' substituted, fractions cancelled."""
        promised, promises = self._promised(expression)
        steps = [Reason(promises, promised)] if promises else []
        plain = tidy(promised)
        rule = FACTORED if plain.has(Sum) else REARRANGED
        combined = without_equal_sums(promised) != promised
        steps.append(Reason((EQUAL_SUMS, rule) if combined else (rule,), plain))
        kept, promises = self._promised(plain)
        if promises:  # of sums whose constant factors now stand before them
            promised, plain = kept, tidy(kept)
            steps.append(Reason(promises, plain))
        if not any(p.exp.is_negative and not p.base.is_Symbol for p in plain.atoms(Pow)):
            return steps
        cancelled = _upright(tidy(_cancelled(self.plug_in(promised))))
        kept, promises = self._promised(cancelled)
        short = tidy(kept)
        if short.count_ops() < plain.count_ops():
            held = self._held(plain)
            rule = CANCELLED if held else ONE_FRACTION
            steps += [Reason((PLUGGED,), held)] if held else []
            steps.append(Reason((rule, *promises), short))
        return steps

    def _held(self, product: Expr) -> Expr | None:
        """The product with f' in terms of f as its last factors; None if f' is no factor of it."""
        slopes = [f for f in Mul.make_args(product) if isinstance(f, Elementwise) and f.order]
        if not slopes:
            return None
        others = Mul(*(f for f in Mul.make_args(product) if f not in slopes))
        return InOrder(others, *(g for f in slopes for g in Mul.make_args(self.plug_in(f))))

    def _promised(self, expression: Expr) -> tuple[Expr, tuple[str, ...]]:
        """The expression that the promises make of it, and the reasons for what they changed."""
        reasons: list[str] = []
        for promise in self.promises:
            before, expression = expression, promise.rewrite(expression)
            reasons += [promise.reason] if expression != before else []
        return expression, tuple(reasons)


def _cancelled(expression: Expr) -> Expr:
    """Cancel common factors; a sum in an exponent stays, which SymPy would write as a product over its index."""
    names: dict[Expr, Expr] = {}

    def named(*total: Expr) -> Expr:
        read = sorted(Sum(*total).free_symbols, key=str)  # an outer sum over one of them must not lose it
        return names.setdefault(Sum(*total), Function(f"total{len(names)}")(*read))

    hidden = expression.replace(
        lambda e: isinstance(e, exp | Pow) and e.exp.has(Sum), lambda e: e.base ** e.exp.replace(Sum, named)
    )
    return cancel(hidden).xreplace({name: total for total, name in names.items()})


def _upright(fraction: Expr) -> Expr:
    """Write a denominator such as a - 1 as 1 - a, and change the sign of the numerator."""
    sign, factors = Integer(1), []
    for factor in Mul.make_args(fraction):
        turned = isinstance(factor, Pow) and factor.exp == -1 and factor.base.as_coeff_Add()[0].is_negative
        sign *= -1 if turned else 1
        factors.append(1 / -factor.base if turned else factor)
    return Mul(sign, *factors)
