"""Say that something was recorded, with ids only, once it is committed; only the wiring listens."""

from django.dispatch import Signal

# kwarg message_ids: list[int]
message_kept = Signal()

# kwarg patient_ids: list[int]
evidence_changed = Signal()
