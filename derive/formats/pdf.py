"""The document as PDF, set by a TeX engine that is found on the path.

The engine runs in a folder of its own, may not start other programs and may read nothing
outside but its own packages; the same source gives the same bytes with the same engine.
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

#: The engines, the first that is found is taken, with their options.
ENGINES = {
    "pdflatex": _CAREFUL,
    "lualatex": (*_CAREFUL, "-jobname=document"),
    "xelatex": _CAREFUL,
    "tectonic": ("--untrusted", "--keep-logs", "--reruns", "3"),
}
#: So that nothing of the day or of this machine gets into the PDF.
ENVIRONMENT = {
    "SOURCE_DATE_EPOCH": "0",
    "FORCE_SOURCE_DATE": "1",
    "TZ": "UTC",
    "openin_any": "p",
    "openout_any": "p",
    "max_print_line": "10000",
}
#: How long one run of an engine may take, in seconds.
LONGEST = 300
#: How often the references may change.
MOST_RUNS = 4

_NAME = "document"
_ERROR = re.compile(r"^(?:\./)?document\.tex:(\d+): (.+)$|^! (.+)$|^error: (.+)$", re.MULTILINE)


def engine() -> tuple[str, str]:
    """The name and the path of the TeX engine; raises OutputError if there is none."""
    for name in ENGINES:
        found = which(name)
        if found:
            return name, found
    raise OutputError(
        f"no TeX engine was found for pdf ({', '.join(ENGINES)}): install one, such as pdflatex of TeX Live, "
        "or leave pdf out of the formats"
    )


def files(manuscript: Manuscript) -> dict[str, Content]:
    """The document, and what it was made of."""
    written = tex.files(manuscript)
    source = written["document.tex"]
    return {**written, "derivation.pdf": Compiled(source, lambda: pdf(source))}


def pdf(source: str) -> bytes:
    """Set a whole LaTeX document.

    Raises OutputError, with the engine's first error in one sentence, if there is no
    engine or it fails.
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
    """What the engine noted of labels for its next run; None before the first."""
    noted = folder / f"{_NAME}.aux"
    return noted.read_bytes() if noted.is_file() else None


def _start(name: str, source: str) -> str:
    """What an engine is told to read; LuaTeX would make the identity of the PDF of its folder's name."""
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
