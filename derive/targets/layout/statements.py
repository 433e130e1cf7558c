"""Statements as documents: what may be broken is the expression that ends them, or a list of names."""

from __future__ import annotations

import ast

from derive.targets.layout.documents import Document, Group, IfBreaks, Indent, Line
from derive.targets.layout.expressions import Writer
from derive.targets.layout.source import Source


def document(text: str) -> Document:
    """The document of a simple statement, of the head of one that has a body, or of a decorator.

    Raises NotImplementedError for a kind of statement that has no layout here.
    """
    if text.rstrip().endswith(":"):
        keyword = text.split(None, 1)[0]
        source = Source(text.replace("elif", "if", 1) if keyword == "elif" else text)
        (statement,) = ast.parse(f"{source.text} pass").body
        head = _head(statement, source, keyword)
        return head, ":"
    if text.startswith("@"):
        return "@", document(text[1:])
    source = Source(text)
    (statement,) = ast.parse(text).body
    return _simple(statement, source)


def _simple(statement: ast.stmt, source: Source) -> Document:
    writer = Writer(source)
    match statement:
        case ast.Assign():
            targets = [f"{source.text_of(t)} = " for t in statement.targets]
            return (*targets, writer.value(statement.value))
        case ast.AnnAssign() if statement.value is not None:
            target, kind = source.text_of(statement.target), source.text_of(statement.annotation)
            return f"{target}: {kind} = ", writer.value(statement.value)
        case ast.AugAssign():
            sign = next(t.string for t in source.tokens if t.string.endswith("=") and len(t.string) > 1)
            return f"{source.text_of(statement.target)} {sign} ", writer.value(statement.value)
        case ast.Return() if statement.value is not None:
            return "return ", writer.value(statement.value)
        case ast.Expr():
            return writer.plain(statement.value)
        case ast.Raise() if statement.exc is not None:
            cause = () if statement.cause is None else (" from ", source.text_of(statement.cause))
            return ("raise ", writer.plain(statement.exc), *cause)
        case ast.ImportFrom():
            return _imported(statement)
    raise NotImplementedError(f"no layout for {type(statement).__name__}: {source.text}")


def _imported(statement: ast.ImportFrom) -> Document:
    names = [f"{a.name} as {a.asname}" if a.asname else a.name for a in statement.names]
    listed: list[Document] = []
    for number, name in enumerate(names):
        listed += [",", Line("space"), name] if number else [name]
    place = "." * statement.level + (statement.module or "")
    parts = (IfBreaks("("), Indent((Line(), *listed, IfBreaks(","))), Line(), IfBreaks(")"))
    return f"from {place} import ", Group(parts)


def _head(statement: ast.stmt, source: Source, keyword: str) -> Document:
    writer = Writer(source)
    match statement:
        case ast.FunctionDef():
            returns = f" -> {source.text_of(statement.returns)}" if statement.returns else ""
            return f"def {statement.name}", _parameters(statement.args, writer), returns
        case ast.If() | ast.While():
            return f"{keyword} ", writer.value(statement.test)
        case ast.For():
            return f"for {source.text_of(statement.target)} in ", writer.value(statement.iter)
        case ast.With() if len(statement.items) == 1 and statement.items[0].optional_vars is None:
            return "with ", writer.plain(statement.items[0].context_expr)
    raise NotImplementedError(f"no layout for {type(statement).__name__}: {source.text}")


def _parameters(arguments: ast.arguments, writer: Writer) -> Document:
    """The parameters of a function: in one row, or each on a line of its own."""
    source = writer.source
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + [*arguments.defaults]
    listed: list[str] = [_parameter(a, d, source) for a, d in zip(plain, defaults, strict=True)]
    if arguments.posonlyargs:
        listed.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg:
        listed.append("*" + _parameter(arguments.vararg, None, source))
    elif arguments.kwonlyargs:
        listed.append("*")
    listed += [_parameter(a, d, source) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg:
        listed.append("**" + _parameter(arguments.kwarg, None, source))
    if not listed:
        return "()"
    opening = next(n for n, t in enumerate(source.tokens) if t.string == "(")
    magic = source.tokens[source.matches[opening] - 1].string == ","
    entries: list[Document] = []
    for number, text in enumerate(listed):
        entries += [",", Line("space"), text] if number else [text]
    line = Line("hard") if magic else Line()
    rows = Group((*entries, IfBreaks(",")), expand=magic)
    return Group(("(", Indent((line, rows)), line, ")"), expand=magic)


def _parameter(argument: ast.arg, default: ast.expr | None, source: Source) -> str:
    kind = f": {source.text_of(argument.annotation)}" if argument.annotation else ""
    if default is None:
        return argument.arg + kind
    return f"{argument.arg}{kind}{' = ' if kind else '='}{source.text_of(default)}"
