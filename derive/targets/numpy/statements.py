"""The statements of a program in the forms that are computed, and the names of everything in their code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sympy import Expr

from derive.arrays import matrix as mx
from derive.arrays.lift import ArrayAssign, ArrayProgram, formed
from derive.arrays.lower import array, has_axes, lowered, with_two_axes
from derive.arrays.stability import Stability
from derive.calculus.index import Tensor
from derive.paper.notation import Notation
from derive.record import record
from derive.targets.names import code_names
from derive.targets.needed import needed as of_use
from derive.targets.numpy.code import quoted
from derive.targets.numpy.evaluator import elementwise_in
from derive.targets.numpy.formula_printer import scalar
from derive.targets.numpy.library import NUMPY, Library
from derive.targets.numpy.named_printer import KIND
from derive.targets.numpy.printer import NumPyPrinter


@record
class _Computed:
    """A statement in the form that is computed; ``needed`` says whether the stated form would overflow."""

    statement: ArrayAssign
    needed: bool = False


class Statements:
    """The statements of a program by stage, without those whose targets nothing reads.

    Those of the ``backward`` pass are the ones that a step needs, ``learning``, and the gradients of inputs with the
    factors that only these read, ``beside``.
    ``functions`` maps the elementwise functions to their names in code, ``numbers`` to the numbers
    of the equations where they are first used.
    """

    def __init__(
        self, program: ArrayProgram, notation: Notation, stability: Stability, library: Library = NUMPY
    ) -> None:
        self.program, self.library = program, library
        self._forms = {s.target.name: self._computed(s, stability) for s in program.statements}
        self.codes = code_names(program, notation, library.reserved)
        #: The axis that comes first in the memory of the arrays of a recurrence, by the names of the tensors.
        self.ordered = {
            name: recurrence.axis
            for recurrence in program.recurrences
            for name in recurrence.places
            if program.tensors[name].stored_axes[0] != recurrence.axis
        }
        self._steps: dict[str, str] = {}
        self._given: dict[Expr, str] = {}
        alive = self._without_unread(tuple(c.statement for c in self._forms.values()))
        self.forward = _of_stages(alive, "forward")
        *towards, self.error = _of_stages(alive, "error")
        self.towards_error = tuple(towards)
        self.backward = _of_stages(alive, "factor", "gradient")
        self.learning = needed(self.backward, (), self._is_learned)
        self.beside = tuple(s for s in self.backward if s not in self.learning)
        self.numbers: dict[Any, int] = {d.function: d.number for d in program.definitions}
        for statement in self.computed:
            for function in elementwise_in(code_form(statement)):
                self.numbers.setdefault(function, statement.number)
        self.functions = {function: self.codes.functions.fresh(function.title) for function in self.numbers}

    def _computed(self, statement: ArrayAssign, stability: Stability) -> _Computed:
        found = None if statement.stage == "update" else stability.computed(statement)
        if found is None or found.equation == statement.equation:
            return _Computed(statement)
        form = formed(found.equation, self.program.tensors)
        return _Computed(replace(statement, equation=found.equation, form=form), found.needed)

    def _without_unread(self, statements: tuple[ArrayAssign, ...]) -> tuple[ArrayAssign, ...]:
        """The statements that the prediction, the error, the gradients and the update need."""
        return needed(statements, self._ends(statements), lambda s: s.stage in ("gradient", "update"))

    def _ends(self, statements: tuple[ArrayAssign, ...]) -> set[str]:
        return {*self.program.outputs, _of_stages(statements, "error")[-1].target.name}

    def _is_learned(self, statement: ArrayAssign) -> bool:
        """Whether a statement is the gradient of a parameter."""
        return statement.stage == "gradient" and statement.target.about in self.program.parameters

    @property
    def computed(self) -> tuple[ArrayAssign, ...]:
        """All statements except those of the update."""
        return (*self.forward, *self.towards_error, self.error, *self.backward)

    @property
    def prediction(self) -> ArrayAssign:
        """The statement of the prediction."""
        return next(s for s in self.forward if s.target.name == self.program.predicted)

    @property
    def in_steps(self) -> tuple[ArrayAssign, ...]:
        """The statements of the second rendering, of a step alone: in the stated form unless that would overflow.

        An optimizer with a state may divide by the size of the gradient. Each entry of the gradient
        must then be accurate relative to its own size, so the backward pass has the computed form.
        """
        exact = {s.target.name for s in self.backward} if self.program.states else set()
        computed = ((s, self._forms[s.target.name]) for s in self.program.statements)
        chosen = tuple(c.statement if c.needed or s.target.name in exact else s for s, c in computed)
        return needed(chosen, self._ends(chosen), lambda s: s.stage == "update" or self._is_learned(s))

    def error_is_array(self) -> bool:
        """Return whether the code of the error gives an array of one entry, not a number."""
        form = code_form(self.error)
        read = (t for t in self.program.tensors.values() if not t.axes and t.name in mx.arrays_read(form))
        return has_axes(form) or any(t not in self.program.scalars and t.role != "penalty" for t in read)

    def printer(self, names: Mapping[str, str] | None = None) -> NumPyPrinter:
        """Return a printer of the forms; ``names`` maps tensors to what is read in the place of their names."""
        codes = self.codes
        steps = {step: step for step in self._steps.values()} if self.library.traced else {}
        numbers = [*steps, *(t.name for t in self.program.tensors.values() if not t.axes and not self._is_python(t))]
        reals = (f"{codes.tensors[t.name]}.dtype" for t in self.program.inputs if t.places is None)
        kind = KIND if self.program.parameters else next(reals, KIND)
        return NumPyPrinter(
            {**steps, **codes.tensors, **(names or {})},
            codes.widths,
            self.functions,
            numbers,
            kind,
            self.ordered,
            self.library,
        )

    def _is_python(self, tensor: Tensor) -> bool:
        """Whether a number is one of Python; all of them are if the library is not traced, and else the constants."""
        return tensor.name in self.program.constants if self.library.traced else tensor.is_number

    def name(self, tensor: Tensor) -> str:
        """Return the name of a tensor in code."""
        return self.codes.tensors[tensor.name]

    def step_name(self, letter: str) -> str:
        """Return the name in code of the place of a step, in all loops for which a letter is wanted."""
        if letter not in self._steps:
            self._steps[letter] = self.codes.functions.fresh(letter)
        return self._steps[letter]

    def given_name(self, wanted: str, formula: Expr) -> str:
        """Return the name in code of what is computed before loops, the same in all of them."""
        if formula not in self._given:
            self._given[formula] = self.codes.functions.fresh(wanted)
        return self._given[formula]

    def extent(self, value: Expr) -> str:
        """Return a width, or a formula of widths, as code."""
        return scalar(self.codes.in_code(value)).text

    def stored(self, tensor: Tensor) -> str:
        """Return the code that reads a parameter or a state from its dict, by the user's name."""
        return f"{'state' if tensor in self.program.states else 'parameters'}[{quoted(tensor.name)}]"


def code_form(statement: ArrayAssign) -> mx.Node:
    """Return the matrix form that is printed for a statement."""
    if statement.stage == "update":
        return lowered(_summed_at_once(statement.form))
    if statement.stage == "error":
        return lowered(statement.form)
    return array(lowered(with_two_axes(statement.form)))


def _summed_at_once(node: mx.Node) -> mx.Node:
    """Replace each sum whose result is one number by a sum of all entries."""
    operands = tuple(_summed_at_once(c) for c in mx.children(node))
    if isinstance(node, mx.SumOver) and node.shape == (1, 1):
        return mx.SumOver(operands[0], None)
    return mx.rebuilt(node, operands)


def reads(statements: Iterable[ArrayAssign]) -> set[str]:
    """Return the names of the tensors that the code of the statements reads."""
    return set().union(*(mx.arrays_read(code_form(s)) for s in statements))


def needed(
    statements: tuple[ArrayAssign, ...], read: Iterable[str], always: Callable[[ArrayAssign], bool] = lambda _: False
) -> tuple[ArrayAssign, ...]:
    """Return the statements whose targets are ``read``, by name or by a later needed statement.

    A statement for which ``always`` is true is needed in any case.
    """
    return of_use(statements, read, lambda statement: reads([statement]), always)


def about(statement: ArrayAssign) -> Tensor:
    """Return the tensor whose gradient or update a statement computes."""
    assert statement.target.about is not None
    return statement.target.about


def _of_stages(statements: Iterable[ArrayAssign], *names: str) -> tuple[ArrayAssign, ...]:
    return tuple(s for s in statements if s.stage in names)
