"""Find the values that lie from the patient's last one as the same number in another unit would lie."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import groupby, permutations

from labs.units import Analyte

# The mark of such a value, beside the faults of a specimen.
UNIT_JUMP = "unit-jump"


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpLimits:
    """The numbers of [unit_jumps] in analytes.toml; what each means stands there."""

    tolerance_percent: int
    least_ratio: Decimal
    close_percent: int
    closely_for: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What stands of one result: a canonical value, and whether it may be relied on.

    `agreed`: two people compared number and unit with the laboratory's own report.
    """

    key: int
    analyte: str
    at: datetime
    value: Decimal
    usable: bool
    agreed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitJump:
    """From which value one jumped, and near which ratio of two known units: above 1 upwards."""

    before: Decimal
    before_at: datetime
    ratio: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One ratio of two known units, and how near to it counts."""

    ratio: Fraction
    lowest: Fraction
    highest: Fraction


def unit_jumps(
    reported: Iterable[Reported], *, analytes: Mapping[str, Analyte], limits: JumpLimits
) -> dict[int, UnitJump]:
    """The jumps of one person among all her results, by key; a function of the results, not of their order.

    Each value is compared with the newest earlier one that may be relied on and is itself no jump: a
    laboratory that changed its unit unsaid would else be believed from the second result on.
    """
    by_analyte: dict[str, list[Reported]] = defaultdict(list)
    for each in reported:
        if each.analyte in analytes:
            by_analyte[each.analyte].append(each)
    found: dict[int, UnitJump] = {}
    for short, values in by_analyte.items():
        if ratios := known_ratios(analytes[short], limits):
            found.update(_jumps(values, ratios))
    return found


def _jumps(values: list[Reported], ratios: tuple[Band, ...]) -> Iterator[tuple[int, UnitJump]]:
    """One analyte's values in the order of their specimens; those of one instant are not compared."""
    last: list[Reported] = []
    for _at, group in groupby(sorted(values, key=lambda each: (each.at, each.value)), lambda each: each.at):
        together = list(group)
        agreed = {each.value for each in together if each.agreed}
        relied_on = []
        for each in together:
            jump = None if each.value in agreed else _jump(each, last, ratios)
            if jump is not None:
                yield each.key, jump
            elif each.usable and each.value > 0:
                relied_on.append(each)
        last = relied_on or last


def _jump(each: Reported, last: list[Reported], ratios: tuple[Band, ...]) -> UnitJump | None:
    """The jump from the last value, where copies of it differ from any; zero has no ratio to anything."""
    for before in last if each.value > 0 else ():
        moved = Fraction(each.value) / Fraction(before.value)
        near = [band.ratio for band in ratios if band.lowest <= moved <= band.highest]
        if near:
            nearest = min(near, key=lambda ratio: abs(moved / ratio - 1))
            return UnitJump(before=before.value, before_at=before.at, ratio=nearest)
    return None


@lru_cache(maxsize=256)
def known_ratios(analyte: Analyte, limits: JumpLimits) -> tuple[Band, ...]:
    """The ratios between the known units of an analyte, both ways, that no ordinary change resembles."""
    factors = sorted(set(analyte.units.values()))
    found = set()
    for one, other in permutations(factors, 2):
        ratio = Fraction(one) / Fraction(other)
        wide = max(ratio, 1 / ratio) >= limits.least_ratio
        if wide or analyte.short in limits.closely_for:
            percent = limits.tolerance_percent if wide else limits.close_percent
            near = 1 + Fraction(percent, 100)
            found.add(Band(ratio=ratio, lowest=ratio / near, highest=ratio * near))
    return tuple(sorted(found, key=lambda band: band.ratio))
