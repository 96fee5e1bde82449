"""Faults that other receivers had in the field and that concern what a message says."""

from datetime import date

from labs.models import LabMessage, Patient
from labs.services import keep_message, read_waiting_messages
from tests.builders_labs import make_patient, message, msh, obr, obx, pid
from tests.labs.conformance.doors import held, only, results, send, send_result, send_segments


def test_bytes_outside_ascii_neither_hang_nor_lose_a_message(patient: Patient) -> None:
    send_segments(obr(), obx(), "NTE|1||Thrombozyten geprüft \u2013 5 \u00b5L")
    assert only()["value"] == "60"


def test_a_file_of_line_feeds_is_read(patient: Patient) -> None:
    send(message().replace(b"\r", b"\n"))
    assert only()["value"] == "60"


def test_a_strict_readers_stumbling_blocks_are_read(patient: Patient) -> None:
    send_segments(
        msh(f9="ORU^R01", f12="2.3"),
        pid(),
        obr(),
        "OBX||NM|777-3^Platelets^LN^THRO^Thrombozyten^L^X^Y^Z^2.40^1^text|1|60|10*9/L^^UCUM|150-400|L~A|||F|||||A^B^C|||x",
    )
    assert only()["value"] == "60"


def test_a_blank_line_ends_nothing(patient: Patient) -> None:
    send(
        message(obr(), obx("60"), obx("8.1", code="718-7^Hb^LN", unit="g/dL")).replace(b"\rOBX", b"\r\r\rOBX")
    )
    assert {row["analyte"] for row in results()} == {"PLT", "HGB"}


def test_the_same_message_after_a_lost_acknowledgement_is_one(patient: Patient) -> None:
    first = keep_message(body=message(), door="mllp")
    again = keep_message(body=message(), door="mllp")
    read_waiting_messages()
    assert (again.duplicate, again.message_id, again.acks) == (True, first.message_id, first.acks)
    assert LabMessage.objects.count() == 1
    assert len(results(history=True)) == 1


def test_the_same_results_under_a_new_control_id_are_one(patient: Patient) -> None:
    send_result()
    taken = send_segments(obr(), obx(), control_id="M2", at="20260504120000+0200")
    assert taken.state == "duplicate"
    assert len(results(history=True)) == 1


def test_an_old_control_id_with_other_bytes_is_another_message_with_a_remark(patient: Patient) -> None:
    send_result()
    taken = send_segments(obr("F2"), obx("70"))
    assert "control id" in taken.remarks
    assert len(results()) == 2


def test_unescaped_component_signs_in_a_value_make_it_wait(patient: Patient) -> None:
    for number, value in enumerate(["6^0", "6&0", "<^60", "60^L"]):
        send_segments(obr(f"F{number}"), obx(value), control_id=f"M{number}")
    assert (results(), len(held())) == ([], 4)


def test_one_accession_number_of_two_patients_is_two_results(patient: Patient) -> None:
    make_patient(mrn="1002", family="Schmidt", given="Eva", birth_date=date(1970, 1, 1))
    send_result("60")
    send_segments(
        pid("1002^^^CLINIC^MR", name="Schmidt^Eva", born="19700101"), obr(), obx("19"), control_id="M2"
    )
    assert (only("1001")["value"], only("1002")["value"]) == ("60", "19")


def test_result_status_letters_in_the_reports_status_change_nothing(patient: Patient) -> None:
    for number, letter in enumerate("WDUVB"):
        send_segments(obr(f"F{number}").removesuffix("F") + letter, obx(), control_id=f"M{number}")
    assert [row["usable"] for row in results()] == [True] * 5


def test_values_without_units_are_held_each_of_them(patient: Patient) -> None:
    panel = [
        obx(value, code=code, unit="")
        for value, code in [
            ("60", "777-3^P^LN"),
            ("8.1", "718-7^H^LN"),
            ("80", "2160-0^C^LN"),
            ("4.1", "2823-3^K^LN"),
        ]
    ]
    send_segments(obr(), *panel)
    assert (results(), held()) == ([], ["no-unit"] * 4)


def test_a_report_of_a_hundred_results_is_read_whole(patient: Patient) -> None:
    send_segments(*[line for n in range(100) for line in (obr(f"F{n}"), obx(str(100 + n)))])
    assert len(results()) == 100
