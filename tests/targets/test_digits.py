"""Real input: the generated network learns the handwritten digits that scikit-learn ships."""

import numpy as np
import pytest
from helpers import module_of

digits = pytest.importorskip("sklearn.datasets").load_digits


@pytest.mark.parametrize(("bias", "notation"), [("separate", "psi"), ("augmented", "delta")])
def test_it_learns_handwritten_digits(bias, notation):
    data = digits()
    x, y = data.data / 16, np.eye(10)[data.target]
    order = np.random.default_rng(0).permutation(len(x))
    held_out, learned = np.split(order, [len(x) // 5])
    trainer = module_of((64, 32, 10), "tanh,softmax", "cross_entropy", bias, notation).Trainer(seed=0)
    trainer.fit(x[learned], y[learned], epochs=60, learning_rate=0.5, batch_size=32, seed=0)
    guessed = np.argmax(trainer.predict(x[held_out]), axis=1)
    assert np.mean(guessed == data.target[held_out]) >= 0.95
