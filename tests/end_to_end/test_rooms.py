"""The layers of the package: imports run downwards only, including those for types and inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "derive"

#: Every folder or module of the package, from the door down: each may import those below it.
ROOMS = (
    "__main__ command estimators api formats document worked drawing targets derived statement paper arrays catalogue "
    "learning files calculus text record"
).split()
#: What the root offers to all: no other name may be imported from there.
ROOT = {"__version__"}


def imports(tree: ast.AST) -> Iterator[str]:
    """The full names of what is imported of derive."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield from (f"{node.module}.{name.name}" for name in node.names if f"{node.module}.".startswith("derive."))
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if f"{name.name}.".startswith("derive."))


def room(name: str) -> str:
    return name.split(".")[1]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if name != "derive.__init__":
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def test_every_module_has_a_room():
    assert {room(name) for name, _ in modules()} == set(ROOMS)


def test_imports_run_downwards():
    up = [
        f"{name} imports {found}"
        for name, tree in modules()
        for found in imports(tree)
        if room(found) not in ROOT and ROOMS.index(room(found)) < ROOMS.index(room(name))
    ]
    assert up == []


def test_no_modules_import_each_other():
    names = {name.removesuffix(".__init__") for name, _ in modules()}
    reads = {
        name.removesuffix(".__init__"): {
            found if found in names else found.rpartition(".")[0] for found in imports(tree) if room(found) not in ROOT
        }
        for name, tree in modules()
    }
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"a circle: {' -> '.join((*above[above.index(name) :], name))}"
        if name not in done:
            for read in sorted(reads[name]):
                visit(read, (*above, name))
            done.add(name)

    for name in sorted(reads):
        visit(name, ())


@pytest.mark.parametrize(
    "folder", sorted(p.parent.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*/__init__.py"))
)
def test_every_folder_documents_its_input_and_output(folder):
    said = ast.get_docstring(ast.parse((PACKAGE / folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert all(word in said for word in ("In:", "Out:", "Imports:")), said
