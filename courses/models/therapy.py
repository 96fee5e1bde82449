"""The day of therapy: its steps as they happened, the authorised start, what was infused, what counts."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from courses.models.course import Cycle
from courses.models.decision import Decision, Directive
from courses.models.vial import DispensedUnit


class DayOutcome(models.TextChoices):
    """How a day of therapy ended."""

    RELEASED = "released", "given, patient released"
    NOT_GIVEN = "not_given", "not given"


class TherapyDayQuerySet(models.QuerySet["TherapyDay"]):
    """The questions asked about days of therapy."""

    def open(self) -> "TherapyDayQuerySet":
        """Days that have begun and not ended; a stay may last several days."""
        return self.filter(ended_at__isnull=True)


class TherapyDay(models.Model):
    """One stay for one cycle, from admission to release; what happened in it stands in its steps."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="therapy_days")
    # The rules of the day as they were when it was opened.
    rules_id = models.CharField(max_length=80)
    rules_sha256 = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=DayOutcome, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = TherapyDayQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["cycle"], condition=Q(ended_at__isnull=True), name="one_open_therapy_day_per_cycle"
            ),
            models.CheckConstraint(
                condition=(
                    Q(ended_at__isnull=True, outcome="")
                    | Q(ended_at__isnull=False, outcome__in=DayOutcome.values)
                ),
                name="therapy_day_ends_with_an_outcome",
            ),
        ]
        permissions: ClassVar = [
            ("run_therapy_day", "Can open a day of therapy and record its steps"),
            ("authorise_start", "Can authorise the start of an infusion, or check it as the second person"),
        ]

    def __str__(self) -> str:
        return f"therapy day {self.pk}"


class StepKind(models.TextChoices):
    """Everything that is recorded of a day of therapy, in the order of the day."""

    IDENTITY = "identity", "patient identified by two people"
    PREGNANCY = "pregnancy", "pregnancy excluded"
    POTASSIUM = "potassium", "potassium looked at"
    ANALOGUE = "analogue", "somatostatin analogue wash-out"
    ALLERGY = "allergy", "allergies and earlier reactions asked"
    ANTIEMETIC = "antiemetic", "antiemetic given"
    STEROID = "steroid", "corticosteroid given"
    AMINO_START = "amino_start", "amino acids started"
    AMINO_PAUSED = "amino_paused", "amino acids interrupted"
    AMINO_RESUMED = "amino_resumed", "amino acids running again"
    UNIT_SCANNED = "unit_scanned", "unit matched with the directive"
    ASSAY = "assay", "unit measured"
    START_CHECK = "start_check", "start checked by a second person"
    INFUSION_START = "infusion_start", "infusion started"
    LINE_CHECK = "line_check", "line and arm looked at"
    INFUSION_PAUSED = "infusion_paused", "infusion interrupted"
    INFUSION_RESUMED = "infusion_resumed", "infusion running again"
    INFUSION_END = "infusion_end", "infusion ended"
    RESIDUAL = "residual", "residual measured"
    AMINO_END = "amino_end", "amino acids ended"
    RESCUE = "rescue", "rescue medicine given"
    OBSERVATION = "observation", "observed after the infusion"
    ANALOGUE_RESTART = "analogue_restart", "long-acting analogue given"
    RELEASE_SURVEY = "release_survey", "dose rate measured for release"
    RELEASED = "released", "patient released"
    NOT_GIVEN = "not_given", "not given"
    NOTE = "note", "note"


class TherapyStep(models.Model):
    """One thing that happened on a day of therapy; append-only, a correction is a new row.

    `happened_at` is when it happened, as entered or stamped; `recorded_at` when it was written down.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    therapy_day = models.ForeignKey(TherapyDay, on_delete=models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=20, choices=StepKind)
    data = models.JSONField(default=dict)
    happened_at = models.DateTimeField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    second_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    second_name = models.CharField(max_length=200, blank=True)
    # Of a step that needs one: when the password was given.
    authenticated_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField()
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    # In a correction that only takes the earlier entry back.
    taken_back = models.BooleanField(default=False)
    reason = models.TextField("reason of a correction", blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=StepKind.values), name="therapy_step_kind_is_known"),
            models.CheckConstraint(condition=~Q(printed_name=""), name="therapy_step_recorded_by_someone"),
            models.CheckConstraint(
                condition=Q(second_by__isnull=True, second_name="")
                | (Q(second_by__isnull=False) & ~Q(second_by=F("recorded_by")) & ~Q(second_name="")),
                name="therapy_step_second_is_another_person",
            ),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True, taken_back=False)
                | (Q(corrects__isnull=False) & ~Q(reason="")),
                name="therapy_step_correction_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of therapy day {self.therapy_day_id}"


class StartAuthorisation(models.Model):
    """The start of one infusion, authorised on a live assessment by two people; append-only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    therapy_day = models.ForeignKey(TherapyDay, on_delete=models.PROTECT, related_name="authorisations")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="authorisations")
    directive = models.ForeignKey(Directive, on_delete=models.PROTECT, related_name="authorisations")
    unit = models.ForeignKey(DispensedUnit, on_delete=models.PROTECT, related_name="authorisations")
    checked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    checked_name = models.CharField(max_length=200)
    authorised_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    authorised_name = models.CharField(max_length=200)
    # The roles held at that instant; null where it was authorised before they were recorded.
    checked_roles = models.JSONField(null=True, editable=False)
    authorised_roles = models.JSONField(null=True, editable=False)
    authenticated_at = models.DateTimeField()
    authorised_at = models.DateTimeField()
    evidence_sha256 = models.CharField(max_length=64)
    record_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(checked_by=F("authorised_by")), name="start_authorised_by_two_people"
            ),
            models.CheckConstraint(
                condition=~Q(checked_name="") & ~Q(authorised_name=""), name="start_names_both_people"
            ),
        ]

    def __str__(self) -> str:
        return f"start authorisation {self.pk}"


class InfusionEnd(models.TextChoices):
    """How an infusion ended."""

    COMPLETE = "complete", "complete"
    LEAK = "leak", "line leaked"
    EXTRAVASATION = "extravasation", "extravasation"
    UNWELL = "unwell", "patient unwell"
    EQUIPMENT = "equipment", "equipment failed"
    OTHER = "other", "ended early for another reason"


class InfusionQuerySet(models.QuerySet["Infusion"]):
    """The questions asked about infusions."""

    def effective(self) -> "InfusionQuerySet":
        """Infusions as they stand: corrected versions left out."""
        return self.filter(corrected_by__isnull=True)

    def waiting(self) -> "InfusionQuerySet":
        """Parts of a cycle that nobody has judged; of a cycle on record as given only corrected records.

        One that ran to its end and brought nothing is a part too.
        """
        parts = ~Q(ended_how=InfusionEnd.COMPLETE) | Q(delivered_gbq=0)
        asked = Q(cycle__administration__isnull=True) | Q(corrects__isnull=False)
        return self.effective().filter(parts, asked, judgement__isnull=True)

    def reached(self) -> "InfusionQuerySet":
        """Those of them that brought activity into the patient: an interval runs from each."""
        return self.effective().filter(delivered_gbq__gt=0)

    def uncounted(self) -> "InfusionQuerySet":
        """What reached the patient in a cycle still open and does not count for it by a physician's word."""
        return self.reached().filter(judgement__counts=False, cycle__administration__isnull=True)


class Infusion(models.Model):
    """What reached a patient in one infusion; append-only, a correction is a new row.

    `delivered_gbq` refers to the start. Without an authorisation it is a deviation and says so.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="infusions")
    therapy_day = models.ForeignKey(
        TherapyDay, on_delete=models.PROTECT, null=True, blank=True, related_name="infusions"
    )
    authorisation = models.ForeignKey(
        StartAuthorisation, on_delete=models.PROTECT, null=True, blank=True, related_name="infusions"
    )
    unit = models.ForeignKey(
        DispensedUnit, on_delete=models.PROTECT, null=True, blank=True, related_name="infusions"
    )
    directive = models.ForeignKey(
        Directive, on_delete=models.PROTECT, null=True, blank=True, related_name="infusions"
    )
    product = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    ended_how = models.CharField(max_length=16, choices=InfusionEnd)
    assay_gbq = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)
    assay_at = models.DateTimeField(null=True, blank=True)
    residual_gbq = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)
    residual_at = models.DateTimeField(null=True, blank=True)
    delivered_gbq = models.DecimalField(max_digits=9, decimal_places=4)
    # Another route than the directed one; empty where it was that one.
    route = models.CharField(max_length=200, blank=True, default="")
    # What departed from directive, authorisation or order of the day, in words; empty when nothing did.
    deviation = models.TextField(blank=True)
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    reason = models.TextField("reason of a correction", blank=True)
    # Of a correction that changes what was delivered or when: who saw it as well.
    second_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    second_name = models.CharField(max_length=200, blank=True, default="")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    objects = InfusionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["started_at", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(delivered_gbq__gte=0), name="delivered_activity_not_negative"),
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("started_at")), name="infusion_ends_after_its_start"
            ),
            models.CheckConstraint(
                condition=Q(ended_how__in=InfusionEnd.values), name="infusion_end_is_known"
            ),
            models.CheckConstraint(
                condition=Q(authorisation__isnull=False) | ~Q(deviation=""),
                name="infusion_is_authorised_or_a_deviation",
            ),
            models.CheckConstraint(
                condition=(
                    Q(residual_gbq__isnull=True, residual_at__isnull=True)
                    | Q(residual_gbq__gte=0, residual_at__isnull=False)
                ),
                name="residual_has_its_instant",
            ),
            models.CheckConstraint(
                condition=(
                    Q(assay_gbq__isnull=True, assay_at__isnull=True)
                    | Q(assay_gbq__gt=0, assay_at__isnull=False)
                ),
                name="assay_has_its_instant",
            ),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(reason=""), name="infusion_correction_says_why"
            ),
            models.CheckConstraint(
                condition=Q(second_by__isnull=True, second_name="")
                | (Q(second_by__isnull=False) & ~Q(second_by=F("recorded_by")) & ~Q(second_name="")),
                name="infusion_second_is_another_person",
            ),
        ]

    def __str__(self) -> str:
        return f"infusion {self.pk} of {self.delivered_gbq} GBq"


class CycleJudgement(models.Model):
    """A physician's word on a cycle given in part: whether it counts, and any remainder; append-only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="judgements")
    infusion = models.OneToOneField(Infusion, on_delete=models.PROTECT, related_name="judgement")
    counts = models.BooleanField()
    remainder_gbq = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    reason = models.TextField()
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(remainder_gbq__isnull=True) | Q(remainder_gbq__gt=0),
                name="remainder_is_an_activity",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(printed_name=""), name="cycle_judgement_says_why_and_who"
            ),
        ]
        permissions: ClassVar = [("judge_cycle", "Can judge whether a cycle given in part counts")]

    def __str__(self) -> str:
        return f"judgement of infusion {self.infusion_id}"
