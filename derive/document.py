"""The derivation as a document: what is shown, in which order, with which letters.

The mathematics comes from the program and the chains; the template holds the
prose between the equations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sympy import Expr, Indexed, Integer, KroneckerDelta, Sum

from derive.chain_rows import ChainRows
from derive.chain_rule import LocalDerivative
from derive.deltas import contract, tidy
from derive.describe import spelled
from derive.forward import SAMPLES
from derive.functions import A, Elementwise, X, derivative, output_form
from derive.index import Index, Tensor
from derive.layout import LINE, Item, block
from derive.notation import LETTERS, Notation
from derive.optimizers import LEARNING_RATE
from derive.printers.boxes import EMPTY, PRODUCT, SUM, Box, Typesetter
from derive.printers.latex import latex
from derive.printers.page import Page
from derive.printers.text import text
from derive.program import STAGES, Assign, Definition, Program, Slopes
from derive.render import fill
from derive.sample import one_sample, single_index

if TYPE_CHECKING:
    from derive.pipeline import Derivation


def page_for(program: Program, notation: Notation) -> Page:
    """The page on which a program is written."""
    layers = {t.layer for t in program.tensors.values() if t.role == "preactivation"}
    origins = list(dict.fromkeys(d.function.origin for d in program.definitions))
    numbered = {o: "" if len(origins) == 1 else str(n) for n, o in enumerate(origins, start=1)}
    taken = frozenset(s.name for s in program.extents)
    return Page(Typesetter(notation.times), notation, program.tensors, one_layer=len(layers) <= 1, functions=numbered, taken=taken)


class Document:
    """Collects the finished lines of one derivation."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.notation: Notation = derivation.notation
        self.batch: Program = derivation.program
        self.single = one_sample(self.batch)
        self.page = page_for(self.single, self.notation)
        self.batch_page = replace(page_for(self.batch, self.notation), batch=True)

    def context(self) -> dict[str, Any]:
        """What the template needs."""
        lines = self.lines()
        written = "".join([lines["arrays"], *lines["batch"].values()])
        return {
            **lines,
            "ones": r"\mathbf{1}" in written,
            "explicit_ones": self.notation.ones,
            "biases": any(p.role == "bias" for p in self.single.parameters),
            "elided": r"\cdots" in lines["rows"],
        }

    def lines(self) -> dict[str, Any]:
        """The finished lines, by the place where they stand."""
        rows = ChainRows(self.page, self.derivation.chains, self.derivation.factors)
        return {
            "description": self.description(),
            "notation": self.notation,
            "functions": block(self.functions()),
            "several": len(self.functions()) > 1,
            "forward": block([self.entries(s) for s in self.single.stage("forward", "error")]),
            "sought": self.sought(),
            "count": self.count() if self.total().is_number else "",
            "count_display": block([Item(EMPTY, tuple(self.page.pieces(self.total())), relation="")]),
            "rows": block([rows.chain_row(p) for p in self.by_depth()]),
            "meaning": block(self.meaning()),
            "recursion": block([self.entries(s) for s in self.single.stage("factor")]),
            "entry_gradients": block([self.entries(s) for s in self.single.stage("gradient")]),
            "slopes": block(self.slopes()),
            "several_slopes": len(self.slopes()) > 1,
            "first": block(self.error_slopes()),
            "output_slope": block(self.output_slope()),
            "plugged": block(self.plugged()),
            "unfolded": block(self.unfolded()),
            "full_gradients": block(self.full_gradients()),
            "mixed": block(self.mixed_slope()),
            "arrays": block([self.arrays(s, replace(self.page, shapes=True), False) for s in self._before_update()]),
            "batch_error": block([self.entries(s, self.batch, numbered=False) for s in self.batch.stage("error")]),
            "batch": {
                stage: block([self.arrays(s, self.batch_page, True) for s in self.batch.stage(stage)])
                for stage in STAGES
            },
            "stepwise": block(self.stepwise()),
            "per_sample": self.batch.common.has(SAMPLES),
            "augmented": any(a.start == 0 for p in self.batch.parameters for a in p.axes),
            "loop": self.loop(),
            "red": len(self.single.stage("factor")) > 1,
            "factor_name": f"${self.notation_letter('factor')}$",
            "times": f"${self.notation.times.tex}$",
            "weights": self.weights(),
            "rate": latex(self.page.symbol(LEARNING_RATE)),
            "promises": bool(self.derivation.forward.promises),
        }

    def description(self) -> str:
        """The network in one sentence, widths that have names as mathematics."""
        sentence = self.derivation.description
        if self.derivation.network is None or not self.batch.extents:
            return sentence
        layers = self.derivation.network.layers
        set_ = self.page.typesetter
        widths = [str(w) if isinstance(w, int) else f"${latex(set_.variable(w))}$" for w in layers]
        return sentence.replace(spelled(layers), spelled(widths), 1)

    def _before_update(self) -> tuple[Assign, ...]:
        return self.single.stage("forward", "error", "factor", "gradient")

    # ------------------------------------------------------------ statements

    def entries(self, statement: Assign, program: Program | None = None, numbered: bool = True) -> Item:
        """A statement in index form, with its number."""
        equation = statement.equation
        page = self.page if program is None else replace(self.batch_page, batch=False)
        page = page.lettered(equation, statement.stage)
        left = page.symbol(statement.target, equation.indices)
        right = [page.rows(equation)] if equation.expression.has(KroneckerDelta) else page.pieces(equation.expression)
        return Item(left, tuple(right), _relation(statement), statement.number if numbered else None)

    def arrays(self, statement: Assign, page: Page, numbered: bool) -> Item:
        """A statement in matrix form; the shape of the result stands below it if shapes are shown."""
        assert statement.form is not None
        left = page.symbol(statement.target, whole=True)
        if page.shapes and statement.form.shape != (1, 1):
            left = page.typesetter.under(left, page.shape(*statement.form.shape))
        right = page.array_pieces(statement.form, LINE - left.width - 5)
        return Item(left, tuple(right), _relation(statement), statement.number if numbered else None)

    def functions(self) -> list[Item]:
        """The definition of each activation, and what it is called here."""
        return [self._definition(d) for d in self.batch.definitions if d.function.order == 0]

    def _definition(self, definition: Definition) -> Item:
        page = self.page
        own = replace(page, functions={}).function(definition.function)
        names = [page.function(definition.function, n) for n in self._layers(definition.function)]
        argument = page.entry(X)
        applied = page.typesetter.apply(own, argument)
        named = [page.typesetter.apply(n, argument) for n in dict.fromkeys(names)]
        value = page.entry(definition.function.definition)
        known = latex(value) == latex(applied)
        right = value if known else page.typesetter.join((applied, value), "equals", SUM)
        return Item(page.typesetter.join(named, "equals", SUM), (right,), number=definition.number)

    def _layers(self, function: Any) -> list[int | None]:
        """The layers in which a function is the activation (one entry if they are written alike)."""
        used = [
            s.target.layer
            for s in self.batch.stage("forward")
            if isinstance(s.equation.expression, Elementwise) and type(s.equation.expression) is function
        ]
        if not self.notation.function_layers or len(used) > 4:
            return used[:1] or [None]
        return list(used) or [None]

    def notation_letter(self, role: str) -> str:
        """The letter of a role, in LaTeX."""
        return LETTERS[self.notation.roles[role].entry].tex

    def weights(self) -> str:
        """Say which way the weights point, where both of their indices are written."""
        if not any(p.role == "weight" and all(a.extent != 1 for a in p.axes) for p in self.single.parameters):
            return ""
        entry = f"${self.notation_letter('weight')}_{{ij}}$"
        if self.notation.from_first:
            place = "in the matrix $W$ it stands in row $j$, column $i$"
            return f"The weight {entry} leads from unit $i$ to unit $j$; {place}."
        return f"The weight {entry} leads from unit $j$ to unit $i$."

    # ------------------------------------------------------------ what is sought

    def by_depth(self) -> list[Tensor]:
        """The parameters, the one nearest to the error first."""
        order = {t.name: n for n, t in enumerate(self.derivation.chains.tensors)}
        nearest = {
            p.name: min(order[e.of.name] for e in self.derivation.chains.into(p)) for p in self.single.parameters
        }
        return sorted(self.single.parameters, key=lambda p: (nearest[p.name], p.role != "weight"))

    def sought(self) -> str:
        """The gradients, as one line of symbols."""
        page = self.page
        gradients = [s.target for s in self.single.stage("gradient")]
        shown = gradients if len(gradients) <= 8 else [*gradients[:4], None, *gradients[-2:]]
        boxes = [page.typesetter.dots("low") if g is None else page.symbol(g, whole=True) for g in shown]
        separated = [page.typesetter.after(b, "comma") for b in boxes[:-1]]
        return block([Item(EMPTY, (*separated, boxes[-1]), relation="")])

    def total(self) -> Expr:
        """The number of scalar derivatives sought."""
        return sum((_size(p) for p in self.single.parameters), Integer(0)).expand()

    def count(self) -> str:
        """That number in LaTeX."""
        return latex(self.page.entry(self.total()))

    # ------------------------------------------------------------ factors

    def meaning(self) -> list[Item]:
        """What each shared factor is the derivative of."""
        found = []
        for statement in self.single.stage("factor"):
            about, indices = statement.target.about, statement.equation.indices
            assert about is not None
            page = self.page.with_letters(indices, ())
            slope = page.typesetter.partial(_letter("E"), page.symbol(about, indices))
            pieces = page.signed([(self.single.common == -1, slope)])
            found.append(Item(page.symbol(statement.target, indices), tuple(pieces)))
        return found

    # ------------------------------------------------------------ values

    def slopes(self) -> list[Item]:
        """Every f' worked out; one that no equation of the program needs has no number."""
        numbered = [d for d in self.batch.definitions if d.function.order]
        known = {d.function for d in numbered}
        needed = [derivative(d.function) for d in self.batch.definitions if not d.function.order]
        others = [self.slope(Definition(0, f)) for f in needed if f not in known]
        return [*(self.slope(d) for d in numbered), *(replace(item, number=None) for item in others)]

    def slope(self, definition: Definition) -> Item:
        """Work out f': as SymPy differentiates it, then in terms of f."""
        function = next(d.function for d in self.batch.definitions if d.function.title == definition.function.origin)
        page, x = self.page, self.page.entry(X)
        layers = self._layers(function)
        names = dict.fromkeys(page.function(definition.function, n) for n in layers)
        left = page.typesetter.join([page.typesetter.apply(n, x) for n in names], "equals", SUM)
        pieces = [page.entry(definition.function.definition)]
        form = output_form(function)
        if form is not None and not form.is_number:
            applied = page.typesetter.apply(page.function(function, layers[0]), x)
            value = replace(page, given={A: applied}).entry(form)
            pieces.append(page.typesetter.before("equals", value))
        return Item(left, tuple(pieces), number=definition.number)

    def error_slopes(self) -> list[Item]:
        """The derivative of the error with respect to what it reads, worked out."""
        found = []
        for edge in self.derivation.chains.edges[self.derivation.forward.error.target.name]:
            value = contract(edge.value, self.derivation.forward.supply)
            alone = {i: single_index(i) for i in value.atoms(Index)}
            value = tidy(value.xreplace({SAMPLES: Integer(1), **alone}))
            indices = tuple(single_index(i) for i in edge.wrt_indices)
            page = self.page.with_letters(indices, [i for i in sorted(value.atoms(Index), key=str) if i not in indices])
            left = page.typesetter.partial(_letter("E"), page.symbol(edge.wrt, indices))
            found.append(Item(left, tuple(page.pieces(value))))
        return found

    def mixed_slope(self) -> list[Item]:
        """The slope of an activation that mixes the units of its layer."""
        found = []
        for edges in self.derivation.chains.edges.values():
            for edge in edges:
                if edge.of.role == "prediction" and not isinstance(edge.equation.expression, Elementwise):
                    value = edge.value.xreplace({i: single_index(i) for i in edge.value.atoms(Index)})
                    value = value.replace(_is_trivial_delta, lambda _: Integer(1))
                    of, wrt = (tuple(map(single_index, i)) for i in (edge.of_indices, edge.wrt_indices))
                    page = self.page.with_letters((*of, *wrt), ())
                    left = page.typesetter.partial(page.symbol(edge.of, of), page.symbol(edge.wrt, wrt))
                    found.append(Item(left, tuple(page.pieces(tidy(value)))))
        return found

    def plugged(self) -> list[Item]:
        """Each factor with f' written in terms of the activation, where that changes it."""
        slopes = Slopes(self.derivation.forward)
        found = []
        for statement in self.single.stage("factor"):
            value = slopes.plug_in(statement.equation.expression)
            if value != statement.equation.expression:
                page = self.page.lettered(statement.equation, "factor")
                left = page.symbol(statement.target, statement.equation.indices)
                found.append(Item(left, tuple(page.pieces(value))))
        return found

    def output_slope(self) -> list[Item]:
        """How the first factor comes about where it became shorter than the product of its slopes."""
        chains, slopes = self.derivation.chains, Slopes(self.derivation.forward)
        factors = self.single.stage("factor")
        about = factors[0].target.about if factors else None
        if about is None:
            return []
        first = factors[0]
        (last, *more) = chains.into(next(t for t in chains.tensors if t.name == about.name))
        outer = chains.into(last.of)
        if more or len(outer) != 1 or outer[0].of != self.derivation.forward.error.target:
            return []
        nothing_new = _is_plain(first.equation.expression) or not last.value.has(Indexed)
        return [] if nothing_new else [self._product(first, outer[0], last, slopes)]

    def _product(self, first: Assign, outer: LocalDerivative, inner: LocalDerivative, slopes: Slopes) -> Item:
        """dE/da * da/dz = what it comes to, with each slope worked out."""
        supply = self.derivation.forward.supply
        indices = first.equation.indices
        tie = {old: new for old, new in zip(inner.wrt_indices, indices, strict=True)}
        of = tuple(tie.get(inner.tied.get(i, i), single_index(i)) for i in inner.of_indices)
        alone = {SAMPLES: Integer(1), **{i: single_index(i) for i in outer.value.atoms(Index)}}
        left = contract(outer.value, supply).xreplace({**alone, **dict(zip(outer.wrt_indices, of, strict=True))})
        renamed = {**dict(zip(inner.of_indices, of, strict=True)), **tie}
        right = slopes.plug_in(inner.value).xreplace(renamed)
        right = right.xreplace({SAMPLES: Integer(1), **{i: single_index(i) for i in right.atoms(Index)}})
        right = right.replace(_is_trivial_delta, lambda _: Integer(1))
        bound = [i for i in of if i not in indices]
        page = self.page.with_letters(indices, bound, self.notation.factor_letters)
        boxes = [page.summation(i) for i in bound if i.axis.extent != 1]
        boxes += [page.at(tidy(left), PRODUCT), page.at(tidy(right), PRODUCT)]
        value = page.entry(first.equation.expression * self.single.common)
        about = first.target.about
        assert about is not None
        symbol = page.typesetter.partial(_letter("E"), page.symbol(about, indices))
        return Item(symbol, (*boxes, page.typesetter.before("equals", value)))

    def unfolded(self) -> list[Item]:
        """The error of a network of one layer with its forward equations put in."""
        *_, error = self.batch.stage("error")
        forward = self.batch.stage("forward")
        if len([s for s in forward if s.target.role == "preactivation"]) != 1 or self.batch_has_rows():
            return []
        value = error.equation.expression
        for statement in reversed(forward):
            for entry in sorted(value.atoms(Indexed), key=str):
                if entry.base.label.name == statement.target.name:
                    value = value.xreplace({entry: statement.equation.at(tuple(entry.indices))})
        page = replace(self.batch_page, batch=False).lettered(replace(error.equation, expression=value))
        pieces = page.pieces(value)
        fits = sum(p.width for p in pieces) + 5 < LINE  # a sum cannot be broken inside its bracket
        return [Item(page.symbol(error.target), tuple(pieces))] if fits else []

    def batch_has_rows(self) -> bool:
        """Whether a tensor is stacked from blocks of rows, or an activation mixes units."""
        forward = self.batch.stage("forward")
        mixed = any(s.target.role == "prediction" and s.equation.expression.has(Sum) for s in forward)
        return mixed or any(s.equation.expression.has(KroneckerDelta) for s in forward)

    def stepwise(self) -> list[Item]:
        """Each update for one sample, with the gradient put in."""
        gradients = {s.target.about: s for s in self.single.stage("gradient")}
        found = []
        for statement in self.single.stage("update"):
            equation, about = statement.equation, statement.target.about
            assert about is not None
            slope = gradients[about]
            put_in = {slope.target[equation.indices]: slope.equation.at(equation.indices)}
            value = equation.expression.xreplace(put_in)
            page = self.page.with_letters(equation.indices, value.atoms(Index) - set(equation.indices))
            left = page.symbol(statement.target, equation.indices)
            if self.notation.increment:
                before = about[equation.indices]
                rule, step = (tidy(e - before) for e in (equation.expression, value))
                increment = page.typesetter.join((page.typesetter.letter(LETTERS["Delta"]), left), "", left.binds)
                found.append(Item(increment, (page.entry(rule), page.typesetter.before("equals", page.entry(step)))))
            found.append(Item(left, tuple(page.pieces(value)), r"\leftarrow"))
        return found

    def full_gradients(self) -> list[Item]:
        """The gradients of a network of one layer with the shared factor put in."""
        factors = {s.target: s for s in self.single.stage("factor")}
        if len(factors) != 1:
            return []
        (factor,) = factors.values()
        found = []
        for statement in self.single.stage("gradient"):
            value = statement.equation.expression
            for entry in sorted(value.atoms(Indexed), key=str):
                if entry.base.label.name == factor.target.name:
                    value = value.xreplace({entry: factor.equation.at(tuple(entry.indices))})
            page = self.page.lettered(replace(statement.equation, expression=value), "factor")
            left = page.symbol(statement.target, statement.equation.indices)
            found.append(Item(left, tuple(page.pieces(value))))
        return found

    # ------------------------------------------------------------ loop

    def loop(self) -> dict[str, str]:
        """The numbers of the equations of each stage, as ranges."""
        return {stage: _range([s.number for s in self.batch.stage(stage)]) for stage in STAGES}


def _is_plain(expression: Expr) -> bool:
    """Whether a factor still shows the slope of an activation, so that nothing was cancelled in it."""
    return bool(expression.has(Elementwise))


def _is_trivial_delta(node: Expr) -> bool:
    """A delta of two indices that have a single value each."""
    single = [isinstance(a, Index) and a.axis.extent == 1 for a in node.args]
    return isinstance(node, KroneckerDelta) and all(single)


def _relation(statement: Assign) -> str:
    return r"\leftarrow" if statement.stage == "update" else "="


def _letter(name: str) -> Box:
    return Box("letter", (LETTERS[name],), 0.75)


def _size(tensor: Tensor) -> Expr:
    size: Expr = Integer(1)
    for axis in tensor.axes:
        size *= axis.extent
    return size


def _range(numbers: list[int]) -> str:
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"({numbers[0]})"
    return f"({numbers[0]})--({numbers[-1]})"


def latex_fragment(derivation: Derivation) -> str:
    """Render the derivation as a LaTeX fragment, for a document of the reader's own."""
    return fill("latex/derivation.tex.jinja", **Document(derivation).context())


def latex_document(fragment: str, title: str) -> str:
    """Put a fragment into a document of its own."""
    return fill("latex/document.tex.jinja", body=fragment, title=title)


def markdown_summary(derivation: Derivation) -> str:
    """Show the shared factors and the gradients of a derivation in a notebook."""
    document = Document(derivation)
    statements = document.batch.stage("factor", "gradient")
    return "\n\n".join([derivation.description, *(f"$${_bare(document, s)}$$" for s in statements)])


def _bare(document: Document, statement: Assign) -> str:
    page = document.batch_page
    assert statement.form is not None
    return f"{latex(page.symbol(statement.target, whole=True))} = {latex(page.array(statement.form))}"


def text_summary(derivation: Derivation) -> list[str]:
    """The network and its shared factors in Unicode, for a terminal."""
    program = derivation.program
    page = replace(page_for(program, derivation.notation), batch=True)
    count = sum((_size(p) for p in program.parameters), Integer(0)).expand()
    noun = "parameter" if count == 1 else "parameters"
    found = [f"{derivation.description} It has {text(page.entry(count))} {noun}.", ""]
    statements = [s for s in program.stage("factor") if s.form is not None]
    names = [text(page.symbol(s.target, whole=True)) for s in statements]
    for statement, name in zip(statements, names, strict=True):
        assert statement.form is not None
        found.append(f"{name:>{max(map(len, names))}} = {text(page.array(statement.form))}")
    return found
