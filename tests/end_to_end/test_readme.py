"""README.md: the forward pass that it states by hand is derived, and gives what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from helpers import load

from tests.conftest import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def stated() -> Any:
    """What the block with a ForwardPass ends with."""
    [block] = [b for b in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "ForwardPass(" in b]
    session: dict[str, Any] = {}
    exec(block, session)
    return session["derivation"]


def test_the_forward_pass_is_derived(capsys: pytest.CaptureFixture[str]) -> None:
    derivation = stated()
    assert derivation.network is None and derivation.check().passed
    assert capsys.readouterr().out.startswith("gradients right")


def test_the_options_for_networks_and_for_both(tmp_path: Path) -> None:
    derivation = stated()
    [sentence] = re.findall(r"`write\(\)` needs a `Network`;(.*?)\.\n", TEXT, re.DOTALL)
    methods = re.findall(r"`(\w+)\(\)`", sentence)
    assert len(methods) == 4 and all(getattr(derivation, name)() for name in methods)
    assert load(derivation.numpy()).Trainer
    with pytest.raises(ValueError, match="only the derivation of a Network can be written"):
        derivation.write(tmp_path)
