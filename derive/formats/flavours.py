"""The flavours of Markdown: what differs between them, in one table.

To add a flavour, add an entry to ``FLAVOURS``, and its name to those of ``edition.py``.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

#: The colours of the derivation where it is not known whether the page is light or dark: 4.6:1 on white, 4.1:1 on the
#: dark page of GitHub (#0d1117). No colour has 4.5:1 on both: the two ratios multiply to at most 18.9.
RED, GREEN = "#D73A31", "#20863F"


@dataclass(frozen=True)
class Flavour:
    """What differs between one kind of Markdown and another.

    ``inline`` and ``display`` stand around a formula. ``fold`` takes a title in Markdown, the same without markup,
    and the body. ``anchors`` stand before what is linked to, or after it if ``behind``; ``link`` takes a target and
    words. ``figure`` takes the source of a picture, what it shows in words, and a caption; a picture is a file, or
    part of the text if ``embeds``. ``fields`` are lines of the front matter besides the title; ``titled`` says that a
    page shows the title of its front matter itself. A page may have formulas and braces up to ``budget``, where it is
    limited.
    """

    name: str
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
        """The title and more in YAML, of which a string in JSON is one."""
        lines = ["---", f"title: {json.dumps(title)}", *self.fields, "---"]
        return "\n".join(lines) + "\n\n"


# Folds.


def _details(title: str, plain: str, body: str) -> str:
    """What is Markdown again after a blank line; the summary is not."""
    return f"<details>\n<summary>{html.escape(plain, quote=False)}</summary>\n\n{body}\n\n</details>"


def _marked_details(title: str, plain: str, body: str) -> str:
    """The same for kramdown, which reads Markdown in HTML only where it is told to."""
    return f'<details markdown="1">\n<summary markdown="span">{title}</summary>\n\n{body}\n\n</details>'


def _dropdown(title: str, plain: str, body: str) -> str:
    """An admonition that themes of MyST fold, in a fence longer than those in it; its first line has no backticks."""
    longest = max(len(line) - len(line.lstrip("`")) for line in body.splitlines())
    fence, words = "`" * max(longest + 1, 3), escaped(plain).replace("\\`", "&#96;")
    return f"{fence}{{admonition}} {words}\n:class: dropdown\n\n{body}\n{fence}"


def _callout(title: str, plain: str, body: str) -> str:
    """A folded callout of Obsidian: a quotation."""
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
    """A link of HTML: MyST would look a link of Markdown up among its own targets, and number what it labels anew."""
    return f'<a href="{target}">{words}</a>'


def _block_link(target: str, words: str) -> str:
    return f"[{words}]({target.replace('#', '#^')})"


_GITHUB = Flavour(
    "github",
    inline=("$`", "`$"),
    display=("```math", "```"),
    fold=_details,
    figure=_image,
    anchors=_ids,
    link=_markdown_link,
    budget=2000,
)

FLAVOURS = {
    flavour.name: flavour
    for flavour in (
        _GITHUB,
        Flavour(
            "myst",
            inline=("{math}`", "`"),
            display=("```{math}", "```"),
            fold=_dropdown,
            figure=_figure,
            anchors=_ids,
            link=_html_link,
        ),
        Flavour(
            "kramdown",
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
            "obsidian",
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

#: The cells of a notebook. A picture in SVG that is attached to a cell is not shown by JupyterLab, nor is one whose
#: data stand in a link of Markdown by others.
JUPYTER = replace(
    _GITHUB, name="jupyter", inline=("$", "$"), display=("$$", "$$"), figure=_html_image, embeds=True, budget=None
)

_SPECIAL = {
    **{c: f"\\{c}" for c in "\\`*_{}[]#|$="},
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    **{c: f"&#{ord(c)};" for c in "~%^"},
}


def escaped(words: str) -> str:
    r"""Words as every flavour shows them.

    >>> print(escaped("a_b <*> c"))
    a\_b &lt;\*&gt; c
    """
    return "".join(" " if c.isspace() else _SPECIAL.get(c, c) for c in words)


def begun(line: str) -> str:
    r"""A line that begins a paragraph, and neither a list nor a definition.

    >>> begun("- a"), begun("12. b"), begun(" c")
    ('\\- a', '12\\. b', 'c')
    """
    line = line.lstrip(" ")
    digits = len(line) - len(line.lstrip("0123456789"))
    mark = line[digits : digits + 1]
    return f"{line[:digits]}\\{line[digits:]}" if mark and mark in (".)" if digits else "-+:") else line
