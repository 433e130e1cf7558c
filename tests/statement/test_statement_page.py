"""docs/statement.md: its examples run, their gradients are right, and the messages that it quotes are given."""

from __future__ import annotations

import re
import sys

import pytest
from conftest import ROOT
from markdown_flavours import github_markdown_problems

from derive import StatementError

TEXT = (ROOT / "docs" / "statement.md").read_text(encoding="utf-8")


def test_github_shows_it():
    assert not github_markdown_problems(TEXT)


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    session = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(block, session)
    assert session["trainer"].score(session["X"], session["Y"]) > 0.9
    for name in [n for n in sys.modules if n == "nets" or n.startswith("nets.")]:
        del sys.modules[name]
    assert (tmp_path / "nets" / "softmax_regression" / "trainer.py").is_file()
    assert not (tmp_path / "nets" / "softmax_regression" / "network.toml").exists()


def test_the_messages_are_given():
    session = {}
    exec(re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1], session)
    quoted = re.findall(r"^\| `(.*)` \| (.* (?:from|has|reads|is) .*) \|$", TEXT.partition("## What")[0], re.MULTILINE)
    assert len(quoted) == 4
    for written, said in quoted:
        with pytest.raises(StatementError) as refused:
            eval(written, session)
        assert str(refused.value) == said
