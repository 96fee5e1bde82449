"""What one held result says, read from its kept message for the people who judge it; nothing is written."""

from dataclasses import dataclass
from decimal import Decimal

from labs.formats.hl7_ack import read_header
from labs.formats.hl7_syntax import Segment, read_syntax
from labs.formats.parsed import (
    Code,
    ParsedNumber,
    ParsedObservation,
    ParsedPatient,
    ParsedReport,
    Problem,
    Rejected,
)
from labs.models import LabMessage, QuarantinedResult
from labs.services.again import WHOLE_MESSAGE, place_of
from labs.services.measure import Context, local_codes_of, name_analyte, unit_of, unit_spellings_of
from labs.services.opening import Opened, open_message
from labs.units import Analyte, convert

# Reading these once more would stumble over the same fault.
_UNREADABLE = frozenset({"reader-failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReading:
    """A held result as its message gives it; what could not be read is empty."""

    opened: Opened | None = None
    report: ParsedReport | None = None
    sent: ParsedObservation | None = None
    analyte: Analyte | None = None
    value: Decimal | None = None

    @property
    def person(self) -> ParsedPatient | None:
        """Whom the message names."""
        return self.report.patient if self.report else None

    @property
    def codes(self) -> tuple[Code, ...]:
        """Every way in which the test was named."""
        return self.sent.codes if self.sent else ()


def read_item(item: QuarantinedResult) -> ItemReading:
    """The result in its message, with its analyte and its value in canonical units where both are known."""
    if place_of(item) == WHOLE_MESSAGE or item.reason_code in _UNREADABLE:
        return ItemReading()
    opened = open_message(item.message)
    if isinstance(opened, Rejected):
        return ItemReading()
    for report in opened.parsed.reports:
        for sent in report.observations:
            if (sent.position, sent.part[:64]) == place_of(item):
                return _judged(opened, report, sent, item)
    return ItemReading(opened=opened)


def _judged(
    opened: Opened, report: ParsedReport, sent: ParsedObservation, item: QuarantinedResult
) -> ItemReading:
    named = name_analyte(sent.codes, local_codes=local_codes_of(opened.codes))
    analyte = None if isinstance(named, Problem) else named[0]
    return ItemReading(
        opened=opened,
        report=report,
        sent=sent,
        analyte=analyte,
        value=None if analyte is None else _value(opened, sent, analyte, item),
    )


def _value(
    opened: Opened, sent: ParsedObservation, analyte: Analyte, item: QuarantinedResult
) -> Decimal | None:
    context = Context(
        local_codes={},
        birth_date=item.message.received_at.date(),
        sent_at=None,
        received_at=item.message.received_at,
        unit_spellings=unit_spellings_of(opened.sender),
    )
    unit = unit_of(sent, analyte, context)
    if isinstance(unit, Problem) or not isinstance(sent.number, ParsedNumber):
        return None
    return convert(analyte=analyte, value=sent.number.value, unit=unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSegment:
    """One segment or row of a message as it arrived, and whether it is the one a person asks about."""

    position: int
    text: str
    is_asked: bool


def segments_of(item: QuarantinedResult) -> tuple[ShownSegment, ...]:
    """The message by segments; none of a file, whose row is the result's own text, or of what is no HL7."""
    if item.message.door not in (LabMessage.Door.MLLP, LabMessage.Door.HL7_FILE):
        return ()
    header = read_header(bytes(item.message.body))
    if isinstance(header, Rejected):
        return ()
    syntax = read_syntax(bytes(item.message.body), charset=header.charset, fallback="latin-1")
    if isinstance(syntax, Rejected):
        return ()
    return tuple(
        ShownSegment(position=each.position, text=_text(each), is_asked=each.position == item.position)
        for each in syntax.segments
    )


def _text(segment: Segment) -> str:
    return segment.separators.field.join(segment.fields)
