"""Name the arguments of functions, such as c z in f(c z), so that f becomes a function of one entry.

The stability rules apply to functions of a single entry. A compound argument is replaced by a
named entry before the rules are applied and substituted back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field, replace

from sympy import Expr, Function, Indexed, KroneckerDelta, Symbol, log, preorder_traversal
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.arrays.rewriting import entries_of
from derive.calculus.index import Axis, Equation, Index, Tensor
from derive.calculus.program import Program
from derive.record import record

#: The largest factor of an entry that is left in an argument: a function of it must be accurate for any argument.
MOST = 10


@record
class Inner:
    """The named arguments, each with the equation that defines its name.

    An argument that reads one of the ``excluded`` tensors is not named: the rules need to see its parts.
    """

    excluded: frozenset[str]
    equations: dict[tuple[Expr, tuple[Axis, ...]], Equation] = field(default_factory=dict)

    def named(self, equation: Equation) -> Equation:
        """Name every argument of a function of one number, unless it already is an entry, or a multiple of one.

        An argument that contains a sum, a product or an extreme value over an index is kept, because it would be
        computed at each of its occurrences. The argument of a logarithm is kept, because some rules rewrite it. A delta
        is named, because the rules hold for any number in its place.
        """
        functions = equation.expression.atoms(Function) - equation.expression.atoms(log, KroneckerDelta)
        calls = [f for f in functions if len(f.args) == 1 and self._is_to_name(f.args[0])]
        new = {f: f.func(self._entry(f.args[0])) for f in sorted(calls, key=lambda f: (f.count_ops(), str(f)))}
        deltas = equation.expression.atoms(KroneckerDelta)
        new |= {delta: self._entry(delta) for delta in sorted(deltas, key=str)}
        return replace(equation, expression=equation.expression.xreplace(new))

    def put_back(self, equation: Equation, form: Callable[[Equation], Equation]) -> Equation:
        """Replace the names by their arguments, each in the form that is computed."""
        by_name = {e.target.name: e for e in self.equations.values()}

        def opened(entry: Expr) -> Expr:
            return form(by_name[entry.base.label.name]).at(tuple(entry.indices))

        value = equation.expression.replace(lambda e: isinstance(e, Indexed) and e.base.label.name in by_name, opened)
        return replace(equation, expression=value)

    def _entry(self, argument: Expr) -> Expr:
        """The name of an argument at its indices; arguments equal up to indices share a name."""
        nodes = (node for node in preorder_traversal(argument) if isinstance(node, Index))
        indices = tuple(sorted(dict.fromkeys(nodes), key=lambda i: i.axis.sample))
        form = argument.xreplace({index: Symbol(f"_{place}") for place, index in enumerate(indices)})
        key = form, tuple(i.axis for i in indices)
        if key not in self.equations:
            tensor = Tensor(f"inner {len(self.equations) + 1}", "preactivation", key[1])
            self.equations[key] = Equation(tensor, indices, argument)
        return self.equations[key].target[indices]

    def _is_to_name(self, argument: Expr) -> bool:
        if not isinstance(argument, Expr) or argument.has(ExprWithLimits):
            return False
        number, rest = argument.as_coeff_Mul()
        if isinstance(rest, Indexed) and abs(number) <= MOST:
            return False
        read = entries_of(argument)
        return bool(read) and not read & self.excluded


def with_names(program: Program, excluded: Iterable[str]) -> tuple[Program, Inner]:
    """Return the program with named arguments as additional inputs, and the definitions of the names."""
    inner = Inner(frozenset(excluded))
    statements = tuple(replace(s, equation=inner.named(s.equation)) for s in program.statements)
    names = tuple(e.target for e in inner.equations.values())
    return replace(program, statements=statements, inputs=(*program.inputs, *names)), inner
