"""Keeping the rota: shifts follow rules at once, what has passed stays, and nothing is changed by halves."""

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from alerts.models import LocalHoliday, RotaEvent, RotaOverride, RotaRule, RotaShift
from alerts.rota_rules import HolidayUse, Shift, Turn
from alerts.services.rota_acts import BadRota, RotaMoved
from alerts.services.rota_edit import (
    add_rule,
    change_rule,
    end_rule,
    place_override,
    remove_holiday,
    set_holiday,
    withdraw_override,
)
from alerts.services.rota_swaps import answer_swap, duties_of, propose_swap, withdraw_swap
from labs.services.authority import NotAllowed
from tests.builders_alerts import NOW, make_person
from tests.builders_rota import HOUR, keep_rota, on_call_person, rota_lead, rule_entry

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def rows() -> list[tuple[str, datetime, datetime]]:
    found = RotaShift.objects.filter(layer="base").order_by("starts_at").select_related("person")
    return [(row.person.username, row.starts_at, row.ends_at) for row in found]


def swap(one: User, two: User) -> tuple[Shift, Shift]:
    return duties_of(one, now=NOW)[0], duties_of(two, now=NOW)[0]


def test_a_rule_fills_ninety_days_and_begins_now_where_its_shift_has_begun() -> None:
    keep_rota(on_call_person("one"))
    found = rows()
    assert found[0] == ("one", NOW, NOW + 22 * HOUR)
    assert found[-1][1] <= NOW + 90 * DAY < found[-1][2] + DAY
    assert all(one[2] == two[1] for one, two in pairwise(found))


def test_a_changed_rule_leaves_what_has_passed_and_cuts_the_shift_that_runs() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rule = keep_rota(one)
    later = NOW + 2 * DAY
    change_rule(rule, rule_entry(two), by=rota_lead(), now=later)
    found = rows()
    assert found[:4] == [
        ("one", NOW, NOW + 22 * HOUR),
        ("one", NOW + 22 * HOUR, NOW + DAY + 22 * HOUR),
        ("one", NOW + DAY + 22 * HOUR, later),
        ("two", later, NOW + 2 * DAY + 22 * HOUR),
    ]
    assert {name for name, starts, _ in found if starts >= later} == {"two"}
    made = RotaRule.objects.get(ended_at__isnull=True)
    assert made.replaces == rule


def test_a_change_that_leaves_the_running_shift_as_it_is_does_not_begin_it_anew() -> None:
    one = on_call_person("one")
    rule = keep_rota(one)
    change_rule(rule, rule_entry(one, name="Another name"), by=rota_lead(), now=NOW + HOUR)
    assert rows()[0] == ("one", NOW, NOW + 22 * HOUR)
    assert RotaShift.objects.order_by("starts_at").first().rule.name == "Another name"


def test_two_rules_for_the_same_time_are_refused_whole_and_both_are_named() -> None:
    one = on_call_person("one")
    keep_rota(one)
    with pytest.raises(BadRota, match="“Mornings” and “Round the clock” both name somebody"):
        add_rule(rule_entry(one, name="Mornings", ends=time(12), ends_after_days=0), by=rota_lead(), now=NOW)
    assert RotaRule.objects.count() == 1
    assert RotaEvent.objects.count() == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": ""}])
def test_nobody_who_could_not_be_told_is_put_into_a_rule(change: dict[str, object]) -> None:
    one = on_call_person("one")
    User.objects.filter(pk=one.pk).update(**change)
    with pytest.raises(BadRota, match="people: one cannot be told"):
        keep_rota(one)
    assert not RotaRule.objects.exists()


def test_only_the_rotas_lead_and_administrators_change_it() -> None:
    one, doctor = on_call_person("one"), make_person("doctor", "physician")
    for person in (one, doctor):
        with pytest.raises(NotAllowed, match="its lead or an administrator"):
            add_rule(rule_entry(one), by=person, now=NOW)
    add_rule(rule_entry(one), by=make_person("admin1", "administrator"), now=NOW)


def test_an_ended_rule_makes_no_shift_and_cannot_be_changed_by_an_older_page() -> None:
    rule = keep_rota(on_call_person("one"))
    end_rule(rule, by=rota_lead(), now=NOW + HOUR)
    assert rows() == [("one", NOW, NOW + HOUR)]
    with pytest.raises(RotaMoved, match="changed or ended meanwhile"):
        end_rule(rule, by=rota_lead(), now=NOW + HOUR)


def test_a_holiday_of_the_house_moves_the_rules_that_look_at_holidays() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, holidays=HolidayUse.NEVER, name="Ordinary days")
    rule = rule_entry(two, weekdays=[], holidays=HolidayUse.ALSO, name="Holidays")
    add_rule(rule, by=rota_lead(), now=NOW)
    day = set_holiday(day=date(2026, 5, 6), name="Founders' day", is_kept=True, by=rota_lead(), now=NOW)
    assert [name for name, _, _ in rows()][:4] == ["one", "one", "two", "one"]
    remove_holiday(day, by=rota_lead(), now=NOW)
    assert [name for name, _, _ in rows()][:4] == ["one"] * 4
    assert not LocalHoliday.objects.exists()


def test_public_holidays_follow_the_installations_region_and_the_house_may_not_keep_one(settings) -> None:
    settings.HOLIDAY_CALENDAR = "DE-BY"
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, holidays=HolidayUse.NEVER)
    add_rule(rule_entry(two, weekdays=[], holidays=HolidayUse.ALSO, name="Holidays"), by=rota_lead(), now=NOW)
    ascension = [name for name, starts, _ in rows() if starts.date() == date(2026, 5, 14)]
    assert ascension == ["two"]
    set_holiday(day=date(2026, 5, 14), name="Ascension", is_kept=False, by=rota_lead(), now=NOW)
    assert [name for name, starts, _ in rows() if starts.date() == date(2026, 5, 14)] == ["one"]


def test_an_override_is_refused_with_its_field_where_it_cannot_be() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    lead = rota_lead()
    place_override(person=two, starts_at=NOW, ends_at=NOW + HOUR, reason="Ill.", by=lead, now=NOW)
    for begin, end, reason, match in (
        (NOW, NOW + HOUR, "Again.", "starts_at: two was put on call"),
        (NOW - 2 * HOUR, NOW - HOUR, "Late.", "starts_at: begins in the past"),
        (NOW + 3 * HOUR, NOW + 2 * HOUR, "Backwards.", "ends_at: later than the start"),
        (NOW + 2 * HOUR, NOW + 40 * DAY, "Long.", "ends_at: at most 31 days"),
        (NOW + 2 * HOUR, NOW + 3 * HOUR, " ", "reason: say in a few words"),
    ):
        with pytest.raises(BadRota, match=match):
            place_override(person=two, starts_at=begin, ends_at=end, reason=reason, by=lead, now=NOW)
    assert RotaOverride.objects.count() == 1


def test_a_swap_changes_nothing_until_the_other_person_takes_it_over() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one, two)
    mine, theirs = swap(one, two)
    offered = propose_swap(
        starts_at=mine.starts_at,
        ends_at=mine.ends_at,
        other=two,
        back=(theirs.starts_at, theirs.ends_at),
        by=one,
        now=NOW,
    )
    assert not RotaShift.objects.filter(layer="override").exists()
    with pytest.raises(NotAllowed, match="Only the person to whom"):
        answer_swap(offered, accept=True, by=one, now=NOW)
    answer_swap(offered, accept=True, by=two, now=NOW)
    assert duties_of(two, now=NOW)[0].starts_at == mine.starts_at
    assert [duty.starts_at for duty in duties_of(one, now=NOW) if duty.starts_at == theirs.starts_at]
    with pytest.raises(RotaMoved, match="answered or withdrawn"):
        withdraw_swap(offered, by=one, now=NOW)


def test_a_duty_that_was_taken_over_can_be_handed_on() -> None:
    one, two, three = (on_call_person(name) for name in ("one", "two", "three"))
    keep_rota(one)
    mine = duties_of(one, now=NOW)[0]
    for giver, taker in ((one, two), (two, three)):
        offered = propose_swap(starts_at=mine.starts_at, ends_at=mine.ends_at, other=taker, by=giver, now=NOW)
        answer_swap(offered, accept=True, by=taker, now=NOW)
    assert [duty.starts_at for duty in duties_of(three, now=NOW)] == [mine.starts_at]
    assert duties_of(two, now=NOW) == []


def test_an_offer_whose_duty_has_changed_is_refused_and_changes_nothing() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rule = keep_rota(one)
    mine = duties_of(one, now=NOW)[0]
    offered = propose_swap(starts_at=mine.starts_at, ends_at=mine.ends_at, other=two, by=one, now=NOW)
    change_rule(rule, rule_entry(one, starts=time(9), ends=time(9)), by=rota_lead(), now=NOW)
    with pytest.raises(RotaMoved, match="has changed or begun since"):
        answer_swap(offered, accept=True, by=two, now=NOW)
    offered.refresh_from_db()
    assert offered.state == "proposed"
    assert not RotaOverride.objects.exists()


def test_nobody_offers_what_is_not_theirs() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    mine = duties_of(one, now=NOW)[0]
    with pytest.raises(BadRota, match="duty: this is not a duty of yours"):
        propose_swap(starts_at=mine.starts_at, ends_at=mine.ends_at, other=one, by=two, now=NOW)


def test_every_change_is_in_the_record_with_who_and_what() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rule = change_rule(keep_rota(one), rule_entry(two), by=rota_lead(), now=NOW)
    over = place_override(
        person=one, starts_at=NOW + DAY, ends_at=NOW + 2 * DAY, reason="Ill.", by=rota_lead(), now=NOW
    )
    withdraw_override(over, by=rota_lead(), now=NOW)
    end_rule(rule, by=rota_lead(), now=NOW)
    assert [event.kind for event in RotaEvent.objects.order_by("pk")] == [
        "rule-added",
        "rule-changed",
        "override-placed",
        "override-withdrawn",
        "rule-ended",
    ]
    assert {event.actor.username for event in RotaEvent.objects.all()} == {"lead"}


def test_changes_do_not_begin_a_shift_twice_on_one_seat() -> None:
    keep_rota(on_call_person("one"))
    row = RotaShift.objects.order_by("starts_at").first()
    with pytest.raises(IntegrityError), transaction.atomic():
        RotaShift.objects.create(
            layer="base",
            person=row.person,
            rule=row.rule,
            starts_at=row.starts_at,
            ends_at=row.ends_at + HOUR,
        )


@pytest.mark.postgres
@pytest.mark.hazard("HZ-69")
def test_the_database_refuses_two_people_on_one_seat_at_one_time() -> None:
    keep_rota(on_call_person("one"))
    row = RotaShift.objects.order_by("starts_at").first()
    with pytest.raises(IntegrityError, match="no_two_rota_shifts_on_one_seat"), transaction.atomic():
        RotaShift.objects.create(
            layer="base",
            person=on_call_person("two"),
            rule=row.rule,
            starts_at=row.starts_at + HOUR,
            ends_at=row.ends_at,
        )


@pytest.mark.parametrize(("begin", "end"), [(None, NOW), (NOW, None), (NOW, NOW - HOUR)])
def test_half_a_duty_in_return_is_refused_by_the_database(
    begin: datetime | None, end: datetime | None
) -> None:
    one, two = on_call_person("one"), on_call_person("two")
    keep_rota(one)
    mine = duties_of(one, now=NOW)[0]
    offered = propose_swap(starts_at=mine.starts_at, ends_at=mine.ends_at, other=two, by=one, now=NOW)
    offered.back_starts_at, offered.back_ends_at = begin, end
    with pytest.raises(IntegrityError), transaction.atomic():
        offered.save()


def test_by_day_and_by_week_are_stored_as_they_were_said() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rule = keep_rota(one, two, turn=Turn.DAY)
    assert [turn.person.username for turn in rule.turns.all()] == ["one", "two"]
    assert [name for name, _, _ in rows()][:4] == ["one", "two", "one", "two"]
