"""The bodies of the functions of the JAX module, which return what those of NumPy put into their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from derive.arrays.lift import ArrayAssign
from derive.calculus.index import Tensor
from derive.targets.numpy.code import together
from derive.targets.numpy.function_bodies import Bodies, Lines, dict_code
from derive.targets.numpy.library import Library
from derive.targets.numpy.loop_code import LoopCode
from derive.targets.numpy.statements import needed, reads

#: JAX, which has the interface of NumPy and traces functions.
JAX = Library(
    "jnp",
    complex_steps=False,
    traced=True,
    contracted="jnp.einsum",
    reserved=frozenset(
        "jax jnp lax itertools carry advance batch batches key keys errors epoch epochs draw fit mesh batch_size "
        "checkpoint data count number found order shuffled kind axis array name".split()
    ),
)


class ScanCode(LoopCode):
    """Prints a recurrence as a scan, whose carry is the arrays of the recurrence."""

    def lines(self) -> Iterator[str]:
        """The lines of the scan."""
        yield from self._made()
        names = [self.names[e.target.name] for e in self.recurrence.equations]
        carry = names[0] if len(names) == 1 else f"({', '.join(names)})"
        yield f"def advance(carry: Any, {self.step}: Array) -> Any:"
        yield f"    {', '.join(names)} = carry"
        for equation, stated in zip(self.steps.inside, self.recurrence.equations, strict=True):
            parts, whole = self._parts_of(equation)
            number, name = self.numbers[stated.target.name], self.names[stated.target.name]
            for left, code in parts:
                yield f"    {left} = {code.text}  # ({number})"
            yield f"    {name} = {name}.at{self._place(equation, stated)}.set({whole.text})  # ({number})"
        yield f"    return {carry}, None"
        backward = ", reverse=True" if self.recurrence.backward else ""
        places = f"jnp.arange({self.statements.extent(self.recurrence.axis.extent)})"
        yield f"{', '.join(names)} = lax.scan(advance, {carry}, {places}{backward})[0]"
        yield from self._trimmed()

    def _zeros(self, count: int, shape: tuple[str, ...], at: int) -> str:
        """Arrays of zeros; the compiler chooses their order in memory."""
        several = [str(count)] if count > 1 else []
        return f"jnp.zeros(({', '.join([*several, *shape])}), {self.printer.kind})"


class PureBodies(Bodies):
    """Prints statements as the lines of pure functions."""

    loop = ScanCode

    def functions(self) -> dict[str, Lines]:
        """Return the bodies by the names of their functions."""
        own, program = self.statements, self.program
        kept = [s.target for s in own.forward]
        outputs = [(name, own.name(program.tensors[name])) for name in program.outputs]
        prediction = f"return {outputs[0][1] if len(outputs) == 1 else dict_code(outputs)}"
        values = (f"values = {dict_code((own.name(t), own.name(t)) for t in kept)}",)
        error = own.name(own.error.target)
        return {
            "forward": self._body(own.forward, (), (*values, f"return {own.name(program.prediction)}, values")),
            "error": self._body(
                (*own.towards_error, own.error),
                kept,
                [f"return {f'{own.library.name}.sum({error})' if own.error_is_array() else error}"],
            ),
            "gradients": self._slopes_of(own.learning),
            "input_gradients": self._slopes_of(own.beside, own.learning) if own.beside else (),
            "predict": self._predicted(prediction),
        }

    def _slopes_of(self, sought: tuple[ArrayAssign, ...], others: tuple[ArrayAssign, ...] = ()) -> Lines:
        """The body that returns gradients; those of ``others`` are computed if the ones that are sought read them."""
        own = self.statements
        computed = needed((*own.towards_error, *others, *sought), (), lambda s: s in sought)
        return self._body(computed, [s.target for s in own.forward], [self._slopes(sought)])

    def _predicted(self, prediction: str) -> Lines:
        """The forward pass that returns the outputs; it reads running averages where there are some."""
        computed = needed(self._alone, self.program.outputs)
        held = [name for name in self.averages if name in {*self.program.outputs} | reads(computed)]
        return self._body(computed, (), [prediction], "state" if self.averages else "parameters", held)

    def _unpacked(self, read: set[str], used: set[str], values: Iterable[Tensor]) -> Lines:
        """The same, and data as arrays of JAX where a scan may read them at a traced place."""
        names = [self.statements.name(t) for t in self.program.inputs if t.name in read and "lax" in used]
        arrays = together([(name, f"jnp.asarray({name})") for name in names])
        return (*super()._unpacked(read, used, values), *arrays)

    def _given(self, statement: ArrayAssign) -> Lines:
        """No line: the check of the gradients is that of the NumPy module."""
        return ()
