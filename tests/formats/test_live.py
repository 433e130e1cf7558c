"""The live part of the page, in a browser: what it shows is what the interpreter computes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers import Array, Values, derivation
from web import accessibility_violations, chromium_fixture, open_page_fixture, too_wide  # noqa: F401

from derive.api import Derivation
from derive.calculus.evaluate import FLOATS, interpret
from derive.calculus.program import STAGES
from derive.document.document import document
from derive.document.view import View
from derive.document.walk import strides
from derive.drawing import path_count, reached
from derive.drawing.live import live_network
from derive.formats.html import html_page
from derive.formats.html_live import LivePart
from derive.learning.optimizers import LEARNING_RATE
from derive.targets.named import in_axes
from derive.worked.example import work
from derive.worked.given import Numbers

CASES: dict[str, Callable[[], Derivation]] = {
    "plain": lambda: derivation((3, 4, 4, 1)),
    "one": lambda: derivation((1, 1), bias="none"),
    "softmax": lambda: derivation((2, 3, 3), ("relu", "softmax"), "cross_entropy"),
    "augmented": lambda: derivation((2, 2, 2), "tanh", "half_sse", bias="augmented"),
    "bracket": lambda: derivation((3, 4, 2), ("gelu", "sigmoid"), "binary_cross_entropy", notation="bracket"),
    "delta": lambda: derivation((3, 2), loss="huber", notation="delta"),
    "penalty": lambda: derivation((2, 2, 1), l2=0.1, optimizer="adam", clip=1, schedule="exponential(factor=0.9)"),
    "deep": lambda: derivation((2,) * 9 + (1,), "softplus"),
}
SAMPLES = {"bracket": 3}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Callable[[str], tuple[Path, LivePart]]:
    """Write each page once; return its file and its live part."""
    folder, known = tmp_path_factory.mktemp("live"), {}

    def make(name: str) -> tuple[Path, LivePart]:
        if name not in known:
            d = CASES[name]()
            rows = np.linspace(0, 1, SAMPLES.get(name, 1) * 3).reshape(-1, 3)
            view = View(d, example=work(d, Numbers({"seed": 3, "X": rows})) if name in SAMPLES else None)
            path, network = folder / f"{name}.html", live_network(d)
            path.write_text(html_page(view, document(view)), encoding="utf-8")
            assert network is not None
            known[name] = path, LivePart(view, network)
        return known[name]

    return make


def given(live: LivePart) -> Values:
    """The numbers that the page starts with."""
    program, start = live.view.batch, live.start
    stored = {**start.data, **start.parameters}
    values = {name: in_axes(program.tensors[name], array) for name, array in stored.items()}
    values |= {state.name: np.zeros([int(axis.extent) for axis in state.axes]) for state in program.states}
    return {**values, LEARNING_RATE.name: np.array(start.learning_rate)}


def computed(live: LivePart, values: Values) -> Values:
    return interpret(live.view.batch, values, {"m": live.start.samples}, FLOATS, STAGES)


def stepped(live: LivePart, values: Values) -> Values:
    """The given numbers after a step."""
    found = computed(live, values)
    updates = {s.target.replaces.name: s.target.name for s in live.view.batch.stage("update") if s.target.replaces}
    return {name: found[updates[name]] if name in updates else value for name, value in values.items()}


def entry(live: LivePart, values: Values, name: str, sample: int = 1) -> float:
    """The value of an entry as the page names it."""
    tensor = live.view.batch.tensors[name.split(":")[0]]
    places = iter(int(n) for n in name.split(":")[1].split(",") if n)
    index = [sample - 1 if axis.sample else next(places) - axis.start for axis in tensor.axes]
    return float(values[tensor.name][tuple(index)])


def number(text: str) -> float:
    return float(text.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")).replace("×10", "e"))


def assert_shown(page, live: LivePart, values: Values, sample: int = 1) -> None:
    """Every number on the page is that of the interpreter."""
    found = computed(live, values)
    shown = page.eval_on_selector_all("#live [data-value]", "all => all.map(e => [e.dataset.value, e.textContent])")
    assert len(shown) > 4
    for name, text in shown:
        expected = entry(live, found, name, sample)
        assert number(text) == pytest.approx(expected, abs=max(6e-5, 0.06 * abs(expected) * (abs(expected) < 5e-4)))


def changed(values: Values, name: str, place: tuple[int, ...], value: float) -> Values:
    array: Array = values[name].copy()
    array[place] = value
    return {**values, name: array}


# ------------------------------------------------------------------ numbers


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(3)
def test_the_numbers_are_those_of_the_equations_before_and_after_steps(name, made, open_page):
    path, live = made(name)
    visit = open_page(path)
    values = given(live)
    assert_shown(visit.page, live, values)
    for _ in range(3):
        visit.page.click("#live-step")
        values = stepped(live, values)
        assert_shown(visit.page, live, values)
    assert visit.page.inner_text("#live-count") == "3"
    visit.page.click("#live-reset")
    assert_shown(visit.page, live, given(live))
    assert visit.problems() == []


def test_a_typed_number_changes_all_others(made, open_page):
    path, live = made("plain")
    page = open_page(path).page
    page.fill("[data-input='W1:2,3']", "1.25")
    values = changed(given(live), "W1", (1, 2), 1.25)
    assert_shown(page, live, values)
    page.fill("[data-input='X:1']", "-0.75")
    values = changed(values, "X", (0, 0), -0.75)
    assert_shown(page, live, values)
    page.fill("[data-input='Y:1']", "")
    assert_shown(page, live, values)
    page.focus("[data-input='b2:4']")
    page.keyboard.press("ArrowUp")
    assert_shown(page, live, changed(values, "b2", (3,), values["b2"][3] + 0.01))
    page.wait_for_function("() => document.querySelector('#live-said').textContent.startsWith('The loss is 0.')")


def drag(page, selector: str, across: int) -> None:
    page.locator(selector).first.scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across, y + 3, steps=4)
    page.mouse.up()


def test_numbers_are_dragged(made, open_page):
    path, live = made("plain")
    page = open_page(path).page
    values = given(live)
    drag(page, "[data-input='W2:1,1']", 40)
    values = changed(values, "W2", (0, 0), values["W2"][0, 0] + 0.4)
    assert_shown(page, live, values)
    assert page.evaluate("document.activeElement === document.body")
    drag(page, ".quantity[data-drag='X:2']", -30)
    values = changed(values, "X", (1, 0), values["X"][1, 0] - 0.3)
    assert_shown(page, live, values)
    page.locator("#live .hit[data-weight='W3:1,2']").dispatch_event(
        "pointerdown", {"clientX": 0, "button": 0, "pointerId": 1}
    )
    assert page.input_value("#live-weight") == "W3:1,2"
    page.click("[data-input='b3:1']")
    assert page.evaluate("document.activeElement.dataset.input") == "b3:1"


def test_the_error_falls_while_it_runs(made, open_page):
    page = open_page(made("plain")[0]).page
    before = number(page.inner_text("[data-value='E:']:not(text)"))
    page.click("#live-run")
    assert page.inner_text("#live-run") == "Stop"
    page.wait_for_function("() => +document.querySelector('#live-count').textContent > 5")
    page.click("#live-run")
    count = int(page.inner_text("#live-count"))
    assert number(page.inner_text("[data-value='E:']:not(text)")) < before
    assert page.get_attribute("#live-curve .trace", "d").count("L") == count
    page.wait_for_function("() => document.querySelector('#live-said').textContent.startsWith('Step ')")
    assert page.inner_text("#live-said").startswith(f"Step {count}: the loss is 0.")
    assert page.inner_text("#live-run") == "Run"


def test_another_learning_rate_continues_the_descent(made, open_page):
    path, live = made("plain")
    page = open_page(path).page
    page.click("#live-step")
    page.fill("[data-input='learning rate:']", "2")
    page.click("#live-step")
    assert page.inner_text("#live-count") == "2"
    values = stepped(live, given(live))
    assert_shown(page, live, stepped(live, {**values, LEARNING_RATE.name: np.array(2.0)}))


def test_a_finger_taps_and_drags(made, open_page):
    path, live = made("plain")
    page = open_page(path, width=390, has_touch=True).page
    page.tap("[data-input='W1:1,2']")
    assert page.evaluate("document.activeElement.dataset.input") == "W1:1,2"
    assert page.evaluate("getComputedStyle(document.activeElement).touchAction") == "pan-y"
    assert page.input_value("#live-weight") == "W1:1,2"
    assert_shown(page, live, given(live))


def test_a_descent_that_diverges_stops(made, open_page):
    visit = open_page(made("deep")[0])
    page = visit.page
    page.fill("[data-input='W1:1,1']", "1e300")
    page.fill("[data-input='X:1']", "1e300")
    page.click("#live-run")
    page.wait_for_function("() => document.querySelector('#live-run').textContent === 'Run'")
    assert visit.problems() == []


@pytest.mark.parametrize(("name", "rate", "finer"), [("plain", "0.5", "0.51"), ("penalty", "0.001", "0.0011")])
def test_the_learning_rate_is_that_of_the_method(name, rate, finer, made, open_page):
    page = open_page(made(name)[0]).page
    assert page.input_value("[data-input='learning rate:']") == rate
    page.focus("[data-input='learning rate:']")
    page.keyboard.press("ArrowUp")
    assert page.input_value("[data-input='learning rate:']") == finer
    method = {
        "plain": "A step of gradient descent changes",
        "penalty": "A step of Adam, with clipped gradients, with the ",
    }
    assert method[name] in page.inner_text("#live > p")


def test_numbers_have_minus_signs_and_one_step_is_no_steps(made, open_page):
    page = open_page(made("plain")[0]).page
    values = page.eval_on_selector_all("#live [data-input]", "all => all.map(e => e.value)")
    assert sum("−" in value for value in values) > 10
    assert not [value for value in values if "-" in value]
    page.focus("[data-input='W1:1,1']")
    assert page.input_value("[data-input='W1:1,1']").startswith("-"), "it can be typed"
    page.click("#live-step")
    assert page.inner_text(".outcome p").replace("\n", " ").endswith("after 1 step")
    assert "-" not in "".join(
        page.locator(part).text_content() for part in ("#live-drawing .card >> nth=-1", ".tables", "#live-legend")
    )
    page.click("#live-step")
    assert page.inner_text(".outcome p").replace("\n", " ").endswith("after 2 steps")


def test_another_sample_is_shown(made, open_page):
    path, live = made("bracket")
    page = open_page(path).page
    page.select_option("#live-sample", "3")
    assert_shown(page, live, given(live), sample=3)
    page.fill("[data-input='X:2']", "0.5")
    assert_shown(page, live, changed(given(live), "X", (1, 2), 0.5), sample=3)


def test_a_parameter_that_an_example_keeps_is_not_changed(tmp_path, open_page):
    d = derivation((2, 2, 2), loss="half_sse")
    view, path = View(d, example=work(d, Numbers({"seed": 1, "fixed": ["b1"]}))), tmp_path / "page.html"
    path.write_text(html_page(view, document(view)), encoding="utf-8")
    page = open_page(path).page
    before = page.input_value("[data-input='b1:1']"), page.input_value("[data-input='b2:1']")
    page.click("#live-step")
    assert page.input_value("[data-input='b1:1']") == before[0]
    assert page.input_value("[data-input='b2:1']") != before[1]


# ------------------------------------------------------------------ one weight


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_the_products_along_the_paths_add_up_to_the_gradient(name, made, open_page):
    path, live = made(name)
    visit, found = open_page(path), computed(live, given(live))
    page, chains = visit.page, live.view.derivation.chains
    for option in page.eval_on_selector_all("#live-weight option", "all => all.map(e => e.value)")[::5]:
        page.select_option("#live-weight", option)
        parameter, place = option.split(":")
        tensor, numbers = live.view.batch.tensors[parameter], tuple(int(n) for n in place.split(","))
        rows = page.eval_on_selector_all(
            "#live-chain tbody tr", "all => all.map(row => [...row.cells].slice(1).map(cell => cell.textContent))"
        )
        count = int(path_count(chains, tensor, numbers)) + (name == "penalty" and tensor.role == "weight")
        slope = f"dE_d{parameter}:{place}"
        said = page.inner_text("#live-sum > p").splitlines()[-1]
        if count <= 16:
            assert len(rows) == count
            total = sum(number(row[-1]) for row in rows)
            if name not in SAMPLES:
                assert total == pytest.approx(entry(live, found, slope), abs=6e-5 * count)
        else:
            assert f"and {count - 16} more paths" in page.inner_text("#live-chain table")
        assert ("all 3 samples" in said) == (name in SAMPLES)
        lit = reached(chains, tensor, numbers)
        units = page.eval_on_selector_all(".card.path", "all => all.flatMap(e => e.dataset.entries.split(' '))")
        names = {t.name for n in range(1, len(live.live.layers) + 2) for t in live.live.tensors(n)}
        assert {u.split(":")[0] for u in units} >= (set(lit) & names) - {tensor.name}
        assert page.locator(f".line.mark[data-weight='{option}']").count() == 1
    assert visit.problems() == []


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_each_path_has_its_own_label(name, made, open_page):
    page = open_page(made(name)[0]).page
    for option in page.eval_on_selector_all("#live-weight option", "all => all.map(e => e.value)")[::4]:
        page.select_option("#live-weight", option)
        rows = page.eval_on_selector_all("#live-chain tbody td:first-child", "all => all.map(e => e.textContent)")
        assert len({*rows}) == len(rows) and all(rows)


def test_the_paths_of_a_weight_are_lit(made, open_page):
    page = open_page(made("plain")[0]).page
    page.focus("[data-input='W2:3,1']")
    lit = page.eval_on_selector_all(".card.path", "all => all.map(e => e.dataset.entries.split(' ')[0])")
    assert lit == ["z2:3", "z3:1", "E:"]
    lines = page.eval_on_selector_all(".line:is(.path, .mark)", "all => all.map(e => e.dataset.weight || e.dataset.to)")
    assert sorted(lines) == ["E", "W2:3,1", "W3:1,3"]


# ------------------------------------------------------------------ the backward pass, the surface, the derivation


@pytest.mark.parametrize("name", ["plain", "softmax", "one"])
def test_the_backward_pass_lights_the_numbers_of_each_step(name, made, open_page):
    path, live = made(name)
    page, steps = open_page(path).page, strides(live.view)
    shown = set(page.eval_on_selector_all("#live [data-value]", "all => all.map(e => e.dataset.value.split(':')[0])"))
    for step in steps:
        page.click("#live .walk button[value='1']", force=True)
        now = page.eval_on_selector_all(
            "#live :is(.now [data-value], .now[data-value])", "all => all.map(e => e.dataset.value.split(':')[0])"
        )
        assert set(now) == set(step.symbols) & shown
    page.focus("#live .walk input")
    page.keyboard.press("Home")
    assert page.locator("#live .now").count() == 0


def test_the_surface_is_that_of_the_two_weights(made, open_page):
    path, live = made("plain")
    visit = open_page(path)
    page = visit.page
    page.select_option("#live-across", "W1:1,1")
    page.select_option("#live-up", "b3:1")
    page.wait_for_function("() => document.querySelector('#live-legend').textContent.startsWith('w⁽¹⁾₁₁ from')")
    colours = "new Set(document.querySelector('#live-surface').getContext('2d').getImageData(0, 0, 320, 240).data).size"
    assert page.evaluate(colours) > 20
    assert_shown(page, live, given(live))
    page.locator("#live-surface").scroll_into_view_if_needed()
    box = page.locator("#live-surface").bounding_box()
    page.mouse.click(box["x"] + 10, box["y"] + 10)
    assert number(page.input_value("[data-input='W1:1,1']")) < given(live)["W1"][0, 0] - 2
    assert number(page.input_value("[data-input='b3:1']")) > given(live)["b3"][0] + 2
    assert visit.problems() == []


def test_the_indices_of_a_listed_weight_are_below_it(made, open_page):
    for name, first in {"plain": "w⁽¹⁾₁₁", "bracket": "w₁₁^[1]", "one": "w⁽¹⁾"}.items():
        page = open_page(made(name)[0]).page
        assert page.inner_text("#live-weight option >> nth=0") == first


def test_the_surface_is_for_the_keyboard_and_has_words(made, open_page):
    path, live = made("plain")
    page, values = open_page(path).page, given(live)
    page.select_option("#live-across", "W1:1,1")
    page.select_option("#live-up", "b3:1")
    page.focus("#live-surface")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    values = changed(values, "W1", (0, 0), values["W1"][0, 0] + 0.1)
    values = changed(values, "b3", (0,), values["b3"][0] + 0.2)
    assert_shown(page, live, values)
    words = f"The point is at w⁽¹⁾₁₁ = {values['W1'][0, 0]:.4f}, b⁽³⁾ = {values['b3'][0]:.4f}, with loss 0."
    said = words.replace("-", "−")
    page.wait_for_function("said => document.querySelector('#live-said').textContent.startsWith(said)", arg=said)
    page.wait_for_function("said => document.querySelector('#live-legend').textContent.includes(said)", arg=said)


def test_the_derivation_shows_the_values_of_its_symbols(made, open_page):
    path, live = made("plain")
    page = open_page(path).page
    found = computed(live, given(live))
    page.hover("#forward [data-s='W1'][data-e='1,3']")
    assert number(page.inner_text("#live-tip")) == pytest.approx(entry(live, found, "W1:1,3"), abs=6e-5)
    page.hover("#pattern [data-s='Psi_z2'] >> nth=0")
    shown = [number(text) for text in page.inner_text("#live-tip").split(", ")]
    assert shown == pytest.approx([entry(live, found, f"Psi_z2:{n}") for n in range(1, 5)], abs=6e-5)
    page.hover("#pattern [data-s='E/W3'] >> nth=0")
    assert len(page.inner_text("#live-tip").split(", ")) == 4
    page.hover("h1")
    assert not page.locator("#live-tip").is_visible()


# ------------------------------------------------------------------ for everyone


@pytest.mark.parametrize(
    ("name", "dark", "width"), [("plain", False, 1200), ("softmax", True, 390), ("bracket", False, 768)]
)
@pytest.mark.sampled(3)
def test_the_live_part_is_accessible(name, dark, width, made, open_page):
    page = open_page(made(name)[0], dark=dark, width=width, reduced_motion="reduce").page
    page.click("#live-step")
    assert accessibility_violations(page) == []
    page.click("#live .walk button[value='1']")
    page.focus("[data-input='W1:1,1']")
    assert accessibility_violations(page) == []


def accessible(page) -> list[tuple[str, str, str]]:
    """The role, the name and the value of each part that a screen reader is told, in order."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    texts = ([str(n.get(k, {}).get("value", "")) for k in ("role", "name", "value")] for n in nodes if not n["ignored"])
    return [(role, name, value) for role, name, value in texts]


@pytest.mark.parametrize("name", ["plain", "softmax", "augmented"])
@pytest.mark.sampled(3)
def test_a_screen_reader_is_told_what_each_number_is(name, made, open_page):
    path, live = made(name)
    page = open_page(path).page
    told = accessible(page)
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(e => +e.tagName[1])")
    assert levels[0] == 1 and all(after <= before + 1 for before, after in pairwise(levels))
    fields = [said for role, said, value in told if role == "spinbutton" and value]
    count = sum(int(np.size(value)) for value in (*live.start.parameters.values(), *live.start.data.values()))
    assert len({*fields}) == len(fields) == count + 1
    assert {"learning rate", "input 1", "weight from input 2 to unit 1 of layer 1"} <= {said.strip() for said in fields}
    assert not [
        role for role, said, _ in told if role in ("button", "combobox", "slider", "image", "application") and not said
    ]
    cards = [said for role, said, _ in told if role == "image" and ":" in said]
    found = computed(live, given(live))
    for number in range(1, len(live.live.layers)):
        for unit in range(1, 3):
            z, a = (
                f"{entry(live, found, f'{t.name}:{unit}'):.4f}".replace("-", "−") for t in live.live.tensors(number)[:2]
            )
            assert any(
                c.startswith(f"layer {number}, unit {unit}: pre-activation {z}, activation {a}, deriv") for c in cards
            )
    assert {f"input 1: {live.start.data['X'][0, 0]:.4f}", f"loss: {found['E']:.4f}"} <= {*cards}
    page.click("#live-step")
    page.wait_for_function("() => document.querySelector('#live-said').textContent.startsWith('Step 1: the loss is ')")
    live_regions = page.eval_on_selector_all("[role=status], [aria-live]", "all => all.map(e => e.textContent.trim())")
    assert all("0." not in text for text in live_regions if not text.startswith("Step 1: the loss is "))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(3)
def test_a_phone_shows_legible_numbers(name, made, open_page):
    page = open_page(made(name)[0], width=360, height=740).page
    assert too_wide(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = page.eval_on_selector_all(
        "#live-drawing text, #live-curve text",
        "all => all.map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a)",
    )
    assert min(sizes) > 10.9
    if name == "plain":
        assert page.evaluate(
            "document.querySelector('.stage').scrollWidth <= document.querySelector('.stage').clientWidth"
        )


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["plain", "deep", "bracket"])
@pytest.mark.sampled(3)
def test_cards_do_not_overlap(name, width, made, open_page):
    page = open_page(made(name)[0], width=width).page
    boxes = page.eval_on_selector_all(
        "#live-drawing .node",
        "all => all.map(e => e.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])",
    )
    pairs = [(a, b) for n, a in enumerate(boxes) for b in boxes[:n]]
    assert not [1 for a, b in pairs if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]]


@pytest.mark.parametrize(
    "d", [lambda: derivation((784, 128, 10)), lambda: derivation(("n", 2)), lambda: derivation((9, 1), "identity")]
)
def test_a_large_network_has_the_page_without_the_live_part(d, tmp_path, open_page):
    view, path = View(d()), tmp_path / "page.html"
    path.write_text(html_page(view, document(view)), encoding="utf-8")
    visit = open_page(path)
    assert visit.page.locator("#live, [href='#live']").count() == 0
    assert visit.page.locator("#pattern .walk").is_visible()
    assert visit.page.locator("#glance svg").is_visible()
    assert visit.problems() == []


def test_the_page_without_its_script_has_the_drawing(made, open_page):
    page = open_page(made("plain")[0], java_script_enabled=False).page
    assert not page.locator("#live").is_visible()
    assert not page.locator("nav [href='#live']").is_visible()
    assert page.locator("#glance svg").is_visible()


def test_the_drawing_prints_with_its_numbers(made, open_page):
    page = open_page(made("plain")[0]).page
    assert not page.locator("#glance svg").is_visible()
    page.emulate_media(media="print")
    assert page.locator("#live-drawing").is_visible()
    assert not page.locator(".bar").is_visible()
