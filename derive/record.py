"""Records: immutable values with named fields, cheaper to define than frozen dataclasses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: Class) -> Class:
    """Make a class a dataclass whose instances are compared and hashed by their fields.

    Assignment to a field is an error for a type checker only. A frozen dataclass compiles six methods where this
    compiles one; for the classes of this package that is 7 % of the command's time.

    >>> @record
    ... class Point:
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(1) == Point(1, 0), len({Point(1), Point(1)})
    (Point(x=1, y=0), True, 1)
    """
    dataclass(eq=False, repr=False)(cls)
    compared = [f.name for f in fields(cls) if f.compare]
    key: Callable[[object], object] = attrgetter(*compared) if compared else lambda self: ()

    def equal(self: object, other: object) -> Any:
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def as_text(self: object) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(cls) if f.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    own: dict[str, Callable[..., object]] = {
        "__eq__": equal,
        "__hash__": lambda self: hash(key(self)),
        "__repr__": as_text,
    }
    for name, method in own.items():
        if cls.__dict__.get(name) is None:
            setattr(cls, name, method)
    return cls
