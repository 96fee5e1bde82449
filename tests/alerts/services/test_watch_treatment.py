"""A recall nobody answers, a deviation, a regulator's day: each tells the right people until it is over."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from alerts.rules import Kind, State
from alerts.services.acknowledging import MayNotAcknowledge, acknowledge
from alerts.services.dispatch import dispatch_due
from alerts.services.rounds import make_round
from alerts.services.watch_treatment import watch_deviations, watch_incidents, watch_recalls
from alerts.tasks import watch as watch_task
from courses.models import (
    Administration,
    Course,
    Cycle,
    Directive,
    Incident,
    Infusion,
    Order,
    Recall,
    RecallAnswer,
)
from labs.clock import database_now
from tests.builders_alerts import CANARIES, NOW, make_course, make_decision, make_person
from tests.builders_pages import sign

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def people() -> None:
    """Somebody for every role that is told."""
    for name in ("pharmacist", "physicist", "physician", "on-call", "nurse"):
        make_person(f"{name}1", name)


def told(alert: Alert) -> set[str]:
    """Who was owed a mail in the last round."""
    return {each.person.username for each in alert.notifications.filter(loop=alert.loop)}


def taken_over(alert: Alert, username: str, *, now: datetime) -> None:
    alert.refresh_from_db()
    person = User.objects.get(username=username)
    seen = alert.events.latest("pk").pk
    acknowledge(alert=alert, person=person, seen_severity=alert.severity, seen_event=seen, now=now)


def dispensed(course: Course) -> Order:
    """The order of the course's cycle, out under a signed directive."""
    decision = make_decision(course, action="proceed", rules=())
    signature = sign(decision, by=make_person(f"signer-{course.pk}", "physician", email=""))
    directive = Directive.objects.create(
        cycle=decision.cycle,
        revision=1,
        decision=decision,
        signature=signature,
        product="lutetium Lu 177 dotatate",
        activity_gbq=Decimal("7.4"),
        route="intravenous",
        administer_on=decision.cycle.planned_on,
    )
    return Order.objects.create(
        cycle=decision.cycle,
        kind="radiopharmaceutical",
        state="dispensed",
        directive=directive,
        decision=decision,
        placed_at=NOW,
        updated_at=NOW,
    )


def recalled(*, at: datetime = NOW) -> Recall:
    return Recall.objects.create(order=dispensed(make_course()), reason_code="DM-PLT", opened_at=at)


def answered(recall: Recall, *, at: datetime) -> None:
    who = make_person("pharmacist2", "pharmacist", email="")
    RecallAnswer.objects.create(
        recall=recall, outcome="secured", answered_by=who, printed_name="P", answered_at=at
    )


def infused(course: Course, *, at: datetime = NOW, **about: Any) -> Infusion:
    facts: dict[str, Any] = {"deviation": "Kanarienvogel was given it without authorisation"} | about
    return Infusion.objects.create(
        cycle=course.cycles.get(),
        product="lutetium Lu 177 dotatate",
        started_at=at - 40 * MINUTE,
        ended_at=at - 10 * MINUTE,
        ended_how="complete",
        delivered_gbq=Decimal("7.4"),
        recorded_by=make_person(f"recorder-{Infusion.objects.count()}", "nurse", email=""),
        recorded_at=at,
        **facts,
    )


def given(cycle: Cycle, *, at: datetime = NOW, **about: Any) -> Administration:
    return Administration.objects.create(
        cycle=cycle,
        administered_on=at.date(),
        administered_gbq=Decimal("7.4"),
        product="lutetium Lu 177 dotatate",
        recorded_at=at,
        recorded_by=make_person(f"giver-{cycle.pk}", "nurse", email=""),
        **about,
    )


# --- Recalls -------------------------------------------------------------------------------------


@pytest.mark.hazard("HZ-46")
def test_pharmacy_is_told_of_a_recall_at_once_and_everybody_after_ten_minutes_without_an_answer() -> None:
    recall = recalled()
    assert watch_recalls(now=NOW) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity) == (Kind.RECALL_UNANSWERED, 2)
    assert told(alert) == {"pharmacist1"}
    assert watch_recalls(now=NOW + 10 * MINUTE - timedelta(seconds=1)) == 0

    assert watch_recalls(now=NOW + 10 * MINUTE) == 1
    alert.refresh_from_db()
    assert alert.severity == 1
    assert told(alert) == {"pharmacist1", "physician1", "on-call1"}
    assert watch_recalls(now=NOW + 11 * MINUTE) == 0

    answered(recall, at=NOW + 12 * MINUTE)
    assert watch_recalls(now=NOW + 12 * MINUTE) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED
    assert Alert.objects.count() == 1


@pytest.mark.hazard("HZ-46")
def test_acknowledging_the_alert_does_not_stand_in_for_the_answer_to_the_recall() -> None:
    recalled()
    watch_recalls(now=NOW)
    alert = Alert.objects.get()
    taken_over(alert, "pharmacist1", now=NOW + MINUTE)
    watch_recalls(now=NOW + 10 * MINUTE)
    alert.refresh_from_db()
    assert (alert.state, alert.loop) == (State.OPEN, 2)
    assert told(alert) == {"pharmacist1", "physician1", "on-call1"}


def test_a_recall_that_was_answered_in_time_wakes_nobody_else() -> None:
    recall = recalled()
    answered(recall, at=NOW + MINUTE)
    assert watch_recalls(now=NOW + 2 * MINUTE) == 0
    assert not Alert.objects.exists()


# --- Deviations ----------------------------------------------------------------------------------


@pytest.mark.hazard("HZ-62")
def test_an_infusion_without_authorisation_is_critical_at_once_until_somebody_has_it() -> None:
    infused(make_course())
    assert watch_deviations(now=NOW + timedelta(seconds=10)) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity) == (Kind.DEVIATION, 1)
    assert told(alert) == {"on-call1", "physicist1"}
    assert watch_deviations(now=NOW + MINUTE) == 0
    taken_over(alert, "physicist1", now=NOW + 2 * MINUTE)
    assert watch_deviations(now=NOW + 3 * MINUTE) == 1
    alert.refresh_from_db()
    assert alert.state == State.CLOSED
    assert watch_deviations(now=NOW + 4 * MINUTE) == 0
    assert Alert.objects.count() == 1


@pytest.mark.hazard("HZ-62")
def test_an_administration_without_a_valid_order_is_critical_and_one_that_departs_a_little_is_not() -> None:
    given(make_course().cycles.get(), deviation="given without a signed directive")
    order = dispensed(make_course())
    order.state = "done"
    order.save(update_fields=["state"])
    given(order.cycle, deviation="directive says 7.2 GBq")
    watch_deviations(now=NOW)
    assert sorted(Alert.objects.values_list("severity", flat=True)) == [1, 3]
    mild = Alert.objects.get(severity=3)
    assert told(mild) == {"physicist1", "physician1"}
    Incident.objects.create(
        cycle=order.cycle,
        administration=order.cycle.administration,
        kind="activity",
        sentence="20 % off.",
        opened_at=NOW,
    )
    watch_deviations(now=NOW + MINUTE)
    mild.refresh_from_db()
    assert mild.severity == 1


def test_what_followed_its_directive_or_was_given_elsewhere_alerts_nobody() -> None:
    given(make_course().cycles.get())
    given(make_course().cycles.get(), deviation="another brand", elsewhere="North clinic")
    assert watch_deviations(now=NOW) == 0


def test_an_administration_made_of_a_deviating_infusion_adds_no_second_alert() -> None:
    part = infused(make_course())
    given(part.cycle, deviation=part.deviation)
    assert watch_deviations(now=NOW) == 1


def test_a_correction_alerts_again_only_when_the_deviation_is_another_one() -> None:
    part = infused(make_course())
    watch_deviations(now=NOW)
    taken_over(Alert.objects.get(), "on-call1", now=NOW + MINUTE)
    same = infused(part.cycle.course, at=NOW + 2 * MINUTE, corrects=part, reason="residual")
    watch_deviations(now=NOW + 3 * MINUTE)
    assert Alert.objects.count() == 1
    infused(part.cycle.course, at=NOW + 4 * MINUTE, corrects=same, reason="arm", deviation="extravasation")
    watch_deviations(now=NOW + 5 * MINUTE)
    assert Alert.objects.count() == 2


# --- Incidents -----------------------------------------------------------------------------------


def incident(*, notify_by: date | None, report_by: date | None = None) -> Incident:
    return Incident.objects.create(
        cycle=make_course().cycles.get(),
        kind="activity",
        sentence="Delivered 5.2 GBq, directed 7.4 GBq.",
        notify_by=notify_by,
        report_by=report_by,
        opened_at=NOW,
    )


def test_the_regulators_day_is_told_on_the_day_before_and_is_worse_once_it_has_passed() -> None:
    found = incident(notify_by=date(2026, 5, 6), report_by=date(2026, 5, 20))
    assert watch_incidents(now=NOW) == 0
    assert watch_incidents(now=NOW + timedelta(days=1)) == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity) == (Kind.INCIDENT_DUE, 3)
    assert told(alert) == {"physicist1", "physician1"}
    assert watch_incidents(now=NOW + timedelta(days=2)) == 0
    assert watch_incidents(now=NOW + timedelta(days=3)) == 1
    alert.refresh_from_db()
    assert alert.severity == 2
    assert told(alert) == {"on-call1", "physicist1"}
    found.acts.create(
        kind="notified",
        text="by telephone",
        actor=make_person("d2", "physician", email=""),
        printed_name="D",
        authenticated_at=NOW,
        at=NOW,
    )
    watch_incidents(now=NOW + timedelta(days=3, minutes=1))
    alert.refresh_from_db()
    assert alert.state == State.CLOSED


def test_an_incident_of_which_the_regulator_asks_nothing_alerts_nobody() -> None:
    incident(notify_by=None)
    assert watch_incidents(now=NOW + timedelta(days=400)) == 0


# --- Both runners, pages, mails --------------------------------------------------------------------


@pytest.mark.parametrize("by", ["runner", "celery"])
def test_the_runner_and_celery_both_take_these_looks(by: str) -> None:
    recalled(at=database_now())
    infused(make_course(), at=database_now())
    incident(notify_by=database_now().date())
    if by == "runner":
        make_round(all_due=True)
    else:
        watch_task()
    wanted = {Kind.RECALL_UNANSWERED.value, Kind.DEVIATION.value, Kind.INCIDENT_DUE.value}
    assert set(Alert.objects.filter(kind__in=wanted).values_list("kind", flat=True)) == wanted


def test_no_mail_of_these_alerts_names_a_patient_a_drug_or_a_value(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    recalled()
    infused(make_course())
    incident(notify_by=NOW.date())
    for look in (watch_recalls, watch_deviations, watch_incidents):
        look(now=NOW)
    dispatch_due(now=NOW)
    assert len(mail.outbox) >= 5
    for letter in mail.outbox:
        # The alert's address ends in random letters, which spell a short word now and then.
        text = re.sub(r"https?://\S+", "", f"{letter.subject} {letter.body}").lower()
        assert not [word for word in (*CANARIES, "dotatate", "GBq", "5.2", "DM-PLT") if word.lower() in text]


def test_pharmacy_takes_over_recalls_and_the_physicist_deviations_and_neither_the_others() -> None:
    recalled()
    infused(make_course())
    watch_recalls(now=NOW)
    watch_deviations(now=NOW)
    recall = Alert.objects.get(kind=Kind.RECALL_UNANSWERED)
    deviation = Alert.objects.get(kind=Kind.DEVIATION)
    with pytest.raises(MayNotAcknowledge):
        taken_over(recall, "physicist1", now=NOW + MINUTE)
    with pytest.raises(MayNotAcknowledge):
        taken_over(deviation, "pharmacist1", now=NOW + MINUTE)
    taken_over(recall, "pharmacist1", now=NOW + MINUTE)
    taken_over(deviation, "physicist1", now=NOW + MINUTE)


def test_the_alerts_page_says_what_departed_to_those_who_read_it_and_leads_to_the_incident() -> None:
    infused(make_course())
    found = incident(notify_by=NOW.date())
    watch_deviations(now=NOW)
    watch_incidents(now=NOW)
    browser = Client()
    browser.force_login(User.objects.get(username="physicist1"))
    deviation, due = Alert.objects.get(kind=Kind.DEVIATION), Alert.objects.get(kind=Kind.INCIDENT_DUE)
    page = browser.get(f"/alerts/{deviation.public_id}").content.decode()
    assert "was given it without authorisation" in page
    assert "It was given without a valid authorisation." in page
    page = browser.get(f"/alerts/{due.public_id}").content.decode()
    assert "Notify the regulator by Mon 4 May 2026." in page
    assert str(found.public_id) in page


def test_a_look_costs_the_same_for_many_as_for_one() -> None:
    def cost() -> int:
        for look in (watch_recalls, watch_deviations, watch_incidents):
            look(now=NOW)
        with CaptureQueriesContext(connection) as queries:
            for look in (watch_recalls, watch_deviations, watch_incidents):
                look(now=NOW)
        return len(queries)

    recalled()
    infused(make_course())
    incident(notify_by=NOW.date())
    first = cost()
    for _ in range(3):
        recalled()
        infused(make_course())
        incident(notify_by=NOW.date())
    assert cost() == first
