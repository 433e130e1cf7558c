"""The generated folder as an engineer finds it: its own tests pass, and formatter, linter and type checker agree."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from helpers import derivation
from networks import NETWORKS

from derive.api import derive
from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.layers import BIASES
from derive.catalogue.losses import LOSSES
from derive.paper.notation import NOTATIONS

#: What the generated code is checked for, with the project's own exceptions; D402 takes tanh(x) for a signature.
RULES = ("--select=E,F,W,I,B,UP,D,NPY,RUF", "--ignore=D401,D402,D203,D213")

PACKAGES: dict[str, tuple[Any, ...]] = {
    "plain": ((3, 4, 4, 1),),
    "named": ("n,h,k", "tanh,softmax", "cross_entropy", "augmented", "bracket"),
    "dying": ((4, 1), "relu", "mse", "none", "delta"),
    "wide": ((784, 128, 64, 10), "relu,relu,softmax", "cross_entropy"),
}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nets")
    for name, net in PACKAGES.items():
        derived = derivation(*net)
        (folder / name).mkdir()
        for file, text in derived.contents().items():
            if file.endswith(".py"):
                (folder / name / file).write_text(str(text), encoding="utf-8")
    return folder


def passed(cwd: Path, *arguments: str) -> str:
    """What ``python -m pytest`` says at the end, started anywhere; it must pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=alone())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alone() -> dict[str, str]:
    """The environment without what the tests around us have set, and without files of byte code."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST") and k != "PYTHONPATH"}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


def test_in_the_folder_itself(generated):
    assert "19 passed" in passed(generated / "plain")


def test_all_folders_from_above(generated):
    assert f"{19 * len(PACKAGES)} passed" in passed(generated)


def test_from_elsewhere_with_other_ways_to_import(generated, tmp_path):
    assert "19 passed" in passed(tmp_path, "--import-mode=importlib", str(generated / "named"))
    flat = tmp_path / "not-a-package"
    flat.mkdir()
    for file in ("trainer.py", "test_trainer.py"):
        shutil.copy(generated / "plain" / file, flat)
    (tmp_path / "trainer.py").write_text("raise ImportError('the wrong file')\n")
    assert "19 passed" in passed(tmp_path, str(flat))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("W3.T @ Psi3", "W3.T @ (Psi3 + 0.001)"),
        ('parameters["W2"] -= learning_rate', 'parameters["W2"] += 9 * learning_rate'),
        ("if not np.all(np.isfinite(values)):", "if False:"),
    ],
)
def test_they_notice_what_is_wrong(generated, tmp_path, old, new):
    shutil.copytree(generated / "plain", tmp_path / "net")
    file = tmp_path / "net" / "trainer.py"
    source = file.read_text()
    assert source.count(old) == 1
    file.write_text(source.replace(old, new))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, env=alone()).returncode == 1


def test_the_package_offers_its_functions(generated):
    script = "import plain; print(*plain.__all__); print(plain.Trainer(seed=1))"
    done = subprocess.run([sys.executable, "-c", script], cwd=generated, capture_output=True, text=True, check=True)
    names, shown = done.stdout.splitlines()
    assert names == "Trainer error forward gradients initial_parameters update"
    assert shown.startswith("Trainer(layers=(3, 4, 4, 1)")


# Formatter, linter, type checker.


def networks() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names and what derives them: every activation, loss, bias and notation; named and deep layers; stated by hand."""
    ways = itertools.cycle(itertools.product(BIASES, NOTATIONS))
    hidden = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
    losses = itertools.cycle(LOSSES)
    for name in hidden:
        yield f"hidden_{name}", partial(built, (3, 5, 2), name, next(losses), next(ways))
    for loss in LOSSES:
        widths = (3, 1) if "softmax" not in LOSSES[loss].needs else (3, 2)
        yield f"loss_{loss}", partial(built, widths, "tanh", loss, next(ways))
    for bias, notation in itertools.product(BIASES, NOTATIONS):
        named = "inputs_all,hidden_first,hidden_second,outcomes_k"
        yield f"named_{bias}_{notation}", partial(built, named, "sigmoid", "mse", (bias, notation))
    yield "deep", partial(built, (3, *(4,) * 24, 2), "tanh", "half_mse", ("separate", "psi"))
    for name in list(NETWORKS)[::3]:
        yield f"stated_{name}", lambda name=name: derive(NETWORKS[name]())


def built(layers: Any, hidden: str, loss: str, way: tuple[str, str]) -> Any:
    needs = LOSSES[loss].needs
    depth = len(layers.split(",") if isinstance(layers, str) else layers) - 1
    names = [hidden] * (depth - 1) + [needs[0] if needs else hidden]
    return derivation(layers, ",".join(names) if depth > 1 else names[0], loss, *way)


def ruff(*arguments: str, cwd: Path) -> str:
    """What ruff says, with its own settings and none of ours."""
    command = [pytest.importorskip("ruff").find_ruff_bin(), *arguments, "--isolated", "--no-cache", "."]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_ruff_has_nothing_to_say_of_packages(generated):
    assert_clean(generated)


@pytest.mark.parametrize(("name", "made"), [pytest.param(name, made, id=name) for name, made in networks()])
@pytest.mark.sampled(14)
def test_ruff_has_nothing_to_say_of_a_module(name, made, tmp_path):
    (tmp_path / f"{name}.py").write_text(made().numpy(), encoding="utf-8")
    assert_clean(tmp_path)


def assert_clean(folder: Path) -> None:
    assert ruff("format", "--diff", cwd=folder) == ""
    assert ruff("check", "--output-format=concise", *RULES, cwd=folder) == ""
    assert ruff("check", "--output-format=concise", cwd=folder) == ""


def test_mypy_has_nothing_to_say(generated, tmp_path):
    pytest.importorskip("mypy")
    strict = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache")]
    some = ("loss_cross_entropy", "hidden_relu", "stated_residual_twice", "named_augmented_delta")
    for name in some:
        (tmp_path / f"{name}.py").write_text(dict(networks())[name]().numpy(), encoding="utf-8")
    modules = [f"{name}.py" for name in some]
    for cwd, what in ((generated, [f"--package={name}" for name in PACKAGES]), (tmp_path, modules)):
        done = subprocess.run([*strict, *what], cwd=cwd, capture_output=True, text=True, check=False, env=alone())
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", PACKAGES)
def test_what_is_public_is_described(generated, name):
    """Every public name has a docstring; one that takes data says their shapes."""
    namespace: dict[str, Any] = {"__name__": "trainer"}
    exec(compile((generated / name / "trainer.py").read_text(), "trainer.py", "exec"), namespace)
    public = [namespace[n] for n in ("forward", "error", "gradients", "update", "check_gradients", "Trainer")]
    public += [getattr(namespace["Trainer"], n) for n in dir(namespace["Trainer"]) if not n.startswith("_")]
    assert len(public) >= 15
    assert all(thing.__doc__ for thing in public)
    shapes = namespace["_data_shapes"](namespace["example"]()[0])
    for function in (namespace["forward"], namespace["Trainer"].predict, namespace["Trainer"].fit):
        width = "n" if name == "named" else str(shapes["X"])
        assert f"{width}, m)" in function.__doc__ or f"(samples, {width})" in function.__doc__
