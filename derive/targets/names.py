"""Assign the names in the generated module, each of them once.

A tensor, a width, a constant or a function may have any name. In code it needs an identifier
that is not a Python keyword or builtin, is unused in its scope, and differs from every other
identifier after Unicode normalisation by Python.
"""

from __future__ import annotations

import builtins
import keyword
from collections import Counter
from collections.abc import Iterable, Mapping
from unicodedata import normalize

from sympy import Expr, Symbol

from derive.arrays.along import RULES, name_along
from derive.calculus.index import Tensor
from derive.calculus.program import Program
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.notation import Notation
from derive.record import record

#: Keywords and builtins of Python.
BUILTINS = frozenset(dir(builtins))
PYTHON = BUILTINS.union(keyword.kwlist)
#: Names used by the templates in functions that contain names of tensors and widths.
SHARED = frozenset(
    "np math m self parameters state values slopes before seed dtype learning_rate generator uniform normal orthogonal "
    "samples slots done result Array Parameters Seed Any side_by_side Line erf erfc log1p log1p_ratio package check "
    "one_at_a_time contracted first_largest product_of_others scattered spread strided".split()
).union(name_along(title, axis) for title in RULES for axis in (0, 1, -1))
#: Names defined or imported at the top of generated files, if they begin with a letter, except the runtime's.
MODULE = frozenset(
    "annotations copy collections contextlib errno functools inspect io os re secrets signal sys time tokenize typing "
    "warnings zipfile zlib mmap cast Iterable WITHOUT_MASKS WITHOUT_WEIGHTS "
    "Callable FrameType IO NamedTuple NoReturn Self TypeVar final sha256 NDArray ArrayLike DTypeLike "
    "Iterator Mapping Sequence NETWORK FAST_STEPS Trainer initial_parameters initial_state forward error gradients "
    "input_gradients backward hessian_product third_product gauss_newton_product jacobian_product inner_products "
    "predict stream update kinks check_gradients check_steps example main "
    "straight_line straight_line_of_one steps_of_one "
    "Network Steps PredictorBase TrainerBase Extent Result START END OF_CLASSES hash_of_equations "
    "compare_gradients compare_steps draw_example gradient_report sides_of_kinks report "
    "traceback FUNCTIONS FAILURES resolved".split()
)
#: Names used around the lines of the fast steps, on arrays and on scalars, and the functions there.
FAST_ARRAYS = frozenset(
    "np math self parameters state samples dtype m slots learned slopes errors load store set_rate take measure parts "
    "learning_rate count done limit batches X Y X_all Y_all X_views Y_views add copyto absolute cos divide exp expm1 "
    "floor log log1p multiply negative power sign sqrt square subtract tanh fmax fmin greater greater_equal less "
    "less_equal where n rows side_by_side one_at_a_time Line".split()
)
FAST_NUMBERS = frozenset("math learned rows learning_rate errors append batches exp log log1p tanh".split())


def identifier(text: str) -> str:
    """Turn a text into a normalised identifier, with an underscore for each invalid character.

    Leading underscores are reserved for the module's own names and are removed.

    >>> [identifier(t) for t in ("W1", "é", "h 2", "1x", "_y", "x'")]
    ['W1', 'é', 'h_2', 'n1x', 'y', 'x_']
    """
    plain = "".join(c if f"a{c}".isidentifier() else "_" for c in normalize("NFKC", text)).lstrip("_")
    return plain if plain.isidentifier() else f"n{plain}"


class Names:
    """Assigns unique names."""

    def __init__(self, reserved: Iterable[str]) -> None:
        """``reserved`` are names already in the code, in addition to those of Python."""
        self._reserved = {*reserved} | PYTHON
        self._taken = {*self._reserved}

    def fresh(self, wanted: str) -> str:
        """The wanted name, with an underscore if it is reserved and a number if it is taken."""
        plain = identifier(wanted)
        found = f"{plain}_" if plain in self._reserved else plain
        number = 2
        while found in self._taken:
            found, number = f"{plain}_{number}", number + 1
        self._taken.add(found)
        return found

    def several(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """A name for each key, in order; names that are free as wanted are assigned first."""
        plain = {key: self.fresh(name) for key, name in wanted.items() if self._is_free(name)}
        return {key: plain[key] if key in plain else self.fresh(name) for key, name in wanted.items()}

    def _is_free(self, name: str) -> bool:
        return identifier(name) == name and name not in self._taken


@record
class CodeNames:
    """Names of a program's tensors and widths, and the source of names for its functions."""

    tensors: Mapping[str, str]
    widths: Mapping[Symbol, str]
    functions: Names

    def in_code(self, expression: Expr) -> Expr:
        """A formula of widths and numbers, with the names in code."""
        return renamed(expression, self.tensors, self.widths)


def renamed(expression: Expr, tensors: Mapping[str, str], widths: Mapping[Symbol, str]) -> Expr:
    """A formula with its widths and scalar tensors replaced by their names in code."""
    changed: dict[Expr, Expr] = {}
    for symbol in expression.free_symbols:
        if symbol in widths:
            changed[symbol] = Symbol(widths[symbol], integer=True, positive=True)
        elif symbol.name in tensors and symbol == Symbol(symbol.name, real=True):
            changed[symbol] = Symbol(tensors[symbol.name], real=True)
    return expression.xreplace(changed)


def width_names(widths: Iterable[str]) -> dict[str, str]:
    """Names in code of the widths: the same in every function, since users pass them."""
    return Names(SHARED).several({width: width for width in widths})


def code_names(program: Program, notation: Notation, reserved: Iterable[str] = ()) -> CodeNames:
    """Assign the names of a module, which differ from those that are ``reserved``.

    A tensor has its name in the notation, or its own name if two would collide; an updated
    parameter or state keeps the name of the one it replaces.
    """
    widths = width_names(symbol.name for symbol in program.extents)
    names = Names({*SHARED, *MODULE, *reserved, *widths.values()} - {"learning_rate"})
    replaced = {t.name: t.replaces.name for t in program.tensors.values() if t.replaces}
    wanted = {t.name: wanted_name(t, notation) for t in program.tensors.values() if t.name not in replaced}
    alike = Counter(wanted.values())
    rate = LEARNING_RATE.name
    tensors = {rate: names.fresh(wanted.pop(rate))}
    tensors |= names.several({n: w if alike[w] == 1 else n for n, w in wanted.items()})
    tensors |= {new: tensors[old] for new, old in replaced.items()}
    return CodeNames(tensors, {s: widths[s.name] for s in program.extents}, names)


def wanted_name(tensor: Tensor, notation: Notation) -> str:
    """The wanted name of a tensor; data keep the name that they were given."""
    return tensor.name if tensor.is_data else notation.code_name(tensor)
