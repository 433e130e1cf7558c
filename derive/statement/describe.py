"""A network in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from derive.catalogue.layers import BIASES
from derive.catalogue.losses import loss
from derive.statement.network import KEYS, Network, exactly
from derive.text.entry_text import number_text


def described(network: Network) -> str:
    """Say what a network is: its widths, biases, activations and loss."""
    names = network.activation
    functions = names[0] if len(set(names)) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    noun = "activation" if len(set(names)) == 1 else "activations"
    biases, goal = BIASES[network.bias].phrase, loss(network.loss).phrase
    first = f"A network of {spelled(network.layers)} units {biases}, {functions} {noun}, and the loss {goal}."
    return f"{first}{_learning(network)}"


def _learning(network: Network) -> str:
    """Say how it learns, where that is more than the gradient times a fixed rate."""
    more = [f"weight decay {number_text(exactly(network.l2))}"] if network.l2 else []
    more += [f"gradients clipped at norm {number_text(exactly(network.clip))}"] if network.clip is not None else []
    more += [f"the schedule {network.schedule}"] if network.schedule != KEYS["schedule"].plain else []
    said = [f"with {network.optimizer}"] if network.optimizer != KEYS["optimizer"].plain else []
    said += [f"with {_in_a_row(more)}"] if more else []
    return f" It is trained {', '.join(said)}." if said else ""


def _in_a_row(words: Sequence[str]) -> str:
    *first, last = words
    if len(first) < 2:
        return " and ".join(words)
    return f"{', '.join(first)}, and {last}"


def spelled(layers: Sequence[object]) -> str:
    """Write the widths of the layers in a row; of very many, the first and the last."""
    shown = [*layers] if len(layers) <= 12 else [*layers[:5], "...", *layers[-3:]]
    return "-".join(map(str, shown))
