"""Rules that say nothing are told as well, each with why, and with the comparisons it made."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.recommend import recommend
from courses.rules.values import AdverseEvent, Chart, SilentRule
from tests.strategies import FIRST, chart, draw_day, full_charts, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
TODAY = draw_day() + timedelta(days=2)


def silent(found: Chart, rule: str, *, about: str = "") -> SilentRule:
    """The one silent line of a rule that names something."""
    lines = recommend(chart=found, protocol=PROTOCOL, today=TODAY).silent
    (line,) = [line for line in lines if line.rule == rule and about in line.name]
    return line


@settings(max_examples=40, deadline=None)
@given(full_charts(), st.sampled_from(library.protocol_ids()))
def test_every_row_of_the_protocol_is_a_reason_or_silent(found: Chart, protocol_id: str) -> None:
    protocol = library.protocol(protocol_id)
    answer = recommend(chart=found, protocol=protocol, today=draw_day(len(found.cycles)))
    told = {reason.rule for reason in answer.reasons} | {line.rule for line in answer.silent}
    rows = {row.id for row in (*protocol.families, *protocol.floors, *protocol.checks)}
    assert rows | {"SCH-WINDOW", "LIM-DELAY", "ELIG-AGE"} <= told
    assert all(line.why for line in answer.silent)


def test_a_normal_count_is_told_with_its_bound_and_distance() -> None:
    line = silent(chart(draws=panel(draw_day(), PLT="210")), "DM-PLT")
    assert line.why == "Platelets 210 ×10^9/L on 27 April 2026, not below 75 ×10^9/L"
    (comparison,) = line.comparisons
    assert (comparison.value, comparison.limit, comparison.met) == ("210", "75", False)
    assert comparison.to_limit == "135 ×10^9/L above 75"
    assert comparison.to_next_grade == "60 ×10^9/L above grade 1 (below 150)"


def test_a_family_with_a_reason_still_tells_of_its_other_tracks() -> None:
    found = chart(draws=panel(draw_day(), HGB="70"))
    assert "Neutrophils 3.5" in silent(found, "DM-HEM", about="Neutrophil").why
    lines = recommend(chart=found, protocol=PROTOCOL, today=TODAY).silent
    assert [line for line in lines if line.rule == "DM-HEM" and "Anemia" in line.name] == []


def test_a_creatinine_clearance_prints_its_inputs() -> None:
    line = silent(chart(draws=panel(draw_day())), "DM-REN", about="below 40 mL/min")
    assert line.comparisons[0].value_from == (
        "Cockcroft-Gault: (140 - 65 years) × 72 kg (weighed on 27 April 2026) × 0.85 (female) × 88.42 / "
        "(72 × Creatinine 70 µmol/L on 27 April 2026)"
    )
    change = silent(chart(draws=panel(draw_day())), "DM-REN", about="creatinine 40 % above")
    assert change.comparisons[0].limit_from == "1.4 × the baseline: Creatinine 70 µmol/L on 5 January 2026"


def test_corrected_calcium_prints_calcium_and_albumin() -> None:
    drawn = (*panel(draw_day()), measurement("CA", "2.2", draw_day()))
    line = silent(chart(draws=drawn), "DM-OTH", about="Hypocalcemia")
    assert line.comparisons[0].value_from == (
        "Calcium, total 2.2 mmol/L on 27 April 2026 + 0.02 × (40 - Albumin 42 g/L on 27 April 2026)"
    )
    alone = tuple(m for m in drawn if m.analyte != "ALB")
    without = silent(chart(draws=alone), "DM-OTH", about="Hypocalcemia")
    assert "could not be judged without result (Albumin)" in without.why
    assert (without.comparisons[0].value, without.comparisons[0].met) == ("not known", None)


def test_a_leukopenia_explained_by_lymphocytes_says_so() -> None:
    counts = {"WBC": "1.8", "LYMPH": "0.4"}
    drawn = (*panel(draw_day()), *(measurement(s, v, draw_day()) for s, v in counts.items()))
    line = silent(chart(draws=drawn), "DM-OTH", about="White blood cell")
    assert "not counted, because it is explained" in line.why
    excuses = [(c.quantity, c.test, c.limit, c.met) for c in line.comparisons if c.purpose == "exception"]
    assert ("Lymphocytes", "below", "1", True) in excuses
    assert ("Neutrophils", "at_least", "1", True) in excuses


def test_before_the_first_cycle_no_family_is_asked_and_the_floors_are() -> None:
    found = replace(chart(given=0, draws=panel(FIRST)), planned_on=FIRST)
    answer = recommend(chart=found, protocol=PROTOCOL, today=FIRST)
    lines = {line.rule: line for line in answer.silent}
    assert lines["DM-PLT"].why.startswith("no cycle has been given yet")
    assert lines["ELIG-PLT"].why == "Platelets 220 ×10^9/L on 12 January 2026, not below 75 ×10^9/L"
    assert lines["SCH-WINDOW"].why == "no cycle has been given yet"
    later = silent(chart(draws=panel(draw_day())), "ELIG-PLT")
    assert later.why == "it is asked before the first cycle only"


def test_an_event_before_the_first_cycle_keeps_its_family_from_being_silent() -> None:
    event = AdverseEvent(term="Anaphylaxis", grade=3, began_on=FIRST - timedelta(days=30))
    found = replace(chart(given=0, draws=panel(FIRST), adverse_events=(event,)), planned_on=FIRST)
    answer = recommend(chart=found, protocol=PROTOCOL, today=FIRST)
    assert "DM-HSR" not in {line.rule for line in answer.silent}


def test_a_floor_that_other_counts_explain_says_so() -> None:
    counts = {"WBC": "1.8", "LYMPH": "0.4"}
    drawn = (*panel(FIRST), *(measurement(s, v, FIRST) for s, v in counts.items()))
    found = replace(chart(given=0, draws=drawn), planned_on=FIRST)
    answer = recommend(chart=found, protocol=PROTOCOL, today=FIRST)
    (line,) = [line for line in answer.silent if line.rule == "ELIG-WBC"]
    assert "not counted, because it is explained" in line.why
    assert "exception" in {comparison.purpose for comparison in line.comparisons}


def test_a_floor_that_could_not_be_judged_says_what_it_needs() -> None:
    drawn = (*(m for m in panel(FIRST) if m.analyte != "ALB"), measurement("ALB", "28", FIRST))
    found = replace(chart(given=0, draws=drawn), planned_on=FIRST)
    answer = recommend(chart=found, protocol=PROTOCOL, today=FIRST)
    (line,) = [line for line in answer.silent if line.rule == "ELIG-ALB"]
    assert line.why == "Prothrombin ratio: not measured"


def test_the_window_and_the_age_are_told_in_days_and_years() -> None:
    found = chart(draws=panel(draw_day()))
    window = silent(found, "SCH-WINDOW").comparisons[0]
    assert (window.quantity, window.value, window.limit) == ("Days since the last administration", "56", "49")
    age = silent(found, "ELIG-AGE")
    assert (age.why, age.comparisons[0].value_from) == (
        "65 years on 4 May 2026, not below 12",
        "born on 2 March 1961",
    )
    unborn = silent(replace(found, birth_date=None), "ELIG-AGE")
    assert unborn.why == "could not be judged: the birth date is not known"


def test_the_limit_of_a_delay_is_told_with_its_day() -> None:
    assert "no toxicity that delays" in silent(chart(draws=panel(draw_day())), "LIM-DELAY").why
    line = silent(chart(draws=panel(draw_day(), PLT="60")), "LIM-DELAY")
    assert line.why == "day 51 of 112, counted from 9 March 2026: stops on 29 June 2026"
    assert (line.comparisons[0].limit, line.comparisons[0].met) == ("112", False)


def test_evidence_in_time_is_told_with_its_age_and_evidence_too_old_is_not() -> None:
    found = chart(draws=panel(draw_day()))
    assert silent(found, "EV-STALE", about="Platelets").why == (
        "collected on 27 April 2026, 7 days before 4 May 2026, no more than 14"
    )
    assert silent(found, "EV-WEIGHT").why.startswith("measured on 27 April 2026")
    late = replace(found, planned_on=last_day() + timedelta(days=100))
    lines = recommend(chart=late, protocol=PROTOCOL, today=TODAY).silent
    assert {"EV-STALE", "EV-WEIGHT"} & {line.rule for line in lines} == set()


def test_a_grade_no_worse_than_at_the_baseline_is_told_as_not_counted() -> None:
    def liver(found: Chart) -> Chart:
        return replace(
            found,
            measurements=tuple(
                replace(m, value=m.value * 10) if m.analyte == "ALT" and m.value else m
                for m in found.measurements
            ),
        )

    line = silent(liver(chart(draws=panel(draw_day()))), "DM-OTH", about="Alanine")
    assert line.why.startswith("Alanine aminotransferase (ALT) 200 U/L on 27 April 2026")
