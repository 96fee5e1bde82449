"""Record a call or visit with what follows from it, correct it, and take it back with its facts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from courses.call_library import call_plans
from courses.fact_kinds import faults_of_texts
from courses.models import (
    CallFact,
    CallOutcome,
    CallSettled,
    ChartFact,
    Course,
    Cycle,
    PatientCall,
)
from courses.rules.calls import OTHER
from courses.services.authority import BadFact, check_right, printed_name, stated
from courses.services.call_checks import faults_of_call, questions_for
from courses.services.call_facts import (
    Writer,
    facts_of,
    holds_course,
    lasting_symptoms,
    place_hold,
    undo,
    write_symptoms,
)
from courses.services.call_said import CallSaid, HoldAnswer
from courses.services.manifests import digest
from labs.clock import database_now
from labs.models import Patient

RECORD = "courses.record_fact"
_MAY_NOT = "Only nurses and physicians record calls and visits."
_SENT_BEFORE = "form: it was recorded before, and with other words; open that call and correct it"
_CHANGED = "form: somebody changed this call since you opened it; nothing was recorded. Read theirs first"


class StaleCall(BadFact):
    """The call was changed by somebody else since the form was made."""

    def __init__(self) -> None:
        super().__init__(_CHANGED)


def record_call(
    *, course: Course, key: UUID, said: CallSaid, by: User, now: datetime | None = None
) -> PatientCall:
    """Record a call or visit, what the patient reports as facts, and the hold, all or nothing.

    1. check the right; 2. lock patient and course; 3. the same form sent again is the same call; 4. refuse
    what cannot be so or is missing; 5. append the call; 6. record symptoms and hold as every other fact,
    which has the course assessed again; 7. link them, and what the call settles.

    `key` is made with the form. Raises NotAllowed, BadFact.
    """
    check_right(by, RECORD, else_say=_MAY_NOT)
    with transaction.atomic():
        locked = _locked(course)
        now = now or database_now()
        sent_before = PatientCall.objects.filter(public_id=key).order_by("version").first()
        if sent_before is not None:
            return _same(sent_before, said, course=locked, by=by)
        _check(said, course=locked, now=now)
        call = _append(said, course=locked, by=by, now=now, public_id=key)
        writer = Writer(course=locked, by=by, now=now, reason="Said in a later call.")
        known = lasting_symptoms(locked)
        _link(
            call,
            [*write_symptoms(said, known=known, writer=writer), *place_hold(said, writer=writer)],
            said.settles,
        )
    return call


def correct_call(
    *, call: PatientCall, seen: int, said: CallSaid, reason: str, by: User, now: datetime | None = None
) -> PatientCall:
    """Record a newer version of a call; its facts follow it, in the same commit.

    What a call is about (its cycle and day) is not corrected: then it is taken back and recorded anew.
    Raises NotAllowed, StaleCall, BadFact.
    """
    check_right(by, RECORD, else_say=_MAY_NOT)
    with transaction.atomic():
        locked = _locked(call.course)
        now = now or database_now()
        newest = _newest(call)
        if _is_same(newest, said.sha256(), by=by) and newest.version == seen + 1:
            return newest
        _check_seen(newest, seen=seen)
        known = facts_of(newest)
        _check(said, course=locked, now=now, reason=reason, known=known)
        after = _append(
            said,
            course=locked,
            by=by,
            now=now,
            public_id=newest.public_id,
            corrects=newest,
            reason=reason,
        )
        writer = Writer(course=locked, by=by, now=now, reason=stated(reason))
        mistaken = {row.fact for row in said.symptoms if row.is_mistake}
        for fact in known:
            if str(fact.public_id) in mistaken:
                undo(fact, call=newest, writer=writer)
        made = [*write_symptoms(said, known=known, writer=writer), *place_hold(said, writer=writer)]
        replaced = {fact.withdraws_id for fact in made}
        kept = [fact for fact in known if fact.pk not in replaced and str(fact.public_id) not in mistaken]
        _link(after, [*kept, *made], said.settles)
    return after


def take_back_call(
    *,
    call: PatientCall,
    seen: int,
    reason: str,
    by: User,
    authenticated_at: datetime | None = None,
    now: datetime | None = None,
) -> PatientCall:
    """Take a call back as a mistake, with every fact that it recorded: all of them, or nothing.

    Raises NotAllowed, StaleCall, BadFact.
    """
    check_right(by, RECORD, else_say=_MAY_NOT)
    with transaction.atomic():
        locked = _locked(call.course)
        now = now or database_now()
        newest, sha256 = _newest(call), digest({"taken back": stated(reason)})
        if _is_same(newest, sha256, by=by) and newest.version == seen + 1:
            return newest
        _check_seen(newest, seen=seen)
        if faults := list(_faults_of_reason(reason)):
            raise BadFact(*faults)
        writer = Writer(
            course=locked, by=by, now=now, reason=stated(reason), authenticated_at=authenticated_at
        )
        for fact in facts_of(newest):
            undo(fact, call=newest, writer=writer)
        taken_back = {"outcome": CallOutcome.TAKEN_BACK, "form_sha256": sha256}
        return _version(newest, by=by, now=now, reason=reason, **taken_back)


def _locked(course: Course) -> Course:
    """The course with its patient, locked in the order in which facts are recorded."""
    Patient.objects.select_for_update(no_key=True).get(pk=course.patient_id)
    Course.objects.select_for_update().get(pk=course.pk)
    return Course.objects.select_related("patient").get(pk=course.pk)


def _same(call: PatientCall, said: CallSaid, *, course: Course, by: User) -> PatientCall:
    """The call that the same form made before. Raises BadFact where it was another form."""
    if call.course_id != course.pk or not _is_same(call, said.sha256(), by=by):
        raise BadFact(_SENT_BEFORE)
    return call


def _is_same(call: PatientCall, form_sha256: str, *, by: User) -> bool:
    return call.form_sha256 == form_sha256 and call.recorded_by_id == by.pk


def _newest(call: PatientCall) -> PatientCall:
    found: PatientCall = PatientCall.objects.filter(public_id=call.public_id).latest("version")
    return found


def _check_seen(call: PatientCall, *, seen: int) -> None:
    if call.version != seen:
        raise StaleCall
    if call.outcome == CallOutcome.TAKEN_BACK:
        raise BadFact("form: this call was taken back; record another one")


def _check(
    said: CallSaid,
    *,
    course: Course,
    now: datetime,
    reason: str | None = None,
    known: Iterable[ChartFact] = (),
) -> None:
    faults = list(faults_of_call(said, course=course, now=now, holds_already=holds_course(known)))
    if reason is not None:
        faults.extend(_faults_of_reason(reason))
    if faults:
        raise BadFact(*faults)


def _faults_of_reason(reason: str) -> Iterable[str]:
    yield from faults_of_texts({"reason": reason})
    if not stated(reason):
        yield "reason: is missing; say in a few words why"


def _append(
    said: CallSaid,
    *,
    course: Course,
    by: User,
    now: datetime,
    public_id: UUID,
    corrects: PatientCall | None = None,
    reason: str = "",
) -> PatientCall:
    """The row of a call, or of its next version."""
    spoken = said.outcome == CallOutcome.SPOKEN
    planned = said.occasion != OTHER
    asked = questions_for(said.occasion, course.patient) if spoken else ()
    held_off = said.hold == HoldAnswer.GO_ON
    fields: dict[str, Any] = {
        "course": course,
        "occasion": said.occasion,
        "cycle": Cycle.objects.filter(course=course, number=said.cycle or 0).first() if planned else None,
        "about_on": said.about_on if planned else None,
        "outcome": said.outcome,
        "spoken_at": said.spoken_at,
        "channel": said.channel,
        "spoken_by": stated(said.spoken_by),
        "spoken_with": said.spoken_with if spoken else "",
        "spoken_with_name": stated(said.spoken_with_name) if spoken else "",
        "answers": [{"id": q.id, "text": q.text, "answer": said.answers[q.id]} for q in asked],
        "questions_sha256": call_plans().sha256,
        "note": stated(said.note),
        "advice": stated(said.advice),
        "not_held_because": stated(said.hold_reason) if held_off else "",
        "call_back_who": said.call_back_who,
        "call_back_by": said.call_back_by,
        "call_back_about": stated(said.call_back_about),
        "form_sha256": said.sha256(),
    }
    if corrects is not None:
        return _version(corrects, by=by, now=now, reason=reason, **fields)
    return PatientCall.objects.create(
        public_id=public_id, recorded_by=by, printed_name=printed_name(by), recorded_at=now, **fields
    )


_COPIED = (
    "public_id", "course", "occasion", "cycle", "about_on", "outcome", "spoken_at", "channel", "spoken_by",
    "spoken_with", "spoken_with_name", "answers", "questions_sha256", "note", "advice", "not_held_because",
    "call_back_who", "call_back_by", "call_back_about", "form_sha256",
)  # fmt: skip


def _version(before: PatientCall, *, by: User, now: datetime, reason: str, **changed: Any) -> PatientCall:
    """The next version: what stood before, with what changed."""
    fields = {name: getattr(before, name) for name in _COPIED} | changed
    return PatientCall.objects.create(
        version=before.version + 1,
        corrects=before,
        reason=stated(reason),
        recorded_by=by,
        printed_name=printed_name(by),
        recorded_at=now,
        **fields,
    )


def _link(call: PatientCall, facts: Iterable[ChartFact], settles: Iterable[UUID]) -> None:
    for fact in facts:
        CallFact.objects.create(call=call, fact=fact)
    for public_id in settles:
        settled = PatientCall.objects.filter(public_id=public_id).latest("version")
        if settled.public_id != call.public_id:
            CallSettled.objects.create(call=call, settled=settled)
