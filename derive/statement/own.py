"""Formulas of the user in place of an activation or a loss of the catalogue, and names that are given to them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from derive.record import record
from derive.text.errors import SpecError
from derive.text.known import unknown
from derive.text.user_text import MAX_WIDTH_NAME, bounded, kind, shown

#: The variables of a formula; an activation has one of them, a loss both.
VARIABLES = {"activation": ("x", "z"), "loss": ("y", "yhat")}
#: How each is written, for messages.
EXAMPLES = {"activation": "x*sigmoid(x)", "loss": "mean(abs(yhat[k] - y[k])**3, k)"}
#: Names in the text of a network; no parameter or function may have them.
_TAKEN = frozenset("x y z yhat a b W X Y E m pi".split())

#: The longest name in LaTeX.
MAX_LATEX = 100

#: What a name in LaTeX consists of: commands, braces, letters and signs, without those that leave mathematics.
_LATEX_PART = re.compile(r"\\[A-Za-z]+|\\[,;:! {}_]|[A-Za-z0-9{}_^+*/.,:;!?()<>=| -]")
_LATEX = re.compile(f"({_LATEX_PART.pattern})*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: An entry of a catalogue: a name alone, or with options.
_OPTION = r"\s*[A-Za-z_]\w*\s*=(\s*\[[^\]()]*\]\s*|[^,()]*)"
_ENTRY = re.compile(rf"\s*[A-Za-z_]\w*\s*(\(({_OPTION}(,{_OPTION})*)?,?\s*\)\s*)?")


@record
class Own:
    """A formula of an activation or a loss, with its name, if it has one, and its learned ``parameters``.

    Each parameter is a name and its initial value. ``latex`` is how LaTeX writes the name of an activation.
    """

    name: str
    formula: str
    parameters: tuple[tuple[str, float], ...] = ()
    latex: str = ""

    @property
    def words(self) -> frozenset[str]:
        """The names in the formula."""
        return frozenset(_WORD.findall(self.formula))

    @property
    def variable(self) -> str:
        """The variable of an activation."""
        return "z" if "z" in self.words and "x" not in self.words else "x"

    @property
    def arguments(self) -> str:
        """The arguments of the function, separated by commas."""
        return ", ".join([self.variable, *(name for name, _ in self.parameters)])

    def __str__(self) -> str:
        return self.name or self.formula


def own(key: str, text: object, named: Iterable[Own]) -> Own | None:
    """Return the formula that a text is, or that it names; None for an entry of the catalogue.

    >>> own("activation", "x * sigmoid(x)", ()), own("activation", "elu(alpha=1.4)", ())
    (Own(name='', formula='x * sigmoid(x)', parameters=(), latex=''), None)
    """
    if not isinstance(text, str):
        return None
    found = next((o for o in named if o.name == text.strip(" \t")), None)
    if found is not None or _ENTRY.fullmatch(bounded(key, text)):
        return found
    formula = Own("", " ".join(text.split()))
    return formula if formula.words & {*VARIABLES[key]} else None


def read_own(key: str, value: object) -> tuple[Own, ...]:
    """Return the named formulas of a table. Raises SpecError for an invalid one."""
    if isinstance(value, tuple) and all(isinstance(o, Own) for o in value):
        return value
    if not isinstance(value, Mapping):
        raise SpecError(f"{key} is {kind(value)}, {shown(value)}, where a table of formulas by their names is expected")
    return tuple(_read(key, name, entry) for name, entry in value.items())


def _read(key: str, name: Any, entry: Any) -> Own:
    singular = {"activations": "activation", "losses": "loss"}[key]
    where = f"{key}.{_checked(name, key)}"
    table = {"formula": entry} if isinstance(entry, str) else entry
    if not isinstance(table, Mapping):
        raise SpecError(f"{where} is {kind(entry)}, {shown(entry)}, where a formula or a table is expected")
    keys = ["formula", "parameter", *(["latex"] if singular == "activation" else [])]
    for other in table:
        if other not in keys:
            raise SpecError(f"{where}: {unknown('key', other, keys)}")
    formula = table.get("formula")
    if not isinstance(formula, str) or not formula.strip():
        raise SpecError(f'{where} has no formula: write formula = "{EXAMPLES[singular]}"')
    parameters = table.get("parameter", {})
    if not isinstance(parameters, Mapping):
        raise SpecError(f"{where}: parameter is {kind(parameters)}, where {{beta = 1}} or another table is expected")
    started = tuple(_started(where, *p) for p in parameters.items())
    found = Own(name, " ".join(bounded(where, formula).split()), started, _latex(where, table.get("latex", "")))
    unread = next((n for n, _ in found.parameters if n not in found.words), None)
    if unread:
        raise SpecError(f"{where}: the formula does not read its parameter {unread}")
    return found


def _latex(where: str, value: Any) -> str:
    """Return the name in LaTeX: one line of mathematics whose braces match."""
    known = isinstance(value, str) and len(value) <= MAX_LATEX and _LATEX.fullmatch(value) is not None
    depths = [*accumulate({"{": 1, "}": -1}.get(part, 0) for part in _LATEX_PART.findall(value))] if known else [1]
    if depths and (depths[-1] or min(depths) < 0):
        raise SpecError(
            f"{where}: latex is {shown(value)}, where a name in LaTeX is expected, such as \\operatorname{{swish}}"
        )
    return str(value)


def _started(where: str, name: Any, value: Any) -> tuple[str, float]:
    checked = _checked(name, f"{where}: parameter")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise SpecError(f"{where}: the parameter {checked} starts at {shown(value)}, where a number is expected")
    return checked, value


def _checked(name: Any, where: str) -> str:
    """Return a name that a parameter or a function may have."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > MAX_WIDTH_NAME or keyword.iskeyword(name):
        raise SpecError(f"{where}: {shown(name)} is no name of letters, digits and _, such as beta")
    if name in _TAKEN or re.fullmatch(r"f|(a|f|layer)[0-9]+", name):
        raise SpecError(f"{where}: {name} has a meaning already: choose another name, such as beta")
    return name


def toml_tables(key: str, found: Iterable[Own]) -> str:
    """Write named formulas as tables of TOML."""
    text = ""
    for o in found:
        text += f'\n[{key}.{o.name}]\nformula = "{o.formula}"\n'
        if o.parameters:
            text += f"parameter = {{ {', '.join(f'{name} = {value!r}' for name, value in o.parameters)} }}\n"
        if o.latex:
            text += f"latex = '{o.latex}'\n"
    return text
