"""Write boxes as MathML, limited to MathML Core, which browsers render without a library.

A part that denotes a tensor has the attributes ``data-s``, the tensor's name, and ``data-e``, the entry; a partial
derivative has both names, ``a2/z2``. A page can use them to highlight all occurrences.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape

from derive.paper.boxes import EMPTY, Box, layer_mark
from derive.paper.characters import ACCENTS, BESIDE, NAMES, RELATIONS, Letter, Sign
from derive.paper.spelling import of_latex

#: The attributes of a part that denotes no tensor.
_UNKNOWN: Mapping[str, str] = {}
#: Adjacent elements of one part of a formula.
Elements = tuple[str, ...]


def _e(name: str, *inside: str, **attributes: str) -> str:
    """An element; underscores in attribute names are written as hyphens."""
    written = "".join(f' {k.replace("_", "-").strip("-")}="{escape(v)}"' for k, v in attributes.items() if v)
    return f"<{name}{written}>{''.join(inside)}</{name}>" if inside else f"<{name}{written}/>"


def _mo(sign: str, **attributes: str) -> str:
    return _e("mo", escape(sign), **attributes)


def _small(sign: str) -> str:
    """A bracket that does not stretch."""
    return _mo(sign, stretchy="false")


def _space(width: float) -> str:
    return _e("mspace", width=f"{width:g}em")


def _operator(sign: Sign, form: str) -> Elements:
    """A sign as an operator or as a space."""
    if not sign.operator:
        return (_space(sign.width),) if sign.width else ()
    bracket = {"stretchy": "true", "minsize": f"{sign.size:g}em", "class_": sign.colour} if sign.size else {}
    return (_mo(sign.operator, form=form, **bracket),)


def _beside(sign: Sign) -> Elements:
    """A sign at the end of a row, with an explicit form: browsers would infer another from its position."""
    return _operator(sign, sign.form)


_PRIMES = ("", "′", "″", "‴")
_ITALIC = {c: chr(0x1D44E + n) for n, c in enumerate("abcdefghijklmnopqrstuvwxyz")}
_ITALIC |= {c: chr(0x1D434 + n) for n, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"h": "ℎ"}


def mathml(box: Box) -> str:
    """Write a box as MathML: the elements inside ``math``.

    >>> from derive.paper.boxes import Typesetter
    >>> from derive.paper.characters import STAR, plain
    >>> set_ = Typesetter(STAR)
    >>> mathml(set_.fraction(set_.number(1), set_.letter(plain("m"))))
    '<mfrac><mn>1</mn><mi>m</mi></mfrac>'
    """
    return "".join(_elements(box))


def relation(sign: str) -> str:
    """The sign between the sides of an equation, at the start of its right side."""
    return "".join(_beside(RELATIONS[sign]))


def _elements(box: Box) -> Elements:
    if box.kind not in _KINDS:
        raise NotImplementedError(f"cannot write a {box.kind} in MathML")
    return _KINDS[box.kind](*box.parts)


def _one(box: Box) -> str:
    """A box as one element."""
    return _row_of(_elements(box))


def _row_of(elements: Sequence[str]) -> str:
    return elements[0] if len(elements) == 1 else _e("mrow", *elements)


# ------------------------------------------------------------ letters


def _letter(letter: Letter) -> Elements:
    if letter.mathml:
        return (_e("mi", letter.mathml),)
    shown = letter.tex if letter.tex.isalnum() else unicodedata.normalize("NFD", letter.text)
    if len(shown) == 2 and shown[1] in ACCENTS:
        return (_e("mover", _e("mi", shown[0]), _small(ACCENTS[shown[1]][1]), accent="true"),)
    if shown.isdigit():
        return (_e("mn", shown),)
    return tuple(_character(c) for c in shown)


def _character(character: str) -> str:
    if character in "()[]":
        return _small(character)
    if character.isdigit():
        return _e("mn", character)
    if not character.isalpha():
        return _e("mi", character)  # mi, because an operator would get space around it
    upright = character.isupper() and not character.isascii()  # as LaTeX sets capital Greek letters
    return _e("mi", character, mathvariant="normal" if upright else "")


def _name(name: str, tex: str = "") -> Elements:
    if known := NAMES.get(name):
        return (_e(known.mathml, known.text or name),)
    if tex and (parts := of_latex(tex)):
        shown = [_e("mi", part, mathvariant="normal" if upright and len(part) == 1 else "") for part, upright in parts]
        return (_e("msub", *shown) if len(shown) > 1 else shown[0],)
    return (_e("mi", escape(name), mathvariant="normal" if len(name) == 1 else ""),)


def _variable(stem: str, below: str) -> Elements:
    return (_e("msub", _italic(stem), _italic(below)) if below else _italic(stem),)


def _italic(word: str) -> str:
    """A word in italics; with several letters each needs its own italic character, or MathML sets them upright."""
    if word.isdigit():
        return _e("mn", word)
    return _e("mi", escape(word if len(word) == 1 else "".join(_ITALIC.get(c, c) for c in word)))


def _decimal(digits: str, exponent: int | None) -> Elements:
    number = _signed(digits)
    if exponent is None:
        return number
    power = _e("msup", _e("mn", "10"), _row_of(_signed(str(exponent))))
    return (power,) if digits == "1" else (*number, _mo("×"), power)


def _signed(digits: str) -> Elements:
    negative = digits.startswith("-")
    number = _e("mn", escape(digits.removeprefix("-")))
    return (*_beside(BESIDE["minus"]), number) if negative else (number,)


# ------------------------------------------------------------ indices and fractions


def _script(
    base: Box, below: Box | None, above: Box | None, left: Box | None, known: Mapping[str, str] = _UNKNOWN
) -> Elements:
    """A symbol with its indices; ``known`` are the attributes that identify its tensor."""
    main = _one(base)
    under = None if below is None else _one(below)
    over = None if above is None else _one(above)
    if left is not None:
        none = _e("mrow")
        scripts = (main, under or none, over or none, _e("mprescripts"), none, _one(left))
        return (_e("mmultiscripts", *scripts, **known),)
    if under and over:
        return (_e("msubsup", main, under, over, **known),)
    if under:
        return (_e("msub", main, under, **known),)
    if over:
        return (_e("msup", main, over, **known),)
    return (_e("mrow", main, **known) if known else main,)


def _primed(base: Box, order: int) -> Elements:
    """A name with primes, which are not superscripts because the glyph is already raised."""
    sign = _PRIMES[order] if order < len(_PRIMES) else "′" * order
    return (_e("mrow", *_elements(base), _mo(sign, lspace="0", rspace="0")),)


def _fraction(top: Box, bottom: Box) -> Elements:
    return (_e("mfrac", _one(top), _one(bottom)),)


def _partial(of: Box, wrt: Box) -> Elements:
    d = _e("mi", "∂")
    top, bottom = (_e("mrow", d, *_elements(b)) for b in (of, wrt))
    return (_e("mfrac", top, bottom, **_quotient(of, wrt)),)


def _immediate(of: Box, wrt: Box) -> Elements:
    """An immediate derivative, which has no name to identify it."""
    d = _e("mi", "∂")
    top = _e("mrow", _e("msup", d, _mo("+")), *_elements(of))
    return (_e("mfrac", top, _e("mrow", d, *_elements(wrt))),)


def _quotient(of: Box, wrt: Box) -> dict[str, str]:
    """The attributes of a partial derivative: both names, and both entries if there are two."""
    if "named" not in (of.kind, wrt.kind):
        return {}
    pairs = [_known(of), _known(wrt)]
    names, entries = zip(*pairs, strict=True)
    return {"data_s": "/".join(names), "data_e": "/".join(entries) if any(entries) else ""} if all(names) else {}


def _known(box: Box) -> tuple[str, str]:
    """The name and the entry of a symbol; a letter is its own name."""
    if box.kind == "named":
        return str(box.parts[1]), str(box.parts[2])
    return (box.parts[0].text, "") if box.kind == "letter" else ("", "")


def _over(sign: str, index: Box, start: Box, stop: Box) -> Elements:
    if stop == EMPTY:  # the range depends on the layer, or is that of the whole product
        return (_e("munder", _mo(sign), _one(index)),)
    return (_e("munderover", _mo(sign), _e("mrow", *_elements(index), _mo("="), *_elements(start)), _one(stop)),)


# ------------------------------------------------------------ rows


def _row(sign: Sign, *parts: Box) -> Elements:
    if mark := layer_mark(Box("row", (sign, *parts), 0.0)):
        return (_e("mtext", *mark),)
    between = _operator(sign, "")
    first, *others = (_elements(p) for p in parts)
    return (*first, *(e for other in others for e in (*between, *other)))


def _group(inner: Box) -> Elements:
    sign = _mo if inner.tall else _small
    return (_e("mrow", sign("("), *_elements(inner), sign(")")),)


def _bars(inner: Box) -> Elements:
    stretchy = "" if inner.tall else "false"
    before, after = (_mo("|", form=form, stretchy=stretchy) for form in ("prefix", "postfix"))
    return (_e("mrow", before, *_elements(inner), after),)


def _floored(inner: Box) -> Elements:
    sign = _mo if inner.tall else _small
    return (_e("mrow", sign("⌊"), *_elements(inner), sign("⌋")),)


def _table(rows: Sequence[Sequence[Box]], kind: str = "") -> str:
    lines = (_e("mtr", *(_e("mtd", mathml(b)) for b in row)) for row in rows)
    return _e("mtable", *lines, class_=kind)


def _under(inner: Box, note: Box) -> Elements:
    braced = _e("munder", _one(inner), _mo("⏟", stretchy="true"), accentunder="true")
    return _space(0.06), _e("munder", braced, _one(note)), _space(0.06)


def _named(box: Box, symbol: str, entry: str) -> Elements:
    known = {"data_s": symbol, "data_e": entry}
    if box.kind != "script":
        return (_e("mrow", *_elements(box), **known),)
    base, below, above, left = box.parts
    return _script(base, below, above, left, known)


_KINDS: dict[str, Callable[..., Elements]] = {
    "nothing": lambda: (),
    "letter": _letter,
    "name": _name,
    "variable": _variable,
    "number": lambda digits: (_e("mn", digits),),
    "decimal": _decimal,
    "words": lambda text: (_e("mtext", escape(text)),),
    "dots": lambda dots: _operator(dots, ""),
    "script": _script,
    "primed": _primed,
    "fraction": _fraction,
    "root": lambda inner: (_e("msqrt", *_elements(inner)),),
    "bars": _bars,
    "floored": _floored,
    "partial": _partial,
    "immediate": _immediate,
    "total": partial(_over, "∑"),
    "product": partial(_over, "∏"),
    "group": _group,
    "row": _row,
    "apply": lambda function, argument: (*_elements(function), _mo("\u2061"), *_elements(argument)),
    "cases": lambda *rows: (_e("mrow", _mo("{", form="prefix"), _table(rows, "cases")),),
    "matrix": lambda *rows: (_e("mrow", _mo("["), _table(rows), _mo("]")),),
    "under": _under,
    "before": lambda sign, box: (*_beside(sign), *_elements(box)),
    "after": lambda box, sign: (*_elements(box), *_beside(sign)),
    "coloured": lambda colour, box: (_e("mrow", *_elements(box), class_=colour),),
    "named": _named,
}
