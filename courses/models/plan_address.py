"""The secret address under which a person's calendar program reads the clinic's plan, without patients."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class PlanAddress(models.Model):
    """The secret address of one person's calendar of the clinic; only the digest of its secret is kept."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="plan_addresses"
    )
    secret_sha256 = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        verbose_name_plural = "plan addresses"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(withdrawn_at__isnull=True),
                name="one_plan_address_per_person",
            ),
            models.CheckConstraint(condition=~Q(secret_sha256=""), name="plan_address_has_a_secret"),
        ]

    def __str__(self) -> str:
        return f"plan address {self.pk} of person {self.person_id}"
