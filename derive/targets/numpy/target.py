"""The NumPy target: it generates the module on first use, and checks it before it returns any file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from sympy import Integer

from derive.calculus.index import Axis
from derive.calculus.program import Program
from derive.calculus.roles import Role
from derive.calculus.shorter import Shorter
from derive.calculus.truncation import window, with_windows
from derive.catalogue.losses import loss
from derive.derived import Derived
from derive.record import record
from derive.statement.network import Network
from derive.targets.fold import fold
from derive.targets.names import code_names
from derive.targets.numpy.equations import statements_of
from derive.targets.numpy.function_bodies import Bodies
from derive.targets.numpy.listing import listing
from derive.targets.numpy.package import Rendered, rendered
from derive.targets.numpy.script import Script, script
from derive.targets.target import Listing
from derive.targets.verify import (
    ENTRYWISE,
    FEW_STEPS,
    LARGEST,
    LEAST_STEPS,
    MOST_STEPS,
    GradientReport,
    check_rendered,
    loaded,
)
from derive.text.errors import SecondRenderingError

#: The largest number of parameters of which the tests beside a module check every entry.
SMALL = 500
#: The largest number of parameters of a network whose second derivatives are checked at its own size.
LARGEST_AGAIN = 20_000


@record
class NumPyTarget:
    """The NumPy module of a derivation, and the report of its check; a ``targets.target.Target``."""

    derived: Derived

    @cached_property
    def rendered(self) -> Rendered:
        """The generated module before its check.

        Raises SecondRenderingError if the second rendering of the steps cannot be made.
        """
        return self._rendered()

    def _rendered(self, second: bool = True) -> Rendered:
        derived, given = self.derived, self.derived.specification
        how = (derived.description, derived.network, derived.targets, given.initialisation, second, self.function)
        measure: tuple[str, tuple[float, ...]] = ("", ())
        if isinstance(given, Network) and given.own_loss is None:
            measure = loss(given.loss).measure
        return rendered(derived.program, derived.notation, derived.forward.promises, given.name, *how, measure)

    @cached_property
    def readable(self) -> Rendered:
        """The generated module, without the second rendering of the steps if that cannot be made."""
        try:
            return self.rendered
        except SecondRenderingError:
            return self._rendered(second=False)

    @property
    def module(self) -> Any:
        """The executed module, also if there is no second rendering of the steps."""
        return loaded(self.readable.linked)

    @property
    def function(self) -> str:
        """The name of the function that computes the derivatives, where no step is taken."""
        return self.derived.product or "backward"

    def files(self, form: str) -> dict[str, str]:
        """Return the files of a form, with their tests if there is a trainer.

        With derivatives of a higher order, these are the files of the first order and those with the equations of the
        others; the trainer of a package has methods for them. Raises ModuleError if the module does not pass its check.
        """
        return self._with_products(form, ())

    @property
    def checked(self) -> Rendered:
        """The generated module. Raises ModuleError if it does not pass its check."""
        self.check().require()
        return self.rendered

    def _with_products(self, form: str, names: tuple[str, ...]) -> dict[str, str]:
        """The files whose trainer has the products of modules of these names."""
        first, rendered = self.derived.first, self.checked
        if first is not None:
            more = [NumPyTarget(d) for d in first.beside()] if first.first is None else []
            found = {f"{target.function}.py": target.checked.layer for target in (self, *more)}
            functions = (self.function, *(target.function for target in more))
            return {**found, **NumPyTarget(first)._with_products(form, (*functions, *names))}
        count = self.derived.parameter_count
        entries = None if count <= SMALL else 20 if count <= ENTRYWISE else 0
        plain = not names or form != "package"
        found = rendered.form(form) if plain else rendered.with_products(names)
        return {**found, **({"test_trainer.py": rendered.tests(entries)} if "trainer.py" in found else {})}

    def listing(self, form: str) -> Listing:
        """Return the listing of the file with the equations, also if there is no second rendering of the steps."""
        return listing(*next(iter(self.readable.form(form).items())), tuple(self._named.items()))

    @cached_property
    def _named(self) -> dict[str, str]:
        """The tensors by their names in code; a new value has the name of what it replaces."""
        program = self.derived.program
        names = code_names(program, self.derived.notation).tensors
        return {names[t.name]: t.name for t in program.tensors.values() if t.role != Role.UPDATED}

    def script(self) -> Script:
        """The equations outside their functions, which are there also without a second rendering.

        An equation of which a stable form makes no use has no code in the module; its code is that of its stated form.
        """
        found, derived = script(self.readable.equations, self._named), self.derived
        unread = [s for s in derived.program.statements if s.target.stored.name not in found.assignments]
        if not unread:
            return found
        known = (derived.program, derived.notation, derived.forward.promises, derived.targets)
        bodies = Bodies(statements_of(*known))
        lines = {s.target.stored.name: (line for whole in bodies.lines(s) for line in fold(whole)) for s in unread}
        return found.with_stated({name: "\n".join(text) for name, text in lines.items()})

    def one_file(self, form: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Return the code as one file; see ``Derivation.numpy``.

        Raises ModuleError if the module does not pass its check, and ValueError for an unknown form.
        """
        self.check().require()
        if form == "predict" and not self.derived.program.upstream:
            return self.rendered.predict(parameters)
        if self.derived.program.upstream:
            return next(iter(self.rendered.form(form).values()))
        if form not in ("single-file", "core"):
            raise ValueError(f"form is {form!r}; expected single-file, core or predict")
        return self.rendered.source if form == "single-file" else self.rendered.core

    def check(self) -> GradientReport:
        """Return the report of the check; see ``Derivation.check``. Raises SecondRenderingError."""
        _ = self.rendered  # raises if the second rendering cannot be made
        return self.report

    @cached_property
    def report(self) -> GradientReport:
        """The report of the check, also if the second rendering of the steps cannot be made."""
        origin = self.derived.origin
        network = origin.network
        if network is not None and origin.parameter_count > (LARGEST if self.derived is origin else LARGEST_AGAIN):
            small = replace(network, layers=small_layers(network.layers))
            found = self.derived.of(Derived.of_network(small))
            return replace(NumPyTarget(found).report, layers=small.layers)
        forward, axes = self.derived.forward, shorter_axes(self.derived.program)
        if windows := shorter_windows(self.derived.program):
            forward = with_windows(forward, windows)
        if axes or windows:
            short = Shorter(axes, forward.tensors).forward(forward)
            steps = next((int(axis.extent) for axis in axes.values()), None)
            checked = Derived.of_pass(short, self.derived.specification.with_values(truncate=None))
            return replace(NumPyTarget(checked).report, steps=steps, windows=windows)
        return check_rendered(self.readable, self.derived.program, self.derived.notation)


TARGET = NumPyTarget


def shorter_axes(program: Program) -> dict[Axis, Axis]:
    """Return shorter axes for the recurrences of a program that take more than ``MOST_STEPS`` steps."""
    long = [r for r in program.recurrences if r.axis.extent.is_Integer and r.axis.extent > MOST_STEPS]
    steps = max([FEW_STEPS, *(2 * r.reach + 1 for r in long)])
    return {r.axis: replace(r.axis, extent=Integer(steps)) for r in long}


def shorter_windows(program: Program) -> int | None:
    """Return the number of steps of shorter windows with which a check crosses a border, or None if it does so anyway.

    A check of recurrences whose number of steps is a name takes ``LEAST_STEPS``, or more.
    """
    found = window(s.equation for s in program.statements)
    extents = [r.axis.extent for r in program.recurrences]
    taken = [e if e.is_Integer and e <= MOST_STEPS else FEW_STEPS if e.is_Integer else LEAST_STEPS for e in extents]
    if found is None or all(found < steps for steps in taken):
        return None
    short = max(2, *(r.reach for r in program.recurrences)) if min(taken) > LEAST_STEPS else LEAST_STEPS - 1
    return short if short < found else None


def small_layers(layers: tuple[int | str, ...]) -> tuple[int, ...]:
    """Return small widths for the same number of layers; neighbours have different widths."""
    return tuple(5 - n % 3 for n in range(len(layers)))
