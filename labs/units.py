"""Convert a value to its analyte's canonical unit by a closed table; refuse every unit that is not in it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from functools import lru_cache

_EXACT = Context(prec=60, traps=[Inexact])
# After case folding: the Greek mu (both micro signs), the multiplication sign, two other slashes.
_ALIKE = str.maketrans({"\u03bc": "u", "\u00d7": "x", "\u2215": "/", "\u2044": "/"})
_BLANK_BETWEEN_DIGITS = re.compile(r"(?<=\d)\s+(?=\d)")
_BLANKS = re.compile(r"\s+")


class UnknownUnit(ValueError):
    """The unit is not in the analyte's table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyte:
    """What is measured: its codes, its canonical unit, and every unit it may arrive in."""

    short: str
    name: str
    loinc: str
    loinc_also: tuple[str, ...] = ()
    loinc_never: tuple[str, ...] = ()
    unit: str
    units: Mapping[str, Decimal] = field(hash=False)
    # Of a spelling that means another unit elsewhere: the factor of that one.
    also_meant: Mapping[str, Decimal] = field(hash=False, default_factory=dict)
    plausible_low: Decimal
    plausible_high: Decimal
    source: str
    confidence: str

    @property
    def codes(self) -> tuple[str, ...]:
        """Every LOINC code this analyte answers to, the preferred one first."""
        return (self.loinc, *self.loinc_also)


@lru_cache(maxsize=1024)
def fold_unit(unit: str) -> str:
    """One form for the spellings that differ only by case, blanks, micro sign or multiplication sign.

    A blank between two digits stays: `10 9/L` is a lost exponent, `109/L` is not a unit.
    """
    text = _BLANK_BETWEEN_DIGITS.sub("\0", unit.strip().casefold().translate(_ALIKE))
    return _BLANKS.sub("", text).replace("\0", " ")


def convert(*, analyte: Analyte, value: Decimal, unit: str) -> Decimal:
    """The value in the analyte's canonical unit, exactly."""
    factor = analyte.units.get(fold_unit(unit))
    if factor is None:
        shown = unit.strip() or "(no unit)"
        raise UnknownUnit(f"{shown} is not a known unit of {analyte.name}; known: {analyte.unit}")
    if not value.is_finite():
        raise ValueError(f"{value} is not a measured value")
    return _EXACT.multiply(value, factor)


def is_plausible(*, analyte: Analyte, value: Decimal) -> bool:
    """Whether a canonical value can have been measured in a living patient."""
    return analyte.plausible_low <= value <= analyte.plausible_high


def may_mean_another(
    *, analyte: Analyte, value: Decimal, unit: str, bounds: Iterable[Decimal | None] = ()
) -> bool:
    """Whether a sent value, with its sent reference range, is plausible too as the unit is meant elsewhere.

    A bound that nobody could have decides it: then the laboratory counts as this table says.
    """
    factor = analyte.also_meant.get(fold_unit(unit))
    if factor is None:
        return False
    other = (_EXACT.multiply(each, factor) for each in (value, *bounds) if each is not None)
    return all(is_plausible(analyte=analyte, value=each) for each in other)
