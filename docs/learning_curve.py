"""Draws docs/learning_curve.svg: a real run of the generated module on handwritten digits.

    python docs/learning_curve.py

It needs matplotlib, and scikit-learn for the data. The same versions draw the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

from derive import Network, derive

PICTURE = Path(__file__).resolve().with_name("learning_curve.svg")

#: The network of the README, and how it is trained there; the first 360 digits are held out.
NETWORK = Network((64, 32, 10), ("tanh", "softmax"), "cross_entropy", name="digits")
HELD_OUT, EPOCHS, RATE, BATCH = 360, 60, 0.3, 32

LEARNED_COLOUR, HELD_OUT_COLOUR, GRID = "#1f5fa8", "#c2571a", "#d8d8d8"


@dataclass
class Curves:
    """What was seen after each epoch."""

    errors: list[float] = field(default_factory=list)
    held_out_errors: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    held_out_accuracies: list[float] = field(default_factory=list)


def run() -> Curves:
    """Train, and look at both parts of the data after each epoch."""
    module = ModuleType("trainer")
    exec(compile(derive(NETWORK).numpy(), "trainer.py", "exec"), module.__dict__)
    X, labels = load_digits(return_X_y=True)
    learned, held_out = (X[HELD_OUT:] / 16, labels[HELD_OUT:]), (X[:HELD_OUT] / 16, labels[:HELD_OUT])
    curves = Curves()

    def look(trainer: Any) -> None:
        curves.accuracies.append(trainer.score(*learned))
        curves.held_out_accuracies.append(trainer.score(*held_out))

    trainer = module.Trainer(seed=0)
    trainer.fit(
        *learned,
        epochs=EPOCHS,
        learning_rate=RATE,
        batch_size=BATCH,
        seed=0,
        validation=held_out,
        callback=look,
        progress=False,
    )
    curves.errors, curves.held_out_errors = trainer.epoch_history, trainer.validation_history
    return curves


def draw(curves: Curves) -> None:
    """Write the picture."""
    # Nothing random and no date in the file.
    mpl.rcParams.update({"svg.hashsalt": "derive", "font.family": "DejaVu Sans", "font.size": 9})
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    epochs = np.arange(1, len(curves.errors) + 1)
    _plot(left, epochs, curves.errors, curves.held_out_errors, ("mean of the epoch's batches", "360 digits held out"))
    left.set_yscale("log")
    left.set_ylabel("cross-entropy")
    wrong = [100 * (1 - np.array(accuracies)) for accuracies in (curves.accuracies, curves.held_out_accuracies)]
    _plot(right, epochs, *wrong, ("1437 digits learned from", "360 digits held out"))
    right.set_ylim(0, None)
    right.set_ylabel("digits wrong, %")
    figure.savefig(PICTURE, metadata={"Date": None, "Creator": None})


def _plot(axes: Any, epochs: Any, learned: Any, held_out: Any, names: tuple[str, str]) -> None:
    axes.plot(epochs, learned, color=LEARNED_COLOUR, label=names[0])
    axes.plot(epochs, held_out, color=HELD_OUT_COLOUR, linestyle="--", label=names[1])
    axes.set_xlabel("epoch")
    axes.set_xlim(0, len(epochs))
    axes.grid(color=GRID, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


if __name__ == "__main__":
    drawn = run()
    draw(drawn)
    right = [round(100 * share, 1) for share in (drawn.accuracies[-1], drawn.held_out_accuracies[-1])]
    print(f"after {EPOCHS} epochs {right[0]} % and {right[1]} % right; errors {drawn.errors[-1]:.4f} and", end=" ")
    print(f"{drawn.held_out_errors[-1]:.4f}; written: {PICTURE.name}")
