"""Temporary files beside their targets, and the detection of those that a killed run left behind.

A run holds a lock on each of its temporary files. The system releases the lock when the process ends
for any reason; a process id would not do, since it means another process on another machine that shares
the folder, or in a container. On file systems without locks, age decides.
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

#: Whether an open and locked file can be moved over another one.
CAN_LOCK = sys.platform != "win32"

#: Age in seconds after which a temporary file counts as abandoned.
LONG_AGO = 3600

_NAME = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)


def opened(place: Path) -> tuple[Path, BinaryIO]:
    """Open a new file beside ``place`` for writing, locked if possible."""
    while True:
        path = place.with_name(f".{place.name}.{secrets.token_hex(8)}.tmp")
        file = path.open("xb")
        if _lock(file):
            return path, file
        file.close()


def _lock(file: BinaryIO) -> bool:
    """Lock a new file; False if another run has just removed it as abandoned."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            return True
    return os.fstat(file.fileno()).st_nlink > 0 or not CAN_LOCK


def leftovers(folders: Iterable[Path]) -> list[Path]:
    """Abandoned temporary files in these folders."""
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
    except (BlockingIOError, FileNotFoundError):  # still being written, or just moved to its target
        return False
    except OSError:  # not readable, or no locks
        pass
    return time.time() - path.stat().st_mtime > LONG_AGO
