"""Names from users: exact synonyms and typing errors; no suggestion for names with another meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import module_of

from derive import Network
from derive.command.main import main
from derive.files.formats import FORMATS
from derive.statement import keys
from derive.statement.edition import KEYS, PARTS
from derive.statement.network import SpecError
from derive.text.known import canonical, folded, misspelled, synonyms

CATALOGUES = {title: keys.catalogue(title) for title in keys.CATALOGUES}

ENTRIES = [(title, entry) for title, catalogue in CATALOGUES.items() for entry in catalogue.values()]


def test_no_name_stands_for_two_entries():
    for title, catalogue in CATALOGUES.items():
        names = [folded(n) for key, entry in catalogue.items() for n in (key, *synonyms(entry))]
        twice = {n for n in names if names.count(n) > 1} - {"binarycrossentropy"}
        assert not twice, f"{title}: {twice}"


@pytest.mark.parametrize(("title", "entry"), ENTRIES, ids=lambda x: x if isinstance(x, str) else x.name)
def test_every_spelling_leads_to_the_entry(title: str, entry: Any) -> None:
    for name in (entry.name, *synonyms(entry)):
        for spelled in (name, name.upper(), name.title(), name.replace("_", ""), name.replace("_", "-")):
            assert canonical(spelled, CATALOGUES[title]) == entry.name


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"activation": "logistic"}, {"activation": "sigmoid"}),
        ({"activation": "ReLU,Swish,Linear"}, {"activation": "relu,silu,identity"}),
        ({"activation": "LeakyReLU(slope=0.2)"}, {"activation": "leaky_relu(slope=0.2)"}),
        ({"activation": "hardtanh"}, {"activation": "hard_tanh"}),
        ({"loss": "mean_squared_error"}, {"loss": "mse"}),
        ({"loss": "MSELoss"}, {"loss": "mse"}),
        ({"loss": "squared_error"}, {"loss": "half_mse"}),
        ({"loss": "l1"}, {"loss": "mae"}),
        ({"loss": "smooth_l1"}, {"loss": "huber"}),
        ({"loss": "BinaryCrossentropy"}, {"loss": "binary_cross_entropy"}),
        ({"loss": "bce"}, {"loss": "binary_cross_entropy"}),
        ({"optimizer": "SGD"}, {"optimizer": "sgd"}),
        ({"optimizer": "AdamW(beta1=0.8)"}, {"optimizer": "adamw(beta1=0.8)"}),
        ({"optimizer": "RMSprop"}, {"optimizer": "rmsprop"}),
        ({"schedule": "cosine_decay(steps=9)"}, {"schedule": "cosine(steps=9)"}),
        ({"initialisation": "xavier_uniform"}, {"initialisation": "glorot_uniform"}),
        ({"initialisation": "kaiming_normal"}, {"initialisation": "he_normal"}),
        ({"initialisation": "HeNormal"}, {"initialisation": "he_normal"}),
        ({"bias": "Augmented", "notation": "Delta"}, {"bias": "augmented", "notation": "delta"}),
    ],
)
def test_a_synonym_generates_the_same_files_as_the_entry(given: dict[str, str], same: dict[str, str]) -> None:
    one, other = Network("3,4,5,1", **given), Network("3,4,5,1", **same)
    assert one == other and one.to_toml() == other.to_toml() and one.digest == other.digest


#: What others compute for predictions p and targets y, (samples, outputs), as their documentation states it.
OTHERS: dict[str, Callable[[Any, Any], Any]] = {
    "mean_squared_error": lambda y, p: np.mean((y - p) ** 2),
    "squared_error": lambda y, p: 0.5 * np.mean((y - p) ** 2),
    "mean_absolute_error": lambda y, p: np.mean(np.abs(y - p)),
    "smooth_l1": lambda y, p: np.mean(np.where(np.abs(y - p) < 1, 0.5 * (y - p) ** 2, np.abs(y - p) - 0.5)),
    "bce": lambda y, p: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
    "binary_crossentropy": lambda y, p: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
    "binary_log_loss": lambda y, p: -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(y),
    "categorical_crossentropy": lambda y, p: np.mean(-np.sum(y * np.log(p), axis=1)),
    "log_loss": lambda y, p: -np.sum(y * np.log(p)) / len(y),
    "kullback_leibler_divergence": lambda y, p: np.mean(np.sum(y * np.log(y / p), axis=1)),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.sampled(10)
def test_a_synonym_has_the_normalisation_of_its_source(name: str, outputs: int) -> None:
    mixing = name in ("categorical_crossentropy", "log_loss", "kullback_leibler_divergence")
    if mixing and outputs == 1:
        pytest.skip("there is one class")
    layers, activation = (2, outputs), "softmax" if mixing else "sigmoid"
    if outputs > 1 and name in ("squared_error", "bce", "binary_crossentropy"):
        with pytest.raises(SpecError, match=r"takes the mean over the outputs too, where .* takes their sum"):
            Network(layers, activation, name)
        return
    module = module_of(layers, activation, Network(layers, activation, name).loss)
    draw = np.random.default_rng(4)
    X, Y = draw.normal(size=(5, 2)), draw.uniform(0.1, 0.9, (5, outputs))
    Y = Y / Y.sum(axis=1, keepdims=True) if mixing else Y
    trainer = module.Trainer(seed=1)
    assert module.error(trainer.parameters, X.T, Y.T) == pytest.approx(OTHERS[name](Y, trainer.predict(X)), rel=1e-13)


def test_a_loss_with_another_scale_names_the_alternative() -> None:
    with pytest.raises(
        SpecError, match=r"^loss 'bce' takes .* say binary_cross_entropy, .* divide the learning rate by 4"
    ):
        Network((3, 4), "sigmoid", "bce")
    assert Network((3, 4), "sigmoid", "Binary_Cross_Entropy").loss == "binary_cross_entropy"


#: Names of other things, and what they must never be taken for.
FOREIGN = {
    "activations": "celu prelu rrelu glu log_sigmoid hard_sigmoid hardswish tanhshrink softmin softmax_cross sinh "
    "elish softshrink log_softmax sparsemax swiglu relu1 relu10 gelu_new step sine maxout",
    "losses": "logistic triplet nll msle rmse mape perceptron modified_huber hinge_embedding kl_div "
    "categorical_hinge cosine_similarity mean_squared_log_error mean_absolute_percentage_error log "
    "sparse_categorical_crossentropy categorical_focal_crossentropy deviance exponential dice ctc mee abc",
    "optimizers": "nadam radam adan adamax adadelta lbfgs rprop lion lamb adafactor ftrl asgd nag muon newton",
    "schedules": "invscaling adaptive polynomial linear one_cycle plateau cosine_annealing",
    "initialisations": "xavier glorot he kaiming lecun ones normal uniform random truncated_normal identity",
    "notations": "phi xi nabla",
    "biases": "true both all",
}


@pytest.mark.parametrize(("title", "name"), [(t, n) for t, names in FOREIGN.items() for n in names.split()])
def test_names_with_another_meaning_get_no_suggestion(title: str, name: str) -> None:
    catalogue = CATALOGUES[title]
    also = [n for entry in catalogue.values() for n in synonyms(entry)]
    assert canonical(name, catalogue) is None
    assert misspelled(name, [*catalogue, *also]) is None


@pytest.mark.parametrize(
    ("given", "known", "meant"),
    [
        ("sigmoyd", CATALOGUES["activations"], "sigmoid"),
        ("sigmiod", CATALOGUES["activations"], "sigmoid"),
        ("tahn", CATALOGUES["activations"], "tanh"),
        ("leeky_relu", CATALOGUES["activations"], "leaky_relu"),
        ("reul", CATALOGUES["activations"], "relu"),
        ("mes", CATALOGUES["losses"], "mse"),
        ("crosentropy", CATALOGUES["losses"], "cross_entropy"),
        ("adm", CATALOGUES["optimizers"], "adam"),
        ("rmspop", CATALOGUES["optimizers"], "rmsprop"),
        ("forwrd", PARTS, "forward"),
        ("TEX", FORMATS, "tex"),
        ("flavor", KEYS, "flavour"),
        ("w1", ["W1", "b1"], "W1"),
        ("W9", ["W1", "W2", "b1"], None),
        ("relu5", CATALOGUES["activations"], None),
        ("", CATALOGUES["losses"], None),
        ("x" * 10**6, CATALOGUES["losses"], None),
    ],
)
def test_typing_errors(given: str, known: Any, meant: str | None) -> None:
    assert misspelled(given, known) == meant


def test_every_typing_error_in_a_long_name_is_recognised() -> None:
    for catalogue in CATALOGUES.values():
        for name in (n for n in catalogue if len(folded(n)) > 8 and not any(map(str.isdigit, n))):
            slips = [name[:i] + name[i + 1 :] for i in range(1, len(name))]
            slips += [name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(1, len(name) - 1)]
            wrong = {s: m for s in slips if not any(map(str.isdigit, s)) and (m := misspelled(s, catalogue)) != name}
            assert not wrong


def test_the_lists_show_synonyms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "losses"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["mse"].endswith("also called mean_squared_error, mse_loss")
    assert rows["half_mse"].endswith("for a single output also squared_error")


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(SpecError) as refused:
        Network("3,1", loss="triplet")
    names = [*CATALOGUES["losses"]]
    assert f"{', '.join(names[:12])} and {len(names) - 12} more" in str(refused.value)
    assert "`derive list losses`" in str(refused.value)
    assert "did you mean" not in str(refused.value)


def test_an_estimator_takes_the_same_names() -> None:
    from derive.estimators.outputs import for_classes, for_numbers

    outputs = for_classes("Logistic", "bce", 2)
    assert (outputs.activation, outputs.units, outputs.probabilities) == ("sigmoid", 1, "probability")
    assert for_classes(None, "log_loss", 3).activation == "softmax"
    assert for_numbers("LeakyReLU(slope=0.2)", "l1", 2).activation == "leaky_relu(slope=0.2)"
