"""docs/your-own-equations.md: its text is derived, its message is given, and its training learns."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

from derive.command.main import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "your-own-equations.md").read_text(encoding="utf-8")
TEXT = re.search(r"```text\n(# A neural.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("additive.eq").write_text(TEXT)
    return tmp_path


def test_the_text_is_derived_and_learns(folder, capsys):
    assert main(["equations", "additive.eq"]) == 0
    out = capsys.readouterr().out
    summary = re.search(r"\$ derive equations additive\.eq --format pdf,html\n(.*?)\n\ngradients", PAGE, re.DOTALL)[1]
    assert out.startswith(f"{summary}\n\ngradients right")
    (folder / "train.py").write_text(re.search(r"```python\n(import numpy.*?)```", PAGE, re.DOTALL)[1])
    try:
        found = runpy.run_path("train.py")
        assert 0.93 < found["trainer"].score(found["X"], found["y"]) < 0.98
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "generated"]:
            del sys.modules[name]


def test_the_quoted_message(folder, capsys):
    Path("additive.eq").write_text(TEXT.replace("x[d] - b[d, i]", "x[d] - b[d]"))
    assert main(["equations", "additive.eq"]) == 2
    quoted = re.search(r"\$ derive equations additive\.eq\n(derive: .*?)```", PAGE, re.DOTALL)[1]
    assert capsys.readouterr().err == quoted
