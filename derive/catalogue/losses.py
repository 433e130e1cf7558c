"""Losses: one entry with one forward formula and its normalisation each.

To add a loss, add an entry to ``LOSSES``: the term of one output of one
sample, or a formula of all targets and outputs of a sample, and the factor of the sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from sympy import Abs, Add, Expr, Integer, Piecewise, Rational, Symbol, cosh, exp, log, sqrt

from derive.calculus.extremes import Largest, extreme
from derive.calculus.functions import X
from derive.calculus.index import total
from derive.calculus.properties import Values
from derive.catalogue.loss import Loss, Sample
from derive.text.entry_text import Option, entry_text, parse_entry


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
