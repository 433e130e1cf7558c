"""The table of targets, the languages of the generated code, used by the command, the editions and the seals.

To add a target, write a folder in `derive/targets/` with a module `target` whose ``TARGET`` makes a
``targets.target.Target`` from a derivation, and add an entry to ``TARGETS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from derive.files.formats import HASH, Comment
from derive.record import record


@record
class Language:
    """A target; ``name`` is also that of its folder.

    ``forms`` are the forms of its code, the first by default. ``comments`` gives the comment syntax of its files by
    their extensions.
    """

    name: str
    summary: str
    forms: tuple[str, ...] = ("package",)
    comments: Mapping[str, tuple[Comment, ...]] = field(default_factory=dict)


SLASHES = Comment("// ")

TARGETS = {
    entry.name: entry
    for entry in (
        Language(
            "numpy",
            "Python that needs only NumPy, with a trainer",
            ("package", "single-file", "core", "predict"),
            {".py": (HASH,)},
        ),
        Language(
            "c",
            "C99 that allocates no memory: a header and a source file",
            comments={".c": (SLASHES,), ".h": (SLASHES,)},
        ),
        Language(
            "torch",
            "Python that needs only PyTorch: a module whose error has the derived gradients",
            comments={".py": (HASH,)},
        ),
        Language(
            "jax",
            "Python that needs only JAX: pure functions and a trainer for many devices",
            comments={".py": (HASH,)},
        ),
    )
}
