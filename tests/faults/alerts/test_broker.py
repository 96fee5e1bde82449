"""T8, T12: broker, beat, workers and runner fail one by one; whoever is left does the work."""

import os
import time
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command

from alerts.models import Alert
from labs.formats.fhir_json import dump
from tests.builders_fhir import FHIR, fhir_patient, observation, quantity
from tests.faults.alerts.clinic import Laboratory, make_team, make_treated, raise_alerts, result
from tests.faults.alerts.owed import alerts_of, committed, judge, until_all_sent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.table import situation
from tests.faults.web_ledger import web_server

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.postgres, pytest.mark.redis]

FLUSHED, FLUSH_EVERY, STOPPED_SECONDS = 7, 6, 20
PATIENTS, RESULT_EVERY, PEOPLE = 5, 20, 4


def door_token() -> str:
    """A laboratory's right to hand results in over HTTP."""
    fhir_patient()
    out = StringIO()
    call_command("token", role="lab-feed", name="central-lab", stdout=out, stderr=StringIO())
    return f"Bearer {out.getvalue().split()[-1]}"


def web_seconds(plant: Plant, token: str, count: int) -> list[float]:
    """How long each of so many requests took that store something and would wake a worker."""
    taken = []
    with web_server(plant.web_port, armed="", **plant.different()) as web:
        for number in range(count):
            body = dump(observation(f"w-{number}", valueQuantity=quantity("160"))).encode()
            headers = {"Authorization": token, "Content-Type": FHIR}
            began = time.monotonic()
            answer = web.ask("/fhir/Observation", data=body, headers=headers)
            taken.append(time.monotonic() - began)
            assert answer is not None and answer.status in {200, 201, 202}, answer
    return taken


if LONG:

    @pytest.mark.hazard("HZ-73")
    def test_t8_a_broker_that_forgets_everything_and_goes_away_costs_seconds(plant: Plant) -> None:
        make_team(on_call=PEOPLE)
        token = door_token()
        courses = make_treated(PATIENTS)
        toxic = {course.pk: result(course.patient, toxic=True) for course in courses}
        plant.listener()
        plant.open_stack()
        scaled = (
            f"{FLUSHED} times FLUSHALL, one every {FLUSH_EVERY} s (full: 30, one a minute); "
            f"stopped {STOPPED_SECONDS} s (full: 15 min)"
        )
        with situation("T8", scaled=scaled) as row:
            laboratory = Laboratory(port=plant.mllp_port)
            sending = laboratory.in_background(list(toxic.values()), pause=RESULT_EVERY)
            for _ in range(FLUSHED):
                time.sleep(FLUSH_EVERY)
                assert plant.broker.says("FLUSHALL") == b"+OK"
            plant.broker.stop()
            asked = web_seconds(plant, token, 10)
            time.sleep(STOPPED_SECONDS)
            plant.broker.start()
            sending.join()
            until(lambda: len(alerts_of(courses)) >= PATIENTS, within=90, what=f"every alert\n{plant.log()}")
            until_all_sent(plant, within=90)
            found = alerts_of(courses)
            judge(row, plant.sink, found, since=committed(found, toxic))
            row.within(p99=60)
            row.line(row.doubled == 0, f"{row.doubled} doubled")
            slowest = max(*asked, *laboratory.seconds)
            row.notes.append(f"without a broker no door took longer than {slowest:.1f} s")
            row.line(slowest <= 3, f"a door took {slowest:.1f} s, at most 3 s")
            plant.until_working("celery", "worker")  # both workers came back by themselves

    @pytest.mark.hazard("HZ-72")
    def test_t12_whoever_is_left_does_the_work_and_ten_beats_double_nothing(plant: Plant) -> None:
        make_team(on_call=4)
        beat, worker, runner = plant.beat(), plant.worker(), plant.runner()
        plant.until_working("celery", "runner")
        play(plant, "beat dead", worst=60, before=beat.kill)
        plant.beat()
        plant.until_working("celery")
        play(plant, "workers frozen", worst=60, before=worker.freeze, after=worker.thaw)
        play(plant, "runner dead", worst=60, before=runner.kill)
        plant.runner()
        plant.until_working("celery", "runner")
        play(plant, "ten beats", worst=60, before=lambda: [plant.beat() for _ in range(9)])


def play(
    plant: Plant,
    part: str,
    *,
    worst: float,
    before: Callable[[], object],
    after: Callable[[], object] = lambda: None,
) -> None:
    """Break something, have people told all the same, mend it, and see that nobody is told again."""
    with situation("T12", scaled="2 alerts to 4 people", part=part) as row:
        before()
        plant.sink.copies.clear()
        alerts = raise_alerts(2)
        until_all_sent(plant, within=90)
        after()
        time.sleep(5)
        judge(row, plant.sink, list(Alert.objects.filter(pk__in=[alert.pk for alert in alerts])))
        row.within(p99=worst)
        row.line(row.doubled == 0, f"{row.doubled} doubled")
