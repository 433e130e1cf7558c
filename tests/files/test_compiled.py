"""The cache of compiled templates: reuse, and recompilation after a change."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from derive.files.compiled import compiled_in


def _filled(folder: Path) -> str:
    loader = jinja2.FileSystemLoader(folder)
    return jinja2.Environment(loader=loader, bytecode_cache=compiled_in(folder)).get_template("a.jinja").render(x=1)


def _kept(folder: Path) -> list[Path]:
    return list((folder / "__pycache__").glob("*"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    (tmp_path / "a.jinja").write_text("x is {{ x }}")
    return tmp_path


def test_a_template_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _filled(folder) == "x is 1"
    assert len(_kept(folder)) == 1
    monkeypatch.setattr(jinja2.Environment, "compile", None)
    assert _filled(folder) == "x is 1"


def test_a_changed_template_is_recompiled(folder: Path) -> None:
    _filled(folder)
    (folder / "a.jinja").write_text("now {{ x }}")
    assert _filled(folder) == "now 1"
    assert len(_kept(folder)) == 1


def test_nothing_is_cached_if_python_writes_no_bytecode(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert _filled(folder) == "x is 1"
    assert not _kept(folder)


def test_a_read_only_folder_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", refused)
    assert _filled(folder) == "x is 1"
    assert not _kept(folder)
