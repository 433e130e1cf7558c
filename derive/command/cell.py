"""The cell magic ``%%derive`` of IPython and Jupyter: a text of equations, with its derivation below it."""

from __future__ import annotations

import argparse
import shlex
from importlib import import_module
from typing import Any, NoReturn

from derive.statement.edition import DETAILS
from derive.statement.keys import KEYS
from derive.statement.specification import LEARNING
from derive.text.errors import SpecError, StatementError

USE = "%%derive [NAME] [--detail brief] [--optimizer adam] ..."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SpecError(f"{message}: write {USE}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="%%derive", add_help=False, allow_abbrev=False)
    parser.add_argument("variable", nargs="?", default="derivation")
    parser.add_argument("--detail", default="brief")
    for name in LEARNING:
        parser.add_argument(f"--{name.replace('_', '-')}", help=KEYS[name].help)
    return parser


def register(shell: Any) -> None:
    """Give a shell of IPython the magic."""

    def derive_cell(line: str, cell: str) -> None:
        """Derive the equations of the cell, check them, and show the derivation; it is kept in a variable.

        The line has the name of the variable, by default ``derivation``, the level of detail and learning options.
        """
        display: Any = import_module("IPython.display")
        try:
            display.display(display.Markdown(derived(line, cell, shell.user_ns)))
        except (SpecError, StatementError) as problem:
            print(problem)

    shell.register_magic_function(derive_cell, "cell", "derive")


def derived(line: str, cell: str, names: dict[str, Any]) -> str:
    """Return the derivation of the equations in a cell as Markdown, and keep it in ``names``.

    Raises SpecError for an invalid line, and StatementError for an invalid cell or gradients that are not right.
    """
    from derive.api import derive
    from derive.formats.markdown import cell_text
    from derive.statement.statement import Statement

    try:
        words = shlex.split(line)
    except ValueError as error:  # quotation marks that are not closed
        raise SpecError(f"{str(error).lower()}: write {USE}") from None
    options = vars(_parser().parse_args(words))
    variable, detail = options.pop("variable"), options.pop("detail")
    if not variable.isidentifier():
        raise SpecError(f"{variable} is no name of a variable: write {USE}")
    if detail not in DETAILS:
        raise SpecError(f"the detail is {detail}, where one of {', '.join(DETAILS)} is expected")
    derivation = derive(Statement(cell, **{key: value for key, value in options.items() if value is not None}))
    report = derivation.check()
    report.require()
    names[variable] = derivation
    return f"{cell_text(derivation.document(detail))}\n\n{report.line()}\n"
