"""Mutants of the numbered lines of a generated module, made in its syntax tree, and a test of equivalence."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

#: What a function is taken for.
NEIGHBOURS = {
    **{"exp": "expm1", "expm1": "exp", "log": "log1p", "log1p": "log", "sqrt": "abs", "square": "abs", "tanh": "sin"},
    **{"absolute": "negative", "add": "subtract", "subtract": "add", "multiply": "divide", "divide": "multiply"},
    **{"max": "min", "maximum": "minimum", "sum": "mean", "erf": "erfc", "erfc": "erf", "negative": "absolute"},
    **{"greater": "less", "less": "greater", "less_equal": "greater", "greater_equal": "less"},
}
SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


class Mutant(NamedTuple):
    """A changed module: the changed line as it was and as it is, and the whole text."""

    line: str
    changed: str
    source: str

    def __str__(self) -> str:
        return f"{self.line.strip()}  ->  {self.changed}"


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of every statement whose line ends with the number of an equation."""
    lines, tree = source.split("\n"), ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    helpers = [f for f in functions if f in tree.body and _is_elementwise(f)]
    for function in functions:
        names = _names(function)
        for statement in _own_statements(function):
            last = (statement.end_lineno or 0) - 1
            if "  # (" not in lines[last]:
                continue
            first, indent = statement.lineno - 1, " " * statement.col_offset
            as_it_was = " ".join(line.strip() for line in lines[first : last + 1])
            for changed in _changes(statement, names, [h.name for h in helpers]):
                text = ast.unparse(ast.fix_missing_locations(changed))
                if text != ast.unparse(statement):
                    rows = [f"{indent}{row}" for row in text.split("\n")]
                    yield Mutant(as_it_was, text, "\n".join([*lines[:first], *rows, *lines[last + 1 :]]))


def _is_elementwise(function: ast.FunctionDef) -> bool:
    """Whether a function takes arrays and returns one: not a function of the whole network."""
    types = [function.returns, *(argument.annotation for argument in function.args.args)]
    return all(isinstance(kind, ast.Name) and kind.id == "Array" for kind in types)


def _own_statements(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """The simple statements of a function, without those of functions in it."""
    stack: list[Any] = list(function.body)
    while stack:
        node = stack.pop(0)
        if isinstance(node, ast.For | ast.With | ast.If | ast.Try | ast.While):
            stack = [*node.body, *getattr(node, "orelse", []), *stack]
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr | ast.Return):
            yield node


def _names(function: ast.FunctionDef) -> list[str]:
    """The names of arrays that a function gives values to, or takes."""
    found = dict.fromkeys(a.arg for a in function.args.args)
    for statement in _own_statements(function):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = None
    return [name for name in found if name not in ("parameters", "state", "values", "slopes", "learning_rate", "m")]


def _changes(statement: ast.stmt, names: list[str], helpers: list[str]) -> Iterator[ast.stmt]:
    """The statement with one slip, in all ways."""
    if getattr(statement, "value", None) is not None and not isinstance(statement, ast.Expr):
        yield _with(statement, "value", ast.UnaryOp(ast.USub(), statement.value))  # type: ignore[attr-defined]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        into = [keyword.value for keyword in statement.value.keywords if keyword.arg == "out"] or statement.value.args
        negated = ast.parse("np.negative", mode="eval").body
        yield ast.Expr(ast.Call(negated, [statement.value, into[-1]], []))
    if isinstance(statement, ast.AugAssign) and type(statement.op) in SWAPPED:
        yield _with(statement, "op", SWAPPED[type(statement.op)]())
    for number, node in enumerate(ast.walk(statement)):
        for new in _instead(node, names, helpers):
            changed = copy.deepcopy(statement)
            old = list(ast.walk(changed))[number]
            yield _Replaced(old, new).visit(changed)


def _with(statement: ast.stmt, field: str, value: Any) -> ast.stmt:
    changed = copy.copy(statement)
    setattr(changed, field, value)
    return changed


class _Replaced(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def _instead(node: ast.AST, names: list[str], helpers: list[str]) -> Iterator[ast.AST]:
    """What may stand in the place of a node by a slip."""
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub):
            yield node.left
            yield node.right
        if type(node.op) in SWAPPED:
            yield ast.BinOp(node.left, SWAPPED[type(node.op)](), node.right)
        if isinstance(node.op, ast.Mult | ast.Div):
            yield node.left
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value * 1.01 if node.value else 0.01)
    if isinstance(node, ast.Call):
        yield from _other_calls(node, helpers)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        place = names.index(node.id)
        for other in {names[place - 1], names[(place + 1) % len(names)]} - {node.id}:
            yield ast.Name(other, ast.Load())


def _other_calls(call: ast.Call, helpers: list[str]) -> Iterator[ast.AST]:
    function = call.func
    if isinstance(function, ast.Name):
        if function.id in helpers:
            place = helpers.index(function.id)
            for other in {helpers[place - 1], helpers[(place + 1) % len(helpers)]} - {function.id}:
                yield ast.Call(ast.Name(other, ast.Load()), call.args, call.keywords)
        elif function.id in NEIGHBOURS:
            other = NEIGHBOURS[function.id]
            module = "" if other in ("max", "min", "abs") else "np."
            yield ast.Call(ast.parse(f"{module}{other}", mode="eval").body, call.args, call.keywords)
    elif isinstance(function, ast.Attribute) and function.attr in NEIGHBOURS:
        yield ast.Call(ast.Attribute(function.value, NEIGHBOURS[function.attr], ast.Load()), call.args, call.keywords)


def same_numbers(one: ModuleType, other: ModuleType) -> bool:
    """Whether two modules compute the same, up to rounding, wherever they are tried: near zero and far out."""
    with np.errstate(all="ignore"):
        try:
            return all(_alike(a, b) for a, b in zip(_tried(one), _tried(other), strict=True))
        except Exception:  # a mutant may fail in any way
            return False


def _alike(one: Any, other: Any) -> bool:
    a, b = np.asarray(one, float), np.asarray(other, float)
    finite = np.abs(a[np.isfinite(a)])
    size = float(finite.max()) if finite.size else 0.0
    return a.shape == b.shape and bool(np.all((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= 1e-11 * size)))


def _tried(module: Any) -> Iterator[Any]:
    """What a module computes: its functions of one number, one by one, and steps of both renderings."""
    draw = np.random.default_rng(5)
    points = np.concatenate([scale * draw.normal(size=200) for scale in (1e-9, 1e-3, 1, 10, 300, 1e4)])
    beside = draw.choice([0.0, 1.0, -1.0, 0.3], points.size)
    for name, value in sorted(vars(module).items()):
        arguments = getattr(value, "__annotations__", {})
        if arguments.get("return") == "Array" and set(arguments.values()) == {"Array"} and name not in NOT_ELEMENTWISE:
            found = value(*(points, beside)[: len(arguments) - 1])
            yield from found
    for seed in range(6):
        for scale in (0.2, 1.0, 5.0):
            parameters, x, y = module.example(samples=6, seed=seed)
            parameters = {n: scale * v for n, v in parameters.items()}
            yield from _steps(module, parameters, scale * x, y)


NOT_ELEMENTWISE = ("softmax", "log_softmax", "softmax_minus", "softmax_pull")


def _steps(module: Any, parameters: Any, x: Any, y: Any) -> Iterator[Any]:
    stated = {n: v.copy() for n, v in parameters.items()}
    state = module.initial_state(stated) if hasattr(module, "initial_state") else None
    yield module.forward(stated, x)
    for rate in (0.01, 0.1, 0.02):
        yield module.update(stated, x, y, rate, *(() if state is None else (state,)))
    yield from stated.values()
    for size in (1, 4):
        trainer = module.Trainer(parameters)
        trainer.fit(x.T, y.T, epochs=2, learning_rate=0.01, batch_size=size, shuffle=False, progress=False)
        yield trainer.history
        yield from trainer.parameters.values()
