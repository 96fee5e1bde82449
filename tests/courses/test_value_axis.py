"""The axis of values: room for all, larger ones higher, round numbers beside it, words that stay apart."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses.value_axis import ValueAxis, spread, value_axis, value_ticks

values = st.lists(st.decimals(-50, 5000, places=3), max_size=20)
ABOVE = st.lists(st.decimals("0.001", 500000, places=3), min_size=1, max_size=20)


@given(values | ABOVE)
def test_every_value_lies_on_the_axis_and_larger_ones_stand_higher(found):
    axis = value_axis(found, top=20, height=200)
    places = [axis.y(value) for value in sorted(found)]
    assert all(axis.holds(value) for value in found)
    assert all(20 <= y <= 220 for y in places)
    assert all(lower >= higher for lower, higher in pairwise(places))


@given(values | ABOVE)
def test_a_few_round_values_stand_beside_it(found):
    axis = value_axis(found, top=20, height=200)
    beside = value_ticks(axis)
    assert 1 <= len(beside) <= 7
    assert all(axis.holds(value) for value in beside)
    assert list(beside) == sorted(set(beside))


def test_ratios_are_shown_where_values_lie_ten_times_apart_and_steps_elsewhere():
    assert not value_axis([Decimal(20), Decimal(199)], top=0, height=100).in_ratios
    axis = value_axis([Decimal(20), Decimal(200)], top=0, height=100)
    assert axis.in_ratios
    assert axis.y(Decimal(20)) - axis.y(Decimal(40)) == axis.y(Decimal(100)) - axis.y(Decimal(200))
    assert value_ticks(axis) == (Decimal(20), Decimal(50), Decimal(100), Decimal(200))
    assert not value_axis([Decimal(0), Decimal(200)], top=0, height=100).in_ratios
    assert value_ticks(value_axis([Decimal(75), Decimal(228)], top=0, height=100)) == (100, 150, 200)


def test_what_lies_beyond_an_end_stands_at_that_end():
    axis = ValueAxis(low=Decimal(10), high=Decimal(20), top=0, height=100)
    assert (axis.y(Decimal(5)), axis.y(Decimal(25))) == (100, 0)


def test_an_axis_needs_two_values_in_order():
    with pytest.raises(ValueError, match="two values"):
        ValueAxis(low=Decimal(1), high=Decimal(1), top=0, height=1)
    with pytest.raises(ValueError, match="above zero"):
        ValueAxis(low=Decimal(0), high=Decimal(1), top=0, height=1, in_ratios=True)


@given(st.lists(st.decimals(20, 230, places=1), max_size=25).map(sorted))
def test_words_beside_lines_stay_in_order_inside_and_apart_where_there_is_room(places):
    found = spread(places, apart=14, top=20, bottom=230)
    assert len(found) == len(places)
    assert all(20 <= place <= 230 for place in found)
    least = 14 if (len(places) - 1) * 14 <= 210 else 0
    assert all(after - before >= least for before, after in pairwise(found))
