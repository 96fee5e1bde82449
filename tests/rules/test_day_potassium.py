"""A high potassium is over only when a later specimen shows it; one drawn under amino acids shows nothing."""

from decimal import Decimal

import pytest

from courses.rules.day_values import PotassiumValue
from tests.builders_day_rules import at, facts, line, potassium

Clock = tuple[int, int]


def told(value: str, when: Clock, specimen: str) -> PotassiumValue:
    return PotassiumValue(
        value=Decimal(value), high=Decimal("5.1"), unit="mmol/L", collected_at=at(*when), specimen=specimen
    )


def said(high: Clock, later: Clock, *, amino_from: Clock | None) -> str:
    """What the potassium line says, after a high one and a normal one of another specimen."""
    seen = potassium(told=(told("5.6", high, "A"), told("4.4", later, "B")))
    found = facts(potassium=seen, amino_from=None if amino_from is None else at(*amino_from))
    return line(found, "T-05").sentence


@pytest.mark.parametrize(
    ("high", "later", "amino_from"),
    [
        ((9, 0), (10, 30), (11, 0)),  # both before the amino acids
        ((9, 0), (11, 0), (11, 0)),  # the later one as they begin
        ((11, 15), (11, 30), (11, 0)),  # both under them
        ((9, 0), (11, 30), None),  # none were started
    ],
)
def test_a_later_specimen_under_the_same_conditions_shows_that_a_high_one_is_over(high, later, amino_from):
    assert said(high, later, amino_from=amino_from) == (
        "4.1 mmol/L, collected at 08:00, not above its upper limit."
    )


@pytest.mark.parametrize(
    ("high", "later", "amino_from"),
    [
        ((9, 0), (11, 1), (11, 0)),  # only the later one under them
        ((11, 0), (11, 30), (11, 0)),  # the high one as they begin
        ((9, 0), (9, 0), None),  # not later
        ((9, 30), (9, 0), (11, 0)),
    ],
)
def test_a_high_one_of_before_the_amino_acids_is_not_over_by_what_was_drawn_under_them(
    high, later, amino_from
):
    assert said(high, later, amino_from=amino_from) == (
        f"Potassium was told as 5.6 mmol/L at {high[0]:02}:{high[1]:02}, above its upper limit, "
        "and no later specimen has shown that it is not."
    )
