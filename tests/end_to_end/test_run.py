"""The configuration that keeps the test run short."""

from __future__ import annotations

import pytest


def test_the_tests_of_a_file_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """With ``--dist loadgroup`` a test goes to the process of its group, which pytest-xdist reads from its name."""
    grouped = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@test_run.py") == grouped
