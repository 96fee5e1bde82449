"""Trends and timeline in a real browser: by keyboard to a point and its result; all widths and colours."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from courses.models import Course
from courses.services.assess import assess_course
from labs.clinic_days import add_days, clinic_day
from labs.services.patients import register_patient
from labs.zones import clinic_zone
from tests import builders
from tests.browser.browsing import Tab, chromium

pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("course")]
FIRST_DAYS_AGO = 80


@pytest.fixture
def course(real_commits, person) -> Course:
    """Two cycles given, platelets that fell and came back, a preliminary result, and somebody alike."""
    today = clinic_day(datetime.now(UTC), clinic_zone())
    person("nurse", username="nurse")
    by = person("physician", "authorised-user", username="physician")
    found = builders.make_course(
        builders.make_patient(family="Longname"), first_on=add_days(today, -FIRST_DAYS_AGO), by=by
    )
    for number in (1, 2):
        builders.give_cycle(found.cycles.get(number=number), by=by)
    for back, platelets in ((60, "140"), (46, "96"), (38, "118"), (17, "71"), (10, "64"), (3, "82")):
        builders.draw(found.patient, add_days(today, -back), PLT=platelets, ALT=str(20 + back * 3))
    late = builders.panel_message(
        found.patient,
        drawn_at=builders.clinic_time(add_days(today, -1), 7),
        status="P",
        only=("PLT",),
        PLT="90",
    )
    builders.receive(late)
    register_patient(
        mrn="T-9",
        assigning_authority="TEST",
        family="Longnarne",
        given="Testa",
        birth_date=add_days(today, -22000),
        sex="female",
    )
    assess_course(course_id=found.pk)
    return found


def fits(tab: Tab, name: str, folder: Path) -> None:
    overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    tab.page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert overhang <= 0, name
    assert tab.page.locator("h1").count() == 1, name


def test_a_point_is_reached_by_keyboard_and_opens_its_result_in_every_width_and_colour(
    address, course, tmp_path
):
    trends, timeline = (f"/courses/{course.public_id}/{name}/" for name in ("trends", "timeline"))
    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.open(f"/admin/courses/course/{course.pk}/change/")
        fits(tab, "course", tmp_path)
        tab.page.get_by_role("link", name="Timeline", exact=True).click()
        tab.page.get_by_role("heading", name="The same as a list").wait_for()
        fits(tab, "timeline", tmp_path)
        tab.open(trends)
        assert "Similar name or birth date: Longnarne, Testa" in tab.page.inner_text("body")
        fits(tab, "trends", tmp_path)
        tab.page.get_by_role("link", name="Skip the").first.focus()
        named = tab.page.get_by_role("link", name="Platelets 64 ×10^9/L")
        for _ in range(40):
            tab.page.keyboard.press("Tab")
            if named.evaluate("link => link === document.activeElement"):
                break
        label = tab.page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert label.startswith("Platelets 64 ×10^9/L")
        assert label.endswith("grade 2, final, the worst after cycle 2")
        ring = named.locator(".prrt-hit").evaluate("hit => getComputedStyle(hit).strokeWidth")
        assert ring == "3px"
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_url("**/admin/labs/result/**")
        assert "64 ×10^9/L" in tab.page.inner_text("body")
        tab.assert_clean()
    for width, dark in ((390, False), (1360, True)):
        with chromium(address, width=width, height=844, dark=dark) as tab:
            tab.log_in("nurse")
            for name, path in (("trends", trends), ("timeline", timeline)):
                tab.open(path)
                fits(tab, f"{name}-{width}{'-dark' if dark else ''}", tmp_path)
            tab.assert_clean()
