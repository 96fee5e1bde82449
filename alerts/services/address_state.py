"""Say which people's addresses mail does not reach: refused for good, come back, or never mailed at all."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import F, Max, Q, QuerySet

from alerts.mail_domains import domain_fault
from alerts.models import DeliveryAttempt, DeliveryReport
from alerts.models.notification import AttemptOutcome, Channel
from alerts.models.report import ReportKind

FOREIGN = "has an e-mail address of a domain that alerts are not mailed to"
REFUSED = "has an e-mail address that refuses mail for good"
CAME_BACK = "has an e-mail address from which mail comes back"
# A server takes most mail first and sends it back afterwards: a letter proves that an address works again,
# from which an earlier one came back, once it has stayed away for so long.
_STAYED_AWAY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """Why mail does not reach somebody, and since when; none where no letter had to show it."""

    why: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The newest letter that was taken and did not come back, and the newest that stayed away for long."""

    newest: datetime | None
    proven: datetime | None


def unreached(people: Collection[User], *, now: datetime) -> Mapping[int, Unreached]:
    """Whose present address mail does not reach, by person. Two queries; three where one was ever refused.

    Nothing is taken away for it: such a person is mailed all the same, and counts again once a mail arrives.
    """
    found = {each.pk: Unreached(why=FOREIGN) for each in people if each.email and domain_fault(each.email)}
    refusals: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    ours = _of_present_addresses("notification", people)
    refused = DeliveryAttempt.objects.filter(ours, outcome=AttemptOutcome.PERMANENT)
    for person, at in refused.values_list("notification__person", "finished_at"):
        assert at is not None  # a check of the table: an outcome has its time
        refusals[person].append((at, REFUSED))
    returned = DeliveryReport.objects.filter(
        _of_present_addresses("attempt__notification", people), kind=ReportKind.BOUNCED
    )
    for person, at in returned.values_list("attempt__notification__person", "received_at"):
        refusals[person].append((at, CAME_BACK))
    arrived = _arrived([each for each in people if each.pk in refusals], now=now)
    for person, events in refusals.items():
        if (state := _state(events, arrived.get(person))) is not None:
            found.setdefault(person, state)
    return found


def _state(events: list[tuple[datetime, str]], arrived: Arrived | None) -> Unreached | None:
    """What refusals leave of an address after whatever arrived there."""
    left = [each for each in events if not arrived or not arrived.proven or each[0] > arrived.proven]
    if arrived and arrived.newest and not any(why == CAME_BACK for _, why in left):
        left = [each for each in left if each[0] > arrived.newest]
    if not left:
        return None
    return Unreached(why=max(left)[1], since=min(left)[0])


def _arrived(people: Collection[User], *, now: datetime) -> dict[int, Arrived]:
    """What arrived at these people's present addresses, in one query; none where nobody is asked of."""
    if not people:
        return {}
    taken = DeliveryAttempt.objects.filter(
        _of_present_addresses("notification", people), outcome=AttemptOutcome.ACCEPTED
    ).exclude(pk__in=_come_back())
    rows = taken.order_by().values_list("notification__person")
    proven = Max("finished_at", filter=Q(finished_at__lte=now - _STAYED_AWAY))
    return {
        person: Arrived(newest=newest, proven=stayed)
        for person, newest, stayed in rows.annotate(newest=Max("finished_at"), proven=proven)
    }


def _come_back() -> QuerySet[DeliveryReport, int]:
    of_ours = DeliveryReport.objects.filter(kind=ReportKind.BOUNCED, attempt__isnull=False)
    return of_ours.values_list("attempt", flat=True)


def _of_present_addresses(notification: str, people: Collection[User]) -> Q:
    """Mails to these people at the address they have now: another address is another matter."""
    return Q(
        **{
            f"{notification}__channel": Channel.MAIL,
            f"{notification}__person__in": [each.pk for each in people],
            f"{notification}__endpoint": F(f"{notification}__person__email"),
        }
    )
