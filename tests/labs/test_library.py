"""The analyte file: what is read, and every way in which a damaged one is refused."""

from pathlib import Path

import pytest

from labs.library import FILE, LibraryError, by_loinc, limits, loinc_check_digit_holds, read_analytes


@pytest.mark.parametrize(
    ("code", "short"),
    [
        ("777-3", "PLT"),
        ("26515-7", "PLT"),
        ("778-1", "PLT"),
        ("751-8", "ANC"),
        ("26499-4", "ANC"),
        ("753-4", "ANC"),
        ("6690-2", "WBC"),
        ("731-0", "LYMPH"),
        ("718-7", "HGB"),
        ("59260-0", "HGB"),
        ("2160-0", "CREAT"),
        ("14682-9", "CREAT"),
        ("1975-2", "BILI"),
        ("14631-6", "BILI"),
        ("1751-7", "ALB"),
        ("1742-6", "ALT"),
        ("1920-8", "AST"),
        ("6768-6", "ALP"),
        ("2324-2", "GGT"),
        ("6301-6", "INR"),
        ("34714-6", "INR"),
        ("5894-1", "PTR"),
        ("2823-3", "K"),
        ("6298-4", "K"),
        ("2951-2", "NA"),
        ("17861-6", "CA"),
        ("2000-8", "CA"),
        ("2345-7", "GLU"),
        ("19080-1", "HCG"),
    ],
)
def test_a_loinc_code_names_its_analyte(code: str, short: str) -> None:
    found = by_loinc(code)
    assert found is not None
    assert found.short == short


@pytest.mark.parametrize("code", ["770-8", "736-9", "5902-2", "2118-8", "777-4", ""])
def test_percentages_seconds_and_unknown_codes_name_none(code: str) -> None:
    assert by_loinc(code) is None


def test_check_digits() -> None:
    assert loinc_check_digit_holds("777-3")
    assert not loinc_check_digit_holds("777-4")
    assert not loinc_check_digit_holds("PLT")


def test_limits_are_read() -> None:
    assert (limits().oldest_years, limits().newest_minutes_ahead, limits().near_hours) == (10, 15, 24)
    assert (limits().results_in_message, limits().versions_in_message) == (2000, 20)


REPLACEMENTS = [
    ('name = "Platelets"', 'name = "Platelets"\ncolour = "red"', "analytes.PLT.colour", "unknown key"),
    ('name = "Platelets"\n', "", "analytes.PLT.name", "missing"),
    ('loinc = "777-3"', 'loinc = "777-4"', "analytes.PLT.loinc", "is not a LOINC code"),
    ('loinc = "6690-2"', 'loinc = "777-3"', "analytes.WBC", "already belongs to PLT"),
    ('loinc = "6690-2"', 'loinc = "770-8"', "loinc_never", "is taken by WBC"),
    ("plausible = [1, 3000]", "plausible = [3000, 1]", "analytes.PLT.plausible", "below the highest"),
    ("plausible = [1, 3000]", 'plausible = ["1", 2]', "analytes.PLT.plausible", "must be a number"),
    ("plausible = [1, 3000]", "plausible = [1, inf]", "analytes.PLT.plausible", "finite"),
    ('unit_table = "percent"', 'unit_table = "percents"', "analytes.PTR.unit_table", "not a table"),
    (
        'spellings = ["g/L", "gm/L"]',
        'spellings = ["g/L", " G / l "]',
        "unit_tables.haemoglobin",
        "stands twice",
    ),
    ("factor = 88.42", "factor = 0", "unit_tables.creatinine", "above zero"),
    ('source = "molar"', 'source = "memory"', "source", "not one of the sources"),
    ('source = "molar"', 'source = ""', "source", "names its source"),
    ('confidence = "verified"', 'confidence = "sure"', "confidence", "must be one of"),
    ("oldest_years = 10", "oldest_years = 0", "limits.oldest_years", "above zero"),
    ("versions_in_message = 20", "versions_in_message = 2.5", "limits.versions_in_message", "whole number"),
    ('unit_table = "monovalent"', 'unit_table = "potassium"', "unit_tables.monovalent", "no analyte uses"),
    ("[limits]", "[[limits]]", "limits", "must be a table"),
    (
        'loinc_also = ["26464-8", "804-5"]',
        'loinc_also = "26464-8"',
        "analytes.WBC.loinc_also",
        "list of LOINC",
    ),
    ("plausible = [1, 3000]", "plausible = [1]", "analytes.PLT.plausible", "[lowest, highest]"),
    ("tolerance_percent = 15", "tolerance_percent = 51", "unit_jumps.tolerance_percent", "from 1 to 50"),
    ("close_percent = 5", "close_percent = 0.5", "unit_jumps.close_percent", "whole number"),
    ("least_ratio = 2.5", "least_ratio = 1.9", "unit_jumps.least_ratio", "at least 2"),
    ('closely_for = ["HGB", "CA"]', 'closely_for = ["HB"]', "unit_jumps.closely_for", "list of analytes"),
    ('closely_for = ["HGB", "CA"]', "closely_for = [{}]", "unit_jumps.closely_for", "list of analytes"),
    ("least_ratio = 2.5\n", "", "unit_jumps.least_ratio", "missing"),
    ('unit = "%"', 'unit = "percentage"', "analytes.PTR.unit", "factor 1"),
]


@pytest.mark.parametrize(("old", "new", "key", "reason"), REPLACEMENTS)
def test_a_damaged_file_is_refused_with_file_key_and_reason(
    old: str, new: str, key: str, reason: str, tmp_path: Path
) -> None:
    whole = FILE.read_text(encoding="utf-8")
    assert old in whole
    damaged = tmp_path / "damaged.toml"
    damaged.write_text(whole.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LibraryError) as refusal:
        read_analytes(damaged)
    assert refusal.value.file == "damaged.toml"
    assert key in refusal.value.key
    assert reason in refusal.value.reason


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "twice.toml"
    damaged.write_text(
        FILE.read_text(encoding="utf-8") + '\n[analytes.PLT]\nname = "again"\n', encoding="utf-8"
    )
    with pytest.raises(LibraryError):
        read_analytes(damaged)
