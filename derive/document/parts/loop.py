"""The update and the training loop: each line with its equation and its line of code."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from sympy import Indexed, Rational

from derive.arrays.lift import ArrayAssign
from derive.arrays.matrix import Call, arrays_read, walk
from derive.calculus.coupling import coupling
from derive.calculus.deltas import tidy
from derive.calculus.index import SAMPLES, Index, Tensor, symbols_read
from derive.calculus.program import constant
from derive.calculus.recurrence import Recurrence
from derive.calculus.roles import Role
from derive.calculus.starts import is_factor
from derive.document.array_signs import signs
from derive.document.blocks import Algorithm, Block, Code, Display, Item, Part, Reference, Span, Step, Text, listed, say
from derive.document.parts.notation import OF_A_STEP
from derive.document.parts.pattern import recurring
from derive.document.recursion import Layered, covers
from derive.document.updates import Updates
from derive.document.view import View
from derive.learning.descent import CLIP_SCALE, RATE, SQUARE_NORM, STEP, WEIGHT_LIMIT
from derive.learning.initialisations import INITIALISATIONS, INPUTS, UNITS
from derive.learning.optimizers import LEARNING_RATE
from derive.paper.boxes import SUM, Box
from derive.paper.notation import ABOUT
from derive.paper.page import Page

#: Largest number of lines of one stage, or arrays in a row; of more, the middle ones are omitted.
MOST = 8
#: The widest formula of a line, in em; wider ones show only their left side.
WIDEST = 19.0


def loop(view: View) -> Part:
    """Weight initialisation, one step of gradient descent, and the algorithm that repeats it."""
    plain = view.descent.is_plain
    blocks: list[Block] = _states(view) if view.brief else _beginning(view)
    blocks += [_lead(view), Updates(view).display, *_averages(view)]
    if not view.brief:
        known = view.batch.stage("forward", "error", "factor", "gradient")
        blocks += [*signs(view, view.batch.stage("update"), known), *_corrections(view)]
    if plain and (view.exhaustive or (view.notation.increment and not view.brief)):
        blocks += [_stepwise_words(view), Display(tuple(_stepwise(view)))]
    elif view.exhaustive:
        blocks += [say("With indices:"), Display(tuple(_by_entries(view)))]
    over_layers = _over_layers(view)
    whole = [*_kept(view), _algorithm(view), *_names_in_code(view), *_of_inputs(view), *over_layers]
    blocks += over_layers if view.brief else whole
    return Part("loop", "The training loop", tuple(blocks))


# Before the first step.


def _beginning(view: View) -> list[Block]:
    """Weight initialisation, with the standard deviation of random weights, and the optimizer's initial state."""
    network = view.derivation.network
    if network is None:
        return [_starts(view), *_states(view)]
    entry = INITIALISATIONS[network.initialisation]
    over, under = entry.spread
    start = "the bias starts" if network.is_one_unit else "the biases start"
    biases = "" if network.bias == "none" else f"; {start} at 0"
    if entry.variance is None:
        begun = say(f"Before the first step, the weights are {entry.phrase}{biases}.")
    else:
        words = f"Before the first step, the weights are {entry.phrase}, with mean 0 and variance {{}}{biases}."
        fans = [view.set_.words(f"{s.name} of the layer") for s in (INPUTS, UNITS) if under.has(s)]
        fans = fans if len(fans) == 1 else [view.set_.words(INPUTS.name), fans[-1]]
        below = view.page.sum_of((False, box) for box in fans)
        words += " This variance is meant to keep the activations{} of similar size from layer to layer." * (
            len(network.layers) > 2
        )
        both = [" and the gradients" * under.has(UNITS)] * (len(network.layers) > 2)
        begun = say(words, view.set_.fraction(view.page.entry(over), below), *both)
    if len(network.layers) > 2 and entry.kind != "zeros":
        words = " The weights are random because units that start with equal weights stay equal."
        begun = say("{}" + words, begun)
    return [begun, *_states(view)]


def _starts(view: View) -> Text:
    """What each parameter of a statement starts with."""
    groups: dict[str | Box, list[Box]] = {}
    for parameter in view.batch.parameters:
        start = start_of(view, parameter)
        words: str | Box = "with the numbers of the statement"
        if isinstance(start, str):
            words = INITIALISATIONS[start].phrase
        elif not isinstance(start, tuple):
            words = view.page.formula(Rational(start))
        groups.setdefault(words, []).append(view.batch_page.symbol(parameter, whole=True))
    said: list[Text] = []
    for words, symbols in groups.items():
        several = len(symbols) > 1
        drawn = words in {entry.phrase for entry in INITIALISATIONS.values()}
        verb = ("are" if several else "is") if drawn else "start" + "s" * (not several)
        at = " at {}" if isinstance(words, Box) else " {}"
        said.append(say("{} " + verb + at, listed(symbols), words))
    return say("Before the first step, {}.", listed(said))


def start_of(view: View, parameter: Tensor) -> Any:
    """What a parameter of a statement starts with: the name of an initialisation, a number, or numbers."""
    forward = view.derivation.forward
    start = forward.starts.get(parameter.name)
    if start is not None:
        return start
    if parameter.role == Role.WEIGHT:
        return view.derivation.specification.initialisation
    return Fraction(int(is_factor(parameter, view.factors)))


def _states(view: View) -> list[Block]:
    """The arrays that the optimizer keeps."""
    updates, page, kept = Updates(view), view.batch_page, _of_parameters(view)
    if updates.letter:
        page, kept = updates.page, [t for t in kept if t.owner == updates.parameter]
    if not kept:
        return []
    shown: list[Box | Text] = [page.symbol(t, whole=True) for t in kept]
    if updates.letter and not view.brief:
        meanings = (OF_A_STEP[t.role].replace(" of {}", "") for t in kept)
        shown = [say("{} (" + meaning + ")", symbol) for symbol, meaning in zip(shown, meanings, strict=True)]
    shown = shown if len(shown) <= MOST else [*shown[:4], view.set_.dots("low"), *shown[-2:]]
    optimizer = say("For each {}, the optimizer", updates.noun) if updates.letter else Text(("The optimizer",))
    return [say("{} keeps {} from step to step, starting at 0.{}", optimizer, listed(shown), _moment(view))]


def _of_parameters(view: View) -> list[Tensor]:
    """The states that belong to parameters."""
    return [t for t in view.batch.states if t.owner in view.batch.parameters]


def _averages(view: View) -> list[Block]:
    """What the running averages are for, and what they start with."""
    kept = view.batch.averages
    if not kept:
        return []
    page, starts = view.batch_page, view.batch.starts
    of = listed([page.symbol(view.batch.tensors[name], whole=True) for name in kept])
    begin = [
        say("{} at {}", page.symbol(t, whole=True), view.page.formula(Rational(starts[t.name]))) for t in kept.values()
    ]
    one = len(kept) == 1
    kind = "is a running average over the batches, starting" if one else "are running averages, which start"
    words = f"The last of these equations {kind} with {{}}. A prediction reads "
    alone = "" if coupling(view.batch.predicting) else ", so it does not depend on other samples"
    words += f"{'it' if one else 'them'} in the place of {{}}{alone}; the error and its gradients read {{}} "
    words += "itself." if one else "themselves."
    return [say(words, listed(begin), of, of)]


def _moment(view: View) -> Text:
    """Name the letter of the first moment, which papers call by that of the samples here."""
    if not any(t.role == "mean" for t in view.batch.states):
        return Text(())
    words = " The first moment is written {}, not {} as usual"
    words += ", because {} is the number of samples here." if _counts(view) else "."
    samples, letters = view.letter("m"), ABOUT["mean"]
    whole = Updates(view).letter and len(Updates(view).parameter.axes) == 2
    return say(words, view.letter(letters.batch if whole else letters.entry), *[samples] * (1 + _counts(view)))


def _counts(view: View) -> bool:
    """Whether the letter m is the number of samples."""
    return view.sampled and view.page.entry(SAMPLES) == view.set_.variable("m")


# A step.


def _lead(view: View) -> Text:
    """The sentence that introduces a step."""
    rate, descent, updates = view.page.symbol(LEARNING_RATE), view.descent, Updates(view)
    every = say(", for each {} ({})", updates.noun, updates.words) if updates.letter else Text(())
    if descent.is_plain:
        return say("A gradient descent step with learning rate {}{}:", rate, every)
    entry = descent.optimizer
    method = "gradient descent" if entry.is_plain else f"{entry.title} ({entry.source})"
    words = f"A step of {method} with learning rate {{}}{{}}"
    boxes: list[Span | Text] = [rate, every]
    if descent.counts:
        words += "; {} counts the steps and is 0 before the first"
        boxes.append(view.page.symbol(STEP))
    if descent.timed:
        words += "; {} is the learning rate of this step, from the schedule " + descent.schedule.name
        boxes.append(view.page.symbol(RATE))
    if descent.limit is not None and descent.clipping.entry is None:
        words += "; {} is the squared norm of all gradients together, and {} scales them down to the norm {} if they "
        words += "are longer (Pascanu, Mikolov and Bengio 2013)"
        boxes += [view.page.symbol(t) for t in (SQUARE_NORM, CLIP_SCALE, constant("clip"))]
    elif descent.limit is not None:
        words += "; the entries of the gradients are clipped at {} (" + descent.clipping.source + ")"
        boxes.append(view.page.symbol(constant("clip")))
    if descent.constraint is not None:
        words += "; after it, a projection " + descent.constraint.what + " (" + descent.constraint.source + ")"
        words += ", with the limit {}" * bool(descent.bounds)
        boxes += [view.page.symbol(constant(WEIGHT_LIMIT))] * bool(descent.bounds)
    return say(words + ":", *boxes)


def _corrections(view: View) -> list[Block]:
    """Why an optimizer divides its running means, if it does."""
    known = [s.target for s in view.batch.stage("update") if s.target.name.startswith("correction")]
    if not known:
        return []
    words = (
        "The running means start at 0, so they are too small at first. Dividing by {}, the sums of the coefficients "
    )
    words += "of the gradients so far, corrects this."
    return [say(words, listed([view.page.symbol(t) for t in known]))]


def _by_entries(view: View) -> list[Item]:
    """Write the equations of a step in index form, with a separate increment if the notation has one."""
    found = []
    for statement in view.single.stage("update"):
        old, equation = statement.target.replaces, statement.equation
        if not equation.expression.has(Indexed):
            continue
        if view.notation.increment and old is not None and old in view.single.parameters:
            page = view.page.lettered(equation, "update")
            step = tidy(equation.expression - old[equation.indices])
            left = page.symbol(statement.target, equation.indices)
            found.append(Item(view.set_.join((view.letter("Delta"), left), "", left.binds), tuple(page.pieces(step))))
        found.append(view.entries(statement, numbered=False))
    return found


def is_of_first(view: View, statement: ArrayAssign) -> bool:
    """Return whether a statement is for all parameters, or for the first one."""
    return statement.target.owner == view.single.learned[0] or not statement.target.axes


def _stepwise_words(view: View) -> Text:
    """The sentence before the updates with the gradient put in, which in most documents are those of one parameter."""
    words = view.sentence("With the gradient substituted")
    first, *others = view.single.learned
    if view.exhaustive or not others:
        return say(words + ":")
    return say(words + ", for {}; the other parameters change likewise:", view.page.symbol(first, whole=True))


def _stepwise(view: View) -> list[Item]:
    """Write the updates with indices, with the gradient put in."""
    gradients = {s.target.about: s for s in view.written.stage("gradient")}
    found = []
    for statement in (s for s in view.written.stage("update") if s.target.owner in view.batch.parameters):
        if not (view.exhaustive or is_of_first(view, statement)):
            continue
        equation, about = statement.equation, statement.target.about
        assert about is not None
        slope = gradients[about]
        put_in = {slope.target[equation.indices]: slope.equation.at(equation.indices)}
        value = equation.expression.xreplace(put_in)
        page = view.written_page.with_letters(equation.indices, value.atoms(Index) - set(equation.indices))
        left = page.symbol(statement.target, equation.indices)
        if view.notation.increment:
            before = about[equation.indices]
            rule, step = (tidy(e - before) for e in (equation.expression, value))
            increment = view.set_.join((view.letter("Delta"), left), "", left.binds)
            found.append(Item(increment, (page.entry(rule), view.set_.before("equals", page.entry(step)))))
        found.append(Item(left, tuple(page.pieces(value)), "gets"))
    return found


def _kept(view: View) -> list[Block]:
    """Arrays of the forward pass that the backward pass reads."""
    read = {n for s in view.batch.stage("factor", "gradient") for n in symbols_read(s.equation.expression)}
    known = [s.target for s in view.batch.stage("forward")]
    kept = [view.batch_page.symbol(t, whole=True) for t in known if t.name in read]
    shown = kept if len(kept) <= MOST else [*kept[:4], view.set_.dots("low"), *kept[-2:]]
    words = "The equations of the backward pass use {} again, so the forward pass keeps "
    return [say(f"{words}{'it' if len(kept) == 1 else 'them'}.", listed(shown))] if kept else []


# The algorithm.


def _algorithm(view: View) -> Algorithm:
    steps = [Step(_for_each_batch(view))]
    for stage, title in (
        ("forward", "forward pass:"),
        ("error", "loss:"),
        ("factor", "backward pass:"),
        ("gradient", "gradients:"),
        ("update", "update:"),
    ):
        statements = tuple(s for s in view.batch.stage(stage) if s.target.about not in view.batch.sought)
        if statements:
            lines = _update_lines(view) if stage == "update" else _lines(view, statements)
            steps += [Step(Text((title,)), 1), *lines]
    optimizer = view.descent.optimizer
    title = "Gradient descent" if optimizer.is_plain else f"Training with {optimizer.title}"
    return Algorithm(say(title + ", with the lines of {}", Code(view.code.name)), tuple(steps))


def _of_inputs(view: View) -> list[Block]:
    """The line of code of each gradient of an input, which is no part of a step."""
    found = [s for s in view.batch.stage("gradient") if s.target.about in view.batch.sought]
    if not found:
        return []
    title = say("What no step needs, and {} computes", Code(view.code.of_inputs))
    return [Algorithm(title, tuple(replace(_line(view, s, view.batch_page), depth=0) for s in found))]


def _names_in_code(view: View) -> list[Block]:
    """What the names in the lines of code are that the document does not define, in the words of their docstrings."""
    if view.code.notes:
        return [_noted(view, [say("{} " + what, Code(name)) for name, what in view.code.notes])]
    defined = {d.function.title for d in view.batch.definitions}
    defined |= {n.name for s in view.batch.statements for n in walk(s.form) if isinstance(n, Call)}
    lines = ["".join(word.text for word in line) for section in view.code.sections for line in section.lines]
    sources = [source for _, source in view.code.equations.values()]
    said: list[Text] = []
    if any("slopes[" in source for source in sources):
        said.append(say("{} holds the gradients", Code("slopes")))
    if view.batch.recurrences:
        said += _of_loops(view, ast.parse("\n".join(lines)))
    for first, docstring in pairwise(lines):
        name = first.removeprefix("def ").partition("(")[0]
        words = docstring.strip().removeprefix('"""').removesuffix('"""').removesuffix(".")
        words = words if docstring.endswith('"""') else words.partition(";")[0]
        if first.startswith("def ") and name not in defined and any(f"{name}(" in source for source in sources):
            verb = "returns" if words.startswith("Return ") else "computes"
            words = words.removeprefix("Return ").replace("The ", "the ", 1).replace(" - ", " − ")
            spans = (Code(part) if n % 2 else part for n, part in enumerate(words.split("``")))
            said.append(say(f"{{}} {verb} {{}}", Code(f"{name}({_arguments(first)})"), Text(tuple(spans))))
    return [_noted(view, said)] if said else []


def _noted(view: View, said: list[Text]) -> Text:
    """The sentence about the names in the code."""
    words = "{} is generated from these equations. In it, " + "; ".join(["{}"] * len(said)) + "."
    return say(words, Code(view.code.name), *said)


def _arguments(header: str) -> str:
    """The arguments in the first line of a function, without their types."""
    (function,) = ast.parse(f"{header} ...").body
    assert isinstance(function, ast.FunctionDef)
    rest = [f"*{function.args.vararg.arg}"] if function.args.vararg else []
    return ", ".join([*(one.arg for one in function.args.args), *rest])


def _over_layers(view: View) -> list[Block]:
    """The backward pass as a loop over the layers, if each of its formulas is the same for all layers."""
    layered = Layered(view)
    first, *others = view.batch.stage("factor") or (None,)
    gradients, steps = layered.formulas("gradient"), layered.formulas("factor", -1)
    last = first.target.layer if first is not None else None
    if first is None or not others or last is None:
        return []
    layers = [*range(1, last + 1)]
    recursion = [f for f in steps if first not in f.statements]
    if len(recursion) != 1 or not covers(recursion, layers[:-1]) or not covers(gradients, layers):
        return []
    letter = view.letter(layered.letter)
    known = () if view.brief else recurring(view).items()
    recurrence = next((r for r, f in known if f.statements == recursion[0].statements), None)
    above = view.set_.join((letter, view.set_.number(1)), "greater", SUM)
    lines = [
        Step(_assigned(view, view.batch_page.target(first), view.batch_page.array(first.form)), 0),
        Step(say("for {} = {}:", letter, _downwards(last))),
        *(Step(_assigned(view, f.left, f.right), 1) for f in gradients),
        Step(say("if {}: {}", above, _assigned(view, recursion[0].left, recursion[0].right)), 1, recurrence),
    ]
    start, title = layered.start, Text(("The backward pass as a loop over the layers",))
    if start is not None and any(start.name in arrays_read(s.form) for s in view.batch.stage("gradient")):
        whole = view.batch_page.symbol(start, whole=True)
        title = say("{}, where {} stands for {}", title, layered.symbol_of_start, whole)
    text = say(
        "The gradients have the same form in every layer, and the recursion in every layer but the last, so the "
        "backward pass is a short loop."
    )
    return [*([] if view.brief else [text]), Algorithm(title, tuple(lines))]


def _downwards(last: int) -> str:
    """The layers from the last to the first; the middle of a long row is omitted."""
    return ", ".join(map(str, range(last, 0, -1))) if last < 5 else f"{last}, {last - 1}, ..., 1"


def _assigned(view: View, left: Box, right: Box) -> Text:
    return Text((view.set_.join((left, right), "gets", SUM),))


def _for_each_batch(view: View) -> Text:
    """The data of a batch, what is the same for all samples, and what is drawn."""
    every = {t: view.batch_page.symbol(t, whole=True) for t in view.batch.inputs}
    symbols = {t: s for t, s in every.items() if t.role != Role.RANDOM}
    drawn = [s for t, s in every.items() if t not in symbols]
    sampled = [s for t, s in symbols.items() if any(a.sample for a in t.axes)]
    same = [s for s in symbols.values() if s not in sampled]
    words = f"for each batch ({', '.join(['{}'] * len(sampled))})" if sampled else "for each step"
    words += ", with {}" * bool(same) + ", draw {}" * bool(drawn) + ":"
    return say(words, *sampled, *(listed(several) for several in (same, drawn) if several))


def _update_lines(view: View) -> list[Step]:
    """The lines of the update; if there are several for each parameter, once for all parameters."""
    updates = Updates(view)
    if not updates.letter or len(updates.each) == 1:
        return _lines(view, view.batch.stage("update"))
    each = [replace(_line(view, s, updates.page), depth=3) for s in updates.each]
    example = view.batch_page.symbol(updates.parameter, whole=True)
    header = Step(say("for each {} (code for {}):", updates.noun, example), 2)
    return [*_lines(view, updates.once), header, *each, *_lines(view, updates.averages)]


def _lines(view: View, statements: tuple[ArrayAssign, ...]) -> list[Step]:
    def written(some: Iterable[ArrayAssign]) -> Iterator[Step]:
        return (_line(view, s, view.batch_page) for s in some)

    if together := _in_steps(view, statements):
        return _with_loops(view, statements, [*written(statements)], together)
    if len(statements) <= MOST or view.exhaustive:
        return [*written(statements)]
    learned = (n for n, s in enumerate(statements, 1) if s.target.replaces in view.batch.parameters)
    first, last = statements[: max(4, next(learned, 4))], statements[-2:]
    return [*written(first), Step(Text((view.set_.dots("down"),)), 2), *written(last)]


def _in_steps(view: View, statements: tuple[ArrayAssign, ...]) -> dict[str, Recurrence]:
    """The recurrences among statements, by the names of their tensors."""
    return {
        name: r for r in view.batch.recurrences for name in r.places if any(s.target.name == name for s in statements)
    }


def _with_loops(
    view: View, statements: tuple[ArrayAssign, ...], steps: list[Step], together: dict[str, Recurrence]
) -> list[Step]:
    """The lines of statements; those of a recurrence are in a loop over its steps."""
    found: list[Step] = []
    before: Recurrence | None = None
    for statement, line in zip(statements, steps, strict=True):
        recurrence = together.get(statement.target.name)
        if recurrence is not None and recurrence is not before:
            found.append(Step(_for_each_step(view, statement, recurrence), 2))
        found.append(line if recurrence is None else replace(line, depth=3))
        before = recurrence
    return found


def _for_each_step(view: View, statement: ArrayAssign, recurrence: Recurrence) -> Text:
    """The header of a loop over the steps of a recurrence."""
    page = view.batch_page.lettered(statement.equation, statement.stage)
    letter = page.index(statement.equation.indices[recurrence.places[statement.target.name]])
    assert letter is not None
    first, last = view.set_.number(recurrence.axis.start), page.entry(recurrence.axis.stop)
    begin, end = (last, first) if recurrence.backward else (first, last)
    return say("for {}, ..., {}:", view.set_.join((letter, begin), "equals", SUM), end)


def _of_loops(view: View, tree: ast.Module) -> list[Text]:
    """From where loops count their steps, and what they read that is computed before."""
    names = _before_loops(view, tree)
    verb = "hold" if len(names) > 1 else "holds"
    before = say(f"{{}} {verb} what a loop reads that is computed before it, for all steps", listed(map(Code, names)))
    return [Text(("loops count the steps from 0",)), *([before] if names else [])]


def _before_loops(view: View, tree: ast.Module) -> list[str]:
    """The names of what the code computes for all steps before a loop reads it."""
    found: dict[str, None] = {}
    for function in (n for n in tree.body if isinstance(n, ast.FunctionDef)):
        loops = [n for n in function.body if isinstance(n, ast.For)]
        read = {n.id for loop in loops for n in ast.walk(loop) if isinstance(n, ast.Name)}
        lines = [n for n in function.body if isinstance(n, ast.Assign) and n.lineno in _numbered(view)]
        names = [n.targets[0].id for n in lines if isinstance(n.targets[0], ast.Name)]
        stated = {source.partition(" = ")[0] for _, source in view.code.equations.values()}
        found |= dict.fromkeys(name for name in names if name in read and name not in stated)
    return list(found)


def _numbered(view: View) -> set[int]:
    """The lines of the code on which the statement of an equation, or of a part of it, ends."""
    lines = (line for section in view.code.sections for line in section.lines)
    return {n for n, line in enumerate(lines, start=1) if any(word.equation is not None for word in line)}


def _line(view: View, statement: ArrayAssign, page: Page) -> Step:
    symbol, value = page.target(statement), page.array(statement.form)
    formula = view.set_.join((symbol, value), "gets", SUM)
    shown = (
        say("{}", formula)
        if formula.width <= WIDEST
        else say("compute {} as in {}", symbol, Reference(statement.number))
    )
    line, source = view.code.equations.get(statement.target.stored.name, (0, ""))
    return Step(shown, 2, statement.number, (line, source) if source else None)
