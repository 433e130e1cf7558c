"""Compare a JAX module with the NumPy core of the same derivation, and with what JAX differentiates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from helpers import load

from derive import Derivation
from derive.calculus.roles import Role
from derive.calculus.truncation import WINDOW

#: The number of samples, of steps, and the learning rate of the steps.
SAMPLES, STEPS, RATE = 7, 3, 0.05


def jax_module(derivation: Derivation) -> Any:
    """The executed JAX module, with numbers in double precision."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return load(next(iter(derivation.target("jax").files("package").values())))


def _same_draws(compare: Any, ours: Any, program: Any, parameters: Any, state: Any, data: Any) -> None:
    """An epoch takes the steps with what ``draw`` gives for its keys."""
    import jax

    given = [array for t, array in zip(program.inputs, data, strict=True) if t.role != Role.RANDOM]
    inputs = [a for t, a in zip(program.inputs, data, strict=True) if t.role != Role.RANDOM and not t.is_compared]
    key, errors = jax.random.key(1), []
    batches = tuple(np.stack([array] * STEPS) for array in given)
    found = jax.jit(ours.epoch)(parameters, state, batches, RATE, key)
    for one in jax.random.split(key, STEPS):
        drawn = iter(ours.draw(parameters, one, *inputs))
        whole = [next(drawn) if t.role == Role.RANDOM else a for t, a in zip(program.inputs, data, strict=True)]
        parameters, state, error = ours.update(parameters, state, *whole, RATE)
        errors.append(error)
    compare("drawn", found[2], errors)


def differences(derivation: Derivation) -> dict[str, float]:
    """The largest differences, each relative to the largest entry, by what was compared."""
    import jax

    found: dict[str, float] = {}

    def compare(what: str, given: Any, wanted: Any) -> None:
        given, wanted = np.asarray(given), np.asarray(wanted)
        assert given.size == wanted.size, (what, given.shape, wanted.shape)
        scale = max(float(np.max(np.abs(wanted), initial=0)), 1e-300)
        off = float(np.max(np.abs(given.reshape(wanted.shape) - wanted), initial=0)) / scale
        found[what] = max(found.get(what, 0.0), off if np.all(np.isfinite(given)) else np.inf)

    def all_of(what: str, given: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        assert {*given} == {*wanted}, what
        for name, value in wanted.items():
            compare(what, given[name], value)

    program = derivation.program
    core, ours = load(derivation.numpy("core")), jax_module(derivation)
    parameters, *data = derivation.numpy_target.module.example(SAMPLES)
    count = sum(not t.is_compared for t in program.inputs)
    arrays = {name: jax.numpy.asarray(value) for name, value in parameters.items()}
    values: dict[str, Any] = {}
    output = core.forward(parameters, *data[:count], values)
    error, slopes = core.error(parameters, *data, values), core.gradients(parameters, *data, values)

    got, tensors = jax.jit(ours.forward)(arrays, *data[:count])
    compare("forward", got, output)
    compare("error", jax.jit(ours.error)(arrays, *data, tensors), error)
    all_of("gradients", jax.jit(ours.gradients)(arrays, *data, tensors), slopes)
    if hasattr(core, "input_gradients"):
        wanted = core.input_gradients(parameters, *data, values)
        all_of("input_gradients", jax.jit(ours.input_gradients)(arrays, *data, tensors), wanted)
    if not program.stopped and not any(s.equation.note == WINDOW for s in program.statements):
        whole = jax.jit(jax.grad(lambda p: ours.error(p, *data, ours.forward(p, *data[:count])[1])))
        found_by_jax = whole(arrays)
        all_of("jax.grad", slopes, {name: found_by_jax[name] for name in slopes})  # some are frozen
    state = core.initial_state(parameters) if program.states else {}
    started = ours.initial_state(arrays)
    all_of("initial_state", started, state)
    if not program.is_random and not program.averages:
        predicted = jax.jit(ours.predict)(arrays, *data[:count])
        compare("predict", predicted if len(program.outputs) == 1 else predicted[program.predicted], output)
    before = []
    for _ in range(STEPS):
        given = (state,) if program.states else ()
        before.append(core.update(parameters, *data, RATE, *given))
    if program.is_random:
        for wanted in before:
            arrays, started, error = jax.jit(ours.update)(arrays, started, *data, RATE)
            compare("errors", error, wanted)
        before = []
        _same_draws(compare, ours, program, arrays, started, data)
    batches = tuple(np.stack([array] * STEPS) for array in data)
    if before:
        arrays, started, errors = jax.jit(ours.epoch)(arrays, started, batches, RATE)
        compare("errors", errors, before)
    all_of("parameters", arrays, parameters)
    all_of("state", started, state)
    if program.averages and not program.is_random:
        wanted = core.predict(parameters, *data[:count], state, {})
        predicted = jax.jit(ours.predict)(arrays, started, *data[:count])
        compare("predict", predicted if len(program.outputs) == 1 else predicted[program.predicted], wanted)
    return found
