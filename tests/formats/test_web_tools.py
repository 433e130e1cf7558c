"""The tools of ``web.py`` and ``markdown_flavours.py``: each detects its errors and accepts valid input."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import markdown_flavours as md
import pytest
import web
from markdown_flavours import kramdown_fixture  # noqa: F401
from web import chromium_fixture, mathjax_fixture, open_page_fixture  # noqa: F401

HTML = Path(__file__).resolve().parents[2] / "templates" / "html"

SAFE = [
    (r"\frac{\partial E}{\partial {}^{(2)}w_{ij}} = \underbrace{\textcolor{#1E8449}{f'\left(z\right)}}_{\Psi_k}", True),
    (r"\begin{aligned} a &= \begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix} \\ b &= c \end{aligned}", True),
    (r"f(z) = \begin{cases} z & z \ge 0 \\ 0 & \mathrm{otherwise} \end{cases}", True),
    (r"W^{(3)\mathsf{T}} \odot \boldsymbol{1} \in \mathbb{R}^{4 \times 3}", False),
    (r"\begin{array}{c|c} a & b \\ \hline c & d \end{array}", True),
]


# --- KaTeX and MathJax


@pytest.mark.parametrize("formula", SAFE)
def test_safe_formulas_pass_every_renderer(formula, mathjax):
    assert web.katex_error(*formula) is None
    assert mathjax([formula]) == mathjax([formula], github=True) == md.github_problems(formula[0]) == []


@pytest.mark.parametrize("tex", [r"\foo", "a_", r"\label{x}", "é", r"\left( a", r"\prescript{a}{b}{c}", r"x^2^3"])
def test_katex_objects(tex):
    assert "KaTeX parse error" in web.katex_error(tex, True)


def test_katex_keeps_no_macro_from_one_formula_to_the_next():
    assert web.katex_error(r"\gdef\mine{1}\mine", False) is None
    assert web.katex_error(r"\mine", False) is not None


def test_katex_takes_deep_nesting():
    assert web.katex_error("{" * 100 + "x" + "}" * 100, True) is None


@pytest.mark.parametrize(
    "tex", [r"\foo", "a_", r"\bm{x}", r"\coloneqq", r"\begin{aligned} a \tag{1} \end{aligned}", r"\mathclap{x}"]
)
def test_mathjax_objects(tex, mathjax):
    assert [error.endswith(f": {tex}") for error in mathjax([("x", False), (tex, True)])] == [True]


def test_mathjax_reads_the_formulas_of_one_document(mathjax):
    defined = [(r"\newcommand{\mine}{1}", False), (r"\mine", False)]
    assert mathjax(defined) == []
    assert len(mathjax(defined[1:])) == 1
    assert len(mathjax(defined, github=True)) == 2


# --- Markdown


@pytest.mark.parametrize("flavour", ["github", "myst", "obsidian", "jupyter"])
def test_formulas_are_found_and_code_is_not(flavour):
    text = "Let $x_1$ be, and `$not$`.\n\n$$\na \\\\ *b*\n$$\n\n```\n$no$\n```\n"
    assert md.formulas_in_markdown(text, flavour) == [("x_1", False), ("a \\\\ *b*", True)]


def test_each_flavour_has_its_own_delimiters():
    github = "See $`a_*b*`$.\n\n```math\nx \\\\ y\n```\n"
    assert md.formulas_in_markdown(github, "github") == [("a_*b*", False), ("x \\\\ y", True)]
    assert md.markdown_problems(github, "github") == []
    assert md.markdown_problems(github, "obsidian") == ["backticks in a formula: '`a_*b*`'"]
    myst = "See {math}`a_b`.\n\n```{math}\n:label: eq\nx = y\n```\n\n\\begin{align}\nq\n\\end{align}\n"
    assert [tex.split()[0] for tex, _ in md.formulas_in_markdown(myst, "myst")] == ["a_b", "x", r"\begin{align}"]
    assert md.markdown_problems(myst, "myst") == []


def test_formulas_in_a_notebook(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["A $x$\n", "\n$$y\\\\z$$\n"]},
        {"cell_type": "code", "source": ["'$no$'"]},
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert md.formulas_in_notebook(path) == [("x", False), ("y\\\\z", True)]


@pytest.mark.parametrize("flavour", ["github", "myst", "obsidian", "jupyter"])
@pytest.mark.parametrize("text", [r"a \frac{1}{2} b", "it costs 5$", "<div>$x$</div>"])
def test_unparsed_mathematics_is_found(flavour, text):
    assert any("shown as it is" in problem for problem in md.markdown_problems(text, flavour))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (r"An $\{a\}$ set", "Markdown changes"),
        (r"An $a_*b*$ and $a$", "Markdown changes"),
        ("$$\na \\\\\nb\n$$", "Markdown changes"),
        ("$$\na\n=\nb\n$$", "Markdown changes"),
        ("$$\na\n+ b\n$$", "Markdown changes"),
        ("$[a](b)$ c", "Markdown changes"),
        ("*see $`x`$*", "no mathematics inside <em>"),
        ("[$`x`$](b)", "no mathematics inside <a>"),
        ("the n$`x`$", "must not touch"),
        ("the -$x$", "beside"),
        ("$`x <y`$", "for a tag"),
        (r"$`\operatorname{f}`$", "refuses"),
        (r"$`\vphantom{f}`$", "refuses"),
        (r"$`a \tag{1}`$", "spoils"),
        ("| a |\n|---|\n| $`x|y`$ |", "shown as it is"),
        ("$`" + "{}" * 1000 + "`$", "up to 999"),
        ("$`" + "{}" * 900 + "`$ " + "$`" + "{}" * 900 + "`$ " + "$`" + "{}" * 198 + "`$", "up to 2000"),
    ],
)
def test_github(text, problem):
    assert any(problem in found for found in md.github_markdown_problems(text)), md.github_markdown_problems(text)


@pytest.mark.parametrize(
    "text",
    [
        "Let $x = y$ be, ($`\\{a_*b*\\}`$) and $`x < y`$, twice.",
        "> - $`x`$\n>\n>   ```math\n>   a \\\\ b\n>   ```",
        "| $`\\lvert x \\rvert`$ |\n|---|\n| $`\\tanh`$ |",
        "$`" + "{}" * 900 + "`$ " + "$`" + "{}" * 900 + "`$ " + "$`" + "{}" * 197 + "`$",
    ],
)
def test_github_accepts(text):
    assert md.github_markdown_problems(text) == []


def test_names_of_commands():
    assert md.command_names(r"\frac{a}\\tag \{ \tag* \\\tag") == ["frac", "tag", "tag"]


def test_kramdown(kramdown):
    good = "---\ntitle: x\n---\nA $$x_1 * y_1 *$$ b\n\n$$\na \\\\ b\n$$\n"
    assert md.formulas_in_markdown(good, "kramdown") == [("x_1 * y_1 *", False), ("a \\\\ b", True)]
    assert md.kramdown_markdown_problems(good) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a $x$ b", "shown as it is"),
        ("a $$x|y$$ b", "shown as it is"),
        ("a $$\\frac{{}^{(2)}w}{1}$$ b", "Jekyll takes"),
        ("a \\alpha b", "shown as it is"),
    ],
)
def test_kramdown_objects(text, problem, kramdown):
    assert any(problem in found for found in md.kramdown_markdown_problems(text)), kramdown(text)


def test_liquid_is_not_read_between_its_marks():
    assert md.liquid_problems("{% raw %}\n{{}^2 x}\n{% endraw %}\n") == []


def test_sphinx_puts_rows_into_split(mathjax):
    wrapped = [(md.sphinx_display(tex), True) for tex, display in SAFE if display]
    assert mathjax(wrapped) == []
    assert md.sphinx_display("x") == "x"
    assert len(mathjax([(md.sphinx_display(r"a \\ \tag{1} b"), True)])) == 1


# --- the browser


def page(tmp_path: Path, body: str, head: str = "") -> Path:
    path = tmp_path / "a page#1.html"
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title>{head}<main><h1>t</h1>{body}</main>'
    )
    return path


def test_a_clean_page_has_no_problem(tmp_path, open_page):
    image = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
    visit = open_page(
        page(tmp_path, f'<p id="x">a<img alt="b" src="{image}"><a href="https://a.test/">c</a> <a href="#x">d</a>')
    )
    visit.page.click("text=d")
    assert visit.problems() == []
    assert web.accessibility_violations(visit.page) == []


@pytest.mark.parametrize(
    "body",
    [
        "<script>console.error('x')</script>",
        "<script>setTimeout(() => { throw new Error('x') })</script>",
        "<img alt='' src='https://a.test/b.png'>",
        "<img alt='' src='b.png'>",
        "<link rel='preconnect' href='https://a.test'>",
        "<style>@import 'https://a.test/b.css'; p { color: red }</style>",
        "<style>@font-face { font-family: f; src: url(https://a.test/f.woff2) } p { font-family: f }</style><p>a",
        "<script>fetch('https://a.test').catch(() => null)</script>",
        "<script>new WebSocket('wss://a.test')</script>",
        "<iframe title='b' src='https://a.test'></iframe>",
    ],
)
def test_problems_of_a_page_are_seen(tmp_path, open_page, body):
    visit = open_page(page(tmp_path, body))
    for _ in range(100):  # a busy machine may take seconds to send a request
        if visit.problems():
            break
        visit.page.wait_for_timeout(50)
    assert visit.problems()


def test_a_request_is_named(tmp_path, open_page):
    visit = open_page(page(tmp_path, "<img alt='' src='https://a.test/b.png'>"))
    assert visit.outside == ["https://a.test/b.png"]


def test_the_colour_scheme_the_width_and_scripts_are_what_was_asked_for(tmp_path, open_page):
    path = page(tmp_path, "<p id='a'>b</p><script>document.getElementById('a').textContent = 'c'</script>")
    dark = open_page(path, dark=True, width=400).page
    assert dark.evaluate("[matchMedia('(prefers-color-scheme: dark)').matches, innerWidth]") == [True, 400]
    assert dark.text_content("#a") == "c"
    assert open_page(path, java_script_enabled=False).page.text_content("#a") == "b"


def test_accessibility(tmp_path, open_page):
    body = "<img src='data:,'><p style='color:#bbb;background:#fff'>pale</p><button></button>"
    found = web.accessibility_violations(open_page(page(tmp_path, body)).page)
    assert {problem.split()[0] for problem in found} == {"image-alt", "color-contrast", "button-name"}


def test_elements_that_are_too_wide_are_found(tmp_path, open_page):
    wide = "<p style='width:2000px'>wide</p>"
    assert web.too_wide(open_page(page(tmp_path, wide)).page) == ["p wide"]
    assert web.too_wide(open_page(page(tmp_path, f"<div style='overflow-x:auto'>{wide}</div>")).page) == []


def test_pictures(tmp_path, chromium):
    path = page(tmp_path, "<p>x", "<style>@media print { p { height: 3000px } }</style>")
    sizes = []
    for to_print in (False, True):
        web.picture(path, tmp_path / "a.png", 500, print=to_print, scale=1)
        header = (tmp_path / "a.png").read_bytes()[16:24]
        sizes.append((int.from_bytes(header[:4]), int.from_bytes(header[4:])))
    assert sizes[0][0] == sizes[1][0] == 500
    assert sizes[1][1] > 3000 > sizes[0][1]
    web.printed(path, tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


# --- notebooks


def notebook(tmp_path: Path, *sources: str) -> Path:
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for i, source in enumerate(sources)
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_a_notebook_is_executed_where_it_is(tmp_path):
    (tmp_path / "beside.py").write_text("x = 20")
    done = web.execute_notebook(notebook(tmp_path, "import beside", "beside.x + 1"))
    assert done.cells[1].outputs[0].data["text/plain"] == "21"


@pytest.mark.slow
def test_a_notebook_that_fails_or_hangs(tmp_path):
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        web.execute_notebook(notebook(tmp_path, "1 / 0"))
    with pytest.raises(CellTimeoutError):
        web.execute_notebook(notebook(tmp_path, "import time; time.sleep(60)"), timeout=2)


def test_a_notebook_beside_a_browser(tmp_path, chromium):
    # Both have an event loop of their own.
    assert web.execute_notebook(notebook(tmp_path, "1")).cells[0].execution_count == 1
    assert chromium.is_connected()


def test_code_that_has_a_loop_of_its_own_is_not_for_this_thread(chromium):
    # Known and meant: asyncio.run next to Playwright's loop raises, so that tests of such code run in another thread.
    nothing = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="running event loop"):
        asyncio.run(nothing)
    nothing.close()


# --- the font that pages carry


def test_the_font_has_a_table_of_mathematics_and_its_licence():
    from fontTools.ttLib import TTFont

    font = TTFont(HTML / "math.woff2")
    variants = font["MATH"].table.MathVariants
    names = font.getBestCmap()
    assert {names[ord(c)] for c in "()[]{}|√∑"} <= set(variants.VertGlyphCoverage.glyphs)
    assert {names[ord(c)] for c in "⏞⏟"} <= set(variants.HorizGlyphCoverage.glyphs)
    assert (HTML / "math.woff2").stat().st_size < 60_000
    assert "SIL OPEN FONT LICENSE" in (HTML / "math.woff2.LICENSE.txt").read_text()


def test_the_font_is_used_to_stretch(tmp_path, open_page):
    from base64 import b64encode

    font = b64encode((HTML / "math.woff2").read_bytes()).decode()
    head = f"<style>@font-face{{font-family:M;src:url(data:font/woff2;base64,{font})}}math{{font-family:M}}</style>"
    body = (
        "<math display='block'><mrow id='low'><mo>(</mo><mi>x</mi><mo>)</mo></mrow>"
        "<mrow id='tall'><mo>(</mo><mfrac><mfrac><mi>a</mi><mi>b</mi></mfrac><mi>c</mi></mfrac><mo>)</mo></mrow>"
        "</math>"
    )
    visit = open_page(page(tmp_path, body, head))
    assert visit.problems() == []
    assert visit.page.evaluate("document.fonts.check('16px M')")
    height = "selector => document.querySelector(selector).getBoundingClientRect().height"
    # Of a brace that is stretched sideways, Chromium tells the width it had before.
    assert visit.page.evaluate(height, "#tall > mo") > 1.5 * visit.page.evaluate(height, "#low > mo")
