"""Parse a kept message by its door, with the set-up of whoever sent it; nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.module_loading import import_string

from labs.formats import csv_rows, hl7v2, manual_form
from labs.formats.csv_cells import FeedProfile
from labs.formats.hl7_ack import Header, read_header
from labs.formats.hl7_merge import EVENT
from labs.formats.parsed import ParsedMessage, ParsedPatient, Rejected, SenderProfile
from labs.library import limits
from labs.models import CsvFeed, LabMessage, Patient
from labs.services.again import Place
from labs.services.fhir_again import open_kept
from labs.services.identity import trust_in
from labs.services.site import Site

# Named, so that only a process that meets a file loads pandas: the listener does without its 40 MB.
_TABLE_READER = "labs.csv_table.read_table"
MANUAL = "manual"  # the sender of results that people type
HL7 = frozenset({LabMessage.Door.MLLP, LabMessage.Door.HL7_FILE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message parsed as its door says, and whose codes, units and numbers it speaks in."""

    parsed: ParsedMessage
    sender: str
    codes: str
    bare_number_ok: bool
    notes: tuple[str, ...] = ()
    confirmed: Mapping[Place, str] = field(default_factory=dict)
    people: Mapping[ParsedPatient, Patient] = field(default_factory=dict)


def open_message(message: LabMessage, *, site: Site | None = None) -> Opened | Rejected:
    """Parse a message by its door; nothing is looked up but the set-up of its sender, nothing is stored."""
    match message.door:
        case LabMessage.Door.CSV:
            return _open_csv(message)
        case LabMessage.Door.MANUAL:
            return _open_manual(message)
        case LabMessage.Door.FHIR:
            return _open_fhir(message)
        case _:
            return _open_hl7(message, site or Site())


def _open_fhir(message: LabMessage) -> Opened | Rejected:
    parsed = open_kept(message)
    if isinstance(parsed, Rejected):
        return parsed
    is_bare_ok = trust_in(message.sender).bare_number_ok
    return Opened(parsed=parsed, sender=message.sender, codes=message.sender, bare_number_ok=is_bare_ok)


def _open_hl7(message: LabMessage, site: Site) -> Opened | Rejected:
    sender = site.sender(message.msh3, message.msh4)
    if sender is None:
        return Rejected(
            code="unknown-sender",
            reason="The sending application and facility (MSH-3, MSH-4) are not set up here.",
        )
    if is_merge(message):
        return Rejected(
            code="merge-message",
            reason="The message joins two patient numbers; two people decide that under Merged numbers.",
        )
    profile = SenderProfile(
        zone=ZoneInfo(sender.zone),
        charset=sender.default_charset,
        status_from_report=sender.blank_status_from_report,
    )
    parsed = hl7v2.parse(bytes(message.body), profile=profile, most=limits().results_in_message)
    if isinstance(parsed, Rejected):
        return parsed
    return Opened(
        parsed=parsed,
        sender=sender.name,
        codes=sender.name,
        bare_number_ok=sender.bare_mrn_ok,
        notes=(*parsed.notes, *_other_receiver(parsed)),
    )


def is_merge(message: LabMessage) -> bool:
    """Whether a message joins two patient numbers."""
    if message.door not in HL7:
        return False
    header = read_header(bytes(message.body))
    return isinstance(header, Header) and (header.msh.component(9), header.msh.component(9, 2)) == EVENT


def _open_csv(message: LabMessage) -> Opened | Rejected:
    feed = CsvFeed.objects.filter(name=message.sender).first()
    if feed is None:
        return Rejected(code="unknown-feed", reason="The feed of this file is not set up here.")
    profile = FeedProfile(
        layout=feed.layout,
        encoding=feed.encoding,
        delimiter=feed.delimiter,
        decimal=feed.decimal,
        datetime_format=feed.datetime_format,
        date_format=feed.date_format,
        zone=ZoneInfo(feed.zone),
        coding_system="LN" if feed.codes.upper() == "LOINC" else "",
    )
    parsed = _parse_csv(bytes(message.body), profile)
    if isinstance(parsed, Rejected):
        return parsed
    return Opened(parsed=parsed, sender=feed.name, codes=feed.codes, bare_number_ok=True, notes=parsed.notes)


def _parse_csv(body: bytes, profile: FeedProfile) -> ParsedMessage | Rejected:
    rows: list[list[str]] | Rejected = import_string(_TABLE_READER)(body, feed=profile)
    if isinstance(rows, Rejected):
        return rows
    return csv_rows.parse(rows, feed=profile, most=limits().results_in_file)


def _open_manual(message: LabMessage) -> Opened | Rejected:
    typed = manual_form.parse(bytes(message.body))
    if isinstance(typed, Rejected):
        return typed
    patient = Patient.objects.filter(public_id__in=_uuids(typed.patient_id)).first()
    if patient is None:
        return Rejected(code="unknown-patient", reason="The patient of the typed result is not known here.")
    return Opened(
        parsed=typed.parsed,
        sender=MANUAL,
        codes="LOINC",
        bare_number_ok=False,
        confirmed={manual_form.PLACE: typed.confirmed_value},
        # The form was filled in on this patient's own page; no number was typed that could be another's.
        people={typed.parsed.reports[0].patient: patient},
    )


def _uuids(text: str) -> list[UUID]:
    """The identifier a text is; none where it is no such thing."""
    try:
        return [UUID(text)]
    except ValueError:
        return []


def _other_receiver(parsed: ParsedMessage) -> list[str]:
    """A remark where the header names another receiver than those this clinic answers to."""
    known, named = settings.MLLP_RECEIVERS, "|".join(parsed.receiver)
    if not known or named in known:
        return []
    return [f"The message is addressed to {named.strip('|') or 'nobody'} (MSH-5, MSH-6), not to this clinic."]
