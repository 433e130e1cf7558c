"""The options of the ``derive`` command and their help; this module imports no library."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Any, NoReturn

from derive import __version__
from derive.command.streams import complain
from derive.files.formats import FORMATS
from derive.files.targets import TARGETS
from derive.statement.edition import DETAILS, FLAVOURS, FORMS, MAX_PATH, MYST, PAPERS, PARTS
from derive.statement.keys import CATALOGUES, KEYS
from derive.statement.network import DEFAULTS
from derive.statement.specification import LEARNING
from derive.text.user_text import MAX_TEXT, bounded, cut, shown

Command = Callable[[argparse.Namespace], int]

EXAMPLES = """\
examples:
  derive network --layers 3,4,4,1
  derive network --layers 784,128,10 --activation relu,softmax --loss cross_entropy
  derive network --layers 3,4,2 --activation "elu(alpha=1.4),tanh" --loss "huber(delta=0.5)"
  derive network --layers "8, layer_norm, 16, residual(16), 4" --activation "x*sigmoid(1.702*x)"
  derive network --layers n,h,h,k --notation bracket --format html
  derive network --layers 3,4,4,1 --target c
  derive network --layers 2,2,2 --numbers seed:7 --format pdf,md
  derive network --layers 4,8,3 --optimizer "adam(beta1=0.8)" --l2 0.01 --clip 1
  derive explain --layers 3,4,4,1 --weight "W2[3,1]"
  derive equations my_network.eq
  derive layer my_layer.eq
  derive check generated/network_3_4_4_1
  derive list activations
"""

#: Formats of the story of a weight, which has no code.
STORY_FORMATS = tuple(name for name, entry in FORMATS.items() if not entry.runs)

#: Further lists: names of document options, with their meanings.
NAMES = {
    "formats": {name: entry.summary for name, entry in FORMATS.items()},
    "targets": {name: entry.summary for name, entry in TARGETS.items()},
    "forms": FORMS,
    "parts": {name: entry.summary for name, entry in PARTS.items()},
    "details": DETAILS,
    "flavours": {name: entry.summary for name, entry in FLAVOURS.items()},
}


def printable(text: str) -> str:
    """Write a text on one line, with escapes for unprintable characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class _Parser(argparse.ArgumentParser):
    """A parser that refuses abbreviations and reports errors on one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        complain(f"derive: {printable(_shortened(message))} (see `{self.prog} --help`)")
        self.exit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help and versions; argparse itself would ignore a failure."""
        print(message, end="", file=file)


#: Largest length of a message about the arguments, which quotes them.
MAX_WORD, MAX_MESSAGE = 60, 240


def _shortened(message: str) -> str:
    """Shorten a message that quotes a long argument."""
    return cut(" ".join(cut(word, MAX_WORD) for word in message[:MAX_TEXT].split(" ")), MAX_MESSAGE)


def _path(text: str) -> Path:
    if len(text) > MAX_PATH:
        raise argparse.ArgumentTypeError(f"{shown(text)} is longer than any path: {MAX_PATH} characters are the limit")
    return Path(text)


def check_lengths(arguments: Iterable[str]) -> None:
    """Raise SpecError for an argument that is too long to be valid, before it is parsed."""
    before = ""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        named = argument.startswith("--") and equals and len(option) <= MAX_WORD
        where = option if named else before if before.startswith("--") else "an argument"
        bounded(where, value if named else argument)
        before = argument


def parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser of the command; ``commands`` maps names to functions."""
    whole = _Parser(
        prog="derive",
        description="Derive the equations of a network's learning, to read and to run.",
        epilog=EXAMPLES,
    )
    whole.add_argument("--version", action="version", version=f"derive {__version__}")
    places = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, add in _ADDED.items():
        add(places).set_defaults(run=commands[name])
    return whole


def _add_network(commands: Any) -> argparse.ArgumentParser:
    text = "derive a network's gradient, prove it, and write the derivation and the module"
    parser: argparse.ArgumentParser = commands.add_parser("network", help=text, description=f"{text.capitalize()}.")
    _add_shape(parser)
    return _add_output(parser)


def _add_equations(commands: Any) -> argparse.ArgumentParser:
    text = "do the same for a network that is stated by its forward equations"
    parser: argparse.ArgumentParser = commands.add_parser("equations", help=text, description=f"{text.capitalize()}.")
    parser.add_argument(
        "equations",
        metavar="FILE",
        type=_path,
        help="a text of equations, LaTeX if it ends with .tex; - is the standard input",
    )
    parser.set_defaults(is_layer=False)
    _add_learning(parser.add_argument_group("how it learns, which takes precedence over the text"), LEARNING)
    return _add_output(parser)


def _add_layer(commands: Any) -> argparse.ArgumentParser:
    text = "derive the backward pass of a layer alone, from given derivatives with respect to its last tensor"
    parser: argparse.ArgumentParser = commands.add_parser("layer", help=text, description=f"{text.capitalize()}.")
    parser.add_argument(
        "equations", metavar="FILE", type=_path, help="a text of equations without an error; - is the standard input"
    )
    parser.set_defaults(is_layer=True)
    _add_learning(parser.add_argument_group("the layer"), ["notation", "initialisation", "truncate"])
    return _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options of what is written."""
    document = parser.add_argument_group("the document")
    _add_wording(document, FORMATS)
    document.add_argument("--only", metavar="PART[,PART...]", help=f"some of the parts {', '.join(PARTS)}")
    of = {name: [n for n, entry in FLAVOURS.items() if entry.format == name] for name in ("md", "ipynb")}
    flavours = f"of Markdown: {_either(of['md'])} ({MYST}); of a notebook: {', '.join(of['ipynb'])}"
    document.add_argument("--flavour", metavar="NAME", help=flavours)
    document.add_argument(
        "--front-matter",
        action=argparse.BooleanOptionalAction,
        help="begin Markdown with its title as YAML",
    )
    document.add_argument(
        "--exercises", action=argparse.BooleanOptionalAction, help="add exercises on this network, with answers"
    )
    document.add_argument("--label-prefix", metavar="TEXT", help="how the labels of equations begin")
    document.add_argument("--paper", metavar="NAME", help=f"of the PDF: {_either(PAPERS)} (a4)")
    files = parser.add_argument_group("the files")
    _add_place(files)
    files.add_argument(
        "--estimator",
        action=argparse.BooleanOptionalAction,
        help="write estimator.py too, for scikit-learn",
    )
    files.add_argument("--target", metavar="NAME", help=f"language of the code: {_either(TARGETS)} (numpy)")
    files.add_argument("--form", metavar="NAME", help=f"of the code for NumPy: {_either(FORMS)} (package)")
    either = files.add_mutually_exclusive_group()
    either.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff if the files differ")
    either.add_argument("--show-equations", action="store_true", help="write nothing; print the forward equations")
    either.add_argument("--force", action="store_true", help="overwrite even what was edited by hand")
    return parser


def _add_shape(parser: argparse.ArgumentParser) -> None:
    """Add the options of the network."""
    network = parser.add_argument_group("the network")
    _add_learning(network, KEYS)
    network.add_argument(
        "--spec", metavar="FILE", type=_path, help="a TOML file that says the same; options override it"
    )


def _add_learning(group: Any, names: Iterable[str]) -> None:
    for name in names:
        if name != "name" and KEYS[name].help:  # the name is in the group of the files, formulas are in a file
            key = KEYS[name]
            group.add_argument(
                f"--{name.replace('_', '-')}",
                metavar=key.metavar,
                help=f"{key.help}{_default(DEFAULTS[name], key.left_out)}",
            )


def _default(value: object, left_out: str) -> str:
    """The default in a help text, in words if it is None; empty for a required option."""
    if value is Parameter.empty:
        return ""
    return f" ({left_out if value is None else value if isinstance(value, str) else f'{value:g}'})"


def _add_wording(group: Any, formats: Iterable[str]) -> None:
    """Add the options of the output."""
    group.add_argument("--format", metavar="NAME[,NAME...]", help=f"of {', '.join(formats)} (tex)")
    group.add_argument("--detail", metavar="NAME", help=f"level of detail: {_either(DETAILS)} (full)")
    group.add_argument("--numbers", metavar="FILE|seed:N", help="work an example in numbers, from a file or drawn")


def _add_place(group: Any) -> None:
    group.add_argument("--name", help="of the folder and the package (network_ and the widths)")
    group.add_argument(
        "--output",
        metavar="FOLDER",
        type=_path,
        default=Path("generated"),
        help="where that folder is put (generated)",
    )


def _either(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"


def _add_explain(commands: Any) -> argparse.ArgumentParser:
    text = "tell the story of one weight: its paths to the loss, its chain, its shared factor, its number"
    parser: argparse.ArgumentParser = commands.add_parser("explain", help=text, description=f"{text.capitalize()}.")
    parser.add_argument(
        "--weight", metavar="NAME[ROW,COLUMN]", required=True, help="such as W2[3,1], or a bias such as b2[3]"
    )
    _add_shape(parser)
    parser.add_argument("--equations", metavar="FILE", type=_path, help="a text of equations, in place of --layers")
    parser.set_defaults(is_layer=False)
    document = parser.add_argument_group("the document (by default, text for the terminal)")
    _add_wording(document, STORY_FORMATS)
    files = parser.add_argument_group("its files")
    files.add_argument("--name", help="of the network (network_ and the widths)")
    files.add_argument("--output", metavar="FOLDER", type=_path, help="where their folder is put (generated)")
    files.add_argument("--force", action="store_true", help="overwrite even what was edited by hand")
    return parser


def _add_check(commands: Any) -> argparse.ArgumentParser:
    text = "check the gradients of a generated module against numbers"
    parser: argparse.ArgumentParser = commands.add_parser("check", help=text, description=f"{text.capitalize()}.")
    parser.add_argument("path", metavar="PATH", type=_path, help="a generated folder, or the trainer.py in it")
    return parser


def _add_list(commands: Any) -> argparse.ArgumentParser:
    text = "show the activations, losses and all else there is to choose from, with formulas"
    parser: argparse.ArgumentParser = commands.add_parser("list", help=text, description=f"{text.capitalize()}.")
    lists = [*CATALOGUES, *NAMES]
    parser.add_argument("what", metavar="WHAT", nargs="?", choices=lists, help=", ".join(lists))
    return parser


#: The function that adds each command.
_ADDED = {
    "network": _add_network,
    "equations": _add_equations,
    "layer": _add_layer,
    "explain": _add_explain,
    "check": _add_check,
    "list": _add_list,
}
