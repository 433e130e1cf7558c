"""The equations as a script: the lines of the module outside its functions, for the cells of a notebook."""

from __future__ import annotations

import ast
import io
import textwrap
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence

from derive.record import record
from derive.targets.numpy.code import quoted
from derive.targets.numpy.listing import computed, number_of

#: The name of the gradients in a step.
SLOPES = "slopes"


@record
class Assignment:
    """The code of one equation.

    ``target`` is its left side and ``name`` the name of the tensor; ``before`` are lines that it needs first.
    """

    target: str
    name: str
    before: str
    code: str


@record
class Script:
    """The code of all equations, by the names of their tensors as in ``Listing``, with what it needs.

    ``functions`` are the constants and the elementwise functions, ``names`` the lines that name parameters and sizes,
    and ``slopes`` the line that collects the gradients for the update. The module has no code for the equations
    ``stated``, in the order in which they are computed.
    """

    functions: str
    names: str
    slopes: str
    assignments: Mapping[str, Assignment]
    stated: tuple[str, ...] = ()

    def with_stated(self, lines: Mapping[str, str]) -> Script:
        """Add equations of which the module has no code, each with its line."""
        added = {}
        for name, text in lines.items():
            *before, last = ast.parse(text).body
            start = "\n".join(map(ast.unparse, before))
            added[name] = _assignment(
                last, f"{start}\n" if start else "", "\n".join(text.splitlines()[last.lineno - 1 :])
            )
        return Script(self.functions, self.names, self.slopes, {**self.assignments, **added}, tuple(added))


def script(source: str, tensors: Mapping[str, str]) -> Script:
    """Take the equations of a module out of its functions; ``tensors`` are those of its names in code."""
    tree, lines = ast.parse(source), source.splitlines()
    comments = tokenize.generate_tokens(io.StringIO(source).readline)
    numbers = {t.start[0] for t in comments if number_of(t) is not None}

    def text(node: ast.stmt) -> str:
        return textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))

    bodies = {n.name: n.body for n in tree.body if isinstance(n, ast.FunctionDef) and n.decorator_list}
    names: dict[str, str] = {}
    found: dict[str, Assignment] = {}
    before = ""
    for node in (
        node for name in ("forward", "error", "gradients", "input_gradients") for node in bodies.get(name, ())
    ):
        if not isinstance(node, ast.Assign):
            continue
        if node.end_lineno in numbers and not computed(node, tensors):  # a part of the next equation
            before += f"{text(node)}\n"
        elif node.end_lineno in numbers:
            found.setdefault(computed(node, tensors), _assignment(node, before, text(node)))
            before = ""
        else:
            names |= dict(_names(node))
    collected = next(text(node) for node in bodies["gradients"] if isinstance(node, ast.Return))
    before = ""
    for node in _after_gradients(bodies["update"]):
        if node.end_lineno not in numbers:
            before += "" if _is_of_pass(node) else f"{text(node)}\n"
        elif isinstance(node, ast.Assign | ast.AugAssign):
            found[computed(node, tensors)] = _assignment(node, before, text(node))
            before = ""
    return Script(
        "\n\n\n".join(_functions(tree.body, text)),
        "\n".join(f"{name} = {value}" for name, value in names.items()),
        f"{SLOPES} = {collected.removeprefix('return ')}",
        found,
    )


def _assignment(node: ast.stmt, before: str, code: str) -> Assignment:
    """The code of an equation; an array that is filled in place is its own target."""
    assert isinstance(node, ast.Assign | ast.AugAssign)
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    match target:
        case ast.Subscript(value=ast.Name(holder), slice=ast.Constant(str(key))):
            return Assignment(f"{holder}[{quoted(key)}]", key, before, code)
        case ast.Subscript(value=ast.Name(name)) | ast.Name(name):
            return Assignment(name, name, before, code)
    raise ValueError(f"{code!r} assigns to what is neither a name nor an entry of a dict")


def _names(node: ast.Assign) -> Iterator[tuple[str, str]]:
    """What a line names, one by one, except the tensors that other functions have computed."""
    pairs = zip(*(getattr(side, "elts", [side]) for side in (node.targets[0], node.value)), strict=True)
    for target, value in pairs:
        match value:
            case ast.Subscript(value=ast.Name("values")) | ast.Call(func=ast.Attribute(value=ast.Name("values"))):
                pass
            case ast.Subscript(value=ast.Name(holder), slice=ast.Constant(str(key))):
                yield ast.unparse(target), f"{holder}[{quoted(key)}]"
            case _:
                yield ast.unparse(target), ast.unparse(value)


def _is_of_pass(node: ast.stmt) -> bool:
    """Whether a line names a tensor of the forward pass, which a script has under that name."""
    match node:
        case ast.Assign(value=ast.Subscript(value=ast.Name("values"))):
            return True
    return False


def _after_gradients(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """The lines of a step after the gradients, without the return."""
    start = next(n for n, node in enumerate(body) if isinstance(node, ast.Assign) and _is_named(node, SLOPES))
    return body[start + 1 : -1]


def _is_named(node: ast.Assign, name: str) -> bool:
    return isinstance(node.targets[0], ast.Name) and node.targets[0].id == name


def _functions(body: Sequence[ast.stmt], text: Callable[[ast.stmt], str]) -> Iterator[str]:
    """The constants, together, and the functions that are not offered to users."""
    constants = [text(node) for node in body if isinstance(node, ast.Assign) and not _is_named(node, "NETWORK")]
    if constants:
        yield "\n".join(constants)
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            yield text(node)
