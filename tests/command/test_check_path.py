"""`derive check PATH`: the report on an edited module, with and without its network.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.api import derive
from derive.command.main import main
from derive.statement.network import Network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A generated folder, with a line edited that no gradient check can see."""
    made = derive(Network((3, 4, 2), "tanh", name="edited")).write(tmp_path)
    module = made / "network.py"
    text = module.read_text()
    assert "Y_hat = tanh(Z2)" in text
    module.write_text(text.replace("Y_hat = tanh(Z2)", "Y_hat = -tanh(Z2)"))
    return made


def test_the_equations_beside_a_module_tell_that_it_was_edited(folder, capsys):
    assert main(["check", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "gradients right" in said and "Y_hat, equation (5), is off by 2.0e+00" in said


@pytest.mark.parametrize("spoil", ["absent", "another network", "not ours"])
def test_without_the_equations_only_gradients_are_seen_and_that_is_said(folder, capsys, spoil):
    spec = folder / "network.toml"
    if spoil == "absent":
        spec.unlink()
    elif spoil == "another network":
        spec.write_text(spec.read_text().replace('"mse"', '"sse"'))
    else:
        spec.write_text("layers = [3, 4, 2]\n")
    assert main(["check", str(folder)]) == 0
    assert "only the gradients were checked" in capsys.readouterr().out


def test_a_module_as_it_was_written_is_right(tmp_path, capsys):
    made = derive(Network("n,4,k", ("relu", "softmax"), "cross_entropy", optimizer="adam", name="n")).write(tmp_path)
    assert main(["check", str(made / "trainer.py")]) == 0
    assert "tensors agree with the equations" in capsys.readouterr().out
