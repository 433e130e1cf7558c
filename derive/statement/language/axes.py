"""The axes that the indices of a formula run over."""

from __future__ import annotations

from sympy import Expr, Integer

from derive.calculus.index import SAMPLE_AXIS, Axis
from derive.catalogue.activations import ACTIVATIONS
from derive.statement.language.meanings import (
    ELEMENTARY,
    KNOWN,
    NORMALISED,
    REDUCTIONS,
    RESERVED,
    Meanings,
    Scope,
    Variable,
    described,
)
from derive.statement.language.syntax import (
    Array,
    Both,
    Call,
    Comparison,
    Name,
    Node,
    Number,
    Over,
    Power,
    Read,
    parts,
)
from derive.statement.quantities import Entries, Size
from derive.text.errors import StatementError
from derive.text.known import canonical, misspelled
from derive.text.source import Misread, Place
from derive.text.user_text import cut, listed


class Axes:
    """Finds the axes of the indices of one formula."""

    def __init__(self, meanings: Meanings, scope: dict[str, Variable]) -> None:
        self.meanings, self.scope = meanings, scope
        self.bound: dict[int, list[Variable]] = {}
        self.leads: set[str] = set()
        #: The places over which a reduction over the samples runs in a block that is applied at each place.
        self.places: dict[str, Variable] = {}
        self.reducing: list[Variable] = []
        #: Those of all reductions, by the names of the indices of the places.
        self.reduced: list[tuple[str, Variable]] = []

    def infer(self, node: Node, scope: Scope) -> None:
        """Find the axes of all indices in a formula."""
        if isinstance(node, Read):
            self._infer_read(node, scope)
        elif isinstance(node, Name):
            if node.name not in scope:
                self.leads |= {*self.meanings.leading(node.name)}
        elif isinstance(node, Call) and node.name == "diff":
            self._infer_entry(node, *self._slope(node), scope)
        elif isinstance(node, Call) and self.reduces(node):
            body, *indices = node.arguments
            variables = [self._variable(index, node.name) for index in indices]
            twice = [v for n, v in enumerate(variables) if v.name in {other.name for other in variables[:n]}]
            if twice:
                raise Misread(twice[0].place, f"{node.name} runs over {twice[0].name} twice")
            if self._called(node) in NORMALISED:
                for variable in variables:
                    if variable.name not in scope:
                        raise self._free(variable.name, variable.place)
                inner = dict(scope)
                self.bound[id(node)] = [scope[v.name] for v in variables]
            else:
                inner = {**scope, **{v.name: v for v in variables}}
                self.bound[id(node)] = variables
                self.reducing += variables
            self.infer(body, inner)
            own = [p for v in self.bound[id(node)] for p in self.places if p.startswith(f"{v.name} ")]
            self.bound[id(node)] += [self.places[p] for p in own]
            if self._called(node) not in NORMALISED:
                self.places = {p: v for p, v in self.places.items() if p not in own}
            for variable in self.bound[id(node)]:
                if self._called(node) not in NORMALISED:
                    self.require(variable)
        else:
            if isinstance(node, Call):
                self._check_function(node)
            for part in parts(node):
                self.infer(part, scope)

    def reduces(self, node: Call) -> bool:
        """Whether a call runs over indices: its other arguments then are names that mean nothing else."""
        name = self._called(node)
        if name not in (*REDUCTIONS, *NORMALISED) or len(node.arguments) < 2:
            return False
        return name not in ("max", "min") or all(
            isinstance(a, Over) or (isinstance(a, Name) and self.meanings.own(a.name) is None)
            for a in node.arguments[1:]
        )

    def _called(self, node: Call) -> str:
        """The name of the function that is called: that of another one for an argument of a block."""
        name = self.meanings.function(node.name)
        return name if name in RESERVED or node.name not in RESERVED else node.name

    def _check_function(self, node: Call) -> None:
        """Raise Misread for a function that is not known."""
        name, meaning = self._called(node), self.meanings.value(node.name)
        if meaning is None and len(node.arguments) > 1 and (hint := self.meanings.block(node.name)):
            raise Misread(node.place, hint)
        if name in ELEMENTARY or name in KNOWN or canonical(name, ACTIVATIONS) or callable(self.meanings.value(name)):
            return
        if callable(meaning) and not isinstance(meaning, Expr):  # a function of the text, in a block of a file
            return
        if meaning is not None:
            what = described(meaning)
            raise Misread(node.place, f"{node.name} is {what} and no function: entries are read as {node.name}[i]")
        meant = misspelled(name, [*ELEMENTARY, *KNOWN, *ACTIVATIONS, *self.meanings.names()])
        hint = f"did you mean {meant}?" if meant else "state it with function, or write its formula"
        raise Misread(node.place, f"there is no function {cut(name, 40)}: {hint}")

    def require(self, variable: Variable) -> None:
        """Raise Misread for an index of which nothing says what it runs over."""
        variable.axis = variable.axis or variable.hint
        if variable.axis is None:
            raise Misread(
                variable.place,
                f"nothing says what {variable.name} runs over: write its size, such as {variable.name} in n",
            )

    def _variable(self, node: Node, what: str) -> Variable:
        if isinstance(node, Over):
            if isinstance(node.size, Name) and self.meanings.value(node.size.name) is self.meanings.statement.samples:
                return Variable(node.index, node.place, SAMPLE_AXIS, "its declaration")
            size = self.meanings.size(node.size)
            axis = size.axis if isinstance(size, Size) else Axis(Integer(size))
            return Variable(node.index, node.place, axis, "its declaration")
        if not isinstance(node, Name):
            raise Misread(node.place, f"{what} runs over indices, such as {what}(W[i, j], i, j)")
        found = self.meanings.own(node.name)
        if found is not None:
            raise Misread(node.place, f"{node.name} is {described(found)} and no index")
        return self.declared(Variable(node.name, node.place))

    def declared(self, variable: Variable) -> Variable:
        """An index with the size that an index line gives it, if any."""
        return variable

    def _infer_read(self, node: Read, scope: Scope) -> None:
        tensor = self.meanings.value(node.name)
        if tensor is None:
            raise self._unknown(node.name, node.place)
        if not isinstance(tensor, Entries):
            raise Misread(node.place, f"{node.name} is {described(tensor)} and has no entries")
        self._infer_entry(node, tensor, node.indices, scope)

    def _infer_entry(self, node: Read | Call, tensor: Entries, indices: tuple[Node, ...], scope: Scope) -> None:
        """Find the axes of the indices with which a tensor is read."""
        leading = self.meanings.leading(node.name)
        axes = tensor.axes[len(leading) :]
        reduced = self._reduced_sample(tensor, indices, len(axes), scope)
        for name, axis in zip(leading, tensor.axes, strict=False):
            if reduced:
                place = Variable(f"{name}_{reduced}", node.place, axis, "the block")
                if self.places.setdefault(f"{reduced} {name}", place) is place:
                    self.reduced.append((name, place))
            else:
                self.leads.add(name)
        names = (s.name for s in tensor.sizes[len(leading) :])
        sizes = ["the samples" if axis.sample else next(names) for axis in axes]
        by_sample = bool(axes) and axes[-1].sample
        if len(axes) - len(indices) not in (0, int(by_sample)):
            wanted = len(axes) - by_sample
            number = (
                f"{wanted} {'index' if wanted == 1 else 'indices'}, for {listed(sizes[:wanted])}"
                if wanted
                else "no index"
            )
            raise Misread(node.place, f"{node.name} is read with {len(indices)}, where it has {number}")
        for index, axis, size in zip(indices, axes, sizes, strict=False):
            self._infer_index(index, axis, f"{size} in {node.name}", scope, tensor.recurs)

    def _slope(self, node: Call) -> tuple[Entries, tuple[Node, ...]]:
        """The tensor that ``diff(u[i], x[j])`` reads, and the indices."""
        first, second = self._several(node, 2, "diff(u[i], x[j])")
        if isinstance(first, Call) and first.name == "diff":
            of, indices = self._slope(first)
        else:
            of, indices = self._whole(first)
        wrt, more = self._whole(second)
        try:
            return self.meanings.statement.diff(of, wrt), (*indices, *more)
        except StatementError as problem:
            raise Misread(node.place, str(problem)) from None

    def _whole(self, node: Node) -> tuple[Entries, tuple[Node, ...]]:
        """A tensor and the indices with which it is read."""
        tensor = self.meanings.value(node.name) if isinstance(node, Read | Name) else None
        if not isinstance(tensor, Entries) or not isinstance(node, Read | Name):
            raise Misread(node.place, "diff takes an entry of a tensor and one of an input or a parameter")
        if isinstance(node, Name):
            self._check_whole(node, tensor)
        return tensor, node.indices if isinstance(node, Read) else ()

    def _check_whole(self, node: Name, tensor: Entries) -> None:
        """Raise Misread for a tensor that has axes and is read without indices."""
        number = sum(not a.sample for a in tensor.axes) - len(self.meanings.leading(node.name))
        if number > 0:
            sides = ", ".join("ijklpqr"[:number])
            raise Misread(node.place, f"{node.name} has axes: read its entries, such as {node.name}[{sides}]")

    def _infer_index(self, node: Node, axis: Axis, said: str, scope: Scope, recurs: bool = False) -> None:
        if isinstance(node, Name):
            variable = scope.get(node.name)
            if variable is not None:
                self._unify(variable, node, axis, said)
                return
            if self.meanings.value(node.name) is None:
                raise self._free(node.name, node.place)
        if isinstance(node, Read):
            self._infer_read(node, scope)
            return
        if isinstance(node, Call | Comparison | Both | Power | Array | Over):
            raise Misread(node.place, "an index is a name, a whole number, or a sum of them, such as 2*i + j - 1")
        for part in parts(node):
            if isinstance(part, Name):
                if recurs and part.name in scope:  # a place before that of the step
                    scope[part.name].hint = axis
                if part.name not in scope and self.meanings.value(part.name) is None:
                    raise self._free(part.name, part.place)
            elif not isinstance(part, Number):
                self._infer_index(part, axis, said, scope, recurs)

    def _unify(self, variable: Variable, node: Name, axis: Axis, said: str) -> None:
        if variable.axis is None:
            variable.axis, variable.said = axis, f"{said} (line {node.place.line}, column {node.place.column})"
            return
        if variable.axis.sample != axis.sample:
            raise Misread(node.place, f"{node.name} runs over {said} here, but over {variable.said} before")
        if axis != variable.axis and variable.said != "its declaration":
            before = _sized(variable.said, variable.axis)
            raise Misread(
                node.place,
                f"{node.name} runs over {_sized(said, axis)} here, but over {before} before; for a part of an axis "
                f"write the size, such as {node.name} in n",
            )

    def _free(self, name: str, place: Place) -> Misread:
        return Misread(place, f"{name} is an index neither on the left nor of a reduction: write sum(..., {name})")

    def _unknown(self, name: str, place: Place) -> Misread:
        if name in self.meanings.names():
            return Misread(
                place,
                f"{name} is not stated before this line: move its equation up, or, for a recurrence, declare its axes "
                f"before, such as recurrent {name}[T, n]",
            )
        meant = misspelled(name, [known for known in self.meanings.names() if known != name])
        hint = f"did you mean {meant}?" if meant else "declare it, or state its equation, in a line before this one"
        return Misread(place, f"{name} is not stated: {hint}")

    def _several(self, node: Call, number: int, example: str, options: bool = False) -> tuple[Node, ...]:
        if len(node.arguments) != number or (node.options and not options):
            raise Misread(node.place, f"{node.name} has {number} argument{'s' * (number > 1)}: write {example}")
        return node.arguments

    def _reduced_sample(self, tensor: Entries, indices: tuple[Node, ...], axes: int, scope: Scope) -> str:
        """The index of samples with which a tensor is read if a reduction runs over it; empty otherwise."""
        last = indices[-1] if indices and len(indices) == axes and tensor.axes[-1].sample else None
        if not isinstance(last, Name):
            return ""
        return last.name if any(v is scope.get(last.name) for v in self.reducing) else ""


def _sized(said: str, axis: Axis) -> str:
    start = "" if axis.start == 1 else f" from {axis.start}"
    return said if axis.sample else f"{said}, which has {axis.extent} entries{start},"
