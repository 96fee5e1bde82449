"""Reading kept messages: matched, converted, stored once; everything doubtful waits with its reason."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.formats import hl7v2
from labs.library import limits
from labs.life_cycle import Restated, Standing, Version, standing
from labs.models import LabMessage, MessageOutcome, Observation, Patient, QuarantinedResult, Result
from labs.report import patient_results
from labs.services import history, keep_message, read_waiting_messages
from labs.signals import evidence_changed
from tests.builders_labs import (
    COLLECTED,
    make_local_code,
    make_patient,
    make_sender,
    message,
    msh,
    obr,
    obx,
    pid,
    receive,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient() -> Patient:
    make_sender()
    return make_patient()


def state(row: LabMessage) -> tuple[str, str]:
    outcome = MessageOutcome.objects.get(message=row)
    return outcome.state, outcome.reason_code


def current() -> Observation:
    found = Result.objects.get().current
    assert found is not None
    return found


def test_platelets_60_are_stored_as_sent_and_in_canonical_units(patient: Patient) -> None:
    row = receive(message(obr("F1"), obx("60", unit="10^3/uL")))
    assert state(row) == ("read", "")
    stored = current()
    assert (stored.patient, stored.analyte, stored.loinc) == (patient, "PLT", "777-3")
    assert (stored.value, stored.unit, stored.sent_value, stored.sent_unit) == (60, "10*9/L", "60", "10^3/uL")
    assert (stored.ref_low, stored.ref_high, stored.collected_at) == (150, 400, COLLECTED)
    assert (stored.status, stored.version, stored.time_precision) == ("final", 1, "second")
    assert Result.objects.get().is_usable


def test_reference_limits_are_converted_with_the_value(patient: Patient) -> None:
    receive(message(obr(), obx("0.9", code="2160-0^Creatinine^LN", unit="mg/dL", limits="0.5-1.1")))
    stored = current()
    assert (stored.value, stored.ref_low, stored.ref_high) == (
        Decimal("79.578"),
        Decimal("44.21"),
        Decimal("97.262"),
    )


def test_a_mass_code_with_a_molar_unit_is_read_by_its_unit(patient: Patient) -> None:
    receive(message(obr(), obx("80", code="2160-0^Creatinine^LN", unit="umol/L", limits="")))
    assert current().value == 80


def test_a_local_code_is_mapped_by_the_senders_table(patient: Patient) -> None:
    make_local_code()
    receive(message(obr(), obx(code="THRO^Thrombozyten^L")))
    assert (current().analyte, current().loinc) == ("PLT", "777-3")


def test_a_comparator_stays_with_its_value(patient: Patient) -> None:
    receive(message(obr(), obx("<^10", kind="SN")))
    assert (current().comparator, current().value) == ("<", 10)


HELD = [
    (obx(unit="10*9/furlong"), "unknown-unit"),
    (obx(unit=""), "no-unit"),
    (obx(unit="10*9/L^^UCUM^/uL"), "unit-conflict"),
    (obx("60", code="XYZ^Something^L"), "unmapped-code"),
    (obx("60", code="770-8^Neutrophils percent^LN", unit="%"), "unmapped-code"),
    (obx("60", code="777-4^Platelets^LN"), "unmapped-code"),
    (obx("60", code="777-3^Platelets^LN^718-7^Haemoglobin^LN"), "code-conflict"),
    (obx(status=""), "unknown-status"),
    (obx(status="Z"), "unknown-status"),
    (obx("5000"), "implausible"),
    (obx("150000"), "implausible"),
    (obx("None"), "not-a-number"),
    (obx("HAEMOLYSED", kind="ST"), "not-a-number"),
    (obx(""), "no-value"),
    (obx("60~70"), "repeated-value"),
    (obx(collected="2026"), "coarse-time"),
    (obx(collected="20260504120000+0200"), "future-time"),
    (obx(collected="20010504120000+0200"), "old-time"),
    (obx("", status="U"), "nothing-to-promote"),
    (obx("60.12345678901"), "too-many-digits"),
    (obx(sub_id="x" * 65), "long-identity"),
]


@pytest.mark.parametrize(("segment", "reason"), HELD)
def test_what_is_doubtful_waits_with_its_reason_and_the_rest_is_stored(
    segment: str, reason: str, patient: Patient
) -> None:
    good = obx("8.1", code="718-7^Haemoglobin^LN", unit="g/dL", limits="12-16")
    row = receive(message(obr(), segment, good))
    held = QuarantinedResult.objects.get()
    assert (held.reason_code, held.patient, held.state) == (reason, patient, "open")
    assert held.sent == segment
    assert held.reason
    assert state(row) == ("read", reason)
    assert current().analyte == "HGB"


def test_a_specimen_taken_before_birth_waits() -> None:
    make_sender()
    make_patient(birth_date=date(2024, 3, 2))
    row = receive(message(pid(born="20240302"), obr(collected="20240226080000+0100"), obx()))
    assert state(row) == ("quarantined", "before-birth")


def test_a_message_of_doubtful_results_only_waits_as_a_whole(patient: Patient) -> None:
    assert state(receive(message(obr(), obx(unit="furlong")))) == ("quarantined", "unknown-unit")


def test_results_not_yet_reported_are_neither_stored_nor_held(patient: Patient) -> None:
    assert state(receive(message(obr(), obx("", status="I")))) == ("read", "")
    assert not Result.objects.exists()


def test_a_collection_time_is_never_replaced_by_another_time(patient: Patient) -> None:
    row = receive(message(obr(collected="", changed="20260504082500+0200"), obx()))
    assert state(row) == ("quarantined", "no-collection-time")


IDENTITIES = [
    (pid("9999^^^CLINIC^MR"), "unknown-patient"),
    (pid("1001^^^ELSEWHERE^MR"), "authority-differs"),
    (pid("1001"), "authority-differs"),
    (pid("1001^^^CLINIC^AN"), "authority-differs"),
    (pid(born="19610203"), "birth-date-differs"),
    (pid(born=""), "no-birth-date"),
    (pid(born="1961"), "no-birth-date"),
    (pid(name="Meier^Maria"), "name-differs"),
    (pid(name=""), "name-differs"),
    (pid(sex="M"), "sex-contradicts"),
    (pid(""), "no-patient-number"),
    (pid("1001^^^CLINIC^MR~1002^^^CLINIC^MR"), "two-patients"),
]


@pytest.mark.parametrize(("segment", "reason"), IDENTITIES)
def test_a_patient_who_is_not_certain_gets_nothing(segment: str, reason: str, patient: Patient) -> None:
    make_patient(mrn="1002", family="Schmidt", birth_date=date(1970, 1, 1))
    row = receive(message(segment, obr(), obx()))
    assert state(row) == ("quarantined", reason)
    held = QuarantinedResult.objects.get()
    assert (held.patient, held.analyte) == (None, "PLT")
    assert not Result.objects.exists()
    assert Patient.objects.count() == 2


@pytest.mark.parametrize(
    "segment",
    [
        pid("1001^^^CLINIC&1.2.3&ISO^MR"),
        pid("L77^^^LABNUM^PI~1001^^^CLINIC^PI"),
        pid("1001^^^CLINIC"),
        pid(name="MUELLER^M"),
        pid(name="Muller^Maria"),
        pid(sex="U"),
        pid(sex=""),
        pid(born="196103020000"),
    ],
)
def test_spellings_of_the_same_person_agree(segment: str, patient: Patient) -> None:
    receive(message(segment, obr(), obx()))
    assert current().patient == patient


def test_the_other_number_under_its_own_authority_names_the_patient() -> None:
    make_sender()
    patient = make_patient(alt_id="N-5", alt_authority="NATIONAL")
    receive(message(pid("N-5^^^NATIONAL^NI"), obr(), obx()))
    assert current().patient == patient


def test_a_bare_number_is_ours_only_where_the_set_up_says_so() -> None:
    make_sender(bare_mrn_ok=True)
    patient = make_patient()
    receive(message(pid("1001"), obr(), obx()))
    assert current().patient == patient


def test_an_unknown_sender_is_acknowledged_and_waits() -> None:
    make_patient()
    assert state(receive(message())) == ("quarantined", "unknown-sender")
    assert QuarantinedResult.objects.get().reason_code == "unknown-sender"


def test_a_wrong_facility_is_another_sender(patient: Patient) -> None:
    row = receive(message(msh(f4="ELSEWHERE"), pid(), obr(), obx()))
    assert state(row) == ("quarantined", "unknown-sender")


def test_a_correction_supersedes_and_keeps_the_old_version(patient: Patient) -> None:
    receive(message(obr(), obx("160")))
    row = receive(message(obr(), obx("60", status="C"), control_id="M2", at="20260504100000+0200"))
    stored = current()
    assert (stored.value, stored.status, stored.version, stored.message) == (60, "corrected", 2, row)
    assert stored.supersedes is not None
    assert stored.supersedes.value == 160


def test_a_plain_final_after_a_correction_is_history(patient: Patient) -> None:
    receive(
        message(obr(), obx("60", status="C")),
        message(obr(), obx("160"), control_id="M2", at="20260504100000+0200"),
    )
    assert current().value == 60


@pytest.mark.parametrize(
    ("letter", "word"), [("X", "cancelled"), ("D", "entered-in-error"), ("W", "entered-in-error")]
)
def test_a_withdrawn_result_stays_withdrawn_when_the_original_is_sent_again(
    letter: str, word: str, patient: Patient
) -> None:
    later = "20260504100000+0200"
    receive(
        message(obr(), obx("60")),
        message(obr(), obx("60", status=letter), control_id="M2", at=later),
        message(obr(), obx("60"), control_id="M3", at="20260504110000+0200"),
    )
    assert (current().status, current().value) == (word, None)
    assert not Result.objects.get().is_usable
    [old, withdrawn] = sorted(patient_results(patient=patient, history=True), key=lambda row: row["version"])
    assert (old["state"], withdrawn["state"]) == ("superseded", "voided")
    assert patient_results(patient=patient) == []


def test_a_result_stated_anew_after_its_withdrawal_revives_nothing_and_is_told(patient: Patient) -> None:
    row = receive(
        message(obr(), obx("160")),
        message(obr(), obx("160", status="D"), control_id="M2", at="20260504100000+0200"),
        message(obr(), obx("60"), control_id="M3", at="20260504110000+0200"),
    )
    assert (current().status, Result.objects.get().in_conflict) == ("entered-in-error", True)
    assert not Result.objects.get().is_usable
    assert state(row) == ("read", "after-withdrawal")
    held = QuarantinedResult.objects.get()
    assert (held.message, held.patient, held.reason_code) == (row, patient, "after-withdrawal")
    assert "ask the laboratory which counts" in held.reason
    [voided] = [row for row in patient_results(patient=patient, history=True) if row["state"] == "voided"]
    assert "ask the laboratory which counts" in voided["reason"]

    again = receive(message(obr(), obx("61"), control_id="M4", at="20260504113000+0200"))
    assert state(again) == ("read", "after-withdrawal")  # another value is told again

    receive(message(obr(), obx("60", status="C"), control_id="M5", at="20260504120000+0200"))
    assert (current().value, Result.objects.get().in_conflict) == (60, False)
    assert QuarantinedResult.objects.count() == 2


def test_a_final_that_the_laboratory_dates_after_the_withdrawal_settles_it(patient: Patient) -> None:
    receive(
        message(obr(), obx("160", status="D"), at="20260504100000+0200"),
        message(obr(), obx("60"), control_id="M2", at="20260504110000+0200"),
    )
    assert Result.objects.get().in_conflict
    dated = obr(changed="20260504113000+0200")
    receive(message(dated, obx("60"), control_id="M3", at="20260504113000+0200"))
    assert (current().value, Result.objects.get().is_usable) == (60, True)


def test_a_withdrawal_that_comes_first_is_remembered(patient: Patient) -> None:
    receive(
        message(obr(), obx("60", status="W"), at="20260504100000+0200"),
        message(obr(), obx("60"), control_id="M0"),
    )
    assert current().status == "entered-in-error"


def test_a_preliminary_result_is_promoted_without_a_new_value(patient: Patient) -> None:
    receive(message(obr(), obx("60", status="P")))
    assert not Result.objects.get().is_usable
    receive(
        message(obr(), obx("", status="U", unit="", limits=""), control_id="M2", at="20260504100000+0200")
    )
    stored = current()
    assert (stored.value, stored.status, stored.ref_low) == (60, "final", 150)
    assert Result.objects.get().is_usable


def test_a_promotion_with_another_value_waits(patient: Patient) -> None:
    receive(
        message(obr(), obx("60", status="P")),
        message(obr(), obx("61", status="U"), control_id="M2", at="20260504100000+0200"),
    )
    assert current().status == "preliminary"
    assert QuarantinedResult.objects.get().reason_code == "promotion-differs"


def test_two_contradicting_finals_of_one_time_clear_nothing_and_are_shown(patient: Patient) -> None:
    receive(message(obr(), obx("160"), obx("60")))
    result = Result.objects.get()
    assert result.in_conflict
    assert not result.is_usable
    assert QuarantinedResult.objects.get().reason_code == "conflict"


def test_a_flagged_specimen_is_stored_but_clears_nothing(patient: Patient) -> None:
    receive(message(obr(), obx("4.1", code="2823-3^K^LN", unit="mmol/L"), "NTE|1||Specimen haemolysed"))
    assert current().quality == ["haemolysed"]
    assert not Result.objects.get().is_usable


def test_the_same_results_in_a_new_message_change_nothing(patient: Patient) -> None:
    receive(message())
    row = receive(message(control_id="M2", at="20260504110000+0200"))
    assert state(row) == ("duplicate", "")
    assert Observation.objects.count() == 1


def test_a_reused_control_id_is_remarked_on(patient: Patient) -> None:
    row = receive(message(), message(obr("F2"), obx("70")))
    assert MessageOutcome.objects.get(message=row).notes
    assert Observation.objects.count() == 2


def test_one_order_number_of_two_patients_is_two_results(patient: Patient) -> None:
    make_patient(mrn="1002", family="Schmidt", given="Eva", birth_date=date(1970, 1, 1))
    other = pid("1002^^^CLINIC^MR", name="Schmidt^Eva", born="19700101")
    receive(message(), message(other, obr(), obx("19"), control_id="M2"))
    assert {row.patient.mrn: row.value for row in Observation.objects.all()} == {"1001": 60, "1002": 19}


def test_a_header_that_names_only_its_day_condemns_no_collection_time_of_that_day(patient: Patient) -> None:
    receive(message(obr(), obx(), at="20260504"))
    assert current().value == 60


def test_day_precision_is_kept(patient: Patient) -> None:
    receive(message(obr(collected="20260504"), obx()))
    assert (current().time_precision, current().collected_at) == ("day", datetime(2026, 5, 3, 22, tzinfo=UTC))


def test_a_fault_of_ours_in_one_message_is_visible_and_stops_no_other(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hl7v2.parse

    def stumble(body: bytes, **profile: Any) -> Any:
        if b"POISON" in body:
            raise RuntimeError("seeded fault")
        return whole(body, **profile)

    monkeypatch.setattr(hl7v2, "parse", stumble)
    bad = keep_message(body=message(control_id="POISON"), door="mllp")
    keep_message(body=message(), door="mllp")
    assert read_waiting_messages() == 2
    assert state(LabMessage.objects.get(pk=bad.message_id)) == ("quarantined", "reader-failed")
    assert Observation.objects.count() == 1


def test_every_message_is_read_once_oldest_first_and_within_the_limit(patient: Patient) -> None:
    ids = [keep_message(body=message(control_id=f"M{n}"), door="mllp").message_id for n in range(3)]
    assert read_waiting_messages(limit=2) == 2
    assert list(MessageOutcome.objects.order_by("message_id").values_list("message_id", flat=True)) == ids[:2]
    assert read_waiting_messages(older_than=timedelta(minutes=5)) == 0
    assert read_waiting_messages(ids=[ids[2]]) == 1
    assert read_waiting_messages() == 0


def test_new_evidence_is_told_after_the_commit_with_ids_only(
    patient: Patient, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    told: list[list[int]] = []

    def listen(patient_ids: list[int], **_: Any) -> None:
        told.append(patient_ids)

    evidence_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            receive(message())
            assert told == []
        with django_capture_on_commit_callbacks(execute=True):
            receive(message(control_id="M2"))
    finally:
        evidence_changed.disconnect(listen)
    assert told == [[patient.pk]]


def queries_for(*bodies: bytes) -> int:
    for body in bodies:
        keep_message(body=body, door="mllp")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        read_waiting_messages()
    return len(captured)


def test_the_number_of_queries_depends_neither_on_results_nor_on_history(patient: Patient) -> None:
    def with_results(count: int, name: str) -> bytes:
        return message(*[line for n in range(count) for line in (obr(f"{name}{n}"), obx())], control_id=name)

    receive(with_results(1, "0"))  # the first message of a laboratory also notes its units
    few = queries_for(with_results(1, "A"))
    receive(*[with_results(20, f"B{n}") for n in range(5)])
    assert queries_for(with_results(25, "C")) == few


def versions(count: int, name: str) -> bytes:
    """One message in which one result has so many different values."""
    return message(obr(name), *[obx(str(100 + n)) for n in range(count)], control_id=name)


def test_more_versions_of_one_result_than_a_laboratory_ever_sends_wait(patient: Patient) -> None:
    most = limits().versions_in_message
    row = receive(versions(most + 3, "A"))
    outcome = MessageOutcome.objects.get(message=row)
    assert (outcome.state, outcome.stored, outcome.held) == ("read", most, 4)
    held = QuarantinedResult.objects.order_by("position").values_list("reason_code", flat=True)
    assert list(held) == ["conflict", *["too-many-versions"] * 3]
    assert Result.objects.get().in_conflict


def test_versions_that_wait_may_be_the_ones_that_count_so_nothing_is_usable(patient: Patient) -> None:
    most = limits().versions_in_message
    steps = [
        line
        for minute in range(most + 1)
        for line in (obr(changed=f"2026050408{minute:02}00+0200"), obx(str(100 + minute)))
    ]
    receive(message(*steps))
    result = Result.objects.get()
    assert current().value == 100 + most - 1
    assert (result.in_conflict, result.is_usable) == (True, False)
    receive(message(obr(), obx("90", status="C"), control_id="M2", at="20260504110000+0200"))
    assert Result.objects.get().is_usable


def test_reading_many_versions_of_one_result_looks_at_each_once(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []

    def counting(versions: Sequence[Version], again: Restated | None) -> Standing:
        looked_at.append(len(versions))
        return standing(versions, again)

    monkeypatch.setattr(history, "standing", counting)
    few = queries_for(versions(30, "A"))
    small, looked_at[:] = sum(looked_at), []
    many = queries_for(versions(600, "B"))
    assert sum(looked_at) == small
    assert many - few < 20  # the rows that wait are inserted in batches
    assert Observation.objects.count() == 2 * limits().versions_in_message


def test_a_message_of_too_many_results_waits_whole(patient: Patient) -> None:
    most = limits().results_in_message
    fits = message(obr(), *[obx()] * most)
    assert state(receive(fits)) == ("read", "")
    before = Observation.objects.count()
    row = receive(message(obr("F2"), *[obx()] * (most + 1), control_id="M2"))
    assert state(row) == ("quarantined", "too-many-results")
    assert QuarantinedResult.objects.get().reason_code == "too-many-results"
    assert Observation.objects.count() == before


SEGMENTS = st.sampled_from(
    [
        ("160", "P", 1),
        ("150", "F", 2),
        ("60", "C", 3),
        ("60", "W", 4),
        ("150", "F", 5),
        ("70", "C", 6),
        ("150", "X", 3),
    ]
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(SEGMENTS, min_size=1, max_size=5), st.booleans(), st.data())
def test_order_and_number_of_messages_never_change_the_final_state(
    patient: Patient, sent: list[tuple[str, str, int]], dated: bool, data: st.DataObject
) -> None:
    def final(order: list[tuple[str, str, int]], name: str) -> tuple[Any, ...]:
        bodies = [
            message(
                obr(name, changed=f"202605041{hour}0000+0200" if dated else ""),
                obx(value, status=status),
                control_id=f"{name}-{value}-{status}-{hour}",
                at=f"202605041{hour}0000+0200",
            )
            for value, status, hour in order
        ]
        receive(*bodies)
        result = Result.objects.get(filler_order=name)
        assert result.current is not None
        return (result.current.status, result.current.value, result.in_conflict)

    once = f"A{Result.objects.count()}"
    shuffled = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=3))))
    assert final(sent, once) == final(shuffled, f"{once}-again")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_random_bytes_are_kept_and_never_stored_as_a_result(patient: Patient, body: bytes) -> None:
    for whole in (body, b"MSH|^~\\&|LAB|HOSPITAL|||||ORU^R01|X1|P|2.5.1\rPID|1\r" + body):
        kept = keep_message(body=whole, door="mllp")
        assert bytes(LabMessage.objects.get(pk=kept.message_id).body) == whole
    read_waiting_messages()
    assert not Observation.objects.exists()
    assert not LabMessage.objects.filter(outcome__isnull=True).exists()
    assert not MessageOutcome.objects.filter(reason_code="reader-failed").exists()
