"""The JAX target agrees with the NumPy core, and with what JAX differentiates; without JAX, only its text is read."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from jax_agreement import differences

from derive import Edition, Network, Statement, derive
from derive.learning.optimizers import OPTIMIZERS
from derive.text.errors import StatementError

EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.eq"))}
#: Networks by what is special in the code of their functions.
NETWORKS = {
    "classes": Network((4, 5, 3), ("relu", "softmax"), "cross_entropy"),
    "chances": Network((4, 5, 1), ("gelu", "sigmoid"), "binary_cross_entropy"),
    "counts": Network((3, 4, 2), ("softplus", "exponential"), "poisson"),
    "smooth": Network((3, 4, 2), ("mish", "identity"), "huber"),
    "cases": Network((3, 4, 2), ("elu", "leaky_relu"), "quantile"),
    "bounds": Network((3, 4, 2), ("hard_tanh", "relu6"), "mae"),
    "margins": Network((3, 4, 3), ("softsign", "identity"), "crammer_singer"),
    "layers": Network((3, "layer_norm", 4, "residual(4)", 2), "gelu_tanh", "log_cosh"),
    "widths": Network(("n", "h", "k"), "silu"),
}
#: Options of a network by what is special in the code of a step.
OPTIONS: dict[str, dict[str, Any]] = {
    **{name: {"optimizer": name} for name in OPTIMIZERS},
    **{
        name: {"optimizer": "adam", "schedule": name}
        for name in ("step(every=2)", "exponential(factor=0.9)", "cosine(steps=5)", "warm_up(steps=5)")
    },
    "norm": {"clip": 0.001, "optimizer": "momentum"},
    "entries": {"clip": "value(limit=0.001)"},
    "penalties": {"l1": 0.01, "l2": 0.1},
    "constraint": {"constraint": "max_norm(limit=0.5)"},
    "frozen": {"train": ("W2", "b2"), "optimizer": "adam"},
    "rates": {"rate_factors": {"W1": 0.5}},
    "augmented": {"bias": "augmented", "optimizer": "adamw"},
    "no biases": {"bias": "none", "initialisation": "orthogonal"},
    "weights": {"sample_weight": "mean"},
    "missing": {"missing": "ignore"},
}
#: A training run on one device and on eight, which also goes on from a file on four, and the collective operations.
SHARDED = """
import collections, re, numpy as np
from net.network_jax import initial_parameters, initial_state
from net.trainer_jax import _epoch, devices, fit, split

drawn = np.random.default_rng(0)
X, Y = drawn.normal(size=(3, 500)), drawn.uniform(size=(2, 500))

def run(count, epochs=4, checkpoint=None):
    start = initial_parameters(0, np.float64)
    state = initial_state(start)
    return fit(start, state, X, Y, epochs, 0.05, 64, mesh=devices(count), checkpoint=checkpoint)

one, other = run(1), run(8)
run(8, epochs=2, checkpoint="run.npz")
resumed = run(4, checkpoint="run.npz")
for parameters, state, errors in (other, resumed):
    assert np.max(np.abs(np.subtract(errors, one[2]))) < 1e-12
    assert all(np.allclose(parameters[n], one[0][n], rtol=0, atol=1e-12) for n in parameters)
order = np.arange(448).reshape(7, 64)
batches = tuple(split(array, 1, order, np.dtype(float), devices()) for array in (X, Y))
text = _epoch.lower(*other[:2], batches, 0.05).compile().as_text()
found = collections.Counter(re.findall(r" (all-[a-z]+|reduce-scatter|collective-[a-z]+)[(]", text))
assert found == {"all-reduce": 1}, found
"""

needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="needs jax")
TOLERANCE = 1e-12


def check(found: dict[str, float]) -> None:
    assert all(off < TOLERANCE for off in found.values()), found


def test_the_text() -> None:
    """Every equation of the NumPy core is there with its number; nothing is differentiated, and jax is not imported."""
    derivation = derive(Network((3, 4, 2), optimizer="adam", clip=1))
    files = derivation.target("jax").files("package")
    assert [*files] == ["network_jax.py", "trainer_jax.py"]
    text = files["network_jax.py"]
    functions = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    assert {"forward", "error", "gradients", "update", "epoch", "predict", "initial_state"} <= functions
    assert "jax.grad" not in text and "value_and_grad" not in text and "np." not in text.replace("jnp.", "")
    listed, core = derivation.target("jax").listing("package"), derivation.numpy_target.listing("core")
    assert {*listed.equations} == {*core.equations}
    assert "jax" not in sys.modules or find_spec("jax")
    one_file = derivation.files(Edition(target="jax", formats="md", only="loop"))
    assert "jnp.sum" in one_file["derivation.md"]


def test_refusals() -> None:
    layer = Network((2, 2), order=2)
    with pytest.raises(StatementError, match="target jax has no second derivatives yet"):
        derive(layer).target("jax").files("package")


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    check(differences(derive(Statement.from_file(EXAMPLES[name]))))


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize("name", ["elman", "lstm", "second_order_lag"])
def test_truncated(name: str) -> None:
    check(differences(derive(Statement.from_file(EXAMPLES[name], truncate=2))))


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    check(differences(derive(NETWORKS[name])))


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_steps(name: str) -> None:
    check(differences(derive(Network((3, 4, 2), ("tanh", "sigmoid"), **OPTIONS[name]))))


@needs_jax
@pytest.mark.slow
def test_eight_devices(tmp_path: Path) -> None:
    """The numbers are those of one device, with one all-reduce for a step; a run goes on from a file."""
    derive(Network((3, 4, 2), optimizer="adam", clip=1, l2=0.01, name="net")).write(
        tmp_path, edition=Edition(target="jax")
    )
    ran_on_eight(SHARDED, tmp_path, JAX_ENABLE_X64="1")


@needs_jax
@pytest.mark.slow
def test_the_page(tmp_path: Path) -> None:
    """The program of the documentation trains on eight devices, and goes on from its file."""
    derive(Network((3, 4, 4, 1), optimizer="adam", name="net")).write(tmp_path, edition=Edition(target="jax"))
    _, program = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "jax.md").read_text(encoding="utf-8"), re.DOTALL)
    said = [ran_on_eight(program, tmp_path) for _ in range(2)]
    assert said[0] == said[1] and said[0].startswith("8 devices")


def ran_on_eight(program: str, folder: Path, **more: str) -> str:
    """What a program prints, with eight devices that the processor plays."""
    flags = "--xla_force_host_platform_device_count=8"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, **more}
    ran = subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
