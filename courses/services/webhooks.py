"""Tell other systems of orders: rows owed in the commit of the change, sent later until they are answered."""

import json
import logging
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from courses.models import Order, Webhook, WebhookCall, WebhookEvent
from courses.rules.order_states import NOT_PHARMACYS
from courses.services.authority import Refused, stated
from courses.webhook_client import BadAddress, check_address, post_signed
from labs.clock import database_now

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
_MOST_DOUBLINGS = 10  # beyond it the pause is the longest anyway
PASS_LIMIT = 500
# A pass ends after so long, well inside the time a task may take; the next one goes on.
PASS_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One call that is ours to make until the lease ends."""

    call: WebhookCall
    leased_until: datetime


def owe_calls(*, order: Order, event: WebhookEvent, now: datetime) -> None:
    """Owe the news of this version of an order to every address; in the commit of the change itself.

    Of what pharmacy has nothing to do with it is not told.
    """
    if order.kind in NOT_PHARMACYS:
        return
    addresses = list(Webhook.objects.filter(active=True))
    if not addresses or order.cycle.course.patient.is_canary:
        return
    WebhookCall.objects.bulk_create(
        WebhookCall(
            webhook=address,
            event=event.value,
            order=order,
            order_version=order.version,
            made_at=now,
            next_attempt_at=now,
        )
        for address in addresses
    )


def add_webhook(*, name: str, url: str, now: datetime | None = None) -> Webhook:
    """Have an address told of orders from now on; the secret that signs is made here.

    A name that was stopped is taken up again with a new secret. Raises Refused with what to change.
    """
    if not stated(name):
        raise Refused("Name the address, for example pharmacy-system.")
    try:
        check_address(url)
    except BadAddress as fault:
        raise Refused(str(fault)) from fault
    with transaction.atomic():
        standing = Webhook.objects.select_for_update().filter(name=stated(name)).first()
        if standing is not None and standing.active:
            raise Refused(f"{standing.name} is told already; stop it first, or choose another name.")
        webhook = standing or Webhook(name=stated(name), made_at=now or database_now())
        webhook.url, webhook.secret, webhook.active = url, secrets.token_hex(32), True
        webhook.save()
    return webhook


def stop_webhook(*, name: str) -> int:
    """Tell an address nothing more; what it was still owed is struck off, and counted. Raises Refused."""
    with transaction.atomic():
        webhook = Webhook.objects.select_for_update().filter(name=name, active=True).first()
        if webhook is None:
            raise Refused(f"No address named {name!r} is told of orders; see manage.py webhook list.")
        webhook.active = False
        webhook.save(update_fields=["active"])
        owed = WebhookCall.objects.filter(webhook=webhook, answered_at__isnull=True)
        return owed.exclude(next_attempt_at__isnull=True).update(
            next_attempt_at=None, leased_until=None, last_answer="stopped before it was told"
        )


def send_webhooks(
    *, now: datetime | None = None, limit: int = PASS_LIMIT, older_than: timedelta | None = None
) -> int:
    """Make every call that is due; return how many were answered. Safe to run any number of times at once.

    An address that fails once in a pass waits for the next one, so that it keeps nobody else waiting.
    """
    ends = time.monotonic() + PASS_SECONDS
    answered, failing = 0, set[int]()
    for _ in range(limit):
        claim = _claim(now=now or database_now(), older_than=older_than or timedelta(0), without=failing)
        if claim is None or time.monotonic() > ends:
            break
        status, said = _call(claim.call, now=now or database_now())
        is_answered = status is not None and 200 <= status < 300
        _finish(claim, is_answered=is_answered, said=said, now=now or database_now())
        answered += is_answered
        if not is_answered:
            failing.add(claim.call.webhook_id)
    return answered


def _claim(*, now: datetime, older_than: timedelta, without: set[int]) -> Claim | None:
    """Take the next due call for ourselves, in one short transaction; older calls of an address go first."""
    due = Q(next_attempt_at__lte=now - older_than) & (Q(leased_until__isnull=True) | Q(leased_until__lte=now))
    with transaction.atomic():
        call = (
            WebhookCall.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("webhook", "order")
            .filter(due, answered_at__isnull=True, webhook__active=True)
            .exclude(webhook__in=without)
            .order_by("pk")
            .first()
        )
        if call is None:
            return None
        call.attempts += 1
        call.leased_until = now + LEASE
        call.save(update_fields=["attempts", "leased_until"])
        return Claim(call=call, leased_until=call.leased_until)


def body_of(call: WebhookCall) -> dict[str, Any]:
    """What an address is told: opaque ids alone; who may know more reads it through the API."""
    return {
        "id": str(call.public_id),
        "event": call.event,
        "order": str(call.order.public_id),
        "version": call.order_version,
        "made_at": call.made_at.isoformat(),
    }


def _call(call: WebhookCall, *, now: datetime) -> tuple[int | None, str]:
    """Make one call outside any transaction: the answer's number, and words for the record."""
    body = json.dumps(body_of(call), sort_keys=True).encode()
    headers = {"X-PRRT-Event": call.event, "X-PRRT-Delivery": str(call.public_id)}
    try:
        status = post_signed(
            url=call.webhook.url, secret=call.webhook.secret, body=body, headers=headers, at=now
        )
    except BadAddress as fault:
        return None, str(fault)[:200]
    except OSError as error:
        return None, f"no answer ({type(error).__name__})"
    except Exception as error:
        # One call that cannot be made must not keep the others waiting; it is tried again.
        log.exception("Webhook call %s could not be made.", call.pk)
        return None, f"not made ({type(error).__name__})"
    redirects = " (redirects are not followed)" if 300 <= status < 400 else ""
    return status, f"answered {status}{redirects}"


def _finish(claim: Claim, *, is_answered: bool, said: str, now: datetime) -> None:
    """Write down how it went, if the lease is still ours; if not, whoever took over writes."""
    ours = WebhookCall.objects.filter(pk=claim.call.pk, leased_until=claim.leased_until)
    if is_answered:
        ours.update(answered_at=now, next_attempt_at=None, leased_until=None, last_answer=said)
        return
    ours.filter(next_attempt_at__isnull=False).update(
        next_attempt_at=now + pause_after(claim.call.attempts), leased_until=None, last_answer=said
    )
    log.warning("Webhook %s was not told: %s; it is tried again.", claim.call.webhook_id, said)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, up to the longest."""
    doubled: int = 2 ** min(attempts - 1, _MOST_DOUBLINGS)
    return min(LONGEST_PAUSE, FIRST_PAUSE * doubled)


def owed_to(webhook: Webhook) -> int:
    """How many calls an address has not answered yet."""
    return WebhookCall.objects.filter(webhook=webhook, next_attempt_at__isnull=False).count()
