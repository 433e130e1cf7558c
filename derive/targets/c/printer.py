"""Print statements in index form as loops of C; what does not depend on an inner index is computed before its loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import singledispatchmethod
from typing import Any

from sympy import (
    Expr,
    Function,
    Indexed,
    Integer,
    KroneckerDelta,
    Sum,
    Symbol,
)

from derive.arrays.along import Along, Choice, Less, Where, computed
from derive.arrays.rewriting import spelled
from derive.calculus.extremes import Extreme, LargestPlace, Selected
from derive.calculus.functions import Elementwise
from derive.calculus.index import Index, Tensor
from derive.calculus.products import ProductOfOthers, ProductOver
from derive.calculus.program import Assign
from derive.calculus.recurrence import Recurrence
from derive.targets.c.blocks import STEP, Block, looped
from derive.targets.c.formulas import Formulas, stored_axes
from derive.targets.c.text import Text, at
from derive.targets.numpy.code import PRODUCT, SUM, UNARY

#: The longest row of sums that is kept on the stack.
LONGEST_ROW = 4096


class CPrinter(Formulas):
    """Prints statements, and what needs loops: sums, products and extreme values over indices."""

    # ------------------------------------------------------------ statements

    def statements(self, part: tuple[Recurrence | None, Sequence[Assign]]) -> list[str]:
        """The lines that compute a statement, or those of a recurrence, one place of its axis after the other."""
        recurrence, statements = part
        if recurrence is None:
            return self._statement(statements[0], {})
        count = self.integer(recurrence.axis.extent)
        head = f"for (int t = 0; t < {count}; t++)"
        if recurrence.backward:
            head = f"for (int t = {count} - 1; t >= 0; t--)"
        inner = [line for s in statements for line in self._statement(s, {recurrence.index(s.equation): "t"})]
        return looped([head], inner)

    def _statement(self, statement: Assign, bound: dict[Symbol, str]) -> list[str]:
        """The loops of a statement around the line that computes an entry, which ends with its number."""
        equation, target = statement.equation, statement.target
        self._counts, self.double, self.number = {}, target.name in self.numbers, statement.number
        value = self._opened(equation.expression)
        stored = [equation.indices[number] for number in stored_axes(target)]
        root = self.block = Block(own={**bound})
        loops = []
        for index in self._from_outside([i for i in stored if i not in bound], value):
            self.block = self._inside(index)
            loops.append(self.block)
        self._target = self.block
        for function in value.atoms(Elementwise):
            self.about.setdefault(type(function), statement.number)
        code = self.code(value, {})
        place = self.entry(target.name, [self.integer(index - index.axis.start) for index in stored])
        declared = f"const double {place}" if self._is_local(target) else place
        self.block.lines.append(self._noted(f"{declared} = {code};"))
        for block in reversed(loops):
            assert block.parent is not None
            block.parent.lines += looped([self._head(block)], block.lines)
        self.block, self.double = Block(), False
        alone = root.declares and not self._is_local(target)
        if target.name in self.held:
            self.read.add("held")
            return ["if (!held) {", *(STEP + line for line in root.lines), "}"]
        return ["{", *(STEP + line for line in root.lines), "}"] if alone else root.lines

    def _noted(self, line: str) -> str:
        """A line that computes an equation, or a part of it, with its number."""
        return f"{line}{self._note}"

    def _is_local(self, target: Tensor) -> bool:
        return target.name in self.numbers and "->" not in self.places[target.name]

    def _from_outside(self, indices: list[Index], value: Expr) -> list[Index]:
        """The order of loops: those on which most of the inner loops depend come first, so that fewer of these run."""
        reductions = [*value.atoms(Sum, Extreme, ProductOver), *(_place_of(n) for n in value.atoms(Choice, Less))]
        uses = {i: sum(i in r.free_symbols for r in reductions) for i in indices}
        return sorted(indices, key=lambda i: -uses[i])

    def _opened(self, expression: Expr) -> Expr:
        """The expression with the stable forms of functions along an axis."""
        while found := expression.atoms(Along):
            node = min(found, key=str)
            expression = expression.xreplace({node: computed(node, self._supply)})
        return expression

    def _inside(self, index: Index) -> Block:
        """The body of a new loop over an index in this block."""
        return Block(self.block, {index: self.block.letter(index)}, index)

    def _head(self, block: Block) -> str:
        assert block.index is not None
        name = block.own[block.index]
        return f"for (int {name} = 0; {name} < {self.integer(block.index.axis.extent)}; {name}++)"

    # ------------------------------------------------------------ loops in expressions

    @singledispatchmethod
    def code(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        """Code of an expression, in the innermost loop; loops that it needs come before that line."""
        return super().code(expression, scope)

    def _in_loops(self, indices: Iterable[Index], lines: Callable[[], list[str]]) -> list[str]:
        """Loops in this block, from the outermost, around lines."""
        around, blocks = self.block, list[Block]()
        for index in indices:
            self.block = self._inside(index)
            blocks.append(self.block)
        inner = lines()
        self.block.lines += inner
        for block in reversed(blocks[1:]):
            assert block.parent is not None
            block.parent.lines += looped([self._head(block)], block.lines)
        self.block = around
        return looped([self._head(blocks[0])], blocks[0].lines)

    def _accumulated(self, expression: Expr, word: str, start: str, step: Callable[[str], list[str]]) -> Text:
        """The name of a value that loops over the bound indices of an expression accumulate."""
        block = self.block.binding(expression.free_symbols)
        indices = [limit[0] for limit in expression.limits]
        indices = indices[::-1] if isinstance(expression, Sum) else indices
        indices.sort(key=lambda index: not index.axis.sample)
        wide = self.double or (word == "sum" and self._is_whole(block))
        kind = "double" if wide else "real"

        def lines(name: str) -> list[str]:
            return [f"{kind} {name} = {start};", *self._in_loops(indices, lambda: step(name))]

        name = self._computed_in(block, spelled(expression), word, lines)
        return Text(f"(real){name}", UNARY) if wide and not self.double else name

    def _is_whole(self, block: Block) -> bool:
        """Whether a sum in a block is one of all entries, computed once."""
        return block.parent is None and self.block.parent is None

    def _is_of_rows(self, total: Sum) -> bool:
        """Whether a sum reads memory in order if the innermost index of the target runs inside those of the sum."""
        block, body = self.block, total.function
        if block.index is None or block.parent is None or block.index not in total.free_symbols:
            return False
        if body.has(Sum, Extreme, ProductOver, Function, KroneckerDelta) or self.double or block is not self._target:
            return False
        last = [
            entry.indices[stored_axes(self.tensors[entry.base.label.name])[-1]]
            for entry in body.atoms(Indexed)
            if block.index in entry.free_symbols
        ]
        extent = block.index.axis.extent
        return not (extent.is_Integer and extent > LONGEST_ROW) and all(place == block.index for place in last)

    def _row(self, total: Sum) -> Text:
        """An entry of a row of sums, which loops before that over the row have computed."""
        block, key = self.block, spelled(total)
        around, index = block.parent, block.index
        assert around is not None and index is not None
        if key not in block.known:
            name = self._fresh("sum")
            inside = around
            for bound in sorted((limit[0] for limit in reversed(total.limits)), key=lambda i: not i.axis.sample):
                inside = Block(inside, {bound: inside.letter(bound, block.own[index])}, bound)
            inside = Block(inside, {index: block.own[index]}, index)
            with self._at(inside):
                inside.lines.append(self._noted(f"{name}[{inside.own[index]}] += {self.code(total.function, {})};"))
                around.lines.append(f"real {name}[{self.integer(index.axis.extent)}] = {{0}};")
                while inside is not around:
                    assert inside.parent is not None
                    inside.parent.lines += looped([self._head(inside)], inside.lines)
                    inside = inside.parent
            block.known[key], around.declares = f"{name}[{block.own[index]}]", True
        return Text(block.known[key])

    @code.register(Sum)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        if self._is_of_rows(expression):
            return self._row(expression)
        return self._accumulated(
            expression, "sum", "0", lambda name: [self._noted(f"{name} += {self.code(expression.function, {})};")]
        )

    @code.register(ProductOver)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        return self._accumulated(
            expression, "product", "1", lambda name: [self._noted(f"{name} *= {self.code(expression.function, {})};")]
        )

    @code.register(ProductOfOthers)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        factors = expression.factors
        indices = [limit[0] for limit in factors.limits]
        new = {index: self._supply.fresh(index.axis) for index in indices}
        body = factors.function.xreplace(new)
        block = self.block.binding(expression.free_symbols - set(new.values()))

        def step(name: str) -> list[str]:
            pairs = zip(new.values(), expression.places, strict=True)
            return [f"if (!({self._all_equal(pairs)}))", self._noted(f"{STEP}{name} *= {self.code(body, {})};")]

        return self._computed_in(
            block,
            spelled(expression),
            "product",
            lambda name: [f"real {name} = 1;", *self._in_loops(new.values(), lambda: step(name))],
        )

    @code.register(Extreme)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        name, start = ("larger", "-INFINITY") if expression.sign > 0 else ("smaller", "INFINITY")
        self.called.add(name)
        return self._accumulated(
            expression,
            "top",
            start,
            lambda top: [self._noted(f"{top} = {name}({top}, {self.code(expression.function, {})});")],
        )

    def _place(self, extreme: Extreme) -> tuple[Index, ...]:
        """The place of an extreme value, as indices that are bound where it is found."""
        key, block = spelled(extreme), self.block.binding(extreme.free_symbols)
        found = next((b.places[key] for b in self.block.chain() if key in b.places), None)
        if found is None:
            found = tuple(Index(self._fresh("at"), limit[0].axis) for limit in extreme.limits)
            with self._at(block):
                block.lines += self._search(extreme, found)
            block.places[key], block.declares = found, True
            block.own = {**block.own, **{index: index.name for index in found}}
        return found

    def _search(self, extreme: Extreme, found: tuple[Index, ...]) -> list[str]:
        """The lines that look for the first extreme value."""
        is_beyond, start = ("above", "-INFINITY") if extreme.sign > 0 else ("below", "INFINITY")
        self.called.add(is_beyond)
        top, indices = self._fresh("top"), [limit[0] for limit in extreme.limits]

        def step() -> list[str]:
            value = self._fresh("value")
            moves = [f"{STEP}{to.name} = {self.block.name(index)};" for to, index in zip(found, indices, strict=True)]
            return [
                self._noted(f"const real {value} = {self.code(extreme.function, {})};"),
                f"if ({is_beyond}({value}, {top})) {{",
                f"{STEP}{top} = {value};",
                *moves,
                "}",
            ]

        declared = ", ".join(f"{index.name} = 0" for index in found)
        return [f"int {declared};", f"real {top} = {start};", *self._in_loops(indices, step)]

    @code.register(Selected)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        found = self._place(expression.extreme)
        pairs = zip(expression.places, found, strict=True)
        return self.choice(self._all_equal(pairs), Text("1"), Text("0"))

    @code.register(Choice)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        _, index, this, that = expression.args
        (found,) = self._place(_place_of(expression))
        here = self.equal(index, found)
        return self.choice(here, self.code(this, {}), self.code(that, {})) if here else self.code(this, {})

    @code.register(Less)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        value, _, index = expression.args
        (found,) = self._place(_place_of(expression))
        other = self.code(value.xreplace({index: found}), {})
        return Text(f"{at(self.code(value, {}), SUM)} - {at(other, PRODUCT)}", SUM)

    @code.register(Where)
    def _(self, expression: Any, scope: Mapping[Symbol, str]) -> str:
        condition, this, that = (self.code(a, {}) for a in expression.args)
        return self.choice(f"{at(condition, SUM)} != 0", this, that)


def _place_of(node: Choice | Less) -> Extreme:
    """The place of the maximum that a choice depends on."""
    of, index = (node.args[0], node.args[1]) if isinstance(node, Choice) else (node.args[1], node.args[2])
    new = Index(f"_{index.name}", index.axis)
    found: Extreme = LargestPlace(of.xreplace({index: new}), (new, Integer(index.axis.start), index.axis.stop))
    return found
