"""Values known exactly or only within bounds, and comparisons that may answer true, false or unknown."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

Tri = bool | None
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Interval:
    """What a value may be; an end of None is unbounded, an open end is not itself possible."""

    low: Fraction | None
    high: Fraction | None
    low_open: bool = False
    high_open: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether only one value is possible."""
        return self.low is not None and self.low == self.high

    def scaled(self, factor: Fraction) -> "Interval":
        """Every possible value times a positive factor."""
        if factor == 1:
            return self
        low = None if self.low is None else self.low * factor
        if self.high is self.low:
            return Interval(low, low)
        high = None if self.high is None else self.high * factor
        return Interval(low, high, self.low_open, self.high_open)

    def inverted(self, numerator: Fraction) -> "Interval":
        """A positive numerator divided by every possible value; dividing by zero is unbounded."""
        low = numerator / self.high if self.high else ZERO
        high = numerator / self.low if self.low else None
        return Interval(low, high, self.high_open, self.low_open)

    def mirrored(self, around: Fraction) -> "Interval":
        """A number minus every possible value."""
        low = None if self.high is None else around - self.high
        high = None if self.low is None else around - self.low
        return Interval(low, high, self.high_open, self.low_open)

    def plus(self, other: "Interval") -> "Interval":
        """The sum of two values known within bounds."""
        low = None if self.low is None or other.low is None else self.low + other.low
        high = None if self.high is None or other.high is None else self.high + other.high
        return Interval(low, high, self.low_open or other.low_open, self.high_open or other.high_open)

    def hull(self, other: "Interval") -> "Interval":
        """The smallest interval that holds both."""
        low = None if self.low is None or other.low is None else min(self.low, other.low)
        high = None if self.high is None or other.high is None else max(self.high, other.high)
        return Interval(low, high)


@lru_cache(maxsize=4096)
def exactly(value: Decimal | Fraction) -> Interval:
    """A value known exactly."""
    end = Fraction(value)
    return Interval(end, end)


def compared(value: Decimal, comparator: str) -> Interval:
    """What a result reported with `<`, `<=`, `>` or `>=` may be; nothing measured lies below zero."""
    end = Fraction(value)
    if comparator in ("<", "<="):
        return Interval(ZERO, end, False, comparator == "<")
    if comparator in (">", ">="):
        return Interval(end, None, comparator == ">", False)
    return Interval(end, end)


def is_below(value: Interval, limit: Interval) -> Tri:
    """Whether the value is smaller than the limit."""
    if value.high is value.low is not None and limit.high is limit.low is not None:
        return value.low < limit.low  # both exact: one comparison answers
    if value.high is not None and limit.low is not None:
        if value.high < limit.low:
            return True
        if (value.high_open or limit.low_open) and value.high == limit.low:
            return True
    if value.low is not None and limit.high is not None and value.low >= limit.high:
        return False
    return None


def is_at_most(value: Interval, limit: Interval) -> Tri:
    """Whether the value is not larger than the limit."""
    return negated(is_below(limit, value))


def is_further(value: Interval, than: Interval, *, low: bool) -> bool:
    """Whether a value may lie further out than another: downwards when `low`, else upwards."""
    if low:
        return (value.low or ZERO) < (than.low or ZERO)
    return than.high is not None and (value.high is None or value.high > than.high)


def negated(answer: Tri) -> Tri:
    """Unknown stays unknown."""
    return None if answer is None else not answer


def all_of(answers: Iterable[Tri]) -> Tri:
    """False as soon as one is false; else unknown as soon as one is unknown."""
    found: Tri = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            found = None
    return found


def any_of(answers: Iterable[Tri]) -> Tri:
    """True as soon as one is true; else unknown as soon as one is unknown."""
    return negated(all_of(negated(answer) for answer in answers))
