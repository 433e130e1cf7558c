"""The pattern: the rows of the chain rule, their shared factors, the recursion, and the multiplications saved."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from sympy import Expr

from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.cost import multiplications, multiplications_by_chain
from derive.calculus.index import Tensor
from derive.calculus.program import Passage
from derive.calculus.roles import Role
from derive.calculus.rules import CHAIN, NAMED, Reason
from derive.calculus.sample import alone, single_index
from derive.document.blocks import Block, Display, Fold, Item, Part, Table, Text, say
from derive.document.chain_rows import MOST_PATHS, SPELLED, ChainRows
from derive.document.parts.chain import steps
from derive.document.view import View, bound_in
from derive.paper.boxes import EMPTY, PRODUCT, Box
from derive.paper.characters import LETTERS
from derive.paper.page import Page


def pattern(view: View) -> Part:
    """The red factor of a row is the green factor of a row above: it is named Psi and computed once."""
    factors = view.single.stage("factor")
    if not factors:
        blocks: tuple[Block, ...] = (
            say("No two of these chains share a factor, so each gradient stands for itself:"),
            view.indexed("gradient"),
        )
        return Part("pattern", "The gradients", blocks)
    found: list[Block] = [_side_by_side(view), Display(tuple(_rows(view)))]
    found += [_naming(view), Display(tuple(_meaning(view))), _in_words(view)]
    if not view.brief:
        found += [
            Fold(
                say(
                    "How each is found from those above it, and each gradient from them, step by step"
                    if _coloured(view)
                    else "How it is found, and each gradient from it, step by step"
                ),
                (Display(tuple(i for p in _passages(view) for i in passage_steps(view, p))),),
            )
        ]
    found += [
        _recursion(view),
        view.indexed("factor"),
        say("and the gradients follow from " + ("them:" if _coloured(view) else "it:")),
    ]
    found += [view.indexed("gradient"), *_saving(view)]
    return Part("pattern", "The pattern", tuple(found))


def _rows(view: View) -> list[Item]:
    rows = ChainRows(view.page, view.derivation.chains, view.derivation.factors)
    return [rows.chain_row(p) for p in _rows_of(view)]


def _rows_of(view: View) -> list[Tensor]:
    """Parameters whose rows are shown; a bias has the same row as its weight."""
    return [p for p in view.by_depth() if p.role != Role.BIAS or not _has_weights(view)]


def _has_weights(view: View) -> bool:
    return any(p.role == Role.WEIGHT for p in view.single.parameters)


def _coloured(view: View) -> bool:
    return len(view.single.stage("factor")) > 1


def _side_by_side(view: View) -> Text:
    dots = ""
    if any(len(path) > SPELLED for p in view.by_depth() for path in [next(view.derivation.chains.paths(p))]):
        dots = " Dots stand for the factors and sums between."
    if not _coloured(view):
        return say("What stands in green, in square brackets, is shared by all the parameters behind it." + dots)
    if _repeats(view):
        return say(
            "Side by side, the rows show a pattern: what stands in red, in round brackets, is what stands in green, in "
            "square brackets, in a row above, up to the name of an index." + dots
        )
    return say(
        "Side by side, the rows show what they share: in square brackets, in green, stands the last shared factor on "
        "a chain, and in it, in round brackets, in red, the one before it." + dots
    )


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


def _naming(view: View) -> Text:
    if _coloured(view):
        return say("So it need not be worked out again. It is called {}:", view.role("factor"))
    return say("It is called {}:", view.role("factor"))


def _meaning(view: View) -> list[Item]:
    """The derivative that each shared factor stands for."""
    found = []
    for statement in view.single.stage("factor"):
        about, indices = statement.target.about, statement.equation.indices
        assert about is not None
        page = view.page.with_letters(indices, ())
        slope = view.error_slope(page.symbol(about, indices))
        pieces = page.signed([(view.single.common == -1, slope)])
        found.append(Item(page.symbol(statement.target, indices), tuple(pieces)))
    return found


def _in_words(view: View) -> Text:
    """The meaning of a shared factor for its unit, in words."""
    statement = view.single.stage("factor")[-1]
    about, indices = statement.target.about, statement.equation.indices
    assert about is not None
    page, little = (
        view.page.with_letters(indices, ()),
        view.letter(_little(view)),
    )
    change = view.set_.join((little, page.symbol(statement.target, indices)), "thin", PRODUCT)
    return say(
        "It tells how the error answers to a unit: if {} alone is raised by a small {}, and all that is computed from "
        "it follows, {} changes by about {}.",
        page.symbol(about, indices),
        little,
        view.page.error(),
        view.set_.before("minus", change) if view.single.common == -1 else change,
    )


def _little(view: View) -> str:
    """An unused letter for a small number."""
    first = "tau" if "epsilon" in view.batch.constants else "epsilon"
    return next(x for x in (first, "tau", "theta", "xi", "zeta") if LETTERS[x].text not in view.page.signs.letters)


def _recursion(view: View) -> Text:
    if _coloured(view):
        return say("Read from the top, each is found from those above it:")
    return say("Worked out, it is")


# Step by step.


def _passages(view: View) -> list[Passage]:
    """Passages that are shown: all, or those that do not repeat another layer's."""
    if view.exhaustive:
        return list(view.batch.passages)
    kinds: dict[object, Passage] = {}
    for passage in view.batch.passages:
        if passage.tensor.role == Role.PREDICTION and passage.name is None and len(passage.reasons) == 1:
            continue
        kind = (passage.tensor.role, tuple(e.of.role for e in passage.edges), passage.name is not None)
        if kind not in kinds or _shown_indices(passage) > _shown_indices(kinds[kind]):
            kinds[kind] = passage
    return list(kinds.values())


def _shown_indices(passage: Passage) -> int:
    return sum(i.axis.extent != 1 and not i.axis.sample for i in passage.indices)


def passage_steps(view: View, passage: Passage) -> list[Item]:
    """The derivation of the derivative of the error with respect to one tensor, for one sample."""
    passage = alone(passage)
    bound = [i for r in passage.reasons for i in bound_in(r.value, passage.indices)]
    page = view.page.with_letters(passage.indices, dict.fromkeys(bound), view.notation.factor_letters)
    left = view.error_slope(page.symbol(passage.tensor, passage.indices))
    items = steps(page, left, passage.reasons)
    formal = _formal(view, page, passage)
    if formal is not None:
        items = [Item(left, formal, reason=Text((CHAIN,))), replace(items[0], left=EMPTY), *items[1:]]
    if passage.name is not None:
        value = passage.name[passage.indices] * view.single.common
        items += [i for i in steps(page, EMPTY, [Reason((NAMED,), value)]) if i.right != items[-1].right]
    return items


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
    of = tuple(single_index(i) for i in edge.of_indices)
    page = view.page.with_letters(passage.indices, of, view.notation.factor_letters)
    signs = [page.summation(i) for i in of if i.axis.extent != 1]
    outer = view.error_slope(page.symbol(edge.of, of))
    inner = page.typesetter.partial(page.symbol(edge.of, of), page.symbol(passage.tensor, passage.indices))
    box = page.typesetter.join((*signs, outer, inner), "thin", PRODUCT)
    return [box if first else page.typesetter.before("binary plus", box)]


# Multiplications saved.


def _saving(view: View) -> list[Block]:
    """The numbers of multiplications with and without sharing, counted in the programs."""
    alone = multiplications_by_chain(view.derivation.chains)
    shared = multiplications(view.single.stage("factor", "gradient"))
    forwards = multiplications(view.single.stage("forward", "error"))
    counts = [
        ("every chain multiplied out by itself", alone),
        ("with the shared factors", shared),
        ("the forward pass, beside it", forwards),
    ]
    if not alone.is_number:
        text = say("Multiplications for one sample, in terms of the widths, with every chain multiplied out by itself:")
        return [text, _count(view, alone), say("and with the shared factors:"), _count(view, shared)]
    rows = tuple((Text((name,)), Text((view.page.entry(number),))) for name, number in counts)
    head = (Text(("the gradients for one sample",)), Text(("multiplications",)))
    return [
        say("Multiplications and divisions, counted from the chains and from the equations above:"),
        Table(head, rows, frozenset({1})),
    ]


def _count(view: View, number: Expr) -> Display:
    return Display((Item(EMPTY, tuple(view.page.pieces(number)), "none"),))
