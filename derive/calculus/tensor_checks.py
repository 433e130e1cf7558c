"""Checks of the tensors, the constants and the promises of a forward pass."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from fractions import Fraction

from sympy import Expr, Rational, Symbol

from derive.calculus.drawn import Drawn
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Equation, Tensor
from derive.calculus.normal_form import Stated, exact_number
from derive.calculus.promises import Promise, SumsToOne
from derive.calculus.roles import Role
from derive.calculus.running import Running
from derive.text.errors import StatementError
from derive.text.user_text import cut, shown

#: The range of numbers in an equation: they must be representable in float64.
LEAST, MOST = Fraction(1, 10**300), Fraction(10**300)
#: The greatest length of an expression in a message.
LONGEST = 40
#: The greatest length of the name of a tensor.
_LONGEST_NAME = 100


def check_tensors(forward: Stated) -> None:
    """Check everything but the right sides of the equations. Raises StatementError for the first failure."""
    _check_types(forward)
    _check_names(forward)
    _check_data(forward)
    _check_constants(forward.constants)
    for tensor in forward.tensors.values():
        _check_axes(tensor)
    _check_widths(forward)


def expect(value: object, wanted: type, what: str, description: str) -> None:
    """Raise StatementError unless ``value`` has the type ``wanted``: ``what`` it is, where ``description`` is expected.

    >>> expect(3, tuple, "the inputs are", "a tuple of Tensor")
    Traceback (most recent call last):
    derive.text.errors.StatementError: the inputs are 3, where a tuple of Tensor is expected
    """
    if not isinstance(value, wanted):
        raise StatementError(f"{what} {_described(value)}, where {description} is expected")


def _described(value: object) -> str:
    """Describe a value of a wrong type: a number or a string by its value, anything else by its type."""
    if isinstance(value, str | bool | int | float) or value is None:
        return shown(value)
    return _with_article(type(value).__name__)


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeio' else 'a'} {name}"


def check_size(value: Fraction, where: str) -> None:
    """Raise StatementError if a number is out of the range of float64."""
    if value and not LEAST <= abs(value) <= MOST:
        size = "large" if abs(value) > 1 else "small"
        raise StatementError(f"{where} is {cut(str(value), LONGEST)}, which is too {size} for float64")


def _check_types(forward: Stated) -> None:
    expect(forward.constants, Mapping, "the constants are", "a dict of numbers by their names")
    needed = {"equations": "the error needs one", "parameters": "at least one tensor must be learned"}
    for kind, wanted in (
        ("promises", Promise),
        ("equations", Equation),
        ("inputs", Tensor),
        ("parameters", Tensor),
        ("running", Running),
    ):
        parts = getattr(forward, kind)
        expect(parts, tuple, f"the {kind} are", f"a tuple of {wanted.__name__}")
        for part in parts:
            expect(part, wanted, f"the {kind} contain", _with_article(wanted.__name__))
        if not parts and kind in needed and not (kind == "parameters" and forward.sought):
            raise StatementError(f"there are no {kind}: {needed[kind]}")
    for equation in forward.equations:
        expect(equation.target, Tensor, "the target of an equation is", "a Tensor")
    for tensor in (*forward.inputs, *forward.parameters, *(e.target for e in forward.equations)):
        _check_fields(tensor)


def _check_fields(tensor: Tensor) -> None:
    if not isinstance(tensor.name, str) or not tensor.name.isidentifier():
        raise StatementError(f"{shown(tensor.name)} is not a valid name of a tensor: use letters, digits and _")
    if len(tensor.name) > _LONGEST_NAME:
        raise StatementError(
            f"{shown(tensor.name)} has {len(tensor.name)} characters: use a name of at most {_LONGEST_NAME}"
        )
    expect(tensor.role, str, f"the role of {tensor.name} is", "a string")
    expect(tensor.axes, tuple, f"the axes of {tensor.name} are", "a tuple of Axis")
    for number, axis in enumerate(tensor.axes, 1):
        expect(axis, Axis, f"axis {number} of {tensor.name} is", "an Axis")


def _check_names(forward: Stated) -> None:
    """Check that every name has one meaning."""
    meaning: dict[str, str] = {}
    stated = [(t.name, "an input") for t in forward.inputs] + [(t.name, "a parameter") for t in forward.parameters]
    stated += [(e.target.name, "a tensor with an equation") for e in forward.equations]
    stated += [(name, "a constant") for name in forward.constants]
    for name, what in stated:
        if name in meaning:
            problem = "is stated twice" if meaning[name] == what else f"is {meaning[name]} and {what}"
            raise StatementError(f"{name} {problem}: give one of them another name")
        meaning[name] = what


def _check_data(forward: Stated) -> None:
    """Check the roles and the axes of what is given and learned."""
    drawn = [p.tensor for p in forward.promises if isinstance(p, Drawn)]
    for tensor in forward.inputs:
        if not tensor.is_data:
            raise StatementError(
                f"the input {tensor.name} has the role {tensor.role!r}, where 'input' or 'target' is expected"
            )
        if any(a.sample for a in tensor.axes[:-1]):
            raise StatementError(f"the axis of the samples must be the last one of the {tensor.role} {tensor.name}")
        if tensor.role == Role.RANDOM and tensor not in drawn:
            raise StatementError(f"{tensor.name} is random, and has no distribution, such as bernoulli(0.5)")
    for tensor in forward.parameters:
        if any(a.sample for a in tensor.axes):
            raise StatementError(f"the parameter {tensor.name} has an axis of samples, but is the same for all samples")
    given_reals = {t.name for t in forward.inputs if t.places is None and t.role != Role.RANDOM}
    for name in forward.sought:
        if name not in given_reals:
            raise StatementError(f"{name} has no gradient: only an input of real numbers has one on request")
    for promise in forward.promises:
        axes, given = promise.tensor.axes, promise.tensor in forward.inputs
        if not given and promise.tensor not in forward.parameters:
            raise StatementError(f"a promise about {promise.tensor.name}, which is neither given nor learned")
        if isinstance(promise, SumsToOne) and not (
            given and promise.axis < len(axes) and not axes[promise.axis].sample
        ):
            raise StatementError(
                f"a promise about axis {promise.axis} of {promise.tensor.name} is not supported: only an input or a "
                "target can be promised to sum to 1, over an axis that is not that of the samples"
            )


def _check_constants(constants: Mapping[str, Fraction]) -> None:
    for name, value in constants.items():
        number = not isinstance(value, bool) and isinstance(value, numbers.Real | Rational)
        if not isinstance(name, str) or not name.isidentifier():
            raise StatementError(f"{shown(name)} is not a valid name of a constant: use letters, digits and _")
        if not number or not math.isfinite(value):
            raise StatementError(f"the constant {name} is {shown(value)}, where a finite number is expected")
        check_size(exact_number(value), f"the constant {name}")


def _check_axes(tensor: Tensor) -> None:
    for number, axis in enumerate(tensor.axes, 1):
        extent, where = axis.extent, f"axis {number} of {tensor.name}"
        expect(extent, Expr, f"{where} has the extent", "an integer or a symbol")
        if axis.sample or SAMPLES in extent.free_symbols:
            if axis != SAMPLE_AXIS:
                raise StatementError(f"{where} is an axis of samples: use SAMPLE_AXIS for it")
            continue
        expect(axis.start, int, f"{where} has the start", "an integer")
        whole, symbols = extent.as_coeff_Add()
        if not whole.is_Integer or (not symbols.is_Symbol and symbols != 0):
            raise StatementError(
                f"{where} has the extent {cut(str(extent), LONGEST)}, where an integer, a symbol n or n + 1 is expected"
            )
        if symbols == 0 and whole < 1:
            raise StatementError(f"{where} has the extent {whole}, where at least 1 is expected")
        if symbols != 0 and not (symbols.is_integer and symbols.is_positive):
            positive = f"Symbol({symbols.name!r}, integer=True, positive=True)"
            raise StatementError(f"{where} has the extent {symbols.name}, which must be a positive integer: {positive}")


def _check_widths(forward: Stated) -> None:
    """Check that a symbolic width has a unique name and is the extent of a parameter's axis."""
    known = (*(t for t in forward.inputs if t.role != Role.RANDOM), *forward.parameters)
    read = {s.name for t in known for a in t.axes if not a.sample for s in a.extent.free_symbols}
    predicting = {s.name for t in known if not t.is_compared for a in t.axes for s in a.extent.free_symbols}
    for tensor in forward.tensors.values():
        for symbol in (s for a in tensor.axes if not a.sample for s in a.extent.free_symbols):
            name = symbol.name
            if tensor.role == Role.RANDOM and name not in predicting:
                raise StatementError(
                    f"the width {name} of {tensor.name} is that of no input and of no parameter, so that a prediction "
                    f"does not know it: give {name} a number"
                )
            if name in forward.constants or symbol != Symbol(name, integer=True, positive=True):
                raise StatementError(f"{name} is a width of {tensor.name} and something else: rename one of them")
            if name not in read:
                raise StatementError(
                    f"the width {name} of {tensor.name} is not the extent of any axis of what is given or learned, "
                    "so its value is unknown"
                )
