"""The keys of a specification: one entry defines an argument, an option, a TOML key and its messages.

The catalogues need SymPy, so each is imported when a name is first looked up in it.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from derive.record import record
from derive.statement.own import EXAMPLES, Own, own, read_own
from derive.text.entry_text import (
    MAX_ENTRY,
    base_name,
    entry_text,
    known_name,
    number_text,
    parse_entry,
    split_entries,
)
from derive.text.errors import SpecError
from derive.text.known import folded, misspelled
from derive.text.source import SUFFIX
from derive.text.user_text import beyond_floats, bounded, cut, is_device, is_package_name, kind, shown, width

MAX_LAYERS = 200
MAX_NAME = 100
MAX_NUMBER = 400

#: Bounds of a number that keep all values of a step well inside the range of float32.
LEAST, MOST = 1e-12, 1e12

Widths = tuple[int | str, ...]

#: The folder of the layers of the catalogue, a text of equations for each.
LAYERS_FOLDER = Path(__file__).resolve().parents[1] / "catalogue" / "layers"

#: The catalogues by their titles in `derive list`: module and attribute.
CATALOGUES = {
    "activations": ("derive.catalogue.activations", "ACTIVATIONS"),
    "losses": ("derive.catalogue.losses", "LOSSES"),
    "biases": ("derive.catalogue.biases", "BIASES"),
    "layers": ("derive.statement.language.layers", "LAYERS"),
    "notations": ("derive.paper.notation", "NOTATIONS"),
    "optimizers": ("derive.learning.optimizers", "OPTIMIZERS"),
    "schedules": ("derive.learning.schedules", "SCHEDULES"),
    "initialisations": ("derive.learning.initialisations", "INITIALISATIONS"),
    "clippings": ("derive.learning.clippings", "CLIPPINGS"),
    "constraints": ("derive.learning.constraints", "CONSTRAINTS"),
}


def catalogue(title: str) -> Mapping[str, Any]:
    """Entries of a catalogue, by name."""
    module, name = CATALOGUES[title]
    entries: Mapping[str, Any] = getattr(import_module(module), name)
    return entries


def entry(key: str, value: object) -> str:
    """Return an entry of the key's catalogue with its options, in normal form."""
    title = KEYS[key].catalogue
    entries = catalogue(title)
    if not all(hasattr(e, "options") for e in entries.values()):
        return known_name(key, title, value, entries)
    name, options = parse_entry(key, title, value, entries)
    return entry_text(name, options, entries[name].options)


def with_options(key: str, text: str) -> tuple[Any, dict[str, Any]]:
    """Return an entry of the key's catalogue, and the values of its options."""
    title = KEYS[key].catalogue
    name, options = parse_entry(key, title, text, catalogue(title))
    return catalogue(title)[name], options


def number(key: str, value: object) -> float | None:
    """Return a number; raises SpecError if it is outside the key's range."""
    declared = KEYS[key]
    if value is None and declared.none is None:
        return None
    found = _real(key, value, declared.example)
    if found != declared.none and not LEAST <= found <= MOST:
        raise SpecError(f"{key} is {shown(value)}, but is {declared.range}")
    return found


def clipping(key: str, value: object) -> float | str | None:
    """Return the norm at which gradients are clipped as a number, another clipping as its text, None for neither."""
    text = value.strip(" \t") if isinstance(value, str) else value
    if not isinstance(text, str) or not text[:1].isalpha():
        return number(key, value)
    limit = with_options(key, text)[1]["limit"]
    return float(limit) if base_name(entry(key, text)) == "norm" else entry(key, text)


def optional(key: str, value: object) -> str | None:
    """Return an entry of the key's catalogue, or None."""
    return None if value is None else entry(key, value)


def names(key: str, value: object) -> str | None:
    """Return names of parameters, separated by commas."""
    if value is None:
        return None
    found = _entries(key, value, KEYS[key].example)
    for name in found or [""]:
        if not isinstance(name, str) or not name.isidentifier():
            raise SpecError(f"{key} holds {shown(name)}, where names such as {KEYS[key].example} are expected")
    if twice := next((name for name in found if found.count(name) > 1), ""):
        raise SpecError(f"{key} names {twice} twice")
    return ", ".join(found)


def factors(key: str, value: object) -> str | None:
    """Return numbers by names of parameters, as ``W1=0.1, b1=0.1``; None if there are none."""
    if value is None:
        return None
    example = KEYS[key].example
    if isinstance(value, Mapping):
        pairs = [*itertools.islice(value.items(), MAX_LAYERS)]
    else:
        parts = (text.partition("=") for text in _entries(key, value, example) if isinstance(text, str))
        pairs = [(name.strip(" \t"), number.strip(" \t")) for name, _, number in parts]
    found = dict[str, str]()
    for name, factor in pairs:
        if not isinstance(name, str) or not name.isidentifier():
            raise SpecError(f"{key} holds {shown(name)}, where it is written as {example}")
        if name in found:
            raise SpecError(f"{key} names {name} twice")
        value = _real(f"{key} of {name}", factor, "0.1")
        if not LEAST <= value <= MOST:
            raise SpecError(f"{key} of {name} is {shown(factor)}, but is {KEYS[key].range}")
        found[name] = number_text(exactly(value))
    return ", ".join(f"{name}={factor}" for name, factor in found.items()) or None


def order(key: str, value: object) -> int:
    """Return the order of the derivatives; raises SpecError for another one than 1, 2 or 3."""
    text = value.strip(" \t") if isinstance(value, str) else value
    found = next((n for n in (1, 2, 3) if not isinstance(value, bool) and text in (n, str(n))), None)
    if found is None:
        raise SpecError(f"{key} is {shown(value)}, where 1, 2 or 3 is expected")
    return found


def window(key: str, value: object) -> int | None:
    """Return a number of steps; raises SpecError for anything else than a whole number of at least 1."""
    if value is None:
        return None
    steps = 0
    if isinstance(value, str) and re.fullmatch(r"[ \t]*[0-9]{1,9}[ \t]*", value):
        steps = int(value)
    elif hasattr(value, "__index__") and not isinstance(value, bool):
        steps = int(value.__index__())
    if not 1 <= steps < 10**9:
        raise SpecError(f"{key} is {shown(value)}, where a number of steps, a whole number of at least 1, is expected")
    return steps


def word(key: str, value: object) -> str:
    """Return one of the words that a key may be; raises SpecError for another one."""
    words = KEYS[key].words
    found = value.strip(" \t").lower() if isinstance(value, str) else value
    if found not in words:
        raise SpecError(f"{key} is {shown(value)}, where {', '.join(words[:-1])} or {words[-1]} is expected")
    return str(found)


@record
class Key:
    """A key of a specification, and the command option of the same meaning.

    ``types`` and ``expected`` describe the TOML value; ``metavar`` and ``help`` belong to the option. ``read``
    validates a single value: an ``entry`` of a ``catalogue``, or a ``number`` in a ``range``, where ``none`` means
    that the feature is off. ``left_out`` describes the default in the help text if it is None. ``phrase`` is used in
    the description of a network. If ``always``, the key is written to a file even with its default value. ``words`` are
    those that a ``word`` may be.
    """

    types: tuple[type, ...]
    expected: str
    metavar: str = "NAME"
    help: str = ""
    always: bool = False
    read: Callable[[str, object], Any] | None = None
    catalogue: str = ""
    example: str = ""
    range: str = ""
    none: float | None = None
    left_out: str = "never"
    phrase: str = ""
    words: tuple[str, ...] = ()


def _chosen(title: str, help: str, expected: str = "a string", **fields: Any) -> Key:
    return Key((str,), expected, help=help, read=entry, catalogue=title, **fields)


def _number(help: str, range: str, example: str, phrase: str, none: float | None = None) -> Key:
    ranged = Key((int, float), "a number", "NUMBER", help, read=number, phrase=phrase)
    return replace(ranged, example=example, range=range, none=none)


def _formulas(key: str) -> Key:
    return Key((dict,), f'a table of formulas by their names, such as {{cubic = "{EXAMPLES[key]}"}}', read=read_own)


#: All keys, in the order of a file. Defaults are in the signature of ``Network``.
KEYS = {
    "name": Key((str,), "a string", always=True),
    "layers": Key(
        (list, tuple),
        "an array such as [3, 4, 4, 1]",
        "N,N,...",
        "widths, inputs first: integers or names; layers among them, such as residual(16)",
        always=True,
    ),
    "activation": Key(
        (str, list, tuple),
        'a string or an array such as ["tanh", "sigmoid"]',
        "NAME[,NAME...]",
        "one for all layers, or one per layer; names, or formulas in x",
        always=True,
        catalogue="activations",
    ),
    "loss": Key(
        (str,), "a string", help="loss that is minimised; or a formula of y and yhat", always=True, catalogue="losses"
    ),
    "bias": _chosen(
        "biases", "separate, augmented or none", always=True, left_out="augmented for xbar, otherwise separate"
    ),
    "notation": _chosen("notations", "notation of the derivation: psi, bracket, delta or xbar", always=True),
    "optimizer": _chosen("optimizers", "such as momentum, or adam(beta1=0.8)", 'a string such as "adam(beta1=0.9)"'),
    "l1": _number(
        "strength of the L1 penalty, a part of the loss",
        f"0 for no L1 penalty, or from {LEAST:g} to {MOST:g}",
        "0.01",
        "an L1 penalty of strength {}",
        none=0,
    ),
    "l2": _number(
        "strength of the L2 penalty, a part of the loss",
        f"0 for no L2 penalty, or from {LEAST:g} to {MOST:g}",
        "0.01",
        "an L2 penalty of strength {}",
        none=0,
    ),
    "clip": Key(
        (int, float, str),
        'a number, or a string such as "value(limit=0.5)"',
        "NUMBER|NAME",
        "norm at which gradients are clipped, or value(limit=0.5) to clip each entry",
        read=clipping,
        catalogue="clippings",
        example="1.0",
        range=f"a norm from {LEAST:g} to {MOST:g}: leave it out not to clip",
        phrase="gradients clipped at {}",
    ),
    "schedule": _chosen(
        "schedules",
        "of the learning rate, such as cosine(steps=1000)",
        'a string such as "step(every=100)"',
        phrase="the schedule {}",
    ),
    "initialisation": _chosen("initialisations", "weight initialisation"),
    "order": Key(
        (int,),
        "1, 2 or 3",
        "N",
        "of the derivatives: 2 for the product of the Hessian and a vector, 3 for the derivative of that",
        read=order,
    ),
    "truncate": Key(
        (int,),
        "a number of steps",
        "N",
        "of the windows of truncated back-propagation through time, in steps of a recurrence",
        read=window,
        left_out="all steps",
        phrase="truncated back-propagation through time in windows of length {}",
    ),
    "sample_weight": Key(
        (str,),
        'a string such as "mean"',
        help="weights of the samples in the error: mean divides by their sum, factor by the number of samples; "
        "outputs for a weight of each output of a sample",
        read=word,
        phrase="sample weights ({})",
        words=("none", "mean", "factor", "outputs"),
    ),
    "missing": Key(
        (str,),
        'a string such as "ignore"',
        help="what NaN in a target means: refuse it, or ignore that output in the error",
        read=word,
        phrase="missing targets left out",
        words=("refuse", "ignore"),
    ),
    "gradients": Key(
        (str,),
        'a string such as "inputs"',
        help="what the error is differentiated with respect to: the parameters, or the inputs too",
        read=word,
        words=("parameters", "inputs"),
    ),
    "constraint": Key(
        (str,),
        'a string such as "max_norm(limit=3)"',
        help="that weights keep after each step: max_norm(limit=3) or non_negative",
        read=optional,
        catalogue="constraints",
        left_out="none",
        phrase="the constraint {}",
    ),
    "train": Key(
        (str, list, tuple),
        'a string or an array such as ["W3", "b3"]',
        "NAME[,NAME...]",
        "the parameters that are trained; the others stay as they are",
        read=names,
        example="W3,b3",
        left_out="all",
    ),
    "rate_factors": Key(
        (str, dict),
        'a string such as "W1=0.1, b1=0.1", or a table',
        "NAME=NUMBER[,...]",
        "factors of the learning rates of single parameters",
        read=factors,
        example="W1=0.1,b1=0.1",
        range=f"a factor from {LEAST:g} to {MOST:g}",
        left_out="1 for each",
    ),
    "activations": _formulas("activation"),
    "losses": _formulas("loss"),
}


# Keys whose validation depends on another key, and parsing of texts.


def _entries(key: str, value: object, example: str) -> tuple[Any, ...]:
    """Split a comma-separated string, or take the entries of a sequence."""
    if isinstance(value, str):
        return split_entries(bounded(key, value))
    if isinstance(value, (bytes, Mapping, Set)) or not isinstance(value, Iterable):
        raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where a list such as {example} is expected")
    return tuple(itertools.islice(value, MAX_LAYERS + 2))


@cache
def layer_names() -> tuple[str, ...]:
    """The names of the layers of the catalogue; their texts are not read."""
    return tuple(sorted(path.stem for path in LAYERS_FOLDER.glob(f"*{SUFFIX}")))


def is_layer(entry: int | str) -> bool:
    """Whether an entry of a network's layers is a layer of the catalogue, and no width."""
    return isinstance(entry, str) and base_name(entry) in layer_names()


def _layer(entry: object, where: str) -> int | str:
    """Return a width, or a layer of the catalogue with its arguments, in normal form."""
    if not isinstance(entry, str):
        return width(entry, where)
    head, opened, rest = entry.strip(" \t").partition("(")
    head = head.rstrip(" \t")
    wanted = folded(head)
    name = next((n for n in layer_names() if folded(n) == wanted), None)
    if name is None:
        meant = misspelled(head, layer_names()) if 3 < len(head) <= MAX_NAME else None
        if meant or (opened and head.isascii() and head.isidentifier()):
            hint = f"did you mean {meant}? `derive list layers` shows all" if meant else "see `derive list layers`"
            raise SpecError(f"{where} is {shown(entry)}, but there is no layer {cut(head, MAX_NAME)}: {hint}")
        return width(entry, where)
    bounded(where, entry, MAX_ENTRY)
    if opened and not rest.endswith(")"):
        raise SpecError(f"{where} is {shown(entry)}: the parentheses do not match, as they do in residual(16, relu)")
    arguments = [" ".join(part.split()) for part in split_entries(rest[:-1])] if rest[:-1].strip() else []
    return f"{name}({', '.join(arguments)})" if arguments else name


def read_layers(value: object) -> Widths:
    """Return the entries of a network's layers: widths, and layers of the catalogue."""
    entries = _entries("layers", value, "3,4,4,1")
    if len(entries) > MAX_LAYERS + 1:
        raise SpecError(f"layers has more than {MAX_LAYERS + 1} entries: {MAX_LAYERS} layers are the limit")
    widths = tuple(_layer(entry, f"layers: entry {position}") for position, entry in enumerate(entries, 1))
    if widths and is_layer(widths[0]):
        raise SpecError(
            f"layers begins with {widths[0]}, where the number of inputs is expected, such as 8,{widths[0]}"
        )
    if len(widths) < 2:
        given = f"only {widths[0]}" if widths else "nothing"
        raise SpecError(f"layers holds {given}, but the inputs and the outputs are needed, such as 3,1")
    return widths


def default_name(widths: Widths) -> str:
    """Return the default name of a network."""
    name = "_".join(["network", *(base_name(str(entry)) for entry in widths)])
    short = f"network_{widths[0]}_to_{base_name(str(widths[-1]))}_in_{len(widths) - 1}_layers"
    return name if len(name) <= MAX_NAME else short


def package_name(name: object) -> str:
    """Return a name that is valid for a package."""
    if not isinstance(name, str):
        raise SpecError(f"name is {kind(name)}, {shown(name)}, where a string is expected")
    if is_device(bounded("name", name)):
        raise SpecError(f"name is {shown(name)}, which Windows keeps for a device: choose another name")
    if not is_package_name(name):
        raise SpecError(
            f"name is {shown(name)}, which cannot name a Python package: use the letters a to z, digits "
            "and _, not a digit first, and no word or module of the language, such as my_network"
        )
    if len(name) > MAX_NAME:
        raise SpecError(f"name is {shown(name)}, longer than {MAX_NAME} characters: choose a shorter one")
    return name


def read_activation(value: object, depth: int, what: str = "layer", named: Iterable[Own] = ()) -> tuple[str, ...]:
    """Return one activation for each of ``depth`` layers; ``what`` these are called in messages.

    An activation is an entry of the catalogue, a formula, or the name of one of those that are ``named``.
    """
    if isinstance(value, str):
        texts = split_entries(bounded("activation", value))
    else:
        texts = _entries("activation", value, "tanh,sigmoid")
    names = tuple(str(own("activation", text, named) or entry("activation", text)) for text in texts)
    if isinstance(value, str) and len(names) == 1:
        return names * depth
    if len(names) != depth:
        given = f"activation holds {len(names)} name{'s' * (len(names) != 1)}"
        wanted = f"{depth} {what}{'s' * (depth != 1)}"
        raise SpecError(f"{given} for the {wanted} after the inputs: give one name for all, or {depth}")
    return names


def read_loss(value: object, outputs: int | str, named: Iterable[Own] = ()) -> str:
    """Return a loss: an entry of the catalogue, a formula, or the name of one of those that are ``named``.

    A synonym that differs from its loss for this number of outputs is refused.
    """
    if stated_here := own("loss", value, named):
        return str(stated_here)
    text = entry("loss", value)
    stated, name = catalogue("losses")[base_name(text)], base_name(str(value).strip(" \t"))
    if outputs != 1 and name.lower() != stated.name and folded(name) in map(folded, stated.of_one_output):
        raise SpecError(
            f"loss {shown(name)} takes the mean over the outputs too, where {stated.name} takes their sum: say "
            f"{stated.name}, and for the same steps divide the learning rate by {outputs}, the number of outputs"
        )
    return text


def _real(key: str, value: object, example: str) -> float:
    """Read a number, or a number written as text."""
    number = value
    if isinstance(value, str) and _DECIMAL.fullmatch(bounded(key, value, MAX_NUMBER).strip(" \t")):
        number = float(value)
        if beyond := beyond_floats(value, number):
            raise SpecError(f"{key} is {shown(value)}, {beyond}: give a number such as {example}")
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        said = shown(value) if isinstance(value, str) else f"{kind(value)}, {shown(value)}"
        raise SpecError(f"{key} is {said}, where a number such as {example} is expected")
    if not abs(number) < float("inf") or abs(number) > sys.float_info.max:
        raise SpecError(f"{key} is {shown(value)}, where a finite number is expected")
    return float(number) + 0.0


_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def exactly(number: float) -> Fraction:
    """Return the fraction with the decimals of a float: 0.01 is 1/100."""
    return Fraction(repr(number))
