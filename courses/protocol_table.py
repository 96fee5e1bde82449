"""Word every row of a protocol with its source, so that a clinician can check and sign it."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from courses.planning_table import planning_rows
from courses.rules.decimals import plain
from courses.rules.facts import InterruptionKind
from courses.rules.pregnancy import HCG
from courses.rules.protocol import (
    AllergyCheck,
    AnalogueCheck,
    Bound,
    Check,
    Floor,
    HeartFailureCheck,
    ImagingCheck,
    InterruptionCheck,
    LabRow,
    OrderedWhen,
    PregnancyCheck,
    Protocol,
    Reference,
    Test,
    ToxicityFamily,
    When,
)
from courses.rules.values import Action, Source
from courses.rules.wording import measured, unit_of

Row = tuple[str, str, Source]
_TESTS = {Test.BELOW: "<", Test.AT_MOST: "≤", Test.ABOVE: ">", Test.AT_LEAST: "≥"}
_REFERENCES = {Reference.LLN: "LLN", Reference.ULN: "ULN", Reference.BASELINE: "baseline"}
_WHEN = {When.FIRST_CYCLE: "before cycle 1", When.EVERY_CYCLE: "before every cycle"}

_ORDERED_WHEN = {
    OrderedWhen.ALWAYS: "",
    OrderedWhen.PERITONEAL: " in peritoneal or mesenteric disease",
    OrderedWhen.PREGNANCY_POSSIBLE: " where pregnancy is possible, or not known to be impossible",
}


def protocol_rows(protocol: Protocol) -> Iterator[Row]:
    """Every row: rule, value in words, source."""
    schedule, limit = protocol.schedule, protocol.delay_limit
    plan = (
        f"{schedule.cycles} cycles of {plain(schedule.activity_gbq)} GBq every {schedule.interval_days} days"
    )
    yield "schedule", f"{protocol.product}, {protocol.route}: {plan}", schedule.source
    days = f"day {schedule.window_first_day} to {schedule.window_last_day} after the last administration"
    yield "SCH-WINDOW", days, schedule.window_source
    reduced = f"{plain(schedule.reduced_activity_gbq)} GBq, counts as a cycle"
    yield "reduced activity", reduced, schedule.reduced_source
    stops = f"stops {'on' if limit.stops_on_limit_day else 'after'} day {limit.days}"
    spared = "is subtracted" if limit.subtract_other_delay else "counts too"
    counted = f"counted from the {limit.counted_from.value.replace('_', ' ')}"
    yield "LIM-DELAY", f"{stops}, {counted}; delay by other causes {spared}", limit.source
    warned = ", ".join(f"day {day}" for day in limit.warn_days) or "none"
    yield "LIM-DELAY warnings", warned, limit.source
    yield "ELIG-AGE", f"{protocol.minimum_age} years or older", protocol.minimum_age_source
    interim = "count" if protocol.count_interim_occurrences else "do not count"
    yield "interim occurrences", f"{interim} when recovered by the planned day", protocol.interim_source
    yield from _evidence_rows(protocol)
    for family in protocol.families:
        yield from _family_rows(family, protocol)
    for floor in protocol.floors:
        yield from _floor_rows(floor, protocol)
    for check in protocol.checks:
        yield check.id, f"{check.name}, {_WHEN[check.when]}: {_check_words(check, protocol)}", check.source
    yield from _support_rows(protocol)
    for order in protocol.orders:
        when, warning = (
            _ORDERED_WHEN[order.when],
            f". Before signing: {order.warning}" if order.warning else "",
        )
        items = "; ".join(", ".join(value for _, value in item) for item in order.items)
        yield f"order {order.kind.value}", f"{items}{when}{warning}", order.source
    yield from planning_rows(protocol)


def versions_words(protocol: Protocol) -> str:
    """Which version grades, and which is shown beside it."""
    if protocol.other_criteria is None:
        return f"Graded by CTCAE {protocol.criteria.version}; no other version is compared"
    other = protocol.other_criteria.version
    return f"Graded by CTCAE {protocol.criteria.version}; differing grades of CTCAE {other} are listed"


def _evidence_rows(protocol: Protocol) -> Iterator[Row]:
    for row in protocol.labs:
        yield from _lab_rows(row)
    weight, formula, calcium = protocol.weight, protocol.clearance, protocol.calcium
    nearest = "; the nearest weight stands in at the baseline" if weight.nearest_for_baseline else ""
    valid = f"valid {weight.validity_days} days, due {weight.due_days_before} days before{nearest}"
    yield "EV-WEIGHT", valid, weight.source
    if weight.change is not None:
        yield (
            "EV-WEIGHT",
            f"note: a change of more than {plain(weight.change.percent)} %",
            weight.change.source,
        )
    if protocol.waiver is not None:
        days = f"with a physician's reason a usable result may be up to {protocol.waiver.days} days older"
        yield "waiver", days, protocol.waiver.source
    mg_per_dl = _number(formula.umol_per_l_in_mg_per_dl)
    text = (
        f"({formula.age_constant} - age) × kg / ({formula.divisor} × creatinine mg/dL), × "
        f"{_number(formula.female_factor)} if female; 1 mg/dL = {mg_per_dl} µmol/L"
    )
    yield "creatinine clearance", text, formula.source
    if formula.adults is not None:
        words = f"note: younger than {formula.adults.from_age} years, a physician agrees to the formula"
        yield "creatinine clearance", words, formula.adults.source
    slope, normal = _number(calcium.mmol_per_g), calcium.albumin_g_per_l
    yield "corrected calcium", f"total + {slope} × ({normal} - albumin g/L)", calcium.source


def _lab_rows(row: LabRow) -> Iterator[Row]:
    needed = "always needed" if row.always else "where a rule asks"
    value = f"{needed}, valid {row.validity_days} days, due {row.due_days_before} days before"
    yield f"lab {row.analyte}", value, row.source
    if row.earlier is not None:
        days = f"{row.earlier.from_days_before} to {row.earlier.to_days_before} days before the planned day"
        yield f"lab {row.analyte}, earlier draw", f"another draw {days}", row.earlier.source


def _family_rows(family: ToxicityFamily, protocol: Protocol) -> Iterator[Row]:
    first, again = _does(family.on_first), _does(family.on_recurrence)
    follow = f"first: {first}, recurrent (counted by {family.recurrence_by.value}): {again}"
    for criterion in family.criteria:
        words = " and ".join(_bound_words(bound, protocol) for bound in criterion.bounds)
        yield family.id, f"{words}; {follow}", family.source
    if family.terms:
        terms = ", ".join(family.terms)
        spared = "; a grade no worse than the baseline's is spared" if family.spare_baseline_grade else ""
        yield family.id, f"grade {family.trigger_grade} or worse of {terms}; {follow}{spared}", family.source
    if family.reported_terms or family.other_events:
        terms = ", ".join(family.reported_terms) or "any other event"
        worse = f"reported grade {family.trigger_grade} or worse"
        yield family.id, f"{worse} of {terms}; {follow}", family.source
    if family.reported_stems:
        stems = ", ".join(f"“{stem}”" for stem in family.reported_stems)
        worse = f"reported grade {family.trigger_grade} or worse"
        yield family.id, f"{worse} of any unnamed term that contains {stems}; {follow}", family.source
    if family.milder_note:
        yield family.id, f"milder grades: {family.milder_note}", family.source
    for exemption in family.exemptions:
        if exemption.judged_by:
            words = f"not {exemption.term} over a normal baseline, which {exemption.judged_by} judges"
            yield family.id, words, family.source
            continue
        bounds = (f"{b.term} grade {b.at_least} to {b.at_most}" for b in exemption.explained_by)
        yield family.id, f"not {exemption.term} while {' and '.join(bounds)}", family.source
    if family.criteria:
        back = (
            f"back within the reference range or within {plain(family.tolerance_percent)} % of the baseline"
        )
    else:
        back = f"grade {family.resolved_grade} or milder"
    yield f"{family.id} resolves", back, family.resolution_source


def _floor_rows(floor: Floor, protocol: Protocol) -> Iterator[Row]:
    words = " and ".join(_bound_words(bound, protocol) for bound in floor.bounds)
    yield floor.id, f"{_WHEN[floor.when]}, {_does(floor.action)} while {words}", floor.source
    if floor.explained_by:
        bounds = (f"{b.term} grade {b.at_least} to {b.at_most}" for b in floor.explained_by)
        yield floor.id, f"not while {' and '.join(bounds)}", floor.source


def _check_words(check: Check, protocol: Protocol) -> str:
    """What a check asks for, with its numbers."""
    match check:
        case PregnancyCheck():
            return (
                f"women of {check.from_age} to {check.to_age} years, test at most {check.validity_days} days "
                f"before, due {check.due_days_before} days before; pregnant: {_does(check.if_pregnant)}; "
                f"hold from hCG {measured(plain(check.hcg_at_least), unit_of(HCG, protocol))} on until a "
                "negative test of a later day"
            )
        case ImagingCheck():
            return (
                f"uptake {check.least_uptake} or more, note up to {check.note_uptake}; "
                f"below: {_does(check.if_below)}"
            )
        case AnalogueCheck():
            return (
                f"long-acting at least {check.long_acting_days} days before, note below "
                f"{check.long_acting_note_days} days; short-acting at least {check.short_acting_days} "
                f"day(s) before; due {check.due_days_before} days before"
            )
        case AllergyCheck():
            return (
                f"reviewed since the last administration, at most {check.validity_days} days before, due "
                f"{check.due_days_before} days before; contraindicated: {_does(check.if_contraindicated)}"
            )
        case HeartFailureCheck():
            return f"stops from New York Heart Association class {check.stops_from_class} on"
        case InterruptionCheck():
            waits = (f"{kind.value.replace('_', ' ')} {check.wait_days[kind]}" for kind in InterruptionKind)
            return f"waits until over, and days more: {', '.join(waits)}"


def _support_rows(protocol: Protocol) -> Iterator[Row]:
    for rule in protocol.support:
        name = rule.kind.value.replace("_", " ")
        value = f"for {rule.days} days {', '.join(rule.analytes)} may alarm but proves no recovery"
        yield f"after {name}", value, rule.source
    surrogate = protocol.prothrombin_surrogate
    if surrogate is not None:
        value = (
            f"{_bound_words(surrogate.bound, protocol)} stands in for {protocol.names[surrogate.quantity]}"
        )
        yield "surrogate", value, surrogate.source


def _does(action: Action) -> str:
    """The word of an action; one that lets the cycle proceed is a note."""
    return "note" if action is Action.PROCEED else action.word


def _bound_words(bound: Bound, protocol: Protocol) -> str:
    name = protocol.names[bound.quantity]
    unit = unit_of(bound.quantity, protocol)
    reference = f" {unit}" if bound.reference is None else f" × {_REFERENCES[bound.reference]}"
    return f"{name} {_TESTS[bound.test]} {plain(bound.limit)}{reference}"


def _number(value: Fraction) -> str:
    return plain(Decimal(value.numerator) / Decimal(value.denominator))
