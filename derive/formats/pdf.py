"""The document as PDF, compiled by a TeX engine on the path.

The engine runs in a temporary folder. It may not start other programs and may read only its own
packages. With the same engine, the same source gives the same bytes.
"""

from __future__ import annotations

import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from derive.files.seals import Compiled, Content
from derive.formats import tex
from derive.text.errors import OutputError

if TYPE_CHECKING:
    from derive.document.manuscript import Manuscript

_CAREFUL = ("-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "-file-line-error")

#: The engines with their options, in order of preference.
ENGINES = {
    "pdflatex": _CAREFUL,
    "lualatex": (*_CAREFUL, "-jobname=document"),
    "xelatex": _CAREFUL,
    "tectonic": ("--untrusted", "--keep-logs", "--reruns", "3"),
}
#: The environment of the engine; it keeps the date and the machine out of the PDF.
ENVIRONMENT = {
    "SOURCE_DATE_EPOCH": "0",
    "FORCE_SOURCE_DATE": "1",
    "TZ": "UTC",
    "openin_any": "p",
    "openout_any": "p",
    "max_print_line": "10000",
}
#: The time limit of one run of an engine, in seconds.
LONGEST = 300
#: The largest number of runs until the references are stable.
MOST_RUNS = 4

_NAME = "document"
_ERROR = re.compile(r"^(?:\./)?document\.tex:(\d+): (.+)$|^! (.+)$|^error: (.+)$", re.MULTILINE)


def engine() -> tuple[str, str]:
    """Return the name and the path of the TeX engine. Raises OutputError if none is installed."""
    for name in ENGINES:
        found = which(name)
        if found:
            return name, found
    raise OutputError(
        f"no TeX engine was found for pdf ({', '.join(ENGINES)}): install one, such as pdflatex of TeX Live, "
        "or leave pdf out of the formats"
    )


def files(manuscript: Manuscript) -> dict[str, Content]:
    """Return the PDF and the LaTeX files, by file name."""
    written = tex.files(manuscript)
    source = written["document.tex"]
    return {**written, "derivation.pdf": Compiled(source, lambda: pdf(source))}


def pdf(source: str) -> bytes:
    """Compile a whole LaTeX document.

    Raises OutputError if there is no engine or it fails; the message has the first error of the engine.
    """
    name, path = engine()
    with TemporaryDirectory(prefix="derive-") as place:
        folder = Path(place)
        (folder / f"{_NAME}.tex").write_text(source, encoding="utf-8")
        for _ in range(MOST_RUNS):
            before = _references(folder)
            _run([path, *ENGINES[name], _start(name, source)], folder)
            if before == _references(folder):
                break
        try:
            return (folder / f"{_NAME}.pdf").read_bytes()
        except FileNotFoundError:
            raise OutputError(f"{name} could not set the document: it made no PDF") from None


def _references(folder: Path) -> bytes | None:
    """Return the auxiliary file with the labels; None before the first run."""
    noted = folder / f"{_NAME}.aux"
    return noted.read_bytes() if noted.is_file() else None


def _start(name: str, source: str) -> str:
    """Return the input argument of an engine. LuaTeX gets a fixed PDF identifier: its own depends on the folder."""
    if name != "lualatex":
        return f"{_NAME}.tex"
    identity = sha256(source.encode()).hexdigest()[:32]
    return rf"\pdfvariable trailerid{{[<{identity}> <{identity}>]}}\input{{{_NAME}.tex}}"


def _run(command: list[str], folder: Path) -> None:
    """Run the engine once."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OutputError(f"{name} did not set the document within {LONGEST} seconds: leave pdf out") from None
    except OSError as error:
        raise OutputError(f"{name} could not be run: {(error.strerror or str(error)).lower()}") from None
    if done.returncode:
        said = done.stdout.decode(errors="replace")
        raise OutputError(f"{name} could not set the document: {_first_error(said, done.returncode)}")


def _first_error(said: str, status: int) -> str:
    found = _ERROR.search(said)
    if found is None:
        return f"it ended with status {status}"
    line, *messages = found.groups()
    message = next(m for m in messages if m).strip().rstrip(".")
    return f"{message} (line {line})" if line else message
