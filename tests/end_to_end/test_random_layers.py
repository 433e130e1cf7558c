"""Random forward passes of layers with any number of axes pass the check of their module."""

from __future__ import annotations

import pytest
from random_layers import random_layers

from derive.api import derive


@pytest.mark.sampled(12)
@pytest.mark.parametrize("seed", range(400))
def test_random_layers_are_right(seed: int) -> None:
    report = derive(random_layers(seed)).check()
    assert report.passed, report.line()
