"""A cache of compiled templates in ``__pycache__`` beside the templates."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket


class Compiled(jinja2.FileSystemBytecodeCache):
    """Compiled templates in a folder; if it is not writable, templates are compiled each time."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store a compiled template, unless Python is told to write no bytecode."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                Path(self.directory).mkdir(exist_ok=True)
                super().dump_bytecode(bucket)


def compiled_in(folder: Path) -> Compiled:
    """Compiled templates of a folder, for this version of Python and Jinja.

    Jinja compares each with its template's text and recompiles it if the text has changed.
    """
    return Compiled(str(folder / "__pycache__"), f"%s.{sys.implementation.cache_tag}.jinja-{jinja2.__version__}")
