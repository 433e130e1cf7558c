"""The targets by name, and a derivation with its targets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from derive.derived import Derived
from derive.targets.c.target import CTarget
from derive.targets.numpy.target import NumPyTarget
from derive.targets.target import Runnable as RunnableBase
from derive.targets.target import Target

#: Every target by name; it is made from a derivation on first use.
TARGETS: dict[str, Callable[[Derived], Target]] = {"numpy": NumPyTarget, "c": CTarget}


class Runnable(RunnableBase):
    """A derivation and its targets."""

    @cached_property
    def _made(self) -> dict[str, Target]:
        return {}

    def target(self, name: str = "numpy") -> Target:
        """Return the target with this name from ``TARGETS``, always the same object."""
        if name not in self._made:
            self._made[name] = TARGETS[name](self)
        return self._made[name]

    @property
    def numpy_target(self) -> NumPyTarget:
        """The NumPy target, which also has a Python module with a trainer."""
        found = self.target("numpy")
        assert isinstance(found, NumPyTarget)
        return found
