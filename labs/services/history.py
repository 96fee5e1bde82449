"""One result with all its versions, locked while a message is recorded."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from labs.life_cycle import Standing, Version, is_news, standing
from labs.models import Observation, Result
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
    wanted: AbstractSet[Identity], *, stating: AbstractSet[Identity], sender: str
) -> dict[Identity, History]:
    """The result rows of these identities, locked in one order, with all versions.

    Those that are `stating` a result are created where missing; the others are left out.
    """
    times = sorted(identity[4] for identity in wanted)
    rows = Result.objects.filter(
        sender=sender,
        patient_id__in={identity[0] for identity in wanted},
        collected_at__range=(times[0], times[-1]),
    ).order_by("id")
    orders = {identity[1] for identity in wanted}
    if len(orders) <= _NAMED_ORDERS:
        rows = rows.filter(filler_order__in=orders)
    found = {_identity(row): row for row in rows.select_for_update()}
    missing = [_new_result(identity, sender) for identity in sorted(stating - found.keys())]
    if insert_rows(missing, ignore_conflicts=True):
        older = list(found.values())
        found |= {_identity(row): row for row in missing}
    else:
        # Another worker may have made some of them, with versions, a moment ago.
        found = {_identity(row): row for row in rows.all().select_for_update()}
        older = list(found.values())
    histories = {identity: History(result=found[identity]) for identity in wanted & found.keys()}
    by_result = {history.result.pk: history for history in histories.values()}
    known = by_result.keys() & {row.pk for row in older}
    for observation in Observation.objects.filter(result_id__in=known).order_by("version"):
        by_result[observation.result_id].take(observation)
    return histories


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
        key=place, status=row.status, ordered_at=row.ordered_at, ordered_by=row.ordered_by, digest=row.digest
    )
