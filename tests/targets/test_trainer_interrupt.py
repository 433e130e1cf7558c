"""Ctrl-C at any moment: `fit` leaves whole steps, and the handler of before."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import derivation, module_of

NET = ((3, 5, 2), "tanh,sigmoid", "half_mse")
DATA = np.random.default_rng(3)
X, Y = DATA.normal(size=(11, 3)), DATA.uniform(0.1, 0.9, (11, 2))
ENDLESS = 10**9

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals to a thread are needed")


def interrupt_after(seconds: float) -> None:
    """Press Ctrl-C some time from now."""
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGINT)).start()


def bits(trainer: Any) -> list[bytes]:
    return [v.tobytes() for v in (trainer.parameters | trainer.state).values()]


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.02, 0.05, 0.3])
@pytest.mark.parametrize("options", [{}, {"validation": (X, Y)}, {"callback": lambda t: None}])
def test_the_last_whole_step_is_left(delay, options):
    module = module_of(*NET)
    before = signal.getsignal(signal.SIGINT)
    trainer, again = module.Trainer(seed=1), module.Trainer(seed=1)
    trainer.history_length = again.history_length = None
    with pytest.raises(KeyboardInterrupt):
        interrupt_after(delay)  # it may come before the training does
        trainer.fit(X, Y, ENDLESS, 0.1, **options)
    assert signal.getsignal(signal.SIGINT) is before
    steps = len(trainer.history)
    assert trainer.n_iter_ == steps == len(trainer.epoch_history)
    assert len(trainer.validation_history) in ((steps, steps - 1) if "validation" in options else (0,))
    if steps:
        again.fit(X, Y, steps, 0.1)
    assert bits(again) == bits(trainer)
    assert again.history == trainer.history
    assert trainer.fit(X, Y, 2, 0.1).n_iter_ == steps + 2, "it goes on as if nothing had happened"


def test_in_the_middle_of_an_epoch():
    module = module_of(*NET)
    trainer = module.Trainer(seed=1)
    trainer.history_length = None
    x, y = np.tile(X, (20_000, 1)), np.tile(Y, (20_000, 1))
    interrupt_after(0.1)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, ENDLESS, 0.1, batch_size=2, shuffle=False)
    steps = len(trainer.history)
    assert 0 < steps < len(x) // 2 and trainer.n_iter_ == 0 and trainer.epoch_history == []
    again = module.Trainer(seed=1).fit(x[: 2 * steps], y[: 2 * steps], 1, 0.1, 2, shuffle=False)
    assert bits(again) == bits(trainer)


def test_another_handler_is_called_once_and_the_training_goes_on():
    module = module_of(*NET)
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    handler = signal.getsignal(signal.SIGINT)
    try:
        interrupt_after(0.05)
        trainer = module.Trainer(seed=1).fit(X, Y, ENDLESS, 0.1, callback=lambda t: bool(noted))
        assert noted == [signal.SIGINT] and trainer.n_iter_ > 0
        assert signal.getsignal(signal.SIGINT) is handler
        for kept in (signal.SIG_IGN, signal.SIG_DFL):
            signal.signal(signal.SIGINT, kept)
            trainer.fit(X, Y, 3, 0.1)
            assert signal.getsignal(signal.SIGINT) is kept
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_callback_has_the_handler_of_before():
    module = module_of(*NET)
    before = signal.getsignal(signal.SIGINT)
    seen = []
    module.Trainer().fit(X, Y, 2, 0.1, callback=lambda t: seen.append(signal.getsignal(signal.SIGINT)))
    assert seen == [before, before]
    trainer = module.Trainer(seed=1)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, 5, 0.1, callback=lambda t: signal.raise_signal(signal.SIGINT))
    assert trainer.n_iter_ == len(trainer.history) == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_the_handler_is_put_back_after_an_error():
    module = module_of((3, 2), "identity", "sse")
    before = signal.getsignal(signal.SIGINT)
    for kind, options in ((ArithmeticError, {}), (ZeroDivisionError, {"callback": lambda t: 1 / 0})):
        with pytest.raises(kind):
            module.Trainer(seed=1).fit(X, Y, 5000, 1.5, **options)
        assert signal.getsignal(signal.SIGINT) is before


SCRIPT = """
import os, signal, threading, numpy as np, trainer
t = trainer.Trainer(seed=1)
X, Y = np.ones((8, 3)), np.full((8, 2), 0.5)
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    t.fit(X, Y, 10**9, 0.1, batch_size=3)
except KeyboardInterrupt:
    print("whole", t.n_steps_ == 3 * t.n_iter_ + t.n_steps_ % 3, t.n_steps_ > 0)
"""


def test_as_a_script(tmp_path: Path) -> None:
    (tmp_path / "trainer.py").write_text(derivation(*NET).numpy(), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("whole True True\n", "")
