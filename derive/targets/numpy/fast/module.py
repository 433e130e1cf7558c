"""What the template of the second rendering needs, as finished lines of Python."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from sympy import Symbol

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayAssign, ArrayProgram
from derive.targets.fold import folded
from derive.targets.names import CodeNames
from derive.targets.numpy.fast.accepted import require
from derive.targets.numpy.fast.arrays import arrays, can_put_off
from derive.targets.numpy.fast.code import VIEWS, Code, read_in
from derive.targets.numpy.fast.formulas import NotStraight
from derive.targets.numpy.fast.lines import LIMIT, LIMIT_FLOAT32, Straight, line_of, straight
from derive.targets.numpy.fast.rows import with_rows
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
    if any(isinstance(s.form, mx.Formula) for s in statements):
        return {"declined": "an equation has no matrix form"}
    try:
        lines = tuple(map(line_of, statements))
        require(lines, program)
        made = straight(program, lines)
        laid_out = with_rows(made, program)
        ways = [(laid_out, False), *([(made, True)] if can_put_off(made, program) else [])]
        code, *more = (_straight_line(*arrays(way, program, codes, functions, put_off), sizes) for way, put_off in ways)
        later = next(iter(more), None)
    except NotStraight as reason:
        return {"declined": str(reason)}
    one = scalars(made, program, codes.tensors)
    if one is not None and one.cost > code["calls"] * CALL:
        one = None
    return {
        "declined": "",
        "arrays": code,
        "put_off": later,
        "scalars": one,
        **({} if one is None else _of_one(one, program)),
        "notes": tuple(_notes(laid_out, code, one, later is not None)),
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
    code: Code, widths: Mapping[Symbol, str], sizes: Callable[[Mapping[Symbol, str]], Lines]
) -> dict[str, Any]:
    """Finished lines of one straight line of code, and what is known of it."""
    done, read = "done" if code.guarded else "_", code.batches
    views = "".join(f", {name}{VIEWS}" for name in read)
    head = [f"for {done} in range(count):"]
    if read:
        head = [f"batches = zip(range(count){views}, strict=False)", f"for {', '.join([done, *read])} in batches:"]
    lines = {
        name: folded(getattr(code, name), _INNER) for name in ("load", "store", "rates", "before", "behind", "after")
    }
    return {
        **lines,
        "rates": lines["rates"] or ("pass",),
        "widths": sizes(widths),
        "setup": folded(code.setup_lines(), _BODY),
        "batches": folded(head, _INNER),
        "loop": folded(code.loop, _LOOP),
        "guarded": code.guarded,
        "input_ones": code.input_ones,
        "calls": code.calls,
        "waits": code.waits,
        "targets": code.targets,
        "at_once": "learned" in read_in(code.loop),
        "in_turn": code.in_turn,
    }


def _notes(made: Straight, code: Mapping[str, Any], one: Scalars | None, later: bool) -> list[str]:
    """What was chosen, and why, in the words of the docstring."""
    found = []
    joined = {s.turned for block in made.blocks for s in made.stored.values() if s.whole == block and s.count}
    if joined:
        found.append(
            "A weight and its bias share one array, and the activations have a row of ones: one product gives W a + b, "
            "and one product both gradients."
        )
    if True in joined:
        found.append(
            "Where the way back reads the transpose of a weight, what is stored is that, with the bias as the last row."
        )
    if made.folded:
        found.append("The learning rate multiplies the first shared factors, so that every gradient contains it.")
    if code["at_once"]:
        found.append("All parameters share one array: one call updates them.")
    if code["in_turn"]:
        found.append(
            "A weight is changed right after its gradient was computed, while both are in the cache, and as soon as "
            "nothing reads its old value; the gradients take turns in the same memory."
        )
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
    if made.rows:
        found.append(
            "Samples are rows here, since the layers are wide: products are fastest where their rows are the longer "
            "side."
        )
    lines = []
    for note in found:
        lines += textwrap.wrap(note, 82, initial_indent="* ", subsequent_indent="  ")
    return lines
