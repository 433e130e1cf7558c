"""The functions of a program in C, as finished lines, and the members of its structs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cached_property

from sympy import Expr, Symbol

from derive.arrays.rewriting import everywhere, shift
from derive.arrays.stability import Stability
from derive.calculus.coupling import coupling
from derive.calculus.drawn import drawn_of
from derive.calculus.index import SAMPLES, Tensor, symbols_read
from derive.calculus.program import Assign, Program
from derive.calculus.roles import Role
from derive.derived import Derived
from derive.record import record
from derive.targets.c.formulas import stored_axes
from derive.targets.c.names import CodeNames, c_names
from derive.targets.c.printer import CPrinter
from derive.targets.loops.loops import parts
from derive.targets.needed import needed
from derive.targets.numpy.evaluator import NumPyEvaluator

#: The roles of the numbers that are kept in double precision.
_DOUBLE = (
    *(Role.CONSTANT, Role.LEARNING_RATE, Role.RATE, Role.STEP, Role.SQUARE_NORM, Role.CLIP_SCALE, Role.CORRECTION),
)
#: The names of the pointers to the structs in functions.
PARAMETERS, WORKSPACE, GRADIENTS, STATE = "p", "w", "g", "s"


@record
class Member:
    """A member of a struct: its type (``real`` or ``int``), its name, and the lengths of its axes, as code.

    ``rows`` says whether the first axis is that of the samples.
    """

    kind: str
    name: str
    sides: tuple[str, ...]
    rows: bool = False

    def declared(self, prefix: str) -> str:
        """The declaration; ``prefix`` begins the name of the type of real numbers."""
        kind = f"{prefix}_real" if self.kind == "real" else self.kind
        return f"{kind} {self.name}{''.join(f'[{side}]' for side in self.sides)};"

    @property
    def count(self) -> str:
        """The number of entries, of one sample if there is an axis of samples."""
        return " * ".join(at_product(side) for side in self.sides[self.rows :]) or "1"

    @property
    def factor(self) -> str:
        """The same as a factor of a product."""
        return f"({self.count})" if " " in self.count else self.count

    @property
    def copied(self) -> str:
        """The bytes of m samples in the workspace, or of all entries without an axis of samples."""
        return f"(size_t)m * sizeof w->{self.name}[0]" if self.rows else f"sizeof w->{self.name}"

    def first(self, of: str) -> str:
        """The address of the first entry, in the struct with this name."""
        return f"&{of}->{self.name}{'[0]' * len(self.sides)}"


def at_product(side: str) -> str:
    """A factor of a product of sides."""
    return f"({side})" if "+" in side or "-" in side else side


class CProgram:
    """A program with the forms that C computes, its names, and the lines of its functions."""

    def __init__(self, derived: Derived, prefix: str) -> None:
        """``prefix`` begins the names of everything in the files."""
        self.program: Program = derived.program
        self.random = drawn_of(derived.forward.promises, derived.program.inputs)
        self.prefix = prefix
        self.stability = Stability(
            derived.program, NumPyEvaluator(), derived.forward.promises, signs=derived.targets == "signs"
        )
        self.names: CodeNames = c_names(self.program, derived.notation, self._numbers(), prefix.upper())
        every = tuple(map(self._computed, self.program.statements))
        self.used = needed(
            every, {*self.program.outputs, self.error_name}, _reads, lambda s: s.stage in ("gradient", "update")
        )
        self.widths: dict[Symbol, str] = {**self.names.widths, SAMPLES: "m"}
        numbers = [*self.names.numbers, *(t.name for t in self.program.tensors.values() if _is_step(t))]
        self.printer = CPrinter(self.program.tensors, self._places(), self.widths, numbers, self.names.functions)
        self.printer.about = {d.function: d.number for d in self.program.definitions}

    @property
    def error_name(self) -> str:
        """The name of the error."""
        return self.program.stage("error")[-1].target.name

    def _numbers(self) -> dict[str, str]:
        """The names wanted for the numbers of a step, which are no members of a struct."""
        double = [t for t in self.program.tensors.values() if not t.axes and t.role in _DOUBLE]
        return {t.name: t.name for t in double if not _is_step(t)}

    def _computed(self, statement: Assign) -> Assign:
        plain = Assign(statement.number, statement.stage, statement.equation)
        if statement.stage == "update":
            return plain
        equation = self.stability.computed(statement).equation
        # the array form of the stated equation, which may be the stable one, has softmax in the place of its definition
        return replace(plain, equation=replace(equation, expression=everywhere(shift, equation.expression)))

    def _places(self) -> dict[str, str]:
        """The code of every tensor."""
        found: dict[str, str] = dict(self.names.numbers)
        slopes = {s.target.name: s.target.about for s in self.program.stage("gradient")}
        for name, tensor in self.program.tensors.items():
            if name in found:
                continue
            about, root = slopes.get(name), WORKSPACE
            if about in self.program.parameters:
                root, name_in = GRADIENTS, self.names.members[about.name]
            else:
                name_in = self.names.members[name]
                root = PARAMETERS if tensor.stored in self.program.parameters else root
                root = STATE if tensor.stored in self.program.states else root
            found[name] = f"{root}->{name_in}"
        return found

    # ------------------------------------------------------------ structs

    def _member(self, tensor: Tensor) -> Member:
        order = stored_axes(tensor)
        rows = bool(order) and tensor.axes[order[0]].sample
        kind = "int" if tensor.places is not None else "double" if _is_step(tensor) else "real"
        sides = tuple(self.side(tensor.axes[number].extent) for number in order)
        return Member(kind, self.names.members[tensor.name], sides, rows)

    def side(self, extent: Expr) -> str:
        """The length of an axis in a declaration."""
        known = {**self.names.widths, SAMPLES: f"{self.prefix.upper()}_BATCH"}
        return str(extent.xreplace({s: Symbol(text, integer=True) for s, text in known.items()}))

    @cached_property
    def parameters(self) -> list[Member]:
        """The members of the struct of parameters."""
        return [self._member(p) for p in self.program.parameters]

    @cached_property
    def states(self) -> list[Member]:
        """The members of the struct of the state."""
        return [self._member(t) for t in self.program.states]

    @cached_property
    def data(self) -> list[tuple[Tensor, Member]]:
        """The data: those that predictions read, the others, and what is random."""
        order = sorted(self.program.inputs, key=lambda t: (t.name in self.random, t.is_compared))
        return [(t, self._member(t)) for t in order]

    @cached_property
    def outputs(self) -> list[Member]:
        """What is predicted."""
        return [self._member(self.program.tensors[name]) for name in self.program.outputs]

    @cached_property
    def computed(self) -> list[Member]:
        """The members of the workspace that functions compute."""
        places = self.printer.places
        kept = (s.target for s in self.used if places[s.target.name].startswith(f"{WORKSPACE}->"))
        return [self._member(t) for t in kept]

    @property
    def sampled(self) -> bool:
        """Whether any data have an axis of samples."""
        return any(axis.sample for t in self.program.inputs for axis in t.axes)

    @property
    def coupled(self) -> str:
        """What couples the samples in a prediction, or an empty text."""
        predicting = self.program.predicting
        return next(filter(None, (coupling(replace(predicting, predicted=n)) for n in self.program.outputs)), "")

    # ------------------------------------------------------------ functions

    def of_stage(self, *names: str) -> list[Assign]:
        """The statements of stages that are of use."""
        return [s for s in self.used if s.stage in names]

    @cached_property
    def predicting(self) -> list[Assign]:
        """The statements of a prediction, in which running averages take the places of what they are averages of."""
        stated = {s.target.name: s for s in self.program.predicting.statements}
        held = self.program.averages
        forward = [
            Assign(s.number, s.stage, stated[s.target.name].equation) if s.target.name in held else s
            for s in self.of_stage("forward")
        ]
        return list(needed(tuple(forward), self.program.outputs, _reads))

    def lines(self, statements: Iterable[Assign], *offered: str) -> list[str]:
        """The body of a function; arguments ``offered`` that it does not read are said to be unused.

        With the argument ``held``, it leaves alone what gradients take for a constant if that is not 0.
        """
        self.printer.read, self.printer.held = set(), {*self.program.stopped} if "held" in offered else set()
        found: list[str] = []
        for part in parts(list(statements)):
            found += self.printer.statements(part)
        unread = [name for name in offered if name not in self.printer.read]
        return [*(f"(void){name};" for name in unread), *found]


def _reads(statement: Assign) -> Collection[str]:
    return symbols_read(statement.equation.expression)


def _is_step(tensor: Tensor) -> bool:
    """Whether a tensor is the number of the step, a state in double precision."""
    return tensor.stored.role == Role.STEP
