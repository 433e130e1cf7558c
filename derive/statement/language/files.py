"""Files with the text of equations, and the files of blocks that they use."""

from __future__ import annotations

import sys
from pathlib import Path

from derive.statement.keys import LAYERS_FOLDER
from derive.statement.language.blocks import Loader, Source
from derive.text.errors import StatementError
from derive.text.known import misspelled
from derive.text.source import MAX_CHARACTERS, SUFFIX, Misread, Place, universal
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
        return universal(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StatementError(f"{where}, line {line}: this is not UTF-8 text") from None


def load_from(folder: Path | None = None) -> Loader:
    """Return a loader of the files in a folder, if any, and of the catalogue's layers, by their names without ending.

    A file of the catalogue uses those of the catalogue. A name is no path, and links that leave the folder are refused,
    so that nothing outside of both is read. The loader raises Misread for a name that neither has, and for a file that
    cannot be read.
    """
    homes = [LAYERS_FOLDER] if folder is None else [folder, LAYERS_FOLDER]

    def load(name: str, place: Place, of_catalogue: bool) -> Source:
        for home in homes[-1:] if of_catalogue else homes:
            path = home / f"{name}{SUFFIX}"
            if path.is_file():
                if path.resolve().parent != home.resolve():
                    raise Misread(place, f"{path.name} is a link to a file in another folder: put the file itself here")
                try:
                    text = read_text(path)
                except StatementError as problem:
                    raise Misread(place, str(problem)) from None
                listed = home == LAYERS_FOLDER
                hidden = listed and (homes[0] / path.name).is_file() and homes[0] != home
                return Source(text, f"{name} of the catalogue" if hidden else name, listed)
        known = {found.stem for home in homes for found in home.glob(f"*{SUFFIX}") if found.is_file()}
        meant = misspelled(name, sorted(known))
        here = "" if folder is None else f"put {name}{SUFFIX} into the folder of the text, or "
        hint = f"did you mean {meant}?" if meant else f"{here}take a layer of `derive list layers`"
        raise Misread(place, f"there is no file {name}{SUFFIX}: {hint}")

    return load
