"""What follows when an address is refused for good: an alarm, and the next people if nobody is left."""

from datetime import datetime

from alerts.library import plan_from_data
from alerts.models import Alert, Notification
from alerts.rules import Kind
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, raise_alert


def alarm_of_refusal(notification: Notification, *, now: datetime) -> Alert | None:
    """The alarm about a refused address, except about a letter of such an alarm itself.

    The caller holds the transaction and no other alert: this one is locked before all others.
    """
    if notification.alert.kind == Kind.ADDRESS_REFUSED:
        return None
    return raise_alert(
        kind=Kind.ADDRESS_REFUSED,
        condition_key=f"{Kind.ADDRESS_REFUSED.value}:{notification.person_id}",
        subject=Subject(person=notification.person),
        now=now,
    )


def after_refusal(alert: Alert, notification: Notification, *, alarm: Alert | None, now: datetime) -> None:
    """Tell of the refused address, and go on at once if nobody of the step is left.

    The caller holds the alert's row lock.
    """
    if alarm is not None:
        take_due_step(alarm, now=now)
    step = Notification.objects.filter(alert=alert, loop=notification.loop, step=notification.step)
    on_this_step = (alert.loop, alert.step) == (notification.loop, notification.step)
    if not alert.needs_somebody or not on_this_step or _on_last_step(alert) or step.reaching().exists():
        return
    alert.next_step_at = now
    take_due_step(alert, now=now)


def _on_last_step(alert: Alert) -> bool:
    """The last step repeats at its own pace; hurrying it would only turn in a circle."""
    return alert.step >= len(plan_from_data(alert.plan).steps)
