"""Courses, cycles, what the protocol said of them, and the orders that follow."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.rules.order_states import LIVE_STATES, OrderKind, OrderState
from labs.models import Patient

ORDER_KINDS = [(kind.value, kind.value.replace("_", " ")) for kind in OrderKind]
ORDER_STATES = [(state.value, state.value) for state in OrderState]
LIVE = [state.value for state in LIVE_STATES]


class CourseStatus(models.TextChoices):
    """Where a course stands; only an open course is assessed."""

    PLANNED = "planned", "planned"
    ACTIVE = "active", "active"
    COMPLETED = "completed", "completed"
    STOPPED = "stopped", "stopped"


class PeritonealDisease(models.TextChoices):
    """Peritoneal or mesenteric disease: it decides steroid cover, and not knowing is an answer of its own."""

    YES = "yes", "yes"
    NO = "no", "no"
    UNKNOWN = "unknown", "unknown"


class CourseQuerySet(models.QuerySet["Course"]):
    """The questions asked about courses."""

    def open(self) -> "CourseQuerySet":
        """Courses the protocol still has something to say about."""
        return self.filter(status__in=[CourseStatus.PLANNED, CourseStatus.ACTIVE])


class Course(models.Model):
    """The planned set of cycles for one patient under one protocol version."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="courses")
    protocol_id = models.CharField(max_length=80)
    protocol_sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=12, choices=CourseStatus, default=CourseStatus.PLANNED)
    peritoneal_disease = models.CharField(max_length=8, choices=PeritonealDisease)
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # The newest decision, kept beside the append-only rows so that lists need no sub-query.
    current_decision = models.ForeignKey(
        "Decision", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = CourseQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(status__in=["planned", "active"]),
                name="one_open_course_per_patient",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["planned", "active", "completed", "stopped"]),
                name="course_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(peritoneal_disease__in=["yes", "no", "unknown"]),
                name="peritoneal_disease_is_answered",
            ),
        ]
        permissions: ClassVar = [
            ("hold_course", "Can hold a course (toward safety)"),
            ("plan_cycle", "Can plan and move cycles"),
        ]

    def __str__(self) -> str:
        return f"course {self.pk}"


class Cycle(models.Model):
    """One numbered planned administration and what follows it until the next."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="cycles")
    number = models.PositiveSmallIntegerField()
    planned_on = models.DateField()

    class Meta:
        ordering: ClassVar = ["course", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "number"], name="cycle_numbered_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="cycle_number_from_one"),
        ]

    def __str__(self) -> str:
        return f"cycle {self.number}"


class Administration(models.Model):
    """The infusion that took place; append-only."""

    cycle = models.OneToOneField(Cycle, on_delete=models.PROTECT, related_name="administration")
    administered_on = models.DateField()
    administered_gbq = models.DecimalField(max_digits=7, decimal_places=4)
    product = models.CharField(max_length=120)
    # Empty when the administration followed its directive; else what departed from it.
    deviation = models.TextField(blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering: ClassVar = ["administered_on"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(administered_gbq__gt=0), name="administered_activity_positive")
        ]
        permissions: ClassVar = [("record_administration", "Can record an administration")]

    def __str__(self) -> str:
        return f"administration of {self.administered_on}"


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


class OrderQuerySet(models.QuerySet["Order"]):
    """The questions asked about orders."""

    def live(self) -> "OrderQuerySet":
        """Orders that may still lead to something being prepared or given."""
        return self.filter(state__in=LIVE)


class Order(models.Model):
    """An instruction to act for one cycle; its activity lives in the directive alone."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="orders")
    kind = models.CharField(max_length=24, choices=ORDER_KINDS)
    state = models.CharField(max_length=12, choices=ORDER_STATES)
    reason_code = models.CharField(max_length=40, blank=True)
    directive = models.ForeignKey(
        Directive, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="orders")
    items = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=1)
    placed_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["updated_at", "id"], name="order_feed")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["cycle", "kind"],
                condition=Q(state__in=LIVE),
                name="one_live_order_per_cycle_and_kind",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in OrderState]), name="order_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in OrderKind]), name="order_kind_is_known"
            ),
            models.CheckConstraint(
                # Nothing radioactive is ever active without its written directive.
                condition=(
                    ~Q(kind="radiopharmaceutical")
                    | Q(directive__isnull=False)
                    | Q(state__in=["proposed", "suspended", "cancelled", "void"])
                ),
                name="active_radiopharmaceutical_has_directive",
            ),
            models.CheckConstraint(
                condition=~Q(state="suspended") | ~Q(reason_code=""), name="suspended_order_says_why"
            ),
        ]
        permissions: ClassVar = [("handle_order", "Can accept, prepare, dispense and cancel orders")]

    def __str__(self) -> str:
        return f"order {self.pk}: {self.kind} {self.state}"


class OrderEvent(models.Model):
    """One change of one order's state, with its reason; append-only."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    from_state = models.CharField(max_length=12, blank=True)
    to_state = models.CharField(max_length=12)
    reason_code = models.CharField(max_length=40)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"event {self.pk} of order {self.order_id}"
