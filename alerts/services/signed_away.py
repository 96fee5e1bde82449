"""End an alert that a physician's signature answers: on its decision, or on what took its place."""

from datetime import datetime

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.raising import close
from courses.models import Signature
from courses.services.sign import current_signature

# Why such an alert ended, as its record says; the budget counts by it.
SIGNED = "a physician signed its decision"
# The same where a newer decision had taken its place, and the signature is on what the course says since.
SIGNED_SINCE = "overtaken, and a physician signed what the course says since"
# What a physician's signature on the decision itself answers.
_SIGNED_AWAY = (Kind.STOP, Kind.DELAY, Kind.REDUCE)


def close_if_signed(alert: Alert, *, now: datetime) -> bool:
    """Whether a physician had signed what it tells of; then it has ended, with that person's name.

    Where its cause is gone, a later signature in its course is as good. The caller holds the row lock.
    """
    if alert.kind not in _SIGNED_AWAY or alert.decision is None:
        return False
    own = current_signature(alert.decision)
    if own is not None:
        close(alert, why=SIGNED, now=now, actor=own.signer)
        return True
    if alert.cause_gone_at is None:
        return False
    later = Signature.objects.filter(decision__course=alert.course_id, decision__gt=alert.decision)
    since = later.select_related("signer").first()
    if since is not None:
        close(alert, why=SIGNED_SINCE, now=now, actor=since.signer)
    return since is not None
