"""The call before therapy in a real browser: by keyboard, on a small screen, with the hold right there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from courses.models import ChartFact, PatientCall
from courses.services.assess import assess_course
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from tests import builders
from tests.browser.browsing import chromium

pytestmark = pytest.mark.chromium
PHONE = 390


def test_a_nurse_rings_before_therapy_sees_what_an_answer_asks_for_and_holds_the_course(
    address: str, person, tmp_path: Path
):
    person("nurse", username="nurse")
    today = clinic_day(datetime.now(UTC), clinic_zone())
    course = builders.make_course(
        builders.make_patient(family="Longname"),
        first_on=add_days(today, 1),
        by=person("nurse", username="starter"),
        now=datetime.now(UTC),
    )
    assess_course(course_id=course.pk)
    with chromium(address, width=PHONE) as tab:
        page = tab.page
        tab.log_in("nurse")
        page.get_by_role("link", name="Ring and record: Longname, Call before therapy").click()
        page.get_by_role("heading", name="1. Call before therapy, cycle 1").wait_for()
        assert page.locator("input[type=radio]:checked").count() == 0
        advice = page.get_by_text("Record the illness from its first day")
        asked = page.get_by_text("An answer above speaks against going on")
        assert not advice.is_visible()
        page.get_by_label("I spoke with somebody").focus()
        page.keyboard.press("Space")
        page.get_by_label("By telephone").check()
        page.get_by_label("With whom").select_option("patient")
        for question in page.locator("fieldset.prrt-expects-no").all():
            question.get_by_label("No", exact=True).check()
        for question in page.locator("fieldset.prrt-expects-yes").all():
            question.get_by_label("Yes", exact=True).check()
        assert not asked.is_visible()
        page.get_by_role("group", name="Fever, an infection").get_by_label("Yes", exact=True).check()
        assert advice.is_visible()
        assert asked.is_visible()
        page.get_by_label("CTCAE term").first.fill("Fever")
        page.get_by_label("CTCAE grade").first.select_option("2")
        page.get_by_label("From").first.fill(today.isoformat())
        page.get_by_label("Hold the course now").check()
        overhang = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        page.screenshot(path=tmp_path / "call.png", full_page=True)
        assert overhang <= 0
        page.get_by_role("button", name="Record").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="What is pointed out").wait_for()
        assert "Hold: Fever, an infection" in page.inner_text("body")
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        tab.assert_clean()
    assert PatientCall.objects.get().occasion == "before"
    kinds = {fact.kind for fact in ChartFact.objects.filter(calls__isnull=False)}
    assert kinds == {"adverse_event", "precautionary_holds"}
