"""The pattern: the rows of the chain rule, their shared factors, the recursion, and the multiplications saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from string import ascii_lowercase

from sympy import Expr, Sum

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Array, Transpose, walk
from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.cost import multiplications, multiplications_by_chain
from derive.calculus.functions import A, derivative, output_form
from derive.calculus.index import Axis, Tensor, symbols_read
from derive.calculus.program import Passage
from derive.calculus.reading_order import subtracted
from derive.calculus.roles import Role
from derive.calculus.rules import CANCELLED, CHAIN, LOCAL, NAMED, ONE_FRACTION, PLUGGED, PROMISE, Reason
from derive.calculus.sample import alone
from derive.calculus.stepwise import factored
from derive.document.array_signs import signs
from derive.document.blocks import Block, Display, Heading, Item, Part, Span, Text, boxes_in, listed, say
from derive.document.chain_rows import MOST_PATHS, SPELLED, ChainRows
from derive.document.parts.chain import steps
from derive.document.parts.forward import inside_functions, layers_of
from derive.document.recursion import Formula, Layered
from derive.document.through_steps import entered, later, of_window, reaching, whole
from derive.document.view import View, bound_in
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.boxes import EMPTY, PRODUCT, SUM, Box
from derive.paper.characters import LETTERS
from derive.paper.page import Page
from derive.paper.vectors import NoVectorsError, Vectors, is_inner_product

#: What a derivation assumes whose cancellations rest on it.
TARGETS_SUM = "We assume that the targets{} sum to one, as they do where one class has the target 1 and the others 0."


def pattern(view: View) -> Part:
    """The red factor of a row is the green factor of a row above: it is named Psi and computed once."""
    if not view.single.stage("factor"):
        text = say("No two of these chains share a factor, so each gradient is computed by itself:")
        return Part("pattern", "The gradients", (text, view.indexed("gradient")))
    found: list[Block] = [_side_by_side(view), Display(tuple(_rows(view)))]
    if not _is_named_by_steps(view):
        found += [_named(view), Display(tuple(_meaning(view))), _in_words(view)]
    if view.brief:  # the matrices that follow have them all
        found += [] if _coloured(view) else [_lead(view), view.indexed("factor")]
        found += [block for formula in recurring(view).values() for block in _with_indices(view, formula)]
    else:
        found += _recursion(view)
        if not _derives(view, "gradient"):
            found += [say(f"The gradients{_of_one(view)} follow:"), view.indexed("gradient")]
        found += _saving(view)
    title = "The pattern" if _coloured(view) else "The pattern: a shared factor"
    return Part("pattern", title, tuple(found))


def _named(view: View) -> Text:
    """Introduce the letter of the factors, and say why its sign is reversed, if it is."""
    factors, letter = "factor" + "s" * _coloured(view), view.role("factor")
    if not subtracted(view.written.common):
        return say(f"Name the common {factors} {{}}:", letter)
    words = f"Name the common {factors}, with the sign reversed, {{}}"
    given = next((t for t in view.single.inputs if t.role == Role.INPUT), None)
    penalty = any(t.role == Role.PENALTY for t in view.single.tensors.values())
    if given is None or view.derivation.network is None or penalty or not view.descent.is_plain:
        return say(words + ":", letter)
    step = (view.page.symbol(LEARNING_RATE), letter, view.role(given.role))
    words += (
        ". Where {} is positive, a larger pre-activation lowers the loss; a step for one sample adds {} to a weight "
    )
    words += "of the first layer."
    return say(words, letter, letter, view.set_.join(step, "thin", PRODUCT))


def _of_one(view: View) -> str:
    return " of the batch" if view.coupled else view.for_one


def _derives(view: View, stage: str) -> bool:
    """Whether the steps shown derive every statement of a stage."""
    shown = {p.tensor.name for p in _passages(view)}
    return all(s.target.about is not None and s.target.about.name in shown for s in view.single.stage(stage))


def _lead(view: View) -> Text:
    if _coloured(view) and view.derivation.chains.recurring:
        return say("Each shared factor is computed from those already known, beginning at the loss, and step by step:")
    if _coloured(view):
        return say("Each shared factor is computed from those already known, beginning at the loss:")
    return say("It is computed by")


def _recursion(view: View) -> list[Block]:
    """Derive the recursion step by step, then state it for all layers."""
    title = Text(("Deriving the recursion" if _coloured(view) else "Deriving the shared factor",))
    shown = _passages(view)
    steps = Display(tuple(i for p in shown for i in passage_steps(view, p)))
    equation = "equation of the batch" if view.coupled else "equation"
    words = f"pply the chain rule to one {equation} at a time{{}}:"
    lead = [say(TARGETS_SUM, " of a sample" * view.sampled)] if view.derivation.targets == "classes" else []
    if _is_named_by_steps(view):
        lead.append(say("Name the common factor {}, and a" + words, view.role("factor"), _lemmas(view)))
        blocks: list[Block] = [*lead, steps, _in_words(view)]
    else:
        lead.append(say("A" + words, _lemmas(view)))
        blocks = [Heading(title, lead[0]), *lead[1:], steps]
    if len(shown) < len(_derivable(view)):
        blocks.append(say("The derivatives that are not shown follow in the same way."))
    if view.written.common != 1 or not _derives(view, "factor"):
        blocks += [_lead(view), view.indexed("factor")]
    return [*blocks, *reaching(view), *_in_vectors(view), *_in_general(view)]


def _is_named_by_steps(view: View) -> bool:
    """Whether the factor is a single one, and the first row of its derivation says what it is."""
    alone = not (view.brief or _coloured(view)) and view.written.common == 1
    return alone and _derives(view, "factor")


def _lemmas(view: View) -> Text:
    """The derivatives of activations that are substituted here, and derived later."""
    plugged = {e.of.name for p in view.batch.passages if _substitutes(p) for e in p.edges}
    functions = {s.equation.expression.func for s in view.batch.stage("forward") if s.target.name in plugged}
    page, found = view.page, list[Box]()
    for function in (f for d in view.batch.definitions for f in [d.function] if f in functions):
        form, name = output_form(function), layers_of(view, function)[0]
        applied = view.set_.apply(page.function(function, name), page.variables(function))
        value = replace(page, given={A: applied}, decimals=True).entry(form)
        slope = view.set_.apply(page.function(derivative(function), name), page.variables(function))
        found.append(view.set_.join((slope, value), "equals", SUM))
    return say("; the next part derives {}, which is used here", listed(found)) if found else Text(())


def _substitutes(passage: Passage) -> bool:
    return any(PLUGGED in r.rules for r in passage.reasons)


def _in_vectors(view: View) -> list[Block]:
    """The factors with sums over their own units, or over the samples, in vectors."""
    items = [i for s in view.written.stage("factor") if (i := _with_vectors(view, s))]
    if not items:
        return []
    shown = Display(tuple(items))
    named = {b.parts[0] for b in boxes_in([shown]) if b.kind == "name"}
    signs = ["mean denotes the mean of the entries"] if "mean" in named else []
    signs += ["angle brackets enclose an inner product"] if any(map(is_inner_product, boxes_in([shown]))) else []
    where = f" (where {' and '.join(signs)})" if signs else ""
    if view.coupled:
        words = (
            "A sum over the samples is one number for all of them, so no Jacobian matrix is formed. With vectors over "
        )
        return [say(f"{words}the samples of the batch, one for each unit{where}:"), shown]
    words = "A sum over the units of the layer is one number for all of them, so no Jacobian matrix is formed. With "
    return [say(f"{words}vectors{view.for_one}{where}:"), shown]


def _with_vectors(view: View, statement: ArrayAssign) -> Item | None:
    """A factor that is computed with sums along its own axis, as a formula of vectors; None for any other."""
    indices, value = statement.equation.indices, statement.equation.expression
    along = [i.axis for i in indices if i.axis.sample is view.coupled]
    summed = {limit[0].axis for node in value.atoms(Sum) for limit in node.limits}
    if len(along) != 1 or along[0] not in summed or along[0].extent == 1:
        return None
    others = tuple(i for i in indices if i.axis not in along)
    page = view.written_page.with_letters(others, ()) if view.coupled else view.page
    try:
        right = Vectors(page, along[0]).formula(value)
    except NoVectorsError:
        return None
    left = page.symbol(statement.target, others) if view.coupled else page.symbol(statement.target, whole=True)
    return Item(left, (right,))


def _in_general(view: View) -> list[Block]:
    """The factors that are one formula up to the layer number, and the layers for which they are."""
    blocks: list[Block] = []
    for label, formula in recurring(view).items():
        letter = view.letter(Layered(view).letter)
        words = "In matrices, with the samples of a batch side by side, the recursion for {} = {} is one formula:"
        text = say(words, letter, ranged(formula.layers))
        blocks += [*_with_indices(view, formula), text, Display((Item(formula.left, (formula.right,), number=label),))]
        blocks += signs(view, formula.statements, view.batch.stage("forward", "error"))
        blocks += transposed(view, formula.statements[:1])
    return blocks


def transposed(view: View, statements: Sequence[ArrayAssign]) -> list[Block]:
    """Why a sum over the units of the layer above is a product with the transpose of a weight matrix."""
    for node in (n for s in statements for n in walk(s.form) if isinstance(n, Transpose)):
        read = [a.tensor for a in walk(node) if isinstance(a, Array)]
        if [t.role for t in read] == [Role.WEIGHT] and view.derivation.network is not None:
            words = "The sum over the units of the next layer runs down a column of the weight matrix, so it is a "
            words += "product with the transpose: in the backward pass, every weight is used in the opposite direction."
            return [say(words)]
    return []


def _with_indices(view: View, formula: Formula) -> list[Block]:
    """The general formula with indices, and in what its layers differ."""
    found = None if view.coupled else Layered(view).with_indices(formula)
    if found is None:
        return []
    left, right = found
    letter = view.letter(Layered(view).letter)
    widths = {a.extent for s in formula.statements for a in summed_axes(s)}
    words = "The formulas for {} = {} differ only in the number of terms of the sum{}. "
    differ = say(words, letter, ranged(formula.layers), _single(formula))
    words = "{}With {} for the layer, the formula for one sample, for {} = {}, is"
    given = differ if len(widths) > 1 and not view.brief else Text(())
    text = say(words, given, letter, letter, ranged(formula.layers))
    return [text, Display((Item(left, right),))]


def _single(formula: Formula) -> Text:
    """Name the layers with one unit, over which a sum has one term."""
    single = [n + 1 for n, s in zip(formula.layers, formula.ordered, strict=True) if _sums_one_unit(s)]
    if not single:
        return Text(())
    one = "layer {} has one unit, so the sum over it has one term"
    several = "layers {} have one unit each, so the sums over them have one term"
    return say(f" ({one if len(single) == 1 else several})", ", ".join(map(str, single)))


def _sums_one_unit(statement: ArrayAssign) -> bool:
    return any(axis.extent == 1 for axis in summed_axes(statement))


def summed_axes(statement: ArrayAssign) -> list[Axis]:
    """The axes of units that an equation sums over."""
    limits = (limit[0].axis for node in statement.equation.expression.atoms(Sum) for limit in node.limits)
    return [axis for axis in limits if not axis.sample]


def recurring(view: View) -> dict[str, Formula]:
    """The formulas that stand for the factors of more than one layer, by their letters: R, or R1, R2 and so on."""
    found = [f for f in Layered(view).formulas("factor") if len(f.statements) > 1]
    return {f"R{n}" if len(found) > 1 else "R": f for n, f in enumerate(found, 1)}


def ranged(layers: list[int]) -> str:
    """Layer numbers in a row, the middle of a long row omitted."""
    step = 1 if layers[0] <= layers[-1] else -1
    if len(layers) > 3 and layers == [*range(layers[0], layers[-1] + step, step)]:
        return f"{layers[0]}, ..., {layers[-1]}"
    return ", ".join(map(str, layers))


def _rows(view: View) -> list[Item]:
    rows = ChainRows(view, view.derivation.factors)
    return [rows.chain_row(p) for p in _rows_of(view)]


def _rows_of(view: View) -> list[Tensor]:
    """Parameters whose rows are shown; a bias has the same row as its weight."""
    found = [p for p in view.by_depth() if p.role != Role.BIAS or not _has_weights(view)]
    return found if len(found) > 1 else view.by_depth()


def _has_weights(view: View) -> bool:
    return any(p.role == Role.WEIGHT for p in view.single.parameters)


def _coloured(view: View) -> bool:
    return len(view.single.stage("factor")) > 1


def _side_by_side(view: View) -> Text:
    dots = ""
    chains = view.derivation.chains
    if any(len(path) > SPELLED for p in view.by_depth() for path in [next(chains.paths(p, folded=True))]):
        dots = " Dots stand for the factors and sums between."
    if view.coupled:
        dots += " The sums run over the samples of the batch, too."
    if chains.recurring:
        return say("{}" + dots, _side_by_side_in_steps(view))
    if not _coloured(view):
        (factor,) = view.single.stage("factor")
        read = (symbols_read(s.equation.expression) for s in view.single.stage("gradient"))
        whose = "All parameters" if all(factor.target.name in names for names in read) else "Several parameters"
        return say(f"{whose} share the factor in green square brackets:" + dots)
    layered = any(p.layer is not None for p in view.batch.parameters)
    if _repeats(view):
        return say(
            f"Write the chains{' of all layers' * layered} below one another. In each row after the first, the factor "
            "in red round brackets equals the factor in green square brackets of a row above, up to the names of its "
            "indices, so it need not be computed again." + dots
        )
    return say(
        "Write the chains below one another. Green square brackets enclose the last factor that a chain shares with "
        "others, red round brackets the one before it." + dots
    )


def _side_by_side_in_steps(view: View) -> Text:
    """What the rows of a recurrence are."""
    tensors = {t.name: t for p in view.by_depth() for t in entered(view, view.derivation.forward.tensors[p.name])}
    words = "Write the chains below one another. Green square brackets enclose what they share with others"
    words += ", red round brackets what is shared before it" * _has_red(view) + "."
    if not tensors:
        return say(words)
    first = next(iter(tensors.values()))
    words += (
        f" {{}} counts all paths through this step and all {later(view, first)} ones{of_window(view, first)}, so every "
    )
    words += "chain that enters the recurrence there continues from this one factor."
    return say(words, whole(view, first))


def _has_red(view: View) -> bool:
    """Whether a chain passes two shared factors."""
    shared = {f.tensor.name for f in view.derivation.factors}
    rows = (islice(view.derivation.chains.paths(p, folded=True), MOST_PATHS) for p in _rows_of(view))
    return any(sum(edge.wrt.name in shared for edge in path) > 1 for paths in rows for path in paths)


def _repeats(view: View) -> bool:
    """Return whether every red factor is green in a row above."""
    shared, green = {f.tensor.name for f in view.derivation.factors}, set[str]()
    rows = [list(islice(view.derivation.chains.paths(p), MOST_PATHS)) for p in _rows_of(view)]
    for paths in rows:
        ends = [[e.wrt.name for e in path if e.wrt.name in shared] for path in paths]
        if any(len(e) > 1 and e[-2] not in green for e in ends):
            return False
        green |= {e[-1] for e in ends if e}
    return len(rows) > 1


def _meaning(view: View) -> list[Item]:
    """The derivative that each shared factor stands for."""
    found = []
    for statement in view.written.stage("factor"):
        about, indices = statement.target.about, statement.equation.indices
        assert about is not None
        page = view.written_page.with_letters(indices, ())
        slope = view.error_slope(page.symbol(about, indices))
        pieces = scaled(view, 1 / view.written.common, slope)
        found.append(Item(page.symbol(statement.target, indices), (pieces,)))
    return found


def scaled(view: View, number: Expr, box: Box) -> Box:
    """A number times a formula."""
    size = -number if subtracted(number) else number
    scaled = box if size == 1 else view.set_.join((view.page.entry(size), box), "thin", PRODUCT)
    return scaled if size == number else view.set_.before("minus", scaled)


def _in_words(view: View) -> Text:
    """The meaning of a shared factor for its unit, in words."""
    statement = view.written.stage("factor")[-1]
    about, indices = statement.target.about, statement.equation.indices
    assert about is not None
    page, little = view.written_page.with_letters(indices, ()), view.letter(_little(view))
    reversed_ = ", with the sign reversed" if subtracted(view.written.common) else ""
    if view.brief:
        return say(
            "{} is the sensitivity of {} to {}{}.",
            view.role("factor"),
            view.page.error(),
            page.symbol(about, indices),
            reversed_,
        )
    change = view.set_.join((little, page.symbol(statement.target, indices)), "thin", PRODUCT)
    held = [view.page.symbol(view.written.tensors[name], whole=True) for name in view.batch.stopped]
    return say(
        "{} is the sensitivity of the loss to {}{}: raise {} by a small {}, run the rest of the forward pass{}, and {} "
        "changes by about {}.",
        view.role("factor"),
        "a pre-activation" if about.role == Role.PREACTIVATION else page.symbol(about, indices),
        reversed_,
        page.symbol(about, indices),
        little,
        say(" with the values of {} kept", listed(held)) if held else Text(()),
        view.page.error(),
        scaled(view, view.written.common, change),
    )


def _little(view: View) -> str:
    """An unused letter for a small number."""
    page, used = view.page, {*view.page.taken, *view.batch.constants, *view.notation.sample_letters}
    letters: tuple[str, ...] = ("h", "Delta", "epsilon", "theta", *ascii_lowercase)
    return next(x for x in letters if x not in used and LETTERS[x].text not in page.signs.letters)


# Step by step.


def _passages(view: View) -> list[Passage]:
    """Passages that are shown: all, or of each kind the one with the most indices, summed or free."""
    if view.exhaustive:
        return _derivable(view)
    kinds: dict[object, Passage] = {}
    for passage in _derivable(view):
        edges = tuple(e.of.role for e in passage.edges)
        kind = (passage.tensor.role, edges, passage.name is not None, is_cancelled(passage))
        if kind not in kinds or _shown_indices(passage) >= _shown_indices(kinds[kind]):
            kinds[kind] = passage
    chosen = {p.tensor.name for p in kinds.values()}
    return [p for p in view.batch.passages if p.tensor.name in chosen]


def _derivable(view: View) -> list[Passage]:
    """The passages that are neither derived among the local derivatives nor given."""
    given = [t.about for t in view.batch.upstream]
    found = [p for p in view.batch.passages if not _is_local(view, p) or is_cancelled(p)]
    return [p for p in found if p.tensor not in given]


def _is_local(view: View, passage: Passage) -> bool:
    """Whether the derivative of the error is a local derivative, which is shown among these."""
    return passage.name is None and [e.of for e in passage.edges] == [view.derivation.forward.error.target]


def _shown_indices(passage: Passage) -> int:
    indices = {*passage.indices, *(i for edge in passage.edges for i in edge.of_indices)}
    return sum(i.axis.extent != 1 and not i.axis.sample for i in indices)


def is_cancelled(passage: Passage) -> bool:
    """Whether fractions cancel in a passage, or a promise shortens it."""
    return any({CANCELLED, ONE_FRACTION, PROMISE} & {*r.rules} for r in passage.reasons)


def passage_steps(view: View, passage: Passage) -> list[Item]:
    """The derivation of the derivative of the error with respect to one tensor, for one sample."""
    passage = passage if view.coupled else alone(passage)
    bound = [i for r in passage.reasons for i in bound_in(r.value, passage.indices)]
    page = view.written_page.with_letters(passage.indices, dict.fromkeys(bound), view.notation.factor_letters)
    left = view.error_slope(page.symbol(passage.tensor, passage.indices))
    items = steps(page, left, [Reason(r.rules, factored(view.value(r.value))) for r in passage.reasons])
    formal = _formal(view, page, passage)
    if formal is not None:
        named = {s.target.about.name for s in view.written.stage("factor") if s.target.about is not None}
        read, shown = {e.of.name for e in passage.edges}, {p.tensor.name for p in _passages(view)}
        known = [view.role("factor")] if read & named else ["result above"] * (read <= shown)
        first = _naming(items[0], known)
        items = [Item(left, formal, reason=Text((CHAIN,))), replace(first, left=EMPTY), *items[1:]]
    if passage.name is None:
        return items
    value = passage.name[passage.indices] * view.written.common
    if view.written.common != 1:
        return [*items, *(i for i in steps(page, EMPTY, [Reason((NAMED,), value)]) if i.right != items[-1].right)]
    first, *others = items
    derived = (left, view.set_.before("equals", first.right[0]), *first.right[1:])
    return [replace(first, left=page.entry(value), right=derived), *others]


def _naming(item: Item, known: Sequence[Span]) -> Item:
    """A step in which local derivatives are substituted, with what else is substituted in its reason."""
    spans = () if item.reason is None else item.reason.spans
    if not known or not spans or not isinstance(spans[0], str) or not spans[0].startswith(LOCAL):
        return item
    return replace(item, reason=Text((*known, f" and {spans[0]}", *spans[1:])))


def _formal(view: View, page: Page, passage: Passage) -> tuple[Box, ...] | None:
    """Write the chain rule: the sum of dE/d(of) * d(of)/d(tensor) over all readers of the tensor."""
    error = view.derivation.forward.error.target
    if any(edge.of == error for edge in passage.edges):
        return None
    pieces: list[Box] = []
    for edge in passage.edges:
        pieces += _product(view, passage, edge, first=not pieces)
    return tuple(pieces)


def _product(view: View, passage: Passage, edge: LocalDerivative, first: bool) -> list[Box]:
    """Write the sum of dE/d(of) * d(of)/d(tensor) over the entries of ``of``."""
    own = dict(zip(edge.wrt_indices, passage.indices, strict=True))
    same = {left: own[right] for left, right in edge.same_sample.items()}
    of = view.shown(same.get(i, i) for i in edge.of_indices)
    page = view.written_page.with_letters(passage.indices, of, view.notation.factor_letters)
    signs = [page.summation(i) for i in of if i.axis.extent != 1 and i not in passage.indices]
    outer = view.error_slope(page.symbol(edge.of, of))
    inner = view.local_slope(edge, page.symbol(edge.of, of), page.symbol(passage.tensor, passage.indices))
    box = page.typesetter.join((*signs, outer, inner), "thin", PRODUCT)
    return [box if first else page.typesetter.before("binary plus", box)]


# Multiplications saved.


def _saving(view: View) -> list[Block]:
    """The numbers of multiplications with and without sharing, counted in the programs."""
    if not view.counts_paths or view.derivation.chains.recurring:
        return []
    alone = multiplications_by_chain(view.derivation.chains, not view.apart)
    shared = multiplications(view.written, "factor", "gradient")
    forwards = multiplications(view.written, "forward", "error")
    if not alone.is_number:
        one, batch = view.sentence("In terms of the widths"), "For a batch, in terms of the number of samples"
        batch += " and the widths" * bool(view.batch.extents)
        text = say(f"Sharing saves work. {batch if view.coupled else one}, multiplying out every chain takes")
        return [
            text,
            _count(view, alone),
            say("multiplications and divisions{}. With shared factors, the number is", inside_functions(view)),
            _count(view, shared),
        ]
    cancels = any(is_cancelled(p) and p.name is not None for p in view.batch.passages)
    words = "Sharing, and the cancellation above, save work" if cancels else "Sharing saves work"
    words += ": one sample takes " if view.apart else ": the backward pass takes "
    words += "{} multiplications and divisions, {} for the shared factor{} and {} for the gradients, "
    words += "instead of the {} needed when every chain is multiplied out{}. The forward pass takes {}."
    factors = multiplications(view.single, "factor")
    numbers = map(view.page.entry, (shared, factors, shared - factors, alone, forwards))
    first, some, *others, last = numbers
    several = "s" * (len(view.single.stage("factor")) > 1)
    return [say(words, first, some, several, *others, inside_functions(view), last)]


def _count(view: View, number: Expr) -> Display:
    return Display((Item(EMPTY, tuple(view.page.pieces(number)), "none"),))
