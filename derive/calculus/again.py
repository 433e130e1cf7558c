"""A derivation as a statement: its equations as those of a forward pass, which can be derived again.

The gradients of a derivation are tensors with equations, as all others are. The derivative of the error along given
directions v, one for each parameter, is the number E_v = Σ v ⊙ ∂E/∂W. Its gradient is the Hessian of the error times v
(B. A. Pearlmutter, Fast exact multiplication by the Hessian, 1994). No rule is new.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Add, Expr, Mul

from derive.calculus.forward import ForwardPass
from derive.calculus.index import Equation, Tensor, delta, total
from derive.calculus.products import ProductOfOthers, product_over
from derive.calculus.program import FACTORS, Program
from derive.calculus.roles import Role
from derive.record import record
from derive.text.errors import StatementError

#: The letters of the directions along which derivatives of the error are taken, one after the other.
DIRECTIONS = ("v", "w", "u")
#: What is found by deriving again, after the first and after the second derivation.
PRODUCTS = ("hessian_product", "third_product")


@record
class Restated:
    """The equations of a derivation as those of a forward pass without an error.

    ``gradients`` are the tensors of the derivatives of the error.
    """

    equations: tuple[Equation, ...]
    gradients: tuple[Tensor, ...]
    forward: ForwardPass

    def along(self) -> ForwardPass:
        """The forward pass whose error is the derivative of the error along a direction for each parameter.

        Its targets are inputs, since its equations read them.
        """
        forward, error = self.forward, self.forward.error.target
        letter = DIRECTIONS[forward.order - 1]
        taken, terms, directions = {*forward.tensors, *forward.constants}, list[Expr](), list[Tensor]()
        for gradient in self.gradients:
            name = free(f"{letter}_{gradient.owner.name}", taken)
            found = Tensor(name, Role.TARGET.value, gradient.axes, about=gradient)
            taken.add(name)
            directions.append(found)
            indices = forward.supply.several(gradient.axes)
            product = found[indices] * gradient[indices]
            terms.append(total(product, *indices) if indices else product)
        called = free(f"{error.name}{'' if error.error else '_'}{letter}", taken)
        along = Equation(Tensor(called, Role.ERROR.value, error=error.name), (), Add(*terms), "error")
        data = {t: replace(t, role=Role.INPUT.value) for t in forward.inputs}
        return replace(
            forward,
            equations=(*self.equations, along),
            inputs=(*data.values(), *directions),
            promises=tuple(replace(p, tensor=data.get(p.tensor, p.tensor)) for p in forward.promises),
            outputs=tuple(g.name for g in self.gradients),
            running=(),
            sought=(),
        )


def restated(program: Program, forward: ForwardPass, inputs: bool = False) -> Restated:
    """Return the equations of the forward pass, the error, the shared factors and the gradients of a program.

    The gradients are those with respect to the parameters, and with ``inputs`` those with respect to inputs, too.
    Raises StatementError for a layer alone, which has no error, and for derivatives of the third order.
    """
    if forward.upstream and forward.order == 1:
        raise StatementError(
            "the backward pass of a layer alone is not derived again: state an error that is computed from its outputs"
        )
    if forward.order == len(FACTORS):
        raise StatementError(f"derivatives of order {forward.order} are the last: they cannot be derived again")
    error, new = forward.error.target, dict[str, Tensor]()
    for statement in program.stage("error"):
        if statement.target.role == Role.PENALTY:  # which belongs to the error alone
            new[statement.target.name] = replace(statement.target, role=Role.PLAIN.value)
    for statement in program.stage("factor", "gradient"):
        target = statement.target
        about = None if target.about is None else new.get(target.about.name, target.about)
        role = Role.STATED_FACTOR if statement.stage == "factor" else Role.STATED_GRADIENT
        new[target.name] = replace(target, role=role.value, about=about, error=error.name)
    equations = tuple(
        replace(s.equation, target=new.get(s.target.name, s.target), expression=stated(s.equation.expression))
        for s in program.stage("forward", "error", "factor", "gradient")
    )
    learned = (s.target for s in program.stage("gradient") if inputs or s.target.about in forward.parameters)
    return Restated(equations, tuple(new[t.name] for t in learned), forward)


def stated(expression: Expr) -> Expr:
    """Return an expression with the product of all factors but one as a product in which that one is 1."""

    def product(others: ProductOfOthers) -> Expr:
        left_out = Mul(*(delta(i, place) for i, place in zip(others.factors.bound, others.places, strict=True)))
        body = others.factors.function
        return product_over(body * (1 - left_out) + left_out, *others.factors.bound)

    return expression.replace(lambda e: isinstance(e, ProductOfOthers), product)


def free(name: str, taken: set[str]) -> str:
    """Return the name, with underscores if it is taken."""
    return name if name not in taken else free(f"{name}_", taken)
