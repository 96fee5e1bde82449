"""Teach a laboratory's own codes and unit spellings, and read again what waited only for them."""

import logging
from datetime import datetime

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
from labs.services.replay import StillUnreadable, replay

logger = logging.getLogger(__name__)


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
    named = Q(message__door=LabMessage.Door.CSV, message__sender__in=list(feeds))
    named |= Q(message__door=LabMessage.Door.FHIR, message__sender=data["sender"])
    sender = Sender.objects.filter(name=data["sender"]).first()
    if sender is None:
        return rows.filter(named)
    by_header = Q(message__msh3=sender.msh3, message__msh4=sender.msh4) & ~Q(
        message__door=LabMessage.Door.CSV
    )
    return rows.filter(named | by_header)
