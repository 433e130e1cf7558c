"""Random statements pass the check of their module, and agree with what was stated."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import judge
from random_layers import NEWER, random_layers

from derive.api import derive
from derive.statement.statement import Statement

#: Texts that were once refused or wrong, most of them random layers of their time.
ONCE_WRONG = sorted((Path(__file__).parent / "once_wrong").glob("*.eq"))


@pytest.mark.parametrize("path", ONCE_WRONG, ids=lambda path: path.stem)
@pytest.mark.sampled(6)
def test_what_was_once_wrong_is_right(path: Path) -> None:
    statement = Statement.from_file(path)
    judge(derive(statement), statement.forward_pass())


@pytest.mark.sampled(400)
@pytest.mark.parametrize("seed", [*range(1500), *range(NEWER, NEWER + 300)])
def test_random_layers_are_right(seed: int) -> None:
    statement = random_layers(seed)
    judge(derive(statement), statement.forward_pass())
