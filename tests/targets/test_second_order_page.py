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
    assert names["errors"][-1] == pytest.approx(float(told("Newton's method")[0]), abs=5e-3)
    assert [*names["descents"]] == [0.1, 0.3, 1, 2]
    for rate, found in names["descents"].items():
        assert found == pytest.approx(float(told(f"(?:gradient descent, )?learning rate {rate}")[0]), abs=3e-2)
    curvatures = [*map(float, told("largest curvature"))]
    assert names["curvatures"] == pytest.approx(curvatures, abs=0.1)
    assert all(1.9 < c < 2.3 for c in curvatures[1:])
    assert set(names["shown"]) == {names["labels"][0]} == {8} and names["influence"][0] != 0
    natural, (shown, steps) = names["natural"], re.findall(r"(0\.\d+)\. Gradient descent .*?needs\s(\d+)", TEXT)[0]
    X, Y = names["X"], names["Y"]
    reached = names["error"](natural.parameters, X.T, Y.T)
    assert reached == pytest.approx(float(shown), abs=5e-3)
    descent = names["Trainer"](seed=1).fit(X, Y, epochs=100, learning_rate=1, batch_size=None)
    assert np.argmax(np.array(descent.history) < reached) == pytest.approx(int(steps), abs=3)
    assert np.linalg.eigvalsh(names["fisher"])[0] > -1e-12
    assert f"`{names['forward']} {names['backward']}`" in TEXT


def told(row: str) -> list[str]:
    """The numbers in a row of a table of the text."""
    (found,) = re.findall(rf"^\| {row} \| (.*) \|$", TEXT, re.MULTILINE)
    return [*found.split(" | ")]


def test_a_gauss_newton_product_costs_two_gradients(session: Any) -> None:
    first = session[1]["second"].first
    jacobian, product = first.jacobian().program, first.gauss_newton().program
    cost = multiplications(jacobian, "forward") + multiplications(product, "forward", "factor", "gradient")
    gradient = multiplications(first.program, "forward", "factor", "gradient")
    (m,) = gradient.free_symbols
    assert f"{float((cost / gradient).subs(m, 500)):.1f} times" in TEXT


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
