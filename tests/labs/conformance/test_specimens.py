"""Specimen remarks: what makes a result unusable, what is denied, and which results a remark is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.formats.specimen import faults_in_text
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


# The words alone, without a message around them: every fault that they state, in the reader's order.
STATED_IN_WORDS = [
    # The negation is about the result, and the fault is its cause.
    ("Result not reliable due to haemolysis", "haemolysed"),
    ("Not accurate because of platelet clumps", "platelet clumps"),
    ("No accurate potassium - haemolysed sample", "haemolysed"),
    ("Nicht verwertbar wegen Hämolyse", "haemolysed"),
    ("Platelet count may not be accurate due to clumping", "platelet clumps"),
    ("No valid result because of hemolysis", "haemolysed"),
    ("Do not use - hemolyzed specimen", "haemolysed"),
    ("Thrombozyten nicht auswertbar wegen Aggregaten", "platelet clumps"),
    ("Result not reliable due to platelet clumps", "platelet clumps"),
    ("No result: clotted", "clotted"),
    ("not reported, haemolysed", "haemolysed"),
    ("Kein Ergebnis wegen Gerinnsel", "clotted"),
    ("Sample not suitable, icteric", "icteric"),
    ("not possible owing to lipaemia", "lipaemic"),
    ("not due to haemolysis", "haemolysed"),
    ("Kein Kalium bei Hämolyse", "haemolysed"),
    ("nicht messbar aufgrund Lipämie", "lipaemic"),
    ("nicht beurteilbar durch Ikterus", "icteric"),
    ("Usable: no - haemolysed", "haemolysed"),
    ("Usable: no; haemolysed", "haemolysed"),
    ("Usable: no, clotted", "clotted"),
    ("Usable: no\nclotted", "clotted"),
    ("without a second tube haemolysis stays", "haemolysed"),
    ("non-fasting haemolysed specimen", "haemolysed"),
    ("Sample not centrifuged and contaminated", "contaminated"),
    ("Do not use haemolysed specimens", "haemolysed"),
    # The denial ends before the fault.
    ("no haemolysis but clotted", "clotted"),
    ("no clots, clumps present", "platelet clumps"),
    ("No clots: platelet clumps", "platelet clumps"),
    ("No haemolysis; lipaemic", "lipaemic"),
    ("No haemolysis - lipaemic", "lipaemic"),
    ("not haemolysed, clotted", "clotted"),
    ("not haemolysed and clotted", "clotted"),
    ("no clots / haemolysed", "haemolysed"),
    ("no haemolysis / clots present", "clotted"),
    ("no haemolysis and clotted", "clotted"),
    ("no clots and clumps seen", "platelet clumps"),
    ("keine Gerinnsel und Aggregate vorhanden", "platelet clumps"),
    ("no clots or haemolysis: 2+", "haemolysed"),
    ("keine Hämolyse, aber Gerinnsel", "clotted"),
    ("Clots: none haemolysis: 2+", "haemolysed"),
    ("Clots: no haemolysis: 2+", "haemolysed"),
    # The words after the fault answer another question, or nothing.
    ("haemolysed - no clots", "haemolysed"),
    ("Haemolysed - no result", "haemolysed"),
    ("Clotted - not reported", "clotted"),
    ("clotted - none reported", "clotted"),
    ("hämolytisch - keine Bestimmung", "haemolysed"),
    ("haemolysed - not detected", "haemolysed"),
    ("haemolysed\nnone", "haemolysed"),
    ("Tube No 3 haemolysed", "haemolysed"),
    ("Clots: no clots: many", "clotted"),
    ("haemolysis index 0.5", "haemolysed"),
    ("haemolysis 0-1+", "haemolysed"),
    ("Hämolyseindex: 03", "haemolysed"),
    ("haemolysis index not available", "haemolysed"),
    ("Clots, haemolysis: none", "clotted"),
    # A denial that is denied, doubted, asked about or asked for.
    ("not free of clots", "clotted"),
    ("not entirely free of clots", "clotted"),
    ("nicht frei von Gerinnseln", "clotted"),
    ("Probe nicht hämolysefrei", "haemolysed"),
    ("no clot-free specimen", "clotted"),
    ("cannot exclude haemolysis", "haemolysed"),
    ("can not exclude haemolysis", "haemolysed"),
    ("haemolysis not excluded", "haemolysed"),
    ("haemolysis cannot be ruled out", "haemolysed"),
    ("Hämolyse nicht auszuschließen", "haemolysed"),
    ("Hämolyse kann nicht ausgeschlossen werden", "haemolysed"),
    ("absence of clots cannot be confirmed", "clotted"),
    ("No clots seen, but cannot be excluded", "clotted"),
    ("No clumps seen on previous sample", "platelet clumps"),
    ("absence of clots not confirmed", "clotted"),
    ("cannot confirm absence of clots", "clotted"),
    ("no haemolysis?", "haemolysed"),
    ("possibly no clots", "clotted"),
    ("vermutlich keine Gerinnsel", "clotted"),
    ("haemolysis is not absent", "haemolysed"),
    ("Please send a non-haemolysed sample", "haemolysed"),
    ("non-haemolysed sample required", "haemolysed"),
    ("Bitte Probe ohne Hämolyse einsenden", "haemolysed"),
    ("valid only if not haemolysed", "haemolysed"),
    ("clots not seen initially", "clotted"),
    ("nicht mehr hämolytisch", "haemolysed"),
    ("nicht nur leicht hämolytisch", "haemolysed"),
    ("no further clots", "clotted"),
    # A label that is missing.
    ("Specimen not labelled", "unlabelled"),
    ("Specimen was not labeled", "unlabelled"),
    ("Received without label", "unlabelled"),
    ("no label on tube", "unlabelled"),
    ("unbeschriftet", "unlabelled"),
    ("Röhrchen nicht beschriftet", "unlabelled"),
    ("ohne Etikett eingegangen", "unlabelled"),
    ("no clots or no label", "unlabelled"),
    ("Tube not correctly labelled", "mislabelled"),
]


@pytest.mark.parametrize(("words", "fault"), STATED_IN_WORDS)
def test_a_negation_of_something_else_denies_no_fault(words: str, fault: str) -> None:
    assert fault in faults_in_text(words)


@pytest.mark.parametrize(
    ("words", "stated"),
    [
        ("not haemolysed but clotted", ("clotted",)),
        ("haemolysed, not clotted", ("haemolysed",)),
        ("haemolysed not clotted", ("haemolysed",)),
        ("Hemolysis: none, Icterus: 2+, Lipemia: none", ("icteric",)),
        ("no clots, not labelled", ("unlabelled",)),
        ("unlabelled, Röhrchen nicht beschriftet", ("unlabelled",)),
        ("Keine Gerinnsel, Thrombozyten nicht auswertbar wegen Aggregaten", ("platelet clumps",)),
    ],
)
def test_of_two_faults_each_is_judged_by_its_own_negation(words: str, stated: tuple[str, ...]) -> None:
    assert faults_in_text(words) == stated


DENIED_IN_WORDS = [
    "no clots, clumps or haemolysis",
    "not haemolysed, lipaemic or icteric",
    "keine Gerinnsel oder Aggregate",
    "neither clotted nor haemolysed",
    "not haemolysed, nor clotted",
    "weder geronnen noch hämolytisch",
    "keine Hämolyse, Lipämie oder Ikterus",
    "no haemolysis/lipaemia/icterus",
    "No clots / clumps seen",
    "no clots and/or clumps",
    "No platelet clumps seen, previous count 60",
    "Keine Aggregate, Pseudothrombozytopenie ausgeschlossen",
    "Kein Gerinnsel, keine Aggregate, Kontrolle erbeten",
    "no clots and clumps",
    "ohne Hämolyse und Lipämie",
    "not clotted and not haemolysed",
    "no haemolysis no icterus no lipaemia",
    "Keine Hämolyse und keine Lipämie",
    "no signs of haemolysis",
    "no visible signs of haemolysis or clots",
    "without any obvious trace of haemolysis",
    "no significant haemolysis",
    "not grossly haemolysed",
    "no macroscopic haemolysis",
    "no apparent haemolysis or visible clots",
    "not a haemolysed specimen",
    "non haemolysed",
    "free from fibrin clots",
    "kein Hinweis auf Hämolyse",
    "Kein Anhalt für Hämolyse",
    "keine Anzeichen für Gerinnsel",
    "keine Anzeichen von Hämolyse",
    "keine Zeichen einer Hämolyse",
    "keine sichtbaren Gerinnsel",
    "keine erkennbare Hämolyse",
    "ohne nennenswerte Hämolyse",
    "keine Thrombozyten-Aggregate",
    "frei von Gerinnseln",
    "haemolysis: none",
    "Haemolysis - none.",
    "Haemolysis: no, result valid",
    "Haemolysis: no",
    "Haemolysis: no Icterus: no Lipaemia: no",
    "Hemolysis none Icterus none Lipemia none",
    "Haemolysis/lipaemia: none",
    "clots or clumps not seen",
    "clots were not seen in the tube",
    "Clots seen: none",
    "Haemolysis: No haemolysis",
    "Clot check: no visible clots",
    "Hämolyse: keine Hämolyse",
    "Hämolyse 0, Ikterus 0 Lipämie 0",
    "clots nil seen",
    "keine relevante Hämolyse",
    "haemolysis index 0",
    "Hämolyseindex: 0",
    "Hämolyse: nein",
    "Hämolyse: keine",
    "Hämolyse: negativ",
    "Hämolyse nicht nachweisbar",
    "Gerinnsel wurden nicht gefunden",
    "Haemolysis absent, clots absent",
    "not unlabelled",
    "mislabelled: no",
    "no label errors",
]


@pytest.mark.parametrize("words", DENIED_IN_WORDS)
def test_a_negation_of_nothing_but_faults_denies_them_all(words: str) -> None:
    assert faults_in_text(words) == ()


EVERY_DENIAL = st.sampled_from([words for _segment, words in DENIED] + DENIED_IN_WORDS)
CAUSES = [
    "due to",
    "because of",
    "owing to",
    "caused by",
    "wegen",
    "aufgrund von",
    "durch",
    "bei",
    "-",
    ":",
    ";",
]
FAULT_WORDS = {"haemolysis": "haemolysed", "Gerinnsel": "clotted", "platelet clumps": "platelet clumps"}


@given(
    EVERY_DENIAL,
    st.sampled_from(["", ", not reliable", " - nicht verwertbar"]),
    st.sampled_from(CAUSES),
    st.sampled_from(sorted(FAULT_WORDS)),
)
def test_a_cause_behind_any_denial_is_a_stated_fault(
    denial: str, verdict: str, cause: str, fault: str
) -> None:
    assert FAULT_WORDS[fault] in faults_in_text(f"{denial}{verdict} {cause} {fault}")


@given(
    st.sampled_from(["no", "not", "without", "free of", "kein", "nicht", "ohne"]),
    st.from_regex(r"x[a-z]{2,12}", fullmatch=True),
    st.sampled_from(sorted(FAULT_WORDS)),
)
def test_a_word_that_the_list_does_not_know_ends_a_denial(negation: str, word: str, fault: str) -> None:
    assert faults_in_text(f"{negation} {word} {fault}") == (FAULT_WORDS[fault],)


@pytest.mark.parametrize(
    "piece",
    ["a", "no ", "no visible ", "no clot, ", "clot or ", "clot/", "aggregat", "haemolyti ", "haemolysis :"],
)
def test_a_long_text_is_read_in_the_time_of_its_length(piece: str) -> None:
    faults_in_text(piece * (200_000 // len(piece)))  # minutes, if a pattern read the text once for every word


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
