"""The result of the gradient check of this network."""

from __future__ import annotations

from derive.calculus.cost import size
from derive.document.blocks import Block, Part, say
from derive.document.view import View
from derive.paper.boxes import Box
from derive.paper.characters import LETTERS


def check(view: View) -> Part:
    """Report the difference between the gradients of the generated module and numerical ones.

    Raises the errors of ``GradientReport.require`` if the check failed.
    """
    report = view.derivation.target().report
    if not report.right:
        report.require()
    blocks: list[Block] = []
    if report.layers is not None:
        blocks.append(
            say(
                "This network is too large to check every entry, so the same network with layers of {} units was "
                "checked.",
                "-".join(map(str, report.layers)),
            )
        )
    if report.steps is not None:
        blocks.append(
            say(
                "The time of a check grows with the number of steps, so the same equations were checked with {} steps.",
                str(report.steps),
            )
        )
    if report.windows is not None:
        words = "So that a check of few steps crosses the borders of windows, these have {} steps there."
        blocks.append(say(words, str(report.windows)))
    each = "parameter array" if report.together == 1 else f"group of up to {report.together} parameter arrays"
    whole = report.entries and all(s.is_number and s <= report.entries for s in map(size, view.batch.learned))
    picked = {None: f"for every entry of each {each}", 0: f"along one random direction in each {each}"}
    some = f"for up to {report.entries} entries of each {each}, chosen at random"
    blocks.append(
        say(
            "The gradients of the generated code were compared with numerical derivatives on {}, {}. "
            "The relative error is below {} for the complex step and below {} for central differences, which are "
            "themselves approximations. The complex step gives a parameter a tiny imaginary part and reads the "
            "derivative off the imaginary part of the loss; it subtracts nothing, so this part can be "
            "tiny and the result exact up to rounding.",
            f"{report.samples} random samples" if view.sampled else "random numbers",
            picked.get(None if whole else report.entries, some),
            _power(view, report.below),
            _power(view, report.below_central),
        )
    )
    if report.diagonal is not None and not view.derivation.program.stopped:
        words = (
            "Entries of the diagonal were compared with the complex step, too: a tiny imaginary part of a parameter "
        )
        words += "gives the outputs a column of {} as imaginary parts, and the derivatives of {} {} times that column."
        error = view.page.symbol(view.derivation.origin.forward.error.target)
        blocks.append(say(words, view.set_.letter(LETTERS["J"]), error, view.set_.letter(LETTERS["H"])))
    if report.left_out:
        blocks.append(say("{}.", report.apart))
    return Part("check", "The check", tuple(blocks))


def _power(view: View, exponent: int) -> Box:
    """Return a power of ten."""
    number = view.set_.number(abs(exponent))
    above = view.set_.before("minus", number) if exponent < 0 else number
    return view.set_.script(view.set_.number(10), None, above)
