"""The estimator beside the module: scikit-learn's way to the trainer of one network."""

from __future__ import annotations

import textwrap
from typing import Any

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.losses import LOSSES
from derive.files.templates import fill
from derive.statement.describe import described
from derive.statement.network import Network
from derive.targets.names import width_names
from derive.text.entry_text import base_name

#: The kinds of targets of which a loss makes a classifier.
CLASSES = ("unit", "classes", "signs")

#: Optimizers whose steps are as large as the gradient, not as the learning rate alone.
PLAIN = ("sgd", "momentum", "nesterov")


def estimator_source(network: Network) -> str:
    """Render the estimator: a classifier if the loss is for classes, otherwise a regressor."""
    targets = LOSSES[base_name(network.loss)].targets
    kind = "Classifier" if targets in CLASSES else "Regressor"
    context = {**_widths(network), **(_classes(network, targets) if kind == "Classifier" else _numbers(network))}
    intro = "\n".join(textwrap.wrap(described(network), 84))
    return f"# fmt: off\n{fill('numpy/estimator.py.jinja', kind=kind, name=network.name, intro=intro, **context)}"


def _widths(network: Network) -> dict[str, Any]:
    """Where the named widths come from: from the data, or, for hidden layers, from parameters."""
    first, *_, last = network.layers
    names = [width for width in dict.fromkeys(network.layers) if isinstance(width, str)]
    sources = {name: f"self.units_{name}" for name in names}
    sources |= {last: "targets.shape[1]"} if isinstance(last, str) else {}
    sources |= {first: "X.shape[1]"} if isinstance(first, str) else {}
    called = width_names(names)
    return {
        "widths": tuple((name, called[name], source) for name, source in sources.items()),
        "hidden": tuple(name for name in names if name not in (first, last)),
        "inputs": str(first),
        "outputs": str(last),
        "inputs_said": _said(first, "feature"),
        "fixed_inputs": isinstance(first, int),
        "fixed_outputs": isinstance(last, int),
        "rate": "0.1" if base_name(network.optimizer) in PLAIN else "0.001",
    }


def _classes(network: Network, targets: str) -> dict[str, Any]:
    """How classes are coded, and how the outputs are read as classes."""
    last, name = network.layers[-1], base_name(network.activation[-1])
    values = ACTIVATIONS[name].values
    shared = not ACTIVATIONS[name].elementwise
    single = "always" if last == 1 else "never" if shared or isinstance(last, int) else "sometimes"
    of_two = {"always": "known[1:]", "never": "known", "sometimes": "known[1:] if len(known) == 2 else known"}
    return {
        "outputs_said": _said(2 if last == 1 else last, "class", "classes"),
        "classes": max(last, 2) if isinstance(last, int) else None,
        "single": single,
        "shown": of_two[single],
        "off": "-1.0" if targets == "signs" else "0.0",
        "threshold": "0" if targets == "signs" else "0.5",
        "probabilities": values.name.lower() if values and values.are_probabilities else "",
        "y_shape": "the classes",
    }


def _numbers(network: Network) -> dict[str, Any]:
    last = network.layers[-1]
    shape = "(samples,)" if last == 1 else f"(samples, {last})"
    return {"outputs_said": _said(last, "output"), "y_shape": shape}


def _said(width: int | str, one: str, more: str = "") -> str:
    """A count in words; a name is as many as the data have."""
    more = more or f"{one}s"
    return f"any number of {more}" if isinstance(width, str) else f"{width} {one if width == 1 else more}"
