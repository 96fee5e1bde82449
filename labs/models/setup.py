"""What a site declares before results may come in: senders, their local codes, and CSV feeds."""

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from labs.formats.hidden import written_out


class Sender(models.Model):
    """A laboratory system that sends HL7: how its header names it and what it leaves unsaid."""

    name = models.CharField(max_length=64, unique=True)
    msh3 = models.CharField("sending application (MSH-3)", max_length=180)
    msh4 = models.CharField("sending facility (MSH-4)", max_length=180, blank=True, default="")
    zone = models.CharField("time zone where a time carries none", max_length=64)
    default_charset = models.CharField("character set where MSH-18 is empty", max_length=32, default="utf-8")
    bare_mrn_ok = models.BooleanField("a number without authority is ours", default=False)
    blank_status_from_report = models.BooleanField(
        "a blank result status (OBX-11) is the report's (OBR-25)", default=False
    )
    fhir_demographics = models.BooleanField(
        "a FHIR resource must state birth date and family name beside the number", default=False
    )
    certificate = models.CharField(
        "name in its client certificate (subject or alternative name), lower case",
        max_length=255,
        blank=True,
        default="",
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["msh3", "msh4"], name="sender_header_once"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(msh3="") & ~Q(zone=""), name="sender_whole"),
        ]
        permissions = [("try_sample", "Can try how a laboratory's sample would be understood")]

    def __str__(self) -> str:
        return written_out(self.name)


class LocalCode(models.Model):
    """A laboratory's own test code and the analyte it stands for. The sender may be one only CSV uses."""

    sender = models.CharField(max_length=64)
    code = models.CharField(max_length=64)
    coding_system = models.CharField(max_length=64, blank=True, default="")
    analyte = models.CharField(max_length=8)

    history = HistoricalRecords()

    class Meta:
        ordering = ["sender", "code"]
        constraints = [
            models.UniqueConstraint(fields=["sender", "code", "coding_system"], name="local_code_once"),
            models.CheckConstraint(
                condition=~Q(sender="") & ~Q(code="") & ~Q(analyte=""), name="local_code_whole"
            ),
        ]

    def __str__(self) -> str:
        return written_out(f"{self.sender} {self.code} = {self.analyte}")


class UnitSpelling(models.Model):
    """How one laboratory writes a unit of one analyte, where the closed table does not know the spelling."""

    sender = models.CharField("sender or feed", max_length=64)
    analyte = models.CharField(max_length=8)
    spelling = models.CharField("as sent, folded", max_length=64)
    unit = models.CharField("the known unit it means", max_length=32)

    history = HistoricalRecords()

    class Meta:
        ordering = ["sender", "analyte", "spelling"]
        constraints = [
            models.UniqueConstraint(fields=["sender", "analyte", "spelling"], name="unit_spelling_once"),
            models.CheckConstraint(
                condition=~Q(sender="") & ~Q(analyte="") & ~Q(spelling="") & ~Q(unit=""),
                name="unit_spelling_whole",
            ),
        ]

    def __str__(self) -> str:
        return written_out(f"{self.sender} {self.analyte} {self.spelling} = {self.unit}")


class CsvFeed(models.Model):
    """The declared dialect of one CSV source. Nothing about a file is guessed from the file."""

    class Layout(models.TextChoices):
        LONG = "long", "One result a row"
        WIDE = "wide", "One draw a row"

    class Delimiter(models.TextChoices):
        COMMA = "comma", "Comma"
        SEMICOLON = "semicolon", "Semicolon"
        TAB = "tab", "Tab"

    name = models.CharField(max_length=64, unique=True)
    layout = models.CharField(max_length=4, choices=Layout.choices)
    encoding = models.CharField(max_length=32)
    delimiter = models.CharField(max_length=9, choices=Delimiter.choices)
    decimal = models.CharField("decimal mark", max_length=1)
    datetime_format = models.CharField(max_length=64)
    date_format = models.CharField(max_length=64)
    zone = models.CharField("time zone where a time carries none", max_length=64)
    codes = models.CharField("LOINC, or the sender whose local codes the feed uses", max_length=64)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(layout__in=["long", "wide"]), name="feed_layout_known"),
            models.CheckConstraint(
                condition=Q(delimiter__in=["comma", "semicolon", "tab"]), name="feed_delimiter_known"
            ),
            models.CheckConstraint(condition=Q(decimal__in=[".", ","]), name="feed_decimal_known"),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(encoding="") & ~Q(zone="") & ~Q(codes=""), name="feed_whole"
            ),
        ]

    def __str__(self) -> str:
        return written_out(self.name)
