"""Replace equations that would overflow or lose digits by numerically stable ones.

A tensor that may overflow or round to a limit, such as exp(z) or a softmax in a logarithm, is
replaced by its definition. Common factors cancel, the rules of ``rewriting`` and ``entrywise``
are applied, and known tensors are read again. The exact value never changes, only its rounding,
and a form is accepted only if a trial shows that it is no worse.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from itertools import chain
from math import isinf
from typing import Any

from sympy import (
    Add,
    Expr,
    Function,
    I,
    Indexed,
    Mul,
    Pow,
    Sum,
    Symbol,
    expand_mul,
    factor_terms,
    log,
    nan,
    preorder_traversal,
    zoo,
)

from derive.arrays.along import Along
from derive.arrays.entrywise import Fusing, Titles, entry_of, loose_symbols, proved_form
from derive.arrays.inner import with_names
from derive.arrays.lift import has_array_form
from derive.arrays.rewriting import (
    SHARE,
    Data,
    RuleOf,
    difference,
    entries_of,
    everywhere,
    folded,
    log_sum_exp,
    margin,
    merge,
    opened,
    pull,
    shift,
    spelled,
)
from derive.arrays.trial import FLOOR, Evaluator, Trial, is_exact, no_worse
from derive.calculus.form import form_of, nameless, of_axes
from derive.calculus.functions import Elementwise, X, elementwise
from derive.calculus.index import Equation, Index, IndexSupply, Tensor, refreshed, with_symbols, within
from derive.calculus.positive import Positivity
from derive.calculus.program import Assign, Program
from derive.calculus.promises import Promise
from derive.calculus.roles import Role
from derive.record import record

_TITLES = {"error": "loss_of_{}", "factor": "loss_of_{}_prime", "gradient": "loss_of_{}_prime", "forward": "part_of_{}"}
_SUMMARIES = {
    "error": "The summand of the error",
    "factor": "The slope of the error's summand",
    "gradient": "The slope of the error's summand",
    "forward": "What is computed entry by entry",
}


#: The largest number of nodes of a right side after substitution: nested normalisations grow exponentially.
#: Over many networks, the longest one that gave an accepted form had 100.
LONGEST = 500


@record
class Computed:
    """The equation computed for a statement; ``needed`` says that the statement itself fails for some values."""

    equation: Equation
    needed: bool = False


@record
class Setting:
    """The context of rewriting: equations of tensors that may round, and of factors that divide.

    ``evaluator`` runs candidate forms as the target does.
    """

    curved: tuple[Equation, ...]
    dividing: tuple[Equation, ...]
    data: Data
    evaluator: Evaluator

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.curved, self.dividing, self.data, self.evaluator))

    @cached_property
    def by_name(self) -> dict[str, Equation]:
        """All equations by the name of their target."""
        return {e.target.name: e for e in (*self.curved, *self.dividing)}

    @cached_property
    def lengths(self) -> dict[str, int]:
        """The length of the right side of each equation."""
        return {name: _length(equation.expression) for name, equation in self.by_name.items()}

    @cached_property
    def made_of(self) -> dict[str, set[str]]:
        """The nonlinear tensors that each nonlinear tensor reads, directly or indirectly."""
        found: dict[str, set[str]] = {}
        for equation in self.curved:
            read = entries_of(equation.expression) & set(found)
            found[equation.target.name] = read.union(*(found[r] for r in read))
        return found

    @cached_property
    def known(self) -> tuple[Equation, ...]:
        """The tensors that are a single function of earlier tensors."""
        functions = ((e, self._as_function(e.target, self.put_in(e.expression))) for e in self.curved)
        return tuple(Equation(e.target, e.indices, f) for e, f in functions if isinstance(f, SHARE | Elementwise))

    def _as_function(self, target: Tensor, value: Expr) -> Expr:
        """Turn an elementwise definition into one function."""
        z = entry_of(value)
        if isinstance(value, Elementwise) or z is None or value.atoms(Indexed) != {z} or loose_symbols(value):
            return value
        definition, name = opened(value).xreplace({z: X}), z.base.label.name
        summary = f"{target.name} from {name}, entry by entry"
        function: Any = elementwise(
            f"{target.name}_of_{name}", definition, summary=summary, form=proved_form(self.evaluator, definition)
        )
        return function(z)

    def opened(self, equation: Equation) -> Expr:
        """Substitute tensors that may overflow into the right side, and write the others as functions."""
        value = self.put_in(equation.expression)
        known = {e.target.name: e for e in self.known if e.target != equation.target}
        return everywhere(shift, replaced(value, known))

    def put_in(self, value: Expr, rule: RuleOf = shift) -> Expr:
        """Replace every tensor that occurs in a denominator or a logarithm by its definition, everywhere.

        Definitions that would become too long are not substituted. The rule is applied to the substituted ones.
        """
        names: set[str] = set()
        given = value
        while True:
            names |= below_a_line(value) & set(self.made_of)
            names |= {n for n, read in self.made_of.items() if read & names}
            inside = {_name(e) for e in value.atoms(Indexed) if _is_inside(e, self.by_name)}
            wanted = (names | {e.target.name for e in self.dividing}) & inside
            if not wanted:
                return everywhere(rule, value)
            read = (n for n in preorder_traversal(value) if isinstance(n, Indexed))
            entries = [n for n in read if _name(n) in wanted and _is_inside(n, self.by_name)]
            if _length(value) + sum(self.lengths[_name(entry)] for entry in entries) > LONGEST:
                return everywhere(rule, given)
            value = everywhere(rule, replaced(value, {n: self.by_name[n] for n in wanted}))

    def ruled(self, value: Expr) -> Expr:
        """Apply the rules one after another."""
        rules: tuple[Callable[[Expr], Expr], ...] = (
            lambda e: margin(e, self.data),
            shift,
            lambda e: difference(e, self.data),
            log_sum_exp,
            lambda e: pull(e, self.data),
        )
        for rule in rules:
            value = everywhere(rule, value)
        return value

    def form(self, equation: Equation) -> tuple[Hashable, tuple[Symbol, ...]]:
        """The form of a statement with the equations that rewriting may put in, and those of what these read.

        Of tensors farther away it counts only whether they are computed: they may have any value.
        """
        opened: dict[str, Equation] = {}
        inside, below = entries_of(equation.expression), below_a_line(equation.expression)
        while True:
            known = inside & self.by_name.keys() - opened.keys()
            new = {n for n in known if n in self._divides or n in below or not self.made_of[n].isdisjoint(below)}
            if not new or sum(self.lengths[n] for n in opened) > LONGEST:
                break
            for name in sorted(new):
                opened[name] = self.by_name[name]
                read = entries_of(opened[name].expression)
                inside |= read
                below |= read if name in below else below_a_line(opened[name].expression)
        near = {**opened, **{n: self.by_name[n] for n in sorted(inside & self.by_name.keys())}}
        far = set[str]().union(*(entries_of(e.expression) for e in near.values())) - near.keys()
        computed = tuple(self.data.tensors[name].symbol for name in sorted(far & self.by_name.keys()))
        return form_of((*near.values(), equation, computed), self._kind)

    def _kind(self, name: str) -> Hashable:
        """What else rewriting depends on; targets and numbers are themselves, constants with their values."""
        tensor = self.data.tensors.get(name)
        if tensor is None or not tensor.axes or tensor.role == Role.TARGET:
            return tensor or name, self.data.numbers.get(name)
        signs = name in self.data.positive, name in self.data.nonnegative
        return of_axes(tensor.axes), tensor.role, tensor.places, nameless(self.data.promises, name), signs

    @cached_property
    def _divides(self) -> set[str]:
        """The factors that divide."""
        return {e.target.name for e in self.dividing}

    def sources(self, equation: Equation) -> tuple[Equation, ...]:
        """The known equations that a statement depends on, in topological order."""
        found: dict[str, Equation] = {}

        def visit(value: Expr) -> None:
            for name in sorted(entries_of(value) & set(self.by_name) - set(found)):
                visit(self.by_name[name].expression)
                found[name] = self.by_name[name]

        visit(equation.expression)
        return tuple(found.values())


def setting(program: Program, evaluator: Evaluator, promises: tuple[Promise, ...] = (), signs: bool = False) -> Setting:
    """Return the context for rewriting a program's statements."""
    parameters = {p.name for p in program.parameters}
    curved: dict[str, Equation] = {}
    recurring = {name for recurrence in program.recurrences for name in recurrence.places}
    for statement in program.stage("forward", "error"):
        if statement.target.name in recurring:
            continue
        equation, read = statement.equation, entries_of(statement.equation.expression)
        made_of_curved = read and read <= set(curved)
        if equation.target.name in {*program.averages, *program.stopped}:  # which may be given
            continue
        if equation.indices and (curves(equation.expression) or (made_of_curved and not read & parameters)):
            curved[equation.target.name] = equation
    factors = (s.equation for s in program.stage("factor"))
    factors = (e for e in factors if e.target.name not in recurring)
    dividing = tuple(e for e in factors if below_a_line(e.expression) & set(curved))
    stages = ("forward", "error", "factor", "gradient")
    tensors = (*program.given, *(s.target for s in program.stage(*stages)))
    data = Data(tensors, promises, signs, tuple(program.constants.items()), *_signs(program, promises))
    return Setting(tuple(curved.values()), dividing, data, evaluator)


def _signs(program: Program, promises: tuple[Promise, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """The tensors below a line that are positive by their equations, and the others that are not negative."""
    known, stages = Positivity(promises, program.constants), program.stage("forward", "error", "factor", "gradient")
    below = set[str]().union(*(below_a_line(statement.equation.expression) for statement in stages))
    positive, nonnegative = set[str](), set[str]()
    for equation in (statement.equation for statement in program.stage("forward")):
        known.add(equation)
        if equation.target.name in below:
            entry = equation.target[equation.indices]
            positive |= {equation.target.name} if known.holds(entry) else set()
            nonnegative |= {equation.target.name} if known.not_negative(entry) else set()
    return frozenset(positive), frozenset(nonnegative - positive)


def replaced(value: Expr, equations: Mapping[str, Equation]) -> Expr:
    """Replace every entry of the given tensors by its definition, in a form where equal sums compare equal."""
    supply = IndexSupply("s")

    def put_in(entry: Expr) -> Expr:
        return refreshed(equations[_name(entry)], supply).at(tuple(entry.indices))

    return spelled(value.replace(lambda e: isinstance(e, Indexed) and _is_inside(e, equations), put_in))


class Stability:
    """Finds the stable form of each statement of a program, with distinct names for new functions."""

    def __init__(
        self, program: Program, evaluator: Evaluator, promises: tuple[Promise, ...] = (), signs: bool = False
    ) -> None:
        curved = (e.target.name for e in setting(program, evaluator, promises, signs).curved)
        targets = (t.name for t in program.inputs if t.role == Role.TARGET)
        named, self._inner = with_names(program, (*curved, *targets))
        self.setting = setting(named, evaluator, promises, signs)
        self._tensors = named.tensors
        self._titles: Titles = ()
        self._arguments: dict[Equation, Equation] = {}
        #: What was found for a form and its symbols, unless it has a new function, which is named after its tensors.
        self._known: dict[tuple[str, Hashable], tuple[Found, tuple[Symbol, ...]]] = {}

    def computed(self, statement: Assign) -> Computed:
        """Return the equation to compute for a statement; a scalar sum is treated summand by summand."""
        stated = self._inner.named(statement.equation)
        changed, needed, titles = stated.expression, False, self._titles
        totals = _totals(stated)
        for total in totals or [stated.expression]:
            part = _summand(total) if totals else stated
            found = self._better(part, statement.stage, titles)
            if found.expression != part.expression:
                value, titles = found.expression, found.titles
                changed = changed.xreplace({total: value if part is stated else Sum(value, *total.limits)})
                needed = needed or found.needed
        equation = replace(stated, expression=changed)
        if changed != stated.expression and has_form(equation, self._tensors):
            self._titles = titles
        else:
            equation, needed = stated, False
        value = self._inner.put_back(equation, self._argument)
        if value == self._inner.put_back(stated, _as_stated):
            return Computed(statement.equation)
        return Computed(value, needed)

    def _better(self, part: Equation, stage: str, titles: Titles) -> Found:
        """Find a better form, once for all statements of the same form."""
        form, symbols = self.setting.form(part)
        if (stage, form) in self._known:
            known, own = self._known[stage, form]
            value = with_symbols(known.expression, dict(zip(own, symbols, strict=True)))
            return Found(value, titles, known.needed)
        found = better(self.setting, part, stage, titles)
        if _functions(found.expression) <= _functions(part.expression):
            self._known[stage, form] = found, symbols
        return found

    def _argument(self, equation: Equation) -> Equation:
        """The form of the argument of a function, as the equation of its name."""
        if equation not in self._arguments:
            self._arguments[equation] = equation  # an argument without functions may be a name for itself
            self._arguments[equation] = self.computed(Assign(0, "forward", equation)).equation
        return self._arguments[equation]


def _as_stated(equation: Equation) -> Equation:
    return equation


def _functions(expression: Expr) -> set[type]:
    """The elementwise functions of an expression."""
    return {type(function) for function in expression.atoms(Elementwise)}


@record
class Found:
    """A form, the functions that it names, and whether the stated form fails for some values."""

    expression: Expr
    titles: Titles
    needed: bool = False


@cache
def better(given: Setting, stated: Equation, stage: str, titles: Titles) -> Found:
    """Return the first form without loss of digits, or else the one with the least loss.

    If that one fails for some values, return the first form that does not and that is exact relative
    to the largest entry.
    """
    candidates = _candidates(given, stated, stage, titles)
    simplest = next(candidates, None)
    if simplest is None:
        return Found(stated.expression, titles)
    trial = Trial(stated, given.sources(stated), given.data, given.evaluator)
    first = errors = trial.errors(stated.expression)
    chosen, seen = Found(stated.expression, titles), []
    untried = chain([simplest], candidates)
    while not is_exact(errors) and (candidate := next(untried, None)):
        tried = trial.errors(candidate.expression)
        if no_worse(tried, first) and _lost(tried) < _lost(errors):
            chosen, errors = candidate, tried
        if not any(map(isinf, tried)):
            seen.append(candidate)
    if any(map(isinf, errors)):
        beside = trial.errors(stated.expression, beside=True)
        finite = (c for c in seen if no_worse(trial.errors(c.expression, beside=True), beside))
        chosen = next(finite, chosen)
    changed = chosen.expression != stated.expression
    return Found(chosen.expression, chosen.titles, changed and any(map(isinf, first)))


def _lost(errors: Iterable[float]) -> int:
    """Count the entries whose error exceeds rounding."""
    return sum(e > FLOOR for e in errors)


def _candidates(given: Setting, equation: Equation, stage: str, titles: Titles) -> Iterator[Found]:
    """Yield the rewritten forms, the simplest first, each with the functions that it names."""
    value = given.opened(equation)
    if not curves(value) and not value.has(Along):
        return
    ruled = given.ruled(value)

    @cache
    def merged() -> Expr:
        return everywhere(merge, spelled(given.put_in(equation.expression, merge)))

    known = next((e.expression for e in given.known if e.target == equation.target), ruled)
    read = {e.target.name for e in given.sources(equation)}  # tensors computed later are not available
    others = tuple(e for e in given.known if e.target.name in read)
    seen = {spelled(equation.expression)}
    forms: tuple[Callable[[Fusing], Expr], ...] = (
        lambda _: known,
        lambda _: ruled,
        # The divisor of a whole sum may cancel in its terms.
        lambda _: given.ruled(factor_terms(everywhere(shift, spelled(expand_mul(value))))),
        lambda _: given.ruled(merged()),
        lambda _: given.ruled(everywhere(merge, spelled(expand_mul(merged())))),
        lambda fusing: fusing.whole(equation.expression),  # where no definition that is put in is of use
        lambda fusing: fusing.whole(ruled),
        lambda fusing: fusing.terms(ruled),
        lambda fusing: fusing.whole(value),
    )
    for made in forms:
        alone = "slope_in_{}" if stage in ("factor", "gradient") else ""
        fusing = Fusing(given.evaluator, _TITLES[stage], _SUMMARIES[stage], alone, dict(titles))
        form = folded(made(fusing), others)
        text = spelled(form)
        if text not in seen and has_form(replace(equation, expression=form), given.data.tensors):
            seen.add(text)
            yield Found(form, tuple(fusing.titles.items()))


def has_form(equation: Equation, tensors: Mapping[str, Tensor]) -> bool:
    """Whether an equation has an array form and is a real number: splitting a root can give complex ones, or 0/0."""
    return not equation.expression.has(I, nan, zoo) and has_array_form(equation, tensors)


def _length(expression: Expr) -> int:
    return sum(1 for _ in preorder_traversal(expression))


def _name(entry: Indexed) -> str:
    """The name of the tensor of an entry."""
    name: str = entry.base.label.name
    return name


def _is_inside(entry: Indexed, equations: Mapping[str, Equation]) -> bool:
    """Whether an entry is that of one of the equations and inside its tensor; outside it is 0, whatever they say."""
    equation = equations.get(_name(entry))
    return equation is not None and all(
        isinstance(index, Index) and within(index.axis, axis)
        for index, axis in zip(entry.indices, equation.target.axes, strict=True)
    )


def _totals(equation: Equation) -> list[Sum]:
    """The sums in a scalar."""
    if equation.indices:
        return []
    found = [f for t in Add.make_args(equation.expression) for f in Mul.make_args(t) if isinstance(f, Sum)]
    return found


def _summand(total: Sum) -> Equation:
    """The summand as the equation of a tensor."""
    indices = tuple(sorted((limit[0] for limit in total.limits), key=lambda i: i.axis.sample))
    return Equation(Tensor("summand", "summand", tuple(i.axis for i in indices)), indices, total.function)


def curves(expression: Expr) -> set[Expr]:
    """The nonlinear subexpressions: functions and divisions."""
    found = {f for f in expression.atoms(Function, Pow) if f.has(Indexed)}
    return {f for f in found if not isinstance(f, Pow) or not _is_whole(f)}


def _is_whole(power: Pow) -> bool:
    return bool(power.exp.is_Integer and power.exp.is_positive)


def below_a_line(expression: Expr) -> set[str]:
    """The names of the tensors in a logarithm or a denominator, not inside another function."""
    found: set[str] = set()
    for node in expression.atoms(Pow, log):
        if isinstance(node, log) or not _is_whole(node):
            found |= _directly(node.args[0])
    return found


def _directly(expression: Expr) -> set[str]:
    if isinstance(expression, Indexed):
        return {_name(expression)}
    if isinstance(expression, Add | Mul | Sum | Pow):
        return set().union(*(_directly(a) for a in expression.args if isinstance(a, Expr)))
    return set()
