"""The streams that the command writes to: closed, full or no longer read, they are no reason for a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

#: What the system says of a stream that takes nothing more.
REFUSED = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EAGAIN, errno.EDQUOT, errno.ECONNRESET})


def prepare() -> None:
    """Let both streams show what they lack letters for; a closed one takes everything and shows nothing.

    Whoever closes a stream wants nothing on it, and still the command's exit status.
    """
    sys.stdout, sys.stderr = _opened(sys.stdout), _opened(sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter shows its code
            stream.reconfigure(errors="backslashreplace")


def _opened(stream: TextIO | None) -> TextIO:
    if stream is not None and not stream.closed:
        return stream
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as the process lives


def complain(message: str) -> None:
    """Write a message to the standard error; if that takes nothing, the exit status says enough."""
    try:
        print(message, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Let nothing more be written to a stream that takes nothing, not even at the end of the process."""
    with suppress(OSError):  # it may be none of the system's
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
