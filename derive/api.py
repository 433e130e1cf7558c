"""The public interface: `derive`, and `Derivation` with the methods that render, check and write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derive.calculus.again import restated
from derive.calculus.forward import ForwardPass
from derive.paper.notation import NOTATIONS
from derive.statement.edition import Edition, check_use
from derive.statement.network import Network
from derive.statement.specification import Learning
from derive.statement.statement import Statement
from derive.targets.registry import Runnable
from derive.text.errors import SpecError

if TYPE_CHECKING:
    from derive.document.blocks import Document
    from derive.document.manuscript import Manuscript
    from derive.files.seals import Content
    from derive.targets.verify import GradientReport

#: Source of the numbers of a worked example: a seed, a TOML file, or None.
NumbersFrom = str | int | Path | None


def derive(
    network: Network | Statement | ForwardPass,
    notation: str | None = None,
    order: int | None = None,
    truncate: int | None = None,
) -> Derivation:
    """Derive the backward equations of a network, of a statement, or of a forward pass.

    ``notation`` defaults to its own, or psi for a forward pass, and ``order`` to its own, or 1. With ``order=2``, the
    equations are derived once more: E_v = Σ v ⊙ ∂E/∂W, with given directions v, has the gradient H v, the product of
    the Hessian of the error and v. With ``order=3``, so is the result. With ``truncate=20``, the derivatives of
    recurrences go back through time in windows of 20 steps, and not from one into the one before.
    Raises TypeError for any other argument, SpecError for an unknown notation or order, and ValueError
    for an invalid forward pass: an equation that reads an undefined tensor, a parameter on
    which the error does not depend, a term without a matrix form.
    """
    if notation is not None and notation not in NOTATIONS:
        raise SpecError(f"notation is {notation!r}, which is unknown; known are {', '.join(NOTATIONS)}")
    given: dict[str, Any] = {"notation": notation, "order": order, "truncate": truncate}
    given = {key: value for key, value in given.items() if value is not None}
    if isinstance(network, Network):
        return Derivation.of_network(replace(network, **given) if given else network)
    if isinstance(network, Statement):
        return Derivation.of_pass(network.forward_pass(), replace(network.learning, **given))
    if isinstance(network, ForwardPass):
        return Derivation.of_pass(network, Learning(**given))
    raise TypeError(f"derive takes a Network, a Statement or a ForwardPass, not {type(network).__name__}")


class Derivation(Runnable):
    """A derivation, with methods that render, check and write it."""

    def numpy(self, form: str = "single-file", parameters: Mapping[str, Any] | None = None) -> str:
        """Return the code as one file, after the same check as in ``check``.

        ``form`` is ``single-file`` (equations and trainer), ``core`` (only the equations) or ``predict`` (only the
        forward pass, with these ``parameters`` in it, or with a function that loads them).

        Raises StatementError if an equation is undefined at the numbers of the check, or the error overflows there.
        Raises ModuleError, naming the equation, if the module does not run or its check fails, which is a bug
        in derive.
        """
        return self.numpy_target.one_file(form, parameters)

    def check(self) -> GradientReport:
        """Check the generated module on random examples: its gradients, and every tensor that it computes.

        The gradients are compared with numerical ones, the tensors with an interpreter of the equations. For a large
        module, the same network with small layers is checked instead; the report says so.
        Raises ModuleError if the module cannot be generated or does not run.
        """
        return self.numpy_target.check()

    def statement(self) -> Statement:
        """Return the equations of the forward pass, the error, the shared factors and the gradients as a statement.

        It has no error yet: state one, such as ``s.error(s["E"] + s.sum(s["dE_dx"][i] ** 2, i))``, and derive it.
        Raises StatementError for a layer alone, and for derivatives of the third order.
        """
        found, given = restated(self.program, self.forward), self.specification
        statement = Statement(name=given.name, notation=given.notation, initialisation=given.initialisation)
        statement.restate(found.forward, found.equations)
        return statement

    def latex(
        self,
        standalone: bool = False,
        detail: str = "full",
        only: str | Iterable[str] = (),
        label_prefix: str = "",
        numbers: NumbersFrom = None,
        exercises: bool = False,
    ) -> str:
        r"""Return the derivation in LaTeX: a fragment for ``\input``, or a whole document.

        The other arguments are those of an ``Edition``.
        """
        from derive.formats import tex

        edition = Edition("tex", detail, only, label_prefix=label_prefix, numbers=numbers, exercises=exercises)
        made = tex.standalone if standalone else tex.fragment
        return made(self._manuscript(edition).document, edition.label_prefix)

    def markdown(
        self,
        flavour: str = "myst",
        front_matter: bool = False,
        detail: str = "full",
        only: str | Iterable[str] = (),
        numbers: NumbersFrom = None,
        exercises: bool = False,
    ) -> str:
        """Return the derivation in Markdown, on one page; the arguments are those of an ``Edition``."""
        from derive.formats.markdown import markdown

        edition = Edition("md", detail, only, flavour, front_matter, numbers=numbers, exercises=exercises)
        check_use(edition, ["flavour"])
        return markdown(self._manuscript(edition).document, edition.flavour, edition.front_matter)

    def html(
        self, detail: str = "full", only: str | Iterable[str] = (), numbers: NumbersFrom = None, exercises: bool = False
    ) -> str:
        """Return the derivation as one HTML page; the arguments are those of an ``Edition``."""
        return self._text(Edition("html", detail, only, numbers=numbers, exercises=exercises), "derivation.html")

    def notebook(
        self, detail: str = "full", only: str | Iterable[str] = (), numbers: NumbersFrom = None, exercise: bool = False
    ) -> str:
        """Return the derivation as a notebook, in JSON, with code for each equation or, as an exercise, with blanks.

        The other arguments are those of an ``Edition``.
        """
        if exercise:
            return self._text(Edition("ipynb", detail, only, "exercise", numbers=numbers), "exercise.ipynb")
        return self._text(Edition("ipynb", detail, only, numbers=numbers), "derivation.ipynb")

    def svg(self, weight: str | None = None) -> str:
        """Return the drawing of the network, with every path from one weight, such as ``W2[3,1]``, highlighted.

        Raises SpecError if the network has no such weight.
        """
        from derive.drawing import draw, read_highlight
        from derive.drawing.svg import svg

        return svg(draw(self, None if weight is None else read_highlight(weight, self.forward)))

    def explain(self, weight: str, numbers: NumbersFrom = None, detail: str = "full") -> str:
        """Return the story of one weight, such as ``W2[3,1]``, as text for a terminal.

        Raises SpecError if the network has no such weight, or for an invalid argument of an ``Edition``.
        """
        from derive.document.story import story
        from derive.formats.terminal import terminal

        return terminal(story(self, weight, Edition(detail=detail, numbers=numbers)).document)

    def document(
        self, detail: str = "full", only: str | Iterable[str] = (), numbers: NumbersFrom = None, exercises: bool = False
    ) -> Document:
        """Return the derivation as a document of blocks, independent of the format."""
        return self._manuscript(Edition(detail=detail, only=only, numbers=numbers, exercises=exercises)).document

    def _manuscript(self, edition: Edition) -> Manuscript:
        from derive.document.manuscript import manuscript, numbers_of

        return manuscript(self, edition, numbers_of(edition))

    def _text(self, edition: Edition, name: str) -> str:
        from derive.formats.writers import written

        text = written(self._manuscript(edition))[name]
        assert isinstance(text, str)
        return text

    def estimator(self) -> dict[str, str]:
        """Return the files of a scikit-learn estimator, by name; they belong in the folder of the trainer.

        Raises SpecError for anything else than a Network of dense layers with functions of the catalogue.
        """
        from derive.targets.numpy.estimator import estimator_files

        network = self.origin.network
        if network is None:
            raise SpecError(
                "estimator is for dense layers with functions of the catalogue: leave it out, and use the Trainer"
            )
        return estimator_files(network)

    def _repr_markdown_(self) -> str:
        from derive.document.document import markdown_summary

        return markdown_summary(self)

    def summary(self) -> list[str]:
        """Return the lines that the command prints: the network, and each shared factor."""
        from derive.document.document import text_summary

        return text_summary(self)

    def files(self, edition: Edition | None = None) -> dict[str, str | bytes]:
        """Return the contents of the files, by name; a PDF is typeset and returned as bytes.

        Raises OutputError if a PDF is requested and there is no TeX engine.
        """
        from derive.files.seals import Compiled

        made = self.contents(edition)
        return {name: c.make() if isinstance(c, Compiled) else c for name, c in made.items()}

    def contents(self, edition: Edition | None = None) -> dict[str, Content]:
        """Return the contents of the files, by name, before compilation.

        What they are made of is among them: a ``network.toml`` for a Network, otherwise the text ``equations.eq``.
        """
        from derive.document.manuscript import manuscript, numbers_of
        from derive.files.seals import SPEC, STATED, seal_all
        from derive.formats.writers import numbers_file, written

        edition = edition or Edition()
        numbers = numbers_of(edition)
        code = self.target(edition.target).files(edition.form)
        spec = self.stated if self.origin.network else None
        made_of = SPEC if spec else STATED
        made: dict[str, Content] = {
            **written(manuscript(self, edition, numbers)),
            **code,
            made_of: spec.to_toml() + edition.to_toml() if spec else self.stated_equations(),
            **(numbers_file(numbers) if numbers and edition.reads_file else {}),
            **(self.estimator() if edition.estimator else {}),
        }

        return seal_all(made, self.digest, next(iter(code)), made_of)

    def write(self, path: str | Path = "generated", force: bool = False, edition: Edition | None = None) -> Path:
        """Write the files to the folder ``path``/NAME and return that folder.

        Raises OutputError if the folder cannot be written, if it holds an edited
        file (unless ``force``), or if a PDF is requested and cannot be typeset.
        """
        from derive.files.write import write_files

        folder = Path(path) / self.specification.name
        write_files(folder, self.contents(edition), force)
        return folder
