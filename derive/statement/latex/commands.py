"""Tables of the commands and signs of LaTeX."""

from __future__ import annotations

GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi "
        "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split(),
        strict=True,
    )
)


def _kinds(**names: str) -> dict[str, str]:
    return {name: kind for kind, listed_names in names.items() for name in listed_names.split()}


#: Commands by the type of their token, which is used by the grammar or by the steps below.
COMMANDS = _kinds(
    LETTER=" ".join(GREEK.values()) + " varepsilon vartheta varphi varrho varsigma ell",
    ACCENT="hat widehat tilde widetilde bar overline dot ddot check breve",
    FUNC="tanh sinh cosh sin cos tan arcsin arccos arctan exp log ln",
    BIG="sum prod max min",
    FRAC="frac dfrac tfrac cfrac",
    ROOT="sqrt",
    TIMES="cdot times ast odot circ had",
    SLASH="div oslash",
    TOP="top intercal tran",
    PARTIAL="partial",
    LESS="le leq leqslant ge geq geqslant lt gt ne neq",
    EQ="coloneqq equiv triangleq doteq",
    BAR="vert lvert rvert",
    NORM="Vert lVert rVert",
    LANGLE="langle",
    RANGLE="rangle",
    COMMA="mid",
    LCURLY="lbrace",
    RCURLY="rbrace",
    LPAR="lparen",
    RPAR="rparen",
    LSQUARE="lbrack",
    RSQUARE="rbrack",
    DOTS="dots ldots cdots dotsc",
    PRIME="prime",
    AND="land wedge",
    OR="lor vee",
    GAP="quad qquad enspace hfill",
    ROW="newline cr tabularnewline",
    skip="displaystyle textstyle scriptstyle nonumber notag limits nolimits allowbreak nobreak relax thinspace small "
    "footnotesize noindent centering medspace thickspace negthinspace wrap strut",
    size="left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm",
    group="label tag hspace vspace phantom hphantom vphantom color ref eqref cite why",
    see="boxed mathord mathbin mathrel mathop ingreen inred mathclose mathopen",
    coloured="textcolor mathcolor colorbox",
    font="mathbf boldsymbol bm mathit mathsf mathnormal vec underline pmb bf rm",
    word="mathcal mathtt mathbb mathfrak mathscr mathrm operatorname text textrm mbox textit textsf textup textnormal "
    "textbf hbox",
    define="newcommand renewcommand providecommand def let DeclareMathOperator newenvironment gdef edef",
    matrix="otimes oplus ominus ones bullet star dagger",
    slope="nabla",
    update="leftarrow gets rightarrow to mapsto longleftarrow",
    IN="in",
    other="approx sim propto infty arg sup inf det forall exists notin",
)
SIGNS = {
    **{"+": "PLUS", "-": "MINUS", "−": "MINUS", "*": "TIMES", "/": "SLASH", "=": "EQ", "<": "LESS", ">": "LESS"},
    **{"(": "LPAR", ")": "RPAR", "[": "LSQUARE", "]": "RSQUARE", "{": "LBRACE", "}": "RBRACE", "_": "SUB", "^": "SUP"},
    **{",": "COMMA", ";": "COMMA", ".": "DOT", "|": "BAR", "'": "PRIME", "&": "AMP", "~": "skip", "·": "TIMES"},
    **{
        "≤": "LESS",
        "≥": "LESS",
        "…": "DOTS",
        "≠": "LESS",
        "‖": "NORM",
        "∂": "PARTIAL",
        "⊙": "TIMES",
        ":": "COLON",
        "!": "FACTORIAL",
    },
}
ESCAPED = {**dict.fromkeys((r"\,", r"\;", r"\:", r"\!", "\\ ", "\\\t", r"\>", r"\/", "\\\n"), "skip"), r"\{": "LCURLY"}
ESCAPED |= {r"\}": "RCURLY", r"\\": "ROW", r"\|": "NORM", r"\[": "open", r"\]": "close", r"\(": "open"}
ESCAPED |= {r"\)": "close", r"\-": "skip"}
#: What is written for a token in the trees, where it differs.
PLAIN = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho", "varsigma": "sigma"}
PLAIN |= {"widehat": "hat", "widetilde": "tilde", "overline": "bar", "≤": "<=", "≥": ">=", "lt": "<", "gt": ">"}
PLAIN |= {**dict.fromkeys(("circ", "had", "⊙", "ast", "*"), "odot"), "·": "cdot"}
PLAIN |= {
    **dict.fromkeys(("ne", "neq", "≠"), "!="),
    **dict.fromkeys(("le", "leq", "leqslant"), "<="),
    **dict.fromkeys(("ge", "geq", "geqslant"), ">="),
}
#: The words of a text between formulas.
WORDS = {**dict.fromkeys(("if", "for", "when"), "IF"), **dict.fromkeys(("otherwise", "else"), "OTHERWISE")}
WORDS |= {"and": "AND", "or": "OR"}
WORDS |= dict.fromkeys("where with here thus hence then so therefore let".split(), "TEXT")
DISPLAYS = frozenset("equation align alignat gather multline displaymath math eqnarray flalign dmath".split())
INNER = frozenset("aligned alignedat gathered split subequations".split())
#: The macros of the documents that derive writes, by what they stand for.
MACROS = {
    "lay": r"{}^{(#1)}{#2}",
    "layi": r"{}^{(#1)}{#2}_{#3}",
    "layup": r"{}^{(#1)}{#2}^{#3}",
    "layiup": r"{}^{(#1)}{#2}_{#3}^{#4}",
    "norm": r"\lVert #1 \rVert",
    "abs": r"\lvert #1 \rvert",
    "pd": r"\frac{\partial #1}{\partial #2}",
    "pdi": r"\frac{\partial #1}{\partial #2}",
}
REFUSED = {
    "matrix": "{} belongs to matrices and vectors, which are not read: write every symbol with its indices, such as "
    r"z_i = \sum_j W_{{ij}} x_j",
    "slope": "{} is part of a derivative: state the forward equations only, since the derivatives are found; one in "
    "an equation is read in the language of equations, as diff(u, x)",
    "update": "{} is no equals sign: state the forward equations only, such as z_i = b_i",
    "other": "{} has no meaning in a forward equation",
    "open": "{} begins a formula within a formula",
    "close": "{} ends a formula that does not begin",
}
CLOSED = {"LPAR": "RPAR", "LSQUARE": "RSQUARE", "LCURLY": "RCURLY", "LBRACE": "RBRACE", "CASES": "ENDCASES"}
CLOSED |= {"BARL": "BARR", "NORML": "NORMR", "LANGLE": "RANGLE"}
BRACE_LIKE = ("LBRACE", "CASES")
