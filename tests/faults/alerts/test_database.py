"""T11: PostgreSQL is restarted, killed and away while results come in and mails go out."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from tests.faults.alerts.clinic import Laboratory, make_team, make_treated, result
from tests.faults.alerts.owed import alerts_of, committed, judge, unsent
from tests.faults.alerts.plant import Plant, until
from tests.faults.alerts.table import situation
from tests.private_postgres import PrivatePostgres

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.private_postgres]

PATIENTS, RESULT_EVERY, PEOPLE = 5, 16, 4
RESTARTS = ("fast", "immediate", "fast", "immediate")
DOWN_SECONDS = 20
SENDERS = 3  # the worker's two threads and the runner


@pytest.fixture
def own_plant(private_postgres: PrivatePostgres, tmp_path: Path) -> Iterator[Plant]:
    """An installation on a PostgreSQL server that may be stopped."""
    made = Plant(database_url=private_postgres.url, folder=tmp_path)
    try:
        made.open()
        yield made
    finally:
        made.close()


if LONG:

    @pytest.mark.hazard("HZ-66")
    def test_t11_a_database_restarted_killed_and_away_loses_nothing(
        private_postgres: PrivatePostgres, own_plant: Plant
    ) -> None:
        make_team(on_call=PEOPLE)
        *courses, other = make_treated(PATIENTS + 1)
        toxic = {course.pk: result(course.patient, toxic=True) for course in courses}
        own_plant.listener()
        own_plant.open_stack()
        chatter_bodies = [result(other.patient) for _ in range(60)]
        connections["default"].close()  # from here on nothing of the test may hold one over a restart
        scaled = f"{len(RESTARTS)} restarts (full: 50), down {DOWN_SECONDS} s (full: 5 min)"
        with situation("T11", scaled=scaled) as row:
            laboratory = Laboratory(port=own_plant.mllp_port)
            sending = laboratory.in_background(list(toxic.values()), pause=RESULT_EVERY)
            beside = Laboratory(port=own_plant.mllp_port)
            chatter = beside.in_background(chatter_bodies, pause=1)
            for how in RESTARTS:
                time.sleep(8)
                private_postgres.stop(how)
                private_postgres.start()
            time.sleep(5)
            private_postgres.stop("fast")
            time.sleep(DOWN_SECONDS)
            private_postgres.start()
            private_postgres.wait_until_it_answers()
            back = time.monotonic()
            sending.join()
            chatter.join()
            until(
                lambda: len(alerts_of(courses)) >= PATIENTS and unsent() == 0,
                within=120,
                what=f"every mail\n{own_plant.log()}",
            )
            recovered = time.monotonic() - back
            found = alerts_of(courses)
            judge(row, own_plant.sink, found, since=committed(found, toxic))
            most = SENDERS * (len(RESTARTS) + 1)
            row.line((row.doubled or 0) <= most, f"{row.doubled} doubled, at most {most} were being sent")
            row.notes.append(
                f"{beside.not_accepted} times not accepted and sent again; "
                f"all was sent {recovered:.0f} s after the last start"
            )
            row.line(recovered <= 60, f"recovery took {recovered:.0f} s, at most 60 s")
            row.line(beside.not_accepted > 0, "nothing was sent while the database was away")
            died = [process.name for process in own_plant.processes if process.process.poll() is not None]
            row.line(not died, f"{died} did not live through it")
