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
#: The name of what the forward pass keeps.
VALUES = "values"


@record
class Assignment:
    """The code of one equation.

    ``target`` is its left side and ``name`` the name of the tensor; ``before`` are lines that it needs first. The
    equations of a loop are computed together: all have its code, and ``loop`` are the names of their tensors.
    """

    target: str
    name: str
    before: str
    code: str
    loop: tuple[str, ...] = ()


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
    before, kept = "", list[str]()
    for nodes in (
        nodes
        for name in ("forward", "error", "gradients", "input_gradients")
        for nodes in _together(bodies.get(name, ()))
    ):
        if len(nodes) > 1:
            if any(_reads(node, VALUES) for node in nodes):
                before = f"{VALUES} = {' | '.join(kept)}\n{before}"
            found |= _loop(nodes, before, "\n".join(map(text, nodes)), tensors)
            before = ""
            continue
        (node,) = nodes
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == VALUES:
            kept.append(ast.unparse(node.value))
        if not isinstance(node, ast.Assign):
            continue
        if node.end_lineno in numbers and not computed(node, tensors):  # a part of the next equation
            before += f"{text(node)}\n"
        elif node.end_lineno in numbers:
            found.setdefault(computed(node, tensors), _assignment(node, before, text(node)))
            before = ""
        else:
            filled = {one.target for one in found.values()}
            late = any(_reads(node.value, name) for name in filled)  # the names stand before all equations
            names |= {name: value for name, value in _names(node) if not (late and name in names)}
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


def _together(body: Sequence[ast.stmt]) -> Iterator[Sequence[ast.stmt]]:
    """The lines of a function one by one, a loop with the lines before and after it about the arrays that it fills."""
    rest = [*body]
    while rest:
        at = next((n for n, node in enumerate(rest) if isinstance(node, ast.For)), len(rest))
        first, last, filled = at, at + 1, {*_filled(rest[at])} if at < len(rest) else set()
        while first and {*_assigned(rest[first - 1])} <= filled:
            first -= 1
        while last < len(rest) and {*_assigned(rest[last])} <= filled:
            last += 1
        yield from ([node] for node in rest[:first])
        if rest[first:last]:
            yield rest[first:last]
        rest = rest[last:]


def _loop(nodes: Sequence[ast.stmt], before: str, code: str, tensors: Mapping[str, str]) -> dict[str, Assignment]:
    """The equations of a loop, each with the code of all."""
    filled = [name for node in nodes if isinstance(node, ast.For) for name in _filled(node)]
    loop = tuple(tensors[name] for name in filled)
    return {tensors[name]: Assignment(name, name, before, code, loop) for name in filled}


def _filled(node: ast.stmt) -> list[str]:
    """The arrays that a loop fills, in order."""
    inside = [n for n in ast.walk(node) if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Subscript)]
    return list(dict.fromkeys(name for n in sorted(inside, key=lambda n: n.lineno) for name in _assigned(n)))


def _assigned(node: ast.stmt) -> list[str]:
    """The names on the left side of a line; a line of another kind has a name that no array has."""
    if not isinstance(node, ast.Assign):
        return [""]
    (target,) = node.targets
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    held = [part.value if isinstance(part, ast.Subscript) else part for part in parts]
    return [part.id if isinstance(part, ast.Name) else "" for part in held]


def _reads(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


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
