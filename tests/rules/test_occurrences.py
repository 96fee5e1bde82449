"""Which occurrences count: those of two intervals, in the order of their days; what a dismissal covers."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from courses import library
from courses.rules.derived import Case, Moment
from courses.rules.evidence import read_history
from courses.rules.facts import OccurrenceReview
from courses.rules.occurrences import current, next_day, recurrence
from courses.rules.protocol import Protocol, RecurrenceBy
from courses.rules.recommend import recommend
from courses.rules.toxicity import Episode
from courses.rules.values import Action, AdverseEvent, Chart, Occurrence, Reason, Recommendation
from tests.strategies import FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
BY_TERM = replace(
    PROTOCOL, families=tuple(replace(f, recurrence_by=RecurrenceBy.TERM) for f in PROTOCOL.families)
)
INTERIM = last_day() + timedelta(days=30)


def judge(found: Chart) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=draw_day())


def strongest(answer: Recommendation) -> Reason:
    assert answer.strongest is not None
    return answer.strongest


def after_cycle_1(short: str, value: str, days: int) -> tuple:
    """A bad value so many days after cycle 1, and a normal one ten days later."""
    day = FIRST + timedelta(days=days)
    return (measurement(short, value, day), *panel(day + timedelta(days=10)))


@pytest.mark.parametrize(
    ("term", "short", "bad"),
    [("Acute kidney injury", "CREAT", "98"), ("Thrombocytopenia", "PLT", "40"), ("anemia", "HGB", "75")],
)
def test_what_was_measured_before_an_infusion_and_reported_after_it_on_one_day_came_twice(
    term: str, short: str, bad: str
) -> None:
    event = AdverseEvent(term=term, grade=3, began_on=last_day())
    draws = (measurement(short, bad, last_day()), *panel(draw_day()))
    answer = judge(chart(draws=draws, adverse_events=(event,)))
    assert (answer.action, strongest(answer).occurrence) == (Action.STOP, Occurrence.RECURRENT)
    assert strongest(answer).sentence.endswith(
        "it came again after treatment had resumed (first from 9 March 2026) with cycle 2 of 9 March 2026: "
        "stop permanently."
    )
    assert event.term in strongest(answer).sentence


def test_where_each_term_counts_for_itself_the_first_occurrence_named_is_one_of_the_same_term() -> None:
    first = (*after_cycle_1("ANC", "0.8", 20), *after_cycle_1("HGB", "75", 35))
    found = chart(draws=(*first, *panel(draw_day(), HGB="75")))
    for protocol, day in ((PROTOCOL, "1 February 2026"), (BY_TERM, "16 February 2026")):
        answer = recommend(chart=found, protocol=protocol, today=draw_day())
        assert answer.action is Action.STOP
        assert f"came again after treatment had resumed (first from {day})" in strongest(answer).sentence


def test_where_each_term_counts_for_itself_two_terms_of_one_family_are_no_recurrence() -> None:
    found = chart(draws=(*after_cycle_1("ANC", "0.8", 20), *panel(draw_day(), HGB="75")))
    assert judge(found).action is Action.STOP
    assert recommend(chart=found, protocol=BY_TERM, today=draw_day()).action is Action.DELAY


def dismissed(rule: str, onset: date, grade: int | None) -> OccurrenceReview:
    return OccurrenceReview(
        rule=rule, onset=onset, counts=False, by="Dr. Weber", reason="clot", grade=grade, on=draw_day()
    )


@pytest.mark.parametrize(
    ("short", "value", "grade", "action"),
    [
        ("PLT", "40", None, Action.PROCEED),
        ("PLT", "20", None, Action.REDUCE),
        ("PLT", "20", 4, Action.PROCEED),
        ("PLT", "40", 2, Action.REDUCE),
        ("CREAT", "98", None, Action.PROCEED),
        ("CREAT", "98", 1, Action.PROCEED),
    ],
)
def test_a_dismissal_covers_the_grade_that_was_looked_at_and_without_one_no_grade_4(
    short: str, value: str, grade: int | None, action: Action
) -> None:
    rule = "DM-PLT" if short == "PLT" else "DM-REN"
    draws = (measurement(short, value, INTERIM), *panel(draw_day()))
    found = chart(draws=draws, occurrence_reviews=(dismissed(rule, INTERIM, grade),))
    assert judge(found).action is action


@pytest.mark.parametrize(
    ("onset", "back", "covered"),
    [
        (62, 63, True),
        (63, 64, False),
        (64, 66, True),
        (110, 111, True),
        (111, 112, False),
        (112, 113, False),
        (113, 114, True),
    ],
)
@pytest.mark.parametrize("given", [1, 2])
def test_a_dismissal_covers_nothing_that_outlasted_the_window_or_reached_the_limit(
    given: int, onset: int, back: int, covered: bool
) -> None:
    """The window closes on day 63 after the last administration, the limit of a delay is day 112."""
    first, over = (last_day(given) + timedelta(days=days) for days in (onset, back))
    found = chart(
        given=given,
        draws=(measurement("PLT", "60", first), *panel(over)),
        planned_on=over + timedelta(days=3),
        occurrence_reviews=(replace(dismissed("DM-PLT", first, None), on=over),),
    )
    answer = recommend(chart=found, protocol=PROTOCOL, today=over)
    assert (answer.action is Action.PROCEED) is covered


def test_without_a_day_to_judge_for_the_next_cycle_is_due_on_its_nominal_day() -> None:
    found = chart()
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    assert [next_day(interval, case) - FIRST for interval in (1, 2)] == [timedelta(56), timedelta(112)]


@pytest.mark.parametrize("days_after_cycle_2", [-1, 0])
def test_what_had_gone_by_the_day_of_the_next_cycle_was_seen_only_between_cycles(
    days_after_cycle_2: int,
) -> None:
    first = measurement("PLT", "60", FIRST + timedelta(days=30))
    gone = panel(last_day() + timedelta(days=days_after_cycle_2))
    answer = judge(chart(draws=(first, *gone, *panel(draw_day(), PLT="60"))))
    assert answer.action is Action.STOP
    assert [(asked.rule, asked.onset) for asked in answer.to_confirm] == [
        ("DM-PLT", FIRST + timedelta(days=30))
    ]


def test_what_a_person_reported_between_cycles_needs_no_confirmation() -> None:
    event = AdverseEvent(
        term="Thrombocytopenia",
        grade=3,
        began_on=FIRST + timedelta(days=10),
        ended_on=FIRST + timedelta(days=20),
    )
    answer = judge(chart(draws=panel(draw_day(), PLT="60"), adverse_events=(event,)))
    assert (answer.action, answer.to_confirm) == (Action.STOP, ())


@pytest.mark.parametrize(
    ("ended", "told"),
    [(last_day() - timedelta(days=1), 0), (last_day(), 0), (last_day() + timedelta(days=9), 1)],
)
def test_what_never_acts_is_told_while_it_lasts_into_the_present_interval(ended: date, told: int) -> None:
    low = measurement("LYMPH", "0.3", FIRST + timedelta(days=20))
    over = measurement("LYMPH", "2", ended)
    answer = judge(chart(draws=(low, over, *panel(draw_day()))))
    assert len([r for r in answer.reasons if "never changes the treatment" in r.sentence]) == told


def test_an_event_that_goes_on_is_not_hidden_by_a_later_one_of_its_term_that_has_ended() -> None:
    began = last_day() + timedelta(days=5)
    lasting = AdverseEvent(term="Fatigue", grade=3, began_on=began)
    over = replace(lasting, began_on=began + timedelta(days=5), ended_on=began + timedelta(days=9))
    for events in ((lasting, over), (over, lasting)):
        answer = judge(chart(draws=panel(draw_day()), adverse_events=events))
        assert answer.action is Action.DELAY
    assert judge(chart(draws=panel(draw_day()), adverse_events=(over,))).action is Action.REDUCE


NOT_INTERIM = replace(PROTOCOL, count_interim_occurrences=False)


def events_only(*events: AdverseEvent, protocol: Protocol, given: int = 2) -> Recommendation:
    found = chart(given=given, draws=panel(draw_day(given)), adverse_events=events)
    return recommend(chart=found, protocol=protocol, today=draw_day(given))


def test_what_ends_treatment_counts_though_it_was_over_between_the_cycles() -> None:
    """Where nothing else that was seen only between cycles counts."""
    began, ended = FIRST + timedelta(days=10), FIRST + timedelta(days=12)
    mild = AdverseEvent(term="Fatigue", grade=3, began_on=began, ended_on=ended)
    assert events_only(mild, protocol=NOT_INTERIM).action is Action.PROCEED
    assert events_only(mild, protocol=PROTOCOL).action is Action.REDUCE
    for term, grade in (("Anaphylaxis", 3), ("Fatigue", 5)):
        event = replace(mild, term=term, grade=grade)
        assert events_only(event, protocol=NOT_INTERIM).action is Action.STOP


@pytest.mark.parametrize(("term", "grade"), [("Anaphylaxis", 3), ("Fatigue", 5)])
def test_what_ends_treatment_counts_though_it_came_before_the_first_cycle(term: str, grade: int) -> None:
    event = AdverseEvent(term=term, grade=grade, began_on=FIRST - timedelta(days=3))
    answer = events_only(event, protocol=PROTOCOL)
    assert (answer.action, strongest(answer).rule) == (
        Action.STOP,
        "DM-HSR" if term == "Anaphylaxis" else "DM-OTH",
    )


def seen(track: str, interval: int, days: int) -> Episode:
    """An occurrence so many days after the first cycle, of a family that anaemia and neutropenia share."""
    [family] = [f for f in PROTOCOL.families if f.id == "DM-HEM"]
    day = FIRST + timedelta(days=days)
    moment = Moment(day=day, interval=interval, samples={})
    return Episode(
        family=family,
        track=track,
        criterion=None,
        interval=interval,
        onset=day,
        latest=day,
        resolved_on=day,
        grade=3,
        worst=moment,
        newest=moment,
    )


def test_a_recurrence_is_told_by_the_first_and_the_newest_occurrence() -> None:
    episodes = [seen("Anemia", 1, 10), seen("Anemia", 2, 70), seen("Anemia", 3, 130)]
    for protocol in (PROTOCOL, BY_TERM):
        [family] = [f for f in protocol.families if f.id == "DM-HEM"]
        assert recurrence(family, episodes) == (episodes[0], episodes[2])
        assert recurrence(family, episodes[:1]) is None


def test_of_two_terms_that_came_again_the_one_that_did_so_last_is_told() -> None:
    [family] = [f for f in BY_TERM.families if f.id == "DM-HEM"]
    anemia, neutropenia = seen("Anemia", 1, 10), seen("Neutrophil count decreased", 1, 11)
    for first, second in ((70, 80), (80, 70)):
        again = [seen("Anemia", 2, first), seen("Neutrophil count decreased", 2, second)]
        newest = (anemia, again[0]) if first > second else (neutropenia, again[1])
        assert recurrence(family, [anemia, neutropenia, *again]) == newest
    assert recurrence(family, [anemia, seen("Neutrophil count decreased", 2, 80)]) is None


def test_an_event_still_open_from_an_earlier_interval_is_a_present_one() -> None:
    lasting = AdverseEvent(term="Fatigue", grade=3, began_on=FIRST + timedelta(days=10))
    answer = events_only(lasting, protocol=PROTOCOL)
    assert (answer.action, strongest(answer).rule) == (Action.DELAY, "DM-OTH")


def test_present_are_those_of_this_interval_and_those_that_outlasted_the_last_infusion() -> None:
    found = chart()
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    began, after = last_day(), last_day() + timedelta(days=1)
    of_today = replace(seen("Anemia", 2, 56), resolved_on=began)
    outlasted = replace(seen("Anemia", 1, 30), resolved_on=after)
    over = replace(seen("Anemia", 1, 30), resolved_on=began)
    still_open = replace(seen("Anemia", 1, 30), resolved_on=None)
    told = [bool(current([episode], case)) for episode in (of_today, outlasted, over, still_open)]
    assert told == [True, True, False, True]
