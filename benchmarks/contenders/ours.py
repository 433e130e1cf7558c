"""The generated module: `Trainer.fit` with everything that it does, and the steps inside it alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import ModuleType

import numpy as np

from contenders.cases import Array, Case
from derive import Network, derive


@cache
def module(case: Case) -> ModuleType:
    """The module that is generated for a case."""
    made = ModuleType("trainer")
    source = derive(Network(**case.network())).numpy()
    exec(compile(source, "trainer.py", "exec"), made.__dict__)
    return made


def named(case: Case) -> dict[str, Array]:
    """The first parameters, as the module names and shapes them."""
    drawn = case.parameters()
    layers = enumerate(zip(drawn[::2], drawn[1::2], strict=True), start=1)
    return {name: value for n, (W, b) in layers for name, value in ((f"W{n}", W), (f"b{n}", b[:, None]))}


class Fit:
    """`Trainer.fit`, whole epochs at a time: checks, shuffling, gathering of batches and history included."""

    def __init__(self, case: Case, samples: int) -> None:
        self.trainer = module(replace(case, dtype="float64")).Trainer(named(case), dtype=case.dtype)
        self.X, self.Y = case.data(samples)
        self.case, self.batches = case, -(-samples // case.batch)

    def run(self, steps: int) -> int:
        epochs = max(1, round(steps / self.batches))
        rate, size = self.case.rate, self.case.batch
        self.trainer.fit(self.X, self.Y, epochs, rate, size, progress=False)
        return epochs * self.batches

    def parameters(self) -> list[Array]:
        return [value.reshape(value.shape if name[0] == "W" else -1) for name, value in self.trainer.parameters.items()]


class Steps:
    """The second rendering alone: what `fit` hands its batches to."""

    def __init__(self, case: Case, samples: int) -> None:
        self.named = named(case)
        made = module(replace(case, dtype="float64"))
        self.state = made.NETWORK.initial_state(self.named)
        self.steps = made._Fast(made.FAST_STEPS, made.NETWORK, self.named, self.state, case.batch)
        self.steps.load(self.named, self.state)
        self.data = self.steps.arranged(case.data(samples))
        self.order = np.arange(samples).reshape(-1, case.batch)
        self.rate = case.rate

    def run(self, steps: int) -> int:
        done = 0
        while done < steps:
            batches = self.order[: min(self.steps.chunk, steps - done)]
            self.steps.run(self.data, batches, self.rate)
            done += len(batches)
        return done

    def parameters(self) -> list[Array]:
        self.steps.store(self.named, self.state)
        return [value.reshape(value.shape if name[0] == "W" else -1) for name, value in self.named.items()]
