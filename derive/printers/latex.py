"""Boxes as LaTeX. Only what amsmath, KaTeX and MathJax all understand is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from derive.notation import Letter
from derive.printers.boxes import Box

_NAMES = {
    "1": r"\mathbf{1}",
    "ln": r"\ln",
    "tanh": r"\tanh",
    "sigmoid": r"\sigma",
    "otherwise": r"\text{otherwise}",
}

_BETWEEN = {
    "": "",
    "thin": r"\,",
    "comma": ", ",
    "by": r" \times ",
    "greater": " > ",
    "at least": r" \ge ",
    "less": " < ",
    "at most": r" \le ",
    "equals": " = ",
    "over": r" \oslash ",
    "to": r" \to ",
    "gets": r" \leftarrow ",
}

_SIGNS = {
    "minus": "-",
    "binary minus": " - ",
    "binary plus": " + ",
    "plus": "+ ",
    "less": "- ",
    "equals": " = ",
    "gets": r" \leftarrow ",
    "open": r"\bigl(",
    "close": r"\bigr)",
    "comma": ",",
    "green open": r"\textcolor{derivegreen}{\Bigl[}",
    "green close": r"\textcolor{derivegreen}{\Bigr]}",
    "red open": r"\textcolor{derivered}{\Bigl(}",
    "red close": r"\textcolor{derivered}{\Bigr)}",
}

_DOTS = {"across": r"\cdots", "down": r"\vdots", "low": r"\dots"}


def latex(box: Box) -> str:
    r"""Write a box in LaTeX.

    >>> from derive.printers.boxes import Typesetter
    >>> set_ = Typesetter(Letter("*", "*"))
    >>> latex(set_.fraction(set_.number(1), set_.letter(Letter("m", "m"))))
    '\\frac{1}{m}'
    """
    if box.kind not in _KINDS:
        raise NotImplementedError(f"cannot write a {box.kind} in LaTeX")
    return _KINDS[box.kind](*box.parts)


def _variable(stem: str, below: str) -> str:
    tex = stem if len(stem) == 1 else rf"\mathit{{{stem}}}"
    return f"{tex}_{{{_word(below)}}}" if below else tex


def _decimal(digits: str, exponent: int | None) -> str:
    return digits if exponent is None else rf"{digits} \times 10^{{{exponent}}}"


def _script(base: Box, below: Box | None, above: Box | None, left: Box | None) -> str:
    text = latex(base)
    if left is not None:
        text = f"{{}}^{{{latex(left)}}}{text}"
    if below is not None:
        text += f"_{{{latex(below)}}}"
    if above is not None:
        text += f"^{{{latex(above)}}}"
    return text


def _total(index: Box | None, start: Box | None, stop: Box | None) -> str:
    if index is None:
        return r"\sum"
    if start is None or stop is None:
        return rf"\sum_{{{latex(index)}}}"
    return rf"\sum_{{{latex(index)}={latex(start)}}}^{{{latex(stop)}}}"


def _row(sign: str | Letter, *parts: Box) -> str:
    between = f" {sign.tex} " if isinstance(sign, Letter) else _BETWEEN[sign]
    return _spaced(between, [latex(p) for p in parts])


def _group(inner: Box) -> str:
    return rf"\left({latex(inner)}\right)" if inner.tall else f"({latex(inner)})"


def _cases(*rows: tuple[Box, Box]) -> str:
    body = r" \\ ".join(f"{latex(value)} & {latex(condition)}" for value, condition in rows)
    return rf"\begin{{cases}} {body} \end{{cases}}"


def _matrix(*rows: tuple[Box, ...]) -> str:
    body = r" \\ ".join(" & ".join(latex(b) for b in row) for row in rows)
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def _before(sign: str | Letter, box: Box) -> str:
    return _spaced("", [f" {sign.tex} " if isinstance(sign, Letter) else _SIGNS[sign], latex(box)])


_KINDS: dict[str, Callable[..., str]] = {
    "nothing": lambda: "",
    "letter": lambda letter: letter.tex,
    "name": lambda name: _NAMES.get(name, rf"\mathrm{{{_escaped(name)}}}"),
    "variable": _variable,
    "number": lambda digits: digits,
    "decimal": _decimal,
    "words": lambda text: rf"\text{{{_escaped(text)}}}",
    "dots": lambda way: _DOTS[way],
    "script": _script,
    "primed": lambda base, order: latex(base) + "'" * order,
    "fraction": lambda top, bottom: rf"\frac{{{latex(top)}}}{{{latex(bottom)}}}",
    "partial": lambda of, wrt: rf"\frac{{\partial {latex(of)}}}{{\partial {latex(wrt)}}}",
    "total": _total,
    "group": _group,
    "row": _row,
    "apply": lambda function, argument: f"{latex(function)}{latex(argument)}",
    "cases": _cases,
    "matrix": _matrix,
    "under": lambda inner, note: rf"\underbrace{{{latex(inner)}}}_{{{latex(note)}}}",
    "before": _before,
    "after": lambda box, sign: f"{latex(box)}{_SIGNS[sign]}",
    "coloured": lambda colour, box: rf"\textcolor{{derive{colour}}}{{{latex(box)}}}",
    "named": lambda box, _symbol, _entry: latex(box),
}


def joined(parts: list[str]) -> str:
    """Pieces of a line side by side, apart by a thin space unless they begin with a sign."""
    line = ""
    for part in parts:
        line += part if not line or part.startswith(" ") else rf"\, {part}"
    return line


def _spaced(between: str, texts: list[Any]) -> str:
    """Join, keeping a command apart from a letter that follows it."""
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
    return text if len(text) == 1 or text.isdigit() else rf"\mathit{{{text}}}"
