"""Rows about recorded facts, support, earlier draws and a surrogate are refused unless they are whole."""

import copy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from courses.rules.check_reader import HCG_UNIT
from courses.rules.data_reader import DataError
from courses.rules.facts import InterruptionKind
from courses.rules.protocol import HeartFailureCheck, InterruptionCheck, PregnancyCheck
from labs import library
from tests.rules.test_protocol_reader import PROTOCOL, Change, read

SOURCE = {"document": "test", "section": "test", "confidence": "D", "checked": date(2026, 1, 1)}
HEART = {
    "id": "CHK-HEART", "name": "heart failure", "about": "heart_failure", "when": "every_cycle",
    "stops_from_class": 3, "source": SOURCE,
}  # fmt: skip
WAITS = {"intercurrent_illness": 0, "surgery": 0, "major_surgery": 84}
ILLNESS = {
    "id": "CHK-ILLNESS", "name": "illness", "about": "interruptions", "when": "every_cycle",
    "wait_days": WAITS, "source": SOURCE,
}  # fmt: skip
SURROGATE = {
    "use": True, "quantity": "PTR", "bound": {"quantity": "INR", "above": Decimal("1.5"), "unit": "1"},
    "source": SOURCE,
}  # fmt: skip
DRAW = {"from_days_before": 28, "to_days_before": 15, "source": SOURCE}


def added(row: dict[str, Any], **changed: object) -> Change:
    """A further check, changed."""
    return lambda data: data["check"].append({**copy.deepcopy(row), **changed})


def replaced(**changed: object) -> Change:
    """A surrogate, changed."""
    return lambda data: data.update(prothrombin_surrogate={**SURROGATE, **changed})


def drawn(**changed: object) -> Change:
    """An earlier draw of the first analyte, changed."""
    return lambda data: data["lab"][0].update(earlier_draw={**DRAW, **changed})


FAULTS: list[tuple[str, Change, str]] = [
    ("check[4].about", added(HEART, about="weather"), "not known"),
    ("check[4].about", added(HEART, about="pregnancy"), "looked at twice"),
    ("check[4].id", added(HEART, id="CHK-ALLERGY"), "stands twice"),
    ("check[4].surprise", added(HEART, surprise=1), "unknown key"),
    ("check[4].when", added(HEART, when="sometimes"), "not known"),
    ("check[4].stops_from_class", added(HEART, stops_from_class=5), "not a class"),
    ("check[4].stops_from_class", added(HEART, stops_from_class=0), "at least 1"),
    ("check[4].wait_days.surgery", added(ILLNESS, wait_days={"intercurrent_illness": 0}), "is missing"),
    (
        "check[4].wait_days.holiday",
        added(ILLNESS, wait_days={**WAITS, "holiday": 1}),
        "unknown key",
    ),
    ("check[0].to_age", lambda d: d["check"][0].update(from_age=56), "below from_age"),
    ("check[0].due_days_before", lambda d: d["check"][0].update(due_days_before=8), "longer"),
    ("check[0].if_pregnant", lambda d: d["check"][0].pop("if_pregnant"), "is missing"),
    ("check[0].hcg_at_least", lambda d: d["check"][0].pop("hcg_at_least"), "is missing"),
    ("check[0].hcg_at_least.value", lambda d: d["check"][0]["hcg_at_least"].update(value=0), "above zero"),
    ("check[0].hcg_at_least.unit", lambda d: d["check"][0]["hcg_at_least"].update(unit="U/L"), "'[IU]/L'"),
    ("check[0].hcg_at_least.above", lambda d: d["check"][0]["hcg_at_least"].update(above=1), "unknown key"),
    ("check[0].source", lambda d: d["check"][0].pop("source"), "names its source"),
    ("check[1].note_uptake", lambda d: d["check"][1].update(note_uptake=1), "must lie between"),
    ("check[1].note_uptake", lambda d: d["check"][1].update(note_uptake=5), "must lie between"),
    ("check[2].long_acting_note_days", lambda d: d["check"][2].update(long_acting_note_days=27), "below"),
    ("check[3].due_days_before", lambda d: d["check"][3].update(due_days_before=29), "longer"),
    ("support[0].kind", lambda d: d["support"][0].update(kind="tea"), "not known"),
    ("support[1].kind", lambda d: d["support"][1].update(kind="platelet_transfusion"), "stands twice"),
    ("support[0].analytes", lambda d: d["support"][0].update(analytes=["XYZ"]), "not known"),
    ("support[0].days", lambda d: d["support"][0].update(days=0), "at least 1"),
    ("support[0].surprise", lambda d: d["support"][0].update(surprise=1), "unknown key"),
    ("prothrombin_surrogate.use", lambda d: d["prothrombin_surrogate"].pop("use"), "is missing"),
    (
        "prothrombin_surrogate.quantity",
        lambda d: d["prothrombin_surrogate"].update(quantity="PTR"),
        "unknown key",
    ),
    ("prothrombin_surrogate.quantity", replaced(quantity="XYZ"), "not known"),
    ("prothrombin_surrogate.surprise", replaced(surprise=1), "unknown key"),
    ("lab[0].earlier_draw.from_days_before", drawn(from_days_before=14), "lies after"),
    ("lab[0].earlier_draw.surprise", drawn(surprise=1), "unknown key"),
    ("lab[0].earlier_draw", drawn(to_days_before=14), "serve as both"),
]


@pytest.mark.parametrize(("key", "change", "reason"), FAULTS)
def test_a_row_that_is_not_whole_is_refused_with_its_key_and_reason(key, change, reason) -> None:
    data = copy.deepcopy(PROTOCOL)
    change(data)
    with pytest.raises(DataError) as caught:
        read(data)
    assert caught.value.key == key
    assert reason in caught.value.reason
    assert caught.value.remedy


def test_heart_failure_and_interruptions_are_read() -> None:
    data = copy.deepcopy(PROTOCOL)
    data["check"] += [HEART, ILLNESS]
    *_, heart, illness = read(data).checks
    assert isinstance(heart, HeartFailureCheck)
    assert heart.stops_from_class == 3
    assert isinstance(illness, InterruptionCheck)
    assert illness.wait_days[InterruptionKind.MAJOR_SURGERY] == 84


def test_the_bound_of_hcg_is_read_in_the_unit_that_results_are_kept_in() -> None:
    pregnancy = read(copy.deepcopy(PROTOCOL)).checks[0]
    assert isinstance(pregnancy, PregnancyCheck)
    assert pregnancy.hcg_at_least == 5
    assert library.analytes()["HCG"].unit == HCG_UNIT


def test_a_bound_of_hcg_in_another_unit_is_refused_with_the_cure() -> None:
    data = copy.deepcopy(PROTOCOL)
    data["check"][0]["hcg_at_least"]["unit"] = "m[IU]/mL"
    with pytest.raises(DataError) as caught:
        read(data)
    assert str(caught.value) == (
        "check[0].hcg_at_least.unit: must be the canonical unit '[IU]/L'; convert the number, then write the "
        "unit"
    )


def test_a_protocol_without_checks_and_support_has_none() -> None:
    data = copy.deepcopy(PROTOCOL)
    del data["check"], data["support"]
    assert (read(data).checks, read(data).support) == ((), ())


def test_a_surrogate_is_read_where_a_site_sets_it_and_nowhere_else() -> None:
    assert read(copy.deepcopy(PROTOCOL)).prothrombin_surrogate is None
    data = copy.deepcopy(PROTOCOL)
    data["prothrombin_surrogate"] = SURROGATE
    found = read(data).prothrombin_surrogate
    assert found is not None
    assert (found.quantity, found.bound.quantity, found.bound.limit) == ("PTR", "INR", Decimal("1.5"))


def test_an_earlier_draw_just_outside_the_validity_of_the_last_is_read() -> None:
    data = copy.deepcopy(PROTOCOL)
    data["lab"][0]["earlier_draw"] = DRAW
    row = read(data).lab("PLT")
    assert row is not None
    assert row.earlier is not None
    assert (row.earlier.from_days_before, row.earlier.to_days_before) == (28, 15)
