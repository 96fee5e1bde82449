"""The recommendation as a whole: sentences, calendar, guard, and the faults of a stateless calculator."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.intervals import all_of, any_of, compared, is_at_most, is_below
from courses.rules.protocol import LabRow
from courses.rules.recommend import FAULT_RULE, recommend, recommend_or_hold
from courses.rules.values import (
    Action,
    AdverseEvent,
    Chart,
    Delay,
    DelayCause,
    Reason,
    Recommendation,
    Status,
    Weight,
)
from tests.strategies import FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")


def judge(found: Chart, *, days: int = 0) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=draw_day() + timedelta(days=days))


def test_the_sentence_says_value_day_bound_occurrence_and_what_ends_it() -> None:
    reason = judge(chart(draws=panel(draw_day(), PLT="60"))).strongest
    assert reason is not None
    assert str(reason) == (
        "Platelets 60 ×10^9/L on 27 April 2026, below 75 ×10^9/L (grade 2, first occurrence): "
        "delay until 75 ×10^9/L or more."
    )
    assert reason.threshold == "Platelets below 75 ×10^9/L (CTCAE 5.0 grade 2 or worse)"
    assert "US prescribing information" in reason.source


def test_the_sentence_shows_worst_and_newest() -> None:
    draws = (measurement("PLT", "40", last_day() + timedelta(days=30)), *panel(draw_day(), PLT="60"))
    reason = judge(chart(draws=draws)).strongest
    assert reason is not None
    assert "40 ×10^9/L on 8 April 2026 (newest: Platelets 60" in reason.sentence
    assert [item.value for item in reason.evidence] == ["40", "60"]


def test_a_renal_reason_prints_the_inputs_of_the_clearance() -> None:
    found = chart(draws=panel(draw_day(), CREAT="150"))
    reasons = [reason for reason in judge(found).reasons if reason.rule == "DM-REN"]
    assert any("Creatinine clearance 37.6 mL/min" in reason.sentence for reason in reasons)
    assert {"72", "150", "70"} <= {item.value for reason in reasons for item in reason.evidence}


def test_a_go_has_no_strongest_reason() -> None:
    assert judge(chart(draws=panel(draw_day()))).strongest is None


def test_days_of_delay_are_divided_by_cause() -> None:
    supply = Delay(cycle=3, cause=DelayCause.SUPPLY, began_on=draw_day() + timedelta(days=7), ended_on=None)
    found = chart(draws=panel(draw_day(), PLT="60"), planned_on=draw_day() + timedelta(days=14))
    plain, supplied = judge(found).delay, judge(replace(found, delays=(supply,))).delay
    assert plain is not None
    assert supplied is not None
    assert (plain.days, plain.toxicity_days) == (7, 7)
    assert (supplied.days, supplied.toxicity_days) == (7, 0)


def test_a_stop_by_the_limit_names_the_date_of_the_other_reading() -> None:
    first = last_day() + timedelta(days=56)
    supply = Delay(cycle=3, cause=DelayCause.SUPPLY, began_on=first, ended_on=first + timedelta(days=20))
    stop_on = last_day() + timedelta(days=112)
    found = chart(draws=panel(draw_day(), PLT="60"), delays=(supply,), planned_on=stop_on)
    answer = recommend(chart=found, protocol=PROTOCOL, today=stop_on)
    limit = next(reason for reason in answer.reasons if reason.rule == "LIM-DELAY")
    assert "would be 19 July 2026" in limit.sentence
    later = recommend(chart=found, protocol=PROTOCOL, today=stop_on + timedelta(days=30))
    assert "the other way" not in next(r for r in later.reasons if r.rule == "LIM-DELAY").sentence


def test_an_event_that_outlasts_the_limit_stops_too() -> None:
    event = AdverseEvent(term="Fatigue", grade=3, began_on=last_day() + timedelta(days=3))
    stop_on = last_day() + timedelta(days=112)
    found = chart(draws=panel(draw_day()), adverse_events=(event,), planned_on=stop_on)
    rules = {reason.rule for reason in recommend(chart=found, protocol=PROTOCOL, today=stop_on).reasons}
    assert {"LIM-DELAY", "DM-OTH"} <= rules


def test_a_toxicity_open_across_an_administration_still_delays() -> None:
    event = AdverseEvent(term="Fatigue", grade=3, began_on=FIRST + timedelta(days=3))
    assert judge(chart(draws=panel(draw_day()), adverse_events=(event,))).action is Action.DELAY
    short = replace(event, began_on=last_day() - timedelta(days=1))
    ended = replace(short, ended_on=last_day() + timedelta(days=5))
    assert judge(chart(draws=panel(draw_day()), adverse_events=(short,))).action is Action.DELAY
    assert judge(chart(draws=panel(draw_day()), adverse_events=(ended,))).action is Action.REDUCE


def test_an_event_before_the_first_cycle_is_a_note() -> None:
    event = AdverseEvent(term="Fatigue", grade=3, began_on=FIRST - timedelta(days=30))
    answer = judge(chart(draws=panel(draw_day()), adverse_events=(event,)))
    assert answer.action is Action.PROCEED
    assert any("before the first cycle" in reason.sentence for reason in answer.reasons)
    uncycled = chart(given=0, draws=(), planned_on=None, adverse_events=(event,))
    assert "before the first cycle" in " ".join(r.sentence for r in judge(uncycled, days=-97).reasons)


def test_a_reported_lymphopenia_never_acts() -> None:
    event = AdverseEvent(term="Lymphopenia", grade=4, began_on=draw_day())
    answer = judge(chart(draws=panel(draw_day()), adverse_events=(event,)))
    assert answer.action is Action.PROCEED
    assert any(line.grade == 4 for line in answer.grades)


def test_unknown_platelet_bounds_outlast_a_later_count() -> None:
    vague = measurement("PLT", "100", last_day() + timedelta(days=30), comparator="<")
    assert judge(chart(draws=(vague, *panel(draw_day())))).action is Action.HOLD


def test_a_missing_companion_is_settled_by_the_same_specimen_judged_beside_it() -> None:
    low = measurement("ALB", "28", last_day() + timedelta(days=20))
    beside = replace(measurement("PTR", "90", last_day() + timedelta(days=21)), low=Decimal(70))
    assert judge(chart(draws=(low, beside, *panel(draw_day())))).action is Action.PROCEED


def test_a_missing_companion_is_not_settled_by_a_later_specimen() -> None:
    low = measurement("ALB", "28", last_day() + timedelta(days=20))
    answer = judge(chart(draws=(low, *panel(draw_day()))))
    assert [(gap.item, gap.rule) for gap in answer.missing] == [("PTR", "EV-MISSING")]


def test_a_doubtful_lymphopenia_does_not_hold() -> None:
    doubtful = measurement("LYMPH", "0.3", draw_day(), status=Status.PRELIMINARY)
    assert judge(chart(draws=(*panel(draw_day()), doubtful))).action is Action.PROCEED


def test_a_result_without_a_number_is_named_as_unusable() -> None:
    empty = replace(measurement("PLT", "1", draw_day()), value=None)
    kept = tuple(m for m in panel(draw_day()) if m.analyte != "PLT")
    answer = judge(chart(draws=(*kept, empty)))
    assert [(gap.item, gap.rule) for gap in answer.missing] == [("PLT", "EV-UNUSABLE")]
    assert "no number" in answer.missing[0].why


def test_a_birth_date_that_is_not_known_holds() -> None:
    answer = judge(chart(draws=panel(draw_day()), birth_date=None))
    assert [gap.item for gap in answer.missing] == ["birth_date"]


def test_no_weight_at_all_holds() -> None:
    answer = judge(chart(draws=panel(draw_day()), weights=()))
    assert {gap.item for gap in answer.missing} == {"weight"}


def test_a_creatinine_without_a_weight_of_its_time_holds() -> None:
    found = chart(draws=panel(draw_day(), CREAT="71"), planned_on=draw_day() + timedelta(days=7))
    far = Weight(on=draw_day() - timedelta(days=29), kg=Decimal(72))
    answer = judge(replace(found, weights=(far,)))
    assert {(gap.item, gap.rule) for gap in answer.missing} == {("weight", "EV-WEIGHT")}


def test_the_rules_see_no_blank_as_normal() -> None:
    answer = judge(chart(draws=()), days=5)
    assert answer.action is Action.HOLD
    assert not answer.awaiting_labs
    assert {gap.item for gap in answer.missing} >= {"PLT", "ANC", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST"}


@pytest.mark.parametrize(("analyte", "value", "grade"), [("ANC", "0.9995", 3), ("HGB", "79.995", 3)])
def test_there_is_no_gap_between_two_grades(analyte: str, value: str, grade: int) -> None:
    answer = judge(chart(draws=panel(draw_day(), **{analyte: value})))
    assert grade in [line.grade for line in answer.grades if line.analyte == analyte]


def test_a_fault_of_the_core_holds_and_says_so() -> None:
    broken = replace(chart(draws=panel(draw_day())), measurements=(None,))  # type: ignore[arg-type]  # the fault
    answer = recommend_or_hold(chart=broken, protocol=PROTOCOL, today=draw_day())
    assert (answer.action, answer.activity_gbq, answer.awaiting_labs) == (Action.HOLD, None, False)
    (reason,) = answer.reasons
    assert (reason.rule, reason.action, reason.threshold) == (FAULT_RULE, Action.HOLD, "no fault")
    assert reason.source == "this service's own rule: a fault never lets a cycle proceed"
    assert re.fullmatch(
        r"The decision core failed on this chart \(AttributeError in \w+, line \d+\): nothing can be "
        r"recommended\. Report this to the people who run the service, and decide from the chart by hand\.",
        reason.sentence,
    ), reason.sentence
    assert (answer.protocol_id, answer.cycle, answer.window) == (PROTOCOL.id, 3, None)
    assert answer.planned_on == broken.planned_on
    assert answer.not_considered == (
        "pregnancy", "sstr_imaging", "analogue_injections", "allergy_review", "disease_flags",
    )  # fmt: skip
    good = chart(draws=panel(draw_day()))
    assert recommend_or_hold(chart=good, protocol=PROTOCOL, today=draw_day()) == judge(good)


class Unreadable:
    """A result that breaks whoever reads it."""

    @property
    def code(self) -> str:
        raise ZeroDivisionError("what it says of the patient")


def test_a_fault_names_the_innermost_place_and_nothing_of_the_patient() -> None:
    broken = replace(chart(), measurements=(Unreadable(),))  # type: ignore[arg-type]  # the fault
    (reason,) = recommend_or_hold(chart=broken, protocol=PROTOCOL, today=draw_day()).reasons
    assert "(ZeroDivisionError in code, line " in reason.sentence
    assert "patient" not in reason.sentence


def test_the_recommendation_does_not_age_while_nothing_ripens() -> None:
    found = chart(draws=panel(draw_day(), PLT="60"))
    one, other = judge(found, days=1), judge(found, days=2)
    assert one.verdict == other.verdict
    # What the days that pass may change is the clock of the limit and the first day of a release.
    assert [replace(reason, release_on=None) for reason in one.reasons] == [
        replace(reason, release_on=None) for reason in other.reasons
    ]


def test_comparisons_of_bounds_are_three_valued() -> None:
    five = compared(Decimal(5), "")
    assert five.is_exact
    assert is_below(compared(Decimal(5), "<"), five) is True
    assert is_below(compared(Decimal(5), "<="), five) is None
    assert is_below(compared(Decimal(5), ">"), five) is False
    assert is_at_most(compared(Decimal(5), ">"), five) is False
    assert is_at_most(compared(Decimal(5), ">="), five) is None
    assert all_of([True, None]) is None
    assert all_of([None, False]) is False
    assert any_of([False, None]) is None
    assert any_of([None, True]) is True


def test_bounds_that_could_only_matter_to_lymphopenia_do_not_hold() -> None:
    vague = measurement("LYMPH", "0.8", draw_day(), comparator="<")
    assert judge(chart(draws=(*panel(draw_day()), vague))).action is Action.PROCEED


@pytest.mark.parametrize(
    ("analyte", "more", "lacking", "rule"),
    [("BILI", {"high": None}, "BILI", "EV-UNUSABLE"), ("ALB", {"value": Decimal(28)}, "PTR", "EV-MISSING")],
)
def test_a_floor_that_cannot_be_judged_holds_before_the_first_cycle(analyte, more, lacking, rule) -> None:
    drawn = tuple(replace(m, **more) if m.analyte == analyte else m for m in panel(draw_day()))
    found = replace(chart(given=0, draws=drawn, planned_on=draw_day()), measurements=drawn)
    answer = judge(found)
    assert answer.action is Action.HOLD
    assert [(gap.item, gap.rule) for gap in answer.missing] == [(lacking, rule)]


def test_an_enzyme_without_limit_and_baseline_cannot_be_graded_and_holds() -> None:
    drawn = tuple(replace(m, high=None) if m.analyte == "ALT" else m for m in panel(draw_day()))
    found = chart(draws=drawn)
    kept = tuple(m for m in found.measurements if m.analyte != "ALT" or m.collected_on > last_day())
    answer = judge(replace(found, measurements=kept))
    assert answer.action is Action.HOLD
    line = next(line for line in answer.grades if line.analyte == "ALT")
    assert line.grade is None
    assert line.ungradable == "no baseline; no upper limit of normal"


def test_an_enzyme_at_its_limit_needs_no_baseline() -> None:
    found = chart(draws=panel(draw_day(), ALT="175"))
    kept = tuple(m for m in found.measurements if m.analyte != "ALT" or m.collected_on > last_day())
    assert judge(replace(found, measurements=kept)).action is Action.PROCEED


def test_a_hepatic_episode_stays_open_while_its_companion_is_not_measured_again() -> None:
    day = last_day() + timedelta(days=20)
    low = (measurement("ALB", "28", day), measurement("PTR", "60", day))
    answer = judge(chart(draws=(*low, *panel(draw_day(), ALB="33"))))
    assert answer.action is Action.DELAY
    reason = answer.strongest
    assert reason is not None
    assert "newest: Albumin 33 g/L on 27 April 2026" in reason.sentence


@pytest.mark.parametrize("steroids", [True, False])
def test_a_cycle_that_may_go_ahead_has_the_orders_of_the_protocol(steroids: bool) -> None:
    answer = judge(chart(draws=panel(draw_day()), peritoneal_or_mesenteric_disease=steroids))
    # The patient of these charts is beyond the ages of the pregnancy check.
    left = {"pregnancy_test"} | (set() if steroids else {"steroid_cover"})
    wanted = [row for row in PROTOCOL.orders if row.kind not in left]
    assert [line.kind for line in answer.order_set] == [row.kind for row in wanted]
    said = [(row, line) for row, line in zip(wanted, answer.order_set, strict=True)]
    assert all(line.items == row.items for row, line in said if row.kind != "lab_draws")
    assert judge(chart(draws=panel(draw_day(), PLT="60"))).order_set == ()


# ---------------------------------------- the window of the next administration


def told_of(answer: Recommendation, rule: str) -> list[Reason]:
    return [reason for reason in answer.reasons if reason.rule == rule]


@pytest.mark.parametrize(("days", "early"), [(48, True), (49, False)])
def test_the_window_opens_on_its_first_day(days: int, early: bool) -> None:
    planned = last_day() + timedelta(days=days)
    found = chart(draws=panel(draw_day() - timedelta(days=2)), planned_on=planned)
    reasons = told_of(recommend(chart=found, protocol=PROTOCOL, today=planned), "SCH-WINDOW")
    assert [(reason.action, reason.release, reason.release_on) for reason in reasons] == (
        [(Action.DELAY, "plan the cycle for 27 April 2026 to 11 May 2026", last_day() + timedelta(days=49))]
        if early
        else []
    )


def test_a_day_after_the_window_is_a_note_that_nothing_needs_to_end() -> None:
    found = chart(draws=panel(draw_day()), planned_on=last_day() + timedelta(days=63))
    assert told_of(judge(found), "SCH-WINDOW") == []
    (note,) = told_of(judge(replace(found, planned_on=last_day() + timedelta(days=64))), "SCH-WINDOW")
    assert note.sentence == (
        "The planned day lies after 11 May 2026, the last day of the window after cycle 2 of 9 March 2026."
    )
    assert (note.action, note.release, note.release_on) == (Action.PROCEED, "", None)
    assert note.threshold == "27 April 2026 to 11 May 2026"
    assert note.source == str(PROTOCOL.schedule.window_source)
    assert [(c.test, c.value, c.limit, c.met) for c in note.comparisons] == [
        ("below", "64", "49", False),
        ("above", "64", "63", True),
    ]


# ---------------------------------------- what is lacking


def test_things_lacking_for_different_causes_stand_side_by_side_in_one_sentence() -> None:
    drawn = tuple(m for m in panel(draw_day()) if m.analyte != "PLT")
    (reason,) = told_of(judge(chart(draws=drawn, birth_date=None, sex=None)), "EV-MISSING")
    assert reason.sentence == (
        "Platelets: no usable result since cycle 2 of 9 March 2026, and it must not be older than 14 days; "
        "Birth date, Sex: it is not known (DM-REN)."
    )
    assert reason.release == (
        "collect Platelets, not before 20 April 2026; record the birth date; record the sex the formula needs"
    )
    assert reason.release_on == draw_day()
    assert reason.threshold == "usable evidence for the day of treatment"
    row, family = PROTOCOL.lab("PLT"), next(f for f in PROTOCOL.families if f.id == "DM-REN")
    assert row is not None
    assert reason.source == f"{row.source}; {family.source}"


def test_evidence_that_is_not_required_is_a_note_that_nothing_needs_to_end() -> None:
    vague = measurement("GGT", "230", draw_day(), high=None)
    answer = judge(chart(draws=(*panel(draw_day()), vague)))
    (note,) = told_of(answer, "EV-UNUSABLE")
    assert note.sentence == (
        "Gamma-glutamyl transferase: the result came without its upper limit of normal (DM-OTH)."
    )
    assert (note.action, note.release, note.release_on) == (Action.PROCEED, "", None)
    assert (answer.action, answer.missing) == (Action.PROCEED, ())


def test_a_note_beside_evidence_that_is_not_yet_due_does_not_end_the_waiting() -> None:
    event = AdverseEvent(term="Fatigue", grade=3, began_on=FIRST - timedelta(days=30))
    answer = judge(chart(draws=(), adverse_events=(event,)), days=-3)
    assert [reason.action for reason in told_of(answer, "DM-OTH")] == [Action.PROCEED]
    assert (answer.awaiting_labs, answer.labs_due) == (True, draw_day())


def test_a_note_of_what_is_required_and_not_yet_due_leaves_it_its_day() -> None:
    """The floor only notes that potassium came without its limit; a new one is wanted by 2 May anyway."""
    source = PROTOCOL.schedule.source
    row = LabRow(analyte="K", always=True, validity_days=5, due_days_before=2, source=source)
    old = measurement("K", "4.2", draw_day(), high=None)
    newest = measurement("K", "4.2", draw_day() + timedelta(days=3), status=Status.PRELIMINARY)
    found = chart(draws=(*panel(draw_day()), old, newest))
    protocol = replace(PROTOCOL, labs=(*PROTOCOL.labs, row))
    answer = recommend(chart=found, protocol=protocol, today=draw_day() + timedelta(days=4))
    (gap,) = answer.missing
    assert (gap.item, gap.rule, gap.due_on) == ("K", "EV-UNUSABLE", draw_day() + timedelta(days=5))
    assert (answer.awaiting_labs, answer.labs_due) == (True, gap.due_on)
