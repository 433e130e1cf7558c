"""Check that a generated module parses and reads only known names."""

from __future__ import annotations

import ast
import io
import symtable
import tokenize
from collections.abc import Collection, Iterator

from derive.targets.names import BUILTINS
from derive.text.errors import ModuleError

_BUILTINS = BUILTINS | {"__name__", "__file__"}


def require_known(source: str, known: Collection[str]) -> set[str]:
    r"""Return the ``known`` names that a source text reads but does not define.

    Raises ModuleError if the text does not parse, or reads a name that is neither defined nor ``known``.

    >>> require_known("def f(x):\n    return y + x  # (3)\n", {"z"})
    Traceback (most recent call last):
    derive.text.errors.ModuleError: internal error in equation (3): the generated module reads y, which is not defined
    """
    try:
        module = symtable.symtable(source, "the generated module", "exec")
    except SyntaxError as error:
        line = error.lineno or 1
        written = source.splitlines()[line - 1 : line]
        what = f"the generated module does not parse: {''.join(written).strip()}"
        raise ModuleError(f"{_where(source, line)}: {what}") from error
    own = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    found = set(_read(module)) - own - _BUILTINS
    if unknown := found.difference(known):
        nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name) and node.id in unknown)
        first = min(nodes, key=lambda node: node.lineno)
        raise ModuleError(
            f"{_where(source, first.lineno)}: the generated module reads {first.id}, which is not defined"
        )
    return found


def _read(table: symtable.SymbolTable) -> Iterator[str]:
    """The global names that a scope and its nested scopes read."""
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _read(inner)


def _where(source: str, line: int) -> str:
    """The place of a line in a message: its equation, from the number at its end, or else the line number."""
    lines = source.splitlines()[line - 1 : line]
    try:
        tokens = [t.string for t in tokenize.generate_tokens(io.StringIO("".join(lines).strip()).readline)]
    except (tokenize.TokenError, SyntaxError):
        tokens = []
    numbers = [text.removeprefix("# ") for text in tokens if text.startswith("# (")]
    return f"internal error in equation {numbers[0]}" if numbers else f"internal error in line {line}"
