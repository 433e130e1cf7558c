"""Layers of any number of axes learn with a penalty, clipped gradients, and an optimizer with a state."""

from __future__ import annotations

import layers
import pytest

from derive.api import derive
from derive.statement.statement import Statement


@pytest.mark.parametrize("name", ["conv2d", "infonce", "attention", "two_heads"])
def test_every_learning_option_runs_with_any_axes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Statement.__init__

    def learning(self: Statement, *arguments: str, **_: object) -> None:
        plain(self, *arguments, optimizer="adam", l2=0.01, clip=1.0, schedule="cosine(steps=100)")

    monkeypatch.setattr(Statement, "__init__", learning)
    report = derive(getattr(layers, name)()).check()
    assert report.passed, report.line()
