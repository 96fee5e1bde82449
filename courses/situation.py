"""A situation as JSON: read it strictly into a chart, judge it, and write a chart back as a situation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from courses import library
from courses.answer import answer
from courses.json_table import Fault, JsonTable, collecting
from courses.rules.evidence import WITHDRAWN
from courses.rules.recommend import recommend_or_hold
from courses.rules.values import Chart, GivenCycle, Measurement, Sex, Status, Weight
from courses.situation_acts import read_part, write_part
from courses.situation_facts import (
    RECORD_KINDS,
    days_of,
    facts_of,
    read_adverse_event,
    read_delay,
    read_facts,
    read_records,
    records_of,
)
from labs.clinic_days import age_on, clinic_day
from labs.library import by_loinc, limits
from labs.units import Analyte, UnknownUnit, convert, is_plausible

IMPLAUSIBLE = "implausible"
_COMPARATORS = ("", "<", "<=", ">", ">=")
_UNKNOWN_SEX = (None, "", "unknown", "other")
_Item = TypeVar("_Item")


class BadSituation(ValueError):
    """The situation cannot be judged; one clear line per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A chart, the protocol to judge it by, and the day on which it is judged."""

    chart: Chart
    protocol_id: str
    today: date
    time_zone: ZoneInfo


def read_situation(data: object, *, extra: Path | None = None) -> Situation:
    """Read one situation, from `json_table.parse_json` or from a stored one. Raises BadSituation."""
    faults: list[str] = []
    try:
        situation = _read(data, faults)
    except Fault as fault:
        raise BadSituation([*faults, *str(fault).splitlines()]) from fault
    # With an item missing the whole cannot be judged; its faults would only repeat the item's.
    faults = faults or _faults_of_whole(situation, extra=extra)
    if faults:
        raise BadSituation(faults)
    return situation


def assess(data: object, *, extra: Path | None = None) -> dict[str, Any]:
    """Read one situation, judge it, and word the answer. Raises BadSituation."""
    return judge(read_situation(data, extra=extra), extra=extra)


def judge(situation: Situation, *, extra: Path | None = None) -> dict[str, Any]:
    """Judge one situation, and word the answer."""
    protocol = library.protocol(situation.protocol_id, extra=extra)
    found = recommend_or_hold(chart=situation.chart, protocol=protocol, today=situation.today)
    return answer(found, sha256=library.protocol_sha256(situation.protocol_id, extra=extra))


def _read(data: object, faults: list[str]) -> Situation:
    """Everything but the checks that need the whole; faults of single items go on the list."""
    table = JsonTable(
        data,
        path="",
        required={"protocol", "today", "time_zone", "patient"},
        optional={
            "weights",
            "planned_on",
            "cycles",
            "labs",
            "adverse_events",
            "delays",
            "prior_activity_gbq",
            "baseline_locked",
            "uncounted_parts",
            "facts",
            *RECORD_KINDS,
        },
        strange=faults,
    )
    today, zone = table.needed_day("today"), _zone(table)
    patient = JsonTable(table.get("patient"), path="patient", required=set(), optional={"birth_date", "sex"})
    prior = table.number("prior_activity_gbq") or Decimal(0)
    if prior < 0:
        raise table.fault("prior_activity_gbq", "is below zero")
    facts, peritoneal = read_facts(table.get("facts"), faults)
    chart = Chart(
        birth_date=patient.day("birth_date"),
        sex=None if patient.get("sex") in _UNKNOWN_SEX else patient.choice("sex", Sex),
        measurements=_each(table, "labs", faults, lambda item, path: _measurement(item, path, zone)),
        weights=_each(table, "weights", faults, _weight),
        cycles=_each(table, "cycles", faults, _cycle),
        adverse_events=_each(table, "adverse_events", faults, read_adverse_event),
        delays=_each(table, "delays", faults, read_delay),
        planned_on=table.day("planned_on"),
        prior_activity_gbq=prior,
        baseline_locked=table.flag("baseline_locked") or False,
        peritoneal_or_mesenteric_disease=peritoneal,
        facts=facts,
        uncounted_parts=_each(table, "uncounted_parts", faults, read_part),
        **read_records(table, faults),
    )
    return Situation(chart=chart, protocol_id=table.text("protocol"), today=today, time_zone=zone)


def _each(
    table: JsonTable, key: str, faults: list[str], read: Callable[[object, str], _Item]
) -> tuple[_Item, ...]:
    """Read every item of a list; a faulty one goes on the list of faults instead."""
    found: list[_Item] = []
    for path, item in table.items(key):
        with collecting(faults):
            found.append(read(item, path))
    return tuple(found)


def _zone(table: JsonTable) -> ZoneInfo:
    name = table.text("time_zone")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise table.fault("time_zone", f"{name!r} is not an IANA time zone such as Europe/Berlin") from error


def _measurement(data: object, path: str, zone: ZoneInfo) -> Measurement:
    table = JsonTable(
        data,
        path=path,
        required={"code", "collected_at", "status"},
        optional={"value", "unit", "comparator", "low", "high", "quality", "baseline", "result", "ref"},
    )
    status = table.choice("status", Status)
    # A withdrawal says which result it takes back; it needs to repeat neither its number nor its unit.
    for key in () if status in WITHDRAWN else ("value", "unit"):
        if not table.has(key):
            raise table.fault(key, "is missing")
    analyte = by_loinc(table.text("code"))
    if analyte is None:
        raise table.fault("code", f"{table.get('code')!r} is not a LOINC code this service reads")
    value, quality = _canonical(table, "value", analyte), table.texts("quality")
    if value is not None and not is_plausible(analyte=analyte, value=value) and IMPLAUSIBLE not in quality:
        quality = (*quality, IMPLAUSIBLE)
    if table.text("comparator", default="") not in _COMPARATORS:
        raise table.fault("comparator", "must be one of <, <=, >, >=")
    collected_at = table.instant("collected_at")
    return Measurement(
        analyte=analyte.short,
        code=table.text("code"),
        value=value,
        unit=analyte.unit,
        collected_at=collected_at,
        collected_on=clinic_day(collected_at, zone),
        comparator=table.text("comparator", default=""),
        status=status,
        low=_canonical(table, "low", analyte),
        high=_canonical(table, "high", analyte),
        quality=quality,
        baseline=table.flag("baseline") or False,
        result=table.text("result", default=""),
        ref=table.text("ref", default=""),
    )


def _canonical(table: JsonTable, key: str, analyte: Analyte) -> Decimal | None:
    """A value or limit in the analyte's canonical unit."""
    sent = table.number(key)
    if sent is None or not table.has("unit"):  # only a withdrawal may leave the unit out
        return None
    if sent < 0:
        raise table.fault(key, f"{sent} is below zero")
    try:
        return convert(analyte=analyte, value=sent, unit=table.text("unit"))
    except UnknownUnit as error:
        raise table.fault("unit", str(error)) from error


def _weight(data: object, path: str) -> Weight:
    table = JsonTable(data, path=path, required={"on", "kg"}, optional={"ref"})
    kg = table.number("kg")
    least, most = limits().weight_least_kg, limits().weight_most_kg
    if kg is None or kg <= 0:
        raise table.fault("kg", "must be above zero")
    if not least <= kg <= most:
        raise table.fault("kg", f"must be a body weight from {least} to {most} kg; check the number")
    return Weight(on=table.needed_day("on"), kg=kg, ref=table.text("ref", default=""))


def _cycle(data: object, path: str) -> GivenCycle:
    table = JsonTable(data, path=path, required={"number", "on", "activity_gbq"}, optional={"elsewhere"})
    activity = table.number("activity_gbq")
    if activity is None or activity <= 0:
        raise table.fault("activity_gbq", "must be above zero")
    number = table.whole("number", least=1, most=99)
    return GivenCycle(
        number=number,
        on=table.needed_day("on"),
        activity_gbq=activity,
        elsewhere=table.text("elsewhere", default=""),
    )


def _faults_of_whole(situation: Situation, *, extra: Path | None) -> list[str]:
    """What only shows when the parts are seen together."""
    chart, today = situation.chart, situation.today
    faults = [
        f"labs: {m.code} collected at {m.collected_at.isoformat()} lies after today, {today}"
        for m in chart.measurements
        if m.collected_on > today
    ]
    faults += [f"weights: {w.on} lies after today, {today}" for w in chart.weights if w.on > today]
    faults += [f"cycles: {c.on} lies after today, {today}" for c in chart.cycles if c.on > today]
    faults += [
        f"uncounted_parts: {p.on} lies after today, {today}" for p in chart.uncounted_parts if p.on > today
    ]
    faults += [
        f"adverse_events: {e.term} on {day} lies after today, {today}"
        for e in chart.adverse_events
        for day in (e.began_on, e.ended_on)
        if day is not None and day > today
    ]
    faults += [f"{where}: {day} lies after today, {today}" for where, day in days_of(chart) if day > today]
    return faults + _faults_of_person(chart, today) + _faults_of_cycles(situation, extra=extra)


def _faults_of_person(chart: Chart, today: date) -> list[str]:
    faults: list[str] = []
    days = [m.collected_on for m in chart.measurements] + [c.on for c in chart.cycles]
    if chart.birth_date is not None and any(day < chart.birth_date for day in days):
        faults.append("patient.birth_date: lies after a result or a cycle")
    if chart.birth_date is not None and chart.birth_date > today:
        faults.append(f"patient.birth_date: {chart.birth_date} lies after today, {today}")
    elif chart.birth_date is not None and age_on(chart.birth_date, today) > limits().age_most_years:
        most = limits().age_most_years
        faults.append(f"patient.birth_date: {chart.birth_date} makes more than {most} years; check the year")
    kg: dict[date, Decimal] = {}
    for weight in chart.weights:
        if kg.setdefault(weight.on, weight.kg) != weight.kg:
            faults.append(f"weights: two different weights on {weight.on}; keep the right one")
    return faults


def _faults_of_cycles(situation: Situation, *, extra: Path | None) -> list[str]:
    cycles = sorted(situation.chart.cycles, key=lambda cycle: cycle.number)
    faults: list[str] = []
    if [cycle.number for cycle in cycles] != list(range(1, len(cycles) + 1)):
        faults.append("cycles: numbers must run 1, 2, 3 … without a gap or a repetition")
    if any(later.on <= earlier.on for earlier, later in pairwise(cycles)):
        faults.append("cycles: each must lie after the one before it")
    planned_on, last = situation.chart.planned_on, max(cycles, key=lambda cycle: cycle.on, default=None)
    if planned_on is not None and last is not None and planned_on < last.on:
        faults.append(f"planned_on: lies before cycle {last.number}; give the day of the next cycle")
    try:
        planned = library.protocol(situation.protocol_id, extra=extra).schedule.cycles
    except library.UnknownProtocol as error:
        return [*faults, f"protocol: {error}"]
    if len(cycles) >= planned:
        faults.append(f"cycles: all {planned} planned cycles have been given; nothing is left to recommend")
    return faults


def situation_of(*, chart: Chart, protocol_id: str, today: date, time_zone: ZoneInfo) -> dict[str, Any]:
    """The situation that reads back as exactly this chart: plain JSON, decimals as strings."""
    return {
        "protocol": protocol_id,
        "today": today.isoformat(),
        "time_zone": time_zone.key,
        "patient": {
            "birth_date": _day(chart.birth_date),
            "sex": None if chart.sex is None else chart.sex.value,
        },
        "weights": [{"on": w.on.isoformat(), "kg": str(w.kg), "ref": w.ref} for w in chart.weights],
        "planned_on": _day(chart.planned_on),
        "cycles": [
            {"number": c.number, "on": c.on.isoformat(), "activity_gbq": str(c.activity_gbq)}
            | ({"elsewhere": c.elsewhere} if c.elsewhere else {})
            for c in chart.cycles
        ],
        "labs": [_lab_of(m) for m in chart.measurements],
        "adverse_events": [
            {
                "term": e.term,
                "grade": e.grade,
                "from": e.began_on.isoformat(),
                "to": _day(e.ended_on),
                "related": e.related,
                "ref": e.ref,
            }
            for e in chart.adverse_events
        ],
        "delays": [
            {
                "cycle": d.cycle,
                "cause": d.cause.value,
                "from": d.began_on.isoformat(),
                "to": _day(d.ended_on),
            }
            for d in chart.delays
        ],
        "prior_activity_gbq": str(chart.prior_activity_gbq),
        "facts": facts_of(chart.facts, chart.peritoneal_or_mesenteric_disease),
        # Only where it is so: older situations know nothing of it.
        **({"baseline_locked": True} if chart.baseline_locked else {}),
        **(
            {"uncounted_parts": [write_part(p) for p in chart.uncounted_parts]}
            if chart.uncounted_parts
            else {}
        ),
    } | records_of(chart)


def _lab_of(m: Measurement) -> dict[str, Any]:
    return {
        "code": m.code,
        "value": None if m.value is None else str(m.value),
        "comparator": m.comparator,
        "unit": m.unit,
        "collected_at": m.collected_at.astimezone(UTC).isoformat(),
        "status": m.status.value,
        "low": None if m.low is None else str(m.low),
        "high": None if m.high is None else str(m.high),
        "quality": list(m.quality),
        "baseline": m.baseline,
        "result": m.result,
        "ref": m.ref,
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
