r"""LaTeX as tokens: lexed by lark, without what only concerns the layout, and cut into equations.

>>> [str(t) for t in Equations(r"$$ \hat{y}_k = \sigma(z_k). $$").found[0].tokens]
['hat', '{', 'y', '}', '_', 'k', '=', 'sigma', '(', 'z', '_', 'k', ')']
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lark import Lark, Token

from derive.text.known import misspelled
from derive.text.source import MAX_CHARACTERS, MAX_DEPTH, MAX_LINE, Misread, Piece, Place
from derive.text.user_text import listed

MAX_TOKENS, MAX_EQUATIONS, MAX_SAID, MAX_EXPANDED, MAX_TEXT = 30_000, 300, 50, 5_000, 200

_LEXER = Lark(
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

GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi "
        "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split(),
        strict=True,
    )
)


def _kinds(**names: str) -> dict[str, str]:
    return {name: kind for kind, listed_names in names.items() for name in listed_names.split()}


#: Commands by the type of their token, which is used by the grammar or by the steps below.
_COMMANDS = _kinds(
    LETTER=" ".join(GREEK.values()) + " varepsilon vartheta varphi varrho varsigma ell",
    ACCENT="hat widehat tilde widetilde bar overline dot ddot check breve",
    FUNC="tanh sinh cosh sin cos tan arcsin arccos arctan exp log ln",
    BIG="sum prod max min",
    FRAC="frac dfrac tfrac cfrac",
    ROOT="sqrt",
    TIMES="cdot times ast odot circ had",
    SLASH="div oslash",
    TOP="top intercal tran",
    PARTIAL="partial",
    LESS="le leq leqslant ge geq geqslant lt gt ne neq",
    EQ="coloneqq equiv triangleq doteq",
    BAR="vert lvert rvert",
    NORM="Vert lVert rVert",
    LANGLE="langle",
    RANGLE="rangle",
    COMMA="mid",
    LCURLY="lbrace",
    RCURLY="rbrace",
    LPAR="lparen",
    RPAR="rparen",
    LSQUARE="lbrack",
    RSQUARE="rbrack",
    DOTS="dots ldots cdots dotsc",
    PRIME="prime",
    AND="land wedge",
    OR="lor vee",
    GAP="quad qquad enspace hfill",
    ROW="newline cr tabularnewline",
    skip="displaystyle textstyle scriptstyle nonumber notag limits nolimits allowbreak nobreak relax thinspace small "
    "footnotesize noindent centering medspace thickspace negthinspace wrap strut",
    size="left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm",
    group="label tag hspace vspace phantom hphantom vphantom color ref eqref cite why",
    see="boxed mathord mathbin mathrel mathop ingreen inred mathclose mathopen",
    coloured="textcolor mathcolor colorbox",
    font="mathbf boldsymbol bm mathit mathsf mathnormal vec underline pmb bf rm",
    word="mathcal mathtt mathbb mathfrak mathscr mathrm operatorname text textrm mbox textit textsf textup textnormal "
    "textbf hbox",
    define="newcommand renewcommand providecommand def let DeclareMathOperator newenvironment gdef edef",
    matrix="otimes oplus ominus ones bullet star dagger",
    slope="nabla",
    update="leftarrow gets rightarrow to mapsto longleftarrow",
    IN="in",
    other="approx sim propto infty arg sup inf det forall exists notin",
)
_SIGNS = {
    **{"+": "PLUS", "-": "MINUS", "−": "MINUS", "*": "TIMES", "/": "SLASH", "=": "EQ", "<": "LESS", ">": "LESS"},
    **{"(": "LPAR", ")": "RPAR", "[": "LSQUARE", "]": "RSQUARE", "{": "LBRACE", "}": "RBRACE", "_": "SUB", "^": "SUP"},
    **{",": "COMMA", ";": "COMMA", ".": "DOT", "|": "BAR", "'": "PRIME", "&": "AMP", "~": "skip", "·": "TIMES"},
    **{
        "≤": "LESS",
        "≥": "LESS",
        "…": "DOTS",
        "≠": "LESS",
        "‖": "NORM",
        "∂": "PARTIAL",
        "⊙": "TIMES",
        ":": "COLON",
        "!": "FACTORIAL",
    },
}
_ESCAPED = {**dict.fromkeys((r"\,", r"\;", r"\:", r"\!", "\\ ", "\\\t", r"\>", r"\/", "\\\n"), "skip"), r"\{": "LCURLY"}
_ESCAPED |= {r"\}": "RCURLY", r"\\": "ROW", r"\|": "NORM", r"\[": "open", r"\]": "close", r"\(": "open"}
_ESCAPED |= {r"\)": "close", r"\-": "skip"}
#: What is written for a token in the trees, where it differs.
_PLAIN = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho", "varsigma": "sigma"}
_PLAIN |= {"widehat": "hat", "widetilde": "tilde", "overline": "bar", "≤": "<=", "≥": ">=", "lt": "<", "gt": ">"}
_PLAIN |= {**dict.fromkeys(("circ", "had", "⊙", "ast", "*"), "odot"), "·": "cdot"}
_PLAIN |= {
    **dict.fromkeys(("ne", "neq", "≠"), "!="),
    **dict.fromkeys(("le", "leq", "leqslant"), "<="),
    **dict.fromkeys(("ge", "geq", "geqslant"), ">="),
}
#: The words of a text between formulas.
_WORDS = {**dict.fromkeys(("if", "for", "when"), "IF"), **dict.fromkeys(("otherwise", "else"), "OTHERWISE")}
_WORDS |= {"and": "AND", "or": "OR"}
_WORDS |= dict.fromkeys("where with here thus hence then so therefore let".split(), "TEXT")
_DISPLAYS = frozenset("equation align alignat gather multline displaymath math eqnarray flalign dmath".split())
_INNER = frozenset("aligned alignedat gathered split subequations".split())
#: The macros of the documents that derive writes, by what they stand for.
_MACROS = {
    "lay": r"{}^{(#1)}{#2}",
    "layi": r"{}^{(#1)}{#2}_{#3}",
    "layup": r"{}^{(#1)}{#2}^{#3}",
    "layiup": r"{}^{(#1)}{#2}_{#3}^{#4}",
    "norm": r"\lVert #1 \rVert",
    "abs": r"\lvert #1 \rvert",
    "pd": r"\frac{\partial #1}{\partial #2}",
    "pdi": r"\frac{\partial #1}{\partial #2}",
}
_REFUSED = {
    "matrix": "{} belongs to matrices and vectors, which are not read: write every symbol with its indices, such as "
    r"z_i = \sum_j W_{{ij}} x_j",
    "slope": "{} is part of a derivative: state the forward equations only, since the derivatives are found; one in "
    "an equation is read in the language of equations, as diff(u, x)",
    "update": "{} is no equals sign: state the forward equations only, such as z_i = b_i",
    "other": "{} has no meaning in a forward equation",
    "open": "{} begins a formula within a formula",
    "close": "{} ends a formula that does not begin",
}
_CLOSED = {"LPAR": "RPAR", "LSQUARE": "RSQUARE", "LCURLY": "RCURLY", "LBRACE": "RBRACE", "CASES": "ENDCASES"}
_CLOSED |= {"BARL": "BARR", "NORML": "NORMR", "LANGLE": "RANGLE"}
_BRACE_LIKE = ("LBRACE", "CASES")


def place_of(token: Token) -> Place:
    """The place of a token."""
    return Place(token.line or 1, token.column or 1)


def token(kind: str, value: str, at: Token) -> Token:
    """Make a token at the place of another one."""
    return Token(kind, value, at.start_pos, at.line, at.column, at.end_line, at.end_column, at.end_pos)


@dataclass
class Found:
    """The tokens of an equation, and those of the ranges of indices that are said beside it, ``i = 1, ..., n``."""

    tokens: list[Token] = field(default_factory=list)
    ranges: list[list[Token]] = field(default_factory=list)


class Equations:
    """The equations of a text, in ``found``, its comments that stand alone, and what is wrong, in ``problems``.

    If a text has displayed formulas, all else is left out; a text without them is one display itself.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[tuple[Place, str]] = []
        self.comments: list[Piece] = []
        self.found: list[Found] = []
        self.macros = {name: [*_LEXER.lex(body)] for name, body in _MACROS.items()}
        try:
            if len(text) > MAX_CHARACTERS:
                raise Misread(Place(1, 1), f"the text has more than {MAX_CHARACTERS} characters, which is the limit")
            for display in self._displays(self._lexed(text)):
                self._equations(list(_limited(_Plain(display, self.macros, self.problems).tokens())))
        except Misread as problem:
            self.problems.append((problem.place, problem.message))

    def _lexed(self, text: str) -> list[Token]:
        found, lines = list[Token](), text.split("\n")
        for number, lexed in enumerate(_LEXER.lex(text)):
            place = place_of(lexed)
            if number == MAX_TOKENS:
                raise Misread(place, f"the text has more than {MAX_TOKENS} signs: split it")
            if lexed.type != "COMMENT":
                found.append(lexed)
            elif not lines[place.line - 1][: place.column - 1].strip():
                self.comments.append(Piece(str(lexed), place).part(len(lexed) - len(lexed.lstrip("%")), len(lexed)))
        return found

    def _displays(self, tokens: list[Token]) -> Iterator[list[Token]]:
        """Cut out the displayed formulas, or those within lines if there are none."""
        displayed, inline, outside = list[list[Token]](), list[list[Token]](), list[Token]()
        at = 0
        while at < len(tokens):
            stop, name = self._display(tokens, at)
            if stop is not None:
                begin = at + (4 + (tokens[at + 3] == "*") if name else 2 if tokens[at] == "$" else 1)
                displayed.append(tokens[begin:stop])
                at = stop + (4 + (tokens[stop + 3 : stop + 4] == ["*"]) if name else 2 if tokens[at] == "$" else 1)
            elif tokens[at] in ("$", r"\("):
                closing = "$" if tokens[at] == "$" else r"\)"
                stop = next((n for n in range(at + 1, len(tokens)) if tokens[n] == closing), None)
                if stop is None:
                    raise Misread(place_of(tokens[at]), f"the formula that begins with {tokens[at]} does not end")
                inline.append(tokens[at + 1 : stop])
                at = stop + 1
            else:
                name, body, stop = _definition(tokens, at)
                self.macros |= {name: body} if name else {}
                outside += tokens[at : at + 1] if stop == at + 1 else ()
                at = stop
        yield from displayed or inline or [outside]

    def _display(self, tokens: list[Token], at: int) -> tuple[int | None, str]:
        """Where the display that begins at a token ends, and the name of its environment; None if none begins."""
        if tokens[at] == r"\begin" and (name := "".join(tokens[at + 2 : at + 3])) in _DISPLAYS:
            ends = (n for n in range(at, len(tokens) - 2) if tokens[n] == r"\end" and tokens[n + 2] == name)
        elif tokens[at] == r"\[":
            name, ends = "", (n for n in range(at, len(tokens)) if tokens[n] == r"\]")
        elif tokens[at : at + 2] == ["$", "$"]:
            name, ends = "", (n for n in range(at + 2, len(tokens) - 1) if tokens[n : n + 2] == ["$", "$"])
        else:
            return None, ""
        stop = next(ends, None)
        if stop is None:
            raise Misread(place_of(tokens[at]), "the formula that begins here does not end")
        return stop, name

    # Equations.

    def _equations(self, tokens: list[Token]) -> None:
        """Cut a display into its equations: at rows, at columns, and at commas before another equation."""
        begun = len(self.found)
        for row in _split(tokens, ("ROW",), _BRACE_LIKE):
            cells = _split(row, ("AMP",), _BRACE_LIKE)
            width = 3 if len(cells) == 3 and cells[1] and all(t.type == "EQ" for t in cells[1]) else 2
            for n in range(0, len(cells), width):
                for part in _parts([t for cell in cells[n : n + width] for t in cell]):
                    self._part(part, begun)
        for found in self.found[begun:]:
            found.tokens = _barred([t for t in found.tokens if t.type != "GAP"])
            try:
                _check_brackets(found.tokens)
            except Misread as problem:
                self.problems.append((problem.place, problem.message))
                found.tokens.append(token("BROKEN", "", found.tokens[-1]))

    def _part(self, part: list[Token], begun: int) -> None:
        while part and part[-1].type in ("COMMA", "DOT", "GAP", "TEXT", "AND"):
            part = part[:-1]
        while part and part[0].type in ("COMMA", "GAP", "AND", "IF", "TEXT", "OTHERWISE"):
            part = part[1:]
        before = self.found[-1] if len(self.found) > begun else None
        range_ = _range(part)
        if before and range_:
            before.ranges.append(range_)
            return
        if all(t.type in ("WORD", "TEXT", "GAP") for t in part):
            return
        goes_on = part[0].type in ("PLUS", "MINUS", "EQ", "TIMES", "SLASH") or not _is_equation(part)
        if before and (goes_on or _is_open(before.tokens)):
            before.tokens += part
            return
        if not _is_equation(part) and not any(t.type == "BROKEN" for t in part):
            self.problems.append((place_of(part[0]), "this is no equation, such as z_i = b_i"))
            return
        self.found.append(Found(part))
        if len(self.found) > MAX_EQUATIONS:
            raise Misread(place_of(part[0]), f"the text has more than {MAX_EQUATIONS} equations")


def _limited(tokens: Iterator[Token]) -> Iterator[Token]:
    """Pass tokens on until a row is too long, or nested too deep. Raises Misread."""
    depth, length, rows, first = 0, 0, 0, None
    for each in tokens:
        first = each if first is None else first
        depth += (each.type in _CLOSED) - (each.type in _CLOSED.values())
        length = 0 if each.type == "ROW" else length + 1
        rows += each.type == "ROW"
        if rows > 2 * MAX_EQUATIONS:
            raise Misread(place_of(each), f"the formula has more than {2 * MAX_EQUATIONS} rows")
        if depth > MAX_DEPTH:
            where = f"more than {MAX_DEPTH} brackets are open"
            raise Misread(place_of(each), f"{where}: state parts of the formula on their own")
        if length > MAX_LINE:
            raise Misread(place_of(first), f"the formula is longer than {MAX_LINE} signs: state parts on their own")
        yield each


def _split(
    tokens: Sequence[Token], kinds: tuple[str, ...], within: tuple[str, ...] = tuple(_CLOSED)
) -> list[list[Token]]:
    """Split at tokens of some kinds outside of brackets."""
    found, depth = [list[Token]()], 0
    closing = {_CLOSED[kind] for kind in within}
    for each in tokens:
        depth += (each.type in within) - (each.type in closing)
        if depth <= 0 and each.type in kinds:
            found.append([])
        else:
            found[-1].append(each)
    return found


def _parts(tokens: list[Token]) -> list[list[Token]]:
    """The equations that stand in one line, with commas, words or gaps between them."""
    found, between = list[list[Token]](), list[Token]()
    at = 0
    for part in _split(tokens, ("COMMA", "GAP", "TEXT", "AND", "IF")):
        numbered = [t.type for t in part] == ["LPAR", "NUMBER", "RPAR"] and between and between[0].type == "GAP"
        if found and not _is_equation(part) and not _range(part):
            if not numbered and not any(t.lower() in ("for", "forall") for t in between):
                found[-1] += [*between, *part]
        else:
            found.append(part)
        at += len(part) + 1
        between = tokens[at - 1 : at]
    return found


def _range(part: Sequence[Token]) -> list[Token]:
    r"""The index and the upper limit of a range, ``i = 1, 2, ..., n`` or ``i \in \{1, ..., n\}``; else nothing."""
    inner = [t for t in part if t.type not in ("GAP", "TEXT")]
    if inner and inner[0].type == "LPAR" and inner[-1].type == "RPAR":
        inner = inner[1:-1]
    if [t.type for t in (*inner[1:3], *inner[-1:])] == ["IN", "LCURLY", "RCURLY"]:
        inner = [inner[0], token("EQ", "=", inner[1]), *inner[3:-1]]
    kinds = [t.type for t in inner]
    for begin in (["LETTER", "EQ", "NUMBER", "COMMA", "DOTS"], ["LETTER", "EQ", *["NUMBER", "COMMA"] * 2, "DOTS"]):
        if kinds[: len(begin)] == begin and inner[2] == "1":
            return [inner[0], *(t for t in inner[len(begin) :] if t.type != "COMMA")]
    return []


def _is_equation(part: Sequence[Token]) -> bool:
    """Whether an equals sign stands outside of brackets."""
    depths = itertools.accumulate((t.type in _CLOSED) - (t.type in _CLOSED.values()) for t in part)
    return any(depth <= 0 and t.type == "EQ" for t, depth in zip(part, depths, strict=True))


def _is_open(tokens: Sequence[Token]) -> bool:
    depth = sum((t.type in _CLOSED) - (t.type in _CLOSED.values()) for t in tokens)
    return depth > 0


def _barred(tokens: list[Token]) -> list[Token]:
    """Tell opening bars from closing ones: a bar closes if one is open and it stands after an operand.

    Two bars without a gap are those of a norm, unless the first closes another one.
    """
    found, opened, rest = list[Token](), list[str](), tokens[::-1]
    while rest:
        each = rest.pop()
        kind = each.type
        if kind == "BAR" and opened[-1:] != ["BARL"] and _is_bar(rest[-1:], each.end_pos):
            rest.pop()
            kind = "NORM"
        if kind in ("BAR", "NORM"):
            operand = found and found[-1].type in ("NUMBER", "LETTER", "WORD", "PRIME", *_CLOSED.values())
            kind += "R" if operand and opened[-1:] == [f"{kind}L"] else "L"
        if kind in _CLOSED:
            opened.append(kind)
        elif kind in _CLOSED.values() and opened:
            opened.pop()
        found.append(token(kind, str(each), each))
    return found


def _is_bar(tokens: Sequence[Token], at: int | None) -> bool:
    return any(each.type == "BAR" and each.start_pos == at for each in tokens)


def _check_brackets(tokens: Sequence[Token]) -> None:
    opened = list[Token]()
    for each in tokens:
        if each.type in _CLOSED:
            opened.append(each)
        elif each.type in _CLOSED.values():
            if not opened:
                raise Misread(place_of(each), f"the bracket {_written(each)} closes none")
            before = opened.pop()
            if _CLOSED[before.type] != each.type:
                said = f"a {_written(before)} in line {before.line}, column {before.column}"
                raise Misread(place_of(each), f"the bracket {_written(each)} closes {said}")
    if opened:
        raise Misread(place_of(opened[-1]), f"the bracket {_written(opened[-1])} is not closed")


def _written(bracket: Token) -> str:
    return f"\\{bracket}" if bracket.isalpha() else str(bracket)


class _Plain:
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
            yield from self._sign(each, _ESCAPED.get(each))
        elif each == "{" and self.tokens_[-1:] == ["}"]:
            self.tokens_.pop()
            yield token("EMPTY", "{}", each)
        elif each in GREEK:
            yield token("LETTER", GREEK[each], each)
        else:
            yield from self._sign(each, _SIGNS.get(each))

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
        if kind in _REFUSED:
            raise Misread(place_of(each), _REFUSED[kind].format(each))
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
            yield token(kind, _PLAIN.get(each, str(each)), each)

    def _command(self, each: Token, name: str) -> Iterator[Token]:
        kind = None if name in self.macros else _COMMANDS.get(name)
        if name in ("begin", "end"):
            yield from self._environment(each, name)
        elif name in self.macros:
            self._expand(each, self.macros[name])
        elif kind is None:
            raise Misread(place_of(each), self._unknown(name))
        elif kind == "define":
            defined, body, stop = _definition([each, *self.tokens_[: -MAX_TEXT - 9 : -1]], 0)
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
            yield token("LETTER", _PLAIN.get(name, name), each)
        elif kind == "other" and name == "forall":
            yield token("TEXT", name, each)
        elif kind in _REFUSED:
            raise Misread(place_of(each), _REFUSED[kind].format(each))
        elif kind != "skip":
            yield token(kind, _PLAIN.get(name, name), each)

    def _unknown(self, name: str) -> str:
        meant = misspelled(name, [known for known in (*_COMMANDS, *self.macros) if known[0] == name[0]])
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
        elif name in _INNER or name in _DISPLAYS:
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
            raise Misread(place_of(each), _REFUSED["matrix"].format(f"\\{word}{{{name}}}"))
        elif name != "document":
            self.refused.add(name)
            known = listed(sorted({*_DISPLAYS, *_INNER, "cases"}))
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
                yield from _Plain(inner[:stop], self.macros, self.problems).tokens()
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
            elif (part.type == "SIGN" and part in ",.;:()~") or part in _ESCAPED:
                continue
            else:  # a formula in upright letters
                self.tokens_ += [*inner[::-1], part]
                yield from _said(words, each)
                return
        yield from _said(words, each)


def _definition(tokens: Sequence[Token], at: int) -> tuple[str, list[Token], int]:
    """The name and the body of the macro that is defined at a token, and where the definition ends; no name if none."""
    word = tokens[at][1:] if _COMMANDS.get(tokens[at][1:]) == "define" else ""
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
            operator = [*_LEXER.lex(r"\operatorname{}")] if word == "DeclareMathOperator" else []
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
        kind = _WORDS.get(word.lower(), "WORD")
        yield token("NUMBER" if word.isdigit() else kind, str(word), word)
        return
    for word in (words[0], words[-1]) if words else ():
        if word.lower() in _WORDS:
            yield token(_WORDS[word.lower()], str(word), word)
            return
    if words:
        yield token("TEXT", " ".join(words), at)


def _letter(letters: Token, n: int) -> Token:
    at = letters.start_pos
    return Token(
        "LETTER", letters[n], (at or 0) + n, letters.line, (letters.column or 1) + n, end_pos=(at or 0) + n + 1
    )
