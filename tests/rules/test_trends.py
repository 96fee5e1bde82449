"""How a quantity went: every reading once and in time, its grade, the worst after each cycle, its lines."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses import library
from courses.rules.derived import Case
from courses.rules.evidence import Standing, read_history
from courses.rules.facts import DiseaseFlags, Facts, Support, SupportKind
from courses.rules.grades_by_cycle import WorstGrade, grades_by_cycle, reported_by_cycle
from courses.rules.limit_lines import Lines, lines_of
from courses.rules.protocol import CREATININE_CLEARANCE, DERIVED
from courses.rules.support import mark_supported
from courses.rules.trends import falls, readings
from courses.rules.values import AdverseEvent, Chart, Measurement, Status
from tests.strategies import BASELINE_DAY, EDGES, FIRST, FURTHER_EDGES, chart, full_charts, measurement

PROTOCOL = library.protocol("lutathera_us_2024_04")
EMA = library.protocol("lutathera_ema_2024")
PLT = "Platelet count decreased"


def case_of(found: Chart, protocol=PROTOCOL) -> Case:
    history = mark_supported(read_history(found), chart=found, protocol=protocol)
    return Case(chart=found, history=history, protocol=protocol)


def drawn(short: str, value: str, after: int, **more: object) -> Measurement:
    """A result so many days after the first administration."""
    return measurement(short, value, FIRST + timedelta(days=after), **more)


def lines(quantity: str, case: Case) -> Lines:
    return lines_of(quantity, readings(case)[quantity][-1].moment, case)


@given(full_charts())
def test_every_result_that_stands_is_one_reading_in_order_of_time(found):
    case = case_of(found)
    by_quantity = readings(case)
    samples = [*case.history.decisive, *case.history.doubtful]
    read = [each.sample for own in by_quantity.values() for each in own if each.quantity not in DERIVED]
    assert sorted(id(each) for each in read) == sorted(id(each) for each in samples)
    for own in by_quantity.values():
        assert [each.sample.at for each in own] == sorted(each.sample.at for each in own)
        for interval in {each.interval for each in own}:
            assert sum(each.is_worst for each in own if each.interval == interval) <= (interval > 0)
    rows = grades_by_cycle(by_quantity, case)
    assert all(len(row.cells) == case.history.given + 1 for row in rows)
    measured = {each.quantity for own in by_quantity.values() for each in own}
    graded = {c.term for c in PROTOCOL.criteria.by_term.values() if c.quantity in measured}
    assert graded <= {row.term for row in rows}


def test_a_reading_has_its_grade_and_the_lowest_after_each_cycle_is_marked():
    found = chart(
        draws=(
            drawn("PLT", "60", 21),
            drawn("PLT", "60", 22),
            drawn("PLT", "140", 50),
            drawn("PLT", "90", 77),
        )
    )
    platelets = readings(case_of(found))["PLT"]
    assert [each.worst_grade.found.low for each in platelets] == [0, 2, 2, 1, 1]
    assert [each.is_worst for each in platelets] == [False, True, False, False, True]
    assert [each.interval for each in platelets] == [0, 1, 1, 1, 2]


def test_a_high_value_is_the_worst_of_what_a_toxicity_raises_and_both_sides_have_none():
    found = chart(
        draws=(
            drawn("ALT", "60", 20), drawn("ALT", "180", 30), drawn("ALT", "40", 40),
            drawn("K", "2.6", 20), drawn("K", "6.2", 30),
        )
    )  # fmt: skip
    case = case_of(found)
    found_readings = readings(case)
    assert [each.is_worst for each in found_readings["ALT"]] == [False, False, True, False]
    assert not any(each.is_worst for each in found_readings["K"])
    assert (falls("ALT", case), falls("PLT", case), falls("K", case)) == (False, True, None)
    assert {each.term for each in found_readings["K"][0].grades} == {"Hypokalemia", "Hyperkalemia"}


def test_a_result_that_is_not_relied_on_is_shown_and_neither_graded_nor_the_worst():
    found = chart(
        draws=(
            drawn("PLT", "20", 20, status=Status.PRELIMINARY),
            drawn("PLT", "30", 21, quality=("haemolysed",)),
            drawn("PLT", "180", 28),
        )
    )
    case = case_of(found)
    platelets = readings(case)["PLT"]
    assert [each.sample.standing for each in platelets[1:3]] == [Standing.ALARM, Standing.ALARM]
    assert [each.worst_grade for each in platelets[1:3]] == [None, None]
    assert [each.is_worst for each in platelets] == [False, False, False, True]
    row = next(row for row in grades_by_cycle(readings(case), case) if row.term == PLT)
    assert row.cells[1] == WorstGrade(grade=0, on=FIRST + timedelta(days=28), not_used=2)


def test_a_computed_quantity_stands_beside_the_result_it_comes_from_and_says_when_it_is_not_known():
    found = chart(draws=(drawn("CREAT", "150", 20),))
    case = case_of(found)
    clearance = readings(case)[CREATININE_CLEARANCE]
    assert [each.sample.analyte for each in clearance] == ["CREAT", "CREAT"]
    value = clearance[1].value
    assert value is not None
    assert value.high is not None
    assert value.high < 40
    assert clearance[1].is_worst
    unknown = case_of(replace(found, weights=()))
    assert [each.value for each in readings(unknown)[CREATININE_CLEARANCE]] == [None, None]


def test_the_bands_of_platelets_are_the_grades_of_the_version_and_the_line_is_the_rule():
    found = lines("PLT", case_of(chart()))
    assert [(band.grade, band.low, band.high) for band in found.bands] == [
        (4, None, 25), (3, 25, 50), (2, 50, 75), (1, 75, 150),
    ]  # fmt: skip
    [line] = found.rules
    assert (line.rule, line.action.word, line.limit) == ("DM-PLT", "delay", 75)
    assert line.words == "below 75 ×10^9/L (grade 2 or worse)"
    assert found.not_placed == ()


def test_multiples_are_placed_by_the_baseline_and_the_limits_of_the_moment():
    found = lines("CREAT", case_of(chart()))
    [line] = found.rules
    baseline = Fraction(70)
    assert (line.rule, line.limit) == ("DM-REN", baseline * Fraction(14, 10))
    assert "1.4 × the baseline" in line.words
    assert [band.grade for band in found.bands] == [4, 3, 2, 1]
    assert all(band.low is not None for band in found.bands)
    assert found.bands[0].high is None


def test_what_it_is_a_multiple_of_is_told_where_that_is_not_known():
    found = chart(draws=(drawn("CREAT", "70", 20, high=None),))
    without = replace(
        found, measurements=tuple(m for m in found.measurements if m.collected_on != BASELINE_DAY)
    )
    said = lines("CREAT", case_of(without))
    assert said.bands == said.rules == ()
    assert "grade 4 of Creatinine increased, above 6 × the upper limit of normal" in said.not_placed
    assert "DM-REN, at or above 1.4 × the baseline" in said.not_placed
    abnormal = lines("ALT", case_of(replace(without, measurements=(drawn("ALT", "30", 20),))))
    assert any(words.endswith("if that applies") for words in abnormal.not_placed)


def test_two_bounds_that_act_together_are_told_together():
    [line, other] = lines("ALB", case_of(chart(draws=(drawn("ALB", "40", 20),)))).rules
    assert line.words == "below 30 g/L, together with Prothrombin ratio below 70 %"
    assert (line.rule, other.rule) == ("DM-HEP", "DM-OTH")


def test_a_floor_stands_until_the_first_cycle_and_a_row_that_only_notes_has_no_line():
    before = lines("PLT", case_of(chart(given=0), EMA))
    assert "ELIG-PLT" in {line.rule for line in before.rules}
    after = lines("PLT", case_of(chart(given=1), EMA))
    assert "ELIG-PLT" not in {line.rule for line in after.rules}
    assert lines(CREATININE_CLEARANCE, case_of(chart(given=0), EMA)).rules
    lymphocytes = lines("LYMPH", case_of(chart(draws=(drawn("LYMPH", "1.5", 20),))))
    assert lymphocytes.bands
    assert lymphocytes.rules == ()


def test_a_grade_that_another_version_has_not_draws_no_band_inside_a_worse_one():
    # The upper limit of normal lies above the fixed bound of grade 2: grade 1 has no width.
    found = lines("K", case_of(chart(draws=(drawn("K", "4.2", 20, high=Decimal("6.5")),))))
    rising = [band for band in found.bands if band.term == "Hyperkalemia"]
    assert [band.grade for band in rising] == [4, 3, 2]


def test_symptoms_leave_a_band_open_to_a_worse_grade():
    found = lines("K", case_of(chart(draws=(drawn("K", "4.2", 20),))))
    assert (1, 2) in {(band.grade, band.grade_to) for band in found.bands}


@given(st.sampled_from(sorted({**EDGES, **FURTHER_EDGES})), st.data())
def test_a_value_lies_in_the_band_of_the_grade_that_the_rules_give_it(short, data):
    edges = {**EDGES, **FURTHER_EDGES}[short]
    value = data.draw(st.sampled_from(edges).map(Decimal) | st.decimals("0.1", 900, places=1))
    case = case_of(chart(draws=(drawn(short, str(value), 20),)))
    reading = readings(case)[short][-1]
    found = lines_of(short, reading.moment, case)
    for each in reading.grades:
        if any(each.term in words for words in found.not_placed):
            continue
        own = [band for band in found.bands if band.term == each.term]
        # On the limit itself the rules know on which side it belongs.
        if any(value in (band.low, band.high) for band in own):
            continue
        within = [b for b in own if (b.low is None or value > b.low) and (b.high is None or value < b.high)]
        assert [(b.grade, b.grade_to) for b in within] == (
            [(each.found.low, each.found.high)] if each.found.high else []
        )


@pytest.mark.parametrize("cycles", [1, 2])
def test_the_table_of_worst_grades_says_what_was_not_measured_and_what_is_not_known(cycles):
    found = chart(
        given=cycles,
        draws=(
            drawn("PLT", "60", 21),
            drawn("PLT", "40", 22, low=None, comparator="<"),
            drawn("K", "3.2", 22),
        ),
    )
    case = case_of(found)
    rows = {row.term: row for row in grades_by_cycle(readings(case), case)}
    assert rows[PLT].cells[0] == WorstGrade(grade=0)
    worst = rows[PLT].cells[1]
    assert (worst.grade, worst.perhaps, worst.on) == (3, 4, FIRST + timedelta(days=22))
    assert worst.why
    assert rows["Hypokalemia"].cells[0] == WorstGrade()
    assert rows["Hypokalemia"].cells[1].perhaps == 2
    assert rows["Anemia"].cells[1:] == (WorstGrade(),) * cycles
    assert "Hypercalcemia" not in rows


def test_a_baseline_that_cannot_be_graded_says_why():
    found = chart(draws=())
    found = replace(
        found,
        measurements=tuple(replace(m, low=None) if m.analyte == "PLT" else m for m in found.measurements),
        support=(Support(kind=SupportKind.PLATELETS, on=BASELINE_DAY),),
        facts=Facts(disease_flags=DiseaseFlags(nyha_class=1, dialysis=False, anticoagulated=None)),
    )
    case = case_of(found)
    [row] = [row for row in grades_by_cycle(readings(case), case) if row.term == PLT]
    assert row.cells[0] == WorstGrade(grade=0, perhaps=1, why="no lower limit of normal")


# --- What people reported ------------------------------------------------------------------------


def event(grade: int, began: int, ended: int | None, *, related: bool | None = None, term: str = "Nausea"):
    """An adverse event from and to so many days after the first administration."""
    until = None if ended is None else FIRST + timedelta(days=ended)
    return AdverseEvent(
        term=term, grade=grade, began_on=FIRST + timedelta(days=began), ended_on=until, related=related
    )


def reported(*events: AdverseEvent) -> dict[str, tuple[int | None, ...]]:
    """The grades of each term: before the first of two administrations, after it, after the second."""
    rows = reported_by_cycle(case_of(chart(adverse_events=events)))
    return {row.term: tuple(None if cell is None else cell.grade for cell in row.cells) for row in rows}


@pytest.mark.parametrize(
    ("events", "cells"),
    [
        ((event(1, -3, -1),), (1, None, None)),
        ((event(1, -3, 0),), (1, None, None)),  # over by the day of the administration
        ((event(1, -3, 1),), (1, 1, None)),
        ((event(1, 0, 0),), (None, 1, None)),  # began on that day
        ((event(2, 55, None),), (None, 2, 2)),
        ((event(2, 56, 57),), (None, None, 2)),
        ((event(1, 3, 4), event(3, 5, 6), event(2, 7, 8)), (None, 3, None)),
    ],
)
def test_a_reported_event_counts_in_each_time_between_administrations_that_it_lasted_into(events, cells):
    assert reported(*events) == {"Nausea": cells}


def test_one_term_in_two_spellings_is_one_row_and_two_terms_are_two():
    found = reported(event(1, 3, 4), event(2, 60, 61, term="nausea"), event(1, 5, 6, term="Fatigue"))
    assert found == {"Nausea": (None, 1, 2), "Fatigue": (None, 1, None)}


def test_of_equal_grades_the_one_that_nobody_called_of_another_cause_is_shown():
    other, open_ = event(2, 3, 4, related=False), event(2, 5, 6)
    for events in ((other, open_), (open_, other)):
        [row] = reported_by_cycle(case_of(chart(given=1, adverse_events=events)))
        assert row.cells == (None, open_)


def test_without_an_administration_there_is_one_column_and_without_an_event_no_row():
    [row] = reported_by_cycle(case_of(chart(given=0, adverse_events=(event(1, 3, None),))))
    assert row.cells == (event(1, 3, None),)
    assert reported() == {}
