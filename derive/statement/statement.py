"""The statement of a network by its forward equations, line by line in Python or as a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from derive.statement.language.blocks import Loader
from derive.statement.language.build import TextReader
from derive.statement.language.files import load_from, read_text
from derive.statement.language.lines import Lines
from derive.statement.specification import Learning
from derive.statement.stated import StatementBuilder
from derive.text.source import Place
from derive.text.user_text import is_package_name, shown_path


class Statement(StatementBuilder):
    """The forward equations of a network: a ``text`` in the language of docs/equations.md, or lines in Python.

    ``options`` are the learning options of a ``Network``: name, notation, optimizer, l2, clip, schedule,
    initialisation. They take precedence over those in the text. Raises TextError, a StatementError, with everything
    that is wrong in the text, and SpecError for an invalid option. Further lines may be stated by the methods.
    A text uses the layers of `derive list layers`, and one from a file also the files beside it.

    >>> s = Statement('''
    ... input x[3]
    ... target y
    ... parameter w[3]
    ... o = tanh(sum(w[i] * x[i], i))
    ... E = (y - o)**2
    ... ''')
    >>> s
    <Statement network: inputs x and y, parameter w, equations of o and E>
    """

    def __init__(self, text: str = "", **options: Any) -> None:
        self._read(text, options, load=load_from())

    @classmethod
    def from_file(cls, path: str | Path, layer: bool = False, **options: Any) -> Statement:
        """Read the text of a file, or of the standard input for ``-``; the files that it uses stand beside it.

        A ``layer`` has no error: the derivative with respect to its last tensor is given; see ``backward``. By default
        the statement has the name of the file. Raises StatementError if the file cannot be read, and the errors of a
        ``Statement``.
        """
        statement = cls.__new__(cls)
        stem, source = Path(path).stem, "the standard input" if str(path) == "-" else shown_path(path)
        named = {"name": stem} if is_package_name(stem) else {}
        statement._read(read_text(path), options, named, load_from(Path(path).parent), source, layer)
        return statement

    @classmethod
    def from_latex(cls, text: str, declarations: str = "", **options: Any) -> Statement:
        r"""Read forward equations in LaTeX; see docs/latex-input.md.

        The declarations stand in comments of the text, ``% input x[n]``, or in ``declarations``, one in a line. Raises
        TextError, a StatementError, with everything that is wrong, and SpecError for an invalid option.

        >>> Statement.from_latex(
        ...     r"\hat y_i = \tanh\Bigl(\sum_j W_{ij} x_j\Bigr), \qquad E = \frac{1}{2} \sum_i (y_i - \hat y_i)^2",
        ...     "input x[3]\ntarget y[2]\nparameter W[2, 3]",
        ... )
        <Statement network: inputs x and y, parameter W, equations of y_hat and E>
        """
        from derive.statement.latex.read import read_latex

        def read(text: str, problems: list[tuple[Place, str]]) -> Lines:
            return read_latex(text, declarations, problems)

        statement = cls.__new__(cls)
        statement._state(TextReader(text, read=read, declarations=declarations), options, {})
        return statement

    def _read(
        self,
        text: str,
        options: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        load: Loader | None = None,
        source: str = "",
        layer: bool = False,
    ) -> None:
        """State a text; ``options`` take precedence over those in it, and those over ``defaults``."""
        self._state(TextReader(text, load, source, layer) if text else None, options, defaults or {})

    def _state(self, reader: TextReader | None, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.begin(Learning(**{**defaults, **(reader.options if reader else {}), **options}))
        if reader:
            reader.state(self)
