"""The numbers of a worked example at the door: what is read, what is drawn, what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers import derivation
from models import MODELS

from derive import Statement, derive
from derive.text.errors import SpecError
from derive.worked.example import work
from derive.worked.given import Numbers, numbers
from derive.worked.shapes import MAX_SAMPLES

NET = ((2, 3, 2), "sigmoid", "mse")
CLASSES = ((2, 3, 2), ("tanh", "softmax"), "cross_entropy")


def start(values, *network, **options):
    return work(derivation(*(network or NET), **options), Numbers(values)).start


def refusal(values, *network, **options):
    with pytest.raises(SpecError) as error:
        work(derivation(*(network or NET), **options), Numbers(values, "numbers.toml"))
    text = str(error.value)
    assert text.startswith("numbers.toml: ")
    assert "\n" not in text
    return text.removeprefix("numbers.toml: ")


# What is read.


def test_samples_are_rows_and_become_columns():
    got = start({"X": [[1, 2], [3, 4], [5, 6]], "Y": [[0, 1], [0, 0], [1, 0]]})
    assert got.data["X"].tolist() == [[1, 3, 5], [2, 4, 6]]
    assert got.data["Y"].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_one_sample_may_be_a_flat_list():
    got = start({"X": [1, 2], "Y": [0.5, 0.25]})
    assert got.data["X"].tolist() == [[1], [2]]
    assert got.data["Y"].tolist() == [[0.5], [0.25]]


def test_with_one_input_each_number_is_a_sample():
    got = start({"X": [1, 2, 3], "Y": [4, 5, 6]}, (1, 2, 1))
    assert got.data["X"].tolist() == [[1, 2, 3]]
    assert got.data["Y"].tolist() == [[4, 5, 6]]
    assert start({"X": 1, "Y": 0}, (1, 1)).data["X"].tolist() == [[1]]


def test_weights_go_from_columns_to_rows_and_one_bias_serves_all_units():
    rows = [[1, 2], [3, 4], [5, 6]]
    got = start({"W1": rows, "b1": 0.25, "b2": [1, 2]}).parameters
    assert got["W1"].tolist() == rows
    assert got["b1"].tolist() == [[0.25]] * 3
    assert got["b2"].tolist() == [[1], [2]]


def test_an_augmented_bias_is_column_zero():
    rows = [[9, 1, 2], [8, 3, 4], [7, 5, 6]]
    assert start({"W1": rows}, *NET, bias="augmented").parameters["W1"].tolist() == rows


def test_a_single_row_or_column_of_weights_may_be_a_list():
    got = start({"W1": [1, 2, 3], "W2": [4, 5, 6]}, (1, 3, 1)).parameters
    assert got["W1"].tolist() == [[1], [2], [3]]
    assert got["W2"].tolist() == [[4, 5, 6]]


def test_arrays_of_numpy_are_taken():
    assert start({"X": np.array([[1, 2]]), "b2": np.float64(3)}).parameters["b2"].tolist() == [[3], [3]]


def test_rows_of_rows_have_an_axis_for_each_level():
    d = derive(MODELS["swiglu"]().statement)
    x = np.arange(24.0).reshape(2, 4, 3) / 24
    got = work(d, Numbers({"x": x.tolist(), "y": np.ones((2, 4, 3))})).start
    assert got.samples == 2 and np.array_equal(got.data["x"], x)
    for wrong, words in (
        (x[:, :3], "x is an array of 2 × 3 × 3 numbers, where an array of samples × 4 × 3 numbers is expected"),
        (x[0], "x is 4 rows of 3 numbers, where an array of samples"),
        ([[[1, 2, 3]] * 4, [[1, 2]] * 4], "x: row 2 is an array of another shape than row 1"),
        ([[[1, 2, 3], [1, 2]]], "x: row 1, row 2 has 2 entries and row 1 has 3"),
        ([[[[1]]]], "x: row 1, row 1, entry 1 is an array"),
    ):
        with pytest.raises(SpecError, match=re.escape(words)):
            work(d, Numbers({"x": wrong}))


def test_an_array_too_large_to_be_shown_is_refused():
    s = Statement()
    n = s.size("n", 13)
    x, (i, j, k) = s.input("x", n, n, n), s.indices("i j k", n)
    s.error(s.define("o", (), s.parameter("w") * s.sum(x[i, j, k], i, j, k)))
    with pytest.raises(SpecError, match="arrays of up to 2000 numbers, and x has 2197: use smaller sizes"):
        work(derive(s), Numbers({"seed": 1}))


def test_the_settings_and_their_defaults():
    got = start({})
    assert (got.learning_rate, got.steps, got.rounds, got.digits, got.seed, got.fixed) == (0.5, 1, 1, 6, 1, ())
    got = start({"learning_rate": 2, "steps": 3, "digits": 4, "seed": 9, "fixed": ["b2", "W1"]})
    assert (got.learning_rate, got.steps, got.rounds, got.digits, got.seed, got.fixed) == (2, 3, 3, 4, 9, ("W1", "b2"))


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.5), ("momentum", 0.1), ("adagrad", 0.01), ("adam", 0.001)])
def test_the_default_learning_rate_is_that_of_the_optimizer(optimizer, rate):
    assert work(derivation((2, 1), optimizer=optimizer), Numbers({})).start.learning_rate == rate


def test_a_seed_or_a_file(tmp_path):
    assert numbers("7") == numbers("seed:7") == numbers(7) == Numbers({"seed": 7})
    path = tmp_path / "7.toml"
    path.write_text("steps = 2\n", encoding="utf-8")
    assert numbers(str(path)).values == {"steps": 2}
    assert numbers(path).where == str(path)
    for wrong in ("seed:x", "seed:", "seed:-1", "seed:1.5"):
        with pytest.raises(SpecError, match="a seed is a whole number"):
            numbers(wrong)
    with pytest.raises(SpecError, match="no such file"):
        numbers("nowhere.toml")


def test_a_file_that_is_not_toml_is_named_with_its_line(tmp_path):
    path = tmp_path / "n.toml"
    path.write_text("X = [[1, 2],\n[3 4]]\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"n\.toml, line 2, column 4: not TOML"):
        numbers(path)


# What is drawn.


def test_missing_values_are_drawn_with_few_decimals_and_named():
    got = start({"X": [[1, 2], [3, 4], [5, 6]], "W2": [[1, 2, 3], [4, 5, 6]]})
    assert got.drawn == ("Y", "W1", "b1", "b2")
    assert got.data["Y"].shape == (2, 3)
    for array in (got.data["Y"], got.parameters["W1"], got.parameters["b1"]):
        assert np.array_equal(array, np.round(array, 2))
        assert np.any(array != 0)


def test_a_seed_draws_the_same_and_another_seed_something_else():
    one, two, other = (start({"seed": seed}) for seed in (4, 4, 5))
    assert np.array_equal(one.data["X"], two.data["X"])
    assert all(np.array_equal(one.parameters[n], two.parameters[n]) for n in one.parameters)
    assert not np.array_equal(one.data["X"], other.data["X"])


def test_giving_one_array_leaves_the_other_draws_as_they_were():
    free, bound = start({}), start({"W1": [[1, 2], [3, 4], [5, 6]]})
    assert np.array_equal(free.data["X"], bound.data["X"])
    assert np.array_equal(free.parameters["W2"], bound.parameters["W2"])
    assert np.array_equal(free.parameters["b1"], bound.parameters["b1"])


def test_drawn_targets_are_valid_for_the_loss():
    got = start({"X": [[1, 2]] * 20}, *CLASSES)
    assert np.array_equal(got.data["Y"].sum(axis=0), np.ones(20))
    assert set(got.data["Y"].ravel()) == {0, 1}


def test_widths_with_names_are_read_off_the_data():
    got = start({"X": [1, 2], "Y": 1, "W1": [[1, 2], [3, 4], [5, 6]]}, "n,h,k")
    assert got.parameters["W2"].shape == (1, 3)
    got = start({"X": [1, 2], "Y": [1], "b1": [1, 2, 3, 4]}, "n,h,k")
    assert got.parameters["W1"].shape == (4, 2)
    got = start({"Y": 1, "W1": [[1, 2, 3]]}, "n,1", bias="augmented")
    assert got.data["X"].shape == (2, 1)


# What is refused.


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"x": [1, 2]}, "unknown key 'x': did you mean X?"),
        ({"w1": 1}, "unknown key 'w1': did you mean W1?"),
        ({"W3": 1}, "unknown key 'W3'"),
        ({"learning_rat": 1}, "did you mean learning_rate?"),
        ({"steps": 0}, "steps is 0, but must be at least 1"),
        ({"steps": 1.5}, "steps is a float"),
        ({"steps": True}, "steps is a boolean"),
        ({"rounds": 3, "steps": 4}, "rounds is 3, fewer than the 4 steps"),
        ({"rounds": 10**9}, "rounds is 1000000000"),
        ({"digits": 1}, "digits is 1"),
        ({"digits": 99}, "digits is 99"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**40}, "seed is"),
        ({"learning_rate": -1}, "learning_rate is -1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": "fast"}, "learning_rate is a string"),
        ({"fixed": "b1"}, "fixed is a string"),
        ({"fixed": ["b9"]}, "fixed names 'b9', which is not a parameter: known are W1, b1, W2, b2"),
        ({"fixed": [["b1"]]}, "fixed names"),
        ({"fixed": ["W1", "W2", "b1", "b2"]}, "nothing would be learned"),
        ({"X": []}, "X is empty"),
        ({"X": [[]]}, "X: row 1 is empty"),
        ({"X": [[1, 2], [3]]}, "X: row 2 has 1 entry and row 1 has 2"),
        ({"X": [1, [2, 3]]}, "X: row 1 is an integer"),
        ({"X": [[1, 2], 3]}, "X: row 2 is an integer"),
        ({"X": [["a", 2]]}, "X: row 1, entry 1 is a string, 'a'"),
        ({"X": [[1, float("inf")]]}, "X: row 1, entry 2 is inf"),
        ({"X": [[1, True]]}, "X: row 1, entry 2 is a boolean"),
        ({"X": [[[1], [2]]]}, "X: row 1, entry 1 is an array"),
        ({"X": [1, 2, 3]}, "X has 3 numbers for each sample, but the network has 2 inputs"),
        ({"X": [[1], [2]]}, "samples are rows here"),
        ({"X": [[1, 2]] * (MAX_SAMPLES + 1)}, "X has 101 samples"),
        ({"X": 10**400}, "too large"),
        ({"X": {"a": 1}}, "X is a table"),
        ({"X": [[1, 2], [3, 4]], "Y": [[1, 2]]}, "X has 2 samples and Y has 1"),
        ({"W1": [[1, 2, 3], [4, 5, 6]]}, "W1 is 2 rows of 3 numbers, where 3 rows of 2 numbers"),
        ({"W1": 3}, "W1 is one number, where 3 rows of 2 numbers"),
        ({"b1": [1, 2]}, "b1 is a list of 2 numbers, where 3 numbers"),
        ({"b1": [[1, 2, 3]]}, "b1 is 1 row of 3 numbers"),
        ({"X": [[1e308, 1e308]], "W1": [[1e308, 1], [1, 1], [1, 1]]}, "z1 is out of range in step 1"),
        ({"learning_rate": 1e308, "steps": 3}, "out of range in step 2"),
        ({"W1": [[1e9, 1], [1, 1], [1, 1]]}, "W1 is out of range in step 1"),
    ],
)
def test_wrong_shapes_are_refused_by_name_and_position(values, words):
    assert words in refusal(values)


def test_invalid_targets_are_refused_by_sample():
    assert "Y: sample 2 sums to 0.9" in refusal({"Y": [[1, 0], [0.5, 0.4]]}, *CLASSES)
    assert "Y has 3 numbers for each sample, but the network has 2 outputs" in refusal({"Y": [1, 0, 1]}, *CLASSES)


def test_names_of_widths_need_numbers():
    assert "the width n is symbolic" in refusal({}, "n,h,k")
    assert "the width h is symbolic" in refusal({"X": [1, 2], "Y": [1]}, "n,h,k")
    assert "W1 is" in refusal({"X": [1, 2], "Y": [1], "W1": [[1, 2, 3]]}, "n,h,k")


def test_a_network_too_large_to_be_shown_is_refused_before_anything_is_drawn():
    assert "up to 2000 parameters" in refusal({}, (784, 128, 10))
    assert "up to 2000 parameters" in refusal({}, (10**9, 10**9))


def test_a_diverging_training_is_refused():
    words = refusal({"learning_rate": 100, "rounds": 4000}, (2, 2), "identity", "sse")
    assert "the numbers are out of range after update" in words


def test_a_pre_activation_on_a_kink_but_for_rounding_is_refused():
    tenths = {"X": [1, 1, -1], "Y": 0.5, "W1": [0.1, 0.6, 0.7], "b1": 0}
    assert "0 up to rounding" in refusal(tenths, (3, 1), "relu")


def test_classes_that_are_the_columns_of_a_target_without_samples_are_drawn():
    text = """
        size N = 4, k = 3
        input x[N] without samples
        target y[N, k] without samples
        parameter w[k]
        promise sums_to_one y over k
        p[i, r] = softmax(w[r] * x[i], r)
        E = -sum(y[i, r] * log(p[i, r]), i, r)
    """
    drawn = work(derive(Statement(text)), Numbers({})).start.data["y"]
    assert drawn.shape == (4, 3) and set(drawn.ravel()) == {0, 1} and np.all(drawn.sum(axis=1) == 1)
