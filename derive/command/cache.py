"""The cache of results: a second run of an unchanged specification reads what the first one made.

A result is kept under a hash of all that it depends on: the options, the files that they name, the code of
`derive` and the versions of the libraries that it computes with. The folder is ``$DERIVE_CACHE``, or ``derive`` in
``$XDG_CACHE_HOME`` or ``~/.cache``; nothing is kept if ``DERIVE_CACHE`` is empty. A cache that cannot be
read or written is no error: the result is derived anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from derive.files.seals import Content, content_hash
from derive.files.templates import template_folder

#: So many results are kept; a new one takes the place of the one that was used least recently.
LIMIT = 50

#: The options on which a result does not depend: they say what is done with it.
_USES = ("run", "output", "force", "check")

#: The libraries on whose version a result depends, each with the file that names its version.
_LIBRARIES = {"sympy": "release.py", "numpy": "version.py", "mpmath": "__init__.py", "jinja2": "__init__.py"}


@dataclass(frozen=True)
class Result:
    """What ``derive network`` makes: the name of the folder, its files, and the lines to print."""

    name: str
    files: dict[str, Content]
    summary: list[str]
    report: str


def cached(options: argparse.Namespace, read: Iterable[Path], make: Callable[[], Result]) -> Result:
    """Return the kept result of these options and the files that they name, or make it and keep it."""
    try:
        path = _folder() / f"{_key(options, read)}.json"
    except (OSError, RuntimeError):  # a file that cannot be read; a user without a home
        return make()
    with suppress(OSError, ValueError):
        return _read_back(path)
    result = make()
    if all(isinstance(content, str) for content in result.files.values()):  # a PDF is compiled anew where it is needed
        with suppress(OSError):
            _keep(path, json.dumps(asdict(result)))
    return result


def _read_back(path: Path) -> Result:
    """Read a result that was kept. Raises OSError if there is none, and ValueError if it is damaged."""
    digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    if digest != content_hash(text):
        raise ValueError(f"{path} is damaged")
    path.touch()
    return Result(**json.loads(text))


def _folder() -> Path:
    """The folder of the cache. Raises RuntimeError if there is none."""
    chosen = os.environ.get("DERIVE_CACHE")
    if chosen == "":
        raise RuntimeError("the cache is turned off")
    return Path(chosen or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "derive")


def _key(options: argparse.Namespace, read: Iterable[Path]) -> str:
    """The hash of everything on which a result depends. Raises OSError if a file cannot be read."""
    given = sorted((name, repr(value)) for name, value in vars(options).items() if name not in _USES)
    files = [(str(path), path.read_bytes()) for path in read]
    return hashlib.sha256(repr((given, files, sys.version, list(_code()))).encode()).hexdigest()


def _code() -> Iterable[tuple[str, int, int]]:
    """The name, size and time of each file of code, each template and each file that names a library's version."""
    folders = (Path(__file__).resolve().parents[1], template_folder())
    ours = (path for folder in folders for path in folder.rglob("*.[pj][yi]*"))
    origins = ((spec.origin, file) for name, file in _LIBRARIES.items() if (spec := find_spec(name)))
    theirs = (Path(origin).with_name(file) for origin, file in origins if origin)
    for path in (*sorted(path for path in ours if path.suffix in (".py", ".jinja")), *theirs):
        found = path.stat()
        yield str(path), found.st_size, found.st_mtime_ns


def _keep(path: Path, text: str) -> None:
    """Write a result as a whole, and remove the oldest ones."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}.tmp")
    new.write_text(f"{content_hash(text)}\n{text}", encoding="utf-8", newline="\n")
    new.replace(path)
    newest_first = sorted(path.parent.glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in newest_first[LIMIT:]:
        old.unlink(missing_ok=True)
