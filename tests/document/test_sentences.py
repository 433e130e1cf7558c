"""Sentences and labels of the document that depend on the network."""

from __future__ import annotations

import re

import networks
import pytest
from helpers import derivation
from models import MODELS

from derive import Network, Statement, derive
from derive.document.parts.glance import layers
from derive.document.view import View
from derive.statement.describe import described


@pytest.mark.parametrize(
    ("learning", "sentence"),
    [
        ({}, "mean squared error."),
        ({"optimizer": "adam"}, " The network is trained with Adam."),
        ({"l2": 0.01}, " The network is trained with an L2 penalty of strength 0.01."),
        (
            {"clip": 1, "l2": 0.01},
            " The network is trained with an L2 penalty of strength 0.01 and gradients clipped at norm 1.",
        ),
        (
            {"optimizer": "adam", "l2": 0.01, "clip": 1, "schedule": "cosine(steps=100)"},
            " The network is trained with Adam, with an L2 penalty of strength 0.01, gradients clipped at norm 1, and "
            "the schedule cosine(steps=100).",
        ),
    ],
)
def test_how_it_is_trained(learning, sentence):
    assert described(Network("3,1", **learning)).endswith(sentence)


@pytest.mark.parametrize(
    ("learning", "title"),
    [
        ({}, "Gradient descent"),
        ({"l2": 0.01, "clip": 1.0}, "Gradient descent"),
        ({"optimizer": "adam"}, "Training with Adam"),
        ({"optimizer": "rmsprop(rho=0.8)"}, "Training with RMSprop"),
    ],
)
def test_the_algorithm_has_the_name_of_the_optimizer(learning, title):
    page = derivation((3, 2, 1), **learning).markdown(only=("loop",))
    assert f"**Algorithm.** {title}, with the lines of `network.py`" in page
    assert page.count("Gradient descent") == (title == "Gradient descent")


def test_the_bias_corrections_of_adam_are_explained():
    """1 - beta^t is the sum of the weights (1 - beta) beta^(t - s) of the gradients of the steps s = 1 to t."""
    page = derivation((3, 2, 1), optimizer="adam").markdown(only=("notation",))
    assert "bias correction: sum of the weights of all gradients so far in the first moment" in page
    beta, steps = 0.9, 7
    weights = [(1 - beta) * beta ** (steps - s) for s in range(1, steps + 1)]
    assert sum(weights) == pytest.approx(1 - beta**steps)


@pytest.mark.parametrize("layers", [(3, 4, 1), (3, 4, 2), (3, 1), (3, 1, 1, 2), (1, 1)])
def test_bracket_notation_repeats_no_bias(layers):
    """The whole page adds a bias to every column, also the bias of a single unit."""
    found = derivation(layers, notation="bracket")
    assert r"\mathbf{1}" not in found.latex()
    page = found.markdown(only=("forward", "loop"))
    for bias in (f"b^{{[{n}]}}" for n in range(1, len(layers))):
        assert page.count(f"+ {bias}") + page.count(f"{bias} +") >= 2


def test_the_factors_of_several_heads_are_computed_from_those_before_them():
    page = derive(networks.attention()).markdown(only=("pattern",))
    assert "Each shared factor is computed from those already known, beginning at the loss:" in page
    assert "Deriving the recursion" in page


def heads(found):
    """The head of the table at a glance, and how many cells a row has."""
    table = layers(View(found))
    return ["".join(map(str, cell.spans)) for cell in table.head], {len(row) for row in table.rows}


def test_the_column_of_layers_is_there_where_layers_have_numbers():
    assert heads(derivation((3, 2, 1))) == (["layer", "units", "computes", "parameters"], {4})
    assert heads(derive(networks.softmax_cross_entropy()))[1] == {4}
    assert heads(derive(networks.residual())) == (["units", "computes", "parameters"], {3})


@pytest.mark.parametrize(
    ("layers", "options", "sentence"),
    [
        ((3, 2, 1), {}, "Above each layer but the last stands a unit that is always 1; it feeds the biases."),
        ((3, 1), {"bias": "augmented"}, "Above each layer but the last stands a unit that is always 1"),
        ((3, 4, 2), {"activation": "tanh,softmax"}, "Above each layer but the last stands a unit"),
        ((3, 2, 1), {"bias": "none"}, ""),
        ((2,) * 30, {}, "A unit that is always 1, where it stands above a layer, feeds the biases of the next."),
    ],
)
def test_the_position_of_constant_units(layers, options, sentence):
    words = derivation(layers, **options).svg()
    assert sentence in words if sentence else "always 1" not in words


@pytest.mark.parametrize(("layers", "notation"), [("l,n,h,c,o", "psi"), ("l,n,c,o", "delta")])
def test_the_layer_has_a_letter_that_no_width_has(layers, notation):
    page = derivation(layers, notation=notation).markdown(only=("pattern", "loop"))
    assert "is one formula" in page


@pytest.mark.parametrize(
    ("layers", "article"), [("3,1", "a 3-1"), ("8,1", "an 8-1"), ("n,h", "an n-h"), ("18,2", "an 18-2")]
)
def test_the_article_of_the_title(layers, article):
    assert derivation(layers).document().title == f"Backpropagation in {article} network"


def test_a_text_with_a_name_has_it_in_its_title():
    text = "input x\ntarget y\nparameter w\no = w * x\nE = (y - o)**2"
    titles = [derive(Statement(text, **options)).document().title for options in ({}, {"name": "my_net"})]
    assert titles == ["Backpropagation", "Backpropagation of my net"]


def test_a_part_without_content_is_left_out():
    """Attention alone has no elementwise function, and its loss is differentiated with the chain rule."""
    parts = derive(networks.attention()).document().parts
    assert all(part.blocks for part in parts) and "values" not in [part.name for part in parts]


@pytest.mark.parametrize(("layers", "compared"), [((3, 1), False), ((3, 4, 1), True)])
def test_a_single_layer_is_not_compared_with_others(layers, compared):
    page = derivation(layers).markdown()
    assert ("| layer |" in page) == ("is one formula" in page or "over the layers" in page) == compared


def test_a_dead_unit_is_still_moved_by_a_penalty():
    """Only plain gradient descent without a penalty leaves its weights as they are."""
    said = "contribute nothing to the gradients of a unit; such a unit is called dead."
    plain = derivation((3, 2, 1), activation="relu,identity").markdown(only=("values",))
    assert f"{said} Its weights stay as they are." in plain
    moments = derivation((3, 2, 1), activation="relu,identity", optimizer="adam").markdown(only=("values",))
    assert said in moments and "stay as they are" not in moments
    shrunk = derivation((3, 2, 1), activation="relu,identity", l2=0.01).markdown(only=("values",))
    assert "such a unit is called dead. Only the penalty still shrinks its weights." in shrunk


@pytest.mark.parametrize("options", [{"notation": "psi"}, {"optimizer": "adam"}, {"notation": "delta"}])
def test_the_small_change_has_a_letter_of_its_own(options):
    """No letter of a constant, a width, a tensor or a sample."""
    page = derivation(("h", 3, 1), **options).markdown(only=("pattern",))
    assert "by a small {math}`\\Delta`," in page


def test_a_chain_has_factors_of_every_layer_if_each_has_a_letter():
    page = derivation((2, 2, 2), notation="bracket").markdown()
    assert "A chain to the first layer has two factors {math}`g'`," in page
    assert "not counting those inside the activation functions" in page


def test_the_cancellation_is_derived_before_its_result_is_used():
    """Also the assumption on the targets, and the entry that cancels."""
    page = derivation((3, 4, 3), "relu,softmax", "cross_entropy").markdown(only=("pattern", "values"))
    steps = ("We assume that the targets of a sample sum to one", "cancels", "only }k = i\\text{ remains")
    places = [page.index(step) for step in (*steps, "The gradients for one sample follow", "cancellation above, save")]
    assert places == sorted(places) and "follows below" not in page
    plugged = derivation((3, 2), "sigmoid", "binary_cross_entropy").markdown(only=("pattern", "values"))
    assert "the next part derives {math}`f'(x) = f(x)\\,(1 - f(x))`, which is used here:" in plugged


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "power rule; the inner derivative is $-1$}"),
        ({"activation": "tanh,softmax", "loss": "cross_entropy"}, "quotient rule; entries are independent}"),
    ],
)
def test_a_reason_names_the_rule_that_is_new(options, reason):
    page = derivation((3, 4, 1) if not options else (3, 4, 2), **options).latex(only=("chain",))
    assert reason in page.replace("\n", " ")


@pytest.mark.parametrize(
    ("layers", "differ"),
    [
        ((3, 4, 4, 1), "in the number of terms of the sum (layer 3 has one unit, so the sum over it has one term)."),
        ((3, 4, 5, 2), "in the number of terms of the sum. With"),
        ((3, 4, 4, 4), ""),
    ],
)
def test_the_recursion_is_written_with_indices_for_any_layer(layers, differ):
    page = derivation(layers).latex(only=("pattern",))
    assert r"\layi{l}{\Psi}{i} &= f'(\layi{l}{z}{i})\, \sum_{k}\, \layi{l+1}{w}{ki}\, \layi{l+1}{\Psi}{k}" in page
    assert (differ or "follow in the same way") in page and ("differ only" in page) == bool(differ)


@pytest.mark.parametrize(
    ("layers", "options"),
    [
        ((3, 4, 4, 1), {}),
        ((4, 5, 3), {"l2": 0.01}),
        ((2, 2, 2), {"notation": "bracket"}),
        ((3, 2), {"notation": "delta"}),
    ],
)
def test_each_sum_is_shown_to_be_a_product_of_matrices(layers, options):
    page = derivation(layers, **options).markdown(only=("pattern", "matrices"))
    for words in (
        "so their contributions to",
        "matrix product with a transposed factor",
        "is added for every sample",
    ):
        assert page.count(words) == 1
    assert page.count("so it is a product with the transpose") == (len(layers) > 2)


@pytest.mark.parametrize("name", ["both_sides", "no_input", "learned_input", "factorised_matrix"])
@pytest.mark.sampled(2)
def test_without_samples_there_are_no_words_about_them(name):
    model = MODELS[name]()
    d = derive(model.statement)
    numbers = None if model.sizes else "seed:1"
    pages = [d.markdown(detail=detail, numbers=numbers, exercises=True) for detail in ("brief", "full", "exhaustive")]
    parameter = d.program.parameters[0]
    pages += [d.notebook(), d.explain(f"{parameter.name}[{','.join('1' for _ in parameter.axes)}]")]
    for page in pages:
        words = re.sub(r'"cell_type": "code".*?\n  }', "", page, flags=re.S)
        assert re.search(r"\b(samples?|batch|averaged)\b", words) is None


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (False, ("is the mean over the samples, plus what reads no sample", "the mean of the losses of its samples.")),
        (
            True,
            (
                "is the sum over the samples, plus what reads no sample",
                "the sum of the losses of its samples, in which what reads no sample is counted once.",
            ),
        ),
    ],
)
def test_what_the_loss_of_a_batch_is(named, words):
    s = Statement()
    n, k = s.size("n", 3), s.size("k", 2)
    x, y, W, (i, j), u = (
        s.input("x", n),
        s.target("y", k),
        s.parameter("W", k, n),
        s.indices("i j", k, n),
        s.sample("u"),
    )
    o = s.define("o", i, s.sum(W[i, j] * x[j], j))
    data = s.sum((y[i, u] - o[i, u]) ** 2, i, u) if named else s.sum((y[i] - o[i]) ** 2, i)
    s.error(data + s.sum(W[i, j] ** 2, i, j))
    page = derive(s).markdown(only=("forward", "matrices"))
    assert all(w in page for w in words)


def test_the_passes_of_a_model_without_samples_have_a_cost():
    page = derive(MODELS["no_input"]().statement).markdown(only=("sought",))
    assert r"17 \cdot 97 = 1649` multiplications and divisions, against" in page  # 64 + 16 + 16 squares, and a factor


@pytest.mark.parametrize(
    ("formula", "written"), [("sum(w[i, j] * x[j], j)", True), ("tanh(sum(w[i, j] * x[j], j))", False)]
)
def test_a_unit_is_written_out_where_that_changes_its_equation(formula, written):
    text = f"input x[2]\ntarget y[3]\nparameter w[3, 2]\nz[i] = {formula}\nE = sum((y[i] - z[i])**2, i)"
    assert ("Written out for the first unit" in derive(Statement(text)).latex(only=("forward",))) == written


def test_the_summary_of_a_layer_without_shared_factors_has_its_gradients():
    layer = derive(Statement("input z[4]\np[i] = softmax(z[i], i)\nbackward p"))
    first, _, *lines = layer.summary()
    assert first.endswith("There are no parameters.") and [line.partition(" =")[0] for line in lines] == ["∂E/∂z"]


def test_a_factor_that_not_all_parameters_share_is_not_called_so():
    text = "input x[3]\ntarget y\nparameter w[3], theta\nsigma = exp(theta)\nq = sum(w[i] * x[i], i)\n"
    error = "E = ((y - q) / sigma)**2 + log(sigma)"
    page = derive(Statement(text + error)).markdown(detail="brief")
    assert "Several parameters share the factor" in page and "All parameters share" not in page


def test_an_error_of_parts_for_each_sample_combines_no_samples():
    text = "input x[3]\ntarget y\nparameter w[3], theta\nsigma = exp(theta)\nq = sum(w[i] * x[i], i)\n"
    error = "r = (y - q) / sigma\nE = log(sigma) * (1 + y**2) + r**2"
    assert "combine samples" not in derive(Statement(text + error)).markdown()
