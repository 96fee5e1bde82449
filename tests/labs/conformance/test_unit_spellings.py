"""Every unit spelling that laboratories are known to send, analyte by analyte, typed from the table."""

from decimal import Decimal

import pytest

from labs.models import Patient
from tests.builders_labs import obr, obx
from tests.labs.conformance.doors import held, only, results, send_result, send_segments

# factor to the canonical unit: spellings
COUNTS = {
    "1": [
        "10*9/L", "10^9/L", "x10^9/L", "x10*9/L", "x10E9/L", "10e9/L", "10E9/L", "E9/L", "x10(9)/L", "10 9/L",
        "G/l", "G/L", "GIGA/L", "Gpt/L", "Mrd/l", "bill/L", "/nL",
        "K/uL", "k/mm3", "10*3/uL", "10^3/uL", "x10E3/uL", "x10(3)/mcL", "10*3/mm3", "thou/uL", "thou/mcL",
        "thou/cu mm", "Thousand/uL", "th/mm3", "Tsd/ul", "1000/uL", "10*6/mL",
        "10\\S\\9/L", "x10\\S\\9/L", "K/\u00b5L", "K/\u03bcL", "10*3/\u00b5L", " 10*9 / L ",
    ],
    "0.001": ["/uL", "/mm3", "/cmm", "cells/uL", "{cells}/uL", "cells/mm3", "cells/cumm", "10*6/L",
              "/\u00b5l"],
    "10": ["10*4/uL", "x10^4/uL"],
    "100": ["lakh/cumm"],
}  # fmt: skip
MASS = {
    "1": ["g/L", "G/L", "gm/L", "g/l"],
    "10": ["g/dL", "gm/dL", "G/DL", "g%", "gm%", "g/100mL"],
}
MOLAR = ["umol/L", "UMOL/L", "UMOLL", "umol/l", "mcmol/L", "micromol/L", "uM", "\u00b5mol/L", "\u03bcmol/L"]
ENZYMES = {
    "1": ["U/L", "u/l", "IU/L", "[IU]/L", "UI/L", "UNITS/L", "U/l", "mU/mL"],
    "60": ["ukat/L", "\u00b5kat/L"],
    "0.06": ["nkat/L"],
}
# code, a value in the canonical unit, spellings by factor
TABLE = {
    "PLT": ("777-3^Platelets^LN", "200", COUNTS),
    "ANC": ("751-8^Neutrophils^LN", "4", COUNTS),
    "WBC": ("6690-2^Leukocytes^LN", "8", COUNTS),
    "LYMPH": ("731-0^Lymphocytes^LN", "2", COUNTS),
    "HGB": ("718-7^Haemoglobin^LN", "128.912", {**MASS, "16.114": ["mmol/L", "mM"]}),
    "ALB": ("1751-7^Albumin^LN", "39.9", {**MASS, "0.01": ["mg/dL"], "0.0665": ["umol/L"]}),
    "CREAT": (
        "14682-9^Creatinine^LN",
        "88.42",
        {
            "1": MOLAR,
            "88.42": ["mg/dL", "mg/dl", "MG/DL", "mg%", "mg/100mL"],
            "1000": ["mmol/L"],
            "8.842": ["mg/L"],
        },
    ),
    "BILI": ("14631-6^Bilirubin^LN", "17.104", {"1": MOLAR, "17.104": ["mg/dL"], "1.7104": ["mg/L"]}),
    "ALT": ("1742-6^ALT^LN", "30", ENZYMES),
    "AST": ("1920-8^AST^LN", "30", ENZYMES),
    "K": (
        "2823-3^Potassium^LN",
        "5.116",
        {
            "1": ["mmol/L", "MMOL/L", "MMOLL", "mM", "mEq/L", "meq/l", "MEQ/L", "mval/l"],
            "0.2558": ["mg/dL"],
        },
    ),
    "INR": (
        "6301-6^INR^LN",
        "1.1",
        {"1": ["", "1", "{INR}", "INR", "ratio", "RATIO", "{ratio}", "Index"]},
    ),
}
CASES = [
    (analyte, factor, spellings)
    for analyte, (_code, _value, by_factor) in TABLE.items()
    for factor, spellings in by_factor.items()
]


@pytest.mark.parametrize(("analyte", "factor", "spellings"), CASES, ids=[f"{a}-x{f}" for a, f, _ in CASES])
def test_the_same_quantity_in_every_spelling_is_the_same_result(
    analyte: str, factor: str, spellings: list[str], patient: Patient
) -> None:
    code, canonical, _ = TABLE[analyte]
    sent = f"{(Decimal(canonical) / Decimal(factor)).normalize():f}"
    limits = f"{Decimal('0.5') * Decimal(sent):f}-{2 * Decimal(sent):f}"
    segments = [
        line
        for number, unit in enumerate(spellings)
        for line in (obr(f"F{number}"), obx(sent, code=code, unit=unit, limits=limits))
    ]
    taken = send_segments(*segments)
    assert (taken.state, taken.outcome.held) == ("read", 0), taken.outcome.reason
    found = results()
    assert len(found) == len(spellings)
    assert {Decimal(row["value"]) for row in found} == {Decimal(canonical)}
    assert {Decimal(row["ref_high"]) for row in found} == {2 * Decimal(canonical)}
    assert {(row["analyte"], row["usable"]) for row in found} == {(analyte, True)}


@pytest.mark.parametrize("analyte", ["PLT", "WBC"])
@pytest.mark.parametrize(
    ("sent", "unit"), [("10^9/L", "10^9/L"), ("x10^9/L", "x10^9/L"), ("10^3/uL", "10^3/uL")]
)
def test_an_exponent_that_split_the_field_is_joined_again(
    sent: str, unit: str, analyte: str, patient: Patient
) -> None:
    send_segments(obr(), obx("20", code=TABLE[analyte][0], unit=sent))
    [row] = results()
    assert (row["value"], row["unit"], row["usable"]) == ("20", "10*9/L", True)


G_PER_L = [("777-3^Platelets^LN", "200", "10*9/L"), ("718-7^Haemoglobin^LN", "130", "g/L")]


@pytest.mark.parametrize(("code", "value", "unit"), G_PER_L)
def test_g_per_l_is_giga_for_counts_and_gram_for_haemoglobin(
    code: str, value: str, unit: str, patient: Patient
) -> None:
    send_segments(obr(), obx(value, code=code, unit="G/L", limits=""))
    [row] = results()
    assert (row["value"], row["unit"]) == (value, unit)


REFUSED = {
    "PLT": ["", "%", "10*9", "10*12/L", "109/L", "fL", "kelvin/uL", "10*9/mL", "cells"],
    "ANC": ["%", "", "% of WBC"],
    "HGB": ["", "%", "mg/dL", "umol/L", "10*9/L"],
    "CREAT": ["", "g/L", "mL/min", "mmol/d", "U/L"],
    "BILI": ["", "g/dL", "U/L"],
    "ALB": ["", "%", "mmol/L"],
    "ALT": ["", "mg/dL", "kat/L", "U/dL"],
    "K": ["", "g/L", "umol/L", "mmol/d"],
    "INR": ["s", "sec", "%", "seconds"],
}


@pytest.mark.parametrize(("analyte", "units"), REFUSED.items())
def test_a_unit_that_is_not_the_analytes_is_held_and_never_repaired(
    analyte: str, units: list[str], patient: Patient
) -> None:
    code, canonical, _ = TABLE[analyte]
    segments = [
        line
        for number, unit in enumerate(units)
        for line in (obr(f"F{number}"), obx(canonical, code=code, unit=unit))
    ]
    taken = send_segments(*segments)
    assert (taken.state, taken.outcome.held) == ("quarantined", len(units))
    assert results() == []
    why = {row["reason_code"] for row in results(history=True)}
    assert why <= {"unknown-unit", "no-unit"}


TRIPLETS = [
    ("10*9/L^^UCUM", "60"),
    ("G/l^giga per litre^L^10*9/L^^UCUM", "60"),
    ("xyz^^L^10*9/L^^UCUM", "60"),
    ("K/uL^thousand^L", "60"),
    ("10*9/L^^UCUM^/uL^^L", "unit-conflict"),
    ("xyz^^UCUM^zzz^^L", "unknown-unit"),
]


@pytest.mark.parametrize(("unit", "meant"), TRIPLETS)
def test_of_two_unit_codings_the_known_ones_must_agree(unit: str, meant: str, patient: Patient) -> None:
    taken = send_segments(obr(), obx("60", unit=unit))
    assert (taken.why or results()[0]["value"]) == meant


def test_a_scale_error_is_implausible_and_never_stored(patient: Patient) -> None:
    for number, (value, unit) in enumerate([("150000", "10*9/L"), ("150", "/uL"), ("150", "10*6/L")]):
        taken = send_segments(obr(f"F{number}"), obx(value, unit=unit), control_id=f"M{number}")
        assert taken.why == "implausible"
    assert results() == []


# Haemoglobin in mmol/L: monomers (times 16.114) nearly everywhere, tetramers (times 64.456) in places.
COUNTED = [
    # value, unit, reference range, the canonical value or why it waits
    ("8.4", "mmol/L", "", "135.3576"),
    ("8.4", "mmol/L", "7.4-9.9", "135.3576"),
    ("4.1", "mmol/L", "", "66.0674"),
    ("4", "mmol/L", "", "ambiguous-unit"),
    ("2.1", "mmol/L", "", "ambiguous-unit"),
    ("2.1", "mM", "", "ambiguous-unit"),
    ("2.1", "mmol/L", "1.9-2.5", "ambiguous-unit"),
    ("3.5", "mmol/L", "7.4-9.9", "56.399"),
    ("3.5", "mmol/L", ">7.4", "56.399"),
    ("3.5", "mmol/L{Fe}", "", "56.399"),
    ("1.3", "mmol/L", "", "ambiguous-unit"),
    ("1.2", "mmol/L", "", "implausible"),
    ("0.2", "mmol/L", "", "implausible"),
    ("56", "g/L", "", "56"),
]


@pytest.mark.parametrize(("value", "unit", "limits", "expected"), COUNTED)
def test_a_haemoglobin_that_is_plausible_as_monomer_and_as_tetramer_waits(
    value: str, unit: str, limits: str, expected: str, patient: Patient
) -> None:
    taken = send_result(value, code="718-7^Haemoglobin^LN", unit=unit, limits=limits)
    if expected.replace(".", "").isdigit():
        assert only()["value"] == expected
    else:
        assert (results(), held(), taken.ack) == ([], [expected], "AA")
