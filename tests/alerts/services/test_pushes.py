"""Pushes beside the mail: the same text, the same log, one call, and an address that stays a secret."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core import serializers
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from alerts import channels
from alerts.history import differences
from alerts.models import Alert, DeliveryAttempt, Line, Notification, PushAddress
from alerts.models.notification import Channel
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from alerts.services.push_addresses import BadPushAddress, add_push_address, end_push_address
from alerts.services.watch_mail import watch_mail
from tests.builders_alerts import CANARIES, NOW, make_alert, make_person
from tests.push_server import PushServer
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.usefixtures("real_commits")
SECRET = "topsecrettoken"


@pytest.fixture
def gateway(settings: Any) -> Iterator[PushServer]:
    """A gateway, and the service set up to push to such ones."""
    settings.PUSH_SERVICES = ["json"]
    server = PushServer()
    yield server
    server.close()


@pytest.fixture
def on_call(real_commits: str) -> User:
    return make_person("oncall1", "on-call")


def pushed(person: User, gateway: PushServer, *, more: str = "") -> PushAddress:
    """An address of this person at the gateway."""
    url = f"json://user:{SECRET}@127.0.0.1:{gateway.port}/{SECRET}{more}"
    return add_push_address(person=person, url=url, by=person, now=NOW)


def push_of(alert: Alert) -> Notification:
    return alert.notifications.get(channel=Channel.PUSH)


def test_who_is_mailed_is_pushed_with_the_same_text_and_both_stand_in_one_log(
    on_call: User, gateway: PushServer, smtp: SmtpServer
) -> None:
    pushed(on_call, gateway)
    alert = make_alert()
    assert dispatch_due(now=NOW) == 2
    [body], [letter] = gateway.bodies, smtp.room.letters
    mail = alert.notifications.get(channel=Channel.MAIL)
    assert body["title"] == letter["Subject"] == f"[SAFETY 1] Action needed - ref {alert.ref}"
    text = letter.get_body(("plain",))
    assert text is not None
    assert body["message"].split() == str(text.get_content()).split()
    for owed in (mail, push_of(alert)):
        assert (owed.state, owed.attempts.get().outcome) == ("accepted", "accepted")
    assert [event.kind for event in alert.events.all()].count("accepted") == 2
    assert differences(alert) == []


@pytest.mark.hazard("HZ-77")
def test_no_push_holds_anything_of_the_patient(on_call: User, gateway: PushServer, smtp: SmtpServer) -> None:
    pushed(on_call, gateway)
    make_alert()
    dispatch_due(now=NOW)
    whole = str(gateway.bodies).lower()
    assert "safety 1" in whole
    for canary in CANARIES:
        assert canary.lower() not in whole


def test_a_mail_server_that_is_away_keeps_no_push_from_whoever_runs_the_service(
    gateway: PushServer, smtp: SmtpServer
) -> None:
    admin = make_person("admin1", "administrator")
    pushed(admin, gateway)
    smtp.close()
    for second in range(0, 60, 10):
        dispatch_due(now=NOW + timedelta(seconds=second))
    alert = make_alert(kind=Kind.SYSTEM_FAULT, now=NOW + timedelta(minutes=1))
    for second in range(60, 180, 10):
        dispatch_due(now=NOW + timedelta(seconds=second))
    assert Line.objects.get(name="mail").failures >= 5
    assert alert.ref in gateway.bodies[0]["title"]
    assert push_of(alert).state == "accepted"
    assert alert.notifications.get(channel=Channel.MAIL).state == "pending"


def test_a_gateway_that_refuses_is_tried_again_with_one_call_each_time_and_shuts_only_its_own_line(
    on_call: User, gateway: PushServer, smtp: SmtpServer
) -> None:
    address = pushed(on_call, gateway, more="?retry=5")
    alert = make_alert()
    gateway.answer = 500
    for second in range(0, 120, 10):
        dispatch_due(now=NOW + timedelta(seconds=second))
    tried = push_of(alert).attempts
    assert len(gateway.bodies) == tried.count() >= 5
    assert set(tried.values_list("outcome", "error_class")) == {("temporary", "NotTaken")}
    assert Line.objects.get().name == address.endpoint
    assert len(smtp.room.letters) == 1
    gateway.answer = 200
    dispatch_due(now=NOW + timedelta(minutes=3))
    assert push_of(alert).state == "accepted"


@pytest.mark.hazard("HZ-76")
def test_a_gateway_that_does_not_answer_is_cut_off_and_holds_no_letter_up(
    on_call: User, gateway: PushServer, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(on_call, gateway)
    make_person("oncall2", "on-call")
    alert = make_alert()
    monkeypatch.setattr(channels, "HARD_LIMIT_SECONDS", 0.3)
    gateway.waits = 1.5
    dispatch_due(now=NOW)
    attempt = push_of(alert).attempts.get()
    assert (attempt.outcome, attempt.error_class) == ("unknown", "Overrun")
    assert len(smtp.room.letters) == 2


def test_a_step_whose_mail_was_refused_goes_on_unless_a_push_was_taken(
    on_call: User, gateway: PushServer, smtp: SmtpServer
) -> None:
    make_person("physician1", "physician")
    smtp.room.refused_addresses = {"oncall1@clinic.example"}
    pushed(on_call, gateway)
    gateway.answer = 500
    not_reached = make_alert()
    dispatch_due(now=NOW)
    not_reached.refresh_from_db()
    assert not_reached.step == 2


def test_an_ended_address_is_pushed_to_no_more(on_call: User, gateway: PushServer, smtp: SmtpServer) -> None:
    address = pushed(on_call, gateway)
    owed_before = make_alert()
    assert end_push_address(address, by=on_call, now=NOW)
    assert not end_push_address(address, by=on_call, now=NOW)
    make_alert()
    dispatch_due(now=NOW)
    assert gateway.bodies == []
    assert push_of(owed_before).state == "superseded"
    assert Notification.objects.filter(channel=Channel.PUSH).count() == 1


def test_an_address_that_cannot_be_read_any_more_is_refused_and_raises_the_alarm(
    on_call: User, gateway: PushServer, smtp: SmtpServer, settings: Any
) -> None:
    pushed(on_call, gateway)
    alert = make_alert()
    settings.SECRET_TEXT_KEYS = [Fernet.generate_key().decode()]
    dispatch_due(now=NOW)
    assert push_of(alert).attempts.get().error_class == "InvalidToken"
    assert Alert.objects.filter(kind=Kind.ADDRESS_REFUSED, person=on_call).exists()


def test_an_older_key_still_reads_what_was_written_with_it(
    on_call: User, gateway: PushServer, smtp: SmtpServer, settings: Any
) -> None:
    pushed(on_call, gateway)
    settings.SECRET_TEXT_KEYS = [Fernet.generate_key().decode(), *settings.SECRET_TEXT_KEYS]
    make_alert()
    assert dispatch_due(now=NOW) == 2


def test_a_service_that_is_no_longer_allowed_is_pushed_to_no_more(
    on_call: User, gateway: PushServer, smtp: SmtpServer, settings: Any
) -> None:
    pushed(on_call, gateway)
    alert = make_alert()
    settings.PUSH_SERVICES = ["ntfys"]
    dispatch_due(now=NOW)
    assert push_of(alert).attempts.get().error_class == "ServiceNotAllowed"
    assert gateway.bodies == []


def test_the_address_stands_in_no_row_no_text_and_no_log(
    on_call: User, gateway: PushServer, smtp: SmtpServer
) -> None:
    heard = StringIO()
    listener = logging.StreamHandler(heard)
    for name in ("", "apprise", "urllib3", "alerts"):
        logging.getLogger(name).addHandler(listener)
    try:
        address = pushed(on_call, gateway)
        make_alert()
        for status in (500, 200):
            gateway.answer = status
            dispatch_due(now=NOW + timedelta(seconds=30 * (status == 200)))
        gateway.close()
        make_alert()
        dispatch_due(now=NOW + timedelta(minutes=2))
    finally:
        for name in ("", "apprise", "urllib3", "alerts"):
            logging.getLogger(name).removeHandler(listener)
    rows = [
        *PushAddress.objects.all(),
        *Notification.objects.all(),
        *DeliveryAttempt.objects.all(),
        *Line.objects.all(),
    ]
    assert DeliveryAttempt.objects.filter(notification__channel=Channel.PUSH).count() >= 3
    for text in (serializers.serialize("json", rows), heard.getvalue(), str(address)):
        assert SECRET not in text
        assert "127.0.0.1:" not in text


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ntfys://host/topic", "Begin the address with one of json://"),
        ("mailto://user:pw@example.org", "Begin the address with one of json://"),
        ("topsecrettoken", "Begin the address with one of json://"),
        ("json://", "no complete address of json"),
    ],
)
def test_an_address_of_no_named_service_or_an_incomplete_one_is_refused_without_repeating_it(
    on_call: User, gateway: PushServer, url: str, says: str
) -> None:
    with pytest.raises(BadPushAddress) as refused:
        add_push_address(person=on_call, url=url, by=on_call, now=NOW)
    assert says in str(refused.value)
    assert url == "json://" or url not in str(refused.value)
    assert not PushAddress.objects.exists()


def test_where_no_service_is_named_nothing_is_pushed(on_call: User, settings: Any) -> None:
    settings.PUSH_SERVICES = []
    with pytest.raises(BadPushAddress, match="PUSH_SERVICES"):
        add_push_address(person=on_call, url="json://127.0.0.1", by=on_call, now=NOW)


def test_an_address_is_whole_and_ended_by_somebody(on_call: User, gateway: PushServer) -> None:
    address = PushAddress.objects.filter(pk=pushed(on_call, gateway).pk)
    for wrong in ({"service": ""}, {"encrypted_url": ""}, {"ended_at": NOW}, {"ended_by": on_call}):
        refused(address, **wrong)
    make_alert()
    mail = Notification.objects.filter(channel=Channel.MAIL)
    refused(mail, channel="push")
    refused(mail, push_address=address.get())
    refused(mail, state="bundled", next_attempt_at=None)
    refused(mail, bundled_into=mail.get())


def refused(rows: QuerySet[Any], **wrong: Any) -> None:
    """The database does not take this."""
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**wrong)


def test_a_push_that_was_taken_hides_no_mail_server_that_is_away(
    gateway: PushServer, smtp: SmtpServer
) -> None:
    admin = make_person("admin1", "administrator")
    pushed(admin, gateway)
    smtp.close()
    make_alert(kind=Kind.SYSTEM_FAULT)
    for minute in range(10):
        dispatch_due(now=NOW + timedelta(minutes=minute))
        if minute == 2:
            make_alert(kind=Kind.SYSTEM_FAULT, now=NOW + timedelta(minutes=minute))
    at = NOW + timedelta(minutes=10)
    watch_mail(now=at)
    dispatch_due(now=at)
    relay = Alert.objects.get(kind=Kind.MAIL_LOOP)
    assert push_of(relay).state == "accepted"
    assert any(relay.ref in body["title"] for body in gateway.bodies)
