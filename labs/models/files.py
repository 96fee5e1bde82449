"""What becomes of files beside their results: quiet rows, uploads that wait, their previews and their end."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from labs.formats.hidden import written_out
from labs.models.message import LabMessage, MessageOutcome


class FileRows(models.Model):
    """The rows of a file of which nothing else remains: known already, no result yet, empty. Append-only."""

    message = models.OneToOneField(LabMessage, on_delete=models.PROTECT, related_name="file_rows")
    rows = models.JSONField("[row, column, word] each", default=list, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{len(self.rows)} quiet rows"


class CsvUpload(models.Model):
    """One file a person handed in for a feed. Until a second person commits it, no result comes of it.

    Append-only: its previews and its end are rows of their own.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    feed = models.CharField(max_length=64)
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    body = models.BinaryField()
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="csv_uploads"
    )
    uploaded_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(feed="") & ~Q(file_name="") & ~Q(sha256=""), name="upload_whole"
            ),
        ]
        permissions = [
            ("submit_file", "Can hand in laboratory files"),
            ("commit_file", "Can commit or discard a laboratory file somebody else handed in"),
        ]

    def __str__(self) -> str:
        return written_out(f"{self.feed}: {self.file_name}")


class CsvPreview(models.Model):
    """What committing an upload would have done at one moment, row by row. Append-only; the newest counts."""

    upload = models.ForeignKey(CsvUpload, on_delete=models.PROTECT, related_name="previews")
    state = models.CharField(max_length=11, choices=MessageOutcome.State.choices)
    reason_code = models.CharField(max_length=40, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    lines = models.JSONField(default=list, blank=True)
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=~Q(sha256=""), name="preview_digest_given")]

    def __str__(self) -> str:
        return f"preview of {self.made_at:%Y-%m-%d %H:%M}"


class CsvUploadEnd(models.Model):
    """How an upload ended: committed as it was previewed, or discarded with a reason. Append-only."""

    class Kind(models.TextChoices):
        COMMITTED = "committed", "Committed"
        DISCARDED = "discarded", "Discarded"

    upload = models.OneToOneField(CsvUpload, on_delete=models.PROTECT, related_name="end")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    preview = models.ForeignKey(CsvPreview, on_delete=models.PROTECT, related_name="ends")
    message = models.OneToOneField(
        LabMessage, on_delete=models.PROTECT, null=True, blank=True, related_name="upload_end"
    )
    reason = models.TextField(blank=True, default="")
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="csv_upload_ends"
    )
    ended_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="committed", message__isnull=False, reason="")
                | (Q(kind="discarded", message__isnull=True) & ~Q(reason="")),
                name="upload_end_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
