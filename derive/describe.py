"""A network in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from derive.layers import BIASES
from derive.losses import loss
from derive.spec import Network


def described(network: Network) -> str:
    """Say what a network is: its widths, biases, activations and loss."""
    names = network.activation
    functions = names[0] if len(set(names)) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    noun = "activation" if len(set(names)) == 1 else "activations"
    biases, goal = BIASES[network.bias].phrase, loss(network.loss).phrase
    return f"A network of {spelled(network.layers)} units {biases}, {functions} {noun}, and the loss {goal}."


def spelled(layers: Sequence[object]) -> str:
    """Write the widths of the layers in a row; of very many, the first and the last."""
    shown = [*layers] if len(layers) <= 12 else [*layers[:5], "...", *layers[-3:]]
    return "-".join(map(str, shown))
