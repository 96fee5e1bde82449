"""Draw what happened to a course on one time axis, a lane for each kind: entries in, marks out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from courses.time_axis import Bar, Point, Span, Tick, TimeAxis, clustered, stacked, ticks

WIDTH, LEFT, RIGHT, TOP = 1000, 128, 16, 26
# Marks closer than this are one mark with their number in it.
APART = 16
_ROW, _BAR, _SPACE = 26, 15, 6


class Lane(StrEnum):
    """One kind of thing on the time axis, in the order from above."""

    CYCLES = "Planned cycles"
    GIVEN = "Administrations"
    MOVES = "Moves"
    DELAYS = "Delays"
    HOLDS = "Holds"
    DECISIONS = "Decisions"
    ORDERS = "Orders"
    TOXICITIES = "Toxicities"
    RESULTS = "Results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened, or is planned: on a day, or, as a span, until another day or still.

    `tone` is a word of the closed list of badges, empty for most; `url` is where it is read whole.
    """

    key: str
    lane: Lane
    first: date
    words: str
    url: str = ""
    is_span: bool = False
    last: date | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointMark:
    """One mark: a single entry, or several of days that lie too close together."""

    x: Decimal
    y: Decimal
    entries: tuple[Entry, ...]

    @property
    def sign(self) -> str:
        """What stands in the mark: how many it holds, or of one decision the first letter of its action."""
        if len(self.entries) > 1:
            return str(len(self.entries))
        [entry] = self.entries
        return entry.tone[:1].upper() if entry.lane is Lane.DECISIONS else ""

    @property
    def tone(self) -> str:
        """The tone that all its entries share; none where they differ."""
        tones = {entry.tone for entry in self.entries}
        return tones.pop() if len(tones) == 1 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarMark:
    """An entry that lasts."""

    bar: Bar
    y: Decimal
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """One lane as drawn."""

    lane: Lane
    y: int
    height: int
    points: tuple[PointMark, ...]
    bars: tuple[BarMark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The whole drawing; `now` is where today stands, if the axis reaches it."""

    rows: tuple[LaneRow, ...]
    days: tuple[Tick, ...]
    height: int
    now: Decimal | None


def axis_of(first: date, last: date) -> TimeAxis:
    """The axis of a drawing from one day to another."""
    return TimeAxis(first=first, last=last, left=LEFT, width=WIDTH - LEFT - RIGHT)


def draw_timeline(entries: Iterable[Entry], *, axis: TimeAxis, today: date) -> Timeline:
    """Every entry whose days touch the axis once, in its lane; lanes without any are left out."""
    by_lane: dict[Lane, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_lane[entry.lane].append(entry)
    rows: list[LaneRow] = []
    y = TOP
    for lane in Lane:
        row = _row(lane, by_lane.get(lane, []), axis, y, today)
        if row.points or row.bars:
            rows.append(row)
            y += row.height
    now = axis.x(today) if axis.holds(today) else None
    return Timeline(rows=tuple(rows), days=ticks(axis), height=y + _ROW, now=now)


def _row(lane: Lane, entries: Sequence[Entry], axis: TimeAxis, y: int, today: date) -> LaneRow:
    """One lane from `y` on; what has not ended reaches until today, for nobody knows how long it lasts."""
    found = {entry.key: entry for entry in entries}
    spans = [Span(first=e.first, last=e.last or max(e.first, today), key=e.key) for e in entries if e.is_span]
    bars = stacked(spans, axis)
    single = [Point(day=e.first, key=e.key) for e in entries if not e.is_span]
    middle = Decimal(y + _ROW // 2)
    return LaneRow(
        lane=lane,
        y=y,
        height=max(_ROW, _SPACE + _BAR * (1 + max((bar.row for bar in bars), default=0))),
        points=tuple(
            PointMark(x=each.x, y=middle, entries=tuple(found[key] for key in each.keys))
            for each in clustered(single, axis, apart=APART)
        ),
        bars=tuple(
            BarMark(bar=bar, y=Decimal(y + _SPACE + _BAR * bar.row), entry=found[bar.key]) for bar in bars
        ),
    )
