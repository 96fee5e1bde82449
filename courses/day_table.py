"""Word every number of the day of therapy with its source, so that a clinician can check and sign it."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from courses.protocol_table import Row
from courses.rules.day_rules import DayRules, Force
from courses.rules.decimals import plain

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_FORCE = {Force.BLOCK: "nothing starts without it", Force.WARN: "people are warned without it"}


def day_rows(rules: DayRules) -> Iterator[Row]:
    """Every number of one file: rule, value in words, source."""
    yield from _product_rows(rules)
    yield from _medicine_rows(rules)
    yield from _infusion_rows(rules)
    limits, regulator = rules.dose_limits, rules.regulator
    kidneys, marrow = plain(limits.kidneys_gy), plain(limits.bone_marrow_gy)
    yield "absorbed dose limits", f"kidneys {kidneys} Gy, bone marrow {marrow} Gy; they inform", limits.source
    days = f"notified within {regulator.notify_days} d, report within {regulator.report_days} d of discovery"
    yield "regulator", days, regulator.source


def _product_rows(rules: DayRules) -> Iterator[Row]:
    made = rules.dispensing
    yield "product codes", ", ".join(made.product_codes), made.source
    yield "half-life", _hours(made.half_life), made.source
    yield "shelf life", _hours(made.shelf_life), made.source
    warn, refuse = plain(made.assay_warn_percent), plain(made.assay_refuse_percent)
    assay = f"more than {warn} % off the directive warns, more than {refuse} % is refused"
    yield "assay", assay, made.source
    yield "event", f"{plain(made.event_percent)} % or more off the directive is reviewed", made.source


def _medicine_rows(rules: DayRules) -> Iterator[Row]:
    acids = rules.amino_acids
    yield "amino acids before", f"at least {_minutes(acids.lead)} before the start", acids.source
    yield "amino acids after", f"at least {_minutes(acids.after)} after the start", acids.source
    in_all = f"{_minutes(acids.in_all)}, give or take {_minutes(acids.in_all_tolerance)}"
    yield "amino acids in all", in_all, acids.source
    pause = f"a pause of up to {_minutes(acids.longest_pause)} is only noted"
    yield "amino acids, pause", pause, acids.source
    grams = f"{plain(acids.least_g)} to {plain(acids.most_g)} g each of lysine and arginine"
    yield "amino acids, bag", f"{grams} in {plain(acids.least_ml)} to {plain(acids.most_ml)} mL", acids.source
    lead = rules.premedication.antiemetic_lead
    yield "antiemetic", f"{_minutes(lead)} before the amino acids", rules.premedication.source
    potassium = rules.potassium
    recent = f"at most {potassium.validity_days} d old; {_FORCE[potassium.force]}"
    yield "potassium", recent, potassium.source
    analogue = rules.analogue
    yield "short-acting analogue", f"none for {_hours(analogue.short_acting_off)} before", analogue.source
    window = f"{_hours(analogue.restart_from)} to {_hours(analogue.restart_to)} after"
    yield "long-acting analogue", window, analogue.source
    until = _minutes(rules.steroid.after_end)
    warned = "warned of" if rules.steroid.warn else "not warned of"
    words = f"{warned} before the infusion and until {until} after its end"
    yield "corticosteroid", words, rules.steroid.source


def _infusion_rows(rules: DayRules) -> Iterator[Row]:
    infusion, release = rules.infusion, rules.release
    yield "infusion", f"{_minutes(infusion.least)} to {_minutes(infusion.most)}", infusion.source
    checks = f"after {_minutes(infusion.first_line_check)}, then every {_minutes(infusion.line_check_every)}"
    yield "line checks", checks, infusion.source
    yield "authorised start", f"holds for {_minutes(infusion.start_within)}", infusion.source
    yield "observation", f"at least {_minutes(release.observation)}", release.source
    rate = f"at most {plain(release.most_microsievert_per_hour)} µSv/h at {plain(release.at_metres)} m"
    yield "dose rate for release", rate, release.source


def _minutes(span: timedelta) -> str:
    return f"{_number(span, _MINUTE)} min"


def _hours(span: timedelta) -> str:
    return f"{_number(span, _HOUR)} h"


def _number(span: timedelta, unit: timedelta) -> str:
    """How many units a span is, exactly as far as a decimal goes."""
    micros = timedelta(microseconds=1)
    return plain(Decimal(span // micros) / Decimal(unit // micros))
