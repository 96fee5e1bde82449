"""Read-only lists of laboratory records."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from labs.clock import database_now
from labs.library import analytes
from labs.long_list import known_values
from labs.merge_admin import PatientMergeAdmin
from labs.models import (
    CsvFeed,
    ExpectedTraffic,
    LabMessage,
    LocalCode,
    Patient,
    PatientMerge,
    QuarantinedResult,
    Result,
    Sender,
    UnitSpelling,
)
from labs.record_admin import RecordAdmin, changes_of, shown
from labs.services.canary_lab import CANARY_SENDER
from labs.services.feeds import with_last_message
from labs.setup_admin import CsvFeedAdmin, LocalCodeAdmin, SenderAdmin, UnitSpellingAdmin
from labs.templatetags.clinic_text import instant, number, unit, visible


@admin.register(Patient)
class PatientAdmin(RecordAdmin):
    """Patients and what changed in their demographics."""

    list_display = ["family_shown", "given_shown", "birth_date", "sex", "number_shown"]
    of_the_canary: ClassVar = {"is_canary": True}
    search_fields = ["family", "given", "mrn", "alt_id"]
    ordering = ["family", "given", "pk"]
    fields = [("number_shown", "other_number"), "registered_at"]
    readonly_fields = ["number_shown", "other_number", "registered_at"]
    change_form_outer_after_template = "labs/_patient_history.html"

    def patient_of(self, record: Any) -> Patient | None:
        """The patient."""
        found: Patient = record
        return found

    @admin.display(description="Family name", ordering="family")
    def family_shown(self, patient: Patient) -> str:
        """The family name, with hidden characters written out."""
        return visible(patient.family)

    @admin.display(description="Given name", ordering="given")
    def given_shown(self, patient: Patient) -> str:
        """The given name, with hidden characters written out."""
        return visible(patient.given)

    @admin.display(description="Number", ordering="mrn")
    def number_shown(self, patient: Patient) -> str:
        """The number and who gave it."""
        return visible(f"{patient.mrn} ({patient.assigning_authority})")

    @admin.display(description="Other number")
    def other_number(self, patient: Patient) -> str:
        """A second number and who gave it."""
        return visible(f"{patient.alt_id} ({patient.alt_authority})") if patient.alt_id else "none"

    def page_context(self, record: Any) -> dict[str, Any]:
        """Every recorded change, the newest first."""
        return {"changes": changes_of(record)}


_ORDER_NUMBER = shown("filler_order", "Order number")


@admin.register(Result)
class ResultAdmin(RecordAdmin):
    """Results by their current version."""

    list_display = ["analyte_words", "whose", "value", "as_sent", "status", "collected"]
    list_filter = [("analyte", known_values(analytes)), "current__status", "in_conflict"]
    search_fields = ["filler_order"]
    name_search = ("patient__family", "patient__given", "patient__mrn")
    ordering = ["-collected_at", "-pk"]
    fields = [
        ("analyte_words", "status"),
        ("value", "reference"),
        ("as_sent", "collected"),
        ("sender", _ORDER_NUMBER),
        "comment",
        "versions",
    ]
    readonly_fields = [
        "analyte_words",
        _ORDER_NUMBER,
        "value",
        "as_sent",
        "reference",
        "status",
        "collected",
        "comment",
        "versions",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Result]:
        """With what every row shows."""
        found: QuerySet[Result] = super().get_queryset(request).select_related("patient", "current")
        return found

    @admin.display(description="Analyte", ordering="analyte")
    def analyte_words(self, result: Result) -> str:
        """The analyte's name."""
        analyte = analytes().get(result.analyte)
        return analyte.name if analyte else visible(result.analyte)

    @admin.display(description="Value")
    def value(self, result: Result) -> str:
        """Value and canonical unit of the current version."""
        current = result.current
        if current is None or current.value is None:
            return "withdrawn"
        return f"{current.comparator}{number(current.value)} {unit(current.unit)}"

    @admin.display(description="As sent")
    def as_sent(self, result: Result) -> str:
        """Value and unit in the laboratory's own words."""
        current = result.current
        return visible(f"{current.sent_value} {current.sent_unit}".strip()) if current else "–"

    @admin.display(description="Reference range")
    def reference(self, result: Result) -> str:
        """The reference range of the same report."""
        current = result.current
        if current is None or (current.ref_low is None and current.ref_high is None):
            return "not given"
        return f"{number(current.ref_low)} to {number(current.ref_high)} {unit(current.unit)}"

    @admin.display(description="Status", ordering="current__status")
    def status(self, result: Result) -> str:
        """The life-cycle word, and what makes the result unusable."""
        if result.current is None:
            return "no version"
        faults = [result.current.get_status_display(), *map(visible, result.current.quality)]
        return ", ".join([*faults, "contradicts another version"] if result.in_conflict else faults)

    @admin.display(description="Collected", ordering="collected_at")
    def collected(self, result: Result) -> str:
        """When the specimen was taken, on the clinic's clock."""
        return instant(result.collected_at, result.current.time_precision if result.current else "minute")

    @admin.display(description="Laboratory's comment")
    def comment(self, result: Result) -> str:
        """The comment of the current version."""
        return visible(result.current.comment) if result.current and result.current.comment else "–"

    @admin.display(description="Versions")
    def versions(self, result: Result) -> str:
        """Every version that ever arrived, the newest first."""
        lines = []
        for each in result.versions.order_by("-version"):
            shown = f"{each.comparator}{number(each.value)} {unit(each.unit)}, {each.get_status_display()}"
            lines.append(visible(f"version {each.version}: {shown}, received {instant(each.received_at)}"))
        return "\n".join(lines)


@admin.register(QuarantinedResult)
class QuarantinedResultAdmin(RecordAdmin):
    """Results kept apart, and why."""

    list_display = ["analyte", "whose", "reason_shown", "state", "opened_at"]
    list_filter = ["state", "reason_code"]
    name_search = ("patient__family", "patient__given", "patient__mrn")
    fields = [
        ("analyte", "state"),
        "reason_shown",
        "sent_shown",
        ("collected_at", "opened_at"),
        ("resolved_at", "resolved_by"),
        "resolution",
    ]
    readonly_fields = ["reason_shown", "sent_shown"]
    list_select_related = ["patient"]

    @admin.display(description="Why it waits")
    def reason_shown(self, result: QuarantinedResult) -> str:
        """The reason as a sentence."""
        return visible(result.reason)

    @admin.display(description="As sent")
    def sent_shown(self, result: QuarantinedResult) -> str:
        """The laboratory's own text, with hidden characters written out."""
        return visible(result.sent)


@admin.register(LabMessage)
class LabMessageAdmin(RecordAdmin):
    """Messages as they arrived, and what became of them."""

    list_display = ["control_shown", "sender_shown", "door", "outcome_words", "received_at"]
    list_filter = ["door", "outcome__state"]
    of_the_canary: ClassVar = {"sender": CANARY_SENDER}
    search_fields = ["control_id", "sender"]
    list_select_related = ["outcome"]
    fields = [
        ("control_shown", "sender_shown"),
        ("door", "received_at"),
        "outcome_words",
        "sha256",
    ]
    readonly_fields = ["control_shown", "sender_shown", "outcome_words"]
    change_form_outer_after_template = "labs/_message_text.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LabMessage]:
        """Lists do not load the messages themselves."""
        found: QuerySet[LabMessage] = super().get_queryset(request)
        match = request.resolver_match
        one = match is not None and "object_id" in match.kwargs
        return found if one else found.defer("body", "ack", "application_ack")

    def patient_of(self, record: Any) -> Patient | None:
        """A message may speak of several patients or of none."""
        return None

    @admin.display(description="Control id", ordering="control_id")
    def control_shown(self, message: LabMessage) -> str:
        """The sender's own number of the message."""
        return visible(message.control_id) or f"message {message.pk}"

    @admin.display(description="Sender", ordering="sender")
    def sender_shown(self, message: LabMessage) -> str:
        """The sender or feed, where it is known."""
        return visible(message.sender or message.msh3) or "not known"

    @admin.display(description="What became of it")
    def outcome_words(self, message: LabMessage) -> str:
        """The outcome, or that it is still to be read."""
        outcome = getattr(message, "outcome", None)
        return "not read yet" if outcome is None else visible(str(outcome))


admin.site.register(PatientMerge, PatientMergeAdmin)
admin.site.register(Sender, SenderAdmin)
admin.site.register(LocalCode, LocalCodeAdmin)
admin.site.register(UnitSpelling, UnitSpellingAdmin)
admin.site.register(CsvFeed, CsvFeedAdmin)


@admin.register(ExpectedTraffic)
class ExpectedTrafficAdmin(RecordAdmin):
    """What is expected of each sender and feed, and when it last spoke."""

    list_display = ["source_shown", "days", "hours", "warn_hours", "critical_hours", "last_heard"]
    of_the_canary: ClassVar = {}
    ordering = ["pk"]
    list_select_related = ["sender", "feed"]
    fields = [
        ("source_shown", "last_heard"),
        ("days", "hours", "closed_on"),
        ("warn_hours", "critical_hours", "set_up_at"),
    ]
    readonly_fields = ["source_shown", "last_heard"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExpectedTraffic]:
        """With what the last column shows."""
        return with_last_message(super().get_queryset(request), now=database_now())

    def patient_of(self, record: Any) -> Patient | None:
        """A laboratory is no patient."""
        return None

    @admin.display(description="Sender or feed")
    def source_shown(self, row: ExpectedTraffic) -> str:
        """The name that its messages carry."""
        return visible(row.source)

    @admin.display(description="Last message")
    def last_heard(self, row: ExpectedTraffic) -> str:
        """When it last sent anything."""
        at = getattr(row, "last", None)
        return "never" if at is None else instant(at)
