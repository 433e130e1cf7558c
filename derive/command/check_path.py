"""The check of a generated module on disk."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derive.files.seals import HEADER_LINES, SPEC, STATED, edited
from derive.targets.numpy.runtime.example import draw_example
from derive.targets.numpy.runtime.network import Network
from derive.targets.verify import ENTRIES, ENTRYWISE, GradientReport, check_gradients, compare_named
from derive.text.errors import CheckError
from derive.text.user_text import cut, shown_path

if TYPE_CHECKING:
    from derive.api import Derivation

#: The expected argument, for messages about a wrong path.
_WANTED = "give a generated folder, or the trainer.py in it"
#: Name of the package while it is checked.
_PACKAGE = "derive_checked"


def check_module(path: Path) -> GradientReport:
    """Check every gradient entry of a generated module, given its file or its folder.

    If the file that it is made of, network.toml or equations.eq, is in the same folder, the network is derived
    again, and every named tensor is compared with the interpreter of its equations. Raises CheckError if there is no
    generated module at ``path``, and SpecError or StatementError if the file that it is made of is damaged.
    """
    try:
        file = path / "trainer.py" if path.is_dir() else path
        found = file.is_file()
    except OSError as error:  # a name that is too long, or a folder without permission
        raise CheckError(f"{shown_path(path)} cannot be read: {(error.strerror or str(error)).lower()}") from None
    if not found:
        bare = next((name for name in ("network.py", "predict.py") if path.is_dir() and (path / name).is_file()), "")
        wanted = f"there is only {bare}, and what is checked has form package or single-file" if bare else _WANTED
        source = next((f.name for f in sorted(path.glob("*.c"))), "") if path.is_dir() else ""
        wanted = f"{source} is in C, which its own function checks, whose name ends with _check" if source else wanted
        raise CheckError(f"{shown_path(path)} holds no trainer.py: {wanted}")
    with _imported(file) as module:
        missing = [name for name in ("NETWORK", "Trainer") if not hasattr(module, name)]
        if missing:
            raise CheckError(f"{shown_path(file)} is not a generated module: it has no {missing[0]}")
        if not set(dir(Network)) <= set(dir(module.NETWORK)):
            raise CheckError(f"{shown_path(file)} was written by another version of derive: write it again")
        return _checked(module, file)


def _checked(module: Any, file: Path) -> GradientReport:
    derivation = _stated_beside(file)
    try:
        small = sum(p.size for p in draw_example(module.NETWORK)[0].values()) <= ENTRYWISE
        report = check_gradients(module, None if small else ENTRIES)
        if derivation is None:
            return report
        return compare_named(report, module, derivation.numpy_target.rendered, derivation.program, derivation.notation)
    except (Exception, SystemExit) as problem:
        raise CheckError(f"{shown_path(file)} cannot be checked: {_reason(problem, file.parent)}") from problem


def _stated_beside(file: Path) -> Derivation | None:
    """The derivation of what a module was made of, if the file beside it is generated and matches the module."""
    from derive.api import derive
    from derive.statement.network import Network
    from derive.statement.statement import Statement

    found = next((f for name in (SPEC, STATED) if (f := file.with_name(name)).is_file()), None)
    if found is None or edited(found.read_bytes()) is None:
        return None
    head = "\n".join(file.read_text(encoding="utf-8").split("\n")[:HEADER_LINES])
    if found.name == SPEC:
        network = Network.from_toml(found)
        return derive(network, order=1) if f"spec {network.digest}," in head else None
    derivation = derive(Statement.from_file(found))
    return derivation.origin if f"spec {derivation.digest}," in head else None


def _reason(problem: BaseException, folder: Path) -> str:
    """The error in a module on one line, with the last line of the folder's equations in its traceback."""
    frames = traceback.extract_tb(problem.__traceback__)
    others = ("_runtime.py", "__init__.py", "__main__.py")
    own = [f for f in frames if (p := Path(f.filename).resolve()).parent == folder.resolve() and p.name not in others]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return cut(" ".join(f"{type(problem).__name__}: {problem}".split())) + where


@contextmanager
def _imported(file: Path) -> Iterator[Any]:
    """Import the module of the equations, with the trainer, from a single file or from the file's package."""
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield _module(file)
    finally:
        sys.dont_write_bytecode = writes
        for name in [n for n in sys.modules if n.partition(".")[0] == _PACKAGE]:
            del sys.modules[name]


def _module(file: Path) -> Any:
    packed = file.with_name("_runtime.py").is_file()
    start = file.with_name("__init__.py") if packed else file
    found = importlib.util.spec_from_file_location(_PACKAGE, start, submodule_search_locations=[str(file.parent)])
    if found is None or found.loader is None:
        raise CheckError(f"{shown_path(file)} is not a Python file: {_WANTED}")
    try:
        module: Any = importlib.util.module_from_spec(found)
        sys.modules[_PACKAGE] = module
        found.loader.exec_module(module)
        if not packed:
            return module
        equations: Any = importlib.import_module(f"{_PACKAGE}.network")
        equations.Trainer, equations.example = module.Trainer, module.example
    except (Exception, SystemExit) as problem:
        raise CheckError(f"{shown_path(file)} cannot be imported: {_reason(problem, file.parent)}") from problem
    return equations
