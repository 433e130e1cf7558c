"""README.md: the statement that it shows is derived."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_statement_is_derived(capsys: pytest.CaptureFixture[str]) -> None:
    [block] = [b for b in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "Statement(" in b]
    session: dict[str, Any] = {}
    exec(block, session)
    assert capsys.readouterr().out.startswith("gradients right")
    assert (session["s"].learning.name, session["s"].learning.optimizer) == ("residual", "adam")
