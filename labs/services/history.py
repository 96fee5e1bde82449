"""One result with all its versions, locked while a message is recorded."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from labs.life_cycle import Standing, Version, is_news, standing
from labs.models import Observation, Result
from labs.same_person import People
from labs.services.bulk import insert_rows

Identity = tuple[int, str, str, str, datetime]
# Beyond this a file is one draw after another, and naming all orders costs more than it saves.
_NAMED_ORDERS = 200


@dataclass(slots=True, kw_only=True)
class History:
    """One locked result with all its versions, the new ones included."""

    result: Result
    observations: list[Observation] = field(default_factory=list)
    new: list[Observation] = field(default_factory=list)
    # Whether the message held more new versions than were taken: one of those left out might count.
    cut_short: bool = False
    versions: list[Version] = field(default_factory=list)
    same_content: dict[str, list[Version]] = field(default_factory=dict)
    stands: Standing | None = None

    @property
    def next_version(self) -> int:
        """The number of the next version; they are in order."""
        return self.observations[-1].version + 1 if self.observations else 1

    def take(self, row: Observation) -> None:
        """Add the version that follows."""
        version = _version(len(self.observations), row)
        self.observations.append(row)
        self.versions.append(version)
        self.same_content.setdefault(version.digest, []).append(version)
        self.stands = None

    def is_news(self, row: Observation) -> bool:
        """Whether a row says anything that the known versions do not."""
        return is_news(_version(len(self.observations), row), self.same_content.get(row.digest, ()))

    def append(self, row: Observation) -> tuple[Standing | None, Standing]:
        """Add a new version; what stood before it, and what stands now."""
        before = self.standing() if self.observations else None
        self.take(row)
        self.new.append(row)
        after = self.standing()
        if before is not None and after.current.key == len(self.observations) - 1:
            row.supersedes = self.observations[before.current.key]
        return before, after

    def standing(self) -> Standing:
        """What stands, worked out once for each state."""
        if self.stands is None:
            self.stands = standing(self.versions)
        return self.stands

    def settle(self) -> None:
        """Put what stands now on the result."""
        stands = self.standing()
        self.result.current_id = self.observations[stands.current.key].pk
        self.result.in_conflict = stands.in_conflict or self.cut_short


def lock_histories(
    wanted: AbstractSet[Identity], *, stating: AbstractSet[Identity], sender: str, people: People
) -> dict[Identity, History]:
    """The result rows of these identities, locked in one order, with all versions.

    Those that are `stating` a result are created where missing; the others are left out. A result filed under
    another number of the same person is the same result: its row is taken, and two identities may share it.
    """
    numbers = {patient: people.numbers_of(patient) for patient in {identity[0] for identity in wanted}}
    times = sorted(identity[4] for identity in wanted)
    rows = Result.objects.filter(
        sender=sender,
        patient_id__in=frozenset().union(*numbers.values()),
        collected_at__range=(times[0], times[-1]),
    ).order_by("id")
    orders = {identity[1] for identity in wanted}
    if len(orders) <= _NAMED_ORDERS:
        rows = rows.filter(filler_order__in=orders)
    found = _chosen(rows.select_for_update(), wanted, numbers)
    missing = [_new_result(identity, sender) for identity in sorted(stating - found.keys())]
    older = {row.pk for row in found.values()}
    if insert_rows(missing, ignore_conflicts=True):
        found |= {_identity(row): row for row in missing}
    else:
        # Another worker may have made some of them, with versions, a moment ago.
        found = _chosen(rows.all().select_for_update(), wanted, numbers)
        older = {row.pk for row in found.values()}
    by_result = {row.pk: History(result=row) for row in found.values()}
    for observation in Observation.objects.filter(result_id__in=older).order_by("version"):
        by_result[observation.result_id].take(observation)
    return {identity: by_result[row.pk] for identity, row in found.items()}


def _chosen(
    rows: Iterable[Result], wanted: AbstractSet[Identity], numbers: Mapping[int, frozenset[int]]
) -> dict[Identity, Result]:
    """The row of each identity: the one under its own number, else one under another of the same person."""
    by_identity = {_identity(row): row for row in rows}
    chosen = {}
    for identity in wanted:
        others = sorted(numbers[identity[0]] - {identity[0]})
        same = (by_identity.get((number, *identity[1:])) for number in (identity[0], *others))
        if row := next((row for row in same if row is not None), None):
            chosen[identity] = row
    return chosen


def _identity(row: Result) -> Identity:
    return (row.patient_id, row.filler_order, row.analyte, row.sub_id, row.collected_at)


def _new_result(identity: Identity, sender: str) -> Result:
    patient_id, order, analyte, sub_id, collected_at = identity
    return Result(
        patient_id=patient_id,
        sender=sender,
        filler_order=order,
        analyte=analyte,
        sub_id=sub_id,
        collected_at=collected_at,
    )


def _version(place: int, row: Observation) -> Version:
    return Version(
        key=place,
        status=row.status,
        ordered_at=row.ordered_at,
        ordered_by=row.ordered_by,
        digest=row.digest,
        number="" if row.value is None else f"{row.comparator}{row.value.normalize():f}",
        is_promotion=row.value is not None and not row.sent_value,
    )
