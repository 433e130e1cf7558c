"""Boxes as MathML: only MathML Core, the right number of children, and no lost content."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import networks
import pytest
from helpers import derivation

from derive import derive
from derive.api import Derivation
from derive.document.blocks import Algorithm, Block, Display, Fold, Heading, Table, Text
from derive.document.document import document
from derive.document.view import View
from derive.paper import latex as latex_printer
from derive.paper import mathml as printer
from derive.paper.boxes import EMPTY, Box, Typesetter
from derive.paper.characters import BESIDE, BETWEEN, DOTS, LETTERS, STAR, WITHOUT_FIRST, plain
from derive.paper.mathml import mathml
from derive.paper.notation import NOTATIONS, PSI

SET = Typesetter(PSI.times)

#: How many children an element has; None for any number.
CHILDREN: dict[str, int | None] = {
    **dict.fromkeys(("mi", "mn", "mo", "mtext", "mspace", "mprescripts"), 0),
    **dict.fromkeys(("mfrac", "msub", "msup", "munder", "mover"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
    "mmultiscripts": 6,
    **dict.fromkeys(("mrow", "mtable", "mtr", "mtd"), None),
}
#: The elements of MathML Core that are written.
ELEMENTS = frozenset(
    "math mi mn mo mtext mspace mrow mfrac msqrt msub msup msubsup mmultiscripts mprescripts "
    "munder mover munderover mtable mtr mtd".split()
)
#: The attributes that MathML Core knows, and those that a page uses.
ATTRIBUTES = {
    "mo": {"stretchy", "form", "minsize", "lspace", "rspace", "class"},
    "mi": {"mathvariant"},
    "mspace": {"width"},
    "munder": {"accentunder"},
    "mover": {"accent"},
    "mtable": {"class"},
}
KNOWN = {"class", "data-s", "data-e"}


class Tree(HTMLParser):
    """Parses MathML and collects its errors."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, list[str]]] = [("", [])]
        self.wrong: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        if len(self.open) != 1:
            self.wrong.append(f"not closed: {self.open[-1][0]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1][1].append(tag)
        self.open.append((tag, []))
        unknown = {name for name, _ in attrs} - ATTRIBUTES.get(tag, set()) - KNOWN
        if tag not in ELEMENTS or unknown:
            self.wrong.append(f"{tag} {sorted(unknown)}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        name, children = self.open.pop()
        if name != tag:
            self.wrong.append(f"{tag} closes {name}")
        count = CHILDREN.get(tag)
        if count is not None and len(children) != count:
            self.wrong.append(f"{tag} of {len(children)}")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open[-1][0] not in ("mi", "mn", "mo", "mtext"):
            self.wrong.append(f"words in {self.open[-1][0]}")


def boxes_in(blocks: tuple[Block, ...]) -> Iterator[Box]:
    """Return every formula of the blocks."""
    for block in blocks:
        match block:
            case Text():
                yield from (s for s in block.spans if isinstance(s, Box))
            case Display():
                for item in block.items:
                    yield from (item.left, *item.right)
                    yield from boxes_in((item.reason,) if item.reason else ())
            case Table():
                yield from boxes_in(tuple(cell for row in (block.head, *block.rows) for cell in row))
            case Heading():
                yield from boxes_in((block.title, block.text))
            case Fold():
                yield from boxes_in((block.title, *block.blocks))
            case Algorithm():
                yield from boxes_in(tuple(step.text for step in block.steps))


def boxes_of(found: Derivation, detail: str = "full") -> list[Box]:
    """Return every formula of a document."""
    return [b for part in document(View(found, detail)).parts for b in boxes_in(part.blocks)]


def spelled(box: Box) -> str:
    """Return the letters, digits and primes of a box, read from its leaves and not from a printer."""
    if box.kind == "letter":
        return unicodedata.normalize("NFD", box.parts[0].text).replace("ᵀ", "T")
    if box.kind in ("name", "words", "number", "variable"):
        return {"sigmoid": "σ", "relu": "ReLU"}.get(text := "".join(box.parts), text)
    if box.kind == "decimal":
        digits, exponent = box.parts
        return digits if exponent is None else f"{digits}10{exponent}"
    if box.kind == "primed":
        return spelled(box.parts[0]) + "′" * box.parts[1]
    return "".join(spelled(p) for p in flat(box.parts))


def flat(parts: tuple[Any, ...]) -> Iterator[Box]:
    for part in parts:
        if isinstance(part, Box):
            yield part
        elif isinstance(part, tuple):
            yield from flat(part)


def counted(text: str) -> Counter[str]:
    """Count each letter, digit, accent and prime."""
    for written, meant in (("″", "′′"), ("‴", "′′′"), ("′", "'"), ("ˆ", "\u0302"), ("¯", "\u0304")):
        text = text.replace(written, meant)
    return Counter(c for c in unicodedata.normalize("NFKD", text) if c.isalnum() or c in "'\u0302\u0304")


CASES = {
    "plain": lambda: derivation((3, 4, 4, 1)),
    "augmented": lambda: derivation((3, 4, 5, 2), bias="augmented"),
    "bracket": lambda: derivation((3, 4, 2), ("tanh", "sigmoid"), "binary_cross_entropy", notation="bracket"),
    "delta": lambda: derivation((3, 5, 2), loss="half_sse", bias="none", notation="delta"),
    "softmax": lambda: derivation((784, 128, 64, 10), ("relu", "softplus", "softmax"), "cross_entropy"),
    "named": lambda: derivation(("n", "h", "h", "k"), "softplus", "half_mse"),
    "residual": lambda: derive(networks.residual()),
    "layer_norm": lambda: derive(networks.layer_norm_in_steps()),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.sampled(4)
def test_every_formula_is_mathml_core_and_nothing_is_lost(name):
    found = boxes_of(CASES[name](), "exhaustive")
    assert len(found) > 100
    for box in found:
        tree = Tree(mathml(box))
        assert not tree.wrong, mathml(box)
        assert counted(tree.text) == counted(spelled(box)), mathml(box)


def test_every_kind_of_box_is_written():
    assert set(printer._KINDS) == set(latex_printer._KINDS)
    with pytest.raises(NotImplementedError, match="cannot write a wobble in MathML"):
        mathml(Box("wobble", (), 1.0))


SIGNS = [sign for notation in NOTATIONS.values() for sign in (notation.times, notation.transpose)]


@pytest.mark.parametrize("letter", [*LETTERS.values(), WITHOUT_FIRST, *SIGNS])
def test_every_letter_is_written(letter):
    tree = Tree(mathml(SET.letter(letter)))
    assert not tree.wrong
    assert tree.text


def test_indices_stand_where_they_belong():
    w, i, two = (SET.letter(plain(x)) for x in ("w", "i", "2"))
    assert mathml(SET.script(w, i, None)) == "<msub><mi>w</mi><mi>i</mi></msub>"
    assert mathml(SET.script(w, i, two)) == "<msubsup><mi>w</mi><mi>i</mi><mn>2</mn></msubsup>"
    left = "<mmultiscripts><mi>w</mi><mi>i</mi><mrow/><mprescripts/><mrow/><mn>2</mn></mmultiscripts>"
    assert mathml(SET.script(w, i, None, left=two)) == left
    above = "<mmultiscripts><mi>w</mi><mrow/><mi>i</mi><mprescripts/><mrow/><mn>2</mn></mmultiscripts>"
    assert mathml(SET.script(w, None, i, left=two)) == above


A, B = (SET.letter(plain(x)) for x in "ab")
TALL = SET.fraction(A, B)
FRACTION = "<mfrac><mi>a</mi><mi>b</mi></mfrac>"


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (TALL, FRACTION),
        (SET.partial(A, B), "<mfrac><mrow><mi>∂</mi><mi>a</mi></mrow><mrow><mi>∂</mi><mi>b</mi></mrow></mfrac>"),
        (SET.group(A), '<mrow><mo stretchy="false">(</mo><mi>a</mi><mo stretchy="false">)</mo></mrow>'),
        (SET.group(TALL), f"<mrow><mo>(</mo>{FRACTION}<mo>)</mo></mrow>"),
        (
            SET.total(A, SET.number(1), B),
            "<munderover><mo>∑</mo><mrow><mi>a</mi><mo>=</mo><mn>1</mn></mrow><mi>b</mi></munderover>",
        ),
        (SET.primed(A, 2), '<mrow><mi>a</mi><mo lspace="0" rspace="0">″</mo></mrow>'),
        (SET.coloured("red", A), '<mrow class="red"><mi>a</mi></mrow>'),
        (SET.join((A, B), "times", 2), "<mi>a</mi><mo>⊙</mo><mi>b</mi>"),
        (SET.join((A, B), "thin", 2), '<mi>a</mi><mspace width="0.17em"/><mi>b</mi>'),
        (SET.before("binary minus", A), '<mo form="infix">−</mo><mi>a</mi>'),
        (SET.before("times", A), '<mo form="infix">⊙</mo><mi>a</mi>'),
        (
            SET.before("green open", A),
            '<mo form="prefix" stretchy="true" minsize="1.8em" class="green">[</mo><mi>a</mi>',
        ),
        (
            SET.after(A, "red close"),
            '<mi>a</mi><mo form="postfix" stretchy="true" minsize="1.8em" class="red">)</mo>',
        ),
        (
            SET.apply(A, B),
            '<mi>a</mi><mo>\u2061</mo><mrow><mo stretchy="false">(</mo><mi>b</mi><mo stretchy="false">)</mo></mrow>',
        ),
        (
            SET.cases([(A, B)]),
            '<mrow><mo form="prefix">{</mo><mtable class="cases"><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>'
            "</mtable></mrow>",
        ),
        (
            SET.matrix([[A], [B]]),
            "<mrow><mo>[</mo><mtable><mtr><mtd><mi>a</mi></mtd></mtr><mtr><mtd><mi>b</mi></mtd></mtr></mtable><mo>]</mo></mrow>",
        ),
        (
            SET.under(A, B),
            '<mspace width="0.06em"/><munder><munder accentunder="true"><mi>a</mi><mo stretchy="true">⏟</mo></munder>'
            '<mi>b</mi></munder><mspace width="0.06em"/>',
        ),
    ],
)
def test_each_kind_is_written_as_it_should_be(box, expected):
    assert mathml(box) == expected
    assert not Tree(expected).wrong


@pytest.mark.parametrize("table", [BESIDE, BETWEEN, DOTS])
def test_signs_are_those_of_the_text(table):
    """The signs are those of the terminal format; brackets are prefix and postfix operators."""
    for name, sign in table.items():
        written = mathml(Box("after", (EMPTY, sign), 0.0))
        assert Tree(written).text == sign.text.strip(), name
        if name.endswith(("open", "close")):
            assert f'form="{"prefix" if name.endswith("open") else "postfix"}"' in written


def test_a_symbol_says_what_it_stands_for():
    w, z = (SET.letter(plain(x)) for x in "wz")
    weight, sum_ = SET.named(w, "W2", "3,1"), SET.named(SET.script(z, w, None), "z2", "3")
    assert mathml(weight) == '<mrow data-s="W2" data-e="3,1"><mi>w</mi></mrow>'
    assert mathml(sum_) == '<msub data-s="z2" data-e="3"><mi>z</mi><mi>w</mi></msub>'
    assert mathml(SET.partial(sum_, weight)).startswith('<mfrac data-s="z2/W2" data-e="3/3,1"><mrow><mi>∂</mi>')
    assert mathml(SET.partial(SET.letter(plain("E")), SET.named(w, "W2"))).startswith('<mfrac data-s="E/W2"><')
    assert mathml(SET.partial(w, z)).startswith("<mfrac><")


def test_what_comes_from_outside_is_escaped():
    for box in (SET.name('<a b="c">&'), SET.words("<i>"), SET.variable("<")):
        assert not Tree(mathml(box)).wrong
    assert 'data-s="&quot;&gt;&lt;b&gt;"' in mathml(SET.named(SET.number(1), '"><b>'))


def test_words_of_widths_are_italic_and_numbers_are_numbers():
    assert mathml(SET.variable("n")) == "<mi>n</mi>"
    assert mathml(SET.variable("hidden_1")) == "<msub><mi>ℎ𝑖𝑑𝑑𝑒𝑛</mi><mn>1</mn></msub>"
    minus = '<mo form="prefix">−</mo>'
    power = f"<msup><mn>10</mn><mrow>{minus}<mn>9</mn></mrow></msup>"
    assert mathml(SET.decimal("-2.5", -9)) == f"{minus}<mn>2.5</mn><mo>×</mo>{power}"


def test_a_name_that_is_given_in_latex():
    set_ = Typesetter(STAR)
    assert mathml(set_.name("swish", r"\operatorname{swish}_\beta")) == "<msub><mi>swish</mi><mi>β</mi></msub>"
    assert mathml(set_.name("f", r"\mathcal{F}^2")) == '<mi mathvariant="normal">f</mi>'
