"""Doubtful results: they may hold, nothing about them clears, and what was set aside stays visible."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from courses.rules.derived import Case, Moment
from courses.rules.evidence import SET_ASIDE, Sample, Standing
from courses.rules.judging import asked_quantity, parts_of, parts_or_surrogate
from courses.rules.required import CONFLICT, MISSING, UNUSABLE, Lack
from courses.rules.toxicity import Episode
from courses.rules.tracks import Track, moments
from courses.rules.values import Action, MissingEvidence, Reason
from courses.rules.wording import day_words, lab_evidence, sample_words


def doubtful_lacks(
    *, alarms: Callable[[Sample, Case], bool], followed: Iterable[Track], case: Case
) -> Iterator[Lack]:
    """Doubtful results: they may hold, and nothing about them clears.

    `alarms` says whether the chart would act, or might, because of one sample, if what is in doubt were as in
    the case it is given. A later reliable result of the same analyte settles an unreliable one of the present
    interval. Two different results for one specimen it does not settle where one of them may have been a
    toxicity, in whatever interval since the first cycle. Nobody acts past a newest result without a number.
    """
    together = _read_together(followed, case)

    def alarming(sample: Sample) -> bool:
        """Alone, or beside any other result in doubt that is read together with it."""
        beside = [(), *((other,) for other in _in_doubt_beside(sample, together, case))]
        return any(alarms(sample, _as_if_confirmed((sample, *others), case)) for others in beside)

    empty = {s.analyte: s for s in case.history.doubtful if s.standing is Standing.EMPTY}
    for sample in case.history.doubtful:
        past = _is_past(sample, case)
        if past and not case.history.interval_of(sample.day):
            continue
        if sample.standing is Standing.EMPTY:
            if sample is empty[sample.analyte] and _is_open(sample, case):
                yield _numberless(sample, case, asked=alarming(sample))
        elif sample.standing is Standing.UNREAD:
            yield from _unread(sample, case, past=past, asked=not past and alarming(sample))
        elif sample.standing is Standing.CONFLICT:
            if not past or alarming(sample):
                yield _doubtful(sample, CONFLICT, case, past=past)
        elif not past and alarming(sample):
            yield _doubtful(sample, UNUSABLE, case)


def _is_past(sample: Sample, case: Case) -> bool:
    """Whether a later reliable result, or an infusion, lies between a doubtful sample and the next cycle."""
    newest = case.history.newest_clearing(sample.analyte)
    return not case.history.present(sample) or (newest is not None and newest.at > sample.at)


def _is_open(sample: Sample, case: Case) -> bool:
    """Whether nothing has settled it: no draw settles a contradiction since the first cycle.

    Two people settle one without a number, where they say that it does not show how the patient is.
    """
    if sample.standing is Standing.CONFLICT and case.history.interval_of(sample.day):
        return True
    set_aside = sample.standing is Standing.EMPTY and sample.not_representative
    return not set_aside and not _is_past(sample, case)


def _unread(sample: Sample, case: Case, *, past: bool, asked: bool) -> Iterator[Lack]:
    """A newest result that is always needed, or that a rule asks for, was not read: nobody may act past it.

    An older one, or one that nobody asks for, is told.
    """
    row = case.protocol.lab(sample.analyte)
    always = row is not None and row.always
    if past and not always:
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
        holds=asked or (always and not past),
    )


def _numberless(sample: Sample, case: Case, *, asked: bool) -> Lack:
    """A newest result without a number holds where it is always needed or a rule asks; else it is told."""
    row, name = case.protocol.lab(sample.analyte), case.protocol.names[sample.analyte]
    return Lack(
        gap=MissingEvidence(
            item=sample.analyte,
            rule=UNUSABLE,
            why=f"the newest result, of {day_words(sample.day)}, holds no number",
            resolve=f"repeat {name} so that it gives a number, or have the laboratory correct the result",
        ),
        name=name,
        source=str((row or case.protocol.labs[0]).source),
        evidence=(lab_evidence(sample, case.protocol),),
        holds=asked or (row is not None and row.always),
    )


def _as_if_confirmed(samples: Iterable[Sample], case: Case) -> Case:
    """The case as it would be if these samples were reliable.

    An unread one stays without a number: it was measured, so that neither an older result nor what stands in
    for an unmeasured one takes its place.
    """
    confirmed = (replace(sample, standing=Standing.DECISIVE) for sample in samples)
    # Of one analyte and instant the last one counts: the sorting leaves the confirmed one behind the others.
    decisive = tuple(sorted((*case.history.decisive, *confirmed), key=lambda sample: sample.at))
    return replace(case, history=replace(case.history, decisive=decisive))


def moments_of(sample: Sample, case: Case) -> Iterator[tuple[Moment, frozenset[str]]]:
    """The moments at which a sample counts for its analyte: its own, and all while it is carried."""
    for moment, drawn in moments(case):
        found = moment.samples.get(sample.analyte)
        if found is not None and found.measurement is sample.measurement:
            yield moment, drawn


def _read_together(followed: Iterable[Track], case: Case) -> list[frozenset[str]]:
    """The analytes that one rule looks at, of each rule."""
    found = [track.analytes for track in followed]
    for floor in case.protocol.floors:
        excuses = (case.protocol.criteria.by_term[bound.term].quantity for bound in floor.explained_by)
        own = (part for bound in floor.bounds for part in parts_or_surrogate(bound.quantity, case))
        found.append(frozenset((*own, *(part for excuse in excuses for part in parts_of(excuse)))))
    return found


def _in_doubt_beside(sample: Sample, together: list[frozenset[str]], case: Case) -> Iterator[Sample]:
    """The other open doubtful results of its interval that a rule reads together with it."""
    companions = frozenset().union(*(analytes for analytes in together if sample.analyte in analytes))
    interval = case.history.interval_of(sample.day)
    for other in case.history.doubtful:
        same = other.analyte == sample.analyte or case.history.interval_of(other.day) != interval
        if other.analyte in companions and not same and _is_open(other, case):
            yield other


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
        if sample.not_representative and sample.standing in (Standing.ALARM, Standing.EMPTY):
            why = sample.why if sample.standing is Standing.ALARM else f"{sample.why} and {SET_ASIDE}"
            yield Reason(
                rule=UNUSABLE,
                action=Action.PROCEED,
                sentence=f"{sample_words(sample, case.protocol)}: {why}, so it shows neither a "
                "toxicity nor a recovery.",
                threshold="usable evidence for the day of treatment",
                source="this service's own rule: a result set aside by two people stays visible",
                evidence=(lab_evidence(sample, case.protocol),),
            )


def withdrawn_notes(case: Case) -> Iterator[Reason]:
    """A note for each analyte whose newest specimen was cancelled or entered in error and not replaced."""
    history = case.history
    newest = {s.analyte: s for s in history.withdrawn if history.present(s)}
    for analyte, sample in newest.items():
        standing = [s for s in (*history.decisive, *history.doubtful) if s.analyte == analyte]
        if any(other.at >= sample.at for other in standing):
            continue
        counts = history.newest(analyte)
        tail = "" if counts is None else f"; what counts is {sample_words(counts, case.protocol)}"
        yield Reason(
            rule=UNUSABLE,
            action=Action.PROCEED,
            sentence=f"{case.protocol.names[analyte]}: a newer result, of {day_words(sample.day)}, "
            f"{sample.why} and nothing has replaced it{tail}.",
            threshold="usable evidence for the day of treatment",
            source="this service's own rule: a newest result that was withdrawn is told",
        )
