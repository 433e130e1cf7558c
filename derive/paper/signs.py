"""Assign a unique sign to every tensor of a program.

A tensor with the name that a ``Network`` would give it, such as ``W1`` for the weight of layer 1, has the letters of
its role in the notation. Any other tensor is written by its own name. If two would look alike, the one with the
letters of its role is written by its name, too. A name that still looks like something else is spelled out, and as
a last resort gets a trailing underscore. So does the name of a function that is applied on the page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from itertools import chain, count
from typing import Any

from sympy import Expr, Function, Max, Min, Piecewise, log, pi, sign

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Call, SumOver, walk
from derive.calculus.again import DIRECTIONS
from derive.calculus.cases import Cases
from derive.calculus.curvature import TANGENT
from derive.calculus.extremes import Extreme, Largest, Smallest
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import SAMPLES, Tensor, symbols_read
from derive.calculus.program import Program
from derive.calculus.roles import Role
from derive.calculus.tangents import SLOPE
from derive.learning.descent import RATE, STEP
from derive.paper.boxes import ATOM, Box, Typesetter
from derive.paper.characters import LETTERS, NAMES, Letter, plain
from derive.paper.latex import latex
from derive.paper.notation import Notation, belongs, is_canonical
from derive.paper.spelling import letter_named, spelled, upright
from derive.paper.text import text
from derive.record import record

#: The appearances of a sign, in formats that distinguish upright from italic letters and in those that do not.
Looks = frozenset[str]

_NUMBERED = re.compile(r"(.*[^0-9_])_?(0|[1-9][0-9]*)", re.DOTALL)
#: Letters for functions, in case the notation's letter is used by a tensor.
_FUNCTIONS = ("f", "g", "phi", "chi")
#: The letters of the gradients of an earlier derivation, by the order of its derivatives.
GRADIENTS = ("G", "H")
#: The names of functions that SymPy calls otherwise.
_CALLED: dict[Any, str] = {log: "ln", sign: "sgn", Largest: "max", Smallest: "min", Max: "max", Min: "min"}
#: Letters for the number of samples, in the same case.
_SAMPLES = (SAMPLES.name, *"NMB")


@record
class Sign:
    """The letters of a tensor for an entry, for the array of one sample and for that of a batch.

    ``number`` is written in the place of a layer number, and ``label`` before the indices: the ``out`` of ``W_out``.
    ``about`` is the tensor of a shared factor if the number does not identify it.
    """

    entry: Box
    one: Box
    batch: Box
    number: str = ""
    about: Box | None = None
    label: Box | None = None

    @property
    def letters(self) -> set[str]:
        """The letters as plain text, with those of a label that could be indices."""
        shown = {text(box) for box in (self.entry, self.one, self.batch)}
        label = text(self.label) if self.label is not None else ""
        return shown | {name.partition("_")[0] for name in shown} | {*(label if len(label) < 3 else "")}


@record
class Signs:
    """The signs of a program's tensors by name, and the letters that avoid them.

    ``letters`` are those of all signs; indices do not use them. ``function`` is the letter of functions, ``width``
    that of a width whose own letter is used by a tensor, ``samples`` that of the number of samples. ``error`` is the
    sign of the error.
    """

    of: Mapping[str, Sign] = field(default_factory=dict)
    letters: frozenset[str] = frozenset()
    function: str = ""
    width: Letter = LETTERS["n"]
    samples: str = SAMPLES.name
    error: Tensor | None = None


def mark(set_: Typesetter, notation: Notation, number: str) -> Box | None:
    """A layer number in its brackets; None without a number."""
    if not number:
        return None
    opening, closing = notation.brackets
    shown = Letter(number, number.replace("-", "−"))
    return set_.join(map(set_.letter, (opening, shown, closing)), "", ATOM)


def scripted(
    set_: Typesetter, notation: Notation, base: Box, number: str, below: Box | None = None, above: Box | None = None
) -> Box:
    """A letter with its layer number on the side the notation prescribes, a subscript and a superscript."""
    layer = mark(set_, notation, number)
    if layer is None or notation.layer == "left":
        return set_.script(base, below, above, left=layer)
    return set_.script(base, below, layer if above is None else set_.join((layer, above), "", ATOM))


def role_sign(set_: Typesetter, notation: Notation, tensor: Tensor, one_layer: bool = False) -> Sign:
    """The letters of a tensor's role, with its layer number."""
    role, letter = notation.role(tensor), partial(letter_of, set_)
    entry, one, batch = map(letter, (role.entry, role.vector or role.entry, role.batch))
    if tensor.role == Role.LEARNING_RATE:
        entry = one = batch = letter(notation.rate)
    if tensor.role == Role.RATE:
        rate = letter(notation.rate)
        return Sign(rate, rate, rate, about=letter(notation.role(STEP).entry))
    about = tensor.about
    unlayered = tensor.role == Role.INPUT or (tensor.role == Role.PREDICTION and notation.has_prediction)
    plain = tensor.layer is None or unlayered or (one_layer and not notation.numbered_alone)
    below = None
    if tensor.role == Role.FACTOR and about is not None and (about.role != Role.PREACTIVATION or about.layer is None):
        below = letter(notation.role(about).entry)
    return Sign(entry, one, batch, "" if plain else str(tensor.layer), below)


def letter_of(set_: Typesetter, name: str) -> Box:
    """A letter of a notation; unless the whole name is a letter, the part after an underscore is an index."""
    if name in LETTERS:
        return set_.letter(LETTERS[name])
    stem, _, number = name.partition("_")
    if stem in LETTERS and number.isdigit():
        return set_.script(set_.letter(LETTERS[stem]), set_.number(int(number)), None)
    return set_.name(name)


# ------------------------------------------------------------ by name


def own_signs(set_: Typesetter, name: str, layered: bool = True) -> Iterator[Sign]:
    """Yield the possible signs of a name in order of preference, without end.

    The number of a name that is not ``layered`` is a subscript.

    >>> from derive.paper.notation import PSI
    >>> signs = own_signs(Typesetter(PSI.times), "alpha2")
    >>> [text(s.entry) + s.number for s in (next(signs), next(signs), next(signs))]
    ['α2', 'alpha2', 'alpha2_']
    >>> sign = next(own_signs(Typesetter(PSI.times), "W_out"))
    >>> text(sign.entry), text(sign.label)
    ('W', 'out')
    """
    numbered = _NUMBERED.fullmatch(name)
    stem, number = (numbered[1], numbered[2]) if numbered else (name, "")
    word = spelled(name)
    letter, rest = _letter_and_label(stem)
    if letter is not None:
        box, parts = set_.letter(letter), [_of_label(set_, part) for part in rest]
        if number and not layered:
            parts_and_number = [*parts, set_.number(int(number))]
            yield Sign(box, box, box, label=set_.join(parts_and_number, "comma", ATOM))
        yield Sign(box, box, box, number, label=set_.join(parts, "comma", ATOM) if parts else None)
    words = ((word + "_" * more, "") for more in count())
    for shown, digits in words if letter is not None and not rest else chain([(stem, number)], words):
        yield _of_one(_word(set_, shown), digits)


def _letter_and_label(stem: str) -> tuple[Letter | None, list[str]]:
    """The letter that a name begins with, and the parts after it: ``W`` and ``out`` of ``W_out``; None for a word."""
    parts = stem.split("_")
    for stop in range(len(parts), 0, -1):
        if all(parts[stop:]) and (letter := letter_named("_".join(parts[:stop]))) is not None:
            return letter, parts[stop:]
    return None, []


def _of_label(set_: Typesetter, part: str) -> Box:
    """A part of a label: a number, or upright letters, as indices are not."""
    return set_.number(int(part)) if part.isdigit() else _word(set_, part)


def _word(set_: Typesetter, name: str) -> Box:
    """A word as the name of a tensor, also if it is the name of a function."""
    box = set_.name(name)
    return set_.letter(Letter(rf"\mathrm{{{upright(name)}}}", name, box.width)) if name in NAMES else box


def _of_one(box: Box, number: str = "") -> Sign:
    return Sign(box, box, box, number)


# ------------------------------------------------------------ the table


def signs_of(program: Program, notation: Notation, set_: Typesetter, one_layer: bool) -> Signs:
    """Assign the signs of a program. Tensors of a ``Network`` have the letters of the notation."""
    return _Table(program, notation, set_, one_layer).signs()


class _Table:
    """The tensors of a program, each with its possible signs."""

    def __init__(self, program: Program, notation: Notation, set_: Typesetter, one_layer: bool) -> None:
        self.program, self.notation, self.set_, self.one_layer = program, notation, set_, one_layer
        self.stated = [*program.inputs, *program.parameters, *(s.target for s in program.stage("forward", "error"))]
        self.factors = [s.target for s in program.stage("factor")]
        numbers = _numbers_of_the_step(program)
        step = [t for t in program.tensors.values() if t.role != Role.CONSTANT or t.name in numbers]
        derived = [s.target for s in program.stage("gradient", "update") if belongs(s.target) or s.target.about]
        self.by_role = {t.name for t in step} - {t.name for t in self.stated if not is_canonical(t)}
        others = {t.name for t in (*self.factors, *derived, RATE)} - {t.name for t in self.stated}
        slopes = {s.target.name for s in program.stage("forward", "error") if s.equation.note in (SLOPE, TANGENT)}
        plain = [t for t in program.tensors.values() if t.name not in others and not belongs(t)]
        names = {t.name for t in plain} - slopes
        #: The derivatives in equations, each with the name of what is differentiated.
        self.slopes = {name: of for name in sorted(slopes) if (of := _differentiated(name, names))}
        #: What an earlier derivation has found, and the directions of its derivative.
        self.found_before = [t for t in plain if t.error or _is_direction(t)]
        self.plain = [t for t in plain if t.name not in self.slopes and t not in self.found_before]
        #: The names before a number of layers: those of computed tensors and parameters.
        self.layered = {_stem(t.name) for t in self.plain if not t.is_data}

    def signs(self) -> Signs:
        wanted = {t.name: self._wanted(t) for t in self.plain}
        claims = Counter(look for sign in wanted.values() for look in self.looks(sign))
        stated = {t.name for t in self.stated}
        shared = {n for n, sign in wanted.items() if n in stated and any(claims[k] > 1 for k in self.looks(sign))}
        found = {t.name: wanted[t.name] for t in self.plain if self._by_role(t) and t.name not in shared}
        letters = {letter for sign in wanted.values() for letter in sign.letters}
        function = self._function(letters)
        taken = {look for sign in found.values() for look in self.looks(sign)}
        applied = self._applied(function)
        samples = next((x for x in _SAMPLES if x not in letters | self._extents), SAMPLES.name)
        taken |= self._reserved(applied) | self._widths(letters) | {samples}
        others = {shown for sign in wanted.values() for shown in self._labelled(sign)}
        for tensor in self.plain:
            if tensor.name not in found:
                own = (s for s in self._own(tensor) if text(s.entry) not in applied)
                sign = next(s for s in own if self._is_free(tensor, s, taken, others))
                found[tensor.name] = sign
                taken |= self.looks(sign)
        found |= {name: self._of_slope(name, found[of]) for name, of in self.slopes.items()}
        for tensor in self.found_before:
            found[tensor.name] = self._of_before(tensor, found)
        used = frozenset(letter for sign in found.values() for letter in sign.letters)
        roles = {t.name: self._of_another(t) for t in self.program.tensors.values() if t.name not in found}
        error = self.program.stage("error")[-1].target
        return Signs({**roles, **found, **self._factors(found)}, used, function, _width(used), samples, error)

    def _wanted(self, tensor: Tensor) -> Sign:
        return self._of_another(tensor) if self._by_role(tensor) else next(self._own(tensor))

    def _own(self, tensor: Tensor) -> Iterator[Sign]:
        """The possible signs of a name; the number of data is that of a layer only if layers have such a name."""
        return own_signs(self.set_, tensor.name, not tensor.is_data or _stem(tensor.name) in self.layered)

    def _of_another(self, tensor: Tensor) -> Sign:
        return role_sign(self.set_, self.notation, tensor, self.one_layer)

    def _by_role(self, tensor: Tensor) -> bool:
        return tensor.name in self.by_role

    def _of_slope(self, name: str, own: Sign) -> Sign:
        """The sign of what is differentiated, with what that is with respect to as subscripts: u_xx."""
        wrt = name.removeprefix(f"{self.slopes[name]}_").split("_")
        letters = [x for part in wrt for x in (part if {*part} <= {t.name for t in self.plain} else [part])]
        boxes = [letter_of(self.set_, x) for x in letters]
        label = self.set_.join(boxes, "" if all(len(x) == 1 for x in letters) else "comma", ATOM)
        both = label if own.label is None else self.set_.join((own.label, label), "comma", ATOM)
        return Sign(own.entry, own.one, own.batch, own.number, label=both)

    def _of_before(self, tensor: Tensor, found: Mapping[str, Sign]) -> Sign:
        """The sign of a factor, a gradient, an error or a direction of an earlier derivation."""
        if tensor.role == Role.ERROR:
            root, letters = tensor, DIRECTIONS[: self._order(tensor.error) + 1]
            while root.error:
                root = self.program.tensors[root.error]
            below = self.set_.join([self.set_.letter(LETTERS[x]) for x in letters], "", ATOM)
            own = found[root.name]
            return Sign(own.entry, own.one, own.batch, own.number, below)
        if tensor.role == Role.STATED_FACTOR and tensor.about is not None:
            letter = self.set_.letter(LETTERS[self.notation.earlier[self._order(tensor.error)]])
            number = "" if tensor.layer is None else str(tensor.layer)
            return self._of_factor(_of_one(letter, number), tensor.about, found)
        if tensor.about is not None and tensor.is_data and not tensor.about.error:
            letter, about = self.set_.letter(LETTERS[DIRECTIONS[0]]), tensor.about
            own = found.get(about.name) or self._of_another(about)
            return Sign(letter, letter, letter, own.number, self._with_label(own))
        gradient = tensor.about if tensor.about is not None and tensor.is_data else tensor
        letters = DIRECTIONS if tensor.is_data else GRADIENTS
        letter = self.set_.letter(LETTERS[letters[self._order(gradient.error)]])
        own = found[gradient.owner.name]
        return Sign(letter, letter, letter, own.number, self._with_label(own))

    def _with_label(self, own: Sign) -> Box:
        """The letter of a tensor with its label, as the subscript of another."""
        return own.batch if own.label is None else self.set_.script(own.batch, own.label, None)

    def _order(self, error: str) -> int:
        """The number of errors from which the error of this name is derived."""
        before = self.program.tensors[error].error
        return 1 + self._order(before) if before else 0

    def _factors(self, found: Mapping[str, Sign]) -> dict[str, Sign]:
        """Give a shared factor the number of its tensor, and that tensor's letter as a subscript if it is unusual."""
        signs = {}
        for factor in self.factors:
            sign, about = self._of_another(factor), factor.about
            signs[factor.name] = sign if about is None else self._of_factor(sign, about, found)
        return signs

    def _of_factor(self, sign: Sign, about: Tensor, found: Mapping[str, Sign]) -> Sign:
        if self._by_role(about) and found[about.name] == self._of_another(about):
            return sign
        own = found[about.name]
        below = own.label or own.about
        below = own.entry if below is None else self.set_.script(own.entry, below, None)
        return Sign(sign.entry, sign.one, sign.batch, own.number, below)

    def looks(self, sign: Sign) -> Looks:
        """The appearances of a sign in print and as plain text, with any of its letters."""
        letters = (sign.entry, sign.one, sign.batch)
        boxes = [scripted(self.set_, self.notation, b, sign.number, sign.label) for b in letters]
        return frozenset({latex(b) for b in boxes} | {text(b) for b in boxes})

    def _labelled(self, sign: Sign) -> list[str]:
        """The letters of a sign with its label, without its number."""
        letters = (sign.entry, sign.one, sign.batch)
        return [text(b if sign.label is None else self.set_.script(b, sign.label, None)) for b in letters]

    def _is_free(self, tensor: Tensor, sign: Sign, taken: set[str], others: set[str]) -> bool:
        """Whether no tensor has a sign, and none of the ``others`` that are wanted looks like a letter of its own."""
        if self.looks(sign) & taken:
            return False
        stem, _, below = self._labelled(sign)[0].rpartition("_")
        short = len(below) == 1 or (len(below) == 2 and below.islower())
        like_an_entry = below.isdigit() or (short and sign.label is None)
        if stem in others and like_an_entry:
            return False
        return self.notation.derivative != "d" or self._is_no_differential(tensor, text(sign.entry), others)

    def _is_no_differential(self, tensor: Tensor, shown: str, others: set[str]) -> bool:
        """Whether a sign cannot be confused with a gradient written as dW or with a shared factor."""
        gradient = tensor in self.program.parameters and f"d{shown}" == self.notation.roles["factor"].entry
        return not gradient and not (shown[:1] == "d" and shown[1:] in others)

    def _function(self, letters: set[str]) -> str:
        """The letter of functions: one that no tensor uses, if possible."""
        pool = (self.notation.function, *_FUNCTIONS)
        return next((f for f in pool if LETTERS[f].text not in letters), pool[-1])

    def _applied(self, function: str) -> set[str]:
        """The letters of functions applied to arguments, which no tensor may use with any number."""
        names = {d.function.origin for d in self.program.definitions}
        return {LETTERS[function].text, *(NAMES[n].text for n in names if n in NAMES and NAMES[n].text)}

    def _reserved(self, applied: set[str]) -> set[str]:
        """The letters that have another meaning on a page with these statements."""
        used = [s.equation.expression for s in self.program.statements]
        named = [d.function for d in self.program.definitions]
        # The derivative of a function is shown, too: that of erf contains pi.
        slopes = (call.diff(X) for f in named for call in f.definition.atoms(Function) if not call.is_Piecewise)
        formulas = [*used, *(f.definition for f in named), *slopes]
        letters = ["ell", "Sigma"]
        letters += ["pi"] if any(e.has(pi) for e in formulas) else []
        letters += ["Delta"] if self.notation.increment else []
        letters += [self.notation.roles["factor"].entry] if self.factors else []
        orders = len(self.notation.earlier)
        letters += [*self.notation.earlier, *DIRECTIONS[:orders], *GRADIENTS[:orders]]
        letters += ["d"] if self.notation.derivative == "d" else []
        boxes = [self.set_.letter(LETTERS[x]) for x in letters]
        return {text(b) for b in boxes} | {latex(b) for b in boxes} | self._words(formulas) | applied

    def _words(self, formulas: Sequence[Expr]) -> set[str]:
        """The names of the functions that a page with these formulas applies."""
        named = [d.function for d in self.program.definitions]
        calls = {type(a) for e in formulas for a in e.atoms(Function, Max, Min, Extreme)}
        nodes = [n for s in self.program.statements if isinstance(s, ArrayAssign) for n in walk(s.form)]
        words = {*(f.origin for f in named), *(f.label.partition("(")[0] for f in named)}
        words |= {_CALLED.get(f, f.__name__) for f in calls if not issubclass(f, Elementwise)}
        words |= {n.name for n in nodes if isinstance(n, Call)}
        words |= {"sum"} if any(isinstance(n, SumOver) and n.axis is None for n in nodes) else set()
        return words | ({"otherwise"} if any(e.has(Cases, Piecewise) for e in formulas) else set())

    def _widths(self, letters: set[str]) -> set[str]:
        """The appearances of widths: their names, or n with an index if a tensor uses the letter."""
        moved = {n for n in self._extents if n.partition("_")[0] in letters}
        return {*(self._extents - moved), *(f"n_{n}" for n in moved)}

    @property
    def _extents(self) -> set[str]:
        return {s.name for s in self.program.extents}


def _stem(name: str) -> str:
    """The part of a name before its number; empty for a name without a number."""
    numbered = _NUMBERED.fullmatch(name)
    return numbered[1] if numbered else ""


def _is_direction(tensor: Tensor) -> bool:
    """Whether a tensor is a direction in which a parameter moves, or along which a gradient is taken."""
    given = tensor.about is not None and tensor.is_data
    return given and (tensor.role == Role.INPUT or bool(tensor.about and tensor.about.error))


def _differentiated(name: str, names: Collection[str]) -> str:
    """What a derivative is called after: the tensor ``u`` of ``u_xx``; empty if there is none."""
    while name and name not in names:
        name = name.rpartition("_")[0]
    return name


def _width(letters: frozenset[str]) -> Letter:
    """The letter that has a width as its index, if the width's own letter is used by a tensor."""
    return next((plain(x) for x in ("n", "N", "D") if x not in letters), Letter(r"\mathrm{width}", "width"))


def _numbers_of_the_step(program: Program) -> frozenset[str]:
    """The constants of the step or of a penalty, which have letters of their own in a network."""
    read = [s for s in program.statements if s.stage == "update" or s.equation.note == Role.PENALTY]
    return frozenset(name for s in read for name in symbols_read(s.equation.expression))
