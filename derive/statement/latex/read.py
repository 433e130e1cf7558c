"""The equations and declarations of a text in LaTeX as the lines of the text language."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lark import Token, Tree

from derive.calculus.recurrence import components
from derive.statement.language.lines import (
    PROMISES,
    WORDS,
    Declaration,
    Function,
    Line,
    Lines,
    Option,
    Promise,
    Stated,
    read_lines,
)
from derive.statement.language.syntax import Call, Name, Node, Over, Read, nodes, parts
from derive.statement.latex.arrays import COLUMNS, MAX_PRODUCTS, ROWS, Arrays, Unfit, lettered, put
from derive.statement.latex.commands import GREEK
from derive.statement.latex.equations import Equations, Found
from derive.statement.latex.formulas import Formulas, check_conditions, known_function
from derive.statement.latex.grammar import first, items, parse
from derive.statement.latex.names import (
    DECLARING,
    Factor,
    Known,
    Names,
    Symbol,
    entries,
    factors,
    flat_of,
    letters,
    shift_of,
    spellings,
    symbol,
    word_of,
)
from derive.statement.latex.reductions import read_alone
from derive.statement.latex.symbols import Binding, Unknown
from derive.statement.latex.tokens import place_of, token
from derive.statement.latex.undeclared import Undeclared
from derive.text.source import Misread, Piece, Place, logical_lines


@dataclass
class Row:
    """An equation: the symbol on its left, what it is applied to, its indices, and its right side if it is sound."""

    named: Symbol
    name: str
    indices: list[str]
    arguments: list[str] | None
    right: Any
    ranges: dict[str, Any]
    #: Of what a recurrence begins with: the indices on the left, letters and the tree of the place.
    begins: list[tuple[str, Any]] | None = None

    @property
    def key(self) -> str:
        """The name of what the equation states, which no other one states."""
        place = self.named.place
        return self.name if self.begins is None else f"{self.name} at {place.line}, {place.column}"


def read_latex(text: str, declarations: str, problems: list[tuple[Place, str]]) -> Lines:
    """Read the lines of a text in LaTeX; the ``declarations`` have the places of lines after it."""
    return _Reader(text, declarations, problems).lines


class _Reader:
    """Reads a text in two passes: first the left sides, so that the names are known, then the formulas."""

    def __init__(self, text: str, declarations: str, problems: list[tuple[Place, str]]) -> None:
        self.problems = problems
        found = Equations(text)
        problems += found.problems
        letters_read = {str(t) for each in found.found for t in each.tokens}
        comments = [comment for comment in found.comments if _declares(comment, letters_read)]
        self.lines = read_lines(logical_lines(_declared(text, comments, declarations)), problems)
        self._check_declared()
        self.names = Names(self.lines.lines)
        self._check_comments(found.comments)
        self.stated: dict[str, Row] = {}
        words = self._words(found.found)
        for each in found.found:
            each.tokens = _joined(each.tokens, words)
        rows = [row for each in found.found for row in self._rows(each)]
        applied = {name for row in rows for name in self._applied(row.right)}
        for row in rows:
            self._know(row, applied)
        self.formulas = Formulas(self.names, self.lines.broken)
        self.left: dict[str, list[Binding]] = {}
        self.reads: dict[str, set[str]] = {}
        #: What equations read at another step, the equations that read vectors, and what is not declared as recurrent.
        self.shifted, self.vectors, self.recurrent = set[str](), set[str](), dict[str, Row]()
        #: The keys of what recurrences begin with, by its name and place.
        self.begun: dict[tuple[str, str], str] = {}
        #: The names of which equations read entries, by the keys of the equations.
        self.entries: dict[str, set[str]] = {}
        rows = [row for row in rows if not self._states_first(row)]
        ordered = _error_last(self._lines(rows))
        self._miss(ordered)
        lines = self.lines.lines
        last = [line for line in lines if isinstance(line, Declaration) and line.word not in (*DECLARING, "index")]
        self.lines.lines = [*(line for line in lines if line not in last), *ordered, *last]

    def _say(self, problem: Misread) -> None:
        self.problems.append((problem.place, problem.message))

    def _words(self, found: Sequence[Found]) -> set[str]:
        """The names of several letters that are written without a command: those on the left, and declared ones."""
        words = {name for name in (*self.names.known, *self.names.functions) if name.isascii() and name.isalpha()}
        for each in found:
            run = [
                *itertools.takewhile(lambda t: t.type == "LETTER" and t.end_pos == (t.start_pos or 0) + 1, each.tokens)
            ]
            ends = len(run) < len(each.tokens) and each.tokens[len(run)].type in ("SUB", "SUP", "EQ", "LPAR")
            if ends and all(a.end_pos == b.start_pos for a, b in itertools.pairwise(run)):
                words.add("".join(run))
        return {word for word in words if len(word) > 1}

    def _check_declared(self) -> None:
        for line in (*self.lines.lines, *self.lines.blocks.values()):
            if not isinstance(line, Declaration | Option | Promise | Function):
                message = "only declarations stand here, such as input x[n]: the equations are those in LaTeX"
                self.problems.append((line.place, message))

    def _check_comments(self, comments: Sequence[Piece]) -> None:
        """Refuse what a recurrence begins with in a comment, ``h[0, i] = g[i]``, which would be no part of the text."""
        for name, rest in (comment.word() for comment in comments):
            known = self.names.known.get(name)
            if known is not None and known.word == "recurrent" and rest.text[:1] == "[" and "]=" in _packed(rest.text):
                message = f"an equation of {name} stands in a comment: write it in LaTeX, such as {name}_0 = g"
                self.problems.append((rest.place, message))

    # The left sides.

    def _rows(self, found: Found) -> list[Row]:
        try:
            if found.tokens[-1].type == "BROKEN" or any(t.type == "BROKEN" for t in found.tokens):
                return [self._lost(found.tokens)]
            sides = [side for side in parse(found.tokens).children if isinstance(side, Tree)]
            heads, rest = [self._head(sides[0])], sides[1:]
            while len(rest) > 1 and heads[0][1] is not None and (other := self._function_head(rest[0])):
                heads.append(other)
                rest = rest[1:]
            if not rest:
                raise Misread(place_of(found.tokens[0]), "this is no equation, such as z_i = b_i")
            known = [side for side in rest if not self._is_unknown(side)] or rest[:1]
            right = known[-1 if heads[0][1] is not None and len(heads[0][1]) == 1 else 0]
            ranges = dict(self._range(tokens) for tokens in found.ranges)
            if len(heads) == 1 and heads[0][1] is None and (begun := self.names.beginning(heads[0][0])):
                name, begins = begun
                indices = [letter for letter, _ in begins if letter]
                return [Row(heads[0][0], name, indices, None, right, ranges, begins)]
            return [Row(named, *self._stated(named), arguments, right, ranges) for named, arguments in heads]
        except Misread as problem:
            self._say(problem)
            return [self._lost(found.tokens)]

    def _stated(self, named: Symbol) -> tuple[str, list[str]]:
        """The name that an equation states and the letters of its indices; no name for ``x_{n0}``."""
        try:
            return self.names.stated(named)
        except Misread:
            if "0" in map(word_of, _below(named)):
                return "", []
            raise

    def _lost(self, tokens: list[Token]) -> Row:
        """An equation that cannot be read. What it may state is known, so that nothing more is said of it."""
        stop = next((n for n, t in enumerate(tokens) if t.type in ("EQ", "BROKEN")), 0)
        place = place_of(tokens[0])
        named, arguments, name, indices = Symbol("?", place, (), (), ()), None, "?", list[str]()
        try:
            if stop:
                named, arguments = self._head(parse(tokens[:stop]).children[0])
                name, indices = self.names.stated(named)
        except Misread:
            pass
        if name == "?":
            base = next((str(t) for t in tokens if t.type in ("LETTER", "WORD")), name)
            self.names.known.setdefault(base, Known("equation"))
            self.lines.broken.add(base)
        return Row(named, name, indices, arguments, None, {})

    def _head(self, side: Any) -> tuple[Symbol, list[str] | None]:
        """The symbol on a left side, and the letters in brackets after it."""
        place = place_of(first(side))
        found = factors(side.children[0]) if len(side.children) == 1 and isinstance(side.children[0], Tree) else []
        named = symbol(found[0]) if found else None
        if named is not None and len(found) == 1:
            return named, None
        if named is not None and len(found) == 2 and not found[1].sign and found[1].is_a("bracket"):
            inner = found[1].atom
            arguments = [letters(part) for part in items(inner.children[1])]
            if all(arguments):
                return named, [letter for argument in arguments for letter in argument]
        raise Misread(place, "the left side of an equation is a symbol with its indices, such as z_i")

    def _function_head(self, side: Any) -> tuple[Symbol, list[str] | None] | None:
        try:
            named, arguments = self._head(side)
        except Misread:
            return None
        unknown = arguments is not None and not known_function(named.base) and named.base != "sigma"
        return (named, arguments) if unknown else None

    def _is_unknown(self, side: Any) -> bool:
        """Whether a side only names a function of which nothing is known, as g(z_i) in ``a_i = g(z_i) = tanh(z_i)``."""
        found = factors(side.children[0]) if len(side.children) == 1 and isinstance(side.children[0], Tree) else []
        if len(found) != 2 or found[1].sign or not found[1].is_a("bracket"):
            return False
        named = symbol(found[0])
        if named is None or known_function(named.base) or named.base == "sigma":
            return False
        return not any(name in self.names.known or name in self.names.functions for name in spellings(named.base))

    def _range(self, tokens: list[Token]) -> tuple[str, Any]:
        """The index of a range such as ``i = 1, ..., n``, and its upper limit."""
        if len(tokens) == 1:
            raise Misread(place_of(tokens[0]), rf"the range has no end, such as {tokens[0]} = 1, \dots, n")
        return str(tokens[0]), parse(tokens[1:]).children[0]

    def _applied(self, tree: Any) -> Iterator[str]:
        """The names of what stands before brackets."""
        for term in tree.find_data("term") if tree else ():
            for one, other in itertools.pairwise(factors(term)):
                if other.is_a("bracket") and not other.sign and (named := symbol(one)) is not None:
                    with contextlib.suppress(Misread):
                        yield self.names.stated(named)[0]

    def _know(self, row: Row, applied: set[str]) -> None:
        """Make a name known; a left side such as J(w) is a function if it is applied, and else one number."""
        if not row.name or row.begins is not None:
            return
        if row.arguments is not None and row.name not in applied:
            row.arguments = None
        before = self.stated.get(row.name)
        if before is not None and bool(before.indices) != bool(row.indices):
            each = row if row.indices else before
            self.names.each[row.name] = each.name = next(x for x in self._names_of_each(row.name))
            self.names.known[before.name] = Known("equation", len(self._without_samples(before.indices)))
            if each is before:
                del self.names.known[row.name]
                self.stated[each.name] = each
        elif before is not None and row.right is not None:
            base = row.named.base
            numbered = f"number its layers, as {base}^{{(1)}} and {base}^{{(2)}}, or choose another letter"
            self._say(Misread(row.named.place, f"{row.name} is stated twice: {numbered}"))
            row.right = None
        self.stated[row.name] = row
        if row.arguments is None:
            self.names.known.setdefault(row.name, Known("equation", len(self._without_samples(row.indices))))
        else:
            self.names.functions.add(row.name)

    def _names_of_each(self, name: str) -> Iterator[str]:
        return (x for x in (f"{name}_each{'_' * n}" for n in itertools.count()) if x not in self.names.known)

    def _without_samples(self, letters_: Sequence[str]) -> list[str]:
        return [letter for letter in letters_ if letter not in self.names.sample]

    def _states_first(self, row: Row) -> bool:
        """Whether an equation such as ``x_0 = 1`` states an entry before those of a tensor, which is noted."""
        named, letter = row.named, [x for part in _below(row.named) for x in letters(part)]
        if (
            row.begins is not None
            or row.right is None
            or "0" not in map(word_of, _below(named))
            or self._without_samples(letter)
        ):
            return False
        try:
            name = self.names.read(Symbol(named.base, named.place, (), named.sups, named.left), {})[0]
            if name in (None, row.name) or self.names.known[name or ""].arity != 1:
                return False
            self.formulas.first[name or ""] = self.formulas.formula(row.right, {})
        except Misread as problem:
            self._say(problem)
        self.names.known.pop(row.name, None)
        return True

    # The formulas.

    def _lines(self, rows: Sequence[Row]) -> list[Line]:
        """The lines of equations, each after those that it reads: the axes of these must be known."""
        found = list[Line]()
        for row in rows:
            for at in (_written(node) for letter, node in row.begins or () if not letter):
                if self.begun.setdefault((row.name, at), row.key) != row.key:
                    self._say(Misread(row.named.place, f"it is stated twice what {row.named.base} begins with at {at}"))
                    self.lines.broken.add(row.name)
        for row in rows:
            self.entries.setdefault(row.key, set())
            self.reads.setdefault(row.key, self._reads(row))
        for row in rows:
            if row.begins is None:
                read = {*self.reads[row.name], row.name}
                self.reads[row.name] |= {key for (name, _), key in self.begun.items() if name in read}
        self._find_recurrent(rows)
        for row in _in_order(rows, self.reads):
            line = self._line(row)
            found += [*self.formulas.before, line]
            self.formulas.before.clear()
        return found

    def _line(self, row: Row) -> Line:
        place, before = row.named.place, len(self.formulas.unknown)
        name, arrays, free = Name(row.name, place), Arrays(), self._free(row)
        self.formulas.arrays, self.formulas.free = arrays, free
        bindings = {letter: Binding(letter) for letter in row.indices}
        try:
            if row.right is not None and row.arguments is not None:
                scope = {letter: Binding(letter) for letter in row.arguments}
                formula = self.formulas.formula(row.right, scope)
                check_conditions(formula)
                if arrays.axes(formula):
                    raise Misread(
                        place, f"{row.name} is a function of numbers, and its formula is a vector or a matrix"
                    )
                return Function(name, tuple(Name(a, place) for a in row.arguments), formula, place)
            if row.right is not None:
                left = {letter: self._left_index(letter, row, bindings) for letter in row.indices}
                formula = self.formulas.formula(row.right, bindings)
                sizes = {**self._sizes_of_stated(formula), **arrays.sizes(formula, self.names.known)}
                axes = dict(zip(arrays.axes(formula), free, strict=False))
                if ROWS in axes and COLUMNS in axes and self._without_samples(row.indices):
                    raise Unfit(place, "the right side is a matrix, and the left side has indices: write those of both")
                if axes.keys() == {COLUMNS}:
                    raise Unfit(place, "the right side is a row: transpose both sides")
                if arrays.any:
                    formula = lettered(put(formula, axes), [*itertools.islice(free, 2 * MAX_PRODUCTS)])
                if row.begins is not None:
                    formula = _of_same_sample(formula, {bindings[x].name for x in left if bindings[x].sample})
                    return Stated(name, self._places_on_left(row, left, [*axes.values()]), formula, place)
                self._check(row, formula, bindings)
                of_samples = [letter for letter in left if bindings[letter].sample]
                order = [*(letter for letter in left if letter not in of_samples), *axes.values(), *of_samples]
                indices = tuple(left.get(letter, Name(letter, place)) for letter in order)
                if self.names.known[row.name].word != "recurrent":
                    self.names.known[row.name] = Known("equation", len(order) - len(of_samples))
                sized = {letter: Binding(letter, sizes.get(axis, "")) for axis, letter in axes.items()}
                self.left.setdefault(row.name, [bindings.get(letter) or sized[letter] for letter in order])
                if len(self.formulas.unknown) > before:
                    self.lines.broken.add(row.name)
                return Stated(name, indices, formula, place)
        except Misread as problem:
            follows = len(self.formulas.unknown) > before or self.reads[row.key] & {*self.lines.broken, *self.recurrent}
            # It is what a recurrence begins with, if that is declared.
            begins = row.name not in self.recurrent and not {*spellings(row.named.base)}.isdisjoint(self.recurrent)
            if not begins and not (isinstance(problem, Unfit) and follows):
                self._say(problem)
        self.lines.broken.add(row.name)
        return Stated(
            name,
            tuple(Name(letter, place) for letter, _ in zip(free, row.indices, strict=False)),
            Read(row.name, (), place),
            place,
        )

    def _leads_to(self, name: str, found: set[str]) -> bool:
        """Whether one of the tensors depends on another one."""
        while (more := {*found}.union(*(self.reads.get(x, ()) for x in found))) != found:
            found = more
        return name in found

    def _check(self, row: Row, formula: Node, bindings: Mapping[str, Binding]) -> None:
        check_conditions(formula)
        for call in nodes(formula):
            of = call.arguments[0] if isinstance(call, Call) and call.name == "diff" else None
            if isinstance(of, Read | Name) and self._leads_to(row.name, {of.name}):
                said = "state the forward equations only, since the derivatives of the error are found"
                raise Misread(call.place, rf"\partial is part of a derivative: {said}")
        recurs = self.names.known[row.name].word == "recurrent" or row.name in self.recurrent
        if row.name in _names_in(formula) and not recurs:
            base = row.named.base
            raise Misread(
                row.named.place,
                f"the equation of {base} reads {base} itself: state each step as a symbol of its own, such as "
                f"{base}^{{(1)}} and {base}^{{(2)}}",
            )
        alone = {*read_alone(formula)}
        for letter in row.indices:
            if bindings[letter].name in alone or letter in row.ranges or letter in self.names.indices:
                continue
            if bindings[letter].name in _names_in(formula):
                message = rf"write its range after the equation, {letter} = 1, \dots, n"
            else:
                message = r"the right side does not read it; a name of several letters is written L_{\text{CE}}"
            raise Misread(row.named.place, f"nothing says what the index {letter} runs over: {message}")

    def _sizes_of_stated(self, formula: Node) -> dict[str, str]:
        """The sizes of axes that are those of tensors with an equation, for proposals."""
        reads = [node for node in nodes(formula) if isinstance(node, Read) and node.name in self.left]
        pairs = [pair for read in reads for pair in zip(read.indices, self.left[read.name], strict=False)]
        return {index.name: binding.size for index, binding in pairs if isinstance(index, Name) and binding.size}

    def _places_on_left(self, row: Row, left: Mapping[str, Node], axes: list[str]) -> tuple[Node, ...]:
        """The indices of what a recurrence begins with, with letters for the axes that are not written."""
        place = row.named.place
        written = [(letter, node) for letter, node in row.begins or () if letter not in self.names.sample]
        found = [left[letter] if letter else self.formulas.formula(node, {}) for letter, node in written]
        missing = self.names.known[row.name].arity - len(found)
        if axes and len(axes) != missing:
            said = f"{row.named.base} begins with an array that has {len(axes)} more axes than are written"
            raise Unfit(place, f"{said}, and there are {max(missing, 0)}: write the entries, with their indices")
        axes += [*itertools.islice(self._free(row), max(missing - len(axes), 0))]
        return (*found, *(Name(letter, place) for letter in axes))

    def _find_recurrent(self, rows: Sequence[Row]) -> None:
        """Find what is read at another step before its equation, and is not declared as recurrent."""
        named = {row.name: row for row in rows if row.begins is None and row.right is not None and row.indices}
        for circle in components({name: [x for x in self.entries[name] if x in named] for name in named}):
            members = [named[name] for name in named if name in circle]
            if not any(row.name in self.shifted for row in members):
                continue
            so_far, vectors = set[str](), any(row.name in self.vectors for row in members)
            for row in members:
                so_far |= self.entries[row.name]
                if row.name in so_far and self.names.known[row.name].word == "equation":
                    self.recurrent[row.name] = row
                    arity = len(self._without_samples(row.indices)) + vectors
                    self.names.known[row.name] = Known("equation", arity)

    def _free(self, row: Row) -> Iterator[str]:
        """Letters for the axes of arrays that mean nothing else in an equation."""
        taken = {*self.names.known, *self.names.functions, *self.names.indices, *row.indices, *_tokens(row.right)}
        return (x for x in itertools.chain("ijkpqrsuvabcd", (f"i{n}" for n in itertools.count(1))) if x not in taken)

    def _reads(self, row: Row) -> set[str]:
        """The names that the right side of an equation may read."""
        found, scope, rest = set[str](), dict.fromkeys(_tokens(row.right)), list[Any]([row.right])
        while rest:
            node = rest.pop()
            if isinstance(node, Tree) and node.data not in ("term", "accent", "group"):
                rest += node.children
            elif node is not None:
                is_term = isinstance(node, Tree) and node.data == "term"
                for each in factors(node) if is_term else [Factor(node, row.named.place)]:
                    named = None
                    with contextlib.suppress(Misread):
                        named = symbol(each)
                        if named is not None:
                            name, _, indices, _ = self.names.read(named, scope)
                            flat = [*itertools.chain.from_iterable(indices)]
                            begun = (self.begun.get((name or "", _written(x))) for x in flat)
                            found.add(next(filter(None, begun), name or ""))
                            self._note(row, name or "", flat)
                    inner = each.atom.children if named is None and isinstance(each.atom, Tree) else ()
                    rest += [*inner, *each.subs, *each.sups, *each.left]
        return found

    def _note(self, row: Row, name: str, indices: Sequence[Any]) -> None:
        """Note what an equation reads the entries of, what of it at another step, and whether it reads vectors."""
        self.entries[row.key] |= {name} if indices else set()
        known = self.names.known.get(name)
        if any(shift[0] in row.indices for part in indices if (shift := shift_of(part))):
            self.shifted.add(name)
        if known is not None and known.word != "equation" and known.arity > len(indices):
            self.vectors.add(row.name)

    def _left_index(self, letter: str, row: Row, bindings: dict[str, Binding]) -> Node:
        place = row.named.place
        bound = bindings[letter]
        bound.sample = letter in self.names.sample
        bound.name = self.formulas.named(letter, place)
        if letter not in row.ranges:
            return Name(bound.name, place)
        size, bound.size = self.formulas.upper(row.ranges[letter])
        bound.sample |= size is None
        return Name(bound.name, place) if size is None else Over(bound.name, size, place)

    def _miss(self, lines: Sequence[Line]) -> None:
        for name, row in self.recurrent.items():
            sides = self.left.get(name) or [Binding(letter) for letter in row.indices]
            self.formulas.unknown.append(Unknown(name, row.named.place, tuple(sides), recurrent=True))
        found_ = [each for each in self.formulas.unknown if each.recurrent or each.name not in self.lines.broken]
        unknown = sorted(found_, key=_position)
        if not unknown:
            return
        last = next((line for line in reversed(lines) if isinstance(line, Stated)), None)
        in_last = set(map(id, _places(last.formula))) if last else set()
        for each in unknown:
            each.error = id(each.place) in in_last
        found = Undeclared(unknown, self.formulas.read, self.left, self.names.known)
        self.problems.append((unknown[0].place, found.message()))
        self.lines.broken |= {each.name for each in unknown}


def _declares(comment: Piece, read: set[str]) -> bool:
    """Whether a comment is a declaration, and no prose such as "output layer", whose words are no symbols."""
    word, rest = comment.word()
    if word not in WORDS or word == "use" or not rest.text:
        return False
    if word == "promise":
        return rest.word()[0] in PROMISES
    if any(sign in rest.text for sign in "[=~"):
        return True
    names = [part.word() for part in rest.split(",")]
    plain = all(name and (not more.text or more.word()[0] in ("in", "without")) for name, more in names)
    stems = {name.partition("_")[0].rstrip("0123456789") for name, _ in names}
    return plain and (word in ("size", "index") or {GREEK.get(stem, stem) for stem in stems} <= read)


def _declared(text: str, comments: Sequence[Piece], declarations: str) -> str:
    """The declarations in comments, each at its place, and those that are given, in lines after the text."""
    lines = [""] * (text.count("\n") + 1)
    for piece in comments:
        lines[piece.place.line - 1] = " " * (piece.place.column - 1) + piece.text
    return "\n".join([*lines, declarations])


def _of_same_sample(node: Any, samples: set[str]) -> Any:
    """A formula without the indices of samples."""
    if isinstance(node, tuple):
        return tuple(_of_same_sample(part, samples) for part in node)
    if isinstance(node, Read):
        indices = tuple(i for i in node.indices if not (isinstance(i, Name) and i.name in samples))
        return replace(node, indices=indices) if indices else Name(node.name, node.place)
    if not isinstance(node, Node):
        return node
    return replace(node, **{f.name: _of_same_sample(getattr(node, f.name), samples) for f in fields(node)})


def _packed(text: str) -> str:
    return "".join(text.split())


def _joined(tokens: list[Token], words: set[str]) -> list[Token]:
    """Put letters together that are written without a gap, and that are a name."""
    found = list[Token]()
    for _, run in itertools.groupby(enumerate(tokens), _gap):
        letters_run = [t for _, t in run]
        word = "".join(letters_run)
        is_word = len(letters_run) > 1 and word in words
        found += [token("WORD", word, letters_run[0])] if is_word else letters_run
    return found


def _below(named: Symbol) -> list[Any]:
    """What stands below a symbol, letter by letter."""
    return [part for sub in named.subs for entry in entries(sub) for part in flat_of(entry)]


def _tokens(tree: Any) -> set[str]:
    return {str(each) for each in tree.scan_values(_is_token)} if tree else set()


def _written(tree: Any) -> str:
    return str(tree) if isinstance(tree, Token) else "".join(map(str, tree.scan_values(_is_token)))


def _is_token(each: object) -> bool:
    return isinstance(each, Token)


def _gap(numbered: tuple[int, Token]) -> object:
    """A key that is the same for all letters that are written without a gap."""
    number, each = numbered
    return ("letters", (each.start_pos or 0) - number) if each.type == "LETTER" and len(each) == 1 else number


def _position(unknown: Unknown) -> tuple[int, int]:
    return unknown.place.line, unknown.place.column


def _names_in(node: Node) -> Iterator[str]:
    if isinstance(node, Read | Name | Call):
        yield node.name
    for part in parts(node):
        yield from _names_in(part)


def _places(node: Node) -> Iterator[Place]:
    yield node.place
    for part in parts(node):
        yield from _places(part)


def _in_order(rows: Sequence[Row], reads: Mapping[str, set[str]]) -> list[Row]:
    """The equations in an order in which each reads what is stated before; those of a recurrence as they are."""
    named, order = {row.key: row for row in reversed(rows)}, [*dict.fromkeys(row.key for row in rows)]
    circles = components({name: [other for other in order if other in reads[name]] for name in order})
    found = [named[name] for circle in circles for name in sorted(circle, key=order.index)]
    return [*found, *(row for row in rows if named[row.key] is not row)]


def _error_last(lines: list[Line]) -> list[Line]:
    """The lines with the error last: the last equation of a number that no other one reads."""
    stated = [line for line in lines if isinstance(line, Stated | Function)]
    read = {name for line in stated for name in _names_in(line.formula) if name != line.name.name}
    ends = [line for line in stated if isinstance(line, Stated) and not line.indices and line.name.name not in read]
    return [line for line in lines if line not in ends[-1:]] + ends[-1:]
