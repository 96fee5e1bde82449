"""The record of an infusion is corrected on its page and by the API: by two people where figures change."""

import json
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alerts.models import Alert
from alerts.services.watch_treatment import watch_incidents
from courses.models import Incident, Infusion, TherapyDay, TherapyStep
from courses.services.therapy_day import correct_step
from tests.builders import colleague, make_course, make_patient
from tests.builders_day import infuse as infuse_without_a_day
from tests.builders_therapy_day import (
    DAY,
    at,
    authorise,
    dispense,
    infuse,
    nurse,
    opened,
    pharmacist,
    physician,
    ready_cycle,
    second_nurse,
    until_start,
)

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"
SECOND = {"second_name": "day-nurse-2", "second_password": PASSWORD}


@pytest.fixture
def given(set_clock) -> Infusion:
    """Started at 12:01, ended at 12:36, 0.1 GBq left at 12:46; it is three o'clock now."""
    set_clock(at(15))
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    authorise(day)
    found: Infusion = infuse(day)
    return found


@pytest.fixture
def enter_as():
    """A browser in which this person is logged in."""

    def make(person: Any) -> Client:
        for each in (person, second_nurse()):
            each.set_password(PASSWORD)
            each.is_staff = True
            each.save()
        browser = Client()
        browser.force_login(person)
        return browser

    return make


def text(response: Any) -> str:
    return unescape(response.content.decode())


def page_of(infusion: Infusion) -> str:
    return reverse("courses:correct_infusion", args=[infusion.cycle.course.public_id, infusion.public_id])


def sheet_of(infusion: Infusion) -> str:
    return reverse("courses:day", args=[infusion.cycle.course.public_id])


def test_the_page_shows_the_record_and_takes_what_was_wrong(given: Infusion, enter_as) -> None:
    browser = enter_as(nurse())
    assert page_of(given) in text(browser.get(sheet_of(given)))
    shown = text(browser.get(page_of(given)))
    assert "7.2033 GBq (194.7 mCi)" in shown
    assert "0.1 GBq" in shown
    form = {"residual": "0.2 GBq", "reason": "Read on another meter."}
    alone = browser.post(page_of(given), form)
    assert alone.status_code == 400
    assert "a second person proves with name and password" in text(alone)
    assert 'value="0.2 GBq"' in text(alone)
    assert browser.post(page_of(given), form | SECOND | {"second_password": "guessed"}).status_code == 403
    assert Infusion.objects.count() == 1
    assert browser.post(page_of(given), form | SECOND).status_code == 302
    version = Infusion.objects.effective().get()
    assert (version.corrects, version.delivered_gbq) == (given, Decimal("7.1030"))
    assert (version.recorded_by, version.second_by) == (nurse(), second_nurse())
    sheet = text(browser.get(sheet_of(given)))
    assert "7.103 GBq" in sheet
    assert "Read on another meter." in sheet


def test_a_bare_number_and_a_missing_reason_change_nothing(given: Infusion, enter_as) -> None:
    browser = enter_as(nurse())
    bare = browser.post(page_of(given), {"residual": "0.2", "reason": "x", **SECOND})
    assert bare.status_code == 400
    assert "has no unit" in text(bare)
    assert browser.post(page_of(given), {"residual": "0.2 GBq", "reason": " ", **SECOND}).status_code == 400
    early = {"ended_at": "2026-05-04T11:00", "reason": "x"}
    answer = browser.post(page_of(given), early)
    assert answer.status_code == 400
    assert "Lies before the start" in text(answer)
    assert Infusion.objects.count() == 1


def test_a_page_made_before_another_correction_is_refused_and_keeps_what_was_typed(
    given: Infusion, enter_as
) -> None:
    browser = enter_as(nurse())
    form = {"ended_at": "2026-05-04T12:40", "reason": "Clock misread."}
    assert browser.post(page_of(given), form).status_code == 302
    late = browser.post(page_of(given), form | {"ended_at": "2026-05-04T12:45"})
    assert late.status_code == 409
    assert "it was corrected before" in text(late)
    newest = Infusion.objects.effective().get()
    assert page_of(newest) in text(late)
    assert newest.ended_at == at(12, 40)


def test_a_corrected_entry_shows_on_the_sheet_until_the_record_follows_it(given: Infusion, enter_as) -> None:
    browser = enter_as(nurse())
    told = "now say otherwise than this record"
    assert told not in text(browser.get(sheet_of(given)))
    correct_step(
        step=TherapyStep.objects.get(kind="residual"),
        reason="the other meter",
        by=pharmacist(),
        data={"activity": "1.7 GBq", "what": "vial"},
        now=at(14),
    )
    assert told in text(browser.get(sheet_of(given)))
    assert "The day's entries now say otherwise" in text(browser.get(page_of(given)))
    form = {"from_entries": "on", "reason": "The residual was read on another meter.", **SECOND}
    assert browser.post(page_of(given), form).status_code == 302
    assert told not in text(browser.get(sheet_of(given)))
    version = Infusion.objects.effective().get()
    assert version.residual_gbq == Decimal("1.7")
    incident = Incident.objects.get()
    assert (incident.kind, incident.infusion) == ("activity", version)
    watch_incidents(now=at(15))
    assert Alert.objects.filter(kind__startswith="incident").exists()


def test_an_open_review_tells_that_the_record_was_corrected(given: Infusion, enter_as) -> None:
    browser = enter_as(physician())
    form = {"delivered": "5.9 GBq", "reason": "Residual found in the line.", **SECOND}
    assert browser.post(page_of(given), form).status_code == 302
    form = {"delivered": "5.8 GBq", "reason": "And in the syringe.", **SECOND}
    assert browser.post(page_of(Infusion.objects.effective().get()), form).status_code == 302
    incident = Incident.objects.get()
    page = text(browser.get(reverse("courses:incident", args=[incident.public_id])))
    assert "5.8 GBq" in page
    assert "And in the syringe." in page


def test_what_was_given_without_a_sheet_is_corrected_too(enter_as, set_clock) -> None:
    set_clock(at(15))
    course = make_course(make_patient(), first_on=DAY, by=physician())
    given = infuse_without_a_day(course.cycles.get(number=1), by=nurse(), at=at(12))
    browser = enter_as(nurse())
    assert page_of(given) in text(browser.get(sheet_of(given)))
    assert "from_entries" not in text(browser.get(page_of(given)))
    form = {"product": "another product", "delivered": "7.0 GBq", "reason": "Wrong vial.", **SECOND}
    assert browser.post(page_of(given), form).status_code == 302
    version = Infusion.objects.effective().get()
    assert (version.product, version.delivered_gbq, version.therapy_day) == ("another product", 7, None)


def test_who_may_not_record_what_was_given_does_not_correct_it(given: Infusion, enter_as) -> None:
    for role in ("pharmacist", "auditor"):
        browser = enter_as(colleague(f"day-{role}-x", role))
        assert browser.get(page_of(given)).status_code == 403
        assert browser.post(page_of(given), {"ended_at": "2026-05-04T12:40"}).status_code == 403
    assert page_of(given) in text(enter_as(colleague("day-physicist", "physicist")).get(sheet_of(given)))


# --- The API ---------------------------------------------------------------------------------


def send(browser: Client, infusion: Infusion, body: dict[str, Any], etag: str = "", key: str = "") -> Any:
    headers = ({"If-Match": etag} if etag else {}) | ({"Idempotency-Key": key} if key else {})
    return browser.post(
        f"/api/v1/infusions/{infusion.public_id}/correct/",
        json.dumps(body),
        content_type="application/json",
        headers=headers,
    )


def test_a_record_is_read_and_corrected_by_the_api(given: Infusion, enter_as) -> None:
    browser = enter_as(nurse())
    second = {"username": "day-nurse-2", "password": PASSWORD}
    read = browser.get(f"/api/v1/infusions/{given.public_id}/")
    assert read.json()["residual"] == {"value": "0.1", "unit": "GBq", "at": given.residual_at.isoformat()}
    etag, version = read.headers["ETag"], TherapyDay.objects.get().version
    body = {"residual": "0.2 GBq", "reason": "Another meter."}
    assert send(browser, given, body).status_code == 428
    alone = send(browser, given, body, etag)
    assert (alone.status_code, list(alone.json()["errors"])) == (400, ["second"])
    wrong = send(browser, given, body | {"second": second | {"password": "guessed"}}, etag)
    assert wrong.status_code == 403
    assert send(browser, given, body | {"residual": 0.2}, etag).status_code == 400
    done = send(browser, given, body | {"second": second}, etag, "k-1")
    assert done.status_code == 201, done.content
    assert done.json()["delivered"] == {"value": "7.103", "unit": "GBq"}
    assert (done.json()["corrects"], done.json()["second"]) == (str(given.public_id), "day-nurse-2")
    again = send(browser, given, body | {"second": second}, etag, "k-1")
    assert again.content == done.content
    assert send(browser, given, body | {"second": second}, etag).status_code == 412
    assert TherapyDay.objects.get().version == version + 1
    earlier = browser.get(f"/api/v1/infusions/{given.public_id}/").json()
    assert earlier["corrected_by"] == done.json()["id"]


def test_the_api_takes_what_the_entries_of_the_day_say_by_now(given: Infusion, enter_as) -> None:
    browser = enter_as(nurse())
    etag = browser.get(f"/api/v1/infusions/{given.public_id}/").headers["ETag"]
    correct_step(
        step=TherapyStep.objects.get(kind="infusion_end"),
        reason="it leaked",
        by=nurse(),
        data={"how": "leak"},
        now=at(14),
    )
    answer = send(browser, given, {"from_entries": True, "reason": "It leaked."}, etag)
    assert answer.status_code == 201, answer.content
    assert (answer.json()["ended_how"], answer.json()["second"]) == ("leak", None)


def test_no_entries_are_taken_for_what_was_given_without_a_sheet(enter_as, set_clock) -> None:
    set_clock(at(15))
    course = make_course(make_patient(), first_on=DAY, by=physician())
    given = infuse_without_a_day(course.cycles.get(number=1), by=nurse(), at=at(12))
    browser = enter_as(nurse())
    etag = browser.get(f"/api/v1/infusions/{given.public_id}/").headers["ETag"]
    answer = send(browser, given, {"from_entries": True, "reason": "x"}, etag)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["from_entries"])
