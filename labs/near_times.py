"""Find results that a correction or withdrawal of a slightly different collection time may have meant.

A laboratory system that repeats a collection time with another precision, or by another machine's clock,
names a result that is not stored: what it meant to replace would stand beside it as if nothing had been said.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# The mark of such a result, beside the faults of a specimen.
CHANGED_NEARBY = "changed-nearby"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What stands of one result, by its sender, order, analyte and sub-id.

    `is_change_alone`: it was corrected or withdrawn, and no original of its own time ever came.
    `may_be_meant`: it stands as it was first stated.
    """

    key: int
    of: tuple[str, ...]
    at: datetime
    is_change_alone: bool
    may_be_meant: bool


def changed_nearby(results: Iterable[Timed], *, within: timedelta) -> dict[int, datetime]:
    """Each doubtful result by its key, with the time of the other one: the change, and what it may mean."""
    together: defaultdict[tuple[str, ...], list[Timed]] = defaultdict(list)
    for result in results:
        together[result.of].append(result)
    found: dict[int, datetime] = {}
    for group in together.values():
        meant = [result for result in group if result.may_be_meant]
        for change in (result for result in group if result.is_change_alone):
            for other in meant:
                if abs(other.at - change.at) < within:
                    found[change.key], found[other.key] = other.at, change.at
    return found
