"""The rows of `derive list`: the text on options, and line widths."""

from __future__ import annotations

import sys

import pytest

from derive.command.list_rows import rows, summary, text_width
from derive.command.main import main
from derive.command.options import NAMES
from derive.statement import keys

CATALOGUES = {title: keys.catalogue(title) for title in keys.CATALOGUES}


def test_required_options_are_marked() -> None:
    for catalogue in CATALOGUES.values():
        for entry in catalogue.values():
            said, options = summary(entry), getattr(entry, "options", ())
            assert said.count("must be given") == sum(o.default is None for o in options)
            assert said.count("if not given") == sum(o.default is not None for o in options)
            assert "None" not in said


@pytest.mark.parametrize(
    ("title", "name", "says"),
    [
        ("optimizers", "adagrad", "added to the root, against division by 0, 1e-10 if not given"),
        ("optimizers", "adam", "0.999 if not given"),
        ("schedules", "cosine", "number of steps until the rate is 0, must be given"),
        ("losses", "huber", "also called huber_loss; without options also smooth_l1, smooth_l1_loss"),
    ],
)
def test_numbers_are_written_as_they_are_given(title: str, name: str, says: str) -> None:
    assert says in summary(CATALOGUES[title][name])


CELLS = [
    ("short", "f(x) = x", "one two three four five six seven eight nine ten eleven twelve"),
    ("a_longer_name", "f(x̄) = 1", "thirteen fourteen"),
]


@pytest.mark.parametrize("width", [20, 40, 70, 120, None])
def test_no_line_is_wider_and_no_word_is_lost(width: int | None) -> None:
    lines = rows(CELLS, width)
    assert width is None or all(text_width(line) <= width for line in lines)
    assert " ".join(lines).split() == [word for row in CELLS for cell in row for word in cell.split()]
    assert all(line == line.rstrip() for line in lines)


def test_lines_of_a_sentence_begin_below_one_another() -> None:
    first, second, third = rows(CELLS, 70)
    assert first.index("one") == second.index(second.split()[0]) == third.index("thirteen") - 1  # a combining sign


@pytest.mark.parametrize("title", [*CATALOGUES, *NAMES])
@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_has_a_width(
    title: str, terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert main(["list", title]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    entries = NAMES[title] if title in NAMES else CATALOGUES[title]
    if terminal:
        assert all(text_width(line) <= 70 for line in lines)
    else:
        assert len(lines) == len(entries)
