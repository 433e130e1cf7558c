"""The generated modules behind the estimators: derived once for each form of network, loaded once for each source.

The widths are given to the derivation as names, so that a search over sizes, or over
subsets of the features, derives once and not once for each size.
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

#: Estimators may be fitted by several threads; SymPy makes no promise about that.
_ONE_AT_A_TIME = Lock()


def named(widths: tuple[int, ...]) -> tuple[int | str, ...]:
    """The widths as names; a single output stays a number, for its equations have no sum over outputs.

    >>> named((64, 32, 10)), named((4, 16, 8, 1)), named((3, 1))
    (('n', 'h', 'k'), ('n', 'h_1', 'h_2', 1), ('n', 1))
    """
    hidden = len(widths) - 2
    names = ["h"] if hidden == 1 else [f"h_{layer}" for layer in range(1, hidden + 1)]
    return ("n", *names, 1 if widths[-1] == 1 else "k")


def derivation_of(network: Network) -> Derivation:
    """The derivation of a network, worked out once in a process."""
    with _ONE_AT_A_TIME:
        return _derived(network)


@lru_cache(maxsize=64)
def _derived(network: Network) -> Derivation:
    return derive(network)


@lru_cache(maxsize=128)
def module_of(source: str) -> ModuleType:
    """The generated module that a source text makes."""
    return loaded(source)


def packed(trainer: Any) -> bytes:
    """A trainer as bytes, in its own format."""
    content = BytesIO()
    trainer.save(content)
    return content.getvalue()


def unpacked(source: str, content: bytes) -> Any:
    """The trainer of a module's source from the bytes that ``packed`` returned."""
    return module_of(source).Trainer.load(BytesIO(content))
