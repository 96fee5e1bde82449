"""The evidence the next cycle needs: what is missing, stale, unusable or contradictory, and its cure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from courses.rules.derived import Case, Gap, GapKind, dialysis_gaps
from courses.rules.evidence import Sample, Standing
from courses.rules.protocol import EarlierDraw, LabRow
from courses.rules.schedule import Dates
from courses.rules.toxicity import Unknown
from courses.rules.values import Evidence, MissingEvidence
from courses.rules.waivers import valid_days, waives_earlier_draw
from courses.rules.wording import cycle_words, day_words, lab_evidence, sample_words
from labs.clinic_days import add_days, days_between

MISSING, STALE, UNUSABLE = "EV-MISSING", "EV-STALE", "EV-UNUSABLE"
CONFLICT, BASELINE, WEIGHT = "EV-CONFLICT", "EV-BASELINE", "EV-WEIGHT"
_WEIGH = "weigh the patient and record the weight with its day"
_FACTS = {
    GapKind.SEX: "Sex",
    GapKind.BIRTH_DATE: "Birth date",
    GapKind.WEIGHT: "Body weight",
    GapKind.DIALYSIS: "Dialysis",
    GapKind.DIALYSIS_UNKNOWN: "Dialysis",
}


@dataclass(frozen=True, slots=True)
class _Words:
    """How a kind of gap is told: its rule id, why it cannot be judged, what resolves it."""

    code: str
    why: str
    resolve: str
    always_holds: bool = False


_GAP_WORDS = {
    GapKind.RESULT: _Words(MISSING, "no usable result beside it", "collect {name} with the next draw", True),
    GapKind.SEX: _Words(MISSING, "it is not known", "record the sex the formula needs", True),
    GapKind.BIRTH_DATE: _Words(MISSING, "it is not known", "record the birth date", True),
    GapKind.WEIGHT: _Words(WEIGHT, "none within {days} days of the creatinine", _WEIGH, True),
    GapKind.BASELINE: _Words(
        BASELINE,
        "no usable baseline result collected before cycle 1",
        "record a {name} result collected before cycle 1 as the baseline",
    ),
    GapKind.BOUNDS: _Words(
        UNUSABLE,
        "the result is known only within bounds, and its two ends differ in what they ask for",
        "repeat {name} so that it gives a number, or have the laboratory correct it",
    ),
    GapKind.LOWER_LIMIT: _Words(
        UNUSABLE,
        "the result came without its lower limit of normal",
        "ask the laboratory for the lower limit of normal of {name}",
    ),
    GapKind.UPPER_LIMIT: _Words(
        UNUSABLE,
        "the result came without its upper limit of normal",
        "ask the laboratory for the upper limit of normal of {name}",
    ),
    GapKind.SYMPTOM: _Words(
        UNUSABLE, "the grade depends on symptoms", "have a person record the symptoms and the grade"
    ),
    GapKind.ANTICOAGULATION: _Words(
        MISSING, "it is not recorded", "record whether the patient takes anticoagulants"
    ),
    GapKind.SUPPORT: _Words(
        UNUSABLE,
        "a result that would explain another away was collected under a transfusion or growth factor",
        "repeat {name} once the transfusion or growth factor no longer counts",
        True,
    ),
    GapKind.DIALYSIS: _Words(
        UNUSABLE,
        "creatinine clearance is not to be judged on dialysis: a physician decides",
        "have a physician judge the kidney function and decide",
        True,
    ),
    GapKind.DIALYSIS_UNKNOWN: _Words(
        MISSING,
        "it is not recorded, and creatinine clearance cannot be judged without knowing it",
        "record whether the patient is on dialysis",
        True,
    ),
}

# What cures an earlier specimen: a repeat tells nothing of that day, a mark by two people sets it aside.
_MARKED = "or have two people mark the result it belongs to as not representative"
_PAST_RESOLVE = {
    GapKind.RESULT: "have the laboratory add {name} to the specimen of {day}, " + _MARKED,
    GapKind.BOUNDS: "have the laboratory correct {name} of {day} so that it gives a number, " + _MARKED,
    GapKind.LOWER_LIMIT: "ask the laboratory for the lower limit of normal of {name} of {day}",
    GapKind.UPPER_LIMIT: "ask the laboratory for the upper limit of normal of {name} of {day}",
    GapKind.WEIGHT: "record the weight measured nearest to {day}, with its day, " + _MARKED,
}
_BASELINE_RESOLVE = (
    "have the laboratory correct {name} of {day}, the baseline, so that it gives a number, "
    "or record another result collected before cycle 1 as the baseline"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """One thing that cannot be judged on: the gap, its plain name, and the evidence that does not suffice."""

    gap: MissingEvidence
    name: str
    source: str
    evidence: tuple[Evidence, ...] = ()
    holds: bool = True


def lab_lacks(*, case: Case, dates: Dates) -> Iterator[Lack]:
    """Every analyte the protocol always needs that has no usable result in its window.

    Where an earlier draw is wanted as well and both lack, one lack says both.
    """
    for row in case.protocol.labs:
        if row.always:
            last = lab_lack(row, case=case, dates=dates)
            earlier = earlier_lack(row, case=case, dates=dates)
            found = [lack for lack in (earlier, last) if lack is not None]
            yield from [_merged(*found)] if len(found) > 1 else found


def lab_lack(row: LabRow, *, case: Case, dates: Dates) -> Lack | None:
    """Why an analyte has no usable result for the day of treatment; None when it has one."""
    clearing = case.history.newest_clearing(row.analyte)
    if clearing is not None and days_between(clearing.day, dates.judged_for) <= valid_days(row, case, dates):
        return None
    newest = case.history.newest(row.analyte)
    present = [*case.history.doubtful, *([] if newest is None or newest.clears else [newest])]
    doubtful = [s for s in present if s.analyte == row.analyte and case.history.present(s)]
    doubtful = [s for s in doubtful if _in_time(s.day, row, dates)]
    name = case.protocol.names[row.analyte]
    earliest = not_before(row, case, dates)
    resolve = f"collect {name}, not before {day_words(earliest)}"
    if doubtful:
        evidence = sorted(doubtful, key=lambda sample: sample.at)[-1]
        rule = CONFLICT if evidence.standing is Standing.CONFLICT else UNUSABLE
        why = f"{sample_words(evidence, case.protocol)} cannot be used: {evidence.why}"
    elif newest is not None:
        rule, evidence = STALE, newest
        until = day_words(add_days(newest.day, valid_days(row, case, dates)))
        why = f"the newest result, of {day_words(newest.day)}, could be used until {until}"
    else:
        rule, evidence = MISSING, None
        why = f"no usable result {_since(dates)}, and it must not be older than {row.validity_days} days"
    return Lack(
        gap=MissingEvidence(
            item=row.analyte, rule=rule, why=why, resolve=resolve, due_on=_due(row.due_days_before, dates)
        ),
        name=name,
        source=str(row.source),
        evidence=() if evidence is None else (lab_evidence(evidence, case.protocol),),
    )


def earlier_lack(row: LabRow, *, case: Case, dates: Dates) -> Lack | None:
    """Why an analyte has no usable result of the earlier draw; None when none is wanted, or it is waived."""
    if row.earlier is None or waives_earlier_draw(row, case, dates):
        return None
    return _earlier_lack(row, row.earlier, case=case, dates=dates)


def _earlier_lack(row: LabRow, draw: EarlierDraw, *, case: Case, dates: Dates) -> Lack | None:
    """Why an analyte has no usable result of the earlier draw; None when it has one."""
    first = add_days(dates.judged_for, -draw.from_days_before)
    final = add_days(dates.judged_for, -draw.to_days_before)
    usable = (s for s in case.history.decisive if s.analyte == row.analyte and s.clears)
    if any(case.history.present(s) and first <= s.day <= final for s in usable):
        return None
    name = case.protocol.names[row.analyte]
    days = f"{draw.from_days_before} to {draw.to_days_before} days before the treatment"
    span = f"from {day_words(first)} to {day_words(final)}"
    return Lack(
        gap=MissingEvidence(
            item=row.analyte,
            rule=MISSING,
            why=f"no usable result of the earlier draw, {days}, {span}",
            resolve=f"collect {name} {span}, or move the planned day so that a usable result lies {days}",
            due_on=_due(draw.to_days_before, dates),
        ),
        name=name,
        source=str(draw.source),
    )


def _merged(earlier: Lack, last: Lack) -> Lack:
    """One lack for both draws of an analyte, due when the first of them is."""
    days = [day for day in (earlier.gap.due_on, last.gap.due_on) if day is not None]
    return replace(
        last,
        gap=replace(
            last.gap,
            why=f"{earlier.gap.why}; last draw: {last.gap.why}",
            resolve=f"both draws: (1) {earlier.gap.resolve}; (2) {last.gap.resolve}",
            due_on=min(days, default=None),
        ),
        source="; ".join(dict.fromkeys([earlier.source, last.source])),
    )


def _in_time(day: date, row: LabRow, dates: Dates) -> bool:
    return days_between(day, dates.judged_for) <= row.validity_days


def not_before(row: LabRow, case: Case, dates: Dates) -> date:
    """The first day on which a specimen can serve: in time for the treatment, and past every support."""
    spans = {rule.kind: rule.days for rule in case.protocol.support if row.analyte in rule.analytes}
    free = [add_days(s.on, spans[s.kind] + 1) for s in case.chart.support if s.kind in spans]
    return max([add_days(dates.judged_for, -row.validity_days), *free])


def _since(dates: Dates) -> str:
    return "yet" if dates.last is None else f"since {cycle_words(dates.last)}"


def _due(days_before: int, dates: Dates) -> date | None:
    return None if dates.planned_on is None else add_days(dates.planned_on, -days_before)


def weight_lacks(*, case: Case, dates: Dates) -> Iterator[Lack]:
    """A weight that is missing or too old for the day of treatment."""
    rule = case.protocol.weight
    newest = max((weight.on for weight in case.chart.weights), default=None)
    if newest is not None and days_between(newest, dates.judged_for) <= rule.validity_days:
        return
    if newest is None:
        why = "no body weight is recorded"
    else:
        until = day_words(add_days(newest, rule.validity_days))
        why = f"the newest body weight, of {day_words(newest)}, could be used until {until}"
    yield Lack(
        gap=MissingEvidence(
            item="weight",
            rule=WEIGHT,
            why=why,
            resolve=_WEIGH,
            due_on=_due(rule.due_days_before, dates),
        ),
        name="Body weight",
        source=str(rule.source),
    )


def dialysis_lacks(*, case: Case, dates: Dates) -> Iterator[Lack]:
    """Dialysis always holds; not knowing of it holds too, and is due with the weight of the same formula."""
    for found in dialysis_gaps(case.chart):
        words, unknown = _GAP_WORDS[found.kind], found.kind is GapKind.DIALYSIS_UNKNOWN
        yield Lack(
            gap=MissingEvidence(
                item=found.item,
                rule=words.code,
                why=words.why,
                resolve=words.resolve,
                due_on=_due(case.protocol.weight.due_days_before, dates) if unknown else None,
            ),
            name=_FACTS[found.kind],
            source=str(case.protocol.clearance.source),
        )


def gap_lacks(
    *, gaps: Iterable[Gap], holds: bool, rule: str, source: str, case: Case, dates: Dates
) -> Iterator[Lack]:
    """What an unknown answer of a rule still needs."""
    for gap in sorted(gaps):
        row = case.protocol.lab(gap.item) if gap.kind is GapKind.RESULT else None
        lack = None if row is None else lab_lack(row, case=case, dates=dates)
        if lack is not None:
            # A rule asks for it now: this is no longer a matter of waiting for the next draw.
            yield replace(lack, gap=replace(lack.gap, due_on=None))
            continue
        words = _GAP_WORDS[gap.kind]
        name = _FACTS.get(gap.kind) or case.protocol.names.get(gap.item, gap.item)
        days = case.protocol.weight.validity_days
        yield Lack(
            gap=MissingEvidence(
                item=gap.item,
                rule=words.code,
                why=f"{words.why.format(days=days)} ({rule})",
                resolve=words.resolve.format(name=name),
            ),
            name=name,
            source=source,
            holds=holds or words.always_holds,
        )


def unknown_lacks(*, unknowns: Iterable[Unknown], case: Case, dates: Dates) -> Iterator[Lack]:
    """What the tracks that could not be judged still need."""
    for unknown in unknowns:
        if unknown.track.family.never_acts:
            continue
        past, gaps = _is_past(unknown, case), unknown.finding.triggered.gaps
        own = [g for g in sorted(gaps) if past and g.kind in _PAST_RESOLVE]
        own += [g for g in sorted(gaps) if not past and _bounded_baseline(g, unknown, case)]
        yield from (_past_lack(unknown, gap, case) for gap in own)
        yield from gap_lacks(
            gaps=gaps.difference(own),
            holds=unknown.finding.weighty,
            rule=unknown.track.family.id,
            source=str(unknown.track.family.source),
            case=case,
            dates=dates,
        )


def _is_past(unknown: Unknown, case: Case) -> bool:
    """Whether it is not the newest specimen that could not be judged, so that another draw cures nothing."""
    newest = case.history.newest(unknown.track.primary)
    return newest is None or newest.at != unknown.moment.samples[unknown.track.primary].at


def _past_lack(unknown: Unknown, gap: Gap, case: Case) -> Lack:
    """What is not known of a specimen, named with its day, where a repeat tells nothing of it."""
    family, sample = unknown.track.family, unknown.moment.samples[unknown.track.primary]
    words, days = _GAP_WORDS[gap.kind], case.protocol.weight.validity_days
    name = _FACTS.get(gap.kind) or case.protocol.names[gap.item]
    at_fault = _bounded_baseline(gap, unknown, case)
    if at_fault is None:
        told, cure = sample_words(sample, case.protocol), _PAST_RESOLVE[gap.kind]
        cause, day = f"{told} may have been a toxicity, but", sample.day
    else:
        cause, cure = f"the baseline is {sample_words(at_fault, case.protocol)}:", _BASELINE_RESOLVE
        day = at_fault.day
    return Lack(
        gap=MissingEvidence(
            item=gap.item,
            rule=words.code,
            why=f"{cause} {words.why.format(days=days)} ({family.id})",
            resolve=cure.format(name=name, day=day_words(day)),
        ),
        name=name,
        source=str(family.source),
        evidence=(lab_evidence(at_fault or sample, case.protocol),),
        holds=unknown.finding.weighty or words.always_holds,
    )


def _bounded_baseline(gap: Gap, unknown: Unknown, case: Case) -> Sample | None:
    """The baseline, where it is known only within bounds and the result itself is exact."""
    own, baseline = unknown.moment.samples.get(gap.item), case.history.baselines.get(gap.item)
    if gap.kind is not GapKind.BOUNDS or own is None or baseline is None:
        return None
    exact = own.value is not None and own.value.is_exact
    return baseline if exact and baseline.value is not None and not baseline.value.is_exact else None
