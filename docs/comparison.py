"""Writes docs/comparison.md: the same small network as others derive it, and as derive does.

The page is docs/comparison.md.jinja, in which what the others write is quoted in their letters. Everything of ours in
it (equations, their numbers, lines of code, values) is filled in here, from derivations made for the purpose.

    python docs/comparison.py
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from derive import Derivation, Network, derive
from derive.calculus.functions import X
from derive.calculus.program import Assign
from derive.document.blocks import Block, Display, Fold, Item
from derive.document.chain_rows import ChainRows
from derive.document.story import story
from derive.document.view import View
from derive.files.flavours import GREEN, RED
from derive.paper.latex import Writer, joined
from derive.paper.text import text
from derive.statement.edition import Edition
from derive.worked.example import Example, work
from derive.worked.given import Numbers, numbers

DOCS = Path(__file__).resolve().parent
MAZUR = DOCS / "examples" / "mazur.toml"

#: The network of the page, of which Mazur has published numbers: 2-2-2 units, sigmoid, half the squared error.
LAYERS, LOSS = (2, 2, 2), "half_sse"

_LATEX = Writer(RED, GREEN, web=True)
_RELATIONS = {"equals": "=", "gets": r"\leftarrow"}


@cache
def view(
    notation: str = "psi",
    loss: str = LOSS,
    bias: str | None = None,
    activation: str = "sigmoid",
    layers: tuple[int, ...] = LAYERS,
    l2: float = 0.0,
) -> View:
    """The document of the network of the page, or of a variant of it."""
    return View(derive(Network(layers, activation, loss, bias, notation, l2=l2)))


def derivation() -> Derivation:
    """The derivation that the equation numbers of the page are of."""
    return view().derivation


# ---------------------------------------------------------------- equations


def statement(of: View, name: str) -> Assign:
    """The statement that computes a tensor, for one sample."""
    return next(s for s in of.single.statements if s.target.name == name)


def entries(name: str, notation: str = "psi", **options: Any) -> str:
    """A statement with indices, for one sample."""
    of = view(notation, **options)
    return _formula(of.entries(statement(of, name)))


def arrays(name: str, notation: str = "psi", **options: Any) -> str:
    """A statement in matrices, for one sample."""
    of = view(notation, **options)
    return _formula(of.arrays(statement(of, name), of.page))


def batch(name: str, notation: str = "psi", **options: Any) -> str:
    """A statement in matrices, for a batch."""
    of = view(notation, **options)
    return _formula(of.arrays(next(s for s in of.batch.statements if s.target.name == name), of.batch_page))


def of_all(name: str, notation: str = "psi", **options: Any) -> str:
    """A statement with indices, for all samples."""
    of = view(notation, **options)
    return _formula(of.entries(next(s for s in of.batch.statements if s.target.name == name), of.batch))


def chain(name: str, notation: str = "psi", **options: Any) -> str:
    """The row of the chain rule for a parameter, in red and green."""
    of = view(notation, **options)
    rows = ChainRows(of)
    return _formula(rows.chain_row(of.derivation.forward.tensors[name]))


def derivative_of(activation: str, **options: Any) -> str:
    """The derivative of an activation, as a formula in x."""
    of = view(activation=activation, **options)
    stated = next(d.function for d in of.batch.definitions if d.function.order and d.function.role == "activation")
    applied = of.set_.apply(of.page.function(stated), of.page.entry(X))
    return f"$`{_LATEX(applied)} = {_LATEX(of.page.formula(stated.definition))}`$"


def number(name: str) -> str:
    """The number of an equation."""
    return f"({statement(view(), name).number})"


def line(name: str) -> str:
    """The line of the generated module that computes a tensor."""
    return f"`{view().code.equations[statement(view(), name).target.stored.name][1]}`"


def _formula(item: Item) -> str:
    right = joined([_LATEX(piece) for piece in item.right])
    return f"$`{_LATEX(item.left)} {_RELATIONS[item.relation]} {right}`$"


# ---------------------------------------------------------------- numbers


@cache
def example() -> Example:
    """Mazur's example, run by the generated module."""
    return work(derivation(), numbers(MAZUR))


def value(name: str, row: int = 1, column: int = 1) -> str:
    """A value of the first step as the document prints it, by its row and column counted from 1."""
    return example().figures(example().steps[0], name)[row - 1][column - 1].text


def slope(name: str, row: int = 1) -> str:
    """A slope of the activation in the first step as ``derive explain`` prints it."""
    return example().figure(float(example().steps[0].slopes["sigmoid_prime", name][row - 1, 0])).text


def told(weight: str, left: str) -> str:
    """What ``derive explain`` says that a local derivative on the paths of a weight comes to."""
    parts = story(derivation(), weight, Edition(numbers=str(MAZUR))).document.parts
    items = (i for part in parts for i in _items(part.blocks) if text(i.left) == left)
    said = [text(i.right[0]).replace("−", "-") for i in items]
    return next(s for s in said if s.lstrip("-").replace(".", "").isdigit())


def _items(blocks: tuple[Block, ...]) -> Iterator[Item]:
    for block in blocks:
        if isinstance(block, Display):
            yield from block.items
        elif isinstance(block, Fold):
            yield from _items(block.blocks)


@cache
def unit() -> dict[str, Any]:
    """The values of the sigmoid unit of CS231n, with a target for which the derivative of E by the output is 1."""
    x, w, b = np.array([[-1.0], [-2.0]]), np.array([[2.0, -3.0]]), np.array([-3.0])
    output = 1 / (1 + np.exp(-(w @ x + b[:, None])))
    given = {"X": x.T.tolist(), "Y": (output - 1).tolist(), "W1": w.tolist(), "b1": b.tolist()}
    return work(view(layers=(2, 1)).derivation, Numbers(given)).steps[0].values


def of_unit(name: str, column: int = 1) -> str:
    """A value of that unit, with the four decimals that the tables of the page have room for."""
    return f"{np.ravel(unit()[name])[column - 1]:.4f}"


def output_error(row: int) -> float:
    """The error of one output."""
    values = example().steps[0].values
    return float((values["Y"][row - 1, 0] - values["a2"][row - 1, 0]) ** 2 / 2)


def error_of(outputs: list[float]) -> float:
    """The error of given outputs."""
    return float(np.sum((example().start.data["Y"][:, 0] - outputs) ** 2) / 2)


def error_with(**weights: list[list[float]]) -> float:
    """The error of the network with given weights, such as those that he prints."""
    start = example().start
    module = _module()
    parameters = {**start.parameters, **{n: np.array(w) for n, w in weights.items()}}
    return float(module.error(parameters, *start.data.values()))


@cache
def _module() -> Any:
    """The generated module."""
    module: dict[str, Any] = {"__name__": "trainer"}
    exec(compile(derivation().numpy(), "trainer.py", "exec"), module)
    return type("trainer", (), {k: staticmethod(v) if callable(v) else v for k, v in module.items()})


@cache
def one_layer_after_the_other() -> tuple[float, float, list[float]]:
    """Each layer updated before the next one's gradient is taken: the error after round 1 and 10,000, the outputs."""
    module, start = _module(), example().start
    parameters = {n: v.copy() for n, v in start.parameters.items()}
    errors = []
    for _ in range(start.rounds):
        values: dict[str, Any] = {}
        module.NETWORK.forward(parameters, start.data["X"], values)
        for name in ("W2", "W1"):
            slopes = module.NETWORK.gradients(parameters, *start.data.values(), values)
            parameters[name] -= start.learning_rate * slopes[name]
        errors.append(float(module.error(parameters, *start.data.values())))
    return errors[0], errors[-1], [float(v) for v in module.forward(parameters, start.data["X"]).ravel()]


# ---------------------------------------------------------------- the page


def page() -> str:
    """The page in Markdown, as GitHub shows it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS),
        undefined=jinja2.StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        keep_trailing_newline=True,
        autoescape=False,
    )
    later = example().later
    assert later is not None
    return environment.get_template("comparison.md.jinja").render(
        entries=entries,
        arrays=arrays,
        chain=chain,
        of_all=of_all,
        derivative_of=derivative_of,
        of_unit=of_unit,
        batch=batch,
        number=number,
        line=line,
        value=value,
        slope=slope,
        told=told,
        output_error=output_error,
        error_of=error_of,
        error_with=error_with,
        after=example().steps[0].after,
        later=later,
        outputs=[float(v) for v in later.outputs.ravel()],
        other=one_layer_after_the_other(),
    )


if __name__ == "__main__":
    (DOCS / "comparison.md").write_text(page(), encoding="utf-8")
