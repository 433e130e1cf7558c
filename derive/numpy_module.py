"""The NumPy module: which line stands in which function.

Everything that computes an equation is printed from the program; the template
holds the checks at the door and the trainer around it.
"""

from __future__ import annotations

import ast
import keyword
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sympy import Expr, Piecewise, Symbol

from derive import matrix as mx
from derive.forward import SAMPLES, SumsToOne
from derive.functions import Elementwise, X
from derive.index import Tensor
from derive.layout import WIDTH, laid_out, laid_out_statement
from derive.lift import lift
from derive.lower import lowered, with_two_axes
from derive.module_facts import facts
from derive.notation import PSI, Notation
from derive.printers.boxes import Typesetter
from derive.printers.numpy import NumPyPrinter, scalar
from derive.printers.page import Page
from derive.printers.text import text
from derive.program import Assign, Program
from derive.render import fill
from derive.stable import E_POWER, exact_differences, exact_pulls, fused_error, recognise, shift_logs, stable_form

if TYPE_CHECKING:
    from derive.spec import Network

Lines = tuple[str, ...]

#: The minus of formulas, which code checkers take for a misprint of a hyphen.
MINUS = "−"


def module_context(program: Program, notation: Notation, promises: tuple[SumsToOne, ...] = ()) -> dict[str, Any]:
    """What the template of the module needs, as finished lines of Python.

    ``program`` must have been lifted. Each line that computes an equation ends
    with that equation's number.
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
        "gradients": layout.body(layout.needed((*layout.towards_error, *layout.backward)), kept),
        "error_is_array": layout.error_is_array(),
        "updates": tuple(layout.in_place(s) for s in program.stage("update")),
        "one_hot": any(isinstance(promise, SumsToOne) for promise in promises),
        "kept": tuple(layout.name(t) for t in kept),
        "prediction": layout.name(forward[-1].target),
        "error_name": layout.name(layout.error.target),
        "gradient_items": tuple((s.target.about.name, layout.name(s.target)) for s in gradients if s.target.about),
        "parameters": tuple(p.name for p in program.parameters),
        "shapes": tuple((p.name, layout.shape(p)) for p in program.parameters),
        "starts": tuple(layout.start(p) for p in program.parameters),
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
        computed = [self.line(s) for s in statements]
        used = _words(computed)
        at_hand = [t for t in (*self.program.parameters, *values, *self.program.inputs) if t.name in read]
        lines += [self._width(symbol, at_hand) for symbol in self.program.extents if symbol.name in used]
        if SAMPLES.name in used:
            lines.append(f"{SAMPLES} = X.shape[1]")
        return (*lines, *computed)

    def needed(self, statements: tuple[Assign, ...]) -> tuple[Assign, ...]:
        """The statements without those of the error that none of the others reads."""
        found: list[Assign] = []
        for statement in reversed(statements):
            if statement.stage != "error" or any(statement.target.name in _reads(s) for s in found):
                found.append(statement)
        return tuple(reversed(found))

    def line(self, statement: Assign) -> str:
        """``name = code  # (number)``."""
        code = self.printer.code(_form(statement)).text
        return f"{self.name(statement.target)} = {code}  # ({statement.number})"

    def in_place(self, statement: Assign) -> tuple[str, str, str]:
        """For an update: the parameter, its gradient, and the line that changes the parameter's own array."""
        about = statement.target.about
        assert about is not None
        slope = next(s.target for s in self.program.stage("gradient") if s.target.about == about)
        return about.name, self.name(slope), self._in_place(_form(statement), about, statement.number)

    def _in_place(self, form: mx.Node, about: Tensor, number: int) -> str:
        if isinstance(form, mx.Plus) and form.terms[0] == mx.Array(about):
            rest = form.terms[1] if len(form.terms) == 2 else mx.Plus(form.terms[1:])
            sign = "-" if mx.is_negative(rest) else "+"
            code = self.printer.code(mx.without_sign(rest)).text
            return f'parameters["{about.name}"] {sign}= {code}  # ({number})'
        code = self.printer.code(form).text
        return f'parameters["{about.name}"][...] = {code}  # ({number})'

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
        if not _keeps_type(form.value):
            final = f"{final}.astype(x.dtype)"
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

    def start(self, parameter: Tensor) -> dict[str, Any]:
        """How a parameter begins: weights within Glorot's limit, biases at zero."""
        rows, columns = mx.Array(parameter).shape
        augmented = any(axis.start == 0 for axis in parameter.axes)
        inputs = columns - 1 if augmented else columns
        return {
            "name": parameter.name,
            "shape": self.shape(parameter),
            "weight": parameter.role == "weight",
            "fans": scalar(inputs + rows).text,
            "augmented": augmented,
        }

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
        return str(function.summary).replace(MINUS, "-")
    formula = text(Page(Typesetter(PSI.times), PSI, {}).entry(function.definition)).replace(MINUS, "-")
    return f"The derivative of {function.origin}: {formula}" if function.order else f"The activation: {formula}"


def _form(statement: Assign) -> mx.Node:
    if statement.form is None:
        raise ValueError(f"({statement.number}) {statement.target.name} has not been lifted")
    return lowered(statement.form if statement.stage == "error" else with_two_axes(statement.form))


def code_names(program: Program, notation: Notation) -> dict[str, str]:
    """The name of each tensor in code: the notation's, or its own where two would be called alike."""
    wanted = {t.name: notation.code_name(t) for t in program.tensors.values()}
    plain = [t.name for t in program.tensors.values() if t.role != "updated"]
    counts = Counter(wanted[n] for n in plain)
    names = {n: wanted[n] if n not in plain or counts[wanted[n]] == 1 else n for n in wanted}
    return {n: f"{c}_" if c in _RESERVED or keyword.iskeyword(c) else c for n, c in names.items()}


_RESERVED = frozenset({"np", "math", "m", "parameters", "values", "slopes", "before", "Array", "Parameters"})


def _reads(statement: Assign) -> set[str]:
    return mx.arrays_read(_form(statement))


def _words(lines: Iterable[str]) -> set[str]:
    """The names that lines of code hold."""
    return {node.id for line in lines for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Name)}


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


def _keeps_type(value: Expr) -> bool:
    """Whether NumPy computes a value in the type of its argument: not where it chooses between plain numbers."""
    return not isinstance(value, Piecewise) or any(not v.is_number for v, _ in value.args)


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
    network: Network | None = None,
) -> str:
    """Render the module, laid out as a formatter would.

    ``name`` is what it is imported as, ``description`` says which network it is, and
    ``network`` is None if its equations were stated by hand.
    """
    context = module_context(program, notation, promises)
    source = fill(
        "numpy/trainer.py.jinja",
        **{**context, **facts(program, network, context)},
        name=name,
        intro="\n".join(textwrap.wrap(description, WIDTH)),
        core="\n".join(textwrap.wrap(_CORE.format(**context), WIDTH)),
        made=_created(context["widths"]),
    )
    return laid_out(source)


_CORE = (
    "Functional core: samples are columns. X is ({inputs}, m), Y is ({outputs}, m); parameters are a dict of arrays. "
    "`Trainer` takes samples as rows, and is what most users want:"
)


def _created(widths: Iterable[str]) -> Lines:
    """How a trainer is made, for the docstring."""
    given = ", ".join([*(f"{w}=..." for w in widths), "seed=0"])
    return tuple(laid_out_statement(f"trainer = Trainer({given})", WIDTH - 4).split("\n"))


def tests_source(entries: int | None) -> str:
    """Render the tests that stand beside the module; ``entries`` says how many of a parameter they check one by one."""
    return laid_out(fill("numpy/test_trainer.py.jinja", entries=entries))


#: What a generated package offers, as far as its module has it.
_PUBLIC = ("Trainer", "error", "forward", "gradients", "initial_parameters", "initial_state", "update")


def package_source(module: str) -> str:
    """Render the ``__init__.py`` beside a module, given the module's source."""
    defined = {node.name for node in ast.parse(module).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    return laid_out(fill("numpy/__init__.py.jinja", names=tuple(name for name in _PUBLIC if name in defined)))
