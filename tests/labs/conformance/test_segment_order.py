"""Which segment may follow which: what belongs to what is never guessed, and nothing is dropped."""

import pytest

from labs.models import Patient, QuarantinedResult
from tests.builders_labs import message, msh, obr, obx, pid
from tests.labs.conformance.doors import held, results, send, send_result, send_segments

PLT = obx("200")
POTASSIUM = obx("5.2", code="2823-3^Potassium^LN", unit="mmol/L", limits="")
CANCELLED = "ORC|OC|P2|F2||CA"
HAEMOLYSED = "SPM|1|||BLD|||||||||||||||||RH|||HEM"
HEAD = msh()

DISORDERED = [
    ((obr(), PLT, CANCELLED, POTASSIUM), "line 6 is an OBX"),
    ((obr(), PLT, "ORC|RE|P2|F2", POTASSIUM, obr("F2")), "line 6 is an OBX"),
    ((obr(), PLT, CANCELLED, "NTE|1||haemolysed", POTASSIUM), "line 7 is an OBX"),
    ((obr(), PLT, CANCELLED, "TQ1|1", "ZXX|1", POTASSIUM), "line 8 is an OBX"),
    ((obr(), CANCELLED, PLT), "line 5 is an OBX"),
    (("ORC|RE|P1|F1", PLT, obr()), "line 4 is an OBX"),
    ((CANCELLED, "ORC|RE|P1|F1", obr(), PLT), "line 4 is an ORC"),
    (("ORC|RE|P1|F1", HAEMOLYSED, obr(), POTASSIUM), "line 4 is an SPM"),
    ((obr(), PLT, "ORC|RE|P2|F2", HAEMOLYSED, obr("F2"), POTASSIUM), "line 6 is an SPM"),
    ((obr(), PLT, CANCELLED), "the message ends"),
    ((obr(), PLT, CANCELLED, "NTE|1||haemolysed"), "the message ends"),
    ((HAEMOLYSED, obr(), POTASSIUM), "Line 3 describes a specimen (SPM)"),
    ((HAEMOLYSED, "ORC|RE|P1|F1", obr(), POTASSIUM), "Line 3 describes a specimen (SPM)"),
    ((HEAD, obr(), PLT, pid()), "Line 2 (OBR)"),
    ((HEAD, obr(), pid(), PLT), "Line 2 (OBR)"),
    ((HEAD, "ORC|RE", pid(), obr(), PLT), "Line 2 (ORC)"),
    ((HEAD, HAEMOLYSED, pid(), obr(), PLT), "Line 2 (SPM)"),
    ((HEAD, PLT, pid(), obr(), POTASSIUM), "Line 2 (OBX)"),
]


@pytest.mark.parametrize(("segments", "place"), DISORDERED)
def test_a_message_in_which_something_belongs_to_no_order_waits_whole(
    segments: tuple[str, ...], place: str, patient: Patient
) -> None:
    taken = send(message(*segments))
    assert (taken.ack, taken.state, taken.why) == ("AA", "quarantined", "out-of-sequence")
    assert results(history=True) == []
    waiting = QuarantinedResult.objects.get()
    assert waiting.reason_code == "out-of-sequence"
    assert place in waiting.reason
    assert "Ask the laboratory to send the message again" in waiting.reason


def test_a_result_before_any_order_names_its_line_and_what_to_ask_for(patient: Patient) -> None:
    assert send_segments(pid(), "NTE|1||x", PLT).why == "result-without-order"
    waiting = QuarantinedResult.objects.get()
    assert "Line 4 is a result (OBX)" in waiting.reason
    assert "Ask the laboratory to send the message again" in waiting.reason


def test_what_was_stored_before_stands_while_a_message_out_of_sequence_waits(patient: Patient) -> None:
    send_result("60")
    send_segments(obr(), PLT, "ORC|OC|P1|F1||CA", POTASSIUM, control_id="M2", at="20260504100000+0200")
    assert [(row["analyte"], row["value"]) for row in results()] == [("PLT", "60")]


def test_the_same_message_with_the_orders_own_obr_is_read(patient: Patient) -> None:
    send_segments(obr(), PLT, CANCELLED, obr("F2"), POTASSIUM)
    assert [row["analyte"] for row in results()] == ["PLT"]
    assert held() == ["order-cancelled"]


ORDERED = [
    # segments; the marks of platelets and of potassium
    ((obr(), PLT, POTASSIUM), [], []),
    (("ORC|RE", obr(), PLT, "ORC|RE", obr("F2"), POTASSIUM), [], []),
    ((CANCELLED, obr("F2"), "ORC|RE", obr(), PLT, POTASSIUM), [], []),
    ((obr(), PLT, POTASSIUM, CANCELLED, obr("F2")), [], []),
    ((obr(), obr("F2"), PLT, obr("F3"), POTASSIUM), [], []),
    ((obr(), PLT, HAEMOLYSED, obr("F2"), POTASSIUM), ["haemolysed"], []),
    ((obr(), PLT, HAEMOLYSED, "ORC|RE", obr("F2"), POTASSIUM), ["haemolysed"], []),
    ((obr(), PLT, obr("F2"), HAEMOLYSED, POTASSIUM), [], ["haemolysed"]),
    ((obr(), PLT, obr("F2"), POTASSIUM, HAEMOLYSED), [], ["haemolysed"]),
    ((obr(), PLT, HAEMOLYSED, POTASSIUM), ["haemolysed"], ["haemolysed"]),
    ((obr(), PLT, "ORC|RE", "NTE|1||haemolysed", obr("F2"), POTASSIUM), [], ["haemolysed"]),
    ((pid(), "NTE|1||haemolysed", obr(), PLT, obr("F2"), POTASSIUM), ["haemolysed"], ["haemolysed"]),
    ((HEAD, "SFT|x", "NTE|1||ok", pid(), "PD1||x", "NK1|1", "PV1|1|O", "ZPV|1", obr(), PLT, POTASSIUM),
     [], []),
    (("ORC|RE", "TQ1|1", "ZOR|1", obr(), "TQ1|1", "TQ2|1", "CTD|1", "TCD|1", PLT, "ZBX|1", POTASSIUM, "FT1|1",
      "CTI|1", HAEMOLYSED, "SAC|1", "ZSP|1", "DSC"), ["haemolysed"], ["haemolysed"]),
]  # fmt: skip


@pytest.mark.parametrize(("segments", "platelets", "potassium"), ORDERED)
def test_what_stands_where_the_standard_has_it_is_read_and_other_segments_are_passed_over(
    segments: tuple[str, ...], platelets: list[str], potassium: list[str], patient: Patient
) -> None:
    assert send(message(*segments)).state == "read"
    assert {row["analyte"]: row["quality"] for row in results()} == {"PLT": platelets, "K": potassium}


@pytest.mark.parametrize(
    ("last", "place"), [("DSC|part-2|F", "Line 5 (DSC)"), ("ADD|||haemolysed", "Line 5 (ADD)")]
)
def test_a_part_of_a_longer_message_waits_whole(last: str, place: str, patient: Patient) -> None:
    taken = send_segments(obr(), PLT, last)
    assert (taken.ack, taken.state, taken.why) == ("AA", "quarantined", "continued-message")
    assert results(history=True) == []
    assert place in QuarantinedResult.objects.get().reason


def test_a_message_that_goes_on_where_another_ended_waits_whole(patient: Patient) -> None:
    taken = send(message(msh(f14="part-1"), pid(), obr(), PLT))
    assert (taken.state, taken.why) == ("quarantined", "continued-message")
    assert "Line 1 (MSH)" in QuarantinedResult.objects.get().reason


@pytest.mark.parametrize("ending", ["DSC", "DSC|", "DSC| |F"])
def test_an_empty_pointer_continues_nothing(ending: str, patient: Patient) -> None:
    assert send_segments(obr(), PLT, ending).state == "read"
