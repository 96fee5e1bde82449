"""Read-only lists of alerts and of every attempt to deliver their mails."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from alerts.delivery_admin import DeliveryReportAdmin, PushAddressAdmin
from alerts.library import policy
from alerts.models import Alert, CanaryRun, DeliveryAttempt, with_patients
from alerts.rules import Kind
from labs.models import Patient
from labs.record_admin import RecordAdmin

# Their classes stand in a module of their own; the framework looks for them here.
__all__ = ["DeliveryReportAdmin", "PushAddressAdmin"]


@admin.register(Alert)
class AlertAdmin(RecordAdmin):
    """Alerts; each opens on the page where it is acknowledged."""

    of_the_canary: ClassVar = {"kind": Kind.CANARY.value}
    list_display = ["ref", "severity_word", "kind", "whose", "state", "raised_at", "acked_by"]
    list_filter = ["state", "severity", "kind"]
    search_fields = ["ref"]
    name_search = tuple(
        f"{link}__patient__{field}"
        for link in ("course", "critical_findings__observation", "critical_findings__held")
        for field in ("family", "given", "mrn")
    )
    ordering = ["-raised_at", "-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        """With whose each one is, and who has it."""
        return with_patients(super().get_queryset(request)).select_related("acked_by")

    def patient_of(self, record: Any) -> Patient | None:
        """The patient of its course or of its value; technical alerts have none."""
        found: Patient | None = record.patient
        return found

    @admin.display(description="Severity", ordering="severity")
    def severity_word(self, alert: Alert) -> str:
        """The policy's word for how severe it is."""
        return policy().words.get(alert.severity, str(alert.severity)).capitalize()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """An alert is read and acknowledged on its own page."""
        alert = self.get_object(request, object_id)
        if not self.has_view_permission(request, alert):
            raise PermissionDenied
        if alert is None:
            raise Http404("There is no such alert.")
        return HttpResponseRedirect(reverse("alerts:alert", args=[alert.public_id]))


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(RecordAdmin):
    """Every try to hand a mail to the mail server."""

    of_the_canary: ClassVar = {"notification__alert__kind": Kind.CANARY.value}
    list_display = ["alert_ref", "to", "n", "outcome", "smtp_code", "started_at", "finished_at"]
    list_filter = ["outcome"]
    ordering = ["-pk"]
    list_select_related = ["notification__alert", "notification__person"]
    fields = [
        ("alert_ref", "to", "n"),
        ("outcome", "smtp_code", "error_class"),
        ("started_at", "finished_at"),
    ]
    readonly_fields = ["alert_ref", "to"]

    def patient_of(self, record: Any) -> Patient | None:
        """A mail names no patient, and neither does the list of mails."""
        return None

    @admin.display(description="Alert")
    def alert_ref(self, attempt: DeliveryAttempt) -> str:
        """The alert's reference."""
        return attempt.notification.alert.ref

    @admin.display(description="To")
    def to(self, attempt: DeliveryAttempt) -> str:
        """Who was to be told, and where."""
        person = attempt.notification.person
        return f"{person.get_full_name() or person.get_username()}, {attempt.notification.endpoint}"


@admin.register(CanaryRun)
class CanaryRunAdmin(RecordAdmin):
    """The trials of the whole line, stage by stage."""

    list_display = ["started_at", "outcome", "broken_stage", "ended_at", "mailbox"]
    list_filter = ["outcome"]
    of_the_canary: ClassVar = {}
    ordering = ["-pk"]
    fields = [
        ("started_at", "outcome", "ended_at"),
        ("broken_stage", "reason"),
        ("sent_at", "acknowledged_at", "read_at"),
        ("assessed_at", "triaged_at", "queued_at"),
        ("mailed_at", "answered_at", "mailbox"),
    ]

    def patient_of(self, record: Any) -> Patient | None:
        """A trial is nobody's."""
        return None
