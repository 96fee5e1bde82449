"""Grade every measured term at the newest results, and list what another version grades otherwise."""

from collections.abc import Iterator

from courses.rules.ctcae import GradeRange, grade
from courses.rules.decimals import plain
from courses.rules.derived import Case, Moment
from courses.rules.evidence import Sample
from courses.rules.judging import parts_of
from courses.rules.protocol import DERIVED, Criteria, Criterion
from courses.rules.toxicity import events
from courses.rules.values import GradeDifference, GradeLine


def grade_lines(moment: Moment, case: Case) -> Iterator[GradeLine]:
    """The grade of every term measured since the last administration, and of ongoing events."""
    criteria = case.protocol.criteria
    for criterion, sample in _measured(criteria, moment):
        found = grade(criterion, moment, case)
        yield GradeLine(
            term=criterion.term,
            analyte=sample.analyte,
            version=criteria.version,
            grade=_known(found),
            ungradable=found.ungradable,
            collected_on=sample.day,
            remark=_remark(criterion, found, sample),
        )
    ongoing = {(e.term, e.grade): e for e in events(case) if e.ended_on is None}
    for (term, worst), event in sorted(ongoing.items()):
        yield GradeLine(
            term=term, analyte="", version=criteria.version, grade=worst, collected_on=event.began_on
        )


def differences(moment: Moment, case: Case) -> Iterator[GradeDifference]:
    """The terms that the protocol's other version of the criteria grades differently; they never act.

    A term only one of the versions grades by numbers is listed from grade 1 on.
    """
    own, other = case.protocol.criteria, case.protocol.other_criteria
    if other is None:
        return
    for term, criterion, twin in _pairs(own, other, moment):
        mine, theirs = _grade_of(criterion, moment, case), _grade_of(twin, moment, case)
        if mine == theirs or not ((criterion and twin) or mine or theirs):
            continue
        yield GradeDifference(
            term=term,
            grade=mine,
            version=own.version,
            other_term=term if twin is None else twin.term,
            other_grade=theirs,
            other_version=other.version,
        )


def _pairs(
    own: Criteria, other: Criteria, moment: Moment
) -> Iterator[tuple[str, Criterion | None, Criterion | None]]:
    """Each measured term by its name, as either version grades it; None where a version has no such term."""
    for criterion, _ in _measured(own, moment):
        yield criterion.term, criterion, other.named(criterion.term)
    for criterion, _ in _measured(other, moment):
        if own.named(criterion.term) is None:
            yield criterion.term, None, criterion


def _grade_of(criterion: Criterion | None, moment: Moment, case: Case) -> int | None:
    return None if criterion is None else _known(grade(criterion, moment, case))


def _remark(criterion: Criterion, found: GradeRange, sample: Sample) -> str:
    """Flag a grade that a bound gives to a value within the laboratory's own limits of normal."""
    m = sample.measurement
    if found.low == 0 or criterion.quantity in DERIVED or m.value is None or m.comparator:
        return ""
    limit = m.low if criterion.rows[0].bound.is_low else m.high
    if limit is None or (m.value < limit if criterion.rows[0].bound.is_low else m.value > limit):
        return ""
    return f"graded, though within the laboratory's own limit of normal of {plain(limit)}"


def _measured(criteria: Criteria, moment: Moment) -> Iterator[tuple[Criterion, Sample]]:
    """The terms whose quantity was measured, with the sample that says so."""
    for criterion in criteria.by_term.values():
        sample = moment.samples.get(parts_of(criterion.quantity)[0])
        if sample is not None:
            yield criterion, sample


def _known(found: GradeRange) -> int | None:
    return found.low if found.is_exact else None
