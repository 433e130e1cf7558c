"""The grammar of an equation in LaTeX: its tokens become a tree."""

from __future__ import annotations

from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from derive.statement.latex.tokens import place_of
from derive.text.source import Misread

MAX_TREE = 300

_PARSER = Lark(
    r"""
    start: expr (EQ expr)*
    expr: (PLUS | MINUS)? term ((PLUS | MINUS) term)*
    term: factor (factor | TIMES factor | SLASH factor)*
    factor: atom (sub | sup | PRIME)*
    sub: SUB arg
    sup: SUP arg
    ?arg: NUMBER | LETTER | WORD | FUNC | BIG | DOTS | PRIME | TOP | group | accent | frac | root
    ?atom: NUMBER | LETTER | WORD | FUNC | BIG | DOTS | EMPTY | TOP | PARTIAL | group | accent | frac | root | bracket
        | bars | norm | angles | cases
    group: LBRACE list RBRACE
    accent: ACCENT arg
    frac: FRAC arg arg
    root: ROOT (LSQUARE list RSQUARE)? arg
    bracket: LPAR list RPAR | LSQUARE list RSQUARE | LCURLY list RCURLY
    bars: BARL expr BARR
    norm: NORML expr NORMR
    angles: LANGLE list RANGLE
    list: any (COMMA any)*
    ?any: both (OR both)*
    ?both: relation (AND relation)*
    ?relation: expr ((LESS | EQ) expr)*
    cases: CASES row (ROW row)* ROW? ENDCASES
    row: expr COMMA? AMP IF? (any | OTHERWISE) (COMMA | DOT)?
    %declare NUMBER LETTER WORD FUNC BIG DOTS EMPTY PRIME PLUS MINUS TIMES SLASH EQ LESS SUB SUP LBRACE RBRACE ACCENT
    %declare FRAC ROOT LSQUARE RSQUARE LPAR RPAR LCURLY RCURLY BARL BARR NORML NORMR COMMA DOT OR AND CASES ENDCASES ROW
    %declare AMP IF OTHERWISE TOP PARTIAL LANGLE RANGLE
    """,
    parser="lalr",
    lexer="basic",
    propagate_positions=True,
    maybe_placeholders=False,
)


def parse(tokens: list[Token]) -> Tree[Token]:
    """Parse the tokens of an equation, or of a formula. Raises Misread."""
    parser = _PARSER.parse_interactive()
    try:
        for token in tokens:
            parser.feed_token(token)
        tree: Tree[Token] = parser.feed_token(Token.new_borrow_pos("$END", "", tokens[-1]))
    except UnexpectedToken as error:
        raise Misread(place_of(tokens[-1] if error.token.type == "$END" else error.token), _said(error)) from None
    except UnexpectedInput as error:
        raise Misread(place_of(tokens[0]), "this is no equation") from error
    _check_depth(tree)
    return tree


def _said(error: UnexpectedToken) -> str:
    token, wanted = error.token, error.accepts or error.expected
    if token.type == "$END":
        return "the formula ends here, where a symbol or a number is expected"
    if token.type in ("PLUS", "MINUS", "SUB", "SUP") and "LBRACE" in wanted and "RBRACE" not in wanted:
        return f"{token} stands where a symbol or a number is expected: put a longer index or exponent in braces"
    if token.type == "FACTORIAL":
        return "a factorial has no meaning in a forward equation"
    if token.type == "DOT":
        return "a point stands within the formula: it may only end it"
    if token.type in ("IF", "OTHERWISE", "TEXT", "AND", "OR"):
        return rf"the text {token} stands within a formula: cases are written with \begin{{cases}}"
    if token.type == "IN":
        return r"\in has no meaning here: a sum runs over indices, such as \sum_{i,j}"
    return f"{token} has no meaning here"


def _check_depth(tree: Tree[Token]) -> None:
    level: list[Any] = [tree]
    for _ in range(MAX_TREE):
        level = [part for node in level if isinstance(node, Tree) for part in node.children]
        if not level:
            return
    place = next(place_of(part) for node in level for part in _tokens(node))
    raise Misread(place, "the formula is nested too deep: state parts of it on their own")


def _tokens(node: Any) -> list[Token]:
    return [node] if isinstance(node, Token) else [t for t in node.scan_values(lambda part: isinstance(part, Token))]


def items(node: Any) -> list[Tree[Token]]:
    """What stands between the commas of a list."""
    return [child for child in node.children if isinstance(child, Tree)]


def first(node: Any) -> Token:
    """The first token of a tree."""
    while isinstance(node, Tree):
        node = node.children[0]
    assert isinstance(node, Token)
    return node
