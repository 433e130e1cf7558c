"""Tables of all letters, names and signs, shared by all writers.

To add one, add an entry to ``LETTERS``, ``NAMES``, ``BETWEEN`` or ``BESIDE``. Omitted fields are derived from
the others. Widths are in em.
"""

from __future__ import annotations

from sympy import log

from derive.calculus.functions import CALLS
from derive.catalogue.activations import ACTIVATIONS
from derive.record import record


@record
class Letter:
    """A letter in LaTeX and Unicode; ``width`` 0 means the default width, ``mathml`` defaults to the text."""

    tex: str
    text: str
    width: float = 0.0
    mathml: str = ""


@record
class Name:
    """The name of a function or a word, set upright; other formats use the name by default.

    ``mathml`` is its MathML element.
    """

    width: float | None = None
    tex: str = ""
    text: str = ""
    mathml: str = "mi"


@record
class Sign:
    """A sign between two parts, or before or after a part, including its spaces in LaTeX and text.

    In MathML it is an operator, or a space if it has no text. ``form`` is the MathML form, ``infix``, ``prefix`` or
    ``postfix``, and ``size`` the minimum height of a bracket. ``drawn`` is its text in a drawing, by default ``text``.
    A line may break before a sign that ``breaks``.
    """

    width: float
    tex: str
    text: str
    form: str = "infix"
    size: float = 0.0
    colour: str = ""
    drawn: str | None = None
    mathml: str = ""
    breaks: bool = False

    @property
    def operator(self) -> str:
        """The character in MathML; empty for a space."""
        return self.mathml or self.text.strip()


#: The widths of plain characters: those of italic letters in Computer Modern, which KaTeX uses as well.
_WIDTHS = {"(": 0.39, ")": 0.39, "[": 0.28, "]": 0.28, **dict.fromkeys("0123456789", 0.5)}
_WIDTHS |= dict(zip("abcdefghi", (0.53, 0.43, 0.43, 0.52, 0.47, 0.49, 0.48, 0.58, 0.34), strict=True))
_WIDTHS |= dict(zip("jklmnopqr", (0.41, 0.52, 0.3, 0.88, 0.6, 0.48, 0.5, 0.45, 0.45), strict=True))
_WIDTHS |= dict(zip("stuvwxyz", (0.47, 0.36, 0.57, 0.48, 0.72, 0.57, 0.49, 0.47), strict=True))
_WIDTHS |= dict(zip("ABCDEFGHI", (0.75, 0.76, 0.71, 0.83, 0.74, 0.64, 0.79, 0.83, 0.44), strict=True))
_WIDTHS |= dict(zip("JKLMNOPQR", (0.55, 0.85, 0.68, 0.97, 0.8, 0.76, 0.64, 0.79, 0.76), strict=True))
_WIDTHS |= dict(zip("STUVWXYZ", (0.61, 0.58, 0.68, 0.58, 0.94, 0.83, 0.58, 0.68), strict=True))


def plain(character: str) -> Letter:
    """Return a letter, or letters, that are the same characters in every format."""
    return Letter(character, character, sum(_WIDTHS.get(c, 0.6) for c in character))


LETTERS: dict[str, Letter] = {
    "colon": Letter(r"{:}", ":", 0.3),  # an axis of which all entries are meant
    **{c: plain(c) for c in (*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "dz", "dh", "dw", "dW", "db")},
    "Psi": Letter(r"\Psi", "Ψ", 0.8),
    "Delta": Letter(r"\Delta", "Δ", 0.9),
    "delta": Letter(r"\delta", "δ"),
    "eps": Letter(r"\varepsilon", "ε"),
    "epsilon": Letter(r"\varepsilon", "ε"),
    "eta": Letter(r"\eta", "η"),
    "alpha": Letter(r"\alpha", "α"),
    "zeta": Letter(r"\zeta", "ζ"),
    "theta": Letter(r"\theta", "θ"),
    "iota": Letter(r"\iota", "ι"),
    "xi": Letter(r"\xi", "ξ"),
    "sigma": Letter(r"\sigma", "σ"),
    "upsilon": Letter(r"\upsilon", "υ"),
    "phi": Letter(r"\phi", "φ"),
    "chi": Letter(r"\chi", "χ"),
    "psi": Letter(r"\psi", "ψ"),
    "Theta": Letter(r"\Theta", "Θ"),
    "Lambda": Letter(r"\Lambda", "Λ"),
    "Xi": Letter(r"\Xi", "Ξ"),
    "Pi": Letter(r"\Pi", "Π"),
    "Sigma": Letter(r"\Sigma", "Σ"),
    "Upsilon": Letter(r"\Upsilon", "Υ"),
    "Phi": Letter(r"\Phi", "Φ"),
    "Omega": Letter(r"\Omega", "Ω"),
    "pi": Letter(r"\pi", "π"),
    "ell": Letter(r"\ell", "ℓ"),
    "mu": Letter(r"\mu", "μ"),
    "nu": Letter(r"\nu", "ν"),
    "beta": Letter(r"\beta", "β"),
    "gamma": Letter(r"\gamma", "γ"),
    "Gamma": Letter(r"\Gamma", "Γ"),
    "kappa": Letter(r"\kappa", "κ"),
    "lambda": Letter(r"\lambda", "λ"),
    "rho": Letter(r"\rho", "ρ"),
    "tau": Letter(r"\tau", "τ"),
    "omega": Letter(r"\omega", "ω"),
    "y_hat": Letter(r"\hat{y}", "ŷ"),
    "Y_hat": Letter(r"\hat{Y}", "Ŷ"),
    "x_bar": Letter(r"\bar{x}", "x̄"),
    "X_bar": Letter(r"\bar{X}", "X̄"),
    "W_bar": Letter(r"\bar{W}", "W̄"),
}

#: Signs used like letters that are not names of tensors.
ODOT, STAR = Letter(r"\odot", "⊙"), Letter("*", "*", mathml="∗")
TRANSPOSE = Letter(r"\mathsf{T}", "ᵀ", 0.6, "𝖳")
WITHOUT_FIRST = Letter(r"\setminus 0", "∖0", 1.3)
PLUS = Letter("+", "+", 0.8)

#: The names of functions and words; no tensor on a page has one of these names.
NAMES = {
    "1": Name(0.6, r"\mathbf{1}", "𝟏", "mn"),
    "ln": Name(CALLS[log].width, CALLS[log].tex),
    **{f.__name__: Name(c.width, c.tex, c.text) for f, c in CALLS.items() if f is not log},
    "erf": Name(1.3),
    "erfc": Name(1.7),
    "sgn": Name(1.5),
    "max": Name(tex=r"\max"),
    "min": Name(tex=r"\min"),
    "argmax": Name(tex=r"\operatorname*{arg\,max}", text="argmax"),
    "argmin": Name(tex=r"\operatorname*{arg\,min}", text="argmin"),
    "sum": Name(),
    "mean": Name(),
    **{a.name: Name(tex=rf"\mathrm{{{a.spelling}}}", text=a.spelling) for a in ACTIVATIONS.values() if a.spelling},
    "sigmoid": Name(0.6, r"\sigma", "σ"),
    "otherwise": Name(4.2, r"\text{otherwise}", mathml="mtext"),
}

#: The signs between two parts; the notation defines that of the elementwise product.
BETWEEN = {
    "": Sign(0.0, "", ""),
    "dot": Sign(0.7, r" \cdot ", " · "),
    "thin": Sign(0.17, r"\,", " ", drawn="\u2009"),
    "comma": Sign(0.45, ", ", ", ", drawn=","),
    "range": Sign(1.6, r", \quad ", ",  ", drawn=","),
    "by": Sign(1.2, r" \times ", "×"),
    "greater": Sign(1.3, " > ", " > "),
    "at least": Sign(1.3, r" \ge ", " ≥ "),
    "less": Sign(1.3, " < ", " < "),
    "at most": Sign(1.3, r" \le ", " ≤ "),
    "unequal": Sign(1.3, r" \ne ", " ≠ "),
    "equals": Sign(1.3, " = ", " = "),
    "and": Sign(2.4, r" \text{ and } ", " and "),
    "or": Sign(1.8, r" \text{ or } ", " or "),
    "over": Sign(1.2, r" \oslash ", " ⊘ ", breaks=True),
    "to": Sign(1.3, r" \to ", " → "),
    "gets": Sign(1.6, r" \leftarrow ", " ← "),
}

#: The signs before or after a part.
BESIDE = {
    "minus": Sign(0.8, "-", "−", "prefix"),
    "binary minus": Sign(1.5, " - ", " − "),
    "binary plus": Sign(1.5, " + ", " + "),
    "plus": Sign(1.5, "+ ", "+ "),
    "less": Sign(1.5, "- ", "− "),
    "equals": Sign(1.6, " = ", " = "),
    "gets": Sign(1.6, r" \leftarrow ", " ← "),
    "comma": Sign(0.6, ",", ","),
    "open": Sign(1.2, r"\bigl(", "(", "prefix", 1.3),
    "close": Sign(0.0, r"\bigr)", ")", "postfix", 1.3),
    "green open": Sign(0.75, r"\Bigl[", "[", "prefix", 1.8, "green"),
    "green close": Sign(0.75, r"\Bigr]", "]", "postfix", 1.8, "green"),
    "red open": Sign(0.75, r"\Bigl(", "(", "prefix", 1.8, "red"),
    "red close": Sign(0.75, r"\Bigr)", ")", "postfix", 1.8, "red"),
}

#: The signs between the two sides of an equation.
RELATIONS = {"equals": BESIDE["equals"], "gets": BESIDE["gets"], "none": BETWEEN[""]}

#: Dots for an omission: across a line of terms, down a column, or low in a list.
DOTS = {
    "across": Sign(1.4, r"\cdots", "⋯"),
    "down": Sign(1.4, r"\vdots", "⋮"),
    "low": Sign(1.4, r"\dots", "…"),
}

#: Mathematical accents by combining mark: the LaTeX command and the standalone mark.
ACCENTS = {
    "\u0300": ("grave", "`"),
    "\u0301": ("acute", "´"),
    "\u0302": ("hat", "ˆ"),
    "\u0303": ("tilde", "˜"),
    "\u0304": ("bar", "¯"),
    "\u0306": ("breve", "˘"),
    "\u0307": ("dot", "˙"),
    "\u0308": ("ddot", "¨"),
    "\u030a": ("mathring", "˚"),
    "\u030c": ("check", "ˇ"),
}
