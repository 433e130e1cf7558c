"""The code of each equation, as the documents print it beside the equation."""

from __future__ import annotations

import ast

from helpers import derivation

from derive.document.view import View


def test_the_code_of_an_equation_is_its_whole_statement():
    listing = View(derivation((4, 5, 3), optimizer="adam", l2=0.01), "full").code
    lines = {
        number: "".join(word.text for word in line)
        for section in listing.sections
        for number, line in enumerate(section.lines, start=section.first)
    }
    source = "\n".join(lines.get(n, "") for n in range(1, max(lines) + 1))
    statements = {n.lineno: n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Assign | ast.AugAssign)}
    assert any(lines[line].endswith("(") for line, _ in listing.equations.values())
    for line, code in listing.equations.values():
        assert ast.unparse(ast.parse(code)) == ast.unparse(statements[line])


def test_latex_shows_the_code_of_each_step():
    page = derivation((4, 5, 3), optimizer="adam").latex()
    assert r"\texttt{parameters[" in page and r"\texttt{mean\_W1[...] = " in page
    assert " & line " not in page
