"""The context of the template of the PyTorch module, and its file."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import Any

from derive.files.templates import fill
from derive.learning.initialisations import INITIALISATIONS
from derive.record import record
from derive.targets.fold import fold
from derive.targets.jax.bodies import PureBodies
from derive.targets.numpy.code import python_number
from derive.targets.numpy.data import Data, unknown_widths
from derive.targets.numpy.equations import statements_of
from derive.targets.numpy.helper_functions import helpers
from derive.targets.numpy.initial_body import Beginning
from derive.targets.numpy.library import Library
from derive.targets.numpy.package import file_of, forward_words
from derive.targets.numpy.statements import Statements
from derive.targets.target import Runnable

#: PyTorch, whose functions have the names of NumPy, with a few exceptions, and also its names of arguments.
TORCH = Library(
    "torch",
    complex_steps=False,
    traced=True,
    contracted="torch.einsum",
    reserved=frozenset("torch nn context names arrays found slope learned others Error Network".split()),
    cast="to",
    transpose="permute",
    typed="dtype=",
    renamed=(("max", "amax"), ("min", "amin")),
)
#: The functions of PyTorch that do what those of NumPy do.
ALIKE = frozenset(
    "abs amax amin arange arctan argmax broadcast_to cos cosh einsum exp expm1 full full_like hstack log log1p maximum "
    "mean minimum ones prod reshape sign sin sinh sqrt square stack sum tan tanh tensor tensordot vstack where "
    "zeros".split()
)


@record
class TorchModule:
    """The PyTorch code of a derivation."""

    derived: Runnable

    @cached_property
    def statements(self) -> Statements:
        """The statements in the forms that are computed, which are those of NumPy."""
        known = self.derived
        return statements_of(known.program, known.notation, known.forward.promises, known.targets, TORCH)

    @cached_property
    def bodies(self) -> dict[str, tuple[str, ...]]:
        """The bodies of the functions."""
        return PureBodies(self.statements).functions()

    @cached_property
    def helpers(self) -> tuple[dict[str, Any], ...]:
        """The functions that the equations call."""
        return tuple(helpers(self.statements))

    @property
    def lacking(self) -> list[str]:
        """The functions of arrays that the equations call and PyTorch does not have like NumPy, by name."""
        own = [helper["call"] for helper in self.helpers if "source" in helper]
        lines = [line for body in self.bodies.values() for line in body]
        lines += [line for helper in self.helpers for line in helper.get("lines", ())]
        text = "".join(f"    {line}\n" for line in lines)
        nodes = [*ast.walk(ast.parse(f"def body():\n{text}"))]
        called = {n.attr for n in nodes if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "torch"}
        return sorted({*own, *called - ALIKE})

    @cached_property
    def network(self) -> str:
        """The file of the equations."""
        program, statements = self.derived.program, self.statements
        data = Data(program, statements.codes, self.derived.forward.promises, self.derived.targets)
        beginning = Beginning(statements, INITIALISATIONS[self.derived.specification.initialisation])
        unknown = unknown_widths(program)
        widths = [name for symbol, name in statements.codes.widths.items() if symbol not in unknown]
        named = f", *, {', '.join(f'{w}: int' for w in widths)}" if widths else ""
        passed, given = data.arguments(data.passed), data.arguments(program.inputs)
        made = "seed: int = 0, dtype: Any = torch.float32"

        def function(name: str, arguments: str, result: str) -> list[str]:
            return fold(f"def {name}({arguments.removesuffix(', ')}) -> {result}:")

        context = {
            **self.bodies,
            "helpers": self.helpers,
            "beginning": beginning,
            "constants": [(statements.codes.tensors[n], python_number(v).text) for n, v in program.constants.items()],
            "forward_words": forward_words(data.passed_shapes, "return every tensor by name, too"),
            "starts_signature": function("initial_parameters", f"{made}{named}", "Parameters"),
            "forward_signature": function("forward", f"parameters: Parameters, {passed}", "tuple[Array, Parameters]"),
            "error_signature": function("error", f"parameters: Parameters, {given}values: Parameters", "Array"),
            "gradients_signature": function(
                "gradients", f"parameters: Parameters, {given}values: Parameters", "Parameters"
            ),
            "init_signature": function("__init__", f"self, {made}{named}", "None"),
            "init_call": ", ".join(["seed", "dtype", *(f"{w}={w}" for w in widths)]),
            "given": data.names(program.inputs),
            "given_typed": given,
            "given_count": len(program.inputs),
            "given_arguments": given.removesuffix(", "),
            "passed_arguments": passed.removesuffix(", "),
            "passed_call": f"parameters, {data.names(data.passed)}".removesuffix(", "),
        }
        words = fill("torch/words.py.jinja", intro=self.derived.description, data=data)
        return file_of(words, fill("torch/network.py.jinja", **context).strip("\n") + "\n", {})
