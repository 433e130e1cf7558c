"""The rows of the chain rule: each path to a parameter as a product of local derivatives, in colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice

from sympy import Expr

from derive.calculus.chain_rule import Chains, LocalDerivative
from derive.calculus.index import Index, Tensor
from derive.calculus.shared_factors import SharedFactor
from derive.document.blocks import BREAK, Item
from derive.document.view import View
from derive.paper.boxes import Box, Typesetter
from derive.paper.page import Page
from derive.record import record

#: Largest number of paths to one parameter that are written out.
MOST_PATHS = 4
#: Largest number of factors of a chain that are written out; a longer chain is shortened in the middle.
SPELLED = 9


@record
class Step:
    """A local derivative on a chain, with its indices."""

    local: LocalDerivative
    of: tuple[Expr, ...]
    wrt: tuple[Expr, ...]


def instantiate(path: Sequence[LocalDerivative], entry: Sequence[Expr] = ()) -> list[Step]:
    """Assign indices to a chain, from the parameter to the error; a delta makes two indices equal.

    The indices of the parameter are those of an ``entry``, if it is given. In a long chain only the first and the
    last steps get indices; the middle is not written.
    """
    steps: list[Step] = []
    below: tuple[Expr, ...] = tuple(entry) or path[-1].wrt_indices
    numbers = count()
    for n in reversed(spelled_out(len(path))):
        edge = path[n]
        if steps and steps[-1].local is not path[n + 1]:
            below = tuple(_named(numbers, i) for i in edge.wrt_indices)
        known = dict(zip(edge.wrt_indices, below, strict=True))
        above = tuple(known[edge.tied[i]] if i in edge.tied else _named(numbers, i) for i in edge.of_indices)
        steps.append(Step(edge, above, below))
        below = above
    return steps[::-1]


def spelled_out(length: int) -> list[int]:
    """Positions of the steps that are written: all, or the first two and the last five."""
    return [*range(length)] if length <= SPELLED else [0, 1, *range(length - 5, length)]


def _named(numbers: Iterator[int], like: Index) -> Index:
    return Index(f"c{next(numbers):05d}", like.axis)


@record
class ChainRows:
    """Writes the rows of the chain rule; ``factors`` are the shared factors to colour."""

    view: View
    factors: tuple[SharedFactor, ...] = ()

    @property
    def page(self) -> Page:
        """The page without letters for the indices."""
        return self.view.written_page

    @property
    def chains(self) -> Chains:
        """The chains of all parameters."""
        return self.view.derivation.chains

    def chain_row(self, parameter: Tensor, entry: Sequence[Expr] = ()) -> Item:
        """Write the derivative with respect to a parameter, or one entry of it, as products of local derivatives."""
        paths = list(islice(self.chains.paths(parameter, folded=True), MOST_PATHS + 1))
        pieces: list[Box] = []
        left: Box | None = None
        for number, path in enumerate(paths[:MOST_PATHS]):
            page, steps = self.lettered(path, entry)
            first, *others = self._coloured(page, path, steps)
            if number:
                pieces.append(BREAK)
                first = page.typesetter.before("plus", first)
            pieces += [first, *others]
            sought = page.symbol(steps[-1].local.wrt, steps[-1].wrt)
            left = left or page.typesetter.partial(page.error(), sought)
        if len(paths) > MOST_PATHS:
            pieces += [BREAK, self.page.typesetter.before("plus", self.page.typesetter.dots())]
        assert left is not None
        return Item(left, tuple(pieces))

    def lettered(self, path: Sequence[LocalDerivative], entry: Sequence[Expr] = ()) -> tuple[Page, list[Step]]:
        """The written steps of a path, with letters for their indices."""
        steps = instantiate(path, entry)
        free = [i for i in steps[-1].wrt if isinstance(i, Index)]
        bound = [i for s in reversed(steps) for i in (*s.wrt, *s.of) if isinstance(i, Index)]
        renamed = dict(zip((*free, *bound), self.view.shown((*free, *bound)), strict=True))
        page = self.page.with_letters(
            list(dict.fromkeys(renamed[i] for i in free)),
            list(dict.fromkeys(renamed[i] for i in bound if i not in free)),
            self.page.notation.factor_letters,
        )
        fixed = [
            Step(s.local, tuple(renamed.get(i, i) for i in s.of), tuple(renamed.get(i, i) for i in s.wrt))
            for s in steps
        ]
        return page, fixed

    def _coloured(self, page: Page, path: Sequence[LocalDerivative], steps: list[Step]) -> list[Box]:
        """Sums and factors; the green factors of the row above are red here, each with its own sums."""
        shared = {f.tensor.name for f in self.factors}
        ends = [n for n, edge in enumerate(path) if edge.wrt.name in shared]
        marks = {"green": ends[-1] if ends else -1, "red": ends[-2] if len(ends) > 1 else -1}
        positions = spelled_out(len(path))
        sums = _sums(dict(zip(positions, steps, strict=True)), marks)
        gap = len(positions) < len(path)
        set_ = page.typesetter
        boxes: list[Box] = []
        previous = -1
        for n, step in zip(positions, steps, strict=True):
            if n != previous + 1:
                dots = _tinted(set_, set_.dots(), _colour(n - 1, marks))
                for left_out in range(previous + 1, n):
                    dots = _closed(set_, dots, left_out, marks)
                boxes.append(dots)
            boxes.append(_closed(set_, self._factor(page, step, _colour(n, marks)), n, marks))
            previous = n
        first = boxes[0]
        for colour in ("red", "green", ""):
            signs = [page.summation(i) for i in sums[colour]]
            if gap and signs and colour == _colour(positions[2] - 1, marks):
                signs.append(set_.dots())
            if not colour or marks[colour] >= 0:
                for sign in reversed(signs):
                    first = set_.join((_tinted(set_, sign, colour), first), "", first.binds)
                first = set_.before(f"{colour} open", first) if colour else first
        return [first, *boxes[1:]]

    def _factor(self, page: Page, step: Step, colour: str) -> Box:
        of, wrt = page.symbol(step.local.of, step.of), page.symbol(step.local.wrt, step.wrt)
        set_ = page.typesetter
        slope = set_.immediate if self.chains.is_immediate(step.local) else set_.partial
        return _tinted(set_, slope(of, wrt), colour)


def _tinted(set_: Typesetter, box: Box, colour: str) -> Box:
    return set_.coloured(colour, box) if colour else box


def _colour(position: int, marks: Mapping[str, int]) -> str:
    """Colour of the factor at a position; each colour extends to its mark."""
    return "red" if position <= marks["red"] else "green" if position <= marks["green"] else ""


def _sums(steps: Mapping[int, Step], marks: Mapping[str, int]) -> dict[str, list[Index]]:
    """Sums in red, in green, and before both: each in the innermost bracket that contains its index."""
    last = max(steps)
    occurs: dict[Index, int] = {}
    for n, step in steps.items():
        for index in (*step.of, *step.wrt):
            if isinstance(index, Index) and index.axis.extent != 1 and index not in steps[last].wrt:
                occurs[index] = n + 1 if index in step.wrt else max(n, occurs.get(index, 0))
    found: dict[str, list[Index]] = {"red": [], "green": [], "": []}
    for index, n in occurs.items():
        found[_colour(n, marks)].append(index)
    return found


def _closed(set_: Typesetter, box: Box, position: int, marks: Mapping[str, int]) -> Box:
    """Append the coloured brackets that close after a factor, so that no line begins with one."""
    for colour in ("red", "green"):
        if position == marks[colour]:
            box = set_.after(box, f"{colour} close")
    return box
