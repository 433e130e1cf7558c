"""The flavours of Markdown: their names, their summaries and their syntax, in one table.

To add a flavour, add an entry to ``FLAVOURS``. The options, the help text and the writer of Markdown follow.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from derive.record import record

#: The colours for pages that may be light or dark. Their contrast is 4.6:1 on white and 4.1:1 on the
#: dark page of GitHub (#0d1117). No colour has 4.5:1 on both: the two ratios multiply to at most 18.9.
RED, GREEN = "#D73A31", "#20863F"


@record
class Flavour:
    """The syntax of one flavour of Markdown.

    ``inline`` and ``display`` delimit formulas. ``fold`` takes a title in Markdown, the title as plain text, and the
    body. ``anchors`` precede the target of a link, or follow it if ``behind``; ``link`` takes a target and its text.
    ``figure`` takes the source of a picture, its alternative text, and a caption; the picture is a file, or part of
    the text if ``embeds``. ``fields`` are further lines of the front matter; ``titled`` flavours show the title in
    the front matter by themselves. ``budget`` limits the number of formulas and braces of a page; None is no limit.
    """

    name: str
    summary: str
    inline: tuple[str, str]
    display: tuple[str, str]
    fold: Callable[[str, str, str], str]
    figure: Callable[[str, str, str], str]
    anchors: Callable[[Sequence[str]], str]
    link: Callable[[str, str], str]
    behind: bool = False
    embeds: bool = False
    fields: tuple[str, ...] = ()
    titled: bool = False
    budget: int | None = None

    def front_matter(self, title: str) -> str:
        """Return the front matter in YAML; a JSON string is valid YAML."""
        lines = ["---", f"title: {json.dumps(title)}", *self.fields, "---"]
        return "\n".join(lines) + "\n\n"


# Folds.


def _details(title: str, plain: str, body: str) -> str:
    """An HTML fold. The body is Markdown, since a blank line precedes it; the summary is plain."""
    return f"<details>\n<summary>{html.escape(plain, quote=False)}</summary>\n\n{body}\n\n</details>"


def _marked_details(title: str, plain: str, body: str) -> str:
    """An HTML fold for kramdown, which reads Markdown in HTML only with an attribute."""
    return f'<details markdown="1">\n<summary markdown="span">{title}</summary>\n\n{body}\n\n</details>'


def _dropdown(title: str, plain: str, body: str) -> str:
    """A folded admonition of MyST. Its fence is longer than those in it; its first line has no backticks."""
    longest = max(len(line) - len(line.lstrip("`")) for line in body.splitlines())
    fence, words = "`" * max(longest + 1, 3), escaped(plain).replace("\\`", "&#96;")
    return f"{fence}{{admonition}} {words}\n:class: dropdown\n\n{body}\n{fence}"


def _callout(title: str, plain: str, body: str) -> str:
    """A folded callout of Obsidian, a block quote."""
    lines = [f"[!note]- {title}", *body.splitlines()]
    return "\n".join(f"> {line}" if line else ">" for line in lines)


# Pictures.


def _image(source: str, words: str, caption: str) -> str:
    return f"![{escaped(words)}]({source})\n\n{caption}"


def _figure(source: str, words: str, caption: str) -> str:
    return f"```{{figure}} {source}\n:alt: {words}\n\n{caption}\n```"


def _html_image(source: str, words: str, caption: str) -> str:
    return f'<img src="{source}" alt="{html.escape(words)}">\n\n{caption}'


# Links to equations.


def _ids(names: Sequence[str]) -> str:
    return "".join(f'<a id="{name}"></a>' for name in names)


def _block_id(names: Sequence[str]) -> str:
    return f"^{names[0]}"


def _markdown_link(target: str, words: str) -> str:
    return f"[{words}]({target})"


def _html_link(target: str, words: str) -> str:
    """An HTML link: MyST would resolve a Markdown link among its own targets and renumber the equations."""
    return f'<a href="{target}">{words}</a>'


def _block_link(target: str, words: str) -> str:
    return f"[{words}]({target.replace('#', '#^')})"


FLAVOURS = {
    flavour.name: flavour
    for flavour in (
        Flavour(
            "myst",
            "MyST, for Jupyter Book and Sphinx",
            inline=("{math}`", "`"),
            display=("```{math}", "```"),
            fold=_dropdown,
            figure=_figure,
            anchors=_ids,
            link=_html_link,
        ),
        Flavour(
            "kramdown",
            "kramdown, for Jekyll",
            inline=("$$", "$$"),
            display=("$$", "$$"),
            fold=_marked_details,
            figure=_image,
            anchors=_ids,
            link=_markdown_link,
            fields=("math: true",),
            titled=True,
        ),
        Flavour(
            "github",
            "the subset that GitHub shows",
            inline=("$`", "`$"),
            display=("```math", "```"),
            fold=_details,
            figure=_image,
            anchors=_ids,
            link=_markdown_link,
            budget=2000,
        ),
        Flavour(
            "obsidian",
            "Obsidian",
            inline=("$", "$"),
            display=("$$", "$$"),
            fold=_callout,
            figure=_image,
            anchors=_block_id,
            link=_block_link,
            behind=True,
        ),
    )
}

#: The cells of a notebook. JupyterLab does not show SVG attachments, and other readers do not show SVG data in
#: Markdown links.
JUPYTER = replace(
    FLAVOURS["github"],
    name="jupyter",
    inline=("$", "$"),
    display=("$$", "$$"),
    figure=_html_image,
    embeds=True,
    budget=None,
)

_SPECIAL = {
    **{c: f"\\{c}" for c in "\\`*_{}[]#|$="},
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    **{c: f"&#{ord(c)};" for c in "~%^"},
}


def escaped(words: str) -> str:
    r"""Escape plain text for every flavour.

    >>> print(escaped("a_b <*> c"))
    a\_b &lt;\*&gt; c
    """
    return "".join(" " if c.isspace() else _SPECIAL.get(c, c) for c in words)


def begun(line: str) -> str:
    r"""Escape the start of a line so that it begins a paragraph, not a list or a definition.

    >>> begun("- a"), begun("12. b"), begun(" c")
    ('\\- a', '12\\. b', 'c')
    """
    line = line.lstrip(" ")
    digits = len(line) - len(line.lstrip("0123456789"))
    mark = line[digits : digits + 1]
    return f"{line[:digits]}\\{line[digits:]}" if mark and mark in (".)" if digits else "-+:") else line
