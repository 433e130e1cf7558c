"""The report on the gradients and the steps of a package."""

from __future__ import annotations

import traceback

from derive.targets.numpy.runtime.check import gradient_report
from derive.targets.numpy.runtime.check_steps import compare_steps
from derive.targets.numpy.runtime.example import draw_example
from derive.targets.numpy.runtime.network import FAILURES, FUNCTIONS, Network
from derive.targets.numpy.runtime.steps import Steps


def report(network: Network, steps: Steps | None) -> int:
    """Check the gradients on random data and print the worst relative differences.

    Returns 0 if they are right, and 1 if they are not, or cannot be checked.
    """
    try:
        return _report(network, steps)
    except (*FAILURES, ArithmeticError, NameError) as wrong:
        frames = traceback.extract_tb(wrong.__traceback__)
        lines = [frame.lineno for frame in frames if frame.name in FUNCTIONS]
        where = f" ({network.file}, line {lines[-1]})" if lines else ""
        what = f"{type(wrong).__name__}: {wrong}{where}"
        print(f"The gradients cannot be checked: {what}")
        return 1


def _report(network: Network, steps: Steps | None) -> int:
    drawn = draw_example(network)
    # of a large network, some entries, and a direction through all of them
    large = sum(value.size for value in drawn[0].values()) > 10_000
    entries = 64 if large else None
    found, left_out, slopes = gradient_report(network, *drawn, entries=entries)
    print("parameter   complex step   central differences")
    for name, (complex_step, central) in found.items():
        print(f"{name:<11} {complex_step:<14.1e} {central:.1e}")
    right = all(c <= 1e-12 and d <= 1e-6 for c, d in found.values())
    print("The gradients are right." if right else "The gradients are WRONG.")
    if left_out:
        print(f"{left_out} of {slopes} central differences were left out: they would")
        print("cross a kink, or they are not resolved.")
    if steps is None:
        return 0 if right else 1
    changed = steps.change(network)
    if changed:
        print(f"{network.file} {changed}: there is no second rendering to compare.")
        return 0 if right else 1
    apart = compare_steps(network, steps, *drawn)
    agree = apart <= 1e-12
    print(f"The two renderings {'agree' if agree else 'do NOT agree'}: {apart:.1e}.")
    return 0 if right and agree else 1
