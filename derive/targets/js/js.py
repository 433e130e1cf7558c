"""Print every statement of a program as loops over its indices in JavaScript."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sympy import Symbol

from derive.calculus.chain_rule import LocalDerivative
from derive.calculus.program import Assign, Program
from derive.targets.loops.printer import Loop, LoopPrinter

#: The functions that JavaScript lacks. All terms of the series of erf are positive, so that none of them cancel.
PRELUDE = """\
function total(first, after, term) {
  let found = 0;
  for (let i = first; i < after; i++) found += term(i);
  return found;
}
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x, found = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(found); n++) found += term *= 2 * x * x / (2 * n + 1);
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * found;
}
"""
#: 1 - erf, by a continued fraction where that is small.
ERFC = """\
function erfc(x) {
  if (x < 2) return 1 - erf(x);
  let found = x;
  for (let n = 60; n > 0; n--) found = x + n / 2 / found;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / found;
}
"""
#: The extreme value of a term over ranges, and its first place.
EXTREME = """\
function extreme(sign, ranges, term) {
  const found = { value: NaN, place: null };
  const visit = at => {
    if (at.length < ranges.length) {
      const [first, after] = ranges[at.length];
      for (let i = first; i < after; i++) visit([...at, i]);
      return;
    }
    const value = term(...at);
    if (!found.place || sign * value > sign * found.value) [found.value, found.place] = [value, at];
  };
  visit([]);
  return found;
}
"""


def source(
    program: Program,
    functions: Mapping[str, tuple[str, ...]],
    edges: Iterable[LocalDerivative] = (),
) -> str:
    """Return a script that defines the object ``derived`` with a function for each entry of ``functions``.

    An entry gives the name of a function and the stages of the program that it computes. A function of ``(values,
    sizes)`` adds the result of each equation to ``values``: a tensor is an array of arrays with the indices of the
    equations, which count from 1 or 0, and a tensor without axes is a number. ``sizes`` maps the names of the widths,
    and ``m``, to numbers. ``slopes`` of the object has the local derivatives ``edges``: ``slopes["z2/a1"](values,
    sizes, of, wrt)`` is that of the entry ``of`` of z2 with respect to the entry ``wrt`` of a1.
    """
    printer = _Printer(program.tensors)
    bodies = [
        line
        for function, stages in functions.items()
        for line in (f"  {function}(values, sizes) {{", *printer.statements(program.stage(*stages)), "  },")
    ]
    slopes = [f"    {printer.slope(edge)}," for edge in edges]
    prelude = PRELUDE + ERFC * ("erfc" in printer.called) + EXTREME * ("extreme" in printer.called)
    lines = ["(() => {", *prelude.splitlines(), *printer.functions]
    lines += ["return {", *bodies, "  slopes: {", *slopes, "  },", "};", "})();"]
    return "const derived = " + "\n".join(lines) + "\n"


class _Printer(LoopPrinter):
    """Prints JavaScript, whose mathematical functions have SymPy's names."""

    library = "Math"
    outside = frozenset({"erf", "erfc"})
    pi, e, nan = "Math.PI", "Math.E", "NaN"
    both, either = "&&", "||"

    def statements(self, statements: Iterable[Assign]) -> Iterator[str]:
        """Loops that compute statements."""
        for statement in statements:
            name, scope, step = statement.target.name, dict[Symbol, str](), "    "
            for index in statement.equation.indices:
                yield f"{step}{self.entry(name, [*scope.values()])} = [];"
                scope[index] = f"i{len(scope)}"
                loop = (scope[index], self.first(index.axis), self.after(index.axis))
                yield "{0}for (let {1} = {2}; {1} < {3}; {1}++) {{".format(step, *loop)
                step += "  "
            value = self.code(statement.equation.expression, scope)
            yield f"{step}{self.entry(name, [*scope.values()])} = {value};  // ({statement.number})"
            yield from ("    " + "  " * depth + "}" for depth in reversed(range(len(scope))))

    def slope(self, edge: LocalDerivative) -> str:
        """A local derivative as a function of the entries."""
        scope = {index: f"wrt[{n}]" for n, index in enumerate(edge.wrt_indices)}
        scope |= {index: f"of[{n}]" for n, index in enumerate(edge.of_indices)}
        return f'"{edge.of.name}/{edge.wrt.name}": (values, sizes, of, wrt) => {self.code(edge.value, scope)}'

    def entry(self, name: str, indices: Sequence[str]) -> str:
        """An entry of an array of arrays."""
        return f"values[{name!r}]{''.join(f'[{index}]' for index in indices)}"

    def entry_or_zero(self, name: str, indices: Sequence[str]) -> str:
        """An entry of an array of arrays, or 0."""
        return f"(values[{name!r}]{''.join(f'?.[{index}]' for index in indices)} ?? 0)"

    def extreme(self, sign: int, body: str, loops: Sequence[Loop]) -> str:
        """The value that ``extreme`` finds."""
        return f"{self._extreme(sign, body, loops)}.value"

    def is_place(self, sign: int, body: str, loops: Sequence[Loop], places: Sequence[str]) -> str:
        """A comparison with the place that ``extreme`` finds."""
        return f"{self._extreme(sign, body, loops)}.place.join() === [{', '.join(places)}].join()"

    def _extreme(self, sign: int, body: str, loops: Sequence[Loop]) -> str:
        self.called.add("extreme")
        ranges = ", ".join(f"[{self.first(axis)}, {self.after(axis)}]" for _, axis in loops)
        return f"extreme({sign}, [{ranges}], ({', '.join(name for name, _ in loops)}) => {body})"

    def choice(self, condition: str, value: str, other: str) -> str:
        """A conditional expression."""
        return f"({condition} ? {value} : {other})"

    def equal(self, left: str, right: str) -> str:
        """A comparison."""
        return f"{left} === {right}"

    def total(self, body: str, loops: Sequence[Loop]) -> str:
        """Calls of ``total``, one for each loop."""
        for name, axis in reversed(loops):
            body = f"total({self.first(axis)}, {self.after(axis)}, {name} => {body})"
        return body

    def definition(self, name: str, arguments: Sequence[str], value: str, title: str) -> list[str]:
        """A function of one line."""
        return [f"const {name} = ({', '.join(arguments)}) => {value};  // {title}"]
