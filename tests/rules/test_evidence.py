"""Which results count: supersession, reliability, contradiction, and the baseline."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses.rules.evidence import Standing, read_history, sift
from courses.rules.intervals import Interval, exactly
from courses.rules.values import Measurement, Status
from tests.strategies import BASELINE_DAY, FIRST, chart, draw_day, measurement

DAY = date(2026, 4, 27)


def plt(value: str, status: Status = Status.FINAL, **more: object) -> Measurement:
    return measurement("PLT", value, DAY, status=status, **more)


@pytest.mark.parametrize(
    ("statuses", "left"),
    [
        ((Status.PRELIMINARY, Status.FINAL), 1),
        ((Status.FINAL, Status.CORRECTED), 1),
        ((Status.FINAL, Status.AMENDED), 1),
        ((Status.CORRECTED, Status.CANCELLED), None),
        ((Status.CANCELLED, Status.FINAL), None),
        ((Status.ENTERED_IN_ERROR, Status.CORRECTED), None),
    ],
)
def test_the_higher_rank_takes_the_place_in_any_order(statuses, left) -> None:
    versions = [plt(str(60 + place), status) for place, status in enumerate(statuses)]
    for order in (versions, versions[::-1]):
        found = sift(order)
        if left is None:
            assert found == ()
        else:
            assert [sample.value for sample in found] == [exactly(Decimal(60 + left))]


def test_two_equal_copies_are_one_and_the_stricter_limits_count() -> None:
    (found,) = sift([plt("60", low=Decimal(150)), plt("60.0", low=Decimal(160), high=None)])
    assert found.standing is Standing.DECISIVE
    assert found.measurement.low == 160


def test_two_different_finals_contradict_each_other() -> None:
    (found,) = sift([plt("60"), plt("210"), plt("60")])
    assert found.standing is Standing.CONFLICT
    assert found.value == exactly(Decimal(60)).hull(exactly(Decimal(210)))


def test_a_final_without_a_number_decides_nothing() -> None:
    (found,) = sift([replace(plt("1"), value=None)])
    assert found.standing is Standing.EMPTY


def test_preliminary_and_unreliable_results_only_alarm() -> None:
    assert [s.standing for s in sift([plt("60", Status.PRELIMINARY)])] == [Standing.ALARM]
    (found,) = sift([plt("60", quality=("clumped",))])
    assert (found.standing, "clumped" in found.why) == (Standing.ALARM, True)


def test_two_codes_of_one_specimen_become_bounds_when_they_differ() -> None:
    mass, molar = measurement("CREAT", "106.1", DAY), measurement("CREAT", "106", DAY, code="14682-9")
    (found,) = sift([mass, molar])
    assert found.value == Interval(exactly(Decimal(106)).low, exactly(Decimal("106.1")).low)
    assert found.standing is Standing.DECISIVE
    assert len(sift([mass, measurement("CREAT", "106.1", DAY, code="14682-9")])) == 1


@pytest.mark.parametrize("code", ["", "14682-9", "9999-9"])
def test_two_results_of_one_code_and_specimen_contradict_whatever_a_second_code_says(code: str) -> None:
    one, two = measurement("CREAT", "60", DAY, result="one"), measurement("CREAT", "90", DAY, result="two")
    more = [measurement("CREAT", "75", DAY, code=code)] if code else []
    for order in ([one, two, *more], [*more, two, one]):
        (found,) = sift(order)
        assert found.standing is Standing.CONFLICT
        assert found.why == "two different results are reported for one specimen"
        assert found.value == Interval(exactly(Decimal(60)).low, exactly(Decimal(90)).low)


def test_a_correction_keeps_the_mark_of_a_baseline() -> None:
    before = BASELINE_DAY - timedelta(days=30)
    marked = measurement("CREAT", "80", before, baseline=True)
    corrected = measurement("CREAT", "82", before, status=Status.CORRECTED)
    history = read_history(chart(draws=(marked, corrected)))
    assert history.baselines["CREAT"].value == exactly(Decimal(82))


def test_the_newest_result_before_the_first_cycle_is_proposed_as_baseline() -> None:
    same_day = measurement("CREAT", "99", FIRST)
    history = read_history(chart(draws=(same_day,)))
    assert history.baselines["CREAT"].day == BASELINE_DAY


def test_a_mark_on_a_result_after_the_first_cycle_gives_no_baseline() -> None:
    late = measurement("CREAT", "99", draw_day(), baseline=True)
    assert "CREAT" not in read_history(chart(draws=(late,))).baselines


def test_a_mark_on_an_unreliable_result_gives_no_baseline() -> None:
    bad = measurement("CREAT", "99", FIRST - timedelta(days=3), baseline=True, quality=("haemolysed",))
    assert "CREAT" not in read_history(chart(draws=(bad,))).baselines
