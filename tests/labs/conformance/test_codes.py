"""Which analyte a test code stands for: LOINC first, the laboratory's own table next, never a guess."""

import pytest

from labs.models import Patient
from tests.builders_labs import make_local_code
from tests.labs.conformance.doors import held, only, results, send_result

MAPPED = [
    ("777-3^Platelets^LN", "10*9/L", "PLT", "777-3"),
    ("26515-7^Platelets^LN", "10*9/L", "PLT", "26515-7"),
    ("778-1^Platelets^LN", "10*9/L", "PLT", "778-1"),
    ("751-8^N^LN", "10*9/L", "ANC", "751-8"),
    ("26499-4^N^LN", "10*9/L", "ANC", "26499-4"),
    ("753-4^N^LN", "10*9/L", "ANC", "753-4"),
    ("6690-2^W^LN", "10*9/L", "WBC", "6690-2"),
    ("26464-8^W^LN", "10*9/L", "WBC", "26464-8"),
    ("804-5^W^LN", "10*9/L", "WBC", "804-5"),
    ("718-7^Hb^LN", "g/L", "HGB", "718-7"),
    ("59260-0^Hb^LN", "mmol/L", "HGB", "59260-0"),
    ("14682-9^Crea^LN", "umol/L", "CREAT", "14682-9"),
    ("2160-0^Crea^LN", "umol/L", "CREAT", "2160-0"),
    ("14631-6^Bili^LN", "umol/L", "BILI", "14631-6"),
    ("1975-2^Bili^LN", "umol/L", "BILI", "1975-2"),
    ("1751-7^Alb^LN", "g/L", "ALB", "1751-7"),
    ("1742-6^ALT^LN", "U/L", "ALT", "1742-6"),
    ("1920-8^AST^LN", "U/L", "AST", "1920-8"),
    ("6301-6^INR^LN", "", "INR", "6301-6"),
    ("34714-6^INR^LN", "", "INR", "34714-6"),
    ("2823-3^K^LN", "mmol/L", "K", "2823-3"),
    ("6298-4^K^LN", "mmol/L", "K", "6298-4"),
    # the label of the coding system, as it is seen
    ("777-3^Platelets^ln", "10*9/L", "PLT", "777-3"),
    ("777-3^Platelets^LOINC", "10*9/L", "PLT", "777-3"),
    # either triplet, and the third of newer versions
    ("THRO^Thrombozyten^L^777-3^Platelets^LN", "10*9/L", "PLT", "777-3"),
    ("777-3^Platelets^LN^THRO^Thrombozyten^L", "10*9/L", "PLT", "777-3"),
    ("^^^777-3^Platelets^LN", "10*9/L", "PLT", "777-3"),
    ("X^x^L^Y^y^L^777-3^Platelets^LN", "10*9/L", "PLT", "777-3"),
    # the laboratory's table, with LOINC missing, unknown, or only said to be LOINC
    ("THRO^Thrombozyten^L", "10*9/L", "PLT", "777-3"),
    ("THRO^Thrombozyten", "10*9/L", "PLT", "777-3"),
    ("THRO^Thrombozyten^LN", "10*9/L", "PLT", "777-3"),
    ("13056-7^Platelets^LN^THRO^Thrombozyten^L", "10*9/L", "PLT", "777-3"),
]
VALUES = {"HGB": "8.1", "CREAT": "80", "ALB": "40", "K": "4.1", "INR": "1.1"}


@pytest.mark.parametrize(("code", "unit", "analyte", "loinc"), MAPPED)
def test_a_known_code_names_its_analyte(
    code: str, unit: str, analyte: str, loinc: str, patient: Patient
) -> None:
    make_local_code()
    value = "130" if (analyte, unit) == ("HGB", "g/L") else VALUES.get(analyte, "60")
    send_result(value, code=code, unit=unit, limits="")
    assert (only()["analyte"], only()["loinc"], only()["usable"]) == (analyte, loinc, True)


@pytest.mark.parametrize(
    "hyphen", ["\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\u00ad", "\ufe63", "\uff0d"]
)
def test_whatever_looks_like_a_hyphen_is_one(hyphen: str, patient: Patient) -> None:
    send_result(code=f"777{hyphen}3^Platelets^LN")
    assert only()["analyte"] == "PLT"


HELD = [
    ("777-4^wrong check digit^LN", "10*9/L", "unmapped-code"),
    ("777-3^no coding system", "10*9/L", "unmapped-code"),
    ("777-3^Platelets^L", "10*9/L", "unmapped-code"),
    ("XYZ^Platelets^L", "10*9/L", "unmapped-code"),
    ("THRO^of another system^99OTHER", "10*9/L", "unmapped-code"),
    ("", "10*9/L", "unmapped-code"),
    ("777-3^Platelets^LN^718-7^Hb^LN", "10*9/L", "code-conflict"),
    ("THRO^Thrombozyten^L^718-7^Hb^LN", "g/L", "code-conflict"),
    # a percentage is never a count
    ("770-8^Neutrophils/100 leukocytes^LN", "%", "unmapped-code"),
    ("770-8^Neutrophils/100 leukocytes^LN", "10*9/L", "unmapped-code"),
    ("26511-6^Neutrophils/100 leukocytes^LN", "%", "unmapped-code"),
    ("736-9^Lymphocytes/100 leukocytes^LN", "%", "unmapped-code"),
    ("770-8^Neutrophils percent^LN^NEUT^Neutrophile^L", "10*9/L", "code-conflict"),
    ("NEUT^Neutrophile^L", "%", "unknown-unit"),
    ("751-8^Neutrophils^LN", "%", "unknown-unit"),
]


@pytest.mark.parametrize(("code", "unit", "reason"), HELD)
def test_a_code_that_is_not_certain_waits_with_its_raw_text(
    code: str, unit: str, reason: str, patient: Patient
) -> None:
    make_local_code()
    make_local_code(code="NEUT", analyte="ANC")
    assert send_result("60", code=code, unit=unit).why == reason
    assert (results(), held()) == ([], [reason])
    [row] = results(history=True)
    assert code in row["sent"]
