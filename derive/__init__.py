"""Derive the equations of a network's learning, to read and to run.

>>> from derive import Network, derive
>>> derivation = derive(Network(layers=(3, 4, 4, 1)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from derive.api import Derivation, derive
    from derive.statement.edition import Edition
    from derive.statement.network import Network, SpecError

__all__ = ["Derivation", "Edition", "Network", "SpecError", "__version__", "derive"]

__version__ = "0.1.0"

#: Where each public name lives. SymPy takes longer to import than the whole of
#: `derive --help`, so a name is imported when it is first asked for.
_HOMES = {
    "Derivation": "derive.api",
    "derive": "derive.api",
    "Edition": "derive.statement.edition",
    "Network": "derive.statement.network",
    "SpecError": "derive.statement.network",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
