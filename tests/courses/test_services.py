"""The course from bloods to signature and back: decisions, orders, directives, and who may sign."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from courses.models import Course, CourseStatus, Cycle, Decision, Directive, DirectiveVoid, Order, OrderEvent
from courses.rules.order_states import OrderState
from courses.services.assess import AssessmentFailed, assess_course, assess_courses, sweep_courses
from courses.services.course import Refused, record_administration
from courses.services.orders import IllegalTransition, move_order
from courses.services.sign import NotAllowed, StaleDecision, sign_decision
from labs.clinic_days import add_days
from labs.clock import database_now
from tests.builders import (
    clinic_time,
    draw,
    give_cycle,
    judge,
    make_course,
    make_patient,
    panel_message,
    receive,
    sign,
)

pytestmark = pytest.mark.django_db
FIRST = date(2026, 1, 12)
THIRD = date(2026, 5, 4)
Person = Callable[..., User]


@pytest.fixture
def physician(person: Person) -> User:
    """A physician who may sign directives."""
    return person("physician", "authorised-user")


@pytest.fixture
def before_third(physician: User) -> Course:
    """A course with two cycles behind it, its third planned for 4 May and bloods of 27 April all healthy."""
    course = make_course(make_patient(), first_on=FIRST, by=physician, disease="yes")
    for number in (1, 2):
        give_cycle(course.cycles.get(number=number), by=physician)
    draw(course.patient, date(2026, 4, 27))
    return course


@pytest.fixture
def signed_third(before_third: Course, physician: User) -> Course:
    """The same with cycle 3 signed: its orders are active."""
    at = clinic_time(date(2026, 4, 28))
    decision = assess_course(course_id=before_third.pk, now=at)
    assert decision is not None
    assert decision.action == "proceed", decision.answer
    sign(decision, by=physician, now=at)
    return before_third


def third(course: Course) -> Cycle:
    return course.cycles.get(number=3)


def radioactive(course: Course) -> Order:
    return Order.objects.get(
        cycle=third(course), kind="radiopharmaceutical", state__in=["active", "suspended"]
    )


def confirmed_low_platelets(course: Course, *, onset: date, at: datetime) -> Decision:
    """The decision after a physician confirmed that a fall seen only between cycles counts."""
    judge(course, "occurrence_reviews", at=at, rule="DM-PLT", onset=onset, counts=True)
    decision = assess_course(course_id=course.pk, now=at)
    assert decision is not None
    return decision


def test_a_signature_activates_the_whole_order_set_and_writes_the_directive(signed_third: Course) -> None:
    orders = Order.objects.filter(cycle=third(signed_third))
    assert {order.kind for order in orders} == {
        "radiopharmaceutical",
        "amino_acids",
        "antiemetic",
        "steroid_cover",
        "analogue_hold",
        "analogue_restart",
        "rescue",
        "lab_draws",
    }
    # The draws are in, or the cycle could not go: they are done as they are signed.
    assert {order.state for order in orders.exclude(kind="lab_draws")} == {"active"}
    draws = orders.get(kind="lab_draws")
    assert (draws.state, draws.reason_code) == ("done", "draws-in")
    directive = Directive.objects.get(cycle=third(signed_third))
    assert (directive.activity_gbq, directive.administer_on) == (Decimal("7.4"), THIRD)
    assert radioactive(signed_third).directive == directive


def test_no_steroid_cover_is_ordered_without_peritoneal_disease(physician: User) -> None:
    course = make_course(make_patient(), first_on=FIRST, by=physician, disease="no")
    draw(course.patient, date(2026, 1, 8))
    assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 9)))
    kinds = set(Order.objects.filter(cycle__course=course).values_list("kind", flat=True))
    assert "steroid_cover" not in kinds
    assert {"radiopharmaceutical", "amino_acids", "antiemetic", "rescue"} <= kinds


def test_low_platelets_delay_the_cycle_and_suspend_its_active_orders(signed_third: Course) -> None:
    draw(signed_third.patient, date(2026, 4, 30), PLT="60")
    decision = assess_course(course_id=signed_third.pk, now=clinic_time(date(2026, 4, 30), 12))
    assert decision is not None
    assert (decision.action, decision.activity_gbq) == ("delay", None)
    reason = next(each for each in decision.answer["reasons"] if each["rule"] == "DM-PLT")
    assert reason["evidence"][0]["value"] == "60"
    assert "75" in reason["threshold"]
    assert reason["source"]
    order = radioactive(signed_third)
    assert (order.state, order.reason_code) == ("suspended", "DM-PLT")
    assert {each.state for each in Order.objects.live().filter(cycle=third(signed_third))} == {"suspended"}
    event = OrderEvent.objects.filter(order=order).latest("pk")
    assert (event.from_state, event.to_state, event.decision_id) == ("active", "suspended", decision.pk)


def test_the_same_evidence_writes_no_new_row(signed_third: Course) -> None:
    at = clinic_time(date(2026, 4, 28), 18)
    before = Decision.objects.count(), OrderEvent.objects.count()
    assess_course(course_id=signed_third.pk, now=at)
    assess_course(course_id=signed_third.pk, now=at + timedelta(hours=1))
    assert (Decision.objects.count(), OrderEvent.objects.count()) == before


def test_new_evidence_with_the_same_verdict_confirms_and_leaves_the_signature_standing(
    signed_third: Course, physician: User
) -> None:
    signed = signed_third.decisions.first()
    assert signed is not None
    draw(signed_third.patient, date(2026, 4, 30), PLT="231")
    decision = assess_course(course_id=signed_third.pk, now=clinic_time(date(2026, 4, 30), 12))
    assert decision is not None
    assert decision.confirms == signed
    assert radioactive(signed_third).state == "active"
    with pytest.raises(NotAllowed, match="Already signed by"):
        sign(decision, by=physician, now=clinic_time(date(2026, 4, 30), 13))


def test_a_suspended_order_stays_suspended_after_recovery_until_a_new_signature(
    signed_third: Course, physician: User
) -> None:
    draw(signed_third.patient, date(2026, 4, 29), PLT="60")
    assess_course(course_id=signed_third.pk, now=clinic_time(date(2026, 4, 29), 12))
    draw(signed_third.patient, date(2026, 5, 2), PLT="110")
    at = clinic_time(date(2026, 5, 2), 12)
    decision = confirmed_low_platelets(signed_third, onset=date(2026, 4, 29), at=at)
    assert (decision.action, decision.activity_gbq) == ("reduce", Decimal("3.7"))
    assert not Order.objects.filter(cycle=third(signed_third), state="active").exists()
    sign(decision, by=physician, now=at)
    order = radioactive(signed_third)
    assert order.state == "active"
    assert order.directive is not None
    assert order.directive.activity_gbq == Decimal("3.7")


def test_a_decision_resting_on_an_unconfirmed_interim_fall_alone_cannot_be_signed(
    before_third: Course, physician: User
) -> None:
    draw(before_third.patient, date(2026, 4, 29), PLT="60")
    draw(before_third.patient, date(2026, 5, 2), PLT="110")
    at = clinic_time(date(2026, 5, 2), 12)
    decision = assess_course(course_id=before_third.pk, now=at)
    assert decision is not None
    with pytest.raises(NotAllowed, match="confirms or dismisses what it rests on alone: Platelets 60"):
        sign(decision, by=physician, now=at)
    judge(before_third, "occurrence_reviews", at=at, rule="DM-PLT", onset=date(2026, 4, 29), counts=False)
    dismissed = assess_course(course_id=before_third.pk, now=at)
    assert dismissed is not None
    assert dismissed.action == "proceed", dismissed.answer["reasons"]
    sign(dismissed, by=physician, now=at)


def test_a_changed_activity_voids_the_signed_directive(signed_third: Course, physician: User) -> None:
    old = Directive.objects.get(cycle=third(signed_third))
    draw(signed_third.patient, date(2026, 4, 29), PLT="60")
    assess_course(course_id=signed_third.pk, now=clinic_time(date(2026, 4, 29), 12))
    draw(signed_third.patient, date(2026, 5, 2), PLT="110")
    assess_course(course_id=signed_third.pk, now=clinic_time(date(2026, 5, 2), 12))
    assert DirectiveVoid.objects.get(directive=old).reason_code == "activity-changed"


def test_a_moved_cycle_voids_directive_and_order(signed_third: Course) -> None:
    cycle = third(signed_third)
    cycle.planned_on = add_days(cycle.planned_on, 1)
    cycle.save(update_fields=["planned_on"])
    assess_course(course_id=signed_third.pk, now=clinic_time(date(2026, 4, 28), 18))
    states = Order.objects.filter(cycle=cycle, kind="radiopharmaceutical").order_by("pk")
    assert [(order.state, order.reason_code) for order in states] == [
        ("void", "date-changed"),
        ("proposed", ""),
    ]


def test_a_further_toxicity_under_the_same_action_needs_a_new_signature(
    signed_third: Course, physician: User
) -> None:
    draw(signed_third.patient, date(2026, 4, 29), PLT="60")
    draw(signed_third.patient, date(2026, 5, 2), PLT="110")
    at = clinic_time(date(2026, 5, 2), 12)
    reduced = confirmed_low_platelets(signed_third, onset=date(2026, 4, 29), at=at)
    sign(reduced, by=physician, now=at)
    # A low haemoglobin of 30 April arrives late: recovered by now, it counts beside the platelets.
    draw(signed_third.patient, date(2026, 4, 30), HGB="75", PLT="110")
    decision = assess_course(course_id=signed_third.pk, now=at + timedelta(hours=1))
    assert decision is not None
    assert (decision.action, decision.confirms) == ("reduce", None), decision.answer["reasons"]
    order = radioactive(signed_third)
    assert (order.state, order.reason_code) == ("suspended", "verdict-changed")
    given = record_administration(
        cycle=third(signed_third),
        administered_on=THIRD,
        administered_gbq=Decimal("3.7"),
        by=physician,
        now=clinic_time(THIRD, 16),
    )
    assert "while its order was suspended" in given.deviation


def test_a_verdict_that_comes_back_is_not_signed_by_the_old_signature(
    signed_third: Course, physician: User
) -> None:
    course = signed_third
    only = ("PLT",)
    body = panel_message(course.patient, drawn_at=clinic_time(date(2026, 4, 29), 8), only=only, PLT="60")
    receive(body)
    assess_course(course_id=course.pk, now=clinic_time(date(2026, 4, 29), 12))
    receive(body.replace(b"||||F|", b"||||D|").replace(b"|B", b"|D"))
    at = clinic_time(date(2026, 4, 29), 14)
    decision = assess_course(course_id=course.pk, now=at)
    assert decision is not None
    assert (decision.action, decision.confirms) == ("proceed", None), decision.answer
    assert radioactive(course).state == "suspended"
    sign(decision, by=physician, now=at)
    order = radioactive(course)
    assert order.directive is not None
    assert (order.state, order.directive.revision) == ("active", 2)


def test_a_course_that_cannot_be_assessed_is_held_and_its_orders_are_suspended(signed_third: Course) -> None:
    Course.objects.filter(pk=signed_third.pk).update(protocol_id="gone")
    at = clinic_time(date(2026, 4, 29))
    for _ in range(2):
        with pytest.raises(AssessmentFailed):
            assess_courses([signed_third.pk], now=at)
    held = signed_third.decisions.filter(verdict__contains="SYS-FAULT").get()
    signed_third.refresh_from_db()
    assert signed_third.current_decision == held
    assert held.answer["reasons"][0]["rule"] == "SYS-FAULT"
    assert {order.state for order in Order.objects.live().filter(cycle=third(signed_third))} == {"suspended"}
    assert radioactive(signed_third).reason_code == "SYS-FAULT"


def test_a_fault_in_one_course_keeps_no_other_waiting(signed_third: Course, physician: User) -> None:
    other = make_course(make_patient(mrn="T-2", family="Birke"), first_on=date(2026, 6, 1), by=physician)
    Course.objects.filter(pk=signed_third.pk).update(protocol_id="gone")
    with pytest.raises(AssessmentFailed):
        assess_courses([signed_third.pk, other.pk], now=clinic_time(date(2026, 4, 29)))
    assert other.decisions.exists()


def test_between_cycles_nothing_is_suspended_and_the_due_day_is_named(before_third: Course) -> None:
    cycle = third(before_third)
    give_cycle(cycle, by=before_third.started_by)
    decision = assess_course(course_id=before_third.pk, now=clinic_time(date(2026, 5, 20)))
    assert decision is not None
    assert (decision.action, decision.awaiting_labs) == ("hold", True)
    assert decision.labs_due is not None
    late = assess_course(course_id=before_third.pk, now=clinic_time(add_days(decision.labs_due, 1)))
    assert late is not None
    assert (late.action, late.awaiting_labs) == ("hold", False)


def test_a_recurrence_after_a_reduced_cycle_stops_and_the_signature_ends_the_course(
    before_third: Course, physician: User
) -> None:
    draw(before_third.patient, date(2026, 4, 28), PLT="60")
    draw(before_third.patient, date(2026, 5, 2), PLT="110")
    at = clinic_time(date(2026, 5, 2), 12)
    reduced = confirmed_low_platelets(before_third, onset=date(2026, 4, 28), at=at)
    sign(reduced, by=physician, now=at)
    record_administration(
        cycle=third(before_third),
        administered_on=THIRD,
        administered_gbq=Decimal("3.7"),
        by=physician,
        now=clinic_time(THIRD, 16),
    )
    draw(before_third.patient, date(2026, 6, 25), PLT="48")
    at = clinic_time(date(2026, 6, 25), 12)
    stop = assess_course(course_id=before_third.pk, now=at)
    assert stop is not None
    assert stop.action == "stop", stop.answer
    sign(stop, by=physician, now=at)
    before_third.refresh_from_db()
    assert before_third.status == CourseStatus.STOPPED
    # The analogue of the cycles that were given still comes back.
    live = Order.objects.live().filter(cycle__course=before_third)
    assert set(live.values_list("kind", flat=True)) == {"analogue_restart"}
    assert not live.filter(cycle__administration__isnull=True).exists()


def test_a_stale_page_is_refused_and_what_changed_is_kept(signed_third: Course, physician: User) -> None:
    shown = signed_third.decisions.first()
    assert shown is not None
    receive(panel_message(signed_third.patient, drawn_at=clinic_time(date(2026, 4, 29), 8), PLT="60"))
    with pytest.raises(StaleDecision) as refused:
        sign(shown, by=physician, now=clinic_time(date(2026, 4, 29), 12))
    assert refused.value.current is not None
    assert refused.value.current.action == "delay"
    assert radioactive(signed_third).state == "suspended"


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        (("nurse",), "Only a physician"),
        (("pharmacist",), "Only a physician"),
        (("physician",), "authorised user"),
    ],
)
def test_only_an_authorised_physician_signs_a_go(
    before_third: Course, person: Person, roles: tuple[str, ...], words: str
) -> None:
    at = clinic_time(date(2026, 4, 28))
    decision = assess_course(course_id=before_third.pk, now=at)
    assert decision is not None
    with pytest.raises(NotAllowed, match=words):
        sign(decision, by=person(*roles, username="other"), now=at)


def test_a_password_of_some_minutes_ago_signs_nothing(before_third: Course, physician: User) -> None:
    at = clinic_time(date(2026, 4, 28))
    decision = assess_course(course_id=before_third.pk, now=at)
    assert decision is not None
    with pytest.raises(NotAllowed, match="password again"):
        sign_decision(
            decision_public_id=decision.public_id,
            evidence_sha256=decision.evidence_sha256,
            meaning="proceed",
            signer=physician,
            authenticated_at=at - timedelta(minutes=5),
            now=at,
        )


def test_a_meaning_other_than_the_decision_is_refused(before_third: Course, physician: User) -> None:
    at = clinic_time(date(2026, 4, 28))
    decision = assess_course(course_id=before_third.pk, now=at)
    assert decision is not None
    with pytest.raises(NotAllowed, match="says proceed"):
        sign(decision, by=physician, now=at, meaning="reduce")


def test_a_hold_cannot_be_signed(physician: User) -> None:
    course = make_course(make_patient(), first_on=FIRST, by=physician)
    at = clinic_time(date(2026, 1, 9))
    decision = assess_course(course_id=course.pk, now=at)
    assert decision is not None
    assert decision.action == "hold"
    with pytest.raises(NotAllowed, match="hold cannot be signed"):
        sign(decision, by=physician, now=at, meaning="proceed")


def test_every_missing_analyte_holds(physician: User) -> None:
    course = make_course(make_patient(), first_on=FIRST, by=physician)
    draw(
        course.patient,
        date(2026, 1, 8),
        only=("PLT", "ANC", "WBC", "LYMPH", "HGB", "CREAT", "BILI", "ALB", "ALT"),
    )
    decision = assess_course(course_id=course.pk, now=clinic_time(date(2026, 1, 10)))
    assert decision is not None
    assert decision.action == "hold"
    assert [gap["code"] for gap in decision.answer["missing"]] == ["1920-8"]


def test_an_administration_without_a_signed_directive_is_recorded_as_a_deviation(
    before_third: Course,
) -> None:
    given = record_administration(
        cycle=third(before_third),
        administered_on=THIRD,
        administered_gbq=Decimal("7.4"),
        by=before_third.started_by,
        now=clinic_time(THIRD, 16),
    )
    assert "without a signed directive" in given.deviation


def test_an_administration_on_another_day_than_directed_is_a_deviation(signed_third: Course) -> None:
    given = record_administration(
        cycle=third(signed_third),
        administered_on=add_days(THIRD, -1),
        administered_gbq=Decimal("7.4"),
        by=signed_third.started_by,
        now=clinic_time(THIRD, 16),
    )
    assert "directive says 2026-05-04" in given.deviation


def test_a_recorded_administration_does_not_lift_a_stop(signed_third: Course) -> None:
    signed_third.status = CourseStatus.STOPPED
    signed_third.save(update_fields=["status"])
    record_administration(
        cycle=third(signed_third),
        administered_on=THIRD,
        administered_gbq=Decimal("7.4"),
        by=signed_third.started_by,
        now=clinic_time(THIRD, 16),
    )
    signed_third.refresh_from_db()
    assert signed_third.status == CourseStatus.STOPPED


def test_a_course_is_complete_only_when_every_cycle_was_given(signed_third: Course) -> None:
    record_administration(
        cycle=signed_third.cycles.get(number=4),
        administered_on=THIRD,
        administered_gbq=Decimal("7.4"),
        by=signed_third.started_by,
        now=clinic_time(THIRD, 16),
    )
    signed_third.refresh_from_db()
    assert signed_third.status == CourseStatus.ACTIVE


def test_later_cycles_follow_the_day_that_was_given(signed_third: Course) -> None:
    late = add_days(THIRD, 3)
    record_administration(
        cycle=third(signed_third),
        administered_on=late,
        administered_gbq=Decimal("7.4"),
        by=signed_third.started_by,
        now=clinic_time(late, 16),
    )
    assert signed_third.cycles.get(number=4).planned_on == add_days(late, 56)


def test_a_future_administration_has_not_happened(signed_third: Course) -> None:
    with pytest.raises(Refused, match="future"):
        record_administration(
            cycle=third(signed_third),
            administered_on=THIRD,
            administered_gbq=Decimal("7.4"),
            by=signed_third.started_by,
            now=clinic_time(date(2026, 5, 3)),
        )


def test_a_second_open_course_is_refused(before_third: Course, physician: User) -> None:
    with pytest.raises(Refused, match="already has an open course"):
        make_course(before_third.patient, first_on=FIRST, by=physician)


def test_the_database_refuses_a_second_live_order_of_a_kind(signed_third: Course) -> None:
    order = radioactive(signed_third)
    order.pk = None
    order.public_id = "7d1f6f0a-0000-4000-8000-000000000001"
    with pytest.raises(IntegrityError), transaction.atomic():
        order.save(force_insert=True)


@pytest.mark.parametrize("state", ["active", "accepted", "prepared", "dispensed", "done"])
def test_the_database_refuses_a_radioactive_order_without_directive(signed_third: Course, state: str) -> None:
    order = radioactive(signed_third)
    order.directive, order.state = None, state
    with pytest.raises(IntegrityError), transaction.atomic():
        order.save()


def test_a_void_order_never_comes_back(signed_third: Course, physician: User) -> None:
    order = radioactive(signed_third)
    at = clinic_time(date(2026, 4, 28))
    move_order(order=order, to=OrderState.VOID, reason_code="test", actor=physician, decision=None, now=at)
    with pytest.raises(IllegalTransition):
        move_order(order=order, to=OrderState.ACTIVE, reason_code="", actor=physician, decision=None, now=at)


def test_the_sweep_assesses_every_open_course_and_no_other(signed_third: Course) -> None:
    assert sweep_courses(now=clinic_time(date(2026, 4, 28), 18)) == 1
    signed_third.status = CourseStatus.COMPLETED
    signed_third.save(update_fields=["status"])
    assert sweep_courses(now=clinic_time(date(2026, 4, 28), 19)) == 0


def test_the_sweep_can_leave_what_is_younger_to_others(signed_third: Course) -> None:
    newest = signed_third.patient.observations.latest("pk").received_at
    waiting = timedelta(seconds=20)
    assert sweep_courses(now=newest + timedelta(seconds=5), older_than=waiting) == 0


def test_a_message_read_after_a_decision_made_since_its_receipt_is_found(signed_third: Course) -> None:
    received = signed_third.patient.observations.latest("pk").received_at
    decision = signed_third.decisions.latest("pk")
    later = Decision(
        **{
            field.attname: getattr(decision, field.attname)
            for field in Decision._meta.concrete_fields
            if field.attname not in ("id", "public_id")
        }
    )
    later.made_at = received + timedelta(seconds=40)
    later.save()
    signed_third.current_decision = later
    signed_third.save(update_fields=["current_decision"])
    now = received + timedelta(minutes=2)
    assert sweep_courses(now=now, older_than=timedelta(seconds=20)) == 1


def test_a_sweep_dates_each_decision_when_it_is_made(before_third: Course) -> None:
    began = database_now()
    sweep_courses()
    assert before_third.decisions.latest("pk").made_at > began


def test_queries_of_an_assessment_do_not_grow_with_history(
    signed_third: Course, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for day in range(1, 15):
        draw(signed_third.patient, add_days(date(2026, 3, 20), day))
    at = clinic_time(date(2026, 4, 28), 18)
    assess_course(course_id=signed_third.pk, now=at)
    # The course is locked without joins, so patient and decision are read one by one under the lock.
    # Two of them ask what was given in other courses, as the ledger counts it.
    with django_assert_max_num_queries(19):  # type: ignore[attr-defined]
        assess_course(course_id=signed_third.pk, now=at)


def test_a_patient_registered_twice_is_refused(before_third: Course) -> None:
    with pytest.raises(ValidationError):
        make_patient()
