"""Losses: one entry with one forward formula and its normalisation each.

To add a loss, add an entry to ``LOSSES``: the term of one output of one
sample, and the factor of the sum over outputs (K) and samples (m).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace

from sympy import Abs, Expr, Piecewise, Rational, Symbol, cosh, log

from derive.calculus.functions import X, check_formula, elementwise
from derive.calculus.index import SAMPLES, Equation, IndexSupply, Tensor, total
from derive.calculus.promises import SumsToOne
from derive.calculus.properties import Values
from derive.catalogue.activations import ACTIVATIONS
from derive.record import record
from derive.text.entry_text import Option, entry_text, parse_entry

#: The admissible targets of a loss, with their description.
TARGETS = {
    "real": "any numbers",
    "unit": "from 0 to 1",
    "classes": "at least 0, and sum to 1 over the outputs of a sample",
    "signs": "-1 or 1",
    "counts": "at least 0",
}


@record
class Loss:
    """``E = scale(m, K) * sum over samples and outputs of term(y, y_hat)``.

    ``phrase`` names the loss within a sentence. ``needs`` is the required property of the predictions (None: any
    numbers), and ``usual`` the activation with that property, if it is not the first of the catalogue. ``targets``
    is a key of ``TARGETS``; the derivation may use that targets of classes sum to 1. ``function`` is an elementwise
    function of ``X``, written as a letter and passed to ``term`` as its third argument;
    each of ``options`` is a symbol in it, and ``text`` is the name with the chosen values.

    ``synonyms`` are names of the same loss, with the same scale, elsewhere. ``of_one_output`` are names of
    losses that average over the outputs instead of summing, which is the same for a single output.
    ``without_options`` maps names whose options have another meaning, and which are the same only without
    options, to that meaning. ``why`` is a sentence on the choice of the loss.
    """

    name: str
    phrase: str
    summary: str
    term: Callable[..., Expr]
    scale: Callable[[Expr, Expr], Expr]
    needs: Values | None = None
    usual: str = ""
    targets: str = "real"
    function: Expr | None = None
    options: tuple[Option, ...] = ()
    synonyms: tuple[str, ...] = ()
    of_one_output: tuple[str, ...] = ()
    without_options: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    why: str = ""

    @property
    def with_article(self) -> str:
        """The phrase with the article that it takes."""
        return self.phrase if self.phrase.startswith("half") else f"the {self.phrase}"

    def __post_init__(self) -> None:
        if self.function is not None:
            check_formula(self.function, f"the loss {self.name}")

    def equation(self, error: Tensor, y: Tensor, y_hat: Tensor, supply: IndexSupply) -> Equation:
        """State the error in index form; ``y`` and ``y_hat`` are (outputs, samples)."""
        indices = supply.several(y.axes)
        outputs = y.axes[0].extent
        named = () if self.function is None else (self._named(self.function),)
        value = self.scale(SAMPLES, outputs) * total(self.term(y[indices], y_hat[indices], *named), *indices)
        return Equation(error, (), value, "error")

    def _named(self, function: Expr) -> Callable[[Expr], Expr]:
        made: Callable[[Expr], Expr] = elementwise(
            f"{self.name}_term", function, role="loss", label=self.text or self.name
        )
        return made

    @property
    def activations(self) -> tuple[str, ...]:
        """The output activations that the loss requires, the usual one first; empty if it accepts any."""
        fitting = [a.name for a in ACTIVATIONS.values() if self.needs and a.values is self.needs]
        return tuple(sorted(fitting, key=lambda name: name != self.usual))

    def promises(self, y: Tensor) -> tuple[SumsToOne, ...]:
        """The assumptions about the targets that the derivation may use."""
        return (SumsToOne(y),) if self.targets == "classes" else ()


def loss(text: str) -> Loss:
    """Return the entry named by a text such as ``huber(delta=0.5)``, with its options substituted.

    Raises SpecError for an unknown name or an invalid option.

    >>> loss("huber(delta=0.5)").function
    Piecewise((x**2/2, Abs(x) <= 1/2), (Abs(x)/2 - 1/8, True))
    """
    name, values = parse_entry("loss", "losses", text, LOSSES)
    entry = LOSSES[name]
    if entry.function is None or not values:
        return entry
    function = entry.function.xreplace({Symbol(option): Rational(value) for option, value in values.items()})
    text = entry_text(name, values, entry.options)
    said = text.removeprefix(name)
    return replace(entry, function=function, text=text, phrase=f"{entry.phrase} {said}" if said else entry.phrase)


def _square(y: Expr, y_hat: Expr) -> Expr:
    return (y - y_hat) ** 2


def _of_difference(y: Expr, y_hat: Expr, function: Callable[[Expr], Expr]) -> Expr:
    return function(y_hat - y)


def _of_margin(y: Expr, y_hat: Expr, function: Callable[[Expr], Expr]) -> Expr:
    return function(1 - y * y_hat)


def _bernoulli(y: Expr, y_hat: Expr) -> Expr:
    return y * log(y_hat) + (1 - y) * log(1 - y_hat)


def _categorical(y: Expr, y_hat: Expr) -> Expr:
    return y * log(y_hat)


def _divergence(y: Expr, y_hat: Expr, y_log_y: Callable[[Expr], Expr]) -> Expr:
    return y_log_y(y) - y * log(y_hat)


def _poisson(y: Expr, y_hat: Expr) -> Expr:
    return y_hat - y * log(y_hat)


def _mean(m: Expr, k: Expr) -> Expr:
    return 1 / (m * k)


_SQUARED = (
    "The loss squares the difference between a target and an output: positive and negative differences count alike, "
    "a large one counts more than several small ones with the same sum, and the derivative is a multiple of the "
    "difference."
)
_ABSOLUTE = "The loss grows in proportion to the error of an output, so that a single large error does not dominate."
_ROBUST = "The loss is quadratic for small errors and grows linearly for large ones, which therefore do not dominate."
_LIKELIHOOD = "is the negative log-likelihood of the targets: minimising it maximises the probability of the targets."
_MARGIN = "The loss is 0 for an output on the right side of the margin, so that only the other outputs are corrected."

_DELTA = Symbol("delta")
#: The meaning of the option of smooth_l1 in other libraries.
_SMOOTH_L1 = "with beta b it is huber(delta=b) divided by b, which is none of the losses"
_POSITIVE_PART = Piecewise((X, X > 0), (0, True))

LOSSES = {
    entry.name: entry
    for entry in (
        Loss(
            "mse",
            "mean squared error",
            "mean of the squared errors",
            _square,
            _mean,
            synonyms=("mean_squared_error", "mse_loss"),
            why=_SQUARED,
        ),
        Loss(
            "half_mse",
            "half the squared error, averaged over the samples",
            "half the squared error, mean over the samples",
            _square,
            lambda m, k: 1 / (2 * m),
            # scikit-learn's networks: half the squared error, averaged over the outputs
            of_one_output=("squared_error",),
            why=_SQUARED,
        ),
        Loss(
            "sse",
            "sum of squared errors",
            "sum of the squared errors",
            _square,
            lambda m, k: Rational(1),
            why=_SQUARED,
        ),
        Loss(
            "half_sse",
            "half the sum of squared errors",
            "half the sum of the squared errors",
            _square,
            lambda m, k: Rational(1, 2),
            why=_SQUARED,
        ),
        Loss(
            "mae",
            "mean absolute error",
            "mean of the absolute errors; the derivative at 0 is taken as 0",
            _of_difference,
            _mean,
            function=Abs(X),
            synonyms=("mean_absolute_error", "absolute_error", "l1", "l1_loss"),
            why=_ABSOLUTE,
        ),
        Loss(
            "huber",
            "mean Huber loss",
            "quadratic up to delta, linear beyond (Huber 1964); mean",
            _of_difference,
            _mean,
            function=Piecewise((X**2 / 2, Abs(X) <= _DELTA), (_DELTA * (Abs(X) - _DELTA / 2), True)),
            options=(Option("delta", 1, "size of the error from which it is linear", above=0),),
            synonyms=("huber_loss",),
            without_options=dict.fromkeys(("smooth_l1", "smooth_l1_loss"), _SMOOTH_L1),
            why=_ROBUST,
        ),
        Loss(
            "log_cosh",
            "mean log-cosh loss",
            "close to quadratic near 0 and to linear far from 0; mean",
            _of_difference,
            _mean,
            function=log(cosh(X)),
            why=_ROBUST,
        ),
        Loss(
            "hinge",
            "mean hinge loss",
            "for targets -1 and 1: distance to the margin, 0 beyond it; the derivative there is taken as 0; mean",
            _of_margin,
            _mean,
            needs=Values.ODD,
            targets="signs",
            function=_POSITIVE_PART,
            why=_MARGIN,
        ),
        Loss(
            "squared_hinge",
            "mean squared hinge loss",
            "for targets -1 and 1: squared distance to the margin, 0 beyond it; mean",
            _of_margin,
            _mean,
            needs=Values.ODD,
            targets="signs",
            function=Piecewise((X**2, X > 0), (0, True)),
            why=_MARGIN,
        ),
        Loss(
            "binary_cross_entropy",
            "binary cross-entropy",
            "for outputs that are independent probabilities; mean over the samples",
            _bernoulli,
            lambda m, k: -1 / m,
            needs=Values.PROBABILITY,
            targets="unit",
            synonyms=("binary_log_loss",),
            of_one_output=("binary_crossentropy", "bce", "bce_loss"),  # Keras and PyTorch
            why=f"The binary cross-entropy {_LIKELIHOOD}",
        ),
        Loss(
            "cross_entropy",
            "cross-entropy",
            "for outputs that are the probabilities of K classes; mean over the samples",
            _categorical,
            lambda m, k: -1 / m,
            needs=Values.DISTRIBUTION,
            targets="classes",
            synonyms=("categorical_crossentropy", "cross_entropy_loss", "log_loss"),
            why=f"The cross-entropy {_LIKELIHOOD}",
        ),
        Loss(
            "kl_divergence",
            "Kullback-Leibler divergence",
            "between targets that are distributions and the outputs, with 0 ln 0 = 0; mean over the samples",
            _divergence,
            lambda m, k: 1 / m,
            needs=Values.DISTRIBUTION,
            targets="classes",
            function=Piecewise((X * log(X), X > 0), (0, True)),
            # not kl_div, which takes logarithms and averages over the outputs, too
            synonyms=("kullback_leibler_divergence", "kld"),
        ),
        Loss(
            "poisson",
            "mean Poisson loss",
            "for counts: negative log-likelihood without the terms that are the same for all outputs; mean",
            _poisson,
            _mean,
            needs=Values.POSITIVE,
            usual="exponential",
            targets="counts",
            why=f"Up to terms without the outputs, the Poisson loss {_LIKELIHOOD}",
        ),
    )
}
