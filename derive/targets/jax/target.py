"""The JAX target: it refuses what JAX cannot do yet, and returns the files."""

from __future__ import annotations

from functools import cached_property

from derive.record import record
from derive.targets.jax.module import JaxModule
from derive.targets.numpy.listing import listing
from derive.targets.target import Listing, Runnable
from derive.targets.verify import GradientReport
from derive.text.errors import StatementError

#: The files of the equations and of the trainer.
NETWORK, TRAINER = "network_jax.py", "trainer_jax.py"


@record
class JaxTarget:
    """The files of JAX of a derivation; a ``targets.target.Target``."""

    derived: Runnable

    @cached_property
    def module(self) -> JaxModule:
        """The code."""
        return JaxModule(self.derived)

    def files(self, form: str) -> dict[str, str]:
        """Return the file of the equations, and that of the trainer.

        Raises StatementError for what JAX cannot do yet, and what the check of the NumPy module raises: the equations
        are the same.
        """
        self.check_can()
        self.report.require()
        return {NETWORK: self.module.network, TRAINER: self.module.trainer}

    def check_can(self) -> None:
        """Raise StatementError, in one sentence, for what JAX cannot do yet."""
        if self.derived.first is not None:
            raise StatementError("target jax has no second derivatives yet: leave order out, or take target numpy")
        if self.derived.program.upstream:
            raise StatementError("target jax is for a network, not yet for a layer alone: take target numpy")
        if not self.derived.program.parameters:
            raise StatementError("target jax is for equations with parameters to learn: take target numpy")

    @property
    def report(self) -> GradientReport:
        """The report of the check of the NumPy module, which computes the same equations."""
        return self.derived.target("numpy").report

    def listing(self, form: str) -> Listing:
        """Return the file with the equations, as documents print it."""
        program, names = self.derived.program, self.module.statements.codes.tensors
        own = {names[t.name]: t.name for t in program.tensors.values() if not t.replaces}
        return listing(NETWORK, self.module.network, tuple(own.items()))


TARGET = JaxTarget
