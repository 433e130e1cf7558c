"""What a tensor is to its network, and which roles are asked about together.

A role is a text; a statement may give a tensor one of its own, which then means nothing to any stage.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The roles of which some stage asks."""

    # Those that a statement may give.
    INPUT = "input"
    TARGET = "target"
    WEIGHT = "weight"
    BIAS = "bias"
    PREACTIVATION = "preactivation"
    ACTIVATION = "activation"
    PREDICTION = "prediction"
    AUGMENTED = "augmented"
    ERROR = "error"
    #: Any other tensor of a statement.
    PLAIN = "tensor"

    # Those of what is derived.
    PENALTY = "penalty"
    FACTOR = "factor"
    GRADIENT = "gradient"
    #: A parameter, or what is kept for it, after the step.
    UPDATED = "updated"

    # The numbers of a step.
    CONSTANT = "constant"
    LEARNING_RATE = "learning_rate"
    RATE = "rate"
    STEP = "step"
    SQUARE_NORM = "square_norm"
    CLIP_SCALE = "clip_scale"
    CORRECTION = "correction"

    # What the fast steps make of a softmax.
    POWERS = "powers"
    SUMS = "sums"


#: What comes with the data.
DATA = frozenset({Role.INPUT, Role.TARGET})
#: What a statement may say that a tensor is.
STATED = DATA | {Role.WEIGHT, Role.BIAS, Role.PREACTIVATION, Role.ACTIVATION, Role.PREDICTION}
STATED |= {Role.AUGMENTED, Role.ERROR}
#: Plain numbers that stand in the rule of a step under a letter of their own.
OF_A_STEP = frozenset({Role.CONSTANT, Role.STEP, Role.SQUARE_NORM, Role.CLIP_SCALE, Role.CORRECTION})
#: Plain numbers, the same for all parameters.
NUMBERS = OF_A_STEP | {Role.LEARNING_RATE, Role.RATE, Role.PENALTY}
