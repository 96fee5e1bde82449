"""The record that a value was found critical, by which table, and which alert tells of it."""

from django.db import models
from django.db.models import Prefetch, Q

from alerts.models.alert import Alert
from labs.models import Observation, QuarantinedResult


class CriticalFinding(models.Model):
    """One stored value beyond a bound of the table of critical values. Append-only.

    Of what is held for a person each value that was looked at, with level 0 where it is not critical.
    """

    observation = models.OneToOneField(
        Observation, on_delete=models.PROTECT, null=True, blank=True, related_name="critical_finding"
    )
    held = models.OneToOneField(
        QuarantinedResult, on_delete=models.PROTECT, null=True, blank=True, related_name="critical_finding"
    )
    alert = models.ForeignKey(
        Alert, on_delete=models.PROTECT, null=True, blank=True, related_name="critical_findings"
    )
    side = models.CharField(max_length=4, blank=True, default="")
    # How many of the table's bounds on this side it lies beyond; 1 is the mildest.
    level = models.PositiveSmallIntegerField()
    # Preliminary, of a doubtful specimen, kept apart, or beyond a bound only as far as can be told.
    doubtful = models.BooleanField()
    table_version = models.CharField(max_length=40)
    found_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(observation__isnull=False, held__isnull=True)
                | Q(observation__isnull=True, held__isnull=False),
                name="critical_finding_of_exactly_one_value",
            ),
            models.CheckConstraint(
                condition=Q(side__in=["low", "high"], level__gte=1, alert__isnull=False)
                | Q(side="", level=0, alert__isnull=True, held__isnull=False),
                name="critical_finding_is_whole",
            ),
            models.CheckConstraint(condition=~Q(table_version=""), name="critical_table_named"),
        ]

    def __str__(self) -> str:
        return f"critical finding {self.pk}: {self.side}, level {self.level}"

    @property
    def value(self) -> Observation | QuarantinedResult:
        """The row that was found critical."""
        row = self.observation or self.held
        assert row is not None  # the database checks it
        return row


def with_patients(alerts: models.QuerySet[Alert]) -> models.QuerySet[Alert]:
    """These alerts with whose they are; one query more, however many they are."""
    findings = CriticalFinding.objects.select_related("observation__patient", "held__patient")
    return alerts.select_related("course__patient").prefetch_related(
        Prefetch("critical_findings", queryset=findings)
    )
