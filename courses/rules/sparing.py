"""Tell why a graded finding is not counted: other counts, its baseline, another row, or a person's word."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from courses.rules.comparing import compared_bound, compared_excuses, counted
from courses.rules.ctcae import baseline_moment, grade, grade_at_baseline
from courses.rules.derived import Case, Moment
from courses.rules.judging import parts_of
from courses.rules.protocol import Bound, Criterion, GradeBound, Reference, Test, ToxicityFamily
from courses.rules.tracks import judged_elsewhere, judging_row, no_worse_than_baseline
from courses.rules.values import Comparison, Purpose
from courses.rules.wording import sample_words

OTHER_COUNTS = "it is explained by other counts"
SAID = "of what a person recorded of it, which stands among the reasons"
APART = "its parts were collected on different days and are not read together"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCounted:
    """Why a finding that meets its bounds is not counted, with the comparisons by which a reader sees it."""

    why: str
    comparisons: tuple[Comparison, ...] = ()


def not_counted(family: ToxicityFamily, term: str, moment: Moment, case: Case) -> NotCounted:
    """Why a graded term that reaches its trigger grade does not act."""
    criterion = case.protocol.criteria.by_term[term]
    beside = compared_with_baseline(family, term, moment, case)
    if beside is not None:
        why = f"grade {beside.value} is no worse than grade {beside.limit} of the baseline, "
        return NotCounted(why=why + baseline_words(criterion, case), comparisons=(beside,))
    if judged_elsewhere(family, criterion, case).holds:
        why = (
            f"it is judged by {judging_row(family, term)} where the baseline is normal, which it was: "
            f"{baseline_words(criterion, case)}"
        )
        return NotCounted(why=why, comparisons=tuple(_normal_baseline(criterion, case)))
    excuses = [bound for e in family.exemptions if e.term == term for bound in e.explained_by]
    if excuses:
        return by_other_counts(excuses, moment, case)
    return left_out(parts_of(criterion.quantity), moment)


def left_out(analytes: Iterable[str], moment: Moment) -> NotCounted:
    """Of what no rule explains: results too far apart to be one finding, or one of which a person spoke."""
    days = {moment.samples[analyte].day for analyte in analytes if analyte in moment.samples}
    return NotCounted(why=APART if len(days) > 1 else SAID)


def by_other_counts(excuses: Sequence[GradeBound], moment: Moment, case: Case) -> NotCounted:
    """The grades of other counts that explain a finding away."""
    return NotCounted(why=OTHER_COUNTS, comparisons=tuple(compared_excuses(excuses, moment, case)))


def compared_with_baseline(
    family: ToxicityFamily, term: str, moment: Moment, case: Case
) -> Comparison | None:
    """The grade at a moment beside the baseline's own; None where that does not spare the finding."""
    criterion = case.protocol.criteria.by_term[term]
    if not family.spare_baseline_grade or parts_of(criterion.quantity)[0] not in moment.samples:
        return None
    found, baseline = grade(criterion, moment, case), grade_at_baseline(criterion, case)
    if baseline is None or found.high < family.trigger_grade:
        return None
    if not no_worse_than_baseline(found, criterion, case):
        return None
    return counted(
        f"grade of {term}",
        found.high,
        "",
        Test.AT_MOST,
        baseline.low,
        purpose=Purpose.EXCEPTION,
        collected_at=moment.samples[parts_of(criterion.quantity)[0]].at,
        limit_from=f"the grade of the baseline: {baseline_words(criterion, case)}",
    )


def baseline_words(criterion: Criterion, case: Case) -> str:
    """The baseline a term is held against, with unit and day: Sodium 124 mmol/L on 5 January 2026."""
    samples = (case.history.baselines[part] for part in parts_of(criterion.quantity))
    return " and ".join(sample_words(sample, case.protocol) for sample in samples)


def _normal_baseline(criterion: Criterion, case: Case) -> Iterator[Comparison]:
    """The baseline beside the upper limit of normal it came with."""
    moment = baseline_moment(criterion, case)
    if moment is not None:
        bound = Bound(
            quantity=criterion.quantity,
            test=Test.AT_MOST,
            limit=Decimal(1),
            exact=Fraction(1),
            reference=Reference.ULN,
        )
        found = compared_bound(bound, moment, case, purpose=Purpose.EXCEPTION)
        yield replace(found, quantity=f"{found.quantity} at the baseline")
