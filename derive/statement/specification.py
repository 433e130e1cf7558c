"""What a network and a statement have in common: how they are called and written, and how they learn."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

from derive.statement.keys import KEYS, exactly, package_name, with_options
from derive.statement.own import toml_tables
from derive.text.entry_text import split_entries

if TYPE_CHECKING:
    from derive.calculus.forward import ForwardPass
    from derive.learning.descent import Descent


#: The keys that are no matter of layers.
LEARNING = (
    *("name", "notation", "optimizer", "l1", "l2", "clip", "schedule", "initialisation", "order", "truncate"),
    *("sample_weight", "missing", "gradients", "constraint", "train", "rate_factors"),
)


class Specification:
    """The name, the notation and the learning options; see ``Network``."""

    name: str
    notation: str
    optimizer: str
    l1: float
    l2: float
    clip: float | str | None
    schedule: str
    initialisation: str
    order: int
    truncate: int | None
    sample_weight: str
    missing: str
    gradients: str
    constraint: str | None
    train: str | None
    rate_factors: str | None

    def values(self) -> dict[str, Any]:
        """The arguments that make this specification."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @property
    def descent(self) -> Descent:
        """The optimizer, the schedule, the clipping and the constraint, with their options."""
        from derive.learning.clippings import CLIPPINGS
        from derive.learning.descent import Descent

        stepping = *with_options("optimizer", self.optimizer), *with_options("schedule", self.schedule)
        clipping, limit = CLIPPINGS["norm"], None
        if isinstance(self.clip, str):
            clipping, options = with_options("clip", self.clip)
            limit = options["limit"]
        elif self.clip is not None:
            limit = exactly(self.clip)
        held = None if self.constraint is None else with_options("constraint", self.constraint)
        constraint, bounds = held or (None, {})
        return Descent(*stepping, limit, clipping, constraint, bounds, self.factors)

    @property
    def factors(self) -> dict[str, Fraction]:
        """The factors of the learning rates of single parameters, by their names."""
        pairs = (part.split("=") for part in split_entries(self.rate_factors)) if self.rate_factors else ()
        return {name: Fraction(factor) for name, factor in pairs}

    @property
    def digest(self) -> str:
        """A short hash of the whole specification, the same for equal ones."""
        return self.digest_with("")

    def digest_with(self, equations: str) -> str:
        """A short hash of the specification and of equations that are stated."""
        return hashlib.sha256(f"{self.to_toml()}{equations}".encode()).hexdigest()[:12]

    def to_toml(self) -> str:
        """Write the arguments as TOML.

        The basic keys are always written, the others only if they differ from the default.
        """
        rows = {key: value for key, value in self.values().items() if KEYS[key].always or not self.is_plain(key)}
        tables = {key: value for key, value in rows.items() if KEYS[key].types == (dict,)}
        plain = "".join(f"{key} = {_value(rows[key])}\n" for key in KEYS if key in rows and key not in tables)
        return plain + "".join(toml_tables(key, value) for key, value in tables.items())

    def targets_of(self, forward: ForwardPass) -> str:
        """The kind of targets, one of ``loss.TARGETS``."""
        raise NotImplementedError

    def is_plain(self, key: str) -> bool:
        """Whether an argument has its default value."""
        return bool(getattr(self, key) == inspect.signature(type(self)).parameters[key].default)

    def of_order(self, order: int) -> Self:
        """The same with derivatives of another order."""
        return self.with_values(order=order)

    def with_values(self, **values: Any) -> Self:
        """The same with other values of some arguments."""
        return type(self)(**{**self.values(), **values})

    def _fill(self, values: dict[str, Any]) -> None:
        """Set the fields; the values of keys that can be read on their own are read."""
        for field in fields(self):  # type: ignore[arg-type]
            read, value = KEYS[field.name].read, values[field.name]
            object.__setattr__(self, field.name, read(field.name, value) if read else value)


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


@dataclass(frozen=True, init=False)
class Learning(Specification):
    """The specification of a network whose equations are stated; the arguments are those of a ``Network``.

    Raises SpecError for an invalid value.

    >>> Learning(optimizer="Adam").optimizer
    'adam'
    """

    name: str
    notation: str
    optimizer: str
    l1: float
    l2: float
    clip: float | str | None
    schedule: str
    initialisation: str
    order: int
    truncate: int | None
    sample_weight: str
    missing: str
    gradients: str
    constraint: str | None
    train: str | None
    rate_factors: str | None

    def __init__(
        self,
        name: str = "network",
        notation: str = "psi",
        optimizer: str = "sgd",
        l1: float = 0.0,
        l2: float = 0.0,
        clip: float | str | None = None,
        schedule: str = "constant",
        initialisation: str = "glorot_uniform",
        order: int = 1,
        truncate: int | None = None,
        sample_weight: str = "none",
        missing: str = "refuse",
        gradients: str = "parameters",
        constraint: str | None = None,
        train: str | Iterable[str] | None = None,
        rate_factors: str | Mapping[str, float] | None = None,
    ) -> None:
        given = dict(locals())
        self._fill({**given, "name": package_name(name)})

    def targets_of(self, forward: ForwardPass) -> str:
        """The kind of targets: classes if one is promised to sum to 1."""
        from derive.calculus.promises import SumsToOne

        summed = any(isinstance(p, SumsToOne) and p.tensor.role == "target" for p in forward.promises)
        return "classes" if summed else "real"
