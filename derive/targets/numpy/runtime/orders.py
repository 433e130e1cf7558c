"""What a trainer draws: the orders of its samples, what is random, what is held out."""

from __future__ import annotations

from typing import Any, Self, final

import numpy as np

from derive.targets.numpy.runtime.values import Array, Seed, _generator


@final
class _Orders:
    """The random numbers of a trainer, which go on from one `fit` to the next.

    generator  draws the order of each epoch
    split      decides alone which samples are held out, so that a training that goes on
               holds out the same ones, and with `steps` what is random in a step
    steps      how many steps were taken since the seed
    """

    def __init__(self, seed: Seed) -> None:
        """Begin anew from a seed."""
        if isinstance(seed, np.random.Generator):
            seed = int(seed.integers(2**63))
        self.generator = np.random.Generator(_generator(seed).bit_generator)
        self.split = int(_generator(seed).integers(2**63))
        self.steps = 0

    def draw(self, ahead: int = 0) -> np.random.Generator:
        """What the next step draws from, or one after it."""
        return np.random.default_rng((self.split, self.steps + ahead))

    def held_out(self, samples: int, count: int) -> Array:
        """The numbers of `count` samples, drawn at random, in their order."""
        drawn = np.random.default_rng(self.split).permutation(samples)
        return np.sort(drawn[samples - count :])

    def stored(self) -> Array:
        """All of it as eight numbers for a file."""
        found: Any = self.generator.bit_generator.state
        state, step = found["state"]["state"], found["state"]["inc"]
        numbers = (state >> 64, state % 2**64, step >> 64, step % 2**64)
        rest = (found["has_uint32"], found["uinteger"], self.split, self.steps)
        return np.array([*numbers, *rest], np.uint64)

    @classmethod
    def restored(cls, stored: Array) -> Self:
        """The same again; ValueError for numbers that `stored` does not give."""
        numbers = [int(number) for number in stored.ravel()]
        if stored.shape == (7,):  # a file from before steps were counted
            numbers, stored = [*numbers, 0], np.append(stored, np.uint64(0))
        whole = stored.shape == (8,) and stored.dtype == np.uint64
        if not whole or numbers[3] % 2 == 0 or numbers[4] > 1 or numbers[5] >= 2**32:
            raise ValueError("its random numbers are none")
        high, low, step_high, step_low, has_half, half, split, steps = numbers
        orders = cls(0)
        orders.split, orders.steps = split, steps
        orders.generator.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": (high << 64) + low, "inc": (step_high << 64) + step_low},
            "has_uint32": has_half,
            "uinteger": half,
        }
        return orders
