"""The description of a network in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.biases import BIASES
from derive.catalogue.losses import loss
from derive.learning.optimizers import OPTIMIZERS
from derive.statement.keys import KEYS, Widths, exactly, is_layer
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
    functions = names[0] if len(set(names)) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
    noun = "activation" if len(names) == 1 else "activations"
    bias, goal = BIASES[network.bias], _goal(network)
    biases = bias.of_one if network.is_one_unit else bias.phrase
    if network.is_dense:
        first = f"{titled(network.layers)} with {functions} {noun} and {biases}"
    else:
        dense = f"; its dense layers have {functions} {noun} and {biases}" if names else ""
        first = f"a network of {_row_of(network.layers)}{dense}"
    return f"{first[0].upper()}{first[1:]}. The loss is {goal}."


def _goal(network: Network) -> str:
    stated = network.own_loss
    if stated is None:
        return loss(network.loss).with_article
    return f"{f'{stated.name}, ' if stated.name else ''}{stated.formula}, averaged over the samples"


def _row_of(layers: Widths) -> str:
    """The inputs and the layers in words; a long row is shortened in the middle."""
    inputs, *others = layers
    said = [str(entry) if is_layer(entry) else f"a dense layer of {entry}" for entry in others]
    said = [f"{inputs} input{'s' * (inputs != 1)}", *(said if len(said) <= 12 else [*said[:4], "...", *said[-3:]])]
    return f"{', '.join(said[:-1])} and {said[-1]}"


def _learning(specification: Specification) -> str:
    """Describe the optimizer, unless that is plain gradient descent with a fixed learning rate."""
    changed = [key for key, declared in KEYS.items() if declared.phrase and not specification.is_plain(key)]
    more = [KEYS[key].phrase.format(_shown(key, getattr(specification, key))) for key in changed]
    said = [] if specification.is_plain("optimizer") else [f"with {printed(specification.optimizer, OPTIMIZERS)}"]
    said += [f"with {_in_a_row(more)}"] if more else []
    whole = f" The network is trained {', '.join(said)}." if said else ""
    if specification.train is not None:
        names = specification.train.split(", ")
        whole += f" Only {_in_a_row(names)} {'is' if len(names) == 1 else 'are'} trained."
    rates = [f"{number_text(factor)} for {name}" for name, factor in specification.factors.items()]
    return whole + (f" Learning rates are multiplied by {_in_a_row(rates)}." if rates else "")


def _shown(key: str, value: str | float) -> str:
    if key == "clip":
        return value if isinstance(value, str) else f"norm {number_text(exactly(value))}"
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
