"""Lift a signed stop: one physician asks for it with a reason, another one confirms it."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.fact_kinds import faults_of_texts
from courses.models import (
    Administration,
    ChartFact,
    Course,
    CourseStatus,
    FactConfirmation,
    RecordKind,
    Signature,
)
from courses.services.at_once import judge_at_once
from courses.services.authority import (
    BadFact,
    NotAllowed,
    check_fresh,
    check_right,
    printed_name,
    stated,
)
from labs.clock import database_now
from labs.models import Patient
from labs.same_person import numbers_of
from labs.signals import evidence_changed

_SIGN = "courses.sign_decision"
_ELSE = "Only a physician rescinds a stop, and another one confirms it."


def standing_stop(course: Course) -> Signature | None:
    """The signature that stopped a course; none while it is not stopped."""
    if course.status != CourseStatus.STOPPED:
        return None
    return (
        Signature.objects.filter(decision__course=course, meaning="stop")
        .select_related("decision__cycle")
        .order_by("-pk")
        .first()
    )


def waiting_rescission(course: Course) -> ChartFact | None:
    """The rescission of the standing stop that waits for a second physician."""
    rows = ChartFact.objects.waiting().filter(course=course, kind=RecordKind.STOP_RESCISSION)
    return rows.order_by("-pk").first()


def request_rescission(
    *, course: Course, by: User, reason: str, authenticated_at: datetime, now: datetime | None = None
) -> ChartFact:
    """Ask for the stop of a course to be lifted; nothing changes until another physician confirms it.

    1. check the right and the password; 2. lock patient and course; 3. append the request, which names the
    signed decision. Raises NotAllowed, BadFact.
    """
    check_right(by, _SIGN, else_say=_ELSE)
    check_fresh(authenticated_at, now=now or database_now())
    with transaction.atomic():
        patient, stopped = _locked(course)
        now = now or database_now()
        stop = _stop_of(stopped)
        faults = list(faults_of_texts({"reason": reason}))
        if not stated(reason):
            faults.append("reason: is missing; say in a few words why the stop is lifted")
        if waiting_rescission(stopped) is not None:
            faults.append("course: a rescission waits already; another physician confirms or takes it back")
        if faults:
            raise BadFact(*faults)
        return ChartFact.objects.create(
            patient=patient,
            course=stopped,
            kind=RecordKind.STOP_RESCISSION,
            data={"decision": str(stop.decision.public_id)},
            reason=stated(reason),
            recorded_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at,
            recorded_at=now,
        )


def confirm_rescission(
    *, course: Course, by: User, authenticated_at: datetime, now: datetime | None = None
) -> Course:
    """Confirm, as another physician, that the stop is lifted: the course opens and is assessed at once.

    1. check the right and the password; 2. lock patient and course; 3. append the confirmation; 4. open the
    course without the decision that was signed, so that the next one is nobody's yet; 5. assess it.

    The stop and its signature stay on record. Raises NotAllowed, BadFact.
    """
    check_right(by, _SIGN, else_say=_ELSE)
    check_fresh(authenticated_at, now=now or database_now())
    with transaction.atomic():
        patient, stopped = _locked(course)
        now = now or database_now()
        stop, fact = _stop_of(stopped), waiting_rescission(stopped)
        if fact is None or (fact.data or {}).get("decision") != str(stop.decision.public_id):
            raise BadFact("course: no rescission waits here; it was confirmed or taken back before")
        if fact.recorded_by_id == by.pk:
            raise NotAllowed("You asked for this yourself; a second physician confirms it.")
        FactConfirmation.objects.create(
            fact=fact,
            confirmed_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at,
            confirmed_at=now,
        )
        _open(stopped)
        judge_at_once(course_id=stopped.pk, now=now)
        transaction.on_commit(
            lambda: evidence_changed.send_robust(sender=ChartFact, patient_ids=[patient.pk]), robust=True
        )
    stopped.refresh_from_db()
    return stopped


def _locked(course: Course) -> tuple[Patient, Course]:
    """Patient and course, locked in the order in which every fact is recorded."""
    patient = Patient.objects.select_for_update(no_key=True).get(pk=course.patient_id)
    return patient, Course.objects.select_for_update().get(pk=course.pk)


def _stop_of(course: Course) -> Signature:
    """The stop to be lifted. Raises BadFact."""
    stop = standing_stop(course)
    if stop is None:
        raise BadFact("course: it is not stopped by a signature, so there is nothing to rescind")
    return stop


def _open(course: Course) -> None:
    """The course is open again; a course of the person that was opened meanwhile comes first."""
    others = Course.objects.open().filter(patient__in=numbers_of(course.patient_id)).exclude(pk=course.pk)
    if others.exists():
        raise BadFact("course: the patient has another open course; complete or stop that one first")
    begun = Administration.objects.filter(cycle__course=course).exists()
    course.status = CourseStatus.ACTIVE if begun else CourseStatus.PLANNED
    course.current_decision = None
    course.save(update_fields=["status", "current_decision"])
