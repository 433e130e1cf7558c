"""Notations: how each role is written in documents and in code.

To add a notation, add an entry to ``NOTATIONS``. Letters of weights, shared factors
and so on are defined nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from derive.calculus.index import Tensor
from derive.calculus.program import FACTORS, FactorScale
from derive.calculus.roles import OF_A_STEP, Role
from derive.paper.characters import ODOT, STAR, TRANSPOSE, Letter, plain
from derive.record import record


@record
class Letters:
    """How a tensor with this role is written.

    ``entry`` is the letter of one entry and of the array of one sample,
    ``batch`` that of the array of a whole batch, ``code`` the name in code.
    ``vector`` is the letter of the array of one sample if it differs from ``entry``.
    """

    entry: str
    batch: str
    code: str
    vector: str | None = None


@record
class Notation:
    """A way of writing the derivation.

    ``layer`` is the position of the layer number: ``left`` ({}^{(2)}z) or ``right`` (z^{(2)}) of the letter, in
    ``brackets``. A network of one layer has no layer numbers unless ``numbered_alone`` is set. ``from_first`` writes
    a weight as w_{from,to}. The last unit index of a role in ``raised`` is a superscript: w^{from}_{to} for a weight.
    ``bias`` is the way to give biases if none is chosen, a name from ``BIASES``. ``derivative`` is ``partial``, or
    ``d`` to write dE/dW as dW. ``times`` is the sign of the elementwise product. ``increment`` shows the update step
    as a separate equation. ``rate`` is the letter of the learning rate. ``synonyms`` are other names of the notation.
    For derivatives of a higher order, ``earlier`` has the letters of the shared factors of the lower ones.
    """

    name: str
    summary: str
    layer: str
    roles: Mapping[str, Letters]
    brackets: tuple[Letter, Letter] = (plain("("), plain(")"))
    numbered_alone: bool = True
    scale: FactorScale = field(default_factory=FactorScale)
    function: str = "f"
    function_layers: bool = False
    from_first: bool = False
    raised: frozenset[str] = frozenset()
    bias: str = "separate"
    derivative: str = "partial"
    times: Letter = ODOT
    transpose: Letter = TRANSPOSE
    rate: str = "eta"
    sample: str = "{}"
    ones: bool = True
    increment: bool = False
    free_letters: tuple[str, ...] = ("i", "j", "k", "p", "q", "r", "s", "t", "u", "v")
    bound_letters: tuple[str, ...] = ("j", "k", "p", "q", "r", "s", "t", "u", "v")
    factor_letters: tuple[str, ...] = ("k", "p", "q", "r", "s", "t", "u", "v")
    sample_letters: tuple[str, ...] = ("mu", "nu", "rho", "tau", "xi", "zeta", "iota", "omega")
    synonyms: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key, allowed in (("layer", ("left", "right")), ("derivative", ("partial", "d"))):
            if getattr(self, key) not in allowed:
                given = f"notation {self.name}: {key} is {getattr(self, key)!r}"
                raise ValueError(f"{given}, but must be {' or '.join(map(repr, allowed))}")

    def of_order(self, order: int) -> Notation:
        """The notation for derivatives of this order: shared factors of each order have a letter of their own."""
        if order == 1:
            return self
        own, letter = self.roles["factor"].entry, FACTORS[order - 1]
        roles = {**self.roles, "factor": Letters(letter, letter, letter)}
        return replace(self, roles=roles, earlier=(own, *FACTORS[1 : order - 1]))

    @property
    def has_prediction(self) -> bool:
        """Whether predictions have their own letter, which needs no layer number."""
        return self.roles["prediction"].entry != self.roles["activation"].entry

    def role(self, tensor: Tensor) -> Letters:
        """The letters of a tensor; its name if its role has no entry."""
        known = self.roles.get(tensor.role) or _of_a_step(tensor)
        return known if known else Letters(tensor.name, tensor.name, tensor.name)

    def letters(self, tensors: Iterable[Tensor]) -> frozenset[str]:
        """The letters of those of the given tensors that are numbers or arrays of a step."""
        found = [role.entry for role in map(_of_a_step, tensors) if role]
        return frozenset(name.partition("_")[0] for name in found)

    def code_name(self, tensor: Tensor) -> str:
        """The name of a tensor in generated code."""
        if tensor.role == Role.GRADIENT and tensor.about is not None:
            stem = tensor.about.name if tensor.about.is_data else self.code_name(tensor.about)
            return f"d{stem}" if self.derivative == "d" else f"dE_d{stem}"
        if tensor.replaces:
            return self.code_name(tensor.replaces)
        if tensor.role == Role.FACTOR and tensor.about is not None and tensor.about.role != Role.PREACTIVATION:
            return f"{self.role(tensor).code}_{self.code_name(tensor.about)}"
        if tensor.role == Role.CONSTANT:
            return tensor.name.upper()
        known = self.roles.get(tensor.role)
        if known is None or tensor.role in (Role.WEIGHT, Role.BIAS):
            return tensor.name
        numbered = tensor.layer is not None and tensor.role not in (Role.INPUT, Role.PREDICTION)
        return f"{known.code}{tensor.layer}" if numbered else known.code


#: Tensors that belong to another, mostly a parameter, and have its symbol as an index: the letters of an entry and of
#: an array.
#: The first moment, m in the paper on Adam, is u, because m is the number of samples; the second moment is v.
ABOUT = {
    "velocity": Letters("v", "V", "velocity"),
    "mean": Letters("u", "U", "mean"),
    "mean_square": Letters("v", "V", "mean_square"),
    "square_sum": Letters("s", "S", "square_sum"),
    "clipped": Letters("g", "G", "clipped"),
    "stepped": Letters("q", "Q", "stepped"),
    "running": Letters("r", "R", "running"),
}


def _numbers(**letters: str) -> dict[str, Letters]:
    return {name: Letters(letter, letter, name) for name, letter in letters.items()}


#: Letters of numbers by name; the part after an underscore is an index.
_NUMBERS = _numbers(
    l1="lambda_1",
    l2="lambda",
    clip="C",
    weight_limit="C_1",
    mu="beta",
    beta1="beta_1",
    beta2="beta_2",
    rho="rho",
    epsilon="epsilon",
    weight_decay="omega",
    every="T",
    steps="T",
    factor="gamma",
    warm_up="T_0",
    step="t",
    square_norm="Gamma",
    clip_scale="kappa",
    correction1="c_1",
    correction2="c_2",
)


#: The names that a ``Network`` gives to tensors, by role; ``{}`` is the layer number.
_CANONICAL = {
    "input": "X",
    "target": "Y",
    "error": "E",
    "penalty": "R",
    "weight": "W{}",
    "bias": "b{}",
    "preactivation": "z{}",
    "activation": "a{}",
    "prediction": "a{}",
    "augmented": "x{}",
}


def is_canonical(tensor: Tensor) -> bool:
    """Whether a stated tensor has the name that a ``Network`` would give it.

    >>> [is_canonical(Tensor(name, "weight", layer=2)) for name in ("W2", "U")]
    [True, False]
    """
    return tensor.name == _CANONICAL.get(tensor.role, "").format(tensor.layer)


def belongs(tensor: Tensor) -> bool:
    """Whether a tensor belongs to another, such as a moving average of the gradients of a parameter."""
    return tensor.role in ABOUT and tensor.about is not None


def _of_a_step(tensor: Tensor) -> Letters | None:
    """The letters of a number or an array of a step; None for anything else."""
    if tensor.role == Role.PENALTY:
        return Letters("R", "R", "R")
    if belongs(tensor):
        return ABOUT[tensor.role]
    return _NUMBERS.get(tensor.name) if tensor.role in OF_A_STEP else None


_SHARED = {
    "target": Letters("y", "Y", "Y"),
    "error": Letters("E", "E", "E"),
    "learning_rate": Letters("eta", "eta", "learning_rate"),
}

PSI = Notation(
    "psi",
    "layers as left superscripts, the shared factors are called Ψ",
    layer="left",
    roles={
        **_SHARED,
        "input": Letters("x", "X", "X"),
        "weight": Letters("w", "W", "W", vector="W"),
        "bias": Letters("b", "b", "b"),
        "preactivation": Letters("z", "Z", "Z"),
        "activation": Letters("a", "A", "A"),
        "prediction": Letters("y_hat", "Y_hat", "Y_hat"),
        "augmented": Letters("x_bar", "X_bar", "X_bar"),
        "factor": Letters("Psi", "Psi", "Psi"),
    },
)

BRACKET = Notation(
    "bracket",
    "layers in square brackets, dz, dW and db, the mean over the samples taken last",
    layer="right",
    brackets=(plain("["), plain("]")),
    roles={
        **_SHARED,
        "input": Letters("x", "X", "X"),
        "weight": Letters("w", "W", "W", vector="W"),
        "bias": Letters("b", "b", "b"),
        "preactivation": Letters("z", "z", "z"),
        "activation": Letters("a", "A", "A"),
        "prediction": Letters("a", "A", "A_out"),
        "augmented": Letters("x_bar", "X_bar", "X_bar"),
        "factor": Letters("dz", "dz", "dz"),
    },
    scale=FactorScale(per_sample=True),
    function="g",
    function_layers=True,
    derivative="d",
    times=STAR,
    transpose=Letter("T", "ᵀ"),
    rate="alpha",
    sample="({})",
    ones=False,
)

DELTA = Notation(
    "delta",
    "the delta rule: pre-activations h, error terms δ that point downhill, weights w_ij from i to j",
    layer="right",
    roles={
        **_SHARED,
        "input": Letters("x", "X", "X"),
        "weight": Letters("w", "W", "W", vector="W"),
        "bias": Letters("b", "b", "b"),
        "preactivation": Letters("h", "H", "h"),
        "activation": Letters("a", "A", "a"),
        "prediction": Letters("y_hat", "Y_hat", "Y_hat"),
        "augmented": Letters("x_bar", "X_bar", "X_bar"),
        "factor": Letters("delta", "delta", "delta"),
    },
    scale=FactorScale(sign=-1, per_sample=True),
    numbered_alone=False,
    from_first=True,
    increment=True,
    free_letters=("j", "i", "k", "p", "q", "r", "s", "t", "u", "v"),
    bound_letters=("i", "k", "p", "q", "r", "s", "t", "u", "v"),
    ones=False,
)

XBAR = replace(
    PSI,
    name="xbar",
    summary="the layer's inputs X̄ with a constant 1, weights W̄ as w^from_to, the shared factors are called Ψ",
    roles={**PSI.roles, "weight": Letters("w", "W_bar", "W", vector="W_bar")},
    raised=frozenset(("augmented", "weight")),
    bias="augmented",
    sample="({})",
)

NOTATIONS = {entry.name: entry for entry in (PSI, BRACKET, DELTA, XBAR)}
