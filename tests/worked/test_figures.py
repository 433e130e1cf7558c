"""Numbers as they are printed: rounding, signs, powers of ten, columns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.worked.figures import Figure, Layout, figures, layout, power_above, shown

FINITE = st.floats(-1e300, 1e300)


def texts(values, digits=6):
    return [[f.text for f in row] for row in figures(values, digits)]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.2983711087600027, 9, "0.298371109"),
        (0.37749999999999995, 3, "0.378"),  # 0.3775 but for the last digit of a float
        (0.3775, 3, "0.378"),
        (-0.3775, 3, "-0.378"),
        (2.5, 1, "3"),  # a half is rounded away from zero, as by hand
        (0.00043856773447434685, 9, "0.000438567734"),
        (0.0000351085481, 6, "3.51085e-5"),
        (9.9999996, 6, "10.0000"),
        (999999.6, 6, "1.00000e6"),
        (123456.7, 3, "1.23e5"),
        (0.1 + 0.2, 6, "0.3"),
        (1e-5, 6, "1e-5"),
        (1e15, 6, "1e15"),
        (123456789.0, 6, "123456789"),  # a whole number stays whole
        (0.0, 6, "0"),
        (-0.0, 6, "0"),
        (5e-324, 6, "4.94066e-324"),
        (1.7976931348623157e308, 6, "1.79769e308"),
    ],
)
def test_a_number_on_its_own(value, digits, text):
    assert shown(value, digits).text == text


def test_the_parts_stand_apart():
    assert shown(-0.00001234567) == Figure(True, "1.23457", -5)
    assert shown(-0.5) == Figure(True, "0.5", 0)


def test_numbers_under_one_another_have_as_many_decimals():
    assert texts([[0.05, 0.1], [1, -2]]) == [["0.05", "0.10"], ["1.00", "-2.00"]]
    assert texts([[1, 0], [12, -3]]) == [["1", "0"], ["12", "-3"]]
    assert texts([[1 / 3, 20 / 3]]) == [["0.33333", "6.66667"]]


def test_a_table_shares_its_power_of_ten():
    found = figures([[1.5e-7, -2e-9], [0, 1 / 3e7]])
    assert {f.exponent for row in found for f in row} == {-7}
    assert [[f.digits for f in row] for row in found] == [["1.50000", "0.02000"], ["0.00000", "0.33333"]]


def test_a_value_rounded_to_zero_has_no_sign():
    assert texts([[-1e-9, 1 / 3]]) == [["0.000000", "0.333333"]]


def test_noise_does_not_make_an_exact_number_long():
    values = [1.8234, -0.0090000000000003]
    assert layout(values, 6, noise=5e-15) == Layout(4)
    assert layout(values, 6) == Layout(5)
    assert layout([3e-13], 6, noise=1e-8) == Layout(0)


def test_fewer_decimals_where_fewer_are_known():
    assert Layout(7).resolving(5) == Layout(5)
    assert Layout(3).resolving(5) == Layout(3)
    assert Layout(5, -4).resolving(6) == Layout(2, -4)
    assert Layout(5, -9).resolving(8).figure(1.5e-9).text == "0.00000000"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="cannot be written"):
        shown(value)


@given(FINITE, st.integers(2, 12))
def test_a_figure_is_within_half_a_unit_of_the_number(value, digits):
    text = shown(value, digits).text
    assert math.isclose(float(text), value, rel_tol=0.5000001 * 10.0 ** (1 - digits), abs_tol=5e-324)
    assert not text.startswith("-0") or float(text) != 0


@given(st.lists(FINITE, min_size=1, max_size=5), st.integers(2, 12))
def test_a_column_lines_up_and_its_largest_keeps_its_digits(values, digits):
    column = [f for (f,) in figures([[v] for v in values], digits)]
    assert len({len(f.digits.partition(".")[2]) for f in column}) == 1
    largest = max(range(len(values)), key=lambda n: abs(values[n]))
    assert math.isclose(float(column[largest].text), values[largest], rel_tol=0.51 * 10.0 ** (1 - digits))


@given(st.integers(-(10**9), 10**9), st.integers(0, 6), st.integers(2, 9))
def test_the_last_digit_of_a_float_changes_nothing(units, decimals, digits):
    value = units / 10**decimals
    for near in (math.nextafter(value, math.inf), math.nextafter(value, -math.inf)):
        if value:
            assert shown(near, digits) == shown(value, digits)


def test_powers_above():
    assert [power_above(v) for v in (3.2e-9, 9.99e-9, 1e-9, 5.0)] == [-8, -8, -8, 1]
