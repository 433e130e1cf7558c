"""Draw a derivation: units for plain layers, a graph of tensors for anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from sympy import Expr

from derive.calculus.roles import Role
from derive.catalogue.losses import loss
from derive.drawing.cards import fitted_cards
from derive.drawing.columns import Column, Runs, columns
from derive.drawing.graph import graph_of
from derive.drawing.highlight import Highlight
from derive.drawing.layers import Layer, plain_layers
from derive.drawing.names import array_symbol, entry_symbol
from derive.drawing.plan import STYLES, Chosen, Plan
from derive.drawing.reach import Entry, path_count, reached
from derive.drawing.scene import MARGIN, Drawing, Label, Parts
from derive.drawing.units import units
from derive.drawing.words import followed, graph_words, unit_words

if TYPE_CHECKING:
    from derive.derived import Derived


#: This number of columns never fits.
_MOST = 14


def draw(derivation: Derived, highlight: Highlight | None = None) -> Drawing:
    """Draw a network; with ``highlight`` also one weight and every path from it to the error.

    Raises SpecError if the network does not have the weight.
    """
    chosen = None if highlight is None else _chosen(derivation, highlight)
    parts, text = _drawn(derivation, chosen)
    if highlight is None or chosen is None:
        is_layer = bool(derivation.forward.upstream) and derivation.first is None
        return framed(parts, "The layer" if is_layer else "The network", text)
    count = path_count(derivation.chains, chosen.parameter, chosen.entry)
    parts = _with_legend(parts, _legend(derivation, chosen, count))
    return framed(parts, f"The paths from {highlight} to the loss", f"{text} {followed(highlight, count)}")


def _chosen(derivation: Derived, highlight: Highlight) -> Chosen:
    parameter = highlight.parameter(derivation.forward)
    return Chosen(parameter, highlight.entry, reached(derivation.chains, parameter, highlight.entry))


def _drawn(derivation: Derived, chosen: Chosen | None) -> tuple[Parts, str]:
    """The parts of the drawing and their description in words."""
    layers = plain_layers(derivation)
    if layers is None:
        cards = fitted_cards(graph_of(derivation.forward), derivation.chains, derivation.page, chosen)
        return cards.parts(), graph_words(derivation, cards.graph)
    plan = fitted_plan(derivation, layers, chosen)
    return units(plan), unit_words(derivation, plan)


# ------------------------------------------------------------ plain layers


def fitted_plan(derivation: Derived, layers: tuple[Layer, ...], chosen: Chosen | None) -> Plan:
    """Lay out the columns in the most spacious style that fits; of too many columns, keep as many as fit."""
    page = derivation.page
    listed = columns(layers, page, _with_source(layers, chosen))
    forward = derivation.forward
    targets = tuple(t for t in forward.inputs if t.role == Role.TARGET)
    phrase = "" if derivation.network is None else loss(derivation.network.loss).phrase
    plan = Plan(tuple(listed), page, forward.error.target, targets, phrase, STYLES[0], chosen)
    tries = [replace(plan, style=style) for style in STYLES]
    order = _by_importance(listed, chosen)
    tries += [_some(plan, sorted(order[:count])) for count in range(min(len(listed), _MOST) - 1, 2, -1)]
    last = replace(tries[-1], style=STYLES[-1])
    tries += [last, replace(last, columns=tuple(c.without_name() for c in last.columns))]
    return next((tried for tried in tries if tried.fits), tries[-1])


def _some(plan: Plan, kept: list[int]) -> Plan:
    """Keep some of the columns; drop a unit that is always 1 if the column it feeds is omitted."""
    gaps = tuple(b - a - 1 for a, b in pairwise(kept))
    listed = [plan.columns[n] for n in kept]
    ended = [replace(c, has_constant=c.has_constant and not gap) for c, gap in zip(listed, (*gaps, 0), strict=True)]
    return replace(plan, columns=tuple(ended), gaps=gaps, style=STYLES[1])


def _with_source(layers: tuple[Layer, ...], chosen: Chosen | None) -> Mapping[str, frozenset[Entry]]:
    """The highlighted entries, with the unit where the highlighted weight starts."""
    if chosen is None:
        return {}
    source = next((layer.source for layer in layers if layer.weight == chosen.parameter), None)
    if source is None or chosen.entry[1] == 0:
        return chosen.lit
    return {**chosen.lit, source.name: frozenset({chosen.entry[1:]})}


def _by_importance(listed: list[Column], chosen: Chosen | None) -> list[int]:
    """Rank the columns: the outermost first, then those of the highlighted weight, then inwards."""
    last = len(listed) - 1
    layers = [c.layer for c in listed]
    marked = [n for n, one in enumerate(layers) if one and chosen and chosen.parameter in (one.weight, one.bias)]
    inwards = [n for pair in zip(range(last + 1), range(last, -1, -1), strict=True) for n in pair]
    return list(dict.fromkeys([0, last, *(m for n in marked for m in (n - 1, n)), *inwards]))


# ------------------------------------------------------------ the frame


def _legend(derivation: Derived, chosen: Chosen, count: Expr | None) -> Runs:
    """The legend: the highlighted weight and the number of paths."""
    page = derivation.page
    number: Runs = ("every path",) if count is None else (page.entry(count), " path" if count == 1 else " paths")
    error = array_symbol(page, derivation.forward.error.target)
    return (entry_symbol(page, chosen.parameter, chosen.entry), " and ", *number, " to ", error)


def _with_legend(parts: Parts, runs: Runs) -> Parts:
    """Add a line of text below the drawing."""
    left, _, right, bottom = parts.frame()
    return replace(parts, labels=(*parts.labels, Label((left + right) / 2, bottom + 12, runs, 8, "mark")))


def framed(parts: Parts, title: str, text: str) -> Drawing:
    """A drawing of some parts, with a margin."""
    left, top, right, bottom = parts.frame()
    width, height = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
    return Drawing(width, height, title, text, parts.moved(MARGIN - left, MARGIN - top))
