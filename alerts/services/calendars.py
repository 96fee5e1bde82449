"""Give each person a secret address under which a calendar program reads their duties, and nothing else."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from alerts.ics import write_calendar
from alerts.models import CalendarAddress, Rota
from alerts.models.rota import ON_CALL, RotaEventKind
from alerts.rota_rules import duties
from alerts.services.on_call import shifts_between
from alerts.services.rota_acts import SWAP, write_event
from alerts.services.rota_shifts import AHEAD
from labs.clock import database_now
from labs.secret_address import digest_of, new_secret
from labs.services.authority import check_right, printed_name

BACK = timedelta(days=30)
SUMMARY = "On call"


def make_address(*, by: User, now: datetime | None = None) -> str:
    """A new secret address for oneself; an older one ends. The secret is returned once and kept by nobody."""
    check_right(by, SWAP, else_say="Only whoever has the on-call role has a calendar of duties.")
    now = now or database_now()
    secret = new_secret()
    with transaction.atomic():
        CalendarAddress.objects.filter(person=by, withdrawn_at__isnull=True).update(withdrawn_at=now)
        CalendarAddress.objects.create(person=by, secret_sha256=digest_of(secret), made_at=now)
        words = f"Calendar address of {printed_name(by)} made."
        write_event(RotaEventKind.ADDRESS_MADE, actor=by, now=now, words=words, person=by)
    return secret


def withdraw_address(*, by: User, now: datetime | None = None) -> bool:
    """End one's own address; False where there was none."""
    now = now or database_now()
    with transaction.atomic():
        ended = CalendarAddress.objects.filter(person=by, withdrawn_at__isnull=True).update(withdrawn_at=now)
        if ended:
            words = f"Calendar address of {printed_name(by)} withdrawn."
            write_event(RotaEventKind.ADDRESS_WITHDRAWN, actor=by, now=now, words=words, person=by)
    return bool(ended)


def has_address(person: User) -> bool:
    """Whether somebody has an address that answers."""
    return CalendarAddress.objects.filter(person=person, withdrawn_at__isnull=True).exists()


def calendar_of(secret: str, *, now: datetime | None = None) -> bytes | None:
    """The duties of whoever has this secret, a month back and as far ahead as there are; else None."""
    address = (
        CalendarAddress.objects.select_related("person")
        .filter(secret_sha256=digest_of(secret), withdrawn_at__isnull=True, person__is_active=True)
        .first()
    )
    if address is None:
        return None
    now = now or database_now()
    held = duties(shifts_between(now - BACK, now + AHEAD))
    mine = [duty for duty in held if duty.person == address.person_id and duty.ends_at > now - BACK]
    filled_at = Rota.objects.filter(role=ON_CALL).values_list("filled_at", flat=True).first()
    host = settings.SITE_URL.partition("://")[2] or "localhost"
    return write_calendar(
        title=f"{settings.CLINIC_NAME}: on call",
        summary=SUMMARY,
        duties=[
            (f"{duty.starts_at:%Y%m%dT%H%M%SZ}-{address.person_id}@{host}", duty.starts_at, duty.ends_at)
            for duty in mine
        ],
        stamp=filled_at or now,
    )
