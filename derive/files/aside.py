"""Files are written beside their places first; what a run that was killed has left there is found again.

As long as a run has such files, it holds a lock on each of them. The system lets go of it when the
process ends, however it ends; the number of a process would not do, for on another machine that shares
the folder, or in a container, it is that of another one. Where there are no locks, age decides.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from derive.files.seals import SUFFIXES

if sys.platform != "win32":
    import fcntl

#: Whether a file can be replaced by one that is still open, and locked.
CAN_LOCK = sys.platform != "win32"

#: After so many seconds, no run is still writing.
LONG_AGO = 3600

_NAME = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)


def opened(place: Path) -> tuple[Path, BinaryIO]:
    """A new file beside a place, open for writing and, where that is possible, locked."""
    while True:
        path = place.with_name(f".{place.name}.{secrets.token_hex(8)}.tmp")
        file = path.open("xb")
        if _lock(file):
            return path, file
        file.close()


def _lock(file: BinaryIO) -> bool:
    """Lock a new file; False if another run has taken it for one that was left, and removed it, just before."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # of a file system without locks
            return True
    return os.fstat(file.fileno()).st_nlink > 0 or not CAN_LOCK


def leftovers(folders: Iterable[Path]) -> list[Path]:
    """The files beside ours that no run is still writing."""
    found = sorted(path for folder in folders for path in folder.iterdir() if _is_named_aside(path.name))
    return [path for path in found if path.is_file() and not path.is_symlink() and _is_abandoned(path)]


def _is_named_aside(name: str) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and Path(found[1]).suffix in SUFFIXES


def _is_abandoned(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
    except (BlockingIOError, FileNotFoundError):  # it is being written, or was just put in its place
        return False
    except OSError:  # it may not be read, or there are no locks
        pass
    return time.time() - path.stat().st_mtime > LONG_AGO
