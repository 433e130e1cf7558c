"""Catalogue entries with options: exact parsing, clear errors, canonical text."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive import Network
from derive.statement.network import SpecError
from derive.text.entry_text import Option, base_name, entry_text, number_text, option_values, parse_entry, split_entries


def entry(*options: Option) -> Any:
    """A catalogue entry with options only."""
    return SimpleNamespace(options=options, synonyms=())


CATALOGUE = {
    "elu": entry(Option("alpha", 1, "how far", above=0)),
    "plain": entry(),
    "adam": entry(
        Option("beta", Fraction(9, 10), "the memory", least=0, below=1),
        Option("every", None, "how many steps", least=1, most=1000, whole=True),
    ),
}


def read(text):
    return parse_entry("optimizer", "optimizers", text, CATALOGUE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("elu", 1),
        ("elu()", 1),
        (" elu ( alpha = 1.4 ) ", Fraction(7, 5)),
        ("elu(alpha=0.1)", Fraction(1, 10)),
        ("elu(alpha=.5)", Fraction(1, 2)),
        ("elu(alpha=2.)", 2),
        ("elu(alpha=1e-8)", Fraction(1, 10**8)),
        ("elu(alpha=+3)", 3),
        ("elu(alpha=1 / 3)", Fraction(1, 3)),
    ],
)
def test_values_are_exact(text, value):
    assert read(text) == ("elu", {"alpha": value})


def test_options_are_ordered_and_defaults_added():
    assert read("adam(every=10)") == ("adam", {"beta": Fraction(9, 10), "every": 10})
    assert list(read("adam(every=10, beta=0)")[1]) == ["beta", "every"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("elu(beta=1)", "elu has no option 'beta'; it has alpha"),
        ("elu(1.4)", "'1.4' is not an option, such as alpha=0.5"),
        ("elu(alpha=1,)", "'' is not an option"),
        ("elu(alpha)", "'alpha' is not an option"),
        ("elu(alpha=1, alpha=1)", "the option alpha is given twice"),
        ("elu(alpha=)", "alpha is '', but must be a number such as 2, 1.4, 1e-8 or 1/3"),
        ("elu(alpha=0)", "alpha is '0', but must be a number greater than 0"),
        ("elu(alpha=-1)", "alpha is '-1', but must be a number greater than 0"),
        ("elu(alpha=nan)", "must be a number such as"),
        ("elu(alpha=inf)", "must be a number such as"),
        ("elu(alpha=1_000)", "must be a number such as"),
        ("elu(alpha=0x10)", "must be a number such as"),
        ("elu(alpha=\u0661)", "must be a number such as"),
        ("elu(alpha=__import__)", "must be a number such as"),
        ("elu(alpha=1/0)", "divides by zero"),
        ("elu(alpha=1.5/2)", "must be a number such as"),
        ("elu(alpha=1e100)", "exponents run from -99 to 99"),
        ("elu(alpha=1e50)", "beyond the range of float32: give 0, or a number of a size from 1e-30 to 1e30"),
        ("adam(every=1, beta=1e-31)", "beta is '1e-31', beyond the range of float32"),
        ("elu(alpha=" + "3" * 31 + ")", "more than 30 digits: round it"),
        ("elu(alpha=1" + " " * 400 + ")", "longer than 300 characters"),
        ("elu(alpha=1", "the parentheses do not match"),
        ("elu(alpha=1))", "the parentheses do not match"),
        ("elu((alpha=1))", "the parentheses do not match"),
        ("elu(alpha=1)x", "the parentheses do not match"),
        ("plain(alpha=1)", "plain has no options: write plain alone"),
        ("adam", "adam needs its option every, how many steps"),
        ("adam(every=0)", "must be a whole number of at least 1 and at most 1000"),
        ("adam(every=1.5)", "must be a whole number of at least 1 and at most 1000"),
        ("adam(every=1, beta=1)", "must be a number of at least 0 and less than 1"),
        ("elo(alpha=1)", "unknown optimizer 'elo': there are elu, plain and adam, and `derive list"),
        (3, "optimizer is an integer, 3, where a name is expected"),
    ],
)
def test_invalid_entries_raise_one_line_errors(text, words):
    with pytest.raises(SpecError) as refused:
        read(text)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_list_is_split_outside_parentheses():
    assert split_entries("adam(beta=0, every=2), elu , plain") == ("adam(beta=0, every=2)", "elu", "plain")
    assert split_entries("a),b") == ("a)", "b")
    assert split_entries("") == ("",)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("elu(alpha=1.0)", "elu"),
        ("elu(alpha=14e-1)", "elu(alpha=1.4)"),
        ("elu(alpha=7/5)", "elu(alpha=1.4)"),
        ("elu(alpha=2/6)", "elu(alpha=1/3)"),
        ("adam(every=100, beta=0.90)", "adam(every=100)"),
        ("adam(every=7,beta=0)", "adam(beta=0, every=7)"),
    ],
)
def test_equal_entries_are_written_alike(text, written):
    name, options = read(text)
    assert entry_text(name, options, CATALOGUE[name].options) == written
    assert read(written) == (name, options)
    assert base_name(written) == name


NUMBERS = st.one_of(
    st.builds("{}e{}".format, st.integers(0, 10**28), st.integers(-30, 1)),
    st.builds("{}/{}".format, st.integers(0, 10**14), st.integers(1, 10**15)),
    st.builds("0.{:028d}".format, st.integers(0, 10**28 - 1)),
)


@given(NUMBERS)
def test_every_number_can_be_read_again(text):
    anything = {"f": entry(Option("v", 1, "any"))}
    _, options = parse_entry("loss", "losses", f"f(v={text})", anything)
    assert options["v"] == Fraction(text)
    again = f"f(v={number_text(options['v'])})"
    assert parse_entry("loss", "losses", again, anything) == ("f", options)
    assert option_values(again) == (options["v"],)


# Synonyms with options of their own.


@pytest.mark.parametrize("name", ["smooth_l1", "SmoothL1Loss", "Smooth-L1"])
@pytest.mark.parametrize("options", ["beta=0.5", "delta=0.5", "delta=1", "0.5"])
def test_options_with_another_meaning_are_refused(name, options):
    """smooth_l1 in other libraries is huber divided by its option, so it is another loss for the same number."""
    synonym = "smooth_l1_loss" if "Loss" in name else "smooth_l1"
    with pytest.raises(SpecError) as refused:
        Network("3,1", "identity", f"{name}({options})")
    assert str(refused.value) == (
        f"loss '{name}({options})': {synonym} takes no option here; with beta b it is huber(delta=b) divided by b, "
        "which is none of the losses"
    )


@pytest.mark.parametrize("name", ["smooth_l1", "smooth_l1_loss()", "huber_loss", "huber_loss(delta=1)", "HuberLoss"])
def test_without_options_the_synonym_is_the_loss(name):
    assert Network("3,1", "identity", name).loss == "huber"


def test_options_with_the_same_meaning_are_accepted():
    assert Network("3,1", "identity", "huber_loss(delta=0.5)").loss == "huber(delta=0.5)"


# In a network.


def test_equal_networks_have_equal_digests():
    one = Network("3,4,2", "elu(alpha=1.40),sigmoid", "huber(delta=1/2)")
    other = Network([3, 4, 2], ["elu( alpha=7/5 )", "sigmoid"], "huber( delta = 0.5 )")
    assert one == other and one.digest == other.digest
    assert one.activation == ("elu(alpha=1.4)", "sigmoid") and one.loss == "huber(delta=0.5)"
    assert Network("3,1", "elu(alpha=1)") == Network("3,1", "elu")
    assert Network("3,1", "elu(alpha=2)").digest != Network("3,1", "elu").digest


def test_a_file_keeps_the_options(tmp_path):
    network = Network("3,4,2", "elu(alpha=1/3),elu(alpha=1e-8)", "huber(delta=0.3)")
    (tmp_path / "network.toml").write_text(network.to_toml())
    assert Network.from_toml(tmp_path / "network.toml") == network


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"activation": "elu(alpha=-1)"}, "activation 'elu(alpha=-1)': alpha is '-1'"),
        ({"activation": "leaky_relu(slope=1)"}, "must be a number of at least 0 and less than 1"),
        ({"activation": "elu(alpha=1.4,sigmoid"}, "the parentheses do not match"),
        ({"loss": "huber(1)"}, "'1' is not an option, such as delta=0.5"),
        (
            {"loss": "hinge", "activation": "sigmoid"},
            "loss hinge needs identity or tanh or softsign or hard_tanh as the activation of the outputs",
        ),
        ({"loss": "poisson", "activation": "elu(alpha=2)"}, "loss poisson needs exponential or softplus"),
        ({"loss": "kl_divergence", "activation": "tanh"}, "loss kl_divergence needs softmax"),
        ({"layers": "3,elu_1,2"}, "which is a function"),
        ({"layers": "3,hard_tanh,2"}, "which is a function"),
        ({"layers": "3,huber_term,2"}, "which is a function"),
        ({"layers": "3,erfc,2"}, "which is a function"),
    ],
)
def test_invalid_options_are_refused(options, words):
    with pytest.raises(SpecError) as refused:
        Network(**{"layers": "3,4,2", **options})
    assert words in str(refused.value)
