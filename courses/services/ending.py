"""End a course by a physician's signature, and have two physicians undo an end that was wrong."""

from datetime import date, datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.end_duties import open_duties
from courses.fact_kinds import faults_of_texts
from courses.models import (
    Administration,
    Course,
    CourseEnd,
    CourseEndUndo,
    CourseEndUndone,
    CourseStatus,
    EndCause,
    Infusion,
    Order,
    TherapyDay,
)
from courses.plan_state import open_bookings
from courses.rules.order_states import OrderKind, OrderState
from courses.services.at_once import judge_at_once
from courses.services.authority import (
    BadFact,
    NotAllowed,
    check_fresh,
    check_right,
    printed_name,
    roles_held,
    stated,
)
from courses.services.bookings import cancel_booking
from courses.services.manifests import manifest_of
from courses.services.orders import move_order, recall_order
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import Patient
from labs.same_person import numbers_of
from labs.zones import clinic_zone

END = "courses.end_course"
ENDED = "course-ended"
_ELSE = "Only a physician ends a course, and two undo an end."


def end_course(
    *,
    course: Course,
    cause: str,
    reason: str,
    ended_on: date,
    by: User,
    authenticated_at: datetime,
    supplier_told: bool = False,
    now: datetime | None = None,
) -> CourseEnd:
    """End an open course before its last cycle: it is no longer assessed, and nothing reminds of it.

    1. check the right and the password; 2. lock patient and course; 3. refuse what cannot be, and a course of
    which a day of therapy or a part still waits; 4. append the end with all that was still open; 5. cancel
    its orders and call back what is out; 6. call off what is ordered with the supplier; 7. close the course.

    A called-back unit stays called back until pharmacy answers. Raises NotAllowed, BadFact, OrderRefused.
    """
    check_right(by, END, else_say=_ELSE)
    check_fresh(authenticated_at, now=now or database_now())
    with transaction.atomic():
        found = _locked(course)
        now = now or database_now()
        _check(found, cause=cause, reason=reason, ended_on=ended_on, told=supplier_told, now=now)
        end = CourseEnd(
            course=found,
            cause=cause,
            reason=stated(reason),
            ended_on=ended_on,
            open_duties=list(open_duties(found, cause=cause)),
            signed_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at,
            signer_roles=roles_held(by),
            signed_at=now,
        )
        end.record_sha256 = manifest_of(end)
        end.save(force_insert=True)
        _end_orders(found, is_death=cause == EndCause.DEATH, by=by, now=now)
        for booking in open_bookings(found):
            cancel_booking(booking=booking, by=by, reason=end.reason, supplier_agreed=supplier_told, now=now)
        found.status = CourseStatus.COMPLETED if cause == EndCause.COMPLETED else CourseStatus.ENDED
        found.save(update_fields=["status"])
    return end


def standing_end(course: Course) -> CourseEnd | None:
    """The signed end of a course that nobody undid; none while it goes on, or was given to its last cycle."""
    if course.is_open:
        return None
    rows = course.ends.filter(undo__confirmation__isnull=True).select_related("undo")
    return rows.order_by("-pk").first()


def ask_undo(
    *, course: Course, reason: str, by: User, authenticated_at: datetime, now: datetime | None = None
) -> CourseEndUndo:
    """Ask, as the first physician, for a wrong end to be undone. Raises NotAllowed, BadFact."""
    check_right(by, END, else_say=_ELSE)
    check_fresh(authenticated_at, now=now or database_now())
    with transaction.atomic():
        end = _end_of(_locked(course))
        now = now or database_now()
        faults = list(_faults_of_reason(reason))
        if hasattr(end, "undo"):
            faults.append("course: this is asked for already; another physician confirms it")
        if faults:
            raise BadFact(*faults)
        return CourseEndUndo.objects.create(
            end=end,
            reason=stated(reason),
            asked_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at,
            asked_at=now,
        )


def confirm_undo(
    *, course: Course, by: User, authenticated_at: datetime, now: datetime | None = None
) -> Course:
    """Confirm, as another physician: the course is open again, and assessed at once.

    Orders and bookings that the end called off stay called off; what is needed is signed and ordered anew.
    Raises NotAllowed, BadFact.
    """
    check_right(by, END, else_say=_ELSE)
    check_fresh(authenticated_at, now=now or database_now())
    with transaction.atomic():
        found = _locked(course)
        end = _end_of(found)
        now = now or database_now()
        undo = getattr(end, "undo", None)
        if undo is None:
            raise BadFact("course: nobody has asked for this end to be undone")
        if undo.asked_by_id == by.pk:
            raise NotAllowed("You asked for this yourself; a second physician confirms it.")
        CourseEndUndone.objects.create(
            undo=undo,
            confirmed_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at,
            confirmed_at=now,
        )
        _open(found)
        judge_at_once(course_id=found.pk, now=now)
    found.refresh_from_db()
    return found


def _locked(course: Course) -> Course:
    """Patient and course, locked in the order in which every fact is recorded."""
    Patient.objects.select_for_update(no_key=True).get(pk=course.patient_id)
    return Course.objects.select_for_update().get(pk=course.pk)


def _end_of(course: Course) -> CourseEnd:
    end = standing_end(course)
    if end is None:
        raise BadFact("course: it was not ended by a signature, so there is nothing to undo")
    return end


def _check(course: Course, *, cause: str, reason: str, ended_on: date, told: bool, now: datetime) -> None:
    """Raises BadFact with everything that stands in the way."""
    faults = list(_faults_of_reason(reason))
    if not course.is_open:
        faults.append(f"course: it is {course.get_status_display()} already")
    if cause not in EndCause.values:
        faults.append(f"cause: choose one of: {', '.join(EndCause.values)}")
    given = Administration.objects.filter(cycle__course=course)
    if cause == EndCause.COMPLETED and not given.exists():
        faults.append("cause: no cycle has been given, so nothing is completed; choose another cause")
    first = clinic_day(course.started_at, clinic_zone())
    if not first <= ended_on <= clinic_day(now, clinic_zone()):
        faults.append(f"ended_on: lies before the course was started, {first}, or after today; check the day")
    if TherapyDay.objects.open().filter(cycle__course=course).exists():
        faults.append("course: a day of therapy is open; end the day on its page first")
    if Infusion.objects.waiting().filter(cycle__course=course).exists():
        faults.append("course: a part of a cycle waits for a physician's judgement; judge it first")
    late = [each for each in open_bookings(course) if each.cut_off_at is not None and each.cut_off_at < now]
    if late and not told:
        faults.append(
            "supplier_told: the supplier's cut-off has passed: telephone the supplier, and say here that "
            "they know"
        )
    if faults:
        raise BadFact(*faults)


def _faults_of_reason(reason: str) -> list[str]:
    faults = list(faults_of_texts({"reason": reason}))
    if not stated(reason):
        faults.append("reason: is missing; say in a few words why")
    return faults


def _end_orders(course: Course, *, is_death: bool, by: User, now: datetime) -> None:
    """Nothing goes on; what is out is called back, and the analogue still comes back after a given cycle."""
    for order in Order.objects.live().filter(cycle__course=course).select_related("cycle").order_by("pk"):
        is_restart = order.kind == OrderKind.ANALOGUE_RESTART.value
        if is_restart and not is_death and hasattr(order.cycle, "administration"):
            continue
        out = order.state == OrderState.DISPENSED.value
        if out and order.kind == OrderKind.RADIOPHARMACEUTICAL.value:
            recall_order(order=order, reason_code=ENDED, decision=None, now=now)
        else:
            move_order(
                order=order, to=OrderState.CANCELLED, reason_code=ENDED, actor=by, decision=None, now=now
            )


def _open(course: Course) -> None:
    """The course is open again; a course of the person that was opened meanwhile comes first."""
    others = Course.objects.open().filter(patient__in=numbers_of(course.patient_id)).exclude(pk=course.pk)
    if others.exists():
        raise BadFact("course: the patient has another open course; end or complete that one first")
    begun = Administration.objects.filter(cycle__course=course).exists()
    course.status = CourseStatus.ACTIVE if begun else CourseStatus.PLANNED
    course.current_decision = None
    course.save(update_fields=["status", "current_decision"])
