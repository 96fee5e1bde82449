"""The evidence the next cycle needs: what is missing, stale, unusable or contradictory, and its cure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from courses.rules.derived import Case, Gap, GapKind, Moment
from courses.rules.evidence import Sample, Standing
from courses.rules.protocol import LabRow
from courses.rules.schedule import Dates
from courses.rules.toxicity import Unknown
from courses.rules.values import Evidence, MissingEvidence
from courses.rules.wording import day_words, lab_evidence, sample_words
from labs.clinic_days import add_days, days_between

MISSING, STALE, UNUSABLE = "EV-MISSING", "EV-STALE", "EV-UNUSABLE"
CONFLICT, BASELINE, WEIGHT = "EV-CONFLICT", "EV-BASELINE", "EV-WEIGHT"
_WEIGH = "weigh the patient and record the weight with its day"
_FACTS = {GapKind.SEX: "Sex", GapKind.BIRTH_DATE: "Birth date", GapKind.WEIGHT: "Body weight"}


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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """One thing that cannot be judged on: the gap, its plain name, and the evidence that does not suffice."""

    gap: MissingEvidence
    name: str
    source: str
    evidence: tuple[Evidence, ...] = ()
    holds: bool = True


def lab_lacks(*, case: Case, dates: Dates) -> Iterator[Lack]:
    """Every analyte the protocol always needs that has no usable result in its window."""
    for row in case.protocol.labs:
        if row.always:
            lack = lab_lack(row, case=case, dates=dates)
            if lack is not None:
                yield lack


def lab_lack(row: LabRow, *, case: Case, dates: Dates) -> Lack | None:
    """Why an analyte has no usable result for the day of treatment; None when it has one."""
    newest = case.history.newest(row.analyte)
    if newest is not None and _in_time(newest.day, row, dates):
        return None
    doubtful = [s for s in case.history.doubtful if s.analyte == row.analyte and case.history.present(s)]
    doubtful = [s for s in doubtful if _in_time(s.day, row, dates)]
    name = case.protocol.names[row.analyte]
    earliest = add_days(dates.planned_on or dates.judged_for, -row.validity_days)
    resolve = f"collect {name}, not before {day_words(earliest)}"
    if doubtful:
        evidence = doubtful[-1]
        rule = CONFLICT if evidence.standing is Standing.CONFLICT else UNUSABLE
        why = f"{sample_words(evidence, case.protocol)} cannot be used: {evidence.why}"
    elif newest is not None:
        rule, evidence = STALE, newest
        why = f"the newest result, of {day_words(newest.day)}, could be used until {_until(newest.day, row)}"
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


def _in_time(day: date, row: LabRow, dates: Dates) -> bool:
    return days_between(day, dates.judged_for) <= row.validity_days


def _until(day: date, row: LabRow) -> str:
    return day_words(add_days(day, row.validity_days))


def _since(dates: Dates) -> str:
    return "yet" if dates.last is None else f"since cycle {dates.last.number} on {day_words(dates.last.on)}"


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
        yield from gap_lacks(
            gaps=unknown.finding.triggered.gaps,
            holds=unknown.finding.weighty,
            rule=unknown.track.family.id,
            source=str(unknown.track.family.source),
            case=case,
            dates=dates,
        )


def doubtful_lacks(*, alarms: Callable[[Moment, str], bool], case: Case) -> Iterator[Lack]:
    """Doubtful results since the last administration: they may hold, and nothing about them clears.

    `alarms` says whether a moment would act, or might, because of one analyte. A later reliable result of the
    same analyte settles both an unreliable result and two different results for one specimen.
    """
    for sample in case.history.doubtful:
        if sample.standing is Standing.EMPTY or not case.history.present(sample):
            continue
        newest = case.history.newest(sample.analyte)
        if newest is not None and newest.at > sample.at:
            continue
        if sample.standing is Standing.UNREAD:
            yield from _unread(sample, case)
        elif sample.standing is Standing.CONFLICT:
            yield _doubtful(sample, CONFLICT, case)
        elif alarms(_as_if_confirmed(sample, case), sample.analyte):
            yield _doubtful(sample, UNUSABLE, case)


def _unread(sample: Sample, case: Case) -> Iterator[Lack]:
    """A newer result of an analyte that is always needed was not read: nobody may act past it."""
    row = case.protocol.lab(sample.analyte)
    if row is None or not row.always:
        return
    name = case.protocol.names[sample.analyte]
    yield Lack(
        gap=MissingEvidence(
            item=sample.analyte,
            rule=UNUSABLE,
            why=f"the newest result, of {day_words(sample.day)}, has not been read: {sample.why}",
            resolve=f"have somebody resolve the quarantined {name}, or repeat the draw",
        ),
        name=name,
        source=str(row.source),
    )


def _as_if_confirmed(sample: Sample, case: Case) -> Moment:
    """The moment a doubtful sample would make if it were reliable."""
    earlier = {s.analyte: s for s in case.history.decisive if case.history.present(s) and s.at <= sample.at}
    return Moment(day=sample.day, interval=case.history.given, samples={**earlier, sample.analyte: sample})


def _doubtful(sample: Sample, code: str, case: Case) -> Lack:
    words = sample_words(sample, case.protocol)
    row = case.protocol.lab(sample.analyte)
    return Lack(
        gap=MissingEvidence(
            item=sample.analyte,
            rule=code,
            why=f"{words} would act if it were confirmed, but {sample.why}"
            if code == UNUSABLE
            else f"{words}: {sample.why}",
            resolve="repeat the draw, or have the laboratory confirm or correct the result",
        ),
        name=case.protocol.names[sample.analyte],
        source=str((row or case.protocol.labs[0]).source),
        evidence=(lab_evidence(sample, case.protocol),),
    )
