"""What the `derive` command costs: `python benchmarks/command.py`.

Every ratio is of medians of one interleaved run (A B A B ...), so that a busy or a slow
machine moves both sides alike.
"""

from __future__ import annotations

import argparse
import compileall
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import derive

DERIVE = str(Path(sys.executable).with_name("derive"))
DEPTHS = (5, 10, 20, 40)
#: Without the cache of the command, which would be all that is measured.
UNCACHED = {**os.environ, "DERIVE_CACHE": ""}

Name = TypeVar("Name")


def network(layers: str, *options: str) -> list[str]:
    """The command for one network."""
    return [DERIVE, "network", "--layers", layers, *options]


def seconds(command: Sequence[str]) -> tuple[float, int]:
    """How long a command takes in an empty folder, and how many bytes it writes."""
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=UNCACHED)
        taken = perf_counter() - start
        return taken, sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())


def interleaved(commands: Mapping[Name, Sequence[str]], rounds: int) -> dict[Name, tuple[float, int]]:
    """The median time of each command, and the bytes it writes; one unmeasured round comes first."""
    runs = [{name: seconds(c) for name, c in commands.items()} for _ in range(rounds + 1)][1:]
    return {name: (median(run[name][0] for run in runs), runs[0][name][1]) for name in commands}


def compare(title: str, dividend: Sequence[str], divisor: Sequence[str], goal: float, rounds: int) -> None:
    """Print the ratio of two commands' times."""
    measured = interleaved({"A": dividend, "B": divisor}, rounds)
    a, b = measured["A"][0], measured["B"][0]
    print(f"{title:<50} {a * 1000:7.0f} ms {b * 1000:7.0f} ms {a / b:7.2f}   at most {goal}")


def depth(rounds: int) -> None:
    """Print time and output of deeper and deeper networks, and what each added layer costs."""
    measured = interleaved({d: network(",".join(["3", *["4"] * d])) for d in DEPTHS}, rounds)
    print(f"\n{'layers':>6} {'ms':>6} {'bytes':>8}   of each layer added: ms {'bytes':>9}")
    for shallow, deep in pairwise((0, *DEPTHS)):
        time, size = measured[deep]
        line = f"{deep:>6} {time * 1000:6.0f} {size:8}"
        if shallow:
            less, smaller = measured[shallow]
            added = deep - shallow
            line += f" {(time - less) * 1000 / added:25.1f} {(size - smaller) / added:9.0f}"
        print(line)
    print("goal: linear growth, so that the last two columns stay level")


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=11, help="measured runs of each command (default 11)")
    rounds = parser.parse_args().rounds
    # An installed package is compiled; a checkout might not be.
    compileall.compile_dir(Path(derive.__file__).parent, quiet=1)
    print(f"{'A / B':<50} {'A':>10} {'B':>10} {'ratio':>7}   goal")
    small, wide = network("3,4,4,1"), network("784,128,64,10")
    sympy = [sys.executable, "-c", "import sympy"]
    compare('3,4,4,1 / python -c "import sympy"', small, sympy, 2.5, rounds)
    compare("784,128,64,10 / 3,4,4,1", wide, small, 1.2, rounds)
    with tempfile.TemporaryDirectory() as cache:
        again = ["env", f"DERIVE_CACHE={cache}", *small]  # its unmeasured first round derives
        compare("3,4,4,1 from the cache / import sympy", again, sympy, 0.3, rounds)
    depth(max(1, rounds // 3))


if __name__ == "__main__":
    main()
