"""The chain rule: the local derivatives, and the paths to one weight in scalars."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice

from sympy import Add, Expr, Indexed, Integer, KroneckerDelta, Mul, Pow, Sum, oo

from derive.arrays.blocks import gives_rows
from derive.calculus.affine import solved
from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.cost import scalar_chains as count_chains
from derive.calculus.deltas import tidy
from derive.calculus.functions import Elementwise
from derive.calculus.index import Index, Tensor
from derive.calculus.reading_order import subtracted
from derive.calculus.recurrence import shift
from derive.calculus.roles import Role
from derive.calculus.rules import (
    CANCELLED,
    CHAIN,
    COLLAPSE,
    INDEPENDENCE,
    LOCAL,
    OWN_VALUE,
    QUOTIENT,
    REARRANGED,
    SUMS,
    Reason,
)
from derive.calculus.scalar_chains import ScalarChain, scalar_chains, telling_entry
from derive.calculus.stepwise import InOrder, derivative_by_hand, factored
from derive.document.blocks import BREAK, Block, Display, Item, Part, Text, boxes_in, listed, say, spelled
from derive.document.chain_rows import ChainRows
from derive.document.parts.forward import outside
from derive.document.step_to_step import from_step_to_step
from derive.document.through_steps import counted, folded
from derive.document.view import LINE, View, bound_in, couples
from derive.paper.boxes import EMPTY, PRODUCT, SUM, Box
from derive.paper.page import Page

#: Largest number of scalar chains of one weight that are written out; of more, the first ones and the last.
PATHS = {"brief": 2, "full": 4, "exhaustive": 12}
#: Largest number of layers that an exhaustive document writes in scalars; of more, the middle ones are omitted.
LAYERS = 8


def chain(view: View) -> Part:
    """Show the local derivatives, then the sum over the paths to one weight of each layer that is spelled out."""
    blocks: list[Block] = [] if view.brief else _locals(view)
    error, variable, it = Text(("the loss",)), Text(("a parameter",)), "it"
    if view.derivation.first is not None:
        error = Text((view.page.error(),))
        sought = [view.page.symbol(t, whole=True) for t in view.single.sought]
        variable, it = listed(sought) if sought else variable, "each of them" if len(sought) > 1 else it
    words = "By the chain rule, the derivative of {} with respect to {} is "
    parameters = view.by_depth()
    if not view.coupled and view.counts_paths and all(count_chains(view.derivation.chains, p) == 1 for p in parameters):
        words += "the product of the local derivatives along the path from {} to {}."
        blocks.append(say(words, error, variable, it, error))
    else:
        words += "a sum over the paths from {} to {}: each path contributes the product of its local derivatives.{}"
        blocks.append(say(words, error, variable, it, error, _between_units(view)))
    if view.brief or view.coupled:
        shown = view.by_depth() if view.brief or view.exhaustive else _spelled(view)
        rows = ChainRows(view)
        words = "{}, and the sums run over all samples of the batch, too:"
        blocks += [say(words, combines(view))] if view.coupled else []
        blocks.append(Display(tuple(rows.chain_row(p) for p in shown)))
        blocks += [] if view.brief else from_step_to_step(view)
        return Part("chain", "The chain rule", tuple(blocks))
    for parameter in _spelled(view):
        entry = telling_entry(parameter)
        if view.derivation.chains.recurs(_original(view, parameter)):
            blocks += [*folded(view, parameter, entry), *counted(view, parameter, entry)]
        elif view.exhaustive or number_of_paths(view, _original(view, parameter), entry) != 1:
            blocks += one_weight(view, parameter, entry)
    blocks += from_step_to_step(view)
    return Part("chain", "The chain rule", tuple(blocks))


def _between_units(view: View) -> Text:
    """Say that a path does not change units in an activation, where that is true."""
    activations = (Role.ACTIVATION, Role.PREDICTION)
    applied = [s for s in view.single.stage("forward") if s.target.role in activations]
    alone = [isinstance(s.equation.expression, Elementwise) for s in applied]
    if view.derivation.network is None or not alone[0]:
        return Text(())
    words = " Each activation" if all(alone) else " Each activation of a hidden layer"
    words += " depends only on its own pre-activation, so a path never changes units between {} and {}."
    return say(words, view.role(Role.PREACTIVATION), view.role(applied[0].target.role))


def combines(view: View) -> Text:
    """Say why a path may lead between samples."""
    passed = view.derivation.chains.edges
    on_paths = (s for s in view.batch.stage("forward") if couples(s.equation) and s.target.name in passed)
    found = next(on_paths, None if view.derivation.first else view.combining)
    if found is None:
        return Text(("The equations are those of a batch",))
    symbol = view.batch_page.symbol(found.target, whole=True)
    return say("{} combines samples, so a path may lead from one sample to another", symbol)


def _spelled(view: View) -> list[Tensor]:
    """The parameters whose paths are shown: one of each layer, in a full document only that farthest from the loss."""
    first: dict[int | None, Tensor] = {}
    farthest_first = view.by_depth()[::-1]
    for parameter in [*(p for p in farthest_first if p.role == Role.WEIGHT), *farthest_first]:
        first.setdefault(parameter.layer, parameter)
    shown = sorted(first.values(), key=view.by_depth().index)
    if not view.exhaustive:
        return shown[-1:]
    return shown if len(shown) <= LAYERS else [*shown[: LAYERS - 1], shown[-1]]


# Local derivatives.


def _locals(view: View) -> list[Block]:
    """Derive each kind of local derivative once, step by step, with the rule of each step."""
    edges = _kinds(view)
    items = [item for edge in edges for item in local_steps(view, edge)]
    text = say(
        "Differentiate each equation{} with respect to the quantities on its right side{}.{}{}{}{}",
        view.for_one,
        "; each kind of derivative is shown once" if len(edges) < _count(view) else "",
        bracket(view, items),
        " Derivatives between samples of the batch are written only where they are not zero." if view.coupled else "",
        _immediate(view),
        _outside(view),
    )
    return [text, Display(tuple(items))]


def _outside(view: View) -> str:
    """Say what is read outside a tensor, unless the forward pass has said it."""
    here = view.reads_outside("factor", "gradient") and not view.reads_outside("forward", "error")
    return f" {outside(view)}" * here


def bracket(view: View, items: Sequence[Item]) -> Text:
    """Say what a bracket of two indices is, if there is one."""
    if not any(map(view.set_.is_condition, boxes_in([Display(tuple(items))]))):
        return Text(())
    i, j = view.page.spared("i", "j")
    return say(" {} is 1 if {} and {} are equal, and 0 otherwise.", view.set_.condition(i, j), i, j)


def _edges(view: View) -> list[LocalDerivative]:
    """The local derivatives on the chains, without those that are given."""
    return [e for edges in view.derivation.chains.edges.values() for e in edges if not view.is_given(e)]


def _count(view: View) -> int:
    return len(_edges(view))


def _immediate(view: View) -> Text:
    """Explain the sign of a direct derivative of the error that is only part of the total one, if there is any."""
    chains = view.derivation.chains
    found = [e for edges in chains.edges.values() for e in edges if view.is_immediate(e)]
    if not found:
        return Text(())
    of, wrt = (view.page.symbol(t, whole=True) for t in (found[0].of, found[0].wrt))
    return say(
        " {} is the derivative of the equation of {} alone, with everything else on its right side held fixed; {} also "
        "depends on {} in other ways, and {} counts all of them.",
        view.set_.immediate(of, wrt),
        of,
        of,
        wrt,
        view.set_.partial(of, wrt),
    )


def _kinds(view: View) -> list[LocalDerivative]:
    """All local derivatives, or one of each kind: the one with the most indices."""
    edges = [*_edges(view), *view.derivation.chains.vanishing]
    if view.exhaustive:
        return edges
    best: dict[object, LocalDerivative] = {}
    for edge in edges:
        kind = (type(edge.equation.expression), edge.wrt.role, tuple(r.rules for r in edge.reasons))
        if kind not in best or _indices_shown(edge) > _indices_shown(best[kind]):
            best[kind] = edge
    return list(best.values())


def _indices_shown(edge: LocalDerivative) -> int:
    return sum(i.axis.extent != 1 and not i.axis.sample for i in (*edge.of_indices, *edge.wrt_indices))


def local_steps(view: View, edge: LocalDerivative) -> list[Item]:
    """The derivation of a local derivative, step by step, for one sample."""
    same = {right: left for left, right in edge.same_sample.items()}
    of, wrt = view.shown(edge.of_indices), view.shown(same.get(i, i) for i in edge.wrt_indices)
    reasons = [Reason(r.rules, factored(view.value(r.value.xreplace(same)))) for r in by_hand_first(edge)]
    bound = [i for r in reasons for i in bound_in(r.value, (*of, *wrt))]
    page = view.written_page.with_letters((*of, *wrt), dict.fromkeys(bound))
    left = view.local_slope(edge, page.symbol(edge.of, of), page.symbol(edge.wrt, wrt))
    return steps(page, left, reasons, page.symbol(edge.of, whole=True))


def by_hand_first(edge: LocalDerivative) -> list[Reason]:
    """The reasons of a local derivative; if there are inner derivatives, they stand first, as factors of their own.

    A tensor of stacked rows is defined by cases, so the sums over deltas that state it are not shown.
    """
    if gives_rows(edge.equation):
        return [Reason((INDEPENDENCE,), edge.value)]
    first, *others = edge.reasons
    unsimplified = derivative_by_hand(edge.equation.expression, edge.wrt[edge.wrt_indices])
    if not unsimplified.has(InOrder):
        return [first, *others]
    simplified = [] if others else [Reason((REARRANGED,), tidy(first.value))]
    return [Reason((*first.rules, CHAIN), unsimplified), *simplified, *others]


def steps(page: Page, left: Box, reasons: Sequence[Reason], own: Box = EMPTY) -> list[Item]:
    """Display the steps of a derivation, each with its rules; a step that changes nothing is omitted.

    ``own`` is what a differentiated equation defines.

    A step that is too wide for a line is not shown; its rules are added to the next.
    """
    items: list[Item] = []
    before: Box | None = None
    rules: tuple[str, ...] = ()
    shown = Reason((), Integer(0))
    for number, reason in enumerate(reasons):
        value, pieces = page.entry(reason.value), page.pieces(reason.value)
        if value == before:
            continue
        rules = tuple(dict.fromkeys((*rules, *_seen(reason, reasons[number - 1] if number else None))))
        too_wide = max(p.width for p in pieces) + left.width + 3 > LINE
        if too_wide and number < len(reasons) - 1:
            continue
        why = _in_words(page, Reason(rules, reason.value), shown.value, own) if rules else None
        items.append(Item(EMPTY if items else left, tuple(pieces), reason=why))
        before, rules, shown = value, (), reason
    return items


def _in_words(page: Page, reason: Reason, before: Expr, own: Box) -> Text:
    """The reason of a step, which led from ``before`` to its value: the rules, then remarks on them."""
    rules, remarks = list[Text](), list[Text]()
    inner = _inner(reason) if CHAIN in reason.rules else None
    for rule in reason.rules:
        if rule == COLLAPSE:
            rules.append(_remaining(page, before, reason.value))
        elif rule == CANCELLED and (lost := _lost(before, reason.value)) is not None:
            rules.append(say("{} cancels", page.entry(lost)))
        elif rule == OWN_VALUE and own != EMPTY:
            rules.append(say("by the definition of {}", own))
        elif rule == INDEPENDENCE:
            remarks += [] if inner is not None else [Text((rule,))]
        elif rule == CHAIN and inner is not None:
            remarks.append(say("the inner derivative is {}", page.entry(inner)))
        elif rule != CHAIN or QUOTIENT not in reason.rules:
            rules.append(Text((rule,)))
    told = [listed(rules)] * bool(rules) + remarks
    return say("; ".join(["{}"] * len(told)), *told)


def _inner(reason: Reason) -> Expr | None:
    """The only inner derivative in a step that uses one rule, if it is a number, or a number times deltas."""
    products = list(reason.value.atoms(InOrder))
    if len(products) != 1 or len({*reason.rules} - {CHAIN, INDEPENDENCE}) != 1:
        return None
    last = products[0].args[-1]
    return last if all(f.is_number or isinstance(f, KroneckerDelta) for f in Mul.make_args(last)) else None


def _remaining(page: Page, before: Expr, after: Expr) -> Text:
    """Which terms of the sums over deltas remain."""
    summed = {limit[0] for node in before.atoms(Sum) for limit in node.limits}
    deltas = sorted(before.atoms(KroneckerDelta) - after.atoms(KroneckerDelta), key=str)
    pairs = [
        _moved(d, summed) or sorted(d.args, key=lambda i: (i in after.atoms(Index), i not in summed)) for d in deltas
    ]
    named = [(page.index(one), page.index(other)) for one, other in pairs if one in summed]
    boxes = [(k, i) for k, i in named if k is not None and i is not None]
    if not boxes:
        return Text((COLLAPSE,))
    remain = say(
        "only {} remain" + "s" * (len(boxes) == 1), listed(page.typesetter.join(b, "equals", SUM) for b in boxes)
    )
    if not after.atoms(Index) & {one for one, _ in pairs}:
        return remain
    return say("of the terms with {}, {}", listed(page.typesetter.condition(*b) for b in boxes), remain)


def _moved(delta: KroneckerDelta, summed: Collection[Expr]) -> list[Expr] | None:
    """The summed index k and its only value t + 1, if the delta is [t = k - 1]."""
    if all(isinstance(a, Index) or a.is_Integer for a in delta.args):
        return None
    for index in sorted(delta.atoms(Index) & {*summed}, key=str):
        left, right = delta.args
        value = solved(left, right, index)
        if value is not None and len(value.atoms(Index)) == 1 and shift(value, *value.atoms(Index)) is not None:
            return [index, value]
    return None


def _lost(before: Expr, after: Expr) -> Expr | None:
    """The only denominator that a step cancels, if it is an entry."""
    below = ({p.base for p in e.atoms(Pow) if p.exp == -1} for e in (before, after))
    lost = next(below) - next(below)
    return lost.pop() if len(lost) == 1 and all(isinstance(e, Indexed) for e in lost) else None


def _seen(reason: Reason, before: Reason | None) -> tuple[str, ...]:
    """The visible rules of a step: a delta between samples is invisible if there is one sample."""
    if INDEPENDENCE in reason.rules and not reason.value.has(KroneckerDelta):
        return tuple(r for r in reason.rules if r != INDEPENDENCE)
    if COLLAPSE in reason.rules and before is not None and not before.value.has(KroneckerDelta):
        return (SUMS,) if before.value.has(Sum) else (REARRANGED,)
    return reason.rules


# One weight in scalars.

#: The factors of a product, and whether it is subtracted.
Product = tuple[bool, list[Box]]


def one_weight(view: View, parameter: Tensor, entry: Sequence[Expr]) -> list[Block]:
    """Write all paths from the error to one weight in scalars: as local derivatives, then with their formulas."""
    original = _original(view, parameter)
    count = number_of_paths(view, original, entry)
    shown = shown_chains(view, original, entry)
    symbol = view.page.symbol(parameter, tuple(entry))
    noun = parameter.role if parameter.role in (Role.WEIGHT, Role.INPUT) else "parameter"
    if count == oo:
        number: str | Box = f"More than {COUNTED}"
    else:
        number = spelled(int(count)).capitalize() if count.is_Integer else view.page.entry(count)
    words = " path leads" if count == 1 else " paths lead"
    penalised = any(scalar_chains(view.derivation.chains, original, entry, penalty=True))
    every = view.counts_paths and count != 1 and None not in shown
    choice = ", one for each choice of the units on the way" if every else ""
    choice = ", one of them through the penalty" if penalised else choice
    text = say("{}" + words + " from the " + noun + " {} to the loss" + choice + ":", number, symbol)
    left = view.error_slope(symbol)
    partials = Item(left, tuple(_sum(view, [_partials(view, c) if c else None for c in shown])), reason=Text((CHAIN,)))
    values = Item(EMPTY, tuple(_sum(view, [_values(view, c) if c else None for c in shown])), reason=Text((LOCAL,)))
    return [text, Display((partials, values))]


#: The largest number of paths that are counted one by one.
COUNTED = 200


def number_of_paths(view: View, parameter: Tensor, entry: Sequence[Expr]) -> Expr:
    """The number of scalar paths from the loss to an entry of a parameter; infinity if they are too many to count."""
    if view.counts_paths_from(parameter):
        return count_chains(view.derivation.chains, parameter, entry)
    found = sum(1 for _ in islice(scalar_chains(view.derivation.chains, parameter, entry), COUNTED + 1))
    return Integer(found) if found <= COUNTED else oo


def _original(view: View, parameter: Tensor) -> Tensor:
    """The parameter or the input in the program for a batch."""
    return view.derivation.forward.tensors[parameter.name]


def shown_chains(view: View, parameter: Tensor, entry: Sequence[Expr]) -> list[ScalarChain | None]:
    """Return the first chains, None for dots and the last one if there are more, then the chain of a penalty."""
    most, chains = PATHS[view.detail], view.derivation.chains
    first = list(islice(scalar_chains(chains, parameter, entry, penalty=False), most + 1))
    more = list(scalar_chains(chains, parameter, entry, penalty=True))
    if len(first) <= most and (not view.counts_paths or count_chains(chains, parameter).is_Integer):
        return [*first, *more]
    last = next(scalar_chains(chains, parameter, entry, last=True, penalty=False))
    return [*first[: max(most - 2, 1)], None, last, *more]


def _sum(view: View, products: Sequence[Product | None]) -> list[Box]:
    """A sum of products, one on each line; None for dots."""
    pieces: list[Box] = []
    for number, product in enumerate(products):
        negative, (first, *others) = product or (False, [view.set_.dots()])
        if number:
            pieces.append(BREAK)
            first = view.set_.before("less" if negative else "plus", first)
        elif negative:
            first = view.set_.before("minus", first)
        pieces += [first, *others]
    return pieces


def _is_negative(value: Expr) -> bool:
    return subtracted(value) and not isinstance(value, Add)


def _partials(view: View, links: ScalarChain) -> Product:
    page = view.page
    return False, [
        view.local_slope(x.local, page.symbol(x.local.of, x.of), page.symbol(x.local.wrt, x.wrt)) for x in links
    ]


def _values(view: View, links: ScalarChain) -> Product:
    """The values of the local derivatives on a chain without factors of 1, and whether the product is negative."""
    page = view.page.with_letters((), dict.fromkeys(i for x in links for i in sorted(x.value.atoms(Index), key=str)))
    values = [x.value for x in links]
    negative = sum(map(_is_negative, values)) % 2 == 1
    plain = [-v if _is_negative(v) else v for v in values]
    boxes = [page.at(v, PRODUCT) for v in plain if v != 1]
    return negative, boxes or [view.set_.number(1)]
