"""Text from users with the places of its parts: its logical lines, and messages that point at a place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from derive.record import record
from derive.text.errors import StatementError
from derive.text.user_text import cut, shown

#: The ending of the name of a file with such a text.
SUFFIX = ".eq"
#: Limits that keep reading fast; the texts of users are far below them.
MAX_CHARACTERS, MAX_LINE, MAX_DEPTH, MAX_PROBLEMS = 100_000, 4_000, 40, 20

_OPENING = {"(": ")", "[": "]"}
_CLOSING = frozenset(_OPENING.values())
#: Greek letters that look like Latin ones.
_ALIKE = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοϲϳ", "ABEZHIKMNOPTYXocj", strict=True))


@record
class Place:
    """A line and a column of a text, both from 1; ``file`` is the name of a file that the text uses."""

    line: int
    column: int
    file: str = ""


@record
class Piece:
    """A part of a text, and the place of its first character. It may go over several lines."""

    text: str
    place: Place

    def at(self, offset: int) -> Place:
        """The place of a character of the piece."""
        before = self.text[:offset]
        lines = before.count("\n")
        if not lines:
            return Place(self.place.line, self.place.column + offset, self.place.file)
        return Place(self.place.line + lines, offset - before.rfind("\n"), self.place.file)

    def part(self, start: int, stop: int) -> Piece:
        """A part of the piece, without the spaces around it."""
        inner = self.text[start:stop]
        kept = inner.strip()
        return Piece(kept, self.at(start + len(inner) - len(inner.lstrip()) if kept else start))

    def split(self, signs: str) -> list[Piece]:
        """Split at each of the signs that stands outside of brackets and belongs to no longer sign, such as ``==``."""
        starts, depth = [0], 0
        for n, sign in enumerate(self.text):
            depth += (sign in _OPENING) - (sign in _CLOSING)
            if depth == 0 and sign in signs and not self._is_longer(n):
                starts.append(n + 1)
        return [self.part(a, b - 1) for a, b in zip(starts, [*starts[1:], len(self.text) + 1], strict=True)]

    def _is_longer(self, n: int) -> bool:
        text = self.text
        return text[n] == "=" and ("=" in text[n + 1 : n + 2] or (n > 0 and text[n - 1] in "=<>!"))

    def word(self) -> tuple[str, Piece]:
        """The first word, and what follows it."""
        stop = next((n for n, sign in enumerate(self.text) if not (sign.isalnum() or sign == "_")), len(self.text))
        return self.text[:stop], self.part(stop, len(self.text))


class Misread(Exception):
    """What is wrong at one place; caught where a text is read, which goes on with the next line."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place, self.message = place, message


class TextError(StatementError):
    """All that is wrong in a text: ``problems`` are pairs of a place and a sentence.

    The message has for each of them the place, the sentence, the line, and a mark below the place. The lines of
    ``declarations``, if any, come after those of the text.
    """

    def __init__(
        self, text: str, problems: Sequence[tuple[Place, str]], source: str = "", declarations: str = ""
    ) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem[0].line, problem[0].column))
        said = list[str]()
        for place, message in self.problems[:MAX_PROBLEMS]:
            lines = text.split("\n")
            if place.line <= len(lines) or not declarations:
                said.append(_told(lines, place, message, source))
            else:
                place = Place(place.line - len(lines), place.column)
                said.append(_told(declarations.split("\n"), place, message, "declarations"))
        if len(self.problems) > MAX_PROBLEMS:
            said.append(f"... and {len(self.problems) - MAX_PROBLEMS} more")
        super().__init__("\n".join(said))


def _told(lines: Sequence[str], place: Place, message: str, source: str) -> str:
    where = f"{source}, line" if source else "line"
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    start = max(0, place.column - 60)
    window = "".join(c if c.isprintable() else " " for c in line[start : start + 100])
    return (
        f"{where} {place.line}, column {place.column}: {message}\n    {window}\n    {' ' * (place.column - 1 - start)}^"
    )


def universal(text: str) -> str:
    """A text whose lines end with a line feed alone, however they ended."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def logical_lines(text: str, file: str = "") -> Iterator[Piece]:
    """The lines of a text without comments and empty ones; one with an open bracket goes on in the next.

    ``file`` is the name of a file that another text uses, for the places.

    Raises Misread for a text that is too long, nested too deep, or has a character that no formula has.
    """
    if len(text) > MAX_CHARACTERS:
        raise Misread(Place(1, 1), f"the text has more than {MAX_CHARACTERS} characters, which is the limit")
    began, kept, opened = 1, list[str](), list[tuple[str, Place]]()
    for number, line in enumerate(text.split("\n"), 1):
        code = line.partition("#")[0].rstrip()
        for column, sign in enumerate(code, 1):
            _follow(sign, Place(number, column), opened)
        if not kept:
            began = number
        kept.append(code)
        if sum(map(len, kept)) > MAX_LINE:
            raise Misread(Place(began, 1), f"the line is longer than {MAX_LINE} characters: state parts on their own")
        if not opened:
            joined = "\n".join(kept)
            if joined.strip():
                yield Piece(joined, Place(began, 1, file)).part(0, len(joined))
            kept = []
    if opened:
        sign, place = opened[-1]
        raise Misread(place, f"the bracket {sign} is not closed")


def _follow(sign: str, place: Place, opened: list[tuple[str, Place]]) -> None:
    """Check one character, and keep the brackets that are open."""
    if sign in _OPENING:
        opened.append((sign, place))
        if len(opened) > MAX_DEPTH:
            raise Misread(place, f"more than {MAX_DEPTH} brackets are open: state parts of the formula on their own")
    elif sign in _CLOSING:
        if not opened:
            raise Misread(place, f"the bracket {sign} closes none")
        before = opened.pop()
        if _OPENING[before[0]] != sign:
            raise Misread(
                place, f"the bracket {sign} closes a {before[0]}, which is opened in column {before[1].column}"
            )
    elif not sign.isascii():
        _check_letter(sign, place)
    elif (not sign.isprintable() and sign != "\t") or sign == "\\":
        raise Misread(place, f"the character {shown(sign)} has no place in a formula")


def _check_letter(sign: str, place: Place) -> None:
    """Allow Greek letters that look like no Latin ones; everything else is written in ASCII."""
    if sign in _ALIKE:
        raise Misread(place, f"this is the Greek letter that looks like {_ALIKE[sign]}: use the Latin one")
    if not ("\u0391" <= sign <= "\u03c9" and sign.isalpha() and unicodedata.normalize("NFKC", sign) == sign):
        name = unicodedata.name(sign, shown(sign)).lower()
        raise Misread(place, f"the character {name} has no place in a formula: use ASCII and Greek letters")


def quoted(piece: Piece) -> str:
    """A piece for a message, on one line."""
    return cut(" ".join(piece.text.split()), 60)
