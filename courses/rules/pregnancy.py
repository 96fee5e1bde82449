"""Judge whether pregnancy is excluded: the recorded tests, and hCG of the laboratory beside them."""

from collections.abc import Iterator
from datetime import date

from courses.rules.check_words import Said, content, due_on, lacks, no_longer, recorded, speaks
from courses.rules.decimals import plain
from courses.rules.derived import Case
from courses.rules.evidence import Sample, Standing
from courses.rules.facts import PregnancyFinding, PregnancyRecord
from courses.rules.intervals import Tri, exactly, is_below
from courses.rules.protocol import PregnancyCheck
from courses.rules.required import Lack
from courses.rules.schedule import Dates
from courses.rules.values import Action, Evidence, Reason, Sex
from courses.rules.wording import day_words, lab_evidence, measured, unit_of, value_words
from labs.clinic_days import add_days, age_on, days_between

HCG = "HCG"
PREGNANCY = "pregnancy"  # what a lacking test is called among the missing evidence
# Of two records of one day the later in this list counts.
_ORDER = (PregnancyFinding.NEGATIVE, PregnancyFinding.NOT_POSSIBLE, PregnancyFinding.POSITIVE)


def judge_pregnancy(check: PregnancyCheck, case: Case, dates: Dates) -> Iterator[Said]:
    """A recorded pregnancy acts whoever the patient is; a missing test, and hCG, within the ages only."""
    newest = _newest(case)
    if newest is not None and newest.finding is PregnancyFinding.POSITIVE:
        yield _pregnant(check, newest)
        return
    by_hcg = list(judge_hcg(check, case, dates))
    if any(isinstance(item, Lack) for item in by_hcg):
        yield from by_hcg
        return
    positive = _unanswered_positive(case)
    if positive is not None and newest is not None and newest.finding is PregnancyFinding.NOT_POSSIBLE:
        yield _contradiction(check, positive, newest, dates)
        return
    yield from by_hcg or _by_test(check, case, dates)


def judge_hcg(check: PregnancyCheck, case: Case, dates: Dates) -> Iterator[Said]:
    """What hCG says, nothing while it is surely low: it holds who is asked, and is a note for anybody else.

    For a note a later low result is answer enough; a hold ends with a negative test that a person recorded.
    """
    found, outside = _unanswered_hcg(check, case), _outside_ages(check, case, dates)
    if not outside:
        if found:
            yield from _not_excluded(check, found, case, dates)
        return
    low = [s.at for s in case.history.decisive if s.analyte == HCG and _surely_low(s, check)]
    found = [sample for sample in found if not low or sample.at >= max(low)]
    if found:
        yield _note(check, found, outside, case)


def needs_test(case: Case, dates: Dates) -> bool:
    """Whether a cycle is given only with a pregnancy test; sex or age unknown counts as needed."""
    check = next((each for each in case.protocol.checks if isinstance(each, PregnancyCheck)), None)
    newest = _newest(case)
    if newest is not None and newest.finding is PregnancyFinding.NOT_POSSIBLE:
        return False
    return check is None or not _outside_ages(check, case, dates)


def _newest(case: Case) -> PregnancyRecord | None:
    records = case.chart.facts.pregnancy or ()
    return max(records, key=lambda record: (record.on, _ORDER.index(record.finding)), default=None)


def _as_evidence(*records: PregnancyRecord | None) -> tuple[Evidence, ...]:
    return tuple(recorded("Pregnancy test", r.finding.value, r.on, r.ref) for r in records if r is not None)


def _pregnant(check: PregnancyCheck, newest: PregnancyRecord) -> Reason:
    return speaks(
        check,
        check.if_pregnant,
        f"A pregnancy is recorded on {day_words(newest.on)}",
        f"a negative pregnancy test, at most {check.validity_days} days old",
        evidence=_as_evidence(newest),
        release="record a later pregnancy test that is negative",
    )


def _by_test(check: PregnancyCheck, case: Case, dates: Dates) -> Iterator[Said]:
    """What the newest record alone says: enough for the day of treatment, not needed, or lacking."""
    newest = _newest(case)
    if newest is not None and newest.finding is PregnancyFinding.NOT_POSSIBLE:
        yield content(check, f"pregnancy is not possible, as recorded on {day_words(newest.on)}")
        return
    if newest is not None and days_between(newest.on, dates.judged_for) <= check.validity_days:
        yield content(check, f"the pregnancy test of {day_words(newest.on)} is negative")
        return
    outside = _outside_ages(check, case, dates)
    if outside:
        yield content(check, outside)
        return
    earliest = day_words(add_days(dates.judged_for, -check.validity_days))
    test = f"record a pregnancy test taken not before {earliest}, or that pregnancy is not possible"
    why = no_longer(
        "no pregnancy test is recorded", None if newest is None else newest.on, check.validity_days
    )
    due = due_on(check.due_days_before, dates)
    yield lacks(check, PREGNANCY, "Pregnancy test", why, test, due=due, evidence=_as_evidence(newest))
    yield from _unknown_person(check, case, test, due)


def _unanswered_positive(case: Case) -> PregnancyRecord | None:
    """The newest positive test, while no later one is negative."""
    records = case.chart.facts.pregnancy or ()
    positives = (record for record in records if record.finding is PregnancyFinding.POSITIVE)
    newest = max(positives, key=lambda record: (record.on, record.ref), default=None)
    if newest is None or any(r.finding is PregnancyFinding.NEGATIVE and r.on > newest.on for r in records):
        return None
    return newest


def _contradiction(
    check: PregnancyCheck, positive: PregnancyRecord, newest: PregnancyRecord, dates: Dates
) -> Lack:
    """A positive test, and after it that pregnancy is not possible: both cannot be right."""
    why = (
        f"a positive test is recorded on {day_words(positive.on)} and, with no negative test since, on "
        f"{day_words(newest.on)} that pregnancy is not possible"
    )
    resolve = f"record a negative pregnancy test taken after {day_words(positive.on)}"
    due, evidence = due_on(check.due_days_before, dates), _as_evidence(positive, newest)
    return lacks(check, "pregnancy", "Pregnancy test", why, resolve, due=due, evidence=evidence)


def _unanswered_hcg(check: PregnancyCheck, case: Case) -> list[Sample]:
    """The results of hCG that are not surely low and that no negative test of a later day answers."""
    records = case.chart.facts.pregnancy or ()
    tested = max((r.on for r in records if r.finding is PregnancyFinding.NEGATIVE), default=None)
    samples = (*case.history.decisive, *case.history.doubtful)
    found = [s for s in samples if s.analyte == HCG and not _surely_low(s, check)]
    found = [s for s in found if tested is None or s.day >= tested]
    return sorted(found, key=lambda sample: (sample.at, sample.measurement.code, sample.measurement.ref))


def _is_low(sample: Sample, check: PregnancyCheck) -> Tri:
    """Whether hCG lies below the bound; a preliminary, unreliable or unread result leaves it open."""
    if sample.value is None or sample.standing is not Standing.DECISIVE:
        return None
    return is_below(sample.value, exactly(check.hcg_at_least))


def _surely_low(sample: Sample, check: PregnancyCheck) -> bool:
    return _is_low(sample, check) is True


def _named(check: PregnancyCheck, found: list[Sample]) -> list[Sample]:
    """Of many results the two that tell most: the newest surely raised, and the newest not surely low."""
    raised = [sample for sample in found if _is_low(sample, check) is False]
    return [*raised[-1:], *[sample for sample in found if sample not in raised][-1:]]


def _not_excluded(check: PregnancyCheck, found: list[Sample], case: Case, dates: Dates) -> Iterator[Lack]:
    """Hold at once: with such an hCG pregnancy is not excluded, whatever was recorded before it.

    The test that ends the hold is newer than every result and positive test, and valid for the treatment.
    """
    told = " and ".join(_hcg_words(sample, check, case) for sample in _named(check, found))
    positive, valid_from = _unanswered_positive(case), add_days(dates.judged_for, -check.validity_days)
    days = [sample.day for sample in found] + ([] if positive is None else [positive.on])
    settle = f"have the laboratory confirm that this hCG lies below {_bound_words(check, case)}, or"
    if any(_is_low(sample, check) is False for sample in found):
        settle = "both have a physician judge the result and"
    after = day_words(max(*days, add_days(valid_from, -1)))
    test = f"{settle} record a negative pregnancy test taken after {after}"
    why = f"{told}, and no negative test of a later day is recorded: pregnancy is not excluded"
    labs = tuple(lab_evidence(sample, case.protocol) for sample in _named(check, found))
    evidence = (*labs, *_as_evidence(_newest(case)))
    yield lacks(check, "pregnancy", "Pregnancy test", why, test, evidence=evidence)
    yield from _unknown_person(check, case, test, None)


def _note(check: PregnancyCheck, found: list[Sample], outside: str, case: Case) -> Reason:
    """A raised hCG of who is not asked for a test: it may have another cause, and is told."""
    named = _named(check, found)
    told = " and ".join(_hcg_words(sample, check, case) for sample in named)
    return speaks(
        check,
        Action.PROCEED,
        f"{told}, and {outside}",
        f"hCG below {_bound_words(check, case)}",
        evidence=tuple(lab_evidence(sample, case.protocol) for sample in named),
    )


def _hcg_words(sample: Sample, check: PregnancyCheck, case: Case) -> str:
    """How one result lies to the bound: at it or above, or not surely below it, and why."""
    if sample.value is None:
        return f"hCG of {day_words(sample.day)} cannot be used: {sample.why}"
    unit, limit = unit_of(HCG, case.protocol), _bound_words(check, case)
    words = f"hCG {measured(value_words(sample), unit)} on {day_words(sample.day)}"
    if _is_low(sample, check) is False:
        return f"{words} is {limit} or more"
    why = f" ({sample.why})" if sample.why else ""
    return f"{words} is not surely below {limit}{why}"


def _bound_words(check: PregnancyCheck, case: Case) -> str:
    return measured(plain(check.hcg_at_least), unit_of(HCG, case.protocol))


def _outside_ages(check: PregnancyCheck, case: Case, dates: Dates) -> str:
    """Why the patient need not be asked; empty when she must be, or when that is not known."""
    born = case.chart.birth_date
    if case.chart.sex is Sex.MALE:
        return "the patient is a man"
    if born is None:
        return ""
    age = age_on(born, max(born, dates.judged_for))
    inside = check.from_age <= age <= check.to_age
    return "" if inside else f"the patient is {age} years old, not {check.from_age} to {check.to_age}"


def _unknown_person(check: PregnancyCheck, case: Case, test: str, due: date | None) -> Iterator[Lack]:
    """Sex or birth date is not known, and whether the test is needed depends on it."""
    why = "it is not known, and whether pregnancy must be excluded depends on it"
    if case.chart.sex is None:
        yield lacks(check, "sex", "Sex", why, f"record the sex, or {test}", due=due)
    if case.chart.birth_date is None:
        yield lacks(check, "birth_date", "Birth date", why, f"record the birth date, or {test}", due=due)
