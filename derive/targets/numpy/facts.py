"""The context of the trainer class: the kinds of its data, the meaning of its outputs, and its digest."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sympy import Expr, Mul

from derive.arrays.lift import ArrayProgram
from derive.calculus.coupling import coupling
from derive.calculus.index import Tensor
from derive.calculus.program import Program
from derive.calculus.properties import values_of
from derive.targets.fold import WIDTH, fold, folded
from derive.targets.names import width_names
from derive.targets.numpy.code import STEP, python_number, quoted
from derive.targets.numpy.data import KINDS, Data, sample_axes
from derive.targets.numpy.formula_printer import scalar
from derive.targets.numpy.function_bodies import dict_code
from derive.targets.numpy.library import NUMPY, Library
from derive.text.user_text import listed

if TYPE_CHECKING:
    from derive.statement.network import Network

#: The largest number of names in a list; a longer list omits the middle ones.
MOST = 8


def facts(
    program: ArrayProgram, network: Network | None, context: Mapping[str, Any], measure: str = ""
) -> dict[str, Any]:
    """Return the context of the templates of the trainer, in addition to the ``context`` of the equations.

    ``measure`` is the name of the score of the loss, if it has one of its own.
    """
    data: Data = context["data"]
    training, coupled = (_coupled(one) for one in (program, program.predicting))
    classes = [class_axis(program.prediction, target) for target in data.targets]
    return {
        "targets": "classes" if any(classes) else data.kind,
        "class_axis": next((f", axis={n}" for n in classes if n not in (None, 1)), ""),
        **_types(data, data.is_plain),
        "pair": data.is_pair,
        "weight": data.kinds[data.weight.name] if data.weight else "",
        "masks": data.masks,
        "random": bool(data.random),
        "simple": data.is_pair and len(program.outputs) == 1 and not coupled,
        **_predicted(data, measure),
        **_predict_code(data, context["random_widths"]),
        "coupled_lines": tuple(_wrapped(_coupled_fit(training, listed(program.averages) if program.averages else ""))),
        "no_prediction": _string(_no_prediction(coupled)) if coupled else (),
        "words": tuple(_words(network)),
        "data_lines": (*_fit_lines(data), *(line for said in data.drawn for line in _wrapped(said))),
        "width_lines": tuple(_wrapped(_widths(context["widths"]), 4)),
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


def _fit_lines(data: Data) -> list[str]:
    """The lines about the shapes of the data and the allowed targets."""
    missing = " NaN in Y means that this output has no error." if data.masks else ""
    if data.is_plain:
        shape, units = data.rows_shape(data.inputs[0]), data.extent(data.targets[0].axes[0].extent)
        return _wrapped(f"X is {shape}, Y is {_target_shapes(data.kind, units)}: {KINDS[data.kind]}.{missing}")
    lines = [f"X is {data.by_rows(data.inputs)}.", f"Y is {data.by_rows(data.targets)}.{missing}"]
    return [line for said in lines for line in _wrapped(said)]


def _target_shapes(targets: str, outputs: str) -> str:
    """The allowed shapes of the targets."""
    shapes = f"(samples, {outputs})"
    if outputs == "1":
        return f"{shapes} or (samples,)"
    return f"{shapes} or classes (samples,)" if targets in ("classes", "unit", "signs") else shapes


def _types(data: Data, plain: bool) -> dict[str, Any]:
    """The context of the signatures: how the data are given."""

    def given(tensors: Sequence[Tensor]) -> str:
        if not tensors:
            return "None"
        return "ArrayLike" if len(tensors) == 1 else "Mapping[str, ArrayLike]"

    x, y = given(data.inputs), given(data.targets)
    data_given = [_call("X", data.inputs)] if data.inputs or data.targets else []
    data_given += [_call("Y", data.targets)] if data.targets else []
    sampled = any(axis.sample for tensor in data.program.inputs for axis in tensor.axes)
    options = ("epochs=100", "learning_rate=0.1", *(["batch_size=32", "seed=0"] if sampled else []))
    several = len(data.program.outputs) > 1
    return {
        "plain": plain,
        "x_type": x,
        "y_type": "None = None" if y == "None" else y,
        "predict_type": "dict[str, Array]" if several else "Array",
        "fit_call": fold(f"trainer.fit({', '.join((*data_given, *options))})", STEP),
        "predict_call": fold(f"trainer.predict({data_given[0] if data.inputs else ''})", STEP),
    }


def _call(letter: str, tensors: Sequence[Tensor]) -> str:
    """An argument in an example of a call."""
    if len(tensors) < 2:
        return letter if tensors else "None"
    return f"{{{', '.join(f'{quoted(t.name)}: ...' for t in tensors)}}}"


#: What a score is that is neither the accuracy of classes nor R^2, by the names of the measures in the runtime.
SCORES = {
    "ordinal": "the accuracy: the class is the number of outputs above 1/2",
    "pinball": "D^2 of the pinball loss, against the quantiles of Y",
    "deviance": "D^2 of the deviance, against the mean of Y",
    "cosine": "the mean of the cosines of outputs and targets",
    "R^2": "R^2 of the outputs that stand for the targets",
}


def score_fact(measure: tuple[str, tuple[float, ...]]) -> dict[str, str]:
    """The argument of the runtime's ``Network`` about the score, as code; the measure is by name, with its options."""
    return {} if measure[0] in ("", "R^2") else {"score": repr(measure)}


def _predicted(data: Data, measure: str) -> dict[str, Any]:
    """The context of the prediction: its shapes, its meaning, and its score, or why it has none.

    ``measure`` is that of the loss, if it has one of its own.
    """
    program = data.program
    prediction, targets = program.prediction, data.targets
    statement = next(s for s in program.stage("forward") if s.target == prediction)
    values, single = values_of(statement.equation), len(program.outputs) == 1
    outputs = [program.tensors[name] for name in program.outputs]
    units = scalar(_units(prediction)).text
    said = f"X is {data.by_rows(data.inputs)}. The outputs are {data.by_rows(outputs)}."
    if data.is_plain and single:
        said = f"X is {data.rows_shape(data.inputs[0])}, the outputs are (samples, {units})."
    if program.averages:
        said += f" The running averages of {listed(program.averages)} are read."
    no_score, why = "", ""
    lacking = "" if any(axis.sample for t in program.inputs for axis in t.axes) else "are no samples"
    if len(targets) != 1 or not single:
        lacking = "is not one output and one target" if targets else "are no targets"
    if lacking:
        why = f"there {lacking}"
        no_score = f"{why}, so predictions have no score: use error, which is the loss"
    elif not measure:
        why, no_score = _not_comparable(prediction, targets[0], data.kind)
    return {
        "units": units,
        "predict_lines": tuple(_wrapped(said)),
        "predict_words": tuple(_wrapped(said if data.is_plain else data.by_arguments(outputs), 4)),
        "probabilities": values.name.lower() if values and values.are_probabilities and single else "",
        "no_score": _string(no_score) if no_score else (),
        "no_score_words": why,
        "score_words": SCORES.get(measure, ""),
    }


def _predict_code(data: Data, widths: Sequence[str]) -> dict[str, Any]:
    """The context of the form ``predict``: the arguments, what makes arrays of them, and the result."""
    program, names = data.program, data.codes.tensors
    dtype = "next(iter(parameters.values())).dtype"
    arguments = ["X"] if data.is_plain else [names[t.name] for t in data.inputs]
    axes = dict(sample_axes(program.tensors.values()))

    def turned(tensor: Tensor, code: str) -> str:
        return f"{code}{'' if tensor.name in axes else '.T'}"

    reads = []
    for argument, tensor in zip(arguments, data.inputs, strict=True):
        code = f"np.asarray({argument}, dtype={'np.intp' if tensor.places else dtype})"
        if len(tensor.axes) < 2:
            code += ".reshape(1, -1)" if tensor.name not in axes else ".reshape(-1, 1)"
        reads.append(f"{names[tensor.name]} = {turned(tensor, code) if len(tensor.axes) > 1 else code}")
    reads += [*widths, *means(data, axes, dtype)]
    outputs = [(name, turned(program.tensors[name], names[name])) for name in program.outputs]
    return {
        "predict_arguments": [f"{name}: Any" for name in arguments],
        "predict_reads": folded(tuple(reads), ""),
        "predict_result": outputs[0][1] if len(outputs) == 1 else dict_code(outputs),
    }


def means(data: Data, axes: Mapping[str, int | None], dtype: str, library: Library = NUMPY) -> list[str]:
    """Return the lines that give what is random its mean, for the samples of the inputs."""
    return [
        f"{data.codes.tensors[name]} = {library.name}.full("
        f"{data.random_shape(name, axes)}, {python_number(law.mean).text}, {dtype})"
        for name, law in data.random.items()
    ]


def _not_comparable(prediction: Tensor, target: Tensor, kind: str) -> tuple[str, str]:
    """Why a score compares neither numbers nor the largest output with its class, in short and as a message."""
    if target.places is not None and class_axis(prediction, target) is None:
        return (
            "outputs and classes do not match",
            f"score needs an output for each value of {target.name}, and {prediction.name} has others: "
            "use error, which is the loss",
        )
    sampled = all(any(axis.sample for axis in tensor.axes) for tensor in (prediction, target))
    if target.places is None and not (sampled and _units(prediction) == _units(target)):
        return (
            "outputs and targets have different shapes",
            f"score needs predictions of the shape of the targets, but {prediction.name} has another shape than "
            f"{target.name}",
        )
    if target.places is None and kind != "real" and len(prediction.axes) > 2:
        axes = len(prediction.axes) - 1
        return (
            "targets have several axes",
            f"score needs targets with one axis, and {target.name} has {axes}: use error, which is the loss",
        )
    return "", ""


def class_axis(prediction: Tensor, target: Tensor) -> int | None:
    """The axis of the classes in a prediction with samples as rows, if the target has a class at each other place."""
    if target.places is None or not all(any(axis.sample for axis in t.axes) for t in (prediction, target)):
        return None
    outputs, places = ([a for a in t.axes if not a.sample] for t in (prediction, target))
    fits = [n for n, a in enumerate(outputs) if a == target.places and outputs[:n] + outputs[n + 1 :] == places]
    named = [n for n in fits if outputs[n].name == target.places.name]
    return next((n + 1 for n in (*named, *fits)), None)


def _units(tensor: Tensor) -> Expr:
    """The number of entries of a tensor per sample."""
    return Mul(*(axis.extent for axis in tensor.axes if not axis.sample))


def _wrapped(sentence: str, indent: int = 8) -> list[str]:
    return textwrap.wrap(sentence, WIDTH - indent)


def _no_prediction(coupled: str) -> str:
    """Why ``predict`` is not available, and what to use instead."""
    return (
        f"{coupled}, so the prediction for a sample depends on the others of its batch: "
        "use forward(parameters, X), which computes a whole batch"
    )


def _coupled(program: Program) -> str:
    """What couples the samples in the outputs of a program; empty if nothing does."""
    return next(filter(None, (coupling(replace(program, predicted=name)) for name in program.outputs)), "")


def _coupled_fit(coupled: str, averages: str) -> str:
    """A sentence about ``fit`` with coupled samples; empty if they are not coupled."""
    if not coupled:
        return ""
    said = f"The samples of a batch are coupled: {coupled}."
    if not averages:
        return f"{said} The validation data are evaluated as one batch."
    return (
        f"{said} Each step updates the running averages of {averages}, in `state`. With these, the validation error "
        "and predictions are computed; `compute`, and `error` beside the equations, use the values of their batch."
    )


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
