"""The net: random passes with hostile names are refused in one sentence, or right in everything."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from random_passes import cases, verdict

EXAMPLES = int(os.environ.get("DERIVE_RANDOM_PASSES", "200"))


# not in the usual run until 200 examples have been seen green with the page read back
@pytest.mark.slow
# the same examples each time, but for a long run
@settings(max_examples=EXAMPLES, derandomize=EXAMPLES == 200, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_a_random_pass_is_refused_or_right(case):
    verdict(case)
