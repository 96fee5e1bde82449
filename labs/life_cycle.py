"""Say which version of a result counts, from all its versions, in whatever order they arrived."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

_RANKS = {"preliminary": 1, "final": 2, "corrected": 3, "amended": 3}
_WITHDRAWALS = {"cancelled": 1, "entered-in-error": 2}
# Fields in which a laboratory dates the status itself; a message's own time moves with every resend.
DATED = frozenset({"OBR-22", "ORC-9", "reported"})
_UNDATED = datetime.min.replace(tzinfo=UTC)


class Version(NamedTuple):
    """What the life cycle looks at in one version."""

    key: int
    status: str
    ordered_at: datetime
    ordered_by: str
    digest: str
    number: str = ""
    # It came without a value of its own: it declared final what had been stated before.
    is_promotion: bool = False

    @property
    def at(self) -> datetime:
        """When it was given its status; our own time of receipt orders nothing."""
        return _UNDATED if self.ordered_by == "received" else self.ordered_at

    @property
    def is_withdrawal(self) -> bool:
        """Whether it takes the result back."""
        return self.status in _WITHDRAWALS


class Restated(NamedTuple):
    """The last time that a laboratory stated an old content again: its rank, when, and which one."""

    rank: int
    at: datetime
    digest: str


class Standing(NamedTuple):
    """The version that counts, and whether another contradicts it undecidably."""

    current: Version
    in_conflict: bool


def is_news(version: Version, known: Iterable[Version]) -> bool:
    """Whether a version says anything that the known ones do not.

    The same content sent again is old, however often: a result counts from the first time it was stated, a
    withdrawal from the last, so that neither order nor number of messages changes what stands.
    """
    same = [other.at for other in known if other.digest == version.digest]
    if not same:
        return True
    return version.at > max(same) if version.is_withdrawal else version.at < min(same)


def restated(version: Version, known: Iterable[Version]) -> Restated | None:
    """A value that is old news, but was stated again later than ever; none of anything else.

    No version is stored of it, but a laboratory that returns to an earlier value says it in the same words
    as one whose system sends an old message once more.
    """
    same = [other.at for other in known if other.digest == version.digest]
    if version.is_withdrawal or not same or version.at <= max(same):
        return None
    return Restated(_RANKS[version.status], version.at, version.digest)


def standing(versions: Sequence[Version], again: Restated | None = None) -> Standing:
    """The version that counts: corrected over final over preliminary, the newest within a rank.

    `again` is what was stated again last, of the highest rank: where that is another content than the one
    that counts, and later than it, nobody can say whether the laboratory returned to it.

    A withdrawal ends all of them; only a later correction, or a final that the laboratory itself dates later,
    comes after it. Anything else after it revives nothing, but contradicts what stands: somebody must ask.
    Two different contents of one rank and one time contradict each other, and two numbers that are both
    final unless the laboratory itself dates the second one.
    """
    if len(versions) == 1:
        return Standing(current=versions[0], in_conflict=False)  # as worked out below, for most results
    stated = _stated(versions)
    withdrawals = [version for version in stated if version.is_withdrawal]
    values = [version for version in stated if not version.is_withdrawal]
    ended = max((version.at for version in withdrawals), default=None)
    alive = [version for version in values if _outlives(version, ended)]
    if not alive:
        last = max(withdrawals, key=lambda v: (v.at, _WITHDRAWALS[v.status], v.digest))
        return Standing(current=last, in_conflict=_contradict(values, last.at))
    best = max(alive, key=lambda v: (_RANKS[v.status], v.at, v.digest))
    rank = [v for v in values if _RANKS[v.status] == _RANKS[best.status]]
    rivals = {v.digest for v in rank if v.at == best.at and _outlives(v, ended)}
    unheard = any(v.at >= best.at and not _outlives(v, ended) for v in rank)
    newest = max(filter(None, (again, _stored_again(versions))), default=None)
    contested = len(rivals) > 1 or unheard or _promoted_another(best, values)
    contested = contested or _returned(best, newest, ended) or _changed_a_final(best, alive)
    return Standing(current=best, in_conflict=contested)


def _changed_a_final(best: Version, alive: Iterable[Version]) -> bool:
    """Whether one final took the place of another number, neither called a correction nor dated as newer.

    Only a correction may change a final; which of the two counts must be asked. A FHIR update says itself
    that it replaces what was there.
    """
    if best.status != "final" or best.ordered_by in {*DATED, "sent"}:
        return False
    return any(other.status == best.status and other.number != best.number for other in alive)


def _stored_again(versions: Sequence[Version]) -> Restated | None:
    """What was stated again last among the versions: the earlier statement of a content arrived later."""
    first = {version.digest: version.at for version in sorted(versions, key=lambda v: v.at, reverse=True)}
    later = (v for v in versions if not v.is_withdrawal and v.at > first[v.digest])
    return max((Restated(_RANKS[v.status], v.at, v.digest) for v in later), default=None)


def _returned(best: Version, again: Restated | None, ended: datetime | None) -> bool:
    """Whether another content than the one that counts was stated again after it."""
    if again is None or again.digest == best.digest or again.rank < _RANKS[best.status]:
        return False
    return again.at > best.at and (ended is None or again.at > ended)


def _promoted_another(best: Version, values: Sequence[Version]) -> bool:
    """Whether a promotion declared a value final that was not the last one stated before it.

    That one came after the promotion had been read: nobody can say which was meant.
    """
    before = [v for v in values if v.at <= best.at and not v.is_promotion]
    if not best.is_promotion or not before:
        return False
    last = max((v.at, _RANKS[v.status]) for v in before)
    return any((v.at, _RANKS[v.status]) == last and v.number != best.number for v in before)


def _contradict(values: Sequence[Version], ended: datetime) -> bool:
    """Whether any of the ended values was stated after the withdrawal, or may have been.

    One value of the withdrawal's own time is the one it takes back; of two nobody can say which.
    """
    together = [_RANKS[version.status] for version in values if version.at == ended]
    return len(together) > len(set(together)) or any(version.at > ended for version in values)


def _stated(versions: Sequence[Version]) -> list[Version]:
    """Each content once: a value from its first statement, a withdrawal from its last."""
    chosen: dict[str, Version] = {}
    for version in sorted(versions, key=lambda v: (v.at, v.key)):
        if version.is_withdrawal or version.digest not in chosen:
            chosen[version.digest] = version
    return list(chosen.values())


def _outlives(version: Version, ended: datetime | None) -> bool:
    if ended is None:
        return True
    if version.status in {"corrected", "amended"}:
        return version.at > ended
    return version.status == "final" and version.ordered_by in DATED and version.at > ended
