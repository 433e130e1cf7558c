"""Tables with text, gaps, skewed scales and rare classes, through pandas and scikit-learn and straight to a trainer.

Quality is compared with that of a plainer model on the same split.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import joblib
import numpy as np
import pytest
from helpers import module_of
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, recall_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from tables import covers, housing, incomes

from derive import Network, derive
from derive.estimators import Classifier, Regressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

#: How many samples a model is fitted to; the others are held out.
FITTED = 1500
OPTIONS: dict[str, Any] = {
    "hidden_layer_sizes": (16,),
    "learning_rate_init": 0.01,
    "max_iter": 25,
    "tol": None,
    "random_state": 0,
}
RICH = ">50K"


def piped(model: Any) -> Pipeline:
    """Numbers with their gaps filled, and standardised; text as columns of 0 and 1; and a model."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="unknown"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (text, make_column_selector(dtype_exclude="number")),
    )
    return Pipeline([("columns", columns), ("model", model)])


@cache
def split(table: Any) -> tuple[Any, Any, Any, Any]:
    """What a model is fitted to, and what is held out."""
    X, y = table()
    return X[:FITTED], y[:FITTED], X[FITTED:], y[FITTED:]


@cache
def fitted(table: Any, **options: Any) -> Pipeline:
    X, y, *_ = split(table)
    kind = Regressor if table is housing else Classifier
    return piped(kind(**OPTIONS | options)).fit(X, y)


def test_prices_of_houses_are_predicted_better_than_by_a_line():
    X, y, later, prices = split(housing)
    model, line = fitted(housing, max_iter=40), piped(LinearRegression()).fit(X, y)
    assert model.score(later, prices) > line.score(later, prices)
    scores = [cross_val_score(m, X, y, cv=2).mean() for m in (clone(model), line)]
    assert scores[0] > scores[1]
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    framed = clone(model).set_output(transform="pandas").set_params(model__max_iter=1).fit(X, y)
    names = framed[-1].feature_names_in_.tolist()
    assert len(names) == len(X.columns) and names[0].endswith("income")
    assert not hasattr(model[-1], "feature_names_in_")


def test_a_search_over_our_parameters_finds_the_better_ones():
    X, y, *_ = split(incomes)
    grid = {"learning_rate_init": [1e-6, 0.01], "batch_size": [100]}
    strong = {"alpha": [1000.0], "batch_size": [200]}
    grids = [{f"model__{name}": values for name, values in one.items()} for one in (grid, strong)]
    model = piped(Classifier(**OPTIONS | {"max_iter": 10}))
    search = GridSearchCV(model, grids, cv=2, scoring="neg_log_loss").fit(X, y)
    assert search.best_params_ == {"model__learning_rate_init": 0.01, "model__batch_size": 100}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > cross_val_score(DummyClassifier(), X, y, cv=2, scoring="neg_log_loss").mean()


def test_weights_find_the_rare_class_and_calibration_undoes_what_they_do_to_probabilities():
    X, y, later, expected = split(incomes)
    plain, balanced = fitted(incomes), fitted(incomes, class_weight="balanced")
    line = piped(LogisticRegression()).fit(X, y)
    found = [recall_score(expected, m.predict(later), pos_label=RICH) for m in (line, plain, balanced)]
    assert found[2] > 1.5 * max(found[:2])
    by_hand = clone(plain).fit(X, y, model__sample_weight=compute_sample_weight("balanced", y))
    assert np.allclose(by_hand.predict_proba(later), balanced.predict_proba(later), rtol=1e-9)
    counts = {name: len(y) / 2 / np.sum(y == name) for name in np.unique(y)}
    by_class = clone(plain).set_params(model__class_weight=counts).fit(X, y)
    assert np.allclose(by_class.predict_proba(later), balanced.predict_proba(later), rtol=1e-9)
    assert [m[-1].network_.sample_weight for m in (plain, by_class)] == ["none", "mean"]
    chances = DummyClassifier(strategy="prior").fit(X, y).predict_proba(later)
    of_plain, of_balanced, of_dummy = (
        log_loss(expected, given) for given in (plain.predict_proba(later), balanced.predict_proba(later), chances)
    )
    assert of_plain < of_dummy < of_balanced
    calibrated = CalibratedClassifierCV(clone(balanced), cv=2).fit(X, y)
    assert log_loss(expected, calibrated.predict_proba(later)) < of_dummy


def test_a_pipeline_is_kept_in_a_file(tmp_path):
    _, _, later, _ = split(incomes)
    model = fitted(incomes)
    joblib.dump(model, tmp_path / "pipeline")
    again = joblib.load(tmp_path / "pipeline")
    assert np.array_equal(again.predict_proba(later), model.predict_proba(later))
    assert again.classes_.tolist() == ["<=50K", RICH]
    assert clone(again).get_params()["model__learning_rate_init"] == 0.01


@pytest.fixture(scope="module")
def package(tmp_path_factory: Any) -> Iterator[str]:
    """The name of a package with an estimator of its own, in a folder on the path."""
    place = tmp_path_factory.mktemp("packages")
    derivation = derive(Network(("n", "h", "k"), "tanh,softmax", "cross_entropy", optimizer="adam", name="forest"))
    (place / "forest").mkdir()
    form = derivation.numpy_target.rendered.form("single-file")
    for file, text in {**form, **derivation.estimator()}.items():
        (place / "forest" / file).write_text(text)
    sys.path.insert(0, str(place))
    yield "forest"
    sys.path.remove(str(place))


def test_a_generated_estimator_and_its_trainer_tell_seven_kinds_of_forest(package):
    X, y, later, kinds = split(covers)
    line = piped(LogisticRegression()).fit(X, y).score(later, kinds)
    one = importlib.import_module(f"{package}.estimator").Classifier
    options = {key: value for key, value in OPTIONS.items() if key != "hidden_layer_sizes"}
    model = piped(one(units_h=24, **options)).fit(X, y)
    assert model.score(later, kinds) > line and model.classes_.tolist() == [1, 2, 3, 4, 5, 6, 7]
    names = np.array(["spruce", "lodgepole", "ponderosa", "willow", "aspen", "fir", "krummholz"])
    trainer = importlib.import_module(package).Trainer(seed=0, n=X.shape[1], h=24, k=7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the scales differ by 10,000, but for standardise
        trainer.fit(X, names[y - 1], 25, 0.01, validation=(later, names[kinds - 1]), standardise=True, progress=False)
    assert trainer.score(later, names[kinds - 1]) > line
    assert set(trainer.predict_classes(later)) <= {*names}
    assert trainer.feature_names_in_.tolist() == X.columns.tolist()
    assert trainer.validation_history[-1] < trainer.validation_history[0]


def test_a_trainer_takes_a_table_with_gaps_in_its_targets():
    X, y, later, prices = split(housing)
    module = module_of((8, 16, 2), "tanh,identity", "half_mse", missing="ignore", optimizer="adam")
    trainer = module.Trainer(seed=0)
    with pytest.raises(ValueError, match=r'nan in row \d+ \(from 0\), column "bedrooms"'):
        trainer.fit(X, np.column_stack([y, y]))
    X, later = (table.fillna(X.mean()) for table in (X, later))
    logs, later_logs = (1000 * np.log(table["population"]) for table in (X, later))
    targets = np.column_stack([y, logs])
    targets[np.random.default_rng(0).random(targets.shape) < 0.3] = np.nan
    trainer.fit(X, targets, epochs=40, learning_rate=0.01, standardise="both", validation=0.1, progress=False)
    expected = np.column_stack([prices, later_logs])
    known = ~np.isnan(targets)
    lines = [LinearRegression().fit(X[known[:, n]], targets[known[:, n], n]) for n in range(2)]
    found = trainer.predict(later)
    for n, line in enumerate(lines):
        missed = np.mean((found[:, n] - expected[:, n]) ** 2)
        assert missed < np.mean((line.predict(later) - expected[:, n]) ** 2)
    text = split(incomes)[0]
    with pytest.raises(ValueError, match="X lacks the column 'income'"):
        trainer.predict(text)


def test_a_table_that_is_not_ready_names_the_column():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"age": [30.0, 40.0, 50.0], "job": ["cook", "smith", "cook"], "debt": [1.0, np.nan, 2.0]})
    for model in (Classifier(), Regressor()):
        with pytest.raises(ValueError, match="X, column \"job\", holds 'cook', which is no number: encode it"):
            model.fit(table, [0, 1, 0])
        with pytest.raises(ValueError, match=r'X, column "debt", has no finite number in row 1 \(from 0\): fill it'):
            model.fit(table[["age", "debt"]], [0, 1, 0])
    for missing in (None, 3):
        with pytest.raises(ValueError, match=rf"y has labels of text, and {missing} in row 1 \(from 0\)"):
            Classifier().fit(table[["age"]], np.array(["a", missing, "b"], object))
