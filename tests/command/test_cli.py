"""The command: output, files, errors and exit status."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import derive
from derive import api
from derive.command.main import NAMES, main
from derive.files import write as render
from derive.files.seals import Content, seal_all
from derive.statement.edition import PARTS, Edition
from derive.statement.keys import CATALOGUES
from derive.statement.network import Network


class Report:
    """A gradient report without gradients."""

    def __init__(self, passed: bool) -> None:
        self.passed = passed

    def line(self) -> str:
        return "gradients right" if self.passed else "gradients WRONG"


class Fake:
    """A derivation that computes nothing, to test the command alone."""

    passed = True
    edition = Edition()

    def __init__(self, network: Network) -> None:
        self.network = self.specification = network

    def contents(self, edition: Edition) -> dict[str, Content]:
        type(self).edition = edition
        spec = self.network.to_toml() + edition.to_toml()
        texts: dict[str, Content] = {"derivation.tex": "Ψ\n", "trainer.py": "x = 1\n", "network.toml": spec}
        texts |= {f"parts/{name}.tex": f"{name}\n" for name in edition.only}
        return seal_all(texts, self.network.digest)

    def summary(self) -> list[str]:
        return [f"network {self.network.name}", "Ψ⁽¹⁾ = ∂E/∂z⁽¹⁾"]

    def check(self) -> Report:
        return Report(self.passed)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Fake]:
    """Replace the derivation, and change to an empty folder."""
    monkeypatch.setattr(api, "derive", Fake)
    monkeypatch.setattr(Fake, "passed", True)
    monkeypatch.chdir(tmp_path)
    return Fake


def status(*arguments: str) -> int:
    """Run the command in this process."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """Run a command that must fail, and return the one line that it says why."""
    assert status(*arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("derive: ") and err.endswith("\n") and err.count("\n") == 1
    assert err[:-1].isprintable() and len(err) < 300
    return err[len("derive: ") : -1]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "derive.command.main", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
    )


# The whole of a run.


def test_it_writes_the_files_and_says_so(fake: type[Fake], capsys: pytest.CaptureFixture[str]) -> None:
    assert status("network", "--layers", "3,4,4,1") == 0
    folder = Path("generated/network_3_4_4_1")
    assert {p.name: p.read_text() for p in folder.iterdir()} == Fake(Network("3,4,4,1")).contents(Edition())
    assert capsys.readouterr() == (
        "network network_3_4_4_1\n"
        "Ψ⁽¹⁾ = ∂E/∂z⁽¹⁾\n"
        "\n"
        "gradients right\n"
        "written   generated/network_3_4_4_1/derivation.tex\n"
        "written   generated/network_3_4_4_1/trainer.py\n"
        "written   generated/network_3_4_4_1/network.toml\n",
        "",
    )
    assert status("network", "--layers", "3,4,4,1") == 0
    assert "unchanged generated/network_3_4_4_1/trainer.py\n" in capsys.readouterr().out


def test_every_option_reaches_the_network(fake: type[Fake]) -> None:
    options = "--layers n,4,2 --activation tanh,softmax --loss cross_entropy --bias augmented --notation bracket"
    assert status("network", *options.split(), "--name", "net", "--output", "a/b") == 0
    expected = Network("n,4,2", "tanh,softmax", "cross_entropy", "augmented", "bracket", "net")
    assert Network.from_toml("a/b/net/network.toml") == expected


def test_every_option_reaches_the_edition(fake: type[Fake]) -> None:
    options = "--layers 3,1 --format md,html,pdf --detail brief --only chain,forward --flavour github --front-matter"
    assert status("network", *options.split(), "--label-prefix", "net.1-a:b", "--numbers", "seed:7") == 0
    expected = Edition("pdf,md,html", "brief", "forward,chain", "github", True, "net.1-a:b", "seed:7")
    assert fake.edition == expected == Edition.from_toml("generated/network_3_1/network.toml")


def test_the_specification_remembers_the_edition(fake: type[Fake]) -> None:
    assert status("network", "--layers", "3,1", "--format", "html,md", "--only", "loop", "--front-matter") == 0
    spec = Path("generated/network_3_1/network.toml")
    first = spec.read_bytes()
    assert status("network", "--spec", str(spec), "--output", "again") == 0
    assert Path("again/network_3_1/network.toml").read_bytes() == first
    assert status("network", "--spec", str(spec), "--check") == 0
    assert status("network", "--spec", str(spec), "--only", "chain", "--no-front-matter", "--output", "other") == 0
    assert fake.edition == Edition("html,md", only="chain")
    assert status("network", "--layers", "3,1") == 0
    assert fake.edition == Edition() and "document" not in spec.read_text()


def test_numbers_of_a_specification_are_beside_it(fake: type[Fake]) -> None:
    Path("a").mkdir()
    Path("a/net.toml").write_text('layers = [3, 1]\n[document]\nnumbers = "my.toml"\n')
    assert status("network", "--spec", "a/net.toml") == 0
    assert fake.edition.numbers == "a/my.toml"
    assert status("network", "--spec", "a/net.toml", "--numbers", "my.toml") == 0
    assert fake.edition.numbers == "my.toml"


def test_files_of_a_folder_are_shown_together(fake: type[Fake], capsys: pytest.CaptureFixture[str]) -> None:
    assert status("network", "--layers", "3,1", "--only", "chain,loop,check") == 0
    assert "written   generated/network_3_1/parts/ (3 files)\n" in capsys.readouterr().out
    assert status("network", "--layers", "3,1", "--only", "chain,loop,forward") == 0
    shown = capsys.readouterr().out
    assert "written   generated/network_3_1/parts/ (1 file)\n" in shown
    assert "unchanged generated/network_3_1/parts/ (2 files)\n" in shown
    assert "stale     generated/network_3_1/parts/ (1 file)\n" in shown
    assert status("network", "--layers", "3,1", "--only", "chain,loop,forward", "--check") == 1
    assert "parts/check.tex\n+++ /dev/null\n(no longer generated)\n" in capsys.readouterr().out


def test_the_written_specification_gives_the_same_bytes(fake: type[Fake]) -> None:
    assert status("network", "--layers", "3,4,2", "--activation", "tanh", "--loss", "sse") == 0
    first = {p.name: p.read_bytes() for p in Path("generated/network_3_4_2").iterdir()}
    assert status("network", "--spec", "generated/network_3_4_2/network.toml", "--output", "again") == 0
    assert {p.name: p.read_bytes() for p in Path("again/network_3_4_2").iterdir()} == first


def test_options_override_the_specification(fake: type[Fake]) -> None:
    Path("net.toml").write_text('layers = [3, 4, 1]\nactivation = "tanh"\nloss = "sse"')
    assert status("network", "--spec", "net.toml", "--layers", "5,2", "--loss", "mse") == 0
    assert Network.from_toml("generated/network_5_2/network.toml") == Network("5,2", "tanh")


def test_editing_the_specification_and_running_again(fake: type[Fake], capsys: pytest.CaptureFixture[str]) -> None:
    assert status("network", "--layers", "3,4,2") == 0
    spec = Path("generated/network_3_4_2/network.toml")
    spec.write_text(spec.read_text().replace('"mse"', '"sse"'))
    capsys.readouterr()
    assert "was edited by hand" in complaint(capsys, "network", "--layers", "3,4,2")
    assert status("network", "--spec", str(spec)) == 0
    assert Network.from_toml(spec).loss == "sse"
    assert render.edited(spec.read_text()) is False


def test_files_edited_by_hand_need_force(fake: type[Fake], capsys: pytest.CaptureFixture[str]) -> None:
    assert status("network", "--layers", "3,1") == 0
    module = Path("generated/network_3_1/trainer.py")
    module.write_text(module.read_text() + "# mine\n")
    capsys.readouterr()
    assert "use --force" in complaint(capsys, "network", "--layers", "3,1", "--loss", "sse")
    assert "mine" in module.read_text()
    assert Network.from_toml(module.with_name("network.toml")).loss == "mse"
    assert status("network", "--layers", "3,1", "--loss", "sse", "--force") == 0
    assert "mine" not in module.read_text()


def test_wrong_gradients_are_not_written(fake: type[Fake], capsys: pytest.CaptureFixture[str]) -> None:
    fake.passed = False
    message = complaint(capsys, "network", "--layers", "3,1", code=1)
    assert message == "the check failed and nothing was written: gradients WRONG"
    assert not Path("generated").exists()


def test_checking_what_is_on_disk(fake: type[Fake], capsys: pytest.CaptureFixture[str]) -> None:
    assert status("network", "--layers", "3,1", "--check") == 1
    assert "+++ generated/network_3_1/trainer.py\n" in capsys.readouterr().out
    assert not Path("generated").exists()
    assert status("network", "--layers", "3,1") == 0
    capsys.readouterr()
    assert status("network", "--layers", "3,1", "--check") == 0
    assert capsys.readouterr().out == "generated/network_3_1 is up to date\n"
    module = Path("generated/network_3_1/trainer.py")
    module.write_text(module.read_text().replace("x = 1", "x = 2"))
    assert status("network", "--layers", "3,1", "--check") == 1
    assert "\n-x = 2\n+x = 1\n" in capsys.readouterr().out
    assert "x = 2" in module.read_text()


def test_an_interrupt(fake: type[Fake], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert status("network", "--layers", "3,1") == 0
    before = {p: p.read_bytes() for p in Path("generated").rglob("*") if p.is_file()}
    capsys.readouterr()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for owner, name in ((render, "fsync"), (api, "derive")):
        monkeypatch.setattr(owner, name, stop)
        assert complaint(capsys, "network", "--layers", "3,1", "--loss", "sse", code=130) == "interrupted"
        assert {p: p.read_bytes() for p in Path("generated").rglob("*") if p.is_file()} == before


def test_internal_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(api, "derive", wrong)
    with pytest.raises(ValueError, match="a bug"):
        main(["network", "--layers", "3,1"])


# What it refuses.


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("", "which network: give --layers"),
        ("--loss sse", "which network: give --layers"),
        ("--layers 3", "only 3"),
        ("--layers 3,,4", "entry 2 is empty"),
        ("--layers 3,-4", "entry 2 is '-4'"),
        ("--layers -3,4", "entry 1 is '-3', but a width must be at least 1"),
        ("--layers=-3,4", "entry 1 is '-3'"),
        ("--layers 3,0", "entry 2 is '0'"),
        ("--layers 3,4.5", "entry 2 is '4.5'"),
        ("--layers abc;", "entry 1 is 'abc;'"),
        ("--layers=", "entry 1 is empty"),
        ("--layers 3,4 --activation tanh,tanh", "holds 2 names for the 1 layer after"),
        ("--layers 3,4 --activation=", "unknown activation ''"),
        ("--layers 3,4,2 --activation softmax,tanh", "softmax is for the outputs"),
        ("--layers 3,4 --loss cross_entropy", "needs softmax"),
        ("--layers 3,4 --activation sigmoyd", "did you mean sigmoid (`derive list activations` shows all)?"),
        ("--layers 3,4 --loss mee", "unknown loss 'mee': there are mse, half_mse, "),
        ("--layers 3,4 --bias non", "did you mean none ("),
        (
            "--layers 3,4 --notation phi",
            "unknown notation 'phi': there are psi, bracket, delta and xbar, and `derive list",
        ),
        ("--layers 3,4 --name 3,4", "name is '3,4'"),
        ("--layers 3,4 --name=", "name is ''"),
        ("--layers 3,4 --name ../up", "name is '../up'"),
        ("--spec none.toml", "none.toml: there is no such file"),
        ("--spec .", "cannot be read (is a directory)"),
        ("--layers 3,4 --check --force", "not allowed with argument"),
        ("--layer 3,4", "unrecognized arguments: --layer"),
        ("--layers 3,4 --out x", "unrecognized arguments: --out x"),
        ("--layers 3,4 extra", "unrecognized arguments: extra"),
        ("--layers", "argument --layers: expected one argument"),
        ("--layers \x1b[2J", r"entry 1 is '\x1b[2J'"),
        ("--layers 3,4 \x1b[2J", r"unrecognized arguments: \x1b[2J"),
        ("--layers 3,4 --format", "argument --format: expected one argument"),
        ("--layers 3,4 --format=", "format is empty: give names such as tex,pdf"),
        ("--layers 3,4 --format htm", "unknown format 'htm': did you mean html ("),
        ("--layers 3,4 --format tex,,md", "format: entry 2 is empty"),
        ("--layers 3,4 --format tex,tex", "format names tex twice"),
        ("--layers 3,4 --format TEX", "unknown format 'TEX': did you mean tex ("),
        ("--layers 3,4 --detail ful", "unknown detail 'ful': did you mean full (`derive list details`"),
        ("--layers 3,4 --detail brief,full", "unknown detail 'brief,full'"),
        ("--layers 3,4 --only forwrd", "unknown part 'forwrd': did you mean forward (`derive list parts`"),
        ("--layers 3,4 --only ../chain", "unknown part '../chain'"),
        ("--layers 3,4 --only=", "only is empty"),
        ("--layers 3,4 --only chain,chain", "only names chain twice"),
        ("--layers 3,4 --only numbers", "needs numbers"),
        (
            "--layers 3,4 --format md --flavour git",
            "unknown flavour 'git': there are myst, kramdown, github, obsidian and exercise",
        ),
        ("--layers 3,4 --flavour github", "flavour github is for md, which the format does not name: give md there"),
        ("--layers 3,4 --flavour github --format ipynb", "flavour github is for md, which"),
        ("--layers 3,4 --flavour exercise --format md", "flavour exercise is for ipynb, which the format does not"),
        ("--layers 3,4 --front-matter", "front_matter is for md"),
        ("--layers 3,4 --format html --label-prefix a", "label_prefix is for tex or pdf or md"),
        ("--layers 3,4 --label-prefix a_b", "label_prefix is 'a_b', but is made of"),
        ("--layers 3,4 --label-prefix }\\input", "label_prefix is '}"),
        ("--layers 3,4 --label-prefix é", r"label_prefix is '\xe9'"),
        ("--layers 3,4 --label-prefix \x1b[2J", r"label_prefix is '\x1b[2J'"),
        ("--layers 3,4 --label-prefix " + "a" * 41, "longer than 40 characters"),
        ("--layers 3,4 --numbers=", "numbers is empty"),
        ("--layers 3,4 --numbers seed:x", "a seed is a whole number"),
        ("--layers 3,4 --numbers seed:", "a seed is a whole number"),
        ("--layers 3,4 --output /dev/null", "/dev/null is not a folder"),
        ("--layers 3,4 --output /proc/net", "cannot write to /proc/net/network_3_4"),
    ],
)
def test_bad_options(
    fake: type[Fake], capsys: pytest.CaptureFixture[str], options: str, says: str, tmp_path: Path
) -> None:
    assert says in complaint(capsys, "network", *options.split(" ")[not options :])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("layers = [3, 4]\nlose = 'mse'", "net.toml: unknown key 'lose': did you mean loss?"),
        ("layers = 3", "net.toml: layers is an integer"),
        ("layers = [3, 4", "net.toml, line 1, column 15: not TOML"),
        ("layers = [3, 4]\nloss = mse", "net.toml, line 2, column 8: not TOML"),
        ("layers = [3, 4]\ndocumnt = 1", "net.toml: unknown key 'documnt': did you mean document?"),
        ("layers = [3, 4]\ndocument = 1", "net.toml: document is an integer, 1, where a table is expected"),
        ("layers = [3, 4]\n[[document]]", "net.toml: document is an array"),
        ("layers = [3, 4]\n[document]\nflavor = 1", "net.toml: document: unknown key 'flavor': did you mean flavour?"),
        ("layers = [3, 4]\n[document]\nformat = 3", "net.toml: document: format is an integer, 3, where a list"),
        ("layers = [3, 4]\n[document]\nformat = [3]", "net.toml: document: format is an integer, 3, where a name"),
        ("layers = [3, 4]\n[document]\nfront_matter = 'yes'", "front_matter is a string, 'yes', where true or"),
        ("layers = [3, 4]\n[document]\nonly = ['numbers']", "net.toml: document: only names numbers"),
        ("layers = [3, 4]\n[document]\nnumbers = true", "numbers is a boolean, True, where a seed such as 7"),
        ("layers = [3, 4]\n[document]\nnumbers = 1.5", "numbers is a float, 1.5, where a seed such as 7"),
    ],
)
def test_bad_specifications(fake: type[Fake], capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    Path("net.toml").write_text(text)
    assert says in complaint(capsys, "network", "--spec", "net.toml")
    assert [p.name for p in Path().iterdir()] == ["net.toml"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["netwrk"], "invalid choice: 'netwrk'"),
        (["list", "loss"], "invalid choice: 'loss'"),
        (["check"], "the following arguments are required: PATH"),
        (["check", "none"], "none"),
        (["check", "x\ny"], r"x\ny"),
        (["--vers"], "COMMAND"),
    ],
)
def test_bad_commands(
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in complaint(capsys, *arguments)


def test_a_foreign_module_cannot_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trainer.py").write_text("x = 1\n")
    for path in (tmp_path, tmp_path / "trainer.py"):
        assert "generated module" in complaint(capsys, "check", str(path))


# Help, lists, terminals.


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["network", "--help"], ["explain", "--help"], ["list", "parts"], ["--version"], ["list", "x"], []],
)
def test_help_does_not_import_the_libraries(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom derive.command.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(*sorted({'sympy', 'numpy', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == ""


def test_the_version(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert status("--version") == 0
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"derive {project['version']}\n"


def test_every_option_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("network", "--help") == 0
    shown = capsys.readouterr().out
    options = "layers activation loss bias notation spec name output estimator check force"
    document = "format detail only flavour front-matter label-prefix paper numbers"
    for option in f"{options} {document}".split():
        assert f"--{option}" in shown


@pytest.mark.parametrize("what", CATALOGUES)
def test_lists_show_every_entry(capsys: pytest.CaptureFixture[str], what: str) -> None:
    from importlib import import_module

    assert status("list", what) == 0
    title, *rows = capsys.readouterr().out.splitlines()
    module, name = CATALOGUES[what]
    entries = getattr(import_module(module), name)
    assert title == what and len(rows) == len(entries)
    for row, entry in zip(rows, entries.values(), strict=True):
        assert row.startswith(f"  {entry.name} ") and entry.summary in row
        assert all(f"; {option.name}: {option.meaning}, " in row for option in getattr(entry, "options", ()))


@pytest.mark.parametrize("what", NAMES)
def test_lists_show_every_name_of_the_document(capsys: pytest.CaptureFixture[str], what: str) -> None:
    assert status("list", what) == 0
    title, *rows = capsys.readouterr().out.splitlines()
    assert title == what and len(rows) == len(NAMES[what])
    for row, (name, summary) in zip(rows, NAMES[what].items(), strict=True):
        assert row.startswith(f"  {name} ") and row.endswith(summary)


def test_the_whole_list_is_all_lists(capsys: pytest.CaptureFixture[str]) -> None:
    parts = []
    for what in (*CATALOGUES, *NAMES):
        assert status("list", what) == 0
        parts.append(capsys.readouterr().out)
    assert status("list") == 0
    assert capsys.readouterr().out == "\n".join(parts)


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours(
    fake: type[Fake],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    environment: dict[str, str],
    coloured: bool,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert status("network", "--layers", "3,1") == 0
    assert ("\x1b[" in capsys.readouterr().out) == coloured


def test_a_terminal_with_a_limited_encoding() -> None:
    done = command("list", "activations", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stderr == ""
    assert "\\u" in done.stdout and done.stdout.isascii()


def test_a_closed_pipe() -> None:
    for arguments, codes in ((["list"], {1}), (["--help"], {0, 1})):  # argparse itself ignores it
        process = subprocess.Popen(
            [sys.executable, "-m", "derive.command.main", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait() in codes


# The library's front door.


def test_the_public_names() -> None:
    for name in derive.__all__:
        assert name in dir(derive)
        assert getattr(derive, name) is not None
    assert derive.derive is api.derive and derive.Network is Network
    with pytest.raises(AttributeError, match="no attribute 'deriv'"):
        derive.deriv  # noqa: B018  # the look-up is the test


def test_importing_the_package_imports_nothing_else() -> None:
    script = (
        "import sys; before = set(sys.modules); import derive; derive.__version__\n"
        "print(*(m for m in set(sys.modules) - before if m.startswith(('derive', 'sympy', 'numpy'))))\n"
        "from derive import Network, derive\nprint(callable(derive), Network.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "derive\nTrue Network\n"


# The real thing.


#: The files of a package, but for what is read.
CODE = {"network.py", "trainer.py", "_steps.py", "_runtime.py", "__main__.py", "test_trainer.py", "__init__.py"}


def test_the_command_itself(tmp_path: Path) -> None:
    done = command("network", "--layers", "3,4,2", "--output", str(tmp_path), PYTHONHASHSEED="1")
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "network_3_4_2"
    names = {"derivation.tex", "document.tex", "network.toml", *CODE}
    names |= {f"parts/{name}.tex" for name in PARTS if name not in ("numbers", "exercises")}
    assert found(folder) == names
    assert all(render.edited((folder / name).read_text()) is False for name in names)
    assert "26" in done.stdout and "Ψ" in done.stdout and len(done.stdout.splitlines()) < 34
    for name in (n for n in names if "/" not in n):
        assert f"written   {folder / name}\n" in done.stdout
    assert f"written   {folder}/parts/ (10 files)\n" in done.stdout
    again = command("network", "--layers", "3,4,2", "--output", str(tmp_path), "--check", PYTHONHASHSEED="2")
    assert (again.returncode, again.stdout) == (0, f"{folder} is up to date\n")
    checked = command("check", str(folder))
    assert checked.returncode == 0 and "W1" in checked.stdout and "right" in checked.stdout
    assert found(folder) == names


def found(folder: Path) -> set[str]:
    """The names of all files in a folder and below."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


#: What each format writes, besides what is always written.
WRITTEN = {
    "tex": {"derivation.tex", "document.tex", "parts/chain.tex"},
    "md": {"derivation.md", "parts/chain.md"},
    "html": {"derivation.html"},
    "ipynb": {"derivation.ipynb"},
    "svg": {"network.svg"},
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.sampled(3)
def test_each_format_writes_its_files(name: str, tmp_path: Path) -> None:
    assert status("network", "--layers", "2,1", "--only", "chain", "--format", name, "--output", str(tmp_path)) == 0
    folder = tmp_path / "network_2_1"
    assert found(folder) == WRITTEN[name] | {"network.toml", *CODE}
    assert all(render.edited((folder / file).read_bytes()) is False for file in found(folder))
    assert status("network", "--spec", str(folder / "network.toml"), "--output", str(tmp_path), "--check") == 0


def test_numbers_from_a_file_are_kept_beside_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = tmp_path / "mine.toml"
    numbers.write_text("X = [0.05, 0.10]\nW1 = [[0.15, 0.20]]\nb1 = 0.35\nY = [1]\nfixed = ['b1']\ndigits = 9\n")
    options = ("--layers", "2,1", "--only", "numbers", "--output", str(tmp_path / "out"))
    assert status("network", *options, "--numbers", str(numbers)) == 0
    folder = tmp_path / "out" / "network_2_1"
    written = {name: (folder / name).read_bytes() for name in found(folder)}
    assert "numbers.toml" in written and str(tmp_path).encode() not in b"".join(written.values())
    spec = ("--spec", str(folder / "network.toml"), "--output", str(tmp_path / "out"))
    assert status("network", *spec, "--check") == 0
    again = ("--spec", str(folder / "network.toml"), "--output", str(tmp_path / "again"))
    assert status("network", *again) == 0
    copy = tmp_path / "again" / "network_2_1"
    assert {name: (copy / name).read_bytes() for name in found(copy)} == written
    kept = folder / "numbers.toml"
    kept.write_text(kept.read_text().replace("0.35", "0.36"))
    capsys.readouterr()
    assert "numbers.toml was edited by hand" in complaint(capsys, "network", *options, "--numbers", str(numbers))
    assert status("network", *spec) == 0
    assert render.edited(kept.read_text()) is False and "b1 = 0.36" in kept.read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("X = [1, 2, 3]", "mine.toml: X has 3 numbers for each sample, but the network has 2 inputs"),
        ("x = [1, 2]", "mine.toml: unknown key 'x': did you mean X?"),
        ("X = ", "mine.toml, line 1"),
    ],
)
def test_numbers_that_do_not_fit(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(text)
    assert says in complaint(capsys, "network", "--layers", "2,1", "--numbers", "mine.toml")
    assert [p.name for p in Path().iterdir()] == ["mine.toml"]


def test_numbers_of_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    says = complaint(capsys, "network", "--layers", "2,1", "--numbers", "none.toml", "--output", str(tmp_path))
    assert says == "none.toml: there is no such file"


# Explaining.


def test_the_story_of_a_weight(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert status("explain", "--layers", "3,4,4,1", "--weight", "W2[3,1]") == 0
    shown = capsys.readouterr().out
    assert "w⁽²⁾_31 → z⁽²⁾_3 → a⁽²⁾_3 → z⁽³⁾ → ŷ → E" in shown
    assert "∂E/∂w⁽²⁾_31 = Ψ⁽²⁾_3 a⁽¹⁾_1" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_the_story_as_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ("--layers", "2,3,1", "--weight", "b1[2]", "--output", str(tmp_path))
    assert status("explain", *options, "--format", "tex,md,html,svg") == 0
    folder = tmp_path / "network_2_3_1_b1_2"
    assert found(folder) == {"derivation.tex", "document.tex", "derivation.md", "derivation.html", "network.svg"}
    (folder / "derivation.md").write_text("mine\n")
    capsys.readouterr()
    assert "use --force" in complaint(capsys, "explain", *options, "--format", "md")
    assert status("explain", *options, "--format", "md", "--force") == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--layers 3,4,1", "the following arguments are required: --weight"),
        ("--weight W1[1,1]", "which network"),
        ("--layers 3,4,1 --weight W1[5,1]", "5 is not between 1 and 4"),
        ("--layers 3,4,1 --weight W1[0,1]", "0 is not between 1 and 4"),
        ("--layers 3,4,1 --weight W1[1]", "write a row and a column"),
        ("--layers 3,4,1 --weight W9[1,1]", "it has W1, b1, W2 and b2"),
        ("--layers 3,4,1 --weight W1[1,1", "a weight is written like W1[1,1]"),
        ("--layers 3,4,1 --weight __import__('os')", "a weight is written like W1[1,1]"),
        ("--layers 3,4,1 --weight=", "a weight is written like W1[1,1]"),
        ("--layers 3,4,1 --weight W1[\x1b,1]", "a weight is written like W1[1,1]"),
        ("--layers 3,4,1 --weight W1[1,1] --format ipynb", "ipynb is not a format of a story"),
        ("--layers 3,4,1 --weight W1[1,1] --format dvi", "unknown format 'dvi'"),
        ("--layers 3,4,1 --weight W1[1,1] --numbers none.toml", "none.toml: there is no such file"),
    ],
)
def test_bad_stories(
    capsys: pytest.CaptureFixture[str], options: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in complaint(capsys, "explain", *options.split(" "))
    assert not list(tmp_path.iterdir())


def test_a_wrong_gradient_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("network", "--layers", "3,4,2", "--output", str(tmp_path)) == 0
    module = tmp_path / "network_3_4_2" / "network.py"
    right = module.read_text()
    assert right.count("np.sum(Psi2, axis=1") == 1, "the line of the bias gradient that is spoilt below"
    module.write_text(right.replace("np.sum(Psi2, axis=1", "1.001 * np.sum(Psi2, axis=1"))
    capsys.readouterr()
    assert status("check", str(module)) == 1
    assert "WRONG" in capsys.readouterr().out
