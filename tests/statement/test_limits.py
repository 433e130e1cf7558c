"""Very long texts and very large numbers: fast, short errors, and no silent changes."""

from __future__ import annotations

import time

import pytest

from derive.command.main import main
from derive.statement.edition import Edition
from derive.statement.network import Network, SpecError
from derive.text.entry_text import split_entries
from derive.text.toml_file import read_toml
from derive.text.user_text import is_package_name, shown

MEGABYTE = 10**6
NETWORK_KEYS = "layers activation loss bias notation name optimizer l2 clip schedule initialisation".split()
DOCUMENT_KEYS = "format detail only flavour label-prefix paper numbers".split()
SIGNS = [
    "x",
    "(",
    ")",
    ",",
    "0",
    "9",
    " ",
    "\t",
    "=",
    "/",
    ".",
    "-",
    "_",
    "é",
    "\ud800",
    "a,",
    " x",
    "a1",
    "relu,",
    "3,",
]
TEXTS = {sign: (sign * MEGABYTE)[:MEGABYTE] for sign in SIGNS} | {
    "a1...x": "a" + "1" * MEGABYTE + "x",
    "elu(": "elu(" + "x" * MEGABYTE,
    "elu(alpha=9...)": f"elu(alpha={'9' * MEGABYTE})",
    "W2 ... x": "W2" + " " * MEGABYTE + "x",
    "0.0...1": "0." + "0" * MEGABYTE + "1",
    "1e-9...": "1e-" + "9" * MEGABYTE,
}
#: What is short enough for the door, and long enough for what takes the square of a length.
SHORTER = {name: text[:19_000] for name, text in TEXTS.items()}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the message of a command that must fail quickly with one short sentence."""
    begun = time.process_time()
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = int(stop.code or 0)
    taken = time.process_time() - begun
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("derive: ") and err.count("\n") == 1 and len(err) < 420
    assert taken < 4  # what a megabyte takes where time grows with its square is 30 s and more
    return err


@pytest.mark.parametrize("texts", [TEXTS, SHORTER], ids=["megabyte", "shorter"])
@pytest.mark.parametrize("option", [*NETWORK_KEYS, "spec", *DOCUMENT_KEYS])
def test_no_option_is_slow_to_refuse(option, texts, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Network("3,1")  # what it imports is not measured
    basis = [] if option in ("layers", "spec") else ["--layers", "3,1"]
    for text in texts.values():
        refused(capsys, "network", *basis, "--format=md", f"--{option}={text}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("texts", [TEXTS, SHORTER], ids=["megabyte", "shorter"])
def test_no_other_argument_is_slow_to_refuse(texts, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from derive.api import derive

    derive(Network("3,1"))
    for text in texts.values():
        refused(capsys, "explain", "--layers", "3,1", "--weight", text)
        refused(capsys, "network", "--layers", "3,1", "--" + text)
        refused(capsys, "network", "--layers", "3,1", f"--output={text}" if len(text) > 20_000 else f"--out{text}")
        refused(capsys, "check", text)
        refused(capsys, "list", text)
        refused(capsys, text)


@pytest.mark.parametrize("key", ["layers", "activation", "loss", "name", "optimizer", "schedule"])
def test_no_value_in_python_is_slow_to_refuse(key):
    for text in (*TEXTS.values(), *SHORTER.values()):
        begun = time.process_time()
        for value in (text, [text, text]):
            with pytest.raises(SpecError) as said:
                Network(**{"layers": "3,4,1", key: value})
            assert len(str(said.value)) < 420
        assert time.process_time() - begun < 1


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.sampled(2)
def test_no_value_in_a_file_is_slow_to_refuse(table, capsys, tmp_path):
    path = tmp_path / "net.toml"
    keys = [key.replace("-", "_") for key in (DOCUMENT_KEYS if table else NETWORK_KEYS)]
    for sign in ("x", "(", ",", "9", " ", "a1", "relu,", "é"):
        text = (sign * MEGABYTE)[: MEGABYTE - 200]
        for key in keys:
            head = "layers = [3, 1]\n[document]\n" if table else "" if key == "layers" else "layers = [3, 1]\n"
            path.write_text(f'{head}{key} = "{text[: MEGABYTE // 2 - 100]}"\n')
            refused(capsys, "network", "--spec", str(path))


@pytest.mark.parametrize(
    "text",
    [
        "a." * 490_000 + "a = 1",
        '"a".' * 240_000 + "a = 1",
        "[" + "a." * 490_000 + "a]",
        "a = {" + "b." * 490_000 + "b = 1}",
        "x" * 990_000,
        "a = " + "[" * 990_000,
        "a = " + "9" * 990_000,
        "a = 0x" + "f" * 990_000,
        "layers = [3, 0x" + "f" * 900_000 + "]",
        "layers = [3, 0x" + "f" * 2_000 + "]",
        "layers = [3, 1]\nl2 = 0x" + "f" * 3_000,
        "l2 = 1e" + "9" * 900_000,
        "l2 = 0." + "0" * 900_000 + "1",
        '"' + "x" * 900_000 + '" = 1',
        "[" + "x" * 400_000 + "]\n[" + "x" * 400_000 + "]",
    ],
    ids=range(15),
)
def test_no_file_is_slow_to_refuse(text, capsys, tmp_path):
    path = tmp_path / "net.toml"
    path.write_text(text)
    refused(capsys, "network", "--spec", str(path))


def test_ordinary_files_have_no_such_limits(tmp_path):
    path = tmp_path / "numbers.toml"
    rows = ", ".join("[" + ", ".join(["0.25", "-1.5e-3"] * 392) + "]" for _ in range(50))
    path.write_text(f"# {'.' * 500}\nX = [{rows}]\nd = 1979-05-27T07:32:00.999999\n")
    assert read_toml(path)["X"][49][783] == -1.5e-3


# Numbers.


@pytest.mark.parametrize("option", ["l2", "clip"])
@pytest.mark.parametrize("number", ["1e-400", "-1e-400", "0." + "0" * 350 + "1", "0.00001e-320", ".1E-9999"])
def test_a_number_that_would_become_0_is_refused(option, number, capsys, tmp_path):
    assert "too small to be told from 0" in refused(capsys, "network", "--layers", "3,1", f"--{option}={number}")
    path = tmp_path / "net.toml"
    number = number.replace(".1E", "0.1E")
    path.write_text(f"layers = [3, 1]\n{option} = {number}\n")
    assert "net.toml: holds " in refused(capsys, "network", "--spec", str(path))


@pytest.mark.parametrize("number", ["1e400", "9" * 350, "1e99999"])
def test_a_number_that_would_become_infinite_is_refused(number, capsys):
    for option in ("l2", "clip"):
        assert "too large for a number" in refused(capsys, "network", "--layers", "3,1", f"--{option}={number}")
    for loss in (f"huber(delta={number})", f"huber(delta=1/{number})", "huber(delta=1e-400)"):
        refused(capsys, "network", "--layers", "3,1", f"--loss={loss}")


def test_zero_is_zero_however_it_is_written():
    for text in ("0", "0.000", "0e-999", "-0.0e5", "." + "0" * 300):
        assert Network("3,1", l2=text).l2 == 0


def test_numbers_of_an_example_that_floats_do_not_hold(tmp_path):
    path = tmp_path / "mine.toml"
    for number, says in (("1e-400", "too small"), ("1e400", "too large")):
        path.write_text(f"X = [[0.5, {number}]]")
        with pytest.raises(SpecError, match=f"mine.toml: holds {number}, which is {says}"):
            read_toml(path)


def test_integers_of_thousands_of_digits():
    huge = 10**5000
    for make in (
        lambda: Network([3, huge]),
        lambda: Network("3,1", l2=huge),
        lambda: Network("3,1", name=huge),
        lambda: Network("3,1", loss=[huge]),
        lambda: Edition(numbers=huge),
    ):
        with pytest.raises(SpecError) as said:
            make()
        assert len(str(said.value)) < 300
    assert len(shown([huge])) < 60


# Names.


@pytest.mark.parametrize("name", "nan NaN inf INF infinity Infinity none null NULL nil true false".split())
def test_values_are_no_names_of_widths(name):
    with pytest.raises(SpecError, match=f"layers: entry 1 is '{name}', which stands for a value that is no width"):
        Network(f"{name},4")
    Network("n,inner,4")


@pytest.mark.parametrize("name", "CON con Prn AUX aux NUL nul COM1 com9 com0 LPT1 lpt9 Lpt0".split())
def test_devices_are_no_names_of_folders(name):
    with pytest.raises(SpecError, match=f"name is '{name}', which Windows keeps for a device"):
        Network("3,1", name=name)
    assert not is_package_name(name)
    for other in (f"{name}.txt", f"{name}.", f"{name} ", f" {name}", "my_net.", "my_net "):
        with pytest.raises(SpecError, match="name is"):
            Network("3,1", name=other)
    assert Network("3,1", name=f"{name}_net").name == f"{name}_net"


def test_lists_are_split_in_one_go():
    begun = time.process_time()
    assert len(split_entries("x" * MEGABYTE)) == 1 and len(split_entries("a," * MEGABYTE)) == MEGABYTE + 1
    assert time.process_time() - begun < 5
    assert split_entries(" a (b, c) , (d,,),e)") == ("a (b, c)", "(d,,)", "e)")
    assert split_entries("") == ("",) and split_entries(",") == ("", "")


def test_a_long_path_is_shown_in_part(capsys, tmp_path):
    deep = tmp_path.joinpath(*["deep" * 30] * 20)
    said = refused(capsys, "network", "--spec", str(deep / "net.toml"))
    assert said.endswith("net.toml: there is no such file\n") and "..." in said
