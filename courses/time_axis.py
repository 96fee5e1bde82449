"""Place days on one horizontal axis: points, spans and the axis's own marks, as plain positions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from labs.clinic_days import add_days, add_months, days_between

_TENTH = Decimal("0.1")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Months between two marks of the axis, the closest first; below two months every week is marked.
_STEPS = (1, 2, 3, 6, 12, 24, 60)
_WEEKS_UP_TO_DAYS = 62
MOST_TICKS = 12


def tenth(number: Decimal) -> Decimal:
    """A position as it is written into a drawing: in tenths of its unit."""
    return number.quantize(_TENTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """The days from `first` to `last`, both included, over `width` units from `left` on."""

    first: date
    last: date
    left: int
    width: int

    def __post_init__(self) -> None:
        if self.last < self.first or self.width <= 0:
            raise ValueError("an axis ends before it begins")

    @property
    def days(self) -> int:
        """How many days it shows."""
        return days_between(self.first, self.last) + 1

    def holds(self, day: date) -> bool:
        """Whether a day lies on it."""
        return self.first <= day <= self.last

    def x(self, day: date) -> Decimal:
        """The middle of a day."""
        return self._at(2 * days_between(self.first, day) + 1)

    def begin(self, day: date) -> Decimal:
        """Where a day begins."""
        return self._at(2 * days_between(self.first, day))

    def end(self, day: date) -> Decimal:
        """Where a day ends."""
        return self._at(2 * days_between(self.first, day) + 2)

    def _at(self, half_days: int) -> Decimal:
        return tenth(self.left + Decimal(self.width * half_days) / (2 * self.days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One mark of the axis and what stands below it."""

    x: Decimal
    words: str


def ticks(axis: TimeAxis) -> tuple[Tick, ...]:
    """The marks of the axis, at most so many that their words stand apart."""
    if axis.days <= _WEEKS_UP_TO_DAYS:
        monday = add_days(axis.first, -axis.first.weekday() % 7)
        weeks = range(0, days_between(monday, axis.last) + 1, 7)
        days = [add_days(monday, each) for each in weeks]
        return tuple(Tick(x=axis.x(day), words=f"{day.day} {_MONTHS[day.month - 1]}") for day in days)
    firsts = next((found for step in _STEPS if len(found := _firsts(axis, step)) <= MOST_TICKS), None)
    if firsts is None:
        firsts = _firsts(axis, 12 * (axis.days // (365 * MOST_TICKS) + 1))
    return tuple(
        Tick(
            x=axis.begin(day),
            words=f"{_MONTHS[day.month - 1]} {day.year}"
            if place == 0 or day.month == 1
            else _MONTHS[day.month - 1],
        )
        for place, day in enumerate(firsts)
    )


def _firsts(axis: TimeAxis, step: int) -> list[date]:
    """The first days of every so manieth month, counted from January."""
    months = axis.first.year * 12 + axis.first.month - 1 + (0 if axis.first.day == 1 else 1)
    months += -months % step
    found: list[date] = []
    year, month = divmod(months, 12)
    day = date(year, month + 1, 1)
    while day <= axis.last:
        found.append(day)
        day = add_months(day, step)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Something of one day, by a key that its drawing is found by."""

    day: date
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One mark: all that lies too close together to be told apart, in order of time."""

    x: Decimal
    keys: tuple[str, ...]


def clustered(points: Iterable[Point], axis: TimeAxis, *, apart: int) -> tuple[Cluster, ...]:
    """Every point that lies on the axis in exactly one mark; no two marks are closer than `apart`."""
    found: list[tuple[Decimal, list[str]]] = []
    for point in sorted((p for p in points if axis.holds(p.day)), key=lambda p: p.day):
        x = axis.x(point.day)
        if found and x - found[-1][0] < apart:
            found[-1][1].append(point.key)
        else:
            found.append((x, [point.key]))
    return tuple(Cluster(x=x, keys=tuple(keys)) for x, keys in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that lasts from one day to another, or still."""

    first: date
    last: date | None
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A span as it is drawn; `row` keeps bars that meet apart."""

    x: Decimal
    width: Decimal
    row: int
    key: str
    began_before: bool
    goes_on: bool


def stacked(spans: Sequence[Span], axis: TimeAxis) -> tuple[Bar, ...]:
    """Every span that touches the axis as one bar within it; bars of one row do not meet."""
    return tuple(_stacked(sorted(spans, key=lambda span: span.first), axis))


def _stacked(spans: Iterable[Span], axis: TimeAxis) -> Iterator[Bar]:
    ends: list[Decimal] = []
    for span in spans:
        last = axis.last if span.last is None else max(span.first, span.last)
        if span.first > axis.last or last < axis.first:
            continue
        x, end = axis.begin(max(span.first, axis.first)), axis.end(min(last, axis.last))
        row = next((row for row, taken in enumerate(ends) if taken <= x), len(ends))
        ends[row : row + 1] = [end]
        yield Bar(
            x=x,
            width=end - x,
            row=row,
            key=span.key,
            began_before=span.first < axis.first,
            goes_on=span.last is None or span.last > axis.last,
        )
