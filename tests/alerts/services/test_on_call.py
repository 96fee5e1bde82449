"""Whom an alert finds: whoever the rota names at that moment, and never nobody in silence."""

from datetime import date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import Group

from alerts.models import Alert
from alerts.rota_rules import Turn
from alerts.services.escalation import run_due_steps
from alerts.services.on_call import on_call_at
from alerts.services.rota_edit import end_rule, place_override, withdraw_override
from alerts.services.rota_swaps import say_away, take_absence_back
from tests.builders_alerts import NOW, make_alert, make_person
from tests.builders_rota import HOUR, keep_rota, on_call_person, rota_lead

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-69")]


def names_at(instant: datetime) -> list[str]:
    return sorted(person.username for person in on_call_at(instant).people)


def told(alert: Alert) -> list[tuple[str, int]]:
    return sorted((mail.person.username, mail.step) for mail in alert.notifications.all())


def test_an_alert_goes_to_whoever_is_on_call_at_that_moment_and_not_to_the_others() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two)
    assert told(make_alert()) == [("one", 1)]
    assert told(make_alert(now=NOW + timedelta(days=7))) == [("two", 1)]
    assert not Alert.objects.filter(kind="nobody-on-call").exists()


def test_where_nobody_keeps_a_rota_the_whole_group_is_told() -> None:
    on_call_person("one")
    on_call_person("two")
    assert told(make_alert()) == [("one", 1), ("two", 1)]


def test_a_later_step_finds_whoever_is_on_call_by_then() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two)
    late = NOW + timedelta(days=7) - 2 * HOUR - timedelta(minutes=5)
    alert = make_alert(now=late)
    run_due_steps(now=late + timedelta(minutes=15))
    assert told(alert)[:2] == [("lead", 2), ("one", 1)]
    assert ("two", 2) in told(alert)


def test_an_override_wins_while_it_lasts_and_the_rule_counts_again_once_it_is_withdrawn() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    over = place_override(
        person=two, starts_at=NOW + HOUR, ends_at=NOW + 3 * HOUR, reason="Ill.", by=rota_lead(), now=NOW
    )
    assert [names_at(NOW + n * HOUR) for n in range(4)] == [["one"], ["two"], ["two"], ["one"]]
    withdraw_override(over, by=rota_lead(), now=NOW + 2 * HOUR)
    assert names_at(NOW + 2 * HOUR) == ["one"]


def test_a_moment_that_nobody_covers_tells_everybody_with_the_role_and_alarms_at_once() -> None:
    one, _ = on_call_person("one"), on_call_person("two")
    keep_rota(one, ends_after_days=0, ends=time(9))
    make_person("admin1", "administrator")
    alert = make_alert()
    assert told(alert) == [("one", 1), ("two", 1)]
    alarm = Alert.objects.get(kind="nobody-on-call")
    assert (alarm.condition_key, alarm.raised_at, alarm.severity) == ("nobody-on-call:on-call", NOW, 1)
    assert ("admin1", 1) in told(alarm)


@pytest.mark.parametrize("lacks", ["activity", "address", "role"])
def test_somebody_who_could_not_be_told_counts_as_nobody(lacks: str) -> None:
    one, _ = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    if lacks == "activity":
        one.is_active = False
    elif lacks == "address":
        one.email = ""
    else:
        one.groups.remove(Group.objects.get(name="on-call"))
    one.save()
    assert told(make_alert()) == [("two", 1)]
    assert Alert.objects.filter(condition_key="nobody-on-call:on-call").exists()


def test_somebody_who_is_away_counts_as_nobody_until_they_are_back() -> None:
    one, _ = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    away = say_away(person=one, first_day=date(2026, 5, 4), last_day=date(2026, 5, 4), by=one, now=NOW)
    assert not on_call_at(NOW).is_covered
    assert names_at(NOW) == ["one", "two"]
    take_absence_back(away, by=one, now=NOW)
    assert names_at(NOW) == ["one"]


def test_once_its_last_rule_is_ended_nobody_keeps_the_rota_and_the_group_is_told_again() -> None:
    one, _ = on_call_person("one"), on_call_person("two")
    rule = keep_rota(one)
    end_rule(rule, by=rota_lead(), now=NOW + HOUR)
    assert names_at(NOW + HOUR) == ["one", "two"]
    assert on_call_at(NOW + HOUR).is_covered


def test_in_the_night_on_which_clocks_go_back_the_handover_hour_has_both() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    handover = time(2, 30)
    start = datetime.fromisoformat("2026-10-20T08:00:00+00:00")
    keep_rota(
        one, two, starts=handover, ends=handover, turn=Turn.DAY, first_day=date(2026, 10, 24), now=start
    )
    at = datetime.fromisoformat
    assert names_at(at("2026-10-25T00:15:00+00:00")) == ["one"]
    assert names_at(at("2026-10-25T00:45:00+00:00")) == ["one", "two"]
    assert names_at(at("2026-10-25T01:15:00+00:00")) == ["one", "two"]
    assert names_at(at("2026-10-25T01:30:00+00:00")) == ["two"]
