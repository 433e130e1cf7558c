"""Derive the equations of a network's learning, to read and to run.

>>> from derive import Network, derive
>>> derivation = derive(Network(layers=(3, 4, 4, 1)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derive.api import Derivation, derive
    from derive.calculus.forward import ForwardPass
    from derive.calculus.functions import elementwise
    from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Equation, Index, IndexSupply, Tensor, total
    from derive.calculus.promises import SumsToOne
    from derive.statement.edition import Edition
    from derive.statement.network import Network
    from derive.statement.statement import Statement
    from derive.text.errors import ModuleError, OutputError, SpecError, StatementError

__version__ = "0.1.0"

#: Where each public name lives. SymPy takes longer to import than the whole of
#: `derive --help`, so a name is imported when it is first asked for.
_HOMES = {
    name: f"derive.{home}"
    for home, names in {
        "api": "Derivation derive",
        "calculus.forward": "ForwardPass",
        "calculus.functions": "elementwise",
        "calculus.index": "SAMPLES SAMPLE_AXIS Axis Equation Index IndexSupply Tensor total",
        "calculus.promises": "SumsToOne",
        "statement.edition": "Edition",
        "statement.network": "Network",
        "statement.statement": "Statement",
        "text.errors": "ModuleError OutputError SpecError StatementError",
    }.items()
    for name in names.split()
}

__all__ = [
    "SAMPLES",
    "SAMPLE_AXIS",
    "Axis",
    "Derivation",
    "Edition",
    "Equation",
    "ForwardPass",
    "Index",
    "IndexSupply",
    "ModuleError",
    "Network",
    "OutputError",
    "SpecError",
    "Statement",
    "StatementError",
    "SumsToOne",
    "Tensor",
    "__version__",
    "derive",
    "elementwise",
    "total",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def load_ipython_extension(shell: Any) -> None:
    """Give IPython or Jupyter the cell magic ``%%derive``; ``%load_ext derive`` calls this."""
    from derive.command.cell import register

    register(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
