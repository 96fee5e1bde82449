"""Where a person is told beside the mail: one address of a messenger, pager or gateway, never shown again."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class PushAddress(models.Model):
    """One address of one person; whoever is told by mail is told here too. People begin and end it."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="push_addresses"
    )
    # Which messenger or gateway: the first part of the address, the only one that is no secret.
    service = models.CharField(max_length=40)
    # Encrypted: such an address holds passwords and tokens.
    encrypted_url = models.TextField()
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "push addresses"
        constraints = [
            models.CheckConstraint(
                condition=~Q(service="") & ~Q(encrypted_url=""), name="push_address_is_whole"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="push_address_ended_by_somebody",
            ),
        ]
        permissions = [("manage_addresses", "Can change where people are told")]

    def __str__(self) -> str:
        return f"push address {self.pk} ({self.service})"

    @property
    def endpoint(self) -> str:
        """What stands for it in the outbox, in lists and in logs."""
        return f"push-{self.pk}"
