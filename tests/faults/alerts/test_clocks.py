"""T13: steps fall due by the database's clock, whatever a host's or a wall's clock shows."""

import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from labs.clock import database_now
from tests.builders_rota import keep_rota
from tests.faults.alerts.clinic import make_team, raise_one, second_step_after
from tests.faults.alerts.owed import doubled, judge, until_all_sent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.sink import Sink
from tests.faults.alerts.table import situation

LONG = os.environ.get("PRRT_LONG") == "1"
SHIFTS = {"an hour ahead": 3600, "an hour behind": -3600, "a day ahead": 86400, "a day behind": -86400}
# Of the host's clock, as a time service sets it right while everything runs.
JUMPS = {"a jump of five minutes ahead": 300, "a jump of five minutes back": -300}
# When Berlin's clocks go ahead and back, in UTC.
CHANGES = {
    "clocks go ahead": datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    "clocks go back": datetime(2026, 10, 25, 1, 0, tzinfo=UTC),
}


if LONG:

    @pytest.mark.postgres
    @pytest.mark.redis
    @pytest.mark.parametrize("wrong", list(SHIFTS))
    def test_t13_a_process_whose_clock_is_wrong_takes_no_step_early_or_late(plant: Plant, wrong: str) -> None:
        make_team()
        plant.environment["PRRT_CLOCK_SHIFT"] = str(SHIFTS[wrong])
        plant.runner(every=1)
        plant.until_working("runner")
        with situation("T13", scaled="1 alert; the second runner alone", part=wrong) as row:
            due = database_now() + timedelta(seconds=6)
            alert = raise_one(now=due - second_step_after())
            until(
                lambda: alert.notifications.filter(step=2, state="accepted").exists(),
                within=60,
                what="step 2",
            )
            until_all_sent(plant, within=60)
            row.owed, row.lost = 1, 0
            copies = {copy.message_id: copy for copy in plant.sink.accepted()}
            for step in alert.notifications.filter(step=2):
                row.seconds.append(copies[step.message_id].kept_at - due.timestamp())
            row.line(min(row.seconds) >= -0.5, f"{-min(row.seconds):.1f} s early")
            row.within(worst=45)
            # The same look notices a step of the database's clock: it compares the two.
            until(
                lambda: Alert.objects.filter(condition_key=f"{Kind.INVARIANT_BROKEN}:clocks-apart").exists(),
                within=60,
                what=f"that the clocks differ is told\n{plant.log()}",
            )

    @pytest.mark.postgres
    @pytest.mark.redis
    @pytest.mark.hazard("HZ-72")
    @pytest.mark.parametrize("jump", list(JUMPS))
    def test_t13_a_process_whose_clock_jumps_while_it_works_takes_no_step_early_or_late(
        plant: Plant, jump: str
    ) -> None:
        make_team()
        place = plant.folder / "jump"
        plant.environment["PRRT_CLOCK_JUMP"] = str(place)
        plant.runner(every=1)
        plant.until_working("runner")
        with situation("T13", scaled="2 alerts; the second runner alone", part=jump) as row:
            begin = database_now()
            # One falls due just after the jump, one well after it.
            due = [begin + timedelta(seconds=seconds) for seconds in (4, 14)]
            alerts = [raise_one(now=each - second_step_after()) for each in due]
            place.write_text(str(JUMPS[jump]))
            until(
                lambda: all(each.notifications.filter(step=2, state="accepted").exists() for each in alerts),
                within=90,
                what=f"both second steps\n{plant.log()}",
            )
            until_all_sent(plant, within=60)
            row.owed, row.lost = len(alerts), 0
            copies = {copy.message_id: copy for copy in plant.sink.accepted()}
            for at, alert in zip(due, alerts, strict=True):
                for step in alert.notifications.filter(step=2):
                    row.seconds.append(copies[step.message_id].began - at.timestamp())
            row.line(min(row.seconds) >= 0, f"{-min(row.seconds):.1f} s early")
            row.within(worst=45)
            row.line(doubled(plant.sink) == 0, f"{doubled(plant.sink)} doubled")


@pytest.mark.hazard("HZ-68")
@pytest.mark.parametrize("change", list(CHANGES))
def test_t13_the_night_on_which_clocks_change_moves_no_step(mail: Sink, settings: Any, change: str) -> None:
    settings.CLINIC_TIME_ZONE = "Europe/Berlin"
    [on_call] = make_team()
    keep_rota(on_call, now=CHANGES[change] - timedelta(days=2), first_day=date(2026, 1, 5))
    scaled = "one alert 20 minutes before the change, a rota by wall clock, in virtual time"
    with situation("T13", scaled=scaled, part=change) as row:
        raised = CHANGES[change] - timedelta(minutes=20)
        alert = raise_one(now=raised)
        dispatch_due(now=raised)
        told: dict[int, datetime] = {}
        for minute in range(1, 100):
            at = raised + timedelta(minutes=minute)
            run_due_steps(now=at)
            dispatch_due(now=at)
        for each in alert.notifications.filter(person=on_call).order_by("pk"):
            told.setdefault(len(told), each.message_date)
        judge(row, mail, [alert])
        row.seconds.clear()  # the mail server's clock is none of this night
        # By elapsed time: 15 minutes, then every half hour, whatever a clock on the wall shows.
        elapsed = [round((at - raised) / timedelta(minutes=1)) for at in told.values()]
        row.line(elapsed == [0, 15, 45, 75], f"told after {elapsed} minutes")
        row.line(row.doubled == 0, f"{row.doubled} doubled")
        alarms = Alert.objects.filter(kind=Kind.NOBODY_ON_CALL).count()
        row.line(alarms == 0, "in the night of the change nobody was on call")


@pytest.mark.hazard("HZ-68")
def test_t13_a_step_of_the_databases_clock_loses_nothing_and_reminds_once_more_at_most(mail: Sink) -> None:
    make_team()
    scaled = "five minutes ahead across a step, and back, in virtual time"
    with situation("T13", scaled=scaled, part="database clock") as row:
        now = database_now()
        alert = raise_one(now=now)
        # Steps are due after 0, 15 and 45 minutes; the clock jumps over the second one and comes back twice.
        minutes = [*range(13), 17, 12, 7, *range(12, 50)]
        for at in [now + timedelta(minutes=minute) for minute in minutes]:
            run_due_steps(now=at)
            dispatch_due(now=at)
        alert.refresh_from_db()
        judge(row, mail, [alert])
        row.line(row.doubled == 0, f"{row.doubled} doubled")
        steps = [
            (each.loop, each.step) for each in alert.notifications.filter(endpoint="oncall0@clinic.example")
        ]
        row.line(3 <= len(steps) <= 4, f"three steps and one reminder more at most, not {steps}")
