"""What the protocol said of a course, who agreed, and the written directive; all append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.models.course import Course, Cycle


class Decision(models.Model):
    """A recommendation recorded, with the chart it came from; append-only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="decisions")
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="decisions")
    action = models.CharField(max_length=8)
    activity_gbq = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    # rulings §2.1: action, activity, acting rules, missing evidence, as one canonical text.
    verdict = models.TextField()
    # Why this row exists: "new verdict", or "confirmed" when new evidence left the verdict as it was.
    confirms = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="confirmed_by"
    )
    evidence_sha256 = models.CharField(max_length=64)
    situation = models.JSONField()
    answer = models.JSONField()
    awaiting_labs = models.BooleanField()
    labs_due = models.DateField(null=True, blank=True)
    as_of = models.DateField()
    protocol_id = models.CharField(max_length=80)
    protocol_sha256 = models.CharField(max_length=64)
    engine = models.CharField(max_length=40)
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["course", "-id"], name="decision_newest_of_course")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(action__in=["proceed", "reduce", "hold", "delay", "stop"]),
                name="decision_action_is_known",
            ),
            models.CheckConstraint(
                condition=(
                    Q(action__in=["proceed", "reduce"], activity_gbq__isnull=False, activity_gbq__gt=0)
                    | Q(action__in=["hold", "delay", "stop"], activity_gbq__isnull=True)
                ),
                name="decision_has_activity_only_when_it_may_be_given",
            ),
        ]
        permissions: ClassVar = [("sign_decision", "Can sign a decision")]

    def __str__(self) -> str:
        return f"decision {self.pk}: {self.action}"

    @property
    def verdict_origin_id(self) -> int:
        """The decision that first reached this verdict; a signature on it is one on this."""
        return self.confirms_id or self.pk


class Signature(models.Model):
    """A physician agrees with a decision; append-only."""

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="signatures")
    meaning = models.CharField(max_length=12)
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    signed_at = models.DateTimeField()
    authenticated_at = models.DateTimeField()
    # The roles held at that instant; null where it was signed before they were recorded.
    signer_roles = models.JSONField(null=True, editable=False)
    record_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(meaning__in=["proceed", "reduce", "delay", "stop"]),
                name="signature_meaning_known",
            ),
            models.UniqueConstraint(fields=["decision", "signer"], name="one_signature_per_signer"),
        ]

    def __str__(self) -> str:
        return f"signature {self.pk}"


class Directive(models.Model):
    """The written directive: product, activity, route, date, signed; append-only, revised by a new row."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="directives")
    revision = models.PositiveSmallIntegerField()
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="directives")
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="directive")
    product = models.CharField(max_length=120)
    activity_gbq = models.DecimalField(max_digits=7, decimal_places=4)
    route = models.CharField(max_length=40)
    administer_on = models.DateField()
    # Of a remainder, after a part of the cycle was given: the judgement that asked for it.
    remainder_of = models.ForeignKey(
        "courses.CycleJudgement", on_delete=models.PROTECT, null=True, blank=True, related_name="directives"
    )

    class Meta:
        ordering: ClassVar = ["cycle", "-revision"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["cycle", "revision"], name="directive_revision_once"),
            models.CheckConstraint(condition=Q(activity_gbq__gt=0), name="directive_activity_positive"),
        ]
        permissions: ClassVar = [("sign_directive", "Can sign a written directive (authorised user)")]

    def __str__(self) -> str:
        return f"directive {self.pk} revision {self.revision}"


class DirectiveVoid(models.Model):
    """The record that a directive no longer holds, and why; append-only."""

    directive = models.OneToOneField(Directive, on_delete=models.PROTECT, related_name="voided")
    reason_code = models.CharField(max_length=40)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason_code=""), name="directive_void_says_why")
        ]

    def __str__(self) -> str:
        return f"void of directive {self.directive_id}"
