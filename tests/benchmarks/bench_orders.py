"""What the list of orders costs beside plain nested serializers of the same page, and deep in 100,000 orders.

Both are asked through the whole stack in turns, in one run; read the ratios. PostgreSQL.
"""

import json
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rich.console import Console
from rich.table import Table

from courses.api_actions import ApiRate
from courses.models import (
    AminoAcidBag,
    Course,
    Cycle,
    Directive,
    DispensedUnit,
    Order,
    Recall,
    Signature,
    Vial,
)
from courses.order_pages import PAGE, Place
from courses.services.pharmacy import BagMade, dispense_order
from labs.models import Patient
from tests.benchmarks.floors import Floor, hold
from tests.builders import clinic_time
from tests.builders_pharmacy import (
    NOW,
    PLANNED,
    cycle_of,
    dispensed,
    pharmacist,
    prepared,
    signed_course,
    stand_at,
)

pytestmark = pytest.mark.postgres
ORDERS = 100_000
ROUNDS = 60
OURS, PLAIN, LOADED = "/api/v1/orders/", "/plain/", "/loaded/"


# --- The plain version: a serializer for each model, nested ----------------------------------------


class PlainPatient(serializers.ModelSerializer[Patient]):
    class Meta:
        model = Patient
        fields = ["mrn", "family", "given", "birth_date"]


class PlainCourse(serializers.ModelSerializer[Course]):
    patient = PlainPatient()

    class Meta:
        model = Course
        fields = ["public_id", "patient"]


class PlainCycle(serializers.ModelSerializer[Cycle]):
    course = PlainCourse()

    class Meta:
        model = Cycle
        fields = ["number", "planned_on", "course"]


class PlainSignature(serializers.ModelSerializer[Signature]):
    class Meta:
        model = Signature
        fields = ["printed_name", "signed_at"]


class PlainDirective(serializers.ModelSerializer[Directive]):
    signature = PlainSignature()
    void = serializers.SerializerMethodField()

    class Meta:
        model = Directive
        fields = ["public_id", "revision", "product", "activity_gbq", "signature", "void"]

    def get_void(self, directive: Directive) -> bool:
        return hasattr(directive, "voided")


class PlainRevision(serializers.ModelSerializer[Directive]):
    class Meta:
        model = Directive
        fields = ["revision"]


class PlainUnit(serializers.ModelSerializer[DispensedUnit]):
    directive = PlainRevision()

    class Meta:
        model = DispensedUnit
        fields = [
            "public_id", "label", "form", "product", "product_code", "lot", "measured_gbq", "measured_at",
            "volume_ml", "expires_at", "directive", "warning", "prepared_name", "verified_name",
            "dispensed_at",
        ]  # fmt: skip


class PlainBag(serializers.ModelSerializer[AminoAcidBag]):
    class Meta:
        model = AminoAcidBag
        fields = [
            "public_id", "label", "lot", "volume_ml", "lysine_g", "arginine_g", "expires_at", "prepared_name",
            "verified_name", "dispensed_at",
        ]  # fmt: skip


class PlainRecall(serializers.ModelSerializer[Recall]):
    outcome = serializers.CharField(source="answer.outcome", default=None)
    answered_at = serializers.DateTimeField(source="answer.answered_at", default=None)

    class Meta:
        model = Recall
        fields = ["public_id", "reason_code", "opened_at", "outcome", "answered_at"]


class PlainOrder(serializers.ModelSerializer[Order]):
    cycle = PlainCycle()
    directive = PlainDirective()
    units = PlainUnit(many=True)
    bags = PlainBag(many=True)
    recalls = PlainRecall(many=True)

    class Meta:
        model = Order
        fields = [
            "public_id", "version", "kind", "state", "reason_code", "cycle", "directive", "items", "units",
            "bags", "recalls", "updated_at",
        ]  # fmt: skip


class PlainPages(CursorPagination):
    page_size = PAGE
    ordering = ("updated_at", "id")


class PlainList(ListAPIView[Order]):
    """As one writes it first."""

    throttle_classes = [ApiRate]
    queryset = Order.objects.filter(cycle__course__patient__is_canary=False)
    serializer_class = PlainOrder
    pagination_class = PlainPages


class LoadedList(PlainList):
    """The same, with everything it asks for read ahead."""

    queryset = PlainList.queryset.select_related(
        "cycle__course__patient", "directive__signature", "directive__voided"
    ).prefetch_related("units__directive", "bags", "recalls__answer")


urlpatterns = [
    path("plain/", PlainList.as_view()),
    path("loaded/", LoadedList.as_view()),
    path("", include("prrt_clinic.urls")),
]


# --- A clinic of many orders -----------------------------------------------------------------------


def one_cycle() -> Cycle:
    """A cycle with its orders, its unit and its bag handed out."""
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
    return cycle_of(course)


class Copies:
    """Copies of rows by number: what a copy points at is the copy of the same number."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.first: dict[tuple[str, int], int] = {}

    def of(self, row: models.Model, **changed: str) -> None:
        """So many copies of a row, below each other; `changed`: SQL by column, with `g` for the number."""
        meta, pk = row._meta, row.pk
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT max(id) FROM {meta.db_table}")
            first = self.first[meta.db_table, pk] = cursor.fetchone()[0]
            made = {}
            for field in meta.concrete_fields:
                made[str(field.column)] = f'r."{field.column}"'
                target = field.related_model
                if isinstance(target, type) and issubclass(target, models.Model):
                    copied = self.first.get((target._meta.db_table, getattr(row, field.attname)))
                    if copied is not None:
                        made[str(field.column)] = f"{copied} + g"
            made |= {"id": f"{first} + g"} | changed
            if "public_id" in made:
                made["public_id"] = "gen_random_uuid()"
            names = ", ".join(f'"{name}"' for name in made)
            cursor.execute(
                f"INSERT INTO {meta.db_table} ({names}) SELECT {', '.join(made.values())}"
                f" FROM {meta.db_table} r, generate_series(1, %s) g WHERE r.id = %s",
                [self.times, pk],
            )


def multiply(cycle: Cycle, *, orders: int) -> None:
    """This cycle with all that hangs on it, again and again, each for a patient of its own."""
    kept = list(Order.objects.filter(cycle=cycle))
    copies = Copies(orders // len(kept))
    copies.of(cycle.course.patient, mrn="r.mrn || '-' || g")
    copies.of(cycle.course, current_decision_id="NULL")
    copies.of(cycle)
    directive = kept[0].directive
    assert directive is not None
    copies.of(directive.decision)
    copies.of(directive.signature)
    copies.of(directive)
    for vial in Vial.objects.filter(cycle=cycle):
        copies.of(vial)
    for order in kept:
        copies.of(order, updated_at="r.updated_at + g * interval '1 minute'")
    for handed in (*DispensedUnit.objects.all(), *AminoAcidBag.objects.all()):
        copies.of(handed, label="r.label || '-' || g")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


# --- Measuring -------------------------------------------------------------------------------------


def percentile(times: list[float], share: float) -> float:
    """The time that this share of them does not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def timed(works: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Milliseconds of each, in turns; the first turn warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 3):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if turn >= 3:
                times[name].append((time.perf_counter() - began) * 1000)
    return times


@pytest.fixture
def pharmacist_asks(
    real_commits: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Callable[..., dict[str, Any]]:
    """A clinic of 100,000 orders, and a pharmacist who reads addresses of it."""
    stand_at(monkeypatch, NOW)
    settings.ROOT_URLCONF = "tests.benchmarks.bench_orders"
    settings.API_READ_RATE = "999999/min"
    multiply(one_cycle(), orders=ORDERS)
    caches["process"].clear()
    client = Client()
    client.force_login(User.objects.get(username="dispensing-pharmacist"))

    def asks(address: str, **query: str) -> dict[str, Any]:
        answer = client.get(address, query)
        assert answer.status_code == 200, answer.content
        read: dict[str, Any] = json.loads(answer.content)
        return read

    return asks


def queries_of(asks: Callable[..., dict[str, Any]], address: str) -> int:
    """How many queries the list itself takes, beside knowing who asks."""
    with CaptureQueriesContext(connection) as captured:
        asks(address)
    return sum("courses_" in each["sql"] for each in captured.captured_queries)


def test_fifty_orders_beside_plain_nested_serializers(pharmacist_asks: Callable[..., dict[str, Any]]) -> None:
    asks = pharmacist_asks
    ours, plain = asks(OURS)["results"], asks(PLAIN)["results"]
    assert [each["id"] for each in ours] == [each["public_id"] for each in plain]
    assert len(ours) == PAGE
    counts = {address: queries_of(asks, address) for address in (OURS, PLAIN, LOADED)}
    times = timed({address: lambda address=address: asks(address) for address in counts})  # type: ignore[misc]
    table = Table(title=f"A page of {PAGE} among {ORDERS:,} orders, milliseconds")
    for heading in ("list", "queries", "median", "p95", "times ours"):
        table.add_column(heading, justify="right")
    median = {address: statistics.median(each) for address, each in times.items()}
    tail = {address: percentile(each, 0.95) for address, each in times.items()}
    for address, count in counts.items():
        figures = (median[address], tail[address], median[address] / median[OURS])
        table.add_row(address, str(count), *(f"{figure:.1f}" for figure in figures))
    Console(width=100).print(table)
    hold(
        Floor("the plain list, times ours", median[PLAIN] / median[OURS], at_least=4),
        Floor("p95 of ours beside the plain list's", tail[OURS] / tail[PLAIN], at_most=0.35),
        Floor("queries of the list itself", counts[OURS], at_most=4),
    )


def test_a_deep_page_costs_as_the_first(pharmacist_asks: Callable[..., dict[str, Any]]) -> None:
    asks = pharmacist_asks
    assert Order.objects.count() >= ORDERS - 5
    listed = Order.objects.order_by("updated_at", "id").values_list("updated_at", "id")
    depths = (0, ORDERS // 2, ORDERS - 2 * PAGE - 10)
    cursors = {depth: Place(*listed[depth]).cursor for depth in depths}
    times = timed({str(depth): lambda depth=depth: asks(OURS, cursor=cursors[depth]) for depth in depths})  # type: ignore[misc]
    medians = {depth: statistics.median(each) for depth, each in times.items()}
    print("Pages behind order " + ", ".join(f"{depth}: {ms:.1f} ms" for depth, ms in medians.items()))
    for depth in depths:
        with CaptureQueriesContext(connection) as captured:
            assert len(asks(OURS, cursor=cursors[depth])["results"]) == PAGE
        sql = next(each["sql"] for each in captured.captured_queries if 'FROM "courses_order"' in each["sql"])
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "order_feed" in plan, plan
        assert "Seq Scan on courses_order" not in plan, plan
        assert "OFFSET" not in sql, sql
        if depth == depths[-1]:
            print(plan)
    first, *deep = medians.values()
    hold(*(Floor("a deep page, times the first", each / first, at_most=1.5) for each in deep))
