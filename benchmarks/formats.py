"""What each format costs beside LaTeX alone: `python benchmarks/formats.py`.

Every ratio is of medians of one interleaved run (tex md html ... tex md html ...), so that a
busy or a slow machine moves all sides alike.
"""

from __future__ import annotations

import argparse
import compileall
from pathlib import Path

from command import interleaved, network

import derive
from derive.files.formats import FORMATS

GOAL = 1.5


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=7, help="measured runs of each command (default 7)")
    parser.add_argument("--layers", default="3,4,4,1", help="of the network (default 3,4,4,1)")
    options = parser.parse_args()
    # An installed package is compiled; a checkout might not be.
    compileall.compile_dir(Path(derive.__file__).parent, quiet=1)
    formats = ["tex", *(name for name in FORMATS if name not in ("tex", "pdf"))]
    asked = {name: name for name in formats} | {"all of these": ",".join(formats)}
    commands = {title: network(options.layers, "--format", names) for title, names in asked.items()}
    measured = interleaved(commands, options.rounds)
    alone = measured["tex"][0]
    print(f"{options.layers:<14} {'ms':>7} {'bytes':>9} {'/ tex':>7}")
    for title, (seconds, size) in measured.items():
        print(f"{title:<14} {seconds * 1000:7.0f} {size:9} {seconds / alone:7.2f}")
    print(f"goal: each format within {GOAL} times tex alone")


if __name__ == "__main__":
    main()
