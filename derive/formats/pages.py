"""A document on several pages, for readers that give up on a long one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from derive.document.blocks import BREAK, Block, Display, Fold, Heading, Item, Part, Table, Text
from derive.paper.boxes import EMPTY

Cost = Callable[[Block], int]


def paged(parts: Sequence[Part], budget: int | None, cost: Cost) -> list[tuple[Part, ...]]:
    """Parts on as few pages as their costs need; a part that fits on no page goes on under its title on the next."""
    if budget is None:
        return [tuple(parts)]
    pages: list[list[Part]] = [[]]
    spent = 0
    for piece in (piece for part in parts for piece in _cut(part, budget, cost)):
        price = sum(map(cost, piece.blocks))
        if pages[-1] and spent + price > budget:
            pages.append([])
            spent = 0
        pages[-1].append(piece)
        spent += price
    return [tuple(page) for page in pages]


def _cut(part: Part, budget: int, cost: Cost) -> list[Part]:
    """A part in pieces that fit."""
    whole = sum(map(cost, part.blocks))
    if whole <= budget:
        return [part]
    pieces: list[list[Block]] = [[]]
    spent = 0
    for group in _groups(b for block in part.blocks for b in _split(block, budget, cost)):
        price = sum(map(cost, group))
        if pieces[-1] and spent + price > budget:
            pieces.append([])
            spent = 0
        pieces[-1] += group
        spent += price
    titles = [part.title, *[f"{part.title}, continued"] * (len(pieces) - 1)]
    return [replace(part, title=t, blocks=tuple(p)) for t, p in zip(titles, pieces, strict=True)]


def _groups(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    """Blocks with the words that lead to them."""
    group: list[Block] = []
    for block in blocks:
        group.append(block)
        if not isinstance(block, Text | Heading):
            yield group
            group = []
    if group:
        yield group


def _split(block: Block, budget: int, cost: Cost) -> Iterator[Block]:
    """A block in pieces that fit, if it can be divided; half of a page is left to the words that lead to it."""
    if cost(block) <= budget // 2:
        yield block
        return
    halves = _halves(block)
    if len(halves) == 1:
        yield block
    for half in halves:
        if len(halves) > 1:
            yield from _split(half, budget, cost)


def _halves(block: Block) -> list[Block]:
    """A block in two, or as it is."""
    match block:
        case Display((item,)):
            return [Display((i,)) for i in _item_halves(item)]
        case Display(items):
            starts = [n for n, item in enumerate(items) if n and item.left != EMPTY] or range(1, len(items))
            return [Display(items[: _middle(starts, items)]), Display(items[_middle(starts, items) :])]
        case Table(_, rows) if len(rows) > 1:
            return [replace(block, rows=rows[: len(rows) // 2]), replace(block, rows=rows[len(rows) // 2 :])]
        case Fold(title, blocks):
            inner = list(blocks) if len(blocks) > 1 else _halves(blocks[0])
            return [Fold(title, (b,)) for b in inner] if len(inner) > 1 else [block]
    return [block]


def _item_halves(item: Item) -> list[Item]:
    """An equation in two where a line of it must end, or as it is."""
    breaks = [n for n, piece in enumerate(item.right) if piece is BREAK]
    if not breaks:
        return [item]
    at = _middle(breaks, item.right)
    first = replace(item, right=item.right[:at], number=None, reason=None)
    return [first, replace(item, left=EMPTY, right=item.right[at + 1 :], relation="none")]


def _middle(places: Sequence[int], parts: Sequence[object]) -> int:
    """The place that is nearest to the middle."""
    return min(places, key=lambda n: abs(2 * n - len(parts)))
