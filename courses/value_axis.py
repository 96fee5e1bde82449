"""Place measured values on one vertical axis, in equal steps or in equal ratios, as the values ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

from courses.time_axis import tenth

_PART = Decimal("0.08")  # of the height stays free above and below the values
_RATIO = Decimal("1.2")
# From this ratio of the largest to the smallest value on, equal ratios are shown as equal distances.
RATIOS_FROM = 10
_LEAST, _MOST = 3, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueAxis:
    """The values from `low` to `high` over `height` units below `top`; larger values stand higher."""

    low: Decimal
    high: Decimal
    top: int
    height: int
    in_ratios: bool = False

    def __post_init__(self) -> None:
        if self.high <= self.low or (self.in_ratios and self.low <= 0):
            raise ValueError("an axis needs two values in order, of ratios both above zero")

    def holds(self, value: Decimal) -> bool:
        """Whether a value lies on it."""
        return self.low <= value <= self.high

    def y(self, value: Decimal) -> Decimal:
        """Where a value stands; what lies beyond an end stands at that end."""
        within = min(max(value, self.low), self.high)
        if self.in_ratios:
            part = (self.high / within).ln() / (self.high / self.low).ln()
        else:
            part = (self.high - within) / (self.high - self.low)
        return tenth(self.top + part * self.height)


def value_axis(values: Iterable[Decimal], *, top: int, height: int) -> ValueAxis:
    """An axis with room for all these values; between none of them it runs from 0 to 1."""
    found = sorted(values) or [Decimal(0), Decimal(1)]
    least, most = found[0], found[-1]
    if least > 0 and most >= least * RATIOS_FROM:
        return ValueAxis(low=least / _RATIO, high=most * _RATIO, top=top, height=height, in_ratios=True)
    room = (most - least or abs(most) or Decimal(1)) * _PART
    low = least - room
    if least >= 0:
        low = max(low, Decimal(0))
    return ValueAxis(low=low, high=most + room, top=top, height=height)


def value_ticks(axis: ValueAxis) -> tuple[Decimal, ...]:
    """The values written beside the axis: round ones, few enough to be read."""
    if axis.in_ratios:
        fine, coarse = _round_ratios(axis, (1, 2, 5)), _round_ratios(axis, (1,))
        for found in (fine, coarse):
            if _LEAST <= len(found) <= _MOST:
                return found
        if len(coarse) > _MOST:
            return coarse[:: len(coarse) // _MOST + 1]
    return _round_steps(axis)


def _round_ratios(axis: ValueAxis, digits: Sequence[int]) -> tuple[Decimal, ...]:
    powers = range(axis.low.adjusted(), axis.high.adjusted() + 1)
    each = (Decimal(digit).scaleb(power) for power in powers for digit in digits)
    return tuple(value for value in each if axis.holds(value))


def _round_steps(axis: ValueAxis) -> tuple[Decimal, ...]:
    """Multiples of the smallest round step that gives few enough."""
    span = axis.high - axis.low
    power = span.adjusted() - 1
    steps = (Decimal(digit).scaleb(power + more) for more in range(3) for digit in (1, 2, 5))
    step = next(step for step in steps if span / step <= _MOST)
    first = (axis.low / step).to_integral_value(ROUND_CEILING)
    last = (axis.high / step).to_integral_value(ROUND_FLOOR)
    return tuple(step * (first + place) for place in range(int(last - first) + 1))


def spread(places: Sequence[Decimal], *, apart: int, top: int, bottom: int) -> tuple[Decimal, ...]:
    """The same heights moved so little that words beside them do not cover each other, between two ends.

    They come in order from above. Where there is too little room for all, they stand evenly.
    """
    if not places:
        return ()
    if (len(places) - 1) * apart > bottom - top:
        step = Decimal(bottom - top) / max(len(places) - 1, 1)
        return tuple(tenth(top + step * place) for place in range(len(places)))
    found = [max(places[0], Decimal(top))]
    for before_now in pairwise(places):
        found.append(max(before_now[1], found[-1] + apart))
    limit = Decimal(bottom)
    for place in range(len(found) - 1, -1, -1):
        found[place] = min(found[place], limit)
        limit = found[place] - apart
    return tuple(found)
