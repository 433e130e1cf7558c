"""docs/trainer.md: what it shows runs and comes out as it says, and the benchmark has its places to write to."""

from __future__ import annotations

import re
import sys

import pytest
from conftest import ROOT
from markdown_flavours import github_markdown_problems

PAGE = ROOT / "docs" / "trainer.md"


def text():
    return PAGE.read_text(encoding="utf-8")


def blocks():
    return re.findall(r"```python\n(.*?)```", text(), re.DOTALL)


def test_github_shows_it():
    assert not github_markdown_problems(text())


def test_the_session_runs(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    session, compared = {}, 0
    for block in (b for b in blocks() if not b.startswith(" ")):
        exec(block, session)
        for shown, value in re.findall(r"^print\((.*)\)  # about ([\d.]+)$", block, re.MULTILINE):
            assert round(float(eval(shown, session)), len(value.partition(".")[2])) == float(value)
            compared += 1
    assert compared == 1
    source = (tmp_path / "nets" / "digits" / "network.py").read_text(encoding="utf-8")
    quoted = [b for b in blocks() if b.startswith(" ")]
    assert quoted and all(b in source for b in quoted)
    for name in [n for n in sys.modules if n == "nets" or n.startswith("nets.")]:
        del sys.modules[name]


def test_what_it_names_is_there():
    assert (PAGE.parent / "learning_curve.svg").exists()
    for named in re.findall(r"(?:docs|benchmarks)/\w+\.py", text()):
        assert (ROOT / named).exists()


def test_the_benchmark_has_its_place_and_has_filled_it():
    tables = re.findall(r"<!-- measured: \w+ -->(.*?)<!-- measured -->", text(), re.DOTALL)
    assert tables and all("| ---" in table for table in tables)
