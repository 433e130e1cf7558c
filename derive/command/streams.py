"""Output streams that are closed, full or no longer read, without a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

#: Error numbers of a stream that accepts no more output.
REFUSED = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EAGAIN, errno.EDQUOT, errno.ECONNRESET})


def prepare() -> None:
    """Prepare both streams: escape characters outside the encoding, and replace a closed stream by a null device.

    A closed stream must not change the exit status.
    """
    sys.stdout, sys.stderr = _opened(sys.stdout), _opened(sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # escape characters outside the encoding
            stream.reconfigure(errors="backslashreplace")


def _opened(stream: TextIO | None) -> TextIO:
    if stream is not None and not stream.closed:
        return stream
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as the process lives


def complain(message: str) -> None:
    """Write a message to standard error; if that fails, only the exit status reports the error."""
    try:
        print(message, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Discard all further output to a stream, including the flush at exit."""
    with suppress(OSError):  # it may have no file descriptor
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
