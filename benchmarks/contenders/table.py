"""What was measured, as text and as Markdown, beside the goals."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from contenders import OURS, RIVALS
from contenders.race import Result

FIT = next(iter(OURS))
BY_HAND, JAX, TORCH = "NumPy by hand", "JAX jit", "PyTorch eager"

PACKAGES = ("numpy", "scipy", "jax", "torch", "scikit-learn")

#: More than this many busy cores are more than one.
ONE_CORE = 1.1


def lines(result: Result) -> str:
    """One row, for whoever waits."""
    fit = result.times.get(FIT)
    shown = [f"{result.case.title}: microseconds a step, and times ours"]
    for name, time in result.times.items():
        ratio = f"{time / fit:9.2f}" if fit else ""
        cores = result.cores[name]
        busy = f"   on {cores:.1f} cores" if cores > ONE_CORE else ""
        shown.append(f"  {name:<22} {figure(time):>9}{ratio}{busy}")
    shown += [f"  {name:<22}   {reason}" for name, reason in result.absent.items()]
    shown += [f"  {said}" for said in verdicts(result)]
    return "\n".join(shown)


def markdown(results: list[Result], threads: str) -> str:
    """All rows as a table: microseconds a step, in brackets how many times ours that is; then the goals."""
    names = [n for n in (*OURS, *RIVALS, "floor") if any(n in r.times for r in results)]
    rows = [["network, batch", *names], ["---", *["---:"] * len(names)]]
    for result in results:
        rows.append([result.case.title, *(_cell(result, name) for name in names)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    goals = [f"- {r.case.title}: {'; '.join(said)}." for r in results if (said := list(verdicts(r)))]
    return "\n".join([_machine(threads, results[0].case.dtype), "", table, "", *goals])


def _cell(result: Result, name: str) -> str:
    if name not in result.times:
        return "–"
    time, fit = result.times[name], result.times.get(FIT)
    ratio = f" ({time / fit:.2f})" if fit and name != FIT else ""
    return figure(time) + ratio


def figure(microseconds: float) -> str:
    """Three digits, or all before the point."""
    decimals = 2 if microseconds < 10 else 1 if microseconds < 100 else 0
    return f"{microseconds:.{decimals}f}"


def _machine(threads: str, dtype: str) -> str:
    """What it was measured with: libraries, kernels of NumPy's BLAS where they can be asked for, cores."""
    found = [f"{name} {version(name)}" for name in PACKAGES if installed(name)]
    found[0] += _kernels()
    count = "one thread, time of the processor" if threads == "one" else f"default threads, {os.cpu_count()} cores"
    return f"Microseconds a step, in brackets times `fit`; {dtype}, {count}; {', '.join(found)}."


def installed(name: str) -> bool:
    """Whether a package is."""
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _kernels() -> str:
    """Which kernels OpenBLAS has chosen for this processor."""
    if not installed("threadpoolctl"):
        return ""
    from threadpoolctl import threadpool_info

    blas = [pool for pool in threadpool_info() if "numpy" in pool["filepath"] and pool["user_api"] == "blas"]
    asked = ", as OPENBLAS_CORETYPE says" if os.environ.get("OPENBLAS_CORETYPE") else ""
    return "".join(f" ({pool['internal_api']}, {pool.get('architecture', 'unknown')} kernels{asked})" for pool in blas)


def verdicts(result: Result) -> Iterator[str]:
    """Each goal that can be judged, met or missed."""
    times, case = result.times, result.case
    if FIT not in times:
        return
    ours = times[FIT]
    rivals = {name: time for name, time in times.items() if name in RIVALS}
    if rivals:
        best = min(rivals, key=lambda name: rivals[name])
        yield _goal(ours / rivals[best], 1.05, f"of the best other ({best})")
    if BY_HAND in times and not case.classifies:
        yield _goal(ours / times[BY_HAND], 0.25, f"of {BY_HAND}")
    for name in (JAX, TORCH):
        if name in times and case.batch < 1024:
            yield _goal(ours / times[name], 1, f"of {name}")
    if "floor" in times:
        most = 1.1 if case.classifies else 1.25
        if not case.classifies or (len(case.layers) > 3 and case.batch > 1):
            yield _goal(ours / times["floor"], most, "of the floor")


def _goal(ratio: float, most: float, of: str) -> str:
    return f"{'met' if ratio <= most else '**missed**'}: {ratio:.2f} {of}, at most {most:g}"


def insert(page: Path, text: str, threads: str) -> None:
    """Put the table between its marks on a page; raises ValueError if the page has no such marks."""
    begin, end = f"<!-- measured: {threads} -->", "<!-- measured -->"
    old = page.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(old):
        raise ValueError(f"{page} has no {begin} ... {end}")
    page.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", old), encoding="utf-8")
