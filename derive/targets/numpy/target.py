"""The NumPy target: its module is made when it is first asked for, and checked before it is given away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from derive.calculus.roles import Role
from derive.derived import Derived
from derive.targets.names import code_names
from derive.targets.numpy.listing import listing
from derive.targets.numpy.package import Rendered, rendered, tests_source
from derive.targets.target import Listing
from derive.targets.verify import ENTRYWISE, LARGEST, GradientReport, check_rendered, loaded
from derive.text.errors import SecondRenderingError

#: Up to how many parameters the tests beside a module go through every entry.
SMALL = 500


@dataclass(frozen=True)
class NumPyTarget:
    """The NumPy module of a derivation, and what the check of the module found; a ``targets.target.Target``."""

    derived: Derived

    @cached_property
    def rendered(self) -> Rendered:
        """The NumPy module as it is made, not checked yet.

        Raises SecondRenderingError if the second rendering of its steps cannot be made.
        """
        return self._rendered()

    def _rendered(self, second: bool = True) -> Rendered:
        derived, network = self.derived, self.derived.network
        name = "network" if network is None else str(network.name)
        start = "glorot_uniform" if network is None else network.initialisation
        how = (derived.description, network, derived.targets, start, second)
        return rendered(derived.program, derived.notation, derived.forward.promises, name, *how)

    @cached_property
    def readable(self) -> Rendered:
        """The same, without the second rendering where that cannot be made."""
        try:
            return self.rendered
        except SecondRenderingError:
            return self._rendered(second=False)

    @property
    def module(self) -> Any:
        """The module, executed; it is there also without a second rendering."""
        return loaded(self.readable.linked)

    def files(self, form: str) -> dict[str, str]:
        """The files of a form once they have been checked, with their tests where there is a trainer."""
        self.check().require()
        count = self.derived.parameter_count
        entries = None if count <= SMALL else 20 if count <= ENTRYWISE else 0
        tests = {"test_trainer.py": tests_source(entries)} if form in ("package", "single-file") else {}
        return {**self.rendered.form(form), **tests}

    def listing(self, form: str) -> Listing:
        """The file with the equations, which is there also without a second rendering."""
        program = self.derived.program
        names = code_names(program, self.derived.notation).tensors
        tensors = {names[t.name]: t.name for t in program.tensors.values() if t.role != Role.UPDATED}
        return listing(*next(iter(self.readable.form(form).items())), tuple(tensors.items()))

    def one_file(self, form: str, parameters: Mapping[str, Any] | None = None) -> str:
        """The code as one file, once it has been checked: what ``Derivation.numpy`` returns."""
        self.check().require()
        if form == "predict":
            return self.rendered.predict(parameters)
        if form not in ("single-file", "core"):
            raise ValueError(f"form is {form!r}; expected single-file, core or predict")
        return self.rendered.source if form == "single-file" else self.rendered.core

    def check(self) -> GradientReport:
        """What the check of the module found: what ``Derivation.check`` returns."""
        _ = self.rendered  # which raises where it cannot be made
        return self.report

    @cached_property
    def report(self) -> GradientReport:
        """What ``check`` returns, also where the second rendering of the steps cannot be made."""
        network = self.derived.network
        if network is not None and self.derived.parameter_count > LARGEST:
            small = replace(network, layers=small_layers(network.layers))
            return replace(NumPyTarget(Derived.of_network(small)).report, layers=small.layers)
        return check_rendered(self.readable, self.derived.program, self.derived.notation)


def small_layers(layers: tuple[int | str, ...]) -> tuple[int, ...]:
    """Widths for as many layers, small and different from their neighbours."""
    return tuple(5 - n % 3 for n in range(len(layers)))
