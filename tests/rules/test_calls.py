"""The calls of a cycle: read strictly, due by the planned or given day, and not knowing always concerns."""

import copy
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import courses
from courses.rules.calls import Answer, CallState, asked_of, concerns, days_of, read_calls
from courses.rules.data_reader import DataError
from courses.rules.values import Sex

FILE = Path(courses.__file__).parent / "protocols" / "calls" / "questions.toml"
CALLS = read_calls(tomllib.loads(FILE.read_text("utf-8"), parse_float=Decimal)).calls
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


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("call", 0, "colour"), "red", "unknown key"),
        (("call", 0, "source"), None, "every number names its source"),
        (("call", 0, "open_days_before"), 0, "at least 1"),
        (("call", 1, "id"), "before", "stands twice"),
        (("call", 1, "id"), "other", "means any other call"),
        (("call", 1, "last_day"), 0, "let them rise"),
        (("call", 1, "missed_after_day"), 2, "let them rise"),
        (("call", 0, "question", 0, "expected"), "unknown", "never what is expected"),
        (("call", 0, "question", 1, "id"), "analogue_stopped", "stands twice"),
        (("call", 0, "question", 6, "not_asked_of"), ["men"], "is not known"),
        (("symptoms", "terms"), ["Nausea", "Nausea"], "names something twice"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(path, value, fault):
    data = copy.deepcopy(tomllib.loads(FILE.read_text("utf-8"), parse_float=Decimal))
    at = data
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    with pytest.raises(DataError, match=fault):
        read_calls(data)
