"""The edges of trends: what is worse than what, results read alone, and the row of grades of a term."""

from datetime import timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.derived import Moment
from courses.rules.evidence import Standing, sift
from courses.rules.facts import ManualGrade
from courses.rules.grades_by_cycle import TermRow, WorstGrade, grades_by_cycle
from courses.rules.intervals import exactly
from courses.rules.protocol import CREATININE_CLEARANCE
from courses.rules.trends import Reading, readings
from courses.rules.values import Measurement, Status
from tests.rules.test_trends import PLT, case_of, drawn
from tests.strategies import FIRST, chart

CTCAE_6 = library.protocol("lutathera_us_2024_04_ctcae_6_0")


def worst_of(quantity: str, *draws: Measurement) -> list[str]:
    """The values marked as the worst after a cycle."""
    found = readings(case_of(chart(given=1, draws=draws)))[quantity]
    return [str(each.sample.measurement.value) for each in found if each.is_worst]


# Of its own laboratory each: 50 is above 40 and so grade 1, 55 is below 60 and so grade 0.
GRADED = ("ALT", "50", Decimal(40)), ("ALT", "55", Decimal(60))


@pytest.mark.parametrize("order", [GRADED, GRADED[::-1]])
def test_a_worse_grade_is_worse_than_a_value_further_out(order):
    draws = (drawn(short, value, 20 + day, high=high) for day, (short, value, high) in enumerate(order))
    assert worst_of("ALT", *draws) == ["50"]


@pytest.mark.parametrize("order", [("60", "50", "65"), ("50", "60", "65"), ("65", "60", "50")])
def test_of_a_quantity_that_no_term_grades_the_value_furthest_out_is_the_worst(order):
    assert worst_of("PTR", *(drawn("PTR", value, 20 + day) for day, value in enumerate(order))) == ["50"]


def test_a_quantity_of_two_terms_is_as_bad_as_the_worse_of_them():
    # 76 × 72 kg × 0.85 × 88.42 / (72 × creatinine): near 52 and 44 mL/min, by numbers grade 2 of the disease.
    given = ManualGrade(
        term="Chronic kidney disease",
        grade=3,
        on=FIRST + timedelta(days=20),
        by="Dr. Weber",
        reason="biopsy",
    )
    draws = (drawn("CREAT", "110", 20), drawn("CREAT", "130", 30))
    case = case_of(chart(given=1, draws=draws, manual_grades=(given,)), CTCAE_6)
    found = readings(case)[CREATININE_CLEARANCE][1:]
    assert [sorted(each.found.low for each in reading.grades) for reading in found] == [[0, 3], [2, 2]]
    assert [reading.is_worst for reading in found] == [True, False]


@pytest.mark.parametrize(("more", "interval"), [({}, 0), ({"interval": 2}, 2)])
def test_a_result_that_is_not_relied_on_is_read_with_nothing_else_and_never_graded(more, interval):
    [sample] = sift([drawn("PLT", "20", 20, status=Status.PRELIMINARY)])
    assert sample.standing is not Standing.DECISIVE
    assert Reading.alone(sample, **more) == Reading(
        quantity="PLT",
        sample=sample,
        value=exactly(20),
        interval=interval,
        moment=Moment(day=FIRST + timedelta(days=20), interval=interval, samples={"PLT": sample}),
        grades=(),
        is_worst=False,
    )


def test_a_term_has_one_row_with_its_quantity_and_of_equal_grades_the_day_of_the_first():
    case = case_of(chart(given=1, draws=(drawn("PLT", "60", 21), drawn("PLT", "55", 22))))
    [row] = [row for row in grades_by_cycle(readings(case), case) if row.term == PLT]
    assert row == TermRow(
        term=PLT,
        quantity="PLT",
        cells=(WorstGrade(grade=0), WorstGrade(grade=2, on=FIRST + timedelta(days=21))),
    )
