"""The list of orders is told from plain rows: each row is what the serializer says of the same order."""

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.test.utils import CaptureQueriesContext

from courses import order_pages
from courses.handouts import handouts_of
from courses.models import Course, Order
from courses.order_pages import Place
from courses.order_rows import read_rows, told_rows
from courses.rules.order_states import OrderKind, OrderState
from courses.serializers import OrderShape
from courses.services.assess import assess_course
from courses.services.pharmacy import BagMade, dispense_order
from courses.services.recalls import acknowledge_recall
from tests.builders import clinic_time, draw
from tests.builders_pharmacy import (
    NOW,
    PLANNED,
    dispensed,
    order_of,
    pharmacist,
    prepared,
    signed_course,
    stand_at,
)

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> Course:
    """Cycle 2 signed for 9 March; its radioactive order and its amino acids are handed out."""
    stand_at(monkeypatch, NOW)
    course = signed_course()
    dispensed(course)
    bag = BagMade(
        lot="AA-77",
        lysine_g=Decimal(25),
        arginine_g=Decimal(25),
        volume_ml=Decimal(1000),
        expires_at=clinic_time(PLANNED + timedelta(days=1)),
        prepared_name="P. Pharma",
        verified_name="Q. Control",
    )
    dispense_order(order=prepared(course, "amino_acids"), by=pharmacist(), made=bag, now=NOW)
    return course


def called_back(course: Course) -> Order:
    """A late result delays the cycle: the unit that is out is called back."""
    draw(course.patient, date(2026, 3, 8), PLT="60")
    assess_course(course_id=course.pk, now=NOW)
    return order_of(course)


def by_serializer(*, names: bool) -> list[Any]:
    """Every order as `OrderShape` tells it."""
    orders = list(Order.objects.order_by("updated_at", "id"))
    context = {"names": names, "handouts": handouts_of(orders)}
    return [dict(each) for each in OrderShape(orders, many=True, context=context).data]


def by_rows(*, names: bool) -> list[Any]:
    """Every order as the list tells it."""
    return told_rows(read_rows(Order.objects.order_by("updated_at", "id")), names=names)


def test_a_row_is_the_shape_of_its_order_for_every_kind_and_state(course: Course):
    Order.objects.filter(cycle__number=1, kind="antiemetic").update(kind="steroid_cover")
    Order.objects.filter(cycle__number=1, kind="rescue").update(kind="pregnancy_test")
    tried = Order.objects.filter(Q(cycle__number=2) | Q(kind__in=["steroid_cover", "pregnancy_test"]))
    assert {each.kind for each in tried} == {kind.value for kind in OrderKind}
    for state in OrderState:
        tried.update(state=state.value, reason_code="DM-PLT")
        for names in (True, False):
            assert by_rows(names=names) == by_serializer(names=names), state


def test_a_row_tells_units_bags_recalls_and_a_void_directive_as_the_shape_does(course: Course):
    told = {each["kind"]: each for each in by_rows(names=True) if each["cycle"] == 2}
    assert told["radiopharmaceutical"]["units"][0]["activity"] == {"value": "7.42", "unit": "GBq"}
    assert told["radiopharmaceutical"]["predicted"]["activity"]["unit"] == "GBq"
    assert told["amino_acids"]["units"][0]["composition"] == {"lysine_g": "25", "arginine_g": "25"}
    assert by_rows(names=True) == by_serializer(names=True)
    order = called_back(course)
    recalled = next(each for each in by_rows(names=True) if each["id"] == str(order.public_id))
    assert (recalled["recall"]["outcome"], recalled["directive"]["void"]) == (None, True)
    assert by_rows(names=True) == by_serializer(names=True)
    acknowledge_recall(order=order, outcome="secured", by=pharmacist(), note="in the safe", now=LATER)
    recalled = next(each for each in by_rows(names=True) if each["id"] == str(order.public_id))
    assert recalled["recall"]["outcome"] == "secured"
    assert by_rows(names=True) == by_serializer(names=True)


def test_a_row_writes_instants_as_serializers_do_on_every_clock(course: Course, settings: Any):
    for zone in ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"):
        settings.TIME_ZONE = zone
        assert by_rows(names=True) == by_serializer(names=True), zone


def test_a_row_without_a_directive_or_an_order_before_its_directive_is_told_so(course: Course):
    Order.objects.filter(cycle__number=2).update(state="suspended", reason_code="x", directive=None)
    told = [each for each in by_rows(names=True) if each["cycle"] == 2]
    assert {each["directive"] for each in told} == {each["product"] for each in told} == {None}
    assert by_rows(names=True) == by_serializer(names=True)


def test_the_list_and_a_single_read_say_the_same(course: Course, person: Person):
    client = Client()
    for who in ("pharmacist", "auditor"):
        client.force_login(person(who))
        for row in client.get("/api/v1/orders/").json()["results"]:
            assert client.get(f"/api/v1/orders/{row['id']}/").json() == row


def test_the_list_itself_takes_two_queries(course: Course, person: Person):
    client = Client()
    client.force_login(person("pharmacist"))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get("/api/v1/orders/")
    assert len([each for each in asked.captured_queries if 'FROM "courses_order"' in each["sql"]]) == 2


def test_a_page_begins_behind_its_place_by_row_values_and_passes_nothing_by_its_number(course: Course):
    class Asked:
        query_params = {"cursor": Place(NOW, 3).cursor}

    sql = str(order_pages.page_after(Order.objects.all(), Asked()).query)  # type: ignore[arg-type]
    assert "OFFSET" not in sql
    assert sql.endswith(f"LIMIT {order_pages.PAGE + 1}")


@pytest.mark.parametrize(
    "written",
    ["2026-03-09T10:00:00+00:00", "2026-03-09T10:00:00+00:00 0", "2026-03-09T10:00:00+00:00 x",
     "2026-03-09T10:00:00 5", "0001-01-01T00:00:00+00:00 5", f"2026-03-09T10:00:00+00:00 {2**63}",
     "2026-03-09T11:00:00+01:00 5", "9999-12-31T23:59:59-12:00 5"],
)  # fmt: skip
def test_a_cursor_that_was_not_made_here_is_refused(course: Course, person: Person, written: str):
    client = Client()
    client.force_login(person("pharmacist"))
    cursor = base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")
    answer = client.get("/api/v1/orders/", {"cursor": cursor})
    assert answer.status_code == 400
    assert "cursor" in answer.json()["errors"]


def test_a_place_comes_back_from_its_cursor():
    place = Place(datetime(2026, 3, 9, 10, 0, 0, 123456, tzinfo=UTC), 7)
    assert Place.read(place.cursor) == place
