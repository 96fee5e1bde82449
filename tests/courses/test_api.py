"""Pharmacy's door: orders with their reason codes, schedules and decisions, and what each token may read."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from courses import order_pages
from courses.models import Course, Order
from courses.services.assess import assess_course
from tests.builders import clinic_time, draw, give_cycle, make_course, make_patient, sign

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


@pytest.fixture
def course(person: Person) -> Course:
    """Cycle 1 given; cycle 2 signed and active, then delayed by low platelets: its orders are suspended."""
    physician = person("physician", "authorised-user")
    course = make_course(make_patient(), first_on=date(2026, 1, 12), by=physician)
    give_cycle(course.cycles.get(number=1), by=physician)
    draw(course.patient, date(2026, 3, 3))
    at = clinic_time(date(2026, 3, 4))
    decision = assess_course(course_id=course.pk, now=at)
    assert decision is not None
    sign(decision, by=physician, now=at)
    draw(course.patient, date(2026, 3, 5), PLT="60")
    assess_course(course_id=course.pk, now=clinic_time(date(2026, 3, 5), 12))
    return course


@pytest.fixture
def pharmacy(capsys: pytest.CaptureFixture[str]) -> Client:
    """The pharmacy system with its token."""
    call_command("token", role="pharmacy", name="test")
    token = capsys.readouterr().out.split()[-1]
    return Client(headers={"Authorization": f"Bearer {token}"})


def test_pharmacy_sees_the_suspended_order_and_the_reason_code(course: Course, pharmacy: Client) -> None:
    answer = pharmacy.get("/api/v1/orders", {"state": "suspended"}).json()
    assert answer["next"] is None
    order = next(each for each in answer["results"] if each["kind"] == "radiopharmaceutical")
    assert order["reason_code"] == "DM-PLT"
    assert order["activity"] == {"value": "7.4", "unit": "GBq"}
    assert order["patient"] == {"mrn": "T-1", "family": "Ahorn", "given": "Testa", "birth_date": "1961-03-02"}
    assert (order["cycle"], order["planned_on"]) == (2, "2026-03-09")
    assert order["course"] == str(course.public_id)
    assert order["directive"]["revision"] == 1
    assert order["directive"]["signed_by"] == "physician-authorised-user"
    assert set(order) == {
        "id", "version", "kind", "state", "reason_code", "course", "cycle", "patient", "product",
        "activity", "planned_on", "directive", "items", "units", "recall", "predicted", "updated_at",
    }  # fmt: skip


def test_the_address_works_with_and_without_a_trailing_slash(course: Course, pharmacy: Client) -> None:
    assert pharmacy.get("/api/v1/orders").json() == pharmacy.get("/api/v1/orders/").json()


def test_one_order_carries_an_etag_that_changes_with_its_version(course: Course, pharmacy: Client) -> None:
    order = Order.objects.get(kind="radiopharmaceutical", state="suspended")
    before = pharmacy.get(f"/api/v1/orders/{order.public_id}/")
    assert before.json()["version"] == order.version
    order.version += 1
    order.save(update_fields=["version"])
    after = pharmacy.get(f"/api/v1/orders/{order.public_id}/")
    assert before.headers["ETag"] != after.headers["ETag"]


def test_filters_by_day_and_by_change_time(course: Course, pharmacy: Client) -> None:
    day = pharmacy.get("/api/v1/orders", {"day": "2026-03-09"}).json()["results"]
    assert {each["cycle"] for each in day} == {2}
    newest = Order.objects.latest("updated_at").updated_at
    since = pharmacy.get("/api/v1/orders", {"updated_since": newest.isoformat()}).json()["results"]
    assert since
    later = newest + timedelta(minutes=1, seconds=1)
    assert pharmacy.get("/api/v1/orders", {"updated_since": later.isoformat()}).json()["results"] == []


def test_a_change_dated_just_before_the_last_poll_is_seen_again(course: Course, pharmacy: Client) -> None:
    polled = Order.objects.latest("updated_at").updated_at + timedelta(seconds=30)
    assert pharmacy.get("/api/v1/orders", {"updated_since": polled.isoformat()}).json()["results"]


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00Z"])
def test_an_instant_before_all_time_is_the_beginning(course: Course, pharmacy: Client, since: str) -> None:
    answer = pharmacy.get("/api/v1/orders", {"updated_since": since})
    assert len(answer.json()["results"]) == Order.objects.count()


def test_an_auditor_reads_orders_without_names(course: Course, person: Person) -> None:
    client = Client()
    client.force_login(person("auditor"))
    order = Order.objects.latest("pk")
    for address in (
        "/api/v1/orders",
        f"/api/v1/orders/{order.public_id}/",
        f"/api/v1/courses/{course.public_id}/schedule/",
    ):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "Ahorn" not in answer.content.decode()
        assert "T-1" not in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "suspendd"}, "state"),
        ({"day": "09.03.2026"}, "day"),
        ({"day": "2026-02-30"}, "day"),
        ({"updated_since": "2026-03-09T08:00:00"}, "updated_since"),
        ({"updated_since": "yesterday"}, "updated_since"),
        ({"stat": "active"}, "stat"),
    ],
)
def test_a_filter_nobody_can_read_is_named(
    course: Course, pharmacy: Client, query: dict[str, str], field: str
) -> None:
    answer = pharmacy.get("/api/v1/orders", query)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert field in answer.content.decode()


@pytest.mark.parametrize(
    "cursor", ["!!", "", "zzz", "cD1ub25zZW5zZQ==", "cD0yMDI2LTEzLTQ1", "cD0wMDAxLTAxLTAx", "bz0w", "AAAA"]
)
def test_a_damaged_cursor_is_an_error_and_not_the_first_page(
    course: Course, pharmacy: Client, cursor: str
) -> None:
    answer = pharmacy.get("/api/v1/orders", {"cursor": cursor})
    assert answer.status_code in (400, 404), answer.content
    assert "ursor" in answer.content.decode()


def test_following_next_visits_every_order_once(
    course: Course, pharmacy: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_pages, "PAGE", 2)
    newest = Order.objects.latest("updated_at").updated_at
    for changed_at in (None, newest):  # what changed in one instant, as in one transaction, is told once too
        if changed_at:
            Order.objects.update(updated_at=changed_at)
        address, seen = "/api/v1/orders?state=done,suspended,active,cancelled,void,proposed", []
        while address:
            page = pharmacy.get(address).json()
            seen += [order["id"] for order in page["results"]]
            address = page["next"]
        expected = Order.objects.order_by("updated_at", "id").values_list("public_id", flat=True)
        assert seen == [str(each) for each in expected]


@pytest.mark.parametrize("token", ["", "Bearer nonsense", "Bearer ", "Basic eDp5"])
def test_without_a_good_token_nothing_is_told(course: Course, token: str) -> None:
    answer = Client(headers={"Authorization": token} if token else {}).get("/api/v1/orders")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert "Ahorn" not in answer.content.decode()


def test_the_pharmacy_token_reads_no_laboratory_values(course: Course, pharmacy: Client) -> None:
    decision = course.decisions.first()
    assert decision is not None
    assert pharmacy.get(f"/api/v1/decisions/{decision.public_id}/").status_code == 403
    assert pharmacy.get(f"/api/v1/courses/{course.public_id}/decision/").status_code == 403


def test_the_lab_feed_token_reads_no_orders(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("token", role="lab-feed", name="test")
    token = capsys.readouterr().out.split()[-1]
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/orders")
    assert answer.status_code == 403


def test_a_nurse_reads_the_decision_with_its_reasons(course: Course, person: Person) -> None:
    client = Client()
    client.force_login(person("nurse"))
    answer = client.get(f"/api/v1/courses/{course.public_id}/decision/").json()
    assert (answer["action"], answer["current"]) == ("delay", True)
    reason = next(each for each in answer["answer"]["reasons"] if each["rule"] == "DM-PLT")
    assert reason["sentence"]
    assert reason["source"]
    first = course.decisions.last()
    assert first is not None
    older = client.get(f"/api/v1/decisions/{first.public_id}/").json()
    assert (older["current"], older["activity"]) == (False, {"value": "7.4", "unit": "GBq"})


def test_the_schedule_shows_what_was_given_and_what_is_planned(course: Course, person: Person) -> None:
    client = Client()
    client.force_login(person("nurse"))
    answer = client.get(f"/api/v1/courses/{course.public_id}/schedule/").json()
    assert [cycle["number"] for cycle in answer["cycles"]] == [1, 2, 3, 4]
    assert answer["cycles"][0]["administered"] == {"value": "7.4", "unit": "GBq"}
    assert answer["cycles"][1]["administered"] is None


def test_pharmacy_reads_when_cycles_are_and_not_what_was_given(course: Course, pharmacy: Client) -> None:
    answer = pharmacy.get(f"/api/v1/courses/{course.public_id}/schedule/").json()
    assert answer["cycles"][0]["administered_on"]
    assert all(cycle["administered"] is None for cycle in answer["cycles"])


def test_an_unknown_order_is_a_problem_in_json(pharmacy: Client) -> None:
    answer = pharmacy.get("/api/v1/orders/00000000-0000-4000-8000-000000000000/")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_the_list_costs_the_same_queries_for_one_order_and_for_many(
    course: Course, pharmacy: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    # Four to know the token and its rights, one for the page, one for what hangs on its orders.
    with django_assert_max_num_queries(6):  # type: ignore[attr-defined]
        pharmacy.get("/api/v1/orders")


def test_changing_methods_are_not_offered(course: Course, pharmacy: Client) -> None:
    order = Order.objects.latest("pk")
    for method in (pharmacy.post, pharmacy.put, pharmacy.patch, pharmacy.delete):
        assert method(f"/api/v1/orders/{order.public_id}/").status_code in (403, 405)


def test_the_schema_names_every_door_of_this_app(client: Client) -> None:
    text = client.get("/api/v1/schema/").content.decode()
    for path in ("/api/v1/orders", "/api/v1/courses/{public_id}/schedule/", "/api/v1/decisions/{public_id}/"):
        assert path in text
