"""Where people are told beside the mail, and what came back: lists, and the form of a push address."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from alerts.models import DeliveryReport, PushAddress
from alerts.services.push_addresses import (
    BadPushAddress,
    add_push_address,
    check_push_address,
    end_push_address,
)
from labs.models import Patient
from labs.record_admin import FilteredAdmin, RecordAdmin

MANAGES = "alerts.manage_addresses"


class PushAddressForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs alone
    """One new address: whose, and the address as apprise writes it."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="As apprise writes it, such as ntfys://host/topic. It may hold passwords: it is encrypted, "
        "and never shown again.",
    )

    class Meta:
        model = PushAddress
        fields = ("person",)

    def clean_url(self) -> str:
        """An address of a service that is allowed."""
        url = str(self.cleaned_data["url"]).strip()
        try:
            check_push_address(url)
        except BadPushAddress as error:
            raise forms.ValidationError(str(error)) from error
        return url


class EndForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs alone
    """The one thing that can still happen to an address."""

    stop = forms.BooleanField(
        label="Stop using this address",
        widget=UnfoldBooleanWidget,
        help_text="From now on nothing is pushed there. To begin again, enter the address anew.",
        error_messages={"required": "Tick the box to stop using this address, or leave the page."},
    )

    class Meta:
        model = PushAddress
        fields = ()


@admin.register(PushAddress)
class PushAddressAdmin(FilteredAdmin):
    """Who is pushed, by which service, since when and until when; the address itself is shown to nobody."""

    actions = None
    list_display = ("person", "service", "made_at", "made_by", "ended_at", "ended_by")
    list_filter = ("service",)
    list_select_related = ("person", "made_by", "ended_by")
    ordering = ("-pk",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **given: Any) -> Any:
        """To begin an address, or to end one."""
        form = PushAddressForm if obj is None else EndForm
        return super().get_form(request, obj, change, **{**given, "form": form})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of a new one whose and which; of an old one all but the address."""
        if obj is None:
            return ("person", "url")
        shown = self.get_readonly_fields(request, obj)
        return (*shown, "stop") if self.has_change_permission(request, obj) else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is written once is not rewritten."""
        return () if obj is None else ("person", "service", "made_at", "made_by", "ended_at", "ended_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may change where people are told."""
        return request.user.has_perm(MANAGES)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The same people may end one that is in use."""
        return request.user.has_perm(MANAGES) and (obj is None or obj.ended_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who was told where is never deleted."""
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **given: Any) -> Any:
        """People who still work here."""
        if db_field.name == "person":
            given["queryset"] = User.objects.filter(is_active=True, groups__isnull=False).distinct()
        return super().formfield_for_foreignkey(db_field, request, **given)

    def save_model(self, request: HttpRequest, obj: PushAddress, form: Any, change: bool) -> None:
        """Begin the address that the form checked, or end the one whose box was ticked."""
        assert isinstance(request.user, User)
        if change:
            end_push_address(obj, by=request.user)
            return
        made = add_push_address(person=obj.person, url=form.cleaned_data["url"], by=request.user)
        obj.pk = made.pk


@admin.register(DeliveryReport)
class DeliveryReportAdmin(RecordAdmin):
    """Every mail that came back, and the alert whose letter it speaks of."""

    of_the_canary: ClassVar = {"attempt__notification__alert__kind": "canary"}
    list_display = ("received_at", "kind", "status", "alert_ref", "to")
    list_filter = ("kind",)
    list_select_related = ("attempt__notification__alert", "attempt__notification__person")
    ordering = ("-pk",)
    fields = (("received_at", "kind", "status"), ("alert_ref", "to"))
    readonly_fields = ("alert_ref", "to")

    def patient_of(self, record: Any) -> Patient | None:
        """A mail that came back names no patient."""
        return None

    @admin.display(description="Alert")
    def alert_ref(self, report: DeliveryReport) -> str:
        """The alert's reference."""
        return report.attempt.notification.alert.ref if report.attempt else "no letter of this service"

    @admin.display(description="To")
    def to(self, report: DeliveryReport) -> str:
        """Whose letter it was."""
        return str(report.attempt.notification.person) if report.attempt else ""
