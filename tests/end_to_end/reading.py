"""The page of any forward pass is read back with its names: ``check_page`` raises on the first falsehood.

Every symbol is resolved to one tensor of the pass, by what the table of symbols says and by a rule of this reader's
own: a sign is a name, or the letter of a role for a tensor that is called as in a plain network. Then each equation
is evaluated, as in ``test_reading_back``; values and slopes come from the equations that were stated, and from
nothing that was derived.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any

import latex_reader as lr
import numpy as np
from forward_values import Values, length
from latex_reader import Equation, Symbol, Unreadable
from sympy import Float, Indexed, Integer, erf, pi
from test_reading_back import (
    RATE,
    RATES,
    Axis,
    Book,
    Checker,
    Differs,
    Elided,
    Matrix,
    Meaning,
    NoNumber,
    Reading,
    Value,
    _bound,
    _compare,
    _dotted,
    _mapped2,
    _readings,
    _scalar,
    _size,
    modes,
)

from derive.api import Derivation
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import X
from derive.calculus.index import SAMPLES, Tensor
from derive.calculus.program import Program
from derive.calculus.promises import kept
from derive.calculus.recurrence import recurrences
from derive.calculus.unrolled import is_ordered
from derive.paper.characters import LETTERS
from derive.paper.latex import latex
from derive.paper.notation import NOTATIONS, Notation
from derive.paper.page_of import page_for
from derive.paper.spelling import upright

Array = np.ndarray[Any, Any]

#: What is smaller than rounding makes of numbers of this size may be zero.
CANCELLED = 1e-3
#: The share of the largest number on the way to a value that rounding makes as large as the value.
ROUNDED = 1e-4
#: The parts of a document that hold equations and names, but for those that run the generated module.
PARTS = ("notation", "forward", "sought", "chain", "pattern", "values", "matrices")
#: The same without what says things twice: for very many small derivations.
QUICK = ("notation", "forward", "pattern", "matrices")

#: What a document says where an index may lie outside the range of a tensor.
OUTSIDE = "What an index reads outside the range of a tensor is 0."

#: What a tensor of a role is called in a plain network; of two roles with one letter, the later one counts.
_PLAIN = {"input": "X", "target": "Y", "error": "E", "weight": "W{}", "bias": "b{}", "augmented": "x{}"}
_PLAIN |= {"preactivation": "z{}", "activation": "a{}", "prediction": "a{}"}


def _roles(notation: Notation) -> dict[str, tuple[str, str]]:
    """The letters of a notation: the role of each, and what a tensor of it is called in a plain network."""
    letters = [(role, name) for role in _PLAIN for name in (notation.roles[role].entry, notation.roles[role].batch)]
    return {LETTERS[name].tex: (role, _PLAIN[role]) for role, name in letters}


ROLES = {name: _roles(notation) for name, notation in NOTATIONS.items()}

_MARKS = {"acute": "\u0301", "grave": "\u0300", "hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "ddot": "\u0308"}
_GREEK = {
    f"\\{unicodedata.name(chr(n)).split()[-1].lower().replace('lamda', 'lambda')}": chr(n)
    for n in range(0x3B1, 0x3CA)
    if "FINAL" not in unicodedata.name(chr(n))
}
_GREEK |= {f"\\{command[1:].capitalize()}": character.upper() for command, character in _GREEK.items()}
_GREEK[r"\varepsilon"] = "ε"


def names_of(letter: str) -> set[str]:
    r"""The names that a letter may stand for: ``\alpha`` is alpha or α, ``\hat{y}`` is y_hat or ŷ."""
    labelled = re.fullmatch(r"(.*)_\{(.*?)\}", letter, re.DOTALL)
    if labelled and not letter.startswith(r"\mathrm"):
        label = "_".join(
            _unescaped(part.removeprefix(r"\mathrm{").removesuffix("}")) for part in labelled[2].split(", ")
        )
        return {f"{n}{joint}{label}" for n in names_of(labelled[1]) for joint in ("_", "")}
    if letter in _GREEK:
        return {_GREEK[letter], letter[1:].replace("varepsilon", "epsilon")}
    accent = re.fullmatch(r"\\(\w+)\{(\w)\}", letter)
    if accent and accent[1] in _MARKS:
        marked = unicodedata.normalize("NFC", accent[2] + _MARKS[accent[1]])
        return {marked, f"{accent[2]}_{accent[1]}"}
    word = re.fullmatch(r"\\mathrm\{(.*)\}", letter, re.DOTALL)
    return {_unescaped(word[1])} if word else {letter}


def _unescaped(word: str) -> str:
    r"""A word as it was before LaTeX: ``W\_\acute{e}`` is W_é."""
    word = re.sub(r"\\(\w+)\{(\w)\}", lambda m: m[2] + _MARKS.get(m[1], ""), word)
    word = re.sub(r"\\[A-Za-z]+ ?", lambda m: _GREEK.get(m[0].strip(), m[0]), word)
    return unicodedata.normalize("NFC", word.replace("\\", ""))


def _spelled(name: str) -> str:
    """A name with Greek letters written out."""
    by_letter = {character: command[1:] for command, character in _GREEK.items() if command != r"\varepsilon"}
    return "".join(by_letter.get(c, c) for c in unicodedata.normalize("NFC", name))


# ---------------------------------------------------------------- names


@dataclass(frozen=True)
class Names:
    """Which tensor a sign stands for; ``said`` is what the table of symbols says in words."""

    tensors: Mapping[str, Tensor]
    notation: str
    said: Mapping[tuple[str, int | None], str]

    @property
    def style(self) -> Notation:
        """The notation itself."""
        return NOTATIONS[self.notation]

    @cached_property
    def _known(self) -> dict[tuple[str, int | None], Tensor | None]:
        return {}

    def resolve(self, letter: str, number: int | None) -> Tensor | None:
        """The one tensor with this sign; None if there is none. Raises Unreadable if there are several."""
        if (letter, number) not in self._known:
            self._known[letter, number] = self._resolved(letter, number)
        return self._known[letter, number]

    def _resolved(self, letter: str, number: int | None) -> Tensor | None:
        if (letter, number) in self.said:
            return self.tensors[self.said[letter, number]]
        own = self._by_name(letter, number)
        if len(own) > 1:
            raise Unreadable(f"{letter} with {number} may be {' or '.join(own)}")
        return self.tensors[own[0]] if own else self._by_role(letter, number)

    def _by_name(self, letter: str, number: int | None) -> list[str]:
        taken = set(self.said.values())
        free = {unicodedata.normalize("NFC", n): n for n in self.tensors if n not in taken}
        tails = ("",) if number is None else (str(number), f"_{number}")
        exact = [free[n + tail] for n in sorted(names_of(letter)) for tail in tails if n + tail in free]
        if exact or number is not None or not letter.startswith(r"\mathrm"):
            return exact[:1] if len(set(exact)) == 1 else sorted(set(exact))
        (word,) = names_of(letter)
        return [n for n in free.values() if _spelled(n) == word] or [
            n for n in free.values() if word.rstrip("_") == _spelled(n).rstrip("_")
        ]

    def _by_role(self, letter: str, number: int | None) -> Tensor | None:
        role, name = ROLES[self.notation].get(letter, ("", ""))
        roles = (role, "activation") if role == "prediction" and not self.style.has_prediction else (role,)
        unnumbered = number is None and (role == "prediction" or not self.style.numbered_alone)
        found = [
            t
            for t in self.tensors.values()
            if t.role in roles and t.name == name.format(t.layer)
            if (t.layer == number or unnumbered) or (number is None and role in ("input", "target", "error"))
        ]
        return found[0] if len(found) == 1 else None


def table(document: str) -> list[tuple[str, str, str]]:
    """The rows of the table of symbols: symbol, meaning, shape, as LaTeX."""
    row = r"^\$(.*?)\$ & (?:\\raggedright )?(.*?) & (?:\$(.*?)\$|[^&$]*?) ?\\\\"
    rows = re.findall(row, lr.unfolded(document), re.MULTILINE)
    marks = ("as an exponent", "as an index", "as an upper index")
    return [(symbol, meaning, shape) for symbol, meaning, shape in rows if not meaning.startswith(marks)]


def _sign(text: str) -> tuple[str, int | None]:
    tree = lr.formula(text)
    if not isinstance(tree, Symbol):
        raise Unreadable(f"{text} is no symbol")
    return tree.letter, tree.layer


# ---------------------------------------------------------------- the pass in numbers


@dataclass(frozen=True, eq=False)
class World:
    """A forward pass with numbers put in, as ``Reading`` asks for it."""

    of: Values
    batch: bool
    notation: str
    common: complex

    @property
    def network(self) -> Any:
        """What a reading wants to know of a network: here there is no penalty that is known by its letter."""
        return SimpleNamespace(l1=0, l2=0, clip=None, notation=self.notation, layers=())

    widths: tuple[int, ...] = ()
    depth = 0
    augmented = False

    @property
    def samples(self) -> int:
        return self.of.sizes["m"]

    @property
    def values(self) -> dict[str, Array]:
        return self.of.values

    @property
    def error(self) -> str:
        return self.of.forward.error.target.name

    def gradient(self, wrt: str) -> Array:
        """The derivative of the error with respect to all of an array."""
        return self.of.slopes(self.error, wrt)

    def slope(self, of: str, at: tuple[int, ...], wrt: str, position: tuple[int, ...], immediate: bool) -> float:
        """How one entry depends on another: by one equation, or, of the error, by all ways."""
        if of == self.error and not immediate:
            return float(self.gradient(wrt)[position])
        if of not in {e.target.name for e in self.of.forward.equations}:
            raise Unreadable(f"{of} is not computed")
        local = self.of.local(of, wrt)
        if local is None or (of == wrt and not immediate and self._is_around(of)):
            raise Elided(f"{of} does not read {wrt}")
        return float(local[(*position, *at)])

    def _is_around(self, name: str) -> bool:
        """Whether a tensor depends on itself at an earlier step through others of a step, too."""
        computed = {e.target.name for e in self.of.forward.equations}
        waiting, seen = [name], {name}
        while waiting:
            one = waiting.pop()
            read = {n for n in computed if self.of.local(one, n) is not None}
            if one != name and name in read:
                return True
            waiting += read - seen
            seen |= read
        return False

    def steps(self, name: str) -> int | None:
        """Where a tensor has the axis of the steps of a recurrence, if it has it once."""
        forward = self.of.forward
        ordered = [r.axis for r in recurrences(forward.equations)]
        found = [n for n, axis in enumerate(forward.tensors[name].axes) if is_ordered(axis, ordered)]
        return found[0] if len(found) == 1 else None


class PassReading(Reading):
    """Evaluates trees in the world of a forward pass."""

    def __init__(self, book: Book, world: World, names: Names, outside: bool = False) -> None:
        super().__init__(book, world)  # type: ignore[arg-type]
        self.names = names
        self.outside = outside  # whether the document says what is read outside a tensor
        forward = world.of.forward
        widths = {n: s for n, s in world.of.sizes.items() if n != "m"}
        plain = {n: s for n, s in widths.items() if names.resolve(n, None) is None}
        below = {f"{x}_{n}": s for n, s in widths.items() for x in "nND" if names.resolve(x, None) is None}
        samples = {x: world.samples for x in "NMBm" if x not in widths and names.resolve(x, None) is None}
        self.sizes = {**plain, **below, **samples}
        self.parameters = {p.name for p in forward.parameters}
        self.constants = {n: float(v) for n, v in forward.constants.items()}
        self.largest = 0.0
        self.known: dict[tuple[Any, ...], Value] = {}
        self._named: dict[int, tuple[lr.Node, set[str]]] = {}
        self._formulas: dict[str, lr.Node] = {}
        self._mentioned: dict[tuple[str, int], tuple[lr.Node, bool]] = {}  # the tree keeps its number

    def value(self, tree: lr.Node, env: Mapping[str, Any]) -> Value:
        """The value of a tree, which is kept for what it depends on; so is the largest number on the way."""
        if isinstance(tree, Symbol | lr.Number):
            found = super().value(tree, env)
            self.largest = max(self.largest, _size(found))
            return found
        _, names = self._names_in(tree)
        key = id(tree), self.entrywise, *((name, n) for name, n in env.items() if name in names)
        if key not in self.known:
            self.known[key] = super().value(tree, env)
            self.largest = max(self.largest, _size(self.known[key]))
        return self.known[key]

    def start(self) -> None:
        """Forget the values of the equation before."""
        self.known.clear()
        self.largest = 0.0

    def _names_in(self, tree: lr.Node) -> tuple[lr.Node, set[str]]:
        """The names of the indices and of the arguments that the value of a tree may depend on; the tree is kept."""
        if id(tree) not in self._named:
            found = {"@row", "@sample"}
            for node in lr.nodes(tree):
                if isinstance(node, Symbol):
                    found |= {node.letter, f"@{node.letter}", "_".join((node.letter, *node.indices))}
                    found |= {s for s in (node.sample, *node.others) if s is not None}
                sides = [node.left, node.right] if isinstance(node, lr.Kronecker) else getattr(node, "indices", ())
                for item in sides:
                    plain = item.isdigit() or (_is_letter(item) and "_" not in item)
                    found |= {item} | (set() if plain else self._names_in(self._formula(item))[1])
                found |= {node.index} if isinstance(node, lr.Sum) else set()
                found |= {letter for letter, *_ in node.ranges} if isinstance(node, lr.Extreme) else set()
            self._named[id(tree)] = tree, found
        return self._named[id(tree)]

    def number_of_step(self, symbol: Symbol) -> float | None:
        """A step here is the gradient times the rate."""
        return None

    # ------------------------------------------------------------ symbols

    def _meaning(self, symbol: Symbol) -> Meaning:
        letter, gradient = symbol.letter, False
        if letter == self._letter("factor") and self.names.resolve(letter, symbol.layer) is None:
            about = self._about(symbol)
            return Meaning("factor", about.name, 0, self._axes_of(about), "e1m")
        tensor = self.names.resolve(letter, symbol.layer)
        if tensor is None and self.notation.derivative == "d" and letter.startswith("d"):
            tensor, gradient = self.names.resolve(letter[1:], symbol.layer), True
        if tensor is None:
            raise Unreadable(f"{letter} with the number {symbol.layer} is no tensor's sign")
        axes = self._axes_of(tensor)
        swapped = self.notation.from_first and tensor.role == "weight" and tensor.name == f"W{tensor.layer}"
        role = "gradient" if gradient else "tensor"
        raised = tensor.role in self.notation.raised and tensor.name == _PLAIN[tensor.role].format(tensor.layer)
        return Meaning(role, tensor.name, 0, axes[::-1] if swapped else axes, "e1m", swapped, raised)

    def _letter(self, role: str) -> str:
        return LETTERS[self.notation.roles[role].entry].tex

    def _about(self, symbol: Symbol) -> Tensor:
        """What a shared factor is about: the tensor below it, or the sums of the layer above it."""
        first = symbol.indices[0] if symbol.indices else ""
        tensor = self.names.resolve(first, symbol.layer) if first and not first.isdigit() else None
        if tensor is None and first and not first.isdigit() and symbol.layer is not None:
            tensor = self.names.resolve(first, None)
        tensor = tensor or self.names.resolve(self._letter("preactivation"), symbol.layer)
        if tensor is None:
            raise Unreadable(f"{symbol} is a factor of nothing that is known")
        return tensor

    def _axes_of(self, tensor: Tensor) -> tuple[Axis, ...]:
        sizes = self.world.of.sizes
        units = [a for a in tensor.axes if not a.sample]
        return tuple(Axis(a.start, a.start + length(a.extent, sizes) - 1, a.extent == 1) for a in units)

    def _place(self, symbol: Symbol, meaning: Meaning) -> tuple[str | int, ...]:
        plain = replace(symbol, indices=self._units(symbol, meaning))
        written = [a for a in meaning.axes if not a.single]
        readings = [*_readings(plain, len(written))]
        beyond = len(readings) == 1 and any(
            i.isdigit() and int(i) not in range(a.start, a.stop + 1) for i, a in zip(readings[0], written, strict=True)
        )
        if not (self.outside and beyond):
            return super()._place(plain, meaning)
        queue = iter(int(i) if i.isdigit() else i for i in readings[0])
        return tuple(axis.start if axis.single else next(queue) for axis in meaning.axes)

    def _units(self, symbol: Symbol, meaning: Meaning) -> tuple[str, ...]:
        """The indices of a symbol without the letter that says what a factor is about."""
        first = symbol.indices[0] if symbol.indices else ""
        named = meaning.role == "factor" and first and not first.isdigit()
        about = named and any(self.names.resolve(first, n) is not None for n in {symbol.layer, None})
        return symbol.indices[1:] if about else symbol.indices

    def position(self, symbol: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> tuple[int, ...]:
        """The position of an entry, its units and samples in the order of the axes."""
        if symbol.transposed or symbol.without_biases:
            raise Unreadable(f"{symbol.letter} as an entry")
        units = []
        for item, axis in zip(self.placed(symbol, meaning), meaning.axes, strict=True):
            number = item if isinstance(item, int) else self._index(item, env)
            if not axis.start <= number <= axis.stop:
                if self.outside:
                    raise Outside
                raise Unreadable(f"{symbol.letter} has no entry {number}")
            units.append(number - axis.start)
        queue, samples = iter(units[::-1] if meaning.swapped else units), iter(self._samples(symbol, meaning, env))
        axes = self.names.tensors[meaning.name].axes
        return tuple(next(samples) if a.sample else next(queue) for a in axes)

    def _index(self, item: str, env: Mapping[str, Any]) -> int:
        """The number that an index stands for: a letter, or a formula."""
        return _bound(env, item) if item in env else self._whole_number(self._formula(item), env)

    def _formula(self, item: str) -> lr.Node:
        """An index that is a formula, which is read once."""
        if item not in self._formulas:
            self._formulas[item] = lr.formula(item)
        return self._formulas[item]

    def _kronecker(self, tree: lr.Kronecker, env: Mapping[str, Any]) -> Value:
        left, right = (self._side(item, env) for item in (tree.left, tree.right))
        return int(left == right)

    def _side(self, item: str, env: Mapping[str, Any]) -> int:
        """The number of a side of an Iverson bracket: an index, a formula of indices, or an entry of integer data."""
        meaning = None if item in env or item in self.sizes else self.names.resolve(item, None)
        if meaning is not None:
            return round(_scalar(self.value(self._formula(item), env)).real)
        return int(item) if item.isdigit() else self._index(item, env)

    def _whole_number(self, tree: lr.Node, env: Mapping[str, Any]) -> int:
        """The value of a formula of indices, in which a letter alone is an index, or a width."""
        if isinstance(tree, Symbol) and tree.sample is None and "_".join((tree.letter, *tree.indices)) in env:
            return _bound(env, "_".join((tree.letter, *tree.indices)))
        if isinstance(tree, lr.Number):
            return int(tree.value)
        if isinstance(tree, lr.Plus):
            return sum(sign * self._whole_number(term, env) for sign, term in tree.terms)
        if isinstance(tree, lr.Times):
            return math.prod(self._whole_number(factor, env) for factor in tree.factors)
        found = self.number(tree, env)
        if found != int(found.real):
            raise Unreadable(f"the index {found}")
        return int(found.real)

    def _numbers(self, symbol: Symbol) -> bool:
        """Whether a symbol is an index with a number, and no tensor."""
        return symbol.sample is None and self.names.resolve(symbol.letter, symbol.layer) is None

    def _bracket(self, tree: lr.Bracket, env: Mapping[str, Any]) -> Value:
        left = tuple(self._whole_number(side, env) for side in tree.left)
        if isinstance(tree.right, lr.Extreme):
            return int(left == self._best(tree.right, env, "arg")[1])
        return int(left == (self._whole_number(tree.right, env),))

    def _extreme(self, tree: lr.Extreme, env: Mapping[str, Any]) -> Value:
        return self._best(tree, env)[0]

    def _best(self, tree: lr.Extreme, env: Mapping[str, Any], before: str = "") -> tuple[complex, tuple[int, ...]]:
        """The extreme value and its place, the first of several."""
        if tree.name not in (f"{before}max", f"{before}min"):
            raise Unreadable(f"{tree.name} where a {'place' if before else 'number'} should stand")
        letters = [letter for letter, *_ in tree.ranges]
        if {*letters} & {*env} or not all(self._mentions(letter, tree.body) for letter in letters):
            raise Unreadable(f"the range of {letters} of what has none, or a value already")
        sides = [[int(_scalar(self.value(s, env)).real) for s in pair] for _, *pair in tree.ranges]
        places = itertools.product(*(range(first, last + 1) for first, last in sides))
        values = [(self.number(tree.body, {**env, **dict(zip(letters, p, strict=True))}), p) for p in places]
        sign = -1 if tree.name.endswith("min") else 1
        return max(values, key=lambda pair: sign * pair[0].real)

    def _mentions(self, letter: str, tree: lr.Node) -> bool:
        """Whether a letter is an index, or stands in a formula of one; each sum is asked many times."""
        key = letter, id(tree)
        if key not in self._mentioned:
            self._mentioned[key] = tree, self._is_mentioned(letter, tree)
        return self._mentioned[key][1]

    def _is_mentioned(self, letter: str, tree: lr.Node) -> bool:
        inside = (i for n in lr.nodes(tree) if isinstance(n, Symbol) for i in n.indices if not _is_letter(i))
        formulas = [self._formula(item) for item in inside if not item.isdigit()]
        brackets = [n for n in lr.nodes(tree) if isinstance(n, lr.Bracket)]
        letters = (s for part in (*formulas, *brackets) for s in lr.nodes(part) if isinstance(s, Symbol))
        below = {"_".join((s.letter, *s.indices)) for s in letters}
        return letter in below or super()._mentions(letter, tree) or any(self._mentions(letter, f) for f in formulas)

    def _samples(self, symbol: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> list[int]:
        count = sum(a.sample for a in self.names.tensors[meaning.name].axes)
        written = [s for s in (symbol.sample, *symbol.others) if s is not None]
        if not self.world.batch:
            if written:
                raise Unreadable(f"the sample {written[0]} where there is one sample only")
            return [0] * count
        if len(written) != count:
            raise Unreadable(f"{symbol.letter} has {count} upper indices, not {len(written)}")
        return [_bound(env, s) - 1 for s in written]

    def array(self, name: str, meaning: Meaning) -> Array:
        """All entries of what a symbol stands for."""
        if name in self.constants:
            return np.array(self.constants[name])
        if meaning.role == "factor":
            return self.world.gradient(name) / self.world.common
        return self.world.gradient(name) if meaning.role == "gradient" else self.world.values[name]

    def _symbol(self, tree: Symbol, env: Mapping[str, Any]) -> Value:
        if tree == Symbol(tree.letter) and f"@{tree.letter}" in env:
            found: complex = env[f"@{tree.letter}"]
            return found
        size = self.size(tree)
        if size is not None:
            return size
        if tree == Symbol(RATES[self.notation.name]) and self.names.resolve(tree.letter, None) is None:
            return RATE
        meaning = self.meaning(tree)
        if self.entrywise:
            return self._entry(tree, meaning, env)
        return self._whole(tree, meaning, env)

    def _entry(self, tree: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> Value:
        try:
            return complex(self.array(meaning.name, meaning)[self.position(tree, meaning, env)])
        except Outside:
            return self._begun(tree, meaning, env)

    def _begun(self, tree: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> Value:
        """What a recurrence begins with, if the entry is there; otherwise 0."""
        units = [i if isinstance(i, int) else self._index(i, env) for i in self.placed(tree, meaning)]
        return self._beginning(meaning.name, [*units, *(n + 1 for n in self._samples(tree, meaning, env))])

    def _beginning(self, name: str, places: list[int]) -> complex:
        """What an entry outside a tensor is."""
        for beginning in self.world.of.forward.beginnings:
            if beginning.tensor == name and places[beginning.position] == beginning.place:
                others = [Integer(n) for at, n in enumerate(places) if at != beginning.position]
                value = beginning.value.xreplace(dict(zip(beginning.indices, others, strict=False)))
                return complex(value.xreplace({entry: self._entry_value(entry) for entry in value.atoms(Indexed)}))
        return 0

    def _entry_value(self, entry: Indexed) -> Float:
        """The value of an entry whose indices are numbers."""
        axes = self.names.tensors[entry.base.label.name].axes
        place = tuple(int(i) - a.start for i, a in zip(entry.indices, axes, strict=True))
        return Float(float(np.real(self.world.values[entry.base.label.name][place])), 17)

    def _whole(self, tree: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> Any:
        """A symbol in a matrix equation: an array of rows and columns, or a number."""
        if (step := self.step_of(tree, meaning)) is not None:
            return self._at_step(tree, meaning, self._index(step, env) if not step.isdigit() else int(step))
        if self.is_number_of_step(tree):
            return self._entry(tree, meaning, env)
        if self._units(tree, meaning) or tree.without_biases:
            raise Unreadable(f"{tree.letter} as an array")
        data = self.array(meaning.name, meaning)
        axes = self.names.tensors[meaning.name].axes
        if tree.sample is not None:
            samples = iter(self._samples(tree, meaning, env))
            data = data[tuple(next(samples) if a.sample else slice(None) for a in axes)]
            axes = tuple(a for a in axes if not a.sample)
        if not axes:
            return complex(data[()])
        if data.ndim == 1:
            data = data[None, :] if axes[0].sample else data[:, None]
        return Matrix(data.T if tree.transposed else data)

    def step_of(self, symbol: Symbol, meaning: Meaning) -> str | None:
        """The index of a step, if it is the only one of an array with an axis of steps and others of units."""
        units = self._units(symbol, meaning)
        if len(units) != 1 or sum(not a.single for a in meaning.axes) < 2 or symbol.sample is not None:
            return None
        return units[0] if self.world.steps(meaning.name) is not None else None

    def is_at_step(self, symbol: Symbol) -> bool:
        """Whether a symbol is the array of a step."""
        try:
            return self.size(symbol) is None and self.step_of(symbol, self.meaning(symbol)) is not None
        except Unreadable:  # an index in a condition
            return False

    def is_number_of_step(self, symbol: Symbol) -> bool:
        """Whether a symbol is a number that belongs to a step: its array has no other axis."""
        if not symbol.indices or self.size(symbol) is not None:
            return False
        meaning = self.meaning(symbol)
        return len(meaning.axes) == 1 and self.world.steps(meaning.name) == 0

    def _at_step(self, tree: Symbol, meaning: Meaning, number: int) -> Any:
        """The array of a step; outside the steps it is 0."""
        data, axis = self.array(meaning.name, meaning), self.world.steps(meaning.name)
        assert axis is not None
        start = self.names.tensors[meaning.name].axes[axis].start
        inside = start <= number < start + data.shape[axis]
        data = np.take(data, number - start if inside else 0, axis=axis) * inside
        if not inside:
            for place in np.ndindex(data.shape):
                own = [a.start for n, a in enumerate(self.names.tensors[meaning.name].axes) if n != axis]
                others = [n + first for n, first in zip(place, own, strict=True)]
                data[place] = self._beginning(meaning.name, [*others[:axis], number, *others[axis:]]).real
        axes = [a for n, a in enumerate(self.names.tensors[meaning.name].axes) if n != axis]
        if data.ndim == 1:
            data = data[None, :] if axes[0].sample else data[:, None]
        return Matrix(data.T if tree.transposed else data)

    def _found_uses(self, tree: lr.Node) -> Iterator[tuple[str, Axis]]:
        brackets = [n for n in lr.nodes(tree) if isinstance(n, lr.Bracket)]
        compared = {s for n in lr.nodes(tuple(brackets)) if isinstance(s := n, Symbol) and self._numbers(s)}
        for node in lr.nodes(tree):
            if not isinstance(node, Symbol) or self.size(node) is not None or node == Symbol(node.letter):
                continue
            if node in compared:
                continue
            meaning = self.meaning(node)
            if (step := self.step_of(node, meaning)) is not None:
                place = self.world.steps(meaning.name)
                axis = self.names.tensors[meaning.name].axes[place or 0]
                last = axis.start + length(axis.extent, self.world.of.sizes) - 1
                if _is_letter(step):
                    yield step, Axis(axis.start, last, False)
                elif not step.isdigit():
                    yield from self._found_uses(self._formula(step))
                continue
            for sample in (node.sample, *node.others):
                if sample is not None:
                    yield sample, Axis(1, self.world.samples, False)
            if self._units(node, meaning):
                for item, axis in zip(self.placed(node, meaning), meaning.axes, strict=True):
                    if isinstance(item, str) and _is_letter(item):
                        yield item, axis
                    elif isinstance(item, str):
                        yield from self._found_uses(self._formula(item))

    # ------------------------------------------------------------ evaluation

    def _added(self, left: Value, right: Value) -> Value:
        """A sum; a bias that a plain network has is added to each column where the notation says so."""
        if isinstance(left, Matrix) and isinstance(right, Matrix) and not self.notation.ones:
            columns = {side.data.shape[1] for side in (left, right)}
            if columns == {1, self.world.samples} and left.data.shape[0] == right.data.shape[0]:
                return Matrix(left.data + right.data)
        return _mapped2(lambda a, b: a + b, left, right)

    def _partial(self, tree: lr.Partial, env: Mapping[str, Any]) -> Value:
        if not (isinstance(tree.of, Symbol) and isinstance(tree.wrt, Symbol)):
            raise Unreadable("a derivative of what is no symbol")
        of, wrt = self.meaning(tree.of), self.meaning(tree.wrt)
        if "factor" in (of.role, wrt.role) or "gradient" in (of.role, wrt.role):
            raise Unreadable("a derivative of a derivative")
        if self.entrywise or {tree.of.sample, tree.wrt.sample} != {None}:
            at, place = (self.position(x, m, env) for x, m in ((tree.of, of), (tree.wrt, wrt)))
            return self.world.slope(of.name, at, wrt.name, place, tree.immediate)
        if (of.name != self.world.error or tree.immediate) and self.world.values[wrt.name].size == 1:
            starts = (tuple([0] * self.world.values[n].ndim) for n in (of.name, wrt.name))
            if self.world.values[of.name].size == 1:
                return self.world.slope(of.name, next(starts), wrt.name, next(starts), tree.immediate)
        if of.name != self.world.error or tree.immediate:
            raise Unreadable("the derivative of an array")
        shaped = self._whole(tree.wrt, wrt, env)
        slopes = self.world.gradient(wrt.name)
        return Matrix(slopes.reshape(shaped.data.shape)) if isinstance(shaped, Matrix) else complex(slopes[()])

    def learned(self, tree: lr.Node) -> bool:
        """Whether a tree is a parameter."""
        return isinstance(tree, Symbol) and self.meaning(tree).name in self.parameters

    def updated(self, tree: Symbol, env: Mapping[str, Any]) -> Value:
        """A parameter after a step."""
        meaning = self.meaning(tree)
        after = self.array(meaning.name, meaning) - RATE * self.world.gradient(meaning.name)
        if self.entrywise:
            return complex(after[self.position(tree, meaning, env)])
        before = self._whole(tree, meaning, env)
        return Matrix(after.reshape(before.data.shape)) if isinstance(before, Matrix) else complex(after[()])

    def chained(self, terms: Sequence[tuple[int, lr.Node]], env: Mapping[str, Any]) -> complex:
        """Chains with dots between them are not filled in here."""
        raise Elided("dots between chains")

    def expanded(self, terms: Sequence[tuple[int, lr.Node]]) -> list[tuple[int, lr.Node]]:
        """Dots that stand for no row of numbers are left out."""
        try:
            return super().expanded(terms)
        except Unreadable as error:
            raise Elided(str(error)) from None

    def is_entry(self, symbol: Symbol) -> bool:
        """Whether a symbol has indices that number its entries."""
        if symbol.others:  # an entry for a pair of samples
            return True
        plain = not symbol.indices or self.size(symbol) is not None
        if not plain and self.step_of(symbol, self.meaning(symbol)) is not None:
            return False
        return not plain and bool(self._units(symbol, self.meaning(symbol)))

    def _spelled(self, tree: Any) -> Any:
        if isinstance(tree, Symbol) and tree.indices and self.size(tree) is None:
            meaning = self.meaning(tree)
            units = zip(self.placed(tree, meaning), meaning.axes, strict=True)
            kept = tree.indices[: len(tree.indices) - len(self._units(tree, meaning))]
            return replace(tree, indices=(*kept, *(str(i) for i, a in units if not a.single)), commas=True)
        return super()._spelled(tree)


class Outside(Exception):
    """An entry outside the range of a tensor, which is 0."""


def _is_letter(item: str) -> bool:
    r"""Whether an index is a letter, with or without a number, such as ``i_1`` or ``\mu``."""
    return re.fullmatch(r"\\?[A-Za-z]+(_\w+)?", item) is not None


class SamplesReading(PassReading):
    """Reads what has no index of a sample, but one entry for each, as the vector of these entries."""

    entrywise = property(lambda _: True, lambda _, value: None)  # type: ignore[assignment]

    def _entry(self, tree: Symbol, meaning: Meaning, env: Mapping[str, Any]) -> Value:
        axes = [a for a in self.names.tensors[meaning.name].axes if a.sample]
        if len(axes) != 1 or tree.sample is not None:
            return super()._entry(tree, meaning, env)
        each = replace(tree, sample="@row")
        numbers = [
            super(SamplesReading, self)._entry(each, meaning, {**env, "@row": n + 1}) for n in range(self.world.samples)
        ]
        return Matrix(np.array(numbers)[:, None])


class PassChecker(Checker):
    """Checks the equations of a page of a forward pass, in every entry."""

    most = sys.maxsize

    def __init__(
        self, equations: Sequence[Equation], one: World, batch: World, names: Names, outside: bool = False
    ) -> None:
        self.equations, self.world = tuple(equations), batch
        self.book = Book(batch.network)
        for equation in self.equations:
            self._define(equation)
        worlds = {"one": one, "batch": batch}
        self.readings = {name: PassReading(self.book, world, names, outside) for name, world in worlds.items()}
        self.readings["samples"] = SamplesReading(self.book, batch, names, outside)
        self.smooth = self.readings["one"]

    def _define(self, equation: Equation) -> None:
        """Take over the definition of a function."""
        if set(equation.relations) - {"="} or not equation.relations:
            return
        try:
            sides = [lr.read(side) for side in equation.sides]
        except Unreadable:
            return
        letters = ("f", "g", r"\phi", r"\chi", r"\ell")
        applied = [s for s in sides if isinstance(s, lr.Apply)]
        own = [s for s in applied if s.function.name in letters or (s.arguments[1:] and _variable_of(s))]
        body = next((s for s in sides if s not in own), None)
        variables = [_variable_of(s) for s in own if not s.function.primes and not s.function.wrt]
        if sides[0] in own and body is not None and all(variables):
            for side, variable in zip(own, variables, strict=False):
                if side.function in self.book.functions and self.book.functions[side.function] != (variable, body):
                    raise Differs(f"{side.function} is defined twice")
                self.book.functions[side.function] = variable, body

    def check(self, equation: Equation, mode: str = "") -> None:
        """Raise Unreadable, Differs or Elided if an equation is right in no mode that it may be meant in."""
        place = re.fullmatch(r"(\w) = (\w|\d+)", equation.source)
        if place is not None and self.smooth.names.resolve(place[1], None) is None:
            raise Elided("the place of an index")
        try:
            super().check(equation, mode or "one")
        except (Unreadable, Differs, NoNumber) as first:
            if mode:
                raise
            try:
                super().check(equation, "batch")
            except (Unreadable, Differs, NoNumber) as second:
                raise type(first)(f"{first}; {second}") from None

    def _check_list(self, items: Sequence[lr.Node], counted: bool) -> None:
        """A row of formulas: each is one; a list of all gradients has none twice."""
        if items == (lr.Dots(),):
            return
        reading = self.readings["one"]
        reading.entrywise = False
        shown = [item for item in items if not isinstance(item, lr.Dots)]
        for item in shown:
            reading.value(item, {})
        slopes = [reading.meaning(i.wrt).name for i in shown if isinstance(i, lr.Partial) and isinstance(i.wrt, Symbol)]
        if len(set(slopes)) < len(slopes):
            raise Differs(f"a gradient is listed twice: {slopes}")

    def _check_in(self, reading: Any, sides: Sequence[lr.Node], relations: Sequence[str]) -> None:
        symbols = [n for n in lr.nodes(tuple(sides)) if isinstance(n, Symbol)]
        kronecker = any(isinstance(n, lr.Kronecker | lr.Bracket | lr.Extreme) for n in lr.nodes(tuple(sides)))
        steps = any(reading.is_at_step(s) for s in symbols)
        entries = (s for s in symbols if not (steps and reading.is_number_of_step(s)))
        reading.entrywise = (kronecker and not steps) or any(reading.is_entry(s) for s in entries)
        reading.start()
        rows = []
        for env in self._enumerated(reading, sides):
            with suppress(Outside):  # the derivative with respect to what is outside a tensor
                rows.append(self._row(reading, sides, relations, env))
        largest = max(_size(v) for values in rows for v in values)
        for values in rows:
            _compare(values, max(largest, CANCELLED, ROUNDED * reading.largest))

    def _row(
        self, reading: Any, sides: Sequence[lr.Node], relations: Sequence[str], env: Mapping[str, int]
    ) -> list[Value]:
        """The values of all sides; of a side that is assigned to, its value after the step."""
        values: list[Value] = []
        for before, side in zip((None, *sides), sides, strict=False):
            if before is not None and _dotted(before) and _dotted(side):
                self._same_terms(reading, before, side, dict(env))
                values.append(values[-1])
            else:
                values.append(reading.value(side, env))
        for n, relation in enumerate(relations):
            if relation == r"\leftarrow" and reading.learned(sides[n]):
                values[n] = reading.updated(sides[n], env)
        return values


def _variable_of(tree: Any) -> str:
    letters = [getattr(argument, "letter", "") for argument in tree.arguments]
    return ",".join(letters) if [*tree.arguments] == [Symbol(letter) for letter in letters] else ""


# ---------------------------------------------------------------- pages


def _worlds(
    program: Program, forward: ForwardPass, notation: str, seed: int, scale: float = 1.0
) -> tuple[World, World]:
    """Random numbers for a forward pass, small enough for its error: a batch, and its first sample alone."""
    generator = np.random.default_rng(seed)
    names = sorted({s.name for t in forward.tensors.values() for a in t.axes for s in a.extent.free_symbols} - {"m"})
    sizes = {**{n: 3 + k for k, n in enumerate(names)}, "m": 4}
    given: dict[str, Array] = {n: np.array(float(v)) for n, v in forward.constants.items()}
    for tensor in (*forward.inputs, *forward.parameters):
        shape = tuple(length(a.extent, sizes) for a in tensor.axes)
        given[tensor.name] = scale * generator.uniform(0.2, 0.9, shape) * np.where(generator.random(shape) < 0.5, -1, 1)
        promises = [p for p in forward.promises if p.tensor == tensor]
        if tensor.places is not None:
            last = tensor.places.start + length(tensor.places.extent, sizes)
            given[tensor.name] = generator.integers(tensor.places.start, last, shape)
        elif tensor.role == "target" or promises:
            given[tensor.name] = kept(promises, np.abs(given[tensor.name]))
    with np.errstate(all="ignore"):
        finite = Values(forward, given, sizes).finite
    if scale > 1e-12 and not finite:
        return _worlds(program, forward, notation, seed, scale / 1e4)
    single = {
        t.name: np.take(given[t.name], [0], axis=[a.sample for a in t.axes].index(True))
        for t in forward.inputs
        if any(a.sample for a in t.axes)
    }
    common = [complex(program.common.xreplace({SAMPLES: Integer(m)})) for m in (1, sizes["m"])]
    one = World(Values(forward, {**given, **single}, {**sizes, "m": 1}), False, notation, common[0])
    return one, World(Values(forward, given, sizes), True, notation, common[1])


def check_page(derivation: Derivation, seed: int = 0, parts: Iterable[str] = PARTS) -> int:
    """Read every equation of the page of a derivation back, with its names.

    Returns how many were evaluated. Raises Unreadable or Differs, with the equation, on the first that does not
    hold, that has a sign which is no tensor's, or whose table of symbols leaves a tensor out.
    """
    document = derivation.latex(only=tuple(parts))
    return check_document(document, derivation.program, derivation.forward, derivation.notation.name, seed)


def check_document(document: str, program: Program, forward: ForwardPass, notation: str, seed: int = 0) -> int:
    """The same for a document that is at hand."""
    tensors = {**forward.tensors, **{n: Tensor(n, "constant") for n in forward.constants}}
    letters = _letters(tensors, notation)
    functions = [d.function for d in program.definitions]
    formulas = [*(f.definition for f in functions), *(e.expression for e in forward.equations)]
    letters -= {r"\sigma"} if any(f.origin == "sigmoid" for f in functions) else set()
    letters -= {r"\pi"} if any(f.has(pi, erf) for f in formulas) else set()
    with lr.arrays_called(()):
        rows = table(document)
    names = _read_names(rows, tensors, notation, letters)
    with lr.arrays_called(letters, partial(_is_label, tensors)):
        outside = OUTSIDE[:-1] in " ".join(document.split())
        return _checked(lr.equations(document), program, forward, names, seed, outside)


def _read_names(
    rows: Sequence[tuple[str, str, str]], tensors: Mapping[str, Tensor], notation: str, letters: set[str]
) -> Names:
    """The names by the table of symbols, which must have a row of its own for every tensor."""
    said: dict[tuple[str, int | None], str] = {}
    with lr.arrays_called(letters, partial(_is_label, tensors)):
        for symbol, meaning, _ in rows:
            _, said_so, what = meaning.partition("stated as ")
            if said_so:
                name = next((n for n in tensors if what in _written(n)), None)
                if name is None:
                    raise Unreadable(f"{what} in the table is no tensor")
                if said.setdefault(_sign(symbol.partition(" = ")[0]), name) != name:
                    raise Unreadable(f"{symbol} stands for two tensors in the table")
        names = Names(tensors, notation, said)
        found = [_named(names, symbol) for symbol, _, _ in rows]
    listed = [t for t in found if t is not None]
    numbered = [t for t in tensors.values() if t.layer is not None]
    missing = {t.name for t in tensors.values() if t not in numbered} - set(listed)
    if rows and (missing or len(set(listed)) < len(listed)):
        raise Unreadable(f"the table of symbols has the tensors {listed}, without {sorted(missing)}")
    return names


def _is_label(tensors: Mapping[str, Tensor], letter: str, label: str) -> bool:
    """Whether a letter and its label are the name of a tensor, perhaps with a number after it."""
    own = (t for t in tensors.values() if t.role != "factor")  # what is after the letter of a factor is a tensor
    tensors = {t.name: t for t in own if t.is_data or not label.isdigit()}
    names = {n for name in tensors for n in (name, re.sub(r"_?[0-9]+$", "", name))}
    return not names_of(f"{letter}_{{{label}}}").isdisjoint(names)


def _named(names: Names, symbol: str) -> str | None:
    try:
        tensor = names.resolve(*_sign(symbol.partition(" = ")[0]))
    except Unreadable as error:
        if "may be" in str(error):
            raise
        return None  # a sign of something else: a sum, a derivative
    return None if tensor is None else tensor.name


def _written(name: str) -> tuple[str, str]:
    """A name as a word of code, and as a formula where no type for code has its letters."""
    code = name.replace("_", r"\_").replace("%", r"\%")
    return rf"\texttt{{{code}}}", rf"$\mathrm{{{upright(name)}}}$"


def _letters(tensors: Iterable[str], notation: str) -> set[str]:
    """Letters that would mean something else if they were no names."""
    stems = {n.rstrip("0123456789").rstrip("_") or n for n in tensors}
    letters = {"e": {"e"}, r"\pi": {"pi", "π"}, r"\sigma": {"sigma", "σ"}}
    letters |= {} if NOTATIONS[notation].derivative == "d" else {"d": {"d"}}
    letters |= {} if NOTATIONS[notation].increment else {r"\Delta": {"Delta", "Δ"}}
    return {letter for letter, named in letters.items() if named & stems}


def _checked(
    equations: Sequence[Equation],
    program: Program,
    forward: ForwardPass,
    names: Names,
    seed: int,
    outside: bool = False,
) -> int:
    one, batch = _worlds(program, forward, names.notation, seed)
    checker = PassChecker(equations, one, batch, names, outside)
    count = 0
    for equation, mode in zip(checker.equations, modes(checker.equations), strict=True):
        try:
            checker.check(equation, mode)
            count += 1
        except Elided:
            continue
        except NoNumber:
            if one.of.finite and batch.of.finite:
                raise
        except (Unreadable, Differs) as error:
            raise type(error)(f"{error}\n    in {equation.source}") from None
    return count


def check_index_form(program: Program, forward: ForwardPass, notation: str = "psi", seed: int = 0) -> int:
    """The same for a program that has its index form only: every statement is printed with its indices, and read."""
    page = page_for(program, NOTATIONS[notation])
    lines = []
    for definition in program.definitions:
        function = definition.function
        applied = page.typesetter.apply(page.function(function), page.entry(X))
        lines.append(f"{latex(applied)} = {latex(page.formula(function.definition))}")
    for statement in program.statements:
        lettered = page.lettered(statement.equation, statement.stage)
        left = lettered.symbol(statement.target, statement.equation.indices)
        sign = r"\leftarrow" if statement.target.role == "updated" else "="
        lines.append(f"{latex(left)} {sign} {latex(lettered.rows(statement.equation))}")
    body = " \\\\\n".join(lines)
    document = f"of the batch\n\\begin{{gather*}}\n{body}\n\\end{{gather*}}\n"
    return check_document(document, program, forward, notation, seed)
