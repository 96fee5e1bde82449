"""Units: every spelling has its factor, and everything else is refused."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.library import analytes
from labs.units import UnknownUnit, convert, fold_unit, is_plausible

COUNTS = {
    "1": (
        "10*9/L, 10^9/L, x10^9/L, x10*9/L, x10E9/L, 10e9/L, 10E9/L, E9/L, x10(9)/L, 10 9/L, G/l, G/L, "
        "GIGA/L, Gpt/L, Mrd/l, bill/L, /nL, K/uL, k/mm3, 10*3/uL, 10^3/uL, x10E3/uL, x10(3)/mcL, 10*3/mm3, "
        "thou/uL, thou/mcL, thou/cu mm, Thousand/uL, th/mm3, Tsd/ul, 1000/uL, 10*6/mL"
    ),
    "0.001": "/uL, /mm3, /cmm, cells/uL, {cells}/uL, cells/mm3, cells/cumm, 10*6/L",
    "10": "10*4/uL, x10^4/uL",
    "100": "lakh/cumm",
}
MOLAR = "umol/L, UMOL/L, UMOLL, mcmol/L, micromol/L, uM, \u00b5mol/L, \u03bcmol/L"
SPELLINGS = {
    "HGB": {"1": "g/L, G/L, gm/L, g/l", "10": "g/dL, gm/dL, G/DL, g%, gm%, g/100mL", "16.114": "mmol/L, mM"},
    "ALB": {
        "1": "g/L, G/L, gm/L",
        "10": "g/dL, gm/dL, G/DL, g%, gm%, g/100mL",
        "0.01": "mg/dL",
        "0.0665": "umol/L",
    },
    "CREAT": {"1": MOLAR, "88.42": "mg/dL, mg/dl, MG/DL, mg%, mg/100mL", "1000": "mmol/L", "8.842": "mg/L"},
    "BILI": {"1": MOLAR, "17.104": "mg/dL", "1.7104": "mg/L"},
    "ALT": {
        "1": "U/L, u/l, IU/L, [IU]/L, UI/L, UNITS/L, mU/mL",
        "60": "ukat/L, \u00b5kat/L",
        "0.06": "nkat/L",
    },
    "K": {"1": "mmol/L, MMOL/L, MMOLL, mM, mEq/L, meq/l, MEQ/L, mval/l", "0.2558": "mg/dL"},
    "NA": {"1": "mmol/L, MMOLL, mEq/L"},
    "CA": {"1": "mmol/L", "0.2495": "mg/dL"},
    "GLU": {"1": "mmol/L", "0.05551": "mg/dL"},
    "PTR": {"1": "%"},
    "HCG": {"1": "[IU]/L, IU/L, mIU/mL, m[IU]/mL"},
}
SPELLINGS |= {"AST": SPELLINGS["ALT"], "ALP": SPELLINGS["ALT"], "GGT": SPELLINGS["ALT"]}
SPELLINGS |= {short: COUNTS for short in ("PLT", "ANC", "WBC", "LYMPH")}
CASES = [
    (short, spelling, Decimal(factor))
    for short, groups in SPELLINGS.items()
    for factor, spellings in groups.items()
    for spelling in spellings.split(", ")
]
INR = [
    ("INR", spelling, Decimal(1))
    for spelling in ("", "1", "{INR}", "INR", "ratio", "RATIO", "{ratio}", "Index")
]
CANONICAL = {
    **dict.fromkeys(("PLT", "ANC", "WBC", "LYMPH"), "10*9/L"),
    **dict.fromkeys(("HGB", "ALB"), "g/L"),
    **dict.fromkeys(("CREAT", "BILI"), "umol/L"),
    **dict.fromkeys(("ALT", "AST", "ALP", "GGT"), "U/L"),
    **dict.fromkeys(("K", "NA", "CA", "GLU"), "mmol/L"),
    "INR": "1",
    "PTR": "%",
    "HCG": "[IU]/L",
}


@pytest.mark.parametrize(("short", "spelling", "factor"), CASES + INR)
def test_every_spelling_has_its_factor(short: str, spelling: str, factor: Decimal) -> None:
    assert convert(analyte=analytes()[short], value=Decimal("3.7"), unit=spelling) == Decimal("3.7") * factor


@pytest.mark.parametrize(("short", "spelling"), [(short, spelling) for short, spelling, _ in CASES])
def test_case_and_blanks_do_not_matter(short: str, spelling: str) -> None:
    analyte = analytes()[short]
    plain = convert(analyte=analyte, value=Decimal(7), unit=spelling)
    assert convert(analyte=analyte, value=Decimal(7), unit=f"  {spelling.upper()} ") == plain
    assert convert(analyte=analyte, value=Decimal(7), unit=spelling.lower().replace("/", " / ")) == plain


@pytest.mark.parametrize(("short", "unit"), CANONICAL.items())
def test_canonical_units_are_those_of_the_public_doors(short: str, unit: str) -> None:
    assert analytes()[short].unit == unit


def test_every_analyte_of_the_public_doors_is_known() -> None:
    assert set(analytes()) == set(CANONICAL)


@pytest.mark.parametrize(
    ("short", "unit"),
    [
        ("PLT", ""),
        ("PLT", "%"),
        ("PLT", "g/dL"),
        ("PLT", "109/L"),
        ("PLT", "10*12/L"),
        ("ANC", "%"),
        ("HGB", "10*9/L"),
        ("HGB", "%"),
        ("INR", "s"),
        ("INR", "sec"),
        ("INR", "%"),
        ("PTR", ""),
        ("PTR", "1"),
        ("CREAT", ""),
        ("CREAT", "g/L"),
        ("ALT", "U"),
        ("K", "umol/L"),
    ],
)
def test_a_unit_outside_the_analytes_table_is_refused(short: str, unit: str) -> None:
    with pytest.raises(UnknownUnit):
        convert(analyte=analytes()[short], value=Decimal(1), unit=unit)


def test_the_same_letters_mean_giga_for_counts_and_gram_for_haemoglobin() -> None:
    assert convert(analyte=analytes()["PLT"], value=Decimal(60), unit="G/L") == 60
    assert convert(analyte=analytes()["HGB"], value=Decimal(120), unit="G/L") == 120


def test_one_platelet_count_in_five_units_is_one_value() -> None:
    sent = {
        "10*9/L": "150",
        "10*3/uL": "150",
        "G/L": "150",
        "10*4/uL": "15.0",
        "/uL": "150000",
        "lakh/cumm": "1.5",
    }
    values = {convert(analyte=analytes()["PLT"], value=Decimal(v), unit=unit) for unit, v in sent.items()}
    assert values == {Decimal(150)}


@settings(deadline=None)
@given(st.text(max_size=12), st.sampled_from(sorted(CANONICAL)))
def test_random_text_is_a_unit_only_if_it_stands_in_the_table(text: str, short: str) -> None:
    analyte = analytes()[short]
    try:
        convert(analyte=analyte, value=Decimal(1), unit=text)
    except UnknownUnit:
        assert fold_unit(text) not in analyte.units
    else:
        assert fold_unit(text) in analyte.units


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=0, max_value=10**8))
def test_conversion_is_exact(value: Decimal) -> None:
    creatinine = analytes()["CREAT"]
    assert convert(analyte=creatinine, value=value, unit="mg/dL") * 100 == value * 8842


def test_what_is_no_number_is_refused() -> None:
    for text in ("NaN", "Infinity"):
        with pytest.raises(ValueError, match="not a measured value"):
            convert(analyte=analytes()["PLT"], value=Decimal(text), unit="10*9/L")


def test_plausible_bounds_are_included() -> None:
    platelets = analytes()["PLT"]
    assert is_plausible(analyte=platelets, value=Decimal(1))
    assert is_plausible(analyte=platelets, value=Decimal(3000))
    assert not is_plausible(analyte=platelets, value=Decimal("0.999"))
    assert not is_plausible(analyte=platelets, value=Decimal("3000.1"))
