"""Trees of LaTeX as the formulas of the text language."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lark import Token, Tree

from derive.catalogue.activations import ACTIVATIONS
from derive.statement.language.formulas import ELEMENTARY, NORMALISED, REDUCTIONS
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
    Over,
    Power,
    Read,
    parts,
)
from derive.statement.latex.grammar import first, items
from derive.statement.latex.names import (
    Factor,
    Names,
    Symbol,
    bracketed,
    entries,
    factors,
    letters,
    lone,
    spellings,
    symbol,
    word_of,
)
from derive.statement.latex.tokens import place_of
from derive.text.known import canonical
from derive.text.source import Misread, Place

MAX_NESTED = 200
_OTHER = {"ln": "log", "sgn": "sign", "sg": "stop_gradient", "stopgrad": "stop_gradient"}


@dataclass
class Binding:
    """An index where it is bound: the size that a limit gives it, for proposals."""

    letter: str
    size: str = ""


Scope = Mapping[str, Binding]


@dataclass
class Unknown:
    """A name that is read but not declared, with the bindings of its indices."""

    name: str
    place: Place
    indices: tuple[Binding | None, ...]
    error: bool = False
    size: bool = False


class Formulas:
    """Turns trees into formulas; names that are not known are collected in ``unknown``."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.unknown: list[Unknown] = []
        self.read: list[tuple[str, tuple[Binding | None, ...]]] = []
        self.nested = 0

    def formula(self, node: Any, scope: Scope) -> Node:
        """A sum, or whatever stands where one may."""
        with self._deeper(place_of(first(node))):
            if isinstance(node, Token):
                return self._factor(Factor(node, place_of(node)), scope)
            return _KINDS[str(node.data)](self, node, scope)

    @contextlib.contextmanager
    def _deeper(self, place: Place) -> Iterator[None]:
        """Count how deep a formula is nested. Raises Misread where it is too deep."""
        if self.nested > MAX_NESTED:
            raise Misread(place, "the formula is nested too deep: state parts of it on their own")
        self.nested += 1
        try:
            yield
        finally:
            self.nested -= 1

    def _expr(self, node: Tree[Token], scope: Scope) -> Node:
        children = list(node.children)
        signed = isinstance(children[0], Token)
        sign = _token(children.pop(0)) if signed else None
        head = self._product(factors(_tree(children[0])), scope)
        if sign is not None and sign.type == "MINUS":
            head = Negative(head, place_of(sign))
        rest = []
        for mark, term in zip(children[1::2], children[2::2], strict=True):
            operand = self._product(factors(_tree(term)), scope)
            rest.append(("+" if _token(mark).type == "PLUS" else "-", operand, operand.place))
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
            operands.append((factor.sign or "*", node, factor.place))
        (_, head, place), *rest = operands
        return Chain(head, tuple(rest), place) if rest else head

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
        function = self._function(found, at, scope)
        if function:
            with self._deeper(factor.place):
                return self._applied(function, found, at, scope)
        return self._factor(factor, scope), at + 1

    def _reduction(self, factor: Factor) -> str:
        name = str(factor.atom) if isinstance(factor.atom, Token) else ""
        if factor.is_a("BIG") or (factor.is_a("WORD") and name in REDUCTIONS):
            return name
        return ""

    def _reduced(self, name: str, factor: Factor, body: Sequence[Factor], scope: Scope) -> Node:
        limit = factor.sups[0] if factor.sups else None
        if name in NORMALISED:
            limit = None
        bound = list[tuple[Node, Binding]]()
        for entry in (entry for sub in factor.subs for entry in entries(sub)):
            bound += self._bound(entry, limit, factor.place)
        if limit is not None and len(bound) != 1:
            raise Misread(factor.place, f"one upper limit stands at several indices: write a {name} sign for each")
        inner = {**scope, **{b.letter: b for _, b in bound}}
        with self._deeper(factor.place):
            node = self._product(body, inner)
        alone = {*read_alone(node)}
        for index, binding in bound:
            if isinstance(index, Name) and binding.letter not in {*alone, *self.names.indices}:
                letter = binding.letter
                message = rf"write its limits, such as \{name}_{{{letter}=1}}^{{n}}"
                raise Misread(index.place, f"nothing says what the index {letter} runs over: {message}")
        return Call(name, (node, *(index for index, _ in bound)), (), factor.place)

    def _bound(self, entry: Any, limit: Any, place: Place) -> list[tuple[Node, Binding]]:
        """The indices that one entry below a sum sign names, each with its size, if it is said."""
        lower: Any = None
        if isinstance(entry, Tree) and entry.data == "relation":
            sides, signs = entry.children[::2], [str(t) for t in entry.children[1::2]]
            if signs == ["="]:
                entry, lower = sides
            elif signs == ["<=", "<="] and limit is None:
                lower, entry, limit = sides
            else:
                entry = None
        found = [] if entry is None else letters(entry)
        if "".join(found) in self.names.indices:
            found = ["".join(found)]
        if not found or (lower is not None and len(found) > 1):
            raise Misread(
                place, r"what this runs over is written \sum_j or \sum_{j=1}^{n}, with a letter for the index"
            )
        if limit is None and lower is not None:
            raise Misread(place, f"the upper limit of {found[0]} is missing, such as \\sum_{{{found[0]}=1}}^{{n}}")
        where = place_of(first(entry))
        taken = next((x for x in found if x in self.names.known), None)
        if taken is not None:
            raise Misread(where, f"{taken} is declared, and cannot be an index too: choose another letter")
        if limit is None:
            return [(Name(letter, where), Binding(letter)) for letter in found]
        size, said = self._size(limit, lower, where)
        letter = found[0]
        return [(Name(letter, where) if size is None else Over(letter, size, where), Binding(letter, said))]

    def _size(self, limit: Any, lower: Any, place: Place) -> tuple[Node | None, str]:
        """The size that an index with limits runs over; None for the samples."""
        start = "1" if lower is None else word_of(lower)
        if start == "0":
            return self._from_zero(self._limit(limit), place)
        if start != "1":
            raise Misread(place, "a sum begins at 1, or at 0: shift the index, such as x_{j+1}")
        return self.upper(limit)

    def upper(self, limit: Any) -> tuple[Node | None, str]:
        """The size whose entries are those from 1 to a limit, and how it is declared; None for the samples."""
        size = self._limit(limit)
        if not isinstance(size, Name):
            return size, str(size.value) if isinstance(size, Number) else ""
        known = self.names.known.get(size.name)
        if known is not None and known.word == "samples":
            return None, ""
        if known is not None and known.word == "size" and known.sizes[0] not in (None, _one(known.sizes[0])):
            raise Misread(size.place, f"{size.name} is declared with entries that do not begin at 1")
        return size, size.name

    def _from_zero(self, size: Node, place: Place) -> tuple[Node, str]:
        match size:
            case Chain(first=Name(name=name), rest=(("-", Number(value=Fraction(numerator=1, denominator=1)), _),)):
                known = self.names.known.get(name)
                if known is None or (isinstance(known.sizes[0], Number) and known.sizes[0].value == 0):
                    return Name(name, size.place), name
        raise Misread(
            place, "a sum from 0 runs to a size less 1, with the size declared so: size n = 3 from 0, and sum to n-1"
        )

    def _limit(self, limit: Any) -> Node:
        before = len(self.unknown)
        node = self.formula(limit, {})
        for unknown in self.unknown[before:]:
            unknown.size = True
        return node

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
            assert isinstance(argument.atom, Tree)
            if name in NORMALISED:
                return self._normalised(name, factor, argument, scope), at + 2
            inner = argument.atom.children[1]
            assert isinstance(inner, Tree)
            arguments = tuple(self.formula(part, scope) for part in items(inner))
            powers += argument.sups
            stop = at + 2
            self._no_subs(argument)
        else:
            node, stop = self._next(found, at + 1, scope)
            self._check_end(found, stop, factor)
            arguments = (node,)
        if subs:
            raise Misread(factor.place, f"the index of {factor.atom} has no meaning: write another base by a quotient")
        node = Call(name, arguments, (), factor.place)
        for power in powers:
            node = self._raised(node, power, scope, of_function=power not in argument.sups)
        return node, stop

    def _check_end(self, found: Sequence[Factor], stop: int, factor: Factor) -> None:
        """Without brackets, a function has one symbol as its argument."""
        if stop >= len(found) or found[stop].sign or found[stop].is_a("FUNC", "BIG"):
            return
        raise Misread(found[stop].place, f"does {factor.atom} apply to this, too? Put its argument in brackets")

    def _normalised(self, name: str, factor: Factor, argument: Factor, scope: Scope) -> Node:
        """A softmax, whose index stands at its name or its bracket; otherwise its argument has one only."""
        assert isinstance(argument.atom, Tree)
        inner = argument.atom.children[1]
        assert isinstance(inner, Tree)
        if len(items(inner)) != 1:
            raise Misread(factor.place, f"{name} has one argument, such as {name}_i(z_i)")
        named = lone(inner.children[0])
        over = [x for sub in (*factor.subs, *argument.subs) for e in entries(sub) for x in letters(e)]
        if argument.subs and named is not None and (tensor := symbol(named)) is not None:
            inner_node = self._symbol(
                Symbol(tensor.base, tensor.place, (*tensor.subs, *argument.subs), tensor.sups, tensor.left), scope
            )
        else:
            inner_node = self.formula(inner.children[0], scope)
        if not over:
            over = sorted({x for x in read_alone(inner_node) if x in scope})
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
            else:
                raise Misread(factor.place, f"{atom} needs an argument, such as \\{atom}(z_i)")
        else:
            node = self.formula(atom, scope)
        self._no_subs(factor)
        if factor.left:
            raise Misread(factor.place, "a mark before something that is no symbol has no meaning")
        for power in factor.sups:
            node = self._raised(node, power, scope)
        return node

    def _no_subs(self, factor: Factor) -> None:
        if factor.subs:
            raise Misread(factor.place, "an index stands at something that is no symbol")

    def _raised(self, node: Node, power: Any, scope: Scope, of_function: bool = False) -> Node:
        if letters(power) == ["T"] and "T" not in self.names.known:
            place = place_of(first(power))
            raise Misread(
                place, "a transpose belongs to matrices, which are not read: write every symbol with its indices"
            )
        _check_braces(power)
        exponent = self.formula(power, scope)
        if of_function and isinstance(exponent, Negative):
            raise Misread(exponent.place, r"an inverse function is written by its name, such as \arctan")
        return Power(node, exponent, node.place)

    def _symbol(self, named: Symbol, scope: Scope) -> Node:
        if named.base in scope and not named.subs and not named.left:
            node: Node = Name(named.base, named.place)
            for power in named.sups:
                node = self._raised(node, power, scope)
            return node
        if named.base in ("e", "pi") and not named.subs and self._is_number(named):
            return self._of_number(named, scope)
        name, marks, groups, power = self.names.read(named, scope)
        known = self.names.known.get(name) if name is not None else None
        if known is None and named.base == "delta" and not marks and len(_flattened(groups)) == 2:
            left, right = (self.formula(part, scope) for part in _flattened(groups))
            return Call("delta", (left, right), (), named.place)
        indices = self._indices(groups, known, scope)
        if name is None or (known is None and name not in self.names.functions):
            name = self._miss(named, marks, indices, scope)
        elif known is not None:
            self._check_indices(named, known, indices, scope)
            self.read.append((name, tuple(self._binding(i, scope) for i in indices)))
        node = Read(name, indices, named.place) if indices else Name(name, named.place)
        return node if power is None else self._raised(node, power, scope)

    def _is_number(self, named: Symbol) -> bool:
        """Whether a letter is the number: it has no other meaning, or a power stands where its entries are read."""
        name = self.names.find(named.base, (), named.place)
        known = self.names.known.get(name) if name is not None else None
        if known is not None:
            return known.arity > 0 and len(named.sups) == 1 and bracketed(named.sups[0]) is None
        return name is None

    def _of_number(self, named: Symbol, scope: Scope) -> Node:
        """The number pi, or a power of e."""
        if named.base == "pi":
            node: Node = Name("pi", named.place)
            for power in named.sups:
                node = self._raised(node, power, scope)
            return node
        if len(named.sups) != 1:
            return Call("exp", (Number(Fraction(1), named.place),), (), named.place)
        _check_braces(named.sups[0])
        return Call("exp", (self.formula(named.sups[0], scope),), (), named.place)

    def _binding(self, node: Node, scope: Scope) -> Binding | None:
        return scope.get(node.name) if isinstance(node, Name) else None

    def _indices(self, groups: list[list[Any]], known: Any, scope: Scope) -> tuple[Node, ...]:
        """The indices of a symbol: letters without commas are one each, as far as its axes allow."""
        separate = _flattened(groups)
        wanted = known.arity if known is not None else None
        if wanted is not None and len(separate) != wanted:
            digits = word_of(separate[0]) if len(separate) == 1 else ""
            if digits.isdigit() and len(digits) == wanted:
                place = place_of(first(separate[0]))
                return tuple(Number(Fraction(digit), place) for digit in digits)
            if len(groups) in (wanted, wanted + 1) and any(word_of(group[0]).isdigit() for group in groups):
                joined = (Tree("expr", [Tree("term", [f for part in g for f in _factor_trees(part)])]) for g in groups)
                return tuple(self._index(part, scope) for part in joined)
        return tuple(self._index(part, scope) for part in separate)

    def _index(self, part: Any, scope: Scope) -> Node:
        for letter in letters(part)[:1]:
            if letter not in scope and not self.names.find(letter, (), place_of(first(part))):
                raise Misread(
                    place_of(first(part)),
                    f"{letter} is an index neither on the left nor below a sum: write \\sum_{letter}, or declare it",
                )
        return self.formula(part, scope)

    def _check_indices(self, named: Symbol, known: Any, indices: tuple[Node, ...], scope: Scope) -> None:
        if known.arity and not indices:
            sides = "ijkpqr"[: known.arity]
            raise Misread(
                named.place,
                f"{named.base} has no indices here, and matrices and vectors are not read: write its entries, such as "
                f"{named.base}_{{{sides}}}",
            )

    def _miss(self, named: Symbol, marks: list[str], indices: tuple[Node, ...], scope: Scope) -> str:
        name = next(spellings(named.base, marks))
        bindings = tuple(self._binding(i, scope) for i in indices)
        self.unknown.append(Unknown(name, named.place, bindings))
        return name

    # Other trees.

    def _frac(self, node: Tree[Token], scope: Scope) -> Node:
        _, top, bottom = node.children
        for part in (top, bottom):
            _check_braces(part)
        place = place_of(first(node))
        below = self.formula(bottom, scope)
        return Chain(self.formula(top, scope), (("/", below, below.place),), place)

    def _root(self, node: Tree[Token], scope: Scope) -> Node:
        place, inner = place_of(first(node)), self.formula(node.children[-1], scope)
        if len(node.children) == 2:
            _check_braces(node.children[-1])
            return Call("sqrt", (inner,), (), place)
        order = self.formula(node.children[2], scope)
        one = Number(Fraction(1), place)
        return Power(inner, Chain(one, (("/", order, order.place),), place), place)

    def _accent(self, node: Tree[Token], scope: Scope) -> Node:
        place = place_of(first(node))
        named = symbol(Factor(node, place))
        if named is None:
            raise Misread(place, f"\\{first(node)} stands over a symbol, such as \\{first(node)} y")
        return self._symbol(named, scope)

    def _inside(self, node: Tree[Token], scope: Scope) -> Node:
        return self.formula(node.children[1], scope)

    def _list(self, node: Tree[Token], scope: Scope) -> Node:
        if len(node.children) > 1:
            raise Misread(place_of(_token(node.children[1])), "a comma has no meaning in these brackets")
        return self.formula(node.children[0], scope)

    def _bars(self, node: Tree[Token], scope: Scope) -> Node:
        return Call("abs", (self.formula(node.children[1], scope),), (), place_of(first(node)))

    def _relation(self, node: Tree[Token], scope: Scope) -> Node:
        signs = [str(t) for t in node.children[1::2]]
        for sign in node.children[1::2]:
            if isinstance(sign, Token) and sign.type == "EQ":
                raise Misread(place_of(sign), r"an equals sign is no condition for numbers: write <, \le, > or \ge")
        sides = tuple(self.formula(side, scope) for side in node.children[::2])
        return Comparison(sides, tuple(signs), place_of(first(node)))

    def _connected(self, node: Tree[Token], scope: Scope) -> Node:
        word = "and" if node.data == "both" else "or"
        return Both(word, tuple(self.formula(part, scope) for part in node.children[::2]), place_of(first(node)))

    def _cases(self, node: Tree[Token], scope: Scope) -> Node:
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

    def _row(self, row: Tree[Token], scope: Scope) -> tuple[Node, Node | None]:
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


def _flattened(groups: list[list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(groups))


def _factor_trees(part: Any) -> list[Any]:
    return [Tree("factor", [part])] if isinstance(part, Token) else list(part.children[0].children)


def _one(start: Any) -> Any:
    """The number 1 at the place of a start."""
    return Number(Fraction(1), start.place) if start is not None else None


def _token(node: Any) -> Token:
    assert isinstance(node, Token)
    return node


def _tree(node: Any) -> Tree[Token]:
    assert isinstance(node, Tree)
    return node


def _number(token: Token) -> Number:
    if len(token) > MAX_DIGITS:
        raise Misread(place_of(token), f"a number has at most {MAX_DIGITS} digits")
    return Number(Fraction(str(token)), place_of(token))


def _check_braces(node: Any) -> None:
    """Refuse a number of several digits without braces, of which LaTeX takes the first only."""
    if isinstance(node, Token) and node.type == "NUMBER" and len(node) > 1:
        raise Misread(place_of(node), f"only the first digit of {node} belongs here in LaTeX: write {{{node}}}")


def read_alone(node: Node) -> Iterator[str]:
    """The indices that stand alone where an entry is read."""
    if isinstance(node, Read):
        yield from (i.name for i in node.indices if isinstance(i, Name))
    for part in parts(node):
        yield from read_alone(part)


def _plain(node: Any) -> Any:
    """A formula without its places, for comparison."""
    if isinstance(node, tuple):
        return tuple(map(_plain, node))
    if not hasattr(node, "__dataclass_fields__"):
        return node
    if isinstance(node, Place):
        return None
    return type(node).__name__, *(_plain(getattr(node, name)) for name in node.__dataclass_fields__)


_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _opposite(one: Node, other: Node) -> bool:
    """Whether one of two comparisons holds if and only if the other does not."""
    if not (isinstance(one, Comparison) and isinstance(other, Comparison)):
        return False
    if len(one.signs) != 1 or len(other.signs) != 1:
        return False
    sides, others = _plain(one.sides), _plain(other.sides)
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
    "relation": Formulas._relation,
    "both": Formulas._connected,
    "any": Formulas._connected,
    "cases": Formulas._cases,
}
