"""What each kind of Markdown makes of a text: the formulas that it finds, and what it would mangle.

GitHub, MyST, Obsidian and notebooks are parsed by markdown-it, kramdown by kramdown itself. A formula counts
as found only if the flavour's own rules for delimiters find it; everything that looks like one and was not found is
a problem.

What is known of GitHub, as of 2026 (it documents little of this; reports and measurements of others, none of
which can be checked offline):

- It reads Markdown first and mathematics second. In ``$...$`` and ``$$...$$`` Markdown removes the backslash before
  punctuation (``\\\\`` becomes ``\\``, ``\\{`` becomes ``{``) and may see emphasis, links, lists and tags. A fence
  named ``math``, and a code span between dollars, are handed on as they are: use these.
- A formula is not seen inside emphasis or the text of a link, nor next to a letter or a digit.
- Its element then refuses some macros wherever they stand, takes ``<b`` for a tag, counts braces, and gives up on a
  formula with 1,000 of them and on every formula after the 2,000th of a page, a formula itself counting as one.
- MathJax runs without the packages bbox, html, require, newcommand, action and colortbl
  (``web.mathjax_errors(..., github=True)``), and the browser typesets its MathML: ``\\tag`` is not shown well there.
"""

from __future__ import annotations

import functools
import itertools
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

Formula = tuple[str, bool]

# ---------------------------------------------------------------------------------------------------------- parsers


def dollar_backtick(state: StateInline, silent: bool) -> bool:
    """The inline rule for ``$`TeX`$``."""
    opening, closing = "$`", "`$"
    if not state.src.startswith(opening, state.pos):
        return False
    start = state.pos + len(opening)
    end = state.src.find(closing, start)
    if end < 0:
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content, token.markup = state.src[start:end], opening
        token.meta = {
            "before": state.src[: state.pos][-1:],
            "after": state.src[end + len(closing) : end + len(closing) + 1],
        }
    state.pos = end + len(closing)
    return True


@functools.cache
def parser(flavour: str) -> MarkdownIt:
    """The parser of a flavour; for 'jupyter', of a cell of a notebook. KeyError for one that is not here."""
    dollars = {
        "github": {"allow_space": False, "allow_digits": False, "double_inline": True},
        "myst": {"allow_space": True, "allow_digits": True},
        "obsidian": {"allow_space": False, "allow_digits": False, "double_inline": True},
        "jupyter": {"allow_space": True, "allow_digits": True, "double_inline": True},
    }[flavour]
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(front_matter_plugin)
    markdown.use(dollarmath_plugin, allow_labels=flavour == "myst", **dollars)
    if flavour == "github":
        markdown.inline.ruler.before("math_inline", "dollar_backtick", dollar_backtick)
    if flavour in ("myst", "jupyter"):
        markdown.use(amsmath_plugin)
    if flavour == "myst":
        markdown.use(myst_role_plugin)
    return markdown


FENCES = {"github": "math", "myst": "{math}"}


def tokens(text: str, flavour: str) -> Iterator[tuple[Token, tuple[str, ...]]]:
    """Every token in order, with the inline elements that it stands in ('em', 'strong', 'a', 's')."""
    for block in parser(flavour).parse(text):
        yield block, ()
        inside: list[str] = []
        for token in block.children or ():
            if token.nesting < 0:
                inside.pop()
            yield token, tuple(inside)
            if token.nesting > 0:
                inside.append(token.tag)


def directive_body(content: str) -> str:
    """The TeX of a directive: what follows its options."""
    return "\n".join(line for line in content.splitlines() if not line.startswith(":"))


def formula(token: Token, flavour: str) -> Formula | None:
    """The formula that a token is."""
    if token.type in ("math_inline", "math_inline_double", "math_block", "math_block_label", "amsmath"):
        return token.content.strip(), token.type != "math_inline"
    if token.type == "fence" and token.info.split()[:1] == [FENCES.get(flavour)]:
        body = directive_body(token.content) if flavour == "myst" else token.content
        return body.strip(), True
    if token.type == "myst_role" and token.meta["name"] == "math":
        return token.content.strip(), False
    return None


def formulas_in_markdown(text: str, flavour: str = "myst") -> list[Formula]:
    """The formulas of a text: TeX, and whether displayed. `flavour`: github, myst, obsidian, jupyter or kramdown."""
    if flavour == "kramdown":
        return kramdown_reading(text)[0]
    return [found for token, _ in tokens(text, flavour) if (found := formula(token, flavour))]


def formulas_in_notebook(path: Path) -> list[Formula]:
    """The formulas of all Markdown cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return [found for text in texts for found in formulas_in_markdown(text, "jupyter")]


# -------------------------------------------------------------------------------------------------- what is left over


def looks_like_tex(text: str) -> bool:
    """Whether a text that is shown as it is has a dollar or a command of TeX in it.

    ``\\(`` cannot be seen any more: Markdown has made ``(`` of it.
    """
    return "$" in text or any(before == "\\" and after.isalpha() for before, after in itertools.pairwise(text))


def leftovers(text: str, flavour: str) -> list[str]:
    """Pieces of text and of HTML that look like mathematics that was not found."""
    return [
        f"shown as it is, not as a formula: {token.content.strip()[:80]!r}"
        for token, _ in tokens(text, flavour)
        if token.type in ("text", "html_block", "html_inline") and looks_like_tex(token.content)
    ]


def backticks(text: str, flavour: str) -> list[str]:
    """Formulas in GitHub's own delimiters, whose backticks another flavour would typeset."""
    return [
        f"backticks in a formula: {tex[:80]!r}"
        for tex, _ in formulas_in_markdown(text, flavour)
        if tex.startswith("`") or tex.endswith("`")
    ]


def blank_lines(text: str, flavour: str) -> list[str]:
    """Formulas with a blank line, at which TeX, and most Markdown, ends them."""
    return [
        f"a blank line in a formula: {tex[:80]!r}"
        for tex, _ in formulas_in_markdown(text, flavour)
        if any(not line.strip() for line in tex.splitlines())
    ]


def markdown_problems(text: str, flavour: str) -> list[str]:
    """Everything that the flavour would not show as meant."""
    special: dict[str, Callable[[str], list[str]]] = {
        "github": github_markdown_problems,
        "kramdown": kramdown_markdown_problems,
        "obsidian": obsidian_markdown_problems,
    }
    if flavour in special:
        return special[flavour](text)
    return leftovers(text, flavour) + blank_lines(text, flavour) + backticks(text, flavour)


# ------------------------------------------------------------------------------------------------------------ GitHub

GITHUB_REFUSES = (
    "DeclareMathOperator DeclarePairedDelimiters renewtagform newtagform colorbox fcolorbox hphantom vphantom phantom "
    "operatorname Newextarrow definecolor mathchoice unicode mmlToken"
).split()
# Refused according to some; \mbox also by KaTeX. \tag becomes a labelled row, which browsers do not know.
GITHUB_SPOILS = ["mbox", "hbox", "tag"]
GITHUB_BRACES_IN_FORMULA = 1000
GITHUB_BRACES_ON_PAGE = 2000


def github_cost(tex: str) -> int:
    """What a formula costs of a page's budget."""
    return 1 + tex.count("{")


def github_cost_of_page(text: str) -> int:
    """What all formulas of a page cost together."""
    return sum(github_cost(tex) for tex, _ in formulas_in_markdown(text, "github"))


def command_names(tex: str) -> list[str]:
    """The names of all commands that are words, in order."""
    names = []
    pieces = iter(tex.split("\\")[1:])
    for piece in pieces:
        if not piece:  # two backslashes: a new row, and what follows is no command
            next(pieces, None)
            continue
        letters = next((i for i, c in enumerate(piece) if not (c.isascii() and c.isalpha())), len(piece))
        names.append(piece[:letters])
    return [name for name in names if name]


def github_problems(tex: str) -> list[str]:
    """Why GitHub would not typeset a formula that MathJax as it configures it does."""
    # Its own test is for the characters anywhere: \phantomsection would be refused for \phantom.
    problems = [f"GitHub refuses \\{name}" for name in GITHUB_REFUSES if f"\\{name}" in tex]
    problems += [f"GitHub spoils \\{name}" for name in GITHUB_SPOILS if name in command_names(tex)]
    after_less = {after for before, after in itertools.pairwise(tex) if before == "<"}
    if any(after.isalpha() or after in "/!?" for after in after_less):
        problems.append("GitHub takes < and what follows it for a tag: write \\lt, or a space after it")
    if github_cost(tex) > GITHUB_BRACES_IN_FORMULA:
        problems.append(f"{github_cost(tex) - 1} braces in a formula, where GitHub typesets up to 999")
    return [f"{problem}: {tex[:80]!r}" for problem in problems]


@functools.cache
def plain() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def survives_markdown(tex: str, display: bool) -> bool:
    """Whether Markdown leaves the TeX between dollars as it is."""
    written = f"$$\n{tex}\n$$" if display else f"${tex}$"
    blocks = [token for token in plain().parse(written) if token.type not in ("paragraph_open", "paragraph_close")]
    if [block.type for block in blocks] != ["inline"]:
        return False
    children = blocks[0].children or []
    shown = "".join("\n" if token.type == "softbreak" else token.content for token in children)
    return {token.type for token in children} <= {"text", "softbreak"} and shown == written


def github_place_problems(token: Token, inside: tuple[str, ...]) -> list[str]:
    """Why GitHub would not see a formula where it stands, or not as it is written."""
    problems = [f"no mathematics inside <{tag}>" for tag in inside]
    if token.type == "fence":
        return problems
    if token.markup == "$`":
        around = (token.meta["before"], token.meta["after"])
        if any(c.isalnum() or c == "$" for c in around):
            problems.append(f"a formula must not touch {'and'.join(c for c in around if c.strip())!r}")
    elif not survives_markdown(token.content.strip(), token.type != "math_inline"):
        problems.append("Markdown changes what is between these dollars: use $`...`$ or a fence named math")
    return [f"{problem}: {token.content.strip()[:80]!r}" for problem in problems]


def dollars_touching(text: str) -> list[str]:
    """Formulas in plain dollars that follow or precede something GitHub does not accept beside a dollar."""
    problems = []
    for token, _ in tokens(text, "github"):
        for left, middle, right in neighbours(token.children or []):
            if middle.type == "math_inline" and middle.markup == "$":
                before, after = left[-1:], right[:1]
                if (before and not before.isspace()) or after.isalnum():
                    problems.append(f"a formula in plain dollars beside {before + after!r}: {middle.content[:80]!r}")
    return problems


def neighbours(children: list[Token]) -> Iterator[tuple[str, Token, str]]:
    """Each inline token with the text before and the text after it."""
    shown = [" " if token.type in ("softbreak", "hardbreak") else token.content or token.markup for token in children]
    for i, token in enumerate(children):
        yield (shown[i - 1] if i else ""), token, (shown[i + 1] if i + 1 < len(shown) else "")


def github_markdown_problems(text: str) -> list[str]:
    """Everything in a text that GitHub would not show as meant, as far as it can be known offline."""
    problems = leftovers(text, "github") + blank_lines(text, "github") + dollars_touching(text)
    for token, inside in tokens(text, "github"):
        if found := formula(token, "github"):
            problems += github_place_problems(token, inside) + github_problems(found[0])
    if (cost := github_cost_of_page(text)) > GITHUB_BRACES_ON_PAGE:
        problems.append(f"formulas and their braces are {cost}; GitHub typesets a page up to {GITHUB_BRACES_ON_PAGE}")
    return problems


# ---------------------------------------------------------------------------------------------------------- Obsidian


def obsidian_markdown_problems(text: str) -> list[str]:
    """Everything that Obsidian would not show as meant; it typesets with MathJax 3's default configuration."""
    return leftovers(text, "obsidian") + blank_lines(text, "obsidian") + backticks(text, "obsidian")


# -------------------------------------------------------------------------------------------------------------- MyST


def sphinx_display(tex: str) -> str:
    """A displayed formula as Sphinx hands it to MathJax: rows are put into ``split``, parts into ``aligned``."""
    parts = [part for part in tex.split("\n\n") if part.strip()]
    rows = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in parts]
    if len(rows) < 2:
        return "".join(rows)
    return r"\begin{align}\begin{aligned}" + r"\\".join(rows) + r"\end{aligned}\end{align}"


# ---------------------------------------------------------------------------------------------------------- kramdown

KRAMDOWN = r"""
require "json"
require "kramdown"
require "kramdown-parser-gfm"
document = Kramdown::Document.new(STDIN.read.force_encoding("UTF-8"), input: "GFM")
formulas, texts = [], []
walk = lambda do |element|
  case element.type
  when :math then formulas << [element.value.strip, element.options[:category] == :block]
  when :text then texts << element.value
  when :html_element then texts << element.attr.values.join(" ")
  end
  element.children.each(&walk)
end
walk.(document.root)
puts JSON.generate([formulas, texts, document.warnings])
"""
NO_KRAMDOWN = "no kramdown (Debian: apt-get install ruby-kramdown-parser-gfm)"


@functools.cache
def has_kramdown() -> bool:
    """Whether Ruby and kramdown are installed."""
    if shutil.which("ruby") is None:
        return False
    return subprocess.run(["ruby", "-e", 'require "kramdown-parser-gfm"'], capture_output=True).returncode == 0


def without_front_matter(text: str) -> str:
    """The text as Jekyll hands it on."""
    if not text.startswith("---\n"):
        return text
    return text.partition("\n---\n")[2]


@functools.cache
def kramdown_reading(text: str) -> tuple[list[Formula], list[str], list[str]]:
    """What kramdown, set up as Jekyll does, makes of a text: formulas, plain texts, and its warnings."""
    done = subprocess.run(
        ["ruby", "-e", KRAMDOWN], input=without_front_matter(text), capture_output=True, text=True, check=True
    )
    formulas, texts, warnings = json.loads(done.stdout)
    return [(tex, display) for tex, display in formulas], texts, warnings


def liquid_problems(text: str) -> list[str]:
    """Lines that Jekyll's templates would read: TeX with two braces in a row, as in ``\\frac{{}^{(2)}w}``."""
    problems = []
    raw = False
    for number, line in enumerate(text.splitlines(), 1):
        raw = (raw or "{% raw %}" in line) and "{% endraw %}" not in line
        rest = line.replace("{% raw %}", "").replace("{% endraw %}", "")
        if not raw and ("{{" in rest or "{%" in rest):
            problems.append(f"line {number}: Jekyll takes {{{{ or {{% for a template's: {rest.strip()[:80]!r}")
    return problems


def kramdown_markdown_problems(text: str) -> list[str]:
    """Everything that Jekyll and kramdown would not show as meant."""
    formulas, texts, warnings = kramdown_reading(text)
    problems = [f"kramdown warns: {warning}" for warning in warnings]
    problems += [f"shown as it is, not as a formula: {t.strip()[:80]!r}" for t in texts if looks_like_tex(t)]
    problems += [f"a blank line in a formula: {tex[:80]!r}" for tex, _ in formulas if "\n\n" in tex]
    return problems + liquid_problems(text)


@pytest.fixture(name="kramdown")
def kramdown_fixture(skip_unless_required: Callable[[str], None]) -> Callable[[str], Any]:
    """``kramdown_reading``, where there is a kramdown."""
    if not has_kramdown():
        skip_unless_required(NO_KRAMDOWN)
    return kramdown_reading
