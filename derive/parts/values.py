"""Plugging in: the slopes of the error and of the activations, line by line, and the result."""

from __future__ import annotations

from dataclasses import replace

from sympy import Add, Expr, Indexed, Mul, cancel, factor, fraction, together

from derive.blocks import Block, Display, Fold, Item, Part, say
from derive.chain_rule import LocalDerivative
from derive.functions import A, Elementwise, X, derivative, output_form
from derive.parts.chain import local_steps, steps
from derive.parts.forward import called, equalities, layers_of
from derive.parts.pattern import passage_steps
from derive.program import Definition, Slopes
from derive.rules import CANCELLED, Reason
from derive.view import View


def values(view: View) -> Part:
    """What f' and the error's own slope are, and what the factors come to with them."""
    blocks: list[Block] = []
    if view.derivation.forward.promises:
        blocks.append(say("The targets of a sample sum to one, which is used below and above."))
    first = [item for edge in _error_edges(view) for item in local_steps(view, edge)]
    if first:
        blocks += [say("The error's own slope is"), Display(tuple(first))]
    mixed = _mixed(view)
    if mixed:
        delta = view.letter("delta")
        blocks.append(
            say(
                "and that of the last activation, where {} with two indices is 1 if they are equal and 0 if not,", delta
            )
        )
        blocks.append(Display(tuple(mixed)))
    slopes = _slopes(view)
    if slopes:
        blocks += [say("and that of the activation" + ("s" if len(slopes) > 1 else "")), Display(tuple(slopes))]
    proofs = _proofs(view)
    if proofs and not view.brief:
        blocks.append(Fold(say("Why the last two forms are equal"), (Display(tuple(proofs)),)))
    for title, items in (
        ("Put together, the slopes of the error and of the last activation are", _cancelled(view)),
        ("In full, the gradients are", _full_gradients(view)),
        ("In terms of the values that the forward pass has left behind,", _plugged(view)),
    ):
        if items:
            blocks += [say(title), Display(tuple(items))]
    return Part("values", "Plugging in", tuple(blocks))


def _error_edges(view: View) -> tuple[LocalDerivative, ...]:
    return view.derivation.chains.edges[view.derivation.forward.error.target.name]


# Activations.


def _slopes(view: View) -> list[Item]:
    """Every f' worked out; one that no equation of the program needs has no number."""
    numbered = [d for d in view.batch.definitions if d.function.order]
    known = {d.function for d in numbered}
    needed = [derivative(d.function) for d in view.batch.definitions if not d.function.order]
    others = [_slope(view, Definition(0, f)) for f in needed if f not in known]
    return [*(_slope(view, d) for d in numbered), *(replace(item, number=None) for item in others)]


def _slope(view: View, definition: Definition) -> Item:
    """F' as SymPy differentiates it, then in terms of f."""
    function = next(d.function for d in view.batch.definitions if d.function.title == definition.function.origin)
    page, x = view.page, view.page.entry(X)
    layers = layers_of(view, function)
    left, *others = called(view, function, definition.function)
    values = [*others, page.entry(definition.function.definition)]
    form = output_form(function)
    if form is not None and not form.is_number:
        applied = view.set_.apply(page.function(function, layers[0]), x)
        values.append(replace(page, given={A: applied}).entry(form))
    return Item(left, equalities(view, values), number=definition.number)


def _proofs(view: View) -> list[Item]:
    """For each f' in terms of f: f put in, brought to one fraction, and so the derivative."""
    items: list[Item] = []
    for definition in view.batch.definitions:
        function = definition.function
        form = None if function.order else output_form(function)
        if form is None or form.is_number or not form.has(A):
            continue
        applied = view.set_.apply(view.page.function(function, layers_of(view, function)[0]), view.page.entry(X))
        left = replace(view.page, given={A: applied}).entry(form)
        items += steps(view.page, left, proof(form, function.definition, derivative(function).definition))
    return items


def proof(form: Expr, definition: Expr, slope: Expr) -> list[Reason]:
    """The steps from ``form`` in A, with the definition put in for A, to the slope of the definition."""
    factors = [f.xreplace({A: definition}) for f in Mul.make_args(form)]
    opened = Mul(*factors, evaluate=False) if len(factors) > 1 else factors[0]
    fractions = [_one_fraction(f) for f in factors]
    single = Mul(*fractions, evaluate=False) if len(fractions) > 1 else fractions[0]
    return [
        Reason(("the definition put in",), opened),
        *([Reason(("brought to one fraction",), single)] if single != opened else []),
        Reason(("the derivative",), slope),
    ]


def _one_fraction(expression: Expr) -> Expr:
    """A sum that holds a fraction, as one fraction; anything else as it is."""
    whole = together(expression)
    return factor(cancel(whole)) if isinstance(expression, Add) and fraction(whole)[1] != 1 else expression


def _mixed(view: View) -> list[Item]:
    """The slope of an activation that mixes the units of its layer."""
    return [
        item
        for edges in view.derivation.chains.edges.values()
        for edge in edges
        if edge.of.role == "prediction" and not isinstance(edge.equation.expression, Elementwise)
        for item in local_steps(view, edge)
    ]


# Results.


def _plugged(view: View) -> list[Item]:
    """Each factor with f' written in terms of the activation, where that changes it."""
    slopes = Slopes(view.derivation.forward)
    found = []
    for statement in view.single.stage("factor"):
        value = slopes.plug_in(statement.equation.expression)
        if value != statement.equation.expression:
            page = view.page.lettered(statement.equation, "factor")
            left = page.symbol(statement.target, statement.equation.indices)
            found.append(Item(left, tuple(page.pieces(value))))
    return found


def _cancelled(view: View) -> list[Item]:
    """How a factor came about that is shorter than the product of its slopes."""
    short = [p for p in view.single.passages if any(CANCELLED in r.rules for r in p.reasons)]
    return [item for p in short for item in passage_steps(view, p)]


def _full_gradients(view: View) -> list[Item]:
    """The gradients of a network of one layer with the shared factor put in."""
    factors = {s.target: s for s in view.single.stage("factor")}
    if len(factors) != 1:
        return []
    (factor,) = factors.values()
    found = []
    for statement in view.single.stage("gradient"):
        value = statement.equation.expression
        for entry in sorted(value.atoms(Indexed), key=str):
            if entry.base.label.name == factor.target.name:
                value = value.xreplace({entry: factor.equation.at(tuple(entry.indices))})
        page = view.page.lettered(replace(statement.equation, expression=value), "factor")
        left = page.symbol(statement.target, statement.equation.indices)
        found.append(Item(left, tuple(page.pieces(value))))
    return found
