"""Handing an alert over: the named person is told at once, and others again when they do not take it."""

from datetime import timedelta

import pytest

from alerts.models import Alert, HandOver, Notification
from alerts.rules import Kind
from alerts.services.acknowledging import AlertHasChanged
from alerts.services.acting import ActRefused, MayNotAct
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.hand_over import hand_over, who_can_take
from alerts.signals import mails_owed
from tests.builders_acts import seen, take
from tests.builders_alerts import NOW, make_alert, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)


def test_the_named_person_is_mailed_at_once_by_the_real_path_and_nobody_else(smtp: SmtpServer) -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert()
    take(alert, anna)
    made = hand_over(
        alert=alert, person=anna, to=bela, seen=seen(alert), note_text=" Ward knows. ", now=LATER
    )
    assert made.first
    assert made.hand_over.note == "Ward knows."
    assert dispatch_due(now=LATER) == 1
    alert.refresh_from_db()
    assert (alert.state, alert.acked_by, alert.loop, alert.step) == ("open", None, 2, 0)
    assert alert.next_step_at == made.hand_over.take_by == LATER + timedelta(minutes=15)
    mail = Notification.objects.get(loop=2)
    assert (mail.person, mail.endpoint, mail.state) == (bela, "bela@clinic.example", "accepted")
    event = alert.events.get(kind="handed-over")
    assert (event.actor, event.detail["people"]) == (anna, [bela.pk])


def test_its_mail_is_asked_for_as_soon_as_it_is_committed(django_capture_on_commit_callbacks) -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert, asked = make_alert(), []

    def heard(**_: object) -> None:
        asked.append(HandOver.objects.count())

    mails_owed.connect(heard)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            hand_over(alert=alert, person=anna, to=bela, seen=seen(alert), now=LATER)
            assert asked == []
    finally:
        mails_owed.disconnect(heard)
    assert asked == [1]


def test_taken_in_time_nobody_else_is_told() -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert()
    hand_over(alert=alert, person=anna, to=bela, seen=seen(alert), now=LATER)
    take(alert, bela, now=LATER + timedelta(minutes=1))
    assert run_due_steps(now=LATER + timedelta(hours=2)) == 0
    assert alert.acked_by == bela


def test_not_taken_in_time_the_ladder_begins_anew() -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert()
    take(alert, anna)
    hand_over(alert=alert, person=anna, to=bela, seen=seen(alert), now=LATER)
    due = LATER + timedelta(minutes=15)
    assert run_due_steps(now=due - timedelta(seconds=1)) == 0
    assert run_due_steps(now=due) == 1
    alert.refresh_from_db()
    assert (alert.loop, alert.step) == (2, 1)
    told = alert.notifications.filter(loop=2, step=1).values_list("person__username", flat=True)
    assert list(told) == ["anna"]


def test_a_refused_address_of_the_named_person_tells_others_at_once(smtp: SmtpServer) -> None:
    anna, bela = (
        make_person("anna", "on-call"),
        make_person("bela", "physician", email="bela@refused.example"),
    )
    make_person("admin1", "administrator")
    alert = make_alert()
    dispatch_due(now=NOW)
    smtp.room.refused_addresses = {"bela@refused.example"}
    hand_over(alert=alert, person=anna, to=bela, seen=seen(alert), now=LATER)
    dispatch_due(now=LATER)
    alert.refresh_from_db()
    assert (alert.loop, alert.step) == (2, 1)


def test_the_same_button_pressed_twice_is_one_hand_over_and_one_mail() -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert()
    shown = seen(alert)
    for first in (True, False):
        assert hand_over(alert=alert, person=anna, to=bela, seen=shown, now=LATER).first is first
    assert HandOver.objects.count() == 1
    assert Notification.objects.filter(person=bela).count() == 1


def test_a_second_person_with_the_old_page_is_refused() -> None:
    anna, bela, cleo = (make_person(name, "physician") for name in ("anna", "bela", "cleo"))
    alert = make_alert()
    shown = seen(alert)
    hand_over(alert=alert, person=anna, to=bela, seen=shown, now=LATER)
    with pytest.raises(AlertHasChanged):
        hand_over(alert=alert, person=cleo, to=anna, seen=shown, now=LATER)


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "auditor", "administrator"])
def test_only_who_may_take_it_hands_it_over_or_is_handed_it(role: str) -> None:
    anna, other = make_person("anna", "physician"), make_person("other", role)
    alert = make_alert()
    with pytest.raises(MayNotAct):
        hand_over(alert=alert, person=other, to=anna, seen=seen(alert), now=LATER)
    with pytest.raises(ActRefused, match="Hand over to"):
        hand_over(alert=alert, person=anna, to=other, seen=seen(alert), now=LATER)
    assert not HandOver.objects.exists()


def test_nobody_hands_it_to_themselves_to_somebody_without_address_or_who_has_left() -> None:
    anna, mute = make_person("anna", "physician"), make_person("mute", "physician", email="")
    gone = make_person("gone", "physician")
    gone.is_active = False
    gone.save()
    alert = make_alert()
    for to in (anna, mute, gone):
        with pytest.raises(ActRefused):
            hand_over(alert=alert, person=anna, to=to, seen=seen(alert), now=LATER)
    assert list(who_can_take(alert, but=anna)) == []


def test_a_closed_alert_and_one_that_has_become_worse_are_refused() -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert(kind=Kind.HOLD)
    shown = seen(alert)
    alert.events.create(kind="worsened", at=LATER, detail={"from": 2, "to": 1})
    with pytest.raises(AlertHasChanged):
        hand_over(alert=alert, person=anna, to=bela, seen=shown, now=LATER)


def test_what_was_cleared_stays_cleared_when_it_is_handed_over() -> None:
    anna, bela = make_person("anna", "on-call"), make_person("bela", "physician")
    alert = make_alert()
    Alert.objects.filter(pk=alert.pk).update(state="cleared_unacked")
    hand_over(alert=alert, person=anna, to=bela, seen=seen(alert), now=LATER)
    alert.refresh_from_db()
    assert alert.state == "cleared_unacked"


def test_who_can_take_a_recall_or_a_technical_alert_is_wider() -> None:
    for name, role in (("phil", "pharmacist"), ("adam", "administrator"), ("nora", "nurse")):
        make_person(name, role)

    def takers(kind: Kind) -> set[str]:
        return {each.username for each in who_can_take(make_alert(kind=kind))}

    assert takers(Kind.DELAY) == {"nora"}
    assert takers(Kind.RECALL_UNANSWERED) == {"nora", "phil"}
    assert takers(Kind.ADDRESS_REFUSED) == {"nora", "adam"}
