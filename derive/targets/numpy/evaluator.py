"""Run the code of forms and functions on numbers, exactly as it stands in the generated module."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Integer, Symbol

from derive.arrays import matrix as mx
from derive.arrays import named as nx
from derive.arrays.entrywise import true_values
from derive.arrays.lower import lowered, with_two_axes
from derive.arrays.stable import StableForm, form_of
from derive.arrays.trial import GREATEST
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import SAMPLES
from derive.record import record
from derive.targets.numpy import array_functions
from derive.targets.numpy.along_code import called_in, function_along
from derive.targets.numpy.function_code import body
from derive.targets.numpy.printer import NumPyPrinter

Array = NDArray[Any]


@record
class NumPyEvaluator:
    """Runs the code of ``NumPyPrinter``; an ``arrays.trial.Evaluator``."""

    def array(
        self, form: mx.Node, names: Sequence[str], widths: Sequence[Symbol]
    ) -> Callable[[Mapping[str, Array], Mapping[str, int]], Array]:
        """Return a function that evaluates a form, given arrays and widths by name."""
        tensors = {name: f"v{number}" for number, name in enumerate(names)}
        sides = {symbol: f"n{number}" for number, symbol in enumerate(widths)}
        functions = {f: f"f{number}" for number, f in enumerate(elementwise_in(form))}
        printer = NumPyPrinter(tensors, sides, functions, names)
        code = compile(printer.code(lowered(with_two_axes(form))).text, "code", "eval")
        known = {"np": np, "math": math, "parameters": {"": np.zeros(1)}, **functions_of(form, functions)}

        def computed(arrays: Mapping[str, Array], sizes: Mapping[str, int]) -> Array:
            lengths = {SAMPLES.name: sizes.get(SAMPLES.name, 1), **{n: sizes[s.name] for s, n in sides.items()}}
            found: Array = eval(code, {**known, **lengths, **{tensors[n]: value for n, value in arrays.items()}})
            return found

        return computed

    def function(self, form: StableForm, others: tuple[Symbol, ...]) -> Callable[..., Any]:
        """Return the code of an elementwise function, called with X and ``others``."""
        code: Callable[..., Any] = elementwise_code(form, others)
        return code


def functions_in(form: mx.Node) -> list[Any]:
    """Return the functions that a form applies entry by entry, in the order of first use, then those of numbers."""
    nodes: list[mx.Node | nx.Named] = [*mx.walk(form)]
    for node in [n for n in nodes if isinstance(n, mx.Formula)]:
        nodes += nx.walk(node.named)
    applied = [node.function for node in nodes if isinstance(node, mx.Map | nx.Call)]
    applied += [type(f) for node in nodes for f in _number(node).atoms(Elementwise)]
    return list(dict.fromkeys(applied))


def _number(node: mx.Node | nx.Named) -> Expr:
    """The number in a node; 0 where there is none."""
    if isinstance(node, mx.Number | nx.Value):
        return node.value
    if isinstance(node, mx.Power | nx.Power):
        return node.exponent
    return node.factor if isinstance(node, mx.Scale) else Integer(0)


def elementwise_in(form: mx.Node) -> list[Any]:
    """Return the elementwise functions that a form calls, in the order of first use."""
    return [f for f in functions_in(form) if isinstance(f, type) and issubclass(f, Elementwise)]


def functions_of(form: mx.Node, named: Mapping[Any, str]) -> dict[str, Any]:
    """Return the functions of the module that a form calls, by name; ``named`` are the elementwise ones."""
    found: dict[str, Any] = {**_SPECIAL, **{name: getattr(array_functions, name) for name in array_functions.NAMES}}
    for name in called_in(form):
        found |= _along(name)
    return found | {name: elementwise_code(form_of(f), f.others) for f, name in named.items()}


@cache
def _along(name: str) -> dict[str, Any]:
    code = function_along(name)
    called = {n: f for inner in code.calls for n, f in _along(inner).items()}
    return {**called, name: _made(code.arguments, code.lines, tuple(called.items()))}


@cache
def elementwise_code(form: StableForm, others: tuple[Symbol, ...]) -> Any:
    """Return the code of a form as a Python function."""
    return _made(tuple(s.name for s in (X, *others)), body(form), tuple(_SPECIAL.items()))


def _made(arguments: tuple[str, ...], lines: tuple[str, ...], known: tuple[tuple[str, Any], ...]) -> Any:
    names = {"np": np, "math": math, "Array": Any, **dict(known)}
    exec("\n    ".join((f"def made({', '.join(arguments)}):", *lines)), names)
    return names["made"]


def _log1p_ratio(x: Array) -> Array:
    divisor = np.where(x == 0, 1, x)
    return np.where(x == 0, 1, np.log1p(divisor) / divisor)


_SPECIAL = {
    "erf": np.vectorize(math.erf, otypes=[float]),
    "erfc": np.vectorize(math.erfc, otypes=[float]),
    "log1p": np.log1p,
    "log1p_ratio": _log1p_ratio,
}


def ignored(definition: Expr, form: StableForm) -> str:
    """Return the warnings to suppress in a form, as arguments of ``np.errstate``.

    These are warnings that occur only at points where the exact value overflows. The result is
    empty if there are none, or if a warning also occurs where the exact value is finite.
    """
    if definition.free_symbols - {X}:
        return ""
    found: dict[str, None] = {}
    for given, true in true_values(definition, ()):
        warned = _warnings(elementwise_code(form, ()), given)
        if warned and true is not None and abs(true) <= GREATEST:
            return ""
        found |= dict.fromkeys(warned if true is not None else ())
    return ", ".join(f'{kind}="ignore"' for kind in found)


def _warnings(code: Any, given: tuple[float, ...]) -> list[str]:
    """The warnings of NumPy at a point: ``over``, ``divide``, or none."""
    found: list[str] = []
    kinds = {"overflow": "over", "divide by zero": "divide"}
    with np.errstate(all="ignore", over="call", divide="call", call=lambda what, _: found.append(kinds[what])):
        code(*(np.array([g]) for g in given))
    return found
