"""Symbols in LaTeX and the names that they have in a statement."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lark import Token, Tree

from derive.record import record
from derive.statement.language.lines import Declaration, Function, Item, Line
from derive.statement.language.syntax import Name
from derive.statement.latex.commands import GREEK
from derive.statement.latex.grammar import first, items
from derive.statement.latex.tokens import place_of, token
from derive.text.source import Misread, Place

MAX_WORD = 50
#: The words of declarations that give names a meaning; others name what is stated.
DECLARING = ("size", "input", "target", "recurrent", "parameter", "constant", "samples")
_SIGN_OF = {name: sign for sign, name in GREEK.items()}


@dataclass
class Factor:
    """A factor of a product, with what stands beside it; ``left`` are marks before it.

    ``sign`` is what stands between it and the factor before: ``/``, or the name of a sign for a product.
    """

    atom: Any
    place: Place
    subs: list[Any] = field(default_factory=list)
    sups: list[Any] = field(default_factory=list)
    left: list[Any] = field(default_factory=list)
    sign: str = ""

    def is_a(self, *kinds: str) -> bool:
        """Whether the factor is a token or a tree of one of these kinds."""
        return (self.atom.type if isinstance(self.atom, Token) else str(self.atom.data)) in kinds


@record
class Symbol:
    """A symbol: its letter or word with accents, and what stands beside it."""

    base: str
    place: Place
    subs: tuple[Any, ...]
    sups: tuple[Any, ...]
    left: tuple[Any, ...]


@record
class Known:
    """What is known of a name: the word that declares it, how many indices it has, and those of which sizes.

    ``values`` are the entries of a size, and ``start`` is the number of the first; ``values`` of whole numbers are the
    size whose entries they number.
    """

    word: str
    arity: int = 0
    sizes: tuple[Any, ...] = ()
    values: Any = None
    start: Any = None


def factors(term: Any) -> list[Factor]:
    """The factors of a product."""
    found, sign = list[Factor](), ""
    left: list[Any] = []
    for child in term.children:
        if isinstance(child, Token):
            sign = "/" if child.type == "SLASH" else str(child)
            continue
        atom, *scripts = child.children
        made = Factor(atom, place_of(first(atom)))
        for script in scripts:
            if isinstance(script, Token):
                made.subs.append(script)
            elif isinstance(script.children[1], Token) and script.children[1].type == "PRIME":
                made.subs.append(script.children[1])
            elif script.data == "sub":
                made.subs.append(script.children[1])
            else:
                made.sups += _layer_and_transpose(script.children[1])
        if made.is_a("EMPTY"):
            left += made.sups
            continue
        found.append(replace(made, sign=sign, left=left))
        sign, left = "", []
    return found


def _layer_and_transpose(node: Any) -> list[Any]:
    r"""The two superscripts of ``W^{(1)\top}``, or the one of another symbol."""
    inside = flat(content(node)) or []
    if len(inside) == 2 and inside[0].is_a("bracket") and inside[1].is_a("TOP", "LETTER") and not inside[1].sign:
        return [each.atom for each in inside]
    return [node]


def content(node: Any) -> Any:
    """What stands in the braces of a group."""
    while isinstance(node, Tree) and node.data == "group":
        inner = node.children[1]
        if not isinstance(inner, Tree) or len(inner.children) > 1:
            break
        node = inner.children[0]
    return node


def lone(node: Any) -> Factor | None:
    """The one factor that a group consists of, or a token; None if there is more in it."""
    if isinstance(node, Token):
        return Factor(node, place_of(node))
    if node.data == "group":
        return lone(node.children[1])
    if node.data == "list":
        return lone(node.children[0]) if len(node.children) == 1 else None
    found = flat(node)
    return found[0] if found is not None and len(found) == 1 else None


def flat(node: Any) -> list[Factor] | None:
    """The factors of a formula that is a product without signs, as the letters of ``ij`` are; None for others."""
    if isinstance(node, Token):
        return [Factor(node, place_of(node))]
    if node.data == "expr" and len(node.children) == 1:
        found = factors(node.children[0])
        return None if any(f.sign for f in found) else found
    if node.data in ("expr", "list", "both", "any", "relation"):
        return None
    return [Factor(node, place_of(first(node)))]


def entries(node: Any) -> list[Any]:
    """The formulas in the group of a script, between commas."""
    if isinstance(node, Tree) and node.data == "group":
        return list(items(node.children[1]))
    return [node]


def symbol(factor: Factor) -> Symbol | None:
    """The symbol that a factor is; None for a number, a fraction and so on."""
    atom = factor.atom
    own = tuple(s for s in factor.subs if not (isinstance(s, Token) and s.type == "PRIME"))
    primes = len(factor.subs) - len(own)
    if primes > 2:
        raise Misread(factor.place, "more than two primes stand at a symbol: choose another letter")
    prime = "_prime" * primes
    if isinstance(atom, Token):
        if atom.type not in ("LETTER", "WORD"):
            return None
        if len(atom) > MAX_WORD:
            raise Misread(factor.place, f"a name is longer than {MAX_WORD} characters")
        return Symbol(f"{atom}{prime}", factor.place, own, tuple(factor.sups), tuple(factor.left))
    if atom.data not in ("accent", "group"):
        return None
    inner = lone(atom.children[1] if atom.data == "accent" else atom)
    found = symbol(inner) if inner is not None else None
    if found is None:
        return None
    accent = f"_{atom.children[0]}" if atom.data == "accent" else ""
    return Symbol(
        f"{found.base}{accent}{prime}",
        factor.place,
        (*found.subs, *own),
        (*found.sups, *factor.sups),
        (*found.left, *factor.left),
    )


def spellings(base: str, marks: Sequence[str] = ()) -> Iterator[str]:
    """The names that a symbol may have in declarations, in order of preference.

    >>> list(spellings("gamma")), list(spellings("y_hat", ["1"])), list(spellings("W", ["out"]))
    (['gamma', 'γ'], ['y_hat1', 'y_hat_1'], ['W_out', 'Wout'])
    """
    letter, _, rest = base.partition("_")
    sign = _SIGN_OF.get(letter)
    letters_ = [letter, *([sign] if sign else []), *(["eps"] if letter == "epsilon" else [])]
    bases = [f"{name}_{rest}" if rest else name for name in letters_]
    joints = ("", "_") if all(mark.isdigit() for mark in marks) else ("_", "")
    for name in bases:
        for joint in joints if marks else joints[:1]:
            yield f"{name}{''.join(joint + mark for mark in marks)}"


def bracketed(node: Any) -> Any:
    """The formula in the brackets of a superscript, ``(1)`` or ``[1]``; None without them."""
    factor = lone(node)
    if factor is None or not factor.is_a("bracket") or factor.sups or factor.subs:
        return None
    inner = factor.atom.children[1]
    return inner.children[0] if len(inner.children) == 1 else None


def letters(node: Any) -> list[str]:
    """The letters of a formula that is nothing else, such as ``ij``; otherwise none."""
    found = flat(content(node)) or []
    named = [symbol(f) for f in found if f.is_a("LETTER", "accent", "group")]
    plain = [s.base for s in named if s is not None and not s.subs and not s.sups and not s.left]
    return plain if len(plain) == len(found) else []


def word_of(node: Any) -> str:
    """A word, or a number, that a script consists of; otherwise nothing."""
    factor = lone(node)
    if factor is None or not factor.is_a("WORD", "NUMBER") or factor.subs or factor.sups:
        return ""
    return str(factor.atom)


def _known(word: str, item: Item) -> Known:
    if word == "size":
        return Known(word, 0, (), item.value, item.values)
    return Known(word, len(item.sizes), item.sizes, item.values)


class Names:
    """The names of a text: what declarations and equations make known."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.known: dict[str, Known] = {}
        self.functions: set[str] = set()
        #: The tensors whose letter is also that of a number, as of ``E = \sum_n E_n``.
        self.each: dict[str, str] = {}
        declared = dict[str, Any]()
        for line in lines:
            if isinstance(line, Function):
                self.functions.add(line.name.name)
            elif isinstance(line, Declaration) and line.word == "index":
                declared |= {item.name.name: item.values for item in line.items}
            elif isinstance(line, Declaration) and line.word in DECLARING:
                self.known |= {item.name.name: _known(line.word, item) for item in line.items}
        self.indices = {*declared}
        #: The indices of samples, which are declared as ``index n in N`` beside ``samples N``.
        self.sample = {name for name, size in declared.items() if isinstance(size, Name) and self.counts(size.name)}

    def counts(self, name: str) -> bool:
        """Whether a name is the number of samples."""
        return name in self.known and self.known[name].word == "samples"

    def is_input(self, name: str) -> bool:
        """Whether a name is that of an input without axes."""
        return name in self.known and self.known[name].word == "input" and not self.known[name].arity

    def is_transpose(self, node: Any) -> bool:
        r"""Whether a superscript is ``\top``, or a T that has no other meaning."""
        factor = lone(node)
        return factor is not None and (
            factor.is_a("TOP") or ((letters(node) or [word_of(node)]) == ["T"] and "T" not in self.known)
        )

    def find(self, base: str, marks: Sequence[str], place: Place) -> str | None:
        """The known name of a symbol. Raises Misread if there are two."""
        found = [name for name in spellings(base, marks) if name in self.known or name in self.functions]
        if len(found) > 1:
            raise Misread(place, f"this may be {found[0]} or {found[1]}, which are both declared: rename one of them")
        return found[0] if found else None

    def marks(self, named: Symbol) -> list[str]:
        """The marks of a symbol that are certain: those before it, words, and numbers in brackets."""
        found = []
        for node in named.left:
            inner = bracketed(node)
            mark = word_of(node if inner is None else inner)
            if not mark:
                raise Misread(named.place, "a layer is written with its number, such as {}^{(1)}a_j")
            found.append(mark)
        return found

    # Left sides.

    def stated(self, named: Symbol) -> tuple[str, list[str]]:
        """The name that an equation states, and the letters of its indices. Raises Misread."""
        marks, indices = self.marks(named), list[str]()
        for node in named.sups:
            inner = bracketed(node)
            content = node if inner is None else inner
            if word_of(content):
                marks.append(word_of(content))
                continue
            found = letters(content)
            if found in (["l"], ["ell"]) and found[0] not in self.indices:
                raise Misread(
                    named.place,
                    "the layer l is no number: state the equations of each layer, with its number, such as a_j^{(1)}",
                )
            if not found or found == ["T"]:
                raise Misread(
                    named.place,
                    "this superscript is neither a number, such as z_i^{(1)}, nor an index, such as z_i^{\\mu}"
                    + self._step(named, content),
                )
            indices += found
        below = list[str]()
        for node in (entry for sub in named.subs for entry in entries(sub)):
            if word_of(node) and not below:
                marks.append(word_of(node))
                continue
            found = letters(node)
            if (
                found and not below and all(x in self.known and self.known[x].word == "input" for x in found)
            ):  # a derivative, as u_{xx}
                marks.append("".join(found))
                continue
            if "".join(found) in self.indices:
                found = ["".join(found)]
            inner_factors = flat(node) or []
            if not found and inner_factors and inner_factors[0].is_a("NUMBER") and not below:
                marks.append(str(inner_factors[0].atom))
                found = [str(f.atom) for f in inner_factors[1:] if f.is_a("LETTER")]
            if not found:
                raise Misread(
                    place_of(first(node)),
                    "an index on the left is a letter, which stands for every entry, such as z_i"
                    + self._step(named, node),
                )
            below += found
        return self.find(named.base, marks, named.place) or next(spellings(named.base, marks)), [*below, *indices]

    def beginning(self, named: Symbol) -> tuple[str, list[tuple[str, Any]]] | None:
        """The recurrent tensor of which a left side such as ``h_{0,i}`` is a beginning, and its indices.

        An index is a letter, or no letter and the tree of a place, such as 0 or T + 1. None for other left sides.
        """
        with contextlib.suppress(Misread):
            marks = self.marks(named)
            name = self.find(named.base, marks, named.place)
            if name is None or self.known[name].word != "recurrent":
                return None
            below = [part for sub in named.subs for entry in entries(sub) for part in flat_of(entry)]
            above = [content if (content := bracketed(sup)) is not None else sup for sup in named.sups]
            numbers = [part for part in (*below, *above) if self._is_place(part)]
            own = [self.find(named.base, [*marks, word], named.place) for n in numbers if (word := word_of(n))]
            layers = any(word_of(part) not in ("", "0") for part in above)
            if any(part not in numbers and len(letters(part)) != 1 for part in (*below, *above)):
                return None
            if len(numbers) == 1 and not layers and not any(o and self.known[o].word == "recurrent" for o in own):
                return name, [("" if part in numbers else letters(part)[0], part) for part in (*below, *above)]
        return None

    def _step(self, named: Symbol, node: Any) -> str:
        """What to write for a left side such as ``h_{t+1}``; nothing for others."""
        for letter, number in filter(None, map(shift_of, flat_of(node))):
            ahead, back = (f"{named.base}_{{{letter}{n:+}}}" for n in (number, -number))
            return f": write {named.base}_{letter} for {ahead}, and {back} for {named.base}_{letter}"
        return ""

    def _is_place(self, node: Any) -> bool:
        """Whether an index is a number, or a formula of numbers and sizes, such as T + 1."""
        found = [t for t in node.scan_values(_is_token)] if isinstance(node, Tree) else [node]
        sizes = [t for t in found if t.type in ("LETTER", "WORD")]
        plain = all(t.type in ("NUMBER", "PLUS", "MINUS", "LETTER", "WORD", "LBRACE", "RBRACE") for t in found)
        return plain and len(found) > len(sizes) and all(self._is_size(str(t)) for t in sizes)

    def _is_size(self, name: str) -> bool:
        return name in self.known and self.known[name].word == "size"

    # Reading.

    def read(self, named: Symbol, scope: Mapping[str, Any]) -> tuple[str | None, list[str], list[list[Any]], Any]:
        """The known name of a symbol, its marks, its indices, and its exponent; None for a name that is not known.

        The indices are in groups: each group is one index, or several that are written without commas.
        """
        marks, above, power = self.marks(named), list[list[Any]](), None
        for node in named.sups:
            inner = bracketed(node)
            content = node if inner is None else inner
            word, found = word_of(content), letters(content)
            if power is None and not self.find(named.base, [*marks, "T"], named.place) and self.is_transpose(content):
                power = node
                continue
            marked = bool(word or found) and self.find(named.base, [*marks, word or "".join(found)], named.place)
            if marked or (word and (inner is not None or not word.isdigit())):
                if word and inner is None and word.isdigit() and self.find(named.base, marks, named.place):
                    raise Misread(
                        named.place,
                        f"this may be {marked} or a power of {named.base}: write {named.base}^{{({word})}}, or "
                        f"({named.base})^{word}",
                    )
                marks.append(word or "".join(found))
            elif found and all(letter in scope for letter in found):
                above.append([content] if len(found) == 1 else list(flat_of(content)))
            elif inner is not None:
                if not _reads(inner, scope):
                    raise Misread(named.place, self._no_layer(named, content))
                above.append([inner])
            elif power is not None and self.is_transpose(power):
                raise Misread(named.place, "a power stands after a transpose: put brackets around the transpose")
            elif power is not None:
                raise Misread(named.place, "two exponents stand at one symbol: put brackets around the power")
            else:
                power = node
        below = [self._group(entry, scope) for sub in named.subs for entry in entries(sub)]
        name = self._below(named, marks, below, scope)
        if name is None and (number := word_of(power) if power is not None else "").isdigit():
            name = self.find(named.base, [number, *marks], named.place)  # as of \sigma_B^2 that is stated
            power = power if name is None else None
        if below or above:
            name = self.each.get(name or "", name)
        return name, marks, [*below, *above], power

    def _group(self, entry: Any, scope: Mapping[str, Any]) -> list[Any]:
        """The indices in an entry of a subscript; letters that are declared as one index are one."""
        joined = "".join(letters(entry))
        declared = joined in self.indices and joined in scope
        return [token("LETTER", joined, first(entry))] if declared else flat_of(entry)

    def _no_layer(self, named: Symbol, content: Any) -> str:
        shown = "".join(str(t) for t in content.scan_values(lambda _: True)) if isinstance(content, Tree) else content
        return (
            f"{shown} is neither the number of a layer, such as {named.base}^{{(1)}}, nor an index that stands on the "
            "left or that a sum runs over"
        )

    def _may_be_entry(self, name: str, group: list[Any], scope: Mapping[str, Any]) -> bool:
        """Whether the letters below a symbol may be indices of this equation, whole numbers or integer inputs."""
        if not all(map(letters, group)):
            starts = [self.known[s.name].start for s in self.known[name].sizes if getattr(s, "name", "") in self.known]
            return word_of(group[0]) != "0" or any(starts)
        found = [x for part in group for x in letters(part)]
        return all(
            x in scope or (x in self.known and (self.known[x].word == "size" or self.known[x].values)) for x in found
        )

    def _below(self, named: Symbol, marks: list[str], below: list[list[Any]], scope: Mapping[str, Any]) -> str | None:
        """Take the marks out of the subscripts, and return the known name."""
        own = self.find(named.base, marks, named.place)
        while below and below[0] and (word := word_of(below[0][0])) and not word.isdigit():
            if own and self.is_input(word) and not self.find(named.base, [*marks, word], named.place):
                break
            marks.append(word_of(below[0].pop(0)))
            if not below[0]:
                below.pop(0)
        own = self.find(named.base, marks, named.place)
        for group in below[:1]:
            joined = "".join(x for part in group for x in letters(part)) if all(map(letters, group)) else ""
            for mark, kept in ((joined, []), (word_of(group[0]), group[1:])):
                other = self.find(named.base, [*marks, mark], named.place) if mark else None
                if other is None:
                    continue
                if own is not None and self._may_be_entry(own, group, scope):
                    raise Misread(named.place, f"this may be {other} or an entry of {own}: rename one of them")
                marks.append(mark)
                below[:1] = [kept] if kept else []
                return other
        return own


def flat_of(node: Any) -> list[Any]:
    """The indices that are written without commas, each as a tree or token; a formula with signs is one."""
    node = content(node)
    found = flat(node)
    if found is None or not isinstance(node, Tree) or node.data != "expr":
        return [node]
    term = node.children[0]
    if not isinstance(term, Tree):
        return [node]
    return [_alone(child) for child in term.children if isinstance(child, Tree) and not _is_empty(child)]


def shift_of(node: Any) -> tuple[str, int] | None:
    """The letter and the number of an index such as ``t - 1``, as ``("t", -1)``; None for others."""
    node = content(node)
    if not isinstance(node, Tree) or node.data != "expr" or len(node.children) != 3:
        return None
    letter, sign, number = (x if isinstance(x, Token) else Tree("expr", [x]) for x in node.children)
    if len(letters(letter)) != 1 or not word_of(number).isdigit():
        return None
    moved = int(word_of(number))
    return letters(letter)[0], moved if str(sign) == "+" else -moved


def _is_token(each: object) -> bool:
    return isinstance(each, Token)


def _is_empty(factor: Any) -> bool:
    atom = factor.children[0]
    return isinstance(atom, Token) and atom.type == "EMPTY"


def _alone(factor: Any) -> Tree[Token]:
    return Tree("expr", [Tree("term", [factor])])


def _reads(node: Any, scope: Mapping[str, Any]) -> bool:
    if isinstance(node, Token):
        return str(node) in scope
    return any(
        isinstance(t, Token) and t.type == "LETTER" and str(t) in scope for t in node.scan_values(lambda _: True)
    )
