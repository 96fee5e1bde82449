"""Judge plain values against the bounds of the table of critical values."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from operator import ge, gt, le, lt


class Side(StrEnum):
    """On which side a value is critical."""

    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds of one analyte in its canonical unit, the mildest first."""

    analyte: str
    unit: str
    source: str
    below: tuple[Decimal, ...] = ()
    above: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Critical:
    """On which side a value lies, beyond how many bounds, and whether that is only as far as can be told."""

    side: Side
    level: int
    doubtful: bool


def judge(value: Decimal, comparator: str, bounds: Bounds) -> Critical | None:
    """Whether a value is critical; at the bound itself it is not.

    `<25` lies below 25. `<30` may lie below 25, and `>20` too: what may be critical counts, in doubt.
    """
    low = _level(value, comparator, bounds.below, outward="<", beyond=lt, at_least=le)
    high = _level(value, comparator, bounds.above, outward=">", beyond=gt, at_least=ge)
    for side, found in ((Side.LOW, low), (Side.HIGH, high)):
        if found is not None:
            return Critical(side=side, level=found[0], doubtful=found[1])
    return None


def _level(
    value: Decimal,
    comparator: str,
    bounds: tuple[Decimal, ...],
    *,
    outward: str,
    beyond: Callable[[Decimal, Decimal], bool],
    at_least: Callable[[Decimal, Decimal], bool],
) -> tuple[int, bool] | None:
    """How many bounds the value passes, and whether in doubt; `outward` is the sign that points past them."""
    if not bounds:
        return None
    strictly = comparator == outward
    passed = sum((at_least if strictly else beyond)(value, bound) for bound in bounds)
    if comparator.startswith(outward):
        # However far it lies beyond the number sent, it may lie beyond a bound as well.
        return (passed, False) if passed else (1, True)
    return (passed, bool(comparator)) if passed else None
