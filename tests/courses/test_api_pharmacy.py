"""Pharmacy's door for acts: strict bodies, If-Match, Idempotency-Key, problems by code, vials, bookings."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.management import call_command
from django.test import Client

from courses.models import AminoAcidBag, Course, DispensedUnit, Order, OrderEvent, Vial, VialBooking
from courses.services.assess import assess_course
from courses.services.cancel_requests import ask_to_cancel
from labs.models import AnsweredRequest
from tests.builders import clinic_time, colleague, draw
from tests.builders_pharmacy import (
    CODE,
    MEASURED_AT,
    MORNING,
    NOW,
    PLANNED,
    PRODUCT,
    cycle_of,
    dispensed,
    order_of,
    prepared,
    receive,
    signed_course,
    stand_at,
)

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


@pytest.fixture(autouse=True)
def at_nine_on_the_planned_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every service's clock stands at 9 o'clock of 9 March 2026; no request was counted before."""
    stand_at(monkeypatch, NOW)
    for cache in ("default", "process"):
        caches[cache].clear()


@pytest.fixture
def course(at_nine_on_the_planned_day: None) -> Course:
    """Cycle 2 signed for 9 March, its orders active."""
    return signed_course()


@pytest.fixture
def pharmacy(capsys: pytest.CaptureFixture[str]) -> Client:
    """The pharmacy system with its token."""
    call_command("token", role="pharmacy", name="test")
    token = capsys.readouterr().out.split()[-1]
    return Client(headers={"Authorization": f"Bearer {token}"})


def etag(client: Client, order: Order) -> str:
    return client.get(f"/api/v1/orders/{order.public_id}/").headers["ETag"]


def act(
    client: Client, order: Order, what: str, body: Any = None, *, match: str | None = None, key: str = ""
) -> Any:
    """Send one act on the version that stands, unless told another."""
    headers = {"If-Match": etag(client, order) if match is None else match}
    if key:
        headers["Idempotency-Key"] = key
    return client.post(
        f"/api/v1/orders/{order.public_id}/{what}/",
        json.dumps({} if body is None else body),
        content_type="application/json",
        headers={name: text for name, text in headers.items() if text},
    )


def send(client: Client, address: str, body: Any, **headers: str) -> Any:
    return client.post(address, json.dumps(body), content_type="application/json", headers=headers)


def unit_body(vial: Vial, **changes: Any) -> dict[str, Any]:
    return {
        "vial": str(vial.public_id),
        "form": "vial",
        "product_code": CODE,
        "lot": vial.lot,
        "activity": "7.42 GBq",
        "measured_at": MEASURED_AT.isoformat(),
        "volume_ml": "22.5",
        "prepared_by": "P. Pharma",
        "verified_by": "Q. Control",
        **changes,
    }


def vial_body(course: Course, **changes: Any) -> dict[str, Any]:
    return {
        "course": str(course.public_id),
        "cycle": 2,
        "product": PRODUCT,
        "product_code": CODE,
        "lot": "L-2611",
        "calibrated_activity": "8.2 GBq",
        "calibrated_at": clinic_time(PLANNED - timedelta(days=1), 10).isoformat(),
        "volume_ml": "22.5",
        "expires_at": clinic_time(PLANNED + timedelta(days=2), 10).isoformat(),
        "received_at": MORNING.isoformat(),
        **changes,
    }


# --- The way through ------------------------------------------------------------------------------


def test_pharmacy_plays_its_day_by_the_api_alone(course: Course, pharmacy: Client) -> None:
    order = order_of(course)
    assert act(pharmacy, order, "accept").json()["state"] == "accepted"
    assert act(pharmacy, order, "prepare").json()["state"] == "prepared"
    vial = Vial.objects.get(public_id=send(pharmacy, "/api/v1/vials/", vial_body(course)).json()["id"])
    answer = act(pharmacy, order, "dispense", unit_body(vial, activity="8.2 GBq"))
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["state"], told["recall"]) == ("dispensed", None)
    (unit,) = told["units"]
    assert unit["activity"] == {"value": "8.2", "unit": "GBq"}
    assert unit["directive_revision"] == 1
    assert unit["label"] == DispensedUnit.objects.get().label
    assert told["warnings"] == [unit["warning"]]
    assert "10.81 % above" in unit["warning"]
    # 2 hours of decay by 159.528 hours: 8.2 × 2^(-2/159.528).
    assert told["predicted"]["activity"] == {"value": "8.129", "unit": "GBq"}
    assert told["predicted"]["at"].startswith("2026-03-09T")
    assert answer.headers["ETag"] == etag(pharmacy, order)
    listed = pharmacy.get("/api/v1/orders/", {"state": "dispensed"}).json()["results"]
    assert {key: told[key] for key in listed[0]} == listed[0]


def test_a_bag_and_a_tablet_are_dispensed_by_the_api(course: Course, pharmacy: Client) -> None:
    bag, tablet = prepared(course, "amino_acids"), prepared(course, "antiemetic")
    body = {
        "lot": "AA-77",
        "lysine_g": "25",
        "arginine_g": 25,
        "volume_ml": "1000",
        "expires_at": "2026-03-10T00:00:00+01:00",
        "prepared_by": "P. Pharma",
        "verified_by": "Q. Control",
    }
    told = act(pharmacy, bag, "dispense", body).json()
    assert told["units"][0]["composition"] == {"lysine_g": "25", "arginine_g": "25"}
    assert told["units"][0]["form"] == "bag"
    assert told["units"][0]["activity"] is None
    assert told["predicted"] is None
    assert AminoAcidBag.objects.count() == 1
    assert act(pharmacy, tablet, "dispense").json()["units"] == []


def test_a_person_hands_out_by_the_api_only_with_the_password(course: Course, person: Person) -> None:
    who = person("pharmacist")
    browser = Client()
    browser.force_login(who)
    order, body = prepared(course), unit_body(receive(course))
    unsaid = act(browser, order, "dispense", body)
    assert (unsaid.status_code, list(unsaid.json()["errors"])) == (400, ["password"])
    wrong = act(browser, order, "dispense", body | {"password": "not it"})
    assert wrong.status_code == 403
    assert not DispensedUnit.objects.exists()
    said = act(browser, order, "dispense", body | {"password": "a long pass phrase"})
    assert (said.status_code, said.json()["state"]) == (200, "dispensed")


def test_cancel_and_recall_have_their_doors(course: Course, pharmacy: Client) -> None:
    order = dispensed(course)
    draw(course.patient, PLANNED - timedelta(days=1), PLT="60")
    assess_course(course_id=course.pk, now=NOW)
    read = pharmacy.get(f"/api/v1/orders/{order.public_id}/").json()
    assert (read["recall"]["reason_code"], read["recall"]["outcome"]) == ("DM-PLT", None)
    refusal = act(pharmacy, order, "cancel", {"reason": "back"})
    assert (refusal.status_code, refusal.json()["code"]) == (409, "recall-open")
    told = act(pharmacy, order, "acknowledge-recall", {"outcome": "returned", "note": "in the safe"}).json()
    assert (told["state"], told["recall"]["outcome"]) == ("void", "returned")
    # What else belongs to the set is left out by a physician, who signs why.
    tablet = act(pharmacy, order_of(course, "antiemetic"), "cancel", {"reason": "not needed"})
    assert (tablet.status_code, tablet.json()["code"]) == (409, "left-out-by-physician")
    bag = order_of(course, "amino_acids")
    assert act(pharmacy, bag, "cancel", {"reason": "the bag leaks"}).json()["state"] == "cancelled"
    assert OrderEvent.objects.latest("pk").note == "the bag leaks"


def test_a_request_to_cancel_is_told_with_the_order_and_declined_by_pharmacys_token(
    course: Course, pharmacy: Client
) -> None:
    order = ask_to_cancel(order=order_of(course), by=colleague("sister", "nurse"), reason="Vomits.", now=NOW)
    read = pharmacy.get(f"/api/v1/orders/{order.public_id}/").json()
    assert (read["state"], read["reason_code"]) == ("active", "cancel-asked")
    assert act(pharmacy, order, "ask-cancel", {"reason": "no"}).status_code == 403
    assert act(pharmacy, order, "decline-cancel", {}).status_code == 400
    told = act(pharmacy, order, "decline-cancel", {"reason": "She is better."}).json()
    assert (told["state"], told["reason_code"]) == ("active", "")
    again = act(pharmacy, order_of(course), "decline-cancel", {"reason": "She is better."})
    assert (again.status_code, again.json()["code"]) == (409, "cancel-not-asked")


# --- If-Match -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["accept", "prepare", "dispense", "cancel", "acknowledge-recall"])
def test_without_the_version_that_was_read_nothing_is_done(
    course: Course, pharmacy: Client, what: str
) -> None:
    order, vial = order_of(course), receive(course)
    body = {
        "dispense": unit_body(vial),
        "cancel": {"reason": "why"},
        "acknowledge-recall": {"outcome": "secured"},
    }.get(what, {})
    missing = act(pharmacy, order, what, body, match="")
    assert (missing.status_code, missing.json()["code"]) == (428, "if-match-required")
    other = act(pharmacy, order, what, body, match='"other"')
    assert (other.status_code, other.json()["code"]) == (412, "stale")
    for answer in (missing, other):
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["ETag"] == etag(pharmacy, order)
    assert order_of(course).version == order.version


# --- Idempotency-Key ----------------------------------------------------------------------------------


@pytest.mark.hazard("HZ-47")
def test_the_same_request_with_the_same_key_is_done_once_and_answered_alike(
    course: Course, pharmacy: Client
) -> None:
    order, match = order_of(course), etag(pharmacy, order_of(course))
    first = act(pharmacy, order, "accept", match=match, key="k-1")
    again = act(pharmacy, order, "accept", match=match, key="k-1")
    assert (first.status_code, first.content, first.headers["ETag"]) == (
        again.status_code,
        again.content,
        again.headers["ETag"],
    )
    assert first.status_code == 200
    assert OrderEvent.objects.filter(order=order, to_state="accepted").count() == 1
    assert act(pharmacy, order, "accept", match=match).status_code == 412  # without the key it is stale


@pytest.mark.hazard("HZ-47")
def test_a_key_used_for_another_request_is_refused(course: Course, pharmacy: Client) -> None:
    order = order_of(course)
    assert act(pharmacy, order, "accept", key="k-1").status_code == 200
    for what, body in (("prepare", {}), ("cancel", {"reason": "x"})):
        answer = act(pharmacy, order, what, body, key="k-1")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")
    assert order_of(course).state == "accepted"


def test_a_refusal_is_answered_alike_too_and_what_could_not_be_judged_leaves_no_key(
    course: Course, pharmacy: Client
) -> None:
    order = order_of(course)
    match = etag(pharmacy, order)
    first = act(pharmacy, order, "prepare", match=match, key="k-1")
    again = act(pharmacy, order, "prepare", match=match, key="k-1")
    assert (first.status_code, first.json()["code"]) == (409, "wrong-state")
    assert again.content == first.content
    assert act(pharmacy, order, "accept", match='"other"', key="k-2").status_code == 412
    assert act(pharmacy, order, "accept", {"x": 1}, key="k-2").status_code == 400
    assert list(AnsweredRequest.objects.values_list("key", flat=True)) == ["k-1"]
    assert act(pharmacy, order, "accept", key="k-2").status_code == 200
    assert act(pharmacy, order, "accept", key="k" * 256).json()["code"] == "idempotency-key-unreadable"


# --- Problems -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"activity": 7400}, "activity"),
        ({"activity": "7400"}, "activity"),
        ({"measured_at": "2026-03-09T08:00:00"}, "measured_at"),
        ({"measured_at": 5}, "measured_at"),
        ({"volume_ml": "much"}, "volume_ml"),
        ({"form": "cup"}, "form"),
        ({"state": "dispensed"}, "state"),
        ({"measured_gbq": "7.4"}, "measured_gbq"),
        ({"verified_by": "P. Pharma"}, "verified_by"),
    ],
)
@pytest.mark.hazard("HZ-50")
def test_what_cannot_be_read_is_named_with_its_remedy(
    course: Course, pharmacy: Client, changes: dict[str, Any], field: str
) -> None:
    vial, order = receive(course), prepared(course)
    answer = act(pharmacy, order, "dispense", unit_body(vial, **changes))
    assert answer.status_code == 400, answer.content
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert set(answer.json()["errors"]) == {field}
    assert not DispensedUnit.objects.exists()
    assert order_of(course).state == "prepared"


@pytest.mark.hazard("HZ-51")
def test_a_wrong_product_is_a_conflict_with_its_code_and_field(course: Course, pharmacy: Client) -> None:
    vial, order = receive(course), prepared(course)
    answer = act(pharmacy, order, "dispense", unit_body(vial, product_code="0781-3001"))
    assert (answer.status_code, answer.json()["code"]) == (409, "product-code-wrong")
    (sentence,) = answer.json()["errors"]["product_code"]
    assert CODE in sentence


@pytest.mark.hazard("HZ-46")
def test_a_refusal_of_the_gate_is_kept_with_what_the_gate_found(course: Course, pharmacy: Client) -> None:
    order = order_of(course)
    match = etag(pharmacy, order)
    draw(course.patient, PLANNED - timedelta(days=1), PLT="60")
    for key in ("", "k-1"):
        answer = act(pharmacy, order, "accept", match=match if not key else etag(pharmacy, order), key=key)
        assert (answer.status_code, answer.json()["code"]) == (409, "not-a-go")
    assert order_of(course).state == "suspended"


@pytest.mark.parametrize("method", ["put", "patch", "delete", "post"])
def test_no_state_is_written_but_by_an_act(course: Course, pharmacy: Client, method: str) -> None:
    order = order_of(course)
    body = json.dumps({"state": "dispensed"})
    for address in (f"/api/v1/orders/{order.public_id}/", "/api/v1/orders/"):
        answer = getattr(pharmacy, method)(address, body, content_type="application/json")
        assert answer.status_code in (403, 405)
    assert order_of(course).version == order.version


def test_a_get_on_an_act_does_nothing(course: Course, pharmacy: Client) -> None:
    order = order_of(course)
    assert pharmacy.get(f"/api/v1/orders/{order.public_id}/accept/").status_code == 405


def test_who_handles_no_orders_acts_on_none(course: Course, person: Person) -> None:
    order = order_of(course)
    match = etag(_logged_in(person("auditor")), order)
    for role in ("nurse", "physician", "physicist", "administrator", "lab-feed"):
        client = _logged_in(person(role))
        assert act(client, order, "accept", match=match).status_code == 403
    assert act(Client(), order, "accept", match=match).status_code in (401, 403)
    assert order_of(course).state == "active"


def _logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_order_of_the_hourly_trial_does_not_exist_here(course: Course, pharmacy: Client) -> None:
    order = order_of(course)
    match = etag(pharmacy, order)
    course.patient.is_canary = True
    course.patient.save()
    assert act(pharmacy, order, "accept", match=match).status_code == 404


def test_too_many_changes_are_told_when_to_come_again(
    course: Course, pharmacy: Client, settings: Any
) -> None:
    settings.API_WRITE_RATE = "2/min"
    order = order_of(course)
    match = etag(pharmacy, order)
    answers = [act(pharmacy, order, "accept", match=match) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 412, 429]
    assert int(answers[2].headers["Retry-After"]) <= 60
    settings.API_READ_RATE = "1/min"
    caches["process"].clear()
    assert [pharmacy.get("/api/v1/orders/").status_code for _ in range(2)] == [200, 429]


# --- Vials and bookings -------------------------------------------------------------------------------


def test_a_vial_is_told_with_what_it_holds_at_the_planned_start(course: Course, pharmacy: Client) -> None:
    answer = send(pharmacy, "/api/v1/vials/", vial_body(course), **{"Idempotency-Key": "v-1"})
    assert answer.status_code == 201, answer.content
    again = send(pharmacy, "/api/v1/vials/", vial_body(course), **{"Idempotency-Key": "v-1"})
    assert again.content == answer.content
    assert Vial.objects.count() == 1
    # 24 hours before the start: 8.2 × 0.90097 (dossier, 7.2).
    assert answer.json()["predicted"]["activity"] == {"value": "7.388", "unit": "GBq"}
    assert answer.json()["predicted"]["fit"] == "fits"
    (listed,) = pharmacy.get("/api/v1/vials/", {"course": str(course.public_id)}).json()["results"]
    assert listed == answer.json()
    address = f"/api/v1/vials/{listed['id']}/"
    read = pharmacy.get(address)
    assert (read.json(), read.headers["ETag"]) == (listed, answer.headers["ETag"])
    said = {"fate": "spilled", "reason": "dropped"}
    assert send(pharmacy, f"{address}fate/", said).status_code == 428
    fate = send(pharmacy, f"{address}fate/", said, **{"If-Match": read.headers["ETag"]})
    assert fate.json()["fate"] == "spilled"
    again = send(pharmacy, f"{address}fate/", said, **{"If-Match": read.headers["ETag"]})
    assert (again.status_code, again.headers["ETag"]) == (412, fate.headers["ETag"])


def test_a_label_is_corrected_by_another_row_and_not_while_its_unit_is_out(
    course: Course, pharmacy: Client
) -> None:
    vial = receive(course)
    body = vial_body(course, lot="L-2612", reason="misread")
    del body["course"], body["cycle"]

    def correct(of: Vial) -> Any:
        address = f"/api/v1/vials/{of.public_id}/"
        tag = pharmacy.get(address).headers.get("ETag", '"none"')
        return send(pharmacy, f"{address}correct/", body, **{"If-Match": tag})

    told = correct(vial)
    assert (told.status_code, told.json()["lot"]) == (200, "L-2612")
    assert correct(vial).status_code == 404  # what was corrected counts no longer
    newest = Vial.objects.get(public_id=told.json()["id"])
    order = prepared(course)
    assert act(pharmacy, order, "dispense", unit_body(newest)).json()["state"] == "dispensed"
    assert correct(newest).json()["code"] == "vial-out"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"product": "lutetium Lu 177 vipivotide tetraxetan"}, 409, "product-wrong"),
        ({"product_code": "69488-010-61"}, 409, "product-code-wrong"),
        ({"expires_at": "2026-03-11T10:00:01+01:00"}, 409, "expiry-implausible"),
        ({"expires_at": "2026-03-08T10:00:00+01:00"}, 409, "expiry-implausible"),
        ({"calibrated_activity": "8200"}, 400, "activity-unreadable"),
        ({"received_at": "2026-03-09T23:00:00+01:00"}, 400, "received-in-future"),
    ],
)
@pytest.mark.hazard("HZ-51")
@pytest.mark.hazard("HZ-52")
def test_a_label_that_cannot_be_is_refused(
    course: Course, pharmacy: Client, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = send(pharmacy, "/api/v1/vials/", vial_body(course, **changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert set(answer.json()["errors"]) == set(changes)
    assert not Vial.objects.exists()


def test_a_booking_is_placed_confirmed_moved_and_closed_by_the_vial(course: Course, pharmacy: Client) -> None:
    body = {"course": str(course.public_id), "cycle": 2, "supplier": "the manufacturer"}
    placed = send(pharmacy, "/api/v1/bookings/", body)
    assert (placed.status_code, placed.json()["needed_on"]) == (201, "2026-03-09")
    address = f"/api/v1/bookings/{placed.json()['id']}/"
    twice = send(pharmacy, "/api/v1/bookings/", body)
    assert (twice.status_code, twice.json()["code"]) == (409, "booking-open")
    assert send(pharmacy, f"{address}confirm/", {}).status_code == 428
    tag = placed.headers["ETag"]
    confirmed = send(pharmacy, f"{address}confirm/", {"reference": "R-1"}, **{"If-Match": tag})
    assert confirmed.json()["state"] == "confirmed"
    assert (
        send(pharmacy, f"{address}move/", {"needed_on": "2026-03-10"}, **{"If-Match": tag}).status_code == 412
    )
    moved = send(
        pharmacy, f"{address}move/", {"needed_on": "2026-03-10"}, **{"If-Match": confirmed.headers["ETag"]}
    )
    assert (moved.json()["state"], moved.json()["needed_on"]) == ("placed", "2026-03-10")
    assert pharmacy.get(address).json() == moved.json()
    assert order_of(course).state == "active"  # nothing here is a clinical order
    receive(course)
    assert VialBooking.objects.get().state == "received"
    (listed,) = pharmacy.get("/api/v1/bookings/", {"state": "received"}).json()["results"]
    answer = send(
        pharmacy,
        f"{address}cancel/",
        {"reason": "not needed"},
        **{"If-Match": pharmacy.get(address).headers["ETag"]},
    )
    assert (listed["version"], answer.json()["code"]) == (4, "booking-closed")


def test_a_list_of_fifty_orders_costs_as_many_queries_as_one(
    course: Course, pharmacy: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    dispensed(course)
    dispensed(signed_course(mrn="T-2"))
    dispensed(signed_course(mrn="T-3"))
    # Four to know the token and its rights; the page, and what hangs on its orders.
    with django_assert_max_num_queries(6):
        answer = pharmacy.get("/api/v1/orders/", {"state": "dispensed"})
    assert len(answer.json()["results"]) == 3
    assert cycle_of(course).number == 2


def test_the_schema_shows_each_act_with_its_problems_and_examples(client: Client) -> None:
    text = client.get("/api/v1/schema/").content.decode()
    for act_name in ("accept", "prepare", "dispense", "cancel", "acknowledge-recall"):
        assert f"/api/v1/orders/{{public_id}}/{act_name}/:" in text
    for words in ("If-Match", "Idempotency-Key", "not-a-go", "7.42 GBq", "application/problem+json"):
        assert words in text
