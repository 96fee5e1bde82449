"""The ledger: which alerts are owed to whom, which copies the mail server holds, and how a row did."""

from collections import Counter
from collections.abc import Mapping, Sequence

from alerts.library import plan_from_data
from alerts.models import Alert, Notification
from alerts.models.notification import NotificationState
from alerts.services.on_call import people_for
from courses.models import Course
from labs.models import LabMessage
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.sink import Sink
from tests.faults.alerts.table import Row

UNSENT = (NotificationState.PENDING, NotificationState.LEASED)


def message_ids(mail: Notification) -> set[str]:
    """The messages that carry one owed mail: its own, or that of the bundle it was put into."""
    bundle = getattr(mail, "bundled_into", None)
    return {mail.message_id} | ({bundle.message_id} if bundle is not None else set())


def carried(alert: Alert, address: str) -> set[str]:
    """Every message by which one person may have learnt of one alert."""
    mails = Notification.objects.filter(alert=alert, endpoint=address)
    return {found for mail in mails for found in message_ids(mail)}


def copies_of_one(sink: Sink) -> Counter[str]:
    """How many copies of each message its reader has."""
    held = Counter((copy.to, copy.message_id) for copy in sink.copies)
    return Counter({message_id: count for (_, message_id), count in held.items()})


def doubled(sink: Sink) -> int:
    """Copies of a message that its reader has already; one that was sent anew is a message of its own."""
    return sum(count - 1 for count in copies_of_one(sink).values())


def judge(row: Row, sink: Sink, alerts: Sequence[Alert], *, since: Mapping[int, float] | None = None) -> None:
    """Fill in what was owed, lost and doubled, and how long each first mail took.

    Owed: a mail to everybody of an alert's first step. Lost: the mail server never said 250 to any message
    that carries it, and nobody took the alert over. The time counts from `since`, else from the raising.
    """
    first: dict[tuple[str, str], float] = {}
    for copy in sink.accepted():
        key = copy.to, copy.message_id
        first[key] = min(first.get(key, copy.kept_at), copy.kept_at)
    row.owed, row.lost = row.owed or 0, row.lost or 0
    for alert in alerts:
        audience = plan_from_data(alert.plan).steps[0].audience
        for person in people_for(audience, now=alert.raised_at, alert=alert).people:
            row.owed += 1
            at = [
                first[key]
                for found in carried(alert, person.email)
                if (key := (person.email, found)) in first
            ]
            if at:
                began = since[alert.pk] if since else alert.raised_at.timestamp()
                row.seconds.append(max(0.0, min(at) - began))
            elif alert.needs_somebody:
                row.lost += 1
    row.doubled = doubled(sink)
    row.line(row.owed > 0, "nothing was owed")
    row.line(row.lost == 0, f"{row.lost} lost")


def unsent() -> int:
    """How many owed mails wait still."""
    return Notification.objects.filter(state__in=UNSENT).count()


def until_all_sent(plant: Plant, *, within: float) -> None:
    """Until nothing waits to be sent."""
    until(
        lambda: unsent() == 0, within=within, what=f"all is sent; {unsent()} wait\n{plant.log()}", every=0.2
    )


def committed(alerts: Sequence[Alert], toxic: Mapping[int, bytes]) -> dict[int, float]:
    """When the result behind each alert was committed at the door."""
    at = {bytes(row.body): row.received_at.timestamp() for row in LabMessage.objects.all()}
    return {alert.pk: at[toxic[alert.course_id]] for alert in alerts if alert.course_id}


def alerts_of(courses: Sequence[Course]) -> list[Alert]:
    """The alerts that these courses must have woken somebody with."""
    return list(Alert.objects.filter(course__in=courses, severity=1))
