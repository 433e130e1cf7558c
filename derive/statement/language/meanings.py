"""What names mean in a formula, and the functions that every text knows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sympy import Expr, sqrt

from derive.calculus.functions import SCALAR_FUNCTIONS, STOP
from derive.calculus.index import Axis, Index
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.language.syntax import (
    Node,
)
from derive.statement.quantities import Entries, Size
from derive.text.source import Place

if TYPE_CHECKING:
    from derive.statement.stated import StatementBuilder


def stopped(value: Expr) -> Expr:
    """A value that is taken for a constant."""
    return value if value.is_number else STOP(value)


#: The functions of one number, by their names in a text.
ELEMENTARY: dict[str, Callable[[Expr], Expr]] = {
    **{f.__name__.lower(): f for f in SCALAR_FUNCTIONS},
    "sqrt": sqrt,
    "stop_gradient": stopped,
    **{other: next(f for f in SCALAR_FUNCTIONS if f.__name__ == name) for other, name in (
        ("ln", "log"), ("arcsin", "asin"), ("arccos", "acos"), ("arctan", "atan"),
        ("arcsinh", "asinh"), ("arccosh", "acosh"), ("arctanh", "atanh"),
    )},
}  # fmt: skip
#: What reduces a formula over indices; a maximum and a minimum of several formulas are no reductions.
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "logsumexp")
#: What is normalised over an index that stays free.
NORMALISED = ("softmax", "log_softmax")
KNOWN = (*REDUCTIONS, *NORMALISED, "where", "delta", "diff")
#: What no other function can be called.
RESERVED = frozenset((*ELEMENTARY, *KNOWN, "pi"))


class Unsound(Exception):
    """A name is read whose declaration has an error of its own, so that nothing more needs to be said."""


@dataclass
class Variable:
    """An index of a formula, the axis that it runs over, and the place that says so."""

    name: str
    place: Place
    axis: Axis | None = None
    said: str = ""
    hint: Axis | None = None

    @property
    def index(self) -> Index:
        """The index."""
        assert self.axis is not None
        return Index(self.name, self.axis)


Scope = Mapping[str, Variable]


class Meanings(ABC):
    """What names mean in a frame; the builder of a statement has them."""

    statement: StatementBuilder

    @abstractmethod
    def value(self, name: str) -> Any:
        """A tensor, a constant, a size, a function or a number, or None. Raises Unsound."""

    def own(self, name: str) -> Any:
        """The same for a name that is declared where the formula stands; an index may have any other name."""
        return self.value(name)

    @abstractmethod
    def function(self, name: str) -> str:
        """The name of a function that an argument of a block may stand for."""

    def block(self, name: str) -> str:
        """How a block of this name is used; nothing if there is none."""
        return ""

    @abstractmethod
    def leading(self, name: str) -> tuple[str, ...]:
        """The indices that a tensor is read with besides those that are written."""

    @abstractmethod
    def size(self, node: Node) -> Size | int:
        """A size."""

    @abstractmethod
    def names(self) -> list[str]:
        """All names, for suggestions."""


def is_function(name: str) -> bool:
    """Whether a name is that of a function of one number."""
    return name in ELEMENTARY or (name in ACTIVATIONS and ACTIVATIONS[name].formula is not None)


def described(value: Any) -> str:
    """What a name means, for a message."""
    if isinstance(value, Entries):
        return "a tensor"
    if isinstance(value, Size):
        return "a size"
    return "a function" if callable(value) and not isinstance(value, Expr) else "a number"
