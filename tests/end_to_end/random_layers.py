"""Random statements of everything that equations can say: layers with any number of axes, and formulas at random.

Everything that is computed is read in the end, so every parameter matters. Extents that may differ do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sympy import (
    Abs,
    And,
    Expr,
    Integer,
    Max,
    Min,
    Or,
    Piecewise,
    Rational,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    sign,
    sin,
    sinh,
    sqrt,
    tanh,
)

from derive.calculus.functions import X, elementwise
from derive.calculus.index import Axis, Index, symbols_read
from derive.statement.quantities import Entries, Size
from derive.statement.statement import Statement
from derive.text.errors import StatementError

#: The greatest number of axes and of entries of a tensor.
MOST_AXES, MOST_ENTRIES = 4, 60
#: The number of entries that a size without a value is taken to have.
NAMED = 3
#: Seeds from here on draw the newer layers, too: what smaller seeds state stays the same.
NEWER = 1_000_000

OWN = elementwise("own", X / sqrt(X**2 + 1))
ACTIVATIONS = ("gelu", "elu(alpha=1.4)", "mish", "hard_tanh", "softsign", "leaky_relu(slope=0.1)", "softplus", "silu")
LOSSES = ("mse", "half_sse", "mae", "huber", "log_cosh", "hinge", "squared_hinge", "poisson")

#: What may be written of one number, whatever it is.
UNARY: tuple[Callable[[Expr], Expr], ...] = (
    tanh,
    sin,
    cos,
    atan,
    asinh,
    erf,
    erfc,
    Abs,
    OWN,
    lambda f: exp(tanh(f)),
    lambda f: exp(-(f**2)),
    lambda f: log(1 + f**2),
    lambda f: log(1 + exp(f)),
    lambda f: sqrt(Rational(1, 10) + f**2),
    lambda f: 1 / (1 + f**2),
    lambda f: 1 / (1 + exp(-f)),
    lambda f: f / (1 + Abs(f)),
    lambda f: f**2 / 2,
    lambda f: -f / 3,
    lambda f: Max(f, 0),
    lambda f: Min(f, f**2, 2),
    lambda f: asin(tanh(f) * Rational(9, 10)),
    lambda f: acos(tanh(f) / 2),
    lambda f: sinh(tanh(f)),
    lambda f: cosh(tanh(f)),
    lambda f: acosh(2 + f**2),
    lambda f: Piecewise((f, f > 0), (f / 5, True)),
    lambda f: Piecewise((f**2, And(f > -1, f < 1)), (2 * Abs(f) - 1, True)),
)
#: What may be written of two numbers.
BINARY: tuple[Callable[[Expr, Expr], Expr], ...] = (
    lambda f, g: f + g,
    lambda f, g: f - 2 * g,
    lambda f, g: f * g,
    lambda f, g: f / (1 + g**2),
    lambda f, g: f / (Rational(1, 2) + exp(g)),
    lambda f, g: (f - g) ** 2,
    Max,
    lambda f, g: Min(f, g / 2 + 1),
    lambda f, g: sign(f) * g + f / 4,
    lambda f, g: (1 + f**2) ** tanh(g),
    lambda f, g: exp(tanh(f)) ** g,
    lambda f, g: Piecewise((f, f > g), (g / 2, True)),
    lambda f, g: Piecewise((f * g, Or(f > 0, g < -1)), (tanh(f), g >= Rational(3, 8)), (g, True)),
)


def plain(length: int) -> Size:
    """A size that has no name."""
    return Size(str(length), Axis(Integer(length)))


@dataclass
class Layers:
    """A statement in the making; ``made`` are the tensors so far, ``learned`` the parameters."""

    seed: int
    s: Statement = field(init=False)
    made: list[Entries] = field(default_factory=list)
    learned: list[Entries] = field(default_factory=list)
    choosers: list[Entries] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.choose = np.random.default_rng(self.seed)
        options: dict[str, Any] = {}
        if self.chance(0.1):
            options["optimizer"] = self.pick("momentum", "adam", "rmsprop")
        if self.chance(0.05):
            options["l2"] = 0.01
        if self.chance(0.05):
            options["clip"] = 1.5
        self.alone = not options and self.chance(0.15)
        self.s = Statement(notation=self.pick("psi", "psi", "bracket", "delta", "xbar"), **options)
        first, second, third = (int(n) for n in self.choose.permutation([2, 3, 4]))
        last = self.pick(
            lambda name: self.s.size(name),
            lambda name: self.s.size(name, third),
            lambda name: self.s.size(name, third, start=0),
            lambda name: plain(third),
        )(self.name("n"))
        self.sizes = [plain(first), plain(second), last]

    # Choices.

    def number(self, low: int, high: int) -> int:
        return int(self.choose.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        return bool(self.choose.random() < share)

    def pick(self, *choices: Any) -> Any:
        return choices[self.choose.integers(len(choices))]

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def length(self, size: Size) -> int:
        return int(size.axis.extent) if size.axis.extent.is_Integer else NAMED

    def index(self, size: Size, stem: str = "i") -> Index:
        return self.s.index(self.name(stem), size)

    def indices(self, t: Entries) -> list[Index]:
        return [self.index(size) for size in t.sizes]

    def shape(self, low: int, high: int) -> list[Size]:
        return [self.pick(*self.sizes) for _ in range(self.number(low, high))]

    def size_of(self, index: Index) -> Size:
        return Size(str(index.axis.extent), index.axis)

    @property
    def read(self) -> set[str]:
        """The names of what equations read."""
        return {name for e in self.s._equations for name in symbols_read(e.expression)}

    # What is read, and what is made.

    def parameter(self, stem: str, *sizes: Size, **start: Any) -> Entries:
        fits = [p for p in self.learned if [q.axis for q in p.sizes] == [q.axis for q in sizes]]
        if fits and not start and self.chance(0.2):
            return self.pick(*fits)
        made = self.s.parameter(self.name(stem), *sizes, **start)
        self.learned.append(made)
        return made

    def source(self, axes: int = 1, most: int = MOST_AXES) -> Entries:
        fits = [t for t in self.made if axes <= len(t.sizes) <= most]
        read = self.read
        late = [t for t in fits if t.name not in read]
        if not fits:
            return self.given(*[self.pick(*self.sizes) for _ in range(axes)])
        return self.pick(*(late or fits))

    def given(self, *sizes: Size, **options: Any) -> Entries:
        made = self.s.input(self.name("x"), *sizes, **options)
        self.made.append(made)
        return made

    def state(self, indices: Sequence[Index], value: Expr) -> Entries:
        made = self.s.define(self.name("t"), tuple(indices), value)
        self.made.append(made)
        return made

    def along(self, t: Entries) -> tuple[list[Index], int]:
        """Indices of a tensor, and one of its axes."""
        i = self.indices(t)
        return i, self.number(0, len(i) - 1)

    def small(self, *indices: Index) -> bool:
        return np.prod([self.length(self.size_of(i)) for i in indices], dtype=int) <= MOST_ENTRIES

    # Layers, each of a tensor that was made before.

    def linear(self) -> None:
        t = self.source()
        i, axis = self.along(t)
        n = self.index(self.pick(*self.sizes), "n")
        w = self.parameter("W", self.size_of(n), self.size_of(i[axis]))
        left = [n if a == axis else index for a, index in enumerate(i)]
        if self.chance(0.4):
            self.choose.shuffle(left)
        value = self.s.sum(w[n, i[axis]] * t[tuple(i)], i[axis])
        if self.chance(0.5):
            value += self.parameter("b", self.size_of(n))[n]
        self.state(left, value)

    def kernel(self) -> None:
        t = self.source()
        i, axis = self.along(t)
        length, start = self.length(t.sizes[axis]), t.sizes[axis].axis.start
        k = self.s.index(self.name("k"), self.number(2, 3))
        stride, dilation, pad = self.number(1, 2), self.number(1, 2), self.number(0, 2)
        p = self.s.index(self.name("p"), max(2, min(5, (length + stride - 1) // stride + self.number(0, 1))))
        place = stride * (p - 1) + dilation * (k - 1) + start - pad
        if not self.sizes_fixed(t, axis):
            p, place = self.index(t.sizes[axis], "p"), i[axis] + k - 1 - min(pad, 1)
            place = place.xreplace({i[axis]: p})
        read = t[tuple(place if a == axis else index for a, index in enumerate(i))]
        left = [p if a == axis else index for a, index in enumerate(i)]
        if self.chance(0.4):
            w = self.parameter("K", self.size_of(k))
            value = self.s.sum(w[k] * read, k)
        else:
            value = self.pick(self.s.max, self.s.min, self.s.mean, self.s.prod)(read, k)
        self.state(left, value)

    def sizes_fixed(self, t: Entries, axis: int) -> bool:
        return bool(t.sizes[axis].axis.extent.is_Integer)

    def transposed_kernel(self) -> None:
        t = self.source()
        i, axis = self.along(t)
        stride = self.number(1, 2)
        q = self.s.index(self.name("q"), 5)
        w = self.s.parameter(self.name("K"), 3)
        self.learned.append(w)
        left = [q if a == axis else index for a, index in enumerate(i)]
        place = q - stride * (i[axis] - i[axis].axis.start)
        self.state(left, self.s.sum(w[place] * t[tuple(i)], i[axis]))

    def function(self) -> None:
        t = self.source(0)
        i = self.indices(t)
        z = t[tuple(i)]
        self.state(i, self.s.apply(self.pick(*ACTIVATIONS), z) if self.chance(0.3) else self.pick(*UNARY)(z))

    def learned_slope(self) -> None:
        t = self.source(0)
        i = self.indices(t)
        z, b = t[tuple(i)], self.parameter("a", *t.sizes[:1] * self.number(0, 1))
        b = b[tuple(i[:1] * len(b.sizes))]
        value = self.pick(
            Piecewise((z, z > 0), (b * z, True)),
            Piecewise((z, z > b), (b * tanh(z), z < -1), (z * b, True)),
            Max(z, b * z),
            Min(b * z + 1, z**2, 2),
            Abs(z - b),
            tanh(z * b) * sign(z),
            Max(z, 0) + b * Min(z, 0),
        )
        self.state(i, value)

    def softmax(self) -> None:
        t = self.source()
        i, axis = self.along(t)
        over = [axis] if len(i) == 1 or self.chance(0.7) else [axis, (axis + 1) % len(i)]
        r = {a: self.index(t.sizes[a], "r") for a in over}
        at = t[tuple(r.get(a, index) for a, index in enumerate(i))]
        z, power = t[tuple(i)], self.s.sum(exp(at), *r.values())
        rest = [index for a, index in enumerate(i) if a not in over]
        kind = self.number(0, 3)
        if kind == 0:
            self.state(rest, log(power))
        elif kind == 1:
            self.state(i, z - log(power))
        elif kind == 2:
            e = self.s.define(self.name("e"), tuple(i), exp(z))
            of = self.s.sum(e[tuple(r.get(a, index) for a, index in enumerate(i))], *r.values())
            self.state(i, e[tuple(i)] / of)
        else:
            self.state(i, exp(z) / power)

    def normalised(self) -> None:
        t = self.source()
        i, axis = self.along(t)
        rest = [index for a, index in enumerate(i) if a != axis]
        mean = self.s.define(self.name("m"), tuple(rest), self.s.mean(t[tuple(i)], i[axis]))
        size = self.s.define(self.name("v"), tuple(rest), self.s.mean((t[tuple(i)] - mean[tuple(rest)]) ** 2, i[axis]))
        eps = self.s.constant(self.name("c"), 0.1) if self.chance(0.5) else Rational(1, 10)
        self.state(i, (t[tuple(i)] - mean[tuple(rest)]) / sqrt(size[tuple(rest)] + eps))

    def attention(self) -> None:
        t = self.source(2, 3)
        i = self.indices(t)
        r, axis = self.index(t.sizes[0], "r"), i[1]
        rows = t[(r, *i[1:])]
        if not self.small(i[0], r, *i[2:]):
            return
        scores = self.state([i[0], r, *i[2:]], self.s.sum(t[tuple(i)] * rows, axis) / 2)
        u = self.index(t.sizes[0], "u")
        power, all_powers = exp(scores[(i[0], r, *i[2:])]), exp(scores[(i[0], u, *i[2:])])
        if self.chance(0.3):
            mask = self.s.input(self.name("x"), t.sizes[0], t.sizes[0], samples=False)
            self.s.promise_mask(mask)
            power, all_powers = mask[i[0], r] * power, mask[i[0], u] * all_powers
        self.state(i, self.s.sum(power / self.s.sum(all_powers, u) * rows, r))

    def joined(self) -> None:
        t = self.source(0)
        mates = [m for m in self.made if m.name != t.name and [q.axis for q in m.sizes] == [q.axis for q in t.sizes]]
        i = self.indices(t)
        if mates:
            mate = self.pick(*mates)
            self.state(i, self.pick(*BINARY)(t[tuple(i)], mate[tuple(i)]))

    def outer(self) -> None:
        t, w = self.source(1, 2), self.source(1, 2)
        i, j = self.indices(t), self.indices(w)
        if t.name != w.name and self.small(*i, *j):
            self.state([*i, *j], tanh(t[tuple(i)] * w[tuple(j)]))

    def chooser(self, values: Size) -> Entries:
        """Whole numbers that number the entries of a size."""
        fits = [t for t in self.choosers if t.tensor.places == values.axis]
        if fits and self.chance(0.3):
            return self.pick(*fits)
        sizes = self.shape(0, 1)
        made = self.s.input(self.name("w"), *sizes, values=values, samples=not sizes or self.chance(0.7))
        self.choosers.append(made)
        return made

    def embedding(self) -> None:
        vocabulary = self.pick(*self.sizes)
        word = self.chooser(vocabulary)
        sizes = self.shape(1, 2)
        t, d = self.indices(word), [self.index(size, "d") for size in sizes]
        if self.chance(0.3) and len(d) == 1:
            table = self.parameter("C", *sizes, vocabulary)
            self.state([*t, *d], table[d[0], word[tuple(t)]])
        else:
            table = self.parameter("C", vocabulary, *sizes)
            self.state([*t, *d], table[(word[tuple(t)], *d)])

    def gathered(self) -> None:
        t = self.source()
        i, axis = self.along(t)
        word = self.chooser(t.sizes[axis])
        j = self.indices(word)
        left = [*i[:axis], *j, *i[axis + 1 :]]
        if len(left) <= MOST_AXES:
            at = word[tuple(j)]
            self.state(left, t[tuple(at if a == axis else index for a, index in enumerate(i))])

    def across_samples(self) -> None:
        t = self.source(0, 3)
        i, u = self.indices(t), self.s.sample(self.name("u"))
        other = t[(*i, u)] if self.sampled(t) else None
        if other is None:
            return
        kind = self.number(0, 4)
        if kind == 0:
            mean = self.s.define(self.name("m"), tuple(i), self.s.sum(other, u) / self.s.samples)
            self.state(i, t[tuple(i)] - mean[tuple(i)] / 2)
        elif kind == 1:
            self.state(i, t[tuple(i)] - self.s.mean(other, u))
        elif kind == 2:
            self.state(i, self.pick(self.s.max, self.s.min)(other, u))
        elif kind == 3 and i:
            mean = self.s.define(self.name("m"), tuple(i), self.s.mean(other, u))
            size = self.s.define(self.name("v"), tuple(i), self.s.mean((other - mean[tuple(i)]) ** 2, u))
            self.state(i, (t[tuple(i)] - mean[tuple(i)]) / sqrt(size[tuple(i)] + Rational(1, 10)))
        else:
            near = exp(-((t[tuple(i)] - other) ** 2))
            self.state([], self.s.sum(self.s.sum(near, *i) if i else near, u) / self.s.samples)

    def averaged(self) -> None:
        """A normalisation over the samples, of which predictions read running averages."""
        t = self.source(0, 3)
        fixed = all(self.sizes_fixed(t, axis) for axis in range(len(t.sizes)))  # others may be no parameter's
        if not self.sampled(t) or self.alone or not fixed:  # a layer alone takes no step
            return
        i, u, s = self.indices(t), self.s.sample(self.name("u")), self.s
        other = t[(*i, u)]
        mean = s.define(self.name("m"), tuple(i), s.mean(other, u))
        size = s.define(self.name("v"), tuple(i), s.mean((other - mean[tuple(i)]) ** 2, u))
        if self.chance(0.6):
            self.average(mean, momentum=self.pick(0.1, 0.01, 0.5))
        if self.chance(0.3):
            wider = s.define(self.name("v"), tuple(i), size[tuple(i)] * s.samples / Max(s.samples - 1, 1))
            self.average(size, start=1, of=wider)
        elif self.chance(0.6):
            self.average(size, start=self.pick(1, 0.5))
        self.state(i, (t[tuple(i)] - mean[tuple(i)]) / sqrt(size[tuple(i)] + Rational(1, 10)))

    def average(self, tensor: Entries, **how: Any) -> None:
        """Let predictions read a running average, unless no data are averaged."""
        try:
            self.s.running(tensor, **how)
        except StatementError as refusal:
            assert "it is the same for every batch" in str(refusal), refusal

    def stopped(self) -> None:
        """What is taken for a constant: a target, a straight-through estimator, a weight of a sum."""
        t = self.source(0)
        i = self.indices(t)
        z, stop = t[tuple(i)], self.s.stop_gradient
        value = self.pick(
            lambda: z + stop(sign(z) - z),
            lambda: z * stop(tanh(z)),
            lambda: (z - stop(z**2)) ** 2,
            lambda: stop(exp(tanh(z))) * sin(z) + z,
            lambda: tanh(z) + stop(self.s.mean(t[tuple(k)], *k)) if (k := self.indices(t)) else z * stop(z),
        )
        self.state(i, value())

    def sampled(self, t: Entries) -> bool:
        return any(a.sample for a in t.tensor.axes)

    def reduced(self) -> None:
        t = self.source()
        i = self.indices(t)
        number = self.number(1, len(i))
        over = [int(a) for a in self.choose.permutation(len(i))[:number]]
        rest = [index for a, index in enumerate(i) if a not in over]
        if number > 1 and self.chance(0.5):
            inner = self.reduce(self.pick(*UNARY)(t[tuple(i)]), i[over[0]])
            self.state(rest, self.reduce(self.pick(*UNARY)(inner), *(i[a] for a in over[1:])))
        else:
            self.state(rest, self.reduce(t[tuple(i)], *(i[a] for a in over)))

    def reduce(self, body: Expr, *over: Index) -> Expr:
        s = self.s
        if any(index not in body.free_symbols for index in over):
            factors = [self.parameter("g", self.size_of(index))[index] for index in over]
            body = (body or 1) * sum(factors[1:], factors[0])  # terms may cancel
        return self.pick(
            s.sum,
            s.mean,
            s.prod,
            s.max,
            s.min,
            lambda f, *r: log(s.sum(exp(f), *r)),
            lambda f, *r: sqrt(s.mean(f**2, *r) + Rational(1, 10)),
            lambda f, *r: s.sum(f * exp(f), *r) / s.sum(exp(f), *r),
        )(body, *over)

    def powered(self) -> None:
        t = self.source(0)
        i = self.indices(t)
        z, kind = t[tuple(i)], self.number(0, 3)
        if kind == 0:
            p = self.s.parameter(self.name("p"), *t.sizes[:1], start=1.5)
            self.s.promise_positive(p)
            self.state(i, p[tuple(i[:1])] ** tanh(z))
        elif kind == 1:
            e = self.s.define(self.name("e"), tuple(i), exp(tanh(z)))
            self.state(i, e[tuple(i)] ** self.parameter("p", *t.sizes[:1])[tuple(i[:1])])
        elif kind == 2:
            self.state(i, (1 + z**2) ** self.parameter("p")[()])
        else:
            data = self.s.input(self.name("x"), *t.sizes[:1])
            self.pick(self.s.promise_positive, self.s.promise_probabilities)(data)
            self.state(i, data[tuple(i[:1])] ** tanh(z) + z * log(data[tuple(i[:1])]))

    def promised(self) -> None:
        t = self.source(0)
        i = self.indices(t)
        z, kind = t[tuple(i)], self.number(0, 3)
        data = self.s.input(self.name("x"), *t.sizes, samples=self.chance(0.7))
        x = data[tuple(i)]
        if kind == 0:
            self.s.promise_mask(data)
            self.state(i, self.pick(x * z, x**2 * z + (1 - x) * tanh(z), Piecewise((z, x > Rational(1, 2)), (0, True))))
        elif kind == 1:
            self.s.promise_positive(data)
            self.state(i, self.pick(z / x, Abs(x) * z, sqrt(x) + z * x, Abs(z) ** 2 * log(x)))
        elif kind == 2:
            self.s.promise_probabilities(data)
            self.state(i, self.pick(z * log(x / (1 - x)), x * z + (1 - x) * z**2, asin(x) * z))
        elif i:
            over = self.number(0, len(i) - 1)
            self.s.promise_sums_to_one(data, over + 1)
            self.state([index for index in i if index != i[over]], self.s.sum(x * z, i[over]))
        else:
            self.state(i, x * z)

    def constants(self) -> None:
        t = self.source(0)
        i = self.indices(t)
        z, c = t[tuple(i)], self.s.constant(self.name("c"), self.pick(0.25, 2, 0.02, -1.5, 30))
        size = self.pick(*(t.sizes or [self.sizes[0]]))
        self.state(i, self.pick(c * z, z / (1 + c**2), tanh(c * z), c + z / size, Max(c, z), z / sqrt(z**2 + c**2)))

    def derived(self) -> None:
        """The derivative of a tensor with respect to data or to a parameter, read by an equation."""
        ends = [t for t in self.made if t.tensor.role not in ("input", "target") and len(t.sizes) <= 2]
        given = [q for q in self.made if q.tensor.role == "input"]
        wrt = [q for q in (*given, *self.learned) if len(q.sizes) <= 1]
        if not ends or not wrt:
            return
        t, q = self.pick(*ends), self.pick(*wrt)
        slope = self.slope(t, q)
        if slope is not None and self.chance(0.4):
            wrt = self.pick(*wrt)
            if len(wrt.sizes) + len(slope.sizes) <= MOST_AXES:
                slope = self.slope(slope, wrt) or slope
        if slope is None:
            return
        i = self.indices(slope)
        self.state(i, self.pick(tanh, lambda f: f / 2, lambda f: f**2)(slope[tuple(i)]))

    def slope(self, of: Entries, wrt: Entries) -> Entries | None:
        """A derivative; None if it is none."""
        try:
            return self.s.diff(of, wrt)
        except StatementError as refusal:
            wanted = ("does not depend on", "whose derivative is no equation so far", "is that of the same sample")
            assert any(w in str(refusal) for w in wanted), refusal
            return None

    # Formulas at random.

    def formulated(self) -> None:
        scope = [self.index(size) for size in self.shape(0, 2)]
        self.state(scope, self.anchored(scope, self.formula(scope, self.number(2, 3))))

    def anchored(self, scope: Sequence[Index], value: Expr) -> Expr:
        """A formula that reads all of its indices, and the same sample if any is there to be read."""
        for index in scope:
            if index not in value.free_symbols:
                value = value + self.parameter("b", self.size_of(index))[index]
        return value

    def formula(self, scope: Sequence[Index], depth: int) -> Expr:
        kind = self.choose.random()
        if depth == 0 or kind < 0.1:
            return self.leaf(scope)
        if kind < 0.4:
            return self.pick(*UNARY)(self.formula(scope, depth - 1))
        if kind < 0.7 or len(scope) > 2:
            return self.pick(*BINARY)(self.formula(scope, depth - 1), self.formula(scope, depth - 1))
        over = self.index(self.pick(*self.sizes), "j")
        return self.reduce(self.formula([*scope, over], depth - 1), over)

    def leaf(self, scope: Sequence[Index]) -> Expr:
        kind = self.choose.random()
        if kind < 0.1:
            return self.pick(Rational(1, 3), Integer(2), Rational(-3, 2), self.s.constant(self.name("c"), 0.7))
        if kind < 0.35:
            some = [index for index in scope if self.chance(0.6)][:2]
            return self.parameter("w", *map(self.size_of, some))[tuple(some)]
        t = self.source(0, 3)
        return t[tuple(self.place(size, scope) for size in t.sizes)]

    def place(self, size: Size, scope: Sequence[Index]) -> Expr:
        """What an axis is read at: an index, a formula of indices, a number of a place, or data that choose one."""
        fits = [index for index in scope if index.axis == size.axis]
        kind, length, start = self.choose.random(), self.length(size), size.axis.start
        if fits and kind < 0.8:
            return self.pick(*fits)
        if fits and kind < 0.9 and length > 1:
            index = self.pick(*fits)
            return self.pick(index + 1, index - 1, 2 * index - start, 2 * start + length - 1 - index)
        if scope and kind < 0.93 and size.axis.extent.is_Integer:
            one = self.pick(*scope)
            if one.axis.extent.is_Integer and one.axis.extent <= length:
                return one + start - one.axis.start
        if kind < 0.96:
            word = self.chooser(size)
            if all(any(index.axis == q.axis for index in scope) for q in word.sizes):
                return word[tuple(next(i for i in scope if i.axis == q.axis) for q in word.sizes)]
        return Integer(start + self.number(0, min(1, length - 1)))

    # The end.

    def finished(self) -> Statement:
        read, heads = self.read, list[Entries]()
        for t in [t for t in self.made if t.name not in read]:
            if t.tensor.role != "input":
                heads.append(t)
                continue
            i = self.indices(t)
            value = t[tuple(i)] * self.parameter("w", *t.sizes[:1])[tuple(i[:1])]
            heads.append(self.s.define(self.name("t"), tuple(i), value))
        if self.alone and all(self.sampled(t) for t in heads):
            self.s.backward(*heads)
            return self.s
        flat = [t for t in heads if len(t.sizes) == 1 and self.sampled(t)]
        if len(heads) == 1 and flat and self.chance(0.5):
            y = self.s.target(self.name("y"), *flat[0].sizes)
            self.s.loss(self.pick(*LOSSES[:-1]), y, flat[0])
            return self.s
        self.s.error(sum((self.cost(t) for t in heads), start=Integer(0)))
        if self.chance(0.2):
            self.s.output(*heads)
        return self.s

    def cost(self, t: Entries) -> Expr:
        i, kind, s = self.indices(t), self.number(0, 9), self.s
        z = t[tuple(i)]
        over: Callable[[Expr], Expr] = (lambda f: self.pick(s.mean, s.sum)(f, *i)) if i else (lambda f: f)
        if not self.sampled(t) or kind == 0:
            return over(z**2) / 3
        y = s.target(self.name("y"), *t.sizes)
        at = y[tuple(i)]
        if kind == 1 and i:
            s.promise_sums_to_one(y, i[0])
            k = self.index(t.sizes[0], "k")
            power = s.sum(exp(t[(k, *i[1:])]), k)
            return -over(at * (z - log(power)))
        if kind == 2:
            s.promise_probabilities(y)
            p = 1 / (1 + exp(-2 * tanh(z)))  # 1 - p has a value in floats
            return -over(at * log(p) + (1 - at) * log(1 - p))
        if kind == 3:
            return over(Abs(at - z))
        if kind == 4:
            spread = self.parameter("a")[()]
            return over((at - z) ** 2 * exp(-spread)) + spread / 2
        if kind == 5:
            u = s.sample(self.name("u"))
            far = (y[(*i, u)] - t[(*i, u)]) ** 2
            return s.mean(far, *i, u)
        return over((at - z) ** 2)


#: The layers by name, and how often each is taken.
KINDS = {
    "linear": 4,
    "kernel": 3,
    "transposed_kernel": 1,
    "function": 2,
    "learned_slope": 1,
    "softmax": 2,
    "normalised": 1,
    "attention": 1,
    "joined": 2,
    "outer": 1,
    "embedding": 1,
    "gathered": 1,
    "across_samples": 2,
    "reduced": 2,
    "powered": 1,
    "promised": 1,
    "constants": 1,
    "derived": 1,
    "formulated": 4,
}
#: Those that only seeds from ``NEWER`` on draw.
NEWER_KINDS = {"averaged": 2, "stopped": 2}


def random_layers(seed: int, layers: int = 4, last: str = "") -> Statement:
    """A random statement; the seed decides everything. The ``last`` layer may be chosen."""
    m = Layers(seed)
    for _ in range(m.number(1, 2)):
        shape = m.shape(1, m.pick(2, 2, 3))
        m.given(*shape, gradient=m.chance(0.3))
    m.linear()
    kinds = KINDS if seed < NEWER else KINDS | NEWER_KINDS
    names = [name for name, weight in kinds.items() for _ in range(weight)]
    for kind in [*(m.pick(*names) for _ in range(layers - bool(last))), *([last] * bool(last))]:
        getattr(m, kind)()
    return m.finished()
