"""The imports of source files: find those that a body of code needs, print them, split them from a file."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

from derive.targets.fold import WIDTH
from derive.targets.module_check import require_known
from derive.targets.numpy import runtime

#: An import: a module and a name in it; an empty name imports the module itself.
Import = tuple[str, str]

#: The imports from Python and array libraries that a body may need, by name.
_LIBRARY: dict[str, Import] = {
    "functools": ("functools", ""),
    "math": ("math", ""),
    "itertools": ("itertools", ""),
    "np": ("numpy", ""),
    "jax": ("jax", ""),
    "jnp": ("jax.numpy", ""),
    "lax": ("jax", "lax"),
    "torch": ("torch", ""),
    "nn": ("torch", "nn"),
    **{name: ("collections.abc", name) for name in ("Callable", "Mapping")},
    **{name: ("typing", name) for name in ("Any", "NoReturn", "Self")},
    **{name: ("numpy.typing", name) for name in ("ArrayLike", "NDArray")},
}


#: The names by which modules are imported, if these are shorter.
_SHORT = {"numpy": "np", "jax.numpy": "jnp"}


def imports_of(body: str, places: Mapping[str, str]) -> set[Import]:
    """Return the imports of the names that a body reads and does not define; ``places`` maps further names to modules.

    Raises ModuleError if the body does not parse or reads an unknown name.
    """
    names = require_known(body, {*_LIBRARY, *places})
    return {_LIBRARY[name] if name in _LIBRARY else (places[name], name) for name in names} - {("", "")}


def import_lines(imports: Collection[Import]) -> str:
    """Return the lines in the order of the common formatters: Python, NumPy, the package."""
    groups: list[list[str]] = [[], [], []]
    whole = sorted(module for module, name in imports if not name)
    parts = sorted({module for module, name in imports if name and module})
    for module in whole:
        groups[_group(module)].append(
            f"import {module} as {_SHORT[module]}" if module in _SHORT else f"import {module}"
        )
    for module in parts:
        names = sorted((n for m, n in imports if m == module and n), key=by_kind)
        line = f"from {module} import {', '.join(names)}"
        apart = (f"from {module} import (", *(f"    {name}," for name in names), ")")
        groups[_group(module)] += [line] if len(line) <= WIDTH else apart
    return "\n\n".join("\n".join(lines) for lines in groups if lines) + "\n"


def _group(module: str) -> int:
    if module.partition(".")[0] in ("numpy", "sklearn", "jax", "torch"):
        return 1
    return 2 if module[0] == "." or "runtime" in module else 0


def by_kind(name: str) -> tuple[int, str]:
    """Return a sort key: constants first, then classes, then functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name


def split_imports(text: str) -> tuple[set[Import], str]:
    """Return the imports of a module of the runtime, except those from the runtime itself, and the code after them."""
    lines = text.split("\n")
    end = _end_of_imports(lines)
    imports = {found for node in ast.parse("\n".join(lines[:end])).body for found in _imported(node)}
    return imports, "\n".join(lines[end:]).strip("\n") + "\n"


@cache
def merged(modules: tuple[str, ...]) -> tuple[frozenset[Import], str]:
    """Return the imports of some modules of the runtime, and their code without them, one after the other."""
    folder = Path(str(runtime.__file__)).parent
    parts = [split_imports((folder / f"{module}.py").read_text(encoding="utf-8")) for module in modules]
    return frozenset[Import]().union(*(imports for imports, _ in parts)), "\n\n".join(code for _, code in parts)


def _end_of_imports(lines: list[str]) -> int:
    """The number of lines up to the end of the imports."""
    last = max(n for n, line in enumerate(lines) if line.startswith(("import ", "from ")))
    return last + 1 if not lines[last].endswith("(") else lines.index(")", last) + 1


def _imported(node: ast.stmt) -> Iterable[Import]:
    if isinstance(node, ast.Import):
        return [(name.name, "") for name in node.names]
    ours = isinstance(node, ast.ImportFrom) and str(node.module).startswith(runtime.__name__)
    if isinstance(node, ast.ImportFrom) and node.module != "__future__" and not ours:
        return [(str(node.module), name.name) for name in node.names]
    return []
