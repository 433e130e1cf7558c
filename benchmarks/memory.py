"""How much memory training and predicting take: `python benchmarks/memory.py`.

Each case runs twice, in fresh processes that import the generated module alone: once with
tracemalloc, for the peak of what Python and NumPy hold, and once without, for the peak of the
resident memory, which needs Linux. Both are what the call adds to what was there, as the data were.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from types import ModuleType
from typing import Any

import numpy as np

SMALL, WIDE = (10, 100, 100, 3), (784, 32, 10)
#: How many samples are predicted and trained on, held out, and in the file.
MANY, HELD_OUT, IN_FILE = 300_000, 100_000, 10_000


@dataclass(frozen=True)
class Case:
    """A call, what it is called, for which network; `earlier` is the peak of an earlier version, in MiB."""

    name: str
    layers: tuple[int, ...]
    made: Callable[[Any, Path], Callable[[], object]]
    earlier: int | None = None


def data(layers: tuple[int, ...], samples: int) -> tuple[Any, Any]:
    """Inputs and classes of so many samples."""
    draw = np.random.default_rng(0)
    return draw.normal(size=(samples, layers[0])), draw.integers(0, layers[-1], samples)


def fit(trainer: Any, folder: Path, batch_size: Any = "auto") -> Callable[[], object]:
    """Two epochs."""
    X, labels = data(SMALL, MANY)
    return lambda: trainer.fit(X, labels, epochs=2, batch_size=batch_size)


def fit_at_once(trainer: Any, folder: Path) -> Callable[[], object]:
    """Two steps with all samples."""
    return fit(trainer, folder, None)


def predict(trainer: Any, folder: Path) -> Callable[[], object]:
    """The outputs of all samples."""
    X, _ = data(SMALL, MANY)
    return lambda: trainer.predict(X)


def validation(trainer: Any, folder: Path) -> Callable[[], object]:
    """An epoch of few samples, with the error of many."""
    pair = data(SMALL, HELD_OUT)
    return lambda: trainer.fit(pair[0][:1000], pair[1][:1000], epochs=1, validation=pair)


def mapped(trainer: Any, folder: Path) -> Callable[[], object]:
    """Two epochs of float32 numbers in a file, a tenth of them held out."""
    X, labels = data(WIDE, IN_FILE)
    np.save(folder / "X.npy", X.astype(np.float32))
    found = np.load(folder / "X.npy", mmap_mode="r")
    return lambda: trainer.fit(found, labels, epochs=2, validation=0.1)


CASES = (
    Case(f"`fit` of {MANY:,} × 10, default batch", SMALL, fit, 2250),
    Case(f"`fit` of {MANY:,} × 10, `batch_size=None`", SMALL, fit_at_once),
    Case(f"`predict` of {MANY:,} × 10", SMALL, predict, 944),
    Case(f"`validation=(X, Y)` of {HELD_OUT:,} × 10", SMALL, validation, 345),
    Case(f"`fit` of a mapped float32 file of 30 MiB, {IN_FILE:,} × 784", WIDE, mapped, 216),
)


def module_in(file: Path) -> ModuleType:
    """The generated module in a file."""
    module = ModuleType("trainer")
    exec(compile(file.read_text(), "trainer.py", "exec"), module.__dict__)
    return module


def source_of(layers: tuple[int, ...]) -> str:
    """The code of a network with tanh and softmax."""
    from derive import Network, derive

    activation = (*["tanh"] * (len(layers) - 2), "softmax")
    return derive(Network(layers, activation, "cross_entropy")).numpy()


def resident(kind: str) -> int:
    """Bytes of this process in memory: now, VmRSS, or at the most so far, VmHWM."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{kind}:")[2].split()[0]) * 1024


def measured(number: int, traced: bool, folder: Path) -> int:
    """The bytes of a case, in this process."""
    case = CASES[number]
    module = module_in(folder / f"{case.layers[0]}.py")
    trainer = module.Trainer(seed=0)
    trainer.fit(*data(case.layers, 600), epochs=1)  # what is made at the first call
    call = case.made(trainer, folder)
    if traced:
        tracemalloc.start()
        call()
        return tracemalloc.get_traced_memory()[1]
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is what there is now
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def steps(module: ModuleType, rounds: int) -> tuple[float, float]:
    """Microseconds of CPU time of `partial_fit`, with episodes of one length, and of lengths with the same mean."""
    lengths = np.random.default_rng(1).integers(100, 301, 300)
    X, labels = data(SMALL, 300)
    targets = np.eye(SMALL[-1])[labels]
    best = [np.inf, np.inf]
    for _ in range(rounds):
        for place, taken in enumerate((np.full(300, 200), lengths)):
            trainer = module.Trainer(seed=0)
            start = process_time()
            for length in taken.tolist():
                trainer.partial_fit(X[:length], targets[:length], learning_rate=0.01)
            best[place] = min(best[place], (process_time() - start) / len(taken) * 1e6)
    return best[0], best[1]


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=5, help="of the times, of which the least counts (default 5)")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--traced", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case is not None:
        print(measured(options.case, options.traced, options.folder))
        return
    print("| call | earlier, MiB | traced, MiB | resident, MiB |\n| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for layers in (SMALL, WIDE):
            (folder / f"{layers[0]}.py").write_text(source_of(layers))
        for number, case in enumerate(CASES):
            found = []
            for more in (["--traced"], []):
                command = [sys.executable, __file__, "--case", str(number), "--folder", place, *more]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found.append(f"{int(done.stdout.split()[-1]) / 2**20:.0f}")
            print(f"| {case.name} | {case.earlier or '–'} | {' | '.join(found)} |", flush=True)
        one, changing = steps(module_in(folder / f"{SMALL[0]}.py"), options.rounds)
    said = f"{one:.0f} with 200 samples, {changing:.0f} with 100 to 300"
    print(f"\nA step of `partial_fit`, in microseconds of CPU time: {said}")


if __name__ == "__main__":
    main()
