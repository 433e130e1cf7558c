"""Recurrences: five computations of every gradient agree with HIPS autograd on plain loops over the steps."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import ROOT
from helpers import load, off
from recurrences import RECURRENCES, stated
from test_models import compared, with_input_gradients

from derive import Statement, derive


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("name", RECURRENCES)
@pytest.mark.sampled(7)
def test_five_computations_agree_with_autograd(name, steps):
    RECURRENCES["ode_network"].steps = steps
    compared(stated(name, steps))


#: What PyTorch calls its layers, and the parameters of ours for the gates in its order: of inputs, of states, biases.
LAYERS = {
    "elman": ("RNN", "W", "U", ("b",), ()),
    "lstm": ("LSTM", "W", "U", ("b",), ()),
    "gru_reset_after": ("GRU", ("Wr", "Wu", "W"), ("Ur", "Uu", "U"), ("br", "bu", "b"), ("d",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    derivation = derive(Statement.from_file(ROOT / "examples" / f"{name}.eq"))
    module = load(derivation.numpy("core"))
    draw = np.random.default_rng(0)
    own = {key: draw.normal(size=value.shape) for key, value in module.initial_parameters(0).items()}
    own |= {"first": np.zeros_like(own["first"])} if "first" in own else {}
    x = draw.normal(size=(3, 7, 2))
    kind, inputs, states, biases, after = LAYERS[name]
    layer = getattr(torch.nn, kind)(2, 5, batch_first=True, dtype=torch.float64)
    gates = [1, 0, 2, 3]  # ours are forget, input, cell, output

    def stacked(names):
        if isinstance(names, str):
            return own[names][gates].reshape(-1, own[names].shape[-1]) if kind == "LSTM" else own[names]
        return np.concatenate([own[n] for n in names])

    values = {"weight_ih_l0": stacked(inputs), "weight_hh_l0": stacked(states)}
    bias = own["b"][gates].ravel() if kind == "LSTM" else np.concatenate([own[n].ravel() for n in biases])
    late = np.concatenate([np.zeros(10), own["d"].ravel()]) if after else np.zeros_like(bias)
    values |= {"bias_ih_l0": bias, "bias_hh_l0": late}
    layer.load_state_dict({key: torch.tensor(value) for key, value in values.items()})
    found, _ = layer(torch.tensor(x))
    if kind == "RNN":
        found = found @ torch.tensor(own["V"].T, requires_grad=True)
    found = found[:, -1] if kind == "LSTM" else found
    y = draw.normal(size=tuple(found.shape))
    square = (found - torch.tensor(y)) ** 2
    (square.sum(-1).mean() / 2 if kind == "RNN" else square.mean()).backward()
    kept = {}
    module.forward(own, x, kept)
    y = y.T if kind == "LSTM" else y
    module.error(own, x, y, kept)
    slopes = module.gradients(own, x, y, kept)
    own = slopes
    assert off(stacked(inputs), layer.weight_ih_l0.grad.numpy()) < 1e-12
    assert off(stacked(states), layer.weight_hh_l0.grad.numpy()) < 1e-12
