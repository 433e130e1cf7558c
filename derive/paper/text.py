"""Write boxes as Unicode text, for terminals."""

from __future__ import annotations

from collections.abc import Callable

from derive.paper.boxes import EMPTY, POWER, Box
from derive.paper.characters import NAMES, Name, Sign

_ABOVE = str.maketrans("0123456789()+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻")


def text(box: Box) -> str:
    """Write a box as Unicode text."""
    if box.kind not in _KINDS:
        raise NotImplementedError(f"cannot write a {box.kind} as text")
    return _KINDS[box.kind](*box.parts)


def _decimal(digits: str, exponent: int | None) -> str:
    number = digits.replace("-", "−")
    if exponent is None:
        return number
    return ("" if digits == "1" else f"{number}×") + f"10{_raised(str(exponent))}"


def _script(base: Box, below: Box | None, above: Box | None, left: Box | None) -> str:
    """Write a symbol with its indices; a left superscript moves to the right."""
    written = text(base) + (_raised(text(left)) if left else "")
    if below is not None:
        under = text(below)
        written += f"_{under}" if len(under) == 1 or under.isalnum() else f"_({under})"
    power = "^" if below is None and written.endswith(")") and above is not None and above.kind == "letter" else ""
    return written + power + (_raised(text(above)) if above else "")


def _fraction(top: Box, bottom: Box) -> str:
    over, under = (text(b) if b.binds >= POWER else f"({text(b)})" for b in (top, bottom))
    return f"{over}/{under}"


def _row(sign: Sign, *parts: Box) -> str:
    return sign.text.join(text(p) for p in parts)


def _cases(*rows: tuple[Box, Box]) -> str:
    listed = [(text(value), text(condition)) for value, condition in rows]
    return "{" + ", else ".join(v if c == "otherwise" else f"{v} if {c}" for v, c in listed) + "}"


_KINDS: dict[str, Callable[..., str]] = {
    "nothing": lambda: "",
    "letter": lambda letter: letter.text,
    "name": lambda name, *_: NAMES.get(name, Name()).text or name,
    "variable": lambda stem, below: f"{stem}_{below}" if below else stem,
    "number": lambda digits: digits,
    "decimal": _decimal,
    "words": lambda words: words,
    "dots": lambda dots: dots.text,
    "script": _script,
    "primed": lambda base, order: text(base) + "′" * order,
    "fraction": _fraction,
    "root": lambda inner: f"√{text(inner)}" if inner.binds >= POWER else f"√({text(inner)})",
    "bars": lambda inner: f"|{text(inner)}|",
    "floored": lambda inner: f"⌊{text(inner)}⌋",
    "partial": lambda of, wrt: f"∂{text(of)}/∂{text(wrt)}",
    "immediate": lambda of, wrt: f"∂⁺{text(of)}/∂{text(wrt)}",
    "total": lambda index, _start, _stop: f"Σ_{text(index)}",
    "product": lambda index, _start, stop: f"Π_{text(index)}" if stop != EMPTY else f"Π_({text(index)})",
    "group": lambda inner: f"({text(inner)})",
    "row": _row,
    "apply": lambda function, argument: f"{text(function)}{text(argument)}",
    "cases": _cases,
    "matrix": lambda *rows: "[" + "; ".join(", ".join(text(b) for b in row) for row in rows) + "]",
    "under": lambda inner, note: f"{text(inner)}[{text(note)}]",
    "before": lambda sign, box: sign.text + text(box),
    "after": lambda box, sign: text(box) + sign.text,
    "coloured": lambda _colour, box: text(box),
    "named": lambda box, _symbol, _entry: text(box),
}


def _raised(written: str) -> str:
    raised = written.translate(_ABOVE)
    if not any(c.isascii() for c in raised):
        return raised
    return f"^{written}" if written.isalnum() or written.startswith("[") else f"^({written})"
