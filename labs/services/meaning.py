"""Judge one read observation: which analyte, how much in canonical units, or why a person must look."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from labs import library
from labs.clinic_days import add_days
from labs.formats.numbers import MOST_DIGITS, shown
from labs.formats.parsed import (
    Act,
    Code,
    ParsedObservation,
    ParsedRange,
    ParsedStatus,
    ParsedTime,
    Problem,
)
from labs.life_cycle import DATED
from labs.models import LocalCode, UnitSpelling
from labs.units import Analyte, convert, fold_unit, is_plausible

_LOINC_SYSTEMS = frozenset({"LN", "LOINC", "HTTP://LOINC.ORG"})
_DELETION = ParsedStatus(word="entered-in-error", act=Act.WITHDRAW)
_MOST_DECIMALS = 9
# The mark of a value that two people, or one asked twice, took for true although it is unlikely.
IMPLAUSIBLE = "implausible"
_WIDEST = Decimal(10) ** 11


class Understood(NamedTuple):
    """One observation, judged fit to be stored as a version of its result."""

    sent: ParsedObservation
    analyte: Analyte
    loinc: str
    status: str
    act: Act
    collected: ParsedTime
    value: Decimal | None
    comparator: str
    range: ParsedRange

    def digest(self, *, ordered_at: datetime, ordered_by: str) -> str:
        """A fingerprint of the content; the status time is part of it only where the laboratory dated it."""
        content = [
            self.status,
            plain(self.value),
            self.comparator,
            plain(self.range.low),
            plain(self.range.high),
            sorted(self.sent.quality),
            ordered_at.isoformat() if ordered_by in DATED else "",
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
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


def plain(value: Decimal | None) -> str:
    """A decimal without exponent and without trailing zeros; nothing for none."""
    return "" if value is None else f"{value.normalize():f}"


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


def understand(sent: ParsedObservation, *, context: Context) -> Understood | Problem | None:
    """The observation's meaning, the reason it must wait, or none where the sender reports no result yet."""
    if sent.status is None:
        letter = sent.status_sent or "(blank)"
        return Problem(
            code="unknown-status", reason=f"The result status {letter} is not known; nothing is assumed."
        )
    if sent.status.act is Act.NO_RESULT:
        return None
    named = sent.doubt or name_analyte(sent.codes, local_codes=context.local_codes)
    if isinstance(named, Problem):
        return None if is_attachment(sent) else named
    if isinstance(sent.collected, Problem):
        return sent.collected
    if fault := time_fault(sent.collected.instant, context):
        return fault
    return _judged(sent, sent.collected, _effective(sent.status, sent), named, context)


def _judged(
    sent: ParsedObservation,
    collected: ParsedTime,
    status: ParsedStatus,
    named: tuple[Analyte, str],
    context: Context,
) -> Understood | Problem:
    understood = Understood(
        sent=sent,
        analyte=named[0],
        loinc=named[1],
        status=status.word,
        act=status.act,
        collected=collected,
        value=None,
        comparator="",
        range=ParsedRange(),
    )
    return understood if status.act is Act.WITHDRAW else _with_value(understood, context)


def _effective(status: ParsedStatus, sent: ParsedObservation) -> ParsedStatus:
    """What a status comes to with this value: deleted takes back, confirmed without a value promotes."""
    code = sent.number.code if isinstance(sent.number, Problem) else ""
    if code == "value-deleted" and status.act is not Act.WITHDRAW:
        return _DELETION
    if status.act is Act.CONFIRM:
        return replace(status, act=Act.PROMOTE if code == "no-value" else Act.STORE)
    return status


def is_attachment(sent: ParsedObservation) -> bool:
    """Whether it is a file beside the results: kept with its message, unread."""
    return isinstance(sent.number, Problem) and sent.number.code == "attachment"


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


def time_fault(instant: datetime, context: Context) -> Problem | None:
    """Why a specimen cannot have been taken at an instant, or none."""
    limits = library.limits()
    newest = min(filter(None, (context.sent_at, context.received_at)))
    if instant > newest + timedelta(minutes=limits.newest_minutes_ahead):
        return Problem(code="future-time", reason="The collection time lies in the future.")
    if instant.date() < add_days(context.received_at.date(), -366 * limits.oldest_years):
        return Problem(
            code="old-time", reason=f"The collection time lies more than {limits.oldest_years} years back."
        )
    if instant.date() < add_days(context.birth_date, -1):
        return Problem(code="before-birth", reason="The collection time lies before the patient's birth.")
    return None


def _with_value(understood: Understood, context: Context) -> Understood | Problem:
    sent, analyte, number = understood.sent, understood.analyte, understood.sent.number
    if isinstance(number, Problem):
        if understood.act is Act.PROMOTE and number.code == "no-value":
            return understood
        return number
    unit = unit_of(sent, analyte, context)
    if isinstance(unit, Problem):
        return unit
    value = convert(analyte=analyte, value=number.value, unit=unit)
    if not is_plausible(analyte=analyte, value=value):
        if plain(value) != context.confirmed_value:
            return implausible(analyte, value)
        # Taken for true, it may hold and alert at once; it clears nothing.
        sent = sent._replace(quality=tuple(sorted({*sent.quality, IMPLAUSIBLE})))
    if not _fits(value):
        return Problem(
            code="too-many-digits", reason="The value has more digits than a measurement can have."
        )
    return understood._replace(
        sent=sent,
        value=value,
        comparator=number.comparator,
        range=_range(sent.range, analyte, unit),
    )


def implausible(analyte: Analyte, value: Decimal) -> Problem:
    """Why a value waits that no living patient is expected to have."""
    reason = f"{plain(value)} {analyte.unit} is outside what is plausible for {analyte.name}."
    return Problem(code="implausible", reason=reason)


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
        return converted if converted is not None and _fits(converted) else None

    return ParsedRange(low=bound(sent.low), high=bound(sent.high))


@lru_cache(maxsize=4096)
def _fits(value: Decimal) -> bool:
    """Whether a number survives storage digit for digit on both databases."""
    _sign, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    return len(digits) <= MOST_DIGITS and -exponent <= _MOST_DECIMALS and abs(value) < _WIDEST
