"""Say whose evidence changed, once it is committed; of many messages together, and soon."""

import time
from collections.abc import Iterable
from functools import partial

from django.db import transaction

from labs.failpoints import reach
from labs.models import LabMessage
from labs.signals import evidence_changed

# Each telling starts a task, which costs as much as reading a message.
_PATIENCE_SECONDS = 0.2


class News:
    """The patients of whom one pass has committed something that nobody was told yet.

    What a pass that is killed has not told is found all the same: the next stage looks for itself.
    """

    def __init__(self) -> None:
        self._patients: set[int] = set()
        self._told_at = time.monotonic()

    def add(self, patient_ids: Iterable[int]) -> None:
        """To be told, if the caller's transaction is committed."""
        transaction.on_commit(partial(self._committed, frozenset(patient_ids)), robust=True)

    def tell(self) -> None:
        """Tell all of it now; inside a transaction, once that is committed."""
        transaction.on_commit(self._tell, robust=True)

    def tell_in_time(self) -> None:
        """Tell what has waited long enough."""
        if time.monotonic() - self._told_at > _PATIENCE_SECONDS:
            self.tell()

    def _committed(self, patient_ids: frozenset[int]) -> None:
        reach("read.committed")
        self._patients |= patient_ids

    def _tell(self) -> None:
        ids, self._patients = sorted(self._patients), set()
        self._told_at = time.monotonic()
        if ids:
            evidence_changed.send_robust(sender=LabMessage, patient_ids=ids)
