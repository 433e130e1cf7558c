"""The same weights and the same batches: our loss curve is that of scikit-learn's MLP, epoch by epoch.

Scikit-learn computes its gradients from formulas that were typed in; ours were derived.
"""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale
from sklearn.utils import shuffle

from derive import Network, derive
from derive.targets.verify import loaded

EPOCHS = 30
BATCH = 32

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def starting_from(mlp, parameters):
    """A class of MLPs that begin with our parameters instead of drawing their own."""

    class FromOurs(mlp):
        def _init_coef(self, fan_in, fan_out, dtype):
            self.layer = getattr(self, "layer", 0) + 1
            weights, biases = parameters[f"W{self.layer}"], parameters[f"b{self.layer}"]
            assert weights.shape == (fan_out, fan_in)
            return weights.T.copy(), biases[:, 0].copy()

    return FromOurs


def plain_descent(mlp, parameters, hidden, activation, rate, alpha=0.0, epochs=EPOCHS, **options):
    """An MLP of scikit-learn that takes plain gradient steps and nothing else."""
    return starting_from(mlp, parameters)(
        hidden_layer_sizes=hidden,
        activation=activation,
        solver="sgd",
        learning_rate_init=rate,
        momentum=0,
        nesterovs_momentum=False,
        alpha=alpha,
        batch_size=BATCH,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=epochs + 1,
        **options,
    )


def digits():
    """The digits with their targets as rows: 1437 to learn from (a batch is left over), 360 to test."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    x, labels = data.data[order] / 16, data.target[order]
    return x[:1437], labels[:1437], x[1437:], labels[1437:]


def trainer_of(layers, activation, loss, **options):
    return loaded(derive(Network(layers, activation, loss, **options)).numpy()).Trainer(seed=3)


@pytest.mark.parametrize("ours, theirs", [("tanh", "tanh"), ("sigmoid", "logistic"), ("relu", "relu")])
def test_the_curve_on_the_digits(ours, theirs):
    x, labels, new, expected = digits()
    trainer = trainer_of((64, 32, 10), f"{ours},softmax", "cross_entropy")
    mlp = plain_descent(MLPClassifier, trainer.copy().parameters, (32,), theirs, 0.5, shuffle=False).fit(x, labels)
    trainer.fit(x, np.eye(10)[labels], epochs=EPOCHS, learning_rate=0.5, batch_size=BATCH, shuffle=False)
    assert len(mlp.loss_curve_) == EPOCHS
    np.testing.assert_allclose(trainer.epoch_history, mlp.loss_curve_, rtol=1e-9, atol=0)
    right = np.sum(trainer.predict(new).argmax(axis=1) == expected)
    assert right == np.sum(mlp.predict(new) == expected)
    assert right > 0.9 * len(new)


def test_the_curve_with_scikit_learns_own_order():
    x, labels, new, expected = digits()
    trainer = trainer_of((64, 32, 10), "tanh,softmax", "cross_entropy")
    start = trainer.copy().parameters
    mlp = plain_descent(MLPClassifier, start, (32,), "tanh", 0.5, shuffle=True, random_state=7).fit(x, labels)
    source, order, targets = np.random.RandomState(7), np.arange(len(x)), np.eye(10)[labels]
    for _ in range(EPOCHS):
        order = shuffle(order, random_state=source)
        trainer.partial_fit(x[order], targets[order], learning_rate=0.5, batch_size=BATCH)
    np.testing.assert_allclose(trainer.epoch_history, mlp.loss_curve_, rtol=1e-9, atol=0)
    assert np.sum(trainer.predict(new).argmax(axis=1) == expected) == np.sum(mlp.predict(new) == expected)


def test_the_curve_of_two_classes():
    x, labels, new, expected = digits()
    trainer = trainer_of((64, 16, 8, 1), "tanh,tanh,sigmoid", "binary_cross_entropy")
    mlp = plain_descent(MLPClassifier, trainer.copy().parameters, (16, 8), "tanh", 0.2, shuffle=False, epochs=10)
    mlp.fit(x, labels % 2)
    trainer.fit(x, labels % 2, epochs=10, learning_rate=0.2, batch_size=BATCH, shuffle=False)
    np.testing.assert_allclose(trainer.epoch_history, mlp.loss_curve_, rtol=1e-9, atol=0)
    assert np.sum((trainer.predict(new)[:, 0] > 0.5) == expected % 2) == np.sum(mlp.predict(new) == expected % 2)


def test_the_curve_of_a_regression():
    x, y = load_diabetes(return_X_y=True)
    x, y = scale(x), scale(y)
    trainer = trainer_of((10, 8, 1), "tanh,identity", "half_mse")
    mlp = plain_descent(MLPRegressor, trainer.copy().parameters, (8,), "tanh", 0.05, shuffle=False).fit(x, y)
    trainer.fit(x, y, epochs=EPOCHS, learning_rate=0.05, batch_size=BATCH, shuffle=False)
    np.testing.assert_allclose(trainer.epoch_history, mlp.loss_curve_, rtol=1e-9, atol=0)
    np.testing.assert_allclose(trainer.predict(x)[:, 0], mlp.predict(x), rtol=1e-9, atol=1e-9)


def test_the_curve_with_an_l2_penalty():
    """Scikit-learn divides its alpha by the number of samples in the batch; so all batches are alike here."""
    x, labels, new, expected = digits()
    x, labels, alpha = x[:1408], labels[:1408], 0.32
    trainer = trainer_of((64, 32, 10), "tanh,softmax", "cross_entropy", l2=alpha / BATCH)
    start = trainer.copy().parameters
    mlp = plain_descent(MLPClassifier, start, (32,), "tanh", 0.5, alpha=alpha, shuffle=False).fit(x, labels)
    trainer.fit(x, np.eye(10)[labels], epochs=EPOCHS, learning_rate=0.5, batch_size=BATCH, shuffle=False)
    np.testing.assert_allclose(trainer.epoch_history, mlp.loss_curve_, rtol=1e-9, atol=0)
    assert np.sum(trainer.predict(new).argmax(axis=1) == expected) == np.sum(mlp.predict(new) == expected)


@pytest.mark.parametrize("loss", ["cross_entropy", "half_mse"])
def test_steps_with_weights_of_samples(loss):
    """Mini-batches, each divided by the sum of its weights."""
    draw = np.random.default_rng(4)
    x, weights, labels = draw.normal(size=(75, 3)), draw.uniform(0.1, 4, 75), draw.integers(0, 3, 75)
    of_classes = loss == "cross_entropy"
    layers, last = ((3, 5, 3), "softmax") if of_classes else ((3, 5, 1), "identity")
    trainer = trainer_of(layers, f"tanh,{last}", loss, sample_weight="mean")
    kind, y = (MLPClassifier, labels) if of_classes else (MLPRegressor, x[:, 0] - labels)
    mlp = plain_descent(kind, trainer.copy().parameters, (5,), "tanh", 0.3, epochs=4, shuffle=False)
    mlp.fit(x, y, sample_weight=weights)
    trainer.fit(x, y, 4, 0.3, BATCH, shuffle=False, sample_weight=weights)
    for layer, (theirs, offsets) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True), 1):
        np.testing.assert_allclose(trainer.parameters[f"W{layer}"].T, theirs, rtol=0, atol=1e-12)
        np.testing.assert_allclose(trainer.parameters[f"b{layer}"][:, 0], offsets, rtol=0, atol=1e-12)
