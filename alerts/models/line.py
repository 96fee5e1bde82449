"""How the way to a mail server or a push address fares, so that all who send know it."""

from django.db import models
from django.db.models import Q

FAILURES_THAT_SHUT = 5


class Line(models.Model):
    """One way out: how often in a row nobody answered, since when, and when the next may try."""

    name = models.CharField(max_length=40, unique=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    next_probe_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="line_named"),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since__isnull=True, next_probe_at__isnull=True)
                | Q(failures__gt=0, failing_since__isnull=False, next_probe_at__isnull=False),
                name="line_failures_have_their_times",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.failures} failures in a row"
