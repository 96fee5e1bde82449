"""The grades people gave to findings: each belongs to one term and one day's specimen."""

from courses.rules.derived import Case, Moment
from courses.rules.facts import ManualGrade
from courses.rules.judging import parts_of
from courses.rules.protocol import Criterion

# Hyphens and dashes of every length, the minus sign, slash, dot and comma.
_AS_BLANKS = str.maketrans(dict.fromkeys("-\u2010\u2011\u2012\u2013\u2014\u2212/.,", " "))


def folded(name: str) -> str:
    """A name as it is compared: letter case does not matter, nor how words are set apart or ended."""
    return " ".join(name.translate(_AS_BLANKS).split()).casefold()


def is_named(criterion: Criterion, name: str) -> bool:
    """Whether a term as somebody wrote it is this one, under its own or another accepted name."""
    written = folded(name)
    return any(written == folded(known) for known in (criterion.term, *criterion.also_reported_as))


def manual_grade(criterion: Criterion, moment: Moment, case: Case) -> ManualGrade | None:
    """The worst grade a person gave to the specimen a term is judged by at a moment; None without one."""
    sample = moment.samples.get(parts_of(criterion.quantity)[0])
    if sample is None:
        return None
    given = [g for g in case.chart.manual_grades if g.on == sample.day and is_named(criterion, g.term)]
    return max(given, key=lambda g: (g.grade, g.by, g.reason, g.ref), default=None)
