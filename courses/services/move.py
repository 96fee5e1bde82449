"""Move a course to another protocol version: both verdicts side by side, then a physician's signed act."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from courses.answer import answer
from courses.library import protocol, protocol_ids, protocol_sha256
from courses.models import Course, Cycle, ProtocolMove
from courses.rules.protocol import Protocol
from courses.services.assess import assess_in_transaction, follows_its_file, recommend_for
from courses.services.authority import Refused, check_fresh, check_right, printed_name, stated
from courses.services.locking import locked_open_course, next_cycle
from courses.services.protocols import check_usable
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class BothAnswers:
    """The answer under the version a course follows, and under another, on the same chart and day.

    `now` is the answer on record where the course's own version can no longer be computed, empty where there
    is none.
    """

    now: dict[str, Any]
    then: dict[str, Any]


def compare_protocols(*, course: Course, to_protocol_id: str, today: date | None = None) -> BothAnswers:
    """Both answers side by side; writes nothing. Raises Refused, UnknownProtocol."""
    today = today or clinic_day(database_now(), clinic_zone())
    cycle = next_cycle(course)
    plan = protocol(to_protocol_id)
    if cycle is None or cycle.number > plan.schedule.cycles:
        raise Refused(f"Under protocol {to_protocol_id} no cycle of this course is left to give.")
    if course.protocol_id in protocol_ids() and follows_its_file(course):
        present = _answer(course, cycle, protocol_id=course.protocol_id, today=today)
    else:
        present = course.current_decision.answer if course.current_decision else {}
    return BothAnswers(now=present, then=_answer(course, cycle, protocol_id=to_protocol_id, today=today))


def _answer(course: Course, cycle: Cycle, *, protocol_id: str, today: date) -> dict[str, Any]:
    _chart, found = recommend_for(course=course, cycle=cycle, protocol_id=protocol_id, today=today)
    return answer(found, sha256=protocol_sha256(protocol_id))


def move_course(
    *,
    course: Course,
    to_protocol_id: str,
    by: User,
    authenticated_at: datetime,
    reason: str,
    allow_research: bool = False,
    now: datetime | None = None,
) -> ProtocolMove:
    """Move an open course to an approved version, also to the present bytes of its own protocol.

    1. check right, password and reason; 2. lock the course; 3. judge its chart under both versions; 4. append
    the move with both answers; 5. pin the course to the new version and plan its later cycles by it;
    6. assess anew: what was signed under the old version needs a new signature. Past decisions stay.

    Raises NotAllowed, Refused, UnknownProtocol.
    """
    check_right(by, "courses.move_course", else_say="Only a physician moves a course to another version.")
    check_fresh(authenticated_at, now=now or database_now())
    if not stated(reason):
        raise Refused("Say in a few words why this course is moved.")
    check_usable(to_protocol_id, allow_research=allow_research)
    with transaction.atomic():
        locked = locked_open_course(course.pk)
        now = now or database_now()
        if locked is None:
            raise Refused("This course is closed; it is no longer moved.")
        both = compare_protocols(
            course=locked, to_protocol_id=to_protocol_id, today=clinic_day(now, clinic_zone())
        )
        move = ProtocolMove(
            answer_before=both.now,
            answer_after=both.then,
            reason=stated(reason),
            moved_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at,
            moved_at=now,
        )
        _pin(locked, to_protocol_id, move=move)
        assess_in_transaction(course_id=locked.pk, now=now)
    course.refresh_from_db()
    return move


def _pin(course: Course, protocol_id: str, *, move: ProtocolMove) -> None:
    """Append the move, and let the course follow the present bytes of a protocol. Raises Refused."""
    before = (course.protocol_id, course.protocol_sha256)
    after = (protocol_id, protocol_sha256(protocol_id))
    if before == after:
        raise Refused(f"This course follows {protocol_id} already.")
    move.course = course
    move.from_id, move.from_sha256 = before
    move.to_id, move.to_sha256 = after
    move.save(force_insert=True)
    course.protocol_id, course.protocol_sha256 = after
    course.save(update_fields=["protocol_id", "protocol_sha256"])
    _replan(course, protocol(protocol_id))


def _replan(course: Course, plan: Protocol) -> None:
    """As many cycles as the version wants, the next one where it was, the later ones at its interval."""
    upcoming = next_cycle(course)
    if upcoming is None:
        return
    course.cycles.filter(number__gt=plan.schedule.cycles, administration__isnull=True).delete()
    for number in range(upcoming.number + 1, plan.schedule.cycles + 1):
        day = add_days(upcoming.planned_on, plan.schedule.interval_days * (number - upcoming.number))
        Cycle.objects.update_or_create(course=course, number=number, defaults={"planned_on": day})
