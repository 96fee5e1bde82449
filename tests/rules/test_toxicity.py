"""What earlier draws left unknown: what could still matter of them is asked for, and nothing else."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from courses import library
from courses.rules.attributions import Spoken
from courses.rules.derived import Case, Moment
from courses.rules.evidence import read_history
from courses.rules.facts import Attribution, ManualGrade, OccurrenceReview
from courses.rules.judging import Judged
from courses.rules.recommend import recommend
from courses.rules.toxicity import (
    Episode,
    events,
    family_of,
    follow,
    held_against,
    reported,
    unless_attributed,
)
from courses.rules.tracks import Finding
from courses.rules.values import Action, AdverseEvent, Measurement, Recommendation
from tests.strategies import BASELINE_DAY, FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
EARLY = FIRST + timedelta(days=20)
LATER = last_day() + timedelta(days=20)


def judge(*draws: Measurement) -> Recommendation:
    return recommend(chart=chart(draws=(*draws, *panel(draw_day()))), protocol=PROTOCOL, today=draw_day())


def vague() -> Measurement:
    """Platelets in the interval after cycle 1 that may have been a toxicity."""
    return measurement("PLT", "100", EARLY, comparator="<")


def asked(answer: Recommendation) -> list[tuple[str, str]]:
    return [(gap.item, gap.rule) for gap in answer.missing]


def test_a_result_that_may_have_been_a_toxicity_before_the_last_cycle_still_holds() -> None:
    answer = judge(vague())
    assert asked(answer) == [("PLT", "EV-UNUSABLE")]
    assert answer.missing[0].resolve == (
        "have the laboratory correct Platelets of 1 February 2026 so that it gives a number, or have two "
        "people mark the result it belongs to as not representative"
    )


def test_beside_a_toxicity_known_of_the_same_interval_it_changes_nothing() -> None:
    known = measurement("PLT", "60", EARLY + timedelta(days=3))
    back = measurement("PLT", "220", EARLY + timedelta(days=9))
    answer = judge(vague(), known, back)
    assert (answer.action, asked(answer)) == (Action.REDUCE, [])


def test_beside_a_toxicity_of_a_later_interval_it_may_have_been_the_first_one() -> None:
    answer = judge(vague(), measurement("PLT", "60", LATER))
    assert asked(answer) == [("PLT", "EV-UNUSABLE")]


def test_what_the_laboratory_cannot_supply_any_more_is_not_asked_for_after_the_next_cycle() -> None:
    assert asked(judge(measurement("ALB", "28", EARLY))) == []
    assert asked(judge(measurement("ALB", "28", LATER))) == [("PTR", "EV-MISSING")]


@pytest.mark.parametrize("day", [EARLY, LATER])
def test_a_result_that_is_not_always_needed_is_told_but_holds_nothing_without_its_limit(day) -> None:
    usual = measurement("GGT", "30", BASELINE_DAY)
    bare = [replace(measurement("GGT", "900", day + timedelta(days=n)), high=None) for n in (0, 2)]
    answer = judge(usual, *bare)
    assert (answer.action, asked(answer)) == (Action.PROCEED, [])
    notes = [reason.sentence for reason in answer.reasons if reason.rule == "EV-UNUSABLE"]
    assert bool(notes) is (day == LATER)


# ---------------------------------------- a recovery that did not last


def test_a_recovery_that_is_lost_again_before_the_next_cycle_delays_though_nothing_triggers() -> None:
    """Creatinine of 98 triggers, up to 84 or to 77 (baseline and 10 %) it is back, and 90 is neither."""
    draws = [measurement("CREAT", value, LATER + timedelta(days=n)) for n, value in ((0, "98"), (7, "70"))]
    found = chart(draws=(*draws, *panel(draw_day(), CREAT="90")))
    reason = recommend(chart=found, protocol=PROTOCOL, today=draw_day()).strongest
    assert reason is not None
    assert (reason.action, reason.rule) == (Action.DELAY, "DM-REN")
    assert reason.sentence.startswith(
        "Creatinine 98 µmol/L on 29 March 2026 (newest: Creatinine 90 µmol/L on 27 April 2026), "
    )
    assert judge(*draws).action is Action.REDUCE


def test_after_the_next_cycle_only_a_new_trigger_opens_a_toxicity_again() -> None:
    draws = [measurement("CREAT", value, EARLY + timedelta(days=n)) for n, value in ((0, "98"), (7, "70"))]
    found = chart(draws=(*draws, *panel(draw_day(), CREAT="90")))
    assert recommend(chart=found, protocol=PROTOCOL, today=draw_day()).action is Action.REDUCE


def case_of(*reports: AdverseEvent) -> Case:
    found = chart(adverse_events=reports)
    return Case(chart=found, history=read_history(found), protocol=PROTOCOL)


def test_a_reported_event_is_an_episode_of_its_day_alone() -> None:
    fatigue = AdverseEvent(term="Fatigue", grade=3, began_on=LATER, ended_on=LATER + timedelta(days=4))
    [found] = reported(case_of(fatigue))
    assert (found.family.id, found.track, found.criterion, found.grade) == ("DM-OTH", "fatigue", None, 3)
    assert (found.interval, found.onset, found.latest, found.resolved_on) == (
        2,
        LATER,
        LATER,
        LATER + timedelta(days=4),
    )
    assert found.worst == found.newest
    assert (found.newest.day, found.newest.interval, dict(found.newest.samples)) == (LATER, 2, {})
    assert found.event is fatigue


def test_an_event_that_cannot_act_hides_no_later_one() -> None:
    mild = AdverseEvent(term="Fatigue", grade=2, began_on=EARLY)
    other = AdverseEvent(term="Fatigue", grade=3, began_on=EARLY + timedelta(days=1), related=False)
    death = AdverseEvent(term="Fatigue", grade=5, began_on=EARLY + timedelta(days=2), related=False)
    acts = AdverseEvent(term="Thrombocytopenia", grade=2, began_on=LATER, related=False)
    found = list(reported(case_of(acts, death, other, mild)))
    assert [episode.event for episode in found] == [death, acts]


@pytest.mark.parametrize("related", [None, True, False])
@pytest.mark.parametrize(
    ("term", "rule", "whatever"),
    [
        ("Anaphylaxis", "DM-HSR", True),
        ("Thrombocytopenia", "DM-PLT", True),
        ("Anaemia", "DM-HEM", True),
        ("Acute kidney injury", "DM-REN", True),
        ("Hepatic failure", "DM-HEP", True),
        ("Hypokalaemia", "DM-OTH", False),
        ("Pneumonia", "DM-OTH", False),
    ],
)
def test_only_among_all_other_events_another_cause_keeps_one_from_acting(
    term: str, rule: str, whatever: bool, related: bool | None
) -> None:
    found = list(reported(case_of(AdverseEvent(term=term, grade=3, began_on=LATER, related=related))))
    assert [episode.family.id for episode in found] == ([rule] if whatever or related is not False else [])


def test_a_name_with_a_stem_of_two_rows_belongs_to_the_stricter_one() -> None:
    stems = {"DM-HEM": ("anaem", "bleed"), "DM-HSR": ("allerg",), "DM-PLT": ("bleeding",)}
    families = tuple(replace(f, reported_stems=stems.get(f.id, ())) for f in PROTOCOL.families)
    for listed in (families, families[::-1]):
        case = replace(case_of(), protocol=replace(PROTOCOL, families=listed))
        placed = {
            term: (family.id if family else None, track)
            for term in ("Allergic anaemia", "Haemolytic anaemia", "ANAEMIA", "Allergy", "Nausea/vomiting")
            for family, track in [family_of(term, case)]
        }
        assert placed == {
            "Allergic anaemia": ("DM-HSR", "allergic anaemia"),
            "Haemolytic anaemia": ("DM-HEM", "haemolytic anaemia"),
            "ANAEMIA": ("DM-HEM", "Anemia"),
            "Allergy": ("DM-HSR", "Allergy"),
            "Nausea/vomiting": ("DM-OTH", "nausea vomiting"),
        }
        first = next(f.id for f in listed if f.id in ("DM-HEM", "DM-PLT"))
        [found] = [family_of("Bleeding gums", case)[0]]
        assert found is not None
        assert found.id == first


def test_without_a_row_for_all_other_events_an_unknown_name_belongs_to_none() -> None:
    named = tuple(f for f in PROTOCOL.families if not f.other_events)
    case = replace(case_of(), protocol=replace(PROTOCOL, families=named))
    assert family_of("Nausea", case) == (None, "nausea")


def test_events_are_told_once_and_oldest_first_however_they_are_listed() -> None:
    first = AdverseEvent(term="Fatigue", grade=3, began_on=EARLY)
    listed = [
        first,
        replace(first, ended_on=EARLY + timedelta(days=9)),
        replace(first, related=False),
        replace(first, related=True),
        replace(first, ref="event:2"),
        replace(first, grade=4),
        replace(first, term="Nausea"),
        replace(first, began_on=LATER),
    ]
    in_order = events(case_of(*listed))
    assert events(case_of(*reversed(listed), *listed)) == in_order
    assert len(in_order) == len(listed)
    assert [e.began_on for e in in_order] == sorted(e.began_on for e in listed)


def test_events_of_one_day_stand_in_the_order_of_their_end_their_relation_and_their_record() -> None:
    first = AdverseEvent(term="Fatigue", grade=3, began_on=EARLY)
    ends = [EARLY + timedelta(days=n) for n in range(1, 7)]
    assert [
        e.ended_on for e in events(case_of(*(replace(first, ended_on=end) for end in (None, *ends))))
    ] == [*ends, None]
    # Not related, unknown, related: as the words for them are ordered.
    relations: list[tuple[bool | None, str]] = [
        (related, f"event:{n}") for related in (False, None, True) for n in range(4)
    ]
    mixed = sorted(relations, key=lambda pair: pair[1])
    listed = events(case_of(*(replace(first, related=related, ref=ref) for related, ref in mixed)))
    assert [(e.related, e.ref) for e in listed] == relations


def test_a_dismissal_that_names_no_line_leaves_two_lines_of_one_day_standing() -> None:
    low = panel(LATER, HGB="75", ANC="0.8")
    review = OccurrenceReview(
        rule="DM-HEM", onset=LATER, counts=False, by="Dr A", reason="clotted", on=draw_day()
    )
    found = chart(draws=(*low, *panel(draw_day())), occurrence_reviews=(review,))
    assert recommend(chart=found, protocol=PROTOCOL, today=draw_day()).action is Action.REDUCE
    alone = chart(draws=(*panel(LATER, HGB="75"), *panel(draw_day())), occurrence_reviews=(review,))
    assert recommend(chart=alone, protocol=PROTOCOL, today=draw_day()).action is Action.PROCEED


def episodes_of(*draws: Measurement, **more: Any) -> list[Episode]:
    found = chart(draws=draws, **more)
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL, judged_for=draw_day())
    return list(follow(case).episodes)


def test_an_episode_carries_the_person_s_grade_it_became_worse_by() -> None:
    said = ManualGrade(
        term="Platelet count decreased",
        grade=3,
        on=LATER + timedelta(days=7),
        by="Dr A",
        reason="petechiae",
        ref="grade:1",
    )
    draws = [measurement("PLT", "60", LATER + timedelta(days=n)) for n in (0, 7)]
    [episode] = episodes_of(*draws, manual_grades=(said,))
    assert (episode.grade, episode.worst.day, episode.manual) == (3, said.on, said)
    [plain] = episodes_of(*draws)
    assert (plain.grade, plain.worst.day, plain.manual) == (2, LATER, None)
    worse = measurement("PLT", "20", LATER + timedelta(days=14))
    [deeper] = episodes_of(*draws, worse, manual_grades=(said,))
    assert (deeper.grade, deeper.worst.day, deeper.manual) == (4, worse.collected_on, None)


def test_a_trigger_after_a_recovery_in_the_same_interval_opens_the_same_episode_again() -> None:
    draws = [
        measurement("PLT", value, LATER + timedelta(days=7 * n))
        for n, value in enumerate(("60", "220", "70"))
    ]
    [over] = episodes_of(*draws[:2])
    assert (over.resolved_on, over.latest) == (LATER + timedelta(days=7), LATER)
    [again] = episodes_of(*draws)
    assert (again.onset, again.resolved_on) == (LATER, None)
    assert (again.latest, again.worst.day) == (LATER + timedelta(days=14), LATER)


def finding(triggered: bool | None, worst_grade: int | None) -> Finding:
    return Finding(
        triggered=Judged(triggered), resolved=Judged(True), weighty=True, grade=None, worst_grade=worst_grade
    )


def test_an_attribution_silences_a_graded_finding_and_shows_no_recovery() -> None:
    by = Attribution(
        term="Alanine aminotransferase increased",
        grade=3,
        on=LATER,
        related=False,
        by="Dr A",
        reason="metastases",
    )
    spoken, moment = Spoken(attributions=(by,)), Moment(day=LATER, interval=2, samples={})
    for triggered in (True, None):
        found = unless_attributed(finding(triggered, 3), moment, spoken)
        assert (found.triggered, found.resolved) == (Judged(False), Judged(None))
        assert found.excused_by is by
    # A finding without a grade is no graded term; one that does not trigger, or is worse, needs no excuse.
    for spared in (finding(True, None), finding(False, None), finding(False, 2), finding(True, 4)):
        assert unless_attributed(spared, moment, spoken) is spared


# ---------------------------------------- attributions given in advance


def test_words_are_held_against_graded_findings_alone() -> None:
    family = next(f for f in PROTOCOL.families if f.other_events)
    word = Attribution(term=LOW_K, grade=3, on=EARLY, related=False, by="Dr A", reason="diarrhoea")
    spoken, moment = Spoken(attributions=(word,)), Moment(day=EARLY, interval=1, samples={})
    graded = replace(finding(True, 3), grade=3)
    assert held_against(spoken, graded, moment, family).stood == ((EARLY, None),)
    assert held_against(spoken, replace(graded, worst_grade=2), moment, family).stood == ()
    for bounds in (finding(True, None), finding(True, 3), replace(graded, worst_grade=None)):
        assert held_against(spoken, bounds, moment, family) is spoken
    silent = Spoken()
    assert held_against(silent, graded, moment, family) is silent


def test_a_criterion_of_bounds_heeds_no_word_even_beside_all_other_events() -> None:
    families = tuple(
        replace(f, other_events=f.id == "DM-REN") if f.id in ("DM-REN", "DM-OTH") else f
        for f in PROTOCOL.families
    )
    found = chart(draws=panel(LATER, CREAT="98"))
    case = Case(chart=found, history=read_history(found), protocol=replace(PROTOCOL, families=families))
    assert [episode.family.id for episode in follow(case).episodes] == ["DM-REN"]


LOW_K = "Hypokalemia"


def potassium(value: str, day: date, **more: Any) -> Measurement:
    return measurement("K", value, day, **more)


def excused_on(*draws: Measurement, said_on: date, grade: int = 3) -> list[date]:
    """The days of the findings that a word on low potassium, given on a day, keeps from acting."""
    word = Attribution(
        term=LOW_K, grade=grade, on=said_on, related=False, by="Dr A", reason="diarrhoea", ref="word:1"
    )
    found = chart(draws=(potassium("4", BASELINE_DAY, baseline=True), *draws), attributions=(word,))
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL, judged_for=draw_day())
    return [excused.moment.day for excused in follow(case).excused if excused.track.name == LOW_K]


def test_a_word_covers_a_finding_that_was_there_when_it_was_given_and_none_that_came_later() -> None:
    low, later = potassium("2.8", EARLY), potassium("2.8", LATER)
    assert excused_on(low, later, said_on=EARLY) == [EARLY, LATER]
    assert excused_on(low, later, said_on=EARLY + timedelta(days=1)) == [LATER]
    assert excused_on(low, later, said_on=EARLY - timedelta(days=1)) == []
    usual = potassium("4", EARLY + timedelta(days=2))
    assert excused_on(low, usual, later, said_on=EARLY + timedelta(days=2)) == []
    assert excused_on(low, usual, later, said_on=EARLY + timedelta(days=3)) == []


def test_a_word_on_what_was_there_before_the_first_cycle_stands() -> None:
    """Drawn on the morning of the first cycle, after a normal baseline; said on the next day."""
    morning, later = potassium("2.8", FIRST), potassium("2.8", EARLY)
    next_day = FIRST + timedelta(days=1)
    assert excused_on(morning, later, said_on=next_day) == [EARLY]
    assert excused_on(potassium("4", FIRST), later, said_on=next_day) == []
    # Worse when the word was given than what the word covers.
    assert excused_on(potassium("2.2", FIRST), later, said_on=next_day) == []
