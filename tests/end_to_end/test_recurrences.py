"""Recurrences: five computations of every gradient agree with HIPS autograd on plain loops over the steps."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import ROOT
from helpers import load, off, shape_of
from random_recurrences import recurrence
from recurrences import RECURRENCES, stated
from test_models import compared

from derive import Statement, derive
from derive.calculus.evaluate import FLOATS, followed, interpret
from derive.targets.loops.loops import evaluate


def derived(name):
    return derive(Statement.from_file(ROOT / "examples" / f"{name}.eq"))


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("name", RECURRENCES)
@pytest.mark.sampled(10)
def test_five_computations_agree_with_autograd(name, steps):
    RECURRENCES["ode_network"].steps = steps
    model = stated(name, steps)
    if steps == 1 and not model.sizes:
        with pytest.raises(ValueError, match="has one step: let size T be a name without a number, or at least 2"):
            derive(model.statement)
        return
    compared(model)


#: What PyTorch calls its layers, and the parameters of ours for the gates in its order: of inputs, of states, biases.
LAYERS = {
    "elman": ("RNN", "W", "U", ("b",), ()),
    "lstm": ("LSTM", "W", "U", ("b",), ()),
    "gru_reset_after": ("GRU", ("W_r", "W_u", "W"), ("U_r", "U_u", "U"), ("b_r", "b_u", "b"), ("d",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    derivation = derive(Statement.from_file(ROOT / "examples" / f"{name}.eq"))
    module = load(derivation.numpy("core"))
    draw = np.random.default_rng(0)
    own = {key: draw.normal(size=value.shape) for key, value in module.initial_parameters(0).items()}
    own |= {"first": np.zeros_like(own["first"])} if "first" in own else {}
    x = draw.normal(size=(3, 7, 2))
    kind, inputs, states, biases, after = LAYERS[name]
    layer = getattr(torch.nn, kind)(2, 5, batch_first=True, dtype=torch.float64)
    gates = [1, 0, 2, 3]  # ours are forget, input, cell, output

    def stacked(names):
        if isinstance(names, str):
            return own[names][gates].reshape(-1, own[names].shape[-1]) if kind == "LSTM" else own[names]
        return np.concatenate([own[n] for n in names])

    values = {"weight_ih_l0": stacked(inputs), "weight_hh_l0": stacked(states)}
    bias = own["b"][gates].ravel() if kind == "LSTM" else np.concatenate([own[n].ravel() for n in biases])
    late = np.concatenate([np.zeros(10), own["d"].ravel()]) if after else np.zeros_like(bias)
    values |= {"bias_ih_l0": bias, "bias_hh_l0": late}
    layer.load_state_dict({key: torch.tensor(value) for key, value in values.items()})
    found, _ = layer(torch.tensor(x))
    if kind == "RNN":
        found = found @ torch.tensor(own["V"].T, requires_grad=True)
    found = found[:, -1] if kind == "LSTM" else found
    y = draw.normal(size=tuple(found.shape))
    square = (found - torch.tensor(y)) ** 2
    (square.sum(-1).mean() / 2 if kind == "RNN" else square.mean()).backward()
    kept = {}
    module.forward(own, x, kept)
    y = y.T if kind == "LSTM" else y
    module.error(own, x, y, kept)
    slopes = module.gradients(own, x, y, kept)
    own = slopes
    assert off(stacked(inputs), layer.weight_ih_l0.grad.numpy()) < 1e-12
    assert off(stacked(states), layer.weight_hh_l0.grad.numpy()) < 1e-12


@pytest.mark.parametrize("name", ["elman", "lstm", "second_order_lag", "stacked_recurrence", "character_lstm"])
@pytest.mark.parametrize("cut", [1, 4])
@pytest.mark.sampled(6)
def test_a_stream_predicts_what_the_whole_sequence_does(name, cut):
    trainer = load(derived(name).numpy()).Trainer(seed=0)
    x, state, found = np.random.default_rng(0).normal(size=(3, 9, 2)), None, []
    x = x[..., 0].astype(int) % 7 + 1 if name == "character_lstm" else x
    for start in range(0, 9, cut):
        outputs, state = trainer.stream(x[:, start : start + cut], state)
        found.append(outputs)
    whole = trainer.predict(x)
    assert off(np.concatenate(found, axis=1) if whole.ndim == 3 else found[-1], whole) < 1e-14
    assert state["steps"] == 9
    with pytest.raises(ValueError, match="the state is that of 3 samples, and X has 2"):
        trainer.stream(x[:2], state)


def test_what_reads_later_steps_has_no_stream():
    assert "def stream" not in derived("bidirectional").numpy("core")
    with pytest.raises(AttributeError, match="a step depends on later ones"):
        load(derived("bidirectional").numpy()).Trainer(seed=0).stream(np.zeros((1, 2, 2)))


#: What a text of a recurrence states besides its data, and whether its steps can be predicted one after the other.
STREAMS = {
    "the number of a step": ("s[t, i] = tanh(x[t, i] + g[i] * s[t - 1, i] + delta(t, 3) * g[i])", True),
    "the number of steps": ("s[t, i] = tanh(x[t, i] + g[i] * s[t - 1, i] / T)", False),
    "the last step": ("s[t, i] = tanh(x[t, i] + g[i] * s[t - 1, i] + x[T, i])", False),
    "the last step, through another tensor": (
        "q[t, i] = tanh(x[t, i] + g[i] * q[t - 1, i])\nl[i] = q[T, i]\ns[t, i] = q[t, i] * l[i]",
        False,
    ),
    "a parameter of each step": ("parameter P[T]\ns[t, i] = tanh(x[t, i] + g[i] * P[t] * s[t - 1, i])", False),
    "a later step": ("q[t, i] = tanh(x[t, i] + g[i] * q[t - 1, i])\ns[t in T, i] = q[t, i] + x[t + 1, i]", False),
    "earlier steps outside the recurrence, and the number of a step": (
        """q[0, i] = g[i]
        q[t, i] = tanh(x[t, i] * x[t - 1, i] + g[i] * q[t - 1, i])
        r[t, i] = q[t, i] - q[t - 2, i] + g[i] * x[t - 1, i] + delta(t, 2) * g[i]
        s[t, i] = r[t, i] * r[t - 1, i] * q[t - 1, i]""",
        True,
    ),
    "an earlier step of another recurrence": (
        "q[t, i] = tanh(x[t, i] + g[i] * q[t - 1, i])\ns[t, i] = tanh(q[t - 2, i] + g[i] * s[t - 1, i])",
        True,
    ),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.sampled(2)
def test_a_stream_keeps_earlier_steps_or_is_not_offered(name):
    lines, streams = STREAMS[name]
    text = f"""
    size T, n = 2
    input x[T, n]
    target y[T, n]
    recurrent s[T, n]{", q[T, n]" if "q[" in lines else ""}
    parameter g[n] = 0.5
    {lines}
    E = mean((y[t, i] - s[t, i])**2, t, i)
    """
    module = load(derive(Statement(text)).numpy("core"))
    assert hasattr(module, "stream") is streams
    if streams:
        x, state, own = np.random.default_rng(0).normal(size=(3, 9, 2)), {}, module.initial_parameters(0)
        found = [module.stream(own, part, state) for part in np.split(x, [1, 2, 3, 5], axis=1)]
        assert off(np.concatenate(found, axis=1), module.forward(own, x, {})) < 1e-14


def test_a_stream_writes_text():
    """The example of characters learns a text, scores it, and writes it from its own predictions."""
    text = (ROOT / "examples" / "character_lstm.eq").read_text(encoding="utf-8").replace("h = 5", "h = 8")
    trainer = load(derive(Statement(text, optimizer="adam")).numpy()).Trainer(seed=0)
    letters = sorted("helo wr")
    codes = np.array([letters.index(letter) + 1 for letter in "hello wor" * 8])
    X, Y = (np.stack([codes[i + k : i + k + 18] for i in range(0, 50, 7)]) for k in (0, 1))
    trainer.fit(X, Y, epochs=80, learning_rate=0.05)
    assert trainer.score(X, Y) > 0.9
    written, state = "h", None
    for _ in range(17):
        p, state = trainer.stream([[letters.index(written[-1]) + 1]], state)
        written += letters[int(p[0, -1].argmax())]
    assert written == "hello worhello wor"


def test_chunks_with_the_state_as_an_input_are_the_whole_sequence():
    """The gradients of a chunk take the state for a constant; without it they would be those of another beginning."""
    text = (ROOT / "examples" / "elman.eq").read_text(encoding="utf-8")
    text = text.replace("x[T, n]\n", "x[T, n], before[h]\n", 1).replace(", first[h] = 0", "").replace("first", "before")
    trainer = load(derive(Statement(text)).numpy()).Trainer(seed=0)
    x, state, found = np.random.default_rng(0).normal(size=(3, 9, 2)), np.zeros((3, 5)), []
    whole = trainer.compute("s", {"x": x, "before": state})
    for part in np.split(x, [2, 5], axis=1):
        found.append(trainer.compute("s", {"x": part, "before": state}))
        state = found[-1][:, -1]
    assert off(np.concatenate(found, axis=1), whole) < 1e-14


def test_the_length_of_the_code_does_not_depend_on_the_number_of_steps():
    text = (ROOT / "examples" / "elman.eq").read_text(encoding="utf-8")
    few, many = (derive(Statement(text.replace("size      T,", f"size T = {n},"))) for n in (10, 10_000))
    few_words, many_words = (
        found.numpy("core").replace(str(n), "n").split() for found, n in ((few, 10), (many, 10_000))
    )
    assert abs(len(few_words) - len(many_words)) < 10
    assert many.check().steps == 7
    assert "(with 7 steps)" in many.check().line()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("recurrent s[T, h]\n", ""), r"s is stated at a place, which needs a line recurrent s\[...\] before"),
        (
            ("s[t - 1, r]", "s[t, r]"),
            r"line 10, column 53: the equation of z reads s, which reads z \(line 11, column 16\): equations that",
        ),
        (("tanh(z[t, i])", "stop_gradient(s[t, i]) * z[t, i]"), "line 11, column 25: the equation of s reads s itself"),
        (("s[t - 1, r], r)", "s[t - 1, r], r) + s[t + 1, i]"), "equations that read each other in a circle"),
        (("s[t - 1, r]", "s[2*t - 1, r]"), "equations that read each other in a circle"),
        (("s[0, i]", "s[1, i]"), "what s begins with is stated at 1, which is a place of s"),
        (
            ("s[0, i] = first[i]", "s[0, 1] = 0"),
            r"what s begins with needs 2 places, one of them a number, such as s\[0, i\]",
        ),
        (("recurrent s[T, h]", "recurrent s[T, k]"), "line 9, column 1: what s begins with has the index i"),
        (("first[i]", "first[i]\ns[0, i] = 1"), "what s begins with is stated at 0 already: state it once"),
        (("s[0, i]", "s[T + 1, i]"), "nothing reads what s begins with at T \\+ 1: leave it out"),
        (("t - 1, r]", "t - 1001, r]"), "nothing reads what s begins with|reads 1001 places back: 1000 are the most"),
        (("x[t, j]", "W[i, j]"), "s is declared with samples, but its recurrence reads none"),
        (("recurrent s[T, h]", "recurrent s[T, h], v[T]"), "v is declared and without an equation"),
        (("tanh(z[t, i])", "tanh(z[t, i])\ns[t, i] = z[t, i]"), "s is a tensor with an equation already"),
    ],
)
def test_messages(change, message):
    text = (ROOT / "examples" / "elman.eq").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        derive(Statement(text.replace(*change)))


def test_beginnings_are_written_as_the_author_states_them():
    """Also two steps back, where the number of steps is a name, and what is read beside an entry otherwise."""
    text = """
    size T, n = 2
    input x[T, n], h[n]
    target y[T, n]
    recurrent s[T, n]
    parameter g[n]
    s[0, i] = h[i]
    s[-1, i] = g[i] / 2
    s[t, i] = tanh(x[t, i] + g[i] * s[t - 1, i] + delta(t, 2) * s[t - 2, i])
    E = mean((y[t, i] - s[t, i])**2, t, i)
    """
    derivation = derive(Statement(text))
    written = derivation.equations()
    assert "s[0, i] = h[i]\ns[-1, i] = g[i] / 2\n" in written
    again = derive(Statement(written))
    assert again.equations() == written and again.numpy("core") == derivation.numpy("core")
    assert r"s_{0i} &= h_i" in derivation.markdown(only=("forward",))


def test_a_circle_in_a_block_has_the_names_and_the_places_of_the_block():
    text = """size T, n = 2
input x[T, n]
target y[T, n]
block cell(x, T, n)
  recurrent s[T, n]
  parameter g[n]
  z[t, i] = x[t, i] + g[i] * s[t, i]
  s[t, i] = tanh(z[t, i])
end
a = cell(x, T, n)
E = mean((y[t, i] - a[t, i])**2, t, i)"""
    with pytest.raises(
        ValueError, match=r"line 7, column 30: the equation of z reads s, which reads z \(line 8, column 18\)"
    ):
        Statement(text)


def test_sequences_of_different_lengths_by_a_mask():
    """What follows the end of a sequence changes neither the error nor the gradients."""
    text = """
    size T, n = 2, h = 3
    input x[T, n], M[T]
    target y[h]
    promise mask M
    recurrent s[T, h]
    parameter W[h, n], U[h, h]
    z[t, i] = sum(W[i, j] * x[t, j], j) + sum(U[i, r] * s[t - 1, r], r)
    s[t, i] = M[t] * tanh(z[t, i]) + (1 - M[t]) * s[t - 1, i]
    q[i] = s[T, i]
    E = mean((y[i] - q[i])**2, i)
    """
    module = load(derive(Statement(text)).numpy("core"))
    draw, own = np.random.default_rng(0), module.initial_parameters(0)
    x, y, mask = draw.normal(size=(2, 7, 2)), draw.normal(size=(3, 2)), np.ones((2, 7))
    mask[:, 4:] = 0

    def found(x, mask):
        kept = {}
        module.forward(own, x, mask.T, kept)
        return module.error(own, x, mask.T, y, kept), module.gradients(own, x, mask.T, y, kept)

    error, slopes = found(x, mask)
    alone, expected = found(x[:, :4], mask[:, :4])
    assert error == pytest.approx(alone, rel=1e-14)
    for name, slope in slopes.items():
        assert off(slope, expected[name]) < 1e-14, name


def adding(draw, samples: int, steps: int):
    """The adding problem: two of the numbers of a sequence are marked, and their sum is wanted.

    S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997.
    """
    x = np.zeros((samples, steps, 2))
    x[:, :, 0] = draw.uniform(size=(samples, steps))
    rows = np.arange(samples)
    places = draw.integers(0, steps // 2, samples), draw.integers(steps // 2, steps, samples)
    for place in places:
        x[rows, place, 1] = 1
    return x, sum(x[rows, place, 0] for place in places)


def learned(steps: int, units: int, rate: float, rounds: int) -> float:
    """The error on new sequences of an LSTM that has learned to add."""
    text = (ROOT / "examples" / "lstm.eq").read_text(encoding="utf-8")
    text = text.replace("h = 5", f"h = {units}").replace("target    y[h]", "target    y\nparameter V[h], d = 0")
    text = text.replace("b[4, h] = 0", "b[4, h]").replace("q[i] = s[T, i]", "q = sum(V[i] * s[T, i], i) + d")
    text = text.replace("mean((y[i] - q[i])**2, i)", "(y - q)**2")
    trainer = load(derive(Statement(text, optimizer="adam", clip=1.0)).numpy()).Trainer(seed=0)
    draw = np.random.default_rng(0)
    x, y = adding(draw, 2000, steps)
    trainer.parameters["b"][0] = 1  # remember at first
    trainer.fit(x, y, epochs=rounds, learning_rate=rate, batch_size=50)
    x, y = adding(draw, 500, steps)
    return float(np.mean((np.squeeze(trainer.predict(x)) - y) ** 2))


def test_an_lstm_learns_to_add():
    assert learned(6, 8, 0.02, 8) < 0.03


@pytest.mark.slow
def test_an_lstm_learns_to_add_over_fifty_steps():
    assert learned(50, 24, 0.01, 18) < 0.01


def test_a_block_with_a_recurrence_is_applied_at_places():
    text = """
    size T = 4, P = 2, n = 3, h = 5
    input x[P, T, n]
    target y[P, T, h]
    block cell(x, T, n, h)
      parameter W[h, n], U[h, h], f[h]
      recurrent s[T, h]
      s[0, i] = f[i]
      s[t, i] = tanh(sum(W[i, j] * x[t, j], j) + sum(U[i, r] * s[t - 1, r], r))
    end
    o = cell(x, T, n, h)
    E = mean((y[p, t, i] - o[p, t, i])**2, p, t, i)
    """
    derivation = derive(Statement(text))
    derivation.check().require()
    module, draw = load(derivation.numpy("core")), np.random.default_rng(0)
    own = {name: draw.normal(size=value.shape) for name, value in module.initial_parameters(0).items()}
    x = draw.normal(size=(3, 2, 4, 3))
    found = module.forward(own, x, {})
    s = own["f"][:, 0]
    for t in range(4):
        s = np.tanh(x[:, :, t] @ own["W"].T + s @ own["U"].T)
        assert off(found[:, :, t], s) < 1e-14


def test_the_equations_of_a_recurrence_are_computed_from_values_that_are_given():
    program, draw, sizes = derived("elman").program, np.random.default_rng(0), {"m": 2, "T": 3}
    values = {t.name: draw.normal(size=shape_of(t, sizes)) for t in (*program.inputs, *program.parameters)}
    found = interpret(program, values, sizes, FLOATS)
    values |= {t.name: np.array(0.1) for t in program.scalars}
    for name, entries, _ in followed(program, values, sizes, found, FLOATS):
        assert name not in found or off(entries, found[name]) < 1e-14


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.sampled(30)
def test_random_recurrences_are_right(seed):
    derivation = derive(Statement(recurrence(seed)))
    derivation.check().require()
    program, draw, sizes = derivation.program, np.random.default_rng(0), {"m": 2, "T": 3}
    values = {t.name: draw.normal(size=shape_of(t, sizes)) for t in (*program.inputs, *program.parameters)}
    exact, loops = interpret(program, values, sizes, FLOATS), evaluate(program, values, sizes)
    assert max(off(loops[name], exact[name]) for name in loops) < 1e-12
    again = derive(Statement(derivation.equations()))
    assert again.equations() == derivation.equations()
    assert again.numpy("core") == derivation.numpy("core")


@pytest.mark.parametrize(
    ("step", "wrt", "expected"),
    [
        ("u*s[t - 1] + w*x[t]", "w", 1 + 0.5 + 0.25),
        ("u*s[t - 1] + w*x[t]", "u", 2 + 2 * 0.5 * 2),
        ("u*s[t - 1] + w*x[t]", "x[1]", 0.25 * 2),
    ],
)
def test_a_stated_derivative_follows_the_recurrence(step, wrt, expected):
    """The derivative of a recurrence is one, too: s_w[t] = x[t] + u s_w[t - 1]."""
    text = f"""
    size T = 3
    input x[T]
    target y
    parameter u, w
    recurrent s[T]
    s[t] = {step}
    d = diff(s[3], {wrt})
    E = (y - d)**2 + (s[3] - y)**2
    output d
    """
    d = derive(Statement(text))
    assert d.check().passed
    module = load(d.numpy("core"))
    parameters = {"u": np.full((1, 1), 0.5), "w": np.full((1, 1), 2.0)}
    assert module.forward(parameters, np.ones((3, 1)), {}) == pytest.approx(expected)
    assert derive(Statement(d.equations())).equations() == d.equations()


def test_a_stream_takes_only_a_state_that_it_has_returned():
    text = """
    size T, n = 2
    input x[T, n]
    target y
    parameter u[n]
    recurrent s[T]
    s[t] = tanh(s[t - 1] + sum(u[i]*x[t, i], i))
    output s
    E = (y - s[T])**2
    """
    trainer = load(derive(Statement(text)).numpy()).Trainer(seed=0)
    x = np.ones((2, 3, 2))
    _, state = trainer.stream(x, None)
    for wrong in ({"steps": 1}, {"x": 1}, {**state, "s": 3.0}):
        with pytest.raises(ValueError, match="the state does not fit: expected what stream returns, or None"):
            trainer.stream(x, wrong)
    with pytest.raises(TypeError, match="state must be a dict, not int 5"):
        trainer.stream(x, 5)


def test_loops_of_what_is_derived_again_have_letters():
    """Indices that are made have numbers, which depend on what was derived before."""
    text = """
    size T = 3
    input x[T]
    target y
    parameter u
    recurrent s[T]
    s[t] = tanh(u*s[t - 1] + x[t])
    E = (y - s[T])**2
    """
    found = [derive(Statement(text), order=2).beside() for _ in "ab"]
    sources = [[product.numpy("core") for product in products] for products in found]
    assert sources[0] == sources[1]
    assert not any("for i0" in source for source in sources[0])
