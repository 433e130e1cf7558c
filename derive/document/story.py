"""The story of one weight: its paths to the loss, its chain rule in scalars, its shared factor, its value.

Like the whole derivation, it is a document of blocks, written in the same formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

from sympy import Expr, Indexed, Integer, Sum, oo

from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.index import Index, IndexSupply, Tensor, put
from derive.calculus.program import Assign
from derive.calculus.roles import Role
from derive.calculus.rules import INDEPENDENCE
from derive.calculus.sample import single_index
from derive.calculus.scalar_chains import Link, ScalarChain, at_entry, scalar_chains
from derive.document.blocks import (
    BREAK,
    Block,
    Display,
    Document,
    Item,
    Part,
    Picture,
    Reference,
    Table,
    Text,
    listed,
    say,
)
from derive.document.chain_rows import MOST_PATHS, ChainRows, spelled_out
from derive.document.document import explained
from derive.document.manuscript import Manuscript, numbers_of
from derive.document.parts.chain import COUNTED, bracket, combines, number_of_paths, one_weight, shown_chains
from derive.document.parts.forward import UNITS, outside, written_out
from derive.document.parts.glance import description
from derive.document.parts.numbers import ARRIVING, figure
from derive.document.parts.pattern import scaled
from derive.document.through_steps import arrival, by_steps, counted, counting, folded_paths, truncation
from derive.document.view import View, bound_in
from derive.drawing import Drawing, Highlight, draw, read_highlight
from derive.paper.boxes import EMPTY, SUM, Box
from derive.record import record
from derive.statement.edition import Edition
from derive.text.errors import SpecError
from derive.worked.drawn import SAMPLES_DRAWN
from derive.worked.figures import shown
from derive.worked.slope import Slope, slope

if TYPE_CHECKING:
    from derive.targets.registry import Runnable

#: Largest number of local derivatives and values that are listed.
MOST = {"brief": 12, "full": 24, "exhaustive": 60}

#: Largest number of chains that are multiplied out and added up in numbers.
MOST_ADDED = 200


@record
class Weight:
    """One entry of a parameter, with its view."""

    view: View
    highlight: Highlight
    parameter: Tensor

    @property
    def entry(self) -> tuple[Expr, ...]:
        """The indices of the entry; that of the sample is a letter."""
        numbers, axes = iter(self.highlight.entry), self.parameter.axes
        letters = self.view.shown(IndexSupply("entry").several(axes))
        return tuple(i if axis.sample else Integer(next(numbers)) for i, axis in zip(letters, axes, strict=True))

    @property
    def symbol(self) -> Box:
        """Its symbol."""
        return self.view.page.symbol(self.single, tuple(map(single_index, self.entry)))

    @property
    def single(self) -> Tensor:
        """The parameter in the program for one sample."""
        return self.view.single.tensors[self.parameter.name]

    @property
    def noun(self) -> str:
        """Its noun, such as weight or bias."""
        if self.parameter.role == Role.BIAS and not self.view.is_added(self.parameter):
            return "parameter"
        known = (Role.WEIGHT, Role.BIAS, Role.INPUT)
        return self.parameter.role if self.parameter.role in known else "parameter"

    @property
    def chains(self) -> list[ScalarChain | None]:
        """Its chains; if there are too many, the first ones and the last, with None for dots."""
        return shown_chains(self.view, self.parameter, self.entry)

    @property
    def paths(self) -> list[tuple[LocalDerivative, ...]]:
        """The first of its paths through the tensors."""
        return [*islice(self.view.derivation.chains.paths(self.parameter, folded=True), MOST_PATHS)]

    @property
    def has_more_paths(self) -> bool:
        """Whether it has more paths through the tensors."""
        paths = self.view.derivation.chains.paths(self.parameter, folded=True)
        return next(islice(paths, MOST_PATHS, None), None) is not None

    def entering(self, tensor: Tensor | None) -> tuple[Expr, ...] | None:
        """The entry of a tensor at which its paths enter a recurrence, at any step; None if they do so elsewhere."""
        for path in self.paths:
            _, (_, first, *_) = ChainRows(self.view).lettered(path, self.entry)
            if tensor is not None and first.local.of.name == tensor.name:
                return first.of
        return None

    @property
    def recurs(self) -> bool:
        """Whether its paths lead through a recurrence."""
        return self.view.derivation.chains.recurs(self.parameter)


def story(derivation: Runnable, weight: str, edition: Edition) -> Manuscript:
    """Return the story of one weight, such as ``W2[3,1]``, with the detail and numbers of an edition.

    Raises SpecError if the network has no such weight, or the numbers do not fit it.
    """
    highlight = read_highlight(weight, derivation.forward)
    told = Weight(View(derivation, edition.detail), highlight, highlight.parameter(derivation.forward))
    if not derivation.chains.into(told.parameter):
        raise SpecError(
            f"no path leads from {highlight} to {derivation.forward.error.target.name}: its derivative is 0"
        )
    drawing = draw(derivation, highlight)
    samples = SAMPLES_DRAWN if told.view.coupled else 1
    number = slope(derivation, told.parameter, highlight.entry, numbers_of(edition), samples)
    parts = (_paths(told, drawing), _chain(told), _factor(told), _number(told, number))
    title = f"The story of one {told.noun}: {highlight}"
    return Manuscript(told.view, edition, Document(title, explained(told.view, parts)), drawing)


# Its paths.


def _paths(weight: Weight, drawing: Drawing) -> Part:
    """Its position in the network, and every path from it to the loss."""
    view = weight.view
    picture = Picture(drawing, say("The paths from {} to the loss.", weight.symbol))
    if view.coupled:
        paths = [Item(EMPTY, tuple(_through_samples(weight, path)), "none") for path in weight.paths]
        paths += [Item(EMPTY, (view.set_.dots("down"),), "none")] * weight.has_more_paths
        words = "{}. From the " + weight.noun + " {}, " + ("these paths lead" if len(paths) > 1 else "this path leads")
        lead = say(words + " to the loss:", combines(view), weight.symbol)
        return Part("paths", "Its paths", (description(view), picture, lead, Display(tuple(paths))))
    if weight.recurs:
        ways = [Item(EMPTY, tuple(_through_samples(weight, path)), "none") for path in weight.paths]
        lead = folded_paths(view, weight.parameter, weight.entry)
        number = counted(view, weight.parameter, weight.entry)
        said = (description(view), *truncation(view), picture, lead, Display(tuple(ways)), *number)
        return Part("paths", "Its paths", said)
    count = number_of_paths(view, weight.parameter, weight.entry)
    words = "one path" if count == 1 else f"more than {COUNTED} paths" if count == oo else "{} paths"
    text = say(
        "From the " + weight.noun + " {}, " + words + " lead" + ("s" if count == 1 else "") + " to the loss{}",
        weight.symbol,
        *([] if count in (1, oo) else [view.page.entry(count)]),
        ", of which some are:" if None in weight.chains else ":",
    )
    items = (Item(EMPTY, tuple(_path(view, chain)), "none") for chain in weight.chains)
    return Part("paths", "Its paths", (description(view), picture, text, Display(tuple(items))))


def _path(view: View, chain: ScalarChain | None) -> Iterator[Box]:
    """Yield the values on one path, from the weight to the loss."""
    if chain is None:
        yield view.set_.dots("down")
        return
    yield view.page.symbol(chain[-1].local.wrt, chain[-1].wrt)
    for link in reversed(chain):
        yield view.set_.join((EMPTY, view.page.symbol(link.local.of, link.of)), "to", SUM)


def _through_samples(weight: Weight, path: Sequence[LocalDerivative]) -> Iterator[Box]:
    """Yield the entries on a path through the samples of a batch, from the weight to the loss."""
    set_, (page, steps) = weight.view.set_, ChainRows(weight.view).lettered(path, weight.entry)
    yield page.symbol(steps[-1].local.wrt, steps[-1].wrt)
    below = len(path)
    for position, step in zip(reversed(spelled_out(len(path))), reversed(steps), strict=True):
        if position != below - 1 or weight.view.derivation.chains.is_whole(step.local):
            yield set_.join((EMPTY, set_.dots()), "to", SUM)
        yield set_.join((EMPTY, page.symbol(step.local.of, step.of)), "to", SUM)
        below = position


# Its chain.


def _chain(weight: Weight) -> Part:
    """Show the local derivatives on the paths, and the sum of their products over the paths."""
    view = weight.view
    if view.coupled or weight.recurs:
        found = [pair for path in weight.paths for pair in _locals(weight, path)]
        items = [*{key: item for key, item in reversed(found)}.values()][::-1]
        reads_outside = view.reads_outside("forward", "error", "factor", "gradient") and weight.recurs
        explained = say("{}" + f" {outside(view)}" * reads_outside, bracket(view, items))
        lead = say("Each step of a path is a local derivative{}{}", "." if explained.spans else ":", explained)
        row = ChainRows(view).chain_row(weight.parameter, weight.entry)
        words = Text(("The sums of their products run over all samples of the batch, too:",))
        if not view.coupled:
            words = counting(view, weight.parameter)
        return Part("chain", "Its chain", (lead, Display(tuple(items)), words, Display((row,))))
    links = [x for x in _links(weight.chains) if not view.is_given(x.local)]
    most = MOST[view.detail]
    some = ", of which the first are:" if len(links) > most else ":"
    steps = Display(tuple(_local(view, link) for link in links[:most]))
    chains = one_weight(view, weight.single, weight.entry)
    said = f" {outside(view)}" if view.reads_outside("forward", "error", "factor", "gradient") else ""
    lead = say("Each step of a path is a local derivative" + (f"{some[:-1]}.{said}" if said else some))
    return Part("chain", "Its chain in scalars", (lead, steps, *chains))


def _locals(weight: Weight, path: Sequence[LocalDerivative]) -> Iterator[tuple[object, Item]]:
    """Write the local derivatives on a path through the samples of a batch, with keys up to the names of indices."""
    page, steps = ChainRows(weight.view).lettered(path, weight.entry)
    chains = weight.view.derivation.chains
    for step in (s for s in steps if not (weight.view.is_given(s.local) or chains.is_whole(s.local))):
        edge = step.local
        names = zip((*edge.of_indices, *edge.wrt_indices), (*step.of, *step.wrt), strict=True)
        value = weight.view.value(at_entry(put(edge.value, dict(names))))
        left = weight.view.local_slope(edge, page.symbol(edge.of, step.of), page.symbol(edge.wrt, step.wrt))
        places = (*step.of, *step.wrt)
        key = edge.of.name, edge.wrt.name, tuple(places.index(i) if isinstance(i, Index) else i for i in places)
        yield key, Item(left, tuple(page.pieces(value)), reason=_rules(edge))


def _rules(edge: LocalDerivative) -> Text | None:
    """The rules by which an equation is differentiated."""
    rules = [r for r in edge.reasons[0].rules if r != INDEPENDENCE]
    return listed(rules) if rules else None


def _links(chains: Sequence[ScalarChain | None]) -> list[Link]:
    """Every step of the chains once, from the loss downwards."""
    known = {(x.local.of.name, x.of, x.local.wrt.name, x.wrt): x for c in chains if c for x in c}
    order = [n for c in chains if c for n in [x.local.of.name for x in c]]
    return sorted(known.values(), key=lambda x: order.index(x.local.of.name))


def _local(view: View, link: Link) -> Item:
    """Write a local derivative between two scalars, with its rule."""
    page = view.page.with_letters((), dict.fromkeys(bound_in(link.value, ())))
    left = view.local_slope(link.local, page.symbol(link.local.of, link.of), page.symbol(link.local.wrt, link.wrt))
    return Item(left, tuple(page.pieces(link.value)), reason=_rules(link.local))


# Its shared factor.


def _factor(weight: Weight) -> Part:
    """The shared factor at the start of the chain, how it is computed, and the remaining derivative."""
    view = weight.view
    stage = view.written.stage
    gradient = next(s for s in stage("gradient") if s.target.about and s.target.about.name == weight.parameter.name)
    read = [s for s in stage("factor") if _read(gradient, s)]
    blocks: list[Block] = []
    for statement in read:
        at = weight.entering(statement.target.about) if weight.recurs else None
        blocks += _defined(view, statement, at or _place(statement, gradient.equation.at(weight.entry)))
    lead = "With it, the derivative is" if read else "It shares no factor with other parameters; the derivative is"
    blocks += [Text((lead,)), Display((_at(view, gradient, weight.entry),))]
    return Part("factor", "Its shared factor", tuple(blocks))


def _read(gradient: Assign, factor: Assign) -> bool:
    return factor.target.name in {a.base.label.name for a in gradient.equation.expression.atoms(Indexed)} or (
        not factor.target.axes and factor.target.symbol in gradient.equation.expression.free_symbols
    )


def _defined(view: View, factor: Assign, at: tuple[Expr, ...]) -> list[Block]:
    """A shared factor as read by the gradient: the derivative that it stands for, and how it is computed."""
    about = factor.target.about
    assert about is not None
    page = view.written_page.with_letters([i for i in at if isinstance(i, Index)], ())
    symbol, reached = page.symbol(factor.target, at), page.symbol(about, at)
    meaning = Item(symbol, (scaled(view, 1 / view.written.common, view.error_slope(reached)),))
    return [
        say("The chains of other parameters begin in the same way, down to {}. The common factor is called", reached),
        Display((meaning,)),
        Text(("It is computed once, for all of them, by",)),
        Display((_at(view, factor, at),)),
    ]


def _place(factor: Assign, value: Expr) -> tuple[Expr, ...]:
    """Indices at which a formula reads a factor; those of its equation if it reads more than one entry."""
    read = (a for a in sorted(value.atoms(Indexed), key=str) if a.base.label.name == factor.target.name)
    places = [tuple(a.indices) for a in read]
    return next((p for p in places if not _ranging(i for i in p if not _of_samples(i))), factor.equation.indices)


def _ranging(indices: Iterable[Expr]) -> bool:
    """Return whether any index has more than one value."""
    return any(isinstance(s, Index) and s.axis.extent != 1 for i in indices for s in i.free_symbols)


def _of_samples(index: Expr) -> bool:
    return isinstance(index, Index) and index.axis.sample


def _at(view: View, statement: Assign, entry: tuple[Expr, ...]) -> Item:
    """Write a statement for one entry with its sums over units expanded, and the equation that it comes from."""
    value = at_entry(statement.equation.at(entry)).replace(_is_single, lambda total: total.function)
    free = [i for i in entry if isinstance(i, Index)]
    page, most = view.written_page.with_letters(free, bound_in(value, free)), max(UNITS["full"], UNITS[view.detail])
    pieces = page.pieces(value) if view.coupled else written_out(page, value, most)
    return Item(page.symbol(statement.target, entry), tuple(pieces), reason=say("by {}", Reference(statement.number)))


def _is_single(node: Expr) -> bool:
    """Whether a sum has one term, such as the sum over a single sample."""
    return isinstance(node, Sum) and all(limit[0].axis.extent == 1 for limit in node.limits)


# Its number.


def _number(weight: Weight, found: Slope | None) -> Part:
    """The chains with numbers substituted, and the gradient beside its finite difference."""
    if found is None:
        words = "The widths of this network have names: nothing can be computed unless arrays are given in a file."
        return Part("number", "Its number", (Text((words,)),))
    view = weight.view
    blocks: list[Block] = [Text((_origin(view, found),))]
    if found.samples == 1 and weight.recurs and not view.coupled:

        def show(value: float) -> Box:
            return figure(view, found.figure(value))

        blocks += by_steps(view, weight.parameter, weight.entry, found, show)
        blocks += arrival(view, found.machine, lambda value: figure(view, shown(value, ARRIVING)))
    elif found.samples == 1 and not (view.coupled or view.batch.extents):
        values, links = _values(weight, found), _links(weight.chains)[: MOST[view.detail]]
        blocks += [Table((Text(("number",)), Text(("value",))), values, frozenset({1}))]
        blocks += [Text(("The local derivatives are",)), Display(tuple(_put_in(view, x, found) for x in links))]
        every = list(islice(scalar_chains(view.derivation.chains, weight.parameter, weight.entry), MOST_ADDED + 1))
        count = number_of_paths(view, weight.parameter, weight.entry)
        if len(every) <= MOST_ADDED and len(every) == count:
            blocks += [Text(("and the sum of the chains is",)), Display((_product(weight, found, every),))]
    return Part("number", "Its number", (*blocks, *_compared(weight, found)))


def _origin(view: View, found: Slope) -> str:
    one = " of one sample" if found.samples == 1 else f" of {found.samples} samples"
    where = f"an example{one * view.sampled}" + ("" if found.seed is None else f", drawn from the seed {found.seed}")
    if found.samples > 1:
        return f"In {where}, the derivative is a mean or a sum over the samples, so only its value is shown."
    return f"In {where}, the equations give the following; numbers are printed rounded."


def _values(weight: Weight, found: Slope) -> tuple[tuple[Text, ...], ...]:
    """Every value that the chains read."""
    view = weight.view
    read = [atom for x in _links(weight.chains) for atom in sorted(x.value.atoms(Indexed), key=str)]
    values = {view.page.entry(atom): found.value(atom) for atom in read if not _ranging(atom.indices)}
    shown = [*values.items()][: MOST[view.detail]]
    return tuple((Text((symbol,)), Text((figure(view, found.figure(value)),))) for symbol, value in shown)


def _put_in(view: View, link: Link, found: Slope) -> Item:
    """Write a local derivative and its value."""
    of, wrt = view.page.symbol(link.local.of, link.of), view.page.symbol(link.local.wrt, link.wrt)
    left = view.local_slope(link.local, of, wrt)
    return Item(left, (figure(view, found.figure(found.value(link.value))),))


def _product(weight: Weight, found: Slope, every: Sequence[ScalarChain]) -> Item:
    """The sum of the products of ``every`` chain, in numbers; chains that are not written out are included."""
    view = weight.view
    pieces: list[Box] = []
    for chain in weight.chains:
        first, *others = _factors(view, found, chain) if chain else [view.set_.dots()]
        pieces += [BREAK, view.set_.before("plus", first), *others] if pieces else [first, *others]
    total = sum(prod(found.value(x.value) for x in chain) for chain in every)
    result = view.set_.before("equals", figure(view, found.figure(total)))
    return Item(view.error_slope(weight.symbol), (*pieces, BREAK, result))


def _factors(view: View, found: Slope, chain: ScalarChain) -> list[Box]:
    """The factors of a chain in numbers, each in parentheses; factors of 1 are omitted."""
    values = [value for x in chain if (value := found.value(x.value)) != 1]
    return [view.set_.group(figure(view, found.figure(v))) for v in values] or [view.set_.number(1)]


def _compared(weight: Weight, found: Slope) -> list[Block]:
    """The gradient, and its finite difference."""
    view = weight.view
    rows = [
        ("the equations", found.figure(found.gradient)),
        ("complex step", found.figure(found.measured.complex_step.item())),
        ("central difference", found.central),
    ]
    table = Table(
        (Text(("method",)), Text(("derivative",))),
        tuple((Text((words,)), Text((figure(view, number),))) for words, number in rows),
        frozenset({1}),
    )
    return [
        say(
            "The derivative of the loss with respect to {}, and numerical values that change this {} alone:",
            weight.symbol,
            "input" if weight.noun == Role.INPUT else "parameter",
        ),
        table,
    ]
