"""The seals on the record: a chain of hashes over every append-only table, and how far each is sealed."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class Seal(models.Model):
    """One link of the chain: a range of rows of one table as they stood; append-only.

    `row_hashes` holds 16 hexadecimal digits for each row that was in the range, in the order of their keys.
    """

    position = models.PositiveBigIntegerField(unique=True)
    table = models.CharField(max_length=80)
    first_key = models.BigIntegerField()
    last_key = models.BigIntegerField()
    columns = models.JSONField()
    row_hashes = models.TextField(blank=True)
    previous_sha256 = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["position"]
        indexes: ClassVar = [models.Index(fields=["table", "-last_key"], name="seal_newest_of_table")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(last_key__gte=F("first_key")), name="seal_covers_a_range"),
            models.CheckConstraint(
                condition=Q(position=0, previous_sha256="") | (Q(position__gt=0) & ~Q(previous_sha256="")),
                name="seal_follows_another",
            ),
        ]

    def __str__(self) -> str:
        return f"seal {self.position}: {self.table} {self.first_key} to {self.last_key}"


class SealMark(models.Model):
    """The newest key of a table when it was last looked at: what is older than that is ripe to be sealed."""

    table = models.CharField(max_length=80, unique=True)
    key = models.BigIntegerField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.table} up to {self.key}"
