"""Random passes with hostile names are refused in one sentence, or right in all results."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from random_passes import Case, cases, verdict

#: The usual run has 24 examples, a slow one 200; a long run has as many as are asked for, from a seed that is chosen.
ASKED = os.environ.get("DERIVE_RANDOM_PASSES")
SEED = int(os.environ.get("DERIVE_RANDOM_SEED", "0"))
PARTS = [pytest.param(n, marks=pytest.mark.xdist_group(f"part {n}")) for n in range(8)]


def check(part: int, examples: int, first: int, read: int) -> None:
    """Judge a part of the examples of a seed; the page of one in ``read`` is read back."""

    @seed(len(PARTS) * first + part)
    @settings(
        max_examples=examples // len(PARTS),
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(), st.integers(1, read))
    def judged(case: Case, share: int) -> None:
        verdict(case, read=share == 1)

    judged()


@pytest.mark.parametrize("part", PARTS)
def test_a_random_pass_is_refused_or_right(part: int) -> None:
    check(part, int(ASKED or 24), SEED, 1 if ASKED else 4)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_two_hundred_random_passes_are_refused_or_right(part: int) -> None:
    check(part, 200, 1, 4)
