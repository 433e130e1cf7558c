"""Exercises drawn from the network at hand, with answers that are derived like everything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from sympy import Expr

from derive.arrays.lift import ArrayAssign
from derive.calculus.cost import multiplications, multiplications_by_chain
from derive.calculus.cost import scalar_chains as count_chains
from derive.calculus.index import SAMPLES
from derive.calculus.scalar_chains import scalar_chains, telling_entry
from derive.catalogue.losses import loss
from derive.document.blocks import Block, Display, Fold, Heading, Item, Part, Reference, Text, listed, say
from derive.document.parts.matrices import product_over_samples
from derive.document.parts.values import plugged
from derive.document.view import LINE, View
from derive.paper.latex import latex
from derive.paper.page import Page
from derive.paper.page_of import page_for
from derive.statement.network import Network
from derive.targets.registry import Runnable
from derive.text.errors import SpecError

#: Losses and activations that an exercise asks about, the first one that fits and is another one than the network's.
OTHER_LOSSES = ("cross_entropy", "binary_cross_entropy", "mse", "mae")
OTHER_ACTIVATIONS = ("tanh", "sigmoid", "softplus")

Exercise = tuple[Text, tuple[Block, ...]]


def exercises(view: View) -> Part:
    """Questions, each with a folded answer."""
    found = [*_paths(view), *_shapes(view), *_other_loss(view), *_other_activation(view), *_wider(view)]
    blocks: list[Block] = []
    for number, (question, answer) in enumerate(found, 1):
        blocks += [
            Heading(Text((f"Exercise {number}",)), question),
            Fold(Text((f"Answer to exercise {number}",)), answer),
        ]
    return Part("exercises", "Exercises", tuple(blocks))


def _paths(view: View) -> Iterator[Exercise]:
    """How many paths lead to a weight, and why."""
    parameter = view.by_depth()[-1]
    weight = next((p for p in view.by_depth()[::-1] if len(p.axes) == 2), parameter)
    entry = telling_entry(weight)
    original = next(p for p in view.derivation.forward.parameters if p.name == weight.name)
    chains = view.derivation.chains
    count = count_chains(chains, original, entry) - len([*scalar_chains(chains, original, entry, penalty=True)])
    gradient = next(s for s in view.single.stage("gradient") if s.target.about == weight)
    read = [s for s in view.single.stage("factor") if s.target.symbol in gradient.equation.expression.free_symbols]
    if count == 1:
        return
    symbol = view.page.symbol(weight, tuple(entry))
    answer: list[Block] = [say("{} paths.", view.page.entry(count))]
    if read:
        words = "The products along them are never computed one by one: {} contains them all and is computed once."
        answer.append(say(words, listed(Reference(s.number) for s in read)))
    words = "How many paths lead from the loss through the layers to the weight {}? Which equation adds them up?"
    yield say(words, symbol), tuple(answer)


def _shapes(view: View) -> Iterator[Exercise]:
    """The shapes of both sides of a gradient."""
    statement = next((s for s in view.batch.stage("gradient") if product_over_samples(s) is not None), None)
    if statement is None or statement.target.about is None:
        return
    about = statement.target.about
    page = view.batch_page
    shaped = replace(page, shapes=True)
    item = view.arrays(statement, shaped, numbered=False)
    question = "Write the shape below each matrix of {}. Why does the result have the shape of {}?"
    words = "The sum over the samples removes {}; one index of each factor remains, and these are the indices of {}."
    answer = (Display((item,)), say(words, page.entry(SAMPLES), page.symbol(about, whole=True)))
    yield say(question, Reference(statement.number), page.symbol(about, whole=True)), answer


def _other_loss(view: View) -> Iterator[Exercise]:
    """The equations that another loss changes."""
    other = _varied(view, (("loss", name) for name in OTHER_LOSSES))
    if other is None:
        return
    assert other.network is not None
    changed = _changed(view, other)
    page = _batch_page(other)
    items = (Item(page.symbol(new.target, whole=True), tuple(page.array_pieces(new.form, LINE))) for _, new in changed)
    question = say(
        "Replace the loss by {}. Which equations of the loss and of the backward pass change, and how?",
        loss(other.network.loss).phrase,
    )
    words = "Of these, {} changes:" if len(changed) == 1 else "Of these, {} change:"
    yield question, (say(words, listed(Reference(old.number) for old, _ in changed)), Display(tuple(items)))


def _other_activation(view: View) -> Iterator[Exercise]:
    """The last shared factor if the first layer has another activation."""
    network = view.derivation.network
    if network is None or not view.single.stage("factor"):
        return
    last = view.single.stage("factor")[-1].target
    other = _varied(view, (("activation", (name, *network.activation[1:])) for name in OTHER_ACTIVATIONS))
    if other is None or last.layer != 1 or len(network.activation) < 2:
        return
    assert other.network is not None
    item = plugged(View(other))[-1]
    symbol = view.page.symbol(last, whole=True)
    question = "Give the first layer the activation {}. What is {} in terms of the activations of the layer?"
    yield say(question, other.network.activation[0], symbol), (Display((item,)),)


def _wider(view: View) -> Iterator[Exercise]:
    """The multiplications of a network whose hidden layers are twice as wide."""
    network = view.derivation.network
    if network is None or len(network.layers) < 3 or not all(isinstance(w, int) for w in network.layers):
        return
    first, *hidden, outputs = (int(w) for w in network.layers)
    other = _varied(view, [("layers", (first, *(2 * w for w in hidden), outputs))])
    if other is None:
        return
    before, after = (_costs(one) for one in (view.derivation, other))
    words = "{} instead of {} with every chain by itself, and {} instead of {} with shared factors."
    numbers = [view.page.entry(n) for pair in zip(after, before, strict=True) for n in pair]
    which = "layer" if len(hidden) == 1 else "layers"
    question = f"Make the hidden {which} twice as wide. How many multiplications and divisions do the gradients take?"
    yield say(question), (say(words, *numbers),)


def _costs(derived: Runnable) -> tuple[Expr, Expr]:
    """The multiplications for the gradients of one sample, without and with shared factors."""
    return multiplications_by_chain(derived.chains), multiplications(derived.single.stage("factor", "gradient"))


def _varied(view: View, changes: Iterable[tuple[str, object]]) -> Runnable | None:
    """The derivation of the network with the first change that is one and that it admits."""
    network = view.derivation.network
    if network is None:
        return None
    values = network.values()
    for key, value in changes:
        if values[key] == value:
            continue
        with suppress(SpecError):
            return Runnable.of_network(Network(**{**values, key: value}))
    return None


def _changed(view: View, other: Runnable) -> list[tuple[ArrayAssign, ArrayAssign]]:
    """The statements that are printed otherwise, here and there."""
    new = {s.target.name: s for s in other.program.stage("error", "factor", "gradient")}
    page, own = _batch_page(other), view.batch_page
    pairs = [(s, new[s.target.name]) for s in view.batch.stage("error", "factor", "gradient") if s.target.name in new]
    return [(a, b) for a, b in pairs if latex(own.array(a.form)) != latex(page.array(b.form))]


def _batch_page(derived: Runnable) -> Page:
    return replace(page_for(derived.program, derived.notation), batch=True)
