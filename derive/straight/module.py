"""What the template of the second rendering needs, as finished lines of Python."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from sympy import Add, Expr, Integer

from derive.index import Tensor
from derive.printers.numpy import scalar
from derive.program import Assign, Program
from derive.straight.arrays import arrays, can_put_off
from derive.straight.code import ALL, Code
from derive.straight.forms import FLAT
from derive.straight.lines import LIMIT, LIMIT_FLOAT32, Straight, straight
from derive.straight.scalars import CALL, Scalars, scalars

Lines = tuple[str, ...]


def steps_context(
    program: Program, names: Mapping[str, str], statements: tuple[Assign, ...], sizes: Lines
) -> dict[str, Any]:
    """The holes of ``numpy/steps.py.jinja``.

    ``statements`` are the program's, each in a form that is safe to compute; ``sizes`` the
    lines that read off the widths that have names.
    """
    made = straight(program, statements)
    statements_of_error = program.stage("error")
    code = arrays(made, program, names)
    later = arrays(made, program, names, put_off=True) if can_put_off(made, program) else None
    one = scalars(made, program, lambda name: names.get(name, name))
    if one is not None and one.cost > code.calls * CALL:
        one = None
    inputs, outputs = (scalar(t.axes[0].extent).text for t in program.inputs)
    return {
        "arrays": _holes(code, sizes),
        "put_off": None if later is None else _holes(later, sizes),
        "scalars": one,
        "learned_lines": () if one is None else tuple(f"{n}," for n in one.learned),
        "scalar_setup": () if one is None else (*one.constants, *(f"{n} = math.{n}" for n in one.functions)),
        "error_number": f"({statements_of_error[-1].number})",
        "notes": tuple(_notes(made, code, one, later is not None)),
        "memory": tuple(textwrap.wrap(_memory(made, program, code, one is not None), 79)),
        "limit": LIMIT,
        "limit_float32": LIMIT_FLOAT32,
        "row": f"{inputs} + {outputs}",
        "names_widths": not (inputs.isdigit() and outputs.isdigit()) or not _is_number(_weights(program)),
        "careful": code.guarded or one is not None,
        "inner": {None: "", -1: "[:, :-1]", 0: "[:, 1:]"}[code.input_ones],
        "turn_targets": outputs != "1",
        "calls": code.calls,
        "products": scalar(_weights(program)).text
        if _is_number(_weights(program))
        else f"({scalar(_weights(program)).text})",
    }


def _holes(code: Code, sizes: Lines) -> dict[str, Any]:
    """Finished lines of one straight line of code."""
    listed = _listed(code)
    read = set(re.findall(r"\w+", " ".join(code.loop)))
    views = [f"{n}_views = {f'list({s})' if s == f'{n}{ALL}' else s}" for n, s in listed.items()]
    return {
        "widths": sizes,
        "setup": (*(f"{name} = np.{name}" for name in code.functions), *code.setup, *views),
        "names": tuple(n for n in listed if n in read),
        "load": tuple(code.load),
        "store": tuple(code.store),
        "rates": tuple(code.rates) or ("pass",),
        "before": tuple(code.before),
        "loop": tuple(code.loop),
        "behind": tuple(code.behind),
        "after": (*code.after[:-1], *_returned(code.after[-1])),
        "guarded": code.guarded,
        "input_ones": code.input_ones,
    }


def _returned(line: str) -> Lines:
    """The last line of what measures the errors: they are returned."""
    name, _, value = line.partition(" = ")
    return (f"return {value}",) if name == "errors" and value else (line, "return errors")


def _listed(code: Code) -> dict[str, str]:
    """The names that change from batch to batch in the loop, and those that they are taken from."""
    read = set(re.findall(r"\w+", " ".join(code.loop)))
    made = set(re.findall(r"(\w+)_views", " ".join(code.batch.values())))
    return {name: source for name, source in code.batch.items() if name in read | made}


def _size(tensor: Tensor) -> Expr:
    value: Expr = Integer(1)
    for axis in tensor.axes:
        value = value * axis.extent
    return value


def _weights(program: Program) -> Expr:
    return Add(*(_size(p) for p in program.parameters))


def _is_number(value: Expr) -> bool:
    return bool(value.is_Integer)


def _workspace(made: Straight) -> str:
    """How many numbers the arrays of the steps hold for each sample of a batch."""
    units = [line.target.axes[0].extent for line in made.lines if any(a.sample for a in line.target.axes[1:])]
    return scalar(Add(*units)).text


def _memory(made: Straight, program: Program, code: Code, alone: bool) -> str:
    """What the arrays of the steps hold, in a sentence or two."""
    copies = 2 + len(program.states) // max(1, len(program.parameters)) + (code.guarded or alone)
    held = (
        f"They hold {_workspace(made)} numbers for each sample, {copies} for each parameter, and the data of up to 256"
    )
    held += " batches (at most 65,536 numbers, or those of one batch)."
    if code.allocates:
        return f"{held} What NumPy has no call for, the functions above compute, which make arrays."
    return f"{held} No step makes another array."


def _notes(made: Straight, code: Code, one: Scalars | None, later: bool) -> list[str]:
    """What was chosen, and why, in the words of the docstring."""
    found = []
    pairs = [(n, s) for n, s in made.stored.items() if s.count is not None and not n.startswith("dE")]
    if pairs:
        found.append(
            "A weight and its bias lie in one array, turned, the bias last, and the activations have a row of ones: "
            "one product gives the sum and the bias, and one both gradients."
        )
    if any(s.sign < 0 for s in made.stored.values()):
        found.append("Weights before a sigmoid are stored negated, so that exp(-z) needs no negation.")
    if made.folded:
        found.append("The learning rate is in the first shared factors, so that it is in every gradient.")
    if code.functions and "learned" in " ".join(code.loop):
        found.append("All that is learned lies in one array: one call updates it.")
    else:
        found.append(f"There are more than {FLAT:,} parameters: each array is updated by itself.")
    found.append(
        "The errors are computed for many batches at once, after them." if "errors" in " ".join(code.after) else ""
    )
    if one is not None:
        found.append(
            f"Batches of one sample (in float64) are computed with Python's own numbers: {one.operations} operations "
            f"(about {one.cost / 1000:.1f} microseconds) take less time than {code.calls} calls of NumPy "
            f"(about {code.calls * CALL / 1000:.1f})."
        )
    if later:
        found.append(
            "For batches of one sample, the first layer is changed once for many of them: its sums follow from the "
            "products of the inputs with each other."
        )
    lines = []
    for note in filter(None, found):
        lines += textwrap.wrap(note, 82, initial_indent="* ", subsequent_indent="  ")
    return lines
