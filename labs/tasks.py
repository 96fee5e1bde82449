"""Read kept messages in the background, keep the house, and seal the record (thin)."""

from collections.abc import Sequence

from celery import shared_task

from labs import services


@shared_task(acks_late=True, ignore_result=True)
def read_messages(message_ids: Sequence[int] | None = None) -> None:
    """Read these messages, or all that wait."""
    services.read_waiting_messages(ids=message_ids)


@shared_task(acks_late=True, ignore_result=True)
def forget_old_answers() -> None:
    """Delete the stored answers that nobody repeats any more."""
    services.forget_old_answers()


@shared_task(acks_late=True, ignore_result=True)
def seal_record() -> None:
    """Seal the rows of the record that are old enough."""
    services.seal_ripe_rows()
