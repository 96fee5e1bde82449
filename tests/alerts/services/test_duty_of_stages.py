"""What the stages before alerts leave lying is told while it is fresh; what they did, or do now, is not."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from alerts.rules import Kind, State
from alerts.services.outside import why_withheld
from alerts.services.watch_duty import watch_duty
from courses.invariants_live import newest_evidence_not_judged
from courses.models import Course
from courses.services.assess import assess_course
from courses.services.faults import try_to_hold
from labs import invariants as lab_invariants
from labs.invariants import Find, newest_unread
from labs.models import MessageOutcome, Patient, PatientMerge, PatientMergeReview
from labs.services.read import read_waiting_messages
from labs.zones import clinic_zone
from tests.builders_alerts import NOW, make_person
from tests.builders_duty import make_course_that_follows, make_unread_message, weigh
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def found(find: Find, after: timedelta = 2 * MINUTE) -> list[str]:
    return [f"{each.about} {each.words}" for each in find(NOW + after, lambda: None)]


def a_result_read(*, after: timedelta) -> None:
    """A platelet count whose message was read so long after NOW."""
    receive(message(obr(), obx()))
    MessageOutcome.objects.update(at=NOW + after)


# --- Messages ------------------------------------------------------------------------------------


def test_the_alarm_about_an_unread_message_ends_when_the_message_is_read() -> None:
    make_person("admin1", "administrator")
    kept = make_unread_message(at=NOW)
    watch_duty(now=NOW + 2 * MINUTE)
    alarm = Alert.objects.get(condition_key=f"{Kind.INVARIANT_BROKEN.value}:message-unread")
    assert alarm.about["examples"] == [f"message {kept.public_id} is not read since 2026-05-04 08:00:00 UTC"]
    assert f"{Kind.INVARIANT_BROKEN.value}:message-unread stands" in why_withheld(now=NOW + 2 * MINUTE)
    read_waiting_messages()
    watch_duty(now=NOW + 3 * MINUTE)
    alarm.refresh_from_db()
    assert alarm.state == State.CLOSED


def test_only_so_many_of_the_newest_messages_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_invariants, "_NEWEST_MESSAGES", 2)
    for _ in range(3):
        make_unread_message(at=NOW)
    assert len(found(newest_unread)) == 2
    assert len(found(lab_invariants.unread_messages)) == 3


# --- Evidence ------------------------------------------------------------------------------------


def test_evidence_is_told_of_until_it_is_judged_and_no_longer() -> None:
    course = make_course_that_follows(at=NOW - MINUTE)
    assert found(newest_evidence_not_judged) == []
    weigh(course, at=NOW)
    words = "has evidence that no decision rests on, and nobody judged it in time"
    assert found(newest_evidence_not_judged) == [f"course {course.public_id} {words}"]
    # It stays a breach for as long as nobody judges it, and is never forgotten.
    assert len(found(newest_evidence_not_judged, timedelta(days=400))) == 1
    assess_course(course_id=course.pk, now=NOW + MINUTE)
    assert found(newest_evidence_not_judged) == []


def test_a_course_that_was_never_judged_is_told_of() -> None:
    course = make_course_that_follows(at=NOW)
    Course.objects.filter(pk=course.pk).update(current_decision=None)
    assert found(newest_evidence_not_judged, 90 * SECOND) == []
    assert len(found(newest_evidence_not_judged, 91 * SECOND)) == 1


def test_a_result_counts_from_when_it_was_read_however_long_before_its_message_came() -> None:
    make_sender()
    course = make_course_that_follows(at=NOW - MINUTE)
    facts = {"mrn": "1001", "family": "Müller", "given": "Maria"}
    Patient.objects.filter(pk=course.patient_id).update(**facts)
    assess_course(course_id=course.pk, now=NOW - MINUTE)
    a_result_read(after=timedelta(0))
    assert found(newest_evidence_not_judged, 90 * SECOND) == []
    assert len(found(newest_evidence_not_judged, 91 * SECOND)) == 1


def test_news_under_another_number_of_the_same_person_is_news_of_the_course() -> None:
    course = make_course_that_follows(at=NOW - MINUTE)
    retired = make_patient(mrn="1002", birth_date=course.patient.birth_date)
    merge = PatientMerge.objects.create(
        retired=retired, survivor=course.patient, reason="Typed twice.", proposed_by="nora", proposed_at=NOW
    )
    for name in ("nora", "paul"):
        person = make_person(name, "nurse")
        PatientMergeReview.objects.create(merge=merge, person=person, agrees=True, at=NOW)
    assess_course(course_id=course.pk, now=NOW - MINUTE)
    assert found(newest_evidence_not_judged) == []
    weigh(course, at=NOW, patient=retired)
    assert len(found(newest_evidence_not_judged)) == 1


def test_what_is_no_breach_of_evidence() -> None:
    """No course whose file changed or that could not be assessed, and nothing in a day's first moments."""
    changed = make_course_that_follows(at=NOW - MINUTE)
    Course.objects.filter(pk=changed.pk).update(protocol_sha256="0" * 64)
    weigh(changed, at=NOW)
    faulty = make_course_that_follows(at=NOW - MINUTE)
    try_to_hold(course_id=faulty.pk, fault=RuntimeError("clouds"), now=NOW)
    weigh(faulty, at=NOW + SECOND)
    assert found(newest_evidence_not_judged) == []
    sound = make_course_that_follows(at=NOW - MINUTE)
    weigh(sound, at=NOW)
    midnight = datetime(2026, 5, 5, 0, 0, tzinfo=clinic_zone())
    assert list(newest_evidence_not_judged(midnight + 89 * SECOND, lambda: None)) == []
    assert len(list(newest_evidence_not_judged(midnight + 90 * SECOND, lambda: None))) == 1


def test_judged_courses_cost_nothing_however_many_there_are() -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            found(newest_evidence_not_judged)
        return len(queries)

    nothing = cost()
    for _ in range(5):
        make_course_that_follows(at=NOW)
    assert cost() == nothing == 1
