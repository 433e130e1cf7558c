"""The cache of results: a second run of an unchanged specification reads the result of the first.

The key is a hash of all inputs: the options, the files that they name, the code of `derive` and the versions of
the libraries. The folder is ``$DERIVE_CACHE``, or ``derive`` in ``$XDG_CACHE_HOME`` or ``~/.cache``; an empty
``DERIVE_CACHE`` turns the cache off. If the cache cannot be read or written, the result is derived again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from derive.files.seals import Content, content_hash
from derive.files.templates import template_folder
from derive.record import record

#: Number of results kept; a new one replaces the least recently used.
LIMIT = 50

#: Options on which a result does not depend.
_USES = ("run", "output", "force", "check")

#: Libraries on whose version a result depends, each with the file that holds its version.
_LIBRARIES = {"sympy": "release.py", "numpy": "version.py", "mpmath": "__init__.py", "jinja2": "__init__.py"}


@record
class Result:
    """The result of ``derive network``: the name of the folder, its files, and the lines to print."""

    name: str
    files: dict[str, Content]
    summary: list[str]
    report: str


def cached(options: argparse.Namespace, read: Sequence[Path], make: Callable[[], Result]) -> Result:
    """Return the kept result of these options and the files that they name, or make it and keep it."""
    try:
        folder, key = _folder(), _key(options, read)
    except (OSError, RuntimeError):  # a file that cannot be read twice; a user without a home
        return make()
    path = folder / f"{key}.json"
    with suppress(OSError, ValueError, TypeError):
        return _read_back(path)
    result = make()
    if all(isinstance(content, str) for content in result.files.values()):  # PDFs are not cached
        with suppress(OSError):
            if _key(options, read) == key:  # and no file was edited meanwhile
                _keep(path, json.dumps(asdict(result)))
    return result


def _folder() -> Path:
    """Return the folder of the cache. Raises RuntimeError if there is none."""
    chosen = os.environ.get("DERIVE_CACHE")
    if chosen == "":
        raise RuntimeError("the cache is turned off")
    if chosen is not None:
        return Path(chosen).expanduser()
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".cache") / "derive"


def _key(options: argparse.Namespace, read: Iterable[Path]) -> str:
    """Return the hash of everything on which a result depends.

    Raises OSError for a file that cannot be read, or not twice, such as a pipe.
    """
    given = sorted((name, repr(value)) for name, value in vars(options).items() if name not in _USES)
    files = [(str(path), _bytes_of(path)) for path in read]
    return hashlib.sha256(repr((given, files, sys.version, list(_code()))).encode()).hexdigest()


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        raise OSError(f"{path} is not a regular file")
    return path.read_bytes()


def _read_back(path: Path) -> Result:
    """Read a cached result. Raises OSError if there is none, and ValueError if it is damaged."""
    digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    if digest != content_hash(text):
        raise ValueError(f"{path} is damaged")
    with suppress(OSError):  # of a folder that is only read
        path.touch()
    return Result(**json.loads(text))


def _code() -> Iterable[tuple[str, int, int]]:
    """The name, size and time of each file of code, each template and each file that names a library's version."""
    ours = [*Path(__file__).resolve().parents[1].rglob("*.py"), *template_folder().rglob("*.*")]
    origins = ((spec.origin, file) for name, file in _LIBRARIES.items() if (spec := find_spec(name)))
    theirs = (Path(origin).with_name(file) for origin, file in origins if origin)
    for path in (*sorted(path for path in {*ours} if path.parent.name != "__pycache__"), *theirs):
        found = path.stat()
        yield str(path), found.st_size, found.st_mtime_ns


def _keep(path: Path, text: str) -> None:
    """Write a result as a whole, and remove the oldest ones and what a run that was killed has left."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}.tmp")
    with open(new, "x", encoding="utf-8", newline="\n", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(f"{content_hash(text)}\n{text}")
    new.replace(path)
    newest_first = sorted(path.parent.glob("*.*"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in newest_first[LIMIT:]:
        old.unlink(missing_ok=True)
