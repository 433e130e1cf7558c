"""Roles, given as a string or a Role, and the properties of tensors that follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from derive.calculus.index import Tensor
from derive.calculus.roles import DATA, NUMBERS, OF_A_STEP, STATED, Role
from derive.learning.descent import STEP, updated

WEIGHT = Tensor("W", "weight")


def test_a_text_is_the_role_of_that_name():
    assert Tensor("W", Role.WEIGHT) == WEIGHT
    assert hash(Tensor("W", Role.WEIGHT)) == hash(WEIGHT)
    assert {WEIGHT.role: 1}[Role.WEIGHT] == 1


@pytest.mark.parametrize("role", [*Role, "a role of a user's own"])
def test_the_properties_of_roles(role):
    tensor = Tensor("t", role, about=WEIGHT)
    assert tensor.is_data is (role in DATA)
    assert tensor.is_number is (role in NUMBERS)
    assert tensor.replaces == (WEIGHT if role == "updated" else None)
    assert tensor.stored == (WEIGHT if role == "updated" else tensor)


def test_what_replaces_a_number_is_one():
    assert updated(STEP).is_number
    assert not updated(WEIGHT).is_number
    assert replace(updated(WEIGHT), about=None).replaces is None


def test_the_roles_that_are_asked_about_together():
    assert DATA < STATED
    assert OF_A_STEP < NUMBERS
    assert STATED & NUMBERS == {Role.PENALTY}  # the penalty of a Statement is an equation of its own
    assert Role.PLAIN not in STATED
