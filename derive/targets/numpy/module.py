"""The NumPy module: which line stands in which function.

Everything that computes an equation is printed from the program; the template
holds the checks at the door and the trainer around it.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sympy import Expr, Symbol, erf

from derive.arrays import matrix as mx
from derive.arrays.kinks import kink_nodes
from derive.arrays.lift import ArrayAssign, ArrayProgram, lift
from derive.arrays.lower import array, has_axes, lowered, with_two_axes
from derive.arrays.stable import erfc, log1p, log1p_ratio
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import SAMPLES, Tensor
from derive.calculus.promises import SumsToOne
from derive.calculus.undefined import may_be_undefined
from derive.files.templates import fill
from derive.learning.initialisations import INITIALISATIONS, INPUTS, UNITS, Initialisation
from derive.paper.boxes import Typesetter
from derive.paper.notation import PSI, Notation
from derive.paper.page import Page
from derive.paper.text import text
from derive.targets.layout import WIDTH, laid_out, laid_out_statement
from derive.targets.module_check import require_module
from derive.targets.names import code_names
from derive.targets.numpy.along_code import function_along, with_those_called
from derive.targets.numpy.entrywise import ignored
from derive.targets.numpy.facts import facts
from derive.targets.numpy.fast.module import steps_context
from derive.targets.numpy.function_code import body, form_of, with_powers
from derive.targets.numpy.printer import NumPyPrinter, python_number, quoted, scalar
from derive.targets.numpy.stability import Stability
from derive.text.errors import SecondRenderingError

if TYPE_CHECKING:
    from derive.statement.network import Network

Lines = tuple[str, ...]

#: How many characters of a docstring stand on one line.
DOCSTRING = 77
#: The minus of formulas, which code checkers take for a misprint of a hyphen.
MINUS = "−"

#: Functions of the module that NumPy has not, each with the class of which they are the code.
_SPECIAL = {"erf": erf, "erfc": erfc, "log1p": log1p, "log1p_ratio": log1p_ratio}


def module_context(
    program: ArrayProgram,
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
    layout = _Layout(program, notation, Stability(program, promises, signs=targets == "signs"))
    forward, error = layout.forward, (*layout.towards_error, layout.error)
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
        "factors": tuple(layout.name(s.target) for s in layout.backward if s.stage == "factor"),
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
        "steps": layout.steps() if second else {"declined": "it could not be made"},
    }


def _numbered(program: ArrayProgram, names: Mapping[str, str]) -> dict[str, Any]:
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


@dataclass(frozen=True)
class _Computed:
    """A statement as it is computed; ``needed`` says that as it is stated it would overflow."""

    statement: ArrayAssign
    needed: bool = False


class _Layout:
    """Prints the statements of one program as lines of code."""

    def __init__(self, program: ArrayProgram, notation: Notation, stability: Stability) -> None:
        self.program = program
        self.forms = {s.number: self._computed(s, stability) for s in program.statements}
        self.codes = code_names(program, notation)
        alive = _still_read(tuple(self.forms[s.number].statement for s in program.statements), program.predicted)
        self.forward = _stage(alive, "forward")
        *self.towards_error, self.error = _stage(alive, "error")
        self.backward = _stage(alive, "factor", "gradient")
        self.functions = {f: self.codes.functions.fresh(f.title) for f in self._numbered_functions()}
        self.printer = NumPyPrinter(self.codes.tensors, self.codes.widths, self.functions)

    def _computed(self, statement: ArrayAssign, stability: Stability) -> _Computed:
        """The statement in the form that is computed."""
        found = None if statement.stage == "update" else stability.computed(statement)
        if found is None or found.equation == statement.equation:
            return _Computed(statement)
        form = lift(found.equation, self.program.tensors)
        return _Computed(replace(statement, equation=found.equation, form=form), found.needed)

    def name(self, tensor: Tensor) -> str:
        """The name of a tensor in code."""
        return self.codes.tensors[tensor.name]

    def extent(self, value: Expr) -> str:
        """A width, or a formula of widths, as code."""
        return scalar(self.codes.in_code(value)).text

    @property
    def computed(self) -> tuple[ArrayAssign, ...]:
        """The statements of the functional core, as they are computed, without the update."""
        return (*self.forward, *self.towards_error, self.error, *self.backward)

    def _numbered_functions(self) -> dict[Any, int]:
        """The elementwise functions of the module, each with the number of its equation."""
        numbers = {d.function: d.number for d in self.program.definitions}
        for statement in self.computed:
            for node in _walk(_form(statement)):
                if isinstance(node, mx.Map) and _is_elementwise(node.function):
                    numbers.setdefault(node.function, statement.number)
        return numbers

    @property
    def in_steps(self) -> tuple[ArrayAssign, ...]:
        """The statements for the second rendering: as they are stated, unless something in them would overflow.

        An optimizer with a state may divide by the size of the gradient, which must then be
        right to its own last digits, not to those of the largest one.
        """
        exact = {s.number for s in self.backward} if self.program.states else set()
        computed = ((s, self.forms[s.number]) for s in self.program.statements)
        chosen = tuple(c.statement if c.needed or s.number in exact else s for s, c in computed)
        return _still_read(chosen, self.program.predicted)

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

    def body(self, statements: tuple[ArrayAssign, ...], values: Iterable[Tensor] = ()) -> Lines:
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
        towards = self._read_of(tuple(self.towards_error), read)
        read |= set().union(*(_reads(s) for s in towards))
        computed = [self.line(s) for s in towards]
        items = [self.printer.code(lowered(with_two_axes(place))).text for place in places]
        return (*self._unpacked(read, _words([*computed, *items]), values), *computed), tuple(items)

    def _read_of(self, statements: tuple[ArrayAssign, ...], read: set[str]) -> tuple[ArrayAssign, ...]:
        """The statements whose targets are read, and those that these read."""
        found: list[ArrayAssign] = []
        for statement in reversed(statements):
            if statement.target.name in read.union(*(_reads(s) for s in found)):
                found.append(statement)
        return tuple(reversed(found))

    def needed(self, statements: tuple[ArrayAssign, ...]) -> tuple[ArrayAssign, ...]:
        """The statements without those of the error that none of the others reads."""
        found: list[ArrayAssign] = []
        for statement in reversed(statements):
            if statement.stage != "error" or any(statement.target.name in _reads(s) for s in found):
                found.append(statement)
        return tuple(reversed(found))

    def line(self, statement: ArrayAssign) -> str:
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
        values = [form_of(function).value for function in numbers]
        for name, kind in _SPECIAL.items():
            if any(value.has(kind) for value in values):
                yield {"call": name, "slope": _slope_of_erf(name) if kind in (erf, erfc) else ""}
        calls = {n.name for s in self.computed for n in _walk(_form(s)) if isinstance(n, mx.Call)}
        for name in sorted(with_those_called(calls)):
            yield _helper_along(name)

    def _helper(self, function: Any, number: int) -> dict[str, Any]:
        form = form_of(function)
        return {
            "call": None,
            "function": function,
            "name": self.functions[function],
            "signature": ", ".join(f"{s}: Array" for s in (X, *function.others)),
            "what": _as_docstring(f"{_described(function)}."),
            "rearranged": form.rate is not None,
            "power": with_powers(form),
            "overflows": ignored(function.definition, form),
            "lines": body(form, f"  # ({number})"),
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


def _stage(statements: Iterable[ArrayAssign], *names: str) -> tuple[ArrayAssign, ...]:
    return tuple(s for s in statements if s.stage in names)


def _still_read(statements: tuple[ArrayAssign, ...], predicted: str) -> tuple[ArrayAssign, ...]:
    """The statements without those that nothing reads any more; the prediction, the error and all after stay."""
    error = _stage(statements, "error")[-1]
    found: list[ArrayAssign] = []
    read = {predicted, error.target.name}
    for statement in reversed(statements):
        if statement.stage in ("gradient", "update") or statement.target.name in read:
            found.append(statement)
            read |= _reads(statement)
    return tuple(reversed(found))


def _helper_along(name: str) -> dict[str, Any]:
    code = function_along(name)
    return {
        "call": None,
        "name": name,
        "signature": ", ".join(f"{a}: Array" for a in code.arguments),
        "what": _as_docstring(code.what),
        "rearranged": False,
        "overflows": "",
        "lines": code.lines,
    }


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


def _form(statement: ArrayAssign) -> mx.Node:
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


def _reads(statement: ArrayAssign) -> set[str]:
    return mx.arrays_read(_form(statement))


def _words(lines: Iterable[str]) -> set[str]:
    """The names that lines of code hold."""
    return {node.id for line in lines for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Name)}


def _walk(node: mx.Node) -> Iterable[mx.Node]:
    yield node
    for child in mx.children(node):
        yield from _walk(child)


def _is_elementwise(function: Any) -> bool:
    return isinstance(function, type) and issubclass(function, Elementwise)


class Rendered(NamedTuple):
    """The text of a module, and the elementwise functions in it by their names there."""

    source: str
    functions: dict[str, Any]


def module_source(
    program: ArrayProgram,
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
    functions = {h["name"]: h["function"] for h in context["helpers"] if "function" in h}
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
