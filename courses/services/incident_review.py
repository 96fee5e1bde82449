"""Write what people do about an incident: notes, the regulator told, no event after all, closed."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import Course, Incident, IncidentAct, IncidentActKind
from courses.services.authority import NotAllowed, Refused, check_fresh, check_right, printed_name, stated
from labs.clock import database_now

__all__ = ["NotAllowed", "Refused", "act_on_incident"]

# What is said once; a correction of it is a note.
_ONCE = (
    IncidentActKind.NOTIFIED,
    IncidentActKind.REPORTED,
    IncidentActKind.NO_EVENT,
    IncidentActKind.CLOSED,
)


def act_on_incident(
    *,
    incident: Incident,
    kind: str,
    text: str,
    by: User,
    authenticated_at: datetime | None,
    now: datetime | None = None,
) -> IncidentAct:
    """Append one act to the review of an incident.

    1. check the right, the password, the kind and the text; 2. lock the course; 3. refuse what the acts so
    far do not allow; 4. append the act. A closed review takes notes only.

    Raises NotAllowed, Refused.
    """
    check_right(
        by,
        "courses.review_incident",
        else_say="Only physicians and medical physicists review an incident.",
    )
    fresh = check_fresh(authenticated_at, now=now or database_now())
    if kind not in IncidentActKind.values:
        raise Refused("Choose what was done from the list.")
    said = stated(text)
    if not said:
        raise Refused(
            "Write what was done: whom you told, when, and what they said; or why this is no event."
        )
    with transaction.atomic():
        Course.objects.select_for_update().get(pk=incident.cycle.course_id)
        now = now or database_now()
        before = {act.kind: act for act in incident.acts.order_by("-pk")}
        _check_allowed(incident, kind=IncidentActKind(kind), before=before)
        return IncidentAct.objects.create(
            incident=incident,
            kind=kind,
            text=said,
            actor=by,
            printed_name=printed_name(by),
            authenticated_at=fresh,
            at=now,
        )


def _check_allowed(incident: Incident, *, kind: IncidentActKind, before: dict[str, IncidentAct]) -> None:
    """Whether the acts so far leave room for this one. Raises Refused with what to do instead."""
    if kind is IncidentActKind.NOTE:
        return
    if IncidentActKind.CLOSED in before:
        raise Refused("This review is closed. What is still to be said is added as a note.")
    if kind in _ONCE and (same := before.get(kind)) is not None:
        raise Refused(
            f"{same.printed_name} recorded this already ({same.at:%Y-%m-%d %H:%M} UTC). Add a note instead."
        )
    if kind is IncidentActKind.CLOSED:
        _check_finished(incident, before=before)
    elif kind is IncidentActKind.NO_EVENT and IncidentActKind.REPORTED in before:
        raise Refused("A written report was sent, so it was taken for an event. Add a note instead.")


def _check_finished(incident: Incident, *, before: dict[str, IncidentAct]) -> None:
    """A review ends once the regulator has what is due, or somebody found that it is no event."""
    if IncidentActKind.NO_EVENT in before:
        return
    waits = []
    if incident.notify_by and IncidentActKind.NOTIFIED not in before:
        waits.append("that the regulator was notified")
    if incident.report_by and IncidentActKind.REPORTED not in before:
        waits.append("that the written report was sent")
    if waits:
        raise Refused(f"Before it is closed record {' and '.join(waits)}, or that it is no medical event.")
