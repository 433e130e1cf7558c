"""How the parts of a formula look in LaTeX, and how wide they are.

Only what amsmath, KaTeX and MathJax all understand is used.
"""

from __future__ import annotations

from collections.abc import Iterable

from derive.notation import Letter
from derive.printers.boxes import ATOM, POWER, PRODUCT, Box

#: Widths in em of what is neither one letter nor one digit.
_WIDE = {
    r"\Psi": 0.8,
    r"\mathsf{T}": 0.6,
    r"\setminus 0": 1.3,
    "dz": 1.0,
    "dh": 1.1,
    "'": 0.3,
    **dict.fromkeys("()", 0.4),
    **dict.fromkeys("[]", 0.3),
}
_SCRIPT = 0.72

_NAMES = {
    "1": (r"\mathbf{1}", 0.6),
    "ln": (r"\ln", 0.9),
    "tanh": (r"\tanh", 2.2),
    "sigmoid": (r"\sigma", 0.6),
    "otherwise": (r"\text{otherwise}", 4.2),
}

_BETWEEN = {
    "": ("", 0.0),
    "thin": (r"\,", 0.17),
    "comma": (", ", 0.45),
    "by": (r" \times ", 1.2),
    "greater": (" > ", 1.3),
    "at least": (r" \ge ", 1.3),
    "less": (" < ", 1.3),
    "at most": (r" \le ", 1.3),
    "equals": (" = ", 1.3),
    "over": (r" \oslash ", 1.2),
}

_SIGNS = {
    "minus": "-",
    "binary minus": " - ",
    "binary plus": " + ",
    "prime": "'",
    "open": r"\bigl(",
    "close": r"\bigr)",
}


class LatexTypesetter:
    """LaTeX; ``times`` is the sign of the entry-wise product."""

    def __init__(self, times: Letter) -> None:
        self.times = times

    def letter(self, letter: Letter) -> Box:
        """A letter of the notation."""
        return Box(letter.tex, _WIDE.get(letter.tex, 0.72 if letter.tex.isupper() else 0.55))

    def name(self, name: str) -> Box:
        """The name of a function."""
        tex, width = _NAMES.get(name, (rf"\mathrm{{{_escaped(name)}}}", 0.52 * len(name)))
        return Box(tex, width)

    def variable(self, name: str) -> Box:
        """The name of a width: one letter, a word, or either with an index."""
        stem, _, below = name.partition("_")
        tex = stem if len(stem) == 1 else rf"\mathit{{{stem}}}"
        return Box(f"{tex}_{{{_word(below)}}}" if below else tex, 0.55 * len(stem) + 0.4 * len(below))

    def number(self, value: int) -> Box:
        """A whole number."""
        return Box(str(value), 0.5 * len(str(value)))

    def script(self, base: Box, below: Box | None, above: Box | None, left: Box | None = None) -> Box:
        """A symbol with its indices; ``left`` is a left superscript."""
        text, width = base.text, base.width
        if left is not None:
            text, width = f"{{}}^{{{left.text}}}{text}", width + _SCRIPT * left.width
        side = max((b.width for b in (below, above) if b is not None), default=0.0)
        if below is not None:
            text += f"_{{{below.text}}}"
        if above is not None:
            text += f"^{{{above.text}}}"
        binds = base.binds if below is None and above is None else POWER
        return Box(text, width + _SCRIPT * side + 0.05, max(binds, POWER), base.tall)

    def fraction(self, top: Box, bottom: Box) -> Box:
        """A fraction."""
        width = max(top.width, bottom.width) + 0.25
        return Box(rf"\frac{{{top.text}}}{{{bottom.text}}}", width, PRODUCT, True)

    def partial(self, of: Box, wrt: Box) -> Box:
        """A partial derivative."""
        width = max(of.width, wrt.width) + 0.75
        return Box(rf"\frac{{\partial {of.text}}}{{\partial {wrt.text}}}", width, PRODUCT, True)

    def total(self, index: Box | None, start: Box | None, stop: Box | None) -> Box:
        """The sign of a sum with its limits."""
        if index is None:
            return Box(r"\sum", 1.45, tall=True)
        if start is None or stop is None:
            return Box(rf"\sum_{{{index.text}}}", max(1.45, 0.7 * index.width), tall=True)
        limits = max(index.width + 1.8 + start.width, stop.width)
        text = rf"\sum_{{{index.text}={start.text}}}^{{{stop.text}}}"
        return Box(text, max(1.45, _SCRIPT * limits), tall=True)

    def group(self, inner: Box) -> Box:
        """Parentheses that fit."""
        if inner.tall:
            return Box(rf"\left({inner.text}\right)", inner.width + 1.4, ATOM, True)
        return Box(f"({inner.text})", inner.width + 0.8)

    def join(self, parts: Iterable[Box], between: str, binds: int) -> Box:
        """Parts side by side."""
        boxes = list(parts)
        if len(boxes) == 1:
            return boxes[0]
        if between == "times":
            text, width = f" {self.times.tex} ", 1.2
        else:
            text, width = _BETWEEN[between]
        total = sum(b.width for b in boxes) + width * (len(boxes) - 1)
        return Box(_spaced(text, [b.text for b in boxes]), total, binds, any(b.tall for b in boxes))

    def apply(self, function: Box, argument: Box) -> Box:
        """A function of an argument."""
        inner = self.group(argument)
        return Box(f"{function.text}{inner.text}", function.width + inner.width, ATOM, inner.tall)

    def cases(self, rows: Iterable[tuple[Box, Box]]) -> Box:
        """Values and their conditions."""
        listed = list(rows)
        body = r" \\ ".join(f"{value.text} & {condition.text}" for value, condition in listed)
        width = max(v.width for v, _ in listed) + max(c.width for _, c in listed) + 2.5
        return Box(rf"\begin{{cases}} {body} \end{{cases}}", width, ATOM, True)

    def column(self, rows: Iterable[Box]) -> Box:
        """Blocks of rows."""
        listed = list(rows)
        body = r" \\ ".join(r.text for r in listed)
        return Box(rf"\begin{{bmatrix}} {body} \end{{bmatrix}}", max(r.width for r in listed) + 1.5, ATOM, True)

    def under(self, inner: Box, note: Box) -> Box:
        """A note under a brace."""
        text = rf"\underbrace{{{inner.text}}}_{{{note.text}}}"
        return Box(text, max(inner.width, _SCRIPT * note.width), ATOM, inner.tall)

    def sign(self, name: str) -> str:
        """A plus, a minus, a prime."""
        return f" {self.times.tex} " if name == "times" else _SIGNS[name]


def _spaced(between: str, texts: list[str]) -> str:
    """Join, keeping a command apart from a letter that follows it."""
    result = texts[0]
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
    return text if len(text) == 1 or text.isdigit() else rf"\mathit{{{text}}}"
