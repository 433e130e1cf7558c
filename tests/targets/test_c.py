"""Generated C, compiled by gcc without a warning, computes what the NumPy module computes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import WARNINGS, Library, compiled
from conftest import ROOT
from helpers import Array, derivation
from networks import NETWORKS
from test_every_pair import PAIRS

from derive import Derivation, Edition, Statement, derive
from derive.calculus.index import Tensor
from derive.command.main import main
from derive.files.seals import HEADER_LINES
from derive.learning.optimizers import OPTIMIZERS
from derive.targets.c.formulas import stored_axes
from derive.targets.c.names import KEYWORDS, MATH
from derive.targets.c.target import CTarget
from derive.targets.named import example, in_axes, in_store, sizes
from derive.targets.names import code_names
from derive.text.errors import SpecError, StatementError

EXACT, SINGLE = 1e-12, 1e-5
SAMPLES, STEPS, RATE = 5, 4, 0.05
EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.eq"))}
#: Examples of each kind of equation, which every run compiles.
SOME = ("gru", "straight_through")
Given = tuple[dict[str, Array], list[Array]]


@pytest.fixture(autouse=True)
def _needs_gcc(skip_unless_required):
    if shutil.which("gcc") is None:
        skip_unless_required("gcc is not there")


def off(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest entry; equal infinities and NaN differ by nothing."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    apart = np.where(same, 0, np.abs(np.where(same, 0, found) - np.where(same, 0, expected)))
    return float(
        np.max(apart, initial=0) / max(np.max(np.abs(expected), where=np.isfinite(expected), initial=0), 1e-290)
    )


class Both:
    """The NumPy module and the library of a derivation, with the same numbers."""

    def __init__(self, derived: Derivation, folder: Path, single: bool = False, scale: float = 1.0) -> None:
        self.program, self.module = derived.program, derived.numpy_target.module
        self.network: Any = self.module.NETWORK
        _, (parameters, *data) = example(self.module, SAMPLES, 0)
        kind = np.float32 if single else np.float64
        self.arrays = {name: (scale * value).astype(kind) for name, value in parameters.items()}
        self.drawn = [value.astype(kind) if value.dtype.kind == "f" else value for value in data]
        by_name = dict(zip((t.name for t in self.program.inputs), self.drawn, strict=True)) | self.arrays
        known = sizes(self.program, {n: in_axes(self.program.tensors[n], value) for n, value in by_name.items()})
        self.m = known.setdefault("m", 1)
        self.c = Library(derived, folder, single=single, **known)
        self.kept = self.module.initial_state(self.arrays) if self.program.states else {}
        self.p = self.c.fill(self.c.parameters(), self.program.parameters, self.arrays)
        self.s = self.c.fill(self.c.state(), self.program.states, self.kept)
        self.w, self.g, self.data = self.c.workspace(), self.c.parameters(), self.c.given(self.drawn)
        self.names = code_names(self.program, derived.notation).tensors

    def worst(self) -> float:
        """The largest difference of anything that is compared."""
        with np.errstate(all="ignore"):
            return max([*self.of_gradients(), *self.of_predictions(), *self.of_steps()])

    def read(self, struct: Any, tensor: Tensor) -> Array:
        return self.c.read(struct, tensor, self.m)

    def of_gradients(self) -> list[float]:
        values = self.network.values(self.arrays, self.drawn)
        slopes = self.network.gradients(self.arrays, *self.drawn, values)
        if self.program.sought:
            slopes |= self.network.input_gradients(self.arrays, *self.drawn, values)
        error = self.c.call("gradients", self.p, self.data, self.w, self.g, result=self.c.real)
        found = [off(error, float(self.network.error(self.arrays, *self.drawn, values)))]
        for statement in self.program.stage("gradient"):
            about = statement.target.about
            assert about is not None
            learned = about in self.program.parameters
            array = self.read(self.g, about) if learned else self.read(self.w, statement.target)
            found.append(off(array, slopes[about.name]))
        return found

    def of_predictions(self) -> list[float]:
        if self.program.averages:
            inputs = self.drawn[: self.network.data.passed]
            expected = {self.program.predicted: self.module.predict(self.arrays, *inputs, self.kept)}
        else:
            values = self.network.values(self.arrays, self.drawn)
            expected = {name: values[self.names[name]] for name in self.program.outputs}
        found = self.predicted(self.data, self.m)
        return [off(found[name], value) for name, value in expected.items()]

    def predicted(self, data: Any, samples: int) -> dict[str, Array]:
        """The predictions, as the NumPy module stores them."""
        outputs = [self.program.tensors[name] for name in self.program.outputs]
        arrays = []
        for member in self.c.own.outputs:
            sides = [samples if member.rows and n == 0 else self.c.side(side) for n, side in enumerate(member.sides)]
            arrays.append(np.zeros(sides, np.float32 if self.c.real is ctypes.c_float else np.float64))
        state = [self.s] if self.program.averages else []
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        assert self.c.call("predict", self.p, *state, data, self.w, *addresses, result=ctypes.c_int) == 0
        return {
            t.name: in_store(t, np.transpose(a, np.argsort(stored_axes(t))))
            for t, a in zip(outputs, arrays, strict=True)
        }

    def of_steps(self) -> list[float]:
        for _ in range(STEPS):
            before = self.network.step(self.arrays, self.kept, self.drawn, RATE)
            found = self.c.call("step", self.p, self.s, self.data, ctypes.c_double(RATE), self.w, result=self.c.real)
        arrays = [(self.read(self.p, t), self.arrays[t.name]) for t in self.program.parameters]
        arrays += [(self.read(self.s, t), self.kept[t.name]) for t in self.program.states]
        return [off(found, float(np.asarray(before))), *(off(*pair) for pair in arrays)]


@pytest.mark.parametrize("name", [n if n in SOME else pytest.param(n, marks=pytest.mark.slow) for n in EXAMPLES])
def test_examples(name, tmp_path):
    both = Both(derive(Statement.from_file(EXAMPLES[name])), tmp_path)
    assert both.c.call("check", both.p, both.data, both.w, result=ctypes.c_double) < 1e-6
    assert both.worst() < EXACT


@pytest.mark.slow
def test_truncated_recurrences(tmp_path):
    both = Both(derive(Statement.from_file(EXAMPLES["elman"], truncate=2)), tmp_path)
    assert both.c.call("check", both.p, both.data, both.w, result=ctypes.c_double) < 1e-6
    assert both.worst() < EXACT


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.slow
def test_examples_in_single_precision(name, tmp_path):
    if name == "factorisation_machine":
        pytest.skip("its bias crosses 0, where little of it is left of either")
    assert Both(derive(Statement.from_file(EXAMPLES[name])), tmp_path, single=True).worst() < SINGLE


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.slow
def test_networks_stated_by_hand(name, tmp_path):
    assert Both(derive(NETWORKS[name]()), tmp_path).worst() < EXACT


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.slow
def test_every_activation_with_every_loss(pair, tmp_path):
    derived = derivation((2, 3, 2), (pair.hidden, pair.output), *pair[2:])
    # formulas as they are stated overflow for larger ones; the cosine's slopes vanish there, but for rounding
    for scale in (1.0,) if pair.loss == "cosine" else (1.0, 300.0):
        assert Both(derived, tmp_path / f"{scale:g}", scale=scale).worst() < EXACT


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("optimizer", ["adam", *(name for name in OPTIMIZERS if name != "adam")])
@pytest.mark.sampled(100)
def test_the_steps_of_every_optimizer(optimizer, single, tmp_path):
    whole: dict[str, Any] = {"clip": 0.05, "schedule": "cosine(steps=9, warm_up=2)", "l2": 0.1}
    derived = derivation((2, 3, 2), "tanh", optimizer=optimizer, **whole, constraint="max_norm(limit=1)")
    assert Both(derived, tmp_path, single=single).worst() < (SINGLE if single else EXACT)


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "c.md").read_text(encoding="utf-8")


def test_the_program_of_the_page_runs_without_a_fault(page, tmp_path, skip_unless_required):
    target = derivation((3, 4, 4, 1), name="net").target("c")
    assert isinstance(target, CTarget)
    source = page.split("```c\n")[1].partition("```")[0]
    faults = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    made = compiled(tmp_path, target, "main", *faults, source=source)
    ran = subprocess.run([made], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n") == ["check passed", "0", "1", "1", "0", ""]
    assert page.split("```c\n")[2].partition("```")[0] in target.source
    if shutil.which("g++") is None:
        skip_unless_required("g++ is not there")
    compiled(tmp_path, target, "net.o", "-c", "-xc++", "-std=c++17")


@pytest.mark.parametrize("name", ["language_model", "causal_attention", "dropout_network", "max_pooling"])
@pytest.mark.slow
def test_examples_run_without_a_fault(name, tmp_path):
    derived = derive(Statement.from_file(EXAMPLES[name]))
    target, program = derived.target("c"), derived.program
    assert isinstance(target, CTarget)
    arrays = [
        f"static {'int' if t.places else f'{name}_real'} {m.name}[] = {{{', '.join(['1'] * 500)}}};"
        for t, m in target.own.data
    ]
    lines = [
        f'#include "{name}.h"',
        f"static {name}_workspace w; static {name}_parameters p; static {name}_state s;",
        *arrays,
        "int main(void) {",
        f"    {name}_data data = {{3, {', '.join(m.name for _, m in target.own.data)}}};",
        f"    {name}_initialise(&p, &s, 1); {name}_step(&p, &s, &data, 0.1, &w);",
        f"    return {name}_check(&p, &data, &w) != {name}_check(&p, &data, &w);",
        "}",
    ]
    assert program.inputs
    options = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    made = compiled(tmp_path, target, "main", *options, source="\n".join(lines))
    assert subprocess.run([made], check=False).returncode in (0, 1)


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Both:
    derived = derivation((2, 3, 1), "tanh", optimizer="momentum", initialisation="orthogonal", name="net")
    return Both(derived, tmp_path_factory.mktemp("c"))


def rows(both: Both, samples: int) -> tuple[Any, Array, Array]:
    """Data of any number of samples, in the struct and as arrays of the NumPy module."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(2, samples)), draw.normal(size=(1, samples))
    return both.c.given([x, y]), x, y


def test_parameters_begin_as_stated(both):
    p, s = both.c.parameters(), both.c.state()
    both.c.call("initialise", p, s, ctypes.c_uint64(3))
    w = both.read(p, both.program.parameters[0])
    assert np.max(np.abs(w.T @ w - np.eye(2))) < 1e-14
    assert s.random != 3
    again = both.c.parameters()
    both.c.call("initialise", again, s, ctypes.c_uint64(3))
    assert bytes(p) == bytes(again)
    both.c.call("initialise", again, s, ctypes.c_uint64(4))
    assert bytes(p) != bytes(again)


def test_epochs_are_the_steps_of_mini_batches(both):
    data, x, y = rows(both, 12)
    parameters = {n: v.copy() for n, v in both.arrays.items()}
    state = both.module.initial_state(parameters)
    p = both.c.fill(both.c.parameters(), both.program.parameters, parameters)
    s = both.c.state()
    arguments = (ctypes.c_int(3), ctypes.c_int(5), None, ctypes.c_double(0.1))
    found = both.c.call("fit", p, s, data, *arguments, both.w, result=ctypes.c_double)
    for _ in range(3):
        errors = [
            both.network.step(parameters, state, (x[:, k : k + 5], y[:, k : k + 5]), 0.1) for k in range(0, 12, 5)
        ]
    assert found == pytest.approx(np.mean(errors), rel=1e-12)
    assert all(off(both.read(p, t), parameters[t.name]) < EXACT for t in both.program.parameters)


def test_a_random_order_has_every_sample_once(both):
    data, *_ = rows(both, 12)
    order = (ctypes.c_int * 12)()
    p, s = both.c.parameters(), both.c.state()
    arguments = (ctypes.c_int(1), ctypes.c_int(5), order, ctypes.c_double(0.1))
    both.c.call("initialise", p, s, ctypes.c_uint64(1))
    both.c.call("fit", p, s, data, *arguments, both.w, result=ctypes.c_double)
    first = list(order)
    assert first != sorted(first) == list(range(12))
    both.c.call("fit", p, s, data, *arguments, both.w, result=ctypes.c_double)
    assert list(order) != first


def test_predictions_are_for_any_number_of_samples(both):
    data, x, _ = rows(both, 12)
    data.Y = None
    p = both.c.fill(both.c.parameters(), both.program.parameters, both.arrays)
    both.p, before = p, both.p
    (found,) = both.predicted(data, 12).values()
    both.p = before
    assert off(found, both.module.forward(both.arrays, x)) < EXACT


def test_what_is_saved_is_loaded(both):
    numbers = (ctypes.c_double * 64)()
    p, s = both.c.parameters(), both.c.state()
    both.c.call("initialise", p, s, ctypes.c_uint64(5))
    both.c.fill(
        s, both.program.states, {t.name: np.full(in_store(t, both.read(s, t)).shape, 0.5) for t in both.program.states}
    )
    both.c.call("save", p, s, numbers)
    stored = [
        both.read(struct, t).ravel()
        for struct, group in ((p, both.program.parameters), (s, both.program.states))
        for t in group
    ]
    flat = np.concatenate(stored)
    assert list(numbers)[: flat.size] == list(flat)
    other, more = both.c.parameters(), both.c.state()
    both.c.call("load", other, more, numbers)
    assert bytes(other) == bytes(p)
    assert all(np.array_equal(both.read(more, t), both.read(s, t)) for t in both.program.states)


def test_what_a_trainer_has_learned_is_loaded(both, page):
    _, x, y = rows(both, 12)
    trainer = both.module.Trainer(seed=0).fit(x.T, y.T, epochs=2, learning_rate=0.1)
    names = {"np": np, "trainer": trainer}
    exec(page.split("```python\n")[1].split("\n")[0], names)
    p, s, flat = both.c.parameters(), both.c.state(), names["numbers"].astype(np.float64)
    both.c.call("load", p, s, flat.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
    assert all(np.array_equal(both.read(p, t), trainer.parameters[t.name]) for t in both.program.parameters)
    assert all(np.array_equal(both.read(s, t), trainer.state[t.name]) for t in both.program.states)


def test_gradients_are_checked(both):
    assert both.c.call("check", both.p, both.data, both.w, result=ctypes.c_double) < 1e-8


def test_data_that_do_not_fit(both, tmp_path):
    data, *_ = rows(both, 12)
    assert np.isnan(both.c.call("error", both.p, data, both.w, result=ctypes.c_double))
    words = Both(derive(Statement.from_file(EXAMPLES["cbow"])), tmp_path)
    assert words.worst() < EXACT
    wrong = words.c.given([array + 7 if array.dtype.kind == "i" else array for array in words.drawn])
    assert np.isnan(words.c.call("error", words.p, wrong, words.w, result=ctypes.c_double))


def test_what_is_random_is_drawn_in_steps_alone(tmp_path):
    dropout = Both(derive(Statement.from_file(EXAMPLES["dropout_network"])), tmp_path)
    assert dropout.worst() < EXACT
    dropout.data.M = dropout.data.noise = None
    mask, noise = (dropout.program.tensors[name] for name in ("M", "noise"))
    dropout.c.call("error", dropout.p, dropout.data, dropout.w, result=ctypes.c_double)
    assert np.all(dropout.read(dropout.w, mask) == 0.5)
    assert not np.any(dropout.read(dropout.w, noise))
    seen = set[float]()
    for _ in range(3):
        rate = ctypes.c_double(0.1)
        dropout.c.call("step", dropout.p, dropout.s, dropout.data, rate, dropout.w, result=ctypes.c_double)
        seen |= {*dropout.read(dropout.w, mask).flat}
        assert np.all(np.abs(dropout.read(dropout.w, noise)) < 0.5)
    assert seen == {0.0, 1.0}


def test_any_name_may_be_given(tmp_path):
    text = """
    input double[3], m2[2], ξ[2]
    target int[2]
    parameter long[2, 3], exp_[2] = 1, at[2], p[2]
    constant beta = 0.5
    k[i] = sum(long[i, j] * double[j], j) + at[i] * m2[i] + ξ[i]
    i[j] = exp_[j] * tanh(k[j]) + p[j] * beta
    E = sum((int[j] - i[j])**2, j)
    """
    derived = derive(Statement(text, name="signed"))
    assert Both(derived, tmp_path).worst() < EXACT
    assert {"while", "template", "restrict", "NAN"} < KEYWORDS
    assert {"sinf", "lgamma", "y0"} < MATH


def test_lines_are_listed_with_their_equations():
    derived = derivation((3, 4, 4, 1), name="net")
    target = derived.target("c")
    listing = target.listing("package")
    numbers = [w.equation for s in listing.sections for line in s.lines for w in line if w.equation is not None]
    assert set(numbers) == {s.number for s in derived.program.statements} | {
        d.number for d in derived.program.definitions
    }
    line, code = listing.equations[derived.program.stage("factor")[-1].target.name]
    assert isinstance(target, CTarget)
    assert target.source.split("\n")[line - 1 - HEADER_LINES].strip().partition("  //")[0] == code
    assert code == "w->Psi1[u][i] = sigmoid_prime(w->Z1[u][i]) * sum[i];"


def test_the_command_writes_c(tmp_path, capsys):
    arguments = ["network", "--layers", "2,1", "--name", "net", "--target", "c", "--output", str(tmp_path)]
    assert main(arguments) == 0
    written = {path.name for path in (tmp_path / "net").iterdir()}
    assert {"net.c", "net.h", "network.toml", "derivation.tex"} <= written
    assert not any(name.endswith(".py") for name in written)
    assert "net.c" in (tmp_path / "net" / "derivation.tex").read_text(encoding="utf-8")
    assert main([*arguments[:1], "--spec", str(tmp_path / "net" / "network.toml"), *arguments[-2:], "--check"]) == 0
    capsys.readouterr()
    assert main(["check", str(tmp_path / "net")]) == 2
    assert "net.c is in C" in capsys.readouterr().err


def test_what_it_cannot_do_is_refused(tmp_path):
    with pytest.raises(StatementError, match="second derivatives"):
        derivation((2, 1), order=2).target("c").files("package")
    (tmp_path / "alone.eq").write_text("input x[3], a[3]\nq[i] = x[i] * a[i]\n", encoding="utf-8")
    alone = derive(Statement.from_file(tmp_path / "alone.eq", layer=True))
    with pytest.raises(StatementError, match="layer alone"):
        alone.target("c").files("package")


def test_options_that_do_not_fit():
    with pytest.raises(SpecError, match="form core is for target numpy"):
        Edition(target="c", form="core")
    with pytest.raises(SpecError, match="estimator"):
        Edition(target="c", estimator=True)
    with pytest.raises(SpecError, match="unknown target 'rust'"):
        Edition(target="rust")
    with pytest.raises(SpecError, match="unknown target"):
        derivation((3, 4, 4, 1), name="net").target("rust")


def test_the_warnings_are_those_of_the_page(page):
    assert "without a warning" in page
    assert {"-Wconversion", "-Werror"} < {*WARNINGS}
