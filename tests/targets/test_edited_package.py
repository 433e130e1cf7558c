"""A package whose equations were edited: what can be used goes on, what is broken is named."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import load

from derive import Network, derive
from derive.command.main import main

Array = np.ndarray[Any, Any]
NET = Network(layers=(2, 3, 1), name="net")
X = np.random.default_rng(0).normal(size=(12, 2))
Y = X[:, :1] / 3 + 0.5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return derive(NET).write(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield Path(shutil.copytree(made, tmp_path / "net"))
    forget()


def imported() -> ModuleType:
    importlib.invalidate_caches()
    return importlib.import_module("net")


def forget() -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "net"]:
        del sys.modules[name]


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "network.py"
    text = path.read_text()
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new))


def history(net: ModuleType) -> list[float]:
    trainer = net.Trainer(seed=0)
    trainer.fit(X, Y, epochs=4, batch_size=5)
    assert trainer.predict(X).shape == Y.shape
    found: list[float] = trainer.history
    return found


def test_the_package_works_without_the_file_of_the_steps(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fast = history(imported())
    forget()
    (folder / "_steps.py").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = imported()
        assert net.Trainer.steps is None
        np.testing.assert_allclose(history(net), fast, rtol=1e-12)
        assert importlib.import_module("net.trainer").main() == 0
    assert main(["check", str(folder)]) == 0
    assert "The gradients are right." in capsys.readouterr().out


def test_fit_uses_an_edited_update_and_says_so_once(folder: Path) -> None:
    edit(folder, '    parameters["W1"] -= learning_rate * slopes["W1"]', '    parameters["W1"] -= 0 * slopes["W1"]')
    net = imported()
    with pytest.warns(UserWarning) as said:
        trainer = net.Trainer(seed=0).fit(X, Y, epochs=2)
        trainer.fit(X, Y, epochs=2)
    assert [str(w.message) for w in said] == ["network.py was edited: fit uses update, which is slower"]
    assert said[0].filename == __file__
    start = net.initial_parameters(0)
    assert np.array_equal(trainer.parameters["W1"], start["W1"])
    assert not np.array_equal(trainer.parameters["W2"], start["W2"])


def test_the_warning_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "single_net.py"
    text = derive(NET).numpy()
    path.write_text(text.replace("learning_rate * slopes", "0.5 * learning_rate * slopes", 1))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(UserWarning, match=r"^single_net.py was edited: fit uses update"):
        importlib.import_module("single_net").Trainer(seed=0).fit(X, Y, epochs=2)


BROKEN = {
    "no door": (
        "@NETWORK.door\ndef forward",
        "def forward",
        AttributeError,
        "network.py has no function forward with @NETWORK.door above it",
    ),
    "forward returns nothing": (
        "    return Y_hat\n",
        "",
        TypeError,
        "forward in network.py must return an array, not NoneType",
    ),
    "error returns an array": (
        "    return E\n",
        "    return np.array([E, E])\n",
        TypeError,
        r"error in network.py must return the error, a number, not an array of shape \(2,\)",
    ),
    "update returns nothing": (
        "    return before",
        "    return None",
        TypeError,
        "update in network.py must return the error, a number, not NoneType",
    ),
    "no gradient": (
        ', "b2": dE_db2',
        "",
        ValueError,
        "gradients in network.py returns no gradient of b2",
    ),
    "a transposed gradient": (
        "dE_dW1 = Psi1 @ X.T",
        "dE_dW1 = (Psi1 @ X.T).T",
        ValueError,
        r"gradients in network.py returns a gradient of W1 of shape \(2, 3\); expected \(3, 2\)",
    ),
    "a gradient that would be broadcast": (
        "dE_db1 = np.sum(Psi1, axis=1, keepdims=True)",
        "dE_db1 = np.sum(Psi1)",
        ValueError,
        r"gradients in network.py returns a gradient of b1 of shape \(\); expected \(3, 1\)",
    ),
    "another shape": (
        '"b2": np.zeros((1, 1))',
        '"b2": np.zeros((2, 1))',
        ValueError,
        r'parameter "b2" has shape \(2, 1\); expected \(1, 1\)',
    ),
    "one parameter more": (
        '"b2": np.zeros((1, 1))',
        '"b2": np.zeros((1, 1)), "c": np.zeros((1, 1))',
        ValueError,
        'unknown parameter "c"; expected W1, b1, W2, b2',
    ),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.filterwarnings("ignore:network.py was edited")
def test_broken_functions_are_named(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, kind, message = BROKEN[name]
    edit(folder, old, new)
    net = imported()
    with pytest.raises(kind, match=message):
        net.check_gradients(*net.example())
        trainer = net.Trainer(seed=0)
        trainer.predict(X)
        trainer.fit(X, Y, epochs=1)
    assert main(["check", str(folder)]) == 2
    assert "trainer.py cannot be checked: " in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in BROKEN if "a gradient" in BROKEN[name][3]])
@pytest.mark.filterwarnings("ignore:network.py was edited")
def test_a_gradient_of_another_shape_is_named(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, kind, message = BROKEN[name]
    edit(folder, old, new)
    net = imported()
    with pytest.raises(kind, match=f"^{message}$"):
        net.Trainer(seed=0).fit(X, Y, epochs=1)
    assert importlib.import_module("net.trainer").main() == 1
    assert re.fullmatch(f"The gradients cannot be checked: ValueError: {message}\n", capsys.readouterr().out)


def test_a_mistake_in_the_equations_is_reported_with_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder, '"Z2": Z2, ', "")
    lines = (folder / "network.py").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if 'Z2 = values["Z2"]' in text)
    monkeypatch.chdir(folder.parent)
    assert main(["check", "net"]) == 2
    said = f"derive: net/trainer.py cannot be checked: KeyError: 'Z2' (network.py, line {line})\n"
    assert capsys.readouterr().err == said


def test_a_saved_trainer_is_loaded_by_the_same_network_of_another_name_and_notation(tmp_path: Path) -> None:
    first, second, third = (
        load(derive(network).numpy())
        for network in (
            Network(layers=(2, 3, 1)),
            Network(layers=(2, 3, 1), name="other", notation="bracket"),
            Network(layers=(2, 3, 1), activation="tanh"),
        )
    )
    trainer = first.Trainer(seed=3)
    trainer.save(tmp_path / "saved.npz")
    assert np.array_equal(second.Trainer.load(tmp_path / "saved.npz").predict(X), trainer.predict(X))
    with pytest.raises(ValueError, match="it holds the network"):
        third.Trainer.load(tmp_path / "saved.npz")


def computed(parameters: dict[str, Array], samples: int = 12) -> dict[str, Array]:
    values: dict[str, Array] = {}
    imported().forward(parameters, X[:samples].T, values)
    return values


WITH_VALUES = {
    "inputs as rows": ("forward", lambda P: (P, X, {}), r"X has shape \(12, 2\); expected \(2, samples\)"),
    "no parameters": ("forward", lambda P: ({}, X.T, {}), 'parameter "W1" is missing; expected W1, b1, W2, b2'),
    "targets as rows": ("error", lambda P: (P, X.T, Y, {}), r"Y has shape \(12, 1\); expected \(1, samples\)"),
    "targets that would be broadcast": (
        "error",
        lambda P: (P, X.T, Y.T[:, :1], computed(P)),
        "X has 12 samples and Y has 1; expected equally many",
    ),
    "targets in a row": ("error", lambda P: (P, X.T, Y[:, 0], computed(P)), r"Y has shape \(12,\); expected \(1, samp"),
    "a single input": ("forward", lambda P: (P, X[0], {}), r"X has shape \(2,\); expected \(2, samples\)"),
    "values of another pass": (
        "error",
        lambda P: (P, X.T, Y.T, computed(P, 1)),
        "X has 12 samples and values has 1; expected equally many",
    ),
    "no values": ("error", lambda P: (P, X.T, Y.T, [1]), r"values must be a dict, not list; leave values out"),
    "empty values": ("gradients", lambda P: (P, X.T, Y.T, {}), '"Z1" is missing in values: forward in network.py must'),
}


@pytest.mark.parametrize("name", WITH_VALUES)
def test_a_call_with_values_that_fails_says_what_is_wrong(name: str, folder: Path) -> None:
    net = imported()
    function, arguments, message = WITH_VALUES[name]
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        getattr(net, function)(*arguments(net.initial_parameters(0)))


def test_fit_says_what_an_edited_forward_does_not_add(folder: Path) -> None:
    edit(folder, '"Z2": Z2, ', "")
    net = imported()
    with (
        pytest.warns(UserWarning, match=r"network.py was edited"),
        pytest.raises(ValueError, match=r'"Z2" is missing in values: forward in network.py must add it'),
    ):
        net.Trainer(seed=0).fit(X, Y, epochs=1)


#: So deep that the gradient of the first weights is 1e-15, and that of the last 1e-2.
DEEP = Network(layers=(2, *[3] * 20, 1), name="net")


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return derive(DEEP).write(tmp_path_factory.mktemp("deep"))


def test_a_wrong_gradient_far_smaller_than_the_others_is_found(
    deep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    folder = Path(shutil.copytree(deep, tmp_path / "net"))
    try:
        net = imported()
        sizes = {name: np.max(np.abs(slope)) for name, slope in net.gradients(*net.example()).items()}
        assert sizes["W1"] < 1e-12 * max(sizes.values())
        assert importlib.import_module("net.trainer").main() == 0
        forget()
        edit(folder, "Psi1 @ X.T", "1.001 * Psi1 @ X.T")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert importlib.import_module("net.trainer").main() == 1
        said = capsys.readouterr().out
        assert "The gradients are WRONG.\nnetwork.py was edited: there is no second rendering to compare.\n" in said
    finally:
        forget()


def test_a_package_of_another_version_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = folder / "_runtime.py"
    runtime.write_text(runtime.read_text().replace("def scaled(", "def enlarged("))
    assert main(["check", str(folder)]) == 2
    assert "trainer.py was written by another version of derive: write it again" in capsys.readouterr().err
