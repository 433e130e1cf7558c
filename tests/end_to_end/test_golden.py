"""The files under generated/ are what derive writes today, to the byte.

`pytest tests/end_to_end/test_golden.py --update-golden` renews them.
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

from derive import Edition, Network, derive
from derive.command.main import main

pytestmark = pytest.mark.xdist_group("golden")  # one process renews the files

GENERATED = Path(__file__).resolve().parents[2] / "generated"

COMMANDS = {
    "network_3_4_4_1": "--layers 3,4,4,1",
    "deep_psi": "--layers 3,4,4,1 --bias augmented --activation sigmoid --loss mse --notation psi",
    "deep_xbar": "--layers 3,4,4,1 --notation xbar",
    "bracket_batch": "--layers 3,4,2 --activation tanh,sigmoid --loss binary_cross_entropy --notation bracket",
    "delta_one_unit": "--layers 3,1 --loss half_sse --bias none --notation delta",
    "delta_units": "--layers 3,2 --loss half_sse --bias none --notation delta",
    "any_width": "--layers n,h,h,k",
    "digits": "--layers 64,32,10 --activation tanh,softmax --loss cross_entropy",
    "every_format": "--layers 2,2,1 --format tex,md,html,ipynb,svg --detail brief --flavour github --numbers seed:1 "
    "--label-prefix net",
}
"""Each named network, and the arguments of `derive network` that describe it."""

WITH_PARTS = {"every_format"}
"""The networks of which the parts are kept too, which say again what the whole says."""

RUN = """
import json, sys
from derive.command.main import main
for command in json.load(sys.stdin):
    assert main(command) in (None, 0)
"""
"""Runs commands in one process."""


def command(name: str, folder: Path) -> list[str]:
    return ["network", *COMMANDS[name].split(), "--name", name, "--output", str(folder)]


def derived(name: str) -> dict[str, str]:
    """The files that the specification of a network gives today, without the parts that are not kept."""
    spec = GENERATED / name / "network.toml"
    files = derive(Network.from_toml(spec)).files(Edition.from_toml(spec))
    return kept(name, {file: text for file, text in files.items() if isinstance(text, str)})


def kept(name: str, files: Mapping[str, str]) -> dict[str, str]:
    return {file: text for file, text in files.items() if name in WITH_PARTS or "/" not in file}


def on_disk(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.parent.name != "__pycache__")
    return {p.relative_to(folder).as_posix(): p.read_bytes().decode() for p in files}


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
def renewed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With --update-golden, write everything anew before it is compared."""
    if not request.config.getoption("--update-golden"):
        return
    for name in COMMANDS:
        fresh = tmp_path_factory.mktemp("fresh")
        assert main(command(name, fresh)) in (None, 0)
        files = kept(name, on_disk(fresh / name))
        for stale in on_disk(GENERATED / name).keys() - files.keys():
            (GENERATED / name / stale).unlink()
        for file, text in files.items():
            (GENERATED / name / file).parent.mkdir(parents=True, exist_ok=True)
            (GENERATED / name / file).write_bytes(text.encode())


def test_every_folder_has_its_command() -> None:
    assert {p.name for p in GENERATED.iterdir()} == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.sampled(4)
def test_spec_gives_the_same_bytes(name: str) -> None:
    if diff := differences(name, derived(name), on_disk(GENERATED / name)):
        pytest.fail(f"generated/{name} differs; renew with --update-golden\n{diff}", pytrace=False)


@pytest.mark.parametrize("seed", ["1", "2"])
@pytest.mark.sampled(2)
def test_commands_give_the_same_bytes_in_any_order_of_hashes(seed: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps([command(name, tmp_path) for name in COMMANDS]),
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    diffs = [differences(n, kept(n, on_disk(tmp_path / n)), on_disk(GENERATED / n)) for n in COMMANDS]
    assert not any(diffs), "\n".join(diffs)


def test_the_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    spec = GENERATED / "every_format" / "network.toml"
    assert main(["network", "--spec", str(spec), "--output", str(GENERATED), "--check"]) in (None, 0)
    assert main([*command("every_format", GENERATED), "--check"]) in (None, 0)


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
