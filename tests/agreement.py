"""Correctness of a generated module: against the interpreter, and between its parts."""

from __future__ import annotations

from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
from helpers import Array, interpreted, load, off, real, shape_of, stored

from derive.api import derive
from derive.calculus.forward import ForwardPass

WIDTHS = (3, 4, 2, 5, 6)


def assert_right(forward: ForwardPass, seed: int = 0, positive: tuple[str, ...] = (), scale: float = 0.5) -> ModuleType:
    """Derive, and compare the module with the interpreter for 4 samples; return the module."""
    found = derive(forward)
    module = load(found.numpy())
    program = found.program
    sizes = {"m": 4, **dict(zip((s.name for s in program.extents), WIDTHS, strict=False))}
    choose = np.random.default_rng(seed)
    values = {t.name: choose.normal(0, scale, shape_of(t, sizes)) for t in (*program.inputs, *program.parameters)}
    values = {n: np.abs(v) + 0.5 if n in positive else v for n, v in values.items()}
    for promise in forward.promises:
        raw = np.abs(values[promise.tensor.name])
        values[promise.tensor.name] = raw / raw.sum(axis=promise.axis, keepdims=True)
    exact = interpreted(program, values, sizes)
    x, y = (values[t.name] for t in program.inputs)
    parameters = {p.name: stored(p, values[p.name]) for p in program.parameters}
    assert off(np.array(module.error(parameters, x, y)), real(exact[forward.error.target.name])) <= 1e-11
    slopes = module.gradients(parameters, x, y)
    for p in program.parameters:
        gradient = next(s.target.name for s in program.stage("gradient") if s.target.about == p)
        assert off(slopes[p.name], stored(p, real(exact[gradient]))) <= 1e-10, p.name
    assert_steps_agree(module, parameters, x, y)
    return module


def assert_steps_agree(module: ModuleType, parameters: dict[str, Array], x: Array, y: Array) -> None:
    """``Trainer.history`` and the parameters after it, against ``update`` step by step, for several batch sizes."""
    samples = x.shape[1]
    for size in sorted({1, min(3, samples), samples}):
        ours = {n: v.copy() for n, v in parameters.items()}
        trainer = module.Trainer(parameters)
        trainer.fit(x.T, y.T, epochs=3, learning_rate=0.05, batch_size=size, shuffle=False)
        expected = []
        for _ in range(3):
            for first in range(0, samples, size):
                batch = slice(first, first + size)
                expected.append(module.update(ours, x[:, batch], y[:, batch], 0.05))
        assert off(np.array(trainer.history), np.array(expected)) <= 1e-12, size
        for name, value in ours.items():
            assert off(trainer.parameters[name], value) <= 1e-12, (size, name)


def declines(module: ModuleType) -> bool:
    """Whether a module has no rendering of its steps besides the readable one."""
    return module.Trainer.steps is None


def constants(**values: Any) -> dict[str, Fraction]:
    """Numbers with a fixed value."""
    return {name: Fraction(value) for name, value in values.items()}
