"""Every line of the day sheet in every state it can have, word for word, from TOML that a nurse can read."""

import tomllib
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from courses.rules.activity import Measured
from courses.rules.day_steps import IDS
from courses.rules.day_values import Bag, DayFacts, DayLine, Go, PotassiumValue, StepState
from tests.builders_day_rules import DAY, EMA, US, at, directed, facts, given, happened, line, potassium, unit

FOLDER = Path(__file__).parents[1] / "day_cases"
CASES: list[dict[str, Any]] = [
    case for path in sorted(FOLDER.glob("*.toml")) for case in tomllib.loads(path.read_text("utf-8"))["case"]
]
# Unless a case says otherwise: what must hold for the start, and for the patient's way home.
FOR_START = {"ID", "T-02", "T-01", "T-03", "T-04", "T-05", "ALLERGY", "T-07", "UNIT", "T-09", "T-10", "START"}
FOR_RELEASE = {"T-11", "T-12", "T-18", "COVER"}
KEYS = {
    "says", "line", "protocol", "now", "steps", "without", "infused", "go", "potassium", "late", "told",
    "directed", "unit", "bag_expires", "cover", "disease", "next",
    "state", "sentence", "remedy", "until", "source", "for_start", "for_release",
}  # fmt: skip


def instant(written: str) -> datetime:
    """12:30 of the day, or 05-05 12:30."""
    day, _, clock = written.rpartition(" ")
    hour, minute = (int(each) for each in clock.split(":"))
    return at(hour, minute, day=datetime.fromisoformat(f"2026-{day}").date() if day else DAY)


def steps_of(case: dict[str, Any]) -> list[Any]:
    """What happened beside the good day."""
    found = list(given(start=at(12), end=at(12, 35))) if case.get("infused") else []
    for row in case.get("steps", []):
        more = {key: value for key, value in row.items() if key not in ("kind", "at")}
        found.append(happened(row["kind"], instant(row["at"]), **more))
    return found


def number(written: str | None) -> Decimal | None:
    """A decimal, or none where the case says so."""
    return None if written in (None, "none") else Decimal(written)


def potassium_of(case: dict[str, Any]) -> Any:
    """The newest potassium of the case, with everything that was told before."""
    said = case.get("potassium", {})
    if said == "none":
        return None
    changed = {key: number(value) if key in ("value", "high") else value for key, value in said.items()}
    told = tuple(
        PotassiumValue(
            value=Decimal(each["value"]),
            high=number(each.get("high", "5.1")),
            unit="mmol/L",
            collected_at=instant(each["at"]),
            specimen=each["specimen"],
            comparator=each.get("comparator", ""),
            doubt=each.get("doubt", ""),
        )
        for each in case.get("told", [])
    )
    return potassium(told=told, **changed)


def unit_of(case: dict[str, Any]) -> dict[str, Any]:
    """What pharmacy handed out in the case; empty where it is the usual unit."""
    said = case.get("unit")
    if said is None:
        return {}
    if said == "none":
        return {"unit": None}
    found = unit(gbq=said.get("gbq", "7.4"))
    for key, value in said.items():
        match key:
            case "gbq":
                continue
            case "measured_at":
                moment = instant(value)
                measured = Measured(gbq=found.measured.gbq, at=moment)
                found = replace(found, measured=measured, handed_out_at=moment)
            case "expires_at":
                found = replace(found, expires_at=instant(value))
            case _:
                found = replace(found, **{key: value})
    return {"unit": found}


def day_of(case: dict[str, Any]) -> DayFacts:
    """The facts of a case."""
    changed: dict[str, Any] = {"potassium": potassium_of(case), **unit_of(case)}
    if "go" in case:
        changed["go"] = Go(**case["go"])
    if "directed" in case:
        changed["directed"] = None if case["directed"] == "none" else directed(**case["directed"])
    if "late" in case:
        changed["potassium_late"] = instant(case["late"])
    if "bag_expires" in case:
        changed["bags"] = (Bag(label="BAG-1", expires_at=instant(case["bag_expires"])),)
    if "cover" in case:
        changed["cover_ordered"] = case["cover"]
    if case.get("disease") == "unknown":
        changed["peritoneal_disease"] = None
    if case.get("next") == "none":
        changed["next_planned_on"] = None
    return facts(
        *steps_of(case),
        protocol=EMA if case.get("protocol") == "ema" else US,
        without=tuple(case.get("without", ())),
        now=instant(case.get("now", "12:00")),
        **changed,
    )


@pytest.mark.parametrize("case", CASES, ids=[f"{case['line']} {case['says']}" for case in CASES])
def test_a_line_of_the_day_sheet_says_what_the_case_says(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS
    found = day_of(case)
    source = getattr(found.rules, case["source"]).source if "source" in case else None
    shown = line(found, case["line"])
    expected = DayLine(
        id=case["line"],
        name=shown.name,
        state=StepState(case["state"]),
        sentence=case["sentence"],
        remedy=case.get("remedy", ""),
        source=source,
        until=instant(case["until"]) if "until" in case else None,
        for_start=case.get("for_start", case["line"] in FOR_START),
        for_release=case.get("for_release", case["line"] in FOR_RELEASE),
    )
    assert shown == expected


def test_every_line_has_its_name_and_every_line_has_cases() -> None:
    names = {
        "ID": "Patient identified by two people",
        "T-02": "Laboratory results and signed decision",
        "T-01": "Pregnancy excluded today",
        "T-03": "Long-acting analogue stopped in time",
        "T-04": "Short-acting analogue stopped in time",
        "T-05": "Potassium before the amino acids",
        "ALLERGY": "Allergies and earlier reactions",
        "T-06": "Antiemetic before the amino acids",
        "T-07": "Amino acids running before the start",
        "UNIT": "Unit matched with the directive",
        "T-09": "Measured activity against the directive",
        "T-10": "Unit good until the infusion ends",
        "START": "Start checked by a second person",
        "T-11": "Infusion",
        "LINE": "Line and arm looked at",
        "T-17": "Residual measured",
        "T-13": "No corticosteroid around the infusion",
        "T-08": "Amino acids after the infusion",
        "COVER": "Corticosteroid cover",
        "T-12": "Observed after the infusion",
        "T-14": "Long-acting analogue given again",
        "T-18": "Dose rate measured for release",
        "T-15": "Next cycle and injections before it",
    }
    assert {each: line(facts(), each).name for each in IDS} == names
    assert {case["line"] for case in CASES} == set(IDS)
    # A line of another state may bear another name by mistake: each case's line bears the one above.
    for case in CASES:
        assert line(day_of(case), case["line"]).name == names[case["line"]], case["says"]


def test_an_unwritten_second_of_the_day_is_no_other_minute() -> None:
    late = facts(now=at(12) + timedelta(seconds=59))
    assert line(late, "T-07").sentence == "Amino acids running since 11:00, 1 h."
