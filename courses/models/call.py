"""What was said when somebody of the clinic spoke with a patient, and what follows from it; append-only."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from courses.models.course import Course, Cycle
from courses.models.fact import ChartFact


class CallOutcome(models.TextChoices):
    """What became of a call or visit."""

    SPOKEN = "spoken", "spoke with somebody"
    NOT_REACHED = "not_reached", "nobody was reached"
    TAKEN_BACK = "taken_back", "recorded by mistake"


class CallChannel(models.TextChoices):
    """How they spoke."""

    TELEPHONE = "telephone", "by telephone"
    VIDEO = "video", "by video"
    VISIT = "visit", "in person"


class SpokenWith(models.TextChoices):
    """With whom somebody of the clinic spoke."""

    PATIENT = "patient", "the patient"
    KIN = "kin", "next of kin"
    DOCTOR = "doctor", "another doctor or ward"
    OTHER = "other", "somebody else"


class CallBackBy(models.TextChoices):
    """Who rings back."""

    NURSE = "nurse", "a nurse rings back"
    PHYSICIAN = "physician", "a physician rings back"
    PATIENT = "patient", "the patient rings us"


class PatientCallQuerySet(models.QuerySet["PatientCall"]):
    """The questions asked about calls."""

    def current(self) -> "PatientCallQuerySet":
        """Calls as they stand: corrected versions and those taken back left out."""
        return self.filter(corrected_by__isnull=True).exclude(outcome=CallOutcome.TAKEN_BACK)

    def to_ring_back(self) -> "PatientCallQuerySet":
        """Standing calls after which somebody has still to ring back, the earliest first."""
        settled = CallSettled.objects.filter(
            settled__public_id=OuterRef("public_id"), call__corrected_by__isnull=True
        ).exclude(call__outcome=CallOutcome.TAKEN_BACK)
        owed = self.current().filter(call_back_by__isnull=False)
        return owed.filter(~Exists(settled)).order_by("call_back_by", "pk")


class PatientCall(models.Model):
    """One version of a call or visit; append-only, a correction and a taking back are newer versions.

    `occasion` is the id of a planned call with the therapy day it is about, or `other`. Symptoms and a hold
    are facts of their own, linked by `CallFact`.
    """

    public_id = models.UUIDField(default=uuid.uuid4, editable=False)
    version = models.PositiveSmallIntegerField(default=1)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="patient_calls")
    occasion = models.CharField(max_length=24)
    cycle = models.ForeignKey(
        Cycle, on_delete=models.PROTECT, null=True, blank=True, related_name="patient_calls"
    )
    about_on = models.DateField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=CallOutcome)
    # When they spoke, or when it was tried.
    spoken_at = models.DateTimeField()
    channel = models.CharField(max_length=12, choices=CallChannel)
    # Who of the clinic spoke; whoever wrote it down stands in recorded_by.
    spoken_by = models.CharField(max_length=200)
    spoken_with = models.CharField(max_length=12, choices=SpokenWith, blank=True)
    spoken_with_name = models.CharField(max_length=200, blank=True)
    # Each question as it was worded then, with its answer: {"id", "text", "answer"}.
    answers = models.JSONField(default=list)
    questions_sha256 = models.CharField(max_length=64)
    note = models.TextField(blank=True)
    advice = models.TextField(blank=True)
    # Where an answer spoke against going on and the course was not held: why not.
    not_held_because = models.TextField(blank=True)
    call_back_who = models.CharField(max_length=12, choices=CallBackBy, blank=True)
    call_back_by = models.DateTimeField(null=True, blank=True)
    call_back_about = models.CharField(max_length=200, blank=True)
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    reason = models.TextField("reason of a correction", blank=True)
    # What was sent: the same form sent twice is one call.
    form_sha256 = models.CharField(max_length=64)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=200)
    recorded_at = models.DateTimeField()

    objects = PatientCallQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["public_id", "version"], name="call_version_once"),
            models.CheckConstraint(
                condition=Q(version=1, corrects__isnull=True) | Q(version__gt=1, corrects__isnull=False),
                name="call_version_follows_another",
            ),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(reason=""), name="call_correction_says_why"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=CallOutcome.values) & Q(channel__in=CallChannel.values),
                name="call_words_are_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=[CallOutcome.NOT_REACHED.value, CallOutcome.TAKEN_BACK.value])
                | Q(spoken_with__in=SpokenWith.values),
                name="call_says_with_whom",
            ),
            models.CheckConstraint(
                condition=~Q(outcome=CallOutcome.NOT_REACHED.value) | Q(answers=[]),
                name="nobody_reached_answers_nothing",
            ),
            models.CheckConstraint(
                condition=Q(occasion="other") | Q(cycle__isnull=False, about_on__isnull=False),
                name="planned_call_names_its_day",
            ),
            models.CheckConstraint(
                condition=Q(call_back_who="", call_back_by__isnull=True)
                | Q(
                    call_back_who__in=CallBackBy.values,
                    call_back_by__isnull=False,
                    call_back_by__gt=F("spoken_at"),
                ),
                name="call_back_says_who_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(occasion="") & ~Q(spoken_by="") & ~Q(printed_name="") & ~Q(form_sha256=""),
                name="call_is_whole",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["course", "occasion", "about_on"], name="call_by_occasion"),
            models.Index(
                fields=["call_back_by"], condition=Q(call_back_by__isnull=False), name="call_back_by_time"
            ),
        ]

    def __str__(self) -> str:
        return f"call {self.public_id}, version {self.version}"


class CallFact(models.Model):
    """A fact that this version of a call stands for: a symptom it reported, or a hold placed in it."""

    call = models.ForeignKey(PatientCall, on_delete=models.PROTECT, related_name="facts")
    fact = models.ForeignKey(ChartFact, on_delete=models.PROTECT, related_name="calls")

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "fact"], name="call_names_a_fact_once")
        ]

    def __str__(self) -> str:
        return f"fact {self.fact_id} of call {self.call_id}"


class CallSettled(models.Model):
    """This call was the ringing back that another call had asked for."""

    call = models.ForeignKey(PatientCall, on_delete=models.PROTECT, related_name="settles")
    settled = models.ForeignKey(PatientCall, on_delete=models.PROTECT, related_name="settled_by")

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "settled"], name="call_settles_another_once"),
            models.CheckConstraint(condition=~Q(call=F("settled")), name="call_settles_another"),
        ]

    def __str__(self) -> str:
        return f"call {self.settled_id} settled by {self.call_id}"
