"""The statement of a network by its forward equations, line by line in Python or as a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from derive.statement.language.blocks import LinesReader, read_text_lines
from derive.statement.language.build import TextReader
from derive.statement.language.files import load_from, read_text
from derive.statement.language.lines import Lines
from derive.statement.specification import Learning
from derive.statement.stated import StatementBuilder
from derive.text.source import Place
from derive.text.user_text import is_package_name, shown_path


class Statement(StatementBuilder):
    """The forward equations of a network: a ``text`` in the language of docs/equations.md, or lines in Python.

    ``options`` are the learning options of a ``Network``: name, notation, optimizer, l1, l2, clip, schedule,
    initialisation, order, truncate, sample_weight, missing, gradients, constraint, train,
    rate_factors. They take precedence over those in the text.
    Raises TextError, a StatementError, with everything that is wrong in the text, and SpecError for an invalid option.
    Further lines may be stated by the methods.
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
        self._state(TextReader(text, load_from()) if text else None, options, {})

    @classmethod
    def from_file(cls, path: str | Path, layer: bool = False, **options: Any) -> Statement:
        """Read the text of a file, or of the standard input for ``-``; the files that it uses stand beside it.

        A file whose name ends with ``.tex`` is read as LaTeX, see ``from_latex``. A ``layer`` has no error: the
        derivative with respect to its last tensor is given, see ``backward``. By default the statement has the name of
        the file. Raises StatementError if the file cannot be read, and the errors of a ``Statement``.
        """
        source = "the standard input" if str(path) == "-" else shown_path(path)
        read = _latex_lines("") if Path(path).suffix == ".tex" else read_text_lines
        reader = TextReader(read_text(path), load_from(Path(path).parent), source, layer, read)
        statement, stem = cls.__new__(cls), Path(path).stem
        statement._state(reader, options, {"name": stem} if is_package_name(stem) else {})
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
        statement = cls.__new__(cls)
        reader = TextReader(text, load_from(), read=_latex_lines(declarations), declarations=declarations)
        statement._state(reader, options, {})
        return statement

    def _state(self, reader: TextReader | None, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.reset(Learning(**{**defaults, **(reader.options if reader else {}), **options}))
        if reader:
            reader.state(self)


def _latex_lines(declarations: str) -> LinesReader:
    """Return what reads the lines of a text in LaTeX."""
    from derive.statement.latex.read import read_latex

    def read(text: str, problems: list[tuple[Place, str]]) -> Lines:
        return read_latex(text, declarations, problems)

    return read
