"""The specification of a network, validated when it is made.

A ``Network`` is always valid; later stages rely on that. The same fields can be
given as arguments, as options or in a TOML file.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derive.statement.keys import (
    KEYS,
    Widths,
    catalogue,
    default_name,
    entry,
    is_layer,
    package_name,
    read_activation,
    read_layers,
    read_loss,
)
from derive.statement.own import Own, own, read_own
from derive.statement.specification import LEARNING, Learning, Specification
from derive.text.entry_text import base_name
from derive.text.errors import SpecError
from derive.text.known import unknown
from derive.text.toml_file import read_toml
from derive.text.user_text import kind, shown, shown_path

if TYPE_CHECKING:
    from sympy import Expr

    from derive.calculus.forward import ForwardPass
    from derive.statement.layered import Layered

__all__ = ["Network", "SpecError", "resolve"]


@dataclass(frozen=True, init=False)
class Network(Specification):
    """A network of layers, its loss, and how its derivation is written.

    ``layers`` are the widths from the inputs to the outputs, whole numbers or names, as a sequence or a comma-separated
    string. Each width after the first is a dense layer. Other layers of the catalogue may stand among them, such as
    ``layer_norm`` or ``residual(16, relu)``; such a network becomes a text of equations. ``activation`` is one name for
    all dense layers, or one per dense layer. ``loss``, ``bias`` and
    ``notation`` are names from the catalogues ``LOSSES``, ``BIASES`` and ``NOTATIONS``; without a bias it is that of
    the notation, ``separate`` for most. ``name`` is the name of the generated package, by default made from the
    widths.

    An activation may be a formula in x, such as ``x*sigmoid(x)``, and the loss a formula of ``y`` and ``yhat`` with an
    index over the outputs, such as ``mean(abs(yhat[k] - y[k])**3, k)``. ``activations`` and ``losses`` give names to
    formulas, and to parameters that are learned, as in
    ``{"swish": {"formula": "x*sigmoid(beta*x)", "parameter": {"beta": 1}}}``. A network with formulas becomes a text of
    equations, too.

    ``optimizer``, ``schedule`` and ``initialisation`` are names from ``OPTIMIZERS``,
    ``SCHEDULES`` and ``INITIALISATIONS``, the first two with options, such as
    ``adam(beta1=0.8)``. ``l2`` is the strength of the L2 penalty, which is added to the error
    (loss); 0 turns it off. ``clip`` is the largest norm of the gradients; None turns it off.

    Raises SpecError for an invalid value or combination.

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
    activations: tuple[Own, ...]
    losses: tuple[Own, ...]

    def __init__(
        self,
        layers: str | Iterable[int | str],
        activation: str | Iterable[str] = "sigmoid",
        loss: str = "mse",
        bias: str | None = None,
        notation: str = "psi",
        name: str | None = None,
        optimizer: str = "sgd",
        l2: float = 0.0,
        clip: float | None = None,
        schedule: str = "constant",
        initialisation: str = "glorot_uniform",
        activations: Mapping[str, Any] | tuple[Own, ...] = (),
        losses: Mapping[str, Any] | tuple[Own, ...] = (),
    ) -> None:
        given = dict(locals())
        widths = read_layers(layers)
        dense = sum(not is_layer(width) for width in widths[1:])
        what = "layer" if dense == len(widths) - 1 else "dense layer"
        named = {key: read_own(key, given[key]) for key in ("activations", "losses")}
        functions = read_activation(activation, dense, what, named["activations"])
        error = read_loss(loss, _widths(widths)[-1], named["losses"])
        composed = dense < len(widths) - 1 or own("loss", error, named["losses"]) is not None
        composed |= any(own("activation", text, named["activations"]) for text in functions)
        if bias is None:
            given["bias"] = "separate" if composed else catalogue("notations")[entry("notation", notation)].bias
        self._fill(
            {
                **given,
                "layers": widths,
                "name": default_name(widths) if name is None else package_name(name),
                "activation": functions,
                "loss": error,
                **named,
            }
        )
        _check_names(self)
        if composed:
            _check_composed(self)
        else:
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

        The ``document`` table is ignored here; an ``Edition`` reads it. Raises
        SpecError for an unknown key, a wrong type or an invalid value; ``where``
        names the source, such as the file, in messages.
        """
        try:
            return cls(**_with_layers(_of_network(values)))
        except SpecError as error:
            raise SpecError(f"{where}: {error}" if where else str(error)) from None

    @property
    def depth(self) -> int:
        """Number of layers, not counting the inputs."""
        return len(self.layers) - 1

    @property
    def is_dense(self) -> bool:
        """Whether all layers are dense."""
        return not any(map(is_layer, self.layers))

    @property
    def is_composed(self) -> bool:
        """Whether the network is composed as a text of equations: for layers that are not dense, and for formulas."""
        return not self.is_dense or self.own_loss is not None or any(self.own_activations)

    @property
    def own_activations(self) -> tuple[Own | None, ...]:
        """The formula of each activation, None for one of the catalogue."""
        return tuple(own("activation", text, self.activations) for text in self.activation)

    @property
    def own_loss(self) -> Own | None:
        """The formula of the loss, None for one of the catalogue."""
        return own("loss", self.loss, self.losses)

    @property
    def widths(self) -> Widths:
        """The number of inputs, and the number of units after each layer."""
        return _widths(self.layers)

    @property
    def composed(self) -> Layered:
        """What the text of the network is composed of, if it is composed."""
        from derive.statement.layered import Layered

        learning = Learning(**{key: getattr(self, key) for key in LEARNING})
        functions = tuple(o or text for o, text in zip(self.own_activations, self.activation, strict=True))
        return Layered(self.layers, functions, self.bias, self.own_loss or self.loss, learning, self.activations)

    @property
    def parameter_count(self) -> int | str:
        """Number of learned parameters, as a formula if a width is a name.

        >>> Network((3, 4, 1)).parameter_count, Network("n,h,k", bias="none").parameter_count
        (21, 'h*n + h*k')
        """
        counts = _counts(self)
        number = sum(int(c) for c in counts if c.is_number)
        named = Counter(str(c) for c in counts if not c.is_number)
        terms = [term if times == 1 else f"{times}*{_bracketed(term)}" for term, times in named.items()]
        return " + ".join([*terms, *([str(number)] if number else [])]) if terms else number

    def targets_of(self, forward: ForwardPass) -> str:
        """The kind of targets, one of ``losses.TARGETS``."""
        from derive.catalogue.losses import loss

        return "real" if self.own_loss else loss(self.loss).targets

    @property
    def is_one_unit(self) -> bool:
        """Whether the network is a single unit."""
        return [*self.layers[1:]] == [1]


#: Default values of the arguments.
DEFAULTS = {name: p.default for name, p in inspect.signature(Network).parameters.items()}


def resolve(options: Mapping[str, Any], file: str | Path | None = None) -> Network:
    """Build a network from a spec file and options; options take precedence.

    If ``layers`` is among the options and the file has the same activation for
    every layer, every layer of the new network has it; a default name is made
    again from the new widths.

    Raises SpecError, which names the file unless an option may be at fault.
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
    """Drop the values of a file that depend on its own widths."""
    kept = dict(values)
    names = kept.get("activation")
    if isinstance(names, list) and names and all(name == names[0] for name in names):
        kept["activation"] = names[0]
    try:
        if kept.get("name") == default_name(read_layers(kept.pop("layers", ()))):
            del kept["name"]
    except SpecError:  # the widths are not used, so they need not be valid
        pass
    return kept


#: The table with the options of the output; an ``Edition`` reads it.
DOCUMENT = "document"


def _of_network(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of the network; raises SpecError for an unknown key or a wrong type."""
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


def _widths(layers: Widths) -> Widths:
    """The width after each entry of the layers."""
    if not any(map(is_layer, layers)):
        return layers
    from derive.statement.layered import widths_of

    return widths_of(layers)


# Checks of combinations.


def _named_widths(layers: Widths) -> list[tuple[int, str]]:
    """All names of widths, each with the position of its entry."""
    if not any(map(is_layer, layers)):
        return [(position, entry) for position, entry in enumerate(layers, 1) if isinstance(entry, str)]
    from derive.statement.layered import names_in

    return names_in(layers)


def _check_composed(network: Network) -> None:
    """Refuse what a network that is composed as a text cannot have."""
    from derive.catalogue.activations import ACTIVATIONS
    from derive.catalogue.losses import LOSSES

    if network.bias == "augmented":
        raise SpecError(
            "bias augmented is for dense layers with an activation and a loss of the catalogue: use separate or none"
        )
    _check_formulas(network)
    last = network.layers[-1]
    function = None if is_layer(last) else network.own_activations[-1]
    plain = not is_layer(last) and function is None
    if network.widths[-1] == 1 and last == "softmax":
        raise SpecError("layers: softmax of a single output is always 1, so there is nothing to learn")
    if network.widths[-1] == 1 and plain:
        _check_mixing(network.activation[-1:], network.layers)
    if network.own_loss:
        return
    if plain:
        _check_loss(network.loss, network.activation)
        return
    stated = LOSSES[base_name(network.loss)]
    if stated.needs and network.composed.values is not stated.needs:
        mixing = not ACTIVATIONS[stated.activations[0]].elementwise
        needed = stated.activations[0] if mixing else f"a dense layer with the activation {stated.activations[0]}"
        raise SpecError(
            f"loss {network.loss} needs outputs that are {stated.needs.value}, and {function or last} is not known to "
            f"be: end with {needed}"
        )


def _check_formulas(network: Network) -> None:
    """Refuse a formula that cannot be read, and a name that it must not have."""
    from derive.statement.layered import check_activation, check_functions, check_loss

    widths = {name for _, name in _named_widths(network.layers)}
    for key, found in (("activation", network.activations), ("loss", network.losses)):
        for named in found:
            known = catalogue(f"{key}s" if key == "activation" else "losses")
            taken = widths & {named.name, *(name for name, _ in named.parameters)}
            if taken or named.name in known:
                what = f"{min(taken)} is a width" if taken else f"{named.name} is in the catalogue"
                raise SpecError(f"{key} {named.name}: {what} already: choose another name")
    for function in dict.fromkeys(o for o in network.own_activations if o):
        check_activation(function, "activation")
    check_functions(network.layers, network.activations)
    if network.own_loss:
        check_loss(network.own_loss, network.widths[-1])


def _check_numbers(network: Network) -> None:
    """Refuse a width with the name of a number or an array of the step."""
    from derive.learning.descent import names_taken

    taken = names_taken(network.descent) | ({"l2", "L2", "R"} if network.l2 else set())
    taken |= {"normal", "orthogonal"} if not network.is_plain("initialisation") else set()
    for position, name in _named_widths(network.layers):
        if taken & {name, name.partition("_")[0]}:
            raise SpecError(
                f"layers: entry {position} is {shown(name)}, which stands for a number of the step: choose another "
                "name, such as n, h or k"
            )


def _check_names(network: Network) -> None:
    """Refuse a name that the generated module gives to a function or to the state of a layer."""
    from derive.catalogue.activations import ACTIVATIONS
    from derive.catalogue.losses import LOSSES
    from derive.paper.notation import NOTATIONS

    numbered = "|".join(re.escape(role.code) for role in NOTATIONS[network.notation].roles.values())
    for position, name in _named_widths(network.layers):
        where = f"layers: entry {position} is {shown(name)}"
        stems = {name, name.partition("_")[0], name.rpartition("_")[0]}
        if stems & {*ACTIVATIONS, *LOSSES, "erf", "erfc", "log1p", "log1p_ratio"}:
            raise SpecError(f"{where}, which is a function: choose another name, such as n, h or k")
        if re.fullmatch(f"({numbered})[0-9]+", name):
            raise SpecError(
                f"{where}, which the notation {network.notation} writes for a layer's values: choose another name"
            )


def _check_mixing(names: tuple[str, ...], widths: Widths) -> None:
    """Refuse a function that mixes the units of a layer, such as softmax, in a hidden layer or on one output."""
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


def _counts(network: Network) -> list[Expr]:
    """Count the parameters of each layer or, if the network is composed as a text, of each tensor."""
    if not network.is_composed:
        return [_count(network.bias, inputs, units) for inputs, units in itertools.pairwise(network.layers)]
    from sympy import Integer, Mul

    return [Mul(Integer(1), *(a.extent for a in p.axes)) for p in network.composed.forward_pass().parameters]


def _count(bias: str, inputs: int | str, units: int | str) -> Expr:
    """Count the parameters of one layer, by the layer's own statement."""
    from sympy import Add, Integer, Mul, Symbol, factor

    from derive.calculus.index import SAMPLE_AXIS, Axis, IndexSupply, Tensor
    from derive.catalogue.biases import BIASES

    def axis(extent: int | str) -> Axis:
        is_name = isinstance(extent, str)
        return Axis(Symbol(extent, integer=True, positive=True) if is_name else Integer(extent))

    a = Tensor("a0", "input", (axis(inputs), SAMPLE_AXIS))
    layer = BIASES[bias].build(1, axis(units), a, IndexSupply())
    return factor(Add(*(Mul(*(side.extent for side in p.axes)) for p in layer.parameters)))


def _bracketed(term: str) -> str:
    return f"({term})" if " + " in re.sub(r"\(.*?\)", "", term) else term
