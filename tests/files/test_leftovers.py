"""Temporary files of killed runs are reported and removed; those of concurrent runs are kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import module_of

from derive.files import aside
from derive.files.seals import seal_all
from derive.files.write import compare_files, write_files

FILES = seal_all({"derivation.tex": "x\n", "trainer.py": "x = 1\n", "parts/chain.tex": "y\n"}, "3ba9ae1b448d")
HEX = "0123456789abcdef"

posix = pytest.mark.skipif(os.name != "posix", reason="locks and signals as on POSIX are needed")


def left(folder: Path) -> list[Path]:
    """Create the temporary files of a killed run in a generated folder."""
    found = [folder / f".{name}.{HEX}.tmp" for name in ("derivation.tex", "trainer.py", "derivation.html")]
    found.append(folder / "parts" / f".chain.tex.{HEX}.tmp")
    for path in found:
        path.write_text("half of")
    return found


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


@posix
def test_leftovers_are_reported_and_removed(tmp_path):
    write_files(tmp_path, FILES)
    assert compare_files(tmp_path, FILES) == ""
    paths = left(tmp_path)
    told = compare_files(tmp_path, FILES)
    assert all(f"--- {path}\n+++ /dev/null\n(left by a run that was killed; " in told for path in paths)
    assert all(path.exists() for path in paths), "a comparison changes nothing"
    written = write_files(tmp_path, FILES)
    assert {name for name, what in written if what == "removed"} == {p.relative_to(tmp_path).as_posix() for p in paths}
    assert names(tmp_path) == set(FILES) and compare_files(tmp_path, FILES) == ""


def test_foreign_files_are_kept(tmp_path):
    write_files(tmp_path, FILES)
    others = (
        f"trainer.py.{HEX}.tmp",
        f".trainer.py.{HEX}.tmp~",
        f".trainer.py.{HEX[:-1]}.tmp",
        f".trainer.py.{HEX.upper()}.tmp",
        f".trainer.py.{HEX}0.tmp",
        f".data.csv.{HEX}.tmp",
        f".{HEX}.tmp",
        ".trainer.py.tmp",
        f"a/.trainer.py.{HEX}.tmp",
    )
    for name in others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    (tmp_path / f".document.tex.{HEX}.tmp").mkdir()
    (tmp_path / f".network.toml.{HEX}.tmp").symlink_to("trainer.py")
    assert compare_files(tmp_path, FILES) == ""
    write_files(tmp_path, FILES)
    assert names(tmp_path) == {*FILES, *others, f".network.toml.{HEX}.tmp"}


@posix
def test_files_of_a_concurrent_run_are_kept(tmp_path):
    write_files(tmp_path, FILES)
    path, file = aside.opened(tmp_path / "trainer.py")
    with file:
        assert compare_files(tmp_path, FILES) == ""
        write_files(tmp_path, FILES, force=True)
        assert path.exists()
    assert f"--- {path}\n" in compare_files(tmp_path, FILES)
    write_files(tmp_path, FILES)
    assert not path.exists()


@posix
def test_a_file_removed_as_a_leftover_is_created_again(tmp_path, monkeypatch):
    real, turns = aside._lock, []

    def late(file: Any) -> bool:
        turns.append(file.name)
        if len(turns) == 1:
            Path(file.name).unlink()
        return real(file)

    monkeypatch.setattr(aside, "_lock", late)
    path, file = aside.opened(tmp_path / "a.py")
    file.close()
    assert path.exists() and len(turns) == 2 and names(tmp_path) == {path.name}


@posix
def test_without_locks_age_decides(tmp_path, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(aside.fcntl, "flock", no_locks)
    write_files(tmp_path, FILES)
    paths = left(tmp_path)
    long_ago = time.time() - aside.LONG_AGO - 60
    for path in paths[:2]:
        os.utime(path, (long_ago, long_ago))
    write_files(tmp_path, FILES)
    assert [path.exists() for path in paths] == [False, False, True, True]


KILLED = """
import os, signal, sys
from pathlib import Path
from derive.files import write as render
from derive.files.seals import seal_all
before = render.fsync
def fsync(number):
    before(number)
    if sys.argv[2] == "at once" or len(list(Path(sys.argv[1]).glob(".*.tmp"))) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
render.fsync = fsync
render.write_files(Path(sys.argv[1]), seal_all({"derivation.tex": "z", "trainer.py": "z = 2"}, "3ba9ae1b448d"))
"""


@posix
@pytest.mark.parametrize("when", ["at once", "later"])
def test_after_a_kill_the_next_run_cleans_up(tmp_path, when):
    write_files(tmp_path, FILES)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), when])
    assert done.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == len(FILES) + (1 if when == "at once" else 2)
    assert {n: (tmp_path / n).read_text() for n in FILES} == FILES, "the old files are whole"
    assert "left by a run that was killed" in compare_files(tmp_path, FILES)
    write_files(tmp_path, FILES)
    assert names(tmp_path) == set(FILES)


@posix
def test_runs_at_the_same_time_do_not_disturb_each_other(tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom derive.files.write import write_files\n"
        "from derive.files.seals import seal_all\n"
        "for n in range(60):\n"
        "    files = seal_all({f'{name}.py': f'x = {n}{sys.argv[2]}' for name in 'abc'}, '3ba9ae1b448d')\n"
        "    write_files(Path(sys.argv[1]), files)\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(n)]) for n in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert names(tmp_path) == {"a.py", "b.py", "c.py"}


# The trainer's files.


@pytest.fixture
def trainer() -> Any:
    return module_of((3, 5, 2), "tanh,sigmoid", "half_mse").Trainer(seed=1)


@posix
def test_a_save_removes_leftovers_of_earlier_saves(trainer, tmp_path):
    path, link = tmp_path / "net.npz", tmp_path / "link"
    link.symlink_to("net.npz")
    others = [f"other.npz.{HEX}.tmp", f"net.npz.{HEX}.tmp2", "net.npz.tmp", f".net.npz.{HEX}.tmp", f"netxnpz.{HEX}.tmp"]
    for name in others:
        (tmp_path / name).write_text("mine")
    for where in (path, link):
        for digit in "12":
            (tmp_path / f"net.npz.{digit * 16}.tmp").write_text("half of")
        trainer.save(where)
        assert names(tmp_path) == {"net.npz", "link", *others}


@posix
def test_a_save_keeps_files_of_a_concurrent_save(trainer, tmp_path):
    import fcntl

    other = tmp_path / f"net.npz.{HEX}.tmp"
    with other.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        trainer.save(tmp_path / "net.npz")
        assert other.exists()
    trainer.save(tmp_path / "net.npz")
    assert names(tmp_path) == {"net.npz"}


@posix
def test_after_a_kill_the_next_save_cleans_up(trainer, tmp_path):
    path = tmp_path / "net.npz"
    trainer.save(path)
    before = path.read_bytes()
    child = os.fork()
    if child == 0:
        os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)
        try:
            trainer.save(path)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert path.read_bytes() == before and len(names(tmp_path)) == 2
    trainer.save(path)
    assert names(tmp_path) == {"net.npz"}


@posix
def test_saves_at_the_same_time_do_not_disturb_each_other(trainer, tmp_path):
    path = tmp_path / "net.npz"
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for _ in range(40):
                    trainer.save(path)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert names(tmp_path) == {"net.npz"}
    again = type(trainer).load(path)
    assert np.array_equal(again.parameters["W1"], trainer.parameters["W1"])
