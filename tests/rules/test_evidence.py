"""Which results count: supersession, reliability, contradiction, and the baseline."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses.rules.evidence import UNVERIFIED, Standing, read_history, sift
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


def test_two_copies_with_other_limits_judge_by_the_stricter_and_excuse_by_the_milder_ones() -> None:
    wide, narrow = (
        measurement("CREAT", "80", BASELINE_DAY, low=Decimal(low), high=Decimal(high))
        for low, high in ((40, 110), (50, 90))
    )
    for order in ((wide, narrow), (narrow, wide)):
        (found,) = sift(order)
        assert (found.measurement.low, found.measurement.high) == (50, 90)
        assert (found.mild_low, found.mild_high) == (40, 110)
        course = replace(chart(), measurements=order)
        baseline = read_history(course).baselines["CREAT"].measurement
        assert (baseline.low, baseline.high) == (40, 110)


def test_the_marks_of_every_copy_count() -> None:
    (found,) = sift([plt("60", quality=("clotted",)), plt("60", quality=("haemolysed",)), plt("60")])
    assert found.measurement.quality == ("clotted", "haemolysed")
    assert (found.standing, found.why) == (
        Standing.ALARM,
        "the specimen is unreliable (clotted, haemolysed)",
    )


def test_what_is_not_relied_on_says_why() -> None:
    (typed,) = sift([plt("60", quality=(UNVERIFIED,))])
    assert typed.why == "a person typed it, and nobody else has verified it against its source"
    (empty,) = sift([replace(plt("1"), value=None)])
    assert empty.why == "it holds no number"


def test_a_preliminary_result_beside_a_final_one_of_another_code_stays_by_itself() -> None:
    early = replace(plt("40", Status.PRELIMINARY), code="26515-7")
    found = sift([plt("210"), early])
    assert {(s.standing, s.value) for s in found} == {
        (Standing.DECISIVE, exactly(Decimal(210))),
        (Standing.ALARM, exactly(Decimal(40))),
    }


def test_a_result_of_the_first_cycles_day_is_no_baseline_even_where_it_is_marked() -> None:
    same_day = measurement("PLT", "150", FIRST)
    unmarked = replace(chart(), measurements=(measurement("PLT", "200", BASELINE_DAY), same_day))
    assert read_history(unmarked).baselines["PLT"].value == exactly(Decimal(200))
    marked = replace(unmarked, measurements=(unmarked.measurements[0], replace(same_day, baseline=True)))
    assert "PLT" not in read_history(marked).baselines
    planned = replace(marked, cycles=())
    assert read_history(planned).baselines["PLT"].value == exactly(Decimal(150))


def test_a_doubtful_result_before_the_first_cycle_hides_no_baseline() -> None:
    early = replace(measurement("ALB", "20", BASELINE_DAY - timedelta(days=3)), status=Status.PRELIMINARY)
    found = replace(chart(), measurements=(early, measurement("PLT", "200", BASELINE_DAY)))
    assert read_history(found).baselines.keys() == {"PLT"}


@pytest.mark.parametrize(
    "change",
    [
        {"value": Decimal(70)},
        {"ref": "result:2"},
        {"low": Decimal(140)},
        {"low": None},
        {"high": Decimal(410)},
        {"high": None},
        {"comparator": "<"},
    ],
    ids=str,
)
@pytest.mark.parametrize("result", ["one", "two"], ids=["same result", "another result"])
def test_the_order_in_which_results_are_listed_changes_nothing(
    change: dict[str, object], result: str
) -> None:
    one = plt("60", ref="result:1", result="one")
    other = replace(one, result=result, **change)  # type: ignore[arg-type]  # fields of the dataclass
    assert sift([one, other]) == sift([other, one])


def test_a_result_of_which_one_copy_holds_no_number_is_told_without_one() -> None:
    known, empty = plt("60"), replace(plt("60"), value=None)
    for order in ((known, empty), (empty, known)):
        (found,) = sift(order)
        assert (found.standing, found.value, found.measurement.value) == (Standing.EMPTY, None, None)


def test_the_order_in_which_results_with_other_marks_are_listed_changes_nothing() -> None:
    marks = [("clotted",), ("clotted", "haemolysed"), ("drip arm",)]
    copies = [plt("60", quality=quality, result=f"result-{i}") for i, quality in enumerate(marks)]
    assert [s.measurement.quality for s in sift(copies)] == marks
    assert sift(copies[::-1]) == sift(copies)
