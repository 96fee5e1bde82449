"""The table of critical values: followed as written, and refused where it is unclear."""

from decimal import Decimal

import pytest

from alerts.apps import check_critical_values
from alerts.critical_table import TABLE_FILE, BadTable, critical_table, read_table

SHIPPED = TABLE_FILE.read_text(encoding="utf-8")


def test_the_shipped_table_is_whole_and_says_that_nobody_approved_it_yet() -> None:
    assert check_critical_values(None) == []
    table = critical_table()
    assert "approved by the clinic" in table.approval.approved_by
    assert table.bounds["PLT"].below == (Decimal(25), Decimal(10))
    assert all(bounds.source for bounds in table.bounds.values())
    assert {"PLT", "ANC", "HGB", "CREAT", "K", "CA"} <= set(table.bounds)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('analyte = "PLT"', 'analyte = "PLATELETS"', "no such analyte"),
        ('analyte = "ANC"', 'analyte = "PLT"', "value 'PLT' appears twice"),
        ('unit = "g/L"', 'unit = "g/dL"', "bounds are in 'g/L', not 'g/dL'"),
        ('below = ["25", "10"]', 'below = ["10", "25"]', "below must fall"),
        ('above = ["354", "707"]', 'above = ["707", "354"]', "above must rise"),
        ('below = ["25", "10"]', "below = [25, 10]", "list of numbers in quotes"),
        ('below = ["25", "10"]', 'below = ["many"]', "list of numbers in quotes"),
        ('below = ["25", "10"]', 'below = ["NaN"]', "numbers above zero"),
        ('below = ["25", "10"]', "below = []", "list of numbers in quotes"),
        ('below = ["25", "10"]\n', "", "give below, above or both"),
        ('below = ["2.8", "2.5"]', 'below = ["7", "2.5"]', "below must lie under above"),
        ('source = "our choice: 25', 'source = "" # "', "source must be a text"),
        ('approved_by = "', 'approved = "', "approved_by must be a text"),
        ("[[value]]", "[[values]]", "[[value]] is missing"),
        ("version = ", "version ", "cannot be read"),
    ],
)
def test_an_unclear_table_is_refused_with_its_fault(before: str, after: str, fault: str) -> None:
    assert before in SHIPPED
    with pytest.raises(BadTable) as refused:
        read_table(SHIPPED.replace(before, after).encode())
    assert fault in str(refused.value)
