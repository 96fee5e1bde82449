"""A count of its whole in words, and a rank of a sorted list: no share without the numbers it comes from."""

from collections.abc import Sequence

# Below so many a percentage says more than is known (our choice).
LEAST_FOR_PERCENT = 20


def of(part: int, whole: int) -> str:
    """`3 of 12`, with whole percent beside it where the whole is large enough; nothing is divided by 0."""
    if whole == 0:
        return "none to count"
    share = f"{part} of {whole}"
    return f"{share} ({percent(part, whole)} %)" if whole >= LEAST_FOR_PERCENT else share


def percent(part: int, whole: int) -> int:
    """The nearest whole percent; a half is rounded up."""
    return (200 * part + whole) // (2 * whole)


def nearest(values: Sequence[int], rank: int) -> int | None:
    """The smallest of sorted values that at least so many of 100 do not exceed; none of none."""
    return values[-(-rank * len(values) // 100) - 1] if values else None
