"""Tell a monitor outside this host that the alert duty is carried; silence is what makes it call somebody."""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from alerts.library import policy
from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.heartbeat import DUTY_LOOK, OUTSIDE, RUNNERS, beat, last_beats, take_turn
from alerts.web_client import exchange
from labs.clock import database_now

log = logging.getLogger(__name__)

_TURN = "turn.outside"


def tell_outside(*, now: datetime | None = None) -> int:
    """Send the sign of life that is due, unless something stands against it; how many were taken.

    Nothing at all where HEARTBEAT_URL is empty. It carries no word: that it comes is all it says. The address
    itself may hold a secret, so it stands in no log.
    """
    if not settings.HEARTBEAT_URL:
        return 0
    now = now or database_now()
    withheld = why_withheld(now=now)
    if withheld:
        log.error("The sign of life to the outside is withheld: %s.", "; ".join(withheld))
        return 0
    every = timedelta(seconds=policy().watch.heartbeat_every_seconds)
    if not take_turn(name=_TURN, every=every, now=now):
        return 0
    try:
        status = exchange(url=settings.HEARTBEAT_URL).status
    except OSError as error:
        log.error("The outside monitor could not be reached (%s).", type(error).__name__)
        return 0
    if not 200 <= status < 300:
        # A redirect is no word of the monitor's own, and is not followed.
        log.error("The outside monitor answered %s.", status)
        return 0
    beat(name=OUTSIDE, now=now)
    return 1


def why_withheld(*, now: datetime) -> list[str]:
    """What stands against saying that all is well; empty while every rule holds and both runners work."""
    limit = timedelta(seconds=policy().watch.runner_stuck_seconds)
    beats = last_beats()
    found = [
        f"{name} has given no sign of life lately"
        for name in (*RUNNERS, DUTY_LOOK)
        if name not in beats or now - beats[name] >= limit
    ]
    broken = Alert.objects.standing().filter(kind=Kind.INVARIANT_BROKEN.value).order_by("condition_key")
    found += [f"{key} stands" for key in broken.values_list("condition_key", flat=True)]
    return found
