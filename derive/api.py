"""The stages in order, on one screen.

Network          what the user asked for
ForwardPass      one equation per tensor            forward.py, layers.py, losses.py
Chains           local derivatives and their paths  chain_rule.py, deltas.py
SharedFactors    what the chains have in common     shared_factors.py
Program          every equation, numbered           program.py, lift.py
Derivation       rendered: LaTeX, NumPy, terminal   document.py, numpy_module.py
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from sympy import Integer, Symbol

from derive.arrays.lift import LiftError, lift, lift_program
from derive.arrays.matrix import ShapeError
from derive.arrays.sample import one_sample
from derive.calculus.chain_rule import Chains, chains
from derive.calculus.forward import SAMPLE_AXIS, ForwardPass
from derive.calculus.index import Axis, Equation, IndexSupply, Tensor, as_named, lettered
from derive.calculus.program import Program, assemble
from derive.calculus.shared_factors import SharedFactor, shared_factors
from derive.calculus.well_formed import exact
from derive.catalogue.activations import activation, titles
from derive.catalogue.layers import BIASES
from derive.catalogue.losses import loss
from derive.learning.descent import Descent
from derive.learning.weight_decay import L2, PENALTY, penalty
from derive.paper.notation import NOTATIONS, Notation
from derive.statement.describe import described
from derive.statement.edition import Edition
from derive.statement.network import Network, exactly
from derive.text.errors import SecondRenderingError, SpecError, StatementError

if TYPE_CHECKING:
    from derive.document.blocks import Document
    from derive.files.seals import Content
    from derive.formats.writers import Manuscript
    from derive.targets.numpy.module import Rendered
    from derive.targets.verify import GradientReport

#: Up to how many parameters the tests beside a module go through every entry.
SMALL = 500

#: Where the numbers of a worked example come from: a seed, a TOML file, or nowhere.
NumbersFrom = str | int | Path | None


def derive(network: Network | ForwardPass, notation: str | None = None) -> Derivation:
    """Derive the backward equations of a network, or of any forward pass.

    ``notation`` is by default the one that the network names, or psi for a forward pass.
    Raises TypeError for anything else, SpecError for an unknown notation, and ValueError for
    a forward pass that is not one: an equation that reads what was not stated before, a
    parameter on which the error does not depend, a term that has no matrix form.
    """
    if isinstance(network, Network):
        if notation is not None:
            network = Network(**{**network.values(), "notation": notation})
        return _derived(network, state(network), NOTATIONS[network.notation])
    if not isinstance(network, ForwardPass):
        raise TypeError(f"derive takes a Network or a ForwardPass, not {type(network).__name__}")
    if notation is not None and notation not in NOTATIONS:
        raise SpecError(f"notation is {notation!r}, which is unknown; known are {', '.join(NOTATIONS)}")
    stated = network.refreshed()
    for equation in network.equations:
        try:
            lift(lettered(as_named(exact(equation, network))), network.tensors)
        except (LiftError, ShapeError) as problem:
            raise StatementError(f"the equation of {equation.target.name} has no array form: {problem}") from None
    try:
        return _derived(None, stated, NOTATIONS[notation or "psi"])
    except (LiftError, ShapeError) as problem:
        raise StatementError(f"{problem}; state a part of what it comes from as a tensor of its own") from None


def _derived(network: Network | None, stated: ForwardPass, style: Notation) -> Derivation:
    """Run the stages."""
    all_chains = chains(stated)
    factors = shared_factors(all_chains)
    descent = Descent() if network is None else network.descent
    program = lift_program(assemble(all_chains, factors, descent, style.scale))
    return Derivation(network, style, stated, all_chains, factors, program)


def state(network: Network) -> ForwardPass:
    """Write down the forward equations of a network: the only step that states anything."""
    supply = IndexSupply()
    axes = [Axis(_extent(width)) for width in network.layers]
    x = Tensor("X", "input", (axes[0], SAMPLE_AXIS), 0)
    y = Tensor("Y", "target", (axes[-1], SAMPLE_AXIS))
    equations: list[Equation] = []
    parameters: list[Tensor] = []
    a, last = x, len(axes) - 1
    called = titles(network.activation)
    for layer, (axis, text) in enumerate(zip(axes[1:], network.activation, strict=True), start=1):
        dense = BIASES[network.bias].build(layer, axis, a, supply)
        a = Tensor(f"a{layer}", "prediction" if layer == last else "activation", dense.z.axes, layer)
        equations += [*dense.equations, activation(text).equation(a, dense.z, supply, called[text])]
        parameters += dense.parameters
    chosen = loss(network.loss)
    error, constants = chosen.equation(Tensor("E", "error"), y, a, supply), {}
    if network.l2:
        equations.insert(0, penalty(parameters, supply))
        error = replace(error, expression=error.expression + PENALTY[()])
        constants = {L2.name: exactly(network.l2)}
    equations.append(error)
    return ForwardPass(tuple(equations), (x, y), tuple(parameters), supply, chosen.promises(y), constants)


def _extent(width: int | str) -> Integer | Symbol:
    return Integer(width) if isinstance(width, int) else Symbol(width, integer=True, positive=True)


@dataclass(frozen=True, repr=False)
class Derivation:
    """Every stage of a derivation, and what it is rendered to.

    ``network`` is None if a forward pass was given instead of a specification.
    """

    network: Network | None
    notation: Notation
    forward: ForwardPass
    chains: Chains
    factors: tuple[SharedFactor, ...]
    program: Program

    def __repr__(self) -> str:
        shown = "ForwardPass" if self.network is None else repr(self.network)
        return f"<Derivation of {shown}: {len(self.factors)} shared factors, {len(self.program.statements)} equations>"

    @cached_property
    def single(self) -> Program:
        """The program for one sample, which all documents show."""
        return one_sample(self.program)

    @property
    def description(self) -> str:
        """The network in one sentence."""
        if self.network is None:
            return "A network stated by its forward equations."
        return described(self.network)

    def latex(
        self,
        standalone: bool = False,
        detail: str = "full",
        only: str | Iterable[str] = (),
        label_prefix: str = "",
        numbers: NumbersFrom = None,
    ) -> str:
        r"""Return the derivation in LaTeX: a fragment for ``\input``, or a whole document.

        The other arguments are those of an ``Edition``.
        """
        edition = Edition("tex", detail, only, label_prefix=label_prefix, numbers=numbers)
        return self._text(edition, "document.tex" if standalone else "derivation.tex")

    def markdown(
        self,
        flavour: str = "myst",
        front_matter: bool = False,
        detail: str = "full",
        only: str | Iterable[str] = (),
        numbers: NumbersFrom = None,
    ) -> str:
        """Return the derivation in Markdown, on one page; the arguments are those of an ``Edition``."""
        from derive.formats.markdown import markdown

        edition = Edition("md", detail, only, flavour, front_matter, numbers=numbers)
        return markdown(self._manuscript(edition).document, edition.flavour, edition.front_matter)

    def html(self, detail: str = "full", only: str | Iterable[str] = (), numbers: NumbersFrom = None) -> str:
        """Return the derivation as one HTML page; the arguments are those of an ``Edition``."""
        return self._text(Edition("html", detail, only, numbers=numbers), "derivation.html")

    def notebook(self, detail: str = "full", only: str | Iterable[str] = (), numbers: NumbersFrom = None) -> str:
        """Return the derivation as a notebook, in JSON; the arguments are those of an ``Edition``."""
        return self._text(Edition("ipynb", detail, only, numbers=numbers), "derivation.ipynb")

    def svg(self, weight: str | None = None) -> str:
        """Return the drawing of the network, with every path from one weight, such as ``W2[3,1]``, in light.

        Raises SpecError if the network has no such weight.
        """
        from derive.drawing import draw, read_highlight
        from derive.drawing.svg import svg

        return svg(draw(self, None if weight is None else read_highlight(weight, self.forward)))

    def explain(self, weight: str, numbers: NumbersFrom = None, detail: str = "full") -> str:
        """Return the story of one weight, such as ``W2[3,1]``, as text for a terminal.

        Raises SpecError if the network has no such weight, and as an ``Edition`` does.
        """
        from derive.document.story import story
        from derive.formats.terminal import terminal

        return terminal(story(self, weight, Edition(detail=detail, numbers=numbers)).document)

    def document(self, detail: str = "full", only: str | Iterable[str] = (), numbers: NumbersFrom = None) -> Document:
        """Return the derivation as a document of blocks, in no format yet."""
        return self._manuscript(Edition(detail=detail, only=only, numbers=numbers)).document

    def _manuscript(self, edition: Edition) -> Manuscript:
        from derive.formats.writers import manuscript, numbers_of

        return manuscript(self, edition, numbers_of(edition))

    def _text(self, edition: Edition, name: str) -> str:
        from derive.formats.writers import written

        text = written(self._manuscript(edition))[name]
        assert isinstance(text, str)
        return text

    @property
    def targets(self) -> str:
        """What the targets may be, one of ``losses.TARGETS``."""
        if self.network is None:
            return "classes" if self.forward.promises else "real"
        return loss(self.network.loss).targets

    @cached_property
    def rendered(self) -> Rendered:
        """The NumPy module as it is made, not checked yet.

        Raises SecondRenderingError if the second rendering of its steps cannot be made.
        """
        return self._rendered()

    def _rendered(self, second: bool = True) -> Rendered:
        from derive.targets.numpy.module import module_source

        name = "network" if self.network is None else str(self.network.name)
        promises = self.forward.promises
        start = "glorot_uniform" if self.network is None else self.network.initialisation
        how = (self.description, self.network, self.targets, start, second)
        return module_source(self.program, self.notation, promises, name, *how)

    @cached_property
    def _readable(self) -> Rendered:
        try:
            return self.rendered
        except SecondRenderingError:
            return self._rendered(second=False)

    @property
    def listed(self) -> str:
        """The module as a document lists and runs it: it needs no second rendering of the steps."""
        return self._readable.source

    def numpy(self) -> str:
        """Return the source of the NumPy module, once it has been checked as ``check`` says.

        Raises StatementError if an equation has no value at the numbers of the check, or the error overflows there.
        Raises ModuleError, naming the equation, if the module does not run or its check
        fails, which is a fault of this program.
        """
        self.check().require()
        return self.rendered.source

    def estimator(self) -> str:
        """Return the source of an estimator for scikit-learn, to stand beside the NumPy module.

        Raises ValueError if a forward pass was given instead of a Network.
        """
        from derive.targets.numpy.estimator import estimator_source

        if self.network is None:
            raise ValueError("only the derivation of a Network has an estimator")
        return estimator_source(self.network)

    def _repr_markdown_(self) -> str:
        from derive.document.document import markdown_summary

        return markdown_summary(self)

    def summary(self) -> list[str]:
        """Return the lines that the command prints: the network, and each shared factor."""
        from derive.document.document import text_summary

        return text_summary(self)

    def files(self, edition: Edition | None = None) -> dict[str, str | bytes]:
        """Return what is written, by file name; a PDF is set, as bytes.

        Raises OutputError if a PDF is wanted and there is no TeX engine.
        """
        from derive.files.seals import Compiled

        made = self.contents(edition)
        return {name: c.make() if isinstance(c, Compiled) else c for name, c in made.items()}

    def contents(self, edition: Edition | None = None) -> dict[str, Content]:
        """Return what is written, by file name; what is compiled is not compiled yet."""
        from derive.files.seals import seal_all
        from derive.formats.writers import manuscript, numbers_file, numbers_of, written

        if self.network is None:
            raise ValueError("only the derivation of a Network can be written to files")
        edition = edition or Edition()
        numbers = numbers_of(edition)
        made: dict[str, Content] = {
            **written(manuscript(self, edition, numbers)),
            **self._package(),
            "network.toml": self.network.to_toml() + edition.to_toml(),
            **(numbers_file(numbers) if numbers and edition.reads_file else {}),
            **({"estimator.py": self.estimator()} if edition.estimator else {}),
        }
        return seal_all(made, self.network.digest)

    def _package(self) -> dict[str, Content]:
        """The module, its tests, and what makes a package of them."""
        from derive.targets.numpy.module import package_source, tests_source
        from derive.targets.verify import ENTRYWISE

        count, module = self.parameter_count, self.numpy()
        entries = None if count <= SMALL else 20 if count <= ENTRYWISE else 0
        return {
            "trainer.py": module,
            "test_trainer.py": tests_source(entries),
            "__init__.py": package_source(module),
        }

    def check(self) -> GradientReport:
        """Check the generated module on random examples: its gradients, and every tensor that it computes.

        The gradients are compared with what is measured, the tensors with an interpreter of the equations. A module
        too large for that is checked as the same network with small layers; the report says so.
        Raises ModuleError if the module does not run, or cannot be made.
        """
        _ = self.rendered  # which raises where it cannot be made
        return self.report

    @cached_property
    def report(self) -> GradientReport:
        """What ``check`` returns, also where the second rendering of the steps cannot be made."""
        from derive.targets.verify import LARGEST, check_rendered

        if self.network is not None and self.parameter_count > LARGEST:
            small = Network(**{**self.network.values(), "layers": small_layers(self.network.layers)})
            return replace(derive(small).report, layers=small.layers)
        return check_rendered(self._readable, self.program, self.notation)

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned; widths that have names count as 10."""
        sizes = {symbol: Integer(10) for symbol in self.program.extents}
        counted = (prod(axis.extent.xreplace(sizes) for axis in p.axes) for p in self.program.parameters)
        return int(sum(counted))

    def write(self, path: str | Path = "generated", force: bool = False, edition: Edition | None = None) -> Path:
        """Write the files to the folder ``path``/NAME and return that folder.

        Raises OutputError if the folder cannot be written, or holds a file that
        was edited since it was generated (unless ``force``), or if a PDF is wanted and
        cannot be set.
        """
        from derive.files.write import write_files

        if self.network is None:
            raise ValueError("only the derivation of a Network can be written to files")
        folder = Path(path) / str(self.network.name)
        write_files(folder, self.contents(edition), force)
        return folder


def small_layers(layers: tuple[int | str, ...]) -> tuple[int, ...]:
    """Widths for as many layers, small and different from their neighbours."""
    return tuple(5 - n % 3 for n in range(len(layers)))
