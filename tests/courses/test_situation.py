"""A situation is read strictly, judged by the service's own core, and written back exactly."""

import copy
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from courses import library
from courses.json_table import Fault, parse_json
from courses.rules.values import Chart, UncountedPart
from courses.situation import BadSituation, assess, read_situation, situation_of
from tests.case_reader import EXTRA_PROTOCOLS, draw, lab
from tests.strategies import chart, charts, panel

DRAWN = date(2026, 4, 27)
GOOD: dict[str, Any] = {
    "protocol": "lutathera_us_2024_04",
    "today": "2026-04-29",
    "time_zone": "Europe/Berlin",
    "patient": {"birth_date": "1961-03-02", "sex": "female"},
    "weights": [{"on": "2026-01-05", "kg": 72}, {"on": "2026-04-27", "kg": "72.0"}],
    "planned_on": "2026-05-04",
    "cycles": [
        {"number": 1, "on": "2026-01-12", "activity_gbq": Decimal("7.4")},
        {"number": 2, "on": "2026-03-09", "activity_gbq": "7.4"},
    ],
    "labs": [*draw(date(2026, 1, 5)), *draw(DRAWN)],
    "adverse_events": [
        {"term": "Nausea", "grade": 2, "from": "2026-03-10", "to": "2026-03-14", "related": True}
    ],
    "delays": [{"cycle": 3, "cause": "supply", "from": "2026-05-04"}],
    "prior_activity_gbq": 0,
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    change(data)
    return data


def test_a_good_situation_gets_the_answer_of_the_contract() -> None:
    found = assess(GOOD)
    assert found["action"] == "proceed"
    assert found["activity_gbq"] == "7.4"
    assert found["cycle"] == 3
    assert found["window"] == {"earliest": "2026-04-27", "latest": "2026-05-11"}
    assert found["delay"] == {"days": 0, "toxicity_days": 0, "limit_days": 112, "counted_from": "2026-03-09"}
    assert found["stops_on"] is None
    assert found["protocol"]["sha256"] == library.protocol_sha256("lutathera_us_2024_04")
    assert found["engine"] == library.engine()
    assert "pregnancy" in found["not_considered"]
    json.dumps(found)


@pytest.mark.parametrize(
    ("factor", "unit"), [("0.001", "10*3/L"), ("1", "10*3/uL"), ("1000", "/uL"), ("0.1", "10*4/uL")]
)
def test_the_same_quantity_in_another_unit_gets_the_same_answer(factor: str, unit: str) -> None:
    if unit == "10*3/L":
        unit, factor = "G/L", "1"
    low = lab("PLT", "60", DRAWN)
    for key in ("value", "low", "high"):
        low[key] = str(Decimal(low[key]) * Decimal(factor))
    low["unit"] = unit
    one = assess(changed(lambda d: d["labs"].append({**lab("PLT", "60", date(2026, 4, 28))})))
    low["collected_at"] = "2026-04-28T08:00:00+00:00"
    other = assess(changed(lambda d: d["labs"].append(low)))
    assert {**other, "reasons": None} == {**one, "reasons": None}
    assert [r["sentence"] for r in other["reasons"]] == [r["sentence"] for r in one["reasons"]]


def test_creatinine_in_mg_per_dl_is_judged_in_umol_per_l() -> None:
    mg = {"code": "2160-0", "value": "1.75", "unit": "mg/dL", "collected_at": "2026-04-28T08:00:00+00:00"}
    read = read_situation(changed(lambda d: d["labs"].append({**mg, "status": "final"})))
    assert read.chart.measurements[-1].value == Decimal("154.735")


FAULTS: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("extra: unknown key", lambda d: d.update(extra=1)),
    ("today: is missing", lambda d: d.pop("today")),
    ("today: must be a day", lambda d: d.update(today="2026-5-4")),
    ("today: 2026-02-30 is not a day", lambda d: d.update(today="2026-02-30")),
    ("today: must be a day", lambda d: d.update(today=None)),
    ("time_zone: 'Mars/Olympus' is not", lambda d: d.update(time_zone="Mars/Olympus")),
    ("time_zone: '../etc' is not", lambda d: d.update(time_zone="../etc")),
    ("protocol: no protocol 'x'", lambda d: d.update(protocol="x")),
    ("protocol: must be a text", lambda d: d.update(protocol=3)),
    ("patient: must be an object", lambda d: d.update(patient=[])),
    ("patient.name: unknown key", lambda d: d["patient"].update(name="x")),
    ("patient.sex: 'f' is not one of", lambda d: d["patient"].update(sex="f")),
    ("patient.birth_date: lies after", lambda d: d["patient"].update(birth_date="2026-02-01")),
    ("weights[0].kg: must be above zero", lambda d: d["weights"][0].update(kg=0)),
    ("weights[0].kg: must be above zero", lambda d: d["weights"][0].update(kg=None)),
    ("weights[0].kg: must be a number", lambda d: d["weights"][0].update(kg=72.5)),
    ("weights[0].kg: must be a number", lambda d: d["weights"][0].update(kg=True)),
    ("weights[0].kg: 'x' is not a number", lambda d: d["weights"][0].update(kg="x")),
    ("weights[0].kg: NaN is not a measured", lambda d: d["weights"][0].update(kg="NaN")),
    ("weights[0].kg: has more than", lambda d: d["weights"][0].update(kg="1e400")),
    ("weights: 2026-04-30 lies after today", lambda d: d["weights"].append({"on": "2026-04-30", "kg": 72})),
    ("weights: two different weights", lambda d: d["weights"].append({"on": "2026-04-27", "kg": 73})),
    ("weights: must be a list", lambda d: d.update(weights={})),
    ("cycles[0].number: must be a whole", lambda d: d["cycles"][0].update(number=0)),
    ("cycles[0].activity_gbq: must be above", lambda d: d["cycles"][0].update(activity_gbq=-1)),
    ("cycles: numbers must run", lambda d: d["cycles"][1].update(number=3)),
    ("cycles: each must lie after", lambda d: d["cycles"][1].update(on="2026-01-12")),
    ("cycles: 2026-04-30 lies after today", lambda d: d["cycles"][1].update(on="2026-04-30")),
    (
        "cycles: all 4 planned cycles",
        lambda d: d.update(
            cycles=[{"number": n, "on": f"2025-0{n}-01", "activity_gbq": 7} for n in range(1, 5)],
            patient={},
        ),
    ),
    ("labs[0].code: '1-1' is not a LOINC code", lambda d: d["labs"][0].update(code="1-1")),
    ("labs[0].unit: furlong is not a known unit", lambda d: d["labs"][0].update(unit="furlong")),
    ("labs[0].unit: must be a text", lambda d: d["labs"][0].update(unit=None)),
    ("labs[0].value: -1 is below zero", lambda d: d["labs"][0].update(value=-1)),
    ("labs[0].value: is missing", lambda d: d["labs"][0].pop("value")),
    ("labs[0].status: 'F' is not one of", lambda d: d["labs"][0].update(status="F")),
    ("labs[0].comparator: must be one of", lambda d: d["labs"][0].update(comparator="~")),
    ("labs[0].quality: must be a list", lambda d: d["labs"][0].update(quality="bad")),
    ("labs[0].baseline: must be true or false", lambda d: d["labs"][0].update(baseline="yes")),
    (
        "labs[0].collected_at: must be a date and time",
        lambda d: d["labs"][0].update(collected_at="2026-01-05"),
    ),
    ("labs[0].collected_at: must be", lambda d: d["labs"][0].update(collected_at="2026-01-05T08:00:00")),
    (
        "labs[0].collected_at: '2026-01-05Tx' is not",
        lambda d: d["labs"][0].update(collected_at="2026-01-05Tx"),
    ),
    (
        "labs[0].collected_at: '0001-01-01T00:00:00+10:00' lies outside",
        lambda d: d["labs"][0].update(collected_at="0001-01-01T00:00:00+10:00"),
    ),
    ("labs: 777-3 collected at", lambda d: d["labs"][0].update(collected_at="2026-04-29T23:00:00+00:00")),
    ("adverse_events[0].to: lies before", lambda d: d["adverse_events"][0].update(to="2026-03-01")),
    ("adverse_events[0].grade: must be", lambda d: d["adverse_events"][0].update(grade=6)),
    ("adverse_events[0].from: must be a day", lambda d: d["adverse_events"][0].update({"from": None})),
    ("adverse_events: Nausea on 2026-05-14", lambda d: d["adverse_events"][0].update(to="2026-05-14")),
    ("delays[0].cause: 'rain' is not one of", lambda d: d["delays"][0].update(cause="rain")),
    ("delays[0].to: lies before", lambda d: d["delays"][0].update(to="2026-03-01")),
    ("prior_activity_gbq: is below zero", lambda d: d.update(prior_activity_gbq=-1)),
    ("facts.pregnant: unknown key", lambda d: d.update(facts={"pregnant": False})),
]


@pytest.mark.parametrize(("start", "change"), FAULTS)
def test_a_fault_is_refused_in_one_clear_line(start: str, change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(BadSituation) as caught:
        read_situation(changed(change))
    (fault,) = caught.value.faults
    assert fault.startswith(start)
    assert "\n" not in fault


def test_every_fault_of_separate_items_is_told_at_once() -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["labs"][0]["status"] = "F"
        data["weights"][0]["kg"] = 0

    with pytest.raises(BadSituation) as caught:
        read_situation(changed(spoil))
    assert len(caught.value.faults) == 2


def test_an_implausible_value_is_read_as_unreliable() -> None:
    read = read_situation(changed(lambda d: d["labs"][0].update(value=99999)))
    assert read.chart.measurements[0].quality == ("implausible",)


@pytest.mark.parametrize("sex", [None, "unknown", "other"])
def test_a_sex_that_is_not_known_is_unknown(sex: str | None) -> None:
    assert read_situation(changed(lambda d: d["patient"].update(sex=sex))).chart.sex is None


@settings(max_examples=40, deadline=None)
@given(charts())
def test_a_chart_written_as_a_situation_reads_back_as_the_same_chart(found) -> None:
    read = read_situation(GOOD)

    def written(chart: Chart) -> dict[str, Any]:
        return situation_of(
            chart=chart, protocol_id=read.protocol_id, today=read.today, time_zone=read.time_zone
        )

    text = json.dumps(written(found))
    again = read_situation(parse_json(text))
    assert again.chart == found
    assert written(again.chart) == json.loads(text)


def test_parts_that_do_not_count_are_carried_and_older_situations_have_none() -> None:
    part = UncountedPart(cycle=3, on=date(2026, 3, 2), activity_gbq=Decimal("2.4"), ref="part-1")
    found = chart(draws=panel(DRAWN), uncounted_parts=(part,))
    read = read_situation(GOOD)
    assert read.chart.uncounted_parts == ()

    def written(chart: Chart) -> dict[str, Any]:
        return situation_of(
            chart=chart, protocol_id=read.protocol_id, today=read.today, time_zone=read.time_zone
        )

    assert read_situation(parse_json(json.dumps(written(found)))).chart == found
    assert "uncounted_parts" not in written(read.chart)


def test_the_disease_that_decides_steroid_cover_is_carried() -> None:
    found = chart(draws=panel(DRAWN), peritoneal_or_mesenteric_disease=True)
    read = read_situation(GOOD)
    data = situation_of(chart=found, protocol_id=read.protocol_id, today=read.today, time_zone=read.time_zone)
    assert read_situation(data).chart == found


def test_another_protocol_runs_without_code() -> None:
    data = changed(lambda d: d.update(protocol="synthetic_five"))
    assert assess(data, extra=EXTRA_PROTOCOLS)["protocol"]["id"] == "synthetic_five"
    with pytest.raises(BadSituation, match="no protocol 'synthetic_five'"):
        assess(data)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "not JSON"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": -Infinity}', "-Infinity is not a number"),
        ('{"a": 1, "a": 2}', "key given twice in one object: a"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": 1e99999999999999999999}', "impossible exponent"),
        ('{"a": ' + "1" * 5000 + "}", "digits"),
    ],
)
def test_json_that_is_not_exact_is_refused(text: str, fault: str) -> None:
    with pytest.raises(Fault, match=fault):
        parse_json(text)


def test_json_numbers_are_read_exactly() -> None:
    assert parse_json('{"a": 74.95}') == {"a": Decimal("74.95")}
