"""The description of a network in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.biases import BIASES
from derive.catalogue.losses import loss
from derive.learning.optimizers import OPTIMIZERS
from derive.statement.keys import KEYS, exactly
from derive.statement.network import Network
from derive.statement.specification import Specification
from derive.text.entry_text import number_text, printed


def described(specification: Specification) -> str:
    """Describe a network, and how it is trained."""
    if isinstance(specification, Network):
        return f"{_layers(specification)}{_learning(specification)}"
    return f"A network defined by its forward equations.{_learning(specification)}"


def _layers(network: Network) -> str:
    """Describe the widths, activations, biases and loss."""
    names = [printed(name, ACTIVATIONS) for name in network.activation]
    functions = names[0] if len(set(names)) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    noun = "activation" if len(names) == 1 else "activations"
    bias, goal = BIASES[network.bias], loss(network.loss).with_article
    biases = bias.of_one if network.is_one_unit else bias.phrase
    first = f"{titled(network.layers)} with {functions} {noun} and {biases}. The loss is {goal}."
    return f"{first[0].upper()}{first[1:]}"


def _learning(specification: Specification) -> str:
    """Describe the optimizer, unless that is plain gradient descent with a fixed learning rate."""
    changed = [key for key, declared in KEYS.items() if declared.phrase and not specification.is_plain(key)]
    more = [KEYS[key].phrase.format(_shown(getattr(specification, key))) for key in changed]
    said = [] if specification.is_plain("optimizer") else [f"with {printed(specification.optimizer, OPTIMIZERS)}"]
    said += [f"with {_in_a_row(more)}"] if more else []
    return f" The network is trained {', '.join(said)}." if said else ""


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else number_text(exactly(value))


def _in_a_row(words: Sequence[str]) -> str:
    *first, last = words
    if len(first) < 2:
        return " and ".join(words)
    return f"{', '.join(first)}, and {last}"


def titled(layers: Sequence[object]) -> str:
    """Name a network by its widths, with the article; letters are read by their names, 8 as eight.

    >>> titled((8, 1))
    'an 8-1 network'
    """
    widths = spelled(layers)
    article = "an" if widths[0] in "aefhilmnorsx8" or widths.partition("-")[0] in ("11", "18") else "a"
    return f"{article} {widths} network"


def spelled(layers: Sequence[object]) -> str:
    """Write the widths of the layers in a row; a long row is shortened in the middle."""
    shown = [*layers] if len(layers) <= 12 else [*layers[:5], "...", *layers[-3:]]
    return "-".join(map(str, shown))
