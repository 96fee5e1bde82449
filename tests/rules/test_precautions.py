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
from courses.rules.values import Sex, Source

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
    assert (ends.ask, ends.counted_from) == (ask, MONDAY)
    assert len(ends.last_days) == (len(PrecautionKind) if ask is Ask.NOTHING else 0)


def test_nothing_given_prints_no_day():
    ends = ends_of(numbers(), ())
    assert (ends.ask, ends.counted_from, dict(ends.last_days)) == (Ask.NOT_GIVEN, None, {})


def test_months_of_birth_control_are_of_the_patient_and_of_both_where_it_is_not_known():
    last = date(2026, 8, 31)
    assert birth_control(numbers(), sex=Sex.FEMALE, last=last).until == (date(2027, 3, 31),)
    assert birth_control(numbers(), sex=Sex.MALE, last=last).until == (date(2026, 12, 31),)
    unknown = birth_control(numbers(), sex=None, last=None)
    assert (unknown.months, unknown.until) == ((7, 4), ())


# --- The file ------------------------------------------------------------------------------------


def test_every_number_that_stands_alone_is_read_with_its_unit():
    read = numbers().single
    assert {key: (each.key, str(each.value), each.unit) for key, each in read.items()} == {
        "activity.most_gbq": ("activity.most_gbq", "8.88", "GBq"),
        "activity.half_life_days": ("activity.half_life_days", "6.647", "days"),
        "before.full_meal_hours": ("before.full_meal_hours", "4", "hours"),
        "stay.hours": ("stay.hours", "5", "hours"),
        "drinking.glasses_per_hour": ("drinking.glasses_per_hour", "1", "glasses an hour"),
        "fever.celsius": ("fever.celsius", "38", "°C"),
        "birth_control.female_months": ("birth_control.female_months", "7", "months"),
        "birth_control.male_months": ("birth_control.male_months", "4", "months"),
        "breast_feeding.days": ("breast_feeding.days", "77", "days"),
    }


def test_numbers_of_one_part_share_its_source():
    read, birth = numbers().single, "lutathera.com, helpful hints and information"
    assert read["stay.hours"].source == Source(
        document="Lutathera package leaflet, EU",
        section="3, length of the whole procedure",
        confidence="V",
        checked=date(2026, 11, 27),
    )
    for key in ("birth_control.female_months", "birth_control.male_months"):
        assert (read[key].source.document, read[key].source.section) == (birth, "birth control")


def precaution(kind: str, **changes: Any) -> dict[str, Any]:
    """The file with one precaution changed; None takes a key away."""
    found = data()
    [place] = [place for place, each in enumerate(found["precaution"]) if each["kind"] == kind]
    changed = found["precaution"][place] | changes
    found["precaution"][place] = {key: value for key, value in changed.items() if value is not None}
    return found


def single(part: str, **changes: Any) -> dict[str, Any]:
    """The file with numbers of one part changed."""
    found = data()
    found[part] = found[part] | changes
    return found


def test_one_minute_and_one_day_are_enough_for_a_precaution():
    read = read_numbers(precaution("travel", minutes=1, days=1)).precautions
    assert [(each.days, each.minutes) for each in read if each.kind is PrecautionKind.TRAVEL] == [(1, 1)]


ONE_AT_LEAST = "must be a whole number of at least 1; correct the number"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (data() | {"extra": 1}, "extra: unknown key; remove it or correct its spelling"),
        (
            data() | {"precaution": data()["precaution"][1:]},
            "precaution: 'drink' stands 0 times; write each kind once",
        ),
        (
            data() | {"precaution": [*data()["precaution"], data()["precaution"][0]]},
            "precaution: 'drink' stands 2 times; write each kind once",
        ),
        (
            data() | {"stay": {"hours": 5}},
            "stay.source: every number names its source; add document, section, confidence, checked",
        ),
        (single("stay", minutes=5), "stay.minutes: unknown key; remove it or correct its spelling"),
        (single("stay", hours=Decimal("4.5")), f"stay.hours: {ONE_AT_LEAST}"),
        (single("stay", hours=0), f"stay.hours: {ONE_AT_LEAST}"),
        (single("activity", most_gbq=0), "activity.most_gbq: must be above zero; correct the number"),
        (precaution("drink", days=0), f"precaution[0].days: {ONE_AT_LEAST}"),
        (precaution("children", minutes=0), f"precaution[3].minutes: {ONE_AT_LEAST}"),
        (precaution("drink", metres=1), "precaution[0].metres: does not fit drink; add or remove it"),
        (
            precaution("distance", metres=None),
            "precaution[2].metres: does not fit distance; add or remove it",
        ),
        (precaution("sleep", minutes=5), "precaution[4].minutes: does not fit sleep; add or remove it"),
        (precaution("travel", minutes=None), "precaution[7].minutes: does not fit travel; add or remove it"),
        (
            precaution("card", colour="red"),
            "precaution[9].colour: unknown key; remove it or correct its spelling",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused_with_the_place_the_reason_and_what_to_do(broken, told):
    with pytest.raises(DataError) as refused:
        read_numbers(broken)
    assert str(refused.value) == told
