"""README.md: the text of equations that it shows is derived."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from derive.command.main import main
from tests.conftest import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_equations_are_derived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    Path("residual.eq").write_text(block)
    assert main(["equations", "residual.eq"]) == 0
    assert "gradients right" in capsys.readouterr().out
    code = Path("generated/residual/network.py").read_text(encoding="utf-8")
    assert code.count("np.tanh") == 1, "what the forward pass has computed is read"
