"""Name parts of an equation as tensors of their own, where its derivatives repeat what it states inline.

A softmax of scaled scores repeats the scores in its derivatives, a normalisation with a gain the mean and the
variance. Which part is named is found by a search: it is the one with which the equations and their local
derivatives are shortest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, count, islice, permutations
from string import ascii_lowercase

from sympy import Add, Expr, Function, Indexed, Integer, KroneckerDelta, Mul, Pow, Sum, exp
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.chain_rule import local_derivative
from derive.calculus.deltas import renumbered, tidy
from derive.calculus.form import axes_by_name, reused
from derive.calculus.forward import ForwardPass
from derive.calculus.index import Equation, Index, IndexSupply, Tensor, put, symbols_read
from derive.calculus.prediction import stages
from derive.calculus.recurrence import Recurrence, recurrences
from derive.calculus.roles import Role
from derive.calculus.short_forms import ShortForms
from derive.record import record

#: The note of the equation of a part.
PART = "part"
#: The letters of parts, those first that are no usual letters of indices.
_LETTERS = ("u", "c", "d", "g", "h", *ascii_lowercase)
#: The largest number of factors of which every selection is tried.
_MOST = 6


def with_parts(forward: ForwardPass) -> ForwardPass:
    """Return the forward pass with the parts named that its derivatives repeat; the error stays as stated."""
    search, waiting = _Search(forward), [*reversed(forward.equations)]
    together = {name: r for r in recurrences(forward.equations) for name in r.places}
    _, error = stages(forward.equations, forward.inputs)
    while waiting:
        equation = waiting.pop()
        if equation.target.name in together:
            search.recur(together[equation.target.name])
        *parts, whole = (equation,) if equation in error else search.split(equation)
        if parts:
            waiting += [whole, *parts]
        else:
            search.add(whole)
    return replace(forward, equations=tuple(search.found))


class _Search:
    """Searches for the parts of one equation after the other; ``found`` are those that are done."""

    def __init__(self, forward: ForwardPass) -> None:
        self.forward = forward
        self.found: list[Equation] = []
        self.tensors = forward.tensors.copy()
        self._short = ShortForms()
        self._depending = {t.name for t in forward.variables}
        self._ranges = forward.ranges

    def add(self, equation: Equation) -> None:
        """Note that an equation is done."""
        self.found.append(equation)
        self._short.add(equation)
        if self._varying(equation):
            self._depending.add(equation.target.name)

    def recur(self, recurrence: Recurrence) -> None:
        """Note that the tensors of a recurrence depend on each other."""
        if any(map(self._varying, recurrence.equations)):
            self._depending |= recurrence.places.keys()

    def split(self, equation: Equation) -> tuple[Equation, ...]:
        """The part that makes an equation and its derivatives shortest, and the equation; only that if there is none.

        A tensor that the part reads is read by nothing else in the equation, so that a chain stays one chain; but the
        argument of a function may read what is added to the function, as in a residual layer.
        """
        read = {equation.target.name, *symbols_read(equation.expression)}
        varying = tuple(self.tensors[name].symbol for name in sorted(self._varying(equation)))
        given = (_Search.split, equation, varying, self._short.about(read).form)
        number = reused(lambda: self._best(equation), given, axes_by_name(self._ranges))
        if number is None:
            return (equation,)
        part, whole = self._choice(
            equation, next(islice(_parts(equation), number, None)), self._free_name(equation.target.name)
        )
        self.tensors[part.target.name] = part.target
        return part, whole

    def _best(self, equation: Equation) -> int | None:
        """The number of the best part, or None."""
        if not self._repeats(equation):
            return None
        choices: dict[int | None, tuple[Equation, ...]] = {None: (equation,)}
        preferred = set[int | None]()  # what a function is applied to, if that is as short
        name = self._free_name(equation.target.name)
        for number, formula in enumerate(_parts(equation)):
            part, whole = self._choice(equation, formula, name)
            apart = not self._varying(part) & self._varying(whole) or _is_argument(formula, equation.expression)
            if apart and _exponentials(part.expression).isdisjoint(_exponentials(whole.expression)):
                choices[number] = part, whole
                preferred |= {number} if equation.expression.args == (formula,) else set()
        return min(choices, key=lambda number: (self._size(choices[number]), number not in preferred))

    def _choice(self, equation: Equation, formula: Expr, name: str) -> tuple[Equation, Equation]:
        return _named(equation, formula, name, self.forward.supply)

    def _free_name(self, whole: str) -> str:
        """A letter that nothing is called, with the number at the end of the name of the whole."""
        number = whole[len(whole.rstrip("0123456789")) :]
        axes = [a for t in self.tensors.values() for a in t.axes]
        widths = {s.name for a in axes for s in a.extent.free_symbols} | {a.name for a in axes}
        taken = {n.lower() for n in (*self.tensors, *self.forward.constants, *widths)}
        names: Iterator[str] = chain((x + number for x in _LETTERS), (f"u{number}_{n}" for n in count(1)))
        return next(n for n in names if n not in taken)

    def _varying(self, equation: Equation, *parts: Equation) -> set[str]:
        """The tensors that an equation reads and that depend on a variable."""
        own = set[str]()
        for e in parts:
            own |= {e.target.name} if not {*symbols_read(e.expression)}.isdisjoint(self._depending | own) else set()
        return {name for name in symbols_read(equation.expression) if name in self._depending or name in own}

    def _repeats(self, equation: Equation) -> bool:
        """Whether the local derivatives of an equation repeat a formula with a sum, or one that is summed.

        A formula is also repeated if the derivatives with respect to two tensors have it.
        """
        if not (equation.expression.has(Sum) and equation.expression.has(Pow, Function)):
            return False
        slopes = [*self._slopes((equation,))]
        found = [_occurrences(value) for value in slopes]
        shared = [_occurrences(value, alone=True) for value in slopes]
        several = Counter(formula for occurrences in shared for formula in occurrences)
        return max((n for occurrences in (*found, several) for n in occurrences.values()), default=0) > 1

    def _size(self, equations: tuple[Equation, ...]) -> int:
        """The number of operations in equations and their local derivatives; a delta takes none."""
        formulas = (*(e.expression for e in equations), *self._slopes(equations))
        return sum(int(e.xreplace(dict.fromkeys(e.atoms(KroneckerDelta), Integer(1))).count_ops()) for e in formulas)

    def _slopes(self, equations: tuple[Equation, ...]) -> Iterator[Expr]:
        read = {name for e in equations for name in (e.target.name, *symbols_read(e.expression))}
        short = self._short.about(read)
        for equation in equations:
            short.add(equation)
        own = {e.target.name: e.target for e in equations}
        for number, equation in enumerate(equations):
            for name in sorted(self._varying(equation, *equations[:number])):
                wrt = own.get(name) or self.tensors[name]
                yield tidy(local_derivative(equation, wrt, self.forward.supply, self._ranges, short).value)


def _occurrences(expression: Expr, alone: bool = False) -> Counter[Expr]:
    """How often each formula with a sum, or with a function that is summed, occurs up to the names of indices.

    With ``alone``, also each sum of terms.
    """
    found = Counter[Expr]()
    for node, summed in _nodes(expression):
        if node.has(Sum) or (summed and isinstance(node, Function)) or (alone and isinstance(node, Add)):
            found[_canonical(node, _free(node))] += 1
    return found


def _nodes(expression: Expr, summed: bool = False) -> Iterator[tuple[Expr, bool]]:
    """Yield each subexpression that reads a tensor, and whether it is inside a sum."""
    if isinstance(expression, Indexed) or not expression.has(Indexed):
        return
    if isinstance(expression, Expr):  # and no condition of a case
        yield expression, summed
    inside = (expression.function,) if isinstance(expression, Sum) else expression.args
    for argument in inside:
        yield from _nodes(argument, summed or isinstance(expression, Sum))


def _free(expression: Expr) -> tuple[Index, ...]:
    return tuple(sorted((s for s in expression.free_symbols if isinstance(s, Index)), key=str))


def _canonical(expression: Expr, indices: tuple[Index, ...]) -> Expr:
    """The expression with its free indices named by their places and its bound ones by their depths."""
    return renumbered(put(expression, {i: Index(f"_free{n}", i.axis) for n, i in enumerate(indices)}))


def _parts(equation: Equation) -> Iterator[Expr]:
    """Yield the parts that may be named, each once up to the names of its indices."""
    seen = set[Expr]()
    # A part may have more indices than its equation: those of one sum, as the softmaxes have that an equation mixes.
    more = max((len(node.limits) for node in equation.expression.atoms(ExprWithLimits)), default=0)
    for node, summed in _nodes(equation.expression):
        for part in (node, *_products(node)):
            small = len(_free(part)) <= len(equation.indices) + more and part != equation.expression
            if small and (summed or part.has(Sum)) and _is_safe(part):
                key = _canonical(part, _free(part))
                if key not in seen:
                    seen.add(key)
                    yield part


def _products(node: Expr) -> Iterator[Expr]:
    """Yield the products of some factors of a product."""
    if isinstance(node, Mul) and len(node.args) <= _MOST:
        for number in range(len(node.args) - 1, 1, -1):
            for chosen in combinations(node.args, number):
                if (part := Mul(*chosen)).has(Indexed):
                    yield part


def _is_argument(part: Expr, whole: Expr) -> bool:
    """Whether a part is the whole argument of a function, as the weighted sum is that of an activation."""
    return any(function.args == (part,) for function in whole.atoms(Function))


def _is_safe(part: Expr) -> bool:
    """Whether the exponentials of a part, if it has any, may be kept in range by a quotient of them."""
    return not part.has(exp) or any(p.exp.is_negative and p.has(exp) for p in part.atoms(Pow))


def _exponentials(expression: Expr) -> set[Expr]:
    """The exponentials of an expression; if only a part of it has them, all of their quotients are in that part."""
    return {_canonical(power, _free(power)) for power in expression.atoms(exp)}


def _named(equation: Equation, part: Expr, name: str, supply: IndexSupply) -> tuple[Equation, Equation]:
    """The equations of a part, with axes in the order of the whole, and of the whole that reads it."""
    axes = [i.axis for i in equation.indices]
    places = {i: (axes.index(i.axis) if i.axis in axes else len(axes)) for i in _free(part)}
    places |= {i: n for n, i in enumerate(equation.indices) if i in places}
    indices = tuple(sorted(places, key=lambda i: (places[i], str(i))))
    target = Tensor(name, Role.PLAIN.value, tuple(i.axis for i in indices))
    whole = _Putting(part, indices, target).put_in(equation.expression)
    fresh = supply.several(target.axes)
    stated = Equation(target, fresh, put(part, dict(zip(indices, fresh, strict=True))), PART)
    return stated, replace(equation, expression=whole)


@record
class _Putting:
    """Puts the entries of a tensor in for the formula that defines it, at any indices."""

    part: Expr
    indices: tuple[Index, ...]
    target: Tensor

    def put_in(self, expression: Expr) -> Expr:
        """The expression with the tensor wherever the formula occurs."""
        if isinstance(expression, Indexed) or not expression.has(Indexed):
            return expression
        if (at := self._places(expression)) is not None:
            return self.target[at]
        if isinstance(expression, Mul) and isinstance(self.part, Mul):
            for chosen in combinations(expression.args, len(self.part.args)):
                if (at := self._places(Mul(*chosen))) is not None:
                    others = (f for f in expression.args if f not in chosen)
                    return self.target[at] * self.put_in(Mul(*others))
        if isinstance(expression, Sum):
            return Sum(self.put_in(expression.function), *expression.limits)
        return expression.func(*map(self.put_in, expression.args))

    def _places(self, expression: Expr) -> tuple[Index, ...] | None:
        """The indices at which an expression is the part."""
        free = _free(expression)
        if type(expression) is not type(self.part) or Counter(i.axis for i in free) != Counter(self.target.axes):
            return None
        sought = _canonical(self.part, self.indices)
        fits = (p for p in permutations(free) if tuple(i.axis for i in p) == self.target.axes)
        return next((p for p in fits if _canonical(expression, p) == sought), None)
