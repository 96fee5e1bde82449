"""The rules of the day of therapy: what one data file says of activity, timing and release, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from courses.rules.data_reader import DataError, TableReader
from courses.rules.values import Source


class Force(StrEnum):
    """What a rule of the day does when it is not kept: nothing may start, or people are warned."""

    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispensing:
    """The product as it is scanned, its decay, and how far a measurement may lie from the directive."""

    product_codes: tuple[str, ...]
    half_life: timedelta
    shelf_life: timedelta
    assay_warn_percent: Decimal
    assay_refuse_percent: Decimal
    event_percent: Decimal
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AminoAcids:
    """What a bag holds, how long it runs before, after and in all, and how long a pause is only noted."""

    lead: timedelta
    after: timedelta
    in_all: timedelta
    in_all_tolerance: timedelta
    longest_pause: timedelta
    least_g: Decimal
    most_g: Decimal
    least_ml: Decimal
    most_ml: Decimal
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Premedication:
    """How long before the amino acids the antiemetic is given; it comes before them in any case."""

    antiemetic_lead: timedelta
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Potassium:
    """Whether a recent potassium, not above its own upper limit, must stand before the amino acids."""

    force: Force
    validity_days: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Analogue:
    """How long without a short-acting analogue before, and when the long-acting one is given after."""

    short_acting_off: timedelta
    restart_from: timedelta
    restart_to: timedelta
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Steroid:
    """Whether a corticosteroid before the infusion, and so long after its end, is warned of."""

    warn: bool
    after_end: timedelta
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class InfusionRules:
    """How long an infusion runs, when the line is looked at, and how long an authorised start may wait."""

    least: timedelta
    most: timedelta
    first_line_check: timedelta
    line_check_every: timedelta
    start_within: timedelta
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """How long the patient is observed, and the dose rate at which the patient may leave."""

    observation: timedelta
    most_microsievert_per_hour: Decimal
    at_metres: Decimal
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseLimits:
    """Absorbed doses over all treatments beyond which people are told; information, no rule."""

    kidneys_gy: Decimal
    bone_marrow_gy: Decimal
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Regulator:
    """Days after the discovery by which the regulator is notified and has the written report."""

    notify_days: int
    report_days: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRules:
    """Everything one data file says of the day of therapy under the protocols it names."""

    id: str
    title: str
    protocols: tuple[str, ...]
    dispensing: Dispensing
    amino_acids: AminoAcids
    premedication: Premedication
    potassium: Potassium
    analogue: Analogue
    steroid: Steroid
    infusion: InfusionRules
    release: Release
    dose_limits: DoseLimits
    regulator: Regulator


def read_day_rules(data: Mapping[str, Any]) -> DayRules:
    """The rules of a file's data, numbers as Decimal or int. Raises DataError with key and remedy."""
    table = TableReader(data)
    protocols = table.texts("protocols")
    if not protocols:
        raise table.fault("protocols", "names none", "name each protocol whose day this is")
    found = DayRules(
        id=table.text("id"),
        title=table.text("title"),
        protocols=protocols,
        dispensing=_dispensing(table.table("dispensing")),
        amino_acids=_amino_acids(table.table("amino_acids")),
        premedication=_premedication(table.table("premedication")),
        potassium=_potassium(table.table("potassium")),
        analogue=_analogue(table.table("analogue")),
        steroid=_steroid(table.table("steroid")),
        infusion=_infusion(table.table("infusion")),
        release=_release(table.table("release")),
        dose_limits=_dose_limits(table.table("dose_limits")),
        regulator=_regulator(table.table("regulator")),
    )
    table.finish()
    return found


def _dispensing(table: TableReader) -> Dispensing:
    codes = table.texts("product_codes")
    if not codes:
        raise table.fault("product_codes", "names none", "name each code that stands on the product")
    warn, refuse = table.positive("assay_warn_percent"), table.positive("assay_refuse_percent")
    if refuse < warn:
        raise table.fault("assay_refuse_percent", "is milder than the warning", "correct one of the two")
    found = Dispensing(
        product_codes=codes,
        half_life=_hours(table, "half_life_hours"),
        shelf_life=_hours(table, "shelf_life_hours"),
        assay_warn_percent=warn,
        assay_refuse_percent=refuse,
        event_percent=table.positive("event_percent"),
        source=table.source(),
    )
    table.finish()
    return found


def _amino_acids(table: TableReader) -> AminoAcids:
    found = AminoAcids(
        lead=_minutes(table, "lead_minutes"),
        after=_minutes(table, "after_minutes"),
        in_all=_minutes(table, "in_all_minutes"),
        in_all_tolerance=_minutes(table, "in_all_tolerance_minutes"),
        longest_pause=_minutes(table, "longest_pause_minutes"),
        least_g=table.positive("least_g"),
        most_g=table.positive("most_g"),
        least_ml=table.positive("least_ml"),
        most_ml=table.positive("most_ml"),
        source=table.source(),
    )
    table.finish()
    for low, high, key in (
        (found.least_g, found.most_g, "most_g"),
        (found.least_ml, found.most_ml, "most_ml"),
    ):
        if high < low:
            raise table.fault(key, "lies below the least", "correct one of the two")
    return found


def _premedication(table: TableReader) -> Premedication:
    found = Premedication(antiemetic_lead=_minutes(table, "antiemetic_lead_minutes"), source=table.source())
    table.finish()
    return found


def _potassium(table: TableReader) -> Potassium:
    found = Potassium(
        force=table.choice("force", Force), validity_days=table.whole("validity_days"), source=table.source()
    )
    table.finish()
    return found


def _analogue(table: TableReader) -> Analogue:
    found = Analogue(
        short_acting_off=_hours(table, "short_acting_off_hours"),
        restart_from=_hours(table, "restart_from_hours"),
        restart_to=_hours(table, "restart_to_hours"),
        source=table.source(),
    )
    table.finish()
    if found.restart_to <= found.restart_from:
        raise table.fault("restart_to_hours", "is not after restart_from_hours", "correct one of the two")
    return found


def _steroid(table: TableReader) -> Steroid:
    found = Steroid(
        warn=table.flag("warn"), after_end=_minutes(table, "after_end_minutes"), source=table.source()
    )
    table.finish()
    return found


def _infusion(table: TableReader) -> InfusionRules:
    found = InfusionRules(
        least=_minutes(table, "least_minutes"),
        most=_minutes(table, "most_minutes"),
        first_line_check=_minutes(table, "first_line_check_minutes"),
        line_check_every=_minutes(table, "line_check_every_minutes"),
        start_within=_minutes(table, "start_within_minutes"),
        source=table.source(),
    )
    table.finish()
    if found.most < found.least:
        raise table.fault("most_minutes", "lies below the least", "correct one of the two")
    return found


def _release(table: TableReader) -> Release:
    found = Release(
        observation=_minutes(table, "observation_minutes"),
        most_microsievert_per_hour=table.positive("most_microsievert_per_hour"),
        at_metres=table.positive("at_metres"),
        source=table.source(),
    )
    table.finish()
    return found


def _dose_limits(table: TableReader) -> DoseLimits:
    found = DoseLimits(
        kidneys_gy=table.positive("kidneys_gy"),
        bone_marrow_gy=table.positive("bone_marrow_gy"),
        source=table.source(),
    )
    table.finish()
    return found


def _regulator(table: TableReader) -> Regulator:
    found = Regulator(
        notify_days=table.whole("notify_days"), report_days=table.whole("report_days"), source=table.source()
    )
    table.finish()
    if found.report_days < found.notify_days:
        raise table.fault("report_days", "lies before the notification", "correct one of the two")
    return found


def _minutes(table: TableReader, key: str) -> timedelta:
    return _span(table, key, timedelta(minutes=1))


def _hours(table: TableReader, key: str) -> timedelta:
    return _span(table, key, timedelta(hours=1))


def _span(table: TableReader, key: str, unit: timedelta) -> timedelta:
    """So many units as a span, exact to the microsecond; a number finer than that is refused."""
    micros = table.positive(key) * (unit // timedelta(microseconds=1))
    if micros != micros.to_integral_value():
        raise table.fault(key, "is finer than a microsecond", "write fewer digits")
    return timedelta(microseconds=int(micros))


__all__ = ["DataError", "DayRules", "Force", "read_day_rules"]
