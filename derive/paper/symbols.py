"""Symbols of tensors and their entries, with layer numbers and indices placed as the notation prescribes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from itertools import count
from typing import Self

from sympy import Add, Expr, Indexed, Integer
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.beginnings import Beginning
from derive.calculus.index import SAMPLES, Axis, Equation, Index, Tensor
from derive.calculus.roles import Role
from derive.paper.boxes import ATOM, SUM, Box, Typesetter
from derive.paper.characters import LETTERS, plain
from derive.paper.notation import Notation, belongs, is_canonical
from derive.paper.signs import Sign, Signs, letter_of, role_sign, scripted
from derive.record import record

#: Letters for indices if those of the notation are all in use.
_MORE = ("l", "c", "h", "n", "a", "b", "w", "y", "z", "rho", "tau", "xi", "zeta", "iota", "omega")


@record
class Symbols:
    """The context of typesetting: the typesetter, the notation and the tensors.

    ``one_layer`` omits layer numbers. ``functions`` maps the activations written f to their numbers; ``by_layer``
    says that the layer number distinguishes them. ``signs`` are those of the tensors; without them each tensor has
    the letters of its role. ``letters`` maps indices to letters, avoiding the letters ``taken`` and those of
    tensors. ``batch`` writes arrays with the letters of a whole batch; ``shapes`` puts the shape under every array.
    ``given`` maps symbols and entries to fixed boxes, such as numbers, which ``dotted`` separates by dots. With
    ``decimals`` a decimal fraction is written as a decimal, except halves and quarters. ``layer_names`` replace
    layer numbers, such as l for 2. Of ``beginnings``, which are equations of the document, entries say what they are.
    """

    typesetter: Typesetter
    notation: Notation
    tensors: Mapping[str, Tensor]
    one_layer: bool = False
    signs: Signs = field(default_factory=Signs)
    functions: Mapping[str, str] = field(default_factory=dict)
    by_layer: bool = False
    letters: Mapping[Index, str] = field(default_factory=dict)
    batch: bool = False
    shapes: bool = False
    taken: frozenset[str] = frozenset()
    preferred: Mapping[Axis | str, tuple[str, ...]] = field(default_factory=dict)
    given: Mapping[Expr, Box] = field(default_factory=dict)
    decimals: bool = False
    dotted: bool = False
    layer_names: Mapping[str, str] = field(default_factory=dict)
    beginnings: tuple[Beginning, ...] = ()

    # ------------------------------------------------------------ indices

    def lettered(self, equation: Equation, stage: str = "forward") -> Self:
        """Return a copy with a letter for every index of an equation."""
        bound = self.notation.factor_letters if stage == "factor" else self.notation.bound_letters
        return self.with_letters(equation.indices, _bound(equation.expression), bound)

    def with_letters(self, free: Iterable[Index], bound: Iterable[Index], pool: tuple[str, ...] | None = None) -> Self:
        """Return a copy with letters for the free indices, then for the bound ones."""
        chosen: dict[Index, str] = {}
        for indices, letters in (
            (free, self.notation.free_letters),
            (bound, pool or self.notation.bound_letters),
        ):
            for index in indices:
                source = self.notation.sample_letters if index.axis.sample else letters
                if index not in chosen:
                    chosen[index] = self.spare((*self.own_letters(index), *source), chosen.values())
        return replace(self, letters=chosen)

    def own_letters(self, index: Index) -> tuple[str, ...]:
        """The letters that the author of the equations gave to indices over the same axis, unless it is the samples."""
        names = () if index.axis.sample else self.preferred.get(index.axis.name or index.axis, ())
        return tuple(name for name in names if name in LETTERS)

    def spare(self, letters: Iterable[str], used: Collection[str] = ()) -> str:
        """The first letter for an index that neither an index nor a tensor uses, from ``letters`` or beyond."""
        own = self.signs.letters
        more = [x for x in _MORE if x not in self.notation.sample_letters]
        pool = [x for x in (*letters, *more) if LETTERS[x].text not in own]
        return next(x for x in unending(pool or letters) if x not in used and x not in self.taken)

    def spared(self, *letters: str) -> list[Box]:
        """Letters for indices: the given ones, with replacements for those of tensors."""
        chosen: list[str] = []
        for letter in letters:
            clear = LETTERS[letter].text not in self.signs.letters and letter not in chosen
            chosen.append(letter if clear else self.spare(self.notation.free_letters, chosen))
        return [self.typesetter.letter(LETTERS[x]) for x in chosen]

    def index(self, index: Expr) -> Box | None:
        """An index: a letter, a number, or a formula such as 2p + k - 1; None for an index with a single value."""
        if isinstance(index, Index):
            return None if index.axis.extent == 1 else self._index_letter(self.letters[index])
        alone = {i: Integer(i.axis.start) for i in index.free_symbols if isinstance(i, Index) and i.axis.extent == 1}
        terms = Add.make_args(index if index.has(Indexed) else index.xreplace(alone))
        signed = [(term.could_extract_minus_sign(), term) for term in terms]
        signed.sort(key=lambda pair: (bool(pair[1].is_number), pair[0], str(pair[1].as_coeff_Mul()[1])))
        if signed[0][0]:  # 3 - k rather than -k + 3
            signed.sort(key=lambda pair: pair[0])
        (negative, start), *others = ((minus, self._of_index(*term.as_coeff_Mul())) for minus, term in signed)
        set_ = self.typesetter
        first = set_.before("minus", start) if negative else start
        parts = [set_.before("binary minus" if minus else "binary plus", box) for minus, box in others]
        return set_.join((first, *parts), "", SUM if others else ATOM)

    def _of_index(self, number: Expr, of: Expr) -> Box:
        """A term of an index without its sign: a number times an index, a width, or an entry."""
        count = self.typesetter.number(abs(int(number)))
        if of == 1:
            return count
        if isinstance(of, Indexed):
            shown: Box | None = self.symbol(self.tensors[of.base.label.name], tuple(of.indices))
        else:
            shown = self.index(of) if isinstance(of, Index) else self.width(str(of))
        assert shown is not None
        return shown if abs(number) == 1 else self.typesetter.join((count, shown), "", ATOM)

    def width(self, name: str) -> Box:
        """A symbolic width: its name, or n with the name as index if its letter has another use."""
        if name == SAMPLES.name:
            return self.typesetter.variable(self.signs.samples)
        plain = self.typesetter.variable(name)
        used = {role.entry for role in self.notation.roles.values()}
        used |= {self.notation.function, self.notation.rate, self.signs.function}
        used |= self.notation.letters(self.tensors.values()) | self.signs.letters
        if name.partition("_")[0] not in used and name not in used:
            return plain
        return self.typesetter.script(self.typesetter.letter(self.signs.width), plain, None)

    # ------------------------------------------------------------ symbols

    def _index_letter(self, name: str) -> Box:
        letter, _, number = name.partition("_")
        box = self.typesetter.letter(LETTERS[letter])
        return self.typesetter.script(box, self.typesetter.number(int(number)), None) if number else box

    def symbol(self, tensor: Tensor, indices: tuple[Expr, ...] = (), whole: bool = False) -> Box:
        """A tensor, or an entry of it; ``whole`` for an array in the matrix form."""
        set_ = self.typesetter
        if tensor.about is not None and tensor.role in (Role.GRADIENT, Role.TARGET) and not tensor.about.error:
            return self._gradient(tensor.about, indices, whole)
        if tensor.replaces:
            return self.symbol(tensor.replaces, indices, whole)
        if belongs(tensor) and tensor.about is not None:
            return self._belonging(tensor, tensor.about, indices, whole)
        sign = self.sign(tensor)
        axes = [a for a in tensor.axes if not a.sample]
        whole_entry = len(indices) == len(tensor.axes)
        sampled = [a.sample for a in tensor.axes] if whole_entry else [_is_sample(i) for i in indices]
        chosen = [i for i, sample in zip(indices, sampled, strict=True) if not sample]
        units = [self._numbered(i, a) for i, a in zip(chosen, axes, strict=bool(chosen))]
        samples = [self.index(i) for i, sample in zip(indices, sampled, strict=True) if sample]
        placed = is_canonical(tensor) or not self.signs.of
        if self.notation.from_first and tensor.role == Role.WEIGHT and placed:
            units.reverse()
        raised = [units.pop()] if units and tensor.role in self.notation.raised and placed else []
        below = self.labelled(sign, self._below(sign, indices, [u for u in units if u is not None]))
        above = glued(set_, [*(u for u in raised if u), *(self._sample(s) for s in samples if s is not None)])
        return set_.named(self.scripts(sign, whole, below, above), tensor.name, _places(indices))

    def labelled(self, sign: Sign, below: Box | None) -> Box | None:
        """The label of a sign before its indices."""
        boxes = [box for box in (sign.label, below) if box is not None]
        return self.typesetter.join(boxes, "comma", ATOM) if len(boxes) > 1 else next(iter(boxes), None)

    def sign(self, tensor: Tensor) -> Sign:
        """The sign of a tensor."""
        if self.signs.of:
            return self.signs.of[tensor.name]
        return role_sign(self.typesetter, self.notation, tensor, self.one_layer)

    def scripts(self, sign: Sign, whole: bool, below: Box | None, above: Box | None) -> Box:
        """A sign with its layer number as the notation prescribes, a subscript and a superscript."""
        base = sign.entry if not whole else sign.batch if self.batch else sign.one
        return scripted(self.typesetter, self.notation, base, self.layer_name(sign.number), below, above)

    def layer_name(self, number: str) -> str:
        """A layer number, or what stands for it."""
        return self.layer_names.get(number, number)

    def _sample(self, letter: Box) -> Box:
        """The number of a sample as a superscript."""
        if self.notation.sample != "({})":
            return letter
        set_ = self.typesetter
        return set_.join((set_.letter(plain("(")), letter, set_.letter(plain(")"))), "", ATOM)

    def error(self) -> Box:
        """The error, as written in derivatives."""
        error = self.signs.error
        if error is None or error.name == "E":
            return self.typesetter.letter(LETTERS["E"])
        return self.symbol(error)

    def _belonging(self, tensor: Tensor, about: Tensor, indices: tuple[Expr, ...], whole: bool) -> Box:
        """A state array of a parameter: its letter, with the parameter's symbol as its index."""
        set_, role = self.typesetter, self.notation.role(tensor)
        letter = role.batch if whole and len(about.axes) == 2 else role.entry
        inner = self.symbol(about, indices, whole)
        return set_.named(set_.script(letter_of(set_, letter), inner, None), tensor.name, _places(indices))

    def _numbered(self, index: Expr, axis: Axis) -> Box | None:
        """An index along an axis, or the number of a fixed entry; None on an axis with a single entry."""
        if axis.extent == 1 and (isinstance(index, Index) or index == axis.start):
            return None
        lone = isinstance(index, Index) and index.axis.extent == 1
        return self.typesetter.number(index.axis.start) if lone else self.index(index)

    def _below(self, sign: Sign, indices: tuple[Expr, ...], units: list[Box]) -> Box | None:
        """The indices of a unit or a weight, separated by commas if they could be read as one number."""
        about = [sign.about] if sign.about else []
        formula = any(not isinstance(i, Index) and not i.is_Integer for i in indices)
        if units and (formula or any(box.kind == "script" for box in about)):
            return self.typesetter.join([*about, *units], "comma", ATOM)
        long = any(not isinstance(i, Index) and len(str(i)) > 1 for i in indices)
        separated = [self.typesetter.join(units, "comma", ATOM)] if long and len(units) > 1 else units
        return glued(self.typesetter, [*about, *separated])

    def _gradient(self, about: Tensor, indices: tuple[Expr, ...], whole: bool) -> Box:
        inner = self.symbol(about, indices, whole)
        if self.notation.derivative == "d":
            joined = self.typesetter.join((self.typesetter.letter(LETTERS["d"]), inner), "", ATOM)
            return self.typesetter.named(joined, f"dE_d{about.name}")
        return self.typesetter.partial(self.error(), inner)


def unending(letters: Iterable[str]) -> Iterator[str]:
    """Yield the letters, then the letters with numbers, without end."""
    pool = tuple(letters)
    yield from pool
    for number in count(1):
        yield from (f"{letter}_{number}" for letter in pool)


def _is_sample(index: Expr) -> bool:
    return isinstance(index, Index) and index.axis.sample


def _places(indices: tuple[Expr, ...]) -> str:
    """The indices that are numbers, or names of widths."""
    return ",".join(str(i) for i in indices if not i.has(Index))


def _bound(expression: Expr) -> list[Index]:
    """The bound indices of sums and maxima, outermost first."""
    found: list[Index] = []
    for node in _preorder(expression):
        if isinstance(node, ExprWithLimits):
            limits = sorted((limit[0] for limit in node.limits), key=lambda i: not i.axis.sample)
            found += [i for i in limits if i not in found]
    return found


def _preorder(expression: Expr) -> Iterable[Expr]:
    yield expression
    for argument in expression.args:
        if isinstance(argument, Expr):
            yield from _preorder(argument)


def glued(set_: Typesetter, boxes: list[Box]) -> Box | None:
    """Adjacent boxes as one box; None for an empty list."""
    return set_.join(boxes, "", ATOM) if boxes else None
