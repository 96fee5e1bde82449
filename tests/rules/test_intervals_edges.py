"""Arithmetic and comparison at the ends of intervals: open, closed, and unbounded."""

from decimal import Decimal
from fractions import Fraction

import pytest

from courses.rules.intervals import (
    Interval,
    all_of,
    any_of,
    compared,
    exactly,
    is_at_most,
    is_below,
    is_further,
    negated,
)

ANY = Interval(None, None)


def half_open(low: int | None, high: int | None) -> Interval:
    """From `low`, itself not possible, up to and with `high`."""
    return Interval(None if low is None else Fraction(low), None if high is None else Fraction(high), True)


def to(low: int | None, high: int | None) -> Interval:
    """From `low` up to `high`, itself not possible."""
    found = half_open(low, high)
    return Interval(found.low, found.high, False, True)


def closed(low: int | None, high: int | None) -> Interval:
    """From `low` to `high`, both possible."""
    found = half_open(low, high)
    return Interval(found.low, found.high)


def test_a_factor_of_two_doubles_and_a_factor_of_one_changes_nothing() -> None:
    assert exactly(Decimal(3)).scaled(Fraction(2)) == exactly(Decimal(6))
    same = half_open(2, 5)
    assert same.scaled(Fraction(1)) is same


def test_scaling_keeps_which_end_is_open_and_which_is_unbounded() -> None:
    assert half_open(2, 5).scaled(Fraction(3)) == half_open(6, 15)
    assert to(2, 5).scaled(Fraction(3)) == to(6, 15)
    assert half_open(2, None).scaled(Fraction(3)) == half_open(6, None)
    assert to(None, 5).scaled(Fraction(3)) == to(None, 15)
    assert ANY.scaled(Fraction(3)) == ANY


def test_scaling_keeps_a_value_exact() -> None:
    assert exactly(Decimal(3)).scaled(Fraction(2)).is_exact
    assert not half_open(2, 5).scaled(Fraction(2)).is_exact


def test_dividing_by_a_value_turns_its_ends_round() -> None:
    twelve = Fraction(12)
    assert half_open(2, 4).inverted(twelve) == to(3, 6)
    assert to(2, 4).inverted(twelve) == half_open(3, 6)
    assert closed(2, None).inverted(twelve) == closed(0, 6)
    assert closed(0, 4).inverted(twelve) == closed(3, None)


def test_a_number_minus_a_value_turns_its_ends_round() -> None:
    ten = Fraction(10)
    assert half_open(2, 4).mirrored(ten) == to(6, 8)
    assert to(2, 4).mirrored(ten) == half_open(6, 8)
    assert half_open(2, None).mirrored(ten) == to(None, 8)
    assert to(None, 4).mirrored(ten) == half_open(6, None)


def test_a_sum_is_open_where_either_part_is_and_unbounded_where_either_is() -> None:
    assert closed(1, 2).plus(closed(10, 20)) == closed(11, 22)
    assert half_open(1, 2).plus(closed(10, 20)) == half_open(11, 22)
    assert closed(1, 2).plus(half_open(10, 20)) == half_open(11, 22)
    assert to(1, 2).plus(closed(10, 20)) == to(11, 22)
    assert closed(1, 2).plus(to(10, 20)) == to(11, 22)
    assert closed(None, 2).plus(closed(10, 20)) == closed(None, 22)
    assert closed(1, 2).plus(closed(None, 20)) == closed(None, 22)
    assert closed(1, None).plus(closed(10, 20)) == closed(11, None)
    assert closed(1, 2).plus(closed(10, None)) == closed(11, None)


def test_a_hull_reaches_from_the_lowest_to_the_highest_end() -> None:
    assert closed(1, 5).hull(closed(3, 9)) == closed(1, 9)
    assert closed(None, 5).hull(closed(3, 9)) == closed(None, 9)
    assert closed(1, 5).hull(closed(None, 9)) == closed(None, 9)
    assert closed(1, None).hull(closed(3, 9)) == closed(1, None)
    assert closed(1, 5).hull(closed(3, None)) == closed(1, None)


@pytest.mark.parametrize(
    ("comparator", "expected"),
    [
        ("", closed(5, 5)),
        ("<", to(0, 5)),
        ("<=", closed(0, 5)),
        (">", half_open(5, None)),
        (">=", closed(5, None)),
    ],
)
def test_a_comparator_says_which_end_the_number_is_and_whether_it_is_possible(comparator, expected) -> None:
    found = compared(Decimal(5), comparator)
    assert (found.low, found.high, found.low_open, found.high_open) == (
        expected.low,
        expected.high,
        expected.low_open,
        expected.high_open,
    )


def test_two_exact_values_are_always_comparable() -> None:
    assert is_below(exactly(Decimal(2)), exactly(Decimal(3))) is True
    assert is_below(exactly(Decimal(3)), exactly(Decimal(3))) is False
    assert is_at_most(exactly(Decimal(3)), exactly(Decimal(3))) is True
    assert is_at_most(exactly(Decimal(4)), exactly(Decimal(3))) is False


def test_a_value_of_which_nothing_is_known_is_neither_below_nor_above() -> None:
    three = exactly(Decimal(3))
    assert is_below(ANY, three) is None
    assert is_below(three, ANY) is None
    assert is_below(ANY, ANY) is None


def test_a_range_around_an_exact_limit_is_neither_below_nor_above() -> None:
    two = exactly(Decimal(2))
    assert is_below(closed(1, 3), two) is None
    assert is_below(two, closed(1, 3)) is None
    assert is_below(closed(0, 1), two) is True
    assert is_below(two, closed(3, 4)) is True
    assert is_below(closed(2, 3), two) is False
    assert is_below(two, closed(1, 2)) is False


def test_where_the_ends_meet_an_open_end_decides_and_two_closed_ends_do_not() -> None:
    assert is_below(closed(1, 2), closed(2, 3)) is None
    assert is_below(to(1, 2), closed(2, 3)) is True
    assert is_below(closed(1, 2), half_open(2, 3)) is True
    assert is_below(closed(2, 3), closed(1, 2)) is False
    assert is_below(closed(1, 3), closed(2, 4)) is None
    assert is_below(closed(1, 2), closed(3, None)) is True
    assert is_below(closed(3, None), closed(1, 2)) is False
    assert is_below(closed(1, None), closed(2, 3)) is None
    assert is_below(closed(None, 3), closed(1, 2)) is None


def test_a_value_that_may_lie_lower_or_higher_is_further_out() -> None:
    assert is_further(closed(1, 9), closed(2, 9), low=True)
    assert not is_further(closed(2, 9), closed(2, 9), low=True)
    assert not is_further(closed(3, 9), closed(2, 9), low=True)
    assert is_further(closed(None, 9), closed(2, 9), low=True)
    assert not is_further(closed(2, 9), closed(None, 9), low=True)
    assert is_further(closed(1, 9), closed(1, 8), low=False)
    assert not is_further(closed(1, 8), closed(1, 8), low=False)
    assert not is_further(closed(1, 7), closed(1, 8), low=False)
    assert is_further(closed(1, None), closed(1, 8), low=False)
    assert not is_further(closed(1, 8), closed(1, None), low=False)
    assert not is_further(closed(1, None), closed(1, None), low=False)


def test_unknown_stays_unknown_unless_another_answer_settles_it() -> None:
    assert negated(None) is None
    assert negated(True) is False
    assert negated(False) is True
    assert all_of([]) is True
    assert all_of([True, None]) is None
    assert all_of([None, False]) is False
    assert any_of([]) is False
    assert any_of([None, True]) is True
    assert any_of([False, None]) is None
