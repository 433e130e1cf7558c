"""The HTML page: self-contained, accessible, and interactive in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path

import latex_reader as lr
import networks
import pytest
from helpers import derivation
from web import accessibility_violations, chromium_fixture, open_page_fixture, too_wide  # noqa: F401

from derive import derive
from derive.api import Derivation
from derive.document.blocks import Algorithm, Code, Display, Document, Fold, Item, Part, Reference, Strong, Text, say
from derive.document.document import document
from derive.document.view import View
from derive.document.walk import strides
from derive.formats.html import HtmlWriter, html_page, item_latex
from derive.formats.tex import tex_files
from derive.paper.boxes import EMPTY
from derive.paper.latex import Source, latex

CASES: dict[str, Callable[[], Derivation]] = {
    "plain": lambda: derivation((3, 4, 4, 1)),
    "digits": lambda: derivation((784, 128, 64, 10), ("relu", "relu", "softmax"), "cross_entropy"),
    "named": lambda: derivation(("n", "h", "h", "k")),
    "delta": lambda: derivation((3, 1), loss="half_sse", bias="none", notation="delta"),
    "bracket": lambda: derivation((3, 4, 2), ("tanh", "sigmoid"), "binary_cross_entropy", notation="bracket"),
    "augmented": lambda: derivation((3, 4, 4, 1), bias="augmented"),
    "residual": lambda: derive(networks.residual()),
    "words": lambda: derivation(("n_inputs", "hidden_units", "k"), "softplus"),
    "unshared": lambda: derivation((1, 1), bias="none"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Callable[[str], tuple[Path, View, Document]]:
    """Write each page once; return its file, view and document."""
    folder, known = tmp_path_factory.mktemp("pages"), {}

    def make(name: str) -> tuple[Path, View, Document]:
        if name not in known:
            view = View(CASES[name]())
            shown = document(view)
            path = folder / f"{name}.html"
            path.write_text(html_page(view, shown), encoding="utf-8")
            known[name] = path, view, shown
        return known[name]

    return make


def items_of(blocks) -> Iterator[Item]:
    for block in blocks:
        if isinstance(block, Display):
            yield from block.items
        elif isinstance(block, Fold):
            yield from items_of(block.blocks)


class Reader(HTMLParser):
    """Parses a page and collects its errors."""

    VOID = frozenset({"meta", "link", "input", "br", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += [f"{tag} is not closed" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.wrong.append(f"{tag} has an attribute twice")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if not {"math", "svg"} & set(self.open):
            self.wrong.append(f"{tag} closes itself")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{tag} closes something else")

    def handle_data(self, data):
        self.words.append(data)

    def values(self, attribute: str) -> list[str]:
        return [a[attribute] or "" for _, a in self.tags if attribute in a]


# ------------------------------------------------------------------ the file


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(3)
def test_the_page_is_self_contained(name, made):
    path, *_ = made(name)
    page = path.read_text(encoding="utf-8")
    reader = Reader(page)
    assert reader.wrong == []
    assert [t for t, _ in reader.tags].count("h1") == 1
    assert reader.tags[0] == ("html", {"lang": "en"})
    assert [a for a in reader.values("src")] == []
    assert all(h.startswith(("#", "data:")) for h in reader.values("href"))
    assert not re.search(r"@import|url\((?!data:)", page)
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    assert {h[1:] for h in reader.values("href") if h.startswith("#")} <= set(ids)
    assert {i for a in reader.values("aria-labelledby") for i in a.split()} <= set(ids)
    assert path.stat().st_size < 500_000


def test_the_page_of_the_first_example_is_small(made):
    path, *_ = made("plain")
    assert path.stat().st_size < 420_000  # most of it is the listing of the module
    page = path.read_text(encoding="utf-8")
    _, script, live = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    style = re.sub(r"@font-face\{[^}]*\}", "", re.findall(r"<style>(.*?)</style>", page, re.DOTALL)[0])
    assert len(script) < 9_216
    assert len(live) < 24_576
    assert len(style) < 17_408


def test_the_page_allows_its_own_script_and_nothing_else(made):
    path, *_ = made("plain")
    page = path.read_text(encoding="utf-8")
    rule = next(a["content"] for t, a in Reader(page).tags if t == "meta" and "http-equiv" in a)
    assert rule.startswith("default-src 'none';")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"script-src {allowed};" in rule


def test_the_page_is_reproducible():
    code = (
        "import sys; from derive import Network, derive;"
        "sys.stdout.write(derive(Network((2, 3, 2), ('tanh', 'softmax'), 'cross_entropy')).html())"
    )
    environment = {"PYTHONHASHSEED": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == derivation((2, 3, 2), ("tanh", "softmax"), "cross_entropy").html()


def test_the_page_takes_little_time():
    view = View(derivation((3, 4, 4, 1)))
    html_page(view, document(view))

    def timed(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    fresh = View(derive(view.derivation.network))
    tex = timed(lambda: tex_files(document(fresh)))
    shown = document(view)
    page = min(timed(lambda: html_page(view, shown)) for _ in range(3))
    assert page < 0.8 * tex


@pytest.mark.parametrize("only", [("glance",), ("pattern",), ("loop",), ("matrices", "loop"), ("check",)])
def test_a_page_of_some_parts_has_no_dead_links(only):
    view = View(derivation((3, 4, 4, 1)))
    reader = Reader(html_page(view, document(view, only)))
    assert reader.wrong == []
    assert {h[1:] for h in reader.values("href") if h.startswith("#")} <= set(reader.values("id"))
    copied = set(reader.values("data-copy"))
    assert copied <= set(reader.values("id"))


@pytest.mark.parametrize("detail", ["brief", "exhaustive"])
def test_the_page_in_other_details(detail):
    view = View(derivation((3, 4, 2), ("tanh", "softmax"), "cross_entropy"), detail)
    assert Reader(html_page(view, document(view))).wrong == []


# ------------------------------------------------------------------ what it says


def test_user_text_is_escaped():
    writer, hostile = HtmlWriter(frozenset()), "<script>alert('&')</script>"
    for span in (hostile, Code(hostile), Strong(hostile)):
        assert unescape(re.sub("<[^>]*>", "", writer.text(Text((span,))))) == hostile
    view = View(derivation((3, 1)))
    page = html_page(view, Document(hostile, (Part("glance", hostile, (Text((hostile,)),)),)))
    assert hostile not in page
    assert Reader(page).words.count(hostile) >= 4  # in the title, the heading, the contents, the text


def test_a_block_that_is_unknown_is_an_error():
    with pytest.raises(NotImplementedError, match="cannot write int in HTML"):
        HtmlWriter(frozenset()).block(3)
    with pytest.raises(NotImplementedError, match="cannot write int in HTML"):
        HtmlWriter(frozenset()).span(3)


def test_a_reference_leads_to_its_equation():
    writer = HtmlWriter(frozenset({3, 4}))
    written = writer.text(say("{} {} {}", Reference(3), Reference(4), Reference(5)))
    assert written == '<a href="#eq-3">(3)</a> <a href="#eq-4">(4)</a> (5)'


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(10)
def test_the_latex_of_each_equation_is_that_of_the_tex_format(name, made):
    path, view, shown = made(name)
    items = [i for part in shown.parts for i in items_of(part.blocks)]
    items += [i for step in strides(view) for i in step.items]
    found = sorted(Reader(path.read_text(encoding="utf-8")).values("data-tex"))
    assert found == sorted(item_latex(i) for i in items)
    source = tex_files(shown)["derivation.tex"]
    whole, (_, macros) = "".join(_signs(e.source) for e in lr.equations(source)), lr.definitions(source)
    rows = re.findall(r"\\begin{align\*}\n(.*?)\\end{align\*}", source, re.DOTALL)
    whole += "".join(_signs(lr.expanded(row, macros)) for row in rows)  # as they stand, for every layer
    for item in items[: -sum(len(s.items) for s in strides(view)) or None]:
        pieces = [piece for piece in item.right if piece is not EMPTY]
        assert all(latex(piece) in item_latex(item) for piece in pieces)
        assert all(_signs(lr.expanded(Source()(piece), macros)) in whole for piece in [item.left, *pieces])


def _signs(formula: str) -> str:
    """The commands and characters of a formula, without spaces and colours."""
    return "".join(token.text for token in lr.plain(lr.tokens_of(formula)))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(10)
def test_the_code_is_the_module_and_every_line_is_tied_to_its_equation(name, made):
    path, view, shown = made(name)
    source = view.derivation.target().files("package")[view.code.name].splitlines()
    sections = view.code.sections
    for section in sections:
        for number, line in enumerate(section.lines, start=section.first):
            assert "".join(w.text for w in line) == source[number - 3]
    covered = [n for s in sections for n in range(s.first, s.last + 1)]
    assert [source[n - 3] for n in range(3, len(source) + 3) if n not in covered and source[n - 3]] == []
    page = path.read_text(encoding="utf-8")
    steps = [s for part in shown.parts for b in part.blocks if isinstance(b, Algorithm) for s in b.steps if s.code]
    assert steps
    for step in steps:
        line = re.search(rf'<span id="line-{step.code[0]}">(.*?)\n</span>', page)
        text = unescape(re.sub("<[^>]*>", "", line[1]))
        assert step.code[1].startswith(text.strip().removesuffix(f"  # ({step.number})"))
        assert text.endswith(f"# ({step.number})")


def test_code_names_the_tensors_that_the_equations_name(made):
    _, view, _ = made("plain")
    words = [w for s in view.code.sections for line in s.lines for w in line if w.tensor]
    assert {(w.text, w.tensor) for w in words} >= {("Psi2", "Psi_z2"), ("Y_hat", "a3"), ('"W1"', "W1"), ("X", "X")}
    assert not [w for w in words if w.tensor.endswith("_next")]


def test_the_steps_of_the_backward_pass_come_from_the_program():
    steps = strides(View(derivation((3, 4, 4, 1))))
    assert [s.symbols for s in steps] == [
        ("Psi_z3", "dE_dW3", "dE_db3", "a3/z3", "E/a3", "z3/W3", "z3/b3"),
        ("Psi_z2", "dE_dW2", "dE_db2", "a2/z2", "z3/a2", "z2/W2", "z2/b2"),
        ("Psi_z1", "dE_dW1", "dE_db1", "a1/z1", "z2/a1", "z1/W1", "z1/b1"),
    ]
    assert [s.drawn for s in steps] == [(f"z{n}", f"a{n}", f"W{n}", f"b{n}") for n in (3, 2, 1)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(5)
def test_every_gradient_and_factor_is_in_one_step(name, made):
    _, view, _ = made(name)
    numbers = [number for s in strides(view) for number in s.numbers]
    assert sorted(numbers) == sorted(s.number for s in view.batch.stage("factor", "gradient"))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(5)
def test_a_number_in_a_step_is_that_of_its_formula(name, made):
    _, view, shown = made(name)
    numbered = {i.number: item_latex(i) for part in shown.parts for i in items_of(part.blocks) if not i.again}
    for item in (i for step in strides(view) for i in step.items):
        assert numbered.get(item.number, item_latex(item)) == item_latex(item)


def test_a_skip_connection_has_steps_of_its_own():
    steps = strides(View(derive(networks.residual())))
    assert [s.symbols[0] for s in steps] == ["Psi_o", "Psi_h2", "Psi_z2", "Psi_z1"]
    assert "h2/h1" in steps[-1].symbols


def test_facts_cannot_end_their_element(made):
    path, *_ = made("plain")
    text = re.findall(r'<script type="application/json" id="facts">(.*?)</script>', path.read_text(), re.DOTALL)[0]
    facts = json.loads(text)
    assert facts["same"]["E/z2"] == "Psi_z2"
    assert facts["same"]["E/W3"] == "dE_dW3"
    assert facts["shown"] == {**facts["shown"], "z2": "a2", "Psi_z2": "z2", "dE_dW1": "W1"}


# ------------------------------------------------------------------ in a browser


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(18)
def test_nothing_is_wider_than_the_window(name, width, made, open_page):
    visit = open_page(made(name)[0], width=width)
    visit.page.click("#folds")
    assert too_wide(visit.page) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visit.problems() == []


@pytest.mark.parametrize(
    ("name", "dark", "width"),
    [
        ("plain", False, 1200),
        ("delta", True, 360),
        ("residual", False, 768),
        ("plain", True, 1200),
        ("delta", False, 360),
    ],
)
@pytest.mark.sampled(5)
def test_the_page_is_accessible(name, dark, width, made, open_page):
    """Checked with all folds open, a highlight, and the walk in the middle."""
    visit = open_page(made(name)[0], dark=dark, width=width, reduced_motion="reduce")
    page = visit.page
    page.click("#folds")
    walk(page, 2)
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == ("dark" if dark else "light")
    page.hover("#pattern .eq .r mfrac >> nth=1")
    assert lit(page)
    assert accessibility_violations(page) == []
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == ("light" if dark else "dark")
    assert visit.problems() == []


def lit(page, within: str = "") -> list[str]:
    """Return the highlighted elements by their symbols."""
    known = "e.dataset.s || e.dataset.weight || e.dataset.unit || e.dataset.symbol"
    return page.eval_on_selector_all(f"{within} .on:not(.hit)", f"all => all.map(e => {known})")


def walk(page, steps: int) -> None:
    for _ in range(steps):
        page.click(".walk button[value='1']", force=True)  # the button says when there is no further step


def test_a_factor_lights_up_wherever_it_occurs(made, open_page):
    visit = open_page(made("plain")[0])
    page = visit.page
    page.hover("#pattern [data-s='a2/z2'] >> nth=0")
    everywhere = page.locator("[data-s='a2/z2']").count()
    assert lit(page).count("a2/z2") == everywhere > 5
    assert {"a2:1", "a2:4"} <= set(lit(page, "#live"))
    assert not {"a1:1", "z3/a2"} & set(lit(page))
    page.hover("h1")
    assert lit(page) == []


def test_a_shared_factor_is_the_derivative_that_it_is_the_name_of(made, open_page):
    page = open_page(made("plain")[0]).page
    page.hover("#pattern [data-s='Psi_z2'] >> nth=0")
    assert {"Psi_z2", "E/z2"} <= set(lit(page))
    assert lit(page, "#code") == ["Psi_z2"] * page.locator("#code [data-s='Psi_z2']").count() != []
    assert "Psi_z2:1" in lit(page, "#live")


def test_an_entry_is_told_from_the_others(made, open_page):
    page = open_page(made("plain")[0]).page
    page.hover("#chain [data-s='W2'][data-e='3,2']")
    drawn = [w for w in lit(page, "#live") if w.startswith("W2:")]
    assert drawn == ["W2:3,2"]
    entries = page.eval_on_selector_all("[data-s='W2'].on", "all => all.map(e => e.dataset.e || '')")
    assert set(entries) == {"", "3,2"}
    assert "W2" in lit(page, "#code")


def test_a_line_of_the_drawing_lights_its_weight(made, open_page):
    page = open_page(made("plain")[0]).page
    page.locator("#live .hit[data-weight='W1:1,3']").dispatch_event("pointerover", {"bubbles": True})
    assert "W1:1,3" in lit(page, "#live")
    assert "W1:1,2" not in lit(page, "#live")
    assert page.locator("#forward [data-s='W1'][data-e='1,3'].on").count() > 0
    assert page.locator("#forward [data-s='W1'][data-e='1,2'].on").count() == 0


def test_a_click_keeps_the_highlight(made, open_page):
    page = open_page(made("plain")[0]).page
    page.click("#pattern [data-s='Psi_z2'] >> nth=0")
    page.hover("h1")
    assert "Psi_z2" in lit(page)
    page.keyboard.press("Escape")
    assert lit(page) == []


def test_keyboard_and_pointer_are_equivalent(made, open_page):
    visit = open_page(made("plain")[0])
    page = visit.page
    page.focus("#eq-11")
    page.keyboard.press("ArrowRight")
    assert set(lit(page)) >= {"Psi_z2", "E/z2"}
    assert re.fullmatch(r"Ψ\(2\) = 0\.\d+, 0\.\d+, 0\.\d+, −0\.\d+: \d+ places", page.inner_text("#said"))
    page.keyboard.press("ArrowRight")
    assert "W3" in lit(page)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert "z2" in lit(page)
    page.focus("#live .net")
    page.keyboard.press("ArrowRight")
    assert len(lit(page)) > 1
    page.keyboard.press("Tab")
    assert lit(page) == []
    assert visit.problems() == []


def test_the_equations_are_one_stop_of_the_tab_key(made, open_page):
    page = open_page(made("plain")[0]).page
    stops = "document.querySelectorAll('.eq[tabindex=\"0\"]').length"
    focused = "document.activeElement.id"
    assert page.evaluate(stops) == 1
    page.focus("#eq-10")
    assert page.evaluate(stops) == 1
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "eq-11"
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == "eq-10"
    assert page.get_attribute("#eq-10", "aria-label") == "Equation (10)"
    assert page.get_attribute("#live .net", "aria-label") == "The network and its numbers"


def test_what_is_cut_on_a_phone_says_so_and_can_be_reached(made, open_page):
    page = open_page(made("plain")[0], width=360).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("#folds")
    cut = page.eval_on_selector_all(
        ".r > span, .l, .wide, .scroll, pre",
        "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => [e.tabIndex, e.getAttribute('role'), "
        "e.getAttribute('aria-label'), getComputedStyle(e).backgroundImage.split('linear-gradient').length])",
    )
    assert len(cut) > 2
    assert {(stop, role, layers) for stop, role, _, layers in cut} == {(0, "group", 5)}
    assert {words for _, _, words, _ in cut} >= {"Table, scrolls sideways", "Code, scrolls sideways"}


def test_the_text_of_a_drawing_is_legible_on_a_phone(tmp_path, open_page):
    view, path = View(derivation((3, 8, 8, 8, 8, 1))), tmp_path / "page.html"
    path.write_text(html_page(view, document(view)), encoding="utf-8")
    page = open_page(path, width=390).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = page.eval_on_selector_all(
        ".net text", "all => all.map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a)"
    )
    assert min(sizes) > 9
    assert page.locator(".net.cut").count() == 2
    page.focus(".net >> nth=0")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.querySelector('.net').scrollLeft") > 0, "what is chosen is in view"


def test_what_repeats_the_text_is_folded(made, open_page):
    page = open_page(made("plain")[0]).page
    assert page.locator("details.algorithm").count() == 1
    assert not page.locator("details.algorithm table").is_visible()
    assert page.locator("figure.algorithm table").is_visible()
    assert not page.locator("#notation table").is_visible()
    assert page.inner_text(".lead").endswith("parameters.")
    assert "A network of 3-4-4-1 units" not in page.inner_text("main")


def test_no_line_begins_with_the_punctuation_after_a_formula():
    letter = View(derivation((2, 1))).letter("a")
    written = HtmlWriter(frozenset()).text(say("in {}), then {} and {}", letter, letter, letter))
    formula = HtmlWriter(frozenset()).span(letter)
    assert written == f'in <span class="glued">{formula}),</span> then {formula} and {formula}'


def test_an_equation_gives_its_latex(made, open_page):
    page = open_page(made("plain")[0], permissions=["clipboard-read", "clipboard-write"]).page
    page.focus("#eq-11")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#said').textContent === 'LaTeX copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.get_attribute("#eq-11", "data-tex")
    page.hover("#eq-10")
    page.click("#eq-10 .copy")
    page.wait_for_timeout(100)
    assert page.evaluate("navigator.clipboard.readText()") == page.get_attribute("#eq-10", "data-tex")


def test_folds_open_and_close(made, open_page):
    page = open_page(made("plain")[0]).page
    count = page.locator("details").count()
    assert count > 3
    page.click("summary >> nth=0")
    assert page.locator("details[open]").count() == 1
    page.click("#folds")
    assert page.locator("details[open]").count() == count
    assert page.inner_text("#folds") == "Fold all"
    page.click("#folds")
    assert page.locator("details[open]").count() == 0


def test_a_link_opens_the_fold_that_it_leads_into(made, open_page):
    page = open_page(made("digits")[0]).page
    page.evaluate("document.querySelector('#code details:last-of-type pre span').id = 'inside'")
    page.evaluate("location.hash = 'inside'")
    page.wait_for_function("document.querySelector('#code details:last-of-type').open")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(10)
def test_the_backward_pass_is_walked_through(name, made, open_page):
    path, view, _ = made(name)
    visit = open_page(path)
    page, steps = visit.page, strides(view)
    assert page.locator(".walk").is_visible()
    assert page.get_attribute(".walk input", "max") == str(len(steps))
    for number, step in enumerate(steps, start=1):
        walk(page, 1)
        assert page.inner_text(".walk li:not([hidden]) p") == f"Step {number} of {len(steps)}"
        now = set(page.eval_on_selector_all(".eq.now", "all => all.map(e => e.id)"))
        assert now >= {f"eq-{n}" for n in step.numbers}
        assert page.locator(".was").count() == 0 if number == 1 else page.locator(".eq.was").count() > 0
        symbols = page.eval_on_selector_all("main math .now", "all => all.map(e => e.dataset.s)")
        assert set(symbols) & set(step.symbols)
        assert page.locator(":is(#live, .walk .net) .now").count() > 0
    walk(page, 1)  # there is no further step
    assert page.input_value(".walk input") == str(len(steps))
    page.focus(".walk input")
    for _ in steps:
        page.keyboard.press("ArrowLeft")
    assert page.locator(".now, .was").count() == 0
    assert visit.problems() == []


def test_the_pattern_rows_light_up_step_by_step(made, open_page):
    page = open_page(made("plain")[0]).page
    walk(page, 2)
    row = "#pattern > .eqs >> nth=0"
    marks = (
        page.locator(row)
        .locator(".eq:nth-child(3) .r mfrac")
        .evaluate_all("all => all.map(e => [e.dataset.s, e.classList.contains('now'), e.classList.contains('was')])")
    )
    assert marks == [
        ["E/a3", False, True],
        ["a3/z3", False, True],
        ["z3/a2", True, False],
        ["a2/z2", True, False],
        ["z2/a1", False, False],
        ["a1/z1", False, False],
        ["z1/W1", False, False],
    ]


def test_the_theme_follows_the_system_until_it_is_chosen(made, open_page):
    page = open_page(made("delta")[0], dark=True).page
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    page.click("#theme")
    light = page.evaluate(paper)
    assert light != dark
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == light
    page.click("#theme")
    assert page.evaluate(paper) == dark
    page.emulate_media(color_scheme="light", media="print")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_a_printed_page_is_unfolded_and_has_no_controls(made, open_page, tmp_path):
    page = open_page(made("plain")[0]).page
    page.emulate_media(media="print")
    for controls in (".tools", ".help", ".walk", "nav", ".skip", ".bar", ".panels"):
        assert not page.locator(controls).first.is_visible()
    hidden = page.eval_on_selector_all(
        "details:not(#code *) > *", "all => all.filter(e => !e.checkVisibility({contentVisibilityAuto: true})).length"
    )
    assert hidden == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open]):not(#code *)").count() == 0
    assert page.locator("#code details[open]").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
    assert not page.locator("#code").is_visible()
    assert page.locator("#notation table").is_visible()


def test_an_algorithm_has_columns_for_what_its_steps_have(made, open_page):
    page = open_page(made("plain")[0]).page
    heads = page.eval_on_selector_all(".algorithm thead", "all => all.map(e => [...e.querySelectorAll('th')].length)")
    assert heads == [3, 2]  # the recursion has a number, and no line of code


def test_the_page_is_complete_without_its_script(made, open_page):
    visit = open_page(made("plain")[0], java_script_enabled=False)
    page = visit.page
    assert not page.locator(".walk").is_visible()
    assert not page.locator("#folds").is_visible()
    assert page.locator("#eq-10").is_visible()
    page.click("summary >> nth=0")
    assert page.locator("details[open]").count() == 1


def test_reduced_motion_is_respected(made, open_page):
    page = open_page(made("plain")[0], reduced_motion="reduce").page
    page.hover("#pattern [data-s='Psi_z2'] >> nth=0")
    assert page.evaluate("getComputedStyle(document.querySelector('.on')).transitionDuration") == "0s"
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_the_formulas_are_set_in_the_type_that_the_page_carries(made, open_page):
    page = open_page(made("plain")[0]).page
    assert page.evaluate("document.fonts.check('16px \"Derive Math\"', 'Ψ∂∑')")
    assert page.evaluate("[...document.fonts].some(f => f.family.includes('Derive Math') && f.status === 'loaded')")


def test_escaping_is_that_of_the_library():
    assert escape("<&\"'>") == "&lt;&amp;&quot;&#x27;&gt;"
