"""Mathematics on paper: one traversal of the index form and one of the matrix form.

A ``Typesetter`` (LaTeX, text) knows how a fraction or a sum looks; this module
knows what stands where. So there is one table of precedence for all that is
read, and every piece knows its width, by which long equations are broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatchmethod
from typing import Any, Protocol

from sympy import (
    Add,
    Expr,
    Function,
    Ge,
    Gt,
    Indexed,
    Integer,
    KroneckerDelta,
    Le,
    Lt,
    Mul,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    exp,
    log,
    tanh,
    true,
)

from derive import matrix as mx
from derive.functions import Elementwise
from derive.index import Equation, Index, Tensor
from derive.lift import row_blocks
from derive.notation import LETTERS, Letter, Notation, Role
from derive.reading import fraction, reading_order

SUM, HADAMARD, PRODUCT, POWER, ATOM = range(5)


@dataclass(frozen=True)
class Box:
    """Typeset text, its width in em (of the text size), and how tightly it binds."""

    text: str
    width: float
    binds: int = ATOM
    tall: bool = False


class Typesetter(Protocol):
    """How the parts of a formula look."""

    def letter(self, letter: Letter) -> Box:
        """Set a letter of the notation."""
        ...

    def name(self, name: str) -> Box:
        """Set the name of a function."""
        ...

    def variable(self, name: str) -> Box:
        """Set the name of a width."""
        ...

    def number(self, value: int) -> Box:
        """Set a whole number."""
        ...

    def script(self, base: Box, below: Box | None, above: Box | None, left: Box | None = None) -> Box:
        """Set a symbol with its indices."""
        ...

    def fraction(self, top: Box, bottom: Box) -> Box:
        """Set a fraction."""
        ...

    def partial(self, of: Box, wrt: Box) -> Box:
        """Set a partial derivative."""
        ...

    def total(self, index: Box | None, start: Box | None, stop: Box | None) -> Box:
        """Set the sign of a sum with its limits."""
        ...

    def group(self, inner: Box) -> Box:
        """Set parentheses."""
        ...

    def join(self, parts: Iterable[Box], between: str, binds: int) -> Box:
        """Set parts side by side; ``between`` names the sign."""
        ...

    def apply(self, function: Box, argument: Box) -> Box:
        """Set a function of an argument."""
        ...

    def cases(self, rows: Iterable[tuple[Box, Box]]) -> Box:
        """Set values with their conditions."""
        ...

    def column(self, rows: Iterable[Box]) -> Box:
        """Set blocks of rows."""
        ...

    def under(self, inner: Box, note: Box) -> Box:
        """Set a note below."""
        ...

    def sign(self, name: str) -> str:
        """Return a plus, a minus, a prime."""
        ...


@dataclass(frozen=True)
class Page:
    """What a formula is written with: the typesetter, the notation, the tensors it may name.

    ``one_layer`` says that layer numbers are not needed to tell things apart;
    ``functions`` maps the activations that are written f to their numbers.
    ``letters`` names the indices at hand, with none of the letters ``taken``.
    ``batch`` writes arrays with the letters of a whole batch; ``shapes`` puts
    the shape under every array. ``given`` symbols are written as they are given.
    """

    typesetter: Typesetter
    notation: Notation
    tensors: Mapping[str, Tensor]
    one_layer: bool = False
    functions: Mapping[str, str] = field(default_factory=dict)
    letters: Mapping[Index, str] = field(default_factory=dict)
    batch: bool = False
    shapes: bool = False
    taken: frozenset[str] = frozenset()
    given: Mapping[Symbol, Box] = field(default_factory=dict)

    # ------------------------------------------------------------ indices

    def lettered(self, equation: Equation, stage: str = "forward") -> Page:
        """The same page with a letter for every index of an equation."""
        bound = self.notation.factor_letters if stage == "factor" else self.notation.bound_letters
        return self.with_letters(equation.indices, _bound(equation.expression), bound)

    def with_letters(self, free: Iterable[Index], bound: Iterable[Index], pool: tuple[str, ...] | None = None) -> Page:
        """The same page with letters for the free indices, then for the bound ones."""
        chosen: dict[Index, str] = {}
        for indices, letters in (
            (free, self.notation.free_letters),
            (bound, pool or self.notation.bound_letters),
        ):
            for index in indices:
                source = self.notation.sample_letters if index.axis.sample else letters
                if index not in chosen:
                    chosen[index] = next(x for x in source if x not in chosen.values() and x not in self.taken)
        return replace(self, letters=chosen)

    def index(self, index: Expr) -> Box | None:
        """An index by its letter; None for one that has a single value."""
        if isinstance(index, Index):
            return None if index.axis.extent == 1 else self.typesetter.letter(LETTERS[self.letters[index]])
        return self.typesetter.number(int(index))

    # ------------------------------------------------------------ symbols

    def symbol(self, tensor: Tensor, indices: tuple[Expr, ...] = (), whole: bool = False) -> Box:
        """A tensor, or an entry of it; ``whole`` for an array in the matrix form."""
        set_ = self.typesetter
        if tensor.role == "gradient" and tensor.about is not None:
            return self._gradient(tensor.about, indices, whole)
        if tensor.role == "updated" and tensor.about is not None:
            return self.symbol(tensor.about, indices, whole)
        role = self.notation.role(tensor)
        base = self._letter(tensor, role, whole)
        units = [self.index(i) for i in indices if not _is_sample(i)]
        samples = [self.index(i) for i in indices if _is_sample(i)]
        if self.notation.from_first and tensor.role in ("weight",):
            units.reverse()
        below = _glued(set_, [*self._told_apart(tensor), *(u for u in units if u is not None)])
        sample = next((s for s in samples if s is not None), None)
        if sample is not None and self.notation.sample == "({})":
            sample = set_.join((set_.letter(Letter("(", "(")), sample, set_.letter(Letter(")", ")"))), "", ATOM)
        return self._scripts(tensor, base, below, sample)

    def _told_apart(self, tensor: Tensor) -> list[Box]:
        """What a factor is about, where it is not the pre-activation of its layer."""
        about = tensor.about
        if tensor.role != "factor" or about is None or (about.role == "preactivation" and about.layer is not None):
            return []
        entry = self.notation.role(about).entry if about.layer is not None else about.name
        return [self.typesetter.letter(LETTERS[entry]) if entry in LETTERS else self.typesetter.name(entry)]

    def _letter(self, tensor: Tensor, role: Role, whole: bool) -> Box:
        name = role.entry
        if tensor.role == "learning_rate":
            name = self.notation.rate
        elif whole:
            name = role.batch if self.batch else role.vector or role.entry
        return self.typesetter.letter(LETTERS[name]) if name in LETTERS else self.typesetter.name(name)

    def _scripts(self, tensor: Tensor, base: Box, below: Box | None, above: Box | None) -> Box:
        """A letter with its layer where the notation puts it, and what stands below and above."""
        layer = self._layer(tensor)
        if layer is None or self.notation.layer == "left":
            return self.typesetter.script(base, below, above, left=layer)
        both = layer if above is None else self.typesetter.join((layer, above), "", ATOM)
        return self.typesetter.script(base, below, both)

    def _layer(self, tensor: Tensor) -> Box | None:
        """The layer's number in its brackets, where one is written."""
        plain = tensor.layer is None or (tensor.role == "prediction" and self.notation.layer != "bracket")
        if plain or tensor.role == "input" or (self.one_layer and self.notation.layer == "right"):
            return None
        opening, closing = ("[", "]") if self.notation.layer == "bracket" else ("(", ")")
        parts = (
            Letter(opening, opening),
            Letter(str(tensor.layer), str(tensor.layer)),
            Letter(closing, closing),
        )
        return self.typesetter.join((self.typesetter.letter(p) for p in parts), "", ATOM)

    def _gradient(self, about: Tensor, indices: tuple[Expr, ...], whole: bool) -> Box:
        inner = self.symbol(about, indices, whole)
        if self.notation.derivative == "d":
            return replace(inner, text=f"d{inner.text}", width=inner.width + 0.5)
        return self.typesetter.partial(self.typesetter.letter(LETTERS["E"]), inner)

    def extent(self, extent: Expr) -> Box:
        """A width or a number of samples."""
        return self.entry(extent)

    # ------------------------------------------------------------ index form

    @singledispatchmethod
    def entry(self, expression: Expr) -> Box:
        """A formula in index form."""
        raise NotImplementedError(f"cannot typeset {type(expression).__name__}: {expression}")

    @entry.register
    def _(self, expression: Rational) -> Box:
        set_ = self.typesetter
        top = set_.number(abs(int(expression.p)))
        box = top if expression.q == 1 else set_.fraction(top, set_.number(int(expression.q)))
        return box if expression >= 0 else self._minus(box)

    @entry.register
    def _(self, expression: Symbol) -> Box:
        if expression in self.given:
            return self.given[expression]
        tensor = self.tensors.get(expression.name)
        if tensor is not None:
            return self.symbol(tensor)
        if expression.name in LETTERS:
            return self.typesetter.letter(LETTERS[expression.name])
        return self.typesetter.variable(expression.name)

    @entry.register
    def _(self, expression: Indexed) -> Box:
        return self.symbol(self.tensors[expression.base.label.name], tuple(expression.indices))

    @entry.register
    def _(self, expression: Add) -> Box:
        return self.sum_of(
            (_negative(t), self.entry(-t if _negative(t) else t)) for t in reading_order(expression.args)
        )

    @entry.register
    def _(self, expression: Mul) -> Box:
        set_ = self.typesetter
        if _negative(expression):
            return self._minus(self.entry(-expression))
        top, bottom = fraction(expression)
        if bottom != 1:
            scalars, rest = _split_scalars(top)
            if rest and _is_scalar(bottom):
                front = set_.fraction(self.entry(scalars), self.entry(bottom))
                return set_.join((front, *self._factors(rest)), "thin", PRODUCT)
            return set_.fraction(self.entry(top), self.entry(bottom))
        return set_.join(self._factors(Mul.make_args(expression)), "thin", PRODUCT)

    def _factors(self, factors: Iterable[Expr]) -> list[Box]:
        ordered = sorted(factors, key=self._rank)
        boxes = [self.at(f, PRODUCT) for f in ordered]
        return [b for f, b in zip(ordered, boxes, strict=True) if f != 1]

    def _rank(self, factor: Expr) -> tuple[int, str]:
        """Numbers, sums in parentheses, weights, factors, the rest, functions, and last what is summed."""
        if factor.is_number or isinstance(factor, Symbol):
            return 0, ""
        if isinstance(factor, Indexed):
            roles = {"weight": 2, "factor": 3, "target": 3}
            name = factor.base.label.name
            return roles.get(self.tensors[name].role, 4), name
        if factor.has(Sum) and not isinstance(factor, Add):
            return 7, ""
        if isinstance(factor, Add):
            return 5 if factor.has(Sum) or any(t.is_number for t in factor.args) else 1, ""
        return 5 if isinstance(factor, Pow) else 6, ""

    @entry.register
    def _(self, expression: Pow) -> Box:
        set_ = self.typesetter
        if expression.exp.is_negative:
            return set_.fraction(set_.number(1), self.entry(expression.base**-expression.exp))
        base = self.entry(expression.base)
        plain = isinstance(expression.base, Symbol) and expression.base.name not in self.tensors
        return set_.script(base if plain else set_.group(base), None, self.entry(expression.exp))

    @entry.register
    def _(self, expression: Sum) -> Box:
        set_ = self.typesetter
        shown = [limit[0] for limit in expression.limits if limit[0].axis.extent != 1]
        shown.sort(key=lambda i: not i.axis.sample)
        page = self._naming(shown)
        signs = [page.summation(i) for i in shown]
        body = page.at(expression.function, PRODUCT)
        return set_.join((*signs, body), "thin", PRODUCT) if signs else page.entry(expression.function)

    def _naming(self, bound: list[Index]) -> Page:
        """Names for bound indices that have none yet (inner sums of a formula that was put together)."""
        missing = [i for i in bound if i not in self.letters]
        if not missing:
            return self
        used = set(self.letters.values())
        chosen = dict(self.letters)
        for index in missing:
            pool = self.notation.sample_letters if index.axis.sample else self.notation.bound_letters
            chosen[index] = next(x for x in pool if x not in used)
            used.add(chosen[index])
        return replace(self, letters=chosen)

    def summation(self, index: Index) -> Box:
        """The sign of a sum over the whole range of an index."""
        axis = index.axis
        return self.typesetter.total(self.index(index), self.typesetter.number(axis.start), self.extent(axis.stop))

    @entry.register
    def _(self, expression: KroneckerDelta) -> Box:
        names = [self.index(a) or self.typesetter.number(1) for a in expression.args]
        return self.typesetter.script(self.typesetter.letter(LETTERS["delta"]), _glued(self.typesetter, names), None)

    @entry.register
    def _(self, expression: exp) -> Box:
        base = self.typesetter.letter(LETTERS["e"])
        return self.typesetter.script(base, None, self.entry(expression.args[0]))

    @entry.register
    def _(self, expression: log) -> Box:
        return self.typesetter.apply(self.typesetter.name("ln"), self.entry(expression.args[0]))

    @entry.register
    def _(self, expression: tanh) -> Box:
        return self.typesetter.apply(self.typesetter.name("tanh"), self.entry(expression.args[0]))

    @entry.register
    def _(self, expression: Elementwise) -> Box:
        return self._applied(
            type(expression), [self.entry(a) for a in expression.args], _layer_of(expression, self.tensors)
        )

    @entry.register
    def _(self, expression: Piecewise) -> Box:
        return self.typesetter.cases((self.entry(value), self._condition(c)) for value, c in expression.args)

    def _condition(self, condition: Any) -> Box:
        if condition == true:
            return self.typesetter.name("otherwise")
        signs = {Gt: "greater", Ge: "at least", Lt: "less", Le: "at most"}
        sides = (self.entry(condition.lhs), self.entry(condition.rhs))
        return self.typesetter.join(sides, signs[type(condition)], SUM)

    def function(self, function: Any, layer: int | None = None) -> Box:
        """A named function: f with its layer, or its own name; primes for derivatives."""
        set_ = self.typesetter
        generic = self.functions.get(function.origin)
        if generic is None:
            base = set_.name(function.origin)
        else:
            base = set_.letter(LETTERS[self.notation.function])
            if generic and not self.notation.function_layers:
                base = set_.script(base, set_.letter(Letter(generic, generic)), None)
        if function.order:
            base = replace(base, text=base.text + set_.sign("prime") * function.order, width=base.width + 0.3)
        if generic is not None and self.notation.function_layers and layer is not None:
            mark = [set_.letter(Letter(x, x)) for x in ("[", str(layer), "]")]
            return set_.script(base, None, set_.join(mark, "", ATOM))
        return base

    def _applied(self, function: Any, arguments: list[Box], layer: int | None) -> Box:
        listed = arguments[0] if len(arguments) == 1 else self.typesetter.join(arguments, "comma", SUM)
        return self.typesetter.apply(self.function(function, layer), listed)

    def at(self, expression: Expr, level: int) -> Box:
        """A formula, in parentheses if it binds less tightly than ``level``."""
        return self._at(self.entry(expression), level)

    def _at(self, box: Box, level: int) -> Box:
        return box if box.binds >= level else self.typesetter.group(box)

    def _minus(self, box: Box) -> Box:
        inner = self._at(box, PRODUCT)
        return Box(f"{self.typesetter.sign('minus')}{inner.text}", inner.width + 0.8, SUM, inner.tall)

    def sum_of(self, terms: Iterable[tuple[bool, Box]]) -> Box:
        """Terms with their signs: (negative, box) each."""
        pieces = self.signed(terms)
        return self.typesetter.join(pieces, "", SUM)

    def signed(self, terms: Iterable[tuple[bool, Box]]) -> list[Box]:
        """Terms as boxes that begin with their sign (the first only if it is a minus)."""
        pieces: list[Box] = []
        for negative, box in terms:
            inner = self._at(box, HADAMARD)
            if not pieces:
                pieces.append(self._minus(inner) if negative else inner)
            else:
                sign = self.typesetter.sign("binary minus" if negative else "binary plus")
                pieces.append(Box(f"{sign}{inner.text}", inner.width + 1.5, SUM, inner.tall))
        return pieces

    # ------------------------------------------------------------ matrix form

    @singledispatchmethod
    def array(self, node: mx.Node) -> Box:
        """A formula in matrix form."""
        raise NotImplementedError(f"cannot typeset {type(node).__name__}")

    def _leaf(self, box: Box, node: mx.Node) -> Box:
        if not self.shapes or node.shape == (1, 1):
            return box
        rows, columns = (self.extent(s) for s in node.shape)
        return self.typesetter.under(box, self.typesetter.join((rows, columns), "by", ATOM))

    @array.register
    def _(self, node: mx.Array) -> Box:
        return self._leaf(self.symbol(node.tensor, whole=True), node)

    @array.register
    def _(self, node: mx.Number) -> Box:
        return self.entry(node.value)

    @array.register
    def _(self, node: mx.Transpose) -> Box:
        mark = self.typesetter.letter(self.notation.transpose)
        box = self._marked(node.of, mark)
        if box is None:
            inner = replace(self, shapes=False).array(node.of)
            box = self.typesetter.script(self.typesetter.group(inner), None, mark)
        return self._leaf(box, node)

    def _marked(self, node: mx.Node, mark: Box | None) -> Box | None:
        """A symbol, or a part of one, with a sign after its other superscripts; None for anything else."""
        if isinstance(node, mx.Part) and isinstance(node.of, mx.Array):
            return self._whole(node.of.tensor, self._part(node), mark)
        return self._whole(node.tensor, None, mark) if isinstance(node, mx.Array) else None

    def _whole(self, tensor: Tensor, below: Box | None, mark: Box | None) -> Box:
        """A tensor as an array, with what stands below it and after its superscripts."""
        if tensor.role in ("gradient", "updated") or (below is None and mark is None):
            plain = self.symbol(tensor, whole=True)
            return plain if below is None and mark is None else self.typesetter.script(plain, below, mark)
        apart = self._told_apart(tensor)
        return self._scripts(
            tensor,
            self._letter(tensor, self.notation.role(tensor), True),
            _glued(self.typesetter, [*apart, *([below] if below else [])]),
            mark,
        )

    def _part(self, node: mx.Part) -> Box:
        """Which rows or columns a part has."""
        if node.first == 1 and node.axis == 1 and node.count + 1 == node.of.shape[1]:
            return self.typesetter.letter(Letter(r"\setminus 0", "∖0"))
        return self.typesetter.name(f"{node.first}:{node.first + node.count}")

    @array.register
    def _(self, node: mx.Product) -> Box:
        sides = (self._at(self.array(node.left), PRODUCT), self._at(self.array(node.right), PRODUCT))
        return self.typesetter.join(sides, "thin", PRODUCT)

    @array.register
    def _(self, node: mx.Hadamard) -> Box:
        above = [self._at(self.array(f), HADAMARD) for f in node.factors if not mx.divides(f)]
        below = [self._at(self.array(mx.inverse(f)), PRODUCT) for f in node.factors if mx.divides(f)]
        text = self.typesetter.join(above or [self.typesetter.number(1)], "times", HADAMARD)
        for box in below:
            text = self.typesetter.join((text, box), "over", HADAMARD)
        return text

    @array.register
    def _(self, node: mx.Plus) -> Box:
        return self.sum_of((mx.is_negative(t), self.array(mx.without_sign(t))) for t in node.terms)

    @array.register
    def _(self, node: mx.Scale) -> Box:
        if node.factor.could_extract_minus_sign():
            return self._minus(self.array(mx.without_sign(node)))
        if node.factor == 1:
            return self.array(node.of)
        inner = self.array(node.of)
        grouped = self.typesetter.group(inner) if inner.binds < HADAMARD else inner
        return self.typesetter.join((self.at(node.factor, PRODUCT), grouped), "thin", min(grouped.binds, PRODUCT))

    @array.register
    def _(self, node: mx.Map) -> Box:
        layer = next((_tensor_layer(a) for a in node.arguments), None)
        plain = replace(self, shapes=False)
        arguments = [plain.array(a) for a in node.arguments]
        if node.function is exp:
            box = self.typesetter.script(self.typesetter.letter(LETTERS["e"]), None, arguments[0])
        elif isinstance(node.function, type) and issubclass(node.function, Elementwise):
            box = self._applied(node.function, arguments, layer)
        else:
            name = "ln" if node.function is log else node.function.__name__
            box = self.typesetter.apply(self.typesetter.name(name), arguments[0])
        return self._leaf(box, node)

    @array.register
    def _(self, node: mx.Call) -> Box:
        plain = replace(self, shapes=False)
        listed = self.typesetter.join([plain.array(a) for a in node.arguments], "comma", SUM)
        return self._leaf(self.typesetter.apply(self.typesetter.name(node.name), listed), node)

    @array.register
    def _(self, node: mx.Power) -> Box:
        if node.exponent.is_negative:
            return self.typesetter.join(
                (self.typesetter.number(1), self._at(self.array(mx.inverse(node)), PRODUCT)), "over", HADAMARD
            )
        mark = self.typesetter.join((self.typesetter.letter(self.notation.times), self.entry(node.exponent)), "", ATOM)
        scalar = node.shape == (1, 1)
        return self.typesetter.script(
            self.typesetter.group(self.array(node.base)), None, self.entry(node.exponent) if scalar else mark
        )

    @array.register
    def _(self, node: mx.SumOver) -> Box:
        set_ = self.typesetter
        length = node.of.shape[node.axis] if node.axis is not None else None
        if length == 1 or node.of.shape == (1, 1):
            return self.array(node.of)
        if node.axis is None:
            return set_.apply(set_.name("sum"), self.array(node.of))
        if (
            not self.notation.ones
            and node.axis == 1
            and isinstance(node.of, mx.Array)
            and node.of.tensor.axes[-1].sample
        ):
            return self._sum_over_samples(node.of.tensor)
        inner = self._at(self.array(node.of), PRODUCT)
        ones = self._ones(node.of.shape[node.axis], row=node.axis == 0)
        return set_.join((inner, ones) if node.axis == 1 else (ones, inner), "thin", PRODUCT)

    def _ones(self, length: Expr, row: bool = False) -> Box:
        """A column of ones, or a row of them."""
        set_ = self.typesetter
        box = set_.name("1")
        if row:
            box = set_.script(box, None, set_.letter(self.notation.transpose))
        if not self.shapes:
            return box
        sides = (set_.number(1), self.extent(length))
        return set_.under(box, set_.join(sides if row else sides[::-1], "by", ATOM))

    def _sum_over_samples(self, tensor: Tensor) -> Box:
        index = Index("sample", tensor.axes[-1])
        page = replace(self, letters={index: self.notation.sample_letters[0]}, batch=False)
        entry = page.symbol(tensor, (index,))
        return self.typesetter.join((page.summation(index), entry), "thin", PRODUCT)

    @array.register
    def _(self, node: mx.Broadcast) -> Box:
        inner = self.array(node.of)
        column_only = node.of.shape[0] == node.full[0] and node.of.shape[0] != 1
        if isinstance(node.of, mx.Number) or (column_only and not self.notation.ones):
            return inner
        box = self._at(inner, PRODUCT)
        if node.of.shape[1] != node.full[1]:
            box = self.typesetter.join((box, self._ones(node.full[1], row=True)), "thin", PRODUCT)
        if node.of.shape[0] != node.full[0]:
            box = self.typesetter.join((self._ones(node.full[0]), box), "thin", PRODUCT)
        return box

    @array.register
    def _(self, node: mx.Part) -> Box:
        box = self._marked(node, None)
        if box is None:
            inner = self._at(replace(self, shapes=False).array(node.of), POWER)
            box = self.typesetter.script(inner, self._part(node), None)
        return self._leaf(box, node)

    @array.register
    def _(self, node: mx.Stack) -> Box:
        return self._leaf(self.typesetter.column(self._stacked(b) for b in node.blocks), node)

    def _stacked(self, node: mx.Node) -> Box:
        page = replace(self, shapes=False)
        if node == mx.Broadcast(mx.Number(Integer(1)), node.shape):
            return self.typesetter.script(
                self.typesetter.name("1"), None, self.typesetter.letter(self.notation.transpose)
            )
        return page.array(node)

    @array.register
    def _(self, node: mx.Einsum) -> Box:
        listed = self.typesetter.join([self.array(o) for o in node.operands], "comma", SUM)
        return self.typesetter.apply(self.typesetter.name(f"einsum[{node.subscripts}]"), listed)

    # ------------------------------------------------------------ pieces, where a line may be broken

    def pieces(self, expression: Expr) -> list[Box]:
        """A formula in index form as the pieces between which a line may end."""
        if isinstance(expression, Add):
            terms = reading_order(expression.args)
            return self.signed((_negative(t), self.entry(-t if _negative(t) else t)) for t in terms)
        top, bottom = fraction(expression)
        if isinstance(expression, Mul) and not _negative(expression) and _is_scalar(bottom):
            scalars, rest = _split_scalars(top)
            front = [] if scalars == bottom == 1 else [self.entry(scalars / bottom)]
            return [*front, *self._factors(rest)]
        return [self.entry(expression)]

    def array_pieces(self, node: mx.Node, limit: float) -> list[Box]:
        """The same for the matrix form; what is narrower than ``limit`` stays in one piece."""
        whole = self.array(node)
        if whole.width <= limit:
            return [whole]
        if isinstance(node, mx.Plus):
            return self.signed((mx.is_negative(t), self.array(mx.without_sign(t))) for t in node.terms)
        if isinstance(node, mx.Scale) and not mx.is_negative(node):
            return [self.at(node.factor, PRODUCT), *self._opened(node.of, limit)]
        if isinstance(node, mx.Hadamard) and not any(mx.divides(f) for f in node.factors):
            first, *rest = (self._opened(f, limit / 2) for f in node.factors)
            sign = self.typesetter.sign("times")
            return [*first, *(b for f in rest for b in (_before(f[0], sign), *f[1:]))]
        return [whole]

    def _opened(self, node: mx.Node, limit: float) -> list[Box]:
        """The pieces of a factor, with parentheses around them if it is a sum."""
        pieces = self.array_pieces(node, limit)
        if not isinstance(node, mx.Plus):
            return pieces
        if len(pieces) == 1:
            return [self._at(pieces[0], HADAMARD)]
        pieces[0] = _before(pieces[0], self.typesetter.sign("open"))
        return [*pieces[:-1], replace(pieces[-1], text=pieces[-1].text + self.typesetter.sign("close"))]

    # ------------------------------------------------------------ rows given piecewise

    def rows(self, equation: Equation) -> Box:
        """The right side of an equation, by cases where its rows are given piecewise."""
        if not equation.expression.has(KroneckerDelta):
            return self.entry(equation.expression)
        row = equation.indices[0]
        found = []
        for first, extent, body, inner in row_blocks(equation.expression, row):
            value = self.entry(body if inner is None else body.xreplace({inner: row}))
            name, sign = self.index(row), "equals" if extent == 1 and inner is None else "at least"
            assert name is not None
            found.append((value, self.typesetter.join((name, self.typesetter.number(first)), sign, SUM)))
        return self.typesetter.cases(found)


def _before(box: Box, sign: str) -> Box:
    return replace(box, text=f"{sign}{box.text}", width=box.width + 1.2)


def _negative(expression: Expr) -> bool:
    return bool(expression.could_extract_minus_sign()) and not isinstance(expression, Add)


def _is_sample(index: Expr) -> bool:
    return isinstance(index, Index) and index.axis.sample


def _bound(expression: Expr) -> list[Index]:
    """The indices that sums bind, outermost first."""
    found: list[Index] = []
    for node in _preorder(expression):
        if isinstance(node, Sum):
            limits = sorted((limit[0] for limit in node.limits), key=lambda i: not i.axis.sample)
            found += [i for i in limits if i not in found]
    return found


def _preorder(expression: Expr) -> Iterable[Expr]:
    yield expression
    for argument in expression.args:
        if isinstance(argument, Expr):
            yield from _preorder(argument)


def _glued(set_: Typesetter, boxes: list[Box]) -> Box | None:
    return set_.join(boxes, "", ATOM) if boxes else None


def _is_scalar(expression: Expr) -> bool:
    """Whether an expression is made of numbers and extents only."""
    return not expression.has(Function, Indexed) and all(s.is_integer for s in expression.free_symbols)


def _split_scalars(top: Expr) -> tuple[Expr, list[Expr]]:
    """A numerator's numbers and extents, and its other factors."""
    scalars, rest = Integer(1), []
    for factor in Mul.make_args(top):
        if factor.has(Indexed, Sum, Elementwise) or not (factor.is_number or factor.is_Symbol or factor.is_Pow):
            rest.append(factor)
        else:
            scalars *= factor
    return scalars, rest


def _layer_of(expression: Expr, tensors: Mapping[str, Tensor]) -> int | None:
    for entry in expression.args[0].atoms(Indexed):
        return tensors[entry.base.label.name].layer
    return None


def _tensor_layer(node: mx.Node) -> int | None:
    return node.tensor.layer if isinstance(node, mx.Array) else None
