"""A training that is killed and started again ends on the bits of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import module_of

from derive.api import derive
from derive.statement.network import Network

DATA = np.random.default_rng(3)
X, Y = DATA.normal(size=(30, 3)), DATA.uniform(0.1, 0.9, (30, 2))
TRAINING = """\
import sys
import numpy as np
from killed import Trainer

draw = np.random.default_rng(3)
X, Y = draw.normal(size=(300, 3)), draw.uniform(0.1, 0.9, (300, 2))
rates = {"initial": 0.05, "patience": 20}
how = {"epochs": int(sys.argv[1]), "learning_rate": rates, "validation": 0.2, "early_stopping": 10**6}
Trainer(seed=1).fit(X, Y, batch_size=16, checkpoint="run.npz", **how).save(sys.argv[2])
"""


def bits(trainer: Any) -> Any:
    arrays = {name: value.tobytes() for name, value in (trainer.parameters | trainer.state).items()}
    histories = (trainer.history, trainer.epoch_history, trainer.validation_history)
    return arrays, histories, trainer.n_iter_, trainer.n_steps_, trainer.learning_rate, trainer.orders.stored().tolist()


@pytest.fixture
def module() -> ModuleType:
    return module_of((3, 5, 2), "tanh,sigmoid", "half_mse", optimizer="adam")


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"validation": 0.2, "early_stopping": 8},
        {"validation": "last", "learning_rate": {"initial": 0.3, "patience": 1}},
        {"learning_rate": lambda epoch: 0.1 / (1 + epoch), "shuffle": False},
        {"seed": 7, "batch_size": None},
    ],
    ids=lambda how: ",".join(how) or "defaults",
)
def test_a_training_goes_on_from_its_checkpoint(module, tmp_path, how):
    """With another seed for what is drawn before it: all comes from the file."""
    how = {"batch_size": 8, **how}
    path = tmp_path / "run.npz"
    broken = module.Trainer(seed=4)
    with pytest.raises(ZeroDivisionError):
        broken.fit(X, Y, 12, checkpoint=path, callback=lambda t: 1 // (t.n_iter_ < 6), **how)
    assert 0 < module.Trainer.load(path).n_iter_ < 6, "a checkpoint is a trainer, too"
    whole = module.Trainer(seed=4).fit(X, Y, 12, **how)
    for _ in "going on", "completed":
        assert bits(module.Trainer(seed=99).fit(X, Y, 12, checkpoint=path, **how)) == bits(whole)


def test_what_is_no_checkpoint_of_this_training_is_refused(module, tmp_path):
    path = tmp_path / "run.npz"
    trainer = module.Trainer(seed=4).fit(X, Y, 2, checkpoint=path)
    before = bits(trainer)
    with pytest.raises(ValueError, match=r"run\.npz is the checkpoint of other data"):
        trainer.fit(X + 1, Y, 2, checkpoint=path)
    with pytest.raises(TypeError, match="with a checkpoint, seed must be an integer or None"):
        trainer.fit(X, Y, 2, checkpoint=path, seed=np.random.default_rng(0))
    with pytest.raises(TypeError, match="checkpoint must be a path, not int 3"):
        trainer.fit(X, Y, 2, checkpoint=3)
    for place, kind, said in ((tmp_path, IsADirectoryError, "no file"), (path / "a", FileNotFoundError, "the folder")):
        with pytest.raises(kind, match=said):
            trainer.fit(X, Y, 2, checkpoint=place)
    trainer.save(path)
    with pytest.raises(ValueError, match=r"run\.npz holds a trainer, but no checkpoint"):
        trainer.fit(X, Y, 2, checkpoint=path)
    path.write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"run\.npz is damaged"):
        trainer.fit(X, Y, 2, checkpoint=path)
    assert bits(trainer) == before


def killed(folder: Path, kills: int, seed: int) -> None:
    """Kill the training again and again, and compare what the last start has saved."""
    derive(Network((3, 5, 2), "tanh,sigmoid", "half_mse", optimizer="adam", name="killed")).write(folder)
    (folder / "training.py").write_text(TRAINING)
    run = [sys.executable, "training.py", "700"]
    draw, times = random.Random(seed), 0
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    while times < kills:
        process = subprocess.Popen([*run, "other.npz"], cwd=folder, env=environment)
        time.sleep(draw.uniform(0.2, 0.6))
        if process.poll() is None:
            times += 1
        else:  # it has come to its end: begin a new one
            (folder / "run.npz").unlink()
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*run, "resumed.npz"], cwd=folder, env=environment, check=True)
    (folder / "run.npz").unlink()
    subprocess.run([*run, "whole.npz"], cwd=folder, env=environment, check=True)
    assert (folder / "resumed.npz").read_bytes() == (folder / "whole.npz").read_bytes()


def test_killed_at_a_random_step(tmp_path):
    killed(tmp_path, 2, seed=1)


@pytest.mark.slow
def test_killed_thirty_times(tmp_path):
    killed(tmp_path, 30, seed=2)
