"""The generated estimator for one network, which does not import derive."""

import importlib
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from derive import Edition, Network, derive
from derive.command.main import main
from derive.estimators import Classifier, Regressor
from derive.targets.numpy.estimator import estimator_files

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

#: For each class of estimator every way in which widths and outputs can be.
NETWORKS = {
    "free": (("n", "h", "k"), "tanh,softmax", "cross_entropy"),
    "fixed": ((4, 8, 3), "tanh,softmax", "cross_entropy"),
    "single": (("n", "h", 1), "tanh,sigmoid", "binary_cross_entropy"),
    "pair": ((4, 5, 2), "tanh,sigmoid", "binary_cross_entropy"),
    "several": (("n", "h_1", "h_2", "k"), "tanh,relu,sigmoid", "binary_cross_entropy"),
    "margins": (("n", "h", "k"), "tanh,identity", "hinge"),
    "margin": ((4, 5, 1), "tanh,tanh", "squared_hinge"),
    "numbers": (("n", "h", "k"), "tanh,identity", "half_mse"),
    "number": (("n", 6, 1), "sigmoid,identity", "huber(delta=0.5)"),
    "two_numbers": ((3, 5, 2), "tanh,identity", "mse"),
    "line": (("n", 1), "identity", "mse"),
}


#: Those whose trainer is in a single file, and not in a package.
SINGLE = {"free", "margin", "two_numbers"}
#: Those whose equations read weights of the samples.
WEIGHTED = {"several", "two_numbers"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the package of each network, which can be imported from there."""
    place = tmp_path_factory.mktemp("estimators")
    for name, (layers, activation, loss) in NETWORKS.items():
        weighting = "mean" if name in WEIGHTED else "none"
        derivation = derive(Network(layers, activation, loss, name=f"net_{name}", sample_weight=weighting))
        package = place / f"net_{name}"
        package.mkdir()
        form = derivation.numpy_target.rendered.form("single-file" if name in SINGLE else "package")
        for file, text in {**form, **derivation.estimator()}.items():
            (package / file).write_text(text)
    sys.path.insert(0, str(place))
    yield place
    sys.path.remove(str(place))


@pytest.fixture
def estimator_of(folder):
    """The class of estimator of a network."""

    def made(name, **options):
        module = importlib.import_module(f"net_{name}.estimator")
        (found,) = {*vars(module)} & {"Classifier", "Regressor"}
        return getattr(module, found)(**options)

    return made


def iris():
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


@pytest.mark.parametrize("name", ["free", "numbers", "several"])
@pytest.mark.sampled(3)
def test_it_passes_scikit_learns_checks_where_the_widths_are_free(estimator_of, name):
    options = {"learning_rate_init": 0.02} if name == "numbers" else {}
    check_estimator(estimator_of(name, **options), on_skip=None)


def test_weights_are_taken_where_the_equations_read_them(estimator_of):
    x, y = iris()
    options = {"max_iter": 3, "tol": None, "random_state": 0}
    times = 1 + (y == 1)
    one = estimator_of("several", class_weight={1: 2}, **options).fit(x, y)
    two = estimator_of("several", **options).fit(x, y, sample_weight=times)
    assert one.loss_curve_ == two.loss_curve_
    assert estimator_of("two_numbers", **options).fit(x[:, :3], x[:, :2], sample_weight=times).n_iter_ == 3
    with pytest.raises(TypeError, match="sample_weight"):
        estimator_of("free", **options).fit(x, y, sample_weight=times)


@pytest.mark.parametrize("name", [n for n, (*_, loss) in NETWORKS.items() if "mse" not in loss and "huber" not in loss])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.sampled(10)
def test_the_classes(estimator_of, name, classes):
    x, y = iris()
    x, y = x[y < classes], np.array(["setosa", "versicolor", "virginica"])[y[y < classes]]
    layers = NETWORKS[name][0]
    model = estimator_of(name, max_iter=60, batch_size=10, random_state=0)
    wanted = max(layers[-1], 2) if isinstance(layers[-1], int) else classes
    if wanted != classes and not (layers[-1] == 1 and classes == 2):
        with pytest.raises(ValueError, match=f"there are {classes} classes, but the network is for {wanted} classes"):
            model.fit(x, y)
        return
    assert model.fit(x, y).score(x, y) > 0.9
    assert model.n_iter_ == len(model.loss_curve_) <= 60
    guessed = model.predict(x)
    if hasattr(model, "predict_proba"):
        chances = model.predict_proba(x)
        np.testing.assert_allclose(chances.sum(axis=1), 1)
        assert np.array_equal(model.classes_[chances.argmax(axis=1)], guessed)
        np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), chances)
    else:
        scores = model.decision_function(x)
        chosen = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        assert np.array_equal(model.classes_[chosen], guessed)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.partial_fit(x, y).predict(x), model.partial_fit(x, y).predict(x))
    assert cross_val_score(make_pipeline(StandardScaler(), model), x, y, cv=2).mean() > 0.8


@pytest.mark.parametrize("name", ["numbers", "number", "two_numbers", "line"])
def test_the_numbers(estimator_of, name):
    x, _ = iris()
    layers = NETWORKS[name][0]
    inputs, targets = x[:, :3], x[:, 3] if layers[-1] == 1 else x[:, 2:]
    model = estimator_of(name, random_state=0, learning_rate_init=0.1, batch_size=20).fit(inputs, targets)
    assert model.predict(inputs).shape == targets.shape
    assert model.score(inputs, targets) > 0.8
    if isinstance(layers[-1], int):
        with pytest.raises(ValueError, match=f"y has 3 columns, but the network has {layers[-1]} outputs"):
            model.fit(inputs, inputs)


def test_a_wrong_number_of_features_is_refused(estimator_of):
    x, y = iris()
    with pytest.raises(ValueError, match="X has 3 features, but the network has 4 inputs"):
        estimator_of("fixed").fit(x[:, :3], y)


def test_it_is_what_the_library_offers(estimator_of):
    x, y = iris()
    options, plain = {"max_iter": 5, "random_state": 3}, {"solver": "sgd", "learning_rate_init": 0.1}
    ours = Classifier((16,), **plain, **options).fit(x, y)
    assert np.array_equal(estimator_of("free", **options).fit(x, y).predict_proba(x), ours.predict_proba(x))
    numbers = Regressor((16,), **plain, **options).fit(x[:, :2], x[:, 2:])
    theirs = estimator_of("numbers", **options).fit(x[:, :2], x[:, 2:])
    assert np.array_equal(theirs.predict(x[:, :2]), numbers.predict(x[:, :2]))


def test_it_needs_nothing_of_derive(folder):
    code = (
        "import sys, importlib; sys.modules['derive'] = sys.modules['sympy'] = None\n"
        "importlib.import_module('net_free.estimator')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, env={**os.environ, "PYTHONPATH": "."})


@pytest.mark.slow
def test_the_source_passes_ruff_and_mypy(folder):
    files = sorted(folder.glob("net_*/*estimator.py"))
    assert len(files) == 2 * len(NETWORKS)
    assert len({file.read_bytes() for file in files if file.name == "_estimator.py"}) == 1
    for arguments in (["ruff", "check", "--isolated"], ["ruff", "format", "--isolated", "--check"]):
        done = subprocess.run([sys.executable, "-m", *arguments, *files], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    packages = ["-p", "net_several", "-p", "net_margin", "-p", "net_numbers"]
    typed = [sys.executable, "-m", "mypy", "--strict", *packages]
    said = subprocess.run(typed, cwd=folder, capture_output=True, text=True).stdout
    assert "source files" in said and "estimator.py" not in said


def test_the_command_writes_it_and_remembers_that(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["network", "--layers", "3,2", "--format", "svg"]
    assert main([*options, "--estimator"]) == 0
    written = tmp_path / "generated/network_3_2"
    assert "class Regressor" in (written / "estimator.py").read_text()
    spec = str(written / "network.toml")
    assert "estimator = true" in (written / "network.toml").read_text()
    assert main(["network", "--spec", spec, "--check"]) == 0
    assert main(["network", "--spec", spec, "--no-estimator", "--check"]) == 1
    assert "estimator.py" in capsys.readouterr().out
    assert Edition.from_toml(spec) == Edition("svg", estimator=True)


@pytest.mark.parametrize("name", ["max_iter", "fit", "score", "tol", "classes"])
def test_a_width_of_any_name(name):
    """What a width is called is no parameter or method of the estimator by chance."""
    source = estimator_files(Network(("n", name, 2)))["estimator.py"]
    compile(source, "estimator.py", "exec")
    assert f"units_{name}: int = 16" in source


def test_a_refused_fit_leaves_the_estimator_as_it_was(estimator_of):
    x, y = iris()
    for name, targets, wrong in (("free", y, y.astype(str)), ("number", x[:, 3], x[:, :2])):
        inputs = x[:, :4]
        estimator = estimator_of(name, max_iter=3, random_state=0)
        with pytest.raises(ValueError, match="learning_rate_init is -1"):
            estimator.set_params(learning_rate_init=-1).fit(inputs, targets)
        assert not [key for key in vars(estimator) if key.endswith("_")]
        before = dict(vars(estimator.set_params(learning_rate_init=0.01).fit(inputs, targets)))
        outputs = estimator.predict(inputs)
        with pytest.raises(ValueError, match=r"learning_rate_init is -1|columns"):
            estimator.set_params(learning_rate_init=-1).fit(inputs[:, :3] if name == "free" else inputs, wrong)
        assert {**vars(estimator), "learning_rate_init": 0.01} == before
        assert np.array_equal(estimator.predict(inputs), outputs)


def test_ctrl_c_leaves_what_has_been_learned(estimator_of, monkeypatch):
    x, y = iris()
    estimator = estimator_of("free", max_iter=50, random_state=0, tol=None)
    trainer = importlib.import_module("net_free.estimator").Trainer
    fit = trainer.fit

    def interrupted(self, X, Y, **options):
        fit(self, X, Y, **{**options, "epochs": 2})
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(x, y)
    assert estimator.n_iter_ == 2 and len(estimator.predict(x)) == len(x)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("free", {"max_iter": 0}, "max_iter is 0, but must be at least 1"),
        ("free", {"n_iter_no_change": 0}, "n_iter_no_change is 0, but must be at least 1"),
        ("number", {"tol": -1.0}, "tol is -1.0, but must be a finite number"),
        ("numbers", {"units_h": 0}, "units_h is 0, but must be at least 1"),
    ],
)
def test_messages_name_the_estimators_own_parameters(estimator_of, name, options, message):
    x, y = iris()
    with pytest.raises(ValueError, match=f"^{message}"):
        estimator_of(name, **options).fit(x, y)


def test_targets_and_dtypes_that_are_refused(estimator_of):
    x, _ = iris()
    for labels in (["a"] * len(x), np.array(["a"] * len(x), dtype=object)):
        with pytest.raises(ValueError, match="y holds 'a', where numbers are expected"):
            estimator_of("number").fit(x, labels)
    with pytest.raises(ValueError, match="dtype is 'float16', but must be float64 or float32"):
        estimator_of("number", dtype="float16").fit(x, x[:, 0])


@pytest.mark.parametrize("name", ["free", "several"])
def test_early_stopping_sets_samples_aside(estimator_of, name, capsys):
    x, y = iris()
    estimator = estimator_of(name, early_stopping=True, max_iter=4, verbose=True, random_state=0).fit(x, y)
    assert len(estimator.validation_curve_) == estimator.n_iter_ == 4
    assert capsys.readouterr().out.count("Validation loss: ") == 4
