"""T9, T10: senders die at every point of sending, and are asked to end; nothing is lost, little doubled."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from alerts.models import DeliveryAttempt
from tests.faults.alerts.clinic import make_team, raise_alerts
from tests.faults.alerts.owed import judge, until_all_sent
from tests.faults.alerts.plant import Plant, Process, until
from tests.faults.alerts.table import situation

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.postgres, pytest.mark.redis]

KILLS = 4 if LONG else 1
LEASE_SECONDS = 5  # of 60
# In the order of sending; where a copy may already be with the mail server, one more may follow each kill.
POINTS = {
    "before the claim": "mail.due",
    "after the claim": "mail.claimed",
    "after the connection": "",
    "after the text, before 250": "",
    "after 250, before it is written down": "mail.answered",
    "after it is written down": "mail.finished",
}
MAY_DOUBLE = ("after the text, before 250", "after 250, before it is written down")
SUITE = ["after 250, before it is written down"]


@pytest.mark.hazard("HZ-66")
@pytest.mark.parametrize("point", list(POINTS) if LONG else SUITE)
def test_t9_a_sender_killed_at_a_point_loses_nothing_and_doubles_at_most_its_own_mail(
    plant: Plant, point: str
) -> None:
    make_team(on_call=KILLS + 2)
    plant.scale["LEASE"] = LEASE_SECONDS
    scaled = f"{KILLS} kills (full: 200), lease {LEASE_SECONDS} s (full: 60)"
    with situation("T9", scaled=scaled, part=point) as row:
        alerts = raise_alerts(2)
        for _ in range(KILLS):
            die(plant, point)
        plant.sink.calm()
        plant.runner(every=1)
        plant.until_working("runner")
        ready = time.monotonic()
        until_all_sent(plant, within=LEASE_SECONDS + 60)
        again = time.monotonic() - ready
        judge(row, plant.sink, alerts)
        row.notes.append(f"the rest was sent within {again:.0f} s of the next sender's start")
        row.line(again <= LEASE_SECONDS + 15, f"the rest took {again:.0f} s, at most {LEASE_SECONDS + 15}")
        most = KILLS if point in MAY_DOUBLE else 0
        row.line((row.doubled or 0) <= most, f"{row.doubled} doubled, at most {most}")


def die(plant: Plant, point: str) -> None:
    """Start a sender and have it killed at this point."""
    sender = plant.runner(every=1, armed=POINTS[point])
    if point == "after the connection":
        plant.sink.moods.on_connect = sender.kill
    if point == "after the text, before 250":
        plant.sink.moods.on_data = sender.kill
    assert sender.process.wait(120) == -signal.SIGKILL, f"it was not killed {point}"


if LONG:

    @pytest.mark.parametrize("point", ["after the claim", "after 250, before it is written down"])
    def test_t9_a_process_of_the_workers_pool_that_is_killed_loses_nothing(plant: Plant, point: str) -> None:
        make_team(on_call=6)
        plant.scale["LEASE"] = LEASE_SECONDS
        with situation(
            "T9", scaled="a pool of two, each killed at its first mail", part=f"worker {point}"
        ) as row:
            alerts = raise_alerts(2)
            worker = plant.worker(pool="prefork", armed=POINTS[point])
            plant.beat()
            until(
                lambda: DeliveryAttempt.objects.count() >= 3, within=120, what=f"three deaths\n{plant.log()}"
            )
            worker.kill()
            kills = DeliveryAttempt.objects.count()
            plant.worker(pool="prefork")
            until_all_sent(plant, within=120)
            judge(row, plant.sink, alerts)
            most = kills if point in MAY_DOUBLE else 0
            row.line((row.doubled or 0) <= most, f"{row.doubled} doubled, at most {most} for so many kills")

    def test_t10_asked_to_end_while_many_are_sent_the_senders_finish_what_they_hold(plant: Plant) -> None:
        people = 60
        make_team(on_call=people)
        plant.sink.moods.delay = 0.2
        stack: list[Callable[[], Process]] = [lambda: plant.worker(pool="prefork"), plant.beat, plant.runner]
        running = [start() for start in stack]
        plant.until_working("celery", "runner")
        with situation("T10", scaled=f"{3 * people} mails (full: 1,000), two deployments") as row:
            alerts = []
            for count in (2, 1):  # what the first ones had in hand is sent while they end
                alerts += raise_alerts(count)
                before = len(plant.sink.copies)
                until(
                    lambda before=before: len(plant.sink.copies) >= before + 15,  # type: ignore[misc]
                    within=60,
                    what=f"they are sending\n{plant.log()}",
                )
                drained = [process.end(within=90) for process in running]
                row.line(max(drained) <= 30, f"ending took {max(drained):.0f} s, at most 30 s")
                row.notes.append(f"ended within {max(drained):.0f} s")
                running = [start() for start in stack]
            until_all_sent(plant, within=120)
            judge(row, plant.sink, alerts)
            row.line(row.doubled == 0, f"{row.doubled} doubled")
