"""Streams that are closed, full or no longer read: the right exit status, one sentence or none, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from derive.statement.network import Network

pytestmark = pytest.mark.skipif(
    os.name != "posix" or not Path("/dev/full").exists(), reason="a device that is always full is needed"
)

FULL = "derive: cannot write the output: No space left on device\n"
COMMANDS = {
    "list": ("list", 0),
    "list of losses": ("list losses", 0),
    "help": ("--help", 0),
    "help of a command": ("network --help", 0),
    "version": ("--version", 0),
    "a story": ("explain --layers 2,1 --weight W1[1,1]", 0),
    "files that are not there": ("network --layers 2,1 --check", 1),
    "a wrong option": ("network --layers 2,one;", 2),
    "a wrong command": ("nothing", 2),
    "a module that is not there": ("check nowhere", 2),
}
SAID_ON_STDOUT = [name for name, (_, code) in COMMANDS.items() if code < 2]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache of results for all runs here: what is derived is not what is tested."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path, cache: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DERIVE_CACHE", cache)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(root))  # the folder is another one


def run(arguments: str, redirections: str) -> tuple[int, str, str]:
    """Run the command in a shell with such redirections: its status, and what it wrote where it could."""
    quoted = " ".join(f"'{part}'" for part in arguments.split())
    script = f"'{sys.executable}' -m derive {quoted} {redirections}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.sampled(14)
def test_a_closed_stream_is_silent_and_the_status_is_the_same(name, unbuffered, monkeypatch):
    if unbuffered:
        monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    arguments, code = COMMANDS[name]
    status, out, err = run(arguments, "")
    assert status == code and bool(out) == (code < 2) and bool(err) == (code == 2)
    assert run(arguments, ">&-") == (code, "", err)
    assert run(arguments, "2>&-") == (code, out, "")
    assert run(arguments, "<&- >&- 2>&-") == (code, "", "")


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.sampled(14)
def test_a_full_device(name, unbuffered, monkeypatch):
    if unbuffered:
        monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    arguments, code = COMMANDS[name]
    status, out, err = run(arguments, "2>/dev/full")
    assert (status, err) == (code, "") and bool(out) == (code < 2)
    assert run(arguments, ">/dev/full 2>/dev/full") == (2, "", "")
    if name in SAID_ON_STDOUT:
        assert run(arguments, ">/dev/full") == (2, "", FULL)


@pytest.mark.parametrize("name", SAID_ON_STDOUT)
def test_a_broken_pipe(name):
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "derive", *COMMANDS[name][0].split()],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_files_are_written_if_the_output_fails():
    for output, redirections in (("a", ">&-"), ("b", ">/dev/full"), ("c", ">&- 2>&-")):
        run(f"network --layers 2,1 --output {output}", redirections)
        assert Network.from_toml(f"{output}/network_2_1/network.toml") == Network("2,1")
        trainer = Path(output, "network_2_1", "trainer.py").read_bytes()
        assert trainer == Path("a", "network_2_1", "trainer.py").read_bytes()
