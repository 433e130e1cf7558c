"""docs/second-order.md: its examples run, and do what it says."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from markdown_flavours import github_markdown_problems

from derive.calculus.cost import multiplications

TEXT = (ROOT / "docs" / "second-order.md").read_text(encoding="utf-8")


def test_github_shows_it() -> None:
    assert not github_markdown_problems(TEXT)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("second")
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
            exec(block, names)
        yield folder, names
    for name in [n for n in sys.modules if n == "nets" or n.startswith("nets.")]:
        del sys.modules[name]


def test_the_examples_do_what_is_said(session: Any) -> None:
    folder, names = session
    for file in re.findall(r"^\| `(\w+\.py)` \|", TEXT, re.MULTILINE):
        assert (folder / "nets" / "curved" / file).is_file()
    errors, curvatures, trainer = names["errors"], names["curvatures"], names["trainer"]
    assert errors[-1] < errors[0] / 10 and trainer.score(names["X"], names["labels"]) > 0.95
    assert all(0 < c < 10 for c in curvatures)
    assert names["influence"][0] < 0  # more weight of a sample makes its own error smaller
    assert np.linalg.eigvalsh(names["fisher"])[0] > -1e-12
    assert f"`{names['forward']} {names['backward']}`" in TEXT


def test_a_product_costs_about_two_gradients(session: Any) -> None:
    second = session[1]["second"]
    cost = [multiplications(d.program, "forward", "factor", "gradient") for d in (second, second.first)]
    m = next(iter(cost[1].free_symbols))
    assert 1.5 < (cost[0] / cost[1]).subs(m, 10**6) < 3.5


def test_the_equations_of_the_package_are_found_by_their_names(session: Any) -> None:
    folder, _ = session
    code = Path(folder / "nets" / "curved" / "hessian_product.py").read_text()
    for name in ("Psi_z2", "Phi_Psi_z1", "dE_dW1", "dE_v_dW1", "v_W1"):
        assert name in code
