"""What the equations of a statement are written with: sizes, and tensors whose entries are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import ITE, Expr, SympifyError, sympify

from derive.calculus.index import SAMPLE_AXIS, Axis, Index, Tensor, within
from derive.text.errors import StatementError
from derive.text.user_text import cut, shown

#: The index of the samples that need not be written. It is no identifier, so that no other index has its name.
SAME_SAMPLE = Index("same sample", SAMPLE_AXIS)


def formula(value: Any, where: str) -> Expr:
    """Return what a user wrote as an expression. Raises StatementError, which says ``where``, for anything else."""
    try:
        found = None if isinstance(value, str | bool) else sympify(value, strict=True)
    except SympifyError:
        found = None
    if not isinstance(found, Expr):
        said = shown(value) if isinstance(value, str | bool) or value is None else f"a {type(value).__name__}"
        raise StatementError(f"{where} is {said}, where a formula is expected, such as W[i, j]*x[j]")
    if found.has(ITE):  # SymPy compares cases by it
        found = found.replace(lambda e: isinstance(e, ITE), lambda e: e.to_nnf())
    return found


class Quantity:
    """Something that stands for a number in a formula; SymPy asks for it by ``_sympy_``."""

    #: NumPy's numbers leave the arithmetic to this class.
    __array_ufunc__ = None

    def _sympy_(self) -> Expr:
        raise NotImplementedError

    def __abs__(self) -> Expr:
        return abs(self._sympy_())

    def __add__(self, other: Any) -> Expr:
        return self._sympy_() + other

    def __radd__(self, other: Any) -> Expr:
        return other + self._sympy_()

    def __sub__(self, other: Any) -> Expr:
        return self._sympy_() - other

    def __rsub__(self, other: Any) -> Expr:
        return other - self._sympy_()

    def __mul__(self, other: Any) -> Expr:
        return self._sympy_() * other

    def __rmul__(self, other: Any) -> Expr:
        return other * self._sympy_()

    def __truediv__(self, other: Any) -> Expr:
        return self._sympy_() / other

    def __rtruediv__(self, other: Any) -> Expr:
        return other / self._sympy_()

    def __pow__(self, other: Any) -> Expr:
        return self._sympy_() ** other

    def __rpow__(self, other: Any) -> Expr:
        return other ** self._sympy_()

    def __neg__(self) -> Expr:
        return -self._sympy_()

    def __lt__(self, other: Any) -> Any:
        return self._sympy_() < other

    def __le__(self, other: Any) -> Any:
        return self._sympy_() <= other

    def __gt__(self, other: Any) -> Any:
        return self._sympy_() > other

    def __ge__(self, other: Any) -> Any:
        return self._sympy_() >= other


class Size(Quantity):
    """The number of entries of an axis. In a formula it is that number."""

    def __init__(self, name: str, axis: Axis) -> None:
        self.name, self.axis = name, axis

    def _sympy_(self) -> Expr:
        return self.axis.extent

    def __repr__(self) -> str:
        return self.name if str(self.axis.extent) == self.name else f"{self.name} = {self.axis.extent}"


class Entries(Quantity):
    """A tensor of a statement. ``z[i]`` is an entry; a tensor with no axes but the samples is read as ``z``.

    A tensor with an axis of samples that is read with one index fewer reads the same sample.
    """

    __iter__ = None  # or Python would count through the entries without an end

    def __init__(self, tensor: Tensor, sizes: Sequence[Size], recurs: bool = False) -> None:
        self.tensor, self.sizes, self.recurs = tensor, tuple(sizes), recurs

    @property
    def name(self) -> str:
        """The name of the tensor."""
        return self.tensor.name

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the tensor, that of the samples among them."""
        return self.tensor.axes

    def __repr__(self) -> str:
        sides = [size.name for size in self.sizes]
        return f"{self.name}[{', '.join([*sides, *['samples'] * (len(self.tensor.axes) - len(sides))])}]"

    def _sympy_(self) -> Expr:
        return self[()]

    def __getitem__(self, indices: Any) -> Expr:
        given = indices if isinstance(indices, tuple) else (indices,)
        reading = f"{self.name}[{cut(', '.join(map(str, given)))}]" if given else self.name
        found = tuple(formula(i, f"an index of {reading}") for i in given)
        axes = self.tensor.axes
        if axes and axes[-1].sample and len(found) == len(axes) - 1:
            found = (*found, SAME_SAMPLE)
        if len(found) != len(axes):
            raise StatementError(f"{reading} has {_counted(len(given))}, but {self._wanted()}")
        for number, (index, axis) in enumerate(zip(found, axes, strict=True)):
            if isinstance(index, Index):
                self._check(index, axis, number, reading)
        return self.tensor[found]

    def _check(self, index: Index, axis: Axis, number: int, reading: str) -> None:
        if index.axis.sample and not axis.sample:
            raise StatementError(
                f"{reading} has the sample {index} where the index of {self._side(number)} is expected"
            )
        if axis.sample and not index.axis.sample:
            raise StatementError(f"{reading} has {index} as the index of the sample: {self._wanted()}")
        if not within(index.axis, axis):
            raise StatementError(
                f"{reading} reads beyond {self._side(number)}: {index} runs from {index.axis.start} to "
                f"{index.axis.stop}, and that axis from {axis.start} to {axis.stop}"
            )

    def _side(self, number: int) -> str:
        size = f", {self.sizes[number].name}" if number < len(self.sizes) else ""
        return f"axis {number + 1} of {self.name}{size}"

    def _wanted(self) -> str:
        """How many indices the tensor is read with."""
        axes = self.tensor.axes
        by_sample = bool(axes) and axes[-1].sample
        number = len(axes) - by_sample
        sides = f", for {', '.join(s.name for s in self.sizes[:number])}" if number and self.sizes else ""
        more = ", or one more for the sample" if by_sample else ""
        return f"{self.name} is read with {_counted(number)}{sides}{more}"


def _counted(number: int) -> str:
    return f"{number or 'no'} {'index' if number == 1 else 'indices'}"
