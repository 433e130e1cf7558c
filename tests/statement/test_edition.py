"""Editions: the requested documents, and invalid requests."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from derive import Edition, Network, derive
from derive.files.formats import FORMATS
from derive.statement.edition import FLAVOURS, KEYS, PARTS, check_use, edition_of
from derive.text.errors import SpecError


def test_the_names_are_those_that_there_are() -> None:
    assert all("flavour" in FORMATS[entry.format].options for entry in FLAVOURS.values())
    assert {option for entry in FORMATS.values() for option in entry.options} <= {*KEYS}


def test_parts_are_called_what_only_calls_them() -> None:
    derivation = derive(Network("2,2,1"))
    for name in PARTS:
        (part,) = derivation.document(only=name, numbers=1).parts
        assert part.name == name


def test_the_module_imports_no_heavy_library() -> None:
    script = "import sys, derive.statement.edition\nprint(*sorted({'sympy', 'numpy', 'jinja2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_editions_are_values() -> None:
    assert Edition() == Edition(("tex",), "full", (), "myst", False, "", None) == Edition("tex", only=[])
    assert Edition("svg, tex").formats == ("tex", "svg"), "the order of the names does not matter"
    assert hash(Edition(only=["loop", "chain"])) == hash(Edition(only="chain,loop"))
    with pytest.raises(AttributeError):
        Edition().detail = "brief"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (7, "seed:7"),
        (0, "seed:0"),
        ("7", "seed:7"),
        ("seed:7", "seed:7"),
        ("seed: 007", "seed:7"),
        ("my.toml", "my.toml"),
        (Path("7"), "./7"),
        (Path("a/7"), "a/7"),
        ("./7", "./7"),
    ],
)
def test_numbers(given: Any, kept: str) -> None:
    assert Edition(numbers=given).numbers == kept


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"formats": ()}, "format is empty"),
        ({"formats": b"tex"}, "format is an integer, 116, where a name is expected"),
        ({"formats": {"tex": 1}}, "format is a table"),
        ({"formats": None}, "format is a NoneType"),
        ({"formats": ["tex", None]}, "format is a NoneType"),
        ({"formats": "tex,"}, "format: entry 2 is empty"),
        ({"formats": "t\x00x"}, r"unknown format 't\x00x'"),
        ({"detail": 3}, "detail is an integer"),
        ({"detail": ""}, "unknown detail ''"),
        ({"only": "everything"}, "unknown part 'everything'"),
        ({"only": None}, "only is a NoneType"),
        ({"only": "chain,numbers"}, "needs numbers"),
        ({"flavour": "jekyl"}, "unknown flavour 'jekyl'"),
        ({"front_matter": 1}, "front_matter is an integer"),
        ({"label_prefix": None}, "label_prefix is a NoneType"),
        ({"paper": "a5"}, "unknown paper 'a5': there are a4 and letter"),
        ({"label_prefix": "a b"}, "label_prefix is 'a b'"),
        ({"label_prefix": "a\n"}, r"label_prefix is 'a\n'"),
        ({"label_prefix": "%"}, "letters a to z, digits, - . and :"),
        ({"numbers": True}, "numbers is a boolean"),
        ({"numbers": -1}, "a seed is a whole number"),
        ({"numbers": "seed:-1"}, "a seed is a whole number"),
        ({"numbers": " "}, "numbers is empty"),
        ({"numbers": 1.0}, "numbers is a float"),
        ({"numbers": []}, "numbers is an array"),
    ],
)
def test_invalid_editions(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError) as caught:
        Edition(**arguments)
    message = str(caught.value)
    assert says in message and "\n" not in message and message.isprintable()


@pytest.mark.parametrize(
    "edition",
    [
        Edition(),
        Edition("html"),
        Edition("tex,pdf,md,html,ipynb,svg", "exhaustive", "chain", "obsidian", True, "a:b.c-1", 3),
        Edition(label_prefix="x"),
    ],
)
def test_a_table_reads_as_it_was_written(edition: Edition, tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text(Network("3,1").to_toml() + edition.to_toml())
    assert Edition.from_toml(file) == edition
    assert Network.from_toml(file) == Network("3,1")
    table = tomllib.loads(edition.to_toml()).get("document", {})
    assert {*table} <= {*KEYS} and (not table) == (edition == Edition())


def test_the_file_of_numbers_refers_to_its_copy(tmp_path: Path) -> None:
    edition = Edition(numbers="/some/where/my.toml")
    assert edition.to_toml() == '\n[document]\nnumbers = "numbers.toml"\n'
    (tmp_path / "net.toml").write_text(edition.to_toml())
    assert Edition.from_toml(tmp_path / "net.toml").numbers == str(tmp_path / "numbers.toml")


def test_options_win_over_the_table() -> None:
    table = {"format": ["md"], "detail": "brief", "numbers": "seed:1"}
    assert edition_of(table, {"detail": "full", "format": "html"}) == Edition("html", numbers=1)
    with pytest.raises(SpecError, match=r"^a/net\.toml: document: unknown detail 'x'"):
        edition_of({"detail": "x"}, {"format": "md"}, Path("a/net.toml"))
    with pytest.raises(SpecError, match=r"^unknown detail 'x'"):
        edition_of({}, {"detail": "x"}, Path("a/net.toml"))
    assert edition_of({"only": ["numbers"]}, {"numbers": "3"}) == Edition(only="numbers", numbers=3)


def test_an_option_that_no_format_uses() -> None:
    check_use(Edition("md"), ["flavour", "front_matter", "label_prefix", "detail"])
    check_use(Edition("pdf"), ["label_prefix", "paper"])
    with pytest.raises(SpecError, match="flavour myst is for md"):
        check_use(Edition("tex,html"), ["flavour"])


def test_a_flavour_is_for_one_format() -> None:
    check_use(Edition("ipynb", flavour="exercise"), ["flavour"])
    with pytest.raises(SpecError, match="flavour exercise is for ipynb, which the format does not name"):
        derive(Network("2,1")).markdown("exercise")
    assert Edition(flavour="github").markdown == "github" and Edition(flavour="exercise").markdown == "myst"


# Every option from Python.


def test_every_option_reaches_the_document() -> None:
    derivation = derive(Network("2,2,1"))
    assert [p.name for p in derivation.document(only="loop,chain").parts] == ["chain", "loop"]
    assert len(derivation.latex(detail="brief")) < len(derivation.latex()) < len(derivation.latex(detail="exhaustive"))
    assert r"\label{net1:" in derivation.latex(label_prefix="net1") and r"\label" not in derivation.latex()
    assert derivation.latex(standalone=True, only="chain").startswith(r"\documentclass")
    assert "A worked example" in derivation.latex(numbers=1, only="numbers")
    assert derivation.markdown(front_matter=True, only="chain").startswith("---\n")
    assert derivation.markdown("github", only="chain") != derivation.markdown("obsidian", only="chain")
    assert derivation.html(only="chain").lower().startswith("<!doctype html>")
    assert derivation.svg("W1[2,1]") != derivation.svg() and derivation.svg().startswith("<svg")
    assert "Its number" in derivation.explain("W1[2,1]")


def test_an_edition_is_written(tmp_path: Path) -> None:
    derivation = derive(Network("2,1"))
    edition = Edition("md,svg", only="chain", flavour="github")
    folder = derivation.write(tmp_path, edition=edition)
    files = derivation.files(edition)
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {*files}
    assert "derivation.tex" not in files and {"derivation.md", "network.svg", "trainer.py"} <= {*files}
    assert files["trainer.py"] == derivation.files()["trainer.py"], "the module does not depend on the edition"
