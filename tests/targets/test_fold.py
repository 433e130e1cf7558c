"""Folded code is equal Python, within the line width wherever a break is possible."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest
from helpers import derivation
from hypothesis import given
from hypothesis import strategies as st

from derive.targets.fold import WIDTH, fold, folded

NETS = [
    ((3, 4, 4, 1),),
    ("inputs_all,hidden_first,hidden_second,outcomes_k", "tanh,gelu,softmax", "cross_entropy", "augmented", "bracket"),
    ((3, 4, 2), "selu,identity", "huber", "none", "delta"),
]
NARROW = (24, 40, 60, WIDTH)


def same(lines: list[str], line: str) -> bool:
    """Whether folded lines parse to the syntax tree of the line, with a body for one that opens a block."""
    body = "\n    pass" if line.partition("  #")[0].endswith(":") else ""
    return ast.dump(ast.parse("\n".join(lines) + body)) == ast.dump(ast.parse(line + body))


def logical_lines(source: str) -> list[str]:
    """The simple statements of a module, and the heads of its loops, each on one line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Return | ast.AnnAssign):
            found.append(ast.unparse(node))
        if isinstance(node, ast.For):
            found.append(f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}:")
    return [line for line in found if "\n" not in line]


@pytest.mark.parametrize("net", NETS, ids=str)
@pytest.mark.parametrize("width", NARROW)
def test_lines_of_a_module_stay_what_they_are(net, width):
    lines = [line for line in logical_lines(derivation(*net).numpy_target.rendered.linked) if len(line) > width]
    for line in lines:
        assert same(fold(line, width=width), line), line
        commented = fold(f"{line}  # (3)", width=width)
        assert same(commented, line) and commented[-1].endswith("  # (3)"), line


@pytest.mark.parametrize("net", NETS, ids=str)
def test_no_line_is_longer_than_a_page_where_it_can_be_broken(net):
    files = derivation(*net).numpy_target.rendered.files
    assert {"network.py", "trainer.py", "_steps.py"} <= {*files}
    for name, text in files.items():
        long = [row for row in text.split("\n") if len(row) > WIDTH]
        assert not long, (name, long)


names = st.sampled_from(["W1", "delta_of_hidden", "x", "a_long_name_of_a_tensor", "m", "1", "2.5"])
grown = st.recursive(
    names,
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from("+-*/@"), inner),
        st.builds("({})".format, inner),
        st.builds("-{}".format, inner),
        st.builds("f({}, axis={})".format, inner, inner),
        st.builds("g[{}, :{}]".format, inner, inner),
        st.builds("({}).T".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({} if {} < {} else {})".format, inner, inner, inner, inner),
    ),
    max_leaves=14,
)


@given(grown, st.sampled_from(["y = ", "y -= ", "return ", "y: Array = "]), st.sampled_from(NARROW))
def test_any_expression_stays_what_it_is(expression, start, width):
    line = f"{start}{expression}"
    assert same(fold(line, width=width), line)


@given(grown, st.sampled_from(NARROW))
def test_overlong_lines_have_no_possible_break(expression, width):
    """No line that is too long has a comma or an operator at which it could go on in the next."""
    for line in fold(f"y = {expression}", width=width):
        if len(line) > width:
            words = [t.string for t in tokenize.generate_tokens(io.StringIO(line.strip(" ,([{}])")).readline)]
            depth = 0
            for word in words[1:-1]:
                depth += (word in "([{") - (word in ")]}") if word else 0
                assert depth or word not in ("+", "*", "@", "/", ","), line


def test_lines_that_are_indented_are_folded_where_they_stand():
    line = "    total = first_of_all_the_names(x) + second_of_all_the_names(x, y) + third(x, y, z)"
    assert folded([line, "short = 1"]) == (line, "short = 1")
    deep = folded([line], "    " * 3)
    assert len(deep) > 1 and all(len("    " * 3 + row) <= WIDTH for row in deep)


def test_a_line_breaks_in_earlier_brackets_if_the_last_ones_begin_too_late():
    line = f"total = (1 - scattered({', '.join(f'argument_{n}' for n in range(5))})).astype(kind_of_numbers)[:, None]"
    assert max(map(len, fold(line))) <= WIDTH
