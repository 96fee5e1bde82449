"""Doubtful results: they may hold, nothing about them clears, and what was set aside stays visible."""

from collections.abc import Callable, Iterable, Iterator

from courses.rules.derived import Case, Moment
from courses.rules.evidence import Sample, Standing
from courses.rules.judging import asked_quantity, parts_of
from courses.rules.required import CONFLICT, MISSING, UNUSABLE, Lack
from courses.rules.toxicity import Episode
from courses.rules.values import Action, MissingEvidence, Reason
from courses.rules.wording import day_words, lab_evidence, sample_words


def doubtful_lacks(*, alarms: Callable[[Moment, str], bool], case: Case) -> Iterator[Lack]:
    """Doubtful results: they may hold, and nothing about them clears.

    `alarms` says whether a moment would act, or might, because of one analyte. A later reliable result of the
    same analyte settles an unreliable one of the present interval. Two different results for one specimen it
    does not settle where one of them may have been a toxicity, in whatever interval since the first cycle.
    """
    for sample in case.history.doubtful:
        newest = case.history.newest_clearing(sample.analyte)
        past = not case.history.present(sample) or (newest is not None and newest.at > sample.at)
        if sample.standing is Standing.EMPTY or (past and not case.history.interval_of(sample.day)):
            continue
        if sample.standing is Standing.UNREAD:
            yield from _unread(sample, case, past=past)
        elif sample.standing is Standing.CONFLICT:
            if not past or alarms(_as_if_confirmed(sample, case), sample.analyte):
                yield _doubtful(sample, CONFLICT, case, past=past)
        elif not past and alarms(_as_if_confirmed(sample, case), sample.analyte):
            yield _doubtful(sample, UNUSABLE, case)


def _unread(sample: Sample, case: Case, *, past: bool) -> Iterator[Lack]:
    """A newest result of an analyte that is always needed was not read: nobody may act past it.

    An older one, or one of another analyte, is told.
    """
    row = case.protocol.lab(sample.analyte)
    required = row is not None and row.always
    if past and not required:
        return
    name = case.protocol.names[sample.analyte]
    which = "a result" if past else "the newest result"
    yield Lack(
        gap=MissingEvidence(
            item=sample.analyte,
            rule=UNUSABLE,
            why=f"{which}, of {day_words(sample.day)}, has not been read: {sample.why}",
            resolve=f"have somebody resolve the quarantined {name}, or repeat the draw",
        ),
        name=name,
        source=str((row or case.protocol.labs[0]).source),
        holds=required and not past,
    )


def _as_if_confirmed(sample: Sample, case: Case) -> Moment:
    """The moment a doubtful sample would make if it were reliable."""
    interval = case.history.interval_of(sample.day)
    of = (s for s in case.history.decisive if case.history.interval_of(s.day) == interval)
    earlier = {s.analyte: s for s in of if s.at <= sample.at}
    return Moment(day=sample.day, interval=interval, samples={**earlier, sample.analyte: sample})


def _doubtful(sample: Sample, code: str, case: Case, *, past: bool = False) -> Lack:
    words = sample_words(sample, case.protocol)
    row = case.protocol.lab(sample.analyte)
    return Lack(
        gap=MissingEvidence(
            item=sample.analyte,
            rule=code,
            why=f"{words} would act if it were confirmed, but {sample.why}"
            if code == UNUSABLE
            else f"{words}: {sample.why}",
            resolve=f"have the laboratory confirm or correct the result of {day_words(sample.day)}; "
            "a repeat does not settle it"
            if past
            else "repeat the draw, or have the laboratory confirm or correct the result",
        ),
        name=case.protocol.names[sample.analyte],
        source=str((row or case.protocol.labs[0]).source),
        evidence=(lab_evidence(sample, case.protocol),),
    )


def recovery_lacks(episodes: Iterable[Episode], case: Case) -> Iterator[Lack]:
    """What an open toxicity must be judged by to end, where the newest draw did not bring it."""
    for episode in episodes:
        if episode.criterion is None or episode.resolved_on is not None:
            continue
        asked = [asked_quantity(name, episode.newest, case) for name, _ in episode.criterion.resolves_by]
        for item in dict.fromkeys(part for quantity in asked for part in parts_of(quantity)):
            if item in episode.newest.samples:
                continue
            name = case.protocol.names[item]
            yield Lack(
                gap=MissingEvidence(
                    item=item,
                    rule=MISSING,
                    why=f"no usable result with the draw of {day_words(episode.newest.day)}, so it is not "
                    f"known whether the toxicity has ended ({episode.family.id})",
                    resolve=f"collect {name} with the next draw",
                ),
                name=name,
                source=str(episode.family.source),
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
