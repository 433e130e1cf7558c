"""Very many steps of a small network: `python benchmarks/soak.py`.

Two things must not happen: that memory grows, and that the two renderings of the program (`fit`
and `update`) part by more than rounding, when both take the same steps. A third is looked at:
what `fit`'s steps allocate, which is to be nothing but the errors that they return.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from derive import Network, derive

LAYERS, SAMPLES, RATE = (3, 4, 4, 1), 64, 0.1

#: In bytes: Python's own numbers, and the arrays without data that a view is.
SMALL = 4096


@dataclass(frozen=True)
class Soaked:
    """What many steps have led to: memory gained since the first block, and how far the renderings are apart.

    ``apart`` is the largest difference of two parameters by the largest parameter, at its worst.
    """

    steps: int
    resident: int
    traced: int
    apart: float


def module_of(layers: tuple[int, ...], **options: Any) -> ModuleType:
    """The generated module of a network."""
    module = ModuleType("trainer")
    exec(compile(derive(Network(layers, **options)).numpy(), "trainer.py", "exec"), module.__dict__)
    return module


def soak(module: ModuleType, steps: int, batch: int, block: int) -> Soaked:
    """Take ``steps`` steps in both renderings, a block at a time, and compare them after each block.

    ``block`` is a number of epochs. What the trainer is meant to keep, its histories, is emptied.
    """
    generator = np.random.default_rng(0)
    X = generator.normal(size=(SAMPLES, LAYERS[0]))
    Y = np.sin(X.sum(axis=1, keepdims=True)) / 2 + 0.5
    batches = [(X[i : i + batch].T.copy(), Y[i : i + batch].T.copy()) for i in range(0, SAMPLES, batch)]
    trainer = module.Trainer(seed=0)
    parameters = {name: value.copy() for name, value in trainer.parameters.items()}
    state = module.NETWORK.initial_state(parameters)
    done, apart, before = 0, 0.0, (0, 0)
    while done < steps:
        trainer.fit(X, Y, block, RATE, batch, shuffle=False, progress=False)
        for history in (trainer.history, trainer.epoch_history):
            history.clear()
        for _ in range(block):
            for columns in batches:
                module.NETWORK.step(parameters, state, columns, RATE)
        apart = max(apart, distance(trainer.parameters, parameters))
        before = before if done else (resident(), traced())
        done += block * len(batches)
    return Soaked(done, resident() - before[0], traced() - before[1], apart)


def distance(some: dict[str, Any], others: dict[str, Any]) -> float:
    """The largest difference of two parameters, by the largest parameter."""
    largest = max(float(np.abs(value).max()) for value in others.values())
    return max(float(np.abs(some[name] - others[name]).max()) for name in others) / largest


def resident() -> int:
    """How many bytes of this process are in memory; 0 where the system has no /proc."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * 4096 if pages.exists() else 0


def traced() -> int:
    """How many bytes Python holds, NumPy's arrays included, if that is being traced."""
    gc.collect()  # what waits to be freed does not grow
    return tracemalloc.get_traced_memory()[0]


def allocated(module: ModuleType, layers: tuple[int, ...], batch: int, steps: int) -> int:
    """How many bytes the second of two runs of so many steps needs at its peak, without the errors it returns."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(4 * batch, layers[0]))
    Y = np.eye(layers[-1])[generator.integers(0, layers[-1], 4 * batch)]
    parameters = module.initial_parameters(seed=0)
    state = module.NETWORK.initial_state(parameters)
    runner = module._Fast(module.FAST_STEPS, module.NETWORK, parameters, state, batch)
    arranged = runner.arranged((X, Y))
    order = generator.integers(0, 4 * batch, (steps, batch))
    runner.run(arranged, order, 0.01)
    tracemalloc.start()
    errors = runner.run(arranged, order, 0.01)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - errors.nbytes


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--steps", type=int, default=1_000_000, help="of each rendering (default a million)")
    steps = parser.parse_args().steps
    shape = "-".join(map(str, LAYERS))
    for batch in (1, 4):
        module = module_of(LAYERS)
        plain = soak(module, steps, batch, 200)
        tracemalloc.start()
        watched = soak(module, steps // 50, batch, 20)
        tracemalloc.stop()
        print(f"{shape}, batch {batch}: {plain.steps} steps of fit and of update")
        print(f"  parameters apart by {plain.apart:.1e} of the largest, at worst")
        print(f"  memory of the process grown by {plain.resident / 1024:.0f} KiB since the first block")
        print(f"  memory traced grown by {watched.traced / 1024:.1f} KiB in {watched.steps} steps")
        sys.stdout.flush()
    for layers, batch in (((64, 32, 10), 32), ((784, 128, 64, 10), 64)):
        activation = (*["tanh"] * (len(layers) - 2), "softmax")
        module = module_of(layers, activation=activation, loss="cross_entropy")
        least = 8 * batch * layers[-1]
        bytes_needed = allocated(module, layers, batch, 40)
        shape = "-".join(map(str, layers))
        print(f"{shape}, batch {batch}: {bytes_needed} bytes allocated in 40 steps (the smallest array has {least})")


if __name__ == "__main__":
    main()
