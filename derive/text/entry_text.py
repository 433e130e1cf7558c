"""Catalogue entries with options as text, such as ``elu(alpha=1.4)`` or ``huber(delta=1/2)``.

The text is parsed, never evaluated. Values are exact: ``1.4`` is the fraction 7/5. Each entry of a
catalogue declares its options in a tuple ``options``. Options with default values are not written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from derive.record import record
from derive.text.errors import SpecError
from derive.text.known import canonical, folded, synonyms, unknown
from derive.text.user_text import bounded, kind, shown

MAX_ENTRY = 300
MAX_DIGITS = 30
MAX_EXPONENT = 99
#: The sizes of options, but 0: float32 has numbers of these sizes, and modules may compute in it.
LEAST, MOST = Fraction("1e-30"), Fraction("1e30")

#: Decimals shorter than this are written without an exponent.
_PLAIN = 5

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DECIMAL = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?")
_QUOTIENT = re.compile(r"([+-]?[0-9]+)[ \t]*/[ \t]*([0-9]+)")
_SYNTAX = "options are written as in elu(alpha=1.4) or adam(beta1=0.9, epsilon=1e-8)"


def printed(text: str, entries: Mapping[str, Any]) -> str:
    """Return the text of a catalogue entry with its name as papers write it, such as ``ELU(alpha=1.4)``."""
    name = base_name(text)
    entry = entries.get(name)
    return (entry.spelling if entry and entry.spelling else name) + text[len(name) :]


@record
class Option:
    """A named numeric option of a catalogue entry.

    A ``default`` of None means that the option is required. The lower limit is ``least``
    (inclusive) or ``above`` (exclusive), the upper limit ``most`` (inclusive) or ``below``
    (exclusive); None means no limit. With ``whole`` the value is an integer, with ``decimals`` it has at most so many:
    it is an exponent, whose denominator is the degree of a root. With ``several``, it may be a list in brackets, and
    is a tuple of those values.
    """

    name: str
    default: Fraction | int | None
    meaning: str
    least: Fraction | int | None = None
    above: Fraction | int | None = None
    most: Fraction | int | None = None
    below: Fraction | int | None = None
    whole: bool = False
    several: bool = False
    decimals: int | None = None

    def holds(self, value: Fraction) -> bool:
        """Return whether ``value`` is in range."""
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
            and (not self.whole or value.denominator == 1)
            and (self.decimals is None or (value * 10**self.decimals).denominator == 1)
        )

    @property
    def range(self) -> str:
        """The range in words, for messages.

        >>> Option("beta", None, "", least=0, below=1).range
        'a number of at least 0 and less than 1'
        """
        limits = (
            (self.least, "of at least"),
            (self.above, "greater than"),
            (self.most, "at most"),
            (self.below, "less than"),
        )
        said = [f"{words} {number_text(Fraction(limit))}" for limit, words in limits if limit is not None]
        ending = "" if self.decimals is None else f", with at most {self.decimals} decimals"
        return f"a {'whole ' if self.whole else ''}number {' and '.join(said)}".rstrip() + ending


def split_entries(text: str) -> tuple[str, ...]:
    """Split a list at the commas outside parentheses and brackets.

    >>> split_entries("elu(alpha=1.4, ), sigmoid"), split_entries("tau=[0.1, 0.9]")
    (('elu(alpha=1.4, )', 'sigmoid'), ('tau=[0.1, 0.9]',))
    """
    starts, depth = [0], 0
    for at, sign in enumerate(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(sign, 0)
        if sign == "," and depth <= 0:
            starts.append(at + 1)
    ends = [*(start - 1 for start in starts[1:]), len(text)]
    return tuple(text[start:end].strip(" \t") for start, end in zip(starts, ends, strict=True))


def known_name(key: str, plural: str, name: object, catalogue: Mapping[str, Any]) -> str:
    """Return the canonical name for a name or synonym, ignoring case. Raises SpecError for an unknown one."""
    if not isinstance(name, str):
        raise SpecError(f"{key} is {kind(name)}, {shown(name)}, where a name is expected")
    found = canonical(bounded(key, name, MAX_ENTRY), catalogue)
    if found is None:
        also = [other for entry in catalogue.values() for other in synonyms(entry)]
        raise SpecError(unknown(key, name, catalogue, also, plural))
    return found


def parse_entry(key: str, plural: str, text: object, catalogue: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Parse an entry; return its name and the values of all its options, in the order of declaration.

    A value is a fraction, or a tuple of fractions for an option with several values.

    ``key`` names the text in messages; ``plural`` is the name of the catalogue in `derive list`.
    Raises SpecError for an unknown name or option, a value out of range, or other syntax.

    >>> from derive.catalogue.activations import ACTIVATIONS
    >>> parse_entry("activation", "activations", "elu( alpha = 1.4 )", ACTIVATIONS)
    ('elu', {'alpha': Fraction(7, 5)})
    """
    if not isinstance(text, str):
        return known_name(key, plural, text, catalogue), {}
    head, opened, rest = bounded(key, text, MAX_ENTRY).strip(" \t").partition("(")
    name = known_name(key, plural, head.rstrip(" \t"), catalogue)
    where = f"{key} {shown(text)}"
    if opened and (rest.count(")") != 1 or not rest.endswith(")") or "(" in rest):
        raise SpecError(f"{where}: the parentheses do not match, where {_SYNTAX}")
    if rest[:-1].strip(" \t"):
        _refuse_foreign_options(where, head.rstrip(" \t"), catalogue[name])
    return name, _filled(name, _given(where, name, rest[:-1], catalogue), where, catalogue[name].options)


def _refuse_foreign_options(where: str, name: str, entry: Any) -> None:
    """Refuse options after a synonym if they have another meaning there than in the entry."""
    for synonym, meaning in getattr(entry, "without_options", {}).items():
        if folded(synonym) == folded(name):
            raise SpecError(f"{where}: {synonym} takes no option here; {meaning}")


def entry_text(name: str, options: Mapping[str, Any], declared: Iterable[Option]) -> str:
    """Write an entry in canonical form: options in the order of declaration, defaults omitted.

    >>> entry_text("elu", {"alpha": Fraction(7, 5)}, [Option("alpha", 1, "")])
    'elu(alpha=1.4)'
    """
    given = ((o, options[o.name]) for o in declared)
    said = [f"{o.name}={_value_text(value)}" for o, value in given if value not in (o.default, (o.default,))]
    return f"{name}({', '.join(said)})" if said else name


def _value_text(value: Fraction | tuple[Fraction, ...]) -> str:
    if not isinstance(value, tuple):
        return number_text(value)
    return number_text(value[0]) if len(value) == 1 else f"[{', '.join(map(number_text, value))}]"


def base_name(text: str) -> str:
    """Return the name of an entry without its options."""
    return text.partition("(")[0].rstrip(" \t")


def option_values(text: str) -> tuple[Fraction, ...]:
    """Return the values of the options in an entry's text, as ``entry_text`` writes them.

    >>> option_values("elu(alpha=1.4)")
    (Fraction(7, 5),)
    """
    body = text.partition("(")[2].removesuffix(")")
    return tuple(Fraction(part.partition("=")[2].strip(" \t")) for part in body.split(",") if part)


def number_text(value: Fraction) -> str:
    """Write a fraction exactly, as a decimal if that is finite.

    >>> [number_text(Fraction(t)) for t in ("1.40", "1/3", "1e-8", "-2", "250000000")]
    ['1.4', '1/3', '1e-8', '-2', '2.5e8']
    """
    decimal = decimal_text(value)
    return f"{value.numerator}/{value.denominator}" if decimal is None else decimal


def decimal_text(value: Fraction) -> str | None:
    """Write a fraction as a decimal; None if that is infinite or too long.

    >>> [decimal_text(Fraction(t)) for t in ("1.40", "1/3", "1e-8")]
    ['1.4', None, '1e-8']
    """
    digits, exponent = _decimal(value)
    if digits is None:
        return None
    sign, body = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    adjusted = exponent + len(body) - 1
    if -_PLAIN < adjusted < _PLAIN + 3 and len(body) + _PLAIN <= MAX_DIGITS:
        if exponent >= 0:
            return f"{sign}{body}{'0' * exponent}"
        padded = body.rjust(1 - exponent, "0")
        return f"{sign}{padded[:exponent]}.{padded[exponent:]}"
    tail = f".{body[1:]}" if body[1:] else ""
    return f"{sign}{body[0]}{tail}e{adjusted}"


def _decimal(value: Fraction) -> tuple[str | None, int]:
    """Return the digits and the power of ten; None for the digits if the decimal is infinite or too long."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return None, 0
    places = max(twos, fives)
    digits = str(value.numerator * 10**places // value.denominator)
    bare = digits.rstrip("0") if value else digits
    if len(bare) > MAX_DIGITS:  # too long to be parsed again, so it is written as a quotient
        return None, 0
    return bare, len(digits) - len(bare) - places


def _given(where: str, name: str, body: str, catalogue: Mapping[str, Any]) -> dict[str, str]:
    """Split the text between the parentheses into texts by option name."""
    declared = [option.name for option in catalogue[name].options]
    found: dict[str, str] = {}
    for part in split_entries(body) if body.strip(" \t") else ():
        option, equals, value = (p.strip(" \t") for p in part.partition("="))
        if not declared:
            raise SpecError(f"{where}: {name} has no options: write {name} alone")
        if not equals or not _NAME.fullmatch(option):
            raise SpecError(f"{where}: {shown(part)} is not an option, such as {declared[0]}=0.5; {_SYNTAX}")
        if option not in declared:
            raise SpecError(f"{where}: {name} has no option {shown(option)}; it has {' and '.join(declared)}")
        if option in found:
            raise SpecError(f"{where}: the option {option} is given twice")
        found[option] = value
    return found


def _filled(name: str, given: Mapping[str, str], where: str, declared: Iterable[Option]) -> dict[str, Any]:
    """Return the value of every option, with defaults for those not given."""
    values = dict[str, Any]()
    for option in declared:
        text = given.get(option.name)
        if text is None and option.default is None:
            raise SpecError(f"{where}: {name} needs its option {option.name}, {option.meaning}")
        listed = option.several and text is not None and text.startswith("[") and text.endswith("]")
        texts = split_entries(text[1:-1]) if listed and text else (text,)
        found = tuple(_checked(option, t, where) for t in texts)
        if len(set(found)) < len(found):
            raise SpecError(f"{where}: {option.name} is {shown(text)}, which has a number twice")
        values[option.name] = found if option.several else found[0]
    return values


def _checked(option: Option, text: str | None, where: str) -> Fraction:
    """Return a value of an option, the default without a text."""
    value = Fraction(option.default or 0) if text is None else _number(text, f"{where}: {option.name}")
    if not option.holds(value):
        raise SpecError(f"{where}: {option.name} is {shown(text)}, but must be {option.range}")
    if value and not LEAST <= abs(value) <= MOST:
        raise SpecError(
            f"{where}: {option.name} is {shown(text)}, beyond the range of float32: give 0, or a number of a size from "
            f"{number_text(LEAST)} to {number_text(MOST)}"
        )
    return value


def _number(text: str, where: str) -> Fraction:
    """Parse an integer, a decimal or a quotient of integers, exactly."""
    quotient, decimal = _QUOTIENT.fullmatch(text), _DECIMAL.fullmatch(text)
    if not quotient and not decimal:
        raise SpecError(f"{where} is {shown(text)}, but must be a number such as 2, 1.4, 1e-8 or 1/3")
    if sum(sign.isdigit() for sign in (decimal[2] if decimal else text)) > MAX_DIGITS:
        raise SpecError(f"{where} is {shown(text)}, which has more than {MAX_DIGITS} digits: round it")
    if quotient:
        over, under = (int(n) for n in quotient.groups())
        if under == 0:
            raise SpecError(f"{where} is {shown(text)}, which divides by zero")
        return Fraction(over, under)
    assert decimal is not None
    if abs(int(decimal[3] or 0)) > MAX_EXPONENT:
        raise SpecError(f"{where} is {shown(text)}, but exponents run from -{MAX_EXPONENT} to {MAX_EXPONENT}")
    return Fraction(text)
