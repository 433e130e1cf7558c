"""The body of ``initial_parameters``, and the shapes of the parameters as code."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from typing import Any

from sympy import Expr, Integer, Symbol, prod

from derive.arrays import matrix as mx
from derive.calculus.index import Tensor
from derive.calculus.starts import is_factor
from derive.learning.initialisations import INITIALISATIONS, INPUTS, UNITS, Initialisation
from derive.record import record
from derive.targets.beginnings import beginnings, factors_of, fans, has_biases
from derive.targets.fold import WIDTH, folded
from derive.targets.numpy.code import STEP, python_number, quoted
from derive.targets.numpy.function_bodies import Lines, dict_code
from derive.targets.numpy.library import Library
from derive.targets.numpy.statements import Statements


@record
class Beginning:
    """How the parameters begin: as the statement says, and otherwise weights by an initialisation.

    Biases are zero then, also those in a column of a weight, and factors such as gains are one.
    """

    statements: Statements
    default: Initialisation

    @cached_property
    def _starts(self) -> dict[str, Any]:
        return beginnings(self.statements.program, self.default)

    @cached_property
    def _drawn(self) -> dict[str, Initialisation]:
        """The parameters that are drawn at random."""
        drawn = ((n, s) for n, s in self._starts.items() if isinstance(s, Initialisation) and s.kind != "zeros")
        return dict(drawn)

    @cached_property
    def helpers(self) -> dict[str, int]:
        """The kinds of distributions that are drawn from; a variance of one kind has the numerator given."""
        found: dict[str, int] = {}
        for start in self._drawn.values():
            found[start.kind] = max(found.get(start.kind, 0), _numerator(start))
        return found

    @property
    def shapes(self) -> str:
        """The type of the shapes that are drawn."""
        matrices = all(len(p.axes) < 3 for p in self.statements.program.parameters)
        return "tuple[int, int]" if matrices else "tuple[int, ...]"

    @cached_property
    def words(self) -> Lines:
        """The docstring of the function."""
        program = self.statements.program
        stated = {name: start for name, start in program.starts.items() if isinstance(start, str)}
        others = [p for p in program.parameters if p.name not in program.starts]
        factors = any(is_factor(p, factors_of(program)) for p in others)
        weights = [p for p in others if p.role == "weight"]
        said = [f"Weights are {self.default.phrase}."] if weights and self.default.kind != "zeros" else []
        said += [f"{name} is {INITIALISATIONS[start].phrase}." for name, start in stated.items()]
        if any(p.name in program.starts for p in program.parameters):
            first = "Return the parameters before the first step."
        elif self.default.kind == "zeros":
            first = f"Return parameters that are all zero{', but for factors, which are one' if factors else ''}."
        else:
            first = f"Return random parameters; biases are zero{', factors such as gains are one' if factors else ''}."
        if not said:
            return (f'"""{first}"""',)
        return (f'"""{first}', "", *textwrap.wrap(" ".join(said), WIDTH - 4), '"""')

    @property
    def lines(self) -> Lines:
        """The lines that return the parameters before the first step."""
        parameters = self.statements.program.parameters
        code = dict_code((p.name, self._code(p)) for p in parameters)
        zeros = [
            self._without_biases(f"parameters[{quoted(p.name)}]")
            for p in parameters
            if p.name in self._drawn and has_biases(p) and self._drawn[p.name].kind != "orthogonal"
        ]
        if not zeros:
            return folded((f"return {code}",), STEP)
        return folded((f"parameters = {code}", *zeros, "return parameters"), STEP)

    def _without_biases(self, weight: str) -> str:
        """The line that sets column 0 of a weight to zero."""
        return f"{weight} = {weight}.at[:, 0].set(0)" if self.library.traced else f"{weight}[:, 0] = 0"

    @property
    def library(self) -> Library:
        """The array library of the code."""
        return self.statements.library

    @property
    def averages(self) -> dict[str, str]:
        """The running averages before the first step, as code, by name; they have the type of the parameters."""
        program = self.statements.program
        found = {}
        for state in program.averages.values():
            shape = shape_code(state, self.statements.extent)
            first = f"parameters[{quoted(program.parameters[0].name)}].dtype"
            found[state.name] = _array_code(program.starts[state.name], shape, self.library, first)
        return found

    @property
    def widths(self) -> dict[Symbol, str]:
        """The named widths of running averages, with their names in code."""
        axes = [axis for state in self.statements.program.averages.values() for axis in state.axes]
        read = {symbol for axis in axes for symbol in axis.extent.free_symbols}
        return {symbol: name for symbol, name in self.statements.codes.widths.items() if symbol in read}

    def _code(self, parameter: Tensor) -> str:
        """The initial value of a parameter as code."""
        start, extent = self._starts[parameter.name], self.statements.extent
        shape = shape_code(parameter, extent)
        np, kind = self.library.name, f", {self.library.typed}dtype" if self.library.traced else ""
        if not isinstance(start, Initialisation):
            return _array_code(start, shape, self.library, kind.removeprefix(", "))
        inputs, units = fans(parameter)
        if start.variance is not None:
            more = Fraction(self.helpers[start.kind], _numerator(start))
            return f"{start.kind}({extent(more * start.spread[1].xreplace({INPUTS: inputs, UNITS: units}))}, {shape})"
        if start.kind == "zeros":
            return f"{np}.zeros({shape}{kind})"
        rows, *others = [axis.extent for axis in parameter.axes] or [Integer(1)]
        columns = prod(others) - int(has_biases(parameter))
        code = f"orthogonal({extent(rows)}, {extent(columns)})"
        if has_biases(parameter):
            return f"{np}.hstack([{np}.zeros(({extent(rows)}, 1){kind}), {code}])"
        return code if len(others) == 1 else f"{code}.reshape{shape}"


def _numerator(start: Initialisation) -> int:
    """What is divided by the fans: the variance, or three times that, the square of a uniform distribution's limit."""
    return int(start.spread[0] * (3 if start.kind == "uniform" else 1))


def _array_code(value: Any, shape: str, library: Library, dtype: str = "") -> str:
    """A number for all entries, or an array of nested tuples in the order of the axes, as code."""
    more = f", {dtype}" if dtype else ""
    if isinstance(value, tuple):
        kind = more if library.traced else ""
        return f"{library.name}.array({_nested(value)}{kind}).reshape{shape}"
    if value in (0, 1):
        return f"{library.name}.{'ones' if value else 'zeros'}({shape}{more})"
    return f"{library.name}.full({shape}, {_number(value)}{more})"


def _nested(value: Any) -> str:
    return f"[{', '.join(map(_nested, value))}]" if isinstance(value, tuple) else _number(value)


def _number(value: Any) -> str:
    if not isinstance(value, Fraction) or value.denominator == 1:
        return repr(float(value))
    return python_number(value).text


def shape_code(parameter: Tensor, width: Callable[[Expr], str]) -> str:
    """Return the shape of a parameter as code; ``width`` gives the code of one side."""
    return f"({', '.join(map(width, mx.Array(parameter).shape))})"
