"""Records behave as frozen dataclasses do, but for assignment, which is a type checker's business."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from derive.record import record


@record
class Point:
    x: int
    note: str = field(default="", compare=False)


@record
class Named(Point):
    name: str = ""


def test_equality_and_hash_read_the_compared_fields_of_one_class():
    @dataclass(frozen=True)
    class Reference:
        x: int
        note: str = field(default="", compare=False)

    for cls in (Point, Reference):
        assert cls(1, "a") == cls(1, "b") and hash(cls(1, "a")) == hash(cls(1, "b"))
        assert cls(1) != cls(2) and cls(1) != 1
    assert Point(1) != Named(1)
    assert len({Named(1, name="a"), Named(1, name="b"), Named(1, name="a")}) == 2


def test_replace_and_repr_know_the_fields():
    assert replace(Named(1, name="a"), x=2) == Named(2, name="a")
    assert repr(Named(1, name="a")) == "Named(x=1, note='', name='a')"


def test_own_methods_stay():
    @record
    class Own:
        x: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    assert Own(1) == Own(2) and hash(Own(1)) == 7


def test_unhashable_fields_are_named_when_hashed():
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(Point([]))
