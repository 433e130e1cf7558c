"""The equations outside their functions: every equation once, with the lines that it needs."""

from __future__ import annotations

import pytest
from helpers import derivation, load

ADAM = {"optimizer": "adam", "clip": 1.0, "schedule": "cosine(steps=100)", "l2": 0.01}


@pytest.mark.parametrize("learning", [{}, {"optimizer": "momentum"}, ADAM])
def test_the_lines_compute_what_the_module_computes(learning):
    made = derivation((3, 4, 2), "tanh,softmax", "cross_entropy", **learning)
    module, script = load(made.numpy()), made.numpy_target.script()
    assert [*script.assignments] == [s.target.stored.name for s in made.program.statements]
    parameters, x, y = module.example()
    expected, state = {n: a.copy() for n, a in parameters.items()}, module.NETWORK.initial_state(parameters)
    names = {**vars(module), "parameters": parameters, "X": x, "Y": y, "learning_rate": 0.1, "state": state}
    lines = [f"{a.before}{a.code}\n" for a in script.assignments.values()]
    first = next(n for n, line in enumerate(lines) if "parameters" in line or "state" in line)
    exec("\n".join([script.functions, script.names, *lines[:first], script.slopes, *lines[first:]]), names)
    module.update(expected, x, y, 0.1, *([module.NETWORK.initial_state(expected)] if state else []))
    assert all((parameters[name] == expected[name]).all() for name in expected)


def test_what_is_filled_in_place_is_named_without_its_entries():
    found = derivation((3, 1), optimizer="adam").numpy_target.script().assignments.values()
    targets = {a.name: a for a in found}
    assert targets["W1"].target == 'parameters["W1"]' and targets["W1"].code.startswith('parameters["W1"] -=')
    (mean,) = [a for a in found if a.before.startswith("mean_W1 =") or "mean_W1[...]" in a.code]
    assert mean.target == mean.name == "mean_W1" and mean.before == 'mean_W1 = state["mean_W1"]\n'
