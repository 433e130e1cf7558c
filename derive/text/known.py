"""Matching of names from users with known ones: case-insensitive, with synonyms and typing errors.

A similar spelling may mean something else, as with ``msle`` and ``mse``. A name is therefore only
suggested for a likely typing error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from derive.text.user_text import listed, shown

#: Of more known names than the first number, so many as the second are listed.
MOST, FIRST = 20, 12
#: Names with a meaning of their own in scikit-learn, Keras, PyTorch or the literature, which would
#: otherwise pass for typing errors.
ELSEWHERE = frozenset(
    # activations
    "celu crelu prelu rrelu drelu relu1 glu geglu reglu swiglu quick_gelu squareplus softmin sparsemax gumbel_softmax "
    "hard_sigmoid hard_swish hard_silu hard_shrink soft_shrink tanh_shrink sparse_plus sparse_sigmoid log_sigmoid "
    "log_softmax atan tan sinh cosh sin cos threshold step "
    # losses
    "msle rmse rmsle mape smape male mase sae mean_squared_log_error mean_squared_logarithmic_error "
    "mean_absolute_percentage_error root_mean_squared_error median_absolute_error squared_log_error nll "
    "poisson_nll mle kl_div "
    "categorical_focal_crossentropy sparse_categorical_crossentropy "
    "bce_with_logits binary_cross_entropy_with_logits cosine_similarity ctc dice tversky triplet "
    "categorical_hinge hinge_embedding modified_huber huberized_hinge perceptron soft_margin margin_ranking "
    "multi_margin epsilon_insensitive squared_epsilon_insensitive deviance exponential_loss "
    # optimizers
    "nadam radam adamax adabelief adadelta adafactor adahessian adan adams adamp adabound amsgrad sparse_adam lion "
    "lars lamb lbfgs l_bfgs rprop asgd gd sgdw sgdm nag ftrl muon sophia shampoo "
    # schedules
    "linear polynomial plateau one_cycle cyclic adaptive invscaling cosine_restarts cosine_annealing "
    # initialisations and the rest
    "ones random identity dirac sparse normal uniform eye constant".split()
)


def folded(name: str) -> str:
    """Normalise a name: lower case, without the separators between words.

    >>> folded("Leaky-ReLU") == folded("leaky_relu")
    True
    """
    return name.lower().translate(_BETWEEN)


_BETWEEN = str.maketrans("", "", "_- ")
_ELSEWHERE = frozenset(map(folded, ELSEWHERE))


def canonical(name: str, catalogue: Mapping[str, Any]) -> str | None:
    """Return the catalogue name for a name or a synonym; None if it is unknown.

    >>> from derive.catalogue.activations import ACTIVATIONS
    >>> canonical("ReLU", ACTIVATIONS), canonical("swish", ACTIVATIONS), canonical("sin", ACTIVATIONS)
    ('relu', 'silu', None)
    """
    if name in catalogue:
        return name
    wanted = folded(name)
    return next((n for n, e in catalogue.items() if wanted in map(folded, (n, *synonyms(e)))), None)


def synonyms(entry: Any) -> tuple[str, ...]:
    """Return all synonyms of an entry, including those for a single output or without options only."""
    return (*entry.synonyms, *getattr(entry, "of_one_output", ()), *getattr(entry, "without_options", ()))


def unknown(what: str, name: object, known: Collection[str], also: Iterable[str] = (), plural: str = "") -> str:
    """Write the message for an unknown name: a suggestion for a typing error, otherwise the known names.

    ``also`` are synonyms of the ``known`` names; ``plural`` is the name of their list in `derive list`.

    >>> unknown("key", "layer", ["layers", "loss"])
    "unknown key 'layer': did you mean layers?"
    >>> unknown("loss", "triplet", ["mse", "poisson"], plural="losses")
    "unknown loss 'triplet': there are mse and poisson (`derive list losses`), or a formula of y and yhat"
    """
    meant = misspelled(str(name), [*known, *also])
    if meant is not None:
        shows = f" (`derive list {plural}` shows all)" if plural else ""
        return f"unknown {what} {shown(name)}: did you mean {meant}{shows}?"
    shows = f", and `derive list {plural}` shows what they are" if plural else ""
    formulas = {"activation": "in x", "loss": "of y and yhat"}
    if what in formulas:
        shows = f" (`derive list {plural}`), or a formula {formulas[what]}"
    return f"unknown {what} {shown(name)}: there are {_some(known)}{shows}"


def _some(known: Collection[str]) -> str:
    names = [*known]
    return listed(names) if len(names) <= MOST else f"{', '.join(names[:FIRST])} and {len(names) - FIRST} more"


def misspelled(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was mistyped; None if there is none, or more than one.

    Longer names may have more errors. The first letter and the digits must be right.

    >>> misspelled("Sigmoyd", ["tanh", "sigmoid"]), misspelled("nadam", ["adam"]), misspelled("mee", ["mse", "mae"])
    ('sigmoid', None, None)
    """
    given = folded(name)
    if given in _ELSEWHERE:
        return None
    far = {k: d for k in dict.fromkeys(known) if (d := _distance(given, folded(k))) is not None}
    nearest = [k for k, distance in far.items() if distance == min(far.values())]
    return nearest[0] if len(nearest) == 1 else None


def _distance(given: str, known: str) -> int | None:
    """Return the edit distance; None if it is too large for a typing error."""
    if given == known:
        return 0
    allowed = 0 if len(known) < 3 else 1 if len(known) < 8 else 2
    alike = given[:1] == known[:1] and _digits(given) == _digits(known)
    if not alike or abs(len(given) - len(known)) > allowed:
        return None
    found = _edits(given, known)
    if len(known) == 3 and len(given) == 3 and sorted(given) != sorted(known):  # one letter in three differs: too much
        return None
    return found if found <= allowed else None


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def _edits(given: str, known: str) -> int:
    """Count insertions, deletions, replacements and swaps of neighbours (Damerau-Levenshtein distance)."""
    rows = [list(range(len(known) + 1))]
    for i, a in enumerate(given, 1):
        row = [i]
        for j, b in enumerate(known, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == known[j - 2] and given[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
