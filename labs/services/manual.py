"""Enter a result that was typed from a report or phoned; a second person verifies or withdraws it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from labs.clock import database_now
from labs.models import LabMessage, ManualAct, MessageOutcome, Observation, Patient
from labs.services.authority import NotAllowed, check_fresh, check_right, printed_name, stated
from labs.services.keep import keep_message
from labs.services.manual_checks import (
    LONGEST,
    BadEntry,
    checked_call,
    checked_value,
    content_of,
    faults_of_choices,
    faults_of_words,
    said_by,
)
from labs.services.opening import MANUAL
from labs.services.read import read_waiting_messages

ENTER = "labs.enter_result"
_NO_RIGHT = "Only nurses and physicians enter and verify results."


def enter_result(
    *,
    patient: Patient,
    entry: UUID,
    analyte: str,
    value: str,
    unit: str,
    collected: datetime,
    source: str,
    by: User,
    comparator: str = "",
    ref_range: str = "",
    caller: str = "",
    called_at: datetime | None = None,
    read_back: bool = False,
    confirmed: bool = False,
    now: datetime | None = None,
) -> ManualAct:
    """Store one typed result, unverified: it may hold, delay and alert at once, and clears nothing.

    1. check the right and every field; 2. keep the form as a message; 3. read it like any other; all in one
    transaction. `collected` is local clinic time without a zone. The same `entry` sent twice is one entry.
    Raises NotAllowed, BadEntry.
    """
    check_right(by, ENTER, else_say=_NO_RIGHT)
    now = now or database_now()
    typed = {"value": value, "unit": unit, "ref_range": ref_range, "caller": caller}
    call = checked_call(source=source, caller=caller, called_at=called_at, read_back=read_back, now=now)
    faults = [*faults_of_words(typed), *call]
    content = content_of(
        patient=patient,
        entry=entry,
        analyte=analyte,
        typed=typed,
        comparator=comparator,
        collected=collected,
    )
    faults += faults_of_choices(analyte=analyte, comparator=comparator, source=source)
    if faults:
        raise BadEntry(*faults)
    content["comment"] = said_by(source=source, caller=caller, called_at=called_at)
    content["confirmed_value"] = checked_value(content, patient=patient, confirmed=confirmed, now=now)
    facts = {"source": source, "caller": stated(caller), "called_at": called_at, "read_back": read_back}
    with transaction.atomic():
        _lock(patient)
        known = (
            ManualAct.objects.filter(entry=entry, kind=ManualAct.Kind.ENTER).select_related("message").first()
        )
        if known is not None:
            return _same(known, content)
        return _store(
            content, kind=ManualAct.Kind.ENTER, patient=patient, entered_by=by, by=by, now=now, **facts
        )


def verify_result(
    *, act: ManualAct, by: User, authenticated_at: datetime | None, now: datetime | None = None
) -> ManualAct:
    """Say, as another person who has looked at the source, that a typed result is right; it counts from now.

    Raises NotAllowed, BadEntry.
    """
    return _follow(act, ManualAct.Kind.VERIFY, by=by, authenticated_at=authenticated_at, now=now)


def withdraw_result(
    *,
    act: ManualAct,
    by: User,
    reason: str,
    authenticated_at: datetime | None,
    now: datetime | None = None,
) -> ManualAct:
    """Take a typed result back, as another person and with a reason, by a further version of it.

    Raises NotAllowed, BadEntry.
    """
    if not stated(reason) or len(reason) > LONGEST["reason"] or "\0" in reason:
        raise BadEntry("reason: say in a few words what is wrong, in at most 1000 letters")
    return _follow(
        act,
        ManualAct.Kind.WITHDRAW,
        by=by,
        authenticated_at=authenticated_at,
        reason=stated(reason),
        now=now,
    )


def _follow(
    act: ManualAct,
    kind: str,
    *,
    by: User,
    authenticated_at: datetime | None,
    reason: str = "",
    now: datetime | None,
) -> ManualAct:
    """A second person's act on an entry: a further message, and by it a further version of the result."""
    check_right(by, ENTER, else_say=_NO_RIGHT)
    now = now or database_now()
    proven = check_fresh(authenticated_at, now=now)
    if by.pk == act.entered_by_id:
        raise NotAllowed("You entered this yourself; a second person looks at the source.")
    with transaction.atomic():
        _lock(act.patient)
        acts = (
            ManualAct.objects.filter(entry=act.entry).select_related("message", "entered_by").order_by("pk")
        )
        done = {each.kind: each for each in acts}
        if ManualAct.Kind.WITHDRAW in done:
            raise BadEntry("entry: it was withdrawn before; enter the right result anew")
        if kind in done:
            raise BadEntry("entry: it was verified before")
        first = done[ManualAct.Kind.ENTER]
        content = {**json.loads(bytes(first.message.body)), "act": kind}
        content["comment"] = reason or content["comment"]
        return _store(
            content,
            kind=kind,
            patient=first.patient,
            entered_by=first.entered_by,
            by=by,
            now=now,
            reason=reason,
            authenticated_at=proven,
            source=first.source,
            caller=first.caller,
            called_at=first.called_at,
            read_back=first.read_back,
        )


def _lock(patient: Patient) -> None:
    """So that no two people act on one entry at once; a laboratory's results go on arriving."""
    Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)


def _store(
    content: Mapping[str, Any],
    *,
    kind: str,
    patient: Patient,
    entered_by: User,
    by: User,
    now: datetime,
    **facts: Any,
) -> ManualAct:
    """Keep the act as a message, say whose it is, and read it through the same door as every result."""
    body = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
    kept = keep_message(body=body, door=LabMessage.Door.MANUAL, peer=by.get_username(), feed=MANUAL)
    act = ManualAct.objects.create(
        entry=UUID(content["entry"]),
        kind=kind,
        patient=patient,
        message_id=kept.message_id,
        entered_by=entered_by,
        by=by,
        printed_name=printed_name(by),
        at=now,
        **facts,
    )
    read_waiting_messages(ids=[kept.message_id])
    outcome = MessageOutcome.objects.get(message_id=kept.message_id)
    if outcome.held or not Observation.objects.filter(message_id=kept.message_id).exists():
        raise BadEntry(f"entry: {outcome.reason or 'it could not be stored; tell support'}")
    return act


def _same(known: ManualAct, content: Mapping[str, Any]) -> ManualAct:
    """The entry a form made when it was sent before; the same form cannot hold two results."""
    if json.loads(bytes(known.message.body)) != content:
        raise BadEntry("entry: this form was sent before with another content; open a new one")
    return known
