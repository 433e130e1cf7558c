"""The ``derive`` command.

Imports are inside the commands that need them, so that ``derive --help`` does
not import SymPy.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from derive.command.cache import Result, cached
from derive.command.list_rows import rows, summary
from derive.command.options import NAMES, STORY_FORMATS, check_lengths, parser, printable
from derive.command.streams import REFUSED, complain, discard, prepare
from derive.files.write import compare_files, stale_files, write_files
from derive.statement.edition import KEYS, Edition, check_use, edition_of
from derive.statement.keys import CATALOGUES, catalogue
from derive.statement.keys import KEYS as NETWORK_KEYS
from derive.statement.network import Network, SpecError, resolve
from derive.statement.specification import LEARNING
from derive.text.errors import OutputError, StatementError
from derive.text.source import SUFFIX
from derive.text.toml_file import read_toml
from derive.text.user_text import shown_path

if TYPE_CHECKING:
    from derive.api import Derivation
    from derive.files.seals import Content
    from derive.statement.statement import Statement


class Refused(Exception):
    """A request that is refused; the message is one sentence, ``code`` the exit status."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def command() -> int:
    """Run the command as a separate process, and return the exit status.

    Garbage collection is off: the process is short, and collection took a quarter of its time. NumPy multiplies small
    matrices only, so OpenBLAS starts no threads.
    """
    gc.disable()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return main()
    finally:
        gc.freeze()  # nor a collection at exit


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv``, by default the process's own arguments; return the exit status."""
    prepare()
    try:
        try:
            arguments = _joined(sys.argv[1:] if argv is None else argv)
            check_lengths(arguments)
            options = parser(COMMANDS).parse_args(arguments)
            return int(options.run(options))
        finally:
            sys.stdout.flush()
    except (SpecError, StatementError, OutputError) as error:
        return _complain(str(error), 2)
    except Refused as error:
        return _complain(str(error), error.code)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:  # the reader has closed the pipe
        discard(sys.stdout)
        return 1
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        discard(sys.stdout)
        return _complain(f"cannot write the output: {error.strerror or error}", 2)
    except MemoryError:
        return _complain("there is not enough memory for a network of these widths: use smaller ones", 2)


def _joined(argv: Sequence[str]) -> list[str]:
    """Join ``--layers -3,4`` to one argument, so that the message names the invalid width."""
    joined: list[str] = []
    for argument in argv:
        if joined[-1:] == ["--layers"] and argument[:1] == "-" and argument[1:2] in {*"0123456789,."}:
            joined[-1] = f"--layers={argument}"
        else:
            joined.append(argument)
    return joined


def _complain(message: str, code: int) -> int:
    complain("derive: " + "\n".join(map(printable, message.split("\n"))))
    return code


# The commands.


def _network(options: argparse.Namespace) -> int:
    if options.show_equations:
        sys.stdout.write(_derivation(_resolve(options), _equations_file(options)).equations())
        return 0
    read = _read(options)
    result = _derived(options) if read is None else cached(options, read, lambda: _derived(options))
    folder = options.output / result.name
    if options.check:
        return _compare(folder, result.files)
    first, *rest = result.summary
    said = [_painted(first, "1"), *rest, "", _painted(result.report, "32")]
    return _write(folder, result.files, options.force, read or (), said)


def _derived(options: argparse.Namespace) -> Result:
    """Derive, check and render according to the options."""
    network = _resolve(options)
    edition = _edition(options)
    derivation = _derivation(network, _equations_file(options))
    report = _checked(derivation)
    return Result(derivation.specification.name, derivation.contents(edition), derivation.summary(), report)


def _derivation(network: Network | Statement, file: Path | None) -> Derivation:
    """Derive a network; an error about the equations of a file as a whole names the file."""
    from derive.api import derive

    try:
        return derive(network)
    except StatementError as error:
        raise StatementError(str(error) if file is None else f"{shown_path(file)}: {error}") from None


def _read(options: argparse.Namespace) -> list[Path] | None:
    """The files that the options name: the specification and the numbers; None where there is no cache of it."""
    stated, spec = _equations_file(options), getattr(options, "spec", None)
    if any(file is not None and not file.is_file() for file in (stated, spec)):
        return None
    try:
        numbers = _edition(options).numbers
    except SpecError:  # errors of the network are reported first
        return None
    used = [] if stated is None else sorted(stated.parent.glob(f"*{SUFFIX}"))
    return [Path(p) for p in (stated, *used, spec, numbers) if p and not str(p).startswith("seed:")]


def _equations_file(options: argparse.Namespace) -> Path | None:
    """The file with the equations, if the network is stated by them."""
    file: Path | None = getattr(options, "equations", None)
    return file


def _resolve(options: argparse.Namespace) -> Network | Statement:
    given = {key: value for key in NETWORK_KEYS if (value := getattr(options, key, None)) is not None}
    stated = _equations_file(options)
    if stated is not None:
        from derive.statement.statement import Statement

        foreign = next((key for key in given if key not in LEARNING), None)
        if foreign:
            raise Refused(f"--{foreign} is a matter of layers: the equations say it")
        return Statement.from_file(stated, options.is_layer, **given)
    if "layers" not in given and options.spec is None:
        raise Refused("which network: give --layers, such as --layers 3,4,4,1, or --spec FILE")
    return resolve(given, options.spec)


def _edition(options: argparse.Namespace) -> Edition:
    """The edition that the options and the spec file describe."""
    given = {key: value for key in KEYS if (value := getattr(options, key, None)) is not None}
    spec = getattr(options, "spec", None)
    table = {} if spec is None else read_toml(spec).get("document", {})
    edition = edition_of(table, given, spec)
    check_use(edition, [key for key, value in given.items() if value])
    return edition


def _compare(folder: Path, files: Mapping[str, Content]) -> int:
    difference = compare_files(folder, files)
    if not difference:
        print(f"{shown_path(folder)} is up to date")
    sys.stdout.write(difference)
    return 1 if difference else 0


def _checked(derivation: Derivation) -> str:
    """Return the line that reports the check; raises Refused if it fails, so that nothing is written."""
    from derive.text.errors import ModuleError

    try:
        report = derivation.check()
    except ModuleError as error:
        raise Refused(f"the check failed and nothing was written: {error}", 1) from error
    if not report.passed:
        raise Refused(f"the check failed and nothing was written: {report.line()}", 1)
    return report.line()


def _write(
    folder: Path, files: Mapping[str, Content], force: bool, read: Sequence[Path] = (), said: Sequence[str] = ()
) -> int:
    """Write the files; then print the lines of ``said`` and the written files."""
    written = write_files(folder, files, force, read)
    if said:
        print(*said, sep="\n")
    stale = [(path.relative_to(folder).as_posix(), "stale") for path in stale_files(folder, files)]
    for place, what in _gathered([*written, *stale]):
        print(_painted(f"{what:9}", "2"), f"{shown_path(folder)}/{place}")
    return 0


def _gathered(files: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The files with their status; files in a subfolder are grouped, with their number."""
    counts = Counter((name if "/" not in name else f"{name.rpartition('/')[0]}/", what) for name, what in files)
    return [(f"{n} ({count} file{'s' * (count > 1)})" if n[-1] == "/" else n, w) for (n, w), count in counts.items()]


def _explain(options: argparse.Namespace) -> int:
    network = _resolve(options)
    edition = _edition(options)
    files = options.format is not None or options.output is not None
    unfit = [name for name in edition.formats if files and name not in STORY_FORMATS]
    if unfit:
        raise Refused(f"{unfit[0]} is not a format of a story: give some of {', '.join(STORY_FORMATS)}")
    derivation = _derivation(network, _equations_file(options))
    if not files:
        print(derivation.explain(options.weight, edition.numbers, edition.detail))
        return 0
    from derive.formats.story_files import story_files

    name, contents = story_files(derivation, options.weight, edition)
    return _write((options.output or Path("generated")) / name, contents, options.force)


def _check(options: argparse.Namespace) -> int:
    from derive.command.check_path import check_module
    from derive.text.errors import CheckError

    try:
        report = check_module(options.path)
    except CheckError as error:
        raise Refused(str(error)) from error
    print(*report.table(), _painted(report.line(), "32" if report.passed else "31"), sep="\n")
    return 0 if report.passed else 1


def _list(options: argparse.Namespace) -> int:
    for number, title in enumerate([options.what] if options.what else [*CATALOGUES, *NAMES]):
        cells = [*NAMES[title].items()] if title in NAMES else _entries(title)
        lines = rows(cells, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
        print(*([""] if number else []), _painted(title, "1"), *lines, sep="\n")
    return 0


def _entries(title: str) -> list[tuple[str, ...]]:
    """Each entry of a catalogue: its name, its formula if there is one, its summary."""
    from derive.command.lists import formula
    from derive.paper.notation import Notation

    entries = catalogue(title).values()
    return [(e.name, *([] if isinstance(e, Notation) else [formula(e)]), summary(e)) for e in entries]


#: The function of each command.
COMMANDS = {
    "network": _network,
    "equations": _network,
    "layer": _network,
    "explain": _explain,
    "check": _check,
    "list": _list,
}


# Output to the terminal.


def _painted(text: str, code: str) -> str:
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\x1b[{code}m{text}\x1b[0m" if colours else text


if __name__ == "__main__":
    sys.exit(command())
