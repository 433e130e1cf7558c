"""Functions that are called and watched: the values of their variables when they return."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np


def watched(module: Any, names: set[str], call: Callable[[], float]) -> tuple[float, dict[str, dict[str, Any]]]:
    """Call a function, and return its result with what the module's functions ``names`` held when they returned.

    The functions run as they are: the interpreter reports each return, and the local
    variables are copied at that moment.
    """
    codes = {name: getattr(module, name).__code__ for name in sorted(names)}
    held: dict[str, dict[str, Any]] = {}

    def report(frame: FrameType, event: str, _: object) -> None:
        if event == "return":
            for name, code in codes.items():
                if frame.f_code is code:
                    held[name] = {k: np.array(v) for k, v in frame.f_locals.items() if _is_number(v)}

    before = sys.getprofile()
    sys.setprofile(report)
    try:
        result = call()
    finally:
        _watch_again(before)
    return result, held


def _watch_again(before: Any) -> None:
    """Give the place back to what watched before: a function, or a profiler in C."""
    if hasattr(before, "enable"):
        sys.setprofile(None)
        before.enable()
    else:
        sys.setprofile(before)


def _is_number(value: object) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, int))
