"""The value of a derivation, and its stages in order.

Network          the specification                  statement/network.py, or Statement, statement/statement.py
ForwardPass      one equation per tensor            statement/layered.py, calculus/forward.py
Chains           local derivatives and their paths  calculus/chain_rule.py, calculus/deltas.py
SharedFactors    common factors of the chains       calculus/shared_factors.py
Program          every equation, numbered           calculus/program.py, arrays/lift.py

Documents and targets are made from this value; ``api.Derivation`` has the methods that render it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Self

from sympy import Integer

from derive.arrays.lift import ArrayProgram, lift_program
from derive.calculus.chain_rule import Chains, chains
from derive.calculus.forward import ForwardPass
from derive.calculus.parts import with_parts
from derive.calculus.program import assemble
from derive.calculus.sample import one_sample
from derive.calculus.shared_factors import SharedFactor, named_factors, shared_factors
from derive.learning.descent import Descent
from derive.paper.notation import NOTATIONS, Notation
from derive.paper.page import Page
from derive.paper.page_of import page_for
from derive.statement.describe import described
from derive.statement.network import Network
from derive.statement.specification import Specification


@dataclass(frozen=True, repr=False)
class Derived:
    """The results of all stages of a derivation.

    ``specification`` is a ``Network``, or how to learn what a statement or a forward pass states.
    """

    specification: Specification
    notation: Notation
    forward: ForwardPass
    chains: Chains
    factors: tuple[SharedFactor, ...]
    program: ArrayProgram

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
        return self.specification.digest_with("" if self.network else self.equations())

    def equations(self) -> str:
        """Return the forward equations as a text, from which ``Statement`` reads the same forward pass."""
        from derive.statement.language.write import equations_text

        return equations_text(self.forward, self.specification)

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
        return "A layer defined by its forward equations." if self.forward.upstream else described(self.specification)

    @property
    def descent(self) -> Descent:
        """The gradient descent method."""
        return self.specification.descent

    @property
    def targets(self) -> str:
        """The kind of targets, one of ``losses.TARGETS``."""
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
        stated = network.forward_pass().refreshed()
        return cls._of(network, replace(stated, letters={}))  # no author has chosen letters for its indices

    @classmethod
    def of_pass(cls, forward: ForwardPass, learning: Specification) -> Self:
        """Derive the backward equations of a forward pass.

        Raises StatementError, naming the tensor, for an equation that cannot be derived.
        """
        return cls._of(learning, forward.refreshed())

    @classmethod
    def _of(cls, specification: Specification, stated: ForwardPass) -> Self:
        """Run all stages."""
        stated = with_parts(stated)
        all_chains = chains(stated)
        notation, shared = NOTATIONS[specification.notation], shared_factors(all_chains)
        program = lift_program(assemble(all_chains, shared, specification.descent, notation.scale))
        factors = named_factors(all_chains, {p.tensor.name for p in program.passages if p.name})
        return cls(specification, notation, stated, all_chains, factors, program)
