"""The layers of the catalogue as texts: each is right, is listed, and is found by name and nothing else."""

from __future__ import annotations

import pytest

from derive import Statement, StatementError, derive
from derive.command.main import main
from derive.statement.keys import LAYERS_FOLDER
from derive.statement.language.layers import LAYERS

PLACES = "size T = 4, n = 3, h = 5, a = 2\ninput x[T, n]\n"
UNITS = "size n = 3, h = 5\ninput x[n]\n"
CHANNELS = "size c = 2, d = 4, n = 9\ninput x[c, n]\n"
PICTURES = "size c = 2, d = 4, n = 7, m = 6\ninput x[c, n, m]\n"
SCALED = "parameter w[n] = 1\nu[i] = w[i] * x[i]\n"
#: A text for each layer; the error is appended.
TEXTS = {
    "attention": PLACES + "parameter K[a, n]\nq[t, e] = sum(K[e, i] * x[t, i], i)\no = attention(q, q, x, a)",
    "batch_norm": UNITS + SCALED + "o = batch_norm(u, n, 0.01)",
    "conv1d": CHANNELS + "o = conv1d(x, c, d, 3, 4, stride = 2, padding = 1, dilation = 2)",
    "conv2d": PICTURES + "o = conv2d(x, c, d, 3, 2, 4, 3, stride = 2, padding = 1)",
    "dense": PLACES + "o = dense(x, n, h, tanh)",
    "dropout": UNITS + SCALED + "o = dropout(u, n, 0.2)",
    "embedding": "size T = 4, V = 6, d = 3\ninput word[T] in V\no = embedding(word, V, d)",
    "gaussian_noise": PLACES + "z = linear(x, n, h)\no = gaussian_noise(z, h, sigma = 0.2)",
    "geglu": PLACES + "o = geglu(x, n, h)",
    "glu": PLACES + "o = glu(x, n, h)",
    "gru": PLACES + "o = gru(x, T, n, h)",
    "layer_norm": PLACES + "z = linear(x, n, h)\no = layer_norm(z, h)",
    "linear": PLACES + "o = linear(x, n, h)",
    "lstm": PLACES + "o = lstm(x, T, n, h)",
    "max_pool": CHANNELS + "z = conv1d(x, c, d, 3, 7)\no = max_pool(z, 3, 3)",
    "max_pool2d": PICTURES + "z = conv2d(x, c, d, 1, 1, n, m)\no = max_pool2d(z, 3, 3, 2)",
    "mean_pool": CHANNELS + "z = conv1d(x, c, d, 3, 7)\no = mean_pool(z, 3, 3)",
    "mean_pool2d": PICTURES + "z = conv2d(x, c, d, 1, 1, n, m)\no = mean_pool2d(z, 3, 3, 2)",
    "multi_head_attention": PLACES
    + "input M[T, T] without samples\npromise mask M\no = multi_head_attention(x, M, n, h, a)",
    "residual": PLACES + "o = residual(x, n, h, tanh)",
    "rms_norm": PLACES + "z = linear(x, n, h)\no = rms_norm(z, h)",
    "rnn": PLACES + "o = rnn(x, T, n, h)",
    "softmax": PLACES + "z = linear(x, n, h)\no = softmax(z)",
    "swiglu": PLACES + "o = swiglu(x, n, h)",
    "transformer_block": PLACES
    + "input M[T, T] without samples\npromise mask M\no = transformer_block(x, M, n, 2, a, h)",
}


#: The errors of results that are not one row of units for each place.
ERRORS = {
    "batch_norm": "E = mean((o[i] - u[i]**2)**2, i)",
    "conv2d": "E = mean((o[f, s, t] - 1)**2, f, s, t)",
    "dropout": "E = mean((o[i] - 1)**2, i)",
    "max_pool2d": "E = mean((o[f, s, t] - 1)**2, f, s, t)",
    "mean_pool2d": "E = mean((o[f, s, t] - 1)**2, f, s, t)",
}


def statement(name: str) -> Statement:
    """A text with a layer, and an error of its result."""
    used = [layer for layer in LAYERS if f"{layer}(" in TEXTS[name]]
    error = ERRORS.get(name, "E = mean((o[t, i] - 1)**2, t, i)")
    return Statement(f"use {', '.join(used)}\n{TEXTS[name]}\n{error}")


def test_every_layer_is_tried():
    assert set(TEXTS) == set(LAYERS) == {path.stem for path in LAYERS_FOLDER.glob("*")}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.sampled(6)
def test_the_gradients_of_a_layer_are_right(name):
    derive(statement(name)).check().require()


@pytest.mark.parametrize("name", TEXTS)
def test_a_layer_says_what_it_is(name):
    assert LAYERS[name].call.startswith(f"{name}(x") or LAYERS[name].call.startswith((f"{name}(q", f"{name}(word"))
    lines = (LAYERS_FOLDER / f"{name}.eq").read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# {LAYERS[name].summary}." and len(lines[0]) <= 130
    assert [line for line in lines if line.startswith("block")] == [f"block {LAYERS[name].call}"]


def test_the_command_lists_them(capsys):
    assert main(["list", "layers"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {layer.call}  " in shown and layer.summary in shown for layer in LAYERS.values())


def read(folder, used, name="twice"):
    text = f"use {used}\ninput x[3]\nparameter w[3]\nu[i] = w[i] * x[i]\no = {name}(u)\nE = sum((o[i] - x[i])**2, i)"
    (folder / "net.eq").write_text(text)
    return Statement.from_file(folder / "net.eq")


TWICE = "block twice(x)\n  o[i] = 2 * x[i]\nend\n"


def test_a_file_beside_the_text_comes_before_the_catalogue(tmp_path):
    (tmp_path / "softmax.eq").write_text(TWICE)
    assert "2*" in str(derive(read(tmp_path, "softmax")).forward.equations[1].expression)
    (tmp_path / "softmax.eq").unlink()
    assert "exp" in str(derive(read(tmp_path, "softmax", "softmax")).forward.equations[1].expression)


@pytest.mark.parametrize("used", ["../twice", "/etc/passwd", "sub/twice", "twice.eq", "..", "~", "C:twice"])
def test_a_name_is_no_path(used, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "twice.eq").write_text(TWICE)
    with pytest.raises(StatementError, match="the name of a file is expected"):
        read(tmp_path / "in", used)


def test_a_link_that_leaves_the_folder_is_refused(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
    (outside / "twice.eq").write_text(TWICE)
    (inside / "twice.eq").symlink_to(outside / "twice.eq")
    with pytest.raises(StatementError, match="is a link to a file in another folder"):
        read(inside, "twice")
    (inside / "twice.eq").unlink()
    (inside / "other.eq").write_text(TWICE)
    (inside / "twice.eq").symlink_to(inside / "other.eq")
    read(inside, "twice")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#" * 500_000, "line 1 of twice: the text has more than 100000 characters, which is the limit"),
        (b"\xff\xfe", "this is not UTF-8 text"),
        (b"", "twice has lines outside of blocks"),
        (b"z = 1", "twice has lines outside of blocks"),
        (b"block twice(x)\n o[i] = 2 * \nend", "line 2 of twice: "),
    ],
)
def test_a_file_that_cannot_be_used_is_named(content, said, tmp_path):
    (tmp_path / "twice.eq").write_bytes(content)
    with pytest.raises(StatementError, match=said) as error:
        read(tmp_path, "twice")
    assert "net.eq, line 1, column 5: " in str(error.value)


def test_a_name_that_is_not_found_is_corrected(tmp_path):
    with pytest.raises(StatementError, match="did you mean layer_norm"):
        read(tmp_path, "layer_nrm")
    with pytest.raises(StatementError, match="into the folder of the text, or take a layer of"):
        read(tmp_path, "twice")
    with pytest.raises(StatementError, match="eq: take a layer of `derive list layers`"):
        Statement("use twice\nE = 1")


def test_an_error_in_a_block_of_a_file_is_placed_where_the_text_uses_it():
    with pytest.raises(StatementError) as error:
        Statement("use layer_norm\nsize n = 3, h = 4\ninput x[n]\no = layer_norm(x, h)\nE = sum(o[i], i)")
    first, shown, mark = str(error.value).splitlines()[:3]
    assert first.startswith("line 4, column 5: line 6 of layer_norm: i runs over n in x")
    assert (shown, mark) == ("    o = layer_norm(x, h)", "        ^")


def test_a_block_of_a_file_sees_no_names_of_the_text():
    """The tensors i and j of the text are no indices of the block, and its indices no tensors."""
    text = "use linear\ninput x[3]\nparameter i, j\no = linear(x, 3, 2)\nE = sum((o[k] - i * j)**2, k)"
    derive(Statement(text)).check().require()


def test_a_block_in_a_formula_is_refused():
    with pytest.raises(StatementError, match="dense is a block: write o = dense"):
        Statement("use dense\ninput x[3]\nz[i] = 2 * dense(x, 3, 2, tanh)\nE = sum(z[i], i)")


def test_a_layer_uses_those_of_the_catalogue(tmp_path):
    """A file of the text's folder with the name of a layer is used by the text alone."""
    linear = "block linear(x, n, h)\n  parameter A[h, n]\n  o[i] = sum(A[i, j] * x[j], j)\nend\n"
    (tmp_path / "linear.eq").write_text(linear)
    net = tmp_path / "net.eq"
    used = "use linear, residual\ninput x[3]\no = residual(x, 3, 4)\nq = linear(o, 3, 2)\n"
    net.write_text(f"{used}E = mean(q[i]**2, i)\n")
    parameters = Statement.from_file(net).forward_pass().parameters
    assert [p.name for p in parameters] == ["W1", "b1", "W2", "b2", "A"]
    (tmp_path / "dense.eq").write_text("block dense(x)\n  o[i] = y[i]\nend\n")
    used = "use dense, residual\ninput x[3]\no = residual(x, 3, 4, sn)\nq = dense(o)\n"
    net.write_text(f"{used}E = mean(q[i]**2, i)\n")
    with pytest.raises(StatementError) as wrong:
        Statement.from_file(net)
    assert "line 2 of dense: y is not stated" in str(wrong.value)
    assert "of dense of the catalogue: there is no function sn" in str(wrong.value)
