"""The forms of the code: one file, the equations alone, the forward pass alone; and going from one to another."""

from __future__ import annotations

import inspect
from pathlib import Path

import networks
import numpy as np
import pytest
from helpers import derivation, load

from derive import Edition, Network, derive
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.edition import FORMS
from derive.text.errors import OutputError, SpecError, StatementError

NET = ((3, 4, 2), ("tanh", "sigmoid"), "mse")


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("place", ["hidden", "outputs"])
def test_the_forward_pass_alone_predicts_as_the_trainer_does(name: str, place: str, tmp_path: Path) -> None:
    if place == "hidden" and not ACTIVATIONS[name].elementwise:
        pytest.skip("it is for outputs")
    made = derivation((3, 4, 2), (name, "identity") if place == "hidden" else ("tanh", name))
    trainer = load(made.numpy()).Trainer(seed=3, dtype="float32")
    trainer.save(tmp_path / "saved.npz")
    X = np.random.default_rng(0).normal(size=(5, 3))
    alone = load(made.numpy("predict"))
    found, expected = alone.predict(alone.load(tmp_path / "saved.npz"), X), trainer.predict(X)
    assert found.dtype == expected.dtype and np.array_equal(found, expected)
    wide = type(trainer)(trainer.parameters)
    filled = load(made.numpy("predict", wide.parameters))
    assert np.array_equal(filled.predict(X), wide.predict(X))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_equations_alone_take_the_same_steps(optimizer: str) -> None:
    made = derivation(*NET, optimizer=optimizer)
    core, whole = load(made.numpy("core")), load(made.numpy())
    draw = np.random.default_rng(0)
    X, Y = draw.normal(size=(3, 7)), draw.uniform(size=(2, 7))
    errors = []
    for module in (core, whole):
        parameters = module.initial_parameters(seed=1)
        state = [module.initial_state(parameters)] if optimizer == "adam" else []
        errors.append([module.update(parameters, X, Y, 0.1, *state) for _ in range(3)])
    assert errors[0] == errors[1]


def test_no_sample_is_predicted_by_itself_where_samples_are_coupled() -> None:
    with pytest.raises(StatementError, match="form predict needs independent samples"):
        derive(networks.NETWORKS["batch_norm"]()).numpy("predict")


def test_an_estimator_is_refused_without_a_trainer() -> None:
    with pytest.raises(SpecError, match="estimator needs a trainer, but form core has none"):
        Edition(form="core", estimator=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_notebook_holds_its_trainer_in_every_form(form: str) -> None:
    made = derive(Network((2, 1))).files(Edition("ipynb", "brief", form=form))
    assert "package.Trainer(" in str(made["derivation.ipynb"])


def code(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.py")}


def test_another_form_replaces_the_previous_one(tmp_path: Path) -> None:
    made = derive(Network(*NET, name="net"))
    folder = made.write(tmp_path)
    package = code(folder)
    assert {"network.py", "trainer.py", "_runtime.py", "_steps.py", "__main__.py"} < package
    made.write(tmp_path, edition=Edition(form="core"))
    assert code(folder) == {"network.py"}
    made.write(tmp_path, edition=Edition(form="predict"))
    assert code(folder) == {"predict.py"}
    (folder / "mine.py").write_text("x = 1\n")
    made.write(tmp_path)
    assert code(folder) == package | {"mine.py"}


@pytest.mark.parametrize(
    ("form", "name"), [("package", "network"), ("single-file", "trainer"), ("core", "network"), ("predict", "predict")]
)
def test_the_file_with_the_equations_may_be_edited_and_says_so(form: str, name: str, tmp_path: Path) -> None:
    folder = derive(Network(*NET, name="net")).write(tmp_path, edition=Edition(form=form))
    editable = [path.stem for path in folder.glob("*.py") if "You may edit this file" in path.read_text()]
    assert editable == [name]


def test_edited_code_of_another_form_is_not_removed(tmp_path: Path) -> None:
    made = derive(Network(*NET, name="net"))
    folder = made.write(tmp_path)
    trainer = folder / "trainer.py"
    trainer.write_text(trainer.read_text() + "# mine\n")
    before = code(folder)
    with pytest.raises(OutputError, match="was edited by hand, and is not part of the code in this form: move it away"):
        made.write(tmp_path, edition=Edition(form="predict"))
    assert code(folder) == before
    made.write(tmp_path, edition=Edition(form="predict"), force=True)
    assert code(folder) == {"predict.py"}


def test_the_functions_show_the_arguments_of_a_call_from_outside() -> None:
    module = load(derivation(*NET).numpy())
    shown = {name: str(inspect.signature(getattr(module, name)).parameters.keys()) for name in ("forward", "update")}
    assert "values" not in "".join(shown.values())
    with pytest.raises(TypeError, match=r"forward\(\): missing a required argument: 'X'"):
        module.forward(module.initial_parameters())
    parameters, X, _ = module.example()
    assert module.forward(X=X, parameters=parameters).shape == (2, 7)
