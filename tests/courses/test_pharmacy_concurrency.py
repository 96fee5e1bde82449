"""Pharmacy's acts at once on PostgreSQL: one order, one unit, one answer, whoever comes first."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.test import Client

from courses.models import Course, Decision, DispensedUnit, Order, OrderEvent, Recall, RecallAnswer
from courses.services.assess import assess_course
from courses.services.handling import OrderRefused, StaleOrder
from courses.services.pharmacy import cancel_order, dispense_order
from courses.services.recalls import acknowledge_recall
from tests.builders import draw
from tests.builders_pharmacy import (
    MORNING,
    NOW,
    PLANNED,
    dispensed,
    order_of,
    pharmacist,
    prepared,
    receive,
    signed_course,
    stand_at,
    unit,
)

pytestmark = pytest.mark.postgres
WORKERS = 20


@pytest.fixture
def course(real_commits: str) -> Course:
    """Cycle 2 signed for 9 March, in a database other connections see."""
    return signed_course()


def together(work: Callable[[int], object], *, each: int = 1) -> list[object]:
    """Do the same in many threads, started at one moment, several times each; what came or went wrong."""
    barrier, results = threading.Barrier(WORKERS), list[object]()

    def run(number: int) -> None:
        barrier.wait()
        try:
            for turn in range(each):
                try:
                    results.append(work(number * each + turn))
                except Exception as fault:
                    results.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.hazard("HZ-47")
def test_two_hundred_placements_at_once_give_one_order(course: Course) -> None:
    order = cancel_order(order=order_of(course), by=pharmacist(), reason="no vial", now=MORNING)
    results = together(lambda _: assess_course(course_id=course.pk, now=MORNING), each=10)
    assert len(results) == 200
    assert all(isinstance(each, Decision) for each in results)
    live = Order.objects.live().filter(cycle=order.cycle)
    kinds = Counter(live.values_list("kind", flat=True))
    assert {"radiopharmaceutical", "amino_acids", "antiemetic", "rescue"} <= set(kinds)
    assert set(kinds.values()) == {1}
    assert Order.objects.filter(cycle=order.cycle, kind="radiopharmaceutical").count() == 2


@pytest.mark.hazard("HZ-47")
def test_twenty_dispenses_at_once_give_one_unit(course: Course) -> None:
    vial, order, by = receive(course), prepared(course), pharmacist()
    results = together(lambda _: dispense_order(order=order, by=by, made=unit(vial), now=NOW))
    refused = [each for each in results if isinstance(each, OrderRefused)]
    assert (len(results), len(refused)) == (WORKERS, WORKERS - 1)
    assert {each.faults[0].code for each in refused} == {"wrong-state"}
    assert DispensedUnit.objects.count() == 1
    assert OrderEvent.objects.filter(order=order, to_state="dispensed").count() == 1


@pytest.mark.hazard("HZ-47")
def test_the_same_request_with_one_key_and_with_many_is_done_once(
    course: Course, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.API_WRITE_RATE = settings.API_READ_RATE = "1000000/min"
    caches["default"].clear()
    stand_at(monkeypatch, MORNING)
    call_command("token", role="pharmacy", name="test")
    token = capsys.readouterr().out.split()[-1]
    order = order_of(course)
    address = f"/api/v1/orders/{order.public_id}/"
    pharmacy = Client(headers={"Authorization": f"Bearer {token}"})
    tag = pharmacy.get(address).headers["ETag"]

    def post(number: int) -> tuple[int, bytes]:
        key = "the-same" if number % 2 else f"other-{number}"
        answer = Client(headers={"Authorization": f"Bearer {token}"}).post(
            f"{address}accept/",
            json.dumps({}),
            content_type="application/json",
            headers={"If-Match": tag, "Idempotency-Key": key},
        )
        return answer.status_code, answer.content

    results = together(post, each=2)
    faults = [each for each in results if not isinstance(each, tuple)]
    assert faults == []
    assert OrderEvent.objects.filter(order=order, to_state="accepted").count() == 1
    found = Counter(each[0] for each in results if isinstance(each, tuple))
    assert set(found) <= {200, 412}
    assert len({each[1] for each in results if isinstance(each, tuple) and each[0] == 200}) == 1


@pytest.mark.hazard("HZ-46")
def test_a_result_beside_a_dispense_leaves_either_no_unit_or_a_recall(course: Course) -> None:
    vial, order, by = receive(course), prepared(course), pharmacist()
    draw(course.patient, PLANNED, PLT="60")

    def work(number: int) -> object:
        if number % 2:
            return dispense_order(order=order, by=by, made=unit(vial), now=NOW)
        return assess_course(course_id=course.pk, now=NOW)

    together(work)
    order.refresh_from_db()
    units = DispensedUnit.objects.count()
    assert (order.state, units, Recall.objects.count()) in (("suspended", 0, 0), ("dispensed", 1, 1))


@pytest.mark.hazard("HZ-46")
def test_a_recall_answered_by_many_at_once_is_answered_once(course: Course) -> None:
    order, by = dispensed(course), pharmacist()
    draw(course.patient, PLANNED, PLT="60")
    assert all(
        isinstance(each, Decision) for each in together(lambda _: assess_course(course_id=course.pk, now=NOW))
    )
    assert Recall.objects.count() == 1
    order.refresh_from_db()
    version = order.version
    results = together(
        lambda _: acknowledge_recall(order=order, outcome="secured", by=by, version=version, now=NOW)
    )
    assert sum(isinstance(each, Order) for each in results) == 1
    assert sum(isinstance(each, StaleOrder) for each in results) == WORKERS - 1
    assert RecallAnswer.objects.count() == 1
