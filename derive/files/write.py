"""Writing that loses nothing.

Every generated file is sealed, so that a file that was edited by hand is told from one
that was only generated, and is never overwritten unasked.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from errno import EISDIR
from os import fsync
from pathlib import Path

from derive.files.aside import CAN_LOCK, leftovers, opened
from derive.files.seals import SUFFIXES, Compiled, Content, edited, origin
from derive.text.errors import OutputError
from derive.text.user_text import shown_path

#: The folders within a generated one in which there may be generated files.
SUBFOLDERS = ("parts",)


def write_files(
    folder: Path, files: Mapping[str, Content], force: bool = False, rewritable: Collection[Path] = ()
) -> list[tuple[str, str]]:
    """Write ``files``, by name, into ``folder``; return each name with ``written`` or ``unchanged``.

    What a run that was killed has left there is removed, and returned as ``removed``.

    Either all are written or, if one cannot or must not be, none is. Each file is
    replaced as a whole, so that whoever stops this finds an old or a new one, never
    a part. A name may lead into a folder below. Raises OutputError for a file that was
    edited by hand or is not one of ours, unless ``force`` is set; a file of ours that is
    among ``rewritable`` (the specification that was just read) may have been edited.
    What is compiled is compiled before anything is written.
    """
    with _explained(folder):
        if not force:
            _refuse_foreign(folder, files, rewritable)
        other = _of_another_form(folder, files, force)
        removed = _swept(folder)
        changed = {name: _made(content) for name, content in files.items() if not _is(folder / name, content)}
        with _created([folder / name for name in changed] or [folder / "."]), _written_aside(folder, changed) as aside:
            for name, path in aside.items():
                path.replace(folder / name)
        for path in other:
            path.unlink()
        removed += [(path.name, "removed") for path in other]
    return [*((name, "written" if name in changed else "unchanged") for name in files), *removed]


def _of_another_form(folder: Path, files: Mapping[str, Content], force: bool) -> list[Path]:
    """Code of ours that these files take the place of, and that would be imported with them."""
    if not any(name.endswith(".py") for name in files):
        return []
    found = [path for path in stale_files(folder, files) if path.suffix == ".py"]
    own = next((path for path in found if not force and edited(path.read_bytes())), None)
    if own is not None:
        what = "was edited by hand, and is no part of the code in this form"
        raise OutputError(f"{shown_path(own)} {what}: move it away, or use --force to remove it")
    return found


def _swept(folder: Path) -> list[tuple[str, str]]:
    """Remove what a run that was killed has left."""
    found = leftovers(_places(folder))
    for path in found:
        path.unlink(missing_ok=True)
    return [(path.relative_to(folder).as_posix(), "removed") for path in found]


def _places(folder: Path) -> list[Path]:
    """The folders, of those that are there, in which there may be generated files."""
    return [*([folder] if folder.exists() else []), *(p for s in SUBFOLDERS if (p := folder / s).is_dir())]


def _made(content: Content) -> bytes:
    return content.make() if isinstance(content, Compiled) else content.encode()


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn what the system says into a sentence for the user."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        at = Path(error.filename or folder)
        above = next((p for p in (at, *at.parents) if p.exists() or p.is_symlink()), at)
        wanted = folder if above in (folder, *folder.parents) else above
        raise OutputError(f"cannot use {shown_path(wanted)}: {shown_path(above)} is not a folder") from None
    except IsADirectoryError as error:
        raise OutputError(f"cannot write {shown_path(error.filename)}: it is a folder") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot write to {shown_path(folder)}: {reason}") from None


def _refuse_foreign(folder: Path, files: Mapping[str, Content], rewritable: Collection[Path]) -> None:
    allowed = {path.resolve() for path in rewritable}
    for name, content in files.items():
        path = folder / name
        if _is(path, content) or not (path.exists() or path.is_symlink()):
            continue
        if path.is_symlink():
            raise OutputError(f"{shown_path(path)} is a symbolic link: use --force to replace it by a file")
        found = edited(path.read_bytes())
        if found is None:
            raise OutputError(f"{shown_path(path)} was not generated by derive: use --force to overwrite it")
        if found and path.resolve() not in allowed:
            raise OutputError(
                f"{shown_path(path)} was edited by hand since it was generated: use --force to overwrite it"
            )


def _is(path: Path, content: Content) -> bool:
    """Whether a file is there as it would be written; if it is compiled, from the same source."""
    if path.is_symlink() or not path.is_file():
        return False
    data = path.read_bytes()
    return origin(data) == content.origin if isinstance(content, Compiled) else data == content.encode()


@contextmanager
def _created(files: Iterable[Path]) -> Iterator[None]:
    """Have the folders of files; if what follows fails, take away again what was created for them."""
    above = dict.fromkeys(path for file in files for path in file.parents)
    new = sorted((path for path in above if not path.exists()), key=lambda p: len(p.parts))
    made: list[Path] = []
    try:
        for path in new:
            path.mkdir(exist_ok=True)
            made.append(path)
        yield
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir()
        raise


@contextmanager
def _written_aside(folder: Path, files: Mapping[str, bytes]) -> Iterator[dict[str, Path]]:
    """Write every file under another name beside its place; what is still there at the end is removed."""
    with ExitStack() as at_the_end:
        aside = {name: _write_new(data, folder / name, at_the_end) for name, data in files.items()}
        yield aside


def _write_new(data: bytes, place: Path, at_the_end: ExitStack) -> Path:
    """Write a file to the disk itself, with the permissions of the one that it is to replace."""
    if place.is_dir() and not place.is_symlink():
        raise IsADirectoryError(EISDIR, "is a folder", str(place))
    path, file = opened(place)
    at_the_end.callback(path.unlink, missing_ok=True)
    with ExitStack() as at_once:
        (at_the_end if CAN_LOCK else at_once).callback(file.close)
        file.write(data)
        file.flush()
        fsync(file.fileno())
    if place.is_file():
        path.chmod(place.stat().st_mode & 0o7777)
    return path


# Comparing.


def compare_files(folder: Path, files: Mapping[str, Content]) -> str:
    """Return a unified diff from the files on disk to ``files``, empty if they are the same.

    A file of ours in ``folder`` that is not among ``files`` is reported as stale, and so is what
    a run that was killed has left. Nothing is compiled: of what would be, the source is compared.
    """
    with _explained(folder):
        changes = [_difference(folder / name, content) for name, content in files.items()]
        stale = [f"--- {shown_path(p)}\n+++ /dev/null\n(no longer generated)\n" for p in stale_files(folder, files)]
        left = [f"--- {shown_path(p)}\n+++ /dev/null\n({_LEFT})\n" for p in leftovers(_places(folder))]
    return "".join(changes + stale + left)


_LEFT = "left by a run that was killed; the next one that writes removes it"


def stale_files(folder: Path, files: Collection[str]) -> list[Path]:
    """The files of ours in ``folder`` that are not among ``files``."""
    found = [path for place in _places(folder) for path in place.iterdir()]
    kept = {folder / name for name in files}
    ours = (p for p in sorted(found) if p not in kept and p.suffix in SUFFIXES and p.is_file())
    return [path for path in ours if edited(path.read_bytes()) is not None]


def _difference(path: Path, content: Content) -> str:
    name = shown_path(path)
    if _is(path, content):
        return ""
    old = _lines(_text(path)) if path.is_file() and not isinstance(content, Compiled) else []
    if isinstance(content, Compiled):
        return f"--- {name if path.is_file() else '/dev/null'}\n+++ {name}\n(would be compiled from another source)\n"
    lines = list(difflib.unified_diff(old, _lines(content), name if old else "/dev/null", name))
    return "".join(lines) or f"--- {name}\n+++ {name}\n(the same text in other bytes, or a symbolic link)\n"


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="backslashreplace")


def _lines(text: str) -> list[str]:
    """Split into lines, saying so where the last one does not end."""
    lines = [f"{line}\n" for line in text.replace("\r", "\\r").split("\n")]
    return lines[:-1] if lines[-1] == "\n" else [*lines[:-1], lines[-1] + "\\ No newline at end of file\n"]
