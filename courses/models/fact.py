"""What people record of a patient beside results, who said so, and who confirmed it; append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length, Trim
from django.db.models.lookups import GreaterThanOrEqual

from courses.models.course import Course
from courses.rules.facts import SHORTEST_OVERRIDE
from labs.models import Patient, Result
from labs.same_person import numbers_of


class RecordKind(models.TextChoices):
    """Every kind of fact that people record."""

    PREGNANCY = "pregnancy", "pregnancy"
    SSTR_IMAGING = "sstr_imaging", "receptor imaging"
    ANALOGUE_INJECTIONS = "analogue_injections", "analogue injection"
    ALLERGY_REVIEW = "allergy_review", "allergy review"
    INTERRUPTIONS = "interruptions", "illness or operation"
    DISEASE_FLAGS = "disease_flags", "lasting fact"
    SUPPORT = "support", "transfusion or growth factor"
    ADVERSE_EVENT = "adverse_event", "adverse event"
    NOT_REPRESENTATIVE = "not_representative", "result not representative"
    DELAY = "delay", "delay"
    MANUAL_GRADES = "manual_grades", "grade given by a person"
    ATTRIBUTIONS = "attributions", "attribution"
    OCCURRENCE_REVIEWS = "occurrence_reviews", "review of an occurrence"
    DECLARED_BASELINE = "declared_baseline", "declared baseline"
    BASELINE_AMENDMENT = "baseline_amendment", "amendment of a baseline"
    PRIOR_TREATMENT = "prior_treatment", "earlier treatment"
    PRECAUTIONARY_HOLD = "precautionary_holds", "precautionary hold"
    OVERRIDE = "overrides", "override of a rule"
    WAIVER = "waivers", "waiver of evidence"
    STOP_RESCISSION = "stop_rescissions", "rescission of a stop"


# A fact of these kinds belongs to one course; every other one to the patient, whatever the course.
OF_COURSE = (
    RecordKind.DELAY,
    RecordKind.MANUAL_GRADES,
    RecordKind.ATTRIBUTIONS,
    RecordKind.OCCURRENCE_REVIEWS,
    RecordKind.DECLARED_BASELINE,
    RecordKind.BASELINE_AMENDMENT,
    RecordKind.PRECAUTIONARY_HOLD,
    RecordKind.OVERRIDE,
    RecordKind.WAIVER,
    RecordKind.STOP_RESCISSION,
)
# These name a result; the row holds it, so that the database keeps it.
OF_RESULT = (RecordKind.NOT_REPRESENTATIVE, RecordKind.BASELINE_AMENDMENT)
# These count only once a second physician has confirmed them.
OF_TWO_PEOPLE = (
    RecordKind.NOT_REPRESENTATIVE,
    RecordKind.DECLARED_BASELINE,
    RecordKind.BASELINE_AMENDMENT,
    RecordKind.STOP_RESCISSION,
)
# A physician's acts: with a reason, and a password given moments before.
OF_PHYSICIANS = (
    *OF_TWO_PEOPLE,
    RecordKind.MANUAL_GRADES,
    RecordKind.ATTRIBUTIONS,
    RecordKind.OCCURRENCE_REVIEWS,
    RecordKind.OVERRIDE,
    RecordKind.WAIVER,
)
# These change what may be given: the course is judged again in the very commit that records them.
AT_ONCE = (RecordKind.PRECAUTIONARY_HOLD, RecordKind.OVERRIDE, RecordKind.WAIVER)


def _values(kinds: tuple[RecordKind, ...]) -> list[str]:
    return [kind.value for kind in kinds]


def _needs_two() -> Q:
    """Facts that count only once a second physician has confirmed them: by their kind, or each by itself."""
    return Q(kind__in=_values(OF_TWO_PEOPLE)) | Q(second_needed=True)


class ChartFactQuerySet(models.QuerySet["ChartFact"]):
    """The questions asked about recorded facts."""

    def standing(self) -> "ChartFactQuerySet":
        """Facts that nobody took back, whether or not a second person is still awaited."""
        return self.filter(withdrawn_by__isnull=True, data__isnull=False)

    def counting(self) -> "ChartFactQuerySet":
        """Facts that a chart may use: not taken back, and confirmed where two people are needed."""
        return self.standing().filter(~_needs_two() | Q(confirmation__isnull=False))

    def waiting(self) -> "ChartFactQuerySet":
        """Facts that a second person has still to confirm."""
        return self.standing().filter(_needs_two(), confirmation__isnull=True)

    def seen_from(self, course: Course, *, numbers: frozenset[int] | None = None) -> "ChartFactQuerySet":
        """Facts of the course and of its patient, under all numbers of the person."""
        mine = numbers or numbers_of(course.patient_id)
        return self.filter(Q(course__isnull=True) | Q(course=course), patient_id__in=mine)


class ChartFact(models.Model):
    """One recorded fact, as the rules read it; append-only.

    `data` is the fact in the JSON of a situation, without its author and reference; none in a row that only
    takes another one back. A change is a new row that withdraws the old one.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="chart_facts")
    course = models.ForeignKey(
        Course, on_delete=models.PROTECT, null=True, blank=True, related_name="chart_facts"
    )
    kind = models.CharField(max_length=24, choices=RecordKind)
    data = models.JSONField(null=True, blank=True)
    result = models.ForeignKey(
        Result, on_delete=models.PROTECT, null=True, blank=True, related_name="chart_facts"
    )
    reason = models.TextField(blank=True)
    # Of a kind that one person may record: whether this one counts only once a second physician confirmed it.
    second_needed = models.BooleanField(default=False)
    withdraws = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="withdrawn_by"
    )
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    # Of a physician's act: when the password was given.
    authenticated_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField()

    objects = ChartFactQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["patient", "kind"], name="chart_fact_by_kind")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=RecordKind.values), name="chart_fact_kind_is_known"),
            models.CheckConstraint(
                condition=(
                    Q(kind__in=_values(OF_COURSE), course__isnull=False)
                    | (~Q(kind__in=_values(OF_COURSE)) & Q(course__isnull=True))
                ),
                name="chart_fact_belongs_to_course_or_patient",
            ),
            models.CheckConstraint(
                condition=(
                    Q(data__isnull=True)
                    | Q(kind__in=_values(OF_RESULT), result__isnull=False)
                    | (~Q(kind__in=_values(OF_RESULT)) & Q(result__isnull=True))
                ),
                name="chart_fact_names_its_result",
            ),
            models.CheckConstraint(
                condition=Q(data__isnull=False) | Q(withdraws__isnull=False),
                name="chart_fact_says_something",
            ),
            models.CheckConstraint(
                condition=Q(withdraws__isnull=True) | ~Q(reason=""), name="withdrawal_says_why"
            ),
            models.CheckConstraint(
                condition=(
                    ~Q(kind__in=_values(OF_PHYSICIANS)) | (Q(authenticated_at__isnull=False) & ~Q(reason=""))
                ),
                name="physicians_act_is_signed_and_says_why",
            ),
            models.CheckConstraint(condition=~Q(printed_name=""), name="chart_fact_recorded_by_someone"),
            models.CheckConstraint(
                condition=~Q(kind=RecordKind.PRECAUTIONARY_HOLD.value) | ~Q(reason=""), name="hold_says_why"
            ),
            models.CheckConstraint(
                condition=(
                    ~Q(kind=RecordKind.OVERRIDE.value)
                    | Q(data__isnull=True)
                    | Q(GreaterThanOrEqual(Length(Trim("reason")), SHORTEST_OVERRIDE))
                ),
                name="override_says_why_at_length",
            ),
        ]
        permissions: ClassVar = [
            ("record_fact", "Can record facts of a patient"),
            ("judge_fact", "Can grade, attribute and review, and confirm what needs two physicians"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def ref(self) -> str:
        """How evidence names this row."""
        return f"fact-{self.public_id}"

    @property
    def needs_two(self) -> bool:
        """Whether this fact counts only once a second physician has confirmed it."""
        return self.second_needed or self.kind in OF_TWO_PEOPLE


class FactConfirmation(models.Model):
    """A second physician confirms a fact that needs two; append-only."""

    fact = models.OneToOneField(ChartFact, on_delete=models.PROTECT, related_name="confirmation")
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    authenticated_at = models.DateTimeField()
    confirmed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(printed_name=""), name="fact_confirmed_by_someone")
        ]

    def __str__(self) -> str:
        return f"confirmation of fact {self.fact_id}"
