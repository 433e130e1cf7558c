"""The targets by their names, and a derivation with what it is run by."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from derive.derived import Derived
from derive.targets.numpy.target import NumPyTarget
from derive.targets.target import Target

#: Every target, made from a derivation when it is first asked for. One line for each.
TARGETS: dict[str, Callable[[Derived], Target]] = {"numpy": NumPyTarget}


class Runnable(Derived):
    """A derivation and its targets."""

    @cached_property
    def _made(self) -> dict[str, Target]:
        return {}

    def target(self, name: str = "numpy") -> Target:
        """The target of this name, one of ``TARGETS``."""
        if name not in self._made:
            self._made[name] = TARGETS[name](self)
        return self._made[name]

    @property
    def numpy_target(self) -> NumPyTarget:
        """The target that has a module of Python's, with a trainer, beside what the contract says."""
        found = self.target("numpy")
        assert isinstance(found, NumPyTarget)
        return found
