"""All errors that users may see. Each message is one sentence and uses the user's own names."""

from __future__ import annotations


class SpecError(ValueError):
    """An invalid specification of a network."""


class StatementError(ValueError):
    """A forward pass that cannot be differentiated."""


class LinearError(StatementError):
    """An error whose gradients do not depend on what it is differentiated with respect to."""


class ModuleError(RuntimeError):
    """A generated module that does not run or fails its check."""


class SecondRenderingError(ModuleError):
    """The second rendering of the steps cannot be made."""


class OutputError(ValueError):
    """Files that cannot be written, or must not be overwritten."""


class CheckError(ValueError):
    """A path without a generated module."""
