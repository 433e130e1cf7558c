"""The gradients of single samples, without a loop: the equation of a gradient keeps the index of the sample."""

from __future__ import annotations

from dataclasses import replace

from sympy import Add, Expr, Mul, Sum

from derive.calculus.again import free, restated
from derive.calculus.forward import ForwardPass
from derive.calculus.index import SAMPLE_AXIS, SAMPLES, Equation, Index, Tensor, put, symbols_read, total
from derive.calculus.program import Program
from derive.calculus.roles import Role
from derive.text.errors import StatementError

#: What is found.
PER_SAMPLE = "inner_products"
#: The notes of the equations of gradients of single samples, of their squared norms, and of their sums with weights.
EACH, NORM, WEIGHED = "gradient of each sample", "squared norm", "weighted sum of gradients"


def per_sample(program: Program, forward: ForwardPass) -> ForwardPass:
    """The forward pass of the gradients of single samples and of their squared norms, with the parameters as data.

    The mean of the gradients over the samples is the gradient of the error, without what reads no sample, such as a
    penalty. Its backward pass is their inner products with given directions v: each gradient has a weight c, by which
    it is differentiated. Raises StatementError if samples are coupled, or there are none.
    """
    found, taken = restated(program, forward), {*forward.tensors, *forward.constants}
    gradients = {g.name for g in found.gradients}
    before = tuple(e for e in found.equations if e.target.name not in gradients)
    for equation in (e for e in before if e.target.role not in (Role.ERROR, Role.PENALTY)):
        if any(_over_samples(node) for node in equation.expression.atoms(Sum)):
            raise StatementError(
                f"the equation of {equation.target.name} adds up samples: there are no gradients of single samples"
            )
    weight = Tensor(free("c", taken), Role.INPUT.value, (SAMPLE_AXIS,))
    each, sums, slopes, norms, terms = list[Equation](), list[Equation](), list[Tensor](), list[Expr](), list[Expr]()
    for equation in (e for e in found.equations if e.target.name in gradients):
        sample, gradient = Index("u", SAMPLE_AXIS), equation.target
        value = Add(*(_of_sample(t, sample, gradient.name) for t in Add.make_args(equation.expression)))
        if value == 0:
            raise StatementError(f"{gradient.name} reads no sample: there are no gradients of single samples")
        name = free(f"g_{gradient.owner.name}", taken)
        one = Tensor(name, Role.PLAIN.value, (*gradient.axes, SAMPLE_AXIS))
        indices = (*equation.indices, sample)
        each.append(Equation(one, indices, SAMPLES * value, EACH))
        over = equation.indices
        norms.append(total(one[indices] ** 2, *over) if over else one[indices] ** 2)
        mean = Tensor(free(f"g_{weight.name}_{gradient.owner.name}", taken), Role.PLAIN.value, gradient.axes)
        sums.append(Equation(mean, over, total(weight[(sample,)] * one[indices], sample), WEIGHED))
        slope = Tensor(free(f"v_{gradient.owner.name}", taken), Role.TARGET.value, gradient.axes, about=mean)
        slopes.append(slope)
        terms.append(total(slope[over] * mean[over], *over) if over else slope[()] * mean[()])
    sample = Index("u", SAMPLE_AXIS)
    norm = Equation(Tensor(free("norm_squared", taken), Role.PLAIN.value, (SAMPLE_AXIS,)), (sample,), Add(*norms), NORM)
    stated, needed = {e.target.name: e for e in before}, set[str]()
    waiting = [forward.error.target.name, *(n for e in each for n in symbols_read(e.expression))]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += symbols_read(stated[name].expression) if name in stated else []
    error = Equation(Tensor(free("S", taken), Role.ERROR.value), (), Add(*terms), "error")
    given = (*forward.inputs, *forward.parameters)
    data = {t.name: replace(t, role=Role.INPUT.value, layer=None) for t in given if t.name in needed}
    return replace(
        forward,
        equations=(*(e for e in before if e.target.name in needed), *each, norm, *sums, error),
        inputs=(*data.values(), weight, *slopes),
        parameters=(),
        promises=tuple(replace(p, tensor=data[p.tensor.name]) for p in forward.promises if p.tensor.name in data),
        outputs=(*(e.target.name for e in each), norm.target.name, *(e.target.name for e in sums)),
        starts={},
        running=(),
        sought=(weight.name,),
    )


def _of_sample(term: Expr, sample: Index, name: str) -> Expr:
    """The part of one sample in a term of a gradient; 0 if the term reads none."""
    factors = Mul.make_args(term)
    sums = [f for f in factors if isinstance(f, Sum) and _over_samples(f)]
    rest = Mul(*(f for f in factors if f not in sums))
    inside = any(_over_samples(node) for f in (rest, *(s.function for s in sums)) for node in f.atoms(Sum))
    if inside or len(sums) > 1:
        raise StatementError(f"{name} multiplies sums over samples: there are no gradients of single samples")
    if not sums:
        return Add()
    (whole,) = sums
    bound = [limit[0] for limit in whole.limits]
    others = [i for i in bound if not i.axis.sample]
    own = {i: sample for i in bound if i.axis.sample}
    body = put(whole.function, own)
    return rest * (total(body, *others) if others else body)


def _over_samples(node: Sum) -> bool:
    return any(limit[0].axis.sample for limit in node.limits)
