"""The working day in a real browser: log in, see what must not go ahead, read why, sign, leave."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from courses.models import Course, Order, Signature, VialBooking
from labs.clinic_days import clinic_day
from labs.templatetags.clinic_text import day
from labs.zones import clinic_zone
from tests.browser.browsing import chromium
from tests.builders_pages import LOW_PLATELETS, NOW, make_course, standing
from tests.running_clinic import Clinic

pytestmark = pytest.mark.chromium

WIDE, PHONE = 1360, 390


@pytest.fixture
def courses(real_commits, person) -> list[Course]:
    """One course of each kind, and people to look at them."""
    for roles in (("nurse",), ("physician", "authorised-user"), ("pharmacist",), ("administrator",)):
        person(*roles, username=roles[0])
    return [
        make_course(1, action="delay", family="Lowe"),
        make_course(2, action="proceed", family="Gould"),
        make_course(3, action="hold", awaiting=True, in_days=30, family="Between"),
    ]


@pytest.fixture
def address(courses: object, address: str) -> str:
    """The usual server, with these courses; the demonstration fills an empty database by itself."""
    return address


def test_a_nurse_logs_in_and_sees_first_what_must_not_go_ahead_and_why(address, courses):
    with chromium(address) as tab:
        tab.log_in("nurse")
        held = tab.page.get_by_role("region", name="Held and delayed")
        assert held.get_by_text("Lowe, Test").is_visible()
        assert held.get_by_text(LOW_PLATELETS).is_visible()
        assert held.get_by_text("suspended", exact=True).is_visible()
        assert not held.get_by_text("Between, Test").is_visible()
        held.get_by_role("link", name="Lowe, Test").click()
        tab.page.get_by_role("region", name="Patient").get_by_text("Lowe, Test").wait_for()
        tab.assert_clean()


def test_what_must_not_go_ahead_is_a_therapy_of_today_and_one_before_the_next_vial_deadline_each_with_why(
    address, courses
):
    unsigned = make_course(11, action="proceed", in_days=0, family="Heute")
    kinds = [("Before", "delay", 2, None), ("Deadline", "proceed", 12, 3), ("After", "delay", 6, None)]
    for number, (family, action, in_days, closes_in_days) in enumerate(kinds, start=12):
        course = make_course(number, action=action, in_days=in_days, family=family)
        closes = NOW + timedelta(days=closes_in_days) if closes_in_days else None
        VialBooking.objects.create(
            cycle=course.cycles.get(),
            supplier="Supplier",
            needed_on=course.cycles.get().planned_on,
            cut_off_at=closes,
            placed_at=NOW,
            updated_at=NOW,
        )
    with chromium(address) as tab:
        tab.log_in("nurse")
        part = tab.page.get_by_role("region", name="Must not go ahead")
        of_today = part.get_by_role("listitem").filter(has_text="Heute, Test")
        assert "(today)" in of_today.inner_text()
        assert "Nobody has signed it." in of_today.inner_text()
        before = part.get_by_role("listitem").filter(has_text="Before, Test")
        assert LOW_PLATELETS in before.inner_text()
        assert "Next" in before.inner_text()
        assert "(today)" not in before.inner_text()
        assert not part.get_by_text("After, Test").count()
        assert not part.get_by_text("Deadline, Test").count()
        deadlines = tab.page.get_by_role("region", name="Must not go ahead").locator(".prrt-quiet").first
        assert day(clinic_day(NOW + timedelta(days=3), clinic_zone())) in deadlines.inner_text()
        of_today.get_by_role("link", name="Heute, Test").click()
        tab.page.wait_for_url(f"{address}/admin/courses/course/{unsigned.pk}/change/")
        tab.assert_clean()


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_no_page_is_wider_than_the_screen_and_none_complains(address, courses, width):
    decision = standing(courses[1]).public_id
    pages = ["/admin/", f"/admin/courses/course/{courses[0].pk}/change/", f"/courses/decisions/{decision}/"]
    lists = [f"/admin/courses/{name}/" for name in ("course", "decision", "order")]
    with chromium(address, width=width) as tab:
        tab.log_in("physician")
        for path in (*pages, *lists):
            tab.open(path)
            overhang = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overhang <= 0, path
            assert tab.page.locator("h1").count() == 1, path
            assert tab.page.locator("html").get_attribute("lang"), path
        tab.assert_clean()


def test_the_navigation_opens_and_closes_from_the_keyboard_at_phone_width(address, courses):
    with chromium(address, width=PHONE) as tab:
        tab.log_in("nurse")
        courses_link = tab.page.get_by_role("link", name="Courses", exact=True)
        assert not courses_link.is_visible()
        tab.page.get_by_role("button", name="Show or hide the navigation").focus()
        tab.page.keyboard.press("Enter")
        courses_link.wait_for(state="visible")
        tab.page.get_by_role("button", name="Close the navigation").press("Enter")
        courses_link.wait_for(state="hidden")
        tab.assert_clean()


def test_a_signature_of_something_that_no_longer_stands_is_refused_and_shows_what_changed(address, courses):
    decision = standing(courses[1])
    with chromium(address) as tab:
        tab.log_in("physician")
        tab.open(f"/courses/decisions/{decision.public_id}/")
        box = tab.page.get_by_role("checkbox")
        assert not box.is_checked()
        box.check()
        tab.page.get_by_role("button", name="Sign with your password").click()
        tab.page.get_by_label("Password").fill("a long pass phrase")
        # No laboratory result stands behind these courses: assessed on live data, the cycle may not proceed.
        tab.page.get_by_role("button", name="Continue and sign").click()
        assert tab.page.get_by_text("Nothing was signed.").is_visible()
        assert tab.page.get_by_role("region", name="Patient").get_by_text("Gould, Test").is_visible()
    assert not Signature.objects.exists()


@pytest.mark.hazard("HZ-95")
def test_after_log_out_nothing_of_a_patient_is_left_in_the_browser(address, courses):
    with chromium(address) as tab:
        tab.log_in("nurse")
        tab.page.get_by_text("Lowe, Test").first.wait_for()
        tab.open(f"/courses/decisions/{standing(courses[0]).public_id}/print/")
        tab.page.get_by_text("Lowe, Test").first.wait_for()
        tab.open("/admin/")
        tab.page.evaluate("localStorage.setItem('left', 'Lowe'); sessionStorage.setItem('left', 'Lowe')")
        tab.page.get_by_role("button", name="Log out").click()
        tab.page.get_by_role("heading", name="Log in").wait_for()
        assert tab.page.evaluate("localStorage.getItem('left')") is None
        for _ in range(2):
            tab.page.go_back()
            tab.page.wait_for_load_state()
            assert "Lowe" not in tab.page.content()


@pytest.fixture
def demonstration(real_commits, serving) -> Iterator[Clinic]:
    """The demonstration clinic, served from this test's own database."""
    with serving("demo", DATABASE_URL=real_commits) as clinic:
        yield clinic


def test_a_physician_signs_a_proposal_with_the_password_and_its_order_becomes_active(demonstration):
    logins = json.loads((demonstration.var_dir / "demo_logins.json").read_text(encoding="utf-8"))
    password = next(each["password"] for each in logins if each["username"] == "physician")
    before = Signature.objects.count()
    with chromium(demonstration.address) as tab:
        tab.log_in("physician", password)
        to_sign = tab.page.get_by_role("region", name="Waiting for a signature")
        # One that asks a physician first whether an occurrence counts offers no signature yet.
        plain = to_sign.get_by_role("listitem").filter(has_text="No rule of the protocol speaks against it")
        plain.first.get_by_role("link", name="Review and sign").click()
        tab.page.get_by_role("checkbox").check()
        tab.page.get_by_role("button", name="Sign with your password").click()
        tab.page.get_by_label("Password").fill(password)
        tab.page.get_by_role("button", name="Continue and sign").click()
        tab.page.get_by_text("Philippa Demo-Physician signed").first.wait_for()
        assert tab.page.get_by_role("checkbox").count() == 0
        tab.assert_clean()
    assert Signature.objects.count() == before + 1
    signature = Signature.objects.order_by("-pk")[0]
    order = Order.objects.get(cycle=signature.decision.cycle, kind="radiopharmaceutical")
    assert order.state == "active"
    assert order.directive.signature == signature
