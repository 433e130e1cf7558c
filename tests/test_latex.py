"""Every document that derive writes compiles, with nothing undefined and nothing too wide."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from derive import Network, derive

WIDTHS = (3, 4, 2, 5, 3, 6, 2)
NOTATIONS = ("psi", "bracket", "delta")

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
    for notation, bias in zip(NOTATIONS, ("separate", "augmented", "none"), strict=True)
}
NETWORKS |= {
    f"{notation}_wide": {
        "layers": (784, 1000, "hidden", 128, 10),
        "activation": ("relu", "softplus", "tanh", "softmax"),
        "loss": "cross_entropy",
        "notation": notation,
        "bias": bias,
    }
    for notation, bias in zip(NOTATIONS, ("augmented", "separate", "augmented"), strict=True)
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

Compile = Callable[[str], str]


@pytest.fixture
def compile_latex(tmp_path: Path, skip_unless_required: Callable[[str], None]) -> Compile:
    """Compile a document, beside files already in `tmp_path`, and return the log of its last pass."""
    if shutil.which("pdflatex") is None:
        skip_unless_required("pdflatex is not installed")

    def run(text: str) -> str:
        (tmp_path / "document.tex").write_text(text, encoding="utf-8")
        for _ in range(2):
            done = subprocess.run(
                [
                    "pdflatex",
                    "-interaction=nonstopmode",
                    "-halt-on-error",
                    "-file-line-error",
                    "document.tex",
                ],
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
    """The lines of a log that report an error, a warning or an overfull box, each with the next line."""
    lines = log.splitlines()
    return "\n".join("\n".join(lines[i : i + 2]) for i, line in enumerate(lines) if COMPLAINT.search(line))


def network(**description: object) -> Network:
    return Network(**description)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NETWORKS)
def test_document_compiles(name: str, compile_latex: Compile) -> None:
    files = derive(network(**NETWORKS[name])).files()
    assert not complaints(compile_latex(files["document.tex"]))


# hyperref makes every number a target. Those of one equation in several forms agree on purpose,
# and nothing links to them.
SAME_NUMBER = re.compile(r"pdfTeX warning .*destination with the same identifier")

ARTICLE = r"""\documentclass[twoside]{article}
\usepackage[dvipsnames]{xcolor}
%(packages)s
\usepackage{amsmath}
%(colours)s
\begin{document}
\section{First} \textcolor{red}{Mine.} \begin{equation} 1 = 1 \label{mine} \end{equation}
\input{derivation}
\section{Second} As in \eqref{mine}.
\input{derivation}
\end{document}
"""


@pytest.mark.parametrize("packages", ["", r"\usepackage[colorlinks]{hyperref}"], ids=["plain", "hyperref"])
@pytest.mark.parametrize("notation", NOTATIONS)
def test_fragment_in_another_article(notation: str, packages: str, compile_latex: Compile, tmp_path: Path) -> None:
    """Twice in one document, whose author gave every colour and command of the fragment another meaning."""
    fragment = derive(network(layers=(3, 4, 2), notation=notation)).files()["derivation.tex"]
    colours = sorted(set(re.findall(r"\\(?:provide|define)color\{(\w+)\}", fragment)))
    assert r"\definecolor" not in fragment
    assert r"\newcommand" not in fragment
    (tmp_path / "derivation.tex").write_text(fragment, encoding="utf-8")
    defined = "\n".join(rf"\definecolor{{{colour}}}{{rgb}}{{0.1,0.2,0.9}}" for colour in ("red", "green", *colours))
    log = compile_latex(ARTICLE % {"packages": packages, "colours": defined})
    assert not complaints(SAME_NUMBER.sub("", log))


def test_a_complaint_is_heard(compile_latex: Compile) -> None:
    document = r"\documentclass{article}\begin{document}%s\end{document}"
    assert not complaints(compile_latex(document % "Well."))
    assert "Overfull" in complaints(compile_latex(document % r"\noindent\rule{400pt}{1pt}"))
    assert "Overfull" in complaints(compile_latex(document % r"\[ \rule{400pt}{1pt} \]"))
    assert "undefined" in complaints(compile_latex(document % r"See \ref{nothing}."))
    assert "multiply defined" in complaints(compile_latex(document % r"\section{A}\label{a}\section{B}\label{a}"))
    assert "Missing character" in complaints(compile_latex(document % r"\char200 \font\f=cmr10 \f\char200"))
    with pytest.raises(AssertionError, match="Undefined control sequence"):
        compile_latex(document % r"\nothing")
