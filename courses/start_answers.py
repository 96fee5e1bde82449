"""What the answers at a course's start point out, beside who gave them, for whoever signs its first cycle."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from courses.data_file import LibraryError
from courses.models import CourseStart, Decision
from courses.rules.start_questions import AnswerKind, Question, warnings_of
from courses.start_library import start_questions

NOT_ANSWERED = "not answered"
READ_START = ("courses.view_coursestart", "labs.view_patient")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointedOut:
    """One thing that was pointed out, and the question and answer it came of; empty where of a plan."""

    warning: str
    question: str = ""
    answer: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAnswers:
    """Who answered when, and everything that was pointed out then."""

    printed_name: str
    answered_at: datetime
    lines: tuple[PointedOut, ...]


def start_answers_for(decision: Decision, *, may: Callable[[str], bool]) -> StartAnswers | None:
    """What was pointed out at the start, for a decision before this clinic gave a cycle of the course.

    None for whoever may not read it, where nothing was pointed out, and for later cycles: the course's page
    keeps it, and what is repeated on every decision is no longer read.
    """
    is_first = all("elsewhere" in cycle for cycle in decision.answer.get("cycles", []))
    if not is_first or not all(may(right) for right in READ_START):
        return None
    start = CourseStart.objects.filter(course_id=decision.course_id).first()
    if start is None or not start.warnings:
        return None
    return StartAnswers(
        printed_name=start.printed_name, answered_at=start.answered_at, lines=tuple(_lines(start))
    )


def _lines(start: CourseStart) -> Iterator[PointedOut]:
    """The warnings as they were recorded; what cannot be told of one is left out, never the warning."""
    came_of = {each.warning: each for each in _of_questions(start)}
    for warning in start.warnings:
        yield came_of.get(warning, PointedOut(warning=warning))


def _of_questions(start: CourseStart) -> Iterator[PointedOut]:
    """Each warning of today's file with its answer; none where other questions were asked then."""
    try:
        asked = start_questions()
    except LibraryError:
        return
    if asked.sha256 != start.questions_sha256:
        return
    for question in asked.questions:
        answer = start.answers.get(f"{question.id}: {question.text}")
        if answer is None:
            continue
        for warning in warnings_of((question,), _as_sent(question, answer)):
            yield PointedOut(
                warning=warning, question=question.text, answer=answer, source=str(question.source)
            )


def _as_sent(question: Question, answer: str) -> Mapping[str, str]:
    """The answer as the form sent it, from the words that were recorded."""
    if question.kind is AnswerKind.CHOICE:
        sent = next((each.value for each in question.options if each.text == answer), "")
    else:
        sent = "" if answer == NOT_ANSWERED else answer
    return {question.id: sent}
