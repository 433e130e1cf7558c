"""The base of the two estimators: parameters, the network for the data, and pickling."""

from __future__ import annotations

from abc import abstractmethod
from math import ceil
from typing import Any

from sklearn.utils.validation import check_is_fitted

from derive.api import Derivation
from derive.estimators import settings
from derive.estimators.modules import derivation_of, module_of, named, packed, unpacked
from derive.estimators.outputs import Chosen
from derive.statement.network import Network
from derive.targets.numpy.runtime.sklearn_base import Array, EstimatorBase
from derive.targets.numpy.runtime.sklearn_settings import batch, flag, number, number_type, share


class NetworkEstimator(EstimatorBase):
    """A network that is derived for its training data, and trained by its generated module."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "tanh",
        *,
        output_activation: Any = None,
        loss: Any = None,
        solver: Any = "adam",
        l1: Any = 0.0,
        alpha: Any = 0.0,
        clip: Any = None,
        constraint: Any = None,
        learning_rate: Any = "constant",
        initialisation: Any = "glorot_uniform",
        learning_rate_init: Any = 0.001,
        batch_size: Any = "auto",
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        n_iter_no_change: Any = 10,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        warm_start: Any = False,
        verbose: Any = False,
        dtype: Any = "float64",
    ) -> None:
        """Store the parameters; ``fit`` checks them. ``EstimatorBase`` describes those of the training.

        hidden_layer_sizes      widths of the hidden layers; () for none
        activation              activation of the hidden layers: a name from `derive list activations`,
                                or a sequence with one for each layer
        output_activation       activation of the outputs; None: chosen by the loss
        loss                    a name from `derive list losses`; None: cross-entropy for
                                classes (binary for two), half the squared error for numbers
        solver                  an optimizer: a name from `derive list optimizers`, optionally with options
        l1                      strength of the L1 penalty, which is added to the error (loss)
        alpha                   strength of the L2 penalty: alpha/(2 n) times the sum of the squared weights is
                                added to the error, where n is the number of samples in a batch; with weights of
                                samples, it is their sum in an average batch
        clip                    largest norm of the gradients, or "value(limit=0.5)" for the largest size of each
                                entry; None: no clipping
        constraint              that weights keep after each step: a name from `derive list constraints`; None: none
        learning_rate           learning rate schedule: a name from `derive list schedules`
        initialisation          weight initialisation: a name from `derive list initialisations`
        """
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.loss = loss
        self.solver = solver
        self.l1 = l1
        self.alpha = alpha
        self.clip = clip
        self.constraint = constraint
        self.learning_rate = learning_rate
        self.initialisation = initialisation
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.verbose = verbose
        self.dtype = dtype

    @abstractmethod
    def _chosen(self, targets: Array) -> Chosen:
        """The activation and the loss of the outputs."""

    def _new_trainer(self, X: Array, targets: Array, seed: int) -> Any:
        """Derive the network, load its module, and draw the parameters."""
        outputs = self._chosen(targets)
        hidden = settings.hidden_widths(self.hidden_layer_sizes)
        widths = (X.shape[1], *hidden, outputs.units)
        activation = (*settings.hidden_activations(self.activation, len(hidden)), outputs.activation)
        weighting = "none" if self._mean_weight is None else "mean"
        form = Network(named(widths), activation, outputs.loss, **self._descent(X.shape[0]), sample_weight=weighting)
        self._derive(form, widths)
        sizes = {name: size for name, size in zip(form.layers, widths, strict=True) if isinstance(name, str)}
        self.n_layers_, self.out_activation_ = len(widths), self.network_.activation[-1]
        return module_of(self.source_).Trainer(seed=seed, dtype=number_type(self.dtype), **sizes)

    def _derive(self, form: Network, widths: tuple[int | str, ...]) -> None:
        """Derive a network with names for its widths, and keep it with its own."""
        self._form, self.network_ = form, Network(**{**form.values(), "layers": widths, "name": None})
        self.source_ = derivation_of(form).numpy()

    def _weigh(self) -> None:
        """Derive the network with weights of samples, and go on from where the training without them is."""
        if self._mean_weight is None:
            before, self._mean_weight = self.trainer_, 1.0
            form = Network(**{**self._form.values(), "sample_weight": "mean"})
            self._derive(form, self.network_.layers)
            self.trainer_ = module_of(self.source_).Trainer(before.parameters, dtype=before.dtype)
            vars(self.trainer_).update(before.__getstate__())

    def _descent(self, samples: int) -> dict[str, Any]:
        """The optimizer and its options, as arguments of a ``Network``; alpha is divided by the weight of a batch."""
        if flag("early_stopping", self.early_stopping):
            samples -= ceil(share("validation_fraction", self.validation_fraction) * samples)
        # rounded, because another number is another derivation, and the weights of balanced classes have the mean 1
        weight = 1.0 if self._mean_weight is None else float(f"{self._mean_weight:.12g}")
        return {
            "optimizer": settings.solver(self.solver),
            "l1": number("l1", self.l1, 0.01),
            "l2": number("alpha", self.alpha, 0.01) / (weight * max(1, batch(self.batch_size, samples))),
            "clip": self.clip if self.clip is None or isinstance(self.clip, str) else number("clip", self.clip, 1.0),
            "constraint": self.constraint,
            "schedule": settings.schedule(self.learning_rate),
            "initialisation": self.initialisation,
        }

    @property
    def derivation_(self) -> Derivation:
        """The derivation of the trained network; ``source_`` is its ``numpy()``.

        Its widths are symbolic: ``n`` inputs, ``h`` hidden units, ``k`` outputs. For numeric
        widths, derive ``network_``.
        """
        check_is_fitted(self)
        return derivation_of(self._form)

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, (inputs, units), as in scikit-learn."""
        return [self.parameters_[f"W{layer}"].T for layer in range(1, self.n_layers_)]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer, (units,), as in scikit-learn."""
        return [self.parameters_[f"b{layer}"][:, 0] for layer in range(1, self.n_layers_)]

    # A module cannot be pickled; its source can.

    def __getstate__(self) -> dict[str, Any]:
        """The state for pickling; the trainer is stored in its own file format."""
        state = dict(super().__getstate__())
        if "trainer_" in state:
            state["trainer_"] = packed(state["trainer_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the module from its source, and the trainer from its saved bytes."""
        super().__setstate__(state)
        if "trainer_" in state:
            self.trainer_ = unpacked(self.source_, state["trainer_"])
