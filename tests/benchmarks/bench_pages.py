"""What the pages of the navigation cost beside a bare admin list, at 100,000 rows and at ten times as many.

Every page is asked through the whole stack, in turns with the bare list of the same run; read the ratios.
A list owes the bare list's time whatever lies behind it; what people work through (first page, calendar,
follow-up, pharmacy) is as long as their work, so of it the figures are printed and only queries are held.
PRRT_BENCH_ROWS sets the smaller number, for a look at a smaller clinic.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from rich.console import Console
from rich.table import Table
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from courses.models import Course, Order
from courses.services.assess import assess_course
from labs.models import Patient, Result
from prrt_clinic.navigation import sidebar
from tests.benchmarks.bench_orders import Copies, percentile, timed
from tests.benchmarks.floors import Floor, hold
from tests.builders import colleague
from tests.builders_alerts import make_alert
from tests.builders_pharmacy import NOW, signed_course, stand_at

pytestmark = pytest.mark.postgres
ROWS = int(os.environ.get("PRRT_BENCH_ROWS", "100000"))
TIMES_AS_MANY = 10
# Courses that are still treated, however many were before: as many as a large clinic has.
OPEN = 150
ROUNDS = 60
ROUNDS_OF_WORK = 3  # of the pages of which only queries are held
BARE = "/bare/labs/patient/"
FIRST = "/admin/"
ROLES = (
    ("physician", "authorised-user", "rota-lead"), ("nurse",), ("pharmacist",), ("physicist",), ("auditor",),
    ("administrator",),
)  # fmt: skip


class BarePatients(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """A list as short as one can be: plain columns, fifty rows, no count of all."""

    list_display = ("mrn", "family", "given", "birth_date", "sex", "registered_at")
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-pk",)


bare = UnfoldAdminSite(name="bare")
bare.register(Patient, BarePatients)
urlpatterns = [path("bare/", bare.urls), path("", include("prrt_clinic.urls"))]


def whole_course() -> Course:
    """A course with one cycle given, the next one signed, results and an alert."""
    course = signed_course()
    assess_course(course_id=course.pk, now=NOW)
    make_alert(now=NOW)
    return course


def multiply(course: Course, *, by: int, open_ones: int) -> None:
    """The course with all that a list shows of it, again and again, each for a patient of its own.

    So many of them are still treated; the others were completed, one a day, back through the years.
    """
    still = f"g <= {open_ones}"
    planned = f"CASE WHEN {still} THEN r.planned_on + mod(g, 60) ELSE r.planned_on - 100 - mod(g, 3650) END"
    copies = Copies(by)
    copies.of(course.patient, mrn="gen_random_uuid()::text")
    copies.of(
        course, current_decision_id="NULL", status=f"CASE WHEN {still} THEN r.status ELSE 'completed' END"
    )
    for cycle in course.cycles.order_by("number"):
        copies.of(cycle, planned_on=planned)
    decisions = list(course.decisions.order_by("pk"))
    for decision in decisions:
        copies.of(decision)
    order = Order.objects.filter(cycle__course=course, cycle__number=2, kind="radiopharmaceutical").latest(
        "pk"
    )
    assert order.directive is not None
    copies.of(order.directive.signature)
    copies.of(order.directive)
    copies.of(order)
    result = Result.objects.filter(patient=course.patient).latest("pk")
    copies.of(result, current_id="NULL")
    with connection.cursor() as cursor:
        standing = course.current_decision
        assert standing is not None
        first_course = copies.first["courses_course", course.pk]
        first_decision = copies.first["courses_decision", standing.pk]
        cursor.execute(
            "UPDATE courses_course SET current_decision_id = id - %s + %s WHERE id > %s",
            [first_course, first_decision, first_course],
        )
        cursor.execute("ANALYZE")


def pages(people: dict[str, User]) -> dict[str, str]:
    """Every address of the navigation and who asks for it; the first page is another one for each role."""
    found: dict[str, str] = {}
    for role, person in people.items():
        found[f"{FIRST}#{role}"] = role
        request = RequestFactory().get("/admin/")
        request.user = person
        for group in sidebar(request):
            for item in group["items"]:
                found.setdefault(str(item["link"]), role)
    found.pop(FIRST, None)
    return found


def is_list(address: str) -> bool:
    """Whether a page is a list of records, which owes the bare list's time."""
    return address == BARE or (address.startswith(FIRST) and not address.startswith(f"{FIRST}#"))


def measured(clients: dict[str, Client], wanted: dict[str, str]) -> dict[str, tuple[float, int]]:
    """The 95th percentile of each list in milliseconds, of other pages the longest; and the queries."""

    def ask(address: str) -> None:
        answer = clients[wanted[address]].get(address)
        assert answer.status_code == 200, (address, answer.status_code)

    asked: dict[str, Callable[[], object]] = {address: partial(ask, address) for address in wanted}
    lists = {address: each for address, each in asked.items() if is_list(address)}
    work = {address: each for address, each in asked.items() if not is_list(address)}
    times = timed(lists, ROUNDS) | timed(work, ROUNDS_OF_WORK)
    counts = {}
    for address in wanted:
        ask(address)  # a session that was not used for a while writes down that it is
        with CaptureQueriesContext(connection) as captured:
            ask(address)
        counts[address] = len(captured)
    return {address: (percentile(times[address], 0.95), counts[address]) for address in wanted}


def test_pages_of_the_navigation_beside_a_bare_list(
    real_commits: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    stand_at(monkeypatch, NOW)
    settings.ROOT_URLCONF = "tests.benchmarks.bench_pages"
    people = {roles[0]: colleague(f"bench-{roles[0]}", *roles) for roles in ROLES}
    clients = {}
    for role, person in people.items():
        User.objects.filter(pk=person.pk).update(is_staff=True)
        clients[role] = Client()
        clients[role].force_login(person)
    course = whole_course()
    wanted = {BARE: "physician"} | pages(people)
    console = Console(width=110)
    multiply(course, by=ROWS, open_ones=OPEN)
    caches["process"].clear()
    small = measured(clients, wanted)
    multiply(course, by=ROWS * (TIMES_AS_MANY - 1), open_ones=0)
    caches["process"].clear()
    large = measured(clients, wanted)
    table = Table(
        title=f"Pages at {ROWS:,} and {ROWS * TIMES_AS_MANY:,} patients, 95th of {ROUNDS}, milliseconds"
    )
    for heading in ("page", "queries", "small", "times bare", "large", "large/small"):
        table.add_column(heading, justify="right")
    for address, (tail, queries) in small.items():
        grown = large[address][0]
        row = (f"{tail:.0f}", f"{tail / small[BARE][0]:.2f}", f"{grown:.0f}", f"{grown / tail:.2f}")
        table.add_row(address, f"{queries} {large[address][1]}", *row)
    console.print(table)
    growth = {address: large[address][0] / small[address][0] for address in wanted}
    floors = [
        Floor(f"queries of {each}, more when larger", large[each][1] - small[each][1], at_most=0)
        for each in wanted
    ]
    for each in wanted:
        if is_list(each) and each != BARE:
            floors += [
                Floor(f"{each} beside the bare list", small[each][0] / small[BARE][0], at_most=1.5),
                Floor(
                    f"{each} ten times as large, as the bare list", growth[each] / growth[BARE], at_most=1.2
                ),
            ]
    hold(*floors)
