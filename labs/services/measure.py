"""Say what a result measures, by its codes, unit and range: closed tables, and what its sender declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from labs import library
from labs.clinic_days import add_days
from labs.formats.numbers import MOST_DIGITS, shown
from labs.formats.parsed import Code, ParsedObservation, ParsedRange, Problem
from labs.models import LocalCode, UnitSpelling
from labs.units import Analyte, convert, fold_unit

_LOINC_SYSTEMS = frozenset({"LN", "LOINC", "HTTP://LOINC.ORG"})
_MOST_DECIMALS = 9
_WIDEST = Decimal(10) ** 11


class Measure(NamedTuple):
    """What is measured, and how: all that a result's codes, unit and range say without its value."""

    analyte: Analyte
    loinc: str
    code_sent: str
    unit: str | Problem
    spelling: str | None
    range: ParsedRange


Known = dict[tuple[Any, ...], Measure | Problem]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What judging one observation needs to know beside it."""

    local_codes: Mapping[str, Sequence[LocalCode]]
    birth_date: date
    sent_at: datetime | None
    received_at: datetime
    # How this sender writes units: by analyte and folded spelling, the known unit that is meant.
    unit_spellings: Mapping[tuple[str, str], str] = field(default_factory=dict)
    # The canonical value that people took for true although it is implausible.
    confirmed_value: str = ""
    # What these codes and spellings made of the results before: a laboratory sends the same few tests again.
    known: Known = field(default_factory=dict)

    @cached_property
    def newest(self) -> datetime:
        """The latest time at which a specimen can have been taken."""
        newest = min(filter(None, (self.sent_at, self.received_at)))
        return newest + timedelta(minutes=library.limits().newest_minutes_ahead)

    @cached_property
    def oldest(self) -> date:
        """The first day whose specimens are still taken in."""
        return add_days(self.received_at.date(), -366 * library.limits().oldest_years)

    @cached_property
    def born(self) -> date:
        """The day before birth, which in another zone may be the day of birth."""
        return add_days(self.birth_date, -1)


def local_codes_of(sender: str) -> Mapping[str, Sequence[LocalCode]]:
    """A sender's own codes, in one query."""
    found: dict[str, list[LocalCode]] = {}
    for row in LocalCode.objects.filter(sender=sender):
        found.setdefault(row.code, []).append(row)
    return found


def unit_spellings_of(sender: str) -> Mapping[tuple[str, str], str]:
    """A sender's own spellings of units, in one query."""
    rows = UnitSpelling.objects.filter(sender=sender)
    return {(row.analyte, row.spelling): row.unit for row in rows}


def measure_of(sent: ParsedObservation, context: Context) -> Measure | Problem:
    """What an observation measures, worked out once for all that name it alike; or why it is not certain."""
    low, high = sent.range
    key = (sent.codes, sent.units, sent.sent_unit, str(low), str(high))  # as text: -0 equals 0
    known = context.known.get(key)
    if known is None:
        known = context.known[key] = _measure(sent, context)
    return known


def _measure(sent: ParsedObservation, context: Context) -> Measure | Problem:
    named = name_analyte(sent.codes, local_codes=context.local_codes)
    if isinstance(named, Problem):
        return named
    analyte, loinc = named
    unit = unit_of(sent, analyte, context)
    spellings = [fold_unit(spelling) for spelling in sent.units or ("",)]
    return Measure(
        analyte=analyte,
        loinc=loinc,
        code_sent=" / ".join(["^".join((code.code, code.text, code.system)) for code in sent.codes]),
        unit=unit,
        spelling=next((spelling for spelling in spellings if spelling in analyte.units), None),
        range=sent.range if isinstance(unit, Problem) else _range(sent.range, analyte, unit),
    )


def name_analyte(
    codes: tuple[Code, ...], *, local_codes: Mapping[str, Sequence[LocalCode]]
) -> tuple[Analyte, str] | Problem:
    """The analyte all codings of a test agree on, and its LOINC code."""
    found: dict[str, str] = {}
    for code in codes:
        analyte = _by_loinc(code) or _by_local_code(code, local_codes)
        if analyte is not None:
            loinc = code.code if code.code in analyte.codes else analyte.loinc
            found.setdefault(analyte.short, loinc)
    sent = ", ".join(code.code or code.text for code in codes) or "(none)"
    if not found:
        return Problem(code="unmapped-code", reason=f"The test code {sent} stands for no analyte known here.")
    never = {code.code for code in codes if code.system in _LOINC_SYSTEMS}
    if len(found) > 1 or any(never & set(library.analytes()[short].loinc_never) for short in found):
        return Problem(code="code-conflict", reason=f"The test codes {sent} contradict each other.")
    [(short, loinc)] = found.items()
    return library.analytes()[short], loinc


def _by_loinc(code: Code) -> Analyte | None:
    if code.system not in _LOINC_SYSTEMS or not library.loinc_check_digit_holds(code.code):
        return None
    return library.by_loinc(code.code)


def _by_local_code(code: Code, local_codes: Mapping[str, Sequence[LocalCode]]) -> Analyte | None:
    """By the sender's table: the coding system must agree where both sides name one.

    Many laboratories label codes of their own as LOINC, so that this label says nothing of a code that is
    none of ours.
    """
    said = "" if code.system in _LOINC_SYSTEMS else code.system
    rows = [
        row
        for row in local_codes.get(code.code, ())
        if not row.coding_system or not said or row.coding_system.upper() == said
    ]
    shorts = {row.analyte for row in rows}
    return library.analytes().get(shorts.pop()) if len(shorts) == 1 else None


def unit_of(sent: ParsedObservation, analyte: Analyte, context: Context) -> str | Problem:
    """The one unit all known spellings agree on; unknown spellings beside a known one are descriptions.

    The closed table comes first, then what people have said of this sender's own spellings.
    """
    spellings = sent.units or ("",)
    known = [spelling for spelling in spellings if fold_unit(spelling) in analyte.units]
    if not known:
        theirs = [context.unit_spellings.get((analyte.short, fold_unit(spelling))) for spelling in spellings]
        known = [unit for unit in theirs if unit is not None and fold_unit(unit) in analyte.units]
    if not known:
        if sent.sent_unit:
            reason = f"The unit {shown(sent.sent_unit)} is not known for {analyte.name}."
            return Problem(code="unknown-unit", reason=reason)
        return Problem(code="no-unit", reason=f"{analyte.name} came without a unit.")
    if len({analyte.units[fold_unit(spelling)] for spelling in known}) > 1:
        return Problem(code="unit-conflict", reason="The units named for this result contradict each other.")
    return known[0]


def _range(sent: ParsedRange, analyte: Analyte, unit: str) -> ParsedRange:
    """The reference range in the canonical unit; a bound that cannot be stored exactly is left out."""
    if sent.low is None and sent.high is None:
        return sent

    def bound(value: Decimal | None) -> Decimal | None:
        converted = None if value is None else convert(analyte=analyte, value=value, unit=unit)
        return converted if converted is not None and fits(converted) else None

    return ParsedRange(low=bound(sent.low), high=bound(sent.high))


@lru_cache(maxsize=4096)
def fits(value: Decimal) -> bool:
    """Whether a number survives storage digit for digit on both databases."""
    _sign, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    return len(digits) <= MOST_DIGITS and -exponent <= _MOST_DECIMALS and abs(value) < _WIDEST
