"""Many steps: memory stays as it is, and the two renderings stay together. `benchmarks/soak.py` takes a million."""

from __future__ import annotations

import importlib.util
import sys
import tracemalloc

import numpy as np
import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def soak():
    spec = importlib.util.spec_from_file_location("soak", ROOT / "benchmarks" / "soak.py")
    module = sys.modules["soak"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def small(soak):
    return soak.module_of(soak.LAYERS)


@pytest.fixture
def tracing():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.sampled(2)
def test_the_renderings_stay_together(soak, small, batch):
    soaked = soak.soak(small, 4_000, batch, 40)
    assert soaked.steps >= 4_000
    assert 0 <= soaked.apart < 1e-11


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.sampled(2)
def test_memory_does_not_grow(soak, small, tracing, batch):
    soaked = soak.soak(small, 1_500, batch, 4)
    assert soaked.traced < soak.SMALL


@pytest.mark.slow
def test_growth_of_memory_is_detected(soak, small, tracing, monkeypatch):
    leak, plain = [], small.NETWORK.update

    def leaking(*arguments):
        leak.append(bytearray(64))
        return plain(*arguments)

    monkeypatch.setattr(small.NETWORK, "update", leaking)
    assert soak.soak(small, 1_500, 4, 4).traced > soak.SMALL


@pytest.mark.parametrize(("layers", "batch"), [((64, 32, 10), 1024), ((64, 48, 32, 10), 2048)])
def test_a_step_allocates_nothing(soak, layers, batch):
    """Beside the buffer that NumPy has for a call with operands of two shapes."""
    limit = 8 * np.getbufsize() + soak.SMALL
    activation = (*["tanh"] * (len(layers) - 2), "softmax")
    module = soak.module_of(layers, activation=activation, loss="cross_entropy")
    assert 8 * batch * layers[-1] > limit  # so that any array would be seen
    assert soak.allocated(module, layers, batch, 40) < limit
