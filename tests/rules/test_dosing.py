"""What families say of events that people reported: those that act, and those that are told only."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from courses import library
from courses.rules.recommend import recommend
from courses.rules.values import Action, AdverseEvent, Occurrence, Recommendation
from tests.strategies import FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")


def judge(*events: AdverseEvent) -> Recommendation:
    found = chart(draws=panel(draw_day()), adverse_events=events)
    return recommend(chart=found, protocol=PROTOCOL, today=draw_day())


def event(term: str, grade: int, on: date, **more: Any) -> AdverseEvent:
    return replace(AdverseEvent(term=term, grade=grade, began_on=on), **more)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            event("Lymphopenia", 4, last_day()),
            "Lymphopenia grade 4 from 9 March 2026: this alone never changes the treatment.",
        ),
        (
            event("Fatigue", 3, FIRST - timedelta(days=1)),
            "Fatigue grade 3 from 11 January 2026: it began before the first cycle, so it is no toxicity of "
            "this treatment.",
        ),
        (
            event("Fatigue", 3, last_day(), related=False),
            "Fatigue grade 3 from 9 March 2026: recorded as not related to the treatment, so it does not "
            "act.",
        ),
        (
            event("Angioedema", 2, last_day()),
            "Angioedema grade 2 from 9 March 2026: premedicate before the next cycle.",
        ),
    ],
)
def test_an_event_that_does_not_act_is_told_with_the_reason(found: AdverseEvent, sentence: str) -> None:
    answer = judge(found)
    assert answer.action is Action.PROCEED
    assert sentence in [reason.sentence for reason in answer.reasons]


def test_a_note_on_an_event_names_its_rule_threshold_source_and_the_event() -> None:
    answer = judge(
        event("Angioedema", 2, last_day(), ref="event:7"), event("Fatigue", 3, last_day(), related=False)
    )
    rules = {family.id: family for family in PROTOCOL.families}
    for term, grade, ref in (("Angioedema", 2, "event:7"), ("Fatigue", 3, "")):
        [note] = [r for r in answer.reasons if r.sentence.startswith(f"{term} grade")]
        family = rules[note.rule]
        assert term in (*family.terms, *family.reported_terms) or family.other_events
        assert note.threshold == f"grade {family.trigger_grade} or worse"
        assert note.source == str(family.source)
        [evidence] = note.evidence
        assert (evidence.name, evidence.ref, evidence.on) == (term, ref, last_day())
        assert str(grade) in evidence.value


def test_the_worst_of_a_rising_quantity_is_a_peak_and_of_a_falling_one_a_nadir() -> None:
    rising = (
        *panel(last_day() + timedelta(days=20), BILI="70"),
        *panel(last_day() + timedelta(days=27), BILI="90"),
        *panel(draw_day(), BILI="90"),
    )
    told = recommend(chart=chart(draws=rising), protocol=PROTOCOL, today=draw_day())
    assert "began on 29 March 2026, peak on 5 April 2026" in str([r.sentence for r in told.reasons])
    falling = (
        *panel(last_day() + timedelta(days=20), PLT="70"),
        *panel(last_day() + timedelta(days=27), PLT="60"),
        *panel(draw_day(), PLT="70"),
    )
    told = recommend(chart=chart(draws=falling), protocol=PROTOCOL, today=draw_day())
    assert "began on 29 March 2026, nadir on 5 April 2026" in str([r.sentence for r in told.reasons])


def test_a_toxicity_names_the_hospital_of_the_cycle_before_it_and_of_no_other() -> None:
    usual = chart(draws=(*panel(last_day() + timedelta(days=20), PLT="60"), *panel(draw_day(), PLT="60")))
    first, second = usual.cycles
    for cycles, named in (
        ((first, replace(second, elsewhere="St Anna")), True),
        ((replace(first, elsewhere="St Anna"), second), False),
    ):
        told = recommend(chart=replace(usual, cycles=cycles), protocol=PROTOCOL, today=draw_day())
        [reason] = [r for r in told.reasons if r.rule == "DM-PLT"]
        assert ("after cycle 2 at St Anna, 9 March 2026" in reason.sentence) is named


@pytest.mark.parametrize("related", [None, True])
def test_a_death_stops_whatever_its_rule(related: bool | None) -> None:
    answer = judge(event("Thrombocytopenia", 5, last_day(), related=related))
    [stop] = [r for r in answer.reasons if r.action is Action.STOP]
    assert stop.rule == "DM-PLT"
    assert stop.sentence.endswith("grade 5 is death: stop permanently.")
    assert stop.occurrence is Occurrence.FIRST
    assert stop.evidence


def test_what_never_acts_says_so_of_each_of_its_episodes() -> None:
    told = [r.sentence for r in judge(event("Lymphopenia", 4, last_day())).reasons]
    assert told == ["Lymphopenia grade 4 from 9 March 2026: this alone never changes the treatment."]


def test_a_recurrence_rests_on_both_occurrences() -> None:
    draws = (
        *panel(FIRST + timedelta(days=28), PLT="60"),
        *panel(FIRST + timedelta(days=42)),
        *panel(draw_day(), PLT="70"),
    )
    answer = recommend(chart=chart(draws=draws), protocol=PROTOCOL, today=draw_day())
    [stop] = [r for r in answer.reasons if r.action is Action.STOP]
    assert stop.occurrence is Occurrence.RECURRENT
    assert [(e.value, e.on) for e in stop.evidence if e.name.startswith("Platelet")] == [
        ("60", FIRST + timedelta(days=28)),
        ("220", FIRST + timedelta(days=42)),
        ("70", draw_day()),
    ]


def test_a_milder_event_of_a_rule_without_a_word_for_it_is_not_told() -> None:
    assert not any("Fatigue" in reason.sentence for reason in judge(event("Fatigue", 2, last_day())).reasons)


def test_an_event_of_the_day_of_the_first_cycle_came_after_it() -> None:
    answer = judge(event("Fatigue", 3, FIRST, ended_on=FIRST + timedelta(days=5)))
    assert answer.action is Action.REDUCE
    assert "before the first cycle" not in " ".join(reason.sentence for reason in answer.reasons)


@pytest.mark.parametrize(("days", "stops"), [(111, False), (112, True)])
def test_a_toxicity_carried_over_a_cycle_stops_at_the_limit_after_that_cycle(days: int, stops: bool) -> None:
    """Low after cycle 1, not back before cycle 2 was given, and back so many days after it."""
    low = measurement("PLT", "60", FIRST + timedelta(days=40))
    back = last_day() + timedelta(days=days)
    found = chart(draws=(low, *panel(back)), planned_on=back + timedelta(days=2))
    answer = recommend(chart=found, protocol=PROTOCOL, today=back)
    assert ("LIM-DELAY" in {reason.rule for reason in answer.reasons}) is stops


def test_an_event_that_began_and_ended_on_the_day_of_a_cycle_is_one_of_the_interval_after_it() -> None:
    answer = judge(event("Fatigue", 3, last_day(), ended_on=last_day()))
    assert answer.action is Action.REDUCE
