"""A wheel built from a clean checkout does its work in an empty environment, in another folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest

from derive.statement.edition import PARTS
from tests.conftest import REQUIRED

#: One process builds the wheel for all of these; a slow network may take minutes.
pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.timeout(900)]

LEARN = """
import json, sys
import numpy as np
import trainer
X = np.random.default_rng(0).normal(size=(3, 5))
parameters = trainer.initial_parameters(seed=0)
errors = [trainer.update(parameters, X, np.ones((1, 5)), 0.1) for _ in range(50)]
json.dump(errors, sys.stdout)
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command that sees nothing of this checkout; return what it prints, or fail with it."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env={**outside, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} exits with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a clone would hold once everything is added: all files that git does not ignore."""
    copy = tmp_path_factory.mktemp("checkout")
    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, run("git", "-c", "safe.directory=*", *listing, cwd=root).split("\0")):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", "dist", cwd=checkout)
    (built,) = (checkout / "dist").glob("*.whl")
    return built


def names(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as opened:
        return set(opened.namelist())


def files_under(folder: Path, prefix: str) -> set[str]:
    return {f"{prefix}/{p.relative_to(folder).as_posix()}" for p in folder.rglob("*") if p.is_file()}


def test_wheel_holds_the_package_and_its_templates(checkout: Path, wheel: Path) -> None:
    expected = files_under(checkout / "derive", "derive") | files_under(checkout / "templates", "derive/templates")
    held = names(wheel)
    assert {name for name in held if ".dist-info/" not in name} == expected
    assert any(name.startswith("derive/templates/latex/") for name in held)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in held)


def test_sdist_gives_the_same_wheel(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    (sdist,) = (checkout / "dist").glob("*.tar.gz")
    shutil.unpack_archive(sdist, tmp_path)
    (unpacked,) = tmp_path.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist", cwd=unpacked)
    assert names(unpacked / "dist" / wheel.name) == names(wheel)


def link(package: str, folder: Path) -> None:
    """Make an installed package, and the shared libraries beside it, importable from `folder`."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    home = Path(spec.origin).parent
    for part in (home, home.with_name(f"{package}.libs")):
        if part.is_dir():
            (folder / part.name).symlink_to(part)


def declared(distribution: str) -> set[str]:
    """The packages that a distribution needs, and those that they need."""
    direct = [r for r in requires(distribution) or () if "extra ==" not in r]
    found = {re.match(r"[\w.-]+", r)[0].lower() for r in direct}  # type: ignore[index]
    return found.union(*(declared(package) for package in found))


@pytest.fixture(scope="module")
def environment(wheel: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it declares to need, and nothing else.

    Where CI is set, pip installs the packages, which takes minutes on a slow network; else those of this
    environment are linked. Python compiles a module when it is first imported: most of SymPy's never are.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile")
    if REQUIRED:
        run(*pip, "--constraint", root / "constraints.txt", wheel, cwd=folder)
    else:
        run(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
        (packages,) = folder.glob("lib/python*/site-packages")
        for package in declared("derive"):
            link(package, packages)
    return folder


def test_command_in_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    printed = run(environment / "bin" / "derive", "network", "--layers", "3,4,4,1", cwd=tmp_path)
    assert "Ψ" in printed
    written = tmp_path / "generated" / "network_3_4_4_1"
    assert {p.name for p in (written / "parts").iterdir()} == {
        f"{name}.tex" for name in PARTS if name not in ("numbers", "exercises")
    }
    assert {p.name for p in written.iterdir()} == {
        "parts",
        "__init__.py",
        "__main__.py",
        "_runtime.py",
        "_steps.py",
        "derivation.tex",
        "document.tex",
        "network.py",
        "network.toml",
        "test_trainer.py",
        "trainer.py",
    }


@pytest.mark.parametrize("name", ["network_3_4_4_1", "every_format"])
def test_command_gives_the_bytes_of_the_checkout(name: str, environment: Path, root: Path, tmp_path: Path) -> None:
    golden = root / "generated" / name
    run(
        environment / "bin" / "derive",
        "network",
        "--spec",
        golden / "network.toml",
        "--output",
        "here",
        cwd=tmp_path,
    )
    for file in golden.rglob("*"):
        if file.is_file() and file.parent.name != "__pycache__":
            place = file.relative_to(golden)
            assert (tmp_path / "here" / golden.name / place).read_bytes() == file.read_bytes(), place


def test_trainer_needs_numpy_only(root: Path, tmp_path: Path) -> None:
    link("numpy", tmp_path)
    shutil.copytree(root / "generated" / "network_3_4_4_1", tmp_path / "trainer")
    # -S: nothing that is installed can be imported; PYTHONPATH holds NumPy and the module alone
    bare = (sys.executable, "-S")
    errors = json.loads(run(*bare, "-c", LEARN, cwd=tmp_path, PYTHONPATH=str(tmp_path)))
    assert errors == sorted(errors, reverse=True)
    run(*bare, "-m", "trainer", cwd=tmp_path, PYTHONPATH=str(tmp_path))
