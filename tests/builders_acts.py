"""What the tests of acts by hand start from: alerts as a page shows them, and decisions that stand signed."""

from datetime import datetime, timedelta
from typing import Any

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.acknowledging import acknowledge
from alerts.services.acting import SeenAlert
from courses.models import Course, Decision, Signature
from tests.builders_alerts import NOW, make_alert, make_decision, make_person


def seen(alert: Alert) -> SeenAlert:
    """The alert as a page made now would show it."""
    alert.refresh_from_db()
    return SeenAlert(severity=alert.severity, event=alert.events.latest("pk").pk)


def take(alert: Alert, person: Any, *, now: datetime = NOW) -> None:
    """Somebody acknowledges it."""
    shown = seen(alert)
    acknowledge(alert=alert, person=person, seen_severity=shown.severity, seen_event=shown.event, now=now)
    alert.refresh_from_db()


def hold_alert(course: Course | None = None, **about: Any) -> Alert:
    """An urgent alert, which may be silenced."""
    return make_alert(course, kind=Kind.HOLD, **about)


def make_staff() -> None:
    """Somebody with an address in every role that a ladder tells, so that no alarm of an empty one begins."""
    for role in ("nurse", "physician", "pharmacist", "physicist", "on-call", "administrator"):
        make_person(f"staff-{role}", role)


def stand(course: Course, action: str, *, signer: Any = None) -> Decision:
    """A decision that stands in the course, signed or not."""
    decision = make_decision(course, action=action, made_at=NOW + timedelta(minutes=1))
    course.current_decision = decision
    course.save(update_fields=["current_decision"])
    if signer is not None:
        sign(decision, signer)
    return decision


def sign(decision: Decision, signer: Any) -> None:
    """A physician agrees with a decision."""
    Signature.objects.create(
        decision=decision,
        meaning=decision.action,
        signer=signer,
        printed_name=signer.get_username(),
        signed_at=NOW,
        authenticated_at=NOW,
        record_sha256="0" * 64,
    )
