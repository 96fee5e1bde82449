"""Each rule that must hold: a sound clinic breaks none, and one planted fault is told by one line."""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F, Model
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.raising import Subject, raise_alert
from alerts.services.watch_treatment import watch_deviations
from courses.models import (
    Administration,
    BaselineLock,
    ChartFact,
    Course,
    Cycle,
    CycleJudgement,
    Decision,
    Directive,
    DirectiveVoid,
    FactConfirmation,
    Order,
    Recall,
    Signature,
    StartAuthorisation,
)
from courses.services.assess import assess_course, recommend_for
from courses.services.call_said import CallSaid, Symptom
from courses.services.calls import record_call, take_back_call
from courses.services.locking import next_cycle
from courses.services.manifests import manifest_of
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.models import BodyWeight, LabMessage, LabReport, MessageOutcome, Observation, Patient, Result
from labs.services import propose_merge, review_merge
from labs.zones import clinic_zone
from prrt_clinic.append_only import install_triggers
from prrt_clinic.invariants import INVARIANTS
from tests.builders import (
    clinic_time,
    colleague,
    draw,
    give_cycle,
    make_course,
    make_patient,
    panel_message,
    receive,
    sign,
)
from tests.builders_day import authorise, dispense, infuse

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
# No decision is considered for alerting here; how that is missed is tested with the alert duty.
OF_THE_RECORD = [invariant for invariant in INVARIANTS if invariant.of != "triages"]


class Clinic(NamedTuple):
    """A patient whose cycle 2 is signed, one whose cycle 1 is not, one who has no course."""

    signed: Course
    unsigned: Course
    visitor: Patient
    now: datetime


def physician() -> User:
    return colleague("doctor", "physician", "authorised-user")


@pytest.fixture
def clinic() -> Clinic:
    today = clinic_day(database_now(), clinic_zone())
    signed = make_course(make_patient(), first_on=add_days(today, -51), by=physician())
    give_cycle(signed.cycles.get(number=1), by=physician())
    draw(signed.patient, add_days(today, -1))
    decision = assess_course(course_id=signed.pk)
    assert decision is not None
    sign(decision, by=physician(), now=database_now())
    unsigned = make_course(
        make_patient(mrn="T-2", family="Birke"), first_on=add_days(today, 3), by=physician()
    )
    draw(unsigned.patient, add_days(today, -1))
    assess_course(course_id=unsigned.pk)
    visitor = make_patient(mrn="T-3", family="Buche")
    receive(panel_message(visitor, drawn_at=clinic_time(add_days(today, -30), 8)))
    return Clinic(signed, unsigned, visitor, database_now() + 2 * MINUTE)


def found(now: datetime) -> list[str]:
    """Everything that any rule finds, each with the id of its rule."""
    return [
        f"{invariant.id} {violation.words}"
        for invariant in OF_THE_RECORD
        for violation in invariant.find(now, lambda: None)
    ]


@contextmanager
def unguarded(model: type[Model]) -> Iterator[None]:
    """The table without its triggers, as somebody with the database's password could have it."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        for event in ("update", "delete"):
            on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
            cursor.execute(f'DROP TRIGGER "{table}_no_{event}"{on}')
    yield
    install_triggers(connection)


def tamper(row: Model, **columns: Any) -> None:
    """Change columns of a row of the record behind everybody's back."""
    with unguarded(type(row)):
        type(row)._default_manager.filter(pk=row.pk).update(**columns)


def radioactive(course: Course, number: int) -> Order:
    return Order.objects.get(cycle__course=course, cycle__number=number, kind="radiopharmaceutical")


def directive(course: Course, number: int) -> Directive:
    return Directive.objects.get(cycle__course=course, cycle__number=number)


def standing(course: Course) -> Decision:
    course.refresh_from_db()
    assert course.current_decision is not None
    return course.current_decision


# --- A sound clinic ------------------------------------------------------------------------------


def test_a_sound_clinic_breaks_no_rule(clinic: Clinic) -> None:
    assert found(clinic.now) == []


def test_a_cycle_that_is_given_as_it_should_be_breaks_no_rule(clinic: Clinic) -> None:
    started(clinic)
    assert found(clinic.now) == []


def test_every_rule_says_what_it_is_and_counts_what_it_looks_at(clinic: Clinic) -> None:
    for invariant in INVARIANTS:
        assert invariant.sentence
        assert invariant.count() >= 0
    told = {invariant.id for invariant in INVARIANTS}
    wanted = {f"I-{number:02d}" for number in (*range(1, 11), 12, *range(14, 23))}
    assert wanted | {"C-01", "D-01", "D-02", "D-03", "D-04", "D-05"} == told


def test_the_rules_ask_a_fixed_number_of_questions(clinic: Clinic) -> None:
    """All but those that judge each open course anew, whose charts have to be read."""
    fixed = [invariant for invariant in OF_THE_RECORD if invariant.id not in ("I-15", "I-16")]

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            for invariant in fixed:
                assert list(invariant.find(clinic.now, lambda: None)) == []
        return len(queries)

    before = cost()
    today = clinic_day(database_now(), clinic_zone())
    for number in range(3):
        other = make_course(make_patient(mrn=f"X-{number}"), first_on=add_days(today, -51), by=physician())
        give_cycle(other.cycles.get(number=1), by=physician())
    # The set-up of a laboratory is read once for all of its messages, the versions once for each batch.
    assert cost() == before


@pytest.mark.parametrize("id_", ["I-15", "I-16"])
def test_a_rule_of_open_courses_asks_nothing_of_each_but_its_chart(clinic: Clinic, id_: str) -> None:
    [rule] = [invariant for invariant in INVARIANTS if invariant.id == id_]

    def cost(act: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as queries:
            act()
        return len(queries)

    def look() -> None:
        assert list(rule.find(clinic.now, lambda: None)) == []

    today = clinic_day(database_now(), clinic_zone())
    before, charts = cost(look), 0
    for number in range(3):
        other = make_course(make_patient(mrn=f"X-{number}"), first_on=add_days(today, -51), by=physician())
        give_cycle(other.cycles.get(number=1), by=physician())
        # What was written a moment ago is not looked at yet.
        Course.objects.filter(pk=other.pk).update(started_at=clinic.now - timedelta(days=60))
    later = clinic.now + timedelta(minutes=5)
    for course in Course.objects.open():
        cycle = next_cycle(course)
        assert cycle is not None
        charts += cost(
            lambda course=course, cycle=cycle: recommend_for(  # type: ignore[misc]
                course=course, cycle=cycle, protocol_id=course.protocol_id, today=today
            )
        )
    assert before > 0
    assert cost(lambda: list(rule.find(later, lambda: None))) - charts <= 11


# --- The gate ------------------------------------------------------------------------------------


def started(clinic: Clinic, **about: Any) -> StartAuthorisation:
    unit = dispense(radioactive(clinic.signed, 2), by=physician(), at=database_now())
    other = colleague("second", "nurse")
    return authorise(unit, by=physician(), second=other, at=database_now(), **about)


def overtaken(clinic: Clinic) -> None:
    start = started(clinic)
    newer = standing(clinic.signed)
    newer.pk, newer.public_id = None, "00000000-0000-4000-8000-000000000001"
    newer.confirms = start.decision
    newer.made_at = start.authorised_at - timedelta(seconds=1)
    newer.save(force_insert=True)
    Course.objects.filter(pk=clinic.signed.pk).update(current_decision=newer)


def void_before(clinic: Clinic) -> None:
    start = started(clinic)
    at = start.authorised_at - timedelta(seconds=1)
    DirectiveVoid.objects.create(directive=start.directive, reason_code="superseded", at=at)
    Recall.objects.create(order=start.unit.order, reason_code="superseded", opened_at=at)


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (lambda c: started(c, evidence_sha256="0" * 64), "its evidence is not that of its decision"),
        (overtaken, "a newer decision stood"),
        (void_before, "its directive was void"),
        (
            lambda c: started(c, directive=directive(c.signed, 1)),
            "its directive is of another cycle; its unit was dispensed under another directive",
        ),
        (
            lambda c: started(
                c, decision=standing(c.unsigned), evidence_sha256=standing(c.unsigned).evidence_sha256
            ),
            "its decision is of another cycle; nobody had signed its decision",
        ),
    ],
)
def test_i01_a_start_that_did_not_rest_on_what_it_must(
    clinic: Clinic, plant: Callable[[Clinic], Any], words: str
) -> None:
    plant(clinic)
    assert found(clinic.now) == [f"I-01 {words}"]


def test_i02_an_order_of_a_stopped_course(clinic: Clinic) -> None:
    Order.objects.filter(cycle__course=clinic.signed, state="active").exclude(
        kind="radiopharmaceutical"
    ).update(state="cancelled")
    Course.objects.filter(pk=clinic.signed.pk).update(status="stopped")
    assert found(clinic.now) == ["I-02 is active although its course is stopped or ended"]
    # A stopped course's orders do not go on, also by a statement: what is out was out before.
    Course.objects.filter(pk=clinic.signed.pk).update(status="active")
    Order.objects.filter(cycle__course=clinic.signed, state="active").update(state="dispensed")
    Course.objects.filter(pk=clinic.signed.pk).update(status="stopped")
    assert found(clinic.now) == ["I-02 is dispensed although its course is stopped or ended"]
    order = radioactive(clinic.signed, 2)
    Recall.objects.create(order=order, reason_code="DM-REN", opened_at=database_now())
    assert found(clinic.now) == []


def test_i05_an_administration_that_nothing_covered_and_is_no_deviation(clinic: Clinic) -> None:
    Order.objects.filter(pk=radioactive(clinic.signed, 1).pk).update(state="cancelled")
    assert found(clinic.now) == [
        "I-05 has neither an authorised start nor an order that held, and is no deviation"
    ]


@pytest.mark.hazard("HZ-62")
def test_i05_a_deviation_that_nobody_was_told_of(clinic: Clinic) -> None:
    infuse(clinic.signed.cycles.get(number=2), by=physician(), at=database_now() - timedelta(hours=1))
    line = "I-05 went without authorisation, and no alert told anybody within a minute"
    assert found(clinic.now) == [line]
    watch_deviations(now=database_now())
    assert found(clinic.now) == []


def test_i05_a_deviating_administration_that_nobody_was_told_of(clinic: Clinic) -> None:
    Order.objects.filter(pk=radioactive(clinic.signed, 1).pk).update(state="cancelled")
    given = Administration.objects.get()
    tamper(given, deviation="no order", recorded_at=database_now() - timedelta(hours=1))
    Course.objects.filter(pk=clinic.signed.pk).update(
        baseline_locked_at=F("baseline_locked_at") - timedelta(days=90)
    )
    assert [line for line in found(clinic.now) if line.startswith("I-05")] == [
        "I-05 went without authorisation, and no alert told anybody within a minute"
    ]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"activity_gbq": Decimal("3.7")}, "has another activity than its decision"),
        (
            {"product": "lutetium Lu 177 vipivotide tetraxetan"},
            "has another product or route than its protocol",
        ),
        ({"route": "intra-arterial"}, "has another product or route than its protocol"),
    ],
)
def test_i06_a_directive_that_is_not_what_was_signed(
    clinic: Clinic, columns: dict[str, Any], words: str
) -> None:
    tamper(directive(clinic.signed, 2), **columns)
    assert found(clinic.now) == [f"I-06 {words}"]


def test_i06_an_order_under_a_directive_of_another_cycle(clinic: Clinic) -> None:
    Order.objects.filter(pk=radioactive(clinic.signed, 1).pk).update(directive=directive(clinic.signed, 2))
    assert found(clinic.now) == ["I-06 rests on a directive of another cycle"]


def test_i06_a_unit_of_another_product_than_directed(clinic: Clinic) -> None:
    unit = dispense(radioactive(clinic.signed, 2), by=physician(), at=database_now())
    tamper(unit, product="lutetium Lu 177 vipivotide tetraxetan")
    assert found(clinic.now) == ["I-06 has another product or cycle than its directive"]


def test_d01_an_order_that_goes_ahead_under_a_void_directive(clinic: Clinic) -> None:
    DirectiveVoid.objects.create(
        directive=directive(clinic.signed, 2), reason_code="superseded", at=database_now()
    )
    assert found(clinic.now) == [
        "D-01 is active without a directive that holds and a signature on the present verdict"
    ]


def test_d01_an_order_that_goes_ahead_under_a_verdict_nobody_signed(clinic: Clinic) -> None:
    Order.objects.filter(pk=radioactive(clinic.unsigned, 1).pk).update(
        state="accepted", directive=directive(clinic.signed, 2)
    )
    assert "D-01 is accepted without a directive that holds and a signature on the present verdict" in found(
        clinic.now
    )


@pytest.mark.hazard("HZ-46")
def test_d02_what_is_out_under_a_void_directive_and_was_not_called_back(clinic: Clinic) -> None:
    unit = dispense(radioactive(clinic.signed, 2), by=physician(), at=database_now())
    DirectiveVoid.objects.create(directive=unit.directive, reason_code="superseded", at=database_now())
    assert found(clinic.now) == [
        "D-02 is dispensed, its directive or signature no longer holds, and nobody called it back"
    ]
    Recall.objects.create(order=unit.order, reason_code="superseded", opened_at=database_now())
    assert found(clinic.now) == []


def test_d03_a_cycle_given_twice(clinic: Clinic) -> None:
    cycle = clinic.signed.cycles.get(number=2)
    start = started(clinic)
    for minutes in (0, 31):
        at = start.authorised_at + timedelta(minutes=minutes)
        infuse(cycle, by=physician(), at=at, authorisation=start, unit=start.unit)
    assert "D-03 is a second complete one of cycle 2" in found(clinic.now)


def test_d03_a_second_infusion_that_is_a_recorded_deviation_is_told_as_one(clinic: Clinic) -> None:
    cycle = clinic.signed.cycles.get(number=2)
    for hours in (3, 2):
        infuse(cycle, by=physician(), at=database_now() - timedelta(hours=hours))
    watch_deviations(now=database_now())
    assert not [each for each in found(clinic.now) if each.startswith("D-03")]


def test_d04_an_infusion_that_began_before_it_was_authorised(clinic: Clinic) -> None:
    start = started(clinic)
    at = start.authorised_at - 5 * MINUTE
    infuse(start.therapy_day.cycle, by=physician(), at=at, authorisation=start, unit=start.unit)
    assert found(clinic.now) == [
        "D-04 does not fit its authorised start (cycle, unit or time) and is no deviation"
    ]


def test_c01_a_complaint_that_stands_although_its_call_was_taken_back(clinic: Clinic) -> None:
    said = CallSaid(
        occasion="other",
        outcome="spoken",
        spoken_at=clinic.now - 2 * MINUTE,
        channel="telephone",
        spoken_by="Nora",
        spoken_with="patient",
        symptoms=[Symptom(term="Fatigue", grade=1, began_on=clinic_day(clinic.now, clinic_zone()))],
    )
    nurse = colleague("nora", "nurse")
    call = record_call(course=clinic.unsigned, key=uuid4(), said=said, by=nurse, now=clinic.now)
    take_back_call(call=call, seen=1, reason="Wrong patient.", by=nurse, now=clinic.now)
    assert not [each for each in found(clinic.now) if each.startswith("C-01")]
    withdrawal = ChartFact.objects.get(withdraws__calls__call=call)
    other = ChartFact.objects.exclude(calls__call=call).filter(patient=clinic.signed.patient).first()
    tamper(withdrawal, withdraws=other)
    fact = call.facts.get().fact.public_id
    assert f"C-01 was taken back, but fact {fact} still stands" in found(clinic.now)


# --- The record ----------------------------------------------------------------------------------


def test_i03_a_cycle_beyond_the_protocol(clinic: Clinic) -> None:
    far = add_days(clinic.signed.cycles.get(number=4).planned_on, 56)
    Cycle.objects.create(course=clinic.signed, number=5, planned_on=far)
    assert found(clinic.now) == ["I-03 has a cycle 5; its protocol knows 4"]


@pytest.mark.hazard("HZ-65")
def test_i03_a_person_with_two_open_courses(clinic: Clinic) -> None:
    Cycle.objects.filter(course=clinic.unsigned).update(planned_on=F("planned_on") + timedelta(days=400))
    assess_course(course_id=clinic.unsigned.pk)
    merge = propose_merge(
        retired=clinic.unsigned.patient, survivor=clinic.signed.patient, reason="Same.", proposed_by="clerk"
    ).merge
    for who in (colleague("merger-1", "nurse"), colleague("merger-2", "physician")):
        review_merge(merge=merge, by=who, agrees=True)
    for course in (clinic.signed, clinic.unsigned):
        assess_course(course_id=course.pk)
    lines = [line for line in found(clinic.now) if line.startswith("I-03")]
    assert lines == [f"I-03 is open beside course {clinic.signed.public_id} of the same person"]


@pytest.mark.hazard("HZ-49")
def test_i04_a_planned_cycle_too_close_to_the_one_before(clinic: Clinic) -> None:
    second = clinic.signed.cycles.get(number=2)
    Cycle.objects.filter(course=clinic.signed, number=3).update(planned_on=add_days(second.planned_on, 10))
    assert found(clinic.now) == ["I-04 lies 10 days after the treatment before it; at least 49 are needed"]


@pytest.mark.hazard("HZ-49")
def test_i04_the_whole_activity_too_close_to_a_part_that_does_not_count(clinic: Clinic) -> None:
    cycle, today = clinic.unsigned.cycles.get(number=1), clinic_day(clinic.now, clinic_zone())

    def lines(planned_in: int) -> list[str]:
        Cycle.objects.filter(pk=cycle.pk).update(planned_on=add_days(today, planned_in))
        for number in (2, 3, 4):
            later = Cycle.objects.filter(course=clinic.unsigned, number=number)
            later.update(planned_on=add_days(today, 60 * number))
        return [each.words for each in rule.find(clinic.now, lambda: None)]

    [rule] = [invariant for invariant in INVARIANTS if invariant.id == "I-04"]
    at = clinic_time(today, 0)
    part = infuse(cycle, by=physician(), at=at, gbq="6", ended_how="extravasation")
    assert lines(1) == []  # nobody has judged it yet: its remainder may follow at any distance
    CycleJudgement.objects.create(
        cycle=cycle,
        infusion=part,
        counts=False,
        reason="It went into the tissue.",
        signer=physician(),
        printed_name="doctor",
        authenticated_at=at,
        signed_at=at,
    )
    assert lines(1) == ["lies 1 days after the treatment before it; at least 49 are needed"]
    assert lines(49) == []
    assert lines(0) == []  # the day of the part itself is no plan any more
    tamper(directive(clinic.signed, 2), cycle=cycle)
    assert lines(0) == ["lies 0 days after the treatment before it; at least 49 are needed"]
    override = ChartFact.objects.create(
        patient=cycle.course.patient,
        course=cycle.course,
        kind="overrides",
        data={"rule": "SCH-WINDOW", "cycle": 1},
        reason="Hardly anything of it reached the patient.",
        authenticated_at=at,
        second_needed=True,
        recorded_by=physician(),
        printed_name="doctor",
        recorded_at=at,
    )
    assert len(lines(0)) == 1
    FactConfirmation.objects.create(
        fact=override,
        confirmed_by=colleague("d2", "physician"),
        printed_name="d2",
        authenticated_at=at,
        confirmed_at=at,
    )
    assert lines(0) == []


def test_i07_an_administration_that_is_not_the_sum_of_its_infusions(clinic: Clinic) -> None:
    given = Administration.objects.get()
    infuse(given.cycle, by=physician(), at=given.recorded_at - timedelta(hours=1), gbq="3", ended_how="leak")
    watch_deviations(now=database_now())
    assess_course(course_id=clinic.signed.pk)  # an infusion is evidence: a decision rests on it
    assert found(clinic.now) == ["I-07 says 7.4 GBq; its infusions come to 3 GBq"]


def test_i07_an_administration_that_no_ledger_counts(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courses.invariants_record.entries_by_person", dict)
    assert found(clinic.now) == ["I-07 stands in no ledger"]


def test_i08_a_course_that_was_treated_before_its_baselines_were_locked(clinic: Clinic) -> None:
    Course.objects.filter(pk=clinic.signed.pk).update(status="completed", baseline_locked_at=None)
    assert found(clinic.now) == ["I-08 was treated before its baselines were locked"]


def test_i08_a_baseline_that_was_collected_after_the_first_treatment(clinic: Clinic) -> None:
    Course.objects.filter(pk=clinic.signed.pk).update(status="completed")
    lock = BaselineLock.objects.get(analyte="PLT")
    Result.objects.filter(baseline_locks=lock).update(collected_at=database_now())
    assert found(clinic.now) == [
        "I-08 has a baseline of PLT that is not from before the day of its first treatment"
    ]


def test_i09_an_answer_that_its_evidence_does_not_give(clinic: Clinic) -> None:
    decision = Decision.objects.filter(course=clinic.signed).order_by("pk")[0]
    tamper(decision, answer=decision.answer | {"action": "stop"})
    assert found(clinic.now) == [f"I-09 action: stored 'stop', now '{decision.answer['action']}'"]


def test_i22_a_signature_on_another_record(clinic: Clinic) -> None:
    tamper(Signature.objects.latest("pk"), record_sha256="0" * 64)
    assert found(clinic.now) == ["I-22 does not fit the record it was put under"]


@pytest.mark.hazard("HZ-42")
def test_i22_a_signature_whose_printed_name_was_changed(clinic: Clinic) -> None:
    tamper(Signature.objects.latest("pk"), printed_name="Somebody Else")
    assert found(clinic.now) == ["I-22 does not fit the record it was put under"]


def test_i22_a_signature_without_a_fresh_password(clinic: Clinic) -> None:
    last = Signature.objects.latest("pk")
    tamper(last, authenticated_at=last.signed_at - timedelta(hours=1))
    assert found(clinic.now) == ["I-22 was given without a fresh password"]


def test_i22_a_start_whose_names_were_changed(clinic: Clinic) -> None:
    tamper(started(clinic), authorised_name="Somebody Else")
    assert found(clinic.now) == ["I-22 does not fit the record it was put under"]


def test_i22_a_start_authorised_without_a_fresh_password(clinic: Clinic) -> None:
    start = started(clinic)
    tamper(start, authenticated_at=start.authorised_at - timedelta(hours=1))
    assert found(clinic.now) == ["I-22 was given without a fresh password"]


def _role_changed(row: Any, **roles: list[str]) -> None:
    """Somebody behind the service writes another role into a signed row, and its digest with it."""
    for name, value in roles.items():
        setattr(row, name, value)
    tamper(row, **roles, record_sha256=manifest_of(row))


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        (["nurse"], "held nurse: without courses.sign_decision and courses.sign_directive"),
        (["physician"], "held physician: without courses.sign_directive"),
        ([], "held no role: without courses.sign_decision and courses.sign_directive"),
        (["a role of old"], "held a role of old: without courses.sign_decision and courses.sign_directive"),
    ],
)
def test_i22_a_go_signed_without_the_role_for_it(clinic: Clinic, roles: list[str], words: str) -> None:
    _role_changed(Signature.objects.latest("pk"), signer_roles=roles)
    assert found(clinic.now) == [f"I-22 came from somebody who {words}"]


def test_i22_a_start_authorised_or_checked_without_the_role_for_it(clinic: Clinic) -> None:
    start = started(clinic)
    _role_changed(start, authorised_roles=["nurse"])
    assert found(clinic.now) == ["I-22 came from somebody who held nurse: without courses.sign_decision"]
    _role_changed(start, authorised_roles=["physician"], checked_roles=["auditor"])
    assert found(clinic.now) == ["I-22 came from somebody who held auditor: without courses.authorise_start"]


def test_i22_a_signature_from_before_roles_were_recorded_is_no_fault(clinic: Clinic) -> None:
    last = Signature.objects.latest("pk")
    assert set(last.signer_roles or []) == {"authorised-user", "physician"}
    last.signer_roles = None
    tamper(last, signer_roles=None, record_sha256=manifest_of(last))
    assert found(clinic.now) == []


def test_i22_one_person_as_two(clinic: Clinic) -> None:
    fact = ChartFact.objects.create(
        patient=clinic.visitor,
        kind="not_representative",
        data={},
        result=Result.objects.filter(patient=clinic.visitor).first(),
        reason="seen",
        recorded_by=physician(),
        printed_name="doctor",
        authenticated_at=database_now(),
        recorded_at=database_now(),
    )
    FactConfirmation.objects.create(
        fact=fact,
        confirmed_by=physician(),
        printed_name="doctor",
        authenticated_at=database_now(),
        confirmed_at=database_now(),
    )
    assert found(clinic.now) == ["I-22 was confirmed by the one who recorded it"]


# --- Evidence ------------------------------------------------------------------------------------


def test_i10_a_message_that_nothing_came_of(clinic: Clinic) -> None:
    body = b"MSH|never read"
    LabMessage.objects.create(
        door="mllp",
        control_id="lost",
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        received_at=database_now() - 5 * MINUTE,
    )
    (line,) = found(clinic.now)
    assert line.startswith("I-10 is not read since ")


def test_i10_a_message_whose_bytes_were_changed(clinic: Clinic) -> None:
    message = LabMessage.objects.latest("pk")
    tamper(message, body=bytes(message.body) + b"\r")
    assert found(clinic.now) == ["I-10 no longer has the bytes of its digest"]


def test_i10_a_result_that_was_lost_on_the_way(clinic: Clinic) -> None:
    outcome = MessageOutcome.objects.latest("pk")
    MessageOutcome.objects.filter(pk=outcome.pk).update(stored=F("stored") + 1)
    assert found(clinic.now) == ["I-10 counted 11 stored and 0 kept apart; 10 and 0 are there"]


def test_i12_an_earlier_version_that_counts_again(clinic: Clinic) -> None:
    at = Result.objects.filter(patient=clinic.visitor).first().collected_at
    number = Result.objects.get(patient=clinic.visitor, analyte="PLT").filler_order
    body = panel_message(clinic.visitor, drawn_at=at, status="C", only=("PLT",), PLT="90")
    receive(re.sub(rb"ORD\d+", number.encode(), body))
    result = Result.objects.get(patient=clinic.visitor, analyte="PLT", filler_order=number)
    assert result.versions.count() == 2
    assert found(clinic.now) == []
    first = result.versions.order_by("version").first()
    Result.objects.filter(pk=result.pk).update(current=first)
    assert found(clinic.now) == ["I-12 counts version 1, its life cycle says another one"]


def test_i14_a_version_filed_under_another_person(clinic: Clinic) -> None:
    tamper(Observation.objects.filter(patient=clinic.visitor)[0], patient=make_patient(mrn="T-4"))
    assert found(clinic.now) == ["I-14 is filed under two people at once"]


def test_i14_a_report_filed_under_somebody_its_message_does_not_name(clinic: Clinic) -> None:
    other = make_patient(mrn="T-4")
    with unguarded(Observation):
        Observation.objects.filter(patient=clinic.visitor).update(patient=other)
    Result.objects.filter(patient=clinic.visitor).update(patient=other)
    LabReport.objects.filter(patient=clinic.visitor).update(patient=other)
    assert found(clinic.now) == ["I-14 is filed under a patient whose number or birth date it does not name"]


def weigh(clinic: Clinic, *, ago: timedelta) -> None:
    BodyWeight.objects.create(
        patient=clinic.signed.patient,
        measured_on=clinic_day(database_now(), clinic_zone()),
        kg=Decimal("71.5"),
        recorded_at=clinic.now - ago,
        recorded_by="nurse",
    )


def test_i15_evidence_that_no_decision_rests_on(clinic: Clinic) -> None:
    weigh(clinic, ago=2 * MINUTE)
    assert found(clinic.now) == ["I-15 has evidence that no decision rests on, for more than a minute"]


def test_i15_what_came_within_the_last_minute_may_still_be_judged(clinic: Clinic) -> None:
    weigh(clinic, ago=timedelta(seconds=59))
    assert found(clinic.now) == []


def test_i16_a_decision_that_its_chart_does_not_give(clinic: Clinic) -> None:
    tamper(standing(clinic.unsigned), verdict="delay|-|DM-PLT|")
    assert found(clinic.now) == [
        "I-16 stands at proceed; its chart now says proceed, or the same for other reasons"
    ]


# --- Alerts and the database ---------------------------------------------------------------------


def an_alert(clinic: Clinic, kind: Kind = Kind.SYSTEM_FAULT) -> Alert:
    with transaction.atomic():
        return raise_alert(kind=kind, condition_key="planted", subject=Subject(), now=clinic.now, worse=True)


def test_i17_an_alert_that_is_late_with_its_next_step(clinic: Clinic) -> None:
    alert = an_alert(clinic)
    Alert.objects.filter(pk=alert.pk).update(next_step_at=clinic.now - timedelta(seconds=60))
    assert found(clinic.now) == []
    Alert.objects.filter(pk=alert.pk).update(next_step_at=clinic.now - timedelta(seconds=61))
    (line,) = found(clinic.now)
    assert line.startswith("I-17 should have told the next people on ")


@pytest.mark.parametrize(("step", "minutes"), [(1, 15), (2, 30)])
def test_i17_a_critical_alert_that_waits_too_long(clinic: Clinic, step: int, minutes: int) -> None:
    alert = an_alert(clinic)
    due = clinic.now + minutes * MINUTE
    Alert.objects.filter(pk=alert.pk).update(step=step, next_step_at=due)
    assert found(clinic.now) == []
    Alert.objects.filter(pk=alert.pk).update(next_step_at=due + timedelta(seconds=1))
    assert found(clinic.now) == [f"I-17 is critical, and nobody else is told within {minutes} minutes"]


def test_i20_a_table_of_the_record_without_its_trigger(clinic: Clinic) -> None:
    with connection.cursor() as cursor:
        on = ' ON "courses_signature"' if connection.vendor == "postgresql" else ""
        cursor.execute(f'DROP TRIGGER "courses_signature_no_delete"{on}')
    assert found(clinic.now) == ["I-20 is missing or is not as it was made"]
