"""The drawing in TikZ and SVG: the right units and paths, and no overlaps."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import combinations, pairwise, product
from pathlib import Path

import pytest
from conftest import ROOT
from helpers import axis, closed, define, dense, squares
from networks import NETWORKS, random_network
from sympy import Expr, Indexed, Integer, Symbol

from derive import Network, derive
from derive.api import Derivation
from derive.calculus.chain_rule import chains
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLES, Index, Tensor
from derive.drawing import Drawing, Highlight, draw, path_count, reached, read_highlight
from derive.drawing.glyphs import glyphs_of
from derive.drawing.layers import plain_layers
from derive.drawing.reach import holds
from derive.drawing.scene import WIDEST, Card, Circle, Frame, Label, Stroke, pieces
from derive.drawing.svg import DARK, LIGHT, svg
from derive.drawing.tikz import COLOURS, tikz
from derive.drawing.unrolled import unrolled
from derive.paper.latex import latex
from derive.paper.notation import NOTATIONS
from derive.paper.text import text
from derive.statement.statement import Statement
from derive.text.errors import SpecError

#: Networks of plain layers that differ in what a drawing shows.
SPECS: dict[str, dict[str, object]] = {
    "small": {"layers": (3, 4, 4, 1)},
    "augmented": {"layers": (3, 4, 4, 1), "bias": "augmented"},
    "one unit": {"layers": (3, 1), "loss": "half_sse", "bias": "none", "notation": "delta"},
    "one by one": {"layers": (1, 1, 1), "notation": "bracket"},
    "seven": {"layers": (7, 8, 7), "loss": "half_mse"},
    "named": {"layers": ("n", "h", "h", "k"), "notation": "delta"},
    "digits": {
        "layers": (784, 128, 10),
        "activation": ("relu", "softmax"),
        "loss": "cross_entropy",
        "notation": "bracket",
    },
    "softmax augmented": {"layers": (3, "h", 5), "activation": ("tanh", "softmax"), "bias": "augmented"},
    "long names": {"layers": ("n" * 30, "k" * 30, "q_" + "v" * 28)},
    "long names, deep": {"layers": ("n" * 30, "k" * 30, "hidden", "q_" + "v" * 28, "classes")},
    "large": {"layers": (10**9, 123456789, 1000, 99999), "notation": "bracket"},
    **{f"depth {n}": {"layers": (3, 5, 4, 6, 2, 7, 3, 4, 2)[: n + 1]} for n in range(1, 9)},
    **{f"wide and {n} deep": {"layers": (1000,) * (n + 1), "notation": "delta"} for n in (5, 8)},
    "twelve deep": {"layers": (3,) * 13, "bias": "augmented"},
    "forty deep": {"layers": (1000, *(4, 7) * 20), "activation": (*["relu"] * 39, "softmax"), "notation": "bracket"},
}
#: A weight of each: the first, one in the middle, a bias.
WEIGHTS = {
    "small": ("W2[3,1]", "b1[4]", "W3[1,2]"),
    "augmented": ("W2[3,0]", "W1[1,3]"),
    "one unit": ("W1[1,2]",),
    "one by one": ("W1[1,1]", "b2[1]"),
    "seven": ("W1[4,4]", "W2[6,8]"),
    "named": ("W1[2,3]", "W2[9,4]", "b3[1]"),
    "digits": ("W2[5,77]", "W1[127,783]", "b2[10]"),
    "softmax augmented": ("W2[5,0]", "W1[7,1]"),
    "long names": ("W1[1,1]", "b2[4]"),
    "long names, deep": ("W3[1,1]",),
    "large": ("W2[100,123456788]",),
    "depth 8": ("W4[2,3]", "b8[1]"),
    "wide and 8 deep": ("W5[500,500]",),
    "twelve deep": ("W6[2,0]",),
    "forty deep": ("W20[3,3]", "W40[7,4]", "b1[1]"),
}
NOTED = tuple(NOTATIONS)
#: Networks stated by hand that are plain layers.
PLAIN_BY_HAND = {"softmax_cross_entropy", "pairs_of_samples"}


@cache
def of_spec(name: str) -> Derivation:
    return derive(Network(**SPECS[name]))  # type: ignore[arg-type]


@cache
def by_hand(name: str, notation: str = "psi") -> Derivation:
    return derive(NETWORKS[name](), notation)


@cache
def at_random(seed: int) -> Derivation:
    return derive(random_network(seed))


#: Recurrences whose steps are drawn: states together, blocked sides, layers, both directions, two steps back.
STEPS = ("lstm", "gru", "stacked_recurrence", "bidirectional", "second_order_lag")


@cache
def of_example(name: str) -> Derivation:
    return derive(Statement.from_file(ROOT / "examples" / f"{name}.eq"))


def drawn(derivation: Derivation, weight: str | None = None) -> Drawing:
    return draw(derivation, read_highlight(weight, derivation.forward) if weight else None)


def first_entry(parameter: Tensor) -> Highlight:
    return Highlight(parameter.name, tuple(min(2, int(a.extent)) for a in parameter.axes))


#: Drawings of every kind: a name, what is derived, and whether a weight is highlighted.
SPREAD: dict[str, tuple[Callable[[], Derivation], str | int | None]] = {
    **{name: (partial(of_spec, name), None) for name in SPECS},
    **{f"{name} {w}": (partial(of_spec, name), w) for name, some in WEIGHTS.items() for w in some},
    **{name: (partial(by_hand, name, NOTED[n % 3]), None) for n, name in enumerate(NETWORKS)},
    **{f"{name}, first": (partial(by_hand, name, NOTED[n % 3]), 0) for n, name in enumerate(NETWORKS)},
    **{f"{name}, last": (partial(by_hand, name, NOTED[n % 3]), -1) for n, name in enumerate(NETWORKS)},
    **{f"random {seed}": (partial(at_random, seed), None) for seed in range(12)},
    **{f"random {seed}, first": (partial(at_random, seed), 0) for seed in range(12)},
    **{f"steps of {name}": (partial(of_example, name), "steps") for name in STEPS},
}


@cache
def one(name: str) -> Drawing:
    """A drawing of the spread; a number stands for an entry of that parameter."""
    derived, weight = SPREAD[name]
    if weight == "steps":
        steps = unrolled(derived())
        assert steps is not None
        return steps
    if isinstance(weight, int):
        return draw(derived(), first_entry(derived().forward.parameters[weight]))
    return drawn(derived(), weight)


# ------------------------------------------------------------ what is drawn


def columns(drawing: Drawing) -> list[list[Circle]]:
    """The units from left to right, those that are always 1 left out."""
    units = [c for c in drawing.parts.circles if c.kind != "constant"]
    return [[c for c in units if c.x == x] for x in sorted({c.x for c in units})]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_units_of_a_small_network(notation: str) -> None:
    drawing = draw(derive(Network(layers=(3, 4, 2), bias="separate", notation=notation)))
    assert [[c.entry for c in column] for column in columns(drawing)] == [list("123"), list("1234"), list("12")]
    assert [column[0].tensor for column in columns(drawing)] == ["X", "a1", "a2"]
    assert len([s for s in drawing.parts.strokes if s.kind == "weight"]) == 3 * 4 + 4 * 2
    assert len([s for s in drawing.parts.strokes if s.kind == "bias"]) == 4 + 2
    assert {(s.weight, s.entry) for s in drawing.parts.strokes if s.weight == "W2"} == {
        ("W2", f"{i},{j}") for i in (1, 2) for j in (1, 2, 3, 4)
    }
    (card,) = drawing.parts.cards
    assert card.tensor == "E"


def test_line_of_a_weight_leads_from_its_column_to_its_row() -> None:
    drawing = drawn(of_spec("small"))
    place = {(c.tensor, c.entry): (c.x, c.y) for c in drawing.parts.circles}
    for stroke in (s for s in drawing.parts.strokes if s.weight == "W2"):
        row, column = stroke.entry.split(",")
        (x0, y0), (x1, y1) = place["a1", column], place["a2", row]
        for x, y in stroke.points:
            assert abs((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) < 1e-6 * 100
        assert stroke.points[0][0] < stroke.points[1][0]


@pytest.mark.parametrize(
    ("bias", "constants", "weights"), [("separate", 2, ["b1"]), ("augmented", 2, ["W1"]), ("none", 0, [])]
)
def test_unit_that_is_always_one(bias: str, constants: int, weights: list[str]) -> None:
    drawing = draw(derive(Network(layers=(3, 4, 2), bias=bias)))
    ones = [c for c in drawing.parts.circles if c.kind == "constant"]
    assert len(ones) == constants
    assert sorted({s.weight for s in drawing.parts.strokes if s.kind == "bias" and s.layer == 1}) == weights
    if bias == "augmented":
        assert {s.entry for s in drawing.parts.strokes if s.kind == "bias" and s.layer == 1} == {
            f"{i},0" for i in range(1, 5)
        }
    assert all(c.y < min(u.y for u in drawing.parts.circles if u.x == c.x and u is not c) for c in ones)


@pytest.mark.parametrize(
    ("width", "entries", "dots"),
    [
        (1, "1", 0),
        (6, "1 2 3 4 5 6", 0),
        (7, "1 2 3 7", 1),
        (1000, "1 2 3 1000", 1),
        ("n", "1 2 n", 1),
    ],
)
def test_wide_layers_are_elided(width: int | str, entries: str, dots: int) -> None:
    drawing = draw(derive(Network(layers=(width, 2))))
    assert [c.entry for c in columns(drawing)[0]] == entries.split()
    assert len([d for d in drawing.parts.dots if d.down]) == dots
    assert any(f"{width} unit" in said(label) for label in drawing.parts.labels)
    assert (f"inputs, {len(entries.split())} of {width}" in drawing.text) == bool(dots)


@pytest.mark.parametrize("unit", range(1, 12))
def test_highlighted_units_are_shown(unit: int) -> None:
    derivation = derive(Network(layers=(11, 11, 2)))
    drawing = drawn(derivation, f"W1[{unit},{12 - unit}]")
    (mark,) = {(s.weight, s.entry) for s in drawing.parts.strokes if s.state == "mark"}
    assert mark == ("W1", f"{unit},{12 - unit}")
    for column, number in zip(columns(drawing), (12 - unit, unit), strict=False):
        entries = [int(c.entry) for c in column]
        assert str(number) in [c.entry for c in column]
        assert entries == sorted(entries)
        assert entries[-1] == 11
        jumps = sum(b - a > 1 for a, b in pairwise(entries))
        assert len([d for d in drawing.parts.dots if d.x == column[0].x]) == jumps
        assert not any(b - a == 2 for a, b in pairwise(entries))


def said(label: Label) -> str:
    return "".join(run if isinstance(run, str) else text(run) for run in label.runs)


def test_the_labels_of_the_units() -> None:
    labels = {n: [said(x) for x in drawn(derive(Network((3, 2), notation=n))).parts.labels] for n in NOTATIONS}
    assert {"x_1", "ŷ_2", "E", "y", "inputs", "3 units", "sigmoid", "loss"} <= set(labels["psi"])
    assert {"x_1", "a_2^[1]"} <= set(labels["bracket"])
    assert {"x_1", "ŷ_2", "W, b"} <= set(labels["delta"])
    assert "3 units" in [said(x) for x in drawn(of_spec("small")).parts.labels]


def test_activation_that_couples_the_units_has_a_column_of_sums() -> None:
    drawing = drawn(of_spec("digits"))
    assert [column[0].tensor for column in columns(drawing)] == ["X", "a1", "z2", "a2"]
    mixing = [s for s in drawing.parts.strokes if s.kind == "mixes"]
    assert len(mixing) == 16
    assert not any(s.weight for s in mixing)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.sampled(10)
def test_layers_are_recognised(name: str) -> None:
    derivation = of_spec(name)
    layers = plain_layers(derivation)
    assert layers is not None
    assert [layer.weight.name for layer in layers] == [f"W{n}" for n in range(1, len(layers) + 1)]
    assert derivation.network is not None
    assert [layer.function for layer in layers] == list(derivation.network.activation)
    assert [layer.mixes for layer in layers] == [f == "softmax" for f in derivation.network.activation]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(14)
def test_anything_else_is_drawn_as_tensors(name: str) -> None:
    drawing = draw(by_hand(name))
    forward = by_hand(name).forward
    if name in PLAIN_BY_HAND:
        assert drawing.parts.circles
        return
    assert not drawing.parts.circles
    used = {a.base.label.name for e in forward.equations for a in e.expression.atoms(Indexed)}
    inputs = {t.name for t in forward.inputs} & used
    assert {c.tensor for c in drawing.parts.cards} == {e.target.name for e in forward.equations} | inputs
    assert {s.reads for s in drawing.parts.strokes if not s.weight} == set(reads(forward))
    entering = {(label.symbol) for label in drawing.parts.labels} & {p.name for p in forward.parameters}
    assert entering == {p.name for p in forward.parameters}


def reads(forward: ForwardPass) -> Iterator[tuple[str, str]]:
    learned = {p.name for p in forward.parameters}
    for equation in forward.equations:
        names = {a.base.label.name for a in equation.expression.atoms(Indexed)} | {
            s.name for s in equation.expression.atoms(Symbol) if s.name in forward.tensors
        }
        yield from ((name, equation.target.name) for name in names - learned)


def test_deep_networks_fit_and_very_deep_ones_say_what_is_missing() -> None:
    for depth in range(1, 9):
        assert len(columns(drawn(of_spec(f"depth {depth}")))) == depth + 1
    deep = drawn(of_spec("forty deep"))
    assert "layers are left out" in deep.text
    across = [d for d in deep.parts.dots if not d.down]
    assert across
    left_out = sum(int(said(x)) for x in deep.parts.labels if said(x).isdigit() and x.quiet)
    assert len(columns(deep)) + left_out == 40 + 2
    marked = drawn(of_spec("forty deep"), "W20[3,3]")
    assert {(s.weight, s.entry) for s in marked.parts.strokes if s.state == "mark"} == {("W20", "3,3")}


def test_no_line_leads_to_a_layer_that_is_left_out() -> None:
    for weight in (None, "W20[3,3]", "W40[7,4]"):
        drawing = drawn(of_spec("forty deep"), weight)
        for c in drawing.parts.circles:
            if c.kind == "constant":
                assert any(s.kind == "bias" and abs(s.points[0][0] - c.x) < 20 for s in drawing.parts.strokes)


# ------------------------------------------------------------ paths, against one scalar equation after the other

Scalar = tuple[str, tuple[int, ...]]


def entries(tensor: Tensor) -> list[tuple[int, ...]]:
    ranges = [range(a.start, a.start + (1 if a.sample else int(a.extent))) for a in tensor.axes]
    return list(product(*ranges))


def scalar_reads(forward: ForwardPass) -> dict[Scalar, set[Scalar]]:
    """Return, for each scalar of one sample, the scalars that its equation reads."""
    found: dict[Scalar, set[Scalar]] = {}
    for equation in forward.equations:
        for numbers in entries(equation.target):
            value = spelled(equation.at(tuple(map(Integer, numbers))), forward)
            found[equation.target.name, numbers] = {scalar(leaf, forward) for leaf in leaves(value, forward)}
    return found


def spelled(expression: Expr, forward: ForwardPass) -> Expr:
    alone = {i: Index(i.name, i.axis) for i in expression.atoms(Index)}
    return expression.xreplace(alone).subs(SAMPLES, 1).doit()


def leaves(value: Expr, forward: ForwardPass) -> list[Expr]:
    names = {n for n, t in forward.tensors.items() if not t.axes}
    scalars = [s for s in value.atoms(Symbol) if s.name in names]
    return [leaf for leaf in (*value.atoms(Indexed), *scalars) if value.diff(leaf) != 0]


def scalar(leaf: Expr, forward: ForwardPass) -> Scalar:
    if isinstance(leaf, Indexed):
        return leaf.base.label.name, tuple(map(int, leaf.indices))
    return leaf.name, ()


def counted_by_hand(graph: dict[Scalar, set[Scalar]], start: Scalar) -> tuple[int, set[Scalar]]:
    """Count the paths from a scalar to the error, and collect the scalars on them."""
    readers: dict[Scalar, list[Scalar]] = {}
    for target, read in graph.items():
        for source in read:
            readers.setdefault(source, []).append(target)

    @cache
    def count(at: Scalar) -> int:
        return 1 if at[0] == "E" else sum(count(r) for r in readers.get(at, ()))

    on, waiting = set(), [start]
    while waiting:
        for r in readers.get(waiting.pop(), ()):
            if r not in on and count(r):
                on.add(r)
                waiting.append(r)
    return count(start), on


#: Samples are coupled, or the value of one sample alone is constant: no paths of one sample can be counted.
COUPLED = {"batch_norm", "attention"}
SMALL = ("small", "augmented", "one unit", "one by one", "depth 3")
COUNTED = [*SMALL, *(n for n in NETWORKS if n not in COUPLED | {"pairs_of_samples"}), *range(12)]


def some(which: str | int) -> Derivation:
    if isinstance(which, int):
        return at_random(which)
    if which == "softmax":
        return derive(Network((3, 4, 5), ("tanh", "softmax"), "cross_entropy"))
    return of_spec(which) if which in SPECS else by_hand(which)


@pytest.mark.parametrize("which", [*COUNTED, "softmax"], ids=str)
@pytest.mark.sampled(10)
def test_paths_are_all_paths_through_scalars(which: str | int) -> None:
    derivation = some(which)
    forward = derivation.forward
    graph = scalar_reads(forward)
    for parameter in forward.parameters:
        listed = entries(parameter)
        for entry in dict.fromkeys((listed[0], listed[len(listed) // 2], listed[-1])):
            count, on = counted_by_hand(graph, (parameter.name, entry))
            found = path_count(derivation.chains, parameter, entry)
            assert found in (count, None), (parameter.name, entry, found, count)
            lit = reached(derivation.chains, parameter, entry)
            units = {(n, _units(forward.tensors[n], numbers)) for n, numbers in on}
            spread_out = {(n, u) for n, places in lit.items() if n != parameter.name for u in _all(forward, n, places)}
            assert spread_out == units


def test_paths_are_counted_nearly_everywhere() -> None:
    uncounted = {
        str(which)
        for which in COUNTED
        for p in some(which).forward.parameters
        if path_count(some(which).chains, p, entries(p)[0]) is None
    }
    assert not uncounted


def test_entries_that_an_equation_does_not_read_are_on_no_path() -> None:
    """d_i = w_ii x_i reads the diagonal of a weight alone."""
    s = Statement()
    x, y, w = s.input("X", axis(3)), s.target("Y", axis(3)), s.parameter("W", axis(3), axis(3))
    d = define(s, "d", x.axes, lambda i, u: w[i, i] * x[i, u])
    z = dense(s, "z", w, x)
    forward = closed(s, squares(s, y, define(s, "o", x.axes, lambda i, u: z[i, u] + d[i, u])))
    graph = scalar_reads(forward)
    for entry in entries(w):
        count, _ = counted_by_hand(graph, ("W", entry))
        assert path_count(chains(forward), w, entry) == count == (2 if entry[0] == entry[1] else 1)
        assert ("d" in reached(chains(forward), w, entry)) == (entry[0] == entry[1])


@pytest.mark.parametrize("name", sorted(COUPLED))
def test_paths_are_not_counted_where_samples_are_coupled(name: str) -> None:
    derivation = by_hand(name)
    assert path_count(derivation.chains, derivation.forward.parameters[0], (2, 1)) is None
    assert any(
        "every path to E" in said(x)
        for x in draw(derivation, Highlight("W" if name == "batch_norm" else "Q", (2, 1))).parts.labels
    )


def _units(tensor: Tensor, numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n, a in zip(numbers, tensor.axes, strict=True) if not a.sample)


def _all(forward: ForwardPass, name: str, places: frozenset[tuple[object, ...]]) -> set[tuple[int, ...]]:
    tensor = forward.tensors[name]
    return {
        units
        for numbers in entries(tensor)
        for units in [_units(tensor, numbers)]
        if any(all(holds(p, n) for p, n in zip(place, units, strict=True)) for place in places)
    }


@pytest.mark.parametrize("weight", ["W1[2,3]", "b1[4]", "W2[3,1]", "W3[1,4]"])
def test_exactly_the_paths_are_highlighted(weight: str) -> None:
    derivation = of_spec("small")
    highlight = read_highlight(weight, derivation.forward)
    drawing = draw(derivation, highlight)
    _, on = counted_by_hand(scalar_reads(derivation.forward), (highlight.name, highlight.entry))
    lit = {(c.tensor, int(c.entry)) for c in drawing.parts.circles if c.state == "path"}
    assert lit == {(n, numbers[0]) for n, numbers in on if n.startswith("a")}
    for stroke in (s for s in drawing.parts.strokes if s.kind == "weight"):
        row, column = map(int, stroke.entry.split(","))
        source = derivation.forward.tensors[stroke.reads[0]].name
        both = {(source, (column, 1)), (stroke.reads[1], (row, 1))} <= on
        assert (stroke.state == "path") == both
    assert {s.state for s in drawing.parts.strokes if s.weight == highlight.name and s.state == "mark"} == {"mark"}


def test_highlight_is_told_by_more_than_colour() -> None:
    drawing = drawn(of_spec("small"), "W1[2,3]")
    (mark,) = [x for x in drawing.parts.labels if x.state == "mark" and x.entry]
    assert said(mark) == "w⁽¹⁾_23"
    assert any(said(x) == "w⁽¹⁾_23 and 4 paths to E" for x in drawing.parts.labels)
    assert "4 paths" in drawing.text
    assert "line width=2.2pt" in tikz(drawing)
    assert "stroke-width:2.2" in svg(drawing)


def states(name: str, weight: str) -> tuple[set[str], set[tuple[str, str]], set[str]]:
    drawing = drawn(by_hand(name), weight)
    lit = {c.tensor for c in drawing.parts.cards if c.state == "path"}
    arrows = {s.reads for s in drawing.parts.strokes if s.state == "path"}
    return lit, arrows, {s.reads[1] for s in drawing.parts.strokes if s.state == "mark"}


def test_highlight_follows_a_skip_connection() -> None:
    lit, arrows, into = states("residual", "W1[2,1]")
    assert lit == {"z1", "h1", "z2", "f2", "h2", "o", "E"}
    assert {("h1", "h2"), ("h1", "z2"), ("f2", "h2")} <= arrows
    assert into == {"z1"}
    lit, arrows, _ = states("residual", "W2[2,1]")
    assert lit == {"z2", "f2", "h2", "o", "E"}
    assert ("h1", "h2") not in arrows


def test_highlight_follows_a_tied_weight() -> None:
    lit, arrows, into = states("tied", "W[1,2]")
    assert into == {"z2", "z3"}
    assert lit == {"z2", "h2", "z3", "h3", "o", "E"}
    assert ("h2", "z3") in arrows
    assert states("autoencoder", "W[1,2]")[2] == {"z", "o"}
    assert states("penalty", "W[1,2]")[2] == {"o", "E"}


# ------------------------------------------------------------ nothing on top of anything else


def apart(one: Frame, other: Frame, by: float = 0.0) -> bool:
    return one[2] + by <= other[0] or other[2] + by <= one[0] or one[3] + by <= other[1] or other[3] + by <= one[1]


def frame(shape: Circle | Card) -> Frame:
    half = (shape.radius, shape.radius) if isinstance(shape, Circle) else (shape.width / 2, shape.height / 2)
    return shape.x - half[0], shape.y - half[1], shape.x + half[0], shape.y + half[1]


def along(stroke: Stroke) -> Iterator[tuple[float, float]]:
    """Points on a stroke, close together."""
    for piece in pieces(stroke):
        for step in range(61):
            t = step / 60
            if len(piece) == 2:
                weights = (1 - t, t)
            else:
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)  # type: ignore[assignment]
            yield tuple(sum(w * p[n] for w, p in zip(weights, piece, strict=True)) for n in (0, 1))  # type: ignore[misc]


@pytest.mark.parametrize("name", SPREAD)
@pytest.mark.sampled(18)
def test_nothing_overlaps(name: str) -> None:
    drawing = one(name)
    labels, shapes = drawing.parts.labels, [*drawing.parts.circles, *drawing.parts.cards]
    for a, b in combinations(labels, 2):
        assert apart(a.bounds, b.bounds), (said(a), said(b))
    for a, b in combinations(shapes, 2):
        assert apart(frame(a), frame(b), 1.0), (a, b)
    for label in labels:
        for shape in shapes:
            left, top, right, bottom = frame(shape)
            inside = left <= label.bounds[0] and label.bounds[2] <= right and abs(label.y - shape.y) < 1e-6
            assert inside or apart(label.bounds, (left, top, right, bottom)), (said(label), shape)


@pytest.mark.parametrize("name", SPREAD)
@pytest.mark.sampled(18)
def test_no_line_crosses_a_label_or_a_unit(name: str) -> None:
    parts = one(name).parts
    for stroke in parts.strokes:
        xs, ys = zip(*stroke.points, strict=True)
        around = (min(xs), min(ys), max(xs), max(ys))
        labels = [label for label in parts.labels if not apart(label.bounds, around, -0.01)]
        circles = [c for c in parts.circles if not apart(frame(c), around, -0.01)]
        cards = [frame(c) for c in parts.cards if not apart(frame(c), around, -0.01)]
        for x, y in along(stroke) if labels or circles or cards else ():
            for label in labels:
                left, top, right, bottom = label.bounds
                assert not (left < x < right and top < y < bottom), (stroke, said(label))
            for circle in circles:
                assert (x - circle.x) ** 2 + (y - circle.y) ** 2 > (circle.radius - 0.02) ** 2
            for left, top, right, bottom in cards:
                assert not (left + 0.1 < x < right - 0.1 and top + 0.1 < y < bottom - 0.1), stroke


def test_every_arrow_between_three_steps_is_there() -> None:
    """Those of two steps back lead from the first to the last, and to and from dots."""
    parts = one("steps of second_order_lag").parts
    between = [stroke for stroke in parts.strokes if stroke.reads == ("s", "z")]
    assert sum(label.runs == ("...",) for label in parts.labels) == 4
    assert len(between) == 2 + 1 + 4  # from one step to the next, past a step, and those with dots


@pytest.mark.parametrize("name", SPREAD)
@pytest.mark.sampled(18)
def test_drawing_fits_the_line(name: str) -> None:
    drawing = one(name)
    assert drawing.width <= WIDEST + 0.01
    for stroke in drawing.parts.strokes:
        for x, y in along(stroke):
            assert 0 <= x <= drawing.width
            assert 0 <= y <= drawing.height
    for label in drawing.parts.labels:
        left, top, right, bottom = label.bounds
        assert left >= 0 and top >= 0 and right <= drawing.width and bottom <= drawing.height
        assert label.size in (5, 6, 7, 8)  # in other sizes Computer Modern is not cut, and LaTeX warns


def test_long_graphs_are_elided() -> None:
    derivation = derive(_long(40))
    drawing = draw(derivation)
    (hidden,) = [c for c in drawing.parts.cards if c.kind == "left_out"]
    assert drawing.height < 700
    assert "left out" in drawing.text
    shown = {c.tensor for c in drawing.parts.cards} - {hidden.tensor}
    (label,) = [said(x) for x in drawing.parts.labels if "more" in said(x)]
    assert label == f"{2 * 40 + 4 - len(shown)} more"
    lit = draw(derivation, Highlight("W3", (1, 2)))
    (hidden,) = [c for c in lit.parts.cards if c.kind == "left_out"]
    assert hidden.state == "path"


def _long(blocks: int) -> ForwardPass:
    s = Statement()
    x, y = s.input("X", axis(3)), s.target("Y", axis(3))
    h = x
    for n in range(1, blocks + 1):
        r = dense(s, f"r{n}", s.parameter(f"W{n}", axis(3), axis(3)), h)
        h = define(s, f"h{n}", h.axes, lambda i, u, h=h, r=r: h[i, u] + r[i, u])
    return closed(s, squares(s, y, dense(s, "o", s.parameter("V", axis(3), axis(3)), h)))


# ------------------------------------------------------------ which weight


@pytest.mark.parametrize("written", ["W2[3,1]", " W2 [ 3 , 1 ] ", "W2[03,1]"])
def test_weight_is_read(written: str) -> None:
    assert read_highlight(written, of_spec("small").forward) == Highlight("W2", (3, 1))
    assert str(Highlight("W2", (3, 1))) == "W2[3,1]"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("W4[1,1]", "it has W1, b1, W2, b2, W3 and b3"),
        ("w2[1,1]", "did you mean W2"),
        ("W2[5,1]", "5 is not between 1 and 4"),
        ("W2[0,1]", "0 is not between 1 and 4"),
        ("W2[1,0]", "0 is not between 1 and 4"),
        ("W2[1]", "write a row and a column, such as W2[1,1]"),
        ("b2[1,1]", "write one number, such as b2[1]"),
        ("W2", "write a row and a column"),
        ("", "written like W1[1,1]"),
        ("W2[1,1", "written like W1[1,1]"),
        ("W2[-1,1]", "written like"),
        ("W2[1;1]", "written like"),
        ("X[1,1]", "it has W1"),
        ("W2[" + "9" * 400 + ",1]", "longer than 200 characters"),
        ("W2[٣,1]", "written like"),
        ("\x1b[31m", "written like"),
    ],
)
def test_an_invalid_weight_is_refused(written: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        read_highlight(written, of_spec("small").forward)
    told = str(caught.value)
    assert told.isprintable() and len(told) < 250


def test_numbers_count_as_the_matrix_does() -> None:
    assert read_highlight("W1[1,0]", of_spec("augmented").forward).entry == (1, 0)
    assert read_highlight("W1[999,5]", of_spec("named").forward).entry == (999, 5)
    assert read_highlight("t", by_hand("scalar_parameters").forward) == Highlight("t", ())
    with pytest.raises(SpecError):
        draw(of_spec("small"), Highlight("W2", (9, 9)))


# ------------------------------------------------------------ SVG

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", SPREAD)
@pytest.mark.sampled(18)
def test_svg_is_well_formed_and_complete(name: str) -> None:
    drawing = one(name)
    root = ET.fromstring(svg(drawing))
    assert root.get("role") == "img"
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert [root.find(f"{SVG}{n}").text for n in ("title", "desc")] == [drawing.title, drawing.text]  # type: ignore[union-attr]
    assert set((root.get("aria-labelledby") or "").split()) <= set(ids)
    assert len(root.findall(f"{SVG}circle")) == len(drawing.parts.circles)
    assert len(root.findall(f"{SVG}text")) == len(drawing.parts.labels)
    arrows = sum(s.arrow for s in drawing.parts.strokes)
    assert len(root.findall(f"{SVG}path")) == len(drawing.parts.strokes) + arrows
    allowed = {"svg", "title", "desc", "style", "path", "circle", "rect", "g", "text", "tspan"}
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= allowed
    assert not re.search(r"\bhref|url\(|@import|\bon[a-z]+=|<script", svg(drawing))


def test_svg_says_what_everything_stands_for() -> None:
    root = ET.fromstring(svg(drawn(of_spec("small"), "W2[3,1]")))
    units = {e.get("data-unit"): e for e in root.iter(f"{SVG}circle") if e.get("data-unit")}
    assert {"X:1", "a1:4", "a2:3", "a3:1"} <= set(units)
    assert units["a2:3"].get("data-layer") == "2"
    assert units["a2:3"].get("class") == "node unit path"
    lines = [e for e in root.iter(f"{SVG}path") if e.get("data-weight") == "W2:3,1"]
    assert lines and all("mark" in str(e.get("class")) and e.get("data-symbol") == "W2" for e in lines)
    symbols = {e.get("data-symbol") for e in root.iter() if e.tag in (f"{SVG}text", f"{SVG}tspan")}
    assert {"W1", "b1", "W2", "b2", "W3", "b3", "E", "Y", "a2"} <= symbols


def test_svg_in_a_page_follows_the_page() -> None:
    drawing = drawn(of_spec("small"))
    inline = svg(drawing, prefix="one", standalone=False)
    assert "prefers-color-scheme" not in inline
    assert all(f"var(--derive-{name},{value})" in inline for name, value in LIGHT.items())
    assert "prefers-color-scheme" in svg(drawing)
    both = ET.fromstring(f"<div>{inline}{svg(drawing, prefix='two', standalone=False)}</div>")
    ids = [e.get("id") for e in both.iter() if e.get("id")]
    assert len(ids) == len(set(ids)) == 6
    for rule in inline.split("<style>")[1].split("</style>")[0].split("}"):
        assert not rule or rule.startswith("#one")


def test_svg_of_hostile_text_is_escaped() -> None:
    drawing = drawn(of_spec("small"))
    evil = "\"><script>&'</style>"
    label = Label(1, 1, (evil,), 8, symbol=evil)
    circle = replace(drawing.parts.circles[0], tensor=evil, entry=evil, kind=evil)
    parts = replace(drawing.parts, labels=(label,), circles=(circle,))
    written = svg(replace(drawing, title=evil, text=evil, parts=parts), prefix="a" + evil)
    root = ET.fromstring(written)
    assert "<script" not in written
    assert root.find(f"{SVG}title").text == evil  # type: ignore[union-attr]
    assert next(root.iter(f"{SVG}text")).text == evil
    assert next(root.iter(f"{SVG}circle")).get("data-symbol") == evil
    assert written.count("</style>") == 1


def test_a_box_that_cannot_be_drawn_is_refused() -> None:
    from derive.paper.boxes import Box, Typesetter
    from derive.paper.notation import PSI

    set_ = Typesetter(PSI.times)
    with pytest.raises(NotImplementedError, match="fraction"):
        glyphs_of(set_.fraction(set_.number(1), set_.number(2)))
    with pytest.raises(NotImplementedError, match="strange"):
        glyphs_of(Box("strange", (), 1.0))


def luminance(colour: str) -> float:
    parts = [int(colour.lstrip("#")[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("colours", "paper"), [(LIGHT, "#ffffff"), (DARK, "#0d1117"), (DARK, "#22272e")])
def test_type_stands_out_from_what_is_behind_it(colours: dict[str, str], paper: str) -> None:
    for type_, behind in [("ink", f) for f in ("unit", "input", "lit")]:
        assert contrast(colours[type_], colours[behind]) >= 4.5
    for type_ in ("ink", "quiet", "path"):
        assert contrast(colours[type_], paper) >= 4.5
    assert contrast(colours["path"], paper) >= 3
    assert contrast(colours["line"], paper) >= 3


def test_tikz_type_stands_out() -> None:
    for fill in ("deriveunit", "deriveinput", "derivelit"):
        assert contrast(COLOURS["deriveink"], COLOURS[fill]) >= 4.5
    for colour in ("deriveink", "derivequiet", "derivepath"):
        assert contrast(COLOURS[colour], "FFFFFF") >= 4.5


def spelled_out() -> str:
    """Drawings of some networks, in both formats."""
    chosen = [
        (derive(Network((3, 8, "k"))), Highlight("W1", (7, 2))),
        (by_hand("recurrence"), Highlight("R", (1, 2))),
        (by_hand("attention"), None),
        (at_random(3), None),
    ]
    return "".join(svg(draw(d, h)) + tikz(draw(d, h)) for d, h in chosen)


def test_same_bytes_whatever_the_order_of_hashes(root: Path) -> None:
    code = "import sys, test_drawing; sys.stdout.write(test_drawing.spelled_out())"
    path = os.pathsep.join(map(str, (root, root / "tests", root / "tests" / "drawing")))
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == spelled_out()
    assert len(done.stdout) > 10000


# ------------------------------------------------------------ TikZ

COMPLAINT = re.compile(
    r"^!|^\S+:\d+: |^Overfull|^Missing character|^(LaTeX|Package|Class|pdfTeX)\b.* [Ww]arning\b|undefined"
)
Compile = Callable[..., str]


@pytest.fixture
def compiled(tmp_path: Path, skip_unless_required: Callable[[str], None]) -> Compile:
    """Compile a document and return its log, with no complaint in it."""

    def run(document: str, engine: str = "pdflatex", passes: int = 1) -> str:
        if shutil.which(engine) is None:
            skip_unless_required(f"{engine} is not installed")
        (tmp_path / "document.tex").write_text(document, encoding="utf-8")
        options = ["-interaction=nonstopmode", "-halt-on-error", "-file-line-error"]
        environment = {**os.environ, "max_print_line": "10000"}
        for _ in range(passes):
            done = subprocess.run(
                [engine, *options, "document.tex"],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=False,
            )
        log = (tmp_path / "document.log").read_text(encoding="utf-8", errors="replace")
        lines = [line for line in log.splitlines() if COMPLAINT.search(line)]
        assert done.returncode == 0 and not lines, "\n".join(lines)
        return log

    return run


def article(body: str, head: str = r"\usepackage{tikz}", kind: str = "{article}") -> str:
    return "\n".join([rf"\documentclass{kind}", r"\usepackage{amsmath,xcolor}", head, r"\begin{document}", body,
                      r"\end{document}"])  # fmt: skip


def centred(drawing: Drawing) -> str:
    return f"\\begin{{center}}\n{tikz(drawing)}\n\\end{{center}}\n"


@pytest.mark.parametrize("spread", [list(SPREAD)[n::8] for n in range(8)], ids=range(8))
@pytest.mark.sampled(16)
def test_every_drawing_compiles_and_its_labels_fit(compiled: Compile, spread: list[str]) -> None:
    """Many drawings in one run: no overfull box, and no label wider than it was taken to be."""
    labels = {(label.size, "".join(r if isinstance(r, str) else f"${latex(r)}$" for r in label.runs)): label
              for drawing in map(one, spread) for label in drawing.parts.labels}  # fmt: skip
    measures = "\n".join(
        rf"\setbox0=\hbox{{\fontsize{{{size}}}{{{size}}}\selectfont {written}}}\typeout{{width {n} \the\wd0}}"
        for n, (size, written) in enumerate(labels)
    )
    body = "".join(centred(drawing) for drawing in map(one, spread))
    log = compiled(article(f"{body}\n{measures}"))
    widths = {int(n): float(w) for n, w in re.findall(r"^width (\d+) ([\d.]+)pt", log, re.MULTILINE)}
    assert len(widths) == len(labels)
    wide = {
        w: (widths[n], label.width) for n, (w, label) in enumerate(labels.items()) if widths[n] > label.width * 1.08 + 1
    }
    assert not wide


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("{article}", r"\usepackage[T1]{fontenc}\usepackage{tikz}"),
        ("[12pt]{article}", r"\usepackage{tikz}"),
        ("{amsart}", r"\usepackage{tikz}\definecolor{derivepath}{rgb}{1,0,0}"),
    ],
)
@pytest.mark.sampled(3)
def test_in_other_documents(kind: str, head: str, engine: str, compiled: Compile) -> None:
    body = "".join(centred(one(n)) for n in ("small W2[3,1]", "digits", "residual, first", "depth 8"))
    compiled(article(body, head, kind), engine)


def test_in_a_talk(compiled: Compile) -> None:
    frames = "".join(rf"\begin{{frame}}{centred(one(n))}\end{{frame}}" for n in ("small W2[3,1]", "residual, first"))
    compiled(article(frames, kind="{beamer}"), passes=2)


def test_a_drawing_is_written_as_a_person_writes_it() -> None:
    written = tikz(one("small"))
    assert r"\foreach \i in {1,...,4} \node[unit] (a1-\i) at (1,2.5-\i) {${}^{(1)}a_{\i}$};" in written
    assert r"\foreach \i in {1,2,3} \foreach \j in {1,...,4} \draw[weight] (X-\i) -- (a1-\j);" in written
    assert r"\draw[reads, -latex] (a3-1) -- (E);" in written
    assert r"\usetikzlibrary" not in written and written.count("\n") < 45


def test_words_with_signs_of_latex(compiled: Compile) -> None:
    drawing = one("small")
    parts = replace(drawing.parts, labels=(Label(9, 9, ("a_b # $ % & { } ~ ^ \\x",), 8),))
    compiled(article(tikz(replace(drawing, parts=parts))))


@pytest.mark.parametrize("name", ["small", "augmented", "digits", "depth 8", "named", "seven"])
def test_every_line_between_units_joins_two_nodes(name: str) -> None:
    """A node that is moved takes its lines with it; only a highlighted weight's line is cut by its label."""
    lines = [line for line in tikz(one(name)).splitlines() if r"\draw" in line]
    ends = [end for line in lines for end in re.findall(r"\(([^()]*)\)(?= --|;)", line)]
    assert len(ends) == 2 * len(lines) and not any("," in end for end in ends)
    weights = sum(s.kind in ("weight", "bias") for s in one(name).parts.strokes)
    assert len(lines) < weights / 2


def test_where_signs_of_punctuation_are_active(compiled: Compile, tmp_path: Path) -> None:
    """babel makes them active for French."""
    (tmp_path / "drawing.tex").write_text(tikz(one("small W2[3,1]")), encoding="utf-8")
    active = "\n".join(rf"\catcode`\{c}=13 \def{c}{{\ensuremath{{\string{c}}}}}" for c in ":;")
    compiled(article(f"{active}\n\\input{{drawing}}"))


def test_the_paths_of_a_deep_network_are_counted_without_a_call_for_each_layer():
    d = derive(Network((2,) * 41))
    frames = len(inspect.stack(0))
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(frames + 120)
        assert path_count(d.chains, d.forward.parameters[0], (1, 1)) == 2**39
    finally:
        sys.setrecursionlimit(before)
