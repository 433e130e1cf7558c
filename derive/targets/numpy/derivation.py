"""A derivation with its NumPy module, which is made when it is first asked for, and checked before it is given away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from derive.derived import Derived
from derive.targets.numpy.package import Rendered, rendered
from derive.targets.verify import LARGEST, GradientReport, check_rendered
from derive.text.errors import SecondRenderingError


class NumPyDerivation(Derived):
    """A derivation, its NumPy module, and what the check of the module found."""

    @cached_property
    def rendered(self) -> Rendered:
        """The NumPy module as it is made, not checked yet.

        Raises SecondRenderingError if the second rendering of its steps cannot be made.
        """
        return self._rendered()

    def _rendered(self, second: bool = True) -> Rendered:
        name = "network" if self.network is None else str(self.network.name)
        promises = self.forward.promises
        start = "glorot_uniform" if self.network is None else self.network.initialisation
        how = (self.description, self.network, self.targets, start, second)
        return rendered(self.program, self.notation, promises, name, *how)

    @cached_property
    def readable(self) -> Rendered:
        """The same, without the second rendering where that cannot be made."""
        try:
            return self.rendered
        except SecondRenderingError:
            return self._rendered(second=False)

    def listed(self, form: str) -> tuple[str, str]:
        """The name and the text of the file with the equations, which is there also without a second rendering."""
        return next(iter(self.readable.form(form).items()))

    def numpy(self, form: str = "single-file", parameters: Mapping[str, Any] | None = None) -> str:
        """Return the code as one file, once it has been checked as ``check`` says.

        ``form`` is ``single-file`` (equations and trainer), ``core`` (the equations alone) or ``predict`` (the
        forward pass alone, with these ``parameters`` in it, or with a function that loads them).

        Raises StatementError if an equation has no value at the numbers of the check, or the error overflows there.
        Raises ModuleError, naming the equation, if the module does not run or its check
        fails, which is a fault of this program.
        """
        self.check().require()
        if form == "predict":
            return self.rendered.predict(parameters)
        if form not in ("single-file", "core"):
            raise ValueError(f"form is {form!r}; expected single-file, core or predict")
        return self.rendered.source if form == "single-file" else self.rendered.core

    def check(self) -> GradientReport:
        """Check the generated module on random examples: its gradients, and every tensor that it computes.

        The gradients are compared with what is measured, the tensors with an interpreter of the equations. A module
        too large for that is checked as the same network with small layers; the report says so.
        Raises ModuleError if the module does not run, or cannot be made.
        """
        _ = self.rendered  # which raises where it cannot be made
        return self.report

    @cached_property
    def report(self) -> GradientReport:
        """What ``check`` returns, also where the second rendering of the steps cannot be made."""
        if self.network is not None and self.parameter_count > LARGEST:
            small = replace(self.network, layers=small_layers(self.network.layers))
            return replace(NumPyDerivation.of_network(small).report, layers=small.layers)
        return check_rendered(self.readable, self.program, self.notation)


def small_layers(layers: tuple[int | str, ...]) -> tuple[int, ...]:
    """Widths for as many layers, small and different from their neighbours."""
    return tuple(5 - n % 3 for n in range(len(layers)))
