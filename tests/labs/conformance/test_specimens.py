"""Specimen remarks: what makes a result unusable, what is denied, and which results a remark is about."""

import pytest

from labs.models import Patient
from tests.builders_labs import obr, obx, pid
from tests.labs.conformance.doors import Row, only, results, send_segments

PLT = obx("200", limits="150-400")
POTASSIUM = obx("4.1", code="2823-3^Potassium^LN", unit="mmol/L", limits="")
AST = obx("30", code="1920-8^AST^LN", unit="U/L", limits="")
BILI = obx("10", code="14631-6^Bilirubin^LN", unit="umol/L", limits="")
CREAT = obx("80", code="14682-9^Creatinine^LN", unit="umol/L", limits="")


def spm(*, condition: str = "", rejected: str = "", words: str = "") -> str:
    """A specimen with SPM-24, SPM-21 and SPM-14."""
    return f"SPM|1|||BLD||||||||||{words}|||||||{rejected}|||{condition}"


STATED = [
    (POTASSIUM, "Specimen haemolysed", "haemolysed"),
    (POTASSIUM, "HEMOLYZED", "haemolysed"),
    (POTASSIUM, "gross hemolysis, result may be falsely elevated", "haemolysed"),
    (POTASSIUM, "Slightly haemolytic", "haemolysed"),
    (AST, "moderate haemolysis", "haemolysed"),
    (BILI, "hemolysis present", "haemolysed"),
    (BILI, "icteric serum", "icteric"),
    (CREAT, "icterus interferes", "icteric"),
    (CREAT, "lipaemic sample", "lipaemic"),
    (AST, "Lipemia +++", "lipaemic"),
    (PLT, "clotted", "clotted"),
    (PLT, "Micro-clots seen", "clotted"),
    (PLT, "fibrin strands in tube", "clotted"),
    (PLT, "Platelet clumps present, count may be falsely low", "platelet clumps"),
    (PLT, "platelets clumped", "platelet clumps"),
    (PLT, "EDTA aggregates", "platelet clumps"),
    (PLT, "EDTA-dependent pseudothrombocytopenia with aggregation", "platelet clumps"),
    (CREAT, "insufficient specimen", "insufficient"),
    (CREAT, "QNS", "insufficient"),
    (POTASSIUM, "aged sample", "aged"),
    (POTASSIUM, "sample is too old", "aged"),
    (POTASSIUM, "contaminated with EDTA", "contaminated"),
    (CREAT, "Probable contamination", "contaminated"),
    (CREAT, "drawn from drip arm", "drip arm"),
    (PLT, "tube unlabelled", "unlabelled"),
    (PLT, "UNLABELED SPECIMEN", "unlabelled"),
    (PLT, "mislabelled tube", "mislabelled"),
    (PLT, "possibly mislabeled", "mislabelled"),
    (POTASSIUM, "no longer haemolysed on repeat", "haemolysed"),
    (POTASSIUM, "not only slightly but grossly haemolysed", "haemolysed"),
    (PLT, "No clots, but platelet clumps present", "platelet clumps"),
    (POTASSIUM, "Hemolysis index: 3+", "haemolysed"),
    (POTASSIUM, "Probe stark hämolytisch", "haemolysed"),
    (PLT, "Material geronnen", "clotted"),
    (PLT, "Thrombozytenaggregate, bitte Citratblut", "platelet clumps"),
    (BILI, "Serum ikterisch", "icteric"),
]


@pytest.mark.parametrize(("segment", "words", "fault"), STATED)
def test_a_stated_fault_marks_the_result_and_changes_no_number(
    segment: str, words: str, fault: str, patient: Patient
) -> None:
    send_segments(obr(), segment, f"NTE|1|L|{words}")
    row = only()
    assert (fault in row["quality"], row["usable"]) == (True, False)
    assert row["value"] == segment.split("|")[5]
    assert fault in row["reason"]


DENIED = [
    (POTASSIUM, "No haemolysis"),
    (POTASSIUM, "not haemolysed"),
    (POTASSIUM, "non-haemolysed"),
    (POTASSIUM, "Hemolysis: none"),
    (POTASSIUM, "haemolysis absent"),
    (POTASSIUM, "Haemolysis index negative"),
    (POTASSIUM, "free of haemolysis"),
    (AST, "without visible haemolysis or lipaemia"),
    (AST, "no lipaemia, no icterus"),
    (BILI, "negative for hemolysis"),
    (BILI, "Haemolysis not detected."),
    (PLT, "No clots seen"),
    (PLT, "no clot"),
    (PLT, "Clots not seen."),
    (PLT, "Clot check: negative"),
    (PLT, "Specimen checked, no clots or clumps seen"),
    (PLT, "No platelet clumps on smear"),
    (PLT, "No platelet aggregates seen"),
    (PLT, "absence of platelet aggregation"),
    (CREAT, "not contaminated"),
    (CREAT, "no evidence of contamination"),
    (CREAT, "Patient aged 65 years"),
    (BILI, "known haemolytic anaemia"),
    (PLT, "Keine Thrombozytenaggregate, kein Gerinnsel"),
    (POTASSIUM, "nicht hämolytisch"),
    (PLT, "Clotting profile to follow"),
    (CREAT, "Sample labelled and sufficient"),
]


@pytest.mark.parametrize(("segment", "words"), DENIED)
def test_a_denied_fault_marks_nothing(segment: str, words: str, patient: Patient) -> None:
    send_segments(obr(), segment, f"NTE|1|L|{words}")
    assert (only()["quality"], only()["usable"]) == ([], True)


def faults(rows: list[Row]) -> dict[str, list[str]]:
    return {row["analyte"]: row["quality"] for row in rows}


HAEMOLYSED = ["haemolysed"]
PLACES = [
    # segments; the marks of platelets, potassium and creatinine (the last of a second order)
    ((obr(), PLT, "NTE|1||haemolysed", POTASSIUM, obr("F2"), CREAT), (HAEMOLYSED, [], [])),
    ((obr(), PLT, POTASSIUM, "NTE|1||haemolysed", obr("F2"), CREAT), ([], HAEMOLYSED, [])),
    ((obr(), "NTE|1||haemolysed", PLT, POTASSIUM, obr("F2"), CREAT), (HAEMOLYSED, HAEMOLYSED, [])),
    (("ORC|RE", "NTE|1||haemolysed", obr(), PLT, POTASSIUM, obr("F2"), CREAT), (HAEMOLYSED, HAEMOLYSED, [])),
    ((obr(), PLT, POTASSIUM, "ORC|RE", "NTE|1||haemolysed", obr("F2"), CREAT), ([], [], HAEMOLYSED)),
    ((obr(), PLT, POTASSIUM, obr("F2"), "NTE|1||ok", "NTE|2||haemolysed", CREAT), ([], [], HAEMOLYSED)),
    ((obr(), PLT, POTASSIUM, spm(), "NTE|1||haemolysed", obr("F2"), CREAT), (HAEMOLYSED, HAEMOLYSED, [])),
]  # fmt: skip


@pytest.mark.parametrize(("segments", "marks"), PLACES)
def test_a_note_is_about_the_segment_before_it_and_a_note_on_the_order_about_all_its_results(
    segments: tuple[str, ...], marks: tuple[list[str], ...], patient: Patient
) -> None:
    send_segments(*segments)
    found = faults(results())
    assert (found["PLT"], found["K"], found["CREAT"]) == marks


def test_a_note_on_the_patient_is_about_every_result(patient: Patient) -> None:
    send_segments(pid(), "NTE|1||haemolysed", obr(), PLT, obr("F2"), CREAT)
    assert faults(results()) == {"PLT": HAEMOLYSED, "CREAT": HAEMOLYSED}


def test_every_repetition_and_escape_of_a_note_is_read(patient: Patient) -> None:
    send_segments(obr(), PLT, r"NTE|1||checked~haemo\.br\lysed~clotted")
    assert only()["quality"] == ["clotted"]


CODED = [
    (spm(condition="HEM^Hemolyzed^HL70493"), ["haemolysed"]),
    (spm(condition="CLOT"), ["clotted"]),
    (spm(condition="CON"), ["contaminated"]),
    (spm(condition="AUT"), ["autolysed"]),
    (spm(condition="ROOM~HEM"), ["haemolysed"]),
    (spm(condition="^grossly lipaemic"), ["lipaemic"]),
    (spm(condition="ROOM"), []),
    (spm(condition="COOL^Cool^HL70493"), []),
    (spm(rejected="RH"), ["haemolysed"]),
    (spm(rejected="RC"), ["clotted"]),
    (spm(rejected="QS"), ["insufficient"]),
    (spm(rejected="RM"), ["mislabelled"]),
    (spm(rejected="RA"), ["unlabelled"]),
    (spm(rejected="EX"), ["aged"]),
    (spm(rejected="RB^Broken container^HL70490"), ["rejected"]),
    (spm(words="drawn from drip arm"), ["drip arm"]),
]


@pytest.mark.parametrize(("segment", "marks"), CODED)
def test_codes_of_the_specimen_mark_every_result_of_its_order(
    segment: str, marks: list[str], patient: Patient
) -> None:
    send_segments(obr(), PLT, POTASSIUM, segment, obr("F2"), CREAT)
    assert faults(results()) == {"PLT": marks, "K": marks, "CREAT": []}


def test_the_same_result_without_the_remark_is_no_correction_of_it(patient: Patient) -> None:
    send_segments(obr(), PLT, "NTE|1||clotted")
    send_segments(obr(), PLT, control_id="M2")
    assert not only()["usable"]
