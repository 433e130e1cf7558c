"""The best straight-line NumPy found by hand: everything allocated and bound before the first step.

Samples are columns. The parameters are pieces of one flat array, a row for the bias below each
W.T, and the activations carry a row of ones for it, so that one product gives z, one a gradient
with its bias, and one subtraction updates everything. A view of the first rows of W.T, which the
way back needs, is contiguous.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice, pairwise
from math import log
from typing import Any

import numpy as np

from contenders.cases import Array, Case, NotApplicable


def _flat(shapes: list[tuple[int, ...]], dtype: str) -> tuple[Array, list[Array]]:
    """A flat array, and its consecutive pieces of these shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    flat: Array = np.empty(ends[-1], dtype)
    return flat, [piece.reshape(shape) for piece, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


def _load(pieces: list[Array], drawn: list[Array], factor: float) -> None:
    for piece, W, b in zip(pieces, drawn[::2], drawn[1::2], strict=True):
        piece[:-1], piece[-1] = W.T * factor, b * factor


def _unload(pieces: list[Array], factor: float) -> list[Array]:
    return [array / factor for piece in pieces for array in (piece[:-1].T, piece[-1])]


class Sigmoids:
    """Sigmoid layers and the mean squared error.

    A sigmoid is (1 + tanh(z/2)) / 2. Twice the activation, s = 1 + tanh(z/2), is what is kept, and
    W/4 instead of W: then z/2 = (W/4) s (inputs and ones are doubled too), and a slope a (1 - a) is
    s (2 - s) / 4. All the quarters and the rate are in one factor of the last Psi.
    """

    def __init__(self, case: Case, samples: int) -> None:
        layers, m, dtype = case.layers, case.batch, case.dtype
        shapes = [(before + 1, units) for before, units in pairwise(layers)]
        self.flat, self.pieces = _flat(shapes, dtype)
        _load(self.pieces, case.parameters(), 1 / 4)
        slopes, self.dW = _flat(shapes, dtype)
        rows = [*((units + 1, m) for units in layers[1:-1]), (layers[-1], m)]
        self.kept = [_flat(rows, dtype) for _ in range(3)]
        for kept in self.kept[0][1][:-1]:
            kept[-1] = 2
        factor = np.array(case.rate / 8 / (4 * m * layers[-1]), dtype)
        self.one, self.two = np.array(1, dtype), np.array(2, dtype)
        self.update = (self.flat, slopes, factor)
        self.batches = [_doubled(X, Y) for X, Y in case.batches(samples)]
        make = {2: self._one_hidden, 3: self._two_hidden}.get(len(layers) - 1)
        if make is None:
            raise NotApplicable("written out for one and two hidden layers")
        self.step = make()
        self.scale = 1 / (4 * m * layers[-1])

    def run(self, steps: int) -> int:
        step, scale = self.step, self.scale
        self.errors = [scale * step(*batch) for batch in islice(cycle(self.batches), steps)]
        return steps

    def parameters(self) -> list[Array]:
        return _unload(self.pieces, 1 / 4)

    def _two_hidden(self) -> Callable[[Array, Any, Array], Any]:
        (s, (S1, S2, s3)), (r, _), (t, (t1, t2, t3)) = self.kept
        W1, W2, W3 = self.pieces
        dW1, dW2, dW3 = self.dW
        s1, s2, t1, t2 = S1[:-1], S2[:-1], t1[:-1], t2[:-1]
        z1, z2, z3, h1, h2, h3, b1, b2, q1, q2, e, p, q3 = (
            np.empty_like(like) for like in (s1, s2, s3, s1, s2, s3, s1, s2, s1, s2, s3, s3, s3)
        )
        to1, to2, to3, back3, back2 = W1.T.dot, W2.T.dot, W3.T.dot, W3[:-1].dot, W2[:-1].dot
        e_flat = e.reshape(-1)
        from1, from2, squared, q1T, q2T, q3T = S1.dot, S2.dot, e_flat.dot, q1.T, q2.T, q3.T
        flat, slopes, factor = self.update
        one, two = self.one, self.two
        tanh, add, subtract, multiply = np.tanh, np.add, np.subtract, np.multiply

        def step(X: Array, x_dot: Any, Y: Array) -> Any:
            to1(X, z1)
            tanh(z1, h1)
            add(h1, one, s1)
            to2(S1, z2)
            tanh(z2, h2)
            add(h2, one, s2)
            to3(S2, z3)
            tanh(z3, h3)
            add(h3, one, s3)
            subtract(s3, Y, e)
            error = squared(e_flat)
            subtract(two, s, r)
            multiply(r, s, t)
            multiply(e, t3, p)
            multiply(p, factor, q3)
            back3(q3, b2)
            multiply(b2, t2, q2)
            back2(q2, b1)
            multiply(b1, t1, q1)
            x_dot(q1T, dW1)
            from1(q2T, dW2)
            from2(q3T, dW3)
            subtract(flat, slopes, flat)
            return error

        return step

    def _one_hidden(self) -> Callable[[Array, Any, Array], Any]:
        (s, (S1, s2)), (r, _), (t, (t1, t2)) = self.kept
        W1, W2 = self.pieces
        dW1, dW2 = self.dW
        s1, t1 = S1[:-1], t1[:-1]
        z1, z2, h1, h2, b1, q1, e, p, q2 = (np.empty_like(like) for like in (s1, s2, s1, s2, s1, s1, s2, s2, s2))
        to1, to2, back2, from1 = W1.T.dot, W2.T.dot, W2[:-1].dot, S1.dot
        e_flat = e.reshape(-1)
        squared, q1T, q2T = e_flat.dot, q1.T, q2.T
        flat, slopes, factor = self.update
        one, two = self.one, self.two
        tanh, add, subtract, multiply = np.tanh, np.add, np.subtract, np.multiply

        def step(X: Array, x_dot: Any, Y: Array) -> Any:
            to1(X, z1)
            tanh(z1, h1)
            add(h1, one, s1)
            to2(S1, z2)
            tanh(z2, h2)
            add(h2, one, s2)
            subtract(s2, Y, e)
            error = squared(e_flat)
            subtract(two, s, r)
            multiply(r, s, t)
            multiply(e, t2, p)
            multiply(p, factor, q2)
            back2(q2, b1)
            multiply(b1, t1, q1)
            x_dot(q1T, dW1)
            from1(q2T, dW2)
            subtract(flat, slopes, flat)
            return error

        return step


def _doubled(X: Array, Y: Array) -> tuple[Array, Any, Array]:
    """Twice the inputs with a row of twos, as columns, its product, and twice the targets."""
    columns = np.ascontiguousarray(2 * np.hstack([X, np.ones((len(X), 1), X.dtype)]).T)
    return columns, columns.dot, np.ascontiguousarray(2 * Y.T)


#: The square of the length of all of z below which no power of e overflows, and none is 0.
SAFE = 1e5


class Softmax:
    """Layers of tanh, a softmax and the cross-entropy.

    The sums of the softmax come from a product with a matrix of equal numbers, m/rate, so that
    what is divided by them is scaled for the first Psi already, as the targets are. The first W,
    through which nothing goes back, is not transposed: its rows are the longer ones. With
    `fused`, SciPy's BLAS subtracts each gradient within the product that computes it.
    """

    def __init__(self, case: Case, samples: int, fused: bool = False) -> None:
        if not case.classifies:
            raise NotApplicable("for classifiers")
        layers, m, dtype = case.layers, case.batch, case.dtype
        shapes = [(before + 1, units) for before, units in pairwise(layers)]
        shapes[0] = shapes[0][::-1]
        self.flat, self.pieces = _flat(shapes, dtype)
        self.one = np.array(1, dtype)
        _load(self._downwards(), case.parameters(), 1)
        self.slopes, self.dW = _flat(shapes, dtype)
        self.scale, self.m, self.fused = case.rate / m, m, fused
        self.batches = [_with_ones(X, self.scale * Y) for X, Y in case.batches(samples)]
        self.A = [np.ones((units + 1, m), dtype) for units in layers[1:-1]]
        self.z = [np.empty((units, m), dtype) for units in layers[1:]]
        self.psi = [np.empty((units, m), dtype) for units in layers[1:]]
        self.room = [[np.empty((units, m), dtype) for _ in range(3)] for units in layers[1:]]
        self.sums = np.full((layers[-1], layers[-1]), 1 / self.scale, dtype)
        self.forward = [(W.T.dot, *out) for W, *out in zip(self.pieces[1:], self.A, self.z[1:], strict=True)]
        self.back = [self._layer(n) for n in range(len(self.pieces) - 1, 0, -1)]

    def _downwards(self) -> list[Array]:
        return [self.pieces[0].T, *self.pieces[1:]]

    def _layer(self, n: int) -> tuple[Any, ...]:
        """What the way back through W of layer n needs, and what the gradient by it."""
        W, A, psi, below = self.pieces[n], self.A[n - 1], self.psi[n], self.psi[n - 1]
        gradient = _subtraction(psi, A, W.T) if self.fused else partial(A.dot, psi.T, self.dW[n])
        return W[:-1].dot, psi, gradient, A[:-1], below, *self.room[n - 1]

    def run(self, steps: int) -> int:
        self.errors = [self.step(*batch) for batch in islice(cycle(self.batches), steps)]
        return steps

    def step(self, X: Array, Y: Array, y_dot: Any) -> float:
        tanh, square, subtract, multiply = np.tanh, np.square, np.subtract, np.multiply
        z = self.z[0]
        self.pieces[0].dot(X, z)
        for dot, A, out in self.forward:
            tanh(z, A[:-1])
            z = dot(A, out)
        error = self._softmax(z, Y, y_dot)
        for w_dot, psi, gradient, a, below, b, squares, slope in self.back:
            w_dot(psi, b)
            gradient()
            square(a, squares)
            subtract(self.one, squares, slope)
            multiply(b, slope, below)
        if self.fused:
            _subtraction(X, below, self.pieces[0].T)()
        else:
            below.dot(X.T, self.dW[0])
            subtract(self.flat, self.slopes, self.flat)
        return error

    def _softmax(self, z: Array, Y: Array, y_dot: Any) -> float:
        """The error; the last Psi, times the rate, is left in its place."""
        powers, sums, p = self.room[-1]
        flat = z.reshape(-1)
        if not flat.dot(flat) < SAFE:
            z -= z.max(axis=0)
            np.maximum(z, -600, z)
        np.exp(z, powers)
        self.sums.dot(powers, sums)
        np.divide(powers, sums, p)
        np.subtract(p, Y, self.psi[-1])
        np.log(p, powers)
        return log(self.scale) - float(y_dot(powers.reshape(-1))) / (self.scale * self.m)

    def parameters(self) -> list[Array]:
        return _unload(self._downwards(), 1)


def _with_ones(X: Array, Y: Array) -> tuple[Array, Array, Any]:
    """The inputs with a row of ones, and the targets, as columns; and the product of all targets with something."""
    columns = np.ascontiguousarray(np.hstack([X, np.ones((len(X), 1), X.dtype)]).T)
    targets = np.ascontiguousarray(Y.T)
    return columns, targets, targets.reshape(-1).dot


def _subtraction(left: Array, right: Array, W: Array) -> Callable[[], Any]:
    """W -= left right^T in one call of BLAS; W is the transposed view of an array, for it counts columns first."""
    from scipy.linalg.blas import get_blas_funcs

    gemm, ger = get_blas_funcs(("gemm", "ger"), (W,))

    if left.shape[1] == 1:
        return partial(ger, -1.0, left.reshape(-1), right.reshape(-1), 1, 1, W, 1, 1, 1)
    return partial(gemm, -1.0, left.T, right.T, 1.0, W, 1, 0, 1)


def tuned(case: Case, samples: int) -> Sigmoids | Softmax:
    """The form for a case."""
    return Softmax(case, samples) if case.classifies else Sigmoids(case, samples)


def with_scipy(case: Case, samples: int) -> Softmax:
    """The form that updates within products: only where products are large, and on one thread.

    The BLAS of SciPy and that of NumPy keep a pool of threads each; a step that uses both takes 24
    times as long, and slows down whoever comes next.
    """
    if case.classifies and len(case.parameters()[0]) < 100:
        raise NotApplicable("for large layers")
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise NotApplicable("for one thread")
    return Softmax(case, samples, fused=True)
