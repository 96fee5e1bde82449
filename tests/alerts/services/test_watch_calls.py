"""A promise to ring back that was not kept is told to those who chase it, until a call settles it."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from alerts.models import Alert
from alerts.rules import Kind, State
from alerts.services.watch_calls import watch_calls
from alerts.services.watching import watch
from courses.services.call_said import CallSaid
from courses.services.calls import record_call
from tests.builders import clinic_time, colleague, make_course, make_patient
from tests.builders_alerts import make_person
from tests.courses.signing import doctor

pytestmark = pytest.mark.django_db
AT = clinic_time(date(2026, 2, 24), 9)
HOUR = timedelta(hours=1)


def test_it_is_told_after_its_time_without_the_patients_name_and_ends_with_the_call_that_settles_it():
    make_person("nurse1", "nurse")
    course = make_course(make_patient(), first_on=date(2026, 3, 2), by=doctor())

    def ring(**more):
        said = CallSaid(
            occasion="other",
            outcome="spoken",
            spoken_at=AT,
            channel="telephone",
            spoken_by="Nora",
            spoken_with="patient",
            **more,
        )
        by = colleague("nora", "nurse")
        return record_call(course=course, key=uuid4(), said=said, by=by, now=AT + 3 * HOUR)

    call = ring(call_back_who="physician", call_back_by=AT + HOUR, call_back_about="Pain of Ahorn")
    assert watch_calls(now=AT + HOUR) == 0
    watch(now=AT + HOUR + timedelta(minutes=1), all_due=True)
    alert = Alert.objects.get(kind=Kind.CALL_BACK_OVERDUE.value)
    assert alert.about == {"who": "a physician rings back", "by": (AT + HOUR).isoformat()}
    assert {each.person.username for each in alert.notifications.all()} == {"nurse1"}
    ring(settles=[call.public_id])
    watch_calls(now=AT + 4 * HOUR)
    alert.refresh_from_db()
    assert alert.state == State.CLOSED
