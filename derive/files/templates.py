"""The loader of the Jinja templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def template_folder() -> Path:
    """Return the folder of templates: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    folders = (package / "templates", package.parent / "templates")
    return next(folder for folder in folders if folder.is_dir())


@cache
def environment(target: str = "") -> Environment:
    """Return the Jinja environment for the templates of a target, a folder in ``templates``.

    An undefined variable is an error. Lines with only a statement are removed. For
    ``latex``, which uses braces and percent signs itself, a variable is ``<< name >>``,
    a statement ``<% if name %>`` and a comment ``<# why #>``; all others use Jinja's own
    ``{{ name }}``, ``{% if name %}``, ``{# why #}``. In ``html``, values are escaped
    unless the template marks them as HTML.
    """
    import jinja2

    from derive.files.compiled import compiled_in

    marks = ("{{", "}}", "{%", "%}", "{#", "#}")
    if target == "latex":
        marks = ("<<", ">>", "<%", "%>", "<#", "#>")
    return jinja2.Environment(
        variable_start_string=marks[0],
        variable_end_string=marks[1],
        block_start_string=marks[2],
        block_end_string=marks[3],
        comment_start_string=marks[4],
        comment_end_string=marks[5],
        loader=jinja2.FileSystemLoader(template_folder()),
        bytecode_cache=compiled_in(template_folder()),
        undefined=jinja2.StrictUndefined,
        autoescape=target == "html",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def fill(template: str, **holes: Any) -> str:
    """Render a template, named by its path in ``templates`` such as ``numpy/trainer.py.jinja``."""
    return environment(template.partition("/")[0]).get_template(template).render(**holes)
