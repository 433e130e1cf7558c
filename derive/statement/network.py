"""The specification of a network: what the user asked for, checked at the door.

A ``Network`` is valid from the moment it exists; every later stage relies on
that. The same fields can be given as arguments, as options or in a TOML file.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derive.text.entry_text import base_name, entry_text, known_name, parse_entry, split_entries
from derive.text.errors import SpecError
from derive.text.known import folded, unknown
from derive.text.toml_file import read_toml
from derive.text.user_text import beyond_floats, bounded, is_device, is_package_name, kind, shown, shown_path, width

if TYPE_CHECKING:
    from sympy import Expr

    from derive.learning.descent import Descent

__all__ = ["Network", "SpecError", "resolve"]

MAX_LAYERS = 200
MAX_NAME = 100
MAX_NUMBER = 400

Widths = tuple[int | str, ...]


@dataclass(frozen=True, init=False)
class Network:
    """A fully connected network, its loss, and how its derivation is written.

    ``layers`` are the widths from the inputs to the outputs, whole numbers or
    names, as a sequence or a comma-separated string. ``activation`` is one name
    for all layers, or one per layer after the inputs. ``loss``, ``bias`` and
    ``notation`` are names from the catalogues ``LOSSES``, ``BIASES`` and
    ``NOTATIONS``. ``name`` is that of the generated package, by default made of
    the widths.

    ``optimizer``, ``schedule`` and ``initialisation`` are names from ``OPTIMIZERS``,
    ``SCHEDULES`` and ``INITIALISATIONS``, the first two with options, such as
    ``adam(beta1=0.8)``. ``l2`` is the strength of weight decay, a part of the error; 0 is
    none. ``clip`` is the norm at which gradients are clipped; None is never.

    Raises SpecError if these do not make a network; the message says why.

    >>> network = Network((3, 4, "k"), activation="tanh")
    >>> network.activation, network.name
    (('tanh', 'tanh'), 'network_3_4_k')
    """

    layers: Widths
    activation: tuple[str, ...]
    loss: str
    bias: str
    notation: str
    name: str
    optimizer: str
    l2: float
    clip: float | None
    schedule: str
    initialisation: str

    def __init__(
        self,
        layers: str | Iterable[int | str],
        activation: str | Iterable[str] = "sigmoid",
        loss: str = "mse",
        bias: str = "separate",
        notation: str = "psi",
        name: str | None = None,
        optimizer: str = "sgd",
        l2: float = 0.0,
        clip: float | None = None,
        schedule: str = "constant",
        initialisation: str = "glorot_uniform",
    ) -> None:
        widths = _layers(layers)
        values = {
            "layers": widths,
            "name": _default_name(widths) if name is None else _name(name),
            "activation": _activation(activation, len(widths) - 1),
            "loss": _loss(loss, widths[-1]),
            "bias": _bias(bias),
            "notation": _notation(notation),
            "optimizer": _optimizer(optimizer),
            "l2": _l2(l2),
            "clip": None if clip is None else _clip(clip),
            "schedule": _schedule(schedule),
            "initialisation": _initialisation(initialisation),
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)
        _check_names(self.layers, self.notation)
        _check_mixing(self.activation, self.layers)
        _check_loss(self.loss, self.activation)
        _check_numbers(self)

    @classmethod
    def from_toml(cls, path: str | Path) -> Network:
        """Read a network from a TOML file.

        Raises SpecError naming the file, and the line and column if it is not TOML.
        """
        return cls.from_dict(read_toml(path), shown_path(path))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "") -> Network:
        """Build a network from the keys of a TOML file, the arguments of a ``Network``.

        What is under ``document`` is for an ``Edition``, and left to it. Raises
        SpecError for an unknown key, a wrong type or a value that does not fit;
        ``where`` is what it names as their origin, such as the file.
        """
        try:
            return cls(**_with_layers(_of_network(values)))
        except SpecError as error:
            raise SpecError(f"{where}: {error}" if where else str(error)) from None

    def values(self) -> dict[str, Any]:
        """The arguments that make this network."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def depth(self) -> int:
        """The number of layers that compute: the inputs do not count."""
        return len(self.layers) - 1

    @property
    def descent(self) -> Descent:
        """The optimizer, the schedule and the clipping, with their options."""
        from derive.learning.descent import Descent
        from derive.learning.optimizers import OPTIMIZERS
        from derive.learning.schedules import SCHEDULES

        optimizer, options = parse_entry("optimizer", "optimizers", self.optimizer, OPTIMIZERS)
        schedule, timing = parse_entry("schedule", "schedules", self.schedule, SCHEDULES)
        clip = None if self.clip is None else exactly(self.clip)
        return Descent(OPTIMIZERS[optimizer], options, SCHEDULES[schedule], timing, clip)

    @property
    def parameter_count(self) -> int | str:
        """How many numbers are learned, as a formula if a width is a name.

        >>> Network((3, 4, 1)).parameter_count, Network("n,h,k", bias="none").parameter_count
        (21, 'h*n + h*k')
        """
        counts = [_count(self.bias, inputs, units) for inputs, units in itertools.pairwise(self.layers)]
        number = sum(int(c) for c in counts if c.is_number)
        named = Counter(str(c) for c in counts if not c.is_number)
        terms = [term if times == 1 else f"{times}*{_bracketed(term)}" for term, times in named.items()]
        return " + ".join([*terms, *([str(number)] if number else [])]) if terms else number

    @property
    def digest(self) -> str:
        """A short hash of the whole specification, the same for equal networks."""
        return hashlib.sha256(self.to_toml().encode()).hexdigest()[:12]

    def to_toml(self) -> str:
        """Write the network as TOML; ``from_toml`` reads an equal one from it.

        What has been there from the beginning is written always, the rest where it is not plain.
        """
        rows = {key: getattr(self, key) for key in KEYS if getattr(self, key) != KEYS[key].plain}
        return "".join(f"{key} = {_value(value)}\n" for key, value in rows.items())


def resolve(options: Mapping[str, Any], file: str | Path | None = None) -> Network:
    """Build the network that options and a spec file describe; options win.

    If ``layers`` is among the options and the file has the same activation for
    every layer, it holds for every layer of the new network; a name that the
    file's network has by default is made anew.

    Raises SpecError, naming the file unless it may be an option that does not fit.
    """
    values = {} if file is None else read_toml(file)
    if file is not None and not options:
        return Network.from_dict(values, shown_path(file))
    try:
        values = _of_network(values)
    except SpecError as error:
        raise SpecError(f"{shown_path(file or '')}: {error}") from None
    if "layers" in options:
        values = _for_other_layers(values)
    return Network(**_with_layers({**values, **options}))


def _for_other_layers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a file says of any network, leave what it says of the widths it has itself."""
    kept = dict(values)
    names = kept.get("activation")
    if isinstance(names, list) and names and all(name == names[0] for name in names):
        kept["activation"] = names[0]
    try:
        if kept.get("name") == _default_name(_layers(kept.pop("layers", ()))):
            del kept["name"]
    except SpecError:  # widths that are not used need not be right
        pass
    return kept


# The keys of a file.


@dataclass(frozen=True)
class Key:
    """A key of a specification, and the option of the command that says the same.

    ``types`` and ``expected`` are what a TOML file gives; ``metavar`` and ``help`` are the option's. A key
    that is ``plain`` is not written to a file; one without a plain value is written always.
    """

    types: tuple[type, ...]
    expected: str
    metavar: str = "NAME"
    help: str = ""
    plain: object = ...


#: Every key, in the order in which a file has them.
KEYS = {
    "name": Key((str,), "a string"),
    "layers": Key(
        (list, tuple), "an array such as [3, 4, 4, 1]", "N,N,...", "widths, inputs first: integers, names, or a mix"
    ),
    "activation": Key(
        (str, list, tuple),
        'a string or an array such as ["tanh", "sigmoid"]',
        "NAME[,NAME...]",
        "one for all layers, or one per layer (sigmoid)",
    ),
    "loss": Key((str,), "a string", help="error (loss) that is minimised (mse)"),
    "bias": Key((str,), "a string", help="separate, augmented or none (separate)"),
    "notation": Key((str,), "a string", help="how it is written: psi, bracket or delta (psi)"),
    "optimizer": Key(
        (str,), 'a string such as "adam(beta1=0.9)"', help="such as momentum, or adam(beta1=0.8) (sgd)", plain="sgd"
    ),
    "l2": Key((int, float), "a number", "NUMBER", "strength of weight decay, a part of the error (0)", 0.0),
    "clip": Key((int, float), "a number", "NUMBER", "norm at which gradients are clipped (never)", None),
    "schedule": Key(
        (str,),
        'a string such as "step(every=100)"',
        help="of the learning rate, such as cosine(steps=1000) (constant)",
        plain="constant",
    ),
    "initialisation": Key((str,), "a string", help="weight initialisation (glorot_uniform)", plain="glorot_uniform"),
}

#: The table that says how the derivation is written; an ``Edition`` reads it.
DOCUMENT = "document"


def _of_network(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that are about the network, each known and of its type."""
    found = {key: value for key, value in values.items() if key != DOCUMENT}
    for key, value in found.items():
        if key not in KEYS:
            raise SpecError(unknown("key", key, [*KEYS, DOCUMENT]))
        if not isinstance(value, KEYS[key].types) or isinstance(value, bool):
            raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where {KEYS[key].expected} is expected")
    return found


def _with_layers(values: Mapping[str, Any]) -> Mapping[str, Any]:
    if "layers" not in values:
        raise SpecError("layers is missing: give the widths from the inputs to the outputs, such as 3, 4, 1")
    return values


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


# One argument at a time.


def _entries(key: str, value: object, example: str) -> tuple[Any, ...]:
    """Split a comma-separated string, or take the entries of a sequence."""
    if isinstance(value, str):
        return tuple(part.strip(" \t") for part in bounded(key, value).split(","))
    if isinstance(value, (bytes, Mapping, Set)) or not isinstance(value, Iterable):
        raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where a list such as {example} is expected")
    return tuple(itertools.islice(value, MAX_LAYERS + 2))


def _layers(value: object) -> Widths:
    entries = _entries("layers", value, "3,4,4,1")
    if len(entries) > MAX_LAYERS + 1:
        raise SpecError(f"layers has more than {MAX_LAYERS + 1} entries: {MAX_LAYERS} layers are the limit")
    widths = tuple(width(entry, f"layers: entry {position}") for position, entry in enumerate(entries, 1))
    if len(widths) < 2:
        given = f"only {widths[0]}" if widths else "nothing"
        raise SpecError(f"layers holds {given}, but the inputs and the outputs are needed, such as 3,1")
    return widths


def _default_name(widths: Widths) -> str:
    name = "_".join(["network", *map(str, widths)])
    short = f"network_{widths[0]}_to_{widths[-1]}_in_{len(widths) - 1}_layers"
    return name if len(name) <= MAX_NAME else short


def _name(name: object) -> str:
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


# The catalogues need SymPy, so each is imported only once a name is looked up in it.


def _activation(value: object, depth: int) -> tuple[str, ...]:
    from derive.catalogue.activations import ACTIVATIONS

    if isinstance(value, str):
        entries = split_entries(bounded("activation", value))
    else:
        entries = _entries("activation", value, "tanh,sigmoid")
    names = tuple(_entry("activation", "activations", entry, ACTIVATIONS) for entry in entries)
    if isinstance(value, str) and len(names) == 1:
        return names * depth
    if len(names) != depth:
        given = f"activation holds {len(names)} name{'s' * (len(names) != 1)}"
        wanted = "1 layer" if depth == 1 else f"{depth} layers"
        raise SpecError(f"{given} for the {wanted} after the inputs: give one name for all, or {depth}")
    return names


def _entry(key: str, plural: str, text: object, catalogue: Mapping[str, Any]) -> str:
    """A name with its options, written as every equal one is."""
    name, options = parse_entry(key, plural, text, catalogue)
    return entry_text(name, options, catalogue[name].options)


def _loss(value: object, outputs: int | str) -> str:
    from derive.catalogue.losses import LOSSES

    text = _entry("loss", "losses", value, LOSSES)
    entry, name = LOSSES[base_name(text)], base_name(str(value).strip(" \t"))
    if outputs != 1 and name.lower() != entry.name and folded(name) in map(folded, entry.of_one_output):
        raise SpecError(
            f"loss {shown(name)} takes the mean over the outputs too, where {entry.name} takes their sum: say "
            f"{entry.name}, and for the same steps divide the learning rate by {outputs}, the number of outputs"
        )
    return text


def _bias(value: object) -> str:
    from derive.catalogue.layers import BIASES

    return known_name("bias", "biases", value, BIASES)


def _notation(value: object) -> str:
    from derive.paper.notation import NOTATIONS

    return known_name("notation", "notations", value, NOTATIONS)


def _optimizer(value: object) -> str:
    from derive.learning.optimizers import OPTIMIZERS

    return _entry("optimizer", "optimizers", value, OPTIMIZERS)


def _schedule(value: object) -> str:
    from derive.learning.schedules import SCHEDULES

    return _entry("schedule", "schedules", value, SCHEDULES)


def _initialisation(value: object) -> str:
    from derive.learning.initialisations import INITIALISATIONS

    return known_name("initialisation", "initialisations", value, INITIALISATIONS)


#: Between these all numbers of a step are far from the ends of float32.
LEAST, MOST = 1e-12, 1e12


def _l2(value: object) -> float:
    strength = _real("l2", value, "0.01")
    if strength != 0 and not LEAST <= strength <= MOST:
        raise SpecError(f"l2 is {shown(value)}, but is 0 for no weight decay, or from {LEAST:g} to {MOST:g}")
    return strength


def _clip(value: object) -> float:
    norm = _real("clip", value, "1.0")
    if not LEAST <= norm <= MOST:
        raise SpecError(f"clip is {shown(value)}, but is a norm from {LEAST:g} to {MOST:g}: leave it out not to clip")
    return norm


def _real(key: str, value: object, example: str) -> float:
    """A number, or its decimals as text."""
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
    """The fraction that a float stands for as it is written: 0.01 is 1/100."""
    return Fraction(repr(number))


def _check_numbers(network: Network) -> None:
    """Refuse a width that is called like a number or an array of the step."""
    from derive.learning.descent import names_taken

    taken = names_taken(network.descent) | ({"l2", "L2", "R"} if network.l2 else set())
    taken |= {"normal", "orthogonal"} if network.initialisation != KEYS["initialisation"].plain else set()
    for position, name in enumerate(map(str, network.layers), 1):
        if taken & {name, name.partition("_")[0]}:
            raise SpecError(
                f"layers: entry {position} is {shown(name)}, which stands for a number of the step: choose another "
                "name, such as n, h or k"
            )


def _check_names(widths: Widths, notation: str) -> None:
    """Refuse a name that the generated module gives to a function or to the state of a layer."""
    from derive.catalogue.activations import ACTIVATIONS
    from derive.catalogue.losses import LOSSES
    from derive.paper.notation import NOTATIONS

    numbered = "|".join(re.escape(role.code) for role in NOTATIONS[notation].roles.values())
    for position, name in enumerate(map(str, widths), 1):
        where = f"layers: entry {position} is {shown(name)}"
        stems = {name, name.partition("_")[0], name.rpartition("_")[0]}
        if stems & {*ACTIVATIONS, *LOSSES, "erf", "erfc", "log1p", "log1p_ratio"}:
            raise SpecError(f"{where}, which is a function: choose another name, such as n, h or k")
        if re.fullmatch(f"({numbered})[0-9]+", name):
            raise SpecError(f"{where}, which the notation {notation} writes for a layer's values: choose another name")


def _check_mixing(names: tuple[str, ...], widths: Widths) -> None:
    """Refuse a function that mixes the units of a layer, such as softmax, where it does not belong."""
    from derive.catalogue.activations import ACTIVATIONS

    mixing = [layer for layer, name in enumerate(names, 1) if not ACTIVATIONS[base_name(name)].elementwise]
    if mixing and mixing[0] < len(names):
        name = names[mixing[0] - 1]
        hidden = ["tanh" if ACTIVATIONS[base_name(n)].vector else n for n in names[:-1]]
        raise SpecError(
            f"activation: {name} is for the outputs, layer {len(names)}, but is given for layer {mixing[0]}: "
            f"use another one there, such as {','.join([*hidden, names[-1]])}"
        )
    if mixing and widths[-1] == 1:
        raise SpecError(
            f"activation: {names[-1]} of a single output is always 1, so there is nothing to learn: "
            "use sigmoid, or at least 2 outputs"
        )


def _check_loss(loss: str, names: tuple[str, ...]) -> None:
    from derive.catalogue.activations import ACTIVATIONS
    from derive.catalogue.losses import LOSSES

    stated = LOSSES[base_name(loss)]
    found = ACTIVATIONS[base_name(names[-1])].values if stated.needs else None
    if found is not stated.needs:
        needs = stated.activations
        activation = ",".join([*names[:-1], needs[0]])
        made_for_it = [e.name for e in LOSSES.values() if found and found.are_probabilities and e.needs is found]
        other = f"the loss {made_for_it[0]}" if made_for_it else "another loss"
        raise SpecError(
            f"loss {loss} needs {' or '.join(needs)} as the activation of the outputs, not {names[-1]}: "
            f"use the activation {activation}, or {other}"
        )


# Counting.


def _count(bias: str, inputs: int | str, units: int | str) -> Expr:
    """Count the parameters of one layer, by the layer's own statement."""
    from sympy import Add, Integer, Mul, Symbol, factor

    from derive.calculus.index import SAMPLE_AXIS, Axis, IndexSupply, Tensor
    from derive.catalogue.layers import BIASES

    def axis(extent: int | str) -> Axis:
        is_name = isinstance(extent, str)
        return Axis(Symbol(extent, integer=True, positive=True) if is_name else Integer(extent))

    a = Tensor("a0", "input", (axis(inputs), SAMPLE_AXIS))
    layer = BIASES[bias].build(1, axis(units), a, IndexSupply())
    return factor(Add(*(Mul(*(side.extent for side in p.axes)) for p in layer.parameters)))


def _bracketed(term: str) -> str:
    return f"({term})" if " + " in re.sub(r"\(.*?\)", "", term) else term
