"""The NumPy module: which line stands in which function.

Everything that computes an equation is printed from the program; the template
holds the checks at the door and the trainer around it.
"""

from __future__ import annotations

import keyword
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sympy import Expr, Piecewise, Symbol

from derive import matrix as mx
from derive.entry_text import number_text
from derive.forward import SAMPLES, SumsToOne
from derive.functions import Elementwise, X
from derive.index import Tensor
from derive.initialisations import INITIALISATIONS, INPUTS, UNITS, Initialisation
from derive.lift import lift
from derive.lower import lowered, with_two_axes
from derive.notation import PSI, Notation
from derive.printers.boxes import Typesetter
from derive.printers.numpy import NumPyPrinter, scalar
from derive.printers.page import Page
from derive.printers.text import text
from derive.program import Assign, Program
from derive.render import fill
from derive.stable import E_POWER, exact_differences, exact_pulls, fused_error, recognise, shift_logs, stable_form

Lines = tuple[str, ...]


def module_context(
    program: Program,
    notation: Notation,
    promises: tuple[SumsToOne, ...] = (),
    initialisation: Initialisation = INITIALISATIONS["glorot_uniform"],
) -> dict[str, Any]:
    """What the template of the module needs, as finished lines of Python.

    ``program`` must have been lifted; ``initialisation`` says how weights begin. Each line that
    computes an equation ends with that equation's number.
    """
    layout = _Layout(program, notation)
    forward, error = program.stage("forward"), (*layout.towards_error, layout.error)
    gradients = program.stage("gradient")
    kept = layout.kept(forward)
    x, y = program.inputs
    return {
        "helpers": tuple(layout.helpers()),
        "forward": layout.body(forward),
        "error": layout.body(error, kept),
        "gradients": layout.body((*layout.towards_gradients, *layout.backward), kept),
        "error_is_array": layout.error_is_array(),
        "updates": tuple(layout.update()),
        "constants": tuple(layout.constants()),
        "states": tuple((t.name, t.about.name if t.about else "") for t in program.states),
        "one_hot": any(isinstance(promise, SumsToOne) for promise in promises),
        "kept": tuple(layout.name(t) for t in kept),
        "prediction": layout.name(forward[-1].target),
        "error_name": layout.name(layout.error.target),
        "gradient_items": tuple((s.target.about.name, layout.name(s.target)) for s in gradients if s.target.about),
        "parameters": tuple(p.name for p in program.parameters),
        "shapes": tuple((p.name, layout.shape(p)) for p in program.parameters),
        "starts": tuple(layout.start(p, initialisation) for p in program.parameters),
        "beginning": {
            "kind": initialisation.kind,
            "words": initialisation.phrase,
            "over": int(initialisation.spread[0] * (3 if initialisation.kind == "uniform" else 1)),
        },
        "sizes": tuple(layout.sizes()),
        "widths": tuple(s.name for s in program.extents),
        "inputs": scalar(x.axes[0].extent).text,
        "outputs": scalar(y.axes[0].extent).text,
    }


class _Layout:
    """Prints the statements of one program as lines of code."""

    def __init__(self, program: Program, notation: Notation) -> None:
        self.program = program
        self.names = code_names(program, notation)
        self.printer = NumPyPrinter(self.names)
        *towards_error, statement = program.stage("error")
        self.outputs = {s.target.name: s.form for s in program.stage("forward") if s.form is not None}
        self.towards_error = tuple(self._exact(s) for s in towards_error)
        self.error = self._exact(self._stable_error(statement))
        self.backward = tuple(self._exact(s) for s in program.stage("factor", "gradient"))

    @property
    def towards_gradients(self) -> tuple[Assign, ...]:
        """What leads to the error and is read on the way back."""
        read, found = set[str]().union(*(_reads(s) for s in self.backward)), list[Assign]()
        for statement in reversed(self.towards_error):
            if statement.target.name in read:
                read |= _reads(statement)
                found.append(statement)
        return tuple(reversed(found))

    def name(self, tensor: Tensor) -> str:
        return self.names[tensor.name]

    def _exact(self, statement: Assign) -> Assign:
        """The statement as it is computed: differences from the pre-activation where an output rounds."""
        assert statement.form is not None
        differences = exact_differences(statement.form, self.outputs)
        return replace(statement, form=exact_pulls(differences, self.outputs))

    def error_is_array(self) -> bool:
        """Whether the error is computed with an array of one entry, and so is one itself."""
        return _keeps_axes(_form(self.error))

    def _stable_error(self, statement: Assign) -> Assign:
        """The error as it is computed: from the pre-activation where a logarithm would overflow."""
        stated = {s.target.name: s.equation for s in self.program.stage("forward")}
        equation = fused_error(statement.equation, stated)
        form = shift_logs(recognise(lift(equation, self.program.tensors)))
        return replace(statement, equation=equation, form=form)

    def body(self, statements: tuple[Assign, ...], values: Iterable[Tensor] = ()) -> Lines:
        """The lines of a function that computes ``statements``: what it unpacks, then the equations."""
        read = set().union(*(_reads(s) for s in statements))
        lines = [f'{p.name} = parameters["{p.name}"]' for p in self.program.parameters if p.name in read]
        lines += [f'{self.name(t)} = values["{self.name(t)}"]' for t in values if t.name in read]
        used = set().union(*(_extents(s) for s in statements))
        at_hand = [t for t in (*self.program.parameters, *values, *self.program.inputs) if t.name in read]
        lines += [self._width(symbol, at_hand) for symbol in self.program.extents if symbol.name in used]
        if SAMPLES.name in used:
            lines.append(f"{SAMPLES} = X.shape[1]")
        return (*lines, *(self.line(s) for s in statements))

    def line(self, statement: Assign) -> str:
        """``name = code  # (number)``."""
        code = self.printer.code(_form(statement)).text
        return f"{self.name(statement.target)} = {code}  # ({statement.number})"

    def update(self) -> Iterator[str]:
        """The lines of a step: what is read of the gradients and the states, and the equations."""
        at_hand: set[str] = set()
        for statement in self.program.stage("update"):
            form = _form(statement)
            target, code = self._in_place(form, statement.target)
            for name in [n for n in self.program.tensors if n in mx.arrays_read(code or form)]:
                yield from self._fetched(self.program.tensors[name], at_hand)
            if statement.target.role != "updated":
                at_hand.add(self.name(statement.target))
            yield f"{target}  # ({statement.number})"

    def _fetched(self, tensor: Tensor, at_hand: set[str]) -> Iterator[str]:
        """The line that takes an array out of its dict, unless it has a name already."""
        stored = tensor.about if tensor.role == "updated" and tensor.about else tensor
        name = self.name(stored)
        if name not in at_hand:
            at_hand.add(name)
            if stored.role == "gradient" and stored.about:
                yield f'{name} = slopes["{stored.about.name}"]'
            elif stored in self.program.states:
                yield f'{name} = state["{stored.name}"]{"" if stored.axes else ".item()"}'
            elif stored in self.program.parameters:
                yield f'{name} = parameters["{stored.name}"]'

    def _in_place(self, form: mx.Node, target: Tensor) -> tuple[str, mx.Node | None]:
        """The line that computes an update, and what it reads if that is not all of the form.

        What is replaced keeps its array.
        """
        about = target.about
        if target.role != "updated" or about is None:
            code = self.printer.code(form).text
            return f"{self.name(target)} = {f'float({code})' if target.role == 'square_norm' else code}", None
        place = f'{"state" if about in self.program.states else "parameters"}["{about.name}"]'
        if isinstance(form, mx.Plus) and form.terms[0] == mx.Array(about):
            rest = form.terms[1] if len(form.terms) == 2 else mx.Plus(form.terms[1:])
            sign = "-" if mx.is_negative(rest) else "+"
            return f"{place} {sign}= {self.printer.code(mx.without_sign(rest)).text}", rest
        if isinstance(form, mx.Number):
            more = mx.Number(form.value - about.symbol)
            return f"{place} += {self.printer.code(more).text}", more
        return f"{self.name(about)}[...] = {self.printer.code(form).text}", None

    def constants(self) -> Iterator[tuple[str, str]]:
        """The numbers with a fixed value: the name and the value of each."""
        for name, value in self.program.constants.items():
            decimal = number_text(value)
            yield self.names[name], decimal.replace("/", " / ")

    def kept(self, forward: tuple[Assign, ...]) -> list[Tensor]:
        """The forward tensors that a later stage reads, the prediction last."""
        later = (*self.towards_error, self.error, *self.backward)
        read = set().union(*(_reads(s) for s in later))
        return [s.target for s in forward if s.target.name in read or s is forward[-1]]

    def helpers(self) -> Iterator[dict[str, Any]]:
        """The elementwise functions at the head of the module, each with its equation's number."""
        for definition in self.program.definitions:
            yield self._helper(definition.function, definition.number)
        named = {d.function for d in self.program.definitions}
        computed = (*self.program.stage("forward"), *self.towards_error, self.error, *self.backward)
        for statement in computed:
            for node in _walk(_form(statement)):
                if isinstance(node, mx.Map) and _is_elementwise(node.function) and node.function not in named:
                    named.add(node.function)
                    yield self._helper(node.function, statement.number)
        calls = {n.name for s in computed for n in _walk(_form(s)) if isinstance(n, mx.Call)}
        calls |= {"softmax"} if "softmax_pull" in calls else set()
        for name in sorted(calls):
            yield {"call": name}

    def _helper(self, function: Any, number: int) -> dict[str, Any]:
        form = function.form or stable_form(function.definition)
        power, lines = "", []
        if form.rate is not None:
            up, down = (scalar(sign * form.rate * X).text for sign in (-1, 1))
            lines.append(f"{E_POWER} = np.exp(np.where({X}.real >= 0, {up}, {down}))")
            power = f"exp(-{'' if form.rate == 1 else f'{form.rate} * '}|x|)"
        cases, final = _cases(form.value)
        lines += cases
        value = f"{final}  # ({number})"
        # the types of np.where and of quotients are only known to NumPy once they are stated
        lines += [f"return {value}"] if form.value == X else [f"result: Array = {value}", "return result"]
        return {
            "call": None,
            "name": function.title,
            "signature": ", ".join(f"{s}: Array" for s in (X, *function.others)),
            "what": _described(function),
            "rearranged": form.rate is not None,
            "power": power,
            "lines": tuple(lines),
        }

    def shape(self, parameter: Tensor) -> str:
        rows, columns = (scalar(s).text for s in mx.Array(parameter).shape)
        return f"({rows}, {columns})"

    def start(self, parameter: Tensor, initialisation: Initialisation) -> dict[str, Any]:
        """How a parameter begins: weights as the initialisation says, biases at zero."""
        rows, columns = mx.Array(parameter).shape
        augmented = any(axis.start == 0 for axis in parameter.axes)
        inputs = columns - 1 if augmented else columns
        shape = self.shape(parameter)
        code = f"np.zeros({shape})"
        if parameter.role == "weight" and initialisation.variance is not None:
            fans = initialisation.spread[1].xreplace({INPUTS: inputs, UNITS: rows})
            code = f"{initialisation.kind}({scalar(fans).text}, {shape})"
        elif parameter.role == "weight" and initialisation.kind == "orthogonal":
            code = f"orthogonal({scalar(rows).text}, {scalar(inputs).text})"
            code = f"np.hstack([np.zeros(({scalar(rows).text}, 1)), {code}])" if augmented else code
        drawn = parameter.role == "weight" and initialisation.variance is not None
        return {"name": parameter.name, "code": code, "biased": augmented and drawn}

    def sizes(self) -> Iterator[tuple[str, str]]:
        """Where each named width is read off: the first parameter that has it along an axis."""
        for symbol in self.program.extents:
            yield symbol.name, next(self._size_line(symbol))

    def _width(self, symbol: Symbol, at_hand: list[Tensor]) -> str:
        """Where a named width is read off among the arrays at hand."""
        for tensor in at_hand:
            for side, extent in enumerate(mx.Array(tensor).shape):
                if extent == symbol:
                    return f"{symbol} = {self.name(tensor)}.shape[{side}]"
        return next(self._size_line(symbol))

    def _size_line(self, symbol: Symbol) -> Iterator[str]:
        for parameter in self.program.parameters:
            for side, extent in enumerate(mx.Array(parameter).shape):
                if extent.has(symbol):
                    less = f" - {extent - symbol}" if extent != symbol else ""
                    yield f'{symbol} = parameters["{parameter.name}"].shape[{side}]{less}'


def _described(function: Any) -> str:
    """What an elementwise function is, for its docstring."""
    if function.summary:
        return str(function.summary)
    formula = text(Page(Typesetter(PSI.times), PSI, {}).entry(function.definition))
    return f"The derivative of {function.origin}: {formula}" if function.order else f"The activation: {formula}"


def _form(statement: Assign) -> mx.Node:
    if statement.form is None:
        raise ValueError(f"({statement.number}) {statement.target.name} has not been lifted")
    if statement.stage == "update":
        return lowered(_summed_at_once(statement.form))
    return lowered(statement.form if statement.stage == "error" else with_two_axes(statement.form))


def _summed_at_once(node: mx.Node) -> mx.Node:
    """The same with every sum that comes to one number as a sum of all entries."""
    operands = tuple(_summed_at_once(c) for c in mx.children(node))
    return (
        mx.SumOver(operands[0], None)
        if isinstance(node, mx.SumOver) and node.shape == (1, 1)
        else (mx.rebuilt(node, operands))
    )


def code_names(program: Program, notation: Notation) -> dict[str, str]:
    """The name of each tensor in code: the notation's, or its own where two would be called alike."""
    wanted = {t.name: notation.code_name(t) for t in program.tensors.values()}
    plain = [t.name for t in program.tensors.values() if t.role != "updated"]
    counts = Counter(wanted[n] for n in plain)
    names = {n: wanted[n] if n not in plain or counts[wanted[n]] == 1 else n for n in wanted}
    return {n: f"{c}_" if c in _RESERVED or keyword.iskeyword(c) else c for n, c in names.items()}


_RESERVED = frozenset({"np", "math", "m", "parameters", "state", "values", "slopes", "before", "Array", "Parameters"})


def _reads(statement: Assign) -> set[str]:
    return mx.arrays_read(_form(statement))


def _extents(statement: Assign) -> set[str]:
    """The symbols of extents that the printed code of a statement reads."""
    found = set()
    for node in _walk(_form(statement)):
        if isinstance(node, mx.Scale):
            found |= node.factor.free_symbols
        elif isinstance(node, mx.Number):
            found |= node.value.free_symbols
        elif isinstance(node, mx.Stack | mx.Einsum | mx.Repeat):
            found |= {s for block in (node, *mx.children(node)) for side in block.shape for s in side.free_symbols}
    return {s.name for s in found}


def _walk(node: mx.Node) -> Iterable[mx.Node]:
    yield node
    for child in mx.children(node):
        yield from _walk(child)


def _cases(value: Expr) -> tuple[list[str], str]:
    """A choice between long formulas as a line for each, and the line that chooses."""
    code = scalar(value).text
    if not isinstance(value, Piecewise) or len(code) <= 70:
        return [], code
    names = [Symbol(n) for n in ("above", "below", "between")[: len(value.args)]]
    lines = [f"{n} = {scalar(v).text}" for n, (v, _) in zip(names, value.args, strict=True)]
    chosen = Piecewise(*((n, c) for n, (_, c) in zip(names, value.args, strict=True)))
    return lines, scalar(chosen).text


def _keeps_axes(node: mx.Node) -> bool:
    """Whether NumPy's value of a node has axes: it reads an array that no sum of all entries encloses."""
    if isinstance(node, mx.SumOver) and node.axis is None:
        return False
    return isinstance(node, mx.Array) or any(_keeps_axes(c) for c in mx.children(node))


def _is_elementwise(function: Any) -> bool:
    return isinstance(function, type) and issubclass(function, Elementwise)


def module_source(
    program: Program,
    notation: Notation,
    promises: tuple[SumsToOne, ...],
    name: str,
    description: str,
    initialisation: str = "glorot_uniform",
) -> str:
    """Render the module; ``name`` is what it is imported as, ``description`` says which network it is."""
    return fill(
        "numpy/trainer.py.jinja",
        **module_context(program, notation, promises, INITIALISATIONS[initialisation]),
        name=name,
        intro="\n".join(textwrap.wrap(description, 98)),
    )
