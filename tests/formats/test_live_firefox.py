"""The live part of the page in Firefox, where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from firefox import Firefox, firefox, firefox_path
from helpers import derivation
from test_live import changed, computed, entry, given, number, stepped

from derive.document.document import document
from derive.document.view import View
from derive.drawing.live import live_network
from derive.formats.html import html_page
from derive.formats.html_live import LivePart

SHOWN = "return [...document.querySelectorAll('#live [data-value]')].map(e => [e.dataset.value, e.textContent])"


@pytest.fixture(scope="module")
def browser(skip_unless_required: Callable[[str], None]) -> Iterator[Firefox]:
    if firefox_path() is None:
        skip_unless_required("no Firefox (Debian: apt-get install firefox-esr)")
    with firefox() as session:
        yield session


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LivePart]:
    d = derivation((3, 4, 4, 1))
    view, path, network = View(d), tmp_path_factory.mktemp("firefox") / "page.html", live_network(d)
    path.write_text(html_page(view, document(view)), encoding="utf-8")
    assert network is not None
    return path, LivePart(view, network)


def assert_shown(browser: Firefox, live: LivePart, values) -> None:
    found = computed(live, values)
    for name, text in browser.run(SHOWN):
        expected = entry(live, found, name)
        assert number(text) == pytest.approx(expected, abs=max(6e-5, 0.06 * abs(expected) * (abs(expected) < 5e-4)))


def test_firefox_computes_and_descends(browser, page):
    path, live = page
    browser.open(path)
    values = given(live)
    assert_shown(browser, live, values)
    browser.run("document.querySelector('#live-step').click()")
    assert_shown(browser, live, stepped(live, values))
    colours = "new Set(document.querySelector('#live-surface').getContext('2d').getImageData(0, 0, 320, 240).data).size"
    assert browser.run(f"return {colours}") > 20


def test_numbers_are_dragged_in_firefox(browser, page):
    path, live = page
    browser.open(path)
    browser.drag("[data-input='W2:1,1']", 40)
    values = changed(given(live), "W2", (0, 0), given(live)["W2"][0, 0] + 0.4)
    assert_shown(browser, live, values)
    browser.drag(".quantity[data-drag='X:2']", -30)
    assert_shown(browser, live, changed(values, "X", (1, 0), values["X"][1, 0] - 0.3))
    assert browser.run("return document.querySelector('#live-weight').value") == "W2:1,1"
    lit = "return [...document.querySelectorAll('.card.path')].map(e => e.dataset.entries.split(' ')[0])"
    assert browser.run(lit) == ["z2:1", "z3:1", "E:"]


def test_an_input_is_a_field_for_numbers_while_it_has_the_focus_in_firefox(browser, page):
    path, live = page
    browser.open(path)
    field = "document.querySelector(`[data-input='W1:1,1']`)"
    shown = "return [e.type, e.value, document.activeElement === e]"
    value = f"{given(live)['W1'][0, 0]:g}"
    assert browser.run(f"const e = {field}; e.focus(); {shown}") == ["number", value, True]
    assert browser.run(f"const e = {field}; e.blur(); {shown}") == ["text", value.replace("-", "−"), False]


@pytest.mark.parametrize("width", [500, 1280])
def test_the_layout_in_firefox(browser, page, width):
    browser.open(page[0], width)
    sizes = "[...document.querySelectorAll('#live-drawing text')].map(e => 11 * e.getScreenCTM().a)"
    assert browser.run(f"return Math.min(...{sizes})") > 10.9
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("return document.querySelector('#live-drawing').classList.contains('down')") == (width == 500)
    wide = "parseFloat(getComputedStyle(document.querySelector('.line.mark')).strokeWidth)"
    assert browser.run(f"return {wide}") > 2
