"""The clinic's plan for a calendar program: by secret, without patients, ended with the right or by hand."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from courses.models import ClosedDay, PlanAddress, VialBooking
from labs.clock import database_now
from prrt_clinic.logs import one_line
from tests.builders_pages import TODAY, make_course

pytestmark = pytest.mark.django_db
PAGE, MAKE = "courses:calendar", "courses:plan_address"


def address(browser: Client) -> str:
    page = unescape(browser.post(reverse(MAKE)).content.decode())
    found = re.search(r"<code>https?://[^/]+(/schedule/calendar/[^<]+\.ics)</code>", page)
    assert found is not None
    return found[1]


def told(answer: Any) -> dict[str, list[str]]:
    """By day what the calendar says."""
    found: dict[str, list[str]] = {}
    for event in Calendar.from_ical(answer.content).walk("VEVENT"):
        found.setdefault(event["DTSTART"].dt.isoformat(), []).append(str(event["SUMMARY"]))
    return found


def test_the_plan_tells_counts_and_cycles_and_no_patient(enter) -> None:
    for n in (1, 2):
        make_course(n, action="proceed", in_days=20, family="Weissdorn")
    cycle = make_course(3, action="hold", in_days=25, family="Weissdorn").cycles.get()
    now = database_now()
    VialBooking.objects.create(
        cycle=cycle, supplier="Isotopes", needed_on=cycle.planned_on, placed_at=now, updated_at=now
    )
    ClosedDay.objects.create(
        on=TODAY + timedelta(days=30),
        words="Frau Weissdorn's birthday",
        added_by=User.objects.create(username="closes"),
        added_at=now,
    )
    where = address(enter("nurse"))
    answer = Client().get(where)
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Cache-Control"].find("no-store") >= 0
    said = told(answer)
    therapies = said[(TODAY + timedelta(days=20)).isoformat()]
    assert "Therapies: 2 (cycle 2, cycle 2)" in therapies
    assert "Vials to come: 1" in said[cycle.planned_on.isoformat()]
    assert "Draws due: 2" in said[(TODAY + timedelta(days=13)).isoformat()]
    assert "Vials to be ordered: 2" in said[(TODAY + timedelta(days=6)).isoformat()]
    assert "Clinic closed" in said[(TODAY + timedelta(days=30)).isoformat()]
    text = answer.content.decode()
    for secret in ("Weissdorn", "T00001", "1960", "Isotopes", str(cycle.course.public_id)[:8]):
        assert secret not in text, secret
    assert answer.content.count(b"BEGIN:VEVENT") == len(set(re.findall(r"UID:(\S+)", text)))
    assert one_line(where) == "/schedule/calendar/(secret)"


def test_an_address_is_shown_once_and_ends_with_a_new_one_by_hand_and_with_the_right(enter) -> None:
    nurse = enter("nurse", username="n-1")
    first = address(nurse)
    assert Client().get(first).status_code == 200
    assert first not in nurse.get(reverse(PAGE)).content.decode()
    assert PlanAddress.objects.get().secret_sha256 not in first
    second = address(nurse)
    assert [Client().get(each).status_code for each in (first, second)] == [404, 200]
    User.objects.get(username="n-1").groups.clear()
    assert Client().get(second).status_code == 404
    other = enter("physician", username="p-1")
    third = address(other)
    User.objects.filter(username="p-1").update(is_active=False)
    assert Client().get(third).status_code == 404
    User.objects.filter(username="p-1").update(is_active=True)
    assert Client().get(third).status_code == 200
    other.force_login(User.objects.get(username="p-1"))
    assert other.post(reverse("courses:plan_address_end")).status_code == 302
    assert Client().get(third).status_code == 404
    assert Client().get("/schedule/calendar/guessed.ics").status_code == 404


def test_whoever_does_not_read_the_calendar_makes_no_address(enter) -> None:
    for role in ("pharmacist", "administrator"):
        assert enter(role).post(reverse(MAKE)).status_code == 403
    assert not PlanAddress.objects.exists()
    assert enter("nurse").get(reverse(MAKE)).status_code == 405
