"""Splitting a document into pages, for programs that do not render long ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from derive.document.blocks import BREAK, Block, Display, Fold, Heading, Item, Part, Table, Text
from derive.paper.boxes import EMPTY

Cost = Callable[[Block], int]


def paged(parts: Sequence[Part], budget: int | None, cost: Cost) -> list[tuple[Part, ...]]:
    """Distribute parts over as few pages as possible; a part longer than a page continues on the next."""
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
    """Split a part into pieces that fit."""
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
    """Group blocks with the text that introduces them."""
    group: list[Block] = []
    for block in blocks:
        group.append(block)
        if not isinstance(block, Text | Heading):
            yield group
            group = []
    if group:
        yield group


def _split(block: Block, budget: int, cost: Cost) -> Iterator[Block]:
    """Split a block into pieces of at most half a page, if possible; the rest is for the text before it."""
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
    """Split a block in two, if possible."""
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
    """Split an equation in two at a line break, if it has one."""
    breaks = [n for n, piece in enumerate(item.right) if piece is BREAK]
    if not breaks:
        return [item]
    at = _middle(breaks, item.right)
    first = replace(item, right=item.right[:at], number=None, reason=None)
    return [first, replace(item, left=EMPTY, right=item.right[at + 1 :], relation="none")]


def _middle(places: Sequence[int], parts: Sequence[object]) -> int:
    """Return the place nearest to the middle."""
    return min(places, key=lambda n: abs(2 * n - len(parts)))
