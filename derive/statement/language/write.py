"""The text of a forward pass, from which the same forward pass is read again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from sympy import (
    Add,
    And,
    E,
    Expr,
    Indexed,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mul,
    Or,
    Piecewise,
    Pow,
    Rational,
    Rel,
    Sum,
    Symbol,
    exp,
    pi,
    preorder_traversal,
)
from sympy.concrete.expr_with_limits import ExprWithLimits

from derive.calculus.beginnings import Beginning, all_joined, are_covered
from derive.calculus.cases import Cases
from derive.calculus.drawn import Drawn, drawn_of
from derive.calculus.extremes import Largest, Selected, Smallest
from derive.calculus.forward import ForwardPass
from derive.calculus.functions import STOP, Elementwise
from derive.calculus.index import SAMPLES, Axis, Equation, Index, IndexSupply, Tensor, read_alone
from derive.calculus.products import ProductOver
from derive.calculus.promises import Mask, NotNegative, Positive, Probabilities, SumsToOne, Weights
from derive.calculus.reading_order import reading_order, subtracted
from derive.calculus.recurrence import early
from derive.calculus.roles import Role
from derive.calculus.running import MOMENTUM
from derive.calculus.truncation import untruncated
from derive.catalogue.activations import ACTIVATIONS, activation
from derive.learning.penalties import L1, L2, PENALTY
from derive.statement.language.meanings import ELEMENTARY, RESERVED
from derive.statement.language.syntax import is_name
from derive.statement.randomness import law_text
from derive.statement.specification import LEARNING, Specification
from derive.statement.weighting import unweighted
from derive.text.entry_text import base_name, number_text
from derive.text.errors import StatementError

_SUM, _PRODUCT, _POWER, _ATOM = range(4)
_NAMES = {function: name for name, function in reversed(ELEMENTARY.items())}
_PROMISES = {Mask: "mask", Positive: "positive", Probabilities: "probabilities"}
_PROMISES |= dict.fromkeys((NotNegative, Weights), "not_negative")


def equations_text(forward: ForwardPass, specification: Specification) -> str:
    """Return the text of a forward pass, with the learning options that differ from the defaults."""
    return _Writer(forward, specification).text()


class _Writer:
    def __init__(self, forward: ForwardPass, specification: Specification) -> None:
        if specification.truncate:  # the option makes the windows again
            forward = replace(forward, equations=untruncated(forward.equations))
        self.forward, self.specification = forward, specification
        #: The penalty and its strengths are those of options, which state them where the text is read.
        penalised = (specification.l1 or specification.l2) and _is_by_option(forward)
        self.by_option = {PENALTY.name, L1.name, L2.name} if penalised else set[str]()
        #: So are the weights of the samples and the masks of targets.
        self.by_option |= {t.name for t in forward.inputs if t.role in (Role.SAMPLE_WEIGHT, Role.KNOWN)}
        covered = (are_covered(e.expression, forward.beginnings) for e in forward.equations)
        self.beginnings = forward.beginnings if all(covered) else ()
        self.functions: dict[Any, str] = {}
        self.called: dict[Any, str] = {}
        self.sizes: dict[tuple[Axis, str], str] = {}
        tensors = forward.tensors.values()
        self.widths = {s.name for t in tensors for a in t.axes if not a.sample for s in a.extent.free_symbols}
        self.taken = {*forward.tensors, *forward.constants, *self.widths, SAMPLES.name, *RESERVED, *ACTIVATIONS}
        self.explicit = False
        formulas = [e.expression for e in forward.equations]
        formulas += [type(f).definition for formula in formulas for f in formula.atoms(Elementwise)]
        self.reads_pi = any(formula.has(pi) for formula in formulas)
        for tensor in tensors:
            for axis in (*tensor.axes, *([tensor.places] if tensor.places else [])):
                self.size(axis)

    def name(self, name: str) -> str:
        """A name in the text: the words of its syntax are none, and neither is pi where the number stands."""
        if is_name(name) and not (name == "pi" and self.reads_pi):
            return name
        return next(n for n in (name + "_" * k for k in itertools.count(1)) if n not in self.taken)

    def text(self) -> str:
        """All lines."""
        stated = [e for e in self.forward.equations[:-1] if e.target.name not in self.by_option]
        equations = [*map(self._begin, self.beginnings), *map(self._equation, stated)]
        equations += [] if self.forward.upstream else [self._error(self.forward.error)]
        groups = [self._options(), self._declarations(), [*self.functions.values()], equations, self._ends()]
        return "\n\n".join("\n".join(group) for group in groups if group) + "\n"

    # Declarations.

    def size(self, axis: Axis) -> str:
        """The name of a size; an axis of a whole number without a name is that number."""
        if axis.sample:
            return str(SAMPLES.name)
        if (axis, axis.name) in self.sizes:
            return self.sizes[axis, axis.name]
        name = self.name(axis.name) if axis.name.isidentifier() else ""
        extent = self.name(axis.extent.name) if axis.extent.is_Symbol else str(axis.extent)
        plain = axis.start == 1 and (axis.extent.is_Integer or axis.extent.is_Symbol)
        if not name and plain:
            return extent
        if not name or name in {*self.sizes.values()} - {extent}:
            names = (f"{name or 'n'}{n}" for n in itertools.count(1))
            name = next(n for n in names if n not in {*self.taken, *self.sizes.values()})
        self.sizes[axis, axis.name] = name
        return name

    def _declarations(self) -> list[str]:
        forward = self.forward
        constants = {n: v for n, v in forward.constants.items() if n not in self.by_option}
        sizes = sorted(map(self.name, self.widths))
        for (axis, _), name in self.sizes.items():
            if not (axis.extent.is_Symbol and self.name(axis.extent.name) == name and axis.start == 1):
                start = "" if axis.start == 1 else f" from {axis.start}"
                sizes.append(f"{name} = {axis.extent}{start}")
        lines = [("size", sizes)]
        lines.append(("samples", [SAMPLES.name] if self.explicit else []))
        given = [t for t in forward.inputs if t.about is None and t.name not in self.by_option]
        lines += [(word, [self._data(t) for t in given if t.role == word]) for word in ("input", "target")]
        laws = drawn_of(forward.promises, given).items()
        lines.append(("random", [f"{self._data(forward.tensors[n])} ~ {law_text(law)}" for n, law in laws]))
        lines.append(("recurrent", [self._data(tensor) for tensor in early(forward.equations)]))
        lines.append(("parameter", [self._parameter(p) for p in forward.parameters]))
        lines.append(("constant", [f"{self.name(n)} = {_number(v)}" for n, v in constants.items()]))
        said = [f"{word} {', '.join(items)}" for word, items in lines if items]
        promised = (p for p in forward.promises if p.tensor.name not in self.by_option and not isinstance(p, Drawn))
        for promise in promised:
            tensor = promise.tensor
            if isinstance(promise, SumsToOne):
                axis = tensor.axes[promise.axis]
                named = not self.size(axis).isdecimal() and axis not in tensor.axes[: promise.axis]
                over = f" over {self.size(axis) if named else f'axis {promise.axis + 1}'}" if promise.axis else ""
                said.append(f"promise sums_to_one {self.name(tensor.name)}{over}")
            else:
                said.append(f"promise {_PROMISES[type(promise)]} {self.name(tensor.name)}")
        return said + (
            [f"gradient {', '.join(map(self.name, forward.sought))}"] if forward.sought and not forward.upstream else []
        )

    def _tensor(self, tensor: Tensor) -> str:
        sides = ", ".join(self.size(axis) for axis in tensor.axes if not axis.sample)
        return f"{self.name(tensor.name)}[{sides}]" if sides else self.name(tensor.name)

    def _data(self, tensor: Tensor) -> str:
        values = f" in {self.size(tensor.places)}" if tensor.places else ""
        without = "" if any(axis.sample for axis in tensor.axes) else " without samples"
        return f"{self._tensor(tensor)}{values}{without}"

    def _parameter(self, tensor: Tensor) -> str:
        start = self.forward.starts.get(tensor.name)
        if start is None:
            return self._tensor(tensor)
        return (
            f"{self._tensor(tensor)} ~ {start}"
            if isinstance(start, str)
            else f"{self._tensor(tensor)} = {_array(start)}"
        )

    def _options(self) -> list[str]:
        values = self.specification.values()
        keys = [key for key in LEARNING if key not in (L1.name, L2.name) or PENALTY.name in self.by_option]
        return [f"option {k} = {values[k]}" for k in keys if k == "name" or not self.specification.is_plain(k)]

    def _ends(self) -> list[str]:
        if self.forward.upstream:
            return [f"backward {', '.join(self.name(t.about.name) for t in self.forward.upstream if t.about)}"]
        said = [f"output {', '.join(map(self.name, self.forward.outputs))}"] if self.forward.outputs else []
        groups: dict[Fraction, list[str]] = {}
        for kept in self.forward.running:
            start = f" = {_number(kept.start)}" if kept.start else ""
            of = f" of {self.name(kept.of)}" if kept.of else ""
            groups.setdefault(kept.momentum, []).append(f"{self.name(kept.name)}{of}{start}")
        for momentum, names in groups.items():
            share = "" if momentum == MOMENTUM else f" momentum {_number(momentum)}"
            said.append(f"running {', '.join(names)}{share}")
        return said

    # Equations.

    def _begin(self, beginning: Beginning) -> str:
        """What a recurrence begins with."""
        hidden = next((i for i in beginning.indices if i.axis.sample), None)
        formula = _Formula(self, beginning.indices, beginning.value, hidden)
        left = [formula.letters[i] for i in beginning.indices if i != hidden]
        left.insert(beginning.position, formula.write(beginning.place))
        return f"{self.name(beginning.tensor)}[{', '.join(left)}] = {formula.write(beginning.value)}"

    def _equation(self, stated: Equation) -> str:
        equation = replace(stated, expression=all_joined(stated.expression, self.beginnings))
        own = next((i for i in equation.indices if i.axis.sample), None)
        implicit = own is not None and _reads_only(equation.expression, own)
        hidden = own if implicit else None
        formula = _Formula(self, equation.indices, equation.expression, hidden)
        right = formula.write(equation.expression)
        left = ", ".join(formula.left(i) for i in equation.indices if i != hidden)
        return f"{self.name(equation.target.name)}{f'[{left}]' if left else ''} = {right}"

    def _error(self, equation: Equation) -> str:
        """The error: of each term that is the mean over the samples, what is averaged."""
        text = ""
        stated = all_joined(equation.expression, self.beginnings)
        without_penalty = {PENALTY[()]: Integer(0)} if PENALTY.name in self.by_option else {}
        whole = unweighted(stated.xreplace(without_penalty), self.by_option)
        for term in reading_order(Add.make_args(whole)):
            what, hidden = self._averaged(*term.as_independent(Sum, as_Add=False)) or (term, None)
            less = subtracted(what)
            part = _Formula(self, (), what, hidden).write(-what if less else what, _PRODUCT)
            text += (f" - {part}" if less else f" + {part}") if text else f"-{part}" if less else part
        return f"{self.name(equation.target.name)} = {text}"

    def _averaged(self, number: Expr, summed: Expr) -> tuple[Expr, Index] | None:
        if not isinstance(summed, Sum):
            return None
        samples = [limit[0] for limit in summed.limits if limit[0].axis.sample]
        factor = number * SAMPLES
        if len(samples) != 1 or factor.has(SAMPLES) or not _reads_only(summed.function, samples[0]):
            return None
        rest = [limit for limit in summed.limits if limit[0] != samples[0]]
        return factor * (Sum(summed.function, *rest) if rest else summed.function), samples[0]

    def function(self, function: Any) -> str:
        """The name of a function that is stated in a line of its own."""
        if function not in self.called:
            taken = {*self.forward.tensors, *self.forward.constants, *self.widths, *RESERVED, *self.called.values()}
            numbered = (f"{function.title}{n}" for n in itertools.count(1))
            name = next(n for n in itertools.chain([function.title], numbered) if n not in taken and is_name(n))
            self.called[function] = name
            names = ", ".join(["x", *(s.name for s in function.others)])
            self.functions[function] = ""
            body = _Formula(self, (), function.definition, None).write(function.definition)
            self.functions[function] = f"function {name}({names}) = {body}"
        return self.called[function]


def _is_by_option(forward: ForwardPass) -> bool:
    """Whether options state the penalty of a forward pass: all parameters with two axes are in it, no others."""
    weights = [p for p in forward.parameters if p.role == Role.WEIGHT]
    return forward.equations[0].target == PENALTY and weights == [p for p in forward.parameters if len(p.axes) > 1]


def _reads_only(expression: Expr, own: Index) -> bool:
    """Whether all samples in an expression are read at one index, which is free in it."""
    nodes = [*preorder_traversal(expression)]
    samples = {i for node in nodes if isinstance(node, Index) for i in [node] if i.axis.sample}
    return samples == {own} and not expression.has(SAMPLES)


class _Formula:
    """Writes one formula: chooses the letters of its indices, and brackets by precedence."""

    def __init__(self, writer: _Writer, indices: Iterable[Index], right: Expr, hidden: Index | None) -> None:
        self.writer, self.hidden = writer, hidden
        self.letters: dict[Index, str] = {}
        self.plain = read_alone(right, writer.forward.tensors)
        for index in indices:
            if index != hidden:
                self.letters[index] = self._letter(index)
        bound = {limit[0] for node in right.atoms(ExprWithLimits) for limit in node.limits}
        if any(i.axis.sample for i in {*indices, *bound} - {hidden}) or right.has(SAMPLES):
            writer.explicit = True

    def _letter(self, index: Index) -> str:
        letters = self.writer.forward.letters
        said = letters.get(index.axis.name) or letters.get(index.axis) or ()
        own = [letter for letter in said if is_name(letter) and not IndexSupply.is_made(letter)]
        pool = itertools.chain(
            own, "uvwst" if index.axis.sample else "ijklpqrabc", (f"i{n}" for n in itertools.count(1))
        )
        used = {*self.letters.values(), *self.writer.taken, *self.writer.sizes.values()}
        return next(letter for letter in pool if letter not in used)

    def left(self, index: Index) -> str:
        """An index on the left or of a reduction, with its size if nothing else says it."""
        letter = self.letters[index]
        return letter if index in self.plain else f"{letter} in {self.writer.size(index.axis)}"

    def write(self, expression: Expr, least: int = _SUM) -> str:
        """Write an expression, in brackets if it binds less than ``least``."""
        text, binding = self._written(expression)
        return f"({text})" if binding < least else text

    def _written(self, node: Any) -> tuple[str, int]:
        for kind, writes in _WRITTEN.items():
            if isinstance(node, kind):
                return writes(self, node)
        return self._function(node)

    def _number(self, node: Any) -> tuple[str, int]:
        value = Fraction(node.p, node.q)
        text = _number(value)
        return text, _SUM if value < 0 else _PRODUCT if "/" in text else _ATOM

    def _symbol(self, node: Any) -> tuple[str, int]:
        if isinstance(node, Index):
            return self.letters[node], _ATOM
        return self.writer.name(str(node.name)), _ATOM

    def _entry(self, node: Any) -> tuple[str, int]:
        inner = [self.write(i) for i in node.indices if i != self.hidden]
        name = self.writer.name(node.base.label.name)
        return f"{name}[{', '.join(inner)}]" if inner else name, _ATOM

    def _sum(self, node: Any) -> tuple[str, int]:
        text = ""
        for term in self._in_order(node.args):
            less = subtracted(term)
            part = self.write(-term if less else term, _PRODUCT)
            text += f" - {part}" if less and text else f" + {part}" if text else f"-{part}" if less else part
        return text, _SUM

    def _in_order(self, terms: Iterable[Expr]) -> list[Expr]:
        """Terms as they are read; those of an index in the order of its letters, the number last."""
        found = reading_order(terms)
        if not all(term.is_number or (term.is_integer and not term.has(Indexed)) for term in found):
            return found
        places = {index: number for number, index in enumerate(self.letters)}
        own = [min((places[i] for i in term.atoms(Index)), default=len(places)) for term in found]
        return [term for _, term in sorted(zip(own, found, strict=True), key=lambda pair: pair[0])]

    def _product(self, node: Any) -> tuple[str, int]:
        number, rest = node.as_coeff_Mul()
        if number < 0:
            return f"-{self.write(-node, _PRODUCT)}", _SUM
        for root in (
            f for f in Mul.make_args(rest) if isinstance(f, Pow) and f.base.is_Integer and f.exp == Rational(1, 2)
        ):
            if number.q % root.base == 0:  # SymPy writes 1/sqrt(3) as sqrt(3)/3
                return self._quotient(number * root.base, rest / root, root)
        return self._quotient(number, rest)

    def _quotient(self, number: Any, rest: Expr, *under: Expr) -> tuple[str, int]:
        """Write a product of a positive number and factors, over others."""
        for total in (f for f in Mul.make_args(rest) if isinstance(f, Sum) and not isinstance(f, _Mean)):
            entries = Mul(*(limit[0].axis.extent for limit in total.limits))
            count, named = entries.as_coeff_Mul()
            divided = named == 1 or all(1 / size in Mul.make_args(rest) for size in Mul.make_args(named))
            if entries != 1 and divided and (count == 1 or number.q == count):
                whole = number * entries * rest / total * _Mean(*total.args)
                return self._quotient(*whole.as_coeff_Mul(), *under) if under else self._written(whole)
        over, below = list[Expr](), list(under)
        for factor in Mul.make_args(rest):
            power = factor.exp if isinstance(factor, Pow) else None
            if power is not None and (power.is_number and power.is_negative):
                below.append(factor.base**-power)
            else:
                over.append(factor)
        over_number, under_number = (number.p, number.q) if number.is_Rational else (1, 1)
        head = [str(over_number)] if over_number != 1 or not over else []
        text = " * ".join([*head, *(self.write(f, _POWER) for f in over)])
        tail = [*([str(under_number)] if under_number != 1 else []), *(self.write(f, _POWER) for f in below)]
        return "".join([text, *(f" / {part}" for part in tail)]), _PRODUCT

    def _power(self, node: Any) -> tuple[str, int]:
        if node.base is E:
            return f"exp({self.write(node.exp)})", _ATOM
        if node.exp == Rational(1, 2):
            return f"sqrt({self.write(node.base)})", _ATOM
        if node.exp.is_number and node.exp.is_negative:
            return f"1 / {self.write(node.base**-node.exp, _POWER)}", _PRODUCT
        return f"{self.write(node.base, _ATOM)}**{self.write(node.exp, _ATOM)}", _POWER

    def _reduced(self, node: Any) -> tuple[str, int]:
        before = dict(self.letters)
        bound = [limit[0] for limit in node.limits]
        for index in bound:
            self.letters[index] = self._letter(index)
        over = ", ".join(map(self.left, bound))
        text = f"{_REDUCED[type(node)]}({self.write(node.function)}, {over})"
        self.letters = before
        return text, _ATOM

    def _cases(self, node: Any) -> tuple[str, int]:
        *cases, (otherwise, _) = node.args  # the condition of the last one always holds
        text = self.write(otherwise)
        for value, condition in reversed(cases):
            text = f"where({self.write(condition)}, {self.write(value)}, {text})"
        return text, _ATOM

    def _condition(self, node: Any) -> tuple[str, int]:
        return f"{self.write(node.lhs, _SUM)} {node.rel_op} {self.write(node.rhs, _SUM)}", _SUM

    def _joined(self, node: Any) -> tuple[str, int]:
        word = " and " if isinstance(node, And) else " or "
        return word.join(f"({self.write(part)})" for part in node.args), _SUM

    def _several(self, node: Any) -> tuple[str, int]:
        name = {Max: "max", Min: "min", KroneckerDelta: "delta"}[type(node)]
        return f"{name}({', '.join(self.write(a) for a in node.args)})", _ATOM

    def _elementwise(self, node: Any) -> tuple[str, int]:
        function = type(node)
        if function is STOP:
            return f"stop_gradient({self.write(node.args[0])})", _ATOM
        arguments = [self.write(a) for a in node.args]
        name = base_name(function.label)
        if name in ACTIVATIONS and function.definition == activation(function.label).formula:
            options = function.label[len(name) + 1 : -1]
            return f"{name}({', '.join([*arguments, *([options] if options else [])])})", _ATOM
        return f"{self.writer.function(function)}({', '.join(arguments)})", _ATOM

    def _function(self, node: Any) -> tuple[str, int]:
        if isinstance(node, Selected):
            raise StatementError(
                "a text of equations cannot say where a maximum or minimum over an index is, which its gradient reads"
            )
        return f"{_NAMES[type(node)]}({self.write(node.args[0])})", _ATOM


class _Mean(Sum):  # type: ignore[misc]  # SymPy's class carries no types
    """A sum that is written with the factor before it, as a mean."""


def _constant(name: str) -> Callable[[_Formula, Any], tuple[str, int]]:
    def write(formula: _Formula, node: Any) -> tuple[str, int]:
        return name, _ATOM

    return write


_WRITTEN: Mapping[Any, Callable[[_Formula, Any], tuple[str, int]]] = {
    Rational: _Formula._number,
    type(pi): _constant("pi"),
    type(E): _constant("exp(1)"),
    exp: _Formula._function,
    Symbol: _Formula._symbol,
    Indexed: _Formula._entry,
    Add: _Formula._sum,
    Mul: _Formula._product,
    Pow: _Formula._power,
    ExprWithLimits: _Formula._reduced,
    (Piecewise, Cases): _Formula._cases,
    Rel: _Formula._condition,
    (And, Or): _Formula._joined,
    (Max, Min, KroneckerDelta): _Formula._several,
    Elementwise: _Formula._elementwise,
}


_REDUCED = {Sum: "sum", _Mean: "mean", ProductOver: "prod", Largest: "max", Smallest: "min"}


def _number(value: Fraction) -> str:
    return number_text(Fraction(value))


def _array(value: Any) -> str:
    return f"[{', '.join(map(_array, value))}]" if isinstance(value, tuple) else _number(value)
