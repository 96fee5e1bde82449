"""Say how a sample would be understood, by the code that reads live messages; nothing is stored."""

from dataclasses import dataclass
from datetime import datetime

from labs.clock import database_now
from labs.formats import hl7v2
from labs.formats.hl7_ack import Header, Verdict, judge, read_header
from labs.formats.hl7_syntax import codec_of, read_syntax
from labs.formats.parsed import (
    Rejected,
    SenderProfile,
)
from labs.library import limits
from labs.models import CsvFeed, LabMessage, Sender
from labs.services.opening import Opened, open_message
from labs.services.sample_results import ExplainedReport, explain_reports
from labs.zones import clinic_zone

_SEGMENTS = {
    "MSH": "header: who sends, when, version, character set",
    "PID": "patient: numbers, name, birth date, sex",
    "ORC": "order: its numbers and status time",
    "OBR": "order: numbers, panel, collection time, status time",
    "OBX": "result: read below",
    "NTE": "comment: searched for words on the specimen's quality",
    "SPM": "specimen: condition, and the collection time where nothing else gives it",
    "PV1": "visit: not read",
    "PD1": "more on the patient: not read",
}
_UNKNOWN_SENDER = "unknown-sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedSegment:
    """One segment as it stands in the sample, and what it is read for."""

    position: int
    text: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A sample, understood: what would become of it at the door, and of each part of it."""

    sender: str
    sender_zone: str
    ack: Verdict | None
    refusal: Rejected | None
    notes: tuple[str, ...]
    segments: tuple[ExplainedSegment, ...]
    reports: tuple[ExplainedReport, ...]
    looked_up: bool

    @property
    def waits(self) -> int:
        """How many results would wait for a person."""
        return sum(bool(each.problems) for report in self.reports for each in report.results)

    @property
    def stored(self) -> int:
        """How many results would be taken in."""
        results = [each for report in self.reports for each in report.results]
        return sum(not each.problems and not each.says_nothing for each in results)


def explain_sample(
    *, text: str, feed: str = "", look_up_patients: bool, now: datetime | None = None
) -> Explained:
    """Read a pasted HL7 message, or CSV text of a feed, as the door and the reader would; nothing is kept."""
    now = now or database_now()
    if feed:
        return _explain_csv(text, feed=feed, look_up_patients=look_up_patients, now=now)
    body = _bytes_of(text.strip("\x0b\x1c\r\n\ufeff \t"))
    header = read_header(body)
    segments = _segments(body, header)
    if isinstance(header, Rejected):
        return _refused(header, ack=judge(header), segments=segments, looked_up=look_up_patients)
    message = LabMessage(
        door=LabMessage.Door.MLLP,
        body=body,
        msh3=header.application[:180],
        msh4=header.facility[:180],
        received_at=now,
    )
    sender = Sender.objects.filter(msh3=message.msh3, msh4=message.msh4).first()
    opened, refusal = _opened(message)
    return Explained(
        sender=sender.name if sender else "",
        sender_zone=sender.zone if sender else clinic_zone().key,
        ack=judge(header),
        refusal=refusal,
        notes=opened.notes if opened else (),
        segments=segments,
        reports=explain_reports(opened, look_up_patients=look_up_patients, now=now) if opened else (),
        looked_up=look_up_patients,
    )


def _bytes_of(text: str) -> bytes:
    """The text in the character set it declares, as it would have come over the wire."""
    plain = text.encode("utf-8", "surrogatepass")
    header = read_header(plain)
    if isinstance(header, Rejected):
        return plain
    sender = Sender.objects.filter(msh3=header.application[:180], msh4=header.facility[:180]).first()
    codec = codec_of(header.charset) or (codec_of(sender.default_charset) if sender else "utf-8") or "utf-8"
    try:
        return text.encode(codec)
    except (UnicodeEncodeError, LookupError):
        return plain


def _explain_csv(text: str, *, feed: str, look_up_patients: bool, now: datetime) -> Explained:
    row = CsvFeed.objects.filter(name=feed).first()
    encoding = row.encoding if row else "utf-8"
    try:
        body = text.lstrip("\ufeff").encode(encoding)
    except (UnicodeEncodeError, LookupError):
        body = text.encode("utf-8", "surrogatepass")
    message = LabMessage(door=LabMessage.Door.CSV, body=body, sender=feed, received_at=now)
    opened = open_message(message)
    if isinstance(opened, Rejected):
        return _refused(opened, ack=None, segments=(), looked_up=look_up_patients)
    return Explained(
        sender=feed,
        sender_zone=row.zone if row else clinic_zone().key,
        ack=None,
        refusal=None,
        notes=opened.notes,
        segments=(),
        reports=explain_reports(opened, look_up_patients=look_up_patients, now=now),
        looked_up=look_up_patients,
    )


def _refused(
    refusal: Rejected, *, ack: Verdict | None, segments: tuple[ExplainedSegment, ...], looked_up: bool
) -> Explained:
    return Explained(
        sender="",
        sender_zone="",
        ack=ack,
        refusal=refusal,
        notes=(),
        segments=segments,
        reports=(),
        looked_up=looked_up,
    )


def _opened(message: LabMessage) -> tuple[Opened | None, Rejected | None]:
    """The message as the reader opens it; one whose sender is not set up yet is read in the clinic's zone."""
    opened = open_message(message)
    if not isinstance(opened, Rejected):
        return opened, None
    if opened.code != _UNKNOWN_SENDER:
        return None, opened
    profile = SenderProfile(zone=clinic_zone(), charset="utf-8")
    parsed = hl7v2.parse(bytes(message.body), profile=profile, most=limits().results_in_message)
    if isinstance(parsed, Rejected):
        return None, parsed
    return Opened(parsed=parsed, sender="", codes="", bare_number_ok=False, notes=parsed.notes), opened


def _segments(body: bytes, header: Header | Rejected) -> tuple[ExplainedSegment, ...]:
    if isinstance(header, Rejected):
        return ()
    syntax = read_syntax(body, charset=header.charset, fallback="utf-8")
    if isinstance(syntax, Rejected):
        return ()
    return tuple(
        ExplainedSegment(
            position=each.position,
            text=each.separators.field.join(each.fields),
            meaning=_SEGMENTS.get(each.name, "kept as it is, not read"),
        )
        for each in syntax.segments
    )
