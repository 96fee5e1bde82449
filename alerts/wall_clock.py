"""Turn what a clock on the wall shows into instants, where clocks are changed too."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


def first_instant(shown: datetime, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which the clock shows this or later.

    Shown twice, because clocks go back: the first time. Never shown, because they go forward: the change.
    """
    early, late = _candidates(shown, zone)
    return early if early <= late else _change(shown, zone, after=late, until=early)


def last_instant(shown: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, from which the clock never again shows less than this.

    Shown twice, because clocks go back: the second time, but the first where they go back to this very time.
    Never shown, because they go forward: the change.
    """
    early, late = _candidates(shown, zone)
    if early > late:
        return _change(shown, zone, after=late, until=early)
    is_less_until_late = _shown(late - _SECOND, zone) < shown
    return late if is_less_until_late else early


def _shown(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clock shows at an instant."""
    return instant.astimezone(zone).replace(tzinfo=None)


def _candidates(shown: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instant by the offset before a change of clocks, and by the one after it; mostly the same."""
    if shown.tzinfo is not None:
        raise ValueError("a time on the wall has no zone of its own")
    early, late = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return early, late


def _change(shown: datetime, zone: ZoneInfo, *, after: datetime, until: datetime) -> datetime:
    """The instant at which clocks jump over a time: the first after which they show more than it."""
    low, high = 0, (until - after) // _SECOND
    while low < high:
        middle = (low + high) // 2
        if _shown(after + middle * _SECOND, zone) >= shown:
            high = middle
        else:
            low = middle + 1
    return after + low * _SECOND
