"""Documents of layers of any form: every equation is read back, and nothing is said that is not true of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from latex_reader import Unreadable
from layers import LAYERS
from models import MODELS
from reading import OUTSIDE, PARTS, Differs, check_document, check_page

from derive import Derivation, Network, Statement, derive
from derive.document.blocks import Display, boxes_in
from derive.paper.boxes import Typesetter
from derive.paper.notation import NOTATIONS, PSI
from derive.paper.text import text

#: Those that are read in little time.
QUICK = ("conv1d", "average", "embedding", "factorisation", "infonce", "two_heads", "layernorm")


def printed(derivation: Derivation, detail: str = "full") -> str:
    return derivation.latex(detail=detail, only=PARTS)


def check(derivation: Derivation, document: str) -> int:
    return check_document(document, derivation.program, derivation.forward, derivation.notation.name)


@pytest.mark.parametrize("name", QUICK)
def test_every_equation_holds(name):
    derivation = derive(LAYERS[name]())
    assert check(derivation, printed(derivation)) > 12


@pytest.mark.slow
@pytest.mark.parametrize(("name", "notation"), [*itertools.product(LAYERS, NOTATIONS)])
def test_every_equation_holds_in_all_notations_and_details(name, notation):
    derivation = derive(LAYERS[name](), notation)
    for detail in ("brief", "full", "exhaustive"):
        assert check(derivation, printed(derivation, detail)) > 8


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("average", "2p + k - 2", "2p + k - 1"),
        ("average", "2p + k - 2", "3p + k - 2"),
        ("conv1d", "i + k - 2", "i + k - 3"),
        ("conv1d", OUTSIDE, ""),
        ("pooling", r"\max_{1 \le k \le 3}", r"\max_{1 \le k \le 2}"),
        ("pooling", r"\max_", r"\min_"),
        ("pooling", r"\operatorname*{arg\,max}", r"\operatorname*{arg\,min}"),
        ("embedding", r"C_{\mathrm{word}_{t}, d}", r"C_{\mathrm{word}_{d}, t}"),
        ("embedding", r"[i = \mathrm{word}_{t}]", r"[j = \mathrm{word}_{t}]"),
        ("infonce", r"s^{\mu\nu}", r"s^{\nu\mu}"),
    ],
)
def test_a_mistake_is_noticed(name, right, wrong):
    derivation = derive(LAYERS[name]())
    document = derivation.latex(only=("forward", "chain", "pattern"))
    assert right in document
    with pytest.raises((Differs, Unreadable)):
        check(derivation, document.replace(right, wrong, 1))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("detail", ["brief", "full"])
def test_signs_are_explained_before_or_after_their_first_equations(name, detail):
    derivation = derive(LAYERS[name]())
    set_ = Typesetter(PSI.times)
    blocks = [b for part in derivation.document(detail=detail, only=PARTS).parts for b in part.blocks]
    signs = {"bracket": False, "argmax": False, "argmin": False}
    for n, block in enumerate(blocks):
        boxes = boxes_in([block])
        found = {"bracket": any(map(set_.is_condition, boxes))}
        found |= {sign: set_.name(sign) in boxes for sign in signs if sign != "bracket"}
        for sign in (s for s, there in found.items() if there and not signs[s]):
            explained = not isinstance(block, Display) or found_in(set_, blocks[n + 1], sign)
            assert explained, f"{sign} in {[text(i.left) for i in block.items]}"
            signs[sign] = True


def found_in(set_: Typesetter, block: object, sign: str) -> bool:
    boxes = boxes_in([block])
    return any(map(set_.is_condition, boxes)) if sign == "bracket" else set_.name(sign) in boxes


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.sampled(2)
def test_what_is_read_outside_is_said_once_where_something_is(name):
    derivation = derive(LAYERS[name]())
    reads = name in ("conv1d", "conv2d", "dilated", "transposed_conv")
    for detail in ("brief", "full"):
        assert " ".join(printed(derivation, detail).split()).count(OUTSIDE) == reads


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_is_said_of_matrices_where_there_are_none(name):
    """Every equation of these has a tensor of three axes, or a form that no product of matrices has."""
    derivation = derive(LAYERS[name]())
    said = " ".join(printed(derivation).split())
    if not any(type(s.form).__name__ != "Formula" for s in derivation.program.statements if s.stage != "update"):
        assert "in matrices" not in said and "columns of a matrix" not in said
    if name == "infonce":
        assert "for one sample" not in said.lower()


@pytest.mark.parametrize("name", ["conv1d", "conv1d_from_zero", "language_model"])
def test_every_equation_of_a_model_holds(name: str) -> None:
    """An index that runs over a part of an axis, or beyond it, and an integer target beside an index."""
    assert check_page(derive(MODELS[name]().statement)) > 15


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("identity", "gaussian_nll"),
        ("identity", "laplace_nll"),
        ("identity", "quantile(tau=[0.2, 0.7])"),
        ("sigmoid", "ordinal"),
        ("identity", "crammer_singer"),
        ("softmax", "label_smoothing"),
    ],
)
@pytest.mark.sampled(4)
def test_every_equation_of_a_loss_that_mixes_outputs_holds(output: str, loss: str, notation: str) -> None:
    network = Network((2, 3, 4), ("tanh", output), loss, notation=notation, bias="separate")
    assert check_page(derive(network)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_every_entry_of_every_equation_of_an_example_holds(name: str) -> None:
    examples = Path(__file__).parents[2] / "examples"
    assert check_page(derive(Statement.from_file(examples / f"{name}.eq"))) > 50
