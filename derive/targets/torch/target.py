"""The PyTorch target: it refuses what PyTorch cannot do yet, and returns the file."""

from __future__ import annotations

from functools import cached_property

from derive.record import record
from derive.targets.numpy.listing import listing
from derive.targets.target import Listing, Runnable
from derive.targets.torch.module import TorchModule
from derive.targets.verify import GradientReport
from derive.text.errors import StatementError
from derive.text.user_text import listed

#: The file of the equations.
NETWORK = "network_torch.py"


@record
class TorchTarget:
    """The file of PyTorch of a derivation; a ``targets.target.Target``."""

    derived: Runnable

    @cached_property
    def module(self) -> TorchModule:
        """The code."""
        return TorchModule(self.derived)

    def files(self, form: str) -> dict[str, str]:
        """Return the file of the equations.

        Raises StatementError for what PyTorch cannot do yet, and what the check of the NumPy module raises: the
        equations are the same.
        """
        self.check_can()
        self.report.require()
        return {NETWORK: self.module.network}

    def check_can(self) -> None:
        """Raise StatementError, in one sentence, for what PyTorch cannot do yet."""
        program = self.derived.program
        refused = {
            "has no second derivatives yet: leave order out, or": self.derived.first is not None,
            "is for a network, not yet for a layer alone:": bool(program.upstream),
            "is for equations with parameters to learn:": not program.parameters,
            "has no recurrences yet:": bool(program.recurrences),
            "has no running averages yet:": bool(program.averages),
        }
        for why, refuses in refused.items():
            if refuses:
                raise StatementError(f"target torch {why} take target numpy or jax")
        if lacking := self.module.lacking:
            raise StatementError(f"target torch cannot compute {listed(lacking)} yet: take target numpy or jax")

    @property
    def report(self) -> GradientReport:
        """The report of the check of the NumPy module, which computes the same equations."""
        return self.derived.target("numpy").report

    def listing(self, form: str) -> Listing:
        """Return the file with the equations, as documents print it."""
        program, names = self.derived.program, self.module.statements.codes.tensors
        own = {names[t.name]: t.name for t in program.tensors.values() if not t.replaces}
        return listing(NETWORK, self.module.network, tuple(own.items()))


TARGET = TorchTarget
