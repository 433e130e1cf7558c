"""Symbols on paper: a tensor, or an entry of it, with its layer and its indices where the notation puts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Self

from sympy import Expr, Sum, Symbol

from derive.descent import STEP
from derive.index import Axis, Equation, Index, Tensor
from derive.notation import LETTERS, Letter, Notation, Role, belongs
from derive.printers.boxes import ATOM, Box, Typesetter


@dataclass(frozen=True)
class Symbols:
    """What a formula is written with: the typesetter, the notation, the tensors it may name.

    ``one_layer`` says that layer numbers are not needed to tell things apart;
    ``functions`` maps the activations that are written f to their numbers.
    ``letters`` names the indices at hand, with none of the letters ``taken``.
    ``batch`` writes arrays with the letters of a whole batch; ``shapes`` puts
    the shape under every array. ``given`` symbols are written as they are given.
    With ``decimals`` a fraction that is one, but for halves and quarters, is written as a decimal.
    """

    typesetter: Typesetter
    notation: Notation
    tensors: Mapping[str, Tensor]
    one_layer: bool = False
    functions: Mapping[str, str] = field(default_factory=dict)
    letters: Mapping[Index, str] = field(default_factory=dict)
    batch: bool = False
    shapes: bool = False
    taken: frozenset[str] = frozenset()
    given: Mapping[Symbol, Box] = field(default_factory=dict)
    decimals: bool = False

    # ------------------------------------------------------------ indices

    def lettered(self, equation: Equation, stage: str = "forward") -> Self:
        """The same page with a letter for every index of an equation."""
        bound = self.notation.factor_letters if stage == "factor" else self.notation.bound_letters
        return self.with_letters(equation.indices, _bound(equation.expression), bound)

    def with_letters(self, free: Iterable[Index], bound: Iterable[Index], pool: tuple[str, ...] | None = None) -> Self:
        """The same page with letters for the free indices, then for the bound ones."""
        chosen: dict[Index, str] = {}
        for indices, letters in (
            (free, self.notation.free_letters),
            (bound, pool or self.notation.bound_letters),
        ):
            for index in indices:
                source = self.notation.sample_letters if index.axis.sample else letters
                if index not in chosen:
                    chosen[index] = next(
                        x for x in unending(source) if x not in chosen.values() and x not in self.taken
                    )
        return replace(self, letters=chosen)

    def index(self, index: Expr) -> Box | None:
        """An index by its letter; None for one that has a single value."""
        if isinstance(index, Index):
            return None if index.axis.extent == 1 else self._index_letter(self.letters[index])
        return self.typesetter.number(int(index)) if index.is_Integer else self.width(str(index))

    def width(self, name: str) -> Box:
        """A width that has a name: as it is, or as the index of n where the notation has another use for its letter."""
        used = {role.entry for role in self.notation.roles.values()}
        used |= {self.notation.function, self.notation.rate} | self.notation.letters(self.tensors.values())
        plain = self.typesetter.variable(name)
        if name.partition("_")[0] not in used:
            return plain
        return self.typesetter.script(self.typesetter.letter(LETTERS["n"]), plain, None)

    # ------------------------------------------------------------ symbols

    def _index_letter(self, name: str) -> Box:
        letter, _, number = name.partition("_")
        box = self.typesetter.letter(LETTERS[letter])
        return self.typesetter.script(box, self.typesetter.number(int(number)), None) if number else box

    def symbol(self, tensor: Tensor, indices: tuple[Expr, ...] = (), whole: bool = False) -> Box:
        """A tensor, or an entry of it; ``whole`` for an array in the matrix form."""
        set_ = self.typesetter
        if tensor.role == "gradient" and tensor.about is not None:
            return self._gradient(tensor.about, indices, whole)
        if tensor.role == "updated" and tensor.about is not None:
            return self.symbol(tensor.about, indices, whole)
        if belongs(tensor) and tensor.about is not None:
            return self._belonging(tensor, tensor.about, indices, whole)
        if tensor.role == "rate":
            number = self.letter_of(self.notation.role(STEP).entry)
            return set_.named(set_.script(self.letter_of(self.notation.rate), number, None), tensor.name)
        role = self.notation.role(tensor)
        base = self._letter(tensor, role, whole)
        axes = [a for a in tensor.axes if not a.sample]
        chosen = [i for i in indices if not _is_sample(i)]
        units = [self._numbered(i, a) for i, a in zip(chosen, axes, strict=bool(chosen))]
        samples = [self.index(i) for i in indices if _is_sample(i)]
        if self.notation.from_first and tensor.role in ("weight",):
            units.reverse()
        below = glued(set_, [*self._told_apart(tensor), *self._unit(tensor, indices, units)])
        sample = next((s for s in samples if s is not None), None)
        if sample is not None and self.notation.sample == "({})":
            sample = set_.join((set_.letter(Letter("(", "(")), sample, set_.letter(Letter(")", ")"))), "", ATOM)
        entry = ",".join(str(i) for i in indices if not isinstance(i, Index))
        return set_.named(self._scripts(tensor, base, below, sample), tensor.name, entry)

    def _belonging(self, tensor: Tensor, about: Tensor, indices: tuple[Expr, ...], whole: bool) -> Box:
        """An array that is kept for a parameter: its letter, with the parameter's own symbol as its index."""
        set_, role = self.typesetter, self.notation.role(tensor)
        letter = role.batch if whole and len(about.axes) == 2 else role.entry
        inner = self.symbol(about, indices, whole)
        entry = ",".join(str(i) for i in indices if not isinstance(i, Index))
        return set_.named(set_.script(self.letter_of(letter), inner, None), tensor.name, entry)

    def letter_of(self, name: str) -> Box:
        """A letter by its name; what follows an underscore is its index, where the whole is no letter of its own."""
        if name in LETTERS:
            return self.typesetter.letter(LETTERS[name])
        stem, _, number = name.partition("_")
        if stem in LETTERS and number.isdigit():
            return self._index_letter(name)
        return self.typesetter.name(name)

    def _numbered(self, index: Expr, axis: Axis) -> Box | None:
        """An index along an axis; None along one that has a single entry, the number of a lone entry on any other."""
        if axis.extent == 1:
            return None
        lone = isinstance(index, Index) and index.axis.extent == 1
        return self.typesetter.number(index.axis.start) if lone else self.index(index)

    def _unit(self, tensor: Tensor, indices: tuple[Expr, ...], units: list[Box | None]) -> list[Box]:
        """The indices of a unit or a weight, with commas between them where they could be read as one number."""
        shown = [u for u in units if u is not None]
        long = [i for i in indices if not isinstance(i, Index) and (len(str(i)) > 1 or not i.is_Integer)]
        return [self.typesetter.join(shown, "comma", ATOM)] if long and len(shown) > 1 else shown

    def _told_apart(self, tensor: Tensor) -> list[Box]:
        """What a factor is about, where it is not the pre-activation of its layer."""
        about = tensor.about
        if tensor.role != "factor" or about is None or (about.role == "preactivation" and about.layer is not None):
            return []
        entry = self.notation.role(about).entry if about.layer is not None else about.name
        return [self.typesetter.letter(LETTERS[entry]) if entry in LETTERS else self.typesetter.name(entry)]

    def _letter(self, tensor: Tensor, role: Role, whole: bool) -> Box:
        name = role.entry
        if self._by_name(tensor):
            stem = tensor.name.rstrip("0123456789") or tensor.name
            name = stem if whole or len(stem) > 1 else stem.lower()
            return self.typesetter.letter(LETTERS[name]) if name in LETTERS else self.typesetter.name(name)
        if tensor.role == "learning_rate":
            name = self.notation.rate
        elif whole:
            name = role.batch if self.batch else role.vector or role.entry
        return self.letter_of(name)

    def _scripts(self, tensor: Tensor, base: Box, below: Box | None, above: Box | None) -> Box:
        """A letter with its layer where the notation puts it, and what stands below and above."""
        layer = self._layer(tensor)
        if layer is None or self.notation.layer == "left":
            return self.typesetter.script(base, below, above, left=layer)
        both = layer if above is None else self.typesetter.join((layer, above), "", ATOM)
        return self.typesetter.script(base, below, both)

    def _by_name(self, tensor: Tensor) -> bool:
        """Whether a parameter of no layer goes by its own name, as others of its kind have no layer either."""
        if tensor.layer is not None or tensor.role not in ("weight", "bias"):
            return False
        return sum(t.role == tensor.role and t.layer is None for t in self.tensors.values()) > 1

    def _layer(self, tensor: Tensor) -> Box | None:
        """The layer's number in its brackets, where one is written; the number in a name stands in its place."""
        stem = tensor.name.rstrip("0123456789")
        number = tensor.name[len(stem) :] if self._by_name(tensor) and stem else tensor.layer
        plain = number in (None, "") or (tensor.role == "prediction" and self.notation.layer != "bracket")
        if plain or tensor.role == "input" or (self.one_layer and self.notation.layer == "right"):
            return None
        opening, closing = ("[", "]") if self.notation.layer == "bracket" else ("(", ")")
        parts = (
            Letter(opening, opening),
            Letter(str(number), str(number)),
            Letter(closing, closing),
        )
        return self.typesetter.join((self.typesetter.letter(p) for p in parts), "", ATOM)

    def _gradient(self, about: Tensor, indices: tuple[Expr, ...], whole: bool) -> Box:
        inner = self.symbol(about, indices, whole)
        if self.notation.derivative == "d":
            joined = self.typesetter.join((self.typesetter.letter(LETTERS["d"]), inner), "", ATOM)
            return self.typesetter.named(joined, f"dE_d{about.name}")
        return self.typesetter.partial(self.typesetter.letter(LETTERS["E"]), inner)


def unending(letters: Iterable[str]) -> Iterator[str]:
    """The letters, then the letters with numbers: there is always one more."""
    pool = tuple(letters)
    yield from pool
    for number in count(1):
        yield from (f"{letter}_{number}" for letter in pool)


def _is_sample(index: Expr) -> bool:
    return isinstance(index, Index) and index.axis.sample


def _bound(expression: Expr) -> list[Index]:
    """The indices that sums bind, outermost first."""
    found: list[Index] = []
    for node in _preorder(expression):
        if isinstance(node, Sum):
            limits = sorted((limit[0] for limit in node.limits), key=lambda i: not i.axis.sample)
            found += [i for i in limits if i not in found]
    return found


def _preorder(expression: Expr) -> Iterable[Expr]:
    yield expression
    for argument in expression.args:
        if isinstance(argument, Expr):
            yield from _preorder(argument)


def glued(set_: Typesetter, boxes: list[Box]) -> Box | None:
    """Boxes side by side; None for none."""
    return set_.join(boxes, "", ATOM) if boxes else None
