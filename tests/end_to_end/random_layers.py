"""Random forward passes of layers with any number of axes: convolutions, pools, attention, embeddings, normalisations.

Everything that is computed is read in the end, so every parameter matters. Extents that may differ do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from sympy import Expr, Integer, Max, Rational, exp, sin, sqrt, tanh

from derive.calculus.index import Index
from derive.statement.quantities import Entries
from derive.statement.statement import Statement

#: The least and the greatest extent, and the greatest number of axes and of entries of a tensor.
LEAST, GREATEST, MOST_AXES, MOST_ENTRIES = 2, 5, 4, 60


@dataclass
class Layers:
    """A statement in the making; ``made`` are the tensors so far, ``unread`` those that nothing reads yet."""

    seed: int
    s: Statement = field(default_factory=Statement)
    made: list[Entries] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    count: int = 0

    def __post_init__(self) -> None:
        self.choose = np.random.default_rng(self.seed)

    def number(self, low: int, high: int) -> int:
        return int(self.choose.integers(low, high + 1))

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def extents(self, t: Entries) -> list[int]:
        return [int(a.extent) for a in t.tensor.axes if not a.sample]

    def indices(self, t: Entries) -> list[Index]:
        return [self.s.index(self.name("i"), n) for n in self.extents(t)]

    def source(self, axes: int = 1) -> Entries | None:
        fits = [t for t in self.made if len(self.extents(t)) >= axes]
        late = [t for t in fits if t.name in self.unread]
        return (late or fits)[self.choose.integers(len(late or fits))] if fits else None

    def state(self, indices: list[Index], value: Expr, *read: Entries) -> Entries:
        for t in read:
            self.unread.discard(t.name)
        made = self.s.define(self.name("t"), tuple(indices), value)
        if any(a.sample for a in made.tensor.axes):
            self.made.append(made)
            self.unread.add(made.name)
        return made

    # Layers, each of a tensor that was made before.

    def linear(self) -> None:
        t = self.source()
        assert t is not None
        i = self.indices(t)
        axis = self.number(0, len(i) - 1)
        n = self.s.index(self.name("n"), self.number(LEAST, GREATEST))
        w = self.s.parameter(self.name("W"), int(n.axis.extent), int(i[axis].axis.extent))
        left = [n if a == axis else index for a, index in enumerate(i)]
        if self.choose.random() < 0.4:
            self.choose.shuffle(left)
        value = self.s.sum(w[n, i[axis]] * t[tuple(i)], i[axis])
        if self.choose.random() < 0.5:
            value += self.s.parameter(self.name("b"), int(n.axis.extent))[n]
        self.state(left, value, t)

    def kernel(self) -> None:
        t = self.source()
        assert t is not None
        i = self.indices(t)
        axis = self.number(0, len(i) - 1)
        length = int(i[axis].axis.extent)
        k = self.s.index(self.name("k"), self.number(2, 3))
        stride, dilation, pad = self.number(1, 2), self.number(1, 2), self.number(0, 2)
        p = self.s.index(self.name("p"), max(2, min(GREATEST, (length + stride - 1) // stride + self.number(0, 1))))
        place = stride * (p - 1) + dilation * (k - 1) + 1 - pad
        read = t[tuple(place if a == axis else index for a, index in enumerate(i))]
        left = [p if a == axis else index for a, index in enumerate(i)]
        kind = self.choose.random()
        if kind < 0.5:
            w = self.s.parameter(self.name("K"), int(k.axis.extent))
            self.state(left, self.s.sum(w[k] * read, k), t)
        elif kind < 0.75:
            self.state(left, self.s.max(read, k), t)
        else:
            self.state(left, self.s.mean(read, k), t)

    def transposed_kernel(self) -> None:
        t = self.source()
        assert t is not None
        i = self.indices(t)
        axis = self.number(0, len(i) - 1)
        stride = self.number(1, 2)
        q = self.s.index(self.name("q"), GREATEST)
        w = self.s.parameter(self.name("K"), 3)
        left = [q if a == axis else index for a, index in enumerate(i)]
        self.state(left, self.s.sum(w[q - stride * (i[axis] - 1)] * t[tuple(i)], i[axis]), t)

    def function(self) -> None:
        t = self.source()
        assert t is not None
        i = self.indices(t)
        z = t[tuple(i)]
        forms = (tanh(z), sin(z), z / (1 + exp(-z)), Max(z, z**2 / 3), self.s.apply("softplus", z), z * z / 4)
        self.state(i, forms[self.number(0, len(forms) - 1)], t)

    def softmax(self) -> None:
        t = self.source()
        assert t is not None
        i = self.indices(t)
        axis = self.number(0, len(i) - 1)
        r = self.s.index(self.name("r"), int(i[axis].axis.extent))
        at = t[tuple(r if a == axis else index for a, index in enumerate(i))]
        self.state(i, exp(t[tuple(i)]) / self.s.sum(exp(at), r), t)

    def normalised(self) -> None:
        t = self.source()
        assert t is not None
        i = self.indices(t)
        axis = self.number(0, len(i) - 1)
        rest = [index for a, index in enumerate(i) if a != axis]
        mean = self.s.define(self.name("m"), tuple(rest), self.s.mean(t[tuple(i)], i[axis]))
        at = mean[tuple(rest)] if rest else mean
        size = self.s.define(self.name("v"), tuple(rest), self.s.mean((t[tuple(i)] - at) ** 2, i[axis]))
        below = sqrt((size[tuple(rest)] if rest else size) + Rational(1, 10))
        self.state(i, (t[tuple(i)] - at) / below, t)

    def attention(self) -> None:
        t = self.source(2)
        if t is None:
            return
        i = self.indices(t)
        r, axis = self.s.index(self.name("r"), int(i[0].axis.extent)), i[1]
        rows = t[(r, *i[1:])]
        scores = self.state([i[0], r, *i[2:]], self.s.sum(t[tuple(i)] * rows, axis) / 2, t)
        u = self.s.index(self.name("u"), int(r.axis.extent))
        power = exp(scores[(i[0], r, *i[2:])]) / self.s.sum(exp(scores[(i[0], u, *i[2:])]), u)
        self.state(i, self.s.sum(power * rows, r), scores, t)

    def joined(self) -> None:
        t = self.source()
        assert t is not None
        mates = [m for m in self.made if m.name != t.name and m.tensor.axes == t.tensor.axes]
        i = self.indices(t)
        if mates:
            mate = mates[self.choose.integers(len(mates))]
            one, other = t[tuple(i)], mate[tuple(i)]
            self.state(i, one + other if self.choose.random() < 0.5 else one * other, t, mate)

    def embedding(self) -> None:
        words, steps = self.number(3, 5), self.number(LEAST, 4)
        word = self.s.input(self.name("w"), steps, values=words)
        table = self.s.parameter(self.name("C"), words, 3)
        t, d = self.s.index(self.name("t"), steps), self.s.index(self.name("d"), 3)
        self.state([t, d], table[word[t], d])

    def across_samples(self) -> None:
        t = self.source()
        assert t is not None
        i, u = self.indices(t), self.s.sample(self.name("u"))
        mean = self.s.define(self.name("m"), tuple(i), self.s.sum(t[(*i, u)], u) / self.s.samples)
        self.state(i, t[tuple(i)] - mean[tuple(i)] / 2, t)


def random_layers(seed: int, layers: int = 5) -> Statement:
    """A random statement; the seed decides everything."""
    m = Layers(seed)
    for _ in range(m.number(1, 2)):
        shape = [m.number(LEAST, GREATEST) for _ in range(m.number(1, 3))]
        given = m.s.input(m.name("x"), *shape)
        m.made.append(given)
        m.unread.add(given.name)
    m.linear()
    kinds = (
        *[m.linear] * 4,
        *[m.kernel] * 3,
        m.transposed_kernel,
        *[m.function] * 3,
        m.softmax,
        m.normalised,
        m.attention,
        *[m.joined] * 2,
        m.embedding,
        m.across_samples,
    )
    for _ in range(layers):
        kinds[m.choose.integers(len(kinds))]()
    ends: Expr = Integer(0)
    for t in [t for t in m.made if t.name in m.unread]:
        i = m.indices(t)
        y = m.s.target(m.name("y"), *m.extents(t))
        ends += m.s.mean((y[tuple(i)] - t[tuple(i)]) ** 2, *i)
    m.s.error(ends)
    return m.s
