"""The C target: it refuses what C cannot do yet, and fills the templates of the two files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from sympy import Rational

from derive.calculus.index import Tensor
from derive.files.templates import fill
from derive.learning.initialisations import INITIALISATIONS
from derive.record import record
from derive.targets.c.blocks import STEP
from derive.targets.c.listing import folded, listing
from derive.targets.c.names import CNames
from derive.targets.c.program import GRADIENTS, WORKSPACE, CProgram, Member
from derive.targets.c.start import Start
from derive.targets.c.text import real_number
from derive.targets.target import Listing, Runnable
from derive.targets.verify import GradientReport
from derive.text.errors import StatementError
from derive.text.user_text import listed


@record
class CTarget:
    """The files of C of a derivation; a ``targets.target.Target``."""

    derived: Runnable

    @cached_property
    def name(self) -> str:
        """What the names in the files begin with."""
        return CNames().fresh(self.derived.specification.name)

    def files(self, form: str) -> dict[str, str]:
        """Return the source file and the header.

        Raises StatementError for what C cannot do yet, and what the check of the NumPy module raises: the equations are
        the same.
        """
        self.check_can()
        self.report.require()
        return {f"{self.name}.c": self.source, f"{self.name}.h": self.header}

    def check_can(self) -> None:
        """Raise StatementError, in one sentence, for what C cannot do yet."""
        program = self.derived.program
        if self.derived.first is not None:
            raise StatementError("target c has no second derivatives yet: leave order out, or take target numpy")
        if program.upstream:
            raise StatementError("target c is for a network, not yet for a layer alone: take target numpy")
        for tensor in (*program.inputs, *(program.tensors[name] for name in program.outputs)):
            if sum(axis.sample for axis in tensor.axes) > 1:
                raise StatementError(
                    f"{tensor.name} has an entry for each pair of samples, which target c cannot take as data or "
                    "return yet: take target numpy"
                )

    @property
    def report(self) -> GradientReport:
        """The report of the check of the NumPy module, which computes the same equations."""
        return self.derived.target("numpy").report

    def listing(self, form: str) -> Listing:
        """Return the file with the equations, as documents print it."""
        tensors = {
            place: self.derived.program.tensors[name].stored.name for name, place in self.own.printer.places.items()
        }
        return listing(f"{self.name}.c", self.source, tensors, f"{self.name}_gradients")

    @cached_property
    def own(self) -> CProgram:
        """The program with its names and lines in C."""
        return CProgram(self.derived, self.name)

    @cached_property
    def header(self) -> str:
        """The header."""
        return folded(fill("c/network.h.jinja", **self.context))

    @cached_property
    def source(self) -> str:
        """The source file."""
        return folded(fill("c/network.c.jinja", **self.context))

    @cached_property
    def context(self) -> dict[str, Any]:
        """The context of both templates."""
        own, program = self.own, self.derived.program
        held = ["held"] if program.stopped else []
        start = Start(own, INITIALISATIONS[self.derived.specification.initialisation])
        averages = program.averages
        context = {
            "name": self.name,
            "NAME": self.name.upper(),
            "description": self.derived.description.replace("*/", "* /"),
            "intro": "The equations are in the source file. No memory is allocated, and none is kept but the structs.",
            "source_intro": "Each line that computes an equation ends with its number in the derivation.",
            "sampled": own.sampled,
            "coupled": own.coupled,
            "widths": list(own.names.widths.values()),
            "parameters": own.parameters,
            "states": own.states,
            "data": own.data,
            "computed": own.computed,
            "held": bool(held),
            "forward": own.lines(own.of_stage("forward"), "p", "w", "m", *held),
            "predicting": own.lines(own.predicting, "p", "s", "w", "m") if averages else None,
            "error": own.lines(own.of_stage("error"), "p", "w", "m", *held),
            "error_place": own.printer.places[own.error_name],
            "backward": own.lines(own.of_stage("factor", "gradient"), "p", "w", "g", "m"),
            "update": own.lines(own.of_stage("update"), "p", "s", "w", "g", "learning_rate", "m"),
            "starts": start.lines(),
            "started": start.called,
            **self._taken(),
            **self._saved(),
            **self._words(),
        }
        used = {*own.printer.called}
        if "log1p_ratio" in used:
            used.add("real_log1p")
        constants = ((own.names.numbers[n], real_number_of(v)) for n, v in program.constants.items())
        return {
            **context,
            "functions": own.printer.functions,
            "called": used,
            "math": sorted(name.removeprefix("real_") for name in used if name.startswith("real_")),
            "constants": [(name, value) for name, value in constants if name in own.printer.ever],
        }

    def _taken(self) -> dict[str, Any]:
        """The lines that copy the data into the workspace, or draw what is random."""
        random = self.own.random
        data = [(t, m) for t, m in self.own.data if t.name not in random]
        found = {}
        for kind, compared in (("inputs", False), ("targets", True)):
            found[f"{kind}_lines"] = self._copies([(t, m) for t, m in data if t.is_compared == compared])
        lines = []
        for tensor, member in ((t, m) for t, m in self.own.data if t.name in random):
            law = random[tensor.name]
            numbers = ", ".join(map(real_number_of, law.numbers))
            count = f"(size_t)m * {member.factor}" if member.rows else member.count
            first = member.first(WORKSPACE)
            copies = self._copies([(tensor, member)], again=True)
            lines += [f"if (data->{member.name}) {{", *(STEP + line for line in copies), "} else if (random) {"]
            lines += [f"{STEP}{law.name}({first}, {count}, {numbers}, random);", "} else {"]
            lines += [f"{STEP}for (size_t i = 0; i < {count}; i++)"]
            lines += [f"{STEP}{STEP}({first})[i] = (real){real_number_of(law.mean)};", "}"]
        if self.own.sampled and lines and not any(m.rows for t, m in self.own.data if t.name in random):
            lines = [*(f"(void){name};" for name in ("order", "first", "m")), *lines]
        return {**found, "random_lines": lines, "laws": {law.name for law in random.values()}}

    def _copies(self, data: list[tuple[Tensor, Member]], again: bool = False) -> list[str]:
        """The lines that copy data; those that say which arguments are not read, unless others read them ``again``."""
        lines = [line for tensor, member in data if not member.rows for line in _copied(tensor, member)]
        rows = [line for tensor, member in data if member.rows for line in _copied(tensor, member)]
        if rows:
            first = "const size_t row = (size_t)(order ? order[first + u] : first + u);"
            lines += ["for (int u = 0; u < m; u++) {", *(STEP + line for line in (first, *rows)), "}"]
        unread = ["order", "first", "m"] if self.own.sampled and not rows else []
        unread += ["w", "data"] if not data else []
        return [*(f"(void){name};" for name in unread if not again), *lines]

    def _saved(self) -> dict[str, Any]:
        """The lines that save, load and check."""
        own, learned = self.own, {p.name for p in self.derived.program.learned}
        members = [("p", m) for m in own.parameters] + [("s", m) for m in own.states]
        saves, loads, checks = [], [], []
        for of, member in members:
            if member.kind == "double":
                saves.append(f"*numbers++ = {of}->{member.name};")
                loads.append(f"{of}->{member.name} = *numbers++;")
            else:
                saves.append(f"numbers = put(numbers, {member.first(of)}, {member.count});")
                loads.append(f"numbers = get(numbers, {member.first(of)}, {member.count});")
        for tensor, member in zip(self.derived.program.parameters, own.parameters, strict=True):
            if tensor.name in learned:
                ends = f"{member.first('p')}, {member.first(GRADIENTS)}, {member.count}, found);"
                checks.append(f"compare(p, w, {'data->m' if own.sampled else '1'}, {ends}")
        unread = [] if own.states else ["(void)s;"]
        numbers = " + ".join(m.count for _, m in members) or "0"
        return {"saves": [*unread, *saves], "loads": [*unread, *loads], "checks": checks, "numbers": numbers}

    def _words(self) -> dict[str, Any]:
        """Sentences in the comments of the header, and the arguments of the prediction."""
        own, program, name = self.own, self.derived.program, self.name
        kept = ["the numbers of the optimizer"] if any(t.role != "running" for t in program.states) else []
        kept += ["running averages"] if program.averages else []
        data = [f"{m.name} has {_shape(m)}{_integers(t)}" for t, m in own.data]
        laws = own.random
        said = [
            f"{m.name} is drawn in each step, and has its mean elsewhere, if it is NULL"
            for t, m in own.data
            if t.name in laws
        ]
        free = CNames()
        arguments = [free.fresh(m.name) for m in own.outputs]
        outputs = ", ".join(f"{name}_real *{argument}" for argument in arguments)
        state = f"const {name}_state *s, " if program.averages else ""
        batch = f", and for less than 1 or more than {name.upper()}_BATCH samples" if own.sampled else ""
        function = "predicted(p, s, w" if program.averages else "forward(p, w"
        return {
            "kept": listed([*kept, "the random number that the next one is drawn from"]),
            "data_words": "; ".join([*data, *said]) or "none",
            "outputs_words": "; ".join(f"{m.name}, {_shape(m)}" for m in own.outputs),
            "batch_words": batch,
            "batch_words_predict": batch if own.coupled else "",
            "predict_arguments": f"const {name}_parameters *p, {state}const {name}_data *data, {name}_workspace *w, "
            + outputs,
            "outputs": [*zip(arguments, own.outputs, strict=True)],
            "predict_call": function,
            "predict_held": ", 0" if program.stopped and not program.averages else "",
        }


TARGET = CTarget


def real_number_of(value: Any) -> str:
    """A constant as a number in double precision."""
    return real_number(Rational(value), "")


def _copied(tensor: Tensor, member: Member) -> Iterator[str]:
    """The lines that copy data, of one sample if there is an axis of samples."""
    name, sides = member.name, member.sides
    row = "[u]" if member.rows else ""
    inner = sides[1:] if member.rows else sides
    source = f"data->{name}{f' + row * {member.factor}' if member.rows else ''}"
    if inner:
        yield f"memcpy({WORKSPACE}->{name}{row}, {source}, sizeof {WORKSPACE}->{name}{row});"
    else:
        yield f"{WORKSPACE}->{name}{row} = data->{name}[{'row' if member.rows else '0'}];"
    if tensor.places is not None:
        first = f"(&{WORKSPACE}->{name}{row}{'[0]' * len(inner)})"
        start, stop = tensor.places.start, tensor.places.stop
        yield f"for (size_t i = 0; i < {member.count}; i++)"
        yield f"    if ({first}[i] < {start} || {first}[i] > {stop})"
        yield "        return -1;"


def _shape(member: Member) -> str:
    """The entries in words."""
    sides = member.sides[member.rows :]
    shape = " x ".join(sides) if sides else "one"
    return f"{shape} number{'s' * (shape != 'one' and shape != '1')}{' for each sample' if member.rows else ''}"


def _integers(tensor: Tensor) -> str:
    if tensor.places is None:
        return ""
    return f", from {tensor.places.start} to {tensor.places.stop}"
