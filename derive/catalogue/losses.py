"""Losses: one entry with one forward formula and its normalisation each.

To add a loss, add an entry to ``LOSSES``: the term of one output of one
sample, or a formula of all targets and outputs of a sample, and the factor of the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from fractions import Fraction
from typing import Any

from sympy import Abs, Add, Expr, Integer, Piecewise, Rational, Symbol, cosh, exp, log, sqrt

from derive.calculus.extremes import Largest, extreme
from derive.calculus.functions import X, check_formula, elementwise
from derive.calculus.index import SAMPLES, Axis, Equation, Index, IndexSupply, Tensor, total
from derive.calculus.promises import Promise, SumsToOne
from derive.calculus.properties import Values
from derive.catalogue.activations import ACTIVATIONS
from derive.record import record
from derive.text.entry_text import Option, entry_text, parse_entry
from derive.text.errors import SpecError
from derive.text.user_text import shown

#: The admissible targets of a loss, with their description.
TARGETS = {
    "real": "any numbers",
    "unit": "from 0 to 1",
    "classes": "at least 0, and sum to 1 over the outputs of a sample",
    "signs": "-1 or 1",
    "counts": "at least 0",
    "positive": "greater than 0",
}


@record
class Sample:
    """The targets ``y`` and the outputs ``y_hat`` of one sample, for the formula of a loss that mixes them.

    ``several`` are the values of the option that has several.
    """

    targets: Tensor
    outputs: Tensor
    sample: Index
    supply: IndexSupply
    several: tuple[Expr, ...] = ()

    def y(self, place: Expr) -> Expr:
        """The target at a place from 1."""
        return self.targets[(place, self.sample)]

    def y_hat(self, place: Expr) -> Expr:
        """The output at a place from 1."""
        return self.outputs[(place, self.sample)]

    @property
    def count(self) -> Expr:
        """The number of targets."""
        return self.targets.axes[0].extent

    def index(self, extent: Expr | None = None) -> Index:
        """A fresh index over the targets, or over a number of places."""
        return self.supply.fresh(self.targets.axes[0] if extent is None else Axis(extent))

    def sum(self, term: Callable[[Expr], Expr]) -> Expr:
        """The sum of a term over the targets."""
        index = self.index()
        return total(term(index), index)


@record
class Loss:
    """``E = scale(m, K) * sum over samples and outputs of term(y, y_hat)``.

    ``phrase`` names the loss within a sentence. ``needs`` is the required property of the predictions (None: any
    numbers), and ``usual`` the activation with that property, if it is not the first of the catalogue. ``targets``
    is a key of ``TARGETS``; the derivation may use that targets of classes sum to 1. ``function`` is an elementwise
    function of ``X``, written as a letter and passed to ``term`` or ``formula`` as the last argument;
    each of ``options`` is a symbol in it or in the term, and ``text`` is the name with the chosen values.

    A loss that mixes the outputs of a sample has no ``term`` but a ``formula`` of a ``Sample``; K is the number of
    its targets. The outputs are ``per_target`` times the targets and ``beyond`` more; for an option with several
    values there is an output of each target for each value.

    ``synonyms`` are names of the same loss, with the same scale, elsewhere. ``of_one_output`` are names of
    losses that average over the outputs instead of summing, which is the same for a single output.
    ``without_options`` maps names whose options have another meaning, and which are the same only without
    options, to that meaning. ``why`` is a sentence on the choice of the loss. ``score`` names the measure of
    predictions that fits it, where that is neither R^2 nor the accuracy of the largest output, with its option.
    """

    name: str
    phrase: str
    summary: str
    term: Callable[..., Expr] | None
    scale: Callable[[Expr, Expr], Expr]
    needs: Values | None = None
    usual: str = ""
    targets: str = "real"
    function: Expr | None = None
    formula: Callable[..., Expr] | None = None
    per_target: int = 1
    beyond: int = 0
    options: tuple[Option, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    synonyms: tuple[str, ...] = ()
    of_one_output: tuple[str, ...] = ()
    without_options: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    why: str = ""
    score: tuple[str, Expr | None] = ("", None)

    @property
    def with_article(self) -> str:
        """The phrase with the article that it takes."""
        return self.phrase if self.phrase.startswith("half") else f"the {self.phrase}"

    def __post_init__(self) -> None:
        if self.function is not None:
            check_formula(self.function, f"the loss {self.name}")

    def equation(self, error: Tensor, y: Tensor, y_hat: Tensor, supply: IndexSupply) -> Equation:
        """State the error in index form; ``y`` and ``y_hat`` are (targets, samples) and (outputs, samples)."""
        indices = supply.several(y.axes)
        named = () if self.function is None else (self._named(self.function),)
        if self.formula is None:
            assert self.term is not None
            value, summed = self.term(y[indices], y_hat[indices], *named), indices
        else:
            several = next((v for v in self.values.values() if isinstance(v, tuple)), ())
            value, summed = self.formula(Sample(y, y_hat, indices[1], supply, several), *named), indices[1:]
        numbers = {Symbol(o): v for o, v in self.values.items() if not isinstance(v, tuple)}
        scale = self.scale(SAMPLES, y.axes[0].extent)
        return Equation(error, (), scale * total(value.xreplace(numbers), *summed), "error")

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

    @property
    def is_plain(self) -> bool:
        """Whether there is one output for each target."""
        return (self.per_target, self.beyond) == (1, 0)

    def targets_for(self, outputs: int | str) -> int | str:
        """The number of targets for a number of outputs.

        Raises SpecError if there is none, or if it is a name and the numbers differ.

        >>> loss("gaussian_nll").targets_for(6), loss("ordinal").targets_for(3), loss("mse").targets_for("k")
        (3, 4, 'k')
        """
        if self.is_plain:
            return outputs
        said = f"loss {self.text or self.name} needs {self.outputs_said}"
        if isinstance(outputs, str):
            raise SpecError(f"{said}, so the number of outputs must be a number, not {shown(outputs)}")
        found, rest = divmod(outputs - self.beyond, self.per_target)
        if rest or found < 1:
            more = self.per_target * max(found + 1, 1)
            raise SpecError(f"{said}, but there {'is' if outputs == 1 else 'are'} {outputs}: use {more} outputs")
        return found

    @property
    def measure(self) -> tuple[str, tuple[float, ...]]:
        """The measure of predictions that fits the loss, and its option in numbers.

        >>> loss("quantile(tau=[0.1, 0.9])").measure, loss("tweedie").measure, loss("mse").measure
        (('pinball', (0.1, 0.9)), ('deviance', (1.5,)), ('', ()))
        """
        name, option = self.score
        found = () if option is None else self.values.get(str(option), option)
        return name, tuple(map(float, found if isinstance(found, tuple) else (found,)))

    @property
    def outputs_said(self) -> str:
        """How many outputs there are, in words."""
        if self.beyond:
            return "one output fewer than classes"
        return f"{self.per_target} outputs for each target"

    def promises(self, y: Tensor) -> tuple[Promise, ...]:
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
    if not values:
        return entry
    text = entry_text(name, values, entry.options)
    said = text.removeprefix(name)
    several = next((len(v) for v in values.values() if isinstance(v, tuple)), entry.per_target)
    numbers = {o: tuple(map(Rational, v)) if isinstance(v, tuple) else Rational(v) for o, v in values.items()}
    single = {Symbol(o): v for o, v in numbers.items() if not isinstance(v, tuple)}
    return replace(
        entry,
        function=None if entry.function is None else entry.function.xreplace(single),
        per_target=several,
        values=numbers,
        text=text,
        phrase=f"{entry.phrase} {said}" if said else entry.phrase,
    )


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


def _pinball(s: Sample, function: Callable[[Expr], Expr]) -> Expr:
    """The outputs are those of all targets for the first quantile, then those for the second, and so on."""
    shares = s.several or (Symbol("tau"),)

    def term(k: Expr) -> Expr:
        missed = [s.y(k) - s.y_hat(k + number * s.count) for number in range(len(shares))]
        return Add(*(tau * function(d) + (1 - tau) * function(-d) for tau, d in zip(shares, missed, strict=True)))

    return s.sum(term) / len(shares)


def _binary_focal(y: Expr, y_hat: Expr) -> Expr:
    return y * (1 - y_hat) ** _GAMMA * log(y_hat) + (1 - y) * y_hat**_GAMMA * log(1 - y_hat)


def _focal(y: Expr, y_hat: Expr) -> Expr:
    return y * (1 - y_hat) ** _GAMMA * log(y_hat)


def _smoothed(s: Sample) -> Expr:
    return s.sum(lambda k: ((1 - _SMOOTHING) * s.y(k) + _SMOOTHING / s.count) * log(s.y_hat(k)))


def _normal(s: Sample) -> Expr:
    """The outputs are the means of all targets, then the logarithms of their standard deviations."""
    return s.sum(lambda k: s.y_hat(k + s.count) + ((s.y(k) - s.y_hat(k)) * exp(-s.y_hat(k + s.count))) ** 2 / 2)


def _laplace(s: Sample, function: Callable[[Expr], Expr]) -> Expr:
    """The outputs are the medians of all targets, then the logarithms of their scales."""
    return s.sum(lambda k: s.y_hat(k + s.count) + function(s.y(k) - s.y_hat(k)) * exp(-s.y_hat(k + s.count)))


def _gamma(y: Expr, y_hat: Expr) -> Expr:
    return log(y_hat) - log(y) + y / y_hat - 1


def _tweedie(y: Expr, y_hat: Expr) -> Expr:
    p = _POWER
    return y ** (2 - p) / ((1 - p) * (2 - p)) - y * y_hat ** (1 - p) / (1 - p) + y_hat ** (2 - p) / (2 - p)


def _ordinal(s: Sample) -> Expr:
    """Output j is the probability of a class after class j; what is read beyond the last target is 0."""
    outputs = s.count - 1
    j, after = s.index(outputs), s.index(outputs)
    later = total(s.y(j + after), after)
    return total(_bernoulli(later, s.y_hat(j)), j)


def _crammer_singer(s: Sample) -> Expr:
    k = s.index()
    return extreme(Largest, 1 + s.y_hat(k) - s.y(k), k) - s.sum(lambda r: s.y(r) * s.y_hat(r))


def _weston_watkins(s: Sample, function: Callable[[Expr], Expr]) -> Expr:
    right = s.sum(lambda r: s.y(r) * s.y_hat(r))
    return s.sum(lambda k: (1 - s.y(k)) * function(1 + s.y_hat(k) - right))


def _cosine(s: Sample) -> Expr:
    lengths = sqrt(s.sum(lambda k: s.y(k) ** 2)) * sqrt(s.sum(lambda k: s.y_hat(k) ** 2))
    return 1 - s.sum(lambda k: s.y(k) * s.y_hat(k)) / lengths


def _mean(m: Expr, k: Expr) -> Expr:
    return 1 / (m * k)


def _mean_over_samples(m: Expr, k: Expr) -> Expr:
    return 1 / m


_SQUARED = (
    "The loss squares the difference between a target and an output: positive and negative differences count alike, "
    "a large one counts more than several small ones with the same sum, and the derivative is a multiple of the "
    "difference."
)
_ABSOLUTE = "The loss grows in proportion to the error of an output, so that a single large error does not dominate."
_ROBUST = "The loss is quadratic for small errors and grows linearly for large ones, which therefore do not dominate."
_LIKELIHOOD = "is the negative log-likelihood of the targets: minimising it maximises the probability of the targets."
_FOCAL = "The loss gives samples that are told right already less weight, so that the others are not drowned."
_MARGIN_OF_CLASSES = "The loss is 0 once the output of the right class exceeds every other by 1."
_MARGIN = "The loss is 0 for an output on the right side of the margin, so that only the other outputs are corrected."

_DELTA, _GAMMA, _POWER, _SMOOTHING = map(Symbol, ("delta", "gamma", "power", "smoothing"))
_FOCUS = Option("gamma", 2, "0 is the cross-entropy", least=0, most=5, decimals=2)
_EXPONENT = Option("power", Fraction(3, 2), "the variance is the mean to this power", above=1, below=2, decimals=2)
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
            options=(Option("delta", 1, "size of the error from which it is linear", above=0, most=10**15),),
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
            score=("deviance", Integer(1)),
            why=f"Up to terms without the outputs, the Poisson loss {_LIKELIHOOD}",
        ),
        Loss(
            "quantile",
            "mean quantile loss",
            "of one or several quantiles; its derivative at 0 is taken as 0 (Koenker and Bassett 1978); mean",
            None,
            _mean,
            function=_POSITIVE_PART,
            formula=_pinball,
            options=(
                Option("tau", Fraction(1, 2), "probability of a target below it", above=0, below=1, several=True),
            ),
            synonyms=("pinball", "pinball_loss", "mean_pinball_loss", "quantile_loss"),
            score=("pinball", Symbol("tau")),
            why="An output that minimises the loss is a quantile of the targets: a share tau of them is below it.",
        ),
        Loss(
            "gaussian_nll",
            "mean Gaussian negative log-likelihood",
            "for means, then logarithms of standard deviations (Nix and Weigend 1994); without the constant; mean",
            None,
            _mean,
            formula=_normal,
            per_target=2,
            synonyms=("gaussian_nll_loss", "normal_nll"),
            score=("R^2", None),
            why=f"Up to a constant, the loss {_LIKELIHOOD}",
        ),
        Loss(
            "laplace_nll",
            "mean Laplace negative log-likelihood",
            "for medians, then logarithms of scales; without the constant; mean",
            None,
            _mean,
            function=Abs(X),
            formula=_laplace,
            per_target=2,
            synonyms=("laplace_nll_loss", "laplacian_nll"),
            score=("pinball", Rational(1, 2)),
            why=f"Up to a constant, the loss {_LIKELIHOOD}",
        ),
        Loss(
            "gamma",
            "mean gamma deviance",
            "for positive numbers; 0 for outputs equal to the targets (McCullagh and Nelder 1989); mean",
            _gamma,
            lambda m, k: 2 / (m * k),
            needs=Values.POSITIVE,
            usual="exponential",
            targets="positive",
            synonyms=("gamma_deviance", "mean_gamma_deviance"),
            score=("deviance", Integer(2)),
            why="The deviance depends on the ratios of targets and outputs only.",
        ),
        Loss(
            "tweedie",
            "mean Tweedie deviance",
            "for amounts that may be 0: between Poisson, of power 1, and gamma, of power 2 (Jørgensen 1987); mean",
            _tweedie,
            lambda m, k: 2 / (m * k),
            needs=Values.POSITIVE,
            usual="exponential",
            targets="counts",
            options=(_EXPONENT,),
            synonyms=("tweedie_deviance", "mean_tweedie_deviance"),
            score=("deviance", _POWER),
            why="The targets may often be 0 and are positive otherwise, such as amounts of claims or of rain.",
        ),
        Loss(
            "binary_focal",
            "binary focal loss",
            "with less weight on what is right already (Lin et al. 2017); mean over the samples",
            _binary_focal,
            lambda m, k: -1 / m,
            needs=Values.PROBABILITY,
            targets="unit",
            options=(_FOCUS,),
            of_one_output=("binary_focal_crossentropy",),  # Keras
            why=_FOCAL,
        ),
        Loss(
            "focal",
            "focal loss",
            "for K classes; with less weight on what is right already (Lin et al. 2017); mean over the samples",
            _focal,
            lambda m, k: -1 / m,
            needs=Values.DISTRIBUTION,
            targets="classes",
            options=(_FOCUS,),
            synonyms=("focal_loss", "categorical_focal"),
            why=_FOCAL,
        ),
        Loss(
            "label_smoothing",
            "cross-entropy with label smoothing",
            "all classes share a part of the targets (Szegedy et al. 2016); mean over the samples",
            None,
            lambda m, k: -1 / m,
            needs=Values.DISTRIBUTION,
            targets="classes",
            formula=_smoothed,
            options=(Option("smoothing", Fraction(1, 10), "part that all classes share", least=0, below=1),),
            synonyms=("smoothed_cross_entropy", "label_smoothing_cross_entropy"),
            why="The targets are taken for a little less than certain, so that the weights do not grow without end.",
        ),
        Loss(
            "ordinal",
            "ordinal cross-entropy",
            "classes in order, output j the probability of one after j (McCullagh 1980); mean over the samples",
            None,
            lambda m, k: -1 / m,
            needs=Values.PROBABILITY,
            targets="classes",
            formula=_ordinal,
            beyond=-1,
            synonyms=("ordinal_cross_entropy", "cumulative_logits", "cumulative_logit"),
            score=("ordinal", None),
            why="Each output tells the classes up to a place from those after it, so that the order of classes counts.",
        ),
        Loss(
            "crammer_singer",
            "multi-class hinge loss",
            "right output short of 1 above the largest other (Crammer and Singer 2001); mean over the samples",
            None,
            _mean_over_samples,
            targets="classes",
            formula=_crammer_singer,
            synonyms=("multiclass_hinge",),
            why=_MARGIN_OF_CLASSES,
        ),
        Loss(
            "weston_watkins",
            "Weston-Watkins hinge loss",
            "right output short of 1 above the others, in sum (Weston and Watkins 1999); mean over the samples",
            None,
            _mean_over_samples,
            targets="classes",
            function=_POSITIVE_PART,
            formula=_weston_watkins,
            why=_MARGIN_OF_CLASSES,
        ),
        Loss(
            "cosine",
            "mean cosine distance",
            "1 minus the cosine of the angle between targets and outputs, not all 0; mean over the samples",
            None,
            _mean_over_samples,
            formula=_cosine,
            synonyms=("cosine_distance", "cosine_embedding_loss"),
            score=("cosine", None),
            why="The loss compares directions: the lengths of targets and outputs do not count.",
        ),
    )
}
