"""Units at their edges: the exact words of a refusal, exact products, and both ends of what is plausible."""

from decimal import Decimal, Inexact

import pytest

from labs.units import Analyte, UnknownUnit, convert, fold_unit, is_plausible, may_mean_another

THREES, NINES = Decimal("0." + 58 * "3"), Decimal("0." + 58 * "9")
PLATELETS = Analyte(
    short="PLT",
    name="Platelets",
    loinc="777-3",
    loinc_also=("26515-7",),
    unit="10*9/L",
    units={"10*9/l": Decimal(1), "g/dl": THREES},
    plausible_low=Decimal(1),
    plausible_high=Decimal(3000),
    source="a source",
    confidence="verified",
)
# Where a laboratory counts four haem groups as one, the same letters mean four times as much.
HAEMOGLOBIN = Analyte(
    short="HGB",
    name="Haemoglobin",
    loinc="718-7",
    unit="g/L",
    units={"g/l": Decimal(1), "mmol/l": Decimal(16)},
    also_meant={"mmol/l": Decimal(64)},
    plausible_low=Decimal(32),
    plausible_high=Decimal(256),
    source="a source",
    confidence="verified",
)


@pytest.mark.parametrize(
    ("unit", "folded"),
    [
        (" 10*9/L ", "10*9/l"),
        ("10 9/L", "10 9/l"),
        ("10  9 / L", "10 9/l"),
        ("\u00b5mol / L", "umol/l"),
        ("\u03bcmol/L", "umol/l"),
        ("\u00d710\u22159\u20441", "x10/9/1"),
        ("", ""),
    ],
)
def test_spellings_that_mean_the_same_fold_to_one_form(unit: str, folded: str) -> None:
    assert fold_unit(unit) == folded


def test_an_unknown_unit_is_refused_with_the_one_that_is_known() -> None:
    with pytest.raises(UnknownUnit) as caught:
        convert(analyte=PLATELETS, value=Decimal(60), unit=" K/uL ")
    assert str(caught.value) == "K/uL is not a known unit of Platelets; known: 10*9/L"


def test_a_missing_unit_is_called_missing() -> None:
    with pytest.raises(UnknownUnit) as caught:
        convert(analyte=PLATELETS, value=Decimal(60), unit="  ")
    assert str(caught.value) == "(no unit) is not a known unit of Platelets; known: 10*9/L"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_measured_value(value: str) -> None:
    with pytest.raises(ValueError, match=f"^{value} is not a measured value$"):
        convert(analyte=PLATELETS, value=Decimal(value), unit="10*9/L")


def test_a_product_that_would_be_rounded_is_refused_instead() -> None:
    assert convert(analyte=PLATELETS, value=Decimal("74.9"), unit="10*9/L") == Decimal("74.9")
    assert convert(analyte=PLATELETS, value=Decimal(3), unit="g/dL") == NINES
    with pytest.raises(Inexact):
        convert(analyte=PLATELETS, value=Decimal("1.23456"), unit="g/dL")


@pytest.mark.parametrize(
    ("value", "plausible"), [("0.99", False), ("1", True), ("3000", True), ("3000.1", False)]
)
def test_both_ends_of_the_plausible_range_belong_to_it(value: str, plausible: bool) -> None:
    assert is_plausible(analyte=PLATELETS, value=Decimal(value)) is plausible


def test_the_preferred_code_comes_first() -> None:
    assert PLATELETS.codes == ("777-3", "26515-7")


@pytest.mark.parametrize(
    ("value", "unit", "doubtful"),
    [
        ("4", "mmol/L", True),
        ("4.01", "mmol/L", False),
        ("0.5", " MMOL / l ", True),
        ("0.49", "mmol/L", False),
        ("120", "g/L", False),
    ],
)
def test_a_value_is_in_doubt_while_both_ways_of_counting_it_are_plausible(
    value: str, unit: str, doubtful: bool
) -> None:
    assert may_mean_another(analyte=HAEMOGLOBIN, value=Decimal(value), unit=unit) is doubtful


@pytest.mark.parametrize(
    ("low", "high", "doubtful"),
    [
        ("1.9", "2.5", True),
        (None, None, True),
        (None, "2.5", True),
        ("1.9", None, True),
        ("8.7", "11.2", False),
        (None, "11.2", False),
        ("3", "5", False),
        ("0.1", "2.5", False),
    ],
)
def test_a_bound_that_nobody_could_have_takes_the_doubt_away(
    low: str | None, high: str | None, doubtful: bool
) -> None:
    bounds = tuple(None if each is None else Decimal(each) for each in (low, high))
    found = may_mean_another(analyte=HAEMOGLOBIN, value=Decimal("2.1"), unit="mmol/L", bounds=bounds)
    assert found is doubtful
