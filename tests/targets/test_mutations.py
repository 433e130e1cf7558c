"""The check detects every mutant of a numbered line.

A mutant that the check passes must compute the same numbers as the module wherever it is
tried, at many random points and far out; then it is no fault.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from helpers import altered, load
from mutants import Mutant, mutants, same_numbers
from networks import NETWORKS

from derive.api import Derivation, derive
from derive.calculus.forward import ForwardPass
from derive.statement.network import Network
from derive.targets.verify import check_rendered
from derive.text.errors import ModuleError

MODULES: dict[str, Callable[[], Network | ForwardPass]] = {
    "sigmoid": lambda: Network((3, 4, 4, 1)),
    "softmax": lambda: Network((3, 4, 3), ("tanh", "softmax"), "cross_entropy", optimizer="adam", l2=0.01),
    "augmented": lambda: Network((3, 4, 2), "relu", "huber", "augmented"),
    "gelu": lambda: Network((3, 4, 2), ("gelu", "identity"), "hinge"),
    "named widths": lambda: Network(
        "n,h,k",
        ("tanh", "sigmoid"),
        "binary_cross_entropy",
        clip=1,
        schedule="cosine(steps=100,warm_up=10)",
    ),
    "residual": NETWORKS["residual"],
}
#: How many of the mutants of a module are tried where not all are.
SOME = 14


class Tried(NamedTuple):
    """How many mutants were found, those that compute the same, and those that went unnoticed."""

    found: int
    equivalent: list[str]
    unnoticed: list[str]


def tried(d: Derivation, chosen: list[Mutant]) -> Tried:
    original, found = load(d.numpy_target.rendered.linked), 0
    equivalent, unnoticed = [], []
    for mutant in chosen:
        if noticed(d, mutant):
            found += 1
        else:
            same = same_numbers(original, load(mutant.source))
            (equivalent if same else unnoticed).append(str(mutant))
    return Tried(found, equivalent, unnoticed)


def noticed(d: Derivation, mutant: Mutant) -> bool:
    rendered = d.numpy_target.rendered
    try:
        mutated = altered(rendered, rendered.linked, mutant.source)
        return not check_rendered(mutated, d.program, d.notation).passed
    except ModuleError:
        return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
@pytest.mark.sampled(3)
def test_sampled_mutants_are_detected(name):
    """Some of the mutants of a module, others in each function."""
    d = derive(MODULES[name]())
    every = list(mutants(d.numpy_target.rendered.linked))
    seed = int(os.environ.get("MUTATION_SEED", "0"))
    some = np.random.default_rng(seed).choice(len(every), SOME, replace=False)
    result = tried(d, [every[n] for n in some])
    assert not result.unnoticed
    assert result.found > SOME * 0.7


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
def test_all_mutants_are_detected(name):
    """Every mutant of every numbered line; few compute the same."""
    d = derive(MODULES[name]())
    every = list(mutants(d.numpy_target.rendered.linked))
    result = tried(d, every)
    print(f"{name}: {len(every)} mutants, {result.found} found, {len(result.equivalent)} equivalent")
    assert not result.unnoticed
    assert len(result.equivalent) <= 0.05 * len(every), result.equivalent


def test_every_numbered_line_has_mutants():
    source = derive(MODULES["sigmoid"]()).numpy_target.rendered.linked
    numbered = {row.rsplit("  # ", 1)[1] for row in source.split("\n") if "  # (" in row}
    changed = {m.line.rsplit("  # ", 1)[1] for m in mutants(source)}
    assert numbered == changed >= {f"({number})" for number in range(1, 20)}


def test_nothing_but_numbered_lines_is_changed():
    """The runtime, which has no numbered lines, stays as it is in a module of one file too."""
    d = derive(MODULES["sigmoid"]())
    one_file = [m.line for m in mutants(d.numpy_target.rendered.source)]
    assert one_file == [m.line for m in mutants(d.numpy_target.rendered.linked)]
    assert all("  # (" in line for line in one_file)
