"""The source of a scikit-learn estimator that trains one network with the package beside it."""

from __future__ import annotations

import textwrap
from typing import Any

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.losses import loss
from derive.files.templates import fill
from derive.statement.describe import described
from derive.statement.network import Network
from derive.targets.names import width_names
from derive.targets.numpy.imports import import_lines, merged
from derive.text.entry_text import base_name
from derive.text.errors import SpecError

#: The kinds of targets for which the estimator is a classifier.
CLASSES = ("unit", "classes", "signs")

#: Optimizers whose steps are proportional to the gradient, so that they need a larger learning rate.
PLAIN = ("sgd", "momentum", "nesterov")

#: The training parameters of an estimator except the learning rate: name, type and default as code.
_SETTINGS = (
    ("batch_size", "int | str", "200"),
    ("max_iter", "int", "200"),
    ("shuffle", "bool", "True"),
    ("random_state", "Any", "None"),
    ("tol", "float | None", "1e-4"),
    ("n_iter_no_change", "int", "10"),
    ("early_stopping", "bool", "False"),
    ("validation_fraction", "float", "0.1"),
    ("warm_start", "bool", "False"),
    ("verbose", "bool", "False"),
    ("dtype", "str", '"float64"'),
)

#: The beginning of the file of the base classes.
_BASE = '''\
# fmt: off
"""What every estimator for scikit-learn does: it checks, trains and predicts.

A subclass has the parameters, and makes a trainer for the data that it is fitted to.
Only NumPy and scikit-learn, from version 1.6, are needed.
"""

# mypy: disable-error-code="import-untyped, import-not-found, misc, untyped-decorator"

'''


def estimator_files(network: Network) -> dict[str, str]:
    """Return the files of the estimator, a classifier if the loss is for classes and otherwise a regressor."""
    stated = loss(network.loss)
    if not stated.is_plain:
        raise SpecError(
            f"loss {network.loss} has {stated.outputs_said}, where an estimator predicts one number for each target: "
            "leave out the estimator, and use the trainer"
        )
    targets = stated.targets
    first, *_, last = network.layers
    names = [width for width in dict.fromkeys(network.layers) if isinstance(width, str)]
    hidden = tuple(name for name in names if name not in (first, last))
    # A width shared by several layers is taken from the data if the inputs or the outputs have it.
    sources = {name: f'count("units_{name}", self.units_{name})' for name in names}
    sources |= {last: "targets.shape[1]"} if isinstance(last, str) else {}
    sources |= {first: "X.shape[1]"} if isinstance(first, str) else {}
    called = width_names(names)
    of_kind = _classes(network, targets) if targets in CLASSES else _numbers(last)
    weighted = network.sample_weight != "none"
    base = f"{'Weighted' * weighted}{of_kind['kind']}Base"
    imported = sorted(["Array", base, *(["Outputs"] if targets in CLASSES else [])])
    by_class = [("class_weight", "Any", "None")] if weighted and targets in CLASSES else []
    source = fill(
        "numpy/estimator.py.jinja",
        name=network.name,
        intro="\n".join(textwrap.wrap(described(network), 84)),
        widths=tuple((called[name], value) for name, value in sources.items()),
        hidden=hidden,
        inputs=first,
        inputs_said=_said(first, "feature"),
        fixed_inputs=first if isinstance(first, int) else None,
        fixed_outputs=last if isinstance(last, int) else None,
        settings=(
            *by_class,
            ("learning_rate_init", "float", "0.1" if base_name(network.optimizer) in PLAIN else "0.001"),
            *_SETTINGS,
        ),
        base=base,
        by_class=by_class,
        imported=imported + (["count"] if hidden else []),
        **of_kind,
    )
    imports, code = merged(("sklearn_settings", "sklearn_base", "sklearn_kinds"))
    return {
        "estimator.py": f"# fmt: off\n{source}",
        "_estimator.py": f"{_BASE}from __future__ import annotations\n\n{import_lines(imports)}\n{code}",
    }


def _classes(network: Network, targets: str) -> dict[str, Any]:
    """The context of a classifier: the coding of the classes, and the meaning of the outputs."""
    last, name = network.layers[-1], base_name(network.activation[-1])
    single = isinstance(last, str) and ACTIVATIONS[name].elementwise
    return {
        "kind": "Classifier",
        "outputs_said": _said(2 if last == 1 else last, "class", "classes"),
        "y_shape": "the classes, (samples,)",
        "units": last if isinstance(last, int) else "1 if classes == 2 else classes" if single else "classes",
        "off": "-1.0" if targets == "signs" else "0.0",
        "probabilities": probabilities(name),
    }


def probabilities(activation: str) -> str:
    """Return the kind of probabilities that an activation gives, by its name in the runtime; empty if none."""
    values = ACTIVATIONS[activation].values
    return values.name.lower() if values and values.are_probabilities else ""


def _numbers(last: int | str) -> dict[str, Any]:
    """The context of a regressor."""
    shape = "(samples,)" if last == 1 else f"(samples, {last})"
    return {"kind": "Regressor", "outputs_said": _said(last, "output"), "y_shape": shape}


def _said(width: int | str, one: str, more: str = "") -> str:
    """A number of things in words; a symbolic width is any number."""
    more = more or f"{one}s"
    return f"any number of {more}" if isinstance(width, str) else f"{width} {one if width == 1 else more}"
