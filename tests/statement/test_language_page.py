"""docs/equations.md: its texts are stated, their gradients are right, and the error that it quotes is reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from derive import Statement, StatementError, derive
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.language.meanings import ELEMENTARY
from derive.statement.specification import LEARNING

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "equations.md").read_text(encoding="utf-8")
TEXTS = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.sampled(2)
def test_the_texts(text):
    derivation = derive(Statement(text))
    derivation.check().require()
    assert derive(Statement(derivation.equations())).equations() == derivation.equations()


def test_the_page_has_texts_and_names_all_there_is():
    assert len(TEXTS) == 9
    said = set(re.findall(r"[a-z0-9_]+", PAGE))
    assert {*LEARNING} <= said
    assert {f for f in ELEMENTARY if not f.startswith("arc")} - {"ln"} <= said
    assert "softmax" in ACTIVATIONS


def test_the_quoted_error():
    quoted = re.search(r"derive: net\.eq, (line.*?)\n(.*?)```", PAGE, re.DOTALL)
    text = "size n = 3, k = 2\ninput x[n]\ntarget y[k]\nparameter W[k, n]\nz[i] = sum(W[j, i] * x[j], j)\nE = z[1]**2"
    with pytest.raises(StatementError) as error:
        Statement(text)
    assert str(error.value).split("\n")[0] == quoted[1]
    assert str(error.value).split("\n")[1:3] == quoted[2].rstrip("\n").split("\n")
