"""The public behaviour of the generated module: errors, side effects and representation."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from helpers import derivation, load, module_of
from networks import NETWORKS

from derive.api import derive
from derive.paper.notation import NOTATIONS
from derive.statement.network import Network

LAYERS = (3, 5, 2)
NET = (LAYERS, "tanh,sigmoid", "half_mse")
X = np.linspace(-1, 1, 12).reshape(3, 4)
Y = np.linspace(0.1, 0.9, 8).reshape(2, 4)


@pytest.fixture
def module() -> ModuleType:
    return module_of(*NET)


@pytest.fixture
def parameters(module: ModuleType) -> dict[str, Any]:
    return module.initial_parameters(seed=1)


def entry(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed[1, 2] = value
    return changed


WRONG_DATA: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "a vector": (X[0], Y, ValueError, r"X has shape \(4,\); expected \(3, samples\)"),
    "a number": (1.5, Y, ValueError, r"X has shape \(\); expected \(3, samples\)"),
    "three axes": (X[None], Y, ValueError, r"X has shape \(1, 3, 4\); expected \(3, samples\)"),
    "a feature too few": (X[:2], Y, ValueError, r"X has shape \(2, 4\); expected \(3, samples\)"),
    "a feature too many": (np.ones((7, 4)), Y, ValueError, r"X has shape \(7, 4\); expected \(3, samples\)"),
    "samples as rows": (X.T, Y, ValueError, r"X has shape \(4, 3\).*samples are columns"),
    "no samples": (X[:, :0], Y[:, :0], ValueError, "X has no samples; expected at least one"),
    "NaN": (entry(X, np.nan), Y, ValueError, "X holds NaN"),
    "inf": (entry(X, np.inf), Y, ValueError, "X holds .*infinite"),
    "-inf": (entry(X, -np.inf), Y, ValueError, "X holds .*infinite"),
    "objects": ([[object()] * len(x) for x in X], Y, TypeError, "X must hold real numbers, not object"),
    "text": (X.astype(str), Y, TypeError, "X must hold real numbers, not text"),
    "complex numbers": (X + 0j, Y, TypeError, "X must hold real numbers, not complex128"),
    "dates": (X.astype("datetime64[s]"), Y, TypeError, "X must hold real numbers, not datetime64"),
    "None": (None, Y, TypeError, "X must hold real numbers, not None"),
    "ragged": ([[1.0, 2.0], [3.0]], Y, ValueError, "X is not a rectangular array"),
    "targets, wrong rows": (X, Y[:1], ValueError, r"Y has shape \(1, 4\); expected \(2, samples\)"),
    "targets as rows": (X, Y.T, ValueError, r"Y has shape \(4, 2\).*samples are columns"),
    "targets, NaN": (X, entry(Y, np.nan), ValueError, "Y holds NaN"),
    "targets, text": (X, Y.astype(str), TypeError, "Y must hold real numbers"),
    "fewer targets": (X, Y[:, :3], ValueError, "X has 4 samples and Y has 3"),
}


@pytest.mark.parametrize("function", ["error", "gradients", "update"])
@pytest.mark.parametrize("name", WRONG_DATA)
def test_wrong_data_are_refused_and_nothing_changes(module, parameters, name, function):
    x, y, kind, message = WRONG_DATA[name]
    before = {n: v.copy() for n, v in parameters.items()}
    more = (0.1,) if function == "update" else ()
    with pytest.raises(kind, match=message):
        getattr(module, function)(parameters, x, y, *more)
    assert all(np.array_equal(parameters[n], before[n]) for n in before)


@pytest.mark.parametrize("name", [n for n in WRONG_DATA if "targets" not in n])
def test_forward_refuses_the_same(module, parameters, name):
    x, _, kind, message = WRONG_DATA[name]
    with pytest.raises(kind, match=message):
        module.forward(parameters, x)


def without(name: str) -> Callable[[dict], None]:
    return lambda p: p.pop(name)


def setting(name: str, change: Callable[[np.ndarray], Any]) -> Callable[[dict], None]:
    return lambda p: p.__setitem__(name, change(p["W1"] if name == "V9" else p[name]))


WRONG_PARAMETERS: dict[str, tuple[Callable[[dict], None], type[Exception], str]] = {
    "missing": (without("b2"), ValueError, '"b2" is missing; expected W1, b1, W2, b2'),
    "unknown": (setting("V9", lambda w: w), ValueError, 'unknown parameter "V9"; expected W1, b1, W2, b2'),
    "transposed": (setting("W1", lambda w: w.T), ValueError, r'"W1" has shape \(3, 5\); expected \(5, 3\)'),
    "a row": (setting("b1", lambda b: b.T), ValueError, r'"b1" has shape \(1, 5\); expected \(5, 1\)'),
    "flat": (setting("b1", lambda b: b[:, 0]), TypeError, r'"b1" must be a two-dim.*shape \(5,\)'),
    "a list": (setting("W2", lambda w: w.tolist()), TypeError, '"W2" must be a two-dimensional array, not list'),
    "NaN": (setting("W1", lambda w: entry(w, np.nan)), ValueError, '"W1" holds NaN'),
    "inf": (setting("W1", lambda w: entry(w, np.inf)), ValueError, '"W1" holds .*infinite'),
    "integers": (setting("W1", lambda w: w.astype(int)), TypeError, '"W1" must hold float64 numbers, not int64'),
    "complex": (setting("W1", lambda w: w + 0j), TypeError, '"W1" must hold float64 numbers, not complex128'),
    "objects": (setting("W1", lambda w: w.astype(object)), TypeError, '"W1" must hold float64 numbers, not object'),
}


@pytest.mark.parametrize("name", WRONG_PARAMETERS)
def test_wrong_parameters_are_refused(module, parameters, name):
    spoil, kind, message = WRONG_PARAMETERS[name]
    spoil(parameters)
    for call in (
        lambda: module.forward(parameters, X),
        lambda: module.error(parameters, X, Y),
        lambda: module.gradients(parameters, X, Y),
        lambda: module.update(parameters, X, Y, 0.1),
    ):
        with pytest.raises(kind, match=message):
            call()


@pytest.mark.parametrize(
    ("rate", "kind", "message"),
    [
        (-0.1, ValueError, "learning_rate is -0.1; expected a finite number that is not negative"),
        (np.nan, ValueError, "learning_rate is nan"),
        (np.inf, ValueError, "learning_rate is inf"),
        (True, TypeError, "learning_rate must be a number, not bool True"),
        ("0.1", TypeError, "learning_rate must be a number, not str '0.1'"),
        (1j, TypeError, "learning_rate must be a number, not complex"),
        (np.ones((2, 2)), TypeError, r"learning_rate must be a number, not an array of shape \(2, 2\)"),
    ],
)
def test_a_wrong_learning_rate_is_refused_and_nothing_changes(module, parameters, rate, kind, message):
    before = {n: v.copy() for n, v in parameters.items()}
    with pytest.raises(kind, match=message):
        module.update(parameters, X, Y, rate)
    assert all(np.array_equal(parameters[n], before[n]) for n in before)
    with pytest.raises(kind, match=message):
        module.Trainer(parameters).fit(X.T, Y.T, learning_rate=rate)


def test_a_read_only_parameter_is_refused_before_any_changes(module, parameters):
    parameters["b2"].flags.writeable = False
    before = parameters["W1"].copy()
    with pytest.raises(ValueError, match='"b2" is read-only'):
        module.update(parameters, X, Y, 0.1)
    assert np.array_equal(parameters["W1"], before)
    assert np.isfinite(module.error(parameters, X, Y))


@pytest.mark.parametrize("kind", [int, bool, np.float32, np.uint8])
def test_other_real_numbers_are_converted(module, parameters, kind):
    x = (X > 0).astype(kind)
    assert module.error(parameters, x, Y) == module.error(parameters, x.astype(float), Y)
    assert module.forward(parameters, x.tolist()).dtype == np.float64


def test_data_are_left_alone(module, parameters):
    x, y = X.copy(), Y.copy()
    module.update(parameters, x, y, 0.5)
    assert np.array_equal(x, X) and np.array_equal(y, Y)


def test_an_update_is_in_place_and_against_the_gradient(module, parameters):
    arrays = dict(parameters)
    before = {n: v.copy() for n, v in parameters.items()}
    gradients = module.gradients(parameters, X, Y)
    error = module.error(parameters, X, Y)
    assert module.update(parameters, X, Y, 0.25) == error
    for name, value in parameters.items():
        assert value is arrays[name]
        assert np.array_equal(value, before[name] - 0.25 * gradients[name])
    assert module.error(parameters, X, Y) < error


OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.sampled(3)
def test_an_update_that_overflows_changes_nothing(optimizer, dtype):
    """Finite numbers of any size: the step is taken, or the parameters and the state are what they were."""
    module = module_of((3, 5, 2), "identity", "sse", optimizer=optimizer)
    parameters = {name: value.astype(dtype) for name, value in module.initial_parameters(seed=1).items()}
    state = [module.initial_state(parameters)] if hasattr(module, "initial_state") else []
    held = [array for part in (parameters, *state) for array in part.values()]
    module.update(parameters, X, Y, 0.01, *state)
    refused = 0
    largest = float(np.finfo(dtype).max)
    for scale, rate in ((1e10, 0.1), (1e30, 0.1), (largest**0.5, 1e3), (largest / 2, 0.1), (1, 1e300), (1, 0.1)):
        before = [array.copy() for array in held]
        try:
            error = module.update(parameters, X * scale, Y, rate, *state)
        except ArithmeticError as said:
            refused += 1
            assert str(said).endswith("nothing has changed") and "\n" not in str(said)
            assert all(map(np.array_equal, held, before))
        else:
            assert np.isfinite(error) and any(not np.array_equal(a, b) for a, b in zip(held, before, strict=True))
        assert all(np.isfinite(array).all() for array in held)
        now = [array for part in (parameters, *state) for array in part.values()]
        assert all(a is b for a, b in zip(now, held, strict=True)), "changed in place"
    assert refused


def test_an_update_by_nothing_changes_nothing(module, parameters):
    before = {n: v.copy() for n, v in parameters.items()}
    module.update(parameters, X, Y, 0)
    assert all(np.array_equal(parameters[n], before[n]) for n in before)


@pytest.mark.parametrize("bias", ["separate", "augmented", "none"])
@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.sampled(4)
def test_every_way_of_writing_steps_alike(bias, notation):
    """Also where the factor points downhill, the step is W - eta dE/dW."""
    one, other = (module_of(*NET, bias, n) for n in ("psi", notation))
    p, q = one.initial_parameters(seed=3), other.initial_parameters(seed=3)
    assert one.update(p, X, Y, 0.3) == pytest.approx(other.update(q, X, Y, 0.3), rel=1e-15)
    assert list(p) == list(q)
    for name in p:
        assert np.allclose(p[name], q[name], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("bias", "shapes"),
    [
        ("separate", {"W1": (5, 3), "b1": (5, 1), "W2": (2, 5), "b2": (2, 1)}),
        ("augmented", {"W1": (5, 4), "W2": (2, 6)}),
        ("none", {"W1": (5, 3), "W2": (2, 5)}),
    ],
)
def test_initial_parameters(bias, shapes):
    module = module_of(*NET, bias)
    parameters = module.initial_parameters(seed=4)
    assert {n: v.shape for n, v in parameters.items()} == shapes
    assert all(v.dtype == np.float64 for v in parameters.values())
    limit = np.sqrt(6 / 8)
    weights = parameters["W1"][:, 1:] if bias == "augmented" else parameters["W1"]
    assert 0 < np.abs(weights).min() and np.abs(weights).max() <= limit
    biases = parameters["W1"][:, 0] if bias == "augmented" else parameters.get("b1", np.zeros(1))
    assert not np.any(biases)
    same, other = module.initial_parameters(seed=4), module.initial_parameters(seed=5)
    assert all(np.array_equal(parameters[n], same[n]) for n in shapes)
    assert not np.array_equal(parameters["W1"], other["W1"])
    assert np.array_equal(module.initial_parameters()["W1"], module.initial_parameters(0)["W1"])


def test_named_widths_are_asked_for():
    module = module_of("n,h,k", "tanh,sigmoid", "half_mse")
    parameters = module.initial_parameters(n=3, h=5, k=2)
    assert {n: v.shape for n, v in parameters.items()} == {"W1": (5, 3), "b1": (5, 1), "W2": (2, 5), "b2": (2, 1)}
    assert np.isfinite(module.error(parameters, X, Y))
    parameters["b1"] = np.zeros((4, 1))
    with pytest.raises(ValueError, match=r'"b1" has shape \(4, 1\); expected \(5, 1\)'):
        module.error(parameters, X, Y)
    for wrong, kind in ((0, ValueError), (-1, ValueError), (2.5, TypeError), (True, TypeError)):
        with pytest.raises(kind, match="h"):
            module.initial_parameters(n=3, h=wrong, k=2)


# The trainer.


def test_the_trainer_takes_samples_as_rows(module):
    trainer = module.Trainer(seed=2)
    assert trainer.fit(X.T, Y.T, epochs=3, learning_rate=0.2) is trainer
    assert trainer.predict(X.T).shape == (4, 2)
    assert np.array_equal(trainer.predict(X.T), module.forward(trainer.parameters, X).T)
    assert len(trainer.history) == 3


def test_a_full_batch_is_an_update(module):
    trainer = module.Trainer(seed=2)
    parameters = module.initial_parameters(seed=2)
    trainer.fit(X.T, Y.T, epochs=4, learning_rate=0.2)
    errors = [module.update(parameters, X, Y, 0.2) for _ in range(4)]
    assert np.allclose(trainer.history, errors, rtol=1e-14)
    assert all(np.allclose(trainer.parameters[n], parameters[n], rtol=1e-13) for n in parameters)


def test_the_same_seed_gives_the_same_bits(module):
    def trained(seed: int) -> list[bytes]:
        trainer = module.Trainer(seed=1).fit(X.T, Y.T, epochs=5, learning_rate=0.2, batch_size=3, seed=seed)
        return [v.tobytes() for v in trainer.parameters.values()]

    assert trained(7) == trained(7)
    assert trained(7) != trained(8)


@pytest.mark.parametrize(("size", "steps"), [(None, 1), (1, 4), (3, 2), (4, 1)])
def test_every_sample_is_seen_once_an_epoch(module, size, steps):
    trainer = module.Trainer().fit(X.T, Y.T, epochs=2, learning_rate=0.1, batch_size=size)
    assert len(trainer.history) == 2 * steps


def test_training_lowers_the_error(module):
    trainer = module.Trainer(seed=0).fit(X.T, Y.T, epochs=300, learning_rate=1.0)
    assert trainer.history[-1] < 0.1 * trainer.history[0]


def test_parameters_that_are_given_are_copied(module, parameters):
    before = {n: v.copy() for n, v in parameters.items()}
    trainer = module.Trainer(parameters).fit(X.T, Y.T, epochs=1)
    assert all(np.array_equal(parameters[n], before[n]) for n in before)
    assert not np.array_equal(trainer.parameters["W1"], before["W1"])


@pytest.mark.parametrize(
    ("x", "y", "options", "kind", "message"),
    [
        (X, Y.T, {}, ValueError, r"X has shape \(3, 4\); expected \(samples, 3\).*samples are rows"),
        (X.T, Y, {}, ValueError, r"Y has shape \(2, 4\); expected \(samples, 2\).*samples are rows"),
        (X.T, Y.T[:3], {}, ValueError, "4 samples and Y has 3"),
        (X.T[0], Y.T, {}, ValueError, r"X has shape \(3,\)"),
        (X.T.astype(str), Y.T, {}, TypeError, "X must hold real numbers"),
        (X.T, Y.T, {"epochs": 0}, ValueError, "epochs is 0; expected at least 1"),
        (X.T, Y.T, {"epochs": 1.5}, TypeError, "epochs must be an integer, not float 1.5"),
        (X.T, Y.T, {"batch_size": 0}, ValueError, "batch_size is 0; expected at least 1"),
        (X.T, Y.T, {"batch_size": True}, TypeError, "batch_size must be an integer, not bool True"),
    ],
)
def test_the_trainer_refuses_before_the_first_step(module, x, y, options, kind, message):
    trainer = module.Trainer(seed=1)
    before = {n: v.copy() for n, v in trainer.parameters.items()}
    with pytest.raises(kind, match=message):
        trainer.fit(x, y, **options)
    assert not trainer.history
    assert all(np.array_equal(trainer.parameters[n], before[n]) for n in before)


def test_an_infinite_error_is_reported():
    module = module_of((3, 2), "identity", "sse")
    trainer = module.Trainer()
    with pytest.raises(ArithmeticError, match="learning rate"), np.errstate(all="ignore"):
        trainer.fit(X.T, Y.T, epochs=2000, learning_rate=1e3)


def test_one_output_may_be_a_list_of_numbers():
    module = module_of((3, 1), "sigmoid", "binary_cross_entropy")
    flat, column = (module.Trainer().fit(X.T, y, epochs=2) for y in ([0, 1, 1, 0], np.array([[0], [1], [1], [0]])))
    assert np.array_equal(flat.parameters["W1"], column.parameters["W1"])


def test_targets_of_classes_must_sum_to_one():
    module = module_of((3, 4, 2), "tanh,softmax", "cross_entropy")
    parameters = module.initial_parameters()
    with pytest.raises(ValueError, match="sum to 1"):
        module.error(parameters, X, Y)
    assert module.error(parameters, X, Y / Y.sum(axis=0)) > 0


def test_the_representation_of_the_trainer(module):
    words = 'layers=(3, 5, 2), activation="tanh, sigmoid", loss="half_mse", optimizer="sgd"'
    assert repr(module.Trainer()) == f"Trainer({words}, dtype=float64, parameters=32, steps=0)"
    named = module_of("n,h,k", "tanh").Trainer(n=3, h=5, k=2, dtype=np.float32).fit(X.T, Y.T, epochs=3)
    words = 'layers=(3, 5, 2), activation="tanh", loss="mse", optimizer="sgd"'
    assert repr(named) == f"Trainer({words}, dtype=float32, parameters=32, steps=3)"
    deep = module_of((3, *(4,) * 20, 1)).Trainer()
    assert "layers=(3, 4, 4, 4, 4, ..., 4, 1)" in repr(deep)


def test_the_representation_without_a_specification():
    module = load(derive(NETWORKS["residual"]()).numpy())
    trainer = module.Trainer()
    count = sum(value.size for value in trainer.parameters.values())
    assert repr(trainer) == f"Trainer(dtype=float64, parameters={count}, steps=0)"


# The file itself.


def run(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    file = folder / "trainer.py"
    file.write_text(source, encoding="utf-8")
    return subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize(
    "net",
    [
        NET,
        ("n,h,k", "softplus,softmax", "cross_entropy", "augmented", "bracket"),
        ((4, 1), "relu", "mse", "none", "delta"),
    ],
)
def test_it_checks_itself(net, tmp_path):
    done = run(tmp_path, derivation(*net).numpy())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The gradients are right." in done.stdout and not done.stderr


MUTATIONS = {
    "a derivative factor dropped": (" * tanh_prime(Z1)", ""),
    "a transpose dropped": ("W2.T @", "W2 @"),
    "a wrong tensor": ("Psi2 @ A1.T", "Psi2 @ Z1.T"),
    "a sign": ("    Psi2 = ", "    Psi2 = -1 * "),
    "a mean forgotten": (" / m  # (9)", "  # (9)"),
    "a sum over the samples forgotten": ("np.sum(Psi2, axis=1, keepdims=True)", "Psi2[:, :1]"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_line_that_was_changed_is_noticed(name, tmp_path):
    old, new = MUTATIONS[name]
    source = derivation(*NET).numpy()
    if name == "a mean forgotten":
        (line,) = [row for row in readable(source).splitlines() if row.strip().startswith("Psi2 = ")]
        old, new = line, line.replace(" / m", "")
    assert readable(source).count(old) == 1 and old != new
    done = run(tmp_path, source.replace(old, new, 1))
    assert done.returncode == 1, done.stdout


def readable(source: str) -> str:
    """The module without its second rendering, which has lines for the same equations."""
    return source[source.index("\nNETWORK = ") : source.index("def straight_line(")]


def mutants(line: str) -> list[str]:
    """Every line that one slip makes of a line: a transpose, a factor, a sign or a layer wrong."""
    code, number = line.rsplit("  #", 1)
    found = [code.replace(".T", "", 1)] if ".T" in code else []
    found += [code.replace(" - ", " + ", 1)] if " - " in code else []
    found += [re.sub(r" \* \w+\(\w+\)", "", code)] if re.search(r" \* \w+\(\w+\)", code) else []
    found += [re.sub(r" / m\b", "", code)] if re.search(r" / m\b", code) else []
    head, tail = code.split(" = ", 1)
    swapped = tail.replace("A1", "A2") if "A1" in tail else tail.replace("A2", "A1")
    found += [f"{head} = {swapped}"] if swapped != tail else []
    found += [f"{head} = 1.0000001 * ({tail})", f"{head} = -({tail})"]
    return [f"{row}  #{number}" for row in found if row != code]


def test_every_mutation_of_every_line_is_noticed():
    """Square layers too, where a lost transpose changes no shape; a factor off by 1e-7 as well."""
    source = derivation((3, 4, 4, 4), "tanh", "half_mse").numpy()
    rows = source.splitlines()
    numbered = [n for n, row in enumerate(rows) if re.search(r"\w+ = .*  # \(\d+\)$", row) and "parameters[" not in row]
    begin = next(n for n, row in enumerate(rows) if row.startswith("def gradients"))
    tried = 0
    for n in (n for n in numbered if n > begin):
        for mutant in mutants(rows[n]):
            tried += 1
            assert not passes("\n".join([*rows[:n], mutant, *rows[n + 1 :]])), mutant
    assert tried > 20


def passes(source: str) -> bool:
    module = load(source)
    try:
        report = module.check_gradients(*module.example(), entries=2)
        apart = module.check_steps(*module.example())
    except (ValueError, NameError):
        return False
    return apart <= 1e-12 and all(c <= 1e-12 and d <= 1e-6 for c, d in report.values())


NETS = [
    NET,
    ((3, 4, 2), "relu,softmax", "cross_entropy", "augmented", "delta"),
    ("n,h,k", "softplus,sigmoid", "binary_cross_entropy", "none", "bracket"),
]


@pytest.mark.parametrize("net", NETS)
def test_it_imports_numpy_and_the_standard_library_only(net):
    tree = ast.parse(derivation(*net).numpy())
    modules = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    modules |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    outside = {m.split(".")[0] for m in modules} - set(sys.stdlib_module_names)
    assert outside == {"numpy"}


#: The functions that compute equations line by line.
CORE = ("forward", "error", "gradients", "update")


@pytest.mark.parametrize("net", NETS)
def test_every_equation_carries_its_number(net):
    """Each number is the program's, stands at the lines of its tensors, and at no other tensor's.

    A helper that a line calls may carry the line's number.
    """
    derived = derivation(*net)
    program, notation = derived.program, derived.notation
    names = {d.number: {d.function.title} for d in program.definitions}
    for statement in program.statements:
        names.setdefault(statement.number, set()).add(notation.code_name(statement.target))
    found: dict[int, set[str]] = {}
    source = derived.target().files("package")["network.py"]
    rows = source.splitlines()
    for function in (n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)):
        for statement in function.body:
            match = re.search(r"  # \((\d+)\)$", rows[statement.end_lineno - 1])
            if match:
                target = re.split(r" [-+]?= ", rows[statement.lineno - 1].strip())[0]
                target = target if function.name in CORE else function.name
                target = re.sub(r'parameters\["(\w+)"\]', r"\1", target)
                found.setdefault(int(match[1]), set()).add(target)
    for number, targets in found.items():
        calls = " ".join(row for row in rows if row.endswith(f"  # ({number})"))
        helpers = {t for t in targets - names[number] if re.search(rf"\b{t}\(", calls)}
        assert targets - helpers == names[number]
    assert set(found) == set(names)


@pytest.mark.parametrize("net", NETS)
def test_no_line_computes_without_a_number(net):
    """In the functions that compute the equations, what has no number unpacks a value or a width."""
    tree = ast.parse(derivation(*net).numpy())
    rows = derivation(*net).numpy().splitlines()
    for part in tree.body:
        if isinstance(part, ast.FunctionDef) and part.name in ("forward", "error", "gradients"):
            for statement in part.body:
                if isinstance(statement, ast.Assign) and "  # (" not in rows[statement.lineno - 1]:
                    assert not any(isinstance(n, ast.Call | ast.BinOp) for n in ast.walk(statement.value)), statement


def test_it_is_the_same_text_every_time():
    texts = {derive(Network(LAYERS, "tanh,sigmoid", "half_mse")).numpy() for _ in range(3)}
    assert len(texts) == 1
