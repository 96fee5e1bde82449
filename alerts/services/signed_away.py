"""End an alert whose decision a physician has signed: it was decided, whatever else would come of it."""

from datetime import datetime

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.raising import close
from courses.models import Signature

# Why such an alert ended, as its record says; the budget counts by it.
SIGNED = "a physician signed its decision"
# What a physician's signature on the decision itself answers.
_SIGNED_AWAY = (Kind.STOP, Kind.DELAY, Kind.REDUCE)


def close_if_signed(alert: Alert, *, now: datetime) -> bool:
    """Whether a physician had signed what it tells of; then it has ended, with that person's name.

    The caller holds the alert's row lock.
    """
    signature = _signature(alert)
    if signature is None:
        return False
    close(alert, why=SIGNED, now=now, actor=signature.signer)
    return True


def _signature(alert: Alert) -> Signature | None:
    """The newest signature on what the alert tells of."""
    if alert.kind not in _SIGNED_AWAY or alert.decision is None:
        return None
    return (
        Signature.objects.select_related("signer").filter(decision=alert.decision.verdict_origin_id).first()
    )
