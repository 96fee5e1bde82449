"""Turn a clinical case of tests/cases, as a doctor writes it, into a situation in JSON form."""

import tomllib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cases"
EXTRA_PROTOCOLS = Path(__file__).parent / "protocols"
CODES = {
    "PLT": "777-3", "ANC": "751-8", "WBC": "6690-2", "LYMPH": "731-0", "HGB": "718-7", "CREAT": "2160-0",
    "BILI": "1975-2", "ALB": "1751-7", "ALT": "1742-6", "AST": "1920-8", "ALP": "6768-6", "GGT": "2324-2",
    "INR": "6301-6", "PTR": "5894-1", "K": "2823-3", "NA": "2951-2", "CA": "2000-8", "GLU": "2345-7",
    "HCG": "19080-1",
}  # fmt: skip
UNITS = {
    "PLT": "10*9/L", "ANC": "10*9/L", "WBC": "10*9/L", "LYMPH": "10*9/L", "HGB": "g/L", "CREAT": "umol/L",
    "BILI": "umol/L", "ALB": "g/L", "ALT": "U/L", "AST": "U/L", "ALP": "U/L", "GGT": "U/L", "INR": "1",
    "PTR": "%", "K": "mmol/L", "NA": "mmol/L", "CA": "mmol/L", "GLU": "mmol/L",
    "HCG": "[IU]/L",
}  # fmt: skip
LIMITS = {
    "PLT": ("150", "400"), "ANC": ("1.8", "7.5"), "WBC": ("4", "10"), "LYMPH": ("1.0", "4.0"),
    "HGB": ("120", "160"), "CREAT": ("45", "84"), "BILI": ("0", "21"), "ALB": ("35", "52"),
    "ALT": ("0", "35"),
    "AST": ("0", "35"), "ALP": ("40", "120"), "GGT": ("0", "40"), "INR": ("0.9", "1.2"), "PTR": ("70", "120"),
    "K": ("3.5", "5.1"), "NA": ("135", "145"), "CA": ("2.15", "2.55"), "GLU": ("3.9", "5.6"),
    "HCG": ("0", "5"),
}  # fmt: skip
NORMAL = {
    "PLT": "220", "ANC": "3.5", "HGB": "130", "CREAT": "70", "BILI": "10", "ALB": "42", "ALT": "20",
    "AST": "20",
}  # fmt: skip
BASELINE_DAYS_BEFORE = 7
RECORDS = (
    "facts", "support", "manual_grades", "attributions", "occurrence_reviews", "precautionary_holds",
    "overrides", "waivers", "uncounted_parts",
)  # fmt: skip


def read_cases() -> list[dict[str, Any]]:
    """Every case of every file, with its file's name."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        for case in data["case"]:
            found.append({"file": path.stem, **data.get("defaults", {}), **case})
    return found


def lab(short: str, value: object, on: date, **more: object) -> dict[str, Any]:
    """One final result of one analyte at eight in the morning."""
    low, high = LIMITS[short]
    text = str(value)
    comparator = "".join(mark for mark in text if mark in "<>=")
    return {
        "code": CODES[short],
        "value": text.removeprefix(comparator),
        "comparator": comparator,
        "unit": UNITS[short],
        "collected_at": f"{on.isoformat()}T08:00:00+00:00",
        "status": "final",
        "low": low,
        "high": high,
        **more,
    }


def draw(on: date, **values: object) -> list[dict[str, Any]]:
    """One whole draw: normal but for the values given; a value of "none" leaves the analyte out."""
    merged = {**NORMAL, **values}
    return [lab(short, value, on) for short, value in merged.items() if value != "none"]


def situation(case: dict[str, Any]) -> dict[str, Any]:
    """The situation a case describes: normal draws and weights where it says nothing else.

    `normal` names what every whole draw of a case brings besides.
    """
    cycles = [
        {"number": number, "on": given["on"].isoformat(), "activity_gbq": str(given["gbq"])}
        | {key: given[key] for key in ("elsewhere",) if key in given}
        for number, given in enumerate(case.get("cycles", []), start=1)
    ]
    normal = case.get("normal", {})
    labs: list[dict[str, Any]] = []
    days: list[date] = []
    if cycles and case.get("baseline", {}) != "none":
        first = case["cycles"][0]["on"] - timedelta(days=BASELINE_DAYS_BEFORE)
        labs += draw(first, **{**normal, **case.get("baseline", {})})
        days.append(first)
    for given in case.get("draws", []):
        rest = dict(given)
        on, only, more = rest.pop("on"), rest.pop("only", False), rest.pop("as", {})
        labs += [lab(s, v, on) for s, v in rest.items()] if only else draw(on, **{**normal, **rest})
        for item in labs:
            if item["collected_at"].startswith(on.isoformat()) and item["code"] in {CODES[s] for s in rest}:
                item.update({key: None if value == "" else value for key, value in more.items()})
        days.append(on)
    weights = [{"on": day.isoformat(), "kg": "72"} for day in dict.fromkeys(days)]
    return {
        "protocol": case["protocol"],
        "today": case["today"].isoformat(),
        "time_zone": "UTC",
        "patient": {"birth_date": "1961-03-02", "sex": "female", **case.get("patient", {})},
        "weights": case.get("weights", weights),
        "planned_on": case["planned_on"].isoformat() if "planned_on" in case else None,
        "cycles": cycles,
        "labs": labs,
        "adverse_events": case.get("events", []),
        "delays": case.get("delays", []),
        **{name: as_json(case[name]) for name in RECORDS if name in case},
    }


def as_json(value: object) -> object:
    """What TOML read, with its days as ISO text; everything else as it is."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value
