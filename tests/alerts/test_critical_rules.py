"""Which values are critical, how far beyond the bounds, and what a comparator leaves open."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.critical_rules import Bounds, Critical, Side, judge

PLT = Bounds(analyte="PLT", unit="10*9/L", source="test", below=(Decimal(25), Decimal(10)))
K = Bounds(
    analyte="K",
    unit="mmol/L",
    source="test",
    below=(Decimal("2.8"), Decimal("2.5")),
    above=(Decimal("6.2"), Decimal("6.5")),
)


def low(level: int, *, doubtful: bool = False) -> Critical:
    return Critical(side=Side.LOW, level=level, doubtful=doubtful)


def high(level: int, *, doubtful: bool = False) -> Critical:
    return Critical(side=Side.HIGH, level=level, doubtful=doubtful)


@pytest.mark.parametrize(
    ("value", "comparator", "found"),
    [
        ("26", "", None),
        ("25", "", None),
        ("24.9", "", low(1)),
        ("10", "", low(1)),
        ("9.9", "", low(2)),
        ("0", "", low(2)),
        ("25", "<", low(1)),
        ("25", "<=", low(1, doubtful=True)),
        ("30", "<", low(1, doubtful=True)),
        ("10", "<", low(2)),
        ("10", "<=", low(1)),
        ("20", ">", low(1, doubtful=True)),
        ("25", ">", None),
        ("25", ">=", None),
    ],
)
def test_platelets_below_at_and_above_each_bound(value: str, comparator: str, found: Critical | None) -> None:
    assert judge(Decimal(value), comparator, PLT) == found


@pytest.mark.parametrize(
    ("value", "comparator", "found"),
    [
        ("2.5", "", low(1)),
        ("2.8", "", None),
        ("6.2", "", None),
        ("6.21", "", high(1)),
        ("6.5", "", high(1)),
        ("6.51", "", high(2)),
        ("6.5", ">", high(2)),
        ("6.5", ">=", high(1)),
        ("6.0", ">", high(1, doubtful=True)),
        ("7", "<", low(1, doubtful=True)),
    ],
)
def test_potassium_on_both_sides(value: str, comparator: str, found: Critical | None) -> None:
    assert judge(Decimal(value), comparator, K) == found


numbers = st.decimals(min_value=0, max_value=40, places=2)


@given(numbers, numbers)
def test_a_lower_count_is_never_less_critical(one: Decimal, other: Decimal) -> None:
    levels = [found.level if (found := judge(each, "", PLT)) else 0 for each in sorted((one, other))]
    assert levels[0] >= levels[1]
