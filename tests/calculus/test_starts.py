"""Parameters that start at 0 are refused where the equations have no value for 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from helpers import axis, closed, define, dense, squares, summed
from sympy import Expr, Piecewise, exp, log, sqrt, tanh

from derive.api import derive
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import X, elementwise
from derive.calculus.index import total
from derive.statement.statement import Statement
from derive.text.errors import StatementError

K = axis(2)


def scaled(formula: Callable[[Expr, Any], Expr], start: Any = None, units: bool = False) -> ForwardPass:
    """``g = formula(z, T)`` of a dense layer z, with the entry of T of the same unit, or its only one."""
    s = Statement()
    x, y = s.input("x", 3), s.target("y", K.extent)
    w = s.parameter("W", K.extent, 3)
    t = s.parameter("T", *([K.extent] if units else []))
    z = dense(s, "z", w, x)
    g = define(s, "g", z.axes, lambda i, u: formula(z[i, u], t[(i,) if units else ()]))
    return closed(s, squares(s, y, g), starts={} if start is None else {"T": start})


@pytest.mark.parametrize(
    ("formula", "start", "said"),
    [
        (lambda z, t: z / t, 0, "divides by T, which"),
        (lambda z, t: z / t, "zeros", "divides by T, which"),
        (lambda z, t: z / tanh(t), None, "divides by tanh(T), which"),
        (lambda z, t: z + log(t), None, "takes the logarithm of T, which"),
        (lambda z, t: z + sqrt(t), 0, "takes a root of T, which"),
        (lambda z, t: z + elementwise("inverse", 1 / X)(t), None, "divides by T, which"),
        (lambda z, t: Piecewise((z, z > 0), (z + log(t), True)), None, "takes the logarithm of T, which"),
    ],
)
@pytest.mark.parametrize("units", [False, True])
def test_what_has_no_value_at_the_start_is_refused(formula: Any, start: Any, said: str, units: bool) -> None:
    start = (start, 1) if units and start == 0 else start
    with pytest.raises(StatementError) as refused:
        derive(scaled(formula, start, units))
    assert str(refused.value).replace("T[i00004]", "T").startswith(f"the equation of g {said}")
    assert str(refused.value).endswith("is 0 before the first step: give T another start than 0")


@pytest.mark.parametrize(
    ("formula", "start"),
    [
        (lambda z, t: z / t, None),  # a factor starts at 1
        (lambda z, t: z / t, 2),
        (lambda z, t: z / (t + 1), None),
        (lambda z, t: z + exp(-t), None),
        (lambda z, t: z + log(t), 1),
        (lambda z, t: Piecewise((z + log(t), t > 0), (z + t, True)), None),
    ],
)
def test_what_has_a_value_at_the_start_is_accepted(formula: Any, start: Any) -> None:
    scaled(formula, start).check()


def test_a_tensor_that_is_0_at_the_start_is_followed() -> None:
    s = Statement()
    x, y, t = s.input("x", 3), s.target("y", K.extent), s.parameter("T", K.extent)
    z = dense(s, "z", s.parameter("W", K.extent, 3), x)
    size = define(s, "r", (), lambda: summed(s, K, lambda i: t[i,] ** 2), role="r")
    g = define(s, "g", z.axes, lambda i, u: z[i, u] + 1 / sqrt(size[()]))
    forward = closed(s, squares(s, y, g) + total(t[(i := s.supply.fresh(K)),], i), starts={"T": 0})
    with pytest.raises(StatementError, match=r"divides by r, which is 0 .*: give T another start than 0"):
        derive(forward)


@pytest.mark.parametrize("extreme", ["max(prod(b[r], r), o)", "max(max(b[r], r), 1)", "min(prod(b[r] + 2, r), o, 9)"])
def test_products_and_maxima_of_what_starts_at_0_are_compared(extreme: str) -> None:
    text = "size n = 3\ninput x[n]\ntarget y\nparameter W[n], b[n] = 0\no = sum(W[i] * x[i], i)\nE = (y - o)**2 + "
    Statement(text + extreme).forward_pass().check()
