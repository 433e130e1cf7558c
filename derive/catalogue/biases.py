"""Biases: how a dense layer adds one to each unit, as lines of the text of a network.

To add a way, add an entry to ``BIASES``.
"""

from __future__ import annotations

from derive.record import record

_SUM = "z{n}[{i}] = sum(W{n}[{i}, {j}] * x[{j}], {j})"


@record
class Bias:
    """A way to represent the bias of a layer.

    ``lines`` state layer ``n`` up to its weighted sums z: its parameters and the other tensors, for ``units`` that read
    ``inputs`` of the tensor x. Their other holes are the indices ``i`` and ``j``, the number of the layer ``before``,
    and a name for a ``size``. ``phrase`` says in a sentence what biases a network has, and ``of_one`` what a single
    unit has; ``synonyms`` are other names.
    """

    name: str
    phrase: str
    of_one: str
    summary: str
    lines: tuple[str, ...]
    synonyms: tuple[str, ...] = ()


BIASES = {
    entry.name: entry
    for entry in (
        Bias(
            "separate",
            "biases",
            "a bias",
            "a vector b that is added to the weighted sum",
            ("parameter W{n}[{units}, {inputs}], b{n}[{units}]", f"{_SUM} + b{{n}}[{{i}}]"),
        ),
        Bias(
            "augmented",
            "the biases in column 0 of the weight matrices",
            "the bias in column 0 of the weight matrix",
            "column 0 of W, with a constant unit x0 = 1",
            (
                "size {size} = {inputs} + 1 from 0",
                "parameter W{n}[{units}, {size}]",
                "x{before}[{j} in {size}] = delta({j}, 0) + sum(delta({j}, {i}) * x[{i}], {i})",
                _SUM.replace("x[", "x{before}["),
            ),
        ),
        Bias("none", "no biases", "no bias", "no bias", ("parameter W{n}[{units}, {inputs}]", _SUM)),
    )
}
