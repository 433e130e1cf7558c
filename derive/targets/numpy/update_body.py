"""The body of ``update``: the equations of a step, which replace the parameters and the state, in place in NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sympy import Add

from derive.arrays import matrix as mx
from derive.calculus.index import Tensor, symbols_read
from derive.calculus.roles import Role
from derive.targets.numpy.code import quoted
from derive.targets.numpy.statements import Statements, about, code_form


class UpdateBody:
    """Prints the statements of the update as lines of code."""

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self.program = statements.program
        gradients = {
            s.target.name: f"slopes[{quoted(about(s).name)}]" for s in statements.backward if s.stage == "gradient"
        }
        self.traced, np = statements.library.traced, statements.library.name
        self.printer = statements.printer(gradients)
        wide = {name: code if self.traced else f"{np}.float64({code})" for name, code in gradients.items()}
        self.wide = statements.printer(wide)

    def lines(self) -> Iterator[str]:
        """Yield the lines: for each equation those that read its arrays, then the equation."""
        at_hand: set[str] = set()
        order = {name: position for position, name in enumerate(self.program.tensors)}
        for statement in self.program.stage("update"):
            form = code_form(statement)
            line, read = self._in_place(form, statement.target)
            for name in sorted(mx.arrays_read(read), key=lambda name: order[name]):
                yield from self._fetched(self.program.tensors[name], at_hand)
            replaces = statement.target.role == "updated"
            name = self.statements.name(about(statement) if replaces else statement.target)
            if not replaces or (self.traced and read == form):
                at_hand.add(name)
            elif self.traced:  # the name is that of the old array
                at_hand.discard(name)
            yield f"{line}  # ({statement.number})"
            if replaces and self.traced and read == form:
                yield f"{self.statements.stored(about(statement))} = {name}"

    def _fetched(self, tensor: Tensor, at_hand: set[str]) -> Iterator[str]:
        """The line that reads an array from its dict, unless it is already at hand."""
        stored = tensor.about if tensor.role == "updated" and tensor.about else tensor
        name = self.statements.name(stored)
        if name not in at_hand:
            at_hand.add(name)
            if stored in (*self.program.states, *self.program.parameters):
                number = stored in self.program.states and stored.about is None and not stored.axes
                item = "[0, 0]" if self.traced else ".item()"
                yield f"{name} = {self.statements.stored(stored)}{item if number else ''}"
            elif any(stored == s.target for s in self.statements.forward):
                yield f"{name} = values[{quoted(name)}]"

    def _in_place(self, form: mx.Node, target: Tensor) -> tuple[str, mx.Node]:
        """The line that computes a target, and the part of the form that it reads by name."""
        replaced = target.about
        if target.role != "updated" or replaced is None:
            wide = target.role == Role.SQUARE_NORM  # the squares of float32 numbers above 1.8e19 are no float32 numbers
            code = (self.wide if wide else self.printer).code(form).text
            if wide:
                read = [self.program.tensors[name] for name in mx.arrays_read(form)]
                single = any(not t.axes and not t.is_number for t in read)  # the gradient of a number is an array
                code = f"{self.statements.library.name}.sum({code})" if single else code
                code = code if self.traced else f"float({code})"
            return f"{self.statements.name(target)} = {code}", form
        place = self.statements.stored(replaced)
        if isinstance(form, mx.Plus) and form.terms[0] == mx.Array(replaced):
            rest = form.terms[1] if len(form.terms) == 2 else mx.Plus(form.terms[1:])
            sign = "-" if mx.is_negative(rest) else "+"
            return f"{place} {sign}= {self.printer.code(mx.without_sign(rest)).text}", rest
        if isinstance(form, mx.Formula) and replaced[form.equation.indices] in Add.make_args(form.equation.expression):
            change = form.equation.expression - replaced[form.equation.indices]
            sign = "-" if change.could_extract_minus_sign() else "+"
            equation = replace(form.equation, expression=-change if sign == "-" else change)
            more = mx.Formula(equation, tuple(t for t in form.given if t.name in symbols_read(change)))
            return f"{place} {sign}= {self.printer.code(more).text}", more
        if isinstance(form, mx.Number):
            step = mx.Number(form.value - replaced.symbol)
            return f"{place} += {self.printer.code(step).text}", step
        name = f"{self.statements.name(replaced)}{'' if self.traced else '[...]'}"
        return f"{name} = {self.printer.code(form).text}", form
