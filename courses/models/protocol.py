"""Which protocol versions may be used, and which course was moved to another one; append-only."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from courses.models.course import Course


class ProtocolApproval(models.Model):
    """One person approves exactly these bytes of a protocol; append-only. Two people make it usable."""

    protocol_id = models.CharField(max_length=80)
    protocol_sha256 = models.CharField(max_length=64)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    approved_at = models.DateTimeField()
    note = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["protocol_id", "protocol_sha256", "approved_by"],
                name="protocol_approved_once_by_each",
            ),
            models.CheckConstraint(
                condition=~Q(protocol_id="") & ~Q(protocol_sha256="") & ~Q(printed_name=""),
                name="protocol_approval_is_whole",
            ),
        ]
        permissions: ClassVar = [("approve_protocol", "Can approve a protocol version")]

    def __str__(self) -> str:
        return f"approval of {self.protocol_id}"


class ProtocolMove(models.Model):
    """A physician moves one course to another protocol version, with both verdicts; append-only."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="protocol_moves")
    from_id = models.CharField(max_length=80)
    from_sha256 = models.CharField(max_length=64)
    to_id = models.CharField(max_length=80)
    to_sha256 = models.CharField(max_length=64)
    answer_before = models.JSONField()
    answer_after = models.JSONField()
    reason = models.TextField()
    moved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    moved_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason=""), name="protocol_move_says_why"),
            models.CheckConstraint(
                condition=~Q(from_id=F("to_id")) | ~Q(from_sha256=F("to_sha256")),
                name="protocol_move_goes_somewhere",
            ),
        ]
        permissions: ClassVar = [("move_course", "Can move a course to another protocol version")]

    def __str__(self) -> str:
        return f"course {self.course_id} to {self.to_id}"
