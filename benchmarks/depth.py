"""What a layer costs in deep networks: `python benchmarks/depth.py`.

Each stage is timed for deeper and deeper networks of one process, in CPU time, so that other work on
the machine counts little. Growth is linear if a layer costs the same at every depth. As in the
command, Python does not search its memory for cycles of garbage, which would cost more and more.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

from sympy.core.cache import clear_cache

from derive import Derivation, Network, derive

DEPTHS = (10, 20, 50, 100, 200)
UNITS = 4
#: What is timed after ``derive``, in this order; what one makes is there for the next.
STAGES: dict[str, Callable[[Derivation], Any]] = {
    "program": lambda derivation: derivation.program,
    "rendered": lambda derivation: derivation.numpy_target.rendered,
    "check": Derivation.check,
    "numpy": Derivation.numpy,
    "latex": Derivation.latex,
    "markdown": Derivation.markdown,
    "html": Derivation.html,
    "notebook": Derivation.notebook,
    "drawing": Derivation.svg,
    "explain": lambda derivation: derivation.explain("W1[1,1]"),
}


def stages(depth: int) -> dict[str, float]:
    """The seconds of each stage for a network of so many layers, and of all together."""
    network = Network(layers=(UNITS,) * (depth + 1))
    clear_cache()  # which knows the layers of the network before
    gc.collect()
    start = process_time()
    derivation = derive(network)
    times = {"derive": process_time() - start}
    for name, stage in STAGES.items():
        before = process_time()
        stage(derivation)
        times[name] = process_time() - before
    return {**times, "all": process_time() - start}


def line(title: str, values: Sequence[float], digits: int) -> str:
    """One line of a table."""
    return f"{title:<22}" + "".join(f"{value:10.{digits}f}" for value in values)


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--depths", default=",".join(map(str, DEPTHS)), help="numbers of layers (default %(default)s)")
    gc.disable()
    depths = [int(depth) for depth in parser.parse_args().depths.split(",")]
    stages(2)  # what is computed once for all networks
    measured: dict[int, dict[str, float]] = {}
    print(f"{'ms a layer':<22}" + "".join(f"{name:>10}" for name in ("derive", *STAGES, "all")))
    for depth in depths:
        measured[depth] = stages(depth)
        milliseconds = [1000 * seconds / depth for seconds in measured[depth].values()]
        print(line(f"{depth} layers", milliseconds, 2), flush=True)
    for depth in depths[1:]:
        pairs = zip(measured[depth].values(), measured[depths[0]].values(), strict=True)
        grown = [deep / shallow * depths[0] / depth if shallow > 1e-3 else 1.0 for deep, shallow in pairs]
        print(line(f"{depth} / {depths[0]} layers", grown, 2))
    print("goal: ratios of 1, which is linear growth")


if __name__ == "__main__":
    main()
