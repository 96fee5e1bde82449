"""Faults of delivery, a sentence each with the promise it breaks; planted by replacement."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from alerts.channels import Sent, send
from alerts.models import Alert, Notification
from alerts.models.notification import NotificationState
from alerts.models.report import ReportKind
from alerts.returned_mail import read_returned
from alerts.rules import Kind, State
from alerts.services import claiming, dispatch, refusals, returned, rounds
from alerts.services.claiming import LEASE, claim, end
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.returned import take_returned
from alerts.services.rounds import make_round
from alerts.storm_rules import Departure
from labs.clock import database_now
from tests.alerts.services.planted import Patch, Planted, nothing
from tests.builders_alerts import CANARIES, NOW, make_alert, make_person
from tests.builders_mail import OUT_OF_OFFICE, answer, report
from tests.smtp_server import SmtpServer

Promise = Callable[[SmtpServer, Any], None]
MINUTE = timedelta(minutes=1)


def on_call_is_told(smtp: SmtpServer, alert: Alert) -> bool:
    """Whether a letter about this alert reached the server."""
    return Notification.objects.filter(alert=alert).told().exists()


def passes(*, since: datetime, count: int) -> None:
    """So many passes of the sender, ten seconds apart."""
    for each in range(count):
        dispatch_due(now=since + timedelta(seconds=10 * each))


# ------------------------------------------------------------------------------------------------ promises


def a_letter_refused_for_now_arrives(smtp: SmtpServer, settings: Any) -> None:
    """HZ-66."""
    alert = make_alert()
    smtp.room.answer_to_recipient = "451 Try again later"
    passes(since=NOW, count=3)
    smtp.room.answer_to_recipient = "250 OK"
    passes(since=NOW + 2 * MINUTE, count=2)
    assert on_call_is_told(smtp, alert)


def a_letter_whose_sender_died_arrives(smtp: SmtpServer, settings: Any) -> None:
    """HZ-66."""
    alert = make_alert()
    assert claim(now=NOW, older_than=timedelta(0)) is not None
    passes(since=NOW + LEASE, count=2)
    assert on_call_is_told(smtp, alert)


def a_letter_whose_answer_was_lost_arrives_as_the_same(smtp: SmtpServer, settings: Any) -> None:
    """HZ-66."""
    alert = make_alert()
    smtp.room.vanish_after_data = True
    passes(since=NOW, count=1)
    smtp.room.vanish_after_data = False
    passes(since=NOW + MINUTE, count=1)
    assert on_call_is_told(smtp, alert)
    assert len({str(letter["Message-ID"]) for letter in smtp.room.letters}) == 1


def a_letter_that_is_never_accepted_keeps_nobody_from_the_next_step(smtp: SmtpServer, settings: Any) -> None:
    """HZ-66."""
    make_person("physician1", "physician")
    alert = make_alert()
    smtp.close()
    passes(since=NOW, count=3)
    run_due_steps(now=NOW + timedelta(minutes=16))
    assert Notification.objects.filter(alert=alert, person__username="physician1").exists()


def every_alert_of_a_storm_is_told(smtp: SmtpServer, settings: Any) -> None:
    """HZ-66."""
    alerts = [make_alert() for _ in range(6)]
    passes(since=NOW, count=8)
    for alert in alerts:
        assert on_call_is_told(smtp, alert)
        assert "accepted" in [event.kind for event in alert.events.all()]


def few_letters_tell_of_many_alerts(smtp: SmtpServer, settings: Any) -> None:
    """HZ-67."""
    for _ in range(8):
        make_alert()
    passes(since=NOW, count=6)
    assert len(smtp.room.letters) <= 4


def an_automatic_answer_changesnothing(smtp: SmtpServer, settings: Any) -> None:
    """HZ-70."""
    alert = make_alert()
    passes(since=NOW, count=1)
    before = alert.events.count()
    assert take_returned(answer(OUT_OF_OFFICE, alert.notifications.get().message_id), now=NOW + MINUTE)
    alert.refresh_from_db()
    assert (alert.state, alert.step, alert.events.count()) == (State.OPEN, 1, before)


def a_letter_that_came_back_makes_the_next_step_due(smtp: SmtpServer, settings: Any) -> None:
    """HZ-71."""
    make_person("physician1", "physician")
    alert = make_alert()
    passes(since=NOW, count=1)
    take_returned(report(alert.notifications.get().message_id), now=NOW + MINUTE)
    alert.refresh_from_db()
    assert alert.step == 2
    assert Alert.objects.filter(kind=Kind.ADDRESS_REFUSED).exists()


def nothing_goes_to_a_foreign_domain(smtp: SmtpServer, settings: Any) -> None:
    """HZ-71."""
    settings.MAIL_DOMAINS = ["hospital.example"]
    make_person("physician1", "physician", email="physician1@hospital.example")
    make_person("admin1", "administrator", email="admin1@hospital.example")
    alert = make_alert()
    passes(since=NOW, count=2)
    addresses = {address for recipients in smtp.room.recipients for address in recipients}
    assert addresses == {"physician1@hospital.example", "admin1@hospital.example"}
    alert.refresh_from_db()
    assert alert.step == 2
    assert Alert.objects.filter(kind=Kind.ADDRESS_REFUSED, person__username="oncall1").exists()


def what_is_due_leaves_without_any_broker(smtp: SmtpServer, settings: Any) -> None:
    """HZ-73."""
    alert = make_alert(now=database_now())
    make_round(all_due=True)
    assert on_call_is_told(smtp, alert)


def a_letter_that_cannot_be_made_keeps_no_other_waiting(smtp: SmtpServer, settings: Any) -> None:
    """HZ-76."""
    broken, sound = make_alert(kind=Kind.STOP), make_alert()
    Alert.objects.filter(pk=broken.pk).update(plan={})
    try:
        passes(since=NOW, count=1)
    except KeyError as error:
        raise AssertionError("one letter ended the pass") from error
    assert on_call_is_told(smtp, sound)


def nothing_of_the_patient_leaves(smtp: SmtpServer, settings: Any) -> None:
    """HZ-77."""
    for _ in range(5):
        make_alert()
    passes(since=NOW, count=5)
    assert len(smtp.room.letters) == 4
    for letter in smtp.room.letters:
        parts = [str(part.get_content()) for part in letter.walk() if not part.is_multipart()]
        whole = (letter.as_string() + "".join(parts)).lower()
        for canary in CANARIES:
            assert canary.lower() not in whole


PROMISES: tuple[Promise, ...] = (
    a_letter_refused_for_now_arrives,
    a_letter_whose_sender_died_arrives,
    a_letter_whose_answer_was_lost_arrives_as_the_same,
    a_letter_that_is_never_accepted_keeps_nobody_from_the_next_step,
    every_alert_of_a_storm_is_told,
    few_letters_tell_of_many_alerts,
    an_automatic_answer_changesnothing,
    a_letter_that_came_back_makes_the_next_step_due,
    nothing_goes_to_a_foreign_domain,
    what_is_due_leaves_without_any_broker,
    a_letter_that_cannot_be_made_keeps_no_other_waiting,
    nothing_of_the_patient_leaves,
)

# -------------------------------------------------------------------------------------------------- faults

FAULTS: Planted[Promise] = Planted()
fault = FAULTS.fault


@fault("a letter that was not taken is given up", breaks=a_letter_refused_for_now_arrives)
def _given_up(patch: Patch) -> None:
    def faulty(notification: Notification, *_: Any, now: datetime, **__: Any) -> None:
        end(notification, NotificationState.SUPERSEDED, now=now)

    patch.setattr(dispatch, "_try_again", faulty)


@fault("a lease never ends", breaks=a_letter_whose_sender_died_arrives)
def _for_ever(patch: Patch) -> None:
    patch.setattr(claiming, "LEASE", timedelta(days=9))


@fault("a copy has another Message-ID", breaks=a_letter_whose_answer_was_lost_arrives_as_the_same)
def _other_id(patch: Patch) -> None:
    sound = dispatch._letter

    def faulty(notification: Notification, *, attempt: int) -> Any:
        return replace(sound(notification, attempt=attempt), message_id=f"<{attempt:032x}@prrt.example>")

    patch.setattr(dispatch, "_letter", faulty)


@fault(
    "the next step waits for the letters of the one before",
    breaks=a_letter_that_is_never_accepted_keeps_nobody_from_the_next_step,
)
def _waits_for_mail(patch: Patch) -> None:
    sound = dispatch._finish

    def faulty(claimed: Any, sent: Sent, *, now: datetime) -> None:
        sound(claimed, sent, now=now)
        later = now + timedelta(days=1)
        Alert.objects.filter(pk=claimed.notification.alert_id).update(next_step_at=later)

    patch.setattr(dispatch, "_finish", faulty)


@fault("what a bundle took along is not written into its alerts", breaks=every_alert_of_a_storm_is_told)
def _no_events(patch: Patch) -> None:
    patch.setattr(dispatch, "end_members", nothing)


@fault("every letter leaves alone at once", breaks=few_letters_tell_of_many_alerts)
def _all_alone(patch: Patch) -> None:
    patch.setattr(claiming, "departure", lambda **_: Departure.ALONE)


@fault("an automatic answer is taken for a bounce", breaks=an_automatic_answer_changesnothing)
def _answer_is_bounce(patch: Patch) -> None:
    sound = read_returned
    patch.setattr(returned, "read_returned", lambda raw: replace(sound(raw), kind=ReportKind.BOUNCED))


@fault("a bounce is recorded and nothing follows", breaks=a_letter_that_came_back_makes_the_next_step_due)
def _no_consequence(patch: Patch) -> None:
    patch.setattr(returned, "_go_on", nothing)


@fault("a refused letter hurries no step", breaks=a_letter_that_came_back_makes_the_next_step_due)
def _no_hurry(patch: Patch) -> None:
    patch.setattr(refusals, "_on_last_step", lambda alert: True)


@fault("the domain of an address is not looked at", breaks=nothing_goes_to_a_foreign_domain)
def _any_domain(patch: Patch) -> None:
    patch.setattr(dispatch, "domain_fault", lambda address: "")


@fault("only a broker's message sends letters", breaks=what_is_due_leaves_without_any_broker)
def _broker_alone(patch: Patch) -> None:
    patch.setattr(rounds, "dispatch_due", nothing)


@fault(
    "a letter that cannot be made ends the pass", breaks=a_letter_that_cannot_be_made_keeps_no_other_waiting
)
def _unguarded(patch: Patch) -> None:
    patch.setattr(
        dispatch,
        "_deliver",
        lambda claimed: send(dispatch._letter(claimed.notification, attempt=claimed.attempt)),
    )


@fault("a letter names its patient", breaks=nothing_of_the_patient_leaves)
def _names_patient(patch: Patch) -> None:
    sound = dispatch._letter

    def faulty(notification: Notification, *, attempt: int) -> Any:
        course = notification.alert.course
        assert course is not None
        return replace(sound(notification, attempt=attempt), ref=course.patient.family)

    patch.setattr(dispatch, "_letter", faulty)
