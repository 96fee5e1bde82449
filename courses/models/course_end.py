"""The signed end of a course, the two people who undo a wrong one, and the time after it; append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.models.course import Course


class EndCause(models.TextChoices):
    """Why a course is over before its last cycle; `completed`: a physician decides that fewer are enough."""

    COMPLETED = "completed", "completed, with fewer cycles than planned"
    DEATH = "death", "death of the patient"
    TRANSFER = "transfer", "transfer to another hospital"
    WITHDRAWAL = "withdrawal", "withdrawal of consent"
    MEDICAL = "medical", "medical reason"
    OTHER = "other", "other reason"


class CourseEnd(models.Model):
    """A physician signs that a course is over, and why; append-only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="ends")
    cause = models.CharField(max_length=12, choices=EndCause)
    reason = models.TextField()
    # The day on which it happened: of death, or of the word that ended it.
    ended_on = models.DateField()
    # What was still open, in words, as it stood before whoever signed.
    open_duties = models.JSONField(default=list)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    # The roles held at that instant; null where it was signed before they were recorded.
    signer_roles = models.JSONField(null=True, editable=False)
    signed_at = models.DateTimeField()
    record_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(cause__in=EndCause.values), name="course_end_cause_is_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="course_end_says_why"),
            models.CheckConstraint(
                condition=~Q(printed_name="") & ~Q(record_sha256=""), name="course_end_is_signed"
            ),
        ]
        permissions: ClassVar = [("end_course", "Can end a course and close its follow-up")]

    def __str__(self) -> str:
        return f"end of course {self.course_id}: {self.cause}"


class CourseEndUndo(models.Model):
    """A physician asks for a wrong end to be undone; nothing changes until another one confirms it."""

    end = models.OneToOneField(CourseEnd, on_delete=models.PROTECT, related_name="undo")
    reason = models.TextField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    asked_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(printed_name=""), name="undo_of_an_end_says_why"
            )
        ]

    def __str__(self) -> str:
        return f"undoing of end {self.end_id}"


class CourseEndUndone(models.Model):
    """Another physician confirms that a wrong end is undone; append-only."""

    undo = models.OneToOneField(CourseEndUndo, on_delete=models.PROTECT, related_name="confirmation")
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    confirmed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(printed_name=""), name="undoing_confirmed_by_someone")
        ]

    def __str__(self) -> str:
        return f"confirmation of the undoing {self.undo_id}"


class VisitOutcome(models.TextChoices):
    """What became of a visit after the last cycle."""

    DONE = "done", "seen here"
    ELSEWHERE = "elsewhere", "seen elsewhere, report received"
    MISSED = "missed", "missed, and not made up for"
    TAKEN_BACK = "taken_back", "recorded by mistake: still open"


class FollowUpRecordQuerySet(models.QuerySet["FollowUpRecord"]):
    """The questions asked about visits after the last cycle."""

    def effective(self) -> "FollowUpRecordQuerySet":
        """What stands: corrected versions left out."""
        return self.filter(corrected_by__isnull=True)


class FollowUpRecord(models.Model):
    """What became of one visit after the last cycle; append-only.

    The visits themselves follow from the protocol and the last administration; this names one by its key.
    """

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="follow_up_records")
    visit = models.CharField(max_length=16)
    outcome = models.CharField(max_length=10, choices=VisitOutcome)
    on = models.DateField()
    note = models.TextField(blank=True)
    # What the protocol asks for and no usable result of that time gives, by short name.
    lacking = models.JSONField(default=list)
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    recorded_at = models.DateTimeField()

    objects = FollowUpRecordQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["course", "visit"],
                condition=Q(corrects__isnull=True),
                name="follow_up_visit_recorded_once",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=VisitOutcome.values), name="follow_up_outcome_is_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome=VisitOutcome.DONE.value) | ~Q(note=""),
                name="follow_up_elsewhere_says_what",
            ),
            models.CheckConstraint(
                condition=~Q(visit="") & ~Q(printed_name=""), name="follow_up_record_is_whole"
            ),
        ]

    def __str__(self) -> str:
        return f"visit {self.visit} of course {self.course_id}"


class FollowUpAct(models.Model):
    """A physician signs that the follow-up of a course is closed, or opens it again; the newest counts."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="follow_up_acts")
    is_closed = models.BooleanField()
    reason = models.TextField()
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    # The roles held at that instant; null where it was signed before they were recorded.
    signer_roles = models.JSONField(null=True, editable=False)
    signed_at = models.DateTimeField()
    record_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason=""), name="follow_up_act_says_why"),
            models.CheckConstraint(
                condition=~Q(printed_name="") & ~Q(record_sha256=""), name="follow_up_act_is_signed"
            ),
        ]

    def __str__(self) -> str:
        return f"follow-up of course {self.course_id} {'closed' if self.is_closed else 'opened'}"
