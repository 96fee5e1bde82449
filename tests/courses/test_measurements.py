"""Pharmacists record assay and residual of an order, by page and API, and see no more of the day."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from courses.models import Cycle, Infusion, Order, TherapyDay, TherapyStep
from tests.builders_therapy_day import (
    at,
    authorise,
    dispense,
    nurse,
    opened,
    pharmacist,
    ready_cycle,
    step,
    until_start,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def cycle(set_clock) -> Cycle:
    """A first cycle whose unit was dispensed this morning."""
    set_clock(at(9))
    found = ready_cycle()
    dispense(found)
    return found


@pytest.fixture
def browser() -> Client:
    person = pharmacist()
    person.is_staff = True
    person.save()
    found = Client()
    found.force_login(person)
    return found


def order_of(cycle: Cycle) -> Order:
    return Order.objects.get(cycle=cycle, kind="radiopharmaceutical")


def page_of(cycle: Cycle) -> str:
    return reverse("courses:pharmacy_measured", args=[order_of(cycle).public_id])


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def carried(page: str) -> dict[str, str]:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found is not None
    return {"seen": found[1]}


def test_a_pharmacist_measures_before_the_start_and_what_is_left_after_it(
    cycle: Cycle, browser: Client, set_clock
) -> None:
    assert "has not been opened" in text(browser.get(page_of(cycle)))
    day = opened(cycle)
    until_start(day)
    set_clock(at(11, 50))
    order_page = reverse("courses:pharmacy_order", args=[order_of(cycle).public_id])
    assert page_of(cycle) in text(browser.get(order_page))
    form = {"kind": "assay", "activity": "7.35 GBq"} | carried(text(browser.get(page_of(cycle))))
    bare = browser.post(page_of(cycle), form | {"activity": "7.35"})
    assert (bare.status_code, "has no unit" in text(bare)) == (400, True)
    assert browser.post(page_of(cycle), form).status_code == 302
    authorise(day)
    step(day, "infusion_start", at(12, 1))
    step(day, "infusion_end", at(12, 36), how="complete")
    set_clock(at(12, 46))
    page = text(browser.get(page_of(cycle)))
    assert "7.35 GBq" in page
    left = {"kind": "residual", "activity": "0.1 GBq", "what": "vial"} | carried(page)
    assert browser.post(page_of(cycle), left).status_code == 302
    rows = TherapyStep.objects.filter(kind__in=["assay", "residual"]).order_by("pk")
    assert [(row.kind, row.data["gbq"], row.recorded_by) for row in rows] == [
        ("assay", "7.35", pharmacist()),
        ("residual", "0.1", pharmacist()),
    ]


def test_nothing_else_of_the_day_is_shown_or_recorded(cycle: Cycle, browser: Client, set_clock) -> None:
    until_start(opened(cycle))
    set_clock(at(12))
    page = text(browser.get(page_of(cycle)))
    for word in ("granisetron", "allergy", "Pregnancy", "day-nurse"):
        assert word not in page
    seen = carried(page)
    assert browser.post(page_of(cycle), {"kind": "note", "text": "x"} | seen).status_code == 404
    assert browser.get(reverse("courses:day", args=[cycle.course.public_id])).status_code == 403
    note = TherapyStep.objects.get(kind="antiemetic")
    address = reverse("courses:pharmacy_correct_measured", args=[order_of(cycle).public_id, note.public_id])
    assert browser.get(address).status_code == 404


@pytest.mark.hazard("HZ-39")
def test_a_measurement_on_an_overtaken_page_is_refused_and_one_beside_other_entries_is_not(
    cycle: Cycle, browser: Client, set_clock
) -> None:
    day = opened(cycle)
    set_clock(at(10, 30))
    form = {"kind": "assay", "activity": "7.35 GBq"} | carried(text(browser.get(page_of(cycle))))
    step(day, "note", at(10, 20), text="Well.")
    assert browser.post(page_of(cycle), form).status_code == 302
    stale = browser.post(page_of(cycle), form | {"activity": "7.30 GBq"})
    assert stale.status_code == 409
    assert "Another measurement was recorded" in text(stale)
    assert 'value="7.30 GBq"' in text(stale)
    assert browser.post(page_of(cycle), form | {"seen": ""}).status_code == 409
    assert TherapyStep.objects.filter(kind="assay").count() == 1


def test_a_measurement_is_corrected_by_a_new_version(cycle: Cycle, browser: Client, set_clock) -> None:
    day = opened(cycle)
    entry = step(day, "assay", at(10), activity="7.35 GBq")
    set_clock(at(11))
    address = reverse("courses:pharmacy_correct_measured", args=[order_of(cycle).public_id, entry.public_id])
    page = text(browser.get(address))
    assert "7.35 GBq" in page
    form = {"kind": "assay", "activity": "7.25 GBq", "reason": ""} | carried(page)
    assert browser.post(address, form).status_code == 400
    assert browser.post(address, form | {"reason": "Misread."}).status_code == 302
    newest = TherapyStep.objects.latest("pk")
    assert (newest.corrects, newest.data["gbq"], newest.happened_at) == (entry, "7.25", at(10))
    assert browser.get(address).status_code == 404


def test_nurses_and_auditors_do_not_measure(cycle: Cycle, enter) -> None:
    opened(cycle)
    for role in ("nurse", "physician", "auditor"):
        assert enter(role).get(page_of(cycle)).status_code == 403
    assert enter("physicist").get(page_of(cycle)).status_code == 200


# --- The API ---------------------------------------------------------------------------------


def send(browser: Client, cycle: Cycle, body: dict[str, Any], *, path: str = "", etag: str = "") -> Any:
    return browser.post(
        f"/api/v1/orders/{order_of(cycle).public_id}/measurements/{path}",
        json.dumps(body),
        content_type="application/json",
        headers={"If-Match": etag} if etag else {},
    )


def etag_of(browser: Client, cycle: Cycle) -> str:
    answer = browser.get(f"/api/v1/orders/{order_of(cycle).public_id}/measurements/")
    assert answer.status_code == 200, answer.content
    return str(answer.headers["ETag"])


def test_a_pharmacist_measures_and_corrects_by_the_api(cycle: Cycle, browser: Client, set_clock) -> None:
    none = browser.get(f"/api/v1/orders/{order_of(cycle).public_id}/measurements/")
    assert (none.status_code, none.json()["code"]) == (404, "no-day")
    opened(cycle)
    set_clock(at(10, 30))
    body = {"kind": "assay", "activity": "7.35 GBq"}
    etag = etag_of(browser, cycle)
    assert send(browser, cycle, body).status_code == 428
    assert send(browser, cycle, body | {"activity": 7.35}, etag=etag).status_code == 400
    assert send(browser, cycle, body | {"kind": "note"}, etag=etag).status_code == 400
    done = send(browser, cycle, body, etag=etag)
    assert done.status_code == 201, done.content
    assert set(done.json()) == {
        "order", "day", "cycle", "opened_at", "ended_at", "directed", "unit", "measurements",
    }  # fmt: skip
    [entry] = done.json()["measurements"]
    assert entry["activity"] == {"value": "7.35", "unit": "GBq"}
    assert send(browser, cycle, body, etag=etag).status_code == 412
    path = f"{entry['id']}/correct/"
    right = {"reason": "Misread.", "activity": "7.25 GBq"}
    corrected = send(browser, cycle, right, path=path, etag=done.headers["ETag"])
    assert corrected.status_code == 201, corrected.content
    [newest] = corrected.json()["measurements"]
    assert (newest["activity"]["value"], newest["corrects"]) == ("7.25", entry["id"])
    note = TherapyStep.objects.filter(kind="note")
    assert not note.exists()


def test_a_measurement_of_another_patients_order_is_not_corrected_under_this_one(
    cycle: Cycle, browser: Client, set_clock
) -> None:
    opened(cycle)
    other = ready_cycle(mrn="T-2")
    dispense(other, label="U-2", bag="BAG-2")
    theirs = step(opened(other), "assay", at(10), activity="7.35 GBq")
    set_clock(at(10, 30))
    path, etag = f"{theirs.public_id}/correct/", etag_of(browser, cycle)
    body = {"reason": "Misread.", "activity": "7.25 GBq"}
    assert send(browser, cycle, body, path=path, etag=etag).status_code == 404
    assert TherapyStep.objects.filter(therapy_day=theirs.therapy_day).get() == theirs


def test_no_other_entry_is_corrected_by_the_door_of_measurements(
    cycle: Cycle, browser: Client, set_clock
) -> None:
    day = opened(cycle)
    note = step(day, "note", at(10), text="Well.")
    set_clock(at(10, 30))
    path, etag = f"{note.public_id}/correct/", etag_of(browser, cycle)
    assert send(browser, cycle, {"reason": "x"}, path=path, etag=etag).status_code == 404


def test_measuring_by_the_api_takes_the_right_to_measure(cycle: Cycle, enter, set_clock) -> None:
    opened(cycle)
    set_clock(at(10, 30))
    address = f"/api/v1/orders/{order_of(cycle).public_id}/measurements/"
    for role in ("nurse", "physician", "auditor"):
        assert enter(role).get(address).status_code == 403
    assert not Infusion.objects.exists()
    assert TherapyDay.objects.get().version == 1
    assert nurse().has_perm("courses.run_therapy_day")


def test_the_physicists_pages_say_what_is_still_to_be_measured(cycle: Cycle, enter, set_clock) -> None:
    physicist = enter("physicist")
    pages = [reverse("courses:dosimetry"), reverse("admin:index")]

    def shown() -> list[str]:
        return [" ".join(text(physicist.get(page)).split()) for page in pages]

    assert "No day of therapy within two weeks." in shown()[0]
    day = opened(cycle)
    until_start(day)
    listed, first = shown()
    assert page_of(cycle) in listed
    assert ">to be measured<" not in listed
    assert page_of(cycle) not in first
    authorise(day)
    step(day, "infusion_start", at(12, 1))
    step(day, "infusion_end", at(12, 36), how="complete")
    set_clock(at(12, 46))
    listed, first = shown()
    assert ">to be measured<" in listed
    assert "the infusion ended and what was left is not entered" in first
    step(day, "residual", at(12, 44), activity="0.1 GBq", what="vial")
    listed, first = shown()
    assert "100 MBq" in listed or "0.1 GBq" in listed
    assert page_of(cycle) not in first
    assert page_of(cycle) not in text(enter("nurse").get(pages[1]))
