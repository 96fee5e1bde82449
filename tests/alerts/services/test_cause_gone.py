"""An acknowledged delay, reduction or stop whose cause is gone stays until a person has ended it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert, Notification
from alerts.services.acting import ActRefused, MayNotAct
from alerts.services.cause_gone import watch_gone
from alerts.services.closing import close_alert
from alerts.services.deadlines import watch_deadlines
from alerts.services.duty_of_looks import rearmings_past_due
from alerts.services.escalate_now import escalate_now
from alerts.services.hand_over import hand_over
from alerts.services.rearming import rearm_due
from alerts.services.triage import triage_decisions
from alerts.services.watching import watch
from courses.models import Course, CourseStatus
from tests.builders_acts import seen, sign, stand, take
from tests.builders_alerts import NOW, make_course, make_decision, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-69")]
LATER = NOW + timedelta(hours=1)
MUCH_LATER = NOW + timedelta(days=30)


def kinds(alert: Alert) -> list[str]:
    return list(alert.events.values_list("kind", flat=True))


def gone(course: Course, doctor: Any, *, action: str = "delay") -> Alert:
    """An alert that the doctor took over, after which the course was judged anew and may proceed."""
    make_decision(course, action=action)
    triage_decisions(now=NOW)
    alert = Alert.objects.get(course=course)
    take(alert, doctor)
    stand(course, "proceed")
    triage_decisions(now=LATER)
    alert.refresh_from_db()
    return alert


@pytest.mark.parametrize("action", ["delay", "reduce", "stop"])
def test_the_service_ends_none_and_tells_nobody_of_it_any_more(action: str) -> None:
    doctor = make_person("doctor", "on-call", "physician")
    alert = gone(make_course(), doctor, action=action)
    assert (alert.state, alert.cause_gone_at, alert.acked_by) == ("acked", LATER, doctor)
    assert kinds(alert)[-1] == "cause-gone"
    told = Notification.objects.count()
    assert rearm_due(now=MUCH_LATER) == 0
    assert watch_deadlines(now=MUCH_LATER) == 0
    assert not list(rearmings_past_due(MUCH_LATER, lambda: None))
    watch(now=MUCH_LATER)
    alert.refresh_from_db()
    assert alert.state == "acked"
    assert Notification.objects.filter(alert=alert).count() == told


def test_the_look_at_those_that_wait_for_a_person_is_one_query_however_many_there_are() -> None:
    doctor = make_person("doctor", "on-call", "physician")
    for _ in range(3):
        gone(make_course(), doctor)
    with CaptureQueriesContext(connection) as captured:
        assert watch_gone(now=MUCH_LATER) == 0
    assert len(captured) == 1


def test_a_second_verdict_without_it_changes_nothing_more() -> None:
    course = make_course()
    alert = gone(course, make_person("doctor", "on-call", "physician"))
    make_decision(course, action="reduce", rules=[("DM-HEM", "reduce")])
    triage_decisions(now=MUCH_LATER)
    alert.refresh_from_db()
    assert alert.cause_gone_at == LATER
    assert kinds(alert).count("cause-gone") == 1


def test_a_physicians_signature_on_what_the_course_says_since_ends_it_in_their_name() -> None:
    doctor, course = make_person("doctor", "on-call", "physician"), make_course()
    alert = gone(course, doctor)
    signer = make_person("signer", "physician")
    stand(course, "proceed", signer=signer)
    watch(now=MUCH_LATER)
    alert.refresh_from_db()
    assert (alert.state, alert.closed_at) == ("closed", MUCH_LATER)
    ended = alert.events.get(kind="closed")
    assert ended.actor == signer
    assert ended.detail == {"why": "overtaken, and a physician signed what the course says since"}


def test_one_whose_own_decision_was_signed_is_over_when_its_cause_goes() -> None:
    doctor, course = make_person("doctor", "on-call", "physician"), make_course()
    sign(make_decision(course), doctor)
    triage_decisions(now=NOW)
    alert = Alert.objects.get()
    take(alert, doctor)
    make_decision(course, action="proceed", rules=[])
    triage_decisions(now=LATER)
    alert.refresh_from_db()
    assert (alert.state, alert.cause_gone_at) == ("closed", None)
    assert alert.events.get(kind="closed").actor == doctor


def test_a_signature_on_a_decision_that_confirms_its_own_is_as_good() -> None:
    doctor, course = make_person("doctor", "on-call", "physician"), make_course()
    first = make_decision(course)
    triage_decisions(now=NOW)
    alert = Alert.objects.get()
    take(alert, doctor)
    sign(make_decision(course, confirms=first), doctor)
    make_decision(course, action="proceed", rules=[])
    triage_decisions(now=LATER)
    alert.refresh_from_db()
    assert alert.state == "closed"
    assert alert.events.get(kind="closed").detail == {"why": "a physician signed its decision"}


def test_one_that_is_acknowledged_after_its_place_was_taken_asks_for_nothing_more() -> None:
    doctor, course = make_person("doctor", "on-call", "physician"), make_course()
    make_decision(course)
    triage_decisions(now=NOW)
    stand(course, "proceed")
    triage_decisions(now=LATER)
    alert = Alert.objects.get()
    assert alert.state == "cleared_unacked"
    take(alert, doctor, now=LATER)
    assert alert.cause_gone_at == LATER
    assert rearm_due(now=MUCH_LATER) == 0
    assert watch_deadlines(now=MUCH_LATER) == 0
    stand(course, "proceed", signer=doctor)
    watch(now=MUCH_LATER)
    alert.refresh_from_db()
    assert (alert.state, alert.severity) == ("closed", 2)


def test_a_physician_ends_it_by_hand_and_a_nurse_does_not() -> None:
    doctor, nurse = make_person("doctor", "on-call", "physician"), make_person("nora", "nurse")
    alert = gone(make_course(), doctor)
    why = "Repeated, and normal again."
    with pytest.raises(MayNotAct):
        close_alert(alert=alert, person=nurse, seen=seen(alert), outcome="handled", reason=why)
    close_alert(alert=alert, person=doctor, seen=seen(alert), outcome="handled", reason=why, now=MUCH_LATER)
    alert.refresh_from_db()
    assert (alert.state, alert.closed_at) == ("closed", MUCH_LATER)


def test_nobody_is_told_of_it_by_hand_either() -> None:
    doctor, other = make_person("doctor", "on-call", "physician"), make_person("other", "physician")
    alert = gone(make_course(), doctor)
    with pytest.raises(ActRefused, match="A newer decision"):
        escalate_now(alert=alert, person=doctor, seen=seen(alert), reason="They must know.")
    with pytest.raises(ActRefused, match="A newer decision"):
        hand_over(alert=alert, person=doctor, to=other, seen=seen(alert))
    alert.refresh_from_db()
    assert alert.state == "acked"


def test_a_cause_that_is_back_is_told_anew_from_the_first_step() -> None:
    doctor, course = make_person("doctor", "on-call"), make_course()
    alert = gone(course, doctor)
    make_decision(course)
    triage_decisions(now=MUCH_LATER)
    alert.refresh_from_db()
    assert (alert.state, alert.loop, alert.step, alert.cause_gone_at) == ("open", 2, 1, None)
    assert kinds(alert)[-4:] == ["seen-again", "returned", "reopened", "step"]
    assert Notification.objects.filter(alert=alert, loop=2, person=doctor).exists()


def test_its_page_and_the_inbox_say_so(client: Client) -> None:
    doctor = make_person("doctor", "on-call", "physician")
    alert = gone(make_course(), doctor)
    client.force_login(doctor)
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "A newer decision has taken its place" in page
    assert "Overtaken: The protocol says" in page
    assert "Do not treat on the planned day" not in page
    assert "Go by the decision that stands now" in page
    assert "critical alert is not over" not in page
    assert "The course now says proceed." in page
    assert "A decision is expected by" not in page
    assert "Hand over to" not in page
    assert "signature on what the course says now ends it" in page
    alert.course.status = CourseStatus.COMPLETED
    alert.course.save()
    assert (
        "signature on what the course says" not in client.get(f"/alerts/{alert.public_id}").content.decode()
    )
    assert "overtaken by a newer decision" in client.get("/alerts/").content.decode()
