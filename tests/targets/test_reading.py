"""Data as users have them: tables, labels, batches, and scales that are found."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers import module_of
from scipy.sparse import csr_array

SOFTMAX = ((3, 4, 3), "tanh,softmax", "cross_entropy")
SIGMOID = ((3, 1), "sigmoid", "binary_cross_entropy")
HINGE = ((3, 1), "identity", "hinge")
REAL = ((3, 4, 2), "tanh,identity", "half_mse")
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(40, 3))
CLASSES = DRAW.integers(0, 3, 40)
LABELS = np.array(["cat", "dog", "eel"])[CLASSES]
NUMBERS = DRAW.normal(size=(40, 2))


class Table:
    """As much of a data frame as is asked for."""

    def __init__(self, **columns):
        self.found = columns
        self.columns = list(columns)
        self.shape = (len(next(iter(columns.values()))), len(columns))

    def __getitem__(self, place):
        return np.asarray(self.found[self.columns[place[1]]])


def table(x, names="abc"):
    return Table(**dict(zip(names, x.T, strict=True)))


def reloaded(trainer):
    content = io.BytesIO()
    trainer.save(content)
    return type(trainer).load(io.BytesIO(content.getvalue()))


def test_columns_have_names():
    module = module_of(*SOFTMAX)
    plain = module.Trainer(seed=0).fit(X, CLASSES, epochs=3)
    named = reloaded(module.Trainer(seed=0).fit(table(X), CLASSES, epochs=3))
    assert named.feature_names_in_.tolist() == ["a", "b", "c"] and plain.feature_names_in_ is None
    assert named.history == plain.history
    assert np.array_equal(named.predict(table(X)), plain.predict(X)) and np.array_equal(
        named.predict(X), plain.predict(X)
    )
    for call in (named.predict, lambda x: named.fit(x, CLASSES), lambda x: named.compute("A1", x)):
        with pytest.raises(ValueError, match="the columns of X are in another order; expected a, b, c"):
            call(table(X, "acb"))
        with pytest.raises(ValueError, match="X lacks the column 'c'"):
            call(table(X, "abd"))
    spoiled = table(np.where(X == X[5, 1], np.nan, X))
    with pytest.raises(ValueError, match=r'nan in row 5 \(from 0\), column "b"'):
        module.Trainer(seed=0).fit(spoiled, CLASSES)
    text = Table(a=X[:, 0], city=["Rome"] * 40, c=X[:, 2])
    fresh = module.Trainer(seed=0)
    with pytest.raises(TypeError, match='X, column "city", must hold real numbers, not text'):
        fresh.fit(text, CLASSES)
    assert fresh.feature_names_in_ is None


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_real_frames(kind):
    library = pytest.importorskip(kind)
    frame = library.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
    trainer = module_of(*SOFTMAX).Trainer(seed=0).fit(frame, library.Series(LABELS.tolist()), epochs=2)
    assert trainer.feature_names_in_.tolist() == ["a", "b", "c"] and set(trainer.predict_classes(frame)) <= set(LABELS)


@pytest.mark.parametrize("net", [SOFTMAX, SIGMOID, HINGE])
def test_labels_are_text(net):
    module, several = module_of(*net), net is SOFTMAX
    labels = LABELS if several else np.where(CLASSES == 1, "yes", "no")
    codes = CLASSES if several else np.where(CLASSES == 1, 1, -1 if net is HINGE else 0)
    plain = module.Trainer(seed=0).fit(X, codes, epochs=3, validation=(X, codes))
    for given in (labels, labels.tolist(), labels.astype(object)[:, None]):
        named = module.Trainer(seed=0).fit(X, given, epochs=3, validation=(X, given))
        assert named.history == plain.history and named.validation_history == plain.validation_history
    again = reloaded(named)
    assert again.classes_.tolist() == (["cat", "dog", "eel"] if several else ["no", "yes"])
    assert again.score(X, labels) == plain.score(X, codes) == np.mean(again.predict_classes(X) == labels)
    assert np.array_equal(again.partial_fit(X[:5], labels[:5]).history, plain.partial_fit(X[:5], codes[:5]).history)
    with pytest.raises(ValueError, match=r"Y holds 'owl' in row 1 \(from 0\), which is no class; expected"):
        again.partial_fit(X[:2], [labels[0], "owl"])


@pytest.mark.parametrize("missing", [None, np.nan, 7])
def test_a_label_that_is_missing(missing):
    labels = [*LABELS[:3].tolist(), missing, *LABELS[4:].tolist()]
    for given in (labels, np.array(labels, object)):
        with pytest.raises(TypeError, match=rf"Y has labels of text, and {missing} in row 3 \(from 0\), which is none"):
            module_of(*SOFTMAX).Trainer(seed=0).fit(X, given)


def test_labels_that_are_too_few():
    trainer = module_of(*SOFTMAX).Trainer(seed=0)
    with pytest.raises(ValueError, match=r"Y has 1 labels, .* 3 classes: set trainer.classes_ to all labels first"):
        trainer.fit(X, ["dog"] * 40)
    trainer.classes_ = np.array(["cat", "dog", "eel"])
    assert trainer.fit(X, ["dog"] * 40, epochs=1).n_iter_ == 1
    with pytest.raises(TypeError, match="the targets of this network are no classes"):
        module_of(*REAL).Trainer(seed=0).predict_classes(X)


def test_batches_train_on_the_bits_of_data_in_memory():
    module = module_of(*SOFTMAX)
    whole = module.Trainer(seed=0).fit(X, CLASSES, epochs=3, batch_size=16, shuffle=False, validation=(X, CLASSES))

    def batches():
        for first in range(0, 40, 16):
            yield X[first : first + 16], CLASSES[first : first + 16]

    for given in (batches, list(batches())):
        parts = module.Trainer(seed=0).fit(batches=given, epochs=3, validation=(X, CLASSES), early_stopping=9)
        assert parts.history == whole.history and parts.validation_history == whole.validation_history
        assert parts.n_iter_ == 3 and np.allclose(parts.epoch_history, whole.epoch_history, rtol=1e-14)
    assert module.Trainer(seed=0).fit(batches=batches(), epochs=1).history == whole.history[:3]
    trainer = module.Trainer(seed=0)
    for options, kind, message in (
        ({"batches": batches()}, ValueError, "an iterator, which can be read once: use epochs=1"),
        ({"batches": X}, TypeError, "batches must be a function"),
        ({"batches": batches, "X": X}, TypeError, "give batches, or X and Y, not both"),
        ({"batches": batches, "validation": 0.1}, ValueError, "validation must be a pair"),
        ({"batches": batches, "standardise": True}, ValueError, "standardise needs all samples"),
        ({"batches": []}, ValueError, "batches gives none in epoch 1"),
        ({"batches": [(X[:, :2], CLASSES)]}, ValueError, r"batch 0 \(from 0\): X has shape \(40, 2\)"),
    ):
        with pytest.raises(kind, match=message):
            trainer.fit(epochs=2, **options)
    assert trainer.n_steps_ == 0


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_standardised_data(form):
    x, y = X * [1, 1e5, 0.01] + [3, 1e6, 0], NUMBERS * [1, 1e4] + [0, 7e5]
    module = module_of(*REAL)
    (mean, scale), (middle, size) = (
        (a[:32].mean(axis=0), a[:32].std(axis=0)) for a in (x, y)
    )  # without the last fifth
    by_hand, options = ((x - mean) / scale, (y - middle) / size), {"epochs": 5, "batch_size": 16, "validation": "last"}
    plain = module.Trainer(seed=0).fit(*by_hand, **options)
    trainer = module.Trainer(seed=0).fit(form(x), y, **options, standardise="both")
    np.testing.assert_allclose(trainer.history, plain.history, rtol=1e-9)
    np.testing.assert_allclose(trainer.validation_history, plain.validation_history, rtol=1e-9)
    again = reloaded(trainer)
    expected = plain.predict(by_hand[0]) * size + middle
    np.testing.assert_allclose(again.predict(form(x)), expected, rtol=1e-9)
    assert again.score(x, y) == pytest.approx(plain.score(*by_hand), rel=1e-9)
    kept = dict(again.scaling)
    again.partial_fit(form(x[:9]), y[:9]).fit(x[:9], y[:9], epochs=1, standardise=True)
    assert all(again.scaling[name] is value for name, value in kept.items())
    np.testing.assert_allclose(
        again.history[-2:-1], plain.partial_fit(*(a[:9] for a in by_hand)).history[-1:], rtol=1e-9
    )


def test_what_cannot_be_standardised():
    trainer = module_of(*SOFTMAX).Trainer(seed=0)
    with pytest.raises(ValueError, match='standardise="both": the outputs must be real numbers'):
        trainer.fit(X, CLASSES, standardise="both")
    with pytest.raises(ValueError, match="standardise must be True for the inputs"):
        trainer.fit(X, CLASSES, standardise="inputs")
    constant = np.column_stack([X[:, :2], np.full(40, 5.0)])
    trainer.fit(constant, CLASSES, epochs=1, standardise=True)
    assert trainer.scaling["input_scale"][2] == 1 and not trainer.scaling.keys() & {"target_mean"}


@pytest.mark.parametrize("bias", ["separate", "augmented"])
def test_weights_from_elsewhere(bias):
    module = module_of(*REAL, bias=bias)
    weights, biases = [DRAW.normal(size=(4, 3)), DRAW.normal(size=(2, 4))], [DRAW.normal(size=4), DRAW.normal(size=2)]
    expected = np.tanh(X @ weights[0].T + biases[0]) @ weights[1].T + biases[1]
    state = {"0.weight": weights[0], "0.bias": biases[0], "2.weight": weights[1], "2.bias": biases[1]}
    torch, sklearn = module.Trainer.from_state_dict(state), module.Trainer.from_coefs([w.T for w in weights], biases)
    for trainer in (torch, sklearn):
        np.testing.assert_allclose(trainer.predict(X), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"layer 1 has weights \(4, 3\) .* expected \(inputs, units\) .*transposed"):
        module.Trainer.from_coefs(weights, biases)
    with pytest.raises(ValueError, match="weights of 1 layers and biases of 0 are given; the parameters are W1"):
        module.Trainer.from_state_dict({"a.weight": weights[0]})
    with pytest.raises(ValueError, match=r'"0.running_mean" in the state is neither a weight nor a bias'):
        module.Trainer.from_state_dict({"0.running_mean": biases[0]})
    if bias == "separate":
        assert all(np.array_equal(w.T, c) for w, c in zip(weights, torch.coefs_, strict=True))
        torch.intercepts_[1][...] = 0
        assert not torch.parameters["b2"].any()
    else:
        with pytest.raises(AttributeError, match="no weights and biases by layers"):
            len(torch.coefs_)


def test_biases_may_be_vectors():
    module = module_of(*REAL)
    good = module.Trainer(seed=0).parameters
    flat = module.Trainer({name: value.ravel() if name[0] == "b" else value for name, value in good.items()})
    assert all(np.array_equal(flat.parameters[name], value) for name, value in good.items())
