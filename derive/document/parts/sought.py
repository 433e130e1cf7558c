"""The gradients to derive, and their cost without the chain rule."""

from __future__ import annotations

from derive.calculus.cost import multiplications
from derive.document.blocks import Block, Display, Item, Part, Text, say
from derive.document.view import View
from derive.paper.boxes import EMPTY, Box

#: Largest number of gradients listed; of more, the middle ones are omitted.
MOST = 8


def sought(view: View) -> Part:
    """The gradients as one line of symbols, and the cost of finite differences."""
    gradients = Display((Item(EMPTY, tuple(_gradients(view)), "none"),))
    blocks: list[Block] = []
    if view.total.is_number:
        blocks += [
            say("Learning needs the slope of the error along each of the {} parameters:", view.page.entry(view.total)),
            gradients,
        ]
    else:
        count = Display((Item(EMPTY, tuple(view.page.pieces(view.total)), "none"),))
        blocks += [
            say("The number of parameters is"),
            count,
            say("and learning needs the slope of the error along each of them:"),
            gradients,
        ]
    blocks.append(_price(view))
    return Part("sought", "What we seek", tuple(blocks))


def _gradients(view: View) -> list[Box]:
    targets = [s.target for s in view.single.stage("gradient")]
    shown = targets if len(targets) <= MOST else [*targets[:4], None, *targets[-2:]]
    boxes = [view.set_.dots("low") if g is None else view.page.symbol(g, whole=True) for g in shown]
    return [*(view.set_.after(b, "comma") for b in boxes[:-1]), boxes[-1]]


def _price(view: View) -> Text:
    once = multiplications(view.single.stage("forward", "error"))
    words = "Finding it by moving one parameter at a time would take one more forward pass for each of them"
    return say(
        words + ": {} passes of {} multiplications and divisions each{}, and the result would be an approximation. The "
        "chain rule finds all of them, exactly, in one pass backwards.",
        view.page.entry(view.total),
        view.page.entry(once),
        say(", {} in all for every sample", view.page.entry(view.total * once)) if once.is_number else Text(()),
    )
