"""What must hold for every generated module before it is handed out: it parses, and all names in it are known."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import chain

from derive.targets.names import BUILTINS
from derive.text.errors import ModuleError

_BUILTINS = BUILTINS | {"__name__", "__file__"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def require_known(source: str, known: Collection[str]) -> set[str]:
    r"""The names that a text needs from elsewhere, of those that are ``known``.

    Raises ModuleError if it does not parse, or reads a name that is not ``known`` either.

    >>> require_known("def f(x):\n    return y + x  # (3)\n", {"z"})
    Traceback (most recent call last):
    derive.text.errors.ModuleError: internal error in equation (3): the generated module reads y, which is not defined
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        line = error.lineno or 1
        written = source.splitlines()[line - 1 : line]
        what = f"the generated module does not parse: {''.join(written).strip()}"
        raise ModuleError(f"{_where(source, line)}: {what}") from error
    own = {*_BUILTINS, *_bound(tree.body)}
    lines = source.splitlines(keepends=True)
    found = {node.id for part in _declared(tree) for node in ast.walk(part) if isinstance(node, ast.Name)}
    for node in tree.body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        for name, line in _outside("".join(lines[first - 1 : node.end_lineno])):
            found.add(name)
            if name not in own and name not in known:
                what = f"the generated module reads {name}, which is not defined"
                raise ModuleError(f"{_where(source, first - 1 + line)}: {what}")
    return found - own


def _declared(tree: ast.AST) -> Iterator[ast.AST]:
    """The annotations, bases and decorators, which are not read as a computation reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from node.bases
        elif isinstance(node, ast.FunctionDef):
            yield from (*node.decorator_list, *([node.returns] if node.returns else ()))
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield node.annotation


@lru_cache(4096)
def _outside(text: str) -> tuple[tuple[str, int], ...]:
    """The names that a statement reads and does not bind itself, each with its line; most modules share most of it."""
    found = _unknown(ast.parse(text).body, set(_BUILTINS), set(_BUILTINS))
    return tuple((name.id, name.lineno) for name in found)


def _where(source: str, line: int) -> str:
    """The equation of a line, by the number at its end."""
    lines = source.splitlines()[line - 1 : line]
    try:
        tokens = [t.string for t in tokenize.generate_tokens(io.StringIO("".join(lines).strip()).readline)]
    except (tokenize.TokenError, SyntaxError):
        tokens = []
    numbers = [text.removeprefix("# ") for text in tokens if text.startswith("# (")]
    return f"internal error in equation {numbers[0]}" if numbers else f"internal error in line {line}"


def _unknown(body: Iterable[ast.AST], known: set[str], outside: set[str]) -> Iterator[ast.Name]:
    """The names that are read before anything binds them, in the order of computation.

    ``known`` are bound already; ``outside`` are those that a function defined here finds when it is called.
    """
    bound = set(known)
    for node in body:
        yield from _read(node, bound, outside)


def _read(node: ast.AST, bound: set[str], outside: set[str]) -> Iterator[ast.Name]:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif node.id not in bound:
            yield node
    elif isinstance(node, ast.AugAssign):
        yield from chain(_loaded(node.target, bound), _read(node.value, bound, outside))
    elif isinstance(node, _FUNCTIONS):
        yield from _function(node, bound, outside)
    elif isinstance(node, ast.ClassDef):
        yield from _unknown(node.body, bound, outside)
        bound.add(node.name)
    elif isinstance(node, _COMPREHENSIONS):
        yield from _comprehension(node, set(bound), outside)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        bound |= {(name.asname or name.name).partition(".")[0] for name in node.names}
    elif isinstance(node, ast.ExceptHandler):
        bound |= {node.name} if node.name else set()
        yield from chain.from_iterable(_read(child, bound, outside) for child in ast.iter_child_nodes(node))
    else:
        for child in _in_order(node):
            yield from _read(child, bound, outside)


def _loaded(target: ast.AST, bound: set[str]) -> Iterator[ast.Name]:
    if isinstance(target, ast.Name) and target.id not in bound:
        yield target


def _in_order(node: ast.AST) -> list[ast.AST]:
    """The parts of a node as they are computed: what is assigned before where it goes; annotations are not."""
    fields = dict(ast.iter_fields(node))
    fields.pop("annotation", None)
    first = [name for name in ("value", "iter", "items", "test") if name in fields]
    names = [*first, *(name for name in fields if name not in first)]
    parts = [p for name in names for p in (fields[name] if isinstance(fields[name], list) else [fields[name]])]
    return [part for part in parts if isinstance(part, ast.AST)]


def _function(node: ast.AST, bound: set[str], outside: set[str]) -> Iterator[ast.Name]:
    assert isinstance(node, _FUNCTIONS)
    for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
        yield from _read(default, bound, outside)
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    own = {a.arg for a in named if a is not None}
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    local = set(_bound(body)) | own
    yield from _unknown(body, (outside - local) | own, outside | local)
    if not isinstance(node, ast.Lambda):
        bound.add(node.name)


def _comprehension(node: ast.AST, bound: set[str], outside: set[str]) -> Iterator[ast.Name]:
    assert isinstance(node, _COMPREHENSIONS)
    for part in node.generators:
        yield from chain(_read(part.iter, bound, outside), _read(part.target, bound, outside))
        for condition in part.ifs:
            yield from _read(condition, bound, outside)
    values = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    for value in values:
        yield from _read(value, bound, outside)


def _bound(body: Iterable[ast.AST]) -> Iterator[str]:
    """The names that some statements bind in their own scope."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((name.asname or name.name).partition(".")[0] for name in node.names)
        elif not isinstance(node, (ast.Lambda, *_COMPREHENSIONS)):
            if isinstance(node, ast.ExceptHandler) and node.name:
                yield node.name
            yield from _bound(ast.iter_child_nodes(node))
