"""Judge one read observation: which analyte, how much in canonical units, or why a person must look."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from labs import library
from labs.formats.numbers import shown
from labs.formats.parsed import (
    Act,
    ParsedNumber,
    ParsedObservation,
    ParsedRange,
    ParsedStatus,
    ParsedTime,
    Problem,
)
from labs.life_cycle import DATED
from labs.services.measure import Context, Measure, fits, measure_of
from labs.units import Analyte, convert, fold_unit, is_plausible, may_mean_another

_DELETION = ParsedStatus(word="entered-in-error", act=Act.WITHDRAW)
_CORRECTIONS = frozenset({"corrected", "amended"})
# The mark of a value that two people, or one asked twice, took for true although it is unlikely.
IMPLAUSIBLE = "implausible"


class Understood(NamedTuple):
    """One observation, judged fit to be stored as a version of its result."""

    sent: ParsedObservation
    analyte: Analyte
    loinc: str
    status: str
    act: Act
    collected: ParsedTime
    value: Decimal | None = None
    comparator: str = ""
    range: ParsedRange = ParsedRange()
    # The codes as sent, in one line, and the known spelling of the unit that was believed, folded.
    code_sent: str = ""
    spelling: str | None = None

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


def plain(value: Decimal | None) -> str:
    """A decimal without exponent and without trailing zeros; nothing for none."""
    return "" if value is None else f"{value.normalize():f}"


def understand(sent: ParsedObservation, *, context: Context) -> Understood | Problem | None:
    """The observation's meaning, the reason it must wait, or none where the sender reports no result yet."""
    if sent.status is None:
        letter = sent.status_sent or "(blank)"
        return Problem(
            code="unknown-status", reason=f"The result status {letter} is not known; nothing is assumed."
        )
    if sent.status.act is Act.NO_RESULT:
        return None
    measure = sent.doubt or measure_of(sent, context)
    if isinstance(measure, Problem):
        return None if is_attachment(sent) else measure
    if isinstance(sent.collected, Problem):
        return sent.collected
    if fault := time_fault(sent.collected.instant, context):
        return fault
    return _judged(sent, sent.collected, _effective(sent.status, sent), measure, context)


def _judged(
    sent: ParsedObservation,
    collected: ParsedTime,
    status: ParsedStatus,
    measure: Measure,
    context: Context,
) -> Understood | Problem:
    understood = Understood(
        sent=sent,
        analyte=measure.analyte,
        loinc=measure.loinc,
        status=status.word,
        act=status.act,
        collected=collected,
        code_sent=measure.code_sent,
    )
    return understood if status.act is Act.WITHDRAW else _with_value(understood, measure, context)


def _effective(status: ParsedStatus, sent: ParsedObservation) -> ParsedStatus:
    """What a status comes to with this value: deleted takes back, confirmed without a value promotes."""
    code = sent.number.code if isinstance(sent.number, Problem) else ""
    if code == "value-deleted" and status.act is not Act.WITHDRAW:
        return _DELETION
    if status.act is Act.CONFIRM:
        return replace(status, act=Act.PROMOTE if code == "no-value" else Act.STORE)
    return status


def change_in(sent: ParsedObservation) -> str:
    """The status that an observation gives a result stored before, where it corrects it or takes it back."""
    if sent.status is None:
        return ""
    status = _effective(sent.status, sent)
    return status.word if status.act is Act.WITHDRAW or status.word in _CORRECTIONS else ""


def is_attachment(sent: ParsedObservation) -> bool:
    """Whether it is a file beside the results: kept with its message, unread."""
    return isinstance(sent.number, Problem) and sent.number.code == "attachment"


def time_fault(instant: datetime, context: Context) -> Problem | None:
    """Why a specimen cannot have been taken at an instant, or none."""
    if instant > context.newest:
        return Problem(code="future-time", reason="The collection time lies in the future.")
    day = instant.date()
    if day < context.oldest:
        years = library.limits().oldest_years
        return Problem(code="old-time", reason=f"The collection time lies more than {years} years back.")
    if day < context.born:
        return Problem(code="before-birth", reason="The collection time lies before the patient's birth.")
    return None


def _with_value(understood: Understood, measure: Measure, context: Context) -> Understood | Problem:
    sent, number = understood.sent, understood.sent.number
    if isinstance(number, Problem):
        if understood.act is Act.PROMOTE and number.code == "no-value":
            return understood
        return number
    analyte, unit = measure.analyte, measure.unit
    if isinstance(unit, Problem):
        return unit
    value = convert(analyte=analyte, value=number.value, unit=unit)
    if problem := unlikely(sent, number, analyte=analyte, unit=unit):
        if plain(value) != context.confirmed_value:
            return problem
        # Taken for true, it may hold and alert at once; it clears nothing.
        sent = sent._replace(quality=tuple(sorted({*sent.quality, IMPLAUSIBLE})))
    if not fits(value):
        return Problem(
            code="too-many-digits", reason="The value has more digits than a measurement can have."
        )
    return understood._replace(
        sent=sent,
        value=value,
        comparator=number.comparator,
        range=measure.range,
        spelling=measure.spelling,
    )


def unlikely(sent: ParsedObservation, number: ParsedNumber, *, analyte: Analyte, unit: str) -> Problem | None:
    """Why a value waits that no living patient is expected to have, or that may be meant in two units."""
    value = convert(analyte=analyte, value=number.value, unit=unit)
    if not is_plausible(analyte=analyte, value=value):
        reason = f"{plain(value)} {analyte.unit} is outside what is plausible for {analyte.name}."
        return Problem(code="implausible", reason=reason)
    if may_mean_another(analyte=analyte, value=number.value, unit=unit, bounds=sent.range):
        other = number.value * analyte.also_meant[fold_unit(unit)]
        reason = (
            f"{plain(number.value)} {shown(unit)} may be {plain(value)} or {plain(other)} {analyte.unit}:"
            " laboratories count it in two ways, and no reference range tells which. Ask the laboratory."
        )
        return Problem(code="ambiguous-unit", reason=reason)
    return None
