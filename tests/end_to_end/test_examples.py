"""The texts in examples/: each is derived, checked, drawn, trained and written; some agree with HIPS autograd."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
from autograd import grad
from conftest import ROOT
from helpers import Array, load, off, shape_of
from models import MODELS

from derive import Derivation, Edition, Statement, derive
from derive.calculus.index import Tensor

FILES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.eq"))}
#: The number of samples; no example has a size of 11.
SAMPLES = 11
#: The models of tests/models.py that an example states with the same names.
ALSO_THERE = {
    "causal_attention": "attention",
    "focal_loss": "focal_loss",
    "lora": "lora",
    "physics_informed": "physics_informed",
    "rms_norm_net": "rms_norm",
    "triplet": "triplet",
    "weighted_samples": "weighted_samples",
}
each = pytest.mark.parametrize("name", FILES)


@functools.cache
def derivation(name: str) -> Derivation:
    return derive(Statement.from_file(FILES[name]))


@functools.cache
def module(name: str) -> Any:
    return load(derivation(name).numpy())


def rows(tensor: Tensor, stored: Array) -> Array:
    """An array of the module with samples as rows, and with the axes of its tensor."""
    by_sample = any(axis.sample for axis in tensor.axes)
    named = zip(tensor.stored_axes, stored.shape, strict=False)
    sides = shape_of(tensor, {str(axis.extent): side for axis, side in named if axis.extent.is_Symbol} | {"m": SAMPLES})
    if by_sample and len(tensor.axes) < 3:
        stored = np.moveaxis(stored, -1, 0)
    return np.reshape(stored, (sides[-1], *sides[:-1]) if by_sample else sides)


def data_of(name: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """Random parameters and data, with samples as rows."""
    program = derivation(name).program
    parameters, *data = module(name).example(SAMPLES)
    return (
        {t.name: rows(t, parameters[t.name]) for t in program.parameters},
        {t.name: rows(t, value) for t, value in zip(program.inputs, data, strict=True)},
    )


def test_there_are_many():
    assert len(FILES) >= 60


@each
def test_a_text_is_short_and_names_its_source(name):
    lines = [line for line in FILES[name].read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 25
    assert all(len(line) <= 120 for line in lines)
    comment = [line for line in lines if line.startswith("#")]
    assert comment == lines[:2]
    assert re.search(r", (1[89]|20)\d\d\b", comment[1])


@each
def test_it_is_stated(name):
    Statement.from_file(FILES[name]).forward_pass().check()


@each
def test_its_sizes_differ(name):
    """A lost transpose cannot hide."""
    sizes = re.findall(r"^size +(.*)", FILES[name].read_text(encoding="utf-8"), re.MULTILINE)
    numbers = re.findall(r"= (\d+)", ", ".join(sizes))
    assert numbers and len(set(numbers)) == len(numbers)


@each
@pytest.mark.sampled(16)
def test_the_gradients_are_right(name):
    derivation(name).check().require()


@each
@pytest.mark.sampled(8)
def test_it_learns(name):
    found = derivation(name)
    _, data = data_of(name)
    inputs, targets = (
        {t.name: data[t.name] for t in found.program.inputs if t.role == role} for role in ("input", "target")
    )
    trainer = module(name).Trainer(seed=1)
    before, network = {key: value.copy() for key, value in trainer.parameters.items()}, trainer.network
    trainer.fit(inputs, targets or None, epochs=10, learning_rate=0.001)
    assert np.all(np.isfinite(trainer.history))
    errors = trainer.history
    if found.program.is_random:  # each step has another error: those of the means are compared
        rows = network.by_rows(before, inputs, targets or None)
        errors = [network.measured(own, *network.filled(own, rows)) for own in (before, trainer.parameters)]
    assert errors[-1] < errors[0]
    assert any(np.any(value != before[key]) for key, value in trainer.parameters.items())


@each
@pytest.mark.sampled(16)
def test_it_is_drawn_and_told(name):
    found = derivation(name)
    assert found.svg().startswith("<svg")
    assert found.summary()
    first = found.program.parameters[0]
    assert found.explain(f"{first.name}[{','.join('1' for _ in first.axes)}]" if first.axes else first.name)


@each
@pytest.mark.sampled(48)
def test_it_is_written_in_every_format(name):
    assert derivation(name).files(Edition("html,md,tex,ipynb,svg", exercises=True))


@pytest.mark.parametrize("name", ALSO_THERE)
@pytest.mark.sampled(4)
def test_its_gradients_are_those_of_autograd(name):
    program, model = derivation(name).program, MODELS[ALSO_THERE[name]]()
    own, data = data_of(name)
    data |= {key: np.asarray(value) for key, value in model.data.items()}
    parameters, *given = module(name).example(SAMPLES)
    given = [model.data.get(t.name, value) for t, value in zip(program.inputs, given, strict=True)]
    expected = grad(lambda p: model.error(**data, **p))(own)
    for key, slope in module(name).gradients(parameters, *given).items():
        assert off(np.reshape(slope, np.shape(expected[key])), expected[key]) < 1e-10, key
