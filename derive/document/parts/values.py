"""Substitution of the derivatives of the error and of the activations, line by line, and the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sympy import Add, Dummy, Expr, Indexed, Mul, Piecewise, cancel, default_sort_key, exp, fraction, together

from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.functions import (
    A,
    Elementwise,
    X,
    derivative,
    differentiated,
    in_exponentials,
    kinks,
    output_form,
    steepest,
)
from derive.calculus.index import symbols_read
from derive.calculus.program import Definition, Slopes
from derive.calculus.roles import Role
from derive.calculus.rules import CHAIN, REARRANGED, Reason, rules_of
from derive.calculus.stepwise import InOrder, derivative_by_hand
from derive.document.blocks import Block, Display, Item, Part, Text, listed, say, spelled
from derive.document.parts.chain import local_steps
from derive.document.parts.forward import called, equalities, layers_of
from derive.document.parts.pattern import TARGETS_SUM, is_cancelled, passage_steps
from derive.document.view import View
from derive.paper.boxes import EMPTY, SUM, Box
from derive.paper.page import Page


def values(view: View) -> Part:
    """Compute f' and the derivative of the error, and substitute them into the factors."""
    blocks: list[Block] = []
    if view.brief and view.derivation.targets == "classes":  # else in the pattern
        blocks.append(say(TARGETS_SUM, " of a sample" * view.sampled))
    known = not view.brief or view.alone  # in the chain, or given
    error = [] if known else [_result(local_steps(view, edge)) for edge in _error_edges(view)]
    mixed = _mixed(view) if view.brief else []
    if mixed:
        i, k = view.page.spared("i", "j")
        text = "The derivative of the last activation is, where {} is 1 if {} and {} are equal and 0 otherwise,"
        blocks += [say(text, view.set_.condition(i, k), i, k), Display(tuple(mixed))]
    of_loss = [d for d in view.batch.definitions if d.function.order and d.function.role == "loss"]
    if of_loss:
        steps = [item for d in of_loss for item in slope_steps(view, d)]
        blocks += [say("The function of the loss has the derivative"), Display(tuple(steps)), *_kinks(view, "loss")]
    slopes = _slopes(view)
    if slopes or error:
        what = ["The loss"] * bool(error) + ["the activation" + "s" * (len(slopes) > 1)] * bool(slopes)
        several = len(slopes) + bool(error) > 1
        words = " and ".join(what) + (" have the derivatives" if several else " has the derivative")
        derived = (*error, *(i for items in slopes for i in items))
        words = view.sentence(words) if error else words[0].upper() + words[1:]
        blocks += [say(words), Display(derived), *_kinks(view, "activation")]
    full = _full_gradients(view)
    by_hand = [] if view.brief else plugged(view)
    by_hand = by_hand if view.order == 1 else []
    written = "the shared factors" if len(by_hand) > 1 else "the shared factor"
    for title, items in (
        ("The derivative of the loss and that of the activation cancel:", _cancelled(view) if view.brief else []),
        ("In full, the gradients are" if len(full) > 1 else "In full, the gradient is", full),
        (f"For a calculation by hand, write {written} in terms of the activations:", by_hand),
    ):
        if items:
            blocks += [say(title), Display(tuple(items))]
    blocks += [] if view.brief else _slow(view)
    several = len(slopes) > 1
    title = f"The derivative{'s' * several} of the activation{'s' * several}"
    if of_loss or error:
        title = f"The derivatives of the activation{'s' * several} and the loss"
    return Part("values", title, tuple(blocks))


def _result(steps: Sequence[Item]) -> Item:
    """The first and the last side of a derivation."""
    return replace(steps[0], right=steps[-1].right, reason=None)


def _error_edges(view: View) -> tuple[LocalDerivative, ...]:
    return view.derivation.chains.edges[view.derivation.forward.error.target.name]


# Activations.


def _slopes(view: View) -> list[list[Item]]:
    """Derive every f'; it has no number if no equation of the program needs it."""
    definitions = [d for d in view.batch.definitions if d.function.role == "activation"]
    numbered = [d for d in definitions if d.function.order]
    known = {d.function for d in numbered}
    needed = [derivative(d.function) for d in definitions if not d.function.order]
    others = [slope_steps(view, Definition(0, f)) for f in needed if f not in known]
    unnumbered = [[replace(item, number=None) for item in items] for items in others]
    return [*(slope_steps(view, d) for d in numbered), *unnumbered]


def slope_steps(view: View, stated: Definition) -> list[Item]:
    """Derive f' step by step, then write it in terms of f."""
    function = next(d.function for d in view.batch.definitions if d.function.title == stated.function.origin)
    page = view.page
    left, *others = called(view, function, stated.function)
    found = [Item(left, equalities(view, others))] if others else []
    inner = differentiated(function, stated.function)
    reasons = _derivation(inner, stated.function)
    formulas = [(page.formula(r.value), listed(r.rules) if r.rules else None) for r in reasons]
    form = output_form(function)
    if form is not None and not form.is_number and inner == function:
        applied = view.set_.apply(page.function(function, layers_of(view, function)[0]), page.variables(function))
        in_terms = replace(page, given={A: applied}, decimals=True)
        formulas.append((in_terms.entry(form), _because(in_terms, form, function)))
    if view.brief:
        boxes = list(dict.fromkeys(box for box, _ in formulas[-2:]))
        return [*found, Item(left, equalities(view, boxes), number=stated.number)]
    shown: list[Item] = []
    for box, reason in formulas:
        if not shown or box != shown[-1].right[0]:
            shown.append(Item(EMPTY if shown else left, (box,), reason=reason))
    return [*found, *shown[:-1], replace(shown[-1], number=stated.number)]


def _derivation(function: Any, slope: Any) -> list[Reason]:
    """The steps of the derivative of a function: its inner derivatives as factors, then simplified."""
    definition = in_exponentials(function.definition)
    variable = slope.wrt[-1] if slope.wrt else X
    rules = rules_of(definition, variable) or (
        "derivative of the identity" if definition == X else "derivative of a constant",
    )
    by_hand = derivative_by_hand(definition, variable)
    if not by_hand.has(InOrder):
        return [Reason(rules, slope.definition)]
    first = [Reason((*rules, CHAIN), by_hand)]
    plain = by_hand.doit() if definition != function.definition else slope.definition
    return [*first, Reason((REARRANGED,), plain)]


def _because(page: Page, form: Expr, function: Any) -> Text | None:
    """The sums of f that the form of f' in f contains, as fractions: 1 - f(x) for a sigmoid."""
    definition = in_exponentials(function.definition)
    sums = [f for f in Mul.make_args(form) if isinstance(f, Add)]
    if sums == [form]:
        return say("definition of {}", page.function(function))
    if len(sums) != 1 or not definition.has(exp):
        return None
    return say("since {} = {}", page.entry(sums[0]), page.formula(_one_fraction(sums[0].xreplace({A: definition}))))


def _kinks(view: View, role: str) -> list[Block]:
    """The value chosen for the derivative at a kink."""
    slopes = {d.function.origin for d in view.batch.definitions if d.function.order or d.function.role == "activation"}
    found: list[Block] = []
    for function in (d.function for d in view.batch.definitions if not d.function.order and d.function.role == role):
        for point, slope in kinks(function) if function.origin in slopes else []:
            name = view.page.function(function, layers_of(view, function)[0])
            words = "{} has a kink at {} and no derivative there; its derivative is set to {}."
            found.append(say(words, name, view.page.formula(point), view.page.formula(slope)))
    return found


def _one_fraction(expression: Expr) -> Expr:
    """Write a sum with a fraction as one fraction; return anything else unchanged."""
    powers = {e: Dummy() for e in sorted(expression.atoms(exp), key=default_sort_key)}
    whole = cancel(together(expression.xreplace(powers)))
    if not isinstance(expression, Add) or fraction(whole)[1] == 1:
        return expression
    return whole.xreplace({d: e for e, d in powers.items()})


def _mixed(view: View) -> list[Item]:
    """The derivative of an activation that mixes the units of its layer, such as softmax."""
    learned = {p.name for p in view.batch.parameters}
    return [
        item
        for edges in view.derivation.chains.edges.values()
        for edge in edges
        if edge.of.role == Role.PREDICTION and not isinstance(edge.equation.expression, Elementwise)
        if not learned & set(symbols_read(edge.equation.expression))
        for item in local_steps(view, edge)
    ]


# Results.


def plugged(view: View) -> list[Item]:
    """Each factor with f' in terms of the activation, if that changes it."""
    slopes = Slopes(view.derivation.forward)
    found = []
    for statement in view.written.stage("factor"):
        value = slopes.plug_in(statement.equation.expression)
        if value != statement.equation.expression:
            page = view.written_page.lettered(statement.equation, "factor")
            left = page.symbol(statement.target, statement.equation.indices)
            found.append(Item(left, tuple(page.pieces(value))))
    return found


def _cancelled(view: View) -> list[Item]:
    """The derivation of a factor that is shorter than the product of its derivatives, through cancellation."""
    short = [p for p in view.batch.passages if is_cancelled(p)]
    return [item for p in short for item in passage_steps(view, p)]


def _full_gradients(view: View) -> list[Item]:
    """The gradients of a single layer with the shared factor substituted, where its sign is not theirs."""
    factors = {s.target: s for s in view.written.stage("factor")}
    if len(factors) != 1 or view.written.common == 1:
        return []
    (factor,) = factors.values()
    found = []
    for statement in view.written.stage("gradient"):
        value = statement.equation.expression
        for entry in sorted(value.atoms(Indexed), key=str):
            if entry.base.label.name == factor.target.name:
                value = value.xreplace({entry: factor.equation.at(tuple(entry.indices))})
        page = view.written_page.lettered(replace(statement.equation, expression=value), "factor")
        left = page.symbol(statement.target, statement.equation.indices)
        found.append(Item(left, tuple(page.pieces(value))))
    return found


# Slow learning.


def _slow(view: View) -> list[Block]:
    """Say where the derivative of an activation is small, and what that does to a chain through the layers."""
    saturated: list[tuple[Box, Expr, int]] = []
    bounds: list[Text] = []
    dead: list[Box] = []
    for function in (d.function for d in view.batch.definitions if not d.function.order):
        if function.role != "activation":
            continue
        layers = sum(s.equation.expression.has(derivative(function)) for s in view.single.stage("factor"))
        if view.derivation.network is None:  # its factors need not form one chain
            layers = min(layers, 1)
        name = view.page.function(derivative(function))
        largest, slope = steepest(function), derivative(function).definition
        if largest is not None and largest[1].is_Rational and layers:
            saturated.append((name, largest[1], layers))
            bounds.append(_bound(view, function, name))
        if isinstance(slope, Piecewise) and any(value == 0 for value, _ in slope.args) and layers:
            dead.append(name)
    return [*_saturation(view, bounds, saturated), *(say(_dead(view), name) for name in dead)]


def _dead(view: View) -> str:
    """What becomes of a unit whose derivative is 0 for every sample."""
    penalty = any(t.role == Role.PENALTY for t in view.single.tensors.values())
    shrink = ["the penalty"] * penalty + ["weight decay"] * ("weight_decay" in view.descent.constants)
    each = " for every sample" * view.sampled
    words = f"Where {{}} is 0{each}, the data contribute nothing to the gradients of a unit"
    words += "; such a unit is called dead."
    if shrink:
        return f"{words} Only {' and '.join(shrink)} still shrink{'s' * (len(shrink) == 1)} its weights."
    return words + " Its weights stay as they are." * view.descent.is_plain


def _bound(view: View, function: Any, name: Box) -> Text:
    """The largest value of a derivative, and why, by its form in the activation."""
    top, largest = map(view.page.entry, steepest(function) or ())
    letter = view.role(Role.ACTIVATION)
    form = replace(view.page, given={A: letter}, decimals=True).entry(output_form(function))
    return say("{} is largest where {} is {}, so {} is at most {}", form, letter, top, name, largest)


def _saturation(view: View, bounds: Sequence[Text], saturated: Sequence[tuple[Box, Expr, int]]) -> list[Block]:
    """The bounds of the derivatives that are close to 0 far from 0, and those of their products along a chain."""
    if not saturated:
        return []
    words = "; ".join(["{}"] * len(bounds)) + (". It is" if len(bounds) == 1 else ". Each is")
    said = [say(words + " close to 0 where the pre-activation is far from 0: there the unit is saturated.", *bounds)]
    chains = [_along_chain(view, *one) for one in saturated if one[2] > 1]
    said += chains or [say("The weights of a saturated unit learn slowly.")]
    return [say(" ".join(["{}"] * len(said)), *said)]


def _along_chain(view: View, name: Box, largest: Expr, layers: int) -> Text:
    """What the factors of one function do to a chain that has several of them."""
    if largest == 1:
        words = "A chain to the first layer has {} factors {}: if units are saturated, that layer learns slowly."
        return say(words, spelled(layers), name)
    bound = view.set_.script(view.set_.group(view.page.entry(largest)), None, view.set_.number(layers))
    return say(
        "A chain to the first layer has {} factors {}, together at most {}. Unless the weights are large, the "
        "gradients of that layer are therefore small, and it learns slowly.",
        spelled(layers),
        name,
        view.set_.join((bound, view.page.entry(largest**layers)), "equals", SUM),
    )
