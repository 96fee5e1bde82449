"""Pharmacy's acts through the services: each step at the live gate, each refusal by its code."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from courses.models import (
    AminoAcidBag,
    AssayDirection,
    Course,
    Decision,
    DirectiveVoid,
    DispensedUnit,
    Infusion,
    Order,
    OrderEvent,
    Recall,
)
from courses.rules.order_states import OrderState, is_legal, needs_reason
from courses.services import handling
from courses.services.assay_direction import direct_assay
from courses.services.assess import assess_course
from courses.services.authority import NotAllowed
from courses.services.cancel_requests import ask_to_cancel, decline_to_cancel, request_of
from courses.services.day_state import is_called_back
from courses.services.facts import record_fact
from courses.services.handling import Handled, OrderRefused, StaleOrder
from courses.services.orders import IllegalTransition, move_order
from courses.services.pharmacy import (
    BagMade,
    accept_order,
    cancel_order,
    dispense_order,
    prepare_order,
)
from courses.services.sign import current_signature, sign_decision
from courses.services.vials import record_vial_fate
from tests.builders import clinic_time, colleague, draw, sign
from tests.builders_pharmacy import (
    MEASURED_AT,
    MORNING,
    NOW,
    PLANNED,
    dispensed,
    order_of,
    pharmacist,
    physician,
    prepared,
    receive,
    signed_course,
    unit,
)

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


@pytest.fixture
def course() -> Course:
    """Cycle 2 signed for 9 March, its orders active."""
    return signed_course()


def refused(act: Callable[[], Any]) -> OrderRefused:
    """What an act is refused with."""
    with pytest.raises(OrderRefused) as caught:
        act()
    return caught.value


def codes(act: Callable[[], Any]) -> list[str]:
    return [each.code for each in refused(act).faults]


def bag(**changes: Any) -> BagMade:
    return BagMade(
        **{
            "lot": "AA-77",
            "lysine_g": Decimal(25),
            "arginine_g": Decimal(25),
            "volume_ml": Decimal(1000),
            "expires_at": clinic_time(PLANNED + timedelta(days=1)),
            "prepared_name": "P. Pharma",
            "verified_name": "Q. Control",
            **changes,
        }
    )


# --- The way through ------------------------------------------------------------------------------


def test_an_order_goes_from_active_to_dispensed_with_one_labelled_unit(course: Course) -> None:
    order = dispensed(course)
    assert order.state == "dispensed"
    made = DispensedUnit.objects.get()
    assert (made.order, made.directive, made.vial.lot) == (order, order.directive, "L-2611")
    assert made.label.startswith(f"R{made.directive.revision}-")
    assert len(made.label) <= 10
    assert not set(made.label.partition("-")[2]) & set("01OILSBZ5")
    assert (made.measured_gbq, made.measured_at, made.warning) == (Decimal("7.42"), MEASURED_AT, "")
    assert [event.to_state for event in order.events.order_by("pk")][-3:] == [
        "accepted",
        "prepared",
        "dispensed",
    ]
    assert {event.actor for event in order.events.order_by("-pk")[:3]} == {pharmacist()}


def test_only_who_handles_orders_may(course: Course, person: Person) -> None:
    order = order_of(course)
    for role in ("nurse", "physician", "physicist", "auditor", "lab-feed"):
        who = person(role)
        for act in (accept_order, prepare_order, dispense_order):
            with pytest.raises(NotAllowed):
                act(order=order, by=who, now=MORNING)
        if role != "physician":
            with pytest.raises(NotAllowed):
                cancel_order(order=order, by=who, reason="mistake", now=MORNING)
    assert order_of(course).state == "active"


@pytest.mark.hazard("HZ-44")
def test_a_decision_of_another_cycle_covers_no_order(course: Course) -> None:
    order = order_of(course)
    other = Decision.objects.filter(cycle__course=course).exclude(cycle=order.cycle).latest("pk")
    assert (other.action, current_signature(other) is not None) == ("proceed", True)
    handled = Handled(order=order, course=course, by=pharmacist(), now=MORNING, decision=other)
    assert codes(lambda: handling.check_covered(handled)) == ["cycle-not-next"]


def test_steps_are_not_skipped(course: Course) -> None:
    order, vial = order_of(course), receive(course)
    assert codes(lambda: prepare_order(order=order, by=pharmacist(), now=NOW)) == ["wrong-state"]
    assert codes(lambda: dispense_order(order=order, by=pharmacist(), made=unit(vial), now=NOW)) == [
        "wrong-state"
    ]
    accept_order(order=order, by=pharmacist(), now=NOW)
    assert codes(lambda: accept_order(order=order, by=pharmacist(), now=NOW)) == ["wrong-state"]


def test_an_order_read_in_another_version_is_not_acted_on(course: Course) -> None:
    order = order_of(course)
    with pytest.raises(StaleOrder) as caught:
        accept_order(order=order, by=pharmacist(), version=order.version + 1, now=MORNING)
    assert caught.value.order == order
    assert order_of(course).state == "active"


def test_other_medicines_are_dispensed_without_a_unit(course: Course) -> None:
    order = dispense_order(order=prepared(course, "antiemetic"), by=pharmacist(), now=NOW)
    assert order.state == "dispensed"
    other = prepared(course, "amino_acids")
    assert codes(lambda: dispense_order(order=other, by=pharmacist(), now=NOW)) == ["unit-wrong"]


# --- The gate -------------------------------------------------------------------------------------


@pytest.mark.hazard("HZ-48")
def test_a_late_result_stops_pharmacy_at_every_step_and_its_finding_stays(course: Course) -> None:
    order = prepared(course)
    vial = receive(course)
    draw(course.patient, date(2026, 3, 8), PLT="60")  # nobody has assessed the course since
    refusal = refused(lambda: dispense_order(order=order, by=pharmacist(), made=unit(vial), now=NOW))
    assert [each.code for each in refusal.faults] == ["not-a-go"]
    assert "delay" in str(refusal)
    order.refresh_from_db()
    assert (order.state, order.reason_code) == ("suspended", "DM-PLT")
    assert not DispensedUnit.objects.exists()


@pytest.mark.hazard("HZ-48")
def test_after_a_stop_nothing_of_the_course_can_be_taken_on(course: Course) -> None:
    record_fact(
        kind="adverse_event",
        data={"term": "Anaphylaxis", "grade": 4, "from": "2026-03-07"},
        by=colleague("fact-nurse", "nurse"),
        patient=course.patient,
        now=clinic_time(date(2026, 3, 7)),
    )
    order = order_of(course)
    assert codes(lambda: accept_order(order=order, by=pharmacist(), now=MORNING)) == ["not-a-go"]
    open_orders = Order.objects.filter(state__in=["active", "accepted", "prepared", "suspended"])
    # Of the cycle that was given the analogue still comes back.
    assert not open_orders.exclude(kind="analogue_restart", cycle__administration__isnull=False).exists()
    decision = assess_course(course_id=course.pk, now=MORNING)
    assert decision is not None
    sign(decision, by=physician(), now=MORNING)
    assert codes(lambda: accept_order(order=order, by=pharmacist(), now=NOW)) == ["course-closed"]


def test_what_was_suspended_and_recovered_waits_for_a_new_signature(course: Course) -> None:
    draw(course.patient, date(2026, 3, 7), PLT="60")
    assess_course(course_id=course.pk, now=clinic_time(date(2026, 3, 7), 12))
    draw(course.patient, date(2026, 3, 8))
    order = order_of(course)
    decision = assess_course(course_id=course.pk, now=MORNING)
    assert decision is not None
    if decision.action in ("proceed", "reduce"):
        assert codes(lambda: accept_order(order=order, by=pharmacist(), now=MORNING)) == ["not-signed"]


def test_an_order_on_a_directive_that_is_void_goes_nowhere(course: Course) -> None:
    order = order_of(course)
    assert order.directive is not None
    DirectiveVoid.objects.create(directive=order.directive, reason_code="planted", at=MORNING)
    found = codes(lambda: accept_order(order=order, by=pharmacist(), now=MORNING))
    assert found[0] in ("directive-void", "not-signed")


def test_after_the_directive_s_day_nothing_is_handed_out(course: Course) -> None:
    order = order_of(course)
    late = clinic_time(PLANNED + timedelta(days=1), 7)
    found = codes(lambda: accept_order(order=order, by=pharmacist(), now=late))
    assert found == ["directive-past"]


def test_while_a_part_that_was_given_is_not_judged_nothing_is_handed_out(course: Course) -> None:
    order = order_of(course)
    Infusion.objects.create(
        cycle=order.cycle,
        product="x",
        started_at=MORNING,
        ended_at=MORNING,
        ended_how="leak",
        delivered_gbq=Decimal(1),
        deviation="planted",
        recorded_by=physician(),
        recorded_at=MORNING,
    )
    assert codes(lambda: accept_order(order=order, by=pharmacist(), now=NOW)) == ["judgement-open"]


# --- The unit against vial and directive ------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"product_code": "69488-003-02"}, "product-code-wrong", "product_code"),
        ({"lot": "L-2612"}, "lot-differs", "lot"),
        ({"activity": "7400"}, "activity-unreadable", "activity"),
        ({"activity": "7.4 Gbq"}, "activity-unreadable", "activity"),
        ({"activity": "7.4000001 GBq"}, "activity-unreadable", "activity"),
        ({"measured_at": NOW + timedelta(seconds=1)}, "measured-in-future", "measured_at"),
        ({"measured_at": NOW.replace(tzinfo=None)}, "instant-unreadable", "measured_at"),
        ({"measured_at": MORNING - timedelta(minutes=1)}, "measured-early", "measured_at"),
        ({"volume_ml": Decimal(0)}, "size-unreadable", "volume_ml"),
        ({"volume_ml": Decimal("22.501")}, "size-unreadable", "volume_ml"),
        ({"volume_ml": Decimal("22.51")}, "volume-exceeds-vial", "volume_ml"),
        ({"form": "cup"}, "form-unknown", "form"),
        ({"prepared_name": " "}, "name-missing", "prepared_by"),
        ({"verified_name": "\u200b"}, "name-missing", "verified_by"),
        ({"verified_name": "p.  PHARMA"}, "same-person", "verified_by"),
        ({"vial": "0b8f5c0e-3f0a-4d0e-9a55-0e0f6f5f1a11"}, "vial-unknown", "vial"),
        ({"activity": "8.880001 GBq"}, "assay-refused", "activity"),
        ({"activity": "5.919999 GBq"}, "assay-refused", "activity"),
    ],
)
@pytest.mark.hazard("HZ-50")
@pytest.mark.hazard("HZ-51")
def test_a_unit_that_cannot_be_right_is_refused_at_its_field(
    course: Course, changes: dict[str, Any], code: str, field: str
) -> None:
    vial, order = receive(course), prepared(course)
    refusal = refused(
        lambda: dispense_order(order=order, by=pharmacist(), made=unit(vial, **changes), now=NOW)
    )
    assert [(each.code, each.field) for each in refusal.faults] == [(code, field)]
    order.refresh_from_db()
    assert order.state == "prepared"
    assert not DispensedUnit.objects.exists()


@pytest.mark.hazard("HZ-51")
def test_every_fault_is_told_at_once(course: Course) -> None:
    vial, order = receive(course), prepared(course)
    made = unit(vial, product_code="other", lot="other", activity="9 GBq")
    assert codes(lambda: dispense_order(order=order, by=pharmacist(), made=made, now=NOW)) == [
        "product-code-wrong",
        "lot-differs",
        "assay-refused",
    ]


# Bands of the clinical dossier, 7.2: 7.4 GBq ± 10 % is 6.66 to 8.14, ± 20 % is 5.92 to 8.88.
@pytest.mark.parametrize(
    ("activity", "warns"),
    [
        ("6.66 GBq", False),
        ("8.14 GBq", False),
        ("220 mCi", False),
        ("8.140001 GBq", True),
        ("6.659999 GBq", True),
        ("8.88 GBq", True),
        ("5.92 GBq", True),
        ("240 mCi", True),
    ],
)
@pytest.mark.hazard("HZ-50")
def test_beyond_ten_percent_warns_and_exactly_twenty_is_handed_out(
    course: Course, activity: str, warns: bool
) -> None:
    dispensed(course, activity=activity)
    warning = DispensedUnit.objects.get().warning
    assert bool(warning) is warns
    if warns:
        assert "7.4 GBq (200 mCi)" in warning
        assert "more than 10 %" in warning


@pytest.mark.hazard("HZ-52")
def test_a_vial_is_handed_out_up_to_its_last_instant_and_not_after(course: Course) -> None:
    last = NOW
    vial = receive(course, calibrated_at=last - timedelta(hours=72), expires_at=last)
    order = prepared(course)
    late = last + timedelta(microseconds=1)
    assert codes(lambda: dispense_order(order=order, by=pharmacist(), made=unit(vial), now=late)) == [
        "expired"
    ]
    assert dispense_order(order=order, by=pharmacist(), made=unit(vial), now=last).state == "dispensed"
    assert "expires before the planned start" in DispensedUnit.objects.get().warning


def test_a_vial_that_is_gone_is_not_handed_out_and_one_that_was_kept_is(course: Course) -> None:
    vial, order = receive(course), prepared(course)
    record_vial_fate(vial=vial, fate="kept", reason="patient unwell", by=pharmacist(), now=NOW)
    record_vial_fate(vial=vial, fate="late", reason="traffic", by=pharmacist(), now=NOW)
    made = unit(vial)
    other = receive(course, lot="L-2612")
    record_vial_fate(vial=other, fate="spilled", reason="dropped", by=pharmacist(), now=NOW)
    assert codes(lambda: dispense_order(order=order, by=pharmacist(), made=unit(other), now=NOW)) == [
        "vial-gone"
    ]
    assert dispense_order(order=order, by=pharmacist(), made=made, now=NOW).state == "dispensed"


def test_a_vial_of_another_patient_is_unknown(course: Course) -> None:
    other = signed_course(mrn="T-2")
    vial, order = receive(other), prepared(course)
    assert codes(lambda: dispense_order(order=order, by=pharmacist(), made=unit(vial), now=NOW)) == [
        "vial-unknown"
    ]


# --- Directed in writing ----------------------------------------------------------------------------


def direct(order: Order, **changes: Any) -> AssayDirection:
    return direct_assay(
        **{
            "order": order,
            "activity": "9 GBq",
            "measured_at": MEASURED_AT,
            "reason": "The only vial; agreed with the patient.",
            "by": physician(),
            "authenticated_at": NOW - timedelta(seconds=10),
            "now": NOW,
            **changes,
        }
    )


@pytest.mark.hazard("HZ-50")
def test_beyond_twenty_percent_an_authorised_user_directs_exactly_one_measurement(course: Course) -> None:
    vial, order = receive(course), prepared(course)
    said = direct(order)
    for changes in ({"activity": "9.01 GBq"}, {"measured_at": MEASURED_AT + timedelta(minutes=1)}):
        made = unit(vial, **{"activity": "9 GBq", **changes})
        assert codes(lambda made=made: dispense_order(order=order, by=pharmacist(), made=made, now=NOW)) == [  # type: ignore[misc]
            "assay-refused"
        ]
    dispense_order(order=order, by=pharmacist(), made=unit(vial, activity="9000 MBq"), now=NOW)
    out = DispensedUnit.objects.get()
    assert out.direction == said
    assert "directed in writing" in out.warning


def test_only_an_authorised_user_with_a_fresh_password_directs(course: Course, person: Person) -> None:
    receive(course)
    order = prepared(course)
    for who in (pharmacist(), person("physician")):
        with pytest.raises(NotAllowed):
            direct(order, by=who)
    with pytest.raises(NotAllowed):
        direct(order, authenticated_at=NOW - timedelta(minutes=5))
    with pytest.raises(NotAllowed):
        direct(order, authenticated_at=None)
    assert not AssayDirection.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"activity": "8.88 GBq"}, "direction-needless"),
        ({"activity": "9"}, "activity-unreadable"),
        ({"reason": "\u3164"}, "reason-missing"),
        ({"measured_at": NOW + timedelta(seconds=1)}, "measured-in-future"),
    ],
)
def test_a_direction_says_what_it_needs(course: Course, changes: dict[str, Any], code: str) -> None:
    order = prepared(course)
    assert codes(lambda: direct(order, **changes)) == [code]


def test_a_direction_is_given_for_a_prepared_radioactive_order_alone(course: Course) -> None:
    assert codes(lambda: direct(order_of(course))) == ["wrong-state"]
    assert codes(lambda: direct(prepared(course, "amino_acids"))) == ["kind-wrong"]


# --- Amino acids ------------------------------------------------------------------------------------


def test_amino_acids_are_handed_out_as_a_labelled_bag(course: Course) -> None:
    order = dispense_order(order=prepared(course, "amino_acids"), by=pharmacist(), made=bag(), now=NOW)
    made = AminoAcidBag.objects.get()
    assert (made.order, made.lysine_g, made.volume_ml) == (order, 25, 1000)
    assert made.label.startswith("AA-")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"lysine_g": Decimal("17.99")}, [("composition-wrong", "lysine_g")]),
        ({"arginine_g": Decimal("25.01")}, [("composition-wrong", "arginine_g")]),
        ({"volume_ml": Decimal("999.9")}, [("composition-wrong", "volume_ml")]),
        ({"volume_ml": Decimal("2000.1")}, [("composition-wrong", "volume_ml")]),
        ({"lot": ""}, [("lot-missing", "lot")]),
        ({"expires_at": NOW - timedelta(seconds=1)}, [("expired", "expires_at")]),
        ({"verified_name": "P. Pharma"}, [("same-person", "verified_by")]),
    ],
)
def test_a_bag_that_is_not_what_the_protocol_asks_is_refused(
    course: Course, changes: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    order = prepared(course, "amino_acids")
    refusal = refused(lambda: dispense_order(order=order, by=pharmacist(), made=bag(**changes), now=NOW))
    assert [(each.code, each.field) for each in refusal.faults] == found


@pytest.mark.parametrize(
    "changes", [{"lysine_g": Decimal(18)}, {"volume_ml": Decimal(2000)}, {"expires_at": NOW}]
)
def test_a_bag_at_its_bound_is_handed_out(course: Course, changes: dict[str, Any]) -> None:
    order = prepared(course, "amino_acids")
    assert dispense_order(order=order, by=pharmacist(), made=bag(**changes), now=NOW).state == "dispensed"


# --- Cancelling -------------------------------------------------------------------------------------


def test_a_cancelled_order_keeps_its_reason_and_ends_its_directive(course: Course) -> None:
    order = cancel_order(order=order_of(course), by=pharmacist(), reason="No vial to be had.", now=MORNING)
    event = OrderEvent.objects.filter(order=order).latest("pk")
    assert (event.to_state, event.reason_code, event.note) == (
        "cancelled",
        "cancelled-by-pharmacy",
        "No vial to be had.",
    )
    assert DirectiveVoid.objects.filter(directive=order.directive).exists()


def test_a_physician_cancels_too_and_the_record_says_that_it_was_not_pharmacy(
    course: Course, person: Person
) -> None:
    order = cancel_order(
        order=order_of(course), by=person("physician"), reason="Unwell, not this week.", now=MORNING
    )
    event = OrderEvent.objects.filter(order=order).latest("pk")
    assert (event.to_state, event.reason_code) == ("cancelled", "cancelled-by-physician")
    assert DirectiveVoid.objects.filter(directive=order.directive).exists()


def test_what_has_left_pharmacy_is_called_back_and_not_cancelled_by_a_physician(
    course: Course, person: Person
) -> None:
    order = dispensed(course)
    doctor = person("physician")
    assert codes(lambda: cancel_order(order=order, by=doctor, reason="Unwell today.", now=NOW)) == [
        "left-pharmacy"
    ]
    assert order_of(course).state == "dispensed"


def test_a_nurse_asks_for_it_to_be_cancelled_and_the_order_stays_until_somebody_answers(
    course: Course, person: Person
) -> None:
    order, sister = order_of(course), person("nurse")
    with pytest.raises(NotAllowed, match="Only a physician or pharmacy cancels"):
        cancel_order(order=order, by=sister, reason="Vomits since the morning.", now=MORNING)
    asked = ask_to_cancel(order=order, by=sister, reason="Vomits since the morning.", now=MORNING)
    assert (asked.state, asked.reason_code, asked.version) == ("active", "cancel-asked", order.version + 1)
    waiting = request_of(asked)
    assert waiting is not None
    assert (waiting.note, waiting.actor) == ("Vomits since the morning.", sister)
    assert codes(lambda: ask_to_cancel(order=asked, by=sister, reason="again", now=MORNING)) == [
        "cancel-asked"
    ]
    ended = cancel_order(order=asked, by=pharmacist(), reason="The nurse asked for it.", now=MORNING)
    assert (ended.state, request_of(ended)) == ("cancelled", None)


def test_a_request_to_cancel_is_declined_with_a_reason_or_answered_by_going_on(
    course: Course, person: Person
) -> None:
    order, sister = order_of(course), person("nurse")
    assert codes(lambda: decline_to_cancel(order=order, by=pharmacist(), reason="no", now=MORNING)) == [
        "cancel-not-asked"
    ]
    ask_to_cancel(order=order, by=sister, reason="Vomits.", now=MORNING)
    with pytest.raises(NotAllowed, match="answers a request"):
        decline_to_cancel(order=order, by=sister, reason="no", now=MORNING)
    assert codes(lambda: decline_to_cancel(order=order, by=pharmacist(), reason=" ", now=MORNING)) == [
        "reason-missing"
    ]
    on = decline_to_cancel(order=order, by=person("physician"), reason="She is better.", now=MORNING)
    assert (on.state, on.reason_code, request_of(on)) == ("active", "", None)
    ask_to_cancel(order=on, by=sister, reason="Vomits again.", now=MORNING)
    accepted = accept_order(order=on, by=pharmacist(), now=MORNING)
    assert request_of(accepted) is None


def test_what_the_service_does_by_itself_is_no_answer_to_a_request(course: Course, person: Person) -> None:
    order = ask_to_cancel(order=order_of(course), by=person("nurse"), reason="Vomits.", now=MORNING)
    draw(course.patient, PLANNED - timedelta(days=1), PLT="60")
    assess_course(course_id=course.pk, now=NOW)
    order = Order.objects.get(pk=order.pk)
    assert order.state == "suspended"
    assert request_of(order) is not None


def test_a_request_and_its_answer_leave_the_reason_for_which_an_order_is_suspended(
    course: Course, person: Person
) -> None:
    draw(course.patient, PLANNED - timedelta(days=1), PLT="60")
    assess_course(course_id=course.pk, now=NOW)
    order = order_of(course)
    assert (order.state, order.reason_code) == ("suspended", "DM-PLT")
    asked = ask_to_cancel(order=order, by=person("nurse"), reason="Vomits.", now=NOW)
    assert (asked.reason_code, request_of(asked) is not None) == ("DM-PLT", True)
    answered = decline_to_cancel(order=asked, by=pharmacist(), reason="It waits anyway.", now=NOW)
    assert (answered.reason_code, request_of(answered)) == ("DM-PLT", None)


def test_what_is_out_and_what_a_physician_leaves_out_is_not_asked_for(course: Course, person: Person) -> None:
    sister = person("nurse")
    tablet = order_of(course, "antiemetic")
    assert codes(lambda: ask_to_cancel(order=tablet, by=sister, reason="no", now=MORNING)) == [
        "left-out-by-physician"
    ]
    out = dispensed(course)
    assert codes(lambda: ask_to_cancel(order=out, by=sister, reason="no", now=NOW)) == ["left-pharmacy"]
    assert not is_called_back(out)


@pytest.mark.parametrize("kind", ["antiemetic", "rescue"])
def test_what_belongs_to_the_set_is_left_out_by_a_physician_and_not_cancelled(
    course: Course, kind: str
) -> None:
    order = order_of(course, kind)
    assert codes(lambda: cancel_order(order=order, by=pharmacist(), reason="None left.", now=MORNING)) == [
        "left-out-by-physician"
    ]
    assert order_of(course, kind).state == "active"


@pytest.mark.parametrize(
    ("form", "fate", "is_called_back"),
    [
        ("vial", "damaged", True),
        ("vial", "spilled", True),
        ("vial", "wasted", True),
        ("vial", "late", False),
        ("part", "spilled", True),
        ("part", "wasted", False),
        ("syringe", "spilled", False),
    ],
)
def test_a_vial_that_is_gone_calls_back_what_was_handed_out_of_it(
    course: Course, form: str, fate: str, is_called_back: bool
) -> None:
    order = dispensed(course, form=form)
    record_vial_fate(vial=order.units.get().vial, fate=fate, reason="It leaks.", by=pharmacist(), now=NOW)
    assert Recall.objects.filter(order=order, reason_code=f"vial-{fate}").exists() is is_called_back
    order.refresh_from_db()
    assert hasattr(order.directive, "voided") is is_called_back


def test_a_reason_nobody_can_see_cancels_nothing(course: Course) -> None:
    order = order_of(course)
    assert codes(lambda: cancel_order(order=order, by=pharmacist(), reason=" \u200b", now=MORNING)) == [
        "reason-missing"
    ]
    assert order_of(course).state == "active"


def test_after_a_cancelled_order_the_cycle_is_signed_anew_and_ordered_once_more(course: Course) -> None:
    first = cancel_order(order=order_of(course), by=pharmacist(), reason="No vial to be had.", now=MORNING)
    decision = assess_course(course_id=course.pk, now=MORNING)
    assert decision is not None
    assert decision.confirms is None
    again = order_of(course)
    assert (again.state, again != first) == ("proposed", True)
    assert codes(lambda: accept_order(order=again, by=pharmacist(), now=MORNING)) == ["not-signed"]
    sign(decision, by=physician(), now=NOW)
    assert assess_course(course_id=course.pk, now=NOW) == decision
    again.refresh_from_db()
    assert (again.state, again.directive.revision) == ("active", 2)


def test_what_has_left_pharmacy_is_called_off_only_with_a_reason(course: Course) -> None:
    assert needs_reason(before=OrderState.DISPENSED, after=OrderState.CANCELLED)
    assert not needs_reason(before=OrderState.ACTIVE, after=OrderState.CANCELLED)
    assert is_legal(before=OrderState.DISPENSED, after=OrderState.CANCELLED)
    order = dispensed(course)
    with pytest.raises(IllegalTransition, match="reason"):
        move_order(order=order, to=OrderState.CANCELLED, reason_code="", actor=None, decision=None, now=NOW)
    order.refresh_from_db()
    assert cancel_order(order=order, by=pharmacist(), reason="unwell", now=NOW).state == "cancelled"


def test_a_vial_handed_out_once_is_handed_out_again_only_after_its_order_ended(course: Course) -> None:
    first = dispensed(course)
    vial = first.units.get().vial
    cancel_order(order=first, by=pharmacist(), reason="patient unwell, later today", now=NOW)
    decision = assess_course(course_id=course.pk, now=NOW)
    assert decision is not None
    sign_decision(
        decision_public_id=decision.public_id,
        evidence_sha256=decision.evidence_sha256,
        meaning=decision.action,
        signer=physician(),
        authenticated_at=NOW,
        now=NOW,
    )
    order = prepared(course, now=NOW)
    assert dispense_order(order=order, by=pharmacist(), made=unit(vial), now=NOW).state == "dispensed"
    assert [each.label[:2] for each in DispensedUnit.objects.order_by("pk")] == ["R1", "R2"]
