"""What the two estimators share: parameters, the network for the data at hand, training, and how they are pickled."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from derive.api import Derivation
from derive.estimators import settings
from derive.estimators.modules import derivation_of, module_of, named, packed, unpacked
from derive.estimators.outputs import Outputs
from derive.estimators.training import Array, Course, train, unchanged_if_refused
from derive.statement.network import Network

#: The seeds that are drawn from ``random_state`` are below this.
_SEEDS = 2**31


class NetworkEstimator(BaseEstimator):
    """A network that is derived for the data it is fitted to, and trained by its generated module.

    What is not known of a module before it is generated, its trainer, is not typed here.
    """

    trainer_: Any

    #: How scikit-learn is to check y.
    _wanted_of_y: ClassVar[dict[str, Any]]

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "tanh",
        *,
        output_activation: Any = None,
        loss: Any = None,
        optimizer: Any = "adam",
        l2: Any = 0.0,
        clip: Any = None,
        schedule: Any = "constant",
        initialisation: Any = "glorot_uniform",
        learning_rate: Any = 0.001,
        batch_size: Any = "auto",
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        n_iter_no_change: Any = 10,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        verbose: Any = False,
        dtype: Any = "float64",
    ) -> None:
        """Keep the parameters; they are checked by ``fit``.

        hidden_layer_sizes      the widths of the hidden layers; () for none
        activation              of the hidden layers: a name from `derive list activations`,
                                or a sequence with one for each layer
        output_activation       of the outputs; None: what the loss needs
        loss                    a name from `derive list losses`; None: cross-entropy for
                                classes (binary for two), half the squared error for numbers
        optimizer               a name from `derive list optimizers`, perhaps with options, as in
                                "momentum(mu=0.9)"
        l2                      the strength of weight decay, which is a part of the error
        clip                    the norm at which gradients are clipped; None: never
        schedule                of the learning rate: a name from `derive list schedules`
        initialisation          of the weights: a name from `derive list initialisations`
        learning_rate           what a step is multiplied by
        batch_size              samples in a batch, at most all; "auto" is at most 200
        max_iter                how many epochs at most
        shuffle                 whether each epoch has a new order
        random_state            an integer for the same parameters and orders each time
        tol, n_iter_no_change   training ends once that many epochs in a row have gained no
                                more than ``tol`` of error; None: it takes ``max_iter`` epochs
        early_stopping          whether it is the error on samples that are set aside that
                                must fall; the best parameters are taken
        validation_fraction     the share of the samples that is set aside for it
        verbose                 whether a line is printed for each epoch
        dtype                   "float64" or "float32": what all is computed in
        """
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.loss = loss
        self.optimizer = optimizer
        self.l2 = l2
        self.clip = clip
        self.schedule = schedule
        self.initialisation = initialisation
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.verbose = verbose
        self.dtype = dtype

    # What each estimator says for itself.

    @abstractmethod
    def _targets(self, y: Array, first: bool, classes: Array | None) -> Array:
        """The targets as the network takes them, (samples, outputs); the ``first`` time, notes what they are."""

    @abstractmethod
    def _outputs(self, targets: Array) -> Outputs:
        """The activation and the loss of the outputs."""

    def _strata(self, targets: Array) -> Array | None:
        """What is shared out evenly when samples are set aside for validation."""
        return None

    # Training.

    def fit(self, X: Any, y: Any) -> Self:
        """Derive the network for X, (samples, features), and y, and train it from new parameters.

        Raises ValueError for data or parameters that do not fit, and if the error stops being
        finite, and is then as it was before; Ctrl-C leaves what is trained so far. Warns if the
        error was still falling after ``max_iter`` epochs, or has risen.
        """
        with unchanged_if_refused(self):
            X, targets = self._read(X, y, first=True)
            source = check_random_state(self.random_state)
            course = self._course(settings.count("max_iter", self.max_iter), len(X), source.randint(_SEEDS))
            self._begin(X, targets, source.randint(_SEEDS))
            if settings.flag("early_stopping", self.early_stopping):
                X, targets, course = self._set_aside(X, targets, course, source)
            train(self.trainer_, X, targets, course)
        self._warn(course)
        return self

    def _partial_fit(self, X: Any, y: Any, first: bool, classes: Array | None = None) -> Self:
        """Go through the samples once, from the parameters as they are."""
        if settings.flag("early_stopping", self.early_stopping):
            raise ValueError("partial_fit has no samples to set aside: use early_stopping=False, or fit")
        with unchanged_if_refused(self):
            X, targets = self._read(X, y, first, classes)
            source = check_random_state(self.random_state)
            course = replace(self._course(1, len(X), source.randint(_SEEDS)), tol=None)
            if first:
                self._begin(X, targets, source.randint(_SEEDS))
            train(self.trainer_, X, targets, course)
        return self

    def _read(self, X: Any, y: Any, first: bool, classes: Array | None = None) -> tuple[Array, Array]:
        """The features and the targets, checked."""
        X, y = validate_data(self, X, y, dtype=settings.number_type(self.dtype), reset=first, **self._wanted_of_y)
        return X, self._targets(y, first, classes)

    def _course(self, epochs: int, samples: int, seed: int) -> Course:
        """How the training is to go."""
        return Course(
            epochs=epochs,
            learning_rate=settings.number("learning_rate", self.learning_rate, 0.1),
            batch_size=settings.batch(self.batch_size, samples),
            shuffle=settings.flag("shuffle", self.shuffle),
            seed=seed,
            tol=None if self.tol is None else settings.number("tol", self.tol, 1e-4),
            patience=settings.count("n_iter_no_change", self.n_iter_no_change),
            verbose=bool(self.verbose),
        )

    def _begin(self, X: Array, targets: Array, seed: int) -> None:
        """Derive the network, load its module, and draw the parameters."""
        outputs = self._outputs(targets)
        hidden = settings.hidden_widths(self.hidden_layer_sizes)
        widths = (X.shape[1], *hidden, outputs.units)
        activation = (*settings.hidden_activations(self.activation, len(hidden)), outputs.activation)
        form = Network(named(widths), activation, outputs.loss, **self._descent())
        self._form, self.network_ = form, Network(**{**form.values(), "layers": widths, "name": None})
        self.source_ = derivation_of(form).numpy()
        sizes = {name: size for name, size in zip(form.layers, widths, strict=True) if isinstance(name, str)}
        self.n_outputs_, self.n_layers_ = outputs.units, len(widths)
        self.out_activation_ = self.network_.activation[-1]
        self.trainer_ = module_of(self.source_).Trainer(seed=seed, dtype=settings.number_type(self.dtype), **sizes)

    def _descent(self) -> dict[str, Any]:
        """How the network learns, as a ``Network`` takes it."""
        return {
            "optimizer": self.optimizer,
            "l2": settings.number("l2", self.l2, 0.01),
            "clip": None if self.clip is None else settings.number("clip", self.clip, 1.0),
            "schedule": self.schedule,
            "initialisation": self.initialisation,
        }

    def _set_aside(self, X: Array, targets: Array, course: Course, source: Any) -> tuple[Array, Array, Course]:
        """Keep some samples for validation."""
        part = settings.share("validation_fraction", self.validation_fraction)
        kept, out = train_test_split(
            np.arange(len(X)), test_size=part, random_state=source, stratify=self._strata(targets)
        )
        size = settings.batch(self.batch_size, len(kept))
        return X[kept], targets[kept], replace(course, batch_size=size, validation=(X[out], targets[out]))

    def _warn(self, course: Course) -> None:
        """Say it where a training has not come to its end."""
        first, last = self.loss_curve_[0], self.loss_curve_[-1]
        if last > first:
            problem = f"the error rose from {first:.3g} to {last:.3g}: try a smaller learning_rate, or scale the data"
        elif course.tol is not None and self.n_iter_ == course.epochs:
            problem = f"the error was still falling after max_iter={course.epochs} epochs: allow more of them"
        else:
            return
        warnings.warn(problem, ConvergenceWarning, stacklevel=3)

    # What was trained.

    def _predicted(self, X: Any) -> Array:
        """The outputs of the network, (samples, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.trainer_.dtype, reset=False)
        outputs: Array = self.trainer_.predict(X)
        return outputs

    def _trained(self) -> Any:
        check_is_fitted(self)
        return self.trainer_

    @property
    def derivation_(self) -> Derivation:
        """The derivation of what was trained; ``source_`` is its ``numpy()``.

        The widths have names there: ``n`` inputs, ``h`` hidden units, ``k`` outputs. For one
        with the widths in numbers, derive ``network_``.
        """
        check_is_fitted(self)
        return derivation_of(self._form)

    @property
    def n_iter_(self) -> int:
        """How many epochs there were."""
        return int(self._trained().n_iter_)

    @property
    def loss_curve_(self) -> list[float]:
        """The mean error of each epoch."""
        return list(self._trained().epoch_history)

    @property
    def validation_curve_(self) -> list[float]:
        """The error on the samples that were set aside, after each epoch; empty without ``early_stopping``."""
        return list(self._trained().validation_history)

    @property
    def loss_(self) -> float:
        """The mean error of the last epoch."""
        return self.loss_curve_[-1]

    @property
    def parameters_(self) -> dict[str, Array]:
        """The parameters by their names in the derivation: weights are (units, inputs), biases (units, 1)."""
        return dict(self._trained().parameters)

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, (inputs, units), as scikit-learn has them."""
        return [self.parameters_[f"W{layer}"].T for layer in range(1, self.n_layers_)]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer, (units,), as scikit-learn has them."""
        return [self.parameters_[f"b{layer}"][:, 0] for layer in range(1, self.n_layers_)]

    # A module cannot be pickled; its source can.

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: of the trainer what it would save."""
        state = dict(super().__getstate__())
        if "trainer_" in state:
            state["trainer_"] = packed(state["trainer_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the module from its source, and the trainer from what it saved."""
        super().__setstate__(state)
        if "trainer_" in state:
            self.trainer_ = unpacked(self.source_, state["trainer_"])
