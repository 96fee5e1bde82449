"""Which reported results count, and how: the life cycle of a result, its reliability, and the baseline."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import reduce

from courses.rules.intervals import Interval, compared
from courses.rules.values import Chart, Measurement, Status

_RANK = {
    Status.PRELIMINARY: 0,
    Status.FINAL: 1,
    Status.CORRECTED: 2,
    Status.AMENDED: 2,
    Status.CANCELLED: 3,
    Status.ENTERED_IN_ERROR: 4,
}
QUARANTINED = "quarantined"
NOT_REPRESENTATIVE = "not-representative"
UNVERIFIED = "unverified"
TWO_RESULTS = "two different results are reported for one specimen"
SET_ASIDE = "two people marked it as not representative"
# What a mark means to whoever reads the decision; any other mark names a fault of the specimen.
_MARK_WORDS = {
    NOT_REPRESENTATIVE: SET_ASIDE,
    "contradicted": "the versions of it that the laboratory sent contradict each other",
    "unit-jump": "it lies from the value before it as the same number in another unit would",
    "changed-nearby": "a correction or withdrawal of almost the same collection time may mean it",
    "implausible": "it is an unlikely value, which a new draw settles",
}
_WITHDRAWN_WORDS = {
    Status.CANCELLED: "was cancelled",
    Status.ENTERED_IN_ERROR: "was withdrawn as entered in error",
}
WITHDRAWN = tuple(_WITHDRAWN_WORDS)


class Standing(Enum):
    """How far a sample may be relied on."""

    DECISIVE = "reliable and final"
    ALARM = "may hold, never clears"
    CONFLICT = "two different results for one specimen"
    UNREAD = "came, but waits for a person to read it"
    EMPTY = "no number"
    WITHDRAWN = "cancelled, or entered in error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one specimen says of one analyte, after its life cycle has been applied.

    `supported`: taken so soon after a transfusion or growth factor that it may look better than the marrow
    is; `why` says what it may not do. `mild_low` and `mild_high` are the other limits, where copies differ.
    """

    measurement: Measurement
    value: Interval | None
    standing: Standing
    why: str = ""
    supported: bool = False
    mild_low: Decimal | None = None
    mild_high: Decimal | None = None

    @property
    def analyte(self) -> str:
        """The analyte's short name."""
        return self.measurement.analyte

    @property
    def at(self) -> datetime:
        """When the specimen was taken."""
        return self.measurement.collected_at

    @property
    def day(self) -> date:
        """The clinic day on which the specimen was taken."""
        return self.measurement.collected_on

    @property
    def clears(self) -> bool:
        """Whether it may show that all is well, and not only that something is wrong."""
        return self.standing is Standing.DECISIVE and not self.supported

    @property
    def not_representative(self) -> bool:
        """Whether two people have said that it does not show how the patient is."""
        return NOT_REPRESENTATIVE in self.measurement.quality


def sift(measurements: Iterable[Measurement]) -> tuple[Sample, ...]:
    """One sample per result that stands, oldest first: order and repetition of the input do not matter."""
    found = [sample for group in _versions(measurements) for sample in _effective(group)]
    return _oldest_first(_merged(found))


def _withdrawn(withdrawals: Iterable[Measurement]) -> tuple[Sample, ...]:
    """What is left of the results that were withdrawn: that they came, and never what they said."""
    tops = (max(group, key=lambda m: (_RANK[m.status], _stable(m))) for group in _versions(withdrawals))
    return _oldest_first(
        Sample(measurement=top, value=None, standing=Standing.WITHDRAWN, why=_WITHDRAWN_WORDS[top.status])
        for top in tops
    )


def _oldest_first(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: (sample.at, sample.analyte, sample.measurement.code)))


def _versions(measurements: Iterable[Measurement]) -> Iterable[list[Measurement]]:
    """The versions of each result together."""
    groups: dict[tuple[str, datetime, str], list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        groups[measurement.code, measurement.collected_at, measurement.result].append(measurement)
    return groups.values()


def _effective(group: list[Measurement]) -> Iterator[Sample]:
    """The sample a group of versions leaves behind; none when the result was withdrawn."""
    rank = max(_RANK[m.status] for m in group)
    top = sorted((m for m in group if _RANK[m.status] == rank), key=_stable)
    if top[0].status in WITHDRAWN:
        return
    lows = [m.low for m in top if m.low is not None]
    highs = [m.high for m in top if m.high is not None]
    chosen = top[0]
    if len(group) > 1 or len(chosen.quality) > 1:
        chosen = replace(
            chosen,
            # Where two copies give different limits the stricter counts.
            low=max(lows, default=None),
            high=min(highs, default=None),
            quality=tuple(sorted({flag for m in top for flag in m.quality})),
            baseline=any(m.baseline for m in group),
        )
    value, standing, why = _standing(chosen, top)
    yield Sample(
        measurement=chosen,
        value=value,
        standing=standing,
        why=why,
        mild_low=min(lows, default=None),
        mild_high=max(highs, default=None),
    )


def _stable(m: Measurement) -> tuple[str, str, str, str, str, str, tuple[str, ...]]:
    """An order of versions that does not depend on how they were listed."""
    value = "" if m.value is None else f"{m.value.normalize():f}"
    return (m.status, value, m.comparator, m.ref, str(m.low), str(m.high), m.quality)


def _standing(chosen: Measurement, top: list[Measurement]) -> tuple[Interval | None, Standing, str]:
    """What the versions of the highest rank say together, how far that may be relied on, and why."""
    if QUARANTINED in chosen.quality:
        return None, Standing.UNREAD, "it waits in quarantine, where nothing is guessed"
    if any(m.value is None for m in top):
        return None, Standing.EMPTY, "it holds no number"
    values = [compared(m.value, m.comparator) for m in top if m.value is not None]
    value = values[0]
    for other in values[1:]:
        if other != value:
            value = value.hull(other)
    if any(other != values[0] for other in values):
        return value, Standing.CONFLICT, TWO_RESULTS
    why = _doubt_words(chosen)
    return value, Standing.ALARM if why else Standing.DECISIVE, why


def _doubt_words(chosen: Measurement) -> str:
    """Why a result is not relied on, by its status and its marks; nothing where it is."""
    quality = chosen.quality
    if UNVERIFIED in quality:
        return "a person typed it, and nobody else has verified it against its source"
    if chosen.status is Status.PRELIMINARY:
        return "it is preliminary"
    faults = ", ".join(mark for mark in quality if mark not in _MARK_WORDS)
    words = [f"the specimen is unreliable ({faults})"] if faults else []
    return " and ".join([*words, *(said for mark, said in _MARK_WORDS.items() if mark in quality)])


def _merged(samples: list[Sample]) -> Iterator[Sample]:
    """Decisive results of one analyte and instant become one.

    Different values under one code contradict each other; under different codes they are one value within
    bounds.
    """
    groups: dict[tuple[str, datetime], list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: (s.measurement.code, _stable(s.measurement))):
        if sample.standing is Standing.DECISIVE and sample.value is not None:
            groups[sample.analyte, sample.at].append(sample)
        else:
            yield sample
    yield from (_as_one(group) for group in groups.values())


def _as_one(group: list[Sample]) -> Sample:
    """The decisive samples of one analyte and instant as one."""
    first = group[0]
    values = [sample.value for sample in group if sample.value is not None]
    if len(values) == 1:
        return first
    mark = any(sample.measurement.baseline for sample in group)
    found = replace(first, measurement=replace(first.measurement, baseline=mark))
    if len(set(values)) == 1:
        return found
    found = replace(found, value=reduce(Interval.hull, values))
    codes = {sample.measurement.code for sample in group}
    if len({(sample.measurement.code, sample.value) for sample in group}) == len(codes):
        return found
    return replace(found, standing=Standing.CONFLICT, why=TWO_RESULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All samples of a chart, oldest first, with the cycle days and the baseline of each analyte."""

    decisive: tuple[Sample, ...]
    doubtful: tuple[Sample, ...]
    baselines: Mapping[str, Sample]
    cycle_days: tuple[date, ...]
    withdrawn: tuple[Sample, ...] = ()

    @property
    def given(self) -> int:
        """How many cycles have been given: the number of the present interval."""
        return len(self.cycle_days)

    def interval_of(self, day: date) -> int:
        """How many infusions lie before a specimen: one of the same day was drawn before the infusion."""
        return bisect_left(self.cycle_days, day)

    def present(self, sample: Sample) -> bool:
        """Whether a sample was collected since the last administration."""
        return self.interval_of(sample.day) == self.given

    def newest(self, analyte: str) -> Sample | None:
        """The newest decisive sample of an analyte since the last administration."""
        of = (s for s in reversed(self.decisive) if s.analyte == analyte and self.present(s))
        return next(of, None)

    def newest_clearing(self, analyte: str) -> Sample | None:
        """The newest of them that may show that all is well."""
        of = (s for s in reversed(self.decisive) if s.analyte == analyte and s.clears and self.present(s))
        return next(of, None)


def read_history(chart: Chart) -> History:
    """Sift a chart's results and find the baselines."""
    samples = sift(chart.measurements)
    cycle_days = tuple(sorted(cycle.on for cycle in chart.cycles))
    return History(
        decisive=tuple(s for s in samples if s.standing is Standing.DECISIVE),
        doubtful=tuple(s for s in samples if s.standing is not Standing.DECISIVE),
        withdrawn=_withdrawn(m for m in chart.measurements if m.status in WITHDRAWN),
        baselines=_baselines(samples, cycle_days, locked=chart.baseline_locked),
        cycle_days=cycle_days,
    )


def _baselines(
    samples: tuple[Sample, ...], cycle_days: tuple[date, ...], *, locked: bool
) -> dict[str, Sample]:
    """The newest marked result of each analyte; without a mark, the newest usable one before the first cycle.

    A mark on a result that is unusable, or not of a day before that of the first administration, gives no
    baseline: of an administration only the day is known, so that nobody can tell whether a specimen of the
    same day was drawn before the infusion or during it. Once the baselines are locked, only marks count.
    """
    first = cycle_days[0] if cycle_days else None
    marked = {s.analyte for s in samples if s.measurement.baseline or locked}
    found: dict[str, Sample] = {}
    for sample in samples:
        before = first is None or sample.day < first
        chosen = sample.measurement.baseline or sample.analyte not in marked
        if sample.standing is Standing.DECISIVE and before and chosen:
            found[sample.analyte] = _as_baseline(sample)
    return found


def _as_baseline(sample: Sample) -> Sample:
    """A baseline outside its limits excuses: where copies gave different limits, the milder ones count."""
    limits = replace(sample.measurement, low=sample.mild_low, high=sample.mild_high)
    return replace(sample, measurement=limits)
