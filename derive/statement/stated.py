"""A network stated by its forward equations, in index notation, one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from sympy import Add, Expr, Indexed, Integer, Mul, Symbol, preorder_traversal

from derive.calculus.affine import affine, misses
from derive.calculus.beginnings import Beginning
from derive.calculus.cases import with_cases
from derive.calculus.equation_checks import EquationChecks
from derive.calculus.extremes import Largest, Smallest, extreme
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import STOP
from derive.calculus.index import (
    SAMPLE_AXIS,
    SAMPLES,
    Axis,
    Equation,
    Index,
    IndexSupply,
    Tensor,
    delta,
    put,
    symbols_read,
    total,
)
from derive.calculus.normal_form import exact
from derive.calculus.products import product_over
from derive.calculus.promises import Mask, NotNegative, Positive, Probabilities, Promise, SumsToOne, Weights
from derive.calculus.recurrence import early, entries_of, in_order, recurrences
from derive.calculus.roles import Role
from derive.calculus.running import MOMENTUM, Running, check_running
from derive.calculus.tangents import Tangents
from derive.catalogue.activations import activation, titles
from derive.catalogue.losses import loss
from derive.learning.descent import names_taken
from derive.learning.penalties import L1, L2, PENALTY, penalised
from derive.statement.keys import entry, exactly
from derive.statement.quantities import SAME_SAMPLE, Entries, Size, formula
from derive.statement.randomness import distribution as distribution_of
from derive.statement.specification import Learning
from derive.statement.starts import finite, initial
from derive.statement.weighting import entry_by_entry, weighted
from derive.text.entry_text import base_name, split_entries
from derive.text.errors import SpecError, StatementError
from derive.text.user_text import listed, shown

#: The greatest length of a name.
LONGEST_NAME = 100
#: The kinds of names of a statement, as they are spoken of.
SIZE, INDEX, SAMPLE, INPUT, TARGET = "a size", "an index", "an index of samples", "an input", "a target"
RANDOM = "random"
STEP_NUMBER, WEIGHTS = "a number of the step", "the weights of the samples"
DECLARED = "a declared tensor"
#: What the names of stopped tensors end with.
_STOPPED = "bar"
#: What stands for the error where it is not stated yet.
_NO_ERROR = Equation(Tensor("the error", Role.ERROR.value), (), Integer(0))
#: What is said of data, by their roles.
_GIVEN: dict[str, str] = {Role.TARGET: TARGET, Role.RANDOM: RANDOM}
#: Examples of distributions, as arguments.
_LAWS = ("bernoulli=0.5", "normal=(0, 0.1)")
PARAMETER, CONSTANT, DEFINED, ERROR = "a parameter", "a constant", "a tensor with an equation", "the error"


class StatementBuilder:
    """The forward equations of a network, with its data, its parameters and its error.

    Samples are implicit: inputs and targets have an axis of samples, which comes last, and a tensor that is read
    with one index fewer than it has axes reads the same sample. A tensor that is computed from the same sample has
    an axis of samples, too. Each method checks what it is given and raises StatementError, in one sentence.

    ``options`` are the learning options of a ``Network``: name, notation, optimizer, l1, l2, clip, schedule,
    initialisation, order, truncate, sample_weight, missing, gradients, constraint, train, rate_factors. Raises
    SpecError for an invalid one.

    >>> from sympy import tanh
    >>> s = StatementBuilder()
    >>> n, k = s.size("n", 3), s.size("k", 2)
    >>> x, y, W = s.input("x", n), s.target("y", k), s.parameter("W", k, n)
    >>> i, j = s.indices("i j", k, n)
    >>> a = s.define("a", i, tanh(s.sum(W[i, j] * x[j], j)))
    >>> s.error(s.mean((y[i] - a[i]) ** 2, i))
    >>> s
    <Statement network: inputs x and y, parameter W, equations of a and E>
    """

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

        >>> s = StatementBuilder()
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

    # Formulas.

    def sum(self, body: Any, *indices: Index) -> Expr:
        """The sum of a formula over the whole range of each index."""
        return total(self._over("sum", body, indices), *indices)

    def prod(self, body: Any, *indices: Index) -> Expr:
        """The product of a formula over the whole range of each index; its derivative divides by no factor.

        >>> s = StatementBuilder()
        >>> x, k = s.input("x", 3), s.index("k", 3)
        >>> s.prod(x[k], k)
        ProductOver(x[k, same sample], (k, 1, 3))
        """
        return product_over(self._over("product", body, indices), *indices)

    def max(self, body: Any, *indices: Index) -> Expr:
        """The maximum of a formula over the whole range of each index; at a tie, its derivative is that of the first.

        >>> s = StatementBuilder()
        >>> x, k = s.input("x", 3), s.index("k", 3)
        >>> s.max(x[k], k)
        Largest(x[k, same sample], (k, 1, 3))
        """
        return extreme(Largest, self._over("maximum", body, indices), *indices)

    def min(self, body: Any, *indices: Index) -> Expr:
        """The minimum of a formula over the whole range of each index; see ``max``."""
        return extreme(Smallest, self._over("minimum", body, indices), *indices)

    def _over(self, what: str, body: Any, indices: tuple[Index, ...]) -> Expr:
        """The formula that is reduced over indices, which it must read."""
        reduced = with_cases(formula(body, f"the argument of the {what}"))  # SymPy takes cases out of a sum
        if not indices:
            raise StatementError(f"the {what} of {reduced} has no index: name those that it runs over, such as i")
        for index in indices:
            if not isinstance(index, Index):
                raise StatementError(f"the {what} over {index} needs an index, as s.index or s.sample return it")
            if index not in reduced.free_symbols:
                raise StatementError(f"the {what} over {index} reads nothing at {index}: for equal terms, multiply")
        return reduced

    def mean(self, body: Any, *indices: Index) -> Expr:
        """The mean of a formula over the whole range of each index."""
        return self.sum(body, *indices) / Mul(*(index.axis.extent for index in indices))

    def apply(self, name: str, argument: Any) -> Expr:
        """An activation of the catalogue, such as ``leaky_relu(slope=0.1)``, of a formula."""
        try:
            text = entry("activation", name)
        except SpecError as problem:
            raise StatementError(str(problem)) from None
        chosen = activation(text)
        if chosen.formula is None:
            raise StatementError(
                f"{text} mixes the entries of a tensor: write its formula, such as exp(z[i])/s.sum(exp(z[j]), j)"
            )
        function = chosen.applied(titles([base_name(text), text])[text])
        return function(formula(argument, f"the argument of {text}"))

    def stop_gradient(self, argument: Any) -> Expr:
        """The value of a formula, taken for a constant: its derivative is 0.

        It gets an equation of its own, and a formula reads the tensor that this states.

        >>> s = StatementBuilder()
        >>> x, w, i = s.input("x", 3), s.parameter("w", 3), s.index("i", 3)
        >>> a = s.define("a", i, w[i] * x[i])
        >>> b = s.define("b", i, a[i] * s.stop_gradient(a[i]))
        >>> s
        <Statement network: input x, parameter w, equations of a, a_bar and b>
        """
        stopped = formula(argument, "the argument of stop_gradient")
        return stopped if stopped.is_number else STOP(stopped)

    def _without_stops(self, expression: Expr, reader: str) -> Expr:
        """The formula of a tensor, the ``reader``, with tensors of their own in the place of what is stopped."""
        inner = {stop: stop.args[0] for stop in expression.atoms(STOP)}
        if isinstance(expression, STOP) or not inner:
            return STOP(expression.args[0].xreplace(inner)) if inner else expression

        def stated(stop: Any) -> Expr:
            inside = stop.args[0].xreplace(inner)
            if isinstance(inside, Indexed | Symbol):
                name = inside.name if isinstance(inside, Symbol) else inside.base.label.name
                return self._stopped(name)[inside.indices if isinstance(inside, Indexed) else ()]
            read = (node for node in preorder_traversal(inside) if isinstance(node, Index))
            indices = [i for i in dict.fromkeys(read) if i in inside.free_symbols and i != SAME_SAMPLE]
            made = self.define(self._free_name(f"{reader}_{_STOPPED}"), indices, STOP(inside)).tensor
            return made[(*indices, *[SAME_SAMPLE] * (len(made.axes) - len(indices)))]

        whole = {stop: stated(stop) for stop in _outermost(expression)}
        return expression.xreplace(whole)

    def _stopped(self, name: str) -> Tensor:
        """A copy of a tensor that is taken for a constant."""
        if name not in self._copies:
            tensor = self._checks.tensors[name]
            sampled = sum(axis.sample for axis in tensor.axes)
            letters = (x for x in "ijklpqrabcdefgh" if self._kinds.get(x, INDEX) == INDEX)
            samples = (x for x in "uvwst" if self._kinds.get(x, SAMPLE) == SAMPLE)
            indices = tuple(
                SAME_SAMPLE if axis.sample and sampled == 1 else Index(next(samples if axis.sample else letters), axis)
                for axis in tensor.axes
            )
            left = [i for i in indices if i != SAME_SAMPLE]
            copy = self.define(self._free_name(f"{name}_{_STOPPED}"), left, STOP(tensor[indices]))
            self._copies[name] = copy.tensor
        return self._copies[name]

    def _free_name(self, stem: str) -> str:
        numbered = (f"{stem}{n}" for n in itertools.count(2))
        return next(n for n in itertools.chain([stem], numbered) if n not in self._kinds)

    # Equations.

    def define(self, name: str, indices: Index | Iterable[Index], expression: Any) -> Entries:
        """State the equation of a tensor, ``name[indices] = expression``, and return the tensor."""
        declared = self._declared.get(name)
        if declared is None:
            self._check_name(name)
        left = tuple(indices) if isinstance(indices, tuple | list) else (indices,)
        right = self._without_stops(formula(expression, f"the right side of the equation of {name}"), name)
        for index in left:
            if not isinstance(index, Index):
                raise StatementError(
                    f"the equation of {name} has {shown(index)} on its left, where an index is expected, as s.index "
                    "returns it"
                )
        if SAME_SAMPLE in right.free_symbols:
            unread = [i for i in left if i.axis.sample and i not in right.free_symbols]
            if unread:
                raise StatementError(
                    f"the equation of {name} has the sample {unread[0]} on its left, but reads the same sample: leave "
                    f"{unread[0]} out, or write it as the last index of what is read"
                )
            left = (*left, SAME_SAMPLE)
        right = self._begun(right)
        stated = Tensor(name, Role.PLAIN.value, tuple(i.axis for i in left))
        if declared is not None:
            self._check_declared(declared, stated)
        self._check(Equation(stated, left, right))
        self._kinds[name] = DEFINED
        self._equations.append(Equation(stated, left, right))
        return Entries(stated, [Size(str(i), i.axis) for i in left if not i.axis.sample])

    def declare(self, name: str, *sizes: Size | int, samples: bool = True) -> Entries:
        """Declare the axes of a tensor whose equation comes later, so that the equations of a recurrence can read it.

        Those may read it at earlier places of one of its axes, ``h[t - 1, i]``, or at later ones; what is read before
        the first place is 0. Without ``samples`` it is the same for all samples.

        >>> from sympy import tanh
        >>> s = StatementBuilder()
        >>> h, t = s.declare("h", 4, samples=False), s.index("t", 4)
        >>> r = s.parameter("r", start=0.5)
        >>> s.define("h", t, tanh(r * h[t - 1] + 1))
        h[t]
        """
        self._check_name(name)
        sides = self._sizes(name, sizes)
        axes = (*(s.axis for s in sides), *([SAMPLE_AXIS] if samples else []))
        stated = Tensor(name, Role.PLAIN.value, axes)
        self._kinds[name] = DECLARED
        self._declared[name] = stated
        self._checks.add(stated)
        self._checks.recurring.add(name)
        return Entries(stated, sides, recurs=True)

    def begin(self, tensor: Entries, places: Iterable[Any], expression: Any) -> None:
        """State what a recurrence reads before its first place, or after its last: ``s.begin(h, (0, i), h0[i])``.

        One of the ``places`` is a number outside its axis, the others are indices. The equations of the recurrence come
        after this; without it, they read 0 there.
        """
        given = tuple(places) if isinstance(places, tuple | list) else (places,)
        name = getattr(tensor, "name", str(tensor))
        where = f"what {name} begins with"
        if self._declared.get(name) is None or self._kinds[name] != DECLARED:
            raise StatementError(f"{name} is not declared, or has its equation: declare it, and begin it before that")
        axes = [axis for axis in self._declared[name].axes if not axis.sample]
        fixed = [n for n, place in enumerate(given) if not isinstance(place, Index)]
        if len(given) != len(axes) or len(fixed) != 1:
            raise StatementError(f"{where} needs {len(axes)} places, one of them a number, such as {name}[0, i]")
        (at,) = fixed
        place = formula(given[at], f"a place of {name}")
        if not place.is_integer:
            raise StatementError(f"{where} is stated at {place}, which is no place: places are whole numbers")
        if not misses(place, axes[at]):
            raise StatementError(
                f"{where} is stated at {place}, which is a place of {name}: its equation says what is there, for the "
                f"places {axes[at].start} to {axes[at].stop}"
            )
        for index, axis in ((i, axis) for i, axis in zip(given, axes, strict=True) if isinstance(i, Index)):
            if index.axis != axis:
                raise StatementError(f"{where} has the index {index}, which does not run over that axis of {name}")
        if any(known[at] == place for known, n, _ in self._beginnings.get(name, ()) if n == at):
            raise StatementError(f"{where} is stated at {place} already: state it once")
        beginning = formula(expression, where)
        own = tuple(i for i in given if isinstance(i, Index))
        own = (*own, SAME_SAMPLE) if SAME_SAMPLE in beginning.free_symbols else own
        read = Equation(Tensor(name, Role.PLAIN.value, tuple(i.axis for i in own)), own, beginning)
        self._checks.check(read, self._checks.tensors.keys())
        self._beginnings.setdefault(name, []).append((given, at, beginning))
        for learned in (p for p in self._parameters if p.role == Role.BIAS and beginning == p[own[: len(p.axes)]]):
            self._starts.setdefault(learned.name, initial(learned, 0))

    def check_order(self) -> None:
        """Raise CircleError for equations that read each other, and cannot be computed in any order."""
        if self._declared:
            in_order(self._stated)

    def _check_recurrences(self) -> None:
        """Raise StatementError for recurrences without an order, and for samples that nothing in one of them has."""
        if not self._declared:
            return
        tensors = {t.name: t for t in (*self._data, *self._parameters, *(e.target for e in self._equations))}
        for recurrence in recurrences(exact(self._so_far())):
            read = {name for e in recurrence.equations for name in symbols_read(e.expression)} & tensors.keys()
            outside = [tensors[name] for name in read - recurrence.places.keys()]
            own = [e.target for e in recurrence.equations if e.target.name in self._declared]
            if own and own[0].axes[-1].sample and not any(a.sample for t in outside for a in t.axes):
                raise StatementError(
                    f"{own[0].name} is declared with samples, but its recurrence reads none: declare it without samples"
                )

    def _begun(self, expression: Expr) -> Expr:
        """A right side with what recurrences begin with, where it reads them outside their places."""
        changed = dict[Expr, Expr]()
        for read in entries_of(expression, self._beginnings):
            more, outside = Integer(0), False
            for given, at, beginning in self._beginnings[read.base.label.name]:
                form = affine(read.indices[at])
                if form is None or len(form.terms) > 1 or any(factor != 1 for _, factor in form.terms):
                    continue
                wanted = given[at] - form.constant
                if any(misses(wanted, index.axis) for index, _ in form.terms) or (not form.terms and wanted != 0):
                    continue
                outside |= not form.terms
                where = Mul(*(delta(index, wanted) for index, _ in form.terms))
                names = {i: there for i, there in zip(given, read.indices, strict=False) if isinstance(i, Index)}
                sample = {SAME_SAMPLE: read.indices[-1]} if len(read.indices) > len(given) else {}
                self._begins.add((read.base.label.name, str(given[at])))
                more += where * put(beginning, {**names, **sample})
            changed |= {read: more if outside else read + more} if more != 0 or outside else {}
        return expression.xreplace(changed)

    def _check_declared(self, declared: Tensor, stated: Tensor) -> None:
        """Raise StatementError unless an equation has the axes of its declared tensor and is its only one."""
        name = declared.name
        if self._kinds[name] != DECLARED:
            self._check_name(name)
        if stated.axes == declared.axes:
            return
        by_sample = [any(axis.sample for axis in tensor.axes) for tensor in (declared, stated)]
        if by_sample == [True, False]:
            raise StatementError(
                f"{name} is declared with samples, but its equation reads no sample: declare it without"
            )
        raise StatementError(f"the equation of {name} has other axes on its left than {name} is declared with")

    def diff(self, tensor: Entries, wrt: Entries) -> Entries:
        """State the derivative of a tensor with an equation, by further equations; return it.

        It has the axes of the tensor and then those of ``wrt``, an input or a parameter, and is that of the same
        sample. Derivatives of derivatives are stated in the same way: ``s.diff(s.diff(u, x), x)``.

        >>> s = StatementBuilder()
        >>> x, W, i = s.input("x", 3), s.parameter("W", 3), s.index("i", 3)
        >>> u = s.define("u", (), s.sum(W[i] * x[i] ** 2, i))
        >>> s.diff(u, x)
        u_x[3, samples]
        """
        by_name = {e.target.name: e.target for e in self._equations}
        if not isinstance(tensor, Entries) or tensor.name not in by_name:
            raise StatementError(f"the derivative of {tensor!r} is of no use: it has no equation")
        if not isinstance(wrt, Entries) or wrt.tensor not in (*self._data, *self._parameters) or wrt.tensor.places:
            raise StatementError(f"a derivative is with respect to an input or a parameter, not to {wrt!r}")
        so_far = self._so_far()
        equations = exact(so_far)
        known = {of: by_name[slope] for (of, w), slope in self._slopes.items() if w == wrt.name}
        tangents = Tangents(equations, wrt.tensor, so_far.tensors, known, self.supply)
        names = self._names_of_slopes(wrt.name)
        of_slope = {name: of for of, name in names.items()}
        stated = tuple(map(self._lettered, tangents.of(tensor.tensor, names)))
        for recurring in early(stated):
            self._declared[recurring.name] = recurring
            self._checks.add(recurring)
            self._checks.recurring.add(recurring.name)
        for equation in stated:
            self._check(equation)
            self._kinds[equation.target.name] = DEFINED
            self._slopes[of_slope[equation.target.name], wrt.name] = equation.target.name
            self._equations.append(equation)
        found = next(e for e in self._equations if e.target.name == self._slopes[tensor.name, wrt.name])
        sides = [*tensor.sizes, *wrt.sizes]
        return Entries(found.target, sides)

    def _lettered(self, equation: Equation) -> Equation:
        """An equation with letters for its new indices, those of the author over the same axis first."""
        found = {*equation.expression.atoms(Index), *equation.indices}
        own = {i for i in found if i == SAME_SAMPLE or self._kinds.get(i.name) in (INDEX, SAMPLE)}
        letters = {i for e in self._equations for i in (*e.indices, *e.expression.atoms(Index)) if i != SAME_SAMPLE}
        used, new = {i.name for i in own}, dict[Index, Index]()
        for index in sorted(found - own, key=lambda i: i.name):
            said = sorted(i.name for i in letters if i.axis == index.axis)
            pool = itertools.chain(said, (x for x in "ijklpqrabcdefgh" if x not in self._kinds))
            more = (f"i{n}" for n in itertools.count(1))
            name = next(x for x in itertools.chain(pool, more) if x not in used)
            used.add(name)
            new[index] = Index(name, index.axis)
        indices = tuple(new.get(i, i) for i in equation.indices)
        return replace(equation, indices=indices, expression=equation.expression.xreplace(new))

    def _names_of_slopes(self, wrt: str) -> dict[str, str]:
        """A name for the derivative of each tensor with an equation, such as u_x, and u_xx for that of u_x."""
        derived, found = {*self._slopes.values()}, dict[str, str]()
        for equation in self._equations:
            name = equation.target.name
            short = name in derived and len(wrt) == 1
            stem = f"{name}{wrt}" if short else f"{name}_{wrt}"
            taken = {*self._kinds, *found.values()}
            numbered = (f"{stem}{k}" for k in itertools.count(2))
            found[name] = next(n for n in itertools.chain([stem], numbered) if n not in taken)
        return found

    def error(self, expression: Any, name: str | None = None) -> None:
        """State what learning makes small, one number.

        Each term that reads the same sample is averaged over the samples. A term that does not, because it has no
        sample or sums over an index of samples, stays as it is written.
        """
        terms = Add.make_args(self._begun(self._without_stops(formula(expression, "the error"), name or "E")))
        averaged = [_averaged(term) for term in terms if SAME_SAMPLE in term.free_symbols]
        others = [term for term in terms if SAME_SAMPLE not in term.free_symbols]
        self._set_error(Add(*self._weighted(averaged), *others), name)

    def loss(self, name: str, target: Entries, prediction: Entries) -> None:
        """State a loss of the catalogue, such as ``huber(delta=0.5)``, as the error: of a target and what predicts it.

        Both have one axis besides that of the samples. The loss is normalised as that of a ``Network``, and its
        targets keep what it promises of them, such as a sum of 1.
        """
        try:
            chosen = loss(entry("loss", name))
        except SpecError as problem:
            raise StatementError(str(problem)) from None
        for tensor in (target, prediction):
            if not isinstance(tensor, Entries) or [axis.sample for axis in tensor.axes] != [False, True]:
                raise StatementError(
                    f"the loss {name} compares tensors with one axis besides the samples, not {tensor!r}"
                )
        wanted = chosen.per_target * target.axes[0].extent + chosen.beyond
        if prediction.axes[0].extent != wanted and not chosen.is_plain:
            raise StatementError(
                f"the loss {name} needs {chosen.outputs_said}, {wanted} for {target.name}, but {prediction.name} has "
                f"{prediction.axes[0].extent}"
            )
        for promise in chosen.promises(self._promised(target)):
            self._promise(promise)
        found = chosen.equation(Tensor("E", Role.ERROR.value), target.tensor, prediction.tensor, self.supply)
        self._set_error(Add(*self._weighted([found.expression])), None)

    def _weighted(self, terms: list[Expr]) -> list[Expr]:
        """The terms of the error that are sums over the samples, with what the options say of weights and of masks."""
        if self.learning.missing == "ignore":
            masks = dict(map(self._mask, (t for t in self._data if t.role == Role.TARGET)))
            if not any(target.symbol in term.free_symbols for target in masks for term in terms):
                raise StatementError(
                    "missing is ignore, but no term of the error is a mean over the samples of a target"
                )
            terms = [entry_by_entry(term, masks, "missing is ignore") for term in terms]
        if self.learning.sample_weight == "outputs":
            target = self._of_outputs(terms)
            weight = replace(target, name=self._free_name("c"), role=Role.SAMPLE_WEIGHT.value)
            self._add_beside(weight, NotNegative(weight), "the weights of outputs")
            terms = [entry_by_entry(term, {target: weight}, "sample_weight is outputs") for term in terms]
        elif self.learning.sample_weight != "none":
            if not terms:
                raise StatementError(
                    f"sample_weight is {self.learning.sample_weight}, but no term of the error is averaged over the "
                    "samples: read the same sample in it, or multiply it by an input for each sample"
                )
            weight = self._given(self._free_name("c"), Role.SAMPLE_WEIGHT, WEIGHTS, (), True, None).tensor
            mean, index = self.learning.sample_weight == "mean", self.supply.fresh(SAMPLE_AXIS)
            self._promise(Weights(weight) if mean else NotNegative(weight))
            terms = [weighted(term, weight, mean, index) for term in terms]
        return terms

    def _mask(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """A target and its mask, which is 1 where the target is known."""
        if target.places is not None or not any(axis.sample for axis in target.axes):
            raise StatementError(f"missing is ignore, but the target {target.name} has no real numbers for each sample")
        if any(isinstance(p, SumsToOne) and p.tensor == target for p in self._promises):
            raise StatementError(
                f"missing is ignore, but the targets {target.name} of a sample sum to 1, so that none of them can be "
                "missing alone: use the option sample_weight, and a weight of 0 for a sample without a class"
            )
        several = sum(t.role == Role.TARGET for t in self._data) > 1
        name = self._free_name(f"M_{target.name}" if several else "M")
        mask = replace(target, name=name, role=Role.KNOWN.value)
        self._add_beside(mask, Mask(mask), "the mask of a target")
        return target, mask

    def _of_outputs(self, terms: Iterable[Expr]) -> Tensor:
        """The target whose entries have weights."""
        targets = [t for t in self._data if t.role == Role.TARGET]
        read = [t for t in targets if any(t.symbol in term.free_symbols for term in terms)]
        if len(targets) != 1 or not read or read[0].places is not None or not any(a.sample for a in read[0].axes):
            raise StatementError(
                "sample_weight is outputs, but the error is not the mean over the samples of one target of real "
                "numbers: use mean or factor, or multiply its terms by an input"
            )
        return read[0]

    def _add_beside(self, tensor: Tensor, promise: Promise, what: str) -> None:
        """Let the error read a tensor that comes with a target."""
        self._check_name(tensor.name)
        self._kinds[tensor.name] = what
        self._data.append(tensor)
        self._checks.add(tensor)
        self._promise(promise)

    def _set_error(self, expression: Expr, name: str | None) -> None:
        if self._error is not None:
            raise StatementError(f"the error is stated already, as {self._error.target.name}: add the terms up in one")
        called = next(n for n in ("E", "L", "J", "loss", "error") if n not in self._kinds) if name is None else name
        self._check_name(called)
        found = Equation(Tensor(called, Role.ERROR.value), (), expression, "error")
        self._check(found)
        self._kinds[called] = ERROR
        self._error = found

    def backward(self, *tensors: Entries) -> None:
        """State a layer alone, without an error: the derivatives of an error with respect to these tensors are given.

        With them, its derivatives with respect to all parameters, and to all inputs of real numbers, are derived.
        """
        if self._error is not None:
            raise StatementError(
                f"the error is stated, as {self._error.target.name}: leave out the error, or what is given"
            )
        if not tensors:
            raise StatementError("s.backward names no tensor: give those whose derivatives are given, such as o")
        by_name = {e.target.name: e for e in self._equations}
        given = {tensor.name for tensor in tensors if isinstance(tensor, Entries)}
        for equation in self._equations:
            if read := sorted(given & {*symbols_read(equation.expression)}):
                raise StatementError(
                    f"the equation of {equation.target.name} reads {read[0]}, whose derivative is given: "
                    f"define a copy of {read[0]}, such as o[i] = {read[0]}[i], and give the derivative with respect to "
                    "that"
                )
        self.output(*tensors)
        terms = []
        for tensor in tensors:
            equation = by_name[tensor.name]
            slope = replace(equation.target, name=f"dE_d{tensor.name}", role=Role.TARGET.value, about=equation.target)
            self._check_name(slope.name)
            self._kinds[slope.name] = "the given derivative of the error"
            self._data.append(slope)
            self._checks.add(slope)
            product = slope[equation.indices] * equation.left
            terms.append(total(product, *equation.indices) if equation.indices else product)
        self._set_error(Add(*terms), None)

    def output(self, *tensors: Entries) -> None:
        """State what is predicted; the first is what a score compares with the target."""
        defined = [e.target.name for e in self._equations]
        for tensor in tensors:
            if not isinstance(tensor, Entries) or tensor.name not in defined:
                raise StatementError(f"the output {tensor!r} has no equation, so that nothing is predicted by it")
            if tensor.name in self._outputs:
                raise StatementError(f"the output {tensor.name} is stated twice: leave one of them out")
            self._outputs.append(tensor.name)

    def running(self, *tensors: Entries, momentum: Any = MOMENTUM, start: Any = 0, of: Entries | None = None) -> None:
        """Let predictions read a running average in the place of tensors that are computed from all samples of a batch.

        Each step replaces the average r of a tensor v by (1 - momentum) r + momentum v, from ``start`` on. The error
        and its gradients read v itself. With ``of``, the average is that of another tensor with the same axes. A layer
        alone takes no step, and has no running averages.

        >>> s = StatementBuilder()
        >>> x, i, u = s.input("x", 3), s.index("i", 3), s.sample("u")
        >>> s.running(s.define("mu", i, s.mean(x[i, u], u)), momentum=0.01)
        """
        share, begin = finite(momentum, "the momentum"), finite(start, "the start of a running average")
        for tensor in tensors:
            for read in (tensor, *([] if of is None else [of])):
                if not isinstance(read, Entries):
                    raise StatementError(f"a running average is that of a tensor with an equation, not of {read!r}")
            running = [*self._running, Running(tensor.name, share, begin, of.name if of else "")]
            check_running(running, (*self._equations, _NO_ERROR), self._data)
            self._running = running

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

    # The whole.

    @property
    def _stated(self) -> tuple[Equation, ...]:
        return (*self._equations, *([] if self._error is None else [self._error]))

    def forward_pass(self) -> ForwardPass:
        """Return the statement in the form from which everything is derived. Raises StatementError without an error."""
        if self._error is None:
            raise StatementError("the statement has no error: state what learning makes small with s.error(...)")
        idle = [name for name in self._declared if self._kinds[name] == DECLARED]
        if idle:
            raise StatementError(f"{listed(idle)} {'is' if len(idle) == 1 else 'are'} declared and without an equation")
        self._check_recurrences()
        for name, beginnings in self._beginnings.items():
            for given, at, _ in beginnings:
                if (name, str(given[at])) not in self._begins:
                    raise StatementError(f"nothing reads what {name} begins with at {given[at]}: leave it out")
        alone = any(t.about is not None for t in self._data)
        of_a_step = ("optimizer", "l1", "l2", "clip", "schedule", "sample_weight", "missing")
        stepping = (*of_a_step, "constraint", "train", "rate_factors")
        trained = [key for key in stepping if not self.learning.is_plain(key)]
        if alone and trained:
            raise StatementError(f"the backward pass of a layer alone takes no step: leave out {listed(trained)}")
        strengths = {name: exactly(getattr(self.learning, name)) for name in (L1.name, L2.name)}
        ordered = in_order(self._stated) if self._declared else self._stated
        frozen = self._frozen()
        penalties = [p for p in self._parameters if p.name not in frozen]
        equations, constants = penalised(ordered, penalties, strengths, self.supply)
        return ForwardPass(
            equations,
            tuple(self._data),
            tuple(self._parameters),
            self.supply,
            tuple(self._promises),
            {**self._constants, **constants},
            tuple(self._outputs),
            dict(self._starts),
            sought=self._of_real_inputs() if alone or self.learning.gradients == "inputs" else tuple(self._sought),
            frozen=frozen,
            running=() if alone else tuple(self._running),
            beginnings=tuple(
                Beginning(name, at, formula(given[at], f"a place of {name}"), _others(given, value), value)
                for name, found in self._beginnings.items()
                for given, at, value in found
            ),
        )

    def _frozen(self) -> tuple[str, ...]:
        """The parameters that are not trained. Raises StatementError for a name that is no parameter's."""
        known = [p.name for p in self._parameters]
        trained = split_entries(self.learning.train) if self.learning.train else known
        for option, names in (("train", trained), ("rate_factors", self.learning.factors)):
            if unknown := [name for name in names if name not in known]:
                raise StatementError(f"{option} names {unknown[0]}, which is no parameter: there are {listed(known)}")
        if idle := [name for name in self.learning.factors if name not in trained]:
            raise StatementError(f"rate_factors names {idle[0]}, which train leaves out: add it there")
        return tuple(name for name in known if name not in trained)

    def _of_real_inputs(self) -> tuple[str, ...]:
        """The inputs whose entries are real numbers that may change one by one, as far as equations read them."""
        fixed = {p.tensor for p in self._promises if isinstance(p, Mask | SumsToOne)}
        read = {name for e in self._equations for name in symbols_read(e.expression)}
        data = (t for t in self._data if t.about is None and t.places is None and t.role == Role.INPUT)
        real = [t for t in data if t not in fixed]
        return tuple(t.name for t in real if t.name in read)

    # Checks.

    def _so_far(self) -> ForwardPass:
        """What is stated so far."""
        stated = tuple(self._equations), tuple(self._data), tuple(self._parameters)
        return ForwardPass(*stated, self.supply, constants=self._constants)

    def _check(self, equation: Equation) -> None:
        """Check an equation as soon as it is stated, and let others read its tensor."""
        left = [i.name for i in equation.indices]
        if len(set(left)) < len(left):
            raise StatementError(f"the equation of {equation.target.name} has an index twice on its left")
        checks = self._checks
        read = {s for s in equation.expression.free_symbols - checks.extents if not isinstance(s, Index)}
        lost = [s.name for s in read if self._kinds.get(s.name) == SIZE]
        if lost:
            raise StatementError(
                f"the equation of {equation.target.name} reads the size {min(lost)}, which no tensor stated before has"
            )
        checks.check(equation, checks.tensors.keys())
        checks.add(equation.target)

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


def _outermost(expression: Expr) -> Iterator[Any]:
    """What is stopped in a formula, without what is stopped within it."""
    if isinstance(expression, STOP):
        yield expression
        return
    for argument in expression.args:
        yield from _outermost(argument)


def _averaged(term: Expr) -> Expr:
    """Average a term over the samples; a single sum gets the samples as its last index."""
    fixed, varying = term.as_independent(SAME_SAMPLE, as_Add=False)
    return fixed * total(varying, SAME_SAMPLE) / SAMPLES


def _others(given: tuple[Any, ...], value: Expr) -> tuple[Index, ...]:
    """The indices of what a recurrence begins with, and that of the samples if it reads one."""
    own = tuple(i for i in given if isinstance(i, Index))
    return (*own, SAME_SAMPLE) if SAME_SAMPLE in value.free_symbols else own
