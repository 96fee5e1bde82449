"""Look for limits that come near: of a delay by toxicity, and of the activity a protocol foresees in all."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from django.db.models import Exists, OuterRef

from alerts.rules import Kind
from alerts.services.raising import Subject
from alerts.services.settling import Condition, key_of, settle
from courses.ledger import entries_by_person
from courses.library import UnknownProtocol, protocol
from courses.models import Course, Cycle
from courses.rules.ledger import Entry, add_up
from courses.rules.protocol import DelayLimit, Schedule
from labs.clinic_days import clinic_day, days_between
from labs.same_person import read_people
from labs.zones import clinic_zone


def watch_limits(*, now: datetime) -> int:
    """One alert for each limit that an open course comes near; it ends when it no longer does."""
    today = clinic_day(now, clinic_zone())
    still_to_come = Cycle.objects.filter(course=OuterRef("pk"), administration__isnull=True)
    courses = list(
        Course.objects.open().real().filter(Exists(still_to_come)).select_related("current_decision__cycle")
    )
    given = entries_by_person() if courses else {}
    people = read_people()
    conditions: list[Condition] = []
    for course in courses:
        try:
            rules = protocol(course.protocol_id)
        except UnknownProtocol:
            continue  # the course itself is held for it, with an alert of its own
        conditions += _delay(course, rules.delay_limit, today=today)
        conditions += _activity(course, rules.schedule, given.get(people.survivor_of(course.patient_id), ()))
    return settle(kinds=[Kind.LIMIT_NEAR], conditions=conditions, now=now)


def _delay(course: Course, limit: DelayLimit, *, today: date) -> Iterator[Condition]:
    """From the first day on which the protocol warns of its limit; worse from the last such day."""
    decision = course.current_decision
    answer: Mapping[str, object] = decision.answer if decision else {}
    stops_on = answer.get("stops_on")
    if decision is None or not stops_on or not limit.warn_days:
        return
    left = days_between(today, date.fromisoformat(str(stops_on)))
    day = (limit.days if limit.stops_on_limit_day else limit.days + 1) - left
    if left <= 0 or day < limit.warn_days[0]:
        return  # past the limit the decision itself says stop
    yield Condition(
        kind=Kind.LIMIT_NEAR,
        key=key_of(Kind.LIMIT_NEAR, f"course-{course.pk}", f"cycle-{decision.cycle_id}", "delay"),
        subject=Subject(
            course=course, cycle=decision.cycle, about={"limit": "delay", "stops_on": str(stops_on)}
        ),
        worse=day >= limit.warn_days[-1],
    )


def _activity(course: Course, schedule: Schedule, given: Sequence[Entry]) -> Iterator[Condition]:
    """The next cycle would bring the person beyond what the whole schedule foresees.

    So would an earlier treatment whose activity nobody knows: what is not known may be anything.
    """
    totals = add_up(given)
    if not totals.is_least and totals.total_gbq + schedule.activity_gbq <= (
        schedule.cycles * schedule.activity_gbq
    ):
        return
    yield Condition(
        kind=Kind.LIMIT_NEAR,
        key=key_of(Kind.LIMIT_NEAR, f"course-{course.pk}", "activity"),
        subject=Subject(course=course, about={"limit": "activity", "known": not totals.is_least}),
    )
