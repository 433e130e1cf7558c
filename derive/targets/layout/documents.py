"""Documents that may break into lines, and the printer that decides where.

After Wadler, "A prettier printer" (2003), with the additions that the formatter ruff
makes to it: a group that looks at another one, and content that may break inside a
group that does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Break = Literal["soft", "space", "hard"]


@dataclass(frozen=True)
class Line:
    """A place where a line may end: nothing, a space, or always a new line."""

    kind: Break = "soft"


@dataclass(frozen=True)
class Indent:
    """What is indented; ``when`` is the group that must break for it, if any."""

    content: Document
    when: Key | None = None


@dataclass(frozen=True)
class Group:
    """What stands on one line if it fits; ``only_if`` is a group without which it is none when that does not break."""

    content: Document
    key: Key | None = None
    expand: bool = False
    only_if: Key | None = None

    def __post_init__(self) -> None:
        """A group breaks if something in it must."""
        object.__setattr__(self, "expand", self.expand or _must_break(self.content))


@dataclass(frozen=True)
class IfBreaks:
    """One of two documents, as a group breaks: that of ``key``, or the enclosing one."""

    broken: Document
    flat: Document = ""
    key: Key | None = None


@dataclass(frozen=True)
class MayExpand:
    """What may break although the group of ``key`` stands on one line."""

    content: Document
    key: Key


@dataclass(frozen=True)
class BestFit:
    """What is put in parentheses if it fits within them and does not fit without."""

    content: Document
    key: Key


@dataclass(eq=False)
class Key:
    """The identity of a group."""

    name: str = field(default="")


Document = str | Line | Indent | Group | IfBreaks | MayExpand | BestFit | tuple["Document", ...]


def _must_break(doc: Document) -> bool:
    """Whether there is a line in a document that always ends, or a group that always breaks."""
    match doc:
        case tuple():
            return any(_must_break(part) for part in doc)
        case Line() | Group():
            return doc.expand if isinstance(doc, Group) else doc.kind == "hard"
        case Indent():
            return _must_break(doc.content)
    return False


#: A document to be printed: how deep it is indented, whether its groups are flat, itself.
_Entry = tuple[int, bool, Document]

STEP = 4


def printed(document: Document, width: int, indent: int = 0) -> str:
    """Lay the document out; the first line begins at column ``indent``."""
    return _Printer(width, indent).run(document)


class _Printer:
    def __init__(self, width: int, indent: int) -> None:
        self.width = width
        self.column = indent
        self.indent = indent
        self.text: list[str] = []
        self.flat_of: dict[Key, bool] = {}
        self.measured = False

    def run(self, document: Document) -> str:
        stack: list[_Entry] = [(self.indent, False, document)]
        while stack:
            indent, flat, doc = stack.pop()
            match doc:
                case str():
                    self.text.append(doc)
                    self.column += len(doc)
                case Line("hard") | Line() if doc.kind == "hard" or not flat:
                    self.text.append("\n" + " " * indent)
                    self.column = indent
                case Line():
                    blank = " " * (doc.kind == "space")
                    self.text.append(blank)
                    self.column += len(blank)
                case Group():
                    stack.append(self._group(doc, indent, flat, stack))
                case MayExpand():
                    if self.flat_of.get(doc.key, False):
                        self.measured = False
                    stack.append((indent, flat, doc.content))
                case BestFit():
                    stack.append(self._best_fit(doc, indent, flat, stack))
                case _:
                    stack += _parts(doc, indent, flat, self.flat_of)
        return "\n".join(line.rstrip() for line in "".join(self.text).split("\n"))

    def _group(self, doc: Group, indent: int, flat: bool, stack: list[_Entry]) -> _Entry:
        if doc.only_if is not None and self.flat_of.get(doc.only_if, False):
            return indent, flat, doc.content
        if doc.expand:
            stays = False
        elif flat and self.measured:
            stays = True
        else:
            self.measured = True
            if doc.key is not None:
                self.flat_of[doc.key] = True
            stays = self._fits([(indent, True, doc)], stack)
        if doc.key is not None:
            self.flat_of[doc.key] = stays
        return indent, stays, doc.content

    def _best_fit(self, doc: BestFit, indent: int, flat: bool, stack: list[_Entry]) -> _Entry:
        self.flat_of[doc.key] = True
        self.measured = True
        if self._fits([(indent, True, doc.content)], stack):
            return indent, True, doc.content
        self.flat_of[doc.key] = False
        inside: Document = ("(", Indent((Line("hard"), doc.content)), Line("hard"), ")")
        if self._fits([(indent, False, inside)], stack, every_line=True):
            return indent, False, inside
        self.flat_of[doc.key] = True
        return indent, True, doc.content

    def _fits(self, begun: list[_Entry], rest: list[_Entry], every_line: bool = False) -> bool:
        """Whether what is begun fits, up to the end of its line or, of ``every_line``, of all its lines."""
        column, flat_of = self.column, dict(self.flat_of)
        todo = [(*entry, every_line) for entry in begun]
        at = len(rest)
        while True:
            if not todo:
                if at == 0:
                    return True
                at -= 1
                todo.append((*rest[at], False))
            indent, flat, doc, every = todo.pop()
            match doc:
                case str():
                    column += len(doc)
                    if column > self.width:
                        return False
                case Line():
                    if doc.kind == "hard" or not flat:
                        if not every:
                            return True
                        column = indent
                    else:
                        column += doc.kind == "space"
                case Group():
                    if doc.only_if is None or not flat_of.get(doc.only_if, False):
                        flat = flat and not doc.expand
                        if doc.key is not None:
                            flat_of[doc.key] = flat
                    todo.append((indent, flat, doc.content, every))
                case MayExpand():
                    opened = flat and flat_of.get(doc.key, False)
                    if flat and not opened and _must_break(doc.content):
                        return False
                    todo.append((indent, flat and not opened, doc.content, every or opened))
                case BestFit():
                    todo.append((indent, flat, doc.content, every))
                case _:
                    todo += [(*entry, every) for entry in _parts(doc, indent, flat, flat_of)]


def _parts(doc: Document, indent: int, flat: bool, flat_of: dict[Key, bool]) -> list[_Entry]:
    """What a document without a choice of its own is made of, the first part last."""
    if isinstance(doc, tuple):
        return [(indent, flat, part) for part in reversed(doc)]
    if isinstance(doc, Indent):
        deeper = doc.when is None or not flat_of.get(doc.when, False)
        return [(indent + STEP * deeper, flat, doc.content)]
    if isinstance(doc, IfBreaks):
        is_flat = flat if doc.key is None else flat_of.get(doc.key, False)
        return [(indent, flat, doc.flat if is_flat else doc.broken)]
    raise TypeError(f"no document: {type(doc).__name__}")
