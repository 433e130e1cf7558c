"""JAX, PyTorch and scikit-learn, as their manuals would have it, on the CPU."""

from __future__ import annotations

import os
from functools import partial
from itertools import cycle, islice
from typing import Any

import numpy as np

from contenders.cases import Array, Case


class Jax:
    """A jitted step (error, gradients by reverse mode, update) whose parameters are donated."""

    def __init__(self, case: Case, samples: int) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_platforms", "cpu")
        last = len(case.layers) - 2

        def error(parameters: Any, X: Any, Y: Any) -> Any:
            a = X
            for layer, (W, b) in enumerate(parameters):
                z = a @ W + b
                if not case.classifies:
                    a = jax.nn.sigmoid(z)
                elif layer < last:
                    a = jnp.tanh(z)
                else:
                    return -jnp.sum(Y * jax.nn.log_softmax(z)) / X.shape[0]
            return jnp.mean((a - Y) ** 2)

        @partial(jax.jit, donate_argnums=0)
        def step(parameters: Any, X: Any, Y: Any) -> tuple[Any, Any]:
            value, slopes = jax.value_and_grad(error)(parameters, X, Y)
            return jax.tree.map(lambda p, g: p - case.rate * g, parameters, slopes), value

        self.step, self.ready = step, jax.block_until_ready
        drawn = case.parameters()
        pairs = zip(drawn[::2], drawn[1::2], strict=True)
        self.now = [(jnp.array(W.T), jnp.array(b)) for W, b in pairs]
        self.batches = [(jnp.array(X), jnp.array(Y)) for X, Y in case.batches(samples)]

    def run(self, steps: int) -> int:
        now, step = self.now, self.step
        errors = []
        for X, Y in islice(cycle(self.batches), steps):
            now, value = step(now, X, Y)
            errors.append(value)
        self.now = self.ready(now)
        return steps

    def parameters(self) -> list[Array]:
        return [array for W, b in self.now for array in (np.asarray(W).T, np.asarray(b))]


class Torch:
    """`Sequential`, `backward`, `SGD.step`."""

    def __init__(self, case: Case, samples: int) -> None:
        import torch
        from torch import nn

        if os.environ.get("OMP_NUM_THREADS") == "1":
            torch.set_num_threads(1)
        drawn = [torch.tensor(p) for p in case.parameters()]
        layers: list[nn.Module] = []
        for W, b in zip(drawn[::2], drawn[1::2], strict=True):
            linear = nn.Linear(W.shape[1], W.shape[0], dtype=drawn[0].dtype)
            linear.weight.data, linear.bias.data = W.clone(), b.clone()
            layers += [linear, nn.Tanh() if case.classifies else nn.Sigmoid()]
        self.model = nn.Sequential(*(layers[:-1] if case.classifies else layers))
        self.loss = nn.CrossEntropyLoss() if case.classifies else nn.MSELoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=case.rate)
        target = (lambda Y: torch.tensor(Y.argmax(axis=1))) if case.classifies else torch.tensor
        self.batches = [(torch.tensor(X), target(Y)) for X, Y in case.batches(samples)]

    def run(self, steps: int) -> int:
        errors = []
        for X, Y in islice(cycle(self.batches), steps):
            self.optimizer.zero_grad()
            loss = self.loss(self.model(X), Y)
            loss.backward()
            self.optimizer.step()
            errors.append(loss.item())
        return steps

    def parameters(self) -> list[Array]:
        return [p.detach().numpy() for p in self.model.parameters()]


class ScikitLearn:
    """`partial_fit`, a batch at a time. It has no sigmoid output with a squared error: there its output is linear."""

    def __init__(self, case: Case, samples: int) -> None:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        kind = MLPClassifier if case.classifies else MLPRegressor
        self.model = kind(
            hidden_layer_sizes=case.layers[1:-1],
            activation="tanh" if case.classifies else "logistic",
            solver="sgd",
            alpha=0,
            batch_size=case.batch,
            learning_rate_init=case.rate,
            momentum=0,
            nesterovs_momentum=False,
        )
        self.batches = [(X, Y.argmax(axis=1) if case.classifies else Y[:, 0]) for X, Y in case.batches(samples)]
        X, Y = self.batches[0]
        self.model.partial_fit(X, Y, **({"classes": np.arange(case.layers[-1])} if case.classifies else {}))
        drawn = case.parameters()
        for own, given in zip(self._own(), drawn, strict=True):
            own[...] = given

    def _own(self) -> list[Array]:
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [array for W, b in pairs for array in (W.T, b)]

    def run(self, steps: int) -> int:
        for X, Y in islice(cycle(self.batches), steps):
            self.model.partial_fit(X, Y)
        return steps

    def parameters(self) -> list[Array]:
        return self._own()
