"""The sign of life of each process that carries the alert duty."""

from django.db import models


class Heartbeat(models.Model):
    """When a process last said that it was working."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~models.Q(name=""), name="heartbeat_named")]

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
