"""Patients' papers in a real browser: handed out by keyboard, every width fits, readers find their way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from courses.models import Course, Decision, PrintedPaper
from courses.paper_library import paper_numbers
from courses.services.assess import assess_course
from courses.services.papers import approve_numbers
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from tests import builders
from tests.browser.browsing import Tab, chromium

pytestmark = [pytest.mark.chromium, pytest.mark.pango, pytest.mark.usefixtures("course")]
WIDE, PHONE = 1360, 390


@pytest.fixture
def course(real_commits, person) -> Course:
    """A course planned in five weeks, in a clinic that confirmed the numbers on its papers."""
    now = datetime.now(UTC)
    person("nurse", username="nurse")
    for role in ("physician", "physicist"):
        approve_numbers(
            by=person(role, username=f"paper-{role}"),
            authenticated_at=now - timedelta(seconds=5),
            seen_sha256=paper_numbers().sha256,
            now=now,
        )
    found = builders.make_course(
        builders.make_patient(family="Longname-von-und-zu-Hohenlohe-Schillingsfürst"),
        first_on=add_days(clinic_day(now, clinic_zone()), 35),
        by=person("nurse", username="starter"),
        now=now,
    )
    assess_course(course_id=found.pk)
    return found


def looks_right(tab: Tab, name: str, folder: Path) -> None:
    """It fits, has one heading of the first rank, and readers that read aloud find nothing wrong."""
    overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    tab.page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert overhang <= 0, name
    assert tab.page.locator("h1").count() == 1, name
    heard = Axe().run(tab.page, context=".prrt, .paper", options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert heard.violations_count == 0, heard.generate_report()


def test_a_nurse_hands_out_a_plan_by_keyboard_and_learns_that_it_is_old(address, course, tmp_path):
    papers = f"/courses/{course.public_id}/papers/"
    decision = Decision.objects.get()
    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.open(f"/admin/courses/course/{course.pk}/change/")
        tab.page.get_by_role("link", name="Patient's papers").click()
        tab.page.get_by_role("heading", name="What can be handed out now").wait_for()
        looks_right(tab, "papers", tmp_path)
        tab.page.locator("#language-schedule").focus()
        tab.page.keyboard.press("D")
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Enter")
        tab.page.get_by_role("heading", name="Ihr Behandlungsplan").wait_for()
        looks_right(tab, "plan-de", tmp_path)
        tab.assert_clean()
    assert PrintedPaper.objects.get().language == "de"
    cycle = course.cycles.get(number=1)
    cycle.planned_on = add_days(cycle.planned_on, 7)
    cycle.save()
    with chromium(address, width=PHONE, dark=True) as tab:
        tab.log_in("nurse")
        for name, path in {
            "papers-phone": papers,
            "day-phone": f"{papers}day/en/page/",
            "decision-phone": f"/courses/decisions/{decision.public_id}/print/",
            "numbers-phone": "/courses/papers/numbers/",
        }.items():
            tab.open(path)
            looks_right(tab, name, tmp_path)
        tab.open(papers)
        tab.page.get_by_text("is out of date: give a new one").first.wait_for()
        tab.assert_clean()
