"""Every document that derive writes compiles, with nothing undefined and nothing too wide."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from pathlib import Path

import networks
import pytest
from models import MODELS

from derive import Derivation, Edition, Network, derive
from derive.document.document import document
from derive.document.view import View
from derive.formats.tex import tex_files
from derive.paper.notation import NOTATIONS
from derive.statement.edition import PARTS

WIDTHS = (3, 4, 2, 5, 3, 6, 2)

NETWORKS: dict[str, dict[str, object]] = {
    f"{notation}_{depth}": {"layers": WIDTHS[: depth + 1], "notation": notation}
    for notation in NOTATIONS
    for depth in range(1, 7)
}
NETWORKS |= {
    f"{notation}_{bias}": {"layers": (3, 5, 4, 2), "bias": bias, "notation": notation}
    for notation in NOTATIONS
    for bias in ("augmented", "none")
}
NETWORKS |= {
    f"{notation}_named": {"layers": ("n", "h", "h", "k"), "notation": notation, "bias": bias}
    for notation, bias in zip(NOTATIONS, cycle(("separate", "augmented", "none")), strict=False)
}
NETWORKS |= {
    f"{notation}_wide": {
        "layers": (784, 1000, "hidden", 128, 10),
        "activation": ("relu", "softplus", "tanh", "softmax"),
        "loss": "cross_entropy",
        "notation": notation,
        "bias": bias,
    }
    for notation, bias in zip(NOTATIONS, cycle(("augmented", "separate")), strict=False)
}
NETWORKS |= {
    f"{activation}_{loss}": {
        "layers": (3, 4, 2),
        "activation": activation,
        "loss": loss,
        "notation": notation,
    }
    for activation, loss, notation in (
        ("identity", "sse", "psi"),
        ("sigmoid", "binary_cross_entropy", "bracket"),
        ("tanh", "half_mse", "delta"),
        ("relu", "mse", "bracket"),
        ("softplus", "half_sse", "psi"),
    )
}
NETWORKS |= {
    f"softmax_{loss}_{notation}": {
        "layers": (3, 4, 5),
        "activation": ("tanh", "softmax"),
        "loss": loss,
        "notation": notation,
    }
    for loss, notation in (("cross_entropy", "psi"), ("cross_entropy", "bracket"), ("mse", "delta"))
}

NETWORKS |= {
    f"{notation}_deep_{output}": {
        "layers": (*WIDTHS[:6], *WIDTHS[1:6], 3),
        "activation": (*["tanh"] * 10, output),
        "loss": loss,
        "notation": notation,
    }
    for notation in NOTATIONS
    for output, loss in (("softmax", "cross_entropy"), ("identity", "mse"))
}

NETWORKS |= {
    f"softmax_named_{notation}": {
        "layers": (3, 12345, "classes"),
        "activation": ("tanh", "softmax"),
        "loss": "mse",
        "notation": notation,
    }
    for notation in NOTATIONS
}

COMPLAINT = re.compile(
    r"^!|^\S+:\d+: |^Overfull|^Missing character|^(LaTeX|Package|Class|pdfTeX)\b.* [Ww]arning\b"
    r"|undefined|multiply defined"
)
"""A line of a log: an error in either of its two forms, or a warning (underfull boxes are none)."""

Compile = Callable[..., str]


@pytest.fixture
def compile_latex(tmp_path: Path, skip_unless_required: Callable[[str], None]) -> Compile:
    """Compile a document, beside files already in `tmp_path`, and return the log of its last pass."""

    def run(text: str, engine: str = "pdflatex", passes: int = 2) -> str:
        if shutil.which(engine) is None:
            skip_unless_required(f"{engine} is not installed")
        (tmp_path / "document.tex").write_text(text, encoding="utf-8")
        for _ in range(passes):
            done = subprocess.run(
                [engine, "-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "document.tex"],
                cwd=tmp_path,
                env={**os.environ, "max_print_line": "10000"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=False,
            )
            log = (tmp_path / "document.log").read_text(encoding="utf-8", errors="replace")
            assert done.returncode == 0, complaints(log)
        return log

    return run


def complaints(log: str) -> str:
    """Return the log lines with an error, a warning or an overfull box, each with the next line."""
    lines = log.splitlines()
    return "\n".join("\n".join(lines[i : i + 2]) for i, line in enumerate(lines) if COMPLAINT.search(line))


def network(**description: object) -> Network:
    return Network(**description)  # type: ignore[arg-type]


def parts(detail: str = "full", prefix: str = "", only: tuple[str, ...] = (), **description: object) -> str:
    """Return the fragments of a network."""
    derivation = derive(network(**description))
    return tex_files(document(View(derivation, detail), only), prefix)["derivation.tex"]


def inputs(folder: Path, fragments: dict[str, str]) -> str:
    """Write fragments into files, and read them all."""
    for name, text in fragments.items():
        (folder / f"{name}.tex").write_text(text, encoding="utf-8")
    return "\n".join(rf"\section{{{name.replace('_', ' ')}}} \input{{{name}}}" for name in fragments)


def bundles() -> dict[str, list[str]]:
    """The networks in a few documents: starting TeX takes longer than most of them."""
    return {f"{first}": list(NETWORKS)[first : first + 9] for first in range(0, len(NETWORKS), 9)}


#: The text of a plain article is the narrowest that a fragment must fit; nothing is loaded but what it asks for.
PLAIN = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage{xcolor}
\usepackage{tikz}
\begin{document}
%s
\end{document}
"""


@pytest.mark.parametrize("bundle", bundles())
@pytest.mark.sampled(12)
def test_fragments_fit_a_plain_article(bundle: str, compile_latex: Compile, tmp_path: Path) -> None:
    read = inputs(tmp_path, {name: parts(**NETWORKS[name]) for name in bundles()[bundle]})
    assert not complaints(compile_latex(PLAIN % read, passes=1))


@pytest.mark.parametrize("detail", ["brief", "exhaustive"])
@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.sampled(12)
def test_every_detail(notation: str, detail: str, compile_latex: Compile, tmp_path: Path) -> None:
    chosen = [n for n in (f"{notation}_5", f"{notation}_named", f"{notation}_wide") if n in NETWORKS]
    read = inputs(tmp_path, {name: parts(detail, **NETWORKS[name]) for name in chosen})
    assert not complaints(compile_latex(PLAIN % read, passes=1))


@pytest.mark.parametrize("depth", [7, 8])
@pytest.mark.sampled(2)
def test_deep_and_exhaustive(depth: int, compile_latex: Compile, tmp_path: Path) -> None:
    fragment = parts("exhaustive", layers=(*WIDTHS, 3, 2)[: depth + 1])
    assert not complaints(compile_latex(PLAIN % inputs(tmp_path, {"deep": fragment}), passes=1))


#: Networks whose pages are looked at: the smallest, those of the textbooks, a wide one, softmax.
PAGES: dict[str, dict[str, object]] = {
    "unit": {"layers": (3, 1)},
    "small": {"layers": (2, 2, 2)},
    "named": {"layers": (3, 4, 4, 1)},
    "digits": {"layers": (784, 30, 10)},
    "classes": {"layers": (4, 8, 3), "activation": ("relu", "softmax"), "loss": "cross_entropy"},
}
EDITIONS = [
    *(({}, Edition("tex", paper=paper)) for paper in ("a4", "letter")),
    *(({}, Edition("tex", paper=paper, only="numbers", numbers="seed:1")) for paper in ("a4", "letter")),
    *(({"notation": notation}, Edition("tex")) for notation in NOTATIONS),
    *(({}, Edition("tex", detail, exercises=True)) for detail in ("brief", "full", "exhaustive")),
]


@pytest.mark.parametrize("edition", range(len(EDITIONS)))
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.sampled(12)
def test_documents_compile(name: str, edition: int, compile_latex: Compile) -> None:
    options, chosen = EDITIONS[edition]
    if chosen.numbers and name == "digits":
        pytest.skip("a worked example of so many parameters is refused")
    source = derive(network(**PAGES[name], **options)).files(chosen)["document.tex"]
    assert not complaints(compile_latex(source, passes=3))


@pytest.mark.parametrize(
    ("described", "detail", "most"),
    [
        ({"layers": (3, 1)}, "full", 3),
        ({"layers": (3, 4, 4, 1)}, "full", 6),
        ({"layers": (3, 4, 4, 1)}, "brief", 2),
        ({"layers": (3, 4, 4, 1), "optimizer": "adam"}, "brief", 2),
        ({"layers": (3, 4, 4, 1), "optimizer": "adam"}, "full", 7),
        *(({"layers": (3, 4, 4, 1), "notation": notation}, "full", 7) for notation in NOTATIONS if notation != "psi"),
        *(({**PAGES["classes"], "layers": (4, 5, 3), "optimizer": name}, "full", 7) for name in ("sgd", "adam")),
    ],
)
@pytest.mark.sampled(4)
def test_the_pages_are_few_and_full(
    described: dict[str, object],
    detail: str,
    most: int,
    compile_latex: Compile,
    tmp_path: Path,
    skip_unless_required: Callable[[str], None],
) -> None:
    """No page but the last one has more white at its foot than a tenth of its text height, or ends with a heading."""
    derivation = derive(network(**described))
    compile_latex(derivation.files(Edition("tex", detail))["document.tex"], passes=3)
    if shutil.which("pdftotext") is None:
        skip_unless_required("pdftotext is not installed")
    command = ["pdftotext", "-bbox", str(tmp_path / "document.pdf"), "-"]
    pages = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("<page ")[1:]
    assert len(pages) <= most
    foot, height = 797, 757  # where the text ends, and its height, in points
    titles = {part.title for part in document(View(derivation, detail), ()).parts}
    for page in pages[:-1]:
        words = [(round(float(y)), word) for y, word in re.findall(r'yMax="([\d.]+)">(.*?)</word>', page)]
        *_, last, _number = sorted({y for y, _ in words})
        assert foot - last < height / 10, page[:60]
        assert " ".join(word for y, word in words if y == last) not in titles


@pytest.mark.parametrize("name", ["bracket_3", "psi_named", "softmax_cross_entropy_psi"])
@pytest.mark.sampled(3)
def test_lualatex(name: str, compile_latex: Compile, tmp_path: Path) -> None:
    read = inputs(tmp_path, {name: parts(**NETWORKS[name])})
    assert not complaints(compile_latex(PLAIN % read, "lualatex", passes=1))


# Documents of other people.

AMSART = r"""\documentclass{amsart}
\usepackage{xcolor}
\usepackage{tikz}
\begin{document}
%s
\end{document}
"""

BEAMER = r"""\documentclass{beamer}
\usepackage{amsmath}
\usepackage{tikz}
\begin{document}
%s
\end{document}
"""

#: The author gave every colour and command of the fragment another meaning, and loads what is often loaded.
ARTICLE = r"""\documentclass[twoside]{article}
\usepackage[dvipsnames]{xcolor}
\usepackage{amsmath,tikz}
\usepackage[colorlinks]{hyperref}
\usepackage{cleveref}
%(colours)s
\begin{document}
\section{First} \textcolor{red}{Mine.} \begin{equation} 1 = 1 \label{mine} \end{equation}
%(inputs)s
\section{Last} As in \eqref{mine}, \cref{one:9}, \Cref{two:4} and part~\ref{one:forward}.
\end{document}
"""


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.sampled(3)
def test_amsart(notation: str, compile_latex: Compile, tmp_path: Path) -> None:
    read = inputs(tmp_path, {name: parts(**NETWORKS[name]) for name in (f"{notation}_3", f"{notation}_none")})
    assert not complaints(compile_latex(AMSART % read))


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.sampled(3)
def test_slides(notation: str, compile_latex: Compile, tmp_path: Path) -> None:
    """Each part is a slide."""
    frames = []
    for detail, part in [*(("full", name) for name in PARTS if name != "numbers"), ("brief", "chain")]:
        fragment = parts(detail, only=(part,), layers=(3, 4, 4, 1), notation=notation)
        inputs(tmp_path, {f"{detail}_{part}": fragment})
        frames.append(rf"\begin{{frame}}[allowframebreaks=0.85]{{A slide}}\input{{{detail}_{part}}}\end{{frame}}")
    assert not complaints(compile_latex(BEAMER % "\n".join(frames)))


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.sampled(3)
def test_two_in_an_article_with_its_own_colours(notation: str, compile_latex: Compile, tmp_path: Path) -> None:
    """Two derivations with different labels, in a document that redefines every name."""
    fragments = {
        "first": parts(prefix="one", layers=(3, 4, 2), notation=notation),
        "second": parts(prefix="two", layers=(2, 3, 3, 2), notation=notation),
    }
    whole = "".join(fragments.values())
    colours = sorted(set(re.findall(r"\\(?:provide|define)color\{(\w+)\}", whole)))
    assert len(colours) >= 2
    assert r"\definecolor" not in whole
    assert r"\newcommand" not in whole
    defined = "\n".join(rf"\definecolor{{{colour}}}{{rgb}}{{0.1,0.2,0.9}}" for colour in ("red", "green", *colours))
    log = compile_latex(ARTICLE % {"inputs": inputs(tmp_path, fragments), "colours": defined}, passes=3)
    assert not complaints(log)


# hyperref makes every number a target. Those of the same derivation read twice agree on purpose.
SAME_NUMBER = re.compile(r"pdfTeX warning .*destination with the same identifier")


def test_the_same_twice(compile_latex: Compile, tmp_path: Path) -> None:
    text = PLAIN.replace(r"\usepackage{tikz}", r"\usepackage{tikz}\usepackage{hyperref}")
    read = inputs(tmp_path, {"same": parts(layers=(3, 4, 2))})
    assert not complaints(SAME_NUMBER.sub("", compile_latex(text % (read + read))))


def test_without_tikz(compile_latex: Compile, tmp_path: Path) -> None:
    """A document that does not load tikz has no drawing, and no error."""
    text = PLAIN.replace(r"\usepackage{tikz}", "")
    assert not complaints(compile_latex(text % inputs(tmp_path, {"plain": parts(layers=(3, 4, 2))}), passes=1))


def test_warnings_of_latex_are_detected(compile_latex: Compile) -> None:
    document = r"\documentclass{article}\begin{document}%s\end{document}"
    assert not complaints(compile_latex(document % "Well."))
    assert "Overfull" in complaints(compile_latex(document % r"\noindent\rule{400pt}{1pt}"))
    assert "Overfull" in complaints(compile_latex(document % r"\[ \rule{400pt}{1pt} \]"))
    assert "undefined" in complaints(compile_latex(document % r"See \ref{nothing}."))
    assert "multiply defined" in complaints(compile_latex(document % r"\section{A}\label{a}\section{B}\label{a}"))
    assert "Missing character" in complaints(compile_latex(document % r"\char200 \font\f=cmr10 \f\char200"))
    with pytest.raises(AssertionError, match="Undefined control sequence"):
        compile_latex(document % r"\nothing")


# Source that people edit.


def test_the_source_of_a_part_is_as_a_person_writes_it() -> None:
    """Definitions of what is used and nothing else, one equation a line, no colour or index spelled twice."""
    source = parts(only=("pattern",), layers=(3, 4, 4, 1))
    assert r"\layi{2}{\Psi}{i} &= " in source and "{}^{(2)}" not in source
    head, body = source.split(r"\deriveheading{The pattern}")
    assert head.count("\n") < 20 and r"\derivetable" not in head and "tikz" not in head
    for name in re.findall(r"\\providecommand\{\\(\w+)\}", head):
        assert rf"\{name}" in body or name == "deriveheading", name
    for environment in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", body, re.DOTALL):
        assert all(line.count("&=") == 1 for line in environment.splitlines())
    assert r"\ingreen{\Bigl[\pd{E}{\hat{y}}\, \pd{\hat{y}}{\lay{3}{z}}\Bigr]}" in body


def test_the_steps_of_a_derivation_stay_on_a_page() -> None:
    """A page may end before the next equation, not before a further step of a short one."""
    source = parts(only=("pattern",), layers=(3, 4, 4, 1))
    (rows,) = (d.splitlines() for d in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end", source, re.DOTALL) if "why" in d)
    assert len(rows) > 10
    for row, after in pairwise(rows):
        assert not after.startswith("&=") or row.endswith(r"\\*"), after


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("layers", [(3, 1), (2, 2, 2)])
def test_the_rows_of_the_pattern_stand_below_one_another(notation: str, layers: tuple[int, ...]) -> None:
    """The text speaks of a row above: rows with colours never share a line, however short they are."""
    source = derive(network(layers=layers, notation=notation)).files(Edition("tex", only="pattern"))["document.tex"]
    rows = [row for row in source.splitlines() if row.count("&=") and r"\ingreen{" in row]
    assert rows and not any(row.endswith(" &") for row in rows)


def algorithms(**description: object) -> Iterator[list[list[str]]]:
    """The lines of each step of the algorithms in a standalone document."""
    source = derive(network(**description)).files(Edition("tex", only="loop"))["document.tex"]
    for body in re.findall(r"\\begin\{derivetable\}.*?\.\}\}\n(.*?)\n\\end\{derivetable\}", source, re.DOTALL):
        yield [step.splitlines() for step in re.split(r"\n(?=\d+ & )", body)]


ADAM = {
    "layers": (4, 5, 3),
    "activation": ("relu", "softmax"),
    "loss": "cross_entropy",
    "optimizer": "adam",
    "l2": 0.01,
}


@pytest.mark.parametrize("description", [{"layers": (3, 4, 4, 1)}, ADAM])
def test_no_page_ends_within_a_short_algorithm_or_after_a_heading(description: dict[str, object]) -> None:
    whole, short = algorithms(**description)
    assert all(step[-1].endswith(r"\\*") for step in short[:-1])
    assert any(not step[-1].endswith(r"\\*") for step in whole[:-1])
    for step, after in pairwise(whole):
        if step[0].endswith(r": &  \\*") or r"\vdots" in after[0]:
            assert step[-1].endswith(r"\\*"), step
        assert all(line.endswith(r"\\*") for line in step[:-1])


def test_code_stands_beside_its_step_in_a_face_that_is_small_enough_or_below_all_steps() -> None:
    beside, below = (next(algorithms(**description)) for description in ({"layers": (3, 4, 4, 1)}, ADAM))
    assert {len(step) for step in beside} == {1}
    assert {row.split(" & ")[3].split()[0] for (row,) in beside if "texttt" in row} == {r"\scriptsize"}
    assert not any("texttt" in step[0] for step in below)
    codes = [line for step in below for line in step[1:2]]
    assert all(re.match(r"& \\multicolumn\{2\}\{l\}\{\\hspace\{(3\.6|4\.8)em\}", line) for line in codes)


def test_superscripts_and_subscripts_of_two_rows_of_a_table_are_apart() -> None:
    tables = {n: parts(only=("glance",), layers=(3, 4, 1), notation=n, activation="tanh") for n in NOTATIONS}
    assert r"\renewcommand{\arraystretch}{1.3}" in tables["delta"]


def test_an_entry_of_the_table_of_symbols_is_never_broken(
    compile_latex: Compile, tmp_path: Path, skip_unless_required: Callable[[str], None]
) -> None:
    """In two columns, each with a head: the shape stands beside the first line of the meaning."""
    compile_latex(derive(network(**ADAM)).files(Edition("tex", only="notation"))["document.tex"])
    if shutil.which("pdftotext") is None:
        skip_unless_required("pdftotext is not installed")
    command = ["pdftotext", "-layout", str(tmp_path / "document.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(r"symbol +meaning +shape +symbol +meaning +shape", text)
    shapes = [line for line in text.splitlines() if "scalar" in line]
    assert len(shapes) > 7 and not [line for line in shapes if len(re.split("  +", line.strip())) < 3]


def test_the_table_of_layers_stands_beside_the_drawing_where_it_fits(compile_latex: Compile) -> None:
    """The distances in the drawing shrink for it; its units and its type do not."""
    beside = re.compile(r"\\end\{tikzpicture\}\n\\quad\n\\small\n\\begin\{tabular\}")
    for described, fits in (({"layers": (3, 4, 4, 1)}, True), (ADAM, False), ({"layers": (3, 1)}, False)):
        source = derive(network(**described)).files(Edition("tex", only="glance"))["document.tex"]
        assert bool(beside.search(source)) == fits
        assert "minimum size=23pt" in source and not complaints(compile_latex(source))


@pytest.mark.parametrize("notation", NOTATIONS)
def test_the_paths_to_a_weight_stay_with_their_substituted_form(notation: str) -> None:
    source = derive(network(layers=(3, 4, 4, 1), notation=notation)).files(Edition("tex", only="chain"))["document.tex"]
    *rows, last = re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end", source, re.DOTALL)[-1].splitlines()
    assert len(rows) == 7 and all(row.endswith(r"\\*") for row in rows) and "substituted" in last


def test_a_reason_stands_beside_its_step_and_before_the_number() -> None:
    source = parts(only=("values",), layers=(3, 4, 4, 1))
    assert re.search(r"^&= f\(x\).* \\tag\{\d+\} \\why\{since ", source, re.MULTILINE)


def test_numbers_are_aligned_at_their_points() -> None:
    """In a matrix, and in a column of the table of gradients."""
    source = derive(network(layers=(2, 2, 2))).files(Edition("tex", only="numbers", numbers="seed:1"))["derivation.tex"]
    matrices = re.findall(r"\\decimals\{(.*?)\}", source)
    assert len(matrices) > 8 and r"\begin{bmatrix}" not in source
    table = re.findall(r"^\$\\pdi.*? & \$(.*?)\$ & \$(.*?)\$ \\\\", source, re.MULTILINE)
    columns = list(zip(*table, strict=True))
    for numbers in [*(re.split(r" & | \\\\ ", matrix) for matrix in matrices), *columns]:
        assert len({len(number.partition(".")[2]) for number in numbers}) == 1, numbers


def test_a_wide_matrix_of_numbers_leaves_out_columns() -> None:
    edition = Edition("tex", only="numbers", numbers="seed:1")
    source = derive(network(layers=(4, 8, 3))).files(edition)["derivation.tex"]
    rows = [row for matrix in re.findall(r"\\decimals\{(.*?)\}", source) for row in matrix.split(r"\\")]
    assert max(len(row) for row in rows) < 80 and any(r"\cdots" in row for row in rows)


def test_a_table_of_symbols_is_one_table() -> None:
    source = parts(only=("notation",), layers=(3, 4, 4, 1))
    assert source.count(r"\begin{derivetable}") == 1 and r"\raggedright outputs" in source


#: The notation in an author's own way: where the layer stands, D for a derivative, reasons behind the formula.
OWN = r"""\newcommand{\lay}[2]{%s}
\newcommand{\pd}[2]{\mathrm{D}_{#2} #1}
\newcommand{\why}[1]{\quad\text{#1}}
"""
OWN_TABLE = r"\newenvironment{derivetable}[2]{\begin{tabular}{#1}#2\\}{\end{tabular}}"


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("layer", ["#2_{[#1]}", r"#2^{\langle #1\rangle}", "#1_{[#2]}", r"#2\langle #1\rangle"])
@pytest.mark.sampled(8)
def test_the_author_defines_the_notation(notation: str, layer: str, compile_latex: Compile, tmp_path: Path) -> None:
    """Wherever the layer number stands, no symbol has two subscripts or two superscripts."""
    text = PLAIN.replace(r"\begin{document}", OWN % layer + r"\begin{document}")
    derivation = derive(network(layers=(3, 4, 2), notation=notation, optimizer="adam", l2=0.1))
    fragment = derivation.files(Edition("tex", "exhaustive", numbers="seed:1"))["derivation.tex"]
    log = compile_latex(text % inputs(tmp_path, {"own": fragment}), passes=1)
    assert not re.search(r"^!|^LaTeX Warning|already defined", log, re.MULTILINE)


def test_the_author_defines_the_tables(compile_latex: Compile, tmp_path: Path) -> None:
    text = PLAIN.replace(r"\begin{document}", OWN_TABLE + r"\begin{document}")
    log = compile_latex(text % inputs(tmp_path, {"own": parts(only=("notation",), layers=(3, 4, 2))}), passes=1)
    assert not re.search(r"^!|^LaTeX Warning|already defined", log, re.MULTILINE)


TWO_COLUMNS = r"""\documentclass[twocolumn]{article}
\usepackage[%s]{amsmath}
\usepackage{xcolor,tikz,longtable,booktabs,hyperref}
\begin{document}
%s
\end{document}
"""


@pytest.mark.parametrize("option", ["leqno", "fleqn", "tbtags", "nosumlimits"])
@pytest.mark.sampled(2)
def test_in_columns_with_options_of_amsmath(option: str, compile_latex: Compile, tmp_path: Path) -> None:
    read = inputs(tmp_path, {"narrow": parts(prefix="net", layers=(3, 4, 4, 1))})
    log = compile_latex(TWO_COLUMNS % (option, read), passes=2)
    assert not re.search(r"^!|^(LaTeX|Package (?!longtable)\w+) .*[Ww]arning(?!: Rerun)", log, re.MULTILINE)


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", [name for name in PAGES if name != "digits"])
@pytest.mark.sampled(8)
def test_in_columns_nothing_is_too_wide(name: str, notation: str, compile_latex: Compile, tmp_path: Path) -> None:
    """The type is smaller there, drawings shrink, and long lines break once more."""
    derivation = derive(network(**PAGES[name], notation=notation))
    fragment = derivation.files(Edition("tex", numbers="seed:1"))["derivation.tex"]
    log = compile_latex(TWO_COLUMNS % ("tbtags", inputs(tmp_path, {"narrow": fragment})))
    assert "Overfull" not in log, complaints(log)


#: What people read fragments into: both papers, columns, and slides of both shapes.
CLASSES = {
    "columns": r"\documentclass[a4paper,twocolumn]{article}\usepackage{amsmath,xcolor,tikz,longtable,booktabs}",
    "letter": r"\documentclass[letterpaper]{article}\usepackage{amsmath,xcolor,tikz,longtable,booktabs}",
    "wide slides": r"\documentclass[aspectratio=169]{beamer}\usepackage{amsmath,tikz}",
    "slides": r"\documentclass{beamer}\usepackage{amsmath,tikz}",
}
EMBEDDED: dict[str, Callable[[], Derivation]] = {
    "adam": lambda: derive(network(**ADAM)),
    "classes": lambda: derive(network(layers=(4, 5, 5, 3), activation="sigmoid,sigmoid,softmax", loss="cross_entropy")),
    "batch_norm": lambda: derive(networks.NETWORKS["batch_norm"]()),
    "layer_norm": lambda: derive(networks.NETWORKS["layer_norm"]()),
    **{note: lambda note=note: derive(network(layers=(3, 4, 4, 1), notation=note)) for note in NOTATIONS},
}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.sampled(14)
def test_nothing_is_too_wide_or_too_high_in_the_documents_of_others(
    name: str, kind: str, compile_latex: Compile, tmp_path: Path
) -> None:
    """On slides, each part is a frame that may go on on further slides."""
    files = tex_files(document(View(EMBEDDED[name]()), ()))
    parts = {Path(file).stem: text for file, text in files.items() if file.startswith("parts/")}
    if "slides" not in kind:
        parts = {"whole": files["derivation.tex"]}
    read = inputs(tmp_path, parts)
    if "slides" in kind:
        frames = (rf"\begin{{frame}}[allowframebreaks=0.85]{{{part}}}\input{{{part}}}\end{{frame}}" for part in parts)
        read = "\n".join(frames)
    log = compile_latex(rf"{CLASSES[kind]}\begin{{document}}{read}\end{{document}}")
    over = re.findall(r"^Overfull \\[hv]box \(([\d.]+)pt.*", log, re.MULTILINE)
    assert not [points for points in over if float(points) > 1], complaints(log)


def test_long_tables_break_between_pages_where_longtable_is_loaded(compile_latex: Compile, tmp_path: Path) -> None:
    text = PLAIN.replace(r"\usepackage{tikz}", r"\usepackage{tikz,longtable,booktabs}")
    read = inputs(tmp_path, {"deep": parts(only=("notation", "loop"), layers=WIDTHS)})
    assert not complaints(compile_latex(text % read, passes=4))


def test_a_line_that_cannot_be_balanced_ends(tmp_path: Path) -> None:
    """Numbers so wide that each is a line, with a short one last."""
    folder = derive(Network("1,3,1,2", l2=1)).write(tmp_path, edition=Edition("tex", numbers="seed:30"))
    assert (folder / "derivation.tex").stat().st_size > 1000


@pytest.mark.parametrize("detail", ["brief", "full", "exhaustive"])
@pytest.mark.parametrize("name", ["layer_norm", "layer_norm_with_gain", "batch_norm", "scaled_scores", "attention"])
@pytest.mark.sampled(8)
def test_no_line_of_a_stated_pass_is_too_wide(name: str, detail: str, compile_latex: Compile) -> None:
    """Wide fractions break in their numerators, and code is broken with its indentation counted."""
    log = compile_latex(derive(networks.NETWORKS[name]()).latex(standalone=True, detail=detail))
    assert r"Overfull \hbox" not in log, complaints(log)


def test_a_word_keeps_its_space_before_a_bracket_where_a_line_may_break():
    tex = derive(MODELS["attention"]().statement).latex(only=("matrices",))
    assert r"\mathrm{share}_{gpr}^{\mu} \wrap \, " in tex
    assert not re.search(r"\\mathrm\{\w+\}_\{\w+\}(\^\{\\mu\})? (\\wrap )?(\\left)?\(", tex)
