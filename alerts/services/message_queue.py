"""Find the messages that somebody may have to be told of and that nobody has considered yet."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from labs.models import MessageOutcome, MessageReplay, Observation


def messages_waiting(*, before: datetime) -> QuerySet[MessageOutcome]:
    """Read until then, never considered, and something of them waits for a person or changed a result."""
    return MessageOutcome.objects.filter(triage__isnull=True, at__lte=before).filter(
        Q(state__in=[MessageOutcome.State.QUARANTINED, MessageOutcome.State.REJECTED])
        | Q(held__gt=0)
        | Exists(_changing())
    )


def messages_read_again(*, before: datetime) -> QuerySet[MessageOutcome]:
    """Considered once, and more of them was read since and changed a result."""
    read_since = MessageReplay.objects.filter(
        message=OuterRef("message"), stored__gt=0, at__gt=OuterRef("triage__triaged_at"), at__lte=before
    )
    return MessageOutcome.objects.filter(Exists(read_since), Exists(_changing()))


def _changing() -> QuerySet[Observation]:
    return Observation.objects.filter(message=OuterRef("message"), version__gt=1)
