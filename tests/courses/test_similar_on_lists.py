"""People with names that may be taken for each other are marked on every list they stand on together."""

import re
from datetime import date

import pytest
from django.urls import reverse

from courses.models import Course, TherapyDay, VialBooking
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone
from tests.builders import colleague, make_course, make_patient

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-13")]
MARK = "similar name on this list"


def today() -> date:
    return clinic_day(database_now(), clinic_zone())


@pytest.fixture
def courses() -> list[Course]:
    """Two people of similar names and one of another, with a cycle planned for today."""
    people = [
        make_patient(mrn=f"T-{n}", family=family)
        for n, family in enumerate(("Müller", "Mueller", "Ahorn"), start=1)
    ]
    return [
        make_course(each, first_on=today(), by=colleague("nora", "nurse"), now=database_now())
        for each in people
    ]


def marked_in(page: str) -> list[tuple[str, bool]]:
    """Each family name as it stands, and whether the mark follows before the next one."""
    parts = re.split(r"(Müller|Mueller|Ahorn), ?Testa", page)
    return [(name, MARK in told) for name, told in zip(parts[1::2], parts[2::2], strict=True)]


def section(page: str, name: str) -> str:
    """One part of the page."""
    assert f'id="{name}"' in page, name
    return page.partition(f'id="{name}"')[2].partition("</section>")[0]


def assert_marked(page: str) -> None:
    found = marked_in(page)
    assert {name for name, _ in found} == {"Müller", "Mueller", "Ahorn"}
    assert all(is_marked == (name != "Ahorn") for name, is_marked in found), found


@pytest.mark.parametrize("by", ["week", "month"])
def test_the_calendar_marks_them(enter, courses, by):
    page = enter("nurse").get(reverse("courses:calendar"), {"by": by}).content.decode()
    assert_marked(section(page, "when"))


def test_the_list_of_calls_and_the_first_page_mark_them(enter, courses):
    nurse = enter("nurse")
    assert_marked(section(nurse.get(reverse("courses:calls")).content.decode(), "list"))
    assert_marked(section(nurse.get("/admin/").content.decode(), "calls"))


def test_vial_deadlines_and_the_pharmacy_board_mark_them(enter, courses):
    pharmacist = enter("pharmacist")
    assert_marked(section(pharmacist.get("/admin/").content.decode(), "vials"))
    assert_marked(section(pharmacist.get(reverse("courses:pharmacy")).content.decode(), "bookings"))
    first = courses[0].cycles.get(number=1)
    VialBooking.objects.create(
        cycle=first,
        supplier="Supplier",
        needed_on=first.planned_on,
        placed_at=database_now(),
        updated_at=database_now(),
    )
    assert_marked(section(pharmacist.get(reverse("courses:pharmacy")).content.decode(), "bookings"))


def test_days_in_progress_are_marked(enter, courses):
    for course in courses:
        TherapyDay.objects.create(
            cycle=course.cycles.get(number=1),
            rules_id="lutathera_us",
            rules_sha256="ab" * 32,
            opened_at=database_now(),
            opened_by=colleague("nora", "nurse"),
        )
    assert_marked(section(enter("nurse").get("/admin/").content.decode(), "days"))


def test_whoever_starts_a_course_is_told_before_the_choice(enter):
    for n, family in enumerate(("Müller", "Mueller", "Ahorn"), start=1):
        make_patient(mrn=f"T-{n}", family=family)
    page = enter("nurse").get(reverse("courses:start_choose"), {"q": "T-"}).content.decode()
    assert_marked(section(page, "find"))
