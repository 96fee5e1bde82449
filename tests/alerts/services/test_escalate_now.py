"""Escalating by hand: the next people are told at once, whoever has the alert."""

from datetime import timedelta

import pytest

from alerts.models import Notification
from alerts.services.acknowledging import AlertHasChanged
from alerts.services.acting import ActRefused, MayNotAct
from alerts.services.escalate_now import escalate_now
from tests.builders_acts import seen, take
from tests.builders_alerts import NOW, make_alert, make_person

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)
WHY = "I am in theatre and cannot look."


def test_the_next_step_is_taken_at_once() -> None:
    anna, _bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert()
    assert escalate_now(alert=alert, person=anna, seen=seen(alert), reason=WHY, now=LATER)
    alert.refresh_from_db()
    assert (alert.state, alert.step, alert.loop) == ("open", 2, 1)
    told = Notification.objects.filter(step=2).values_list("person__username", flat=True)
    assert set(told) == {"anna", "bela"}
    event = alert.events.get(kind="escalated")
    assert (event.actor, event.detail["reason"]) == (anna, WHY)


def test_an_acknowledged_alert_is_nobodys_again_and_goes_on_where_it_stood() -> None:
    anna, _bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert()
    take(alert, anna)
    escalate_now(alert=alert, person=anna, seen=seen(alert), reason=WHY, now=LATER)
    alert.refresh_from_db()
    assert (alert.state, alert.acked_by, alert.step, alert.loop) == ("open", None, 2, 2)
    assert Notification.objects.filter(loop=2, step=2, person__username="bela").exists()


def test_on_the_last_step_it_repeats_that_one() -> None:
    anna = make_person("anna", "on-call")
    alert = make_alert()
    for minute in (5, 6):
        now = NOW + timedelta(minutes=minute)
        escalate_now(alert=alert, person=anna, seen=seen(alert), reason=WHY, now=now)
    alert.refresh_from_db()
    assert (alert.step, alert.loop) == (2, 2)


def test_the_same_button_pressed_twice_escalates_once() -> None:
    anna = make_person("anna", "on-call")
    alert = make_alert()
    shown = seen(alert)
    assert escalate_now(alert=alert, person=anna, seen=shown, reason=WHY, now=LATER)
    assert not escalate_now(alert=alert, person=anna, seen=shown, reason=WHY, now=LATER)
    assert alert.events.filter(kind="escalated").count() == 1


def test_an_old_page_no_right_and_no_reason_are_refused() -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert()
    shown = seen(alert)
    with pytest.raises(ActRefused, match="Reason"):
        escalate_now(alert=alert, person=anna, seen=shown, reason=" ? ", now=LATER)
    with pytest.raises(MayNotAct):
        escalate_now(alert=alert, person=make_person("eve", "auditor"), seen=shown, reason=WHY, now=LATER)
    take(alert, bela)
    with pytest.raises(AlertHasChanged):
        escalate_now(alert=alert, person=anna, seen=shown, reason=WHY, now=LATER)
