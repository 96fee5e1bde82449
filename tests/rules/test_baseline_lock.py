"""Once the baselines are locked, a marked result is the baseline of its analyte; nothing takes its place."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from courses.rules.evidence import read_history
from courses.rules.values import Chart, GivenCycle, Measurement, Status

FIRST = GivenCycle(number=1, on=date(2026, 1, 12), activity_gbq=Decimal("7.4"))


def creatinine(day: int, value: str, *, baseline: bool = False, result: str = "") -> Measurement:
    """A creatinine of a day of January 2026."""
    return Measurement(
        analyte="CREAT",
        code="2160-0",
        value=Decimal(value),
        unit="umol/L",
        collected_at=datetime(2026, 1, day, 8, tzinfo=UTC),
        collected_on=date(2026, 1, day),
        baseline=baseline,
        result=result or f"of {day} January",
    )


def baseline(*measurements: Measurement, locked: bool) -> Decimal | None:
    chart = Chart(
        birth_date=date(1961, 3, 2),
        sex=None,
        measurements=measurements,
        cycles=(FIRST,),
        baseline_locked=locked,
    )
    found = read_history(chart).baselines.get("CREAT")
    return None if found is None else found.measurement.value


def test_before_the_lock_the_newest_result_is_proposed_where_none_is_marked() -> None:
    assert baseline(creatinine(2, "70"), creatinine(8, "80"), locked=False) == 80


def test_after_the_lock_an_analyte_without_a_marked_result_has_no_baseline() -> None:
    assert baseline(creatinine(2, "70"), creatinine(8, "80"), locked=True) is None


def test_after_the_lock_the_marked_result_counts_however_old() -> None:
    assert baseline(creatinine(2, "70", baseline=True), creatinine(8, "80"), locked=True) == 70


def test_after_the_lock_what_is_left_of_a_withdrawn_baseline_is_none() -> None:
    withdrawn = replace(creatinine(2, "70", baseline=True), status=Status.ENTERED_IN_ERROR)
    assert baseline(withdrawn, creatinine(8, "80"), locked=True) is None


def test_a_mark_is_not_lost_where_two_results_of_one_specimen_agree() -> None:
    """The copy that stands for both may be the one without the mark."""
    marked, copy = creatinine(2, "70", baseline=True, result="b"), creatinine(2, "70", result="a")
    for pair in ((marked, copy), (copy, marked)):
        assert baseline(*pair, creatinine(8, "80"), locked=True) == 70


def test_a_marked_result_that_another_one_contradicts_is_no_baseline() -> None:
    marked, other = creatinine(2, "70", baseline=True, result="b"), creatinine(2, "90", result="a")
    assert baseline(marked, other, creatinine(8, "80"), locked=True) is None
    assert baseline(marked, other, creatinine(8, "80"), locked=False) is None
