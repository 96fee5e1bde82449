"""Every measured term is graded, and what another version grades otherwise is listed beside it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.recommend import recommend
from courses.rules.values import AdverseEvent, Chart, GradeDifference, Recommendation, Status
from tests.strategies import chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
VARIANT = library.protocol("lutathera_us_2024_04_ctcae_6_0")


def judge(found: Chart, protocol=PROTOCOL) -> Recommendation:
    return recommend(chart=found, protocol=protocol, today=draw_day())


def test_every_measured_term_has_one_line_and_an_ongoing_event_another() -> None:
    nausea = AdverseEvent(term="Nausea", grade=2, began_on=draw_day())
    over = replace(nausea, term="Fatigue", ended_on=draw_day() + timedelta(days=1))
    found = judge(chart(draws=panel(draw_day(), PLT="60"), adverse_events=(nausea, over)))
    lines = {line.term: line for line in found.grades}
    assert lines["Platelet count decreased"].grade == 2
    assert lines["Platelet count decreased"].collected_on == draw_day()
    assert (lines["Nausea"].grade, lines["Nausea"].analyte) == (2, "")
    assert "Fatigue" not in lines
    assert "INR increased" not in lines
    assert len(lines) == len(found.grades)


def test_a_renamed_term_is_compared_under_both_of_its_names() -> None:
    draws = panel(draw_day(), PLT="20")
    assert judge(chart(draws=draws)).grade_differences == (
        GradeDifference(
            term="Platelet count decreased",
            grade=4,
            version="5.0",
            other_term="Thrombocytopenia",
            other_grade=3,
            other_version="6.0",
        ),
    )
    assert judge(chart(draws=draws), VARIANT).grade_differences == (
        GradeDifference(
            term="Thrombocytopenia",
            grade=3,
            version="6.0",
            other_term="Platelet count decreased",
            other_grade=4,
            other_version="5.0",
        ),
    )


def test_a_term_of_one_version_only_is_listed_from_grade_1_on() -> None:
    def terms(glucose: str, protocol=PROTOCOL) -> list[tuple[str, int | None, int | None]]:
        draws = (*panel(draw_day()), measurement("GLU", glucose, draw_day()))
        found = judge(chart(draws=draws), protocol).grade_differences
        return [(line.other_term, line.grade, line.other_grade) for line in found]

    assert terms("14") == [("Hyperglycemia", None, 3)]
    assert terms("14", VARIANT) == [("Hyperglycemia", 3, None)]
    assert terms("12") == []
    assert terms("5") == []
    assert terms("5", VARIANT) == []


def test_without_another_version_nothing_is_compared() -> None:
    found = judge(chart(draws=panel(draw_day(), PLT="20")), replace(PROTOCOL, other_criteria=None))
    assert found.grade_differences == ()


def test_the_other_version_never_acts() -> None:
    draws = tuple(
        replace(m, high=Decimal(35), baseline=False) for m in panel(draw_day(), ALT="60", ANC="0.8", PLT="20")
    )
    found = chart(draws=draws)
    alone = judge(found, replace(PROTOCOL, other_criteria=None))
    assert replace(judge(found), grade_differences=()) == alone
    assert judge(found).verdict == alone.verdict


def test_a_doubtful_result_is_not_graded() -> None:
    draws = (*panel(draw_day()), measurement("GGT", "900", draw_day(), status=Status.PRELIMINARY))
    assert "GGT increased" not in {line.term for line in judge(chart(draws=draws)).grades}


@pytest.mark.parametrize(
    ("analyte", "value", "more", "remark"),
    [
        (
            "ANC",
            "1.45",
            {"low": Decimal("1.4")},
            "graded, though within the laboratory's own limit of normal of 1.4",
        ),
        (
            "ANC",
            "1.4",
            {"low": Decimal("1.4")},
            "graded, though within the laboratory's own limit of normal of 1.4",
        ),
        ("ANC", "1.39", {"low": Decimal("1.4")}, ""),
        ("ANC", "1.45", {"low": None}, ""),
        ("ANC", "1.45", {"low": Decimal("1.4"), "comparator": "<"}, ""),
        (
            "K",
            "5.6",
            {"high": Decimal("5.8")},
            "graded, though within the laboratory's own limit of normal of 5.8",
        ),
        (
            "K",
            "5.6",
            {"high": Decimal("5.6")},
            "graded, though within the laboratory's own limit of normal of 5.6",
        ),
        ("K", "5.9", {"high": Decimal("5.8")}, ""),
        ("K", "4.2", {"high": Decimal("5.8")}, ""),
        ("PLT", "60", {}, ""),
    ],
)
def test_a_grade_given_within_the_limits_of_the_laboratory_is_flagged(analyte, value, more, remark) -> None:
    rest = tuple(m for m in panel(draw_day()) if m.analyte != analyte)
    found = judge(chart(draws=(*rest, measurement(analyte, value, draw_day(), **more))))
    lines = [line for line in found.grades if line.analyte == analyte and line.grade != 0]
    assert [line.remark for line in lines] == ([] if value == "4.2" else [remark])


def test_a_term_of_one_single_bound_is_graded_and_flagged_as_well() -> None:
    criteria = PROTOCOL.criteria
    term = criteria.by_term["Hyperkalemia"]
    only = replace(term, rows=tuple(row for row in term.rows if row.grade == 2))
    protocol = replace(
        PROTOCOL,
        criteria=replace(criteria, by_term={**criteria.by_term, term.term: only}),
        other_criteria=None,
    )
    drawn = measurement("K", "5.6", draw_day(), high=Decimal("5.8"))
    lines = judge(chart(draws=(*panel(draw_day()), drawn)), protocol).grades
    assert [(line.grade, line.remark) for line in lines if line.term == "Hyperkalemia"] == [
        (2, "graded, though within the laboratory's own limit of normal of 5.8")
    ]
