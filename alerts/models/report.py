"""What became of a letter after the mail server had accepted it, as a later mail says."""

from django.db import models
from django.db.models import Q

from alerts.models.notification import DeliveryAttempt


class ReportKind(models.TextChoices):
    """What a mail that came back says."""

    BOUNCED = "bounced", "Came back: it could not be delivered"
    DELAYED = "delayed", "Not delivered yet, the mail server goes on trying"
    DELIVERED = "delivered", "Delivered into the mailbox"
    PASSED_ON = "passed-on", "Passed on to a server that reports no further"
    AUTO_REPLY = "auto-reply", "An automatic answer, such as out of office"
    OTHER = "other", "Something else; nothing was done with it"


class DeliveryReport(models.Model):
    """One mail that came back, and the attempt it speaks of; append-only. Its text is not kept."""

    # Of the whole mail, so that reading it twice counts once.
    sha256 = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=12, choices=ReportKind.choices)
    # Nothing where no letter of ours was recognised in it.
    attempt = models.ForeignKey(
        DeliveryAttempt, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    # The enhanced status code of RFC 3463, such as 5.1.1.
    status = models.CharField(max_length=12, blank=True, default="")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(sha256=""), name="report_of_a_mail"),
            models.CheckConstraint(condition=Q(kind__in=ReportKind.values), name="report_kind_known"),
        ]

    def __str__(self) -> str:
        return f"report {self.pk}: {self.kind}"
