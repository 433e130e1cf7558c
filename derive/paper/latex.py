"""Write boxes as LaTeX.

``Writer`` uses only commands that amsmath, KaTeX and MathJax all support. ``Source`` writes symbols as macros, for a
source that people edit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from derive.paper.boxes import ATOM, EMPTY, PRODUCT, Box, layer_mark
from derive.paper.characters import NAMES, PLUS, Letter, Name, Sign
from derive.paper.spelling import upright
from derive.record import record

_PLUS = Box("letter", (PLUS,), PLUS.width)


@record
class Writer:
    r"""Writes boxes as LaTeX; ``red`` and ``green`` are the names of the colours.

    ``web`` omits the braces around an index of one sign, because some pages limit the number of braces, and
    separates adjacent braces, because two of them start a placeholder in templates. Raises NotImplementedError
    for an unknown kind of box.

    >>> from derive.paper.boxes import Typesetter
    >>> from derive.paper.characters import STAR, plain
    >>> set_ = Typesetter(STAR)
    >>> latex(set_.fraction(set_.number(1), set_.letter(plain("m"))))
    '\\frac{1}{m}'
    """

    red: str = "derivered"
    green: str = "derivegreen"
    web: bool = False

    def __call__(self, box: Box) -> str:
        """Write a box."""
        if box.kind not in _KINDS:
            raise NotImplementedError(f"cannot write a {box.kind} in LaTeX")
        return _KINDS[box.kind](self, *box.parts)

    def coloured(self, colour: str, text: str) -> str:
        """A formula in one of the colours of the derivation."""
        name = {"red": self.red, "green": self.green}[colour]
        return rf"\textcolor{{{name}}}{self._braced(text)}"

    def index(self, box: Box) -> str:
        """A subscript or superscript."""
        text = self(box)
        return text if self.web and _is_one_sign(text) else self._braced(text)

    def within(self, box: Box) -> str:
        """A box as the argument of a command."""
        return self._braced(self(box))

    def _braced(self, text: str) -> str:
        return f"{{ {text}}}" if self.web and text.startswith("{") else f"{{{text}}}"

    def sign(self, sign: Sign) -> str:
        """A sign before, after or between parts."""
        return self.coloured(sign.colour, sign.tex) if sign.colour else sign.tex

    def letter(self, letter: Letter) -> str:
        """A letter."""
        return letter.tex

    def fraction(self, top: Box, bottom: Box) -> str:
        """A fraction."""
        return rf"\frac{self.within(top)}{self.within(bottom)}"

    def partial(self, of: Box, wrt: Box) -> str:
        """A partial derivative."""
        return rf"\frac{{\partial {self(of)}}}{{\partial {self(wrt)}}}"

    def matrix(self, *rows: tuple[Box, ...]) -> str:
        """A matrix of formulas or numbers."""
        return rf"\begin{{bmatrix}} {self.rows(*rows)} \end{{bmatrix}}"

    def rows(self, *rows: tuple[Box, ...]) -> str:
        """The rows of a matrix or of cases."""
        lines = (" & ".join(self(b) for b in row) for row in rows)
        return r" \\ ".join("{}" + line if line.startswith("[") else line for line in lines)  # \\[ has an argument

    def script(self, base: Box, below: Box | None, above: Box | None, left: Box | None) -> str:
        """A symbol with its indices."""
        text = self(base)
        if left is not None:
            text = f"{{}}^{self.index(left)}{text}"
        if below is not None:
            text += f"_{self.index(below)}"
        if above is not None:
            text += f"^{self.index(above)}"
        return text


#: The macros for characters of the notation, by their text: name and meaning.
_CHARACTERS = {
    "⊙": ("had", "elementwise product"),
    "*": ("had", "elementwise product"),
    "ᵀ": ("tran", "transpose"),
    "𝟏": ("ones", "column of ones"),
}

#: The macros for a symbol of a layer, by whether it has a subscript and a superscript: the name, the meaning, and the
#: body with the layer number, @, on the left and on the right. TeX drops braces around an accent alone, hence {}.
_LAYERED = {
    (False, False): ("lay", "symbol of a layer", "{}^{@}#2", "#2^{@}"),
    (True, False): ("layi", "the same with an index", r"\lay{#1}{{#2_{#3}{}}}", "#2^{@}_{#3}"),
    (False, True): ("layup", "the same with a superscript", r"\lay{#1}{{#2^{#3}{}}}", "#2^{@#3}"),
    (True, True): ("layiup", "the same with both", r"\lay{#1}{{#2^{#4}_{#3}{}}}", "#2^{@#4}_{#3}"),
}

#: A fraction that is wider, in em, is too small in a line of text.
_WIDE = 3.0
_DISPLAYED = ("pd", "partial derivative", r"\frac{\partial #1}{\partial #2}")
_INLINE = ("pdi", "the same in a line of text", r"\partial #1/\partial #2")


@record
class Source(Writer):
    r"""Writes symbols as macros.

    ``definitions`` and ``colours`` collect what the source must define; ``inline`` is for formulas in a line of text.

    >>> from derive.paper.boxes import Typesetter
    >>> from derive.paper.characters import ODOT, plain
    >>> set_, write = Typesetter(ODOT), Source()
    >>> write(set_.partial(set_.letter(plain("E")), set_.letter(plain("w"))))
    '\\pd{E}{w}'
    >>> print(write.definitions["pd"])
    [2]{\frac{\partial #1}{\partial #2}} % partial derivative
    """

    definitions: dict[str, str] = field(default_factory=dict, compare=False)
    colours: set[str] = field(default_factory=set, compare=False)
    inline: bool = False

    def coloured(self, colour: str, text: str) -> str:
        """A formula in one of the colours of the derivation."""
        self.colours.add(colour)
        name = {"red": self.red, "green": self.green}[colour]
        return self.macro(f"in{colour}", "part of a chain", rf"\textcolor{{{name}}}{{#1}}", text)

    def macro(self, name: str, meaning: str, body: str, *arguments: str) -> str:
        """A macro applied to arguments; its definition is kept."""
        count = f"[{len(arguments)}]" if arguments else ""
        self.definitions[name] = rf"{count}{{{body}}} % {meaning}"
        return rf"\{name}" + "".join(f"{{{a}}}" for a in arguments)

    def line(self, pieces: Iterable[Box]) -> str:
        """Pieces beside each other; adjacent ones of a colour share it."""
        runs = (run for number, piece in enumerate(pieces) for run in self._runs(piece, number > 0))
        line = ""
        for colour, some in groupby(runs, itemgetter(0)):
            (_, apart, text), *others = some
            text += "".join((r"\, " if gap else "") + more for _, gap, more in others)
            line += (r"\, " if apart else "") + (self.coloured(colour, text) if colour else text)
        return line

    def _runs(self, box: Box, apart: bool) -> Iterator[tuple[str, bool, str]]:
        """The parts of a piece: colour, whether a space stands before it, and text."""
        kind, parts = box.kind, box.parts
        if kind == "before" and parts[0].colour:
            yield parts[0].colour, apart, parts[0].tex
            yield from self._runs(parts[1], False)
        elif kind == "after" and parts[1].colour:
            yield from self._runs(parts[0], apart)
            yield parts[1].colour, False, parts[1].tex
        elif kind == "row" and parts[0].tex in ("", r"\,") and any(p.has_colours for p in parts[1:]):
            yield from self._runs(parts[1], apart)
            for part in parts[2:]:
                yield from self._runs(part, bool(parts[0].tex))
        else:
            colour, inner = parts if kind == "coloured" else ("", box)
            text = self(inner)
            yield colour, apart and not text.startswith(" "), text

    def sign(self, sign: Sign) -> str:
        """A sign before, after or between parts."""
        if sign.tex == r"\,":
            return r"\, "
        if sign.breaks and sign.text.strip() in _CHARACTERS:
            return f" {self._character(sign.text.strip(), sign.tex.strip())} "
        return super().sign(sign)

    def letter(self, letter: Letter) -> str:
        """A letter, or the macro of a character of the notation."""
        return self._character(letter.text, letter.tex) if letter.text in _CHARACTERS else letter.tex

    def _character(self, text: str, tex: str) -> str:
        name, meaning = _CHARACTERS[text]
        return self.macro(name, meaning, tex)

    def partial(self, of: Box, wrt: Box) -> str:
        """A partial derivative."""
        name, meaning, body = _INLINE if self.inline else _DISPLAYED
        return self.macro(name, meaning, body, self(of), self(wrt))

    def fraction(self, top: Box, bottom: Box) -> str:
        """A fraction; a wide one in a line of text has a slash."""
        if not self.inline or not _is_wide(top, bottom):
            return super().fraction(top, bottom)
        over = self(top) if top.binds >= PRODUCT else f"({self(top)})"
        return f"{over}/{self(bottom)}" if bottom.binds > PRODUCT else f"{over}/({self(bottom)})"

    def matrix(self, *rows: tuple[Box, ...]) -> str:
        """A matrix; columns of numbers, which have the same number of decimals, are aligned at their points."""
        if not all(_is_number(cell) for row in rows for cell in row):
            return super().matrix(*rows)
        array = r"\left[\begin{array}{@{}*{10}{r}}#1\end{array}\hskip-\arraycolsep\right]"
        return self.macro("decimals", "matrix of numbers", array, self.rows(*rows))

    def script(self, base: Box, below: Box | None, above: Box | None, left: Box | None) -> str:
        """A symbol with its indices; those of a symbol of a layer are arguments of one macro.

        An author may put the layer number where an index stands, and a second index would be an error of TeX.
        """
        mark, rest = (layer_mark(left), above) if left is not None else _marked(above)
        if mark is None:
            return super().script(base, below, above, left)
        scripts = [self(box) for box in (below, rest) if box is not None]
        name, meaning, *bodies = _LAYERED[below is not None, rest is not None]
        number, right = "".join((mark[0], "#1", mark[2])), left is None
        if scripts and not right:
            self.macro(*(text.replace("@", number) for text in _LAYERED[False, False][:3]), "", "")
        return self.macro(name, meaning, bodies[right].replace("@", number), mark[1], self(base), *scripts)


def _is_number(box: Box) -> bool:
    return box.kind in ("number", "decimal", "dots") or (box.kind == "before" and _is_number(box.parts[1]))


def is_slashed(box: Box) -> bool:
    """Whether a box is a fraction that has a slash in a line of text."""
    return box.kind == "fraction" and _is_wide(*box.parts)


def _is_wide(top: Box, bottom: Box) -> bool:
    return max(top.width, bottom.width) >= _WIDE


def _marked(above: Box | None) -> tuple[tuple[str, str, str] | None, Box | None]:
    """The layer number at the start of a superscript, and the rest of it."""
    mark = layer_mark(above)
    if above is None or mark is not None:
        return mark, None
    if above.kind != "row" or (mark := layer_mark(above.parts[1])) is None:
        return None, above
    sign, _, *rest = above.parts
    return mark, rest[0] if len(rest) == 1 else Box("row", (sign, *rest), above.width, ATOM)


#: Writes a box as LaTeX, for documents that define the colours derivered and derivegreen.
latex = Writer()


def _is_one_sign(text: str) -> bool:
    """Whether TeX needs no braces for this index: a letter, a digit, a command, or a letter in a font."""
    if text.startswith("\\math"):
        return text.endswith("}") and text.count("{") == 1
    return text[1:].isalpha() if text.startswith("\\") else len(text) == 1 and text.isalnum()


def _name(write: Writer, name: str, tex: str = "") -> str:
    known = NAMES.get(name, Name())
    tex = tex or known.tex or rf"\mathrm{{{upright(name)}}}"
    return write.letter(Letter(tex, known.text or name))


def _variable(write: Writer, stem: str, below: str) -> str:
    tex = stem if len(stem) == 1 and stem.isascii() else rf"\mathit{{{upright(stem)}}}"
    return f"{tex}_{{{_word(below)}}}" if below else tex


def _decimal(write: Writer, digits: str, exponent: int | None) -> str:
    if exponent is None:
        return digits
    power = f"10^{{{exponent}}}"
    return power if digits == "1" else rf"{digits} \times {power}"


def _over(sign: str, write: Writer, index: Box, start: Box, stop: Box) -> str:
    if stop == EMPTY:  # the range depends on the layer, or is that of the whole product
        return rf"{sign}_{write.index(index)}"
    return rf"{sign}_{{{write(index)}={write(start)}}}^{write.index(stop)}"


def _row(write: Writer, sign: Sign, *parts: Box) -> str:
    return _spaced(write.sign(sign), [write(p) for p in parts])


def _group(write: Writer, inner: Box) -> str:
    return rf"\left({write(inner)}\right)" if inner.tall else f"({write(inner)})"


def _bars(write: Writer, inner: Box) -> str:
    return rf"\left|{write(inner)}\right|" if inner.tall else f"|{write(inner)}|"


def _floored(write: Writer, inner: Box) -> str:
    return rf"\left\lfloor {write(inner)} \right\rfloor" if inner.tall else rf"\lfloor {write(inner)} \rfloor"


_KINDS: dict[str, Callable[..., str]] = {
    "nothing": lambda write: "",
    "letter": lambda write, letter: write.letter(letter),
    "name": _name,
    "variable": _variable,
    "number": lambda write, digits: digits,
    "decimal": _decimal,
    "words": lambda write, text: rf"\text{{{_escaped(text)}}}",
    "dots": lambda write, dots: dots.tex,
    "script": lambda write, *parts: write.script(*parts),
    "primed": lambda write, base, order: write(base) + "'" * order,
    "fraction": lambda write, top, bottom: write.fraction(top, bottom),
    "root": lambda write, inner: rf"\sqrt{write.within(inner)}",
    "bars": _bars,
    "floored": _floored,
    "partial": lambda write, of, wrt: write.partial(of, wrt),
    "immediate": lambda write, of, wrt: rf"\frac{{\partial^{write.index(_PLUS)} {write(of)}}}{{\partial {write(wrt)}}}",
    "total": partial(_over, r"\sum"),
    "product": partial(_over, r"\prod"),
    "group": _group,
    "row": _row,
    "apply": lambda write, function, argument: f"{write(function)}{write(argument)}",
    "cases": lambda write, *rows: rf"\begin{{cases}} {write.rows(*rows)} \end{{cases}}",
    "matrix": lambda write, *rows: write.matrix(*rows),
    "under": lambda write, inner, note: rf"\underbrace{write.within(inner)}_{write.index(note)}",
    "before": lambda write, sign, box: _spaced("", [write.sign(sign), write(box)]),
    "after": lambda write, box, sign: f"{write(box)}{write.sign(sign)}",
    "coloured": lambda write, colour, box: write.coloured(colour, write(box)),
    "named": lambda write, box, _symbol, _entry: write(box),
}


def joined(parts: list[str]) -> str:
    """Join the pieces of a line, with a thin space before those that do not begin with a sign."""
    line = ""
    for part in parts:
        line += part if not line or part.startswith(" ") else rf"\, {part}"
    return line


def _spaced(between: str, texts: list[Any]) -> str:
    """Join, with a space between a command and a letter that follows it."""
    result: str = texts[0]
    for text in texts[1:]:
        glue = between
        if not glue and _ends_in_command(result) and text[:1].isalpha():
            glue = " "
        if glue == r"\," and text[:1].isalpha():
            glue = r"\, "
        result += glue + text
    return result


def _ends_in_command(text: str) -> bool:
    stem = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return stem != text and stem.endswith("\\")


def _escaped(name: str) -> str:
    return name.replace("_", r"\_")


def _word(text: str) -> str:
    return text if len(text) == 1 or text.isdigit() else rf"\mathit{{{upright(text)}}}"
