"""Make the mathematical font that an HTML derivation carries: a part of STIX Two Math.

A browser needs a font with an OpenType MATH table to typeset MathML well, and few machines have one. A page
that is to look the same everywhere, offline, carries its own. Of the 5,169 glyphs of STIX Two Math this keeps
the characters that a derivation can use, and of the stretched forms those that it stretches.

To renew ``templates/html/math.woff2``::

    npm pack @fontsource/stix-two-math@5.3.0
    tar xzf fontsource-stix-two-math-5.3.0.tgz
    python docs/subset_font.py package

The same versions of fonttools and brotli (see ``constraints.txt``) give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

HTML = Path(__file__).resolve().parents[1] / "templates" / "html"
SOURCE = "files/stix-two-math-latin-400-normal.woff2"
SOURCE_SHA256 = "8b2a6834cfe1f4e0f3724ffa59fe92000013fc5a4c41e6a3f438006c26c60f0d"

UPRIGHT = "".join(map(chr, range(0x20, 0x7F)))
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ" + "αβγδεζηθικλμνξοπρςστυφχψω" + "ϑϕϵ"
# A browser writes the one letter of <mi>x</mi> with the italic character of these blocks. U+1D455 is not assigned:
# the italic h is U+210E.
ITALIC = "".join(map(chr, [*range(0x1D434, 0x1D455), 0x210E, *range(0x1D456, 0x1D468), *range(0x1D6A4, 0x1D6A6)]))
ITALIC_GREEK = "".join(map(chr, range(0x1D6E2, 0x1D71C)))
BOLD = "".join(map(chr, [*range(0x1D400, 0x1D434), *range(0x1D7CE, 0x1D7D8)]))
LETTERS = "𝖳" + "ℓℝℕℤ𝔼ℒ𝒩"
OPERATORS = "±×÷·−∓∂∇∑∏∈∉≥≤≠≈≡≪≫∝∼≔≜∞√⊙⊗⊕⊖⊘∘∗⋆∖∅∪∩⊂⊆∧∨∀∃¬⊤⊥"
ARROWS = "→←↑↓↔↦⇒⇐⇔⟵⟶⟼"
MARKS = "′″‴⋯⋮⋱…‾¯ˆ˜˙¨‐–—"
FENCES = "∣∥‖⟨⟩⌊⌋⌈⌉⏞⏟"
COMBINING = "\u0302\u0303\u0304\u0305\u0307\u0308\u20d7\u0332"
# no-break space, thin space, and the invisible operators: function application, times, separator, plus.
INVISIBLE = "\u00a0\u2009\u2061\u2062\u2063\u2064"
CHARACTERS = "".join(
    (UPRIGHT, GREEK, ITALIC, ITALIC_GREEK, BOLD, LETTERS, OPERATORS, ARROWS, MARKS, FENCES, COMBINING, INVISIBLE)
)

TALL = "()[]{}|/‖∣∥√∑∏⟨⟩⌊⌋⌈⌉"
WIDE = "⏞⏟‾¯ˆ˜^~→←⟵⟶\u0302\u0303\u0305\u0332"


def keep_stretched(font: TTFont) -> None:
    """Drop the taller and wider forms of every character but ``TALL`` and ``WIDE``."""
    variants = font["MATH"].table.MathVariants
    glyph = font.getBestCmap()
    for direction, characters in (("Vert", TALL), ("Horiz", WIDE)):
        wanted = {glyph[ord(c)] for c in characters if ord(c) in glyph}
        coverage = getattr(variants, f"{direction}GlyphCoverage")
        constructions = getattr(variants, f"{direction}GlyphConstruction")
        kept = [pair for pair in zip(coverage.glyphs, constructions, strict=True) if pair[0] in wanted]
        coverage.glyphs = [name for name, _ in kept]
        setattr(variants, f"{direction}GlyphConstruction", [construction for _, construction in kept])
        setattr(variants, f"{direction}GlyphCount", len(kept))


def missing(font: TTFont) -> str:
    """The characters of ``CHARACTERS`` that `font` has no glyph for."""
    cmap = font.getBestCmap()
    return "".join(c for c in CHARACTERS if ord(c) not in cmap)


def make(source: Path, target: Path) -> int:
    """Write the part of the font at `source` to `target` as woff2; its size in bytes."""
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = ["ssty"]  # the forms of primes in exponents
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # with the licence and where it is
    options.drop_tables += ["GPOS", "GDEF"]
    font = subset.load_font(str(source), options)
    if lacking := missing(font):
        raise SystemExit(f"{source} lacks {lacking!r}")
    keep_stretched(font)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=CHARACTERS)
    subsetter.subset(font)
    subset.save_font(font, str(target), options)
    return target.stat().st_size


def main() -> None:
    """Read the unpacked package that is named on the command line; write the font and its licence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("package", type=Path, help="the folder that the package unpacks to")
    package = parser.parse_args().package
    source = package / SOURCE
    if hashlib.sha256(source.read_bytes()).hexdigest() != SOURCE_SHA256:
        raise SystemExit(f"{source} is not the file that this script was written for")
    HTML.mkdir(parents=True, exist_ok=True)
    print(f"{HTML / 'math.woff2'}: {make(source, HTML / 'math.woff2')} bytes")
    shutil.copyfile(package / "LICENSE", HTML / "math.woff2.LICENSE.txt")


if __name__ == "__main__":
    main()
