"""The estimators: scikit-learn's requirements, and training with the derived equations."""

import inspect
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_blobs, make_multilabel_classification
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from derive import derive
from derive.estimators import Classifier, Regressor
from derive.estimators.modules import _derived
from derive.estimators.outputs import for_classes

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def iris():
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def small(**options):
    """A classifier that learns the iris in no time."""
    plain = {"solver": "sgd", "learning_rate_init": 0.1, "batch_size": 10, "max_iter": 30, "random_state": 0}
    return Classifier(**{"hidden_layer_sizes": (8,), **plain, **options})


def number(**options):
    """A regressor that takes plain steps."""
    plain = {"solver": "sgd", "learning_rate_init": 0.1, "random_state": 0}
    return Regressor(**{"hidden_layer_sizes": (8,), **plain, **options})


#: One of each kind of output, a probability or not, one or several, with parameters that go with all checks. Batches
#: hold all samples: those of repeated samples would be others than those of samples with weights.
CHECKED = [
    Classifier(),
    Regressor(),
    Classifier(
        (6, 5), activation=("relu", "tanh"), loss="hinge", learning_rate_init=0.02, alpha=0.01, clip="value(limit=5)"
    ),
    small(hidden_layer_sizes=(), output_activation="softmax", tol=None, max_iter=60, batch_size="auto"),
    number(
        activation="sigmoid",
        loss="mse",
        shuffle=False,
        batch_size=50,
        solver="momentum(mu=0.9)",
        alpha=0.1,
        l1=1e-4,
        constraint="max_norm(limit=20)",
        learning_rate="step(factor=0.5, every=200)",
    ),
]


@parametrize_with_checks(CHECKED)
@pytest.mark.sampled(18)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# What is trained is what was derived.


def test_the_module_that_is_run_is_the_one_that_is_printed():
    x, y = iris()
    fitted = small().fit(x, y)
    assert fitted.source_ == fitted.derivation_.numpy()
    assert type(fitted.trainer_).__name__ == "Trainer"
    assert "sklearn" not in fitted.source_
    assert fitted.derivation_.network.layers == ("n", "h", "k")
    assert fitted.network_.layers == (4, 8, 3)
    assert r"\Psi" in derive(fitted.network_).latex()


def test_the_outputs_are_those_of_the_weights():
    x, y = iris()
    fitted = small(hidden_layer_sizes=(7, 5), activation=("tanh", "relu")).fit(x, y)
    assert [w.shape for w in fitted.coefs_] == [(4, 7), (7, 5), (5, 3)]
    assert [b.shape for b in fitted.intercepts_] == [(7,), (5,), (3,)]
    (w1, w2, w3), (b1, b2, b3) = fitted.coefs_, fitted.intercepts_
    z = np.maximum(np.tanh(x @ w1 + b1) @ w2 + b2, 0) @ w3 + b3
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(fitted.predict_proba(x), powers / powers.sum(axis=1, keepdims=True), rtol=1e-12)
    assert fitted.score(x, y) > 0.9
    assert fitted.n_features_in_ == 4 and fitted.n_outputs_ == 3 and fitted.n_layers_ == 4
    assert fitted.out_activation_ == "softmax"


def test_one_derivation_serves_all_sizes_and_all_subsets_of_the_features():
    x, y = iris()
    model = small(max_iter=2)
    _derived.cache_clear()
    GridSearchCV(model, {"hidden_layer_sizes": [3, (5,), [8]], "learning_rate_init": [0.1, 0.2]}, cv=2).fit(x, y)
    RFE(model, n_features_to_select=1, importance_getter=lambda e: np.abs(e.coefs_[0]).sum(axis=1)).fit(x, y)
    assert _derived.cache_info().misses == 1


@pytest.mark.parametrize(
    "classes, loss, output, units",
    [
        (2, "binary_cross_entropy", "sigmoid", 1),
        (3, "cross_entropy", "softmax", 3),
    ],
)
def test_the_loss_is_chosen_by_the_number_of_classes(classes, loss, output, units):
    x, y = make_blobs(60, centers=classes, random_state=0)
    fitted = small(max_iter=2).fit(x, y)
    assert (fitted.network_.loss, fitted.out_activation_, fitted.n_outputs_) == (loss, output, units)


def test_learning_options_are_part_of_the_derivation():
    x, y = iris()
    options = {"solver": "adam(beta1=0.8)", "alpha": np.float32(5), "clip": 1, "learning_rate": "cosine(steps=900)"}
    fitted = small(**options, initialisation="he_normal", learning_rate_init=0.01).fit(x, y)
    assert fitted.network_.optimizer == "adam(beta1=0.8)"
    assert (fitted.network_.l2, fitted.network_.clip, fitted.network_.schedule) == (0.5, 1.0, "cosine(steps=900)")
    assert fitted.derivation_.network.initialisation == fitted.network_.initialisation == "he_normal"
    free = small(**options | {"alpha": 0}, initialisation="he_normal", learning_rate_init=0.01).fit(x, y)
    assert sum(np.sum(w**2) for w in fitted.coefs_) < 0.5 * sum(np.sum(w**2) for w in free.coefs_)
    again = pickle.loads(pickle.dumps(free))
    assert np.array_equal(again.partial_fit(x, y).coefs_[0], free.partial_fit(x, y).coefs_[0])


# What comes out.


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["setosa", "versicolor", "virginica"]),
        np.array(["a", "b", "c"], dtype=object),
        np.array([-5, 40, 7]),
        np.array(["yes", "no"]),
        np.array([True, False]),
        np.array([1, -1]),
    ],
)
@pytest.mark.parametrize("options", [{}, {"loss": "hinge"}, {"output_activation": "softmax"}, {"loss": "half_mse"}])
@pytest.mark.sampled(4)
def test_any_labels(labels, options):
    x, y = iris()
    of_these = y < len(labels)
    x, named = x[of_these], labels[y[of_these]]
    fitted = small(**options).fit(x, named)
    assert fitted.classes_.tolist() == sorted(labels.tolist())
    guessed = fitted.predict(x)
    assert guessed.dtype == labels.dtype and guessed.shape == named.shape
    assert fitted.score(x, named) > 0.9
    if hasattr(fitted, "predict_proba"):
        chances = fitted.predict_proba(x)
        np.testing.assert_allclose(chances.sum(axis=1), 1)
        assert np.array_equal(fitted.classes_[chances.argmax(axis=1)], guessed)
        np.testing.assert_allclose(np.exp(fitted.predict_log_proba(x)), chances)
    else:
        scores = fitted.decision_function(x)
        chosen = scores.argmax(axis=1) if len(labels) > 2 else (scores > 0).astype(int)
        assert np.array_equal(fitted.classes_[chosen], guessed)


def test_predict_proba_exists_only_for_probability_outputs():
    assert hasattr(small(), "predict_proba") and not hasattr(small(), "decision_function")
    assert hasattr(small(loss="hinge"), "decision_function") and not hasattr(small(loss="hinge"), "predict_log_proba")
    assert not hasattr(small(loss="nonsense"), "predict_proba")


def test_losses_that_compare_the_outputs_of_classes_take_two_classes():
    x, y = iris()
    fitted = small(loss="crammer_singer").fit(x[:100], y[:100])
    assert fitted.out_activation_ == "identity" and fitted.score(x[:100], y[:100]) == 1
    assert np.array_equal(fitted.decision_function(x[:100]) > 0, fitted.predict(x[:100]) == fitted.classes_[1])
    with pytest.raises(ValueError, match="loss is 'crammer_singer', which has one class for each sample"):
        fitted.fit(x, np.column_stack([y == 0, y == 1]))


def test_a_sigmoid_for_each_of_three_classes():
    x, y = iris()
    fitted = small(loss="binary_cross_entropy").fit(x, y)
    outputs = fitted.trainer_.predict(x)
    assert np.ptp(outputs.sum(axis=1)) > 0.01
    np.testing.assert_allclose(fitted.predict_proba(x), outputs / outputs.sum(axis=1, keepdims=True))
    far = fitted.predict_proba(np.full((1, 4), 1e6))
    assert np.isfinite(far).all() and far.sum() == pytest.approx(1)


def test_a_probability_that_rounds_to_zero_has_no_warning():
    x, y = iris()
    fitted = small().fit(x, y)
    for weights in fitted.trainer_.parameters.values():
        weights *= 1e4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted.predict_log_proba(x).min() == -np.inf


def test_several_numbers_at_once():
    x, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, -y, y**0.5])
    model = make_pipeline(StandardScaler(), number(learning_rate_init=0.05))
    fitted = TransformedTargetRegressor(model, transformer=StandardScaler()).fit(x, y)
    assert fitted.predict(x).shape == y.shape
    assert fitted.score(x, y) > 0.4
    assert fitted.regressor_[-1].n_outputs_ == 3


def test_a_column_of_numbers_warns_as_scikit_learn_does():
    x, y = load_diabetes(return_X_y=True)
    with pytest.warns(DataConversionWarning, match="column-vector"):
        fitted = number(max_iter=2, learning_rate_init=1e-6).fit(x, y[:, None])
    assert fitted.predict(x).shape == y.shape


def test_float32_is_kept():
    x, y = iris()
    fitted = small(dtype=np.float32).fit(x, y)
    assert {p.dtype for p in fitted.parameters_.values()} == {np.dtype("float32")}
    assert fitted.predict_proba(x).dtype == np.float32
    assert fitted.score(x, y) > 0.9


# How it is trained.


def test_the_same_seed_gives_the_same_bits():
    x, y = iris()
    one, other = small().fit(x, y), small().fit(x, y)
    assert one.loss_curve_ == other.loss_curve_ and len(one.loss_curve_) == one.n_iter_ == 30
    assert one.loss_ == one.loss_curve_[-1] < one.loss_curve_[0]
    assert small(random_state=1).fit(x, y).loss_curve_ != one.loss_curve_
    source = np.random.RandomState(0)
    assert small(random_state=source).fit(x, y).loss_curve_ == one.loss_curve_
    assert small(random_state=source).fit(x, y).loss_curve_ != one.loss_curve_
    assert one.fit(x, y).loss_curve_ == other.loss_curve_


def test_partial_fit_is_an_epoch():
    x, y = iris()
    by_parts, whole = small(), small(max_iter=1, tol=None).fit(x, y)
    by_parts.partial_fit(x, y, classes=[2, 1, 0])
    assert np.array_equal(by_parts.predict_proba(x), whole.predict_proba(x))
    for _ in range(30):
        by_parts.partial_fit(x[y != 1], y[y != 1]).partial_fit(x[50:], y[50:], classes=[0, 1, 2])
    assert by_parts.n_iter_ == len(by_parts.loss_curve_) == 61
    assert by_parts.score(x, y) > 0.85
    assert number().partial_fit(x[:, :3], x[:, 3]).partial_fit(x[:, :3], x[:, 3]).n_iter_ == 2


def test_each_partial_fit_has_its_own_order():
    x, y = iris()
    by_parts = small(batch_size=16)
    for _ in range(3):
        by_parts.partial_fit(x, y, classes=[0, 1, 2])
    whole = small(batch_size=16, max_iter=3, tol=None).fit(x, y)
    assert np.array_equal(by_parts.predict_proba(x), whole.predict_proba(x))


def test_early_stopping_sets_samples_aside_and_takes_the_best():
    x, y = load_digits(return_X_y=True)
    options = {"early_stopping": True, "max_iter": 200, "n_iter_no_change": 3, "learning_rate_init": 0.5, "tol": 0.01}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        fitted = small(**options).fit(x / 16, y)
    curve = fitted.validation_curve_
    assert len(curve) == fitted.n_iter_ < 200
    assert min(curve) < curve[0]
    assert fitted.score(x / 16, y) > 0.8
    assert not small().fit(x / 16, y).validation_curve_


def test_a_training_that_has_not_converged_warns():
    x, y = iris()
    with pytest.warns(ConvergenceWarning, match="still falling after max_iter=3") as said:
        small(max_iter=3).fit(x, y)
    assert said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(max_iter=3, tol=None).fit(x, y)
    x, y = load_diabetes(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="the error rose from .* smaller learning_rate_init"):
        number(hidden_layer_sizes=(100,), learning_rate_init=0.3, max_iter=10).fit(x, y)


def test_a_training_that_diverges_says_at_which_step():
    x, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match=r"step \d+.*StandardScaler"):
        number(hidden_layer_sizes=(100,), learning_rate_init=100, tol=None).fit(x, y)


def test_verbose_prints_a_line_for_each_epoch(capsys):
    x, y = iris()
    fitted = small(max_iter=3, verbose=True).fit(x, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Iteration {n}, loss = {error:.8f}" for n, error in enumerate(fitted.loss_curve_, 1)]


# In the company of scikit-learn.


def test_a_grid_search_over_a_pipeline_in_two_processes():
    x, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), small())
    grid = {"classifier__learning_rate_init": [0.01, 0.2]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(x, y)
    assert search.best_score_ > 0.9
    assert search.best_params_["classifier__learning_rate_init"] == 0.2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    scores = cross_val_score(search.best_estimator_, x, y, cv=3, n_jobs=2)
    assert scores.mean() == pytest.approx(search.best_score_)
    with joblib.parallel_backend("threading", n_jobs=2):
        assert cross_val_score(search.best_estimator_, x, y, cv=3).tolist() == scores.tolist()


def test_in_a_vote_and_behind_a_column_transformer():
    x, y = load_iris(return_X_y=True)
    columns = ColumnTransformer([("scaled", StandardScaler(), [0, 2, 3])]).set_output(transform="default")
    model = make_pipeline(columns, small())
    vote = VotingClassifier([("net", model), ("line", LogisticRegression())], voting="soft").fit(x, y)
    assert vote.score(x, y) > 0.9
    assert vote.estimators_[0][-1].n_features_in_ == 3


def test_a_clone_is_unfitted_and_has_the_same_parameters():
    x, y = iris()
    model = small(activation=["tanh"], loss="cross_entropy").fit(x, y)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(x)
    with pytest.raises(NotFittedError):
        _ = copy.loss_curve_
    assert copy.set_params(hidden_layer_sizes=3).fit(x, y).network_.layers == (4, 3, 3)


# Being kept.


def test_a_pickle_goes_on_in_another_process(tmp_path):
    x, y = iris()
    fitted = small().fit(x, y)
    joblib.dump((fitted, x, y), tmp_path / "fitted")
    code = (
        "import joblib, sys; model, x, y = joblib.load(sys.argv[1]); "
        "before = model.predict_proba(x); model.partial_fit(x, y);"
        "joblib.dump((before, model.predict_proba(x), model.n_iter_, model.derivation_.numpy()), sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "fitted"], check=True, timeout=120)
    before, after, epochs, source = joblib.load(tmp_path / "fitted")
    assert np.array_equal(before, fitted.predict_proba(x))
    assert np.array_equal(after, fitted.partial_fit(x, y).predict_proba(x))
    assert (epochs, source) == (31, fitted.source_)


@pytest.mark.parametrize("model", [small(), small(loss="squared_hinge"), number()])
def test_pickles_of_all_kinds(model):
    x, y = iris()
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()
    fitted = model.fit(x, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict(x), fitted.predict(x))
    assert again.loss_curve_ == fitted.loss_curve_
    assert again.trainer_ is not fitted.trainer_


# What does not fit is said in one sentence.


@pytest.mark.parametrize(
    "options, message",
    [
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes: entry 2 is 0"),
        ({"hidden_layer_sizes": (2.5,)}, "hidden_layer_sizes: entry 1 is 2.5"),
        ({"hidden_layer_sizes": "h"}, "hidden_layer_sizes: entry 1 is 'h'"),
        ({"hidden_layer_sizes": None}, "hidden_layer_sizes: entry 1 is None"),
        ({"hidden_layer_sizes": True}, "hidden_layer_sizes: entry 1 is True"),
        ({"activation": "tahn"}, "unknown activation 'tahn': did you mean tanh"),
        ({"activation": ("tanh", "relu")}, "activation holds 2 names for 1 hidden layer"),
        ({"activation": 3}, "activation"),
        ({"activation": "softmax"}, "softmax is for the outputs"),
        ({"output_activation": "sigmoyd"}, "unknown output_activation 'sigmoyd': did you mean sigmoid"),
        ({"loss": "crosentropy"}, "unknown loss 'crosentropy': did you mean cross_entropy"),
        ({"loss": 1}, "loss is an integer, 1, where a name is expected"),
        ({"loss": "poisson"}, "for counts, not for classes"),
        ({"loss": "cross_entropy", "output_activation": "tanh"}, "cross_entropy needs softmax"),
        ({"learning_rate_init": -1}, "learning_rate_init is -1, but must be a finite number that is not negative"),
        (
            {"learning_rate_init": "constant"},
            "learning_rate_init is 'constant', where a number such as 0.1",
        ),
        ({"learning_rate_init": float("nan")}, "learning_rate_init is nan"),
        ({"solver": "adm"}, "unknown solver 'adm': did you mean adam"),
        ({"solver": "adam(beta1=2)"}, "beta1 is '2', but must be"),
        ({"learning_rate": 0.1}, "the name of a schedule is expected: the number is learning_rate_init"),
        ({"solver": "lbfgs"}, "unknown solver 'lbfgs'"),
        ({"warm_start": 1}, "warm_start is 1, where True or False is expected"),
        ({"learning_rate": "cosin(steps=9)"}, "unknown learning_rate 'cosin': did you mean cosine"),
        ({"initialisation": "glorot"}, "unknown initialisation 'glorot'"),
        ({"alpha": -0.1}, "alpha is -0.1, but must be a finite number that is not negative"),
        ({"clip": 0}, "clip is 0"),
        ({"batch_size": 0}, "batch_size is 0, but must be at least 1"),
        ({"batch_size": "all"}, "batch_size is 'all'"),
        ({"batch_size": 1.5}, "batch_size is 1.5"),
        ({"max_iter": 0}, "max_iter is 0, but must be at least 1"),
        ({"max_iter": None}, "max_iter is None"),
        ({"shuffle": "yes"}, "shuffle is 'yes', where True or False is expected"),
        ({"tol": -1e-4}, "tol is -0.0001"),
        ({"n_iter_no_change": 0}, "n_iter_no_change is 0"),
        ({"early_stopping": 5}, "early_stopping is 5, where True or False is expected"),
        ({"early_stopping": True, "validation_fraction": 1}, "validation_fraction is 1, but must be"),
        ({"early_stopping": True, "validation_fraction": 0.0}, "validation_fraction is 0.0, but must be"),
        ({"dtype": "int32"}, "dtype is 'int32', but must be float64 or float32"),
        ({"dtype": "floaty"}, "dtype is 'floaty', but must be"),
        ({"dtype": None}, "dtype is None"),
        ({"random_state": "seed"}, "cannot be used to seed"),
    ],
)
def test_parameters_that_do_not_fit(options, message):
    x, y = iris()
    with pytest.raises(ValueError) as caught:
        small(**options).fit(x, y)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda x, y: (x, np.zeros(len(y))), "only one class, 0.0"),
        (lambda x, y: (x, y + 0.5), "Unknown label type: continuous"),
        (lambda x, y: (x, np.eye(3)[y] + 1), "must hold 0 and 1 alone"),
        (lambda x, y: (x, y[:-1]), "inconsistent numbers of samples"),
        (lambda x, y: (x[:0], y[:0]), "minimum of 1 is required"),
        (lambda x, y: (x.tolist()[0], y), "Expected 2D array"),
        (lambda x, y: (np.where(x > 2, np.nan, x), y), "contains NaN"),
        (lambda x, y: (x.astype(complex), y), "Complex data not supported"),
        (lambda x, y: (np.full(x.shape, "a"), y), "could not convert string to float"),
    ],
)
def test_data_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        small().fit(*change(*iris()))


def test_one_sample_cannot_be_held_out():
    x, _ = iris()
    with pytest.raises(ValueError, match=r"n_samples=1, .* the resulting train set will be empty"):
        number(early_stopping=True).fit(x[:1], x[:1, 0])


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"dtype": "float32"}])
def test_sparse_data_train_as_dense_ones(options):
    x, y = np.random.default_rng(0).integers(0, 4, (60, 3)), np.repeat([0, 1, 2], 20)
    model = make_pipeline(OneHotEncoder(), small(max_iter=3, tol=None, **options)).fit(x, y)
    wide = model[0].transform(x)
    plain = small(max_iter=3, tol=None, **options).fit(wide.toarray(), y)
    assert model[-1].loss_curve_ == plain.loss_curve_
    assert np.array_equal(model.predict_proba(x), plain.predict_proba(wide.toarray()))
    assert np.array_equal(plain.predict(wide), plain.predict(wide.toarray()))


@pytest.mark.parametrize("loss", [None, "hinge"])
def test_several_labels(loss):
    x, y = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
    x = StandardScaler().fit_transform(x)
    fitted = small(loss=loss, early_stopping=True, max_iter=40).fit(x, y)
    assert (fitted.network_.layers, fitted.classes_.tolist()) == ((6, 8, 3), [0, 1, 2])
    assert fitted.predict(x).shape == y.shape and np.mean(fitted.predict(x) == y) > 0.7
    values = fitted.decision_function(x) if loss else fitted.predict_proba(x) - 0.5
    assert np.array_equal(values > 0, fitted.predict(x) == 1)
    again = small(loss=loss).fit(x, csr_array(y), sample_weight=np.ones(120))
    again.partial_fit(x, y)
    assert again.n_outputs_ == 3
    for wrong, message in ((y[:, 0], "the first time it was"), (y[:, :2], "had 3"), (y + 1, "must hold 0 and 1 alone")):
        with pytest.raises(ValueError, match=message):
            again.partial_fit(x, wrong)
    with pytest.raises(ValueError, match=r"class_weight is .* each sample has one class"):
        small(class_weight="balanced").fit(x, y)
    with pytest.raises(ValueError, match="output_activation is 'softmax', which has one class"):
        small(output_activation="softmax").fit(x, y)


def test_a_warm_start_goes_on():
    x, y = iris()
    whole = small(max_iter=6, tol=None).fit(x, y)
    parts = small(max_iter=3, tol=None, warm_start=True).fit(x, y)
    parts.fit(x, y)
    assert (parts.n_iter_, parts.loss_curve_) == (6, whole.loss_curve_)
    assert np.array_equal(parts.coefs_[0], whole.coefs_[0])
    parts.set_params(alpha=0.1, solver="adam", learning_rate_init=0.001).fit(x, y)
    assert parts.n_iter_ == 9 and parts.loss_ < 1.5 * whole.loss_
    with pytest.raises(ValueError, match="the network is another one now: use warm_start=False"):
        parts.set_params(hidden_layer_sizes=(3,)).fit(x, y)
    with pytest.raises(ValueError, match="which are not among"):
        parts.set_params(hidden_layer_sizes=(8,)).fit(x, y + 1)


@pytest.mark.parametrize("alpha, batch, weighs", [(2.0, 30, False), (0.0, 40, True), (2.0, 150, True)])
def test_alpha_and_weights_are_those_of_scikit_learn(alpha, batch, weighs):
    """From the same weights of the network, the same curve; alpha is divided by the sum of the weights of a batch."""
    x, y = iris()
    if weighs and "sample_weight" not in inspect.signature(MLPClassifier.fit).parameters:
        pytest.skip("this version of scikit-learn has no weights of samples")
    kept = y != 0 if weighs else y >= 0  # two classes, with one output, or three
    x, y = x[kept], y[kept]
    weights = np.random.default_rng(2).uniform(0.5, 3, len(y)) if weighs else None
    options = {"max_iter": 4, "alpha": alpha, "solver": "sgd", "learning_rate_init": 0.1, "batch_size": batch}
    ours = small(**options, tol=None, shuffle=False).fit(x, y, weights)
    start = small(**options | {"max_iter": 1, "learning_rate_init": 0}, tol=None).fit(x, y)
    mlp = MLPClassifier((8,), "tanh", **options, tol=0, momentum=0, shuffle=False, warm_start=True)
    mlp.partial_fit(x, y, classes=np.unique(y))
    mlp.coefs_ = [np.array(w) for w in start.coefs_]
    mlp.intercepts_ = [np.array(b) for b in start.intercepts_]
    mlp.fit(x, y, *((weights,) if weighs else ()))
    for one, two in zip(ours.coefs_ + ours.intercepts_, mlp.coefs_ + mlp.intercepts_, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-11)
    if not weighs:
        np.testing.assert_allclose(ours.loss_curve_, mlp.loss_curve_[-4:], rtol=1e-9)


def test_a_partial_fit_that_does_not_fit_leaves_the_parameters():
    x, y = iris()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        small().partial_fit(x, y)
    with pytest.raises(ValueError, match=r"y has the classes \[2\], which are not among"):
        small().partial_fit(x, y, classes=[0, 1])
    with pytest.raises(ValueError, match="early_stopping=False"):
        small(early_stopping=True).partial_fit(x, y, classes=[0, 1, 2])
    fitted = small().fit(x, y)
    before = {name: value.copy() for name, value in fitted.parameters_.items()}
    for arguments, message in [
        ((x, y, [0, 1]), "on the first call it was"),
        ((x, y + 1), r"classes \[3\]"),
        ((x[:, :3], y), "3 features, but Classifier is expecting 4"),
    ]:
        with pytest.raises(ValueError, match=message):
            fitted.partial_fit(*arguments)
    assert all(np.array_equal(before[name], value) for name, value in fitted.parameters_.items())
    two = number().fit(x[:, :2], x[:, 2:])
    with pytest.raises(ValueError, match="y has 1 output, but the first time it had 2"):
        two.partial_fit(x[:, :2], x[:, 2])


# Without scikit-learn.


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_derive_does_not_need_scikit_learn():
    assert run("import sys, derive.command.main, derive.api; assert 'sklearn' not in sys.modules").returncode == 0
    without = run("import sys; sys.modules['sklearn'] = None; import derive.estimators")
    last = without.stderr.splitlines()[-1]
    assert last == (
        "ImportError: derive.estimators needs scikit-learn, which is not installed: use `pip install 'derive[sklearn]'`"
    )
    old = "import sklearn.utils.validation as v; del v.validate_data; import derive.estimators"
    assert "needs scikit-learn 1.6 or later, but" in run(old).stderr.splitlines()[-1]


def test_a_refused_fit_leaves_the_estimator_as_it_was():
    x, y = iris()
    fitted = small(max_iter=3).fit(x, y)
    before, classes = dict(vars(fitted)), fitted.predict(x)
    for options, inputs, message in (
        ({"learning_rate_init": -1}, x, "learning_rate_init is -1"),
        ({"early_stopping": True, "validation_fraction": 2}, x, "validation_fraction is 2"),
        ({"learning_rate_init": 10**400}, x, "learning_rate_init is .*finite number"),
        ({"learning_rate_init": 1e300, "loss": "half_mse", "output_activation": "identity"}, x, "too large"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted.set_params(**options).fit(inputs[:, :3], y.astype(str))
        fitted.set_params(**{name: before[name] for name in options})
        assert vars(fitted) == before
        assert np.array_equal(fitted.predict(x), classes)


def test_ctrl_c_leaves_what_has_been_learned():
    x, y = iris()

    def press(*_):
        raise KeyboardInterrupt

    first = small(max_iter=3, tol=None).fit(x, y)
    trainer = type(first.trainer_)
    fit = trainer.fit
    trainer.fit = lambda self, X, Y, **options: press(fit(self, X, Y, **{**options, "epochs": 2}))
    again = small(max_iter=30, tol=None)
    try:
        with pytest.raises(KeyboardInterrupt):
            again.fit(x, y)
    finally:
        trainer.fit = fit
    assert again.n_iter_ == 2 and len(again.predict(x)) == len(x)


def test_words_are_no_numbers():
    x, _ = iris()
    for labels in (["a"] * len(x), np.array(["a"] * len(x), dtype=object)):
        with pytest.raises(ValueError, match=r"y holds .a., where numbers are expected: for classes use"):
            number().fit(x, labels)


def test_every_odd_activation_has_the_loss_of_margins():
    outputs = [for_classes(name, None, 2) for name in ("identity", "tanh", "softsign", "hard_tanh")]
    assert {(o.loss, o.off, o.probabilities) for o in outputs} == {("hinge", -1.0, "")}


# Weights of samples and of classes.


@pytest.mark.sampled(2)
@pytest.mark.parametrize("made", [number, lambda **options: small(class_weight="balanced", **options)])
def test_weights_of_an_estimator_are_repetitions(made):
    x, y = iris()
    times = np.random.default_rng(1).integers(0, 3, len(y))
    options = {"batch_size": 500, "max_iter": 5, "tol": None}
    one = made(**options).fit(x, y, sample_weight=times)
    two = made(**options).fit(x.repeat(times, 0), y.repeat(times))
    assert all(np.allclose(one.parameters_[n], v, rtol=1e-9) for n, v in two.parameters_.items())
    left = made(**{**options, "batch_size": 10, "early_stopping": True, "max_iter": 2})
    three = clone(left).fit(x, y, sample_weight=times > 0).parameters_
    four = clone(left).fit(x[times > 0], y[times > 0]).parameters_
    assert all(np.allclose(three[n], v, rtol=1e-9) for n, v in four.items())


def test_weights_may_begin_in_a_later_partial_fit():
    x, y = iris()
    one, two = small(batch_size=150, shuffle=False), small(batch_size=150, shuffle=False)
    one.partial_fit(x, y, classes=[0, 1, 2]).partial_fit(x, y, sample_weight=1 + (y == 1))
    two.partial_fit(x, y, classes=[0, 1, 2], sample_weight=np.ones(150)).partial_fit(x, y, sample_weight=1 + (y == 1))
    assert one.loss_curve_ == pytest.approx(two.loss_curve_, rel=1e-12)
    assert len(one.loss_curve_) == 2
    assert pickle.loads(pickle.dumps(one)).network_.sample_weight == "mean"
    with pytest.raises(ValueError, match=r"class_weight is 'balanced', which needs all samples: use fit"):
        small(class_weight="balanced").partial_fit(x, y, classes=[0, 1, 2])


@pytest.mark.parametrize(
    "class_weight, sample_weight, message",
    [
        ("equal", None, "class_weight is 'equal', where a dict of weights by class, 'balanced' or None is expected"),
        ({7: 1}, None, "class_weight has the class 7, which is not among"),
        ({1: -1}, None, "the weight of a class in class_weight is -1, but must be a finite number"),
        (None, np.zeros(150), "(at least one non-zero number|only zeros)"),
        (None, -np.ones(150), "sample_weight holds -1; expected weights that are not negative"),
    ],
)
def test_wrong_weights_of_an_estimator_are_refused(class_weight, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        small(class_weight=class_weight).fit(*iris(), sample_weight=sample_weight)
