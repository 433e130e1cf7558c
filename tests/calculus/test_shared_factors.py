"""Psi, found where textbook common-subexpression elimination finds none.

What the factors should be is stated by their meaning, dE/dz of a layer, and by
a brute-force search over all chains; neither looks at how they were found.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from helpers import (
    Array,
    Values,
    apply,
    axis,
    closed,
    define,
    dense,
    derivation,
    given_and_learned,
    index_form,
    interpreted,
    off,
    real,
    squares,
)
from networks import NETWORKS, begun, random_network
from sympy import Expr, Symbol, cse, lambdify, symbols, tanh

from derive.calculus.chain_rule import Chains, LocalDerivative, chains
from derive.calculus.evaluate import Interpreter
from derive.calculus.forward import ForwardPass
from derive.calculus.index import Index, symbols_read
from derive.calculus.shared_factors import shared_factors
from derive.statement.network import Network

TINY = 1e-20


def forward_from_scratch(values: Values, depth: int, moved: dict[int, Array]) -> complex:
    """The error of a tanh network, mean over all outputs; ``moved[l]`` is added to layer l's sums."""
    a = values["X"]
    for layer in range(1, depth + 1):
        z = values[f"W{layer}"] @ a + values[f"b{layer}"][:, None] + moved.get(layer, 0)
        a = np.tanh(z)
    return complex(np.mean((values["Y"] - a) ** 2))


def slope_of_layer(values: Values, depth: int, layer: int, shape: tuple[int, ...]) -> Array:
    """dE/dz of a layer, by moving one pre-activation of one sample at a time."""
    slopes = np.empty(shape)
    for position in np.ndindex(shape):
        step = np.zeros(shape, complex)
        step[position] = TINY * 1j
        slopes[position] = forward_from_scratch(values, depth, {layer: step}).imag / TINY
    return slopes


@pytest.mark.parametrize("layers", [(3, 5, 4, 2), (4, 6, 5, 3, 2)])
def test_each_hidden_factor_is_found_once(layers):
    program, depth = derivation(layers, "tanh").program, len(layers) - 1
    values, sizes = given_and_learned(program, 3)
    found = interpreted(program, values, sizes)
    factors = program.stage("factor")
    assert len(factors) == depth
    for layer, statement in zip(range(depth, 0, -1), factors, strict=True):
        meant = slope_of_layer(values, depth, layer, (layers[layer], 3))
        same = [f for f in factors if real(found[f.target.name]).shape == meant.shape]
        matching = [f for f in same if off(real(found[f.target.name]), meant) < 1e-12]
        assert matching == [statement], f"dE/dz{layer}"


@pytest.mark.parametrize("layers", [(3, 5, 4, 2), (4, 6, 5, 3, 2)])
def test_each_factor_has_its_recursion(layers):
    """Psi of a layer reads the Psi and the weights of the next one, its own z, and nothing else."""
    program, depth = derivation(layers, "tanh").program, len(layers) - 1
    first, *hidden = program.stage("factor")
    assert set(symbols_read(first.equation.expression)) == {"Y", f"a{depth}", f"z{depth}"}
    for layer, statement in zip(range(depth - 1, 0, -1), hidden, strict=True):
        read = {f"Psi_z{layer + 1}", f"W{layer + 1}", f"z{layer}"}
        assert set(symbols_read(statement.equation.expression)) == read


@pytest.mark.parametrize("layers", [(3, 5, 4, 2), (4, 6, 5, 3, 2)])
def test_every_gradient_goes_through_its_factor(layers):
    program = derivation(layers, "tanh").program
    for statement in program.stage("gradient"):
        layer = statement.target.layer
        before = {"X" if layer == 1 else f"a{layer - 1}"} if statement.target.about.role == "weight" else set()
        assert set(symbols_read(statement.equation.expression)) == {f"Psi_z{layer}"} | before


def layer_slopes(points: list[dict[Symbol, float]]) -> tuple[list[Expr], list[Array], list[Array]]:
    """Entry-wise derivatives of a 3-4-2 net for one sample, and dE/dz of both layers at some points."""
    x, y = symbols("x1:4"), symbols("y1:3")
    w1, w2 = ([symbols(f"{n}{i}_1:{c + 1}") for i in range(1, r + 1)] for n, r, c in (("u", 4, 3), ("v", 2, 4)))

    def run(e1: list[Expr], e2: list[Expr]) -> Expr:
        z1 = [sum(w * v for w, v in zip(row, x, strict=True)) + e for row, e in zip(w1, e1, strict=True)]
        a1 = [tanh(z) for z in z1]
        z2 = [sum(w * v for w, v in zip(row, a1, strict=True)) + e for row, e in zip(w2, e2, strict=True)]
        return sum((t - tanh(z)) ** 2 for t, z in zip(y, z2, strict=True))

    error = run([0] * 4, [0] * 2)
    derivatives = [error.diff(w) for row in (*w1, *w2) for w in row]
    moved = symbols("e1:7")
    shifted = run(list(moved[:4]), list(moved[4:]))
    meaning = [shifted.diff(e).subs(dict.fromkeys(moved, 0)) for e in moved]
    meant = lambdify(list(points[0]), meaning, "numpy")
    at = [np.array(meant(*p.values())) for p in points]
    return derivatives, [a[:4] for a in at], [a[4:] for a in at]


def test_textbook_elimination_finds_the_output_factors_only():
    """sympy.cse on the entry-wise derivatives of 3-4-2 names dE/dz of both outputs and of no hidden unit."""
    names = [*symbols("x1:4"), *symbols("y1:3"), *symbols("u1:5_1:4"), *symbols("v1:3_1:5")]
    generator = np.random.default_rng(1)
    points = [dict(zip(names, generator.normal(size=len(names)), strict=True)) for _ in range(3)]
    derivatives, hidden, outputs = layer_slopes(points)
    named, reduced = cse(derivatives)
    temporaries = lambdify(names, [s for s, _ in named], "numpy", cse=lambda wanted: (named, list(wanted)))
    values = np.array([temporaries(*[p[n] for n in names]) for p in points])
    assert len(reduced) == 20

    def found(meant: Array) -> bool:
        ratios = values / meant[:, None]
        return bool(np.any(np.ptp(ratios, axis=0) < 1e-9 * np.abs(ratios).min(axis=0)))

    assert [found(np.array([o[k] for o in outputs])) for k in range(2)] == [True, True]
    assert [found(np.array([h[k] for h in hidden])) for k in range(4)] == [False] * 4
    assert len(derivation((3, 4, 2), "tanh", "sse", "none").program.stage("factor")) == 2


Prefix = tuple[LocalDerivative, ...]
Names = tuple[str, ...]


def brute_force(found: Chains) -> set[str]:
    """The tensors of the common left factors, by laying all chains side by side, two at a time.

    Prefixes that can be continued in the same ways are one prefix (the sums over
    them are one factor). Where two chains share such a prefix and then part,
    the prefix is a factor; so it is where one chain's last step leads to
    several entries of its parameter.
    """
    paths = [path for p in found.forward.parameters for path in found.paths(p)]
    cuts = [(path[:cut], path[cut:]) for path in paths for cut in range(1, len(path))]
    continuations: dict[Names, set[Names]] = {}
    for prefix, rest in cuts:
        continuations.setdefault(spelled(prefix), set()).add(spelled(rest))
    several = Entries(found)
    factors = set()
    for (one, rest), (other, way) in itertools.combinations_with_replacement(cuts, 2):
        if continuations[spelled(one)] != continuations[spelled(other)]:
            continue
        last = len(rest) == len(way) == 1 and rest[0] == way[0]
        if rest[0].wrt != way[0].wrt or (last and several.reached(rest[0])):
            factors.add(one[-1].wrt.name)
    return factors


@functools.cache
def spelled(path: Prefix) -> Names:
    return tuple(f"{e.of.name}>{e.wrt.name}" for e in path)


class Entries:
    """Finds out, by trying them, how many entries of a parameter one entry of a tensor depends on."""

    def __init__(self, found: Chains) -> None:
        program = index_form(found.forward)
        values, sizes = given_and_learned(program, 2, seed=9)
        computed = interpreted(program, values, sizes, stages=("forward", "error"))
        self.machine = Interpreter(computed, sizes, program.tensors)
        self.known: dict[tuple[str, str], bool] = {}

    def reached(self, edge: LocalDerivative) -> bool:
        """Whether some entry of ``edge.of`` depends on two entries of the parameter."""
        names = (edge.of.name, edge.wrt.name)
        if names not in self.known:
            self.known[names] = any(self._count(edge, at) > 1 for at in self._places(edge.of_indices))
        return self.known[names]

    def _places(self, indices: tuple[Index, ...]) -> Iterator[dict[Index, int]]:
        for numbers in itertools.product(*(self.machine.places(i) for i in indices)):
            yield dict(zip(indices, numbers, strict=True))

    def _count(self, edge: LocalDerivative, at: dict[Index, int]) -> int:
        slopes = (self.machine.number(edge.value, at | entry) for entry in self._places(edge.wrt_indices))
        return sum(abs(complex(s)) > 0 for s in slopes)


def agrees(forward: ForwardPass) -> set[str]:
    found = chains(forward)
    searched = [f.tensor.name for f in shared_factors(found)]
    assert len(searched) == len(set(searched))
    assert set(searched) == brute_force(found)
    return set(searched)


@pytest.mark.parametrize("bias", ["separate", "augmented", "none"])
@pytest.mark.parametrize("layers", [(3, 1), (3, 5, 4, 2), (2, 1, 1, 2), (1, 1), (1, 1, 1)])
def test_the_search_finds_what_trying_all_pairs_finds(layers, bias):
    agrees(Network(layers, "tanh", bias=bias).forward_pass())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("residual", {"o", "h2", "z2", "z1"}),
        ("residual_twice", {"o", "h2", "r2", "z2", "h1", "r1", "z1", "z0"}),
        ("tied", {"o", "z3", "z2", "z1"}),
        ("tied_with_bias", {"o", "z3", "z2", "z1"}),
        ("recurrence", {"o", "z3", "z2", "z1"}),
        ("gating", {"o", "p", "zg", "zh"}),
        ("autoencoder", {"o", "z"}),
        ("softmax_cross_entropy", {"z1"}),
    ],
)
def test_factors_of_networks_that_are_not_plain(name, expected):
    assert agrees(NETWORKS[name]()) == expected


@pytest.mark.parametrize(
    "name", ["layer_norm_in_steps", "softmax_in_steps", "loss_of_two_layers", "low_rank", "bilinear"]
)
def test_the_search_agrees_with_all_pairs_on_further_networks(name):
    agrees(NETWORKS[name]())


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.sampled(4)
def test_the_search_agrees_with_all_pairs_on_random_networks(seed):
    agrees(random_network(seed))


def test_without_shared_factors_nothing_is_named():
    program = derivation((1, 1), "sigmoid", "mse", "none").program
    assert program.stage("factor") == ()
    values, sizes = given_and_learned(program, 4)
    assert np.isfinite(real(interpreted(program, values, sizes)["dE_dW1"])).all()
    assert "Psi" not in derivation((1, 1), "sigmoid", "mse", "none").numpy()


def test_one_more_weight_creates_a_shared_factor():
    assert len(derivation((1, 1), "sigmoid", "mse", "separate").factors) == 1
    assert len(derivation((2, 1), "sigmoid", "mse", "none").factors) == 1


def test_a_factor_names_where_its_chains_go_on():
    factors = {f.tensor.name: f for f in derivation((3, 5, 4, 2), "tanh").factors}
    assert {e.wrt.name for e in factors["z1"].continuations} == {"W1", "b1"}
    assert {e.wrt.name for e in factors["z2"].continuations} == {"W2", "b2", "a1"}


def test_the_error_is_no_factor():
    s, x, y = begun()
    z = dense(s, "z", s.parameter("W", axis(2), axis(3)), x)
    other = dense(s, "q", s.parameter("V", axis(2), axis(3)), x)
    found = shared_factors(chains(closed(s, squares(s, y, z) + squares(s, y, other))))
    assert {f.tensor.name for f in found} == {"z", "q"}


def test_exponentially_many_chains_are_not_enumerated():
    """Two ways through each of thirty blocks: 2**30 chains, found without laying them out."""
    s, x, y = begun(axis(2), axis(2))
    h = apply(s, "h0", "tanh", dense(s, "z0", s.parameter("W0", axis(2), axis(2)), x))
    for block in range(1, 31):
        f = apply(s, f"f{block}", "tanh", dense(s, f"z{block}", s.parameter(f"W{block}", axis(2), axis(2)), h))
        h = define(s, f"h{block}", h.axes, lambda i, u, h=h, f=f: h[i, u] + f[i, u])
    found = shared_factors(chains(closed(s, squares(s, y, h))))
    assert len(found) == 61
