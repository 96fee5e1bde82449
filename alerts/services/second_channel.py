"""Say which push addresses are silent: nothing is pushed there, or the last push was not taken."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Max, Q

from alerts.models import PushAddress
from alerts.models.notification import AttemptOutcome

_IN_VAIN = (AttemptOutcome.TEMPORARY, AttemptOutcome.PERMANENT, AttemptOutcome.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondChannel:
    """One push address in use, why it is silent, if it is, and when a push was last taken there."""

    service: str
    silent: str
    failed_at: datetime | None
    accepted_at: datetime | None


def second_channels(people: Collection[User]) -> Mapping[int, tuple[SecondChannel, ...]]:
    """The push addresses in use of these people, by person. One query."""
    addresses = PushAddress.objects.filter(person__in=people, ended_at__isnull=True).annotate(
        accepted=_newest(Q(notifications__attempts__outcome=AttemptOutcome.ACCEPTED)),
        failed=_newest(Q(notifications__attempts__outcome__in=_IN_VAIN)),
    )
    found: dict[int, list[SecondChannel]] = defaultdict(list)
    for address in addresses.order_by("pk"):
        accepted, failed = address.accepted, address.failed
        is_failing = failed is not None and (accepted is None or accepted < failed)
        found[address.person_id].append(
            SecondChannel(
                service=address.service,
                silent=_why_silent(address, is_failing=is_failing),
                failed_at=failed if is_failing else None,
                accepted_at=accepted,
            )
        )
    return {person: tuple(channels) for person, channels in found.items()}


def _newest(which: Q) -> Max:
    return Max("notifications__attempts__finished_at", filter=which)


def _why_silent(address: PushAddress, *, is_failing: bool) -> str:
    if address.service not in settings.PUSH_SERVICES:
        return "nothing is pushed there, its service is not in PUSH_SERVICES"
    return "the last push was not taken" if is_failing else ""
