"""Names from users, matched against those that are known: whatever their case, by their synonyms, with typing errors.

A name that is only spelled like a known one may mean something else, as ``msle`` and ``mse``
do, so nothing is proposed unless it is what was meant, slightly mistyped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from derive.text.user_text import listed, shown

#: Names that mean something else in scikit-learn, Keras, PyTorch or the literature, though typing errors
#: could make them of ours.
ELSEWHERE = frozenset(
    # activations
    "celu crelu prelu rrelu drelu relu1 glu geglu reglu swiglu quick_gelu squareplus softmin sparsemax gumbel_softmax "
    "hard_sigmoid hard_swish hard_silu hard_shrink soft_shrink tanh_shrink sparse_plus sparse_sigmoid log_sigmoid "
    "log_softmax atan tan sinh cosh sin cos threshold step "
    # losses
    "msle rmse rmsle mape smape male mase sae mean_squared_log_error mean_squared_logarithmic_error "
    "mean_absolute_percentage_error root_mean_squared_error median_absolute_error squared_log_error nll gaussian_nll "
    "poisson_nll mle kl_div "
    "focal binary_focal_crossentropy categorical_focal_crossentropy sparse_categorical_crossentropy "
    "bce_with_logits binary_cross_entropy_with_logits cosine_similarity pinball quantile ctc dice tversky triplet "
    "categorical_hinge hinge_embedding modified_huber huberized_hinge perceptron soft_margin margin_ranking "
    "multi_margin epsilon_insensitive squared_epsilon_insensitive gamma tweedie deviance exponential_loss "
    # optimizers
    "nadam radam adamax adabelief adadelta adafactor adahessian adan adams adamp adabound amsgrad sparse_adam lion "
    "lars lamb lbfgs l_bfgs rprop asgd gd sgdw sgdm nag ftrl muon sophia shampoo "
    # schedules
    "linear polynomial plateau one_cycle cyclic adaptive invscaling cosine_restarts cosine_annealing "
    # initialisations and the rest
    "ones random identity dirac sparse normal uniform eye constant".split()
)


def folded(name: str) -> str:
    """A name without what is not told apart: case, and the signs between its words.

    >>> folded("Leaky-ReLU") == folded("leaky_relu")
    True
    """
    return name.lower().translate(_BETWEEN)


_BETWEEN = str.maketrans("", "", "_- ")
_ELSEWHERE = frozenset(map(folded, ELSEWHERE))


def canonical(name: str, catalogue: Mapping[str, Any]) -> str | None:
    """The entry of a catalogue that is called so, by its own name or by a synonym; None if there is none.

    >>> from derive.catalogue.activations import ACTIVATIONS
    >>> canonical("ReLU", ACTIVATIONS), canonical("swish", ACTIVATIONS), canonical("sin", ACTIVATIONS)
    ('relu', 'silu', None)
    """
    if name in catalogue:
        return name
    wanted = folded(name)
    return next((n for n, e in catalogue.items() if wanted in map(folded, (n, *synonyms(e)))), None)


def synonyms(entry: Any) -> tuple[str, ...]:
    """What else a catalogue's entry is called, also with a single output only or without options only."""
    return (*entry.synonyms, *getattr(entry, "of_one_output", ()), *getattr(entry, "without_options", ()))


def unknown(what: str, name: object, known: Collection[str], also: Iterable[str] = (), plural: str = "") -> str:
    """Say that a name is not known: the one that was meant if it is mistyped, otherwise all that there are.

    ``also`` are other names of the ``known`` ones; ``plural`` is what `derive list` calls them.

    >>> unknown("key", "layer", ["layers", "loss"])
    "unknown key 'layer': did you mean layers?"
    >>> unknown("loss", "focal", ["mse", "poisson"], plural="losses")
    "unknown loss 'focal': there are mse and poisson, and `derive list losses` shows what they are"
    """
    meant = misspelled(str(name), [*known, *also])
    if meant is not None:
        shows = f" (`derive list {plural}` shows all)" if plural else ""
        return f"unknown {what} {shown(name)}: did you mean {meant}{shows}?"
    shows = f", and `derive list {plural}` shows what they are" if plural else ""
    return f"unknown {what} {shown(name)}: there are {listed(known)}{shows}"


def misspelled(name: str, known: Iterable[str]) -> str | None:
    """The known name of which this is a typing error; None if it is none, or might be one of several.

    The longer the name, the more of it may be wrong; its first letter and its digits are right.

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
    """In how many places a name is mistyped; None if in too many to be a typing error."""
    if given == known:
        return 0
    allowed = 0 if len(known) < 3 else 1 if len(known) < 8 else 2
    alike = given[:1] == known[:1] and _digits(given) == _digits(known)
    if not alike or abs(len(given) - len(known)) > allowed:
        return None
    found = _edits(given, known)
    if len(known) == 3 and len(given) == 3 and sorted(given) != sorted(known):  # a third of it is another letter
        return None
    return found if found <= allowed else None


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def _edits(given: str, known: str) -> int:
    """How many letters are added, left out, replaced or exchanged with their neighbour."""
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
