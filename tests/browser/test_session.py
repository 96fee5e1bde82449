"""A log-in that nobody uses, in the browser: the warning, the button to stay, what the screen then shows."""

from concurrent.futures import ThreadPoolExecutor
from time import time

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

from tests.browser.browsing import PASSWORD, chromium
from tests.builders_pages import make_course

pytestmark = [pytest.mark.chromium, pytest.mark.postgres, pytest.mark.hazard("HZ-95")]
IDLE = 10 * 60


@pytest.fixture
def course(real_commits, person):
    """A course, and a nurse to look at it."""
    person("nurse", username="nurse")
    return make_course(1, family="Lowe")


@pytest.fixture
def address(course, real_commits, serving):
    """A server with this course, whose log-ins the test may set back: they share a key."""
    given = {"PRRT_ENV": "test", "DATABASE_URL": real_commits, "SECRET_KEY": settings.SECRET_KEY}
    with serving(**given) as clinic:
        yield clinic.address


def _set_back(key: str, *, seconds: int) -> None:
    session = SessionStore(key)
    session["session_use"] = {**session["session_use"], "used": time() - seconds}
    session.save()
    connection.close()


def left_alone(tab, *, seconds: int) -> None:
    """Have nobody used the log-in for so many seconds, which passed on its page as well."""
    key = next(each["value"] for each in tab.page.context.cookies() if each["name"] == "sessionid")
    with ThreadPoolExecutor(1) as outside:  # the browser's loop runs in this thread
        outside.submit(_set_back, key, seconds=seconds).result()
    tab.page.clock.fast_forward(seconds * 1000)


def test_the_page_warns_before_the_log_in_ends_and_a_key_keeps_it(address, course):
    with chromium(address) as tab:
        tab.page.clock.install()
        tab.log_in("nurse")
        tab.open(f"/courses/{course.public_id}/plan/")
        link = tab.page.get_by_role("link", name="Courses", exact=True)
        link.focus()
        warning = tab.page.get_by_role("alertdialog", name="Are you still there?")
        left_alone(tab, seconds=IDLE - 150)
        tab.page.clock.run_for(3000)
        assert not warning.is_visible()
        left_alone(tab, seconds=IDLE - 60)
        tab.page.clock.run_for(3000)
        warning.wait_for()
        assert "less than 60 seconds" in warning.inner_text()
        assert tab.page.evaluate("document.activeElement.textContent") == "Stay logged in"
        tab.page.keyboard.press("Enter")
        warning.wait_for(state="hidden")
        assert tab.page.evaluate("document.activeElement.textContent").strip().endswith("Courses")
        tab.page.clock.fast_forward((IDLE - 200) * 1000)
        assert not warning.is_visible()
        tab.assert_clean()


def test_a_screen_that_is_left_alone_shows_no_patient_and_says_what_became_of_the_form(address, course):
    with chromium(address) as tab:
        tab.page.clock.install()
        tab.log_in("nurse")
        tab.open("/patients/new/")
        tab.page.get_by_label("Family name").fill("Lowe-Miller")
        left_alone(tab, seconds=IDLE + 5)
        tab.page.clock.run_for(3000)
        tab.page.get_by_role("heading", name="Log in").wait_for()
        assert tab.page.get_by_text("What you had typed was not recorded.").is_visible()
        tab.page.get_by_label("Username").fill("nurse")
        tab.page.get_by_label("Password").fill(PASSWORD)
        tab.page.get_by_role("button", name="Log in").click()
        tab.page.wait_for_url(f"{address}/patients/new/")
        assert tab.page.get_by_label("Family name").input_value() == ""
        tab.assert_clean()


def test_another_tab_that_is_used_keeps_this_one_quiet(address, course):
    with chromium(address) as tab:
        tab.page.clock.install()
        tab.log_in("nurse")
        tab.page.get_by_text("Lowe, Test").first.wait_for()
        tab.page.clock.fast_forward((IDLE - 60) * 1000)
        tab.page.clock.run_for(3000)
        warning = tab.page.get_by_role("alertdialog")
        assert not warning.is_visible()
        assert tab.page.get_by_text("Lowe, Test").first.is_visible()


def test_going_back_after_the_log_in_ended_shows_nothing_of_a_patient(address, course):
    with chromium(address) as tab:
        tab.page.clock.install()
        tab.log_in("nurse")
        tab.open(f"/courses/{course.public_id}/plan/")
        tab.page.get_by_text("Lowe, Test").first.wait_for()
        left_alone(tab, seconds=IDLE + 5)
        tab.page.clock.run_for(3000)
        tab.page.get_by_role("heading", name="Log in").wait_for()
        tab.page.go_back()
        tab.page.wait_for_load_state()
        tab.page.get_by_role("heading", name="Log in").wait_for()
        assert "Lowe" not in tab.page.content()
