"""A batch of one as straight-line scalar Python: a local variable per weight, no array at all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice, pairwise
from math import exp
from typing import Any

import numpy as np

from contenders.cases import Array, Case, NotApplicable

LARGEST = 200


class Scalars:
    """Holds −W and −b, so that exp(−z) needs no negation."""

    def __init__(self, case: Case, samples: int) -> None:
        if case.batch > 1 or sum(p.size for p in case.parameters()) > LARGEST:
            raise NotApplicable("only for a batch of one and a few dozen weights")
        self.shapes = [p.shape for p in case.parameters()]
        self.values = [-float(v) for p in case.parameters() for v in p.ravel()]
        X, Y = case.data(samples)
        self.samples = [tuple(map(float, row)) for row in np.hstack([X, Y])]
        self.train = _compiled(case.layers, case.rate)

    def run(self, steps: int) -> int:
        self.values, self.errors = self.train(self.values, islice(cycle(self.samples), steps))
        return steps

    def parameters(self) -> list[Array]:
        cuts = np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1]
        pieces = np.split(-np.array(self.values), cuts)
        return [piece.reshape(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]


def _compiled(layers: tuple[int, ...], rate: float) -> Callable[..., Any]:
    """A function of the values and the samples: the loop over the samples, written out."""
    last = len(layers) - 1
    names = []
    for layer, (before, units) in enumerate(pairwise(layers), start=1):
        names += [f"w{layer}_{i}_{j}" for i in range(units) for j in range(before)]
        names += [f"b{layer}_{i}" for i in range(units)]
    inputs = [f"a0_{j}" for j in range(layers[0])] + [f"y_{i}" for i in range(layers[-1])]
    body = []
    for layer in range(1, last + 1):
        for i in range(layers[layer]):
            terms = [f"w{layer}_{i}_{j} * a{layer - 1}_{j}" for j in range(layers[layer - 1])]
            body.append(f"a{layer}_{i} = 1.0 / (1.0 + exp({' + '.join([f'b{layer}_{i}', *terms])}))")
    outputs = range(layers[-1])
    body += [f"e_{i} = a{last}_{i} - y_{i}" for i in outputs]
    body.append(f"note(({' + '.join(f'e_{i} * e_{i}' for i in outputs)}) / {len(outputs)})")
    # d is rate times the derivative by z; with -W stored, what comes back through W has its sign turned.
    body += [f"d{last}_{i} = {2 * rate / len(outputs)!r} * e_{i} * a{last}_{i} * (1.0 - a{last}_{i})" for i in outputs]
    for layer in range(last, 1, -1):
        for j in range(layers[layer - 1]):
            back = " + ".join(f"w{layer}_{i}_{j} * d{layer}_{i}" for i in range(layers[layer]))
            a = f"a{layer - 1}_{j}"
            body.append(f"d{layer - 1}_{j} = ({back}) * {a} * ({a} - 1.0)")
    for layer in range(1, last + 1):
        for i in range(layers[layer]):
            body += [f"w{layer}_{i}_{j} += d{layer}_{i} * a{layer - 1}_{j}" for j in range(layers[layer - 1])]
            body.append(f"b{layer}_{i} += d{layer}_{i}")
    lines = [
        "def train(values, samples):",
        "    errors = []",
        "    note = errors.append",
        f"    {', '.join(names)} = values",
        f"    for {', '.join(inputs)} in samples:",
        *(f"        {line}" for line in body),
        f"    return [{', '.join(names)}], errors",
    ]
    namespace: dict[str, Any] = {"exp": exp}
    exec(compile("\n".join(lines), "scalars", "exec"), namespace)
    train: Callable[..., Any] = namespace["train"]
    return train
