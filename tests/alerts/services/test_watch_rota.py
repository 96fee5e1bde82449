"""The rota is looked at two weeks ahead, and every duty opens with a mail that has to be answered."""

from datetime import date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User

from alerts.models import Alert, AlertEvent, RotaShift
from alerts.rota_rules import Turn
from alerts.services.acknowledging import MayNotAcknowledge, acknowledge, may_acknowledge
from alerts.services.address_state import REFUSED
from alerts.services.dispatch import dispatch_due
from alerts.services.duty_rules import gaps_of_the_rota
from alerts.services.escalation import run_due_steps
from alerts.services.rota_coverage import AWAY, coverage
from alerts.services.rota_edit import change_rule, end_rule, place_override
from alerts.services.rota_swaps import say_away
from alerts.services.watch_rota import watch_hand_over, watch_rota
from alerts.services.watching import watch
from alerts.views.watch_words import about_sentences
from tests.builders_alerts import NOW, make_alert, make_person
from tests.builders_rota import HOUR, keep_rota, on_call_person, rota_lead, rule_entry
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-69")]
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
# Eight in the morning in Berlin, one day after NOW's.
HAND_OVER = NOW + 22 * HOUR


def gap_alerts() -> list[Alert]:
    return list(Alert.objects.standing().filter(kind="rota-gap").order_by("condition_key"))


def opening(person: User) -> Alert:
    return Alert.objects.get(kind="hand-over", person=person)


def answer(alert: Alert, person: User, *, at: datetime) -> None:
    acknowledge(alert=alert, person=person, seen_severity=alert.severity, seen_event=10**9, now=at)


def told(alert: Alert) -> list[tuple[str, int]]:
    return sorted((mail.person.username, mail.step) for mail in alert.notifications.all())


def test_a_rota_without_gaps_alerts_nobody() -> None:
    keep_rota(on_call_person("one"))
    assert watch_rota(now=NOW) == 0
    assert gap_alerts() == []


def test_a_gap_is_told_when_it_is_made_fourteen_days_ahead_and_ends_once_it_is_mended() -> None:
    one = on_call_person("one")
    rule = keep_rota(one)
    ends = date(2026, 5, 16)
    changed = change_rule(rule, rule_entry(one, last_day=ends), by=rota_lead(), now=NOW)
    (alert,) = gap_alerts()
    assert alert.severity == 2
    assert datetime.fromisoformat(alert.about["starts_at"]) == NOW + 12 * DAY + 22 * HOUR
    assert ("lead", 1) in told(alert)
    change_rule(changed, rule_entry(one), by=rota_lead(), now=NOW + HOUR)
    assert gap_alerts() == []


def test_time_alone_brings_a_gap_into_sight_exactly_fourteen_days_ahead() -> None:
    keep_rota(on_call_person("one"), last_day=date(2026, 6, 1))
    # The last duty ends on 2 June at eight in Berlin.
    begins = datetime.fromisoformat("2026-06-02T06:00:00+00:00")
    watch_rota(now=begins - 14 * DAY)
    assert gap_alerts() == []
    watch_rota(now=begins - 14 * DAY + MINUTE)
    assert [alert.severity for alert in gap_alerts()] == [2]
    watch_rota(now=begins - DAY)
    assert [alert.severity for alert in gap_alerts()] == [1]
    watch_rota(now=begins + MINUTE)
    assert [alert.condition_key for alert in gap_alerts()] == ["rota-gap:gap:now"]


def test_many_gaps_are_one_alert() -> None:
    keep_rota(on_call_person("one"), ends=time(17), ends_after_days=0)
    (alert,) = gap_alerts()
    assert alert.about["items"] > 10
    assert "first of" in " ".join(about_sentences(alert))


@pytest.mark.parametrize(
    ("change", "why"),
    [({"is_active": False}, "has left"), ({"email": ""}, "has no e-mail address")],
)
def test_somebody_who_could_not_be_told_is_named_before_their_duty(
    change: dict[str, object], why: str
) -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two)
    User.objects.filter(pk=two.pk).update(**change)
    watch_rota(now=NOW)
    (alert,) = gap_alerts()
    assert (alert.person, alert.severity) == (two, 2)
    assert why in " ".join(about_sentences(alert))
    User.objects.filter(pk=two.pk).update(is_active=True, email="two@clinic.example")
    watch_rota(now=NOW + MINUTE)
    assert gap_alerts() == []


def test_somebody_whose_address_refuses_mail_covers_no_hour_until_a_mail_arrives(
    smtp: SmtpServer,
) -> None:
    one = on_call_person("one")
    keep_rota(one)
    assert coverage(begin=NOW, end=NOW + DAY).is_whole
    smtp.room.refused_addresses = {"one@clinic.example"}
    make_alert(now=NOW)
    dispatch_due(now=NOW)
    later = NOW + MINUTE
    first, *_ = coverage(begin=later, end=later + DAY).unreachable
    assert (first.person, first.why, first.since) == (one, REFUSED, NOW)
    assert all(
        words.startswith(f"names account {one.pk}, who {REFUSED}") for words in gaps_of_the_rota(later)
    )
    assert len(list(gaps_of_the_rota(later))) == 2
    watch_rota(now=later)
    (alert,) = gap_alerts()
    assert f"{REFUSED}, since 4 May 2026 10:00 CEST: on call" in " ".join(about_sentences(alert))
    smtp.room.refused_addresses = set()
    make_alert(now=later)
    dispatch_due(now=later)
    watch_rota(now=later + MINUTE)
    assert gap_alerts() == []


def test_somebody_away_during_their_duty_is_told_of_at_once_for_exactly_those_hours() -> None:
    one = on_call_person("one")
    keep_rota(one)
    say_away(person=one, first_day=date(2026, 5, 10), last_day=date(2026, 5, 10), by=one, now=NOW)
    (alert,) = gap_alerts()
    assert alert.about["why"] == AWAY
    found = coverage(begin=NOW, end=NOW + 14 * DAY).unreachable
    assert [(each.starts_at.isoformat(), each.ends_at.isoformat()) for each in found] == [
        ("2026-05-09T22:00:00+00:00", "2026-05-10T06:00:00+00:00"),
        ("2026-05-10T06:00:00+00:00", "2026-05-10T22:00:00+00:00"),
    ]


def test_where_nobody_keeps_a_rota_nothing_is_missing() -> None:
    rule = keep_rota(on_call_person("one"), last_day=date(2026, 5, 5))
    assert gap_alerts()
    end_rule(rule, by=rota_lead(), now=NOW + HOUR)
    assert gap_alerts() == []


def test_the_shifts_grow_by_a_day_each_day_by_themselves() -> None:
    keep_rota(on_call_person("one"))
    last = RotaShift.objects.order_by("-ends_at").first().ends_at
    watch_rota(now=NOW + MINUTE)
    assert RotaShift.objects.order_by("-ends_at").first().ends_at == last
    watch(now=NOW + DAY, all_due=True)
    assert RotaShift.objects.order_by("-ends_at").first().ends_at == last + DAY


@pytest.mark.hazard("HZ-71")
def test_a_duty_opens_with_a_real_mail_that_its_person_answers_in_time(smtp) -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two, turn=Turn.DAY)
    watch_hand_over(now=NOW)
    answer(opening(one), one, at=NOW)
    assert watch_hand_over(now=HAND_OVER - MINUTE) == 1  # the first one ends once it is answered
    watch_hand_over(now=HAND_OVER)
    alert = opening(two)
    dispatch_due(now=HAND_OVER)
    assert [str(mail["To"]) for mail in smtp.room.letters][-1:] == ["two@clinic.example"]
    answer(alert, two, at=HAND_OVER + 29 * MINUTE)
    watch_hand_over(now=HAND_OVER + 30 * MINUTE)
    run_due_steps(now=HAND_OVER + 31 * MINUTE)
    alert.refresh_from_db()
    assert (alert.state, told(alert)) == ("closed", [("two", 1)])
    assert watch_hand_over(now=HAND_OVER + HOUR) == 0


@pytest.mark.hazard("HZ-71")
def test_a_duty_that_is_not_answered_in_thirty_minutes_goes_to_the_one_before_and_to_the_lead() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two, turn=Turn.DAY)
    watch_hand_over(now=HAND_OVER)
    alert = opening(two)
    assert told(alert) == [("two", 1)]
    assert run_due_steps(now=HAND_OVER + 30 * MINUTE - timedelta(seconds=1)) == 0
    run_due_steps(now=HAND_OVER + 30 * MINUTE)
    assert told(alert) == [("lead", 2), ("one", 2), ("two", 1), ("two", 2)]


def test_nobody_answers_for_whoever_begins_until_others_have_been_told_as_well() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two, turn=Turn.DAY)
    watch_hand_over(now=HAND_OVER)
    alert = opening(two)
    with pytest.raises(MayNotAcknowledge):
        answer(alert, one, at=HAND_OVER + MINUTE)
    run_due_steps(now=HAND_OVER + 30 * MINUTE)
    alert.refresh_from_db()
    assert may_acknowledge(one, alert)


@pytest.mark.hazard("HZ-71")
def test_a_duty_of_somebody_without_an_address_goes_to_the_others_at_once_with_an_alarm() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two, turn=Turn.DAY)
    User.objects.filter(pk=two.pk).update(email="")
    watch_hand_over(now=HAND_OVER)
    alert = opening(two)
    assert told(alert) == [("lead", 2), ("one", 2)]
    assert AlertEvent.objects.filter(alert=alert, kind="empty-step").exists()
    assert Alert.objects.filter(condition_key="nobody-on-call:incoming-on-call").exists()


def test_a_duty_that_is_over_is_asked_of_nobody_any_more() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two, turn=Turn.DAY)
    watch_hand_over(now=NOW)
    watch_hand_over(now=HAND_OVER)
    assert opening(one).state == "closed"
    assert opening(two).state == "open"


def test_somebody_put_on_call_in_between_is_asked_and_so_is_whoever_goes_on_after_them() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    watch_hand_over(now=NOW)
    answer(opening(one), one, at=NOW)
    lead = rota_lead()
    place_override(person=two, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR, reason="Ill.", by=lead, now=NOW)
    watch_hand_over(now=NOW + HOUR)
    assert opening(two).state == "open"
    watch_hand_over(now=NOW + 2 * HOUR)
    assert Alert.objects.filter(kind="hand-over", person=one).count() == 2


def test_a_changed_name_of_a_rule_does_not_ask_whoever_is_on_call_again() -> None:
    one = on_call_person("one")
    rule = keep_rota(one)
    watch_hand_over(now=NOW)
    answer(opening(one), one, at=NOW)
    change_rule(rule, rule_entry(one, name="Another name"), by=rota_lead(), now=NOW + HOUR)
    watch_hand_over(now=NOW + HOUR)
    assert Alert.objects.filter(kind="hand-over").count() == 1


def test_the_words_of_both_alerts_name_times_and_no_patient() -> None:
    make_person("nurse1", "nurse")
    one = on_call_person("one")
    keep_rota(one, ends=time(17), ends_after_days=0)
    watch_hand_over(now=NOW)
    assert about_sentences(opening(one)) == ["On call from 4 May 2026 10:00 CEST to 4 May 2026 17:00 CEST."]
    assert (
        about_sentences(gap_alerts()[0])[0] == "Nobody: from 4 May 2026 17:00 CEST to 5 May 2026 08:00 CEST."
    )
