"""The document as a notebook: text cells with the derivation, then code cells that check and train the network.

The bytes are those of nbformat 4.5. The notebook has no stored outputs, and no cell contains a gradient formula.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sympy import Integer

from derive.calculus.functions import X
from derive.calculus.roles import Role
from derive.document.blocks import Document
from derive.files.flavours import JUPYTER, escaped
from derive.files.templates import fill
from derive.formats.markdown import MarkdownWriter, linked
from derive.targets.verify import ENTRYWISE

if TYPE_CHECKING:
    from derive.calculus.forward import ForwardPass
    from derive.calculus.index import Tensor
    from derive.calculus.program import Program
    from derive.document.manuscript import Manuscript
    from derive.targets.registry import Runnable

Cell = dict[str, Any]

#: The largest number of parameters for which the check covers every entry.
SMALL = 2000
#: The size of the first named width; each further one is larger by one.
FIRST_WIDTH = 3

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

#: The code cells, by the names of their templates, with the text before each.
_CODE = {
    "setup": "## Run it\n\n"
    "What was derived is what `network.py` computes; its lines name their equations. The cells below need the package "
    "that the notebook lies in, and NumPy.",
    "check": "The gradients against the complex step and against central differences, on random data. Errors about as "
    "small as those of rounding mean that they are right.",
    "data": "A small data set: random inputs, in three directions at most, and what another network of the same shape "
    "makes of them, with parameters that ours does not know. So there is something to find.",
    "learn": "A learning rate that is too small leads nowhere, one that is too large away from the goal, and some "
    "random parameters are a better start than others. So a few are tried, and the best goes on.",
    "curve": "The error, averaged over each round through the samples:",
    "predict": "What it has learned, on samples that it has not seen:",
}


def files(manuscript: Manuscript) -> dict[str, str]:
    """Return the notebook by its file name."""
    return {"derivation.ipynb": notebook(manuscript.document, manuscript.view.derivation)}


def notebook(document: Document, derivation: Runnable) -> str:
    """Write the document and code cells as a notebook, in JSON.

    Named widths get the sizes 3, 4 and so on.
    """
    holes, writer = _holes(derivation), linked(MarkdownWriter(JUPYTER), document.parts)
    cells = [_text("title", f"# {escaped(document.title)}")]
    cells += [_text(part.name, writer.part(part)) for part in document.parts]
    for name, words in _CODE.items():
        cells += [_text(f"about-{name}", words), _code(f"run-{name}", fill(f"notebook/{name}.py.jinja", **holes))]
    content = {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _text(name: str, text: str) -> Cell:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": _lines(text)}


def _code(name: str, code: str) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": _lines(code),
    }


def _lines(text: str) -> list[str]:
    return text.rstrip("\n").splitlines(keepends=True)


def _holes(derivation: Runnable) -> dict[str, object]:
    """Return the variables of the code templates."""
    count, forward = derivation.parameter_count, derivation.forward
    tensors = sorted((*forward.inputs, *forward.parameters), key=lambda t: t.role == Role.TARGET)
    axes = [a for t in tensors for a in t.axes if not a.sample]
    names = dict.fromkeys(s for a in axes for s in sorted(a.extent.free_symbols, key=str))
    sizes = {symbol: Integer(size) for size, symbol in enumerate(names, start=FIRST_WIDTH)}
    inputs, outputs = (_tensor(forward, role).axes[0].extent.xreplace(sizes) for role in ("input", "target"))
    return {
        "inputs": inputs,
        "outputs": outputs,
        "sizes": ", ".join(f'"{symbol.name}": {size}' for symbol, size in sizes.items()),
        "widths": ", **sizes" if sizes else "",
        "classes": derivation.targets == "classes",
        "signs": derivation.targets == "signs",
        "directions": min(int(inputs), 3),
        "spread": 0.5 if _grows(derivation.program) else 3,
        "seeds": (1, 2, 3, 4, 5) if count <= ENTRYWISE else (1,),
        "entries": None if count <= SMALL else 20 if count <= ENTRYWISE else 0,
        "trial": 10 if count <= ENTRYWISE else 5,
        "epochs": 200 if count <= ENTRYWISE else 50,
    }


def _tensor(forward: ForwardPass, role: str) -> Tensor:
    return next(t for t in forward.inputs if t.role == role)


def _grows(program: Program) -> bool:
    """Return whether an activation is unbounded, so that large parameters would lead to large values."""
    plain = [d.function for d in program.definitions if not d.function.order and d.function.role == "activation"]
    far = [function.definition.subs(X, 50).evalf() for function in plain]
    return any(not value.is_number or abs(value) > 2 for value in far)
