"""Exact numbers as decimals: whole where they end, rounded to as few places as keep both sides apart else."""

from fractions import Fraction

import pytest

from courses.rules.decimals import apart, exact_text, interval_text
from courses.rules.intervals import Interval, exactly

THIRD, TWO_THIRDS = Fraction(1, 3), Fraction(2, 3)
FORTY = exactly(Fraction(40))


@pytest.mark.parametrize(
    ("value", "usual", "short"),
    [
        (Interval(THIRD, THIRD), "0.333", "0.3"),
        (Interval(THIRD, None), ">=0.333", ">=0.3"),
        (Interval(THIRD, None, True), ">0.333", ">0.3"),
        (Interval(None, TWO_THIRDS), "<=0.667", "<=0.7"),
        (Interval(THIRD, TWO_THIRDS), "0.333 to 0.667", "0.3 to 0.7"),
        (Interval(THIRD, TWO_THIRDS, True, True), ">0.333 to <0.667", ">0.3 to <0.7"),
    ],
)
def test_what_has_no_last_digit_is_rounded_to_three_places_or_to_those_asked_for(
    value: Interval, usual: str, short: str
) -> None:
    assert interval_text(value) == usual
    assert interval_text(value, 1) == short


def test_what_ends_within_nine_places_is_printed_whole() -> None:
    assert exact_text(Fraction("0.123456789"), 1) == "0.123456789"
    assert exact_text(Fraction("0.1234567891"), 1) == "0.1"


def test_measured_numbers_without_a_last_digit_have_three_places_on_either_side() -> None:
    assert apart(exactly(THIRD), exactly(TWO_THIRDS), computed=False) == ("0.333", "0.667")


@pytest.mark.parametrize(
    ("value", "limit", "printed"),
    [
        (exactly(THIRD), exactly(Fraction("0.5")), ("0.3", "0.5")),
        (exactly(THIRD), exactly(Fraction("0.34")), ("0.33", "0.34")),
        (exactly(THIRD), exactly(Fraction("0.334")), ("0.333", "0.334")),
        # Further apart than nine places tell: as many as it takes, on both sides.
        (exactly(Fraction("40.00000000001")), FORTY, ("40.00000000001", "40")),
        (FORTY, exactly(Fraction("40.00000000001")), ("40", "40.00000000001")),
        # One end is not known, or is itself not possible.
        (Interval(None, THIRD), exactly(Fraction(1)), ("<=0.3", "1")),
        (Interval(Fraction(0), THIRD, False, True), exactly(Fraction(1)), ("<0.3", "1")),
        (None, exactly(THIRD), ("not known", "0.3")),
    ],
)
def test_computed_numbers_get_as_few_places_as_keep_them_apart(
    value: Interval | None, limit: Interval, printed: tuple[str, str]
) -> None:
    assert apart(value, limit, computed=True) == printed
