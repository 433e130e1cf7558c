"""From one sample to a batch: the backward equations in matrix form."""

from __future__ import annotations

from dataclasses import replace

from sympy import Indexed, KroneckerDelta, Sum

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Array, Node, Product, Scale, SumOver, Transpose
from derive.calculus.index import SAMPLES
from derive.calculus.roles import Role
from derive.document.array_signs import signs
from derive.document.blocks import Block, Display, Item, Part, Reference, say
from derive.document.parts.forward import divides_by_samples
from derive.document.parts.pattern import ranged, recurring
from derive.document.recursion import Layered
from derive.document.view import LINE, View
from derive.paper.boxes import Box


def matrices(view: View) -> Part:
    """Derive the backward equations for a batch from those for one sample, and number them."""
    backward = view.batch.stage("factor", "gradient")
    blocks = _of_a_batch(view)
    unfolded = _unfolded(view) if view.exhaustive else []
    if unfolded:
        blocks += [say("With the forward equations substituted, the loss of the batch is"), Display(tuple(unfolded))]
    if not view.brief:
        blocks += _derived(view)
    if view.batch.stage("factor") and view.brief:
        blocks += [say("The backward pass for the batch is"), view.batched("factor", "gradient")]
    elif view.batch.stage("factor"):
        several = len(view.batch.stage("factor")) > 1
        factors = "shared factors" if several else "shared factor"
        blocks += [say(f"The backward pass for the batch computes the {factors}"), view.batched("factor")]
        blocks += [say(f"and from {'them' if several else 'it'} the gradients"), view.batched("gradient")]
    else:
        blocks += [say("The gradients for the batch are"), view.batched("gradient")]
    known = view.batch.stage("forward", "error")
    if not view.brief:
        known += tuple(s for formula in recurring(view).values() for s in formula.statements)
    blocks += signs(view, backward, known)
    if not view.brief:
        blocks += [*_mean(view), *_recursions(view)]
    if view.exhaustive:
        words = "With" if view.coupled else "For one sample, with"
        blocks += [say(words + " the shape below each array:"), view.shaped("factor", "gradient")]
    title = "The backward pass in matrices" if view.coupled else "From one sample to a batch"
    return Part("matrices", title, tuple(blocks))


def _derived(view: View) -> list[Block]:
    """The sum over the samples, and the matrix product that computes it."""
    blocks: list[Block] = []
    found = ((s, p) for s in view.batch.stage("gradient") if (p := product_over_samples(s)) is not None)
    weight, product = next(found, (None, None))
    if weight is not None and product is not None:
        left, right = product.left, product.right
        assert isinstance(right, Transpose)
        item = view.entries(weight, view.batch, numbered=False)
        page = view.batch_page
        blocks += [
            say("The gradient of the batch is a sum over its samples. For {}:", page.symbol(weight.target, whole=True)),
            Display((item,)),
            say(
                "The sum multiplies row {} of {} by row {} of {}. This is the entry in row {}, column {} of "
                "{}, so the sum over the samples is a matrix product with a transposed factor.",
                *_places(view, weight, (left, right.of)),
                page.array(product),
            ),
        ]
    summed = next(
        (s for s in view.batch.stage("gradient") if isinstance(s.form, SumOver) and isinstance(s.form.of, Array)), None
    )
    if summed is not None and summed.target.about is not None:
        words = "{} is added to every sample, so its gradient is a sum over the samples: {}."
        about = view.batch_page.symbol(summed.target.about, whole=True)
        blocks.append(say(words, about, view.batch_page.array(summed.form)))
    return blocks


def _of_a_batch(view: View) -> list[Block]:
    """What the loss and the factors are from here on."""
    factors = view.batch.stage("factor")
    if view.coupled or not factors:
        return []
    mean, common = divides_by_samples(view.batch.stage("error")[-1]), view.batch.common.has(SAMPLES)
    kind = "mean" if mean else "sum"
    if view.brief and mean and not common:
        return [say("For a batch, {} is the derivative of the mean loss.", view.role("factor"))]
    words = "From here on, {} is the loss of the batch, the {} of the losses of its samples"
    if not mean or common:
        return [say(words + ".", view.page.error(), kind)]
    factor = view.role("factor")
    share = view.set_.fraction(view.set_.number(1), view.page.entry(SAMPLES))
    return [
        say(
            words + ", and {} its derivative: the column of a sample is {} times the {} of that sample alone.",
            view.page.error(),
            kind,
            factor,
            share,
            factor,
        )
    ]


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
    """The product of two arrays, the second transposed, that sums over the samples in the form of a matrix."""
    form = statement.form.of if isinstance(statement.form, Scale) else statement.form
    if not isinstance(form, Product) or not isinstance(form.right, Transpose):
        return None
    arrays = all(isinstance(a, Array) and a.tensor.axes[-1].sample for a in (form.left, form.right.of))
    return form if arrays and all(a.extent != 1 for a in statement.target.axes) else None


def _places(view: View, statement: ArrayAssign, sides: tuple[Node, Node]) -> list[Box]:
    """The words of a sentence about row and column: index and array of both sides, then the two indices."""
    page = view.batch_page.lettered(statement.equation, statement.stage)
    row, column = (page.index(i) for i in statement.equation.indices)
    assert row is not None and column is not None
    left, right = (view.batch_page.array(side) for side in sides)
    return [row, left, column, right, row, column]


def _mean(view: View) -> list[Block]:
    """Where the factor 1/m of the loss has gone."""
    (error, *_) = reversed(view.batch.stage("error"))
    if not divides_by_samples(error):
        return []
    holders = [s for s in view.batch.stage("factor", "gradient") if divides_by_samples(s)]
    mean = view.set_.fraction(view.set_.number(1), view.page.entry(SAMPLES))
    if len(holders) == 1:
        words = "The factor {} of the mean stands in {} alone and enters the others through {}."
        return [say(words, mean, Reference(holders[0].number), view.role("factor"))]
    if view.batch.common.has(SAMPLES):
        role = view.role("factor")
        return [say("{} belongs to the loss of one sample; the mean over the batch is taken in the gradients.", role)]
    return []


def _unfolded(view: View) -> list[Item]:
    """The error of a network of one layer with its forward equations substituted."""
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
