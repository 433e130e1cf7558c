"""How the parts of a formula look as Unicode text, for terminals."""

from __future__ import annotations

from collections.abc import Iterable

from derive.notation import Letter
from derive.printers.boxes import ATOM, POWER, PRODUCT, Box

_NAMES = {"1": "𝟏", "sigmoid": "σ"}
_ABOVE = str.maketrans("0123456789()+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻")
_BETWEEN = {
    "": "",
    "thin": " ",
    "comma": ", ",
    "by": "×",
    "greater": " > ",
    "at least": " ≥ ",
    "less": " < ",
    "at most": " ≤ ",
    "equals": " = ",
    "over": " ⊘ ",
}
_SIGNS = {"minus": "−", "binary minus": " − ", "binary plus": " + ", "prime": "′", "open": "(", "close": ")"}


def _box(text: str, binds: int = ATOM) -> Box:
    return Box(text, len(text), binds)


class TextTypesetter:
    """Unicode text; ``times`` is the sign of the entry-wise product."""

    def __init__(self, times: Letter) -> None:
        self.times = times

    def letter(self, letter: Letter) -> Box:
        """A letter of the notation."""
        return _box(letter.text)

    def name(self, name: str) -> Box:
        """The name of a function."""
        return _box(_NAMES.get(name, name))

    def variable(self, name: str) -> Box:
        """The name of a width."""
        return _box(name)

    def number(self, value: int) -> Box:
        """A whole number."""
        return _box(str(value))

    def script(self, base: Box, below: Box | None, above: Box | None, left: Box | None = None) -> Box:
        """A symbol with its indices; a left superscript is written on the right."""
        text = base.text + (_raised(left.text) if left else "")
        if below is not None:
            text += f"_{below.text}" if len(below.text) == 1 or below.text.isalnum() else f"_({below.text})"
        return _box(text + (_raised(above.text) if above else ""), max(base.binds, POWER))

    def fraction(self, top: Box, bottom: Box) -> Box:
        """A fraction on one line."""
        over, under = (b.text if b.binds >= POWER else f"({b.text})" for b in (top, bottom))
        return _box(f"{over}/{under}", PRODUCT)

    def partial(self, of: Box, wrt: Box) -> Box:
        """A partial derivative."""
        return _box(f"∂{of.text}/∂{wrt.text}")

    def total(self, index: Box | None, start: Box | None, stop: Box | None) -> Box:
        """The sign of a sum."""
        return _box("Σ" if index is None else f"Σ_{index.text}")

    def group(self, inner: Box) -> Box:
        """Parentheses."""
        return _box(f"({inner.text})")

    def join(self, parts: Iterable[Box], between: str, binds: int) -> Box:
        """Parts side by side."""
        boxes = list(parts)
        if len(boxes) == 1:
            return boxes[0]
        sign = f" {self.times.text} " if between == "times" else _BETWEEN[between]
        return _box(sign.join(b.text for b in boxes), binds)

    def apply(self, function: Box, argument: Box) -> Box:
        """A function of an argument."""
        return _box(f"{function.text}({argument.text})")

    def cases(self, rows: Iterable[tuple[Box, Box]]) -> Box:
        """Values and their conditions."""
        listed = (v.text if c.text == "otherwise" else f"{v.text} if {c.text}" for v, c in rows)
        return _box("{" + ", else ".join(listed) + "}")

    def column(self, rows: Iterable[Box]) -> Box:
        """Blocks of rows."""
        return _box("[" + "; ".join(r.text for r in rows) + "]")

    def under(self, inner: Box, note: Box) -> Box:
        """A note in brackets."""
        return _box(f"{inner.text}[{note.text}]")

    def sign(self, name: str) -> str:
        """A plus, a minus, a prime."""
        return f" {self.times.text} " if name == "times" else _SIGNS[name]


def _raised(text: str) -> str:
    raised = text.translate(_ABOVE)
    if not any(c.isascii() for c in raised):
        return raised
    return f"^{text}" if text.isalnum() or text.startswith("[") else f"^({text})"
