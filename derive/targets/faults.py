"""What is wrong with a generated module: a fault of this program, never of what it was given."""

from __future__ import annotations


class ModuleError(RuntimeError):
    """A generated module that must not be handed out: it does not run, or its check fails."""


class SecondRenderingError(ModuleError):
    """The second rendering of the steps cannot be made."""
