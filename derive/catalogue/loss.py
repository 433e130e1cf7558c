"""What a loss is: the term of one output, or the formula of a sample, its normalisation and its targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from sympy import Expr, Symbol

from derive.calculus.functions import check_formula, elementwise
from derive.calculus.index import SAMPLES, Axis, Equation, Index, IndexSupply, Tensor, total
from derive.calculus.promises import Promise, SumsToOne
from derive.calculus.properties import Values
from derive.catalogue.activations import ACTIVATIONS
from derive.record import record
from derive.text.entry_text import Option
from derive.text.errors import SpecError
from derive.text.user_text import shown

#: The admissible targets of a loss, with their description.
TARGETS = {
    "real": "any numbers",
    "unit": "from 0 to 1",
    "classes": "at least 0, and sum to 1 over the outputs of a sample",
    "signs": "-1 or 1",
    "counts": "at least 0",
    "positive": "greater than 0",
}


@record
class Sample:
    """The targets ``y`` and the outputs ``y_hat`` of one sample, for the formula of a loss that mixes them.

    ``several`` are the values of the option that has several.
    """

    targets: Tensor
    outputs: Tensor
    sample: Index
    supply: IndexSupply
    several: tuple[Expr, ...] = ()

    def y(self, place: Expr) -> Expr:
        """The target at a place from 1."""
        return self.targets[(place, self.sample)]

    def y_hat(self, place: Expr) -> Expr:
        """The output at a place from 1."""
        return self.outputs[(place, self.sample)]

    @property
    def count(self) -> Expr:
        """The number of targets."""
        return self.targets.axes[0].extent

    def index(self, extent: Expr | None = None) -> Index:
        """A fresh index over the targets, or over a number of places."""
        return self.supply.fresh(self.targets.axes[0] if extent is None else Axis(extent))

    def sum(self, term: Callable[[Expr], Expr]) -> Expr:
        """The sum of a term over the targets."""
        index = self.index()
        return total(term(index), index)


@record
class Loss:
    """``E = scale(m, K) * sum over samples and outputs of term(y, y_hat)``.

    ``phrase`` names the loss within a sentence. ``needs`` is the required property of the predictions (None: any
    numbers), and ``usual`` the activation with that property, if it is not the first of the catalogue. ``targets``
    is a key of ``TARGETS``; the derivation may use that targets of classes sum to 1. ``function`` is an elementwise
    function of ``X``, written as a letter and passed to ``term`` or ``formula`` as the last argument;
    each of ``options`` is a symbol in it or in the term, and ``text`` is the name with the chosen values.

    A loss that mixes the outputs of a sample has no ``term`` but a ``formula`` of a ``Sample``; K is the number of
    its targets. The outputs are ``per_target`` times the targets and ``beyond`` more; for an option with several
    values there is an output of each target for each value.

    ``synonyms`` are names of the same loss, with the same scale, elsewhere. ``of_one_output`` are names of
    losses that average over the outputs instead of summing, which is the same for a single output.
    ``without_options`` maps names whose options have another meaning, and which are the same only without
    options, to that meaning. ``why`` is a sentence on the choice of the loss. ``score`` names the measure of
    predictions that fits it, where that is neither R^2 nor the accuracy of the largest output, with its option.
    """

    name: str
    phrase: str
    summary: str
    term: Callable[..., Expr] | None
    scale: Callable[[Expr, Expr], Expr]
    needs: Values | None = None
    usual: str = ""
    targets: str = "real"
    function: Expr | None = None
    formula: Callable[..., Expr] | None = None
    per_target: int = 1
    beyond: int = 0
    options: tuple[Option, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    synonyms: tuple[str, ...] = ()
    of_one_output: tuple[str, ...] = ()
    without_options: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    why: str = ""
    score: tuple[str, Expr | None] = ("", None)

    @property
    def with_article(self) -> str:
        """The phrase with the article that it takes."""
        return self.phrase if self.phrase.startswith("half") else f"the {self.phrase}"

    def __post_init__(self) -> None:
        if self.function is not None:
            check_formula(self.function, f"the loss {self.name}")

    def equation(self, error: Tensor, y: Tensor, y_hat: Tensor, supply: IndexSupply) -> Equation:
        """State the error in index form; ``y`` and ``y_hat`` are (targets, samples) and (outputs, samples)."""
        indices = supply.several(y.axes)
        named = () if self.function is None else (self._named(self.function),)
        if self.formula is None:
            assert self.term is not None
            value, summed = self.term(y[indices], y_hat[indices], *named), indices
        else:
            several = next((v for v in self.values.values() if isinstance(v, tuple)), ())
            value, summed = self.formula(Sample(y, y_hat, indices[1], supply, several), *named), indices[1:]
        numbers = {Symbol(o): v for o, v in self.values.items() if not isinstance(v, tuple)}
        scale = self.scale(SAMPLES, y.axes[0].extent)
        return Equation(error, (), scale * total(value.xreplace(numbers), *summed), "error")

    def _named(self, function: Expr) -> Callable[[Expr], Expr]:
        made: Callable[[Expr], Expr] = elementwise(
            f"{self.name}_term", function, role="loss", label=self.text or self.name
        )
        return made

    @property
    def activations(self) -> tuple[str, ...]:
        """The output activations that the loss requires, the usual one first; empty if it accepts any."""
        fitting = [a.name for a in ACTIVATIONS.values() if self.needs and a.values is self.needs]
        return tuple(sorted(fitting, key=lambda name: name != self.usual))

    @property
    def is_plain(self) -> bool:
        """Whether there is one output for each target."""
        return (self.per_target, self.beyond) == (1, 0)

    def targets_for(self, outputs: int | str) -> int | str:
        """The number of targets for a number of outputs.

        Raises SpecError if there is none, or if it is a name and the numbers differ.

        >>> from derive.catalogue.losses import loss
        >>> loss("gaussian_nll").targets_for(6), loss("ordinal").targets_for(3), loss("mse").targets_for("k")
        (3, 4, 'k')
        """
        if self.is_plain:
            return outputs
        said = f"loss {self.text or self.name} needs {self.outputs_said}"
        if isinstance(outputs, str):
            raise SpecError(f"{said}, so the number of outputs must be a number, not {shown(outputs)}")
        found, rest = divmod(outputs - self.beyond, self.per_target)
        if rest or found < 1:
            more = self.per_target * max(found + 1, 1)
            raise SpecError(f"{said}, but there {'is' if outputs == 1 else 'are'} {outputs}: use {more} outputs")
        return found

    @property
    def measure(self) -> tuple[str, tuple[float, ...]]:
        """The measure of predictions that fits the loss, and its option in numbers.

        >>> from derive.catalogue.losses import loss
        >>> loss("quantile(tau=[0.1, 0.9])").measure, loss("tweedie").measure, loss("mse").measure
        (('pinball', (0.1, 0.9)), ('deviance', (1.5,)), ('', ()))
        """
        name, option = self.score
        found = () if option is None else self.values.get(str(option), option)
        return name, tuple(map(float, found if isinstance(found, tuple) else (found,)))

    @property
    def outputs_said(self) -> str:
        """How many outputs there are, in words."""
        if self.beyond:
            return "one output fewer than classes"
        return f"{self.per_target} outputs for each target"

    def promises(self, y: Tensor) -> tuple[Promise, ...]:
        """The assumptions about the targets that the derivation may use."""
        return (SumsToOne(y),) if self.targets == "classes" else ()
