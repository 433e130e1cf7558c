"""Exercises drawn from the network at hand, with answers that are derived like everything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from sympy import Expr, Indexed, Rational, Sum, Symbol

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import SumOver, walk
from derive.calculus.cost import multiplications, multiplications_by_chain
from derive.calculus.cost import scalar_chains as count_chains
from derive.calculus.functions import derivative
from derive.calculus.index import SAMPLES, Tensor
from derive.calculus.program import Definition
from derive.calculus.roles import Role
from derive.calculus.scalar_chains import at_entry, scalar_chains, telling_entry
from derive.catalogue.losses import loss
from derive.document.blocks import Block, Display, Fold, Heading, Item, Part, Reference, Text, listed, say, spelled
from derive.document.parts.chain import local_steps, one_weight
from derive.document.parts.forward import definition, layers_of, written_out
from derive.document.parts.matrices import product_over_samples
from derive.document.parts.numbers import figure
from derive.document.parts.pattern import passage_steps
from derive.document.parts.values import plugged, slope_steps
from derive.document.view import LINE, View, bound_in, relation
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.boxes import SUM, Box
from derive.paper.latex import latex
from derive.paper.page import Page
from derive.paper.page_of import page_for
from derive.record import record
from derive.statement.keys import exactly
from derive.statement.network import Network
from derive.targets.registry import Runnable
from derive.text.errors import SpecError
from derive.worked.figures import shown

#: Losses and activations that an exercise asks about, the first one that fits and is another one than the network's.
OTHER_LOSSES = ("cross_entropy", "binary_cross_entropy", "mse", "mae")
OTHER_ACTIVATIONS = ("tanh", "sigmoid", "softplus")

#: A number for each role in an exercise by hand, and one for anything else.
BY_HAND: Mapping[str, Expr] = {Role.WEIGHT: Rational(2, 5), Role.FACTOR: Rational(1, 20), Role.TARGET: Rational(1)}
ANY = Rational(3, 5)
#: The significant digits of its results.
DIGITS = 6


@record
class Exercise:
    """A question with its answer; ``part`` is the name of the part of the document that it belongs to."""

    part: str
    question: Text
    answer: tuple[Block, ...]


def exercises(view: View, parts: Sequence[Part] = ()) -> tuple[Part, ...]:
    """Return the parts, each with its exercises at the end, and a part with the answers.

    Without parts, the questions stand before their answers in one part.
    """
    made = [*_one_weight(view), *_wider(view), *_other_activation(view), *_shapes(view), *_other_loss(view)]
    names = [part.name for part in parts]
    asked = [e for e in (*made, *_step_by_hand(view)) if not parts or e.part in names]
    questions = {e: Heading(Text((f"Exercise {number}",)), e.question) for number, e in enumerate(asked, 1)}
    answers = {e: Fold(say("Answer to exercise {}", str(number)), e.answer) for number, e in enumerate(asked, 1)}
    if not parts:
        both = [block for e in asked for block in (questions[e], answers[e])]
        return (Part("exercises", "Exercises", tuple(both)),)
    if not asked:
        return tuple(parts)
    longer = (replace(p, blocks=(*p.blocks, *(questions[e] for e in asked if e.part == p.name))) for p in parts)
    return *longer, Part("exercises", "Answers to the exercises", tuple(answers.values()))


def _one_weight(view: View) -> Iterator[Exercise]:
    """The chain rule of one weight in scalars: a weight whose chains the part does not show."""
    weights = [p for p in view.by_depth()[::-1] if len(p.axes) == 2 and p.role == Role.WEIGHT]
    if view.derivation.network is None or not weights:
        return
    weight = weights[min(1, len(weights) - 1)]
    entry = telling_entry(weight)
    original = next(p for p in view.derivation.forward.parameters if p.name == weight.name)
    chains = view.derivation.chains
    penalised = len([*scalar_chains(chains, original, entry, penalty=True)])
    count = count_chains(chains, original, entry) - penalised
    symbol = view.page.symbol(weight, tuple(entry))
    question = say(
        "How many paths lead through the layers from the weight {} to the loss? Write its derivative as a sum over "
        "the paths, and substitute the local derivatives.",
        symbol,
    )
    if count == 1 and not penalised and len(weights) == 1:
        words = "Write the derivative of the loss with respect to {} as a product of local derivatives, and substitute "
        words += "them."
        yield Exercise("chain", say(words, symbol), tuple(one_weight(view, weight, entry)[1:]))
        return
    number = spelled(int(count)).capitalize() if count.is_Integer else view.page.entry(count)
    words = ("{} path" if count == 1 else "{} paths") + (", and one through the penalty." if penalised else ".")
    yield Exercise("chain", question, (say(words, number), *one_weight(view, weight, entry)[1:]))


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
    yield Exercise("matrices", say(question, Reference(statement.number), page.symbol(about, whole=True)), answer)


def _other_loss(view: View) -> Iterator[Exercise]:
    """The equations that another loss changes."""
    other = _varied(view, (("loss", name) for name in OTHER_LOSSES))
    if other is None:
        return
    assert other.network is not None
    changed = _changed(view, other)
    page = _batch_page(other)
    items = (Item(page.target(new), tuple(page.array_pieces(new.form, LINE))) for _, new in changed)
    new = View(other)
    error = new.entries(other.single.stage("error")[-1], numbered=False)
    stated = new.set_.join((error.left, new.set_.join(error.right, "", SUM)), "equals", SUM)
    functions = [d for d in other.program.definitions if d.function.role == "loss"]
    own = [replace(definition(new, d), number=None) for d in functions if d.function.order == 0]
    equal = [new.set_.join((item.left, new.set_.join(item.right, "", SUM)), "equals", SUM) for item in own]
    question = say(
        "Replace the loss by {}, for one sample {}{}. Which equations of the loss and of the backward pass change, and "
        "how?",
        loss(other.network.loss).with_article,
        stated,
        say(" with {}", listed(equal)) if equal else "",
    )
    words = "Of these, {} changes{}:" if len(changed) == 1 else "Of these, {} change{}:"
    nodes = [n for _, a in changed for n in walk(a.form)]
    ones = any(isinstance(n, SumOver) and n.axis == 0 and page.shows_ones(n) for n in nodes)
    size = say("; here {} has a one for each output", view.set_.name("1")) if ones else ""
    answer: list[Block] = [say(words, listed(Reference(old.number) for old, _ in changed), size), Display(tuple(items))]
    factors = {new.target.name for _, new in changed if new.stage == "factor"}
    derived = [p for p in other.program.passages if p.name is not None and p.name.name in factors]
    edges = [e for e in other.chains.edges[other.forward.error.target.name] if e.wrt.role != Role.PENALTY]
    local = [item for e in edges for item in local_steps(new, e)]
    slopes = [replace(item, number=None) for d in functions if d.function.order for item in slope_steps(new, d)]
    steps = tuple([*slopes, *local, *(item for p in derived for item in passage_steps(new, p))] if derived else ())
    if steps:
        answer += [say("For one sample, this follows from the chain rule:"), Display(steps)]
    yield Exercise("matrices", question, tuple(answer))


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
    name, changed = other.network.activation[0], View(other)
    item = plugged(changed)[-1]
    function = next(d.function for d in other.program.definitions if d.function.label == name)
    steps = slope_steps(changed, Definition(0, derivative(function)))
    letter = changed.page.function(function, layers_of(changed, function)[0])
    answer = (
        say("With {} for {}, the derivative of the activation is", letter, name),
        Display(tuple(replace(step, number=None) for step in steps)),
        say("and the shared factor"),
        Display((item,)),
    )
    yield Exercise("values", say("Give the first layer the activation {}. What is {} then?", name, item.left), answer)


def _wider(view: View) -> Iterator[Exercise]:
    """The multiplications of a network whose hidden layers are twice as wide."""
    network = view.derivation.network
    if network is None or len(network.layers) < 3 or not all(isinstance(w, int) for w in network.layers):
        return
    if network.train is not None:  # perhaps not the first layer
        return
    first, *hidden, outputs = (int(w) for w in network.layers)
    other = _varied(view, [("layers", (first, *(2 * w for w in hidden), outputs))])
    if other is None:
        return
    weight = view.derivation.forward.learned[0]
    before, after = ((count_chains(d.chains, weight), *_costs(d)) for d in (view.derivation, other))
    words = (
        "The gradients take {} multiplications and divisions instead of {} if every chain is multiplied out, and {} "
    )
    words += "instead of {} with shared factors."
    numbers = [view.page.entry(n) for pair in zip(after, before, strict=True) for n in pair]
    if before[0] == after[0]:
        words, numbers = "The number of paths is {}, as before. " + words, numbers[1:]
    else:
        words = "{} paths instead of {}. " + words
    question = say(
        f"Make the hidden layer{'s' * (len(hidden) > 1)} twice as wide. How many paths lead from a weight of the first "
        "layer to the loss, and how many multiplications and divisions do the gradients take?"
    )
    yield Exercise("pattern", question, (say(words, *numbers),))


def _step_by_hand(view: View) -> Iterator[Exercise]:
    """The first step of one weight, with small numbers for all that its equations read."""
    weight = next((p for p in view.by_depth() if p.role == Role.WEIGHT), None)
    if view.derivation.network is None or weight is None:
        return
    entry = telling_entry(weight)
    gradient = next(s for s in view.single.stage("gradient") if s.target.about == weight)
    updates = [s for s in view.single.stage("update") if not s.target.axes or s.target.owner == weight]
    known: dict[Expr, Expr] = {}
    given: dict[Expr, Expr] = {}
    items: list[Item] = []
    for statement in (gradient, *updates):
        at = entry if statement.target.axes else ()
        value = at_entry(statement.equation.at(at)).replace(lambda e: isinstance(e, Sum), _opened)
        if value.has(Sum):  # the norm of all gradients
            return
        for read in sorted(value.atoms(Indexed, Symbol), key=str):
            tensor = view.single.tensors.get(read.base.label.name if isinstance(read, Indexed) else str(read))
            if tensor is not None and read not in known and isinstance(read, Indexed) == bool(tensor.axes):
                known[read] = given[read] = _chosen(view, tensor)
        boxes = {symbol: _decimal(view, number) for symbol, number in known.items()}
        page = replace(view.page.with_letters((), bound_in(value, ())), given=boxes, dotted=True)
        computed = value.xreplace(known)
        result = view.set_.before("equals", _decimal(view, computed))
        items.append(
            Item(page.symbol(statement.target, at), (*written_out(page, value, 0), result), relation(statement))
        )
        known |= {t[at]: computed for t in (statement.target, statement.target.replaces) if t is not None}
    sides = [
        view.set_.join((view.page.with_letters((), bound_in(s, ())).entry(s), _decimal(view, n)), "equals", SUM)
        for s, n in given.items()
    ]
    plain = view.descent.is_plain
    method = "one gradient descent step" if plain else f"the first step of {view.descent.optimizer.title}"
    words = view.sentence("Let {}.") + f" What does {method} do to {{}}?"
    question = say(words, listed(sides), view.page.symbol(weight, entry))
    yield Exercise("loop", question, (Display(tuple(items)),))


def _opened(total: Expr) -> Expr:
    """A sum over a single sample without its sign."""
    return total.function if all(limit[0].axis.extent == 1 for limit in total.limits) else total


def _chosen(view: View, tensor: Tensor) -> Expr:
    """A number for an entry: that of a constant, 0 for a state of the optimizer, or a small one by its role."""
    program = view.single
    if tensor.name in program.constants:
        return Rational(program.constants[tensor.name])
    if tensor in program.states:
        return Rational(program.starts.get(tensor.name, 0))
    if tensor.name == LEARNING_RATE.name:
        return Rational(exactly(view.descent.optimizer.rate))
    return BY_HAND.get(tensor.role, ANY)


def _decimal(view: View, number: Expr) -> Box:
    return figure(view, shown(float(number), DIGITS))


def _costs(derived: Runnable) -> tuple[Expr, Expr]:
    """The multiplications for the gradients of one sample, without and with shared factors."""
    return multiplications_by_chain(derived.chains), multiplications(derived.single, "factor", "gradient")


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
