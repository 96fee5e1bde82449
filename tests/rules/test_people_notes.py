"""What people said of findings is told again, word for word, with what it changes and what it does not."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from courses import library
from courses.rules.facts import Attribution, ManualGrade, OccurrenceReview
from courses.rules.recommend import recommend
from courses.rules.values import Action, AdverseEvent, Chart, Reason, Recommendation
from tests.strategies import FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
ALT, AST = "Alanine aminotransferase increased", "Aspartate aminotransferase increased"
INTERIM = last_day() + timedelta(days=30)


def judge(found: Chart) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=draw_day())


def notes(answer: Recommendation, rule: str) -> list[Reason]:
    return [r for r in answer.reasons if r.rule == rule and r.action is Action.PROCEED]


def said(on: date, *, term: str = ALT, grade: int = 3, related: bool = False, ref: str = "") -> Attribution:
    return Attribution(
        term=term, grade=grade, on=on, related=related, by="Dr. Weber", reason="hepatitis A", ref=ref
    )


# ---------------------------------------- attributions


@pytest.mark.parametrize(("related", "relation"), [(True, "related"), (False, "not related")])
def test_an_attribution_of_a_term_no_result_is_graded_by_belongs_on_its_event(
    related: bool, relation: str
) -> None:
    word = said(draw_day(), term="Nausea", related=related, ref="fact-1")
    (note,) = notes(judge(chart(draws=panel(draw_day()), attributions=(word,))), "DM-OTH")
    assert note.sentence == (
        f"Nausea: recorded as {relation} to the treatment up to grade 3 from 27 April 2026 by Dr. Weber "
        "(hepatitis A): results are not followed by this term; record the relation on the adverse event "
        "itself."
    )
    assert [(e.name, e.value, e.on, e.ref) for e in note.evidence] == [
        ("Nausea, Dr. Weber: hepatitis A", relation, draw_day(), "fact-1")
    ]


def test_an_attribution_under_a_rule_that_asks_no_cause_excuses_nothing() -> None:
    word = said(FIRST, term="Thrombocytopenia")
    answer = judge(chart(draws=panel(draw_day(), PLT="60"), attributions=(word,)))
    assert answer.action is Action.DELAY
    (note,) = notes(answer, "DM-PLT")
    assert note.sentence == (
        "Thrombocytopenia: recorded as not related to the treatment up to grade 3 from 12 January 2026 by "
        "Dr. Weber (hepatitis A): an attribution excuses nothing under DM-PLT."
    )


@pytest.mark.parametrize("term", ["Anaphylaxis", "Creatinine increased", "Anaphylactoid reaction"])
@pytest.mark.parametrize("days", [-1, 0])
def test_an_attribution_of_an_event_of_a_named_rule_sends_nobody_to_the_event(term: str, days: int) -> None:
    word = said(FIRST + timedelta(days=days), term=term)
    answer = judge(chart(draws=panel(draw_day()), attributions=(word,)))
    [told] = [r.sentence for r in answer.reasons if r.sentence.startswith(f"{term}: recorded as not related")]
    rule = "DM-REN" if term == "Creatinine increased" else "DM-HSR"
    assert told.endswith(f"(hepatitis A): an attribution excuses nothing under {rule}.")


@pytest.mark.parametrize(
    ("related", "value", "told"),
    [
        (False, "200", True),
        # Nothing came later, or nothing would have been excused.
        (False, "20", False),
        (True, "200", False),
    ],
)
def test_a_word_given_in_advance_is_said_to_excuse_nothing_that_came_later(
    related: bool, value: str, told: bool
) -> None:
    word = said(INTERIM, related=related)
    answer = judge(chart(draws=(*panel(INTERIM), *panel(draw_day(), ALT=value)), attributions=(word,)))
    found = [note.sentence.partition("(hepatitis A): ")[2] for note in notes(answer, "DM-OTH")]
    advance = "it was given while no finding was there, so it excuses none that came later."
    assert found == ([advance] if told else [])


@pytest.mark.parametrize(("days", "early"), [(-1, True), (0, False)])
def test_an_attribution_from_before_the_first_cycle_is_said_to_excuse_nothing(days: int, early: bool) -> None:
    word = said(FIRST + timedelta(days=days))
    found = notes(judge(chart(draws=panel(draw_day()), attributions=(word,))), "DM-OTH")
    assert [note.sentence.partition("(hepatitis A): ")[2] for note in found] == (
        ["it was given before the first cycle, so it excuses nothing of this treatment."] if early else []
    )


def test_an_attribution_is_told_before_any_cycle_was_given() -> None:
    word = said(draw_day(), term="Thrombocytopenia")
    answer = judge(chart(given=0, draws=panel(draw_day()), attributions=(word,)))
    assert "excuses nothing under DM-PLT" in notes(answer, "DM-PLT")[0].sentence
    quiet = judge(chart(given=0, draws=panel(draw_day()), attributions=(said(draw_day()),)))
    assert [r.sentence for r in quiet.reasons if "hepatitis A" in r.sentence] == []
    assert not any(r.rule == "SYS-FAULT" for r in quiet.reasons)


def test_each_attribution_tells_of_the_findings_it_covers_itself_and_of_no_other() -> None:
    days = [INTERIM, INTERIM + timedelta(days=4), INTERIM + timedelta(days=8)]
    draws = [measurement("ALT", value, day) for value, day in zip(("200", "800", "300"), days, strict=True)]
    first, second = said(days[0], ref="first"), said(days[2], ref="second")
    other = said(days[0], term=AST, ref="other")
    draws += [measurement("AST", "200", days[0]), *panel(draw_day())]
    answer = judge(chart(draws=tuple(draws), attributions=(first, second, other)))
    told = {
        note.evidence[0].ref: note.sentence.partition("(hepatitis A): ")[2]
        for note in notes(answer, "DM-OTH")
        if "hepatitis A" in note.evidence[0].name
    }
    assert told == {
        "first": "grade 3 on 8 April 2026 does not act; it ended with a worse finding, and findings act "
        "again until a new attribution.",
        "second": "grade 3 on 16 April 2026 does not act; its finding has gone, and a new one needs a new "
        "attribution.",
        "other": "grade 3 on 8 April 2026 does not act; its finding has gone, and a new one needs a new "
        "attribution.",
    }


# ---------------------------------------- grades given by people


def by_hand(term: str, grade: int) -> ManualGrade:
    return ManualGrade(term=term, grade=grade, on=INTERIM, by="Dr. Weber", reason="seen")


@pytest.mark.parametrize(
    ("change", "attached"),
    [
        ({}, True),
        ({"ended_on": INTERIM}, True),
        ({"grade": 4, "began_on": INTERIM - timedelta(days=9), "ended_on": None}, True),
        ({"began_on": INTERIM - timedelta(days=9), "ended_on": INTERIM - timedelta(days=1)}, False),
        ({"began_on": INTERIM + timedelta(days=1)}, False),
        ({"grade": 2}, False),
        ({"term": "Nausea"}, False),
    ],
)
def test_a_grade_of_a_person_belongs_to_an_event_of_its_kind_its_day_and_at_least_its_grade(
    change: dict, attached: bool
) -> None:
    plain = AdverseEvent(
        term="Fatigue", grade=3, began_on=INTERIM, ended_on=INTERIM + timedelta(days=5), related=False
    )
    event = replace(plain, **change)
    found = chart(draws=panel(draw_day()), adverse_events=(event,), manual_grades=(by_hand("fatigue", 3),))
    assert [gap.item for gap in judge(found).missing] == ([] if attached else ["fatigue"])


def test_a_milder_grade_of_a_person_hides_no_worse_one_listed_after_it() -> None:
    grades = (by_hand("fatigue", 2), by_hand("nausea", 3))
    found = chart(draws=panel(draw_day()), manual_grades=grades)
    assert [gap.item for gap in judge(found).missing] == ["nausea"]


# ---------------------------------------- reviews of occurrences


def review(onset: date, on: date | None, *, rule: str = "DM-PLT") -> OccurrenceReview:
    return OccurrenceReview(rule=rule, onset=onset, counts=False, by="Dr. Weber", reason="clot", on=on)


def test_reviews_that_differ_in_their_day_alone_are_told_in_the_order_of_their_days() -> None:
    draws = (measurement("PLT", "60", INTERIM), *panel(draw_day()))
    pair = (review(INTERIM, INTERIM), review(INTERIM, INTERIM + timedelta(days=1)))
    for listed in (pair, pair[::-1]):
        answer = judge(chart(draws=draws, occurrence_reviews=listed))
        days = [note.evidence[0].on for note in notes(answer, "DM-PLT") if "Dr. Weber" in note.sentence]
        assert days == [INTERIM, INTERIM + timedelta(days=1)]


@pytest.mark.parametrize("given", [1, 2, 3])
def test_a_dismissal_of_what_the_next_cycle_had_to_wait_for_says_that_it_counts(given: int) -> None:
    """Low after the given cycle, and back only after the window of the next one has closed."""
    onset = last_day(given) + timedelta(days=40)
    back = last_day(given) + timedelta(days=70)
    found = chart(
        given=given,
        draws=(measurement("PLT", "60", onset), *panel(back)),
        planned_on=back + timedelta(days=3),
        occurrence_reviews=(review(onset, back),),
    )
    answer = recommend(chart=found, protocol=PROTOCOL, today=back)
    assert answer.action is Action.REDUCE
    (note,) = notes(answer, "DM-PLT")
    assert note.sentence.endswith(
        "dismissed by Dr. Weber (clot), but the next cycle had to wait for it, so it counts."
    )


def test_a_dismissal_of_what_has_not_resolved_says_until_when_it_should_have() -> None:
    found = chart(draws=panel(draw_day(), PLT="60"), occurrence_reviews=(review(draw_day(), draw_day()),))
    (note,) = notes(judge(found), "DM-PLT")
    assert note.sentence.endswith(
        "dismissed by Dr. Weber (clot), but it was not resolved by 4 May 2026, so it counts."
    )
