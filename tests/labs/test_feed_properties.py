"""The feed as a whole: order and number of messages, equal quantities, and what parts read back."""

from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from labs.formats.hl7_syntax import Separators, escape, unescape
from labs.formats.numbers import read_plain, read_structured, read_text
from labs.formats.parsed import ParsedNumber, ParsedRange
from labs.formats.ranges import read_range
from labs.library import analytes
from labs.models import Patient
from labs.report import patient_results
from labs.units import convert, fold_unit
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

MARKS = Separators(field="|", component="^", repetition="~", escape="\\", subcomponent="&", declared="^~\\&")


_minutes = count(1)


@pytest.fixture
def patient(db: None) -> Patient:
    make_sender()
    return make_patient()


# One statement of the laboratory: value, unit, status, hour, specimen remark.
STATEMENTS = st.tuples(
    st.sampled_from(["60", "160", "0.06", "furlong", "CLOTTED", '""', ""]),
    st.sampled_from(["10*9/L", "10*9/L", "/nL", "furlong"]),
    st.sampled_from(["P", "F", "F", "C", "A", "W", "X", "D", "I", "V"]),
    st.integers(0, 5),
    st.sampled_from(["", "", "clotted"]),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STATEMENTS, min_size=1, max_size=5), st.booleans(), st.booleans(), st.data())
def test_what_stands_and_what_is_usable_depends_on_neither_order_nor_number(
    patient: Patient, sent: list[tuple[str, str, str, int, str]], dated: bool, together: bool, data: Any
) -> None:
    # A value-less confirmation leans on what was read before it: its own tests say how.
    assume(not any(status == "V" and value == "" for value, _unit, status, _hour, _note in sent))

    def final(order: list[tuple[str, str, str, int, str]], minute: int) -> list[tuple[Any, ...]]:
        """What stands in the end of a specimen of that minute, after these messages in this order."""
        taken = f"2026050407{minute % 60:02}{minute // 60:02}+0200"
        groups = [
            (
                obr("F1", collected=taken, changed=f"202605041{hour}0000+0200" if dated else ""),
                obx(value, unit=unit, status=status, kind="ST"),
                *([f"NTE|1||{note}"] if note else []),
            )
            for value, unit, status, hour, note in order
        ]
        if together and dated:
            lines = [line for group in groups for line in group]
            receive(message(*lines, control_id=f"{minute}-all", at="20260504190000+0200"))
        else:
            for place, (group, statement) in enumerate(zip(groups, order, strict=True)):
                at = f"202605041{statement[3]}0000+0200"
                receive(message(*group, control_id=f"{minute}-{place}", at=at))
        instant = f"2026-05-04T05:{minute % 60:02}:{minute // 60:02}+00:00"
        return [
            (row["status"], row["value"], row["quality"], row["usable"])
            for row in patient_results(patient=patient)
            if row["collected_at"] == instant
        ]

    again = data.draw(st.lists(st.sampled_from(sent), max_size=2))
    shuffled = data.draw(st.permutations([*sent, *again]))
    run = next(_minutes)
    assert final(list(sent), 2 * run) == final(list(shuffled), 2 * run + 1)


QUANTITIES = [
    (short, unit)
    for short, analyte in analytes().items()
    for unit in analyte.units
    if unit and "^" not in unit
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(QUANTITIES), st.decimals("0.001", "9999", places=3, allow_nan=False))
def test_the_same_quantity_in_another_unit_is_the_same_canonical_value(
    quantity: tuple[str, str], value: Decimal
) -> None:
    short, unit = quantity
    analyte = analytes()[short]
    canonical = convert(analyte=analyte, value=value, unit=unit)
    assert canonical == value * analyte.units[fold_unit(unit)]
    for spelling in (
        unit.upper(),
        unit.lower(),
        f" {unit} ",
        unit.replace("u", "\u00b5"),
        unit.replace("u", "\u03bc"),
    ):
        assert convert(analyte=analyte, value=value, unit=spelling) == canonical


@given(st.text(max_size=60).filter(lambda text: "\0" not in text))
def test_an_escaped_leaf_is_read_back_as_it_was(text: str) -> None:
    leaf = escape(text, separators=MARKS)
    assert not set(leaf) & set("|^~&")
    assert unescape(leaf, separators=MARKS, codec="utf-8") == text


LONE = st.text(alphabet=st.characters(exclude_characters="\\"), max_size=20)


@given(LONE, LONE)
def test_a_lone_escape_character_loses_nothing(before: str, after: str) -> None:
    text = f"{before}\\{after}"
    assert unescape(text, separators=MARKS, codec="utf-8") == text


@given(st.decimals("-99999", "99999", places=4, allow_nan=False), st.sampled_from(["", "<", "<=", ">", ">="]))
def test_a_number_is_read_alike_whichever_type_it_comes_in(value: Decimal, comparator: str) -> None:
    meant = ParsedNumber(value=value, comparator=comparator)
    assert read_structured((comparator, f"{value:f}")) == meant
    assert read_text(f"{comparator}{value:f}") == meant
    if not comparator:
        assert read_plain(f" {value:f} ") == meant


@given(
    st.decimals("0", "999", places=2, allow_nan=False),
    st.decimals("0", "999", places=2, allow_nan=False),
    st.sampled_from(["{}-{}", "{} - {}", "[ {} - {} ]", "{} to {}", "{}_{}", "{}\u2013{}", "{}^{}"]),
)
def test_a_range_means_its_two_bounds_in_every_form(one: Decimal, other: Decimal, form: str) -> None:
    low, high = sorted((one, other))
    assert read_range(form.format(low, high)) == ParsedRange(low=low, high=high)
    if low != high:
        assert read_range(form.format(high, low)) == ParsedRange()


@given(st.text(max_size=30))
def test_whatever_is_called_a_number_is_one(text: str) -> None:
    for found in (read_plain(text), read_text(text), read_structured(tuple(text.split("^")))):
        if isinstance(found, ParsedNumber):
            assert found.value.is_finite()
            digits = [each for each in text if each.isdigit()]
            assert digits and all(each.isascii() for each in digits)
