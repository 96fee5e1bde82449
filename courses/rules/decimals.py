"""Exact numbers as decimals: as few digits as keep every number on its own side of the one beside it."""

from decimal import Decimal
from fractions import Fraction

from courses.rules.intervals import Interval

UNKNOWN = "not known"
_EXACT_PLACES = 9


def plain(number: Decimal) -> str:
    """Without exponent or trailing zeros: 7.4, not 7.400 or 74E-1."""
    return f"{number.normalize():f}"


def apart(value: Interval | None, limit: Interval | None, *, computed: bool) -> tuple[str, str]:
    """Both sides of a comparison as decimals that compare as the exact numbers do.

    Measured numbers are printed whole; `computed` ones get as few places as keep every end of the one side
    where it lies beside every end of the other.
    """
    if not computed:
        return _side(value, 3), _side(limit, 3)
    ends = [end for side in (value, limit) if side is not None for end in (side.low, side.high)]
    places = 1
    while not _same_order(ends, places):
        places += 1
    return _side(_rounded_side(value, places), places), _side(_rounded_side(limit, places), places)


def exact_text(number: Fraction, places: int = 3) -> str:
    """A number whole where it has at most nine places, else rounded to so many."""
    rounded = _rounded(number, places)
    return plain(Decimal(rounded.numerator) / Decimal(rounded.denominator))


def interval_text(value: Interval, places: int = 3) -> str:
    """`75`; `<75`, `>=75` where only one end is known; `60 to <75` where both are."""
    if value.low is not None and value.low == value.high:
        return exact_text(value.low, places)
    if value.high is None:
        return (
            UNKNOWN
            if value.low is None
            else f"{'>' if value.low_open else '>='}{exact_text(value.low, places)}"
        )
    high = exact_text(value.high, places)
    if not value.low:
        return f"{'<' if value.high_open else '<='}{high}"
    low = f"{'>' if value.low_open else ''}{exact_text(value.low, places)}"
    return f"{low} to {'<' if value.high_open else ''}{high}"


def _side(value: Interval | None, places: int) -> str:
    return UNKNOWN if value is None else interval_text(value, places)


def _rounded_side(value: Interval | None, places: int) -> Interval | None:
    if value is None:
        return None
    low = None if value.low is None else _to_places(value.low, places)
    high = None if value.high is None else _to_places(value.high, places)
    return Interval(low, high, value.low_open, value.high_open)


def _same_order(ends: list[Fraction | None], places: int) -> bool:
    known = [end for end in ends if end is not None]
    shown = [_to_places(end, places) for end in known]
    return all(
        (one < other) == (known[i] < known[j]) for i, one in enumerate(shown) for j, other in enumerate(shown)
    )


def _rounded(number: Fraction, places: int) -> Fraction:
    if 10**_EXACT_PLACES % number.denominator == 0:
        return number
    return _to_places(number, places)


def _to_places(number: Fraction, places: int) -> Fraction:
    return Fraction(round(number * 10**places), 10**places)
