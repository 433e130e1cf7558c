"""Estimators for scikit-learn: a network is derived for the data, and trained by its generated module.

>>> from sklearn.datasets import load_iris
>>> from derive.estimators import Classifier
>>> X, y = load_iris(return_X_y=True)
>>> classifier = Classifier(hidden_layer_sizes=(8,), learning_rate_init=0.1, random_state=0).fit(X, y)
>>> bool(classifier.score(X, y) > 0.9)
True
>>> classifier.network_.layers, classifier.network_.loss
((4, 8, 3), 'cross_entropy')

In: data and settings in scikit-learn's form.
Out: a trained estimator.
Imports: the api and the folders below it.
"""

from __future__ import annotations

try:
    import sklearn
except ModuleNotFoundError as missing:
    if missing.name != "sklearn":
        raise
    raise ImportError(
        "derive.estimators needs scikit-learn, which is not installed: use `pip install 'derive[sklearn]'`"
    ) from None

try:
    from sklearn.utils.validation import validate_data as _validate_data  # noqa: F401  new in 1.6, as the tags are
except ImportError:
    raise ImportError(
        f"derive.estimators needs scikit-learn 1.6 or later, but {sklearn.__version__} is installed: "
        "use `pip install 'derive[sklearn]'`"
    ) from None

from derive.estimators.classifier import Classifier
from derive.estimators.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
