"""The cache: a second run reuses the result for an unchanged specification; any change derives again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from derive.command import main as command
from derive.command.cache import LIMIT
from derive.command.main import main

LAYERS = ["network", "--layers", "2,1"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DERIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def derived(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A list with one entry for each derivation."""
    runs: list[object] = []
    real = command._derived
    monkeypatch.setattr(command, "_derived", lambda options: (runs.append(options), real(options))[1])
    return runs


def test_a_second_run_gives_the_same_without_deriving(derived, capsys, tmp_path):
    assert main([*LAYERS, "--output", "a"]) == 0
    first = capsys.readouterr().out
    assert main([*LAYERS, "--output", "b"]) == 0
    assert capsys.readouterr().out.replace("b/network", "a/network") == first
    assert main([*LAYERS, "--output", "b", "--check"]) == 0
    assert len(derived) == 1
    files = {p.relative_to(tmp_path / "a"): p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path / "b"): p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file()}


def test_sympy_is_not_imported_by_a_second_run(cache, tmp_path):
    code = f"import sys; from derive.command.main import main; main({LAYERS}); print('sympy' in sys.modules)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in "12"]
    assert [run.stdout.splitlines()[-1] for run in runs] == ["True", "False"]


@pytest.mark.parametrize("more", [["--format", "md"], ["--name", "other"], ["--loss", "mae"], ["--numbers", "seed:1"]])
def test_other_options_are_derived(more, derived):
    assert main(LAYERS) == main([*LAYERS, *more]) == 0
    assert len(derived) == 2


def test_files_are_read_anew(derived):
    spec, numbers = Path("spec.toml"), Path("numbers.toml")
    numbers.write_text("X = [[1, 2]]\n")
    spec.write_text('layers = [2, 1]\n[document]\nnumbers = "numbers.toml"\n')
    for times, text in ((1, "X = [[1, 2]]\n"), (2, "X = [[1, 3]]\n"), (3, "X = [[1, 3]]\nY = [[1]]\n")):
        numbers.write_text(text)
        for _ in range(2):
            assert main(["network", "--spec", "spec.toml"]) == 0
            assert len(derived) == times
    spec.write_text(spec.read_text().replace("[2, 1]", "[2, 2]"))
    numbers.write_text("X = [[1, 3]]\n")
    assert main(["network", "--spec", "spec.toml"]) == 0
    assert len(derived) == 4


def test_a_change_of_the_code_is_noticed(derived, monkeypatch):
    assert main(LAYERS) == 0
    monkeypatch.setattr("derive.command.cache._code", lambda: [("other.py", 1, 1)])
    assert main(LAYERS) == 0
    assert len(derived) == 2


def test_edited_files_are_not_overwritten(derived, capsys):
    assert main(LAYERS) == 0
    trainer = Path("generated/network_2_1/trainer.py")
    trainer.write_text(trainer.read_text() + "# mine\n")
    capsys.readouterr()
    assert main(LAYERS) == 2
    assert "was edited by hand" in capsys.readouterr().err
    assert len(derived) == 1


@pytest.mark.parametrize("harm", [lambda text: text[:-9], lambda text: "", lambda text: text.replace("2_1", "2_2")])
def test_a_damaged_result_is_derived_anew(harm, derived, cache):
    assert main(LAYERS) == 0
    (kept,) = cache.glob("*.json")
    before = kept.read_text(encoding="utf-8")
    kept.write_text(harm(before), encoding="utf-8")
    assert main(LAYERS) == 0
    assert len(derived) == 2
    assert kept.read_text(encoding="utf-8") == before


def test_an_unusable_folder_is_no_error(derived, cache):
    cache.write_text("a file")
    assert main(LAYERS) == main(LAYERS) == 0
    assert len(derived) == 2


def test_an_empty_name_turns_it_off(derived, monkeypatch, tmp_path):
    monkeypatch.setenv("DERIVE_CACHE", "")
    assert main(LAYERS) == main(LAYERS) == 0
    assert len(derived) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are needed")
def test_a_pipe_is_read_once(derived):
    for value in (3, 4):
        os.mkfifo("pipe")
        writer = subprocess.Popen([sys.executable, "-c", f"open('pipe', 'w').write('X = [[{value}, {value}]]')"])
        assert main([*LAYERS, "--numbers", "pipe", "--output", str(value)]) == 0
        writer.wait()
        Path("pipe").unlink()
        assert f"{value}" in Path(f"{value}/network_2_1/numbers.toml").read_text().split("\n", 2)[2]
    assert len(derived) == 2


def test_a_file_that_is_edited_during_a_run_is_not_mistaken_for_the_one_before(derived, monkeypatch):
    numbers, run = Path("numbers.toml"), [*LAYERS, "--numbers", "numbers.toml"]
    real, first = command._derived, "X = [[1, 2]]\n"

    def edited(options):
        numbers.write_text("X = [[7, 7]]\n")
        return real(options)

    numbers.write_text(first)
    with monkeypatch.context() as patch:
        patch.setattr(command, "_derived", edited)
        assert main(run) == 0
    numbers.write_text(first)
    assert main([*run, "--force"]) == 0
    assert "7" not in Path("generated/network_2_1/numbers.toml").read_text().split("\n", 2)[2]


def test_a_change_of_any_template_is_noticed(derived, monkeypatch, tmp_path):
    folder = tmp_path / "templates"
    (folder / "html").mkdir(parents=True)
    (folder / "html" / "page.css").write_text("a {}\n")
    monkeypatch.setattr("derive.command.cache.template_folder", lambda: folder)
    assert main(LAYERS) == main(LAYERS) == 0
    (folder / "html" / "page.css").write_text("a { color: red }\n")
    assert main(LAYERS) == 0
    assert len(derived) == 2


def test_refusals_are_not_kept(derived, capsys):
    for _ in range(2):
        assert main(["network", "--layers", "2,0"]) == 2
    assert len(derived) == 2


def test_the_oldest_results_are_removed(derived, cache):
    cache.mkdir()
    for age in range(LIMIT):
        old = cache / f"{age}.json"
        old.write_text("{}")
        os.utime(old, (age + 1, age + 1))
    assert main(LAYERS) == 0
    names = {path.name for path in cache.glob("*.json")}
    assert len(names) == LIMIT and "0.json" not in names and "1.json" in names
