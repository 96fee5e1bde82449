"""Activities: read with their unit, brought to one instant by decay, compared with what was directed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from enum import Enum

from courses.rules.decimals import plain

# The curie's definition (3.7 × 10^10 decays a second) and the prefixes of the SI: no clinical choices.
_GBQ = {"GBq": Decimal(1), "MBq": Decimal("0.001"), "mCi": Decimal("0.037")}
_WRITTEN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)?\s*")
_EXACT = Context(prec=34)
_MICROSECOND = timedelta(microseconds=1)
_LN_2 = Decimal(2).ln(_EXACT)


class BadActivity(ValueError):
    """An activity that cannot be read, with what to write instead."""


class Deviation(Enum):
    """How far a measured activity lies from the directed one, by the protocol's two bounds."""

    WITHIN = "within"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measurement: how much, and when it was so much. The instant is aware."""

    gbq: Decimal
    at: datetime


def read_activity(text: str) -> Decimal:
    """`7.4 GBq`, `7400 MBq` or `200 mCi` in GBq, exactly. Raises BadActivity, also where no unit stands."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise BadActivity(f"{text!r} is no activity: write a number and its unit, such as 7.4 GBq.")
    number, unit = found.groups()
    if unit is None:
        raise BadActivity(f"{number} has no unit: write {number} GBq, {number} MBq or {number} mCi.")
    if unit not in _GBQ:
        raise BadActivity(f"{unit!r} is no unit of activity here: write GBq, MBq or mCi, spelt like this.")
    found_gbq = Decimal(number) * _GBQ[unit]
    if not found_gbq:
        raise BadActivity("An activity of 0 is none: write what was measured.")
    return found_gbq


def both_units(gbq: Decimal) -> str:
    """`7.4 GBq (200 mCi)`: the millicuries to a tenth where they are not whole."""
    millicuries = (gbq / _GBQ["mCi"]).quantize(Decimal("0.1"))
    return f"{plain(gbq)} GBq ({plain(millicuries)} mCi)"


def decayed(measured: Measured, *, to: datetime, half_life: timedelta) -> Decimal:
    """The activity in GBq at another instant, earlier or later: A × 2^(-t / T½) (clinical dossier, 7.2).

    Instants are aware: hours of the clock that a change of summer time leaves out or repeats count as they
    pass. Raises ValueError for a naive one.
    """
    if measured.at.tzinfo is None or to.tzinfo is None:
        raise ValueError("an instant without a time zone says nothing of how long something decayed")
    # In UTC: between two instants of one zone Python counts by the clock on the wall.
    elapsed = to.astimezone(UTC) - measured.at.astimezone(UTC)
    halvings = _EXACT.divide(_microseconds(elapsed), _microseconds(half_life))
    return _EXACT.multiply(measured.gbq, _EXACT.exp(_EXACT.multiply(-halvings, _LN_2)))


def _microseconds(span: timedelta) -> Decimal:
    return Decimal(span // _MICROSECOND)


def net_administered(
    assay: Measured, residuals: Iterable[Measured], *, start: datetime, half_life: timedelta
) -> Decimal:
    """What reached the patient in GBq: the assay without every residual, all brought to the infusion's start.

    Raises BadActivity where more is said to be left than there was.
    """
    before = decayed(assay, to=start, half_life=half_life)
    left = Decimal(0)
    for each in residuals:
        left += decayed(each, to=start, half_life=half_life)
    if left > before:
        raise BadActivity(
            f"The residuals make {both_units(left.quantize(Decimal('0.001')))} at the start, more than the "
            f"{both_units(before.quantize(Decimal('0.001')))} that were measured: check both measurements."
        )
    return before - left


def deviation_percent(measured_gbq: Decimal, directed_gbq: Decimal) -> Decimal:
    """How far a measured activity lies from the directed one, in percent of that; negative below it."""
    return (measured_gbq - directed_gbq) * 100 / directed_gbq


def judge_assay(
    measured_gbq: Decimal, directed_gbq: Decimal, *, warn_percent: Decimal, refuse_percent: Decimal
) -> Deviation:
    """Whether an assay may be used: more than a bound warns or refuses, exactly at it does not (rulings 3.5).

    The bounds are compared by multiplication, so that nothing is rounded.
    """
    apart = abs(measured_gbq - directed_gbq) * 100
    if apart > refuse_percent * directed_gbq:
        return Deviation.REFUSE
    return Deviation.WARN if apart > warn_percent * directed_gbq else Deviation.WITHIN


def is_event(delivered_gbq: Decimal, directed_gbq: Decimal, *, event_percent: Decimal) -> bool:
    """Whether what was delivered asks for a review as a medical event: at the bound already (rulings 3.5)."""
    return abs(delivered_gbq - directed_gbq) * 100 >= event_percent * directed_gbq
