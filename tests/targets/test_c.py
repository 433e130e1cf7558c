"""Generated C, compiled by gcc without a warning, computes what the NumPy module computes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import WARNINGS, Library, compiled
from conftest import ROOT
from helpers import Array, derivation, load
from networks import NETWORKS
from test_every_pair import PAIRS

from derive import Derivation, Edition, Statement, derive
from derive.calculus.index import Tensor
from derive.learning.optimizers import OPTIMIZERS
from derive.targets.c.names import KEYWORDS, MATH
from derive.targets.c.printer import stored_axes
from derive.targets.c.target import CTarget
from derive.targets.named import example, in_axes, in_store, sizes
from derive.targets.names import code_names
from derive.text.errors import SpecError, StatementError

EXACT, SINGLE = 1e-12, 1e-5
SAMPLES, STEPS, RATE = 5, 4, 0.05
EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.eq"))}
#: Examples of each kind of equation, which every run compiles.
SOME = ("batch_norm_net", "causal_attention", "gru", "max_pooling", "straight_through")
Given = tuple[dict[str, Array], list[Array]]


@pytest.fixture(autouse=True)
def _needs_gcc(skip_unless_required):
    if shutil.which("gcc") is None:
        skip_unless_required("gcc is not there")


def off(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest entry; equal infinities and NaN differ by nothing."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    apart = np.where(same, 0, np.abs(np.where(same, 0, found) - np.where(same, 0, expected)))
    return float(np.max(apart, initial=0) / max(np.max(np.abs(expected), where=np.isfinite(expected), initial=0), 1e-290))


class Both:
    """The NumPy module and the library of a derivation, with the same numbers."""

    def __init__(self, derived: Derivation, folder: Path, single: bool = False, scale: float = 1.0) -> None:
        self.program, self.module = derived.program, load(derived.numpy())
        self.network: Any = self.module.NETWORK
        _, (parameters, *data) = example(self.module, SAMPLES, 0)
        kind = np.float32 if single else np.float64
        self.arrays = {name: (scale * value).astype(kind) for name, value in parameters.items()}
        self.drawn = [value.astype(kind) if value.dtype.kind == "f" else value for value in data]
        by_name = dict(zip((t.name for t in self.program.inputs), self.drawn, strict=True)) | self.arrays
        known = sizes(self.program, {n: in_axes(self.program.tensors[n], value) for n, value in by_name.items()})
        self.m = known.setdefault("m", 1)
        self.c = Library(derived, folder, single=single, **known)
        self.kept = self.module.initial_state(self.arrays) if self.program.states else {}
        self.p = self.c.fill(self.c.parameters(), self.program.parameters, self.arrays)
        self.s = self.c.fill(self.c.state(), self.program.states, self.kept)
        self.w, self.g, self.data = self.c.workspace(), self.c.parameters(), self.c.given(self.drawn)
        self.names = code_names(self.program, derived.notation).tensors

    def worst(self) -> float:
        """The largest difference of anything that is compared."""
        with np.errstate(all="ignore"):
            return max([*self.of_gradients(), *self.of_predictions(), *self.of_steps()])

    def read(self, struct: Any, tensor: Tensor) -> Array:
        return self.c.read(struct, tensor, self.m)

    def of_gradients(self) -> list[float]:
        values = self.network.values(self.arrays, self.drawn)
        slopes = self.network.gradients(self.arrays, *self.drawn, values)
        if self.program.sought:
            slopes |= self.network.input_gradients(self.arrays, *self.drawn, values)
        error = self.c.call("gradients", self.p, self.data, self.w, self.g, result=self.c.real)
        found = [off(error, float(self.network.error(self.arrays, *self.drawn, values)))]
        for statement in self.program.stage("gradient"):
            about = statement.target.about
            assert about is not None
            learned = about in self.program.parameters
            array = self.read(self.g, about) if learned else self.read(self.w, statement.target)
            found.append(off(array, slopes[about.name]))
        return found

    def of_predictions(self) -> list[float]:
        if self.program.averages:
            inputs = self.drawn[: len(self.network.data.inputs)]
            expected = {self.program.predicted: self.module.predict(self.arrays, *inputs, self.kept)}
        else:
            values = self.network.values(self.arrays, self.drawn)
            expected = {name: values[self.names[name]] for name in self.program.outputs}
        found = self.predicted(self.data, self.m)
        return [off(found[name], value) for name, value in expected.items()]

    def predicted(self, data: Any, samples: int) -> dict[str, Array]:
        """The predictions, as the NumPy module stores them."""
        outputs = [self.program.tensors[name] for name in self.program.outputs]
        arrays = []
        for tensor, member in zip(outputs, self.c.own.outputs, strict=True):
            sides = [samples if member.rows and n == 0 else self.c.side(side) for n, side in enumerate(member.sides)]
            arrays.append(np.zeros(sides, np.float32 if self.c.real is ctypes.c_float else np.float64))
        state = [self.s] if self.program.averages else []
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        assert self.c.call("predict", self.p, *state, data, self.w, *addresses, result=ctypes.c_int) == 0
        return {
            t.name: in_store(t, np.transpose(a, np.argsort(stored_axes(t)))) for t, a in zip(outputs, arrays, strict=True)
        }

    def of_steps(self) -> list[float]:
        for _ in range(STEPS):
            before = self.network.step(self.arrays, self.kept, self.drawn, RATE)
            found = self.c.call("step", self.p, self.s, self.data, ctypes.c_double(RATE), self.w, result=self.c.real)
        arrays = [(self.read(self.p, t), self.arrays[t.name]) for t in self.program.parameters]
        arrays += [(self.read(self.s, t), self.kept[t.name]) for t in self.program.states]
        return [off(found, float(np.asarray(before))), *(off(*pair) for pair in arrays)]


@pytest.mark.parametrize("name", [*SOME, *(name for name in EXAMPLES if name not in SOME)])
def test_examples(name, tmp_path):
    assert Both(derive(Statement.from_file(EXAMPLES[name])), tmp_path).worst() < EXACT


@pytest.mark.parametrize("name", ["softmax_regression", *(name for name in EXAMPLES if name != "softmax_regression")])
@pytest.mark.sampled(100)
def test_examples_in_single_precision(name, tmp_path):
    if name == "factorisation_machine":
        pytest.skip("its bias crosses 0, where little of it is left of either")
    assert Both(derive(Statement.from_file(EXAMPLES[name])), tmp_path, single=True).worst() < SINGLE


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(40)
def test_networks_stated_by_hand(name, tmp_path):
    assert Both(derive(NETWORKS[name]()), tmp_path).worst() < EXACT


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.sampled(80)
def test_every_activation_with_every_loss(pair, tmp_path):
    derived = derivation((2, 3, 2), (pair.hidden, pair.output), *pair[2:])
    for scale in (1.0, 300.0):  # where formulas as they are stated would overflow
        assert Both(derived, tmp_path / f"{scale:g}", scale=scale).worst() < EXACT
