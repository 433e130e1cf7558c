"""The highlighted weight, given by its indices: W2[3,1] leads from unit 1 to unit 3."""

from __future__ import annotations

import re

from derive.calculus.forward import ForwardPass
from derive.calculus.index import Tensor
from derive.record import record
from derive.text.errors import SpecError
from derive.text.known import misspelled
from derive.text.user_text import bounded, listed, shown

#: The maximum length of a name with its indices.
MAX_LENGTH = 200

_FORM = re.compile(r"\s*([^\W\d]\w*)\s*(?:\[\s*([0-9]{1,10}(?:\s*,\s*[0-9]{1,10})*)\s*\])?\s*")


@record
class Highlight:
    """An entry of a parameter: the parameter's name, and its row and column, counted from 1.

    If the biases are column 0 of a weight, that column has the number 0.
    """

    name: str
    entry: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name}[{','.join(map(str, self.entry))}]" if self.entry else self.name

    def parameter(self, forward: ForwardPass) -> Tensor:
        """The parameter. Raises SpecError if it or the entry does not exist."""
        known = {p.name: p for p in forward.parameters}
        found = known.get(self.name)
        if found is None:
            meant = misspelled(self.name, known)
            hint = f"did you mean {meant}?" if meant else f"it has {listed(known)}"
            raise SpecError(f"{shown(str(self))} is not a weight of this network: {hint}")
        if len(self.entry) != len(found.axes):
            raise SpecError(f"{shown(str(self))} is not a weight of this network: write {_example(found)}")
        for number, axis in zip(self.entry, found.axes, strict=True):
            above = axis.extent.is_Integer and number > axis.stop
            if number < axis.start or above:
                stop = axis.stop if axis.extent.is_Integer else axis.extent
                raise SpecError(
                    f"{shown(str(self))} is not a weight of this network: "
                    f"{number} is not between {axis.start} and {stop}"
                )
        return found


def _example(parameter: Tensor) -> str:
    if not parameter.axes:
        return f"{parameter.name}, which is one number"
    places = ("one number", "a row and a column", f"{len(parameter.axes)} numbers")
    first = Highlight(parameter.name, tuple(axis.start for axis in parameter.axes))
    return f"{places[min(len(parameter.axes), 3) - 1]}, such as {first}"


def read_highlight(text: str, forward: ForwardPass) -> Highlight:
    """Read ``W2[3,1]``, ``b2[3]`` or the name of a parameter that is one number.

    Raises SpecError for anything that is not a weight of the network.
    """
    found = _FORM.fullmatch(bounded("the weight", text, MAX_LENGTH))
    if found is None:
        example = next((p for p in forward.parameters if len(p.axes) == 2), forward.parameters[0])
        raise SpecError(f"the weight is {shown(text)}, but a weight is written like {_first(example)}")
    name, places = found.groups()
    entry = tuple(int(n) for n in places.split(",")) if places else ()
    highlight = Highlight(name, entry)
    highlight.parameter(forward)
    return highlight


def _first(parameter: Tensor) -> Highlight:
    return Highlight(parameter.name, tuple(axis.start for axis in parameter.axes))
