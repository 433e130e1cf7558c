"""The source file as lines of words, and its long lines folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from derive.files.seals import HEADER_LINES
from derive.targets.target import Listing, Section, Word

#: Columns of a line, and how far the rest of a folded one is moved.
WIDTH, MORE = 100, "        "
#: How the comment with the number of an equation begins.
_NUMBER = "  // ("
#: What the names of pointers in functions are.
_NOTES = (
    ("p", "points to the parameters"),
    ("w", "to the tensors of a batch, whose first axis is that of the samples"),
    ("g", "to the gradients"),
    ("s", "to what is kept from step to step"),
    ("m", "is the number of samples"),
)


def folded(text: str) -> str:
    """Fold long lines of code at spaces; comments and directives are left alone."""
    found: list[str] = []
    comment = False
    for line in text.splitlines():
        comment = comment or line.lstrip().startswith("/*")
        found += [line] if comment or line.startswith("#") else _fold(line)
        comment = comment and "*/" not in line
    return "\n".join(found) + "\n"


def _fold(line: str) -> Iterator[str]:
    indent = line[: len(line) - len(line.lstrip())] + MORE
    while len(line) > WIDTH:
        at = _break(line.partition("  //")[0].rstrip())
        if not at:
            break
        yield line[:at]
        line = indent + line[at + 1 :]
    yield line


def _break(code: str) -> int:
    """The best space to break a line at: in the second half, in the fewest brackets, the last of these; 0 if none.

    A space between words, such as a type and a name, counts as one in a bracket more.
    """
    start = len(code) - len(code.lstrip())
    depth, found = 0, list[tuple[int, int]]()
    for at, sign in enumerate(code):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == " " and at > start and code[at + 1] not in "),;":
            beside = code[at - 1] in ",;=?:&|+-*/{" or code[at + 1] in "?:&|+-*/"
            found.append((depth + (not beside), at))
    fitting = [pair for pair in found if start + (WIDTH - start) // 2 <= pair[1] <= WIDTH] or [
        pair for pair in found if pair[1] <= WIDTH
    ]
    if fitting:
        return min(fitting, key=lambda pair: (pair[0], -pair[1]))[1]
    return found[0][1] if found else 0


def listing(name: str, source: str, tensors: Mapping[str, str], gradients: str) -> Listing:
    """Return the source file in sections; ``tensors`` maps the code of tensors to their names.

    ``gradients`` is the function that computes the gradients. Line numbers include the header of the sealed file.
    """
    texts = source.splitlines()
    lines = [tuple(_words(text, tensors)) for text in texts]
    chunks = [*_chunks(texts)]
    sections = []
    for core, group in groupby(chunks, key=lambda chunk: any(_NUMBER in t for t in texts[chunk[0] : chunk[1]])):
        spans = [*group]
        first, last = spans[0][0], spans[-1][1]
        names = tuple(n for a, b in spans for n in _names(texts[a:b]))
        sections.append(Section(names, tuple(lines[first:last]), first + 1 + HEADER_LINES, core))
    return Listing(name, tuple(sections), _equations(texts, tensors), _NOTES, gradients)


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The first line of each part between blank lines, and the line after its last."""
    start = 0
    for number, text in enumerate([*texts, ""]):
        if not text:
            if number > start:
                yield start, number
            start = number + 1


def _names(texts: Sequence[str]) -> Iterator[str]:
    """The function that a part of the file defines, if it is one."""
    for text in texts:
        if "(" in text and text[:1].isalpha() and not text.endswith(";"):
            yield text.partition("(")[0].rpartition(" ")[2]
            return


def _words(text: str, tensors: Mapping[str, str]) -> Iterator[Word]:
    """The words of a line: those that name tensors, its number, and the code between them."""
    code, mark, number = text.partition(_NUMBER)
    if code.lstrip().startswith(("/*", "//")):
        yield Word(text, kind="comment")
        return
    plain = at = 0
    while at < len(code):
        if not (code[at].isalpha() or code[at] == "_"):
            at += 1
            continue
        end = at
        while end < len(code) and (code[end].isalnum() or code[end] in "_>" or code[end : end + 2] == "->"):
            end += 1
        if code[at:end] in tensors:
            name = code[at:end]
            if plain < at:
                yield Word(code[plain:at])
            yield Word(name, tensors[name])
            plain = end
        at = end
    if plain < len(code):
        yield Word(code[plain:])
    if mark:
        yield Word(mark.lstrip() + number, equation=int(number.rstrip(")")), kind="comment")


def _equations(texts: Sequence[str], tensors: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """The line and the statement that computes each tensor."""
    found: dict[str, tuple[int, str]] = {}
    for number, text in enumerate(texts, start=1):
        if _NUMBER in text:
            first = number
            while texts[first - 1].startswith(MORE) and not _assigned(texts[first - 1], tensors):
                first -= 1
            code = " ".join(t.strip() for t in texts[first - 1 : number]).partition(_NUMBER)[0]
            name = _assigned(code, tensors)
            if name:
                found.setdefault(name, (first + HEADER_LINES, code))
    return found


def _assigned(code: str, tensors: Mapping[str, str]) -> str:
    """The tensor that a line assigns to; empty if there is none."""
    place = code.strip().removeprefix("const double ")
    return tensors.get(place.partition(" = ")[0].partition("[")[0], "") if " = " in place else ""
