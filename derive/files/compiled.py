"""Compiled templates, kept in ``__pycache__`` beside the templates, as Python keeps compiled modules."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket


class Compiled(jinja2.FileSystemBytecodeCache):
    """Compiled templates in a folder; where it cannot be written, templates are compiled each time."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template that was compiled, if Python may keep modules."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                Path(self.directory).mkdir(exist_ok=True)
                super().dump_bytecode(bucket)


def compiled_in(folder: Path) -> Compiled:
    """The compiled templates of a folder, those of this Python and this Jinja.

    Jinja compares each with its template's text, so that one that has changed is compiled anew.
    """
    return Compiled(str(folder / "__pycache__"), f"%s.{sys.implementation.cache_tag}.jinja-{jinja2.__version__}")
