"""What a statement declares: sizes, indices, data, parameters, constants, and what is promised about them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from sympy import Expr, Integer, Symbol

from derive.calculus.equation_checks import EquationChecks
from derive.calculus.forward import ForwardPass
from derive.calculus.index import (
    SAMPLE_AXIS,
    SAMPLES,
    Axis,
    Equation,
    Index,
    IndexSupply,
    Tensor,
)
from derive.calculus.promises import Mask, NotNegative, Positive, Probabilities, Promise, SumsToOne
from derive.calculus.roles import Role
from derive.calculus.running import Running
from derive.learning.descent import names_taken
from derive.learning.penalties import L1, L2, PENALTY
from derive.statement.quantities import Entries, Size
from derive.statement.randomness import distribution as distribution_of
from derive.statement.specification import Learning
from derive.statement.starts import finite, initial
from derive.text.errors import StatementError
from derive.text.user_text import listed, shown

#: The greatest length of a name.
LONGEST_NAME = 100
#: The kinds of names of a statement, as they are spoken of.
SIZE, INDEX, SAMPLE, INPUT, TARGET = "a size", "an index", "an index of samples", "an input", "a target"
RANDOM = "random"
STEP_NUMBER, WEIGHTS = "a number of the step", "the weights of the samples"
DECLARED = "a declared tensor"
#: What is said of data, by their roles.
_GIVEN: dict[str, str] = {Role.TARGET: TARGET, Role.RANDOM: RANDOM}
#: Examples of distributions, as arguments.
_LAWS = ("bernoulli=0.5", "normal=(0, 0.1)")
PARAMETER, CONSTANT, DEFINED, ERROR = "a parameter", "a constant", "a tensor with an equation", "the error"


class Declarations:
    """The names of a statement, and the tensors that have no equation."""

    #: The number of samples, for averages over all of them.
    samples: Symbol = SAMPLES

    def __init__(self, **options: Any) -> None:
        self.reset(Learning(**options))

    def reset(self, learning: Learning) -> None:
        """Begin with nothing stated yet."""
        self.learning = learning
        self.supply = IndexSupply()
        self._kinds: dict[str, str] = dict.fromkeys(names_taken(self.learning.descent), STEP_NUMBER)
        for strength in (L1.name, L2.name):
            if getattr(self.learning, strength):
                said = f"the {strength.upper()} penalty"
                self._kinds |= {strength: f"the strength of {said}", PENALTY.name: self._kinds.get(PENALTY.name, said)}
        self._data: list[Tensor] = []
        self._parameters: list[Tensor] = []
        self._equations: list[Equation] = []
        self._error: Equation | None = None
        self._constants: dict[str, Fraction] = {}
        self._promises: list[Promise] = []
        self._checks = EquationChecks(self._constants, promises=self._promises)
        self._starts: dict[str, Any] = {}
        self._outputs: list[str] = []
        self._sought: list[str] = []
        self._running: list[Running] = []
        self._slopes: dict[tuple[str, str], str] = {}
        self._declared: dict[str, Tensor] = {}
        self._begins: set[tuple[str, str]] = set()
        self._beginnings: dict[str, list[tuple[tuple[Any, ...], int, Expr]]] = {}
        self._copies: dict[str, Tensor] = {}

    def __repr__(self) -> str:
        parts = [
            ("input", [t.name for t in self._data if t.about is None]),
            ("parameter", [t.name for t in self._parameters]),
            ("equation", [e.target.name for e in self._stated]),
        ]
        said = [f"{what}{'s' * (len(names) > 1)} {listed(names)}" for what, names in parts if names]
        told = ", ".join(said).replace("equations ", "equations of ").replace("equation ", "equation of ")
        return f"<Statement {self.learning.name}: {told or 'nothing yet'}>"

    def __getitem__(self, name: str) -> Entries:
        """Return a tensor that is given, learned or has an equation, by its name, such as ``s["dE_dW1"]``."""
        stated = (*self._data, *self._parameters, *(e.target for e in self._equations))
        found = next((t for t in stated if t.name == name), None)
        if found is None:
            raise StatementError(f"there is no tensor {shown(name)}: there are {listed(t.name for t in stated)}")
        return Entries(found, [Size(a.name or str(a.extent), a) for a in found.axes if not a.sample])

    def restate(self, forward: ForwardPass, equations: Iterable[Equation]) -> None:
        """Begin with the data, the parameters and the promises of a forward pass, and with checked equations."""
        self.supply = forward.supply
        self._data += forward.inputs
        self._parameters += forward.parameters
        self._promises += forward.promises
        self._constants.update(forward.constants)
        self._starts.update(forward.starts)
        self._kinds |= dict.fromkeys(forward.constants, CONSTANT)
        for tensor in (*forward.inputs, *forward.parameters):
            kind = PARAMETER if tensor in forward.parameters else _GIVEN.get(tensor.role, INPUT)
            self._kinds[tensor.name] = kind
            self._checks.add(tensor)
        for equation in equations:
            self._kinds[equation.target.name] = DEFINED
            self._equations.append(equation)
            self._checks.add(equation.target)
            self._checks.positivity.add(equation)
        for axis in (a for t in self._checks.tensors.values() for a in t.axes if not a.sample):
            self._kinds |= {name: SIZE for name in (axis.name, str(axis.extent)) if name.isidentifier()}

    # Names.

    def size(self, name: str, value: Any = None, start: int = 1) -> Size:
        """Name the number of entries of an axis: a whole number, or without a ``value`` one that stays a name.

        ``start`` is the number of the first entry.
        """
        self._check_name(name)
        if value is None and name == SAMPLES.name:
            raise StatementError(f"{name} is the number of samples: choose another name, such as {name.upper()}")
        extent = Symbol(name, integer=True, positive=True) if value is None else self._extent(name, value)
        self._kinds[name] = SIZE
        return Size(name, Axis(extent, start, name=name))

    def index(self, name: str, size: Size | int) -> Index:
        """Name an index that runs over a size. The same name may be used for several sizes."""
        return self._index(name, INDEX, self._size(size, f"the index {name}").axis)

    def indices(self, names: str, *sizes: Size | int) -> tuple[Index, ...]:
        """Name several indices, ``"i j"``, with a size for each or one size for all."""
        called = names.replace(",", " ").split()
        if len(sizes) not in (1, len(called)):
            raise StatementError(f"the indices {listed(called)} have {len(sizes)} sizes: give one for each, or one")
        return tuple(self.index(*pair) for pair in zip(called, sizes * (len(called) // len(sizes)), strict=True))

    def sample(self, name: str) -> Index:
        """Name an index that runs over the samples, for equations that read other samples than the same one."""
        return self._index(name, SAMPLE, SAMPLE_AXIS)

    # Data and parameters.

    def input(
        self,
        name: str,
        *sizes: Size | int,
        samples: bool = True,
        values: Size | int | None = None,
        gradient: bool = False,
    ) -> Entries:
        """State an input. Without ``samples`` it is the same for all samples.

        With ``values``, its entries are whole numbers that number the entries of that size, and may be used as an
        index: ``C[word[t], i]``. With ``gradient``, the derivative of the error with respect to its entries is
        derived, too.
        """
        if gradient and values is not None:
            raise StatementError(f"{name} has no gradient, because its entries are whole numbers: leave gradient out")
        found = self._given(name, Role.INPUT, INPUT, sizes, samples, values)
        if gradient:
            self.gradient(found)
        return found

    def gradient(self, *inputs: Entries) -> None:
        """Ask for the derivative of the error with respect to inputs of real numbers; see ``input``."""
        for tensor in inputs:
            if not isinstance(tensor, Entries) or tensor.tensor not in self._data or tensor.tensor.role != Role.INPUT:
                raise StatementError(f"{tensor!r} has no gradient on request: it is no input")
            if tensor.tensor.places is not None:
                raise StatementError(f"{tensor.name} has no gradient, because its entries are whole numbers")
            for promise in (p for p in self._promises if p.tensor == tensor.tensor):
                self._refuse_fixed(promise)
            if tensor.name not in self._sought:
                self._sought.append(tensor.name)

    def target(self, name: str, *sizes: Size | int, samples: bool = True, values: Size | int | None = None) -> Entries:
        """State a target, of which an input differs only in that predictions do not need it."""
        return self._given(name, Role.TARGET, TARGET, sizes, samples, values)

    def random(self, name: str, *sizes: Size | int, samples: bool = True, **distribution: Any) -> Entries:
        """State what is drawn anew in each step of training, for each sample; anywhere else it has its mean.

        The distribution is ``bernoulli=0.5``, 1 with that probability and otherwise 0, or ``normal=(0, 0.1)``, with a
        mean and a standard deviation. Without ``samples``, there is one draw in a step for all samples.

        >>> s = Declarations()
        >>> s.random("M", 3, bernoulli=0.5)
        M[3, samples]
        """
        if len(distribution) != 1:
            given = f"{len(distribution)} are given" if distribution else "none is given"
            raise StatementError(f"{name} needs one distribution, such as {' or '.join(_LAWS)}, and {given}")
        ((kind, numbers),) = distribution.items()
        several = numbers if isinstance(numbers, tuple | list) else (numbers,)
        law = distribution_of(str(name), kind, several)
        found = self._given(name, Role.RANDOM, RANDOM, sizes, samples, None)
        self._promises.append(replace(law, tensor=found.tensor))
        return found

    def parameter(self, name: str, *sizes: Size | int, start: Any = None) -> Entries:
        """State what is learned.

        ``start`` is the initial value: the name of an initialisation, a number, or an array. By default tensors with
        two or more axes start with the initialisation of the statement, others at 0, or at 1 if they are factors.
        """
        self._check_name(name)
        sides = self._sizes(name, sizes)
        role = Role.WEIGHT if len(sides) > 1 else Role.BIAS
        stated = Tensor(name, role.value, tuple(s.axis for s in sides))
        if start is not None:
            self._starts[name] = initial(stated, start)
        self._kinds[name] = PARAMETER
        self._parameters.append(stated)
        self._checks.add(stated)
        return Entries(stated, sides)

    def constant(self, name: str, value: Any) -> Symbol:
        """Name a number that stays a name in formulas and in the code."""
        self._check_name(name)
        self._constants[name] = finite(value, f"the constant {name}")
        self._kinds[name] = CONSTANT
        return Tensor(name, Role.CONSTANT.value).symbol

    @property
    def constants(self) -> Mapping[str, Fraction]:
        """The values of the constants, by name."""
        return self._constants

    # Promises.

    def promise_sums_to_one(self, tensor: Entries, over: Index | int | None = None) -> None:
        """Promise that data sum to 1 over an index, by default the first: the classes of a target, for instance.

        Instead of an index, the number of an axis may be given, counted from 1.
        """
        axes = self._promised(tensor).axes
        units = [n for n, axis in enumerate(axes) if not axis.sample]
        fits = [n for n in units if over in (None, n + 1) or (isinstance(over, Index) and axes[n] == over.axis)]
        if not fits:
            said = f"number {over}" if isinstance(over, int) else f"one that {over} runs over"
            raise StatementError(f"no axis of {tensor.name} is {said}: {tensor!r} has others")
        self._promise(SumsToOne(tensor.tensor, fits[0]))

    def promise_probabilities(self, tensor: Entries) -> None:
        """Promise that all entries are greater than 0 and less than 1."""
        self._promise(Probabilities(self._promised(tensor)))

    def promise_mask(self, tensor: Entries) -> None:
        """Promise that all entries are 0 or 1."""
        self._promise(Mask(self._promised(tensor)))

    def promise_positive(self, tensor: Entries) -> None:
        """Promise that all entries are positive."""
        self._promise(Positive(self._promised(tensor)))

    def promise_not_negative(self, tensor: Entries) -> None:
        """Promise that no entry is negative."""
        self._promise(NotNegative(self._promised(tensor)))

    def _promised(self, tensor: Any) -> Tensor:
        if not isinstance(tensor, Entries) or tensor.tensor not in (*self._data, *self._parameters):
            raise StatementError(f"a promise about {tensor!r} is of no use: promise something about data or parameters")
        if tensor.tensor.role == Role.RANDOM:
            raise StatementError(f"{tensor.name} is random: its distribution says what its entries are")
        return tensor.tensor

    def _promise(self, promise: Promise) -> None:
        same = [p for p in self._promises if p.tensor == promise.tensor]
        if {Mask, SumsToOne} <= {type(p) for p in (*same, promise)}:
            name = promise.tensor.name
            raise StatementError(f"{name} is promised to sum to 1 and to be 0 or 1: promise only that it sums to 1")
        if promise.tensor.name in self._sought:
            self._refuse_fixed(promise)
        self._promises.append(promise)

    def _refuse_fixed(self, promise: Promise) -> None:
        """Raise StatementError for a promise that the entries of an input with a gradient do not keep."""
        if isinstance(promise, Mask | SumsToOne):
            raise StatementError(
                f"{promise.tensor.name} has a gradient, so its entries change one by one, and cannot be promised to be "
                "0 or 1 or to sum to 1: leave out the gradient or the promise"
            )

    # Checks of names and sizes.

    @property
    def _stated(self) -> tuple[Equation, ...]:
        return (*self._equations, *([] if self._error is None else [self._error]))

    def _free_name(self, stem: str) -> str:
        numbered = (f"{stem}{n}" for n in itertools.count(2))
        return next(n for n in itertools.chain([stem], numbered) if n not in self._kinds)

    def _index(self, name: str, kind: str, axis: Axis) -> Index:
        """Give an index its name, which may be stated again, and may be that of a number of the step."""
        known = self._kinds.get(name)
        if known not in (kind, STEP_NUMBER):
            self._check_name(name)
        if known is None:
            self._kinds[name] = kind
        return Index(name, axis)

    def _check_name(self, name: Any) -> None:
        """Raise StatementError if a name is not valid or has a meaning already."""
        if not isinstance(name, str) or not name.isidentifier() or len(name) > LONGEST_NAME:
            raise StatementError(
                f"{shown(name)} is not a name: use letters, digits and _, not a digit first, {LONGEST_NAME} at most"
            )
        if name in self._kinds:
            free = next(f"{name}{n}" for n in itertools.count(2) if f"{name}{n}" not in self._kinds)
            raise StatementError(f"{name} is {self._kinds[name]} already: choose another name, such as {free}")

    def _extent(self, name: str, value: Any) -> Expr:
        extent = value.axis.extent if isinstance(value, Size) else value
        if hasattr(extent, "__index__") and not isinstance(extent, bool):
            extent = Integer(extent.__index__())
        if not isinstance(extent, Expr) or (extent.is_number and not (extent.is_Integer and extent >= 1)):
            raise StatementError(f"the size {name} is {shown(value)}, where a whole number of at least 1 is expected")
        return extent

    def _size(self, size: Any, where: str) -> Size:
        if isinstance(size, Size):
            return size
        if isinstance(size, Axis) and not size.sample:
            return Size(str(size.extent), size)
        if hasattr(size, "__index__") and not isinstance(size, bool) and size.__index__() >= 1:
            return Size(str(size.__index__()), Axis(Integer(size.__index__())))
        raise StatementError(f"{where} has the size {shown(size)}: give one that s.size returns, or a whole number")

    def _sizes(self, name: str, sizes: Iterable[Any]) -> list[Size]:
        return [self._size(size, f"axis {number} of {name}") for number, size in enumerate(sizes, 1)]

    def _given(self, name: str, role: Role, kind: str, sizes: Iterable[Any], samples: bool, values: Any) -> Entries:
        self._check_name(name)
        sides = self._sizes(name, sizes)
        axes = (*(s.axis for s in sides), *([SAMPLE_AXIS] if samples else []))
        places = None if values is None else self._size(values, f"the values of {name}").axis
        self._kinds[name] = kind
        stated = Tensor(name, role.value, axes, 0 if role == Role.INPUT else None, places=places)
        self._data.append(stated)
        self._checks.add(stated)
        return Entries(stated, sides)
