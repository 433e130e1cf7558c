"""PDF: the choice of the engine, reproducible bytes, one-sentence errors."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from derive import Edition, Network, derive
from derive.command.main import main
from derive.formats import pdf
from derive.text.errors import OutputError

SMALL = r"\documentclass{article}\begin{document}\section{A}\label{a}Text, see \ref{a}.\end{document}"


@pytest.fixture(params=[name for name in pdf.ENGINES if shutil.which(name)] or [None])
def engine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, skip_unless_required: Callable[[str], None]
) -> str:
    """Each engine that is installed, as the only one."""
    if request.param is None:
        skip_unless_required("no TeX engine is installed")
    monkeypatch.setattr(pdf, "ENGINES", {request.param: pdf.ENGINES[request.param]})
    return str(request.param)


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A path on which there is no engine; what is put there is found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def fake(folder: Path, script: str, name: str = "pdflatex") -> None:
    """An engine that is a shell script."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_the_same_source_gives_the_same_bytes(engine: str, tmp_path: Path) -> None:
    first, second = pdf.pdf(SMALL), pdf.pdf(SMALL)
    assert first == second and first.startswith(b"%PDF")
    for trace in (str(Path.home()), os.fspath(tmp_path), "/tmp", "derive-"):
        assert trace.encode() not in first


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (r"\nonesuch", "Undefined control sequence"),
        (r"\usepackage{nonesuch}", ""),
        (r"\input{/etc/passwd}", ""),
        (r"\input{../../../../../etc/passwd}", ""),
        (r"$x", "Missing $ inserted"),
        ("", "it made no PDF"),
    ],
)
@pytest.mark.sampled(4)
def test_latex_errors_are_reported(engine: str, body: str, says: str) -> None:
    source = rf"\documentclass{{article}}\begin{{document}}{body}\end{{document}}"
    with pytest.raises(OutputError) as caught:
        pdf.pdf(source)
    message = str(caught.value)
    assert message.startswith(f"{engine} could not set the document: ") and says in message
    assert "\n" not in message and "root:" not in message


def test_no_program_is_started(engine: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    source = rf"\documentclass{{article}}\begin{{document}}x\immediate\write18{{touch {made}}}\end{{document}}"
    if engine == "lualatex":  # which has no \\write18
        source = source.replace(rf"\immediate\write18{{touch {made}}}", rf"\directlua{{os.execute('touch {made}')}}")
    try:
        pdf.pdf(source)
    except OutputError:
        pass
    assert not made.exists()


def test_without_an_engine(no_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["network", "--layers", "2,1", "--format", "pdf,tex", "--output", str(out)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith("derive: no TeX engine was found for pdf (pdflatex, lualatex, xelatex, tectonic): ")
    assert not out.exists()
    assert main(["network", "--layers", "2,1", "--format", "pdf", "--output", str(out), "--check"]) == 1
    assert main(["network", "--layers", "2,1", "--format", "tex", "--output", str(out)]) == 0


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 3", "pdflatex could not set the document: it ended with status 3"),
        ("exit 0", "pdflatex could not set the document: it made no PDF"),
        ("echo './document.tex:7: Bad thing.'; exit 1", "pdflatex could not set the document: Bad thing (line 7)"),
        ("echo '! Emergency stop.'; exit 1", "pdflatex could not set the document: Emergency stop"),
        ("printf '\\377\\376\\n'; exit 1", "it ended with status 1"),
        ("kill -9 $$", "it ended with status -9"),
    ],
)
def test_an_engine_that_fails(no_engine: Path, script: str, says: str) -> None:
    fake(no_engine, script)
    with pytest.raises(OutputError) as caught:
        pdf.pdf(SMALL)
    assert says in str(caught.value)


def test_an_engine_that_hangs(no_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(no_engine, "while :; do :; done")
    monkeypatch.setattr(pdf, "LONGEST", 0.2)
    with pytest.raises(OutputError, match=r"did not set the document within 0\.2 seconds"):
        pdf.pdf(SMALL)


def test_runs_repeat_until_references_are_stable_with_a_limit(no_engine: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for counted, expected in (("echo same", 2), ("wc -l < " + str(runs), pdf.MOST_RUNS)):
        runs.write_text("")
        fake(no_engine, f"PATH=/bin:/usr/bin; echo run >> {runs}; {counted} > document.aux; echo x > document.pdf")
        assert pdf.pdf(SMALL) == b"x\n"
        assert runs.read_text().count("run") == expected


def test_the_first_engine_is_taken(no_engine: Path) -> None:
    fake(no_engine, "echo lua > document.pdf", "lualatex")
    assert pdf.pdf(SMALL) == b"lua\n"
    fake(no_engine, "echo pdf > document.pdf", "pdflatex")
    assert pdf.pdf(SMALL) == b"pdf\n"


def test_a_written_pdf_is_one(engine: str, tmp_path: Path) -> None:
    folder = derive(Network("2,1")).write(tmp_path, edition=Edition("pdf", "brief"))
    assert {"derivation.pdf", "derivation.tex", "document.tex"} <= {p.name for p in folder.iterdir()}
    if shutil.which("pdftotext"):
        command = ["pdftotext", str(folder / "derivation.pdf"), "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "Backpropagation in a 2-1 network" in done.stdout and done.stderr == ""


#: What makes an engine write a PDF that can be searched.
PLAINLY = {
    "pdflatex": r"\pdfcompresslevel=0 \pdfobjcompresslevel=0 ",
    "lualatex": r"\pdfvariable compresslevel=0 \pdfvariable objcompresslevel=0 ",
}


@pytest.mark.parametrize(
    ("paper", "size"), [("a4", rb"595\.\d+ 841\.\d+"), ("letter", rb"61[0-5](\.\d+)? 79[0-5](\.\d+)?")]
)
@pytest.mark.sampled(2)
def test_a_pdf_has_a_title_bookmarks_links_and_its_paper(engine: str, paper: str, size: bytes) -> None:
    source = derive(Network("3,4,1")).files(Edition("tex", only="glance,forward,loop", paper=paper))["document.tex"]
    data = pdf.pdf(PLAINLY[engine] + source)
    assert re.search(rb"/MediaBox ?\[ ?0 0 " + size, data)
    title = "".join(rf"\000{c}" for c in "Backpropagation in a 3-4-1 network").replace(" ", r"\040").encode()
    assert rb"/Title(\376\377" + title in data
    assert b"/Outlines" in data and re.search(rb"/Subtype ?/Link", data)
    assert r"\captionof{figure}{" in source and r"\eqref{eq:2}" in source
