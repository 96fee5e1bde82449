"""Which field means what: header, patient, order, report, result, note and specimen."""

from typing import Any

import pytest

from labs.models import LabReport, Patient
from labs.services import load_setup
from tests.builders_labs import make_local_code, make_patient, make_sender, message, msh, obr, obx, pid
from tests.labs.conformance.doors import held, only, results, send, send_result, send_segments


def test_a_fifth_delimiter_of_newer_senders_changes_nothing(patient: Patient) -> None:
    send(message().replace(b"^~\\&", b"^~\\&#", 1).replace(b"|2.5.1", b"|2.7"))
    assert only()["value"] == "60"


def test_the_delimiters_are_those_the_message_declares(patient: Patient) -> None:
    body = message(obr("F1^LAB"), obx(unit="10^9/L", limits="150^400"), "NTE|1||a\\F\\b")
    send(body.translate(bytes.maketrans(b"|^~\\&", b"#@!?+")))
    row = only()
    assert (row["value"], row["unit"], row["ref_low"], row["ref_high"]) == ("60", "10*9/L", "150", "400")


@pytest.mark.parametrize(("application", "facility"), [("LAB", "ELSEWHERE"), ("OTHER", "HOSPITAL"), ("", "")])
def test_the_sender_is_known_by_application_and_facility_together(
    application: str, facility: str, patient: Patient
) -> None:
    taken = send_segments(msh(f3=application, f4=facility), pid(), obr(), obx())
    assert (taken.state, taken.why) == ("quarantined", "unknown-sender")
    assert results() == []


def test_the_namespace_of_a_sender_counts_and_its_universal_id_where_there_is_none(patient: Patient) -> None:
    make_sender(name="by-oid", msh3="1.2.3", msh4="HOSPITAL")
    send_segments(msh(f3="LAB^9.9.9^ISO"), pid(), obr("F1"), obx())
    send_segments(msh("M2", f3="^1.2.3^ISO"), pid(), obr("F2"), obx())
    assert len(results()) == 2


def test_a_message_to_another_receiver_is_read_with_a_remark(patient: Patient, settings: Any) -> None:
    settings.MLLP_RECEIVERS = ["PRRT|CLINIC"]
    assert send_segments(msh(), pid(), obr(), obx()).remarks == ""
    taken = send_segments(msh("M2", f5="ELSEWHERE"), pid(), obr("F2"), obx())
    assert "ELSEWHERE|CLINIC" in taken.remarks
    assert len(results()) == 2


@pytest.mark.parametrize(
    ("field", "value", "ack"),
    [
        ("f9", "ORU^R01", "AA"),
        ("f9", "ORU^R01^ORU_R01", "AA"),
        ("f9", "ORM^O01", "AR"),
        ("f9", "ORU^R30", "AR"),
        ("f9", "", "AR"),
        ("f10", "", "AE"),
        ("f11", "P", "AA"),
        ("f11", "P^T", "AA"),
        ("f11", "T", "AR"),
        ("f11", "D", "AR"),
        ("f11", "", "AR"),
        ("f12", "2.3", "AA"),
        ("f12", "2.3.1", "AA"),
        ("f12", "2.4", "AA"),
        ("f12", "2.5", "AA"),
        ("f12", "2.5.1^DEU", "AA"),
        ("f12", "2.8", "AA"),
        ("f12", "2.2", "AR"),
        ("f12", "", "AR"),
    ],
)
def test_only_live_results_of_known_versions_are_taken(
    field: str, value: str, ack: str, patient: Patient
) -> None:
    taken = send_segments(msh(**{field: value}), pid(), obr(), obx())
    assert taken.ack == ack
    assert bool(results()) is (ack == "AA")
    assert (taken.state == "rejected") is (ack != "AA")


def test_a_test_message_on_the_live_port_is_kept_with_its_reason_and_nothing_is_stored(
    patient: Patient,
) -> None:
    taken = send_segments(msh(f11="T"), pid(), obr(), obx())
    assert (taken.why, "MSH-11" in taken.outcome.reason) == ("not-production", True)
    assert results(history=True) == []


def test_no_pid_is_refused(patient: Patient) -> None:
    assert send_segments(msh(), obr(), obx()).ack == "AE"


@pytest.mark.parametrize("at", ["20260504083000", "20260504083000+0200", "20260504", "", "rubbish"])
def test_the_messages_time_is_never_a_collection_time(at: str, patient: Patient) -> None:
    taken = send_segments(obr(collected="", changed="20260504082500+0200"), obx(), at=at)
    assert taken.why == "no-collection-time"


OLD_NUMBERS = [
    # PID-2, PID-3, PID-4, is a bare number ours, is she found
    ("1001", "", "", True, True),
    ("1001", "", "", False, False),
    ("", "", "1001", True, True),
    ("1001^^^CLINIC^MR", "", "", False, True),
    ("1001^^^ELSEWHERE^MR", "", "", True, False),
    ("1001", "9999^^^CLINIC^MR", "", True, False),
    ("9999", "1001^^^CLINIC^MR", "", True, True),
]


@pytest.mark.parametrize(("numbers", "bare_ok", "found"), [(row[:3], *row[3:]) for row in OLD_NUMBERS])
def test_pid_3_is_the_number_and_the_older_fields_count_only_where_it_is_empty(
    numbers: tuple[str, str, str], bare_ok: bool, found: bool, db: None
) -> None:
    make_sender(bare_mrn_ok=bare_ok)
    make_patient()
    send_segments(f"PID|1|{'|'.join(numbers)}|Müller^Maria||19610302|F", obr(), obx())
    assert bool(results()) is found


@pytest.mark.parametrize("control", ["OC", "CA", "CR"])
def test_a_result_of_a_cancelled_order_waits(control: str, patient: Patient) -> None:
    taken = send_segments(f"ORC|{control}|P1|F1", obr(), obx())
    assert taken.why == "order-cancelled"
    assert (results(), held()) == ([], ["order-cancelled"])


@pytest.mark.parametrize(
    "segments",
    [("ORC|RE|P1|F1||CA", obr(), obx()), (obr().removesuffix("F") + "X", obx())],
    ids=["ORC-5", "OBR-25"],
)
def test_a_cancelled_order_status_or_report_makes_its_results_wait(
    segments: tuple[str, ...], patient: Patient
) -> None:
    assert send_segments(*segments).why == "order-cancelled"


def test_a_cancelled_order_takes_its_result_back(patient: Patient) -> None:
    send_result()
    send_segments("ORC|OC|P1|F1", obr(), obx("", status="X"), control_id="M2", at="20260504100000+0200")
    assert results() == []


def test_an_order_number_is_obr_3_else_orc_3_else_the_placers(patient: Patient) -> None:
    bare = obr("").replace("|P1|", "||")
    send_segments(obr("F1^NS"), obx(collected="20260504070000"))
    send_segments("ORC|RE|P2|F2", bare, obx(collected="20260504071000"), control_id="M2")
    send_segments("ORC|RE|P3", bare, obx(collected="20260504072000"), control_id="M3")
    found = LabReport.objects.order_by("pk").values_list("filler_order", "placer_order")
    assert list(found) == [("F1^NS", "P1"), ("F2", "P2"), ("", "P3")]


LETTERS = [("F", "final"), ("C", "corrected"), ("P", "preliminary")]


@pytest.mark.parametrize(("letter", "status"), LETTERS)
def test_a_blank_result_status_is_the_reports_only_where_the_profile_says_so(
    letter: str, status: str, db: None
) -> None:
    make_sender(blank_status_from_report=True)
    make_patient()
    send_segments(obr().removesuffix("F") + letter, obx(status=""))
    assert only()["status"] == status


@pytest.mark.parametrize("letter", ["", "A", "I", "O", "R", "S", "Y", "Z", "W", "D", "U"])
def test_no_other_letter_of_a_report_says_anything_of_its_results(letter: str, db: None) -> None:
    make_sender(blank_status_from_report=True)
    make_patient()
    send_segments(obr().removesuffix("F") + letter, obx(status=""))
    assert (results(), held()) == ([], ["unknown-status"])


def test_the_report_says_nothing_of_a_blank_result_where_the_profile_is_silent(patient: Patient) -> None:
    send_segments(obr(), obx(status=""))
    assert (results(), held()) == ([], ["unknown-status"])


def test_a_profile_takes_the_reports_status_by_a_column_of_the_set_up(patient: Patient) -> None:
    head = "sender,msh3,msh4,tz,default_charset,bare_mrn_ok"
    row = "central-lab,LAB,HOSPITAL,Europe/Berlin,UTF-8,false"
    load_setup(files={"senders.csv": f"{head},status_from_report\n{row},true\n".encode()})
    send_segments(obr(), obx(status=""))
    assert only()["status"] == "final"
    load_setup(files={"senders.csv": f"{head}\n{row}\n".encode()})
    send_segments(obr("F2"), obx(status=""), control_id="M2")
    assert len(results()) == 2


def test_versions_are_ordered_by_obr_22_else_orc_9_else_the_messages_time(patient: Patient) -> None:
    send_segments(obr(changed="20260504090000+0200"), obx("70"), at="20260504120000+0200")
    send_segments(obr(changed="20260504100000+0200"), obx("60"), control_id="M2", at="20260504093000+0200")
    assert only()["value"] == "60"
    send_segments(
        "ORC|RE||||||||20260504110000+0200", obr(), obx("50"), control_id="M3", at="20260504080000+0200"
    )
    assert only()["value"] == "50"


OTHER_ORDERS = [
    ("ORC|RE|P1|F9", "the laboratory's order number is “F9” in ORC-3 and “F1” in OBR-3; that in OBR counts"),
    ("ORC|RE|P9|F1", "the clinic's order number is “P9” in ORC-2 and “P1” in OBR-2; that in OBR counts"),
]


@pytest.mark.parametrize(("orc", "remark"), OTHER_ORDERS)
def test_an_order_that_is_numbered_twice_is_known_by_obr_and_remarked_on(
    orc: str, remark: str, patient: Patient
) -> None:
    taken = send_segments(orc, obr("F1"), obx("60"))
    assert (taken.state, only()["value"]) == ("read", "60")
    assert remark in taken.remarks
    send_segments(obr("F1"), obx("50", status="C"), control_id="M2", at="20260504093000+0200")
    assert only()["value"] == "50"


@pytest.mark.parametrize("orc", ["ORC|RE|P1|F1", "ORC|RE|P1|F1^LAB", "ORC|RE", "ORC|RE||"])
def test_an_order_that_is_numbered_alike_or_once_needs_no_remark(orc: str, patient: Patient) -> None:
    assert send_segments(orc, obr("F1"), obx("60")).remarks == ""


def test_z_segments_unknown_segments_and_further_fields_are_passed_over(patient: Patient) -> None:
    send_segments(pid(), "ZPI|1|x", obr(), "TQ1|1", obx() + "|||||||||extra|more", "ZZZ|777-3|19")
    assert only()["value"] == "60"


def test_sub_ids_keep_results_of_one_order_apart(patient: Patient) -> None:
    send_segments(obr(), obx("60", sub_id="1"), obx("70", sub_id="2"))
    assert sorted(row["value"] for row in results()) == ["60", "70"]


def test_the_set_id_of_a_result_is_not_its_identity(patient: Patient) -> None:
    send_segments(obr(), obx("60"))
    send_segments(obr(), obx("60").replace("OBX|1|", "OBX|9|"), control_id="M2")
    assert len(results(history=True)) == 1


def test_a_local_code_is_read_by_the_senders_own_table(patient: Patient) -> None:
    make_local_code()
    send_result(code="THRO^Thrombozyten^L")
    assert (only()["analyte"], only()["loinc"]) == ("PLT", "777-3")
