"""How many operations the error and all its gradients take: `python benchmarks/counts.py`.

Ours are those of the equations, without additions, and of the generated core, with arrays that count what is done with
them. CasADi's are the instructions of a function in scalars (SX), by reverse mode; JAX's are those of the jaxpr of
`value_and_grad`, before XLA. Both are given the same error, written once with NumPy's functions. All gradients must
agree with ours. Comparisons, signs, copies and the choice of entries are not counted.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from derive import Statement, derive
from derive.calculus.cost import multiplications
from derive.calculus.index import SAMPLES

try:
    import jax
except ImportError:
    jax = None
try:
    import casadi
except ImportError:
    casadi = None

#: The number of samples.
M = 4

Arrays = dict[str, Any]


class Count(NamedTuple):
    """Multiplications and divisions, additions and subtractions, calls of functions."""

    times: int = 0
    plus: int = 0
    calls: int = 0

    def more(self, other: Count) -> Count:
        return Count(*map(sum, zip(self, other, strict=True)))

    def __str__(self) -> str:
        return f"{self.times:,} / {self.plus:,} / {self.calls:,}"


class Model(NamedTuple):
    """A text, and its error with a namespace such as NumPy's; data have the samples first."""

    text: str
    error: Callable[..., Any]


def _softmax(np: Any, z: Any) -> Any:
    e = np.exp(z)
    return e / np.sum(e, axis=-1)[..., None]


def dense(np: Any, x: Any, y: Any, W: Any, b: Any, V: Any, c: Any) -> Any:
    """Two layers with tanh between."""
    return np.sum((y - np.tanh(x @ W.T + b) @ V.T - c) ** 2) / M


def softmax_regression(np: Any, x: Any, y: Any, W: Any, b: Any) -> Any:
    """The cross-entropy of a softmax."""
    return -np.sum(y * np.log(_softmax(np, x @ W.T + b))) / M


def layer_norm(np: Any, x: Any, y: Any, W: Any, g: Any, b: Any) -> Any:
    """A layer without an activation, normalised."""
    z = x @ W.T
    c = z - (np.sum(z, axis=1) / 8)[:, None]
    n = c / np.sqrt(np.sum(c**2, axis=1) / 8 + 1e-5)[:, None]
    return np.sum((y - g * n - b) ** 2) / M


def attention(np: Any, x: Any, y: Any, Q: Any, K: Any, V: Any) -> Any:
    """One head."""
    total = 0
    for u in range(M):
        q, k, v = x[u] @ Q.T, x[u] @ K.T, x[u] @ V.T
        total = total + np.sum((y[u] - _softmax(np, q @ k.T / math.sqrt(3)) @ v) ** 2)
    return total / M


def conv1d(np: Any, x: Any, y: Any, K: Any, b: Any) -> Any:
    """A convolution of two channels to three, and tanh."""
    total = 0
    for u in range(M):
        z = sum(K[:, :, r] @ x[u][:, r : r + 10] for r in range(3)) + b[:, None]
        total = total + np.sum((y[u] - np.tanh(z)) ** 2)
    return total / M


MODELS = {
    "dense layers": Model(
        """size n = 8, h = 16, k = 4
        input x[n]
        target y[k]
        parameter W[h, n], b[h], V[k, h], c[k]
        a[i] = tanh(sum(W[i, j] * x[j], j) + b[i])
        o[i] = sum(V[i, j] * a[j], j) + c[i]
        E = sum((y[i] - o[i])**2, i)""",
        dense,
    ),
    "softmax regression": Model(
        """size n = 8, k = 5
        input x[n]
        target y[k]
        parameter W[k, n], b[k]
        p[i] = softmax(sum(W[i, j] * x[j], j) + b[i], i)
        E = -sum(y[i] * log(p[i]), i)
        promise sums_to_one y over k""",
        softmax_regression,
    ),
    "LayerNorm": Model(
        """size n = 6, h = 8
        input x[n]
        target y[h]
        parameter W[h, n], g[h] = 1, b[h]
        z[i] = sum(W[i, j] * x[j], j)
        mu = mean(z[i], i)
        v = mean((z[i] - mu)**2, i)
        o[i] = g[i] * (z[i] - mu) / sqrt(v + 1e-5) + b[i]
        E = sum((y[i] - o[i])**2, i)""",
        layer_norm,
    ),
    "attention": Model(
        """size T = 6, n = 4, h = 3
        input x[T, n]
        target y[T, h]
        parameter Q[h, n], K[h, n], V[h, n]
        q[t, i] = sum(Q[i, j] * x[t, j], j)
        k[t, i] = sum(K[i, j] * x[t, j], j)
        v[t, i] = sum(V[i, j] * x[t, j], j)
        p[t, r] = softmax(sum(q[t, i] * k[r, i], i) / sqrt(h), r)
        o[t, i] = sum(p[t, r] * v[r, i], r)
        E = sum((y[t, i] - o[t, i])**2, t, i)""",
        attention,
    ),
    "convolution": Model(
        """size c = 2, p = 12, d = 3, w = 3, q = 10
        input x[c, p]
        target y[d, q]
        parameter K[d, c, w], b[d]
        a[f, t in q] = tanh(sum(K[f, g, r] * x[g, t + r - 1], g, r) + b[f])
        E = sum((y[f, t] - a[f, t])**2, f, t)""",
        conv1d,
    ),
}

# ---------------------------------------------------------------- ours

_PLUS, _TIMES = {"add", "subtract"}, {"multiply", "divide", "square", "reciprocal"}
_CALLS = {"exp", "log", "tanh", "sqrt"}


class Counting(np.ndarray):
    """An array that counts the operations of which it is an operand."""

    count = Count()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        plain = [np.asarray(v) if isinstance(v, np.ndarray) else v for v in inputs]
        into = {"out": tuple(np.asarray(v) for v in out)} if out else {}
        result = np.asarray(getattr(ufunc, method)(*plain, **into, **options))
        name, size = ufunc.__name__, result.size
        if method == "reduce":
            found = Count(plus=plain[0].size - size) if name == "add" else Count()
        elif name == "matmul":
            found = _product(size, plain[0].shape[-1])
        elif name == "power":
            found = Count(times=size * (int(inputs[1]) - 1))
        else:
            found = Count(size * (name in _TIMES), size * (name in _PLUS), size * (name in _CALLS))
        Counting.count = Counting.count.more(found)
        return result.view(Counting)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function.__name__ == "tensordot":
            (first, *_), axes = map(np.asarray, args[:2]), args[2][0]
            result = function(*map(np.asarray, args[:2]), args[2])
            depth = math.prod(first.shape[a] for a in np.atleast_1d(axes))
            Counting.count = Counting.count.more(_product(result.size, depth))
            return result.view(Counting)
        if function.__name__ == "einsum":
            letters, *operands = args
            plain = [np.asarray(v) for v in operands]
            result = np.asarray(function(letters, *plain, **options))
            names = letters.split("->")[0].split(",")
            sizes = {n: d for name, v in zip(names, plain, strict=True) for n, d in zip(name, v.shape, strict=True)}
            terms = math.prod(sizes.values())
            Counting.count = Counting.count.more(Count(terms * (len(plain) - 1), terms - result.size))
            return result.view(Counting)
        return super().__array_function__(function, types, args, options)


def _product(size: int, depth: int) -> Count:
    """Sums of products, one for each entry of the result."""
    return Count(size * depth, size * (depth - 1))


def ours(text: str, data: Arrays, parameters: Arrays) -> tuple[Count, Arrays]:
    """Count what the generated core does, and return its gradients."""
    module: dict[str, Any] = {"__name__": "core"}
    exec(compile(derive(Statement(text)).numpy("core"), "core.py", "exec"), module)
    own = {n: np.array(v[:, None] if v.ndim == 1 else v).view(Counting) for n, v in parameters.items()}
    # Samples are columns in a matrix, and otherwise first.
    x, y = (np.array(data[n].T if data[n].ndim == 2 else data[n]).view(Counting) for n in "xy")
    Counting.count, values = Count(), dict[str, Any]()
    module["forward"](own, x, values)
    module["error"](own, x, y, values)
    found = module["gradients"](own, x, y, values)
    return Counting.count, {n: np.asarray(v).reshape(parameters[n].shape) for n, v in found.items()}


# ---------------------------------------------------------------- CasADi


def of_casadi(error: Callable[..., Any], data: Arrays, parameters: Arrays) -> tuple[Count, Arrays]:
    """Count the instructions of reverse mode in scalars, common subexpressions shared."""
    given = {n: casadi.SX.sym(n, v.size) for n, v in (data | parameters).items()}
    entries = {
        n: np.array(casadi.vertsplit(given[n]), dtype=object).reshape(v.shape) for n, v in (data | parameters).items()
    }
    value = error(np, **entries)
    slopes = [casadi.gradient(value, given[n]) for n in parameters]
    results = casadi.cse([casadi.SX(value), *slopes])
    function = casadi.Function("f", [*given.values()], results)
    kinds = {
        Count(times=1): (casadi.OP_MUL, casadi.OP_DIV, casadi.OP_SQ, casadi.OP_INV),
        Count(plus=1): (casadi.OP_ADD, casadi.OP_SUB, casadi.OP_TWICE),
        Count(calls=1): (casadi.OP_EXP, casadi.OP_LOG, casadi.OP_TANH, casadi.OP_SQRT),
    }
    table = {code: count for count, codes in kinds.items() for code in codes}
    total = Count()
    for k in range(function.n_instructions()):
        total = total.more(table.get(function.instruction_id(k), Count()))
    _, *found = function(*(v.ravel() for v in (data | parameters).values()))
    return total, {n: np.array(v).reshape(parameters[n].shape) for n, v in zip(parameters, found, strict=True)}


# ---------------------------------------------------------------- JAX


def of_jax(error: Callable[..., Any], data: Arrays, parameters: Arrays) -> tuple[Count, Arrays]:
    """Count the operations of the jaxpr of the error and its gradients."""
    jax.config.update("jax_enable_x64", True)
    both = jax.value_and_grad(lambda p: error(jax.numpy, **data, **p))
    total = Count()
    for equation in _equations(jax.make_jaxpr(both)(parameters).jaxpr):
        total = total.more(_of_equation(equation))
    return total, {n: np.asarray(v) for n, v in both(parameters)[1].items()}


def _equations(jaxpr: Any) -> Iterator[Any]:
    """The equations, also those of inner jaxprs."""
    for equation in jaxpr.eqns:
        inner = [v for v in equation.params.values() if hasattr(v, "eqns") or hasattr(v, "jaxpr")]
        if not inner:
            yield equation
        for other in inner[:1]:
            yield from _equations(getattr(other, "jaxpr", other))


def _of_equation(equation: Any) -> Count:
    name, size = equation.primitive.name, equation.outvars[0].aval.size
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return _product(size, math.prod(equation.invars[0].aval.shape[a] for a in contracted))
    if name == "reduce_sum":
        return Count(plus=equation.invars[0].aval.size - size)
    if name == "integer_pow":
        return Count(times=size * max(abs(equation.params["y"]) - 1, 1) * (equation.params["y"] != 1))
    plus, times = {"add", "add_any", "sub"}, {"mul", "div", "square"}
    return Count(size * (name in times), size * (name in plus), size * (name in {*_CALLS, "rsqrt"}))


# ---------------------------------------------------------------- the table


def drawn(text: str) -> tuple[Arrays, Arrays]:
    """Random data, with the samples first, and parameters; targets are shares, which suits every model."""
    draw, program = np.random.default_rng(1), derive(Statement(text)).program

    def of(tensor: Any) -> Any:
        shape = [M if a.sample else int(a.extent) for a in tensor.axes]
        value = draw.normal(size=shape)
        if tensor.name == "y":
            value = np.exp(value) / np.exp(value).sum(axis=0)
        return np.moveaxis(value, -1, 0) if tensor.axes[-1].sample else value

    return {t.name: of(t) for t in program.inputs}, {t.name: of(t) for t in program.parameters}


def rows() -> Iterator[tuple[str, ...]]:
    """A row of counts for each model."""
    stages = ("forward", "error", "factor", "gradient")
    for name, model in MODELS.items():
        data, parameters = drawn(model.text)
        equations = multiplications(derive(Statement(model.text)).program, *stages).subs(SAMPLES, M)
        count, slopes = ours(model.text, data, parameters)
        cells = [name, f"{int(equations):,}", str(count)]
        for library, counted in ((casadi, of_casadi), (jax, of_jax)):
            if library is None:
                cells.append("not installed")
                continue
            other, found = counted(model.error, data, parameters)
            for parameter, slope in found.items():
                np.testing.assert_allclose(slope, slopes[parameter], rtol=1e-9, atol=1e-12)
            cells.append(str(other))
        yield tuple(cells)


def installed(package: str) -> str:
    """A package with its version."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def main() -> None:
    """Print the table in Markdown."""
    print(f"{dt.date.today()}: {', '.join(map(installed, ('numpy', 'casadi', 'jax')))}; {M} samples.\n")
    print("| model | our equations, × ÷ | our code, × ÷ / + − / calls | CasADi, reverse mode | JAX, jaxpr |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows():
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
