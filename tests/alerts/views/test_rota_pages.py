"""The rota through HTTP: read by everybody, changed by few, never by reading it; calendars by secret."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from alerts.models import (
    CalendarAddress,
    RotaAbsence,
    RotaEvent,
    RotaImport,
    RotaOverride,
    RotaRule,
    RotaShift,
    RotaSwap,
)
from alerts.rota_rules import Turn
from alerts.services.on_call import on_call_at
from alerts.services.rota_edit import place_override
from alerts.services.rota_swaps import duties_of
from labs.zones import clinic_zone
from tests.builders_alerts import CANARIES, make_alert, make_person
from tests.builders_rota import keep_rota, on_call_person, rota_lead, vcalendar, vduty

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
TODAY = NOW.astimezone(clinic_zone()).date()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def page(person: User) -> Client:
    found = Client()
    person.is_staff = True
    person.save()
    found.force_login(person)
    return found


def text(response: Any) -> str:
    """What is read, without tags, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def rota(*people: User, **changes: Any) -> RotaRule:
    return keep_rota(*people, **{"now": NOW, "first_day": TODAY - 8 * DAY, **changes})


def rule_form(person: User, **changes: Any) -> dict[str, Any]:
    usual = {
        "name": "Nights",
        "weekdays": ["0", "1", "2", "3", "4", "5", "6"],
        "holidays": "same",
        "starts": "08:00",
        "ends": "08:00",
        "ends_after_days": "1",
        "zone": "Europe/Berlin",
        "turn": "one",
        "first_day": (TODAY - DAY).isoformat(),
        "person_1": str(person.pk),
    }
    return usual | changes


def everything() -> list[Any]:
    tables = (
        RotaRule,
        RotaOverride,
        RotaShift,
        RotaSwap,
        RotaEvent,
        RotaImport,
        RotaAbsence,
        CalendarAddress,
    )
    return [list(table.objects.order_by("pk").values()) for table in tables]


def test_the_month_says_in_words_who_is_on_call_and_which_day_is_today() -> None:
    rota(on_call_person("one"))
    shown = text(page(make_person("nurse1", "nurse")).get("/rota/"))
    assert "On call now one" in shown
    assert f"{TODAY.day} {TODAY:%B} Today" in shown
    assert "Times are those of Europe/Berlin" in shown
    assert "Put somebody else on call" not in shown
    month = (TODAY + 40 * DAY).strftime("%Y-%m")
    assert "08:00–24:00 one" in text(page(make_person("nurse2", "nurse")).get(f"/rota/?month={month}"))


def test_a_day_on_which_nobody_is_on_call_says_so_with_its_hours() -> None:
    rota(on_call_person("one"), ends=time(17), ends_after_days=0)
    month = (TODAY + 40 * DAY).strftime("%Y-%m")
    shown = text(page(make_person("nurse1", "nurse")).get(f"/rota/?month={month}"))
    assert "17:00–24:00 Nobody" in shown
    assert "00:00–08:00 Nobody" in shown
    coverage = text(page(make_person("nurse2", "nurse")).get("/rota/coverage/"))
    assert "Nobody is on call" in coverage
    assert "Within a day" in coverage


@pytest.mark.hazard("HZ-69")
def test_the_days_on_which_clocks_change_say_how_long_they_are_and_which_hour_is_meant() -> None:
    keep_rota(
        on_call_person("one"),
        on_call_person("two"),
        now=datetime(2026, 10, 20, 8, tzinfo=UTC),
        first_day=date(2026, 10, 24),
        starts=time(2, 30),
        ends=time(2, 30),
        turn=Turn.DAY,
    )
    shown = text(page(make_person("nurse1", "nurse")).get("/rota/?month=2026-10"))
    assert "Clocks change: 25 hours" in shown
    assert "00:00 CEST–02:30 CET one" in shown
    assert "02:30 CEST–24:00 two" in shown


def test_a_month_that_is_none_is_this_one() -> None:
    client = page(make_person("nurse1", "nurse"))
    for asked in ("2026-13", "x", "0000-01", "2026-1'"):
        response = client.get("/rota/", {"month": asked})
        assert f"On call in {TODAY:%B %Y}" in text(response)


def test_reading_every_page_changes_nothing_and_asks_a_fixed_number_of_questions() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rule = rota(one, two, turn=Turn.DAY)
    client, own = page(rota_lead()), page(one)
    pages = [
        "/rota/", "/rota/coverage/", "/rota/history/", "/rota/rules/", "/rota/rules/new/",
        f"/rota/rules/{rule.public_id}/", "/rota/overrides/new/", "/rota/holidays/", "/rota/calendars/",
    ]  # fmt: skip
    before = everything()
    for address in pages:
        assert client.get(address).status_code == client.head(address).status_code == 200, address
    for address in ("/rota/mine/", "/rota/swaps/new/"):
        assert own.get(address).status_code == own.head(address).status_code == 200, address
    assert everything() == before
    with CaptureQueriesContext(connection) as few:
        client.get("/rota/")
    later = NOW + 3 * DAY
    place_override(person=two, starts_at=later, ends_at=later + HOUR, reason="Ill.", by=rota_lead(), now=NOW)
    place_override(
        person=one, starts_at=later + HOUR, ends_at=later + 2 * HOUR, reason="Ill.", by=rota_lead(), now=NOW
    )
    with CaptureQueriesContext(connection) as more:
        client.get("/rota/")
    assert len(more) <= len(few) + 1


def test_a_rule_is_added_changed_and_ended_by_the_lead() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    client = page(rota_lead())
    assert client.post("/rota/rules/new/", rule_form(one)).status_code == 302
    rule = RotaRule.objects.get()
    address = f"/rota/rules/{rule.public_id}/"
    assert 'value="Nights"' in client.get(address).content.decode()
    assert client.post(address, rule_form(two, name="Days")).status_code == 302
    assert client.get(address).status_code == 404
    assert [person.username for person in on_call_at(datetime.now(UTC)).people] == ["two"]
    made = RotaRule.objects.get(ended_at__isnull=True)
    assert client.post(f"/rota/rules/{made.public_id}/end/").status_code == 302
    assert not RotaRule.objects.filter(ended_at__isnull=True).exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weekdays": []}, "Choose at least one day"),
        ({"zone": "Mars/Olympus"}, "Use an IANA name"),
        ({"ends_after_days": "0"}, "Later than the start, or on a later day"),
        ({"starts": "25:99"}, "Enter a time as hours and minutes"),
        ({"person_1": ""}, "Choose at least one person"),
        ({"name": ""}, "Fill this in"),
        ({"last_day": "2020-01-01"}, "Not before the first day"),
    ],
)
def test_a_rule_that_cannot_be_kept_says_at_which_field_and_nothing_is_stored(
    changes: dict[str, Any], says: str
) -> None:
    one = on_call_person("one")
    response = page(rota_lead()).post("/rota/rules/new/", rule_form(one, **changes))
    assert response.status_code == 400
    assert says in text(response)
    assert "Nothing was changed" in text(response)
    assert not RotaRule.objects.exists()


def test_somebody_else_is_put_on_call_and_withdrawn_again() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rota(one)
    client, day = page(rota_lead()), (TODAY + 3 * DAY).isoformat()
    said = {
        "person": str(two.pk),
        "starts_day": day,
        "starts_time": "09:00",
        "ends_day": day,
        "ends_time": "12:00",
        "reason": "A course.",
    }
    assert client.post("/rota/overrides/new/", said).status_code == 302
    over = RotaOverride.objects.get()
    assert over.ends_at - over.starts_at == 3 * HOUR
    again = client.post("/rota/overrides/new/", said)
    assert again.status_code == 400
    assert "was put on call for part of that time already" in text(again)
    assert client.post(f"/rota/overrides/{over.public_id}/withdraw/").status_code == 302
    assert not RotaShift.objects.filter(layer="override").exists()


def test_a_duty_is_offered_and_taken_over_by_two_people() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rota(one)
    duty = duties_of(one, now=NOW)[0]
    said = {
        "duty": f"{duty.starts_at.isoformat()}/{duty.ends_at.isoformat()}",
        "other": str(two.pk),
        "back": "",
    }
    assert page(one).post("/rota/swaps/new/", said).status_code == 302
    swap = RotaSwap.objects.get()
    answer = f"/rota/swaps/{swap.public_id}/answer/"
    assert "Take it over" in text(page(two).get("/rota/mine/"))
    page(one).post(answer, {"answer": "accept"})
    swap.refresh_from_db()
    assert swap.state == "proposed"
    page(two).post(answer, {"answer": "accept"})
    assert [each.starts_at for each in duties_of(two, now=NOW)] == [duty.starts_at]
    assert page(on_call_person("three")).post(answer, {"answer": "accept"}).status_code == 404


def test_days_away_are_said_and_taken_back() -> None:
    one = on_call_person("one")
    rota(one)
    client = page(one)
    first, last = (TODAY + 20 * DAY).isoformat(), (TODAY + 21 * DAY).isoformat()
    assert client.post("/rota/mine/away/", {"first_day": last, "last_day": first}).status_code == 400
    assert client.post("/rota/mine/away/", {"first_day": first, "last_day": last}).status_code == 302
    away = RotaAbsence.objects.get()
    assert page(on_call_person("two")).post(f"/rota/mine/away/{away.public_id}/back/").status_code == 404
    client.post(f"/rota/mine/away/{away.public_id}/back/")
    away.refresh_from_db()
    assert away.withdrawn_at is not None


def test_a_calendar_address_is_shown_once_kept_as_a_digest_and_replaced_by_the_next() -> None:
    one = on_call_person("one")
    rota(one)
    client = page(one)
    found = re.search(r"/calendar/([\w-]+)\.ics", client.post("/rota/mine/address/").content.decode())
    assert found
    secret = found[1]
    assert secret not in client.get("/rota/mine/").content.decode()
    assert secret not in str(everything())
    nobody = Client()
    answer = nobody.get(f"/calendar/{secret}.ics")
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Cache-Control"].find("no-store") >= 0
    client.post("/rota/mine/address/")
    assert nobody.get(f"/calendar/{secret}.ics").status_code == 404


@pytest.mark.hazard("HZ-69")
def test_a_calendar_holds_its_persons_duties_and_nothing_of_any_patient() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rota(one, two, turn=Turn.DAY)
    make_alert()
    shown = page(one).post("/rota/mine/address/").content.decode()
    address = re.search(r"/calendar/[\w-]+\.ics", shown)
    assert address
    before = everything()
    raw = Client().get(address[0]).content
    assert everything() == before
    events = Calendar.from_ical(raw).walk("VEVENT")
    shifts = RotaShift.objects.filter(person=one).values_list("starts_at", "ends_at")
    # A calendar knows whole seconds; a duty that runs when the rota is begun starts at that instant.
    wanted = [(begin.replace(microsecond=0), end.replace(microsecond=0)) for begin, end in shifts]
    assert sorted((each["DTSTART"].dt, each["DTEND"].dt) for each in events) == sorted(wanted)
    assert {str(each["SUMMARY"]) for each in events} == {"On call"}
    assert not [word for word in CANARIES if word.encode() in raw]
    one.is_active = False
    one.save()
    assert Client().get(address[0]).status_code == 404


def test_a_calendar_is_handed_in_previewed_and_taken_over_by_a_second_look() -> None:
    one, two = on_call_person("one"), on_call_person("two")
    rota(one)
    client, begin = page(rota_lead()), (NOW + 5 * DAY).replace(microsecond=0)
    raw = vcalendar(vduty("two", begin, begin + HOUR))
    handed = client.post("/rota/calendars/", {"file": SimpleUploadedFile("rota.ics", raw)})
    preview = client.get(handed["Location"])
    assert "two two one Changes" in re.sub(r"edit_calendar ", "", text(preview))
    assert not RotaOverride.objects.exists()
    found = re.search(r'name="rota_version" value="(\d+)"', preview.content.decode())
    assert found
    take = f"{handed['Location']}take/"
    assert client.post(take, {"rota_version": "x"}).status_code == 400
    assert client.post(take, {"rota_version": int(found[1]) + 1}).status_code == 409
    assert client.post(take, {"rota_version": found[1]}).status_code == 302
    assert on_call_at(begin).people == (two,)


def test_a_file_that_is_no_calendar_is_refused_at_its_field() -> None:
    client = page(rota_lead())
    answer = client.post("/rota/calendars/", {"file": SimpleUploadedFile("rota.ics", b"\x00\xff not one")})
    assert answer.status_code == 400
    assert "not an iCalendar file" in text(answer)
    assert not RotaImport.objects.exists()
