"""Shared fixtures and hooks."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_flavours import kramdown_fixture  # noqa: F401
from web import chromium_fixture, mathjax_fixture, open_page_fixture  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
#: No cache: every run of the command derives, also in other processes.
os.environ["DERIVE_CACHE"] = ""
#: SciPy reads it when it is imported; without it, scikit-learn leaves out its check of other kinds of arrays.
os.environ["SCIPY_ARRAY_API"] = "1"
REQUIRED = os.environ.get("CI", "") not in ("", "0", "false")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_interrupts() -> Iterator[None]:
    """Set the SIGINT handler, which is ignored in background jobs and under nohup."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="renew the files under generated/")


#: The files whose tests take longest. They start first, so that a run does not end with one process alone.
LONGEST = (
    "test_stability.py",
    "test_markdown.py",
    "test_trainer_package.py",
    "test_random_passes.py",
    "test_latex.py",
    "test_drawing.py",
    "test_trainer_module.py",
    "test_reading_back.py",
    "test_limits.py",
    "test_named_tensors.py",
    "test_optimizers.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all but every n-th case of a test with ``sampled(n)`` as slow, and put the longest files first.

    The tests of a file run in one process, which derives each of its networks once.
    """
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    cases: Counter[str] = Counter()
    for item in items:
        mark = item.get_closest_marker("sampled")
        if mark is not None:
            name = item.nodeid.partition("[")[0]
            if cases[name] % mark.args[0]:
                item.add_marker("slow")
            cases[name] += 1
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def skip_unless_required():
    """Skip with a reason; fail instead if CI is set."""

    def skip(reason: str) -> None:
        if REQUIRED:
            pytest.fail(f"{reason}, and CI is set")
        pytest.skip(reason)

    return skip
