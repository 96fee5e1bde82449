"""Begin and end the addresses to which people are pushed; the address itself is never shown again."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User

from alerts.channels import push_service, service_name
from alerts.models import PushAddress
from alerts.secret_text import encrypted
from labs.clock import database_now


class BadPushAddress(Exception):
    """An address nothing is pushed to, with what to change; it does not repeat the address."""


def check_push_address(url: str) -> None:
    """Raise BadPushAddress unless the address is one of a named service and complete."""
    if not settings.PUSH_SERVICES:
        raise BadPushAddress("No push service is named: add one to PUSH_SERVICES, then try again.")
    if service_name(url) not in settings.PUSH_SERVICES:
        allowed = ", ".join(f"{name}://" for name in settings.PUSH_SERVICES)
        raise BadPushAddress(
            f"Begin the address with one of {allowed}; no other service is in PUSH_SERVICES."
        )
    if push_service(url) is None:
        raise BadPushAddress(
            f"This is no complete address of {service_name(url)}: see the documentation of apprise."
        )


def add_push_address(*, person: User, url: str, by: User, now: datetime | None = None) -> PushAddress:
    """From now on this person is pushed as well as mailed. Raises BadPushAddress."""
    url = url.strip()
    check_push_address(url)
    return PushAddress.objects.create(
        person=person,
        service=service_name(url),
        encrypted_url=encrypted(url),
        made_at=now or database_now(),
        made_by=by,
    )


def end_push_address(address: PushAddress, *, by: User, now: datetime | None = None) -> bool:
    """From now on nothing is pushed to it; False where that was so already."""
    in_use = PushAddress.objects.filter(pk=address.pk, ended_at__isnull=True)
    return bool(in_use.update(ended_at=now or database_now(), ended_by=by))
