"""A log-in ends after a time without use; whoever comes back is told, and lands on the page again."""

from time import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as configured
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-95")]
LOGIN = "/accounts/login/"
PASSWORD = "a long pass phrase"
PAGE = "/admin/courses/course/?q=3"
IDLE = 10 * 60


@pytest.fixture
def nurse(person) -> Client:
    """A browser in which a nurse has just logged in."""
    person("nurse", username="nina")
    browser = Client()
    browser.post(LOGIN, {"login": "nina", "password": PASSWORD})
    return browser


def set_back(browser: Client, *, used: float = 0, began: float = 0) -> None:
    """Have the log-in last been used, or begun, so many seconds ago."""
    session = browser.session
    use = session["session_use"]
    session["session_use"] = {
        "began": time() - began if began else use["began"],
        "used": time() - used if used else use["used"],
    }
    session.save()


def is_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def asked(response) -> dict[str, list[str]]:
    assert response.status_code == 302
    assert response["Location"].startswith(LOGIN)
    return parse_qs(urlsplit(response["Location"]).query)


def test_fifteen_minutes_without_use_end_a_log_in_unless_the_clinic_says_otherwise():
    assert configured.SESSION_IDLE_MINUTES == 10


def test_a_page_asked_for_after_the_pause_leads_to_the_log_in_and_back_to_the_page(nurse):
    set_back(nurse, used=IDLE + 1)
    answer = nurse.get(PAGE)
    assert asked(answer) == {"next": [PAGE], "ended": ["idle"]}
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_in(nurse)
    page = nurse.get(answer["Location"]).content.decode()
    assert "You were logged out" in page
    assert "10 minutes" in page
    assert "you come back to the page" in page
    assert "What you had typed" not in page
    back = nurse.post(LOGIN, {"login": "nina", "password": PASSWORD, "next": PAGE})
    assert back["Location"] == PAGE
    assert nurse.get(PAGE).status_code == 200


def test_just_before_the_pause_is_over_the_page_is_still_answered(nurse):
    set_back(nurse, used=IDLE - 20)
    assert nurse.get("/admin/").status_code == 200
    assert nurse.get("/session/").json()["seconds_left"] > IDLE - 20


def test_what_was_typed_and_sent_too_late_is_not_recorded_and_that_is_said(nurse):
    set_back(nurse, used=IDLE + 1)
    answer = nurse.post("/find/", {"q": "Lowe"})
    assert asked(answer) == {"next": ["/find/"], "ended": ["form"]}
    assert "What you had typed was not recorded." in nurse.get(answer["Location"]).content.decode()


def test_a_form_that_waited_for_the_password_is_not_lost_silently(nurse):
    session = nurse.session
    session["suspended_forms"] = {"/patients/new/": {}}
    session.save()
    set_back(nurse, used=IDLE + 1)
    waiting = {"password": PASSWORD, "next": "/patients/new/"}
    answer = nurse.post("/accounts/reauthenticate/?next=/patients/new/", waiting)
    assert asked(answer) == {"next": ["/patients/new/"], "ended": ["form"]}


def test_nobody_is_led_to_another_site_or_to_the_log_out(nurse):
    set_back(nurse, used=IDLE + 1)
    away = nurse.post("/accounts/reauthenticate/", {"next": "https://evil.example/"})
    assert "next" not in asked(away)
    nurse.post(LOGIN, {"login": "nina", "password": PASSWORD})
    set_back(nurse, used=IDLE + 1)
    assert "next" not in asked(nurse.post("/admin/logout/"))


def test_to_ask_how_long_the_log_in_lasts_is_no_use_of_it_and_to_stay_is(nurse):
    set_back(nurse, used=200)
    assert nurse.get("/session/").json()["seconds_left"] == IDLE - 200
    assert nurse.get("/session/").json()["seconds_left"] == IDLE - 200
    assert nurse.post("/session/stay/").json()["seconds_left"] == IDLE
    assert nurse.get("/session/").json()["seconds_left"] == IDLE
    set_back(nurse, used=IDLE + 1)
    ended = nurse.get("/session/")
    assert ended.json() == {"seconds_left": 0}
    assert ended["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_in(nurse)
    assert nurse.post("/session/stay/").json() == {"seconds_left": 0}


def test_twelve_hours_end_a_log_in_however_much_it_is_used(nurse):
    set_back(nurse, began=12 * 60 * 60 + 1)
    assert asked(nurse.get(PAGE))["ended"] == ["idle"]
    assert not is_in(nurse)


def test_another_length_of_the_pause_is_heeded_and_told(nurse, settings):
    settings.SESSION_IDLE_MINUTES = 5
    set_back(nurse, used=5 * 60 + 1)
    answer = nurse.get(PAGE)
    assert "5 minutes" in nurse.get(answer["Location"]).content.decode()


def test_programs_are_refused_as_everybody_who_is_not_logged_in_and_are_told_to_clear_nothing(nurse):
    set_back(nurse, used=IDLE + 1)
    answer = nurse.get("/api/v1/orders")
    assert answer.status_code in (401, 403)
    assert "Clear-Site-Data" not in answer
    assert not is_in(nurse)


def test_whoever_logs_out_leaves_no_stored_page_and_no_stored_data_behind(nurse):
    answer = nurse.post("/accounts/logout/")
    assert answer.status_code == 302
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in nurse.get(LOGIN)


@pytest.mark.parametrize("page", ["/admin/", "/alerts/"])
def test_pages_carry_the_warning_and_a_way_to_stay(nurse, page):
    written = nurse.get(page).content.decode()
    assert 'role="alertdialog"' in written
    assert "Stay logged in" in written
    assert "session.js" in written
    assert "session.js" not in nurse.get("/accounts/logout/").content.decode()
