"""The outputs of a network: activation, loss, number, and coding of classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.loss import Loss
from derive.catalogue.losses import LOSSES
from derive.catalogue.losses import loss as stated_loss
from derive.statement.network import SpecError
from derive.targets.numpy.estimator import CLASSES, probabilities
from derive.targets.numpy.runtime.sklearn_kinds import Outputs
from derive.text.entry_text import base_name, known_name


@dataclass(frozen=True)
class Chosen(Outputs):
    """The outputs with their activation and their loss, as text: both may carry options, as in ``huber(delta=0.5)``."""

    activation: str = ""
    loss: str = ""


def for_classes(activation: Any, loss: Any, classes: int) -> Chosen:
    """Choose the outputs of a classifier; by default a sigmoid for two classes, a softmax for more.

    Two classes have a single output, except with a softmax, or a loss that compares the outputs of the classes. Raises
    SpecError for a name that is unknown or not for classes.

    >>> for_classes(None, None, 3).loss, for_classes("softmax", None, 2).units, for_classes(None, None, 2).units
    ('cross_entropy', 2, 1)
    """
    if activation is None:
        usual = "sigmoid" if classes == 2 else "softmax"
        margins = loss is not None and _known_loss(loss).targets == "classes"
        activation = _made_for(loss, "identity" if margins else usual)
    activation = _respelled(activation)
    name = base_name(activation)
    if loss is None:
        made = ACTIVATIONS[name].values
        fitting = (e.name for e in LOSSES.values() if made and e.needs is made and e.targets in CLASSES)
        loss = next(fitting, "half_mse")
    targets = _known_loss(loss).targets
    _refuse_other_outputs(loss)
    if targets in ("counts", "positive"):
        what = "counts" if targets == "counts" else "positive numbers"
        raise SpecError(f"loss is {loss!r}, which is for {what}, not for classes: use the Regressor, or another loss")
    single = classes == 2 and ACTIVATIONS[name].elementwise and targets != "classes"
    units = 1 if single else classes
    meaning = probabilities(name)
    return Chosen(units, -1.0 if targets == "signs" else 0.0, meaning, activation, loss)


def for_labels(activation: Any, loss: Any, labels: int) -> Chosen:
    """Choose the outputs of a classifier of several labels, each of which a sample has or not; by default sigmoids.

    >>> for_labels(None, None, 3).loss, for_labels(None, "hinge", 3).activation
    ('binary_cross_entropy', 'identity')
    """
    chosen = for_classes(activation, loss, 2)
    if loss is not None and _known_loss(loss).targets == "classes":
        raise SpecError(f"loss is {chosen.loss!r}, which has one class for each sample: use binary_cross_entropy")
    if chosen.units == 2 or chosen.probabilities == "distribution":
        raise SpecError(f"output_activation is {chosen.activation!r}, which has one class for each sample: use sigmoid")
    return replace(chosen, units=labels)


def for_numbers(activation: Any, loss: Any, units: int) -> Chosen:
    """Choose the outputs of a regressor; by default the identity, and half the squared error.

    Raises SpecError for an unknown name.

    >>> for_numbers(None, "poisson", 1).activation
    'exponential'
    """
    loss = "half_mse" if loss is None else loss
    activation = _made_for(loss, "identity") if activation is None else activation
    _known_loss(loss)
    _refuse_other_outputs(loss)
    return Chosen(units, activation=_respelled(activation), loss=loss)


def _made_for(loss: Any, plain: str) -> str:
    """The activation that a loss requires, or ``plain`` if it requires none."""
    return plain if loss is None else next(iter(_known_loss(loss).activations), plain)


def _respelled(activation: Any) -> str:
    """Replace a synonym of an activation by its name; its options are read later."""
    name = base_name(activation) if isinstance(activation, str) else activation
    known = known_name("output_activation", "activations", name, ACTIVATIONS)
    return str(activation).replace(name, known, 1)


def _known_loss(loss: Any) -> Loss:
    return LOSSES[known_name("loss", "losses", base_name(loss) if isinstance(loss, str) else loss, LOSSES)]


def _refuse_other_outputs(loss: Any) -> None:
    """Raise SpecError for a loss with another number of outputs than of targets."""
    stated = stated_loss(loss)
    if not stated.is_plain:
        raise SpecError(
            f"loss is {loss!r}, which has {stated.outputs_said}, where an estimator predicts one number for each "
            "target: derive a Network with it, and use its Trainer"
        )
