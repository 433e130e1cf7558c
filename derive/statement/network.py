"""The specification of a network, validated when it is made.

A ``Network`` is always valid; later stages rely on that. The same fields can be
given as arguments, as options or in a TOML file.
"""

from __future__ import annotations

import inspect
import itertools
import re
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
from derive.statement.specification import LEARNING, Specification
from derive.text.entry_text import base_name
from derive.text.errors import SpecError
from derive.text.known import unknown
from derive.text.toml_file import read_toml
from derive.text.user_text import kind, shown, shown_path

if TYPE_CHECKING:
    from derive.calculus.forward import ForwardPass
    from derive.statement.layered import Layered

__all__ = ["Network", "SpecError", "resolve"]


@dataclass(frozen=True, init=False)
class Network(Specification):
    """A network of layers, its loss, and how its derivation is written.

    ``layers`` are the widths from the inputs to the outputs, whole numbers or names, as a sequence or a comma-separated
    string. Each width after the first is a dense layer. Other layers of the catalogue may stand among them, such as
    ``layer_norm`` or ``residual(16, relu)``. ``activation`` is one name for all dense layers, or one per dense layer.
    ``loss``, ``bias`` and ``notation`` are names from the catalogues ``LOSSES``, ``BIASES`` and ``NOTATIONS``; without
    a bias it is that of the notation, ``separate`` for most. The bias ``augmented`` is for dense layers only. ``name``
    is the name of the generated package, by default made from the widths.

    An activation may be a formula in x, such as ``x*sigmoid(x)``, and the loss a formula of ``y`` and ``yhat`` with an
    index over the outputs, such as ``mean(abs(yhat[k] - y[k])**3, k)``. ``activations`` and ``losses`` give names to
    formulas, and to parameters that are learned, as in
    ``{"swish": {"formula": "x*sigmoid(beta*x)", "parameter": {"beta": 1}}}``.

    ``optimizer``, ``schedule`` and ``initialisation`` are names from ``OPTIMIZERS``,
    ``SCHEDULES`` and ``INITIALISATIONS``, the first two with options, such as
    ``adam(beta1=0.8)``. ``l1`` and ``l2`` are the strengths of the L1 and the L2 penalty, which are added to the error
    (loss); 0 turns them off. ``clip`` is the largest norm of the gradients, or ``value(limit=0.5)`` for the largest
    size of each entry; None turns it off. ``constraint`` is what weights keep after each step, ``max_norm(limit=3)`` or
    ``non_negative``. ``train`` names the parameters that are trained, by default all; the others stay as they are, and
    have no gradients. ``rate_factors`` maps names of parameters to factors of their learning rates, as in
    ``{"W1": 0.1}`` or ``"W1=0.1"``. ``order`` is that of the derivatives: 2 for the product of the Hessian and a
    vector, beside the gradients. ``truncate`` is the length of the windows of truncated back-propagation through time,
    for recurrences; None for all steps.

    With the ``sample_weight`` ``mean`` or ``factor``, training takes a weight for each sample: the error of a sample is
    multiplied by it, and a mean over the samples is divided by the sum of the weights (``mean``) or, as before, by the
    number of samples (``factor``). With ``missing="ignore"``, NaN in a target means that this output has no error.
    With ``gradients="inputs"``, the error is differentiated with respect to the inputs, too.

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
    l1: float
    l2: float
    clip: float | str | None
    schedule: str
    initialisation: str
    order: int
    truncate: int | None
    sample_weight: str
    missing: str
    gradients: str
    constraint: str | None
    train: str | None
    rate_factors: str | None
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
        l1: float = 0.0,
        l2: float = 0.0,
        clip: float | str | None = None,
        schedule: str = "constant",
        initialisation: str = "glorot_uniform",
        order: int = 1,
        truncate: int | None = None,
        activations: Mapping[str, Any] | tuple[Own, ...] = (),
        losses: Mapping[str, Any] | tuple[Own, ...] = (),
        sample_weight: str = "none",
        missing: str = "refuse",
        gradients: str = "parameters",
        constraint: str | None = None,
        train: str | Iterable[str] | None = None,
        rate_factors: str | Mapping[str, float] | None = None,
    ) -> None:
        given = dict(locals())
        widths = read_layers(layers)
        dense = sum(not is_layer(width) for width in widths[1:])
        what = "layer" if dense == len(widths) - 1 else "dense layer"
        named = {key: read_own(key, given[key]) for key in ("activations", "losses")}
        functions = read_activation(activation, dense, what, named["activations"])
        error = read_loss(loss, _widths(widths)[-1], named["losses"])
        if bias is None:
            usual = catalogue("notations")[entry("notation", notation)].bias
            given["bias"] = usual if dense == len(widths) - 1 else "separate"
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
        _check_numbers(self)
        if self.bias == "augmented" and not self.is_dense:
            raise SpecError("bias augmented is for dense layers, without other layers among them: use separate or none")
        if self.bias == "augmented" and self.constraint is not None:
            raise SpecError(
                "bias augmented has biases among the weights, for which a constraint is not meant: use separate or none"
            )
        if not self.is_standard:
            _check_formulas(self)
        _check_mixing(self)
        _check_loss(self)

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
    def is_standard(self) -> bool:
        """Whether all layers are dense, and all functions of the catalogue, so that documents have words for them."""
        return self.is_dense and self.own_loss is None and not any(self.own_activations)

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

    def forward_pass(self) -> ForwardPass:
        """Return the forward equations. Raises SpecError for names that clash."""
        return self.composed.forward_pass()

    @property
    def composed(self) -> Layered:
        """What the text of the network is composed of."""
        from derive.statement.layered import Layered

        learning = {key: getattr(self, key) for key in LEARNING}
        functions = tuple(o or text for o, text in zip(self.own_activations, self.activation, strict=True))
        return Layered(self.layers, functions, self.bias, self.own_loss or self.loss, learning, self.activations)

    @property
    def parameter_count(self) -> int | str:
        """Number of learned parameters, as a formula if a width is a name.

        >>> Network((3, 4, 1)).parameter_count, Network("n,h,k", bias="none").parameter_count
        (21, 'h*k + h*n')
        """
        from sympy import Add, Mul, factor

        parameters = itertools.groupby(self.forward_pass().parameters, lambda p: p.layer or p.name)
        sizes = ([Mul(*(axis.extent for axis in p.axes)) for p in tensors] for _, tensors in parameters)
        count = Add(*(factor(Add(*several)) for several in sizes))
        return int(count) if count.is_number else str(count)

    def targets_of(self, forward: ForwardPass) -> str:
        """The kind of targets, one of ``loss.TARGETS``."""
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

    taken = names_taken(network.descent) | ({"l1", "L1", "l2", "L2", "R"} if network.l1 or network.l2 else set())
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


def _check_mixing(network: Network) -> None:
    """Refuse a function that mixes the units of a layer, such as softmax, in a hidden layer or on one output."""
    from derive.catalogue.activations import ACTIVATIONS

    names, last = network.activation, network.layers[-1]
    known = [ACTIVATIONS.get(base_name(name)) for name in names]
    mixing = [layer for layer, found in enumerate(known, 1) if found and not found.elementwise]
    if mixing and mixing[0] < len(names) and network.is_standard:
        name = names[mixing[0] - 1]
        hidden = ["tanh" if layer in mixing else n for layer, n in enumerate(names[:-1], 1)]
        raise SpecError(
            f"activation: {name} is for the outputs, layer {len(names)}, but is given for layer {mixing[0]}: "
            f"use another one there, such as {','.join([*hidden, names[-1]])}"
        )
    if network.widths[-1] == 1 and (last == "softmax" if is_layer(last) else len(names) in mixing):
        what = "layers" if is_layer(last) else "activation"
        raise SpecError(
            f"{what}: softmax of a single output is always 1, so there is nothing to learn: "
            "use sigmoid, or at least 2 outputs"
        )


def _check_loss(network: Network) -> None:
    """Refuse a loss of another number of outputs, or that needs a property which they are not known to have."""
    from derive.catalogue.activations import ACTIVATIONS
    from derive.catalogue.losses import LOSSES, loss

    if not network.own_loss:
        loss(network.loss).targets_for(network.widths[-1])
    stated = None if network.own_loss else LOSSES[base_name(network.loss)]
    if stated and stated.targets == "classes" and network.missing == "ignore":
        raise SpecError(
            f"missing is ignore, but the targets of the loss {network.loss} sum to 1 over the outputs, so that none of "
            "them can be missing alone: use the option sample_weight, and a weight of 0 for a sample without a class"
        )
    if stated is None or not stated.needs:
        return
    last, names, needed = network.layers[-1], network.activation, stated.activations
    function = None if is_layer(last) else network.own_activations[-1]
    plain = not is_layer(last) and function is None
    found = ACTIVATIONS[base_name(names[-1])].values if plain else network.composed.values
    if found is stated.needs:
        return
    if plain:
        made_for_it = [e.name for e in LOSSES.values() if found and found.are_probabilities and e.needs is found]
        raise SpecError(
            f"loss {network.loss} needs {' or '.join(needed)} as the activation of the outputs, not {names[-1]}: "
            f"use the activation {','.join([*names[:-1], needed[0]])}, or "
            f"{f'the loss {made_for_it[0]}' if made_for_it else 'another loss'}"
        )
    ending = "" if ACTIVATIONS[needed[0]].vector else "a dense layer with the activation "
    raise SpecError(
        f"loss {network.loss} needs outputs that are {stated.needs.value}, and {function or last} is not known to "
        f"be: end with {ending}{needed[0]}"
    )
