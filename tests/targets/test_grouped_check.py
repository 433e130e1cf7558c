"""The check of a network with many parameters: a direction through several of them shows what is wrong in any."""

from __future__ import annotations

import pytest
from helpers import derivation

from derive.targets import verify
from derive.targets.verify import check_gradients, loaded

LAYERS = (3, 5, 2, 4, 3)
PARAMETERS = [f"{letter}{layer}" for layer in range(1, len(LAYERS)) for letter in "Wb"]


@pytest.fixture
def few_groups(monkeypatch):
    """Three directions for the eight parameters."""
    monkeypatch.setattr(verify, "ENTRIES", 3)


@pytest.fixture
def module(few_groups):
    return loaded(derivation(LAYERS, "tanh", "mse").numpy_target.rendered.linked)


def test_parameters_share_directions_and_each_has_a_row(module):
    report = check_gradients(module, 0)
    assert report.passed
    assert (report.together, report.slopes) == (3, 3)
    assert [*report.parameters] == [*module.NETWORK.shapes] and set(report.parameters) == set(PARAMETERS)
    assert 0 < report.worst < 1e-13 and report.worst_central < 1e-6


@pytest.mark.parametrize("wrong", PARAMETERS)
def test_a_small_error_in_any_parameter_is_seen_and_named(module, wrong, monkeypatch):
    right = module.NETWORK.gradients

    def gradients(*given):
        found = right(*given)
        return found | {wrong: found[wrong] * (1 + 1e-10)}

    monkeypatch.setattr(module.NETWORK, "gradients", gradients)
    report = check_gradients(module, 0)
    assert report.together == 3 and report.slopes < len(PARAMETERS)  # groups, then the members of the wrong one
    assert [name for name, (off, _) in report.parameters.items() if off > 1e-12] == [wrong]


def test_a_small_gradient_is_judged_by_its_own_size(module, monkeypatch):
    """Beside a gradient a hundred times as large, an error of a ten-billionth of it is still seen."""
    network, right = module.NETWORK, module.NETWORK.gradients
    drawn = module.example(7, 0)
    sizes = {name: abs(value).max() for name, value in network.differentiated(*drawn).items()}
    least, most = min(sizes, key=sizes.get), max(sizes, key=sizes.get)
    assert sizes[least] < sizes[most] / 3
    monkeypatch.setattr(verify, "ENTRIES", 1)
    assert check_gradients(module, 0).together == len(PARAMETERS)

    def gradients(*given):
        found = right(*given)
        return found | {least: found[least] * (1 + 1e-10)}

    monkeypatch.setattr(network, "gradients", gradients)
    assert not check_gradients(module, 0).right


def test_the_number_of_passes_is_independent_of_the_number_of_parameters(monkeypatch):
    """They are as many for eight parameters as for the four of the first two layers."""
    monkeypatch.setattr(verify, "ENTRIES", 2)
    counted = []
    for wide in (LAYERS, LAYERS[:3]):
        module = loaded(derivation(wide, "tanh", "mse").numpy_target.rendered.linked)
        network, forward = module.NETWORK, module.NETWORK.forward

        def counting(*given, wide=wide, forward=forward):
            counted.append(wide)
            return forward(*given)

        monkeypatch.setattr(network, "forward", counting)
        check_gradients(module, 0)
    assert counted.count(LAYERS) == counted.count(LAYERS[:3])


def test_the_document_says_that_parameters_share_a_direction(few_groups, monkeypatch):
    monkeypatch.setattr(verify, "ENTRYWISE", 0)
    text = derivation(LAYERS, "tanh", "mse").latex(only="check")
    assert "along one random direction in each group of up to 3 parameter arrays" in " ".join(text.split())


def test_a_gradient_lost_in_the_rounding_of_another_has_a_direction_of_its_own(few_groups, monkeypatch):
    module = loaded(derivation((2, *[3] * 20, 1), "sigmoid", "mse").numpy_target.rendered.linked)
    network, right = module.NETWORK, module.NETWORK.gradients
    sizes = {name: abs(value).max() for name, value in network.differentiated(*module.example(7, 0)).items()}
    assert sizes["W1"] < 1e-12 * max(sizes.values())
    report = check_gradients(module, 0)
    assert report.passed and report.together == 14

    def gradients(*given):
        found = right(*given)
        return found | {"W1": 1.001 * found["W1"]}

    monkeypatch.setattr(network, "gradients", gradients)
    report = check_gradients(module, 0)
    assert [name for name, (off, _) in report.parameters.items() if off > 1e-12] == ["W1"]
