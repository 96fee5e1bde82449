"""Answer a request with an Idempotency-Key once: the same request again gets the same answer, for a time."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from labs.clock import database_now
from labs.library import limits
from labs.models import AnsweredRequest

logger = logging.getLogger(__name__)


class KeyReused(Exception):
    """The key was used before, for another request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer as it left: its number, its headers, its text."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


def earlier_answer(*, client: str, key: str, fingerprint: str) -> StoredAnswer | None:
    """The answer this client got for this key. Raises KeyReused where it was another request."""
    row = AnsweredRequest.objects.filter(client=client, key=key).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise KeyReused
    return StoredAnswer(status=row.status, headers=row.headers, body=row.body)


def answer_once(
    *, client: str, key: str, fingerprint: str, work: Callable[[], StoredAnswer]
) -> tuple[StoredAnswer, bool]:
    """Do the work and keep its answer in one commit; and whether a twin that was faster was answered before.

    The twin's commit makes ours fail on the unique key, which undoes our work as a whole.
    """
    try:
        with transaction.atomic():
            answer = work()
            AnsweredRequest.objects.create(
                client=client,
                key=key,
                fingerprint=fingerprint,
                status=answer.status,
                headers=dict(answer.headers),
                body=answer.body,
                answered_at=database_now(),
            )
    except IntegrityError:
        earlier = earlier_answer(client=client, key=key, fingerprint=fingerprint)
        if earlier is None:
            raise
        return earlier, True
    return answer, False


def forget_old_answers(
    *, limit: int = 500, older_than: timedelta | None = None, now: datetime | None = None
) -> int:
    """Delete the answers whose time is over, oldest first, and say how many; the requests stay kept."""
    life = timedelta(days=limits().fhir_answers_kept_days) + (older_than or timedelta(0))
    old = AnsweredRequest.objects.filter(answered_at__lt=(now or database_now()) - life)
    ids = list(old.order_by("answered_at").values_list("pk", flat=True)[:limit])
    gone, _by_table = AnsweredRequest.objects.filter(pk__in=ids).delete() if ids else (0, {})
    if gone:
        logger.info("%s stored answer(s) to FHIR requests were past their time and deleted.", gone)
    return gone
