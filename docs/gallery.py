"""Takes the pictures of the README from what gallery.sh has derive write into a folder.

python docs/gallery.py FOLDER
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from PIL import Image, ImageChops

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from tests.web import Visit, visiting  # noqa: E402

#: Pixels to the inch of typeset pages, white around a picture in pixels, and the most that a picture may weigh.
RESOLUTION, MARGIN, HEAVIEST = 170, 36, 150_000
#: A page of typeset text down to its number, as a part of its height.
BODY = 0.93
#: Where the text of a page begins.
TOP = 0.06
WHITE = (255, 255, 255)


# ---------------------------------------------------------------- typeset pages


def typeset(pdf: Path, page: int, start: str, end: str = "") -> Image.Image:
    """A page from the line that has the words of ``start``, or its top, to above the line with those of ``end``."""
    command = ["pdftoppm", "-r", str(RESOLUTION), "-f", str(page), "-l", str(page), "-png", str(pdf)]
    shown = Image.open(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout)).convert("RGB")
    top = height_of(pdf, page, start) - 0.006 if start else TOP
    bottom = height_of(pdf, page, end) - 0.006 if end else BODY
    return trimmed(shown.crop((0, round(top * shown.height), shown.width, round(bottom * shown.height))))


def height_of(pdf: Path, page: int, words: str) -> float:
    """How far below the top of a page a line with these words begins, as a part of its height."""
    command = ["pdftotext", "-f", str(page), "-l", str(page), "-bbox", str(pdf), "-"]
    text = subprocess.run(command, capture_output=True, check=True).stdout
    printable = bytes(byte for byte in text if byte >= 0x20 or byte in b"\t\n")  # signs of mathematics are odd bytes
    [sheet] = ET.fromstring(printable).iter("{http://www.w3.org/1999/xhtml}page")
    wanted, found = words.split(), list(sheet)
    for n in range(len(found) - len(wanted) + 1):
        if [w.text for w in found[n : n + len(wanted)]] == wanted:
            return float(found[n].get("yMin", "")) / float(sheet.get("height", ""))
    raise ValueError(f"{words!r} is not on page {page} of {pdf.name}")


def trimmed(picture: Image.Image) -> Image.Image:
    """A picture without the white around it, and with the margin of all pictures."""
    box = ImageChops.difference(picture, Image.new("RGB", picture.size, WHITE)).getbbox()
    assert box is not None
    inner = picture.crop(box)
    sheet = Image.new("RGB", (inner.width + 2 * MARGIN, inner.height + 2 * MARGIN), WHITE)
    sheet.paste(inner, (MARGIN, MARGIN))
    return sheet


# ---------------------------------------------------------------- in the browser


def browsed(
    path: Path, width: int, height: int, act: Callable[[Visit], None], dark: bool = False, scale: float = 1.5
) -> Image.Image:
    """What a window of a browser shows of a file once something has been done in it."""
    with visiting(path, width=width, height=height, dark=dark, scale=scale, reduced_motion="reduce") as visit:
        act(visit)
        if problems := visit.problems():
            raise RuntimeError(f"{path.name}: {problems}")
        return Image.open(io.BytesIO(visit.page.screenshot())).convert("RGB")


def drawing(visit: Visit) -> None:
    """Fit the drawing to the width of the window."""
    visit.page.evaluate("document.documentElement.setAttribute('width', '100%')")


def scrolled(visit: Visit, query: str, above: int) -> None:
    """Scroll until an element has so many pixels above it."""
    visit.page.mouse.move(1, 1)
    offset = visit.page.locator(query).first.evaluate("element => scrollY + element.getBoundingClientRect().top")
    visit.page.evaluate("top => scrollTo(0, top)", offset - above)


def pattern(visit: Visit) -> None:
    """The pattern, with one factor lit up wherever it occurs."""
    visit.page.evaluate(
        """() => {
            const factors = [...document.querySelectorAll('#pattern .eq [data-s]')];
            factors.find(e => e.dataset.s.includes('/z2')).dispatchEvent(new MouseEvent('click', {bubbles: true}));
        }"""
    )
    scrolled(visit, "#pattern", 0)


def walk(steps: int, above: int) -> Callable[[Visit], None]:
    """The numbers of the backward pass after so many steps."""

    def act(visit: Visit) -> None:
        for _ in range(steps):
            visit.page.click('.walk button[value="1"]')
        visit.page.evaluate("document.activeElement.blur()")
        scrolled(visit, "#live .bar", above)

    return act


# ---------------------------------------------------------------- files


def saved(picture: Image.Image, path: Path) -> None:
    """Write a picture with as few colours as look the same."""
    few = picture.quantize(96, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    if path.stat().st_size > HEAVIEST:
        raise RuntimeError(f"{path.name} has {path.stat().st_size} bytes; it may have {HEAVIEST}")


def main(folder: Path) -> None:
    """Take all pictures."""
    gallery = DOCS / "gallery"
    gallery.mkdir(exist_ok=True)
    page = folder / "page" / "derivation.html"
    rows = folder / "pattern" / "derivation.pdf"
    example = folder / "numbers_2_2_2" / "derivation.pdf"
    [paths] = folder.glob("paths_*/network.svg")
    pictures = {
        DOCS / "derivation.png": typeset(rows, 1, "The pattern"),
        gallery / "paths.png": trimmed(browsed(paths, 620, 430, drawing, scale=2)),
        gallery / "numbers.png": typeset(example, 1, "Step 1."),
        gallery / "loop.png": typeset(folder / "loop" / "derivation.pdf", 1, "Algorithm."),
        gallery / "page_light.png": browsed(page, 860, 605, pattern),
        gallery / "page_dark.png": browsed(page, 860, 765, walk(2, 30), dark=True),
        gallery / "page_phone.png": browsed(page, 375, 582, walk(3, 12), scale=2),
    }
    for path, picture in pictures.items():
        saved(picture, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
