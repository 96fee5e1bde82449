"""Refuse a move of a cycle that cannot be: each fault names its field and what to do."""

from collections.abc import Iterator
from datetime import date

from courses.fact_kinds import faults_of_texts
from courses.library import UnknownProtocol, protocol
from courses.models import Course, Cycle, Infusion, MoveCause, TherapyDay
from courses.rules.protocol import Protocol
from courses.services.authority import BadFact, stated
from courses.services.other_courses import too_close
from labs.clinic_days import add_days, days_between

_FURTHEST = 400  # days ahead; further on a year was mistyped


def plan_for_move(course: Course) -> Protocol:
    """The course's protocol. Raises BadFact where its file is missing: nothing can be derived then."""
    try:
        return protocol(course.protocol_id)
    except UnknownProtocol as unknown:
        raise BadFact(
            f"course: its protocol file is missing ({unknown}); put it back, or move the course to a version"
        ) from unknown


def previous_day(cycle: Cycle) -> tuple[date | None, bool]:
    """The day of the cycle before: on which it was given, else for which it is planned; and which of both."""
    before = (
        Cycle.objects.filter(course_id=cycle.course_id, number=cycle.number - 1)
        .select_related("administration")
        .first()
    )
    if before is None:
        return None, False
    given = getattr(before, "administration", None)
    return (given.administered_on, True) if given else (before.planned_on, False)


def check_move(cycle: Cycle, *, plan: Protocol, to: date, cause: str, reason: str, today: date) -> None:
    """Everything that keeps the cycle from being planned for this day. Raises BadFact."""
    faults = [*_said(cause, reason), *_cycle(cycle)]
    if to == cycle.planned_on:
        faults.append("to: the cycle is planned for this day already; name another one")
    faults += [f"to: {each}" for each in faults_of_day(cycle, plan=plan, to=to, today=today)]
    if faults:
        raise BadFact(*faults)


def _said(cause: str, reason: str) -> Iterator[str]:
    if cause not in MoveCause.values:
        yield f"cause: choose one of: {', '.join(MoveCause.values)}"
    if not stated(reason):
        yield "reason: is missing; say in a few words why the cycle is moved"
    yield from faults_of_texts({"reason": reason})


def _cycle(cycle: Cycle) -> Iterator[str]:
    if hasattr(cycle, "administration"):
        yield f"cycle: cycle {cycle.number} has been given; only a cycle still to come is moved"
    if TherapyDay.objects.open().filter(cycle=cycle).exists():
        yield "cycle: its day of therapy has begun; end the day on its page, and name the new day there"
    if Infusion.objects.waiting().filter(cycle=cycle).exists():
        yield "cycle: a part of it was given and waits for a physician's judgement; judge it first"


def faults_of_day(cycle: Cycle, *, plan: Protocol, to: date, today: date) -> Iterator[str]:
    """Why a cycle cannot be planned for this day, whoever asks: one sentence each, with the remedy."""
    if to < today:
        yield "lies in the past; name a day from today on"
    if to > add_days(today, _FURTHEST):
        yield "lies more than a year ahead; check the year"
    previous, is_given = previous_day(cycle)
    least = plan.schedule.window_first_day
    if previous is not None and days_between(previous, to) < least:
        how = "was given" if is_given else "is planned"
        yield (
            f"lies {days_between(previous, to)} days after cycle {cycle.number - 1}, which {how} on "
            f"{previous.isoformat()}; the protocol waits {least} days: name a day from "
            f"{add_days(previous, least).isoformat()} on"
        )
    if other := too_close(cycle.course, on=to):
        yield other
