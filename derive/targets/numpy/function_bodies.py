"""The bodies of the functions that compute the equations: ``forward``, ``error``, the gradients and ``kinks``."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sympy import Expr, Integer, Symbol

from derive.arrays import matrix as mx
from derive.arrays import named as nx
from derive.arrays.kinks import kink_nodes
from derive.arrays.lift import ArrayAssign, formed
from derive.arrays.lower import lowered, with_two_axes
from derive.arrays.steps import moved_entries, nameless
from derive.calculus.index import SAMPLES, Equation, Tensor
from derive.calculus.onward import onward
from derive.calculus.recurrence import Recurrence, recurrences
from derive.calculus.roles import Role
from derive.calculus.truncation import WINDOW
from derive.targets.fold import folded
from derive.targets.numpy.code import STEP, Code, quoted, together
from derive.targets.numpy.loop_code import DONE, LoopCode
from derive.targets.numpy.statements import Statements, about, code_form, needed, reads

Lines = tuple[str, ...]


class Bodies:
    """Prints statements as the lines of functions; those of a recurrence as a ``loop``."""

    loop = LoopCode

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self.program = statements.program
        self.printer = statements.printer()
        self.averages = self.program.averages
        self._lines: dict[int, tuple[ArrayAssign, Lines]] = {}

    def functions(self) -> dict[str, Lines]:
        """Return the bodies by the names of their functions; ``predicting`` is the forward pass without ``values``."""
        own, name = self.statements, self.statements.name
        kept = [s.target for s in own.forward]
        towards = [name(s.target) for s in own.towards_error]
        factors = [s.target for s in own.learning if s.stage == "factor"]
        learning, beside, backward = (
            needed((*own.towards_error, *part), (), lambda s: s.stage != "error")
            for part in (own.learning, own.beside, own.backward)
        )
        return {
            "forward": self._body(own.forward, (), _put(map(name, kept))),
            "error": self._body((*own.towards_error, own.error), kept, _put(towards)),
            "gradients": self._body(learning, kept, (*_put(map(name, factors)), self._slopes(own.learning))),
            "input_gradients": self._body(beside, [*kept, *factors], [self._slopes(own.beside)]) if own.beside else (),
            "backward": self._body(backward, kept, [self._slopes(own.backward)]),
            "kinks": self._kinks(kept),
            "streaming": self._streaming(),
            "predict": self._prediction() if self.averages else (),
            "predicting": self._body(needed(self._alone, self.program.outputs), (), (), "parameters"),
        }

    @property
    def _alone(self) -> tuple[ArrayAssign, ...]:
        """The statements of the forward pass without those of tensors whose running averages a prediction reads."""
        return tuple(s for s in self.statements.forward if s.target.name not in self.averages)

    def _prediction(self) -> Lines:
        """The forward pass with running averages, and what the error reads of it."""
        own = self.statements
        wanted = {*self.program.outputs, *reads((*own.towards_error, own.error))}
        computed = needed(self._alone, wanted)
        held = [name for name in self.averages if name in wanted | reads(computed)]
        end = _put([*(own.name(self.program.tensors[name]) for name in held), *(own.name(s.target) for s in computed)])
        return self._body(computed, (), end, "state", held)

    def _slopes(self, statements: tuple[ArrayAssign, ...]) -> str:
        """The line that returns the gradients by the names of what they are the gradients of."""
        found = [(about(s).name, self.statements.name(s.target)) for s in statements if s.stage == "gradient"]
        return f"return {dict_code(found)}"

    def lines(self, statement: ArrayAssign, names: Mapping[str, str] | None = None) -> Lines:
        """Return ``name = code  # (number)``, after the lines of the parts that it needs twice.

        Each function has its own names for such parts. ``names`` are the names in code of tensors that are none of the
        program.
        """
        if id(statement) in self._lines:
            return self._lines[id(statement)][1]
        printed = self._printed(statement, names)
        if len(printed) == 1 and names is None:
            self._lines[id(statement)] = statement, printed  # it is kept, and with it its number
        return printed

    def _printed(self, statement: ArrayAssign, names: Mapping[str, str] | None) -> Lines:
        printer, names = self.statements.printer(names), {**self.statements.codes.tensors, **(names or {})}
        form, number = code_form(statement), f"  # ({statement.number})"
        parts: tuple[tuple[str, Code], ...] = ()
        if isinstance(form, mx.Formula):
            parts, whole = printer.in_parts(form, self.statements.codes.functions)
            code = whole.text
        else:
            code = printer.code(form).text
        seen = form
        while isinstance(seen, mx.Broadcast | mx.Repeat | mx.Transpose | mx.Part):  # views of an array
            seen = seen.of
        view = seen.named if isinstance(seen, mx.Formula) else seen
        is_view = isinstance(view, mx.Array | nx.Read) and view.tensor in self.program.parameters
        if is_view and not self.statements.library.traced:  # changed in place by update
            code = f"np.copy({code})"
        named = ((name, part.text) for name, part in parts)
        return tuple(f"{left} = {right}{number}" for left, right in (*named, (names[statement.target.name], code)))

    def _streaming(self) -> Lines:
        """The lines that predict further steps of a recurrence; none if a step depends on later ones, or on all."""
        statements = needed(self.statements.forward, self.program.outputs)
        whole = Integer(1)  # what is cut at the ends of windows has the same values
        stated = [replace(e, expression=whole) if e.note == WINDOW else e for e in (s.equation for s in statements)]
        parts = onward(stated, self.program.tensors, self.statements.codes.functions.fresh)
        extents = {part.axis.extent for part in parts or () if isinstance(part, Recurrence)}
        if parts is None or not all(extent.is_Symbol for extent in extents):
            return ()
        (extent,) = extents
        begun = f'{DONE} = state.get("steps", 0)'
        steps = f'state["steps"] = {DONE} + {self.statements.extent(extent)}'
        return (*folded((begun,), STEP), *self._body(statements, (), (steps,), parts=parts))

    def _given(self, statement: ArrayAssign) -> Lines:
        """The line that takes the value of a constant from a check of the gradients, which gives it."""
        if statement.target.name not in self.program.stopped:
            return ()
        name = self.statements.name(statement.target)
        return (f"{name} = values.get({quoted(name)}, {name})  # a check gives it",)

    def _body(
        self,
        statements: tuple[ArrayAssign, ...],
        values: Iterable[Tensor],
        end: Iterable[str],
        averages: str = "",
        held: Iterable[str] = (),
        parts: tuple[Equation | Recurrence, ...] | None = None,
    ) -> Lines:
        """The lines that unpack what is read, those of the statements, and the ``end``.

        In a prediction, ``averages`` is the dict of the running averages, of which those of ``held`` are read, too.
        ``parts`` are those of a pass that goes on.
        """
        alone = averages == "parameters" or parts is not None  # there are no values
        computed = self._computed(statements, alone, parts)
        read = {*reads(statements), *held}
        stored = [self._average(name, averages) for name in self.averages if averages and name in read]
        return folded((*together(stored), *self._unpacked(read, words(computed), values), *computed, *end), STEP)

    def _average(self, name: str, holder: str) -> tuple[str, str]:
        """The name of a tensor, and the code that reads its running average."""
        place = f"{holder}[{quoted(self.averages[name].name)}]"
        copied = name in self.program.outputs and not self.statements.library.traced  # a step changes it in place
        return self.statements.name(self.program.tensors[name]), f"np.copy({place})" if copied else place

    def _computed(
        self,
        statements: Iterable[ArrayAssign],
        alone: bool = False,
        parts: tuple[Equation | Recurrence, ...] | None = None,
    ) -> list[str]:
        """The lines of statements; those of a recurrence are in a loop. Without ``values``, they are ``alone``."""
        lines = list[str]()
        given = {s.target.name: s for s in statements}
        goes_on = parts is not None
        parts = parts or tuple(_grouped(given))
        apart = (given[part.target.name].equation.expression for part in parts if isinstance(part, Equation))
        reads = Counter(key for value in apart for key in {e.alike for e in moved_entries(value, self.program.tensors)})
        held: dict[Expr, Tensor] = {}
        for part in parts:
            if isinstance(part, Equation):
                statement = given[part.target.name]
                lines += (*self._reading(statement, reads, held), *(() if alone else self._given(statement)))
                continue
            loop = self.loop(self.statements, part, given, goes_on, alone)
            for before in loop.before():
                lines += self.lines(before, loop.names)
                held[nameless(before.equation.expression, before.equation.indices)] = before.target
            lines += loop.lines()
        return lines

    def _reading(self, statement: ArrayAssign, reads: Counter[Expr], held: dict[Expr, Tensor]) -> Lines:
        """The lines of a statement, after those of tensors for what it and others read at moved places of an axis.

        ``held`` are the tensors that have been computed.
        """
        lines: Lines = ()
        stated, new = statement.equation, dict[Expr, Expr]()
        for moved in moved_entries(stated.expression, self.program.tensors):
            known = moved.alike in held
            if not known and reads[moved.alike] < 2:
                continue
            if not known:
                name = self.statements.given_name(moved.called, moved.alike)
                held[moved.alike] = Tensor(name, Role.PLAIN.value, tuple(i.axis for i in moved.indices))
            new[moved.entry] = held[moved.alike][moved.indices]
            if not known:
                equation = Equation(held[moved.alike], moved.indices, moved.entry)
                lines += self._lines_with(statement, equation, held.values())
        if not new:
            return self.lines(statement)
        equation = replace(stated, expression=stated.expression.xreplace(new))
        return (*lines, *self._lines_with(statement, equation, held.values()))

    def _lines_with(self, statement: ArrayAssign, equation: Equation, held: Iterable[Tensor]) -> Lines:
        """The lines of an equation that has the place of a statement and reads tensors that are ``held``, too."""
        own = {t.name: t for t in held}
        form = formed(equation, {**self.program.tensors, **own})
        return self.lines(replace(statement, equation=equation, form=form), {n: n for n in own})

    def _kinks(self, values: Iterable[Tensor]) -> Lines:
        """The lines that return the side of each kink on which an argument lies; empty without a kink."""
        places = tuple(kink_nodes(self.program))
        if not places:
            return ()
        read = set().union(*(mx.arrays_read(place) for place in places))
        towards = needed(self.statements.towards_error, read)
        computed = self._computed(towards)
        items = [f"np.sign({self.printer.code(lowered(with_two_axes(place))).text})" for place in places]
        unpacked = self._unpacked(read | reads(towards), words([*computed, *items]), values)
        return folded((*unpacked, *computed, f"return [{', '.join(items)}]"), STEP)

    def _unpacked(self, read: set[str], used: set[str], values: Iterable[Tensor]) -> Lines:
        """The lines that assign names to the arrays that are ``read``, and to the sizes that the code has ``used``."""
        name = self.statements.name
        stored = [(name(p), self.statements.stored(p)) for p in self.program.parameters if p.name in read]
        kept = [(name(t), f'values["{name(t)}"]') for t in values if t.name in read]
        lines = [*together(stored), *together(kept)]
        at_hand = [t for t in (*self.program.parameters, *values, *self.program.inputs) if t.name in read]
        lines += [self._width(symbol, at_hand) for symbol, w in self.statements.codes.widths.items() if w in used]
        if SAMPLES.name in used:
            lines.append(self._width(SAMPLES, self.program.inputs))
        return tuple(lines)

    def _width(self, symbol: Symbol, at_hand: Iterable[Tensor]) -> str:
        """The line that reads a width from one of the arrays at hand, or else from a parameter."""
        width = self.statements.codes.widths.get(symbol, symbol.name)
        for tensor in at_hand:
            for side, extent in enumerate(mx.Array(tensor).shape):
                if extent == symbol:
                    return f"{width} = {self.statements.name(tensor)}.shape[{side}]"
        return self._width_of_parameter(symbol, width)

    def width_lines(self, widths: Mapping[Symbol, str]) -> Lines:
        """Return the lines that read the widths from the parameters, with the given names."""
        return tuple(self._width_of_parameter(symbol, name) for symbol, name in widths.items())

    def _width_of_parameter(self, symbol: Symbol, name: str) -> str:
        parameter, side, extent = next(
            (p, side, extent)
            for p in (*self.program.parameters, *self.program.inputs)
            for side, extent in enumerate(mx.Array(p).shape)
            if extent.has(symbol)
        )
        less = f" - {self.statements.extent(extent - symbol)}" if extent != symbol else ""
        given = parameter in self.program.inputs
        place = self.statements.name(parameter) if given else self.statements.stored(parameter)
        return f"{name} = {place}.shape[{side}]{less}"


def _grouped(given: Mapping[str, ArrayAssign]) -> Iterator[Equation | Recurrence]:
    """The equations of statements in their order, those of a recurrence where the first of them stands."""
    equations = [s.equation for s in given.values()]
    together = {name: r for r in recurrences(equations) for name in r.places}
    done = set[str]()
    for equation in equations:
        name = equation.target.name
        if name not in done:
            done |= {*together[name].places} if name in together else {name}
            yield together.get(name, equation)


def dict_code(items: Iterable[tuple[str, object]]) -> str:
    """Return a dict with strings as keys as code; the values are code."""
    return f"{{{', '.join(f'{quoted(key)}: {value}' for key, value in items)}}}"


def words(lines: Iterable[str]) -> set[str]:
    """Return the names that occur in lines of code."""
    text = "".join(f"    {line}\n" for line in lines)
    return {node.id for node in ast.walk(ast.parse(f"def body():\n{text or '    pass'}")) if isinstance(node, ast.Name)}


def _put(names: Iterable[str]) -> Lines:
    """The line that puts tensors into ``values``; empty without tensors."""
    items = dict_code((name, name) for name in names)
    return () if items == "{}" else (f"values |= {items}",)
