"""Models of the literature: four computations of every gradient agree with HIPS autograd.

The interpreter of the index form, plain loops, the generated module, and the steps of its trainer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import models
import numpy as np
import pytest
from autograd import grad
from helpers import Array, Values, load, off, shape_of
from models import MODELS, Model, transformer

from derive import Derivation, Edition, derive
from derive.calculus.coupling import coupling
from derive.calculus.evaluate import FLOATS, interpret
from derive.calculus.index import Tensor, symbols_read
from derive.calculus.promises import Mask, SumsToOne
from derive.targets.loops.loops import evaluate

#: The number of samples; no model has a size of 11.
SAMPLES = 11
STAGES = ("forward", "error", "factor", "gradient")


def by_sample(tensor: Tensor) -> bool:
    return bool(tensor.axes) and tensor.axes[-1].sample


def samples_last(tensor: Tensor, value: Array) -> Array:
    """An array with samples as rows, in the order of the tensor's axes."""
    return np.moveaxis(value, 0, -1) if by_sample(tensor) else value


def stored(tensor: Tensor, value: Array) -> Array:
    """An array with samples as rows, as the functions of a module take it."""
    if value.ndim > 2 or (value.ndim == 2 and not by_sample(tensor)):
        return value
    return np.atleast_2d(value).T if value.ndim == 2 or not by_sample(tensor) else value[None]


def single(value: Array) -> Array:
    """Reals as float32; integers as they are."""
    return value if value.dtype.kind == "i" else value.astype(np.float32)


def drawn(derivation: Derivation, stated: Model) -> tuple[Values, Values]:
    """Data, with samples as rows, and parameters that keep what is promised."""
    draw, program, values = np.random.default_rng(1), derivation.program, dict[str, Array]()
    promises = {p.tensor: p for p in derivation.forward.promises}
    for tensor in (*program.inputs, *program.parameters):
        shape = shape_of(tensor, {**stated.sizes, "m": SAMPLES})
        if tensor.name in stated.data:
            value = stated.data[tensor.name]
        elif tensor.places is not None:
            value = draw.integers(int(tensor.places.start), int(tensor.places.stop) + 1, shape)
        elif tensor in promises:
            value = promises[tensor].kept(draw.uniform(0.1, 1, shape))
        else:
            value = draw.normal(size=shape)
        rows = by_sample(tensor) and tensor.name not in stated.data
        values[tensor.name] = np.moveaxis(value, -1, 0) if rows else value
    split = [{t.name: values[t.name] for t in group} for group in (program.inputs, program.parameters)]
    return split[0], split[1]


def compared(stated: Model) -> None:
    derivation = derive(stated.statement)
    program, (data, parameters) = derivation.program, drawn(derivation, stated)
    expected = grad(lambda p: stated.error(**data, **p))(parameters)
    error = stated.error(**data, **parameters)

    def agree(found: dict[str, Any], error_found: Any, what: str) -> None:
        assert error_found == pytest.approx(error, rel=1e-10), what
        for name, slope in found.items():
            shape = np.shape(expected[name])
            assert off(np.reshape(slope, shape), expected[name]) < 1e-10, f"{what}: {name}"

    tensors = {t.name: t for t in (*program.inputs, *program.parameters)}
    values = {name: samples_last(tensors[name], np.asarray(v)) for name, v in {**data, **parameters}.items()}
    sizes = {**stated.sizes, "m": SAMPLES}
    slopes = {s.target.about.name: s.target.name for s in program.stage("gradient")}
    (number,) = (s.target.name for s in program.stage("error") if s.target.role == "error")
    for what, found in {
        "interpreter": interpret(program, values, sizes, FLOATS, STAGES),
        "loops": evaluate(program, values, sizes, STAGES),
    }.items():
        agree({name: found[slope] for name, slope in slopes.items()}, found[number][()], what)

    module: Any = load(derivation.numpy())
    given = [stored(t, data[t.name]) for t in program.inputs]
    own = {t.name: stored(t, np.asarray(parameters[t.name])) for t in program.parameters}
    agree(module.gradients(own, *given), module.error(own, *given), "module")
    given, own = [single(v) for v in given], {name: single(v) for name, v in own.items()}
    assert {slope.dtype for slope in module.gradients(own, *given).values()} == {np.dtype(np.float32)}
    fitted(module, derivation, stated, data)


def fitted(module: Any, derivation: Derivation, stated: Model, data: Values) -> None:
    """The steps of ``fit`` are those that the gradients of autograd make; the form ``predict`` predicts the same."""
    learned = {s.name for p in derivation.program.parameters for a in p.axes for s in a.extent.free_symbols}
    sizes = {name: size for name, size in stated.sizes.items() if name in learned}
    rate, steps, trainer = 0.01, 4, module.Trainer(seed=1, **sizes)
    shapes = {t.name: shape_of(t, stated.sizes) for t in derivation.program.parameters}
    own = {name: np.reshape(trainer.parameters[name], shape).copy() for name, shape in shapes.items()}
    inputs, targets = (
        {t.name: data[t.name] for t in derivation.program.inputs if (t.role == "target") == wanted}
        for wanted in (False, True)
    )
    trainer.fit(inputs or None, targets or None, epochs=steps, learning_rate=rate)
    history = []
    for _ in range(steps):
        history.append(stated.error(**data, **own))
        slopes = grad(lambda p: stated.error(**data, **p))(own)
        own = {name: value - rate * slopes[name] for name, value in own.items()}
    assert trainer.history == pytest.approx(history, rel=1e-10)
    for name, value in own.items():
        assert off(np.reshape(trainer.parameters[name], value.shape), value) < 1e-10, name
    if not any(coupling(replace(derivation.program, predicted=name)) for name in derivation.program.outputs):
        predict, whole = load(derivation.numpy("predict")).predict, trainer.predict(inputs or None)
        found = predict(trainer.parameters, *inputs.values())
        for one, other in zip(*(v.values() if isinstance(v, dict) else [v] for v in (found, whole)), strict=True):
            assert off(one, other) < 1e-14


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.sampled(14)
def test_four_computations_agree_with_autograd(name):
    compared(MODELS[name]())


def with_input_gradients(stated: Model) -> Derivation:
    """The derivation of a model with the gradient of every input whose entries may change one by one."""
    forward = stated.statement.forward_pass()
    fixed = {p.tensor for p in forward.promises if isinstance(p, Mask | SumsToOne)}
    read = {name for e in forward.equations for name in symbols_read(e.expression)}
    inputs = [t for t in forward.inputs if t.role == "input" and t.places is None and t not in fixed]
    return derive(replace(forward, sought=tuple(t.name for t in inputs if t.name in read)))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.sampled(10)
def test_gradients_of_inputs_agree_with_autograd(name):
    stated = MODELS[name]()
    derivation = with_input_gradients(stated)
    program, (data, parameters) = derivation.program, drawn(derivation, stated)
    if not (names := [t.name for t in program.sought]):
        pytest.skip("the model has no input of real numbers that may change one by one")
    derivation.check().require()
    given = {n: np.asarray(data[n], float) for n in names}
    expected = grad(lambda x: stated.error(**{**data, **x}, **parameters))(given)
    tensors = {t.name: t for t in (*program.inputs, *program.parameters)}
    values = {name: samples_last(tensors[name], np.asarray(v)) for name, v in {**data, **parameters}.items()}
    sizes = {**stated.sizes, "m": SAMPLES}
    slopes = {s.target.about.name: s.target.name for s in program.stage("gradient")}
    for found in (interpret(program, values, sizes, FLOATS, STAGES), evaluate(program, values, sizes, STAGES)):
        for name in names:
            assert off(found[slopes[name]], samples_last(tensors[name], expected[name])) < 1e-10, name
    module: Any = load(derivation.numpy("core"))
    own, given = (
        {t.name: stored(t, v[t.name]) for t in ts}
        for ts, v in ((program.parameters, parameters), (program.inputs, data))
    )
    kept: dict[str, Any] = {}
    module.forward(own, *(given[t.name] for t in program.inputs if t.role == "input"), kept)
    module.gradients(own, *given.values(), kept)
    for name, slope in module.input_gradients(own, *given.values(), kept).items():
        assert off(slope, stored(tensors[name], expected[name])) < 1e-10, name


@pytest.mark.slow
def test_six_blocks_of_a_transformer_agree_with_autograd():
    compared(transformer(6))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.sampled(24)
def test_documents_of_every_format_and_detail_are_made(name):
    derivation = derive(MODELS[name]().statement)
    assert derivation.files(Edition("html,md,tex,ipynb", exercises=True))
    for detail in ("brief", "exhaustive"):
        assert derivation.markdown(detail=detail)
    first = derivation.program.parameters[0]
    assert derivation.explain(f"{first.name}[{','.join('1' for _ in first.axes)}]" if first.axes else first.name)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_module_agrees_with_jax(name, monkeypatch):
    """The error functions of the models, with the functions of JAX in the place of those of autograd."""
    jax = pytest.importorskip("jax")
    special = pytest.importorskip("jax.scipy.special")
    jax.config.update("jax_enable_x64", True)  # nothing else in the tests uses JAX
    stated = MODELS[name]()
    derivation = derive(stated.statement)
    program, (data, parameters) = derivation.program, drawn(derivation, stated)

    def elementwise(f: Any, number: int = 0) -> Any:
        return lambda *v: jax.grad(lambda *w: jax.numpy.sum(f(*w)), number)(*v)

    for name_, its_own in (("np", jax.numpy), ("special", special), ("elementwise_grad", elementwise)):
        monkeypatch.setattr(models, name_, its_own)
    data_, own_ = ({n: jax.numpy.asarray(v) for n, v in group.items()} for group in (data, parameters))
    error, expected = jax.value_and_grad(lambda p: stated.error(**data_, **p))(own_)

    module: Any = load(derivation.numpy())
    given = [stored(t, data[t.name]) for t in program.inputs]
    own = {t.name: stored(t, np.asarray(parameters[t.name])) for t in program.parameters}
    assert module.error(own, *given) == pytest.approx(float(error), rel=1e-10)
    for parameter, slope in module.gradients(own, *given).items():
        found = np.reshape(slope, np.shape(expected[parameter]))
        assert off(found, expected[parameter]) < 1e-10, parameter
