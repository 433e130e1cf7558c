"""Back-propagation in NumPy as it is written by hand: samples as rows, `@`, a loop over the layers."""

from __future__ import annotations

from itertools import cycle, islice

import numpy as np

from contenders.cases import Array, Case


class ByHand:
    def __init__(self, case: Case, samples: int) -> None:
        drawn = case.parameters()
        self.weights = [W.T.copy() for W in drawn[::2]]
        self.biases = list(drawn[1::2])
        self.classifies, self.rate = case.classifies, case.rate
        self.batches = case.batches(samples)
        self.errors: list[float] = []

    def run(self, steps: int) -> int:
        self.errors = [self.step(X, Y) for X, Y in islice(cycle(self.batches), steps)]
        return steps

    def step(self, X: Array, Y: Array) -> float:
        outputs = self.forward(X)
        prediction = outputs[-1]
        if self.classifies:
            error = -np.sum(Y * np.log(prediction)) / len(X)
            delta = (prediction - Y) / len(X)
        else:
            error = np.mean((prediction - Y) ** 2)
            delta = 2 * (prediction - Y) / Y.size * prediction * (1 - prediction)
        for layer in reversed(range(len(self.weights))):
            a = outputs[layer]
            dW, db = a.T @ delta, delta.sum(axis=0)
            if layer:
                slope = 1 - a**2 if self.classifies else a * (1 - a)
                delta = delta @ self.weights[layer].T * slope
            self.weights[layer] -= self.rate * dW
            self.biases[layer] -= self.rate * db
        return float(error)

    def forward(self, X: Array) -> list[Array]:
        """The inputs, and the output of each layer."""
        outputs = [X]
        for W, b in zip(self.weights, self.biases, strict=True):
            z = outputs[-1] @ W + b
            if not self.classifies:
                outputs.append(1 / (1 + np.exp(-z)))
            elif len(outputs) < len(self.weights):
                outputs.append(np.tanh(z))
            else:
                powers = np.exp(z - z.max(axis=1, keepdims=True))
                outputs.append(powers / powers.sum(axis=1, keepdims=True))
        return outputs

    def parameters(self) -> list[Array]:
        pairs = zip(self.weights, self.biases, strict=True)
        return [array for W, b in pairs for array in (W.T, b)]
