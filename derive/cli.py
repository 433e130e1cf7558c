"""The ``derive`` command.

Only what a command needs is imported, and inside that command: ``derive
--help`` must not wait for SymPy.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from derive import __version__
from derive.render import OutputError, compare_files, write_files
from derive.spec import Network, SpecError, resolve
from derive.user_text import shown_path

if TYPE_CHECKING:
    from derive.pipeline import Derivation

EXAMPLES = """\
examples:
  derive network --layers 3,4,4,1
  derive network --layers 784,128,10 --activation relu,softmax --loss cross_entropy
  derive network --layers n,h,h,k --notation bracket
  derive check generated/network_3_4_4_1
  derive list activations
"""

#: What `derive list` shows: the title, the module of the catalogue, its name there.
CATALOGUES = {
    "activations": ("derive.activations", "ACTIVATIONS"),
    "losses": ("derive.losses", "LOSSES"),
    "biases": ("derive.layers", "BIASES"),
    "notations": ("derive.notation", "NOTATIONS"),
    "optimizers": ("derive.optimizers", "OPTIMIZERS"),
}

NETWORK_OPTIONS = ("layers", "activation", "loss", "bias", "notation", "name")


class Refused(Exception):
    """A request that cannot be met; the message is one sentence, ``code`` the exit status."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv``, by default the process's own arguments; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter shows its code
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            options = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
            return int(options.run(options))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except (SpecError, OutputError) as error:
        return _complain(str(error), 2)
    except Refused as error:
        return _complain(str(error), error.code)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:  # whoever read this has read enough
        _discard_output()
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            raise
        _discard_output()
        return _complain(f"cannot write the output: {error.strerror or error}", 2)
    except MemoryError:
        return _complain("there is not enough memory for a network of these widths: use smaller ones", 2)


def _discard_output() -> None:
    """Let nothing more be written to a standard output that takes nothing."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _joined(argv: Sequence[str]) -> list[str]:
    """Join ``--layers -3,4`` to one argument, so that it is refused for what is wrong with it."""
    joined: list[str] = []
    for argument in argv:
        if joined[-1:] == ["--layers"] and argument[:1] == "-" and argument[1:2] in {*"0123456789,."}:
            joined[-1] = f"--layers={argument}"
        else:
            joined.append(argument)
    return joined


def _complain(message: str, code: int) -> int:
    print(f"derive: {_printable(message)}", file=sys.stderr)
    return code


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# The options.


class _Parser(argparse.ArgumentParser):
    """A parser that refuses abbreviations and says what is wrong in one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"derive: {_printable(message)} (see `{self.prog} --help`)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="derive",
        description="Derive the equations of a network's learning, to read and to run.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"derive {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_network(commands)
    _add_check(commands)
    _add_list(commands)
    return parser


def _add_network(commands: Any) -> None:
    text = "derive a network's gradient, prove it, and write the derivation and the module"
    parser = commands.add_parser("network", help=text, description=f"{text.capitalize()}.")
    network = parser.add_argument_group("the network")
    network.add_argument("--layers", metavar="N,N,...", help="widths, inputs first: integers, names, or a mix")
    network.add_argument(
        "--activation", metavar="NAME[,NAME...]", help="one for all layers, or one per layer (sigmoid)"
    )
    network.add_argument("--loss", metavar="NAME", help="what is minimised (mse)")
    network.add_argument("--bias", metavar="NAME", help="separate, augmented or none (separate)")
    network.add_argument("--notation", metavar="NAME", help="how it is written: psi, bracket or delta (psi)")
    network.add_argument(
        "--spec", metavar="FILE", type=Path, help="a TOML file that says the same; options override it"
    )
    files = parser.add_argument_group("the files")
    files.add_argument("--name", help="of the folder and the package (network_ and the widths)")
    files.add_argument(
        "--output",
        metavar="FOLDER",
        type=Path,
        default=Path("generated"),
        help="where that folder is put (generated)",
    )
    either = files.add_mutually_exclusive_group()
    either.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff if the files differ")
    either.add_argument("--force", action="store_true", help="overwrite even what was edited by hand")
    parser.set_defaults(run=_network)


def _add_check(commands: Any) -> None:
    text = "check the gradients of a generated module against numbers"
    parser = commands.add_parser("check", help=text, description=f"{text.capitalize()}.")
    parser.add_argument("path", metavar="PATH", type=Path, help="a generated folder, or the trainer.py in it")
    parser.set_defaults(run=_check)


def _add_list(commands: Any) -> None:
    text = "show the activations, losses and all else there is to choose from, with formulas"
    parser = commands.add_parser("list", help=text, description=f"{text.capitalize()}.")
    parser.add_argument("what", metavar="WHAT", nargs="?", choices=CATALOGUES, help=", ".join(CATALOGUES))
    parser.set_defaults(run=_list)


# The commands.


def _network(options: argparse.Namespace) -> int:
    network = _resolve(options)
    from derive.pipeline import derive

    derivation = derive(network)
    folder = options.output / network.name
    if options.check:
        return _compare(folder, derivation.files())
    return _write(derivation, folder, options)


def _resolve(options: argparse.Namespace) -> Network:
    given = {key: value for key in NETWORK_OPTIONS if (value := getattr(options, key)) is not None}
    if "layers" not in given and options.spec is None:
        raise Refused("which network: give --layers, such as --layers 3,4,4,1, or --spec FILE")
    return resolve(given, options.spec)


def _compare(folder: Path, files: dict[str, str]) -> int:
    difference = compare_files(folder, files)
    if not difference:
        print(f"{shown_path(folder)} is up to date")
    sys.stdout.write(difference)
    return 1 if difference else 0


def _write(derivation: Derivation, folder: Path, options: argparse.Namespace) -> int:
    report = derivation.check()
    if not report.passed:
        raise Refused(f"the gradient check failed and nothing was written: {report.line()}", 1)
    read = [options.spec] if options.spec else []
    written = write_files(folder, derivation.files(), options.force, read)
    first, *rest = derivation.summary()
    print(_painted(first, "1"), *rest, "", _painted(report.line(), "32"), sep="\n")
    for name, what in written:
        print(_painted(f"{what:9}", "2"), shown_path(folder / name))
    return 0


def _check(options: argparse.Namespace) -> int:
    from derive.verify import CheckError, check_module

    try:
        report = check_module(options.path)
    except CheckError as error:
        raise Refused(str(error)) from error
    print(*report.table(), _painted(report.line(), "32" if report.passed else "31"), sep="\n")
    return 0 if report.passed else 1


def _list(options: argparse.Namespace) -> int:
    from importlib import import_module

    for number, title in enumerate([options.what] if options.what else CATALOGUES):
        module, name = CATALOGUES[title]
        entries = getattr(import_module(module), name).values()
        print(*([""] if number else []), _painted(title, "1"), *_rows(entries), sep="\n")
    return 0


def _rows(entries: Iterable[Any]) -> list[str]:
    """Lay out entries in columns: name, formula if there is one, summary."""
    from derive.catalogue import formula
    from derive.notation import Notation

    cells = [(e.name, *([] if isinstance(e, Notation) else [formula(e)]), e.summary) for e in entries]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return ["  " + "  ".join(map(_padded, row, widths)).rstrip() for row in cells]


# What a terminal shows.


def _width(text: str) -> int:
    return sum(not unicodedata.combining(c) for c in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _painted(text: str, code: str) -> str:
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\x1b[{code}m{text}\x1b[0m" if colours else text


if __name__ == "__main__":
    sys.exit(main())
