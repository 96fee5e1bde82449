"""A person's own filters of the work list, by name; choices alone, nothing of a patient."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class SavedFilter(models.Model):
    """What one person likes to look at: the choices of the work list's form, under a name of their own."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="saved_filters"
    )
    name = models.CharField(max_length=60)
    # By the form's field: the choice.
    choices = models.JSONField(default=dict)
    saved_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "name"], name="filter_named_once_by_a_person"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_filter_has_a_name"),
        ]

    def __str__(self) -> str:
        return f"filter {self.pk} of person {self.person_id}"
