"""What `Trainer.fit` promises: the order of its steps, when it ends, and what it leaves behind."""

from __future__ import annotations

import io
import itertools
import os
import signal
import sys
import threading
import time
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import module_of

NET = ((3, 5, 2), "tanh,sigmoid", "half_mse")
DATA = np.random.default_rng(3)
X, Y = DATA.normal(size=(11, 3)), DATA.uniform(0.1, 0.9, (11, 2))
RATE = 0.2


@pytest.fixture
def module() -> ModuleType:
    return module_of(*NET)


def bits(trainer: Any) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in (trainer.parameters | trainer.state).items()}


def plain(module: ModuleType, batches: list[np.ndarray], dtype: Any = np.float64) -> tuple[dict, list[float]]:
    """The parameters and the errors of steps by the functional core."""
    parameters = {n: v.astype(dtype) for n, v in module.initial_parameters(seed=1).items()}
    return parameters, [module.update(parameters, X[b].T, Y[b].T, RATE) for b in batches]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 10, 11, None])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_steps_are_those_of_the_functional_core(module, size, dtype):
    """Without shuffling: batches in the order of the data, the last one of an epoch smaller."""
    trainer = module.Trainer(seed=1, dtype=dtype).fit(X, Y, 3, RATE, size, shuffle=False)
    each = [np.arange(11)[first : first + (size or 11)] for first in range(0, 11, size or 11)]
    parameters, errors = plain(module, each * 3, dtype)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    assert np.allclose(trainer.history, errors, rtol=tolerance)
    for name, value in trainer.parameters.items():
        assert value.dtype == dtype
        assert np.allclose(value, parameters[name], rtol=tolerance, atol=tolerance)
    means = np.average(np.reshape(errors, (3, -1)), axis=1, weights=[len(b) for b in each])
    assert np.allclose(trainer.epoch_history, means, rtol=tolerance)
    assert (trainer.n_iter_, len(trainer.epoch_history)) == (3, 3)


def test_each_epoch_has_its_own_order(module):
    """Every sample once an epoch, and other batches in the next."""
    seen: list[list[int]] = []

    class Watched:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.steps = original(*arguments, **options)

        def run(self, data: Any, batches: Any, rate: float, draw: Any) -> Any:
            seen.extend(batches.tolist())
            return self.steps.run(data, batches, rate, draw)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.steps, name)

    original, module._Fast = module._Fast, Watched
    try:
        module.Trainer().fit(X, Y, epochs=3, batch_size=4, learning_rate=RATE)
    finally:
        module._Fast = original
    assert [len(batch) for batch in seen] == [4, 4, 3] * 3
    orders = [[*itertools.chain(*seen[n : n + 3])] for n in (0, 3, 6)]
    assert all(sorted(order) == list(range(11)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


@pytest.mark.parametrize("size", [2, 11, 4])
def test_the_same_seed_gives_the_same_bits_and_a_generator_goes_on(module, size):
    def trained(*parts: int, seed: Any = 5) -> Any:
        trainer = module.Trainer(seed=1)
        for epochs in parts:
            trainer.fit(X, Y, epochs, RATE, size, seed=seed)
        return trainer

    assert bits(trained(5)) == bits(trained(5))
    assert size == 11 or bits(trained(5)) != bits(trained(5, seed=6))
    in_two = trained(2, 3, seed=np.random.default_rng(5))
    assert bits(in_two) == bits(trained(5))
    going_on = module.Trainer(seed=1).fit(X, Y, 2, RATE, size, seed=5).fit(X, Y, 3, RATE, size)
    assert bits(going_on) == bits(trained(5)), "without a seed, the orders go on"
    assert size == 11 or bits(trained(2, 3)) != bits(trained(5)), "a seed begins anew"
    assert (in_two.history, in_two.epoch_history) == (trained(5).history, trained(5).epoch_history)
    one_by_one = module.Trainer(seed=1).fit(X, Y, 5, RATE, size, seed=5, callback=lambda t: None)
    assert bits(one_by_one) == bits(in_two), "what happens between epochs does not change them"


def test_a_second_fit_goes_on(module):
    trainer = module.Trainer(seed=1).fit(X, Y, epochs=2, learning_rate=RATE)
    trainer.fit(X, Y, epochs=3, learning_rate=RATE)
    assert bits(trainer) == bits(module.Trainer(seed=1).fit(X, Y, epochs=5, learning_rate=RATE))
    assert (trainer.n_iter_, len(trainer.history)) == (5, 5)


def test_partial_fit_is_one_epoch_in_the_given_order(module):
    one = module.Trainer(seed=1)
    assert one.partial_fit(X, Y, learning_rate=RATE) is one
    assert bits(one) == bits(module.Trainer(seed=1).fit(X, Y, 1, RATE))
    one.partial_fit(X, Y, learning_rate=RATE, batch_size=4)
    assert (one.n_iter_, len(one.history)) == (2, 4)
    two = module.Trainer(seed=1).fit(X, Y, 1, RATE).fit(X, Y, 1, RATE, 4, shuffle=False)
    assert bits(one) == bits(two)


def test_a_batch_larger_than_the_data_is_all_of_them_with_a_warning(module):
    with pytest.warns(UserWarning, match="batch_size is 12, but 11 samples are given: all are one batch") as seen:
        trainer = module.Trainer(seed=1).fit(X, Y, 2, RATE, batch_size=12)
    assert seen[0].filename == __file__
    assert bits(trainer) == bits(module.Trainer(seed=1).fit(X, Y, 2, RATE))
    with pytest.warns(UserWarning, match="8 samples are left of 11"):
        module.Trainer(seed=1).fit(X, Y, 2, RATE, batch_size=9, validation=0.2)


def test_the_data_may_be_laid_out_in_any_way(module):
    expected = bits(module.Trainer(seed=1).fit(X, Y, 3, RATE, 4))
    frozen = X.copy()
    frozen.flags.writeable = False
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    for x in (np.asfortranarray(X), frozen, wide, X.tolist(), X[::-1][::-1], X.astype(np.longdouble)):
        assert bits(module.Trainer(seed=1).fit(x, Y, 3, RATE, 4)) == expected
    assert np.array_equal(frozen, X)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([0.3, 0.1], [0.3, 0.1, 0.1, 0.1]),
        (np.array([0.2]), [0.2] * 4),
        (lambda epoch: 1 / (1 + epoch), [1, 1 / 2, 1 / 3, 1 / 4]),
        ({"initial": 0.4, "patience": 1, "factor": 0.5, "min_delta": 1e9, "least": 0.15}, [0.4, 0.4, 0.2, 0.15]),
        (None, [0.1] * 4),
    ],
    ids=["list", "array", "function", "plateau", "default"],
)
def test_the_rate_may_change_between_epochs(module, rates, expected):
    seen: list[float] = []
    trainer = module.Trainer(seed=1).fit(X, Y, 4, rates, 4, callback=lambda t: seen.append(t.learning_rate))
    assert seen == expected
    by_hand = module.Trainer(seed=1)
    for rate in expected:
        by_hand.fit(X, Y, 1, rate, 4)
    assert bits(trainer) == bits(by_hand)


def test_a_callback_sets_the_rate_of_the_epochs_after_it(module):
    def halved(trainer: Any) -> None:
        trainer.learning_rate /= 2

    trainer = module.Trainer(seed=1).fit(X, Y, 3, 0.4, 4, callback=halved)
    assert bits(trainer) == bits(module.Trainer(seed=1).fit(X, Y, 3, [0.4, 0.2, 0.1], 4))
    trainer.learning_rate = 0.3
    assert bits(trainer.copy().fit(X, Y, 1, batch_size=4)) == bits(trainer.copy().fit(X, Y, 1, 0.3, 4))
    with pytest.raises(TypeError, match="learning_rate must be a number, not str 'fast'"):
        trainer.fit(X, Y, 3, 0.4, callback=lambda t: setattr(t, "learning_rate", "fast"))


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ([], "learning_rate is empty"),
        ([0.1, -1], "learning_rate is -1"),
        ({"factor": 0.5}, "learning_rate has no initial rate; expected initial, and perhaps factor, patience"),
        ({"initial": 0.5, "wait": 3}, "learning_rate has the key 'wait'"),
        ({"initial": 0.5, "factor": 2}, "factor of learning_rate is 2; expected a number between 0 and 1"),
        (lambda epoch: float("nan"), r"the rate that learning_rate\(0\) gives is nan"),
    ],
)
def test_wrong_rates_are_refused(module, rates, message):
    with pytest.raises(ValueError, match=message):
        module.Trainer().fit(X, Y, 2, rates)


def test_the_default_batch_is_a_mini_batch_and_all_on_request(module):
    x, y = np.tile(X, (40, 1)), np.tile(Y, (40, 1))
    assert module.Trainer().fit(x, y, 2).n_steps_ == 2 * 3
    assert module.Trainer().fit(x, y, 2, batch_size=None).n_steps_ == 2
    with pytest.raises(TypeError, match='batch_size must be an integer, "auto", or None for all'):
        module.Trainer().fit(x, y, batch_size="full")


def test_the_histories_are_bounded_and_can_be_cleared(module):
    trainer = module.Trainer()
    trainer.history_length = 5
    trainer.fit(X, Y, 4, RATE, 4, validation=0.2)
    whole = module.Trainer().fit(X, Y, 4, RATE, 4, validation=0.2)
    assert trainer.history == whole.history[-5:]
    assert (trainer.n_steps_, trainer.n_iter_, len(trainer.epoch_history)) == (8, 4, 4)
    trainer.fit(X, Y, 9, RATE, 4, validation=0.2)
    assert [len(h) for h in (trainer.history, trainer.epoch_history, trainer.validation_history)] == [5, 5, 5]
    trainer.clear_history()
    assert trainer.history == trainer.epoch_history == trainer.validation_history == []
    assert module.Trainer.history_length == 10_000
    trainer.history_length = -1
    for call in (trainer.fit, trainer.partial_fit):
        with pytest.raises(ValueError, match="history_length is -1; expected at least 0"):
            call(X, Y)


# Validation and early stopping.


def test_validation_with_a_pair(module):
    held = X[:4] + 1, Y[:4]
    trainer = module.Trainer(seed=1).fit(X, Y, 3, RATE, 4, validation=held)
    assert len(trainer.validation_history) == 3
    last = module.error(trainer.parameters, held[0].T, held[1].T)
    assert trainer.validation_history[-1] == pytest.approx(last, rel=1e-14)
    assert bits(trainer) == bits(module.Trainer(seed=1).fit(X, Y, 3, RATE, 4))


def test_a_split_object_and_the_last_ones_are_held_out(module):
    class Third:
        def __init__(self, splits: int) -> None:
            self.splits = splits

        def split(self, x: Any) -> Any:
            yield from [(range(1, 11), [0])] * self.splits

    trainer = module.Trainer(seed=1).fit(X, Y, 2, RATE, validation=Third(1))
    assert (
        trainer.validation_history
        == module.Trainer(seed=1).fit(X[1:], Y[1:], 2, RATE, validation=(X[:1], Y[:1])).validation_history
    )
    last = module.Trainer(seed=1).fit(X, Y, 2, RATE, validation="last")
    assert (
        last.validation_history
        == module.Trainer(seed=1).fit(X, Y, 2, RATE, validation={"last": 0.2}).validation_history
    )
    with pytest.raises(ValueError, match="Third gives 3 splits; expected an object with one"):
        trainer.fit(X, Y, validation=Third(3))


def test_further_calls_hold_out_the_same_samples(module):
    """Or samples that were trained on would be among those that are held out."""
    trainer, found = module.Trainer(seed=3), []
    for _ in range(3):
        trainer.fit(X, Y, 1, 0.0, 4, validation=0.3)
        found += trainer.validation_history[-1:]
    assert found[0] == found[1] == found[2]
    assert (
        found[0] != module.Trainer(trainer.parameters, seed=4).fit(X, Y, 1, 0.0, validation=0.3).validation_history[0]
    )


def test_windows_of_a_series_are_held_out_at_random_with_a_warning(module):
    series = np.sin(np.arange(40.0))
    windows = np.lib.stride_tricks.sliding_window_view(series, 3)
    y = np.full((len(windows), 2), 0.5)
    with pytest.warns(UserWarning, match=r'windows of a series; .* validation="last" holds out the last') as seen:
        module.Trainer().fit(windows, y, 1, validation=0.2)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.Trainer().fit(windows, y, 1, validation="last")
        module.Trainer().fit(np.ones((9, 3)), y[:9], 1, validation=0.2)


@pytest.mark.parametrize(("share", "left"), [(0.2, 8), (0.01, 10), (0.9, 1), (np.float32(0.5), 5)])
def test_validation_with_a_share(module, share, left):
    trainer = module.Trainer(seed=1).fit(X, Y, 2, RATE, batch_size=1, validation=share)
    assert (len(trainer.history), len(trainer.validation_history)) == (2 * left, 2)
    in_order = module.Trainer(seed=1).fit(X, Y, 2, RATE, validation={"last": share})
    by_hand = module.Trainer(seed=1).fit(X[:left], Y[:left], 2, RATE, validation=(X[left:], Y[left:]))
    assert in_order.validation_history == by_hand.validation_history, "the last samples are held out"
    random = [module.Trainer(seed=1).fit(X, Y, 2, RATE, shuffle=s, validation=share) for s in (True, False)]
    assert random[0].validation_history == random[1].validation_history, "whatever the order of those that are left"


def test_early_stopping_restores_the_best_parameters(module):
    """The targets of the validation are what the network gives after three epochs: there it is best."""
    goal = module.Trainer(seed=1).fit(X, Y, 3, RATE)
    held = X, goal.predict(X)
    trainer = module.Trainer(seed=1).fit(X, Y, 50, RATE, validation=held, early_stopping=4)
    assert trainer.n_iter_ == len(trainer.validation_history) == 7
    assert np.argmin(trainer.validation_history) == 2
    assert bits(trainer) == bits(goal)
    wide = {"patience": 2, "min_delta": 1e9}
    assert module.Trainer(seed=1).fit(X, Y, 50, RATE, validation=held, early_stopping=wide).n_iter_ == 3
    short = module.Trainer(seed=1).fit(X, Y, 5, RATE, validation=held, early_stopping=40)
    assert (short.n_iter_, bits(short)) == (5, bits(goal)), "also where the epochs come to an end before"


def test_early_stopping_without_validation_watches_the_error_of_the_epochs(module):
    trainer = module.Trainer(seed=1).fit(X, Y, 50, 0.0, early_stopping=3)
    assert trainer.n_iter_ == 4
    assert not trainer.validation_history


# Callbacks.


def test_a_callback_sees_every_epoch_and_may_end_it(module):
    seen = []

    def watch(trainer: Any) -> bool:
        seen.append((trainer.n_iter_, len(trainer.history), trainer.parameters["W1"].copy()))
        return trainer.n_iter_ == 3

    trainer = module.Trainer(seed=1).fit(X, Y, 9, RATE, 4, callback=watch)
    assert [s[:2] for s in seen] == [(1, 3), (2, 6), (3, 9)]
    assert np.array_equal(seen[-1][2], trainer.parameters["W1"])
    assert not np.array_equal(seen[-2][2], trainer.parameters["W1"])
    others = (np.array(False), np.int64(1), np.array(1.0), np.array([True]), np.ones(3, bool), Other(1), module, np)
    for answer in (None, 1, "yes", [0], False, np.False_, *others):
        assert module.Trainer().fit(X, Y, 3, RATE, callback=lambda t, a=answer: a).n_iter_ == 3
    for answer in (True, np.True_, np.bool_(1), np.array(True), np.all(X < np.inf), X.max() < 100, Other(True)):
        assert module.Trainer().fit(X, Y, 3, RATE, callback=lambda t, a=answer: a).n_iter_ == 1


class Other:
    """An array of another library, without axes."""

    shape = ()

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        """The number as Python has it."""
        return self.value


def test_an_exception_from_a_callback_leaves_whole_steps(module):
    def fail(trainer: Any) -> None:
        if trainer.n_iter_ == 2:
            raise RuntimeError("enough")

    trainer = module.Trainer(seed=1)
    with pytest.raises(RuntimeError, match="enough"):
        trainer.fit(X, Y, 9, RATE, 4, seed=2, callback=fail)
    assert bits(trainer) == bits(module.Trainer(seed=1).fit(X, Y, 2, RATE, 4, seed=2))
    assert (trainer.n_iter_, len(trainer.history), len(trainer.epoch_history)) == (2, 6, 2)


def test_a_callback_may_change_the_trainer(module):
    def freeze(trainer: Any) -> None:
        trainer.parameters["W1"][...] = 0.5
        trainer.parameters["b1"] = np.zeros((5, 1))

    trainer = module.Trainer(seed=1).fit(X, Y, 3, RATE, callback=freeze)
    assert np.all(trainer.parameters["W1"] == 0.5)
    again = module.Trainer(seed=1)
    for _ in range(3):
        freeze(again.fit(X, Y, 1, RATE))
    assert bits(trainer) == bits(again)

    def train(trainer: Any) -> None:
        trainer.partial_fit(X, Y, RATE)

    nested = module.Trainer(seed=1).fit(X, Y, 3, RATE, callback=train)
    assert bits(nested) == bits(module.Trainer(seed=1).fit(X, Y, 6, RATE))
    assert (nested.n_iter_, len(nested.history)) == (6, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.pop("W1"), '"W1" is missing'),
        (lambda p: p["W1"].fill(np.nan), '"W1" holds NaN'),
        (lambda p: p.update({n: v.astype(np.float32) for n, v in p.items()}), "the type of a parameter"),
    ],
)
def test_a_callback_that_makes_parameters_not_finite_is_reported(module, change, message):
    with pytest.raises(ValueError, match=message):
        module.Trainer(seed=1).fit(X, Y, 3, RATE, callback=lambda t: change(t.parameters))


# Divergence.


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [None, 4, 1])
@pytest.mark.parametrize("with_callback", [False, True])
def test_divergence_names_the_step_and_leaves_the_last_whole_one(dtype, size, with_callback):
    module = module_of((3, 2), "identity", "sse")
    options = {"callback": lambda t: None} if with_callback else {}
    trainer = module.Trainer(seed=1, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ArithmeticError, match="is too large") as said:
            trainer.fit(X, Y, epochs=5000, learning_rate=1.5, batch_size=size, **options)
    steps, per_epoch = len(trainer.history), -(-11 // (size or 11))
    assert f" at step {steps + 1} (epoch {steps // per_epoch + 1}): the learning rate 1.5" in str(said.value)
    assert steps > 4 and np.all(np.isfinite(trainer.history))
    assert all(np.all(np.isfinite(v)) for v in trainer.parameters.values())
    assert trainer.n_iter_ == len(trainer.epoch_history) == steps // per_epoch
    if size is None:
        again = module.Trainer(seed=1, dtype=dtype).fit(X, Y, steps, 1.5)
        assert bits(again) == bits(trainer)
        assert again.history == trainer.history


def test_an_error_that_is_infinite_at_once():
    module = module_of((3, 2), "identity", "sse")
    trainer = module.Trainer(seed=1)
    before = bits(trainer)
    with pytest.raises(ArithmeticError, match=r"the error is inf at step 1 \(epoch 1\)"):
        trainer.fit(X * 1e200, Y, epochs=3)
    assert (bits(trainer), trainer.history, trainer.n_iter_) == (before, [], 0)


def test_a_parameter_that_overflows_before_the_error_does():
    """Inputs that are tiny make steps whose error stays small while the weights grow without bound."""
    module = module_of((1, 1), "identity", "half_sse", "none")
    trainer = module.Trainer({"W1": [[1e-3]]})
    with pytest.raises(ArithmeticError, match="a parameter stops being finite in step 1 "):
        trainer.fit([[1e-3]], [[1e10]], epochs=3, learning_rate=1.7e308)
    assert trainer.parameters["W1"] == [[1e-3]] and trainer.history == []


def test_an_infinite_validation_error_is_reported():
    module = module_of((3, 2), "identity", "sse")
    trainer = module.Trainer(seed=1)
    with pytest.raises(ArithmeticError, match=r"the validation error is inf after epoch 1: .* left after that epoch"):
        trainer.fit(X, Y, 3, 1e-3, validation=(X * 1e200, Y))
    assert (len(trainer.history), trainer.validation_history) == (1, [])


# The working memory, and threads.


def test_the_working_memory_is_kept_but_never_stale(module):
    trainer = module.Trainer(seed=1).fit(X, Y, 1, RATE, 4)
    kept = dict(trainer._renderings)
    trainer.fit(X, Y, 1, RATE, 4)
    assert {k: id(v) for k, v in trainer._renderings.items()} == {k: id(v) for k, v in kept.items()}
    trainer.parameters["W1"][...] = 0.25
    trainer.fit(X, Y, 2, RATE, 4, shuffle=False)
    other = module.Trainer(seed=1).fit(X, Y, 1, RATE, 4).fit(X, Y, 1, RATE, 4)
    other.parameters["W1"][...] = 0.25
    other = module.Trainer(other.parameters).fit(X, Y, 2, RATE, 4, shuffle=False)
    assert bits(trainer) == bits(other)
    trainer.parameters = {name: value.astype(np.float32) for name, value in trainer.parameters.items()}
    trainer.fit(X, Y, 1, RATE, 4)
    assert trainer.dtype == np.float32
    for size in range(1, 12):
        trainer.partial_fit(X[:size], Y[:size])
    assert len(trainer._renderings) <= 4


def test_in_another_thread(module):
    found = []
    thread = threading.Thread(target=lambda: found.append(bits(module.Trainer(seed=1).fit(X, Y, 3, RATE))))
    thread.start()
    thread.join()
    assert found == [bits(module.Trainer(seed=1).fit(X, Y, 3, RATE))]


# The bar.


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "wanted", "shown"),
    [
        (Terminal, None, True),
        (Terminal, False, False),
        (io.StringIO, None, False),
        (io.StringIO, True, True),
        (lambda: None, None, False),
    ],
)
def test_a_bar_is_shown_on_a_terminal_only(module, monkeypatch, capsys, stream, wanted, shown):
    monkeypatch.setattr(sys, "stderr", stream())
    module.Trainer(seed=1).fit(X, Y, 3, RATE, progress=wanted, validation=0.2)
    text = sys.stderr.getvalue() if sys.stderr is not None else ""
    assert bool(text) == shown
    if shown:
        last = text.split("\r")[-1]
        assert last.startswith("epoch 3/3 [####################]  error 0.") and last.endswith("\n")
        assert "validation 0." in last


def test_the_bar_moves(module, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    trainer = module.Trainer(seed=1)
    trainer.fit(X, Y, 100, RATE, callback=lambda t: time.sleep(0.006))
    assert 2 <= terminal.getvalue().count("\r") < 40


class Deaf:
    """A stream that cannot say whether it is a terminal, as some loggers are."""

    def write(self, text: str) -> int:
        raise AssertionError("nothing is to be written")


def test_a_closed_stream_is_not_a_terminal(module, monkeypatch):
    closed = io.StringIO()
    closed.close()
    for stream in (closed, Deaf()):
        monkeypatch.setattr(sys, "stderr", stream)
        assert module.Trainer(seed=1).fit(X, Y, 3, RATE).n_iter_ == 3
    monkeypatch.setattr(sys, "stderr", closed)
    assert module.Trainer(seed=1).fit(X, Y, 3, RATE, progress=True).n_iter_ == 3


def test_the_bar_shows_this_fit_only_and_fits_the_terminal(module, monkeypatch):
    trainer = module.Trainer(seed=1).fit(X, Y, 3, RATE, validation=0.2)
    monkeypatch.setattr(sys, "stderr", Terminal())
    trainer.fit(X, Y, 3, RATE)
    assert "validation" not in sys.stderr.getvalue() and "error 0." in sys.stderr.getvalue()

    class Narrow(Terminal):
        def fileno(self) -> int:
            return 0

    monkeypatch.setattr(os, "get_terminal_size", lambda stream: os.terminal_size((40, 24)))
    monkeypatch.setattr(sys, "stderr", Narrow())
    trainer.fit(X, Y, 3, RATE, validation=0.2)
    assert max(len(line.rstrip("\n")) for line in sys.stderr.getvalue().split("\r")) == 39


# The state of the optimizer.

ADAM = (*NET, "separate", "psi")


def with_state() -> Any:
    return module_of(*ADAM, optimizer="adam").Trainer(seed=1)


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda t: t.state.clear(), ValueError, '"[a-z0-9_A-Z]+" is missing in the state'),
        (lambda t: t.state.update(step=3), TypeError, '"step" in the state must be an array'),
        (lambda t: t.state["step"].fill(1.5), ValueError, '"step" in the state holds a number that no step'),
        (lambda t: t.state["step"].fill(-4), ValueError, '"step" in the state holds a number that no step'),
        (lambda t: t.state["mean_square_W1"].fill(-1), ValueError, '"mean_square_W1" in the state holds a number'),
        (lambda t: t.state["mean_square_W1"].fill(np.nan), ValueError, '"mean_square_W1" in the state holds a number'),
        (lambda t: setattr(t, "state", []), TypeError, "state must be a dict of arrays, not list"),
    ],
)
def test_a_state_that_no_step_leaves_is_refused(spoil, kind, message, tmp_path):
    trainer = with_state()
    spoil(trainer)
    with pytest.raises(kind, match=message):
        trainer.fit(X, Y, 2)
    with pytest.raises(kind, match=message):
        trainer.save(tmp_path / "saved.npz")
    with pytest.raises(kind, match=message):
        with_state().fit(X, Y, 2, callback=spoil)


def test_a_state_for_an_optimizer_without_one_is_refused(module):
    trainer = module.Trainer()
    trainer.state = {"step": np.zeros((1, 1))}
    with pytest.raises(ValueError, match='unknown "step" in the state; the optimizer of this network keeps none'):
        trainer.fit(X, Y)


@pytest.mark.parametrize("size", [None, 4, 1])
def test_a_state_that_overflows_is_divergence(size):
    """Gradients whose squares overflow would silence the optimizer for ever."""
    module = module_of((3, 2), "identity", "half_mse", optimizer="adam")
    trainer = module.Trainer(seed=1)
    trainer.fit(X, Y, 2, RATE, size)
    steps, epochs, before = len(trainer.history), trainer.n_iter_, bits(trainer)
    with pytest.raises(ArithmeticError, match=f"the optimizer's state stops being finite in step {steps + 1} ") as said:
        trainer.fit(X * 1e20, Y * 1e150, 4, 1e-3, size)
    assert "the trainer is left before that step" in str(said.value)
    assert (len(trainer.history), trainer.n_iter_, bits(trainer)) == (steps, epochs, before)
    trainer.fit(X, Y, 2, RATE, size)
    assert bits(trainer) != before


# Chunks.


def test_chunks_of_one_step_change_nothing(module, monkeypatch):
    expected = bits(module.Trainer(seed=1).fit(X, Y, 5, RATE, 4))
    one_at_a_time(module, monkeypatch)
    for options in ({}, {"callback": lambda t: None}):
        trainer = module.Trainer(seed=1).fit(X, Y, 5, RATE, 4, **options)
        assert (bits(trainer), len(trainer.history), trainer.n_iter_) == (expected, 15, 5)


def one_at_a_time(module: ModuleType, monkeypatch: Any, after: Any = None) -> None:
    """Let the steps of a module be handed over one by one."""

    class Single(module._Fast):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.chunk = 1

        def run(self, *arguments: Any) -> Any:
            errors = super().run(*arguments)
            if after is not None:
                after()
            return errors

    monkeypatch.setattr(module, "_Fast", Single)


@pytest.mark.parametrize("size", [None, 4])
def test_an_interrupt_waits_for_one_chunk_only(module, monkeypatch, size):
    taken: list[int] = []

    def press() -> None:
        taken.append(1)
        if len(taken) == 7:
            signal.raise_signal(signal.SIGINT)

    one_at_a_time(module, monkeypatch, press)
    trainer = module.Trainer(seed=1)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, 100, RATE, size)
    assert len(taken) == len(trainer.history) == 7


# What `fit` warns of.


def test_dead_units_rising_errors_and_scales_are_said_once(capsys):
    """Seven rows that are not scaled: every ReLU is off after a few steps."""
    module = module_of((3, 8, 1), "relu,identity", "half_mse")
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(7, 3)) * [1e5, 1, 100] + [1e6, 0, 0], draw.normal(size=(7, 1))
    trainer = module.Trainer(seed=0)
    with pytest.warns(UserWarning) as seen:
        trainer.fit(x, y, 3, 1e-9)
    said = [str(warning.message) for warning in seen]
    assert "column 0 of the inputs varies 2e+05 times as much as column 1: standardise the inputs" in said
    assert any("all units of A1 have the same output for all samples" in sentence for sentence in said)
    assert {warning.filename for warning in seen} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.fit(x, y, 3, 1e-9)
    trainer.diagnose(x, y)
    first, layer, *_ = capsys.readouterr().out.splitlines()
    assert first.split() == ["units", "number", "constant", "saturated", "derivative", "its", "size"]
    assert layer.split() == ["A1", "8", "100", "%", "0", "%", "Psi1", "0"]
    with pytest.warns(UserWarning, match=r"the error rose from .*: standardise the inputs, or take a smaller"):
        module.Trainer(seed=0).fit(x / 1e6, y, 60, 2.1)


def test_outputs_that_are_alike_or_saturated_are_said():
    xor, wanted = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    module = module_of((2, 2, 1), "sigmoid", "binary_cross_entropy")
    with pytest.warns(UserWarning, match=r"the outputs are almost the same for all samples, at an error of 0\.691"):
        module.Trainer(seed=1).fit(xor, wanted, 2000, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.Trainer(seed=1).fit(xor, wanted, 4000, 5.0)
    module = module_of((2, 2, 1), "sigmoid", "half_mse")
    large = {"W1": np.ones((2, 2)), "b1": np.zeros((2, 1)), "W2": np.full((1, 2), 20.0), "b2": np.full((1, 1), 15.0)}
    with pytest.warns(UserWarning, match="below 1e-12 at an error of 0.5: the outputs are saturated"):
        module.Trainer(large).fit(xor[:3] * [1, 2], [0, 0, 0], 1)


def test_the_diagnosis_measures_what_a_step_changes(module, capsys):
    trainer = module.Trainer(seed=1)
    before = trainer.copy()
    trainer.diagnose(X, Y)
    assert bits(trainer) == bits(before)
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert [*rows] == ["units", "A1", "Y_hat", "parameter", "W1", "b1", "W2", "b2"]
    assert rows["A1"][1] == "5" and rows["W1"][1] == "15"
    slopes = module.gradients(trainer.parameters, X.T, Y.T)["W1"]
    size, slope = (np.sqrt(np.mean(a**2)) for a in (trainer.parameters["W1"], slopes))
    assert [float(cell) for cell in rows["W1"][2:]] == pytest.approx([size, slope, 0.1 * slope / size], rel=0.05)
