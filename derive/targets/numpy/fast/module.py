"""What the template of the second rendering needs, as finished lines of Python."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sympy import Add, Expr, Integer, Symbol

from derive.arrays.lift import ArrayAssign, ArrayProgram
from derive.calculus.index import Tensor
from derive.targets.fold import folded
from derive.targets.names import CodeNames
from derive.targets.numpy.fast.accepted import require
from derive.targets.numpy.fast.arrays import arrays, can_put_off
from derive.targets.numpy.fast.code import ALL, VIEWS, setup_lines
from derive.targets.numpy.fast.elementwise import NotStraight
from derive.targets.numpy.fast.forms import FLAT
from derive.targets.numpy.fast.instructions import Instruction
from derive.targets.numpy.fast.lines import LIMIT, LIMIT_FLOAT32, Straight, line_of, straight
from derive.targets.numpy.fast.scalars import CALL, Scalars, scalars

Lines = tuple[str, ...]

#: The indentation of a function's body, of that of a function in it, and of a loop there.
_BODY, _INNER, _LOOP = "    ", "        ", "            "


def steps_context(
    program: ArrayProgram,
    codes: CodeNames,
    functions: Mapping[Any, str],
    statements: tuple[ArrayAssign, ...],
    sizes: Callable[[Mapping[Symbol, str]], Lines],
) -> dict[str, Any]:
    """The holes of the template of the steps.

    ``statements`` are the program's, each in a form that is safe to compute; ``sizes`` makes
    the lines that read off the widths, with the names that these are to have. Where the
    program has no second rendering, ``declined`` says what it met.
    """
    try:
        return {"declined": "", **_straight_context(program, codes, functions, statements, sizes)}
    except NotStraight as reason:
        return {"declined": str(reason)}


def _straight_context(
    program: ArrayProgram,
    codes: CodeNames,
    functions: Mapping[Any, str],
    statements: tuple[ArrayAssign, ...],
    sizes: Callable[[Mapping[Symbol, str]], Lines],
) -> dict[str, Any]:
    """The holes of ``numpy/steps.py.jinja``."""
    lines = tuple(map(line_of, statements))
    require(lines, program)
    made = straight(program, lines)
    code = _straight_line(made, program, codes, functions, sizes)
    later = _straight_line(made, program, codes, functions, sizes, put_off=True) if can_put_off(made, program) else None
    one = scalars(made, program, codes.tensors)
    if one is not None and one.cost > code["calls"] * CALL:
        one = None
    return {
        "arrays": code,
        "put_off": later,
        "scalars": one,
        **({} if one is None else _of_one(one, program)),
        "notes": tuple(_notes(made, code, one, later is not None)),
        "limit": LIMIT,
        "limit_float32": LIMIT_FLOAT32,
        "careful": code["guarded"] or one is not None,
        "ones": {None: "", -1: "last", 0: "first"}[code["input_ones"]],
        "calls": code["calls"],
    }


def _of_one(one: Scalars, program: ArrayProgram) -> dict[str, Lines]:
    """The lines of the steps for batches of one sample."""
    number, learned = program.stage("error")[-1].number, ", ".join(one.learned)
    return {
        "unpacked": folded((f"({learned},) = learned",), _BODY),
        "packed": folded((f"learned = [{learned}]",), _BODY),
        "scalar_setup": folded(one.setup, _BODY),
        "scalar_loop": folded((*one.loop, f"append({one.error})  # ({number})", *one.after), _LOOP),
    }


def _straight_line(
    made: Straight,
    program: ArrayProgram,
    codes: CodeNames,
    functions: Mapping[Any, str],
    sizes: Callable[[Mapping[Symbol, str]], Lines],
    put_off: bool = False,
) -> dict[str, Any]:
    """Finished lines of one straight line of code, and what is known of it."""
    code, widths = arrays(made, program, codes, functions, put_off)
    setup, batch = setup_lines(code)
    read = code.named(code.loop)
    made_of = {source.each for source in batch.values()}
    listed = {name: source for name, source in batch.items() if name in read | made_of}
    views = [f"{n}{VIEWS} = {f'list({s.text})' if s.text == f'{n}{ALL}' else s.text}" for n, s in listed.items()]
    return {
        "widths": sizes(widths),
        "setup": folded((*(f"{name} = np.{name}" for name in code.functions), *setup, *views), _BODY),
        "batches": _batches([n for n in listed if n in read], code.guarded),
        "load": _lines(code.load),
        "store": _lines(code.store),
        "rates": _lines(code.rates) or ("pass",),
        "before": _lines(code.before),
        "loop": _lines(code.loop, _LOOP),
        "behind": _lines(code.behind),
        "after": (*_lines(code.after), f"return {code.errors}"),
        "guarded": code.guarded,
        "input_ones": code.input_ones,
        "calls": code.calls,
        "at_once": "learned" in read,
        "waits": code.errors == "errors",
    }


def _batches(names: Sequence[str], guarded: bool) -> Lines:
    """The line that goes from batch to batch, up to ``count`` of them."""
    number = "done" if guarded else "_"
    if not names:
        return (f"for {number} in range(count):",)
    listed = ", ".join(f"{name}{VIEWS}" for name in names)
    return (
        *folded((f"batches = zip(range(count), {listed}, strict=False)",), _INNER),
        *folded((f"for {number}, {', '.join(names)} in batches:",), _INNER),
    )


def _lines(instructions: Iterable[Instruction], indent: str = _INNER) -> Lines:
    return folded([line for instruction in instructions for line in instruction.lines()], indent)


def _size(tensor: Tensor) -> Expr:
    value: Expr = Integer(1)
    for axis in tensor.axes:
        value = value * axis.extent
    return value


def _weights(program: ArrayProgram) -> Expr:
    return Add(*(_size(p) for p in program.parameters))


def _notes(made: Straight, code: Mapping[str, Any], one: Scalars | None, later: bool) -> list[str]:
    """What was chosen, and why, in the words of the docstring."""
    found = []
    pairs = [(n, s) for n, s in made.stored.items() if s.count is not None and not n.startswith("dE")]
    if pairs:
        found.append(
            "A weight and its bias share one array, transposed, the bias as the last row, and the activations have a "
            "row of ones: one product gives W a + b, and one product both gradients."
        )
    if any(s.sign < 0 for s in made.stored.values()):
        found.append("Weights before a sigmoid are stored negated, so that exp(-z) needs no negation.")
    if made.folded:
        found.append("The learning rate multiplies the first shared factors, so that every gradient contains it.")
    if code["at_once"]:
        found.append("All parameters share one array: one call updates them.")
    else:
        found.append(f"There are more than {FLAT:,} parameters: each array is updated separately.")
    if code["waits"]:
        found.append("The errors are computed for many batches at once, after them.")
    if one is not None:
        found.append(
            f"Batches of one sample (in float64) are computed with Python's own numbers: {one.operations} operations "
            f"(about {one.cost / 1000:.1f} microseconds) take less time than {code['calls']} calls of NumPy "
            f"(about {code['calls'] * CALL / 1000:.1f})."
        )
    if later:
        found.append(
            "For batches of one sample, the first layer is changed once for many of them: its sums follow from the "
            "products of the inputs with each other."
        )
    lines = []
    for note in found:
        lines += textwrap.wrap(note, 82, initial_indent="* ", subsequent_indent="  ")
    return lines
