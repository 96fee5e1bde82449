"""A real double click in a real browser: on the hold of a course, and on taking a vial in."""

from datetime import timedelta

import pytest
from django.utils import timezone

from courses.models import ChartFact, Course, Vial
from courses.services.assess import assess_course
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone
from tests import builders
from tests.browser.browsing import Tab, chromium
from tests.builders_pharmacy import CODE, PRODUCT

pytestmark = [pytest.mark.chromium, pytest.mark.usefixtures("course")]


@pytest.fixture
def course(real_commits, person) -> Course:
    """A course whose first cycle is planned in three days, with yesterday's healthy bloods."""
    person("nurse", username="nurse")
    person("pharmacist", username="pharmacist")
    today = clinic_day(database_now(), clinic_zone())
    found = builders.make_course(
        builders.make_patient(family="Longname"),
        first_on=add_days(today, 3),
        by=person("nurse", username="starter"),
    )
    builders.draw(found.patient, add_days(today, -1))
    assess_course(course_id=found.pk)
    return found


def typed_at(*, hours: int) -> str:
    """A moment on the clinic's clock, as a browser sends it."""
    return f"{timezone.localtime(database_now() + timedelta(hours=hours)):%Y-%m-%dT%H:%M}"


def press_twice(tab: Tab, button: str) -> list[str]:
    """Press a button twice as a hand does, the second time once the first form has left; what is sent.

    Two presses without any time between them Chromium joins to one before anything is sent.
    """
    sent: list[str] = []
    tab.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    found = tab.page.get_by_role("button", name=button)
    found.scroll_into_view_if_needed()
    place = found.bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    with tab.page.expect_request(lambda request: request.method == "POST"):
        tab.page.mouse.click(x, y)
    tab.page.mouse.click(x, y)
    return sent


def test_a_double_click_on_hold_this_course_is_one_hold(address, course):
    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.open(f"/courses/{course.public_id}/facts/precautionary_holds/")
        tab.page.get_by_label("Why is the course held?").fill("new confusion")
        sent = press_twice(tab, "Hold this course")
        tab.page.get_by_text("Recorded. The course was assessed again at once.").first.wait_for()
    assert len(sent) >= 2, "the browser sent the form once: this test proves nothing"
    assert ChartFact.objects.standing().filter(course=course, kind="precautionary_holds").count() == 1


def test_a_double_click_on_take_it_in_is_one_vial(address, course):
    typed = {
        "product": PRODUCT,
        "product_code": CODE,
        "lot": "L-2611",
        "calibrated_activity": "8.2 GBq",
        "volume_ml": "22.5",
        "calibrated_at": typed_at(hours=-24),
        "expires_at": typed_at(hours=24),
        "received_at": typed_at(hours=-1),
    }
    with chromium(address) as tab:
        tab.log_in("pharmacist")
        tab.open(f"/pharmacy/vials/receive/{course.public_id}/1/")
        for name, value in typed.items():
            tab.page.locator(f"[name={name}]").fill(value)
        sent = press_twice(tab, "Take it in")
        tab.page.get_by_text("The vial is taken in.").first.wait_for()
    assert len(sent) >= 2, "the browser sent the form once: this test proves nothing"
    assert Vial.objects.count() == 1
