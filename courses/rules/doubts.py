"""Doubtful results: they may hold, nothing about them clears, and what was set aside stays visible."""

from collections.abc import Callable, Iterator

from courses.rules.derived import Case, Moment
from courses.rules.evidence import Sample, Standing
from courses.rules.required import CONFLICT, UNUSABLE, Lack
from courses.rules.values import Action, MissingEvidence, Reason
from courses.rules.wording import day_words, lab_evidence, sample_words


def doubtful_lacks(*, alarms: Callable[[Moment, str], bool], case: Case) -> Iterator[Lack]:
    """Doubtful results since the last administration: they may hold, and nothing about them clears.

    `alarms` says whether a moment would act, or might, because of one analyte. A later reliable result of the
    same analyte settles both an unreliable result and two different results for one specimen.
    """
    for sample in case.history.doubtful:
        if sample.standing is Standing.EMPTY or not case.history.present(sample):
            continue
        newest = case.history.newest_clearing(sample.analyte)
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


def set_aside_notes(case: Case) -> Iterator[Reason]:
    """A note for every result of the whole chart that two people marked as not representative."""
    for sample in case.history.doubtful:
        if sample.not_representative and sample.standing is Standing.ALARM:
            yield Reason(
                rule=UNUSABLE,
                action=Action.PROCEED,
                sentence=f"{sample_words(sample, case.protocol)}: {sample.why}, so it shows neither a "
                "toxicity nor a recovery.",
                threshold="usable evidence for the day of treatment",
                source="this service's own rule: a result set aside by two people stays visible",
                evidence=(lab_evidence(sample, case.protocol),),
            )
