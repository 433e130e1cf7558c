"""A network in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from derive.catalogue.layers import BIASES
from derive.catalogue.losses import loss
from derive.statement.network import Network, exactly
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
    said = [network.optimizer] if network.optimizer != "sgd" else []
    said += [f"weight decay of {number_text(exactly(network.l2))}"] if network.l2 else []
    said += [f"gradients clipped at the norm {number_text(exactly(network.clip))}"] if network.clip is not None else []
    said += [f"the schedule {network.schedule}"] if network.schedule != "constant" else []
    return f" It learns with {', '.join(said[:-1])}{' and ' if said[1:] else ''}{said[-1]}." if said else ""


def spelled(layers: Sequence[object]) -> str:
    """Write the widths of the layers in a row; of very many, the first and the last."""
    shown = [*layers] if len(layers) <= 12 else [*layers[:5], "...", *layers[-3:]]
    return "-".join(map(str, shown))
