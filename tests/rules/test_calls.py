"""The calls of a cycle: read strictly, due by the planned or given day, and not knowing always concerns."""

import tomllib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import courses
from courses.rules.calls import (
    Anchor,
    Answer,
    CallQuestion,
    CallState,
    asked_of,
    concerns,
    days_of,
    read_calls,
)
from courses.rules.data_reader import DataError
from courses.rules.values import Sex, Source

FILE = Path(courses.__file__).parent / "protocols" / "calls" / "questions.toml"


def data() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text("utf-8"), parse_float=Decimal)


CALLS = read_calls(data()).calls
MONDAY = date(2026, 5, 4)
HOLIDAY = date(2026, 5, 1)  # the Friday before


def is_open(day: date) -> bool:
    return day.weekday() < 5 and day != HOLIDAY


def test_the_call_before_is_due_on_the_last_working_day_and_overdue_on_the_day_itself():
    days = days_of(CALLS["before"], on=MONDAY, is_open=is_open)
    assert days.first == date(2026, 4, 30)
    told = [
        days.state(today=day, is_done=False)
        for day in (date(2026, 4, 29), date(2026, 4, 30), date(2026, 5, 3), MONDAY, date(2026, 5, 5))
    ]
    assert told == [CallState.COMING, CallState.DUE, CallState.DUE, CallState.OVERDUE, CallState.MISSED]
    assert days.state(today=MONDAY, is_done=True) is CallState.DONE


def test_where_the_clinic_is_closed_for_weeks_the_day_before_counts():
    assert days_of(CALLS["before"], on=MONDAY, is_open=lambda _day: False).first == date(2026, 5, 3)


def test_after_a_working_day_the_call_before_is_due_on_the_day_before():
    assert days_of(CALLS["before"], on=date(2026, 5, 5), is_open=is_open).first == MONDAY


@pytest.mark.parametrize(("closed", "first"), [(13, date(2026, 4, 20)), (14, date(2026, 5, 3))])
def test_the_last_working_day_is_looked_for_two_weeks_back_and_no_further(closed, first):
    last_open = MONDAY - timedelta(days=closed + 1)
    assert days_of(CALLS["before"], on=MONDAY, is_open=lambda day: day <= last_open).first == first


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (0, CallState.COMING),
        (1, CallState.DUE),
        (3, CallState.DUE),
        (4, CallState.OVERDUE),
        (10, CallState.OVERDUE),
        (11, CallState.MISSED),
    ],
)
def test_the_call_after_is_due_in_the_first_days_and_chased_until_the_next_call(after, state):
    days = days_of(CALLS["after"], on=MONDAY, is_open=is_open)
    assert days.state(today=date(2026, 5, 4 + after), is_done=False) is state


def test_every_answer_but_the_expected_one_concerns_and_not_knowing_or_not_answering_always():
    for call in CALLS.values():
        usual = {question.id: question.expected.value for question in call.questions}
        assert list(concerns(call.questions, usual)) == []
        for question in call.questions:
            for answer in Answer:
                found = [each.question.id for each in concerns(call.questions, usual | {question.id: answer})]
                assert found == ([] if answer is question.expected else [question.id])
            silent = {key: value for key, value in usual.items() if key != question.id}
            assert [each.answer for each in concerns(call.questions, silent)] == [Answer.UNKNOWN]


def test_what_keeps_a_cycle_from_being_given_asks_for_a_hold():
    asks = {question.id for question in CALLS["before"].questions if question.asks_for_hold}
    assert asks == {"analogue_stopped", "infection", "pregnancy", "breast_feeding"}


def test_a_man_is_not_asked_about_pregnancy_and_where_the_sex_is_not_known_everybody_is():
    every = {question.id for question in CALLS["before"].questions}
    assert every - {question.id for question in asked_of(CALLS["before"], Sex.MALE)} == {
        "pregnancy",
        "breast_feeding",
    }
    for sex in (Sex.FEMALE, None):
        assert {question.id for question in asked_of(CALLS["before"], sex)} == every


# --- The file ------------------------------------------------------------------------------------


def test_each_call_has_the_days_that_the_file_names_and_none_of_the_other_anchor():
    assert {
        call.id: (call.anchor, call.open_days_before, call.first_day, call.last_day, call.missed_after_day)
        for call in read_calls(data()).calls.values()
    } == {
        "before": (Anchor.PLANNED, 1, 0, 0, 0),
        "after": (Anchor.GIVEN, 0, 1, 3, 10),
        "after_weeks": (Anchor.GIVEN, 0, 10, 14, 28),
    }


def test_a_question_carries_all_that_the_file_says_of_it():
    questions = {each.id: each for each in read_calls(data()).calls["before"].questions}
    assert questions["pregnancy"] == CallQuestion(
        id="pregnancy",
        text="Could the patient be pregnant?",
        expected=Answer.NO,
        advice="Nothing is given while a pregnancy is not excluded. Arrange a test before the day of "
        "therapy, and record what it finds.",
        asks_for_hold=True,
        source=Source(
            document="Lutathera EMA SmPC, patient leaflet",
            section="contraindications (EU-18)",
            confidence="V",
            checked=date(2026, 11, 27),
        ),
        records="pregnancy",
        not_asked_of=(Sex.MALE,),
    )
    assert (questions["escort"].records, questions["escort"].not_asked_of) == ("", ())


def test_the_terms_offered_for_complaints_stand_in_the_order_of_the_file():
    terms = read_calls(data()).symptom_terms
    assert (terms[0], terms[1], terms[-1]) == ("Abdominal distension", "Abdominal pain", "Sepsis")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("call", 0, "colour"), "red", "call[0].colour: unknown key; remove it or correct its spelling"),
        (
            ("call", 0, "source"),
            None,
            "call[0].source: every number names its source; add document, section, confidence, checked",
        ),
        (
            ("call", 0, "open_days_before"),
            0,
            "call[0].open_days_before: must be a whole number of at least 1; correct the number",
        ),
        (
            ("call", 1, "id"),
            "before",
            "call[1].id: before stands twice, or means any other call; take another word",
        ),
        (
            ("call", 1, "id"),
            "other",
            "call[1].id: other stands twice, or means any other call; take another word",
        ),
        (
            ("call", 1, "last_day"),
            0,
            "call[1].last_day: lies before first_day, or after missed_after_day; let them rise",
        ),
        (
            ("call", 1, "missed_after_day"),
            2,
            "call[1].last_day: lies before first_day, or after missed_after_day; let them rise",
        ),
        (
            ("call", 0, "question", 0, "expected"),
            "unknown",
            "call[0].question[0].expected: not knowing is never what is expected; write yes or no",
        ),
        (
            ("call", 0, "question", 1, "id"),
            "analogue_stopped",
            "call[0].question[1].id: analogue_stopped stands twice; keep one",
        ),
        (
            ("call", 0, "question", 6, "not_asked_of"),
            ["men"],
            "call[0].question[6].not_asked_of: 'men' is not known; use one of: female, male",
        ),
        (("symptoms", "terms"), ["Nausea", "Nausea"], "symptoms.terms: names something twice; keep one"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_with_the_place_the_reason_and_what_to_do(path, value, told):
    broken = data()
    at: Any = broken
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    with pytest.raises(DataError) as refused:
        read_calls(broken)
    assert str(refused.value) == told
