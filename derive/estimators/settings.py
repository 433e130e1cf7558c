"""The hidden layers of an estimator, checked in ``fit``: scikit-learn requires constructors without checks."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from derive.learning.optimizers import OPTIMIZERS
from derive.learning.schedules import SCHEDULES
from derive.text.entry_text import parse_entry
from derive.text.errors import SpecError
from derive.text.user_text import shown, width


def hidden_widths(sizes: Any) -> tuple[int, ...]:
    """Return ``hidden_layer_sizes`` as a tuple: a number is one hidden layer.

    >>> hidden_widths(5), hidden_widths([4, 3]), hidden_widths(())
    ((5,), (4, 3), ())
    """
    entries = [sizes] if isinstance(sizes, Integral | str) or not hasattr(sizes, "__iter__") else list(sizes)
    widths = []
    for position, entry in enumerate(entries, 1):
        where = f"hidden_layer_sizes: entry {position}"
        if isinstance(entry, str) or not isinstance(found := width(entry, where), int):
            raise SpecError(f"{where} is {shown(entry)}, where a whole number such as 4 is expected")
        widths.append(found)
    return tuple(widths)


def hidden_activations(activation: Any, layers: int) -> tuple[Any, ...]:
    """Return ``activation`` as a tuple with one entry for each hidden layer."""
    if isinstance(activation, str) or not hasattr(activation, "__iter__"):
        return (activation,) * layers
    names = tuple(activation)
    if len(names) != layers:
        given = f"activation holds {len(names)} name{'s' * (len(names) != 1)}"
        wanted = f"{layers} hidden layer{'s' * (layers != 1)}"
        raise SpecError(f"{given} for {wanted}: give one name for all, or {layers} (output_activation is separate)")
    return names


def solver(text: Any) -> Any:
    """Return ``solver`` if it is an optimizer, with options or without."""
    parse_entry("solver", "optimizers", text, OPTIMIZERS)
    return text


def schedule(text: Any) -> Any:
    """Return ``learning_rate`` if it is a schedule, with options or without."""
    if isinstance(text, Real):
        raise SpecError(
            f"learning_rate is {text}, where the name of a schedule is expected: the number is learning_rate_init"
        )
    parse_entry("learning_rate", "schedules", text, SCHEDULES)
    return text
