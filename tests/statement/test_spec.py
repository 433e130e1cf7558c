"""The specification: accepted and refused values, messages, and the round trip through a file."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import math
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.catalogue.activations import ACTIVATIONS
from derive.catalogue.biases import BIASES
from derive.catalogue.losses import LOSSES
from derive.paper.notation import NOTATIONS
from derive.statement.network import Network, SpecError, resolve
from derive.text.user_text import shown, shown_path


def refusal(*arguments: object, **options: object) -> str:
    """Return the message of the SpecError for a network: one printable ASCII line."""
    with pytest.raises(SpecError) as caught:
        Network(*arguments, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.isprintable() and message.isascii() and len(message) < 250
    return message


# What is accepted.


def test_defaults() -> None:
    network = Network((3, 4, 4, 1))
    assert dataclasses.astuple(network) == (
        (3, 4, 4, 1),
        ("sigmoid", "sigmoid", "sigmoid"),
        "mse",
        "separate",
        "psi",
        "network_3_4_4_1",
        "sgd",
        0.0,
        0.0,
        None,
        "constant",
        "glorot_uniform",
        1,
        None,
        "none",
        "refuse",
        "parameters",
        None,
        None,
        None,
        (),
        (),
    )
    assert network.depth == 3


def test_every_way_to_give_the_same_network() -> None:
    expected = Network((3, "h", 2), activation=("tanh", "sigmoid"))
    ways = [
        Network("3,h,2", "tanh,sigmoid"),
        Network(" 3 ,\th , 2", "tanh , sigmoid"),
        Network(["3", "h", "2"], ["tanh", "sigmoid"]),
        Network(iter((3, "h", 2)), iter(("tanh", "sigmoid"))),
        Network((np.int64(3), "h", np.uint8(2)), ("tanh", "sigmoid")),
        Network("03,h,2", "tanh,sigmoid"),
    ]
    for network in ways:
        assert network == expected
        assert hash(network) == hash(expected)
        assert all(type(w) in (int, str) for w in network.layers)
    assert Network(np.array([3, 4])).layers == (3, 4)


def test_a_network_is_frozen_and_replace_validates() -> None:
    network = Network((3, 4, 1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.loss = "sse"  # type: ignore[misc]
    assert dataclasses.replace(network, loss="sse").loss == "sse"
    with pytest.raises(SpecError):
        dataclasses.replace(network, loss="abc")


@pytest.mark.parametrize("name", ["n", "h", "k", "d", "p", "K", "N", "n_1", "h1", "hidden", "input", "dim_in"])
def test_names_that_a_width_may_have(name: str) -> None:
    assert Network((3, name, 2)).layers == (3, name, 2)


def test_one_name_stands_for_every_layer() -> None:
    assert Network("3,4,4,1", activation="relu").activation == ("relu",) * 3


def test_large_widths_and_depths_are_only_numbers() -> None:
    assert Network((10**9, 1)).parameter_count == 10**9 + 1
    deep = Network((4,) * 201)
    assert deep.depth == 200
    assert len(Network((4,) * 201, bias="augmented").forward_pass().equations) == 601
    assert deep.name == "network_4_to_4_in_200_layers"
    assert len(Network((10**9,) * 5).name) < 100


def test_all_entries_of_the_catalogues_are_accepted() -> None:
    for activation, loss in itertools.product(ACTIVATIONS, LOSSES):
        needs = LOSSES[loss].activations
        if not needs or activation in needs:
            last = activation if ACTIVATIONS[activation].elementwise else f"tanh,{activation}"
            assert Network((3, 4, 2), activation=last, loss=loss).loss == loss
        else:
            message = refusal((3, 2), activation=activation, loss=loss)
            assert message.startswith(f"loss {loss} needs {needs[0]}")
    for bias, notation in itertools.product(BIASES, NOTATIONS):
        assert Network((3, 2), bias=bias, notation=notation).notation == notation


# What is refused.


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ("3", "only 3"),
        ("", "entry 1 is empty"),
        (" ", "entry 1 is empty"),
        (",", "entry 1 is empty"),
        ("3,,4", "entry 2 is empty"),
        ("3,4,", "entry 3 is empty"),
        ("3,-4", "entry 2 is '-4', but a width must be at least 1"),
        ("3,0", "entry 2 is '0', but a width must be at least 1"),
        ("3,000", "entry 2 is '000', but a width must be at least 1"),
        ("3,4.5", "entry 2 is '4.5'"),
        ("3.5", "entry 1 is '3.5'"),
        ("abc;", "entry 1 is 'abc;'"),
        ("3,+4", "entry 2 is '+4'"),
        ("3,1e3", "entry 2 is '1e3'"),
        ("3,0x10", "entry 2 is '0x10'"),
        ("3,1_000", "entry 2 is '1_000'"),
        ("3 4", "entry 1 is '3 4'"),
        ("3,٣", r"entry 2 is '\u0663'"),
        ("3,4\n", r"entry 2 is '4\n'"),
        ("3,\x1b[2J", r"entry 2 is '\x1b[2J'"),
        ("3,n\u202e", r"entry 2 is 'n\u202e'"),
        ("3,__import__('os')", 'entry 2 is "__import__('),
        ("3,1000000001", "at most 1000000000"),
        ("3," + "9" * 6000, "at most 1000000000"),
        ("3,-" + "9" * 6000, "at least 1"),
        ((3, True), "entry 2 is True"),
        ((3, 4.0), "entry 2 is 4.0"),
        ((3, math.nan), "entry 2 is nan"),
        ((3, None), "entry 2 is None"),
        ((3, (4,)), "entry 2 is (4,)"),
        ((3, 0), "entry 2 is 0"),
        ((3, -4), "entry 2 is -4"),
        ((), "nothing"),
        (3, "an integer, 3"),
        (None, "None"),
        (b"34", "b'34'"),
        ({3, 4}, "a set"),
        ({3: 4}, "a table"),
        ("3," * 250 + "3", "200 layers are the limit"),
        (itertools.repeat(3), "200 layers are the limit"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_invalid_layers(layers: object, says: str) -> None:
    message = refusal(layers)
    assert message.startswith("layers") and says in message


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("m", "the number of samples"),
        ("E", "the error"),
        ("eta", "the learning rate"),
        ("mu", "the index of a sample"),
        ("X", "the input"),
        ("W", "a parameter"),
        ("W1", "a parameter"),
        ("b_2", "a parameter"),
        ("z12", "the state of a layer"),
        ("Psi", "a shared factor"),
        ("pi", "a number"),
        ("e", "a number"),
        ("seed", "something else"),
        ("dE_dW1", "something else"),
        ("Psi_1", "a shared factor"),
        ("sigmoid", "which is a function"),
        ("relu_prime", "which is a function"),
        ("half_mse", "which is a function"),
        ("lambda", "a word of the Python language"),
        ("None", "a word of the Python language"),
        ("len", "a word of the Python language"),
        ("n" * 31, "longer than 30"),
        ("n_1_2", "but a width is"),
        ("n_", "but a width is"),
        ("_n", "but a width is"),
        ("η", "but a width is"),
        ("1n", "but a width is"),
        ("n-1", "but a width is"),
        ("n+1", "but a width is"),
        ("n.h", "but a width is"),
    ],
)
def test_names_that_a_width_may_not_have(name: str, means: str) -> None:
    message = refusal((3, name))
    assert "entry 2" in message and means in message


def test_a_letter_of_every_notation_is_taken_or_only_for_one_entry() -> None:
    """A width may have the names in the documentation, but not the name of a tensor in any notation."""
    letters = {r for n in NOTATIONS.values() for role in n.roles.values() for r in (role.entry, role.batch)}
    for letter in letters - {"h"}:
        assert "stands for" in refusal((3, letter))


def test_a_width_may_not_be_called_as_the_values_of_a_layer_are() -> None:
    assert Network("n,h1,h2,k").layers == ("n", "h1", "h2", "k")
    assert Network("n,h,k", notation="delta").layers == ("n", "h", "k")
    assert "the notation delta writes" in refusal("n,h1,h2,k", notation="delta")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"activation": "tanh,tanh"}, "holds 2 names for the 3 layers"),
        ({"activation": ["tanh"]}, "holds 1 name for the 3 layers"),
        ({"activation": []}, "holds 0 names"),
        ({"activation": "tanh,tanh,tanh,tanh"}, "holds 4 names"),
        ({"activation": "sigmoyd"}, "did you mean sigmoid ("),
        ({"activation": "tahn"}, "did you mean tanh ("),
        ({"activation": "tanh,,tanh"}, "unknown activation ''"),
        ({"activation": ""}, "unknown activation ''"),
        ({"activation": "\x00"}, r"unknown activation '\x00'"),
        ({"activation": "tänh"}, r"unknown activation 't\xe4nh'"),
        ({"activation": "x" * 5000}, "xxx...', longer than 300 characters"),
        ({"activation": 3}, "activation is an integer"),
        ({"activation": [3, 4, 5]}, "activation is an integer"),
        (
            {"activation": "softmax"},
            "layer 3, but is given for layer 1: use another one there, such as tanh,tanh,",
        ),
        (
            {"activation": "tanh,softmax,relu"},
            "given for layer 2: use another one there, such as tanh,tanh,relu",
        ),
        ({"activation": "tanh,tanh,softmax"}, "softmax of a single output is always 1"),
        ({"loss": "mes"}, "did you mean mse ("),
        ({"loss": "crosentropy"}, "did you mean cross_entropy ("),
        ({"loss": None}, "loss is a NoneType"),
        ({"loss": ["mse"]}, "loss is an array"),
        (
            {"loss": "cross_entropy"},
            "not sigmoid: use the activation sigmoid,sigmoid,softmax, or the loss binary_",
        ),
        (
            {"loss": "binary_cross_entropy", "activation": "tanh"},
            "use the activation tanh,tanh,sigmoid, or another",
        ),
        ({"bias": "seperate"}, "did you mean separate ("),
        ({"bias": False}, "bias is a boolean"),
        ({"notation": "Ψ"}, r"unknown notation '\u03a8'"),
        ({"notation": "brackets"}, "did you mean bracket ("),
        ({"name": ""}, "name is ''"),
        ({"name": "a b"}, "name is 'a b'"),
        ({"name": "../x"}, "name is '../x'"),
        ({"name": "3net"}, "name is '3net'"),
        ({"name": "class"}, "name is 'class'"),
        ({"name": "nätz"}, r"name is 'n\xe4tz'"),
        ({"name": "x\n"}, r"name is 'x\n'"),
        ({"name": "x" * 101}, "longer than 100"),
        ({"name": 3}, "name is an integer"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_invalid_options_are_refused(options: dict[str, object], says: str) -> None:
    assert says in refusal((3, 4, 4, 1), **options)


def test_wrong_layers_are_refused_without_sympy() -> None:
    script = (
        "import sys, derive\n"
        "try: derive.Network('3,,4')\n"
        "except derive.SpecError: print('sympy' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


# Counting.


def evaluated(formula: str, values: dict[str, int]) -> int:
    """Evaluate a formula of sums, products and powers, without eval."""

    def value(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name):
                return values[name]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return value(left) * value(right)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return int(value(left) ** value(right))
        raise AssertionError(ast.dump(node))

    return value(ast.parse(formula, mode="eval").body)


@pytest.mark.parametrize("bias", BIASES)
@given(layers=st.lists(st.sampled_from([1, 2, 3, 5, "n", "h", "k"]), min_size=2, max_size=6))
@settings(max_examples=25, deadline=None)
def test_parameters_are_counted(bias: str, layers: list[int | str]) -> None:
    values = {"n": 7, "h": 11, "k": 13}
    widths = [values.get(str(w), w) for w in layers]
    one = 0 if bias == "none" else 1
    expected = sum(b * (a + one) for a, b in itertools.pairwise(widths))  # type: ignore[operator]
    count = Network(layers, bias=bias).parameter_count
    assert isinstance(count, str) == any(isinstance(w, str) for w in layers)
    assert (evaluated(count, values) if isinstance(count, str) else count) == expected


def test_counts_read_well() -> None:
    assert Network("n,h,h,k").parameter_count == "h*(h + 1) + h*(n + 1) + k*(h + 1)"
    assert Network("n,n,n", bias="none").parameter_count == "2*n**2"


# Files.


names = st.from_regex(r"[A-Za-z]{1,4}(_[0-9])?", fullmatch=True)
widths = st.one_of(st.integers(1, 10**9), names)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    layers = draw(st.lists(widths, min_size=2, max_size=5))
    depth = len(layers) - 1
    hidden = [name for name in ACTIVATIONS if ACTIVATIONS[name].elementwise]
    loss = draw(st.sampled_from(list(LOSSES)))
    last = draw(st.sampled_from(LOSSES[loss].activations or tuple(hidden)))
    activation = [*(draw(st.sampled_from(hidden)) for _ in range(depth - 1)), last]
    name = draw(st.none() | st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True))
    try:
        return Network(
            layers,
            activation,
            loss,
            draw(st.sampled_from(list(BIASES))),
            draw(st.sampled_from(list(NOTATIONS))),
            name,
        )
    except SpecError:  # a name that is taken, or softmax of one output
        return Network((3, 2))


@given(networks())
@settings(max_examples=100, deadline=None)
def test_a_network_comes_back_from_its_file(tmp_path_factory: pytest.TempPathFactory, network: Network) -> None:
    file = tmp_path_factory.mktemp("spec") / "net.toml"
    file.write_text(network.to_toml())
    again = Network.from_toml(file)
    assert again == network
    assert again.to_toml() == network.to_toml()
    assert again.digest == network.digest


def test_the_file_to_the_letter() -> None:
    network = Network("n,4,k", "tanh,softmax", "cross_entropy", "none", "delta", "small")
    assert network.to_toml() == (
        'name = "small"\n'
        'layers = ["n", 4, "k"]\n'
        'activation = ["tanh", "softmax"]\n'
        'loss = "cross_entropy"\n'
        'bias = "none"\n'
        'notation = "delta"\n'
    )


def test_the_digest_tells_networks_apart() -> None:
    networks = [
        Network("3,4,1"),
        Network("3,5,1"),
        Network("3,4,1", "tanh"),
        Network("3,4,1", loss="sse"),
        Network("3,4,1", bias="none"),
        Network("3,4,1", notation="delta"),
        Network("3,4,1", name="other"),
    ]
    assert len({n.digest for n in networks}) == len(networks)
    assert Network("3,4,1").digest == Network((3, 4, 1), ["sigmoid"] * 2).digest


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "net.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    assert Network.from_toml(written(tmp_path, "layers = [3, 4]")) == Network((3, 4))
    with_mark = "\ufefflayers = [3, 'h', 4]\r\nactivation = 'tanh'\r\n"
    assert Network.from_toml(str(written(tmp_path, with_mark))) == Network("3,h,4", "tanh")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "net.toml: layers is missing"),
        ("layers = 3", "net.toml: layers is an integer, 3, where an array"),
        ('layers = "3,4"', "layers is a string, '3,4', where an array"),
        ("layers = true", "layers is a boolean"),
        ("layers = 1979-05-27", "layers is a date"),
        ("layers = {}", "layers is a table"),
        ("[layers]\na = 1", "layers is a table"),
        ("layers = [3, 4.5]", "layers: entry 2 is 4.5"),
        ("layers = [3, true]", "layers: entry 2 is True"),
        ("layers = [3, [4]]", "layers: entry 2 is [4]"),
        ("layers = [3]", "only 3"),
        ("layers = []", "nothing"),
        ("layers = [3, 4]\nloss = 3", "loss is an integer, 3, where a string is expected"),
        ("layers = [3, 4]\nactivation = 1.5", "activation is a float"),
        ("layers = [3, 4]\nactivation = [1]", "activation is an integer"),
        ("layers = [3, 4]\nname = ['a']", "name is an array"),
        ("layer = [3, 4]", "unknown key 'layer': did you mean layers?"),
        ("layers = [3, 4]\nActivation = 'tanh'", "did you mean activation?"),
        ('layers = [3, 4]\n"\\u001b" = 1', r"unknown key '\x1b'"),
        ("layers = [3, 4]\nloss = 'mes'", "net.toml: unknown loss 'mes'"),
        ("layers = [3, 4", "net.toml, line 1, column 15: not TOML"),
        ("layers = [3, 4]\nloss = mse", "net.toml, line 2, column 8: not TOML, invalid value"),
        ("layers = [3, 4]\nlayers = [3, 4]", "line 2, column"),
        ("layers = [3, 4]\nloss = '\x00'", "line 2, column"),
        (b"layers = [3, 4]\n# \xff", "net.toml, line 2: this is not UTF-8 text"),
        (b"\x80\x04\x95", "is not UTF-8 text"),
        ("layers = " + "[" * 100_000, "too deep or too long"),
        ("layers = [3, " + "9" * 5000 + "]", "too deep or too long"),
        ("#" * 1_000_001, "larger than 1000000 bytes"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_invalid_files(tmp_path: Path, text: str | bytes, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        Network.from_toml(file)
    message = str(caught.value)
    assert message.startswith(str(file)) and message.isprintable()
    assert says in message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, says in [
        (tmp_path / "none.toml", "there is no such file"),
        (tmp_path, "cannot be read (is a directory)"),
        (written(tmp_path, "") / "below.toml", "cannot be read (not a directory)"),
        (tmp_path / ("x" * 300), "cannot be read (file name too long)"),
        ("a\0b", "cannot be read (embedded null byte)"),
        ("/dev/zero", "larger than"),
    ]:
        with pytest.raises(SpecError) as caught:
            Network.from_toml(path)
        assert says in str(caught.value) and str(caught.value).isprintable()


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SpecError, match=r"net\.toml: cannot be read \(permission denied\)"):
        Network.from_toml(tmp_path / "net.toml")


# A file and options.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, Network("3,4,4,1", "tanh", "sse").to_toml())


def test_options_override_the_file(file: Path) -> None:
    assert resolve({}, file) == Network("3,4,4,1", "tanh", "sse")
    assert resolve({"loss": "mse", "name": "other"}, file) == Network("3,4,4,1", "tanh", name="other")
    assert resolve({"activation": "relu"}, file).activation == ("relu",) * 3


def test_other_layers_than_the_file_has(file: Path) -> None:
    assert resolve({"layers": "5,2"}, file) == Network("5,2", "tanh", "sse")
    assert resolve({"layers": "5,2"}, file).name == "network_5_2"
    assert resolve({"layers": "5,2", "activation": "relu"}, file) == Network("5,2", "relu", "sse")


def test_a_name_of_ones_own_stays(tmp_path: Path) -> None:
    file = written(tmp_path, Network("3,4,1", name="mine").to_toml())
    assert resolve({"layers": "5,2"}, file) == Network("5,2", name="mine")


def test_different_activations_need_as_many_layers(tmp_path: Path) -> None:
    file = written(tmp_path, 'layers = [3, 4, 1]\nactivation = ["tanh", "sigmoid"]')
    assert resolve({"layers": "7,5,2"}, file) == Network("7,5,2", "tanh,sigmoid")
    with pytest.raises(SpecError, match=r"^activation holds 2 names for the 1 layer after"):
        resolve({"layers": "5,2"}, file)


def test_a_file_without_layers_needs_the_option(tmp_path: Path) -> None:
    file = written(tmp_path, 'loss = "sse"')
    assert resolve({"layers": "3,2"}, file) == Network("3,2", loss="sse")
    for options in ({}, {"loss": "mse"}):
        with pytest.raises(SpecError, match="layers is missing"):
            resolve(options, file)


def test_an_option_does_not_excuse_a_wrong_file(tmp_path: Path) -> None:
    file = written(tmp_path, "layers = [3, 4]\nlos = 'sse'")
    with pytest.raises(SpecError, match=r"net\.toml: unknown key 'los'"):
        resolve({"loss": "mse"}, file)


# Text from users.


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_hostile_text_is_accepted_as_a_width_or_refused_in_one_line(text: str) -> None:
    for make in (
        lambda: Network((3, text)),
        lambda: Network(text),
        lambda: Network((3, 4), activation=text),
        lambda: Network((3, 4), loss=text),
        lambda: Network((3, 4), name=text),
        lambda: Network.from_dict({"layers": [3, 4], text: text}),
    ):
        try:
            network = make()
        except SpecError as error:
            assert str(error).isprintable() and str(error).isascii() and len(str(error)) < 300
        else:
            assert Network(network.layers, name=network.name).to_toml().isascii()


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_hostile_files_are_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("spec") / "net.toml"
    for content in (data, b"layers = [3, 4]\nloss = " + data, b"layers = [3, " + data + b"]"):
        file.write_bytes(content)
        try:
            Network.from_toml(file)
        except SpecError as error:
            assert str(error).isprintable() and len(str(error)) < 500


def test_quoting() -> None:
    assert shown("a'b") == '"a\'b"'
    assert shown("x" * 100) == "'" + "x" * 55 + "...'"
    assert shown_path("a/b ü.toml") == "a/b ü.toml"
    assert shown_path("a\nb") == r"'a\nb'"
    assert shown_path("") == "''"


def test_the_bias_is_that_of_the_notation_unless_it_is_given(tmp_path: Path) -> None:
    assert [Network((3, 1), notation=n).bias for n in ("psi", "xbar")] == ["separate", "augmented"]
    assert Network((3, 1), bias="none", notation="xbar").bias == "none"
    (tmp_path / "net.toml").write_text('layers = [3, 1]\nnotation = "xbar"\n')
    found = Network.from_toml(tmp_path / "net.toml")
    assert found.bias == "augmented" and Network.from_dict(tomllib.loads(found.to_toml())) == found
    assert resolve({"bias": "separate"}, tmp_path / "net.toml").bias == "separate"
