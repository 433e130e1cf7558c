"""The targets of the table ``files.targets.TARGETS``, and a derivation with its targets."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module

from derive.files.targets import TARGETS
from derive.targets import target
from derive.targets.numpy.target import NumPyTarget
from derive.targets.target import Target
from derive.text.errors import SpecError
from derive.text.known import unknown


class Runnable(target.Runnable):
    """A derivation and its targets."""

    @cached_property
    def _made(self) -> dict[str, Target]:
        return {}

    def target(self, name: str = "numpy") -> Target:
        """Return the target with this name from ``TARGETS``, always the same object; it is imported on demand.

        Raises SpecError for an unknown name.
        """
        if name not in TARGETS:
            raise SpecError(unknown("target", name, TARGETS))
        if name not in self._made:
            self._made[name] = import_module(f"derive.targets.{name}.target").TARGET(self)
        return self._made[name]

    @property
    def numpy_target(self) -> NumPyTarget:
        """The NumPy target, which also has a Python module with a trainer."""
        found = self.target("numpy")
        assert isinstance(found, NumPyTarget)
        return found
