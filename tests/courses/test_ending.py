"""A course is ended by a signature: its reminders end, nothing is forgotten, two people undo a mistake."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from courses.models import Course, CourseEnd, CourseStatus, Order, Recall, VialBooking
from courses.services.assess import assess_course
from courses.services.authority import BadFact, NotAllowed
from courses.services.bookings import confirm_booking, place_booking
from courses.services.ending import ask_undo, confirm_undo, end_course, standing_end
from courses.services.manifests import manifest_holds
from courses.therapies import therapies
from courses.worklist import worklist
from prrt_clinic.invariants import INVARIANTS
from tests.builders import colleague, make_course, make_patient, sign
from tests.courses.signing import AT, before_third, doctor, fresh, other_doctor, standing

pytestmark = pytest.mark.django_db
WHY = "The patient moved to her daughter and is treated there."
DAY = date(2026, 4, 28)
LATER = AT + timedelta(hours=2)


def ended(course: Course, *, cause: str = "transfer", by=None, at=AT, **said) -> CourseEnd:
    facts: dict[str, Any] = {"reason": WHY, "ended_on": DAY} | said
    return end_course(
        course=course, cause=cause, by=by or doctor(), authenticated_at=fresh(at), now=at, **facts
    )


def third_orders(course: Course):
    return Order.objects.filter(cycle__course=course, cycle__number=3)


def test_an_end_closes_the_course_cancels_its_orders_and_takes_it_off_every_list():
    course = before_third()
    sign(standing(course), by=doctor(), now=AT)
    end = ended(course)
    course.refresh_from_db()
    assert course.status == CourseStatus.ENDED
    assert manifest_holds(end)
    assert not third_orders(course).live().exists()
    assert set(third_orders(course).exclude(state="done").values_list("reason_code", flat=True)) == {
        "course-ended"
    }
    assert assess_course(course_id=course.pk, now=LATER) is None
    lists = worklist(today=DAY)
    for section in (lists.held, lists.stopped, lists.to_sign, lists.waiting):
        assert course.pk not in [line.course.pk for line in section.lines]
    assert course.pk not in [line.course.pk for line in therapies(today=DAY, now=LATER).planned]


def test_the_analogue_after_a_given_cycle_stays_ordered_unless_the_patient_died():
    course = before_third()
    restart = Order.objects.live().filter(cycle__course=course, cycle__number=2, kind="analogue_restart")
    assert restart.exists()
    end = ended(course)
    assert restart.exists()
    assert "The analogue's restart after cycle 2 stays ordered until it is given." in end.open_duties
    other = make_course(make_patient(mrn="T-2"), first_on=date(2026, 6, 1), by=doctor(), now=AT)
    assert not Order.objects.live().filter(cycle__course=other).exists()


def test_after_a_death_nothing_stays_ordered():
    course = before_third()
    end = ended(course, cause="death", reason="Died at home.")
    assert not Order.objects.live().filter(cycle__course=course).exists()
    assert end.open_duties == []


def test_what_is_handed_out_is_called_back_and_told():
    course = before_third()
    sign(standing(course), by=doctor(), now=AT)
    order = third_orders(course).get(kind="radiopharmaceutical", state="active")
    Order.objects.filter(pk=order.pk).update(state="dispensed")
    end = ended(course)
    assert any("cycle 3 is handed out: it is called back" in words for words in end.open_duties)
    assert Recall.objects.unanswered().get(order=order).reason_code == "course-ended"
    order.refresh_from_db()
    assert order.state == "dispensed"  # until pharmacy says where the unit is


def test_what_is_ordered_with_the_supplier_is_called_off_after_the_cut_off_only_with_their_word():
    course = before_third()
    booking = place_booking(cycle=course.cycles.get(number=3), supplier="Isotope House", by=doctor(), now=AT)
    confirm_booking(booking=booking, by=doctor(), cut_off_at=AT + timedelta(hours=1), now=AT)
    with pytest.raises(BadFact, match="supplier_told: the supplier's cut-off has passed"):
        ended(course, at=LATER)
    course.refresh_from_db()
    assert course.is_open
    ended(course, at=LATER, supplier_told=True)
    assert VialBooking.objects.get().state == "cancelled"


def test_completed_early_is_completed():
    course = before_third()
    ended(course, cause="completed", reason="Stable disease; two cycles are enough.")
    course.refresh_from_db()
    assert course.status == CourseStatus.COMPLETED


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"reason": " "}, "reason: is missing"),
        ({"cause": "boredom"}, "cause: choose one of"),
        ({"ended_on": date(2026, 4, 29)}, "ended_on: lies before the course was started"),
        ({"ended_on": date(2025, 1, 1)}, "ended_on: lies before the course was started"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_nothing_is_stored(said, fault):
    course = before_third()
    with pytest.raises(BadFact, match=fault):
        ended(course, **said)
    course.refresh_from_db()
    assert course.is_open
    assert not CourseEnd.objects.exists()


def test_nothing_given_is_not_completed():
    course = make_course(make_patient(), first_on=date(2026, 6, 1), by=doctor(), now=AT)
    with pytest.raises(BadFact, match="cause: no cycle has been given"):
        ended(course, cause="completed")
    ended(course, cause="withdrawal", reason="She does not want it.")
    with pytest.raises(BadFact, match="course: it is ended already"):
        ended(course)


@pytest.mark.hazard("HZ-42")
def test_only_a_physician_with_a_fresh_password_ends_a_course():
    course = before_third()
    with pytest.raises(NotAllowed, match="physician"):
        ended(course, by=colleague("nora", "nurse"))
    with pytest.raises(NotAllowed, match="password"):
        end_course(
            course=course,
            cause="death",
            reason=WHY,
            ended_on=DAY,
            by=doctor(),
            authenticated_at=AT - timedelta(hours=1),
            now=AT,
        )


def test_a_wrong_end_is_undone_by_two_physicians_and_the_course_is_assessed_at_once():
    course = before_third()
    sign(standing(course), by=doctor(), now=AT)
    ended(course)
    ask_undo(course=course, reason="Another patient.", by=doctor(), authenticated_at=fresh(AT), now=AT)
    course.refresh_from_db()
    assert course.status == CourseStatus.ENDED
    with pytest.raises(NotAllowed, match="second physician"):
        confirm_undo(course=course, by=doctor(), authenticated_at=fresh(LATER), now=LATER)
    back = confirm_undo(course=course, by=other_doctor(), authenticated_at=fresh(LATER), now=LATER)
    assert back.status == CourseStatus.ACTIVE
    assert standing(back).action == "proceed"
    assert standing(back).confirms_id is None
    # What was signed before the end does not come back by itself.
    assert set(third_orders(back).live().values_list("state", flat=True)) == {"proposed"}
    assert standing_end(back) is None
    ended(back, at=LATER)
    assert standing_end(Course.objects.get(pk=back.pk)) == CourseEnd.objects.latest("pk")


def test_an_end_is_not_undone_beside_another_open_course_of_the_person():
    course = before_third()
    ended(course)
    make_course(course.patient, first_on=date(2026, 9, 1), by=doctor(), now=LATER)
    ask_undo(course=course, reason="Wrong.", by=doctor(), authenticated_at=fresh(AT), now=AT)
    with pytest.raises(BadFact, match="another open course"):
        confirm_undo(course=course, by=other_doctor(), authenticated_at=fresh(LATER), now=LATER)


def test_no_order_of_an_ended_course_goes_on_whoever_writes_it():
    course = before_third()
    ended(course)
    order = third_orders(course).filter(state="cancelled").first()
    with pytest.raises(DatabaseError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(state="proposed")


def test_an_end_leaves_no_rule_broken():
    course = before_third()
    sign(standing(course), by=doctor(), now=AT)
    ended(course)
    for rule in INVARIANTS:
        if rule.id in {"I-02", "I-22", "D-01", "D-02", "I-03", "I-04"}:
            assert list(rule.find(LATER, lambda: None)) == [], rule.id
