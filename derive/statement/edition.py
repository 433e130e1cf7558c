"""The options of the output: formats, level of detail, Markdown flavour, worked numbers.

The names of the choices are defined here, so that a command that only needs the names
does not import SymPy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from derive.files.flavours import FLAVOURS as MARKDOWN
from derive.files.formats import FORMATS
from derive.files.targets import TARGETS
from derive.text.errors import SpecError
from derive.text.known import unknown
from derive.text.toml_file import read_toml
from derive.text.user_text import bounded, kind, shown, shown_path


@dataclass(frozen=True)
class PartEntry:
    """A part of the document: its description, and whether a brief document includes it."""

    summary: str
    brief: bool = True


#: The parts of the document, in order; `derive/document/parts/` has a module for each.
PARTS = {
    "glance": PartEntry("what the network is, drawn, and layer by layer"),
    "forward": PartEntry("the forward pass, for one sample and for a batch"),
    "sought": PartEntry("gradient descent, and why not finite differences", brief=False),
    "chain": PartEntry("the local derivatives, and every path to one weight", brief=False),
    "pattern": PartEntry("the factor that chains share, its recursion, what it saves"),
    "values": PartEntry("the derivatives of the activations and of the loss"),
    "matrices": PartEntry("from one sample to a batch: the backward pass in matrices"),
    "loop": PartEntry("the update and the training loop, with the lines of code"),
    "numbers": PartEntry("a worked example, with --numbers"),
    "check": PartEntry("how well the gradients agree with numerical derivatives", brief=False),
    "notation": PartEntry("every symbol, its meaning and its shape", brief=False),
    "exercises": PartEntry("the answers to the exercises of the parts, with --exercises"),
}
#: The levels of detail, from least to most.
DETAILS = {
    "brief": "the heart of the matter",
    "full": "every kind of step once",
    "exhaustive": "every step",
}
PAPERS = ("a4", "letter")


@dataclass(frozen=True)
class FlavourEntry:
    """A flavour of a format: its description, and the format."""

    summary: str
    format: str = "md"


#: The flavours of Markdown, and those of a notebook.
FLAVOURS = {
    **{name: FlavourEntry(flavour.summary) for name, flavour in MARKDOWN.items()},
    "exercise": FlavourEntry("a notebook with blanks and checks, and one with the answers", "ipynb"),
}
#: The flavour of Markdown if none is given.
MYST = "myst"
FORMS = {
    "package": "a package: the equations, the trainer, what both rest on, tests",
    "single-file": "the same in one file, trainer.py",
    "core": "the equations and update, in network.py, without checks and trainer",
    "predict": "the forward pass alone, in predict.py, for a trained network",
}

MAX_PREFIX = 40
MAX_SEED = 10**20
MAX_PATH = 4096

_PREFIX = re.compile(r"[A-Za-z0-9.:-]*")
_SEED = re.compile(r"(?:seed:)?\s*([0-9]{1,20})")


@dataclass(frozen=True, init=False)
class Edition:
    """The options of the output of a derivation.

    ``formats`` are names from ``FORMATS`` and ``only`` names from ``PARTS``, as a sequence or
    a comma-separated string; no ``only`` means all parts of the ``detail``. A ``flavour`` is for
    one format, see ``FLAVOURS``; ``front_matter`` is for Markdown; ``label_prefix`` begins every
    label in LaTeX (without one there are none) and every anchor in Markdown. ``numbers`` is a seed
    (``7`` or ``"seed:7"``) or the path of a TOML file, for a worked example. ``exercises`` adds
    exercises with answers, ``estimator`` a scikit-learn estimator to the package. ``form`` is the
    form of the code: a name from ``FORMS``. ``paper`` is that of the PDF, a name from ``PAPERS``. ``target`` is the
    language of the code: a name from ``TARGETS``.

    Raises SpecError for an invalid value or combination.

    >>> Edition("html,tex").formats, Edition(numbers=7).numbers
    (('tex', 'html'), 'seed:7')
    """

    formats: tuple[str, ...]
    detail: str
    only: tuple[str, ...]
    flavour: str
    front_matter: bool
    label_prefix: str
    paper: str
    numbers: str | None
    exercises: bool
    estimator: bool
    form: str
    target: str

    def __init__(
        self,
        formats: str | Iterable[str] = ("tex",),
        detail: str = "full",
        only: str | Iterable[str] = (),
        flavour: str = MYST,
        front_matter: bool = False,
        label_prefix: str = "",
        numbers: str | int | Path | None = None,
        exercises: bool = False,
        estimator: bool = False,
        form: str = "package",
        paper: str = "a4",
        target: str = "numpy",
    ) -> None:
        values = {
            "formats": _names("format", formats, FORMATS),
            "detail": _name("detail", detail, DETAILS),
            "only": () if only == () or only == [] else _names("only", only, PARTS),
            "flavour": _name("flavour", flavour, FLAVOURS),
            "front_matter": _flag("front_matter", front_matter),
            "label_prefix": _prefix(label_prefix),
            "numbers": None if numbers is None else _numbers(numbers),
            "exercises": _flag("exercises", exercises),
            "estimator": _flag("estimator", estimator),
            "form": _name("form", form, FORMS),
            "paper": _name("paper", paper, PAPERS),
            "target": _name("target", target, TARGETS),
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)
        if "exercises" in self.only:
            object.__setattr__(self, "exercises", True)
        if "numbers" in self.only and self.numbers is None:
            raise SpecError("only names numbers, the worked example, which needs numbers: give a seed or a file")
        if self.form not in TARGETS[self.target].forms:
            raise SpecError(f"form {self.form} is for target numpy: leave it out with target {self.target}")
        if self.estimator and self.target != "numpy":
            raise SpecError(f"estimator is for target numpy: leave it out with target {self.target}")
        if self.estimator and self.form in ("core", "predict"):
            raise SpecError(f"estimator needs a trainer, but form {self.form} has none: give form package")

    @classmethod
    def from_toml(cls, path: str | Path) -> Edition:
        """Read the ``[document]`` table of a TOML file; without one, this is the default edition.

        A path of numbers is relative to the file. Raises SpecError naming the file, for an
        unknown key, a wrong type or a value that does not fit.
        """
        return edition_of(read_toml(path).get("document", {}), {}, Path(path))

    def to_toml(self) -> str:
        """Write the options that differ from the default as a ``[document]`` table; empty if none does."""
        plain = Edition()
        rows = {
            key: _written(getattr(self, name))
            for key, name in KEYS.items()
            if getattr(self, name) != getattr(plain, name)
        }
        if self.reads_file:
            rows["numbers"] = f'"{NUMBERS_FILE}"'
        return "".join(["\n[document]\n", *(f"{key} = {value}\n" for key, value in rows.items())]) if rows else ""

    @property
    def markdown(self) -> str:
        """The flavour of Markdown; the default if the flavour is for another format."""
        return self.flavour if FLAVOURS[self.flavour].format == "md" else MYST

    @property
    def reads_file(self) -> bool:
        """Whether the worked numbers come from a file."""
        return self.numbers is not None and not _SEED.fullmatch(self.numbers)


#: File name of the numbers of a worked example in the generated folder.
NUMBERS_FILE = "numbers.toml"

#: Keys of a ``[document]`` table and of command options, with the arguments that they set.
KEYS = {"format" if f.name == "formats" else f.name: f.name for f in fields(Edition)}


def edition_of(table: object, options: Mapping[str, Any], file: Path | None = None) -> Edition:
    """Combine the ``[document]`` table of a spec file with options; options take precedence.

    Both use the names in ``KEYS``. Raises SpecError, which names the file if its table is at fault.
    """
    where = "document" if file is None else f"{shown_path(file)}: document"
    if not isinstance(table, Mapping):
        raise SpecError(f"{where} is {kind(table)}, {shown(table)}, where a table is expected")
    try:
        stated = _arguments(table, Path() if file is None else file.parent)
        Edition(**stated if "numbers" not in options else {**stated, "numbers": 1})
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from None
    return Edition(**{**stated, **_arguments(options, Path())})


def check_use(edition: Edition, options: Collection[str]) -> None:
    """Raise SpecError for an option that none of the formats reads."""
    for key in options:
        formats = [name for name, entry in FORMATS.items() if key in entry.options]
        what = key
        if key == "flavour":
            formats, what = [FLAVOURS[edition.flavour].format], f"flavour {edition.flavour}"
        if formats and not {*formats} & {*edition.formats}:
            listed = " or ".join(formats)
            raise SpecError(f"{what} is for {listed}, which the format does not name: give {formats[0]} there too")


# One argument at a time.


def _arguments(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Convert the keys of a table to arguments; a path is relative to ``folder``."""
    for key in values:
        if key not in KEYS:
            raise SpecError(unknown("key", key, KEYS))
    found = {KEYS[key]: value for key, value in values.items()}
    given = found.get("numbers")
    if isinstance(given, str) and given.strip() and not given.startswith("seed:") and not _SEED.fullmatch(given):
        found["numbers"] = str(folder / given)
    return found


#: For each argument, the noun for its names, and the list that shows them.
_NOUNS = {
    "format": ("format", "formats"),
    "detail": ("detail", "details"),
    "only": ("part", "parts"),
    "flavour": ("flavour", "flavours"),
    "form": ("form", "forms"),
    "paper": ("paper", ""),
    "target": ("target", "targets"),
}


def _name(key: str, value: object, known: Collection[str]) -> str:
    if not isinstance(value, str):
        raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where a name is expected")
    if value not in known:
        what, plural = _NOUNS[key]
        raise SpecError(unknown(what, value, known, plural=plural))
    return value


def _names(key: str, value: object, known: Collection[str]) -> tuple[str, ...]:
    """Return the names, each once, in the order of ``known``."""
    example = ",".join([*known][:2])
    if isinstance(value, str):
        text = bounded(key, value).strip(" \t")
        value = [part.strip(" \t") for part in text.split(",")] if text else []
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where a list such as {example} is expected")
    given = [_listed(key, entry, position, known) for position, entry in enumerate(value, 1)]
    if not given:
        raise SpecError(f"{key} is empty: give names such as {example}")
    twice = next((name for number, name in enumerate(given) if name in given[:number]), None)
    if twice is not None:
        raise SpecError(f"{key} names {twice} twice: once is enough")
    return tuple(name for name in known if name in given)


def _listed(key: str, entry: object, position: int, known: Collection[str]) -> str:
    if entry == "":
        raise SpecError(f"{key}: entry {position} is empty: give names with a comma between them")
    return _name(key, entry, known)


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where true or false is expected")
    return value


def _prefix(value: object) -> str:
    if not isinstance(value, str):
        raise SpecError(f"label_prefix is {kind(value)}, {shown(value)}, where a string is expected")
    if not _PREFIX.fullmatch(bounded("label_prefix", value)):
        raise SpecError(f"label_prefix is {shown(value)}, but is made of the letters a to z, digits, - . and :")
    if len(value) > MAX_PREFIX:
        raise SpecError(f"label_prefix is {shown(value)}, longer than {MAX_PREFIX} characters: choose a shorter one")
    return value


def _numbers(value: object) -> str:
    """Normalise a seed to ``seed:7``, or return the path of a file."""
    if isinstance(value, Path):
        return str(value) if value.parts[1:] or not _SEED.fullmatch(str(value)) else f"./{value}"
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise SpecError(f"numbers is {kind(value)}, {shown(value)}, where a seed such as 7 or a file is expected")
    if isinstance(value, str) and not bounded("numbers", value, MAX_PATH).strip():
        raise SpecError("numbers is empty: give a seed, such as seed:7, or a TOML file")
    seed = None if isinstance(value, int) and value >= MAX_SEED else _SEED.fullmatch(str(value))
    if seed is None and (isinstance(value, int) or value.startswith("seed:")):
        raise SpecError(f"numbers is {shown(value)}, but a seed is a whole number of at most 20 digits, such as seed:7")
    return f"seed:{int(seed[1])}" if seed else str(value)


def _written(value: object) -> str:
    """Write a value in TOML; no value holds a character that needs an escape."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{entry}"' for entry in value) + "]"
    return f'"{value}"'
