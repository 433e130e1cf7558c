"""The equations of a program as lines of NumPy: which line stands in which function of ``network.py``."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, Symbol, erf

from derive.arrays import matrix as mx
from derive.arrays.kinks import kink_nodes
from derive.arrays.lift import ArrayAssign, ArrayProgram, lift
from derive.arrays.lower import array, has_axes, lowered, with_two_axes
from derive.arrays.stability import Stability
from derive.arrays.stable import erfc, form_of, log1p, log1p_ratio
from derive.calculus.functions import Elementwise, X
from derive.calculus.index import SAMPLES, Tensor
from derive.calculus.promises import SumsToOne
from derive.calculus.undefined import may_be_undefined
from derive.learning.initialisations import INITIALISATIONS, INPUTS, UNITS, Initialisation
from derive.paper.boxes import Typesetter
from derive.paper.notation import PSI, Notation
from derive.paper.page import Page
from derive.paper.text import text
from derive.targets.fold import WIDTH, fold, folded
from derive.targets.names import code_names
from derive.targets.numpy.along_code import function_along, with_those_called
from derive.targets.numpy.code import python_number, quoted
from derive.targets.numpy.evaluator import NumPyEvaluator, ignored
from derive.targets.numpy.fast.module import steps_context
from derive.targets.numpy.formula_printer import scalar
from derive.targets.numpy.function_code import body
from derive.targets.numpy.printer import NumPyPrinter
from derive.text.errors import SecondRenderingError

Lines = tuple[str, ...]

#: How many characters of a docstring stand on one line.
DOCSTRING = 77
#: The minus of formulas, which code checkers take for a misprint of a hyphen.
MINUS = "−"
#: The indentation of the body of a function.
STEP = "    "

#: Functions of the module that NumPy has not, each with the class of which they are the code.
_SPECIAL = {"erf": erf, "erfc": erfc, "log1p": log1p, "log1p_ratio": log1p_ratio}


def equations_context(
    program: ArrayProgram,
    notation: Notation,
    promises: tuple[SumsToOne, ...] = (),
    targets: str = "real",
    initialisation: Initialisation = INITIALISATIONS["glorot_uniform"],
    second: bool = True,
) -> dict[str, Any]:
    """What the templates of the equations need, as finished lines of Python.

    ``targets`` is one of ``losses.TARGETS``, and ``initialisation`` says how weights begin.
    Each line that computes an equation ends with that equation's number. Without ``second``,
    there is no second rendering of the steps. Raises SecondRenderingError if that cannot be made.
    """
    layout = _Layout(program, notation, Stability(program, NumPyEvaluator(), promises, signs=targets == "signs"))
    x, y = map(layout.name, program.inputs)
    data = f"parameters: Parameters, {x}: Array, {y}: Array"
    states = tuple((quoted(t.name), quoted(t.about.name) if t.about else "") for t in program.states)
    widths = tuple(layout.codes.widths.values())
    named = f", *, {', '.join(f'{w}: int' for w in widths)}" if widths else ""
    return {
        "helpers": tuple(layout.helpers()),
        **layout.functions_context(),
        "error_is_array": layout.error_is_array(),
        "updates": folded(tuple(layout.update()), STEP),
        "constants": tuple(layout.constants()),
        "states": states,
        "targets": targets,
        "prediction": layout.name(program.prediction),
        "error_name": layout.name(layout.error.target),
        "started": layout.started(initialisation),
        "beginning": {
            "kind": initialisation.kind,
            "words": initialisation.phrase,
            "over": int(initialisation.spread[0] * (3 if initialisation.kind == "uniform" else 1)),
        },
        "starts_signature": fold(f"def initial_parameters(seed: Seed = 0{named}) -> Parameters:"),
        "error_signature": fold(f"def error({data}, values: Parameters) -> Any:"),
        "gradients_signature": fold(f"def gradients({data}, values: Parameters) -> Parameters:"),
        "kinks_signature": fold(f"def kinks({data}, values: Parameters) -> list[Array]:"),
        "update_signature": fold(
            f"def update({data}, learning_rate: float{', state: Parameters' if states else ''}) -> float:"
        ),
        "widths": widths,
        "by_sample": _by_sample(program),
        "is_array": isinstance(_form(layout.predicting), mx.Map | mx.Call),
        "x": x,
        "y": y,
        "inputs": layout.extent(program.inputs[0].axes[0].extent),
        "outputs": layout.extent(program.inputs[1].axes[0].extent),
        "network": _network(program, layout, targets),
        "steps": layout.steps() if second else {"declined": "it could not be made"},
    }


def _network(program: ArrayProgram, layout: _Layout, targets: str) -> dict[str, str]:
    """What the runtime is told of a network: the arguments of its ``Network`` as code."""
    names = layout.codes.tensors
    replaced = [s for s in program.stage("update") if s.target.role == "updated"]
    undefined = [s.number for s in program.statements if may_be_undefined(s.equation.expression)]
    found = {
        "parameters": _dict((p.name, layout.shape(p, quoted)) for p in program.parameters),
        "data": _dict((names[t.name], layout.side(t.axes[0].extent, quoted)) for t in program.inputs),
        "output": quoted(names[program.predicted]),
        "equations": _dict((names[s.target.name], s.number) for s in program.stage("forward", "error", "factor")),
        "gradients": _dict((_about(s).name, s.number) for s in program.stage("gradient")),
        "updates": _dict((_about(s).name, s.number) for s in replaced),
    }
    found |= {"targets": quoted(targets)} if targets != "real" else {}
    found |= {"by_sample": "True"} if _by_sample(program) else {}
    return found | ({"undefined": f"frozenset({{{', '.join(map(str, undefined))}}})"} if undefined else {})


def _by_sample(program: ArrayProgram) -> bool:
    """Whether the first axis of the prediction is that of the samples."""
    axes = program.prediction.axes
    return len(axes) > 1 and axes[0].sample


def _dict(items: Iterable[tuple[str, Any]]) -> str:
    return f"{{{', '.join(f'{quoted(key)}: {value}' for key, value in items)}}}"


def arguments(given: Mapping[str, str]) -> Lines:
    """Arguments of a call, each on lines of its own."""
    found: list[str] = []
    for name, value in given.items():
        *lines, last = fold(f"{name}={value}", STEP, WIDTH - 1)
        found += [line.removeprefix(STEP) for line in (*lines, f"{last},")]
    return tuple(found)


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
        slopes = [s.target for s in self.backward if s.stage == "gradient"]
        as_stored = {t.name: f"slopes[{quoted(t.about.name)}]" for t in slopes if t.about}
        self.in_update = NumPyPrinter({**self.codes.tensors, **as_stored}, self.codes.widths, self.functions)

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
    def predicting(self) -> ArrayAssign:
        """The statement of the prediction."""
        return next(s for s in self.forward if s.target.name == self.program.predicted)

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

    def functions_context(self) -> dict[str, Lines]:
        """The bodies of the functions that compute the equations."""
        kept = [s.target for s in self.forward]
        towards = [self.name(s.target) for s in self.towards_error]
        factors = [self.name(s.target) for s in self.backward if s.stage == "factor"]
        backward = self.needed((*self.towards_error, *self.backward))
        slopes = ((_about(s).name, self.name(s.target)) for s in self.backward if s.stage == "gradient")
        return {
            "forward": self.body(self.forward, (), _put(map(self.name, kept))),
            "error": self.body((*self.towards_error, self.error), kept, _put(towards)),
            "gradients": self.body(backward, kept, (*_put(factors), f"return {_dict(slopes)}")),
            "kinks": self.kinks(kept),
            "predicting": self.body(self._read_of(self.forward, {self.program.predicted}), (), ()),
        }

    def body(self, statements: tuple[ArrayAssign, ...], values: Iterable[Tensor], end: Iterable[str]) -> Lines:
        """The lines of a function that computes ``statements``: what it unpacks, the equations, and the ``end``."""
        read = set().union(*(_reads(s) for s in statements))
        computed = [self.line(s) for s in statements]
        return folded((*self._unpacked(read, words(computed), values), *computed, *end), STEP)

    def _unpacked(self, read: set[str], used: set[str], values: Iterable[Tensor]) -> Lines:
        """The lines that give a name to what is ``read``, and to the sizes that the code has ``used``."""
        stored = [(self.name(p), self._stored(p)) for p in self.program.parameters if p.name in read]
        kept = [(self.name(t), f'values["{self.name(t)}"]') for t in values if t.name in read]
        lines = [*_together(stored), *_together(kept)]
        at_hand = [t for t in (*self.program.parameters, *values, *self.program.inputs) if t.name in read]
        lines += [self._width(symbol, at_hand) for symbol, name in self.codes.widths.items() if name in used]
        if SAMPLES.name in used:
            lines.append(f"{SAMPLES} = {self.name(self.program.inputs[0])}.shape[1]")
        return tuple(lines)

    def kinks(self, values: Iterable[Tensor]) -> Lines:
        """The lines that say on which side of each kink an argument lies; none where there is no kink."""
        places = tuple(kink_nodes(self.program))
        if not places:
            return ()
        read = set().union(*(mx.arrays_read(place) for place in places))
        towards = self._read_of(tuple(self.towards_error), read)
        read |= set().union(*(_reads(s) for s in towards))
        computed = [self.line(s) for s in towards]
        items = [f"np.sign({self.printer.code(lowered(with_two_axes(place))).text})" for place in places]
        unpacked = self._unpacked(read, words([*computed, *items]), values)
        return folded((*unpacked, *computed, f"return [{', '.join(items)}]"), STEP)

    def _read_of(self, statements: tuple[ArrayAssign, ...], read: set[str]) -> tuple[ArrayAssign, ...]:
        """The statements whose targets are read, and those that these read."""
        found: list[ArrayAssign] = []
        wanted = set(read)
        for statement in reversed(statements):
            if statement.target.name in wanted:
                found.append(statement)
                wanted |= _reads(statement)
        return tuple(reversed(found))

    def needed(self, statements: tuple[ArrayAssign, ...]) -> tuple[ArrayAssign, ...]:
        """The statements without those of the error that none of the others reads."""
        found: list[ArrayAssign] = []
        read: set[str] = set()
        for statement in reversed(statements):
            if statement.stage != "error" or statement.target.name in read:
                found.append(statement)
                read |= _reads(statement)
        return tuple(reversed(found))

    def line(self, statement: ArrayAssign) -> str:
        """``name = code  # (number)``."""
        code = self.printer.code(_form(statement)).text
        return f"{self.name(statement.target)} = {code}  # ({statement.number})"

    def update(self) -> Iterator[str]:
        """The lines of a step: what is read of the gradients and the states, and the equations."""
        at_hand: set[str] = set()
        order = {name: position for position, name in enumerate(self.program.tensors)}
        for statement in self.program.stage("update"):
            form = _form(statement)
            target, code = self._in_place(form, statement.target)
            for name in sorted(mx.arrays_read(code or form), key=lambda name: order[name]):
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
            if stored in self.program.states:
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
            code = self.in_update.code(form).text
            return f"{self.name(target)} = {f'float({code})' if target.role == 'square_norm' else code}", None
        place = self._stored(about)
        if isinstance(form, mx.Plus) and form.terms[0] == mx.Array(about):
            rest = form.terms[1] if len(form.terms) == 2 else mx.Plus(form.terms[1:])
            sign = "-" if mx.is_negative(rest) else "+"
            return f"{place} {sign}= {self.in_update.code(mx.without_sign(rest)).text}", rest
        if isinstance(form, mx.Number):
            more = mx.Number(form.value - about.symbol)
            return f"{place} += {self.in_update.code(more).text}", more
        return f"{self.name(about)}[...] = {self.in_update.code(form).text}", None

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
            "overflows": ignored(function.definition, form),
            "lines": folded(body(form, f"  # ({number})"), STEP),
        }

    def shape(self, parameter: Tensor, named: Callable[[str], str] = str) -> str:
        """The shape of a parameter as code, with widths as they are ``named``."""
        return f"({', '.join(self.side(extent, named) for extent in mx.Array(parameter).shape)})"

    def side(self, extent: Expr, named: Callable[[str], str]) -> str:
        """A width as code; one that is no number is ``named``, as the runtime reads it."""
        constant, rest = extent.as_coeff_Add()
        if named is str or not extent.free_symbols:
            return self.extent(extent)
        return named(f"{self.extent(rest)} + {constant}" if constant else self.extent(rest))

    def started(self, initialisation: Initialisation) -> Lines:
        """The lines that return the parameters before the first step; a bias in a column of a weight is zero."""
        parameters = self.program.parameters
        drawn = _dict((p.name, self.start(p, initialisation)) for p in parameters)
        columns = [p for p in parameters if p.role == "weight" and any(axis.start == 0 for axis in p.axes)]
        if not columns or initialisation.variance is None:
            return folded((f"return {drawn}",), STEP)
        zeros = (f"parameters[{quoted(p.name)}][:, 0] = 0" for p in columns)
        return folded((f"parameters = {drawn}", *zeros, "return parameters"), STEP)

    def start(self, parameter: Tensor, initialisation: Initialisation) -> str:
        """How a parameter begins, as code: weights as the initialisation says, biases at zero."""
        rows, columns = mx.Array(parameter).shape
        augmented = any(axis.start == 0 for axis in parameter.axes)
        inputs = columns - 1 if augmented else columns
        shape = self.shape(parameter)
        if parameter.role == "weight" and initialisation.variance is not None:
            fans = initialisation.spread[1].xreplace({INPUTS: inputs, UNITS: rows})
            return f"{initialisation.kind}({self.extent(fans)}, {shape})"
        if parameter.role == "weight" and initialisation.kind == "orthogonal":
            code = f"orthogonal({self.extent(rows)}, {self.extent(inputs)})"
            return f"np.hstack([np.zeros(({self.extent(rows)}, 1)), {code}])" if augmented else code
        return f"np.zeros({shape})"

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


def _about(statement: ArrayAssign) -> Tensor:
    """What a gradient or an update is that of."""
    assert statement.target.about is not None
    return statement.target.about


def _put(names: Iterable[str]) -> Lines:
    """The line that puts tensors into ``values``, if there are any."""
    items = _dict((name, name) for name in names)
    return () if items == "{}" else (f"values |= {items}",)


def _together(items: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Assignments side by side, as many on a line as it has room for."""
    names: list[str] = []
    values: list[str] = []
    for name, value in items:
        line = f"{STEP}{', '.join([*names, name])} = {', '.join([*values, value])}"
        if names and len(line) > WIDTH:
            yield f"{', '.join(names)} = {', '.join(values)}"
            names, values = [], []
        names.append(name)
        values.append(value)
    if names:
        yield f"{', '.join(names)} = {', '.join(values)}"


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
        "overflows": "",
        "lines": folded(code.lines, STEP),
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


def _reads(statement: ArrayAssign) -> frozenset[str]:
    return mx.arrays_read(_form(statement))


def words(lines: Iterable[str]) -> set[str]:
    """The names that lines of code hold."""
    text = "".join(f"    {line}\n" for line in lines)
    return {node.id for node in ast.walk(ast.parse(f"def body():\n{text or '    pass'}")) if isinstance(node, ast.Name)}


def _walk(node: mx.Node) -> Iterable[mx.Node]:
    yield node
    for child in mx.children(node):
        yield from _walk(child)


def _is_elementwise(function: Any) -> bool:
    return isinstance(function, type) and issubclass(function, Elementwise)
