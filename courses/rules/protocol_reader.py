"""Turn the parsed data of a protocol file into a Protocol; refuse what is unknown, unsourced or odd."""

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction

from courses.rules.check_reader import read_checks, read_support, read_surrogate
from courses.rules.data_reader import TableReader
from courses.rules.order_states import OrderKind
from courses.rules.planning_reader import read_planning
from courses.rules.protocol import (
    Adults,
    CalciumCorrection,
    ClockStart,
    CockcroftGault,
    Criteria,
    DelayLimit,
    OrderedWhen,
    OrderRow,
    Protocol,
    Schedule,
    Use,
    WaiverRule,
    WeightChange,
    WeightRule,
)
from courses.rules.row_reader import RowReader

_DERIVED_NAMES = {"creatinine_clearance": "Creatinine clearance", "corrected_calcium": "Corrected calcium"}


_NONE = "none"


class _Stops(StrEnum):
    ON = "on_limit_day"
    AFTER = "after_limit_day"


def read_protocol(
    data: object, *, criteria: Mapping[str, Criteria], names: Mapping[str, str], units: Mapping[str, str]
) -> Protocol:
    """Read one protocol version; `names` and `units` are those of the known analytes. Raises DataError."""
    table = TableReader(data)
    version = _version(table, "ctcae", criteria)
    other = (
        None
        if table.raw("compare_grades_with") == _NONE
        else _version(table, "compare_grades_with", criteria)
    )
    reader = RowReader(criteria[version], names, units)
    patient, interim, derived = (
        table.table("patient"),
        table.table("interim_occurrences"),
        table.table("derived"),
    )
    protocol = Protocol(
        id=table.text("id"),
        title=table.text("title"),
        use=table.choice("use", Use),
        in_force_from=table.day("in_force_from"),
        product=table.text("product"),
        route=table.text("route"),
        schedule=_schedule(table.table("schedule")),
        delay_limit=_delay_limit(table.table("delay_limit")),
        labs=reader.labs(table),
        weight=_weight(table.table("weight")),
        minimum_age=patient.whole("minimum_age"),
        minimum_age_source=patient.source(),
        count_interim_occurrences=interim.flag("count"),
        interim_source=interim.source(),
        clearance=_clearance(derived.table("creatinine_clearance")),
        calcium=_calcium(derived.table("corrected_calcium")),
        families=reader.families(table),
        floors=tuple(reader.floor(item) for item in table.tables("floor")),
        checks=read_checks(table),
        support=read_support(table, names),
        prothrombin_surrogate=read_surrogate(table.table("prothrombin_surrogate"), units),
        orders=tuple(_order(item) for item in table.tables("order")),
        criteria=criteria[version],
        other_criteria=None if other is None else criteria[other],
        names={**names, **_DERIVED_NAMES},
        units=units,
        waiver=_waiver(table.table("waiver")) if table.has("waiver") else None,
        planning=read_planning(table, names),
    )
    for part in (patient, interim, derived, table):
        part.finish()
    return protocol


def _version(table: TableReader, key: str, criteria: Mapping[str, Criteria]) -> str:
    """A version of the criteria that has a file."""
    version = table.text(key)
    if version not in criteria:
        raise table.fault(key, f"no criteria file for version {version}", f"known: {', '.join(criteria)}")
    return version


def _schedule(table: TableReader) -> Schedule:
    window, reduced = table.table("window"), table.table("reduced")
    found = Schedule(
        cycles=table.whole("cycles", least=1),
        activity_gbq=table.positive("activity_gbq"),
        reduced_activity_gbq=reduced.positive("activity_gbq"),
        interval_days=table.whole("interval_days", least=1),
        window_first_day=window.whole("first_day", least=1),
        window_last_day=window.whole("last_day", least=1),
        reduced_counts_as_cycle=reduced.flag("counts_as_cycle"),
        source=table.source(),
        window_source=window.source(),
        reduced_source=reduced.source(),
    )
    if not found.window_first_day <= found.interval_days <= found.window_last_day:
        raise table.fault(
            "window", "does not hold the nominal interval", "correct first_day, last_day or interval_days"
        )
    if found.reduced_activity_gbq >= found.activity_gbq:
        raise reduced.fault("activity_gbq", "is not below the full activity", "correct one of the two")
    if not found.reduced_counts_as_cycle:
        raise reduced.fault("counts_as_cycle", "false is not supported", "write true")
    for part in (window, reduced, table):
        part.finish()
    return found


def _delay_limit(table: TableReader) -> DelayLimit:
    found = DelayLimit(
        days=table.whole("days", least=1),
        counted_from=table.choice("counted_from", ClockStart),
        stops_on_limit_day=table.choice("stops", _Stops) is _Stops.ON,
        subtract_other_delay=table.flag("subtract_other_delay"),
        warn_days=table.wholes("warn_days"),
        source=table.source(),
    )
    if list(found.warn_days) != sorted(set(found.warn_days)) or any(d >= found.days for d in found.warn_days):
        raise table.fault(
            "warn_days", "must rise and lie below days", "sort them, and drop what is not before"
        )
    table.finish()
    return found


def _weight(table: TableReader) -> WeightRule:
    found = WeightRule(
        validity_days=table.whole("validity_days", least=1),
        due_days_before=table.whole("due_days_before"),
        nearest_for_baseline=table.flag("nearest_for_baseline"),
        source=table.source(),
        change=_weight_change(table.table("change")) if table.has("change") else None,
    )
    if found.due_days_before > found.validity_days:
        raise table.fault("due_days_before", "is longer than the validity", "correct one of the two")
    table.finish()
    return found


def _weight_change(table: TableReader) -> WeightChange:
    found = WeightChange(percent=table.positive("note_above_percent"), source=table.source())
    table.finish()
    return found


def _waiver(table: TableReader) -> WaiverRule:
    found = WaiverRule(days=table.whole("waiver_days", least=1), source=table.source())
    table.finish()
    return found


def _adults(table: TableReader) -> Adults:
    found = Adults(from_age=table.whole("from_age", least=1), source=table.source())
    table.finish()
    return found


def _clearance(table: TableReader) -> CockcroftGault:
    found = CockcroftGault(
        age_constant=Fraction(table.positive("age_constant")),
        divisor=Fraction(table.positive("divisor")),
        female_factor=Fraction(table.positive("female_factor")),
        umol_per_l_in_mg_per_dl=Fraction(table.positive("umol_per_l_in_mg_per_dl")),
        source=table.source(),
        adults=_adults(table.table("adults")) if table.has("adults") else None,
    )
    table.finish()
    return found


def _calcium(table: TableReader) -> CalciumCorrection:
    found = CalciumCorrection(
        mmol_per_g=Fraction(table.positive("mmol_per_g")),
        albumin_g_per_l=Fraction(table.positive("albumin_g_per_l")),
        source=table.source(),
    )
    table.finish()
    return found


def _order(table: TableReader) -> OrderRow:
    items = []
    for item in table.tables("items"):
        items.append(tuple((key, item.text(key)) for key in item.names()))
    found = OrderRow(
        kind=table.choice("kind", OrderKind),
        when=table.choice("when", OrderedWhen),
        items=tuple(items),
        source=table.source(),
        warning=table.text("warning") if table.has("warning") else "",
    )
    table.finish()
    return found
