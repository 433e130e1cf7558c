"""Create the page of a program, with symbols for its tensors and numbers for its functions."""

from __future__ import annotations

from derive.calculus.functions import Elementwise
from derive.calculus.program import Assign, Program
from derive.calculus.roles import Role
from derive.paper.boxes import Typesetter
from derive.paper.index_form import layer_of
from derive.paper.notation import Notation
from derive.paper.page import Page
from derive.paper.signs import signs_of


def page_for(program: Program, notation: Notation) -> Page:
    """Return the page that typesets a program in a notation."""
    layers = {t.layer for t in program.tensors.values() if t.role == Role.PREACTIVATION}
    taken = frozenset(s.name for s in program.extents) | notation.letters(program.tensors.values())
    set_ = Typesetter(notation.times)
    one_layer = len(layers) <= 1
    return Page(
        set_,
        notation,
        program.tensors,
        one_layer=one_layer,
        signs=signs_of(program, notation, set_, one_layer),
        functions={**_numbered(program, "activation"), **_numbered(program, "loss")},
        by_layer=notation.function_layers and _told_by_layers(program),
        taken=taken,
        preferred=program.letters,
    )


def _numbered(program: Program, role: str) -> dict[str, str]:
    """Number the functions of a role; a single one has no number."""
    origins = list(dict.fromkeys(d.function.origin for d in program.definitions if d.function.role == role))
    return {o: "" if len(origins) == 1 else str(n) for n, o in enumerate(origins, start=1)}


def _told_by_layers(program: Program) -> bool:
    """Whether the layer number identifies the activation wherever one is applied."""
    applied = {(layer_of(a, program.tensors), a.origin) for s in program.statements for a in _activations(s)}
    layers = [layer for layer, _ in applied]
    return None not in layers and len(layers) == len(set(layers))


def _activations(statement: Assign) -> list[Elementwise]:
    return [a for a in statement.equation.expression.atoms(Elementwise) if a.role == "activation"]
