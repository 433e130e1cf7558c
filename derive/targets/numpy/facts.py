"""The context of the trainer class: the kinds of its data, the meaning of its outputs, and its digest."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sympy import Expr, Mul

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayProgram
from derive.calculus.coupling import coupling
from derive.calculus.index import Tensor
from derive.calculus.properties import values_of
from derive.targets.fold import WIDTH
from derive.targets.names import width_names
from derive.targets.numpy.formula_printer import scalar

if TYPE_CHECKING:
    from derive.statement.network import Network

#: The largest number of names in a list; a longer list omits the middle ones.
MOST = 8


def facts(program: ArrayProgram, network: Network | None, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context of the templates of the trainer, in addition to the ``context`` of the equations."""
    targets, inputs, outputs = context["targets"], context["inputs"], context["outputs"]
    coupled = coupling(program)
    return {
        "targets": targets,
        **_predicted(program),
        "coupled_lines": tuple(textwrap.wrap(_coupled_fit(coupled), WIDTH - 8)),
        "no_prediction": _string(_no_prediction(coupled)) if coupled else (),
        "words": tuple(_words(network)),
        "data_lines": tuple(textwrap.wrap(_data(targets, inputs, outputs), WIDTH - 8)),
        "width_lines": tuple(textwrap.wrap(_widths(context["widths"]), WIDTH - 4)),
    }


def digest(network: Network | None, equations: str) -> str:
    """Return a short hash that identifies a network in a file.

    It is computed from the specification without its name and notation, or else from the equations.
    """
    if network is None:
        return hashlib.sha256(equations.encode()).hexdigest()[:12]
    return replace(network, name="network", notation="psi").digest


def _widths(names: Sequence[str]) -> str:
    """A sentence about the symbolic widths that a trainer needs; empty if all widths are numbers."""
    if not names:
        return ""
    given = ", ".join(f"{name}=..." for name in names)
    return f"Without `parameters`, the widths are needed, by name and as integers from 1: Trainer({given})."


_KINDS = {
    "real": "any finite numbers",
    "unit": "numbers from 0 to 1",
    "classes": "one-hot rows, or shares that sum to 1; classes count from 0",
    "signs": "-1 or +1",
    "counts": "numbers that are not negative",
}


def _data(targets: str, inputs: str, outputs: str) -> str:
    """A sentence about the shapes of the data and the allowed targets."""
    return f"X is (samples, {inputs}), Y is {_target_shapes(targets, outputs)}: {_KINDS[targets]}."


def _target_shapes(targets: str, outputs: str) -> str:
    """The allowed shapes of the targets."""
    shapes = f"(samples, {outputs})"
    if outputs == "1":
        return f"{shapes} or (samples,)"
    return f"{shapes} or classes (samples,)" if targets in ("classes", "unit", "signs") else shapes


def _predicted(program: ArrayProgram) -> dict[str, Any]:
    """The context of the prediction: its shape with samples as columns, its meaning, and why it has no score."""
    prediction, target = program.prediction, program.inputs[1]
    statement = next(s for s in program.stage("forward") if s.target == prediction)
    values = values_of(statement.equation)
    return {
        "predicted": tuple(scalar(side).text for side in mx.Array(prediction).shape),
        "units": scalar(_units(prediction)).text,
        "probabilities": values.name.lower() if values and values.are_probabilities else "",
        "no_score": () if _units(prediction) == _units(target) else _string(_no_score(program)),
    }


def _units(tensor: Tensor) -> Expr:
    """The number of entries of a tensor per sample."""
    return Mul(*(axis.extent for axis in tensor.axes if not axis.sample))


def _no_score(program: ArrayProgram) -> str:
    """Why ``score`` is not available: the prediction does not have the shape of the target."""
    prediction, target = program.predicted, program.inputs[1].name
    return f"score needs predictions of the shape of the targets, but {prediction} has another shape than {target}"


def _no_prediction(coupled: str) -> str:
    """Why ``predict`` is not available, and what to use instead."""
    return (
        f"{coupled}, so the prediction for a sample depends on the others of its batch: "
        "use forward(parameters, X), which computes a whole batch"
    )


def _coupled_fit(coupled: str) -> str:
    """A sentence about ``fit`` with coupled samples; empty if they are not coupled."""
    if not coupled:
        return ""
    return f"The samples of a batch are coupled: {coupled}. The validation data are evaluated as one batch."


def _string(sentence: str) -> tuple[str, ...]:
    """A sentence as adjacent string literals."""
    lines = textwrap.wrap(sentence, WIDTH - 16)
    pieces = (*(f"{line} " for line in lines[:-1]), lines[-1])
    return tuple(json.dumps(piece, ensure_ascii=False) for piece in pieces)


def _words(network: Network | None) -> list[str]:
    """The arguments that the ``repr`` of a trainer shows, as string literals."""
    if network is None:
        return []
    names = network.activation
    functions = names[0] if len(set(names)) == 1 else ", ".join(_shortened(names))
    called = width_names(w for w in network.layers if isinstance(w, str))
    widths = _shortened([f"{{{called[w]}}}" if isinstance(w, str) else str(w) for w in network.layers])
    return [
        f'"layers=({", ".join(widths)})"',
        f"'activation=\"{functions}\"'",
        f"'loss=\"{network.loss}\"'",
        f"'optimizer=\"{getattr(network, 'optimizer', 'sgd')}\"'",
    ]


def _shortened(words: Sequence[str]) -> list[str]:
    return [*words] if len(words) <= MOST else [*words[: MOST - 3], "...", *words[-2:]]
