"""What people do about a result kept apart: take it, say how it is to be understood, confirm, decline."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from labs.clock import database_now
from labs.models import (
    OwnershipEvent,
    QuarantinedResult,
    QuarantineResolution,
    ResolutionVerdict,
)
from labs.models.resolution import MAPPINGS, ResolutionKind
from labs.services.answers import BadResolution, checked_answer
from labs.services.authority import NotAllowed, check_fresh, check_right, printed_name, stated
from labs.services.doubted import patients_concerned
from labs.services.mapping import add_mapping, cure_others
from labs.services.record import Tally
from labs.services.replay import RESOLVE, Replayed, end, follow, lock_outcome, replay, save, tell

MAP = "labs.map_code"
_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What followed from a confirmation: this message read again, and others that the same word cured."""

    replayed: Replayed | None
    others: int
    left: int


def may_own(person: User) -> bool:
    """Whether this person may take a result that waits."""
    return person.has_perm(RESOLVE) or person.has_perm(MAP)


def right_for(kind: str) -> str:
    """The right that saying and confirming this takes: a map lasts, and so is not everybody's."""
    return MAP if kind in MAPPINGS else RESOLVE


def take(
    *, item: QuarantinedResult, by: User, seen_owner_id: int | None, now: datetime | None = None
) -> QuarantinedResult:
    """Own a result that waits, also in place of whoever the page showed. Raises NotAllowed, BadResolution."""
    if not may_own(by):
        raise NotAllowed("Your role does not resolve results kept apart.")
    with transaction.atomic():
        row = _locked(item)
        if row.owner_id == by.pk:
            return row
        if row.owner_id != seen_owner_id:
            raise BadResolution("owner: somebody else took it or gave it back meanwhile; look again")
        return _own(row, by=by, owner=by, kind=OwnershipEvent.Kind.TAKEN, now=now or database_now())


def give_back(*, item: QuarantinedResult, by: User, now: datetime | None = None) -> QuarantinedResult:
    """Stop owning a result, so that others see that nobody does. Raises BadResolution."""
    with transaction.atomic():
        row = _locked(item)
        if row.owner_id != by.pk:
            raise BadResolution("owner: it is not yours; only its owner gives it back")
        return _own(row, by=by, owner=None, kind=OwnershipEvent.Kind.GIVEN_BACK, now=now or database_now())


def state_resolution(
    *,
    item: QuarantinedResult,
    kind: str,
    data: Mapping[str, Any],
    reason: str,
    by: User,
    authenticated_at: datetime | None,
    now: datetime | None = None,
) -> QuarantineResolution:
    """Say how a held result is to be understood; nothing follows until another person confirms it.

    1. check right and password; 2. lock the row, which must be open with nothing else on the table; 3. check
    what is said against the message and our records; 4. append it. Raises NotAllowed, BadResolution.
    """
    now = now or database_now()
    proven = _check_may(by, kind, authenticated_at=authenticated_at, now=now)
    with transaction.atomic():
        row = _locked(item)
        if waiting_on(row) is not None:
            raise BadResolution("item: something was said of it already; confirm or decline that first")
        if not stated(reason) or len(reason) > _LONGEST_REASON or "\0" in reason:
            raise BadResolution("reason: say in a few words why, in at most 1000 letters")
        patient, said = checked_answer(row, kind, data)
        return QuarantineResolution.objects.create(
            item=row,
            kind=kind,
            patient=patient,
            data=said,
            reason=stated(reason),
            by=by,
            printed_name=printed_name(by),
            authenticated_at=proven,
            at=now,
        )


def confirm_resolution(
    *,
    resolution: QuarantineResolution,
    by: User,
    authenticated_at: datetime | None,
    now: datetime | None = None,
) -> Confirmed:
    """Confirm, as another person, what was said; the message is read again in the same transaction.

    Other messages that a new map cures follow, each in a transaction of its own, so that one that cannot be
    read undoes nothing. Raises NotAllowed, BadResolution, StillUnreadable.
    """
    now = now or database_now()
    _check_may(by, resolution.kind, authenticated_at=authenticated_at, now=now)
    if resolution.by_id == by.pk:
        raise NotAllowed("You said this yourself; a second person confirms it.")
    with transaction.atomic():
        row = _locked(resolution.item)
        said = _on_the_table(resolution, row)
        if checked_answer(row, said.kind, said.data) != (said.patient, said.data):
            raise BadResolution(
                "item: the message or our record reads differently now; decline this and look"
            )
        _end_resolution(said, by=by, authenticated_at=authenticated_at, confirmed=True, reason="", now=now)
        words = (
            f"{said.get_kind_display()}: said by {said.printed_name}, confirmed by {printed_name(by)}. "
            f"{said.reason}"
        )
        replayed = None
        if said.kind == ResolutionKind.REJECT:
            _reject(row, by=by, words=words, now=now)
        else:
            if said.kind in MAPPINGS:
                add_mapping(said)
            replayed = replay(message_id=row.message_id, by=by, words=words, now=now, because=said)
    others, left = cure_others(said, by=by, words=words, now=now) if said.kind in MAPPINGS else (0, 0)
    return Confirmed(replayed=replayed, others=others, left=left)


def decline_resolution(
    *, resolution: QuarantineResolution, by: User, reason: str, now: datetime | None = None
) -> ResolutionVerdict:
    """Take what was said off the table, one's own word too; the result waits as before.

    Raises NotAllowed, BadResolution.
    """
    check_right(by, right_for(resolution.kind), else_say="Your role does not judge this.")
    with transaction.atomic():
        said = _on_the_table(resolution, _locked(resolution.item))
        if not stated(reason) or len(reason) > _LONGEST_REASON or "\0" in reason:
            raise BadResolution("reason: say in a few words why, in at most 1000 letters")
        return _end_resolution(
            said,
            by=by,
            authenticated_at=None,
            confirmed=False,
            reason=stated(reason),
            now=now or database_now(),
        )


def waiting_on(item: QuarantinedResult) -> QuarantineResolution | None:
    """What was said of a result and waits for a second person."""
    return item.resolutions.filter(verdict__isnull=True).select_related("patient", "by").first()


def _check_may(by: User, kind: str, *, authenticated_at: datetime | None, now: datetime) -> datetime:
    """Refuse a wrong role or an old password; returns when it was given."""
    if kind not in ResolutionKind.values:
        raise BadResolution(f"kind: {kind!r} is not one of: {', '.join(ResolutionKind.values)}")
    words = (
        "Physicians and physicists map codes and units." if kind in MAPPINGS else "Nurses and physicians do."
    )
    check_right(by, right_for(kind), else_say=f"Your role does not judge this. {words}")
    return check_fresh(authenticated_at, now=now)


def _locked(item: QuarantinedResult) -> QuarantinedResult:
    """The row, locked after its message's outcome, as long as it waits. Raises BadResolution."""
    lock_outcome(item.message_id)
    row = QuarantinedResult.objects.select_for_update(of=("self",)).select_related("message").get(pk=item.pk)
    if row.state != QuarantinedResult.State.OPEN:
        raise BadResolution("item: it was resolved before; nothing more is done to it")
    return row


def _on_the_table(resolution: QuarantineResolution, row: QuarantinedResult) -> QuarantineResolution:
    waiting = waiting_on(row)
    if waiting is None or waiting.pk != resolution.pk:
        raise BadResolution("item: this was confirmed or declined before; look again")
    return waiting


def _own(
    row: QuarantinedResult, *, by: User, owner: User | None, kind: str, now: datetime
) -> QuarantinedResult:
    row.owner, row.owned_since = owner, now if owner else None
    row.save(update_fields=["owner", "owned_since"])
    OwnershipEvent.objects.create(item=row, kind=kind, by=by, printed_name=printed_name(by), at=now)
    return row


def _end_resolution(
    said: QuarantineResolution,
    *,
    by: User,
    authenticated_at: datetime | None,
    confirmed: bool,
    reason: str,
    now: datetime,
) -> ResolutionVerdict:
    return ResolutionVerdict.objects.create(
        resolution=said,
        confirmed=confirmed,
        reason=reason,
        stated_by=said.by,
        by=by,
        printed_name=printed_name(by),
        authenticated_at=authenticated_at,
        at=now,
    )


def _reject(row: QuarantinedResult, *, by: User, words: str, now: datetime) -> None:
    """The result is not used: it stays on record, and holds no cycle any longer."""
    outcome = lock_outcome(row.message_id)
    end(row, by=by, words=words, now=now)
    save([row])
    follow(outcome, Tally(), is_read=False)
    tell(patients_concerned([row]) if row.patient_id is None else {row.patient_id})
