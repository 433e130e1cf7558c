"""Gradients of inputs that an option asks for, in the trainer."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import load

from derive import Network, Statement, derive
from derive.text.errors import SpecError


def test_a_network_is_differentiated_with_respect_to_its_inputs():
    network = Network((3, 5, 2), "tanh,softmax", "cross_entropy", gradients="inputs", sample_weight="mean")
    d = derive(network)
    assert d.check().passed
    module, draw = load(d.numpy()), np.random.default_rng(0)
    trainer, x, labels = module.Trainer(seed=0), draw.normal(size=(6, 3)), np.array([0, 1, 0, 1, 1, 0])
    found = trainer.input_gradients(x, labels)
    assert found.shape == x.shape
    rows, ones = np.eye(2)[labels].T, np.ones((1, 6))
    for place in np.ndindex(x.shape):
        changed = x.astype(complex)
        changed[place] += 1e-30j
        values: dict = {}
        module.NETWORK.forward(trainer.parameters, changed.T, values)
        error = module.NETWORK.error(trainer.parameters, changed.T, rows, ones, values)
        assert found[place] == pytest.approx(error.imag / 1e-30, rel=1e-10)


def test_the_option_of_a_text_is_for_all_real_inputs():
    text = """
    option gradients = inputs
    size n = 3, v = 4
    input x[n], w[n], word in v
    target y[n]
    parameter C[v, n]
    q[i] = tanh(C[word, i] * x[i]) + w[i]
    E = sum((y[i] - q[i])**2, i)
    """
    d = derive(Statement(text))
    assert [t.name for t in d.program.sought] == ["x", "w"]
    assert derive(Statement(d.equations())).equations() == d.equations()
    trainer, draw = load(d.numpy()).Trainer(seed=0), np.random.default_rng(0)
    data = {"x": draw.normal(size=(5, 3)), "w": draw.normal(size=(5, 3)), "word": draw.integers(1, 5, 5)}
    found = trainer.input_gradients(data, {"y": draw.normal(size=(5, 3))})
    assert {name: value.shape for name, value in found.items()} == {"x": (5, 3), "w": (5, 3)}


def test_another_word_is_refused():
    with pytest.raises(SpecError, match="gradients is 'all', where parameters or inputs is expected"):
        Network((3, 1), gradients="all")
