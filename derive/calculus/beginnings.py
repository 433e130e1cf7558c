"""What recurrences begin with, as equations of their own: ``s[0, i] = first[i]``.

Equations read it as a term beside the entry that is 0 there, ``s[t - 1, i] + delta(t, 1)*first[i]``. A reader who knows
that ``s[0, i]`` is ``first[i]`` needs the entry alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sympy import Add, Expr, Indexed, Integer, Sum

from derive.calculus.affine import affine, misses
from derive.calculus.deltas import contract, renumbered
from derive.calculus.index import Axis, Index, IndexSupply, Tensor, delta, put, total
from derive.calculus.roles import Role
from derive.record import record

#: What marks entries that are read with what their recurrence begins with; no name of a tensor has it.
_MARK = " begun"


@record
class Beginning:
    """What a tensor is at a ``place`` outside its axis of the number ``position``.

    ``indices`` are those of its other axes in ``value``; that of the samples is left out if the value reads none.
    """

    tensor: str
    position: int
    place: Expr
    indices: tuple[Index, ...]
    value: Expr

    def at(self, entry: Indexed) -> Expr:
        """The value for the other indices of an entry."""
        others = (i for n, i in enumerate(entry.indices) if n != self.position)
        return put(self.value, dict(zip(self.indices, others, strict=False)))


def all_joined(expression: Expr, beginnings: Sequence[Beginning]) -> Expr:
    """Return a formula in whose sums entries of recurrences are what these begin with, outside their axes."""
    return _unmarked(_everywhere(expression, beginnings)) if beginnings else expression


def with_values(expression: Expr, beginnings: Sequence[Beginning]) -> Expr:
    """Return a formula without entries at numbered places where recurrences begin: their values stand beside them."""
    return expression.xreplace({e: Integer(0) for e, _, where in _outside(expression, beginnings) if where == 1})


def are_covered(expression: Expr, beginnings: Sequence[Beginning]) -> bool:
    """Whether no entry is left, in an expression whose sums are joined, that is 0 where its recurrence begins."""
    return not any(_outside(_everywhere(expression, beginnings), beginnings))


def _everywhere(expression: Expr, beginnings: Sequence[Beginning]) -> Expr:
    if not any(_outside(expression, beginnings)):
        return expression
    found = _joined(expression, beginnings)
    if isinstance(found, Indexed) or not found.args:
        return found
    return found.func(*(_everywhere(a, beginnings) if isinstance(a, Expr) else a for a in found.args))


def _joined(terms: Expr, beginnings: Sequence[Beginning]) -> Expr:
    if not isinstance(terms, Add):
        return terms
    rest = [*terms.args]
    for term in terms.args:
        for entry, beginning, where in _outside(term, beginnings):
            partner = _normal(term.xreplace({entry: where * beginning.at(entry)}))
            other = next((o for o in rest if o != term and _normal(o) == partner), None)
            if other is not None:
                rest.remove(other)
                rest = [o.xreplace({entry: _marked(entry)}) if o == term else o for o in rest]
    return Add(*rest)


def _outside(expression: Expr, beginnings: Sequence[Beginning]) -> Iterator[tuple[Indexed, Beginning, Expr]]:
    """The entries that may be read where a recurrence begins, with what is 1 there and 0 elsewhere."""
    for entry in sorted(expression.atoms(Indexed), key=str):
        for beginning in (b for b in beginnings if b.tensor == entry.base.label.name):
            form = affine(entry.indices[beginning.position])
            if form is None or len(form.terms) > 1:
                continue
            wanted = beginning.place - form.constant
            if not form.terms:
                if wanted == 0:
                    yield entry, beginning, delta(0, 0)
                continue
            ((index, factor),) = form.terms
            if factor == 1 and not misses(wanted, index.axis):
                yield entry, beginning, delta(index, wanted)


def _normal(expression: Expr) -> Expr:
    """A form that is the same for equal formulas; an index with a single value is that number."""
    plain = expression.replace(_is_single, _without_single)
    single = {i: Integer(i.axis.start) for i in plain.atoms(Index) if i.axis.extent == 1}
    return renumbered(contract(plain.xreplace(single), IndexSupply("begun")))


def _is_single(node: Expr) -> bool:
    return isinstance(node, Sum) and any(limit[0].axis.extent == 1 for limit in node.limits)


def _without_single(node: Expr) -> Expr:
    others = [limit[0] for limit in node.limits if limit[0].axis.extent != 1]
    return total(node.function, *others) if others else node.function


def _marked(entry: Indexed) -> Expr:
    return _named(entry, entry.base.label.name + _MARK)


def _unmarked(expression: Expr) -> Expr:
    marked = (e for e in expression.atoms(Indexed) if e.base.label.name.endswith(_MARK))
    return expression.xreplace({e: _named(e, e.base.label.name.removesuffix(_MARK)) for e in marked})


def _named(entry: Indexed, name: str) -> Expr:
    """The same entry of a tensor of that name."""
    return Tensor(name, Role.PLAIN.value, tuple(Axis(1) for _ in entry.indices))[tuple(entry.indices)]
