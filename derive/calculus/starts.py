"""The values with which parameters start, as far as they matter to the equations: 0 may leave one without a value."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from functools import lru_cache
from typing import Any

from sympy import Expr, Indexed, Integer, Mul, Pow, Sum, Symbol, false, log, postorder_traversal, preorder_traversal
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.cases import Cases, with_cases
from derive.calculus.form import reused
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import Equation, Tensor, symbols_read
from derive.calculus.normal_form import Stated
from derive.calculus.products import ProductOver
from derive.calculus.roles import Role
from derive.text.errors import StatementError
from derive.text.user_text import cut, listed

#: The greatest length of a formula in a message.
_LONGEST = 40


def is_factor(parameter: Tensor, factors: Set[str]) -> bool:
    """Whether a parameter that is no weight is one of the factors: 0 would cut off all that comes before."""
    return parameter.role != Role.WEIGHT and parameter.name in factors


def factors_in(equations: Iterable[Equation]) -> set[str]:
    """The names of the tensors that multiply or divide others."""
    return set[str]().union(*(_factors(e.expression) for e in equations))


@lru_cache(maxsize=4096)  # documents and code ask it, too
def _factors(expression: Expr) -> frozenset[str]:
    """The names of the tensors that multiply or divide others."""
    products = (
        node
        for node in preorder_traversal(expression)
        if isinstance(node, Pow) or (isinstance(node, Mul) and sum(not a.is_number for a in node.args) > 1)
    )
    read = (symbols_read(a) for node in products for a in node.args if isinstance(a, Indexed | Symbol))
    return frozenset(names[0] for names in read if len(names) == 1)


def check_starts(forward: Stated, equations: Collection[Equation]) -> None:
    """Raise StatementError if an equation, or its derivative, has no value because of what starts at 0.

    ``equations`` are those of the forward pass as ``exact`` gives them.
    """
    factors = factors_in(equations)
    zero = {p.name: [p.name] for p in forward.parameters if _starts_at_zero(forward, factors, p)}
    for equation in equations:
        fault, vanishes, plain = _of_zero(equation.expression, zero)
        if fault:
            raise StatementError(_said(equation.target.name, *fault, zero))
        if vanishes:
            zero[equation.target.name] = _behind(plain, zero)


def _of_zero(expression: Expr, zero: Mapping[str, Any]) -> tuple[tuple[str, Expr] | None, bool, Expr]:
    """What ``_found`` says, once for all formulas of the same form."""
    given = (_of_zero, expression, bool(zero))
    return reused(lambda: _found(expression, zero), given, lambda name: name in zero or None)


def _found(expression: Expr, zero: Mapping[str, Any]) -> tuple[tuple[str, Expr] | None, bool, Expr]:
    """What a formula must not do with a part that is 0, whether all of it is 0, and the formula that this was seen in.

    ``zero`` has the names of the tensors that are 0.
    """
    plain = _opened(expression, zero)
    fault = next(((what, base) for what, base in _restricted(plain) if _at_zero(base, zero) == 0), None)
    return fault, not fault and bool(zero) and _at_zero(plain, zero) == 0, plain


def _starts_at_zero(forward: Stated, factors: Set[str], parameter: Tensor) -> bool:
    """Whether an entry of a parameter is 0 before the first step."""
    stated = forward.starts.get(parameter.name)
    if stated is None:
        return parameter.role != Role.WEIGHT and not is_factor(parameter, factors)
    return bool(stated == "zeros" or (not isinstance(stated, str) and 0 in _numbers(stated)))


def _numbers(stated: Any) -> Iterator[Any]:
    if isinstance(stated, tuple | list):
        for part in stated:
            yield from _numbers(part)
    else:
        yield stated


def _opened(expression: Expr, zero: Mapping[str, Any]) -> Expr:
    """A formula with the definitions of its functions, without the cases that do not hold at the start."""
    plain = expression.replace(
        lambda e: isinstance(e, Elementwise),
        lambda e: with_cases(e.definition).xreplace(dict(zip((X, *e.others), e.args, strict=True))),
    )
    return plain.replace(
        lambda e: isinstance(e, Cases),
        lambda e: Cases(*(p for p in e.args if _at_zero(p[1], zero) != false)),
    )


def _restricted(expression: Expr) -> Iterator[tuple[str, Expr]]:
    """The parts of a formula that must not be 0, with what is done with them."""
    for node in preorder_traversal(expression):
        if isinstance(node, log):
            yield "takes the logarithm of", node.args[0]
        if isinstance(node, Pow) and node.exp.is_negative:
            yield "divides by", node.base
        elif isinstance(node, Pow) and node.exp.is_number and 0 < node.exp < 1:
            yield "takes a root of", node.base
        elif isinstance(node, Pow) and node.exp.has(Indexed):
            yield "takes a power of", node.base


def _at_zero(expression: Any, zero: Mapping[str, Any]) -> Any:
    """A formula with 0 for the tensors ``zero``."""
    names = {n for n in expression.atoms(Indexed, Symbol) if symbols_read(n)[:1] and set(symbols_read(n)) & set(zero)}
    rule: dict[Any, Any] = {n: Integer(0) for n in sorted(names, key=lambda n: not isinstance(n, Indexed))}
    for node in postorder_traversal(expression):  # SymPy compares no product or maximum of a number over an index
        body = node.function.xreplace(rule) if isinstance(node, ExprWithLimits) else None
        if body is not None and body.is_number:
            entries = Mul(*(limit[0].axis.extent for limit in node.limits))
            rule[node] = (
                body * entries if isinstance(node, Sum) else body**entries if isinstance(node, ProductOver) else body
            )
    return expression.xreplace(rule)


def _behind(expression: Expr, zero: Mapping[str, list[str]]) -> list[str]:
    """The parameters that start at 0 and that a formula depends on."""
    return list(dict.fromkeys(p for name in symbols_read(expression) for p in zero.get(name, ())))


def _said(name: str, what: str, base: Expr, zero: Mapping[str, list[str]]) -> str:
    behind, shown = _behind(base, zero), base.base.label if isinstance(base, Indexed) else base
    if not behind:
        return f"the equation of {name} {what} {cut(str(shown), _LONGEST)}, which is always 0"
    start = "another start" if len(behind) == 1 else "other starts"
    return (
        f"the equation of {name} {what} {cut(str(shown), _LONGEST)}, which is 0 before the first step: "
        f"give {listed(behind)} {start} than 0"
    )
