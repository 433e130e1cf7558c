"""A name for what stands inside a function, such as c z in f(c z), so that f is a function of one entry.

The rules of stability know functions of an entry. That an entry is a product or a sum of others
changes nothing in them: it is named before they are applied, and put back after them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sympy import Expr, Function, Indexed, Sum, Symbol, log, preorder_traversal

from derive.arrays.rewriting import entries_of
from derive.calculus.index import Equation, Index, Tensor
from derive.calculus.program import Program


@dataclass(frozen=True)
class Inner:
    """The arguments that have been named, each by the equation of its name.

    An argument that reads one of the ``excluded`` tensors has no name: the rules look into it.
    """

    excluded: frozenset[str]
    equations: dict[Expr, Equation] = field(default_factory=dict)

    def named(self, equation: Equation) -> Equation:
        """The equation with a name for every argument of a function of one number that is no entry itself.

        An argument with a sum in it is left: it would be computed once for each place where it stands.
        That of a logarithm is left too, as there are rules for what stands in it.
        """
        functions = equation.expression.atoms(Function) - equation.expression.atoms(log)
        calls = [f for f in functions if len(f.args) == 1 and self._is_to_name(f.args[0])]
        new = {f: f.func(self._entry(f.args[0])) for f in sorted(calls, key=lambda f: (f.count_ops(), str(f)))}
        return replace(equation, expression=equation.expression.xreplace(new))

    def put_back(self, equation: Equation) -> Equation:
        """The equation with the arguments for their names."""
        by_name = {e.target.name: e for e in self.equations.values()}

        def opened(entry: Expr) -> Expr:
            return by_name[entry.base.label.name].at(tuple(entry.indices))

        value = equation.expression.replace(lambda e: isinstance(e, Indexed) and e.base.label.name in by_name, opened)
        return replace(equation, expression=value)

    def _entry(self, argument: Expr) -> Expr:
        """The name of an argument at its indices; equal arguments, whatever their indices, have one name."""
        nodes = (node for node in preorder_traversal(argument) if isinstance(node, Index))
        indices = tuple(sorted(dict.fromkeys(nodes), key=lambda i: i.axis.sample))
        key = argument.xreplace({index: Symbol(f"_{place}") for place, index in enumerate(indices)})
        if key not in self.equations:
            tensor = Tensor(f"inner {len(self.equations) + 1}", "preactivation", tuple(i.axis for i in indices))
            self.equations[key] = Equation(tensor, indices, argument)
        return self.equations[key].target[indices]

    def _is_to_name(self, argument: Expr) -> bool:
        if not isinstance(argument, Expr) or isinstance(argument, Indexed) or argument.has(Sum):
            return False
        read = entries_of(argument)
        return bool(read) and not read & self.excluded


def with_names(program: Program, excluded: Iterable[str]) -> tuple[Program, Inner]:
    """The program with names for arguments, which are as good as given, and what they stand for."""
    inner = Inner(frozenset(excluded))
    statements = tuple(replace(s, equation=inner.named(s.equation)) for s in program.statements)
    names = tuple(e.target for e in inner.equations.values())
    return replace(program, statements=statements, inputs=(*program.inputs, *names)), inner
