"""The report of a gradient check: what it holds, and what a document may print of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from helpers import derivation

from derive.api import derive
from derive.statement.network import Network
from derive.targets.verify import COMPLEX_STEP_TOLERANCE, DIFFERENCE_TOLERANCE, GradientReport, check_gradients, loaded
from derive.text.errors import ModuleError

NETWORKS = [
    ((1, 1), "sigmoid", "mse"),
    ((3, 4, 4, 1), "sigmoid", "mse"),
    ((3, 5, 2, 4, 3), "sigmoid", "mse"),
    ((2, 3, 2), ("relu", "softmax"), "cross_entropy"),
    ((3, 1), "identity", "half_sse"),
    ("n,h,k", "tanh", "half_mse"),
]


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_the_bounds_hold_and_are_the_same_for_every_network_that_is_right(network):
    report = derivation(*network).check()
    assert report.passed
    assert report.worst <= 10.0**report.below <= COMPLEX_STEP_TOLERANCE
    assert report.worst_central <= 10.0**report.below_central <= DIFFERENCE_TOLERANCE
    assert (report.below, report.below_central) == (-13, -6)


def test_the_bounds_are_independent_of_rounding():
    """Another machine may find ten times as much, or nothing at all."""
    for factor in (0, 0.1, 1, 10):
        report = GradientReport({"W1": (2e-15 * factor, 2e-8 * factor)})
        assert (report.below, report.below_central) == (-13, -6)


def test_a_larger_error_has_a_larger_bound_and_a_wrong_gradient_none():
    assert GradientReport({"W1": (5e-13, 1e-9)}).below == -12
    for wrong in (1e-11, math.nan):
        with pytest.raises(ValueError, match="no bound"):
            GradientReport({"W1": (wrong, 1e-9)}).below  # noqa: B018
    with pytest.raises(ValueError, match="no bound"):
        GradientReport({"W1": (1e-15, 1e-3)}).below_central  # noqa: B018


def test_the_report_says_what_was_checked():
    d = derivation((3, 4, 4, 1))
    report = d.check()
    assert (report.samples, report.seed, report.layers) == (7, 0, None)
    assert report.entries == 64 // 6
    assert set(report.parameters) == {p.name for p in d.program.parameters}


def test_a_wrong_module_is_told_from_a_right_one():
    source = derivation((3, 4, 4, 1)).numpy()
    broken = source.replace("Psi1 @ X.T", "-Psi1 @ X.T")
    assert broken != source
    report = check_gradients(loaded(broken), 10)
    assert not report.passed
    assert "WRONG" in report.line()


def test_a_document_of_a_module_with_wrong_gradients_is_refused(monkeypatch):
    d = derive(Network((2, 2)))
    wrong = replace(d.numpy_target.report, parameters={"W1": (1e-3, 1e-3)})
    monkeypatch.setitem(vars(d.numpy_target), "report", wrong)
    with pytest.raises(ModuleError, match="the check of the module failed: gradients WRONG"):
        d.latex()
