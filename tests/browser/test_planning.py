"""Planning in a real browser: a cycle is moved by keyboard, a course started on one page, all widths fit."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from courses.models import Course, CourseStart, CycleMove
from courses.services.assess import assess_course
from labs.clinic_days import add_days, clinic_day
from labs.models import Patient
from labs.zones import clinic_zone
from tests import builders
from tests.browser.browsing import Tab, chromium

pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("course", "other")]
WIDE, PHONE = 1360, 390
CHOICES = {
    "How is the tumour differentiated?": "Well differentiated",
    "Do all lesions take up the tracer?": "Yes, all",
    "Is there a lesion with glucose uptake": "Yes",
    "Are there ascites or other signs of liver failure?": "No",
    "Is there diffuse disease of liver or bone": "No",
    "Is chemotherapy given at the same time?": "No",
    "Is there peritoneal or mesenteric disease?": "No",
    "Is the patient on dialysis?": "No",
    "Does the patient take anticoagulants?": "No",
    "Heart failure class (NYHA)": "Class 1",
    "Somatostatin receptor imaging": "Not yet",
    "Was the patient treated with a radionuclide before": "No, never",
}


def today() -> date:
    return clinic_day(datetime.now(UTC), clinic_zone())


@pytest.fixture
def course(real_commits, person) -> Course:
    """A course whose first cycle is planned in five weeks."""
    person("nurse", username="nurse")
    person("physician", "authorised-user", username="physician")
    starter = person("nurse", username="starter")
    found = builders.make_course(
        builders.make_patient(family="Longname"),
        first_on=add_days(today(), 35),
        by=starter,
        disease="yes",
        now=datetime.now(UTC),
    )
    assess_course(course_id=found.pk)
    return found


@pytest.fixture
def other(course) -> Patient:
    """A patient without a course, with bloods of this week."""
    found = builders.make_patient(mrn="B-2", family="Birke")
    builders.draw(found, add_days(today(), -2))
    return found


def fits(tab: Tab, name: str, folder: Path) -> None:
    overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    tab.page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert overhang <= 0, name
    assert tab.page.locator("h1").count() == 1, name


def test_a_nurse_moves_a_cycle_by_keyboard_after_reading_what_it_breaks(address, course, tmp_path):
    cycle = course.cycles.get(number=1)
    to = add_days(cycle.planned_on, (5 - cycle.planned_on.weekday()) % 7 or 7)  # a Saturday
    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.open(f"/admin/courses/course/{course.pk}/change/")
        tab.page.get_by_role("link", name="Plan, and move a cycle").click()
        tab.page.get_by_role("heading", name="Cycles and what hangs on them").wait_for()
        fits(tab, "plan", tmp_path)
        tab.page.get_by_role("link", name="Move cycle 1").focus()
        tab.page.keyboard.press("Enter")
        tab.page.get_by_role("textbox", name="New day").fill(to.isoformat())
        tab.page.get_by_label("Cause", exact=True).select_option(label="capacity of the clinic")
        tab.page.get_by_label("Reason in your words").fill("The ward is full.")
        tab.page.get_by_role("button", name="Show what this moves").focus()
        tab.page.keyboard.press("Enter")
        tab.page.get_by_role("heading", name="3. What it moves").wait_for()
        assert "closed that day (Saturday)" in tab.page.inner_text("body")
        fits(tab, "move", tmp_path)
        tab.page.get_by_label("I have read what this changes").focus()
        tab.page.keyboard.press("Space")
        tab.page.get_by_role("button", name="Move cycle 1").focus()
        tab.page.keyboard.press("Enter")
        tab.page.get_by_role("heading", name="Moves so far").wait_for()
        assert "The ward is full." in tab.page.inner_text("body")
        tab.assert_clean()
    assert CycleMove.objects.get().to_on == to


def test_a_course_is_started_on_one_page_with_the_plan_read_first(address, other, tmp_path):
    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.page.get_by_role("link", name="Start a course").click()
        tab.page.get_by_label("Patient number or family name").fill("Bir")
        tab.page.keyboard.press("Enter")
        tab.page.get_by_role("link", name="Birke").click()
        form = tab.page.locator("form", has=tab.page.get_by_role("heading", name="1. Protocol"))
        form.get_by_label("Protocol version").select_option(builders.PROTOCOL)
        for label, choice in CHOICES.items():
            form.get_by_label(label).first.select_option(label=choice)
        form.get_by_label("Planned day of the first cycle").fill(add_days(today(), 42).isoformat())
        form.get_by_role("button", name="Show the plan").click()
        tab.page.get_by_role("heading", name="9. The plan, and what hangs on it").wait_for()
        body = tab.page.inner_text("body")
        assert "No decision of a tumour board is recorded." in body
        assert "takes up FDG and not the receptor tracer" in body
        assert "228" in body
        fits(tab, "start", tmp_path)
        form.get_by_label("I have read what is pointed out").check()
        form.get_by_role("button", name="Start the course").click()
        tab.page.get_by_role("heading", name="Cycles and what hangs on them").wait_for()
        tab.assert_clean()
    assert CourseStart.objects.get().course.patient == other


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_no_page_of_planning_is_wider_than_the_screen(address, course, other, width, tmp_path):
    pages = {
        "plan": f"/courses/{course.public_id}/plan/",
        "move": f"/courses/{course.public_id}/cycles/1/move/",
        "end": f"/courses/{course.public_id}/end/",
        "follow-up": f"/courses/{course.public_id}/follow-up/",
        "follow-ups": "/follow-up/",
        "start": f"/courses/start/{other.public_id}/",
        "calendar": f"/schedule/?by=month&day={add_days(today(), 35).isoformat()}",
        "closed": "/schedule/closed/",
    }
    with chromium(address, width=width) as tab:
        tab.log_in("physician")
        for name, path in pages.items():
            tab.open(path)
            fits(tab, f"{name}-{width}", tmp_path)
        tab.assert_clean()
