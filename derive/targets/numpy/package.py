"""The source files of a program: a package, or a single file, in one of several forms.

A file has a docstring, the imports that its body needs, and the body, filled from a template.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from derive.arrays.lift import ArrayProgram
from derive.calculus.promises import Promise
from derive.files.templates import fill
from derive.learning.initialisations import INITIALISATIONS
from derive.paper.notation import Notation
from derive.record import record
from derive.targets.fold import WIDTH, fold
from derive.targets.numpy import runtime
from derive.targets.numpy.code import quoted
from derive.targets.numpy.equations import arguments, equations_context
from derive.targets.numpy.facts import digest, facts, score_fact
from derive.targets.numpy.function_bodies import words
from derive.targets.numpy.imports import Import, by_kind, import_lines, imports_of, merged
from derive.targets.numpy.runtime.steps import END, START, hash_of_equations
from derive.text.errors import StatementError

if TYPE_CHECKING:
    from derive.statement.network import Network

#: The names of the runtime that a body may need, and the modules that define them.
_RUNTIME = {
    **dict.fromkeys(("Array", "Parameters", "Seed"), "values"),
    "Network": "network",
    **dict.fromkeys(("Line", "Steps", "one_at_a_time", "side_by_side"), "steps"),
    "TrainerBase": "trainer",
    **dict.fromkeys(("compare_gradients", "gradient_report"), "check"),
    "compare_steps": "check_steps",
    "draw_example": "example",
    "report": "report",
}
#: What a trainer with second derivatives reads of the runtime, too.
_CURVED = ("_described", "_generator", "_positive_integer", "_real_numbers")
#: The modules of the runtime; each imports only earlier ones.
_PARTS = (
    *(
        "values",
        "draws",
        "rows",
        "data",
        "finite",
        "parts",
        "parameters",
        "network",
        "steps",
        "stopping",
        "orders",
        "rates",
    ),
    *("holding_out", "files", "course", "checkpoint", "diagnosis", "stream", "fitting", "stepper", "scores"),
    *("reading", "predictor", "trainer", "example", "check", "check_steps", "report"),
)
#: The types of the equations in a file without the runtime.
_TYPES = """\
Array = NDArray[Any]
Parameters = dict[str, Array]
Seed = int | np.random.Generator | None

"""
#: The public names of a package, and the modules that define them.
_FUNCTIONS = (
    *("error", "forward", "gradients", "initial_parameters", "initial_state", "input_gradients", "predict", "update"),
)
_PUBLIC = {
    **dict.fromkeys(("Trainer", "check_gradients", "check_steps", "example"), "trainer"),
    **dict.fromkeys(_FUNCTIONS, "network"),
}
#: The functions that only some modules have, and the part of the context without which they have not.
_OPTIONAL = {"initial_state": "states", "input_gradients": "input_gradients", "predict": "predict"}
_MAIN = """\
if __name__ == "__main__":
    raise SystemExit(main())
"""
#: Options of ``textwrap``.
_WHOLE: Any = {"break_long_words": False, "break_on_hyphens": False}
#: Formatters must not change a sealed file.
_UNFORMATTED = "# fmt: off\n"


@record
class Rendered:
    """The files of one program, in every form.

    ``context`` is that of the templates; ``functions`` are the elementwise functions by their names in code.
    """

    name: str
    description: str
    context: Mapping[str, Any]
    functions: Mapping[str, Any]

    @property
    def function(self) -> str:
        """The name of the backward pass of a layer alone, or of what is derived in its form."""
        return str(self.context["alone"])

    @cached_property
    def equations(self) -> str:
        """The equations as functions that check their arguments."""
        return self._equations(door=True)

    def _equations(self, door: bool) -> str:
        whole = {**self.context, "forward_words": self._forward_words()}
        return fill("numpy/network.py.jinja", door=door, **whole).strip("\n") + "\n"

    def _forward_words(self) -> list[str]:
        return forward_words(self.context["data"].passed_shapes, "fill `values`")

    def _steps(self, equations: str) -> str:
        """The second rendering of the steps for these equations; empty if there is none."""
        if self.context["steps"]["declined"]:
            return ""
        return fill("numpy/steps.py.jinja", equations_hash=hash_of_equations(equations), **self.context)

    def _trainer(self, steps: str = "here") -> str:
        """The class ``Trainer``; its fast steps, if any, are in the same file (``here``) or in another (``beside``)."""
        found = "" if self.context["steps"]["declined"] else steps
        whole = {"products": (), **self.context, "steps": found}
        return fill("numpy/trainer.py.jinja", **whole).strip("\n") + "\n"

    def _words(self, kind: str) -> str:
        """The docstring of a file of this kind."""
        return fill(
            "numpy/words.py.jinja",
            kind=kind,
            name=self.name,
            intro=self.description,
            made=tuple(fold(f"trainer = Trainer({', '.join([*self._widths(), 'seed=0'])})", "    ")),
            **self.context,
        )

    def _widths(self) -> Iterator[str]:
        return (f"{width}=..." for width in self.context["widths"])

    def _names(self) -> Iterator[str]:
        """The names that the file of the equations defines."""
        constants = (name for name, _ in self.context["constants"])
        helpers = (h["call"] or h["name"] for h in self.context["helpers"])
        return chain(_FUNCTIONS, ("NETWORK",), constants, helpers)

    def form(self, name: str) -> dict[str, str]:
        """Return the files of one of ``edition.FORMS``; the first contains the equations."""
        if self.context["alone"]:
            if name == "predict":
                raise StatementError("form predict is for a network, not for the backward pass of a layer alone")
            return {"layer.py" if self.function == "backward" else f"{self.function}.py": self.layer}
        if name == "single-file":
            return {"trainer.py": self.source, "__init__.py": self._init_file(single=True)}
        if name == "core":
            return {"network.py": self.core}
        return {"predict.py": self.predict()} if name == "predict" else self.files

    # A package.

    @cached_property
    def files(self) -> dict[str, str]:
        """The files of the package without its tests."""
        own = dict.fromkeys(self._names(), ".network")
        beside = {**dict.fromkeys(_RUNTIME, "._runtime"), **own}
        steps = self._steps(self.network_file)
        return {
            "network.py": self.network_file,
            "__init__.py": self._init_file(),
            "__main__.py": _UNFORMATTED + fill("numpy/__main__.py.jinja"),
            "trainer.py": file_of(self._words("trainer"), self._trainer("beside"), beside),
            **({"_steps.py": file_of(self._words("steps"), steps, beside)} if steps else {}),
            "_runtime.py": _runtime_file(),
        }

    @cached_property
    def network_file(self) -> str:
        """The file of the equations."""
        return file_of(self._words("network"), self.equations, dict.fromkeys(_RUNTIME, "._runtime"))

    def _init_file(self, single: bool = False) -> str:
        lacking = {name for name, part in _OPTIONAL.items() if not self.context[part]}
        names = sorted(_PUBLIC.keys() - lacking, key=by_kind)
        offered = {(".trainer" if single else f".{_PUBLIC[name]}", name) for name in names}
        listed = fold(f"__all__ = [{', '.join(map(quoted, names))}]")
        return _UNFORMATTED + fill(
            "numpy/__init__.py.jinja", imports=import_lines(offered), listed=listed, spec=bool(self.context["words"])
        )

    def tests(self, entries: int | None) -> str:
        """The tests beside the package; ``entries`` limits the entries checked per parameter (None: all)."""
        return _UNFORMATTED + fill("numpy/test_trainer.py.jinja", entries=entries, **self.context)

    def with_products(self, names: Collection[str]) -> dict[str, str]:
        """Return the files of the package whose trainer has the products of modules of these names beside it."""
        found = replace(self, context={**self.context, "products": tuple(names)})
        beside = {**dict.fromkeys(_RUNTIME, "._runtime"), **dict.fromkeys(self._names(), ".network")}
        beside |= {"CurvedTrainer": "._curved", **dict.fromkeys(names, ".")}
        words = fill("numpy/words.py.jinja", kind="curved")
        imports, body = merged(("curved",))
        known = dict.fromkeys((*_RUNTIME, *_CURVED), "._runtime")
        known |= {name: module for module, name in imports if name}
        return {
            **self.files,
            "trainer.py": file_of(self._words("trainer"), found._trainer("beside"), beside),
            "_curved.py": _put_together(words, {*imports, *imports_of(body, known)}, body),
        }

    # One file.

    @cached_property
    def source(self) -> str:
        """The single file with the runtime, the equations and the trainer."""
        found, running = merged(_PARTS)
        imports = set(found)
        bodies = (self.equations, self._steps(self.equations), self._trainer())
        known = {*_RUNTIME, *self._names(), "FAST_STEPS"}
        for body in bodies:
            imports |= imports_of(body, dict.fromkeys(known, ""))
        sections = (running, f"{START}\n", bodies[0], f"{END}\n", *bodies[1:], _MAIN)
        return _put_together(self._words("single"), imports, "\n\n".join(s for s in sections if s))

    @cached_property
    def linked(self) -> str:
        """The file that is checked: the equations, the steps and the trainer, with the runtime imported."""
        body = "\n\n".join(b for b in (self.equations, self._steps(self.equations), self._trainer()) if b)
        return file_of("", body, {name: f"{runtime.__name__}.{module}" for name, module in _RUNTIME.items()})

    @cached_property
    def core(self) -> str:
        """The file of the form ``core``: the equations and ``update``, without argument checks and trainer."""
        return file_of(self._words("core"), _TYPES + "\n" + self._equations(door=False), {})

    @cached_property
    def layer(self) -> str:
        """The file of a layer alone: its forward pass, and its backward pass from given derivatives."""
        whole = {**self.context, "forward_words": self._forward_words()}
        return file_of(self._words("layer"), fill("numpy/layer.py.jinja", **whole).strip("\n") + "\n", {})

    def predict(self, parameters: Mapping[str, Any] | None = None) -> str:
        """Return the file of the form ``predict``: the forward pass, with given parameters or a function to load them.

        Raises StatementError if the samples of a batch are coupled.
        """
        if self.context["no_prediction"]:
            raise StatementError(
                "form predict needs independent samples, but the samples of a batch are coupled: use form core"
            )
        averages = [t.name for t in self.context["data"].program.averages.values()]
        if lacking := [name for name in averages if parameters and name not in parameters]:
            raise StatementError(f"form predict needs {lacking[0]} among the parameters: take it from trainer.state")
        arrays = ", ".join(f"{quoted(name)}: np.array({value.tolist()})" for name, value in (parameters or {}).items())
        helpers = self._called(self.context["predicting"])
        read = words([*self.context["predicting"], *(line for helper in helpers for line in helper.get("lines", ()))])
        constants = [(name, value) for name, value in self.context["constants"] if name in read]
        text = fill(
            "numpy/predict.py.jinja",
            numbers=fold(f"parameters = {{{arrays}}}") if arrays else [],
            **{**self.context, "helpers": helpers, "constants": constants},
        )
        return file_of(self._words("predict"), text, {})

    def _called(self, lines: Iterable[str]) -> list[Mapping[str, Any]]:
        """The functions that lines of code call, directly or indirectly."""
        helpers = {helper["call"] or helper["name"]: helper for helper in self.context["helpers"]}
        called: set[str] = set()
        left = [lines]
        while left:
            new = words(left.pop()).intersection(helpers) - called
            called |= new
            left += [helpers[name].get("lines", ()) for name in new]
        return [helper for name, helper in helpers.items() if name in called]


def forward_words(shapes: str, more: str) -> list[str]:
    """Return the docstring of ``forward``, with what ``more`` it does; long shapes have a paragraph of their own."""
    line = f'"""Return {shapes}; {more}."""'
    if len(line) <= WIDTH - 4:
        return [line]
    return [f'"""Return the output; {more}.', "", *textwrap.wrap(f"That is {shapes}.", WIDTH - 4), '"""']


def file_of(words: str, body: str, places: Mapping[str, str]) -> str:
    """A file with a docstring, the imports that its body needs, and the body."""
    return _put_together(words, imports_of(body, places), body)


def _put_together(words: str, imports: Collection[Import], body: str) -> str:
    start = f'{_UNFORMATTED}"""{_wrapped(words)}\n"""\n\n' if words else ""
    apart = "\n" if body.startswith(("def ", "class ", "@")) else ""
    return f"{start}from __future__ import annotations\n\n{import_lines(imports)}\n{apart}{body}"


def _wrapped(words: str) -> str:
    """Wrap the paragraphs of a docstring, except indented ones and lists."""
    paragraphs = words.strip().split("\n\n")
    return "\n\n".join(p if p.startswith((" ", "* ")) else textwrap.fill(p, WIDTH - 3, **_WHOLE) for p in paragraphs)


@cache
def _runtime_file() -> str:
    """The file of the runtime, the same in every package."""
    return _put_together(fill("numpy/words.py.jinja", kind="runtime"), *merged(_PARTS))


def rendered(
    program: ArrayProgram,
    notation: Notation,
    promises: tuple[Promise, ...],
    name: str,
    description: str,
    network: Network | None = None,
    targets: str = "real",
    initialisation: str = "glorot_uniform",
    second: bool = True,
    function: str = "backward",
    measure: tuple[str, tuple[float, ...]] = ("", ()),
) -> Rendered:
    """Render a program as Python code with NumPy.

    ``name`` is the name of the package, and ``description`` describes the network; ``network`` is
    None if the equations were stated by hand. Without ``second``, there is no second rendering of the
    steps. ``function`` is the name of the backward pass of a layer alone, or of what is derived in its form.
    ``measure`` is that of the loss, the name of the score that fits it and its options, if it is of the catalogue.
    Raises SecondRenderingError if that cannot be made.
    """
    start = INITIALISATIONS[initialisation]
    context = equations_context(program, notation, promises, targets, start, second, function)
    made_of = repr([context[part] for part in ("forward", "error", "gradients", "updates")])
    told = {"digest": f'"{digest(network, made_of)}"', **context["network"], **score_fact(measure)}
    whole = {**context, **facts(program, network, context, measure[0]), "facts": arguments(told)}
    functions = {h["name"]: h["function"] for h in context["helpers"] if "function" in h}
    return Rendered(name, description, whole, functions)
