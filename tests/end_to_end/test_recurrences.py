"""Recurrences: five computations of every gradient agree with HIPS autograd on plain loops over the steps."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import load
from recurrences import RECURRENCES, stated
from test_models import compared, with_input_gradients

from derive import Statement, StatementError, derive


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("name", RECURRENCES)
@pytest.mark.sampled(7)
def test_five_computations_agree_with_autograd(name, steps):
    RECURRENCES["ode_network"].steps = steps
    compared(stated(name, steps))
