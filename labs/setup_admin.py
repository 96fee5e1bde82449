"""Read-only lists of what a site declared: senders, their codes and unit spellings, and CSV feeds."""

from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from labs.models import LocalCode, Patient, Sender
from labs.record_admin import RecordAdmin, changes_of, shown
from labs.services.canary_lab import CANARY_SENDER
from labs.templatetags.clinic_text import analyte_name, visible

_SENDER_NAME = shown("name", "Sender")
_CERTIFICATE = shown("certificate", "Name in its client certificate")
_CODE = shown("code", "Code")
_CODE_SENDER = shown("sender", "Sender")
_SYSTEM = shown("coding_system", "Coding system")
_SPELLING = shown("spelling", "As sent")
_UNIT_SENDER = shown("sender", "Sender or feed")
_UNIT = shown("unit", "Read as")
_FEED = shown("name", "Feed")
_INSTANTS = shown("datetime_format", "How it writes an instant")
_DAYS = shown("date_format", "How it writes a day")
_CODES = shown("codes", "LOINC, or the sender whose codes it uses")


class SenderFilter(admin.AllValuesFieldListFilter):
    """Every sender that has rows, with hidden characters written out."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """As Django's own, but readable."""
        for choice in super().choices(changelist):
            yield {**choice, "display": visible(choice["display"])}


class SetupAdmin(RecordAdmin):
    """Declared by the set-up files, or by two people at the quarantine; changed there, read here."""

    of_the_canary: ClassVar = {}
    change_form_outer_after_template = "labs/_changes.html"

    def patient_of(self, record: Any) -> Patient | None:
        """What a site declares is of no patient."""
        return None

    def page_context(self, record: Any) -> dict[str, Any]:
        """Every recorded change, the newest first."""
        return {"changes": changes_of(record)}


class SenderAdmin(SetupAdmin):
    """Laboratory systems that send HL7 or FHIR."""

    list_display = [_SENDER_NAME, "header", "zone", "default_charset", "codes_known"]
    of_the_canary: ClassVar = {"name": CANARY_SENDER}
    search_fields = ["name", "msh3", "msh4"]
    ordering = ["name"]
    fields = [
        (_SENDER_NAME, "header"),
        ("zone", "default_charset"),
        ("bare_mrn_ok", "blank_status_from_report", "fhir_demographics"),
        _CERTIFICATE,
        "codes_known",
    ]
    readonly_fields = [_SENDER_NAME, "header", _CERTIFICATE, "codes_known"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sender]:
        """With how many codes each has."""
        codes = LocalCode.objects.filter(sender=OuterRef("name")).order_by().values("sender")
        count = Subquery(codes.annotate(many=Count("pk")).values("many"))
        found: QuerySet[Sender] = super().get_queryset(request).annotate(codes=Coalesce(count, Value(0)))
        return found

    @admin.display(description="Header (MSH-3, MSH-4)", ordering="msh3")
    def header(self, sender: Sender) -> str:
        """How its messages name it."""
        return visible(", ".join(filter(None, (sender.msh3, sender.msh4))))

    @admin.display(description="Codes of its own")
    def codes_known(self, sender: Any) -> str:
        """How many there are, leading to them."""
        return _codes_link(sender.name, f"{sender.codes}") if sender.codes else "none: LOINC alone is read"


class LocalCodeAdmin(SetupAdmin):
    """What each sender's own codes stand for."""

    list_display = [_CODE, _CODE_SENDER, _SYSTEM, "analyte_words"]
    list_filter = [("sender", SenderFilter), "analyte"]
    search_fields = ["code", "sender"]
    ordering = ["sender", "code", "pk"]
    fields = [(_CODE, _SYSTEM), (_CODE_SENDER, "analyte_words")]
    readonly_fields = [_CODE, _CODE_SENDER, _SYSTEM, "analyte_words"]

    @admin.display(description="Stands for", ordering="analyte")
    def analyte_words(self, row: LocalCode) -> str:
        """The analyte's name."""
        return analyte_name(row.analyte)


class UnitSpellingAdmin(SetupAdmin):
    """How a sender writes a unit of one analyte, beside the spellings that everybody may use."""

    list_display = [_SPELLING, _UNIT_SENDER, "analyte_words", _UNIT]
    list_filter = [("sender", SenderFilter), "analyte"]
    search_fields = ["spelling", "sender"]
    ordering = ["sender", "analyte", "spelling", "pk"]
    fields = [(_SPELLING, _UNIT), (_UNIT_SENDER, "analyte_words")]
    readonly_fields = [_SPELLING, _UNIT_SENDER, "analyte_words", _UNIT]

    @admin.display(description="Analyte", ordering="analyte")
    def analyte_words(self, row: Any) -> str:
        """The analyte's name."""
        return analyte_name(row.analyte)


class CsvFeedAdmin(SetupAdmin):
    """The declared dialect of each CSV source."""

    list_display = [_FEED, "layout", "delimiter", "decimal", "zone", _CODES]
    list_filter = [("codes", SenderFilter)]
    search_fields = ["name"]
    ordering = ["name"]
    fields = [
        (_FEED, "layout"),
        ("encoding", "delimiter", "decimal"),
        (_INSTANTS, _DAYS, "zone"),
        _CODES,
    ]
    readonly_fields = [_FEED, _INSTANTS, _DAYS, _CODES]


def _codes_link(sender: str, words: str) -> str:
    address = f"{reverse('admin:labs_localcode_changelist')}?{urlencode({'sender': sender})}"
    return format_html('<a href="{}">{}</a>', address, words)
