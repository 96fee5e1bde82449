"""What a site may expect of each source: when it sends, and which units it has used so far."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from labs.models.message import LabMessage
from labs.models.setup import CsvFeed, Sender
from labs.traffic import Expectation, WorkingTime, read_days, read_hours


class ExpectedTraffic(models.Model):
    """How often one sender or feed is expected to send, and when its silence is a fault."""

    sender = models.OneToOneField(
        Sender, on_delete=models.PROTECT, null=True, blank=True, related_name="expected"
    )
    feed = models.OneToOneField(
        CsvFeed, on_delete=models.PROTECT, null=True, blank=True, related_name="expected"
    )
    days = models.CharField("days of the week", max_length=32)
    hours = models.CharField("hours of the day, clinic time", max_length=11)
    closed_on = models.TextField("days without traffic", blank=True, default="")
    warn_hours = models.PositiveSmallIntegerField("working hours of silence until a warning")
    critical_hours = models.PositiveSmallIntegerField("working hours of silence until it is critical")
    # Silence of a source that never sent anything counts from here.
    set_up_at = models.DateTimeField()

    history = HistoricalRecords()

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "expected traffic"
        constraints = [
            models.CheckConstraint(
                condition=Q(sender__isnull=False, feed__isnull=True)
                | Q(sender__isnull=True, feed__isnull=False),
                name="traffic_of_exactly_one_source",
            ),
            models.CheckConstraint(
                condition=Q(warn_hours__gte=1) & Q(critical_hours__gt=F("warn_hours")),
                name="traffic_warns_before_it_is_critical",
            ),
            models.CheckConstraint(condition=~Q(days="") & ~Q(hours=""), name="traffic_working_time_given"),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.days} {self.hours}, {self.warn_hours} h, {self.critical_hours} h"

    @property
    def source(self) -> str:
        """The name that messages of this source carry."""
        return str(self.sender or self.feed)

    @property
    def expectation(self) -> Expectation:
        """The row as the judgement takes it. Raises ValueError where it cannot be followed."""
        opens, closes = read_hours(self.hours)
        working = WorkingTime(
            days=read_days(self.days),
            opens=opens,
            closes=closes,
            closed_on=frozenset(date.fromisoformat(day) for day in self.closed_on.split()),
        )
        return Expectation(
            working=working,
            warn_after=timedelta(hours=self.warn_hours),
            critical_after=timedelta(hours=self.critical_hours),
        )

    def clean(self) -> None:
        """Refuse what could not be followed later."""
        try:
            _ = self.expectation
        except ValueError as error:
            raise ValidationError(str(error)) from error


class UnitUse(models.Model):
    """The first time a source sent an analyte in one spelling of a unit."""

    sender = models.CharField("sender or feed", max_length=64)
    analyte = models.CharField(max_length=8)
    unit = models.CharField("spelling, folded", max_length=64)
    factor = models.DecimalField("into the canonical unit", max_digits=30, decimal_places=15)
    first_at = models.DateTimeField()
    message = models.ForeignKey(LabMessage, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["sender", "analyte", "first_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["sender", "analyte", "unit"], name="unit_first_used_once"),
            models.CheckConstraint(condition=~Q(sender="") & ~Q(analyte=""), name="unit_use_whole"),
        ]

    def __str__(self) -> str:
        return f"{self.sender} {self.analyte} in {self.unit}"
