"""Files of arrays that are written whole or not at all, and read with suspicion."""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import re
import secrets
import sys
import zipfile
from typing import IO, Any

import numpy as np

from derive.targets.numpy.runtime.values import Array, _described

_HISTORIES = ("history", "epoch_history", "validation_history")
#: What a trainer counts, and in words.
_COUNTS = {"n_iter_": "epochs", "n_steps_": "steps"}

#: How an array begins in a file: its type, the order of its numbers, its shape.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|=]?[biufU][0-9]{1,9})', "
    rb"'fortran_order': (True|False), "
    rb"'shape': \(([0-9]{0,18}(?:, ?[0-9]{1,18}){0,31}),?\), \} *\n",
    re.DOTALL,
)


def _write_npz(
    path: str | os.PathLike[str] | IO[bytes], content: dict[str, Any]
) -> None:
    """Write arrays to a file, beside it first; or to a stream."""
    if not isinstance(path, (str, os.PathLike)):
        if not hasattr(path, "write"):
            raise TypeError(
                f"path must be a path or a binary file, not {_described(path)}"
            )
        np.savez(path, **content)
        return
    if os.path.exists(path) and not os.path.isfile(path):
        # a device, say: it must stay one
        whole = io.BytesIO()
        np.savez(whole, **content)
        with open(path, "wb") as stream:
            stream.write(whole.getbuffer())
        return
    place = os.path.realpath(path)
    _check_place(path)
    _remove_abandoned(place)
    aside = f"{place}.{secrets.token_hex(8)}.tmp"
    try:
        with open(aside, "xb") as stream:
            with contextlib.suppress(OSError):  # of a file system without locks
                _lock(stream, wait=True)
            if not os.path.exists(aside):  # it was taken for abandoned before
                return _write_npz(path, content)
            if os.path.exists(place):
                os.chmod(aside, os.stat(place).st_mode & 0o777)
            np.savez(stream, **content)
            stream.flush()
            os.fsync(stream.fileno())
            if sys.platform != "win32":
                os.replace(aside, place)  # while the lock is held
        if sys.platform == "win32":  # where no file that is open can be moved
            os.replace(aside, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(aside)
        raise


def _check_place(path: str | os.PathLike[str]) -> None:
    """Raise OSError unless a file can be at this place: the folder must be there."""
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "a folder, no file", os.fspath(path))
    if not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        raise FileNotFoundError(
            errno.ENOENT, "the folder of this file does not exist", os.fspath(path)
        )


def _remove_abandoned(place: str) -> None:
    """Remove what a `save` to the same place has left beside it where it was killed.

    One that goes on holds a lock, which the system lets go of when a process ends,
    however it ends.
    """
    folder, name = os.path.split(place)
    left = re.compile(re.escape(name) + r"\.[0-9a-f]{16}\.tmp")
    with contextlib.suppress(OSError):
        for other in filter(left.fullmatch, os.listdir(folder)):
            path = os.path.join(folder, other)
            with contextlib.suppress(OSError):
                if sys.platform == "win32":  # where a file that is open stays
                    os.remove(path)
                    continue
                with open(path, "rb") as stream:
                    _lock(stream, wait=False)
                    os.remove(path)


def _lock(stream: IO[bytes], wait: bool) -> None:
    """Lock a file until it is closed, where the system can; OSError if it cannot."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _read_npz(path: str | os.PathLike[str] | IO[bytes]) -> tuple[dict[str, Array], str]:
    """The arrays of a file, and what to call it in an error."""
    if isinstance(path, (str, os.PathLike)):
        with open(path, "rb") as stream:
            return _arrays(stream, str(path)), str(path)
    if not hasattr(path, "read"):
        raise TypeError(f"path must be a path or a binary file, not {_described(path)}")
    where = str(getattr(path, "name", "the file"))
    return _arrays(path, where), where


def _arrays(stream: IO[bytes], where: str) -> dict[str, Array]:
    """The arrays of a file, by their names: no more than it has bytes."""
    try:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 22))  # the length of the end of an archive
        if stream.read(4) != b"PK\x05\x06":
            raise ValueError("the file does not end where the archive does")
        stream.seek(0)
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_members(members, size)
            return {
                m.filename.removesuffix(".npy"): _array(archive.read(m))
                for m in members
            }
    except OSError as wrong:
        if wrong.errno != errno.EINVAL:  # that comes of a place outside the file
            raise
        raise ValueError(_damaged(where, wrong)) from wrong
    except Exception as wrong:  # a damaged archive fails in many ways
        raise ValueError(_damaged(where, wrong)) from wrong


def _damaged(where: str, wrong: Exception) -> str:
    kind = type(wrong).__name__
    return f"{where} is damaged, or no file that a trainer wrote ({kind})"


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raise unless the members lie in a file of this size as they are, each once."""
    if any(m.compress_type != zipfile.ZIP_STORED for m in members):
        raise ValueError("a member is compressed")
    if sum(m.file_size for m in members) > size:
        raise ValueError("the members are larger than the file")
    if len({m.filename for m in members}) < len(members):
        raise ValueError("a name occurs twice")


def _array(data: bytes) -> Array:
    """An array from a member's bytes, in the byte order of this machine."""
    header = _HEADER.match(data)
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise ValueError("a member is no array")
    dtype = np.dtype(header[2].decode())
    shape = tuple(int(length) for length in header[4].split(b",") if length.strip())
    if math.prod(shape) * dtype.itemsize != len(data) - header.end():
        raise ValueError("a member has another size than its shape")
    values: Array = np.frombuffer(data, dtype, math.prod(shape), header.end())
    turned = header[3] == b"True"  # the first index runs first
    values = values.reshape(shape[::-1]).T if turned else values.reshape(shape)
    return values.astype(dtype.newbyteorder("="))
