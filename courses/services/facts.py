"""Record a fact of a patient, take one back, and confirm what needs a second physician."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import transaction

from courses.fact_kinds import FILLED_IN, KINDS, BaselineChoice, ResultMark, faults_of_texts
from courses.json_table import Fault
from courses.models import BaselineLock, ChartFact, Course, FactConfirmation, RecordKind
from courses.models.fact import AT_ONCE, OF_COURSE, OF_PHYSICIANS
from courses.services.at_once import judge_at_once
from courses.services.authority import (
    BadFact,
    NotAllowed,
    check_fresh,
    check_right,
    printed_name,
    stated,
)
from courses.services.baseline import amend_baseline
from courses.services.fact_checks import faults_of, named_result
from courses.services.fact_rights import FOR_PHYSICIANS, JUDGE, check_may_end, check_may_record
from courses.services.overrides import complete_override
from courses.services.same_form import check_fact_key, fact_of_form, plain_data
from courses.services.waivers import complete_waiver
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import Patient
from labs.signals import evidence_changed
from labs.zones import clinic_zone

__all__ = ["BadFact", "NotAllowed", "append_fact", "confirm_fact", "record_fact", "withdraw_fact"]

_BASELINES = (RecordKind.DECLARED_BASELINE, RecordKind.BASELINE_AMENDMENT)
# An event that is not related changes no treatment: that is a physician's word.
_UNRELATED = "Only a physician says that an event does not come of the treatment; leave the cause open."


def record_fact(
    *,
    kind: str,
    data: Mapping[str, Any],
    by: User,
    patient: Patient | None = None,
    course: Course | None = None,
    reason: str = "",
    authenticated_at: datetime | None = None,
    replaces: ChartFact | None = None,
    key: UUID | None = None,
    now: datetime | None = None,
) -> ChartFact:
    """Record one fact of a patient or, for the kinds of a course, of a course; `replaces` ends an older one.

    1. check the right, and for a physician's act the password; 2. lock patient and course; 3. the same form
    sent again (`key`) is the same fact; 4. read the data as the rules will, and check it; 5. append it; 6.
    nudge the assessment on commit; 7. of what may change at once what is given, judge the course again in the
    same commit.

    Facts of two people count once `confirm_fact` was called. Of an override and a waiver the service itself
    adds what they are about. Raises NotAllowed, BadFact.
    """
    row = _kind(kind)
    check_may_record(row, by=by, authenticated_at=authenticated_at, now=now or database_now())
    if row is RecordKind.ADVERSE_EVENT and data.get("related") is False:
        check_right(by, "courses.judge_fact", else_say=_UNRELATED)
    with transaction.atomic():
        patient, course = _locked(row, patient=patient, course=course)
        now = now or database_now()
        said: dict[str, Any] = {"kind": row, "data": data, "reason": reason, "by": by}
        if (made := fact_of_form(key, patient=patient, course=course, **said)) is not None:
            return made
        check_fact_key(key)
        if replaces is not None:
            check_may_end(replaces, by=by, authenticated_at=authenticated_at, now=now)
            _check_withdrawal(replaces, kind=row, patient=patient, reason=reason)
        data, second_needed = _completed(row, data, course=course, reason=reason, now=now)
        fact = append_fact(
            kind=row,
            data=data,
            by=by,
            patient=patient,
            course=course,
            reason=reason,
            authenticated_at=authenticated_at,
            withdraws=replaces,
            second_needed=second_needed,
            key=key,
            now=now,
        )
        _judge_again(fact, now=now)
    return fact


def _completed(
    kind: RecordKind, data: Mapping[str, Any], *, course: Course | None, reason: str, now: datetime
) -> tuple[Mapping[str, Any], bool]:
    """The data with what the service itself says of it, and whether a second physician must confirm it."""
    today = clinic_day(now, clinic_zone())
    if kind is RecordKind.PRECAUTIONARY_HOLD:
        return {**data, "on": today.isoformat()}, False
    if kind is RecordKind.OVERRIDE and course is not None:
        return complete_override(data, course=course, reason=reason, now=now)
    if kind is RecordKind.WAIVER and course is not None:
        return complete_waiver(data, course=course, now=now), False
    if kind is RecordKind.STOP_RESCISSION:
        raise BadFact("kind: a stop is rescinded on its own page, by two physicians")
    return data, False


def _judge_again(fact: ChartFact, *, now: datetime) -> None:
    """Judge the course of a fact that may change at once what is given; the caller holds its lock."""
    if fact.kind in AT_ONCE and fact.course_id is not None:
        judge_at_once(course_id=fact.course_id, now=now)


def append_fact(
    *,
    kind: RecordKind,
    data: Mapping[str, Any],
    by: User,
    patient: Patient,
    course: Course | None,
    now: datetime,
    reason: str = "",
    authenticated_at: datetime | None = None,
    withdraws: ChartFact | None = None,
    second_needed: bool = False,
    key: UUID | None = None,
) -> ChartFact:
    """Steps 4 to 6 in the caller's transaction, which has checked the right. Raises BadFact."""
    today = clinic_day(now, clinic_zone())
    plain = plain_data(data)
    if kind is RecordKind.OCCURRENCE_REVIEWS:
        plain.setdefault("on", today.isoformat())  # what shows later is not covered by it
    if unstorable := list(faults_of_texts({**plain, "reason": reason})):
        raise BadFact(*unstorable)
    value = _value(kind, plain, by=by, reason=reason)
    faults = list(faults_of(kind=kind, value=value, patient=patient, course=course, today=today))
    if kind in OF_PHYSICIANS and not stated(reason):
        faults.append("reason: is missing; say in a few words why")
    if faults:
        raise BadFact(*faults)
    about = isinstance(value, ResultMark | BaselineChoice)
    fact = ChartFact.objects.create(
        public_id=key or uuid4(),
        patient=patient,
        course=course,
        kind=kind,
        data=plain,
        result=named_result(value.result, patient=patient) if about else None,
        reason=stated(reason),
        second_needed=second_needed,
        withdraws=withdraws,
        recorded_by=by,
        printed_name=printed_name(by),
        authenticated_at=authenticated_at if kind in OF_PHYSICIANS else None,
        recorded_at=now,
    )
    _nudge(patient)
    return fact


def withdraw_fact(
    *,
    fact: ChartFact,
    by: User,
    reason: str,
    authenticated_at: datetime | None = None,
    now: datetime | None = None,
) -> ChartFact:
    """Take a fact back with a reason: it stays on record and counts no longer. Raises NotAllowed, BadFact."""
    kind, asked_at = RecordKind(fact.kind), now or database_now()
    check_may_record(kind, by=by, authenticated_at=authenticated_at, now=asked_at, takes_back=True)
    with transaction.atomic():
        patient, course = _locked(kind, patient=fact.patient, course=fact.course)
        now = now or database_now()
        check_may_end(fact, by=by, authenticated_at=authenticated_at, now=now)
        _check_withdrawal(fact, kind=kind, patient=patient, reason=reason)
        row = ChartFact.objects.create(
            patient=patient,
            course=course,
            kind=kind,
            reason=stated(reason),
            withdraws=fact,
            recorded_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at if kind in OF_PHYSICIANS else None,
            recorded_at=now,
        )
        _nudge(patient)
        _judge_again(row, now=now)
    return row


def confirm_fact(
    *, fact: ChartFact, by: User, authenticated_at: datetime, now: datetime | None = None
) -> FactConfirmation:
    """Confirm, as another physician, a fact that needs two; from then on it counts.

    What changes a locked baseline is followed in the same transaction. Raises NotAllowed, BadFact.
    """
    kind = RecordKind(fact.kind)
    if kind is RecordKind.STOP_RESCISSION:
        raise BadFact("fact: a rescission is confirmed on the page of the stop")
    check_right(by, JUDGE, else_say=FOR_PHYSICIANS)
    check_fresh(authenticated_at, now=now or database_now())
    if by.pk == fact.recorded_by_id:
        raise NotAllowed("You recorded this yourself; a second physician confirms it.")
    with transaction.atomic():
        patient, _course = _locked(kind, patient=fact.patient, course=fact.course)
        now = now or database_now()
        waiting = (
            ChartFact.objects.waiting().filter(pk=fact.pk).select_related("course", "recorded_by").first()
        )
        if waiting is None:
            raise BadFact(
                "fact: nothing waits for a confirmation here; it was confirmed or taken back before"
            )
        _check_still_so(waiting, patient=patient, today=clinic_day(now, clinic_zone()))
        confirmation = FactConfirmation.objects.create(
            fact=waiting,
            confirmed_by=by,
            printed_name=printed_name(by),
            authenticated_at=authenticated_at,
            confirmed_at=now,
        )
        if kind in _BASELINES:
            amend_baseline(fact=waiting, second=by, now=now)
        _nudge(patient)
        _judge_again(waiting, now=now)
    return confirmation


def _kind(kind: str) -> RecordKind:
    if kind not in RecordKind.values:
        raise BadFact(f"kind: {kind!r} is not one of: {', '.join(RecordKind.values)}")
    return RecordKind(kind)


def _locked(
    kind: RecordKind, *, patient: Patient | None, course: Course | None
) -> tuple[Patient, Course | None]:
    """The patient and the course the fact belongs to, locked in this order so that nothing passes by."""
    if kind in OF_COURSE:
        if course is None:
            raise BadFact("course: this kind of fact belongs to a course; name it")
        patient = course.patient
    elif patient is None:
        if course is None:
            raise BadFact("patient: is missing")
        patient = course.patient
    # Not against rows that only refer to the patient: a laboratory's results go on arriving.
    patient = Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)
    if kind is RecordKind.STOP_RESCISSION and course is not None:  # of a course that is stopped
        return patient, Course.objects.select_for_update().get(pk=course.pk)
    of_patient = Course.objects.open().select_for_update().filter(patient=patient).first()
    if kind not in OF_COURSE:
        return patient, None
    if of_patient is None or course is None or of_patient.pk != course.pk:
        raise BadFact("course: it is closed; nothing is recorded on it any more")
    return patient, of_patient


def _check_withdrawal(fact: ChartFact, *, kind: RecordKind, patient: Patient, reason: str) -> None:
    """Only what stands can be taken back, for a reason, and never a baseline that is locked."""
    faults = list(faults_of_texts({"reason": reason}))
    if not stated(reason):
        faults.append("reason: is missing; say in a few words why it is taken back")
    if fact.kind != kind or fact.patient_id != patient.pk:
        faults.append("fact: it is of another kind or another patient")
    if not ChartFact.objects.standing().filter(pk=fact.pk).exists():
        faults.append("fact: it was taken back before; look at the newest one")
    if fact.kind == RecordKind.STOP_RESCISSION and FactConfirmation.objects.filter(fact=fact).exists():
        faults.append("fact: two physicians rescinded this stop; whoever disagrees holds the course")
    if fact.kind in _BASELINES and FactConfirmation.objects.filter(fact=fact).exists():
        faults.append("fact: two physicians confirmed this baseline; two physicians amend it with a new one")
    elif BaselineLock.objects.current().filter(declared=fact).exists() or _is_amended(fact):
        faults.append("fact: it is a locked baseline; two physicians may amend it")
    if faults:
        raise BadFact(*faults)


def _is_amended(fact: ChartFact) -> bool:
    """Whether a locked baseline rests on this fact."""
    return BaselineLock.objects.current().filter(amendment=fact).exists()


def _check_still_so(fact: ChartFact, *, patient: Patient, today: date) -> None:
    """What was right when it was recorded may not be so any more."""
    kind = RecordKind(fact.kind)
    value = _value(kind, fact.data or {}, by=fact.recorded_by, reason=fact.reason)
    faults = list(faults_of(kind=kind, value=value, patient=patient, course=fact.course, today=today))
    if faults:
        raise BadFact(*faults)


def _value(kind: RecordKind, data: Mapping[str, Any], *, by: User, reason: str) -> Any:
    """The rules' value of the data. Raises BadFact."""
    given = [key for key in FILLED_IN if key in data]
    if given:
        raise BadFact(*(f"{key}: is filled in by the service; leave it out" for key in given))
    if "reason" in KINDS[kind].filled_in and not stated(reason):
        raise BadFact("reason: is missing; say in a few words why")
    try:
        return KINDS[kind].value(data, by=printed_name(by), reason=stated(reason), ref="")
    except Fault as fault:
        raise BadFact(*str(fault).splitlines()) from fault


def _nudge(patient: Patient) -> None:
    transaction.on_commit(
        lambda: evidence_changed.send_robust(sender=ChartFact, patient_ids=[patient.pk]), robust=True
    )
