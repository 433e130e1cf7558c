"""Write boxes as LaTeX, limited to commands that amsmath, KaTeX and MathJax all support."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from derive.paper.boxes import Box
from derive.paper.characters import NAMES, PLUS, Name, Sign
from derive.paper.spelling import upright

_PLUS = Box("letter", (PLUS,), PLUS.width)


@dataclass(frozen=True)
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
        """A sign before or after a part."""
        return self.coloured(sign.colour, sign.tex) if sign.colour else sign.tex


#: Writes a box as LaTeX, for documents that define the colours derivered and derivegreen.
latex = Writer()


def _is_one_sign(text: str) -> bool:
    """Whether TeX needs no braces for this index: a letter, a digit, a command, or a letter in a font."""
    if text.startswith("\\math"):
        return text.endswith("}") and text.count("{") == 1
    return text[1:].isalpha() if text.startswith("\\") else len(text) == 1 and text.isalnum()


def _variable(write: Writer, stem: str, below: str) -> str:
    tex = stem if len(stem) == 1 and stem.isascii() else rf"\mathit{{{upright(stem)}}}"
    return f"{tex}_{{{_word(below)}}}" if below else tex


def _decimal(write: Writer, digits: str, exponent: int | None) -> str:
    if exponent is None:
        return digits
    power = f"10^{{{exponent}}}"
    return power if digits == "1" else rf"{digits} \times {power}"


def _script(write: Writer, base: Box, below: Box | None, above: Box | None, left: Box | None) -> str:
    text = write(base)
    if left is not None:
        text = f"{{}}^{write.index(left)}{text}"
    if below is not None:
        text += f"_{write.index(below)}"
    if above is not None:
        text += f"^{write.index(above)}"
    return text


def _total(write: Writer, index: Box | None, start: Box | None, stop: Box | None) -> str:
    if index is None:
        return r"\sum"
    if start is None or stop is None:
        return rf"\sum_{write.index(index)}"
    return rf"\sum_{{{write(index)}={write(start)}}}^{write.index(stop)}"


def _row(write: Writer, sign: Sign, *parts: Box) -> str:
    return _spaced(sign.tex, [write(p) for p in parts])


def _group(write: Writer, inner: Box) -> str:
    return rf"\left({write(inner)}\right)" if inner.tall else f"({write(inner)})"


def _bars(write: Writer, inner: Box) -> str:
    return rf"\left|{write(inner)}\right|" if inner.tall else f"|{write(inner)}|"


def _floored(write: Writer, inner: Box) -> str:
    return rf"\left\lfloor {write(inner)} \right\rfloor" if inner.tall else rf"\lfloor {write(inner)} \rfloor"


def _cases(write: Writer, *rows: tuple[Box, Box]) -> str:
    body = r" \\ ".join(f"{write(value)} & {write(condition)}" for value, condition in rows)
    return rf"\begin{{cases}} {body} \end{{cases}}"


def _matrix(write: Writer, *rows: tuple[Box, ...]) -> str:
    body = r" \\ ".join(" & ".join(write(b) for b in row) for row in rows)
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


_KINDS: dict[str, Callable[..., str]] = {
    "nothing": lambda write: "",
    "letter": lambda write, letter: letter.tex,
    "name": lambda write, name: NAMES.get(name, Name()).tex or rf"\mathrm{{{upright(name)}}}",
    "variable": _variable,
    "number": lambda write, digits: digits,
    "decimal": _decimal,
    "words": lambda write, text: rf"\text{{{_escaped(text)}}}",
    "dots": lambda write, dots: dots.tex,
    "script": _script,
    "primed": lambda write, base, order: write(base) + "'" * order,
    "fraction": lambda write, top, bottom: rf"\frac{write.within(top)}{write.within(bottom)}",
    "root": lambda write, inner: rf"\sqrt{write.within(inner)}",
    "bars": _bars,
    "floored": _floored,
    "partial": lambda write, of, wrt: rf"\frac{{\partial {write(of)}}}{{\partial {write(wrt)}}}",
    "immediate": lambda write, of, wrt: rf"\frac{{\partial^{write.index(_PLUS)} {write(of)}}}{{\partial {write(wrt)}}}",
    "total": _total,
    "group": _group,
    "row": _row,
    "apply": lambda write, function, argument: f"{write(function)}{write(argument)}",
    "cases": _cases,
    "matrix": _matrix,
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
