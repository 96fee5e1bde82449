"""The last day of each precaution at home, and the strict reading of the numbers on papers."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from courses.rules.data_reader import DataError
from courses.rules.precautions import (
    Ask,
    Given,
    PaperNumbers,
    PrecautionKind,
    birth_control,
    ends_of,
    read_numbers,
)
from courses.rules.values import Sex

FILE = Path(__file__).parents[2] / "courses" / "protocols" / "papers" / "lutetium_177_dotatate.toml"
MONDAY = date(2026, 5, 4)


def data() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"), parse_float=Decimal)


def numbers() -> PaperNumbers:
    return read_numbers(data())


def given(gbq: str = "7.4", on: date = MONDAY) -> Given:
    return Given(on=on, gbq=Decimal(gbq))


def test_each_last_day_is_counted_from_the_day_of_the_infusion():
    ends = ends_of(numbers(), (given(),))
    assert ends.counted_from == MONDAY
    assert ends.last_days[PrecautionKind.DRINK] == date(2026, 5, 5)
    assert ends.last_days[PrecautionKind.DISTANCE] == date(2026, 5, 11)
    assert ends.last_days[PrecautionKind.SLEEP_CHILDREN] == date(2026, 5, 19)
    assert ends.last_days[PrecautionKind.TESTS] == date(2026, 6, 3)
    assert ends.last_days[PrecautionKind.CARD] == date(2026, 7, 10)


def test_less_activity_shortens_nothing_and_a_remainder_counts_from_its_own_day():
    whole, half = ends_of(numbers(), (given(),)), ends_of(numbers(), (given("0.5"),))
    assert half.last_days == whole.last_days
    later = ends_of(numbers(), (given("3"), given("4.4", on=date(2026, 5, 6))))
    assert later.counted_from == date(2026, 5, 6)
    assert later.last_days[PrecautionKind.DISTANCE] == date(2026, 5, 13)


@pytest.mark.parametrize(("gbq", "ask"), [("8.88", Ask.NOTHING), ("8.8801", Ask.ACTIVITY)])
def test_more_than_the_numbers_are_made_for_prints_no_day(gbq, ask):
    ends = ends_of(numbers(), (given("4"), given(str(Decimal(gbq) - 4))))
    assert ends.ask is ask
    assert bool(ends.last_days) is (ask is Ask.NOTHING)


def test_nothing_given_prints_no_day():
    ends = ends_of(numbers(), ())
    assert (ends.ask, ends.counted_from, dict(ends.last_days)) == (Ask.NOT_GIVEN, None, {})


def test_months_of_birth_control_are_of_the_patient_and_of_both_where_it_is_not_known():
    last = date(2026, 8, 31)
    assert birth_control(numbers(), sex=Sex.FEMALE, last=last).until == (date(2027, 3, 31),)
    assert birth_control(numbers(), sex=Sex.MALE, last=last).until == (date(2026, 12, 31),)
    unknown = birth_control(numbers(), sex=None, last=None)
    assert (unknown.months, unknown.until) == ((7, 4), ())


def broken(**changes: Any) -> dict[str, Any]:
    return data() | changes


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: broken(extra=1), "extra: unknown key"),
        (lambda: broken(precaution=data()["precaution"][1:]), "'drink' stands 0 times"),
        (lambda: broken(precaution=[*data()["precaution"], data()["precaution"][0]]), "stands 2 times"),
        (lambda: broken(stay={"hours": 5}), "every number names its source"),
        (lambda: broken(stay=data()["stay"] | {"hours": Decimal("4.5")}), "must be a whole number"),
        (lambda: broken(activity=data()["activity"] | {"most_gbq": 0}), "must be above zero"),
        (
            lambda: broken(
                precaution=[
                    each | {"metres": 1} if each["kind"] == "drink" else each for each in data()["precaution"]
                ]
            ),
            "does not fit drink",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused(read, words):
    with pytest.raises(DataError, match=words):
        read_numbers(read())
