"""A trainer with second derivatives: products of their matrices and vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from derive.targets.numpy.runtime.trainer import TrainerBase
from derive.targets.numpy.runtime.values import (
    Array,
    Parameters,
    Seed,
    _described,
    _generator,
    _positive_integer,
    _real_numbers,
)

#: The names of products that are computed from others, or have others beside them.
GAUSS_NEWTON, PER_SAMPLE = "gauss_newton_product", "inner_products"
DIAGONAL = "gauss_newton_diagonal"


class CurvedTrainer(TrainerBase):
    """A trainer with second derivatives; `products` are the modules of the equations.

    V, and what is returned, are dicts of arrays like the parameters. X and Y are as for
    `fit`; all samples are one batch. The methods raise ValueError or TypeError for
    arguments that do not fit.
    """

    products: Mapping[str, Any] = {}

    def hessian_product(
        self, V: Mapping[str, Any], X: Any = None, Y: Any = None
    ) -> Parameters:
        """Return H V: H has the second derivatives of the error.

        Where a function has a kink, as relu has at 0, they are those on its sides.
        """
        return self._product("hessian_product", (V,), X, Y)

    def third_product(
        self, V: Mapping[str, Any], W: Mapping[str, Any], X: Any = None, Y: Any = None
    ) -> Parameters:
        """Return the derivative of H V along W, with derivatives of order 3."""
        return self._product("third_product", (V, W), X, Y)

    def gauss_newton_product(
        self, V: Mapping[str, Any], X: Any = None, Y: Any = None
    ) -> Parameters:
        """Return G V: G is the Gauss-Newton matrix.

        It is H without the second derivatives of the outputs, and has no negative
        eigenvalue if the error is a convex function of them. Outputs that are
        probabilities are taken before they are made such.
        """
        direction, data = self._direction(V, "V"), self._turned(X, Y)
        jacobian, product = map(self._module, ("jacobian_product", GAUSS_NEWTON))
        along = dict(zip(self._learned, direction, strict=True))
        known = {**self.parameters, **{f"V {n}": array for n, array in along.items()}}
        known |= {d.name: a for d, a in zip(self.network.data.all, data, strict=True)}
        values: Parameters = {}
        given = (known[name] for name in jacobian.GIVEN)
        jacobian.forward(self.parameters, *given, values)
        along |= {name: values[code] for name, code in jacobian.OUTPUTS.items()}
        values = {}
        product.forward(self.parameters, *data, values)
        moved = (along[name] for name in product.GIVEN)
        found: Parameters = product.gauss_newton_product(
            self.parameters, *data, *moved, values
        )
        return found

    def gauss_newton_diagonal(
        self, X: Any = None, Y: Any = None, draws: int | None = None, seed: Seed = 0
    ) -> Parameters:
        """Return the diagonal of G, as a dict of arrays like the parameters.

        If samples are coupled, it takes a product for each parameter. With `draws` it
        is an estimate: the mean of so many v * G v, where v has -1 and +1, drawn from
        `seed`.
        """
        if draws is None and DIAGONAL in self.products:
            values, module = self._each(X, Y, DIAGONAL), self.products[DIAGONAL]
            return {
                name: values[module.OUTPUTS[name]].reshape(value.shape)
                for name, value in self._learned.items()
            }
        size = sum(value.size for value in self._learned.values())
        count, generator = size, _generator(seed)
        if draws is not None:
            count = _positive_integer(draws, "draws")
        found = np.zeros(size, self.dtype)
        for number in range(count):
            vector = np.zeros(size, self.dtype)
            vector[number % size] = 1
            if draws is not None:
                vector = generator.choice([-1.0, 1.0], size)
            product = self.gauss_newton_product(self.shaped(vector), X, Y)
            found += vector * self.flat(product) / (1 if draws is None else count)
        return self.shaped(found)

    def per_sample_gradients(self, X: Any = None, Y: Any = None) -> Parameters:
        """Return the gradients of single samples: arrays of the samples, by parameter.

        Their mean over the samples is the gradient of the error, without a penalty.
        """
        values, module = self._each(X, Y), self._module(PER_SAMPLE)
        found = {}
        for name, code in module.OUTPUTS.items():
            array = values[code] if values[code].ndim > 2 else values[code].T
            found[name] = array.reshape(-1, *self.parameters[name].shape)
        return found

    def per_sample_norms(self, X: Any = None, Y: Any = None) -> Array:
        """Return the norm of the gradient of each sample."""
        squares: Array = self._each(X, Y)[self._module(PER_SAMPLE).NORM]
        return np.sqrt(squares).ravel()

    def inner_products(
        self, V: Mapping[str, Any], X: Any = None, Y: Any = None
    ) -> Array:
        """Return the inner product of the gradient of each sample and V."""
        direction, values = self._direction(V, "V"), self._each(X, Y)
        product, given = self._module(PER_SAMPLE).inner_products, values.pop("")
        (found,) = product(self.parameters, *given, *direction, values).values()
        return np.ravel(found)

    def gauss_newton_traces(self, X: Any = None, Y: Any = None) -> Array:
        """Return the trace of the part of G of each sample.

        Their sum is the trace of G, without that of a penalty.
        """
        ones = [np.ones_like(value) for value in self._learned.values()]
        values = self._each(X, Y, DIAGONAL)
        product, given = self._module(DIAGONAL).gauss_newton_diagonal, values.pop("")
        (found,) = product(self.parameters, *given, *ones, values).values()
        return np.ravel(found)

    def _each(self, X: Any, Y: Any, name: str = PER_SAMPLE) -> dict[str, Any]:
        """The tensors of a module with weights of samples; without a name, the data."""
        module, network = self._module(name), self.network
        data, known = self._turned(X, Y), dict(self.parameters)
        known |= {d.name: a for d, a in zip(network.data.all, data, strict=True)}
        samples = network.data.samples(self._data(X, Y))
        *names, _ = module.GIVEN
        given = [*(known[n] for n in names), np.ones((1, samples), self.dtype)]
        values: dict[str, Any] = {}
        module.forward(self.parameters, *given, values)
        return {**values, "": given}

    def hessian_operator(self, X: Any = None, Y: Any = None) -> Any:
        """Return H as a LinearOperator of SciPy, of vectors as `flat` makes them.

        Raises ImportError without SciPy.
        """
        from importlib import import_module

        linear: Any = import_module("scipy.sparse.linalg")  # SciPy has no types
        size = sum(value.size for value in self._learned.values())

        def times(vector: Array) -> Array:
            return self.flat(self.hessian_product(self.shaped(vector), X, Y))

        return linear.LinearOperator((size, size), times, times, dtype=self.dtype)

    def flat(self, arrays: Mapping[str, Array]) -> Array:
        """Return a dict of arrays like the parameters as one vector."""
        return np.concatenate([np.ravel(arrays[name]) for name in self._learned])

    def shaped(self, vector: Array) -> Parameters:
        """Return a vector that `flat` makes as a dict of arrays."""
        found, start, numbers = {}, 0, np.ravel(vector)
        size = sum(value.size for value in self._learned.values())
        if numbers.size != size:
            raise ValueError(f"the vector has {numbers.size} entries, not {size}")
        for name, value in self._learned.items():
            found[name] = numbers[start : start + value.size].reshape(value.shape)
            start += value.size
        return found

    def _product(
        self, name: str, vectors: Sequence[Mapping[str, Any]], X: Any, Y: Any
    ) -> Parameters:
        """The product by the module of this name."""
        module, data = self._module(name), self._turned(X, Y)
        *before, last = map(self._direction, vectors, "VW")
        data += [array for arrays in before for array in arrays]
        values: Parameters = {}
        module.forward(self.parameters, *data, values)
        product = getattr(module, name)
        found: Parameters = product(self.parameters, *data, *last, values)
        return found

    @property
    def _learned(self) -> Parameters:
        """The parameters that are trained: the derivatives are with respect to them."""
        return {name: self.parameters[name] for name in self.network.slopes}

    def _module(self, name: str) -> Any:
        if name not in self.products:
            known = ", ".join(self.products)
            raise NotImplementedError(f"there are no equations of {name}, only {known}")
        return self.products[name]

    def _turned(self, X: Any, Y: Any) -> list[Array]:
        """The checked data, as they are computed with."""
        network = self.network
        network.check_parameters(self.parameters)
        return [*network.filled(self.parameters, self._data(X, Y))]

    def _direction(self, V: Any, called: str) -> list[Array]:
        """The arrays of a direction, in the order of the parameters."""
        if not isinstance(V, Mapping) or V.keys() != self._learned.keys():
            names = ", ".join(self._learned)
            given = ", ".join(map(str, V)) if isinstance(V, Mapping) else _described(V)
            what = f"must be a dict of arrays with the names {names}, not {given}"
            raise ValueError(f"{called} {what}")
        found = []
        for name, value in self._learned.items():
            array = _real_numbers(V[name], f'{called}["{name}"]', self.dtype)
            if array.shape != value.shape:
                shape = f"has the shape {array.shape}, not {value.shape}"
                raise ValueError(f'{called}["{name}"] {shape}')
            found.append(array)
        return found
