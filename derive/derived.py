"""The value of a derivation, and its stages in order.

Network          the specification                  statement/network.py, or Statement, statement/statement.py
ForwardPass      one equation per tensor            statement/layered.py, calculus/forward.py
Chains           local derivatives and their paths  calculus/chain_rule.py, calculus/deltas.py
SharedFactors    common factors of the chains       calculus/shared_factors.py
Program          every equation, numbered           calculus/program.py, arrays/lift.py

Documents and targets are made from this value; ``api.Derivation`` has the methods that render it.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Self

from sympy import Integer

from derive.arrays.lift import ArrayProgram, lift_program
from derive.calculus.again import PRODUCTS, Restated, restated
from derive.calculus.chain_rule import Chains, chains
from derive.calculus.curvature import COPY, GAUSS_NEWTON, JACOBIAN, Cut, cut, tangents, turned
from derive.calculus.diagonal import DIAGONAL, diagonal
from derive.calculus.forward import ForwardPass
from derive.calculus.parts import with_parts
from derive.calculus.per_sample import PER_SAMPLE, per_sample
from derive.calculus.program import assemble
from derive.calculus.recurrence import recurrences
from derive.calculus.sample import one_sample
from derive.calculus.shared_factors import SharedFactor, named_factors, shared_factors
from derive.calculus.truncation import reads_across, truncated
from derive.learning.descent import Descent
from derive.paper.notation import NOTATIONS, Notation
from derive.paper.page import Page
from derive.paper.page_of import page_for
from derive.statement.describe import described
from derive.statement.network import Network
from derive.statement.specification import Learning, Specification
from derive.text.errors import LinearError, StatementError
from derive.text.user_text import listed


@dataclass(frozen=True, repr=False)
class Derived:
    """The results of all stages of a derivation.

    ``specification`` is a ``Network``, or how to learn what a statement or a forward pass states. For a derivation of
    second or third order, ``first`` is the derivation whose equations were derived again, ``product`` what they give,
    and ``at`` has the names of tensors at which the author has cut them.
    """

    specification: Specification
    notation: Notation
    forward: ForwardPass
    chains: Chains
    factors: tuple[SharedFactor, ...]
    program: ArrayProgram
    first: Self | None = None
    product: str = ""
    at: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = self.network or self.specification.name
        return f"<Derivation of {shown}: {len(self.factors)} shared factors, {len(self.program.statements)} equations>"

    @property
    def network(self) -> Network | None:
        """The specification of a standard network, None for any other and if the equations were stated."""
        network = self.specification
        return None if not isinstance(network, Network) or not network.is_standard else network

    @cached_property
    def digest(self) -> str:
        """A short hash of what was derived, the same for equal specifications and equations."""
        return self.stated.digest_with("" if self.origin.network else self.stated_equations())

    def equations(self) -> str:
        """Return the forward equations as a text, from which ``Statement`` reads the same forward pass."""
        from derive.statement.language.write import equations_text

        return equations_text(self.forward, self.specification)

    @property
    def origin(self) -> Self:
        """The derivation of the gradients, of which this is the second or the third order, or itself."""
        return self if self.first is None else self.first.origin

    def that_derived(self, error: str) -> Derived | None:
        """The derivation of the gradients of the error of this name, of which this is one of a higher order."""
        if self.forward.error.target.name == error:
            return self
        return None if self.first is None else self.first.that_derived(error)

    @property
    def stated(self) -> Specification:
        """What the author has specified, with the order."""
        return self.specification if self.first is None else self.origin.specification.of_order(self.forward.order)

    def stated_equations(self) -> str:
        """What the author has stated, as a text of equations."""
        from derive.statement.language.write import equations_text

        return equations_text(self.origin.forward, self.stated)

    @cached_property
    def single(self) -> ArrayProgram:
        """The program for one sample, as shown in all documents."""
        return lift_program(one_sample(self.program))

    @cached_property
    def page(self) -> Page:
        """The page that typesets the program."""
        return page_for(self.program, self.notation)

    @property
    def description(self) -> str:
        """The network in one sentence."""
        if self.first is not None:
            return self.origin.description
        if self.forward.upstream:
            return "A layer defined by its forward equations."
        said = self.specification
        if said.truncate is not None and not any(map(reads_across, recurrences(self.forward.equations))):
            said = said.with_values(truncate=None)  # windows as long as the sequence
        return described(said)

    @property
    def descent(self) -> Descent:
        """The gradient descent method."""
        return self.specification.descent

    @property
    def targets(self) -> str:
        """The kind of targets, one of ``loss.TARGETS``."""
        return self.specification.targets_of(self.forward)

    @property
    def parameter_count(self) -> int:
        """Number of learned parameters; symbolic widths count as 10."""
        sizes = {symbol: Integer(10) for symbol in self.program.extents}
        counted = (prod(axis.extent.xreplace(sizes) for axis in p.axes) for p in self.program.parameters)
        return int(sum(counted))

    @classmethod
    def of_network(cls, network: Network) -> Self:
        """Derive the backward equations of a network."""
        if network.order > 1:
            return cls.of_network(network.of_order(network.order - 1)).again()
        stated = network.forward_pass().refreshed()
        return cls._of(network, replace(stated, letters={}))  # no author has chosen letters for its indices

    @classmethod
    def of_pass(cls, forward: ForwardPass, learning: Specification) -> Self:
        """Derive the backward equations of a forward pass.

        Raises StatementError, naming the tensor, for an equation that cannot be derived.
        """
        if learning.order > 1:
            return cls.of_pass(forward, learning.of_order(learning.order - 1)).again()
        return cls._of(learning, forward.refreshed())

    def again(self) -> Self:
        """Derive the equations once more: the gradient of the derivative of the error along given directions.

        With directions v, one for each parameter, it is the Hessian of the error times v. Raises StatementError for a
        layer alone, which has no error, and for an error whose gradients do not depend on the parameters.
        """
        return self._then(restated(self.program, self.forward).along(), PRODUCTS[self.forward.order - 1])

    def gauss_newton(self, at: Collection[str] = ()) -> Self:
        """Derive Jᵀ H J v, the product of the Gauss-Newton matrix and a vector, from J v.

        J has the derivatives of the predictions, or of the tensors with the names ``at``, H the second derivatives of
        the error with respect to them. Raises StatementError for a name that is none of such a tensor, and if the
        matrix is 0 because the error is linear in them.
        """
        parts, found, _ = self._of_outputs(at)
        known = {e.target.name for e in parts.before}
        after = (e for e in found.equations if e.target.name not in known and e.note != COPY)
        whole = replace(found, equations=(*parts.before, *after), forward=self.forward)
        return self._then(whole.along(), GAUSS_NEWTON, at)

    def gauss_newton_diagonal(self, at: Collection[str] = ()) -> Self:
        """Derive the diagonal of that matrix, by the equations of a forward pass.

        Its backward pass is the trace of the part of each sample. Raises StatementError also if samples are coupled.
        """
        parts, found, curved = self._of_outputs(at)
        backward = type(self).of_pass(turned(parts, self.chains), self._plain)
        return self._then(diagonal(parts, backward.program, found, curved), DIAGONAL, at)

    def _of_outputs(self, at: Collection[str]) -> tuple[Cut, Restated, Chains]:
        """The cut at the outputs, the derivatives of the error with respect to them, and their local derivatives."""
        parts = cut(self.forward, self.chains, at)
        derived = type(self).of_pass(parts.of_outputs, self._plain)
        found = restated(derived.program, derived.forward, inputs=True)
        try:
            curved = chains(replace(found.along(), sought=derived.forward.sought).refreshed())
        except LinearError as problem:
            error, outputs = self.forward.error.target.name, listed(t.name for t in parts.outputs)
            raise LinearError(
                f"the Gauss-Newton matrix is 0: {error} has no second derivatives with respect to {outputs} other than "
                "0; cut the equations before, with at=[...]"
            ) from problem
        return parts, found, curved

    def jacobian(self, at: Collection[str] = ()) -> Self:
        """Derive J v by equations of a forward pass, and Jᵀ u by its backward pass, with J as in ``gauss_newton``."""
        outputs = cut(self.forward, self.chains, at).outputs
        return self._then(tangents(self.forward, self.chains, outputs), JACOBIAN, at)

    def per_sample(self) -> Self:
        """Derive the gradients of single samples and their norms, by the equations of a forward pass.

        Its backward pass is their inner products with given directions. Raises StatementError if samples are coupled.
        """
        return self._then(per_sample(self.program, self.forward), PER_SAMPLE)

    def of(self, origin: Self) -> Self:
        """What this is of its derivation of the gradients, of another one: the same in a network of other widths.

        It has tensors of the same names.
        """
        if self.first is None:
            return origin
        first = self.first.of(origin)
        cuts = {GAUSS_NEWTON: first.gauss_newton, DIAGONAL: first.gauss_newton_diagonal, JACOBIAN: first.jacobian}
        if self.product in cuts:
            return cuts[self.product](self.at)
        return first.per_sample() if self.product == PER_SAMPLE else first.again()

    def beside(self) -> tuple[Self, ...]:
        """What is derived beside the product of the Hessian and a vector, as far as there is such a thing."""
        found = [self.jacobian()]
        for derived in (self.gauss_newton, self.gauss_newton_diagonal, self.per_sample):
            with suppress(StatementError):  # the error is linear in the outputs, or samples are coupled
                found.append(derived())
        return tuple(found)

    def _then(self, forward: ForwardPass, product: str, at: Collection[str] = ()) -> Self:
        """Derive a forward pass that was made of this derivation."""
        return replace(type(self).of_pass(forward, self._plain), first=self, product=product, at=tuple(at))

    @property
    def _plain(self) -> Learning:
        """The specification without a step."""
        given = self.specification
        return Learning(given.name, given.notation, initialisation=given.initialisation)

    @classmethod
    def _of(cls, specification: Specification, stated: ForwardPass) -> Self:
        """Run all stages."""
        stated = with_parts(truncated(stated, specification.truncate) if specification.truncate else stated)
        all_chains = chains(stated)
        notation, shared = NOTATIONS[specification.notation].of_order(stated.order), shared_factors(all_chains)
        program = lift_program(assemble(all_chains, shared, specification.descent, notation.scale))
        factors = named_factors(all_chains, {p.tensor.name for p in program.passages if p.name})
        return cls(specification, notation, stated, all_chains, factors, program)
