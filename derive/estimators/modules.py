"""The generated modules of the estimators: derived once for each form of network, loaded once for each source.

The derivation has symbolic widths, so that a search over layer sizes or feature subsets
derives only once.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from threading import Lock
from types import ModuleType
from typing import Any

from derive.api import Derivation, derive
from derive.statement.network import Network
from derive.targets.verify import loaded

#: Estimators may be fitted in several threads; SymPy is not guaranteed to be thread-safe.
_ONE_AT_A_TIME = Lock()


def named(widths: tuple[int, ...]) -> tuple[int | str, ...]:
    """Replace widths by names; a single output stays a number, since its equations have no sum over outputs.

    >>> named((64, 32, 10)), named((4, 16, 8, 1)), named((3, 1))
    (('n', 'h', 'k'), ('n', 'h_1', 'h_2', 1), ('n', 1))
    """
    hidden = len(widths) - 2
    names = ["h"] if hidden == 1 else [f"h_{layer}" for layer in range(1, hidden + 1)]
    return ("n", *names, 1 if widths[-1] == 1 else "k")


def derivation_of(network: Network) -> Derivation:
    """Return the derivation of a network, cached for the process."""
    with _ONE_AT_A_TIME:
        return _derived(network)


@lru_cache(maxsize=64)
def _derived(network: Network) -> Derivation:
    return derive(network)


@lru_cache(maxsize=128)
def module_of(source: str) -> ModuleType:
    """Return the module with this source."""
    return loaded(source)


def packed(trainer: Any) -> bytes:
    """Return a trainer as bytes, in its own file format."""
    content = BytesIO()
    trainer.save(content)
    return content.getvalue()


def unpacked(source: str, content: bytes) -> Any:
    """Return the trainer from a module's source and the bytes of ``packed``."""
    return module_of(source).Trainer.load(BytesIO(content))
