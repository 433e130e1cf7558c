"""From index form to matrix form: all rules, all errors, and the values."""

import re
from typing import Any

import numpy as np
import pytest
from helpers import axis, derivation, off, real, stored
from sympy import Expr, Integer, Rational, exp, gamma, log, sqrt, tanh

from derive.arrays import matrix as mx
from derive.arrays.contraction import LiftError
from derive.arrays.lift import lift
from derive.arrays.lower import lowered
from derive.arrays.matrix import ShapeError
from derive.calculus.evaluate import Interpreter
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Axis, Equation, Index, Tensor, delta, total
from derive.targets.numpy.printer import NumPyPrinter

N, H, K = axis(3), axis(5), axis(2)
WITH_ONE = Axis(Integer(4), start=0)
I, J, P, R = (Index(n, a) for n, a in (("i", N), ("j", H), ("p", K), ("r", N)))  # noqa: E741
O = Index("o", WITH_ONE)  # noqa: E741
S, U = Index("s", SAMPLE_AXIS), Index("u", SAMPLE_AXIS)
W = Tensor("W", "W", (N, H))
V = Tensor("V", "V", (K, N))
X = Tensor("X", "X", (H, SAMPLE_AXIS))
Z = Tensor("Z", "Z", (N, SAMPLE_AXIS))
G = Tensor("G", "G", (SAMPLE_AXIS, SAMPLE_AXIS))
B = Tensor("b", "b", (N,))
C = Tensor("c", "c", (H,))
T = Tensor("t", "t", (SAMPLE_AXIS,))
W0 = Tensor("W0", "W0", (K, WITH_ONE))
SCALAR = Tensor("g", "g")
CUBE = Tensor("D", "D", (N, H, K))
TENSORS = {t.name: t for t in (W, V, X, Z, G, B, C, T, W0, SCALAR, CUBE)}
NAMES = {name: name for name in TENSORS}
SIZES = {"m": 4}


def values() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    length = lambda a: 4 if a.sample else int(a.extent)  # noqa: E731
    return {n: generator.normal(size=[length(a) for a in t.axes]) for n, t in TENSORS.items()}


def run(node: mx.Node) -> np.ndarray:
    """Evaluate the printed code of a node."""
    names: dict[str, Any] = {n: stored(TENSORS[n], v) for n, v in values().items()}
    names |= {"parameters": {"": np.zeros(1)}}
    with np.errstate(all="raise"):
        return np.asarray(eval(NumPyPrinter(NAMES, {}, {}).code(lowered(node)).text, {"np": np, "m": 4, **names}))


FORMS: dict[str, tuple[tuple[Index, ...], Expr]] = {
    "an array": ((I, J), W[I, J]),
    "a transpose": ((J, I), W[I, J]),
    "a vector": ((I,), B[I,]),
    "a vector over the samples": ((S,), T[S,]),
    "a number": ((), SCALAR[()]),
    "a constant": ((), Rational(2, 3)),
    "the number of samples": ((), 1 / SAMPLES),
    "entry by entry": ((I, S), Z[I, S] * exp(Z[I, S])),
    "a column repeated": ((I, S), Z[I, S] * B[I,]),
    "a row repeated": ((I, S), Z[I, S] / (3 + T[S,] ** 2)),
    "a number repeated": ((I, S), Z[I, S] + SCALAR[()]),
    "a column and a row": ((I, S), B[I,] * T[S,]),
    "a column alone, wide": ((I, S), B[I,]),
    "a row alone, tall": ((I, S), T[S,] ** 2),
    "a constant, full": ((I, S), Integer(1)),
    "product": ((I, S), total(W[I, J] * X[J, S], J)),
    "product, transposed first": ((J, S), total(W[I, J] * Z[I, S], I)),
    "product, transposed second": ((I, J), total(Z[I, S] * X[J, S], S)),
    "product, swapped": ((J, I), total(Z[I, S] * X[J, S], S)),
    "product of three": ((P, S), total(V[P, I] * W[I, J] * X[J, S], I, J)),
    "product of sums": ((P, S), total(V[P, I] * total(W[I, J] * X[J, S], J), I)),
    "product and entry by entry": ((I, S), total(W[I, J] * X[J, S], J) * Z[I, S]),
    "product of an entry-wise product": ((I, S), total(W[I, J] * X[J, S] * C[J,], J)),
    "product of a sum": ((I, S), total(W[I, J] * (X[J, S] + C[J,]), J)),
    "product with its own square": ((I, R), total(W[I, J] * W[R, J], J)),
    "matrix and vector": ((I,), total(W[I, J] * C[J,], J)),
    "vector and matrix": ((J,), total(W[I, J] * B[I,], I)),
    "over the samples": ((I,), total(Z[I, S], S)),
    "over the samples, weighted": ((I,), total(Z[I, S] * T[S,], S)),
    "over the units": ((S,), total(Z[I, S], I)),
    "over the units, weighted": ((S,), total(Z[I, S] * B[I,], I)),
    "over the units, squared": ((S,), total(Z[I, S] ** 2, I)),
    "over both": ((), total(Z[I, S] ** 2, I, S)),
    "over both, the other way": ((), total(Z[I, S] ** 2, S, I)),
    "over both, weighted": ((), total(Z[I, S] * B[I,], I, S)),
    "over both, of a column": ((), total(B[I,], I, S)),
    "over both, of a row": ((), total(T[S,] ** 2, I, S)),
    "over both, of a mixture": ((), total(B[I,] * (1 + Z[I, S]), I, S)),
    "over the samples, of a column": ((I,), total(B[I,] ** 2, S)),
    "over the samples, of a mixture": ((I,), total(B[I,] + Z[I, S], S)),
    "over the units, of a row": ((S,), total(T[S,], I)),
    "over one vector": ((), total(B[I,] ** 2, I)),
    "over one row": ((), total(T[S,], S)),
    "a sum as a number": ((I, S), Z[I, S] * total(T[U,], U)),
    "a sum under a sum": ((I,), total(Z[I, S] * total(X[J, S], J), S)),
    "a sum of a sum": ((), total(total(W[I, J], J) ** 2, I)),
    "a column times a product": ((I, S), B[I,] * total(W[I, J] * X[J, S], J)),
    "a column in a product": ((P, S), total(V[P, I] * B[I,] * T[S,], I)),
    "a row through a product": ((P, S), total(V[P, I] * T[S,], I)),
    "a column through a product": ((I, J), total(B[I,] * X[J, S], S)),
    "a map": ((I, S), tanh(Z[I, S])),
    "a map of a product": ((I, S), exp(total(W[I, J] * X[J, S], J) / 9)),
    "a map of a column, full": ((I, S), exp(B[I,])),
    "a map of a mixture": ((I, S), tanh(Z[I, S] * B[I,] + T[S,])),
    "a map under a product": ((P, S), total(V[P, I] * tanh(T[S,]), I)),
    "a quotient": ((I, S), exp(Z[I, S]) / total(exp(Z[R, S]), R)),
    "a root": ((I, S), Z[I, S] / sqrt(1 + total(Z[R, S] ** 2, R))),
    "a logarithm": ((S,), log(total(exp(Z[I, S]), I))),
    "a difference": ((I, S), Z[I, S] - total(W[I, J] * X[J, S], J)),
    "a scaled difference": ((I, S), -2 * (Z[I, S] - B[I,]) / (3 * SAMPLES)),
    "a scaled product": ((I, J), 3 * total(Z[I, S] * X[J, S], S) / SAMPLES),
    "minus a product": ((I, S), -total(W[I, J] * X[J, S], J)),
    "minus a product and more": ((I, S), B[I,] - total(W[I, J] * X[J, S], J) * Z[I, S]),
    "a learned scale": ((I, S), SCALAR[()] * Z[I, S]),
    "a learned scale of a product": ((I, S), SCALAR[()] ** 2 * total(W[I, J] * X[J, S], J)),
    "three factors over one index": ((I, R), total(W[I, J] * W[R, J] * C[J,], J)),
    "a bilinear form": ((S,), total(Z[I, S] * W[I, J] * X[J, S], I, J)),
    "a bilinear form, summed": ((), total(Z[I, S] * W[I, J] * X[J, S], I, J, S)),
    "a triple product": ((P, R), total(V[P, I] * W[I, J] * W[R, J], I, J)),
    "between samples": ((S, U), total(Z[I, S] * Z[I, U], I)),
    "a mean over others": ((I, U), total(Z[I, S] * G[S, U], S)),
    "a mean over others, transposed": ((I, U), total(Z[I, S] * G[U, S], S)),
    "rows but the first": ((R, S), total(W0[P, R] * total(V[P, I] * Z[I, S], I), P)),
    "a bias unit": ((O, S), delta(O, Integer(0)) + total(delta(O, I) * Z[I, S], I)),
    "a tensor beside a number": ((I, S), 1 - tanh(Z[I, S]) ** 2),
    "powers": ((I, J), W[I, J] ** 3 * B[I,] ** 2),
    "a power of a product": ((I, S), total(W[I, J] * X[J, S], J) ** 2),
    "a quotient of a product": ((I, S), total(W[I, J] * X[J, S], J) / (2 + T[S,] ** 2)),
    "a quotient in a quotient": ((I, S), Z[I, S] / (B[I,] / (1 + T[S,] ** 2))),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_matrix_form_has_the_value_of_the_index_form(name):
    indices, expression = FORMS[name]
    target = Tensor("out", "out", tuple(i.axis for i in indices))
    equation = Equation(target, indices, expression)
    expected = stored(target, real(Interpreter(values(), SIZES, TENSORS).tensor(equation)))
    node = lift(equation, TENSORS)
    assert node.shape == mx.Array(target).shape
    found = run(node)
    if not indices:  # a number may be written without rows and columns
        found = found.reshape(1, 1)
    assert found.shape == expected.shape, NumPyPrinter(NAMES, {}, {}).code(lowered(node)).text
    assert off(found, expected) < 1e-13


REFUSED: dict[str, tuple[tuple[Index, ...], Expr, str]] = {
    "an index on the right only": ((I,), W[I, J], "j"),
    "the diagonal": ((I,), total(G[S, S], S) * B[I,], "G[s, s]"),
    "an unknown function": ((I, S), gamma(Z[I, S]), "gamma"),
    "an index in an exponent": ((I, S), Z[I, S] ** I, "i"),
    "an index as a number": ((I, S), Z[I, S] * I, "i"),
    "three axes": ((I, S), total(CUBE[I, J, P] * X[J, S], J, P), "D[i, j, p]"),
    "three axes on the left": ((I, J, P), CUBE[I, J, P], "out"),
    "rows that are not all filled": ((O, S), total(delta(O, I) * Z[I, S], I), "KroneckerDelta"),
    "rows that are filled twice": (
        (O, S),
        delta(O, Integer(1)) + total(delta(O, I) * Z[I, S], I),
        "KroneckerDelta",
    ),
    "a delta with no rows": ((), delta(I, Integer(1)) * 2, "KroneckerDelta"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_expressions_without_a_matrix_form_are_refused_by_name(name):
    indices, expression, named = REFUSED[name]
    target = Tensor("out", "out", tuple(i.axis for i in indices))
    with pytest.raises(LiftError, match=re.escape(named)):
        lift(Equation(target, indices, expression), TENSORS)


def test_an_index_beyond_the_axis_is_refused():
    """W has three rows; an index that runs to seven must not read them."""
    wide = Index("w", axis(7))
    target = Tensor("out", "out", (wide.axis, H))
    with pytest.raises((LiftError, ShapeError)):
        lift(Equation(target, (wide, J), W[wide, J]), TENSORS)


WIDE, TALL, ROW, ONE = (mx.Array(t) for t in (W, Tensor("L", "L", (H, N)), T, SCALAR))


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: mx.Product(WIDE, WIDE), "matrix product of (3, 5) and (3, 5)"),
        (lambda: mx.Hadamard((WIDE, TALL)), "(5, 3)"),
        (lambda: mx.Plus((WIDE, ONE)), "(1, 1)"),
        (lambda: mx.Map(tanh, (WIDE, TALL)), "function of (3, 5), (5, 3)"),
        (lambda: mx.Broadcast(TALL, (Integer(3), Integer(5))), "cannot repeat"),
        (lambda: mx.Broadcast(ROW, (Integer(1), Integer(5))), "cannot repeat"),
        (lambda: mx.Stack((WIDE, TALL)), "stacked"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(build, named):
    with pytest.raises(ShapeError, match=re.escape(named)):
        build()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("entry by entry", mx.Hadamard),
        ("over the samples", mx.SumOver),
        ("over both", mx.SumOver),
        ("product", mx.Product),
        ("product, transposed second", mx.Product),
        ("matrix and vector", mx.Product),
        ("three factors over one index", mx.Product),
        ("a bilinear form, summed", (mx.Einsum, mx.SumOver)),
        ("a bias unit", mx.Stack),
        ("a map", mx.Map),
        ("a difference", mx.Plus),
    ],
)
def test_the_rule_that_applies(name, kind):
    indices, expression = FORMS[name]
    target = Tensor("out", "out", tuple(i.axis for i in indices))
    assert isinstance(lift(Equation(target, indices, expression), TENSORS), kind)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("product", "W @ X"),
        ("product, transposed first", "W.T @ Z"),
        ("product, transposed second", "Z @ X.T"),
        ("over the samples", "np.sum(Z, axis=1, keepdims=True)"),
        ("product and entry by entry", "(W @ X) * Z"),
        ("a column repeated", "Z * b"),
    ],
)
def test_the_printed_code_is_idiomatic(name, code):
    indices, expression = FORMS[name]
    node = lift(Equation(Tensor("out", "out", tuple(i.axis for i in indices)), indices, expression), TENSORS)
    swapped = " * ".join(reversed(code.split(" * ")))
    assert NumPyPrinter(NAMES, {}, {}).code(lowered(node)).text in (code, swapped)


@pytest.mark.parametrize("bias", ["separate", "augmented", "none"])
def test_every_statement_has_the_shape_of_its_target(bias):
    for statement in derivation((3, 5, 4, 2), "tanh,relu,softmax", "cross_entropy", bias).program.statements:
        assert statement.form.shape == mx.Array(statement.target).shape


def test_named_widths_are_not_mixed_up():
    n, h = Index("n1", axis("n")), Index("h1", axis("h"))
    a, b = Tensor("a", "a", (axis("n"),)), Tensor("b", "b", (axis("h"),))
    tensors = {"a": a, "b": b}
    assert lift(Equation(Tensor("o", "o", (axis("n"), axis("h"))), (n, h), a[n,] * b[h,]), tensors).shape == (
        n.axis.extent,
        h.axis.extent,
    )
    with pytest.raises((LiftError, ShapeError)):
        lift(Equation(Tensor("o", "o", (axis("n"),)), (n,), b[n,] * a[n,]), tensors)
