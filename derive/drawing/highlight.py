"""The highlighted weight, given by its indices: W2[3,1] leads from unit 1 to unit 3.

An entry of an input whose gradient is derived can be highlighted, too; the index of its sample is left out.
"""

from __future__ import annotations

import re

from derive.calculus.forward import ForwardPass
from derive.calculus.index import Axis, Tensor
from derive.record import record
from derive.text.errors import SpecError
from derive.text.known import misspelled
from derive.text.user_text import bounded, listed, shown

#: The maximum length of a name with its indices.
MAX_LENGTH = 200

_FORM = re.compile(r"\s*([^\W\d]\w*)\s*(?:\[\s*([0-9]{1,10}(?:\s*,\s*[0-9]{1,10})*)\s*\])?\s*")


@record
class Highlight:
    """An entry of a parameter or an input: its name, and its row and column, counted from 1.

    If the biases are column 0 of a weight, that column has the number 0.
    """

    name: str
    entry: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name}[{','.join(map(str, self.entry))}]" if self.entry else self.name

    def parameter(self, forward: ForwardPass) -> Tensor:
        """The parameter or the input. Raises SpecError if it or the entry does not exist."""
        known = {t.name: t for t in forward.variables}
        found = known.get(self.name)
        if found is None:
            meant = misspelled(self.name, known)
            hint = f"did you mean {meant}?" if meant else f"it has {listed(known)}"
            raise SpecError(f"{shown(str(self))} is not a weight of this network: {hint}")
        axes = _units(found)
        if len(self.entry) != len(axes):
            raise SpecError(f"{shown(str(self))} is not a weight of this network: write {_example(found)}")
        for number, axis in zip(self.entry, axes, strict=True):
            above = axis.extent.is_Integer and number > axis.stop
            if number < axis.start or above:
                stop = axis.stop if axis.extent.is_Integer else axis.extent
                raise SpecError(
                    f"{shown(str(self))} is not a weight of this network: "
                    f"{number} is not between {axis.start} and {stop}"
                )
        return found


def _units(tensor: Tensor) -> tuple[Axis, ...]:
    """The axes other than that of the samples."""
    return tuple(axis for axis in tensor.axes if not axis.sample)


def _example(tensor: Tensor) -> str:
    axes = _units(tensor)
    if not axes:
        return f"{tensor.name}, which is one number"
    places = ("one number", "a row and a column", f"{len(axes)} numbers")
    return f"{places[min(len(axes), 3) - 1]}, such as {_first(tensor)}"


def read_highlight(text: str, forward: ForwardPass) -> Highlight:
    """Read ``W2[3,1]``, ``b2[3]`` or the name of a parameter that is one number.

    Raises SpecError for anything that is not a weight of the network.
    """
    found = _FORM.fullmatch(bounded("the weight", text, MAX_LENGTH))
    if found is None:
        example = next((t for t in forward.variables if len(t.axes) == 2), forward.variables[0])
        raise SpecError(f"the weight is {shown(text)}, but a weight is written like {_first(example)}")
    name, places = found.groups()
    entry = tuple(int(n) for n in places.split(",")) if places else ()
    highlight = Highlight(name, entry)
    highlight.parameter(forward)
    return highlight


def _first(tensor: Tensor) -> Highlight:
    return Highlight(tensor.name, tuple(axis.start for axis in _units(tensor)))
