"""Which protocol versions may be used: approve one, and see first which courses would be told otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from courses.library import protocol, protocol_ids, protocol_sha256
from courses.models import Course, ProtocolApproval
from courses.rules.protocol import Use
from courses.rules.values import Recommendation
from courses.services.assess import follows_its_file, recommend_for
from courses.services.authority import NotAllowed, Refused, check_fresh, check_right, printed_name
from courses.services.locking import next_cycle
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

PEOPLE_NEEDED = 2
NO_CYCLE_LEFT = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What is recommended, in short: the action's word, and the activity where one may be given."""

    action: str
    activity_gbq: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldChange:
    """An open course that a protocol version would tell something else; `none` where no cycle is left."""

    course: Course
    now: Advice
    then: Advice


def approve_protocol(
    *,
    protocol_id: str,
    by: User,
    authenticated_at: datetime,
    note: str = "",
    seen_sha256: str = "",
    now: datetime | None = None,
) -> ProtocolApproval:
    """Approve the present bytes of a protocol as one of the two physicians it takes.

    `seen_sha256` is the digest the person was shown, where a page showed one. Raises UnknownProtocol,
    NotAllowed.
    """
    now = now or database_now()
    check_right(by, "courses.approve_protocol", else_say="Only a physician approves a protocol version.")
    check_fresh(authenticated_at, now=now)
    sha256 = protocol_sha256(protocol_id)
    if seen_sha256 not in ("", sha256):
        raise NotAllowed("The protocol file has changed since this page was opened. Read it again.")
    try:
        with transaction.atomic():
            return ProtocolApproval.objects.create(
                protocol_id=protocol_id,
                protocol_sha256=sha256,
                approved_by=by,
                printed_name=printed_name(by),
                authenticated_at=authenticated_at,
                approved_at=now,
                note=note.strip(),
            )
    except IntegrityError as error:
        raise NotAllowed("You have approved this version already; a second physician is needed.") from error


def approvals(protocol_id: str) -> list[ProtocolApproval]:
    """Who approved the present bytes of a protocol, oldest first. Raises UnknownProtocol."""
    rows = ProtocolApproval.objects.filter(
        protocol_id=protocol_id, protocol_sha256=protocol_sha256(protocol_id)
    )
    return list(rows.select_related("approved_by"))


def is_usable(protocol_id: str) -> bool:
    """Whether two different physicians approved exactly these bytes. Raises UnknownProtocol."""
    return len(approvals(protocol_id)) >= PEOPLE_NEEDED


def check_usable(protocol_id: str, *, allow_research: bool) -> None:
    """Refuse a version that nobody may start a course with. Raises Refused, UnknownProtocol."""
    if protocol(protocol_id).use is Use.RESEARCH and not allow_research:
        raise Refused(f"Protocol {protocol_id} is for research only; choose one that is a label in force.")
    missing = PEOPLE_NEEDED - len(approvals(protocol_id))
    if missing > 0:
        raise Refused(
            f"Protocol {protocol_id} may not be used yet: {missing} of {PEOPLE_NEEDED} physicians have still "
            "to approve this version of its file."
        )


def what_would_change(protocol_id: str, *, now: datetime | None = None) -> list[WouldChange]:
    """Every open course whose recommendation would change under this version. Raises UnknownProtocol."""
    now = now or database_now()
    return list(_changes(protocol_id, now=now))


def _changes(protocol_id: str, *, now: datetime) -> Iterator[WouldChange]:
    protocol(protocol_id)
    for course in Course.objects.open().real().select_related("patient", "current_decision").order_by("pk"):
        found = would_change(course, protocol_id=protocol_id, now=now)
        if found is not None:
            yield found


def would_change(course: Course, *, protocol_id: str, now: datetime) -> WouldChange | None:
    """What a version would tell one open course otherwise; None when it is the same."""
    cycle = next_cycle(course)
    if cycle is None:
        return None
    today = clinic_day(now, clinic_zone())
    if course.protocol_id in protocol_ids() and follows_its_file(course):
        present = _advice(
            recommend_for(course=course, cycle=cycle, protocol_id=course.protocol_id, today=today)[1]
        )
    else:
        # What its own version says can no longer be computed; what it said last is on record.
        decision = course.current_decision
        present = Advice(
            action=decision.action if decision else NO_CYCLE_LEFT,
            activity_gbq=decision.activity_gbq if decision else None,
        )
    if cycle.number > protocol(protocol_id).schedule.cycles:
        then = Advice(action=NO_CYCLE_LEFT, activity_gbq=None)
    else:
        then = _advice(recommend_for(course=course, cycle=cycle, protocol_id=protocol_id, today=today)[1])
    return None if present == then else WouldChange(course=course, now=present, then=then)


def _advice(recommendation: Recommendation) -> Advice:
    return Advice(action=recommendation.action.word, activity_gbq=recommendation.activity_gbq)
