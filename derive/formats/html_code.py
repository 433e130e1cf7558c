"""The generated module on the page, folded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape
from typing import TYPE_CHECKING

from derive.document.blocks import Number
from derive.targets.target import Line, Section, Word

if TYPE_CHECKING:
    from derive.document.view import View


def code_section(view: View, anchors: Mapping[Number, str]) -> str:
    """Write the module line by line; ``anchors`` are the link targets of the equations."""
    words = (
        f"This is <code>{view.code.name}</code>, with the line numbers of the file. A line that computes an equation "
        "ends with its number."
    )
    linked = {line for line, _ in view.code.equations.values()}
    return "\n".join([f"<p>{words}</p>", *(_section(s, anchors, linked) for s in view.code.sections)])


def _section(section: Section, anchors: Mapping[Number, str], linked: Collection[int]) -> str:
    lines = "".join(_line(n, line, anchors, n in linked) for n, line in enumerate(section.lines, start=section.first))
    code = f'<pre><code style="--first:{section.first - 1}">{lines}</code></pre>'
    return f"<details><summary>{_summary(section)}</summary>\n{code}</details>"


#: The number of names in the summary of folded code.
_MOST = 6


def _summary(section: Section) -> str:
    names = [f"<code>{escape(n)}</code>" for n in section.names[:_MOST]]
    more = ["..."] if len(section.names) > _MOST else []
    listed = ", ".join([*names, *more]) or "the module's description and imports"
    return f"Lines {section.first} to {section.last}: {listed}"


def _line(number: int, line: Line, anchors: Mapping[Number, str], linked: bool) -> str:
    """Write a line; the first line of the code of an equation has an anchor."""
    place = f' id="line-{number}"' if linked else ""
    return f"<span{place}>{''.join(_word(w, anchors) for w in line)}\n</span>"


def _word(word: Word, anchors: Mapping[Number, str]) -> str:
    text = escape(word.text, quote=False)
    if word.tensor:
        return f'<b data-s="{escape(word.tensor)}">{text}</b>'
    anchor = None if word.equation is None else anchors.get(word.equation)
    if anchor is not None:
        return f'<a href="#{anchor}">{text}</a>'
    return f"<i>{text}</i>" if word.kind == "comment" and text.strip() else text
