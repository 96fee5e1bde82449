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
            event("Fatigue", 3, FIRST - timedelta(days=1), related=False),
            "Fatigue grade 3 from 11 January 2026: recorded as not related to the treatment, so it does not "
            "act.",
        ),
        (
            event("Lymphopenia", 4, last_day(), related=False),
            "Lymphopenia grade 4 from 9 March 2026: this alone never changes the treatment.",
        ),
        (
            event("Anaemia", 3, FIRST - timedelta(days=1), related=False),
            "Anaemia grade 3 from 11 January 2026: it began before the first cycle, so it is no toxicity of "
            "this treatment.",
        ),
        (
            event("Angioedema", 2, last_day(), related=False),
            "Angioedema grade 2 from 9 March 2026: premedicate before the next cycle.",
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


@pytest.mark.parametrize(
    ("term", "action", "rule"),
    [("Anaphylaxis", Action.STOP, "DM-HSR"), ("Thrombocytopenia", Action.DELAY, "DM-PLT")],
)
@pytest.mark.parametrize("related", [None, True, False])
def test_an_event_of_a_named_rule_acts_whatever_its_cause_and_says_so(
    term: str, action: Action, rule: str, related: bool | None
) -> None:
    answer = judge(event(term, 4, last_day(), related=related))
    assert answer.action is action
    told = [r.sentence for r in answer.reasons if r.rule == rule and r.action is Action.PROCEED]
    note = f"recorded as not related to the treatment, which excuses nothing under {rule}."
    assert told == ([] if related is not False else [f"{term} grade 4 from 9 March 2026: {note}"])


@pytest.mark.parametrize("related", [None, True, False])
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


def sentences(answer: Recommendation, rule: str) -> list[str]:
    return [reason.sentence for reason in answer.reasons if reason.rule == rule]


def test_a_laboratory_finding_that_never_acts_says_so_and_nothing_more() -> None:
    draws = (*panel(draw_day()), measurement("LYMPH", "0.3", draw_day()))
    [told] = sentences(recommend(chart=chart(draws=draws), protocol=PROTOCOL, today=draw_day()), "DM-LYM")
    assert told.endswith("(grade 3): this alone never changes the treatment.")


def test_a_laboratory_finding_that_ends_the_treatment_at_once_shows_its_numbers() -> None:
    strict = replace(
        PROTOCOL,
        families=tuple(
            replace(f, on_first=Action.STOP) if f.id == "DM-PLT" else f for f in PROTOCOL.families
        ),
    )
    low = chart(draws=panel(draw_day(), PLT="60"))
    [stop] = [
        r for r in recommend(chart=low, protocol=strict, today=draw_day()).reasons if r.action is Action.STOP
    ]
    assert stop.sentence == (
        "Platelets 60 ×10^9/L on 27 April 2026, below 75 ×10^9/L (grade 2, first occurrence): stop "
        "permanently, do not treat again."
    )
    assert [(c.value, c.limit, c.met) for c in stop.comparisons][:1] == [("60", "75", True)]


def test_a_recurrence_outside_the_named_rules_says_how_it_is_related() -> None:
    draws = (
        *panel(FIRST + timedelta(days=20), ALT="300"),
        *panel(FIRST + timedelta(days=40)),
        *panel(draw_day(), ALT="300"),
    )
    answer = recommend(chart=chart(draws=draws), protocol=PROTOCOL, today=draw_day())
    [stop] = [r for r in answer.reasons if r.action is Action.STOP]
    assert (stop.rule, stop.occurrence) == ("DM-OTH", Occurrence.RECURRENT)
    assert "possibly related" in stop.sentence


def test_while_one_toxicity_of_a_rule_lasts_none_of_them_brings_the_full_activity_back() -> None:
    """Neutrophils were low after cycle 1 and are back; an anaemia of the same rule is not over."""
    usual = chart(draws=(measurement("ANC", "0.8", FIRST + timedelta(days=20)), *panel(draw_day())))
    back = panel(FIRST + timedelta(days=40))
    first, second = usual.cycles
    reduced = replace(
        usual,
        measurements=(*usual.measurements, *back),
        cycles=(first, replace(second, activity_gbq=PROTOCOL.schedule.reduced_activity_gbq)),
    )
    lasting = event("Anemia", 3, FIRST + timedelta(days=10))
    for events, told, action in (((), 1, Action.PROCEED), ((lasting,), 0, Action.DELAY)):
        answer = recommend(chart=replace(reduced, adverse_events=events), protocol=PROTOCOL, today=draw_day())
        assert answer.action is action
        assert sum("7.4 GBq again" in sentence for sentence in sentences(answer, "DM-HEM")) == told


def limit_answer(*draws: Any, given: int = 2, today: date) -> list[str]:
    """What the limit of a delay says today, after the last administration."""
    found = chart(given=given, draws=draws, planned_on=today + timedelta(days=3))
    return sentences(recommend(chart=found, protocol=PROTOCOL, today=today), "LIM-DELAY")


def test_every_toxicity_that_reaches_the_limit_is_named() -> None:
    today = last_day() + timedelta(days=112)
    lasting = panel(today - timedelta(days=60), PLT="60", HGB="75")
    told = limit_answer(*lasting, *panel(today, PLT="60", HGB="75"), today=today)
    assert [sentence.split()[0] for sentence in told] == ["Platelets", "Haemoglobin"]


@pytest.mark.parametrize(
    ("onset", "back", "stops"),
    [
        (111, 112, True),
        (112, 113, True),
        # It began after the limit day: it stops while it lasts, and no longer.
        (113, None, True),
        (113, 114, False),
    ],
)
def test_a_toxicity_of_the_limit_day_stops_though_it_is_over_and_one_of_the_next_day_does_not(
    onset: int, back: int | None, stops: bool
) -> None:
    low = panel(last_day() + timedelta(days=onset), PLT="60")
    normal = () if back is None else panel(last_day() + timedelta(days=back))
    told = limit_answer(*low, *normal, today=last_day() + timedelta(days=back or onset))
    assert bool(told) is stops


@pytest.mark.parametrize(("back", "stops"), [(-1, False), (0, False), (1, True), (2, True)])
def test_a_late_toxicity_that_outlasts_the_cycle_given_meanwhile_stops(back: int, stops: bool) -> None:
    """Cycle 2 came 120 days after cycle 1, five days after platelets fell; they are back so many days on."""
    second = FIRST + timedelta(days=120)
    usual = chart(
        draws=(
            *panel(second - timedelta(days=5), PLT="60"),
            *panel(second + timedelta(days=back)),
            *panel(second + timedelta(days=49)),
        ),
        planned_on=second + timedelta(days=56),
    )
    late = replace(usual, cycles=(usual.cycles[0], replace(usual.cycles[1], on=second)))
    answer = recommend(chart=late, protocol=PROTOCOL, today=second + timedelta(days=49))
    assert bool(sentences(answer, "LIM-DELAY")) is stops


def test_a_late_cycle_is_held_against_no_toxicity_that_came_after_it() -> None:
    second = FIRST + timedelta(days=120)
    usual = chart(
        draws=(*panel(second + timedelta(days=20), PLT="60"), *panel(second + timedelta(days=49))),
        planned_on=second + timedelta(days=56),
    )
    late = replace(usual, cycles=(usual.cycles[0], replace(usual.cycles[1], on=second)))
    answer = recommend(chart=late, protocol=PROTOCOL, today=second + timedelta(days=49))
    assert (answer.action, sentences(answer, "LIM-DELAY")) == (Action.REDUCE, [])


def test_only_the_occurrence_that_the_decision_rests_on_is_to_be_confirmed() -> None:
    """Platelets came twice and stop the course; haemoglobin was low once, between the cycles, and reduces."""
    low = panel(FIRST + timedelta(days=20), PLT="60", HGB="75")
    answer = recommend(
        chart=chart(draws=(*low, *panel(FIRST + timedelta(days=40)), *panel(draw_day(), PLT="60"))),
        protocol=PROTOCOL,
        today=draw_day(),
    )
    assert answer.action is Action.STOP
    assert [asked.rule for asked in answer.to_confirm] == ["DM-PLT"]
