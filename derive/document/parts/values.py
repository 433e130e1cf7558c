"""Substitution of the derivatives of the error and of the activations, line by line, and the result."""

from __future__ import annotations

from dataclasses import replace

from sympy import Add, Dummy, Expr, Indexed, Mul, cancel, default_sort_key, exp, fraction, together

from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.functions import A, Elementwise, X, derivative, kinks, output_form
from derive.calculus.index import symbols_read
from derive.calculus.program import Definition, Slopes
from derive.calculus.roles import Role
from derive.calculus.rules import CANCELLED, ONE_FRACTION, PROMISE, Reason, rules_of
from derive.document.blocks import Block, Display, Fold, Item, Part, listed, say
from derive.document.parts.chain import local_steps, steps
from derive.document.parts.forward import called, equalities, layers_of
from derive.document.parts.pattern import passage_steps
from derive.document.view import View


def values(view: View) -> Part:
    """Compute f' and the derivative of the error, and substitute them into the factors."""
    blocks: list[Block] = []
    if view.derivation.forward.promises:
        blocks.append(say("The targets of a sample sum to one, which is used where it is named."))
    first = [item for edge in _error_edges(view) for item in local_steps(view, edge)]
    if first:
        blocks += [say("The error's own slope is"), Display(tuple(first))]
    mixed = _mixed(view)
    if mixed:
        i, k = view.page.spared("i", "k")
        text = "The slope of the last activation is, where {} is 1 if {} and {} are equal and 0 if not,"
        blocks += [say(text, view.set_.condition(i, k), i, k), Display(tuple(mixed))]
    of_loss = [_slope(view, d) for d in view.batch.definitions if d.function.order and d.function.role == "loss"]
    if of_loss:
        blocks += [say("In it stands the slope"), Display(tuple(of_loss)), *_kinks(view, "loss")]
    slopes = _slopes(view)
    if slopes:
        several = len(slopes) > 1
        words = "The slopes of the activations" if several else "The slope of the activation"
        if mixed:
            words += " that act on each unit alone" if several else " that acts on each unit alone"
        blocks += [say(words + (" are" if several else " is")), Display(tuple(slopes)), *_kinks(view, "activation")]
    proofs = _proofs(view)
    if proofs and not view.brief:
        blocks.append(Fold(say("Why the last two forms are equal"), (Display(tuple(proofs)),)))
    full = _full_gradients(view)
    for title, items in (
        ("Put together, they come to", _cancelled(view)),
        ("In full, the gradients are" if len(full) > 1 else "In full, the gradient is", full),
        ("In terms of the values that the forward pass has left behind,", _plugged(view)),
    ):
        if items:
            blocks += [say(title), Display(tuple(items))]
    return Part("values", "Plugging in", tuple(blocks))


def _error_edges(view: View) -> tuple[LocalDerivative, ...]:
    return view.derivation.chains.edges[view.derivation.forward.error.target.name]


# Activations.


def _slopes(view: View) -> list[Item]:
    """Every f', derived; it has no number if no equation of the program needs it."""
    definitions = [d for d in view.batch.definitions if d.function.role == "activation"]
    numbered = [d for d in definitions if d.function.order]
    known = {d.function for d in numbered}
    needed = [derivative(d.function) for d in definitions if not d.function.order]
    others = [_slope(view, Definition(0, f)) for f in needed if f not in known]
    return [*(_slope(view, d) for d in numbered), *(replace(item, number=None) for item in others)]


def _slope(view: View, definition: Definition) -> Item:
    """Write f' as SymPy differentiates it, then in terms of f."""
    function = next(d.function for d in view.batch.definitions if d.function.title == definition.function.origin)
    page, x = view.page, view.page.entry(X)
    layers = layers_of(view, function)
    left, *others = called(view, function, definition.function)
    values = [*others, page.formula(definition.function.definition)]
    form = output_form(function)
    if form is not None and not form.is_number:
        applied = view.set_.apply(page.function(function, layers[0]), x)
        values.append(replace(page, given={A: applied}).entry(form))
    rules = rules_of(function.definition, X) or ("derivative of a named function",)
    return Item(left, equalities(view, values), number=definition.number, reason=listed(rules))


def _kinks(view: View, role: str) -> list[Block]:
    """The value chosen for the derivative at a kink."""
    slopes = {d.function.origin for d in view.batch.definitions if d.function.order or d.function.role == "activation"}
    found: list[Block] = []
    for function in (d.function for d in view.batch.definitions if not d.function.order and d.function.role == role):
        for point, slope in kinks(function) if function.origin in slopes else []:
            name = view.page.function(function, layers_of(view, function)[0])
            words = "At {}, {} has a kink and no derivative; its slope there is taken to be {}."
            found.append(say(words, view.page.formula(point), name, view.page.formula(slope)))
    return found


def _proofs(view: View) -> list[Item]:
    """Prove each f' in terms of f: substitute f, simplify to one fraction, and compare with the derivative."""
    items: list[Item] = []
    for definition in view.batch.definitions:
        function = definition.function
        form = None if function.order else output_form(function)
        if form is None or form.is_number or not form.has(A):
            continue
        applied = view.set_.apply(view.page.function(function, layers_of(view, function)[0]), view.page.entry(X))
        left = replace(view.page, given={A: applied}).entry(form)
        found = steps(view.page, left, proof(form, function.definition, derivative(function).definition))
        items += found if len(found) > 1 else []  # substitution alone gives the derivative
    return items


def proof(form: Expr, definition: Expr, slope: Expr) -> list[Reason]:
    """The steps from ``form`` in A, with the definition substituted for A, to the derivative of the definition."""
    factors = [f.xreplace({A: definition}) for f in Mul.make_args(form)]
    opened = Mul(*factors, evaluate=False) if len(factors) > 1 else factors[0]
    fractions = [_one_fraction(f) for f in factors]
    single = Mul(*fractions, evaluate=False) if len(fractions) > 1 else fractions[0]
    return [
        Reason(("the definition put in",), opened),
        *([Reason(("brought to one fraction",), single)] if single != opened else []),
        Reason(("which is the derivative",), slope),
    ]


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


def _plugged(view: View) -> list[Item]:
    """Each factor with f' in terms of the activation, if that changes it."""
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
    """The derivation of a factor that is shorter than the product of its derivatives, through cancellation."""
    short = [p for p in view.batch.passages if any({CANCELLED, ONE_FRACTION, PROMISE} & {*r.rules} for r in p.reasons)]
    return [item for p in short for item in passage_steps(view, p)]


def _full_gradients(view: View) -> list[Item]:
    """The gradients of a network of one layer with the shared factor substituted."""
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
