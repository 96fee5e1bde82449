"""Record whom somebody called about an alert, and whether they were reached; a critical value ends so."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from alerts.act_rules import Reached, Whom
from alerts.models import Alert, ReachRecord
from alerts.models.alert import EventKind
from alerts.models.reach import WHOM_WORDS
from alerts.rules import READ_BACK_KINDS, State
from alerts.services.acting import LONGEST_TEXT, ActRefused, check_may, lock
from alerts.services.raising import note
from alerts.services.read_back import record_readback
from labs.clock import database_now
from labs.services.authority import stated


def record_call(
    *,
    alert: Alert,
    person: User,
    key: UUID,
    whom: str,
    outcome: str,
    note_text: str = "",
    seen_event: int = 0,
    now: datetime | None = None,
) -> ReachRecord:
    """Add one call; the same `key` again is the same call.

    Of a critical value it says how the value was passed on, which ends the alert or tells the next people;
    about any other alert it changes nothing else. Raises MayNotAct, ActRefused, and for a critical value that
    changed after `seen_event` AlertHasChanged.
    """
    check_may(person, alert)
    if whom not in set(Whom):
        raise ActRefused("Whom: choose who was called from the list.")
    if outcome not in set(Reached):
        raise ActRefused("How it ended: choose one from the list.")
    said = stated(note_text)
    if whom == Whom.OTHER and not said:
        raise ActRefused("Note: say who was called.")
    if len(said) > LONGEST_TEXT:
        raise ActRefused(f"Note: use at most {LONGEST_TEXT} letters.")
    with transaction.atomic():
        locked = lock(alert)
        made = ReachRecord.objects.filter(key=key).first()
        if made is not None:
            if made.alert_id != locked.pk or made.by_id != person.pk:
                raise ActRefused("This form was used for another call. Open the alert again.")
            return made
        now = now or database_now()
        made = ReachRecord.objects.create(
            alert=locked, key=key, whom=whom, outcome=outcome, by=person, at=now, note=said
        )
        # The words of the note may name somebody; the event names nobody.
        detail = {"call": made.pk, "whom": whom, "outcome": outcome}
        note(locked, EventKind.CALLED, now=now, actor=person, detail=detail)
        if locked.kind in READ_BACK_KINDS and locked.state != State.CLOSED:
            record_readback(
                alert=locked,
                person=person,
                outcome=outcome,
                reached=WHOM_WORDS[Whom(whom)],
                note_text=said,
                seen_event=seen_event,
                now=now,
            )
    return made
