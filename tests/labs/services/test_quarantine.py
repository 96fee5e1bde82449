"""What people do about results kept apart: two of them for each judgement, and nothing is read twice."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from labs.clock import database_now
from labs.models import (
    LabMessage,
    LabReport,
    LocalCode,
    MessageOutcome,
    MessageReplay,
    Observation,
    OwnershipEvent,
    Patient,
    QuarantinedResult,
    QuarantineResolution,
    ResolutionVerdict,
    Result,
    UnitSpelling,
)
from labs.report import message_report, patient_results
from labs.services.answers import BadResolution
from labs.services.authority import NotAllowed
from labs.services.quarantine import (
    Confirmed,
    confirm_resolution,
    decline_resolution,
    give_back,
    state_resolution,
    take,
    waiting_on,
)
from labs.services.replay import StillUnreadable, read_again
from labs.signals import evidence_changed
from tests.builders_labs import (
    csv_row,
    long_csv,
    make_feed,
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
Person = Callable[..., User]
HGB = obx("134", code="718-7^Haemoglobin^LN", unit="g/L", limits="120-160")


@pytest.fixture
def patient() -> Patient:
    make_sender()
    return make_patient()


@pytest.fixture
def nurse(person: Person) -> User:
    return person("nurse", username="nora")


@pytest.fixture
def physician(person: Person) -> User:
    return person("physician", username="pia")


@pytest.fixture
def physicist(person: Person) -> User:
    return person("physicist", username="fritz")


def fresh() -> datetime:
    return database_now() - timedelta(seconds=5)


def say(item: QuarantinedResult, kind: str, by: User, **data: Any) -> QuarantineResolution:
    return state_resolution(
        item=item, kind=kind, data=data, reason="asked the laboratory", by=by, authenticated_at=fresh()
    )


def confirm(said: QuarantineResolution, by: User) -> Confirmed:
    return confirm_resolution(resolution=said, by=by, authenticated_at=fresh())


def held(**about: Any) -> QuarantinedResult:
    return QuarantinedResult.objects.get(state="open", **about)


def outcome(row: LabMessage) -> tuple[str, int, int, int]:
    found = MessageOutcome.objects.get(message=row)
    return found.state, found.stored, found.unchanged, found.held


def values() -> list[tuple[str, str]]:
    return sorted((row.analyte, f"{row.value.normalize():f}") for row in Observation.objects.all())


# --- Units -----------------------------------------------------------------------------------


def test_a_unit_that_two_people_map_cures_the_result_and_others_of_the_sender(
    patient: Patient, physician: User, physicist: User
) -> None:
    first = receive(message(obr(), obx(unit="Zellen/pl"), HGB))
    other = receive(
        message(obr("F2", collected="20260503080000+0200"), obx("61", unit="zellen / PL"), control_id="M2")
    )
    assert [row[0] for row in values()] == ["HGB"]
    said = say(held(message=first), "map-unit", physician, unit="10*9/L")
    assert not UnitSpelling.objects.exists()
    done = confirm(said, physicist)
    assert done.replayed is not None
    assert (done.replayed.stored, done.replayed.held, done.others, done.left) == (1, 0, 1, 0)
    assert [(row.sender, row.analyte, row.spelling, row.unit) for row in UnitSpelling.objects.all()] == [
        ("central-lab", "PLT", "zellen/pl", "10*9/L")
    ]
    assert values() == [("HGB", "134"), ("PLT", "60"), ("PLT", "61")]
    assert outcome(first) == ("read", 2, 0, 0)
    assert outcome(other) == ("read", 1, 0, 0)
    assert not QuarantinedResult.objects.filter(state="open").exists()
    stored = Observation.objects.filter(analyte="PLT", message=first).get()
    assert (stored.sent_unit, stored.unit, stored.result.is_usable) == ("Zellen/pl", "10*9/L", True)
    assert LabReport.objects.filter(message=first).count() == 1
    assert "said by pia, confirmed by fritz" in QuarantinedResult.objects.get(message=first).resolution


def test_from_then_on_the_senders_spelling_is_known_at_the_door(
    patient: Patient, physician: User, physicist: User
) -> None:
    receive(message(obr(), obx(unit="Zellen/pl")))
    confirm(say(held(), "map-unit", physician, unit="10*9/L"), physicist)
    row = receive(
        message(obr("F2", collected="20260503080000+0200"), obx("61", unit="Zellen/pl"), control_id="M2")
    )
    assert outcome(row) == ("read", 1, 0, 0)


def test_a_spelling_is_one_senders_and_one_analytes(
    patient: Patient, physician: User, physicist: User
) -> None:
    make_sender(name="other-lab", msh3="OTHER")
    receive(message(obr(), obx(unit="Zellen/pl")))
    confirm(say(held(), "map-unit", physician, unit="10*9/L"), physicist)
    wbc = obx("5", code="6690-2^WBC^LN", unit="Zellen/pl", limits="")
    receive(message(obr("F2"), wbc, control_id="M2"))
    receive(message(msh("M3", f3="OTHER"), pid(), obr("F3"), obx(unit="Zellen/pl")))
    assert [row.reason_code for row in QuarantinedResult.objects.filter(state="open")] == ["unknown-unit"] * 2


@pytest.mark.parametrize(
    ("unit", "meant", "fault"),
    [
        ("Zellen/pl", "mg/dL", "unit: it must be a known unit of Platelets"),
        ("Zellen/pl", "", "unit: it must be a known unit"),
        ("%", "10*9/L", "unit: as sent it is a unit of"),
        ("mg/dL", "10*9/L", "unit: as sent it is a unit of"),
    ],
)
def test_a_unit_is_another_spelling_and_never_reinterpreted(
    patient: Patient, physician: User, unit: str, meant: str, fault: str
) -> None:
    receive(message(obr(), obx(unit=unit)))
    with pytest.raises(BadResolution, match=fault.replace("(", r"\(")):
        say(held(), "map-unit", physician, unit=meant)
    assert not QuarantineResolution.objects.exists()


def test_a_result_without_any_unit_cannot_be_mapped(patient: Patient, physician: User) -> None:
    receive(message(obr(), obx(unit="")))
    with pytest.raises(BadResolution, match="does not answer why"):
        say(held(), "map-unit", physician, unit="10*9/L")


# --- Codes -----------------------------------------------------------------------------------


def test_a_code_that_two_people_map_is_added_to_the_senders_table(
    patient: Patient, physician: User, physicist: User
) -> None:
    row = receive(message(obr(), obx(code="THRO^Thrombozyten^L"), HGB))
    other = receive(
        message(obr("F2", collected="20260503080000+0200"), obx("61", code="THRO^T^L"), control_id="M2")
    )
    done = confirm(say(held(message=row), "map-code", physician, code="THRO", analyte="PLT"), physicist)
    assert (done.others, done.left) == (1, 0)
    code = LocalCode.objects.get()
    assert (code.sender, code.code, code.coding_system, code.analyte) == ("central-lab", "THRO", "L", "PLT")
    assert (outcome(row), outcome(other)) == (("read", 2, 0, 0), ("read", 1, 0, 0))


def test_a_cured_code_may_show_the_next_fault_of_the_same_result(
    patient: Patient, physician: User, physicist: User
) -> None:
    row = receive(message(obr(), obx(code="THRO^Thrombozyten^L", unit="furlong")))
    confirm(say(held(), "map-code", physician, code="THRO", analyte="PLT"), physicist)
    assert held().reason_code == "unknown-unit"
    assert outcome(row) == ("quarantined", 0, 0, 1)
    confirm(say(held(), "map-unit", physician, unit="10*9/L"), physicist)
    assert outcome(row) == ("read", 1, 0, 0)
    assert MessageReplay.objects.filter(message=row).count() == 2


@pytest.mark.parametrize(
    ("sent", "said", "fault"),
    [
        ("THRO^T^L", {"code": "THRO", "analyte": "XXX"}, "analyte: choose one of"),
        ("THRO^T^L", {"code": "OTHER", "analyte": "PLT"}, "code: choose one of the codes"),
        (
            "770-8^Neutrophils percent^LN",
            {"code": "770-8", "analyte": "ANC"},
            "code: this code is known to mean something else",
        ),
    ],
)
def test_a_code_that_cannot_be_so_is_refused(
    patient: Patient, physician: User, sent: str, said: dict[str, str], fault: str
) -> None:
    receive(message(obr(), obx(code=sent)))
    with pytest.raises(BadResolution, match=fault):
        say(held(), "map-code", physician, **said)


def test_a_code_is_never_turned_to_another_analyte(patient: Patient, physician: User) -> None:
    LocalCode.objects.create(sender="central-lab", code="THRO", coding_system="L2", analyte="ALT")
    receive(message(obr(), obx(code="THRO^T^L")))
    with pytest.raises(BadResolution, match="stands for another analyte already"):
        say(held(), "map-code", physician, code="THRO", analyte="PLT")


def test_a_feed_that_declares_loinc_gets_no_local_codes(patient: Patient, physician: User) -> None:
    make_feed()
    receive(long_csv(csv_row(test_code="THRO")), door="csv", feed="csv-lab")
    with pytest.raises(BadResolution, match="declares LOINC"):
        say(held(), "map-code", physician, code="THRO", analyte="PLT")


def test_rows_of_a_file_are_cured_one_by_one(patient: Patient, physician: User, physicist: User) -> None:
    make_feed(codes="central-lab")
    LocalCode.objects.create(sender="central-lab", code="HB", coding_system="", analyte="HGB")
    good = csv_row("134", unit="g/L", test_code="HB", ref_range="")
    row = receive(long_csv(csv_row(test_code="THRO"), good), door="csv", feed="csv-lab")
    assert outcome(row) == ("read", 1, 0, 1)
    confirm(say(held(), "map-code", physician, code="THRO", analyte="PLT"), physicist)
    assert outcome(row) == ("read", 2, 0, 0)
    assert values() == [("HGB", "134"), ("PLT", "60")]


# --- Patients --------------------------------------------------------------------------------


def test_a_match_needs_record_number_and_birth_date_and_takes_the_whole_panel(
    patient: Patient, nurse: User, physician: User
) -> None:
    row = receive(message(pid(name="Mueller-Schmidt^Maria"), obr(), obx(), HGB))
    assert outcome(row) == ("quarantined", 0, 0, 2)
    said = say(held(analyte="PLT"), "match", nurse, mrn="1001", birth_date="1961-03-02")
    assert (said.patient, said.data["authority"]) == (patient, "CLINIC")
    assert not Observation.objects.exists()
    confirm(said, physician)
    assert outcome(row) == ("read", 2, 0, 0)
    assert {each.patient for each in Observation.objects.all()} == {patient}
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(
    ("number", "born", "fault"),
    [
        ("1001", "1961-03-03", "mrn: no patient of ours has this record number together"),
        ("1002", "1961-03-02", "mrn: no patient of ours"),
        ("1001", "", "birth_date: type the birth date"),
        ("1001", "2.3.1961", "birth_date: type the birth date"),
        ("", "1961-03-02", "mrn: type the record number"),
        ("10\x0001", "1961-03-02", "mrn: type the record number"),
    ],
)
def test_one_identifier_alone_never_names_a_patient(
    patient: Patient, nurse: User, number: str, born: str, fault: str
) -> None:
    receive(message(pid("9999^^^CLINIC^MR"), obr(), obx()))
    with pytest.raises(BadResolution, match=fault):
        say(held(), "match", nurse, mrn=number, birth_date=born)
    assert not QuarantineResolution.objects.exists()
    assert Patient.objects.count() == 1


def test_two_patients_with_one_number_and_birth_date_need_the_authority(
    patient: Patient, nurse: User
) -> None:
    twin = make_patient(assigning_authority="ELSEWHERE")
    receive(message(pid("9999^^^CLINIC^MR"), obr(), obx()))
    with pytest.raises(BadResolution, match="authority: two patients"):
        say(held(), "match", nurse, mrn="1001", birth_date="1961-03-02")
    said = say(held(), "match", nurse, mrn="1001", birth_date="1961-03-02", authority="ELSEWHERE")
    assert said.patient == twin


def test_a_message_with_another_patients_number_is_never_matched_against_it(
    patient: Patient, nurse: User
) -> None:
    other = make_patient(mrn="1002", family="Sommer", birth_date=date(1970, 1, 2))
    receive(message(pid("1001^^^CLINIC^MR", name="Sommer^Maria"), obr(), obx()))
    assert held().reason_code == "name-differs"
    with pytest.raises(BadResolution, match="mrn: the number in the message is another patient's"):
        say(held(), "match", nurse, mrn="1002", birth_date="1970-01-02")
    receive(message(pid("1001^^^CLINIC^MR~1002^^^CLINIC^MR"), obr("F2"), obx(), control_id="M2"))
    said = say(held(reason_code="two-patients"), "match", nurse, mrn="1002", birth_date="1970-01-02")
    assert said.patient == other


def test_a_match_is_void_when_our_record_changes_before_it_is_confirmed(
    patient: Patient, nurse: User, physician: User
) -> None:
    receive(message(pid("9999^^^CLINIC^MR"), obr(), obx()))
    said = say(held(), "match", nurse, mrn="1001", birth_date="1961-03-02")
    patient.mrn = "1002"
    patient.save()
    with pytest.raises(BadResolution, match="no patient of ours"):
        confirm(said, physician)
    assert not Observation.objects.exists()


def test_a_match_stays_when_a_later_fault_of_the_same_result_is_mapped(
    patient: Patient, nurse: User, physician: User, physicist: User
) -> None:
    receive(message(pid("9999^^^CLINIC^MR"), obr(), obx(unit="furlong")))
    confirm(say(held(), "match", nurse, mrn="1001", birth_date="1961-03-02"), physician)
    assert (held().reason_code, held().patient) == ("unknown-unit", patient)
    confirm(say(held(), "map-unit", physician, unit="10*9/L"), physicist)
    assert Observation.objects.get().patient == patient


def test_the_report_of_a_message_says_what_was_resolved(
    patient: Patient, nurse: User, physician: User
) -> None:
    row = receive(message(obr(), obx(unit="furlong"), HGB))
    assert [line["state"] for line in message_report(message_id=row.pk)["rows"]] == ["held", "stored"]
    confirm(say(held(), "reject", nurse), physician)
    report = message_report(message_id=row.pk)
    assert [line["state"] for line in report["rows"]] == ["resolved", "stored"]
    assert (report["state"], report["held"], report["reason"]) == ("read", 0, "")


def test_a_match_in_a_file_is_for_the_person_of_that_row_alone(
    patient: Patient, nurse: User, physician: User
) -> None:
    make_feed()
    rows = [
        csv_row(mrn="7", family="A"),
        csv_row("61", mrn="8", family="B"),
        csv_row("4", mrn="7", family="A", test_code="751-8"),
    ]
    row = receive(long_csv(*rows), door="csv", feed="csv-lab")
    confirm(say(held(position=2), "match", nurse, mrn="1001", birth_date="1961-03-02"), physician)
    assert values() == [("ANC", "4"), ("PLT", "60")]
    assert held().position == 3
    assert outcome(row) == ("read", 2, 0, 1)


# --- Values ----------------------------------------------------------------------------------


def test_an_unlikely_value_that_two_people_confirm_is_shown_and_clears_nothing(
    patient: Patient, nurse: User, physician: User
) -> None:
    row = receive(message(obr(), obx("5000")))
    said = say(held(), "confirm-value", nurse)
    assert said.data == {"value": "5000", "unit": "10*9/L", "analyte": "PLT"}
    confirm(said, physician)
    stored = Observation.objects.get()
    assert (stored.value, stored.quality, stored.result.is_usable) == (5000, ["implausible"], False)
    assert outcome(row) == ("read", 1, 0, 0)


def test_the_same_unlikely_value_sent_again_waits_again(
    patient: Patient, nurse: User, physician: User
) -> None:
    receive(message(obr(), obx("5000")))
    confirm(say(held(), "confirm-value", nurse), physician)
    receive(message(obr("F2"), obx("5000"), control_id="M2"))
    assert held().reason_code == "implausible"


# --- Rejecting -------------------------------------------------------------------------------


def test_a_rejected_result_holds_nothing_and_stands_in_the_history(
    patient: Patient, nurse: User, physician: User, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[list[int]] = []
    row = receive(message(obr(), obx(unit="furlong")))
    said = say(held(), "reject", nurse)

    def hear(patient_ids: list[int], **_: Any) -> None:
        told.append(patient_ids)

    evidence_changed.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            done = confirm(said, physician)
    finally:
        evidence_changed.disconnect(hear)
    assert (done.replayed, told) == (None, [[patient.pk]])
    assert outcome(row) == ("rejected", 0, 0, 0)
    [line] = patient_results(patient=patient, history=True)
    assert (line["state"], line["reason_code"], line["usable"]) == ("rejected", "unknown-unit", False)
    assert "confirmed by pia. asked the laboratory" in line["reason"]
    assert patient_results(patient=patient) == []


def test_what_was_rejected_is_not_stored_when_its_message_is_read_again(
    patient: Patient, nurse: User, physician: User, physicist: User
) -> None:
    receive(message(obr(), obx(unit="furlong"), obx("4", code="751-8^ANC^LN", unit="furlong")))
    confirm(say(held(analyte="PLT"), "reject", nurse), physician)
    confirm(say(held(analyte="ANC"), "map-unit", physician, unit="10*9/L"), physicist)
    assert values() == [("ANC", "4")]


# --- Reading again ---------------------------------------------------------------------------


def test_a_message_of_an_unknown_sender_is_read_once_the_sender_is_set_up(nurse: User) -> None:
    patient = make_patient()
    row = receive(message(obr(), obx(), HGB))
    with pytest.raises(StillUnreadable, match="not set up"):
        read_again(item=held(), by=nurse)
    assert held().reason_code == "unknown-sender"
    make_sender()
    done = read_again(item=held(), by=nurse)
    assert (done.stored, done.held) == (2, 0)
    assert outcome(row) == ("read", 2, 0, 0)
    assert {each.patient for each in Observation.objects.all()} == {patient}


def test_reading_again_changes_nothing_where_nothing_is_cured(patient: Patient, nurse: User) -> None:
    row = receive(message(obr(), obx(unit="furlong"), HGB))
    before = (values(), outcome(row), held().pk)
    for _ in range(3):
        done = read_again(item=held(), by=nurse)
        assert (done.stored, done.unchanged, done.held) == (0, 0, 1)
    assert (values(), outcome(row), held().pk) == before
    assert QuarantinedResult.objects.count() == 1


def test_a_contradiction_is_not_cured_by_reading_again(patient: Patient, nurse: User) -> None:
    receive(message(obr(), obx("60")), message(obr(), obx("70"), control_id="M2"))
    assert held().reason_code == "conflict"
    read_again(item=held(), by=nurse)
    assert held().reason_code == "conflict"
    assert Result.objects.get().in_conflict


def test_a_promotion_that_came_first_is_read_again_once_the_value_is_there(
    patient: Patient, nurse: User
) -> None:
    receive(message(obr(), obx("", status="U"), at="20260504090000+0200"))
    receive(message(obr(), obx("60", status="P"), control_id="M2"))
    read_again(item=held(), by=nurse)
    current = Result.objects.get().current
    assert current is not None
    assert (current.status, current.value) == ("final", 60)


def test_queries_of_a_replay_do_not_grow_with_the_results_in_it(patient: Patient, nurse: User) -> None:
    counts = []
    for number, size in enumerate((2, 12), start=1):
        segments = [obx(str(50 + n), unit="furlong", sub_id=str(n)) for n in range(size)]
        receive(message(obr(f"Q{number}"), *segments, control_id=f"Q{number}"))
    UnitSpelling.objects.create(sender="central-lab", analyte="PLT", spelling="furlong", unit="10*9/L")
    for row in LabMessage.objects.order_by("pk"):
        item = QuarantinedResult.objects.filter(message=row).first()
        assert item is not None
        assert nurse.has_perm("labs.resolve_quarantine")  # asked once for each person, not for each message
        with CaptureQueriesContext(connection) as asked:
            read_again(item=item, by=nurse)
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert Observation.objects.count() == 14


# --- Two people ------------------------------------------------------------------------------


def test_nobody_confirms_what_they_said_themselves(patient: Patient, physician: User) -> None:
    receive(message(obr(), obx(unit="furlong")))
    said = say(held(), "map-unit", physician, unit="10*9/L")
    with pytest.raises(NotAllowed, match="second person"):
        confirm(said, physician)
    assert not ResolutionVerdict.objects.exists()
    assert not UnitSpelling.objects.exists()


def test_the_database_refuses_one_person_as_both(patient: Patient, physician: User) -> None:
    receive(message(obr(), obx(unit="furlong")))
    said = say(held(), "map-unit", physician, unit="10*9/L")
    facts = {
        "resolution": said,
        "stated_by": physician,
        "by": physician,
        "printed_name": "pia",
        "at": fresh(),
    }
    for more in (
        {"confirmed": True, "authenticated_at": fresh()},
        {"confirmed": None, "authenticated_at": fresh()},
        {"confirmed": False},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            ResolutionVerdict.objects.create(**facts, **more)


@pytest.mark.parametrize(
    ("kind", "roles"),
    [("map-unit", {"physician", "physicist"}), ("reject", {"nurse", "physician"})],
)
@pytest.mark.parametrize(
    "role", ["nurse", "physician", "physicist", "pharmacist", "auditor", "administrator"]
)
def test_each_word_is_some_roles_alone(
    patient: Patient, person: Person, kind: str, roles: set[str], role: str
) -> None:
    receive(message(obr(), obx(unit="furlong")))
    data = {"unit": "10*9/L"} if kind == "map-unit" else {}
    somebody = person(role)
    if role in roles:
        assert say(held(), kind, somebody, **data)
        return
    with pytest.raises(NotAllowed):
        say(held(), kind, somebody, **data)
    said = say(held(), kind, person("physician", username="other"), **data)
    with pytest.raises(NotAllowed):
        confirm(said, somebody)
    with pytest.raises(NotAllowed):
        decline_resolution(resolution=said, by=somebody, reason="no")


def test_an_old_password_says_and_confirms_nothing(patient: Patient, nurse: User, physician: User) -> None:
    receive(message(obr(), obx(unit="furlong")))
    old = database_now() - timedelta(minutes=5)
    for when in (old, None):
        with pytest.raises(NotAllowed, match="fresh"):
            state_resolution(item=held(), kind="reject", data={}, reason="x", by=nurse, authenticated_at=when)
    said = say(held(), "reject", nurse)
    for when in (old, None):
        with pytest.raises(NotAllowed, match="fresh"):
            confirm_resolution(resolution=said, by=physician, authenticated_at=when)


def test_a_second_word_waits_until_the_first_is_off_the_table(
    patient: Patient, nurse: User, physician: User
) -> None:
    receive(message(obr(), obx("5000")))
    said = say(held(), "reject", nurse)
    with pytest.raises(BadResolution, match="said of it already"):
        say(held(), "confirm-value", physician)
    decline_resolution(resolution=said, by=physician, reason="the laboratory says it is true")
    assert waiting_on(held()) is None
    with pytest.raises(BadResolution, match="confirmed or declined before"):
        confirm(said, physician)
    confirm(say(held(), "confirm-value", physician), nurse)
    assert values() == [("PLT", "5000")]


def test_a_confirmation_sent_twice_acts_once(patient: Patient, nurse: User, physician: User) -> None:
    receive(message(obr(), obx("5000")))
    said = say(held(), "confirm-value", nurse)
    confirm(said, physician)
    with pytest.raises(BadResolution, match="resolved before"):
        confirm(said, physician)
    assert Observation.objects.count() == 1
    assert ResolutionVerdict.objects.count() == 1
    assert MessageReplay.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "  ", "\u200b", "x" * 1001, "a\0b"])
def test_a_word_without_a_reason_is_refused(patient: Patient, nurse: User, reason: str) -> None:
    receive(message(obr(), obx("5000")))
    with pytest.raises(BadResolution, match="reason:"):
        state_resolution(
            item=held(), kind="reject", data={}, reason=reason, by=nurse, authenticated_at=fresh()
        )
    said = say(held(), "reject", nurse)
    with pytest.raises(BadResolution, match="reason:"):
        decline_resolution(resolution=said, by=nurse, reason=reason)


def test_a_kind_that_does_not_exist_is_refused(patient: Patient, nurse: User) -> None:
    receive(message(obr(), obx("5000")))
    with pytest.raises(BadResolution, match="kind:"):
        say(held(), "burn", nurse)


# --- Ownership -------------------------------------------------------------------------------


def test_a_result_is_taken_given_back_and_taken_over_with_a_trace(
    patient: Patient, nurse: User, physician: User
) -> None:
    receive(message(obr(), obx("5000")))
    take(item=held(), by=nurse, seen_owner_id=None)
    assert (held().owner, held().owned_since is not None) == (nurse, True)
    with pytest.raises(BadResolution, match="meanwhile"):
        take(item=held(), by=physician, seen_owner_id=None)
    with pytest.raises(BadResolution, match="not yours"):
        give_back(item=held(), by=physician)
    take(item=held(), by=physician, seen_owner_id=nurse.pk)
    give_back(item=held(), by=physician)
    assert held().owner is None
    events = OwnershipEvent.objects.values_list("kind", "printed_name")
    assert list(events) == [("taken", "nora"), ("taken", "pia"), ("given-back", "pia")]


def test_taking_twice_is_one_event_and_a_stranger_takes_nothing(
    patient: Patient, nurse: User, person: Person
) -> None:
    receive(message(obr(), obx("5000")))
    for _ in range(2):
        take(item=held(), by=nurse, seen_owner_id=None)
    assert OwnershipEvent.objects.count() == 1
    with pytest.raises(NotAllowed):
        take(item=held(), by=person("pharmacist"), seen_owner_id=nurse.pk)


def test_a_resolved_result_is_nobodys(patient: Patient, nurse: User, physician: User) -> None:
    receive(message(obr(), obx("5000")))
    take(item=held(), by=nurse, seen_owner_id=None)
    confirm(say(held(), "reject", nurse), physician)
    row = QuarantinedResult.objects.get()
    assert (row.owner, row.state, row.resolved_by) == (None, "resolved", "pia")
    with pytest.raises(BadResolution, match="resolved before"):
        take(item=row, by=nurse, seen_owner_id=None)


def test_a_haemoglobin_counted_in_either_way_is_taken_as_two_people_read_it_and_clears_nothing(
    patient: Patient, nurse: User, physician: User
) -> None:
    code = "718-7^Haemoglobin^LN"
    receive(message(obr(), obx("2.1", code=code, unit="mmol/L", limits="")))
    item = held(reason_code="ambiguous-unit")
    confirm(say(item, "confirm-value", nurse, value="33.8394"), physician)
    [row] = patient_results(patient=patient)
    assert (row["value"], row["usable"], row["quality"]) == ("33.8394", False, ["implausible"])
