"""The files under generated/ are what derive writes today, to the byte.

`pytest tests/test_golden.py --update-golden` renews them.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from derive import Network, derive
from derive.cli import main

pytestmark = pytest.mark.xdist_group("golden")  # one process renews the files

GENERATED = Path(__file__).resolve().parents[1] / "generated"

COMMANDS = {
    "network_3_4_4_1": "--layers 3,4,4,1",
    "deep_psi": "--layers 3,4,4,1 --bias augmented --activation sigmoid --loss mse --notation psi",
    "bracket_batch": "--layers 3,4,2 --activation tanh,sigmoid --loss binary_cross_entropy --notation bracket",
    "delta_one_unit": "--layers 3,1 --loss half_sse --bias none --notation delta",
    "delta_units": "--layers 3,2 --loss half_sse --bias none --notation delta",
    "any_width": "--layers n,h,h,k",
    "digits": "--layers 64,32,10 --activation tanh,softmax --loss cross_entropy",
}
"""Each named network, and the arguments of `derive network` that describe it."""

REGENERATE = """
import json, sys
from pathlib import Path
from derive import Network, derive
folder = Path(sys.argv[1])
files = {n: dict(derive(Network.from_toml(folder / n / "network.toml")).files()) for n in sys.argv[2:]}
json.dump(files, sys.stdout)
"""


def command(name: str, *further: str) -> list[str]:
    return ["network", *COMMANDS[name].split(), "--name", name, "--output", str(GENERATED), *further]


def on_disk(name: str) -> dict[str, str]:
    folder = GENERATED / name
    return {p.name: p.read_bytes().decode() for p in folder.iterdir() if p.name != "__pycache__"}


def differences(name: str, expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """A unified diff from what is on disk to what is derived; files that one side lacks are named."""
    lines = []
    for file in sorted(expected.keys() | found.keys()):
        path = f"generated/{name}/{file}"
        if file not in found:
            lines.append(f"missing: {path}\n")
        elif file not in expected:
            lines.append(f"stale: {path}\n")
        else:
            old, new = (text.splitlines(keepends=True) for text in (found[file], expected[file]))
            lines += difflib.unified_diff(old, new, path, f"{path} (derived now)")
    return "".join(lines)


@pytest.fixture(scope="module", autouse=True)
def renewed(request: pytest.FixtureRequest) -> None:
    """With --update-golden, write everything anew before it is compared."""
    if not request.config.getoption("--update-golden"):
        return
    for name in COMMANDS:
        assert main(command(name, "--force")) in (None, 0)
        expected = derive(Network.from_toml(GENERATED / name / "network.toml")).files()
        for stale in on_disk(name).keys() - expected.keys():
            (GENERATED / name / stale).unlink()


def test_every_folder_has_its_command() -> None:
    assert {p.name for p in GENERATED.iterdir()} == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_spec_gives_the_same_bytes(name: str) -> None:
    derived = derive(Network.from_toml(GENERATED / name / "network.toml")).files()
    if diff := differences(name, derived, on_disk(name)):
        pytest.fail(f"generated/{name} differs; renew with --update-golden\n{diff}", pytrace=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_gives_the_same_bytes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(command(name, "--check"))
    assert status in (None, 0), capsys.readouterr().out


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_order_of_hashes_does_not_matter(seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REGENERATE, str(GENERATED), *COMMANDS],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    diffs = [differences(name, files, on_disk(name)) for name, files in json.loads(done.stdout).items()]
    assert not any(diffs), "\n".join(diffs)


def test_a_diff_names_every_difference() -> None:
    diff = differences(
        "net",
        {"same": "1\n", "changed": "new\n", "gone": ""},
        {"same": "1\n", "changed": "old\n", "extra": ""},
    )
    assert "-old\n+new\n" in diff
    assert "missing: generated/net/gone\n" in diff
    assert "stale: generated/net/extra\n" in diff
    assert "same" not in diff
