"""The story of one weight: its paths, its chain, its shared factor, and its value."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from layers import LAYERS
from networks import NETWORKS

from derive import Edition, Network, SpecError, derive
from derive.calculus.scalar_chains import telling_entry
from derive.document.blocks import Display, Picture, Reference, Table
from derive.document.story import story
from derive.drawing import draw
from derive.formats.terminal import line
from derive.paper.text import text
from derive.targets.verify import loaded
from derive.worked.exact import stored
from derive.worked.given import Numbers
from derive.worked.slope import slope

#: Networks of every kind, each with a weight whose indices differ.
WEIGHTS = [
    (Network("3,4,4,1"), "W2[3,1]"),
    (Network("3,4,4,1"), "W1[4,2]"),
    (Network("3,4,2", "tanh,softmax", "cross_entropy"), "W1[3,2]"),
    (Network("3,4,2", "tanh,sigmoid", "binary_cross_entropy", notation="bracket"), "b1[3]"),
    (Network("3,5,2", bias="augmented"), "W2[1,0]"),
    (Network("3,5,2", bias="augmented"), "W1[4,2]"),
    (Network("3,2", loss="half_sse", bias="none", notation="delta"), "W1[2,3]"),
    (Network("3,5,4,2", "relu,tanh,identity", notation="delta"), "W1[4,3]"),
    (Network("2,3,1", "softplus", "sse"), "W1[3,2]"),
]


def numbers_in(text: str) -> float:
    mantissa, _, power = text.replace("−", "-").partition("×10")
    raised = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(mantissa) * 10.0 ** int(raised or 0)


@pytest.mark.parametrize(("network", "weight"), WEIGHTS, ids=[f"{n.name}-{w}" for n, w in WEIGHTS])
@pytest.mark.sampled(2)
def test_the_chains_come_to_the_gradient(network: Network, weight: str) -> None:
    """The sum over paths of products of local derivatives agrees with the module and with finite differences."""
    derivation = derive(network)
    parts = {p.name: p for p in story(derivation, weight, Edition()).document.parts}
    assert [*parts] == ["paths", "chain", "factor", "number"]
    (product,) = [b for b in parts["number"].blocks if isinstance(b, Display)][-1].items
    table = [b for b in parts["number"].blocks if isinstance(b, Table)][-1]
    slopes = [numbers_in(line(row[1])) for row in table.rows]
    result = numbers_in(text(product.right[-1]).removeprefix(" = "))
    assert np.allclose([result, *slopes[:2]], slopes[0], rtol=2e-5) and slopes[0] != 0
    assert np.isclose(slopes[2], slopes[0], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(("network", "weight"), WEIGHTS, ids=[f"{n.name}-{w}" for n, w in WEIGHTS])
@pytest.mark.sampled(3)
def test_the_number_is_that_of_the_entry(network: Network, weight: str) -> None:
    derivation = derive(network)
    name, *entry = re.findall(r"[A-Za-z0-9]+", weight)
    parameter = next(p for p in derivation.forward.parameters if p.name == name)
    found = slope(derivation, parameter, tuple(map(int, entry)), None)
    assert found is not None
    module = loaded(derivation.numpy())
    values = {name: stored(derivation.program.tensors[name], value) for name, value in found.machine.values.items()}
    parameters = {p.name: values[p.name] for p in derivation.program.parameters}
    x, y = (values[t.name] for t in derivation.program.inputs)
    starts = [axis.start for axis in parameter.axes]
    place = tuple(int(n) - start for n, start in zip(entry, starts, strict=True))
    expected = module.gradients(parameters, x, y)[name]
    assert found.gradient == expected[place if len(place) == 2 else (*place, 0)]
    assert np.isclose(found.measured.complex_step.item(), found.gradient, rtol=1e-12)


@pytest.mark.parametrize(
    ("layers", "weight", "count", "path"),
    [
        ("3,4,4,1", "W2[3,1]", 1, "w⁽²⁾_31 → z⁽²⁾_3 → a⁽²⁾_3 → z⁽³⁾ → ŷ → E"),
        ("3,4,2", "W1[3,2]", 2, "w⁽¹⁾_32 → z⁽¹⁾_3 → a⁽¹⁾_3 → z⁽²⁾_2 → ŷ_2 → E"),
        ("3,4,4,2", "b1[2]", 8, "b⁽¹⁾_2 → z⁽¹⁾_2 → a⁽¹⁾_2 → z⁽²⁾_4 → a⁽²⁾_4 → z⁽³⁾_2 → ŷ_2 → E"),
        ("3,200,1", "W1[150,2]", 1, "w⁽¹⁾_(150, 2) → z⁽¹⁾_150 → a⁽¹⁾_150 → z⁽²⁾ → ŷ → E"),
        ("3,4,100,1", "W1[3,2]", 100, "w⁽¹⁾_32 → z⁽¹⁾_3 → a⁽¹⁾_3 → z⁽²⁾_100 → a⁽²⁾_100 → z⁽³⁾ → ŷ → E"),
    ],
)
def test_its_paths(layers: str, weight: str, count: int, path: str) -> None:
    told = derive(Network(layers)).explain(weight)
    assert path in told
    assert ("one path leads" if count == 1 else f"{count} paths lead") in told.replace("\n", " ")
    assert ("of which some are" in told) == (count > 4)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sampled(10)
def test_stories_of_stated_forward_passes(name: str) -> None:
    """The gradient of the module and the finite difference are shown for any forward pass."""
    derivation = derive(NETWORKS[name]())
    for parameter in derivation.forward.parameters[:2]:
        entry = ",".join(map(str, telling_entry(parameter)))
        told = derivation.explain(f"{parameter.name}[{entry}]" if entry else parameter.name)
        assert len(set(re.findall(r"(?:equations|step)  +(\S+)", told))) == 1


def test_the_drawing_highlights_the_paths() -> None:
    derivation = derive(Network("3,4,1"))
    told = story(derivation, "W1[2,3]", Edition())
    (picture,) = [b for part in told.document.parts for b in part.blocks if isinstance(b, Picture)]
    assert picture.drawing == told.drawing != draw(derivation)


def test_its_equations_are_those_of_the_derivation() -> None:
    derivation = derive(Network("3,4,4,1"))
    numbers = {s.target.name: s.number for s in derivation.program.statements}
    (part,) = [p for p in story(derivation, "W2[3,1]", Edition()).document.parts if p.name == "factor"]
    items = [i for b in part.blocks if isinstance(b, Display) for i in b.items]
    found = [s.number for i in items if i.reason for s in i.reason.spans if isinstance(s, Reference)]
    assert found == [numbers["Psi_z2"], numbers["dE_dW2"]] and not any(i.number for i in items)


# Numbers.


def test_numbers_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("X = [[1, 2], [3, 4]]\nY = [[1], [0]]\nW1 = [[1, 2], [0.1, 0.2], [0.4, 0.3]]\nW2 = [[1, 2, 3]]\n")
    for layers in ("2,3,1", "n,h,k"):
        told = derive(Network(layers, bias="none")).explain("W1[2,1]", numbers=file)
        assert "an example of 2 samples" in told
        assert len(set(re.findall(r"(?:equations|step)  +(\S+)", told))) == 1
    with pytest.raises(SpecError, match="W1 is 3 by 2 in these numbers, and has no such entry"):
        derive(Network("n,h,k", bias="none")).explain("W1[4,1]", numbers=file)


def test_widths_with_names_have_no_numbers() -> None:
    derivation = derive(Network("n,h,k"))
    told = derivation.explain("W1[2,1]")
    assert "h paths" not in told and "k paths lead to the loss, of which some are" in told
    assert "The widths of this network have names" in told
    with pytest.raises(SpecError, match="the width n is symbolic"):
        derivation.explain("W1[2,1]", numbers=7)


def test_numbers_out_of_range() -> None:
    derivation = derive(Network("1,1", "identity", "sse", bias="none"))
    (parameter,) = derivation.forward.parameters
    with pytest.raises(SpecError, match="out of range"):
        slope(derivation, parameter, (1, 1), Numbers({"X": [1e200], "Y": [0.0], "W1": [[1e200]]}))


def test_a_large_network_has_a_story() -> None:
    told = derive(Network("784,128,10", "tanh,softmax", "cross_entropy")).explain("W1[7,1]")
    values = re.findall(r"(?:equations|step)  +(\S+)", told)
    assert len(values) == 2 and len(set(values)) == 1 and numbers_in(values[0]) != 0


@pytest.mark.parametrize("detail", ["brief", "full", "exhaustive"])
def test_details(detail: str) -> None:
    told = derive(Network("3,4,4,2")).explain("W1[2,3]", detail=detail)
    assert told.count(" → E") == {"brief": 2, "full": 3, "exhaustive": 8}[detail]


def test_a_story_is_the_same_each_time() -> None:
    first, second = (derive(Network("3,4,2")).explain("W1[2,3]") for _ in range(2))
    assert first == second


def told(name: str, weight: str) -> dict[str, list[str]]:
    """The displayed equations and the tables of a story, by part, as text."""
    found = {}
    for part in story(derive(NETWORKS[name]()), weight, Edition()).document.parts:
        items = [i for b in part.blocks if isinstance(b, Display) for i in b.items]
        rows = [row for b in part.blocks if isinstance(b, Table) for row in b.rows]
        found[part.name] = [" ".join(map(text, (i.left, *i.right))).strip() for i in items]
        found[part.name] += [" ".join(map(line, row)) for row in rows]
    return found


@pytest.mark.parametrize(
    ("name", "weight", "lines"),
    [
        (
            "batch_norm",
            "W[2,1]",
            [
                "W_21  → z_2ν  → v_2  → n_2ρ  → h_2ρ  → o_iρ  → E",
                "∂n_2ρ/∂v_2 −n_2ρ/(2 (v_2 + 0.001))",
                "∂μ_2/∂z_2ν 1/m",
                "∂E/∂W_21 Σ_ν Ψ_z2ν x_1ν",
            ],
        ),
        (
            "attention",
            "K[2,1]",
            [
                "K_21  → k_2μ  → scνμ  → pρμ  → o_iμ  → E",
                "∂pρμ/∂scνμ pρμ [ν = ρ]  − pνμ pρμ",
                "Ψ_k2μ 1/2 Σ_ν Ψ_scνμ q_2ν",
            ],
        ),
    ],
)
def test_the_story_of_a_weight_has_the_indices_of_coupled_samples(name: str, weight: str, lines: list[str]) -> None:
    parts = told(name, weight)
    shown = [line for part in parts.values() for line in part]
    assert [line for line in lines if line not in shown] == []
    assert len(parts["chain"]) == len({line.partition(" ")[0] for line in parts["chain"]})
    page = derive(NETWORKS[name]()).explain(weight).replace("from one sample to another", "")
    assert "one sample" not in page and "2 samples" in page
    slopes = [numbers_in(row.rpartition(" ")[2]) for row in parts["number"]]
    assert slopes[0] != 0 and np.allclose(slopes, slopes[0], rtol=1e-3)


@pytest.mark.parametrize("name", ["conv1d", "pooling", "embedding"])
def test_the_story_of_a_weight_shows_what_is_read_at_formulas_of_indices(name):
    derivation = derive(LAYERS[name]())
    first = derivation.program.parameters[0]
    page = derivation.explain(f"{first.name}[{','.join('1' for _ in first.axes)}]")
    found = {numbers_in(row.split()[-1]) for row in page.splitlines() if row.split()[:1] in (["complex"], ["central"])}
    assert np.allclose(list(found), max(found), rtol=1e-3)
