"""Rows that are read when they are needed: sparse matrices, and arrays in files."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from helpers import module_of
from scipy.sparse import coo_array, csc_matrix, csr_array

NET = ((6, 4, 3), "tanh,softmax", "cross_entropy")
DRAW = np.random.default_rng(0)
X = np.where(DRAW.random((50, 6)) < 0.3, DRAW.normal(size=(50, 6)), 0)
Y = DRAW.integers(0, 3, 50)


def trained(x, **options):
    return module_of(*NET).Trainer(seed=0).fit(x, Y, epochs=3, **options)


def in_file(folder, array):
    mapped = np.memmap(folder / "rows", array.dtype, "w+", shape=array.shape)
    mapped[...] = array
    return mapped


@pytest.mark.parametrize("size", [1, 8, None])
def test_sparse_rows_train_on_the_bits_of_dense_ones(size, tmp_path):
    options = {"batch_size": size, "validation": 0.2}
    dense = trained(X, **options, checkpoint=tmp_path / "dense")
    for form in (csr_array, csc_matrix, coo_array):
        sparse = trained(form(X), **options)
        assert sparse.history == dense.history and sparse.validation_history == dense.validation_history
        assert np.array_equal(sparse.predict(form(X)), dense.predict(X))
        assert sparse.score(form(X), Y) == dense.score(X, Y)
        assert np.array_equal(sparse.compute("Z1", form(X)), dense.compute("Z1", X))
    same = trained(csr_array(X), **options, checkpoint=tmp_path / "dense")
    assert same.history == dense.history


def test_arrays_in_files_train_on_the_bits_of_those_in_memory(tmp_path):
    mapped = in_file(tmp_path, X.astype(np.float32))
    for size in (1, 8):
        one, two = trained(mapped, batch_size=size), trained(np.array(mapped), batch_size=size)
        assert one.history == two.history and np.array_equal(one.predict(mapped), two.predict(X.astype(np.float32)))


def test_an_array_in_a_file_is_not_copied(tmp_path):
    module = module_of((250, 4, 1), "tanh,identity", "half_mse")
    mapped = in_file(tmp_path, np.ones((8000, 250), np.float32))
    targets = np.zeros(8000)
    trainer = module.Trainer(seed=0)
    trainer.fit(mapped[:400], targets[:400], epochs=1)
    tracemalloc.start()
    trainer.fit(mapped, targets, epochs=1, validation=0.1).predict(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < mapped.nbytes


def test_weights_that_are_transposed():
    module = module_of(*NET)
    good = module.Trainer(seed=0).parameters
    with pytest.raises(ValueError, match=r"expected \(4, 6\): it is transposed"):
        module.Trainer({**good, "W1": good["W1"].T})
    with pytest.raises(ValueError, match="it is transposed, since weights are"):
        module.Trainer({name: value.T if value.shape[1] > 1 else value for name, value in good.items()})
    with pytest.raises(ValueError, match=r"expected \(4, 6\)$"):
        module.Trainer({**good, "W1": good["W1"][:, :5]})
