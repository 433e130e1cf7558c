"""Files with the text of equations, and the files of blocks that they use."""

from __future__ import annotations

import sys
from pathlib import Path

from derive.statement.language.blocks import Loader
from derive.text.errors import StatementError
from derive.text.known import misspelled
from derive.text.source import MAX_CHARACTERS, SUFFIX, Misread, Place
from derive.text.user_text import shown_path


def read_text(path: str | Path) -> str:
    """Return the text of a file, or of the standard input for ``-``. Raises StatementError if it cannot be read."""
    where = shown_path(path)
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(4 * MAX_CHARACTERS + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(4 * MAX_CHARACTERS + 1)
    except FileNotFoundError:
        raise StatementError(f"{where}: there is no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StatementError(f"{where}: cannot be read ({reason.lower()})") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StatementError(f"{where}, line {line}: this is not UTF-8 text") from None


def load_from(folder: Path) -> Loader:
    """Return a loader of the files in a folder. A name is no path, so that nothing outside of the folder is read."""

    def load(name: str, place: Place) -> str:
        path = folder / f"{name}{SUFFIX}"
        if path.is_file() and path.resolve().parent == folder.resolve():
            return read_text(path)
        known = sorted(found.stem for found in folder.glob(f"*{SUFFIX}"))
        meant = misspelled(name, known)
        hint = f"did you mean {meant}?" if meant else f"put {name}{SUFFIX} into the folder of the text"
        raise Misread(place, f"there is no file {name}{SUFFIX}: {hint}")

    return load
