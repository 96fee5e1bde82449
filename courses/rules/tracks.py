"""What is followed over time: each graded term and each criterion of bounds, judged at one draw."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import groupby

from courses.rules.ctcae import (
    GradeRange,
    condition_holds,
    grade_at_baseline,
    grade_of_numbers,
    raised_by_people,
)
from courses.rules.derived import Case, GapKind, Moment, gap
from courses.rules.evidence import Sample
from courses.rules.facts import Attribution, ManualGrade
from courses.rules.judging import (
    Judged,
    both,
    bound_holds,
    either,
    parts_of,
    parts_or_surrogate,
    recovered,
    stood_in_for,
)
from courses.rules.manual_grades import manual_grade
from courses.rules.protocol import (
    Bound,
    Condition,
    Criterion,
    GradeBound,
    ToxicityCriterion,
    ToxicityFamily,
)
from labs.clinic_days import days_between

_WEIGHTY = (GapKind.BOUNDS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one track says at one moment; `weighty` means an unknown answer holds the cycle.

    A graded finding is of `grade` for sure and of `worst_grade` perhaps. `manual` is the person's grade it
    rests on, `excused_by` the attribution to another cause that keeps it from acting.
    """

    triggered: Judged
    resolved: Judged
    weighty: bool
    grade: int | None = None
    worst_grade: int | None = None
    manual: ManualGrade | None = None
    excused_by: Attribution | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One line of a family that is followed over time: a graded term, or one criterion of bounds."""

    family: ToxicityFamily
    name: str
    criterion: ToxicityCriterion | None
    primary: str
    analytes: frozenset[str]
    # Whether other counts may explain a finding away: only those of its own day do.
    is_excusable: bool = False
    # Whether the protocol always needs what the track is judged by, so that not knowing it holds.
    is_required: bool = True

    def concerns(self, moment: Moment, drawn: frozenset[str]) -> bool:
        """Whether a draw brought anything this track looks at, and its own analyte was measured.

        What may explain a finding tells nothing of one of an earlier day, neither for nor against it.
        """
        if not drawn & self.analytes or self.primary not in moment.samples:
            return False
        return not self.is_excusable or moment.samples[self.primary].day == moment.day

    def judge(self, moment: Moment, case: Case) -> Finding:
        """Whether the track triggers, and whether it counts as resolved, at a moment.

        A result under a transfusion or growth factor may trigger; it never shows that something resolved.
        """
        if self.criterion is not None:
            found = _judge_bounds(self.criterion, self.family, moment, case)
        else:
            found = _judge_grade(self, moment, case)
        found = self._with_companions_in_time(found, moment, case)
        seen = self.analytes & moment.samples.keys()
        proven = all(moment.samples[analyte].clears for analyte in seen)
        return found if proven else replace(found, resolved=Judged(None))

    def _with_companions_in_time(self, found: Finding, moment: Moment, case: Case) -> Finding:
        """The same, or unknown where only a companion too old for the day of treatment speaks against it."""
        if found.triggered.holds is not False or moment.interval != case.history.given:
            return found
        fresh = without_stale_companions(moment, self.primary, case)
        if len(fresh.samples) == len(moment.samples):
            return found
        if self.criterion is not None:
            again = _judge_bounds(self.criterion, self.family, fresh, case)
        else:
            again = _judge_grade(self, fresh, case)
        return found if again.triggered.holds is False else again


def without_stale_companions(moment: Moment, primary: str, case: Case) -> Moment:
    """The moment without what is too old for the day of treatment beside a primary analyte that is not."""
    day, main = case.judged_for, moment.samples.get(primary)
    if day is None or main is None or not _still_valid(main, day, case):
        return moment
    samples = {
        short: s
        for short, s in moment.samples.items()
        if short == primary or s.day == main.day or _still_valid(s, day, case)
    }
    return replace(moment, samples=samples)


def tracks(case: Case) -> tuple[Track, ...]:
    """Every line that laboratory results are followed along."""
    found: list[Track] = []
    required = {row.analyte for row in case.protocol.labs if row.always}
    for family in case.protocol.families:
        for term in family.terms:
            own = _parts_of_term(term, case)
            names = set(own)
            names |= {part for bound in _excuses(family, term) for part in _parts_of_term(bound.term, case)}
            found.append(
                Track(
                    family=family,
                    name=term,
                    criterion=None,
                    primary=own[0],
                    analytes=frozenset(names),
                    is_excusable=bool(_excuses(family, term)),
                    is_required=required.issuperset(own),
                )
            )
        for criterion in family.criteria:
            parts = [part for bound in criterion.bounds for part in parts_or_surrogate(bound.quantity, case)]
            found.append(
                Track(
                    family=family,
                    name=criterion.name,
                    criterion=criterion,
                    primary=parts[0],
                    analytes=frozenset(parts),
                )
            )
    return tuple(found)


def _parts_of_term(term: str, case: Case) -> tuple[str, ...]:
    return parts_of(case.protocol.criteria.by_term[term].quantity)


def _excuses(family: ToxicityFamily, term: str) -> tuple[GradeBound, ...]:
    return next((e.explained_by for e in family.exemptions if e.term == term), ())


def moments(case: Case) -> Iterator[tuple[Moment, frozenset[str]]]:
    """Each draw, with the samples still valid then and the analytes it brought.

    Nothing is carried over an infusion.
    """
    for interval, within in groupby(case.history.decisive, key=lambda s: case.history.interval_of(s.day)):
        carried: dict[str, Sample] = {}
        for (_, day), group in groupby(within, key=lambda s: (s.at, s.day)):
            drawn = {sample.analyte: sample for sample in group}
            # Of one day everything is read together, also what no row gives a validity.
            carried = {short: s for short, s in carried.items() if s.day == day or _still_valid(s, day, case)}
            carried |= drawn
            yield Moment(day=day, interval=interval, samples=carried), frozenset(drawn)


def _still_valid(sample: Sample, day: date, case: Case) -> bool:
    """Whether an earlier result may be read together with one of this day."""
    row = case.protocol.lab(stood_in_for(sample.analyte, case.protocol))
    return row is not None and days_between(sample.day, day) <= row.validity_days


def explained(bounds: tuple[GradeBound, ...], analyte: str, moment: Moment, case: Case) -> Judged:
    """Whether grades of other terms explain a finding of this analyte away; no bounds explain nothing.

    Only counts of the finding's own day do, as those of one differential: an older one may have fallen since.
    """
    if not bounds:
        return Judged(False)
    moment = _of_the_day_of(analyte, moment)
    answers = []
    for bound in bounds:
        criterion = case.protocol.criteria.by_term[bound.term]
        numbers = grade_of_numbers(criterion, moment, case)
        # A person's grade can only raise: it may end an explanation, and never makes one.
        found = raised_by_people(numbers, criterion, moment, case)
        milder = _milder(found.at_most(bound.at_most), criterion, moment)
        answers += [numbers.at_least(bound.at_least), milder]
    return both(answers)


def _of_the_day_of(analyte: str, moment: Moment) -> Moment:
    """The moment with nothing but what was collected on the same day as its sample of this analyte."""
    main = moment.samples.get(analyte)
    if main is None:
        return moment
    return replace(moment, samples={short: s for short, s in moment.samples.items() if s.day == main.day})


def _milder(answer: Judged, criterion: Criterion, moment: Moment) -> Judged:
    """That a grade is no worse explains something away only by a result without support."""
    lifted = [part for part in parts_of(criterion.quantity) if _is_supported(part, moment)]
    if not answer.holds or not lifted:
        return answer
    return Judged(None, frozenset(gap(GapKind.SUPPORT, part) for part in lifted))


def _is_supported(analyte: str, moment: Moment) -> bool:
    return analyte in moment.samples and moment.samples[analyte].supported


def _judge_grade(track: Track, moment: Moment, case: Case) -> Finding:
    """A graded term triggers from its grade on, unless explained or no worse than at the baseline."""
    family = track.family
    criterion = case.protocol.criteria.by_term[track.name]
    numbers = grade_of_numbers(criterion, moment, case)
    found = raised_by_people(numbers, criterion, moment, case)
    reached = found.at_least(family.trigger_grade)
    excuse = spared = elsewhere = Judged(False)
    if reached.holds is not False:
        excuse = explained(_excuses(family, track.name), track.primary, moment, case)
        spared = Judged(family.spare_baseline_grade and no_worse_than_baseline(found, criterion, case))
        elsewhere = judged_elsewhere(family, criterion, case)
    return Finding(
        triggered=both([reached, _not(excuse), _not(spared), _not(elsewhere)]),
        resolved=either([found.at_most(family.resolved_grade), excuse, spared, elsewhere]),
        weighty=track.is_required or excuse.holds is None or any(g.kind in _WEIGHTY for g in reached.gaps),
        grade=found.low,
        worst_grade=found.high,
        manual=None if found == numbers else manual_grade(criterion, moment, case),
    )


def _not(answer: Judged) -> Judged:
    return Judged(None if answer.holds is None else not answer.holds, answer.gaps)


def judging_row(family: ToxicityFamily, term: str) -> str:
    """The id of the row that judges a term over a normal baseline by bounds of its own; mostly none does."""
    return next((e.judged_by for e in family.exemptions if e.term == term), "")


def judged_elsewhere(family: ToxicityFamily, criterion: Criterion, case: Case) -> Judged:
    """Whether another row judges all that this term's trigger grade reaches, for the baseline is normal."""
    if not judging_row(family, criterion.term):
        return Judged(False)
    return condition_holds(Condition.BASELINE_NORMAL, criterion, case)


def no_worse_than_baseline(found: GradeRange, criterion: Criterion, case: Case) -> bool:
    """Whether the grade is surely no worse than the baseline's own."""
    baseline = grade_at_baseline(criterion, case)
    return baseline is not None and found.high <= baseline.low


def _judge_bounds(
    criterion: ToxicityCriterion, family: ToxicityFamily, moment: Moment, case: Case
) -> Finding:
    """A criterion triggers while all its bounds are met; it resolves when its quantities are back."""
    triggered = both([bound_holds(bound, moment, case) for bound in criterion.bounds])
    tolerance = Fraction(family.tolerance_percent) / 100
    back = [
        recovered(name, falls=falls, tolerance=tolerance, moment=moment, case=case)
        for name, falls in criterion.resolves_by
    ]
    return Finding(triggered=triggered, resolved=both([_not(triggered), *back]), weighty=True)


def leading_bound(criterion: ToxicityCriterion | None, term: str, case: Case) -> Bound:
    """The bound by whose quantity a track's nadir or peak is told."""
    return (
        criterion.bounds[0] if criterion is not None else case.protocol.criteria.by_term[term].rows[0].bound
    )
