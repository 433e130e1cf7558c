"""Random forward passes of layers with any number of axes pass the check of their module."""

from __future__ import annotations

import pytest
from random_layers import random_layers

from derive.api import derive

#: Seeds whose layers were once refused or wrong.
ONCE_WRONG = (19, 24, 55, 61, 117, 240, 300, 1295)


@pytest.mark.parametrize("seed", ONCE_WRONG)
def test_layers_that_were_once_wrong_are_right(seed: int) -> None:
    report = derive(random_layers(seed)).check()
    assert report.passed, report.line()


@pytest.mark.sampled(100)
@pytest.mark.parametrize("seed", range(1300))
def test_random_layers_are_right(seed: int) -> None:
    report = derive(random_layers(seed)).check()
    assert report.passed, report.line()
