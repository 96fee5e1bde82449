"""Draw how one quantity went: values in, marks out, every reading once and none outside the picture."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from courses.rules.evidence import Standing
from courses.rules.intervals import Interval
from courses.rules.limit_lines import Lines
from courses.rules.trends import Reading
from courses.rules.values import GivenCycle, Status
from courses.time_axis import Tick, TimeAxis, ticks
from courses.value_axis import ValueAxis, spread, value_axis, value_ticks
from labs.clinic_days import days_between

WIDTH, HEIGHT = 760, 286
LEFT, PLOT_WIDTH, TOP, PLOT_HEIGHT = 52, 596, 24, 206
BOTTOM = TOP + PLOT_HEIGHT
# Below the values stand the marks of results that hold no number.
RAIL = BOTTOM + 15
WORDS_APART = 14
_BAND_WITH_WORDS = 13
_WIDE_LABEL = 78


class Shape(StrEnum):
    """What a mark looks like; each has a word that stands in the legend and in the table."""

    RELIABLE = "reliable"
    PRELIMINARY = "preliminary"
    DOUBTFUL = "doubtful"
    CONTRADICTED = "contradicted"
    UNREAD = "unread"
    WITHDRAWN = "withdrawn"


def shape_of(reading: Reading) -> Shape:
    """The shape of a reading, by how far it may be relied on."""
    standing = reading.sample.standing
    if standing is Standing.DECISIVE:
        return Shape.RELIABLE
    if standing is Standing.CONFLICT:
        return Shape.CONTRADICTED
    if standing is Standing.WITHDRAWN:
        return Shape.WITHDRAWN
    if standing in (Standing.UNREAD, Standing.EMPTY):
        return Shape.UNREAD
    is_preliminary = reading.sample.measurement.status is Status.PRELIMINARY
    return Shape.PRELIMINARY if is_preliminary else Shape.DOUBTFUL


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One reading: where it stands; `beyond` says that the value lies further up (1) or down (-1).

    `top` and `bottom` are the ends of what it may be, where it is known only within bounds.
    """

    reading: Reading
    shape: Shape
    x: Decimal
    y: Decimal
    beyond: int = 0
    top: Decimal | None = None
    bottom: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle behind the marks; `words` where there is room for them."""

    x: Decimal
    y: Decimal
    width: Decimal
    height: Decimal
    words: str = ""
    grade: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A line across the picture, and where its words stand beside it."""

    y: Decimal
    words_y: Decimal
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upright:
    """An administration: a line from top to bottom with its words, to its left where the axis ends."""

    x: Decimal
    cycle: GivenCycle
    words: str
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything that is drawn of one quantity."""

    marks: tuple[Mark, ...]
    joins: tuple[tuple[Mark, Mark], ...]
    normal: tuple[Box, ...]
    bands: tuple[Box, ...]
    levels: tuple[Level, ...]
    given: tuple[Upright, ...]
    days: tuple[Tick, ...]
    values: tuple[tuple[Decimal, Decimal], ...]
    in_ratios: bool


def draw(
    found: Sequence[Reading],
    *,
    lines: Lines | None,
    given: Sequence[GivenCycle],
    axis: TimeAxis,
    longest_join: int,
) -> Picture:
    """The picture of these readings, oldest first; those of days outside the axis are left out."""
    shown = [each for each in found if axis.holds(each.sample.day)]
    scale = value_axis(_values(shown, lines), top=TOP, height=PLOT_HEIGHT)
    marks = tuple(_mark(each, axis, scale) for each in shown)
    return Picture(
        marks=marks,
        joins=tuple(_joins(marks, longest_join)),
        normal=tuple(_normal(shown, axis, scale)),
        bands=tuple(_bands(lines, axis, scale)) if lines else (),
        levels=_levels(lines, scale) if lines else (),
        given=tuple(_given(given, axis)),
        days=ticks(axis),
        values=tuple((value, scale.y(value)) for value in value_ticks(scale)),
        in_ratios=scale.in_ratios,
    )


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def _ends(value: Interval) -> tuple[Decimal | None, Decimal | None]:
    """The two ends that a mark shows; nothing measured is below zero, so zero is no end of a bound."""
    low = None if not value.low and not value.is_exact else value.low
    return (
        None if low is None else _decimal(low),
        None if value.high is None else _decimal(value.high),
    )


def _values(shown: Sequence[Reading], lines: Lines | None) -> Iterator[Decimal]:
    """What the picture must have room for: readings, their limits of normal, the lines that rules act on."""
    for each in shown:
        if each.value is not None:
            yield from (end for end in _ends(each.value) if end is not None)
        m = each.sample.measurement
        if each.quantity == m.analyte:
            yield from (limit for limit in (m.low, m.high) if limit is not None)
    for line in lines.rules if lines else ():
        if line.limit is not None:
            yield _decimal(line.limit)


def _mark(reading: Reading, axis: TimeAxis, scale: ValueAxis) -> Mark:
    x, shape = axis.x(reading.sample.day), shape_of(reading)
    low, high = (None, None) if reading.value is None else _ends(reading.value)
    if low is None and high is None:
        return Mark(reading=reading, shape=shape, x=x, y=Decimal(RAIL))
    if low is None or high is None:
        end, beyond = (low, 1) if low is not None else (high, -1)
        assert end is not None
        return Mark(reading=reading, shape=shape, x=x, y=scale.y(end), beyond=beyond)
    if low == high:
        return Mark(reading=reading, shape=shape, x=x, y=scale.y(low))
    top, bottom = scale.y(high), scale.y(low)
    return Mark(reading=reading, shape=shape, x=x, y=(top + bottom) / 2, top=top, bottom=bottom)


def _joins(marks: Sequence[Mark], longest: int) -> Iterator[tuple[Mark, Mark]]:
    """Neighbours that are exact and relied on, unless too many days without a result lie between them."""
    sure = [m for m in marks if m.shape is Shape.RELIABLE and m.reading.value and m.reading.value.is_exact]
    for one, other in itertools.pairwise(sure):
        if days_between(one.reading.sample.day, other.reading.sample.day) <= longest:
            yield one, other


def _normal(shown: Sequence[Reading], axis: TimeAxis, scale: ValueAxis) -> Iterator[Box]:
    """The reference range as it came: from the first to the last of results with the same range."""
    stretches: list[tuple[date, date, Decimal | None, Decimal | None]] = []
    for each in shown:
        m = each.sample.measurement
        if each.quantity != m.analyte or (m.low is None and m.high is None):
            continue
        if stretches and stretches[-1][2:] == (m.low, m.high):
            stretches[-1] = (stretches[-1][0], each.sample.day, m.low, m.high)
        else:
            stretches.append((each.sample.day, each.sample.day, m.low, m.high))
    for first, last, low, high in stretches:
        x, top = axis.begin(first), scale.y(scale.high if high is None else high)
        bottom = scale.y(scale.low if low is None else low)
        yield Box(x=x, y=top, width=axis.end(last) - x, height=bottom - top)


def _bands(lines: Lines, axis: TimeAxis, scale: ValueAxis) -> Iterator[Box]:
    """The grades as bands across the picture, as far as they lie in it."""
    for band in lines.bands:
        low = scale.low if band.low is None else _decimal(band.low)
        high = scale.high if band.high is None else _decimal(band.high)
        if low >= scale.high or high <= scale.low:
            continue
        top, bottom = scale.y(high), scale.y(low)
        name = f"grade {band.grade}" + (f" to {band.grade_to}" if band.grade_to > band.grade else "")
        yield Box(
            x=Decimal(axis.left),
            y=top,
            width=Decimal(axis.width),
            height=bottom - top,
            words=name if bottom - top >= _BAND_WITH_WORDS else "",
            grade=band.grade,
        )


def _levels(lines: Lines, scale: ValueAxis) -> tuple[Level, ...]:
    """One line for each value that rules act on, with the ids of all of them."""
    by_limit: dict[Fraction, list[str]] = {}
    for line in lines.rules:
        if line.limit is not None:
            by_limit.setdefault(line.limit, []).append(line.rule)
    in_order = sorted(by_limit, reverse=True)
    places = [scale.y(_decimal(limit)) for limit in in_order]
    beside = spread(places, apart=WORDS_APART, top=TOP, bottom=BOTTOM)
    return tuple(
        Level(y=y, words_y=words_y, words=", ".join(dict.fromkeys(by_limit[limit])))
        for limit, y, words_y in zip(in_order, places, beside, strict=True)
    )


def _given(given: Sequence[GivenCycle], axis: TimeAxis) -> Iterator[Upright]:
    """Each administration with its activity, or with its number alone where they stand close together."""
    shown = [cycle for cycle in sorted(given, key=lambda each: each.on) if axis.holds(cycle.on)]
    places = [axis.x(cycle.on) for cycle in shown]
    is_wide = all(after - before >= _WIDE_LABEL for before, after in itertools.pairwise(places))
    for cycle, x in zip(shown, places, strict=True):
        activity = f" {cycle.activity_gbq.normalize():f} GBq" if is_wide else ""
        is_last = x > axis.left + axis.width - _WIDE_LABEL
        yield Upright(x=x, cycle=cycle, words=f"C{cycle.number}{activity}", is_last=is_last)
