"""What a step of training costs, ours and that of others: `python benchmarks/trainer.py`.

The contenders take turns (A B C A B C ...) in one run, so that a busy or a slow machine moves
all of them alike; the least time of the rounds counts, on one thread that of the processor. Before
anything is measured, one step of each is compared with the step of the loop written by hand.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contenders.race import Result

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def options() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rows", default="", help="only the rows of this number or these, such as 1,4 (default all)")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender (default 9)")
    parser.add_argument("--turn", type=float, default=0.15, help="seconds that a turn lasts, at least (default 0.15)")
    parser.add_argument("--threads", choices=("one", "default"), default="one", help="how many (default one)")
    parser.add_argument("--only", default="", help="contenders by a part of their names, such as ours,hand")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64", help="of all numbers (float64)")
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown")
    parser.add_argument("--page", type=Path, help="a page, such as docs/trainer.md, whose table is replaced")
    return parser.parse_args()


def one_thread() -> None:
    """Keep this process to one thread, before NumPy is imported and reads how many it may have.

    Where the system can, it is kept to one core too: nothing else stops XLA from using more.
    """
    os.environ.update(ONE_THREAD)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main() -> None:
    """Measure and print; nothing is asserted by time."""
    asked = options()
    if asked.threads == "one":
        one_thread()
    from contenders import table
    from contenders.cases import CASES
    from contenders.race import race

    chosen = [CASES[int(n) - 1] for n in asked.rows.split(",")] if asked.rows else list(CASES)
    clock = process_time if asked.threads == "one" else perf_counter
    results: list[Result] = []
    for case in chosen:
        typed = replace(case, dtype=asked.dtype)
        results.append(race(typed, asked.rounds, asked.turn, asked.only.split(","), clock))
        print(table.lines(results[-1]) if not asked.markdown else f"{case.title} is measured", file=sys.stderr)
    print(table.markdown(results, asked.threads))
    if asked.page:
        table.insert(asked.page, table.markdown(results, asked.threads), asked.threads)


if __name__ == "__main__":
    main()
