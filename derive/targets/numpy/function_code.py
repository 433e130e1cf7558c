"""Code of elementwise functions: the lines of the body."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Abs, Expr, Piecewise, Rel, Symbol, preorder_traversal

from derive.arrays.stable import E_LESS_ONE, E_NEAR, E_POWER, StableForm
from derive.calculus.functions import X
from derive.targets.numpy.formula_printer import ORDERED, scalar
from derive.targets.numpy.library import NUMPY, Library

#: The exponent of a rearranged form, if it is not x itself.
_INNER = Symbol("u", real=True)


def body(form: StableForm, note: str = "", library: Library = NUMPY) -> tuple[str, ...]:
    """Return the lines that compute a form; ``note`` is a comment after the value."""
    cases, final = _cases(form.value if form.rate is None else _ordered(form.value), library)
    if not form.value.free_symbols:  # what was simplified to a number has a value for each entry all the same
        final = f"{library.name}.full_like({X}, {final})"
    value = f"{final}{note}"
    # the annotation is for type checkers, which infer no array type from np.where and from quotients
    last = [f"return {value}"] if form.value == X else [f"result: Array = {value}", "return result"]
    return (*_power_lines(form, library), *cases, *last)


def _power_lines(form: StableForm, library: Library) -> Iterator[str]:
    """The lines that compute e, or e - 1, of an exponent that is never positive."""
    if form.rate is None:
        return
    np = library.name
    inner = X if form.inner == X else _INNER
    if inner != X:
        yield f"{inner} = {scalar(form.inner, library).text}"
    up, down = (scalar(sign * form.rate * inner, library).text for sign in (-1, 1))
    exponent = f"{np}.minimum({up}, {down})"
    if form.value.has(E_POWER, E_NEAR):
        yield f"{E_POWER} = {np}.exp({exponent})  # {_size(form)}, which does not overflow"
    if form.value.has(E_LESS_ONE):
        yield f"{E_LESS_ONE} = {np}.expm1({exponent})  # {_size(form)} - 1, exact near 0"
    if form.value.has(E_NEAR):
        yield f"{E_NEAR} = {scalar(Piecewise((E_POWER, Abs(X) < 1), (1, True)), library).text}"


def _ordered(value: Expr) -> Expr:
    """The value with the sides of 0 as ``np.minimum`` of the exponents chooses them, also for a complex step at 0."""
    return value.xreplace({side: side.func(ORDERED, 0) for side in value.atoms(Rel) if side.args == (X, 0)})


def _size(form: StableForm) -> str:
    """The power that the symbol e denotes."""
    return f"exp(-{'' if form.rate == 1 else f'{form.rate} * '}|{X if form.inner == X else _INNER}|)"


def _cases(value: Expr, library: Library) -> tuple[list[str], str]:
    """The lines that compute the cases of a long piecewise formula, and the code that selects among them."""
    code = scalar(value, library).text
    choice = next((node for node in preorder_traversal(value) if isinstance(node, Piecewise)), None)
    if choice is None or len(code) <= 70:
        return [], code
    by_size = choice.args[0][1].has(Abs)
    names = [Symbol(n) for n in (("near", "far") if by_size else ("above", "below", "between"))]
    lines = [f"{n} = {scalar(v, library).text}" for n, (v, _) in zip(names, choice.args, strict=False)]
    chosen = Piecewise(*((n, c) for n, (_, c) in zip(names, choice.args, strict=False)))
    return lines, scalar(value.xreplace({choice: chosen}), library).text
