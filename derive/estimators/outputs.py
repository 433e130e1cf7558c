"""What the outputs of a network stand for: their activation, their loss, how many there are, how classes are coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from derive.calculus.properties import Values
from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.losses import LOSSES, Loss
from derive.statement.network import SpecError
from derive.targets.numpy.estimator import CLASSES
from derive.text.entry_text import base_name, known_name


@dataclass(frozen=True)
class Outputs:
    """The activation of ``units`` outputs and their loss, as text: both may carry options, as in ``huber(delta=0.5)``.

    Of the classes, the right one is coded as 1 and every other one as ``off``.
    """

    activation: str
    loss: str
    units: int
    off: float = 0.0

    @property
    def _values(self) -> Values | None:
        return ACTIVATIONS[base_name(self.activation)].values

    @property
    def are_probabilities(self) -> bool:
        """Whether each output is the probability of a class."""
        return self._values is not None and self._values.are_probabilities

    @property
    def sum_to_one(self) -> bool:
        """Whether the outputs of a sample share 1 among them."""
        return self._values is Values.DISTRIBUTION

    @property
    def threshold(self) -> float:
        """Above which value a single output stands for the second class."""
        return (1 + self.off) / 2


def for_classes(activation: Any, loss: Any, classes: int) -> Outputs:
    """The outputs of a classifier, where None is chosen: a sigmoid for two classes, a softmax for more.

    Two classes share a single output, but for a softmax. Raises SpecError for a name that is
    unknown or not for classes.

    >>> for_classes(None, None, 3).loss, for_classes("softmax", None, 2).units, for_classes(None, None, 2).units
    ('cross_entropy', 2, 1)
    """
    if activation is None:
        activation = _made_for(loss, "sigmoid" if classes == 2 else "softmax")
    activation = _respelled(activation)
    name = base_name(activation)
    if loss is None:
        made = ACTIVATIONS[name].values
        fitting = (e.name for e in LOSSES.values() if made and e.needs is made and e.targets in CLASSES)
        loss = next(fitting, "half_mse")
    targets = _known_loss(loss).targets
    if targets == "counts":
        raise SpecError(f"loss is {loss!r}, which is for counts, not for classes: use the Regressor, or another loss")
    units = 1 if classes == 2 and ACTIVATIONS[name].elementwise else classes
    return Outputs(activation, loss, units, -1.0 if targets == "signs" else 0.0)


def for_numbers(activation: Any, loss: Any, units: int) -> Outputs:
    """The outputs of a regressor, where None is chosen: the sum itself, and half the squared error.

    Raises SpecError for an unknown name.

    >>> for_numbers(None, "poisson", 1).activation
    'exponential'
    """
    loss = "half_mse" if loss is None else loss
    activation = _made_for(loss, "identity") if activation is None else activation
    _known_loss(loss)
    return Outputs(_respelled(activation), loss, units)


def _made_for(loss: Any, plain: str) -> str:
    """The activation that a loss needs, or the ``plain`` one if it needs none."""
    return plain if loss is None else next(iter(_known_loss(loss).activations), plain)


def _respelled(activation: Any) -> str:
    """An activation under the name that it has here; its options are read later."""
    name = base_name(activation) if isinstance(activation, str) else activation
    known = known_name("output_activation", "activations", name, ACTIVATIONS)
    return str(activation).replace(name, known, 1)


def _known_loss(loss: Any) -> Loss:
    return LOSSES[known_name("loss", "losses", base_name(loss) if isinstance(loss, str) else loss, LOSSES)]
