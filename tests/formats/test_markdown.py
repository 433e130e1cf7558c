"""Markdown: every formula renders in every flavour, and the flavours differ in syntax only."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import markdown_flavours as md
import pytest
import web
from helpers import derivation
from markdown_flavours import kramdown_fixture  # noqa: F401
from networks import NETWORKS
from web import chromium_fixture, mathjax_fixture, open_page_fixture  # noqa: F401

from derive.api import derive
from derive.document.blocks import (
    BREAK,
    Algorithm,
    Block,
    Code,
    Display,
    Document,
    Fold,
    Heading,
    Item,
    Part,
    Picture,
    Reference,
    Strong,
    Table,
    Text,
    say,
)
from derive.files.flavours import FLAVOURS, GREEN, JUPYTER, RED, escaped
from derive.formats.markdown import MarkdownWriter, code, homes, linked, markdown, markdown_files
from derive.formats.notebook import notebook
from derive.formats.pages import paged
from derive.formats.rows import BRACES
from derive.paper.boxes import EMPTY, Box, Typesetter
from derive.paper.characters import LETTERS
from derive.paper.latex import Writer, latex
from derive.paper.notation import NOTATIONS
from derive.statement import edition
from derive.statement.edition import Edition

SPREAD = {
    "three layers": ((3, 4, 4, 1), "sigmoid", "mse"),
    "softmax": ((3, 4, 2), "tanh,softmax", "cross_entropy"),
    "named": ("n,h_1,hidden,k", "relu,softplus,sigmoid", "binary_cross_entropy"),
    "one weight": ((1, 1), "identity", "sse"),
    "wide": ((20, 300, 7), "softplus,softmax", "cross_entropy"),
    "deep": ((2, 3, 2, 3, 2, 3, 2, 3, 3), "tanh", "half_mse"),
}
SET = Typesetter(LETTERS["a"])
BOX = SET.script(SET.letter(LETTERS["w"]), SET.number(12), None)


@functools.cache
def document(name: str, notation: str = "psi", detail: str = "full", bias: str = "separate") -> Document:
    layers, activation, loss = SPREAD[name]
    return derivation(layers, activation, loss, bias, notation).document(detail)


def texts(files: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in files.items() if name.endswith(".md")}


def bodies(text: str, flavour: str) -> Iterator[str]:
    """Yield a text, and the bodies of its admonitions, which MyST parses separately."""
    yield text
    for token, _ in md.tokens(text, flavour):
        if token.type == "fence" and token.info.startswith("{admonition}"):
            assert token.content.startswith(":class: dropdown\n\n")
            yield from bodies(token.content.partition("\n\n")[2], flavour)


def formulas(text: str, flavour: str) -> list[md.Formula]:
    return [formula for body in bodies(text, flavour) for formula in md.formulas_in_markdown(body, flavour)]


def katex_objections(found: list[md.Formula]) -> list[str]:
    return [f"{said}: {tex}" for tex, display in found if (said := web.katex_error(tex, display))]


CASES = [(n, o, d) for n in SPREAD for o in NOTATIONS for d in edition.DETAILS]


# ------------------------------------------------------------ formulas and flavours


@pytest.mark.parametrize("flavour", ["github", "myst", "obsidian"])
@pytest.mark.parametrize(("name", "notation", "detail"), CASES)
@pytest.mark.sampled(80)
def test_every_formula_renders_and_every_text_is_read_as_meant(name, notation, detail, flavour):
    for file, text in texts(markdown_files(document(name, notation, detail), flavour)).items():
        for body in bodies(text, flavour):
            assert md.markdown_problems(body, flavour) == [], file
        assert katex_objections(formulas(text, flavour)) == [], file


@pytest.mark.parametrize(("name", "notation", "detail"), CASES)
@pytest.mark.sampled(36)
def test_mathjax(name, notation, detail, mathjax):
    found = dict.fromkeys(formulas(markdown(document(name, notation, detail), "github"), "github"))
    assert found
    assert mathjax(found) == []
    assert mathjax(found, github=True) == []
    assert mathjax([(md.sphinx_display(tex), True) for tex, display in found if display and r"\\" in tex]) == []


@pytest.mark.parametrize(("name", "notation", "detail"), CASES)
@pytest.mark.sampled(36)
def test_kramdown(name, notation, detail, kramdown):
    text = markdown(document(name, notation, detail), "kramdown", front_matter=True)
    assert md.kramdown_markdown_problems(text) == []
    summaries = text.count("<summary")
    found = kramdown(text)[0]
    assert sorted(found) == sorted(formulas(markdown(document(name, notation, detail), "obsidian"), "obsidian"))
    assert summaries == text.count('<details markdown="1">') == text.count("</details>")


@pytest.mark.parametrize(("name", "notation", "detail"), CASES)
@pytest.mark.sampled(18)
def test_liquid_finds_no_tags(name, notation, detail):
    assert md.liquid_problems(markdown(document(name, notation, detail), "kramdown")) == []


@pytest.mark.parametrize(("name", "notation", "detail"), CASES)
@pytest.mark.sampled(18)
def test_all_flavours_have_the_same_formulas(name, notation, detail):
    found = {f: formulas(markdown(document(name, notation, detail), f), f) for f in ("github", "myst", "obsidian")}
    shown = {f: sorted(tex for tex, display in found[f] if display) for f in found}
    assert shown["github"] == shown["myst"] == shown["obsidian"]
    inline = {f: sorted(tex for tex, display in found[f] if not display) for f in found}
    assert inline["github"] == inline["myst"]
    assert set(inline["myst"]) <= set(inline["obsidian"]), "the titles of folds are words in the others"


@pytest.mark.parametrize("bias", ["augmented", "none"])
@pytest.mark.parametrize("flavour", ["github", "myst"])
@pytest.mark.sampled(4)
def test_biases(bias, flavour):
    for body in bodies(markdown(document("softmax", bias=bias), flavour), flavour):
        assert md.markdown_problems(body, flavour) + katex_objections(md.formulas_in_markdown(body, flavour)) == []


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.sampled(32)
def test_networks_that_are_stated_by_hand(name):
    for flavour in ("github", "myst"):
        for text in texts(markdown_files(derive(NETWORKS[name]()).document(), flavour)).values():
            for body in bodies(text, flavour):
                assert md.markdown_problems(body, flavour) + katex_objections(formulas(body, flavour)) == []


def test_numbers(tmp_path):
    written = derivation((2, 2, 2), "sigmoid", "half_sse").document(numbers=7)
    for flavour in ("github", "myst", "obsidian"):
        for text in texts(markdown_files(written, flavour)).values():
            for body in bodies(text, flavour):
                assert md.markdown_problems(body, flavour) + katex_objections(formulas(body, flavour)) == []
    assert "A worked example in numbers" in markdown(written, "myst")


# ------------------------------------------------------------ structure


def _linked(algorithm: Algorithm) -> int:
    """The number of columns for equations and lines of code."""
    return any(s.number for s in algorithm.steps) + any(s.code for s in algorithm.steps)


@pytest.mark.parametrize("flavour", ["github", "myst", "obsidian"])
def test_tables_have_equal_columns_and_nothing_is_emphasised_by_chance(flavour):
    written = document("three layers")
    found = [list(md.tokens(body, flavour)) for body in bodies(markdown(written, flavour), flavour)]
    tokens = [token for listed in found for token, _ in listed]
    blocks = [b for part in written.parts for b in part.blocks]
    tables = [b for b in blocks if isinstance(b, Table | Algorithm)]
    assert sum(t.type == "table_open" for t in tokens) == len(tables)
    rows = [len(b.rows) + 1 if isinstance(b, Table) else len(b.steps) + 1 for b in tables]
    assert sum(t.type == "tr_open" for t in tokens) == sum(rows)
    across = [len(b.head) if isinstance(b, Table) else 2 + _linked(b) for b in tables]
    cells = [a * b for a, b in zip(across, rows, strict=True)]
    assert sum(t.type in ("td_open", "th_open") for t in tokens) == sum(cells)
    assert {t.content for listed in found for t, inside in listed if {"em", "s"} & {*inside}} == set()
    strong = [t.content for listed in found for t, inside in listed if "strong" in inside and t.content]
    assert strong == ["Algorithm."] * sum(isinstance(b, Algorithm) for b in blocks)
    headings = [t for t in tokens if t.type == "heading_open"]
    assert len(headings) == 1 + len(written.parts) + sum(isinstance(b, Heading) for b in blocks)
    assert not [t for t in tokens if t.type in ("code_block", "hr", "bullet_list_open", "ordered_list_open")]


@pytest.mark.parametrize("flavour", ["github", "myst", "obsidian"])
@pytest.mark.sampled(3)
def test_folded_content(flavour):
    layers, activation, loss = SPREAD["three layers"]
    written = derivation(layers, activation, loss).document(exercises=True)
    folds = [b for part in written.parts for b in part.blocks if isinstance(b, Fold)]
    text = markdown(written, flavour)
    marks = {"github": "<details>\n<summary>", "myst": "{admonition} ", "obsidian": "\n> [!note]- "}
    assert text.count(marks[flavour]) == len(folds) > 2
    if flavour == "github":
        assert f"{text}\n".count("\n\n</details>\n\n") == len(folds)
        assert "<summary>Answer to exercise 1</summary>" in text
    if flavour == "obsidian":
        quotes = [t for t, _ in md.tokens(text, flavour) if t.type == "blockquote_open"]
        assert len(quotes) == len(folds)


@pytest.mark.parametrize("flavour", ["github", "myst", "obsidian", "kramdown"])
@pytest.mark.parametrize(("name", "notation"), [("three layers", "psi"), ("deep", "delta"), ("named", "bracket")])
@pytest.mark.sampled(10)
def test_equations_are_numbered_and_linked_to(name, notation, flavour):
    written = document(name, notation)
    files = texts(markdown_files(written, flavour))
    pages = {n: t for n, t in files.items() if "/" not in n}
    whole = "".join(pages.values())
    numbers = [i.number for p in written.parts for b in p.blocks if isinstance(b, Display) for i in b.items if i.number]
    for number in dict.fromkeys(numbers):
        assert whole.count(f"quad ({number})") == numbers.count(number), number
    for file, text in files.items():
        for target in links(text):
            page, _, anchor = target.rpartition("#")
            assert files[page or file].count(mark(anchor, flavour)) == 1, (file, target)
    steps = [s for p in written.parts for b in p.blocks if isinstance(b, Algorithm) for s in b.steps if s.number]
    assert len(links(whole)) >= len(steps) > 0
    assert sum(text.count(mark(anchor_of(n), flavour)) for text in pages.values() for n in {*numbers}) == (
        len({*numbers}) if flavour != "obsidian" else len({*map(id, homes(written.parts).values())})
    )


def anchor_of(number: int) -> str:
    return f"eq-{number}"


def mark(anchor: str, flavour: str) -> str:
    return f"\n\n^{anchor.removeprefix('^')}\n" if flavour == "obsidian" else f'<a id="{anchor}"></a>'


def links(text: str) -> list[str]:
    """The targets of the links to equations."""
    found = [piece.partition(")")[0] for piece in text.split("](")[1:]]
    found += [piece.partition('"')[0] for piece in text.split('<a href="')[1:]]
    return [target for target in found if "#" in target]


def test_a_reference_to_an_equation_that_is_not_there_is_no_link():
    writer = MarkdownWriter(FLAVOURS["github"])
    assert writer.span(Reference(3)) == "(3)"
    only = derivation((3, 4, 1)).document(only="loop")
    text = markdown(only, "github")
    assert "| (2) |" in text and "[(2)](" not in text


def test_the_lines_of_the_algorithm_name_their_code():
    network = derivation((3, 4, 1))
    text = markdown(network.document(), "github")
    lines = ["#", "#", *network.target().files("package")["network.py"].split("\n")]  # behind two lines of header
    rows = [row for row in text.splitlines() if row.endswith("` |")]
    assert len(rows) > 8
    for row in rows:
        number, _, source = row.split(" | ")[-1].removesuffix(" |").partition(": ")
        assert lines[int(number) - 1].strip().startswith(source.strip("`")), row


def test_pictures():
    for flavour in FLAVOURS:
        files = markdown_files(document("three layers"), flavour)
        assert files["network.svg"].startswith("<svg") and files["network.svg"].endswith("</svg>\n")
        glance = {n: t for n, t in texts(files).items() if ".svg" in t}
        assert sorted(glance) == ["derivation.md", "parts/glance.md"]
        assert "network.svg" in glance["derivation.md"] and "../network.svg" not in glance["derivation.md"]
        assert "../network.svg" in glance["parts/glance.md"]
        assert "Units are circles" in glance["derivation.md"], "what it shows, for those who do not see it"


def test_the_picture_of_a_notebook_is_in_its_text():
    writer = MarkdownWriter(JUPYTER)
    (picture,) = [b for p in document("three layers").parts for b in p.blocks if isinstance(b, Picture)]
    text = writer.block(picture)
    assert text.startswith('<img src="data:image/svg+xml;base64,') and 'alt="The network. ' in text


def test_every_flavour_can_be_asked_for():
    for flavour in FLAVOURS:
        assert derivation((3, 4, 1)).markdown(flavour) == markdown(derivation((3, 4, 1)).document(), flavour)


# ------------------------------------------------------------ colours


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [RED, GREEN])
def test_contrast(colour):
    assert contrast(colour, "#ffffff") >= 4.5
    # No colour has 4.5:1 on white and on GitHub's dark page: together the ratios are the contrast of the two pages.
    assert contrast("#ffffff", "#0d1117") < 4.5**2
    assert contrast(colour, "#0d1117") >= 4


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_colours_are_values_and_stand_with_brackets(flavour):
    text = markdown(document("three layers"), flavour)
    assert "derivered" not in text and "derivegreen" not in text
    for colour, opening, closing in ((RED, r"\Bigl(", r"\Bigr)"), (GREEN, r"\Bigl[", r"\Bigr]")):
        assert text.count(f"{{{colour}}}{{{opening}}}") == text.count(f"{{{colour}}}{{{closing}}}") > 0


@pytest.mark.parametrize("flavour", ["github", "myst", "kramdown", "obsidian"])
@pytest.mark.parametrize("front_matter", [False, True])
@pytest.mark.sampled(4)
def test_the_files_as_they_are_written(tmp_path, flavour, front_matter, kramdown):
    path = derivation((3, 4, 1)).write(tmp_path, edition=Edition("md", flavour=flavour, front_matter=front_matter))
    found = sorted(str(file.relative_to(path)) for file in path.rglob("*.md"))
    assert {"derivation.md", "parts/chain.md"} <= {*found}
    for file in found:
        for body in bodies((path / file).read_text(encoding="utf-8"), flavour) if flavour != "kramdown" else ():
            assert md.markdown_problems(body, flavour) == [], file
    text = (path / "derivation.md").read_text(encoding="utf-8")
    assert text.startswith("---\n" if front_matter else "<!-- Generated by derive")
    if flavour == "kramdown":
        assert md.kramdown_markdown_problems(text) == []
    else:
        headings = [t for t, _ in md.tokens(text, flavour) if t.type == "heading_open" and t.tag in ("h1", "h2")]
        assert len(headings) == 1 + len(derivation((3, 4, 1)).document().parts)


# ------------------------------------------------------------ pages


@pytest.mark.parametrize(("name", "detail"), [("deep", "full"), ("deep", "exhaustive"), ("named", "exhaustive")])
@pytest.mark.sampled(3)
def test_a_long_document_continues_on_another_page(name, detail):
    written = document(name, detail=detail)
    files = texts(markdown_files(written, "github"))
    pages = [n for n in files if "/" not in n]
    assert pages == ["derivation.md", *(f"derivation-{n}.md" for n in range(2, len(pages) + 1))] and len(pages) > 1
    for file, text in files.items():
        assert md.github_cost_of_page(text) <= 2000, file
    whole = formulas(markdown(written, "github"), "github")
    apart = [f for page in pages for f in formulas(files[page], "github")]
    assert [f for f in apart if not f[1]] == [f for f in whole if not f[1]]
    assert signs(apart) == signs(whole)
    for page in pages:
        others = [name for name in pages if name != page]
        assert all(files[page].count(f"]({name})") == 2 for name in others)


def signs(found: list[md.Formula]) -> str:
    """Return the displayed formulas without alignment, since line breaks depend on the margin."""
    text = "".join(tex for tex, display in found if display).replace(r"} \\ \text{", " ")
    aligned = (r"\begin{aligned}", r"\end{aligned}", r"\begin{array}{l}", r"\end{array}")
    for spacing in (*aligned, r"\qquad", r"\quad", r"\\", r"\,", "{}", "&", " ", "\n"):
        text = text.replace(spacing, "")
    return text


def test_the_usual_network_is_on_one_page():
    for notation in NOTATIONS:
        files = markdown_files(document("three layers", notation), "github")
        assert "derivation-2.md" not in files


def test_an_equation_that_is_too_long_for_a_page_is_divided():
    terms = tuple(piece for n in range(40) for piece in (BREAK, SET.before("plus", SET.number(n))))[1:]
    whole = Item(BOX, terms, number=3, reason=Text(("why",)))
    part = Part("p", "P", (Text(("words",)), Fold(Text(("fold",)), (Display((whole,)),))))
    pages = paged([part], 12, lambda block: sum(len(i.right) for i in items_of(block)) // 2)
    items = [item for page in pages for p in page for block in p.blocks for item in items_of(block)]
    assert 1 < len(pages) <= len(items)
    assert [b for i in items for b in i.right if b != BREAK] == [b for b in terms if b != BREAK]
    assert [i.left == EMPTY for i in items] == [False] + [True] * (len(items) - 1)
    assert [i.number for i in items] == [None] * (len(items) - 1) + [3]
    assert [page[0].title for page in pages] == ["P"] + ["P, continued"] * (len(pages) - 1)


def items_of(block: Block) -> list[Item]:
    return (
        list(block.items)
        if isinstance(block, Display)
        else [i for b in getattr(block, "blocks", ()) for i in items_of(b)]
    )


@pytest.mark.parametrize("detail", ["full", pytest.param("exhaustive", marks=pytest.mark.slow)])
def test_no_formula_is_longer_than_renderers_take(detail):
    text = markdown(document("deep", "delta", detail, "augmented"), "obsidian")
    found = formulas(text, "obsidian")
    assert katex_objections(found) == []
    assert max(tex.count("{") for tex, _ in found) <= BRACES


# ------------------------------------------------------------ hostile words

HOSTILE = [
    "*a* _b_ **c** `d` ~~e~~ ==f== %%g%%",
    "<script>x</script> &amp; <b>",
    "[a](b) ![c](d) [[e]] [^1] {name}`x` {: .x} {{ y }} {% z %}",
    "$x$ $$y$$ $`z`$ \\(a\\) \\[b\\] \\alpha",
    "a | b || c",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "2) item",
    ": definition",
    "=== ---",
    "> quote",
    "```fence",
    "    indented",
    "(target)=",
    "% comment",
    "~~~ x",
    "a\nb\r\n\nc\td",
    "\\",
    "a_b_c leaky_relu",
    "ünïcode Ψ",
]


def shown(text: str, flavour: str) -> str:
    """Return the visible text of Markdown."""
    pieces = [t.content for t, _ in md.tokens(text, flavour) if t.type in ("text", "text_special")]
    return "".join(pieces)


@pytest.mark.parametrize("flavour", ["github", "myst", "obsidian"])
@pytest.mark.parametrize("words", HOSTILE)
def test_words_are_shown_as_they_are(words, flavour):
    writer = MarkdownWriter(FLAVOURS[flavour])
    expected = "".join(" " if c.isspace() else c for c in words).strip()
    text = writer.block(Text((words,)))
    blocks = [t.type for t in md.parser(flavour).parse(text)]
    assert blocks == ["paragraph_open", "inline", "paragraph_close"], text
    assert shown(text, flavour).strip() == expected
    cells = writer.block(Table((Text((words,)), Text(("b",))), ((Text(("c",)), Text((words,))),)))
    assert [t.type for t, _ in md.tokens(cells, flavour)].count("td_open") == 2
    assert shown(cells, flavour).startswith(expected)


def test_kramdown_shows_words_as_they_are(kramdown):
    writer = MarkdownWriter(FLAVOURS["kramdown"])
    texts = [writer.block(Text((words,))) for words in HOSTILE]
    found, _, warnings = kramdown("\n\n".join(texts))
    assert found == [] and warnings == []
    assert md.liquid_problems("\n".join(texts)) == []


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("words", ["<b> & </summary>", "a</details>b", "a\n\nb", "``` x", "] [!note]"])
def test_titles_of_folds(words, flavour):
    fold = Fold(say("{}, {}", words, BOX), (Display((Item(BOX, (BOX,)),)),))
    text = markdown(Document("t", (Part("p", "P", (fold, Text(("after",)))),)), flavour)
    assert text.count("</summary>") == text.count("<summary") and text.count("</details>") == text.count("<details")
    if flavour != "kramdown":
        assert (latex(BOX) + " = " + latex(BOX), True) in formulas(text, flavour)
        last = [t.content for t, _ in md.tokens(text, flavour) if t.type == "text"][-1]
        assert last == "after"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_folds_in_folds(flavour):
    inner = Fold(Text(("inner",)), (Display((Item(BOX, (BOX,)),)),))
    outer = Fold(Text(("outer",)), (Text(("first",)), Fold(Text(("middle",)), (inner,)), Text(("last",))))
    text = markdown(Document("t", (Part("p", "P", (outer,)),)), flavour)
    if flavour != "kramdown":
        assert [f for f in formulas(text, flavour) if f[1]] == [(latex(BOX) + " = " + latex(BOX), True)]
        assert md.markdown_problems(text, flavour) == []


@pytest.mark.parametrize("title", ['a "b" \\c: #d', "---", "'", "a: [b] {c} & *d* !e %f @g", "\t\x01ü\u2028"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_front_matter(title, flavour):
    empty = Document(title, ())
    text = markdown(empty, flavour, front_matter=True)
    lines = text.splitlines() if "\u2028" not in title else text.split("\n")
    assert lines[0] == "---" and "---" in lines[2:4]
    assert json.loads(lines[1].removeprefix("title: ")) == title
    assert lines[1].isascii()
    assert ("\n# " in text) == (flavour != "kramdown"), "Jekyll shows the title of the front matter"
    assert not markdown(empty, flavour).startswith("---")
    if flavour != "kramdown":
        (token,) = [t for t in md.parser(flavour).parse(text) if t.type == "front_matter"]
        assert token.content.startswith("title: ")


@pytest.mark.parametrize("source", ["a", "a`b", "``", "`", "a ``` b", "x @ y * z"])
def test_code(source):
    (inline,) = [t for t in md.parser("myst").parse(f"a {code(source)} b") if t.type == "inline"]
    assert [t.content for t in inline.children if t.type == "code_inline"] == [source]


def test_unknown_names_are_refused():
    writer = MarkdownWriter(FLAVOURS["github"])
    with pytest.raises(NotImplementedError, match="Part in Markdown"):
        writer.block(Part("p", "P", ()))
    with pytest.raises(NotImplementedError, match="int in Markdown"):
        writer.text(Text((1,)))
    with pytest.raises(NotImplementedError, match="a strange in LaTeX"):
        writer.span(Box("strange", (), 1.0))


def test_words_and_numbers_need_no_mathematics():
    writer = MarkdownWriter(FLAVOURS["myst"])
    text = say("{} {} {} {} {}", SET.number(12), SET.words("a_b"), BOX, Code("x_y"), Strong("t*"))
    assert writer.text(text) == "12 a\\_b {math}`w_{12}` `x_y` **t\\***"


def test_escaped_words_are_plain_where_they_can_be():
    assert escaped("A network of 3-4-4-1 units, E = 2.") == "A network of 3-4-4-1 units, E \\= 2."


# ------------------------------------------------------------ LaTeX for the web


def test_dropping_braces_keeps_the_meaning():
    write = Writer("#111111", "#222222", web=True)
    z = SET.script(SET.letter(LETTERS["z"]), SET.letter(LETTERS["mu"]), SET.number(10), SET.number(1))
    assert latex(z) == "{}^{1}z_{\\mu}^{10}"
    assert write(z) == "{}^1z_\\mu^{10}"
    assert write(SET.fraction(z, z)) == "\\frac{ {}^1z_\\mu^{10}}{ {}^1z_\\mu^{10}}"
    assert write(SET.coloured("red", SET.number(2))) == "\\textcolor{#111111}{2}"
    assert write(SET.after(SET.number(2), "green close")) == "2\\textcolor{#222222}{\\Bigr]}"


def test_targets_of_a_page_are_relative_to_it():
    items = (Item(BOX, (BOX,), number=1), Item(BOX, (BOX,), number=2, again=True))
    part = Part("p", "P", (Display(items), Display((Item(BOX, (SET.number(2),), number=2),))))
    github = linked(MarkdownWriter(FLAVOURS["github"], "x"), [part])
    assert github.targets == {1: "#x-1", 2: "#x-2"}
    assert github.homes == {1: part.blocks[0], 2: part.blocks[1]}, "not the one that has it again"
    obsidian = linked(MarkdownWriter(FLAVOURS["obsidian"], "x"), [replace_blocks(part)])
    assert obsidian.targets == {1: "#x-1", 2: "#x-1"}
    assert obsidian.span(Reference(2)) == "[(2)](#^x-1)"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_anchors_begin_with_the_prefix(flavour):
    text = markdown(derivation((3, 4, 1)).document(), flavour, prefix="my.net:1")
    assert "my-net-1-2" in text and "my.net" not in text
    assert all(text.count(mark(target.rpartition("#")[2], flavour)) == 1 for target in links(text))


def replace_blocks(part: Part) -> Part:
    return Part(part.name, part.title, part.blocks[:1])


# ------------------------------------------------------------ the same bytes


def written() -> str:
    """A document in every flavour, and as a notebook."""
    network = derivation(("n", 4, "k"), ("tanh", "softmax"), "cross_entropy")
    document = network.document()
    return repr(([markdown_files(document, flavour) for flavour in FLAVOURS], notebook(document, network)))


def test_the_same_bytes_whatever_the_hashes(root):
    path = os.pathsep.join(map(str, (root, root / "tests", root / "tests" / "formats")))
    done = subprocess.run(
        [sys.executable, "-c", "import sys, test_markdown; sys.stdout.write(test_markdown.written())"],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == written()
