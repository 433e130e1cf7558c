"""The names of the generated module, all handed out here, each of them once.

A tensor, a width, a constant or a function may be called anything. In code it needs an
identifier that is no word of Python, is used by nothing else where it stands, and differs
from every other one also after Python has normalised both.
"""

from __future__ import annotations

import builtins
import keyword
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from unicodedata import normalize

from sympy import Expr, Symbol

from derive.arrays.along import RULES, name_along
from derive.calculus.index import Tensor
from derive.calculus.program import Program
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.notation import Notation

#: What Python itself has a use for.
BUILTINS = frozenset(dir(builtins))
PYTHON = BUILTINS.union(keyword.kwlist)
#: What the templates use in the functions in which names of tensors and of widths stand.
SHARED = frozenset(
    "np math m self parameters state values slopes before seed dtype learning_rate generator uniform normal orthogonal "
    "samples slots result Array Parameters Seed Any side_by_side Line erf erfc log1p log1p_ratio".split()
).union(name_along(title, axis) for title in RULES for axis in (0, 1))
#: What generated files define and import at their top, as far as it begins with a letter; the runtime has its own.
MODULE = frozenset(
    "annotations copy collections contextlib errno functools inspect io os re secrets signal sys time tokenize typing "
    "warnings zipfile Callable FrameType IO NamedTuple NoReturn Self TypeVar final sha256 NDArray ArrayLike DTypeLike "
    "Mapping NETWORK FAST_STEPS Trainer initial_parameters initial_state forward error gradients update kinks "
    "check_gradients check_steps example main "
    "straight_line straight_line_of_one steps_of_one "
    "Network Steps TrainerBase Extent Result START END OF_CLASSES hash_of_equations "
    "compare_gradients compare_steps draw_example gradient_report sides_of_kinks report".split()
)
#: What stands beside the lines of the fast steps, on arrays and on single numbers, and the functions there.
FAST_ARRAYS = frozenset(
    "np math self parameters state samples dtype m slots learned slopes errors load store set_rate take measure parts "
    "learning_rate count done limit batches X Y X_all Y_all X_views Y_views add copyto absolute cos divide exp expm1 "
    "floor log log1p multiply negative power sign sqrt square subtract tanh fmax fmin greater greater_equal less "
    "less_equal where n rows side_by_side Line".split()
)
FAST_NUMBERS = frozenset("math learned rows learning_rate errors append batches exp log log1p tanh".split())


def identifier(text: str) -> str:
    """The text as Python would read it, with an underscore for what cannot stand in an identifier.

    An underscore at the beginning is left to the module's own names.

    >>> [identifier(t) for t in ("W1", "é", "h 2", "1x", "_y", "x'")]
    ['W1', 'é', 'h_2', 'n1x', 'y', 'x_']
    """
    plain = "".join(c if f"a{c}".isidentifier() else "_" for c in normalize("NFKC", text)).lstrip("_")
    return plain if plain.isidentifier() else f"n{plain}"


class Names:
    """Hands out names that nothing else has."""

    def __init__(self, reserved: Iterable[str]) -> None:
        """``reserved`` are the names that stand in the code already, beside the words of Python."""
        self._reserved = {*reserved} | PYTHON
        self._taken = {*self._reserved}

    def fresh(self, wanted: str) -> str:
        """The name that is wanted; with an underscore where that is reserved, with a number where it is taken."""
        plain = identifier(wanted)
        found = f"{plain}_" if plain in self._reserved else plain
        number = 2
        while found in self._taken:
            found, number = f"{plain}_{number}", number + 1
        self._taken.add(found)
        return found

    def several(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """A name for each key, in their order; what can be had as it is wanted is handed out first."""
        plain = {key: self.fresh(name) for key, name in wanted.items() if self._is_free(name)}
        return {key: plain[key] if key in plain else self.fresh(name) for key, name in wanted.items()}

    def _is_free(self, name: str) -> bool:
        return identifier(name) == name and name not in self._taken


@dataclass(frozen=True)
class CodeNames:
    """The names of a program's tensors and widths, and what hands out those of its functions."""

    tensors: Mapping[str, str]
    widths: Mapping[Symbol, str]
    functions: Names

    def in_code(self, expression: Expr) -> Expr:
        """A formula of widths and numbers with their names in code."""
        return renamed(expression, self.tensors, self.widths)


def renamed(expression: Expr, tensors: Mapping[str, str], widths: Mapping[Symbol, str]) -> Expr:
    """A formula with the names in code of the widths, and of the tensors without axes, that it reads."""
    changed: dict[Expr, Expr] = {}
    for symbol in expression.free_symbols:
        if symbol in widths:
            changed[symbol] = Symbol(widths[symbol], integer=True, positive=True)
        elif symbol.name in tensors and symbol == Symbol(symbol.name, real=True):
            changed[symbol] = Symbol(tensors[symbol.name], real=True)
    return expression.xreplace(changed)


def width_names(widths: Iterable[str]) -> dict[str, str]:
    """The names in code of widths: the same in every function, as users of the module give them."""
    return Names(SHARED).several({width: width for width in widths})


def code_names(program: Program, notation: Notation) -> CodeNames:
    """Hand out the names of a module.

    A tensor is called as its notation calls it, or by its own name where two would be called
    alike; what replaces a parameter or a state is called like that.
    """
    widths = width_names(symbol.name for symbol in program.extents)
    names = Names({*SHARED, *MODULE, *widths.values()} - {"learning_rate"})
    replaced = {t.name: t.replaces.name for t in program.tensors.values() if t.replaces}
    wanted = {t.name: _wanted(t, notation) for t in program.tensors.values() if t.name not in replaced}
    alike = Counter(wanted.values())
    rate = LEARNING_RATE.name
    tensors = {rate: names.fresh(wanted.pop(rate))}
    tensors |= names.several({n: w if alike[w] == 1 else n for n, w in wanted.items()})
    tensors |= {new: tensors[old] for new, old in replaced.items()}
    return CodeNames(tensors, {s: widths[s.name] for s in program.extents}, names)


def _wanted(tensor: Tensor, notation: Notation) -> str:
    """What a tensor is to be called; data go by the name that they were given."""
    return tensor.name if tensor.is_data else notation.code_name(tensor)
