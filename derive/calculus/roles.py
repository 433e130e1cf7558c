"""The roles of tensors in a network, and groups of roles.

A role is a string. A statement may use other roles, which have no meaning to any stage.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The roles that some stage distinguishes."""

    # Roles that a statement may use.
    INPUT = "input"
    #: What is drawn anew in each step of training; a prediction reads its mean.
    RANDOM = "random"
    TARGET = "target"
    #: The weights of samples, and which targets are known: read by the error alone, as targets are.
    SAMPLE_WEIGHT = "sample weight"
    KNOWN = "known"
    WEIGHT = "weight"
    BIAS = "bias"
    PREACTIVATION = "preactivation"
    ACTIVATION = "activation"
    PREDICTION = "prediction"
    AUGMENTED = "augmented"
    ERROR = "error"
    #: The shared factors and the gradients of a derivation, in a statement that has its equations.
    STATED_FACTOR = "stated factor"
    STATED_GRADIENT = "stated gradient"
    #: Any other tensor of a statement.
    PLAIN = "tensor"

    # Roles of derived tensors.
    PENALTY = "penalty"
    FACTOR = "factor"
    GRADIENT = "gradient"
    #: The new value of a parameter or a state after the step.
    UPDATED = "updated"
    #: The running average of a tensor, which a step replaces and a prediction reads.
    RUNNING = "running"

    # The numbers of a step.
    CONSTANT = "constant"
    LEARNING_RATE = "learning_rate"
    RATE = "rate"
    STEP = "step"
    SQUARE_NORM = "square_norm"
    CLIP_SCALE = "clip_scale"
    CORRECTION = "correction"

    # Intermediate values of a softmax in the fast steps.
    POWERS = "powers"
    SUMS = "sums"


#: The data that predictions do not read, in the order of arguments.
COMPARED = (Role.TARGET, Role.SAMPLE_WEIGHT, Role.KNOWN)
#: The tensors that come with the data.
DATA = frozenset({Role.INPUT, Role.RANDOM, *COMPARED})
#: The roles that a statement may use.
STATED = DATA | {Role.WEIGHT, Role.BIAS, Role.PREACTIVATION, Role.ACTIVATION, Role.PREDICTION}
STATED |= {Role.AUGMENTED, Role.ERROR, Role.PENALTY, Role.STATED_FACTOR, Role.STATED_GRADIENT}
#: Plain numbers in the update rule that have a letter of their own.
OF_A_STEP = frozenset({Role.CONSTANT, Role.STEP, Role.SQUARE_NORM, Role.CLIP_SCALE, Role.CORRECTION})
#: Plain numbers that are the same for all parameters.
NUMBERS = OF_A_STEP | {Role.LEARNING_RATE, Role.RATE, Role.PENALTY}
