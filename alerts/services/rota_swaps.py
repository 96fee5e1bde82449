"""People's own part of the rota: days away, and duties offered to and taken over from each other."""

from datetime import date, datetime

from django.contrib.auth.models import User
from django.db import transaction

from alerts.models import RotaAbsence, RotaSwap
from alerts.models.rota import RotaEventKind
from alerts.models.rota_changes import SwapState
from alerts.rota_rules import Layer, Shift, duties
from alerts.services.on_call import shifts_between
from alerts.services.rota_acts import (
    MANAGE,
    SWAP,
    BadRota,
    RotaMoved,
    changing_rota,
    faults_of_people,
    write_event,
)
from alerts.services.rota_edit import override_with, overrides_between, take_away
from alerts.services.rota_shifts import AHEAD
from alerts.services.watch_rota import watch_rota
from labs.clock import database_now
from labs.services.authority import NotAllowed, check_right, printed_name

_NOT_YOURS = "Only whoever has the on-call role offers and takes over duties. Ask whoever leads the rota."


def duties_of(person: User, *, now: datetime) -> list[Shift]:
    """The duties of a person that have not begun, in order."""
    held = duties(shifts_between(now, now + AHEAD))
    return [duty for duty in held if duty.person == person.pk and duty.starts_at > now]


def propose_swap(
    *,
    starts_at: datetime,
    ends_at: datetime,
    other: User,
    back: tuple[datetime, datetime] | None = None,
    by: User,
    now: datetime | None = None,
) -> RotaSwap:
    """Offer a duty to somebody, perhaps for one of theirs. Raises NotAllowed or BadRota."""
    check_right(by, SWAP, else_say=_NOT_YOURS)
    now = now or database_now()
    faults = faults_of_people([other], field="other")
    if other.pk == by.pk:
        faults.append("other: choose somebody else")
    if _duty(by, starts_at, ends_at, now=now) is None:
        faults.append("duty: this is not a duty of yours that is still to come")
    if back is not None and _duty(other, *back, now=now) is None:
        faults.append("back: this is not a duty of theirs that is still to come")
    if faults:
        raise BadRota(*faults)
    with transaction.atomic():
        made = RotaSwap.objects.create(
            proposer=by,
            other=other,
            starts_at=starts_at,
            ends_at=ends_at,
            back_starts_at=back[0] if back else None,
            back_ends_at=back[1] if back else None,
            proposed_at=now,
        )
        words = f"{printed_name(by)} offers a duty to {printed_name(other)}."
        write_event(RotaEventKind.SWAP_PROPOSED, actor=by, now=now, words=words, person=other, swap=made.pk)
    return made


def answer_swap(swap: RotaSwap, *, accept: bool, by: User, now: datetime | None = None) -> None:
    """Take the offered duty over, or decline. Raises NotAllowed, RotaMoved, BadRota; nothing changes then."""
    check_right(by, SWAP, else_say=_NOT_YOURS)
    if by.pk != swap.other_id:
        raise NotAllowed("Only the person to whom a duty is offered answers.")
    now = now or database_now()
    if not accept:
        _settle(swap, SwapState.DECLINED, RotaEventKind.SWAP_DECLINED, by=by, now=now)
        return
    with changing_rota(now=now):
        found = _settle(swap, SwapState.ACCEPTED, RotaEventKind.SWAP_ACCEPTED, by=by, now=now)
        _take(found, to=found.other, span=(found.starts_at, found.ends_at), by=by, now=now)
        if found.back_starts_at and found.back_ends_at:
            _take(found, to=found.proposer, span=(found.back_starts_at, found.back_ends_at), by=by, now=now)


def withdraw_swap(swap: RotaSwap, *, by: User, now: datetime | None = None) -> None:
    """Take an offer back. Raises NotAllowed or RotaMoved."""
    if by.pk != swap.proposer_id:
        raise NotAllowed("Only whoever offered a duty withdraws the offer.")
    _settle(swap, SwapState.WITHDRAWN, RotaEventKind.SWAP_WITHDRAWN, by=by, now=now or database_now())


def _settle(swap: RotaSwap, state: SwapState, kind: RotaEventKind, *, by: User, now: datetime) -> RotaSwap:
    """The answer to an offer that still waits for one."""
    with transaction.atomic():
        found = (
            RotaSwap.objects.select_for_update(no_key=True, of=("self",))
            .select_related("proposer", "other")
            .get(pk=swap.pk)
        )
        if found.state != SwapState.PROPOSED:
            raise RotaMoved("This offer was answered or withdrawn meanwhile. Open it again.")
        found.state, found.answered_at = state, now
        found.save(update_fields=["state", "answered_at"])
        names = f"{printed_name(found.proposer)} to {printed_name(found.other)}"
        write_event(kind, actor=by, now=now, words=f"Offer of {names}: {state.label.lower()}.", swap=found.pk)
    return found


def _take(swap: RotaSwap, *, to: User, span: tuple[datetime, datetime], by: User, now: datetime) -> None:
    """One duty of the swap goes to the other person, if it still stands as it was offered."""
    giver = swap.proposer if to.pk == swap.other_id else swap.other
    duty = _duty(giver, *span, now=now)
    if duty is None:
        raise RotaMoved("A duty of this offer has changed or begun since. Ask for a new offer.")
    if duty.layer is Layer.OVERRIDE:
        for override in overrides_between(*span).filter(starts_at=span[0], ends_at=span[1]):
            take_away(override, by=by, now=now)
    reason = f"Taken over from {printed_name(giver)}."
    override_with(person=to, starts_at=span[0], ends_at=span[1], reason=reason, by=by, now=now, swap=swap)


def _duty(person: User, starts_at: datetime, ends_at: datetime, *, now: datetime) -> Shift | None:
    """The duty of a person that begins and ends exactly then and is still to come."""
    mine = duties_of(person, now=now)
    return next((duty for duty in mine if (duty.starts_at, duty.ends_at) == (starts_at, ends_at)), None)


def say_away(
    *, person: User, first_day: date, last_day: date, by: User, now: datetime | None = None
) -> RotaAbsence:
    """Say that somebody must not be on call on these days. Raises NotAllowed or BadRota."""
    _check_own(person, by=by)
    now = now or database_now()
    if last_day < first_day:
        raise BadRota("last_day: not before the first day")
    with transaction.atomic():
        made = RotaAbsence.objects.create(
            person=person, first_day=first_day, last_day=last_day, said_at=now, said_by=by
        )
        words = f"{printed_name(person)} is away from {first_day} to {last_day}."
        write_event(RotaEventKind.AWAY, actor=by, now=now, words=words, person=person)
    watch_rota(now=now)
    return made


def take_absence_back(absence: RotaAbsence, *, by: User, now: datetime | None = None) -> None:
    """The person is not away after all. Raises NotAllowed or RotaMoved."""
    _check_own(absence.person, by=by)
    now = now or database_now()
    with transaction.atomic():
        changed = RotaAbsence.objects.filter(pk=absence.pk, withdrawn_at__isnull=True).update(
            withdrawn_at=now
        )
        if not changed:
            raise RotaMoved("This was taken back already.")
        words = f"{printed_name(absence.person)} is not away from {absence.first_day} after all."
        write_event(RotaEventKind.BACK, actor=by, now=now, words=words, person=absence.person)
    watch_rota(now=now)


def _check_own(person: User, *, by: User) -> None:
    if not by.has_perm(MANAGE) and not (by.pk == person.pk and by.has_perm(SWAP)):
        raise NotAllowed("Days away are said by the person, or by whoever leads the rota.")
