"""A network stated by its forward equations, in index notation, one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sympy import Add, Expr, Indexed, Integer, Mul, Symbol, preorder_traversal

from derive.calculus.affine import affine, misses
from derive.calculus.beginnings import Beginning
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import STOP
from derive.calculus.index import (
    SAMPLE_AXIS,
    SAMPLES,
    Equation,
    Index,
    Tensor,
    delta,
    put,
    symbols_read,
    total,
)
from derive.calculus.normal_form import exact
from derive.calculus.promises import Mask, NotNegative, Promise, SumsToOne, Weights
from derive.calculus.recurrence import early, entries_of, in_order, recurrences
from derive.calculus.roles import Role
from derive.calculus.running import MOMENTUM, Running, check_running
from derive.calculus.tangents import Tangents
from derive.catalogue.losses import loss
from derive.learning.penalties import L1, L2, penalised
from derive.statement.declared import (
    DECLARED,
    DEFINED,
    ERROR,
    INDEX,
    SAMPLE,
    SIZE,
    WEIGHTS,
)
from derive.statement.formulas import Formulas
from derive.statement.keys import entry, exactly
from derive.statement.quantities import SAME_SAMPLE, Entries, Size, formula
from derive.statement.starts import finite, initial
from derive.statement.weighting import entry_by_entry, weighted
from derive.text.entry_text import split_entries
from derive.text.errors import SpecError, StatementError
from derive.text.user_text import listed, shown

#: What the names of stopped tensors end with.
_STOPPED = "bar"
#: What stands for the error where it is not stated yet.
_NO_ERROR = Equation(Tensor("the error", Role.ERROR.value), (), Integer(0))


class StatementBuilder(Formulas):
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

    # What is stopped.

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

    # The whole.

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
