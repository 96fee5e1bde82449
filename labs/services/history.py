"""One result with all its versions, locked while a message is recorded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection

from labs.life_cycle import Restated, Standing, Version, is_news, restated, standing
from labs.models import Observation, Result
from labs.prepared import run_prepared
from labs.same_person import People
from labs.services.bulk import insert_values, reserve_keys

Identity = tuple[int, str, str, str, datetime]
# Beyond this a file is one draw after another, and naming all orders costs more than it saves.
_NAMED_ORDERS = 200
_SPARE_KEYS = 20


class Found(NamedTuple):
    """A stored result, locked."""

    id: int
    patient_id: int
    filler_order: str
    analyte: str
    sub_id: str
    collected_at: datetime
    current_id: int | None
    in_conflict: bool
    restated_rank: int = 0
    restated_at: datetime | None = None
    restated_digest: str = ""

    @property
    def again(self) -> Restated | None:
        """What was stated again last."""
        if self.restated_at is None:
            return None
        return Restated(self.restated_rank, self.restated_at, self.restated_digest)

    @property
    def identity(self) -> Identity:
        """What tells it from every other result of its sender."""
        return (self.patient_id, self.filler_order, self.analyte, self.sub_id, self.collected_at)


class Stated(NamedTuple):
    """A version as far as its result's life cycle, or a promotion of it, looks at it."""

    id: int
    version: int
    status: str
    value: Decimal | None
    comparator: str
    sent_value: str
    ref_low: Decimal | None
    ref_high: Decimal | None
    ordered_at: datetime
    ordered_by: str
    digest: str


class Keys:
    """Primary keys for new versions of known results, fetched when the first is asked for."""

    def __init__(self, foreseen: int) -> None:
        self._at_once = max(foreseen, _SPARE_KEYS)
        self._keys: Iterator[int] = iter(())

    def next(self) -> int:
        """One that nobody else has."""
        key = next(self._keys, None)
        if key is None:
            [more] = reserve_keys((Observation, self._at_once))
            self._keys = iter(more)
            key = next(self._keys)
        return key


@dataclass(slots=True, kw_only=True)
class History:
    """One locked result with all its versions, the new ones included."""

    result: Found
    keys: Keys
    observations: list[Stated] = field(default_factory=list)
    new: list[dict[str, Any]] = field(default_factory=list)
    # Whether the message held more new versions than were taken: one of those left out might count.
    cut_short: bool = False
    versions: list[Version] = field(default_factory=list)
    same_content: dict[str, list[Version]] = field(default_factory=dict)
    stands: Standing | None = None
    # What this message stated again, where that is later than all that was stated again before.
    again: Restated | None = None

    @property
    def next_version(self) -> int:
        """The number of the next version; they are in order."""
        return self.observations[-1].version + 1 if self.observations else 1

    def take(self, stated: Stated) -> None:
        """Add the version that follows."""
        version = _version(len(self.observations), stated)
        self.observations.append(stated)
        self.versions.append(version)
        self.same_content.setdefault(version.digest, []).append(version)
        self.stands = None

    def is_news(self, row: Mapping[str, Any]) -> bool:
        """Whether the columns of a version say anything that the known versions do not."""
        same = self.same_content.get(row["digest"])
        return same is None or is_news(_version(len(self.observations), _stated(0, row)), same)

    def restate(self, row: Mapping[str, Any]) -> tuple[Standing, Standing] | None:
        """Note what is no news but stated again later than ever: what stood before, and what stands now."""
        version = _version(len(self.observations), _stated(0, row))
        found = restated(version, self.same_content[version.digest])
        known = self.again or self.result.again
        if found is None or (known is not None and found <= known):
            return None
        before = self.standing()
        self.again, self.stands = found, None
        return before, self.standing()

    def append(self, row: dict[str, Any]) -> tuple[Standing | None, Standing]:
        """Add a new version by its columns; what stood before it, and what stands now."""
        before = self.standing() if self.observations else None
        # The row of a new result names the key of its first version before that is stored.
        is_foreseen = before is None and self.result.current_id is not None
        row["id"] = self.result.current_id if is_foreseen else self.keys.next()
        self.take(_stated(row["id"], row))
        self.new.append(row)
        after = self.standing()
        if before is not None and after.current.key == len(self.observations) - 1:
            row["supersedes_id"] = self.observations[before.current.key].id
        return before, after

    def standing(self) -> Standing:
        """What stands, worked out once for each state."""
        if self.stands is None:
            self.stands = standing(self.versions, self.again or self.result.again)
        return self.stands

    def settled(self) -> dict[str, Any] | None:
        """What is to be written on the result, by column; none where it says so already."""
        stands = self.standing()
        current_id = self.observations[stands.current.key].id
        in_conflict = stands.in_conflict or self.cut_short
        known = (self.result.current_id, self.result.in_conflict)
        if self.again is None and (current_id, in_conflict) == known:
            return None
        row: dict[str, Any] = {"id": self.result.id, "current_id": current_id, "in_conflict": in_conflict}
        again = self.again or self.result.again
        if again is None:
            return {**row, "restated_rank": 0, "restated_at": None, "restated_digest": ""}
        rank, at, digest = again
        return {**row, "restated_rank": rank, "restated_at": at, "restated_digest": digest}


def lock_histories(
    wanted: AbstractSet[Identity], *, stating: AbstractSet[Identity], sender: str, people: People
) -> dict[Identity, History]:
    """The result rows of these identities, locked in one order, with all versions.

    Those that are `stating` a result are created where missing, each with the key its first version will
    have; the others are left out. A result filed under another number of the same person is the same result:
    its row is taken, and two identities may share it.
    """
    numbers = {patient: people.numbers_of(patient) for patient in {identity[0] for identity in wanted}}
    found = _chosen(_lock(wanted, sender=sender, numbers=numbers), wanted, numbers)
    older = {row.id for row in found.values()}
    missing = sorted(stating - found.keys())
    if missing:
        new = _new_results(missing, sender)
        if new:
            found |= new
        else:
            # Another worker made some of them, with versions, a moment ago.
            found = _chosen(_lock(wanted, sender=sender, numbers=numbers), wanted, numbers)
            older = {row.id for row in found.values()}
    keys = Keys(len(older))
    by_result = {row.id: History(result=row, keys=keys) for row in found.values()}
    for result_id, *stated in _versions_of(older):
        by_result[result_id].take(Stated(*stated))
    return {identity: by_result[row.id] for identity, row in found.items()}


def _lock(
    wanted: AbstractSet[Identity], *, sender: str, numbers: Mapping[int, frozenset[int]]
) -> list[Found]:
    """Lock in one order what may be one of these results: by patient and time, of a few also by order."""
    times = _times(wanted, numbers)
    orders = sorted({identity[1] for identity in wanted})
    is_named = len(orders) <= _NAMED_ORDERS
    if connection.vendor == "postgresql":
        by_order = " AND filler_order = ANY(%s)" if is_named else ""
        firsts, lasts = zip(*times.values(), strict=True)
        values = [list(times), list(firsts), list(lasts), sender, *([orders] if is_named else [])]
        return [Found(*row) for row in run_prepared(_LOCK.format(by_order=by_order), values)]
    first, last = min(first for first, _last in times.values()), max(last for _first, last in times.values())
    rows = Result.objects.filter(
        sender=sender, patient_id__in=times.keys(), collected_at__range=(first, last)
    )
    if is_named:
        rows = rows.filter(filler_order__in=orders)
    return [Found(*row) for row in rows.order_by("id").values_list(*Found._fields)]


def _times(
    wanted: Iterable[Identity], numbers: Mapping[int, frozenset[int]]
) -> dict[int, tuple[datetime, datetime]]:
    """The first and the last collection time asked of each number of each person."""
    times: dict[int, tuple[datetime, datetime]] = {}
    for patient, _order, _analyte, _sub_id, at in wanted:
        for number in numbers[patient]:
            first, last = times.get(number, (at, at))
            times[number] = min(first, at), max(last, at)
    return times


_LOCK = (
    f"SELECT {', '.join(f'stored.{name}' for name in Found._fields)}"
    " FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS asked(patient_id, first, last)"
    " JOIN labs_result stored ON stored.patient_id = asked.patient_id"
    " AND stored.collected_at BETWEEN asked.first AND asked.last"
    " WHERE stored.sender = %s{by_order} ORDER BY stored.id FOR UPDATE OF stored"
)


def _new_results(missing: Sequence[Identity], sender: str) -> dict[Identity, Found]:
    """Insert these results; nothing where one of them is there already, made by another worker."""
    keys, first_versions = reserve_keys((Result, len(missing)), (Observation, len(missing)))
    rows = [
        Found(key, *identity, current_id=first, in_conflict=False)
        for identity, key, first in zip(missing, keys, first_versions, strict=True)
    ]
    names = (*Found._fields, "sender")
    values = [dict(zip(names, (*row, sender), strict=True)) for row in rows]
    if insert_values(Result, values, ignore_conflicts=True) < len(rows):
        return {}
    return {row.identity: row for row in rows}


_VERSIONS = (
    f"SELECT result_id, {', '.join(Stated._fields)} FROM labs_observation"
    " WHERE result_id = ANY(%s) ORDER BY version"
)


def _versions_of(results: AbstractSet[int]) -> Iterable[Sequence[Any]]:
    """Every version of these results, each after its result's row id, the oldest first."""
    if not results:
        return []
    if connection.vendor == "postgresql":
        return run_prepared(_VERSIONS, [list(results)])
    rows = Observation.objects.filter(result_id__in=results).order_by("version")
    return rows.values_list("result_id", *Stated._fields)


def _chosen(
    rows: Iterable[Found], wanted: AbstractSet[Identity], numbers: Mapping[int, frozenset[int]]
) -> dict[Identity, Found]:
    """The row of each identity: the one under its own number, else one under another of the same person."""
    by_identity = {row.identity: row for row in rows}
    chosen = {}
    for identity in wanted if by_identity else ():
        others = sorted(numbers[identity[0]] - {identity[0]})
        same = (by_identity.get((number, *identity[1:])) for number in (identity[0], *others))
        if row := next((row for row in same if row is not None), None):
            chosen[identity] = row
    return chosen


_CONTENT = itemgetter(*Stated._fields[1:])


def _stated(key: int, row: Mapping[str, Any]) -> Stated:
    """The columns of a new version as its history takes them."""
    return Stated(key, *_CONTENT(row))


def _version(place: int, row: Stated) -> Version:
    return Version(
        key=place,
        status=row.status,
        ordered_at=row.ordered_at,
        ordered_by=row.ordered_by,
        digest=row.digest,
        number="" if row.value is None else f"{row.comparator}{row.value.normalize():f}",
        is_promotion=row.value is not None and not row.sent_value,
    )
