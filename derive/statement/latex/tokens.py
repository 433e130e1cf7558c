r"""LaTeX as tokens for the grammar: lexed by lark, without layout, with macros and words in one token each."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Sequence

from lark import Lark, Token

from derive.statement.latex.commands import (
    COMMANDS,
    DISPLAYS,
    ESCAPED,
    GREEK,
    INNER,
    PLAIN,
    REFUSED,
    SIGNS,
    WORDS,
)
from derive.text.known import misspelled
from derive.text.source import MAX_LINE, Misread, Place
from derive.text.user_text import listed

MAX_SAID, MAX_EXPANDED, MAX_TEXT = 50, 5_000, 200

LEXER = Lark(
    r"""
    start: (COMMENT | COMMAND | ESCAPED | NUMBER | LETTERS | SIGN)*
    COMMENT: /%[^\n]*/
    COMMAND: /\\[A-Za-z]+/
    ESCAPED: /\\[^A-Za-z]/
    NUMBER: /[0-9]+(\.[0-9]+)?/
    LETTERS: /[A-Za-z]+/
    SIGN: /[^\s]/
    BLANK: /\s+/
    %ignore BLANK
    """,
    parser="lalr",
    lexer="basic",
)


def place_of(token: Token) -> Place:
    """The place of a token."""
    return Place(token.line or 1, token.column or 1)


def token(kind: str, value: str, at: Token) -> Token:
    """Make a token at the place of another one."""
    return Token(kind, value, at.start_pos, at.line, at.column, at.end_line, at.end_column, at.end_pos)


class Plain:
    """The tokens of a display for the grammar: without layout, with macros and words in one token each.

    A token of the type BROKEN stands for each one that is refused; what is wrong with it goes to ``problems``.
    """

    def __init__(self, tokens: list[Token], macros: dict[str, list[Token]], problems: list[tuple[Place, str]]) -> None:
        self.tokens_, self.macros, self.problems = tokens[::-1], macros, problems
        self.environments: list[Token] = []
        self.refused: set[str] = set()
        self.expanded = 0
        self.unpaired = _unpaired(tokens)

    def tokens(self) -> Iterator[Token]:
        """Yield the tokens."""
        while self.tokens_ and len(self.problems) < MAX_SAID:
            each = self.tokens_.pop()
            try:
                yield from self._next(each)
            except Misread as problem:
                if not any(m == problem.message and p.line == problem.place.line for p, m in self.problems):
                    self.problems.append((problem.place, problem.message))
                yield token("BROKEN", str(each), each)
        if self.environments:
            self.problems.append((place_of(self.environments[-1]), "the environment that begins here does not end"))

    def _next(self, each: Token) -> Iterator[Token]:
        if each.type == "COMMAND":
            yield from self._command(each, each[1:])
        elif each.type == "LETTERS":
            yield from (_letter(each, n) for n in range(len(each)))
        elif each.type == "NUMBER":
            after = self.tokens_[-1] if self.tokens_ else None
            if after is not None and after in ("e", "E") and after.start_pos == each.end_pos and self._exponent():
                raise Misread(
                    place_of(each), f"{each}{after} is a product here: write a power of ten, such as 10^{{-5}}"
                )
            yield each
        elif each.type == "ESCAPED":
            yield from self._sign(each, ESCAPED.get(each))
        elif each == "{" and self.tokens_[-1:] == ["}"]:
            self.tokens_.pop()
            yield token("EMPTY", "{}", each)
        elif each in GREEK:
            yield token("LETTER", GREEK[each], each)
        else:
            yield from self._sign(each, SIGNS.get(each))

    def _exponent(self) -> bool:
        after = self.tokens_[-2] if len(self.tokens_) > 1 else None
        return after is not None and after.start_pos == self.tokens_[-1].end_pos and (after == "-" or after.isdigit())

    def _sign(self, each: Token, kind: str | None) -> Iterator[Token]:
        if kind is None:
            # a sign, or one after a backslash
            shown = (
                str(each)
                if each.isprintable() and each.isascii()
                else unicodedata.name(each[-1], ascii(each[-1])).lower()
            )
            hint = "" if each.isascii() else r": write a command for it, such as \hat{y} for an accent"
            raise Misread(place_of(each), f"the character {shown} has no place in a formula{hint}")
        if kind in REFUSED:
            raise Misread(place_of(each), REFUSED[kind].format(each))
        if kind == "ROW":
            if self.tokens_[-1:] == ["*"]:
                self.tokens_.pop()
            if self.tokens_[-1:] == ["["] and self.tokens_[-1].start_pos == each.end_pos:
                while self.tokens_ and self.tokens_.pop() != "]":
                    pass
        if kind == "COLON":
            if self.tokens_[-1:] != ["="]:
                raise Misread(place_of(each), "a colon has no meaning in a formula")
            return
        if kind != "skip":
            yield token(kind, PLAIN.get(each, str(each)), each)

    def _command(self, each: Token, name: str) -> Iterator[Token]:
        kind = None if name in self.macros else COMMANDS.get(name)
        if name in ("begin", "end"):
            yield from self._environment(each, name)
        elif name in self.macros:
            self._expand(each, self.macros[name])
        elif kind is None:
            raise Misread(place_of(each), self._unknown(name))
        elif kind == "define":
            defined, body, stop = definition([each, *self.tokens_[: -MAX_TEXT - 9 : -1]], 0)
            if not defined:
                raise Misread(place_of(each), f"\\{name} is not carried out: write in the equations what it stands for")
            self.macros[defined] = body
            del self.tokens_[len(self.tokens_) + 1 - stop :]
        elif kind == "size":
            if self.tokens_[-1:] == ["."] or each.start_pos in self.unpaired:
                self.tokens_.pop()
        elif kind == "group":
            if self.tokens_[-1:] == ["*"]:
                self.tokens_.pop()
            self._group(each)
        elif kind == "coloured":
            self._group(each)
        elif kind == "word":
            yield from self._words(each)
        elif kind == "FRAC":
            yield token("FRAC", name, each)
            self._two_digits()
        elif name == "rm" and self.tokens_ and self.tokens_[-1].type == "LETTERS" and len(self.tokens_[-1]) > 1:
            word = self.tokens_.pop()
            yield token("WORD", str(word), word)
        elif kind in ("font", "see"):
            return
        elif kind == "LETTER":
            yield token("LETTER", PLAIN.get(name, name), each)
        elif kind == "other" and name == "forall":
            yield token("TEXT", name, each)
        elif kind in REFUSED:
            raise Misread(place_of(each), REFUSED[kind].format(each))
        elif kind != "skip":
            yield token(kind, PLAIN.get(name, name), each)

    def _unknown(self, name: str) -> str:
        meant = misspelled(name, [known for known in (*COMMANDS, *self.macros) if known[0] == name[0]])
        hint = f"did you mean \\{meant}?" if meant else rf"write a function as \operatorname{{{name}}}(z_i)"
        return f"\\{name} is no known command: {hint}"

    def _two_digits(self) -> None:
        r"""``\frac12`` is a half."""
        if self.tokens_ and self.tokens_[-1].type == "NUMBER" and len(self.tokens_[-1]) == 2:
            number = self.tokens_.pop()
            self.tokens_ += [token("NUMBER", number[1], number), token("NUMBER", number[0], number)]

    def _group(self, each: Token) -> list[Token]:
        """The tokens of the group that follows, or the one token that does."""
        if not self.tokens_:
            raise Misread(place_of(each), f"{each} needs something in braces after it")
        first = self.tokens_.pop()
        if first != "{":
            return [first]
        depth, found = 1, list[Token]()
        while self.tokens_ and len(found) < MAX_LINE:
            inner = self.tokens_.pop()
            depth += (inner == "{") - (inner == "}")
            if not depth:
                return found
            found.append(inner)
        raise Misread(place_of(first), "the bracket { is not closed")

    def _expand(self, each: Token, body: Sequence[Token]) -> None:
        arguments = dict[str, list[Token]]()
        made = list[Token]()
        self.expanded += 1
        if self.expanded > MAX_EXPANDED:
            self.tokens_.clear()
            raise Misread(place_of(each), f"more than {MAX_EXPANDED} macros are expanded")
        for number in sorted({part[0] for before, part in itertools.pairwise(body) if before == "#"}):
            arguments[number] = self._group(each)
        for before, part in zip(["", *body], body, strict=False):
            if before == "#":
                made += arguments[part[0]]
            elif part != "#":
                made.append(token(part.type, str(part), each))
        self.tokens_ += made[::-1]

    def _environment(self, each: Token, word: str) -> Iterator[Token]:
        name = "".join(self._group(each)).rstrip("*")
        if name in ("cases", "dcases"):
            yield token("CASES" if word == "begin" else "ENDCASES", f"\\{word}{{{name}}}", each)
        elif name in INNER or name in DISPLAYS:
            if word == "begin":
                self.environments.append(each)
                if name.startswith("alignedat") or name.startswith("alignat"):
                    self._group(each)
            elif self.environments:
                self.environments.pop()
        elif name in self.refused and word == "end":
            return
        elif name.endswith("matrix") or name == "array":
            self.refused.add(name)
            raise Misread(place_of(each), REFUSED["matrix"].format(f"\\{word}{{{name}}}"))
        elif name != "document":
            self.refused.add(name)
            known = listed(sorted({*DISPLAYS, *INNER, "cases"}))
            raise Misread(place_of(each), f"the environment {name[:40]} is not known: there are {known}")

    def _words(self, each: Token) -> Iterator[Token]:
        """A name or words within a formula; what stands between dollar signs is a formula again."""
        if self.tokens_[-1:] == ["*"]:
            self.tokens_.pop()
        inner, words = self._group(each), list[Token]()
        if len(inner) > MAX_TEXT:
            raise Misread(place_of(each), f"a text within a formula has more than {MAX_TEXT} words and signs")
        joined = False
        while inner:
            part = inner.pop(0)
            if part == "$":
                stop = next((n for n, t in enumerate(inner) if t == "$"), len(inner))
                yield from _said(words, each)
                words = []
                yield from Plain(inner[:stop], self.macros, self.problems).tokens()
                inner = inner[stop + 1 :]
            elif part.type in ("LETTERS", "NUMBER") or part in ("-", "'", r"\_"):
                near = words and words[-1].end_pos == part.start_pos
                text = "_" if part == r"\_" else "" if part == "-" else str(part)
                if near or joined:
                    last = words.pop()
                    words.append(
                        Token("WORD", last + text, last.start_pos, last.line, last.column, end_pos=part.end_pos)
                    )
                else:
                    words.append(Token("WORD", text, part.start_pos, part.line, part.column, end_pos=part.end_pos))
                joined = False
            elif part == r"\," and words:
                joined = True
            elif (part.type == "SIGN" and part in ",.;:()~") or part in ESCAPED:
                continue
            else:  # a formula in upright letters
                self.tokens_ += [*inner[::-1], part]
                yield from _said(words, each)
                return
        yield from _said(words, each)


def definition(tokens: Sequence[Token], at: int) -> tuple[str, list[Token], int]:
    """The name and the body of the macro that is defined at a token, and where the definition ends; no name if none."""
    word = tokens[at][1:] if COMMANDS.get(tokens[at][1:]) == "define" else ""
    bare = [n for n in range(at + 1, min(at + 5, len(tokens))) if tokens[n] not in ("{", "*")]
    if not word or word in ("let", "newenvironment") or not bare or tokens[bare[0]].type != "COMMAND":
        return "", [], at + 1
    opening = bare[0] + 1 + (tokens[bare[0] + 1 : bare[0] + 2] == ["}"])
    while opening < len(tokens) and tokens[opening] != "{":
        opening += 1
    depth = 0
    for stop in range(opening, min(opening + MAX_TEXT, len(tokens))):
        depth += (tokens[stop] == "{") - (tokens[stop] == "}")
        if not depth:
            body = list(tokens[opening + 1 : stop])
            operator = [*LEXER.lex(r"\operatorname{}")] if word == "DeclareMathOperator" else []
            return tokens[bare[0]][1:], [*operator[:2], *body, *operator[2:]], stop + 1
    return "", [], at + 1


def _unpaired(tokens: Sequence[Token]) -> set[int | None]:
    r"""Where a ``\left`` stands with a bracket that a ``\right.`` does not close, as before several equations."""
    found, opened = set[int | None](), list[Token]()
    for each, after in itertools.pairwise(tokens):
        if each == r"\left":
            opened.append(each)
        elif each == r"\right" and opened:
            before = opened.pop()
            if after == ".":
                found.add(before.start_pos)
    return found


def _said(words: list[Token], at: Token) -> Iterator[Token]:
    """The words of a text: one is a name, or says how formulas go together; of several, the first or last may."""
    if len(words) == 1:
        (word,) = words
        kind = WORDS.get(word.lower(), "WORD")
        yield token("NUMBER" if word.isdigit() else kind, str(word), word)
        return
    for word in (words[0], words[-1]) if words else ():
        if word.lower() in WORDS:
            yield token(WORDS[word.lower()], str(word), word)
            return
    if words:
        yield token("TEXT", " ".join(words), at)


def _letter(letters: Token, n: int) -> Token:
    at = letters.start_pos
    return Token(
        "LETTER", letters[n], (at or 0) + n, letters.line, (letters.column or 1) + n, end_pos=(at or 0) + n + 1
    )
