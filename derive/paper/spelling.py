"""Typesetting of names: Greek letters, accented letters, and characters that LaTeX does not support."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from derive.paper.characters import ACCENTS, LETTERS, Letter, plain

#: Names that denote letters, such as those of Greek letters.
NAMED = frozenset(name for name in LETTERS if LETTERS[name].tex.startswith("\\"))
_BY_SIGN = {letter.text: name for name, letter in LETTERS.items() if name in NAMED}
#: The accents that a name may spell out after its letter, such as ``h_tilde``.
_MARKS = {command: mark for mark, (command, _) in ACCENTS.items() if command not in ("grave", "acute", "mathring")}
_BY_TEX = {letter.tex: letter.text for letter in LETTERS.values()}
_UPRIGHT = re.compile(r"\\(?:operatorname|mathrm|text|textrm|mathsf|mathbf)\{([A-Za-z0-9 -]+)\}")
#: A word, a command or a letter, and what stands below it.
_PART = r"\\[A-Za-z]+\{[A-Za-z0-9 -]+\}|\\[A-Za-z]+|[A-Za-z]"
_NAME = re.compile(rf"(?P<base>{_PART})(?:_(?:\{{(?P<below>{_PART})\}}|(?P<one>{_PART})))?")
_SPECIAL = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", " ": r"\ "}


def letter_named(name: str) -> Letter | None:
    r"""Return the letter that a name denotes: ``W``, ``alpha``, ``θ``, ``é``, ``h_tilde``; None for a word.

    >>> [letter.tex for letter in map(letter_named, ("W", "alpha", "θ", "é", "h_tilde", "mu_hat")) if letter]
    ['W', '\\alpha', '\\theta', '\\acute{e}', '\\tilde{h}', '\\hat{\\mu}']
    """
    composed = unicodedata.normalize("NFC", name)
    if composed in NAMED:
        return LETTERS[composed]
    if composed in _BY_SIGN:
        return LETTERS[_BY_SIGN[composed]]
    stem, _, accent = composed.rpartition("_")
    if accent in _MARKS and (base := letter_named(stem)) is not None:
        return Letter(rf"\{accent}{{{base.tex}}}", unicodedata.normalize("NFC", base.text + _MARKS[accent]))
    marked = unicodedata.normalize("NFD", composed)
    if marked.isascii():
        return plain(marked) if len(marked) == 1 and marked.isalpha() else None
    if len(marked) == 2 and marked[0].isascii() and marked[0].isalpha() and marked[1] in ACCENTS:
        return Letter(rf"\{ACCENTS[marked[1]][0]}{{{marked[0]}}}", composed)
    return None


def of_latex(tex: str) -> list[tuple[str, bool]] | None:
    r"""A name in LaTeX as text, and whether it is upright: a word or a letter, perhaps with a subscript; else None.

    >>> of_latex(r"\operatorname{swish}_\beta"), of_latex("f"), of_latex(r"\hat{f}")
    ([('swish', True), ('β', False)], [('f', False)], None)
    """
    found = _NAME.fullmatch(tex)
    if found is None:
        return None
    parts = [part for part in (found["base"], found["below"] or found["one"]) if part]
    words = [(_UPRIGHT.fullmatch(part), _BY_TEX.get(part, part)) for part in parts]
    if any(word is None and not letter.isalpha() for word, letter in words):
        return None
    return [(word[1], True) if word else (letter, False) for word, letter in words]


def spelled(name: str) -> str:
    """Spell out the Greek letters of a name.

    >>> spelled("Ψ"), spelled("W_out")
    ('Psi', 'W_out')
    """
    return "".join(_greek(c) or c for c in unicodedata.normalize("NFC", name))


def _greek(character: str) -> str:
    """The name of a Greek letter; '' for anything else."""
    named = unicodedata.name(character, "")
    words = named.split()
    if words[:1] != ["GREEK"] or "LETTER" not in words or "WITH" in words:
        return ""
    name = {"lamda": "lambda"}.get(words[-1].lower(), words[-1].lower())
    return name.capitalize() if "CAPITAL" in words else name


def upright(name: str) -> str:
    r"""Write a name for ``\mathrm``: escape special characters and spell out unsupported ones.

    >>> upright("W_é"), upright("θx"), upright("层")
    ('W\\_\\acute{e}', '\\theta x', 'u5C42')
    """
    written = ""
    for tex in _pieces(unicodedata.normalize("NFC", name)):
        apart = " " if written.split("\\")[-1].isalpha() and "\\" in written and tex[:1].isalpha() else ""
        written += apart + tex
    return written


def _pieces(name: str) -> Iterator[str]:
    for character in name:
        if character in _BY_SIGN:
            yield LETTERS[_BY_SIGN[character]].tex
        elif character.isascii():
            yield _SPECIAL.get(character, f"\\{character}" if character in "#$%&_{}" else character)
        else:
            yield _unknown(character)


def _unknown(character: str) -> str:
    """Write a letter without a LaTeX command: with its accent, without it, or by its Unicode number."""
    if greek := _greek(character):
        return greek
    letter = letter_named(character)
    if letter is not None:
        return letter.tex
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base.isascii() and base.isalnum() else f"u{ord(character):04X}"
