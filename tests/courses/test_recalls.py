"""Recalls: whatever ends a directive while its unit is out calls it back, and nothing goes on unanswered."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from courses import library
from courses.models import Course, Cycle, Decision, DirectiveVoid, Order, Recall, RecallAnswer, RecallOutcome
from courses.rules.order_states import OrderKind, OrderState
from courses.rules.orders import ChangeKind, OpenOrder, plan_orders
from courses.rules.recommend import recommend_or_hold
from courses.services import assess as assessing
from courses.services.assess import AssessmentFailed, assess_course, assess_courses
from courses.services.authority import NotAllowed
from courses.services.facts import record_fact
from courses.services.handling import OrderRefused
from courses.services.pharmacy import accept_order, cancel_order
from courses.services.recalls import acknowledge_recall
from tests.builders import colleague, draw, sign
from tests.builders_pharmacy import NOW, PLANNED, dispensed, order_of, pharmacist, physician, signed_course
from tests.strategies import chart

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def course() -> Course:
    """Cycle 2 signed for 9 March, its orders active."""
    return signed_course()


def low_platelets(course: Course) -> None:
    """A late result that delays the cycle."""
    draw(course.patient, date(2026, 3, 8), PLT="60")
    assess_course(course_id=course.pk, now=NOW)


def held_and_free_again(course: Course) -> Decision:
    """The protocol's file is another for a while: a hold that leaves nothing to confirm; the go after it."""
    sha256 = course.protocol_sha256
    Course.objects.filter(pk=course.pk).update(protocol_sha256="0" * 64)
    assess_course(course_id=course.pk, now=NOW)
    Course.objects.filter(pk=course.pk).update(protocol_sha256=sha256)
    go = assess_course(course_id=course.pk, now=LATER)
    assert go is not None
    assert go.action == "proceed"
    return go


def answer(order: Order, outcome: str = "secured", **changes: Any) -> Order:
    return acknowledge_recall(
        **{
            "order": order,
            "outcome": outcome,
            "by": pharmacist(),
            "note": "in the safe",
            "now": LATER,
            **changes,
        }
    )


def codes(act: Callable[[], Any]) -> list[str]:
    with pytest.raises(OrderRefused) as caught:
        act()
    return [each.code for each in caught.value.faults]


# --- What calls back ------------------------------------------------------------------------------


@pytest.mark.hazard("HZ-46")
def test_a_changed_verdict_calls_back_what_is_out_once_and_ends_its_directive(course: Course) -> None:
    order = dispensed(course)
    low_platelets(course)
    for _ in range(3):
        assess_course(course_id=course.pk, now=LATER)
    recall = Recall.objects.get()
    assert (recall.order, recall.reason_code, recall.opened_at) == (order, "DM-PLT", NOW)
    order.refresh_from_db()
    assert (order.state, order.reason_code) == ("dispensed", "DM-PLT")
    assert DirectiveVoid.objects.get(directive=order.directive).reason_code == "DM-PLT"


@pytest.mark.hazard("HZ-46")
def test_a_stop_calls_back_what_is_out(course: Course) -> None:
    dispensed(course)
    record_fact(
        kind="adverse_event",
        data={"term": "Anaphylaxis", "grade": 4, "from": "2026-03-09"},
        by=colleague("fact-nurse", "nurse"),
        patient=course.patient,
        now=NOW,
    )
    decision = assess_course(course_id=course.pk, now=NOW)
    assert decision is not None
    assert decision.action == "stop"
    assert Recall.objects.unanswered().count() == 1
    sign(decision, by=physician(), now=NOW)
    order = order_of(course)
    assert answer(order).state == "void"  # also after the course is closed


@pytest.mark.hazard("HZ-46")
def test_a_moved_day_calls_back_what_is_out(course: Course) -> None:
    order = dispensed(course)
    Cycle.objects.filter(pk=order.cycle_id).update(planned_on=PLANNED + timedelta(days=1))
    assess_course(course_id=course.pk, now=NOW)
    assess_course(course_id=course.pk, now=LATER)
    assert [each.reason_code for each in Recall.objects.all()] == ["date-changed"]


@pytest.mark.hazard("HZ-46")
def test_a_course_that_cannot_be_assessed_calls_back_what_is_out(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispensed(course)

    def fails(**_: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(assessing, "recommend_for", fails)
    for at in (NOW, LATER):
        with pytest.raises(AssessmentFailed):
            assess_courses([course.pk], now=at)
    assert Recall.objects.unanswered().count() == 1
    assert Order.objects.get(kind="antiemetic", cycle__number=2).state == "suspended"


@pytest.mark.hazard("HZ-46")
def test_a_protocol_file_that_changed_calls_back_what_is_out(course: Course) -> None:
    dispensed(course)
    Course.objects.filter(pk=course.pk).update(protocol_sha256="0" * 64)
    assess_course(course_id=course.pk, now=NOW)
    assert [each.reason_code for each in Recall.objects.all()] == ["SYS-PROTOCOL"]


@pytest.mark.hazard("HZ-46")
@pytest.mark.parametrize(
    ("kind", "state", "found"),
    [
        (OrderKind.RADIOPHARMACEUTICAL, OrderState.DISPENSED, [ChangeKind.RECALL]),
        (OrderKind.RADIOPHARMACEUTICAL, OrderState.ACTIVE, []),
        (OrderKind.AMINO_ACIDS, OrderState.DISPENSED, []),
    ],
)
def test_while_labs_are_awaited_again_what_is_out_is_called_back_and_nothing_else_moves(
    kind: OrderKind, state: OrderState, found: list[ChangeKind]
) -> None:
    recommendation = recommend_or_hold(
        chart=chart(draws=()), protocol=library.protocol("lutathera_us_2024_04"), today=date(2026, 3, 20)
    )
    assert recommendation.awaiting_labs
    order = OpenOrder(ref="1", kind=kind, state=state, planned_on=date(2026, 5, 4))
    changes = plan_orders(recommendation=recommendation, open_orders=(order,))
    assert [each.change for each in changes] == found


def test_another_reason_while_the_first_is_unanswered_is_another_recall(course: Course) -> None:
    dispensed(course)
    low_platelets(course)
    draw(course.patient, date(2026, 3, 9))
    decision = assess_course(course_id=course.pk, now=LATER)
    assert decision is not None
    reasons = [each.reason_code for each in Recall.objects.order_by("pk")]
    assert reasons[0] == "DM-PLT"
    assert len(reasons) == len(set(reasons)) > 1
    answer(order_of(course))
    assert not Recall.objects.unanswered().exists()


# --- Unanswered it blocks everything ----------------------------------------------------------------


@pytest.mark.hazard("HZ-46")
def test_while_a_recall_is_unanswered_nothing_of_the_cycle_goes_on(course: Course) -> None:
    order = dispensed(course)
    low_platelets(course)
    bag = order_of(course, "amino_acids")
    assert codes(lambda: accept_order(order=order, by=pharmacist(), now=LATER)) == ["recall-open"]
    assert codes(lambda: accept_order(order=bag, by=pharmacist(), now=LATER)) == ["recall-open"]
    assert codes(lambda: cancel_order(order=order, by=pharmacist(), reason="back", now=LATER)) == [
        "recall-open"
    ]
    order.refresh_from_db()
    assert order.state == "dispensed"


@pytest.mark.hazard("HZ-46")
def test_while_a_recall_is_unanswered_no_new_directive_is_signed(course: Course) -> None:
    dispensed(course)
    go = held_and_free_again(course)
    with pytest.raises(NotAllowed, match="called back"):
        sign(go, by=physician(), now=LATER)
    answer(order_of(course))
    again = assess_course(course_id=course.pk, now=LATER)
    assert again is not None
    sign(again, by=physician(), now=LATER)
    assert (order_of(course).state, order_of(course).directive.revision) == ("active", 2)


# --- The answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["secured", "returned"])
def test_a_unit_that_is_back_ends_its_order(course: Course, outcome: str) -> None:
    dispensed(course)
    low_platelets(course)
    order = answer(order_of(course), outcome)
    assert (order.state, order.reason_code) == ("void", "DM-PLT")
    said = RecallAnswer.objects.get()
    assert (said.outcome, said.note, said.answered_by, said.answered_at) == (
        outcome,
        "in the safe",
        pharmacist(),
        LATER,
    )


def test_a_unit_that_was_given_leaves_its_order_for_the_record_and_is_not_called_back_again(
    course: Course,
) -> None:
    order = dispensed(course)
    go = held_and_free_again(course)
    count, version = Recall.objects.count(), order_of(course).version
    found = answer(order, "already_given")
    assert (found.state, found.version) == ("dispensed", version + 1)
    assess_course(course_id=course.pk, now=LATER)
    assert Recall.objects.count() == count
    with pytest.raises(NotAllowed, match="recorded"):
        sign(go, by=physician(), now=LATER)


def test_a_recall_is_answered_by_pharmacy_with_a_known_word(course: Course) -> None:
    order = dispensed(course)
    assert codes(lambda: answer(order)) == ["recall-none"]
    low_platelets(course)
    assert codes(lambda: answer(order, "lost")) == ["outcome-unknown"]
    nurse: User = colleague("fact-nurse", "nurse")
    with pytest.raises(NotAllowed):
        answer(order, by=nurse)
    assert not RecallAnswer.objects.exists()
    answer(order)
    assert codes(lambda: answer(order)) == ["recall-none"]


def test_what_is_recorded_as_given_is_not_answered_as_secured(course: Course) -> None:
    order = dispensed(course)
    low_platelets(course)
    Order.objects.filter(pk=order.pk).update(state="done")
    assert codes(lambda: answer(order)) == ["recall-contradicted"]
    answer(order, RecallOutcome.ALREADY_GIVEN.value)
    assert order_of_any(order).state == "done"


def order_of_any(order: Order) -> Order:
    order.refresh_from_db()
    return order


@pytest.mark.hazard("HZ-48")
def test_no_dispensed_order_of_a_closed_or_held_course_is_without_its_recall(course: Course) -> None:
    dispensed(course)
    low_platelets(course)
    course.refresh_from_db()
    out = Order.objects.filter(state="dispensed", kind="radiopharmaceutical")
    assert course.current_decision.action == "delay"
    assert all(each.recalls.exists() for each in out)
