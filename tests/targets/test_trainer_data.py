"""What users hand to the trainer: labels in every form, and everything that is wrong with data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import derivation, forwarded, module_of
from scipy.sparse import csr_array, dok_matrix

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.biases import BIASES
from derive.catalogue.losses import LOSSES

DATA = np.random.default_rng(3)
X = DATA.normal(size=(6, 3))
CLASSES = np.array([0, 2, 1, 3, 3, 0])
BINARY = np.array([0, 1, 1, 0, 1, 0])
SOFTMAX = ((3, 5, 4), "tanh,softmax", "cross_entropy")
SIGMOID = ((3, 5, 1), "tanh,sigmoid", "binary_cross_entropy")
SIGMOIDS = ((3, 5, 4), "tanh,sigmoid", "binary_cross_entropy")
REAL = ((3, 5, 4), "tanh,identity", "mse")
REAL_ONE = ((3, 5, 1), "tanh,identity", "mse")

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")


def of_kind(kind: str, outputs: int) -> ModuleType:
    """A module whose targets are signs or counts."""
    output, loss = {"signs": ("identity", "hinge"), "counts": ("exponential", "poisson")}[kind]
    return module_of((3, 5, outputs), f"tanh,{output}", loss)


def trained(module: Any, y: Any, **options: Any) -> Any:
    return module.Trainer(seed=1, **options).fit(X, y, epochs=3, learning_rate=0.2)


def same(one: Any, other: Any) -> bool:
    return one.history == other.history and all(
        np.array_equal(v, other.parameters[n]) for n, v in one.parameters.items()
    )


def frame(values: Any) -> Any:
    """Something that is no array, but has the method by which NumPy makes one of it."""

    class Frame:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.array(values, dtype)

    return Frame()


# Labels.

FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "a list": lambda y: y.tolist(),
    "a column": lambda y: y.reshape(-1, 1),
    "floats": lambda y: y.astype(float),
    "small integers": lambda y: y.astype(np.int8),
    "unsigned": lambda y: y.astype(np.uint64),
    "halves": lambda y: y.astype(np.float16),
    "a view": lambda y: np.repeat(y, 2)[::2],
    "like a frame": frame,
    "a masked array without a mask": np.ma.array,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_classes_are_one_hot_rows(form, dtype):
    module = module_of(*SOFTMAX)
    expected = trained(module, np.eye(4)[CLASSES], dtype=dtype)
    found = trained(module, FORMS[form](CLASSES), dtype=dtype)
    assert same(found, expected)
    assert found.score(X, FORMS[form](CLASSES)) == expected.score(X, np.eye(4)[CLASSES])


@pytest.mark.parametrize("form", FORMS)
def test_one_output_takes_a_list(form):
    for net in (SIGMOID, REAL_ONE):
        module = module_of(*net)
        assert same(trained(module, FORMS[form](BINARY)), trained(module, BINARY.reshape(-1, 1).astype(float)))
    assert same(trained(module_of(*SIGMOID), BINARY == 1), trained(module_of(*SIGMOID), BINARY))


def test_classes_for_several_outputs_each_on_its_own():
    module = module_of(*SIGMOIDS)
    assert same(trained(module, CLASSES), trained(module, np.eye(4)[CLASSES]))
    signs = of_kind("signs", 4)
    assert same(trained(signs, CLASSES), trained(signs, 2 * np.eye(4)[CLASSES] - 1))
    one = of_kind("signs", 1)
    assert same(trained(one, 2 * BINARY - 1), trained(one, (2.0 * BINARY - 1).reshape(-1, 1)))


def test_class_probabilities_are_accepted_as_targets():
    shares = DATA.dirichlet(np.ones(4), 6)
    module = module_of(*SOFTMAX)
    trainer = module.Trainer(seed=1)
    before = module.error(trainer.parameters, X.T, shares.T)
    assert trainer.partial_fit(X, shares).history == [pytest.approx(before, rel=1e-13)]
    for narrow in (shares.astype(np.float32), frame(shares)):
        assert trained(module, narrow, dtype=np.float32).dtype == np.float32


WRONG_LABELS: dict[str, tuple[Any, Any, str]] = {
    "a class too many": (SOFTMAX, [0, 1, 2, 3, 4, 0], "Y holds 4, which is no class; expected classes from 0 to 3"),
    "a negative class": (SOFTMAX, [0, 1, 2, 3, -1, 0], "Y holds -1, which is no class"),
    "half a class": (SOFTMAX, [0, 1, 2.5, 3, 3, 0], "Y holds 2.5, which is no class"),
    "a huge class": (SOFTMAX, [0, 1, 2, 3, 1e300, 0], r"Y holds 1e\+300, which is no class"),
    "no class": (SOFTMAX, [0, 1, 2, np.nan, 3, 0], "Y holds NaN or an infinite number"),
    "too few classes": (SOFTMAX, [0, 1, 2], "X has 6 samples and Y has 3"),
    "no labels": (SOFTMAX, [], "Y has no samples"),
    "classes, transposed": (SOFTMAX, np.eye(4)[CLASSES].T, r"Y has shape \(4, 6\).*samples are rows"),
    "a class of several": (SIGMOIDS, [0, 1, 2, 3, 4, 0], "Y holds 4, which is no class"),
    "a row of labels": (SOFTMAX, [[0, 1, 2, 3, 3, 0]], r"Y has shape \(1, 6\); expected \(samples, 4\)"),
    "sums to 2": (SOFTMAX, np.full((6, 4), 0.5), "must sum to 1 over the classes"),
    "negative shares": (SOFTMAX, np.tile([1.5, -0.5, 0, 0], (6, 1)), "Y holds -0.5; expected shares"),
    "no probability": (SIGMOID, [0, 1, 2, 0, 1, 0], "Y holds 2; expected numbers from 0 to 1"),
    "signs for 0 and 1": (SIGMOID, [-1, 1, 1, -1, 1, -1], "Y holds -1; expected numbers from 0 to 1"),
    "text": (REAL, list("abcdef"), "Y must hold real numbers, not text"),
    "bytes": (SOFTMAX, [t.encode() for t in "abcdef"], "Y must hold real numbers, not text"),
    "classes as numbers": (REAL, CLASSES, r"Y has shape \(6,\); expected \(samples, 4\)"),
}


@pytest.mark.parametrize("name", WRONG_LABELS)
def test_wrong_labels_are_refused(name):
    net, y, message = WRONG_LABELS[name]
    refused(module_of(*net), X, y, message)


def test_wrong_signs_and_counts_are_refused():
    refused(of_kind("signs", 1), X, BINARY, "Y holds 0; expected -1 or")
    refused(of_kind("signs", 1), X, BINARY * 0.5, "Y holds 0; expected -1 or")
    refused(of_kind("counts", 1), X, BINARY - 1, "Y holds -1; expected numbers from 0")
    assert trained(of_kind("counts", 1), BINARY * 7).n_iter_ == 3


def refused(module: Any, x: Any, y: Any, message: str, kind: Any = (ValueError, TypeError)) -> None:
    """Refused by everything that takes targets, in one line, without a change."""
    trainer, fresh = module.Trainer(seed=1), module.Trainer(seed=1)
    calls = [trainer.fit, trainer.partial_fit, trainer.score, lambda x, y: trainer.fit(X, y, validation=(x, y))]
    for call in calls[: 4 if len(x) == 6 else 3]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(kind, match=message) as said:
                call(x, y)
        assert "\n" not in str(said.value)
        assert same(trainer, fresh)
        assert (trainer.n_iter_, trainer.epoch_history, trainer.validation_history) == (0, [], [])


# The functional core refuses the same targets.


@pytest.mark.parametrize(
    ("net", "y", "message"),
    [
        (SOFTMAX, np.full((4, 6), 0.5), "sum to 1"),
        (SIGMOID, np.full((1, 6), 1.5), "Y holds 1.5; expected numbers from 0 to 1"),
        (SOFTMAX, CLASSES, r"Y has shape \(6,\); expected \(4, samples\)"),
    ],
)
def test_the_functional_core_refuses_wrong_targets(net, y, message):
    module = module_of(*net)
    parameters = module.initial_parameters()
    for call in (module.error, module.gradients, lambda *a: module.update(*a, 0.1), module.check_gradients):
        with pytest.raises(ValueError, match=message):
            call(parameters, X.T, y)


# Numbers of every type.


class Broken:
    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("the device\nis gone")


def spoiled(value: Any, dtype: Any = float) -> np.ndarray:
    changed = X.astype(dtype)
    changed[2, 1] = value
    return changed


WRONG: dict[str, tuple[Any, Any, str]] = {
    "a vector": (X[0], ValueError, r"X has shape \(3,\); expected \(samples, 3\)"),
    "a number": (1.5, ValueError, r"X has shape \(\)"),
    "three axes": (X[None], ValueError, r"X has shape \(1, 6, 3\)"),
    "transposed": (X.T, ValueError, r"X has shape \(3, 6\); expected \(samples, 3\); samples are rows here"),
    "a feature too few": (X[:, :2], ValueError, r"X has shape \(6, 2\)"),
    "no samples": (X[:0], ValueError, "X has no samples"),
    "no features": (X[:, :0], ValueError, r"X has shape \(6, 0\)"),
    "NaN": (spoiled(np.nan), ValueError, "X holds NaN"),
    "inf": (spoiled(-np.inf), ValueError, "X holds .*infinite"),
    "a longdouble beyond float64": (spoiled(np.longdouble("1e400"), np.longdouble), ValueError, "X holds .*infinite"),
    "objects": ([[object(), 0, 0]] * 6, TypeError, "X must hold real numbers, not object in row 0, column 0"),
    "huge integers": ([[10**400, 0, 0]] * 6, TypeError, "not an integer beyond all floating-point numbers"),
    "text among numbers": ([[0, 1, 2], [0, "b", 2]] * 3, TypeError, r"not text in row 1, column 1 \(from 0\): 'b'"),
    "a missing entry": ([[0, 1, 2], [0, 1, None]] * 3, TypeError, "X has a missing value, None, in row 1, column 2"),
    "sparse in a wrong shape": (csr_array(np.ones((6, 4))), ValueError, r"X has shape \(6, 4\)"),
    "sparse NaN": (csr_array(np.diag([1, 2, np.nan, 1, 1, 1])[:, :3]), ValueError, "nan in row 2, column 2"),
    "one sample": (X[0], ValueError, r"for a single sample use reshape\(1, -1\)"),
    "text": (X.astype(str), TypeError, "X must hold real numbers, not text"),
    "bytes": (X.astype("S"), TypeError, "X must hold real numbers, not text"),
    "complex": (X + 0j, TypeError, "X must hold real numbers, not complex128"),
    "dates": (np.zeros((6, 3), "datetime64[s]"), TypeError, "not datetime64"),
    "records": (np.zeros(6, [("a", float)]), TypeError, "X must hold real numbers, not"),
    "None": (None, TypeError, "X is missing; expected an array"),
    "an iterator": (iter(X), TypeError, r"X is an iterator; expected an array, such as np.array\(list"),
    "a generator": ((x for x in X), TypeError, "X is a generator"),
    "a dict": ({"a": 1}, ValueError, 'unknown "a" in the (validation )?inputs; expected X'),
    "ragged": ([[1, 2, 3], [1]], ValueError, r"X is not .*: its entry 0 has the shape \(3,\), and entry 1 \(1,\)"),
    "masked": (np.ma.masked_greater(X, 0), ValueError, "X has masked entries"),
    "cannot be read": (Broken(), TypeError, "X cannot be read as an array: the device is gone"),
    "fewer samples": (X[:5], ValueError, "X has 5 samples and (validation )?Y has 6"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("net", [SOFTMAX, REAL])
def test_wrong_inputs_are_refused(name, net):
    x, kind, message = WRONG[name]
    module = module_of(*net)
    y = np.eye(4)[CLASSES]
    trainer, fresh = module.Trainer(seed=1), module.Trainer(seed=1)
    calls = [trainer.fit, trainer.score, trainer.partial_fit, lambda x, y: trainer.fit(X, y, validation=(x, y))]
    calls += [] if name == "fewer samples" else [lambda x, y: trainer.predict(x)]
    for call in calls:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(kind, match=message) as said:
                call(x, y)
        assert "\n" not in str(said.value)
    assert same(trainer, fresh)


def test_a_sparse_matrix_that_is_a_dict():
    module = module_of(*SOFTMAX)
    assert same(module.Trainer(seed=1).fit(dok_matrix(X), CLASSES, 2), module.Trainer(seed=1).fit(X, CLASSES, 2))


def test_what_is_left_out_or_misspelled():
    trainer = module_of(*REAL).Trainer
    with pytest.raises(TypeError, match="Y is missing; expected an array"):
        trainer().fit(X)
    with pytest.raises(TypeError, match="Trainer has no argument sed; expected parameters, seed or dtype"):
        trainer(sed=1)
    with pytest.raises(TypeError, match="dtype must be float64 or float32, not the type int"):
        trainer(dtype=int)
    with pytest.raises(ValueError, match="with batches, each of them is a step: leave batch_size out"):
        trainer().fit(batches=[(X, np.zeros((6, 4)))], batch_size=3)


def test_a_number_beyond_float32():
    trainer = module_of(*REAL).Trainer(dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"X holds NaN or an infinite number \(as float32\)"):
            trainer.predict(spoiled(1e39))
    with pytest.raises(ValueError, match="validation Y holds NaN"):
        trainer.fit(X, np.ones((6, 4)), validation=(X, np.full((6, 4), np.nan)))


@pytest.mark.parametrize("kind", [np.int8, np.uint64, bool, np.float16, np.float32, np.longdouble, ">f8", ">i4"])
def test_other_real_numbers_are_converted(kind):
    module = module_of(*SOFTMAX)
    x = np.round(X * 2).astype(kind)
    for dtype in (np.float64, np.float32):
        trainer = module.Trainer(seed=1, dtype=dtype)
        assert trainer.predict(x).dtype == dtype
        assert np.array_equal(trainer.predict(x), trainer.predict(x.astype(float)))
        assert same(module.Trainer(seed=1, dtype=dtype).fit(x, CLASSES), trainer.fit(x.astype(float), CLASSES))
    assert np.array_equal(trainer.predict(frame(x)), trainer.predict(x))
    assert np.array_equal(trainer.predict(np.asmatrix(x)), trainer.predict(x))


@pytest.mark.parametrize("bias", list(BIASES))
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.sampled(38)
def test_each_type_is_kept_throughout(bias, loss):
    """Also between the equations: no number of the forward or the backward pass is of another type."""
    needs = LOSSES[loss].activations or ("identity",)
    hidden = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
    layers = (3, *range(4, 4 + len(hidden)), 2)
    module = module_of(layers, ",".join([*hidden, needs[0]]), loss, bias)
    parameters, x, y = module.example()
    for dtype in (np.float64, np.float32):
        typed = {name: value.astype(dtype) for name, value in parameters.items()}
        inputs, targets = x.astype(dtype), y.astype(dtype)
        values = forwarded(module, typed, inputs)
        slopes = module.NETWORK.gradients(typed, inputs, targets, values)
        assert {v.dtype for v in (*values.values(), *slopes.values())} == {np.dtype(dtype)}
        assert np.asarray(module.NETWORK.error(typed, inputs, targets, values)).dtype == dtype
        assert {v.dtype for v in module.gradients(typed, x, y).values()} == {np.dtype(dtype)}


# Options.

OPTIONS: dict[str, tuple[dict[str, Any], Any, str]] = {
    "no epochs": ({"epochs": 0}, ValueError, "epochs is 0; expected at least 1"),
    "epochs and a half": ({"epochs": 1.5}, TypeError, "epochs must be an integer, not float 1.5"),
    "a negative rate": ({"learning_rate": -0.1}, ValueError, "learning_rate is -0.1"),
    "a rate in words": ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number, not str 'fast'"),
    "an empty batch": ({"batch_size": 0}, ValueError, "batch_size is 0"),
    "a batch of a float": ({"batch_size": 2.0}, TypeError, "batch_size must be an integer, not float 2.0"),
    "shuffle": ({"shuffle": "yes"}, TypeError, "shuffle must be True or False, not str 'yes'"),
    "shuffle None": ({"shuffle": None}, TypeError, "shuffle must be True or False, not NoneType"),
    "a negative seed": ({"seed": -1}, ValueError, "seed is -1; expected an integer that is not negative"),
    "a seed in words": ({"seed": "one"}, TypeError, "seed must be an integer or a Generator, not str 'one'"),
    "a seed that is true": ({"seed": True}, TypeError, "seed must be an integer or a Generator, not bool True"),
    "all held out": ({"validation": 0.99}, ValueError, "validation is 0.99, which leaves none of 6 samples"),
    "a share of 1": ({"validation": 1}, ValueError, "validation is 1; expected a pair"),
    "a share of 0": ({"validation": 0.0}, ValueError, "validation is 0.0; expected a pair"),
    "a share of NaN": ({"validation": np.nan}, ValueError, "validation is nan; expected a pair"),
    "validation True": ({"validation": True}, TypeError, "validation must be a pair .*, not bool True"),
    "validation of four": ({"validation": (X, CLASSES, 1, 1)}, TypeError, "validation must be a pair .*, not tuple"),
    "validation in words": ({"validation": "ab"}, TypeError, "validation must be a pair .*, not str 'ab'"),
    "validation of an array": ({"validation": X}, TypeError, r"validation must be a pair .*an array of shape \(6, 3\)"),
    "other features": ({"validation": (X[:, :2], CLASSES)}, ValueError, r"validation X has shape \(6, 2\)"),
    "fewer labels": ({"validation": (X, CLASSES[:2])}, ValueError, "validation X has 6 samples and validation Y has 2"),
    "a wrong label": ({"validation": (X, CLASSES + 1)}, ValueError, "validation Y holds 4, which is no class"),
    "no patience": ({"early_stopping": 0}, ValueError, "the patience of early_stopping is 0"),
    "patience True": ({"early_stopping": True}, TypeError, "the patience of early_stopping must be an integer"),
    "a wrong key": ({"early_stopping": {"patience": 2, "delta": 1}}, ValueError, "early_stopping has the key 'delta'"),
    "no key": ({"early_stopping": {}}, ValueError, "early_stopping has no patience"),
    "a negative delta": ({"early_stopping": {"patience": 2, "min_delta": -1}}, ValueError, "min_delta is -1"),
    "a callback of no use": ({"callback": 3}, TypeError, "callback must be a function, not int 3"),
    "progress": ({"progress": 1}, TypeError, "progress must be True or False, not int 1"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_wrong_options_are_refused(name):
    options, kind, message = OPTIONS[name]
    module = module_of(*SOFTMAX)
    trainer = module.Trainer(seed=1)
    with pytest.raises(kind, match=message) as said:
        trainer.fit(X, CLASSES, **options)
    assert "\n" not in str(said.value)
    assert same(trainer, module.Trainer(seed=1))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"dtype": np.float16}, TypeError, "dtype must be float64 or float32"),
        ({"dtype": "single precision"}, TypeError, "dtype must be float64 or float32, not str 'single precision'"),
        ({"dtype": None}, TypeError, "dtype must be float64 or float32, not NoneType"),
        ({"dtype": int}, TypeError, "dtype must be float64 or float32"),
        ({"seed": 1.5}, TypeError, "seed must be an integer or a Generator, not float 1.5"),
        ({"parameters": 3}, TypeError, "parameters must be a dict of arrays, not int 3"),
        ({"parameters": [1, 2]}, TypeError, "parameters must be a dict of arrays, not list"),
        ({"parameters": {}}, ValueError, '"W1" is missing'),
        ({"parameters": {"W1": [[np.nan]]}}, ValueError, "is missing"),
        ({"parameters": {"W1": "ab"}}, TypeError, 'parameter "W1" must hold real numbers, not text'),
        ({"width": 3}, TypeError, "width"),
    ],
)
def test_wrong_arguments_of_a_trainer(arguments, kind, message):
    with pytest.raises(kind, match=message):
        module_of(*SOFTMAX).Trainer(**arguments)


def test_widths_of_a_trainer():
    module = module_of("n,h,k", "tanh", "mse")
    trainer = module.Trainer(n=3, h=5, k=2, seed=4, dtype="float32")
    assert trainer.dtype == np.float32 and trainer.parameters["W1"].shape == (5, 3)
    again = module.Trainer(trainer.parameters)
    assert again.dtype == np.float64 and again.parameters["W1"].shape == (5, 3)
    with pytest.raises(TypeError, match="give parameters or widths, not both"):
        module.Trainer(trainer.parameters, n=3)
    with pytest.raises(TypeError, match="h"):
        module.Trainer(n=3, k=2)


def test_parameters_of_two_types():
    module = module_of(*SOFTMAX)
    parameters = module.initial_parameters()
    narrow = {name: value.astype(np.float32) for name, value in parameters.items()}
    assert module.forward(narrow, X.T).dtype == np.float32
    mixed = parameters | {"W2": narrow["W2"]}
    with pytest.raises(TypeError, match='"W2" holds float32 numbers and others float64; expected one type'):
        module.forward(mixed, X.T)
    for wrong, kind in ((np.float16, "float16"), (np.longdouble, "longdouble|float128"), (">f8", ">f8")):
        with pytest.raises(TypeError, match=f"must hold float64 numbers, not ({kind})"):
            module.forward({name: value.astype(wrong) for name, value in parameters.items()}, X.T)
    for odd in (np.ma.array(parameters["W1"]), np.asmatrix(parameters["W1"])):
        with pytest.raises(TypeError, match=r"must be a plain array, not a (MaskedArray|matrix)"):
            module.update(parameters | {"W1": odd}, X.T, np.eye(4)[CLASSES].T, 0.1)


# What comes out.


def test_probabilities():
    softmax = trained(module_of(*SOFTMAX), CLASSES)
    assert np.array_equal(softmax.predict_proba(X), softmax.predict(X))
    assert np.allclose(softmax.predict_proba(X).sum(axis=1), 1)
    one = trained(module_of(*SIGMOID), BINARY)
    assert one.predict_proba(X).shape == (6, 2)
    assert np.array_equal(one.predict_proba(X)[:, 1:], one.predict(X))
    assert np.allclose(one.predict_proba(X).sum(axis=1), 1)
    assert np.array_equal(trained(module_of(*SIGMOIDS), CLASSES).predict_proba(X).shape, (6, 4))
    for width in (1, 4):
        named = module_of("n,k", "sigmoid", "binary_cross_entropy").Trainer(n=3, k=width)
        assert named.predict_proba(X).shape == (6, max(width, 2))
    other = module_of(*REAL).Trainer()
    assert not hasattr(other, "predict_proba")
    with pytest.raises(AttributeError, match="the outputs of this network are no probabilities: use predict"):
        other.predict_proba(X)


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    x = DATA.normal(size=(40, 3))
    guesses = {
        SOFTMAX: (DATA.integers(0, 4, 40), lambda p: p.argmax(axis=1)),
        SIGMOID: (DATA.integers(0, 2, 40), lambda p: p[:, 0] >= 0.5),
        SIGMOIDS: (DATA.integers(0, 2, (40, 4)), lambda p: p >= 0.5),
    }
    for net, (y, classify) in guesses.items():
        trainer = module_of(*net).Trainer(seed=1).fit(x, y, 20, 0.5)
        assert trainer.score(x, y) == pytest.approx(metrics.accuracy_score(y, classify(trainer.predict(x))))
    labels = DATA.integers(0, 4, 40)
    trainer = module_of(*SIGMOIDS).Trainer(seed=1).fit(x, labels, 20, 0.5)
    assert trainer.score(x, labels) == metrics.accuracy_score(labels, trainer.predict(x).argmax(axis=1))
    for net in (REAL, REAL_ONE):
        y = DATA.normal(size=(40, net[0][-1]))
        trainer = module_of(*net).Trainer(seed=1).fit(x, y, 20, 0.1)
        assert trainer.score(x, y) == pytest.approx(metrics.r2_score(y, trainer.predict(x)), rel=1e-12)
        y[:, 0] = 2
        assert trainer.score(x, y) == pytest.approx(metrics.r2_score(y, trainer.predict(x)), rel=1e-12)
        assert trainer.score(x, trainer.predict(x)) == 1
        with pytest.raises(ValueError, match=r"R\^2 needs at least two samples"):
            trainer.score(x[:1], y[:1])


def test_a_score_of_signs():
    for outputs, labels in ((1, 2 * BINARY - 1), (3, np.where(DATA.random((6, 3)) < 0.5, -1, 1)), (3, CLASSES % 3)):
        trainer = trained(of_kind("signs", outputs), labels)
        guess = trainer.predict(X)
        right = (
            guess.argmax(axis=1) == labels
            if outputs == 3 and labels.ndim == 1
            else (np.where(guess >= 0, 1, -1) == labels.reshape(6, -1)).all(axis=1)
        )
        assert trainer.score(X, labels) == np.mean(right)


@pytest.mark.parametrize("call", ["initial_parameters", "example"])
def test_seeds_of_the_functional_core(call):
    module = module_of(*SOFTMAX)
    for wrong, kind in ((-1, ValueError), ("a", TypeError), (1.0, TypeError), (True, TypeError)):
        with pytest.raises(kind, match="seed"):
            getattr(module, call)(seed=wrong)


def test_checks_of_the_self_check():
    module = module_of(*SOFTMAX)
    drawn = module.example()
    with pytest.raises(ValueError, match="entries is -1; expected at least 0"):
        module.check_gradients(*drawn, entries=-1)
    with pytest.raises(ValueError, match="samples is 0"):
        module.example(samples=0)
    with pytest.raises(ValueError, match="learning_rate is -1"):
        module.check_steps(*drawn, learning_rate=-1)
    assert module.check_steps(*drawn, steps=20, learning_rate=0.5) <= 1e-12
    narrow = {name: value.astype(np.float32) for name, value in drawn[0].items()}
    assert all(c <= 1e-12 for c, _ in module.check_gradients(narrow, *drawn[1:]).values())
    assert derivation(*SOFTMAX).check().passed


@pytest.mark.parametrize("digits", ["1e400", "inf", "-3", "nan"])
def test_learning_rates_out_of_range(digits):
    refused_rate(np.longdouble(digits))


@pytest.mark.parametrize("power", [400, 5000])
def test_learning_rates_beyond_the_floats(power):
    refused_rate(10**power)
    refused_rate(-(10**power))


def refused_rate(rate):
    with pytest.raises(ValueError, match=r"learning_rate is .*; expected a finite number that is not negative"):
        module_of(*SOFTMAX).Trainer().fit(X, np.zeros(len(X), int), 1, rate)


def test_the_widths_that_are_needed_are_said():
    module = module_of("n,h,k", "tanh", "mse")
    for given, said in (({}, "none of them"), ({"n": 3, "k": 2}, "n=..., k=..."), ({"foo": 3}, "foo=...")):
        with pytest.raises(TypeError) as refused:
            module.Trainer(**given)
        assert str(refused.value) == f"Trainer needs the widths n=..., h=..., k=..., or parameters; it was given {said}"
    assert "Trainer(n=..., h=..., k=...)" in " ".join(module.Trainer.__doc__.split())
    with pytest.raises(ValueError, match="h is 0; expected at least 1"):
        module.Trainer(n=3, h=0, k=2)
    empty = {"W1": np.zeros((5, 0)), "b1": np.zeros((5, 1)), "W2": np.zeros((2, 5)), "b2": np.zeros((2, 1))}
    with pytest.raises(ValueError, match=r'"W1" has shape \(5, 0\); expected no width to be 0'):
        module.Trainer(empty)
