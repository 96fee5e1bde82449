"""T1, T2, T15: results through the laboratory's door become mails, each once and in time."""

import os

import pytest

from tests.faults.alerts.clinic import Laboratory, make_team, make_treated, result
from tests.faults.alerts.owed import alerts_of, committed, judge, until_all_sent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.table import situation

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.postgres, pytest.mark.redis]

TOXIC, OTHERS, RESULTS, A_SECOND, PEOPLE = (6, 30, 400, 4, 4) if LONG else (3, 3, 24, 4, 2)


@pytest.mark.hazard("HZ-66")
def test_t1_a_toxic_result_is_a_mail_within_seconds_under_normal_load(plant: Plant) -> None:
    make_team(on_call=PEOPLE)
    courses = make_treated(TOXIC + OTHERS)
    ill, others = courses[:TOXIC], courses[TOXIC:]
    toxic = {course.pk: result(course.patient, toxic=True) for course in ill}
    # No more in a minute than a person is told of one by one.
    places = {number * (RESULTS // TOXIC) + 1: course for number, course in enumerate(ill)}
    bodies = [
        toxic[places[number].pk] if number in places else result(others[number % OTHERS].patient)
        for number in range(RESULTS)
    ]
    plant.listener()
    plant.open_stack()
    scaled = (
        f"{RESULTS} results, {A_SECOND} a second, {TOXIC} toxic, {PEOPLE} on call (full: 5 a second, 30 min)"
    )
    with situation("T1", scaled=scaled) as row:
        laboratory = Laboratory(port=plant.mllp_port)
        laboratory.deliver(bodies, pause=1 / A_SECOND)
        until(
            lambda: {alert.course_id for alert in alerts_of(ill)} == set(toxic),
            within=60,
            what=f"every alert is raised\n{plant.log()}",
        )
        until_all_sent(plant, within=60)
        found = alerts_of(ill)
        judge(row, plant.sink, found, since=committed(found, toxic))
        row.line(row.doubled == 0, f"{row.doubled} doubled")
        row.within(p50=3, p95=5 if LONG else 10, p99=20, worst=60)
        row.notes.append(f"the door acknowledged within {max(laboratory.seconds):.1f} s at worst")
