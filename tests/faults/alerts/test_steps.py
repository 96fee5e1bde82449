"""T3, T4: the next step comes in time and never early; an acknowledgement stops what has not left."""

import os
import time
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from alerts.models import Alert, Notification
from alerts.services.acknowledging import acknowledge
from labs.clock import database_now
from tests.builders_alerts import make_person
from tests.faults.alerts.clinic import make_team, raise_alerts, raise_one, second_step_after
from tests.faults.alerts.owed import judge, until_all_sent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.table import Row, situation

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.postgres, pytest.mark.redis]

PHYSICIANS, PEOPLE = 12, 20
# One mail on its way for each sender: the two threads of the worker. The runner takes what they left lying.
SENDERS = 2


def raise_before(due: datetime) -> Alert:
    """An alert raised so long ago that its second step is due then: no delay is shortened, and none slept."""
    return raise_one(now=due - second_step_after())


if LONG:

    @pytest.mark.hazard("HZ-68")
    def test_t3_the_next_step_is_never_early_and_seldom_late(plant: Plant) -> None:
        make_team()
        plant.open_stack()
        late = [make_person(f"physician{number}", "physician") for number in range(PHYSICIANS)]
        scaled = f"3 alerts raised minutes ago, due ten seconds apart, {PHYSICIANS} people of the second step"
        with situation("T3", scaled=scaled) as row:
            begin = database_now() + timedelta(seconds=5)
            alerts = [raise_before(begin + timedelta(seconds=10 * number)) for number in range(3)]
            due = {alert.pk: alert.next_step_at for alert in alerts}
            until(lambda: second_mails(alerts) >= len(alerts), within=120, what="every second step")
            until_all_sent(plant, within=60)
            compare_with_due(row, plant, due, late)
            row.within(p99=15, worst=45)


def second_mails(alerts: list[Alert]) -> int:
    """How many of these have told the people of their second step."""
    return Notification.objects.filter(alert__in=alerts, step=2).values("alert").distinct().count()


def compare_with_due(row: Row, plant: Plant, due: dict[int, datetime | None], people: list[User]) -> None:
    """Each mail of a second step to these people against the moment at which it fell due."""
    copies = {(copy.to, copy.message_id): copy for copy in plant.sink.accepted()}
    mails = Notification.objects.filter(alert__in=list(due), step=2, person__in=people)
    row.owed, row.lost, early = mails.count(), 0, 0
    for mail in mails:
        at, copy = due[mail.alert_id], copies.get((mail.endpoint, mail.message_id))
        assert at is not None
        if copy is None:
            row.lost += 1
            continue
        early += copy.began < at.timestamp()
        row.seconds.append(copy.kept_at - at.timestamp())
    row.line(row.owed > 0 and row.lost == 0, f"{row.lost} of {row.owed} lost")
    row.line(early == 0, f"{early} early")


if LONG:

    def test_t4_after_an_acknowledgement_no_sending_begins(plant: Plant) -> None:
        make_team(on_call=PEOPLE)
        taker = make_person("taker", "on-call", email="")
        plant.sink.moods.delay = 0.3
        plant.open_stack()
        scaled = f"3 alerts to {PEOPLE} people each, taken over while a slow server takes the mails"
        with situation("T4", scaled=scaled) as row:
            alerts = raise_alerts(3)
            until(lambda: len(plant.sink.copies) >= 5, within=60, what=f"sending began\n{plant.log()}")
            for alert in reversed(alerts):
                seen = alert.events.latest("pk").pk
                acknowledge(alert=alert, person=taker, seen_severity=alert.severity, seen_event=seen)
                time.sleep(1)
            until_all_sent(plant, within=60)
            time.sleep(3)
            alerts = list(Alert.objects.filter(pk__in=[each.pk for each in alerts]))
            late, in_flight = zip(*(after_acknowledgement(plant, alert) for alert in alerts), strict=True)
            judge(row, plant.sink, alerts)
            row.notes.append(
                f"{len(plant.sink.copies)} mails had left, at most {max(in_flight)} on their way"
            )
            row.line(len(plant.sink.copies) < 3 * PEOPLE, "all had left before")
            row.line(sum(late) == 0, f"{sum(late)} began more than a second later")
            row.line(max(in_flight) <= SENDERS, f"{max(in_flight)} were on their way, of {SENDERS} senders")
            row.line(row.doubled == 0, f"{row.doubled} doubled")


def after_acknowledgement(plant: Plant, alert: Alert) -> tuple[int, int]:
    """Mails about it that began more than a second later, and those that were on their way."""
    assert alert.acked_at is not None
    at, ids = alert.acked_at.timestamp(), set(alert.notifications.values_list("message_id", flat=True))
    copies = [copy for copy in plant.sink.copies if copy.message_id in ids]
    return sum(copy.began > at + 1 for copy in copies), sum(copy.kept_at > at for copy in copies)
