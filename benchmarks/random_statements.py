"""Random statements, each derived and judged: `python benchmarks/random_statements.py FIRST LAST [--found FILE]`.

The statements are those of `tests/end_to_end/random_layers.py`; `judging.py` beside it compares the code of each
with the statement alone. What is not right is written to the file, a line of JSON for each seed.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "end_to_end"), str(ROOT / "tests")]

from judging import judge  # noqa: E402
from random_layers import random_layers  # noqa: E402

from derive.api import derive  # noqa: E402
from derive.text.errors import StatementError  # noqa: E402

#: In seconds of CPU time: what takes longer is late.
LONGEST = 60


class Late(Exception):
    """A statement has taken too long."""


def verdict(seed: int) -> tuple[str, str]:
    """What became of the statement of a seed: ``right``, ``wrong``, ``refused`` or ``late``, and what was said."""
    try:
        statement = random_layers(seed)
        judge(derive(statement), statement.forward_pass())
    except Late:
        return "late", ""
    except StatementError as refusal:
        return "refused", str(refusal)
    except Exception as fault:
        return "wrong", f"{type(fault).__name__}: {fault}"
    return "right", ""


def late(*_: Any) -> None:
    """Stop the statement at hand."""
    raise Late


def main() -> None:
    """Judge the seeds from FIRST to LAST, and print how many are right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, help="not among them")
    parser.add_argument("--found", type=Path, default=Path("found.jsonl"), help="where to write what is not right")
    asked = parser.parse_args()
    signal.signal(signal.SIGPROF, late)
    counted, begin = Counter[str](), time.process_time()
    for seed in range(asked.first, asked.last):
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        what, said = verdict(seed)
        signal.setitimer(signal.ITIMER_PROF, 0)
        counted[what] += 1
        if what != "right":
            with asked.found.open("a") as file:
                print(json.dumps({"seed": seed, "verdict": what, "said": said}), file=file)
        if (seed + 1 - asked.first) % 100 == 0 or seed + 1 == asked.last:
            each = (time.process_time() - begin) / counted.total()
            print(f"up to {seed}: {dict(counted)}, {each:.2f} s each", flush=True)


if __name__ == "__main__":
    main()
