"""Teach a laboratory's own codes and unit spellings, and read again what waited only for them."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet

from labs import library
from labs.models import (
    CsvFeed,
    LabMessage,
    LocalCode,
    QuarantinedResult,
    QuarantineResolution,
    Sender,
    UnitSpelling,
)
from labs.models.resolution import ResolutionKind
from labs.services.item import ItemReading
from labs.services.replay import StillUnreadable, replay
from labs.units import fold_unit

logger = logging.getLogger(__name__)
_LOINC = "LOINC"


class BadResolution(ValueError):
    """What was said cannot be so; one clear line per fault, each beginning with the field it is about."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


def checked_code(reading: ItemReading, data: Mapping[str, Any]) -> dict[str, Any]:
    """One code of the message and the analyte it stands for. Raises BadResolution."""
    short, wanted = str(data.get("analyte", "")), str(data.get("code", ""))
    if short not in library.analytes():
        raise BadResolution(f"analyte: choose one of: {', '.join(library.analytes())}")
    if reading.opened is None or not reading.codes:
        raise BadResolution("item: its code cannot be read any more; have the message read again")
    sender = reading.opened.codes
    if sender.upper() == _LOINC:
        raise BadResolution(
            "code: this feed declares LOINC codes, and this is none; ask whoever makes the file"
        )
    chosen = [code for code in reading.codes if code.code and code.code == wanted]
    if not chosen:
        raise BadResolution("code: choose one of the codes in the message")
    code = chosen[0]
    if any(code.code in analyte.loinc_never for analyte in library.analytes().values()):
        raise BadResolution(
            "code: this code is known to mean something else than any analyte here; reject it"
        )
    if len(code.code) > 64 or len(code.system) > 64:
        raise BadResolution("code: it is longer than a code can be; ask the laboratory")
    rows = LocalCode.objects.filter(sender=sender, code=code.code).exclude(analyte=short)
    if rows.exists():
        raise BadResolution("code: this sender's code stands for another analyte already; ask the laboratory")
    return {"sender": sender, "code": code.code, "coding_system": code.system, "analyte": short}


def checked_unit(reading: ItemReading, data: Mapping[str, Any]) -> dict[str, Any]:
    """The unit as sent, and the known unit of this analyte that is meant. Raises BadResolution."""
    unit = str(data.get("unit", "")).strip()
    analyte, sent = reading.analyte, reading.sent
    if reading.opened is None or analyte is None or sent is None or not sent.sent_unit.strip():
        raise BadResolution("item: its unit cannot be read any more; have the message read again")
    if not unit or fold_unit(unit) not in analyte.units:
        raise BadResolution(f"unit: it must be a known unit of {analyte.name}, such as {analyte.unit}")
    spelling = fold_unit(sent.sent_unit)
    if len(spelling) > 64:
        raise BadResolution("unit: the spelling is longer than a unit can be; ask the laboratory")
    elsewhere = [each.name for each in library.analytes().values() if spelling in each.units]
    if elsewhere:
        raise BadResolution(
            f"unit: as sent it is a unit of {elsewhere[0]}, not a spelling; no unit is reinterpreted"
        )
    return {"sender": reading.opened.sender, "analyte": analyte.short, "spelling": spelling, "unit": unit}


def add_mapping(said: QuarantineResolution) -> None:
    """Add what two people said to the sender's table; what stands there already stays."""
    data = said.data
    if said.kind == ResolutionKind.MAP_CODE:
        LocalCode.objects.get_or_create(
            sender=data["sender"],
            code=data["code"],
            coding_system=data["coding_system"],
            defaults={"analyte": data["analyte"]},
        )
        return
    UnitSpelling.objects.get_or_create(
        sender=data["sender"],
        analyte=data["analyte"],
        spelling=data["spelling"],
        defaults={"unit": data["unit"]},
    )


def cure_others(said: QuarantineResolution, *, by: User, words: str, now: datetime) -> tuple[int, int]:
    """Read the other messages that wait for the same map, oldest first: how many were read, how many not yet.

    What is beyond the limit, or cannot be read now, goes on waiting and can be read again from its page.
    """
    waiting = _waiting_for(said).exclude(message_id=said.item.message_id)
    ids = list(waiting.order_by("message_id").values_list("message_id", flat=True).distinct())
    most, done = library.limits().messages_read_again, 0
    for message_id in ids[:most]:
        try:
            replay(message_id=message_id, by=by, words=words, now=now, because=said)
            done += 1
        except (StillUnreadable, OperationalError, InterfaceError) as fault:
            logger.error("Message %s goes on waiting: %s", message_id, type(fault).__name__)
    return done, len(ids) - done


def _waiting_for(said: QuarantineResolution) -> QuerySet[QuarantinedResult]:
    """Open results of the same sender that wait for this code or this unit."""
    data = said.data
    rows = QuarantinedResult.objects.filter(state=QuarantinedResult.State.OPEN)
    if said.kind == ResolutionKind.MAP_CODE:
        feeds = CsvFeed.objects.filter(codes=data["sender"]).values_list("name", flat=True)
        rows = rows.filter(reason_code="unmapped-code", sent__contains=data["code"])
    else:
        feeds = CsvFeed.objects.filter(name=data["sender"]).values_list("name", flat=True)
        rows = rows.filter(reason_code="unknown-unit", analyte=data["analyte"])
    from_files = Q(message__door=LabMessage.Door.CSV, message__sender__in=list(feeds))
    sender = Sender.objects.filter(name=data["sender"]).first()
    if sender is None:
        return rows.filter(from_files)
    by_header = Q(message__msh3=sender.msh3, message__msh4=sender.msh4) & ~Q(
        message__door=LabMessage.Door.CSV
    )
    return rows.filter(from_files | by_header)
