"""What a document says of random quantities: their distribution, and that a prediction reads their mean."""

from __future__ import annotations

from fractions import Fraction

from derive.calculus.drawn import Drawn, drawn_of
from derive.document.blocks import Text, listed, say
from derive.document.view import View
from derive.paper.boxes import Box
from derive.text.entry_text import number_text


def random_quantities(view: View) -> list[Text]:
    """A sentence for the random tensors of each distribution."""
    tensors, groups = view.batch.tensors, dict[tuple[str, tuple[Fraction, ...], bool], list[str]]()
    known = laws(view)
    for name, law in known.items():
        by_sample = any(axis.sample for axis in tensors[name].axes)
        groups.setdefault((law.name, law.numbers, by_sample), []).append(name)
    said = []
    for (*_, by_sample), names in groups.items():
        symbols = listed([view.page.symbol(tensors[name], whole=True) for name in names])
        verb, its = ("is", "its mean") if len(names) == 1 else ("are", "their mean")
        each = " for each sample" if by_sample and view.sampled else ""
        law = known[names[0]]
        words = (
            f"{{}} {verb} random: each entry is {{}}, and is drawn anew in each step{each}; a prediction reads {its}"
        )
        said.append(say(words + ", {}.", symbols, distribution(view, law), decimal(view, law.mean)))
    return said


def laws(view: View) -> dict[str, Drawn]:
    """The distributions of the random tensors, by name."""
    return drawn_of(view.derivation.forward.promises, view.batch.inputs)


def distribution(view: View, law: Drawn) -> Text:
    """What an entry is."""
    return say(law.words, *(decimal(view, number) for number in law.numbers))


def decimal(view: View, value: Fraction) -> Box:
    """A number in decimals, as given."""
    digits, _, exponent = number_text(value).partition("e")
    if "/" in digits:
        return view.set_.fraction(view.set_.number(value.numerator), view.set_.number(value.denominator))
    return view.set_.decimal(digits, int(exponent) if exponent else None)
