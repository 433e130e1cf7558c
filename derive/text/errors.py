"""Every error that a user may meet; each message is one sentence in the user's own names."""

from __future__ import annotations


class SpecError(ValueError):
    """A specification that makes no network; the message is one sentence for the user."""


class StatementError(ValueError):
    """A forward pass that cannot be derived; the message is one sentence in the user's names."""


class ModuleError(RuntimeError):
    """A generated module that must not be handed out: it does not run, or its check fails."""


class SecondRenderingError(ModuleError):
    """The second rendering of the steps cannot be made."""


class OutputError(ValueError):
    """Files that cannot or must not be written; the message is one sentence for the user."""


class CheckError(ValueError):
    """A path at which there is no generated module."""
