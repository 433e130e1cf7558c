"""What the trainer class says of its network: the kind of its targets, what its outputs mean, its name in a file."""

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

#: How many names are listed before the middle ones are left out.
MOST = 8


def facts(program: ArrayProgram, network: Network | None, context: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates of the trainer class need beside the ``context`` of the equations."""
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
    """A short hash of what is learned: of the specification, whatever its name and notation, or of the equations."""
    if network is None:
        return hashlib.sha256(equations.encode()).hexdigest()[:12]
    return replace(network, name="network", notation="psi").digest


def _widths(names: Sequence[str]) -> str:
    """Which widths a trainer is made with, in a sentence; empty if all are numbers."""
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
    """What the inputs and the targets are, in a sentence."""
    return f"X is (samples, {inputs}), Y is {_target_shapes(targets, outputs)}: {_KINDS[targets]}."


def _target_shapes(targets: str, outputs: str) -> str:
    """How the targets of the samples may be given."""
    shapes = f"(samples, {outputs})"
    if outputs == "1":
        return f"{shapes} or (samples,)"
    return f"{shapes} or classes (samples,)" if targets in ("classes", "unit", "signs") else shapes


def _predicted(program: ArrayProgram) -> dict[str, Any]:
    """What the prediction is: its shape as columns, what it means, and why it has no score."""
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
    """How many numbers a tensor has for each sample."""
    return Mul(*(axis.extent for axis in tensor.axes if not axis.sample))


def _no_score(program: ArrayProgram) -> str:
    """Why predictions are not compared with targets."""
    prediction, target = program.predicted, program.inputs[1].name
    return f"score compares a prediction with targets of its shape, but {prediction} has another one than {target}"


def _no_prediction(coupled: str) -> str:
    """Why no sample is predicted by itself, and what there is instead."""
    return (
        f"{coupled}, so that what is predicted for a sample depends on the others of its batch: "
        "use forward(parameters, X), which computes a whole batch"
    )


def _coupled_fit(coupled: str) -> str:
    """What `fit` does where samples are coupled; empty where they are not."""
    if not coupled:
        return ""
    return f"The samples of a batch are coupled: {coupled}. The validation data are one batch, measured as a whole."


def _string(sentence: str) -> tuple[str, ...]:
    """A sentence as the pieces of a string in source code."""
    lines = textwrap.wrap(sentence, WIDTH - 16)
    pieces = (*(f"{line} " for line in lines[:-1]), lines[-1])
    return tuple(json.dumps(piece, ensure_ascii=False) for piece in pieces)


def _words(network: Network | None) -> list[str]:
    """What a trainer shows of its network, as Python strings in source code."""
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
