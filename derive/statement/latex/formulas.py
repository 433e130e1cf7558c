"""Trees of LaTeX as the formulas of the text language."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from lark import Token, Tree

from derive.catalogue.activations import ACTIVATIONS
from derive.statement.language.meanings import ELEMENTARY, NORMALISED
from derive.statement.language.syntax import (
    MAX_DIGITS,
    Both,
    Call,
    Chain,
    Comparison,
    Name,
    Negative,
    Node,
    Number,
    Power,
    Read,
    parts,
)
from derive.statement.latex.arrays import COLUMNS, ROWS, Unfit, put
from derive.statement.latex.grammar import first, items
from derive.statement.latex.names import (
    Factor,
    Symbol,
    content,
    entries,
    factors,
    flat,
    flat_of,
    letters,
    lone,
    symbol,
    word_of,
)
from derive.statement.latex.reductions import Reductions, read_alone
from derive.statement.latex.symbols import MAX_ORDER, Scope, check_braces, number_at, plain_of
from derive.statement.latex.tokens import place_of
from derive.text.known import canonical
from derive.text.source import Misread, Place

_OTHER = {"ln": "log", "sgn": "sign", "sg": "stop_gradient", "stopgrad": "stop_gradient"}


class Formulas(Reductions):
    """Turns trees into formulas; names that are not known are collected in ``unknown``."""

    def formula(self, node: Any, scope: Scope) -> Node:
        """A sum, or whatever stands where one may."""
        with self._deeper(place_of(first(node))):
            if isinstance(node, Token):
                return self._factor(Factor(node, place_of(node)), scope)
            return _KINDS[str(node.data)](self, node, scope)

    def _expr(self, node: Any, scope: Scope) -> Node:
        children = list(node.children)
        signed = isinstance(children[0], Token)
        sign = children.pop(0) if signed else None
        head = self._product(factors(children[0]), scope)
        if sign is not None and sign.type == "MINUS":
            head = Negative(head, place_of(sign))
        rest = []
        for mark, term in zip(children[1::2], children[2::2], strict=True):
            operand = self._product(factors(term), scope)
            rest.append(("+" if mark.type == "PLUS" else "-", operand, operand.place))
        self.arrays.check_terms([head, *(operand for _, operand, _ in rest)])
        return Chain(head, tuple(rest), head.place) if rest else head

    # Products.

    def _product(self, found: Sequence[Factor], scope: Scope) -> Node:
        if not found:
            raise Misread(Place(1, 1), "an empty formula stands where a number is expected")
        operands = list[tuple[str, Node, Place]]()
        at = 0
        while at < len(found):
            factor = found[at]
            if len(operands) > 1 and operands[-1][0] == "/" and not factor.sign:
                if not all(isinstance(node, Number) for _, node, _ in operands[-2:]):
                    raise Misread(factor.place, r"what is divided by here? Write \frac{a}{b}, or brackets")
            self._check_word(found, at)
            node, at = self._next(found, at, scope)
            operands.append((factor.sign, node, factor.place))
        if self.arrays.any:
            operands = self._of_arrays(operands)
        (_, head, place), *rest = operands
        return Chain(head, tuple(("/" if s == "/" else "*", n, p) for s, n, p in rest), place) if rest else head

    def _of_arrays(self, operands: Sequence[tuple[str, Node, Place]]) -> list[tuple[str, Node, Place]]:
        """The operands of a product with the arrays among them in one; products of matrices come before others."""
        whole, signs = list[tuple[str, Node, Place]](), list[tuple[str, Node, Place]]()
        for sign, node, place in operands:
            if not self.arrays.axes(node):
                whole.append((sign, node, place))
            elif signs and sign not in ("odot", "/"):
                before, left, at = signs[-1]
                signs[-1] = (before, self.arrays.product(left, sign, node, place), at)
            else:
                signs.append((sign, node, place))
        if signs:
            (sign, node, at), *others = signs
            for mark, other, place in others:
                node = self.arrays.product(node, mark, other, place)
            first_divides = bool(whole) and whole[0][0] == "/"
            if sign == "/" and (first_divides or not whole):
                whole.insert(0, ("", number_at(1, at), at))
            whole.insert(0 if first_divides and sign != "/" else len(whole), (sign, node, at))
        return whole

    def _check_word(self, found: Sequence[Factor], at: int) -> None:
        """Refuse the name of a function without a backslash, which would be a product of letters."""
        run = itertools.takewhile(lambda f: f.is_a("LETTER") and not f.subs and not f.sups, found[at : at + 12])
        letters_run = [str(f.atom) for f in run]
        word = "".join(letters_run)
        after = at + len(letters_run)
        if (
            len(word) > 1
            and word in ELEMENTARY
            and after < len(found)
            and not any(f.sign for f in found[at + 1 : after])
        ):
            raise Misread(
                found[at].place, f"{word} is a product of letters here: write the function as \\operatorname{{{word}}}"
            )

    def _next(self, found: Sequence[Factor], at: int, scope: Scope) -> tuple[Node, int]:
        """What begins at a factor, and where the next thing does."""
        factor = found[at]
        reduction = self._reduction(factor)
        if reduction and factor.subs:
            if at + 1 == len(found) or found[at + 1].sign:
                raise Misread(factor.place, f"nothing stands after {factor.atom}")
            return self._reduced(reduction, factor, found[at + 1 :], scope), len(found)
        if factor.is_a("frac", "PARTIAL") and (slope := self._slope(found, at, scope)) is not None:
            return slope
        function = self._function(found, at, scope)
        if function:
            with self._deeper(factor.place):
                return self._applied(function, found, at, scope)
        return self._factor(factor, scope), at + 1

    # Functions.

    def _function(self, found: Sequence[Factor], at: int, scope: Scope) -> str:
        """The function that a factor is, if it is one here. Raises Misread if it may be one."""
        factor = found[at]
        if factor.is_a("FUNC", "BIG"):
            return _OTHER.get(str(factor.atom), str(factor.atom))
        named = symbol(factor)
        if named is None or (named.base in scope and not named.subs):
            return ""
        after = at + 1 < len(found) and not found[at + 1].sign
        called = after and found[at + 1].is_a("bracket")
        name, *_ = self.names.read(named, scope) if self._may_name(named, scope) else (None,)
        if name in self.names.functions:
            return name or ""
        if name is not None:
            return ""
        word = lone(factor.atom)
        worded = word is not None and word.is_a("WORD")
        known = known_function(named.base) if worded else ""
        if worded and called and named.base == "tr":
            return "tr"
        if known or (named.base == "sigma" and after and not named.subs):
            return known or "sigmoid"
        if worded and called:
            raise Misread(
                factor.place,
                f"{named.base} is no known function: state it, such as {named.base}(x) = x^2, or declare it",
            )
        if called and named.base.endswith("_prime"):
            raise Misread(factor.place, "this is a derivative: state the forward equations only")
        if called and not named.subs:
            letter = named.base
            raise Misread(
                factor.place,
                f"is {letter}(...) a product or a function? Declare {letter}, or state the function, such as "
                rf"{letter}(x) = \tanh(x)",
            )
        return ""

    def _may_name(self, named: Symbol, scope: Scope) -> bool:
        try:
            self.names.read(named, scope)
        except Misread:
            return known_function(named.base) == "" and named.base != "sigma"
        return True

    def _applied(self, name: str, found: Sequence[Factor], at: int, scope: Scope) -> tuple[Node, int]:
        factor = found[at]
        if at + 1 == len(found) or found[at + 1].sign:
            raise Misread(factor.place, f"{factor.atom} is a function and needs an argument, such as {name}(z_i)")
        if name in ("sum", "prod") or (factor.is_a("BIG") and not found[at + 1].is_a("bracket")):
            raise Misread(factor.place, f"{factor.atom} needs what it runs over, such as \\{factor.atom}_j")
        argument = found[at + 1]
        subs, powers = factor.subs, list(factor.sups)
        if name in self.names.functions:
            named = symbol(factor)
            assert named is not None
            _, _, indices, power = self.names.read(named, scope)
            subs, powers = indices, [] if power is None else [power]
        if argument.is_a("bracket", "group"):
            if name in NORMALISED:
                return self._normalised(name, factor, argument, scope), at + 2
            inner = argument.atom.children[1]
            arguments = tuple(self.formula(part, scope) for part in items(inner))
            powers += argument.sups
            stop = at + 2
        else:
            node, stop = self._next(found, at + 1, scope)
            self._check_end(found, stop, factor)
            arguments = (node,)
        if name == "tr":
            if len(arguments) != 1 or len(self.arrays.axes(arguments[0])) != 2:
                raise Unfit(factor.place, r"a trace is that of a matrix, such as \operatorname{tr}(A^\top B)")
            node = self.arrays.total(put(arguments[0], {COLUMNS: ROWS}), [ROWS], factor.place)
            return node, stop
        if subs:
            raise Misread(factor.place, f"the index of {factor.atom} has no meaning: write another base by a quotient")
        node = Call(name, arguments, (), factor.place)
        for power in powers:
            node = self._raised(node, power, scope, of_function=power not in argument.sups)
        return (self._entry(node, argument, scope) if argument.is_a("bracket", "group") else node), stop

    def _check_end(self, found: Sequence[Factor], stop: int, factor: Factor) -> None:
        """Without brackets, a function has one symbol as its argument."""
        if stop >= len(found) or found[stop].sign or found[stop].is_a("FUNC", "BIG"):
            return
        raise Misread(found[stop].place, f"does {factor.atom} apply to this, too? Put its argument in brackets")

    def _normalised(self, name: str, factor: Factor, argument: Factor, scope: Scope) -> Node:
        """A softmax, whose index stands at its name or its bracket; otherwise its argument has one only."""
        inner = argument.atom.children[1]
        if len(items(inner)) != 1:
            raise Misread(factor.place, f"{name} has one argument, such as {name}_i(z_i)")
        named = lone(inner.children[0])
        below = [x for sub in (*factor.subs, *argument.subs) for e in entries(sub) for x in letters(e)]
        over = [scope[x].name if x in scope else x for x in below]
        if argument.subs and named is not None and (tensor := symbol(named)) is not None:
            inner_node = self._symbol(
                Symbol(tensor.base, tensor.place, (*tensor.subs, *argument.subs), tensor.sups, tensor.left), scope
            )
        else:
            inner_node = self.formula(inner.children[0], scope)
        axes = self.arrays.axes(inner_node)
        if axes:
            inner_node = put(inner_node, dict(zip(axes, over, strict=False)))
            over = over[-1:] or [axes[-1]]
        if not over:
            over = sorted({*read_alone(inner_node)} & {b.name for b in scope.values()})
        if len(over) != 1:
            raise Misread(factor.place, rf"over which index does this go? Write it, such as \mathrm{{{name}}}_i(z_i)")
        if factor.sups or argument.sups:
            raise Misread(factor.place, f"put brackets around {name}(...) for a power of it")
        return Call(name, (inner_node, Name(over[0], factor.place)), (), factor.place)

    # Factors.

    def _factor(self, factor: Factor, scope: Scope) -> Node:
        atom = factor.atom
        named = symbol(factor)
        if named is not None:
            return self._symbol(named, scope)
        if isinstance(atom, Token):
            if atom.type == "NUMBER":
                node: Node = _number(atom)
            elif atom.type == "DOTS":
                raise Misread(factor.place, r"dots leave something out: write a sum with \sum")
            elif atom.type == "TOP":
                raise Misread(factor.place, f"a transpose is written above a symbol, such as W^\\{atom}")
            else:
                raise Misread(factor.place, f"{atom} needs an argument, such as \\{atom}(z_i)")
        elif atom.data == "norm":
            node = self._norm(factor, scope)
        else:
            node = self._entry(self.formula(atom, scope), factor, scope)
        if factor.left:
            raise Misread(factor.place, "a mark before something that is no symbol has no meaning")
        for power in factor.sups:
            node = self._raised(node, power, scope)
        return node

    def _entry(self, node: Node, factor: Factor, scope: Scope) -> Node:
        """An entry of an array in brackets, ``(W x)_i``."""
        axes = self.arrays.axes(node)
        indices = [self._index(x, scope) for sub in factor.subs for entry in entries(sub) for x in flat_of(entry)]
        if len(indices) not in (0, len(axes)):
            self._no_subs(factor)
        entry: Node = put(node, dict(zip(axes, indices, strict=False)))
        return entry

    def _no_subs(self, factor: Factor) -> None:
        if factor.subs:
            raise Misread(factor.place, "an index stands at something that is no symbol")

    # Other trees.

    def _frac(self, node: Any, scope: Scope) -> Node:
        _, top, bottom = node.children
        for part in (top, bottom):
            check_braces(part)
        place = place_of(first(node))
        below = self.formula(bottom, scope)
        return Chain(self.formula(top, scope), (("/", below, below.place),), place)

    def _root(self, node: Any, scope: Scope) -> Node:
        place, inner = place_of(first(node)), self.formula(node.children[-1], scope)
        if len(node.children) == 2:
            check_braces(node.children[-1])
            return Call("sqrt", (inner,), (), place)
        order = self.formula(node.children[2], scope)
        one = Number(Fraction(1), place)
        return Power(inner, Chain(one, (("/", order, order.place),), place), place)

    def _accent(self, node: Any, scope: Scope) -> Node:
        place = place_of(first(node))
        named = symbol(Factor(node, place))
        if named is None:
            raise Misread(place, f"\\{first(node)} stands over a symbol, such as \\{first(node)} y")
        return self._symbol(named, scope)

    def _inside(self, node: Any, scope: Scope) -> Node:
        """What is in brackets; ``[t = 1]`` is Iverson's bracket, which is 1 where the indices are equal."""
        (inner, *others) = node.children[1].children
        equal = isinstance(inner, Tree) and inner.data == "relation" and [*map(str, inner.children[1::2])] == ["="]
        if equal and not others and str(node.children[0]) == "[":
            left, right = (self.formula(side, scope) for side in inner.children[::2])
            return Call("delta", (left, right), (), place_of(first(node)))
        return self.formula(node.children[1], scope)

    def _list(self, node: Any, scope: Scope) -> Node:
        if len(node.children) > 1:
            raise Misread(
                place_of(node.children[1]),
                "a comma has no meaning in these brackets: instead of W [h, x], with two vectors, write U h + V x",
            )
        return self.formula(node.children[0], scope)

    def _bars(self, node: Any, scope: Scope) -> Node:
        place, inner = place_of(first(node)), self.formula(node.children[1], scope)
        if self.arrays.axes(inner):
            raise Misread(place, r"bars around a vector may mean two things: write \lVert x \rVert, or |x_i|")
        return Call("abs", (inner,), (), place)

    def _norm(self, factor: Factor, scope: Scope) -> Node:
        place, inner = factor.place, self.formula(factor.atom.children[1], scope)
        kinds = {"".join(letters(sub)) or word_of(sub) for sub in factor.subs}
        if kinds - {"1", "2", "F"}:
            raise Misread(place, r"this norm is not read: there are \lVert x \rVert, with 1, 2 or F below")
        one = kinds == {"1"}
        each = Call("abs", (inner,), (), place) if one else Power(inner, number_at(2, place), place)
        axes = self.arrays.axes(inner)
        whole = self.arrays.total(each, axes, place) if axes else each
        return whole if one else Call("sqrt", (whole,), (), place)

    def _angles(self, node: Any, scope: Scope) -> Node:
        place, inside = place_of(first(node)), items(node.children[1])
        if len(inside) != 2:
            raise Misread(place, r"an inner product is that of two vectors, \langle u, v \rangle")
        left, right = (self.formula(part, scope) for part in inside)
        if self.arrays.axes(left) != self.arrays.axes(right) or not self.arrays.axes(left):
            raise Unfit(place, r"an inner product is that of two vectors: write \sum_j u_j v_j")
        product = self.arrays.product(left, "odot", right, place)
        return self.arrays.total(product, self.arrays.axes(left), place)

    def _slope(self, found: Sequence[Factor], at: int, scope: Scope) -> tuple[Node, int] | None:
        r"""The derivative of an equation, ``\frac{\partial u}{\partial x}`` or ``\partial_x u``, and where it ends."""
        factor = found[at]
        if isinstance(factor.atom, Token):
            above, below = [factor], [Factor(x, place_of(first(x))) for sub in factor.subs for x in flat_of(sub)]
        else:
            above, below = (flat(content(part)) or [] for part in factor.atom.children[1:])
            if not (above and below and self._is_d(above[0]) and self._is_d(below[0])):
                return None
            if len(below) % 2 or not all(map(self._is_d, below[::2])) or any(self._is_d(b) for b in below[1::2]):
                raise Misread(factor.place, r"a derivative is written \frac{\partial u}{\partial x}")
            below = below[1::2]
            self._no_subs(factor)
        if not below or len(above) > 2 or (factor.sups and isinstance(factor.atom, Tree)):
            raise Misread(factor.place, r"a derivative is that of one symbol, such as \frac{\partial u}{\partial x}")
        stop = at + 1
        if len(above) == 1:
            if stop == len(found) or found[stop].sign:
                raise Misread(factor.place, "nothing stands after the derivative")
            above, stop = [above[0], found[stop]], stop + 1
        node = self._factor(above[1], scope)
        order = 0
        for each in below:
            match self._factor(each, scope):
                case Power(base=Read() | Name() as wrt, exponent=Number(value=Fraction(denominator=1) as times)):
                    pass
                case wrt:
                    times = Fraction(1)
            if not isinstance(node, Read | Name | Call) or not isinstance(wrt, Read | Name) or times < 1:
                raise Misread(factor.place, "a derivative is that of a symbol with respect to an input or a parameter")
            order += int(times)
            if order > MAX_ORDER:
                raise Misread(factor.place, f"a derivative is of order {MAX_ORDER} at most")
            for _ in range(int(times)):
                node = Call("diff", (node, wrt), (), factor.place)
        return node, stop

    def _is_d(self, factor: Factor) -> bool:
        """Whether a factor is the sign of a derivative: a d that has no other meaning is one, too."""
        return factor.is_a("PARTIAL") or (lone_letter(factor) == "d" and "d" not in self.names.known)

    def _relation(self, node: Any, scope: Scope) -> Node:
        signs = [str(t) for t in node.children[1::2]]
        for sign in node.children[1::2]:
            if isinstance(sign, Token) and sign.type == "EQ":
                raise Misread(place_of(sign), r"an equals sign is no condition for numbers: write <, \le, > or \ge")
        sides = tuple(self.formula(side, scope) for side in node.children[::2])
        return Comparison(sides, tuple(signs), place_of(first(node)))

    def _connected(self, node: Any, scope: Scope) -> Node:
        word = "and" if node.data == "both" else "or"
        return Both(word, tuple(self.formula(part, scope) for part in node.children[::2]), place_of(first(node)))

    def _cases(self, node: Any, scope: Scope) -> Node:
        rows = [row for row in node.children if isinstance(row, Tree)]
        read = [self._row(row, scope) for row in rows]
        *cases, (value, last) = read
        if last is not None and not (len(cases) == 1 and cases[0][1] is not None and _opposite(cases[0][1], last)):
            raise Misread(
                value.place,
                r"the last case has no condition, since it is for all other numbers: write \text{otherwise}",
            )
        result = value
        for then, condition in reversed(cases):
            if condition is None:
                raise Misread(then.place, "only the last case may be otherwise")
            result = Call("where", (condition, then, result), (), place_of(first(node)))
        return result

    def _row(self, row: Any, scope: Scope) -> tuple[Node, Node | None]:
        value, *rest = (part for part in row.children if not isinstance(part, Token) or part.type == "OTHERWISE")
        said = rest[0] if rest else None
        condition = None if said is None or isinstance(said, Token) else self.formula(said, scope)
        if condition is not None and not isinstance(condition, Comparison | Both):
            raise Misread(condition.place, "a condition is expected here, such as z_i > 0")
        return self.formula(value, scope), condition


def check_conditions(node: Node, allowed: bool = False) -> None:
    """Raise Misread for a condition where a number is expected."""
    if isinstance(node, Comparison | Both) and not allowed:
        raise Misread(node.place, r"a condition stands where a number is expected: write \begin{cases}")
    where = isinstance(node, Call) and node.name == "where"
    for n, part in enumerate(parts(node)):
        check_conditions(part, (where and n == 0) or isinstance(node, Both))


def known_function(name: str) -> str:
    """The name in the text language of a function that LaTeX writes as a word; nothing if it is not known."""
    name = _OTHER.get(name, name)
    if name in ELEMENTARY or name in (*NORMALISED, "max", "min"):
        return name
    if name.lower().replace("-", "") in ("softmax", "logsoftmax"):
        return "softmax" if name.lower() == "softmax" else "log_softmax"
    found = canonical(name, ACTIVATIONS)
    return found or ""


def lone_letter(factor: Factor) -> str:
    """The letter that a factor without indices is; otherwise nothing."""
    named = symbol(factor) if factor.is_a("LETTER", "WORD", "group") else None
    return named.base if named is not None and not named.subs else ""


def _number(token: Token) -> Number:
    if len(token) > MAX_DIGITS:
        raise Misread(place_of(token), f"a number has at most {MAX_DIGITS} digits")
    return Number(Fraction(str(token)), place_of(token))


_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _opposite(one: Node, other: Node) -> bool:
    """Whether one of two comparisons holds if and only if the other does not."""
    if not (isinstance(one, Comparison) and isinstance(other, Comparison)):
        return False
    if len(one.signs) != 1 or len(other.signs) != 1:
        return False
    sides, others = plain_of(one.sides), plain_of(other.sides)
    opposite = _OPPOSITE[one.signs[0]]
    return (sides, opposite) in ((others, other.signs[0]), (others[::-1], _TURNED[other.signs[0]]))


_KINDS: dict[str, Callable[[Formulas, Any, Scope], Node]] = {
    "expr": Formulas._expr,
    "accent": Formulas._accent,
    "frac": Formulas._frac,
    "root": Formulas._root,
    "group": Formulas._inside,
    "bracket": Formulas._inside,
    "list": Formulas._list,
    "bars": Formulas._bars,
    "angles": Formulas._angles,
    "relation": Formulas._relation,
    "both": Formulas._connected,
    "any": Formulas._connected,
    "cases": Formulas._cases,
}
