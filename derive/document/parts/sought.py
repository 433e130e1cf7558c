"""The gradients to derive, and their cost without the chain rule."""

from __future__ import annotations

from derive.calculus.cost import multiplications, size
from derive.calculus.index import Tensor
from derive.calculus.recurrence import recurrences
from derive.calculus.roles import Role
from derive.calculus.truncation import reads_across
from derive.catalogue.losses import loss
from derive.document.blocks import Block, Display, Item, Part, Text, listed, say
from derive.document.parts.forward import inside_functions
from derive.document.parts.glance import given
from derive.document.view import View
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.boxes import EMPTY, PRODUCT, SUM, Box

#: Largest number of gradients listed; of more, the middle ones are omitted.
MOST = 8
#: Up to how many of them stand in the sentence.
FEW = 2


def sought(view: View) -> Part:
    """Gradient descent in a paragraph, the gradients as symbols, and the cost of finite differences."""
    if view.alone:
        return Part("sought", "What we seek", tuple(given(view)))
    gradients: tuple[Block, ...] = (Display((Item(EMPTY, tuple(_gradients(view)), "none"),)),)
    first = view.single.stage("gradient")[0].target
    assert first.about is not None
    trained = "" if view.single.learned == view.single.parameters else " that are trained"
    optimizer = view.descent.optimizer
    rate, one = view.page.symbol(LEARNING_RATE), view.page.symbol(first.about, whole=True)
    step = view.set_.join((rate, view.page.symbol(first, whole=True)), "thin", PRODUCT)
    blocks: list[Block] = [
        say(
            "Training adjusts the parameters so that the loss {} decreases.{} Think of {} as the height of a landscape "
            "over the parameters. Its gradient points uphill, so gradient descent takes a small step the other way: "
            "it subtracts {} from {}{}. Here {} is the array of the derivatives of {} with respect to "
            "the entries of {}. The learning rate {} sets the size of the step.{}",
            view.page.error(),
            _why_this_loss(view),
            view.page.error(),
            step,
            one,
            f", and does the same for every other parameter{' that is trained' * bool(trained)}"
            if len(view.single.learned) > 1
            else "",
            view.page.symbol(first, whole=True),
            view.page.error(),
            one,
            rate,
            "" if optimizer.is_plain else f" {optimizer.title}, used below, changes this step.",
        )
    ]
    if view.total.is_number:
        words = f"So we need the derivative of the loss with respect to each of the {{}} parameters{trained}"
        few = [view.page.symbol(t, whole=True) for t in _learned(view)]
        if len(few) <= FEW:
            blocks.append(say(words + ": {}.", view.page.entry(view.total), listed(few)))
            gradients = ()
        else:
            blocks.append(say(words + ":", view.page.entry(view.total)))
    else:
        count = Display((Item(EMPTY, tuple(view.page.pieces(view.total)), "none"),))
        blocks += [
            say("So we need the derivative of the loss with respect to each parameter{}. Their number is", trained),
            count,
        ]
        blocks.append(say("and the gradients are"))
    return Part("sought", "What we seek", (*blocks, *gradients, *_of_inputs(view), _price(view)))


def _learned(view: View) -> list[Tensor]:
    """The gradients of the parameters."""
    return [s.target for s in view.single.stage("gradient") if s.target.about in view.single.parameters]


def _of_inputs(view: View) -> list[Block]:
    """The gradients of inputs, which no step needs."""
    slopes = [s.target for s in view.single.stage("gradient") if s.target.about in view.single.sought]
    if not slopes:
        return []
    inputs = listed(view.page.symbol(t.about, whole=True) for t in slopes if t.about is not None)
    words = "The derivative with respect to the {} {} is wanted, too: {}. It says how the loss changes with the data; "
    words += "training does not need it."
    noun = "input" if len(slopes) == 1 else "inputs"
    return [say(words, noun, inputs, listed(view.page.symbol(t, whole=True) for t in slopes))]


def _why_this_loss(view: View) -> Text:
    """Why the loss is what it is, as its entry in the catalogue says, and why it has a penalty."""
    network = view.derivation.network
    why = "" if network is None else loss(network.loss).why
    penalties = [s.target for s in view.single.stage("error") if s.target.role == Role.PENALTY]
    words = (
        " The penalty {} keeps the weights small, because large weights make the outputs sensitive to small changes "
    )
    words += "of the inputs."
    kept = [say(words, view.page.symbol(p)) for p in penalties]
    return say((f" {why}" if why else "") + "{}" * len(kept), *kept)


def _gradients(view: View) -> list[Box]:
    targets = _learned(view)
    shown = targets if len(targets) <= MOST else [*targets[:4], None, *targets[-2:]]
    boxes = [view.set_.dots("low") if g is None else view.page.symbol(g, whole=True) for g in shown]
    return [*(view.set_.after(b, "comma") for b in boxes[:-1]), boxes[-1]]


#: Up to how many multiplications finite differences are affordable.
AFFORDABLE = 100


def _price(view: View) -> Text:
    """The cost of finite differences beside that of a backward pass."""
    program = view.written
    once = multiplications(program, "forward", "error")
    back = multiplications(program, "factor", "gradient")
    total = view.total + sum(size(t) for t in view.single.sought)
    passes, both = total + 1, once + back
    one, several = ("number", "numbers") if view.single.sought else ("parameter", "parameters")
    words = (
        f"Finite differences would be slow. Changing one {one} at a time and measuring the loss takes one forward "
        f"pass for each of the {{}} {several} and one more for the unchanged loss"
    )
    end = "Finite differences are also only approximate. The chain rule gives all derivatives exactly"
    cut = any(map(reads_across, recurrences(view.derivation.forward.equations)))
    end += "; truncation leaves out what passes from one window to another." if cut else "."
    entry, join = view.page.entry, view.set_.join
    if not (passes.is_number and both.is_number):
        return say(words + ". " + end, entry(total))
    each = " for each sample" * view.apart
    affordable = " Here that would still be affordable, but the cost grows as the number of parameters times the cost "
    affordable += "of a pass."
    return say(
        f"{words}. These passes take {{}} multiplications and divisions{each}, against {{}} for one forward and one "
        f"backward pass{{}}.{affordable if int(passes * once) <= AFFORDABLE else ''} {end}",
        entry(total),
        join((join((entry(passes), entry(once)), "dot", PRODUCT), entry(passes * once)), "equals", SUM),
        join((view.page.sum_of(((False, entry(once)), (False, entry(back)))), entry(both)), "equals", SUM),
        inside_functions(view),
    )
