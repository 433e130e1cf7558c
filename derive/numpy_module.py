"""The NumPy module: which line stands in which function.

Everything that computes an equation is printed from the program; the template
holds the checks at the door and the trainer around it.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sympy import Abs, Expr, Piecewise, Symbol, erf, exp, oo, preorder_traversal

from derive import matrix as mx
from derive.code_names import code_names
from derive.exact import (
    exact_differences,
    exact_margins,
    exact_pulls,
    fused_error,
    fused_slopes,
    recognise,
    shift_logs,
)
from derive.faults import SecondRenderingError
from derive.forward import SAMPLES, SumsToOne
from derive.functions import Elementwise, X
from derive.index import Tensor
from derive.initialisations import INITIALISATIONS, INPUTS, UNITS, Initialisation
from derive.kinks import kink_nodes
from derive.layout import WIDTH, laid_out, laid_out_statement
from derive.lift import lift
from derive.lower import array, has_axes, lowered, with_two_axes
from derive.module_check import require_module
from derive.module_facts import facts
from derive.notation import PSI, Notation
from derive.printers.boxes import Typesetter
from derive.printers.numpy import NumPyPrinter, python_number, quoted, scalar
from derive.printers.page import Page
from derive.printers.text import text
from derive.program import Assign, Program
from derive.render import fill
from derive.stable import E_LESS_ONE, E_NEAR, E_POWER, StableForm, erfc, log1p_ratio, stable_form
from derive.straight.module import steps_context
from derive.undefined import may_be_undefined

if TYPE_CHECKING:
    from derive.spec import Network

Lines = tuple[str, ...]

#: How many characters of a docstring stand on one line.
DOCSTRING = 77
#: The minus of formulas, which code checkers take for a misprint of a hyphen.
MINUS = "−"

#: The exponent of a rearranged form, where it is not x itself.
_INNER = Symbol("u", real=True)
#: Functions of the module that NumPy has not, each with the class of which they are the code.
_SPECIAL = {"erf": erf, "erfc": erfc, "log1p_ratio": log1p_ratio}


def module_context(
    program: Program,
    notation: Notation,
    promises: tuple[SumsToOne, ...] = (),
    targets: str = "real",
    initialisation: Initialisation = INITIALISATIONS["glorot_uniform"],
    second: bool = True,
) -> dict[str, Any]:
    """What the template of the module needs, as finished lines of Python.

    ``program`` must have been lifted; ``targets`` is one of ``losses.TARGETS``, and
    ``initialisation`` says how weights begin. Each line that computes an equation ends with
    that equation's number. Without ``second``, there is no second rendering of the steps.
    Raises SecondRenderingError if that cannot be made.
    """
    layout = _Layout(program, notation, targets)
    forward, error = program.stage("forward"), (*layout.towards_error, layout.error)
    gradients = program.stage("gradient")
    kept = [s.target for s in forward]
    x, y = program.inputs
    return {
        "helpers": tuple(layout.helpers()),
        "forward": layout.body(forward),
        "error": layout.body(error, kept),
        "gradients": layout.body(layout.needed((*layout.towards_error, *layout.backward)), kept),
        "error_is_array": layout.error_is_array(),
        "updates": tuple(layout.update()),
        "constants": tuple(layout.constants()),
        "states": tuple((quoted(t.name), quoted(t.about.name) if t.about else "") for t in program.states),
        "one_hot": any(isinstance(promise, SumsToOne) for promise in promises),
        "targets": targets,
        "kept": tuple(layout.name(t) for t in kept),
        "prediction": layout.name(program.prediction),
        "error_values": tuple(layout.name(s.target) for s in layout.towards_error),
        "factors": tuple(layout.name(s.target) for s in program.stage("factor")),
        "kinks": layout.kinks(kept),
        "error_name": layout.name(layout.error.target),
        "gradient_items": tuple(
            (quoted(s.target.about.name), layout.name(s.target)) for s in gradients if s.target.about
        ),
        "parameters": tuple(quoted(p.name) for p in program.parameters),
        "shapes": tuple((quoted(p.name), layout.shape(p)) for p in program.parameters),
        "starts": tuple(layout.start(p, initialisation) for p in program.parameters),
        "beginning": {
            "kind": initialisation.kind,
            "words": initialisation.phrase,
            "over": int(initialisation.spread[0] * (3 if initialisation.kind == "uniform" else 1)),
        },
        "sizes": tuple(layout.sizes()),
        "widths": tuple(layout.codes.widths.values()),
        "x": layout.name(x),
        "y": layout.name(y),
        "inputs": layout.extent(x.axes[0].extent),
        "outputs": layout.extent(y.axes[0].extent),
        **_numbered(program, layout.codes.tensors),
        "steps": layout.steps() if second else None,
    }


def _numbered(program: Program, names: Mapping[str, str]) -> dict[str, Any]:
    """The numbers of the equations, by the names of what they compute or replace."""
    replaced = [s for s in program.stage("update") if s.target.role == "updated"]
    return {
        "equations": tuple((names[s.target.name], s.number) for s in program.stage("forward", "error", "factor")),
        "gradient_equations": tuple(
            (s.target.about.name, names[s.target.name], s.number) for s in program.stage("gradient") if s.target.about
        ),
        "update_equations": tuple((s.target.about.name, s.number) for s in replaced if s.target.about),
        "undefined": tuple(s.number for s in program.statements if may_be_undefined(s.equation.expression)),
    }


class _Layout:
    """Prints the statements of one program as lines of code."""

    def __init__(self, program: Program, notation: Notation, targets: str) -> None:
        self.program = program
        self.signs = targets == "signs"
        self.stated = {s.target.name: s.equation for s in program.stage("forward")}
        self.codes = code_names(program, notation)
        *towards_error, statement = program.stage("error")
        self.outputs = {s.target.name: s.form for s in program.stage("forward") if s.form is not None}
        self.towards_error = tuple(self._exact(s) for s in towards_error)
        self.error = self._exact(self._stable_error(statement))
        self.backward = tuple(self._exact(s) for s in program.stage("factor", "gradient"))
        self.functions = {f: self.codes.functions.fresh(f.title) for f in self._numbered_functions()}
        self.printer = NumPyPrinter(self.codes.tensors, self.codes.widths, self.functions)

    def name(self, tensor: Tensor) -> str:
        """The name of a tensor in code."""
        return self.codes.tensors[tensor.name]

    def extent(self, value: Expr) -> str:
        """A width, or a formula of widths, as code."""
        return scalar(self.codes.in_code(value)).text

    @property
    def computed(self) -> tuple[Assign, ...]:
        """The statements of the functional core, as they are computed, without the update."""
        return (*self.program.stage("forward"), *self.towards_error, self.error, *self.backward)

    def _numbered_functions(self) -> dict[Any, int]:
        """The elementwise functions of the module, each with the number of its equation."""
        numbers = {d.function: d.number for d in self.program.definitions}
        for statement in self.computed:
            for node in _walk(_form(statement)):
                if isinstance(node, mx.Map) and _is_elementwise(node.function):
                    numbers.setdefault(node.function, statement.number)
        return numbers

    def _exact(self, statement: Assign) -> Assign:
        """The statement as it is computed: differences from the pre-activation where an output rounds."""
        equation = fused_slopes(statement.equation, self.stated)
        form = statement.form if equation == statement.equation else recognise(lift(equation, self.program.tensors))
        assert form is not None
        differences = exact_differences(exact_margins(form) if self.signs else form, self.outputs)
        return replace(statement, form=exact_pulls(differences, self.outputs))

    @property
    def in_steps(self) -> tuple[Assign, ...]:
        """The statements for the second rendering: as they are stated, unless something in them would overflow.

        An optimizer with a state may divide by the size of the gradient, which must then be
        right to its own last digits, not to those of the largest one.
        """
        last = self.program.stage("error")[-1]
        exact = {s.number: s for s in self.backward} if self.program.states else {}
        stated = (exact.get(s.number, s) for s in self.program.statements)
        return tuple(self.error if s is last and self._overflows(s) else self._safe(s) for s in stated)

    def _overflows(self, error: Assign) -> bool:
        return self.error.equation != error.equation

    def _safe(self, statement: Assign) -> Assign:
        equation = fused_slopes(statement.equation, self.stated)
        if equation == statement.equation or statement in self.backward:
            return statement
        return replace(statement, equation=equation, form=recognise(lift(equation, self.program.tensors)))

    def steps(self) -> dict[str, Any]:
        """The second rendering of the steps."""
        try:
            return steps_context(self.program, self.codes, self.functions, self.in_steps, self.size_lines)
        except Exception as problem:
            what = f"the second rendering of the steps cannot be made: {type(problem).__name__}: {problem}"
            raise SecondRenderingError(what) from problem

    def error_is_array(self) -> bool:
        """Whether the error is computed with an array of one entry, and so is one itself."""
        form = _form(self.error)
        read = (t for t in self.program.tensors.values() if not t.axes and t.name in mx.arrays_read(form))
        return has_axes(form) or any(t not in self.program.scalars and t.role != "penalty" for t in read)

    def _stable_error(self, statement: Assign) -> Assign:
        """The error as it is computed: from the pre-activation where a logarithm would overflow."""
        equation = fused_error(statement.equation, self.stated)
        form = shift_logs(recognise(lift(equation, self.program.tensors)))
        return replace(statement, equation=equation, form=form)

    def body(self, statements: tuple[Assign, ...], values: Iterable[Tensor] = ()) -> Lines:
        """The lines of a function that computes ``statements``: what it unpacks, then the equations."""
        read = set().union(*(_reads(s) for s in statements))
        computed = [self.line(s) for s in statements]
        return (*self._unpacked(read, _words(computed), values), *computed)

    def _unpacked(self, read: set[str], used: set[str], values: Iterable[Tensor]) -> Lines:
        """The lines that give a name to what is ``read``, and to the sizes that the code has ``used``."""
        lines = [f"{self.name(p)} = {self._stored(p)}" for p in self.program.parameters if p.name in read]
        lines += [f'{self.name(t)} = values["{self.name(t)}"]' for t in values if t.name in read]
        at_hand = [t for t in (*self.program.parameters, *values, *self.program.inputs) if t.name in read]
        lines += [self._width(symbol, at_hand) for symbol, name in self.codes.widths.items() if name in used]
        if SAMPLES.name in used:
            lines.append(f"{SAMPLES} = {self.name(self.program.inputs[0])}.shape[1]")
        return tuple(lines)

    def kinks(self, values: Iterable[Tensor]) -> tuple[Lines, Lines]:
        """The lines that prepare what functions are applied to less where their formula changes, and each of these."""
        places = tuple(kink_nodes(self.program))
        read = set().union(*(mx.arrays_read(place) for place in places))
        towards = self._read_of(self.towards_error, read)
        read |= set().union(*(_reads(s) for s in towards))
        computed = [self.line(s) for s in towards]
        items = [self.printer.code(lowered(with_two_axes(place))).text for place in places]
        return (*self._unpacked(read, _words([*computed, *items]), values), *computed), tuple(items)

    def _read_of(self, statements: tuple[Assign, ...], read: set[str]) -> tuple[Assign, ...]:
        """The statements whose targets are read, and those that these read."""
        found: list[Assign] = []
        for statement in reversed(statements):
            if statement.target.name in read.union(*(_reads(s) for s in found)):
                found.append(statement)
        return tuple(reversed(found))

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
                yield f"{name} = slopes[{quoted(stored.about.name)}]"
            elif stored in self.program.states:
                plain = stored.about is None and not stored.axes
                yield f"{name} = {self._stored(stored)}{'.item()' if plain else ''}"
            elif stored in self.program.parameters:
                yield f"{name} = {self._stored(stored)}"

    def _stored(self, tensor: Tensor) -> str:
        """A parameter or a state where it is kept, by the name that its user gave it."""
        return f"{'state' if tensor in self.program.states else 'parameters'}[{quoted(tensor.name)}]"

    def _in_place(self, form: mx.Node, target: Tensor) -> tuple[str, mx.Node | None]:
        """The line that computes an update, and what it reads if that is not all of the form.

        What is replaced keeps its array.
        """
        about = target.about
        if target.role != "updated" or about is None:
            code = self.printer.code(form).text
            return f"{self.name(target)} = {f'float({code})' if target.role == 'square_norm' else code}", None
        place = self._stored(about)
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
            yield self.codes.tensors[name], python_number(value).text

    def helpers(self) -> Iterator[dict[str, Any]]:
        """The elementwise functions at the head of the module, then what they call."""
        numbers = self._numbered_functions()
        for function, number in numbers.items():
            yield self._helper(function, number)
        values = [_stable(function).value for function in numbers]
        for name, kind in _SPECIAL.items():
            if any(value.has(kind) for value in values):
                yield {"call": name, "slope": "" if name == "log1p_ratio" else _slope_of_erf(name)}
        calls = {n.name for s in self.computed for n in _walk(_form(s)) if isinstance(n, mx.Call)}
        calls |= {"softmax"} if "softmax_pull" in calls else set()
        for name in sorted(calls):
            yield {"call": name}

    def _helper(self, function: Any, number: int) -> dict[str, Any]:
        form = _stable(function)
        cases, final = _cases(form.value)
        value = f"{final}  # ({number})"
        # the types of np.where and of quotients are only known to NumPy once they are stated
        last = [f"return {value}"] if form.value == X else [f"result: Array = {value}", "return result"]
        return {
            "call": None,
            "function": function,
            "name": self.functions[function],
            "signature": ", ".join(f"{s}: Array" for s in (X, *function.others)),
            "what": _as_docstring(f"{_described(function)}."),
            "rearranged": form.rate is not None,
            "power": _with_powers(form),
            "overflows": any(power.args[0].subs(X, end) == oo for power in form.value.atoms(exp) for end in (oo, -oo)),
            "lines": (*_power_lines(form), *cases, *last),
        }

    def shape(self, parameter: Tensor) -> str:
        rows, columns = map(self.extent, mx.Array(parameter).shape)
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
            code = f"{initialisation.kind}({self.extent(fans)}, {shape})"
        elif parameter.role == "weight" and initialisation.kind == "orthogonal":
            code = f"orthogonal({self.extent(rows)}, {self.extent(inputs)})"
            code = f"np.hstack([np.zeros(({self.extent(rows)}, 1)), {code}])" if augmented else code
        drawn = parameter.role == "weight" and initialisation.variance is not None
        return {"name": quoted(parameter.name), "code": code, "biased": augmented and drawn}

    def sizes(self) -> Iterator[tuple[str, str]]:
        """Where each named width is read off: the first parameter that has it along an axis."""
        yield from zip(self.codes.widths.values(), self.size_lines(self.codes.widths), strict=True)

    def size_lines(self, widths: Mapping[Symbol, str]) -> Lines:
        """The same lines alone, with other names for the widths."""
        return tuple(next(self._size_line(symbol, widths)) for symbol in widths)

    def _width(self, symbol: Symbol, at_hand: list[Tensor]) -> str:
        """Where a named width is read off among the arrays at hand."""
        for tensor in at_hand:
            for side, extent in enumerate(mx.Array(tensor).shape):
                if extent == symbol:
                    return f"{self.codes.widths[symbol]} = {self.name(tensor)}.shape[{side}]"
        return next(self._size_line(symbol, self.codes.widths))

    def _size_line(self, symbol: Symbol, widths: Mapping[Symbol, str]) -> Iterator[str]:
        for parameter in self.program.parameters:
            for side, extent in enumerate(mx.Array(parameter).shape):
                if extent.has(symbol):
                    less = f" - {self.extent(extent - symbol)}" if extent != symbol else ""
                    yield f"{widths[symbol]} = {self._stored(parameter)}.shape[{side}]{less}"


def _stable(function: Any) -> StableForm:
    form: StableForm = function.form or stable_form(function.definition)
    return form


def _power_lines(form: StableForm) -> Iterator[str]:
    """The lines that compute e, or e - 1, from an exponent that is never positive."""
    if form.rate is None:
        return
    inner = X if form.inner == X else _INNER
    if inner != X:
        yield f"{inner} = {scalar(form.inner).text}"
    up, down = (scalar(sign * form.rate * inner).text for sign in (-1, 1))
    exponent = f"np.where({X}.real >= 0, {up}, {down})"
    if form.value.has(E_POWER, E_NEAR):
        yield f"{E_POWER} = np.exp({exponent})"
    if form.value.has(E_LESS_ONE):
        yield f"{E_LESS_ONE} = np.expm1({exponent})"
    if form.value.has(E_NEAR):
        yield f"{E_NEAR} = {scalar(Piecewise((E_POWER, Abs(X) < 1), (1, True))).text}"


def _with_powers(form: StableForm) -> str:
    """What e and d stand for, for the docstring."""
    if form.rate is None:
        return ""
    power = f"exp(-{'' if form.rate == 1 else f'{form.rate} * '}|{X if form.inner == X else _INNER}|)"
    named = [f"{E_POWER} = {power}"] if form.value.has(E_POWER, E_NEAR) else []
    named += [f"{E_LESS_ONE} = {power} - 1"] if form.value.has(E_LESS_ONE) else []
    return " and ".join(named)


def _slope_of_erf(name: str) -> str:
    """The slope of erf or erfc at the real part of x, as SymPy differentiates it."""
    slope = (erf(X) if name == "erf" else 1 - erf(X)).diff(X)
    return scalar(slope.xreplace({X: Symbol(f"{X}.real", real=True)})).text


def _as_docstring(text: str) -> str:
    """A sentence with a formula: the formula below it, where both do not fit on one line."""
    if len(text) <= DOCSTRING:
        return text
    words, _, formula = text.partition(": ")
    if not formula:
        return "\n    ".join(textwrap.wrap(text, DOCSTRING))
    rest = "\n    ".join(textwrap.wrap(formula, DOCSTRING))
    return f"{words}.\n\n    {rest}"


def _described(function: Any) -> str:
    """What an elementwise function is, for its docstring."""
    if function.summary:
        return str(function.summary).replace(MINUS, "-")
    formula = text(Page(Typesetter(PSI.times), PSI, {}).formula(function.definition)).replace(MINUS, "-")
    if function.order:
        return f"The derivative of {function.origin}: {formula}"
    if function.role == "loss":
        return f"What the loss {function.label} does to one entry: {formula}"
    return f"The activation{'' if function.label == function.title else f' {function.label}'}: {formula}"


def _form(statement: Assign) -> mx.Node:
    if statement.form is None:
        raise ValueError(f"({statement.number}) {statement.target.name} has not been lifted")
    if statement.stage == "update":
        return lowered(_summed_at_once(statement.form))
    if statement.stage == "error":
        return lowered(statement.form)
    return array(lowered(with_two_axes(statement.form)))


def _summed_at_once(node: mx.Node) -> mx.Node:
    """The same with every sum that comes to one number as a sum of all entries."""
    operands = tuple(_summed_at_once(c) for c in mx.children(node))
    return (
        mx.SumOver(operands[0], None)
        if isinstance(node, mx.SumOver) and node.shape == (1, 1)
        else (mx.rebuilt(node, operands))
    )


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
    choice = next((node for node in preorder_traversal(value) if isinstance(node, Piecewise)), None)
    if choice is None or len(code) <= 70:
        return [], code
    by_size = choice.args[0][1].lhs.has(Abs)
    names = [Symbol(n) for n in (("near", "far") if by_size else ("above", "below", "between"))]
    lines = [f"{n} = {scalar(v).text}" for n, (v, _) in zip(names, choice.args, strict=False)]
    chosen = Piecewise(*((n, c) for n, (_, c) in zip(names, choice.args, strict=False)))
    return lines, scalar(value.xreplace({choice: chosen})).text


def _is_elementwise(function: Any) -> bool:
    return isinstance(function, type) and issubclass(function, Elementwise)


class Rendered(NamedTuple):
    """The text of a module, and the elementwise functions in it by their names there."""

    source: str
    functions: dict[str, Any]


def module_source(
    program: Program,
    notation: Notation,
    promises: tuple[SumsToOne, ...],
    name: str,
    description: str,
    network: Network | None = None,
    targets: str = "real",
    initialisation: str = "glorot_uniform",
    second: bool = True,
) -> Rendered:
    """Render the module, laid out as a formatter would.

    ``name`` is what it is imported as, ``description`` says which network it is, and
    ``network`` is None if its equations were stated by hand. Without ``second``, it can be
    read but not trained: there is no second rendering of the steps. Raises
    ModuleError if what was rendered is no module, SecondRenderingError if that rendering cannot be made.
    """
    context = module_context(program, notation, promises, targets, INITIALISATIONS[initialisation], second)
    source = fill(
        "numpy/trainer.py.jinja",
        **{**context, **facts(program, network, context)},
        name=name,
        intro="\n".join(textwrap.wrap(description, WIDTH)),
        core="\n".join(textwrap.wrap(_CORE.format(**context), WIDTH)),
        made=_created(context["widths"]),
    )
    require_module(source)
    functions = {h["name"]: h["function"] for h in context["helpers"] if h["call"] is None}
    return Rendered(laid_out(source), functions)


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
