"""The layout of generated Python is that of ruff's formatter."""

from __future__ import annotations

import ast
import random
import subprocess

import pytest

from derive.document.parts.loop import code_lines
from derive.files.seals import HEADER_LINES
from derive.targets.layout import WIDTH, laid_out

NAMES = (
    "W1",
    "b1",
    "X",
    "Psi_2",
    "dE_dW1",
    "learning_rate",
    "sigmoid_prime",
    "parameters",
    "e",
    "A_long_name_of_it",
    "m",
)


class Maker:
    """Makes random statements of the kinds that a generated module holds."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)

    def name(self) -> str:
        return self.choose.choice(NAMES)

    def expression(self, depth: int) -> str:
        """An expression; its brackets may hold others."""
        if depth <= 0 or self.choose.random() < 0.2:
            return self.choose.choice([self.name(), self.name(), str(self.choose.randrange(99)), '"text"', "1e-5"])
        return self.choose.choice(self.KINDS)(self, depth - 1)

    def operand(self, depth: int, sign: str, right: bool = False) -> str:
        code = self.expression(depth)
        node = ast.parse(code, mode="eval").body
        loose = isinstance(node, ast.IfExp) or (
            isinstance(node, ast.BinOp) and sign in "*/@" and isinstance(node.op, ast.Add | ast.Sub)
        )
        careful = isinstance(node, ast.BinOp) and right and self.choose.random() < 0.8
        return f"({code})" if loose or careful else code

    def operation(self, depth: int) -> str:
        sign = self.choose.choice("+-*/@*+")
        return f"{self.operand(depth, sign)} {sign} {self.operand(depth, sign, right=True)}"

    def power(self, depth: int) -> str:
        bases = [
            self.name(),
            f"({self.expression(depth)} + m)",
            f"f({self.expression(depth)})",
            "X.real",
            "f.x[0]",
            "-e",
        ]
        return f"{self.choose.choice(bases)} ** {self.choose.choice(['2', '(1 / 2)', 'n', '-2', 'f(x)', 'a.b'])}"

    def call(self, depth: int) -> str:
        entries = [self.expression(depth) for _ in range(self.choose.randint(0, 3))]
        entries += ["keepdims=True"] * (self.choose.random() < 0.4)
        comma = "," * (bool(entries) and self.choose.random() < 0.05)
        return f"{self.choose.choice(['np.sum', 'f', 'sigmoid_minus', 'np.where'])}({', '.join(entries)}{comma})"

    def part(self, depth: int) -> str:
        inside = [self.expression(depth), ":, 1:", "None, :", "1:", "m : m + 1", f"{self.expression(depth)}, :"]
        return f"{self.name()}[{self.choose.choice(inside)}]"

    def collection(self, depth: int) -> str:
        one, two = self.expression(depth), self.expression(depth)
        forms = [
            f"({one}, {two})",
            f"[{one}, {two}]",
            f'{{"a": {one}, "b": {two}}}',
            f"({one},)",
            f"[{one}]",
            f"{{{one}}}",
        ]
        forms += [f"[{one} for x in {self.name()} if {self.name()}]", f"all({one} for x in {self.name()})"]
        forms += [f"{{n: {one} for n, x in {self.name()}.items()}}", f"f(*{self.name()}, **{self.name()})"]
        return self.choose.choice(forms)

    def choice(self, depth: int) -> str:
        sign = self.choose.choice(["<", "==", "in", "is not"])
        return f"({self.operand(depth, '*')} if {self.name()} {sign} {self.name()} else {self.operand(depth, '*')})"

    def small(self, depth: int) -> str:
        one = self.expression(depth)
        return self.choose.choice(
            [f"-{self.name()}", f"f({one}).all()", f"{self.name()}.T", f"({one} - {self.name()})"]
        )

    KINDS = (operation, operation, operation, power, call, call, part, collection, choice, small)

    def statement(self) -> str:
        """A statement at some depth, often with a comment."""
        deep = self.choose.choice(["", "    ", "        "])
        comment = f"  # ({self.choose.randrange(99)})" if self.choose.random() < 0.5 else ""
        code, body = self.expression(self.choose.randint(2, 5)), f"\n{deep}    pass"
        targets = ("Psi_1 = ", "result: Array = ", "self.x = ", "x, y = ", 'parameters["W1"] -= ', "return ", "return ")
        forms = [f"{target}{code}{comment}" for target in targets]
        forms += [f"raise ValueError({code}) from None", f"raise TypeError({code})", f"for x in {code}:{body}"]
        forms += [
            f"if {code} {self.choose.choice(['and', 'or', '<'])} {self.name()}:{body}",
            f"while not f({code}):{body}",
        ]
        head = {"": "pass\n\n\n", "    ": "def g():\n    pass\n", "        ": "def g():\n    if a:\n        pass\n"}
        return f"{head[deep]}{deep}{self.choose.choice(forms)}\n"

    def definition(self) -> str:
        """The head of a function."""
        taken = self.choose.randint(0, 7)
        entries = [
            f"{self.name()}_{n}: {self.choose.choice(['Array', 'int = 0', 'int | None = None'])}" for n in range(taken)
        ]
        entries += ["*"] * (taken > 3) + [f"k{n}: int" for n in range(2 * (taken > 3))] + ["**more: int"] * (taken > 5)
        defaults = sorted(entries[:taken], key=lambda e: "=" in e)
        return f"def f({', '.join([*defaults, *entries[taken:]])}) -> dict[str, Array]:\n    pass\n"


def valid(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def ruff(text: str) -> str:
    binary = pytest.importorskip("ruff").find_ruff_bin()
    command = [binary, "format", "--isolated", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("seed", range(4))
def test_random_statements_are_laid_out_as_ruff_does(seed):
    """Those that need it: too long, with a comma after the last entry, or with a power."""
    maker, found = Maker(seed), []
    while len(found) < 250:
        code = maker.statement() if maker.choose.random() < 0.9 else maker.definition()
        needed = max(map(len, code.split("\n"))) > WIDTH or ",)" in code or ",]" in code or " ** " in code
        if needed and valid(code):
            found.append(code)
    mark = "MARK = 0\n\n\n"
    expected = ruff(mark + mark.join(f"{code}\n\n" for code in found)).split("MARK = 0\n")[1:]
    for code, wanted in zip(found, expected, strict=True):
        assert laid_out(code).strip() == wanted.strip(), code


CASES = {
    "what fits is left alone": ("x = f(a, b)  # (3)\n", "x = f(a, b)  # (3)\n"),
    "what would fit on one line": ("x = f(\n    a,\n    b\n)\n", "x = f(a, b)\n"),
    "an entry on each line": ("x = f(a, b,)\n", "x = f(\n    a,\n    b,\n)\n"),
    "powers stand close": ("x = e ** 2 / (1 + e) ** 2 - y.T ** -n\n", "x = e**2 / (1 + e) ** 2 - y.T**-n\n"),
    "arguments for a function": ("f(**a)\ng(b, **a)\n", "f(**a)\ng(b, **a)\n"),
    "a comment in the middle": ("x = [  # why\n    1,\n    2]\n", "x = [  # why\n    1,\n    2]\n"),
    "a decorator": ("@f(a, b,)\ndef g() -> None: ...\n", "@f(\n    a,\n    b,\n)\ndef g() -> None: ...\n"),
    "a string of many lines": ('x = """\n' + "a" * 99 + '\n"""\n', 'x = """\n' + "a" * 99 + '\n"""\n'),
    "names that are imported": (
        f"from .trainer import {', '.join(f'a_name_{n}' for n in range(9))}\n",
        "from .trainer import (\n" + "".join(f"    a_name_{n},\n" for n in range(9)) + ")\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_layout(name):
    before, after = CASES[name]
    assert laid_out(before) == after
    assert laid_out(after) == after


def test_wide_letters_before_a_bracket():
    """Places in a syntax tree count bytes, places of tokens characters."""
    code = f"x = f('Ψ⁽¹⁾', (a + b) * c, {', '.join(f'argument_{n}' for n in range(8))})\n"
    assert laid_out(code) == ruff(code).replace('"', "'")


def test_what_has_no_layout_is_named():
    code = f"with open({', '.join(f'a_long_argument_{n}' for n in range(9))}) as x:\n    pass\n"
    with pytest.raises(NotImplementedError, match="no layout for With: with open"):
        laid_out(code)
    with pytest.raises(NotImplementedError, match="no layout for Await"):
        laid_out(f"x = [{'await f, ' * 20}]\n")


def test_a_statement_of_several_lines_is_found_by_its_first():
    rows = ["def f():", f"    x = f({', '.join(f'argument_{n}' for n in range(8))})  # (3)", "    y = x  # (4)"]
    found = code_lines(laid_out("\n".join([*rows, ""])))
    assert found == {3: (2 + HEADER_LINES, "x = f("), 4: (12 + HEADER_LINES, "y = x")}
