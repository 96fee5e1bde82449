"""Ending an alert by a person's word, which bears no more than what stands signed."""

from datetime import timedelta

import pytest

from alerts.models import Alert, Closing
from alerts.rules import Kind
from alerts.services.acknowledging import AlertHasChanged
from alerts.services.acting import ActRefused, MayNotAct
from alerts.services.closing import close_alert
from tests.builders_acts import seen, stand, take
from tests.builders_alerts import NOW, make_alert, make_course, make_person

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)
WHY = "Platelets are low, the cycle waits a week."


def test_a_signed_delay_ends_a_delay_and_names_its_decision() -> None:
    doctor, course = make_person("doctor", "physician"), make_course()
    alert = make_alert(course)
    decision = stand(course, "delay", signer=doctor)
    take(alert, doctor)
    done = close_alert(
        alert=alert, person=doctor, seen=seen(alert), outcome="delay", reason=WHY, now=LATER
    ).closing
    alert.refresh_from_db()
    assert (alert.state, alert.closed_at, alert.next_step_at) == ("closed", LATER, None)
    assert (done.outcome, done.decision, done.by, done.reason) == ("delay", decision, doctor, WHY)
    event = alert.events.get(kind="closed")
    assert (event.actor, event.detail) == (doctor, {"why": "by a person: delay"})


@pytest.mark.parametrize(
    ("stands", "signed", "outcome"),
    [
        ("delay", False, "delay"),
        ("delay", True, "continue"),
        ("delay", True, "false-alarm"),
        ("proceed", False, "continue"),
        ("hold", True, "continue"),
        ("delay", True, "stop"),
        ("delay", True, "handled"),
        ("delay", True, "anything"),
    ],
)
def test_an_outcome_that_no_signed_decision_bears_is_refused(stands: str, signed: bool, outcome: str) -> None:
    doctor, course = make_person("doctor", "physician"), make_course()
    alert = make_alert(course)
    stand(course, stands, signer=doctor if signed and stands != "hold" else None)
    take(alert, doctor)
    with pytest.raises(ActRefused):
        close_alert(alert=alert, person=doctor, seen=seen(alert), outcome=outcome, reason=WHY, now=LATER)
    alert.refresh_from_db()
    assert alert.state == "acked"
    assert not Closing.objects.exists()


def test_treatment_goes_on_once_that_is_signed() -> None:
    doctor, course = make_person("doctor", "physician"), make_course()
    alert = make_alert(course)
    stand(course, "proceed", signer=doctor)
    take(alert, doctor)
    close_alert(alert=alert, person=doctor, seen=seen(alert), outcome="continue", reason=WHY, now=LATER)
    assert Alert.objects.get(pk=alert.pk).state == "closed"


@pytest.mark.parametrize("roles", [("nurse",), ("on-call",), ("nurse", "on-call")])
def test_only_who_signs_decisions_ends_what_the_protocol_says(roles: tuple[str, ...]) -> None:
    person, doctor, course = make_person("p", *roles), make_person("doctor", "physician"), make_course()
    alert = make_alert(course)
    stand(course, "delay", signer=doctor)
    take(alert, person)
    with pytest.raises(MayNotAct, match="Hand it over"):
        close_alert(alert=alert, person=person, seen=seen(alert), outcome="delay", reason=WHY, now=LATER)


def test_what_nobody_has_acknowledged_is_not_closed() -> None:
    doctor, course = make_person("doctor", "physician"), make_course()
    alert = make_alert(course)
    stand(course, "delay", signer=doctor)
    with pytest.raises(ActRefused, match="Acknowledge it first"):
        close_alert(alert=alert, person=doctor, seen=seen(alert), outcome="delay", reason=WHY, now=LATER)


def test_what_ends_with_its_cause_is_ended_by_nobody() -> None:
    doctor = make_person("doctor", "physician")
    alert = make_alert(kind=Kind.HOLD)
    take(alert, doctor)
    with pytest.raises(ActRefused, match="ends by itself"):
        close_alert(alert=alert, person=doctor, seen=seen(alert), outcome="handled", reason=WHY, now=LATER)


def test_a_nurse_ends_what_waited_at_the_laboratorys_door_and_an_administrator_what_is_technical() -> None:
    nurse, admin = make_person("nora", "nurse"), make_person("adam", "administrator")
    for person, kind in ((nurse, Kind.LAB_QUARANTINE), (admin, Kind.ADDRESS_REFUSED)):
        alert = make_alert(kind=kind)
        take(alert, person)
        close_alert(alert=alert, person=person, seen=seen(alert), outcome="handled", reason=WHY, now=LATER)
        assert Alert.objects.get(pk=alert.pk).state == "closed"


def test_the_same_button_pressed_twice_closes_once_and_another_persons_old_page_is_refused() -> None:
    nurse, other = make_person("nora", "nurse"), make_person("olga", "nurse")
    alert = make_alert(kind=Kind.LAB_QUARANTINE)
    take(alert, nurse)
    shown = seen(alert)
    for first in (True, False):
        done = close_alert(alert=alert, person=nurse, seen=shown, outcome="handled", reason=WHY, now=LATER)
        assert done.first is first
    with pytest.raises(AlertHasChanged, match="closed"):
        close_alert(alert=alert, person=other, seen=shown, outcome="handled", reason=WHY, now=LATER)
    assert Closing.objects.count() == 1
