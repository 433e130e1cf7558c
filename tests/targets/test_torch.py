"""The PyTorch target agrees with the NumPy core and passes gradcheck; without PyTorch, only its text is read."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from helpers import load, off

from derive import Derivation, Network, Statement, derive
from derive.text.errors import StatementError

EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.eq"))}
NETWORKS = {
    "classes": Network((4, 5, 3), ("relu", "softmax"), "cross_entropy", l2=0.01),
    "chances": Network((4, 5, 1), ("gelu", "sigmoid"), "binary_cross_entropy", bias="augmented"),
    "counts": Network((3, 4, 2), ("softplus", "exponential"), "poisson"),
    "smooth": Network((3, 4, 2), ("mish", "identity"), "huber"),
    "cases": Network((3, 4, 2), ("elu", "leaky_relu"), "quantile"),
    "bounds": Network((3, 4, 2), ("hard_tanh", "relu6"), "mae"),
    "layers": Network((3, "layer_norm", 4, "residual(4)", 2), "gelu_tanh", "log_cosh"),
    "widths": Network(("n", "h", "k"), "silu"),
    "frozen": Network((3, 4, 2), "tanh", train=("W2", "b2"), initialisation="orthogonal"),
}
TOLERANCE = 1e-12
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")


def check(derivation: Derivation) -> None:
    import torch

    program = derivation.program
    core, ours = load(derivation.numpy("core")), load(derivation.target("torch").files("package")["network_torch.py"])
    parameters, *data = derivation.numpy_target.module.example(7)
    values: dict[str, Any] = {}
    output = core.forward(parameters, *data[: sum(not t.is_compared for t in program.inputs)], values)
    error, slopes = core.error(parameters, *data, values), core.gradients(parameters, *data, values)
    given = [torch.from_numpy(np.ascontiguousarray(array)) for array in data]
    arrays = [torch.from_numpy(array.copy()).requires_grad_() for array in parameters.values()]
    passed = given[: sum(not t.is_compared for t in program.inputs)]
    got, _ = ours.forward(dict(zip(parameters, arrays, strict=True)), *passed)
    assert off(got.detach().numpy(), output) < TOLERANCE
    found = ours.Error.apply(tuple(parameters), *given, *arrays)
    assert abs(found.item() - error) <= TOLERANCE * abs(error)
    found.backward()
    for name, array in zip(parameters, arrays, strict=True):
        if name in slopes:
            assert off(array.grad.numpy(), slopes[name]) < TOLERANCE, name
    if not program.stopped and len(slopes) == len(parameters):
        assert torch.autograd.gradcheck(
            lambda *p: ours.Error.apply(tuple(parameters), *given, *p), arrays, fast_mode=True
        )


def test_the_text() -> None:
    """Every equation of the NumPy core but those of a step is there; PyTorch differentiates nothing of the error."""
    derivation = derive(Network((3, 4, 2), ("tanh", "softmax"), "cross_entropy"))
    target = derivation.target("torch")
    (text,) = target.files("package").values()
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {"initial_parameters", "forward", "error", "gradients", "Error", "Network"} <= defined
    listed, core = target.listing("package").equations, derivation.numpy_target.listing("core").equations
    assert {*core} - {*listed} == {p.name for p in derivation.program.parameters}
    with pytest.raises(StatementError, match="target torch has no recurrences yet: take target numpy or jax"):
        derive(Statement.from_file(EXAMPLES["elman"])).target("torch").files("package")


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    check(derive(NETWORKS[name]))


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    try:
        check(derive(Statement.from_file(EXAMPLES[name])))
    except StatementError as error:
        assert str(error).startswith("target torch ")
        pytest.skip(str(error))


@needs_torch
@pytest.mark.slow
def test_an_optimizer_of_pytorch() -> None:
    import torch

    text = derive(Network((2, 8, 1), ("tanh", "sigmoid"), "binary_cross_entropy")).target("torch").files("package")
    network = load(text["network_torch.py"]).Network(seed=0)
    X = torch.tensor([[0.0, 0, 1, 1], [0, 1, 0, 1]])
    Y = torch.tensor([[0.0, 1, 1, 0]])
    adam = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(400):
        adam.zero_grad()
        network.error(X, Y).backward()
        adam.step()
    assert torch.all((network(X) > 0.5) == (Y > 0.5))
