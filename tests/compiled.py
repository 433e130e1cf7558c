"""Generated C as a shared library, called with NumPy's arrays."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from helpers import Array

from derive.api import Derivation
from derive.calculus.index import Tensor
from derive.targets.c.formulas import stored_axes
from derive.targets.c.program import Member
from derive.targets.c.target import CTarget
from derive.targets.named import in_axes, in_store

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")


def compiled(folder: Path, target: CTarget, output: str, *options: str, source: str = "") -> Path:
    """Write the files and compile them, without a warning."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{target.name}.c").write_text(target.source, encoding="utf-8")
    (folder / f"{target.name}.h").write_text(target.header, encoding="utf-8")
    if source:
        (folder / "main.c").write_text(source, encoding="utf-8")
    files = [f"{target.name}.c", *(["main.c"] if source else [])]
    language = [] if any(o.startswith("-std") for o in options) else ["-std=c99"]
    made = folder / output
    subprocess.run(["gcc", *language, *WARNINGS, *options, *files, "-o", made, "-lm"], cwd=folder, check=True)
    return made


class Library:
    """The functions of a program in C, with the conventions of the NumPy module."""

    def __init__(self, derivation: Derivation, folder: Path, *options: str, single: bool = False, **sizes: int) -> None:
        """``single`` is whether numbers are ``float``; ``sizes`` are those of named widths, and of ``m``."""
        target = derivation.target("c")
        assert isinstance(target, CTarget)
        self.target, self.own, self.program = target, target.own, derivation.program
        self.batch = sizes.pop("m")
        upper = target.name.upper()
        given = {f"{upper}_BATCH": self.batch} | {
            text: sizes[symbol.name] for symbol, text in self.own.names.widths.items()
        }
        self.sizes = given
        self.real: Any = ctypes.c_float if single else ctypes.c_double
        defined = [f"-D{name}={value}" for name, value in given.items()]
        defined += [f"-D{upper}_FLOAT"] if single else []
        made = compiled(
            folder, target, f"lib{'f' if single else 'd'}.so", "-shared", "-fPIC", "-O0", *defined, *options
        )
        self.library = ctypes.CDLL(str(made))
        self.parameters = self._struct(self.own.parameters)
        self.state = self._struct(self.own.states, ("random", ctypes.c_uint64))
        pointers = [(m.name, ctypes.c_void_p) for _, m in self.own.data]
        count = [("m", ctypes.c_int)] if self.own.sampled or not pointers else []
        self.data = type("Data", (ctypes.Structure,), {"_fields_": [*count, *pointers]})
        members = [*(m for _, m in self.own.data), *self.own.computed]
        self.workspace = self._struct(members, ("slopes", self.parameters))

    def side(self, side: str) -> int:
        """The length of an axis, from its code."""
        return int(eval(side, {}, dict(self.sizes)))  # a product or a sum of numbers and macros

    def _struct(self, members: Iterable[Member], *more: tuple[str, Any]) -> Any:
        fields = []
        for member in members:
            kind = {"real": self.real, "int": ctypes.c_int, "double": ctypes.c_double}[member.kind]
            for side in reversed(member.sides):
                kind *= self.side(side)
            fields.append((member.name, kind))
        return type("Struct", (ctypes.Structure,), {"_fields_": [*fields, *more]})

    def call(self, function: str, *arguments: Any, result: Any = None) -> Any:
        """Call a function; structs are passed by their addresses."""
        called = self.library[f"{self.target.name}_{function}"]
        called.restype = result
        return called(*(ctypes.byref(a) if isinstance(a, ctypes.Structure) else a for a in arguments))

    # Arrays as the NumPy module stores them.

    def read(self, struct: Any, tensor: Tensor, samples: int) -> Array:
        """The array of a tensor in a struct, as the NumPy module stores it."""
        name = self.own.names.members[tensor.stored.name]
        field = getattr(struct, name)
        entries = np.array(field if isinstance(field, float | int) else np.ctypeslib.as_array(field), dtype=float)
        for number, place in enumerate(stored_axes(tensor)):
            if tensor.axes[place].sample:
                entries = np.take(entries, range(samples), axis=number)
        return in_store(tensor, np.transpose(entries, np.argsort(stored_axes(tensor))))

    def fill(self, struct: Any, tensors: Iterable[Tensor], arrays: Mapping[str, Array]) -> Any:
        """Write arrays of the NumPy module into a struct."""
        for tensor in tensors:
            name, value = self.own.names.members[tensor.name], in_axes(tensor, arrays[tensor.name])
            if not tensor.axes:
                setattr(struct, name, float(value))
            else:
                np.ctypeslib.as_array(getattr(struct, name))[...] = value
        return struct

    def given(self, data: Iterable[Array]) -> Any:
        """The data of the NumPy module, samples first; the struct keeps the arrays."""
        struct, by_name = self.data(), dict(zip((t.name for t in self.program.inputs), data, strict=True))
        struct.kept = []
        for tensor, member in self.own.data:
            value = np.transpose(in_axes(tensor, by_name[tensor.name]), stored_axes(tensor))
            kind = np.int32 if member.kind == "int" else np.float32 if self.real is ctypes.c_float else np.float64
            struct.kept.append(np.ascontiguousarray(value, dtype=kind))
            setattr(struct, member.name, struct.kept[-1].ctypes.data)
            if member.rows:
                struct.m = struct.kept[-1].shape[0]
        return struct
