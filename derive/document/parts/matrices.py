"""From one sample to a batch: the backward equations in matrix form."""

from __future__ import annotations

from dataclasses import replace

from sympy import Indexed, KroneckerDelta, Sum

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Array, Node, Plus, Product, Scale, SumOver, Transpose
from derive.calculus.index import SAMPLES
from derive.calculus.roles import Role
from derive.document.array_signs import signs
from derive.document.blocks import Block, Display, Item, Part, Reference, Text, say
from derive.document.parts.forward import divides_by_samples, outside
from derive.document.parts.pattern import ranged, recurring, transposed
from derive.document.recursion import Layered
from derive.document.step_arrays import step_by_step
from derive.document.through_steps import reaching
from derive.document.view import LINE, View


def matrices(view: View) -> Part:
    """Derive the backward equations for a batch from those for one sample, and number them."""
    backward = view.batch.stage("factor", "gradient")
    blocks = [*_of_a_batch(view), *_outside(view)]
    unfolded = _unfolded(view) if view.exhaustive else []
    if unfolded:
        blocks += [say(f"With the forward equations substituted, the loss{view.of_batch} is"), Display(tuple(unfolded))]
    if not view.brief:
        blocks += _derived(view)
    batch = " for the batch" * view.sampled
    if view.batch.stage("factor") and view.brief:
        blocks += [say(f"The backward pass{batch} is"), view.batched("factor", "gradient")]
    elif view.batch.stage("factor"):
        several = len(view.batch.stage("factor")) > 1
        factors = "shared factors" if several else "shared factor"
        blocks += [say(f"The backward pass{batch} computes the {factors}"), view.batched("factor")]
        blocks += [say(f"and from {'them' if several else 'it'} the gradients"), view.batched("gradient")]
    else:
        blocks += [say(f"The gradients{batch} are"), view.batched("gradient")]
    known = view.batch.stage("forward", "error")
    if not view.brief:
        known += tuple(s for formula in recurring(view).values() for s in formula.statements)
    blocks += signs(view, backward, known)
    blocks += reaching(view) if view.brief else []
    if not view.brief:
        blocks += [*_mean(view), *_recursions(view), *step_by_step(view)]
    if view.exhaustive:
        shaped = view.shaped("factor", "gradient")
        blocks += [say(view.sentence("With the shape below each array:")), shaped] if shaped.items else []
    in_matrices = " in matrices" if view.matrices("factor", "gradient") else ""
    title = "From one sample to a batch" if view.apart else f"The backward pass{in_matrices}"
    return Part("matrices", title, tuple(blocks))


def _outside(view: View) -> list[Block]:
    """What is read outside a tensor, unless the forward pass has said it."""
    here = view.reads_outside("factor", "gradient") and not view.reads_outside("forward", "error")
    return [Text((outside(view),))] if here and view.brief else []


def _derived(view: View) -> list[Block]:
    """How each kind of sum becomes a product of matrices: over the samples for a weight and a bias, over units."""
    blocks: list[Block] = []
    page, gradients = view.batch_page, view.batch.stage("gradient")
    found = ((s, p) for s in gradients if len(s.equation.indices) == 2 for p in _over_samples(s))
    weight, product = next(found, (None, None))
    if weight is not None and product is not None:
        assert isinstance(product.right, Transpose)
        row, column, entry = _places(view, weight)
        blocks += [
            say(
                "Every sample of the batch uses the same weights, so their contributions to {} add up:",
                page.symbol(weight.target, whole=True),
            ),
            Display((view.entries(weight, view.batch, numbered=False),)),
            say(
                "The sum multiplies {}{} by {}{}. This is {} of {}, so the sum over the samples is a matrix product "
                "with a transposed factor.",
                row,
                page.array(product.left),
                column,
                page.array(product.right.of),
                entry,
                page.array(product),
            ),
        ]
    summed = next(
        (s for s in gradients if isinstance(of := _unscaled(s.form), SumOver) and isinstance(of.of, Array)), None
    )
    if summed is not None and summed.target.about is not None:
        words = "The same {} is added for every sample, so its gradient is a sum over the samples: {}."
        blocks.append(say(words, page.symbol(summed.target.about, whole=True), page.array(summed.form)))
    return blocks if recurring(view) else [*blocks, *transposed(view, view.batch.stage("factor"))]


def _unscaled(form: Node) -> Node:
    return form.of if isinstance(form, Scale) else form


def _of_a_batch(view: View) -> list[Block]:
    """What the loss and the factors are from here on."""
    factors, error = view.batch.stage("factor"), view.batch.stage("error")
    if view.alone and not view.coupled:
        words = "From here on, {} is the loss of a batch, and the given derivatives {} have an entry for each sample."
        return [say(words, view.page.error(), view.given)]
    if not (view.apart and factors):
        return []
    mean, common = divides_by_samples(error[-1]), view.batch.common.has(SAMPLES)
    kind, letter = "mean" if mean else "sum", view.role("factor")
    if view.brief and mean and not common:
        return [say("For a batch, {} is the derivative of the mean loss.", letter)]
    penalty = " plus the penalty" if any(s.target.role == Role.PENALTY for s in error) else ""
    penalty += ", in which what reads no sample is counted once" * (view.once and not mean)
    words = f"From here on, {{}} is the loss of the batch, the {kind} of the losses of its samples{penalty}."
    if common:
        words += " {} still belongs to the loss of one sample; the mean is taken in the gradients."
        return [say(words, view.page.error(), letter)]
    one = "column" if all(len(s.target.axes) < 3 for s in factors) else "part"
    words += f" {{}} is the derivative of this loss. A sample affects only its own loss, so the {one} of {{}} for a "
    words += "sample is {} times the {} of that sample alone." if mean else "sample is the {} of that sample alone."
    share = [view.set_.fraction(view.set_.number(1), view.page.entry(SAMPLES))] * mean
    return [say(words, view.page.error(), letter, letter, *share, letter)]


def _recursions(view: View) -> list[Block]:
    """Which of the equations are the general recursion."""
    letter = view.letter(Layered(view).letter) if recurring(view) else view.set_.words("")
    return [
        say(
            "{} and {} are the recursion {} for {} = {}." if len(numbers) == 2 else "{} to {} are {} for {} = {}.",
            Reference(numbers[0]),
            Reference(numbers[-1]),
            Reference(label),
            letter,
            ranged(formula.layers[::-1]),
        )
        for label, formula in recurring(view).items()
        for numbers in [[s.number for s in formula.statements]]
        if len(numbers) == 2 or numbers == [*range(numbers[0], numbers[-1] + 1)]
    ]


def product_over_samples(statement: ArrayAssign) -> Product | None:
    """The product of two arrays, the second transposed, that is a gradient up to a number, in the form of a matrix."""
    matrix = all(a.extent != 1 for a in statement.target.axes)
    found = _over_samples(statement) if matrix and not isinstance(statement.form, Plus) else []
    return found[0] if found else None


def _over_samples(statement: ArrayAssign) -> list[Product]:
    """The products of two arrays, the second transposed, that sum over the samples, in the gradient of a matrix."""
    if len(statement.target.axes) != 2:
        return []
    terms = statement.form.terms if isinstance(statement.form, Plus) else (statement.form,)
    products = [p for t in terms if isinstance(p := _unscaled(t), Product) and isinstance(p.right, Transpose)]
    sides = [(p, (p.left, p.right.of)) for p in products if isinstance(p.right, Transpose)]
    return [p for p, arrays in sides if all(isinstance(a, Array) and a.tensor.axes[-1].sample for a in arrays)]


def _places(view: View, statement: ArrayAssign) -> tuple[Text, Text, Text]:
    """The words for a row of either side of a product, and for its entry; an array with one row is that row."""
    page = view.batch_page.lettered(statement.equation, statement.stage)
    row, column = (page.index(i) for i in statement.equation.indices)
    rows = [Text(()) if i is None else say("row {} of ", i) for i in (row, column)]
    named = [("row", row), ("column", column)]
    if row is None and column is None:
        return rows[0], rows[1], Text(("the only entry",))
    places = [say(f"{word} {{}}", i) for word, i in named if i is not None]
    return rows[0], rows[1], say("the entry in " + ", ".join(["{}"] * len(places)), *places)


def _mean(view: View) -> list[Block]:
    """Where the factor 1/m of the loss has gone."""
    if view.alone or not divides_by_samples(view.batch.stage("error")[-1]):
        return []
    holders = [s for s in view.batch.stage("factor", "gradient") if divides_by_samples(s)]
    mean = view.set_.fraction(view.set_.number(1), view.page.entry(SAMPLES))
    if len(holders) == 1:
        words = "In the backward pass, the factor {} of the mean appears in {} alone; it enters the others through {}."
        return [say(words, mean, Reference(holders[0].number), view.role("factor"))]
    return []


def _unfolded(view: View) -> list[Item]:
    """The error of a network of one layer with its forward equations substituted."""
    if view.alone:
        return []
    *_, error = view.batch.stage("error")
    forward = view.batch.stage("forward")
    if len([s for s in forward if s.target.role == Role.PREACTIVATION]) != 1 or _has_rows(forward):
        return []
    value = error.equation.expression
    for statement in reversed(forward):
        for entry in sorted(value.atoms(Indexed), key=str):
            if entry.base.label.name == statement.target.name:
                value = value.xreplace({entry: statement.equation.at(tuple(entry.indices))})
    page = replace(view.batch_page, batch=False).lettered(replace(error.equation, expression=value))
    pieces = page.pieces(value)
    fits = sum(p.width for p in pieces) + 5 < LINE  # a sum cannot be broken inside its bracket
    return [Item(page.symbol(error.target), tuple(pieces))] if fits else []


def _has_rows(forward: tuple[ArrayAssign, ...]) -> bool:
    """Return whether a tensor is stacked from blocks of rows, or an activation mixes units."""
    mixed = any(s.target.role == Role.PREDICTION and s.equation.expression.has(Sum) for s in forward)
    return mixed or any(s.equation.expression.has(KroneckerDelta) for s in forward)
