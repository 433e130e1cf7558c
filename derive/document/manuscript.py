"""The manuscript: the input of every output format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derive.document.blocks import Document
from derive.document.document import document
from derive.document.view import View
from derive.drawing import Drawing
from derive.record import record
from derive.statement.edition import Edition
from derive.targets.registry import Runnable
from derive.text.errors import SpecError

if TYPE_CHECKING:
    from derive.worked.given import Numbers


@record
class Manuscript:
    """The input of every output format: the document, its drawing, and the options (edition)."""

    view: View
    edition: Edition
    document: Document
    drawing: Drawing


def numbers_of(edition: Edition) -> Numbers | None:
    """Return the worked numbers of an edition; raises SpecError, naming the file, if they cannot be read."""
    if edition.numbers is None:
        return None
    from derive.worked.given import numbers

    return numbers(edition.numbers)


def manuscript(derivation: Runnable, edition: Edition, numbers: Numbers | None = None) -> Manuscript:
    """Return the manuscript of a derivation; ``numbers`` are the worked numbers of the edition."""
    example = None
    if numbers is not None:
        if derivation.forward.upstream:
            raise SpecError("numbers are for a network that is trained, not for a layer alone: leave them out")
        from derive.worked.example import work

        example = work(derivation, numbers)
    view = View(derivation, edition.detail, example, form=edition.form, target=edition.target)
    return Manuscript(view, edition, document(view, edition.only, edition.exercises), view.drawing)
