"""The context of the templates of the JAX module, and its file."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from derive.calculus.drawn import Bernoulli, Drawn
from derive.files.templates import fill
from derive.learning.initialisations import INITIALISATIONS
from derive.record import record
from derive.targets.fold import fold, folded
from derive.targets.jax.bodies import JAX, PureBodies
from derive.targets.numpy.code import PRODUCT, STEP, python_number, quoted
from derive.targets.numpy.data import Data, sample_axes, unknown_widths
from derive.targets.numpy.equations import first_states, statements_of
from derive.targets.numpy.facts import means
from derive.targets.numpy.function_bodies import dict_code
from derive.targets.numpy.helper_functions import helpers
from derive.targets.numpy.initial_body import Beginning
from derive.targets.numpy.package import file_of, forward_words
from derive.targets.numpy.statements import Statements
from derive.targets.numpy.update_body import UpdateBody
from derive.targets.target import Runnable

#: What a function returns that takes a step.
_STEPPED = "tuple[Parameters, Parameters, Array]"
#: The modules of the names that the trainer reads.
_OF_TRAINER = {
    "Path": "pathlib",
    **dict.fromkeys(("Mesh", "NamedSharding", "PartitionSpec"), "jax.sharding"),
    **dict.fromkeys(("Parameters", "epoch"), ".network_jax"),
}


@record
class JaxModule:
    """The JAX code of a derivation."""

    derived: Runnable

    @cached_property
    def statements(self) -> Statements:
        """The statements in the forms that are computed, which are those of NumPy."""
        known = self.derived
        return statements_of(known.program, known.notation, known.forward.promises, known.targets, JAX)

    @cached_property
    def data(self) -> Data:
        """The inputs and the targets."""
        known = self.derived
        return Data(known.program, self.statements.codes, known.forward.promises, known.targets)

    @cached_property
    def network(self) -> str:
        """The file of the equations."""
        words = fill("jax/words.py.jinja", kind="network", intro=self.derived.description, data=self.data)
        body = fill("jax/network.py.jinja", **self.context).strip("\n") + "\n"
        return file_of(words, body, {})

    @cached_property
    def trainer(self) -> str:
        """The file of the trainer."""
        program, data = self.derived.program, self.data
        given = [t for t in program.inputs if t.name not in data.random]
        names = [data.codes.tensors[t.name] for t in given]
        axes = dict(sample_axes(program.tensors.values()))
        body = fill(
            "jax/trainer.py.jinja",
            data=names,
            data_dict=dict_code((name, name) for name in names),
            sample_axes=dict_code((name, axes.get(t.name, 1)) for name, t in zip(names, given, strict=True)),
            integers="".join(f"{quoted(data.codes.tensors[t.name])}, " for t in given if t.places),
            draws=bool(data.random),
        )
        words = fill(
            "jax/words.py.jinja",
            kind="trainer",
            intro=self.derived.description,
            data=data,
            name=self.derived.specification.name,
            made=", ".join(f"{width}=..." for width in self._widths()),
            arguments=", ".join(names),
        )
        return file_of(words, body.strip("\n") + "\n", _OF_TRAINER)

    def _widths(self) -> list[str]:
        """The widths that are given when parameters are made."""
        unknown = unknown_widths(self.derived.program)
        return [name for symbol, name in self.statements.codes.widths.items() if symbol not in unknown]

    @cached_property
    def context(self) -> dict[str, Any]:
        """The context of the template of the equations."""
        program, statements, data = self.derived.program, self.statements, self.data
        bodies = PureBodies(statements)
        beginning = Beginning(statements, INITIALISATIONS[self.derived.specification.initialisation])
        found = bodies.functions()
        return {
            **found,
            **self._signatures(),
            **self._draws(),
            "constants": [(statements.codes.tensors[n], python_number(v).text) for n, v in program.constants.items()],
            "helpers": tuple(helpers(statements)),
            "beginning": beginning,
            "parameter_count": len(program.parameters),
            "states": first_states(statements, beginning),
            "state_lines": folded(bodies.width_lines(beginning.widths), STEP),
            "forward_words": forward_words(data.passed_shapes, "return every tensor by name, too"),
            "averages": bool(program.averages),
            "several": len(program.outputs) > 1,
            "updates": folded(tuple(UpdateBody(statements).lines()), STEP),
            "calls": self._calls(),
        }

    def _signatures(self) -> dict[str, list[str]]:
        program, data = self.derived.program, self.data
        widths = self._widths()
        named = f", *, {', '.join(f'{w}: int' for w in widths)}" if widths else ""
        passed = data.arguments(data.passed)
        given = data.arguments(program.inputs)
        state = "state: Parameters, " if program.averages else ""
        outputs = "Parameters" if len(program.outputs) > 1 else "Array"

        def function(name: str, arguments: str, result: str) -> list[str]:
            return fold(f"def {name}({arguments.removesuffix(', ')}) -> {result}:")

        return {
            "starts_signature": function(
                "initial_parameters", f"seed: int = 0, dtype: Any = jnp.float32{named}", "Parameters"
            ),
            "forward_signature": function("forward", f"parameters: Parameters, {passed}", "tuple[Array, Parameters]"),
            "predict_signature": function(
                "predict", f"parameters: Parameters, {state}{data.arguments(data.inputs)}", outputs
            ),
            "draw_signature": function(
                "draw", f"parameters: Parameters, key: Array, {data.arguments(data.inputs)}", "tuple[Array, ...]"
            ),
            "error_signature": function("error", f"parameters: Parameters, {given}values: Parameters", "Array"),
            "gradients_signature": function(
                "gradients", f"parameters: Parameters, {given}values: Parameters", "Parameters"
            ),
            "input_gradients_signature": function(
                "input_gradients", f"parameters: Parameters, {given}values: Parameters", "Parameters"
            ),
            "update_signature": function(
                "update", f"parameters: Parameters, state: Parameters, {given}learning_rate: Any", _STEPPED
            ),
            "epoch_signature": function(
                "epoch",
                "parameters: Parameters, state: Parameters, batches: tuple[Array, ...], learning_rate: Any"
                + (", key: Array" if data.random else ""),
                _STEPPED,
            ),
        }

    def _calls(self) -> tuple[str, ...]:
        """The lines with which a step begins."""
        passed, given = self.data.names(self.data.passed), self.data.names(self.derived.program.inputs)
        forward = f"forward(parameters, {passed}".removesuffix(", ")
        return folded(
            (
                f"values = {forward})[1]",
                f"before = error(parameters, {given}values)",
                f"slopes = gradients(parameters, {given}values)",
            ),
            STEP,
        )

    def _draws(self) -> dict[str, Any]:
        """What is random: the lines that give it its mean, and those that draw it."""
        program, data = self.derived.program, self.data
        axes = dict(sample_axes(program.tensors.values()))
        kind = self.statements.printer().kind
        names = data.codes.tensors
        lines = [f"keys = iter(jax.random.split(key, {len(data.random)}))", f"dtype = {kind}"]
        lines += [f"{names[n]} = {_drawn(law, data.random_shape(n, axes))}" for n, law in data.random.items()]
        given = [t for t in program.inputs if t.name not in data.random]
        return {
            "random": bool(data.random),
            "means": folded(means(data, axes, kind, JAX), STEP),
            "draws": [names[name] for name in data.random],
            "draw_lines": folded(tuple(lines), STEP),
            "draw_call": f"carry[0], key, {data.names(data.inputs)}".removesuffix(", "),
            "batch_names": f"key, {data.names(given)}".removesuffix(", "),
            "update_call": data.names(program.inputs),
        }


def _drawn(law: Drawn, shape: str) -> str:
    """The code that draws numbers."""
    first, *others = (python_number(number) for number in law.numbers)
    if isinstance(law, Bernoulli):
        return f"jax.random.bernoulli(next(keys), {first.text}, {shape}).astype(dtype)"
    (deviation,) = others
    code = f"{deviation.at(PRODUCT)} * jax.random.normal(next(keys), {shape}, dtype)"
    return code if law.mean == 0 else f"{first.text} + {code}"
