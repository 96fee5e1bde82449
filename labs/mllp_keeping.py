"""Keep what a frame held, in a pool thread, and hand back the frames to answer with."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, connection

from labs import services
from labs.formats.hl7_ack import Acks, Verdict, build_ack, read_header
from labs.formats.hl7_batches import Batch, batch_of_acks, read_batch
from labs.formats.mllp_frames import UNFINISHED, BrokenFrame
from labs.formats.parsed import Rejected
from labs.models import LabMessage
from labs.services import Arrival, KeptMessage

logger = logging.getLogger(__name__)
_BUSY = Verdict(code="AE", error=207, reason="The message cannot be stored at the moment; send it again.")
_CUT_OFF = Verdict(
    code="AE", error=100, reason="Another message began before this one had ended; send it again."
)
_RETRY_SECONDS = 5.0
_ATTEMPTS = 2


class Answer(NamedTuple):
    """What to send back for one frame, which messages are new, and whether the connection may go on."""

    acks: tuple[bytes, ...]
    kept: tuple[int, ...] = ()
    go_on: bool = True


def keep_frames(frames: Sequence[Arrival]) -> list[Answer]:
    """Keep what came at the same time; nobody is told AA for what is not committed.

    Messages share one commit, unless the database refuses it: then each is tried on its own. A batch is kept
    message by message.
    """
    batches = [read_batch(frame.body) for frame in frames]
    single = [frame for frame, batch in zip(frames, batches, strict=True) if batch is None]
    kept = iter(_keep_together(single))
    return [
        _answer(frame, next(kept)) if batch is None else _keep_batch(batch, frame)
        for frame, batch in zip(frames, batches, strict=True)
    ]


def _answer(frame: Arrival, kept: KeptMessage | None) -> Answer:
    if kept is None:
        acks = _unstored(frame.body, _BUSY)
        return Answer(acks=acks, go_on=bool(acks))
    return answer_to(kept)


def answer_to(kept: KeptMessage) -> Answer:
    """What to send back for a message that is kept."""
    return Answer(acks=kept.acks, kept=() if kept.duplicate else (kept.message_id,))


def keep_broken(*, frame: BrokenFrame, peer: str) -> Answer:
    """Keep the bytes of a broken frame as an incident, if the database takes them, and refuse the message."""
    logger.warning("Broken frame from %s: %s", peer, frame.code)
    is_kept = _keep_incident(frame.body, peer, frame.code, frame.reason)
    if frame.code == "frame-too-long":
        verdict = Verdict(code="AR", error=207, reason=frame.reason) if is_kept else _BUSY
        return Answer(acks=_unstored(frame.body, verdict), go_on=False)
    if frame.code == UNFINISHED:
        return Answer(acks=(), go_on=False)  # it may be on its way still, over another connection
    return Answer(acks=_unstored(frame.body, _CUT_OFF, even_garbage=True))


def _keep_batch(batch: Batch, frame: Arrival) -> Answer:
    """Each message on its own; one frame holds all acknowledgements. A count that is wrong is an incident.

    Where something is neither kept nor answered, nothing is answered and the connection ends: a sender that
    counts the answer to its batch would not send that again. What was kept is known when it comes again.
    """
    acks: list[bytes] = []
    new: list[int] = []
    is_whole = True
    for body in batch.messages:
        one = frame._replace(body=body)
        answer = _answer(one, _keep(one))
        acks += answer.acks
        new += answer.kept
        is_whole = is_whole and answer.go_on
    if batch.fault:
        logger.warning("Batch from %s does not add up", frame.peer)
        is_kept = _keep_incident(frame.body, frame.peer, "batch-count", batch.fault)
        is_whole = is_whole and is_kept
    if not is_whole:
        return Answer(acks=(), kept=tuple(new), go_on=False)
    if not acks:
        return Answer(acks=(), kept=tuple(new))
    answers = batch_of_acks(acks, header=batch.header, control_id=uuid4().hex[:20], at=datetime.now(UTC))
    return Answer(acks=(answers,), kept=tuple(new))


def _keep_together(frames: Sequence[Arrival]) -> list[KeptMessage | None]:
    """Keep messages in one commit, or, where that fails, one by one."""
    if len(frames) > 1:
        try:
            return list(services.keep_messages(frames, announce=False))
        except (DatabaseError, InterfaceError) as error:
            logger.error("%d messages could not be stored together: %s", len(frames), type(error).__name__)
            connection.close()
    return [_keep(frame) for frame in frames]


def _keep(frame: Arrival) -> KeptMessage | None:
    """Keep one message; none when it could not be committed."""
    started = time.monotonic()
    # Twice, because the first connection may have been cut since the last message; not after a long wait.
    for _attempt in range(_ATTEMPTS):
        try:
            return services.keep_messages([frame], announce=False)[0]
        except (DatabaseError, InterfaceError) as error:
            logger.error("A message from %s could not be stored: %s", frame.peer, type(error).__name__)
            connection.close()
        if time.monotonic() - started > _RETRY_SECONDS:
            break
    return None


def _keep_incident(body: bytes, peer: str, code: str, reason: str) -> bool:
    try:
        services.keep_refused(body=body, door=LabMessage.Door.MLLP, peer=peer, code=code, reason=reason)
    except (DatabaseError, InterfaceError) as error:
        logger.error("The broken frame could not be stored: %s", type(error).__name__)
        connection.close()
        return False
    return True


def _unstored(body: bytes, verdict: Verdict, *, even_garbage: bool = False) -> tuple[bytes, ...]:
    """The acknowledgement of a message that is not stored; of one without a header mostly none."""
    header = read_header(body)
    if isinstance(header, Rejected) and not even_garbage:
        return ()
    ids = (uuid4().hex[:20], uuid4().hex[:20])
    # The host's clock: the database, whose clock is otherwise asked, may be what is missing.
    acks: Acks = build_ack(header, verdict=verdict, control_ids=ids, at=datetime.now(UTC))
    return tuple(ack for ack in (acks.first, acks.second) if ack)
