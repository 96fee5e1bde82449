"""Record what became of a visit after the last cycle, and sign that nobody needs to be seen any more."""

from datetime import date, datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.fact_kinds import faults_of_texts
from courses.follow_ups import FollowUpLine, VisitLine, draws_of, follow_up_of, lacking
from courses.models import Course, FollowUpAct, FollowUpRecord, VisitOutcome
from courses.rules.follow_up import VisitState
from courses.services.authority import BadFact, check_fresh, check_right, printed_name, roles_held, stated
from courses.services.ending import END
from courses.services.manifests import manifest_of
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

RECORD = "courses.record_fact"
_MAY_NOT = "Only nurses and physicians record visits."
_PHYSICIAN = "Only a physician closes a follow-up, or opens it again."


def record_visit(
    *,
    course: Course,
    visit: str,
    outcome: str,
    on: date,
    by: User,
    note: str = "",
    now: datetime | None = None,
) -> FollowUpRecord:
    """Record what became of a visit; recorded before, the new record corrects the old one.

    1. check the right; 2. lock the course; 3. refuse a visit that the plan does not have, a day that cannot
    be, and a visit without some of its results where nobody says why; 4. append it.

    Raises NotAllowed, BadFact.
    """
    check_right(by, RECORD, else_say=_MAY_NOT)
    with transaction.atomic():
        found = Course.objects.select_for_update().get(pk=course.pk)
        now = now or database_now()
        today = clinic_day(now, clinic_zone())
        line = _line(found, today=today)
        wanted = next((each for each in line.visits if each.visit.key == visit), None)
        if wanted is None:
            raise BadFact(f"visit: {visit!r} is no visit of this course; open the page again")
        missing = _missing(found, wanted, outcome=outcome, on=on)
        _check(line, wanted, outcome=outcome, on=on, note=note, missing=missing, today=today)
        return FollowUpRecord.objects.create(
            course=found,
            visit=visit,
            outcome=outcome,
            on=on,
            note=stated(note),
            lacking=missing,
            corrects=wanted.record,
            recorded_by=by,
            printed_name=printed_name(by),
            recorded_at=now,
        )


def set_follow_up(
    *,
    course: Course,
    closed: bool,
    reason: str,
    by: User,
    authenticated_at: datetime,
    now: datetime | None = None,
) -> FollowUpAct:
    """Sign that the follow-up of a course is closed, or open it again. Raises NotAllowed, BadFact."""
    check_right(by, END, else_say=_PHYSICIAN)
    check_fresh(authenticated_at, now=now or database_now())
    with transaction.atomic():
        found = Course.objects.select_for_update().get(pk=course.pk)
        now = now or database_now()
        line = _line(found, today=clinic_day(now, clinic_zone()))
        faults = list(faults_of_texts({"reason": reason}))
        if not stated(reason):
            faults.append("reason: is missing; say in a few words why")
        if line.is_between_cycles:
            faults.append("course: it still goes on; end it first, then its follow-up can be closed")
        elif (line.closed is not None) == closed:
            faults.append(f"course: its follow-up is {'closed' if closed else 'open'} already")
        if faults:
            raise BadFact(*faults)
        act = FollowUpAct(
            course=found,
            is_closed=closed,
            reason=stated(reason),
            signed_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at,
            signer_roles=roles_held(by),
            signed_at=now,
        )
        act.record_sha256 = manifest_of(act)
        act.save(force_insert=True)
    return act


def _line(course: Course, *, today: date) -> FollowUpLine:
    line = follow_up_of(course, today=today)
    if line is None:
        raise BadFact("course: nothing has been given in it, so there is nothing to follow up")
    return line


def _missing(course: Course, wanted: VisitLine, *, outcome: str, on: date) -> list[str]:
    """What the protocol asks for at this visit and no final result gives."""
    if outcome != VisitOutcome.DONE:
        return list(wanted.visit.analytes) if outcome == VisitOutcome.MISSED else []
    return lacking(wanted.visit, draws_of(course, since=wanted.visit.first), until=on)


def _check(
    line: FollowUpLine,
    wanted: VisitLine,
    *,
    outcome: str,
    on: date,
    note: str,
    missing: list[str],
    today: date,
) -> None:
    faults = list(faults_of_texts({"note": note}))
    if outcome not in VisitOutcome.values:
        faults.append(f"outcome: choose one of: {', '.join(VisitOutcome.values)}")
    if line.closed is not None:
        faults.append("course: its follow-up is closed; a physician opens it again first")
    if not line.last_on <= on <= today:
        faults.append("on: lies before the last cycle or after today; check the day")
    elif outcome == VisitOutcome.DONE and on < wanted.visit.first:
        faults.append(
            f"on: lies before {wanted.visit.first.isoformat()}, from which on it counts as this visit"
        )
    if outcome == VisitOutcome.TAKEN_BACK and (
        wanted.record is None or wanted.record.outcome == VisitOutcome.TAKEN_BACK
    ):
        faults.append("outcome: nothing was recorded of this visit that could be taken back")
    if wanted.state is VisitState.COMING and outcome == VisitOutcome.MISSED:
        faults.append("outcome: this visit has not come yet; it is missed only once it is due")
    if not stated(note) and outcome != VisitOutcome.DONE:
        faults.append("note: is missing; say where the patient was seen, or why not")
    elif not stated(note) and missing:
        faults.append(
            f"note: no final result since {wanted.visit.first.isoformat()} gives {', '.join(missing)}; "
            "wait for them, or say why they are missing"
        )
    if faults:
        raise BadFact(*faults)
