"""Rules that say nothing are told as well, each with why, and with the comparisons it made."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.facts import Attribution, DiseaseFlags, Facts
from courses.rules.protocol import Bound, Protocol, Surrogate, Test, When
from courses.rules.recommend import recommend
from courses.rules.values import AdverseEvent, Chart, Measurement, SilentRule, Status
from tests.strategies import BASELINE_DAY, FIRST, chart, draw_day, full_charts, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
TODAY = draw_day() + timedelta(days=2)


def silent(found: Chart, rule: str, *, about: str = "", protocol: Protocol = PROTOCOL) -> SilentRule:
    """The one silent line of a rule that names something."""
    lines = recommend(chart=found, protocol=protocol, today=TODAY).silent
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


def test_a_track_is_told_again_once_its_finding_has_gone_while_another_one_acts() -> None:
    early = FIRST + timedelta(days=20)
    draws = (*panel(early, HGB="70"), *panel(early + timedelta(days=10)), *panel(draw_day(), ANC="0.8"))
    line = silent(chart(draws=draws), "DM-HEM")
    assert line.name == "anaemia and neutropenia: Anemia"
    assert line.why == "Haemoglobin 130 g/L on 27 April 2026, not below 80 g/L"


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


def before_the_first(*draws: Measurement) -> Chart:
    return chart(given=0, draws=draws, planned_on=FIRST)


def silent_floor(found: Chart, *, protocol: Protocol = PROTOCOL) -> SilentRule:
    """The line of the floor that asks for albumin and the prothrombin ratio together."""
    lines = recommend(chart=found, protocol=protocol, today=FIRST).silent
    (line,) = [line for line in lines if line.rule == "ELIG-ALB"]
    return line


def test_of_two_bounds_that_act_only_together_the_one_not_met_is_told() -> None:
    line = silent_floor(before_the_first(*panel(FIRST, ALB="28"), measurement("PTR", "95", FIRST)))
    assert line.name == "albumin floor before the first cycle"
    assert line.why == "Prothrombin ratio 95 % on 12 January 2026, not below 70 %"
    assert [(c.quantity, c.met) for c in line.comparisons] == [
        ("Albumin", True),
        ("Prothrombin ratio", False),
    ]


def test_of_two_bounds_that_are_both_not_met_each_is_told() -> None:
    line = silent_floor(before_the_first(*panel(FIRST), measurement("PTR", "95", FIRST)))
    assert line.why == (
        "Albumin 42 g/L on 12 January 2026, not below 30 g/L and "
        "Prothrombin ratio 95 % on 12 January 2026, not below 70 %"
    )


def test_a_floor_tells_what_stands_in_for_a_ratio_that_was_not_measured() -> None:
    above = Bound(quantity="INR", test=Test.ABOVE, limit=Decimal("1.5"), exact=Fraction(3, 2))
    surrogate = Surrogate(quantity="PTR", bound=above, source=PROTOCOL.schedule.source)
    found = before_the_first(*panel(FIRST, ALB="28"), measurement("INR", "1.1", FIRST))
    line = silent_floor(found, protocol=replace(PROTOCOL, prothrombin_surrogate=surrogate))
    assert line.why == "International normalised ratio 1.1 on 12 January 2026, not above 1.5"


def test_a_floor_names_everything_that_was_not_measured() -> None:
    floors = tuple(
        replace(floor, when=When.EVERY_CYCLE) if floor.id == "ELIG-ALB" else floor
        for floor in PROTOCOL.floors
    )
    found = chart(draws=tuple(m for m in panel(draw_day()) if m.analyte != "ALB"))
    line = silent(found, "ELIG-ALB", protocol=replace(PROTOCOL, floors=floors))
    assert line.why == "Albumin and Prothrombin ratio: not measured"


def test_a_floor_says_whether_a_result_came_that_cannot_be_used() -> None:
    found = chart(draws=panel(draw_day()))
    assert silent(found, "CHK-POTASSIUM").why == "Potassium: not measured"
    came = measurement("K", "4.2", draw_day(), status=Status.PRELIMINARY)
    line = silent(chart(draws=(*panel(draw_day()), came)), "CHK-POTASSIUM")
    assert line.why == "Potassium: no usable result, but one came"


def test_what_could_not_be_judged_names_all_that_it_needs() -> None:
    found = chart(draws=panel(draw_day()), sex=None, weights=())
    line = silent(found, "DM-REN", about="below 40 mL/min")
    assert line.why.endswith(": could not be judged without sex, weight")
    lines = recommend(chart=found, protocol=PROTOCOL, today=TODAY).silent
    assert "EV-WEIGHT" not in {line.rule for line in lines}


def test_the_window_and_the_age_are_told_in_days_and_years() -> None:
    found = chart(draws=panel(draw_day()))
    window = silent(found, "SCH-WINDOW")
    assert (window.name, window.why) == (
        "window of the next administration",
        "4 May 2026 lies not before 27 April 2026; the window ends on 11 May 2026",
    )
    (days,) = window.comparisons
    assert (days.quantity, days.value, days.limit) == ("Days since the last administration", "56", "49")
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
    (days,) = line.comparisons
    assert (days.quantity, days.limit, days.met) == ("Days of the delay's limit", "112", False)


def test_the_limit_counts_from_the_last_administration() -> None:
    for cycles, start in ((1, "12 January 2026"), (3, "4 May 2026")):
        found = chart(given=cycles, draws=panel(draw_day(cycles), PLT="60"))
        lines = recommend(chart=found, protocol=PROTOCOL, today=draw_day(cycles)).silent
        (line,) = [line for line in lines if line.rule == "LIM-DELAY"]
        assert line.why.startswith(f"day 49 of 112, counted from {start}: ")


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


def test_a_grade_like_the_one_at_the_baseline_is_not_counted_though_one_of_its_bounds_is_not_met() -> None:
    """Of the two bounds of an anticoagulated patient one is enough for the grade, and one is met."""
    flags = DiseaseFlags(nyha_class=1, dialysis=False, anticoagulated=True)
    draws = (measurement("INR", "3", BASELINE_DAY), *panel(draw_day()), measurement("INR", "3", draw_day()))
    line = silent(chart(draws=draws, facts=Facts(disease_flags=flags)), "DM-OTH", about="INR")
    assert line.why.endswith(
        ": not counted, because grade 3 is no worse than grade 3 of the baseline, "
        "International normalised ratio 3 on 5 January 2026"
    )
    assert [(c.limit, c.met) for c in line.comparisons] == [("2.5", True), ("7.5", False), ("3", True)]
    assert line.comparisons[-1].limit_from == (
        "the grade of the baseline: International normalised ratio 3 on 5 January 2026"
    )


def test_a_bilirubin_over_a_normal_baseline_names_the_row_that_judges_it_and_that_baseline() -> None:
    newer = library.protocol("lutathera_us_2024_04_ctcae_6_0")
    line = silent(chart(draws=panel(draw_day(), BILI="64")), "DM-OTH", about="bilirubin", protocol=newer)
    assert line.why == (
        "Bilirubin, total 64 µmol/L on 27 April 2026: not counted, because it is judged by DM-HEP where the "
        "baseline is normal, which it was: Bilirubin, total 10 µmol/L on 5 January 2026"
    )
    (beside,) = [c for c in line.comparisons if c.purpose == "exception"]
    assert (beside.quantity, beside.value, beside.test, beside.limit, beside.met) == (
        "Bilirubin, total at the baseline",
        "10",
        "at_most",
        "21",
        True,
    )
    assert beside.limit_from == "the upper limit of normal 21 µmol/L"


def test_a_finding_that_a_physician_attributed_to_another_cause_is_told_as_said_by_a_person() -> None:
    said = Attribution(
        term="Alanine aminotransferase increased",
        grade=3,
        on=draw_day(),
        related=False,
        by="Dr. Weber",
        reason="hepatitis A",
    )
    found = replace(chart(draws=panel(draw_day(), ALT="200")), attributions=(said,))
    line = silent(found, "DM-OTH", about="Alanine")
    assert line.why.endswith(
        "not counted, because of what a person recorded of it, which stands among the reasons"
    )


def test_a_term_whose_grades_stay_below_those_that_act_says_that_no_bound_applies() -> None:
    """Version 6 knows one grade of a raised alkaline phosphatase only, and it never acts."""
    draws = (*panel(draw_day()), measurement("ALP", "300", draw_day()))
    newer = library.protocol("lutathera_us_2024_04_ctcae_6_0")
    line = silent(chart(draws=draws), "DM-OTH", about="Alkaline", protocol=newer)
    assert line.why == "no bound of the criteria applies to this patient"
    assert line.comparisons == ()


def test_a_normal_result_whose_baseline_is_not_known_is_told_as_normal() -> None:
    """The multiple of the baseline is not known, and five times the upper limit of normal is not reached."""
    draws = tuple(m for m in chart(draws=panel(draw_day())).measurements if m.analyte != "ALT")
    found = replace(chart(), measurements=(*draws, measurement("ALT", "20", draw_day())))
    line = silent(found, "DM-OTH", about="Alanine")
    assert line.why == (
        "Alanine aminotransferase (ALT) 20 U/L on 27 April 2026, not above 5 × the upper limit of normal "
        "(175 U/L)"
    )


def test_a_calcium_and_an_albumin_of_a_later_day_are_told_as_not_read_together() -> None:
    later = draw_day() + timedelta(days=1)
    drawn = tuple(m for m in panel(draw_day()) if m.analyte != "ALB")
    draws = (*drawn, measurement("CA", "1.4", draw_day()), measurement("ALB", "40", later))
    line = silent(chart(draws=draws), "DM-OTH", about="Hypocalcemia")
    assert line.why.endswith(
        "not counted, because its parts were collected on different days and are not read together"
    )
