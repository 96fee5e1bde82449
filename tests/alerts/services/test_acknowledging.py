"""Taking an alert over: by whom, of what they saw, and once."""

from datetime import timedelta
from typing import Any

import pytest

from alerts.models import Acknowledgement, Alert
from alerts.rules import Kind
from alerts.services.acknowledging import AlertHasChanged, MayNotAcknowledge, acknowledge
from alerts.services.raising import close
from tests.builders_alerts import NOW, make_alert, make_person

pytestmark = pytest.mark.django_db


def seen(alert: Alert) -> dict[str, Any]:
    return {"seen_severity": alert.severity, "seen_event": alert.events.latest("pk").pk}


def test_acknowledging_stops_the_ladder_and_withdraws_what_has_not_left() -> None:
    doctor = make_person("oncall1", "on-call")
    alert = make_alert()
    done = acknowledge(alert=alert, person=doctor, note_text="  called the ward ", now=NOW, **seen(alert))
    alert.refresh_from_db()
    assert done.first
    assert done.acknowledgement.note == "called the ward"
    assert (alert.state, alert.acked_by, alert.acked_at, alert.next_step_at) == ("acked", doctor, NOW, None)
    assert alert.ack_due_at == NOW + timedelta(hours=4)
    assert alert.notifications.get().state == "superseded"
    assert alert.events.latest("pk").kind == "acknowledged"


def test_doing_it_twice_changes_nothing_and_the_second_person_learns_who_was_first() -> None:
    first, second = make_person("first", "on-call"), make_person("second", "on-call")
    alert = make_alert()
    shown = seen(alert)
    acknowledge(alert=alert, person=first, now=NOW, **shown)
    for person in (first, second):
        again = acknowledge(alert=alert, person=person, now=NOW + timedelta(minutes=1), **shown)
        assert not again.first
        assert again.acknowledgement.person == first
    assert Acknowledgement.objects.count() == 1


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "auditor", "administrator"])
def test_a_role_without_the_right_is_refused_by_the_service_itself(role: str) -> None:
    person = make_person("somebody", role)
    alert = make_alert()
    with pytest.raises(MayNotAcknowledge):
        acknowledge(alert=alert, person=person, now=NOW, **seen(alert))
    alert.refresh_from_db()
    assert alert.state == "open"


def test_an_administrator_takes_over_technical_alerts_only() -> None:
    person = make_person("admin1", "administrator")
    alert = make_alert(kind=Kind.ADDRESS_REFUSED)
    assert alert.technical
    assert acknowledge(alert=alert, person=person, now=NOW, **seen(alert)).first


def test_a_page_that_showed_another_severity_is_refused() -> None:
    doctor = make_person("oncall1", "on-call")
    alert = make_alert()
    shown = seen(alert)
    with pytest.raises(AlertHasChanged):
        acknowledge(alert=alert, person=doctor, seen_severity=2, seen_event=shown["seen_event"], now=NOW)
    alert.events.create(kind="reopened", at=NOW)
    with pytest.raises(AlertHasChanged):
        acknowledge(alert=alert, person=doctor, now=NOW, **shown)
    assert acknowledge(alert=alert, person=doctor, now=NOW, **seen(alert)).first


def test_views_by_others_do_not_make_a_page_stale() -> None:
    doctor = make_person("oncall1", "on-call")
    alert = make_alert()
    shown = seen(alert)
    alert.events.create(kind="viewed", at=NOW)
    assert acknowledge(alert=alert, person=doctor, now=NOW, **shown).first


def test_a_cleared_alert_can_be_acknowledged() -> None:
    doctor = make_person("oncall1", "on-call")
    alert = make_alert()
    Alert.objects.filter(pk=alert.pk).update(state="cleared_unacked")
    assert acknowledge(alert=alert, person=doctor, now=NOW, **seen(alert)).first


def test_a_closed_alert_cannot() -> None:
    doctor = make_person("oncall1", "on-call")
    alert = make_alert()
    close(alert, why="test", now=NOW)
    with pytest.raises(AlertHasChanged):
        acknowledge(alert=alert, person=doctor, now=NOW, **seen(alert))
