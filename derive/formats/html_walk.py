"""The data for the page's script, and the figure that walks through the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from derive.calculus.index import symbols_read
from derive.document.blocks import Item
from derive.document.walk import Stride, strides

if TYPE_CHECKING:
    from derive.document.view import View

Facts = dict[str, dict[str, str]]


def facts(view: View) -> Facts:
    """Return the correspondences between symbols.

    ``same`` maps a derivative of the error, such as ``E/z2``, to its name. ``shown`` maps a tensor without
    a place in the drawing to the tensor that represents it there.
    """
    return {"same": _same(view), "shown": _shown(view)}


def _same(view: View) -> dict[str, str]:
    forward, program = view.derivation.forward, view.batch
    named = {p.tensor.name: p.name.name for p in program.passages if p.name is not None}
    named |= {s.target.about.name: s.target.name for s in program.stage("gradient") if s.target.about is not None}
    errors = dict.fromkeys((forward.error.target.name, "E"))  # a gradient is written with the letter E
    return {f"{error}/{about}": name for error in errors for about, name in named.items()}


def _shown(view: View) -> dict[str, str]:
    """Represent a factor or gradient by the tensor it belongs to, and a forward tensor by its first reader."""
    found: dict[str, str] = {}
    for statement in view.batch.stage("forward", "error"):
        for name in symbols_read(statement.equation.expression):
            found.setdefault(name, statement.target.name)
    about = {s.target.name: s.target.about.name for s in view.batch.stage("factor", "gradient") if s.target.about}
    return found | about


def walk_figure(view: View, drawing: str, write: Callable[[Item, bool], str]) -> str:
    """Write the backward pass as a figure, hidden until the script has run.

    ``drawing`` is the id of the drawing that the script copies into the figure; empty for none.
    """
    picture = f'<div class="net" data-copy="{escape(drawing)}"></div>\n' if drawing else ""
    steps = walk(view, write)
    return f'<figure class="walk" hidden>\n<h3>The backward pass, step by step</h3>\n{picture}{steps}\n</figure>'


def walk(view: View, write: Callable[[Item, bool], str], drawn: bool = True, words: str = "") -> str:
    """Write the steps of the backward pass with controls; they light parts of the drawing if it is ``drawn``.

    ``words`` are added to those before the first step.
    """
    steps = strides(view)
    last = len(steps)
    listed = "\n".join(_stride(n, last, step, write, drawn) for n, step in enumerate(steps, start=1))
    return (
        '<div class="controls"><button type="button" value="-1">Back</button>'
        f'<input type="range" min="0" max="{last}" value="0" aria-label="Step of the backward pass">'
        '<button type="button" value="1">Next</button></div>\n'
        f'<ol aria-live="polite">\n<li><p>{_BEGIN}{words}</p></li>\n{listed}\n</ol>'
    )


_BEGIN = "Go on to the next step to follow the gradient of the loss back through the network."


def _stride(number: int, last: int, step: Stride, write: Callable[[Item, bool], str], drawn: bool) -> str:
    rows = "\n".join(write(item, False) for item in step.items)
    numbers = " ".join(map(str, step.numbers))
    places = " ".join(step.drawn) if drawn else ""
    return (
        f'<li hidden data-symbols="{escape(" ".join(step.symbols))}" data-drawn="{escape(places)}" '
        f'data-numbers="{numbers}"><p>Step {number} of {last}</p>\n<div class="eqs">\n{rows}\n</div></li>'
    )
