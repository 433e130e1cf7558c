"""The net: random passes with hostile names are refused in one sentence, or right in everything."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from random_passes import Case, cases, verdict

#: The usual run has 200 examples, always the same; a long run has as many as are asked for, from another seed.
EXAMPLES = int(os.environ.get("DERIVE_RANDOM_PASSES", "200"))
SEED = int(os.environ.get("DERIVE_RANDOM_SEED", "0"))
#: The printed page of one example in so many is read back in the usual run, and of every one in a long run.
READ = 4 if EXAMPLES == 200 else 1
PARTS = 8


@pytest.mark.parametrize("part", [pytest.param(n, marks=pytest.mark.xdist_group(f"part {n}")) for n in range(PARTS)])
def test_a_random_pass_is_refused_or_right(part):
    @seed(PARTS * SEED + part)
    @settings(
        max_examples=EXAMPLES // PARTS,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(), st.integers(1, READ))
    def check(case: Case, share: int) -> None:
        verdict(case, read=share == 1)

    check()
